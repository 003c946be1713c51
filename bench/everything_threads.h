/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of everything.h share. */
#ifndef WEIR_BENCH_EVERYTHING_THREADS_H
#define WEIR_BENCH_EVERYTHING_THREADS_H

#include "bench/everything.h"

enum everything_group {
	EVERYTHING_FIRST_PLAIN = 0, /* three of them */
	EVERYTHING_TRANSACTIONS = 3,
	EVERYTHING_QUEUE = 4,
};

#define EVERYTHING_RARE (EVERYTHING_FILTERS - EVERYTHING_GROUPS)
#define EVERYTHING_BY_KEY 50u /* of those, the first; the others ask for a header */

struct everything_member {
	struct weir_member *member;
	uint64_t handled;
	uint64_t sum; /* of their numbers */
};

struct everything {
	const struct everything_settings *settings;
	struct weir_pipeline *pipeline;
	struct weir_problem *problem;
	uint32_t in, out;
	uint16_t type;
	uint32_t groups[EVERYTHING_GROUPS];
	uint32_t rare[EVERYTHING_RARE];
	uint32_t check;
	/* The members' thread. */
	struct everything_member members[EVERYTHING_GROUPS];
	uint64_t begun, told; /* transactions */
	uint64_t failures;
	int code;
	/* Between the two. */
	wr_atomic_u64 slowest; /* events that every group has handled */
	wr_atomic_u32 stop;    /* either side failed */
};

/* The number that a payload begins with. */
uint64_t everything_number(const struct weir_item *item);
/* For which of the rare filters it is, or -1. */
int everything_rare(uint64_t number);

/* The members' thread: until every group has handled everything, durably. Sets `code`. */
void *everything_consume(void *everything);

/* What is wrong with the sums, told in the problem: -EPROTO. Behind the clock. */
int everything_check(struct everything *e, const struct everything_round *round);

/* Sets the problem; returns the code. */
int everything_fail(struct everything *e, int code, const char *what);

#endif
