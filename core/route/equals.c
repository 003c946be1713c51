/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/equals.h"

#include "core/base/bits.h"

/* Aligned, so that each is in one line. */
bool wr_equals_make(struct wr_equals *equals, struct wr_arena *arena, size_t count)
{
	size_t slots = (size_t)wr_power_of_two_above(count + count / 2 + 1);
	uint8_t *memory = wr_arena_take(arena, slots + 1, sizeof *equals->slots);
	if (memory == NULL)
		return false;
	memory += (0 - (uintptr_t)memory) % sizeof *equals->slots;
	equals->slots = (struct wr_equal *)(void *)memory;
	equals->mask = slots - 1;
	return true;
}

bool wr_equals_add_text(struct wr_equals *equals, const uint8_t *text, size_t bytes, uint64_t hash,
			uint32_t list)
{
	struct wr_equal added = {.last = wr_window_last(text, bytes),
				 .first = wr_window_head(text, bytes, false),
				 .bytes = text,
				 .count = (uint32_t)bytes,
				 .list = list};
	uint64_t slot = wr_equals_slot(equals, text, bytes, hash);
	unsigned alike = 0;
	for (; equals->slots[slot].list != 0; slot = (slot + 1) & equals->mask)
		alike += equals->slots[slot].last == added.last &&
			 equals->slots[slot].count == added.count;
	if (alike >= WR_EQUALS_ALIKE_MAX && !equals->is_deep) {
		memset(equals->slots, 0, (equals->mask + 1) * sizeof *equals->slots);
		equals->is_deep = true;
		return false;
	}
	equals->slots[slot] = added;
	return true;
}

void wr_equals_add_number(struct wr_equals *equals, uint64_t order, uint64_t hash, uint32_t list)
{
	uint64_t slot = hash >> 32 & equals->mask;
	while (equals->slots[slot].list != 0)
		slot = (slot + 1) & equals->mask;
	equals->slots[slot] = (struct wr_equal){.last = order, .list = list};
}
