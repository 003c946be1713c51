/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a simulated pipeline. A life is a fraction of a millisecond, and a real open would
 * spend most of it in mmap: blocks, rings and pools are kept, by size, and given out again. Rings
 * and pools are filled anew for each seed, so that nothing of an earlier seed decides anything;
 * within a seed they come with what the last life left in them, which is worse than what any
 * allocator gives, and follows from the seed. A medium is made in the memory of the last seed's.
 * Under AddressSanitizer blocks, pools and media are real.
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
#define POOLS_MAX 32u

#define KEEP_BLOCKS (!WR_UNDER_ASAN)

struct free_block {
	struct free_block *next;
};

/* A ring or a pool. */
struct kept_mapping {
	struct wr_mapping mapping;
	bool used;
	bool filled; /* in this seed */
};

struct kept {
	struct wr_memory base;
	struct wr_memory_posix posix;
	bool ready;
	struct free_block *blocks[SIZES];
	struct kept_mapping rings[RINGS_MAX];
	struct kept_mapping pools[POOLS_MAX];
	uint32_t ring_count;
	uint32_t pool_count;
	uint64_t live_count;
	uint64_t request_count;
	struct wr_sim_disk *disk;
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

/* One of so many bytes that nobody has; or NULL. */
static struct kept_mapping *find_free(struct kept_mapping *of, uint32_t count, size_t bytes)
{
	for (uint32_t i = 0; i < count; i++)
		if (!of[i].used && of[i].mapping.bytes == bytes)
			return &of[i];
	return NULL;
}

static struct kept_mapping *find_used(struct kept_mapping *of, uint32_t count, const void *p)
{
	for (uint32_t i = 0; i < count; i++)
		if (of[i].used && of[i].mapping.writable == p)
			return &of[i];
	return NULL;
}

static void hand_out(struct wr_memory *m, struct kept_mapping *k, struct wr_mapping *ret_mapping)
{
	k->used = true;
	*ret_mapping = k->mapping;
	if (!k->filled)
		memset(k->mapping.writable, FILL, k->mapping.bytes);
	k->filled = true;
	kept.live_count++;
	m->map_bytes += k->mapping.bytes;
}

static int kept_map_ring(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	struct kept_mapping *k = find_free(kept.rings, kept.ring_count, bytes);

	kept.request_count++;
	if (k == NULL) {
		if (kept.ring_count == RINGS_MAX)
			return -ENOMEM;
		k = &kept.rings[kept.ring_count];
		*k = (struct kept_mapping){0};
		int rc = kept.posix.memory.ops->map_ring(&kept.posix.memory, bytes, &k->mapping);
		if (rc != 0)
			return rc;
		kept.ring_count++;
	}
	hand_out(m, k, ret_mapping);
	return 0;
}

static int kept_map_pool(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	struct kept_mapping *k = KEEP_BLOCKS ? find_free(kept.pools, kept.pool_count, bytes) : NULL;

	kept.request_count++;
	if (k == NULL) {
		if (kept.pool_count == POOLS_MAX)
			return -ENOMEM;
		uint8_t *p = take_block(bytes);
		if (p == NULL)
			return -ENOMEM;
		k = &kept.pools[kept.pool_count++];
		*k = (struct kept_mapping){
			.mapping = {.writable = p, .readable = p, .bytes = bytes}};
	}
	hand_out(m, k, ret_mapping);
	return 0;
}

static void drop_pool(struct kept_mapping *k)
{
	give_block(k->mapping.writable, k->mapping.bytes);
	*k = kept.pools[--kept.pool_count];
}

static void kept_unmap(struct wr_memory *m, struct wr_mapping *mapping)
{
	if (mapping->writable == NULL)
		return;
	struct kept_mapping *k = find_used(kept.rings, kept.ring_count, mapping->writable);
	if (k != NULL) {
		k->used = false;
	} else {
		k = find_used(kept.pools, kept.pool_count, mapping->writable);
		if (k == NULL)
			world_fail("memory that nobody mapped is given back", mapping->bytes, 0);
		k->used = false;
		if (!KEEP_BLOCKS)
			drop_pool(k);
	}
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

struct wr_sim_disk *world_disk_begin(uint64_t seed, const struct wr_fault_plan *plan)
{
	if (kept.disk == NULL)
		kept.disk = wr_sim_disk_create(seed, plan);
	else
		wr_sim_disk_reset(kept.disk, seed, plan);
	return kept.disk;
}

void world_disk_end(void)
{
	if (KEEP_BLOCKS)
		return;
	wr_sim_disk_destroy(kept.disk);
	kept.disk = NULL;
}

uint64_t world_memory_requests(void)
{
	return kept.request_count;
}

void world_memory_begin(void)
{
	for (uint32_t i = 0; i < kept.ring_count; i++)
		kept.rings[i].filled = false;
	for (uint32_t i = 0; i < kept.pool_count; i++)
		kept.pools[i].filled = false;
}

bool world_memory_reset(void)
{
	bool clean = kept.live_count == 0 && kept.base.alloc_bytes == 0 && kept.base.map_bytes == 0;
	for (uint32_t i = 0; i < kept.ring_count; i++)
		kept.rings[i].used = false;
	for (uint32_t i = 0; i < kept.pool_count; i++)
		kept.pools[i].used = false;
	kept.live_count = 0;
	kept.base.alloc_bytes = kept.base.map_bytes = 0;
	return clean;
}
