/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a life has been told, and has told (the ledger of tools/weir/torture/sweep.h), as it was at
 * one moment: small enough to stand beside each write in the log of a disk. What it says is
 * acknowledged was so before the moment, what it says was published after it.
 *
 * Thread: any; the ledger is shared memory.
 */
#ifndef WEIR_TESTS_POWERCUT_MARK_H
#define WEIR_TESTS_POWERCUT_MARK_H

#include "tools/weir/torture/sweep.h"

#define MARK_ONCE_MAX 4096u

enum backup_state { BACKUP_NONE, BACKUP_BEGUN, BACKUP_DONE };

/* Shared: the life's own, and what the test does beside it. */
struct life_shared {
	struct sweep_ledger ledger;
	wr_atomic_u32 backup;     /* enum backup_state */
	wr_atomic_u32 has_failed; /* the disk, in this life */
};

struct mark {
	uint32_t phase;
	uint32_t backup;
	uint64_t acked[SWEEP_STREAMS];
	uint64_t committed[SWEEP_GROUPS][SWEEP_CLASSES][SWEEP_NAMED];
	uint64_t settled[SWEEP_GROUPS][SWEEP_CLASSES][SWEEP_NAMED];
	uint64_t handed[SWEEP_STREAMS];
	uint32_t once_count;
	uint8_t once[MARK_ONCE_MAX]; /* 1: acknowledged; 2, 4: handled by a group */
};

/* Takes it; its length, which is less than the struct's. */
size_t mark_take(struct life_shared *shared, struct mark *to);

/* The ledger as it was; `ledger` is all zero before. */
void mark_restore(const struct mark *from, struct sweep_ledger *ledger);

/* Makes what `from` says was acknowledged and committed the least that is there, and no more. */
void mark_expect(const struct mark *from, struct sweep_ledger *ledger);

uint64_t mark_acked(const struct mark *mark);

#endif
