/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of segments: which file holds which part of the log. The journal step (and recovery,
 * before it) is the only writer; readers of cold data look things up from any thread while
 * segments are rolled and recycled.
 *
 * T1: an entry changes like this: id = 0, then the rest (release), then the new id (release). A
 * lookup reads id, the rest, id again (all acquire): the same non-zero id twice means that what it
 * read belongs to it, because ids never come again. What is then read from the file is checked
 * against that id by every checksum (L26), so a recycle after the lookup shows as a mismatch.
 */
#ifndef WR_JOURNAL_SEGMENT_H
#define WR_JOURNAL_SEGMENT_H

#include "core/base/atomic.h"
#include "core/port/memory.h"
#include "core/port/storage.h"

/* The states of a file, known to the writer of the table only. */
enum wr_segment_state {
	WR_SEGMENT_NONE = 0,  /* no such file */
	WR_SEGMENT_SPARE,     /* written, has no id yet, or an id that nothing was written under */
	WR_SEGMENT_READY,     /* has an id and a durable header of this life, and no batch yet */
	WR_SEGMENT_LIVE,      /* part of the log */
	WR_SEGMENT_RECYCLING, /* its new header is on the way to the medium */
};

struct wr_segment {
	wr_atomic_u64 segment_id; /* 0: nothing to look up here */
	wr_atomic_u64 first_seq;  /* of its first batch; 0 until that is known */
	wr_atomic_u32 file;       /* storage handle */
	uint32_t file_number;
	enum wr_segment_state state;
	bool trimmed; /* found at open, begins with a batch, and is no part of the log */
};

struct wr_segment_table {
	struct wr_segment *segments; /* [WR_STORAGE_FILES_MAX] */
	wr_atomic_u32 count;         /* entries ever used; T2: raised by release, entry first */
	uint32_t log_id;
	uint32_t chunk_bytes;
	uint64_t segment_bytes;
	const uint8_t *uuid;
	uint64_t next_segment_id; /* never given before */
};

/* A consistent copy of one entry. */
struct wr_segment_found {
	uint64_t segment_id;
	uint64_t first_seq;
	uint32_t file;
};

int wr_segment_table_init(struct wr_segment_table *t, struct wr_memory *memory, uint32_t log_id,
			  uint32_t chunk_bytes, uint64_t segment_bytes, const uint8_t *uuid);
void wr_segment_table_fini(struct wr_segment_table *t, struct wr_memory *memory);

/*
 * The live segment that holds `seq`, or would: the one with the highest first_seq <= seq. Any
 * thread. False when seq lies below the oldest retained.
 */
bool wr_segment_find(struct wr_segment_table *t, uint64_t seq, struct wr_segment_found *ret_found);
/* The live segment with the lowest id above `segment_id`. Any thread. */
bool wr_segment_next(struct wr_segment_table *t, uint64_t segment_id,
		     struct wr_segment_found *ret_found);
/* The first sequence of the oldest live segment; 0 when there is none. Any thread. */
uint64_t wr_segment_oldest_seq(struct wr_segment_table *t);

#endif
