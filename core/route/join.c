/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/join.h"

#include <string.h>

#include <weir/error.h>

#define WORDS (WR_JOIN_SLOTS_MAX / 64)

typedef uint64_t slots[WORDS];

size_t wr_join_bytes(uint32_t context_max, uint32_t set_max)
{
	return (size_t)set_max * sizeof(struct wr_join_set) +
	       (size_t)context_max * (5 * sizeof(uint32_t) + 2 * sizeof(uint64_t));
}

void wr_join_place(struct wr_join *join, void *memory, uint32_t context_max, uint32_t set_max)
{
	*join = (struct wr_join){.sets = memory, .set_max = set_max};
	join->context_values = (uint64_t *)(join->sets + set_max);
	join->array_values = join->context_values + context_max;
	join->context_sets = (uint32_t *)(join->array_values + context_max);
	join->context_arrays = join->context_sets + context_max;
	join->array_sets = join->context_arrays + context_max;
	join->array_next = join->array_sets + context_max;
	join->touched = join->array_next + context_max;
}

/* ---- absences ---- */

/* The bit of the slot's absence; 0: there are too many. */
static uint64_t absence_of(struct wr_join *j, uint32_t slot)
{
	uint32_t i = j->absence_count;
	while (i > 0 && j->absence_slots[i - 1] != slot)
		i--;
	if (i > 0)
		return 1ull << (i - 1);
	if (j->absence_count == WR_JOIN_ABSENCES_MAX)
		return 0;
	j->absence_slots[j->absence_count] = (uint16_t)slot;
	return 1ull << j->absence_count++;
}

/* Absences that come behind the first of these slots: for them it has chosen already. */
static uint64_t absences_behind(const struct wr_join *j, const uint64_t *set)
{
	uint64_t behind = 0;
	uint32_t first = 0;
	while (first < WR_JOIN_SLOTS_MAX && (set[first / 64] >> first % 64 & 1) == 0)
		first++;
	for (uint32_t i = 0; i < j->absence_count; i++)
		if (j->absence_slots[i] > first)
			behind |= 1ull << i;
	return behind;
}

/* ---- sets of slots ---- */

static bool has_all(const uint64_t *set, const uint64_t *of)
{
	for (size_t i = 0; i < WORDS; i++)
		if ((of[i] & ~set[i]) != 0)
			return false;
	return true;
}

static unsigned size_of(const uint64_t *set, uint64_t absent)
{
	unsigned n = (unsigned)__builtin_popcountll(absent);
	for (size_t i = 0; i < WORDS; i++)
		n += (unsigned)__builtin_popcountll(set[i]);
	return n;
}

/* Adds a set to the list at *head, unless one there has it all; false: no room. */
static bool list_add(struct wr_join *j, uint32_t *head, const uint64_t *set, uint64_t absent)
{
	unsigned count = 0;
	uint32_t *smallest = NULL;
	for (uint32_t *at = head; *at != 0;) {
		struct wr_join_set *other = &j->sets[*at - 1];
		if (has_all(other->slots, set) && (absent & ~other->absent) == 0)
			return true;
		if (has_all(set, other->slots) && (other->absent & ~absent) == 0) {
			*at = other->next;
			continue;
		}
		count++;
		if (smallest == NULL ||
		    size_of(other->slots, other->absent) <
			    size_of(j->sets[*smallest - 1].slots, j->sets[*smallest - 1].absent))
			smallest = at;
		at = &other->next;
	}
	if (count == WR_JOIN_CHOICES) {
		struct wr_join_set *least = &j->sets[*smallest - 1];
		if (size_of(set, absent) > size_of(least->slots, least->absent)) {
			memcpy(least->slots, set, sizeof least->slots);
			least->absent = absent;
		}
		return true;
	}
	if (j->set_count == j->set_max)
		return false;
	struct wr_join_set *one = &j->sets[j->set_count];
	memcpy(one->slots, set, sizeof one->slots);
	one->absent = absent;
	one->next = *head;
	*head = ++j->set_count;
	return true;
}

/* What both lists can do together, into *a. Values in b's array are in the way of `values`. */
static bool list_multiply(struct wr_join *j, uint32_t *a, uint32_t b, uint64_t values)
{
	uint32_t product = 0;
	for (uint32_t i = *a; i != 0; i = j->sets[i - 1].next)
		for (uint32_t k = b; k != 0; k = j->sets[k - 1].next) {
			slots both;
			for (size_t w = 0; w < WORDS; w++)
				both[w] = j->sets[i - 1].slots[w] | j->sets[k - 1].slots[w];
			if (!list_add(j, &product, both,
				      j->sets[i - 1].absent & (j->sets[k - 1].absent | ~values)))
				return false;
		}
	*a = product;
	return true;
}

/* ---- contexts ---- */

/* An empty set, once: the context, and all that it lies in, take part. */
static bool touch(struct wr_join *j, const struct wr_context *contexts, uint32_t context)
{
	static const slots none;
	uint64_t absent = j->absence_count == 64 ? ~0ull : (1ull << j->absence_count) - 1;
	while (j->context_sets[context] == 0) {
		if (!list_add(j, &j->context_sets[context], none, absent))
			return false;
		j->touched[j->touched_count++] = context;
		context = contexts[context].parent;
	}
	return true;
}

static void sift(uint32_t *heap, uint32_t at, uint32_t count)
{
	uint32_t moved = heap[at];
	for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && heap[child + 1] < heap[child])
			child++;
		if (heap[child] >= moved)
			break;
		heap[at] = heap[child];
	}
	heap[at] = moved;
}

/* Innermost first: numbers go down. */
static void sort_down(uint32_t *list, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift(list, i, count);
	for (uint32_t left = count; left > 1; left--) {
		uint32_t least = list[0];
		list[0] = list[left - 1];
		list[left - 1] = least;
		sift(list, 0, left - 1);
	}
}

/* All that lies in the context is known: it becomes one of the elements of its array. */
static bool settle(struct wr_join *j, const struct wr_context *contexts, uint32_t context)
{
	uint32_t *own = &j->context_sets[context];
	uint64_t values = j->context_values[context];
	for (uint32_t a = j->context_arrays[context]; a != 0; a = j->array_next[a]) {
		if (!list_multiply(j, own, j->array_sets[a], j->array_values[a]))
			return false;
		values |= j->array_values[a];
	}
	uint32_t array = contexts[context].array;
	if (context == 0)
		return true;
	if (j->array_sets[array] == 0) {
		uint32_t *first = &j->context_arrays[contexts[context].parent];
		j->array_next[array] = *first;
		*first = array;
	}
	j->array_values[array] |= values;
	for (uint32_t i = *own; i != 0; i = j->sets[i - 1].next) {
		const struct wr_join_set *set = &j->sets[i - 1];
		if (!list_add(j, &j->array_sets[array], set->slots,
			      set->absent & absences_behind(j, set->slots)))
			return false;
	}
	return true;
}

static void forget(struct wr_join *j, const struct wr_context *contexts)
{
	for (uint32_t i = 0; i < j->touched_count; i++) {
		uint32_t context = j->touched[i];
		j->context_sets[context] = j->context_arrays[context] = 0;
		j->array_sets[contexts[context].array] = 0;
		j->array_next[contexts[context].array] = 0;
		j->context_values[context] = 0;
		j->array_values[contexts[context].array] = 0;
	}
	j->touched_count = 0;
	j->set_count = 0;
}

/* One hit, or one value in the way, of a slot that is not decided yet. */
static bool take_hit(struct wr_join *j, const struct wr_context *contexts, const struct wr_hit *hit)
{
	uint32_t slot = hit->slot & ~WR_HIT_IN_THE_WAY;
	if (!touch(j, contexts, hit->context))
		return false;
	struct wr_join_set *set = &j->sets[j->context_sets[hit->context] - 1];
	if (slot == hit->slot) {
		set->slots[slot / 64] |= 1ull << slot % 64;
		return true;
	}
	uint64_t absence = absence_of(j, slot);
	set->absent &= ~absence;
	j->context_values[hit->context] |= absence;
	return true;
}

/* Has the set all slots, some by absence? */
static bool is_whole(const struct wr_join *j, const struct wr_join_set *set, const uint64_t *wanted)
{
	slots has;
	memcpy(has, set->slots, sizeof has);
	for (uint32_t i = 0; i < j->absence_count; i++)
		if ((set->absent >> i & 1) != 0)
			has[j->absence_slots[i] / 64] |= 1ull << j->absence_slots[i] % 64;
	return has_all(has, wanted);
}

int wr_join_run(struct wr_join *join, const struct wr_context *contexts, const struct wr_hit *hits,
		size_t hit_count, size_t slot_count)
{
	slots free_ones = {0}, left = {0}, hit = {0};
	join->absence_count = 0;
	for (size_t i = 0; i < slot_count; i++)
		left[i / 64] |= 1ull << i % 64;
	for (size_t i = 0; i < hit_count; i++) {
		uint32_t slot = hits[i].slot & ~WR_HIT_IN_THE_WAY;
		hit[slot / 64] |= 1ull << slot % 64;
		if (slot != hits[i].slot) {
			if (absence_of(join, slot) == 0)
				return WEIR_E_TOO_BIG;
		} else if (hits[i].context == 0) {
			free_ones[slot / 64] |= 1ull << slot % 64;
		}
	}
	if (!has_all(hit, left))
		return 0;
	/* Who can do without an element may still choose one, to keep values out of the way. */
	for (size_t i = 0; i < WORDS && join->absence_count == 0; i++)
		left[i] &= ~free_ones[i];
	if (join->absence_count == 0 && size_of(left, 0) <= 1)
		return 1;
	bool good = touch(join, contexts, 0);
	for (size_t i = 0; i < hit_count && good; i++) {
		uint32_t slot = hits[i].slot & ~WR_HIT_IN_THE_WAY;
		if ((left[slot / 64] >> slot % 64 & 1) != 0)
			good = take_hit(join, contexts, &hits[i]);
	}
	sort_down(join->touched, join->touched_count);
	for (uint32_t i = 0; i < join->touched_count && good; i++)
		good = settle(join, contexts, join->touched[i]);
	int result = good ? 0 : WEIR_E_TOO_BIG;
	for (uint32_t i = good ? join->context_sets[0] : 0; i != 0; i = join->sets[i - 1].next)
		if (is_whole(join, &join->sets[i - 1], left))
			result = 1;
	forget(join, contexts);
	return result;
}
