/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the executions of a straight-line program by trying every rf and every co, and judging
 * each whole graph by the axioms of RC11 as they are written in the paper (Lahav, Vafeiadis,
 * Kang, Hur, Dreyer: Repairing sequential consistency in C/C++11, PLDI 2017), as relations. It
 * shares nothing with the explorer but the program, is as slow as it is simple, and so says
 * whether the explorer's counts are right.
 */
#include <string.h>

#include "core/base/assert.h"
#include "tests/explorer/program.h"

#define N BRUTE_EVENTS_MAX

typedef uint16_t relation[N]; /* row a, bit b: (a, b) is in it */

struct brute_event {
	char kind; /* W R F f */
	uint8_t thread, place;
	enum explorer_order order;
	int rmw; /* of a store: the load that is its other half, or -1 */
};

static struct brute_event events[N];
static unsigned count;
static int rf[N]; /* of loads: the store, -1: what was there before */
static uint8_t place_in_co[N];
static relation sb;
static uint64_t consistent;

static void add_event(unsigned thread, char kind, const struct operation *o,
		      enum explorer_order order, int rmw)
{
	WR_ASSERT(count < N);
	events[count++] = (struct brute_event){kind, (uint8_t)thread, o->place, order, rmw};
}

static void list_events(const struct program *p)
{
	count = 0;
	for (unsigned t = 0; t < p->thread_count; t++) {
		for (unsigned i = 0; i < p->length[t]; i++) {
			const struct operation *o = &p->operations[t][i];
			bool both = o->kind == 'X' || o->kind == 'A';
			WR_ASSERT(o->kind != 'C');
			add_event(t, both ? 'R' : o->kind, o, o->order, -1);
			if (both)
				add_event(t, 'W', o, o->order, (int)count - 1);
		}
	}
	memset(sb, 0, sizeof sb);
	for (unsigned a = 0; a < count; a++)
		for (unsigned b = a + 1; b < count; b++)
			if (events[a].thread == events[b].thread)
				sb[a] |= (uint16_t)(1u << b);
}

static bool has(const relation r, unsigned a, unsigned b)
{
	return (r[a] >> b & 1u) != 0;
}

static void put(relation r, unsigned a, unsigned b)
{
	r[a] = (uint16_t)(r[a] | 1u << b);
}

static void join_with(relation to, const relation other)
{
	for (unsigned a = 0; a < count; a++)
		to[a] |= other[a];
}

/* to = one ; two */
static void compose(relation to, const relation one, const relation two)
{
	relation out = {0};
	for (unsigned a = 0; a < count; a++)
		for (unsigned b = 0; b < count; b++)
			if (has(one, a, b))
				out[a] |= two[b];
	memcpy(to, out, sizeof out);
}

static void close_transitively(relation r)
{
	for (unsigned k = 0; k < count; k++)
		for (unsigned a = 0; a < count; a++)
			if (has(r, a, k))
				r[a] |= r[k];
}

static bool is_irreflexive(const relation r)
{
	for (unsigned a = 0; a < count; a++)
		if (has(r, a, a))
			return false;
	return true;
}

static bool is_access(unsigned a)
{
	return events[a].kind == 'W' || events[a].kind == 'R';
}

static bool same_place(unsigned a, unsigned b)
{
	return is_access(a) && is_access(b) && events[a].place == events[b].place;
}

static void base_relations(relation rf_r, relation co, relation fr)
{
	for (unsigned a = 0; a < count; a++) {
		for (unsigned b = 0; b < count; b++) {
			if (a == b || !same_place(a, b))
				continue;
			if (events[a].kind == 'W' && events[b].kind == 'W' &&
			    place_in_co[a] < place_in_co[b])
				put(co, a, b);
			if (events[a].kind == 'W' && events[b].kind == 'R' && rf[b] == (int)a)
				put(rf_r, a, b);
			if (events[a].kind == 'R' && events[b].kind == 'W' &&
			    (rf[a] < 0 || place_in_co[rf[a]] < place_in_co[b]))
				put(fr, a, b);
		}
	}
}

/* A load synchronizes with the release store that it reads, also through read-modify-writes. */
static void synchronizes(relation sw)
{
	for (unsigned r = 0; r < count; r++) {
		if (events[r].kind != 'R' || !order_acquires(events[r].order))
			continue;
		for (int w = rf[r]; w >= 0; w = events[w].rmw >= 0 ? rf[events[w].rmw] : -1)
			if (order_releases(events[w].order))
				put(sw, (unsigned)w, r);
	}
}

static bool is_atomic(const relation co)
{
	for (unsigned w = 0; w < count; w++) {
		if (events[w].kind != 'W' || events[w].rmw < 0)
			continue;
		int from = rf[events[w].rmw];
		if (from >= 0 && !has(co, (unsigned)from, w))
			return false;
		for (unsigned o = 0; o < count; o++)
			if (has(co, o, w) && (from < 0 || has(co, (unsigned)from, o)))
				return false;
	}
	return true;
}

static bool is_fence(unsigned a)
{
	return events[a].kind == 'F' || events[a].kind == 'f';
}

/* a ∈ F ; hb?  and x, or a itself; and the other way round */
static bool reaches(const relation hb, unsigned a, unsigned x)
{
	return a == x || (is_fence(a) && has(hb, a, x));
}

static bool reached(const relation hb, unsigned x, unsigned b)
{
	return x == b || (is_fence(b) && has(hb, x, b));
}

static bool psc_edge(const relation hb, const relation scb, const relation across, unsigned a,
		     unsigned b)
{
	if (events[a].kind == 'f' || events[b].kind == 'f') {
		/* A light fence: against heavy ones only. */
		if (events[a].kind != 'F' && events[b].kind != 'F')
			return false;
		if (!is_fence(a) || !is_fence(b))
			return false;
	}
	if (is_fence(a) && is_fence(b) && (has(hb, a, b) || has(across, a, b)))
		return true;
	for (unsigned x = 0; x < count; x++)
		for (unsigned y = 0; y < count; y++)
			if (has(scb, x, y) && reaches(hb, a, x) && reached(hb, y, b))
				return true;
	return false;
}

static bool seq_is_consistent(const relation hb, const relation co, const relation fr,
			      const relation eco)
{
	relation elsewhere = {0}, scb = {0}, across, psc = {0};
	for (unsigned a = 0; a < count; a++)
		for (unsigned b = 0; b < count; b++)
			if (has(sb, a, b) && !same_place(a, b))
				put(elsewhere, a, b);
	compose(scb, elsewhere, hb);
	compose(scb, scb, elsewhere);
	join_with(scb, sb);
	join_with(scb, co);
	join_with(scb, fr);
	for (unsigned a = 0; a < count; a++)
		for (unsigned b = 0; b < count; b++)
			if (has(hb, a, b) && same_place(a, b))
				put(scb, a, b);
	compose(across, hb, eco);
	compose(across, across, hb);
	for (unsigned a = 0; a < count; a++)
		for (unsigned b = 0; b < count; b++)
			if (a != b && events[a].order == ORDER_SEQ &&
			    events[b].order == ORDER_SEQ && psc_edge(hb, scb, across, a, b))
				put(psc, a, b);
	close_transitively(psc);
	return is_irreflexive(psc);
}

static bool is_consistent(void)
{
	relation rf_r = {0}, co = {0}, fr = {0}, eco, hb, porf, cycle;
	base_relations(rf_r, co, fr);
	if (!is_atomic(co))
		return false;
	memcpy(porf, sb, sizeof porf);
	join_with(porf, rf_r);
	close_transitively(porf);
	memset(hb, 0, sizeof hb);
	synchronizes(hb);
	join_with(hb, sb);
	close_transitively(hb);
	memcpy(eco, rf_r, sizeof eco);
	join_with(eco, co);
	join_with(eco, fr);
	close_transitively(eco);
	compose(cycle, hb, eco);
	return is_irreflexive(porf) && is_irreflexive(hb) && is_irreflexive(cycle) &&
	       is_irreflexive(eco) && seq_is_consistent(hb, co, fr, eco);
}

static void try_co(unsigned event);

static void try_rf(unsigned event)
{
	while (event < count && events[event].kind != 'R')
		event++;
	if (event == count) {
		try_co(0);
		return;
	}
	rf[event] = -1;
	try_rf(event + 1);
	for (unsigned w = 0; w < count; w++) {
		if (events[w].kind != 'W' || events[w].place != events[event].place)
			continue;
		rf[event] = (int)w;
		try_rf(event + 1);
	}
}

/* Each store gets a place among those before it in the list, which are moved on. */
static void try_co(unsigned event)
{
	unsigned before = 0;
	while (event < count && events[event].kind != 'W')
		event++;
	if (event == count) {
		consistent += is_consistent() ? 1 : 0;
		return;
	}
	for (unsigned w = 0; w < event; w++)
		if (events[w].kind == 'W' && events[w].place == events[event].place)
			before++;
	for (unsigned at = 0; at <= before; at++) {
		for (unsigned w = 0; w < event; w++)
			if (events[w].kind == 'W' && events[w].place == events[event].place &&
			    place_in_co[w] >= at)
				place_in_co[w]++;
		place_in_co[event] = (uint8_t)at;
		try_co(event + 1);
		for (unsigned w = 0; w < event; w++)
			if (events[w].kind == 'W' && events[w].place == events[event].place &&
			    place_in_co[w] > at)
				place_in_co[w]--;
	}
}

uint64_t program_count_by_force(const struct program *p)
{
	list_events(p);
	memset(place_in_co, 0, sizeof place_in_co);
	consistent = 0;
	try_rf(0);
	return consistent;
}
