/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/ranges.h"

#include "core/base/bits.h"

#define STRETCHES_A_CUT 64u

bool wr_ranges_add(struct wr_ranges *ranges, struct wr_arena *building,
		   const struct wr_range *range)
{
	void *list = ranges->list;
	if (!wr_arena_grow(building, &list, &ranges->room, ranges->count, sizeof *ranges->list))
		return false;
	ranges->list = list;
	ranges->list[ranges->count++] = *range;
	return true;
}

static void sift(uint64_t *heap, size_t at, size_t count)
{
	uint64_t moved = heap[at];
	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && heap[child + 1] > heap[child])
			child++;
		if (heap[child] <= moved)
			break;
		heap[at] = heap[child];
	}
	heap[at] = moved;
}

static void sort(uint64_t *list, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift(list, i, count);
	for (size_t left = count; left > 1; left--) {
		uint64_t greatest = list[0];
		list[0] = list[left - 1];
		list[left - 1] = greatest;
		sift(list, 0, left - 1);
	}
}

/* The last cut at or before the number; cut_count: there is none. */
static size_t piece_of(const struct wr_ranges *ranges, uint64_t number)
{
	if (number < ranges->cuts[0])
		return ranges->cut_count;
	if (number >= ranges->cuts[ranges->cut_count - 1])
		return ranges->cut_count - 1;
	size_t shelf = (size_t)((number - ranges->cuts[0]) >> ranges->shelf_shift);
	size_t low = ranges->shelves[shelf], high = ranges->shelves[shelf + 1];
	/* No branch hangs on what is compared. */
	for (size_t count = high - low, half; count > 0; count -= half) {
		half = (count + 1) / 2;
		low += ranges->cuts[low + half - 1] <= number ? half : 0;
	}
	return low - 1; /* the first cut is not above it */
}

/* About as many shelves as cuts. */
static bool make_shelves(struct wr_ranges *ranges, struct wr_arena *arena)
{
	uint64_t whole = ranges->cuts[ranges->cut_count - 1] - ranges->cuts[0];
	while ((whole >> ranges->shelf_shift) >= ranges->width)
		ranges->shelf_shift++;
	size_t count = (size_t)(whole >> ranges->shelf_shift) + 2, shelf = 0;
	ranges->shelves = wr_arena_take(arena, count, sizeof *ranges->shelves);
	if (ranges->shelves == NULL)
		return false;
	for (size_t i = 0; i < ranges->cut_count; i++)
		while (shelf <= (ranges->cuts[i] - ranges->cuts[0]) >> ranges->shelf_shift)
			ranges->shelves[shelf++] = (uint32_t)i;
	while (shelf < count)
		ranges->shelves[shelf++] = (uint32_t)ranges->cut_count;
	return true;
}

/* What is found for a number of that piece; 0: no range has it. */
static uint32_t node_of(const struct wr_ranges *ranges, size_t piece)
{
	uint32_t node = (uint32_t)(piece + ranges->width);
	return ranges->nodes[node].list != 0 ? node : ranges->nodes[node].up;
}

static bool make_touched(struct wr_ranges *ranges, struct wr_arena *arena)
{
	wr_ranges_widen(ranges, ranges->cuts[0]);
	wr_ranges_widen(ranges, ranges->cuts[ranges->cut_count - 1]);
	uint64_t first = ranges->first, whole = ranges->last - first;
	while ((whole >> ranges->touched_shift) >= ranges->width * STRETCHES_A_CUT)
		ranges->touched_shift++;
	size_t count = (size_t)(whole >> ranges->touched_shift) + 1;
	ranges->touched =
		wr_arena_take(arena, count / WR_RANGES_STRETCHES + 1, sizeof *ranges->touched);
	if (ranges->touched == NULL)
		return false;
	for (size_t piece = 0; piece < ranges->cut_count; piece++) {
		bool is_last = piece + 1 == ranges->cut_count;
		uint64_t end = is_last ? ranges->last : ranges->cuts[piece + 1] - 1;
		uint64_t at = (ranges->cuts[piece] - first) >> ranges->touched_shift;
		uint64_t last = (end - first) >> ranges->touched_shift;
		if (node_of(ranges, piece) == 0)
			continue;
		for (; at <= last; at++)
			ranges->touched[at / WR_RANGES_STRETCHES] |=
				(uint64_t)WR_RANGES_HAS_RANGE << at % WR_RANGES_STRETCHES * 2;
		ranges->beyond = is_last ? WR_RANGES_HAS_RANGE : 0;
	}
	return true;
}

/* Nodes without a list are passed by; of leaves only the one itself may be without. */
static void point_up(struct wr_ranges *ranges)
{
	for (size_t i = 2; i < ranges->width * 2; i++) {
		const struct wr_ranges_node *above = &ranges->nodes[i / 2];
		ranges->nodes[i].up = above->list != 0 ? (uint32_t)(i / 2) : above->up;
	}
}

bool wr_ranges_finish(struct wr_ranges *ranges, struct wr_arena *arena, struct wr_table *table)
{
	size_t count = 0, kept = 0;
	if (ranges->count == 0)
		return true;
	uint64_t *cuts = wr_arena_take(arena, ranges->count * 2, sizeof *cuts);
	if (cuts == NULL)
		return false;
	for (size_t i = 0; i < ranges->count; i++) {
		cuts[count++] = ranges->list[i].first;
		if (ranges->list[i].last != UINT64_MAX)
			cuts[count++] = ranges->list[i].last + 1;
	}
	sort(cuts, count);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || cuts[i] != cuts[kept - 1])
			cuts[kept++] = cuts[i];
	ranges->cuts = cuts;
	ranges->cut_count = kept;
	ranges->width = wr_power_of_two_above(kept);
	ranges->nodes = wr_arena_take(arena, ranges->width * 2, sizeof *ranges->nodes);
	if (ranges->nodes == NULL || !make_shelves(ranges, arena))
		return false;
	for (size_t i = 0; i < ranges->count; i++) {
		const struct wr_range *r = &ranges->list[i];
		size_t low = piece_of(ranges, r->first) + ranges->width;
		size_t high = piece_of(ranges, r->last) + ranges->width + 1;
		for (; low < high; low /= 2, high /= 2) {
			if ((low & 1) != 0 &&
			    !wr_table_link(table, &ranges->nodes[low++].list, r->number))
				return false;
			if ((high & 1) != 0 &&
			    !wr_table_link(table, &ranges->nodes[--high].list, r->number))
				return false;
		}
	}
	point_up(ranges);
	ranges->list = NULL;
	return make_touched(ranges, arena);
}

uint32_t wr_ranges_find(const struct wr_ranges *ranges, uint64_t number)
{
	if (number < ranges->cuts[0] || (wr_ranges_ask(ranges, number) & WR_RANGES_HAS_RANGE) == 0)
		return 0;
	return node_of(ranges, piece_of(ranges, number));
}
