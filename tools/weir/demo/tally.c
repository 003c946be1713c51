/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy that is not whole is filled in, then one store makes it the whole one: a kill between
 * any two stores leaves the tally of before or of after.
 */
#include "tools/weir/demo/tally.h"

#include "core/base/bytes.h"
#include "tools/weir/demo/text.h"

bool demo_cell_add(struct demo_cell *cell, uint64_t sequence, bool counts, uint64_t hash)
{
	uint64_t turn = wr_load_relaxed(&cell->turn);
	struct demo_tally tally = cell->copies[turn & 1];
	bool fresh = sequence > tally.sequence;

	if (!fresh) {
		tally.repeat_count++;
	} else {
		tally.sequence = sequence;
		tally.event_count += counts;
		tally.hash += counts ? hash : 0;
	}
	cell->copies[(turn + 1) & 1] = tally;
	/* Pairs with demo_cell_read(); after a kill the kernel has ordered everything. */
	wr_store_release(&cell->turn, turn + 1);
	return fresh;
}

struct demo_tally demo_cell_read(struct demo_cell *cell)
{
	return cell->copies[wr_load_acquire(&cell->turn) & 1];
}

uint64_t demo_event_hash(uint64_t index, const void *payload, size_t payload_bytes)
{
	uint64_t hash = demo_mix(index ^ (uint64_t)payload_bytes << 40);
	const uint8_t *from = payload;

	if (payload_bytes >= 8) {
		hash = demo_mix(hash ^ wr_get_u64(from));
		hash = demo_mix(hash ^ wr_get_u64(from + payload_bytes - 8));
	}
	return hash;
}
