/* SPDX-License-Identifier: Apache-2.0 */
/* See table.h. */
#include "tests/anomaly/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 64u

static _Noreturn void no_memory(void)
{
	(void)fprintf(stderr, "no memory\n");
	exit(2);
}

void list_begin(struct list *list, size_t size)
{
	list->size = (uint32_t)size;
	list->count = 0;
	if (list->room > 0)
		return;
	list->at = malloc(ROOM_MIN * size);
	if (list->at == NULL)
		no_memory();
	list->room = ROOM_MIN;
}

void *list_add(struct list *list)
{
	if (list->count == list->room) {
		void *larger = realloc(list->at, (size_t)list->room * 2 * list->size);
		if (larger == NULL)
			no_memory();
		list->at = larger;
		list->room *= 2;
	}
	void *added = list_get(list, list->count++);
	memset(added, 0, list->size);
	return added;
}

void list_fini(struct list *list)
{
	free(list->at);
	*list = (struct list){0};
}

static uint64_t hash(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;

	x = (x ^ x >> 31 ^ b) * 0x94d049bb133111ebu;
	return x ^ x >> 29;
}

static void make_room(struct table *table, uint32_t room)
{
	struct slot *old = table->slots;
	uint32_t old_room = table->room, round = table->round;

	table->slots = calloc(room, sizeof *table->slots);
	if (table->slots == NULL)
		no_memory();
	table->room = room;
	table->round = 1;
	for (uint32_t i = 0; i < old_room; i++) {
		if (old[i].round != round)
			continue;
		uint64_t at = hash(old[i].a, old[i].b) & (room - 1);
		while (table->slots[at].round != 0)
			at = (at + 1) & (room - 1);
		table->slots[at] = old[i];
		table->slots[at].round = 1;
	}
	free(old);
}

void table_begin(struct table *table)
{
	table->count = 0;
	if (table->room == 0)
		make_room(table, ROOM_MIN);
	else if (++table->round == 0)
		memset(table->slots, 0, table->room * sizeof *table->slots), table->round = 1;
}

static struct slot *find(const struct table *table, uint64_t a, uint64_t b)
{
	uint64_t at = hash(a, b) & (table->room - 1);

	while (table->slots[at].round == table->round &&
	       (table->slots[at].a != a || table->slots[at].b != b))
		at = (at + 1) & (table->room - 1);
	return &table->slots[at];
}

uint32_t table_find(const struct table *table, uint64_t a, uint64_t b)
{
	const struct slot *slot = find(table, a, b);

	return slot->round == table->round ? slot->index : TABLE_NONE;
}

uint32_t *table_at(struct table *table, uint64_t a, uint64_t b)
{
	if (table->count * 2 >= table->room)
		make_room(table, table->room * 2);
	struct slot *slot = find(table, a, b);
	if (slot->round != table->round) {
		*slot = (struct slot){a, b, TABLE_NONE, table->round};
		table->count++;
	}
	return &slot->index;
}

void table_fini(struct table *table)
{
	free(table->slots);
	*table = (struct table){0};
}
