/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue bed with dead letters, a worker whose events die, and jobs over the letters. For
 * test_redrive.c and test_redrive_room.c.
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_REDRIVE_BED_H
#define WR_TESTS_REDRIVE_BED_H

#include <criterion/criterion.h>

#include "tests/support/queue_bed.h"

static struct weir_redrive_options options;
static uint32_t queue;
static struct weir_member *worker;

static void begin(enum weir_when_dead when_dead)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.order = WEIR_ORDER_KEY;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 1;
	queue_bed.options.when_dead = when_dead;
	queue = queue_make();
	worker = queue_join(queue, 4);
	weir_redrive_options_init(&options);
	options.dead_letters = queue_bed.dead_topic;
}

static inline void reopen(void)
{
	queue_reopen();
	cr_assert_eq(queue_make(), queue);
	worker = queue_join(queue, 4);
}

/* What the worker has got is rejected for good, with its number as the reason. */
static void kill_next(uint64_t number)
{
	struct weir_item item = queue_next(worker);
	struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD, .reason = (uint32_t)number};
	cr_assert_eq(fixture_number(&item), number);
	cr_assert_eq(weir_reject(worker, &item, &r), 0);
}

/* Events of a key, each of which dies. */
static void make_letters(uint64_t key, uint64_t first, uint64_t end)
{
	for (uint64_t number = first; number < end; number++) {
		queue_publish_keyed(key, number);
		kill_next(number);
	}
	queue_commit(worker);
	(void)queue_lag(queue);
}

static struct weir_redrive *open_job(void)
{
	struct weir_redrive *job;
	cr_assert_eq(weir_redrive_open(queue_bed.f.pipeline, &options, &job, &queue_bed.problem), 0,
		     "%s: %s", queue_bed.problem.field, queue_bed.problem.text);
	return job;
}

/* The whole of a job. */
static struct weir_redrive_progress run_job(void)
{
	struct weir_redrive_progress progress;
	struct weir_redrive *job = open_job();
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		cr_assert_geq(weir_redrive_step(job, MS), 0);
		weir_redrive_progress(job, &progress);
	} while (!progress.done && fixture_now_ns() < until);
	cr_assert(progress.done);
	cr_assert_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	return progress;
}

#endif
