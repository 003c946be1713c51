/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a group has made of a partition's events, kept so that it survives the death of its process
 * at any instruction: in shared memory, in two copies.
 *
 * Delivery is at least once. A tally remembers the sequence up to which events are in it, and an
 * event that comes again is known by its own: so the effect is exactly once.
 *
 * Thread: one writer for each cell, the member that owns the partition; anybody reads.
 */
#ifndef WEIR_TOOLS_DEMO_TALLY_H
#define WEIR_TOOLS_DEMO_TALLY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/atomic.h"

struct demo_tally {
	uint64_t sequence; /* of the last event that is in */
	uint64_t event_count;
	uint64_t hash;         /* sum of the hashes of those events */
	uint64_t repeat_count; /* events that came again, and were left out */
};

struct demo_cell {
	wr_atomic_u64 turn; /* its low bit says which copy is whole */
	struct demo_tally copies[2];
};

/*
 * The event at `sequence` passed by; `hash` goes in if it `counts`. False: it was in already.
 */
bool demo_cell_add(struct demo_cell *cell, uint64_t sequence, bool counts, uint64_t hash);

/* The whole copy. */
struct demo_tally demo_cell_read(struct demo_cell *cell);

/* An event's part of a tally: its index, its length, and the ends of its payload. */
uint64_t demo_event_hash(uint64_t index, const void *payload, size_t payload_bytes);

#endif
