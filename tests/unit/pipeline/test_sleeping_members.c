/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: who sleeps in a poll is woken by what comes for it, and not by what comes for others; but
 * it moves on with the log all the same, so that it holds up neither producers nor retention, and
 * sleeps for what it wants now, not for what it wanted before its last look.
 *
 * Method: a pipeline with threads of its own, at each gate; a member of a topic in which there is
 * nothing waits on a thread of the test's while another topic is written to. That it was woken
 * shows in the word of its parker. One that waits behind a descriptor is stepped by hand. What a
 * sleeper says that it wants is tried without a member.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "core/pipeline/pipeline.h"
#include "core/pipeline/router.h"
#include "tests/support/pipeline_fixture.h"

#define TURNS 2u /* each may be a block of its own, and a chunk has 16 */
#define AT_ONCE 10u
#define TRIES 40u
#define MOST 3u
#define FILL 600u
#define ROUTED 5u

static struct fixture f;
static uint32_t busy, quiet;
static struct weir_producer *producer;
static struct weir_member *member;
static pthread_t thread;
static struct weir_item item;
static int polled;
static wr_atomic_u64 handled;

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(sleeping_members, .fini = teardown, .timeout = 150);

static enum weir_handled handle(void *context, struct weir_member *m, const struct weir_item *one)
{
	(void)context;
	(void)m;
	(void)one;
	(void)wr_add_seq(&handled, 1u);
	return WEIR_HANDLED_OK;
}

static void begin_with_filter(const char *topic, const struct weir_subscription_filter *filter,
			      enum weir_when_slow when_slow, bool has_handler)
{
	struct weir_subscription_options s;
	struct weir_member_options m;
	uint32_t id;
	fixture_open(&f);
	busy = fixture_topic(&f, "busy", 1);
	quiet = fixture_topic(&f, "quiet", 1);
	weir_subscription_options_init(&s);
	s.name = "reader";
	s.topics = &topic;
	s.topic_count = 1;
	s.filter = filter;
	s.when_slow = when_slow;
	cr_assert_eq(weir_subscription_create(f.pipeline, &s, &id, NULL), 0);
	producer = fixture_producer(&f, NULL);
	weir_member_options_init(&m);
	m.handler = has_handler ? handle : NULL;
	cr_assert_eq(weir_member_join(f.pipeline, id, &m, &member, NULL), 0);
	cr_assert(has_handler || fixture_owns(member, 1));
}

static void begin_with(enum weir_when_slow when_slow, bool has_handler)
{
	begin_with_filter("quiet", NULL, when_slow, has_handler);
}

static void *wait_for_one(void *context)
{
	(void)context;
	polled = weir_poll(member, &item, 1, WEIR_FOREVER);
	return NULL;
}

static struct wr_sleeper_place *place_of(void)
{
	return &member->sleepers->places[member->slot % WR_SLEEPER_PLACES];
}

static void publish(uint32_t topic, uint64_t count)
{
	fixture_wait(producer, fixture_publish(producer, topic, 0, count));
}

/* It wants the events of its one row, and nothing else. */
static bool is_asleep(void)
{
	const struct wr_topic *t = &f.pipeline->tables.catalog.topics[quiet];
	return wr_load_seq(&place_of()->parker.sleepers) != 0 &&
	       wr_load_seq(&place_of()->wanted) == 1ull << t->tag_base % 64;
}

/* What it wanted when it was still taking messages is taken away by the first events. */
static void fall_asleep(void)
{
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	if (member->handler == NULL)
		cr_assert_eq(pthread_create(&thread, NULL, wait_for_one, NULL), 0);
	while (!is_asleep()) {
		cr_assert_lt(fixture_now_ns(), until_ns, "it does not sleep for its own alone");
		publish(busy, 1);
		fixture_sleep_ns(1000000);
	}
}

static void wake_up(void)
{
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	uint64_t before = wr_load_seq(&handled);
	publish(quiet, 1);
	while (member->handler != NULL && wr_load_seq(&handled) == before) {
		cr_assert_lt(fixture_now_ns(), until_ns, "its own event does not wake it");
		fixture_sleep_ns(1000000);
	}
	if (member->handler != NULL)
		return;
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(polled, 1);
	cr_assert_eq(item.kind, WEIR_ITEM_EVENT);
	cr_assert_eq(item.topic, quiet);
	cr_assert_eq(weir_ack(member, &item), 0);
	weir_release(member);
}

static uint64_t chunks_begun(void)
{
	return wr_load_acquire(&f.pipeline->chunks.head);
}

/*
 * A chunk that was begun meanwhile wakes it, and seldom a word of its group: so most of the tries
 * in which none was begun decide.
 */
static void others_do_not_wake(int kind, bool has_handler)
{
	uint32_t woken = 0, left_alone = 0;
	fixture_init(&f, kind);
	begin_with(WEIR_SLOW_CATCH_UP, has_handler);
	for (uint32_t tries = 0; left_alone < MOST; tries++) {
		cr_assert_lt(tries, TRIES);
		fall_asleep();
		uint64_t chunks = chunks_begun();
		uint32_t word = wr_load_acquire(&place_of()->parker.word);
		for (uint32_t i = 0; i < TURNS; i++)
			publish(busy, AT_ONCE);
		wake_up();
		uint32_t wakes = wr_load_acquire(&place_of()->parker.word) - word;
		if (chunks_begun() != chunks)
			continue;
		/* Its own, unless it was awake by itself when that came. */
		if (wakes <= 1)
			left_alone++;
		else
			cr_assert_lt(++woken, MOST, "it is woken %u times", wakes);
	}
	fixture_close(&f, NULL);
}

Test(sleeping_members, events_of_others_wake_nobody_at_the_memory_gate)
{
	others_do_not_wake(FIXTURE_MEMORY, false);
}

Test(sleeping_members, events_of_others_wake_nobody_at_the_durable_gate)
{
	others_do_not_wake(FIXTURE_DURABLE, false);
}

Test(sleeping_members, events_of_others_wake_no_handler)
{
	others_do_not_wake(FIXTURE_MEMORY, true);
}

Test(sleeping_members, events_of_others_wake_no_handler_at_the_durable_gate)
{
	others_do_not_wake(FIXTURE_DURABLE, true);
}

/* It keeps in memory what it reads next: at most the chunk before the one that is open. */
static void moves_on(int kind)
{
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	fixture_init(&f, kind);
	begin_with(WEIR_SLOW_BLOCK, false);
	fall_asleep();
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t chunks = chunks_begun(), at = wr_load_relaxed(&member->reading_seq);
		while (chunks_begun() == chunks)
			publish(busy, AT_ONCE);
		while (wr_load_relaxed(&member->reading_seq) == at) {
			cr_assert_lt(fixture_now_ns(), until_ns, "it stays at %llu",
				     (unsigned long long)at);
			fixture_sleep_ns(1000000);
		}
	}
	wake_up();
	fixture_close(&f, NULL);
}

Test(sleeping_members, they_go_with_the_log_at_the_memory_gate)
{
	moves_on(FIXTURE_MEMORY);
}

Test(sleeping_members, they_go_with_the_log_at_the_durable_gate)
{
	moves_on(FIXTURE_DURABLE);
}

/*
 * No chunk is begun, and nothing is found: who looked before the router did, and sleeps, is told.
 * The steps are taken by hand, so that they come in that order.
 */
Test(sleeping_members, filtered_ones_are_told_when_the_router_is_through)
{
	static const struct weir_filter_term term = {
		.kind = WEIR_FILTER_DIRECT, .pattern = "nothing has this key", .pattern_bytes = 20};
	static const struct weir_subscription_filter filter = {.terms = &term, .term_count = 1};
	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	begin_with_filter("busy", &filter, WEIR_SLOW_BLOCK, false);
	for (uint64_t i = 0; i < ROUTED; i++) {
		(void)fixture_publish(producer, busy, i * AT_ONCE, (i + 1) * AT_ONCE);
		while (wr_writer_step(&f.pipeline->writer, 64) > 0)
			;
		cr_assert_eq(weir_poll(member, &item, 1, 0), 0);
		uint64_t mail = wr_load_acquire(&member->mail);
		while (wr_router_step(f.pipeline) > 0)
			;
		cr_assert_gt(wr_load_acquire(&member->mail), mail, "it is told nothing");
		cr_assert_eq(weir_poll(member, &item, 1, 0), 0);
		cr_assert_gt(wr_load_relaxed(&member->reading_seq),
			     wr_writer_visible_seq(&f.pipeline->writer));
	}
	fixture_close(&f, NULL);
}

Test(sleeping_members, they_hold_up_no_retention)
{
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	uint64_t oldest_seq = 0;
	fixture_init(&f, FIXTURE_DURABLE);
	fixture_small_segments(&f);
	f.options.retention_bytes = 1;
	begin_with(WEIR_SLOW_CATCH_UP, false);
	fall_asleep();
	fixture_fill(producer, busy, FILL);
	while (oldest_seq < FILL / 2) {
		cr_assert_lt(fixture_now_ns(), until_ns, "the log begins at %llu",
			     (unsigned long long)oldest_seq);
		fixture_sleep_ns(1000000);
		oldest_seq = wr_segment_oldest_seq(&f.pipeline->segments);
	}
	wake_up();
	fixture_close(&f, NULL);
}

/* ---- behind a descriptor ---- */

/* As an event loop does it: each signal is a poll, until there is none. */
static uint32_t poll_for_signals(int fd)
{
	uint32_t count = 0;
	for (fixture_settle(&f); fixture_signalled(fd); fixture_settle(&f)) {
		cr_assert_eq(weir_poll(member, &item, 1, 0), 0);
		count++;
	}
	return count;
}

static void its_own_signals(int fd)
{
	publish(quiet, 1);
	fixture_settle(&f);
	cr_assert(fixture_signalled(fd), "nothing says that its event is there");
	cr_assert_eq(weir_poll(member, &item, 1, 0), 1);
	cr_assert_eq(item.topic, quiet);
	cr_assert_eq(weir_ack(member, &item), 0);
	/* Hands the acknowledgement over, and arms the descriptor. */
	cr_assert_eq(weir_poll(member, &item, 1, 0), 0);
	(void)poll_for_signals(fd);
}

/* A chunk that was begun meanwhile is told: it moves on. */
static void others_do_not_signal(int kind)
{
	fixture_init(&f, kind | FIXTURE_MANUAL);
	begin_with(WEIR_SLOW_CATCH_UP, false);
	int fd = weir_member_eventfd(member);
	cr_assert_geq(fd, 0);
	cr_assert_gt(poll_for_signals(fd), 0, "one poll arms it");
	for (uint32_t tries = 0, quiet_turns = 0; quiet_turns < TURNS; tries++) {
		cr_assert_lt(tries, TRIES);
		uint64_t chunks = chunks_begun();
		publish(busy, AT_ONCE);
		uint32_t signals = poll_for_signals(fd);
		if (chunks_begun() != chunks)
			continue;
		cr_assert_eq(signals, 0, "events of others signal its descriptor");
		quiet_turns++;
		its_own_signals(fd);
	}
	uint64_t at = member->scan_seq, chunks = chunks_begun();
	while (chunks_begun() < chunks + 2)
		publish(busy, AT_ONCE);
	cr_assert_gt(poll_for_signals(fd), 0, "it is not told to move on with the log");
	cr_assert_gt(member->scan_seq, at);
	its_own_signals(fd);
	weir_release(member);
	fixture_close(&f, NULL);
}

Test(sleeping_members, events_of_others_signal_no_descriptor_at_the_memory_gate)
{
	others_do_not_signal(FIXTURE_MEMORY);
}

Test(sleeping_members, events_of_others_signal_no_descriptor_at_the_durable_gate)
{
	others_do_not_signal(FIXTURE_DURABLE);
}

/* The group tells who is granted something, and nobody else. */
Test(sleeping_members, events_of_others_signal_no_descriptor_of_a_queue)
{
	struct weir_subscription_options s;
	uint32_t id;
	fixture_begin(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	busy = fixture_topic(&f, "busy", 1);
	quiet = fixture_topic(&f, "quiet", 1);
	producer = fixture_producer(&f, NULL);
	weir_subscription_options_init(&s);
	s.name = "queue";
	s.topics = (const char *[]){"quiet"};
	s.topic_count = 1;
	s.order = WEIR_ORDER_NONE;
	cr_assert_eq(weir_subscription_create(f.pipeline, &s, &id, NULL), 0);
	cr_assert_eq(weir_member_join(f.pipeline, id, NULL, &member, NULL), 0);
	int fd = weir_member_eventfd(member);
	cr_assert_geq(fd, 0);
	(void)poll_for_signals(fd);
	for (uint32_t turn = 0; turn < TURNS; turn++) {
		publish(busy, AT_ONCE);
		cr_assert_eq(poll_for_signals(fd), 0, "events of others signal its descriptor");
		its_own_signals(fd);
	}
	weir_release(member);
	fixture_close(&f, NULL);
}

/* ---- what is passed over ---- */

/* So many events of others before each of its own, so that blocks of all kinds are skipped. */
Test(sleeping_members, none_of_its_own_is_passed_over_with_those_of_others)
{
	enum { GAPS = 70 };
	struct weir_item items[GAPS];
	fixture_init(&f, FIXTURE_MEMORY);
	begin_with(WEIR_SLOW_BLOCK, false);
	for (uint64_t i = 0; i < GAPS; i++) {
		if (i > 0)
			(void)fixture_publish(producer, busy, 0, i);
		(void)fixture_publish(producer, quiet, i, i + 1);
	}
	cr_assert_eq(fixture_poll(member, items, GAPS, GAPS, true), GAPS);
	for (uint64_t i = 0; i < GAPS; i++)
		cr_assert_eq(fixture_number(&items[i]), i);
	cr_assert_eq(fixture_poll_rest(member), 0);
	fixture_close(&f, NULL);
}

/* ---- what is wanted ---- */

/* One that is given more in its first look behind an announcement; it sleeps once. */
static struct growing {
	struct wr_sleepers sleepers;
	bool has_more;
	uint64_t slept_for;
} growing;

static bool look(void *context)
{
	struct growing *g = context;
	g->has_more = g->has_more || wr_load_seq(&g->sleepers.places[5].parker.sleepers) != 0;
	return g->slept_for != 0;
}

static uint64_t want(void *context)
{
	const struct growing *g = context;
	return g->has_more ? 3u : 1u;
}

static void sleep_once(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	(void)parker;
	(void)word;
	(void)timeout_ns;
	growing.slept_for = wr_load_seq(&growing.sleepers.places[5].wanted);
}

Test(sleeping_members, what_the_last_look_brings_is_slept_for)
{
	static const struct wr_park_ops ops = {.sleep = sleep_once};
	const struct wr_gate_wait wait = {.sleepers = &growing.sleepers,
					  .place = 5,
					  .wants = want,
					  .done = look,
					  .context = &growing};
	fixture_begin(&f, FIXTURE_MEMORY);
	wr_sleepers_init(&growing.sleepers, &ops, NULL);
	cr_assert_eq(wr_pipeline_wait_at_gate(f.pipeline, &wait, WEIR_FOREVER), 0);
	cr_assert_eq(growing.slept_for, 3u);
	cr_assert_eq(wr_load_seq(&growing.sleepers.places[5].parker.sleepers), 0u);
	fixture_close(&f, NULL);
}
