/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a member says of the events of a shared subscription. Those that are done are gathered and
 * handed to the log together, at the next poll or commit; what failed goes at once.
 */
#include <errno.h>

#include "core/pipeline/member_times.h"
#include "core/pipeline/rejection.h"
#include "core/pipeline/sharing.h"
#include "core/pipeline/span_notes.h"
#include "core/pipeline/transaction.h"

/* The event that an item names, if the member still has it. */
static struct wr_in_hand *held_of(struct weir_member *m, const struct weir_item *item)
{
	wr_hand_look(m);
	struct wr_in_hand *held = wr_hand_find(m->sharing, item->sequence);
	return held != NULL && held->generation == item->generation ? held : NULL;
}

bool wr_sharing_is_item(const struct weir_item *item)
{
	return item->generation != 0 && item->sequence != 0 &&
	       (item->kind == WEIR_ITEM_EVENT || item->kind == WEIR_ITEM_GAP);
}

int wr_sharing_held(struct weir_member *m, const struct weir_item *item,
		    struct wr_in_hand **ret_held)
{
	if (!wr_sharing_is_item(item))
		return -EINVAL;
	*ret_held = held_of(m, item);
	return *ret_held != NULL ? 0 : WEIR_E_FENCED;
}

static void settle(struct wr_member_sharing *s, struct wr_in_hand *held)
{
	s->settled[s->settled_count++] = (struct wr_settled){
		.seq = held->seq, .from = held->from, .generation = held->generation};
	wr_hand_remove(s, held);
}

static bool may_settle(struct weir_member *m)
{
	struct wr_member_sharing *s = m->sharing;
	if (s->settled_count <= s->held_mask)
		return true;
	/* In a child of the process the lane is the parent's. */
	return !wr_pipeline_is_copy(m->pipeline) && wr_sharing_flush(m) <= s->held_mask;
}

int wr_sharing_ack(struct weir_member *m, const struct weir_item *item)
{
	struct wr_in_hand *held;
	int rc = wr_sharing_held(m, item, &held);
	if (rc != 0)
		return rc;
	if (held->in_transaction)
		return -EBUSY;
	if (!may_settle(m))
		return WEIR_E_FULL;
	settle(m->sharing, held);
	wr_member_settled(m, 1, item->append_time_us);
	wr_span_ended(m, item->sequence, WR_SPAN_HANDLED, 0);
	return 0;
}

int wr_sharing_ack_all(struct weir_member *m)
{
	struct wr_member_sharing *s = m->sharing;
	wr_hand_look(m);
	uint32_t before = s->held_count;
	for (uint32_t i = 0; i <= s->held_mask && s->held_count > 0; i++)
		while (s->held[i].seq != 0 && !s->held[i].in_transaction && may_settle(m)) {
			wr_span_ended(m, s->held[i].seq, WR_SPAN_HANDLED, 0);
			settle(s, &s->held[i]);
		}
	wr_member_settled(m, before - s->held_count, m->picked_us);
	return 0;
}

/* ---- to the log ---- */

/* By sequence: mostly they are, since they were handed out so. */
void wr_settled_sort(struct wr_settled *settled, uint32_t count)
{
	uint32_t gap = 1;
	while (gap < count / 3)
		gap = 3 * gap + 1;
	for (; gap > 0; gap /= 3)
		for (uint32_t i = gap; i < count; i++) {
			struct wr_settled one = settled[i];
			uint32_t at = i;
			for (; at >= gap && settled[at - gap].seq > one.seq; at -= gap)
				settled[at] = settled[at - gap];
			settled[at] = one;
		}
}

/* Those from the first on that follow one another in the subscription; how many. */
static uint32_t take_run(const struct wr_settled *settled, uint32_t count,
			 struct wr_settle_run *run)
{
	uint32_t at = 0;
	*run = (struct wr_settle_run){.first = settled->seq, .generation = settled->generation};
	do {
		run->last = settled[at].seq;
		run->count++;
		at++;
	} while (at < count && settled[at].from == run->last + 1 &&
		 settled[at].generation == run->generation);
	return at;
}

/*
 * The record that settles some of them, as far as it may have `most` bytes. They are sorted; one
 * that was had twice, under two leases, stands in two records. `to` NULL: it is only measured.
 */
static uint32_t write_some(const struct wr_settled *settled, uint32_t count, uint32_t subscription,
			   uint32_t most, uint8_t *to, uint32_t *ret_count)
{
	struct wr_settle_head head = {.base = settled[0].seq};
	uint32_t bytes = WR_RECORD_HEAD_BYTES + (uint32_t)sizeof head;
	uint64_t next_seq = head.base;
	uint32_t at = 0;
	while (at < count && bytes + WR_SETTLE_RUN_BYTES_MAX <= most &&
	       settled[at].seq >= next_seq) {
		uint8_t measured[WR_SETTLE_RUN_BYTES_MAX];
		struct wr_settle_run run;
		at += take_run(settled + at, count - at, &run);
		bytes += wr_settle_put(to != NULL ? to + bytes : measured, next_seq, &run);
		next_seq = run.last + 1;
		head.count++;
	}
	*ret_count = at;
	if (to == NULL)
		return bytes;
	wr_control_write(to, WR_KIND_SETTLE, subscription, 0, NULL, 0, &head, sizeof head);
	((struct wr_record *)to)->bytes = bytes;
	memset(to + bytes, 0, wr_record_stride(bytes) - bytes);
	return bytes;
}

uint32_t wr_settled_write(const struct wr_settled *settled, uint32_t count, uint32_t subscription,
			  uint8_t *to)
{
	uint32_t written;
	uint32_t bytes = write_some(settled, count, subscription, UINT32_MAX, to, &written);
	WR_ASSERT(written == count);
	return bytes;
}

/* One record; how many it settles, 0: no room. They are sorted. */
static uint32_t flush_some(struct weir_member *m)
{
	struct wr_member_sharing *s = m->sharing;
	/* A claim that is larger than the lane would never find room. */
	uint32_t most = (uint32_t)wr_min_u64(m->pipeline->writer.options.run_bytes_max,
					     m->lane->capacity_bytes / 4);
	uint64_t all = WR_RECORD_HEAD_BYTES + sizeof(struct wr_settle_head) +
		       (uint64_t)s->settled_count * WR_SETTLE_RUN_BYTES_MAX;
	uint8_t *to = wr_lane_claim(m->lane, wr_record_stride((uint32_t)wr_min_u64(all, most)));
	if (to == NULL)
		return 0;
	uint32_t count;
	uint32_t bytes =
		write_some(s->settled, s->settled_count, m->subscription, most, to, &count);
	(void)wr_lane_append(m->lane, wr_record_stride(bytes));
	return count;
}

uint32_t wr_sharing_flush(struct weir_member *m)
{
	struct wr_member_sharing *s = m->sharing;
	bool any = false;
	wr_member_tell_count(m);
	if (m->in_transaction)
		return s->settled_count;
	wr_hand_look(m);
	wr_settled_sort(s->settled, s->settled_count);
	while (s->settled_count > 0) {
		uint32_t count = flush_some(m);
		if (count == 0)
			break;
		any = true;
		s->settled_count -= count;
		memmove(s->settled, s->settled + count, s->settled_count * sizeof *s->settled);
	}
	if (any)
		wr_lane_publish(m->lane);
	return s->settled_count;
}

/* ---- failures ---- */

int wr_sharing_reject(struct weir_member *m, const struct weir_item *item,
		      const struct weir_rejection *r)
{
	struct wr_in_hand *held = held_of(m, item);
	if (held == NULL)
		return WEIR_E_FENCED;
	if (wr_rejection_is_held_up(m) || held->in_transaction)
		return -EBUSY;
	uint64_t delay_ns; /* the group has it from the record */
	uint32_t attempts = held->attempts;
	struct wr_reject reject = wr_rejection_of(m, item, r, attempts, &delay_ns);
	if (wr_rejection_write(m, 0, &reject, r->text) == 0)
		return WEIR_E_AGAIN;
	wr_hand_remove(m->sharing, held);
	wr_rejection_done(m, item, r, attempts);
	return 0;
}

bool wr_sharing_ask(struct weir_member *m, uint64_t seq, uint32_t generation, uint64_t due_ns)
{
	struct wr_member_sharing *s = m->sharing;
	if (wr_spsc_room(&s->asks_ring) == 0)
		return false;
	s->asks[wr_spsc_push_index(&s->asks_ring, 0)] =
		(struct wr_lease_ask){.seq = seq, .due_ns = due_ns, .generation = generation};
	wr_spsc_push(&s->asks_ring, 1);
	wr_publish_u64(&m->released, ++m->released_own); /* N2 */
	wr_park_notify(&m->pipeline->group_parker);
	return true;
}

int weir_extend(struct weir_member *m, const struct weir_item *item, uint64_t lease_ns)
{
	struct wr_member_sharing *s = m->sharing;
	if (s == NULL || !wr_sharing_is_item(item) || lease_ns > WR_LEASE_NS_MAX)
		return -EINVAL;
	if (wr_pipeline_is_copy(m->pipeline))
		return WEIR_E_CLOSED;
	uint64_t now_ns = wr_clock_mono_ns(m->pipeline->host.clock);
	struct wr_in_hand *held = held_of(m, item);
	if (held == NULL || held->due_ns <= now_ns)
		return WEIR_E_FENCED;
	if (!wr_sharing_ask(m, held->seq, held->generation, now_ns + lease_ns))
		return WEIR_E_AGAIN;
	held->due_ns = now_ns + lease_ns;
	return 0;
}
