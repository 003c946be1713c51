/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of many ranges of numbers is a number in? The ends of all ranges cut the numbers into
 * pieces; a tree lies over the pieces, and a range stands in the few of its nodes that together are
 * the range. A bit says of a short stretch of numbers whether any range touches it: most numbers
 * are in none, and cost no more than that. Another one is found on its shelf (numbers from the
 * first cut to the last, cut into stretches of equal length) and there in its piece by halving; the
 * ranges that it is in are those of the nodes above.
 *
 * Numbers are the order of doubles as integers (wr_number_order()); both ends are in the range.
 * Thread: any, once it is made.
 */
#ifndef WR_ROUTE_RANGES_H
#define WR_ROUTE_RANGES_H

#include "core/route/table.h"

struct wr_range {
	uint64_t first;
	uint64_t last;
	uint32_t number;
};

struct wr_ranges_node {
	uint32_t list; /* of numbers; 0: none */
	uint32_t up;   /* the next node above that has a list; 0: none */
};

struct wr_ranges {
	struct wr_range *list; /* while they are gathered */
	size_t count, room;
	uint64_t *cuts; /* where a piece begins; in order */
	size_t cut_count;
	uint32_t *shelves; /* of each stretch of numbers of equal length: the first cut in it */
	unsigned shelf_shift;
	uint64_t *touched; /* a bit of each shorter stretch: some range has numbers in it */
	unsigned touched_shift;
	struct wr_ranges_node *nodes; /* of a tree with `width` leaves from node `width` on */
	size_t width;
};

/* Memory is the building one's. */
bool wr_ranges_add(struct wr_ranges *ranges, struct wr_arena *building,
		   const struct wr_range *range);

/* No more are added. The table has the lists. false: no memory. */
bool wr_ranges_finish(struct wr_ranges *ranges, struct wr_arena *arena, struct wr_table *table);

/* The innermost node with a list whose numbers this one is among; 0: none. Then `up` until 0. */
uint32_t wr_ranges_find(const struct wr_ranges *ranges, uint64_t number);

#endif
