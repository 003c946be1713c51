/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   nothing stands still for want of room (docs/design/room-for-copies.md): where a log may
 *         not grow any more, or is in memory only, producers leave room to what is made of what is
 *         there: to copies, by bindings and of what nobody wants, over several topics, too; to what
 *         members publish with what they settle; and none of it is lost.
 * Method: a log of 64 small segments (or a small pool), a producer that publishes as much as its
 *         lane takes between two rounds of the steps, many times more than the log has room for,
 *         and readers that look whether each number comes once and in order.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define PAYLOAD_BYTES 40u
#define TOPICS_MAX 4u
#define READERS_MAX 3u

struct reader {
	struct weir_member *member;
	uint64_t next;       /* number */
	uint64_t gaps;       /* events that were overtaken */
	uint32_t output;     /* topic of what it publishes with what it settles; UINT32_MAX: none */
	uint32_t most;       /* items of a poll */
	uint32_t idle_polls; /* it is slow: so many rounds it does nothing */
	uint32_t idle;
};

static struct fixture f;
static uint32_t topics[TOPICS_MAX];
static struct weir_producer *producer;
static struct reader readers[READERS_MAX];
static uint32_t reader_count;
static uint64_t published;
static struct weir_problem problem;

static void begin(int kind)
{
	static const char *const names[TOPICS_MAX] = {"a", "b", "c", "d"};
	struct weir_producer_options o;
	fixture_init(&f, kind | FIXTURE_MANUAL);
	f.options.chunk_bytes = 16u << 10;
	f.options.segment_bytes = 32u << 10;
	f.options.segments_max = 64;
	f.options.retention_bytes = 256u << 10;
	f.options.checkpoint_bytes = 64u << 10;
	f.options.undurable_bytes = 128u << 10;
	f.options.subscriptions_max = 8;
	f.options.pool_bytes = 512u << 10;
	f.options.lane_bytes = 32u << 10;
	fixture_open(&f);
	for (uint32_t i = 0; i < TOPICS_MAX; i++)
		topics[i] = fixture_topic(&f, names[i], i == 0 ? 2 : 1);
	weir_producer_options_init(&o);
	o.when_full = WEIR_FULL_FAIL;
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &producer, &problem), 0);
	reader_count = 0;
	published = 0;
}

static void end(void)
{
	for (uint32_t i = 0; i < reader_count; i++)
		(void)weir_member_leave(readers[i].member, FIXTURE_LONG_NS);
	fixture_end(&f);
}

TestSuite(room, .fini = end, .timeout = 120);

static struct reader *read_topic(const char *name, enum weir_when_slow when_slow)
{
	struct weir_subscription_options o;
	struct reader *r = &readers[reader_count++];
	char own[16];
	uint32_t id;
	(void)snprintf(own, sizeof own, "reads-%s", name);
	weir_subscription_options_init(&o);
	o.name = own;
	o.topics = &name;
	o.topic_count = 1;
	o.when_slow = when_slow;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), 0, "%s",
		     problem.text);
	*r = (struct reader){
		.member = fixture_member(&f, id, NULL), .output = UINT32_MAX, .most = 64};
	return r;
}

static void bind(const char *name, uint32_t source, uint32_t target)
{
	struct weir_binding_options o;
	weir_binding_options_init(&o);
	o.name = name;
	o.source = topics[source];
	o.target = topics[target];
	cr_assert_eq(weir_binding_create(f.pipeline, &o, NULL, &problem), 0, "%s", problem.text);
}

/* As many as the lane takes, up to `count` in all. */
static void publish(uint64_t count)
{
	uint8_t payload[PAYLOAD_BYTES] = {0};
	const struct weir_event event = {.topic = topics[0],
					 .key = "k",
					 .key_bytes = 1,
					 .payload = payload,
					 .payload_bytes = sizeof payload};
	uint64_t ticket;
	int rc = 0;
	while (published < count) {
		memcpy(payload, &published, sizeof published);
		rc = weir_publish(producer, &event, &ticket);
		if (rc != 0)
			break;
		published++;
	}
	cr_assert(rc == 0 || rc == WEIR_E_FULL, "%d", rc);
	(void)weir_producer_poll_acks(producer);
}

static void take(struct reader *r, const struct weir_item *items, int n)
{
	for (int i = 0; i < n; i++) {
		if (items[i].kind != WEIR_ITEM_EVENT) {
			r->gaps += items[i].end_sequence - items[i].sequence;
			continue;
		}
		uint64_t number = fixture_number(&items[i]);
		if (r->gaps == 0)
			cr_assert_eq(number, r->next, "%llu and not %llu",
				     (unsigned long long)number, (unsigned long long)r->next);
		r->next = number + 1;
	}
}

/* What it settles and what it publishes are one; refused for want of room, it comes again. */
static bool transact(struct reader *r, const struct weir_item *items, int n)
{
	struct weir_transaction_outcome outcome = {0};
	uint64_t ticket;
	int rc = weir_transaction_begin(r->member, 0, 0);
	for (int i = 0; i < n && rc == 0; i++) {
		const struct weir_event output = {.topic = r->output,
						  .payload = items[i].payload,
						  .payload_bytes = items[i].payload_bytes};
		rc = weir_transaction_publish(r->member, &output);
		rc = rc == 0 ? weir_transaction_ack(r->member, &items[i]) : rc;
	}
	rc = rc == 0 ? weir_transaction_commit(r->member, &ticket) : rc;
	rc = rc == 0 ? weir_transaction_wait(r->member, ticket, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS,
					     &outcome)
		     : rc;
	cr_assert(rc == 0 || rc == WEIR_E_FULL, "%d", rc);
	return rc == 0 && outcome.code == 0;
}

static uint64_t serve(struct reader *r)
{
	struct weir_item items[64];
	if (r->idle++ < r->idle_polls)
		return 0;
	r->idle = 0;
	uint64_t before = r->next;
	int n = weir_poll(r->member, items, r->most, 0);
	cr_assert_geq(n, 0, "%d", n);
	if (n > 0 && r->output != UINT32_MAX) {
		if (transact(r, items, n))
			take(r, items, n);
	} else if (n > 0) {
		take(r, items, n);
		cr_assert_eq(weir_ack_all(r->member), 0);
	}
	return r->next - before;
}

/* Until nothing more is taken. */
static void fill(void)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	for (uint32_t idle = 0; idle < 300 && fixture_now_ns() < until; idle++) {
		uint64_t before = published;
		publish(UINT64_MAX);
		idle = published > before ? 0 : idle;
		(void)weir_step(f.pipeline, idle > 200 ? 1000000 : 0);
	}
	cr_assert_gt(published, 1000);
}

/* Until `count` events are published and each reader has all of them, or nothing moves any more. */
static void run(uint64_t count)
{
	uint64_t moved_ns = fixture_now_ns();
	for (bool more = true; more;) {
		uint64_t before = published, did = 0;
		publish(count);
		did += published - before;
		(void)weir_step(f.pipeline, did > 0 ? 0 : 200000);
		more = published < count;
		for (uint32_t i = 0; i < reader_count; i++) {
			did += serve(&readers[i]);
			more = more || readers[i].next < count;
		}
		uint64_t now_ns = fixture_now_ns();
		if (did > 0)
			moved_ns = now_ns;
		cr_assert_lt(now_ns - moved_ns, 10000000000ull,
			     "it stands still: %llu published, readers at %llu and %llu",
			     (unsigned long long)published, (unsigned long long)readers[0].next,
			     (unsigned long long)readers[1].next);
	}
	for (uint32_t i = 0; i < reader_count; i++)
		cr_expect_eq(readers[i].gaps, 0, "reader %u", i);
}

/* 2 MiB of log; with its copies each event takes more than 200 bytes of it. */
Test(room, a_producer_that_outruns_a_binding_leaves_room_for_copies)
{
	begin(FIXTURE_DURABLE);
	bind("a-to-b", 0, 1);
	(void)read_topic("b", WEIR_SLOW_CATCH_UP);
	run(32000);
}

Test(room, copies_of_copies_have_room_too)
{
	begin(FIXTURE_DURABLE);
	bind("a-to-b", 0, 1);
	bind("b-to-c", 1, 2);
	bind("b-to-d", 1, 3);
	(void)read_topic("c", WEIR_SLOW_CATCH_UP);
	(void)read_topic("d", WEIR_SLOW_CATCH_UP);
	run(12000);
}

Test(room, what_nobody_wants_leaves_room_for_its_copies)
{
	begin(FIXTURE_DURABLE);
	cr_assert_eq(weir_topic_set_unrouted(f.pipeline, topics[0], topics[1], NULL, &problem), 0,
		     "%s", problem.text);
	(void)read_topic("b", WEIR_SLOW_CATCH_UP);
	run(32000);
}

/* A commit of a few outputs takes a block, and so nearly twice the room of what it settles. */
Test(room, what_only_transactions_settle_leaves_room_for_what_they_publish)
{
	begin(FIXTURE_DURABLE);
	struct reader *r = read_topic("a", WEIR_SLOW_CATCH_UP);
	r->output = topics[1];
	r->most = 32;
	fill();
	run(published + 8000);
}

/* A slow member holds the pool; what is copied of it would have overrun it. */
Test(room, without_a_journal_copies_take_nothing_that_is_held)
{
	begin(FIXTURE_MEMORY);
	bind("a-to-b", 0, 1);
	bind("b-to-c", 1, 2);
	struct reader *slow = read_topic("a", WEIR_SLOW_BLOCK);
	slow->most = 16;
	slow->idle_polls = 4;
	(void)read_topic("b", WEIR_SLOW_BLOCK);
	(void)read_topic("c", WEIR_SLOW_BLOCK);
	run(8000);
}

Test(room, without_a_journal_a_full_pool_of_what_transactions_settle_is_worked_off)
{
	begin(FIXTURE_MEMORY);
	struct reader *r = read_topic("a", WEIR_SLOW_BLOCK);
	r->output = topics[1];
	r->most = 8;
	fill();
	run(published + 8000);
}

/* Members settle nothing any more then: what the lanes hold has the room that was left to them. */
Test(room, a_drain_does_not_wait_for_room_that_is_kept)
{
	struct weir_close_report report;
	begin(FIXTURE_DURABLE);
	bind("a-to-b", 0, 1);
	(void)read_topic("a", WEIR_SLOW_CATCH_UP);
	fill();
	fixture_close(&f, &report);
	reader_count = 0;
	cr_expect_gt(report.drained_events, 0, "the lane held some");
	cr_expect_eq(report.dropped_events, 0);
}
