/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A jemalloc arena behind struct weir_allocator: libweir-jemalloc, apart from libweir.
 *
 * Thread caches are bypassed (MALLOCX_TCACHE_NONE): what a thread freed would stay in its cache,
 * count as allocated, and survive the arena. Tables are asked for at open, so the cache would not
 * pay either.
 *
 * free() uses dallocx() and not sdallocx(): the size class depends on the alignment as well (100
 * bytes aligned to 4096 take a page), which the caller of free() does not tell, and a wrong class
 * corrupts the heap without a word.
 *
 * Thread: any; the struct does not change between create and destroy.
 */
#include <weir/jemalloc.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <jemalloc/jemalloc.h>

#include "core/base/bits.h"

struct weir_jemalloc {
	unsigned arena_index;
};

/* A number of type size_t by its name; 0, or a negative code. */
static int read_size(const char *name, size_t *ret_value)
{
	size_t bytes = sizeof *ret_value;
	return -mallctl(name, ret_value, &bytes, NULL, 0);
}

static int read_arena_size(const struct weir_jemalloc *j, const char *field, size_t *ret_value)
{
	char name[64];
	(void)snprintf(name, sizeof name, "stats.arenas.%u.%s", j->arena_index, field);
	return read_size(name, ret_value);
}

int weir_jemalloc_create(struct weir_jemalloc **ret_jemalloc)
{
	struct weir_jemalloc *j = malloc(sizeof *j);
	if (j == NULL)
		return -ENOMEM;
	size_t bytes = sizeof j->arena_index;
	int error = mallctl("arenas.create", &j->arena_index, &bytes, NULL, 0);
	if (error != 0) {
		free(j);
		return -error;
	}
	*ret_jemalloc = j;
	return 0;
}

static void *jemalloc_alloc(void *context, size_t bytes, size_t align)
{
	const struct weir_jemalloc *j = context;
	if (bytes == 0 || bytes > PTRDIFF_MAX || !wr_is_power_of_two(align))
		return NULL;
	return mallocx(bytes, MALLOCX_ARENA(j->arena_index) | MALLOCX_ALIGN(align) | MALLOCX_ZERO |
				      MALLOCX_TCACHE_NONE);
}

static void jemalloc_free(void *context, void *p, size_t bytes)
{
	(void)context;
	(void)bytes;
	if (p != NULL)
		dallocx(p, MALLOCX_TCACHE_NONE);
}

void weir_jemalloc_allocator(struct weir_jemalloc *jemalloc, struct weir_allocator *ret_allocator)
{
	*ret_allocator = (struct weir_allocator){
		.alloc = jemalloc_alloc,
		.free = jemalloc_free,
		.context = jemalloc,
	};
}

int weir_jemalloc_stats(struct weir_jemalloc *jemalloc, struct weir_jemalloc_stats *ret_stats)
{
	/* Statistics are a snapshot; writing the epoch takes a new one. */
	uint64_t epoch = 1;
	int rc = -mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
	size_t page_bytes = 0;
	size_t small_bytes = 0;
	size_t large_bytes = 0;
	size_t active_pages = 0;
	size_t resident_bytes = 0;
	size_t mapped_bytes = 0;
	if (rc == 0)
		rc = read_size("arenas.page", &page_bytes);
	if (rc == 0)
		rc = read_arena_size(jemalloc, "small.allocated", &small_bytes);
	if (rc == 0)
		rc = read_arena_size(jemalloc, "large.allocated", &large_bytes);
	if (rc == 0)
		rc = read_arena_size(jemalloc, "pactive", &active_pages);
	if (rc == 0)
		rc = read_arena_size(jemalloc, "resident", &resident_bytes);
	if (rc == 0)
		rc = read_arena_size(jemalloc, "mapped", &mapped_bytes);
	if (rc < 0)
		return rc == -ENOENT ? -ENOTSUP : rc;
	*ret_stats = (struct weir_jemalloc_stats){
		.allocated_bytes = (uint64_t)small_bytes + large_bytes,
		.active_bytes = (uint64_t)active_pages * page_bytes,
		.resident_bytes = resident_bytes,
		.mapped_bytes = mapped_bytes,
	};
	return 0;
}

void weir_jemalloc_destroy(struct weir_jemalloc *jemalloc)
{
	if (jemalloc == NULL)
		return;
	char name[64];
	(void)snprintf(name, sizeof name, "arena.%u.destroy", jemalloc->arena_index);
	(void)mallctl(name, NULL, NULL, NULL, 0);
	free(jemalloc);
}
