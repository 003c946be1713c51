/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal step: takes sealed batches from the link, writes them durably, several at once, and
 * publishes positions in order. It also prepares segments ahead, recycles retired ones, writes
 * checkpoints. One thread steps it, the one that entered the storage.
 *
 * Happy path: commits pop → adjacent ones are merged into one write of at most a chunk → done() in
 * any order → completed in order → positions, lanes' positions, moved().
 *
 * Failure modes: a failed write or sync of a batch → FAILED for good: link->failed, nothing is
 * acknowledged any more, no retry (promise P4). A failed PREPARE (disk full, no descriptor left)
 * → starved, tried again every 100 ms or when a segment retires; with as many files as are allowed,
 * when one retires. A failed checkpoint or recycle → reported, the journal goes on and tries again
 * at the next interval.
 *
 * Extents: offered ahead so that the writer never waits at a roll: at least two, from the current
 * segment and then from prepared ones. One prepared segment is the reserve (L31): its extents are
 * offered, marked `reserve`, only when there is no other; the writer then takes nothing but control
 * and settles. A recycled or prepared segment gets its id and header written and synced before any
 * of its extents is offered. Files beyond retention are recycled; those that will not be used soon
 * are removed from the disk.
 */
#ifndef WR_JOURNAL_JOURNAL_H
#define WR_JOURNAL_JOURNAL_H

#include "core/base/tally.h"
#include "core/journal/compact.h"
#include "core/journal/packer.h"
#include "core/journal/recovery.h"
#include "core/journal/segment.h"

#define WR_BATCHES_IN_FLIGHT_MAX 16u

/* What takes how long, for metrics: the journal step's. */
struct wr_journal_tally {
	struct wr_tally write_ns;    /* from handing a write over to its being durable */
	struct wr_tally write_bytes; /* of such a write: one batch or more */
	struct wr_tally durable_ns;  /* from the ordering of a batch's first record to that */
	struct wr_tally sync_ns;     /* of a write: from the kernel's having it to that */
	/* From the hand-over of runs that were timed (wr_ack_sample) to their level. */
	struct wr_tally ack_written_ns;
	struct wr_tally ack_durable_ns;
};

struct wr_journal_options {
	struct wr_journal_tally *tally;            /* NULL: nobody counts, and no clock is read */
	bool syncs_apart;                          /* with it: a sync is a call of its own */
	const wr_atomic_u64 *append_minus_boot_us; /* with it: the writer's clock (relaxed) */
	uint32_t log_id;
	uint32_t segments_ahead;    /* spare segments to keep, beside the reserve */
	uint64_t retention_bytes;   /* 0: keep everything */
	uint64_t retention_time_ns; /* the same, by retention's clock (journal_age.c) */
	uint64_t low_space_bytes;   /* no file is made that leaves less free; 0: none asks */
	bool pack;                  /* sealed segments, by wr_journal_pack_step() */
	struct wr_compress_options compress; /* of what is packed */
	struct wr_compact_options compact;   /* by the packer: needs `pack` */
	struct wr_erase_options erase;       /* likewise; then no file is used again */
	struct wr_retire_options retire;     /* likewise: retention by topic */
	bool drop_oldest;               /* where no file can be made, whatever retention says */
	uint32_t batches_in_flight_max; /* 1..16 */
	bool seal_before_ack;
	uint32_t lanes_max;
};

struct wr_journal_stats {
	uint64_t batches; /* made durable */
	uint64_t batch_bytes;
	uint64_t writes; /* requests: less than batches when some were merged */
	uint64_t segments_live;
	uint64_t segments_spare;
	uint64_t segments_recycled;
	uint64_t checkpoints;
	uint64_t checkpoint_seq; /* of the newest durable one */
	uint64_t checkpoint_failures;
	uint64_t prepare_failures; /* of new files, and of new headers for spare ones */
	uint64_t segments_dropped;
	uint64_t segments_removed;
	uint64_t segments_packed; /* by this owner */
	uint64_t pack_failures;   /* damaged ones, no room, none smaller */
	uint64_t compactions;     /* passes, by this owner, that came to their end */
	uint64_t left_out;        /* events, by them, by erasures and by retention of topics */
	uint64_t erased_seq;      /* of what was erased by records up to it nothing is left */
	uint64_t erasing_seq;     /* where the pass is that erases; 0: none is under way */
	uint32_t erase_waits_for; /* enum wr_journal_waits */
	uint64_t packed_live;     /* of segments_live */
	uint64_t packed_bytes;    /* of log_bytes */
	uint64_t log_bytes;       /* of the files of the log */
	uint64_t free_bytes;      /* of the medium, when a file was last wanted; 0: nobody looked */
	bool low_space;           /* a file was wanted, and there was no room for it */
	int no_room_code; /* data waits, since no segment could be prepared, and why; or 0 */
	int no_room_told; /* what to say of it in words: its end only when that has lasted */
};

/* What keeps the pass that erases where it is. */
enum wr_journal_waits {
	WR_JOURNAL_WAITS_NOT = 0,
	WR_JOURNAL_WAITS_READERS, /* a subscription has still to read what comes next, or read it */
	WR_JOURNAL_WAITS_LOG,     /* the log has to go on: further segments, further checkpoints */
	WR_JOURNAL_WAITS_ROOM,    /* for another file */
	WR_JOURNAL_WAITS_FAILED,  /* something could not be erased: it is tried again in a while */
};

struct wr_journal;

/* What the journal and the segment table allocate for so many segments, and the room beside. */
uint64_t wr_journal_tables_bytes(uint32_t segments_max);

/*
 * Sizes and allocates the link's arrays and positions too. `table` is as recovery left it. The
 * caller sets in the link: moved, moved_context, needed_seq as recovered (here it is UINT64_MAX),
 * and the checkpoint's buffer and buffer_bytes (0: no checkpoints are taken), before
 * wr_journal_start. segments_ahead 0 is taken as 1.
 */
int wr_journal_create(struct wr_storage *storage, struct wr_memory *memory, struct wr_clock *clock,
		      const struct wr_journal_options *options, struct wr_segment_table *table,
		      const struct wr_recovered *recovered, struct wr_journal_link *link,
		      struct wr_journal **ret_journal);
/*
 * NULL is fine. The storage has been left (S9), or is broken for good: nothing that was in flight
 * comes home any more. The link's arrays go too.
 */
void wr_journal_destroy(struct wr_journal *journal, struct wr_memory *memory);

/*
 * Before the first step, still blocking: makes sure that a first extent can be offered and that
 * the reserve exists (prepares up to two segments if there are none). -ENOSPC, -EIO ...
 */
int wr_journal_start(struct wr_journal *journal, struct weir_problem *reterr_problem);

/* The step. */
int wr_journal_step(void *journal, uint32_t budget);
uint64_t wr_journal_idle_ns(void *journal);
/*
 * options.pack: the packer's step, beside the journal's, on any one thread (packer.h); blocks on
 * the medium. Nobody steps it any more before the storage is left. Without pack it does nothing.
 */
int wr_journal_pack_step(void *journal, uint32_t budget);
uint64_t wr_journal_pack_idle_ns(void *journal);
/* For how long its step has not come back; 0: none is under way. Any thread. */
uint64_t wr_journal_pack_inside_ns(const struct wr_journal *journal, uint64_t now_ns);
/* After the packer's last step, while the storage is there: what it has begun is removed. */
void wr_journal_pack_end(struct wr_journal *journal);
/* What options.pack takes of memory, beside what readers need (wr_unpack_bytes). */
uint64_t wr_journal_pack_bytes(uint32_t chunk_bytes, uint64_t segment_bytes, uint64_t compact_keys,
			       bool erases, uint32_t retiring_topics, uint32_t compression);
/* Completed and in-order or not, is anything still under way? */
bool wr_journal_is_idle(const struct wr_journal *journal);

/*
 * A close is under way: from now on a segment is prepared only if there is no extent at hand for
 * what is still to be written, so that the close does not wait for files that nobody will use.
 */
void wr_journal_closing(struct wr_journal *journal);

/*
 * After the last step, when nothing is in flight: records the clean end in the superblock.
 * `last_*` describe the last batch of the log. Blocking.
 */
int wr_journal_close_clean(struct wr_journal *journal, uint64_t last_seq, uint64_t segment_id,
			   uint64_t end_offset, uint32_t header_crc);

/* Any thread; single-writer cells. */
void wr_journal_stats(const struct wr_journal *journal, struct wr_journal_stats *ret_stats);
/* What failed, for people; valid once link->failed is set. */
const struct weir_problem *wr_journal_problem(const struct wr_journal *journal);

#endif
