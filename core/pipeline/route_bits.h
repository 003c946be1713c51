/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bit for each record of a chunk: whether a filtered subscription wants it. One writer, the
 * router; members read what it has published. Words are stored and loaded relaxed, since a word
 * holds bits that are published and bits that are still being made.
 *
 *   RT1  end (router, release) pairs with the readers' acquire: all bits below it are there.
 */
#ifndef WR_PIPELINE_ROUTE_BITS_H
#define WR_PIPELINE_ROUTE_BITS_H

#include "core/base/atomic.h"

static inline void wr_route_set(wr_atomic_u64 *bits, uint32_t index)
{
	wr_atomic_u64 *word = &bits[index / 64];
	uint64_t before = wr_load_relaxed(word); /* own */
	wr_store_relaxed(word, before | 1ull << (index % 64));
}

/* The first from `index` on that is wanted; `end`: there is none before it. */
static inline uint32_t wr_route_next(const wr_atomic_u64 *bits, uint32_t index, uint32_t end)
{
	while (index < end) {
		uint64_t word = wr_load_relaxed(&bits[index / 64]) >> (index % 64);
		if (word != 0) {
			index += (uint32_t)__builtin_ctzll(word);
			return index < end ? index : end;
		}
		index = (index / 64 + 1) * 64;
	}
	return end;
}

static inline void wr_route_publish(wr_atomic_u64 *end, uint64_t value)
{
	wr_store_release(end, value); /* RT1 */
}

static inline uint64_t wr_route_published(wr_atomic_u64 *end)
{
	return wr_load_acquire(end); /* RT1 */
}

#endif
