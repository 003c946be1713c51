/* SPDX-License-Identifier: Apache-2.0 */
/* See compact.h. */
#include "core/journal/compact.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/base/bytes.h"

#define US_PER_S 1000000ull

/* Places of a table for so many keys: a third of them stay empty at least. */
static uint64_t place_count(uint64_t keys_max)
{
	return wr_power_of_two_above(keys_max + keys_max / 2);
}

static size_t batches_bytes(uint32_t chunk_bytes)
{
	return chunk_bytes / WR_BLOCK_BYTES * sizeof(struct wr_extent_batch);
}

uint64_t wr_compact_bytes(uint64_t keys_max, uint32_t chunk_bytes, uint64_t segment_bytes)
{
	return place_count(keys_max) * sizeof(struct wr_compact_key) + chunk_bytes +
	       batches_bytes(chunk_bytes) + WR_BLOCK_BYTES +
	       wr_unpack_bytes(chunk_bytes, segment_bytes);
}

static enum wr_left_out why(void *context, uint64_t seq, uint64_t time_us,
			    const struct wr_record_view *event);

int wr_compact_init(struct wr_compact *c, struct wr_segment_table *table,
		    struct wr_storage *storage, struct wr_memory *memory,
		    const struct wr_compact_options *options)
{
	*c = (struct wr_compact){
		.memory = memory,
		.mask = place_count(options->keys_max) - 1,
		.keys_max = options->keys_max,
		.topics = options->topics,
		.topic_count = options->topic_count,
		.chunk_bytes = table->chunk_bytes,
		.rule = {.why = why, .context = c},
	};
	memcpy(c->secret, options->secret, sizeof c->secret);
	int r = wr_reader_init(&c->reader, table, storage, memory);
	c->keys =
		memory->ops->alloc(memory, (size_t)(c->mask + 1) * sizeof *c->keys, WR_LINE_BYTES);
	c->asked = memory->ops->alloc(memory, c->topic_count * sizeof *c->asked, WR_LINE_BYTES);
	c->buffer = wr_memory_alloc_payload(memory, c->chunk_bytes);
	c->batches = memory->ops->alloc(memory, batches_bytes(c->chunk_bytes), WR_LINE_BYTES);
	if (r == 0 && c->keys != NULL && c->asked != NULL && c->buffer != NULL &&
	    c->batches != NULL)
		return 0;
	wr_compact_fini(c);
	return -ENOMEM;
}

void wr_compact_fini(struct wr_compact *c)
{
	struct wr_memory *memory = c->memory;

	if (memory == NULL)
		return;
	wr_reader_fini(&c->reader, memory);
	if (c->keys != NULL)
		memory->ops->free(memory, c->keys, (size_t)(c->mask + 1) * sizeof *c->keys);
	if (c->asked != NULL)
		memory->ops->free(memory, c->asked, c->topic_count * sizeof *c->asked);
	if (c->batches != NULL)
		memory->ops->free(memory, c->batches, batches_bytes(c->chunk_bytes));
	wr_memory_free_payload(memory, c->buffer, c->chunk_bytes);
	c->memory = NULL;
}

bool wr_compact_is_wanted(const struct wr_compact_options *options)
{
	for (uint32_t i = 0; options->keys_max != 0 && i < options->topic_count; i++)
		if (wr_load_relaxed(&options->topics[i]) != 0)
			return true;
	return false;
}

bool wr_compact_look(struct wr_compact *c)
{
	bool any_joins = false;
	for (uint32_t i = 0; i < c->topic_count; i++) {
		uint64_t policy = wr_load_relaxed(&c->topics[i]);
		any_joins = any_joins || (policy != 0 && c->asked[i] == 0);
		c->asked[i] = policy;
	}
	return any_joins;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* What the topic of an event asks for; 0: it stays, whatever else there is. */
static uint64_t policy_of(const struct wr_compact *c, const struct wr_record *event)
{
	if (event->topic >= c->topic_count || event->key_bytes == 0 ||
	    (event->flags & WR_RECORD_KEYLESS) != 0)
		return 0;
	return c->asked[event->topic];
}

/* The hash of a key; never 0 in its second half, which says that a place is taken. */
static void hash_key(const struct wr_compact *c, const struct wr_record_view *event,
		     uint64_t ret_hash[2])
{
	const struct wr_record *r = event->head;
	bool is_placed = (r->flags & WR_RECORD_PARTITION_EXPLICIT) != 0;
	uint8_t secret[WR_SIPHASH_SECRET_BYTES];

	memcpy(secret, c->secret, sizeof secret);
	wr_put_u32(secret, wr_get_u32(secret) ^ (WR_BUG(KEYS_OF_TOPICS_MEET) ? 0 : r->topic));
	wr_put_u64(secret + 8, wr_get_u64(secret + 8) ^ (is_placed ? r->key_hash + 1ull : 0));
	wr_siphash128(secret, event->key, r->key_bytes, ret_hash);
	ret_hash[1] |= 1;
}

/* The place of the key, or the empty one where it would be: there is one. */
static struct wr_compact_key *place_of(struct wr_compact *c, const uint64_t hash[2])
{
	for (uint64_t at = hash[0] & c->mask;; at = (at + 1) & c->mask) {
		struct wr_compact_key *place = &c->keys[at];
		if (place->hash[1] == 0 || memcmp(place->hash, hash, sizeof place->hash) == 0)
			return place;
	}
}

/* An append time of so many seconds ago, or earlier. */
static bool is_older(const struct wr_compact *c, uint64_t time_us, uint64_t seconds)
{
	return time_us <= c->pass.now_us && c->pass.now_us - time_us >= seconds * US_PER_S;
}

static enum wr_left_out why(void *context, uint64_t seq, uint64_t time_us,
			    const struct wr_record_view *event)
{
	struct wr_compact *c = context;
	uint64_t policy = policy_of(c, event->head), hash[2];

	if (policy == 0 || seq >= c->at_seq)
		return WR_LEFT_OUT_NOT;
	hash_key(c, event, hash);
	const struct wr_compact_key *newest = place_of(c, hash);
	if (newest->seq > seq)
		return WR_LEFT_OUT_COMPACTED;
	bool is_tombstone = (event->head->flags & WR_RECORD_NULL_PAYLOAD) != 0;
	/* Of an earlier pass the newest is not in the table; all older ones went then. */
	bool is_newest = newest->seq == seq || seq < c->pass.from_seq;
	if (is_newest && is_tombstone && !c->keeps_tombstones &&
	    (is_older(c, time_us, policy & UINT32_MAX) || WR_BUG(TOMBSTONES_UNAGED)))
		return WR_LEFT_OUT_COMPACTED;
	return WR_BUG(NEWEST_LEFT_OUT) && newest->seq == seq ? WR_LEFT_OUT_COMPACTED
							     : WR_LEFT_OUT_NOT;
}

/* --- the first half --------------------------------------------------------------------------- */

void wr_compact_begin(struct wr_compact *c, const struct wr_compact_pass *pass)
{
	c->pass = *pass;
	c->at_seq = pass->from_seq;
	c->key_count = 0;
	memset(c->keys, 0, (size_t)(c->mask + 1) * sizeof *c->keys);
}

/* False: the pass ends in front of this event. */
static bool note(struct wr_compact *c, uint64_t seq, uint64_t time_us,
		 const struct wr_record_view *event)
{
	uint64_t policy = policy_of(c, event->head), hash[2];

	if (policy == 0)
		return true;
	/* What is left for a later pass, and all behind it: each is in the table once. */
	if (!is_older(c, time_us, policy >> 32 & WR_COMPACT_SECONDS_MAX) &&
	    !WR_BUG(COMPACTS_THE_YOUNG))
		return false;
	hash_key(c, event, hash);
	struct wr_compact_key *place = place_of(c, hash);
	if (place->hash[1] == 0) {
		if (c->key_count == c->keys_max)
			return false;
		c->key_count++;
		memcpy(place->hash, hash, sizeof place->hash);
	}
	place->seq = seq;
	return true;
}

static bool note_batch(struct wr_compact *c, const struct wr_batch_header *h)
{
	const uint8_t *body = (const uint8_t *)h + WR_BATCH_HEADER_BYTES;
	uint64_t seq = h->first_seq;
	struct wr_record_view view;

	for (uint32_t at = 0;
	     at < h->body_bytes && wr_record_view(body + at, h->body_bytes - at, &view);
	     at += wr_record_stride(view.head->bytes), seq++) {
		if (seq < c->at_seq || seq >= c->pass.end_seq)
			continue;
		if (view.head->kind == WR_KIND_EVENT &&
		    !note(c, seq, h->time_base_us + view.head->time_delta_us, &view))
			return false;
		c->at_seq = seq + 1;
	}
	return true;
}

int wr_compact_step(struct wr_compact *c)
{
	struct wr_extent_view view = {
		.batches = c->batches,
		.batches_max = c->chunk_bytes / WR_BLOCK_BYTES,
	};

	if (c->at_seq >= c->pass.end_seq)
		return 0;
	int r = wr_reader_load(&c->reader, c->at_seq, c->pass.end_seq - 1, c->buffer, &view, NULL);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < view.batch_count; i++)
		if (!note_batch(c, (const void *)(c->buffer + view.batches[i].place_bytes)))
			return 0;
	c->at_seq = wr_max_u64(c->at_seq, wr_min_u64(view.end_seq, c->pass.end_seq));
	return 1;
}
