/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: threads without a producer publish one event at a time, at the level that they ask for, and
 * are told where it stands; the pool of buffers is bounded.
 *
 * Method: on a manual pipeline the pool is filled by calls that do not wait; with threads, many of
 * them publish at once, and all that was told is in the log where it was told.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>

#include "tests/support/pipeline_fixture.h"

#define THREADS 8u
#define EACH 50u
#define POOL 64u

static struct fixture f;
static uint32_t topic;
static struct weir_pos told[THREADS * EACH];

static void teardown(void)
{
	fixture_end(&f);
}

static int once(uint64_t number, enum weir_level level, uint64_t timeout_ns, struct weir_pos *pos)
{
	struct weir_event event = fixture_event(topic, NULL, &number);
	return weir_publish_once(f.pipeline, &event, level, timeout_ns, pos);
}

static void *publish_some(void *context)
{
	uint64_t first = *(uint64_t *)context;
	for (uint64_t i = first; i < first + EACH; i++)
		if (once(i, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS, &told[i]) != 0)
			told[i].sequence = 0;
	return NULL;
}

TestSuite(once, .fini = teardown, .timeout = 60);

Test(once, many_threads_publish_at_once_and_each_is_told_where_its_event_stands)
{
	pthread_t threads[THREADS];
	uint64_t firsts[THREADS];
	struct weir_item item;
	fixture_begin(&f, FIXTURE_DURABLE);
	topic = fixture_topic(&f, "work", 1);
	uint32_t id = fixture_subscription(&f, "reader", "work");
	for (uint32_t i = 0; i < THREADS; i++) {
		firsts[i] = (uint64_t)i * EACH;
		cr_assert_eq(pthread_create(&threads[i], NULL, publish_some, &firsts[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	/* Told durable: there after a close that drops everything else. */
	cr_expect_eq(weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL), 0);
	fixture_open(&f);
	struct weir_member *member = fixture_member(&f, id, NULL);
	uint64_t next[THREADS] = {0};
	for (uint32_t i = 0; i < THREADS * EACH; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		uint64_t number = fixture_number(&item);
		cr_assert_lt(number, THREADS * EACH);
		cr_expect_eq(told[number].sequence, item.sequence);
		cr_expect_eq(told[number].epoch, item.epoch);
		cr_expect_eq(number % EACH, next[number / EACH]++, "one thread's in order");
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(once, what_it_refuses)
{
	static uint8_t large[FIXTURE_CHUNK_BYTES];
	struct weir_pos pos = {.sequence = 77};
	fixture_begin(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 1);
	struct weir_event event = {.topic = topic, .payload = large, .payload_bytes = sizeof large};
	cr_expect_eq(
		weir_publish_once(f.pipeline, &event, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS, &pos),
		WEIR_E_TOO_BIG);
	event.payload_bytes = f.options.member_lane_bytes / 4; /* and its head */
	cr_expect_eq(
		weir_publish_once(f.pipeline, &event, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS, &pos),
		WEIR_E_TOO_BIG);
	event.payload_bytes -= 24;
	cr_expect_eq(
		weir_publish_once(f.pipeline, &event, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS, NULL), 0);
	event.key = "";
	cr_expect_eq(
		weir_publish_once(f.pipeline, &event, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS, &pos),
		-EINVAL);
	cr_expect_eq(once(1, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS, &pos), -EINVAL, "no journal");
	cr_expect_eq(once(1, (enum weir_level)9, FIXTURE_LONG_NS, &pos), -EINVAL);
	cr_expect_eq(pos.sequence, 77, "set on success only");
	cr_expect_eq(once(1, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS, &pos), 0);
	cr_expect_gt(pos.sequence, 0);
}

Test(once, the_pool_is_bounded_and_comes_back)
{
	struct weir_item item;
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 1);
	uint32_t id = fixture_subscription(&f, "reader", "work");
	for (uint64_t i = 0; i < POOL; i++)
		cr_assert_eq(once(i, WEIR_LEVEL_DURABLE, 0, NULL), -ETIMEDOUT,
			     "handed over, and not waited for");
	cr_expect_eq(once(99, WEIR_LEVEL_DURABLE, 0, NULL), WEIR_E_AGAIN, "nothing happened");
	cr_expect_eq(once(POOL, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS, NULL), 0);
	struct weir_member *member = fixture_member(&f, id, NULL);
	for (uint64_t i = 0; i <= POOL; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		cr_expect_eq(fixture_number(&item), i);
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
}
