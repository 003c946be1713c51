/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of verify.h share: a visitor that writes down what it is told. */
#ifndef WR_TESTS_VERIFY_BED_H
#define WR_TESTS_VERIFY_BED_H

#include "core/journal/verify.h"
#include "tests/unit/journal/recovery_bed.h"

#define TOLD_MAX 32u

struct told {
	struct wr_damage damages[TOLD_MAX];
	uint32_t damage_count;
	struct wr_segment_summary segments[TOLD_MAX];
	uint32_t segment_count;
	uint64_t batch_first[256];
	uint32_t batch_count;
	int stop_with;
};

static struct told told;
static struct wr_verify_report report;
static struct weir_problem problem;

static inline int tell_segment(void *context, const struct wr_segment_summary *summary)
{
	struct told *t = context;
	cr_assert_lt(t->segment_count, TOLD_MAX);
	t->segments[t->segment_count++] = *summary;
	return t->stop_with;
}

static inline int tell_damage(void *context, const struct wr_damage *damage)
{
	struct told *t = context;
	cr_assert_lt(t->damage_count, TOLD_MAX);
	t->damages[t->damage_count++] = *damage;
	return t->stop_with;
}

static inline int tell_batch(void *context, const struct wr_batch_header *batch)
{
	struct told *t = context;
	cr_assert_lt(t->batch_count, 256);
	t->batch_first[t->batch_count++] = batch->first_seq;
	return t->stop_with;
}

static inline int verify(uint64_t from_seq, uint64_t to_seq)
{
	const struct wr_verify_visitor visitor = {
		.segment = tell_segment,
		.damage = tell_damage,
		.batch = tell_batch,
		.context = &told,
	};
	int stop_with = told.stop_with;

	memset(&told, 0, sizeof told);
	told.stop_with = stop_with;
	wr_memory_sim_init(&p.memory, NULL);
	int r = wr_verify_run(storage, &p.memory.base, from_seq, to_seq, &visitor, &report,
			      &problem);
	cr_expect_eq(p.memory.live_count, 0);
	return r;
}

#endif
