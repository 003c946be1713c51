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
#include <errno.h>

#include "tests/unit/pipeline/filtering_bed.h"

#define EVENTS 600u

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
		{(enum weir_filter_kind)10, "x", -EINVAL, "filter", "enum weir_filter_kind"},
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
	cr_expect_eq(told.terms[0].kind, WEIR_FILTER_EVENTBRIDGE_HEADERS);
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

/* Below a filter that is gone nobody can tell what was counted from what is handed out. */
Test(filtering, lag_is_not_exact_below_a_filter_that_is_gone)
{
	struct weir_lag lag = {0};
	begin(FIXTURE_DURABLE);
	uint32_t id = made("gone", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	for (uint64_t i = 0; i < 4; i++) {
		publish(100 * i, 100 * i + 100);
		(void)read_all(id);
		(void)change(id, i % 2 == 0 ? &cases[RED] : &cases[DIRECT]);
	}
	cr_expect_eq(exact_lag(id, NULL), 0);
	cr_assert_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS,
					    &problem),
		     0);
	for (uint64_t until = fixture_now_ns() + 60000000; fixture_now_ns() < until;) {
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
		cr_assert(!lag.exact, "%llu events", (unsigned long long)lag.events);
	}
	cr_assert_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_NEWEST, 0, FIXTURE_LONG_NS,
					    &problem),
		     0);
	cr_expect_eq(exact_lag(id, NULL), 0);
}
