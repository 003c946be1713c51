/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Did every acknowledgement follow a sync that covers its event? weir's own counters are not asked.
 *
 *     publish ──► weir_step() ──► storage: a durable write is done ──► its bytes are looked through
 *        ▲                                                              and their events marked
 *        └── next burst ◄── acknowledgement: is each of its events marked?
 *
 * One thread publishes, steps a pipeline that has no threads of its own, and takes the answers, so
 * what came first is known without a clock. Between the journal and its storage stands a storage
 * that hands everything on and, when a WRITE with WR_IO_DURABLE has ended well (storage.h, S4: its
 * bytes survive power loss), looks for events in the bytes that were written. That the backend
 * keeps S4 is the contract suite's to show; that flushes reach the device, the kernel's own count
 * of them tells, where it has one.
 *
 * Thread: one.
 */
#ifndef WEIR_BENCH_JOURNAL_CHECK_H
#define WEIR_BENCH_JOURNAL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include <weir.h>

#include "bench/device.h"
#include "core/base/atomic.h"

struct journal_check_settings {
	const char *dir; /* of a journal of its own; made */
	enum weir_io io;
	uint64_t payload_bytes;
	uint64_t events;
	uint64_t time_max_ns;       /* fewer, if it takes longer */
	wr_atomic_u32 *interrupted; /* may be NULL */
};

struct journal_check {
	uint64_t events;           /* acknowledged */
	uint64_t acknowledgements; /* ranges of them, as they were told */
	uint64_t durable_writes;   /* that ended well */
	uint64_t uncovered; /* acknowledged events that no such write had in it: violations */
	uint64_t refused;
	bool flushes_told;       /* by the kernel, of the device */
	uint64_t device_flushes; /* meanwhile, others' among them */
};

/* 0, -EINTR, or a code with the problem. */
int journal_check_run(const struct journal_check_settings *settings,
		      const struct bench_device *device, struct journal_check *ret_check,
		      struct weir_problem *problem);

/* A device with a volatile cache and no FUA has to flush: answers without any are a violation. */
bool journal_check_flushes_lack(const struct journal_check *check,
				const struct bench_device *device);

/* --- inside: which events were in a durable write -------------------------------------------- */

struct journal_cover {
	uint64_t mark; /* first word of each payload; the second is the event's number, from 1 */
	uint64_t count;
	uint8_t *is_durable; /* by number; [0] is not used */
};

/* Looks through what was written, at multiples of 8. */
void journal_cover_bytes(struct journal_cover *cover, const void *bytes, uint64_t length_bytes);
/* How many of these are not covered. */
uint64_t journal_cover_lacks(const struct journal_cover *cover, uint64_t first, uint64_t last);

#endif
