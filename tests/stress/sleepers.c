/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   who waits in a poll for one topic is woken by what comes for it, whatever comes for
 *         others at the same time, and though it gets and loses partitions in between.
 * Method: readers of a topic each, in one pipeline, wait without end. The publisher gives one of
 *         them a number, publishes in other topics beside that, some of which nobody reads, and
 *         goes on when the number has been handled: so the reader, or another one, is about to
 *         sleep in each round. Now and then a member joins a reader's group and leaves it, which
 *         moves the topic's partitions. A wake-up that is lost stops the rounds, which the
 *         publisher sees after LOST_NS. In memory, and with a journal at the durable gate.
 *
 * usage: sleepers [rounds]. Plain main(), TAP.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define ROUNDS 4000u
#define READERS 3u
#define TOPICS (READERS + 1) /* the last one is nobody's */
#define PARTITIONS 4u
#define CHURN_EVERY 64u
#define LOST_NS 60000000000ull /* no machine stands still for so long */

struct reader {
	struct weir_member *member;
	uint32_t topic, subscription;
	pthread_t thread;
	wr_atomic_u64 handled; /* A1: release by the reader, acquire by the publisher */
	wr_atomic_u32 failed;
};

static struct fixture f;
static struct reader readers[READERS];
static uint32_t nobodys;
static wr_atomic_u32 ends;

static void *read_all(void *argument)
{
	struct reader *r = argument;
	uint64_t handled = 0;
	while (wr_load_acquire(&ends) == 0) {
		struct weir_item items[16];
		int count = weir_poll(r->member, items, 16, WEIR_FOREVER);
		if (count < 0) {
			wr_store_relaxed(&r->failed, 1u);
			break;
		}
		(void)weir_ack_all(r->member);
		for (int i = 0; i < count; i++)
			if (fixture_number(&items[i]) > handled)
				handled = fixture_number(&items[i]);
		wr_store_release(&r->handled, handled); /* A1 */
	}
	weir_release(r->member);
	return NULL;
}

/* Joins the group beside the reader, and gives back what it was given. */
static void churn(struct reader *r)
{
	struct weir_item item;
	struct weir_member *other = fixture_member(&f, r->subscription, NULL);
	/* What it may be handed comes again, to the reader. */
	fixture_need(weir_poll(other, &item, 1, 0) >= 0, "poll");
	weir_release(other);
	fixture_need(weir_member_leave(other, FIXTURE_LONG_NS) == 0, "leave");
}

static void publish(struct weir_producer *producer, uint32_t topic, uint64_t number)
{
	struct weir_event event = fixture_event(topic, &number, &number);
	fixture_need(weir_publish(producer, &event, NULL) == 0, "publish");
}

static bool is_handled(struct reader *r, uint64_t number)
{
	uint64_t until_ns = fixture_now_ns() + LOST_NS;
	while (wr_load_acquire(&r->handled) < number) { /* A1 */
		if (wr_load_relaxed(&r->failed) != 0 || fixture_now_ns() > until_ns)
			return false;
		sched_yield();
	}
	return true;
}

static bool publish_all(struct weir_producer *producer, uint64_t rounds)
{
	uint64_t seed = 7;
	for (uint64_t i = 1; i <= rounds; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		struct reader *r = &readers[(seed >> 33) % READERS];
		for (uint64_t k = seed >> 62; k > 0; k--)
			publish(producer, nobodys, i);
		publish(producer, r->topic, i);
		for (uint64_t k = (seed >> 60) & 3; k > 0; k--)
			publish(producer, nobodys, i);
		if (i % CHURN_EVERY == 0)
			churn(r);
		if (!is_handled(r, i)) {
			printf("# number %llu was not handled\n", (unsigned long long)i);
			return false;
		}
	}
	return true;
}

static bool run(int kind, uint64_t rounds)
{
	char name[16];
	fixture_begin(&f, kind);
	wr_store_relaxed(&ends, 0u);
	for (uint32_t i = 0; i < READERS; i++) {
		struct reader *r = &readers[i];
		(void)snprintf(name, sizeof name, "t%u", i);
		r->topic = fixture_topic(&f, name, PARTITIONS);
		r->subscription = fixture_subscription(&f, name, name);
		r->member = fixture_member(&f, r->subscription, NULL);
		wr_store_relaxed(&r->handled, 0u);
		fixture_need(pthread_create(&r->thread, NULL, read_all, r) == 0, "a thread");
	}
	nobodys = fixture_topic(&f, "nobodys", PARTITIONS);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	bool good = publish_all(producer, rounds);
	wr_store_release(&ends, 1u);
	for (uint32_t i = 0; good && i < READERS; i++) {
		publish(producer, readers[i].topic, rounds + 1);
		(void)pthread_join(readers[i].thread, NULL);
	}
	if (good)
		fixture_end(&f);
	return good;
}

int main(int argc, char **argv)
{
	static const int kinds[] = {FIXTURE_MEMORY, FIXTURE_DURABLE};
	static const char *const names[] = {"in memory", "at the durable gate"};
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : ROUNDS;
	int failed = 0;

	if (getenv("WEIR_TEST_EMULATED") != NULL && argc < 2)
		rounds = ROUNDS / 10;
	printf("1..2\n");
	for (uint32_t i = 0; i < 2 && failed == 0; i++) {
		uint64_t count = kinds[i] == FIXTURE_DURABLE ? rounds / 8 : rounds;
		failed = run(kinds[i], count) ? 0 : 1;
		printf("%sok %u - %s: each of %llu events woke its reader\n",
		       failed != 0 ? "not " : "", i + 1, names[i], (unsigned long long)count);
		(void)fflush(stdout);
	}
	return failed;
}
