/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of partitions that have failed, as the partition's owner sees them.
 *
 * Its row goes back to the event, and is blocked: nothing more of it is handed out. When the time
 * before the next attempt is over, and the log has durably what was said, the member goes back in
 * the log to the event and hands it out, alone; with its settle the row goes on behind it. The
 * other partitions go on meanwhile: the member reads for them where it was.
 *
 * After crashes at one place (core/log/attempts.h) the row's next events are handed out so, too,
 * each behind a durable record that says that it is in hand.
 */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/rejection.h"
#include "core/pipeline/retry.h"

/* What is handed out alone after crashes, of a row: what a member may have polled at once. */
#define ALONE_EVENTS 1024u
#define BUSY_RETRY_NS 10000000u
#define SOON_NS 1000000u

static struct wr_subscription_live *live_of(struct weir_member *m)
{
	return &m->pipeline->subscriptions[m->subscription];
}

static uint32_t row_in_tables(struct weir_member *m, uint32_t row)
{
	return m->pipeline->tables.catalog.subscriptions[m->subscription].row_first + row;
}

/* ---- what the log is told ---- */

/* Behind the row's progress: the event is the first that is not settled. 0: no room. */
static uint64_t say(struct weir_member *m, uint32_t row_index, const struct wr_reject *reject,
		    const char *text)
{
	struct wr_member_row *row = &m->rows[row_index];
	if (row->acked > row->flushed && !wr_member_flush_row(m, row_index))
		return 0;
	uint64_t ticket = wr_rejection_write(m, row_index, reject, text);
	if (ticket == 0)
		wr_lane_publish(m->lane); /* the progress */
	return ticket;
}

/* ---- dead ---- */

static bool is_dead(struct weir_member *m, const struct wr_tried *t)
{
	struct wr_subscription_live *live = live_of(m);
	uint32_t attempts_max = wr_load_relaxed(&live->failures.attempts_max);
	return wr_load_relaxed(&live->failures.dead_letters) != UINT32_MAX &&
	       (t->dead || (attempts_max != 0 && t->attempts >= attempts_max));
}

static void ask_for_letter(struct weir_member *m, uint32_t row_index)
{
	struct weir_pipeline *p = m->pipeline;
	/* What is let go of always finds room. */
	if (wr_spsc_room_for(&m->to_group_ring, m->row_count + 1u) <= m->row_count)
		return;
	m->to_group[wr_spsc_push_index(&m->to_group_ring, 0)] = (struct wr_message){
		.kind = WR_MESSAGE_DEAD,
		.row = row_index,
		.generation = m->rows[row_index].generation,
		.position = m->tried[row_index].seq,
	};
	wr_spsc_push(&m->to_group_ring, 1);
	m->tried[row_index].told = true;
	wr_publish_u64(&m->released, ++m->released_own); /* N2 */
	wr_park_notify(&p->group_parker);
}

/* ---- rejecting ---- */

/* It has failed once more, or is given back untried. Not again, if it is too old by then. */
static struct wr_reject reject_of(struct weir_member *m, const struct weir_item *item,
				  const struct weir_rejection *r, uint32_t attempts,
				  uint64_t *ret_delay_ns)
{
	uint64_t age_max_us = wr_load_relaxed(&live_of(m)->failures.retry_age_max_ns) / 1000;
	struct wr_reject reject = wr_rejection_of(m, item, r, attempts, ret_delay_ns);
	uint64_t again_us = wr_max_u64(reject.failed_us, reject.not_before_us);
	if (reject.verdict == WR_VERDICT_RETRY && age_max_us != 0 &&
	    again_us - wr_min_u64(again_us, item->append_time_us) >= age_max_us) {
		reject.verdict = WR_VERDICT_EXPIRED;
		reject.not_before_us = 0;
	}
	return reject;
}

/* What the row was told of its event. */
static void block(struct weir_member *m, uint32_t row_index, const struct wr_reject *reject,
		  uint64_t delay_ns, uint64_t ticket)
{
	struct wr_member_row *row = &m->rows[row_index];
	struct wr_tried *t = &m->tried[row_index];
	if (!row->tried)
		m->tried_count++;
	row->tried = row->blocked = true;
	if (t->seq != reject->seq)
		t->attempts = 0;
	t->seq = reject->seq;
	t->marked = t->told = false;
	t->ticket = ticket;
	t->due_ns = wr_clock_mono_ns(m->pipeline->host.clock) + delay_ns;
	t->dead = reject->verdict == WR_VERDICT_DEAD || reject->verdict == WR_VERDICT_EXPIRED;
	if (reject->verdict != WR_VERDICT_RELEASED)
		t->attempts++;
}

/* Whether it may be told now: nothing that the log has yet to decide lies before it. */
static int may_reject(struct weir_member *m, const struct weir_item *item, uint32_t *ret_row)
{
	int rc = wr_member_row_of(m, item, ret_row);
	if (rc != 0)
		return rc > 0 ? WEIR_E_FENCED : rc;
	struct wr_member_row *row = &m->rows[*ret_row];
	if (wr_rejection_is_held_up(m))
		return -EBUSY;
	if (item->from_sequence > row->acked)
		return WEIR_E_OUT_OF_SEQUENCE;
	if (row->held_ticket == 0)
		return 0;
	wr_member_take_replies(m);
	if (row->generation != item->generation)
		return WEIR_E_FENCED;
	row->told_lost = row->told_lost || (row->held_ticket == 0 && row->rewinds);
	return row->held_ticket != 0 ? WEIR_E_AGAIN : row->rewinds ? WEIR_E_FENCED : 0;
}

int wr_member_reject(struct weir_member *m, const struct weir_item *item,
		     const struct weir_rejection *r)
{
	uint32_t row_index;
	int rc = may_reject(m, item, &row_index);
	if (rc != 0)
		return rc;
	struct wr_tried *t = &m->tried[row_index];
	uint32_t attempts = (t->seq == item->sequence ? t->attempts : 0) + 1;
	uint64_t delay_ns, ticket = 0;
	struct wr_reject reject = reject_of(m, item, r, attempts, &delay_ns);
	/* What the log knows nothing of, and is given back, needs no record. */
	if (reject.verdict != WR_VERDICT_RELEASED || t->marked) {
		ticket = say(m, row_index, &reject, r->text);
		if (ticket == 0)
			return WEIR_E_AGAIN;
	}
	/* At once: until the next poll it would be acknowledged, too, and what lies behind it. */
	wr_member_set_back(m, row_index);
	block(m, row_index, &reject, delay_ns, ticket != 0 ? ticket : t->ticket);
	if (is_dead(m, t))
		ask_for_letter(m, row_index);
	wr_rejection_done(m, item, r, attempts);
	return 0;
}

/* ---- rows come and go ---- */

void wr_member_take_tried(struct weir_member *m, uint32_t row_index)
{
	struct weir_pipeline *p = m->pipeline;
	struct wr_member_row *row = &m->rows[row_index];
	struct wr_tried *t = &m->tried[row_index];
	struct wr_attempts_entry e;
	wr_attempts_read(&p->tables.attempts, &p->tables.settle, row_in_tables(m, row_index), &e);
	*t = (struct wr_tried){.seq = e.seq,
			       .said_seq = e.said_seq,
			       .attempts = e.attempts,
			       .dead = e.dead || e.expired,
			       .alone_left = e.alone ? ALONE_EVENTS : 0};
	row->tried = e.seq != 0 || e.alone;
	row->blocked = e.seq != 0;
	if (!row->tried)
		return;
	m->tried_count++;
	uint64_t now_us = wr_writer_append_now_us(&p->writer);
	t->due_ns = wr_clock_mono_ns(p->host.clock) +
		    (e.not_before_us > now_us ? (e.not_before_us - now_us) * 1000 : 0);
}

void wr_member_forget_tried(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	if (row->tried)
		m->tried_count--;
	row->tried = row->blocked = false; /* what it went back for it still needs */
	m->tried[row_index] = (struct wr_tried){0};
}

/*
 * One that was only met is not the first any more where its row goes back: a gap in front of it
 * comes again. What was said of one is said, and nothing comes again in front of that.
 */
void wr_member_untry(struct weir_member *m, uint32_t row_index)
{
	struct wr_tried *t = &m->tried[row_index];
	bool is_said = t->attempts > 0 || t->ticket != 0 || t->said_seq != 0;
	t->handed = false;
	if (t->alone_left == 0 || is_said || WR_BUG(MET_STAYS_FIRST))
		return;
	t->seq = 0;
	m->rows[row_index].blocked = false;
}

/*
 * What is in front of the event says nothing of it. While it is on its way to the dead letters the
 * group moves the row over it, and who acknowledged a gap meanwhile would be refused: the row is
 * told behind it.
 */
bool wr_member_gap_tried(struct weir_member *m, uint32_t row_index, uint64_t gap_end)
{
	struct wr_tried *t = &m->tried[row_index];
	uint32_t alone_left = t->alone_left;
	if (t->seq != 0 && is_dead(m, t))
		return false;
	if (t->seq == 0 || t->seq >= gap_end)
		return true;
	wr_member_forget_tried(m, row_index);
	if (alone_left > 0) {
		t->alone_left = alone_left;
		m->rows[row_index].tried = true;
		m->tried_count++;
	}
	return true;
}

/* ---- going back, and on ---- */

static void go_back(struct weir_member *m, struct wr_member_row *row)
{
	if (row->next_out < wr_max_u64(m->scan_seq, m->return_seq))
		row->behind = true;
	if (row->next_out >= m->scan_seq)
		return;
	m->return_seq = wr_max_u64(m->return_seq, m->scan_seq);
	wr_member_move_to(m, row->next_out);
	/* Before the group looks again at what the member reads: as in take_row(). */
	if (m->scan_seq < wr_load_relaxed(&m->reading_seq)) /* own */
		wr_store_relaxed(&m->reading_seq, m->scan_seq);
}

void wr_member_come_back(struct weir_member *m)
{
	bool needs = false;
	for (uint32_t r = 0; r < m->row_count && m->scan_seq < m->return_seq; r++) {
		const struct wr_member_row *row = &m->rows[r];
		needs = needs || (row->behind && !row->blocked && row->generation != 0);
	}
	if (needs)
		return;
	for (uint32_t r = 0; r < m->row_count && m->scan_seq >= m->return_seq; r++)
		m->rows[r].behind = false;
	if (m->scan_seq < m->return_seq)
		wr_member_move_to(m, m->return_seq);
	m->return_seq = 0;
}

/* The event is settled: the row goes on. */
static void go_on(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	struct wr_tried *t = &m->tried[row_index];
	uint32_t alone_left = t->alone_left > 0 ? t->alone_left - 1 : 0;
	*t = (struct wr_tried){.alone_left = alone_left};
	row->blocked = false;
	row->tried = alone_left > 0;
	m->tried_count -= row->tried ? 0 : 1;
	go_back(m, row);
}

/* ---- what is due ---- */

/* Its letter stands, and the log has the row behind it. */
static bool is_buried(struct weir_member *m, uint32_t row_index)
{
	struct wr_member_row *row = &m->rows[row_index];
	const struct wr_tried *t = &m->tried[row_index];
	struct wr_settle *settle = &m->pipeline->tables.settle;
	uint64_t position = wr_load_relaxed(&settle->rows[row_in_tables(m, row_index)].position);
	if (position != t->seq + 1 || row->flushed > t->seq)
		return false;
	row->acked = row->flushed = row->next_from = row->next_out = position;
	return true;
}

/* What was said of it last is in the log for good. */
static bool is_durable(struct weir_member *m, const struct wr_tried *t)
{
	struct weir_pipeline *p = m->pipeline;
	if (p->journal == NULL || WR_BUG(TRY_NOT_DURABLE))
		return wr_park_look_u64(&m->lane->ordered) >= t->ticket; /* A3 */
	if (t->ticket == 0)
		return wr_park_look_u64(&p->link.durable_seq) >= t->said_seq; /* D1 */
	return wr_park_look_u64(&p->link.lanes[m->lane->index].durable_ticket) >=
	       t->ticket; /* D1 */
}

/* When to look again, if nothing moves before; 0: it may be handed out. */
static uint64_t wait_of(struct weir_member *m, uint32_t row_index, uint64_t now_ns)
{
	const struct wr_member_row *row = &m->rows[row_index];
	struct wr_tried *t = &m->tried[row_index];
	if (t->due_ns > now_ns && !WR_BUG(TRIED_TOO_EARLY))
		return t->due_ns;
	bool alone = t->alone_left > 0 && m->pipeline->journal != NULL;
	/* Other events of the row may be in hand, from before it was alone. */
	if (alone && !t->marked && row->acked == row->next_from && row->held_ticket == 0) {
		const struct wr_reject mark = {.seq = t->seq,
					       .generation = row->generation,
					       .verdict = WR_VERDICT_IN_HAND};
		uint64_t ticket = say(m, row_index, &mark, NULL);
		t->marked = ticket != 0;
		t->ticket = t->marked ? ticket : t->ticket;
	}
	return (alone && !t->marked) || !is_durable(m, t) ? now_ns + SOON_NS : 0;
}

static uint64_t tend(struct weir_member *m, uint32_t row_index, uint64_t now_ns)
{
	struct wr_member_row *row = &m->rows[row_index];
	struct wr_tried *t = &m->tried[row_index];
	if (!row->tried || row->generation == 0 || row->revoked || t->seq == 0)
		return UINT64_MAX;
	if (row->acked > t->seq) {
		if (row->held_ticket == 0)
			go_on(m, row_index);
		return UINT64_MAX;
	}
	if (!row->blocked || t->handed || row->rewinds)
		return UINT64_MAX;
	if (is_dead(m, t)) {
		if (is_buried(m, row_index))
			go_on(m, row_index);
		else if (!t->told)
			ask_for_letter(m, row_index);
		return t->told ? UINT64_MAX : now_ns + SOON_NS;
	}
	uint64_t look_ns = wait_of(m, row_index, now_ns);
	if (look_ns != 0)
		return look_ns;
	row->blocked = false;
	/* All before it is settled, and may be there no longer. */
	row->next_out = wr_max_u64(row->next_out, t->seq);
	go_back(m, row);
	return UINT64_MAX;
}

void wr_member_tend_tried(struct weir_member *m)
{
	uint64_t now_ns = wr_clock_mono_ns(m->pipeline->host.clock);
	uint64_t due_ns = UINT64_MAX;
	for (uint32_t r = 0; r < m->row_count; r++)
		due_ns = wr_min_u64(due_ns, tend(m, r, now_ns));
	wr_store_relaxed(&m->due_ns, due_ns);
}

bool wr_member_may_try(struct weir_member *m, uint32_t row_index, uint64_t seq)
{
	struct wr_member_row *row = &m->rows[row_index];
	struct wr_tried *t = &m->tried[row_index];
	/* It has left the log, or a filter does not want it any more. */
	if (t->seq != 0 && seq > t->seq)
		*t = (struct wr_tried){.alone_left = t->alone_left};
	if (t->seq == 0 && t->alone_left == 0) {
		wr_member_forget_tried(m, row_index);
		return true;
	}
	if (t->seq != 0)
		return true;
	*t = (struct wr_tried){.seq = seq, .alone_left = t->alone_left};
	row->blocked = true; /* until the log knows */
	return false;
}

uint32_t wr_member_begin_try(struct weir_member *m, uint32_t row_index, uint64_t seq)
{
	struct wr_tried *t = &m->tried[row_index];
	if (seq != t->seq)
		return 1;
	t->handed = true;
	m->rows[row_index].blocked = true;
	if (t->attempts > 0)
		(void)wr_add_relaxed(&live_of(m)->failures.redelivered, 1u);
	return t->attempts + 1;
}

void wr_member_not_alone(struct weir_member *m, const struct wr_reply *reply)
{
	struct wr_tried *t = reply->detail < m->row_count ? &m->tried[reply->detail] : NULL;
	if (t == NULL || t->ticket != reply->ticket)
		return; /* it is tried no more: in a gap, or the row has gone on */
	t->marked = false;
	t->due_ns = wr_clock_mono_ns(m->pipeline->host.clock) + BUSY_RETRY_NS;
}
