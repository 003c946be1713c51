/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the matcher's parts begin with: drawn numbers, and an arena. */
#ifndef WEIR_TESTS_ROUTE_BED_H
#define WEIR_TESTS_ROUTE_BED_H

#include <stdint.h>
#include <stdlib.h>

#include "core/route/arena.h"

static inline uint32_t route_bed_draw(uint64_t *seed, uint32_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)((*seed >> 11) % below);
}

static inline void *route_bed_alloc(void *context, size_t bytes, size_t align)
{
	(void)context;
	(void)align;
	return calloc(1, bytes);
}

static inline void route_bed_free(void *context, void *p, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(p);
}

static inline void route_bed_begin(struct wr_arena *arena)
{
	wr_arena_init(arena,
		      &(struct weir_allocator){.alloc = route_bed_alloc, .free = route_bed_free});
}

#endif
