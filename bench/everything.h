/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything at once: what an event costs where all that services ask for is on.
 *
 *   - events of 1 KiB, acknowledged when durable
 *   - each payload is read by its Avro schema at publish (weir_topic_schema.validate)
 *   - each has an idempotency key; a thousandth is published twice, and refused
 *   - a hundred subscriptions with a filter each, by routing key and by headers: five groups that
 *     want every event, and 95 that want a few
 *   - the five groups: three by partition, one whose outputs are in transactions with its
 *     acknowledgements, an event each, and a queue where a thousandth fails and is tried again
 *   - the file of metrics
 *
 * An event counts once, however many groups handle it. The clock and the CPU time of the process
 * run from the first publish until all groups have everything handled and acknowledged, durably.
 * Then the sums are looked at: each group had each number once, each output is there once, lag of
 * the 95 is what was published for them, as many were refused and failed as were meant to.
 *
 * Threads: the caller publishes; one more is the members', which polls them in turn; weir has its
 * own. The publisher is held to so many events ahead of the slowest group that these are in memory.
 */
#ifndef WEIR_BENCH_EVERYTHING_H
#define WEIR_BENCH_EVERYTHING_H

#include <weir.h>

#include "core/base/atomic.h"

#define EVERYTHING_GROUPS 5u
#define EVERYTHING_FILTERS 100u
#define EVERYTHING_EACH 1000u /* of so many one is repeated, fails, or is for one of the 95 */
#define EVERYTHING_EVENTS_MIN 1000u

struct everything_settings {
	const char *dir; /* of the journal; made */
	uint64_t events;
	uint32_t payload_bytes;     /* 64 .. 64 KiB */
	uint32_t window;            /* idempotency keys that are remembered */
	enum weir_wait wait;        /* of weir's threads */
	wr_atomic_u32 *interrupted; /* may be NULL */
};

struct everything_round {
	uint64_t elapsed_ns;
	uint64_t cpu_ns;
	uint64_t events;
	uint64_t duplicates;   /* refused */
	uint64_t failures;     /* rejected, and tried again */
	uint64_t transactions; /* handed over */
	uint64_t batches;      /* made durable */
};

/* One round. 0; a code with the problem; -EINTR; -EPROTO: a sum is wrong (problem says which). */
int everything_run(const struct everything_settings *settings, struct everything_round *ret_round,
		   struct weir_problem *problem);

#endif
