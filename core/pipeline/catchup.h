/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catching up (L22): chunks read back from disk for members that have fallen behind what is in
 * memory. The group step reads, verifies and indexes; members read in place under the same pin as
 * in live chunks. One pool for all groups, one slot for each member that may need one and two more,
 * so that a slot is always to be had.
 *
 * A slot's generation is its identity: 0 while it is being filled. V1-V4 are P1-P4 of chunk.h with
 * the generation in the role of the floor: the member stores its pin, then looks whether the slot
 * still has that generation; the group takes the generation away, then looks at the pins.
 *
 * What was read before events left a segment (core/journal/journal_compaction.c) is not found any
 * more (T4): what somebody counts who begins now is what he will be handed out.
 */
#ifndef WR_PIPELINE_CATCHUP_H
#define WR_PIPELINE_CATCHUP_H

#include "core/journal/reader.h"
#include "core/log/catalog.h"
#include "core/log/chunk.h"

#define WR_PIN_CATCHUP (1ull << 63)

struct wr_catchup_slot {
	WR_LINE_ALIGNED wr_atomic_u64 generation;
	struct wr_chunk chunk; /* first_seq, end_seq, bytes, column, batches, as in memory */
	uint64_t used;         /* when the group last asked for it: the group's own */
	uint64_t left_outs;    /* of the segment table, before it was read */
};

struct wr_catchup {
	struct wr_catchup_slot *slots;
	uint32_t slot_count;
	uint64_t next_generation;
	uint64_t uses;                   /* of slots, counted */
	const wr_atomic_u64 *left_outs;  /* of the segment table: T4 */
	struct wr_chunks *chunks;        /* for the column's shape, and the pins */
	struct wr_extent_batch *batches; /* scratch of one load */
	uint32_t batches_max;
	struct wr_mapping mapping;
	void *block;
	size_t block_bytes;
};

size_t wr_catchup_bytes(uint32_t chunk_bytes, uint32_t slot_count);
int wr_catchup_init(struct wr_catchup *c, struct wr_memory *memory, struct wr_chunks *chunks,
		    const struct wr_segment_table *table, uint32_t slot_count);
void wr_catchup_fini(struct wr_catchup *c, struct wr_memory *memory);

/* Whether what the slot holds, if it does, is that sequence, as it is now. */
bool wr_catchup_slot_holds(const struct wr_catchup *c, const struct wr_catchup_slot *slot,
			   uint64_t seq);

/* ---- group step ---- */

/* Whether a filled slot holds `seq`: where it ends, or 0. */
uint64_t wr_catchup_holds(struct wr_catchup *c, uint64_t seq);
/*
 * Fills a slot with the extent that holds `seq`. Slots that hold one of the `wanted` sequences, or
 * are pinned, are left alone; of the others the one goes that nobody has asked for the longest. 0,
 * -EAGAIN (no slot is free now), or what the reader says.
 */
int wr_catchup_load(struct wr_catchup *c, struct wr_reader *reader, struct wr_catalog *catalog,
		    uint64_t seq, uint64_t up_to_seq, const uint64_t *wanted, uint32_t wanted_count,
		    struct weir_problem *reterr_problem);

/* ---- members ---- */

/* Pins a slot that holds `seq`, or NULL. */
struct wr_catchup_slot *wr_catchup_pin(struct wr_catchup *c, struct wr_pin *pin, uint64_t seq);

#endif
