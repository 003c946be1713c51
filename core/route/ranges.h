/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of many ranges of numbers is a number in? The ends of all ranges cut the numbers into
 * pieces; a tree lies over the pieces, and a range stands in the few of its nodes that together are
 * the range. A bit says of a short stretch of numbers whether any range touches it: most numbers
 * are in none, and cost no more than that. Another one is found on its shelf (numbers from the
 * first cut to the last, cut into stretches of equal length) and there in its piece by halving; the
 * ranges that it is in are those of the nodes above.
 *
 * Beside that bit is one for single numbers that others look up, and note here: so that a number
 * that is neither costs one line of memory.
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
	uint64_t *touched; /* two bits of each shorter stretch, of those from `first` to `last` */
	unsigned touched_shift;
	uint64_t beyond; /* those of what is above */
	uint64_t first;  /* of cuts, and of single numbers */
	uint64_t last;
	bool is_wide;                 /* there is a first and a last one */
	struct wr_ranges_node *nodes; /* of a tree with `width` leaves from node `width` on */
	size_t width;
};

/* Memory is the building one's. */
bool wr_ranges_add(struct wr_ranges *ranges, struct wr_arena *building,
		   const struct wr_range *range);

/* A single number will be noted. */
static inline void wr_ranges_widen(struct wr_ranges *ranges, uint64_t number)
{
	if (!ranges->is_wide || number < ranges->first)
		ranges->first = number;
	if (!ranges->is_wide || number > ranges->last)
		ranges->last = number;
	ranges->is_wide = true;
}

/* No more are added. The table has the lists. false: no memory. */
bool wr_ranges_finish(struct wr_ranges *ranges, struct wr_arena *arena, struct wr_table *table);

/* What may be said of a number. */
#define WR_RANGES_HAS_RANGE 1u
#define WR_RANGES_HAS_NUMBER 2u
#define WR_RANGES_STRETCHES 32u /* of a word */

/* There is a range, and all is done but this. */
static inline void wr_ranges_note(struct wr_ranges *ranges, uint64_t number)
{
	uint64_t at = (number - ranges->first) >> ranges->touched_shift;
	if (ranges->touched != NULL)
		ranges->touched[at / WR_RANGES_STRETCHES] |= (uint64_t)WR_RANGES_HAS_NUMBER
							     << at % WR_RANGES_STRETCHES * 2;
}

/*
 * What wr_ranges_ask() reads, to be sent for. Beyond the first and the last number nothing is read:
 * some line that there is, for an address without a page takes as long as a walk through the page
 * tables, each time.
 */
static inline const void *wr_ranges_line(const struct wr_ranges *ranges, uint64_t number)
{
	bool is_beyond = number < ranges->first || number > ranges->last;
	uint64_t at = is_beyond ? 0 : (number - ranges->first) >> ranges->touched_shift;
	return &ranges->touched[at / WR_RANGES_STRETCHES];
}

/* May it be in a range (one there is), or one of those that were noted? 0: neither. */
static inline uint64_t wr_ranges_ask(const struct wr_ranges *ranges, uint64_t number)
{
	if (number < ranges->first || number > ranges->last)
		return number < ranges->first ? 0 : ranges->beyond;
	uint64_t at = (number - ranges->first) >> ranges->touched_shift;
	return ranges->touched[at / WR_RANGES_STRETCHES] >> at % WR_RANGES_STRETCHES * 2 & 3;
}

/* The innermost node with a list whose numbers this one is among; 0: none. Then `up` until 0. */
uint32_t wr_ranges_find(const struct wr_ranges *ranges, uint64_t number);

#endif
