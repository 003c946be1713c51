/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acknowledging: items move a row's `acked` on as far as they are contiguous; what comes out of
 * order waits as a piece. Flushing turns the difference between `acked` and `flushed` into one
 * progress record a row, in the member's lane.
 */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/sharing.h"

static void mark_dirty(struct weir_member *m, uint32_t row)
{
	if (m->rows[row].dirty)
		return;
	m->rows[row].dirty = true;
	m->dirty[m->dirty_count++] = row;
}

/* Pieces that now begin at the row's acked position are taken in, until none does. */
static void join_pieces(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	for (uint32_t i = 0; i < m->piece_count;) {
		struct wr_ack_piece *piece = &m->pieces[i];
		if (piece->row != row_index || piece->from != row->acked) {
			i++;
			continue;
		}
		row->acked = piece->to;
		row->acked_events += piece->events;
		row->acked_bytes += piece->bytes;
		*piece = m->pieces[--m->piece_count];
		i = 0;
	}
}

/* Two pieces of a row that have come to touch are one. */
static void merge_pieces(struct weir_member *m, struct wr_ack_piece *piece)
{
	for (uint32_t i = 0; i < m->piece_count; i++) {
		struct wr_ack_piece *other = &m->pieces[i];
		if (other->row != piece->row ||
		    (other->to != piece->from && other->from != piece->to))
			continue;
		piece->from = wr_min_u64(piece->from, other->from);
		piece->to = wr_max_u64(piece->to, other->to);
		piece->events += other->events;
		piece->bytes += other->bytes;
		*other = m->pieces[--m->piece_count];
		return;
	}
}

/* An ack out of order: grows a piece that it touches, or begins one. */
static int add_piece(struct weir_member *m, uint32_t row_index, const struct weir_item *item,
		     uint64_t events)
{
	struct wr_ack_piece *touched = NULL;
	for (uint32_t i = 0; i < m->piece_count; i++) {
		struct wr_ack_piece *piece = &m->pieces[i];
		if (piece->row != row_index)
			continue;
		if (item->from_sequence >= piece->from && item->from_sequence < piece->to)
			return 0; /* acknowledged before */
		if (piece->to == item->from_sequence) {
			piece->to = item->end_sequence;
			touched = piece;
			break;
		}
		if (piece->from == item->end_sequence) {
			piece->from = item->from_sequence;
			touched = piece;
			break;
		}
	}
	if (touched == NULL) {
		if (m->piece_count == m->piece_max)
			return WEIR_E_FULL;
		touched = &m->pieces[m->piece_count++];
		*touched = (struct wr_ack_piece){
			.row = row_index,
			.from = item->from_sequence,
			.to = item->end_sequence,
		};
	}
	touched->events += events;
	touched->bytes += item->record_bytes;
	merge_pieces(m, touched);
	return 0;
}

int weir_ack(struct weir_member *m, const struct weir_item *item)
{
	struct weir_pipeline *p = m->pipeline;
	if (m->sharing != NULL)
		return wr_sharing_ack(m, item);
	if (item->topic >= p->options.topics_max || item->generation == 0 ||
	    (unsigned)item->kind - WEIR_ITEM_EVENT > WEIR_ITEM_LOSS - WEIR_ITEM_EVENT)
		return -EINVAL; /* nothing that a poll handed out */
	uint32_t first = p->subscriptions[m->subscription].row_of_topic[item->topic];
	if (first == UINT32_MAX ||
	    item->partition >= p->tables.catalog.topics[item->topic].partitions)
		return -EINVAL;
	uint32_t row_index = first + item->partition;
	struct wr_member_row *row = &m->rows[row_index];
	if (row->generation != item->generation)
		return WEIR_E_FENCED;
	if (item->end_sequence > row->next_from)
		return -EINVAL; /* never handed out */
	if (item->end_sequence <= row->acked)
		return 0; /* acknowledged before */
	uint64_t events = item->kind == WEIR_ITEM_EVENT ? 1 : 0;
	if (item->from_sequence != row->acked && !WR_BUG(ACK_OVER_A_HOLE))
		return add_piece(m, row_index, item, events);
	row->acked = item->end_sequence;
	row->acked_events += events;
	row->acked_bytes += item->record_bytes;
	if (WR_UNLIKELY(m->piece_count > 0))
		join_pieces(m, row_index);
	mark_dirty(m, row_index);
	return 0;
}

int weir_ack_all(struct weir_member *m)
{
	if (m->sharing != NULL)
		return wr_sharing_ack_all(m);
	for (uint32_t i = 0; i < m->row_count; i++) {
		struct wr_member_row *row = &m->rows[i];
		if (row->generation == 0 || row->acked == row->next_from)
			continue;
		row->acked = row->next_from;
		row->acked_events = row->handed_events;
		row->acked_bytes = row->handed_bytes;
		mark_dirty(m, i);
	}
	m->piece_count = 0;
	return 0;
}

static bool flush_row(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	uint32_t bytes = wr_record_stride(wr_control_bytes(0, sizeof(struct wr_control_progress)));
	void *to = wr_lane_claim(m->lane, bytes);
	if (to == NULL)
		return false;
	struct wr_control_progress progress = {
		.generation = row->generation,
		.missed = row->gap_end > row->flushed && !WR_BUG(GAP_STAYS_LAG) ? 1 : 0,
		.from = row->flushed,
		.to = row->acked,
		.events = row->acked_events - row->flushed_events,
		.bytes = row->acked_bytes - row->flushed_bytes,
	};
	wr_control_write(to, WR_KIND_PROGRESS, m->subscription, row_index, NULL, 0, &progress,
			 sizeof progress);
	(void)wr_lane_append(m->lane, bytes);
	row->flushed = row->acked;
	row->flushed_events = row->acked_events;
	row->flushed_bytes = row->acked_bytes;
	return true;
}

/*
 * A row in which nothing is in hand moves on to what was scanned: there is nothing of it up to
 * there. Who gets the row next need not look for it again, where it may be no longer.
 */
void wr_member_step_over(struct weir_member *m, struct wr_member_row *row)
{
	/* scan_seq lies behind a gap that not every row was told of. */
	if (m->gap_end != 0 && !WR_BUG(GAP_PASSED_OVER))
		return;
	if (row->generation != 0 && !row->revoked && row->acked == row->next_from &&
	    m->scan_seq > row->next_out)
		row->acked = row->next_from = row->next_out = m->scan_seq;
}

void wr_member_pass_row(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	wr_member_step_over(m, row);
	if (row->generation != 0 && row->acked > row->flushed)
		mark_dirty(m, row_index);
}

/* The last acks of a member that goes. */
void wr_member_pass_rows(struct weir_member *m)
{
	for (uint32_t r = 0; r < m->row_count; r++)
		wr_member_pass_row(m, r);
}

/* Those that are far behind. */
static void pass_idle_rows(struct weir_member *m)
{
	if (m->gap_end != 0 && !WR_BUG(GAP_PASSED_OVER))
		return; /* they will be passed when all were told */
	for (uint32_t i = 0; i < m->row_count; i++)
		if (m->scan_seq - m->rows[i].flushed >= m->pipeline->pass_every)
			wr_member_pass_row(m, i);
	m->passed_seq = m->scan_seq;
}

uint32_t wr_member_flush(struct weir_member *m)
{
	if (m->sharing != NULL)
		return wr_sharing_flush(m);
	if (m->scan_seq > m->passed_seq && m->scan_seq - m->passed_seq >= m->pipeline->pass_every)
		pass_idle_rows(m);
	if (m->dirty_count == 0)
		return 0;
	uint32_t done = 0;
	while (done < m->dirty_count) {
		uint32_t row_index = m->dirty[done];
		struct wr_member_row *row = &m->rows[row_index];
		if (row->generation != 0 && row->acked > row->flushed && !flush_row(m, row_index))
			break;
		row->dirty = false;
		done++;
	}
	if (done > 0) {
		wr_lane_publish(m->lane);
		m->dirty_count -= done;
		for (uint32_t i = 0; i < m->dirty_count; i++)
			m->dirty[i] = m->dirty[done + i];
	}
	return m->dirty_count;
}

void wr_member_drop_row(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	if (row->generation == 0)
		return;
	/* Its user acknowledged what the log was not told of, and is told so by the next commit. */
	if (row->acked_events > row->flushed_events ||
	    (row->gap_end > row->flushed && row->acked >= row->gap_end))
		m->fenced = true;
	row->generation = 0;
	m->owned_count--;
	for (uint32_t i = 0; i < m->piece_count;) {
		if (m->pieces[i].row == row_index) {
			m->pieces[i] = m->pieces[--m->piece_count];
			m->fenced = true;
		} else {
			i++;
		}
	}
}

void wr_member_take_replies(struct weir_member *m)
{
	const struct wr_reply *reply;
	while ((reply = wr_lane_reply_peek(m->lane)) != NULL) {
		/*
		 * Refused progress: the row has moved on. An answer to progress of an earlier
		 * assignment says nothing of the present one.
		 */
		if (m->sharing != NULL) {
			/* All or some of what it names was not this member's any more. */
			m->fenced = true;
		} else if (reply->code != 0) {
			m->fenced = true;
			if (reply->detail < m->row_count &&
			    reply->ticket >= m->rows[reply->detail].first_ticket)
				wr_member_drop_row(m, reply->detail);
		}
		wr_lane_reply_take(m->lane);
	}
}

struct commit_wait {
	struct weir_member *member;
	enum weir_level level;
	uint64_t ticket;
	bool flushed;
};

static bool commit_done(void *context)
{
	struct commit_wait *w = context;
	struct weir_member *m = w->member;
	struct weir_pipeline *p = m->pipeline;
	if (!w->flushed) {
		wr_member_take_replies(m);
		if (wr_member_flush(m) > 0)
			return false;
		w->flushed = true;
		w->ticket = m->lane->handed_over;
	}
	uint64_t ordered = wr_park_look_u64(&m->lane->ordered); /* A3 */
	if (ordered < w->ticket)
		return false;
	wr_member_take_replies(m);
	if (w->level <= WEIR_LEVEL_MEMORY || p->journal == NULL)
		return true;
	struct wr_lane_durable *lane = &p->link.lanes[m->lane->index];
	uint64_t reached = w->level == WEIR_LEVEL_WRITTEN ? wr_park_look_u64(&lane->written_ticket)
							  : wr_park_look_u64(&lane->durable_ticket);
	return reached >= w->ticket; /* D1 */
}

int weir_member_commit(struct weir_member *m, enum weir_level level, uint64_t timeout_ns)
{
	if (level == WEIR_LEVEL_DEFAULT)
		level = WEIR_LEVEL_DURABLE;
	if ((unsigned)level > WEIR_LEVEL_DURABLE)
		return -EINVAL;
	struct commit_wait wait = {.member = m, .level = level};
	struct weir_pipeline *p = m->pipeline;
	if (wr_pipeline_is_copy(p))
		return WEIR_E_CLOSED;
	wr_pipeline_stay(p);
	/* What was stepped over alone is handed to the log as well: the positions that are told. */
	for (uint32_t r = 0; r < m->row_count; r++)
		if (m->rows[r].generation != 0 && m->rows[r].acked > m->rows[r].flushed)
			mark_dirty(m, r);
	int rc = commit_done(&wait)
			 ? 0
			 : wr_pipeline_wait(p, &m->lane->parker, commit_done, &wait, timeout_ns);
	if (rc == 0 && m->fenced && !WR_BUG(FENCED_NOT_TOLD)) {
		rc = WEIR_E_FENCED;
		m->fenced = false;
	}
	wr_pipeline_go(p);
	return rc == -ETIMEDOUT && timeout_ns == 0 && !wait.flushed ? WEIR_E_AGAIN : rc;
}
