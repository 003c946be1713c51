/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ME1 (layout.h): a slot of the file of metrics is changed by one thread, and copied by any number
 * of others who tell a copy of one moment from one that is torn.
 *
 *   wr_stamp_begin(slot); wr_stamp_put(&slot[i], value) ...; wr_stamp_end(slot);
 *   wr_stamp_read(slot, once, words); wr_stamp_read(slot, again, words); wr_stamp_is_whole(...)
 *
 * A change's stamp is odd and is stored first, relaxed; each word behind it is stored by release.
 * So whoever has loaded one of them (acquire) finds that stamp, or a later one, when he looks
 * again: two copies that are the same, with an even stamp, are of one moment.
 * tests/explorer/scenario_stamp.c tries it in all executions.
 */
#ifndef WR_METRICS_STAMP_H
#define WR_METRICS_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/atomic.h"
#include "core/base/bytes.h"

static inline void wr_stamp_put(wr_atomic_u64 *cell, uint64_t value)
{
	wr_store_release(cell, value); /* ME1 */
}

static inline void wr_stamp_begin(wr_atomic_u64 *slot)
{
	/* The words behind it are stored by release, so none of them is seen before it. */
	uint64_t stamp = wr_load_relaxed(slot); /* own */
	wr_store_relaxed(slot, stamp + 1);
}

static inline void wr_stamp_end(wr_atomic_u64 *slot)
{
	uint64_t stamp = wr_load_relaxed(slot); /* own */
	wr_stamp_put(slot, stamp + 1);
}

/* Little-endian, as they stand in the file. */
static inline void wr_stamp_read(wr_atomic_u64 *slot, uint8_t *to, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		uint64_t word = wr_load_acquire(&slot[i]); /* ME1 */
		wr_put_u64(to + i * 8, word);
	}
}

static inline bool wr_stamp_is_whole(const uint8_t *once, const uint8_t *again, size_t bytes)
{
	return wr_get_u64(once) % 2 == 0 && memcmp(once, again, bytes) == 0;
}

#endif
