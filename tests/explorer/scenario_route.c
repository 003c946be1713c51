/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/pipeline/route_bits.h: the router makes bits of a chunk and publishes up to where they are
 * there, twice, in one word; a member that sees the end finds every bit below it (RT1), and passes
 * over nothing that is wanted.
 */
#include "core/base/bits.h"
#include "core/pipeline/route_bits.h"
#include "tests/explorer/scenarios.h"

/* Records 1 and 70 are wanted; first two records are published, then all. */
#define FIRST_END 2u
#define END 71u

static wr_atomic_u64 *bits;
static wr_atomic_u64 *end;

static void set_up(void)
{
	bits = explorer_alloc(2 * sizeof *bits, WR_LINE_BYTES);
	end = explorer_alloc(sizeof *end, WR_LINE_BYTES);
}

static void route(void)
{
	wr_route_set(bits, 1);
	wr_route_publish(end, FIRST_END);
	wr_route_set(bits, 2);
	wr_route_set(bits, END - 1);
	wr_route_publish(end, END);
}

static void look(void)
{
	uint32_t seen = (uint32_t)wr_route_published(end);
	if (seen >= FIRST_END)
		EXPLORER_CHECK(wr_route_next(bits, 0, seen) == 1);
	if (seen == FIRST_END)
		EXPLORER_CHECK(wr_route_next(bits, 2, seen) == seen);
	if (seen == END) {
		EXPLORER_CHECK(wr_route_next(bits, 2, seen) == 2);
		EXPLORER_CHECK(wr_route_next(bits, 3, seen) == END - 1);
	}
}

const struct explorer_scenario route_bits = {
	.name = "route: bits are published while a member looks at them",
	.setup = set_up,
	.threads = {route, look},
};
