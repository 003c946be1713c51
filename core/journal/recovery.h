/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a journal directory: create it, or find out what is in it (reliability by decision
 * table, L27-L30). Blocking, on the thread that opens, before anything runs. Idempotent: a crash
 * at any point in here, any number of times, and the next run finds the same.
 *
 * The decision at the first place that does not validate (d = highest durable_seq of any valid
 * header of the log; s = the sequence expected there):
 *
 *   R1  zero to the end of what may be in flight      clean end
 *   R2  invalid, d < s, nothing valid follows         torn tail: trimmed, reported
 *   R3  invalid, d < s, valid batches of the epoch    torn tail with a hole (several batches were
 *       follow                                        in flight): trimmed, reported (L29)
 *   R4  invalid, d >= s                               CORRUPT: refused, range reported
 *                                                      (promise P3)
 *   R5  valid, but of an older life or another place  as if absent: R1-R4 decide
 *   R6  an epoch-start batch says where its           batches of the older epoch beyond that end
 *       predecessor ended                             are not part of the log (and where the log
 *                                                      goes on there, they are zeroed before:
 *                                                      recovery_resume.c)
 *   R7  a segment between two live ones is missing    CORRUPT
 *   R8  a file shorter than its header says           CORRUPT if it held anything durable
 *   R9  the checkpoint's batch is not where it says   the older checkpoint; then the whole log
 *   R10 newer format or unknown must-feature          WEIR_E_FORMAT, nothing touched
 *   R11 a segment that the superblock says may hold   CORRUPT, unless a clean close says that the
 *       batches is lost, cut, or has no header         log ended before it (scan_range.c)
 *   R12 two files hold the same segment               CORRUPT: one of them is a copy, and nobody
 *                                                      can say which
 *   R13 no good copy of the superblock                CORRUPT if a segment or a checkpoint was ever
 *                                                      written to; else its maker died, and it is
 *                                                      gone on for him (scan_remains.c)
 */
#ifndef WR_JOURNAL_RECOVERY_H
#define WR_JOURNAL_RECOVERY_H

#include "core/journal/format.h"
#include "core/journal/segment.h"
#include "core/port/clock.h"
#include "core/record/chain.h"
#include "core/record/link.h"
#include "core/record/record.h"

#include <weir/error.h>

struct wr_recovery_options {
	uint32_t log_id;
	uint32_t chunk_bytes;   /* of a new journal; an existing one keeps its own */
	uint64_t segment_bytes; /* of the extents of a file, as the user says it: the header block
	                           comes on top */
	uint32_t segments_max;  /* files of the log at most; 0: 4096, for who has no options: a
	                           pipeline always says its own (65,536 by default) */
	bool read_only;         /* look, decide, report; write nothing, need no lock */
	uint8_t new_uuid[WR_UUID_BYTES];            /* for a journal that is created */
	const struct wr_chain_secret *chain_secret; /* batches are to be linked; NULL: not */
};

/* What recovery feeds. Both are called in log order, checkpoint first. */
struct wr_recovery_sink {
	/* One section of the newest usable checkpoint. Non-zero stops with that code. */
	int (*section)(void *context, uint32_t module, uint32_t version, uint32_t part,
		       const uint8_t *bytes, uint32_t length_bytes);
	/* Start over: what was fed so far came from a checkpoint that proved unusable. */
	void (*reset)(void *context);
	/* One record behind the checkpoint. time_us is its append time. */
	int (*record)(void *context, uint64_t seq, uint32_t epoch, uint64_t time_us,
		      const struct wr_record_view *view);
	void *context;
};

struct wr_recovery_report {
	bool created;            /* there was no journal */
	bool clean;              /* the last owner closed it */
	uint32_t last_epoch;     /* of the newest valid batch, 0: none */
	uint64_t oldest_seq;     /* first retained */
	uint64_t last_seq;       /* last valid record */
	uint64_t last_time_us;   /* its append time; time_base of the last header at least */
	uint64_t checkpoint_seq; /* that was used; 0: none */
	uint64_t scanned_bytes;
	uint64_t scanned_records;
	/* The trimmed tail (R2, R3); all 0: nothing was trimmed. */
	uint64_t trimmed_from_seq;
	uint64_t trimmed_segment_id;
	uint64_t trimmed_offset;
	uint64_t trimmed_bytes;    /* up to the last place that held anything of that epoch */
	bool valid_batch_followed; /* R3 */
	/* Damage (R4, R7, R8): first .. end is the range that cannot be served. */
	uint64_t corrupt_first_seq;
	uint64_t corrupt_end_seq; /* exclusive; UINT64_MAX when it cannot be bounded */
	uint64_t corrupt_segment_id;
	uint64_t corrupt_offset;
};

/* Where the log goes on. */
struct wr_recovered {
	struct wr_superblock superblock; /* as it now is on the medium: epoch already raised */
	uint32_t superblock_file;
	uint32_t epoch; /* ours */
	uint64_t next_seq;
	uint64_t last_time_us; /* append time of the last record; 0: none */
	uint32_t chain;        /* header_crc of the last valid batch; 0: none */
	/* With a chain_secret: this journal's key, and the link of that batch, if it has one. */
	bool is_chained;
	bool has_link;
	uint8_t link[WR_CHAIN_LINK_BYTES];
	struct wr_chain_key chain_key;
	/* The end of the predecessor, for the epoch-start record (L27, core/record/epoch.h). */
	uint64_t end_segment_id;
	uint64_t end_offset;
	uint32_t end_epoch; /* 0: there was none */
	/*
	 * The segment to go on in, exactly behind the predecessor's end: behind `resume_used_bytes`
	 * of `resume_extent`. 0: that segment is full, or cannot be written; the next spare gets
	 * the first batch.
	 */
	uint64_t resume_segment_id;
	uint32_t resume_extent;
	uint32_t resume_used_bytes;
	uint64_t checkpoint_bytes_ago; /* log bytes since the checkpoint that was used */
	uint32_t checkpoint_copy;      /* the file that may be overwritten next: 0 or 1 */
	/* The two checkpoints on the medium: retention never passes the older (L30). */
	uint64_t checkpoint_needed_seq[WR_CHECKPOINT_COPIES];
	uint64_t checkpoint_last_seq[WR_CHECKPOINT_COPIES];
};

/*
 * The whole of it. -ENOKEY: the journal has a chain, and there is no chain_secret; -EKEYREJECTED:
 * that is not the one. The caller holds the lock of the storage (unless read_only). On
 * WEIR_E_CORRUPT and WEIR_E_FORMAT the problem says segment, offset and range, the report is filled
 * in, and the medium is as it was. On any failure no file stays open and `table` holds nothing.
 *
 * `table` is initialised in here (only now are chunk and segment size known); its uuid points into
 * *ret_recovered, which has to stay as long as the table. A read_only open takes no epoch: the one
 * in *ret_recovered is what a writer would get.
 *
 * What it leaves behind on success (not read_only): the superblock with the raised epoch and no
 * clean mark, synced; nothing of a torn tail, where the log goes on in front of it; the table
 * filled with every file found, LIVE ones with their first_seq, the others SPARE; all files open.
 */
int wr_recovery_run(struct wr_storage *storage, struct wr_memory *memory, struct wr_clock *clock,
		    const struct wr_recovery_options *options, const struct wr_recovery_sink *sink,
		    struct wr_segment_table *table, struct wr_recovered *ret_recovered,
		    struct wr_recovery_report *ret_report, struct weir_problem *reterr_problem);

/* Writes all four copies, two and two, `first_pair` (0 or 1) first, each pair synced. Raises
 * `version`. */
int wr_superblock_write(struct wr_storage *storage, struct wr_memory *memory, uint32_t file,
			uint32_t first_pair, struct wr_superblock *superblock);

#endif
