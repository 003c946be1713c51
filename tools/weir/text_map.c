/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/text_map.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hash_murmur2.h"

#define BLOCK_BYTES 65536u
#define FIRST_ROOM 256u

struct text_block {
	struct text_block *next;
	size_t used_bytes;
	size_t room_bytes;
	char bytes[];
};

struct text_slot {
	struct text text; /* at NULL: free */
	uint32_t number;
};

bool text_budget_take(struct text_budget *budget, size_t bytes)
{
	if (bytes > budget->max_bytes - budget->used_bytes)
		return false;
	budget->used_bytes += bytes;
	return true;
}

/* ---- pool ---- */

static bool add_block(struct text_pool *pool, size_t bytes)
{
	size_t room_bytes = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
	if (!text_budget_take(pool->budget, sizeof(struct text_block) + room_bytes))
		return false;
	struct text_block *block = malloc(sizeof *block + room_bytes);
	if (block == NULL)
		return false;
	*block = (struct text_block){.next = pool->blocks, .room_bytes = room_bytes};
	pool->blocks = block;
	return true;
}

bool text_pool_copy(struct text_pool *pool, struct text text, struct text *ret_copy)
{
	*ret_copy = (struct text){0};
	if (text.at == NULL)
		return true;
	struct text_block *block = pool->blocks;
	if ((block == NULL || text.bytes > block->room_bytes - block->used_bytes) &&
	    !add_block(pool, text.bytes))
		return false;
	block = pool->blocks;
	char *to = block->bytes + block->used_bytes;
	memcpy(to, text.at, text.bytes);
	block->used_bytes += text.bytes;
	*ret_copy = (struct text){to, text.bytes};
	return true;
}

void text_pool_clear(struct text_pool *pool)
{
	while (pool->blocks != NULL) {
		struct text_block *block = pool->blocks;
		pool->blocks = block->next;
		pool->budget->used_bytes -= sizeof *block + block->room_bytes;
		free(block);
	}
}

/* ---- map ---- */

/* Where it is, or the free slot where it would be. */
static struct text_slot *slot_of(struct text_slot *slots, uint32_t room, struct text text)
{
	uint32_t i = wr_hash_murmur2(text.at, text.bytes) & (room - 1);
	while (slots[i].text.at != NULL && (slots[i].text.bytes != text.bytes ||
					    memcmp(slots[i].text.at, text.at, text.bytes) != 0))
		i = (i + 1) & (room - 1);
	return &slots[i];
}

static bool grow(struct text_map *map)
{
	uint32_t room = map->room > 0 ? 2 * map->room : FIRST_ROOM;
	if (map->room > UINT32_MAX / 4 || !text_budget_take(map->budget, room * sizeof *map->slots))
		return false;
	struct text_slot *slots = calloc(room, sizeof *slots);
	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < map->room; i++)
		if (map->slots[i].text.at != NULL)
			*slot_of(slots, room, map->slots[i].text) = map->slots[i];
	map->budget->used_bytes -= map->room * sizeof *map->slots;
	free(map->slots);
	map->slots = slots;
	map->room = room;
	return true;
}

bool text_map_put(struct text_map *map, struct text text, uint32_t number)
{
	if (map->count >= map->room / 4 * 3 && !grow(map))
		return false;
	struct text_slot *slot = slot_of(map->slots, map->room, text);
	map->count += slot->text.at == NULL;
	*slot = (struct text_slot){text, number};
	return true;
}

bool text_map_find(const struct text_map *map, struct text text, uint32_t *ret_number)
{
	if (map->room == 0 || text.at == NULL)
		return false;
	const struct text_slot *slot = slot_of(map->slots, map->room, text);
	if (slot->text.at == NULL)
		return false;
	if (ret_number != NULL)
		*ret_number = slot->number;
	return true;
}

void text_map_clear(struct text_map *map)
{
	map->budget->used_bytes -= map->room * sizeof *map->slots;
	free(map->slots);
	map->slots = NULL;
	map->room = map->count = 0;
}
