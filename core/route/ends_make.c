/* SPDX-License-Identifier: Apache-2.0 */
/* Texts put in, and what is known of all of them when no more are added. */
#include "core/route/ends.h"
#include "core/route/ends_hash.h"

#define TRUNK_PART 8u /* many: one in so many */
#define TRUNK_BYTES_MAX 256u
#define SAMPLE_TEXTS 512u /* at most: that places are tried with */
#define PLACES_BEFORE 16u /* the end of the trunk */
#define PLACES_BEHIND 32u

bool wr_ends_add(struct wr_ends *ends, struct wr_arena *building, const struct wr_ends_text *text)
{
	void *list = ends->texts;
	if (!wr_arena_grow(building, &list, &ends->room, ends->count, sizeof *ends->texts))
		return false;
	ends->texts = list;
	ends->texts[ends->count++] = *text;
	return true;
}

static int compare(const struct wr_ends_text *a, const struct wr_ends_text *b)
{
	uint32_t shorter = a->count < b->count ? a->count : b->count;
	int order = shorter > 0 ? memcmp(a->bytes, b->bytes, shorter) : 0;
	return order != 0 ? order : (a->count > b->count) - (a->count < b->count);
}

static void sift(struct wr_ends_text *heap, size_t at, size_t count)
{
	struct wr_ends_text moved = heap[at];
	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && compare(&heap[child + 1], &heap[child]) > 0)
			child++;
		if (compare(&heap[child], &moved) <= 0)
			break;
		heap[at] = heap[child];
	}
	heap[at] = moved;
}

static void sort(struct wr_ends_text *list, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift(list, i, count);
	for (size_t left = count; left > 1; left--) {
		struct wr_ends_text greatest = list[0];
		list[0] = list[left - 1];
		list[left - 1] = greatest;
		sift(list, 0, left - 1);
	}
}

/* The table's bytes stay what they are: others have them, too. */
static bool turn(struct wr_ends *ends, struct wr_arena *arena)
{
	for (size_t i = 0; i < ends->count; i++) {
		struct wr_ends_text *t = &ends->texts[i];
		uint8_t *turned = wr_arena_take(arena, t->count, 1);
		if (turned == NULL)
			return false;
		for (uint32_t k = 0; k < t->count; k++)
			turned[k] = t->bytes[t->count - 1 - k];
		t->bytes = turned;
	}
	return true;
}

static void place(struct wr_ends *e, uint32_t number)
{
	const struct wr_end *end = &e->ends[number];
	struct wr_beginning b = {0};
	uint64_t hash = wr_ends_hash(&b, end->bytes, end->count, false, end->count);
	size_t slot = hash & e->slot_mask;
	while (e->slots[slot] != 0)
		slot = (slot + 1) & e->slot_mask;
	e->slots[slot] = (hash & WR_ENDS_TAG) | (number + 1u);
	wr_window_add(&e->filter,
		      wr_window_hash(wr_window_last(end->bytes, end->count), end->count));
}

/* In the order of texts those that one begins with are before it, the longest last. */
static uint32_t inner_of(const struct wr_ends *e, uint32_t number)
{
	const struct wr_end *end = &e->ends[number];
	for (uint32_t before = number; before != 0; before = e->ends[before - 1].inner) {
		const struct wr_end *other = &e->ends[before - 1];
		if (other->count < end->count &&
		    memcmp(other->bytes, end->bytes, other->count) == 0)
			return before;
	}
	return 0;
}

/* Of those that go along from `first`, in order: the most that go on with one byte. */
static size_t most_go_on(const struct wr_ends *e, size_t depth, size_t *first, size_t end)
{
	size_t most = 0;
	for (size_t at = *first, next; at < end; at = next) {
		next = at + 1;
		if (e->ends[at].count == depth)
			continue;
		while (next < end && e->ends[next].bytes[depth] == e->ends[at].bytes[depth])
			next++;
		if (next - at > most) {
			most = next - at;
			*first = at;
		}
	}
	return most;
}

/* From each byte to the one that most go on with, as long as those are many. */
static void find_trunk(struct wr_ends *e, size_t count)
{
	size_t first = 0, end = count, depth = 0;
	while (depth < TRUNK_BYTES_MAX) {
		size_t at = first, most = most_go_on(e, depth, &at, end);
		if (most == 0 || most * TRUNK_PART < count)
			break;
		first = at;
		end = first + most;
		depth++;
	}
	if (count > 0) {
		const struct wr_end *one = &e->ends[first];
		e->trunk = one->bytes;
		e->trunk_last = one->count == depth ? (uint32_t)first + 1 : one->inner;
	}
	e->trunk_bytes = depth;
}

/* Which lengths there are. */
static bool gather_lengths(struct wr_ends *e, struct wr_arena *arena, struct wr_arena *building,
			   size_t count)
{
	for (size_t i = 0; i < count; i++)
		e->longest = e->ends[i].count > e->longest ? e->ends[i].count : e->longest;
	uint8_t *is_there = wr_arena_take(building, e->longest + 1, 1);
	e->lengths_to = wr_arena_take(arena, e->longest + 1, sizeof *e->lengths_to);
	if (is_there == NULL || e->lengths_to == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		e->length_count += is_there[e->ends[i].count] == 0;
		is_there[e->ends[i].count] = 1;
	}
	e->lengths = wr_arena_take(arena, e->length_count, sizeof *e->lengths);
	if (e->lengths == NULL)
		return false;
	for (uint32_t length = 0, at = 0; length <= e->longest; length++) {
		if (is_there[length] != 0)
			e->lengths[at++] = length;
		e->lengths_to[length] = at;
	}
	return true;
}

/* ---- the front ---- */

/* The text as a set: of its own length only. */
static uint64_t set_of(const struct wr_ends *e, const struct wr_end *end)
{
	uint32_t number = e->lengths_to[end->count] - 1;
	return 1ull << (number < WR_ENDS_SET_LAST ? number : WR_ENDS_SET_LAST);
}

static uint64_t *set_at(const struct wr_ends_front *front, const struct wr_end *end)
{
	uint64_t head = wr_window_head(end->bytes, end->count, false);
	return wr_ends_set(front, end->bytes, end->count, false, head);
}

/* Every `step`th text, into sets that are there. */
static void fill(const struct wr_ends *e, struct wr_ends_front *front, size_t count, size_t step)
{
	front->shorter = 0;
	for (size_t i = 0; i < count; i += step)
		if (e->ends[i].count < front->place)
			front->shorter |= set_of(e, &e->ends[i]);
	for (size_t i = 0; i <= front->mask; i++)
		front->sets[i] = front->shorter;
	for (size_t i = 0; i < count; i += step)
		if (e->ends[i].count >= front->place)
			*set_at(front, &e->ends[i]) |= set_of(e, &e->ends[i]);
}

/* Lengths that would be asked of, for the texts of a sample. */
static uint64_t cost_of(const struct wr_ends *e, const struct wr_ends_front *front,
			const uint64_t *sets, size_t count, size_t step)
{
	uint64_t cost = 0;
	for (size_t i = 0; i < count; i += step) {
		const struct wr_end *end = &e->ends[i];
		uint64_t set = sets[i / step];
		set &= end->count < front->place ? front->shorter : *set_at(front, end);
		cost += (uint64_t)__builtin_popcountll(set);
	}
	return cost;
}

/* What each text of the sample may be asked of, without a front: what the trunk leaves. */
static uint64_t *sets_without(const struct wr_ends *e, struct wr_arena *building, size_t count,
			      size_t step)
{
	uint64_t *sets = wr_arena_take(building, count / step + 1, sizeof *sets);
	for (size_t i = 0; sets != NULL && i < count; i += step) {
		const struct wr_end *end = &e->ends[i];
		size_t along = 0, most = end->count < e->trunk_bytes ? end->count : e->trunk_bytes;
		while (along < most && end->bytes[along] == e->trunk[along])
			along++;
		uint32_t from = e->lengths_to[along];
		sets[i / step] = ~0ull << (from < WR_ENDS_SET_LAST ? from : WR_ENDS_SET_LAST);
	}
	return sets;
}

/*
 * The place that leaves the fewest lengths to ask of, near the end of the trunk; 0, where none
 * leaves much fewer than there are.
 */
static bool choose_place(const struct wr_ends *e, struct wr_arena *building, size_t count,
			 size_t *ret_place)
{
	size_t step = count / SAMPLE_TEXTS + 1;
	uint64_t *sets = sets_without(e, building, count, step);
	struct wr_ends_front front = {.mask = wr_power_of_two_above(count / step * 2 + 1) - 1};
	size_t first = e->trunk_bytes > PLACES_BEFORE ? e->trunk_bytes - PLACES_BEFORE : 1;
	size_t last = e->trunk_bytes + PLACES_BEHIND;
	front.sets = wr_arena_take(building, front.mask + 1, sizeof *front.sets);
	if (sets == NULL || front.sets == NULL)
		return false;
	fill(e, &front, count, step);
	uint64_t least = cost_of(e, &front, sets, count, step) * 3 / 4;
	*ret_place = 0;
	for (front.place = first; front.place <= last && front.place <= e->longest; front.place++) {
		fill(e, &front, count, step);
		uint64_t cost = cost_of(e, &front, sets, count, step);
		if (cost >= least)
			continue;
		least = cost;
		*ret_place = front.place;
	}
	return true;
}

static bool make_front(struct wr_ends *e, struct wr_arena *arena, struct wr_arena *building,
		       size_t count)
{
	struct wr_ends_front *front = &e->front;
	size_t set_count = 1;
	if (!choose_place(e, building, count, &front->place))
		return false;
	if (front->place > 0)
		set_count = (size_t)wr_power_of_two_above(count / 2 + 1);
	front->sets = wr_arena_take(arena, set_count, sizeof *front->sets);
	front->mask = set_count - 1;
	if (front->sets == NULL)
		return false;
	fill(e, front, count, 1);
	return true;
}

bool wr_ends_finish(struct wr_ends *ends, struct wr_arena *arena, struct wr_arena *building,
		    struct wr_table *table, bool backwards)
{
	if (backwards && !turn(ends, arena))
		return false;
	sort(ends->texts, ends->count);
	size_t slots = (size_t)wr_power_of_two_above(ends->count * 2 + 1);
	ends->slots = wr_arena_take(arena, slots, sizeof *ends->slots);
	ends->ends = wr_arena_take(arena, ends->count, sizeof *ends->ends);
	if (ends->slots == NULL || ends->ends == NULL ||
	    !wr_window_make(&ends->filter, arena, ends->count))
		return false;
	ends->slot_mask = slots - 1;
	uint32_t kept = 0;
	for (size_t i = 0; i < ends->count; i++) {
		const struct wr_ends_text *t = &ends->texts[i];
		uint32_t list = table->entries[t->entry].list;
		table->entries[t->entry].list = 0;
		if (t->count == 0) {
			ends->empty = list;
			continue;
		}
		ends->ends[kept] =
			(struct wr_end){.bytes = t->bytes, .count = t->count, .list = list};
		ends->ends[kept].inner = inner_of(ends, kept);
		place(ends, kept++);
	}
	ends->texts = NULL;
	find_trunk(ends, kept);
	return gather_lengths(ends, arena, building, kept) &&
	       make_front(ends, arena, building, kept);
}
