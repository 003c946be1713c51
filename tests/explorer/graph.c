/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/explorer/graph.h"

#include <stddef.h>
#include <string.h>

void graph_clear(struct graph *g)
{
	g->event_count = g->location_count = g->fence_count = 0;
	memset(g->length, 0, sizeof g->length);
}

void graph_copy(struct graph *to, const struct graph *from)
{
	to->event_count = from->event_count;
	to->location_count = from->location_count;
	to->fence_count = from->fence_count;
	memcpy(to->length, from->length, sizeof to->length);
	for (unsigned t = 0; t < THREADS_MAX; t++)
		memcpy(to->at[t], from->at[t], from->length[t] * sizeof from->at[t][0]);
	memcpy(to->locations, from->locations, from->location_count * sizeof from->locations[0]);
	memcpy(to->events, from->events, from->event_count * sizeof from->events[0]);
}

static uint64_t value_in_memory(const void *place, unsigned bytes)
{
	uint64_t value = 0;
	memcpy(&value, place, bytes); // little-endian, like all machines that run this
	return value;
}

unsigned graph_location(struct graph *g, void *place, unsigned bytes, const char *name)
{
	for (unsigned i = 0; i < g->location_count; i++)
		if (g->locations[i].place == place)
			return i;
	if (g->location_count == LOCATIONS_MAX)
		return LOCATIONS_MAX;
	unsigned i = g->location_count++;
	struct location *l = &g->locations[i];
	l->place = place;
	l->bytes = (uint8_t)bytes;
	l->initial = value_in_memory(place, bytes);
	l->name = name;
	l->store_count = 1;
	l->co[0] = (event_ref)(REF_INITIAL | i);
	return i;
}

/* The clocks of an event that is the last of its thread, as far as its thread goes. */
static void clocks_of_thread(struct graph *g, struct event *e)
{
	memset(e->hb, 0, sizeof e->hb);
	memset(e->porf, 0, sizeof e->porf);
	if (e->index > 0) {
		const struct event *before = graph_event(g, ref_of(e->thread, e->index - 1u));
		memcpy(e->hb, before->hb, sizeof e->hb);
		memcpy(e->porf, before->porf, sizeof e->porf);
	}
	e->hb[e->thread] = e->porf[e->thread] = (uint16_t)(e->index + 1);
}

struct event *graph_add(struct graph *g, unsigned thread, const struct event *label)
{
	if (g->event_count == EVENTS_MAX)
		return NULL;
	struct event *e = &g->events[g->event_count];
	*e = *label;
	e->thread = (uint8_t)thread;
	e->index = g->length[thread];
	e->rf = REF_NONE;
	memset(e->release, 0, sizeof e->release);
	clocks_of_thread(g, e);
	g->at[thread][e->index] = (uint16_t)g->event_count;
	g->length[thread]++;
	g->event_count++;
	if (e->kind == EVENT_FENCE)
		g->fence_count++;
	return e;
}

uint64_t graph_value(struct graph *g, event_ref store)
{
	return ref_is_initial(store) ? g->locations[store & 0xfffu].initial
				     : graph_event(g, store)->value;
}

static void join(uint16_t *clock, const uint16_t *other)
{
	for (unsigned t = 0; t < THREADS_MAX; t++)
		if (clock[t] < other[t])
			clock[t] = other[t];
}

void graph_set_rf(struct graph *g, struct event *read, event_ref store)
{
	read->rf = store;
	read->value = graph_value(g, store);
	read->is_exclusive =
		read->rmw != RMW_NONE && (read->rmw != RMW_CAS || read->value == read->expected);
	read->order =
		read->rmw == RMW_CAS && !read->is_exclusive ? read->fail_order : read->ok_order;
	clocks_of_thread(g, read);
	if (ref_is_initial(store))
		return;
	struct event *write = graph_event(g, store);
	join(read->porf, write->porf);
	if (order_acquires(read->order))
		join(read->hb, write->release);
}

void graph_set_release(struct graph *g, struct event *write)
{
	memset(write->release, 0, sizeof write->release);
	if (order_releases(write->order))
		memcpy(write->release, write->hb, sizeof write->release);
	if (!write->is_exclusive)
		return;
	event_ref from = graph_event(g, ref_of(write->thread, write->index - 1u))->rf;
	if (!ref_is_initial(from))
		join(write->release, graph_event(g, from)->release);
}

unsigned graph_co_index(const struct graph *g, unsigned location, event_ref store)
{
	const struct location *l = &g->locations[location];
	unsigned i = 0;
	while (l->co[i] != store)
		i++;
	return i;
}

void graph_co_insert(struct graph *g, struct event *write, unsigned index)
{
	struct location *l = &g->locations[write->location];
	memmove(&l->co[index + 1], &l->co[index], (l->store_count - index) * sizeof l->co[0]);
	l->co[index] = event_ref_of(write);
	l->store_count++;
}

unsigned graph_co_min(struct graph *g, unsigned location, const uint16_t *hb)
{
	const struct location *l = &g->locations[location];
	unsigned min = 0;
	for (unsigned i = l->store_count - 1u; i > 0 && min == 0; i--)
		if (clock_has(hb, ref_thread(l->co[i]), ref_index(l->co[i])))
			min = i;
	for (unsigned i = 0; i < g->event_count; i++) {
		const struct event *e = &g->events[i];
		if (e->kind != EVENT_READ || e->location != location || e->rf == REF_NONE ||
		    !clock_has(hb, e->thread, e->index))
			continue;
		unsigned at = graph_co_index(g, location, e->rf);
		if (at > min)
			min = at;
	}
	return min;
}

bool graph_is_exclusive_store(struct graph *g, unsigned location, unsigned index)
{
	const struct location *l = &g->locations[location];
	return index > 0 && index < l->store_count && graph_event(g, l->co[index])->is_exclusive;
}

void graph_restrict(struct graph *g, const bool *keep)
{
	uint32_t count = 0;
	for (unsigned i = 0; i < g->location_count; i++) {
		struct location *l = &g->locations[i];
		unsigned kept = 1;
		for (unsigned k = 1; k < l->store_count; k++)
			if (keep[g->at[ref_thread(l->co[k])][ref_index(l->co[k])]])
				l->co[kept++] = l->co[k];
		l->store_count = (uint16_t)kept;
	}
	memset(g->length, 0, sizeof g->length);
	g->fence_count = 0;
	for (uint32_t i = 0; i < g->event_count; i++) {
		if (!keep[i])
			continue;
		struct event *e = &g->events[count];
		if (count != i)
			*e = g->events[i];
		g->at[e->thread][e->index] = (uint16_t)count++;
		g->length[e->thread]++;
		if (e->kind == EVENT_FENCE)
			g->fence_count++;
	}
	g->event_count = count;
}

static uint64_t mix(uint64_t h, uint64_t value)
{
	h = (h ^ value) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

uint64_t graph_hash(struct graph *g)
{
	uint64_t h = 1, stores = 0;
	for (unsigned t = 0; t < THREADS_MAX; t++) {
		for (unsigned i = 0; i < g->length[t]; i++) {
			const struct event *e = graph_event(g, ref_of(t, i));
			uint64_t rf = e->rf;
			/* Numbers of locations are those in which they were met. */
			uint64_t place = e->kind == EVENT_FENCE
						 ? 0
						 : (uint64_t)g->locations[e->location].place;
			if (e->kind == EVENT_READ && ref_is_initial(e->rf))
				rf = REF_INITIAL;
			h = mix(h, (uint64_t)e->kind << 40 | (uint64_t)t << 32 | rf);
			h = mix(h, place);
		}
	}
	for (unsigned i = 0; i < g->location_count; i++) {
		const struct location *l = &g->locations[i];
		uint64_t order = (uint64_t)l->place;
		for (unsigned k = 1; k < l->store_count; k++)
			order = mix(order, l->co[k]);
		stores += l->store_count > 1 ? order : 0;
	}
	return mix(h, stores);
}
