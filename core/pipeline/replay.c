/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going on with a replay. A chunk that is in memory is read there; else its extent is read from
 * disk and verified, by this thread. What is in neither was taken by retention, or overrun: a gap.
 */
#include "core/pipeline/replay.h"

#include <errno.h>

#include "core/base/deadline.h"
#include "core/pipeline/span_notes.h"

#define SECOND_NS 1000000000u
#define LOOK_AGAIN_NS 1000000u

/* ---- where ---- */

/* What is between here and the oldest that there still is. */
static void note_gap(struct weir_replay *r, uint64_t oldest)
{
	if (oldest > r->slot->scan_seq)
		r->gap_end = wr_min_u64(oldest, r->end_seq);
}

static int find_on_disk(struct weir_replay *r)
{
	struct weir_member *m = r->slot;
	struct weir_pipeline *p = m->pipeline;
	if (wr_catchup_holds(&r->catchup, m->scan_seq) == 0) {
		struct weir_problem problem = {0};
		int rc = wr_catchup_load(&r->catchup, &r->reader, &p->tables.catalog, m->scan_seq,
					 wr_load_acquire(&p->link.durable_seq), /* D1 */
					 NULL, 0, &problem);
		if (rc == WEIR_E_TRUNCATED) {
			note_gap(r, wr_segment_oldest_seq(&p->segments));
			return 0;
		}
		if (rc != 0) {
			if (problem.code == 0)
				(void)wr_problem_set(&problem, rc, "", weir_strerror(rc));
			r->problem = problem;
			return rc;
		}
	}
	struct wr_catchup_slot *slot = wr_catchup_pin(&r->catchup, m->pin, m->scan_seq);
	if (slot != NULL)
		wr_member_stand_in(m, WR_PLACE_CATCHUP, &slot->chunk);
	return 0;
}

/* Stands in the chunk of scan_seq afterwards; or a gap is to be told; or it has to look again. */
static int find_chunk(struct weir_replay *r)
{
	struct weir_member *m = r->slot;
	uint64_t oldest;
	if (wr_member_find_live(m))
		return 0;
	if (m->pipeline->journal != NULL)
		return find_on_disk(r);
	if (wr_member_oldest_in_memory(m, &oldest))
		note_gap(r, oldest);
	return 0;
}

/* ---- how fast ---- */

/* When this item may go, the first one at once. */
static uint64_t due_ns(struct weir_replay *r, const struct weir_item *item)
{
	uint64_t events = r->progress.events, due = 0;
	uint32_t rate = r->options.per_second, pace = r->options.pace_percent;
	if (events == 0) {
		r->began_ns = wr_clock_mono_ns(r->slot->pipeline->host.clock);
		r->first_time_us = item->append_time_us;
		return 0;
	}
	if (rate != 0)
		due = wr_deadline_ns(r->began_ns,
				     events / rate * SECOND_NS + events % rate * SECOND_NS / rate);
	if (pace != 0) {
		/* In µs first: centuries at one per cent fit. */
		uint64_t after_us = item->append_time_us - r->first_time_us;
		uint64_t paced_us = after_us / pace * 100 + after_us % pace * 100 / pace;
		uint64_t paced_ns = paced_us > UINT64_MAX / 1000 ? UINT64_MAX : paced_us * 1000;
		due = wr_max_u64(due, wr_deadline_ns(r->began_ns, paced_ns));
	}
	return due;
}

/* ---- reading ---- */

static uint32_t hand_out_gap(struct weir_replay *r, struct weir_item *item)
{
	struct weir_member *m = r->slot;
	*item = (struct weir_item){
		.kind = WEIR_ITEM_GAP,
		.flags = m->scan_seq < r->replay_end ? WEIR_ITEM_REPLAY : 0,
		.topic = UINT32_MAX,
		.partition = UINT32_MAX,
		.sequence = m->scan_seq,
		.end_sequence = r->gap_end,
		.from_sequence = m->scan_seq,
	};
	m->scan_seq = r->gap_end;
	r->gap_end = 0;
	r->progress.gaps++;
	return 1;
}

/* Nothing that follows is in the range. */
static void end_here(struct weir_replay *r)
{
	r->end_seq = r->slot->scan_seq;
}

static void note_kind(struct weir_replay *r, uint32_t index)
{
	const struct wr_chunk *chunk = r->slot->chunk;
	uint32_t place = wr_column_place(&r->slot->pipeline->chunks, chunk->column[index]);
	r->kind = ((const struct wr_record *)(chunk->readable + place))->kind;
}

/*
 * Through the chunk up to `limit`: items, or why the filter failed on the record at scan_seq. Ends
 * early when an item is not due yet: r->due_ns says when.
 */
static int scan(struct weir_replay *r, uint64_t limit, struct weir_item *items, uint32_t items_max)
{
	struct weir_member *m = r->slot;
	const uint32_t *column = m->chunk->column;
	uint32_t tag_mask = wr_chunks_tag_mask(&m->pipeline->chunks);
	bool is_paced = r->options.per_second != 0 || r->options.pace_percent != 0;
	uint64_t now_ns = is_paced ? wr_clock_mono_ns(m->pipeline->host.clock) : 0;
	uint32_t count = 0;
	for (; m->scan_seq < limit && count < items_max; m->scan_seq++) {
		uint32_t index = (uint32_t)(m->scan_seq - m->chunk->first_seq);
		uint32_t tag = column[index] & tag_mask;
		if (((r->tags[tag / 64] >> (tag % 64)) & 1) == 0) {
			if (WR_UNLIKELY(r->asks_kind))
				note_kind(r, index);
			continue;
		}
		int wanted = wr_replay_wants(r, index, &items[count]);
		if (wanted < 0 && count > 0)
			break; /* what was found first; it is tried again */
		if (wanted == WEIR_E_TOO_BIG)
			m->scan_seq++;
		if (wanted < 0)
			return wanted;
		if (wanted == WR_REPLAY_BEHIND) {
			end_here(r);
			break;
		}
		if (wanted == 0)
			continue;
		uint64_t due = is_paced ? due_ns(r, &items[count]) : 0;
		if (due > now_ns) {
			r->due_ns = due;
			break;
		}
		r->progress.events++;
		count++;
	}
	return (int)count;
}

/* Items; 0: nothing in this chunk, or none is due; negative. */
static int read_chunk(struct weir_replay *r, uint64_t gate_seq, struct weir_item *items,
		      uint32_t items_max)
{
	struct weir_member *m = r->slot;
	if (m->place == WR_PLACE_NONE) {
		int rc = find_chunk(r);
		if (rc != 0)
			return rc;
		if (r->gap_end != 0)
			return (int)hand_out_gap(r, items);
		if (m->place == WR_PLACE_NONE) {
			/* On its way from memory to disk, or from disk to nowhere. */
			r->due_ns = wr_clock_mono_ns(m->pipeline->host.clock) + LOOK_AGAIN_NS;
			return 0;
		}
	}
	uint64_t limit = wr_min_u64(wr_member_chunk_limit(m, gate_seq), r->end_seq);
	int count = limit > m->scan_seq ? scan(r, limit, items, items_max) : 0;
	if (count == 0 && r->due_ns == 0 && m->scan_seq < r->end_seq)
		(void)wr_member_leave_chunk(m);
	return count;
}

/* ---- the public door ---- */

static bool is_done(const struct weir_replay *r)
{
	return r->slot->scan_seq >= r->end_seq;
}

static bool has_more(void *context)
{
	struct weir_replay *r = context;
	return wr_pipeline_gate_seq(r->slot->pipeline, r->options.gate) >= r->slot->scan_seq;
}

static bool never(void *context)
{
	(void)context;
	return false;
}

/* Waits for the time of the next item, or for one to come. 0: look again; or what ends the call. */
static int wait_for_more(struct weir_replay *r, uint64_t now_ns, uint64_t left_ns)
{
	struct weir_member *m = r->slot;
	bool for_time = r->due_ns != 0;
	if (for_time)
		left_ns = wr_min_u64(left_ns, r->due_ns > now_ns ? r->due_ns - now_ns : 1);
	int rc = wr_pipeline_wait(m->pipeline, m->gate_parker, for_time ? never : has_more, r,
				  left_ns);
	return rc == -ETIMEDOUT ? 0 : rc;
}

static int next_inside(struct weir_replay *r, struct weir_item *items, uint32_t items_max,
		       uint64_t timeout_ns)
{
	struct weir_member *m = r->slot;
	struct weir_pipeline *p = m->pipeline;
	uint64_t now_ns = wr_clock_mono_ns(p->host.clock);
	uint64_t until_ns = wr_deadline_ns(now_ns, timeout_ns);
	m->poller = p->host.thread(p->host.context);
	for (;;) {
		int rc = 0;
		uint64_t gate_seq = wr_pipeline_gate_seq(p, r->options.gate);
		r->due_ns = 0;
		if (is_done(r))
			return 0;
		bool is_there = m->scan_seq <= gate_seq;
		if (is_there)
			rc = read_chunk(r, gate_seq, items, items_max);
		if (rc != 0)
			return rc;
		now_ns = wr_clock_mono_ns(p->host.clock);
		if (is_done(r) || now_ns >= until_ns)
			return 0;
		if (is_there && r->due_ns == 0)
			continue;
		rc = wait_for_more(r, now_ns, until_ns - now_ns);
		if (rc == WEIR_E_CLOSED)
			wr_member_unpin(m); /* it stood in a chunk, and does not come again */
		if (rc != 0)
			return rc;
	}
}

int weir_replay_next(struct weir_replay *r, struct weir_item *items, size_t items_max,
		     uint64_t timeout_ns)
{
	struct weir_member *m = r->slot;
	if (items_max == 0 || items_max > 65536)
		return -EINVAL;
	if (m->pipeline->host.inside_step(m->pipeline->host.context))
		return WEIR_E_AGAIN;
	if (!wr_member_begin_call(m))
		return WEIR_E_CLOSED;
	wr_span_all_ended(m); /* what it had is lent no more */
	int rc = next_inside(r, items, (uint32_t)items_max, timeout_ns);
	if (rc > 0)
		wr_span_delivered(m, items, (uint32_t)rc);
	wr_member_end_call(m);
	return rc;
}

static int kind_of(const struct weir_replay *r)
{
	/* Of what has left its segment a record that says so stands there. */
	return r->kind == 0 || r->kind == WR_KIND_LEFT_OUT ? WEIR_SEQUENCE_GONE
							   : WEIR_SEQUENCE_OTHER;
}

int weir_sequence_look(struct weir_pipeline *p, uint64_t sequence, uint64_t timeout_ns)
{
	struct weir_replay_options options;
	struct weir_replay *r;
	struct weir_item item;
	if (sequence == 0 || sequence == UINT64_MAX)
		return -EINVAL;
	weir_replay_options_init(&options);
	options.from_sequence = sequence;
	options.end_sequence = sequence + 1;
	int rc = weir_replay_open(p, &options, &r, NULL);
	if (rc < 0)
		return rc;
	r->asks_kind = true;
	rc = weir_replay_next(r, &item, 1, timeout_ns);
	if (rc == 1)
		rc = item.kind == WEIR_ITEM_EVENT ? WEIR_SEQUENCE_EVENT : WEIR_SEQUENCE_GONE;
	else if (rc == 0)
		rc = is_done(r) ? kind_of(r) : -ETIMEDOUT;
	weir_replay_close(r);
	return rc;
}

void weir_replay_progress(const struct weir_replay *r, struct weir_replay_progress *ret_progress)
{
	*ret_progress = r->progress;
	ret_progress->next_sequence = r->slot->scan_seq;
	ret_progress->end_sequence = r->end_seq;
	ret_progress->done = is_done(r);
}

void weir_replay_problem(const struct weir_replay *r, struct weir_problem *ret_problem)
{
	*ret_problem = r->problem;
}
