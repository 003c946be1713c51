/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/lane.h"

#include <errno.h>

#include <weir/error.h>

#include "core/base/assert.h"
#include "core/base/bug.h"
#include "core/base/probe.h"

int wr_lane_init(struct wr_lane *lane, uint32_t index, struct wr_memory *memory,
		 uint64_t capacity_bytes, uint64_t reply_capacity, struct wr_parker *writer_parker,
		 const struct wr_park_ops *park_ops)
{
	WR_ASSERT(wr_is_power_of_two(capacity_bytes));
	WR_ASSERT(wr_is_power_of_two(reply_capacity));
	int rc = memory->ops->map_ring(memory, capacity_bytes, &lane->mapping);
	if (rc != 0)
		return rc;
	lane->replies =
		memory->ops->alloc(memory, reply_capacity * sizeof *lane->replies, WR_LINE_BYTES);
	if (lane->replies == NULL) {
		memory->ops->unmap(memory, &lane->mapping);
		return -ENOMEM;
	}
	lane->bytes = lane->mapping.writable;
	lane->capacity_bytes = capacity_bytes;
	lane->reply_capacity = reply_capacity;
	lane->index = index;
	lane->writer_parker = writer_parker;
	wr_parker_init_symmetric(&lane->parker, park_ops, NULL);
	wr_parker_init_symmetric(&lane->level_parker, park_ops, NULL);
	wr_store_relaxed(&lane->state, (uint32_t)WR_LANE_FREE);
	return 0;
}

void wr_lane_fini(struct wr_lane *lane, struct wr_memory *memory)
{
	if (lane->replies == NULL)
		return;
	memory->ops->free(memory, lane->replies, lane->reply_capacity * sizeof *lane->replies);
	memory->ops->unmap(memory, &lane->mapping);
	lane->replies = NULL;
}

void wr_lane_open(struct wr_lane *lane, enum wr_lane_kind kind, bool replies_wanted)
{
	WR_ASSERT(wr_load_acquire(&lane->state) == WR_LANE_FREE); /* S1 */
	wr_store_relaxed(&lane->tail, 0u);
	lane->write_at = lane->head_seen = lane->handed_over = lane->ordered_seen = 0;
	lane->ticket_limit = replies_wanted ? lane->reply_capacity : UINT64_MAX;
	wr_store_relaxed(&lane->head, 0u);
	wr_store_relaxed(&lane->ordered, 0u);
	lane->head_own = lane->ordered_own = lane->tail_round = lane->marked = 0;
	lane->ahead = 0;
	lane->poisoned = false;
	wr_store_relaxed(&lane->refused, 0u);
	wr_store_relaxed(&lane->first_refused_ticket, 0u);
	wr_store_relaxed(&lane->first_refusal, 0u);
	lane->kind = kind;
	lane->replies_wanted = replies_wanted;
	wr_spsc_init(&lane->reply_ring, lane->reply_capacity);
	wr_spsc_init(&lane->sample_ring, WR_LANE_SAMPLES);
	wr_sampler_init(&lane->sampler);
	wr_store_release(&lane->state, (uint32_t)WR_LANE_OPEN); /* S1 */
}

void wr_lane_close(struct wr_lane *lane)
{
	uint32_t open = WR_LANE_OPEN;
	/* A poisoned lane stays poisoned: the writer frees that as well. S1 */
	(void)wr_cas_acq_rel(&lane->state, &open, (uint32_t)WR_LANE_CLOSING);
	if (open == WR_LANE_POISONED)
		wr_store_release(&lane->state, (uint32_t)WR_LANE_CLOSING); /* S1 */
	wr_park_wake(lane->writer_parker);
}

uint64_t wr_lane_room_refresh(struct wr_lane *lane)
{
	/* A2; through the park mode's look: a sleeper for room relies on it */
	lane->head_seen = wr_park_look_u64(&lane->head);
	if (WR_BUG(FULL_LANE_OVERWRITTEN))
		lane->head_seen = lane->write_at;
	return lane->capacity_bytes - (lane->write_at - lane->head_seen);
}

uint64_t wr_lane_credit_refresh(struct wr_lane *lane)
{
	if (!lane->replies_wanted) {
		lane->ticket_limit = UINT64_MAX;
		return UINT64_MAX;
	}
	/*
	 * `ordered` first: the replies of every ticket up to it are in the ring by then (A3), so
	 * undecided tickets and unread replies together never exceed what is counted here.
	 */
	uint64_t ordered = wr_lane_ordered(lane);
	lane->reply_ring.tail_seen = wr_load_acquire(&lane->reply_ring.tail); /* Q1 */
	uint64_t unread = lane->reply_ring.tail_seen - lane->reply_ring.head_own;
	if (WR_BUG(REPLIES_NOT_COUNTED))
		unread = 0;
	lane->ticket_limit = ordered + (lane->reply_capacity - unread);
	return lane->ticket_limit > lane->handed_over ? lane->ticket_limit - lane->handed_over : 0;
}

void wr_lane_sample(struct wr_lane *lane, uint64_t now_ns, uint32_t round)
{
	uint64_t weight = wr_sampler_take(&lane->sampler, lane->handed_over, round);

	if (wr_spsc_room(&lane->sample_ring) == 0) {
		wr_sampler_untake(&lane->sampler, weight);
		return;
	}
	lane->samples[wr_spsc_push_index(&lane->sample_ring, 0)] = (struct wr_lane_sample){
		.ticket = lane->handed_over, .at_ns = now_ns, .weight = weight};
	wr_spsc_push(&lane->sample_ring, 1);
}

void wr_lane_poison(struct wr_lane *lane)
{
	lane->poisoned = true;
	lane->tail_round = lane->head_own;
}

void wr_lane_shut_out(struct wr_lane *lane)
{
	uint32_t open = WR_LANE_OPEN;
	WR_ASSERT(lane->poisoned && lane->ordered_own == wr_load_relaxed(&lane->ordered));
	/* One that is closing goes on to be freed. S1 */
	(void)wr_cas_acq_rel(&lane->state, &open, (uint32_t)WR_LANE_POISONED);
	wr_park_wake(&lane->parker);
	wr_park_wake(&lane->level_parker);
}

void wr_lane_answer(struct wr_lane *lane, const struct wr_reply *reply)
{
	if (reply->code != 0) {
		WR_PROBE3(refused, (uintptr_t)lane, reply->ticket, reply->code);
		uint64_t refused = wr_load_relaxed(&lane->refused);
		uint32_t first = wr_load_relaxed(&lane->first_refusal);
		/* A duplicate is not what hides why something else is not in the log. */
		if (first == 0 ||
		    (first == (uint32_t)-WEIR_E_DUPLICATE && reply->code != WEIR_E_DUPLICATE)) {
			wr_store_relaxed(&lane->first_refused_ticket, reply->ticket);
			wr_store_relaxed(&lane->first_refusal, (uint32_t)-reply->code);
		}
		wr_store_relaxed(&lane->refused, refused + 1);
	}
	if (!lane->replies_wanted)
		return;
	WR_ASSERT(wr_spsc_room(&lane->reply_ring) > 0);
	lane->replies[wr_spsc_push_index(&lane->reply_ring, 0)] = *reply;
	wr_spsc_push(&lane->reply_ring, 1);
}

void wr_lane_publish_taken(struct wr_lane *lane)
{
	wr_publish_round_u64(&lane->ordered, lane->ordered_own); /* A3 */
	wr_publish_round_u64(&lane->head, lane->head_own);       /* A2 */
	wr_park_notify(&lane->parker);
}
