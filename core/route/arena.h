/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of one pattern: taken piece by piece while it is compiled, given back in one go. Pieces
 * come zeroed and never move. `failed` stays set once the allocator had nothing, so that a compiler
 * may look once, at its end.
 *
 * Thread: one at a time.
 */
#ifndef WR_ROUTE_ARENA_H
#define WR_ROUTE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/options.h>

struct wr_arena_block;

struct wr_arena {
	struct weir_allocator allocator; /* both functions are there */
	struct wr_arena_block *last;
	size_t taken_bytes; /* from the allocator */
	bool failed;
};

void wr_arena_init(struct wr_arena *arena, const struct weir_allocator *allocator);
void wr_arena_fini(struct wr_arena *arena);

/* `count` things of `bytes` each, for any type; NULL: `failed`. */
void *wr_arena_take(struct wr_arena *arena, size_t count, size_t bytes);

/* A copy with a 0 behind it. */
char *wr_arena_copy(struct wr_arena *arena, const void *bytes, size_t length_bytes);

/*
 * A list that grows: `*list` has `*room` places of `bytes` each, `count` of them used; makes place
 * for one more. false: `failed`, and the list is as it was.
 */
bool wr_arena_grow(struct wr_arena *arena, void **list, size_t *room, size_t count, size_t bytes);

#endif
