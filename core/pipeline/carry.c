/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/carry.h"

#include <errno.h>

#include "core/base/bits.h"
#include "core/base/bug.h"
#include "core/pipeline/erase.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/portion.h"
#include "core/pipeline/reason.h"
#include "core/pipeline/sharing.h"
#include "core/record/recipients.h"

/* So many under way leave most of the group's lane, and of its answers, to what is due. */
#define ON_WAY_MAX 64u
#define BYTES_A_STEP (256u << 10)
/* What was in the way takes some looks at numbers to see; or a look at all that is outstanding. */
#define LOOKS_A_WAIT 10u
/* Of a segment's bytes: more than that is not copied, or it would free too little. */
#define PART 2u

/* ---- which segment ---- */

/* The lowest sequence that somebody needs for another reason than that it is outstanding. */
static uint64_t needed_by_others(struct weir_pipeline *p)
{
	struct wr_catalog *catalog = &p->tables.catalog;
	uint32_t count = wr_catalog_subscription_count(catalog);
	uint64_t needed = UINT64_MAX;
	for (uint32_t id = 0; id < count; id++) {
		struct wr_subscription_live *live = &p->subscriptions[id];
		const struct wr_subscription *s = &catalog->subscriptions[id];
		bool started = wr_load_acquire(&live->started) != 0;                   /* X1 */
		needed = wr_min_u64(needed, wr_load_relaxed(&p->holds[id].count_seq)); /* own */
		if (started && live->sharing != NULL) {
			needed = wr_min_u64(needed, live->sharing->marked_seq);
			continue;
		}
		for (uint32_t row = 0; row < s->row_count; row++) {
			struct wr_settle_row *r = &p->tables.settle.rows[s->row_first + row];
			needed = wr_min_u64(needed, wr_load_relaxed(&r->position));
		}
	}
	return needed;
}

static struct wr_sharing *sharing_of(struct weir_pipeline *p, uint32_t id)
{
	struct wr_subscription_live *live = &p->subscriptions[id];
	return wr_load_acquire(&live->started) != 0 ? live->sharing : NULL; /* X1 */
}

/* What of all of them lies below. */
static struct wr_share_below below_of(struct weir_pipeline *p, uint64_t end_seq)
{
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	struct wr_share_below sum = {0};
	for (uint32_t id = 0; id < count; id++) {
		struct wr_sharing *sharing = sharing_of(p, id);
		struct wr_share_below below;
		if (sharing == NULL)
			continue;
		wr_share_below(&sharing->share, end_seq, &below);
		sum.events += below.events;
		sum.bytes += below.bytes;
		sum.has_fixed = sum.has_fixed || below.has_fixed;
	}
	return sum;
}

/* The next segment that retention wants, and where it ends; 0: there is none, or not now. */
static uint64_t next_wanted(struct weir_pipeline *p, struct wr_segment_found *ret_segment)
{
	struct wr_segment_found next;
	uint64_t wanted = wr_load_relaxed(&p->link.wanted_seq);
	uint64_t from = wr_max_u64(wr_segment_oldest_seq(&p->segments), p->carrying.done_seq);
	if (from == 0 || from >= wanted || !wr_segment_find(&p->segments, from, ret_segment) ||
	    !wr_segment_next(&p->segments, ret_segment->segment_id, &next))
		return 0;
	return next.first_seq <= wanted ? next.first_seq : 0;
}

/* One that was made meanwhile may begin before what is done for the others. */
static void count_queues(struct weir_pipeline *p)
{
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog), queues = 0;
	for (uint32_t id = 0; id < count; id++)
		queues += sharing_of(p, id) != NULL ? 1 : 0;
	if (queues != p->carrying.queues)
		wr_carry_anew(p);
	p->carrying.queues = queues;
}

/* Looks whether copies let a segment go. */
static void begin(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_carrying *c = &p->carrying;
	struct wr_segment_found segment = {0};
	if (now_ns < c->wait_until_ns)
		return;
	count_queues(p);
	uint64_t end_seq = next_wanted(p, &segment);
	if (end_seq == 0)
		return;
	if (needed_by_others(p) < end_seq) {
		c->wait_until_ns = now_ns + c->wait_ns / LOOKS_A_WAIT;
		return;
	}
	struct wr_share_below below = below_of(p, end_seq);
	if (below.has_fixed ||
	    (below.bytes > segment.bytes / PART && !WR_BUG(CARRIES_ROUND_AND_ROUND))) {
		c->wait_until_ns = now_ns + c->wait_ns;
	} else if (below.events == 0) {
		c->done_seq = end_seq;
	} else {
		c->end_seq = end_seq;
		c->subscription = 0;
		c->at = (struct wr_share_cursor){0};
		c->failed = false;
	}
}

/* ---- the copies ---- */

struct wr_carried wr_carried_from(struct wr_portion *portion, const struct wr_record *r,
				  uint64_t seq, uint32_t subscription)
{
	struct wr_carried from;
	if (wr_carried_of(r, &from))
		return from;
	const struct wr_batch_header *batch = wr_portion_batch(portion->chunk, seq);
	return (struct wr_carried){
		.seq = seq,
		.append_us = batch->time_base_us + r->time_delta_us,
		.epoch = batch->epoch,
		.log = batch->log_id,
		.subscription = subscription,
	};
}

/* 0; -EAGAIN: no room in the lane now; another: it cannot be copied. */
static int write_copy(struct wr_sharing *sharing, const struct wr_share_event *e,
		      const struct wr_record_view *view, const struct wr_carried *from)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	struct wr_lane *lane = &p->lanes[WR_GROUP_LANE];
	uint32_t stride = wr_carried_stride(view, from);
	if (stride == 0 || stride > p->writer.options.run_bytes_max)
		return WEIR_E_TOO_BIG;
	uint8_t *to = wr_lane_claim(lane, stride);
	if (to == NULL)
		return -EAGAIN;
	wr_carried_write(view, from, to);
	((struct wr_record *)to)->flags |= WR_RECORD_WANTS_REPLY;
	wr_group_remember(p, wr_lane_append(lane, stride),
			  &(struct wr_raise){.kind = WR_RAISE_CARRY,
					     .subscription = sharing->live->id,
					     .seq = e->seq});
	wr_lane_publish(lane);
	return 0;
}

/* Reads it where it lies, and hands its copy to the log. As above. */
static int copy(struct wr_sharing *sharing, const struct wr_share_event *e)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	uint64_t place = wr_share_place(e);
	struct wr_portion portion;
	struct wr_record_view view;
	struct wr_reason reason;
	if (wr_reason_read(p, e, &reason) != 0)
		return -EAGAIN;
	if (!wr_portion_find(p, wr_group_pin(p), place, place, &portion))
		return portion.unreadable ? portion.code : -EAGAIN;
	const struct wr_record *r = wr_portion_record(p, portion.chunk, place);
	int rc = WEIR_E_CORRUPT;
	if (wr_record_has_event(r) && wr_record_view(r, r->bytes, &view)) {
		struct wr_carried from = wr_carried_from(&portion, r, e->seq, sharing->live->id);
		wr_reason_put_copied(&reason, &from);
		from.text = reason.text;
		from.text_bytes = WR_BUG(TEXT_NOT_CARRIED) ? 0 : reason.text_bytes;
		if (e->seq < wr_erased_end(p) && wr_is_erased(p, r, e->seq))
			rc = -ESTALE;
		else if (from.seq == e->seq && from.subscription == sharing->live->id)
			rc = write_copy(sharing, e, &view, &from);
	}
	wr_chunks_unpin(wr_group_pin(p));
	return rc;
}

/* Those of one subscription. False: not all of them now. */
static bool go_through(struct wr_carrying *c, struct wr_sharing *sharing, uint32_t *bytes,
		       int *work)
{
	struct wr_share *share = &sharing->share;
	struct wr_share_cursor before = c->at;
	struct wr_share_event *e;
	/* While it is moved, or not open yet, nothing is as it will be. */
	if (wr_sharing_is_to_move(sharing) ||
	    sharing->live->failures.reopening.state != WR_REOPENED) {
		c->failed = true;
		return true;
	}
	while ((e = wr_share_next_below(share, &c->at, c->end_seq)) != NULL) {
		if (!wr_share_may_carry(share, e)) {
			c->failed = true;
			before = c->at;
			continue;
		}
		int rc = c->on_way < ON_WAY_MAX && *bytes < BYTES_A_STEP ? copy(sharing, e)
									 : -EAGAIN;
		if (rc == -EAGAIN) {
			c->at = before;
			return false;
		}
		if (rc != 0) {
			/* What cannot be read may be so later: a member waits for it, too. */
			e->stays = rc == WEIR_E_TOO_BIG || rc == -ESTALE;
			c->failed = true;
		} else {
			wr_share_carry(share, e);
			c->on_way++;
			*bytes += e->bytes;
			++*work;
		}
		before = c->at;
	}
	return true;
}

int wr_carry_step(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_carrying *c = &p->carrying;
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	uint32_t bytes = 0;
	int work = 0;
	if (p->journal == NULL || (c->end_seq == 0 && wr_load_relaxed(&p->link.wanted_seq) == 0))
		return 0;
	if (c->end_seq == 0)
		begin(p, now_ns);
	if (c->end_seq == 0)
		return 0;
	for (; c->subscription < count; c->subscription++) {
		struct wr_sharing *sharing = sharing_of(p, c->subscription);
		if (sharing != NULL && !go_through(c, sharing, &bytes, &work))
			return work;
		c->at = (struct wr_share_cursor){0};
	}
	if (c->on_way > 0)
		return work;
	if (c->failed)
		c->wait_until_ns = now_ns + c->wait_ns;
	else
		c->done_seq = c->end_seq;
	c->end_seq = 0;
	return work + 1;
}

void wr_carry_answered(struct weir_pipeline *p, const struct wr_raise *raise,
		       const struct wr_reply *reply)
{
	struct wr_carrying *c = &p->carrying;
	struct wr_sharing *sharing = p->subscriptions[raise->subscription].sharing;
	bool done = reply->code == 0;
	c->on_way--;
	c->failed = c->failed || !done;
	if (done)
		wr_store_relaxed(&sharing->carried,
				 wr_load_relaxed(&sharing->carried) + 1); /* own */
	/* What was erased is not copied later, either. */
	wr_share_carried(&sharing->share, raise->seq, done ? reply->sequence : 0,
			 reply->code != -ESTALE);
}

void wr_carry_anew(struct weir_pipeline *p)
{
	p->carrying.done_seq = 0;
	/* What it is at now is not done either. */
	p->carrying.failed = p->carrying.failed || p->carrying.end_seq != 0;
}
