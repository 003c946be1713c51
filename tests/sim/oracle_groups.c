/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What members are handed: the event that stands in the log, behind the gate, and in each
 * generation of a partition exactly the events from the position on at which the generation was
 * recorded, one after the other, none left out and none again. Lag is what a recount gives, and
 * retention leaves what a subscription has not settled.
 */
#include <string.h>

#include "tests/sim/oracle.h"

static struct oracle_row *row_for(const struct oracle_subscription *sub,
				  const struct weir_item *item)
{
	for (uint32_t r = 0; r < sub->row_count; r++)
		if (sub->rows[r].topic == item->topic && sub->rows[r].partition == item->partition)
			return (struct oracle_row *)(uintptr_t)&sub->rows[r];
	world_fail("an item of a partition that is not the subscription's", item->topic,
		   item->partition);
}

/* Of events that nobody knows any more; not one that is told to be erased. */
static bool is_gap(const struct weir_item *item)
{
	return item->kind == WEIR_ITEM_GAP && (item->flags & WEIR_ITEM_ERASED) == 0;
}

/* Where an event lies that a subscription has. */
static uint64_t place_of(const struct oracle_subscription *sub, uint64_t seq)
{
	uint32_t s = (uint32_t)(sub - oracle.subscriptions);
	return world_is_queue(s) ? oracle_queue_place(s, seq) : seq;
}

void oracle_check_event(const struct oracle_subscription *sub, const struct weir_item *item)
{
	const struct oracle_record *o = &oracle.records[item->sequence];
	const struct oracle_record *at = &oracle.records[place_of(sub, item->sequence)];
	uint64_t durable = wr_load_acquire(&world.pipeline->link.durable_seq);

	world_check(item->sequence >= 1 && item->sequence <= oracle.end_seq,
		    "an item from beyond the log", item->sequence, oracle.end_seq);
	world_check(oracle_has_event(o) && o->topic == item->topic &&
			    o->partition == item->partition,
		    "an item of another partition", item->sequence, item->partition);
	world_check(item->record_bytes == at->bytes &&
			    memcmp(item->record, oracle.bytes + at->at, at->bytes) == 0,
		    "an item with other bytes than the log", item->sequence, 0);
	world_check(item->append_time_us == o->time_us, "an item of another time", item->sequence,
		    item->append_time_us);
	oracle_replay_check_item(item);
	world_check(item->epoch == o->epoch, "an item with another epoch", item->epoch, o->epoch);
	world_check(sub->gate == WEIR_LEVEL_MEMORY || item->sequence <= durable,
		    "handed out before it was durable", item->sequence, durable);
}

/* Whose partition is another's is told before it is handed anything more, asleep or not. */
static void check_generation(struct oracle_row *row, const struct weir_item *item)
{
	world_check(item->generation >= 1 && item->generation <= row->generation,
		    "a generation that the log does not know", item->generation, row->generation);
	world_check(item->generation >= row->delivered_generation,
		    "two owners of a partition at once", item->sequence, item->generation);
	if (item->generation > row->delivered_generation) {
		row->delivered_generation = item->generation;
		row->next_index = oracle_first_index(&oracle.lists[row->topic][row->partition],
						     row->start_of[item->generation]);
	}
}

/* Nobody is handed it: not wanted, or it has left, or was erased, or is a dead letter. */
static bool is_passed_over(uint32_t s, const struct oracle_row *row, uint64_t seq)
{
	if (seq < row->position && (oracle.subscriptions[s].flags[seq] & ORACLE_BURIED) != 0)
		return true;
	if (oracle.records[seq].left)
		world_sometimes(SOMETIMES_LEFT_READ);
	else if (oracle_is_erased(seq))
		world_sometimes(SOMETIMES_ERASED_READ);
	else
		return !oracle_wants(s, seq);
	return true;
}

static void check_order(const struct oracle_subscription *sub, struct oracle_row *row,
			const struct weir_item *item)
{
	const struct oracle_list *list = &oracle.lists[row->topic][row->partition];
	uint32_t s = (uint32_t)(sub - oracle.subscriptions);

	while (row->next_index < list->count && list->seqs[row->next_index] < item->sequence &&
	       is_passed_over(s, row, list->seqs[row->next_index]))
		row->next_index++;
	if (is_gap(item)) {
		world_check(row->next_index == list->count ||
				    list->seqs[row->next_index] >= item->sequence,
			    "a gap that begins too late", item->sequence,
			    list->seqs[row->next_index]);
		row->next_index = oracle_first_index(list, item->end_sequence);
		oracle.tries[s].rows[row - sub->rows].gap_end = item->end_sequence;
		world_sometimes(SOMETIMES_GAPS);
		return;
	}
	world_check(row->next_index < list->count && list->seqs[row->next_index] == item->sequence,
		    "events of a partition left out, doubled or out of order (seq, next)",
		    item->sequence,
		    row->next_index < list->count ? list->seqs[row->next_index] : 0);
	world_check(item->sequence >= row->durable_position || sub->loose,
		    "handed out again though its acknowledgement was durable", item->sequence,
		    row->durable_position);
	row->next_index++;
}

bool oracle_went_back(const struct world_member *m, const struct weir_item *item)
{
	struct oracle_subscription *sub = &oracle.subscriptions[m->subscription];
	bool gap = is_gap(item);
	if (world_is_queue(m->subscription) || item->kind == WEIR_ITEM_LOSS ||
	    !world_member_may_go_back(m))
		return false;
	struct oracle_row *row = row_for(sub, item);
	const struct oracle_list *list = &oracle.lists[row->topic][row->partition];
	uint32_t index = oracle_first_index(list, gap ? item->end_sequence : item->sequence);
	if (item->generation != row->delivered_generation || index >= row->next_index)
		return false;
	if (gap) /* what is behind it comes again */
		return true;
	/* What lies below was acknowledged without it; nothing that the log has as settled comes.
	 * Where the partition is another's already the log has nothing of it any more. */
	bool is_owned = item->generation == row->generation;
	world_check(item->sequence >= row->position || !is_owned, "what is settled comes again",
		    item->sequence, row->position);
	for (uint32_t i = oracle_first_index(list, row->position); is_owned && i < index; i++)
		world_check(!oracle_wants(m->subscription, list->seqs[i]) ||
				    oracle.records[list->seqs[i]].left ||
				    oracle_is_erased(list->seqs[i]) ||
				    (sub->flags[list->seqs[i]] & (ORACLE_ACKED | ORACLE_MISSED)) !=
					    0,
			    "less comes again than was not acknowledged", item->sequence,
			    list->seqs[i]);
	row->next_index = index;
	world_sometimes(SOMETIMES_WENT_BACK);
	return true;
}

void oracle_delivered(struct world_member *m, const struct weir_item *item)
{
	struct oracle_subscription *sub = &oracle.subscriptions[m->subscription];
	if (world_is_queue(m->subscription)) {
		oracle_queue_delivered(m, item);
		return;
	}
	struct oracle_row *row = row_for(sub, item);

	/* Who was to let go already may find retired what it stood before. */
	bool is_erased = oracle_erased_item(m, item);
	if (item->kind == WEIR_ITEM_GAP)
		world_check(is_erased || sub->may_gap || item->generation < row->generation,
			    "a gap that nobody asked for", item->sequence, item->end_sequence);
	else
		oracle_check_event(sub, item);
	check_generation(row, item);
	check_order(sub, row, item);
	if (item->kind != WEIR_ITEM_EVENT)
		return;
	uint64_t before = oracle_unsettled_before(m->subscription, row);
	/* A seek moves one row after the other, and hands out what was drained before. */
	world_check(sub->loose || before == 0,
		    "an event behind a growth, before its key's of before are settled",
		    item->sequence, before);
	oracle_try_delivered(m, item);
	sub->flags[item->sequence] &= (uint8_t)~ORACLE_MISSED;
	if ((sub->flags[item->sequence] & ORACLE_DELIVERED) != 0) {
		world_sometimes(SOMETIMES_REDELIVERED);
		world_check((item->flags & WEIR_ITEM_REDELIVERED) != 0,
			    "handed out again without saying so", item->sequence, item->generation);
	}
	sub->flags[item->sequence] |= ORACLE_DELIVERED;
}

/* L21: what a poll handed out stays as it is until the next one, whatever the writer did since. */
void oracle_check_lent(const struct world_member *m)
{
	for (uint32_t i = 0; i < m->lent_count; i++) {
		const struct weir_item *item = &m->lent[i];
		if (item->kind != WEIR_ITEM_EVENT)
			continue;
		bool carried = ((const struct wr_record *)item->record)->kind == WR_KIND_CARRIED;
		/* That it is carried once more since then changes no more than the head. */
		uint32_t from = carried ? WR_RECORD_HEAD_BYTES : 0;
		uint64_t seq = carried ? oracle_queue_copy(m->subscription, item->sequence)
				       : item->sequence;
		const struct oracle_record *o = &oracle.records[seq];
		world_check(memcmp((const uint8_t *)item->record + from,
				   oracle.bytes + o->at + from, o->bytes - from) == 0,
			    "lent bytes changed before the next poll", item->sequence, i);
	}
}

void oracle_acked(struct world_member *m, const struct weir_item *item)
{
	struct oracle_subscription *sub = &oracle.subscriptions[m->subscription];
	if (world_is_queue(m->subscription)) {
		oracle_queue_acked(m, item);
		return;
	}
	struct oracle_row *row = row_for(sub, item);

	/* Of an owner whose partition has moved on it counts nothing. */
	if (item->generation != row->generation)
		return;
	if (!is_gap(item)) {
		sub->flags[item->sequence] |= ORACLE_ACKED;
		return;
	}
	const struct oracle_list *list = &oracle.lists[row->topic][row->partition];
	for (uint32_t i = oracle_first_index(list, item->sequence);
	     i < list->count && list->seqs[i] < item->end_sequence; i++)
		sub->flags[list->seqs[i]] |= ORACLE_MISSED;
}

void oracle_committed(struct world_member *m, const struct weir_assignment *a, uint32_t count)
{
	struct oracle_subscription *sub = &oracle.subscriptions[m->subscription];

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t r = 0; r < sub->row_count; r++) {
			struct oracle_row *row = &sub->rows[r];
			/* Where it began is the group's doing; what it acknowledged is promised. */
			if (row->topic != a[i].topic || row->partition != a[i].partition ||
			    row->generation != a[i].generation ||
			    a[i].position == wr_position_stood(row->start_of[row->generation]) ||
			    oracle_try_moved(m->subscription, r, a[i].position))
				continue;
			world_check(row->position >= a[i].position,
				    "a commit that the log does not hold", row->position,
				    a[i].position);
			row->durable_position = wr_max_u64(row->durable_position, a[i].position);
		}
}

/* A time that is said to be exact is not that of a younger one than was there at the last look. */
static void check_oldest(uint32_t subscription, const struct weir_lag *lag, uint64_t seq)
{
	struct wr_subscription_live *live = &world.pipeline->subscriptions[subscription];
	uint64_t told_us = wr_load_relaxed(&live->lag_oldest_us);

	if (!lag->time_exact || world.memory_only || seq > live->scan.told_to)
		return;
	world_check(told_us != 0 && told_us <= oracle.records[seq].time_us,
		    "the oldest is older than lag says (sequence, told)", seq, told_us);
	world_sometimes(SOMETIMES_OLDEST_KNOWN);
}

void oracle_recount(uint32_t subscription, uint64_t *ret_events, uint64_t *ret_bytes,
		    uint64_t *ret_oldest_seq)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[subscription];
	uint64_t events = 0, bytes = 0, oldest_seq = UINT64_MAX;

	for (uint32_t r = 0; r < sub->row_count; r++) {
		const struct oracle_row *row = &sub->rows[r];
		const struct oracle_list *list = &oracle.lists[row->topic][row->partition];
		uint64_t from = world_is_queue(subscription) ? oracle.queues[subscription].position
				: row->detached_seq != 0     ? row->detached_seq + 1
							     : row->position;
		for (uint32_t i = oracle_first_index(list, from); i < list->count; i++) {
			if (world_is_queue(subscription) &&
			    oracle_queue_is_settled(subscription, list->seqs[i]))
				continue;
			if (!oracle_wants(subscription, list->seqs[i]))
				continue;
			const struct oracle_record *o = &oracle.records[list->seqs[i]];
			/* What lies further on is there, whatever left the place where it was; of
			 * one that is detached all counts that came, and is kept for nobody. */
			bool is_there =
				!o->left || row->detached_seq != 0 ||
				(world_is_queue(subscription) &&
				 oracle_queue_place(subscription, list->seqs[i]) != list->seqs[i]);
			events += is_there;
			bytes += is_there ? o->bytes : 0;
			if (is_there && row->detached_seq == 0)
				oldest_seq = wr_min_u64(oldest_seq, list->seqs[i]);
		}
	}
	*ret_events = events;
	*ret_bytes = bytes;
	*ret_oldest_seq = oldest_seq;
}

void oracle_check_lag(uint32_t subscription)
{
	struct weir_lag lag;
	uint64_t events, bytes, oldest_seq;

	if (!oracle.subscriptions[subscription].exists ||
	    weir_lag(world.pipeline, subscription, &lag) != 0 || !lag.exact)
		return;
	oracle_recount(subscription, &events, &bytes, &oldest_seq);
	world_check(lag.events == events, "lag is not what a recount gives", lag.events, events);
	world_check(lag.bytes == bytes, "lag in bytes is not what a recount gives", lag.bytes,
		    bytes);
	if (oldest_seq != UINT64_MAX)
		check_oldest(subscription, &lag, oldest_seq);
}

/* L31: what is gone from the disk is settled by everybody. */
void oracle_check_retention(void)
{
	uint64_t oldest = wr_segment_oldest_seq(&world.pipeline->segments);

	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
		const struct oracle_subscription *sub = &oracle.subscriptions[s];
		for (uint32_t r = 0; r < sub->row_count; r++)
			world_check(sub->rows[r].position >= oldest,
				    "retention took what a subscription needs",
				    sub->rows[r].position, oldest);
	}
}

void oracle_check_drained(uint32_t subscription)
{
	struct oracle_subscription *sub = &oracle.subscriptions[subscription];

	for (uint32_t r = 0; r < sub->row_count; r++) {
		const struct oracle_row *row = &sub->rows[r];
		const struct oracle_list *list = &oracle.lists[row->topic][row->partition];
		uint64_t position =
			world_is_queue(subscription) ? sub->rows[0].position : row->position;
		uint32_t next =
			oracle_wanted_from(subscription, list, oracle_first_index(list, position));
		world_check(next == list->count, "events are left that nobody got", row->topic,
			    row->partition);
	}
}
