/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service whose handlers write to a database by docs/examples/effects.h: "books" has partitions,
 * "mails" is a queue. One life of it, to be killed, and one that comes to its end.
 *
 * Two members each, on weir's threads, each with a connection of its own. Now and then a handler
 * sleeps for longer than its session, or its lease, so that what it then writes is a late owner's;
 * and members leave and join, so that partitions move. Threads: the child's main thread publishes.
 */
#ifndef WR_TESTS_EFFECTS_LIFE_H
#define WR_TESTS_EFFECTS_LIFE_H

#include "core/base/atomic.h"
#include "docs/examples/effects.h"
#include "tests/support/pipeline_fixture.h"

#define EFFECTS_NUMBERS 100000u
#define EFFECTS_PARTITIONS 4u

/* Where a handler stops and waits for the end of its process. */
enum effects_place {
	EFFECTS_ANYWHERE = 0, /* it does not */
	EFFECTS_UNCOMMITTED = 1,
	EFFECTS_UNACKNOWLEDGED = 2, /* the effect is there, and nothing in weir's log says so */
};

/* Shared by all lives and their parent. */
struct effects_ledger {
	bool marks; /* with the pattern, or without it */
	enum effects_place place;
	uint32_t place_after; /* effects of this life, and then there */
	wr_atomic_u32 done;   /* effects of this life */
	wr_atomic_u32 stopped;
	wr_atomic_u32 repeats, fenced, moved; /* of all lives */
	wr_atomic_u32 faults;
	uint32_t given; /* numbers: some were published and nobody knows */
	uint8_t durable[EFFECTS_NUMBERS];
};

/* One member's. */
struct effects_worker {
	struct effects_ledger *ledger;
	const char *subscription;
	bool queue, sleepy;
	uint32_t epoch;
	struct effects *effects;
	struct weir_member *member;
	uint32_t claimed[EFFECTS_PARTITIONS];
	uint64_t seed;
};

/* The effect of one item, and its mark, in one transaction. OK: it may be acknowledged. */
enum effects_answer effects_handle(struct effects_worker *worker, const struct weir_item *item);

/* Lives in f's directory until it is killed; `drains`: until everything is done. For _exit(). */
int effects_live(struct fixture *f, struct effects_ledger *ledger, const char *where, uint64_t seed,
		 bool drains);

#endif
