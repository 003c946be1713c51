/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue bed with readers of all kinds and replays to them. For test_replay_to.c and
 * test_replay_to_ends.c.
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_REPLAY_TO_BED_H
#define WR_TESTS_REPLAY_TO_BED_H

#include <criterion/criterion.h>
#include <string.h>

#include "core/pipeline/replay_to.h"
#include "tests/support/queue_bed.h"

#define FEW 20u

static struct weir_replay_to_options options;
static struct weir_problem problem;
static uint32_t seen[EVENTS];

static inline void begin(int kind)
{
	queue_begin(kind | FIXTURE_MANUAL);
	weir_replay_to_options_init(&options);
	options.name = "again";
	options.subscription_count = 1;
}

static inline void setup(void)
{
	begin(FIXTURE_DURABLE);
	queue_bed.f.options.members_max = 12;
	queue_bed.f.options.subscriptions_max = 12;
	queue_reopen();
}

/* ---- jobs ---- */

static inline struct weir_replay_to *open_job(void)
{
	struct weir_replay_to *job = NULL;
	int rc = weir_replay_to_open(queue_bed.f.pipeline, &options, &job, &problem);
	cr_assert_eq(rc, 0, "%s %s: %s", weir_error_name(rc), problem.field, problem.text);
	return job;
}

/*
 * Steps until so many are copied, or it ends. No step ends while copies are under way: those would
 * be in the log, and told to nobody.
 */
static inline struct weir_replay_to_progress step_job(struct weir_replay_to *job, uint64_t events)
{
	struct weir_replay_to_progress progress;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		int rc = weir_replay_to_step(job, FIXTURE_LONG_NS);
		cr_assert_geq(rc, 0, "%s", weir_error_name(rc));
		weir_replay_to_progress(job, &progress);
	} while (progress.state == WEIR_REPLAY_RUNNING && progress.events < events &&
		 fixture_now_ns() < until);
	return progress;
}

static inline struct weir_replay_to_progress run_job(void)
{
	struct weir_replay_to *job = open_job();
	struct weir_replay_to_progress progress = step_job(job, UINT64_MAX);
	cr_expect_eq(progress.state, WEIR_REPLAY_COMPLETED);
	cr_expect_eq(progress.next_sequence, progress.end_sequence);
	cr_assert_eq(weir_replay_to_close(job, FIXTURE_LONG_NS), 0);
	return progress;
}

/* ---- readers ---- */

static inline uint32_t reader_with(const char *name, const char *topic, enum weir_order order,
				   bool has_letters)
{
	struct weir_subscription_options o;
	uint32_t id;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic;
	o.topic_count = 1;
	o.order = order;
	o.start = WEIR_START_OLDEST;
	o.retry_delay_min_ns = o.retry_delay_max_ns = 0;
	if (has_letters) {
		o.dead_letters = "dead";
		o.attempts_max = 1;
	}
	cr_assert_eq(weir_subscription_create(queue_bed.f.pipeline, &o, &id, &problem), 0, "%s %s",
		     problem.field, problem.text);
	return id;
}

static inline uint32_t reader(const char *name, const char *topic, enum weir_order order)
{
	return reader_with(name, topic, order, order != WEIR_ORDER_PARTITION);
}

static inline struct weir_member *join(uint32_t id)
{
	return queue_join(id, 256);
}

/* Waits for `count`, and then for what comes beyond them: all of it is acknowledged. */
static inline void expect_taken(struct weir_member *member, uint32_t count, uint32_t marked)
{
	const uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_item items[64];
	struct weir_replayed of;
	uint32_t got = 0, got_marked = 0;
	int n;
	memset(seen, 0, sizeof seen);
	while ((n = weir_poll(member, items, 64, 20 * MS)) > 0 ||
	       (n == 0 && got < count && fixture_now_ns() < until)) {
		for (int i = 0; i < n; i++) {
			bool is_marked = (items[i].flags & WEIR_ITEM_REPLAY) != 0;
			cr_expect_eq(weir_item_replayed(&items[i], &of), is_marked);
			cr_expect(!is_marked || of.pos.sequence < items[i].sequence);
			got_marked += is_marked ? 1 : 0;
			seen[fixture_number(&items[i])]++;
			cr_assert_eq(weir_ack(member, &items[i]), 0);
		}
		got += (uint32_t)n;
	}
	cr_assert_eq(n, 0);
	queue_commit(member);
	cr_expect(got == count && got_marked == marked, "%u, %u of them marked", got, got_marked);
}

static inline void expect_each_once(uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++)
		cr_expect_eq(seen[i], 1, "%llu: %u", (unsigned long long)i, seen[i]);
}

#endif
