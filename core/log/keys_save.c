/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows in a checkpoint: one section each, {topic, definition, entries oldest first}. A window of
 * ten million keys takes 280 MB. The writer does not copy them: it fixes which entries belong to
 * the checkpoint, and whoever writes it out takes them from the ring, oldest first, while the ring
 * goes on into its spare sixteenth and behind what was taken.
 *
 *   offset  bytes
 *        0      4  topic
 *        4      4  keys in the window at most
 *        8      8  span in us; 0: none
 *       16     16  secret
 *       32      8  tick of the newest key
 *       40      4  entries
 *       44      4  zero
 *       48     28  each: 16 of hash, 8 sequence, 4 the low bits of its tick
 */
#include <weir/error.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/log/keys.h"

#define KEYS_VERSION 1u
#define CLOCK_VERSION 1u
#define FIXED_BYTES 48u
#define ENTRY_BYTES ((uint32_t)sizeof(struct wr_keys_entry))

static uint64_t section_bytes(uint64_t entries)
{
	return sizeof(struct wr_section_header) +
	       wr_round_up(FIXED_BYTES + entries * ENTRY_BYTES, 8);
}

uint64_t wr_keys_save_bytes_max(const struct wr_keys_limits *l)
{
	/* One window for each key is the most that there can be. */
	uint64_t windows = wr_min_u64(l->windows_max, l->keys_max);
	return windows * section_bytes(1) + (uint64_t)l->keys_max * ENTRY_BYTES;
}

/* What is in the window as of its newest key. */
static struct wr_keys_snap snap_of(const struct wr_keys_window *w)
{
	uint32_t count = (uint32_t)(w->next - w->live_from);
	return (struct wr_keys_snap){
		.place = w->place >= count ? w->place - count : w->place + w->capacity - count,
		.count = count,
		.newest_tick = w->newest_tick,
	};
}

static void put_fixed(const struct wr_keys_window *w, const struct wr_keys_snap *snap, uint8_t *to)
{
	struct wr_section_header header = {
		.module = WR_SECTION_KEYS,
		.version = KEYS_VERSION,
		.bytes = FIXED_BYTES + snap->count * ENTRY_BYTES,
	};
	memcpy(to, &header, sizeof header);
	to += sizeof header;
	wr_put_u32(to, w->topic);
	wr_put_u32(to + 4, w->def.keys);
	wr_put_u64(to + 8, w->def.span_us);
	memcpy(to + 16, w->def.secret, sizeof w->def.secret);
	wr_put_u64(to + 32, snap->newest_tick);
	wr_put_u32(to + 40, snap->count);
	wr_put_u32(to + 44, 0);
}

/* Bytes [at, at + bytes) of the entries of a snap, as if they stood in one row. */
static void put_entries(const struct wr_keys *k, const struct wr_keys_window *w,
			const struct wr_keys_snap *snap, uint64_t at, uint8_t *to, uint64_t bytes)
{
	const uint8_t *ring = (const uint8_t *)&k->entries[w->first];
	uint64_t ring_bytes = (uint64_t)w->capacity * ENTRY_BYTES;
	uint64_t from = (uint64_t)snap->place * ENTRY_BYTES + at;
	while (bytes > 0) {
		from = from < ring_bytes ? from : from - ring_bytes;
		uint64_t piece = wr_min_u64(bytes, ring_bytes - from);
		memcpy(to, ring + from, piece);
		to += piece;
		from += piece;
		bytes -= piece;
	}
}

/* Bytes [at, at + bytes) of a window's section. */
static void put_section(const struct wr_keys *k, const struct wr_keys_window *w,
			const struct wr_keys_snap *snap, uint64_t at, uint8_t *to, uint64_t bytes)
{
	uint8_t head[sizeof(struct wr_section_header) + FIXED_BYTES];
	uint64_t entries_end = sizeof head + (uint64_t)snap->count * ENTRY_BYTES;
	uint64_t end = at + bytes;
	if (at < sizeof head) {
		put_fixed(w, snap, head);
		uint64_t piece = wr_min_u64(bytes, sizeof head - at);
		memcpy(to, head + at, piece);
		to += piece;
		at += piece;
	}
	if (at < end && at < entries_end) {
		uint64_t piece = wr_min_u64(end, entries_end) - at;
		put_entries(k, w, snap, at - sizeof head, to, piece);
		to += piece;
		at += piece;
	}
	memset(to, 0, end - at);
}

uint64_t wr_keys_save_bytes(const struct wr_keys *k)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < k->window_count; i++)
		bytes += section_bytes(snap_of(&k->windows[i]).count);
	return bytes;
}

void wr_keys_save(struct wr_keys *k, struct wr_sink *sink)
{
	for (uint32_t i = 0; i < k->window_count; i++) {
		struct wr_keys_snap snap = snap_of(&k->windows[i]);
		uint64_t bytes = section_bytes(snap.count);
		uint8_t *to = wr_put(sink, bytes);
		if (to != NULL)
			put_section(k, &k->windows[i], &snap, 0, to, bytes);
	}
}

uint64_t wr_keys_capture(struct wr_keys *k)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < k->window_count; i++) {
		struct wr_keys_window *w = &k->windows[i];
		w->captured = snap_of(w);
		if (WR_BUG(WINDOW_NOT_SAVED))
			w->captured.count = 0;
		wr_store_relaxed(&w->copied, 0u); /* handed over with the slot, by K1 */
		bytes += section_bytes(w->captured.count);
	}
	k->captured_windows = k->window_count;
	k->captured = bytes > 0;
	return bytes;
}

void wr_keys_copy(void *keys, uint64_t at, uint8_t *to, uint32_t bytes)
{
	struct wr_keys *k = keys;
	uint64_t end = at + bytes, section = 0;
	for (uint32_t i = 0; i < k->captured_windows && section < end; i++) {
		struct wr_keys_window *w = &k->windows[i];
		uint64_t section_end = section + section_bytes(w->captured.count);
		if (at < section_end) {
			uint64_t piece = wr_min_u64(end, section_end) - at;
			put_section(k, w, &w->captured, at - section, to, piece);
			to += piece;
			at += piece;
			uint64_t head = sizeof(struct wr_section_header) + FIXED_BYTES;
			uint64_t read = at - section > head ? at - section - head : 0;
			/* K2: entries of which a part is still to be read do not count. */
			wr_store_release(&w->copied,
					 wr_min_u64(read / ENTRY_BYTES, w->captured.count));
		}
		section = section_end;
	}
	WR_ASSERT(at == end);
}

void wr_keys_clock_save(const struct wr_keys *k, struct wr_sink *sink)
{
	if (k->window_count == 0)
		return;
	size_t place = wr_section_begin(sink, WR_SECTION_APPEND_CLOCK, CLOCK_VERSION, 0);
	wr_sink_u64(sink, k->last_us);
	wr_sink_u64(sink, k->begin_us);
	wr_sink_u64(sink, k->clock_us);
	wr_section_end(sink, place);
}

/* ---- back ---- */

int wr_keys_clock_load(struct wr_keys *k, uint32_t version, const uint8_t *bytes,
		       uint32_t length_bytes)
{
	if (version != CLOCK_VERSION)
		return WEIR_E_FORMAT;
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	k->last_us = wr_take_u64(&in);
	k->begin_us = wr_take_u64(&in);
	k->clock_us = wr_take_u64(&in);
	return in.failed || in.left_bytes != 0 || k->clock_us > k->begin_us ? WEIR_E_CORRUPT : 0;
}

static bool take_definition(struct wr_cursor *in, uint32_t *ret_topic,
			    struct wr_control_window *ret_def)
{
	*ret_topic = wr_take_u32(in);
	ret_def->keys = wr_take_u32(in);
	ret_def->span_us = wr_take_u64(in);
	const uint8_t *secret = wr_take(in, sizeof ret_def->secret);
	if (secret == NULL || !wr_control_window_valid(ret_def))
		return false;
	memcpy(ret_def->secret, secret, sizeof ret_def->secret);
	return true;
}

int wr_keys_load(struct wr_keys *k, uint32_t topic_count, uint32_t version, const uint8_t *bytes,
		 uint32_t length_bytes)
{
	if (version != KEYS_VERSION)
		return WEIR_E_FORMAT;
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	struct wr_control_window def = {0};
	uint32_t topic;
	if (!take_definition(&in, &topic, &def))
		return WEIR_E_CORRUPT;
	uint64_t newest_tick = wr_take_u64(&in);
	uint32_t count = wr_take_u32(&in);
	if (wr_take_u32(&in) != 0 || in.failed || topic >= topic_count || count > def.keys ||
	    in.left_bytes != (uint64_t)count * ENTRY_BYTES || wr_keys_window(k, topic) != NULL)
		return WEIR_E_CORRUPT;
	if (topic >= k->limits.topics_max || !wr_keys_fit(k, def.keys))
		return WEIR_E_FULL;
	uint64_t begin_us = k->begin_us, clock_us = k->clock_us;
	wr_keys_define(k, topic, &def, 0);
	k->begin_us = begin_us; /* as loaded before */
	k->clock_us = clock_us;
	struct wr_keys_window *w = wr_keys_window(k, topic);
	for (uint32_t i = 0; i < count; i++) {
		struct wr_keys_entry e;
		memcpy(&e, wr_take(&in, sizeof e), sizeof e);
		struct wr_keys_candidate c = {
			.window = w,
			/* Its distance from the newest is what its low bits are good for. */
			.tick = newest_tick - (uint32_t)((uint32_t)newest_tick - e.tick),
		};
		memcpy(c.hash, e.hash, sizeof c.hash);
		if (c.tick < w->newest_tick || c.tick > newest_tick)
			return WEIR_E_CORRUPT;
		wr_keys_take(k, &c, (uint64_t)e.seq[1] << 32 | e.seq[0], false);
	}
	w->newest_tick = newest_tick;
	return 0;
}
