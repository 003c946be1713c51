/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the demo's processes know of each other: the plan, fixed before the first fork, and one
 * block of anonymous shared memory that outlives a child killed with SIGKILL.
 *
 * The child writes what it was told, at the moment when it was told: whatever weir acknowledged is
 * in here before the child does anything else, so the parent's verdict does not depend on the child
 * having lived to say it. Memory is bounded: acknowledgements come in order, so "every event up to
 * this index" is one number, and what event i was can be asked of the source again.
 *
 * Threads: each field says who writes it. Counters are atomics because the parent watches them;
 * plain fields are read only after the writing process has gone (waitpid orders that).
 */
#ifndef WEIR_TOOLS_DEMO_SHARED_H
#define WEIR_TOOLS_DEMO_SHARED_H

#include <weir.h>

#include "core/base/atomic.h"
#include "tools/weir/demo/book.h"
#include "tools/weir/demo/histogram.h"
#include "tools/weir/demo/source.h"
#include "tools/weir/demo/tally.h"

#define DEMO_TOPIC "orders"
#define DEMO_PRODUCER "exchange"
#define DEMO_PARTITIONS_MAX 256
#define DEMO_LIVES 2

/* Fixed before the first fork. */
struct demo_plan {
	struct weir_options options; /* dir, io and name included */
	uint32_t partitions;
	uint64_t seed;
	const struct demo_input *input; /* NULL: the generator */
	uint64_t event_limit;           /* publish up to this index; 0: no limit */
	uint64_t rate_per_s;            /* 0: as fast as it goes */
	uint64_t life_ns;               /* publish so long in the last life; 0: no limit */
};

enum demo_phase {
	DEMO_STARTING = 0,
	DEMO_OPENED, /* weir_open() has returned */
	DEMO_PUBLISHING,
	DEMO_CATCHING_UP, /* all published and acknowledged; the groups read on */
	DEMO_CLOSED,      /* drained, all figures are in */
};

/* One process's times, on CLOCK_MONOTONIC; 0: did not happen. Written by its producer thread. */
struct demo_life {
	uint64_t opened_ns;
	uint64_t ready_ns; /* the source stands behind what the journal holds */
	uint64_t first_publish_ns;
	uint64_t resumed_index; /* the producer's last durable event, as weir told it at open */
	wr_atomic_u64 first_ack_ns;
	wr_atomic_u64 last_ack_ns;
	uint64_t late_publish_ns; /* the longest that an event waited for its producer */
	struct weir_recovery_info recovery;
};

/* Whether somebody looks at the last life, which ends only when he has. */
enum demo_look { DEMO_LOOK_NONE = 0, DEMO_LOOK_WANTED };

/* What he saw. Written by the process that looks (live.h). */
struct demo_seen {
	bool top;            /* weir top found the pipeline */
	uint64_t page_bytes; /* 0: the page was not to be had */
	uint64_t events[2];  /* in the log, at the first and the second look */
	double events_per_s; /* between them */
	uint32_t subscriptions;
};

struct demo_shared {
	/* by the parent */
	wr_atomic_u32 look; /* enum demo_look */

	/* by the producer's thread */
	wr_atomic_u32 phase;
	wr_atomic_u64 handed_index; /* highest index that may have been handed to weir */
	wr_atomic_u64 acked_index;  /* every event up to it is acknowledged as durable */
	wr_atomic_u64 acked_count;  /* over all lives */
	wr_atomic_u64 refused_count;
	struct demo_histogram ack;
	struct demo_life lives[DEMO_LIVES];

	/* by handlers */
	wr_atomic_u64 order_violations; /* seen by the books group */
	wr_atomic_u64 gap_count;        /* gap and loss items: there must be none */
	wr_atomic_u64 book_events;
	wr_atomic_u64 handler_errors;
	struct demo_cell tape[DEMO_PARTITIONS_MAX];
	struct demo_cell count[DEMO_PARTITIONS_MAX];

	/* by the main thread of the last child, at its end */
	struct demo_digest digests[DEMO_INSTRUMENTS_MAX];
	struct weir_info info;
	struct weir_close_report close_report;

	struct demo_seen seen;

	/* by the parent, between the lives */
	uint64_t acked_index_at_kill;

	/* by the child's main thread, when it gives up */
	int failure; /* a weir code; 0: none */
	char failure_what[64];
	struct weir_problem problem;
};

uint64_t demo_now_ns(void);
void demo_sleep_ns(uint64_t ns);

/* The child: opens, publishes, consumes, closes. The exit code of its process. */
int demo_child_run(const struct demo_plan *plan, struct demo_shared *shared, unsigned life);

#endif
