/* SPDX-License-Identifier: Apache-2.0 */
#include "core/route/ends.h"

#define BY 0x9e3779b97f4a7c15u
#define TAG 0xffffffff00000000u
#define TRUNK_PART 8u /* many: one in so many */
#define TRUNK_BYTES_MAX 256u

/* ---- the hash of a beginning, longer and longer ---- */

struct beginning {
	uint64_t state;
	size_t words; /* in it */
};

static inline uint64_t hash_to(struct beginning *b, const uint8_t *text, size_t bytes,
			       bool backwards, size_t count)
{
	uint64_t last = 0;
	for (; b->words < count / WR_WINDOW_BYTES; b->words++) {
		b->state ^= wr_window_at(text, bytes, backwards, b->words * WR_WINDOW_BYTES);
		b->state *= BY;
		b->state ^= b->state >> 29;
	}
	size_t left = count % WR_WINDOW_BYTES;
	if (left > 0 && count > WR_WINDOW_BYTES)
		last = wr_window_at(text, bytes, backwards, count - WR_WINDOW_BYTES) >>
		       (WR_WINDOW_BYTES - left) * 8;
	else if (left > 0)
		last = wr_window_part(wr_window_head(text, bytes, backwards), left);
	uint64_t hash = (b->state ^ last) * BY;
	hash = (hash ^ hash >> 32 ^ count) * 0xd6e8feb86659fd93u;
	return hash ^ hash >> 32;
}

/* ---- looking up ---- */

struct walk {
	const struct wr_ends *ends;
	const uint8_t *text;
	size_t bytes;
	struct beginning beginning;
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
	uint64_t hash = hash_to(&w->beginning, w->text, w->bytes, backwards, count);
	for (size_t slot = hash & e->slot_mask; e->slots[slot] != 0;
	     slot = (slot + 1) & e->slot_mask) {
		uint32_t number = (uint32_t)e->slots[slot];
		const struct wr_end *end = &e->ends[number - 1];
		if (((e->slots[slot] ^ hash) & TAG) != 0 || end->count != count ||
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

/* `count` bytes of the text, a window or more. */
static inline __attribute__((always_inline)) uint64_t
may_have(const struct wr_window_filter *filter, const uint8_t *text, size_t bytes, bool backwards,
	 size_t count)
{
	uint64_t window = wr_window_at(text, bytes, backwards, count - WR_WINDOW_BYTES);
	return wr_window_has(filter, wr_window_hash(window, count));
}

/* In strides of four lengths, which the CPU looks up side by side. */
static inline __attribute__((always_inline)) void
look_up(struct walk *w, bool backwards, void (*found)(struct walk *w, size_t count))
{
	const struct wr_ends *e = w->ends;
	const struct wr_window_filter filter = e->filter;
	const uint32_t *lengths = e->lengths;
	const size_t length_count = e->length_count, bytes = w->bytes;
	const uint8_t *text = w->text;
	if (e->empty != 0)
		w->take(w->context, e->empty);
	size_t along = along_trunk(e, text, bytes, backwards), i = e->first_behind[along];
	take_trunk(w, along);
	uint64_t head = wr_window_head(text, bytes, backwards);
	for (; i < e->short_count && lengths[i] <= bytes; i++) {
		uint64_t window = wr_window_part(head, lengths[i]);
		if (WR_UNLIKELY(wr_window_has(&filter, wr_window_hash(window, lengths[i])) != 0))
			found(w, lengths[i]);
	}
	for (; i + 4 <= length_count && lengths[i + 3] <= bytes; i += 4) {
		uint64_t which = may_have(&filter, text, bytes, backwards, lengths[i]) |
				 may_have(&filter, text, bytes, backwards, lengths[i + 1]) << 1 |
				 may_have(&filter, text, bytes, backwards, lengths[i + 2]) << 2 |
				 may_have(&filter, text, bytes, backwards, lengths[i + 3]) << 3;
		for (; WR_UNLIKELY(which != 0); which &= which - 1)
			found(w, lengths[i + (size_t)__builtin_ctzll(which)]);
	}
	for (; i < length_count && lengths[i] <= bytes; i++)
		if (WR_UNLIKELY(may_have(&filter, text, bytes, backwards, lengths[i]) != 0))
			found(w, lengths[i]);
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

/* ---- making ---- */

bool wr_ends_add(struct wr_ends *ends, struct wr_arena *building, const struct wr_ends_text *text)
{
	void *list = ends->texts;
	if (!wr_arena_grow(building, &list, &ends->room, ends->count, sizeof *ends->texts))
		return false;
	ends->texts = list;
	ends->texts[ends->count++] = *text;
	return true;
}

static int compare(const struct wr_ends_text *a, const struct wr_ends_text *b)
{
	uint32_t shorter = a->count < b->count ? a->count : b->count;
	int order = shorter > 0 ? memcmp(a->bytes, b->bytes, shorter) : 0;
	return order != 0 ? order : (a->count > b->count) - (a->count < b->count);
}

static void sift(struct wr_ends_text *heap, size_t at, size_t count)
{
	struct wr_ends_text moved = heap[at];
	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && compare(&heap[child + 1], &heap[child]) > 0)
			child++;
		if (compare(&heap[child], &moved) <= 0)
			break;
		heap[at] = heap[child];
	}
	heap[at] = moved;
}

static void sort(struct wr_ends_text *list, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift(list, i, count);
	for (size_t left = count; left > 1; left--) {
		struct wr_ends_text greatest = list[0];
		list[0] = list[left - 1];
		list[left - 1] = greatest;
		sift(list, 0, left - 1);
	}
}

/* The table's bytes stay what they are: others have them, too. */
static bool turn(struct wr_ends *ends, struct wr_arena *arena)
{
	for (size_t i = 0; i < ends->count; i++) {
		struct wr_ends_text *t = &ends->texts[i];
		uint8_t *turned = wr_arena_take(arena, t->count, 1);
		if (turned == NULL)
			return false;
		for (uint32_t k = 0; k < t->count; k++)
			turned[k] = t->bytes[t->count - 1 - k];
		t->bytes = turned;
	}
	return true;
}

static void place(struct wr_ends *e, uint32_t number)
{
	const struct wr_end *end = &e->ends[number];
	struct beginning b = {0};
	uint64_t hash = hash_to(&b, end->bytes, end->count, false, end->count);
	size_t slot = hash & e->slot_mask;
	while (e->slots[slot] != 0)
		slot = (slot + 1) & e->slot_mask;
	e->slots[slot] = (hash & TAG) | (number + 1u);
	wr_window_add(&e->filter,
		      wr_window_hash(wr_window_last(end->bytes, end->count), end->count));
}

/* In the order of texts those that one begins with are before it, the longest last. */
static uint32_t inner_of(const struct wr_ends *e, uint32_t number)
{
	const struct wr_end *end = &e->ends[number];
	for (uint32_t before = number; before != 0; before = e->ends[before - 1].inner) {
		const struct wr_end *other = &e->ends[before - 1];
		if (other->count < end->count &&
		    memcmp(other->bytes, end->bytes, other->count) == 0)
			return before;
	}
	return 0;
}

/* Of those that go along from `first`, in order: the most that go on with one byte. */
static size_t most_go_on(const struct wr_ends *e, size_t depth, size_t *first, size_t end)
{
	size_t most = 0;
	for (size_t at = *first, next; at < end; at = next) {
		next = at + 1;
		if (e->ends[at].count == depth)
			continue;
		while (next < end && e->ends[next].bytes[depth] == e->ends[at].bytes[depth])
			next++;
		if (next - at > most) {
			most = next - at;
			*first = at;
		}
	}
	return most;
}

/* From each byte to the one that most go on with, as long as those are many. */
static bool find_trunk(struct wr_ends *e, struct wr_arena *arena, size_t count)
{
	size_t first = 0, end = count, depth = 0;
	while (depth < TRUNK_BYTES_MAX) {
		size_t at = first, most = most_go_on(e, depth, &at, end);
		if (most == 0 || most * TRUNK_PART < count)
			break;
		first = at;
		end = first + most;
		depth++;
	}
	if (count > 0) {
		const struct wr_end *one = &e->ends[first];
		e->trunk = one->bytes;
		e->trunk_last = one->count == depth ? (uint32_t)first + 1 : one->inner;
	}
	e->trunk_bytes = depth;
	e->first_behind = wr_arena_take(arena, depth + 1, sizeof *e->first_behind);
	if (e->first_behind == NULL)
		return false;
	for (uint32_t at = 0, i = 0; at <= depth; at++) {
		while (i < e->length_count && e->lengths[i] <= at)
			i++;
		e->first_behind[at] = i;
	}
	return true;
}

/* Which lengths there are. */
static bool gather_lengths(struct wr_ends *e, struct wr_arena *arena, struct wr_arena *building,
			   size_t count)
{
	uint32_t longest = 0;
	for (size_t i = 0; i < count; i++)
		longest = e->ends[i].count > longest ? e->ends[i].count : longest;
	uint8_t *is_there = wr_arena_take(building, longest + 1u, 1);
	if (is_there == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		e->length_count += is_there[e->ends[i].count] == 0;
		is_there[e->ends[i].count] = 1;
	}
	e->lengths = wr_arena_take(arena, e->length_count, sizeof *e->lengths);
	if (e->lengths == NULL)
		return false;
	for (uint32_t length = 1, at = 0; length <= longest; length++)
		if (is_there[length] != 0)
			e->lengths[at++] = length;
	while (e->short_count < e->length_count && e->lengths[e->short_count] < WR_WINDOW_BYTES)
		e->short_count++;
	return true;
}

bool wr_ends_finish(struct wr_ends *ends, struct wr_arena *arena, struct wr_arena *building,
		    struct wr_table *table, bool backwards)
{
	if (backwards && !turn(ends, arena))
		return false;
	sort(ends->texts, ends->count);
	size_t slots = (size_t)wr_power_of_two_above(ends->count * 2 + 1);
	ends->slots = wr_arena_take(arena, slots, sizeof *ends->slots);
	ends->ends = wr_arena_take(arena, ends->count, sizeof *ends->ends);
	if (ends->slots == NULL || ends->ends == NULL ||
	    !wr_window_make(&ends->filter, arena, ends->count))
		return false;
	ends->slot_mask = slots - 1;
	uint32_t kept = 0;
	for (size_t i = 0; i < ends->count; i++) {
		const struct wr_ends_text *t = &ends->texts[i];
		uint32_t list = table->entries[t->entry].list;
		table->entries[t->entry].list = 0;
		if (t->count == 0) {
			ends->empty = list;
			continue;
		}
		ends->ends[kept] =
			(struct wr_end){.bytes = t->bytes, .count = t->count, .list = list};
		ends->ends[kept].inner = inner_of(ends, kept);
		place(ends, kept++);
	}
	ends->texts = NULL;
	return gather_lengths(ends, arena, building, kept) && find_trunk(ends, arena, kept);
}
