/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal step's own state, shared by its files: journal.c (life, the step), journal_commit.c
 * (batches), journal_segments.c (files ahead and behind), journal_range.c (which of them the
 * superblock says there are), journal_checkpoint.c, journal_start.c (what still blocks). One thread
 * at a time owns all of it; only `cells` are read by others.
 *
 * Invariants:
 *   I1  commits and marks stay in the link's rings until their batch is durable and published: the
 *       rings are the memory of what is in flight, so nothing here can overflow.
 *   I2  writes[] is a ring in log order: done <= written <= pushed, pushed - done <= 16.
 *   I3  assigned[] is a ring in the order of segment ids: live <= entered <= ready. What lies
 *       between live and entered was offered and has no batch yet; between entered and ready:
 *       headers durable, extents not offered. The last of these is the reserve.
 *   I4  segments that left the log get new headers in the order of their old ids, so that after a
 *       crash at any point the segments still on the medium have no hole (R7).
 *       What was found at open and is no part of the log gets its own before any of them: it may
 *       hold the trimmed tail of an epoch, and what says so is the epoch start in a segment that
 *       leaves the log one day.
 *   I5  in a ready segment no batch of an older life begins the first extent: a batch there proves
 *       whose file it is when the header is torn, and would bring back what left the log long ago.
 *       Of what was found at open above the log's end neither header nor first batch is left, when
 *       the log goes on in its last segment (recovery_resume.c).
 *   I6  the superblock on the medium names as newest_segment_id the last ready segment, or a later
 *       one, before an extent of it is offered; the header of each names the one before it. So what
 *       holds a batch is on record, and its loss is noticed (R11).
 *   I7  the superblock on the medium names as oldest_segment_id a segment above a retired one
 *       before the header of that is written over: nothing is on record that the log itself let go.
 */
#ifndef WR_JOURNAL_JOURNAL_INTERNAL_H
#define WR_JOURNAL_JOURNAL_INTERNAL_H

#include <errno.h>

#include "core/journal/journal.h"
#include "core/journal/packer.h"

#define WR_JOURNAL_COMMITS_MAX 64u
#define WR_JOURNAL_EXTENTS_AHEAD 8u
#define WR_JOURNAL_RETRY_NS 100000000ull
/* Segments that are made ready at most, beyond segments_ahead and the reserve, for copies. */
#define WR_JOURNAL_KEPT_MAX 16u
#define WR_JOURNAL_NONE UINT32_MAX
/* A segment's header, a checkpoint's, zeros; all zeros to fill files with before the first step. */
#define WR_JOURNAL_BLOCKS_BYTES (16u * WR_BLOCK_BYTES)
#define WR_JOURNAL_ZERO_BLOCK (2u * WR_BLOCK_BYTES)
#define WR_JOURNAL_SUPERBLOCK_BYTES (WR_SUPERBLOCK_COPIES * WR_BLOCK_BYTES)

/* One write of adjacent batches. */
struct wr_journal_write {
	struct wr_io io; /* first: the callbacks get here from it */
	struct wr_journal *journal;
	uint32_t commit_count;
	/* Mono clock, for the tally; written_ns 0: it was told with the end. */
	uint64_t begun_ns, written_ns, ended_ns;
	bool written;
	bool done;
};

/* seal_before_ack: a batch that is on the medium and that no durable header attests yet. */
struct wr_journal_unattested {
	uint64_t last_seq;
	uint32_t mark_count;
};

/* A segment with an id of this life that holds no batch yet. */
struct wr_journal_assigned {
	uint64_t segment_id;
	uint32_t index; /* in the table */
};

/* A request of the step that is not a batch: one at a time of each sort. */
struct wr_journal_task {
	struct wr_io io; /* first */
	struct wr_journal *journal;
	bool busy; /* at the storage */
	bool done; /* came back, not looked at yet */
};

/* Of a file: nothing of an older life is in it; or something is, and it was found at open. */
#define WR_JOURNAL_BLANK 0ull
#define WR_JOURNAL_FOUND UINT64_MAX
/* A packed file stands for it: it counts for nothing, whatever is written to it. */
#define WR_JOURNAL_STOOD_FOR (UINT64_MAX - 1)

/* In the order in which they are used. */
enum wr_journal_spare_kind {
	WR_JOURNAL_SPARE_FOUND = 0, /* at open */
	WR_JOURNAL_SPARE_NEW,
	WR_JOURNAL_SPARE_RETIRED, /* in this life, oldest first */
	WR_JOURNAL_SPARE_KINDS
};

struct wr_journal_spares {
	uint32_t first; /* with count 0: nothing */
	uint32_t last;
	uint32_t count;
};

/* How a spare gets ready: see journal_segments.c. */
enum wr_journal_ready_phase {
	WR_JOURNAL_READY_NONE = 0,
	WR_JOURNAL_READY_LEAVE,       /* retired in this life: the superblock, to say so (I7) */
	WR_JOURNAL_READY_ERASE_FIRST, /* found at open: the first batch's block, then the header */
	WR_JOURNAL_READY_HEADER,
	WR_JOURNAL_READY_ERASE_LAST, /* retired in this life: the block after the header */
	WR_JOURNAL_READY_ENTER,      /* the superblock, which names it as the newest (I6) */
	/* Of none: the superblock, so that files of segments that left may be removed (I7). */
	WR_JOURNAL_READY_RELEASE,
};

/* journal_removal.c */
struct wr_journal_removal {
	struct wr_journal_task task;
	uint32_t index;         /* of the file that is being removed; NONE: none is */
	bool stopped;           /* one could not be removed: no more until the next open */
	uint64_t window_ns;     /* when the present window began; 0: no segment was used yet */
	uint32_t window_count;  /* segments that went live in it */
	uint32_t window_before; /* and in the one before it */
};

/* journal_ahead.c */
struct wr_journal_ahead {
	bool looked;         /* what follows is known, as of this: */
	uint32_t file_count; /* files there were */
	int prepare_code;    /* of the last attempt to make one */
	uint64_t makeable;   /* files that could still be made */
	uint64_t look_at_ns; /* looked again, if the writer waits for it */
	uint64_t held_ns;    /* since then the writer holds data back, and no more came; 0: not */
};

struct wr_journal_files {
	/* [table->capacity]: the id under which a spare left the log, or one of the above. */
	uint64_t *retired_id;
	uint32_t *spare_next; /* [table->capacity] */
	struct wr_journal_spares spares[WR_JOURNAL_SPARE_KINDS];
	struct wr_journal_spares going; /* packed, and out of the log: journal_packed.c */
	uint32_t going_left;  /* so many of them, from the first, nobody has any more (T3) */
	uint32_t round_going; /* so many behind those, and of `left`, the round is for that runs */
	uint32_t round_left;
	struct wr_journal_task going_task; /* the one that is being removed */
	uint32_t going_index;              /* of it, in the table; or WR_JOURNAL_NONE */
	struct wr_journal_spares left; /* packed ones stand for them, and somebody may be in them */
	uint32_t files_max;            /* none is made beyond this many */
	struct wr_journal_assigned *assigned;
	uint64_t assigned_mask;
	uint64_t live; /* positions in assigned[], see I3 */
	uint64_t entered;
	uint64_t ready;
	/* Where extents are offered from. */
	uint32_t current; /* index in the table, or WR_JOURNAL_NONE */
	uint64_t current_id;
	uint64_t current_extent;     /* next to be offered */
	uint32_t current_used_bytes; /* at its beginning, where an earlier epoch ended */
	uint64_t extent_count;       /* of a segment */
	uint64_t normal_end; /* position in the extents ring behind the last non-reserve one */
	uint64_t newest_live_id;
	uint32_t next_file_number;
	bool retention_changed; /* look for segments to retire */
	bool recycle_stopped;   /* I4 cannot be kept any more: a header write failed */
	bool spare_refused;     /* the next spare could not be opened */
	bool starved;
	bool drop_wanted;     /* no file can be made: the oldest segment is to go, if it may */
	int prepare_code;     /* of the last segment that could not be prepared; 0 once one could */
	uint64_t retry_at_ns; /* of PREPARE, and of opening a spare; 0: at once */
	struct wr_journal_task header;
	enum wr_journal_ready_phase header_phase;
	uint32_t superblock_pair; /* of LEAVE and ENTER: which two copies are written */
	uint32_t header_index;    /* of the segment that is getting ready */
	uint64_t header_id;
	struct wr_journal_removal removal;
	struct wr_journal_ahead ahead;
	struct wr_journal_task prepare;
	char prepare_name[WR_STORAGE_NAME_MAX + 1];
};

enum wr_journal_checkpoint_phase {
	WR_JOURNAL_CHECKPOINT_NONE = 0,
	WR_JOURNAL_CHECKPOINT_BODY,
	WR_JOURNAL_CHECKPOINT_HEADER,
};

struct wr_journal_checkpoint {
	struct wr_journal_task task;
	enum wr_journal_checkpoint_phase phase;
	uint32_t at_bytes; /* of the body: durable so far */
	uint32_t body_crc; /* of the body up to at_bytes and what is under way */
	uint8_t *piece;    /* of a chunk, for bodies of which a part is fetched; else NULL */
	bool fetched;      /* the piece holds what is written next */
	uint32_t file[WR_CHECKPOINT_COPIES];
	uint64_t file_bytes; /* of the smaller copy; 0: there are none */
	uint32_t copy;       /* to be written next */
	uint64_t needed_seq[WR_CHECKPOINT_COPIES];
	uint64_t last_seq[WR_CHECKPOINT_COPIES];
};

/* Single-writer counters; relaxed, for people. */
struct wr_journal_cells {
	wr_atomic_u64 batches;
	wr_atomic_u64 batch_bytes;
	wr_atomic_u64 writes;
	wr_atomic_u64 segments_live;
	wr_atomic_u64 segments_spare;
	wr_atomic_u64 segments_recycled;
	wr_atomic_u64 checkpoints;
	wr_atomic_u64 checkpoint_seq;
	wr_atomic_u64 checkpoint_failures;
	wr_atomic_u64 prepare_failures;
	wr_atomic_u64 segments_dropped;
	wr_atomic_u64 segments_removed;
	wr_atomic_u64 segments_packed;
	wr_atomic_u64 pack_failures;
	wr_atomic_u64 compactions;
	wr_atomic_u64 left_out;
	wr_atomic_u64 erasing_seq;
	wr_atomic_u32 erase_waits_for;
	wr_atomic_u64 packed_live;
	wr_atomic_u64 packed_bytes;
	wr_atomic_u64 log_bytes;
	wr_atomic_u64 free_bytes;
	wr_atomic_u32 low_space;
	wr_atomic_u32 no_room_code; /* starved, and why: the code without its sign; 0: neither */
	wr_atomic_u32 no_room_told; /* the same for who is told of it in words: journal_room.c */
};

/* journal_age.c: retention's clock, in µs since 1970. */
struct wr_journal_age {
	uint64_t now_us;    /* 0: nothing is known yet */
	uint64_t append_us; /* of the last batch, and what the boot clock has run since */
	uint64_t boot_seen_ns;
	uint64_t rest_ns; /* boot time not yet turned into whole µs */
};

/* journal_packing.c */
struct wr_journal_packing {
	bool wanted;          /* there may be a segment to be packed */
	bool gives_way;       /* a segment was packed: compaction has a turn */
	bool retires_first;   /* retention by topic has one, before compaction */
	uint32_t announce;    /* features that the superblock is to say, and does not yet */
	uint32_t index;       /* of the one that was asked for */
	uint64_t at;          /* positions in the log (segment.h): all before it were looked at */
	uint64_t failed_at;   /* of them the first that may be tried again; or _NONE_FAILED */
	uint64_t round_end;   /* where the round ends that is for those of the one before it */
	uint64_t round_at_ns; /* when the next one begins, if any failed */
	uint64_t round_ns;    /* how long that was to be waited for; 0: the last had no failure */
	uint64_t retry_at_ns; /* nothing is asked for before */
	uint64_t retry_ns;    /* how long that was, after a failure; 0: the last was none */
};
#define WR_JOURNAL_NONE_FAILED UINT64_MAX

/* journal_compaction.c */
struct wr_journal_compaction {
	enum { WR_JOURNAL_COMPACTS_NOT = 0, WR_JOURNAL_COMPACTS_TABLE, WR_JOURNAL_COMPACTS } phase;
	uint64_t look_at_ns;    /* nothing is begun before */
	uint64_t clean_end_seq; /* below, passes of this owner were */
	uint64_t pass_end_seq;
	uint64_t at;     /* position in the log (segment.h) of the next segment of the pass */
	uint32_t index;  /* of the one that was asked for, in the table */
	bool is_cut;     /* the table became full: there is more to do at once */
	bool has_failed; /* a segment of any pass: tombstones stay */
};

/* journal_erase.c */
struct wr_journal_erasing {
	enum {
		WR_JOURNAL_ERASES_NOT = 0,
		WR_JOURNAL_ERASES,        /* segment after segment */
		WR_JOURNAL_ERASES_BESIDE, /* what lies beside the log */
		WR_JOURNAL_ERASES_FILES,  /* until those that left the log are gone */
		WR_JOURNAL_ERASES_RECORD, /* until the superblock says that it is done */
	} phase;
	uint64_t end_seq; /* what was erased by records up to it is this pass's */
	uint64_t at;      /* position in the log (segment.h) of the next segment */
	uint32_t index;   /* of the one that was asked for, in the table */
	uint64_t look_at_ns;
	bool has_failed; /* something of this pass */
	bool is_stuck;   /* a file that left the log could not be removed: until the next open */
};

/* journal_retire.c */
struct wr_journal_retiring {
	uint64_t look_at_ns;  /* nothing is looked at before */
	uint64_t retry_at_ns; /* nothing leaves before: something failed */
	uint64_t all_at;      /* position in the log (segment.h): below, all topics are past it */
	uint64_t at;          /* of the segment that was asked for */
	uint32_t index;       /* the same, in the table */
	bool is_certain;      /* it became no smaller, and is written anew in any case */
};

/* journal_room.c. The end of a want of room that is not told yet. */
struct wr_journal_room {
	bool has_room;     /* since ended_ns, and that is not told */
	uint64_t ended_ns; /* of the last want */
	uint64_t hold_ns;  /* for how long there has to be room; 0: nothing was ever told */
};

/* What went wrong first; noted in a callback, raised by the step. */
struct wr_journal_failure {
	int code; /* 0: nothing did */
	const char *doing;
	uint32_t file;
	uint64_t offset_bytes;
	uint32_t length_bytes;
};

struct wr_journal {
	struct wr_storage *storage;
	struct wr_memory *memory;
	struct wr_clock *clock;
	struct wr_segment_table *table;
	struct wr_journal_link *link;
	struct wr_journal_options options;
	struct wr_superblock superblock;
	uint32_t superblock_file;
	uint32_t epoch;
	uint8_t *blocks;                      /* WR_JOURNAL_BLOCKS_BYTES */
	uint8_t *superblock_blocks;           /* WR_JOURNAL_SUPERBLOCK_BYTES */
	struct wr_superblock next_superblock; /* what is in them, while they are written */

	struct wr_journal_write writes[WR_BATCHES_IN_FLIGHT_MAX];
	uint64_t writes_pushed; /* absolute counts, see I2 */
	uint64_t writes_written;
	uint64_t writes_done;
	uint64_t commits_submitted; /* absolute positions in commits_ring */
	uint64_t commits_written;
	uint64_t samples_written; /* of link->samples: those that were told as written */
	uint64_t marks_written;   /* absolute position in marks_ring */
	struct wr_journal_unattested unattested[WR_JOURNAL_COMMITS_MAX];
	uint64_t unattested_head;
	uint64_t unattested_tail;
	uint64_t attested_seq; /* by headers on the medium */
	uint64_t durable_seq;  /* as published */
	uint64_t
		medium_segment_id; /* the place of the last batch that is on the medium, in order */
	uint64_t medium_offset;
	uint32_t in_flight; /* requests at the storage, of all sorts */
	bool failed;
	bool moved;   /* tell who waits, at the end of this round */
	bool closing; /* nothing is prepared ahead any more */
	struct wr_journal_failure failure;
	struct weir_problem problem;

	struct wr_journal_files files;
	struct wr_journal_age age;
	struct wr_journal_room room;
	struct wr_journal_packing packing;
	struct wr_packer *packer; /* NULL: nothing is packed */
	struct wr_journal_compaction compaction;
	struct wr_journal_erasing erasing;
	struct wr_journal_retiring retiring;
	struct wr_journal_checkpoint checkpoint;
	struct wr_journal_cells cells;
};

static inline void wr_journal_cell_add(wr_atomic_u64 *cell, uint64_t count)
{
	wr_store_relaxed(cell, wr_load_relaxed(cell) + count);
}

static inline void wr_journal_cell_set(wr_atomic_u64 *cell, uint64_t value)
{
	wr_store_relaxed(cell, value);
}

/* journal.c. Remembers the first failure; the step raises it. */
void wr_journal_note_failure(struct wr_journal *j, int code, const char *doing,
			     const struct wr_io *io);
/* Hands a task's request over. 0, -EAGAIN (nothing happened), or another negative code. */
int wr_journal_task_submit(struct wr_journal *j, struct wr_journal_task *task);

/* S11: nothing has happened to the file. */
static inline bool wr_journal_is_no_descriptor(int code)
{
	return code == -EMFILE || code == -ENFILE;
}

/* journal_commit.c. Each returns how much it did. */
int wr_journal_commits_submit(struct wr_journal *j);
int wr_journal_commits_complete(struct wr_journal *j);

/* journal_age.c */

/* Where the clock stands at an open. */
void wr_journal_age_start(struct wr_journal *j, const struct wr_recovered *recovered);
/* A batch with this append time is on its way to the medium. */
void wr_journal_age_batch(struct wr_journal *j, uint64_t time_us);
/* Whether the n-th segment of the log is older than it has to be, and there is a newer one. */
bool wr_journal_age_is_past(struct wr_journal *j, uint32_t n);
/* Until when it need not be looked at again. */
uint64_t wr_journal_age_idle_ns(struct wr_journal *j);
/* Where the clock stands; 0: nothing is known yet. */
uint64_t wr_journal_age_now_us(struct wr_journal *j);
/* For the superblock. */
uint64_t wr_journal_age_recorded_us(struct wr_journal *j);

/* journal_room.c */

/* Whether the log has no room, and why, for who asks and who is told (PK1 by `moved`). */
void wr_journal_room_note(struct wr_journal *j);
/* Whether the medium has room for another file, and keeps what is to be left free (any thread that
 * steps or opens). Where it has not: -ENOSPC. */
int wr_journal_room_look(struct wr_journal *j);
/* What became of a file that was wanted: 0, or why it could not be made. */
void wr_journal_room_made(struct wr_journal *j, int code);
/* Until when it need not be looked at again. */
uint64_t wr_journal_room_idle_ns(const struct wr_journal *j, uint64_t now_ns);

/* journal_segments.c */
int wr_journal_segments_step(struct wr_journal *j);
/* The segment of a batch that is the first there becomes part of the log (T1). */
void wr_journal_segment_goes_live(struct wr_journal *j, const struct wr_commit *first);
/* Retires what retention lets go; how many. */
int wr_journal_segments_retire(struct wr_journal *j);
/* Whether retention would take the n-th segment; those before it have so many bytes, and the next
 * one is there (journal_wanted.c). */
bool wr_journal_is_beyond_retention(struct wr_journal *j, uint32_t n, uint64_t before_bytes);
/* How far it would go on if nobody needed anything. */
void wr_journal_tell_wanted(struct wr_journal *j);
/* No file can be made, for this reason: retention may let the oldest go, if that was asked for. */
void wr_journal_drop_if_wanted(struct wr_journal *j, int code);
/* Fills the extents ring. */
int wr_journal_extents_offer(struct wr_journal *j);
/* Gives a spare a new id, encodes its header and says what is to be written first. */
void wr_journal_ready_begin(struct wr_journal *j, uint32_t index);
/* Fills in the write of this phase. */
void wr_journal_ready_write(struct wr_journal *j, struct wr_io *io);
/* That write is durable (0) or failed: the next phase, or the segment is ready, or of no use. */
void wr_journal_ready_advance(struct wr_journal *j, int result);

/* Whether a segment is getting ready. */
static inline bool wr_journal_gets_ready(const struct wr_journal *j)
{
	return j->files.header_phase != WR_JOURNAL_READY_NONE &&
	       j->files.header_phase != WR_JOURNAL_READY_RELEASE;
}

/* Whether the segment that extents are offered of has more of them. */
static inline bool wr_journal_current_has_extents(const struct wr_journal *j)
{
	return j->files.current != WR_JOURNAL_NONE &&
	       j->files.current_extent < j->files.extent_count;
}

/* journal_spares.c. Adds a file that was just made, as a spare. */
void wr_journal_file_add(struct wr_journal *j, uint32_t file, uint32_t file_number);
/* A file is a spare, of the kind that its retired_id says. */
void wr_journal_spare_add(struct wr_journal *j, uint32_t index);
/* The spare file to get the next id, or WR_JOURNAL_NONE. take() removes it. */
uint32_t wr_journal_spare_pick(const struct wr_journal *j);
void wr_journal_spare_take(struct wr_journal *j, uint32_t index);
/* The spare file to be removed next, or WR_JOURNAL_NONE. */
uint32_t wr_journal_spare_pick_to_remove(const struct wr_journal *j);
/* What was taken is the next of its kind again. */
void wr_journal_spare_put_back(struct wr_journal *j, uint32_t index);
/*
 * It is written to from here on, and so it is kept open until it is full. 0; or it is of no use and
 * no spare any more; or there is no descriptor: then it may be tried again.
 */
int wr_journal_spare_open(struct wr_journal *j, uint32_t index);
/* Spares that may be picked. */
uint64_t wr_journal_pickable(const struct wr_journal *j);
/* Spares that may not be, and are removed: where keys are erased. */
uint64_t wr_journal_stale(const struct wr_journal *j);
/* Of these, the ones that may be removed now (I4). */
uint64_t wr_journal_stale_to_go(const struct wr_journal *j);
/* A spare that left the log in this life. */
bool wr_journal_was_in_log(const struct wr_journal *j, uint32_t index);
/* Counts spares and live segments for wr_journal_stats. */
void wr_journal_count_segments(struct wr_journal *j);
/* S11, for a segment's file. */
int wr_journal_file_keep(struct wr_journal *j, struct wr_segment *segment, bool keep);

/* journal_ahead.c. D5 */
void wr_journal_ahead_publish(struct wr_journal *j);
/* Why the writer holds data back, and nothing is on its way that would end it; 0: it is not so. */
int wr_journal_ahead_code(struct wr_journal *j);
/* Whether it does so for long: nothing that is there, or could be made, is data's. */
bool wr_journal_ahead_is_held(const struct wr_journal *j);
/* Segments to be ready for what copies need, beyond those that are in any case. */
uint64_t wr_journal_ahead_wanted(struct wr_journal *j);
/* Until when the medium has to be looked at again. */
uint64_t wr_journal_ahead_idle_ns(struct wr_journal *j);

/* journal_packed.c */
/* The oldest segment was packed, and has just left the log. */
void wr_journal_packed_retired(struct wr_journal *j, uint32_t index, uint64_t segment_id);
/* The file of this entry is no segment's any more: a packed one stands for it. */
void wr_journal_packed_left(struct wr_journal *j, uint32_t index);
/* Whether the superblock is to be written before files can go. */
bool wr_journal_packed_waits(const struct wr_journal *j);
/* The files that nobody is in any more: how much it did. */
int wr_journal_packed_step(struct wr_journal *j);
/* Until when it need not be looked at again who is in them. */
uint64_t wr_journal_packed_idle_ns(const struct wr_journal *j);
/* Blocking, for an open: nobody reads yet. */
void wr_journal_packed_remove_now(struct wr_journal *j);
/* Whether any are still there that have left the log. */
static inline bool wr_journal_packed_lingers(const struct wr_journal *j)
{
	return j->files.going.count + j->files.left.count > 0 ||
	       j->files.going_index != WR_JOURNAL_NONE;
}

/* journal_removal.c. Removes files that are not wanted any more; how much it did. */
int wr_journal_removal_step(struct wr_journal *j, uint64_t wanted_ready);
/* A segment was entered: so many are used in a while. */
void wr_journal_removal_note_used(struct wr_journal *j);
/* Whether the files that retention gave back have to wait for one that is being removed (I4). */
bool wr_journal_removal_holds(const struct wr_journal *j);
/* Until when it need not be looked at again. */
uint64_t wr_journal_removal_idle_ns(const struct wr_journal *j);

/* journal_packing.c */
int wr_journal_packing_step(struct wr_journal *j);
/* Until when nothing has to be asked or answered. */
uint64_t wr_journal_packing_idle_ns(struct wr_journal *j);
/* The packer's answer is a whole file of this segment of the log: the table says so from now on. */
void wr_journal_packing_switch(struct wr_journal *j, uint32_t live_index);
/* Whether another packed file may be made. */
bool wr_journal_packing_has_room(struct wr_journal *j);
/* The packer is free. What it is to do: the job stands there. */
void wr_journal_packer_ask(struct wr_journal *j, enum wr_packer_task task);
/* Whether the segment of the job, at `index` in the table, has left the log meanwhile. */
bool wr_journal_job_has_left(const struct wr_journal *j, uint32_t index);
/* The job of writing a segment anew, which ends at end_seq, from the file that it is in now. */
void wr_journal_packing_anew(struct wr_journal *j, struct wr_segment *s, uint64_t end_seq);

/* journal_compaction.c. While the packer has nothing to do; and its answers. */
int wr_journal_compaction_step(struct wr_journal *j, uint64_t now_ns);
void wr_journal_compaction_answer(struct wr_journal *j);
/*
 * Whether events may leave the n-th segment of the log: it is sealed and durable, below `gate`, and
 * nothing of it can be in a chunk in memory.
 */
bool wr_journal_may_write_anew(const struct wr_journal *j, uint32_t n, uint64_t gate);
/*
 * Whether somebody has still to read below `end_seq`, by now. The gate is asked when a segment is
 * chosen; this, of who went back since, by the packer before the medium says so, and by the step
 * before readers are told.
 */
bool wr_journal_compaction_is_held(const struct wr_journal *j, uint64_t end_seq);
uint64_t wr_journal_compaction_idle_ns(struct wr_journal *j, uint64_t now_ns);
/* journal_retire.c. While the packer has nothing to do; and its answers. */
int wr_journal_retire_step(struct wr_journal *j, uint64_t now_ns);
void wr_journal_retire_answer(struct wr_journal *j);
/* Until when the step of this need not be called again; UINT64_MAX: not by itself. */
uint64_t wr_journal_retire_idle_ns(struct wr_journal *j, uint64_t now_ns);
/* Something else left the segment at this position, which may have been counted. */
void wr_journal_retire_left_out(struct wr_journal *j, uint64_t at);
/* Whether every topic is past the n-th segment of the log. */
bool wr_journal_retire_is_past(const struct wr_journal *j, uint32_t n);
/* journal_erase.c. While the packer has nothing to do; and its answers. */
int wr_journal_erase_step(struct wr_journal *j, uint64_t now_ns);
/* What it has made is waited for: the log is asked to get on who holds it. */
void wr_journal_erase_held(struct wr_journal *j);
void wr_journal_erase_answer(struct wr_journal *j);
/* Whether the superblock is to say that a pass is done; and that it does, by now. */
bool wr_journal_erase_waits(const struct wr_journal *j);
void wr_journal_erase_recorded(struct wr_journal *j);
uint64_t wr_journal_erase_idle_ns(struct wr_journal *j, uint64_t now_ns);
/* Files that were part of the log, or may have been, are removed, and never used again. */
static inline bool wr_journal_erases(const struct wr_journal *j)
{
	return j->options.erase.end_seq != NULL;
}
/* What retention may not pass, nor compaction: the first sequence that has to stay as it is. */
uint64_t wr_journal_gate(const struct wr_journal *j);
/* journal_range.c */
/* Whether the superblock on the medium still counts this retired segment to the log (I7). */
bool wr_journal_range_has(const struct wr_journal *j, uint64_t retired_id);
/* Encodes the superblock with the range as it is now, and with `newest_id` at its end. */
void wr_journal_range_begin(struct wr_journal *j, uint64_t newest_id);
/* Fills in the write of the pair of copies that is next. */
void wr_journal_range_write(struct wr_journal *j, struct wr_io *io);
/* That write is durable. True when both are: the superblock is what was encoded. */
bool wr_journal_range_advance(struct wr_journal *j);
/* The range as it is now, and retention's clock, into a superblock that is about to be written. */
void wr_journal_range_fill(struct wr_journal *j, struct wr_superblock *superblock);

/* journal_checkpoint.c */
int wr_journal_checkpoint_step(struct wr_journal *j);
/* Blocking: makes the two files as large as the job's buffer needs. */
int wr_journal_checkpoint_start(struct wr_journal *j);

#endif
