/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lag: what a subscription has still to process. Events and bytes are counted, not subtracted
 * (L20): appended to a partition less settled of it, plus what lies between a seek's target and the
 * seek, which is counted once by walking the log; of a filtered one, what the router found. Time is
 * the age of the oldest event that is not settled: lag_oldest.c.
 *
 * What is counted, and by whom: lag_count.h. Here the counts are put together, told and looked at.
 */
#include <errno.h>

#include "core/pipeline/detach.h"
#include "core/pipeline/lag_count.h"
#include "core/pipeline/lag_oldest.h"
#include "core/pipeline/pipeline.h"
#include "core/pipeline/sharing.h"

#define LOOK_EVERY_NS 10000000u
#define WALK_NS 2000000u /* of a look, for portions beyond the first of each subscription */

struct wr_settle_row *wr_position_row(struct weir_pipeline *p, const struct wr_subscription *s,
				      uint32_t row)
{
	return &p->tables.settle.rows[s->row_first + (s->order == WR_ORDER_PARTITION ? row : 0)];
}

int64_t wr_lag_of_row(struct weir_pipeline *p, struct wr_subscription_live *live, uint32_t row,
		      uint64_t visible, int64_t *ret_bytes, bool *ret_exact)
{
	struct wr_catalog *catalog = &p->tables.catalog;
	struct wr_partition_cells *cell =
		wr_catalog_row_cells(catalog, &catalog->subscriptions[live->id], row);
	struct wr_lag_count *anew = &live->anew[row];
	struct wr_settle_row *settle = wr_lag_settle_of(p, live, row);
	uint64_t anew_seq = wr_load_acquire(&settle->anew_seq);           /* H3 */
	bool complete = wr_load_acquire(&anew->complete_for) == anew_seq; /* H4 */
	bool routed = wr_load_acquire(&anew->routed) != 0;                /* H4 */
	bool counted = !routed || wr_lag_is_counted_to(live, row, visible);
	/* Settled first: it never exceeds what was appended by then. */
	uint64_t settled = wr_load_relaxed(&settle->events);
	uint64_t settled_bytes = wr_load_relaxed(&settle->bytes);
	uint64_t events = wr_load_acquire(&anew->told_events); /* H4 */
	uint64_t bytes = wr_load_acquire(&anew->told_bytes);   /* H4 */
	/* What a filtered one counts is what it wants, from where `base` was taken. */
	uint64_t appended =
		routed ? wr_load_relaxed(&settle->base_events)
		       : wr_load_relaxed(&cell->events) + wr_load_relaxed(&settle->to_events);
	uint64_t appended_bytes =
		routed ? wr_load_relaxed(&settle->base_bytes)
		       : wr_load_relaxed(&cell->bytes) + wr_load_relaxed(&settle->to_bytes);
	complete = complete && counted;
	*ret_bytes = (int64_t)(appended_bytes - settled_bytes + bytes);
	complete = complete && wr_load_acquire(&anew->complete_for) == anew_seq; /* H4: not lost */
	*ret_exact = complete && wr_load_acquire(&settle->anew_seq) == anew_seq; /* H3 */
	return (int64_t)(appended - settled + events);
}

bool wr_lag_row_is_settled(struct weir_pipeline *p, struct wr_subscription_live *live, uint32_t row,
			   uint64_t visible)
{
	int64_t bytes;
	bool exact;
	return wr_lag_of_row(p, live, row, visible, &bytes, &exact) == 0 && exact;
}

/* ---- publishing ---- */

struct sums {
	int64_t events, bytes;
	bool exact;
};

/* `lowest`: the group's, at a look. */
static struct sums sum_rows(struct weir_pipeline *p, struct wr_subscription_live *live,
			    uint64_t visible, struct wr_lag_lowest *lowest)
{
	struct sums sums = {.exact = true};
	uint32_t row_count = p->tables.catalog.subscriptions[live->id].row_count;
	for (uint32_t row = 0; row < row_count; row++) {
		int64_t bytes;
		bool exact;
		int64_t events = wr_lag_of_row(p, live, row, visible, &bytes, &exact);
		sums.exact = sums.exact && exact;
		if (lowest != NULL)
			wr_lag_oldest_note(p, live, row, visible, events, exact, lowest);
		if (events <= 0)
			continue;
		sums.events += events;
		sums.bytes += bytes;
	}
	return sums;
}

/* Where a topic can grow: how far each row is known to be settled. */
static void note_settled(struct weir_pipeline *p, struct wr_subscription_live *live,
			 uint64_t visible)
{
	for (uint32_t row = 0; row < live->group.row_count; row++) {
		if (wr_lag_row_is_settled(p, live, row, visible))
			live->anew[row].settled_to =
				wr_max_u64(live->anew[row].settled_to, visible + 1);
	}
}

static void alert(struct weir_pipeline *p, struct wr_subscription_live *live,
		  const struct weir_lag *lag)
{
	uint64_t events_max = wr_load_relaxed(&live->lag_events_max);
	uint64_t time_max_ns = wr_load_relaxed(&live->lag_time_max_ns);
	bool above = (events_max != 0 && lag->events > events_max) ||
		     (time_max_ns != 0 && lag->time_ns > time_max_ns);
	bool below = (events_max == 0 || lag->events <= events_max / 2) &&
		     (time_max_ns == 0 || (lag->time_exact && lag->time_ns <= time_max_ns / 2));
	wr_detach_look(p, live, lag, above);
	if (live->lag_above ? !below : !above)
		return;
	live->lag_above = !live->lag_above;
	wr_spinlock_lock(&p->registry);
	void (*fn)(void *, uint32_t, const struct weir_lag *, bool) = live->lag_fn;
	void *context = live->lag_context;
	wr_spinlock_unlock(&p->registry);
	if (fn != NULL)
		fn(context, live->id, lag, live->lag_above);
}

static uint64_t age_ns(struct weir_pipeline *p, uint64_t since_us)
{
	/* By the clock that stamped it (L17): the wall clock may have been set meanwhile. */
	uint64_t now_us = wr_writer_append_now_us(&p->writer);
	return since_us != 0 && now_us > since_us ? (now_us - since_us) * 1000 : 0;
}

static uint64_t parked_of(struct wr_subscription_live *live)
{
	return live->sharing != NULL ? wr_load_relaxed(&live->sharing->parked) : 0;
}

/* What a hold keeps waits for nobody. It is counted all the same: wr_pass_idle() goes by that. */
static const struct weir_lag no_lag = {.exact = true, .time_exact = true};

static bool is_hold(struct wr_subscription_live *live)
{
	return wr_load_relaxed(&live->holds) != 0;
}

/* What the writer cannot know of a queue that was moved. */
static void tell_writer(struct weir_pipeline *p, struct wr_subscription_live *live)
{
	uint64_t events = 0, bytes = 0;
	if (!wr_lengths_refuses(&p->tables.lengths, live->id))
		return;
	for (uint32_t row = 0; row < live->group.row_count; row++) {
		events += (uint64_t)live->anew[row].events;
		bytes += (uint64_t)live->anew[row].bytes;
	}
	wr_lengths_tell(&p->tables.lengths, live->id,
			wr_load_relaxed(&wr_lag_settle_of(p, live, 0)->seen_seq), events, /* own */
			bytes);
}

/* A look walks over as much of the log as it may, and has time for: small chunks are many. */
static void walk(struct weir_pipeline *p, struct wr_subscription_live *live, struct wr_pin *pin,
		 uint64_t visible)
{
	uint64_t bytes = 0;
	while (wr_lag_walk(p, live, pin, visible)) {
		bytes += p->options.chunk_bytes;
		if (bytes >= p->lag_walk_bytes ||
		    wr_clock_mono_ns(p->host.clock) - p->lag_checked_ns > WALK_NS)
			break;
	}
}

/* While much is published, the router is never quite at the end of a filtered one. */
static uint64_t counted_seq(struct wr_subscription_live *live, uint64_t visible)
{
	struct wr_route *route = wr_route_of(live);
	uint64_t counted_to = route != NULL ? wr_load_relaxed(&route->counted_to) : 0; /* own */
	return counted_to != 0 ? wr_min_u64(visible, counted_to - 1) : visible;
}

static void look_at(struct weir_pipeline *p, struct wr_subscription_live *live, struct wr_pin *pin)
{
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	wr_lag_begin(p, live);
	walk(p, live, pin, visible);
	uint64_t counted = counted_seq(live, visible);
	if (live->can_grow && live->sharing == NULL)
		note_settled(p, live, counted);
	struct wr_lag_lowest lowest = {.place = UINT64_MAX, .counted = true};
	struct sums sums = sum_rows(p, live, visible, &lowest);
	bool time_exact = wr_lag_oldest_look(p, live, pin, visible, &lowest);
	struct weir_lag lag = {
		.events = (uint64_t)sums.events,
		.bytes = (uint64_t)sums.bytes,
		.time_ns = age_ns(p, live->oldest_us),
		.parked = parked_of(live),
		.exact = sums.exact,
		.time_exact = time_exact,
	};
	if (is_hold(live))
		lag = no_lag;
	if (live->sharing != NULL && sums.exact) {
		wr_sharing_measure(live->sharing, lag.events, lag.bytes);
		tell_writer(p, live);
	}
	alert(p, live, &lag);
	wr_pass_idle(p, live, counted);
}

int wr_lag_step(struct weir_pipeline *p)
{
	uint64_t now = wr_clock_mono_ns(p->host.clock);
	if (now - p->lag_checked_ns < LOOK_EVERY_NS)
		return 0;
	p->lag_checked_ns = now;
	struct wr_pin *pin = wr_group_pin(p);
	uint32_t count = wr_catalog_subscription_count(&p->tables.catalog);
	for (uint32_t id = 0; id < count; id++)
		if (wr_load_acquire(&p->subscriptions[id].started) != 0) /* X1 */
			look_at(p, &p->subscriptions[id], pin);
	return 0;
}

/* `visible`: up to where a filtered one has to have counted, to be exact. */
static void read_lag(struct weir_pipeline *p, struct wr_subscription_live *live, uint64_t visible,
		     struct weir_lag *ret_lag)
{
	if (is_hold(live)) {
		*ret_lag = no_lag;
		return;
	}
	struct sums sums = sum_rows(p, live, visible, NULL);
	bool time_exact = wr_lag_oldest_is_known(p, live, sums.exact); /* before the time */
	*ret_lag = (struct weir_lag){
		.events = (uint64_t)(sums.events > 0 ? sums.events : 0),
		.bytes = (uint64_t)(sums.bytes > 0 ? sums.bytes : 0),
		.time_ns = sums.events > 0 ? age_ns(p, wr_load_relaxed(&live->lag_oldest_us)) : 0,
		.parked = parked_of(live),
		.exact = sums.exact,
		.time_exact = time_exact,
	};
}

void wr_lag_of_look(struct weir_pipeline *p, uint32_t subscription, struct weir_lag *ret_lag)
{
	struct wr_subscription_live *live = &p->subscriptions[subscription];
	bool looked = live->scan.looked_to != 0;
	read_lag(p, live, looked ? live->scan.told_to : wr_writer_visible_seq(&p->writer), ret_lag);
}

int weir_lag(struct weir_pipeline *p, uint32_t subscription, struct weir_lag *ret_lag)
{
	if (subscription >= wr_catalog_subscription_count(&p->tables.catalog))
		return WEIR_E_UNKNOWN_NAME;
	struct wr_subscription_live *live = &p->subscriptions[subscription];
	if (wr_load_acquire(&live->started) == 0) /* X1 */
		return WEIR_E_UNKNOWN_NAME;
	/* The counts are read now: they are exact at any time, and need no step. */
	read_lag(p, live, wr_writer_visible_seq(&p->writer), ret_lag);
	return 0;
}
