/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/keys.h"

#include <errno.h>
#include <string.h>

#include <weir/error.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bug.h"

#define TICKS_A_SPAN (1u << 20)
/* Room of a ring beyond its keys: a sixteenth. */
#define SPARE_SHIFT 4u
/* How many keys before it leaves the slot of one is fetched. */
#define EVICTED_AHEAD 8u
/* How many slots are looked at for one whose entry is to be fetched. */
#define NEAR_HOME 8u

/* ---- memory ---- */

static uint32_t capacity_of(uint32_t keys)
{
	uint32_t spare = keys >> SPARE_SHIFT;
	return keys + (spare > 0 ? spare : 1);
}

static uint32_t entries_of(const struct wr_keys_limits *l)
{
	return l->keys_max + (l->keys_max >> SPARE_SHIFT) + l->windows_max;
}

size_t wr_keys_bytes(const struct wr_keys_limits *l)
{
	if (l->keys_max == 0)
		return 0;
	return l->windows_max * sizeof(struct wr_keys_window) + l->topics_max * sizeof(uint32_t) +
	       entries_of(l) * sizeof(struct wr_keys_entry) +
	       wr_key_slots_of(l->keys_max) * sizeof(struct wr_key_slot) +
	       l->run_records_max * sizeof(struct wr_keys_undo);
}

int wr_keys_init(struct wr_keys *k, struct wr_memory *memory, const struct wr_keys_limits *limits)
{
	*k = (struct wr_keys){.limits = *limits};
	if (limits->keys_max == 0)
		return 0;
	const struct wr_memory_ops *ops = memory->ops;
	k->entry_count = entries_of(limits);
	k->index.count = wr_key_slots_of(limits->keys_max);
	k->windows = ops->alloc(memory, limits->windows_max * sizeof *k->windows, 64);
	k->of_topic = ops->alloc(memory, limits->topics_max * sizeof *k->of_topic, 64);
	k->entries = ops->alloc(memory, k->entry_count * sizeof *k->entries, 64);
	k->index.slots = ops->alloc(memory, k->index.count * sizeof *k->index.slots, 64);
	k->undo = ops->alloc(memory, limits->run_records_max * sizeof *k->undo, 64);
	if (k->windows == NULL || k->of_topic == NULL || k->entries == NULL ||
	    k->index.slots == NULL || k->undo == NULL) {
		wr_keys_fini(k, memory);
		return -ENOMEM;
	}
	return 0;
}

static void give_back(struct wr_memory *memory, void *p, size_t bytes)
{
	if (p != NULL)
		memory->ops->free(memory, p, bytes);
}

void wr_keys_fini(struct wr_keys *k, struct wr_memory *memory)
{
	const struct wr_keys_limits *l = &k->limits;
	give_back(memory, k->windows, l->windows_max * sizeof *k->windows);
	give_back(memory, k->of_topic, l->topics_max * sizeof *k->of_topic);
	give_back(memory, k->entries, k->entry_count * sizeof *k->entries);
	give_back(memory, k->index.slots, k->index.count * sizeof *k->index.slots);
	give_back(memory, k->undo, l->run_records_max * sizeof *k->undo);
	*k = (struct wr_keys){.limits = *l};
}

void wr_keys_reset(struct wr_keys *k)
{
	if (k->window_count == 0)
		return;
	memset(k->of_topic, 0, k->limits.topics_max * sizeof *k->of_topic);
	memset(k->index.slots, 0, k->index.count * sizeof *k->index.slots);
	k->window_count = k->keys_used = k->entries_used = 0;
	k->undo_count = k->captured_windows = 0;
	k->last_us = k->begin_us = k->clock_us = 0;
	k->captured = false;
	k->hashed_begin = k->hashed_end = k->hashed_met = 0;
}

/* ---- definitions ---- */

bool wr_keys_fit(const struct wr_keys *k, uint32_t keys)
{
	return keys <= k->limits.keys_max - k->keys_used && k->window_count < k->limits.windows_max;
}

void wr_keys_define(struct wr_keys *k, uint32_t topic, const struct wr_control_window *def,
		    uint64_t time_us)
{
	WR_ASSERT(wr_keys_fit(k, def->keys) && topic < k->limits.topics_max);
	/* What was before the first window is in no checkpoint. */
	if (k->window_count == 0)
		k->begin_us = k->clock_us = time_us;
	struct wr_keys_window *w = &k->windows[k->window_count++];
	*w = (struct wr_keys_window){
		.def = *def,
		.topic = topic,
		.first = k->entries_used,
		.capacity = capacity_of(def->keys),
		.tick_us = wr_max_u64(def->span_us / TICKS_A_SPAN, 1),
	};
	/* Rounded up: a key never leaves before its time. */
	w->span_ticks =
		def->span_us == 0 ? UINT64_MAX : (def->span_us + w->tick_us - 1) / w->tick_us;
	k->keys_used += def->keys;
	k->entries_used += w->capacity;
	WR_ASSERT(k->entries_used <= k->entry_count);
	k->of_topic[topic] = k->window_count;
}

void wr_keys_undefine(struct wr_keys *k)
{
	const struct wr_keys_window *w = &k->windows[--k->window_count];
	k->of_topic[w->topic] = 0;
	k->keys_used -= w->def.keys;
	k->entries_used -= w->capacity;
	k->hashed_begin = k->hashed_end; /* its secret goes with it */
}

/* ---- the clock ---- */

/* 64 bits of microseconds are half a million years: no sum here overflows but by hostile bytes. */
static uint64_t clock_at(const struct wr_keys *k, uint64_t time_us)
{
	uint64_t elapsed = time_us > k->begin_us ? time_us - k->begin_us : 0;
	uint64_t behind = k->begin_us - k->clock_us;
	return k->clock_us + elapsed + wr_min_u64(elapsed, behind);
}

void wr_keys_epoch(struct wr_keys *k, uint64_t time_us)
{
	if (k->window_count == 0 || WR_BUG(WINDOW_JUMPS))
		return;
	uint64_t clock_us = clock_at(k, k->last_us);
	k->begin_us = wr_max_u64(time_us, clock_us);
	k->clock_us = clock_us;
}

/* ---- the index ---- */

/* The slot of a key in a window, or count. */
static uint32_t index_find(const struct wr_keys *k, const struct wr_keys_window *w,
			   const uint32_t hash[4])
{
	const struct wr_key_index *x = &k->index;
	uint32_t i = wr_key_home(x, hash[0]);
	for (uint32_t away = 0; wr_key_may_be_at(x, i, away); away++, i = wr_key_next(x, i)) {
		uint32_t entry = x->slots[i].entry - 1;
		if (x->slots[i].print == hash[0] && entry - w->first < w->capacity &&
		    memcmp(k->entries[entry].hash, hash, sizeof k->entries[entry].hash) == 0)
			return i;
	}
	return x->count;
}

/* ---- the ring ---- */

/* The place of one of the last `capacity` ordinals. */
static uint32_t place_of(const struct wr_keys_window *w, uint64_t ordinal)
{
	uint32_t back = (uint32_t)(w->next - ordinal);
	return w->place >= back ? w->place - back : w->place + w->capacity - back;
}

static uint64_t ordinal_of(const struct wr_keys_window *w, uint32_t place)
{
	return w->next - (place < w->place ? w->place - place : w->place + w->capacity - place);
}

static struct wr_keys_entry *entry_at(const struct wr_keys *k, const struct wr_keys_window *w,
				      uint64_t ordinal)
{
	return &k->entries[w->first + place_of(w, ordinal)];
}

/* Age of a live entry by `newest`, which is not before any of them. */
static inline bool is_over(const struct wr_keys_window *w, const struct wr_keys_entry *e,
			   uint64_t newest)
{
	return (uint32_t)newest - e->tick > w->span_ticks;
}

/* Whether the next key's place holds what is still to be copied into a checkpoint. */
static bool is_held(const struct wr_keys *k, struct wr_keys_window *w)
{
	if (!k->captured || WR_BUG(WINDOW_OVERWRITTEN))
		return false;
	uint32_t first = w->captured.place;
	uint32_t i = w->place >= first ? w->place - first : w->place + w->capacity - first;
	return i < w->captured.count && i >= wr_load_acquire(&w->copied); /* K2 */
}

/*
 * The first ordinal in [from, next) that is not over: steps that double, then halves. Mostly it is
 * `from`, or the one after it.
 */
static uint64_t first_live(const struct wr_keys *k, const struct wr_keys_window *w, uint64_t from)
{
	uint64_t newest = w->newest_tick;
	uint64_t low = from, high = from, step = 1;
	while (high < w->next && is_over(w, entry_at(k, w, high), newest)) {
		low = high + 1;
		high += step;
		step *= 2;
	}
	high = wr_min_u64(high, w->next);
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (is_over(w, entry_at(k, w, middle), newest))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void set_live_from(struct wr_keys_window *w, uint64_t live_from)
{
	w->live_from = live_from;
	wr_store_relaxed(&w->held, w->next - live_from);
}

/*
 * The hash of a key. One that was made ahead counts if topic and bytes are the same. They come in
 * that order; those that stand before it did not come to be looked up.
 */
static void hash_of(struct wr_keys *k, const struct wr_keys_window *w, const void *key,
		    uint32_t key_bytes, uint64_t ret_hash[2])
{
	for (uint32_t i = k->hashed_begin; i != k->hashed_end; i++) {
		const struct wr_keys_hashed *h = &k->hashed[i % WR_KEYS_HASHED];
		if (h->key_bytes != key_bytes || h->topic != w->topic ||
		    memcmp(h->key, key, key_bytes) != 0)
			continue;
		memcpy(ret_hash, h->hash, sizeof h->hash);
		k->hashed_begin = i + 1;
		return;
	}
	wr_siphash128(w->def.secret, key, key_bytes, ret_hash);
}

int wr_keys_check(struct wr_keys *k, uint32_t topic, const void *key, uint32_t key_bytes,
		  uint64_t time_us, bool blocks, struct wr_keys_candidate *ret)
{
	struct wr_keys_window *w = wr_keys_window(k, topic);
	uint64_t hash[2];
	if (w == NULL || key_bytes == 0 || key_bytes > WR_IDEMPOTENCY_KEY_BYTES_MAX)
		return -EINVAL;
	hash_of(k, w, key, key_bytes, hash);
	ret->window = w;
	memcpy(ret->hash, hash, sizeof hash);
	/* Hostile bytes may have times that go backwards; a writer's never do. */
	ret->tick = w->def.span_us == 0
			    ? 0
			    : wr_max_u64(clock_at(k, time_us) / w->tick_us, w->newest_tick);
	uint32_t i = index_find(k, w, ret->hash);
	if (i < k->index.count) {
		const struct wr_keys_entry *e = &k->entries[k->index.slots[i].entry - 1];
		uint64_t ordinal = ordinal_of(w, k->index.slots[i].entry - 1 - w->first);
		if (ordinal >= w->live_from && ret->tick - w->newest_tick <= w->span_ticks &&
		    !is_over(w, e, ret->tick)) {
			ret->found_seq = (uint64_t)e->seq[1] << 32 | e->seq[0];
			wr_store_relaxed(&w->duplicates,
					 wr_load_relaxed(&w->duplicates) + 1); /* own */
			return WEIR_E_DUPLICATE;
		}
	}
	return blocks && is_held(k, w) ? WEIR_E_AGAIN : 0;
}

void wr_keys_ahead(struct wr_keys *k, uint32_t topic, const void *key, uint32_t key_bytes)
{
	const struct wr_keys_window *w = wr_keys_window(k, topic);
	struct wr_keys_hashed *h = &k->hashed[k->hashed_end % WR_KEYS_HASHED];
	uint64_t hash[2];
	if (w == NULL)
		return;
	if (key_bytes <= WR_KEYS_HASHED_BYTES) {
		/* Bytes of a lane may change: those are hashed that are compared. */
		key = memcpy(h->key, key, key_bytes);
		h->topic = topic;
		h->key_bytes = key_bytes;
		k->hashed_end++;
		if (k->hashed_end - k->hashed_begin > WR_KEYS_HASHED)
			k->hashed_begin = k->hashed_end - WR_KEYS_HASHED;
	}
	wr_siphash128(w->def.secret, key, key_bytes, hash);
	if (key_bytes <= WR_KEYS_HASHED_BYTES)
		memcpy(h->hash, hash, sizeof hash);
	__builtin_prefetch(&k->index.slots[wr_key_home(&k->index, (uint32_t)hash[0])]);
}

/*
 * The entry of each, if its slot is as near to home as most are. One function: gcc calls one that
 * does nothing but fetch pure, and leaves it out.
 */
void wr_keys_ahead_end(struct wr_keys *k)
{
	const struct wr_key_index *x = &k->index;
	if (k->hashed_end - k->hashed_met > k->hashed_end - k->hashed_begin)
		k->hashed_met = k->hashed_begin;
	for (; k->hashed_met != k->hashed_end; k->hashed_met++) {
		uint32_t print = (uint32_t)k->hashed[k->hashed_met % WR_KEYS_HASHED].hash[0];
		uint32_t home = wr_key_home(x, print);
		uint32_t end = home + NEAR_HOME < x->count ? home + NEAR_HOME : x->count;
		for (uint32_t i = home; i < end; i++) {
			if (x->slots[i].print != print || x->slots[i].entry == 0)
				continue;
			/* Its 28 bytes are in one line or two. */
			const char *bytes = (const char *)&k->entries[x->slots[i].entry - 1];
			__builtin_prefetch(bytes);
			__builtin_prefetch(bytes + sizeof *k->entries - 1);
			break;
		}
	}
}

/* By number, an entry leaves the index with each that comes. */
static void evict(struct wr_keys *k, struct wr_keys_window *w)
{
	if (w->next < w->def.keys)
		return;
	uint32_t place = w->first + place_of(w, w->next - w->def.keys);
	uint32_t i = wr_key_slot_of(&k->index, k->entries[place].hash[0], place);
	if (i < k->index.count)
		wr_key_remove(&k->index, i);
	/* And the slot of one that leaves some keys later: any place of the ring will do. */
	uint32_t later = place - w->first + EVICTED_AHEAD;
	if (later < w->capacity)
		__builtin_prefetch(&k->index.slots[wr_key_home(
			&k->index, k->entries[w->first + later].hash[0])]);
}

void wr_keys_take(struct wr_keys *k, const struct wr_keys_candidate *c, uint64_t seq, bool undoable)
{
	struct wr_keys_window *w = c->window;
	struct wr_keys_entry *e = &k->entries[w->first + w->place];
	uint32_t entry = w->first + w->place;
	if (undoable) {
		WR_ASSERT(k->undo_count < k->limits.run_records_max);
		k->undo[k->undo_count++] = (struct wr_keys_undo){
			.window = (uint32_t)(w - k->windows),
			.before = *e,
			.live_from = w->live_from,
			.newest_tick = w->newest_tick,
		};
	}
	evict(k, w);
	uint32_t i = index_find(k, w, c->hash);
	if (i < k->index.count)
		k->index.slots[i].entry = entry + 1; /* the same key, out of the window by time */
	else
		wr_key_add(&k->index, c->hash[0], entry);
	memcpy(e->hash, c->hash, sizeof e->hash);
	e->seq[0] = (uint32_t)seq;
	e->seq[1] = (uint32_t)(seq >> 32);
	e->tick = (uint32_t)c->tick;
	bool all_over = c->tick - w->newest_tick > w->span_ticks;
	w->newest_tick = c->tick;
	w->next++;
	w->place = w->place + 1 < w->capacity ? w->place + 1 : 0;
	uint64_t live_from = w->live_from;
	if (w->next > w->def.keys)
		live_from = wr_max_u64(live_from, w->next - w->def.keys);
	set_live_from(w, all_over                      ? w->next - 1
			 : w->span_ticks == UINT64_MAX ? live_from
						       : first_live(k, w, live_from));
}

void wr_keys_undo(struct wr_keys *k)
{
	if (WR_BUG(WINDOW_KEEPS_REFUSED))
		return;
	while (k->undo_count > 0) {
		const struct wr_keys_undo *u = &k->undo[--k->undo_count];
		struct wr_keys_window *w = &k->windows[u->window];
		w->place = w->place > 0 ? w->place - 1 : w->capacity - 1;
		w->next--;
		uint32_t entry = w->first + w->place;
		uint32_t i = wr_key_slot_of(&k->index, k->entries[entry].hash[0], entry);
		WR_ASSERT(i < k->index.count);
		wr_key_remove(&k->index, i);
		k->entries[entry] = u->before;
		w->newest_tick = u->newest_tick;
		set_live_from(w, u->live_from);
		/* What had to leave for it comes back, if it was more than a place. */
		if (w->next >= w->def.keys && w->next - w->def.keys >= u->live_from) {
			uint32_t back = w->first + place_of(w, w->next - w->def.keys);
			wr_key_add(&k->index, k->entries[back].hash[0], back);
		}
	}
}
