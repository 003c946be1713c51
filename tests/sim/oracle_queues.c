/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues: what the log says of each event that is shared (taken by a mark, settled, rejected, put
 * to the dead letters), folded from the records alone, and what members see of it. Each event is
 * taken once, and then outstanding until it is settled, or dead, in one run with its letter. Nobody
 * is handed what is settled, what another one has, what is behind an event of its key that is not
 * settled (order KEY), or what has failed and is not durably counted.
 */
#include <string.h>

#include "core/pipeline/sharing.h"
#include "core/record/carried.h"
#include "tests/sim/oracle.h"

static uint64_t mono_ns(void)
{
	return world.disk->clock->mono_ns;
}

/* Of its topics, and wanted. */
static bool is_of(uint32_t s, uint64_t seq)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];
	const struct oracle_record *o = &oracle.records[seq];

	if (!oracle_has_event(o))
		return false;
	for (uint32_t r = 0; r < sub->row_count; r++)
		if (sub->rows[r].topic == o->topic)
			return oracle_wants(s, seq);
	return false;
}

/* What has left may have been taken before, or never. */
static void check_passed(uint32_t s, uint64_t mark_seq, uint64_t seq)
{
	world_check(oracle.records[seq].left || !is_of(s, seq), "a mark passes over an event",
		    mark_seq, seq);
}

static uint64_t key_of(uint64_t seq)
{
	return wr_share_key((const struct wr_record *)(oracle.bytes + oracle.records[seq].at));
}

bool oracle_queue_is_settled(uint32_t subscription, uint64_t seq)
{
	return oracle.queues[subscription].events[seq].state == ORACLE_SETTLED;
}

/* ---- the log --------------------------------------------------------------------------------- */

uint64_t oracle_queue_place(uint32_t s, uint64_t seq)
{
	const struct oracle_shared *e = &oracle.queues[s].events[seq];
	return e->place != 0 ? e->place : seq;
}

bool oracle_queues_need(uint64_t place)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		const struct oracle_queue *q = &oracle.queues[s];
		for (uint64_t seq = q->position; q->has_carried && seq < q->frontier; seq++)
			if (q->events[seq].state == ORACLE_OUTSTANDING &&
			    q->events[seq].place == place)
				return true;
	}
	return false;
}

/* Nothing that lies below is needed for its sake. */
uint64_t oracle_queue_lowest_place(uint32_t s)
{
	const struct oracle_queue *q = &oracle.queues[s];
	uint64_t lowest = q->has_carried ? q->frontier : q->position;

	for (uint64_t seq = q->position; q->has_carried && seq < q->frontier; seq++)
		if (q->events[seq].state == ORACLE_OUTSTANDING)
			lowest = wr_min_u64(lowest, oracle_queue_place(s, seq));
	return lowest;
}

void oracle_queue_move_position(uint32_t s, bool checked)
{
	struct oracle_queue *q = &oracle.queues[s];
	struct oracle_subscription *sub = &oracle.subscriptions[s];
	uint64_t before = q->position;

	while (q->position < q->frontier && q->events[q->position].state != ORACLE_OUTSTANDING)
		q->position++;
	if (checked && q->position != before)
		for (uint32_t r = 0; r < sub->row_count; r++)
			world_say_row(s, HISTORY_PROGRESS, &sub->rows[r], 0, q->position);
	sub->rows[0].position = oracle_queue_lowest_place(s);
}

void oracle_queue_start(uint32_t s, uint64_t start_seq)
{
	struct oracle_subscription *sub = &oracle.subscriptions[s];

	oracle.queues[s].frontier = oracle.queues[s].position = start_seq;
	oracle.queues[s].first_generation = oracle.queues[s].top_generation = 1;
	for (uint32_t r = 0; r < sub->row_count; r++)
		sub->rows[r].position = r == 0 ? start_seq : UINT64_MAX;
}

static void check_mark_event(uint32_t s, uint64_t seq, const struct wr_mark_event *event,
			     bool keyed)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];
	const struct oracle_record *o = &oracle.records[event->seq];

	world_check(event->row < sub->row_count && sub->rows[event->row].topic == o->topic &&
			    sub->rows[event->row].partition == o->partition &&
			    event->bytes == o->bytes,
		    "a mark says something else of an event", seq, event->seq);
	world_check(event->key == (keyed ? key_of(event->seq) : 0),
		    "a mark with another key than its event's", seq, event->seq);
}

static void fold_mark(uint64_t seq, uint32_t s, const struct wr_record_view *view, bool checked)
{
	struct oracle_queue *q = &oracle.queues[s];
	struct wr_mark_view mark;
	struct wr_mark_event event;

	world_check(wr_mark_read(view, &mark), "a malformed mark", seq, s);
	world_check(mark.head.from == q->frontier && mark.head.to <= seq,
		    "a mark that begins elsewhere", mark.head.from, q->frontier);
	uint64_t next = mark.head.from, to = mark.head.to;
	uint32_t call = checked && world.queues[s].priorities ? ++world.call_last : 0;
	while (wr_mark_next(&mark, &event)) {
		for (; next < event.seq; next++)
			check_passed(s, seq, next);
		world_check(is_of(s, event.seq),
			    "a mark of an event that is not the subscription's", seq, event.seq);
		if (checked)
			check_mark_event(s, seq, &event, mark.head.keyed != 0);
		struct oracle_shared *e = &q->events[event.seq];
		e->state = ORACLE_OUTSTANDING;
		e->generation = q->first_generation;
		e->not_before_us = event.not_before_us;
		e->expires_us = event.expires_us;
		if (call != 0)
			world_say_taken(s, event.seq, call);
		next = event.seq + 1;
	}
	for (; next < to; next++)
		check_passed(s, seq, next);
	q->frontier = to;
	oracle_queue_move_position(s, checked);
}

/* A suspect is settled, or has failed; whatever is in hand is not any more. */
void oracle_queue_suspect_moved(struct oracle_queue *q, uint64_t seq, bool progress)
{
	q->progress = q->progress || (progress && seq < q->suspects_end);
	if (q->in_hand == seq)
		q->in_hand = 0;
}

/* Nobody but who writes about suspects: not one word too many, and none of another lease's. */
static void fold_suspects(uint64_t seq, uint32_t s, const struct wr_reject *r)
{
	struct oracle_queue *q = &oracle.queues[s];
	struct oracle_shared *e =
		&q->events[r->verdict == WR_VERDICT_IN_HAND ? r->seq : q->in_hand];
	bool any = q->position < q->frontier;

	if (r->verdict == WR_VERDICT_IN_HAND) {
		world_check(e->state == ORACLE_OUTSTANDING && e->generation == r->generation &&
				    r->seq < q->suspects_end && q->crashes > 1,
			    "in hand alone, and no suspect", seq, r->seq);
		q->in_hand = r->seq;
		q->in_hand_record = seq;
		return;
	}
	if (r->verdict == WR_VERDICT_CRASHED) {
		if (q->in_hand != 0) {
			oracle_queue_raise(s, q->in_hand);
			e->attempts++;
			e->counted_seq = seq;
		}
		bool older = any && q->position < q->suspects_end;
		if (!older) {
			q->suspects_end = any ? q->frontier : 0;
			q->crashes = any;
			q->forgiven = false;
		} else if (q->crashes < 2) {
			q->forgiven = q->progress && !q->forgiven;
			q->crashes += q->forgiven ? 0 : 1;
		} else if (q->in_hand == 0) {
			q->suspects_end = q->frontier;
		}
		q->progress = false;
	}
	q->in_hand = 0;
}

static void check_settle(uint32_t s, uint64_t seq, uint64_t event_seq)
{
	const struct oracle_shared *e = &oracle.queues[s].events[event_seq];
	bool may_go = false;

	/* Who was to be handed what was erased settled it unseen; and nothing is copied of it. */
	if (e->acked_generation == e->generation || oracle_is_erased(event_seq))
		return;
	if (!world.queues[s].has_dead_letters) {
		world_say_expired(s, event_seq);
		may_go = oracle_queue_is_expired(e, event_seq, seq) ||
			 oracle_queue_may_be_dropped(s, e);
	} else {
		/* So it is dead, and this should have been its letter. */
		world_say_dead(s, event_seq, seq, false);
	}
	world_check(may_go, "settled under a lease in which nobody acknowledged it", seq,
		    event_seq);
}

static void fold_settle(uint64_t seq, uint32_t s, const struct wr_record_view *view, bool checked)
{
	struct oracle_queue *q = &oracle.queues[s];
	bool is_of_letter = oracle.letter_seq != 0;
	struct wr_settle_view settle;
	struct wr_settle_run run;
	uint32_t settled = 0;

	world_check(wr_settle_read(view, &settle), "a malformed settle", seq, s);
	while (wr_settle_next(&settle, &run))
		for (uint64_t i = run.first; i <= run.last && i < q->frontier; i++) {
			struct oracle_shared *e = &q->events[i];
			if (e->state != ORACLE_OUTSTANDING || e->generation != run.generation)
				continue;
			world_check(!is_of_letter || i == oracle.letter_of_seq,
				    "a dead letter's run settles another event", seq, i);
			if (checked && is_of_letter)
				world_say_dead(s, i, oracle.letter_seq, false);
			else if (checked)
				check_settle(s, seq, i);
			e->state = ORACLE_SETTLED;
			oracle_queue_suspect_moved(q, i, true);
			settled++;
		}
	world_check(settled > 0, "a settle of nothing was taken", seq, s);
	oracle.letter_seq = oracle.letter_of_seq = 0;
	if (checked)
		world.sometimes[SOMETIMES_SETTLED] += settled;
	oracle_queue_move_position(s, checked);
}

/* Said by whoever had it, or its lease was over. */
static void check_reject(uint64_t seq, const struct oracle_shared *e, const struct wr_reject *r)
{
	if (r->verdict == WR_VERDICT_EXPIRED) {
		world_check(e->leased_until_ns <= mono_ns(), "a lease ended before its time", seq,
			    r->seq);
		world_sometimes(SOMETIMES_LEASE_OVER);
	} else if (r->verdict != WR_VERDICT_RELEASED) {
		world_check(e->rejected_generation == e->generation,
			    "rejected under a lease in which nobody rejected it", seq, r->seq);
	}
}

static void fold_reject(uint64_t seq, uint32_t s, const struct wr_record_view *view, bool checked)
{
	const struct world_queue *how = &world.queues[s];
	struct wr_reject reject;
	const char *text;

	world_check(wr_reject_read(view, &reject, &text), "a malformed reject", seq, s);
	if (reject.verdict >= WR_VERDICT_IN_HAND) {
		fold_suspects(seq, s, &reject);
		return;
	}
	if (oracle_queue_fold_parked(seq, s, &reject, checked))
		return;
	world_check(oracle.letter_seq == 0, "a dead letter, and its event is rejected", seq,
		    reject.seq);
	struct oracle_shared *e = &oracle.queues[s].events[reject.seq];
	world_check(reject.seq < oracle.queues[s].frontier && e->state == ORACLE_OUTSTANDING &&
			    e->generation == reject.generation,
		    "a reject of a lease that is over was taken", seq, reject.seq);
	if (checked)
		check_reject(seq, e, &reject);
	if (checked && reject.verdict == WR_VERDICT_RETRY)
		e->retry_from_ns = e->wanted_ns;
	oracle_queue_raise(s, reject.seq);
	e->holder = 0;
	oracle_queue_suspect_moved(&oracle.queues[s], reject.seq,
				   reject.verdict != WR_VERDICT_RELEASED);
	if (reject.verdict == WR_VERDICT_RELEASED)
		return;
	e->attempts++;
	e->counted_seq = seq;
	e->dead = reject.verdict == WR_VERDICT_DEAD;
	world_check(how->attempts_max == 0 || e->attempts <= how->attempts_max,
		    "more attempts than there may be", seq, reject.seq);
}

void oracle_queue_fold(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	uint32_t s = view->head->topic;

	world_check(s < WORLD_SUBSCRIPTIONS && oracle.subscriptions[s].exists && world_is_queue(s),
		    "a record of a queue that is none", seq, s);
	if (view->head->kind == WR_KIND_HANDOUT_MARK)
		fold_mark(seq, s, view, checked);
	else if (view->head->kind == WR_KIND_SETTLE)
		fold_settle(seq, s, view, checked);
	else
		fold_reject(seq, s, view, checked);
}

bool oracle_is_copy(const struct oracle_record *of, const struct wr_record_view *letter)
{
	struct wr_record_view view;

	return wr_record_view(oracle.bytes + of->at, of->bytes, &view) &&
	       view.head->key_bytes == letter->head->key_bytes &&
	       memcmp(view.key, letter->key, view.head->key_bytes) == 0 &&
	       view.payload_bytes == letter->payload_bytes &&
	       memcmp(view.payload, letter->payload, view.payload_bytes) == 0;
}

/* Of an event that is outstanding, and that nobody has: all of it, with what it was. */
void oracle_queue_carried(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	struct wr_carried carried = {.subscription = UINT32_MAX};

	(void)wr_carried_read(view, &carried);
	uint32_t s = carried.subscription;
	if (s >= WORLD_SUBSCRIPTIONS || !oracle.subscriptions[s].exists || !world_is_queue(s))
		world_fail("an event is carried for a queue that is none", seq, s);
	struct oracle_queue *q = &oracle.queues[s];
	world_check(carried.seq < q->frontier && q->events[carried.seq].state == ORACLE_OUTSTANDING,
		    "an event is carried that is not outstanding", seq, carried.seq);
	struct oracle_shared *e = &q->events[carried.seq];
	const struct oracle_record *of = &oracle.records[carried.seq];
	world_check(!checked || e->holder == 0 || e->leased_until_ns <= mono_ns(),
		    "an event is carried that somebody has", seq, carried.seq);
	world_check(!checked || !oracle_is_erased(carried.seq),
		    "an event is carried that was erased", seq, carried.seq);
	world_check(oracle_has_event(of) && of->topic == view->head->topic &&
			    of->epoch == carried.epoch && of->time_us == carried.append_us &&
			    oracle_is_copy(of, view),
		    "what is carried is not the event", seq, carried.seq);
	e->place = e->copy = seq;
	q->has_carried = true;
	oracle_queue_move_position(s, checked);
	if (checked)
		world_sometimes(SOMETIMES_CARRIED);
}

void oracle_queues_fold_anew(uint64_t last_seq)
{
	oracle.letter_seq = oracle.letter_of_seq = 0;
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		struct oracle_queue *q = &oracle.queues[s];
		for (uint64_t seq = 0; seq < q->touched_end; seq++) {
			struct oracle_shared *e = &q->events[seq];
			bool stays = seq != 0 && seq <= last_seq;
			*e = (struct oracle_shared){
				.attempts_seen = stays ? e->attempts_seen : 0,
				.kept = stays && e->kept,
			};
		}
		q->frontier = q->position = 0;
		q->has_carried = false;
		q->suspects_end = q->in_hand = q->crashes = 0;
		q->progress = q->forgiven = false;
		q->touched_end = world_is_queue(s) ? last_seq + 1 : 0;
	}
}

/* The library's list, entry by entry: no lease that is over has settled anything. */
void oracle_queues_compare(void)
{
	struct wr_outstanding *o = &world.pipeline->tables.outstanding;

	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		const struct oracle_queue *q = &oracle.queues[s];
		if (!world_is_queue(s) || !oracle.subscriptions[s].exists)
			continue;
		world_check(o->lists[s].frontier == q->frontier,
			    "a frontier is not what the log says", o->lists[s].frontier,
			    q->frontier);
		uint32_t at = o->lists[s].first;
		for (uint64_t seq = q->position; seq < q->frontier; seq++) {
			const struct oracle_shared *e = &q->events[seq];
			if (e->state != ORACLE_OUTSTANDING)
				continue;
			world_check(at != WR_NO_ENTRY, "less is outstanding than the log says", s,
				    seq);
			if (at == WR_NO_ENTRY)
				break;
			const struct wr_outstanding_entry *entry = &o->entries[at];
			world_check(entry->seq == seq && entry->generation == e->generation &&
					    entry->attempts == e->attempts &&
					    entry->place == e->place &&
					    ((entry->dead & WR_ENTRY_DEAD) != 0) == e->dead &&
					    ((entry->dead & WR_ENTRY_PARKED) != 0) == e->parked,
				    "what is outstanding is not what the log says", s, seq);
			at = entry->next;
		}
		world_check(at == WR_NO_ENTRY, "more is outstanding than the log says", s, at);
	}
}

void oracle_queues_check_kept(void)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		for (uint64_t seq = 1; seq < oracle.queues[s].touched_end; seq++)
			world_check(!oracle.queues[s].events[seq].kept ||
					    oracle_queue_is_settled(s, seq),
				    "what was told to be settled durably is not", s, seq);
}

/* ---- members --------------------------------------------------------------------------------- */

static struct oracle_shared *shared_of(const struct world_member *m, const struct weir_item *item)
{
	return &oracle.queues[m->subscription].events[item->sequence];
}

bool oracle_queue_is_held(const struct world_member *m, const struct weir_item *item)
{
	const struct wr_in_hand *held = wr_hand_find(m->handle->sharing, item->sequence);

	return held != NULL && held->generation == item->generation;
}

static void check_key(uint32_t s, uint64_t seq)
{
	const struct oracle_queue *q = &oracle.queues[s];
	uint64_t key = key_of(seq);

	for (uint64_t i = q->position; key != 0 && i < seq; i++)
		world_check(q->events[i].state != ORACLE_OUTSTANDING || key_of(i) != key,
			    "a key's next while one of it is not settled", seq, i);
}

/* After two deaths without progress, or three: one at a time, and that is durable. */
static void check_alone(const struct world_member *m, const struct weir_item *item)
{
	const struct oracle_queue *q = &oracle.queues[m->subscription];
	uint64_t durable = wr_load_acquire(&world.pipeline->link.durable_seq);

	if (q->crashes < 2 || item->sequence >= q->suspects_end)
		return;
	world_check(q->in_hand == item->sequence, "a suspect is handed out with others",
		    item->sequence, q->in_hand);
	world_check(q->in_hand_record <= durable,
		    "a suspect is handed out before it is durable that it is in hand",
		    item->sequence, q->in_hand_record);
	world_sometimes(SOMETIMES_ALONE);
}

static void check_turn(const struct world_member *m, const struct weir_item *item)
{
	const struct world_queue *how = &world.queues[m->subscription];
	const struct oracle_shared *e = shared_of(m, item);
	uint64_t durable = wr_load_acquire(&world.pipeline->link.durable_seq);

	world_check(e->state == ORACLE_OUTSTANDING, "handed out, and not outstanding",
		    item->sequence, e->state);
	world_check(item->generation == e->generation, "handed out under another lease",
		    item->generation, e->generation);
	world_check(item->attempts == e->attempts + 1, "another count of attempts", item->attempts,
		    e->attempts);
	world_check(item->attempts >= e->attempts_seen, "attempts went back", item->attempts,
		    e->attempts_seen);
	world_check(!e->parked, "handed out, and parked", item->sequence, 0);
	world_check(!e->dead && (how->attempts_max == 0 || e->attempts < how->attempts_max),
		    "handed out, and given up", item->sequence, e->attempts);
	world_check(e->counted_seq <= durable, "handed out before its attempt was durable",
		    item->sequence, e->counted_seq);
	world_check(e->holder == 0 || e->leased_until_ns <= mono_ns(),
		    "handed out while another one has it", item->sequence, e->holder);
	world_check(e->retry_from_ns <= mono_ns(), "handed out before its delay is over",
		    e->retry_from_ns, mono_ns());
	check_alone(m, item);
	if (how->order == WEIR_ORDER_KEY)
		check_key(m->subscription, item->sequence);
}

void oracle_queue_delivered(struct world_member *m, const struct weir_item *item)
{
	struct oracle_subscription *sub = &oracle.subscriptions[m->subscription];
	struct oracle_shared *e = shared_of(m, item);

	if (oracle_queue_is_over(m, item))
		return;
	if (!oracle_erased_item(m, item)) {
		world_check(item->kind == WEIR_ITEM_EVENT, "a gap that nobody asked for",
			    item->sequence, item->end_sequence);
		oracle_check_event(sub, item);
	}
	check_turn(m, item);
	const struct wr_in_hand *held = wr_hand_find(m->handle->sharing, item->sequence);
	world_check(held != NULL, "handed out, and not in hand", item->sequence, 0);
	if ((sub->flags[item->sequence] & ORACLE_DELIVERED) != 0) {
		world_sometimes(SOMETIMES_SHARED_AGAIN);
		world_check((item->flags & WEIR_ITEM_REDELIVERED) != 0,
			    "handed out again without saying so", item->sequence, item->generation);
	}
	sub->flags[item->sequence] |= ORACLE_DELIVERED;
	world_sometimes(SOMETIMES_SHARED);
	if (item->attempts > 1)
		world_sometimes(SOMETIMES_RETRIED);
	e->attempts_seen = item->attempts;
	e->holder = m->process;
	e->leased_until_ns = held != NULL ? held->due_ns : 0;
	e->retry_from_ns = 0;
}

/* An end of a lease that its member is told of has a reason. */
void oracle_queue_fenced(struct world_member *m, const struct weir_item *item)
{
	const struct oracle_shared *e = shared_of(m, item);

	world_check(e->state != ORACLE_OUTSTANDING || e->generation != item->generation ||
			    e->holder != m->process || e->leased_until_ns <= mono_ns() ||
			    e->acked_generation == item->generation,
		    "fenced, and its lease is not over", item->sequence, item->generation);
}

void oracle_queue_acked(struct world_member *m, const struct weir_item *item)
{
	struct oracle_shared *e = shared_of(m, item);

	/* Somebody whose lease is over may say so late: it counts for nothing. */
	if (item->generation > e->acked_generation)
		e->acked_generation = item->generation;
	if (m->acked_count < WORLD_ACKED_MAX)
		m->acked[m->acked_count++] = (uint32_t)item->sequence;
}

void oracle_queue_rejected(struct world_member *m, const struct weir_item *item, uint64_t delay_ns)
{
	struct oracle_shared *e = shared_of(m, item);

	world_say_lease(m, item, HISTORY_RELEASE);
	if (item->generation < e->rejected_generation)
		return; /* it counts for nothing */
	e->rejected_generation = item->generation;
	/* By the log's own clock, which may run at twice the speed of this one (L17). */
	e->wanted_ns = mono_ns() + delay_ns / 2;
	e->leased_until_ns = 0;
}

void oracle_queue_extended(struct world_member *m, const struct weir_item *item)
{
	const struct wr_in_hand *held = wr_hand_find(m->handle->sharing, item->sequence);
	struct oracle_shared *e = shared_of(m, item);

	if (held != NULL && held->due_ns > e->leased_until_ns)
		world_sometimes(SOMETIMES_LEASE_EXTENDED);
	if (held != NULL)
		e->leased_until_ns = held->due_ns;
	world_say_lease(m, item, HISTORY_EXTEND);
}

/* What it acknowledged is settled, unless it is told that some of it was not. */
void oracle_queue_committed(struct world_member *m, int rc, enum weir_level level)
{
	if (rc == WEIR_E_FENCED) {
		world_sometimes(SOMETIMES_LATE_ACK);
		m->acked_count = 0;
	}
	for (uint32_t i = 0; rc == 0 && i < m->acked_count; i++) {
		world_check(oracle_queue_is_settled(m->subscription, m->acked[i]),
			    "a commit that the log does not hold", m->acked[i], m->process);
		world_say_settled(m, m->acked[i], level);
		if (level == WEIR_LEVEL_DURABLE)
			oracle.queues[m->subscription].events[m->acked[i]].kept = true;
	}
	if (rc == 0 && level == WEIR_LEVEL_DURABLE)
		m->acked_count = 0;
}

/* What it has is anybody's from now on. */
void oracle_queue_left(struct world_member *m)
{
	struct oracle_queue *q = &oracle.queues[m->subscription];

	world_say_left(m);
	for (uint64_t seq = q->position; seq < q->frontier; seq++)
		if (q->events[seq].holder == m->process)
			q->events[seq].holder = 0;
}
