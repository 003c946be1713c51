/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues that refuse what would make them too long. How long one is, is what a recount of the log
 * gives: nothing is taken while that is as much as it may be, and nothing refused where it never
 * was, from when it was handed over until its answer came. After a seek to a place between, the
 * library counts first, and takes what comes: there only refusals are looked at.
 */
#include "tests/sim/oracle.h"

/* How long it was at most since the last event before; of where it was looked at. */
static uint32_t length_behind[WORLD_SUBSCRIPTIONS][ORACLE_RECORDS_MAX];

static bool is_of(uint32_t s, uint32_t topic)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];

	for (uint32_t r = 0; r < sub->row_count; r++)
		if (sub->rows[r].topic == topic)
			return true;
	return false;
}

static bool refuses(uint32_t s)
{
	return world.queues[s].refuses && world.queue_is_set[s];
}

static uint32_t length_of(uint32_t s)
{
	uint64_t events, bytes, oldest_seq;

	oracle_recount(s, &events, &bytes, &oldest_seq);
	return (uint32_t)events;
}

void oracle_length_begins(uint32_t s)
{
	if (!world.queues[s].refuses)
		return;
	oracle.queues[s].refuses_from = oracle.end_seq + 1;
	length_behind[s][oracle.end_seq] = length_of(s);
}

void oracle_length_moved(uint32_t s, uint64_t record_seq, uint64_t position)
{
	oracle.queues[s].length_known = position == record_seq ||
					(position <= 1 && !world.pipeline->tables.may_lack_events);
}

void oracle_length_event(uint64_t seq, uint32_t topic)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		const struct oracle_queue *q = &oracle.queues[s];
		if (!refuses(s) || !q->length_known || seq < q->refuses_from || !is_of(s, topic))
			continue;
		uint32_t length = length_of(s);
		world_check(length < world.queues[s].length_max,
			    "taken, and a queue that refuses is full (seq, length)", seq, length);
	}
}

void oracle_length_fold(uint64_t seq)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		const struct oracle_record *o = &oracle.records[seq];
		if (!refuses(s) || seq < oracle.queues[s].refuses_from)
			continue;
		bool is_longer = oracle_has_event(o) || o->kind == WR_KIND_GENERATION;
		length_behind[s][seq] = is_longer ? length_of(s) : length_behind[s][seq - 1];
	}
}

void oracle_length_refused(uint32_t s, uint64_t handed_seq, uint32_t events)
{
	bool may_be = s < WORLD_SUBSCRIPTIONS && refuses(s);
	bool was_full = false;

	world_check(may_be, "refused for a queue that refuses nothing", s, handed_seq);
	uint64_t seq = wr_max_u64(handed_seq, oracle.queues[s].refuses_from - 1);
	for (; may_be && seq <= oracle.end_seq && !was_full; seq++)
		was_full = length_behind[s][seq] + events > world.queues[s].length_max;
	world_check(was_full, "refused, and the queue was never full (queue, since)", s,
		    handed_seq);
	world_sometimes(SOMETIMES_QUEUE_FULL);
}
