/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription with order PARTITION does with events that fail (retry.h). */
#ifndef WR_PIPELINE_FAILURES_H
#define WR_PIPELINE_FAILURES_H

#include "core/base/atomic.h"

struct wr_row_letter;

struct wr_failures {
	/* Options of this run, as those of a shared one: sharing.h. */
	wr_atomic_u32 attempts_max;
	wr_atomic_u32 dead_letters; /* UINT32_MAX: none */
	wr_atomic_u64 retry_delay_min_ns, retry_delay_max_ns, retry_age_max_ns;
	/* Counted, relaxed: handed out again after a failure; put to the dead letters. */
	wr_atomic_u64 retried, buried;
	/* The group step's. */
	struct wr_row_letter *letters; /* [row_count] */
	uint32_t letter_count;         /* that are asked for */
	uint32_t letter_next;          /* the row that is looked at first */
	uint32_t reopening;            /* enum wr_reopening, after a crash (row_letters.c) */
	uint64_t letters_after_ns;     /* not before that */
	uint64_t reopened_seq;
};

#endif
