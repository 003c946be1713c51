/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole texts, or numbers, that rules ask for in one field, and the list behind each. Of a text its
 * first and last eight bytes stand beside the list: one of up to 16 bytes is found by one line of
 * memory, a longer one by two. Numbers are their order, in place of the last bytes.
 *
 * A text is placed by the hash of its last bytes, which whoever asks has already. Where many texts
 * have the same ones (and are equally long) that would be a long way: then all of the field's are
 * placed by the hash of the whole text.
 *
 * Thread: any, once it is made.
 */
#ifndef WR_ROUTE_EQUALS_H
#define WR_ROUTE_EQUALS_H

#include "core/route/table.h"
#include "core/route/window.h"

struct wr_equal {
	uint64_t last;
	uint64_t first;
	const uint8_t *bytes;
	uint32_t count;
	uint32_t list; /* 0: free */
};

struct wr_equals {
	struct wr_equal *slots; /* NULL: nothing is in it */
	uint64_t mask;
	bool is_deep; /* placed by the whole text */
};

/* So many texts may have the same length and last bytes. */
#define WR_EQUALS_ALIKE_MAX 4u

/* Room for so many. false: no memory. */
bool wr_equals_make(struct wr_equals *equals, struct wr_arena *arena, size_t count);

/*
 * Each once; `hash`: of the last window. Too many are alike: all are let go of, it is deep from now
 * on, and false says that they have to be added again.
 */
bool wr_equals_add_text(struct wr_equals *equals, const uint8_t *text, size_t bytes, uint64_t hash,
			uint32_t list);
void wr_equals_add_number(struct wr_equals *equals, uint64_t order, uint64_t hash, uint32_t list);

/* Where to look first. */
static inline uint64_t wr_equals_slot(const struct wr_equals *equals, const uint8_t *text,
				      size_t bytes, uint64_t hash)
{
	if (WR_UNLIKELY(equals->is_deep))
		hash = wr_table_hash(0, 0, text, bytes);
	return hash >> 32 & equals->mask;
}

/* `last` and `first`: those of the text. */
static inline bool wr_equal_is(const struct wr_equal *equal, uint64_t last, uint64_t first,
			       const uint8_t *text, size_t bytes)
{
	return equal->last == last && equal->first == first && equal->count == bytes &&
	       (bytes <= 2 * WR_WINDOW_BYTES ||
		memcmp(equal->bytes + WR_WINDOW_BYTES, text + WR_WINDOW_BYTES,
		       bytes - 2 * WR_WINDOW_BYTES) == 0);
}

/* The list; 0: it is not there. `hash`: of the last window. Something is in it. */
static inline uint32_t wr_equals_find_text(const struct wr_equals *equals, const uint8_t *text,
					   size_t bytes, uint64_t hash)
{
	uint64_t last = wr_window_last(text, bytes);
	uint64_t first = wr_window_head(text, bytes, false);
	uint64_t slot = wr_equals_slot(equals, text, bytes, hash);
	for (; equals->slots[slot].list != 0; slot = (slot + 1) & equals->mask)
		if (wr_equal_is(&equals->slots[slot], last, first, text, bytes))
			return equals->slots[slot].list;
	return 0;
}

static inline uint32_t wr_equals_find_number(const struct wr_equals *equals, uint64_t order,
					     uint64_t hash)
{
	uint64_t slot = hash >> 32 & equals->mask;
	for (; equals->slots[slot].list != 0; slot = (slot + 1) & equals->mask)
		if (equals->slots[slot].last == order)
			return equals->slots[slot].list;
	return 0;
}

#endif
