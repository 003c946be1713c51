/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checker keeps things in: arrays that grow, and a hash table from two numbers to one.
 * Both keep their memory when they are emptied, since thousands of histories are judged one after
 * the other. Out of memory ends the program: it is a test.
 */
#ifndef WR_ANOMALY_TABLE_H
#define WR_ANOMALY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

/* An array of things of one size. */
struct list {
	void *at;
	uint32_t count, room;
	uint32_t size;
};

void list_begin(struct list *list, size_t size);
/* A new one at the end, all zero. What was handed out before may have moved. */
void *list_add(struct list *list);
static inline void *list_get(const struct list *list, uint32_t index)
{
	return (char *)list->at + (size_t)index * list->size;
}
void list_fini(struct list *list);

struct slot {
	uint64_t a, b;
	uint32_t index;
	uint32_t round; /* of the table when it was filled */
};

/* (a, b) -> an index into a list. */
struct table {
	struct slot *slots;
	uint32_t count, room; /* room: a power of two */
	uint32_t round;
};

/* Empties it. */
void table_begin(struct table *table);
/* The index at (a, b), or TABLE_NONE. */
uint32_t table_find(const struct table *table, uint64_t a, uint64_t b);
/* Where the index at (a, b) stands, TABLE_NONE at first; until the next call. */
uint32_t *table_at(struct table *table, uint64_t a, uint64_t b);
void table_fini(struct table *table);

#endif
