/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong, how often and how many times. All zero: nothing goes wrong, but requests still
 * complete out of order, and a power cut still loses what was not synced.
 *
 * Chances are in parts per million of the operations that the fault can strike. A budget bounds
 * the number of faults of a kind, and of all together, so that a test can promise "at most one".
 * SHORT_READ and SHORT_WRITE are outside that last budget, since nobody may notice them, and of
 * wr_fault_plan_swarm(), as DUPLICATED_WRITE and REMOVE_ERROR are: who wants one asks for it.
 */
#ifndef WR_SIM_FAULT_PLAN_H
#define WR_SIM_FAULT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "io/sim/prng.h"

/* X(NAME, text) */
#define WR_FAULT_MAP(X)                                                                            \
	X(WRITE_ERROR, "write fails, each sector written or not")                                  \
	X(READ_ERROR, "read fails")                                                                \
	X(SYNC_ERROR, "sync fails, each sector written or not, none is dirty any more")            \
	X(PREPARE_FULL, "no space for a prepared file")                                            \
	X(REMOVE_ERROR, "a file cannot be removed")                                                \
	X(LOST_WRITE, "write acknowledged, nothing written")                                       \
	X(MISDIRECTED_WRITE, "write acknowledged, written to another place")                       \
	X(SYNC_LIE, "sync acknowledged, nothing made durable")                                     \
	X(ROT, "a bit of the medium flips at a power cut")                                         \
	X(SLOW, "a request takes very long")                                                       \
	X(SHORT_READ, "a read moves a part only, or is interrupted")                               \
	X(SHORT_WRITE, "a write moves a part first, the rest later")                               \
	X(DUPLICATED_WRITE, "an earlier write happens once more, for good")

enum wr_fault {
#define WR_FAULT_ENUM(name, text) WR_FAULT_##name,
	WR_FAULT_MAP(WR_FAULT_ENUM)
#undef WR_FAULT_ENUM
		WR_FAULT_COUNT
};

/* Draw the chance anew at each power cut: everything, nothing, or a number between. */
#define WR_CHANCE_DRAWN UINT32_MAX
#define WR_BUDGET_NONE UINT32_MAX

struct wr_fault_plan {
	uint32_t chance_ppm[WR_FAULT_COUNT];
	uint32_t budget[WR_FAULT_COUNT]; /* how many more; WR_BUDGET_NONE: no limit */
	uint32_t budget_all;
	uint64_t taken[WR_FAULT_COUNT]; /* counts, for reports and for "did it ever happen" */

	/* Requests complete this long after their submission, uniformly drawn. */
	uint64_t latency_min_ns;
	uint64_t latency_max_ns;
	uint64_t latency_slow_ns; /* with SLOW: up to this */
	uint64_t poll_ns;         /* a poll that does not wait still takes this long */

	/* Power cut: an un-synced sector is kept, else torn, else dropped. */
	uint32_t keep_ppm;
	uint32_t torn_ppm;

	uint64_t capacity_bytes;  /* of all files together; 0: no limit */
	uint32_t descriptors_max; /* open at once; 0: no limit */
	bool sync_apart;          /* written() comes before done(), as on an engine without DSYNC */
};

/* Something that the library above must not notice at all. */
bool wr_fault_is_silent(enum wr_fault fault);
/* No faults, latencies of 20 to 300 us, drawn keep, one torn sector in ten of the others. */
void wr_fault_plan_init(struct wr_fault_plan *plan);
/* Strikes here and now? Draws only when the fault is possible. */
bool wr_fault_take(struct wr_fault_plan *plan, struct wr_prng *prng, enum wr_fault fault);
/* Each of the faults of `mask` (bit 1 << WR_FAULT_x) with one chance in two, at a drawn rate. */
void wr_fault_plan_swarm(struct wr_fault_plan *plan, struct wr_prng *prng, uint32_t mask,
			 uint32_t budget_all);
/* No faults from now on: for the phase in which everything must come to an end. */
void wr_fault_plan_heal(struct wr_fault_plan *plan);
const char *wr_fault_text(enum wr_fault fault);

#endif
