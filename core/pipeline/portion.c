/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/portion.h"

#include <errno.h>

#include "core/pipeline/catchup.h"
#include "core/record/recipients.h"

bool wr_portion_find(struct weir_pipeline *p, struct wr_pin *pin, uint64_t seq, uint64_t visible,
		     struct wr_portion *ret)
{
	uint64_t ordinal;
	*ret = (struct wr_portion){0};
	if (wr_chunks_find(&p->chunks, pin, seq, &ordinal)) {
		struct wr_chunk *chunk = wr_chunks_pin(&p->chunks, pin, ordinal);
		if (chunk == NULL)
			return false;
		*ret = (struct wr_portion){.chunk = chunk, .end_seq = wr_chunk_end(chunk, visible)};
		return true;
	}
	if (p->catchup == NULL)
		return false;
	uint64_t durable = wr_load_acquire(&p->link.durable_seq); /* D1 */
	struct weir_problem problem;
	if (wr_catchup_holds(p->catchup, seq) == 0) {
		/* What members wait for stays: they would ask again for ever. */
		int rc = wr_catchup_load(p->catchup, &p->reader, &p->tables.catalog, seq, durable,
					 p->wanted, p->wanted_count, &problem);
		ret->unreadable = rc != 0 && rc != -EAGAIN;
		ret->code = rc;
		if (rc != 0)
			return false;
	}
	struct wr_catchup_slot *slot = wr_catchup_pin(p->catchup, pin, seq);
	if (slot == NULL)
		return false;
	*ret = (struct wr_portion){
		.chunk = &slot->chunk,
		.end_seq = wr_min_u64(wr_load_relaxed(&slot->chunk.end_seq), visible + 1),
	};
	return true;
}

bool wr_portion_find_for(struct weir_pipeline *p, struct wr_subscription_live *live,
			 struct wr_pin *pin, uint64_t seq, uint64_t visible, struct wr_portion *ret)
{
	struct wr_route *route = wr_route_of(live);
	if (!wr_portion_find(p, pin, seq, visible, ret))
		return false;
	if (route == NULL)
		return true;
	uint32_t slot = ret->chunk->slot;
	if (ret->chunk == &p->chunks.chunks[slot]) {
		ret->wanted = wr_route_live_bits(route, slot);
		ret->end_seq = wr_min_u64(ret->end_seq, wr_route_live_end(route, ret->chunk));
	} else {
		(void)wr_router_prepare(p, seq);
		ret->wanted = wr_route_behind_bits(route, slot);
	}
	if (ret->end_seq > seq)
		return true;
	wr_chunks_unpin(pin);
	return false;
}

const struct wr_record *wr_portion_record(struct weir_pipeline *p, const struct wr_chunk *chunk,
					  uint64_t seq)
{
	uint32_t entry = chunk->column[seq - chunk->first_seq];
	return (const struct wr_record *)(chunk->readable + wr_column_place(&p->chunks, entry));
}

const struct wr_batch_header *wr_portion_batch(struct wr_chunk *chunk, uint64_t seq)
{
	uint32_t index = (uint32_t)(seq - chunk->first_seq);
	uint32_t count = wr_load_acquire(&chunk->batch_count); /* C3 */
	uint32_t b = 0;
	while (b + 1 < count && chunk->batches[b + 1].first_index <= index)
		b++;
	return (const struct wr_batch_header *)(chunk->readable + chunk->batches[b].place_bytes);
}

uint64_t wr_portion_time_us(struct wr_chunk *chunk, uint64_t seq, const struct wr_record *r)
{
	return wr_portion_batch(chunk, seq)->time_base_us + r->time_delta_us;
}

uint64_t wr_portion_oldest_seq(struct weir_pipeline *p, struct wr_pin *pin)
{
	struct wr_chunks *chunks = &p->chunks;
	if (p->journal != NULL)
		return wr_max_u64(wr_segment_oldest_seq(&p->segments), 1);
	uint64_t head = wr_load_acquire(&chunks->head);                     /* C1 */
	for (uint64_t o = wr_load_acquire(&chunks->floor); o < head; o++) { /* the pin decides */
		struct wr_chunk *chunk = wr_chunks_pin(chunks, pin, o);
		if (chunk == NULL)
			continue;
		uint64_t seq = chunk->first_seq;
		wr_chunks_unpin(pin);
		return seq;
	}
	return UINT64_MAX;
}

uint32_t wr_portion_row(struct weir_pipeline *p, const struct wr_subscription_live *live,
			const struct wr_record *r, uint64_t seq)
{
	if (!wr_record_is_for(r, live->id) || r->topic >= p->options.topics_max ||
	    live->row_of_topic[r->topic] == UINT32_MAX)
		return UINT32_MAX;
	return live->row_of_topic[r->topic] +
	       wr_topic_partition(&p->tables.catalog.topics[r->topic], r, seq);
}
