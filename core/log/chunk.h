/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log in memory: a pool of aligned chunks, byte for byte what is on disk, and who may use one
 * again when (L21-L23).
 *
 * A chunk in use has an ordinal (its generation): 0, 1, 2 ... in log order. Chunks from `floor` to
 * `head` are live. The writer raises the floor when it needs a chunk, and over what is old and
 * below every pin; one that a reader still pins lingers outside the pool until the pin is gone, and
 * another is taken: the writer never waits for a reader.
 *
 * Pins (the proof; tests/explorer/scenario_chunk.c tries it in all executions):
 *   reader   P1 store pin = ordinal + 1 (seq_cst), then P2 load floor (seq_cst): below → undo
 *   writer   P3 store floor (seq_cst), then P4 load every pin (seq_cst)
 *   In the one order S of the four: if the reader's P2 misses P3, then P1 < P2 < P3 < P4 in S, so
 *   P4 sees the pin. If P4 misses P1, then P3 < P4 < P1 < P2, so P2 sees the floor. Release and
 *   acquire are not enough: both may miss (store buffering).
 *   unpin    P5 store pin = 0 (release) pairs with P4: the reader's last loads of the chunk are
 *            done before the writer writes to it.
 *
 * Published by the gate (visible_seq, G1 in writer.h): bytes, column, batches, first_seq; by C2:
 * end_seq.
 */
#ifndef WR_LOG_CHUNK_H
#define WR_LOG_CHUNK_H

#include "core/base/atomic.h"
#include "core/port/memory.h"
#include "core/record/batch.h"
#include "core/record/link.h"

/* An entry of the directory has 16 bits for a chunk. */
#define WR_CHUNK_COUNT_MAX 0xfffeu

/* A batch inside a chunk: where its header stands and which record of the chunk is its first. */
struct wr_chunk_batch {
	uint32_t place_bytes;
	uint32_t first_index;
};

struct wr_chunk {
	uint64_t ordinal;
	uint64_t first_seq;
	wr_atomic_u64 end_seq; /* one beyond its last record, once closed; 0: open */
	wr_atomic_u32 batch_count;
	uint32_t slot;
	uint8_t *writable;
	const uint8_t *readable;
	uint32_t *column; /* one entry a record: place / 8 << tag_bits | tag (L6) */
	struct wr_chunk_batch *batches;
	/*
	 * As batches: when each was on the medium, mono clock, for metrics; 0: not known. By the
	 * journal before D1, relaxed, so that whoever waited at the `durable` gate sees it. NULL:
	 * of a chunk from disk.
	 */
	wr_atomic_u64 *durable_ns;

	/* The writer's own. */
	uint64_t last_commit; /* pushed when its last batch was: once done, no I/O is left */
	uint32_t used_bytes;
	uint32_t record_count;
	struct wr_extent extent;
};

struct wr_pin {
	WR_LINE_ALIGNED wr_atomic_u64 value; /* ordinal + 1; 0: nothing pinned */
};

#define WR_PIN_NONE 0u

struct wr_chunks {
	WR_LINE_ALIGNED wr_atomic_u64 floor; /* lowest live ordinal */
	WR_LINE_ALIGNED wr_atomic_u64 head;  /* highest live ordinal + 1 */

	WR_LINE_ALIGNED struct wr_chunk *chunks; /* [chunk_count], by slot */
	wr_atomic_u64 *directory;                /* [directory_count] ordinal << 16 | slot */
	struct wr_pin *pins;                     /* [pin_count] */
	uint32_t chunk_count;
	uint32_t directory_count; /* power of two > chunk_count */
	uint32_t pin_count;
	uint32_t chunk_bytes;
	uint32_t column_count; /* entries of a column */
	uint32_t tag_bits;

	/* The writer's own. */
	uint32_t *free_slots;
	uint32_t free_count;
	uint32_t *lingering; /* slots below the floor that were pinned when it passed */
	uint32_t lingering_count;

	struct wr_mapping mapping;
	void *block; /* what alloc gave, in one piece */
	size_t block_bytes;
};

int wr_chunks_init(struct wr_chunks *c, struct wr_memory *memory, uint32_t chunk_bytes,
		   uint32_t chunk_count, uint32_t pin_count);
void wr_chunks_fini(struct wr_chunks *c, struct wr_memory *memory);
/* What init will take, for the memory plan: tables and mapping. */
size_t wr_chunks_table_bytes(uint32_t chunk_bytes, uint32_t chunk_count, uint32_t pin_count);

static inline uint32_t wr_chunks_tag_mask(const struct wr_chunks *c)
{
	return (1u << c->tag_bits) - 1;
}

static inline uint32_t wr_column_place(const struct wr_chunks *c, uint32_t entry)
{
	return (entry >> c->tag_bits) * 8;
}

/* ---- writer ---- */

/* Which chunks may be taken: those whose records all lie below, and whose I/O is done. */
struct wr_chunk_limits {
	uint64_t reusable_seq; /* a chunk may go when its end_seq <= this: durable, and not held */
	uint64_t commits_done;
	bool sparingly; /* the floor rises by as few chunks as will do */
	/*
	 * More live ones than this are only for readers who stand in them: the oldest are used
	 * again though others are free, because they are still in the caches. 0: all are kept.
	 */
	uint64_t live_max;
};

/*
 * A chunk to write to, as the new head, or NULL when the oldest may not go yet. `first_seq` is the
 * sequence of its first record; `keep_free` chunks are left for those who come with a smaller one.
 */
struct wr_chunk *wr_chunks_open(struct wr_chunks *c, const struct wr_chunk_limits *limits,
				uint64_t first_seq, uint32_t keep_free);
/* Whether `count` are free, or can be made so. */
bool wr_chunks_keep_free(struct wr_chunks *c, const struct wr_chunk_limits *limits, uint32_t count);
/* How many could be had by raising the floor, at least; counted up to `most`. */
uint64_t wr_chunks_to_be_had(struct wr_chunks *c, const struct wr_chunk_limits *limits,
			     uint64_t most);
/* Chunks that could be opened without raising the floor. */
uint32_t wr_chunks_free(const struct wr_chunks *c);
static inline struct wr_chunk *wr_chunks_by_ordinal(struct wr_chunks *c, uint64_t ordinal);

/* ---- readers ---- */

/* Pins chunk `ordinal` (below head): the chunk, or NULL when it is below the floor. */
struct wr_chunk *wr_chunks_pin(struct wr_chunks *c, struct wr_pin *pin, uint64_t ordinal);
void wr_chunks_unpin(struct wr_pin *pin);
/*
 * The live chunk that holds `seq`, or will: its ordinal. False when seq is below the floor's first.
 */
bool wr_chunks_find(struct wr_chunks *c, struct wr_pin *pin, uint64_t seq, uint64_t *ret_ordinal);

static inline struct wr_chunk *wr_chunks_by_ordinal(struct wr_chunks *c, uint64_t ordinal)
{
	/* C1: pairs with the release in wr_chunks_open; the pin or the floor keeps the entry. */
	uint64_t entry =
		wr_load_acquire(&c->directory[ordinal & (c->directory_count - 1)]); /* C1 */
	return (entry >> 16) == (ordinal & 0xffffffffffffull) ? &c->chunks[entry & 0xffff] : NULL;
}

/* One beyond the last record of the chunk that is visible at gate `visible_seq` (loaded before). */
static inline uint64_t wr_chunk_end(struct wr_chunk *chunk, uint64_t visible_seq)
{
	uint64_t end = wr_load_acquire(&chunk->end_seq); /* C2: pairs with the close in writer */
	return end != 0 && end <= visible_seq ? end : visible_seq + 1;
}

#endif
