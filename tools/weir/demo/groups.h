/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo's three groups, all run by weir's handler threads:
 *
 *   books   two members; order books, by partition, in the process's memory. A crash takes them, so
 *           a new process moves the subscription back to the oldest event and builds them anew. (A
 *           snapshot would be quicker; this shows that the log alone is enough.)
 *   tape    one member; the trades, in memory that outlives the process. It goes on from its
 *           durable progress; what is handed out a second time is known by its sequence.
 *   count   one member; all events, kept like the tape.
 *
 * A partition belongs to one member at a time, so its books need no lock; when it moves, weir's
 * hand-over orders the old member's handler before the new one's.
 *
 * Thread: demo_groups_* the main thread; handlers on weir's threads.
 */
#ifndef WEIR_TOOLS_DEMO_GROUPS_H
#define WEIR_TOOLS_DEMO_GROUPS_H

#include "tools/weir/demo/key_order.h"
#include "tools/weir/demo/shared.h"

enum demo_group { DEMO_BOOKS = 0, DEMO_TAPE = 1, DEMO_COUNT = 2 };

#define DEMO_GROUPS 3
#define DEMO_MEMBERS 4

/* What the books group knows of one partition. */
struct demo_partition {
	uint64_t sequence; /* of the last event that is in the books */
	struct demo_books books;
	struct demo_key_order keys;
};

struct demo_groups {
	struct weir_pipeline *pipeline;
	struct demo_shared *shared;
	uint32_t partition_count;
	uint32_t instrument_count;
	struct demo_partition *partitions;
	uint32_t subscriptions[DEMO_GROUPS];
	struct weir_member *members[DEMO_MEMBERS];
};

/* Makes or finds the subscriptions and joins the members; `rebuild`: the books start anew. */
int demo_groups_start(struct demo_groups *groups, struct weir_pipeline *pipeline,
		      struct demo_shared *shared, const struct demo_source *source,
		      uint32_t partition_count, bool rebuild, struct weir_problem *problem);

/* What the groups have still to handle; a negative code when it is not known. */
int demo_groups_lag(struct demo_groups *groups, uint64_t *ret_events);

/* Lets the members leave: their handlers have returned and their progress is ordered. */
int demo_groups_stop(struct demo_groups *groups);

/* The books of all partitions together; after demo_groups_stop(). Room for all instruments. */
int demo_groups_digest(const struct demo_groups *groups, struct demo_digest *ret_digests);

void demo_groups_free(struct demo_groups *groups);

#endif
