/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a member owns: partitions that the group assigns to it, asks for, or takes without asking,
 * and the tags by which it finds their events.
 */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/pipeline.h"

static void set_tag(struct weir_member *m, uint32_t row)
{
	const struct wr_member_row *r = &m->rows[row];
	uint32_t tag = (m->pipeline->tables.catalog.topics[r->topic].tag_base + r->partition) &
		       wr_chunks_tag_mask(&m->pipeline->chunks);
	uint64_t bit = 1ull << (tag % 64);
	m->tags[tag / 64] |= bit;
	m->tags_folded |= bit;
}

/* Tags may be shared by several rows (they are cut to their bits): set anew from what is owned. */
static void set_tags(struct weir_member *m)
{
	memset(m->tags, 0, m->tag_words * sizeof *m->tags);
	m->tags_folded = 0;
	for (uint32_t r = 0; r < m->row_count; r++)
		if (m->rows[r].generation != 0 && !m->rows[r].revoked)
			set_tag(m, r);
}

static void take_row(struct weir_member *m, const struct wr_message *message)
{
	struct wr_member_row *row = &m->rows[message->row];
	/* Taken back before it was read. Who does not see it yet stands below the next owner. N3 */
	if (message->generation <= wr_load_relaxed(&m->lost[message->row]) &&
	    !WR_BUG(LOST_ROW_TAKEN))
		return;
	bool first = m->owned_count == 0;
	wr_member_drop_row(m, message->row);
	uint32_t topic = row->topic, partition = row->partition;
	bool dirty = row->dirty;
	uint64_t redelivered_below = message->redelivered ? message->skip_below : 0;
	*row = (struct wr_member_row){
		.generation = message->generation,
		.topic = topic,
		.partition = partition,
		.next_out = wr_max_u64(message->position, message->skip_to),
		.next_from = message->position,
		.acked = message->position,
		.flushed = message->position,
		/* A seek does not stop the owner: it may have been handed out more meanwhile. */
		.redelivered_below = wr_max_u64(redelivered_below, row->next_from),
		.first_ticket = m->lane->handed_over + 1,
		.dirty = dirty,
	};
	m->owned_count++;
	set_tag(m, message->row);
	wr_member_take_tried(m, message->row);
	if (first || row->next_out < m->scan_seq) {
		m->return_seq = 0; /* the row needs all from here on */
		wr_member_move_to(m, row->next_out);
	}
	row->behind = row->next_out < m->return_seq; /* it was not read when that was passed */
	/* Before the message is taken (Q2): from then on the group goes by what is read here. */
	if (m->scan_seq < wr_load_relaxed(&m->reading_seq)) /* own */
		wr_store_relaxed(&m->reading_seq, m->scan_seq);
}

/* Nothing more is handed out of it. False: its acks do not fit the lane yet. */
static bool let_go_row(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	wr_member_pass_row(m, row_index); /* scanning goes on without it */
	row->revoked = true;
	/* Its acks first: what is dirty must be in the lane before it is let go. */
	if (row->dirty && row->acked > row->flushed && wr_member_flush(m) > 0 && row->dirty)
		return false;
	wr_member_drop_row(m, row_index);
	return true;
}

static bool release_row(struct weir_member *m, uint32_t row_index)
{
	uint32_t generation = m->rows[row_index].generation;
	if (!let_go_row(m, row_index))
		return false;
	m->to_group[wr_spsc_push_index(&m->to_group_ring, 0)] = (struct wr_message){
		.kind = WR_MESSAGE_RELEASED,
		.row = row_index,
		.generation = generation,
		.lane_place = m->lane->write_at,
	};
	wr_spsc_push(&m->to_group_ring, 1);
	struct weir_pipeline *p = m->pipeline;
	wr_publish_u64(&m->released, ++m->released_own); /* N2 */
	wr_park_notify(&p->group_parker);
	return true;
}

/*
 * Rows that were moved forward, by a seek, all begin behind where the member stands: it goes there
 * at once. What lies between is nobody's, and may be what they were moved over because it cannot be
 * read.
 */
static void move_on(struct weir_member *m)
{
	uint64_t least = UINT64_MAX;
	for (uint32_t r = 0; r < m->row_count; r++)
		if (m->rows[r].generation != 0 && !m->rows[r].revoked)
			least = wr_min_u64(least, m->rows[r].next_out);
	if (least != UINT64_MAX && least > m->scan_seq)
		wr_member_move_to(m, least);
}

/*
 * What was taken from the member without asking it, and stands in no message, since it may have no
 * room for one.
 */
static void lose_rows(struct weir_member *m)
{
	/* N3: pairs with port_lost(). Behind the load of the gate that is polled up to. */
	uint64_t losses = wr_load_acquire(&m->losses);
	if (losses == m->losses_seen)
		return;
	bool all_gone = true;
	for (uint32_t r = 0; r < m->row_count; r++) {
		uint32_t generation = m->rows[r].generation;
		if (generation != 0 && generation <= wr_load_relaxed(&m->lost[r])) /* N3 */
			all_gone &= let_go_row(m, r);
	}
	set_tags(m);
	if (all_gone)
		m->losses_seen = losses;
}

/* The group was too slow: what is nowhere is handed out by nobody, before a seek. */
static bool has_detached(const struct weir_member *m)
{
	for (uint32_t r = 0; r < m->row_count; r++)
		if (m->rows[r].generation != 0 && !m->rows[r].revoked &&
		    wr_position_is_detached(m->rows[r].next_from))
			return true;
	return false;
}

void wr_member_take_messages(struct weir_member *m)
{
	bool changed = false, assigned = false;
	lose_rows(m);
	while (wr_spsc_ready(&m->to_member_ring) > 0) {
		const struct wr_message *message =
			&m->to_member[wr_spsc_pop_index(&m->to_member_ring, 0)];
		struct wr_member_row *row = &m->rows[message->row];
		if (message->kind == WR_MESSAGE_ASSIGN) {
			take_row(m, message);
			assigned = true;
		} else if (row->generation == message->generation) {
			changed = true;
			if (!release_row(m, message->row))
				break;
		}
		wr_spsc_pop(&m->to_member_ring, 1);
	}
	if (changed)
		set_tags(m);
	if (assigned)
		move_on(m);
	if (assigned || m->detached)
		m->detached = has_detached(m);
}

void wr_member_set_back(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	row->redelivered_below = wr_max_u64(row->redelivered_below, row->next_from);
	/* Else they would move it on over what is to be handed out again. */
	if (!WR_BUG(REWOUND_KEEPS_PIECES))
		(void)wr_member_drop_pieces(m, row_index);
	row->next_out = row->next_from = row->acked;
	row->handed_events = row->acked_events;
	row->handed_bytes = row->acked_bytes;
	wr_member_untry(m, row_index);
}

void wr_member_rewind_rows(struct weir_member *m)
{
	uint64_t least = m->scan_seq;
	if (WR_LIKELY(!m->rewinds))
		return;
	m->rewinds = false;
	for (uint32_t r = 0; r < m->row_count; r++) {
		struct wr_member_row *row = &m->rows[r];
		bool rewinds = row->rewinds;
		row->rewinds = row->told_lost = false;
		if (!rewinds || row->generation == 0 || row->revoked ||
		    row->acked == row->next_from)
			continue;
		wr_member_set_back(m, r);
		row->behind = row->acked < m->return_seq;
		least = wr_min_u64(least, row->acked);
	}
	if (least < m->scan_seq) {
		m->return_seq = 0;
		wr_member_move_to(m, least);
	}
	/* As in take_row(). */
	if (m->scan_seq < wr_load_relaxed(&m->reading_seq)) /* own */
		wr_store_relaxed(&m->reading_seq, m->scan_seq);
}

int weir_member_rewind(struct weir_member *m)
{
	if (m->sharing != NULL)
		return -EINVAL;
	if (m->in_transaction || m->handler != NULL)
		return -EBUSY;
	m->rewinds = true;
	for (uint32_t r = 0; r < m->row_count; r++)
		m->rows[r].rewinds = m->rows[r].generation != 0;
	return 0;
}

int weir_member_assignments(struct weir_member *m, struct weir_assignment *assignments,
			    size_t assignments_max)
{
	size_t count = 0;
	for (uint32_t r = 0; r < m->row_count; r++) {
		const struct wr_member_row *row = &m->rows[r];
		if (row->generation == 0 || row->revoked)
			continue;
		if (count < assignments_max)
			assignments[count] = (struct weir_assignment){
				.topic = row->topic,
				.partition = row->partition,
				.generation = row->generation,
				.position = wr_position_stood(row->acked),
			};
		count++;
	}
	return (int)count;
}
