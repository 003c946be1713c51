/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of segments: which file holds which part of the log. The journal step (and recovery,
 * before it) is the only writer; readers of cold data look things up from any thread while
 * segments are rolled and recycled.
 *
 * T4: `left_outs` counts the segments that events left while they were part of the log. It is
 * raised (release) when the table says the new file: who has read a count (acquire) before a
 * lookup, and finds the same later, has read of all segments what they still have.
 *
 * T3 (inside.h): a reader counts itself in before it looks anything up, and out when it has done
 * with what it found. Who closes a file, or writes over one that its segment no longer is, takes it
 * out of the table and waits for the end of a round.
 *
 * T1: a segment leaves the log by `oldest`, which moves before its entry changes (all release). A
 * lookup reads the entry (acquire) and `oldest` after it: while that has not passed, what it read
 * belongs together. What is then read from the file is checked against the id by every checksum
 * (L26), so a recycle after the lookup shows as a mismatch.
 */
#ifndef WR_JOURNAL_SEGMENT_H
#define WR_JOURNAL_SEGMENT_H

#include "core/base/atomic.h"
#include "core/journal/inside.h"
#include "core/port/memory.h"
#include "core/port/storage.h"

/* The states of a file, known to the writer of the table only. */
enum wr_segment_state {
	WR_SEGMENT_NONE = 0,  /* no such file, or one of no more use */
	WR_SEGMENT_SPARE,     /* written, has no id yet, or an id that nothing was written under */
	WR_SEGMENT_READY,     /* has an id and a durable header of this life, and no batch yet */
	WR_SEGMENT_LIVE,      /* part of the log */
	WR_SEGMENT_RECYCLING, /* its new header is on the way to the medium */
	WR_SEGMENT_REMOVING,  /* its file is on the way out */
};

struct wr_segment {
	wr_atomic_u64 segment_id; /* of a live one; else 0 */
	wr_atomic_u64 first_seq;  /* of its first batch; 0 until that is known */
	wr_atomic_u32 file;       /* storage handle, and WR_SEGMENT_PACKED */
	wr_atomic_u64 bytes;      /* of the file; relaxed: a packed one's may come before it */
	uint32_t file_number;   /* of an entry without a file: the next one without, or _NO_ENTRY */
	uint64_t first_time_us; /* append time of its first batch; the step's */
	enum wr_segment_state state;
	bool trimmed; /* found at open, begins with a batch, and is no part of the log */
	bool cleared; /* found at open above the log's end: header and first batch are zeros now */
	bool stays_plain; /* it could not be packed */
	bool is_rest;     /* found at open: packed, and of no use to anybody */
};

/* In `file`: this file is a packed one. Handles are far below it. */
#define WR_SEGMENT_PACKED (1u << 31)

#define WR_SEGMENT_NO_ENTRY UINT32_MAX

/* Files more than the limit: an open at the limit may have to make some. */
#define WR_SEGMENTS_ROOM 16u

struct wr_segment_table {
	struct wr_segment *segments; /* [capacity], the first `count` were used */
	wr_atomic_u32 *order;        /* [order_mask + 1]: indices of live ones, a ring */
	wr_atomic_u64 oldest;        /* positions in it, ever ascending; T1 */
	wr_atomic_u64 newest_end;    /* T2: raised by release, the entry is there before */
	struct wr_inside inside;     /* readers: T3 */
	wr_atomic_u64 left_outs;     /* T4 */
	uint64_t order_mask;
	uint32_t capacity;
	wr_atomic_u32 count; /* relaxed, the writer's; tests look */
	uint32_t gone_first; /* entries of files that were removed, the writer's */
	uint32_t gone_count;
	uint32_t log_id;
	uint32_t chunk_bytes;
	uint64_t segment_bytes;
	const uint8_t *uuid;
	uint64_t next_segment_id; /* never given before */
	bool has_packed;          /* some are packed, or may be: readers need room for that */
	uint32_t codecs; /* and these compressed, or may be: bits by enum wr_codec_number */
	/* The writer's, of the log as it is: kept with each change. */
	uint64_t live_bytes;
	uint64_t packed_bytes; /* and of what is packed of it */
	uint32_t packed_count;
};

/* A consistent copy of one entry. */
struct wr_segment_found {
	uint64_t segment_id;
	uint64_t first_seq;
	uint64_t bytes; /* of the file; of an earlier one, while it is packed */
	uint32_t file;
	bool packed;
};

/* For `capacity` files; it never grows. */
int wr_segment_table_init(struct wr_segment_table *t, struct wr_memory *memory, uint32_t log_id,
			  uint32_t chunk_bytes, uint64_t segment_bytes, const uint8_t *uuid,
			  uint32_t capacity);
void wr_segment_table_fini(struct wr_segment_table *t, struct wr_memory *memory);
uint64_t wr_segment_table_bytes(uint32_t capacity);

/* The writer's. A file more, SPARE; its index. There is room: file_count < capacity. */
uint32_t wr_segment_add(struct wr_segment_table *t, uint32_t file, uint32_t file_number);
/* That file, which is no part of the log, is gone: the next one that is added gets its place. */
void wr_segment_remove(struct wr_segment_table *t, uint32_t index);
/* Entries that have, or had, a file which is still there. */
uint32_t wr_segment_file_count(const struct wr_segment_table *t);
/* It becomes the newest of the log: ids ascend. The last two are of its first batch. */
void wr_segment_set_live(struct wr_segment_table *t, uint32_t index, uint64_t segment_id,
			 uint64_t first_seq, uint64_t first_time_us);
/* The oldest of the log leaves it and is SPARE; its index. There is one. */
uint32_t wr_segment_retire(struct wr_segment_table *t);
/* This segment of the log is in another file from now on, a packed one of so many bytes. */
void wr_segment_set_packed(struct wr_segment_table *t, struct wr_segment *segment, uint32_t file,
			   uint32_t file_number, uint64_t bytes);
/* Its storage handle; whether it is packed. The writer's, too. */
static inline uint32_t wr_segment_file(struct wr_segment *segment)
{
	return wr_load_relaxed(&segment->file) & ~WR_SEGMENT_PACKED;
}

static inline bool wr_segment_is_packed(struct wr_segment *segment)
{
	return (wr_load_relaxed(&segment->file) & WR_SEGMENT_PACKED) != 0;
}

uint32_t wr_segment_live_count(const struct wr_segment_table *t);
/* The n-th of the log, from the oldest, which is 0. */
struct wr_segment *wr_segment_live(struct wr_segment_table *t, uint32_t n);

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
