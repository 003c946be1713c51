/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polling a shared subscription: what the group has granted, in the order in which it did. An event
 * is read where it lies, in memory or in a chunk from disk, like a partition's (poll.c); the items
 * of one poll lie in one chunk.
 */
#include <stdio.h>

#include "core/base/bug.h"
#include "core/pipeline/erase.h"
#include "core/pipeline/hand_out.h"
#include "core/pipeline/sharing.h"
#include "core/record/carried.h"

/* ---- what is held ---- */

static uint32_t slot_of(const struct wr_member_sharing *s, uint64_t seq)
{
	return wr_spread(seq, s->held_mask);
}

struct wr_in_hand *wr_hand_find(struct wr_member_sharing *s, uint64_t seq)
{
	for (uint32_t i = slot_of(s, seq); s->held[i].seq != 0; i = (i + 1) & s->held_mask)
		if (s->held[i].seq == seq)
			return &s->held[i];
	return NULL;
}

void wr_hand_add(struct wr_member_sharing *s, const struct wr_grant *grant)
{
	struct wr_in_hand *held = wr_hand_find(s, grant->seq);
	if (held == NULL) {
		uint32_t i = slot_of(s, grant->seq);
		while (s->held[i].seq != 0)
			i = (i + 1) & s->held_mask;
		held = &s->held[i];
		s->held_count++;
	}
	*held = (struct wr_in_hand){
		.seq = grant->seq,
		.from = grant->from,
		.due_ns = grant->due_ns,
		.generation = grant->generation,
		.attempts = grant->attempts,
	};
}

/* Those behind it that would not be found any more move up. */
void wr_hand_remove(struct wr_member_sharing *s, struct wr_in_hand *held)
{
	uint32_t hole = (uint32_t)(held - s->held);
	uint32_t i = hole;
	s->held_count--;
	for (;;) {
		i = (i + 1) & s->held_mask;
		if (s->held[i].seq == 0)
			break;
		uint32_t home = slot_of(s, s->held[i].seq);
		if (((i - home) & s->held_mask) < ((i - hole) & s->held_mask))
			continue;
		s->held[hole] = s->held[i];
		hole = i;
	}
	s->held[hole].seq = 0;
}

bool wr_hand_sweep(struct wr_member_sharing *s, uint64_t now_ns)
{
	uint32_t before = s->held_count;
	for (uint32_t i = 0; i <= s->held_mask; i++)
		/* What moves up to this place is looked at as well. */
		while (s->held[i].seq != 0 && s->held[i].due_ns <= now_ns)
			wr_hand_remove(s, &s->held[i]);
	return s->held_count != before;
}

void wr_hand_look(struct weir_member *m)
{
	struct wr_sharing *sharing = m->pipeline->subscriptions[m->subscription].sharing;
	struct wr_member_sharing *s = m->sharing;
	uint32_t first = wr_load_acquire(&sharing->first_generation); /* MV1 */
	if (WR_LIKELY(first == s->first_generation))
		return;
	s->first_generation = first;
	uint32_t before = s->held_count;
	for (uint32_t i = 0; i <= s->held_mask; i++)
		/* What moves up to this place is looked at as well. */
		while (s->held[i].seq != 0 && s->held[i].generation < first)
			wr_hand_remove(s, &s->held[i]);
	m->fenced = m->fenced || s->held_count != before;
}

bool wr_sharing_is_held(struct weir_member *m, const struct weir_item *item, uint64_t now_ns)
{
	wr_hand_look(m);
	const struct wr_in_hand *held = wr_hand_find(m->sharing, item->sequence);
	return held != NULL && held->generation == item->generation && held->due_ns > now_ns;
}

/* ---- setting up ---- */

struct layout {
	size_t grants, handed_out, asks, held, settled, total;
	uint32_t rings, places;
};

static struct layout layout_of(uint32_t in_flight_max)
{
	struct layout l = {.rings = (uint32_t)wr_power_of_two_above(in_flight_max)};
	l.places = 4 * l.rings; /* half of them for leases that are over and not swept yet */
	l.grants = wr_add_part(&l.total, l.rings * sizeof(struct wr_grant));
	l.handed_out = wr_add_part(&l.total, l.rings * sizeof(wr_atomic_u32));
	l.asks = wr_add_part(&l.total, l.rings * sizeof(struct wr_lease_ask));
	l.held = wr_add_part(&l.total, l.places * sizeof(struct wr_in_hand));
	l.settled = wr_add_part(&l.total, l.places * sizeof(struct wr_settled));
	return l;
}

size_t wr_member_sharing_bytes(uint32_t in_flight_max)
{
	return layout_of(in_flight_max).total;
}

void wr_member_sharing_init(struct wr_member_sharing *s, uint8_t *block, uint32_t in_flight_max)
{
	struct layout l = layout_of(in_flight_max);
	*s = (struct wr_member_sharing){
		.out_max = in_flight_max,
		.held_mask = l.places - 1,
		.grants = (struct wr_grant *)(block + l.grants),
		.handed_out = (wr_atomic_u32 *)(block + l.handed_out),
		.asks = (struct wr_lease_ask *)(block + l.asks),
		.held = (struct wr_in_hand *)(block + l.held),
		.settled = (struct wr_settled *)(block + l.settled),
	};
	wr_spsc_init(&s->grants_ring, l.rings);
	wr_spsc_init(&s->asks_ring, l.rings);
}

/* ---- polling ---- */

bool wr_sharing_has_news(struct weir_member *m)
{
	const struct wr_subscription_live *live = &m->pipeline->subscriptions[m->subscription];
	return m->sharing->settled_count > 0 || wr_spsc_ready(&m->sharing->grants_ring) > 0 ||
	       wr_load_acquire(&live->sharing->damage) != 0; /* DM1 */
}

static bool stands_at(const struct weir_member *m, uint64_t seq)
{
	if (m->place == WR_PLACE_NONE || seq < m->chunk->first_seq)
		return false;
	uint64_t end = wr_load_acquire(&m->chunk->end_seq); /* C2 */
	return end == 0 || seq < end;
}

/* Where and when it was appended, of what lies further on by now (carry.h). */
static void fill_carried(const struct wr_record *r, struct weir_item *item)
{
	struct wr_record_view view;
	struct wr_carried carried;
	struct wr_option option;
	if (!wr_record_view(r, r->bytes, &view) || !wr_carried_read(&view, &carried))
		return; /* the writer has decided it: it has all of that */
	item->epoch = carried.epoch;
	item->log = carried.log;
	item->append_time_us = carried.append_us;
	item->flags |= wr_option_find(&view, WR_OPTION_ADDRESS, &option) ? WEIR_ITEM_REPLAY : 0;
}

static void fill(struct weir_member *m, const struct wr_grant *grant, struct weir_item *item)
{
	uint32_t index = (uint32_t)(grant->place - m->chunk->first_seq);
	uint32_t place = wr_column_place(&m->pipeline->chunks, m->chunk->column[index]);
	const struct wr_record *r = (const struct wr_record *)(m->chunk->readable + place);
	const struct wr_topic *topic = &m->pipeline->tables.catalog.topics[r->topic];
	wr_member_fill_item(m, index, grant->seq, r, wr_topic_partition(topic, r, grant->seq),
			    item);
	item->flags = (grant->redelivered ? WEIR_ITEM_REDELIVERED : 0) | wr_member_replay_flag(r);
	item->attempts = grant->attempts;
	item->generation = grant->generation;
	item->from_sequence = grant->seq;
	if (WR_UNLIKELY(r->kind == WR_KIND_CARRIED))
		fill_carried(r, item);
}

/* What was overtaken before it could be read: in a memory-only log that was not held back. */
static void fill_gap(struct weir_member *m, const struct wr_grant *grant, struct weir_item *item)
{
	m->gap_end = 0;
	*item = (struct weir_item){
		.kind = WEIR_ITEM_GAP,
		.sequence = grant->seq,
		.end_sequence = grant->seq + 1,
		.from_sequence = grant->seq,
		.generation = grant->generation,
		.attempts = grant->attempts,
	};
}

/*
 * Those whose lease or whose time is over, or that a seek has overtaken, are the group's. Of one
 * whose time is over the lease goes on: that ends now, since the events of its key, and its dead
 * letter, wait for it.
 */
static const struct wr_grant *next_grant(struct weir_member *m, uint64_t now_ns)
{
	struct wr_member_sharing *s = m->sharing;
	while (wr_spsc_ready(&s->grants_ring) > 0) {
		const struct wr_grant *grant = &s->grants[wr_spsc_pop_index(&s->grants_ring, 0)];
		bool is_mine = grant->generation >= s->first_generation;
		if (is_mine && grant->polled_until_ns > now_ns)
			return grant;
		if (is_mine && grant->due_ns > now_ns && !WR_BUG(EXPIRED_STAYS_LEASED) &&
		    !wr_sharing_ask(m, grant->seq, grant->generation, now_ns))
			return NULL; /* later */
		wr_spsc_pop(&s->grants_ring, 1);
	}
	return NULL;
}

/* There is nothing, since what comes next cannot be read. */
static int tell_damage(struct weir_member *m)
{
	struct wr_sharing *sharing = m->pipeline->subscriptions[m->subscription].sharing;
	uint32_t damage = wr_load_acquire(&sharing->damage); /* DM1 */
	if (damage == 0)
		return 0;
	if (damage == (uint32_t)-WEIR_E_DETACHED)
		return wr_member_say_detached(m);
	m->problem = (struct weir_problem){.code = -(int)damage};
	(void)snprintf(m->problem.text, sizeof m->problem.text,
		       "what follows sequence %llu cannot be read (%s): `weir journal verify` says "
		       "where",
		       (unsigned long long)wr_load_relaxed(&sharing->damage_seq),
		       weir_strerror(-(int)damage));
	return -(int)damage;
}

int wr_sharing_poll(struct weir_member *m, struct weir_item *items, uint32_t items_max)
{
	struct wr_member_sharing *s = m->sharing;
	uint64_t now_ns = wr_clock_mono_ns(m->pipeline->host.clock);
	if (wr_load_relaxed(&m->polled_ns) != WR_POLLED_NOW) /* own */
		wr_store_relaxed(&m->polled_ns, now_ns);
	m->erased_end = wr_erased_end(m->pipeline);
	wr_member_take_replies(m);
	(void)wr_sharing_flush(m);
	if (s->held_count > s->held_mask / 2 && wr_hand_sweep(s, now_ns))
		m->fenced = true; /* what it was handed and has not acknowledged is another's */
	uint32_t count = 0;
	const struct wr_grant *grant = NULL;
	while (count < items_max && s->held_count <= s->held_mask / 2 &&
	       (grant = next_grant(m, now_ns)) != NULL) {
		if (!stands_at(m, grant->place)) {
			if (count > 0)
				break;
			wr_member_unpin(m);
			m->scan_seq = grant->place;
			int rc = wr_member_find_chunk(m);
			if (rc != 0)
				return rc;
			if (m->place == WR_PLACE_NONE && m->gap_end == 0)
				return 0; /* it was asked for */
		}
		struct weir_item *item = &items[count++];
		if (m->gap_end != 0)
			fill_gap(m, grant, item);
		else
			fill(m, grant, item);
		wr_hand_add(s, grant);
		/* HO1: before the place is popped. */
		wr_store_release(&s->handed_out[wr_spsc_pop_index(&s->grants_ring, 0)],
				 (uint32_t)s->grants_ring.head_own + 1);
		wr_spsc_pop(&s->grants_ring, 1);
		if (item->kind == WEIR_ITEM_EVENT && item->sequence < m->erased_end &&
		    wr_member_leave_erased(m, item->record, item))
			count--;
	}
	if (count > 0)
		return (int)count;
	/* What it has passed over is handed to the log before it sleeps: nobody would wake it. */
	if (s->settled_count > 0)
		(void)wr_sharing_flush(m);
	wr_member_unpin(m);
	wr_member_want_nothing(m);
	return tell_damage(m);
}
