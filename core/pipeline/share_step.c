/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group step's share for one shared subscription: it follows the log for what members settled
 * and rejected, takes charge of the next events (share_take.c), and grants what is ready to members
 * that have room.
 *
 * What it follows may leave memory before it gets there: with a journal it is read back from disk.
 * In a memory-only log producers are held back for it (H1); should control records alone overrun
 * it, what it missed comes to light when a lease runs out: the answer to the record that says so
 * tells what is in force (wr_share_expired()).
 */
#include <errno.h>

#include "core/base/bug.h"
#include "core/log/suspects.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/portion.h"
#include "core/pipeline/sharing.h"
#include "core/pipeline/span_notes.h"

#define PORTIONS_A_STEP 4u
#define GRANTS_AT_ONCE 64u
#define TELL_EVERY_NS 10000000000u

/* ---- life ---- */

static void set_tags(struct weir_pipeline *p, struct wr_sharing *sharing,
		     const struct wr_subscription *s)
{
	uint32_t mask = wr_chunks_tag_mask(&p->chunks);
	memset(sharing->tags, 0, sharing->tag_words * sizeof *sharing->tags);
	for (uint32_t t = 0; t < s->topic_count; t++) {
		const struct wr_topic *topic = &p->tables.catalog.topics[s->topics[t]];
		for (uint32_t i = 0; i < topic->partitions; i++) {
			uint32_t tag = (topic->tag_base + i) & mask;
			sharing->tags[tag / 64] |= 1ull << (tag % 64);
		}
	}
}

/* What an earlier run has left outstanding. At open: the writer does not run yet. */
static void restore(struct weir_pipeline *p, struct wr_sharing *sharing)
{
	struct wr_outstanding *o = &p->tables.outstanding;
	wr_share_clock(&sharing->share, wr_clock_mono_ns(p->host.clock),
		       wr_append_ns(wr_writer_append_now_us(&p->writer)));
	for (uint32_t at = o->lists[sharing->live->id].first; at != WR_NO_ENTRY;
	     at = o->entries[at].next) {
		const struct wr_outstanding_entry *e = &o->entries[at];
		struct wr_share_event event = {
			.seq = e->seq,
			.place = e->place,
			.from = e->seq,
			.key = e->key,
			.bytes = e->bytes,
			.generation = e->generation,
			.attempts = e->attempts,
			.reason = e->reason,
			.reject_seq = e->said_seq,
			.first_failed_us = e->first_failed_us,
			.last_failed_us = e->last_failed_us,
			.not_before_ns = wr_append_ns(e->not_before_us),
			.expires_ns = wr_append_ns(e->expires_us),
			.priority = (uint8_t)e->priority,
			.dead = (e->dead & WR_ENTRY_DEAD) != 0,
			.parks = (e->dead & WR_ENTRY_PARKED) != 0,
		};
		wr_share_restore(&sharing->share, &event);
	}
}

static int make(struct weir_pipeline *p, struct wr_subscription_live *live, bool made)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	struct wr_memory *memory = p->host.memory;
	struct wr_sharing *sharing = memory->ops->alloc(memory, sizeof *sharing, 64);
	if (sharing == NULL)
		return -ENOMEM;
	memset(sharing, 0, sizeof *sharing);
	live->sharing = sharing;
	sharing->live = live;
	sharing->tag_words = (wr_chunks_tag_mask(&p->chunks) + 64) / 64;
	sharing->tags = memory->ops->alloc(memory, sharing->tag_words * sizeof *sharing->tags, 64);
	if (sharing->tags == NULL)
		return -ENOMEM;
	set_tags(p, sharing, s);
	wr_sharing_ports_init(sharing);
	struct wr_share_options options = {
		.by_key = s->order == WR_ORDER_KEY,
		/* A log with fewer places than it was made with has no more of it outstanding. */
		.events_max = s->outstanding_max < p->options.outstanding_max
				      ? s->outstanding_max
				      : p->options.outstanding_max,
		.members_max = p->options.members_max,
	};
	int rc = wr_share_init(&sharing->share, memory, &sharing->ports, &options);
	if (rc != 0)
		return rc;
	wr_store_relaxed(&sharing->lease_ns, 30000000000u);
	/* Made just now, nothing of it was taken before its start. */
	sharing->marked_seq = made ? s->start_seq : p->tables.outstanding.lists[live->id].frontier;
	sharing->take_seq = sharing->marked_seq;
	wr_sharing_tell_detached(sharing);
	sharing->follow_seq = wr_writer_visible_seq(&p->writer) + 1;
	sharing->mark_max = WR_MARK_EVENTS_MAX;
	sharing->share.first_generation =
		made ? 1 : p->tables.outstanding.lists[live->id].first_generation;
	wr_store_relaxed(&sharing->first_generation, sharing->share.first_generation);
	if (!made) {
		int work;
		wr_sharing_suspect(sharing);
		restore(p, sharing);
		/* Now, while nothing runs: a close before the first step has it drained. */
		(void)wr_reopening_step(live, &work);
	}
	return 0;
}

int wr_sharing_start(struct weir_pipeline *p, struct wr_subscription_live *live, bool made)
{
	int rc = make(p, live, made);
	if (rc != 0)
		wr_sharing_free(p, live); /* whoever tries again begins anew */
	return rc;
}

void wr_sharing_free(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	struct wr_memory *memory = p->host.memory;
	struct wr_sharing *sharing = live->sharing;
	if (sharing == NULL)
		return;
	if (sharing->tags != NULL)
		memory->ops->free(memory, sharing->tags,
				  sharing->tag_words * sizeof *sharing->tags);
	wr_share_fini(&sharing->share, memory);
	memory->ops->free(memory, sharing, sizeof *sharing);
	live->sharing = NULL;
}

/* ---- following the log ---- */

/* A lease that ran out, for spans: nobody else knows of it. */
static void tell_expired(struct wr_sharing *sharing, const struct wr_reject *reject)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	const struct wr_share_event *e = wr_share_find(&sharing->share, reject->seq);
	if (wr_span_notes_of(p) == NULL || e == NULL || e->generation != reject->generation)
		return;
	const struct wr_span_note note = {
		.sequence = reject->seq,
		.delivered_ns = e->granted_ns,
		.ended_ns = wr_clock_mono_ns(p->host.clock),
		.subscription = sharing->live->id,
		.generation = reject->generation,
		.attempts = e->attempts + 1,
		.row = UINT32_MAX,
		.outcome = WR_SPAN_EXPIRED,
		.redelivered = e->redelivered,
	};
	wr_span_tell_expired(p, &note);
}

static void follow_record(struct wr_sharing *sharing, uint64_t seq, const struct wr_record *r)
{
	struct wr_record_view view;
	struct wr_settle_view settle;
	struct wr_reject reject;
	const char *text;
	if (r->topic != sharing->live->id || !wr_record_view(r, r->bytes, &view))
		return;
	if (r->kind == WR_KIND_SETTLE && wr_settle_read(&view, &settle)) {
		struct wr_settle_run run;
		while (wr_settle_next(&settle, &run))
			wr_share_settled(&sharing->share, run.first, run.last, run.generation);
	} else if (r->kind == WR_KIND_REJECT && wr_reject_read(&view, &reject, &text) &&
		   !wr_suspects_is_verdict(reject.verdict)) {
		struct wr_share_rejection rejection = {
			.seq = reject.seq,
			.generation = reject.generation,
			.record_seq = seq,
			.failed_us = reject.failed_us,
			.not_before_ns = wr_append_ns(reject.not_before_us),
			.reason = reject.reason,
			.counts = reject.verdict != WR_VERDICT_RELEASED,
			.dead = reject.verdict == WR_VERDICT_DEAD,
			.parked = reject.verdict == WR_VERDICT_PARKED,
			.redriven = reject.verdict == WR_VERDICT_REDRIVEN,
			.given_up = reject.verdict == WR_VERDICT_GIVEN_UP,
		};
		if (reject.verdict == WR_VERDICT_EXPIRED)
			tell_expired(sharing, &reject);
		wr_share_rejected(&sharing->share, &rejection);
		if (rejection.not_before_ns != 0)
			wr_sharing_delayed_anew(sharing, reject.seq);
	}
}

static int follow(struct weir_pipeline *p, struct wr_sharing *sharing)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[sharing->live->id];
	uint32_t mask = wr_chunks_tag_mask(&p->chunks), tag = s->tag & mask;
	uint64_t visible = wr_park_look_u64(&p->writer.visible_seq); /* G1 */
	int work = 0;
	sharing->follow_unreadable = false;
	for (uint32_t i = 0; i < PORTIONS_A_STEP && sharing->follow_seq <= visible; i++) {
		struct wr_portion portion;
		if (!wr_portion_find(p, wr_group_pin(p), sharing->follow_seq, visible, &portion)) {
			sharing->follow_unreadable = portion.unreadable;
			if (!portion.unreadable && p->journal != NULL)
				break; /* a slot is to be had later */
			uint64_t oldest = wr_portion_oldest_seq(p, wr_group_pin(p));
			if (oldest == UINT64_MAX || oldest <= sharing->follow_seq)
				break;
			sharing->follow_seq = oldest; /* what it missed comes to light */
			continue;
		}
		const uint32_t *column = portion.chunk->column;
		uint64_t first_seq = portion.chunk->first_seq;
		for (uint64_t seq = sharing->follow_seq; seq < portion.end_seq; seq++)
			if ((column[seq - first_seq] & mask) == tag)
				follow_record(sharing, seq,
					      wr_portion_record(p, portion.chunk, seq));
		sharing->follow_seq = portion.end_seq;
		wr_chunks_unpin(wr_group_pin(p));
		work++;
	}
	return work;
}

/* ---- handing out ---- */

/* By the member's clock. */
static uint64_t polled_until_ns(const struct wr_share *share, const struct wr_share_event *e)
{
	if (e->expires_ns == 0 || WR_BUG(EXPIRED_HANDED_OUT))
		return e->due_ns;
	return wr_min_u64(e->due_ns, share->now_ns + (e->expires_ns - share->append_ns));
}

static void push_grant(struct weir_member *m, const struct wr_share *share,
		       const struct wr_share_event *e)
{
	struct wr_member_sharing *to = m->sharing;
	WR_ASSERT(wr_spsc_room(&to->grants_ring) > 0);
	to->grants[wr_spsc_push_index(&to->grants_ring, 0)] = (struct wr_grant){
		.seq = e->seq,
		.place = wr_share_place(e),
		.from = e->from,
		.due_ns = e->due_ns,
		.polled_until_ns = polled_until_ns(share, e),
		.generation = e->generation,
		.attempts = e->attempts + 1,
		.redelivered = e->redelivered,
	};
	wr_spsc_push(&to->grants_ring, 1);
}

static void waits_no_more(struct wr_sharing *sharing, uint32_t bytes)
{
	struct wr_share_excess *excess = &sharing->excess;
	excess->events -= excess->events > 0 ? 1 : 0;
	excess->bytes -= wr_min_u64(excess->bytes, bytes);
}

/* A handful at a time to each, so that those that lie together go to one. */
static int grant(struct weir_pipeline *p, struct wr_sharing *sharing, uint64_t now_ns)
{
	uint32_t member, without = 0;
	int work = 0;
	while (without <= p->options.members_max &&
	       (member = wr_share_next_member(&sharing->share)) != WR_SHARE_NONE) {
		struct weir_member *m = &p->members[member];
		const struct wr_share_event *e;
		uint32_t count = 0;
		/* Grants that ran out unpolled are still in the ring. */
		while (count < GRANTS_AT_ONCE && wr_spsc_room(&m->sharing->grants_ring) > 0 &&
		       (e = wr_share_grant(&sharing->share, member,
					   m->sharing->grants_ring.tail_own, now_ns)) != NULL) {
			push_grant(m, &sharing->share, e);
			if (e->redelivered)
				(void)wr_add_relaxed(&sharing->live->failures.redelivered, 1u);
			waits_no_more(sharing, e->bytes);
			count++;
		}
		without = count == 0 ? without + 1 : 0;
		if (count == 0)
			continue;
		wr_member_tell(p, m);
		work += (int)count;
	}
	return work;
}

/* ---- members ---- */

void wr_sharing_join(struct wr_sharing *sharing, struct weir_member *m)
{
	wr_share_join(&sharing->share, m->slot, m->sharing->out_max);
	sharing->wanted += m->sharing->out_max;
}

bool wr_sharing_leave(struct wr_sharing *sharing, struct weir_member *m)
{
	struct wr_share *share = &sharing->share;
	if (!share->members[m->slot].present)
		return true; /* it left before the group ever saw it */
	const struct wr_share_ports *ports = share->ports;
	uint64_t place = ports->lane_place(ports->context, m->slot);
	if (!ports->lane_decided(ports->context, m->slot, place))
		return false;
	/* What its lane held is in the log by now, and this step has not followed it yet. */
	struct weir_pipeline *p = sharing->live->pipeline;
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	if (sharing->follow_seq <= visible) {
		/* What cannot be read holds up nobody. */
		(void)follow(p, sharing);
		if (sharing->follow_seq <= visible && !sharing->follow_unreadable)
			return false;
	}
	wr_share_leave(share, m->slot);
	sharing->wanted -= m->sharing->out_max;
	return true;
}

int wr_sharing_take_asks(struct wr_sharing *sharing, struct weir_member *m)
{
	struct wr_member_sharing *s = m->sharing;
	int work = 0;
	while (wr_spsc_ready(&s->asks_ring) > 0) {
		const struct wr_lease_ask *ask = &s->asks[wr_spsc_pop_index(&s->asks_ring, 0)];
		wr_share_extend(&sharing->share, m->slot, ask->seq, ask->generation, ask->due_ns);
		wr_spsc_pop(&s->asks_ring, 1);
		work++;
	}
	return work;
}

/* ---- the step ---- */

static void take_options(struct wr_sharing *sharing)
{
	struct wr_share *share = &sharing->share;
	share->lease_ns = wr_load_relaxed(&sharing->lease_ns);
	struct wr_failures *failures = &sharing->live->failures;
	wr_share_give_up(share, wr_load_relaxed(&failures->attempts_max),
			 wr_load_relaxed(&failures->dead_letters) != UINT32_MAX);
	share->options.single_active = wr_load_relaxed(&sharing->single_active) != 0;
	share->parks = wr_load_relaxed(&sharing->parks) != 0;
	/* A job holds letters as it looks at them: one at a time, it would never see the next. */
	if (wr_share_isolates(share) && wr_load_acquire(&sharing->redriven) != 0) /* RD2 */
		wr_share_trust(share);
	uint64_t delay_ns = wr_load_relaxed(&sharing->delay_ns);
	uint64_t time_to_live_ns = wr_load_relaxed(&sharing->time_to_live_ns);
	if (delay_ns == sharing->delay_seen_ns && time_to_live_ns == sharing->time_to_live_seen_ns)
		return;
	sharing->delay_seen_ns = delay_ns;
	sharing->time_to_live_seen_ns = time_to_live_ns;
	sharing->delayed_until_ns = sharing->live_until_ns = 0; /* looked at anew */
}

/* How much is parked, for who asks; and, once, that for it nothing more can be taken. */
static void tell_parked(struct weir_pipeline *p, struct wr_sharing *sharing)
{
	const struct wr_share *share = &sharing->share;
	bool full = share->parked_count > 0 && share->parked_count == share->event_count &&
		    wr_share_room(share) == 0;
	wr_store_relaxed(&sharing->parked, share->parked_count);
	if (full && !sharing->told_full)
		wr_pipeline_say(p, WR_EVENT_QUEUE_PARKED_FULL,
				WR_FIELDS(wr_field_u64("parked", share->parked_count)),
				"%u events of a shared subscription are parked, as many as it "
				"may have outstanding: it waits until some are redriven or given "
				"up",
				share->parked_count);
	sharing->told_full = full;
}

static void report(struct wr_sharing *sharing, uint64_t now_ns)
{
	for (uint32_t i = 0; i < WR_SHARE_STATES; i++)
		wr_store_relaxed(&sharing->in_state[i], (uint64_t)sharing->share.in_state[i]);
	uint64_t dropped = wr_load_relaxed(&sharing->dropped); /* own */
	if (dropped == sharing->told_dropped || now_ns < sharing->told_dropped_ns + TELL_EVERY_NS)
		return;
	wr_pipeline_say(sharing->live->pipeline, WR_EVENT_QUEUE_DROPPED,
			WR_FIELDS(wr_field_u64("events", dropped - sharing->told_dropped)),
			"%llu events of a queue outlived their time to live or were too many, "
			"and were dropped: it has no dead letters",
			(unsigned long long)(dropped - sharing->told_dropped));
	sharing->told_dropped = dropped;
	sharing->told_dropped_ns = now_ns;
}

static void tell_refused(struct wr_sharing *sharing, uint64_t now_ns)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	uint64_t refused = wr_load_relaxed(&p->tables.lengths.of[sharing->live->id].refused);
	if (refused == sharing->told_refused ||
	    (sharing->told_refused != 0 && now_ns < sharing->told_refused_ns + TELL_EVERY_NS))
		return;
	wr_pipeline_say(p, WR_EVENT_QUEUE_FULL,
			WR_FIELDS(wr_field_u64("subscription", sharing->live->id),
				  wr_field_u64("refused", refused - sharing->told_refused)),
			"subscription %u is as long as it may be: %llu times an event or a run "
			"was refused",
			sharing->live->id, (unsigned long long)(refused - sharing->told_refused));
	sharing->told_refused = refused;
	sharing->told_refused_ns = now_ns;
}

/* For who has to know that nothing more comes: what was granted is in the rings by now. */
static void tell_idle(struct wr_sharing *sharing)
{
	const struct wr_share *share = &sharing->share;
	const uint32_t *in = share->in_state;
	bool waits = sharing->marks_on_way > 0 || in[WR_SHARE_MARKED] > 0 ||
		     in[WR_SHARE_READY] > 0 || in[WR_SHARE_UNDURABLE] > 0 ||
		     in[WR_SHARE_ANSWERED] > 0 || in[WR_SHARE_CARRIED] > 0;
	uint64_t idle_seq = waits ? 0 : sharing->take_seq;
	if (wr_load_relaxed(&sharing->idle_seq) != idle_seq)    /* own */
		wr_store_release(&sharing->idle_seq, idle_seq); /* RD1 */
}

int wr_sharing_step(struct wr_sharing *sharing, uint64_t now_ns)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	take_options(sharing);
	wr_share_clock(&sharing->share, now_ns, wr_append_ns(wr_writer_append_now_us(&p->writer)));
	int work = follow(p, sharing);
	uint64_t durable = p->journal != NULL ? wr_park_look_u64(&p->link.durable_seq) /* D1 */
					      : UINT64_MAX;
	int reopening;
	bool waits = wr_reopening_step(sharing->live, &reopening);
	work += reopening;
	if (waits)
		return work; /* nothing is handed out, and nothing is dead yet */
	if (!wr_sharing_keeps_still(sharing)) {
		work += wr_share_step(&sharing->share, durable, sharing->follow_seq - 1);
		wr_share_overflow(&sharing->share, &sharing->excess);
	}
	work += wr_sharing_serve_seek(sharing);
	work += wr_sharing_take(sharing, now_ns);
	if (!wr_sharing_is_to_move(sharing))
		work += grant(p, sharing, now_ns);
	if (!wr_sharing_keeps_still(sharing))
		work += wr_sharing_end_erased(sharing);
	tell_parked(p, sharing);
	tell_idle(sharing);
	report(sharing, now_ns);
	tell_refused(sharing, now_ns);
	return work;
}

uint64_t wr_sharing_due_ns(struct wr_sharing *sharing)
{
	uint64_t due_ns =
		wr_min_u64(wr_share_due_ns(&sharing->share), wr_sharing_take_due_ns(sharing));
	due_ns = wr_min_u64(due_ns, wr_sharing_end_erased_due_ns(sharing));
	if (sharing->share.dead.count > 0)
		due_ns = wr_min_u64(due_ns, sharing->bury_after_ns);
	if (wr_load_relaxed(&sharing->dropped) != sharing->told_dropped) /* own */
		due_ns = wr_min_u64(due_ns, sharing->told_dropped_ns + TELL_EVERY_NS);
	return due_ns;
}

uint64_t wr_sharing_held_seq(struct wr_sharing *sharing)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[sharing->live->id];
	uint64_t held = sharing->follow_seq;
	bool memory_only = p->journal == NULL;
	/* Who has nobody that reads holds nobody back. */
	if (!wr_share_has_reader(&sharing->share))
		return held;
	if (memory_only || wr_load_relaxed(&sharing->live->when_slow) == WEIR_SLOW_BLOCK)
		held = wr_min_u64(held, sharing->take_seq);
	if (!memory_only || sharing->share.event_count == 0)
		return held;
	/* The position is that of what is outstanding; what a mark on its way names lies above. */
	uint64_t position = wr_load_relaxed(&p->tables.settle.rows[s->row_first].position);
	uint64_t oldest = wr_portion_oldest_seq(p, wr_group_pin(p));
	/* What settles and marks alone have overrun cannot be held any more: the rest is. */
	if (position < oldest)
		position = wr_share_lowest_seq(&sharing->share, oldest);
	return wr_min_u64(held, position);
}
