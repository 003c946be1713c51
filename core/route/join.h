/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields that match have to belong together: of an array of objects, all from one element.
 *
 * Each object or array that is an element of an array is a context; context 0 is the event itself.
 * A context lies in a parent context, as an element of one array there. Of each slot (a leaf of an
 * alternative) it is known in which contexts it was hit. Wanted is one hit of each slot so that no
 * two lie in different elements of one array.
 *
 * From the innermost context outwards: what the hits in a context and one element of each array in
 * it can do together. For an array that is what its best element can do, which mostly is one; where
 * no element has it all (the same field lies in several arrays, by a name that comes twice or by
 * dots in names), up to WR_JOIN_CHOICES sets are carried on, the largest.
 *
 * Where a field had better be absent it is enough that no value of it belongs to what was chosen:
 * each of its values lies in another element of an array than a slot before it has chosen from. So
 * "before" counts: slots are numbered in the order of their paths, as AWS looks at them.
 *
 * Time: contexts that were hit, and their parents, times the depth. No allocation.
 * Thread: one at a time.
 */
#ifndef WR_ROUTE_JOIN_H
#define WR_ROUTE_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_JOIN_SLOTS_MAX 256u
#define WR_JOIN_CHOICES 16u
/* Slots whose field may be absent, but has values in array elements. */
#define WR_JOIN_ABSENCES_MAX 64u

/* With a hit's slot: the field has a value here, and the slot would be content if it had none. */
#define WR_HIT_IN_THE_WAY (1u << 31)

struct wr_context {
	uint32_t parent; /* less than its own number; 0 of context 0 */
	uint32_t array;  /* from 1, by all elements of one array shared; 0 of context 0 */
};

struct wr_hit {
	uint32_t slot;
	uint32_t context;
};

struct wr_join_set {
	uint64_t slots[WR_JOIN_SLOTS_MAX / 64];
	uint64_t absent; /* which absences no value is in the way of */
	uint32_t next;   /* of the list that it is in, + 1 */
};

/* The caller's memory, zeroed once. Contexts and arrays are numbered below context_max. */
struct wr_join {
	uint32_t *context_sets;   /* context_max each; 0: none, else the number of a set + 1 */
	uint32_t *context_arrays; /* its arrays: the first */
	uint32_t *array_sets;
	uint32_t *array_next; /* the next array of the same context, + 1 */
	uint32_t *touched;    /* contexts */
	uint32_t touched_count;
	struct wr_join_set *sets;
	uint32_t set_count;
	uint32_t set_max;
	uint64_t *context_values; /* absences that a value in it is in the way of */
	uint64_t *array_values;
	uint32_t absence_count;
	uint16_t absence_slots[WR_JOIN_ABSENCES_MAX];
};

/* What wr_join_place() needs for so many. */
size_t wr_join_bytes(uint32_t context_max, uint32_t set_max);
void wr_join_place(struct wr_join *join, void *memory, uint32_t context_max, uint32_t set_max);

/* 1, 0, or WEIR_E_TOO_BIG: there are more sets, or absences, than there is room for. */
int wr_join_run(struct wr_join *join, const struct wr_context *contexts, const struct wr_hit *hits,
		size_t hit_count, size_t slot_count);

#endif
