/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a simulated pipeline. A life is a fraction of a millisecond, and a real open would
 * spend most of it in mmap: blocks and rings are kept, by size, and given out again, filled anew so
 * that nothing of an earlier life decides anything. Under AddressSanitizer blocks are real ones.
 *
 * Rings are mapped twice, so they come from io/posix. Thread: the simulation's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/sanitizer.h"
#include "io/posix/memory_posix.h"
#include "tests/sim/world.h"

#define SIZES 32u
#define FILL 0xa5
#define RINGS_MAX 64u

#define KEEP_BLOCKS (!WR_UNDER_ASAN)

struct free_block {
	struct free_block *next;
};

struct kept {
	struct wr_memory base;
	struct wr_memory_posix posix;
	bool ready;
	struct free_block *blocks[SIZES];
	struct wr_mapping rings[RINGS_MAX];
	bool ring_used[RINGS_MAX];
	uint32_t ring_count;
	uint64_t live_count;
	uint64_t request_count;
};

static struct kept kept;

static uint32_t size_class(size_t bytes)
{
	return wr_log2(wr_power_of_two_above(bytes < 64 ? 64 : bytes));
}

static void *take_block(size_t bytes)
{
	uint32_t k = size_class(bytes);
	struct free_block *block = kept.blocks[k];
	size_t whole = (size_t)1 << k;

	if (block != NULL)
		kept.blocks[k] = block->next;
	else
		block = aligned_alloc(whole < 4096 ? whole : 4096, whole);
	return block;
}

static void give_block(void *p, size_t bytes)
{
	uint32_t k = size_class(bytes);
	struct free_block *block = p;

	if (!KEEP_BLOCKS) {
		free(p);
		return;
	}
	block->next = kept.blocks[k];
	kept.blocks[k] = block;
}

static void *kept_alloc(struct wr_memory *m, size_t bytes, size_t align)
{
	(void)align; /* a block is aligned to its size, up to a page */
	kept.request_count++;
	void *p = take_block(bytes);
	if (p == NULL)
		return NULL;
	memset(p, 0, bytes);
	kept.live_count++;
	m->alloc_bytes += bytes;
	return p;
}

static void kept_free(struct wr_memory *m, void *p, size_t bytes)
{
	if (p == NULL)
		return;
	give_block(p, bytes);
	kept.live_count--;
	m->alloc_bytes -= bytes;
}

static int kept_map_ring(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	uint32_t i = 0;

	kept.request_count++;
	while (i < kept.ring_count && (kept.ring_used[i] || kept.rings[i].bytes != bytes))
		i++;
	if (i == kept.ring_count) {
		if (i == RINGS_MAX)
			return -ENOMEM;
		int rc = kept.posix.memory.ops->map_ring(&kept.posix.memory, bytes, &kept.rings[i]);
		if (rc != 0)
			return rc;
		kept.ring_count++;
	}
	kept.ring_used[i] = true;
	*ret_mapping = kept.rings[i];
	memset(ret_mapping->writable, FILL, bytes);
	kept.live_count++;
	m->map_bytes += bytes;
	return 0;
}

static int kept_map_pool(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	kept.request_count++;
	uint8_t *p = take_block(bytes);
	if (p == NULL)
		return -ENOMEM;
	memset(p, FILL, bytes);
	*ret_mapping = (struct wr_mapping){.writable = p, .readable = p, .bytes = bytes};
	kept.live_count++;
	m->map_bytes += bytes;
	return 0;
}

static void kept_unmap(struct wr_memory *m, struct wr_mapping *mapping)
{
	if (mapping->writable == NULL)
		return;
	uint32_t i = 0;
	while (i < kept.ring_count && kept.rings[i].writable != mapping->writable)
		i++;
	if (i < kept.ring_count)
		kept.ring_used[i] = false;
	else
		give_block(mapping->writable, mapping->bytes);
	kept.live_count--;
	m->map_bytes -= mapping->bytes;
	*mapping = (struct wr_mapping){0};
}

static const struct wr_memory_ops kept_ops = {
	.alloc = kept_alloc,
	.free = kept_free,
	.map_ring = kept_map_ring,
	.map_pool = kept_map_pool,
	.unmap = kept_unmap,
};

struct wr_memory *world_memory(void)
{
	if (!kept.ready) {
		struct weir_allocator none = {0};
		kept.base.ops = &kept_ops;
		kept.ready = wr_memory_posix_init(&kept.posix, &none) == 0;
	}
	return &kept.base;
}

uint64_t world_memory_requests(void)
{
	return kept.request_count;
}

bool world_memory_reset(void)
{
	bool clean = kept.live_count == 0 && kept.base.alloc_bytes == 0 && kept.base.map_bytes == 0;
	for (uint32_t i = 0; i < kept.ring_count; i++)
		kept.ring_used[i] = false;
	kept.live_count = 0;
	kept.base.alloc_bytes = kept.base.map_bytes = 0;
	return clean;
}
