/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring for each producer and one set of consumers: include/weir/ring_fan.h. Each branch is a
 * whole ring of one producer (core/ring/ring.h); a consumer of a fan has a handle in each, under
 * one number, and goes from one to the other.
 *
 * Thread: any, as the public functions say.
 */
#ifndef WR_RING_FAN_H
#define WR_RING_FAN_H

#include <weir/ring_fan.h>

#include "core/ring/ring.h"

/* Which consumer settled in a branch last, its index + 1: a hint, relaxed, for those that
 * share: items are taken by RG6, whoever is there. */
struct wr_ring_visitor {
	WEIR_RING_LINE_ALIGNED weir_ring_u32 who;
};

struct weir_ring_fan {
	struct wr_ring_host host;
	struct weir_ring_options options; /* as given */
	struct wr_parker items;           /* consumers sleep here, whatever branch wakes them */
	uint8_t *rings;                   /* branch_count of them, ring_bytes each */
	uint64_t ring_bytes;
	struct wr_ring_visitor *visitors; /* one for each branch */
	struct weir_ring_fan_consumer *consumers;
	uint32_t branch_count;
	uint32_t consumer_count;
	uint64_t memory_bytes;
	/* Branches below were opened, or all are closed; only grows (RG11). */
	WEIR_RING_LINE_ALIGNED weir_ring_u32 used;
};

/* Checks the options. 0 and the size, or -EINVAL and the problem (may be NULL). */
int wr_ring_fan_measure(const struct weir_ring_options *options, uint64_t *ret_bytes,
			struct weir_problem *reterr_problem);

/* `memory` is aligned to WEIR_RING_LINE_BYTES and as large as measured; the park mode is chosen. */
struct weir_ring_fan *wr_ring_fan_make(void *memory, const struct weir_ring_options *options,
				       const struct wr_ring_host *host);

/* Some branch has something to pop, or the end has come: a pop then says which. */
bool wr_ring_fan_look(const struct weir_ring_fan_consumer *c);
/* Sets this bit of every used branch's `state`. */
void wr_ring_fan_announce(const struct weir_ring_fan_consumer *c, uint32_t bit);

#endif
