/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at a journal from outside, read-only, also while its owner runs (L36): walks every batch
 * of every retained segment in log order and tells a visitor what stands where. It does not stop at
 * the first damage. Blocking; for the CLI and the tests.
 */
#ifndef WR_JOURNAL_VERIFY_H
#define WR_JOURNAL_VERIFY_H

#include "core/journal/format.h"
#include "core/port/memory.h"
#include "core/port/storage.h"

#include <weir/error.h>

enum wr_damage_kind {
	WR_DAMAGE_SUPERBLOCK_COPY, /* one copy is bad, another is good: harmless, reported */
	WR_DAMAGE_CHECKPOINT,      /* one checkpoint is bad: harmless, reported */
	WR_DAMAGE_SEGMENT_HEADER,  /* bad, and the chain proves which segment it was */
	WR_DAMAGE_BATCH,           /* below the durable sequence: corruption */
	WR_DAMAGE_MISSING_SEGMENT, /* corruption */
	WR_DAMAGE_TORN_TAIL,       /* never acknowledged: reported, no fault */
	WR_DAMAGE_SPARE,           /* a file outside the log has a bad header: harmless */
	WR_DAMAGE_SEGMENT_COPY,    /* two files, and nobody can say which it is: corruption */
};

struct wr_damage {
	enum wr_damage_kind kind;
	bool corrupt; /* acknowledged events are not there: exit code 6 */
	char file[64];
	uint64_t segment_id;
	uint64_t offset;
	uint64_t bytes;
	uint64_t first_seq; /* the range that is affected; end is exclusive */
	uint64_t end_seq;
	char text[160];
};

struct wr_segment_summary {
	char file[64];
	uint64_t segment_id;
	uint64_t first_seq;
	uint64_t end_seq;
	uint64_t first_time_us;
	uint64_t last_time_us;
	uint64_t used_bytes;
	uint64_t file_bytes;
	uint32_t batch_count;
	uint32_t epoch; /* of its last batch */
	bool spare;
};

struct wr_verify_visitor {
	/* Each returns non-zero to stop, which wr_verify_run returns. Any may be NULL. */
	int (*segment)(void *context, const struct wr_segment_summary *summary);
	int (*damage)(void *context, const struct wr_damage *damage);
	/* Every valid data batch; `batch` is the whole batch in memory, for this call only. */
	int (*batch)(void *context, const struct wr_batch_header *batch);
	void *context;
	/* Not 0: begin with the segment that this sequence lies in; what is older is not read, and
	 * what is wrong with it not told. */
	uint64_t begin_seq;
	/*
	 * For who copies (backup.c), in this order: how many segments hold a part of the log now;
	 * each checkpoint whose body is whole; every batch that counts, of any kind, in log order.
	 */
	int (*begin)(void *context, uint64_t segment_count);
	int (*checkpoint)(void *context, uint32_t copy, const struct wr_checkpoint_header *header,
			  const uint8_t *body);
	int (*any_batch)(void *context, const struct wr_batch_header *batch);
	/* Where a segment that the walk was in has left the log, that is the walk's end, with
	 * WEIR_E_AGAIN, instead of going on with what is there now. */
	bool is_dense;
	/*
	 * parts > 1: only the part-th (from 0) of so many ranges of segments, for who walks them
	 * side by side, each with a storage of its own. A range is walked up to the first batch of
	 * the next, which has to continue it; so nothing between two of them is left out. What is
	 * not of a range is told by the first, spares by the last.
	 */
	uint32_t part;
	uint32_t parts;
};

/* A batch by its place and its checksum; all 0: none. */
struct wr_verify_border {
	uint64_t segment_id;
	uint64_t offset;
	uint32_t header_crc;
};

struct wr_verify_report {
	struct wr_superblock superblock;
	uint64_t oldest_seq;
	uint64_t last_seq;    /* last valid */
	uint64_t durable_seq; /* highest that a valid header attests */
	uint64_t record_count;
	uint64_t event_count;    /* of them events of users */
	uint64_t left_out_count; /* and of them what says that an event was left out */
	uint64_t segment_count;
	uint64_t spare_count;
	uint64_t corrupt_count; /* damages with `corrupt` */
	uint64_t harmless_count;
	uint64_t read_bytes;
	/* Of one part: whether it has any segment, is the last; the first batch that was seen, and
	 * the one behind the last segment of the range, where the walk ended. */
	bool is_empty;
	bool is_last;
	bool is_overtaken; /* it was not a walk through what was there when it began */
	struct wr_verify_border first;
	struct wr_verify_border next;
};

/*
 * from_seq/to_seq: batches outside are verified but not shown to `batch`; 0 and UINT64_MAX for all.
 * 0 also when damage was found (the report counts it); what the visitor returned; as
 * wr_verify_superblock(), also where it is read again beside an owner; -ESTALE: another journal has
 * taken its place meanwhile; WEIR_E_AGAIN: the owner used segments again faster than they were
 * read, or, is_dense, one that the walk was in; or what the storage said.
 */
int wr_verify_run(struct wr_storage *storage, struct wr_memory *memory, uint64_t from_seq,
		  uint64_t to_seq, const struct wr_verify_visitor *visitor,
		  struct wr_verify_report *ret_report, struct weir_problem *reterr_problem);

/*
 * The superblock that counts, by the rule of the open (R13). -ENOENT: no journal is there, or none
 * yet; WEIR_E_CORRUPT: one was there, and no copy of its superblock is good; WEIR_E_FORMAT; or what
 * the storage said.
 */
int wr_verify_superblock(struct wr_storage *storage, struct wr_memory *memory,
			 struct wr_superblock *ret_superblock, struct weir_problem *reterr_problem);

#endif
