/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packer: a step of its own, which makes packed files of sealed segments beside the journal
 * step. The journal step asks for one segment at a time and takes the answer (journal_packing.c);
 * nothing waits for it, and neither does it wait for anybody.
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
#include "core/journal/pack.h"
#include "core/port/clock.h"

enum wr_packer_state {
	WR_PACKER_IDLE = 0, /* the journal's */
	WR_PACKER_ASKED,    /* the packer's */
	WR_PACKER_DONE,     /* the journal's */
};

struct wr_packer {
	wr_atomic_u32 state; /* PA1 */
	/* The slot. */
	struct wr_pack_job job;
	int result; /* 0: the file is the segment, by its last durable write */
	uint32_t file;
	uint64_t file_bytes;
	/* The packer's own. */
	struct wr_clock *clock;
	struct wr_pack pack;
	bool has_begun;
	uint64_t rest_until_ns;
};

/* All memory that it will ever use. 0 or -ENOMEM. */
int wr_packer_init(struct wr_packer *p, struct wr_storage *storage, struct wr_memory *memory,
		   struct wr_clock *clock, const uint8_t *uuid, uint32_t log_id,
		   uint32_t chunk_bytes, uint64_t segment_bytes);
/* What it has begun is removed; while the storage is there. Nobody steps it any more. */
void wr_packer_end(struct wr_packer *p);
void wr_packer_fini(struct wr_packer *p);

/* The step: one extent at most. Blocks on the medium. */
int wr_packer_step(struct wr_packer *p);
uint64_t wr_packer_idle_ns(struct wr_packer *p);

#endif
