/* SPDX-License-Identifier: Apache-2.0 */
/* See mark.h. */
#include "tests/powercut/mark.h"

#include <stddef.h>
#include <string.h>

#define ACKED 1u

static void take_once(struct sweep_ledger *ledger, struct mark *to)
{
	for (uint32_t n = 0; n < to->once_count; n++) {
		unsigned is = 0;
		for (uint32_t group = 0; group < SWEEP_GROUPS; group++)
			if (wr_load_acquire(&ledger->once_handled[group][n]) != 0)
				is |= 2u << group;
		to->once[n] = (uint8_t)(to->once[n] | is);
	}
}

size_t mark_take(struct life_shared *shared, struct mark *to)
{
	struct sweep_ledger *ledger = &shared->ledger;

	/* Promises first, what bounds them from above behind. */
	to->phase = wr_load_acquire(&ledger->phase);
	to->backup = wr_load_acquire(&shared->backup);
	for (uint32_t i = 0; i < SWEEP_STREAMS; i++)
		to->acked[i] = wr_load_acquire(&ledger->acked[i]);
	uint64_t once = to->acked[SWEEP_STREAMS - 1] + 1;
	to->once_count = once < MARK_ONCE_MAX ? (uint32_t)once : MARK_ONCE_MAX;
	for (uint32_t n = 0; n < to->once_count; n++)
		to->once[n] = wr_load_acquire(&ledger->once_acked[n]) != 0 ? ACKED : 0u;
	for (uint32_t g = 0; g < SWEEP_GROUPS; g++)
		for (uint32_t c = 0; c < SWEEP_CLASSES; c++)
			for (uint32_t s = 0; s < SWEEP_NAMED; s++)
				to->committed[g][c][s] =
					wr_load_acquire(&ledger->committed[g][c][s]);
	for (uint32_t g = 0; g < SWEEP_GROUPS; g++)
		for (uint32_t c = 0; c < SWEEP_CLASSES; c++)
			for (uint32_t s = 0; s < SWEEP_NAMED; s++)
				to->settled[g][c][s] = wr_load_acquire(&ledger->settled[g][c][s]);
	take_once(ledger, to);
	for (uint32_t i = 0; i < SWEEP_STREAMS; i++)
		to->handed[i] = wr_load_acquire(&ledger->handed[i]);
	return offsetof(struct mark, once) + to->once_count;
}

void mark_expect(const struct mark *from, struct sweep_ledger *ledger)
{
	for (uint32_t i = 0; i < SWEEP_STREAMS; i++)
		wr_store_relaxed(&ledger->acked[i], from->acked[i]);
	for (uint32_t g = 0; g < SWEEP_GROUPS; g++)
		for (uint32_t c = 0; c < SWEEP_CLASSES; c++)
			for (uint32_t s = 0; s < SWEEP_NAMED; s++)
				wr_store_relaxed(&ledger->committed[g][c][s],
						 from->committed[g][c][s]);
	for (uint32_t n = 0; n < SWEEP_ONCE_MAX; n++)
		wr_store_relaxed(&ledger->once_acked[n],
				 n < from->once_count && (from->once[n] & ACKED) != 0 ? 1u : 0u);
}

void mark_restore(const struct mark *from, struct sweep_ledger *ledger)
{
	mark_expect(from, ledger);
	for (uint32_t i = 0; i < SWEEP_STREAMS; i++)
		wr_store_relaxed(&ledger->handed[i], from->handed[i]);
	for (uint32_t g = 0; g < SWEEP_GROUPS; g++)
		for (uint32_t c = 0; c < SWEEP_CLASSES; c++)
			for (uint32_t s = 0; s < SWEEP_NAMED; s++)
				wr_store_relaxed(&ledger->settled[g][c][s], from->settled[g][c][s]);
	for (uint32_t n = 0; n < from->once_count; n++)
		for (uint32_t g = 0; g < SWEEP_GROUPS; g++)
			if ((from->once[n] & 2u << g) != 0)
				wr_store_relaxed(&ledger->once_handled[g][n], 1u);
}

uint64_t mark_acked(const struct mark *mark)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < SWEEP_STREAMS; i++)
		sum += mark->acked[i];
	return sum;
}
