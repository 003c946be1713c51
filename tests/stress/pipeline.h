/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stress of a whole pipeline (pipeline.c), as its files share it: who publishes
 * (pipeline_sources.c), who reads (pipeline_readers.c), and the rounds and the verdict.
 *
 * What is published says what it is: source, round, one of a few keys, and how many of that key
 * came before it. So whoever reads can tell a loss, a repeat and a wrong order by itself.
 */
#ifndef WR_TESTS_STRESS_PIPELINE_H
#define WR_TESTS_STRESS_PIPELINE_H

#include <pthread.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define SOURCES 3u         /* a producer without a name, one with a name, publish_once */
#define WARM_UP UINT32_MAX /* a source whose events only have to be acknowledged */
#define KEYS 5u
#define ROUNDS 5u
#define PARTITIONS 6u
#define TICKETS 65536u /* remembered by a source; more than can be on their way */

struct body {
	uint32_t source;
	uint32_t round;
	uint32_t key;
	uint32_t filling_bytes;
	uint64_t count; /* of this key in this round, from 1 */
};

struct event_key {
	uint32_t round;
	uint32_t source;
	uint32_t key;
};

/* One subscription's view: what was seen last of each key, over all its members. */
struct sight {
	/*
	 * Plain numbers: a partition passes from member to member by way of the log and the group,
	 * and ThreadSanitizer sees whether that really orders what they do.
	 */
	uint64_t seen[ROUNDS][SOURCES][KEYS];
	bool may_have_gaps;
	wr_atomic_u64 items, redelivered, gaps;
};

struct pipeline_stress {
	struct fixture f;
	bool durable;
	uint32_t round;
	uint32_t topic;
	uint32_t polled, handled, sought; /* subscriptions */
	wr_atomic_u32 stop_publishing;
	wr_atomic_u32 stop_reading;
	wr_atomic_u64 faults;
	/* What calls have accepted, and what acknowledgements have told, per source and round. */
	uint64_t published[ROUNDS][SOURCES][KEYS];
	uint64_t acked[ROUNDS][SOURCES];
	struct sight sights[2]; /* of polled and handled */
	wr_atomic_u64 claims, aborts, runs, batches, full, joins, stops, seeks, alerts, commits;
	wr_atomic_u64 packed; /* segments, at most at a time */
};

extern struct pipeline_stress stress;

void fault(const char *what, uint64_t a, uint64_t b);

static inline uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((*seed >> 33) % below);
}

static inline void count_one(wr_atomic_u64 *counter)
{
	(void)wr_add_relaxed(counter, 1u);
}

/* Threads of sources: until stop_publishing. */
void *source_unnamed(void *unused);
void *source_named(void *unused);
void *source_once(void *unused);

/* Checks one item of a subscription and notes it. */
void see(struct sight *sight, const struct weir_item *item);

/* Threads of readers: until stop_reading. */
void *reader_polling(void *stays); /* non-NULL: never leaves before the end */
void *reader_handlers(void *unused);
void *reader_seeking(void *unused);
/* A lag callback: context is a struct lag_alert. */
struct lag_alert {
	bool above;
	uint64_t limit;
};
void on_lag(void *context, uint32_t subscription, const struct weir_lag *lag, bool above);

#endif
