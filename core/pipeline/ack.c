/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acknowledging: items move a row's `acked` on as far as they are contiguous; what comes out of
 * order waits as a piece. What comes again, after a rewind or a refusal, need not be cut into items
 * as it was before: one gap may stand for many events of which the user still holds some. So an
 * item acknowledges all that it reaches over, of which some may be acknowledged already, and an
 * event is counted with the first that does. Flushing turns the difference between `acked` and
 * `flushed` into one progress record a row, in the member's lane.
 */
#include <errno.h>

#include "core/base/bug.h"
#include "core/base/probe.h"
#include "core/pipeline/member_times.h"
#include "core/pipeline/sharing.h"
#include "core/pipeline/span_notes.h"
#include "core/pipeline/transaction.h"

void wr_member_mark_dirty(struct weir_member *m, uint32_t row)
{
	if (m->rows[row].dirty)
		return;
	m->rows[row].dirty = true;
	m->dirty[m->dirty_count++] = row;
}

uint32_t wr_pieces_join(struct wr_ack_piece *pieces, uint32_t count, uint32_t row,
			struct wr_acked *acked)
{
	for (uint32_t i = 0; i < count;) {
		struct wr_ack_piece *piece = &pieces[i];
		if (piece->row != row || piece->from > acked->to) {
			i++;
			continue;
		}
		acked->to = wr_max_u64(acked->to, piece->to);
		acked->events += piece->events;
		acked->bytes += piece->bytes;
		*piece = pieces[--count];
		i = 0;
	}
	return count;
}

bool wr_pieces_have(const struct wr_ack_piece *pieces, uint32_t count, uint32_t row,
		    uint64_t from_seq, uint64_t end_seq)
{
	for (uint32_t i = 0; i < count; i++)
		if (pieces[i].row == row && from_seq >= pieces[i].from && end_seq <= pieces[i].to)
			return true;
	return false;
}

struct wr_acked wr_pieces_count(const struct weir_member *m, const struct wr_ack_piece *pieces,
				uint32_t count, uint32_t row, const struct weir_item *item)
{
	struct wr_acked own = {.to = item->end_sequence};
	if ((item->kind == WEIR_ITEM_EVENT || (item->flags & WEIR_ITEM_ERASED) != 0) &&
	    own.to > m->rows[row].gap_end &&
	    !wr_pieces_have(pieces, count, row, own.to - 1, own.to)) {
		own.events = 1;
		own.bytes = item->record_bytes;
	}
	return own;
}

/*
 * Progress from below its end says that it is near (`missed`), and the log counts anew behind. So
 * nothing has to know which of the events below were handed out again before it.
 */
void wr_member_begin_gap(struct weir_member *m, uint32_t row_index, uint64_t end_seq)
{
	struct wr_member_row *row = &m->rows[row_index];
	row->gap_end = end_seq;
	row->gap_acked = (struct wr_acked){row->acked, row->acked_events, row->acked_bytes};
	row->handed_events = row->acked_events;
	row->handed_bytes = row->acked_bytes;
	for (uint32_t i = 0; i < m->piece_count; i++)
		if (m->pieces[i].row == row_index)
			m->pieces[i].events = m->pieces[i].bytes = 0;
}

/* Neither a hole between them, nor of another row. */
static bool touches(const struct wr_ack_piece *a, const struct wr_ack_piece *b)
{
	return a->row == b->row && a->from <= b->to && b->from <= a->to;
}

int wr_pieces_add(struct wr_ack_piece *pieces, uint32_t *count, uint32_t max, uint32_t row,
		  uint64_t from_seq, const struct wr_acked *acked)
{
	struct wr_ack_piece all = {.row = row,
				   .from = from_seq,
				   .to = acked->to,
				   .events = acked->events,
				   .bytes = acked->bytes};
	bool is_apart = true;
	for (uint32_t i = 0; i < *count; i++)
		is_apart = is_apart && !touches(&pieces[i], &all);
	if (is_apart && *count == max)
		return WEIR_E_FULL;
	/* It and all that it has come to touch are one. */
	for (uint32_t i = 0; i < *count;) {
		const struct wr_ack_piece *piece = &pieces[i];
		if (!touches(piece, &all)) {
			i++;
			continue;
		}
		all.from = wr_min_u64(all.from, piece->from);
		all.to = wr_max_u64(all.to, piece->to);
		all.events += piece->events;
		all.bytes += piece->bytes;
		pieces[i] = pieces[--*count];
		i = 0;
	}
	pieces[(*count)++] = all;
	return 0;
}

int wr_member_row_of(struct weir_member *m, const struct weir_item *item, uint32_t *ret_row)
{
	struct weir_pipeline *p = m->pipeline;
	if (item->topic >= p->options.topics_max || item->generation == 0 ||
	    (unsigned)item->kind - WEIR_ITEM_EVENT > WEIR_ITEM_LOSS - WEIR_ITEM_EVENT ||
	    item->from_sequence >= item->end_sequence)
		return -EINVAL; /* nothing that a poll handed out */
	uint32_t first = p->subscriptions[m->subscription].row_of_topic[item->topic];
	if (first == UINT32_MAX ||
	    item->partition >= p->tables.catalog.topics[item->topic].partitions)
		return -EINVAL;
	const struct wr_member_row *row = &m->rows[first + item->partition];
	*ret_row = first + item->partition;
	if (row->generation != item->generation)
		return WEIR_E_FENCED;
	if (item->end_sequence > row->next_from) /* never handed out, or it comes again */
		return item->end_sequence <= row->redelivered_below ? WEIR_E_FENCED : -EINVAL;
	return item->end_sequence <= row->acked ? 1 : 0;
}

/* Pieces that now begin at the row's acked position are taken in, until none does. */
void wr_member_join_pieces(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	struct wr_acked acked = {row->acked, row->acked_events, row->acked_bytes};
	m->piece_count = wr_pieces_join(m->pieces, m->piece_count, row_index, &acked);
	row->acked = acked.to;
	row->acked_events = acked.events;
	row->acked_bytes = acked.bytes;
}

int weir_ack(struct weir_member *m, const struct weir_item *item)
{
	uint32_t row_index;
	WR_PROBE2(acked, (uintptr_t)m, item->sequence);
	if (m->sharing != NULL)
		return wr_sharing_ack(m, item);
	int rc = wr_member_row_of(m, item, &row_index);
	if (rc != 0)
		return rc > 0 ? 0 : rc;
	struct wr_member_row *row = &m->rows[row_index];
	if (row->open_part != 0)
		return -EBUSY;
	const struct wr_acked own = wr_pieces_count(m, m->pieces, m->piece_count, row_index, item);
	if (item->from_sequence > row->acked && !WR_BUG(ACK_OVER_A_HOLE)) {
		rc = wr_pieces_add(m->pieces, &m->piece_count, m->piece_max, row_index,
				   item->from_sequence, &own);
		if (rc != 0)
			return rc;
	} else {
		row->acked = own.to;
		row->acked_events += own.events;
		row->acked_bytes += own.bytes;
		if (WR_UNLIKELY(m->piece_count > 0))
			wr_member_join_pieces(m, row_index);
		wr_member_mark_dirty(m, row_index);
	}
	wr_member_settled(m, own.events, item->append_time_us);
	wr_span_ended(m, item->sequence, WR_SPAN_HANDLED, 0);
	return 0;
}

int weir_ack_all(struct weir_member *m)
{
	if (m->in_transaction)
		return -EBUSY;
	if (m->sharing != NULL)
		return wr_sharing_ack_all(m);
	for (uint32_t i = 0; i < m->row_count; i++) {
		struct wr_member_row *row = &m->rows[i];
		if (row->generation == 0 || row->acked == row->next_from)
			continue;
		/* Who calls knows of no refusal: it comes again, with its outputs not there. Or was
		 * told of an event that failed that it is not to be acknowledged here. */
		bool is_lost = row->told_lost && !WR_BUG(TOLD_LOST_SETTLES);
		if (row->rewinds && (is_lost || wr_transactions_owe(m, i)))
			continue;
		row->acked = row->next_from;
		wr_member_settled(m, row->handed_events - row->acked_events, m->picked_us);
		row->acked_events = row->handed_events;
		row->acked_bytes = row->handed_bytes;
		wr_member_mark_dirty(m, i);
	}
	m->piece_count = 0;
	wr_span_all_ended(m);
	return 0;
}

uint32_t wr_member_write_progress(struct weir_member *m, uint32_t row_index,
				  const struct wr_acked *acked, void *to)
{
	struct wr_member_row *row = &m->rows[row_index];
	struct wr_control_progress progress = {
		.generation = row->generation,
		.missed = row->gap_end > row->flushed && !WR_BUG(GAP_STAYS_LAG) ? 1 : 0,
		.from = row->flushed,
		.to = acked->to,
		.events = acked->events - row->flushed_events,
		.bytes = acked->bytes - row->flushed_bytes,
	};
	wr_control_write(to, WR_KIND_PROGRESS, m->subscription, row_index, NULL, 0, &progress,
			 sizeof progress);
	return wr_record_stride(wr_control_bytes(0, sizeof progress));
}

bool wr_member_flush_row(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	const struct wr_acked acked = {row->acked, row->acked_events, row->acked_bytes};
	uint32_t bytes = wr_record_stride(wr_control_bytes(0, sizeof(struct wr_control_progress)));
	void *to = wr_lane_claim(m->lane, bytes);
	if (to == NULL)
		return false;
	(void)wr_lane_append(m->lane, wr_member_write_progress(m, row_index, &acked, to));
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
	if (row->generation != 0 && !row->revoked && !row->blocked &&
	    row->acked == row->next_from && m->scan_seq > row->next_out)
		row->acked = row->next_from = row->next_out = m->scan_seq;
}

void wr_member_pass_row(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	wr_member_step_over(m, row);
	if (row->generation != 0 && row->acked > row->flushed)
		wr_member_mark_dirty(m, row_index);
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
	for (uint32_t i = 0; i < m->row_count; i++) {
		struct wr_member_row *row = &m->rows[i];
		if (!wr_pass_is_due(m->pipeline, row->flushed, m->scan_seq))
			continue;
		/* A row that began just here: below where it hands out from, all is settled. */
		if (row->generation != 0 && !row->revoked && !row->blocked &&
		    row->acked == row->next_from && m->scan_seq == row->next_out)
			row->acked = row->next_from = row->next_out;
		wr_member_pass_row(m, i);
	}
	m->passed_seq = m->scan_seq;
}

/*
 * Something is to leave the log, and a row of which nothing is in hand stands in front of
 * its end. Each is looked at: what was passed over last was for an end that has moved since, or
 * something was in hand then.
 */
bool wr_member_has_to_pass(const struct weir_member *m)
{
	uint64_t gate_seq = wr_pass_gate_seq(m->pipeline);
	for (uint32_t r = 0; gate_seq != 0 && m->gap_end == 0 && r < m->row_count; r++) {
		const struct wr_member_row *row = &m->rows[r];
		if (row->generation != 0 && !row->revoked && !row->blocked && !row->dirty &&
		    row->acked == row->next_from && row->flushed < gate_seq &&
		    row->flushed < m->scan_seq && row->next_out <= m->scan_seq)
			return true;
	}
	return false;
}

uint32_t wr_member_flush(struct weir_member *m)
{
	if (m->sharing != NULL)
		return wr_sharing_flush(m);
	wr_member_tell_count(m);
	if (wr_pass_is_due(m->pipeline, m->passed_seq, m->scan_seq) || wr_member_has_to_pass(m))
		pass_idle_rows(m);
	if (m->dirty_count == 0 || m->in_transaction)
		return m->dirty_count;
	uint32_t left = 0;
	bool any = false, has_room = true;
	for (uint32_t i = 0; i < m->dirty_count; i++) {
		uint32_t row_index = m->dirty[i];
		struct wr_member_row *row = &m->rows[row_index];
		if (row->generation != 0 && row->acked > row->flushed) {
			/* What builds on a transaction waits until that is decided. */
			has_room = has_room &&
				   (row->held_ticket != 0 || wr_member_flush_row(m, row_index));
			if (row->held_ticket != 0 || !has_room) {
				m->dirty[left++] = row_index;
				continue;
			}
			any = true;
		}
		row->dirty = false;
	}
	if (any)
		wr_lane_publish(m->lane);
	m->dirty_count = left;
	return left;
}

bool wr_member_drop_pieces(struct weir_member *m, uint32_t row_index)
{
	uint32_t before = m->piece_count;
	for (uint32_t i = 0; i < m->piece_count;) {
		if (m->pieces[i].row == row_index)
			m->pieces[i] = m->pieces[--m->piece_count];
		else
			i++;
	}
	return m->piece_count != before;
}

void wr_member_drop_row(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	if (row->generation == 0)
		return;
	/* Its user acknowledged what the log was not told of, and is told so by the next commit. */
	if (row->acked_events > row->flushed_events ||
	    (row->gap_end > row->flushed && row->acked > row->gap_acked.to))
		m->fenced = true;
	row->generation = 0;
	m->owned_count--;
	if (row->tried)
		wr_member_forget_tried(m, row_index);
	m->fenced |= wr_member_drop_pieces(m, row_index);
}

void wr_member_take_replies(struct weir_member *m)
{
	const struct wr_reply *reply;
	uint64_t ordered = wr_transactions_begin_look(m);
	while ((reply = wr_lane_reply_peek(m->lane)) != NULL) {
		/*
		 * Refused progress: the row has moved on. An answer to progress of an earlier
		 * assignment says nothing of the present one.
		 */
		if (wr_transactions_answer(m, reply)) {
			/* It was told of there. */
		} else if (m->sharing == NULL && reply->code == WEIR_E_FULL &&
			   !WR_BUG(NOT_ALONE_IS_FENCED)) {
			/* Progress is never refused so. */
			wr_member_not_alone(m, reply);
		} else if (m->sharing != NULL) {
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
	wr_transactions_end_look(m, ordered);
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
	if (m->in_transaction)
		return -EBUSY;
	wr_pipeline_stay(p);
	/* What was stepped over alone is handed to the log as well: the positions that are told. */
	for (uint32_t r = 0; r < m->row_count; r++)
		if (m->rows[r].generation != 0 && m->rows[r].acked > m->rows[r].flushed)
			wr_member_mark_dirty(m, r);
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
