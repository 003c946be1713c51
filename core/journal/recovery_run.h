/* SPDX-License-Identifier: Apache-2.0 */
/* One run of recovery, as recovery.c, recovery_start.c and recovery_resume.c share it. */
#ifndef WR_JOURNAL_RECOVERY_RUN_H
#define WR_JOURNAL_RECOVERY_RUN_H

#include "core/journal/recovery.h"
#include "core/journal/scan.h"

struct wr_recovery_run {
	struct wr_storage *storage;
	struct wr_memory *memory;
	const struct wr_recovery_options *options;
	const struct wr_recovery_sink *sink;
	struct wr_recovery_report *report;
	struct weir_problem *problem;

	struct wr_superblock superblock;
	uint32_t older_pair; /* of its copies */
	struct wr_scan scan;
	struct wr_checkpoint_found checkpoints[WR_CHECKPOINT_COPIES];
	uint32_t used_copy;        /* WR_CHECKPOINT_COPIES: none */
	uint64_t start_segment_id; /* segments below it were not walked */
	uint64_t log_bytes;        /* of the batches behind the checkpoint */
	bool fed;                  /* the sink was given something */
};

/*
 * Where the walk begins: behind the newest checkpoint that can be used (its sections are fed), or
 * with the oldest segment. 0; WEIR_E_CORRUPT (scan->stop) when what lies below is not all there.
 */
int wr_recovery_choose_start(struct wr_recovery_run *run);

/*
 * recovery_chain.c. Whether the key of the chain is the one; what the superblock says of it, and
 * where it goes on. 0, -ENOKEY or -EKEYREJECTED.
 */
int wr_recovery_chain(struct wr_recovery_run *run, struct wr_recovered *rec);

/* recovery_resume.c. Whether the log can go on in its last segment, and where. */
void wr_recovery_find_place(const struct wr_recovery_run *run, struct wr_recovered *rec);
/*
 * After the epoch was raised: nothing that a crash left behind that place can be taken for a part
 * of the log any more. Where that cannot be written the log goes on in another segment.
 */
void wr_recovery_clear_behind(struct wr_recovery_run *run, struct wr_segment_table *table,
			      struct wr_recovered *rec);

/* Fills the problem and returns its code. */
int wr_recovery_fail(struct wr_recovery_run *run, int code, const char *field, const char *text);

/* One record of the log, in order. 0, or why the log is refused. */
int wr_recovery_feed(struct wr_recovery_run *run, uint64_t seq, uint32_t epoch, uint64_t time_us,
		     const struct wr_record_view *view);

#endif
