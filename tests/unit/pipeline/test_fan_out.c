/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: subscriptions of one topic know nothing of each other: each has all of its events, gives up
 * what it cannot process by its own limit and to its own dead letters, and whoever waits in a poll
 * of any of them is woken by a publish.
 *
 * Method: two queues, or a queue and a group, over a bed's topic; events are numbers. Where threads
 * wait, the test waits until they have slept inside a poll or may, and then publishes.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "core/base/atomic.h"
#include "core/pipeline/pipeline.h"
#include "tests/support/queue_bed.h"

#define FIRST 7u
#define END 10u
#define ROUNDS 20u

/* ---- failures of its own ---- */

static void setup_by_hand(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

TestSuite(fan_out, .init = setup_by_hand, .fini = queue_end, .timeout = 120);

static uint32_t make_queue(const char *name, uint32_t attempts_max, const char *dead_letters)
{
	queue_bed.options.name = name;
	queue_bed.options.attempts_max = attempts_max;
	queue_bed.options.dead_letters = dead_letters;
	return queue_make();
}

/* Rejects each event below `end` as often as it comes, and acknowledges the others. */
static void work_through(struct weir_member *member, uint64_t end, uint32_t items, uint32_t *came)
{
	for (uint32_t i = 0; i < items; i++) {
		struct weir_item item = queue_next(member);
		uint64_t number = fixture_number(&item);
		cr_assert(number >= FIRST && number < END);
		cr_expect_eq(item.attempts, ++came[number - FIRST], "of this queue alone");
		int rc = number < end ? weir_reject(member, &item, NULL) : weir_ack(member, &item);
		cr_assert_eq(rc, 0);
	}
	queue_commit(member);
	cr_assert_eq(fixture_poll_rest(member), 0, "it has given up as often as it was told to");
}

/* One for each event below `end`, all of them on behalf of that queue. */
static void expect_letters(uint32_t reader, uint32_t of, uint32_t attempts, uint64_t end)
{
	struct weir_member *undertaker = fixture_member(&queue_bed.f, reader, NULL);
	uint32_t came[END - FIRST] = {0};
	for (uint64_t i = FIRST; i < end; i++) {
		struct weir_item letter = queue_next(undertaker);
		struct weir_origin origin;
		cr_assert(fixture_number(&letter) >= FIRST && fixture_number(&letter) < end);
		came[fixture_number(&letter) - FIRST]++;
		cr_assert(weir_item_origin(&letter, &origin));
		cr_expect_eq(origin.subscription, of);
		cr_expect_eq(origin.attempts, attempts);
		cr_assert_eq(weir_ack(undertaker, &letter), 0);
	}
	for (uint64_t i = FIRST; i < end; i++)
		cr_expect_eq(came[i - FIRST], 1);
	cr_expect_eq(fixture_poll_rest(undertaker), 0, "no letter of another's");
}

/* 7 fails with both queues, 8 with bills alone, 9 with neither. */
Test(fan_out, each_subscription_retries_and_gives_up_by_its_own_limit)
{
	(void)fixture_topic(&queue_bed.f, "lost-mail", 1);
	uint32_t bills = make_queue("bills", 2, "dead"), mail = make_queue("mail", 3, "lost-mail");
	uint32_t dead = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	uint32_t lost = fixture_subscription(&queue_bed.f, "finder", "lost-mail");
	struct weir_member *billing = queue_join(bills, 1), *mailing = queue_join(mail, 1);
	uint32_t billed[END - FIRST] = {0}, mailed[END - FIRST] = {0};
	queue_publish(FIRST, END);
	work_through(billing, 9, 2 + 2 + 1, billed);
	work_through(mailing, 8, 3 + 1 + 1, mailed);
	cr_expect(billed[0] == 2 && billed[1] == 2 && billed[2] == 1);
	cr_expect(mailed[0] == 3 && mailed[1] == 1 && mailed[2] == 1);
	expect_letters(dead, bills, 2, 9);
	expect_letters(lost, mail, 3, 8);
	cr_expect_eq(queue_lag(bills), 0);
	cr_expect_eq(queue_lag(mail), 0);
}

/* A queue of dead letters has dead letters of its own. */
Test(fan_out, what_dies_among_the_dead_letters_goes_to_theirs)
{
	const char *letters = "dead";
	(void)fixture_topic(&queue_bed.f, "given-up", 1);
	uint32_t bills = make_queue("bills", 2, "dead");
	queue_bed.options.topics = &letters;
	queue_bed.options.topic_count = 1;
	uint32_t inspection = make_queue("inspection", 3, "given-up");
	uint32_t last = fixture_subscription(&queue_bed.f, "archive", "given-up");
	struct weir_member *billing = queue_join(bills, 1), *inspecting = queue_join(inspection, 1);
	uint32_t billed[END - FIRST] = {0}, inspected[END - FIRST] = {0};
	queue_publish(FIRST, END);
	work_through(billing, 9, 2 + 2 + 1, billed);
	work_through(inspecting, 8, 3 + 1, inspected);
	expect_letters(last, inspection, 3, 8);
	cr_expect_eq(queue_lag(inspection), 0);
}

/* ---- who waits ---- */

struct waiter {
	struct weir_member *member;
	pthread_t thread;
	wr_atomic_u32 polls;  /* begun */
	wr_atomic_u32 rounds; /* over */
	int code;             /* of the poll that did not bring the one event */
};

static void setup_with_threads(void)
{
	queue_begin(FIXTURE_DURABLE);
}

TestSuite(fan_out_waits, .init = setup_with_threads, .fini = queue_end, .timeout = 120);

/* One poll brings each event: it neither comes back empty before, nor has to be made again. */
static void *wait_in_polls(void *context)
{
	struct waiter *w = context;
	w->code = 1;
	for (uint64_t round = 0; round < ROUNDS && w->code == 1; round++) {
		struct weir_item item;
		(void)wr_add_seq(&w->polls, 1u);
		w->code = weir_poll(w->member, &item, 1, FIXTURE_LONG_NS);
		if (w->code == 1 &&
		    (fixture_number(&item) != round || weir_ack(w->member, &item) != 0))
			w->code = -1;
		(void)wr_add_seq(&w->rounds, 1u);
	}
	return NULL;
}

static void begin_to_wait(struct waiter *w)
{
	cr_assert_eq(pthread_create(&w->thread, NULL, wait_in_polls, w), 0);
}

/* Both in the poll of this round. False: one has come back from it before there was an event. */
static bool wait_until_they_wait(struct waiter *waiters, uint32_t round)
{
	while (wr_load_seq(&waiters[0].polls) <= round || wr_load_seq(&waiters[1].polls) <= round ||
	       wr_load_seq(&queue_bed.f.pipeline->callers) < 2) {
		if (wr_load_seq(&waiters[0].rounds) > round ||
		    wr_load_seq(&waiters[1].rounds) > round)
			return false;
		fixture_sleep_ns(MS / 10);
	}
	return true;
}

Test(fan_out_waits, a_publish_wakes_who_waits_in_a_poll_of_a_queue_and_of_a_group)
{
	struct waiter waiters[2] = {{0}};
	waiters[0].member = queue_join(queue_make(), 1);
	waiters[1].member = fixture_member(
		&queue_bed.f, fixture_subscription(&queue_bed.f, "group", "work"), NULL);
	for (uint32_t i = 0; i < 2; i++)
		begin_to_wait(&waiters[i]);
	for (uint32_t round = 0; round < ROUNDS && wait_until_they_wait(waiters, round); round++) {
		queue_publish(round, round + 1);
		while (wr_load_seq(&waiters[0].rounds) <= round ||
		       wr_load_seq(&waiters[1].rounds) <= round)
			fixture_sleep_ns(MS / 10);
		if (waiters[0].code != 1 || waiters[1].code != 1)
			break;
	}
	for (uint32_t i = 0; i < 2; i++) {
		cr_assert_eq(pthread_join(waiters[i].thread, NULL), 0);
		cr_expect_eq(waiters[i].code, 1, "waiter %u: %s", i,
			     weir_error_name(waiters[i].code));
	}
}
