/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: handlers get every event in the order of its partition, on a thread of weir's; what they
 * say is done (acknowledged, later, stop); a call that would wait says "again" in there.
 *
 * Method: pipelines with threads, handlers that note what they see; the main thread looks at lag
 * until all is acknowledged, then at the notes. The same on a manual pipeline, where the steps run
 * the handler on the caller's thread.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 3000u
#define PARTITIONS 4u
#define TRIES 64 /* of which one has to be faster than the disk */

/* What one handler saw: its thread's own until the member has left. */
struct notes {
	uint64_t wrong, count;
	wr_atomic_u64 handled;
	struct weir_item kept;
	uint64_t stop_at;
	int codes[8];
	struct weir_producer *producer;
};

static struct fixture f;
static uint32_t topic, id;
static struct weir_producer *producer;
static struct notes notes[2];
/* Of each partition, whoever has it: it may move while events flow, in order all the same. */
static uint64_t next[PARTITIONS];

static void begin(int kind)
{
	fixture_begin(&f, kind);
	topic = fixture_topic(&f, "work", PARTITIONS);
	id = fixture_subscription(&f, "group", "work");
	producer = fixture_producer(&f, NULL);
}

static void teardown(void)
{
	fixture_end(&f);
}

static struct weir_member *join(enum weir_handled (*handler)(void *, struct weir_member *,
							     const struct weir_item *),
				struct notes *n, const char *name)
{
	struct weir_member_options o;
	struct weir_member *member = NULL;
	weir_member_options_init(&o);
	o.name = name;
	o.handler = handler;
	o.handler_context = n;
	o.items_max = 16;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	return member;
}

static void publish(uint64_t count)
{
	uint64_t numbers[PARTITIONS] = {0};
	for (uint64_t i = 0; i < count; i++) {
		uint32_t partition = (uint32_t)(i % PARTITIONS);
		struct weir_event event = fixture_event(topic, NULL, &numbers[partition]);
		event.partition_set = true;
		event.partition = partition;
		cr_assert_eq(weir_publish(producer, &event, NULL), 0);
		numbers[partition]++;
	}
}

static void wait_for_lag(uint64_t events)
{
	struct weir_lag lag;
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		if (f.options.manual)
			cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		else
			fixture_sleep_ns(1000000u);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	} while (lag.events != events && fixture_now_ns() < deadline);
	cr_expect_eq(lag.events, events);
}

static enum weir_handled note(void *context, struct weir_member *member,
			      const struct weir_item *item)
{
	struct notes *n = context;
	(void)member;
	n->wrong +=
		item->kind != WEIR_ITEM_EVENT || fixture_number(item) != next[item->partition]++;
	n->count++;
	(void)wr_add_seq(&n->handled, 1u);
	return WEIR_HANDLED_OK;
}

static void handle_all(int kind)
{
	begin(kind);
	struct weir_member *a = join(note, &notes[0], "a"), *b = join(note, &notes[1], "b");
	struct weir_item item;
	cr_expect_eq(weir_poll(a, &item, 1, 0), -EBUSY, "it has a handler");
	publish(EVENTS);
	wait_for_lag(0);
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_member_leave(b, FIXTURE_LONG_NS), 0);
	cr_expect_eq(notes[0].count + notes[1].count, EVENTS);
	cr_expect_eq(notes[0].wrong + notes[1].wrong, 0);
}

TestSuite(handlers, .fini = teardown, .timeout = 60);

Test(handlers, each_event_is_handled_once_and_in_order)
{
	handle_all(FIXTURE_DURABLE);
}

Test(handlers, in_a_log_in_memory_too)
{
	handle_all(FIXTURE_MEMORY);
}

Test(handlers, the_steps_of_a_manual_pipeline_run_them)
{
	handle_all(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

Test(handlers, a_thread_of_its_own_runs_each_and_is_listed)
{
	struct weir_info info;
	uint32_t listed = 0;
	begin(FIXTURE_DURABLE);
	struct weir_member *a = join(note, &notes[0], "a"), *b = join(note, &notes[1], "b");
	fixture_info(&f, &info);
	for (uint32_t i = 0; i < info.thread_count; i++)
		listed += strncmp(info.threads[i].name, "weir-h", 6) == 0;
	cr_expect_eq(listed, 2);
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_member_leave(b, FIXTURE_LONG_NS), 0);
	fixture_info(&f, &info);
	cr_expect_eq(info.thread_count, 2, "log and group");
}

/* Every second item is kept, and acknowledged with the next. */
static enum weir_handled later(void *context, struct weir_member *member,
			       const struct weir_item *item)
{
	struct notes *n = context;
	bool is_kept = n->count++ % 2 == 0;
	wr_store_seq(&n->handled, n->count);
	if (is_kept) {
		n->kept = *item;
		return WEIR_HANDLED_LATER;
	}
	n->wrong += weir_ack(member, &n->kept) != 0;
	return WEIR_HANDLED_OK;
}

Test(handlers, later_leaves_the_acknowledgement_to_the_handlers_owner)
{
	begin(FIXTURE_DURABLE);
	struct weir_member *a = join(later, &notes[0], "a");
	publish(101);
	wait_for_lag(1);
	/* The last of them is not acknowledged: lag does not say whether it was handed out yet. */
	while (wr_load_seq(&notes[0].handled) < 101)
		fixture_sleep_ns(1000000u);
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	cr_expect_eq(notes[0].wrong, 0);
	cr_expect_eq(notes[0].count, 101);
}

static enum weir_handled stop(void *context, struct weir_member *member,
			      const struct weir_item *item)
{
	struct notes *n = context;
	(void)member;
	if (n->count++ == n->stop_at)
		return WEIR_HANDLED_STOP;
	next[item->partition]++;
	return WEIR_HANDLED_OK;
}

Test(handlers, stop_leaves_the_event_and_the_partitions_to_others)
{
	begin(FIXTURE_DURABLE);
	notes[0].stop_at = 10;
	struct weir_member *a = join(stop, &notes[0], "a");
	publish(100);
	wait_for_lag(90);
	struct weir_member *b = join(note, &notes[1], "b");
	wait_for_lag(0);
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_member_leave(b, FIXTURE_LONG_NS), 0);
	cr_expect_eq(notes[0].count, 11, "nothing was handed out behind the stop");
	cr_expect_eq(notes[1].count, 90);
	cr_expect_eq(notes[1].wrong, 0);
}

static enum weir_handled call_weir(void *context, struct weir_member *member,
				   const struct weir_item *item)
{
	struct notes *n = context;
	struct weir_topic_options t;
	uint64_t ticket = 0, number = 5;
	uint32_t ret;
	struct weir_event event = fixture_event(topic + 1, NULL, &number);
	(void)item;
	weir_topic_options_init(&t);
	t.name = "made-inside";
	/* What is durable by then is not waited for: asked again, of another. */
	for (int i = 0; i < TRIES && n->codes[0] == 0 && n->codes[1] == 0; i++) {
		n->codes[0] = weir_publish(n->producer, &event, &ticket);
		n->codes[1] = weir_wait(n->producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	}
	n->codes[2] = weir_topic_create(f.pipeline, &t, &ret, NULL);
	n->codes[3] = weir_publish_once(f.pipeline, &event, WEIR_LEVEL_MEMORY, WEIR_FOREVER, NULL);
	n->codes[4] = weir_member_leave(member, WEIR_FOREVER);
	n->codes[5] =
		weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, WEIR_FOREVER, NULL);
	/* A full lane does not hold a handler up either. */
	int rc = 0;
	while (rc == 0)
		rc = weir_publish(n->producer, &event, NULL);
	n->codes[6] = rc;
	(void)wr_add_seq(&n->handled, 1u);
	return WEIR_HANDLED_OK;
}

Test(handlers, what_would_wait_says_again_inside_a_handler)
{
	struct weir_producer_options o;
	begin(FIXTURE_DURABLE);
	uint32_t out = fixture_topic(&f, "out", 1);
	cr_assert_eq(out, topic + 1);
	weir_producer_options_init(&o); /* blocks for ever, elsewhere */
	o.want_sequences = true;        /* its answers are not taken: the lane fills up */
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &notes[0].producer, NULL), 0);
	struct weir_member *a = join(call_weir, &notes[0], "a");
	publish(1);
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_seq(&notes[0].handled) == 0 && fixture_now_ns() < deadline)
		fixture_sleep_ns(1000000u);
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	const int expected[7] = {0,        WEIR_E_AGAIN, WEIR_E_AGAIN, WEIR_E_AGAIN,
				 -EDEADLK, WEIR_E_AGAIN, WEIR_E_AGAIN};
	for (int i = 0; i < 7; i++)
		cr_expect_eq(notes[0].codes[i], expected[i], "%d: %s", i,
			     weir_error_name(notes[0].codes[i]));
}

static enum weir_handled define(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	static const char *const topics[] = {"work"};
	struct notes *n = context;
	struct weir_topic_options t;
	struct weir_subscription_options s;
	struct weir_producer_options o;
	struct weir_producer *named;
	uint32_t ret;
	(void)member;
	(void)item;
	weir_topic_options_init(&t);
	t.name = "work";
	t.partitions = PARTITIONS;
	weir_subscription_options_init(&s);
	s.name = "group";
	s.topics = topics;
	s.topic_count = 1;
	weir_producer_options_init(&o);
	o.name = "inside";
	n->codes[0] = weir_topic_create(f.pipeline, &t, &ret, NULL);
	n->codes[1] = weir_subscription_create(f.pipeline, &s, &ret, NULL);
	n->codes[2] = weir_producer_open(f.pipeline, &o, &named, NULL);
	(void)wr_add_seq(&n->handled, 1u);
	return WEIR_HANDLED_OK;
}

/* Whose turn it is may wait for this very member: a seek, until there is room for its message. */
Test(handlers, who_defines_something_in_there_does_not_wait_for_another_that_does)
{
	begin(FIXTURE_DURABLE);
	struct weir_member *a = join(define, &notes[0], "a");
	wr_control_lock(f.pipeline);
	publish(1);
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_seq(&notes[0].handled) == 0 && fixture_now_ns() < deadline)
		fixture_sleep_ns(1000000u);
	cr_expect_eq(wr_load_seq(&notes[0].handled), 1);
	wr_control_unlock(f.pipeline);
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(notes[0].codes[i], WEIR_E_AGAIN, "%d: %s", i,
			     weir_error_name(notes[0].codes[i]));
}

/* ---- batches that take longer than a session ---- */

#define MS 1000000u

/* What the handlers of a group saw together. Each partition is handled by one at a time. */
struct slow {
	wr_atomic_u64 handled, distinct, wrong; /* wrong: a silent repeat, or a hole */
	wr_atomic_u32 asleep, may_wake;
	uint64_t item_ns;
	wr_atomic_u64 next_of[PARTITIONS]; /* one beyond the highest number seen */
};

static struct slow slow;

/* One of its members. */
struct hand {
	wr_atomic_u64 handled;
	bool sleeps; /* in the first item, until it is woken */
};

static enum weir_handled handle_slowly(void *context, struct weir_member *member,
				       const struct weir_item *item)
{
	struct hand *hand = context;
	uint64_t number = fixture_number(item), next_number;
	(void)member;
	bool sleeps = hand->sleeps && wr_load_seq(&hand->handled) == 0;
	if (sleeps)
		wr_store_seq(&slow.asleep, 1u);
	while (sleeps && wr_load_seq(&slow.may_wake) == 0)
		fixture_sleep_ns(MS);
	fixture_sleep_ns(slow.item_ns);
	next_number = wr_load_seq(&slow.next_of[item->partition]);
	if (number == next_number) {
		wr_store_seq(&slow.next_of[item->partition], number + 1);
		(void)wr_add_seq(&slow.distinct, 1u);
	} else if (number > next_number || (item->flags & WEIR_ITEM_REDELIVERED) == 0) {
		/* Who slept beyond its session hears of it when it wakes: that one is no repeat. */
		if (!sleeps)
			(void)wr_add_seq(&slow.wrong, 1u);
	}
	(void)wr_add_seq(&slow.handled, 1u);
	(void)wr_add_seq(&hand->handled, 1u);
	return WEIR_HANDLED_OK;
}

static struct weir_member *join_slow(struct hand *hand, const char *name)
{
	struct weir_member_options o;
	struct weir_member *member = NULL;
	weir_member_options_init(&o); /* 1024 items a batch */
	o.name = name;
	o.handler = handle_slowly;
	o.handler_context = hand;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	return member;
}

static void begin_slow(int kind, uint64_t item_ns, uint64_t session_ns)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options o;
	begin(kind);
	weir_subscription_options_init(&o);
	o.name = "group";
	o.topics = topics;
	o.topic_count = 1;
	if (session_ns != 0)
		o.session_timeout_ns = session_ns;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
	slow = (struct slow){.item_ns = item_ns};
}

/* Until a counter is there, or far too long. */
static void wait_for_count(wr_atomic_u64 *counter, uint64_t count)
{
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_seq(counter) < count && fixture_now_ns() < deadline)
		if (f.options.manual)
			cr_assert_geq(weir_step(f.pipeline, MS), 0);
		else
			fixture_sleep_ns(MS);
	cr_expect_geq(wr_load_seq(counter), count);
}

static void handle_a_long_batch(int kind)
{
	static struct hand hands[2];
	/* A batch takes a second; a session is a fifth of it. */
	begin_slow(kind, MS, 200 * MS);
	publish(3000);
	struct weir_member *a = join_slow(&hands[0], "a"), *b = join_slow(&hands[1], "b");
	wait_for_lag(0);
	cr_expect_eq(wr_load_seq(&slow.distinct), 3000);
	cr_expect_eq(wr_load_seq(&slow.wrong), 0);
	cr_expect_lt(wr_load_seq(&slow.handled), 4500, "%llu of 3000: much of it again",
		     (unsigned long long)wr_load_seq(&slow.handled));
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_member_leave(b, FIXTURE_LONG_NS), 0);
}

Test(handlers, a_batch_may_take_longer_than_the_session)
{
	handle_a_long_batch(FIXTURE_DURABLE);
}

Test(handlers, also_where_the_steps_of_a_manual_pipeline_run_them)
{
	handle_a_long_batch(FIXTURE_MEMORY | FIXTURE_MANUAL);
}

Test(handlers, who_is_in_the_middle_of_a_batch_shares_with_who_joins)
{
	static struct hand hands[2];
	begin_slow(FIXTURE_DURABLE, 5 * MS, 0);
	publish(1000);
	struct weir_member *a = join_slow(&hands[0], "a");
	wait_for_count(&hands[0].handled, 20);
	struct weir_member *b = join_slow(&hands[1], "b");
	wait_for_count(&hands[1].handled, 20);
	cr_expect_lt(wr_load_seq(&hands[0].handled), 600, "it kept its whole batch");
	slow.item_ns = 0;
	wait_for_lag(0);
	cr_expect_eq(wr_load_seq(&slow.wrong), 0);
	cr_expect_eq(wr_load_seq(&slow.handled), 1000, "nothing was handled twice");
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_member_leave(b, FIXTURE_LONG_NS), 0);
}

Test(handlers, who_sleeps_in_one_item_holds_up_its_own_partitions_and_for_a_session)
{
	static struct hand hands[2];
	hands[0].sleeps = true;
	begin_slow(FIXTURE_DURABLE, 0, 300 * MS);
	publish(400);
	struct weir_member *a = join_slow(&hands[0], "a");
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_seq(&slow.asleep) == 0 && fixture_now_ns() < deadline)
		fixture_sleep_ns(MS);
	struct weir_member *b = join_slow(&hands[1], "b");
	wait_for_lag(0);
	cr_expect_eq(wr_load_seq(&hands[1].handled), 400, "all of it, by who is awake");
	wr_store_seq(&slow.may_wake, 1u);
	wait_for_count(&hands[0].handled, 1);
	publish(400);
	/* Numbers begin anew, as repeats would: what the sleeper had in hand is not handled. */
	cr_expect_eq(weir_member_leave(b, FIXTURE_LONG_NS), 0);
	wait_for_lag(0);
	cr_expect_leq(wr_load_seq(&hands[0].handled), 401);
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
}

Test(handlers, a_seek_reaches_who_is_in_the_middle_of_a_batch)
{
	static struct hand hand;
	begin_slow(FIXTURE_DURABLE, 5 * MS, 0);
	publish(1000);
	struct weir_member *a = join_slow(&hand, "a");
	wait_for_count(&hand.handled, 20);
	cr_assert_eq(
		weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS, NULL),
		0);
	wait_for_count(&hand.handled, 60);
	cr_assert_eq(
		weir_subscription_seek(f.pipeline, id, WEIR_SEEK_NEWEST, 0, FIXTURE_LONG_NS, NULL),
		0);
	wait_for_lag(0);
	uint64_t handled = wr_load_seq(&hand.handled);
	cr_expect_lt(handled, 500, "it kept its whole batch");
	fixture_sleep_ns(50 * MS);
	cr_expect_leq(wr_load_seq(&hand.handled), handled + 1, "nothing but the item in hand");
	cr_expect_eq(wr_load_seq(&slow.wrong), 0, "a repeat says so");
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
}

/* ---- what is in hand ---- */

struct holding {
	uint64_t count, wrong;
	wr_atomic_u32 asleep, may_wake; /* in which item, from 1 */
};

static enum weir_handled hold(void *context, struct weir_member *member,
			      const struct weir_item *item)
{
	struct holding *h = context;
	(void)member;
	if (item->kind != WEIR_ITEM_EVENT || h->count == 2)
		return WEIR_HANDLED_OK;
	uint64_t number = fixture_number(item);
	wr_store_seq(&h->asleep, (uint32_t)++h->count);
	while (wr_load_seq(&h->may_wake) < h->count)
		fixture_sleep_ns(MS);
	h->wrong += fixture_number(item) != number;
	return WEIR_HANDLED_OK;
}

static bool comes_to(wr_atomic_u32 *cell, uint32_t value)
{
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_seq(cell) != value && fixture_now_ns() < deadline)
		fixture_sleep_ns(MS);
	return wr_load_seq(cell) == value;
}

Test(handlers, what_is_in_hand_stays_while_the_member_gets_more_to_read)
{
	static struct holding holding;
	struct weir_member_options o;
	struct weir_item item;
	struct weir_member *a = NULL;
	begin(FIXTURE_MEMORY);
	struct weir_member *b = fixture_member(&f, id, "b");
	weir_member_options_init(&o);
	o.name = "a";
	o.handler = hold;
	o.handler_context = &holding;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &a, NULL), 0);
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (weir_member_assignments(b, NULL, 0) != PARTITIONS / 2 && fixture_now_ns() < deadline)
		cr_assert_geq(weir_poll(b, &item, 1, MS), 0);
	/* With one store, so that they come with one poll. */
	static const uint64_t numbers[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	struct weir_event events[16];
	for (uint32_t i = 0; i < 16; i++) {
		events[i] = fixture_event(topic, NULL, &numbers[i]);
		events[i].partition_set = true;
		events[i].partition = i % PARTITIONS;
	}
	cr_assert_eq(weir_publish_many(producer, events, 16, NULL), 16);
	cr_assert(comes_to(&holding.asleep, 1));
	/* What b has not read lies behind where a is: a is told to go back there. */
	uint64_t mail = wr_load_seq(&a->mail);
	cr_assert_eq(weir_member_leave(b, FIXTURE_LONG_NS), 0);
	while (wr_load_seq(&a->mail) < mail + PARTITIONS / 2 && fixture_now_ns() < deadline)
		fixture_sleep_ns(MS);
	wr_store_seq(&holding.may_wake, 1u);
	cr_assert(comes_to(&holding.asleep, 2));
	/* All of the pool is written over. */
	(void)fixture_publish(producer, topic, 0, 150000);
	wr_store_seq(&holding.may_wake, 2u);
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	cr_expect_eq(holding.count, 2);
	cr_expect_eq(holding.wrong, 0, "its bytes are others' now");
}
