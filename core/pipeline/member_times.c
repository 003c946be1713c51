/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/member_times.h"

void wr_member_times_begin(struct weir_member *m)
{
	m->delivered = m->handled = m->settled = m->picked_us = 0;
	wr_store_relaxed(&m->delivered_told, 0u);
	wr_store_relaxed(&m->settled_told, 0u);
	wr_sampler_init(&m->delivering);
	wr_sampler_init(&m->handling);
	wr_sampler_init(&m->settling);
}

static void tell(struct weir_member *m, enum wr_time_kind kind, struct wr_sampler *sampler,
		 uint64_t count, uint64_t ns)
{
	struct wr_member_times *t = m->times;
	uint64_t weight = wr_sampler_take(sampler, count, wr_load_relaxed(&m->pipeline->round));

	if (t == NULL)
		return;
	if (wr_spsc_room(&t->ring) == 0) {
		wr_sampler_untake(sampler, weight);
		return;
	}
	t->samples[wr_spsc_push_index(&t->ring, 0)] = (struct wr_time_sample){
		.ns = ns,
		.weight = (uint32_t)wr_min_u64(weight, UINT32_MAX),
		.subscription = m->subscription,
		.kind = kind,
	};
	wr_spsc_push(&t->ring, 1);
}

bool wr_member_times_take(struct wr_member_times *t, struct wr_time_sample *ret_sample)
{
	if (wr_spsc_ready(&t->ring) == 0)
		return false;
	*ret_sample = t->samples[wr_spsc_pop_index(&t->ring, 0)];
	wr_spsc_pop(&t->ring, 1);
	return true;
}

static uint64_t since_append_ns(struct weir_member *m, uint64_t append_time_us)
{
	uint64_t now_us = wr_writer_append_now_us(&m->pipeline->writer);

	return (now_us - wr_min_u64(append_time_us, now_us)) * 1000;
}

uint64_t wr_member_durable_ns(struct weir_member *m, const struct weir_item *item)
{
	struct wr_chunk *chunk = m->chunk;

	/* Of a carried one only its copy stands there. */
	if (m->gate != WEIR_LEVEL_DURABLE || m->place != WR_PLACE_LIVE ||
	    item->sequence < chunk->first_seq)
		return 0;
	uint32_t index = (uint32_t)(item->sequence - chunk->first_seq);
	uint32_t low = 0, high = wr_load_acquire(&chunk->batch_count); /* C3 */
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (chunk->batches[middle].first_index <= index)
			low = middle;
		else
			high = middle;
	}
	return high == 0 ? 0 : wr_load_relaxed(&chunk->durable_ns[low]);
}

void wr_member_tell_delivered(struct weir_member *m, const struct weir_item *items, uint32_t count)
{
	/* Any of them, the first no more than the last: an old one may stand before young ones. */
	const struct weir_item *item = &items[(m->delivered * 0x9e3779b97f4a7c15u >> 32) % count];

	if (item->kind != WEIR_ITEM_EVENT)
		return; /* the next poll's stands for it */
	uint64_t durable_ns = wr_member_durable_ns(m, item);
	uint64_t now_ns = durable_ns != 0 ? wr_clock_mono_ns(m->pipeline->host.clock) : 0;
	uint64_t ns = durable_ns != 0 ? now_ns - wr_min_u64(durable_ns, now_ns)
				      : since_append_ns(m, item->append_time_us);
	tell(m, WR_TIME_DELIVERY, &m->delivering, m->delivered, ns);
}

void wr_member_tell_settled(struct weir_member *m, uint64_t append_time_us)
{
	if (append_time_us != 0) /* else a gap */
		tell(m, WR_TIME_SOJOURN, &m->settling, m->settled,
		     since_append_ns(m, append_time_us));
}

void wr_member_tell_handled(struct weir_member *m, uint64_t ns)
{
	tell(m, WR_TIME_HANDLER, &m->handling, m->handled, ns);
}
