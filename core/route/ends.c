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

/* How far the text goes along with the trunk. */
static inline __attribute__((always_inline)) size_t
along_trunk(const struct wr_ends *e, const uint8_t *text, size_t bytes, bool backwards)
{
	size_t most = e->trunk_bytes < bytes ? e->trunk_bytes : bytes, at = 0;
	uint64_t differs;
	if (most < WR_WINDOW_BYTES) {
		differs = wr_window_part(wr_window_head(text, bytes, backwards) ^
						 wr_window_head(e->trunk, e->trunk_bytes, false),
					 most);
		return differs != 0 ? (size_t)__builtin_ctzll(differs) / 8 : most;
	}
	for (;; at = at + 2 * WR_WINDOW_BYTES <= most ? at + WR_WINDOW_BYTES
						      : most - WR_WINDOW_BYTES) {
		differs = wr_window_at(text, bytes, backwards, at) ^
			  wr_window_at(e->trunk, e->trunk_bytes, false, at);
		if (differs != 0)
			return at + (size_t)__builtin_ctzll(differs) / 8;
		if (at + WR_WINDOW_BYTES == most)
			return most;
	}
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

/* Which of the lengths [from, to) may be those of texts that this one begins with. */
static inline __attribute__((always_inline)) uint64_t may_be(const struct wr_ends *e,
							     const struct walk *w, bool backwards,
							     uint64_t head, size_t from, size_t to)
{
	uint64_t set = ~0ull << (from < WR_ENDS_SET_LAST ? from : WR_ENDS_SET_LAST);
	if (to <= WR_ENDS_SET_LAST)
		set &= ~(~0ull << to);
	return set & (w->bytes < e->front.place
			      ? e->front.shorter
			      : *wr_ends_set(&e->front, w->text, w->bytes, backwards, head));
}

static inline __attribute__((always_inline)) void
look_up(struct walk *w, bool backwards, void (*found)(struct walk *w, size_t count))
{
	const struct wr_ends *e = w->ends;
	const uint8_t *text = w->text;
	const size_t bytes = w->bytes;
	if (e->empty != 0)
		w->take(w->context, e->empty);
	size_t along = along_trunk(e, text, bytes, backwards);
	size_t from = e->lengths_to[along];
	size_t to = e->lengths_to[bytes < e->longest ? bytes : e->longest];
	take_trunk(w, along);
	if (from >= to)
		return;
	uint64_t head = wr_window_head(text, bytes, backwards);
	uint64_t set = may_be(e, w, backwards, head, from, to);
	for (; set != 0; set &= set - 1) {
		size_t i = (size_t)__builtin_ctzll(set);
		size_t end = i < WR_ENDS_SET_LAST ? i + 1 : to;
		for (i = i < from ? from : i; i < end; i++) {
			uint64_t window =
				wr_ends_window(text, bytes, backwards, head, e->lengths[i]);
			uint64_t hash = wr_window_hash(window, e->lengths[i]);
			if (WR_UNLIKELY(wr_window_has(&e->filter, hash) != 0))
				found(w, e->lengths[i]);
		}
	}
}

void wr_ends_first(const struct wr_ends *ends, const uint8_t *text, size_t bytes,
		   void (*take)(void *context, uint32_t list), void *context)
{
	struct walk w = {
		.ends = ends, .text = text, .bytes = bytes, .take = take, .context = context};
	look_up(&w, false, confirm_first);
}

void wr_ends_last(const struct wr_ends *ends, const uint8_t *text, size_t bytes,
		  void (*take)(void *context, uint32_t list), void *context)
{
	struct walk w = {
		.ends = ends, .text = text, .bytes = bytes, .take = take, .context = context};
	look_up(&w, true, confirm_last);
}
