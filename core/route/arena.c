/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/arena.h"

#include <string.h>

/* The first block of an arena is small, so that a small pattern is. */
#define BLOCK_BYTES_FIRST 448u
#define BLOCK_BYTES 4032u
/* Of an arena that is large anyway: what an allocator can make huge pages of. */
#define BLOCK_BYTES_LARGE (2u << 20)
#define LARGE_FROM (4u << 20)
#define ALIGN 16u

struct wr_arena_block {
	struct wr_arena_block *before;
	size_t bytes; /* behind this struct */
	size_t used;
	size_t unused_;
};

void wr_arena_init(struct wr_arena *arena, const struct weir_allocator *allocator)
{
	*arena = (struct wr_arena){.allocator = *allocator};
}

void wr_arena_fini(struct wr_arena *arena)
{
	while (arena->last != NULL) {
		struct wr_arena_block *block = arena->last;
		arena->last = block->before;
		arena->allocator.free(arena->allocator.context, block,
				      sizeof *block + block->bytes);
	}
}

static struct wr_arena_block *block_add(struct wr_arena *arena, size_t bytes)
{
	size_t whole = arena->last == NULL ? BLOCK_BYTES_FIRST : BLOCK_BYTES;
	if (arena->taken_bytes < BLOCK_BYTES && arena->taken_bytes > 0)
		whole = arena->taken_bytes;
	if (arena->taken_bytes >= LARGE_FROM)
		whole = BLOCK_BYTES_LARGE - sizeof(struct wr_arena_block);
	size_t room = bytes > whole / 4 ? bytes : whole;
	struct wr_arena_block *block = arena->allocator.alloc(
		arena->allocator.context, sizeof *block + room, _Alignof(max_align_t));
	if (block == NULL)
		return NULL;
	block->bytes = room;
	block->used = 0;
	arena->taken_bytes += sizeof *block + room;
	/* One of its own size leaves what is left of the current one in use. */
	if (room == whole || arena->last == NULL) {
		block->before = arena->last;
		arena->last = block;
	} else {
		block->before = arena->last->before;
		arena->last->before = block;
	}
	return block;
}

void *wr_arena_take(struct wr_arena *arena, size_t count, size_t bytes)
{
	if (bytes != 0 && count > (SIZE_MAX / 4) / bytes) {
		arena->failed = true;
		return NULL;
	}
	size_t need = (count * bytes + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
	if (need == 0)
		need = ALIGN;
	struct wr_arena_block *block = arena->last;
	if (block == NULL || block->bytes - block->used < need)
		block = block_add(arena, need);
	if (block == NULL) {
		arena->failed = true;
		return NULL;
	}
	void *piece = (uint8_t *)(block + 1) + block->used;
	block->used += need;
	return piece;
}

char *wr_arena_copy(struct wr_arena *arena, const void *bytes, size_t length_bytes)
{
	char *copy = wr_arena_take(arena, length_bytes + 1, 1);
	if (copy != NULL && length_bytes > 0)
		memcpy(copy, bytes, length_bytes);
	return copy;
}

bool wr_arena_grow(struct wr_arena *arena, void **list, size_t *room, size_t count, size_t bytes)
{
	if (count < *room)
		return true;
	size_t more = *room == 0 ? 4 : *room * 2;
	void *longer = wr_arena_take(arena, more, bytes);
	if (longer == NULL)
		return false;
	if (count > 0)
		memcpy(longer, *list, count * bytes);
	*list = longer;
	*room = more;
	return true;
}
