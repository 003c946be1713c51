/* SPDX-License-Identifier: Apache-2.0 */
/* The open transaction: begun, filled, and handed over as one run. */
#include <errno.h>

#include "core/base/bug.h"
#include "core/base/probe.h"
#include "core/pipeline/measure.h"
#include "core/pipeline/member_times.h"
#include "core/pipeline/span_notes.h"
#include "core/pipeline/transaction.h"

#define PROGRESS_BYTES (WR_RECORD_HEAD_BYTES + (uint32_t)sizeof(struct wr_control_progress))
#define SETTLE_HEAD_BYTES (WR_RECORD_HEAD_BYTES + (uint32_t)sizeof(struct wr_settle_head))

_Static_assert(PROGRESS_BYTES <= WEIR_TRANSACTION_ACK_BYTES && PROGRESS_BYTES % 8 == 0 &&
		       WR_SETTLE_RUN_BYTES_MAX <= WEIR_TRANSACTION_ACK_BYTES - 24,
	       "an acknowledgement takes what is said");

/* Left in front of the outputs: what one partition takes, or one event as a rule. */
static uint32_t front_bytes(const struct weir_member *m)
{
	return m->sharing == NULL ? PROGRESS_BYTES : 48u;
}

/* ---- setting up ---- */

struct layout {
	size_t sent, parts, settled, total;
	uint32_t sent_count, part_count;
};

static struct layout layout_of(uint32_t transactions_max, uint32_t row_count, uint32_t held_max)
{
	struct layout l = {.sent_count = (uint32_t)wr_power_of_two_above(transactions_max)};
	uint64_t most = held_max != 0 ? held_max : row_count;
	l.part_count = (uint32_t)wr_power_of_two_above(l.sent_count + 2 * most);
	l.sent = wr_add_part(&l.total, l.sent_count * sizeof(struct wr_transaction_sent));
	l.parts = wr_add_part(&l.total, l.part_count * sizeof(struct wr_transaction_part));
	l.settled = wr_add_part(&l.total, held_max * sizeof(struct wr_settled));
	return l;
}

size_t wr_transactions_bytes(uint32_t transactions_max, uint32_t row_count, uint32_t held_max)
{
	return layout_of(transactions_max, row_count, held_max).total;
}

void wr_transactions_init(struct wr_transactions *t, uint8_t *block, uint32_t transactions_max,
			  uint32_t row_count, uint32_t held_max)
{
	struct layout l = layout_of(transactions_max, row_count, held_max);
	*t = (struct wr_transactions){
		.settled = (struct wr_settled *)(block + l.settled),
		.sent = (struct wr_transaction_sent *)(block + l.sent),
		.parts = (struct wr_transaction_part *)(block + l.parts),
		.sent_mask = l.sent_count - 1,
		.part_mask = l.part_count - 1,
	};
}

/* ---- begin ---- */

/* What one of them may take, its head left out. */
static uint64_t most_bytes(const struct weir_member *m)
{
	return wr_min_u64(m->pipeline->run_bytes_max, m->lane->capacity_bytes / 4);
}

struct room_wait {
	struct weir_member *member;
	uint64_t bytes;
	int code; /* there will be no room, for this reason */
};

/* Room in the lane, and for all that it may acknowledge. */
static bool has_room(void *context)
{
	struct room_wait *w = context;
	struct weir_member *m = w->member;
	struct wr_transactions *t = m->transactions;
	if (wr_load_acquire(&m->lane->state) == WR_LANE_POISONED) /* S1 */
		w->code = WEIR_E_POISONED;
	wr_member_take_replies(m);
	(void)wr_member_flush(m);
	uint64_t parts = m->sharing != NULL ? m->sharing->held_count : m->owned_count;
	/* What is decided and not told is told by the caller alone. */
	if (t->sent_end - t->sent_first > t->sent_mask ||
	    (t->sent_undecided == t->sent_end &&
	     t->part_end - t->part_first + parts > (uint64_t)t->part_mask + 1))
		w->code = WEIR_E_FULL;
	return w->code != 0 || (t->part_end - t->part_first + parts <= (uint64_t)t->part_mask + 1 &&
				wr_lane_claim(m->lane, w->bytes) != NULL);
}

int wr_transaction_begin(struct weir_member *m, uint64_t bytes_max, uint64_t timeout_ns)
{
	struct weir_pipeline *p = m->pipeline;
	struct wr_transactions *t = m->transactions;
	int rc = wr_pipeline_refused_event(p);
	if (rc != 0)
		return rc;
	uint64_t most = most_bytes(m);
	if (m->in_transaction || bytes_max > most)
		return m->in_transaction ? -EBUSY : WEIR_E_TOO_BIG;
	bytes_max = bytes_max != 0 ? wr_round_up(bytes_max, WR_RECORD_ALIGN)
				   : most / WR_RECORD_ALIGN * WR_RECORD_ALIGN;
	struct room_wait wait = {.member = m,
				 .bytes = WR_RECORD_HEAD_BYTES + front_bytes(m) + bytes_max};
	wr_pipeline_stay(p);
	if (!has_room(&wait))
		rc = wr_pipeline_wait(p, &m->lane->parker, has_room, &wait, timeout_ns);
	if (rc == -ETIMEDOUT && timeout_ns == 0)
		rc = WEIR_E_AGAIN;
	if (rc == 0)
		rc = wait.code;
	if (rc == 0) {
		t->to = wr_lane_claim(m->lane, wait.bytes);
		t->bytes_max = bytes_max;
		t->used = 0;
		t->output_count = t->part_count = t->piece_count = 0;
		t->overtaken = false;
		m->in_transaction = true;
	}
	wr_pipeline_go(p);
	return rc;
}

int weir_transaction_begin(struct weir_member *m, size_t bytes_max, uint64_t timeout_ns)
{
	if (m->handler != NULL)
		return -EBUSY;
	return wr_transaction_begin(m, bytes_max, timeout_ns);
}

/* ---- filling it ---- */

/* What its acknowledgements take, with `more` of them, at most. */
static uint64_t settle_bytes(const struct weir_member *m, uint32_t more)
{
	uint64_t count = (uint64_t)m->transactions->part_count + more;
	if (count == 0)
		return 0;
	return m->sharing == NULL ? count * PROGRESS_BYTES
				  : wr_record_stride((uint32_t)(SETTLE_HEAD_BYTES +
								count * WR_SETTLE_RUN_BYTES_MAX));
}

static bool fits(const struct weir_member *m, uint64_t output_bytes, uint32_t more_parts)
{
	const struct wr_transactions *t = m->transactions;
	uint32_t records = t->output_count + (output_bytes > 0 ? 1 : 0) +
			   (m->sharing == NULL ? t->part_count + more_parts : 1);
	return records <= m->pipeline->options.run_records_max &&
	       t->used + output_bytes + settle_bytes(m, more_parts) <= t->bytes_max;
}

int weir_transaction_publish(struct weir_member *m, const struct weir_event *event)
{
	struct wr_transactions *t = m->transactions;
	struct wr_encoding encoding;
	struct wr_caused caused;
	if (!m->in_transaction)
		return -EINVAL;
	/* In a child the room is still the parent's. */
	if (wr_pipeline_is_copy(m->pipeline))
		return WEIR_E_CLOSED;
	const struct wr_measure by = {.keyless = t->keyless, .bytes_max = (uint32_t)t->bytes_max};
	int rc = wr_measure(m->pipeline, &by, &event, &caused, &encoding);
	if (rc != 0)
		return rc;
	if (!fits(m, encoding.stride, 0))
		return WEIR_E_TOO_BIG;
	if (event->key == NULL)
		t->keyless++;
	uint8_t *to = t->to + WR_RECORD_HEAD_BYTES + front_bytes(m) + t->used;
	wr_encode_end(to, encoding.stride);
	uint8_t *payload = wr_encode_head(event, &encoding, NULL, to);
	if (encoding.payload_bytes > 0)
		memcpy(payload, event->payload, encoding.payload_bytes);
	t->used += encoding.stride;
	t->output_count++;
	return 0;
}

/* The part of a row in the open one: made, with the row as it is. NULL: no room. */
static struct wr_transaction_part *part_of(struct weir_member *m, uint32_t row_index)
{
	struct wr_transactions *t = m->transactions;
	struct wr_member_row *row = &m->rows[row_index];
	if (row->open_part != 0)
		return wr_transaction_part(t, t->part_end + row->open_part - 1);
	if (!fits(m, 0, 1))
		return NULL;
	struct wr_transaction_part *part = wr_transaction_part(t, t->part_end + t->part_count);
	*part = (struct wr_transaction_part){
		.row = row_index,
		.generation = row->generation,
		.acked = {row->acked, row->acked_events, row->acked_bytes},
	};
	row->open_part = ++t->part_count;
	return part;
}

static int ack_event(struct weir_member *m, const struct weir_item *item)
{
	struct wr_transactions *t = m->transactions;
	struct wr_in_hand *held;
	int rc = wr_sharing_held(m, item, &held);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; held->in_transaction && i < t->part_count; i++) {
		if (t->settled[i].seq == held->seq)
			return 0; /* in this one */
	}
	if (held->in_transaction)
		return -EBUSY;
	if (!fits(m, 0, 1))
		return WEIR_E_TOO_BIG;
	held->in_transaction = true;
	t->settled[t->part_count++] = (struct wr_settled){
		.seq = held->seq, .from = held->from, .generation = held->generation};
	wr_member_settled(m, 1, item->append_time_us);
	wr_span_ended_in(m, item->sequence, t->sent_end);
	return 0;
}

int weir_transaction_ack(struct weir_member *m, const struct weir_item *item)
{
	struct wr_transactions *t = m->transactions;
	uint32_t row_index;
	if (!m->in_transaction)
		return -EINVAL;
	if (wr_pipeline_is_copy(m->pipeline))
		return WEIR_E_CLOSED;
	WR_PROBE2(acked, (uintptr_t)m, item->sequence);
	if (m->sharing != NULL)
		return ack_event(m, item);
	int rc = wr_member_row_of(m, item, &row_index);
	if (rc != 0)
		return rc > 0 ? 0 : rc;
	if (wr_pieces_have(m->pieces, m->piece_count, row_index, item->from_sequence,
			   item->end_sequence))
		return 0; /* acknowledged before, out of order */
	struct wr_transaction_part *part = part_of(m, row_index);
	if (part == NULL)
		return WEIR_E_TOO_BIG;
	if (item->end_sequence <= part->acked.to)
		return 0; /* acknowledged before */
	struct wr_acked own = wr_pieces_count(m, m->pieces, m->piece_count, row_index, item);
	if (own.events > 0)
		own = wr_pieces_count(m, t->pieces, t->piece_count, row_index, item);
	wr_span_ended_in(m, item->sequence, t->sent_end);
	if (item->from_sequence > part->acked.to)
		return wr_pieces_add(t->pieces, &t->piece_count, WR_TRANSACTION_PIECES, row_index,
				     item->from_sequence, &own);
	wr_member_settled(m, own.events, item->append_time_us);
	part->acked.to = own.to;
	part->acked.events += own.events;
	part->acked.bytes += own.bytes;
	t->piece_count = wr_pieces_join(t->pieces, t->piece_count, row_index, &part->acked);
	return 0;
}

/* ---- handing it over ---- */

/* How far a row's pieces, of both kinds, go on from `to` without a hole. */
static uint64_t reach(const struct weir_member *m, uint32_t row, uint64_t to)
{
	const struct wr_transactions *t = m->transactions;
	bool moved = true;
	while (moved) {
		moved = false;
		for (uint32_t i = 0; i < t->piece_count + m->piece_count; i++) {
			const struct wr_ack_piece *piece =
				i < t->piece_count ? &t->pieces[i] : &m->pieces[i - t->piece_count];
			moved = piece->row == row && piece->from <= to && piece->to > to;
			if (!moved)
				continue;
			to = piece->to;
			break;
		}
	}
	return to;
}

/* Whether progress can say it: nothing before what it acknowledges is left out. */
static bool is_contiguous(const struct weir_member *m)
{
	struct wr_transactions *t = m->transactions;
	for (uint32_t i = 0; i < t->piece_count; i++) {
		const struct wr_ack_piece *piece = &t->pieces[i];
		const struct wr_transaction_part *part =
			wr_transaction_part(t, t->part_end + m->rows[piece->row].open_part - 1);
		if (piece->to > reach(m, piece->row, part->acked.to))
			return false;
	}
	return true;
}

/* What stands before it, and with it. */
static void close_part(struct weir_member *m, struct wr_transaction_part *part)
{
	struct wr_transactions *t = m->transactions;
	const struct wr_member_row *row = &m->rows[part->row];
	uint32_t before;
	do {
		before = t->piece_count + m->piece_count;
		m->piece_count = wr_pieces_join(m->pieces, m->piece_count, part->row, &part->acked);
		t->piece_count = wr_pieces_join(t->pieces, t->piece_count, part->row, &part->acked);
	} while (t->piece_count + m->piece_count != before);
	part->plain = (struct wr_acked){row->acked, row->acked_events, row->acked_bytes};
	part->flushed = (struct wr_acked){row->flushed, row->flushed_events, row->flushed_bytes};
}

/* Progress of each partition, in front of the outputs. Bytes, or a negative code. */
static int64_t write_progress(struct weir_member *m)
{
	struct wr_transactions *t = m->transactions;
	if (t->overtaken || !is_contiguous(m))
		return WEIR_E_OUT_OF_SEQUENCE;
	for (uint32_t i = 0; i < t->part_count; i++)
		close_part(m, wr_transaction_part(t, t->part_end + i));
	uint32_t bytes = t->part_count * PROGRESS_BYTES;
	uint8_t *to = t->to + WR_RECORD_HEAD_BYTES;
	if (bytes != front_bytes(m) && t->used > 0)
		memmove(to + bytes, to + front_bytes(m), t->used);
	for (uint32_t i = 0; i < t->part_count; i++) {
		struct wr_transaction_part *part = wr_transaction_part(t, t->part_end + i);
		to += wr_member_write_progress(m, part->row, &part->acked, to);
	}
	return bytes;
}

/* One record that settles all its events. */
static int64_t write_settle(struct weir_member *m)
{
	struct wr_transactions *t = m->transactions;
	if (t->part_count == 0) {
		memmove(t->to + WR_RECORD_HEAD_BYTES, t->to + WR_RECORD_HEAD_BYTES + front_bytes(m),
			t->used);
		return 0;
	}
	wr_settled_sort(t->settled, t->part_count);
	uint32_t bytes = wr_record_stride(
		wr_settled_write(t->settled, t->part_count, m->subscription, NULL));
	uint8_t *to = t->to + WR_RECORD_HEAD_BYTES;
	if (bytes != front_bytes(m) && t->used > 0)
		memmove(to + bytes, to + front_bytes(m), t->used);
	(void)wr_settled_write(t->settled, t->part_count, m->subscription, to);
	for (uint32_t i = 0; i < t->part_count; i++)
		*wr_transaction_part(t, t->part_end + i) = (struct wr_transaction_part){
			.acked.to = t->settled[i].seq, .generation = t->settled[i].generation};
	return bytes;
}

/* The rows are as if it had been taken. */
static void move_rows(struct weir_member *m, uint64_t ticket)
{
	struct wr_transactions *t = m->transactions;
	for (uint32_t i = 0; i < t->part_count; i++) {
		const struct wr_transaction_part *part = wr_transaction_part(t, t->part_end + i);
		struct wr_member_row *row = &m->rows[part->row];
		row->acked = row->flushed = part->acked.to;
		row->acked_events = row->flushed_events = part->acked.events;
		row->acked_bytes = row->flushed_bytes = part->acked.bytes;
		row->held_ticket = ticket;
		row->open_part = 0;
	}
}

int wr_transaction_commit(struct weir_member *m, uint64_t *ret_ticket)
{
	struct wr_transactions *t = m->transactions;
	if (!m->in_transaction || (t->output_count == 0 && t->part_count == 0))
		return -EINVAL;
	int rc = wr_pipeline_refused(m->pipeline);
	if (rc != 0)
		return rc;
	int64_t settle = m->sharing != NULL ? write_settle(m) : write_progress(m);
	if (settle < 0)
		return (int)settle;
	uint32_t settle_count = m->sharing == NULL ? t->part_count : t->part_count > 0 ? 1 : 0;
	const struct wr_run_head head = {
		.record_count = t->output_count + settle_count,
		.record_bytes = (uint32_t)(t->used + (uint64_t)settle),
		.flags = t->output_count > 0 ? WR_RUN_IS_DATA : 0,
	};
	uint64_t bytes = wr_run_head_write(t->to, head);
	((struct wr_record *)(t->to + WR_RECORD_HEAD_BYTES))->flags |= WR_RECORD_WANTS_REPLY;
	uint64_t ticket = wr_lane_append(m->lane, bytes);
	WR_PROBE3(publish, (uintptr_t)m->lane, ticket, bytes);
	wr_lane_publish(m->lane);
	if (m->sharing == NULL)
		move_rows(m, ticket);
	*wr_transaction_sent(t, t->sent_end++) = (struct wr_transaction_sent){
		.ticket = ticket,
		.part_count = t->part_count,
		.settle_count = settle_count,
		.output_count = t->output_count,
		.refused = WEIR_TRANSACTION_NO_OUTPUT,
	};
	t->part_end += t->part_count;
	m->in_transaction = false;
	if (ret_ticket != NULL)
		*ret_ticket = ticket;
	return 0;
}

int weir_transaction_commit(struct weir_member *m, uint64_t *ret_ticket)
{
	if (m->handler != NULL)
		return -EBUSY;
	return wr_transaction_commit(m, ret_ticket);
}

void wr_transaction_abort(struct weir_member *m)
{
	struct wr_transactions *t = m->transactions;
	for (uint32_t i = 0; i < t->part_count; i++) {
		if (m->sharing == NULL) {
			m->rows[wr_transaction_part(t, t->part_end + i)->row].open_part = 0;
			continue;
		}
		struct wr_in_hand *held = wr_hand_find(m->sharing, t->settled[i].seq);
		if (held != NULL && held->generation == t->settled[i].generation)
			held->in_transaction = false;
	}
	m->in_transaction = false;
	wr_span_decided(m, t->sent_end, WR_SPAN_RELEASED);
}

int weir_transaction_abort(struct weir_member *m)
{
	if (!m->in_transaction)
		return -EINVAL;
	if (m->handler != NULL)
		return -EBUSY;
	wr_transaction_abort(m);
	return 0;
}
