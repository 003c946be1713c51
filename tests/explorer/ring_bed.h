/* SPDX-License-Identifier: Apache-2.0 */
/* A ring under the explorer, its handles opened, and pushes and pops that wait without sleeping. */
#ifndef WR_EXPLORER_RING_BED_H
#define WR_EXPLORER_RING_BED_H

#include "core/base/bits.h"
#include "core/ring/ring.h"
#include "tests/explorer/scenarios.h"

struct ring_bed {
	struct weir_ring *ring;
	struct weir_ring_producer *producers[2];
	struct weir_ring_consumer *consumers[2];
	wr_atomic_u64 item_wakes, room_wakes;
	uint64_t sums[2];
	unsigned accepted, popped;
};

extern struct ring_bed *ring_bed;

/* Two of each, where the shape has two. */
void ring_bed_set_up(enum wr_park_mode mode, enum weir_ring_producers producers,
		     enum weir_ring_consumers consumers, uint64_t capacity);
/* 0, or WEIR_E_CLOSED. */
int ring_bed_push(unsigned producer, uint64_t value);
int ring_bed_pop(unsigned consumer, uint64_t *ret_value);

#endif
