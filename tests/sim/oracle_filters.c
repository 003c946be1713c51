/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What subscriptions want: their filters as the log gives them, each from its record on, and of an
 * event whether the one of its place wants it. Of those before the last four that are kept only
 * what nothing unsettled needs may go.
 */
#include <string.h>

#include "tests/sim/oracle.h"

void oracle_filters_reset(void)
{
	for (uint32_t s = 0; s < WORLD_SUBSCRIPTIONS; s++)
		oracle.subscriptions[s].filter_count = oracle.subscriptions[s].filter_first = 0;
}

static uint64_t lowest_position(uint32_t s)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];
	uint64_t lowest = UINT64_MAX;

	for (uint32_t r = 0; r < (world_is_queue(s) ? 1 : sub->row_count); r++)
		lowest = wr_min_u64(lowest, sub->rows[r].position);
	/* What was carried further on is looked at with the filter of where it was appended. */
	return world_is_queue(s) ? wr_min_u64(lowest, oracle.queues[s].position) : lowest;
}

static void push(uint32_t s, uint64_t from_seq, const struct world_filter *filter)
{
	struct oracle_subscription *sub = &oracle.subscriptions[s];

	world_check(sub->filter_count < ORACLE_FILTERS_MAX, "more filters than were given", s,
		    from_seq);
	sub->filters[sub->filter_count++] =
		(struct oracle_filter){.from_seq = from_seq, .filter = *filter};
}

void oracle_filter_fold(uint64_t seq, uint32_t s, const uint8_t *bytes, uint32_t length_bytes,
			bool is_first)
{
	const struct world_filter everything = {0};
	struct world_filter filter;

	world_check(s < WORLD_SUBSCRIPTIONS && oracle.subscriptions[s].exists,
		    "a filter of a subscription that is none", seq, s);
	struct oracle_subscription *sub = &oracle.subscriptions[s];
	world_check(world_filter_read(bytes, length_bytes, &filter), "a filter that nobody gave",
		    seq, s);
	if (is_first) {
		push(s, 0, &filter);
		return;
	}
	if (sub->filter_count == 0)
		push(s, 0, &everything);
	if (sub->filter_count - sub->filter_first == ORACLE_FILTERS_KEPT) {
		uint64_t position = lowest_position(s);
		uint32_t first = sub->filter_first;
		while (sub->filter_first + 1 < sub->filter_count &&
		       sub->filters[sub->filter_first + 1].from_seq <= position)
			sub->filter_first++;
		world_check(sub->filter_first > first,
			    "a filter was taken in place of one that is needed", seq, s);
		world_sometimes(SOMETIMES_FILTER_FORGOTTEN);
	}
	push(s, seq, &filter);
}

uint64_t oracle_filters_from(uint32_t s)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];

	return sub->filter_first > 0 ? sub->filters[sub->filter_first].from_seq : 0;
}

bool oracle_wants(uint32_t s, uint64_t seq)
{
	const struct oracle_subscription *sub = &oracle.subscriptions[s];
	const struct oracle_record *o = &oracle.records[seq];
	uint32_t i = sub->filter_count;

	if (o->kind == WR_KIND_ADDRESSED && (o->address >> s & 1u) == 0)
		return false;
	if (i == 0)
		return true;
	while (i - 1 > 0 && sub->filters[i - 1].from_seq > seq)
		i--;
	return world_filter_wants(&sub->filters[i - 1].filter, o->key, o->value);
}

uint32_t oracle_wanted_from(uint32_t s, const struct oracle_list *list, uint32_t index)
{
	while (index < list->count &&
	       (oracle.records[list->seqs[index]].left || !oracle_wants(s, list->seqs[index])))
		index++;
	return index;
}
