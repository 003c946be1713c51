/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records that the group writes for a shared subscription, in its own lane, and the answers to
 * them; and the other ports of core/group/share.h.
 */
#include <errno.h>

#include "core/base/bug.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/retry.h"
#include "core/pipeline/sharing.h"

#define FULL_RETRY_NS 10000000u

bool wr_sharing_send_mark(struct wr_sharing *sharing, uint32_t count, uint64_t to_seq)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	struct wr_mark_head head = {
		.from = sharing->marked_seq,
		.to = to_seq,
		.count = count,
		.keyed = sharing->share.options.by_key,
	};
	for (uint32_t i = 0; i < count && head.terms == 0; i++)
		head.terms = wr_mark_has_terms(&sharing->mark[i]);
	uint32_t entry_bytes = 0;
	uint64_t next_seq = head.from;
	for (uint32_t i = 0; i < count; i++) {
		entry_bytes += wr_mark_put(sharing->encoded + entry_bytes, next_seq,
					   &sharing->mark[i], &head);
		next_seq = sharing->mark[i].seq + 1;
	}
	uint32_t record_bytes = wr_control_bytes(0, (uint32_t)sizeof head + entry_bytes);
	uint32_t bytes = wr_record_stride(record_bytes);
	uint8_t *to = wr_lane_claim(lane, bytes);
	if (to == NULL)
		return false;
	wr_control_write(to, WR_KIND_HANDOUT_MARK, sharing->live->id, 0, NULL, 0, &head,
			 sizeof head);
	struct wr_record *r = (struct wr_record *)to;
	r->bytes = record_bytes;
	r->flags |= WR_RECORD_WANTS_REPLY;
	memcpy(to + WR_RECORD_HEAD_BYTES + sizeof head, sharing->encoded, entry_bytes);
	memset(to + record_bytes, 0, bytes - record_bytes);
	wr_group_remember(p, wr_lane_append(lane, bytes),
			  &(struct wr_raise){.kind = WR_RAISE_MARK,
					     .subscription = sharing->live->id,
					     .row = count,
					     .seq = sharing->marked_seq});
	wr_lane_publish(lane);
	sharing->marked_seq = to_seq;
	sharing->marks_on_way++;
	return true;
}

/*
 * Whether the member was handed what it was granted; a grant whose lease was over by then it leaves
 * out. Where the ring has turned since nobody knows: it counts.
 */
static bool was_handed_out(struct weir_pipeline *p, const struct wr_share_event *event)
{
	struct wr_member_sharing *s = p->members[event->member].sharing;
	struct wr_spsc *ring = &s->grants_ring;
	if (ring->tail_own - event->grant > ring->mask + 1)
		return true;
	uint32_t last = wr_load_acquire(&s->handed_out[event->grant & ring->mask]); /* HO1 */
	return last == (uint32_t)event->grant + 1;
}

static int port_expire(void *context, const struct wr_share_event *event)
{
	struct wr_sharing *sharing = context;
	struct weir_pipeline *p = sharing->live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	struct wr_reject reject = {
		.seq = event->seq,
		.generation = event->generation,
		/* Nobody has tried what nobody was handed: it counts as no attempt. */
		.verdict = was_handed_out(p, event) ? WR_VERDICT_EXPIRED : WR_VERDICT_RELEASED,
		.failed_us = wr_writer_append_now_us(&p->writer),
	};
	uint32_t bytes = wr_record_stride(wr_control_bytes(0, sizeof reject));
	uint8_t *to = wr_lane_claim(lane, bytes);
	if (to == NULL)
		return -EAGAIN;
	wr_control_write(to, WR_KIND_REJECT, sharing->live->id, 0, NULL, 0, &reject, sizeof reject);
	((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
	wr_group_remember(p, wr_lane_append(lane, bytes),
			  &(struct wr_raise){.kind = WR_RAISE_EXPIRE,
					     .subscription = sharing->live->id,
					     .seq = event->seq});
	wr_lane_publish(lane);
	return 0;
}

static uint64_t port_lane_place(void *context, uint32_t slot)
{
	struct wr_sharing *sharing = context;
	return wr_load_acquire(&sharing->live->pipeline->members[slot].lane->tail); /* A1 */
}

static bool port_lane_decided(void *context, uint32_t slot, uint64_t place)
{
	struct wr_sharing *sharing = context;
	return wr_group_lane_decided(&sharing->live->pipeline->members[slot], place);
}

void wr_sharing_ports_init(struct wr_sharing *sharing)
{
	sharing->ports = (struct wr_share_ports){
		.context = sharing,
		.expire = port_expire,
		.bury = wr_sharing_bury,
		.lane_place = port_lane_place,
		.lane_decided = port_lane_decided,
		.in_hand = wr_sharing_in_hand,
	};
}

static void mark_answered(struct weir_pipeline *p, struct wr_sharing *sharing,
			  const struct wr_raise *raise, int code)
{
	sharing->marks_on_way--;
	if (code == 0) {
		wr_share_marked(&sharing->share, raise->row);
		if (sharing->mark_max <= WR_MARK_EVENTS_MAX / 2)
			sharing->mark_max *= 2;
		return;
	}
	/* Those behind it do not begin at the frontier now, and come back as well: before that
	 * nothing that they name is taken anew. */
	sharing->mark_refused = true;
	wr_share_unmarked(&sharing->share, raise->row);
	if (raise->seq < sharing->marked_seq)
		sharing->marked_seq = sharing->take_seq = raise->seq;
	/*
	 * All subscriptions together have as much outstanding as the log has places for: it is
	 * tried again, with fewer, since what is left may be less than what was asked for.
	 */
	sharing->mark_max = sharing->mark_max > 1 ? sharing->mark_max / 2 : 1;
	sharing->wait_until_ns = wr_clock_mono_ns(p->host.clock) + FULL_RETRY_NS;
}

void wr_sharing_answered(struct weir_pipeline *p, const struct wr_raise *raise,
			 const struct wr_reply *reply)
{
	struct wr_sharing *sharing = p->subscriptions[raise->subscription].sharing;
	if (raise->kind == WR_RAISE_MOVE) {
		wr_sharing_moved(sharing, reply);
		return;
	}
	if (raise->kind == WR_RAISE_MARK) {
		mark_answered(p, sharing, raise, reply->code);
		return;
	}
	struct wr_share *share = &sharing->share;
	bool done = reply->code == 0, fenced = reply->code == WEIR_E_FENCED;
	if (raise->kind == WR_RAISE_IN_HAND) {
		wr_share_in_hand(share, raise->seq, done, reply->sequence);
		return;
	}
	if (raise->kind == WR_RAISE_EXPIRE) {
		wr_share_expired(share, raise->seq, done || fenced ? reply->detail : 0,
				 done ? reply->sequence : reply->after_seq, done);
		return;
	}
	/* Erased, it is settled though it was to stay: its key goes on. */
	bool is_gone = done && (raise->row & WR_FATE_ALONE) != 0 && !WR_BUG(ERASED_STAYS_PARKED);
	if (fenced || is_gone)
		wr_share_gone(share, raise->seq, raise->generation);
	else
		wr_share_buried(share, raise->seq, raise->generation, done);
	if (done && (raise->row & WR_FATE_EXPIRED) != 0)
		wr_store_relaxed(&sharing->expired, wr_load_relaxed(&sharing->expired) + 1);
	if (done && (raise->row & WR_FATE_OVERFLOWED) != 0)
		wr_store_relaxed(&sharing->overflowed, wr_load_relaxed(&sharing->overflowed) + 1);
	if (done && (raise->row & WR_FATE_DROPPED) != 0)
		wr_store_relaxed(&sharing->dropped, wr_load_relaxed(&sharing->dropped) + 1);
	if (done && (raise->row & WR_FATE_DROPPED) == 0)
		(void)wr_add_relaxed(&sharing->live->failures.buried, 1u);
	/* Erased since it was read: looked at again, it is settled alone. */
	if (!done && !fenced && reply->code != -ENOENT) {
		sharing->bury_after_ns = wr_clock_mono_ns(p->host.clock) + WR_BURY_RETRY_NS;
		wr_burial_say_refused(p, reply->code);
	}
}
