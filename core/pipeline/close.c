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

static bool handlers_ended(struct weir_pipeline *p)
{
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		struct weir_member *m = &p->members[i];
		if (wr_load_acquire(&m->state) == WR_MEMBER_JOINED && m->handler != NULL && /* M1 */
		    wr_load_acquire(&m->handler_end) != 2)                                  /* M2 */
			return false;
	}
	return true;
}

/*
 * In the order in which things move on: a handler that ends hands its last acknowledgements to its
 * lane, a lane that is empty has all of it in the log, and what is in the log gets durable. Looked
 * at in another order, what moves on between two looks is not seen by either.
 */
bool wr_pipeline_drained(struct weir_pipeline *p)
{
	bool failed = p->journal != NULL && wr_load_acquire(&p->link.failed) != 0; /* D1 */
	if (!handlers_ended(p) || (!failed && undecided_bytes(p) > 0))
		return false;
	if (p->journal == NULL || failed)
		return true;
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	return wr_load_acquire(&p->link.durable_seq) >= visible; /* D1 */
}

/*
 * Events in lanes that were not taken: records from head to tail, runs counted by their heads.
 * Nobody writes to them any more. What weir did not write ends the count (L5).
 */
static uint64_t count_left(struct wr_lane *lane)
{
	uint64_t count = 0;
	uint64_t at = wr_load_acquire(&lane->head);  /* A2 */
	uint64_t end = wr_load_acquire(&lane->tail); /* A1 */
	if (end - at > lane->capacity_bytes)
		return 0;
	while (end - at >= WR_RECORD_HEAD_BYTES) {
		struct wr_record r;
		memcpy(&r, wr_lane_at(lane, at), sizeof r);
		struct wr_run_head run;
		bool is_run = wr_run_head_read(&r, &run);
		uint64_t bytes = is_run ? WR_RECORD_HEAD_BYTES + (uint64_t)run.record_bytes
					: wr_round_up(r.bytes, WR_RECORD_ALIGN);
		if (bytes < WR_RECORD_HEAD_BYTES || bytes > end - at)
			break;
		count += is_run ? run.record_count : r.kind == WR_KIND_EVENT ? 1 : 0;
		at += bytes;
	}
	return count;
}

/*
 * Somebody else than the closing thread may still look at what this member polled. Handlers have
 * ended by now.
 */
static bool is_borrowed(struct weir_pipeline *p, uint32_t slot)
{
	return wr_load_acquire(&p->chunks.pins[slot].value) != WR_PIN_NONE && /* P5 */
	       p->members[slot].handler == NULL &&
	       p->members[slot].poller != p->host.thread(p->host.context);
}

bool wr_pipeline_polls_ended(struct weir_pipeline *p)
{
	for (uint32_t i = 0; i < p->options.members_max; i++)
		if (wr_load_seq(&p->members[i].inside) != 0) /* Y2 */
			return false;
	return true;
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
		report->borrowed_members += is_borrowed(p, i) ? 1 : 0;
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
	/* More than there can be, so that nobody takes it to 0 before all are counted. */
	uint32_t bound = p->options.members_max + 1;
	uint32_t counted = 0;
	wr_store_seq(&p->borrowed, bound); /* Z1: published by `closed` and by `lent` */
	wr_store_seq(&p->closed, 1u);      /* Z1 */
	for (uint32_t i = 0; i < p->options.members_max; i++) {
		if (!is_borrowed(p, i))
			continue;
		wr_atomic_u32 *lent = &p->members[i].lent;
		uint32_t before = wr_exchange_acq_rel(lent, (uint32_t)WR_LENT_COUNTED); /* Z1 */
		counted += before == WR_LENT ? 1 : 0;
	}
	return wr_sub_seq(&p->borrowed, bound - counted) == bound - counted; /* Z1 */
}

void wr_pipeline_give_back(struct weir_member *m)
{
	struct weir_pipeline *p = m->pipeline;
	if (m->place == WR_PLACE_NONE)
		return;
	m->place = WR_PLACE_NONE;
	/* The pin stays: the close counts by it, and then finds that it came back already. */
	uint32_t before = wr_exchange_acq_rel(&m->lent, (uint32_t)WR_LENT_BACK); /* Z1 */
	if (before != WR_LENT_COUNTED)
		return;                        /* nothing is touched after this */
	if (wr_sub_seq(&p->borrowed, 1u) == 1) /* Z1 */
		p->host.release(p->host.context);
}
