/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription does with events that fail: queues (sharing.h) and partitions (retry.h). */
#ifndef WR_PIPELINE_FAILURES_H
#define WR_PIPELINE_FAILURES_H

#include "core/base/atomic.h"
#include "core/pipeline/reopening.h"

struct wr_row_letter;

struct wr_failures {
	/*
	 * Options of this run: set by weir_subscription_create, read by the group step and by
	 * members; of a queue they are said when its `is_set` is (DL1).
	 */
	wr_atomic_u32 attempts_max; /* 0: no limit */
	wr_atomic_u32 dead_letters; /* topic; UINT32_MAX: none */
	wr_atomic_u64 retry_delay_min_ns, retry_delay_max_ns;
	wr_atomic_u64 retry_age_max_ns; /* of partitions; 0: none */
	/* Counted, relaxed: handed out again; put to the dead letters, whatever for. */
	wr_atomic_u64 redelivered, buried;
	struct wr_reopening reopening;
	/* Of partitions, the group step's: row_letters.c. */
	struct wr_row_letter *letters; /* [row_count]; NULL: of a queue */
	uint32_t wanted_count;         /* that are to be written */
	uint32_t letter_next;          /* the row that is looked at first */
	uint64_t letters_after_ns;     /* not before that */
};

#endif
