/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what happens when members are slower than producers is what the subscription asked for:
 * block holds producers back and loses nothing, gap says what is missing, catch_up in memory gaps.
 *
 * Method: a manual pipeline whose member stands still while far more than the pool is published
 * with TRY. With block the producer has to come to a halt; with gaps the missing range and what
 * follows it have to fit together without a hole.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define PAYLOAD_BYTES 1000u
#define FAR 12000u /* events: some times the pool */
#define STEPS_STUCK 100u

static struct fixture f;
static uint32_t topic, id;
static struct weir_producer *producer;
static struct weir_member *member;
static char said[256];
static uint32_t payload_bytes;
static uint64_t events_max;

static void hear(void *context, const struct weir_log_line *line)
{
	(void)context;
	if (said[0] == '\0')
		(void)snprintf(said, sizeof said, "%s", line->message);
}

static void begin(int kind, enum weir_when_slow when_slow)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options s;
	struct weir_producer_options p;
	fixture_init(&f, kind);
	f.options.log_fn = hear;
	fixture_open(&f);
	said[0] = '\0';
	payload_bytes = PAYLOAD_BYTES;
	events_max = FAR;
	topic = fixture_topic(&f, "work", 1);
	weir_subscription_options_init(&s);
	s.name = "reader";
	s.topics = topics;
	s.topic_count = 1;
	s.when_slow = when_slow;
	cr_assert_eq(weir_subscription_create(f.pipeline, &s, &id, NULL), 0);
	weir_producer_options_init(&p);
	p.when_full = WEIR_FULL_TRY;
	cr_assert_eq(weir_producer_open(f.pipeline, &p, &producer, NULL), 0);
	member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 1));
}

static void teardown(void)
{
	fixture_end(&f);
}

/* Publishes up to events_max events, until for so long STEPS_STUCK steps or more have made no room:
 * how many. */
static uint64_t publish_until(uint64_t first, uint64_t stuck_ns)
{
	static uint8_t payload[PAYLOAD_BYTES];
	uint64_t i = first, steps = 0, stuck_since = fixture_now_ns();
	struct weir_event event = {
		.topic = topic, .payload = payload, .payload_bytes = payload_bytes};
	while (i < events_max &&
	       (steps < STEPS_STUCK || fixture_now_ns() - stuck_since < stuck_ns)) {
		memcpy(payload, &i, sizeof i);
		int rc = weir_publish(producer, &event, NULL);
		if (rc == 0) {
			i++;
			steps = 0;
			stuck_since = fixture_now_ns();
			continue;
		}
		cr_assert_eq(rc, WEIR_E_AGAIN);
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		steps++;
	}
	return i;
}

/* Until the producer is held back. */
static uint64_t publish_far(uint64_t first)
{
	return publish_until(first, 300000000u);
}

/* Nobody holds it back; the machine may. */
static void publish_all(uint64_t first)
{
	cr_assert_eq(publish_until(first, FIXTURE_LONG_NS), FAR, "it is held back");
}

/* As many as go in now, without a step. */
static uint64_t publish_now(uint64_t first)
{
	uint8_t payload[PAYLOAD_BYTES] = {0};
	struct weir_event event = {
		.topic = topic, .payload = payload, .payload_bytes = payload_bytes};
	for (; first < FAR; first++) {
		memcpy(payload, &first, sizeof first);
		if (weir_publish(producer, &event, NULL) != 0)
			break;
	}
	return first;
}

static void block_holds(int kind)
{
	struct weir_item item;
	begin(kind, WEIR_SLOW_BLOCK);
	uint64_t sent = publish_far(0);
	cr_assert_lt(sent, FAR, "nothing held the producer back");
	cr_assert_gt(sent, 500, "it was held back long before it had to be");
	for (uint64_t i = 0; i < FAR; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_assert_eq(item.kind, WEIR_ITEM_EVENT);
		cr_assert_eq(fixture_number(&item), i);
		sent = publish_now(sent);
	}
	cr_expect_eq(sent, FAR, "it goes on once there is room");
}

/* All that was published is another topic's: each poll finds nothing, and has read it. */
static void block_goes_on(int kind)
{
	struct weir_item item;
	begin(kind, WEIR_SLOW_BLOCK);
	topic = fixture_topic(&f, "other", 1);
	uint64_t sent = publish_far(0), moved_ns = fixture_now_ns();
	cr_assert_lt(sent, FAR, "nothing held the producer back");
	while (sent < FAR && fixture_now_ns() - moved_ns < 20000000000u) {
		uint64_t before = sent;
		cr_assert_eq(weir_poll(member, &item, 1, 0), 0);
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		sent = publish_now(sent);
		if (sent > before)
			moved_ns = fixture_now_ns();
	}
	cr_expect_eq(sent, FAR, "what it has read is no longer kept for it");
}

/* A subscription that acknowledges each event by itself, in records larger than the events. */
static uint64_t settle_all(void)
{
	struct weir_subscription_options s;
	static const char *const topics[] = {"work"};
	uint32_t busy_id;
	weir_subscription_options_init(&s);
	s.name = "busy";
	s.topics = topics;
	s.topic_count = 1;
	s.start = WEIR_START_OLDEST;
	cr_assert_eq(weir_subscription_create(f.pipeline, &s, &busy_id, NULL), 0);
	struct weir_member *busy = fixture_member(&f, busy_id, NULL);
	struct weir_lag lag = {.events = 1};
	struct weir_item item;
	uint64_t settled = 0, deadline_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (lag.events > 0 && fixture_now_ns() < deadline_ns) {
		int n = weir_poll(busy, &item, 1, 0);
		cr_assert(n >= 0);
		if (n == 1)
			cr_assert_eq(weir_ack(busy, &item), 0);
		settled += (uint64_t)n;
		cr_assert_geq(weir_step(f.pipeline, 0), 0);
		cr_assert_eq(weir_lag(f.pipeline, busy_id, &lag), 0);
	}
	cr_expect_eq(lag.events, 0, "all is settled, though most of it does not stand in the log");
	cr_assert_eq(weir_member_leave(busy, FIXTURE_LONG_NS), 0);
	return settled;
}

TestSuite(slow, .fini = teardown, .timeout = 60);

Test(slow, block_in_memory_keeps_what_it_has_not_read_over_acknowledgements_of_others)
{
	struct weir_item item;
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL, WEIR_SLOW_BLOCK);
	payload_bytes = 8;
	events_max = UINT64_MAX;
	uint64_t sent = publish_far(0);
	cr_assert(sent > 500, "the producer is held back, after %llu", (unsigned long long)sent);
	uint64_t settled = settle_all();
	cr_expect_gt(settled, sent / 2, "the rest waits in the producer's lane");
	for (uint64_t i = 0; i < sent; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_assert_eq(item.kind, WEIR_ITEM_EVENT);
		cr_assert_eq(fixture_number(&item), i);
	}
}

Test(slow, block_holds_producers_back_and_loses_nothing_in_memory)
{
	block_holds(FIXTURE_MEMORY | FIXTURE_MANUAL);
}

Test(slow, block_holds_producers_back_and_loses_nothing_with_a_journal)
{
	block_holds(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

Test(slow, block_keeps_nothing_that_was_read_and_not_handed_out_in_memory)
{
	block_goes_on(FIXTURE_MEMORY | FIXTURE_MANUAL);
}

Test(slow, block_keeps_nothing_that_was_read_and_not_handed_out_with_a_journal)
{
	block_goes_on(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

Test(slow, block_lets_go_when_the_last_member_leaves)
{
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL, WEIR_SLOW_BLOCK);
	uint64_t sent = publish_far(0);
	cr_assert_lt(sent, FAR);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	publish_all(sent);
}

/* What comes is one gap from the beginning on, then everything behind it. */
static void gap_says(int kind, enum weir_when_slow when_slow)
{
	struct weir_item item;
	begin(kind, when_slow);
	publish_all(0);
	uint64_t next = 0, gaps = 0, missing_to = 0;
	while (next < FAR) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		if (item.kind == WEIR_ITEM_GAP) {
			cr_expect_lt(item.sequence, item.end_sequence);
			cr_expect_geq(item.sequence, missing_to);
			cr_expect(item.record == NULL && item.record_bytes == 0);
			missing_to = item.end_sequence;
			gaps++;
			continue;
		}
		uint64_t number = fixture_number(&item);
		if (gaps > 0 && number > next)
			cr_expect_geq(item.sequence, missing_to);
		else
			cr_expect_eq(number, next, "a hole that no gap spoke of");
		next = number + 1;
	}
	cr_expect_gt(gaps, 0);
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_expect_not_null(strstr(said, "overtaken"), "log_fn was told '%s'", said);
}

Test(slow, gap_tells_what_is_missing_with_a_journal)
{
	gap_says(FIXTURE_DURABLE | FIXTURE_MANUAL, WEIR_SLOW_GAP);
}

Test(slow, gap_tells_what_is_missing_in_memory)
{
	gap_says(FIXTURE_MEMORY | FIXTURE_MANUAL, WEIR_SLOW_GAP);
}

Test(slow, catching_up_without_a_disk_is_a_gap)
{
	gap_says(FIXTURE_MEMORY | FIXTURE_MANUAL, WEIR_SLOW_CATCH_UP);
}

/* Publishes up to event `end`: in each round the writer takes what there is, and never waits. */
static void publish_to(uint64_t first, uint64_t end)
{
	static uint8_t payload[PAYLOAD_BYTES];
	struct weir_event event = {
		.topic = topic, .payload = payload, .payload_bytes = sizeof payload};
	while (first < end) {
		memcpy(payload, &first, sizeof first);
		if (weir_publish(producer, &event, NULL) == 0) {
			first++;
			continue;
		}
		cr_assert_geq(weir_step(f.pipeline, 0), 0);
		cr_assert_eq(wr_load_relaxed(&f.pipeline->writer.stats.held_rounds), 0);
	}
}

/* L23: the smallest pool has a chunk for each member that may join: the log goes round the rest. */
Test(slow, members_that_hold_chunks_hold_nobody_up)
{
	static const char *const names[] = {"reader", "second", "third", "fourth"};
	struct weir_member *members[4];
	struct weir_item held[4];
	uint64_t numbers[4], far = 0;
	struct weir_producer_options p;
	weir_producer_options_init(&p);
	p.when_full = WEIR_FULL_TRY;
	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	f.options.pool_bytes = 1;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	cr_assert_eq(weir_producer_open(f.pipeline, &p, &producer, NULL), 0);
	for (uint32_t i = 0; i < 4; i++) {
		id = fixture_subscription(&f, names[i], "work");
		members[i] = fixture_member(&f, id, NULL);
		cr_assert(fixture_owns(members[i], 1));
	}
	/* The log goes round the pool each time, so that each holds another chunk. */
	for (uint32_t i = 0; i < 4; i++, far += FAR / 4) {
		publish_to(far, far + FAR / 4);
		do
			cr_assert_eq(fixture_poll(members[i], &held[i], 1, 1, false), 1);
		while (held[i].kind == WEIR_ITEM_GAP);
		numbers[i] = fixture_number(&held[i]);
	}
	publish_to(far, far + FAR);
	for (uint32_t i = 0; i < 4; i++) {
		cr_expect_eq(fixture_number(&held[i]), numbers[i], "what is lent stays");
		cr_expect(i == 0 || numbers[i] > numbers[i - 1]);
	}
}

#if !defined(WR_NO_METRICS) /* by an alert its thread can be held up */
/* ---- who joins while the group's thread does something else ---- */

static struct {
	wr_atomic_u32 stands, may_go_on, all_sent;
	wr_atomic_u64 joined; /* the member */
} stall;

/* In the group's thread, which goes no further meanwhile. */
static void stand_still(void *context, const struct weir_alert *alert)
{
	(void)context;
	(void)alert;
	wr_store_release(&stall.stands, 1u);
	while (wr_load_acquire(&stall.may_go_on) == 0)
		fixture_sleep_ns(1000000u);
}

static void *join_and_publish(void *order)
{
	static const char *const topics[] = {"work"};
	static uint8_t payload[PAYLOAD_BYTES];
	struct weir_event event = {
		.topic = topic, .payload = payload, .payload_bytes = sizeof payload};
	struct weir_subscription_options s;
	weir_subscription_options_init(&s);
	s.name = "reader";
	s.topics = topics;
	s.topic_count = 1;
	s.order = *(const enum weir_order *)order;
	s.when_slow = WEIR_SLOW_BLOCK;
	fixture_need(weir_subscription_create(f.pipeline, &s, &id, NULL) == 0, "a subscription");
	struct weir_member *joined = fixture_member(&f, id, NULL);
	wr_store_release(&stall.joined, (uint64_t)(uintptr_t)joined);
	for (uint64_t i = 0; i < FAR; i++) {
		memcpy(payload, &i, sizeof i);
		fixture_need(weir_publish(producer, &event, NULL) == 0, "an event");
	}
	wr_store_release(&stall.all_sent, 1u);
	return NULL;
}

/* Waits for as long as that takes, but `most_ms`. */
static uint64_t await(wr_atomic_u64 *wide, wr_atomic_u32 *flag, uint32_t most_ms)
{
	uint64_t value = 0;
	for (uint32_t i = 0; i < most_ms && value == 0; i++) {
		value = wide != NULL ? wr_load_acquire(wide) : wr_load_acquire(flag);
		if (value == 0)
			fixture_sleep_ns(1000000u);
	}
	return value;
}

/* Nothing of what is published behind the join is lost, whenever the group comes to see it. */
static void joined_is_held_for(enum weir_order order)
{
	static const struct weir_alert_rule rule = {.name = "stall",
						    .kind = WEIR_ALERT_LAG_EVENTS,
						    .subscription = "watch",
						    .raise_at = 1};
	pthread_t thread;
	uint64_t number = 0;
	memset(&stall, 0, sizeof stall);
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.alerts = &rule;
	f.options.alert_count = 1;
	f.options.alert_fn = stand_still;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	uint32_t other = fixture_topic(&f, "other", 1);
	(void)fixture_subscription(&f, "watch", "other");
	producer = fixture_producer(&f, NULL);
	(void)fixture_publish(producer, other, number, number + 1);
	cr_assert_neq(await(NULL, &stall.stands, 30000), 0);
	cr_assert_eq(pthread_create(&thread, NULL, join_and_publish, &order), 0);
	/* A join that came back by itself lets the thread publish far more than the pool. */
	(void)await(NULL, &stall.all_sent, 50);
	wr_store_release(&stall.may_go_on, 1u);
	member = (struct weir_member *)(uintptr_t)await(&stall.joined, NULL, 30000);
	cr_assert_not_null(member);
	for (; number < FAR; number++) {
		struct weir_item item;
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_assert_eq(item.kind, WEIR_ITEM_EVENT);
		cr_assert_eq(fixture_number(&item), number);
	}
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(slow, block_holds_for_who_has_joined)
{
	joined_is_held_for(WEIR_ORDER_PARTITION);
}

Test(slow, a_queue_in_memory_holds_for_who_has_joined)
{
	joined_is_held_for(WEIR_ORDER_NONE);
}
#endif
