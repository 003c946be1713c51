/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what a binding's filter wants of one topic is copied to another one, once, in the order of
 *       its key, with headers and ids, whatever happens: filters and targets that change, opens and
 *       aborts at many places, a start far back. What is copied on stays one event. A circle, or a
 *       second way, is refused.
 *
 * Method: events whose key and number say who wants them; a manual pipeline, so that a test stops
 *         where it wants; copies are read by a subscription over the target, and compared with what
 *         the numbers say.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pipeline/copier.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 600u
#define OLD 12000u /* so many that the first have left memory */
#define PARTITIONS 3u
#define COPIES_MAX (2 * OLD)
#define MOVED 2u /* digit of a key that a growth from one partition to two moves */

static struct fixture f;
static uint32_t work, hot, rest;
static struct weir_producer *producer;
static struct weir_problem problem;
static uint32_t came_from[10]; /* partition of the last copy of each key */

static void begin(int kind)
{
	fixture_init(&f, kind | FIXTURE_MANUAL);
	f.options.subscriptions_max = 12;
	f.options.topics_max = 8;
	fixture_open(&f);
	work = fixture_topic(&f, "work", PARTITIONS);
	hot = fixture_topic(&f, "hot", 2);
	rest = fixture_topic(&f, "rest", 1);
	producer = fixture_producer(&f, NULL);
}

static void end(void)
{
	fixture_end(&f);
}

TestSuite(bindings, .fini = end, .timeout = 60);

static void reopen(enum weir_close_mode how)
{
	cr_assert_eq(weir_close(f.pipeline, how, FIXTURE_LONG_NS, NULL), 0);
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
}

/* Patterns of one binding: any of them; NULL: all events. */
static int bind_from(const char *name, uint32_t source, uint32_t target, const char *pattern,
		     enum weir_start start, uint32_t *ret)
{
	struct weir_binding_options o;
	const struct weir_filter_term term = {.kind = WEIR_FILTER_TOPIC,
					      .pattern = pattern,
					      .pattern_bytes =
						      pattern != NULL ? strlen(pattern) : 0};
	const struct weir_subscription_filter filter = {.term_count = 1, .terms = &term};
	weir_binding_options_init(&o);
	o.name = name;
	o.source = source;
	o.target = target;
	o.filter = pattern != NULL ? &filter : NULL;
	o.start = start;
	return weir_binding_create(f.pipeline, &o, ret, &problem);
}

static uint32_t must_bind(const char *name, uint32_t source, uint32_t target, const char *pattern)
{
	uint32_t id = UINT32_MAX;
	int rc = bind_from(name, source, target, pattern, WEIR_START_NEWEST, &id);
	cr_assert_eq(rc, 0, "%s: %s", problem.field, problem.text);
	return id;
}

static int refused(const char *name, uint32_t source, uint32_t target)
{
	problem.field[0] = '\0';
	return bind_from(name, source, target, NULL, WEIR_START_NEWEST, NULL);
}

/* Of key cD with D the last digit; every third has an id, every fifth a flow. */
static void publish(uint64_t first, uint64_t end_number)
{
	uint64_t ticket = 0;
	for (uint64_t n = first; n < end_number; n++) {
		char key[8], id[24];
		const struct weir_header header = {
			.name = "n", .name_bytes = 1, .value = &n, .value_bytes = sizeof n};
		struct weir_ids ids = {0};
		struct weir_event event = {.topic = work,
					   .key = key,
					   .payload = &n,
					   .payload_bytes = sizeof n,
					   .headers = &header,
					   .header_count = 1,
					   .ids = &ids};
		event.key_bytes = (size_t)snprintf(key, sizeof key, "c%u", (unsigned)(n % 10));
		ids.event_id = id;
		ids.event_id_bytes =
			(uint16_t)snprintf(id, sizeof id, "event-%llu", (unsigned long long)n);
		ids.correlation_id = "flow";
		ids.correlation_id_bytes = n % 5 == 0 ? 4 : 0;
		ids.causation_id = "before";
		ids.causation_id_bytes = n % 2 == 0 ? 6 : 0;
		ids.event_id_bytes = n % 3 == 0 ? ids.event_id_bytes : 0;
		fixture_need(weir_publish(producer, &event, &ticket) == 0, "publishing");
		(void)weir_producer_poll_acks(producer);
	}
	fixture_wait(producer, ticket);
}

/* Runs the steps until no binding has anything to copy. */
static void settle(void)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS / 4;
	struct weir_binding binding;
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	for (bool more = true; more && fixture_now_ns() < until;) {
		more = false;
		(void)weir_step(f.pipeline, 0);
		for (uint32_t id = 0; weir_subscription_info(f.pipeline, id, &info) == 0; id++) {
			struct weir_lag lag;
			if (weir_binding_info(f.pipeline, id, &binding) != 0)
				continue;
			cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
			more = more || !lag.exact || lag.events > 0;
		}
	}
}

static bool is_text(const void *text, size_t bytes, const char *wanted)
{
	return bytes == strlen(wanted) && (bytes == 0 || memcmp(text, wanted, bytes) == 0);
}

/* Of the copy of `n` that was made from an event of the topic. */
static void check_copy(const struct weir_item *item, uint64_t n, uint32_t from)
{
	struct weir_origin origin;
	struct weir_header header;
	struct weir_ids ids;
	char id[32], place[WEIR_POS_TEXT_BYTES];
	cr_assert(weir_item_origin(item, &origin));
	cr_expect(origin.bound && !origin.unrouted && !origin.parked);
	cr_expect_eq(origin.topic, from);
	came_from[n % 10] = origin.partition;
	const struct weir_pos pos = {
		.sequence = origin.sequence, .epoch = origin.epoch, .log = origin.log};
	(void)weir_pos_text(&pos, place);
	(void)snprintf(id, sizeof id, "event-%llu", (unsigned long long)n);
	if (n % 3 != 0)
		id[0] = '\0';
	weir_item_ids(item, &ids);
	cr_expect(is_text(ids.event_id, ids.event_id_bytes, id));
	cr_expect(is_text(ids.causation_id, ids.causation_id_bytes, place));
	if (n % 5 == 0)
		cr_expect(is_text(ids.correlation_id, ids.correlation_id_bytes, "flow"));
	else if (n % 3 == 0)
		cr_expect(is_text(ids.correlation_id, ids.correlation_id_bytes, id));
	else
		cr_expect_gt(ids.correlation_id_bytes, 8); /* a place: of the first of the way */
	cr_expect_neq(weir_item_header(item, 0, &header), 0);
	cr_expect(header.value_bytes == sizeof n && memcmp(header.value, &n, sizeof n) == 0);
}

/* All that a topic has, from the beginning: these numbers, each once, keys in order. */
static void expect(uint32_t topic, uint32_t from, uint64_t count, bool (*wanted)(uint64_t number))
{
	static bool seen[OLD];
	static uint32_t readers;
	struct weir_subscription_options o;
	const char *name;
	char reader[32];
	uint32_t id;
	uint64_t last[10] = {0}, all = 0;
	memset(seen, 0, sizeof seen);
	settle();
	for (uint64_t n = 0; n < count; n++)
		all += wanted(n) ? 1 : 0;
	cr_assert_eq(weir_topic_info(f.pipeline, topic, &name, NULL), 0);
	(void)snprintf(reader, sizeof reader, "reader-%s", name);
	weir_subscription_options_init(&o);
	o.name = reader;
	o.topics = &name;
	o.topic_count = 1;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), 0, "%s",
		     problem.text);
	if (readers++ > 0)
		cr_assert_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0,
						    FIXTURE_LONG_NS, &problem),
			     0);
	struct weir_member *m = fixture_member(&f, id, NULL);
	struct weir_item item;
	for (uint64_t i = 0; i < all; i++) {
		cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1, "only %llu of %llu",
			     (unsigned long long)i, (unsigned long long)all);
		uint64_t n = fixture_number(&item);
		cr_assert_lt(n, count);
		cr_expect(wanted(n) && !seen[n] && last[n % 10] <= n, "%llu",
			  (unsigned long long)n);
		seen[n] = true;
		last[n % 10] = n;
		check_copy(&item, n, from);
	}
	cr_expect_eq(fixture_poll_rest(m), 0, "more than is wanted");
	cr_assert_eq(weir_member_leave(m, FIXTURE_LONG_NS), 0);
}

static bool c1(uint64_t n)
{
	return n % 10 == 1;
}

static bool all_of_them(uint64_t n)
{
	(void)n;
	return true;
}

static bool none(uint64_t n)
{
	(void)n;
	return false;
}

Test(bindings, what_is_wanted_is_copied_and_copied_on)
{
	begin(FIXTURE_DURABLE);
	must_bind("to-hot", work, hot, NULL);
	must_bind("on", hot, rest, "c1");
	publish(0, EVENTS);
	expect(hot, work, EVENTS, all_of_them);
	expect(rest, hot, EVENTS, c1);
}

Test(bindings, the_same_of_a_log_in_memory)
{
	begin(FIXTURE_MEMORY);
	must_bind("to-hot", work, hot, "c1");
	publish(0, EVENTS);
	expect(hot, work, EVENTS, c1);
}

Test(bindings, each_once_over_opens_and_aborts)
{
	begin(FIXTURE_DURABLE);
	must_bind("to-hot", work, hot, NULL);
	must_bind("on", hot, rest, "c1");
	for (uint64_t life = 0; life < 12; life++) {
		publish(life * EVENTS / 12, (life + 1) * EVENTS / 12);
		for (uint64_t i = 0; i < life; i++)
			(void)weir_step(f.pipeline, 0);
		reopen(life % 3 == 1 ? WEIR_CLOSE_DRAIN : WEIR_CLOSE_ABORT);
	}
	expect(hot, work, EVENTS, all_of_them);
	expect(rest, hot, EVENTS, c1);
	reopen(WEIR_CLOSE_ABORT);
	expect(rest, hot, EVENTS, c1);
}

Test(bindings, one_may_start_with_what_is_old)
{
	uint32_t id;
	begin(FIXTURE_DURABLE);
	publish(0, OLD);
	cr_assert_eq(bind_from("to-hot", work, hot, "c1", WEIR_START_OLDEST, &id), 0, "%s",
		     problem.text);
	reopen(WEIR_CLOSE_DRAIN);
	expect(hot, work, OLD, c1);
}

static bool moved(uint64_t n)
{
	return n % 10 == MOVED;
}

/*
 * A growth moves the key to a new partition. A run of what stands before that is refused; those
 * behind it have another row only, and must be refused with it.
 */
static void refuse_before_growth(uint32_t run_records_max, uint64_t before)
{
	struct weir_topic_options o;
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	if (run_records_max != 0) {
		f.options.run_records_max = run_records_max;
		reopen(WEIR_CLOSE_DRAIN);
	}
	weir_topic_options_init(&o);
	o.name = "grows";
	o.partitions = 1;
	o.partitions_max = 2;
	cr_assert_eq(weir_topic_create(f.pipeline, &o, &work, &problem), 0, "%s", problem.text);
	char pattern[8];
	(void)snprintf(pattern, sizeof pattern, "c%u", MOVED);
	uint32_t id = must_bind("to-hot", work, hot, pattern);
	struct wr_copier *copier = f.pipeline->subscriptions[id].copier;
	copier->after_ns = UINT64_MAX;
	publish(0, before);
	cr_assert_eq(weir_topic_grow(f.pipeline, work, 2, &problem), 0, "%s", problem.text);
	publish(before, 2 * before);
	copier->positions[0]--; /* not where the log stands: refused */
	copier->after_ns = 0;
	for (uint32_t i = 0; i < 1000 && !copier->refused; i++)
		(void)weir_step(f.pipeline, 0);
	cr_assert(copier->refused, "a run was");
	expect(hot, work, 2 * before, moved);
	cr_expect_eq(came_from[MOVED], 1, "the growth has moved its key");
}

Test(bindings, keys_stay_in_order_over_a_growth_though_a_run_is_refused)
{
	refuse_before_growth(0, 640); /* 64 of the key: a run */
}

Test(bindings, keys_stay_in_order_where_a_run_has_two_records)
{
	refuse_before_growth(2, 40); /* runs of one */
}

/* Of 0 to 300 c1, then c3, and c4 goes to the other one; of the last 100 nothing. */
static bool for_hot(uint64_t n)
{
	return n < 200 ? n % 10 == 1 : n < 400 ? n % 10 == 3 : false;
}

static bool for_rest(uint64_t n)
{
	return n >= 400 && n < 500 && n % 10 == 4;
}

Test(bindings, changes_count_from_where_they_stand)
{
	struct weir_binding b;
	begin(FIXTURE_DURABLE);
	uint32_t id = must_bind("way", work, hot, "c1");
	f.pipeline->subscriptions[id].copier->after_ns = UINT64_MAX; /* it looks late */
	publish(0, 200);
	cr_expect_eq(must_bind("way", work, hot, "c3"), id);
	publish(200, 400);
	cr_expect_eq(must_bind("way", work, rest, "c4"), id);
	publish(400, 500);
	cr_assert_eq(weir_binding_remove(f.pipeline, id, &problem), 0, "%s", problem.text);
	publish(500, EVENTS);
	cr_assert_eq(weir_binding_remove(f.pipeline, id, &problem), 0, "again");
	cr_assert_eq(weir_binding_info(f.pipeline, id, &b), 0);
	cr_expect(b.source == work && b.target == WEIR_BINDING_NONE && !b.unrouted);
	reopen(WEIR_CLOSE_DRAIN);
	f.pipeline->pass_every = 16; // more than a pass has records: it does not feed itself
	cr_assert_eq(weir_binding_info(f.pipeline, id, &b), 0);
	cr_expect(b.source == work && b.target == WEIR_BINDING_NONE && !b.unrouted);
	expect(hot, work, EVENTS, for_hot);
	expect(rest, work, EVENTS, for_rest);
	/* Four of its filters are kept: the first may go once all before the second is copied. */
	cr_expect_eq(must_bind("way", work, rest, "nothing"), id);
	publish(0, 20);
	expect(hot, work, EVENTS, for_hot);
}

/* What a binding wants is wanted, and what it does not want is not. */
Test(bindings, count_for_what_nobody_wants)
{
	begin(FIXTURE_DURABLE);
	must_bind("to-hot", work, hot, "c1");
	cr_assert_eq(weir_topic_set_unrouted(f.pipeline, work, rest, NULL, &problem), 0, "%s",
		     problem.text);
	publish(0, 100);
	settle();
	const struct wr_topic *to = &f.pipeline->tables.catalog.topics[rest];
	cr_expect_eq(wr_load_relaxed(&f.pipeline->tables.catalog.cells[to->first_cell].events), 90);
	expect(hot, work, 100, c1);
}

Test(bindings, a_circle_and_a_second_way_are_refused)
{
	begin(FIXTURE_DURABLE);
	uint32_t last = fixture_topic(&f, "last", 1);
	uint32_t other = fixture_topic(&f, "other", 1);
	cr_expect_eq(refused("self", work, work), -EINVAL);
	uint32_t first = must_bind("a", work, hot, NULL);
	cr_expect_eq(refused("back", hot, work), -EINVAL);
	cr_expect_eq(refused("again", work, hot), -EINVAL);
	must_bind("b", hot, rest, NULL);
	cr_expect_eq(refused("back", rest, work), -EINVAL);
	cr_expect_eq(refused("short", work, rest), -EINVAL);
	must_bind("c", work, last, NULL);
	cr_expect_eq(refused("meet", rest, last), -EINVAL);
	cr_expect_eq(refused("meet", last, rest), -EINVAL);
	cr_expect_str_eq(problem.field, "target");
	must_bind("d", other, rest, NULL); /* two may come to one from different ones */
	cr_expect_eq(refused("meet", other, work), -EINVAL);
	/* Unrouted events and dead letters close circles, too. */
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, rest, work, NULL, &problem), -EINVAL);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, work, rest, NULL, &problem), 0);
	struct weir_subscription_options o;
	const char *topic = "rest";
	uint32_t id;
	weir_subscription_options_init(&o);
	o.name = "queue";
	o.topics = &topic;
	o.topic_count = 1;
	o.order = WEIR_ORDER_KEY;
	o.dead_letters = "work";
	cr_expect_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), -EINVAL);
	/* Without the first one the ways are free. */
	cr_assert_eq(weir_binding_remove(f.pipeline, first, &problem), 0);
	must_bind("back", hot, last, "x");
	cr_expect_eq(refused("a", work, hot), -EINVAL);
}

Test(bindings, its_subscription_is_weirs_own)
{
	struct weir_binding b = {0};
	struct weir_binding_options o;
	struct weir_subscription_options s;
	const struct weir_filter_term term = {
		.kind = WEIR_FILTER_EVENTBRIDGE, .pattern = "{\"a\":1}", .pattern_bytes = 7};
	const struct weir_subscription_filter wrong = {.term_count = 1, .terms = &term};
	struct weir_subscription_filter filter;
	_Alignas(8) char room[256];
	struct weir_member *member;
	const char *topic = "work";
	uint32_t id, found;
	begin(FIXTURE_DURABLE);
	id = must_bind("way", work, hot, "c1");
	cr_assert_eq(weir_subscription_find(f.pipeline, "way", &found), 0);
	cr_expect_eq(found, id);
	cr_assert_eq(weir_binding_info(f.pipeline, id, &b), 0);
	cr_expect(b.source == work && b.target == hot && !b.unrouted);
	cr_expect_gt(weir_subscription_filter(f.pipeline, id, room, sizeof room, &filter), 0);
	cr_expect_eq(filter.term_count, 1);
	cr_expect_eq(weir_binding_info(f.pipeline, 99999, &b), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_binding_remove(f.pipeline, 99999, &problem), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_member_join(f.pipeline, id, NULL, &member, &problem), -EINVAL);
	cr_expect_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, 0, &problem),
		     -EINVAL);
	cr_expect_eq(weir_subscription_set_filter(f.pipeline, id, NULL, NULL, &problem), -EINVAL);
	weir_subscription_options_init(&s);
	s.name = "way";
	s.topics = &topic;
	s.topic_count = 1;
	cr_expect_eq(weir_subscription_create(f.pipeline, &s, &found, &problem), WEIR_E_EXISTS);
	s.name = "plain";
	cr_assert_eq(weir_subscription_create(f.pipeline, &s, &found, &problem), 0);
	cr_expect_eq(weir_binding_info(f.pipeline, found, &b), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_binding_remove(f.pipeline, found, &problem), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(refused("plain", work, rest), WEIR_E_EXISTS);
	cr_expect_eq(refused("way", rest, hot), WEIR_E_EXISTS);
	cr_expect_eq(refused("new", 99, hot), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(refused("new", work, 99), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(refused(".new", work, rest), -EINVAL);
	weir_binding_options_init(&o);
	o.name = "new";
	o.source = work;
	o.target = rest;
	o.filter = &wrong;
	cr_expect_eq(weir_binding_create(f.pipeline, &o, NULL, &problem), -EINVAL);
	o.filter = NULL;
	o.struct_bytes--;
	cr_expect_eq(weir_binding_create(f.pipeline, &o, NULL, &problem), -EINVAL);
	/* None of these left anything. */
	publish(0, 50);
	expect(rest, work, 0, none);
	expect(hot, work, 50, c1);
}
