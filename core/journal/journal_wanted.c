/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What retention would take if nobody needed it: told to who stands in front of it with nothing in
 * hand, and moves on then (core/pipeline/pass.c), and to who may copy what is needed there further
 * on (core/pipeline/carry.h). Looked at whenever segments may leave, after those that may have. A
 * number for decisions that are made anew each time; relaxed, and an old one does no harm.
 *
 * Thread: the step's.
 */
#include "core/journal/journal_internal.h"

#include "core/base/bits.h"

/* Of more than that who copies has enough to do. */
#define SEGMENTS_AHEAD 64u

bool wr_journal_is_beyond_retention(struct wr_journal *j, uint32_t n, uint64_t before_bytes)
{
	uint64_t bytes = j->table->live_bytes - before_bytes;

	return (j->options.retention_bytes != 0 && bytes > j->options.retention_bytes) ||
	       wr_journal_age_is_past(j, n) || wr_journal_retire_is_past(j, n);
}

void wr_journal_tell_wanted(struct wr_journal *j)
{
	uint32_t live_count = wr_segment_live_count(j->table), n = 0;
	uint64_t before_bytes = 0, seq = 0;

	/* The newest stays in any case. */
	while (n + 1 < live_count && n < SEGMENTS_AHEAD &&
	       ((n == 0 && j->files.drop_wanted) ||
		wr_journal_is_beyond_retention(j, n, before_bytes))) {
		before_bytes += wr_load_relaxed(&wr_segment_live(j->table, n)->bytes); /* own */
		n++;
	}
	if (n > 0)
		seq = wr_load_relaxed(&wr_segment_live(j->table, n)->first_seq); /* own */
	if (wr_load_relaxed(&j->link->wanted_seq) == seq)                        /* own */
		return;
	wr_store_relaxed(&j->link->wanted_seq, seq);
	if (seq != 0)
		j->moved = true; /* who sleeps looks at it */
}
