/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a subscription with a filter gets each event that it wants, as one without a filter does,
 * and none that it does not want: in memory and from disk, by partition and shared, before and
 * behind a change of the filter and a restart. Its lag counts what it wants. A filter that is wrong
 * is refused with the place.
 *
 * Method: events with a key of two words, a header and a JSON payload, each of which follows from
 * the event's number, so that a function says what is wanted. A manual pipeline.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 600u
#define OLD 24000u /* so many that the first are on disk only */

static struct fixture f;
static uint32_t topic, other;
static struct weir_producer *producer;
static struct weir_problem problem;

static void begin(int kind)
{
	fixture_begin(&f, kind | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 4);
	other = fixture_topic(&f, "other", 2);
	producer = fixture_producer(&f, NULL);
}

static void end(void)
{
	fixture_end(&f);
}

static void reopen(void)
{
	fixture_close(&f, NULL);
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
}

/* ---- events ---- */

static uint64_t publish_one(uint32_t to, uint64_t number)
{
	char key[32], payload[64];
	struct weir_header header = {.name = "color",
				     .value = number % 3 == 0 ? "red" : "blue",
				     .value_bytes = number % 3 == 0 ? 3 : 4};
	header.name_bytes = 5;
	struct weir_event event = {
		.topic = to, .key = key, .payload = payload, .headers = &header, .header_count = 1};
	event.key_bytes = (size_t)snprintf(key, sizeof key, "order.c%u", (unsigned)(number % 10));
	event.payload_bytes =
		(size_t)snprintf(payload, sizeof payload, "{\"n\":%06llu,\"t\":%u}",
				 (unsigned long long)(100000 + number), (unsigned)(number % 100));
	uint64_t ticket;
	fixture_need(weir_publish(producer, &event, &ticket) == 0, "publishing");
	if (number % 128 == 0)
		(void)weir_producer_poll_acks(producer);
	return ticket;
}

/* Every fourth goes to a topic that nobody reads. */
static void publish(uint64_t first, uint64_t end_number)
{
	uint64_t ticket = 0;
	for (uint64_t n = first; n < end_number; n++)
		ticket = publish_one(n % 4 == 3 ? other : topic, n);
	fixture_wait(producer, ticket);
}

static uint64_t number_of(const struct weir_item *item)
{
	char text[8] = {0};
	cr_assert_geq(item->payload_bytes, 11u);
	memcpy(text, (const char *)item->payload + 5, 6);
	return strtoull(text, NULL, 10) - 100000;
}

/* ---- filters ---- */

#define TERM(of_kind, text)                                                                        \
	{                                                                                          \
		.kind = (of_kind), .pattern = (text), .pattern_bytes = sizeof(text) - 1            \
	}
#define NOT(of_kind, text)                                                                         \
	{                                                                                          \
		.kind = (of_kind), .pattern = (text), .pattern_bytes = sizeof(text) - 1,           \
		.negated = true                                                                    \
	}

static bool is_c3(uint64_t n)
{
	return n % 10 == 3;
}

static bool is_any(uint64_t n)
{
	(void)n;
	return true;
}

static bool is_none(uint64_t n)
{
	(void)n;
	return false;
}

static bool is_red(uint64_t n)
{
	return n % 3 == 0;
}

static bool is_late(uint64_t n)
{
	return n % 100 >= 90;
}

static bool is_blue_c3(uint64_t n)
{
	return !is_red(n) && is_c3(n);
}

static bool is_late_or_c3(uint64_t n)
{
	return is_late(n) || is_c3(n);
}

static bool is_not_red_or_late(uint64_t n)
{
	return !is_red(n) || is_late(n);
}

static const struct filter_case {
	const char *name;
	bool (*wants)(uint64_t number);
	struct weir_subscription_filter filter;
	struct weir_filter_term terms[2];
} cases[] = {
	{"direct", is_c3, {.term_count = 1}, {TERM(WEIR_FILTER_DIRECT, "order.c3")}},
	{"topic", is_c3, {.term_count = 1}, {TERM(WEIR_FILTER_TOPIC, "#.c3")}},
	{"fanout", is_any, {.term_count = 1}, {{.kind = WEIR_FILTER_FANOUT}}},
	{"nothing", is_none, {.term_count = 1}, {TERM(WEIR_FILTER_DIRECT, "order.c33")}},
	{"headers", is_red, {.term_count = 1}, {TERM(WEIR_FILTER_HEADERS, "{\"color\":\"red\"}")}},
	{"attributes",
	 is_red,
	 {.term_count = 1},
	 {TERM(WEIR_FILTER_SNS_ATTRIBUTES, "{\"color\":[{\"prefix\":\"r\"}]}")}},
	{"pattern",
	 is_late,
	 {.term_count = 1},
	 {TERM(WEIR_FILTER_EVENTBRIDGE, "{\"t\":[{\"numeric\":[\">=\",90]}]}")}},
	{"policy",
	 is_late,
	 {.term_count = 1},
	 {TERM(WEIR_FILTER_SNS_BODY, "{\"t\":[{\"numeric\":[\">=\",90]}]}")}},
	{"all",
	 is_blue_c3,
	 {.join = WEIR_FILTER_ALL, .term_count = 2},
	 {TERM(WEIR_FILTER_DIRECT, "order.c3"), NOT(WEIR_FILTER_HEADERS, "{\"color\":\"red\"}")}},
	{"any",
	 is_late_or_c3,
	 {.join = WEIR_FILTER_ANY, .term_count = 2},
	 {TERM(WEIR_FILTER_EVENTBRIDGE, "{\"t\":[{\"numeric\":[\">=\",90]}]}"),
	  TERM(WEIR_FILTER_TOPIC, "*.c3")}},
	{"any-not",
	 is_not_red_or_late,
	 {.join = WEIR_FILTER_ANY, .term_count = 2},
	 {NOT(WEIR_FILTER_HEADERS, "{\"color\":\"red\"}"),
	  TERM(WEIR_FILTER_EVENTBRIDGE, "{\"t\":[{\"numeric\":[\">=\",90]}]}")}},
};

enum { DIRECT = 0, NOTHING = 3, RED = 4, LATE = 6 };

static struct weir_subscription_filter filter_of(const struct filter_case *c)
{
	struct weir_subscription_filter filter = c->filter;
	filter.terms = c->terms;
	return filter;
}

static int make(const char *name, enum weir_order order,
		const struct weir_subscription_filter *filter, uint32_t *ret_id)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options o;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = topics;
	o.topic_count = 1;
	o.order = order;
	o.filter = filter;
	o.outstanding_max = order == WEIR_ORDER_PARTITION ? 0 : 64;
	return weir_subscription_create(f.pipeline, &o, ret_id, &problem);
}

static uint32_t made(const char *name, enum weir_order order, const struct filter_case *c)
{
	struct weir_subscription_filter filter;
	uint32_t id;
	if (c != NULL)
		filter = filter_of(c);
	cr_assert_eq(make(name, order, c != NULL ? &filter : NULL, &id), 0, "%s: %s %s", name,
		     problem.field, problem.text);
	return id;
}

static uint64_t change(uint32_t id, const struct filter_case *c)
{
	struct weir_subscription_filter filter;
	uint64_t sequence = 0;
	if (c != NULL)
		filter = filter_of(c);
	cr_assert_eq(weir_subscription_set_filter(f.pipeline, id, c != NULL ? &filter : NULL,
						  &sequence, &problem),
		     0, "%s %s", problem.field, problem.text);
	return sequence;
}

/* ---- reading ---- */

static uint64_t exact_lag(uint32_t id, struct weir_lag *ret)
{
	struct weir_lag lag;
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	} while (!lag.exact && fixture_now_ns() < deadline);
	cr_expect(lag.exact);
	if (ret != NULL)
		*ret = lag;
	return lag.events;
}

static uint32_t seen[OLD];

/* All that comes, acknowledged: how many. */
static uint32_t read_all(uint32_t id)
{
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_item items[64];
	uint32_t count = 0;
	memset(seen, 0, sizeof seen);
	while (exact_lag(id, NULL) > 0) {
		int n = weir_poll(member, items, 64, 50000000u);
		cr_assert_geq(n, 0, "%s", weir_strerror(n));
		for (int i = 0; i < n; i++) {
			cr_assert_eq(items[i].kind, WEIR_ITEM_EVENT);
			cr_assert_lt(number_of(&items[i]), OLD);
			seen[number_of(&items[i])]++;
			cr_assert_eq(weir_ack(member, &items[i]), 0);
		}
		count += (uint32_t)n;
		cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS), 0);
	}
	cr_expect_eq(fixture_poll_rest(member), 0, "and then nothing");
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	return count;
}

/* What one stretch of numbers should have brought. */
static uint32_t expect_seen(const char *what, uint64_t first, uint64_t end_number,
			    bool (*wants)(uint64_t))
{
	uint32_t wanted = 0, wrong = 0;
	for (uint64_t n = first; n < end_number; n++) {
		uint32_t should = n % 4 != 3 && wants(n) ? 1 : 0;
		wanted += should;
		wrong += seen[n] != should;
	}
	cr_expect_eq(wrong, 0, "%s: %u of %u wanted are wrong", what, wrong, wanted);
	return wanted;
}

static uint32_t wanted_of(uint64_t first, uint64_t end_number, bool (*wants)(uint64_t))
{
	uint32_t wanted = 0;
	for (uint64_t n = first; n < end_number; n++)
		wanted += n % 4 != 3 && wants(n);
	return wanted;
}

TestSuite(filtering, .fini = end, .timeout = 60);

/* ---- what comes ---- */

static void expect_each_case(int kind, enum weir_order order)
{
	char name[32];
	uint32_t ids[WR_ARRAY_COUNT(cases)];
	fixture_init(&f, kind | FIXTURE_MANUAL);
	f.options.subscriptions_max = 16;
	f.options.partitions_max = 64;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 4);
	other = fixture_topic(&f, "other", 2);
	producer = fixture_producer(&f, NULL);
	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		(void)snprintf(name, sizeof name, "s%zu", i);
		/* Some are made when there are events already. */
		if (i == 6)
			publish(0, EVENTS / 2);
		ids[i] = made(name, order, &cases[i]);
	}
	publish(EVENTS / 2, EVENTS);
	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		uint32_t wanted = wanted_of(0, EVENTS, cases[i].wants);
		cr_expect_eq(exact_lag(ids[i], NULL), wanted, "%s", cases[i].name);
		cr_expect_eq(read_all(ids[i]), wanted, "%s", cases[i].name);
		(void)expect_seen(cases[i].name, 0, EVENTS, cases[i].wants);
	}
	fixture_close(&f, NULL);
}

Test(filtering, what_matches_comes_and_nothing_else)
{
	expect_each_case(FIXTURE_DURABLE, WEIR_ORDER_PARTITION);
}

Test(filtering, the_same_of_a_log_in_memory)
{
	expect_each_case(FIXTURE_MEMORY, WEIR_ORDER_PARTITION);
}

Test(filtering, and_of_queues)
{
	expect_each_case(FIXTURE_DURABLE, WEIR_ORDER_NONE);
	end();
	expect_each_case(FIXTURE_MEMORY, WEIR_ORDER_KEY);
}

/* ---- changes ---- */

static void expect_changes(enum weir_order order, bool reopens)
{
	uint32_t id, plain;
	uint64_t at[4];
	begin(FIXTURE_DURABLE);
	id = made("changes", order, &cases[DIRECT]);
	plain = made("plain", order, NULL);
	publish(0, 200);
	at[0] = change(id, &cases[RED]);
	(void)change(plain, &cases[LATE]);
	publish(200, 400);
	at[1] = change(id, NULL);
	cr_expect_eq(change(id, NULL), 0, "it has none already");
	publish(400, 500);
	at[2] = change(id, &cases[LATE]);
	publish(500, 600);
	cr_expect(at[0] > 200 && at[1] > at[0] + 200 && at[2] > at[1] + 100);
	if (reopens)
		reopen();
	uint32_t wanted = wanted_of(0, 200, is_c3) + wanted_of(200, 400, is_red) +
			  wanted_of(400, 500, is_any) + wanted_of(500, 600, is_late);
	cr_expect_eq(exact_lag(id, NULL), wanted);
	cr_expect_eq(read_all(id), wanted);
	(void)expect_seen("the first", 0, 200, is_c3);
	(void)expect_seen("the second", 200, 400, is_red);
	(void)expect_seen("none", 400, 500, is_any);
	(void)expect_seen("the last", 500, 600, is_late);
	wanted = wanted_of(0, 200, is_any) + wanted_of(200, 600, is_late);
	cr_expect_eq(exact_lag(plain, NULL), wanted);
	cr_expect_eq(read_all(plain), wanted);
	(void)expect_seen("before", 0, 200, is_any);
	(void)expect_seen("behind", 200, 600, is_late);
	fixture_close(&f, NULL);
}

Test(filtering, a_change_counts_from_its_record_on)
{
	expect_changes(WEIR_ORDER_PARTITION, false);
}

Test(filtering, also_behind_a_restart)
{
	expect_changes(WEIR_ORDER_PARTITION, true);
}

Test(filtering, and_for_queues)
{
	expect_changes(WEIR_ORDER_KEY, false);
	end();
	expect_changes(WEIR_ORDER_NONE, true);
}

/* A queue of which some are outstanding when it gets its first filter. */
Test(filtering, a_queue_gets_its_first_filter_with_events_in_hand)
{
	begin(FIXTURE_DURABLE);
	uint32_t id = made("queue", WEIR_ORDER_NONE, NULL);
	publish(0, 200);
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_item items[20];
	cr_assert_eq(fixture_poll(member, items, 20, 20, true), 20);
	(void)change(id, &cases[RED]);
	publish(200, 300);
	uint32_t wanted = wanted_of(0, 200, is_any) - 20 + wanted_of(200, 300, is_red);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(exact_lag(id, NULL), wanted);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	cr_expect_eq(read_all(id), wanted);
}

/* ---- what is no longer in memory ---- */

static void expect_old(enum weir_order order)
{
	begin(FIXTURE_DURABLE);
	uint32_t id = made("old", order, &cases[DIRECT]);
	publish(0, OLD / 2);
	uint64_t at = change(id, &cases[LATE]);
	publish(OLD / 2, OLD);
	uint32_t wanted = wanted_of(0, OLD / 2, is_c3) + wanted_of(OLD / 2, OLD, is_late);
	cr_expect_eq(exact_lag(id, NULL), wanted);
	cr_expect_eq(read_all(id), wanted);
	(void)expect_seen("old", 0, OLD / 2, is_c3);
	(void)expect_seen("new", OLD / 2, OLD, is_late);
	/* Back, to where it is on disk; and on, without what is left. */
	cr_assert_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_SEQUENCE, at / 2,
					    FIXTURE_LONG_NS, &problem),
		     0);
	struct weir_lag lag;
	uint64_t again = exact_lag(id, &lag);
	cr_expect(again > wanted_of(OLD / 2, OLD, is_late) && again < wanted, "%llu",
		  (unsigned long long)again);
	cr_expect(lag.bytes > again * 50 && lag.time_ns > 0);
	cr_expect_eq(read_all(id), again);
	cr_assert_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_NEWEST, 0, FIXTURE_LONG_NS,
					    &problem),
		     0);
	cr_expect_eq(exact_lag(id, NULL), 0);
	fixture_close(&f, NULL);
}

Test(filtering, events_on_disk_are_filtered_too)
{
	expect_old(WEIR_ORDER_PARTITION);
	end();
	expect_old(WEIR_ORDER_NONE);
}

/* A subscription that wants nothing holds nothing up. */
Test(filtering, progress_goes_over_what_is_not_wanted)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	begin(FIXTURE_DURABLE);
	f.pipeline->pass_every = 64;
	uint32_t id = made("nothing", WEIR_ORDER_PARTITION, &cases[NOTHING]);
	uint32_t queue = made("queue", WEIR_ORDER_NONE, &cases[NOTHING]);
	struct weir_member *members[2] = {fixture_member(&f, id, NULL),
					  fixture_member(&f, queue, NULL)};
	publish(0, EVENTS);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(fixture_poll_rest(members[i]), 0);
		cr_expect_eq(fixture_poll_rest(members[i]), 0);
		cr_assert_eq(weir_subscription_info(f.pipeline, i == 0 ? id : queue, &info), 0);
		cr_expect_gt(info.position, EVENTS - 64, "%d", i);
		cr_expect_eq(exact_lag(i == 0 ? id : queue, NULL), 0);
	}
}

/* ---- what is refused, and what is told ---- */

Test(filtering, a_filter_that_is_wrong_is_refused_with_the_place)
{
	static const struct {
		enum weir_filter_kind kind;
		const char *pattern;
		int code;
		const char *field;
		const char *text;
	} bad[] = {
		{WEIR_FILTER_EVENTBRIDGE, "{\"a\":\"b\"}", -EINVAL, "a", "term 0: "},
		{WEIR_FILTER_EVENTBRIDGE, "{\"a\":[{\"wildcard\":\"*:*:*:*:*:x/*\"}]}", -EINVAL,
		 "a", "term 0: "},
		{WEIR_FILTER_HEADERS, "{\"x-match\":\"some\"}", -EINVAL, "x-match", "term 0: "},
		{(enum weir_filter_kind)9, "x", -EINVAL, "filter", "enum weir_filter_kind"},
		{(enum weir_filter_kind)0, "x", -EINVAL, "filter", "enum weir_filter_kind"},
	};
	uint32_t id;
	begin(FIXTURE_DURABLE);
	for (size_t i = 0; i < WR_ARRAY_COUNT(bad); i++) {
		struct weir_filter_term term = {.kind = bad[i].kind,
						.pattern = bad[i].pattern,
						.pattern_bytes = strlen(bad[i].pattern)};
		struct weir_subscription_filter filter = {.term_count = 1, .terms = &term};
		cr_expect_eq(make("bad", WEIR_ORDER_PARTITION, &filter, &id), bad[i].code, "%zu",
			     i);
		cr_expect(strstr(problem.field, bad[i].field) != NULL, "%zu: %s", i, problem.field);
		cr_expect(strstr(problem.text, bad[i].text) != NULL, "%zu: %s", i, problem.text);
		cr_expect_eq(weir_subscription_find(f.pipeline, "bad", &id), WEIR_E_UNKNOWN_NAME);
	}
	struct weir_subscription_filter filter = {.term_count = 17, .terms = cases[0].terms};
	cr_expect_eq(make("bad", WEIR_ORDER_PARTITION, &filter, &id), -EINVAL);
	filter.term_count = 0;
	cr_expect_eq(make("bad", WEIR_ORDER_PARTITION, &filter, &id), -EINVAL);
	filter = filter_of(&cases[0]);
	filter.join = (enum weir_filter_join)2;
	cr_expect_eq(make("bad", WEIR_ORDER_PARTITION, &filter, &id), -EINVAL);
	char *large = malloc(WEIR_PATTERN_BYTES_MAX);
	memset(large, 'a', WEIR_PATTERN_BYTES_MAX);
	struct weir_filter_term term = {.kind = WEIR_FILTER_DIRECT, .pattern = large};
	filter = (struct weir_subscription_filter){.term_count = 1, .terms = &term};
	for (term.pattern_bytes = 16384; term.pattern_bytes <= WEIR_PATTERN_BYTES_MAX;
	     term.pattern_bytes *= 4)
		cr_expect_eq(make("bad", WEIR_ORDER_PARTITION, &filter, &id), WEIR_E_TOO_BIG);
	free(large);
	id = made("good", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	term = (struct weir_filter_term)TERM(WEIR_FILTER_EVENTBRIDGE, "{\"a\":[]}");
	cr_expect_eq(weir_subscription_set_filter(f.pipeline, id, &filter, NULL, &problem),
		     -EINVAL);
	cr_expect_eq(weir_subscription_set_filter(f.pipeline, 3, &filter, NULL, NULL),
		     WEIR_E_UNKNOWN_NAME);
	publish(0, 100);
	cr_expect_eq(read_all(id), wanted_of(0, 100, is_c3), "the old one is in force");
}

Test(filtering, a_filter_is_told_and_kept)
{
	struct weir_subscription_filter told;
	_Alignas(16) char to[512];
	begin(FIXTURE_DURABLE);
	uint32_t id = made("kept", WEIR_ORDER_PARTITION, &cases[8]);
	uint32_t plain = made("plain", WEIR_ORDER_PARTITION, NULL);
	for (int round = 0; round < 2; round++) {
		int bytes = weir_subscription_filter(f.pipeline, id, NULL, 0, &told);
		cr_assert_gt(bytes, 0);
		cr_expect_eq(weir_subscription_filter(f.pipeline, id, to, (size_t)bytes, &told),
			     bytes);
		cr_expect_eq(told.term_count, 2);
		cr_expect_eq(told.join, WEIR_FILTER_ALL);
		cr_expect(told.terms[1].negated && !told.terms[0].negated);
		cr_expect_eq(memcmp(told.terms[0].pattern, "order.c3", 8), 0);
		cr_expect_eq(weir_subscription_filter(f.pipeline, plain, to, sizeof to, &told), 0);
		cr_expect_eq(told.term_count, 0);
		cr_expect_eq(weir_subscription_filter(f.pipeline, 9, to, sizeof to, &told),
			     WEIR_E_UNKNOWN_NAME);
		reopen();
	}
	cr_expect_eq(made("kept", WEIR_ORDER_PARTITION, NULL), id, "as it is");
	cr_expect_gt(weir_subscription_filter(f.pipeline, id, NULL, 0, &told), 0);
	cr_expect_eq(made("kept", WEIR_ORDER_PARTITION, &cases[RED]), id, "another one");
	cr_expect_gt(weir_subscription_filter(f.pipeline, id, to, sizeof to, &told), 0);
	cr_expect_eq(told.terms[0].kind, WEIR_FILTER_HEADERS);
	fixture_close(&f, NULL);
	f.options.filter_bytes_max = 16;
	cr_expect_eq(weir_open(&f.options, &f.pipeline, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "filter_bytes_max");
}

/* Four are kept; those that nothing unsettled needs make room. */
Test(filtering, more_filters_than_are_kept_wait_for_what_is_unsettled)
{
	struct weir_subscription_filter filter = filter_of(&cases[LATE]);
	begin(FIXTURE_DURABLE);
	uint32_t id = made("many", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	for (int i = 0; i < 3; i++) {
		publish(100 * (uint64_t)i, 100 * (uint64_t)i + 100);
		(void)change(id, i % 2 == 0 ? &cases[RED] : &cases[DIRECT]);
	}
	publish(300, 400);
	cr_expect_eq(weir_subscription_set_filter(f.pipeline, id, &filter, NULL, &problem),
		     WEIR_E_FULL);
	cr_expect_eq(read_all(id), wanted_of(0, 100, is_c3) + wanted_of(100, 200, is_red) +
					   wanted_of(200, 300, is_c3) +
					   wanted_of(300, 400, is_red));
	(void)change(id, &cases[LATE]);
	publish(400, 500);
	reopen();
	cr_expect_eq(read_all(id), wanted_of(400, 500, is_late));
	fixture_close(&f, NULL);
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.filter_bytes_max = 40;
	fixture_open(&f);
	(void)fixture_topic(&f, "work", 1);
	(void)made("fits", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	cr_expect_eq(make("not", WEIR_ORDER_PARTITION, &filter, &id), WEIR_E_FULL);
}

/* ---- a first filter, beside others ---- */

static int try_change(uint32_t id, const struct filter_case *c)
{
	struct weir_subscription_filter filter = filter_of(c);
	return weir_subscription_set_filter(f.pipeline, id, &filter, NULL, &problem);
}

/* It has none, and wants everything, also when others get theirs. */
Test(filtering, who_was_refused_a_first_filter_goes_on_to_get_everything)
{
	static const struct filter_case wrong = {
		.filter = {.term_count = 1},
		.terms = {TERM(WEIR_FILTER_EVENTBRIDGE, "{\"a\":[]}")}};
	static const char long_key[] = "order.this.key.is.too.long.for.what.is.left.of.the.room";
	static const struct filter_case large = {.filter = {.term_count = 1},
						 .terms = {TERM(WEIR_FILTER_DIRECT, long_key)}};
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.filter_bytes_max = 64;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 4);
	other = fixture_topic(&f, "other", 2);
	producer = fixture_producer(&f, NULL);
	uint32_t filtered = made("filtered", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	const uint32_t plain[] = {made("wrong", WEIR_ORDER_PARTITION, NULL),
				  made("large", WEIR_ORDER_PARTITION, NULL),
				  made("queue", WEIR_ORDER_NONE, NULL)};
	publish(0, 100);
	cr_expect_eq(try_change(plain[0], &wrong), -EINVAL);
	publish(100, 150);
	for (int i = 1; i < 3; i++)
		cr_expect_eq(try_change(plain[i], &large), WEIR_E_FULL);
	publish(150, 200);
	(void)change(filtered, &cases[NOTHING]);
	publish(200, 300);
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(exact_lag(plain[i], NULL), wanted_of(0, 300, is_any), "%d", i);
		cr_expect_eq(read_all(plain[i]), wanted_of(0, 300, is_any), "%d", i);
		(void)expect_seen("everything", 0, 300, is_any);
	}
	cr_expect_eq(read_all(filtered), wanted_of(0, 200, is_c3));
}

/* What a member stands in from disk was not looked at for a filter that was not there yet. */
Test(filtering, a_first_filter_is_given_to_who_reads_from_disk)
{
	struct weir_item items[8];
	begin(FIXTURE_DURABLE);
	uint32_t id = made("old", WEIR_ORDER_PARTITION, NULL);
	publish(0, OLD);
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, items, 8, 8, true), 8);
	cr_assert_eq(member->place, WR_PLACE_CATCHUP);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	(void)change(id, &cases[LATE]);
	publish(OLD, OLD + 400);
	uint32_t wanted = wanted_of(0, OLD, is_any) + wanted_of(OLD, OLD + 400, is_late);
	uint32_t count = 8 + fixture_poll_rest(member);
	cr_assert_eq(weir_ack_all(member), 0);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(count, wanted);
	cr_expect_eq(exact_lag(id, NULL), 0);
}

static uint32_t poll_some(struct weir_member *member, struct weir_item *items, uint32_t items_max)
{
	int n = weir_poll(member, items, items_max, 3000000u);
	cr_assert_geq(n, 0, "%s", weir_strerror(n));
	return (uint32_t)n;
}

/* Polls all there is, and acknowledges what was held before as it was handed out then. */
static void acknowledge_as_held(struct weir_member *member, const struct weir_item *held,
				uint32_t n)
{
	struct weir_item items[64];
	for (uint32_t m; (m = poll_some(member, items, 64)) > 0;)
		for (uint32_t i = m; i-- > 0;) {
			const struct weir_item *item = &items[i];
			for (uint32_t h = 0; h < n; h++)
				if (held[h].sequence == items[i].sequence)
					item = &held[h];
			seen[number_of(&items[i])]++;
			cr_assert_eq(weir_ack(member, item), 0);
		}
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
}

/*
 * What is held from before a rewind and a change of the filter reaches over what was not wanted
 * where it stands: the change counts from its record on, so that stays unwanted.
 */
Test(filtering, what_is_held_over_a_rewind_reaches_over_nothing_that_a_new_filter_wants)
{
	static const int next[] = {LATE, NOTHING, RED, DIRECT};
	struct weir_item held[16];
	begin(FIXTURE_DURABLE);
	uint32_t id = made("held", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	struct weir_member *member = fixture_member(&f, id, NULL);
	bool (*wants)(uint64_t) = is_c3;
	memset(seen, 0, sizeof seen);
	for (uint32_t round = 0; round < 5; round++) {
		bool (*wanted)(uint64_t) = cases[next[round % 4]].wants;
		uint64_t first = 400 * (uint64_t)round;
		publish(first, first + 200);
		uint32_t n = poll_some(member, held, 16);
		cr_assert(n > 0 || wants == is_none);
		cr_assert_eq(weir_member_rewind(member), 0);
		(void)change(id, &cases[next[round % 4]]);
		publish(first + 200, first + 400);
		acknowledge_as_held(member, held, n);
		cr_expect_eq(exact_lag(id, NULL), 0, "round %u", round);
		(void)expect_seen("before", first, first + 200, wants);
		(void)expect_seen("behind", first + 200, first + 400, wanted);
		wants = wanted;
	}
}
