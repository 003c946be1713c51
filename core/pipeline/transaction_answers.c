/* SPDX-License-Identifier: Apache-2.0 */
/* What became of what was handed over: for the member's rows, and for its user. */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/span_notes.h"
#include "core/pipeline/transaction.h"

/* ---- decisions ---- */

static bool is_part_of(struct weir_member *m, const struct wr_transaction_part *part)
{
	return m->rows[part->row].generation == part->generation;
}

/* Its events are settled, or the member's as before. */
static void end_events(struct weir_member *m, const struct wr_transaction_sent *sent, bool taken)
{
	struct wr_transactions *t = m->transactions;
	for (uint32_t i = 0; i < sent->part_count; i++) {
		const struct wr_transaction_part *part =
			wr_transaction_part(t, t->part_undecided + i);
		struct wr_in_hand *held = wr_hand_find(m->sharing, part->acked.to);
		if (held == NULL || held->generation != part->generation)
			continue;
		held->in_transaction = false;
		if (taken)
			wr_hand_remove(m->sharing, held);
	}
}

/* What waited for it in its rows may go. */
static void end_rows(struct weir_member *m, const struct wr_transaction_sent *sent)
{
	struct wr_transactions *t = m->transactions;
	for (uint32_t i = 0; i < sent->part_count; i++) {
		const struct wr_transaction_part *part =
			wr_transaction_part(t, t->part_undecided + i);
		struct wr_member_row *row = &m->rows[part->row];
		if (is_part_of(m, part) && row->held_ticket == sent->ticket)
			row->held_ticket = 0;
	}
}

/* ---- refusals ---- */

/* A row goes back to where it was before a transaction. */
static void move_back(struct weir_member *m, const struct wr_transaction_part *part)
{
	struct wr_member_row *row = &m->rows[part->row];
	row->acked = part->plain.to;
	row->acked_events = part->plain.events;
	row->acked_bytes = part->plain.bytes;
	row->flushed = part->flushed.to;
	row->flushed_events = part->flushed.events;
	row->flushed_bytes = part->flushed.bytes;
	row->held_ticket = 0;
	/* What had been acknowledged below a gap is in hand again, and is not counted any more. */
	if (row->gap_acked.to > part->plain.to) {
		row->handed_events -= row->gap_acked.events - part->plain.events;
		row->handed_bytes -= row->gap_acked.bytes - part->plain.bytes;
		row->gap_acked = part->plain;
	}
	row->rewinds = m->rewinds = true;
	if (row->open_part != 0) /* it begins behind what has just gone back */
		m->transactions->overtaken = true;
	if (row->acked > row->flushed)
		wr_member_mark_dirty(m, part->row);
	(void)wr_member_drop_pieces(m, part->row); /* they come again */
}

/* Whether a transaction has a row that goes back with those before it. */
static bool builds_on(struct weir_member *m, const struct wr_transaction_sent *sent,
		      uint64_t part_first)
{
	for (uint32_t i = 0; i < sent->part_count; i++) {
		const struct wr_transaction_part *part =
			wr_transaction_part(m->transactions, part_first + i);
		if (is_part_of(m, part) && m->rows[part->row].goes_back)
			return true;
	}
	return false;
}

static void mark_rows(struct weir_member *m, const struct wr_transaction_sent *sent,
		      uint64_t part_first, bool goes_back)
{
	for (uint32_t i = 0; i < sent->part_count; i++) {
		const struct wr_transaction_part *part =
			wr_transaction_part(m->transactions, part_first + i);
		struct wr_member_row *row = &m->rows[part->row];
		if (!is_part_of(m, part) || row->goes_back == goes_back)
			continue;
		row->goes_back = goes_back;
		if (goes_back)
			move_back(m, part);
	}
}

/* The oldest undecided one is refused: with it go all that build on it. */
static void refuse_rows(struct weir_member *m)
{
	struct wr_transactions *t = m->transactions;
	uint64_t part_first = t->part_undecided;
	const struct wr_transaction_sent *refused = wr_transaction_sent(t, t->sent_undecided);
	mark_rows(m, refused, part_first, true);
	part_first += refused->part_count;
	for (uint64_t i = t->sent_undecided + 1; i < t->sent_end; i++) {
		struct wr_transaction_sent *sent = wr_transaction_sent(t, i);
		if (!sent->doomed && builds_on(m, sent, part_first) && !WR_BUG(DOOMED_LEFT_OUT)) {
			sent->doomed = true;
			mark_rows(m, sent, part_first, true);
		}
		part_first += sent->part_count;
	}
	part_first = t->part_undecided;
	for (uint64_t i = t->sent_undecided; i < t->sent_end; i++) {
		const struct wr_transaction_sent *sent = wr_transaction_sent(t, i);
		mark_rows(m, sent, part_first, false);
		part_first += sent->part_count;
	}
}

/* Its progress was refused: the row has moved on, as in wr_member_take_replies(). */
static void lose_row(struct weir_member *m, const struct wr_transaction_sent *sent, uint64_t index)
{
	const struct wr_transaction_part *part =
		wr_transaction_part(m->transactions, m->transactions->part_undecided + index);
	if (is_part_of(m, part) && sent->ticket >= m->rows[part->row].first_ticket)
		wr_member_drop_row(m, part->row);
}

/*
 * Progress that goes on from a place where its row is no longer: the group has moved the row on,
 * since it was nobody's (pass.c). Who still acknowledges in it has lost it, and is told so.
 */
static int code_of(const struct weir_member *m, const struct wr_transaction_sent *sent,
		   const struct wr_reply *reply)
{
	bool lost_row = m->sharing == NULL && reply->code == WEIR_E_OUT_OF_SEQUENCE &&
			reply->sequence < sent->settle_count;
	if (sent->doomed)
		return WEIR_E_OUT_OF_SEQUENCE;
	return lost_row ? WEIR_E_FENCED : reply->code;
}

static void decide(struct weir_member *m, const struct wr_reply *reply)
{
	struct wr_transactions *t = m->transactions;
	struct wr_transaction_sent *sent = wr_transaction_sent(t, t->sent_undecided);
	bool taken = reply == NULL || reply->code == 0;
	if (reply != NULL) {
		sent->code = code_of(m, sent, reply);
		if (taken && sent->output_count > 0)
			sent->sequence = reply->sequence + sent->settle_count;
		if (!taken && !sent->doomed && reply->sequence != UINT64_MAX &&
		    reply->sequence >= sent->settle_count) {
			sent->refused = (uint32_t)reply->sequence - sent->settle_count;
			sent->version = reply->code == WEIR_E_CONFLICT ? reply->detail : 0;
			sent->subscription = reply->code == WEIR_E_QUEUE_FULL ? reply->detail : 0;
		}
	}
	WR_ASSERT(!taken || !sent->doomed);
	sent->decided = true;
	if (m->sharing != NULL) {
		end_events(m, sent, taken);
	} else if (taken) {
		end_rows(m, sent);
	} else if (!sent->doomed && !WR_BUG(REFUSED_STAYS_ACKED)) {
		if (reply->sequence < sent->settle_count)
			lose_row(m, sent, reply->sequence);
		refuse_rows(m);
	}
	wr_span_decided(m, t->sent_undecided,
			taken                ? WR_SPAN_HANDLED
			: m->sharing != NULL ? WR_SPAN_RELEASED
					     : WR_SPAN_REFUSED);
	t->part_undecided += sent->part_count;
	t->sent_undecided++;
}

bool wr_transactions_owe(struct weir_member *m, uint32_t row)
{
	struct wr_transactions *t = m->transactions;
	uint64_t part_first = t->part_first;
	for (uint64_t i = t->sent_first; i < t->sent_undecided; i++) {
		const struct wr_transaction_sent *sent = wr_transaction_sent(t, i);
		for (uint32_t k = 0; sent->code != 0 && k < sent->part_count; k++)
			if (wr_transaction_part(t, part_first + k)->row == row)
				return true;
		part_first += sent->part_count;
	}
	return false;
}

uint64_t wr_transactions_begin_look(struct weir_member *m)
{
	const struct wr_transactions *t = m->transactions;
	if (t->sent_undecided == t->sent_end)
		return 0;
	return wr_lane_ordered(m->lane); /* A3: answers up to it are in the ring */
}

bool wr_transactions_answer(struct weir_member *m, const struct wr_reply *reply)
{
	struct wr_transactions *t = m->transactions;
	wr_transactions_end_look(m, reply->ticket - 1);
	if (t->sent_undecided == t->sent_end ||
	    wr_transaction_sent(t, t->sent_undecided)->ticket != reply->ticket)
		return false;
	decide(m, reply);
	return true;
}

void wr_transactions_end_look(struct weir_member *m, uint64_t ordered)
{
	struct wr_transactions *t = m->transactions;
	while (t->sent_undecided < t->sent_end &&
	       wr_transaction_sent(t, t->sent_undecided)->ticket <= ordered)
		decide(m, NULL);
}

/* ---- outcomes ---- */

static uint64_t reached(struct weir_member *m, enum weir_level level)
{
	struct weir_pipeline *p = m->pipeline;
	if (WR_BUG(OUTCOME_TOLD_EARLY))
		level = WEIR_LEVEL_MEMORY;
	if (level <= WEIR_LEVEL_MEMORY || p->journal == NULL)
		return wr_park_look_u64(&m->lane->ordered); /* A3 */
	struct wr_lane_durable *lane = &p->link.lanes[m->lane->index];
	return level == WEIR_LEVEL_WRITTEN ? wr_park_look_u64(&lane->written_ticket) /* D1 */
					   : wr_park_look_u64(&lane->durable_ticket);
}

/* Behind rubbish in the lane: never in the log. */
static bool is_lost(struct weir_member *m, uint64_t ticket)
{
	return WR_UNLIKELY(wr_load_acquire(&m->lane->state) == WR_LANE_POISONED) && /* S1 */
	       wr_load_acquire(&m->lane->ordered) < ticket;                         /* A3 */
}

/* 0, or -EINVAL: no such level. */
static int check_level(const struct weir_member *m, enum weir_level *level)
{
	bool has_journal = m->pipeline->journal != NULL;
	if (*level == WEIR_LEVEL_DEFAULT)
		*level = has_journal ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY;
	return (unsigned)*level > WEIR_LEVEL_DURABLE || (*level > WEIR_LEVEL_MEMORY && !has_journal)
		       ? -EINVAL
		       : 0;
}

/* Takes the oldest out. */
static void tell(struct weir_member *m, int code, struct weir_transaction_outcome *ret)
{
	struct wr_transactions *t = m->transactions;
	const struct wr_transaction_sent *sent = wr_transaction_sent(t, t->sent_first);
	*ret = (struct weir_transaction_outcome){
		.ticket = sent->ticket,
		.code = code,
		.refused = sent->refused,
		.version = sent->version,
		.subscription = sent->subscription,
		.sequence = sent->sequence,
	};
	t->part_first += sent->part_count;
	t->sent_first++;
	if (sent->decided)
		return;
	/* It is not known, and never will be. */
	t->part_undecided = t->part_first;
	t->sent_undecided = t->sent_first;
}

bool wr_transaction_next(struct weir_member *m, enum weir_level level,
			 struct weir_transaction_outcome *ret)
{
	struct wr_transactions *t = m->transactions;
	if (t->sent_first == t->sent_end)
		return false;
	/* The refusal is looked at first: what is durable by then is told as such. */
	int refused = wr_pipeline_refused(m->pipeline);
	uint64_t ticket = wr_transaction_sent(t, t->sent_first)->ticket;
	bool lost = is_lost(m, ticket);
	if (reached(m, level) >= ticket) {
		wr_member_take_replies(m);
		tell(m, wr_transaction_sent(t, t->sent_first)->code, ret);
		return true;
	}
	if (!lost && refused != WEIR_E_FAILED)
		return false;
	tell(m, lost ? WEIR_E_POISONED : refused, ret);
	return true;
}

int weir_transaction_next(struct weir_member *m, enum weir_level level,
			  struct weir_transaction_outcome *ret_outcome)
{
	if (check_level(m, &level) != 0 || m->handler != NULL)
		return m->handler != NULL ? -EBUSY : -EINVAL;
	if (wr_pipeline_is_copy(m->pipeline))
		return WEIR_E_CLOSED;
	return wr_transaction_next(m, level, ret_outcome) ? 1 : 0;
}

const struct wr_transaction_sent *wr_transaction_oldest(struct weir_member *m, uint64_t *ret_first)
{
	struct wr_transactions *t = m->transactions;
	*ret_first = t->part_first;
	return t->sent_first != t->sent_end ? wr_transaction_sent(t, t->sent_first) : NULL;
}

struct ticket_wait {
	struct weir_member *member;
	enum weir_level level;
	uint64_t ticket;
};

static bool ticket_reached(void *context)
{
	struct ticket_wait *w = context;
	return reached(w->member, w->level) >= w->ticket || is_lost(w->member, w->ticket);
}

int weir_transaction_wait(struct weir_member *m, uint64_t ticket, enum weir_level level,
			  uint64_t timeout_ns, struct weir_transaction_outcome *ret_outcome)
{
	struct weir_pipeline *p = m->pipeline;
	struct wr_transactions *t = m->transactions;
	struct weir_transaction_outcome outcome;
	if (m->handler != NULL)
		return -EBUSY;
	if (check_level(m, &level) != 0 || t->sent_first == t->sent_end ||
	    ticket < wr_transaction_sent(t, t->sent_first)->ticket ||
	    ticket > wr_transaction_sent(t, t->sent_end - 1)->ticket)
		return -EINVAL;
	if (wr_pipeline_is_copy(p))
		return WEIR_E_CLOSED;
	struct ticket_wait wait = {.member = m, .level = level, .ticket = ticket};
	if (!ticket_reached(&wait)) {
		int rc = wr_pipeline_refused(p);
		if (rc != 0)
			return rc;
		struct wr_parker *parker =
			level > WEIR_LEVEL_MEMORY ? &m->lane->level_parker : &m->lane->parker;
		rc = wr_pipeline_wait(p, parker, ticket_reached, &wait, timeout_ns);
		if (rc != 0)
			return rc;
	}
	do {
		if (!wr_transaction_next(m, level, &outcome))
			return WEIR_E_POISONED;
	} while (outcome.code == 0 && outcome.ticket < ticket);
	if (ret_outcome != NULL)
		*ret_outcome = outcome;
	return outcome.code;
}
