/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packer: a step of its own, which makes packed files of sealed segments beside the journal
 * step. The journal step asks for one segment at a time and takes the answer (journal_packing.c);
 * nothing waits for it, and neither does it wait for anybody. It compacts, too (compact.h): asked
 * for the table of a pass, then for each segment by its rule (journal_compaction.c).
 *
 * It is slow on purpose: after each extent it rests for three times as long as that took, so that
 * the medium and the CPU are left to those who wait for acknowledgements.
 *
 * PA1: one slot goes back and forth. Who has it writes it, then hands it over by `state` (release);
 * the other one reads `state` (acquire), then the slot.
 */
#ifndef WR_JOURNAL_PACKER_H
#define WR_JOURNAL_PACKER_H

#include "core/base/atomic.h"
#include "core/journal/compact.h"
#include "core/journal/pack.h"
#include "core/journal/retire.h"
#include "core/port/clock.h"

enum wr_packer_state {
	WR_PACKER_IDLE = 0, /* the journal's */
	WR_PACKER_ASKED,    /* the packer's */
	WR_PACKER_DONE,     /* the journal's */
};

enum wr_packer_task {
	WR_PACKER_PACK = 0, /* `job`: its padding goes */
	WR_PACKER_TABLE,    /* `pass`: the first half of it */
	WR_PACKER_COMPACT,  /* `job`, by the rule of the pass */
	WR_PACKER_ERASE,    /* `job`, without what was erased */
	WR_PACKER_BESIDE,   /* what was erased and is in no segment */
	WR_PACKER_RETIRE,   /* `job`, without what its topic's retention has passed */
	WR_PACKER_COUNT,    /* `job`: what there is of each topic; it stays as it is */
};

/* What a journal is told of keys that are erased (journal_erase.c). */
struct wr_erase_options {
	/* One beyond what was erased last (ER1); NULL: no key can be. It outlives the journal. */
	wr_atomic_u64 *end_seq;
	/* The record behind an event that erased its key; 0: there is none. */
	uint64_t (*by)(void *context, uint64_t seq, const struct wr_record_view *event);
	/* Removes what lies beside the log. 0, or why something is left. Blocks. */
	int (*beside)(void *context);
	void *context;
};

struct wr_packer {
	wr_atomic_u32 state; /* PA1 */
	/* Since when a step has not come back, by the clock; 0: none is under way. For others. */
	wr_atomic_u64 inside_ns;
	/* The slot. */
	enum wr_packer_task task;
	struct wr_compact_pass pass;
	uint64_t pass_end_seq; /* answered: the table knows everything up to here */
	struct wr_pack_job job;
	uint32_t source_number; /* by a rule: of the segment's file, which is opened by name */
	bool keeps_tombstones;  /* COMPACT */
	const wr_atomic_u64 *needed_seq;  /* by a rule: D3. WEIR_E_AGAIN where it has gone below */
	const wr_atomic_u64 *durable_seq; /* ERASE: of the log */
	int result; /* 0: the file is the segment, by its last durable write */
	uint32_t file;
	uint64_t file_bytes;
	uint64_t left_out_count; /* by a rule: events that left now */
	/* The packer's own. */
	struct wr_clock *clock;
	struct wr_pack pack;
	struct wr_compact compact; /* memory NULL: nothing is compacted */
	struct wr_retire retire;   /* likewise: no topic has a retention of its own */
	struct wr_erase_options erase;
	struct wr_pack_rule erase_rule;
	uint64_t erased_by_seq; /* the highest record that something was left out by */
	bool is_made;           /* all of the file but what makes it the segment */
	bool has_begun;
	uint64_t rest_until_ns;
};

/* What a journal is told of how packed frames are kept. */
struct wr_compress_options {
	uint32_t codec; /* enum wr_codec_number */
	uint32_t level; /* 0: the library's own */
};

/* All memory that it will ever use. 0, -ENOMEM, or -ENOTSUP: the storage has no such codec. */
int wr_packer_init(struct wr_packer *p, struct wr_storage *storage, struct wr_memory *memory,
		   struct wr_clock *clock, struct wr_segment_table *table,
		   const struct wr_compress_options *compress,
		   const struct wr_compact_options *compact, const struct wr_erase_options *erase,
		   const struct wr_retire_options *retire);
/* What it has begun is removed; while the storage is there. Nobody steps it any more. */
void wr_packer_end(struct wr_packer *p);
void wr_packer_fini(struct wr_packer *p);

/* Of what it was asked: whether events leave the segment by it. */
static inline bool wr_packer_leaves_out(const struct wr_packer *p)
{
	return p->task == WR_PACKER_COMPACT || p->task == WR_PACKER_ERASE ||
	       p->task == WR_PACKER_RETIRE;
}

/* The step: one extent at most. Blocks on the medium. */
int wr_packer_step(struct wr_packer *p);
uint64_t wr_packer_idle_ns(struct wr_packer *p);

#endif
