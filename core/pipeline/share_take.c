/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a shared subscription's group takes charge of events: it looks through the log up to its
 * gate, as far as its members have use for more, and names what it finds in a hand-out mark.
 * Nothing is handed out before its mark is ordered: a settle never comes before it.
 *
 * With a delay of the queue's own it looks no further than to the first event that is not old
 * enough yet: the log is in the order of append time, and what waits needs no place anywhere. An
 * event's own terms (core/record/record.h) go into its mark, so that they are known after a crash.
 *
 * With a time to live of the queue's own what has outlived it is taken also when nobody wants
 * anything: it goes its way without members.
 */
#include "core/base/bug.h"
#include "core/pipeline/erase.h"
#include "core/pipeline/group_step.h"
#include "core/pipeline/portion.h"
#include "core/pipeline/sharing.h"

#define PORTIONS_A_STEP 4u
#define READY_LEAST 64u
#define DAMAGE_RETRY_NS 1000000000u

/* What is looked for, and on which terms it is taken. */
struct look {
	uint64_t now_us;          /* append time */
	uint64_t delay_us;        /* the queue's own */
	uint64_t time_to_live_us; /* likewise; 0: none */
	uint64_t newest_us;       /* what was appended later is not taken yet */
	uint64_t erased_end;      /* what lies below may have been erased */
	bool priorities;
	bool only_expired; /* nobody wants anything */
	bool only_foreign; /* none is taken: it stops at the first */
	uint32_t most, count;
	uint64_t
		stopped_us; /* where it stopped for newest_us: append time of what is there; or 0 */
};

/* How many more events would be of use now. */
static uint32_t wanted_now(struct wr_sharing *sharing)
{
	const struct wr_share *share = &sharing->share;
	uint32_t waiting = share->in_state[WR_SHARE_READY] + share->marked.count;
	uint32_t wanted = sharing->wanted * 2 > READY_LEAST ? sharing->wanted * 2 : READY_LEAST;
	/* What is too many is taken to be dropped. */
	if (sharing->excess.events > 0 || sharing->excess.bytes > 0)
		return wr_share_room(share);
	if (sharing->wanted == 0)
		return 0;
	/* The most urgent is looked for as far as there are places. */
	uint32_t room = wr_share_room(share);
	if (wr_load_relaxed(&sharing->priorities) != 0)
		return room;
	if (waiting >= wanted)
		return 0;
	return room < wanted - waiting ? room : wanted - waiting;
}

/* Append times in a chunk, of events one after the other. */
struct times {
	struct wr_chunk *chunk;
	uint32_t batch, batch_count;
};

static uint64_t time_us(struct times *t, uint64_t seq, const struct wr_record *r)
{
	struct wr_chunk *chunk = t->chunk;
	uint32_t index = (uint32_t)(seq - chunk->first_seq);
	while (t->batch + 1 < t->batch_count && chunk->batches[t->batch + 1].first_index <= index)
		t->batch++;
	const void *batch = chunk->readable + chunk->batches[t->batch].place_bytes;
	return ((const struct wr_batch_header *)batch)->time_base_us + r->time_delta_us;
}

/* On which terms an event is taken: its own and the queue's. */
static void put_terms(struct weir_pipeline *p, const struct look *look, const struct wr_record *r,
		      uint64_t appended_us, struct wr_mark_event *event)
{
	struct wr_record_view view;
	struct wr_terms terms = {0};
	if (r->option_bytes > WR_OPTION_HEAD_BYTES && wr_record_view(r, r->bytes, &view))
		wr_terms_read(&view, &terms);
	uint64_t lives_us = look->time_to_live_us;
	if (terms.time_to_live_us != 0 && (lives_us == 0 || terms.time_to_live_us < lives_us))
		lives_us = terms.time_to_live_us;
	/* A key that was erased keeps nobody waiting (erase_waiting.c). */
	if (terms.delay_us != 0 &&
	    !(event->seq < look->erased_end && wr_is_erased(p, r, event->seq)))
		event->not_before_us = appended_us + terms.delay_us;
	if (lives_us != 0)
		event->expires_us = appended_us + lives_us;
	if (look->priorities && !WR_BUG(PRIORITY_NOT_TAKEN))
		event->priority = terms.priority;
}

/* Events of a portion go into the mark. Where it stopped looking. */
static uint64_t gather(struct weir_pipeline *p, struct wr_sharing *sharing,
		       const struct wr_portion *portion, struct look *look)
{
	const uint32_t *column = portion->chunk->column;
	uint64_t first_seq = portion->chunk->first_seq;
	uint32_t mask = wr_chunks_tag_mask(&p->chunks);
	uint64_t seq = sharing->take_seq;
	struct times times = {
		.chunk = portion->chunk,
		.batch_count = wr_load_acquire(&portion->chunk->batch_count), /* C3 */
	};
	for (; (seq = wr_portion_next(portion, seq)) < portion->end_seq && look->count < look->most;
	     seq++) {
		uint32_t tag = column[seq - first_seq] & mask;
		if (((sharing->tags[tag / 64] >> (tag % 64)) & 1) == 0)
			continue;
		const struct wr_record *r = wr_portion_record(p, portion->chunk, seq);
		uint32_t row = wr_portion_row(p, sharing->live, r, seq);
		if (row == UINT32_MAX)
			continue;
		uint64_t appended_us = time_us(&times, seq, r);
		if (look->only_foreign || appended_us > look->newest_us) {
			look->stopped_us = appended_us;
			break;
		}
		struct wr_mark_event *event = &sharing->mark[look->count++];
		*event = (struct wr_mark_event){
			.seq = seq,
			.row = row,
			.bytes = r->bytes,
			.key = sharing->share.options.by_key ? wr_share_key(r) : 0,
		};
		put_terms(p, look, r, appended_us, event);
	}
	return seq;
}

/* Members find it at their next look, and who sleeps is woken for it; once. */
static void tell_damage(struct weir_pipeline *p, struct wr_sharing *sharing, int code)
{
	bool is_new = wr_load_relaxed(&sharing->damage) == 0; /* own */
	wr_store_relaxed(&sharing->damage_seq, sharing->take_seq);
	wr_store_release(&sharing->damage, (uint32_t)code); /* DM1 */
	if (!is_new)
		return;
	wr_pipeline_say(
		p, WR_EVENT_SUBSCRIPTION_UNREADABLE,
		WR_FIELDS(wr_field_u64("sequence", sharing->take_seq), wr_field_code(-code)),
		"what follows sequence %llu cannot be read (%s): a shared "
		"subscription waits there, and tries again each second",
		(unsigned long long)sharing->take_seq, weir_strerror(-code));
	for (uint32_t i = 0; i < p->options.members_max; i++)
		if (sharing->share.members[i].present)
			wr_member_tell(p, &p->members[i]);
}

/*
 * What comes next cannot be read. With a journal members are told, and it is tried again; in a
 * memory-only log it was overtaken, which producers are held back from, and is passed over.
 */
static void cannot_take(struct weir_pipeline *p, struct wr_sharing *sharing,
			const struct wr_portion *portion, uint64_t now_ns)
{
	if (p->journal != NULL) {
		if (!portion->unreadable)
			return; /* a slot is to be had later */
		tell_damage(p, sharing, -portion->code);
		sharing->wait_until_ns = now_ns + DAMAGE_RETRY_NS;
		return;
	}
	uint64_t oldest = wr_portion_oldest_seq(p, wr_group_pin(p));
	if (oldest == UINT64_MAX || oldest <= sharing->take_seq)
		return;
	wr_pipeline_say(p, WR_EVENT_SUBSCRIPTION_OVERTAKEN,
			WR_FIELDS(wr_field_u64("from_sequence", sharing->take_seq),
				  wr_field_u64("to_sequence", oldest)),
			"a shared subscription was overtaken, and goes on at %llu instead "
			"of %llu",
			(unsigned long long)oldest, (unsigned long long)sharing->take_seq);
	sharing->take_seq = oldest;
}

/* For how many there is use, and how old they have to be. False: for none now. */
static bool look_for(struct weir_pipeline *p, struct wr_sharing *sharing, struct look *look)
{
	uint32_t fits = (p->writer.options.run_bytes_max - WR_RECORD_HEAD_BYTES -
			 (uint32_t)sizeof(struct wr_mark_head)) /
			WR_MARK_EVENT_BYTES_MAX;
	uint32_t wanted = wanted_now(sharing);
	*look = (struct look){
		.now_us = wr_writer_append_now_us(&p->writer),
		.delay_us = (wr_load_relaxed(&sharing->delay_ns) + 999) / 1000,
		.time_to_live_us = (wr_load_relaxed(&sharing->time_to_live_ns) + 999) / 1000,
		.priorities = wr_load_relaxed(&sharing->priorities) != 0,
		.erased_end = wr_erased_end(p),
		.only_expired = wanted == 0,
	};
	uint64_t age_us = look->time_to_live_us != 0 ? look->time_to_live_us : UINT64_MAX;
	if (!look->only_expired)
		age_us = wr_min_u64(age_us, look->delay_us);
	else if (look->time_to_live_us == 0)
		return false;
	look->newest_us = age_us == 0             ? UINT64_MAX
			  : age_us < look->now_us ? look->now_us - age_us
						  : 0;
	look->most = look->only_expired ? wr_share_room(&sharing->share) : wanted;
	look->most = look->most < fits ? look->most : fits;
	look->most = look->most < sharing->mark_max ? look->most : sharing->mark_max;
	return look->most > 0 &&
	       (look->only_expired ? sharing->live_until_ns : sharing->delayed_until_ns) == 0;
}

/* Something is not old enough yet: when it is, by the clock of the steps. */
static void look_later(struct wr_sharing *sharing, const struct look *look, uint64_t now_ns)
{
	uint64_t wait_us = look->stopped_us - look->newest_us;
	uint64_t until_ns = now_ns + wait_us * 1000;
	if (look->stopped_us == 0)
		return;
	if (look->only_expired)
		sharing->live_until_ns = until_ns;
	else
		sharing->delayed_until_ns = until_ns;
}

bool wr_sharing_pass_foreign(struct wr_sharing *sharing, uint64_t gate)
{
	struct weir_pipeline *p = sharing->live->pipeline;
	struct look look = {.most = 1, .only_foreign = true};
	for (uint32_t i = 0; i < PORTIONS_A_STEP && sharing->take_seq <= gate; i++) {
		struct wr_portion portion;
		if (!wr_portion_find_for(p, sharing->live, wr_group_pin(p), sharing->take_seq, gate,
					 &portion))
			break;
		sharing->take_seq = gather(p, sharing, &portion, &look);
		bool stops = sharing->take_seq < portion.end_seq;
		wr_chunks_unpin(wr_group_pin(p));
		if (stops)
			return true;
	}
	return sharing->take_seq > gate;
}

int wr_sharing_take(struct wr_sharing *sharing, uint64_t now_ns)
{
	struct wr_subscription_live *live = sharing->live;
	struct weir_pipeline *p = live->pipeline;
	struct look look;
	sharing->mark_refused = sharing->mark_refused && sharing->marks_on_way > 0;
	if (now_ns >= sharing->wait_until_ns)
		sharing->wait_until_ns = 0;
	if (now_ns >= sharing->delayed_until_ns)
		sharing->delayed_until_ns = 0;
	if (now_ns >= sharing->live_until_ns)
		sharing->live_until_ns = 0;
	uint64_t gate = wr_pipeline_gate_seq(p, (enum weir_level)wr_load_relaxed(&live->gate));
	if (wr_sharing_is_to_move(sharing) || wr_sharing_is_detached(sharing) ||
	    sharing->mark_refused || sharing->wait_until_ns != 0)
		return 0;
	/* What was looked through and held nothing is passed over (L20), also for nobody. */
	if ((sharing->take_seq > gate || sharing->wanted == 0) && sharing->marks_on_way == 0 &&
	    wr_pass_is_due(p, sharing->marked_seq, sharing->take_seq))
		return wr_sharing_send_mark(sharing, 0, sharing->take_seq) ? 1 : 0;
	if (sharing->take_seq > gate || !look_for(p, sharing, &look))
		return 0;
	int work = 0;
	for (uint32_t i = 0; i < PORTIONS_A_STEP && look.count < look.most &&
			     sharing->take_seq <= gate && look.stopped_us == 0;
	     i++) {
		struct wr_portion portion;
		if (!wr_portion_find_for(p, live, wr_group_pin(p), sharing->take_seq, gate,
					 &portion)) {
			cannot_take(p, sharing, &portion, now_ns);
			break;
		}
		wr_store_release(&sharing->damage, 0u); /* DM1 */
		uint64_t from_seq = sharing->take_seq;
		sharing->take_seq = gather(p, sharing, &portion, &look);
		wr_chunks_unpin(wr_group_pin(p));
		work += sharing->take_seq != from_seq;
	}
	look_later(sharing, &look, now_ns);
	/* Foreign records alone are passed over in the log now and then (L20). */
	if (look.count == 0 && !wr_pass_is_due(p, sharing->marked_seq, sharing->take_seq))
		return work;
	uint64_t from = sharing->marked_seq;
	if (!wr_sharing_send_mark(sharing, look.count, sharing->take_seq)) {
		sharing->take_seq = from;
		sharing->delayed_until_ns = sharing->live_until_ns = 0;
		return 0;
	}
	for (uint32_t i = 0; i < look.count; i++) {
		const struct wr_mark_event *event = &sharing->mark[i];
		struct wr_share_event taken = {
			.seq = event->seq,
			.from = i > 0 ? event[-1].seq + 1 : from,
			.key = event->key,
			.bytes = event->bytes,
			.not_before_ns = wr_append_ns(event->not_before_us),
			.expires_ns = wr_append_ns(event->expires_us),
			.priority = (uint8_t)event->priority,
			.redelivered = event->seq < live->recovered_end ||
				       event->seq < sharing->redelivered_below,
		};
		wr_share_take(&sharing->share, &taken);
	}
	return work + 1;
}

uint64_t wr_sharing_take_due_ns(struct wr_sharing *sharing)
{
	if (wanted_now(sharing) == 0)
		return sharing->live_until_ns != 0 ? sharing->live_until_ns : UINT64_MAX;
	uint64_t due_ns = sharing->delayed_until_ns != 0 ? sharing->delayed_until_ns : UINT64_MAX;
	return sharing->wait_until_ns != 0 ? wr_min_u64(due_ns, sharing->wait_until_ns) : due_ns;
}
