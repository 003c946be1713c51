/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that are found again, each with a number; and the room that they are copied into. All of it
 * counts against one budget, so that a command that reads a whole log has a bound.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_TEXT_MAP_H
#define WEIR_TOOLS_TEXT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of any kind; at NULL: none. */
struct text {
	const char *at;
	uint32_t bytes;
};

struct text_budget {
	size_t used_bytes;
	size_t max_bytes;
};

/* Whether so many bytes more are within it; they are counted then. */
bool text_budget_take(struct text_budget *budget, size_t bytes);

struct text_pool {
	struct text_budget *budget;
	struct text_block *blocks; /* the newest first */
};

/* Copies `text`. False: no room, or no memory. */
bool text_pool_copy(struct text_pool *pool, struct text text, struct text *ret_copy);
/* Forgets everything that was copied. */
void text_pool_clear(struct text_pool *pool);

struct text_map {
	struct text_budget *budget;
	struct text_slot *slots; /* a power of two of them, or NULL */
	uint32_t room;
	uint32_t count;
};

/* `text` is kept as it is and must outlive the map. An older number of it is replaced. */
bool text_map_put(struct text_map *map, struct text text, uint32_t number);
bool text_map_find(const struct text_map *map, struct text text, uint32_t *ret_number);
void text_map_clear(struct text_map *map);

#endif
