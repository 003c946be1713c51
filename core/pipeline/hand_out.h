/* SPDX-License-Identifier: Apache-2.0 */
/* Filling an item from a record in the chunk where its member stands: both ways to poll do it. */
#ifndef WR_PIPELINE_HAND_OUT_H
#define WR_PIPELINE_HAND_OUT_H

#include "core/base/probe.h"
#include "core/pipeline/pipeline.h"
#include "core/record/recipients.h"

static inline const struct wr_batch_header *wr_member_batch_of(struct weir_member *m,
							       uint32_t index)
{
	struct wr_chunk *chunk = m->chunk;
	uint32_t count = wr_load_acquire(&chunk->batch_count); /* C3 */
	/* A member that was moved back within a chunk starts over. */
	if (chunk->batches[m->batch_index].first_index > index)
		m->batch_index = 0;
	while (m->batch_index + 1 < count &&
	       chunk->batches[m->batch_index + 1].first_index <= index)
		m->batch_index++;
	return (const struct wr_batch_header *)(chunk->readable +
						chunk->batches[m->batch_index].place_bytes);
}

/* What was addressed to the subscription has happened before. */
static inline uint32_t wr_member_replay_flag(const struct wr_record *r)
{
	return WR_UNLIKELY(r->kind == WR_KIND_ADDRESSED) ? WEIR_ITEM_REPLAY : 0;
}

/* All but flags, attempts, generation and from_sequence. */
static inline void wr_member_fill_item(struct weir_member *m, uint32_t index, uint64_t seq,
				       const struct wr_record *r, uint32_t partition,
				       struct weir_item *item)
{
	const struct wr_batch_header *batch = wr_member_batch_of(m, index);
	const uint8_t *key = (const uint8_t *)r + WR_RECORD_HEAD_BYTES + r->option_bytes;
	/* Field by field: zeroing it first costs as much as all the rest. */
	_Static_assert(sizeof *item == 104, "a new field of an item is to be set here, too");
	item->kind = WEIR_ITEM_EVENT;
	item->topic = r->topic;
	item->partition = partition;
	item->log = batch->log_id;
	item->epoch = batch->epoch;
	item->type = r->type;
	item->key_bytes = r->key_bytes;
	item->sequence = seq;
	item->end_sequence = seq + 1;
	item->append_time_us = batch->time_base_us + r->time_delta_us;
	item->key = (r->flags & WR_RECORD_KEYLESS) != 0 || r->key_bytes == 0 ? NULL : key;
	item->payload = (r->flags & WR_RECORD_NULL_PAYLOAD) != 0 ? NULL : key + r->key_bytes;
	item->payload_bytes = r->bytes - WR_RECORD_HEAD_BYTES - r->option_bytes - r->key_bytes;
	item->record_bytes = r->bytes;
	item->record = r;
	WR_PROBE3(delivered, (uintptr_t)m, seq, (uintptr_t)r);
}

#endif
