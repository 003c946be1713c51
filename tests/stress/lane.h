/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stress of lanes (lane.c), as its two files share it: who publishes (lane_source.c), and the
 * writer's round, the reader and the verdict (lane.c).
 */
#ifndef WR_TESTS_STRESS_LANE_H
#define WR_TESTS_STRESS_LANE_H

#include <pthread.h>

#include "core/log/writer.h"

#define PRODUCERS 2u
#define SHARERS 2u
#define REPLIES 16u
#define RUN_RECORDS_MAX 8u
#define NO_TOPIC 77u
#define NEVER UINT64_MAX /* the count of what must not appear in the log */
#define SEQUENCES_MAX (1u << 20)

/* What stands in every record behind its head. */
struct body {
	uint32_t source; /* producer, or PRODUCERS + sharer */
	uint32_t run_records;
	uint32_t run_index;
	uint32_t filling_bytes;
	uint64_t count; /* of what this source has in the log, from 0 */
};

struct producer {
	pthread_t thread;
	struct wr_lane *lane;
	uint64_t seed;
	uint64_t count; /* of what will be in the log */
	uint64_t tickets;
	uint64_t last_sequence;
	/* What the outstanding tickets must be answered with; a ring, more than there is credit. */
	struct {
		uint64_t ticket;
		int code;
		uint64_t count; /* of the event that asked for its sequence */
	} expected[4 * REPLIES];
	uint64_t expected_first, expected_end;
	uint64_t full, given_up, runs, refused, asked, lives;
};

struct lane_stress {
	struct producer producers[PRODUCERS];
	struct wr_shared shared;
	wr_atomic_u64 shared_counts[SHARERS];
	wr_atomic_u64 shared_abandoned;
	/* The sequence of each event of a producer, by whoever learns it first; 0: not yet. */
	wr_atomic_u64 sequences[PRODUCERS][SEQUENCES_MAX];
	wr_atomic_u32 stop_producing;
	wr_atomic_u64 faults;
};

extern struct lane_stress stress;

void fault(const char *what, uint64_t a, uint64_t b);
static inline uint8_t filling_of(uint64_t count)
{
	return (uint8_t)(count * 37 + 11);
}
/* That this event has that sequence: told by a reply, found by the reader. */
void note_sequence(uint32_t source, uint64_t count, uint64_t sequence);

/* Threads: of one producer (struct producer *), of one sharer (its number). */
void *lane_produce(void *producer);
void *lane_share(void *number);

#endif
