/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member with a handler: the step that polls for it, calls the handler and acknowledges.
 *
 * A batch of slow items may take longer than the session, and more than one member waits for what
 * this one has polled. So between two items the member does what a poll would do: it says that it
 * is alive, takes what group and writer have to say, and lets go of a partition that is asked back
 * or was taken; items of that partition that are still in hand are left out. After a slice of time
 * the acknowledgements go to the log, and the step ends, so that the steps beside it on a manual
 * pipeline get their turn. Late is only who sits in one item.
 *
 * What a handler publishes in its transaction is a run of the member's lane that is begun before
 * the call and handed over behind it, with the item's acknowledgement. The next item does not wait
 * for the answer. Should that be a refusal, a partition goes back to the item, and what was polled
 * is dropped: all of it comes again, in order.
 */
#include <errno.h>
#include <stdio.h>

#include "core/base/bug.h"
#include "core/pipeline/cause.h"
#include "core/pipeline/member_times.h"
#include "core/pipeline/sharing.h"
#include "core/pipeline/span_notes.h"
#include "core/pipeline/transaction.h"

#define STUCK_RETRY_NS 1000000000u
#define SLICE_NS 10000000u
#define NO_ROOM_RETRY_NS 100000000u /* after a run found no room for data */
#define SOON_RETRY_NS 100000u

/* Before each item. Whose partition is another's finds it here before that one is handed any. */
static void keep_up(struct weir_member *m, uint64_t now_ns)
{
	if (WR_BUG(HANDLER_IS_DEAF))
		return;
	wr_store_relaxed(&m->polled_ns, now_ns);
	/* What is done shall not lose its lease while the next one takes its time. */
	if (m->sharing != NULL)
		(void)wr_member_flush(m);
	uint64_t mail = wr_park_look_u64(&m->mail); /* N1 */
	if (mail == m->mail_seen)
		return;
	m->mail_seen = mail;
	wr_member_take_replies(m);
	wr_member_take_messages(m);
}

static bool is_still_owned(struct weir_member *m, const struct weir_item *item, uint64_t now_ns)
{
	if (m->sharing != NULL)
		return wr_sharing_is_held(m, item, now_ns);
	const struct wr_subscription_live *live = &m->pipeline->subscriptions[m->subscription];
	const struct wr_member_row *row =
		&m->rows[live->row_of_topic[item->topic] + item->partition];
	/* Where the row went back to an event that has failed, what is behind it comes again. */
	return row->generation == item->generation && !row->revoked &&
	       item->end_sequence <= row->next_from;
}

/* ---- its transaction ---- */

/* Room for its largest run, and that is open; else the item waits (L13). */
static bool begin_run(struct weir_member *m)
{
	struct wr_transactions *t = m->transactions;
	int rc = t->handler_bytes != 0 ? wr_transaction_begin(m, t->handler_bytes, 0) : 0;
	if (rc == 0)
		return true;
	/* The lane, or outcomes that the journal has yet to reach: both move on by themselves. */
	bool soon = rc == WEIR_E_AGAIN || rc == WEIR_E_FULL;
	t->retry_at_ns = wr_clock_mono_ns(m->pipeline->host.clock) +
			 (soon ? SOON_RETRY_NS : NO_ROOM_RETRY_NS);
	return false;
}

/* What was polled and not handled is dropped: all that is not acknowledged comes again. */
static void drop_items(struct weir_member *m)
{
	m->item_count = m->item_next;
	for (uint32_t r = 0; r < m->row_count; r++)
		m->rows[r].rewinds = m->rows[r].generation != 0;
}

/* With its acknowledgement; one that published nothing needs no run. 0, or why it cannot be. */
static int commit_run(struct weir_member *m, const struct weir_item *item)
{
	int rc = weir_transaction_ack(m, item);
	if (rc == 0)
		rc = wr_transaction_commit(m, NULL);
	if (rc != 0)
		wr_transaction_abort(m);
	return rc;
}

static void say_refused(struct weir_member *m, int code)
{
	wr_pipeline_say(m->pipeline, WR_EVENT_HANDLER_REFUSED,
			WR_FIELDS(wr_field_text("member", m->name), wr_field_code(code)),
			"%s: what a handler published was refused (%s): it ends", m->name,
			weir_strerror(code));
}

/* A queue's events of the run that is told next: another attempt, unless a queue was full. */
static void reject_events(struct weir_member *m, const struct wr_transaction_sent *sent,
			  uint64_t part_first)
{
	char text[WEIR_REASON_TEXT_MAX];
	struct weir_rejection rejection = {.delay_ns = WEIR_DELAY_DEFAULT, .text = text};
	if (sent->code == WEIR_E_QUEUE_FULL)
		rejection.verdict = WEIR_VERDICT_RELEASE;
	(void)snprintf(text, sizeof text, "its run was refused: %s", weir_strerror(sent->code));
	for (uint32_t i = 0; i < sent->part_count; i++) {
		const struct wr_transaction_part *part =
			wr_transaction_part(m->transactions, part_first + i);
		struct weir_item item = {.kind = WEIR_ITEM_EVENT,
					 .sequence = part->acked.to,
					 .generation = part->generation};
		/* Without room to say so its lease runs out, which says the same. */
		if (weir_reject(m, &item, &rejection) == WEIR_E_FENCED)
			m->fenced = true;
	}
}

/* It finds no place, and may later: no fault of its event. */
static bool is_for_later(int code)
{
	return code == WEIR_E_FULL || code == WEIR_E_QUEUE_FULL;
}

/* What became of the runs; false: one was refused for good, and the member ends. */
static bool take_outcomes(struct weir_member *m)
{
	struct wr_transactions *t = m->transactions;
	struct weir_transaction_outcome outcome;
	uint64_t part_first;
	enum weir_level level =
		m->pipeline->journal != NULL ? WEIR_LEVEL_DURABLE : WEIR_LEVEL_MEMORY;
	for (;;) {
		const struct wr_transaction_sent *sent = wr_transaction_oldest(m, &part_first);
		if (sent == NULL || !wr_transaction_next(m, level, &outcome))
			return true;
		if (outcome.code == 0 || outcome.code == WEIR_E_FAILED)
			continue;
		if (is_for_later(outcome.code))
			t->retry_at_ns =
				wr_clock_mono_ns(m->pipeline->host.clock) + NO_ROOM_RETRY_NS;
		if (m->sharing != NULL) {
			reject_events(m, sent, part_first);
		} else if (!is_for_later(outcome.code) && outcome.code != WEIR_E_FENCED &&
			   outcome.code != WEIR_E_OUT_OF_SEQUENCE) {
			say_refused(m, outcome.code);
			return false;
		}
	}
}

/* ---- items ---- */

/*
 * It could not be processed. Without room to say so the lease of a queue's runs out, which says the
 * same; of a partition's it is said later, and nothing else is handled before that. A gap of one
 * cannot be tried again: left for later nobody would ever acknowledge it.
 */
static enum weir_handled give_back(struct weir_member *m, const struct weir_item *item,
				   enum weir_handled said)
{
	struct weir_rejection rejection = {.delay_ns = WEIR_DELAY_DEFAULT};
	m->untold = WEIR_HANDLED_OK;
	if (m->sharing == NULL && item->kind != WEIR_ITEM_EVENT)
		return WEIR_HANDLED_STOP;
	rejection.verdict = said == WEIR_HANDLED_DEAD ? WEIR_VERDICT_DEAD : WEIR_VERDICT_RETRY;
	int rc = weir_reject(m, item, &rejection);
	rejection.verdict = WEIR_VERDICT_RETRY;
	if (rc == -EINVAL) /* there are no dead letters */
		rc = weir_reject(m, item, &rejection);
	if (rc == WEIR_E_FENCED)
		m->fenced = true;
	if (m->sharing == NULL && rc == WEIR_E_AGAIN)
		m->untold = said;
	/* What it has left for later lies before it. */
	return m->sharing == NULL && rc == WEIR_E_OUT_OF_SEQUENCE ? WEIR_HANDLED_STOP
								  : WEIR_HANDLED_LATER;
}

/*
 * The handler has said of the item that it failed, and the log could not be told. True: it was by
 * now, or the item is not the member's any more. False: it rests, and tries that again.
 */
static bool tell_untold(struct weir_member *m, const struct weir_item *item, uint64_t now_ns)
{
	if (is_still_owned(m, item, now_ns))
		(void)give_back(m, item, m->untold);
	else
		m->untold = WEIR_HANDLED_OK;
	if (m->untold != WEIR_HANDLED_OK)
		m->transactions->retry_at_ns = now_ns + SOON_RETRY_NS;
	return m->untold == WEIR_HANDLED_OK;
}

/* False: it said stop. */
static bool handle(struct weir_member *m, const struct weir_item *item, uint64_t now_ns)
{
	/* What it publishes is caused by this item; a handler may step another pipeline. */
	const struct weir_item *outer = wr_item_in_hand;
	const struct weir_member *outer_member = wr_member_in_hand;
	wr_item_in_hand = item;
	wr_member_in_hand = m;
	wr_span_begun(m, item->sequence, now_ns);
	enum weir_handled said = m->handler(m->handler_context, m, item);
	wr_item_in_hand = outer;
	wr_member_in_hand = outer_member;
	int rc = 0;
	bool has_run = m->in_transaction && said == WEIR_HANDLED_OK &&
		       (m->transactions->output_count > 0 || m->transactions->part_count > 0);
	if (has_run)
		rc = commit_run(m, item);
	else if (m->in_transaction)
		wr_transaction_abort(m);
	/* The item, or one that it left for later, is not its own any more: others get it again. */
	if (rc == WEIR_E_FENCED)
		m->fenced = true;
	else if (rc != 0 && wr_pipeline_refused(m->pipeline) == 0)
		said = m->sharing != NULL ? WEIR_HANDLED_RETRY : WEIR_HANDLED_STOP;
	if (rc != 0 && said == WEIR_HANDLED_STOP)
		say_refused(m, rc);
	if (said == WEIR_HANDLED_RETRY || said == WEIR_HANDLED_DEAD)
		said = give_back(m, item, said);
	if (said == WEIR_HANDLED_STOP) {
		wr_member_pass_rows(m);
		wr_store_release(&m->handler_end, 1u); /* M2 */
		return false;
	}
	/* Fenced meanwhile: another member gets it again. */
	if (said == WEIR_HANDLED_OK && !has_run && weir_ack(m, item) == WEIR_E_FENCED)
		m->fenced = true;
	return true;
}

/* At least one item, and as many as a slice of time has room for. */
static int handle_items(struct weir_member *m, uint32_t budget)
{
	struct wr_clock *clock = m->pipeline->host.clock;
	uint64_t now_ns = wr_clock_mono_ns(clock), until_ns = now_ns + SLICE_NS;
	int done = 0;
	m->mail_seen = UINT64_MAX; /* a message that waits for room is looked at again */
	do {
		const struct weir_item *item = &m->items[m->item_next];
		keep_up(m, now_ns);
		if (wr_transactions_undecided(m))
			wr_member_take_replies(m);
		if (m->rewinds) {
			m->untold = WEIR_HANDLED_OK;
			drop_items(m);
			break;
		}
		if (m->untold != WEIR_HANDLED_OK) {
			if (!tell_untold(m, item, now_ns))
				break;
			m->item_next++;
			done++;
			continue;
		}
		if (!begin_run(m))
			break;
		if (is_still_owned(m, item, now_ns)) {
			if (!handle(m, item, now_ns)) {
				m->item_count = m->item_next;
				return done + 1;
			}
			uint64_t begun_ns = now_ns;
			now_ns = wr_clock_mono_ns(clock);
			wr_member_handled(m, now_ns - begun_ns);
			if (m->untold != WEIR_HANDLED_OK)
				break;
		} else if (m->in_transaction) {
			wr_transaction_abort(m);
		}
		m->item_next++;
		done++;
	} while (m->item_next < m->item_count && (uint32_t)done < budget && now_ns < until_ns);
	(void)wr_member_flush(m);
	return done;
}

/* Until what could not be read is tried again. */
static uint64_t until_retry_ns(struct weir_member *m)
{
	uint64_t retry_at_ns = m->transactions->retry_at_ns;
	if (!m->stuck && retry_at_ns == 0)
		return UINT64_MAX;
	uint64_t now_ns = wr_clock_mono_ns(m->pipeline->host.clock);
	uint64_t waited_ns = m->stuck ? now_ns - m->stuck_ns : 0;
	uint64_t idle_ns = retry_at_ns > now_ns ? retry_at_ns - now_ns : 0;
	if (retry_at_ns == 0)
		idle_ns = UINT64_MAX;
	if (!m->stuck)
		return idle_ns;
	return wr_min_u64(idle_ns, waited_ns < STUCK_RETRY_NS ? STUCK_RETRY_NS - waited_ns : 0);
}

/* What is in hand waits for a run, or to be told of, and runs for outcomes: anything may end it. */
static uint64_t wants(struct weir_member *m)
{
	uint64_t part_first;
	if (m->item_next < m->item_count || wr_transaction_oldest(m, &part_first) != NULL)
		return WR_WANTS_ALL;
	return wr_member_wants(m);
}

static void handler_announced(void *self)
{
	struct weir_member *m = self;
	m->announced = m->sleepers != NULL ? wants(m) : 0;
	if (m->announced != 0)
		wr_sleepers_add(m->sleepers, m->slot % WR_SLEEPER_PLACES, m->announced);
}

/* 0: it wants more than it has announced. */
static uint64_t handler_idle_ns(void *self)
{
	struct weir_member *m = self;
	if (m->sleepers != NULL && (wants(m) & ~m->announced) != 0)
		return 0;
	return until_retry_ns(m);
}

/* Nobody polls, so nobody is returned a code: who listens is told, once for each place. */
static void handler_is_stuck(struct weir_member *m, uint64_t mail)
{
	m->stuck = true;
	m->stuck_mail = mail;
	m->stuck_ns = wr_clock_mono_ns(m->pipeline->host.clock);
	if (m->stuck_seq != m->scan_seq)
		wr_pipeline_say(m->pipeline, WR_EVENT_HANDLER_STUCK,
				WR_FIELDS(wr_field_text("member", m->name),
					  wr_field_u64("sequence", m->scan_seq),
					  wr_field_code(m->problem.code)),
				"%s", m->problem.text);
	m->stuck_seq = m->scan_seq;
}

/* Whether it rests until a run may find room. */
static bool rests(struct weir_member *m)
{
	uint64_t retry_at_ns = m->transactions->retry_at_ns;
	if (retry_at_ns != 0 && wr_clock_mono_ns(m->pipeline->host.clock) < retry_at_ns)
		return true;
	m->transactions->retry_at_ns = 0;
	return false;
}

static int handler_step(void *self, uint32_t budget)
{
	struct weir_member *m = self;
	struct weir_pipeline *p = m->pipeline;
	if (wr_load_acquire(&m->handler_end) != 0 || /* M2 */
	    wr_pipeline_refused(p) == WEIR_E_CLOSED) {
		m->item_next = m->item_count; /* what was not begun stays in the log */
		wr_member_take_replies(m);
		if (!m->handler_ended && wr_member_flush(m) == 0) {
			wr_member_unpin(m);
			m->handler_ended = true;
			if (wr_load_acquire(&m->handler_end) == 1) { /* M2: said STOP */
				wr_store_release(&m->state, (uint32_t)WR_MEMBER_LEAVING); /* M1 */
				wr_park_wake(&p->group_parker);
			}
			wr_store_release(&m->handler_end, 2u); /* M2 */
			return 1;
		}
		return 0;
	}
	if (!take_outcomes(m)) {
		wr_member_pass_rows(m);
		wr_store_release(&m->handler_end, 1u); /* M2 */
		return 1;
	}
	if (rests(m))
		return 0;
	if (m->item_next < m->item_count)
		return handle_items(m, budget);
	if (m->moved)
		wr_member_unpin(m);
	m->moved = false;
	uint64_t mail = wr_park_look_u64(&m->mail); /* N1 */
	if (m->stuck && mail == m->stuck_mail && until_retry_ns(m) > 0)
		return 0;
	wr_store_relaxed(&m->polled_ns, wr_clock_mono_ns(p->host.clock));
	int count = wr_member_poll(m, m->items, m->items_max);
	m->stuck = false;
	if (count == WEIR_E_FENCED) {
		wr_store_release(&m->handler_end, 1u); /* M2: as if it had said STOP */
		return 1;
	}
	if (count < 0)
		handler_is_stuck(m, mail);
	if (count <= 0) {
		/* Asleep until something comes: that is no reason to take its partitions away. */
		wr_store_relaxed(&m->polled_ns, WR_POLLED_NOW);
		return 0;
	}
	m->item_next = 0;
	m->item_count = (uint32_t)count;
	wr_member_delivered(m, m->items, m->item_count);
	wr_span_delivered(m, m->items, m->item_count);
	return handle_items(m, budget);
}

void wr_member_handler_step(struct weir_member *member, struct wr_step *ret_step)
{
	*ret_step = (struct wr_step){.name = member->name,
				     .run = handler_step,
				     .idle_ns = handler_idle_ns,
				     .announced = handler_announced,
				     .self = member};
}
