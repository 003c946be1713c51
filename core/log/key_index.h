/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the hash of a key to its entry, for tables of keys (keys.h, versions.h): open addressing
 * with linear probing, Robin Hood order. A slot is {first 32 bits of the hash, number of the entry
 * + 1}. Its home follows from the former, so that moving slots touches no entry. Who looks a key up
 * walks from its home and compares whole hashes:
 *
 *   uint32_t i = wr_key_home(x, print);
 *   for (uint32_t away = 0; wr_key_may_be_at(x, i, away); away++, i = wr_key_next(x, i))
 *           if (x->slots[i].print == print && ...)
 *
 * The caller leaves a fifth of the slots empty, so that walks are short. Thread: its owner's.
 */
#ifndef WR_LOG_KEY_INDEX_H
#define WR_LOG_KEY_INDEX_H

#include <stdbool.h>
#include <stdint.h>

struct wr_key_slot {
	uint32_t print;
	uint32_t entry; /* its number + 1; 0: empty */
};

struct wr_key_index {
	struct wr_key_slot *slots;
	uint32_t count;
};

/* Slots for so many keys: four of five are in use at most. */
static inline uint32_t wr_key_slots_of(uint32_t keys)
{
	return keys + keys / 4 + 16;
}

static inline uint32_t wr_key_home(const struct wr_key_index *x, uint32_t print)
{
	return (uint32_t)((uint64_t)print * x->count >> 32);
}

static inline uint32_t wr_key_next(const struct wr_key_index *x, uint32_t i)
{
	return i + 1 < x->count ? i + 1 : 0;
}

/* How far from home the slot stands. */
static inline uint32_t wr_key_distance(const struct wr_key_index *x, uint32_t i)
{
	uint32_t home = wr_key_home(x, x->slots[i].print);
	return i >= home ? i - home : i + x->count - home;
}

/* Whether a key that is so far `away` from its home in slot `i` may stand there, or behind it. */
static inline bool wr_key_may_be_at(const struct wr_key_index *x, uint32_t i, uint32_t away)
{
	return x->slots[i].entry != 0 && wr_key_distance(x, i) >= away;
}

static inline void wr_key_add(struct wr_key_index *x, uint32_t print, uint32_t entry)
{
	struct wr_key_slot slot = {.print = print, .entry = entry + 1};
	uint32_t i = wr_key_home(x, print);
	for (uint32_t away = 0; x->slots[i].entry != 0; away++, i = wr_key_next(x, i)) {
		uint32_t there = wr_key_distance(x, i);
		if (there >= away)
			continue;
		/* Who is nearer to home makes room. */
		struct wr_key_slot moved = x->slots[i];
		x->slots[i] = slot;
		slot = moved;
		away = there;
	}
	x->slots[i] = slot;
}

static inline void wr_key_remove(struct wr_key_index *x, uint32_t i)
{
	uint32_t next = wr_key_next(x, i);
	while (x->slots[next].entry != 0 && wr_key_distance(x, next) > 0) {
		x->slots[i] = x->slots[next];
		i = next;
		next = wr_key_next(x, next);
	}
	x->slots[i] = (struct wr_key_slot){0};
}

/* The slot of an entry, or `count`: it has none. */
static inline uint32_t wr_key_slot_of(const struct wr_key_index *x, uint32_t print, uint32_t entry)
{
	uint32_t i = wr_key_home(x, print);
	for (uint32_t away = 0; wr_key_may_be_at(x, i, away); away++, i = wr_key_next(x, i))
		if (x->slots[i].entry == entry + 1)
			return i;
	return x->count;
}

#endif
