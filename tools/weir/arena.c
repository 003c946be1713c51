/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/arena.h"

#include <errno.h>
#include <string.h>

#ifdef WR_HAVE_JEMALLOC
#include <weir/jemalloc.h>

bool cli_arena_have_jemalloc(void)
{
	return true;
}

static int open_jemalloc(struct cli_arena *arena, struct weir_allocator *ret_allocator)
{
	int code = weir_jemalloc_create(&arena->jemalloc);

	if (code < 0)
		return code;
	arena->name = CLI_ARENA_JEMALLOC;
	weir_jemalloc_allocator(arena->jemalloc, ret_allocator);
	return 0;
}

void cli_arena_read(struct cli_arena *arena)
{
	struct weir_jemalloc_stats stats;

	if (arena->jemalloc == NULL || weir_jemalloc_stats(arena->jemalloc, &stats) < 0)
		return;
	arena->allocated_bytes = stats.allocated_bytes;
	arena->resident_bytes = stats.resident_bytes;
}

void cli_arena_close(struct cli_arena *arena)
{
	weir_jemalloc_destroy(arena->jemalloc);
	arena->jemalloc = NULL;
}
#else
bool cli_arena_have_jemalloc(void)
{
	return false;
}

static int open_jemalloc(struct cli_arena *arena, struct weir_allocator *ret_allocator)
{
	(void)arena;
	(void)ret_allocator;
	return -ENOTSUP;
}

void cli_arena_read(struct cli_arena *arena)
{
	(void)arena;
}

void cli_arena_close(struct cli_arena *arena)
{
	(void)arena;
}
#endif

int cli_arena_open(struct cli_arena *arena, bool jemalloc, struct weir_allocator *ret_allocator)
{
	*arena = (struct cli_arena){.name = CLI_ARENA_LIBC};
	memset(ret_allocator, 0, sizeof *ret_allocator);
	return jemalloc ? open_jemalloc(arena, ret_allocator) : 0;
}
