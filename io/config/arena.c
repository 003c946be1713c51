/* SPDX-License-Identifier: Apache-2.0 */
/* A list of blocks; each request is cut from the newest, or gets a new one. */
#include "io/config/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"

#define BLOCK_BYTES 16384u

struct wr_config_block {
	struct wr_config_block *next;
	size_t used_bytes;
	size_t bytes;
	alignas(max_align_t) uint8_t memory[];
};

void *wr_config_alloc(struct wr_config_arena *arena, size_t bytes)
{
	struct wr_config_block *block = arena->blocks;
	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (size_t)wr_round_up(bytes, alignof(max_align_t));
	if (block == NULL || block->bytes - block->used_bytes < bytes) {
		size_t block_bytes = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
		block = calloc(1, sizeof *block + block_bytes);
		if (block == NULL)
			return NULL;
		block->bytes = block_bytes;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	void *p = block->memory + block->used_bytes;
	block->used_bytes += bytes;
	return p;
}

char *wr_config_copy(struct wr_config_arena *arena, const char *text, size_t bytes)
{
	char *copy = wr_config_alloc(arena, bytes + 1);
	if (copy != NULL && bytes > 0)
		memcpy(copy, text, bytes);
	return copy;
}

char *wr_config_vtext(struct wr_config_arena *arena, const char *format, va_list list)
{
	va_list again;
	va_copy(again, list);
	int bytes = vsnprintf(NULL, 0, format, again);
	va_end(again);
	char *text = bytes < 0 ? NULL : wr_config_alloc(arena, (size_t)bytes + 1);
	if (text != NULL)
		(void)vsnprintf(text, (size_t)bytes + 1, format, list);
	return text;
}

void wr_config_arena_fini(struct wr_config_arena *arena)
{
	while (arena->blocks != NULL) {
		struct wr_config_block *block = arena->blocks;
		arena->blocks = block->next;
		free(block);
	}
}
