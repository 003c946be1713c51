/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over the log, from the lowest place that may have something unsettled. It goes on only
 * forwards while positions do, so that it comes to its end however fast members move; a seek back,
 * or a place that turns out to have some, begins it anew.
 *
 * It does not wait for what cannot be found: what has left the log is passed over; where damage is
 * in the way, members stand there too, and the time is that of the record just before, which is
 * hardly older. Where that cannot be read either, or where an event lies that was carried there,
 * which is older than what is around it, the time is not known.
 *
 * That it is known is told by H6: a count that begins anew takes that back before it is complete
 * (H4), so that who reads a complete count and then H6 is not told of the time before a seek.
 */
#include "core/pipeline/lag_oldest.h"

#include "core/pipeline/lag_count.h"
#include "core/pipeline/portion.h"
#include "core/pipeline/sharing.h"

#define DAMAGE_RETRY_NS 1000000000u

void wr_lag_oldest_begin(struct wr_subscription_live *live)
{
	live->scan.from_seq = 0;
	wr_store_relaxed(&live->lag_time_exact, 0u); /* H4: before complete_for */
}

/* Whether a record is an event of the subscription that was carried there, and of when it is. */
static bool is_carried(const struct wr_record *r, uint32_t id, uint64_t *ret_us)
{
	struct wr_carried carried;
	if (WR_LIKELY(r->kind != WR_KIND_CARRIED) || !wr_carried_of(r, &carried) ||
	    carried.subscription != id)
		return false;
	*ret_us = carried.append_us;
	return true;
}

/* Where the oldest event of a queue lies, if it was carried there; or 0. */
static uint64_t carried_to(const struct wr_subscription_live *live)
{
	const struct wr_share *share = live->sharing != NULL ? &live->sharing->share : NULL;
	if (share == NULL || share->oldest == WR_SHARE_NONE)
		return 0;
	return share->events[share->oldest].place;
}

/* A queue's lowest sequence is its oldest event, wherever that lies by now. */
static uint64_t oldest_place(const struct wr_subscription_live *live, uint64_t from)
{
	uint64_t place = carried_to(live);
	return place != 0 ? place : from;
}

/* ---- where the walk stands ---- */

static bool is_settled(struct weir_pipeline *p, const struct wr_subscription_live *live,
		       uint32_t row, uint64_t seq)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	return seq < wr_load_relaxed(&wr_position_row(p, s, row)->position);
}

/* What is known from the looks before. */
static void take_up(struct weir_pipeline *p, struct wr_subscription_live *live, uint64_t from,
		    uint64_t now_ns)
{
	struct wr_lag_scan *scan = &live->scan;
	bool anew = scan->from_seq == 0 || from < scan->from_seq;
	if (anew || from > scan->next_seq) {
		scan->next_seq = from;
		scan->found = scan->passed_over = false;
		scan->retry_ns = 0;
	}
	scan->from_seq = from;
	if (scan->found &&
	    (scan->row == WR_LAG_DAMAGED ? now_ns >= scan->retry_ns
					 : is_settled(p, live, scan->row, scan->next_seq)))
		scan->found = false;
}

static void found(struct wr_subscription_live *live, uint32_t row, uint64_t time_us)
{
	live->scan.found = true;
	live->scan.row = row;
	live->oldest_us = time_us;
}

/* The record just before what cannot be read is no younger, unless that was carried there. */
static void meet_damage(struct weir_pipeline *p, struct wr_subscription_live *live,
			struct wr_pin *pin, uint64_t visible, uint64_t now_ns)
{
	struct wr_lag_scan *scan = &live->scan;
	uint64_t before_seq = scan->next_seq - 1;
	struct wr_portion portion;
	scan->retry_ns = now_ns + DAMAGE_RETRY_NS;
	if (scan->next_seq <= 1 || scan->next_seq == carried_to(live) ||
	    !wr_portion_find(p, pin, before_seq, visible, &portion))
		return;
	const struct wr_record *r = wr_portion_record(p, portion.chunk, before_seq);
	found(live, WR_LAG_DAMAGED, wr_portion_time_us(portion.chunk, before_seq, r));
	wr_chunks_unpin(pin);
}

/* Over what is not there any more: whether something was. */
static bool pass_over_gone(struct weir_pipeline *p, struct wr_subscription_live *live,
			   struct wr_pin *pin)
{
	struct wr_lag_scan *scan = &live->scan;
	uint64_t oldest = wr_portion_oldest_seq(p, pin);
	if (oldest == UINT64_MAX || oldest <= scan->next_seq)
		return false;
	scan->next_seq = oldest;
	scan->passed_over = true;
	return true;
}

/* One portion. False: it goes on at a later look, or has come to its end. */
static bool walk(struct weir_pipeline *p, struct wr_subscription_live *live, struct wr_pin *pin,
		 uint64_t visible, uint64_t now_ns)
{
	struct wr_lag_scan *scan = &live->scan;
	struct wr_portion portion;
	if (!wr_portion_find_for(p, live, pin, scan->next_seq, visible, &portion)) {
		if (pass_over_gone(p, live, pin))
			return true;
		if (portion.unreadable && portion.code != WEIR_E_TRUNCATED)
			meet_damage(p, live, pin, visible, now_ns);
		return false;
	}
	bool in_memory = portion.chunk == &p->chunks.chunks[portion.chunk->slot];
	const struct wr_record *there = wr_portion_record(p, portion.chunk, scan->next_seq);
	uint64_t carried_us;
	if (scan->next_seq == scan->from_seq && is_carried(there, live->id, &carried_us)) {
		found(live, 0, carried_us);
	} else {
		uint64_t seq = wr_portion_next(&portion, scan->next_seq);
		for (; seq < portion.end_seq; seq = wr_portion_next(&portion, seq + 1)) {
			const struct wr_record *r = wr_portion_record(p, portion.chunk, seq);
			uint32_t row = wr_portion_row(p, live, r, seq);
			if (row == UINT32_MAX || is_settled(p, live, row, seq))
				continue;
			found(live, row, wr_portion_time_us(portion.chunk, seq, r));
			break;
		}
		scan->next_seq = seq;
	}
	wr_chunks_unpin(pin);
	return in_memory;
}

/* ---- a look ---- */

/* What was visible at the look before; at the first one, now. */
static uint64_t looked_to(const struct wr_lag_scan *scan, uint64_t visible)
{
	return scan->looked_to != 0 ? scan->looked_to : visible;
}

/* Of a filtered subscription: all that was there at the look before is. */
static bool is_counted(struct weir_pipeline *p, struct wr_subscription_live *live, uint32_t row,
		       uint64_t visible)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	struct wr_lag_count *anew = &live->anew[row];
	uint64_t seen_seq = wr_load_relaxed(&p->tables.settle.rows[s->row_first + row].seen_seq);
	return wr_load_relaxed(&anew->complete_for) == seen_seq && /* own */
	       (wr_load_relaxed(&anew->routed) == 0 ||
		wr_lag_uncounted_from(live, row) > looked_to(&live->scan, visible));
}

void wr_lag_oldest_note(struct weir_pipeline *p, struct wr_subscription_live *live, uint32_t row,
			uint64_t visible, int64_t events, bool exact, struct wr_lag_lowest *lowest)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	struct wr_settle_row *settle = wr_position_row(p, s, row);
	struct wr_lag_count *anew = &live->anew[row];
	uint64_t position = wr_load_relaxed(&settle->position);
	lowest->counted = lowest->counted && is_counted(p, live, row, visible);
	if (wr_position_is_nowhere(position))
		return; /* nobody is to have what there is */
	if (events > 0)
		lowest->place = wr_min_u64(lowest->place, wr_max_u64(position, anew->empty_to));
	else if (events == 0 && exact && live->sharing == NULL)
		anew->empty_to = visible + 1;
}

bool wr_lag_oldest_look(struct weir_pipeline *p, struct wr_subscription_live *live,
			struct wr_pin *pin, uint64_t visible, const struct wr_lag_lowest *lowest)
{
	struct wr_lag_scan *scan = &live->scan;
	uint64_t now_ns = wr_clock_mono_ns(p->host.clock);
	bool known = true;
	if (lowest->place == UINT64_MAX) {
		live->oldest_us = 0;
	} else {
		take_up(p, live, oldest_place(live, lowest->place), now_ns);
		for (uint32_t i = 0; i < WR_LAG_PORTIONS_A_LOOK; i++)
			if (scan->found || scan->next_seq > visible || now_ns < scan->retry_ns ||
			    !walk(p, live, pin, visible, now_ns))
				break;
		/* What there is came just now, or is nowhere to be found. */
		bool through = !scan->found && scan->next_seq > looked_to(scan, visible);
		if (through)
			live->oldest_us = 0;
		known = scan->found || through;
	}
	known = known && lowest->counted;
	scan->told_to = looked_to(scan, visible);
	scan->looked_to = visible;
	wr_store_relaxed(&live->lag_oldest_us, live->oldest_us);
	wr_store_release(&live->lag_time_exact, known ? 1u : 0u); /* H6 */
	return known;
}

bool wr_lag_oldest_is_known(struct weir_pipeline *p, struct wr_subscription_live *live,
			    bool counts_exact)
{
	const struct wr_subscription *s = &p->tables.catalog.subscriptions[live->id];
	for (uint32_t row = 0; row < s->row_count && !counts_exact; row++) {
		struct wr_settle_row *settle = &p->tables.settle.rows[s->row_first + row];
		uint64_t anew_seq = wr_load_acquire(&settle->anew_seq);         /* H3 */
		if (wr_load_acquire(&live->anew[row].complete_for) != anew_seq) /* H4 */
			return false;
	}
	return wr_load_acquire(&live->lag_time_exact) != 0; /* H6 */
}
