/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of partitions that fail: what the log says of the one in each row that is tried (rejected,
 * in hand alone, met by a crash, put to the dead letters), folded from the records alone, and what
 * members see of it. Nobody rejects it but its owner, in its turn; nobody is handed it again before
 * its attempt is durable and its time has come, nor what lies behind it before it is settled; it is
 * a dead letter when its attempts are used up, and never else.
 */
#include <string.h>

#include "tests/sim/oracle.h"

/*
 * Fewer than the library has (1024): over long partitions the two count what goes alone
 * differently, perhaps by what is given up. Why is not known (docs/design/known-gaps.md).
 */
#define ALONE_EVENTS 256u
/* From so many crashes at one place on nothing but what was in hand has done it. */
#define CRASHES_CERTAIN 4u

static uint64_t mono_ns(void)
{
	return world.disk->clock->mono_ns;
}

static uint32_t row_index(uint32_t s, uint32_t topic, uint32_t partition)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];

	for (uint32_t r = 0; r < sub->row_count; r++)
		if (sub->rows[r].topic == topic && sub->rows[r].partition == partition)
			return r;
	world_fail("a partition that is not the subscription's", topic, partition);
}

static bool is_live(const struct oracle_tried *t, const struct oracle_row *row)
{
	return t->seq != 0 && t->seq >= row->position;
}

/* It is to be a dead letter; `doubts`: of those crashes that may have counted. */
static bool is_dead(uint32_t s, const struct oracle_tried *t, uint32_t doubts)
{
	const struct world_tries *how = &world.tries[s];

	return how->has_dead_letters &&
	       (t->dead || t->expired ||
		(how->attempts_max != 0 && t->attempts + doubts >= how->attempts_max));
}

/* Whether the log may say that it has failed so often. */
static bool is_count(const struct oracle_tried *t, uint32_t attempts)
{
	return attempts >= t->attempts && attempts <= t->attempts + t->doubts;
}

/* Nobody has to say anything of it: not wanted, or it has left, or was erased. */
static bool is_nobodys(uint32_t s, uint64_t seq)
{
	return !oracle_wants(s, seq) || oracle.records[seq].left || oracle_is_erased(seq);
}

/* The first from the row's position on that somebody has to settle; 0: none. */
static uint64_t first_unsettled(uint32_t s, const struct oracle_row *row)
{
	const struct oracle_list *list = &oracle.lists[row->topic][row->partition];

	for (uint32_t i = oracle_first_index(list, row->position); i < list->count; i++)
		if (!is_nobodys(s, list->seqs[i]))
			return list->seqs[i];
	return 0;
}

/* Crashes at a place that the row has left are no more, also where it is moved back there. */
static void forget_old_crashes(struct oracle_tried *t, const struct oracle_row *row)
{
	if (t->crash_from != row->position)
		t->crashes = 0;
}

/* ---- the log --------------------------------------------------------------------------------- */

static void count_attempt(struct oracle_tried *t, uint64_t seq, uint32_t reason)
{
	t->attempts++;
	t->reason = reason;
	t->counted_seq = seq;
	t->in_hand = false;
}

/*
 * What was in hand has failed, or another row is in doubt, which goes by what the library takes for
 * busy: for sure where it happened often enough at one place. Of a row whose events wait when the
 * process dies it is known; of others it may be taken so.
 */
static void meet_crash(uint64_t seq, uint32_t s, uint32_t r, bool any_in_hand)
{
	const struct oracle_row *row = &oracle.subscriptions[s].rows[r];
	struct oracle_tried *t = &oracle.tries[s].rows[r];
	bool in_hand = t->in_hand && is_live(t, row);
	bool is_busy = row->position != UINT64_MAX && first_unsettled(s, row) != 0;

	if (in_hand)
		world_sometimes(SOMETIMES_TRIED_CRASHED);
	if (in_hand && t->crashes >= CRASHES_CERTAIN) {
		count_attempt(t, seq, 0);
	} else if (in_hand) {
		t->doubts++;
		t->in_hand = false;
	}
	if (in_hand || is_busy) {
		t->crashes = t->crash_from == row->position ? t->crashes + 1 : 1;
		t->crash_from = row->position;
		if (any_in_hand && t->crashes < 2)
			t->crashes = 2;
	} else {
		forget_old_crashes(t, row);
	}
}

static void fold_of_all(uint64_t seq, uint32_t s, const struct wr_reject *reject)
{
	struct oracle_tries *tries = &oracle.tries[s];
	const struct oracle_subscription *sub = &oracle.subscriptions[s];
	bool any_in_hand = false;

	tries->opened_seq = seq;
	for (uint32_t r = 0; r < sub->row_count; r++)
		any_in_hand = any_in_hand ||
			      (tries->rows[r].in_hand && is_live(&tries->rows[r], &sub->rows[r]));
	for (uint32_t r = 0; r < sub->row_count; r++) {
		if (reject->verdict == WR_VERDICT_CRASHED) {
			meet_crash(seq, s, r, any_in_hand);
			continue;
		}
		tries->rows[r].in_hand = false;
		forget_old_crashes(&tries->rows[r], &sub->rows[r]);
	}
	tries->crashes += reject->verdict == WR_VERDICT_CRASHED;
}

static void fold_in_hand(uint64_t seq, uint32_t s, struct oracle_tried *t)
{
	for (uint32_t r = 0; r < oracle.subscriptions[s].row_count; r++) {
		const struct oracle_tried *other = &oracle.tries[s].rows[r];
		world_check(other == t || !other->in_hand ||
				    !is_live(other, &oracle.subscriptions[s].rows[r]),
			    "two events of partitions are in hand alone at a time", seq,
			    other->seq);
	}
	world_check(oracle.tries[s].crashes > 1, "in hand alone, and no two crashes", seq, t->seq);
	t->in_hand = true;
	t->in_hand_record = seq;
}

/* Said by its owner in this life, as it is in the record. */
static void check_said(uint64_t seq, const struct oracle_tried *t, const struct wr_reject *reject)
{
	enum weir_verdict verdict = reject->verdict == WR_VERDICT_DEAD       ? WEIR_VERDICT_DEAD
				    : reject->verdict == WR_VERDICT_RELEASED ? WEIR_VERDICT_RELEASE
									     : WEIR_VERDICT_RETRY;

	world_check(t->said_seq == reject->seq && t->said_generation == reject->generation &&
			    t->said_verdict == verdict && t->said_reason == reject->reason,
		    "a rejection that its owner did not say", seq, reject->seq);
}

/* It would be tried again later than it may be, by the log's clock, or it would not. */
static void check_age(uint64_t seq, uint32_t s, const struct wr_reject *reject)
{
	const struct world_tries *how = &world.tries[s];
	uint64_t age_us = reject->failed_us - oracle.records[reject->seq].time_us;
	uint64_t most_us = wr_max_u64(how->retry_delay_max_ns, WORLD_TRIES_DELAY_MAX_NS) / 1000 + 1;

	if (reject->failed_us < oracle.records[reject->seq].time_us)
		age_us = 0;
	if (reject->verdict == WR_VERDICT_EXPIRED)
		world_check(how->age_max_ns != 0 && age_us + most_us >= how->age_max_ns / 1000,
			    "too old to be tried again, and it is not", seq, reject->seq);
	else if (reject->verdict == WR_VERDICT_RETRY)
		world_check(how->age_max_ns == 0 || age_us < how->age_max_ns / 1000,
			    "tried again, and it is too old", seq, reject->seq);
}

static void fold_of_event(uint64_t seq, uint32_t s, uint32_t r, const struct wr_reject *reject,
			  bool checked)
{
	struct oracle_subscription *sub = &oracle.subscriptions[s];
	struct oracle_row *row = &sub->rows[r];
	struct oracle_tried *t = &oracle.tries[s].rows[r];
	const struct oracle_record *o = &oracle.records[reject->seq];

	world_check(reject->generation == row->generation, "a rejection under another generation",
		    seq, reject->seq);
	world_check(reject->seq < seq && o->topic == row->topic && o->partition == row->partition,
		    "a rejection of another partition's event", seq, reject->seq);
	uint64_t first = checked ? first_unsettled(s, row) : 0;
	world_check(reject->seq >= row->position && (first == 0 || first >= reject->seq),
		    "rejected before its turn", seq, reject->seq);
	world_check(!is_live(t, row) || t->seq == reject->seq, "two events of a partition failed",
		    seq, reject->seq);
	if (!is_live(t, row)) {
		t->seq = reject->seq;
		t->attempts = t->reason = t->doubts = 0;
		t->counted_seq = 0;
		t->dead = t->expired = t->in_hand = false;
		if (reject->verdict != WR_VERDICT_IN_HAND)
			forget_old_crashes(t, row);
	}
	if (reject->verdict == WR_VERDICT_IN_HAND) {
		fold_in_hand(seq, s, t);
		return;
	}
	if (checked) {
		check_said(seq, t, reject);
		/* What the log refuses, of an owner from before, delays nothing. */
		t->retry_from_ns = t->said_from_ns;
		check_age(seq, s, reject);
		sub->flags[reject->seq] &= (uint8_t)~ORACLE_ACKED;
	}
	t->in_hand = false;
	if (reject->verdict == WR_VERDICT_RELEASED)
		return;
	count_attempt(t, seq, reject->reason);
	t->dead = reject->verdict == WR_VERDICT_DEAD;
	t->expired = reject->verdict == WR_VERDICT_EXPIRED;
	world_check(world.tries[s].attempts_max == 0 || t->attempts <= world.tries[s].attempts_max,
		    "more attempts than there may be", seq, reject->seq);
}

void oracle_try_fold(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	uint32_t s = view->head->topic, r = view->head->key_hash;
	struct wr_reject reject;
	const char *text;

	world_check(wr_reject_read(view, &reject, &text), "a malformed reject", seq, s);
	world_check(world.has_tries && s < WORLD_SUBSCRIPTIONS && oracle.subscriptions[s].exists &&
			    r < oracle.subscriptions[s].row_count,
		    "a rejection where nothing fails", seq, s);
	switch (reject.verdict) {
	case WR_VERDICT_CRASHED:
	case WR_VERDICT_OUT_OF_HAND:
		fold_of_all(seq, s, &reject);
		break;
	case WR_VERDICT_RETRY:
	case WR_VERDICT_DEAD:
	case WR_VERDICT_EXPIRED:
	case WR_VERDICT_RELEASED:
	case WR_VERDICT_IN_HAND:
		fold_of_event(seq, s, r, &reject, checked);
		break;
	default:
		world_fail("a rejection of a kind that nobody wrote", seq, reject.verdict);
	}
}

void oracle_tries_made(uint64_t seq, uint32_t s)
{
	oracle.tries[s] = (struct oracle_tries){.made_epoch = oracle.records[seq].epoch};
}

void oracle_try_raised(uint32_t s, uint32_t r, bool is_moved)
{
	const struct oracle_row *row = &oracle.subscriptions[s].rows[r];
	struct oracle_tried *t = &oracle.tries[s].rows[r];

	t->in_hand = false;
	if (is_moved && t->seq != 0)
		t->seq = 0;
	else
		forget_old_crashes(t, row);
	/* So it is read by who gets it. */
	bool is_alone = t->crashes > 1 && t->crash_from == row->position;
	t->alone_generation = is_alone ? row->generation : 0;
	t->alone_left = ALONE_EVENTS;
}

/* Of the event that is tried, and given up: so none has two, and none is of two events. */
void oracle_try_letter(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	struct weir_item item = {.record = view->head, .record_bytes = view->head->bytes};
	struct weir_origin origin = {.subscription = UINT32_MAX};

	(void)weir_item_origin(&item, &origin);
	uint32_t s = origin.subscription;
	if (s >= WORLD_SUBSCRIPTIONS || !world.tries[s].has_dead_letters)
		world_fail("a dead letter of a subscription that has none", seq, s);
	uint32_t r = row_index(s, origin.topic, origin.partition);
	const struct oracle_row *row = &oracle.subscriptions[s].rows[r];
	const struct oracle_tried *t = &oracle.tries[s].rows[r];
	const struct oracle_record *of = &oracle.records[origin.sequence];
	world_check(!checked || !oracle_is_erased(origin.sequence),
		    "a dead letter of an event that was erased", seq, origin.sequence);
	world_check(is_live(t, row) && t->seq == origin.sequence,
		    "a dead letter of an event that is not tried", seq, origin.sequence);
	world_check(is_dead(s, t, t->doubts), "a dead letter of an event that is not given up", seq,
		    origin.sequence);
	world_check(is_count(t, origin.attempts) && (origin.reason == t->reason || t->doubts > 0) &&
			    origin.expired == t->expired && origin.topic == of->topic &&
			    origin.partition == of->partition && origin.epoch == of->epoch &&
			    oracle_is_copy(of, view),
		    "a dead letter that is not its event's", seq, origin.sequence);
	oracle.letter_seq = seq;
	oracle.letter_of_seq = origin.sequence;
	oracle.letter_row = row;
	if (!checked)
		return;
	world_say_dead(s, origin.sequence, seq, false);
	world_sometimes(SOMETIMES_TRIED_LETTER);
}

void oracle_try_buried(uint64_t seq, uint32_t s, const struct oracle_row *row,
		       const struct wr_control_progress *p)
{
	if (oracle.letter_seq == 0)
		return;
	world_check(row == oracle.letter_row && p->to == oracle.letter_of_seq + 1,
		    "a dead letter's run settles another event", seq, oracle.letter_of_seq);
	oracle.subscriptions[s].flags[oracle.letter_of_seq] |= ORACLE_BURIED;
	struct oracle_tried *t = &oracle.tries[s].rows[row - oracle.subscriptions[s].rows];
	t->buried_to = p->to;
	t->buried_record = seq;
	oracle.letter_seq = oracle.letter_of_seq = 0;
}

/* There by a letter that is not durable yet: the group's doing, and no commit waits for it. */
bool oracle_try_moved(uint32_t s, uint32_t r, uint64_t position)
{
	const struct oracle_tried *t = &oracle.tries[s].rows[r];

	return world.has_tries && t->buried_to == position &&
	       t->buried_record > wr_load_acquire(&world.pipeline->link.durable_seq);
}

void oracle_tries_fold_anew(void)
{
	/* What was said in this life is said. */
	memset(oracle.tries, 0, sizeof oracle.tries);
}

/* The library's, row by row. */
void oracle_tries_compare(void)
{
	struct wr_tables *tables = &world.pipeline->tables;
	struct wr_attempts_entry e;

	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		const struct oracle_subscription *sub = &oracle.subscriptions[s];
		for (uint32_t r = 0; world.has_tries && sub->exists && r < sub->row_count; r++) {
			const struct oracle_tried *t = &oracle.tries[s].rows[r];
			uint32_t first = tables->catalog.subscriptions[s].row_first;
			wr_attempts_read(&tables->attempts, &tables->settle, first + r, &e);
			bool live = is_live(t, &sub->rows[r]);
			world_check(e.seq == (live ? t->seq : 0),
				    "another event is tried than the log says", e.seq, t->seq);
			world_check(!live || (is_count(t, e.attempts) && e.dead == t->dead &&
					      e.expired == t->expired && e.in_hand == t->in_hand),
				    "attempts are not what the log says", e.seq, e.attempts);
			bool in_doubt = live && e.attempts > t->attempts;
			world_check(!live || in_doubt ||
					    (e.reason == t->reason && e.said_seq == t->counted_seq),
				    "attempts are not what the log says", e.seq, e.attempts);
			world_check(e.alone || t->crashes < 2 ||
					    t->crash_from != sub->rows[r].position,
				    "two crashes at one place, and nothing is alone there", s,
				    t->crash_from);
		}
	}
}

/* ---- members --------------------------------------------------------------------------------- */

bool oracle_try_is_first(const struct world_member *m, const struct weir_item *item)
{
	uint32_t s = m->subscription, r = row_index(s, item->topic, item->partition);
	const struct oracle_row *row = &oracle.subscriptions[s].rows[r];
	const struct oracle_list *list = &oracle.lists[row->topic][row->partition];

	if (item->generation != row->generation)
		return false;
	for (uint32_t i = oracle_first_index(list, row->position);
	     i < list->count && list->seqs[i] < item->sequence; i++)
		if (!is_nobodys(s, list->seqs[i]) &&
		    (oracle.subscriptions[s].flags[list->seqs[i]] & ORACLE_ACKED) == 0)
			return false;
	return true;
}

void oracle_try_rejected(struct world_member *m, const struct weir_item *item,
			 const struct weir_rejection *rejection)
{
	struct oracle_subscription *sub = &oracle.subscriptions[m->subscription];
	uint32_t r = row_index(m->subscription, item->topic, item->partition);
	struct oracle_row *row = &sub->rows[r];
	struct oracle_tried *t = &oracle.tries[m->subscription].rows[r];
	const struct oracle_list *list = &oracle.lists[row->topic][row->partition];
	uint32_t index = oracle_first_index(list, item->sequence);
	uint64_t delay_ns = rejection->delay_ns;

	if (row->delivered_generation == item->generation)
		row->next_index = index;
	/* Of an owner whose partition has moved on it counts nothing. */
	if (item->generation != row->generation)
		return;
	for (uint32_t i = index; i < list->count; i++)
		sub->flags[list->seqs[i]] &= (uint8_t)~ORACLE_ACKED;
	t->said_seq = item->sequence;
	t->said_generation = item->generation;
	t->said_verdict = rejection->verdict;
	t->said_reason = rejection->reason;
	if (delay_ns == WEIR_DELAY_DEFAULT)
		delay_ns = world.tries[m->subscription].retry_delay_min_ns / 2; /* by chance */
	/* By the log's own clock, which may run at twice the speed of this one (L17). */
	t->said_from_ns = rejection->verdict == WEIR_VERDICT_RETRY ? mono_ns() + delay_ns / 2 : 0;
}

/* Where crashes were met: one at a time, and that is durable. */
static void check_alone(struct oracle_tried *t, const struct weir_item *item, uint64_t durable)
{
	if (t->alone_generation != item->generation || t->alone_left == 0)
		return;
	t->alone_left--;
	world_check(t->seq == item->sequence && t->in_hand,
		    "an event of a partition that met crashes is handed out with others",
		    item->sequence, t->seq);
	world_check(t->in_hand_record <= durable,
		    "handed out alone before it is durable that it is in hand", item->sequence,
		    t->in_hand_record);
	world_sometimes(SOMETIMES_TRIED_ALONE);
}

/* Before anything is handed out it is durable that the process had died before: not where its close
 * went through, whatever that was told. */
static void check_opened(uint32_t s, uint64_t durable)
{
	const struct oracle_tries *tries = &oracle.tries[s];
	uint32_t epoch = world.pipeline->writer.options.epoch;

	if (!world.tries[s].has_dead_letters || world.pipeline->recovery.clean ||
	    tries->made_epoch == epoch)
		return;
	world_check(tries->opened_seq != 0 && oracle.records[tries->opened_seq].epoch == epoch &&
			    tries->opened_seq <= durable,
		    "handed out before it is durable that the process had died", s,
		    tries->opened_seq);
}

void oracle_try_delivered(const struct world_member *m, const struct weir_item *item)
{
	uint32_t s = m->subscription, r = row_index(s, item->topic, item->partition);
	const struct oracle_subscription *sub = &oracle.subscriptions[s];
	const struct oracle_row *row = &sub->rows[r];
	struct oracle_tried *t = &oracle.tries[s].rows[r];
	uint64_t durable = wr_load_acquire(&world.pipeline->link.durable_seq);
	bool is_tried = is_live(t, row) && t->seq == item->sequence;

	if (!world.has_tries || item->generation != row->generation)
		return;
	check_opened(s, durable);
	world_check(is_tried ? is_count(t, item->attempts - 1) : item->attempts == 1,
		    "another count of attempts of a partition's event", item->sequence,
		    item->attempts);
	world_check(!is_live(t, row) || t->seq >= item->sequence || is_nobodys(s, t->seq) ||
			    t->seq < t->gap_end || (sub->flags[t->seq] & ORACLE_ACKED) != 0,
		    "handed out while an event before it is tried", item->sequence, t->seq);
	check_alone(t, item, durable);
	if (!is_tried)
		return;
	world_check(!is_dead(s, t, 0), "a partition's event is handed out, and given up",
		    item->sequence, t->attempts);
	world_check(t->counted_seq <= durable,
		    "a partition's event is handed out before its attempt was durable",
		    item->sequence, t->counted_seq);
	/* The one before it may have become a dead letter meanwhile. */
	world_check(t->said_seq != item->sequence || t->retry_from_ns <= mono_ns(),
		    "a partition's event is handed out before its delay is over", t->retry_from_ns,
		    mono_ns());
	t->retry_from_ns = 0;
	if (t->attempts > 0)
		world_sometimes(SOMETIMES_TRIED);
}
