/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a scenario: one block that each run takes from anew, so that everything lies at
 * the same place in each; and the parkers' futex.
 *
 * A ring that weir maps twice is mapped once here, with room behind it that nothing may touch:
 * scenarios choose records that end where the ring does.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/port/memory.h"
#include "core/port/park.h"
#include "tests/explorer/engine.h"

#define ARENA_BYTES (512u << 10)

static _Alignas(4096) uint8_t arena[ARENA_BYTES];
static size_t used;

void memory_reset(void)
{
	memset(arena, 0, used);
	used = 0;
}

void *explorer_alloc(size_t bytes, size_t align)
{
	size_t at = (used + align - 1) & ~(align - 1);
	WR_ASSERT(at + bytes <= ARENA_BYTES);
	used = at + bytes;
	return arena + at;
}

static void *arena_alloc(struct wr_memory *m, size_t bytes, size_t align)
{
	(void)m;
	return explorer_alloc(bytes, align);
}

static void arena_free(struct wr_memory *m, void *p, size_t bytes)
{
	(void)m;
	(void)p;
	(void)bytes;
}

static int map(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	(void)m;
	*ret_mapping = (struct wr_mapping){.bytes = bytes};
	ret_mapping->writable = explorer_alloc(bytes, 64);
	ret_mapping->readable = ret_mapping->writable;
	return 0;
}

static void unmap(struct wr_memory *m, struct wr_mapping *mapping)
{
	(void)m;
	(void)mapping;
}

struct wr_memory *explorer_memory(void)
{
	static const struct wr_memory_ops ops = {
		.alloc = arena_alloc,
		.free = arena_free,
		.map_ring = map,
		.map_pool = map,
		.unmap = unmap,
	};
	static struct wr_memory memory = {.ops = &ops};
	return &memory;
}

/*
 * The futex: a number of wakes that the kernel's lock orders (acquire and release). Who wants to
 * sleep looks at the number, then at the word; a wake that comes after the look ends the sleep,
 * one that came before has changed the word.
 */
static void sleep_on(struct wr_parker *parker, uint32_t word, uint64_t timeout_ns)
{
	wr_atomic_u64 *wakes = parker->context;
	(void)timeout_ns;
	uint64_t before = wr_add_acq_rel(wakes, 0u);
	if (wr_load_relaxed(&parker->word) == word)
		EXPLORER_AWAIT(wr_load_acquire(wakes) != before);
}

static void wake_all(struct wr_parker *parker)
{
	wr_atomic_u64 *wakes = parker->context;
	(void)wr_add_acq_rel(wakes, 1u);
}

const struct wr_park_ops *explorer_park_ops(void)
{
	static const struct wr_park_ops ops = {explorer_heavy_fence, sleep_on, wake_all};
	return &ops;
}
