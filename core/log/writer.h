/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of a log: the one step that orders it. Each round it stamps the time, reads every
 * lane's tail, takes what waits there run by run (settles and control first), decides, appends to
 * the open batch, moves the visible gate, and seals the batch when the medium can take it.
 *
 *   writer.c         the round: lanes in their order, gate, answers
 *   writer_append.c  one run: copy, decide, column, checksum
 *   writer_batch.c   batches: open, seal, fill up, evidence, checkpoint, the end
 *   writer_chunk.c   another chunk, and what holds data back
 *   writer_room.c    room that is not data's: for copies, and for what members publish
 *
 *   G1  visible_seq (seq_cst, in wr_publish_round_u64) pairs with the acquire of every reader:
 *       bytes, columns and batch marks of all records up to it are complete.
 *
 * It does no I/O, waits for nobody, allocates nothing. It stops taking data when a chunk cannot be
 * had (undurable backlog, a `block` subscription, no extent), and goes on taking settles and
 * control, for which chunks and extents are kept back (L11, L24, L31).
 */
#ifndef WR_LOG_WRITER_H
#define WR_LOG_WRITER_H

#include "core/base/tally.h"
#include "core/log/append_clock.h"
#include "core/log/chunk.h"
#include "core/log/decide.h"
#include "core/log/lane.h"
#include "core/log/room.h"
#include "core/log/shared.h"
#include "core/record/batch.h"

/* Chunks that data leaves free, so that settles and control always find one. */
#define WR_CONTROL_CHUNKS 2u

/*
 * What a subscription keeps; released by the group, UINT64_MAX: nothing.
 *
 *   H1  seq        nothing at or above it may leave memory: it holds producers back
 *   H2  count_seq  nothing at or above it may leave the log: its lag is still to be counted from
 *                  there, also where it is settled by now. Stored before a member is told of the
 *                  position that it belongs to, and so before anything moves that position on.
 *   H5  copied_seq  of one that copies: nothing below is to be copied any more, and what was handed
 *                  over of it is answered; 0: nobody has looked yet
 */
struct wr_hold {
	WR_LINE_ALIGNED wr_atomic_u64 seq;
	wr_atomic_u64 count_seq;
	wr_atomic_u64 copied_seq;
};

/* Who copies from one topic to another, and to how many topics what it copies comes. */
struct wr_copy_weight {
	uint32_t subscription;
	uint32_t source;
	uint32_t target;
	uint32_t aside; /* where it puts what cannot be transformed */
	uint32_t weight;
	uint32_t times;      /* a copy is at most so many times its event, */
	uint32_t more_bytes; /* and so much more */
};

struct wr_writer_options {
	uint8_t uuid[WR_UUID_BYTES];
	uint32_t log_id;
	uint32_t epoch;
	uint64_t next_seq;
	uint32_t chain;
	const struct wr_chain_key *chain_key; /* of the host's; NULL: batches have no links */
	const uint8_t *chain_link;            /* copied; NULL: it begins */
	uint64_t last_time_us;
	uint32_t run_bytes_max;
	uint32_t run_records_max;
	uint32_t undurable_chunks_max;
	uint32_t batches_in_flight_max;
	uint64_t evidence_delay_ns;
	uint64_t checkpoint_bytes; /* log bytes between checkpoints */
	uint64_t checkpoint_bytes_ago;
	uint32_t segment_chunks; /* 0: no room is kept for copies and members */
	bool retires;            /* the journal recycles segments: checkpoints make that possible */
	bool seal_before_ack;
	/* The record that opens this epoch, appended first; 0 bytes: none. */
	const void *first_record;
	uint32_t first_record_bytes;
};

/* What takes how long, for metrics: the writer's. Of runs that were timed (wr_lane_sample). */
struct wr_writer_tally {
	struct wr_tally wait_ns;    /* from the hand-over until the writer came to the lane */
	struct wr_tally ordered_ns; /* from the hand-over until its being told as ordered */
};

struct wr_writer_stats {
	wr_atomic_u64 rounds;
	wr_atomic_u64 records;
	wr_atomic_u64 refused;
	wr_atomic_u64 poisoned;
	wr_atomic_u64 held_rounds; /* in which data was held back */
	wr_atomic_u64 commits;     /* batches sealed */
};

struct wr_writer {
	WR_LINE_ALIGNED wr_atomic_u64 visible_seq; /* G1 */
	wr_atomic_u64 append_minus_boot_us;        /* as of its last round; anybody may look */

	WR_LINE_ALIGNED struct wr_chunks *chunks;
	struct wr_tables *tables;
	struct wr_lane *lanes;
	uint32_t lane_count;
	uint32_t *taken; /* lanes that are somebody's, as seen this round: the others are not
	                         looked at, since who opens one sets it up without us */
	uint32_t taken_count;
	struct wr_journal_link *link; /* NULL: memory only */
	struct wr_shared *shared;     /* NULL: none */
	struct wr_hold *holds;
	uint32_t hold_count;
	struct wr_writer_options options;
	struct wr_append_clock clock;
	struct wr_writer_tally *tally; /* NULL: nobody counts, and no clock is read for it */
	uint64_t weight_left;          /* of samples that the journal had no room for */
	/* At the end of a round that moved the gate, only refused, or shut a lane out. */
	void (*moved)(void *context);
	void *moved_context;

	/* The log's end. */
	uint64_t next_seq;
	uint32_t chain;
	bool has_chain_link;
	uint8_t chain_link[WR_CHAIN_LINK_BYTES]; /* of the batch before */
	uint64_t now_us;
	struct wr_chunk *chunk;
	bool chunk_is_kept; /* opened by control out of a reserve: no data until that is over */
	bool batch_open;
	uint32_t batch_place;
	uint32_t batch_first_index;
	uint64_t batch_first_seq;
	uint64_t batch_time_us;
	uint32_t batch_crc;
	uint32_t seed; /* of the chunk's segment */

	/* Towards the journal. */
	uint64_t commits_pushed;
	uint64_t commits_done; /* as seen this round */
	uint64_t commits_done_at_seal;
	uint64_t attested_seq; /* durable_seq of the last sealed header */
	uint64_t active_ns;    /* boot time of the last append or completion */
	uint64_t nap_commit;   /* for the completion of which it napped last, and how often */
	uint32_t nap_count;
	uint64_t checkpoint_bytes_since;
	uint64_t checkpoint_keys_bytes; /* of the last one: windows of keys and what is rare */
	uint64_t checkpoint_gates[2];   /* retention may go so far by the last two, newest first */
	uint64_t captured_needed_seq;   /* as the last one took it: durable when the slot is back */
	uint64_t moved_needed_seq;      /* since then: the lowest that a position was moved to */
	uint64_t durable_ordinal;       /* chunks below are durable */
	/* The last sealed batch: where it stands, and where the next would. */
	uint64_t last_segment_id;
	uint64_t last_offset;
	uint64_t last_end_offset;

	/* writer_room.c */
	/*
	 * By the group: below unsettled_seq members have nothing to settle, whatever the positions
	 * say that stand there; looked at while data is held back. 1: a close has begun, and
	 * nothing is kept any more.
	 */
	wr_atomic_u64 unsettled_seq; /* H5 */
	wr_atomic_u64 room_is_free;  /* H5 */
	struct wr_room room;
	struct wr_copy_weight *copiers; /* [subscriptions_max] */
	uint32_t copier_count;
	uint32_t subscriptions_seen; /* of what copiers were looked for in */
	uint64_t filters_seen;
	uint64_t copies_max;          /* of one event, at most, with the copies of copies */
	uint64_t times_max, more_max; /* of a copy */
	uint64_t room_told;           /* counts what the journal was told by D6 */
	bool settles_seen;            /* members have settled something since the open */
	bool outputs_seen;            /* and published something with it */
	bool is_held;                 /* data waits, because the room is not its own */
	bool lacks_room;              /* a lane found none for what is next, in the last round */

	uint32_t turn;    /* the lane that begins the next round, of those taken */
	bool has_decided; /* tickets, or shut a lane out, in this round */
	bool first_record_done;
	struct wr_undo undo;
	struct wr_writer_stats stats;
};

int wr_writer_init(struct wr_writer *w, struct wr_memory *memory, struct wr_chunks *chunks,
		   struct wr_tables *tables, struct wr_lane *lanes, uint32_t lane_count,
		   struct wr_journal_link *link, struct wr_clock *clock,
		   const struct wr_writer_options *options);
void wr_writer_fini(struct wr_writer *w, struct wr_memory *memory);

/* The step: budget is in bytes (0: a default). Returns work done. */
int wr_writer_step(void *writer, uint32_t budget);
/* Time until evidence is due (L29), UINT64_MAX when none is. */
uint64_t wr_writer_idle_ns(void *writer);
/*
 * How long the step, which found nothing to do, would do nothing with more events but order them
 * (0: it would): a small batch is being written, and what comes is the next one when it is done.
 * Only where the completion ends the sleep, and where nobody acts on the order alone.
 */
uint64_t wr_writer_nap_ns(struct wr_writer *w);
/* Whether every lane is drained and everything sealed and done. */
bool wr_writer_is_idle(struct wr_writer *w);

/*
 * At a clean close, instead of the step, when no lane holds anything that is to be kept: seals what
 * is open, attests it, fills the extent up. Returns 1 when that is done, else 0: step the journal
 * and call again.
 */
int wr_writer_finish(struct wr_writer *w);

static inline uint64_t wr_writer_visible_seq(struct wr_writer *w)
{
	return wr_load_acquire(&w->visible_seq); /* G1 */
}

/*
 * Append time now, on any thread: the time that a record would be stamped with, but for what the
 * clock is slewed by until the writer's next round. Ages of records are measured by it.
 */
uint64_t wr_writer_append_now_us(struct wr_writer *w);

/* ---- between the writer's own files ---- */
/* The time of a round. */
void wr_writer_stamp_round(struct wr_writer *w);

static inline bool wr_writer_has_records(const struct wr_writer *w)
{
	return w->batch_open && w->chunk->record_count > w->batch_first_index;
}

/* Room for `bytes` in an open batch; false: not now. `control` may use what is kept back. */
bool wr_writer_make_room(struct wr_writer *w, uint32_t bytes, bool control);
/* A new chunk, with its extent; false: not now. */
bool wr_writer_open_chunk(struct wr_writer *w, bool control);
/* One for a block that attests what is on the medium: also the one that is kept back for it. */
bool wr_writer_open_chunk_to_attest(struct wr_writer *w);
/* Whether the shortage is over in which control opened the chunk. */
bool wr_writer_data_may_go(struct wr_writer *w);
/* Whether what lacks room is held up by readers or a full disk: by what acknowledgements end. */
bool wr_writer_data_is_refused(struct wr_writer *w);
/* Chunks that could be opened without taking what subscriptions hold; counted up to `most`. */
uint64_t wr_writer_chunks_to_be_had(struct wr_writer *w, uint64_t most);
/* The lowest sequence that a subscription keeps in memory; UINT64_MAX: none does. */
uint64_t wr_writer_held_seq(const struct wr_writer *w);
/* What subscriptions have not settled, or have still to count. */
uint64_t wr_writer_needed_seq(const struct wr_writer *w);
/* writer_room.c: memory for who copies. */
int wr_writer_copiers_init(struct wr_writer *w, struct wr_memory *memory);
void wr_writer_copiers_fini(struct wr_writer *w, struct wr_memory *memory);
/* Bytes that data may take now, about; 0: it waits, because the room there is is not its own. */
uint64_t wr_writer_data_bytes(struct wr_writer *w);
/* Whether a member's run with events leaves enough room to what is still to be copied. */
bool wr_writer_members_may_go(struct wr_writer *w, uint32_t bytes, uint32_t records);
/* Whether a block without records has a place that is not the reserve segment's first. */
bool wr_writer_block_may_go(struct wr_writer *w);
/* Bytes that may be appended to the open batch. */
static inline uint32_t wr_writer_room(const struct wr_writer *w)
{
	return w->chunks->chunk_bytes - w->chunk->used_bytes;
}
/* Takes runs from a lane, up to bytes_max. The bytes taken; *ret_blocked: no room was to be had. */
uint32_t wr_writer_take(struct wr_writer *w, struct wr_lane *lane, uint32_t bytes_max,
			bool *ret_blocked);
/* The lane holds what no owner wrote: it is not drained any more, and nobody else suffers (L5). */
void wr_writer_poison(struct wr_writer *w, struct wr_lane *lane);
/* Appends a control record of the writer's own; there must be room. */
void wr_writer_append_own(struct wr_writer *w, const void *record, uint32_t bytes);
/* Looks whether the journal has given the checkpoint's slot back. */
void wr_writer_checkpoint_seen(struct wr_writer *w);
/* The record that opens the epoch, before anything else of it; false: no room yet. */
bool wr_writer_open_epoch(struct wr_writer *w);
/*
 * One step out of the segments that the journal wants to have behind the log (ER2): the rest of the
 * chunk is closed, or the next one opened; the first record of a new segment is a mark. 0: there is
 * nothing to be done, or no room for it now. There is a link.
 */
int wr_writer_roll(struct wr_writer *w);
/* Seals, attests or checkpoints, if it is time. Batches sealed. */
int wr_writer_seal_if_due(struct wr_writer *w);

#endif
