/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/erasures.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "core/base/siphash.h"

#define SECTION_VERSION 1u
#define SECTION_HEAD_BYTES (8u + WR_ERASE_SECRET_BYTES + 16u)
#define ENTRY_BYTES 32u

static uint32_t slots_of(uint32_t max)
{
	return (uint32_t)wr_power_of_two_above(2ull * max);
}

size_t wr_erasures_bytes(uint32_t max)
{
	if (max == 0)
		return 0;
	return max * sizeof(struct wr_erasure) + slots_of(max) * sizeof(wr_atomic_u32);
}

int wr_erasures_init(struct wr_erasures *e, struct wr_memory *memory, uint32_t max)
{
	*e = (struct wr_erasures){.max = max};
	if (max == 0)
		return 0;
	e->mask = slots_of(max) - 1;
	e->entries = memory->ops->alloc(memory, max * sizeof *e->entries, 64);
	e->slots = memory->ops->alloc(memory, slots_of(max) * sizeof *e->slots, 64);
	if (e->entries == NULL || e->slots == NULL) {
		wr_erasures_fini(e, memory);
		return -ENOMEM;
	}
	wr_erasures_reset(e);
	return 0;
}

void wr_erasures_fini(struct wr_erasures *e, struct wr_memory *memory)
{
	if (e->entries != NULL)
		memory->ops->free(memory, e->entries, e->max * sizeof *e->entries);
	if (e->slots != NULL)
		memory->ops->free(memory, e->slots, slots_of(e->max) * sizeof *e->slots);
	e->entries = NULL;
	e->slots = NULL;
}

void wr_erasures_reset(struct wr_erasures *e)
{
	for (uint32_t i = 0; e->max > 0 && i <= e->mask; i++)
		wr_store_relaxed(&e->slots[i], 0u);
	e->count = 0;
	e->has_secret = false;
	memset(e->secret, 0, sizeof e->secret);
	e->done_seq = 0;
	wr_store_relaxed(&e->end_seq, 0u);
}

/* The slot of the key in the topic, or the empty one where it would be: there is one. */
static wr_atomic_u32 *slot_of(struct wr_erasures *e, const uint64_t hash[2], uint32_t topic)
{
	uint32_t home = (uint32_t)(hash[0] ^ topic * 2654435761u);

	for (uint32_t i = home & e->mask;; i = (i + 1) & e->mask) {
		uint32_t at = wr_load_acquire(&e->slots[i]); /* ER1 */
		if (at == 0)
			return &e->slots[i];
		const struct wr_erasure *entry = &e->entries[at - 1];
		if (entry->topic == topic && entry->hash[0] == hash[0] && entry->hash[1] == hash[1])
			return &e->slots[i];
	}
}

/* There is room for it. */
static void add(struct wr_erasures *e, const uint64_t hash[2], uint32_t topic, uint64_t seq)
{
	wr_atomic_u32 *slot = slot_of(e, hash, topic);
	uint32_t before = wr_load_relaxed(slot); /* own */

	if (before != 0)
		e->entries[before - 1].is_over = true;
	e->entries[e->count++] =
		(struct wr_erasure){.hash = {hash[0], hash[1]}, .seq = seq, .topic = topic};
	wr_store_release(slot, e->count);   /* ER1 */
	wr_store_release(&e->end_seq, seq); /* ER1: they come in order */
}

int wr_erasures_decide(struct wr_erasures *e, const struct wr_record_view *view, uint64_t seq,
		       uint32_t topic_count)
{
	struct wr_erase erase;
	uint32_t topic = view->head->topic;

	if (!wr_erase_read(view, &erase) || erase.done_seq >= seq)
		return -EINVAL;
	if (erase.is_mark)
		return 0;
	if (e->has_secret && memcmp(e->secret, erase.secret, sizeof e->secret) != 0)
		return -EINVAL;
	if (topic != WR_ERASE_ALL_TOPICS && topic >= topic_count)
		return WEIR_E_UNKNOWN_NAME;
	if (e->count == e->max)
		return WEIR_E_FULL;
	/* Once: others read it from then on. */
	if (!e->has_secret)
		memcpy(e->secret, erase.secret, sizeof e->secret);
	e->has_secret = true;
	e->done_seq = wr_max_u64(e->done_seq, erase.done_seq);
	add(e, erase.hash, topic, seq);
	return 0;
}

/* The last record that erases the key in the topic, if it stands behind `seq`; else 0. */
static uint64_t last_behind(struct wr_erasures *e, const uint64_t hash[2], uint32_t topic,
			    uint64_t seq)
{
	uint32_t at = wr_load_acquire(slot_of(e, hash, topic)); /* ER1 */

	return at != 0 && seq < e->entries[at - 1].seq ? e->entries[at - 1].seq : 0;
}

uint64_t wr_erasures_by(struct wr_erasures *e, const void *key, uint32_t key_bytes, uint32_t topic,
			uint64_t seq)
{
	uint64_t hash[2];

	if (key_bytes == 0 || seq >= wr_erasures_end_seq(e))
		return 0;
	wr_siphash128(e->secret, key, key_bytes, hash);
	uint64_t by_seq = last_behind(e, hash, WR_ERASE_ALL_TOPICS, seq);
	return by_seq != 0 ? by_seq : last_behind(e, hash, topic, seq);
}

bool wr_erasures_has_copied(struct wr_erasures *e, const struct wr_record_view *copy)
{
	struct wr_option origin;

	if (wr_erasures_end_seq(e) == 0 || (copy->head->flags & WR_RECORD_KEYLESS) != 0 ||
	    !wr_option_find(copy, WR_OPTION_ORIGIN, &origin) ||
	    origin.value_bytes < WR_ORIGIN_TOPIC_AT + sizeof(uint32_t))
		return false;
	return wr_erasures_has(e, copy->key, copy->head->key_bytes,
			       wr_get_u32(origin.value + WR_ORIGIN_TOPIC_AT),
			       wr_get_u64(origin.value + WR_ORIGIN_SEQ_AT));
}

/* --- in a checkpoint -------------------------------------------------------------------------- */

size_t wr_erasures_save_bytes_max(uint32_t max)
{
	if (max == 0)
		return 0;
	return 64 + SECTION_HEAD_BYTES + (size_t)max * ENTRY_BYTES;
}

static bool is_kept(const struct wr_erasures *e, const struct wr_erasure *entry)
{
	return !entry->is_over && entry->seq > e->done_seq;
}

void wr_erasures_save(struct wr_erasures *e, struct wr_sink *sink)
{
	uint32_t kept = 0;

	if (!e->has_secret)
		return;
	for (uint32_t i = 0; i < e->count; i++)
		kept += is_kept(e, &e->entries[i]);
	size_t place = wr_section_begin(sink, WR_SECTION_ERASURES, SECTION_VERSION, 0);
	wr_sink_u32(sink, kept);
	wr_sink_u32(sink, 0);
	wr_sink_bytes(sink, e->secret, sizeof e->secret);
	wr_sink_u64(sink, e->done_seq);
	wr_sink_u64(sink, wr_load_relaxed(&e->end_seq)); /* own */
	for (uint32_t i = 0; i < e->count; i++) {
		const struct wr_erasure *entry = &e->entries[i];
		if (!is_kept(e, entry))
			continue;
		wr_sink_u64(sink, entry->hash[0]);
		wr_sink_u64(sink, entry->hash[1]);
		wr_sink_u64(sink, entry->seq);
		wr_sink_u32(sink, entry->topic);
		wr_sink_u32(sink, 0);
	}
	wr_section_end(sink, place);
}

int wr_erasures_load(struct wr_erasures *e, uint32_t version, uint32_t topic_count,
		     const uint8_t *bytes, uint32_t length_bytes)
{
	struct wr_cursor in = wr_cursor_over(bytes, length_bytes);
	uint32_t count = wr_take_u32(&in), zero = wr_take_u32(&in);
	const uint8_t *secret = wr_take(&in, sizeof e->secret);
	uint64_t done_seq = wr_take_u64(&in), end_seq = wr_take_u64(&in), last_seq = done_seq;

	if (version != SECTION_VERSION)
		return WEIR_E_FORMAT;
	if (secret == NULL || in.failed || zero != 0 || done_seq > end_seq)
		return WEIR_E_CORRUPT;
	if (count > e->max)
		return WEIR_E_FULL;
	memcpy(e->secret, secret, sizeof e->secret);
	e->has_secret = true;
	e->done_seq = done_seq;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t hash[2] = {wr_take_u64(&in), 0};
		hash[1] = wr_take_u64(&in);
		uint64_t seq = wr_take_u64(&in);
		uint32_t topic = wr_take_u32(&in);
		(void)wr_take_u32(&in);
		if (in.failed || seq <= last_seq || seq > end_seq ||
		    (topic != WR_ERASE_ALL_TOPICS && topic >= topic_count))
			return WEIR_E_CORRUPT;
		add(e, hash, topic, seq);
		last_seq = seq;
	}
	wr_store_relaxed(&e->end_seq, end_seq); /* own: nobody asks yet */
	return in.left_bytes == 0 ? 0 : WEIR_E_CORRUPT;
}
