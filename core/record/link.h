/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a log's writer and its journal hand each other. The two do not know one another; both know
 * this. Everything here has one writing side:
 *
 *   extents     journal → writer   places on disk, each for one chunk, in log order, durable as
 *                                  files before they are offered
 *   commits     writer → journal   sealed batches, in log order
 *   marks       writer → journal   for each commit, the lanes it ends in and their last tickets
 *   samples     writer → journal   of some runs: when they were handed over, for metrics
 *   checkpoint  one slot that goes back and forth
 *   positions   journal →          what is written and durable; readers and producers look at it
 */
#ifndef WR_RECORD_LINK_H
#define WR_RECORD_LINK_H

#include "core/base/atomic.h"
#include "core/base/spsc.h"

/* Room for one chunk on disk. */
struct wr_extent {
	uint64_t segment_id;
	uint64_t segment_offset; /* of the chunk's first byte in the file */
	uint32_t file;           /* storage handle */
	uint32_t reserve;        /* 1: of the segment kept for control and settles (L31) */
	uint32_t used_bytes; /* at its beginning, of the epoch before: this one goes on behind */
};

/*
 * A sealed batch. Its bytes stay as they are until it is done. With batch_bytes == 0 there is no
 * batch: only marks, of lanes that had nothing but refusals since the last one; it is done once
 * everything before it is, and stands where the last batch stands.
 */
struct wr_commit {
	const uint8_t *bytes;
	uint32_t batch_bytes;
	uint32_t file;
	uint64_t segment_id;
	uint64_t segment_offset;
	uint64_t first_seq;   /* of its records */
	uint64_t end_seq;     /* one beyond the last; == first_seq when it holds none */
	uint64_t durable_seq; /* as its header says: for seal_before_ack */
	uint64_t time_us;     /* append time of its first record, as its header says; 0: no batch */
	wr_atomic_u64 *durable_ns; /* who wants to know when (chunk.h); NULL: nobody */
	uint32_t header_crc;
	uint32_t mark_count; /* next so many of `marks` belong to it */
};

struct wr_lane_mark {
	uint32_t lane;
	uint64_t ticket; /* the last ticket of this lane that is decided by the end of the batch */
};

/* A run whose hand-over was timed, with all before it; in log order. */
struct wr_ack_sample {
	uint64_t seq;   /* the last that was ordered with it: once that is durable, it is */
	uint64_t at_ns; /* mono clock */
	uint64_t weight;
};

/* What a lane's owner may look at; written by the journal only. */
struct wr_lane_durable {
	WR_LINE_ALIGNED wr_atomic_u64 written_ticket;
	wr_atomic_u64 durable_ticket;
};

enum wr_checkpoint_state { WR_CHECKPOINT_IDLE = 0, WR_CHECKPOINT_CAPTURED = 1 };

/* The writer's tables as they were at the end of one sealed batch. */
struct wr_checkpoint_job {
	WR_LINE_ALIGNED wr_atomic_u32 state; /* K1: handed over by release, taken by acquire */
	uint32_t bytes;                      /* used of `buffer` */
	uint8_t *buffer;                     /* block aligned; sections (core/record/section.h) */
	uint32_t buffer_bytes;               /* a multiple of the block */
	uint32_t header_crc;                 /* of the batch: binds the checkpoint to its chain */
	uint64_t last_seq;                   /* every record up to this one is in the tables */
	uint64_t segment_id;                 /* where that batch stands */
	uint64_t segment_offset;
	uint64_t needed_seq; /* no subscription needs anything below: the retention gate */
	/*
	 * What comes behind the buffer in the body, and is too much for one copy: `more` gives its
	 * bytes, from its beginning to its end, in order, to the journal's thread, while the slot
	 * is CAPTURED. What it reads stays as it was (K2 in core/log/keys.h).
	 */
	uint64_t more_bytes;
	uint64_t more_bytes_max; /* ever; 0: there is never any */
	void (*more)(void *context, uint64_t at, uint8_t *to, uint32_t bytes);
	void *more_context;
};

struct wr_journal_link {
	struct wr_spsc extents_ring;
	struct wr_extent *extents;
	struct wr_spsc commits_ring;
	struct wr_commit *commits;
	struct wr_spsc marks_ring;
	struct wr_lane_mark *marks;
	struct wr_spsc samples_ring;
	struct wr_ack_sample *samples; /* NULL: nobody counts */
	struct wr_checkpoint_job checkpoint;

	/*
	 * Positions. D1: published in order by the journal; pairs with every acquire load of them.
	 * "Up to n" includes n. medium_seq runs ahead of durable_seq only with seal_before_ack.
	 */
	WR_LINE_ALIGNED wr_atomic_u64 durable_seq; /* acknowledged durable: the `durable` gate */
	wr_atomic_u64 written_seq;
	wr_atomic_u64 medium_seq;   /* durable on the medium: what the next header attests */
	wr_atomic_u64 commits_done; /* in order; commits pushed less this are in flight */
	wr_atomic_u32 failed;       /* 0, or 1: the journal is FAILED (P4); nothing more moves */
	wr_atomic_u32 starved;      /* D2: 1: no extent can be offered now */
	wr_atomic_u32 full;         /* D2: 1: and no segment is on its way (disk full) */
	/*
	 * D3, D4: what keeps the journal from retiring what a position is just being moved to. The
	 * checkpoints' gates are of the past; these two are of the present:
	 *
	 *   needed_seq   by the writer: nothing below is needed by a position as it is now. A seek
	 *                or a new subscription lowers it while it is decided, before its answer.
	 *                Raised where a checkpoint is captured, and by no more than what the
	 *                one before has made durable.
	 *   asking       counts the control calls that look for a place that may become a position,
	 *                each until the writer's answer is there: its caller takes it back, or,
	 *                with a seek, the group that had it ordered.
	 *   leaving_seq  by the journal: everything below is retired, or just about to be.
	 *
	 * The asker adds to asking, then loads leaving_seq, and takes no place below it. The
	 * journal stores leaving_seq, then loads asking, and takes its step back unless it is 0.
	 * All four are seq_cst, so in their total order one of the two stores comes before the
	 * other side's load: a place that goes is not taken, or what is taken stays. The journal
	 * loads needed_seq after it saw asking == 0: what made it 0 came (release) after the last
	 * answer, and so after the writer's store of the lower needed_seq.
	 */
	wr_atomic_u64 needed_seq;
	wr_atomic_u64 leaving_seq;
	wr_atomic_u32 asking;
	/*
	 * How much room there is before the reserve, and what of it is not data's
	 * (core/log/writer_room.c):
	 *
	 *   D5  room_end      by the journal: that many extents, from the first that was offered
	 *                     on, are there or can be made, the reserve left out
	 *   D6  kept_extents  by the writer: of those, how many it wants made ready for copies
	 *   D6  held          by the writer: 1: data waits, because the room is not its own
	 */
	wr_atomic_u64 room_end;
	wr_atomic_u32 kept_extents;
	wr_atomic_u32 held;
	/*
	 * ER2: what the journal says of erasures (journal_erase.c), by release:
	 *
	 *   erased_seq    of what was erased by records up to this one nothing is left
	 *   roll_past_id  the log is to leave the segments up to this one, so that they can be
	 *                 written anew; 0: none
	 *   gate_seq      two checkpoints are wanted behind this sequence; 0: none
	 */
	wr_atomic_u64 erased_seq;
	wr_atomic_u64 roll_past_id;
	wr_atomic_u64 gate_seq;
	/*
	 * By the journal, relaxed: what retention would take if nobody needed it lies below
	 * wanted_seq, in whole segments; 0: nothing is held up (core/journal/journal_wanted.c).
	 */
	wr_atomic_u64 wanted_seq;

	struct wr_lane_durable *lanes; /* [lane_count] */
	uint32_t lane_count;
	/* Called by the journal step after positions moved or it failed: wakes who waits. */
	void (*moved)(void *context);
	void *moved_context;
};

#endif
