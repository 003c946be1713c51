/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeks of queues: what a GENERATION record leaves outstanding. All that was so is no more, and
 * begins in a generation above all before when it is taken again; but for what lies elsewhere and
 * has its own place below the one sought, where the record says that this stays: and it does
 * whenever the oldest was sought, so that nothing is lost that nobody has handled.
 */
#include "core/record/control.h"
#include "tests/sim/oracle.h"

void oracle_queue_raise(uint32_t s, uint64_t seq)
{
	struct oracle_queue *q = &oracle.queues[s];
	struct oracle_shared *e = &q->events[seq];

	e->generation++;
	q->top_generation = e->generation > q->top_generation ? e->generation : q->top_generation;
}

/* What was said of an earlier life of it counts for nothing. */
static void forget(struct oracle_shared *e)
{
	*e = (struct oracle_shared){
		.acked_generation = e->generation,
		.rejected_generation = e->generation,
		.copy = e->copy,
	};
}

bool oracle_queue_is_over(const struct world_member *m, const struct weir_item *item)
{
	return oracle.subscriptions[m->subscription].seeks_open > 0 &&
	       item->generation < oracle.queues[m->subscription].first_generation;
}

/* What they acknowledged was settled before, or is not. */
static void forget_acknowledged(uint32_t s)
{
	for (uint32_t i = 0; i < WORLD_MEMBERS; i++)
		if (world.members[i].handle != NULL && world.members[i].subscription == s)
			world.members[i].acked_count = 0;
}

uint64_t oracle_queue_copy(uint32_t s, uint64_t seq)
{
	return oracle.queues[s].events[seq].copy;
}

bool oracle_queue_lies_beyond(uint32_t s)
{
	const struct oracle_queue *q = &oracle.queues[s];

	return q->has_carried && q->position < q->frontier && q->position < world_oldest();
}

static void check_stays(uint32_t s, uint64_t record_seq, uint64_t seq, bool stays)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];

	world_check(stays || !sub->seeks_oldest,
		    "a seek to the oldest gives up what was carried further on", record_seq, seq);
	if (stays)
		world_sometimes(SOMETIMES_STAYED);
}

void oracle_queue_moved(uint64_t record_seq, uint32_t s,
			const struct wr_control_generation *control, bool checked)
{
	struct oracle_queue *q = &oracle.queues[s];
	struct oracle_subscription *sub = &oracle.subscriptions[s];
	uint64_t position = control->position;
	bool carried_stay = control->owner == WR_OWNER_CARRIED_STAY;

	world_check(!checked ||
			    (sub->seeks_open > 0 && oracle_same_place(position, sub->seek_target)),
		    "a queue moved without a seek", record_seq, position);
	q->first_generation = ++q->top_generation;
	for (uint64_t seq = 1; seq < q->frontier; seq++) {
		struct oracle_shared *e = &q->events[seq];
		bool out = e->state == ORACLE_OUTSTANDING;
		bool lies_elsewhere = out && e->place != 0 && seq < position;
		uint64_t place = e->place;
		if (lies_elsewhere && checked)
			check_stays(s, record_seq, seq, carried_stay);
		if (out || seq >= position)
			forget(e);
		if (!lies_elsewhere || !carried_stay)
			continue;
		e->state = ORACLE_OUTSTANDING;
		e->generation = q->first_generation;
		e->place = place;
	}
	oracle_length_moved(s, record_seq, position);
	q->frontier = position;
	q->position = 1;
	while (q->position < position && q->events[q->position].state != ORACLE_OUTSTANDING)
		q->position++;
	forget_acknowledged(s);
	q->suspects_end = q->in_hand = q->crashes = 0;
	q->progress = q->forgiven = false;
	sub->rows[0].position = oracle_queue_lowest_place(s);
}
