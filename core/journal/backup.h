/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying a journal from one storage to another, also while its owner runs (L36): a prefix of the
 * log that ends with a whole batch, the cut, and what an open needs to go on from there. The source
 * is only read, without its lock.
 *
 * The copy is a journal that was closed at the cut: the same uuid, segment ids, sequences and
 * checksums, batch by batch; checkpoints that lie at or before the cut; a superblock that says so,
 * written last, so that a copy which is not whole has none and is refused by every open (R13).
 *
 * Blocking; for io/journal_backup.c and the tests.
 */
#ifndef WR_JOURNAL_BACKUP_H
#define WR_JOURNAL_BACKUP_H

#include "core/journal/verify.h"

struct wr_backup_progress {
	uint64_t segments;       /* of this try, whole */
	uint64_t segments_total; /* as it began; an owner makes more */
	uint64_t written_bytes;
	uint64_t last_seq;
	uint32_t tries; /* from 1 */
};

struct wr_backup_options {
	/* Go on behind damage, and copy every batch that is whole; else the first ends it. */
	bool damaged;
	/* May be NULL. Told of damage that acknowledged events are lost by, once for each try. */
	void (*damage)(void *context, const struct wr_damage *damage);
	/* May be NULL. Non-zero stops: wr_backup_run() returns it. */
	int (*progress)(void *context, const struct wr_backup_progress *progress);
	void *context;
};

struct wr_backup_report {
	struct wr_superblock superblock; /* of the copy */
	uint64_t first_seq;              /* 0: the log has no batch */
	uint64_t last_seq;
	uint64_t checkpoint_seq; /* of the newest that was copied; 0: none */
	uint64_t record_count;
	uint64_t segment_count;
	uint64_t written_bytes;
	uint64_t corrupt_count;  /* damages of the source, as of struct wr_verify_report */
	uint64_t harmless_count; /* of them, batches aside, none is in the copy */
	uint32_t tries;
};

/*
 * The cut lies at or behind everything that was acknowledged when this was called. `to` is empty
 * and locked; on failure nothing of the copy is left in it.
 *
 * 0; what `progress` returned; as wr_verify_run(); WEIR_E_CORRUPT: the source is damaged, the
 * problem says where; WEIR_E_AGAIN: its owner used segments again faster than they were copied, in
 * every try; -ESTALE: another journal has taken its place; -ENOSPC, -EFBIG; what either storage
 * said.
 */
int wr_backup_run(struct wr_storage *from, struct wr_storage *to, struct wr_memory *memory,
		  const struct wr_backup_options *options, struct wr_backup_report *ret_report,
		  struct weir_problem *reterr_problem);

/* Whether a copy has this name in its directory. */
bool wr_backup_makes(const char *name);

#endif
