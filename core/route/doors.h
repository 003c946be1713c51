/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a condition is looked up as. Part of doors.c and hang.c, the builder of matchers, and for
 * nobody else.
 *
 * Thread: one at a time.
 */
#ifndef WR_ROUTE_DOORS_H
#define WR_ROUTE_DOORS_H

#include "core/route/matcher.h"

struct wr_door_key {
	enum wr_door kind;
	const uint8_t *bytes;
	size_t count;
	bool proves; /* whose door is open holds */
	uint8_t own[24];
};

/* Texts that the condition does not have as they are lie in the arena. */
void wr_door_of(struct wr_arena *arena, const struct wr_condition *condition,
		struct wr_door_key *ret_key);

/* The entry of a key of a path, made if it is not there. NULL: no memory. */
struct wr_entry *wr_door_entry(struct weir_matcher *m, uint32_t path,
			       const struct wr_door_key *key);

#endif
