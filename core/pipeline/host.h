/* SPDX-License-Identifier: Apache-2.0 */
/* What io gives to the core: ports, and calls that the core itself cannot make. */
#ifndef WR_PIPELINE_HOST_H
#define WR_PIPELINE_HOST_H

#include <weir.h>

#include "core/port/clock.h"
#include "core/port/memory.h"
#include "core/port/park.h"
#include "core/port/storage.h"
#include "core/record/batch.h"
#include "core/record/chain.h"

struct wr_host {
	struct wr_storage *storage; /* NULL: memory only */
	struct wr_memory *memory;
	struct wr_clock *clock;
	const struct wr_park_ops *park_ops;
	/* Looks before a caller sleeps: an answer is often near. 0: a spinner is in the way. */
	uint32_t looks_before_sleep;
	/* Sleeps in the storage's poll; the parker's context is the storage. NULL: as park_ops. */
	const struct wr_park_ops *storage_park_ops;
	void *context;
	/* Whether the calling thread is inside a step of this pipeline (L13). */
	bool (*inside_step)(void *context);
	/* The calling thread; no two that live have the same, none is 0. */
	uintptr_t (*thread)(void *context);
	/* Manual pipelines: runs every step once; waits up to wait_ns when there was nothing. */
	int (*run_steps)(void *context, uint64_t wait_ns);
	/* Makes a descriptor readable, and makes one. */
	void (*event_signal)(void *context, int fd);
	int (*event_open)(void *context);
	void (*event_close)(void *context, int fd);
	/* Runs a member's handler step on a thread of its own until handler_stop. */
	int (*handler_start)(void *context, struct weir_member *member);
	void (*handler_stop)(void *context, struct weir_member *member);
	/* Where the metrics go: so many bytes as their layout says, all 0, until the pipeline is
	 * destroyed. NULL: nowhere. And what is said there of the process. */
	void *metrics;
	/* So many bytes instead, while it opens: the plan was too small. NULL: there are none; as a
	 * call: what is planned is all there is. */
	void *(*metrics_again)(void *context, size_t bytes);
	const char *metrics_journal; /* the journal's directory, as far as it is known; "" */
	uint64_t pid, pid_start, pid_space;
	/* Fills in info->threads; from the group step. NULL: there are none to tell of. */
	void (*threads)(void *context, struct weir_info *info);
	/* Frees the whole pipeline, after a close that found something borrowed. */
	void (*release)(void *context);
	uint8_t new_uuid[WR_UUID_BYTES];
	uint8_t secret[WR_UUID_BYTES];              /* of this open: it is told to nobody */
	const struct wr_chain_secret *chain_secret; /* while it opens; NULL: none */
};

#endif
