/* SPDX-License-Identifier: Apache-2.0 */
/* What a close needs of the core: whether all is drained, the clean end, the report. */
#include "core/pipeline/pipeline.h"

static uint64_t undecided_bytes(struct weir_pipeline *p)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < p->lane_count; i++) {
		struct wr_lane *lane = &p->lanes[i];
		uint32_t state = wr_load_acquire(&lane->state); /* S1 */
		if (state == WR_LANE_OPEN || state == WR_LANE_CLOSING)
			bytes += wr_load_acquire(&lane->tail) - /* A1 */
				 wr_load_acquire(&lane->head);  /* A2 */
	}
	return bytes;
}

bool wr_pipeline_drained(struct weir_pipeline *p)
{
	bool failed = p->journal != NULL && wr_load_acquire(&p->link.failed) != 0; /* D1 */
	if (!failed && undecided_bytes(p) > 0)
		return false;
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		struct weir_member *m = &p->members[i];
		if (m->handler != NULL && wr_load_acquire(&m->state) == WR_MEMBER_JOINED && /* M1 */
		    wr_load_acquire(&m->handler_end) == 0)                                  /* M2 */
			return false;
	}
	if (p->journal == NULL || failed)
		return true;
	return wr_load_acquire(&p->link.durable_seq) >= wr_writer_visible_seq(&p->writer); /* D1 */
}

/*
 * Events in lanes that were not taken: records from head to tail, runs counted by their heads.
 * Nobody writes to them any more.
 */
static uint64_t count_left(struct wr_lane *lane)
{
	uint64_t count = 0;
	uint64_t at = wr_load_acquire(&lane->head);  /* A2 */
	uint64_t end = wr_load_acquire(&lane->tail); /* A1 */
	while (at + WR_RECORD_HEAD_BYTES <= end) {
		struct wr_record r;
		memcpy(&r, wr_lane_at(lane, at), sizeof r);
		if (r.kind == WR_KIND_RUN) {
			count += r.topic;
			at += WR_RECORD_HEAD_BYTES + (uint64_t)r.key_hash;
			continue;
		}
		if (r.bytes < WR_RECORD_HEAD_BYTES)
			break;
		count += r.kind == WR_KIND_EVENT ? 1 : 0;
		at += wr_record_stride(r.bytes);
	}
	return count;
}

void wr_pipeline_close_report(struct weir_pipeline *p, struct weir_close_report *report)
{
	for (uint32_t i = 0; i < p->lane_count; i++) {
		uint32_t state = wr_load_acquire(&p->lanes[i].state); /* S1 */
		if (state == WR_LANE_OPEN || state == WR_LANE_CLOSING)
			report->dropped_events += count_left(&p->lanes[i]);
	}
	if (p->journal != NULL)
		report->undurable_events = wr_writer_visible_seq(&p->writer) -
					   wr_load_acquire(&p->link.durable_seq); /* D1 */
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	for (uint32_t id = 0; id < count; id++) {
		struct weir_lag lag;
		if (weir_lag(p, id, &lag) == 0)
			report->unread_events += lag.events;
	}
	for (uint32_t i = 0; i < p->options.members_max; i++)
		if (wr_load_acquire(&p->chunks.pins[i].value) != WR_PIN_NONE) /* P5 */
			report->borrowed_members++;
}

bool wr_pipeline_finish(struct weir_pipeline *p)
{
	if (p->journal == NULL || wr_load_acquire(&p->link.failed) != 0) /* D1 */
		return true;
	wr_journal_closing(p->journal);
	return wr_writer_finish(&p->writer) != 0 && wr_journal_is_idle(p->journal);
}

int wr_pipeline_close_clean(struct weir_pipeline *p)
{
	if (p->journal == NULL)
		return 0;
	if (wr_load_acquire(&p->link.failed) != 0) /* D1 */
		return WEIR_E_FAILED;
	const struct wr_writer *w = &p->writer;
	return wr_journal_close_clean(p->journal, w->next_seq - 1, w->last_segment_id,
				      w->last_end_offset, w->chain);
}

bool wr_pipeline_keep_borrowed(struct weir_pipeline *p)
{
	uint32_t borrowed = 1;
	for (uint32_t i = 0; i < p->options.members_max; i++)
		if (wr_load_acquire(&p->chunks.pins[i].value) != WR_PIN_NONE) /* P5 */
			borrowed++;
	/* Members give back only after `closed` is set, so that the count is whole by then. */
	wr_store_seq(&p->borrowed, borrowed);
	wr_store_seq(&p->closed, 1u);             /* Z1 */
	return wr_sub_seq(&p->borrowed, 1u) == 1; /* Z1 */
}

void wr_pipeline_give_back(struct weir_member *m)
{
	struct weir_pipeline *p = m->pipeline;
	if (wr_load_seq(&p->closed) == 0) { /* Z1 */
		wr_member_unpin(m);
		return;
	}
	if (m->place == WR_PLACE_NONE)
		return;
	m->place = WR_PLACE_NONE;
	if (wr_sub_seq(&p->borrowed, 1u) == 1) /* Z1 */
		p->host.release(p->host.context);
}
