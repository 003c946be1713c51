/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies that replays made for chosen subscriptions: each is of an event of its replay's range, to
 * those of the chosen that read its topic, and to nobody else; in the order of the log, so that
 * each event is copied once. What a copy is handed out as, to whom, and how it is settled, is
 * judged like any event, which nobody else wants (oracle_wants()).
 */
#include <stdlib.h>
#include <string.h>

#include "core/record/recipients.h"
#include "tests/sim/oracle.h"

static bool reads(uint32_t s, uint32_t topic)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];

	for (uint32_t r = 0; sub->exists && r < sub->row_count; r++)
		if (sub->rows[r].topic == topic)
			return true;
	return false;
}

/* "r0" .. */
static uint32_t number_of(uint64_t seq, const struct wr_replay_mark *mark)
{
	if (mark->name_bytes != 2 || mark->name[0] != 'r' || mark->name[1] < '0' ||
	    mark->name[1] >= (char)('0' + WORLD_REPLAYS))
		world_fail("a copy of a replay that nobody opened", seq, mark->seq);
	return (uint32_t)(mark->name[1] - '0');
}

static void check_address(uint64_t seq, const struct world_replay *replay, uint32_t topic,
			  const struct wr_recipients *address)
{
	uint32_t bits = 0, wanted = 0;

	for (uint32_t i = 0; i < address->count; i++)
		bits |= 1u << address->ids[i];
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		if ((replay->subscriptions >> s & 1u) != 0 && reads(s, topic))
			wanted |= 1u << s;
	world_check(bits == wanted, "a copy is for others than were chosen", seq, bits);
}

void oracle_replay_fold(uint64_t seq, const struct wr_record_view *view, bool checked)
{
	struct oracle_record *o = &oracle.records[seq];
	struct wr_recipients address;
	struct wr_replay_mark mark;

	world_check(wr_recipients_read(view, &address) && wr_replay_mark_read(view, &mark),
		    "a malformed copy", seq, 0);
	uint32_t number = number_of(seq, &mark);
	const struct world_replay *replay = &world.replays[number];
	struct oracle_record *of = &oracle.records[mark.seq];
	world_check(mark.seq >= 1 && mark.seq < seq && of->kind == WR_KIND_EVENT &&
			    mark.epoch == of->epoch && mark.topic == of->topic &&
			    mark.partition == of->partition && view->head->topic == of->topic &&
			    oracle_is_copy(of, view),
		    "a copy that is not its event's", seq, mark.seq);
	check_address(seq, replay, of->topic, &address);
	world_check(((uint32_t)of->copied >> number & 1u) == 0, "a replay copied an event twice",
		    seq, mark.seq);
	world_check(mark.seq > oracle.replays[number], "a replay went back", seq, mark.seq);
	world_check(mark.seq >= replay->from_seq &&
			    (replay->end_seq == 0 || mark.seq < replay->end_seq) &&
			    (!replay->has_topic || of->topic == replay->topic),
		    "a copy of what is not in its replay's range", seq, mark.seq);
	if (checked) {
		world_check(!oracle_is_erased(mark.seq), "a copy of what was erased", seq,
			    mark.seq);
		world_check(!replay->is_over, "a copy of a replay that was over", seq, mark.seq);
		world_sometimes(SOMETIMES_REPLAYED);
	}
	oracle.replays[number] = mark.seq;
	of->copied |= (uint8_t)(1u << number);
	o->source = of->source;
	o->k = of->k;
	o->topic = of->topic;
	o->copy_of = (uint32_t)mark.seq;
	o->address = 0;
	for (uint32_t i = 0; i < address.count; i++)
		o->address |= (uint8_t)(1u << address.ids[i]);
	oracle_place_event(seq, view);
}

void oracle_replays_fold_anew(void)
{
	memset(oracle.replays, 0, sizeof oracle.replays);
}

/* What is not copied has left, or was erased. */
void oracle_replay_completed(uint32_t number)
{
	const struct world_replay *replay = &world.replays[number];
	uint64_t oldest_seq = world_oldest();
	uint64_t end_seq = wr_min_u64(replay->end_seq, replay->there_seq);

	for (uint64_t seq = wr_max_u64(oldest_seq, wr_max_u64(replay->from_seq, 1)); seq < end_seq;
	     seq++) {
		const struct oracle_record *o = &oracle.records[seq];
		bool wanted = false;
		for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
			wanted = wanted ||
				 ((replay->subscriptions >> s & 1u) != 0 && reads(s, o->topic));
		if (o->kind != WR_KIND_EVENT || !wanted ||
		    (replay->has_topic && o->topic != replay->topic) || o->left ||
		    world.compacted[o->topic] || oracle_is_erased(seq))
			continue;
		world_check(((uint32_t)o->copied >> number & 1u) != 0, "a replay left out an event",
			    seq, number);
	}
	world_sometimes(SOMETIMES_REPLAY_COMPLETED);
}

/* Said of a copy, and of nothing else; and what it is of. */
void oracle_replay_check_item(const struct weir_item *item)
{
	const struct oracle_record *o = &oracle.records[item->sequence];
	bool is_copy = o->kind == WR_KIND_ADDRESSED;
	struct weir_replayed replayed = {0};

	world_check(((item->flags & WEIR_ITEM_REPLAY) != 0) == is_copy,
		    "an item does not say whether it is replayed", item->sequence, item->flags);
	world_check(!is_copy || (weir_item_replayed(item, &replayed) &&
				 replayed.pos.sequence == o->copy_of && replayed.topic == o->topic),
		    "an item does not say what it is a copy of", item->sequence,
		    replayed.pos.sequence);
	if (is_copy)
		world_sometimes(SOMETIMES_REPLAY_READ);
}
