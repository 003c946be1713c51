/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is still to be counted is kept from retention (H2): members may settle it long before it is
 * counted, and what they settled and nobody counted would be missing from the lag for good.
 *
 * When the router jumps, a row with nothing left to walk over gets what was jumped over for its
 * walk. One that is still walking would have a hole: what the router has counted for it is taken
 * back, and its walk goes up to where the router goes on.
 */
#include "core/pipeline/lag_count.h"

#include "core/base/bug.h"
#include "core/pipeline/lag_oldest.h"
#include "core/pipeline/portion.h"

/* ---- where a count begins ---- */

static bool is_walked(const struct wr_lag_count *count)
{
	return count->from_seq >= count->end_seq;
}

uint64_t wr_lag_uncounted_from(struct wr_subscription_live *live, uint32_t row)
{
	struct wr_lag_count *count = &live->anew[row];
	if (!is_walked(count))
		return count->from_seq;
	if (wr_load_relaxed(&count->routed) == 0) /* own */
		return UINT64_MAX;
	return wr_max_u64(count->end_seq, wr_load_relaxed(&wr_route_of(live)->counted_to));
}

void wr_lag_hold(struct wr_subscription_live *live)
{
	struct wr_hold *hold = &live->pipeline->holds[live->id];
	uint64_t from = UINT64_MAX;
	for (uint32_t r = 0; r < live->group.row_count && !WR_BUG(COUNT_NOT_HELD); r++)
		from = wr_min_u64(from, wr_lag_uncounted_from(live, r));
	if (wr_load_relaxed(&hold->count_seq) != from)    /* own */
		wr_store_release(&hold->count_seq, from); /* H2 */
}

/* One whose rows were all nowhere has looked at nothing. */
static uint64_t counts_itself_from(struct wr_route *route, uint64_t from)
{
	uint64_t counted_to = wr_load_relaxed(&route->counted_to); /* own */
	if (!wr_position_is_nowhere(counted_to))
		return counted_to;
	wr_store_release(&route->counted_to, from); /* H4 */
	return from;
}

void wr_lag_begin(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	for (uint32_t r = 0; r < live->group.row_count; r++) {
		struct wr_settle_row *settle = wr_lag_settle_of(p, live, r);
		uint64_t anew_seq = wr_load_acquire(&settle->anew_seq); /* H3 */
		if (anew_seq == wr_load_relaxed(&settle->seen_seq))     /* own */
			continue;
		uint64_t moved = wr_load_relaxed(&settle->moved);
		uint64_t from = wr_load_relaxed(&settle->anew_from);
		struct wr_lag_count *anew = &live->anew[r];
		struct wr_route *route = wr_route_of(live);
		/* Behind where the router has been it counts by itself. */
		uint64_t end = route != NULL ? counts_itself_from(route, from) : moved;
		wr_lag_oldest_begin(live); /* it may lie before what was found */
		anew->from_seq = from;
		anew->end_seq = wr_max_u64(from, end);
		anew->events = anew->bytes = 0;
		anew->ahead_events = anew->ahead_bytes = 0;
		anew->empty_to = 0;
		anew->lost = false;
		wr_store_release(&anew->routed, route != NULL ? 1u : 0u); /* H4 */
		if (route != NULL)
			wr_route_from(route, from);
		wr_lag_hold(live);
		wr_store_release(&settle->seen_seq, anew_seq); /* H3: the hold stands */
		wr_lag_tell(anew, anew_seq);
	}
}

static void tell_numbers(struct wr_lag_count *count)
{
	wr_store_release(&count->told_events, (uint64_t)count->events); /* H4 */
	wr_store_release(&count->told_bytes, (uint64_t)count->bytes);   /* H4 */
}

void wr_lag_tell(struct wr_lag_count *count, uint64_t anew_seq)
{
	bool walked = is_walked(count);
	if (count->lost)
		wr_store_release(&count->complete_for, UINT64_MAX); /* H4 */
	tell_numbers(count);
	wr_store_release(&count->told_seq, walked ? UINT64_MAX : count->from_seq); /* H4 */
	/* That of a filtered one never ends: how far it is stands in told_seq and counted_to. */
	if ((walked || wr_load_relaxed(&count->routed) != 0) && !count->lost) /* own */
		wr_store_release(&count->complete_for, anew_seq);             /* H4 */
}

bool wr_lag_is_counted_to(struct wr_subscription_live *live, uint32_t row, uint64_t visible)
{
	/* In this order: what the router jumps over is told of the row before. */
	return wr_load_acquire(&wr_route_of(live)->counted_to) > visible && /* H4 */
	       wr_load_acquire(&live->anew[row].told_seq) > visible;        /* H4 */
}

/*
 * The filter of its time is gone: what is counted there and what is handed out may be by one each.
 * Taken for right, such a count would come to nothing while there are events left.
 */
static bool is_forgotten(const struct wr_route *route, uint64_t from)
{
	return route != NULL && from < route->forgotten_to;
}

/* ---- the router counts ---- */

void wr_lag_route_jumps(struct wr_route *route, uint64_t to)
{
	struct wr_subscription_live *live = route->live;
	uint64_t counted_to = wr_load_relaxed(&route->counted_to); /* own */
	if (to <= counted_to)
		return;
	for (uint32_t r = 0; r < live->group.row_count; r++) {
		struct wr_lag_count *count = &live->anew[r];
		if (wr_load_relaxed(&count->routed) == 0 || count->end_seq >= to) /* own */
			continue;
		if (is_walked(count)) {
			count->from_seq = wr_max_u64(count->end_seq, counted_to);
		} else if (!WR_BUG(HOLE_COUNTED_TWICE)) {
			count->events -= count->ahead_events;
			count->bytes -= count->ahead_bytes;
			tell_numbers(count);
		}
		count->ahead_events = count->ahead_bytes = 0;
		count->end_seq = to;
		wr_store_release(&count->told_seq, count->from_seq); /* H4: before counted_to */
	}
	wr_store_release(&route->counted_to, to); /* H4 */
}

static void is_lost(struct wr_subscription_live *live, uint64_t end)
{
	for (uint32_t r = 0; r < live->group.row_count; r++) {
		struct wr_lag_count *count = &live->anew[r];
		if (wr_load_relaxed(&count->routed) == 0 || count->end_seq >= end) /* own */
			continue;
		count->lost = true;
		wr_store_release(&count->complete_for, UINT64_MAX); /* H4 */
	}
}

void wr_lag_count_looked(struct weir_pipeline *p, struct wr_route *route,
			 const struct wr_chunk *chunk, uint64_t from, uint64_t end)
{
	struct wr_subscription_live *live = route->live;
	wr_lag_route_jumps(route, from);
	from = wr_max_u64(from, wr_load_relaxed(&route->counted_to)); /* own */
	if (from >= end)
		return;
	if (is_forgotten(route, from))
		is_lost(live, end);
	const struct wr_portion portion = {
		.chunk = (struct wr_chunk *)chunk,
		.end_seq = end,
		.wanted = wr_route_live_bits(route, chunk->slot),
	};
	for (uint64_t seq = wr_portion_next(&portion, from); seq < end;
	     seq = wr_portion_next(&portion, seq + 1)) {
		const struct wr_record *r = wr_portion_record(p, chunk, seq);
		uint32_t row = wr_portion_row(p, live, r, seq);
		struct wr_lag_count *count = row != UINT32_MAX ? &live->anew[row] : NULL;
		if (count == NULL || wr_load_relaxed(&count->routed) == 0 || /* own */
		    seq < count->end_seq)
			continue;
		count->events++;
		count->bytes += r->bytes;
		count->ahead_events++;
		count->ahead_bytes += r->bytes;
		tell_numbers(count);
	}
	wr_store_release(&route->counted_to, end); /* H4 */
}

/* ---- the walk ---- */

/* Where the next portion begins; UINT64_MAX: there is nothing to walk over. */
static uint64_t walk_from(const struct wr_subscription_live *live)
{
	uint64_t from = UINT64_MAX;
	for (uint32_t r = 0; r < live->group.row_count; r++)
		if (!is_walked(&live->anew[r]))
			from = wr_min_u64(from, live->anew[r].from_seq);
	return from;
}

/* What lies below is gone. Of an unfiltered one in memory it is nowhere told apart. */
static uint64_t oldest_countable(struct weir_pipeline *p, struct wr_subscription_live *live,
				 struct wr_pin *pin)
{
	if (p->journal != NULL)
		return wr_segment_oldest_seq(&p->segments);
	uint64_t oldest = wr_route_of(live) != NULL ? wr_portion_oldest_seq(p, pin) : 0;
	return oldest != UINT64_MAX ? oldest : 0;
}

static void count_portion(struct weir_pipeline *p, struct wr_subscription_live *live,
			  const struct wr_portion *portion, uint64_t from)
{
	for (uint64_t seq = wr_portion_next(portion, from); seq < portion->end_seq;
	     seq = wr_portion_next(portion, seq + 1)) {
		const struct wr_record *r = wr_portion_record(p, portion->chunk, seq);
		uint32_t row = wr_portion_row(p, live, r, seq);
		if (row == UINT32_MAX || seq < live->anew[row].from_seq ||
		    seq >= live->anew[row].end_seq)
			continue;
		live->anew[row].events++;
		live->anew[row].bytes += r->bytes;
	}
}

/*
 * Damage that nobody has to read any more shall not hold retention up. What can be read again later
 * may by then be without what was settled meanwhile and has left: that count would be too low.
 */
static void let_go(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	for (uint32_t r = 0; r < live->group.row_count; r++) {
		struct wr_lag_count *count = &live->anew[r];
		if (is_walked(count) || count->lost)
			continue;
		count->lost = true;
		wr_lag_tell(count,
			    wr_load_relaxed(&wr_lag_settle_of(p, live, r)->seen_seq)); /* own */
	}
	wr_store_release(&p->holds[live->id].count_seq, UINT64_MAX); /* H2 */
}

bool wr_lag_walk(struct weir_pipeline *p, struct wr_subscription_live *live, struct wr_pin *pin,
		 uint64_t visible)
{
	uint64_t from = walk_from(live);
	if (from > visible) {
		wr_lag_hold(live);
		return false;
	}
	uint64_t oldest = oldest_countable(p, live, pin), end = oldest;
	bool lost = from < oldest;
	struct wr_portion portion;
	if (!lost && wr_portion_find_for(p, live, pin, from, visible, &portion)) {
		end = portion.end_seq;
		lost = is_forgotten(wr_route_of(live), from);
		count_portion(p, live, &portion, from);
		wr_chunks_unpin(pin);
	} else if (!lost) {
		if (portion.unreadable)
			let_go(p, live);
		else
			wr_lag_hold(live);
		return false; /* not to be had just now */
	}
	for (uint32_t r = 0; r < live->group.row_count; r++) {
		struct wr_lag_count *anew = &live->anew[r];
		if (anew->from_seq >= wr_min_u64(end, anew->end_seq))
			continue;
		anew->from_seq = wr_min_u64(end, anew->end_seq);
		anew->lost = anew->lost || lost;
		wr_lag_tell(anew,
			    wr_load_relaxed(&wr_lag_settle_of(p, live, r)->seen_seq)); /* own */
	}
	wr_lag_hold(live);
	return true;
}
