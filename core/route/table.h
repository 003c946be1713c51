/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a matcher looks values up in: entries by (owner, kind, bytes), and lists of numbers that
 * belong to them. One table for a whole matcher; it only grows, while the matcher is made.
 *
 * A filter of bits in front of it answers most look-ups of what is not there without a line of the
 * table.
 *
 * While a matcher is made it also counts who uses what; most of that is let go of when it is done
 * (wr_table_settle()), so that what is left lies close together.
 *
 * Thread: one at a time while it grows; any number look up afterwards.
 */
#ifndef WR_ROUTE_TABLE_H
#define WR_ROUTE_TABLE_H

#include <string.h>

#include "core/route/arena.h"

struct wr_entry {
	const uint8_t *bytes;
	uint64_t hash;
	uint32_t count; /* of bytes */
	uint32_t owner;
	uint32_t kind;
	uint32_t uses; /* the builder's */
	uint32_t list; /* of links: the first + 1 */
	uint32_t node; /* the builder's: what a name leads to */
};

struct wr_link {
	uint32_t number;
	uint32_t next; /* + 1 */
};

struct wr_table {
	struct wr_arena *arena;
	struct wr_entry *entries;
	size_t entry_count;
	size_t entry_room;
	struct wr_link *links;
	size_t link_count;
	size_t link_room;
	uint64_t *slots; /* hash, its upper half, over the number of an entry + 1; 0: free */
	size_t slot_mask;
	uint64_t *filter;
	size_t filter_mask; /* of bits */
};

/* Of 1 byte or more; kinds and owners are part of it. */
static inline uint64_t wr_table_hash(uint32_t owner, uint32_t kind, const uint8_t *bytes,
				     size_t count)
{
	const uint64_t by = 0x9e3779b97f4a7c15u;
	uint64_t h = ((uint64_t)owner << 8 | kind) * by ^ count;
	for (; count >= 8; bytes += 8, count -= 8) {
		uint64_t word;
		memcpy(&word, bytes, 8);
		h = (h ^ word) * by;
		h ^= h >> 29;
	}
	uint64_t last = 0;
	if (count >= 4) {
		uint32_t first, second;
		memcpy(&first, bytes, 4);
		memcpy(&second, bytes + count - 4, 4);
		last = (uint64_t)first << 32 | second;
	} else if (count > 0) {
		last = (uint64_t)bytes[0] << 16 | (uint64_t)bytes[count / 2] << 8 |
		       bytes[count - 1];
	}
	h = (h ^ last) * by;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

void wr_table_init(struct wr_table *table, struct wr_arena *arena);

/*
 * Keeps what is looked up from now on: entries with a list, or with a node
 * and no uses.
 * What it has it has from another arena; numbers of entries are others.
 */
bool wr_table_settle(struct wr_table *table, struct wr_arena *arena);

/* The entry, made if it is not there; its bytes are borrowed. NULL: no memory. */
struct wr_entry *wr_table_add(struct wr_table *table, uint32_t owner, uint32_t kind,
			      const void *bytes, size_t count);

/* Puts a number into a list; false: no memory. */
bool wr_table_link(struct wr_table *table, uint32_t *list, uint32_t number);

const struct wr_entry *wr_table_find_hashed(const struct wr_table *table, uint64_t hash,
					    uint32_t owner, uint32_t kind, const uint8_t *bytes,
					    size_t count);

/* NULL: there is none. */
static inline const struct wr_entry *wr_table_find(const struct wr_table *table, uint32_t owner,
						   uint32_t kind, const void *bytes, size_t count)
{
	uint64_t hash = wr_table_hash(owner, kind, bytes, count);
	size_t bit = hash & table->filter_mask;
	if ((table->filter[bit / 64] >> (bit % 64) & 1) == 0)
		return NULL;
	return wr_table_find_hashed(table, hash, owner, kind, bytes, count);
}

#endif
