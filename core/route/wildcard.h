/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wildcards: '*' is any run of bytes, "\*" and "\\" are the characters themselves.
 *
 * How costly patterns are is counted as AWS counts it: by how many of their beginnings can match
 * one and the same text at its worst moment. "*a*a" has four beginnings, '*', '*a', '*a*' and
 * '*a*a', and "aa" is matched by all of them. That is also how many places a machine is in at once
 * that tries all of them together.
 *
 * Thread: any. Pure functions.
 */
#ifndef WR_ROUTE_WILDCARD_H
#define WR_ROUTE_WILDCARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/route/arena.h"

#define WR_WILDCARD_STAR 256u

struct wr_wildcard {
	const uint16_t *tokens; /* a byte, or WR_WILDCARD_STAR */
	size_t count;
	size_t head_count; /* tokens before the first star */
	size_t tail_count; /* tokens behind the last one; all of them where there is none */
	bool has_star;
};

/* More of them than this in one rule's field are refused. */
#define WR_WILDCARD_COST_MAX 10u

/*
 * NULL, or what is wrong, as a static clause; *ret_at is the byte of the text at fault. Without
 * memory the text is good and tokens is NULL.
 */
const char *wr_wildcard_parse(struct wr_arena *arena, const char *text, size_t bytes,
			      struct wr_wildcard *ret_wildcard, size_t *ret_at);

bool wr_wildcard_matches(const struct wr_wildcard *wildcard, const uint8_t *text, size_t bytes);

/*
 * The cost of these together, WR_WILDCARD_COST_MAX + 1 where it is more than the limit or takes too
 * long to find out.
 */
unsigned wr_wildcard_cost(struct wr_arena *arena, const struct wr_wildcard *const *wildcards,
			  size_t count);

#endif
