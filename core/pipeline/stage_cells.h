/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages of the program's own in the metrics: those of a config (io/config/stages.h), or whatever
 * it says of them by weir_metrics_stages(). Their workers have counters of their own, with one
 * writer each; the group step asks for the sums ten times a second and writes them into the file.
 *
 * The lock is held for the whole of a round's look, some microseconds, and by who shows stages or
 * takes them off: so when they are taken off, nobody looks at them. Names are lent, and not kept
 * beyond the look.
 *
 * Failure modes: a stage beyond WEIR_STAGES_SHOWN_MAX has no place, and counts among the objects
 * that are left out.
 *
 * Thread: wr_stages_put(): the group step's. weir_metrics_stages(): any.
 */
#ifndef WR_PIPELINE_STAGE_CELLS_H
#define WR_PIPELINE_STAGE_CELLS_H

#include <weir/metrics.h>

#include "core/base/pause.h"

struct weir_pipeline;

struct wr_stage_cells {
	wr_spinlock lock;
	weir_stages_look_fn look; /* under the lock, as are: NULL: none */
	void *context;
	uint64_t number; /* of those who are shown: no two have the same */
	/* The group step's: whose objects there are, and how many. */
	uint64_t shown_number;
	uint32_t shown_count;
	struct weir_stage_info infos[WEIR_STAGES_SHOWN_MAX]; /* scratch */
};

/* All of them, into the file. */
void wr_stages_put(struct weir_pipeline *p);

#endif
