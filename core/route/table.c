/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/table.h"

#define SLOTS_LEAST 64u
#define FILTER_BITS 16u /* of an entry */
#define TAG 0xffffffff00000000u

static uint64_t none_filter[1];
static uint64_t none_slots[1];

void wr_table_init(struct wr_table *table, struct wr_arena *arena)
{
	/* Nothing is ever put into these: the first entry makes room of its own. */
	*table = (struct wr_table){.arena = arena, .filter = none_filter, .slots = none_slots};
}

static void place(struct wr_table *t, size_t number)
{
	uint64_t hash = t->entries[number].hash;
	size_t slot = hash & t->slot_mask, bit = hash & t->filter_mask;
	while (t->slots[slot] != 0)
		slot = (slot + 1) & t->slot_mask;
	t->slots[slot] = (hash & TAG) | (uint64_t)(number + 1);
	t->filter[bit / 64] |= 1ull << bit % 64;
}

/* Twice as many slots as entries, at least. */
static bool widen(struct wr_table *t)
{
	size_t slots = t->slot_mask == 0 ? SLOTS_LEAST : (t->slot_mask + 1) * 4;
	uint64_t *wider = wr_arena_take(t->arena, slots, sizeof *wider);
	uint64_t *filter = wr_arena_take(t->arena, slots * FILTER_BITS / 2 / 64, sizeof *filter);
	if (wider == NULL || filter == NULL)
		return false;
	t->slots = wider;
	t->slot_mask = slots - 1;
	t->filter = filter;
	t->filter_mask = slots * FILTER_BITS / 2 - 1;
	for (size_t i = 0; i < t->entry_count; i++)
		place(t, i);
	return true;
}

bool wr_table_settle(struct wr_table *table, struct wr_arena *arena)
{
	struct wr_table settled;
	wr_table_init(&settled, arena);
	for (size_t i = 0; i < table->entry_count; i++) {
		const struct wr_entry *from = &table->entries[i];
		if (from->list == 0 && (from->node == 0 || from->uses != 0))
			continue;
		struct wr_entry *to =
			wr_table_add(&settled, from->owner, from->kind, from->bytes, from->count);
		if (to == NULL)
			return false;
		to->list = from->list;
		to->node = from->node;
	}
	settled.links = wr_arena_take(arena, table->link_count, sizeof *settled.links);
	if (settled.links == NULL)
		return false;
	if (table->link_count > 0)
		memcpy(settled.links, table->links, table->link_count * sizeof *settled.links);
	settled.link_count = settled.link_room = table->link_count;
	*table = settled;
	return true;
}

const struct wr_entry *wr_table_find_hashed(const struct wr_table *table, uint64_t hash,
					    uint32_t owner, uint32_t kind, const uint8_t *bytes,
					    size_t count)
{
	for (size_t slot = hash & table->slot_mask; table->slots[slot] != 0;
	     slot = (slot + 1) & table->slot_mask) {
		if ((table->slots[slot] & TAG) != (hash & TAG))
			continue;
		const struct wr_entry *e = &table->entries[(uint32_t)table->slots[slot] - 1];
		if (e->owner == owner && e->kind == kind && e->count == count &&
		    (count == 0 || memcmp(e->bytes, bytes, count) == 0))
			return e;
	}
	return NULL;
}

struct wr_entry *wr_table_add(struct wr_table *table, uint32_t owner, uint32_t kind,
			      const void *bytes, size_t count)
{
	uint64_t hash = wr_table_hash(owner, kind, bytes, count);
	const struct wr_entry *there = wr_table_find_hashed(table, hash, owner, kind, bytes, count);
	if (there != NULL)
		return &table->entries[there - table->entries];
	void *list = table->entries;
	if ((table->entry_count + 1) * 2 > table->slot_mask && !widen(table))
		return NULL;
	if (!wr_arena_grow(table->arena, &list, &table->entry_room, table->entry_count,
			   sizeof *table->entries))
		return NULL;
	table->entries = list;
	struct wr_entry *e = &table->entries[table->entry_count];
	*e = (struct wr_entry){.bytes = bytes,
			       .hash = hash,
			       .count = (uint32_t)count,
			       .owner = owner,
			       .kind = kind};
	place(table, table->entry_count++);
	return e;
}

bool wr_table_link(struct wr_table *table, uint32_t *list, uint32_t number)
{
	void *links = table->links;
	if (!wr_arena_grow(table->arena, &links, &table->link_room, table->link_count,
			   sizeof *table->links))
		return false;
	table->links = links;
	table->links[table->link_count] = (struct wr_link){number, *list};
	*list = (uint32_t)++table->link_count;
	return true;
}
