/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking a log on a medium, in log order, batch by batch, with the epoch rules and the decision
 * table of recovery.h applied. Recovery, verify and nobody else use it. Six files:
 *
 *   scan_segments.c  which files there are, and which segment each of them is
 *   scan_packed.c    what a packed one is
 *   scan.c           the walk
 *   scan_ahead.c     what to make of the first place that is not the next batch
 *   scan_range.c     which segments the superblock says there are
 *   scan_remains.c   whether a journal was here, where there is no superblock to say so
 *
 * The walk's state is what the next batch has to be: its place, sequence, chain and epoch. A batch
 * counts only when all four are right and both checksums hold. Everything else at that place is
 * judged by what stands behind it (scan_ahead.c).
 *
 * Memory: one chunk and a table of the files, allocated by open. Reads are a MiB at most. Work is
 * linear in what is read; each place is passed once, a second time only after damage.
 * Thread: one; blocks. Writes nothing.
 */
#ifndef WR_JOURNAL_SCAN_H
#define WR_JOURNAL_SCAN_H

#include "core/journal/format.h"
#include "core/journal/recovery.h"
#include "core/journal/unpack.h"
#include "core/record/epoch.h"

#define WR_SCAN_NONE UINT32_MAX

/* One segment file. */
struct wr_scan_segment {
	uint64_t segment_id;   /* 0: none that could be established */
	uint64_t file_bytes;   /* as a plain file has them */
	uint64_t stored_bytes; /* of the file */
	uint32_t file;
	uint32_t file_number;
	bool packed;         /* this segment without its padding (packed.h) */
	bool draft;          /* one that was never finished: no part of anything */
	bool header_copy;    /* packed: the header is damaged, its copy is good */
	bool is_twin;        /* what a packed file stands for: no part of the log any more */
	bool is_outdated;    /* packed, and packed anew since: no part of it either, and to go */
	uint32_t generation; /* packed: the highest of a segment counts */
	bool header_valid;   /* block 0 is a header of this journal */
	bool header_zero;
	bool foreign;     /* block 0 is a good header of another journal or log */
	bool is_copy;     /* the file before it in the list has the same id (R12) */
	bool first_valid; /* a batch of this segment begins it: its header at least is good */
	bool first_zero;
	bool first_stale;     /* a batch of an older life begins it */
	bool first_foreign;   /* of another journal */
	bool may_start;       /* that batch may start an epoch, and is longer than what was read */
	bool has_start;       /* it does, and is whole */
	bool excluded;        /* of a trimmed tail: not part of the log (R6) */
	bool accepted;        /* the walk took batches from it */
	uint64_t previous_id; /* as its header says; 0: none, or not known */
	struct wr_batch_header first;
	struct wr_epoch_start start;
};

/* What the walk found where it stopped. */
struct wr_scan_stop {
	uint32_t index; /* of the segment, WR_SCAN_NONE before the first one */
	uint64_t segment_id;
	uint64_t offset;
	uint64_t first_seq; /* expected there */
	/* WEIR_E_CORRUPT: */
	uint64_t end_seq;     /* exclusive; UINT64_MAX when nothing bounds it */
	bool missing_segment; /* R7 */
	bool short_file;      /* R8 */
	uint64_t lost_id;     /* R11: a segment that is on record and is not there; or 0 */
	/* The end of the log: */
	bool torn;                 /* something was being written there */
	bool valid_batch_followed; /* R3 */
	uint64_t trimmed_bytes;
	uint64_t leftover_end; /* in the same segment: nothing of its life lies behind; or 0 */
	/* Where a walk that does not mind goes on. */
	uint32_t follower_index; /* WR_SCAN_NONE: nowhere */
	uint64_t follower_offset;
	struct wr_batch_header follower;
};

struct wr_scan_batch {
	const uint8_t *bytes; /* the whole batch, until the next call */
	const struct wr_batch_header *header;
	uint32_t index;
	uint64_t offset;
	struct wr_batch_records records;
};

struct wr_scan {
	struct wr_storage *storage;
	struct wr_memory *memory;
	const struct wr_superblock *superblock;
	uint32_t log_id;
	uint32_t chunk_bytes;
	uint64_t segment_bytes;
	bool live; /* the owner may be writing meanwhile (L36) */

	struct wr_scan_segment *segments; /* ascending ids */
	uint32_t segment_count;
	uint32_t segment_capacity;
	uint64_t highest_id; /* that was seen anywhere */

	/* The state: what comes next, and where. */
	uint32_t at; /* WR_SCAN_NONE: before the first segment */
	uint64_t offset;
	uint64_t seq;
	uint32_t chain;
	uint8_t link[WR_CHAIN_LINK_BYTES]; /* of the batch before; with has_link */
	bool has_link;
	uint32_t epoch;
	bool any_chain; /* what stood before was not seen: take the next chain field as it is */
	uint32_t jump_index; /* where to look next, just once; WR_SCAN_NONE: where the state says */
	uint64_t jump_offset;

	uint64_t durable_seq; /* highest that anything attests so far */
	uint64_t read_bytes;
	struct wr_scan_stop stop;
	uint64_t refreshed_seq; /* where a live journal was read again */
	bool refreshed;

	struct wr_unpack unpack; /* made with the first packed segment */
	uint8_t *probe;          /* two blocks, and one more */
	uint8_t *buffer; /* one chunk: [lo, hi) of the extent at buffer_extent of buffer_index */
	uint32_t buffer_index;
	uint64_t buffer_extent;
	uint32_t lo;
	uint32_t hi;
	const char *failed_reading; /* for the problem's text */
	uint32_t codecs; /* of packed segments, by their headers: bits by enum wr_codec_number */
	uint32_t lacks;  /* behind WEIR_E_FORMAT: the codec that is missing; NONE: it is newer */
};

/* The superblock's copies, as they are on the medium. */
struct wr_superblock_found {
	struct wr_superblock superblock;
	enum wr_block_verdict verdicts[WR_SUPERBLOCK_COPIES];
	uint32_t older_pair; /* without the newest copy: the one to write over first */
	bool any_valid;
	bool any_unknown;
};

int wr_superblock_read(struct wr_storage *storage, struct wr_memory *memory, uint32_t file,
		       struct wr_superblock_found *ret_found);

/* One checkpoint file. */
struct wr_checkpoint_found {
	struct wr_checkpoint_header header;
	enum wr_block_verdict verdict; /* ZERO also when there is no such file */
	bool body_valid;
	uint32_t file; /* open while `is_open` */
	bool is_open;
};

/*
 * Reads both headers; the bodies are checked one by one with wr_checkpoint_body(), which leaves the
 * body in a block of its own (*ret_bytes bytes) that the caller frees. WEIR_E_CORRUPT: not valid.
 */
int wr_checkpoints_read(struct wr_storage *storage, const struct wr_superblock *superblock,
			uint32_t log_id, uint8_t *block,
			struct wr_checkpoint_found found[WR_CHECKPOINT_COPIES]);
int wr_checkpoint_body(struct wr_storage *storage, struct wr_memory *memory,
		       struct wr_checkpoint_found *found, uint8_t **ret_body, size_t *ret_bytes);
void wr_checkpoints_close(struct wr_storage *storage,
			  struct wr_checkpoint_found found[WR_CHECKPOINT_COPIES]);

/* --- scan_segments.c --- */

/*
 * Opens every segment file of the log and reads its first two blocks. 0, WEIR_E_FORMAT, or what
 * the storage said. The state is "before the first segment", the next sequence is 1.
 */
int wr_scan_open(struct wr_scan *scan, struct wr_storage *storage, struct wr_memory *memory,
		 const struct wr_superblock *superblock, uint32_t log_id, bool live);
/* Gives the memory back, and the files too unless they are kept. */
void wr_scan_close(struct wr_scan *scan, bool keep_files);
/* Reads the first blocks again. WEIR_E_AGAIN when the segment that the walk is in was recycled. */
int wr_scan_refresh(struct wr_scan *scan);
/* Whether this code of an open or a read says that a live journal has removed the file (-ENOENT;
 * -ESTALE: the name went to another file): it counts as empty. */
bool wr_scan_is_gone(const struct wr_scan *scan, int code);
/* Index of the oldest segment of the log, or WR_SCAN_NONE. */
uint32_t wr_scan_oldest(const struct wr_scan *scan);
/*
 * The oldest segment at or below `last_id` that has a header, lies in the log, and whose first
 * batch is not there: the index, or WR_SCAN_NONE. Such a segment cannot be entered into the table.
 */
int wr_scan_find_headless(struct wr_scan *scan, uint64_t last_id, uint32_t *ret_index);
/*
 * The state for a walk through all of the log: with sequence 1, or, if older segments may have been
 * retired, with the oldest that is there.
 */
int wr_scan_begin(struct wr_scan *scan, bool may_have_retired);
/* What is lost when that is the oldest segment. */
int wr_scan_headless_range(struct wr_scan *scan, uint32_t index, uint64_t *ret_first_seq,
			   uint64_t *ret_end_seq);
/* The first sequence of any batch in the segment's first extent; 0: there is none. */
int wr_scan_first_seq_inside(struct wr_scan *scan, uint32_t index, uint64_t *ret_seq);

/* --- scan_packed.c --- */

/*
 * Of a file whose first two blocks are in `probe`. *ret_is: it is a packed segment, a draft of one,
 * or one of somebody else; what it is stands in the segment then.
 */
int wr_scan_judge_packed(struct wr_scan *scan, struct wr_scan_segment *s, bool *ret_is);

/* --- scan.c --- */

/* The state: begin with the first batch of this segment, whatever precedes it. */
void wr_scan_from_segment(struct wr_scan *scan, uint32_t index);
/* The state: behind this batch. */
void wr_scan_behind(struct wr_scan *scan, uint32_t index, const struct wr_batch_header *header);
/*
 * 1 and the next batch of the log; 0 at its end, WEIR_E_CORRUPT at damage (both: scan->stop);
 * WEIR_E_FORMAT; WEIR_E_AGAIN (live only): what was being read was recycled, start over; or what
 * the storage said.
 */
int wr_scan_next(struct wr_scan *scan, struct wr_scan_batch *ret_batch);
/* After WEIR_E_CORRUPT: goes on behind the damage. False when nothing follows. */
bool wr_scan_skip(struct wr_scan *scan);
/*
 * The batch at a place: verdict, header (when it is good) and bytes (when all is). *ret_short: the
 * file ends before the batch does. 0 or what the storage said.
 */
int wr_scan_batch(struct wr_scan *scan, uint32_t index, uint64_t offset,
		  enum wr_batch_verdict *ret_verdict, struct wr_scan_batch *ret_batch,
		  bool *ret_short);
/* `want_bytes` at a place of one extent; fewer when the file ends. `ahead`: read on meanwhile. */
int wr_scan_bytes(struct wr_scan *scan, uint32_t index, uint64_t offset, uint32_t want_bytes,
		  bool ahead, const uint8_t **ret_bytes, uint32_t *ret_available_bytes);
enum wr_batch_verdict wr_scan_check_header(const struct wr_scan *scan, const uint8_t *bytes,
					   uint64_t segment_id, uint64_t offset);
/* A whole batch header of an older life of the file: how much it covers; 0: it is none. */
uint32_t wr_scan_stale_bytes(const struct wr_scan *scan, const uint8_t *bytes, uint64_t segment_id,
			     uint64_t offset);
/* Whether this epoch begins exactly where the walk stands. */
bool wr_scan_start_matches(const struct wr_scan *scan, const struct wr_batch_header *header,
			   const struct wr_epoch_start *start);

static inline uint64_t wr_scan_extent_of(const struct wr_scan *scan, uint64_t offset)
{
	uint64_t index = (offset - WR_BLOCK_BYTES) / scan->chunk_bytes;
	return wr_extent_offset(scan->chunk_bytes, index);
}

/* Bytes from a place to the end of its extent. */
static inline uint32_t wr_scan_extent_rest(const struct wr_scan *scan, uint64_t offset)
{
	return (uint32_t)(wr_scan_extent_of(scan, offset) + scan->chunk_bytes - offset);
}

static inline uint64_t wr_scan_at_id(const struct wr_scan *scan)
{
	return scan->at == WR_SCAN_NONE ? 0 : scan->segments[scan->at].segment_id;
}

/*
 * Whether the last owner's clean mark names exactly the place where the walk stands. The mark goes,
 * durably, before anything is written in a new life: whatever lies behind the place is then of a
 * former life of the file, and no torn tail.
 */
static inline bool wr_scan_is_at_clean_end(const struct wr_scan *scan)
{
	const struct wr_superblock *s = scan->superblock;
	return s->clean && s->clean_segment_id == wr_scan_at_id(scan) &&
	       s->clean_offset == scan->offset && s->clean_last_seq == scan->seq - 1 &&
	       s->clean_header_crc == scan->chain;
}

/* --- scan_range.c --- */

/*
 * R11. A segment above `above_id` that the superblock says may hold batches of the log, and of
 * which nothing is there or not all: its id; 0: there is none. Or a negative code.
 */
int wr_scan_lost_above(struct wr_scan *scan, uint64_t above_id, uint64_t *ret_id);
/* The same for one that batches were written to, from the oldest up to, and without, `below_id`. */
int wr_scan_lost_below(struct wr_scan *scan, uint64_t below_id, uint64_t *ret_id);
/*
 * The oldest segment as it is recorded now: its id and first sequence, or 0 and UINT64_MAX. Only a
 * live journal's superblock is read again.
 */
int wr_scan_oldest_recorded(struct wr_scan *scan, uint64_t *ret_id, uint64_t *ret_seq);
/* Whether a live journal has let this sequence go meanwhile: 1, 0 or a negative code. */
int wr_scan_is_retired(struct wr_scan *scan, uint64_t seq);

/* --- scan_remains.c --- */

/*
 * R13. Where no copy of the superblock is good: 1 if a journal has lost it, and what to do about
 * that; 0 if no journal is there yet; WEIR_E_FORMAT, or what the storage said.
 */
int wr_scan_remains(struct wr_storage *storage, struct wr_memory *memory, uint32_t log_id,
		    bool has_superblock_file, char *ret_text, size_t text_bytes);

/* --- scan_ahead.c --- */

/*
 * Judges the place where the next batch was looked for and not found; `index` is WR_SCAN_NONE when
 * there is no such place. 1: the state was moved on, look again; else as wr_scan_next().
 */
int wr_scan_judge(struct wr_scan *scan, uint32_t index, uint64_t offset);

#endif
