/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/ends.h"

#include "core/route/ends_hash.h"

struct walk {
	const struct wr_ends *ends;
	const uint8_t *text;
	size_t bytes;
	struct wr_beginning beginning;
	uint32_t last; /* found, + 1 */
	void (*take)(void *context, uint32_t list);
	void *context;
};

static bool is_same(const struct walk *w, const struct wr_end *end, bool backwards)
{
	size_t from = w->last != 0 ? w->ends->ends[w->last - 1].count : 0;
	if (!backwards)
		return memcmp(end->bytes + from, w->text + from, end->count - from) == 0;
	while (from < end->count && end->bytes[from] == w->text[w->bytes - 1 - from])
		from++;
	return from == end->count;
}

/* The filter lets the first `count` bytes pass. */
static inline void confirm(struct walk *w, bool backwards, size_t count)
{
	const struct wr_ends *e = w->ends;
	uint64_t hash = wr_ends_hash(&w->beginning, w->text, w->bytes, backwards, count);
	for (size_t slot = hash & e->slot_mask; e->slots[slot] != 0;
	     slot = (slot + 1) & e->slot_mask) {
		uint32_t number = (uint32_t)e->slots[slot];
		const struct wr_end *end = &e->ends[number - 1];
		if (((e->slots[slot] ^ hash) & WR_ENDS_TAG) != 0 || end->count != count ||
		    end->inner != w->last || !is_same(w, end, backwards))
			continue;
		w->last = number;
		w->take(w->context, end->list);
		return;
	}
}

static __attribute__((noinline)) void confirm_first(struct walk *w, size_t count)
{
	confirm(w, false, count);
}

static __attribute__((noinline)) void confirm_last(struct walk *w, size_t count)
{
	confirm(w, true, count);
}

/* Texts that are found on the way along the trunk, by so many bytes. */
static inline void take_trunk(struct walk *w, size_t bytes)
{
	const struct wr_ends *e = w->ends;
	w->last = e->trunk_last;
	while (w->last != 0 && e->ends[w->last - 1].count > bytes)
		w->last = e->ends[w->last - 1].inner;
	for (uint32_t found = w->last; found != 0; found = e->ends[found - 1].inner)
		w->take(w->context, e->ends[found - 1].list);
}

/* Lengths beyond those that have bits of their own. */
static __attribute__((noinline)) void look_at_rest(struct walk *w, bool backwards, size_t i,
						   size_t to)
{
	const struct wr_ends *e = w->ends;
	uint64_t head = wr_window_head(w->text, w->bytes, backwards);
	for (; i < to; i++) {
		uint64_t window = wr_ends_window(w->text, w->bytes, backwards, head, e->lengths[i]);
		uint64_t hash = wr_window_hash(window, e->lengths[i]);
		if (wr_window_has(&e->filter, hash) != 0)
			confirm(w, backwards, e->lengths[i]);
	}
}

/* Which lengths may be those of texts that it begins with, but for its cell. */
struct part {
	size_t from;
	size_t to;
};

/* What is known without a cell. */
static inline __attribute__((always_inline)) struct part begin(struct walk *w, size_t along)
{
	const struct wr_ends *e = w->ends;
	if (WR_UNLIKELY(e->empty != 0))
		w->take(w->context, e->empty);
	if (WR_UNLIKELY(e->trunk_last != 0))
		take_trunk(w, along);
	return (struct part){e->lengths_to[along],
			     e->lengths_to[w->bytes < e->longest ? w->bytes : e->longest]};
}

/* Those of the set that have such numbers. */
static inline uint64_t part_of(uint64_t set, struct part part)
{
	set &= ~0ull << (part.from < WR_ENDS_SET_LAST ? part.from : WR_ENDS_SET_LAST);
	return part.to <= WR_ENDS_SET_LAST ? set & ~(~0ull << part.to) : set;
}

static inline __attribute__((always_inline)) void
look_up(struct walk *w, bool backwards, const struct wr_ends_cell *cell, struct part part,
	void (*found)(struct walk *w, size_t count))
{
	const struct wr_ends *e = w->ends;
	uint64_t set = part_of(cell->lengths, part);
	if (set == 0)
		return;
	uint64_t head = wr_window_head(w->text, w->bytes, backwards);
	for (; set != 0; set &= set - 1) {
		size_t i = (size_t)__builtin_ctzll(set);
		if (WR_UNLIKELY(i == WR_ENDS_SET_LAST)) {
			look_at_rest(w, backwards, i < part.from ? part.from : i, part.to);
			return;
		}
		uint64_t window = wr_ends_window(w->text, w->bytes, backwards, head, e->lengths[i]);
		uint64_t hash = wr_window_hash(window, e->lengths[i]);
		if (WR_UNLIKELY(wr_window_bits(cell->windows, hash) != 0) &&
		    wr_window_has(&e->filter, hash) != 0)
			found(w, e->lengths[i]);
	}
}

void wr_ends_first_in(const struct wr_ends *ends, const struct wr_ends_cell *cell, size_t along,
		      const uint8_t *text, size_t bytes, void (*take)(void *context, uint32_t list),
		      void *context)
{
	struct walk w = {
		.ends = ends, .text = text, .bytes = bytes, .take = take, .context = context};
	look_up(&w, false, cell, begin(&w, along), confirm_first);
}

/* A text that leaves the trunk where no text goes on needs no cell. */
static inline __attribute__((always_inline)) void
look_up_whole(struct walk *w, bool backwards, void (*found)(struct walk *w, size_t count))
{
	size_t along = wr_ends_along(w->ends, w->text, w->bytes, backwards);
	struct part part = begin(w, along);
	if (part.from < part.to)
		look_up(w, backwards, wr_ends_cell_at(w->ends, w->text, w->bytes, backwards, along),
			part, found);
}

void wr_ends_first(const struct wr_ends *ends, const uint8_t *text, size_t bytes,
		   void (*take)(void *context, uint32_t list), void *context)
{
	struct walk w = {
		.ends = ends, .text = text, .bytes = bytes, .take = take, .context = context};
	look_up_whole(&w, false, confirm_first);
}

void wr_ends_last(const struct wr_ends *ends, const uint8_t *text, size_t bytes,
		  void (*take)(void *context, uint32_t list), void *context)
{
	struct walk w = {
		.ends = ends, .text = text, .bytes = bytes, .take = take, .context = context};
	look_up_whole(&w, true, confirm_last);
}
