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
static inline __attribute__((always_inline)) void begin(struct walk *w, size_t along)
{
	const struct wr_ends *e = w->ends;
	if (WR_UNLIKELY(e->empty != 0))
		w->take(w->context, e->empty);
	if (WR_UNLIKELY(e->trunk_last != 0))
		take_trunk(w, along);
}

static inline struct part part_behind(const struct walk *w, size_t along)
{
	const struct wr_ends *e = w->ends;
	return (struct part){e->lengths_to[along],
			     e->lengths_to[w->bytes < e->longest ? w->bytes : e->longest]};
}

/* Those of the set that have such numbers. */
static inline uint64_t part_of(uint64_t set, struct part part)
{
	set &= ~0ull << (part.from < WR_ENDS_SET_LAST ? part.from : WR_ENDS_SET_LAST);
	return part.to <= WR_ENDS_SET_LAST ? set & ~(~0ull << part.to) : set;
}

/* Some of the cell's texts may be what it begins with: those that have a bit. */
static inline void confirm_few(struct walk *w, const struct wr_ends_cell *cell, unsigned may,
			       bool backwards)
{
	const struct wr_ends *e = w->ends;
	const uint32_t *numbers = &e->front.numbers[cell->first];
	for (may &= ~(~0u << cell->text_count); may != 0; may &= may - 1) {
		uint32_t number = numbers[__builtin_ctz(may)];
		const struct wr_end *end = &e->ends[number];
		if (end->count > w->bytes || end->inner != w->last || !is_same(w, end, backwards))
			continue;
		w->last = number + 1;
		w->take(w->context, end->list);
	}
}

static __attribute__((noinline)) void
confirm_few_first(struct walk *w, const struct wr_ends_cell *cell, unsigned may)
{
	confirm_few(w, cell, may, false);
}

static __attribute__((noinline)) void
confirm_few_last(struct walk *w, const struct wr_ends_cell *cell, unsigned may)
{
	confirm_few(w, cell, may, true);
}

static inline __attribute__((always_inline)) void look_up_few(struct walk *w, bool backwards,
							      const struct wr_ends_cell *cell)
{
	unsigned may = wr_ends_ask_few(cell, backwards, w->text, w->bytes);
	if (WR_LIKELY(may == 0))
		return;
	if (backwards)
		confirm_few_last(w, cell, may);
	else
		confirm_few_first(w, cell, may);
}

/* Of many texts the cell says which lengths they have. */
static inline __attribute__((always_inline)) void
look_up_many(struct walk *w, bool backwards, const struct wr_ends_cell *cell, struct part part,
	     void (*found)(struct walk *w, size_t count))
{
	const struct wr_ends *e = w->ends;
	uint64_t set = part_of(cell->many.lengths, part);
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
		if (WR_UNLIKELY(wr_window_bits(cell->many.windows[wr_ends_word(hash)], hash) !=
				0) &&
		    wr_window_has(&e->filter, hash) != 0)
			found(w, e->lengths[i]);
	}
}

static __attribute__((noinline)) void
look_up_many_first(struct walk *w, const struct wr_ends_cell *cell, size_t along)
{
	look_up_many(w, false, cell, part_behind(w, along), confirm_first);
}

static __attribute__((noinline)) void
look_up_many_last(struct walk *w, const struct wr_ends_cell *cell, size_t along)
{
	look_up_many(w, true, cell, part_behind(w, along), confirm_last);
}

static inline __attribute__((always_inline)) void
look_up_in(struct walk *w, bool backwards, const struct wr_ends_cell *cell, size_t along)
{
	if (WR_LIKELY(!cell->is_many))
		look_up_few(w, backwards, cell);
	else if (backwards)
		look_up_many_last(w, cell, along);
	else
		look_up_many_first(w, cell, along);
}

static __attribute__((noinline)) void look_up_shorts(struct walk *w, bool backwards, size_t along)
{
	look_up_in(w, backwards, &w->ends->front.shorts, along);
}

static inline __attribute__((always_inline)) void
look_up(struct walk *w, bool backwards, const struct wr_ends_cell *cell, size_t along)
{
	if (wr_ends_may_be_short(&w->ends->front, w->text, w->bytes, backwards, along))
		look_up_shorts(w, backwards, along);
	look_up_in(w, backwards, cell, along);
}

void wr_ends_first_in(const struct wr_ends *ends, const struct wr_ends_cell *cell, size_t along,
		      const uint8_t *text, size_t bytes, void (*take)(void *context, uint32_t list),
		      void *context)
{
	struct walk w = {
		.ends = ends, .text = text, .bytes = bytes, .take = take, .context = context};
	begin(&w, along);
	look_up(&w, false, cell, along);
}

/* A text that leaves the trunk where no text goes on needs no cell. */
static inline __attribute__((always_inline)) void look_up_whole(struct walk *w, bool backwards)
{
	if (w->ends->is_few) {
		look_up_few(w, backwards, w->ends->front.cells);
		return;
	}
	size_t along = wr_ends_along(w->ends, w->text, w->bytes, backwards);
	begin(w, along);
	struct part part = part_behind(w, along);
	if (part.from < part.to)
		look_up(w, backwards, wr_ends_cell_at(w->ends, w->text, w->bytes, backwards, along),
			along);
}

void wr_ends_first(const struct wr_ends *ends, const uint8_t *text, size_t bytes,
		   void (*take)(void *context, uint32_t list), void *context)
{
	struct walk w = {
		.ends = ends, .text = text, .bytes = bytes, .take = take, .context = context};
	look_up_whole(&w, false);
}

void wr_ends_last(const struct wr_ends *ends, const uint8_t *text, size_t bytes,
		  void (*take)(void *context, uint32_t list), void *context)
{
	struct walk w = {
		.ends = ends, .text = text, .bytes = bytes, .take = take, .context = context};
	look_up_whole(&w, true);
}
