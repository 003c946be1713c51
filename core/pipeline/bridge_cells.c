/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/bridge_cells.h"

#include <stdio.h>
#include <string.h>

#include "core/metrics/stamp.h"
#include "core/pipeline/metrics.h"

/* Until a copy is whole: what a bridge tells takes less than a microsecond. */
#define TRIES 8u

/* ---- the bridge's thread ---- */

/* Under the lock. NULL: none is to be had, and why. */
static struct wr_bridge_place *find_place(struct wr_bridge_places *all, const char *name,
					  const char **ret_why)
{
	struct wr_bridge_place *place = NULL;

	for (uint32_t i = 0; i < WR_BRIDGE_PLACES; i++) {
		if (!all->taken[i] && place == NULL)
			place = &all->places[i];
		if (all->taken[i] && strcmp(all->places[i].name, name) == 0) {
			*ret_why = "a bridge is not in the metrics: another one has its name";
			return NULL;
		}
	}
	*ret_why = "a bridge has no place in the metrics: 64 have one";
	return place;
}

struct wr_bridge_place *wr_bridge_place_take(struct weir_pipeline *p, const char *name)
{
	struct wr_pipeline_metrics *pm = p->metrics;
	const char *why = NULL;

	if (pm == NULL)
		return NULL;
	struct wr_bridge_places *all = pm->bridges;
	wr_spinlock_lock(&pm->lock);
	struct wr_bridge_place *place = find_place(all, name, &why);
	if (place != NULL) {
		all->taken[place - all->places] = true;
		place->number = ++all->numbers;
		(void)snprintf(place->name, sizeof place->name, "%s", name);
	}
	wr_spinlock_unlock(&pm->lock);
	if (place == NULL)
		wr_metrics_say(p, 0, why);
	return place;
}

static void tell(struct wr_bridge_place *place, const struct wr_bridge_told *told, uint64_t number)
{
	const uint8_t *from = (const uint8_t *)told;
	wr_atomic_u64 *to = &place->slot[1];

	wr_stamp_begin(place->slot);
	wr_stamp_put(&to[0], number);
	for (size_t i = 1; i < WR_BRIDGE_TOLD_WORDS; i++) {
		uint64_t word = wr_get_u64(from + i * 8);
		if (wr_load_relaxed(&to[i]) != word) /* own */
			wr_stamp_put(&to[i], word);
	}
	wr_stamp_end(place->slot);
}

void wr_bridge_place_tell(struct wr_bridge_place *place, const struct wr_bridge_told *told)
{
	if (place != NULL)
		tell(place, told, place->number);
}

void wr_bridge_place_step(struct wr_bridge_place *place, uint64_t now_ns)
{
	if (place != NULL)
		wr_store_relaxed(&place->step_ns, now_ns);
}

void wr_bridge_place_give(struct weir_pipeline *p, struct wr_bridge_place *place)
{
	const struct wr_bridge_told nobody = {.number = 0};

	if (place == NULL)
		return;
	tell(place, &nobody, 0);
	wr_spinlock_lock(&p->metrics->lock);
	p->metrics->bridges->taken[place - p->metrics->bridges->places] = false;
	wr_spinlock_unlock(&p->metrics->lock);
}

/* ---- the group step ---- */

/* False: it was changed each time. */
static bool copy(struct wr_bridge_place *place, struct wr_bridge_told *ret_told)
{
	uint8_t once[sizeof place->slot], again[sizeof place->slot];

	for (uint32_t tries = 0; tries < TRIES; tries++) {
		wr_stamp_read(place->slot, once, 1 + WR_BRIDGE_TOLD_WORDS);
		wr_stamp_read(place->slot, again, 1 + WR_BRIDGE_TOLD_WORDS);
		if (!wr_stamp_is_whole(once, again, sizeof once))
			continue;
		memcpy(ret_told, once + 8, sizeof *ret_told);
		ret_told->step_ns = wr_load_relaxed(&place->step_ns);
		return true;
	}
	return false;
}

static uint64_t since(uint64_t ns, uint64_t now_ns)
{
	return ns != 0 && now_ns > ns ? now_ns - ns : 0;
}

static void put_one(struct weir_pipeline *p, uint32_t index, bool fresh, uint64_t now_ns)
{
	struct wr_metrics *m = &p->metrics->cells;
	const struct wr_bridge_told *t = &p->metrics->bridges->told[index];
	bool is_sink = t->subscription != UINT64_MAX;
	struct weir_lag lag = {.events = t->lag_events};
	const char *of = is_sink ? p->tables.catalog.subscriptions[t->subscription].name : "";
	const char *labels[] = {t->name, t->system, is_sink ? "sink" : "source", of};
	wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_BRIDGE, index, labels, fresh);

	if (is_sink && weir_lag(p, (uint32_t)t->subscription, &lag) != 0)
		WR_DEBUG(false); /* it is there */
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_STATE, t->state);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_STATE_AGE, since(t->state_ns, now_ns));
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_DOWN, since(t->down_ns, now_ns));
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_IDLE, since(t->moved_ns, now_ns));
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_STUCK, since(t->step_ns, now_ns));
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_EVENTS, t->events);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_BYTES, t->bytes);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_REPEATS, t->repeats);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_DEAD, t->dead_letters);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_CONNECTIONS, t->connections);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_RETRIES, t->retries);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_FAILURES, t->failures);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_ATTEMPTS, t->attempts);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_LAG_EVENTS, lag.events);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_LAG_AGE, lag.time_ns);
	wr_metrics_end(slot);
}

static void put_error(struct weir_pipeline *p, uint32_t index, bool fresh)
{
	struct wr_metrics *m = &p->metrics->cells;
	const struct wr_bridge_told *t = &p->metrics->bridges->told[index];
	const char *labels[] = {t->name, t->error};

	if (t->error_times == 0) {
		wr_metrics_drop(m, WR_SCOPE_BRIDGE_ERROR, index);
		return;
	}
	wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_BRIDGE_ERROR, index, labels, fresh);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_ERROR_TIMES, t->error_times);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_ERROR_FIRST, t->error_first_ns);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_ERROR_LAST, t->error_last_ns);
	wr_metrics_end(slot);
}

static void put_files(struct weir_pipeline *p, uint32_t index, bool fresh)
{
	struct wr_metrics *m = &p->metrics->cells;
	const struct wr_bridge_told *t = &p->metrics->bridges->told[index];
	const char *labels[] = {t->name, t->state_dir};

	if (t->state_dir[0] == '\0') {
		wr_metrics_drop(m, WR_SCOPE_BRIDGE_FILES, index);
		return;
	}
	wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_BRIDGE_FILES, index, labels, fresh);
	wr_metrics_put(m, slot, WR_METRIC_BRIDGE_FILES, 1);
	wr_metrics_end(slot);
}

void wr_bridges_put(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_bridge_places *all = p->metrics->bridges;

	for (uint32_t i = 0; i < WR_BRIDGE_PLACES; i++) {
		if (!copy(&all->places[i], &all->told[i]) && all->told[i].number == 0)
			continue;
		uint64_t number = all->told[i].number;
		if (number != 0) {
			put_one(p, i, number != all->shown[i], now_ns);
			put_error(p, i, number != all->shown[i]);
			put_files(p, i, number != all->shown[i]);
		} else if (all->shown[i] != 0) {
			wr_metrics_drop(&p->metrics->cells, WR_SCOPE_BRIDGE, i);
			wr_metrics_drop(&p->metrics->cells, WR_SCOPE_BRIDGE_ERROR, i);
			wr_metrics_drop(&p->metrics->cells, WR_SCOPE_BRIDGE_FILES, i);
		}
		all->shown[i] = number;
	}
}

const struct wr_bridge_told *wr_bridges_at(const struct weir_pipeline *p, uint32_t place)
{
	const struct wr_bridge_told *told = &p->metrics->bridges->told[place];
	return told->number != 0 ? told : NULL;
}

const struct wr_bridge_told *wr_bridges_find(const struct weir_pipeline *p, const char *name)
{
	for (uint32_t i = 0; i < WR_BRIDGE_PLACES; i++) {
		const struct wr_bridge_told *told = wr_bridges_at(p, i);
		if (told != NULL && strcmp(told->name, name) == 0)
			return told;
	}
	return NULL;
}
