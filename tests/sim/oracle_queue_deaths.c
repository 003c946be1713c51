/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What queues give up: what was rejected as dead or failed too often, what is too old, or one of
 * too many. It is in the dead letters then, once, in one run with what settles it; or with what
 * parks it: then the events of its key wait, until it is redriven, and begins anew, or is given up.
 */
#include "tests/sim/oracle.h"

/* Between two rounds of the writer its group goes by the boot clock, which the log follows at half
 * the speed while it is ahead of the wall. */
bool oracle_queue_is_expired(const struct oracle_shared *e, uint64_t seq, uint64_t record_seq)
{
	uint64_t appended_us = oracle.records[seq].time_us;
	uint64_t age_us = oracle.records[record_seq].time_us - appended_us;

	return e->expires_us != 0 && e->expires_us - appended_us <= 2 * age_us;
}

/* Where there may be too many: nobody has it. */
bool oracle_queue_may_be_dropped(uint32_t s, const struct oracle_shared *e)
{
	return (world.queues[s].length_max != 0 || world.queues[s].length_bytes_max != 0) &&
	       (e->holder == 0 || e->leased_until_ns <= world.disk->clock->mono_ns);
}

/* Of an event that is outstanding, and given up: so none has two, and none is of two events. */
void oracle_queue_letter(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	struct weir_item item = {.record = view->head, .record_bytes = view->head->bytes};
	struct weir_origin origin = {.subscription = UINT32_MAX};

	(void)weir_item_origin(&item, &origin);
	uint32_t s = origin.subscription;
	if (s >= WORLD_SUBSCRIPTIONS || !world.queues[s].has_dead_letters)
		world_fail("a dead letter of a queue that has none", seq, s);
	world_check(!checked || !oracle_is_erased(origin.sequence),
		    "a dead letter of an event that was erased", seq, origin.sequence);
	const struct oracle_record *of = &oracle.records[origin.sequence];
	const struct oracle_shared *e = &oracle.queues[s].events[origin.sequence];
	world_check(origin.sequence < oracle.queues[s].frontier && e->state == ORACLE_OUTSTANDING,
		    "a dead letter of an event that is not outstanding", seq, origin.sequence);
	world_check(e->dead || oracle_queue_is_expired(e, origin.sequence, seq) ||
			    oracle_queue_may_be_dropped(s, e) ||
			    (world.queues[s].attempts_max != 0 &&
			     e->attempts >= world.queues[s].attempts_max),
		    "a dead letter of an event that is not given up", seq, origin.sequence);
	world_check(origin.attempts == e->attempts && origin.topic == of->topic &&
			    origin.partition == of->partition && origin.epoch == of->epoch &&
			    oracle_is_copy(of, view),
		    "a dead letter that is not its event's", seq, origin.sequence);
	oracle.letter_seq = seq;
	oracle.letter_of_seq = origin.sequence;
	if (checked)
		world_sometimes(SOMETIMES_DEAD_LETTER);
}

uint64_t oracle_queue_parked(uint32_t s)
{
	const struct oracle_queue *q = &oracle.queues[s];

	for (uint64_t seq = q->position; seq != 0 && seq < q->frontier; seq++)
		if (q->events[seq].state == ORACLE_OUTSTANDING && q->events[seq].parked)
			return seq;
	return 0;
}

static void fold_park(uint64_t seq, uint32_t s, const struct wr_reject *r, bool checked)
{
	struct oracle_shared *e = &oracle.queues[s].events[r->seq];

	world_check(world.queues[s].parks, "parked by a queue that parks nothing", seq, r->seq);
	world_check(oracle.letter_seq != 0 && oracle.letter_of_seq == r->seq &&
			    e->state == ORACLE_OUTSTANDING && e->generation == r->generation &&
			    !e->parked,
		    "parked, and not with its letter", seq, r->seq);
	if (checked)
		world_say_dead(s, r->seq, oracle.letter_seq, true);
	oracle.letter_seq = oracle.letter_of_seq = 0;
	oracle_queue_raise(s, r->seq);
	oracle_queue_suspect_moved(&oracle.queues[s], r->seq, true);
	e->holder = 0;
	e->parked = true;
}

static void fold_redriven(uint32_t s, uint64_t seq, bool checked)
{
	struct oracle_shared *e = &oracle.queues[s].events[seq];

	oracle_queue_raise(s, seq);
	e->parked = e->dead = false;
	e->attempts = e->attempts_seen = 0;
	e->counted_seq = e->not_before_us = e->expires_us = e->retry_from_ns = 0;
	if (checked)
		world_say_redriven(seq);
}

bool oracle_queue_fold_parked(uint64_t seq, uint32_t s, const struct wr_reject *r, bool checked)
{
	struct oracle_queue *q = &oracle.queues[s];

	if (r->verdict != WR_VERDICT_PARKED && r->verdict != WR_VERDICT_REDRIVEN &&
	    r->verdict != WR_VERDICT_GIVEN_UP)
		return false;
	if (r->verdict == WR_VERDICT_PARKED) {
		fold_park(seq, s, r, checked);
		return true;
	}
	world_check(r->seq < q->frontier && q->events[r->seq].state == ORACLE_OUTSTANDING &&
			    q->events[r->seq].parked,
		    "the end of what was not parked was taken", seq, r->seq);
	if (r->verdict == WR_VERDICT_REDRIVEN) {
		fold_redriven(s, r->seq, checked);
		return true;
	}
	q->events[r->seq].state = ORACLE_SETTLED;
	oracle_queue_suspect_moved(q, r->seq, true);
	if (checked)
		world_say_given_up(s, r->seq);
	oracle_queue_move_position(s, checked);
	return true;
}
