/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seq_cst part of consistency, by RC11 (which is C++20's since P0668): psc is acyclic, where
 * for seq_cst accesses
 *
 *   scb = sb ∪ (sb to another location ; hb ; sb from another location) ∪ hb at one location ∪ co
 *   ∪ fr
 *
 * and for the fences F and G
 *
 *   F → G   F hb G, or F hb x eco y hb G          eco = what follows in the coherence of one
 *   location F → a   F hb a, or F hb x and x co or fr a    (and the other way round)
 *
 * Fences are those of membarrier, after P1202: a light one (a compiler barrier) is ordered
 * against heavy ones only, and no fence makes a release or an acquire of its neighbours, so a
 * heavy one is taken to be weaker than it is.
 *
 * Everything else that consistency asks (coherence, atomicity, no cycle in program order and rf)
 * holds by the way in which events are added (explore.c).
 */
#include "tests/explorer/graph.h"

#include <string.h>

#define WORDS ((EVENTS_MAX + 63u) / 64u)
#define NO_KEY UINT16_MAX

struct node {
	const struct event *event;
	uint16_t key; /* of an access: where it stands in the coherence of its location */
	/* Of a fence, by location: lowest key behind it, highest before it, the same of stores. */
	uint16_t low[LOCATIONS_MAX], high[LOCATIONS_MAX], high_store[LOCATIONS_MAX];
	uint16_t next_elsewhere,
		before_elsewhere; /* of an access, in its thread; index + 1, 0: none */
	uint64_t edges[WORDS];
};

static struct node nodes[EVENTS_MAX];
static unsigned node_count;

static bool hb(const struct event *a, const struct event *b)
{
	return a != b && clock_has(b->hb, a->thread, a->index);
}

/* x eco y, or x rf y, if and only if key of x < key of y. */
static uint16_t key_of(const struct graph *g, const struct event *e)
{
	if (e->kind == EVENT_WRITE)
		return (uint16_t)(2 * graph_co_index(g, e->location, event_ref_of(e)));
	return (uint16_t)(2 * graph_co_index(g, e->location, e->rf) + 1);
}

static bool is_elsewhere(const struct event *e, const struct event *of)
{
	return e->kind == EVENT_FENCE || e->location != of->location;
}

static void look_around(struct graph *g, struct node *n)
{
	const struct event *e = n->event;
	n->next_elsewhere = n->before_elsewhere = 0;
	for (unsigned i = e->index + 1u; i < g->length[e->thread] && n->next_elsewhere == 0; i++)
		if (is_elsewhere(graph_event(g, ref_of(e->thread, i)), e))
			n->next_elsewhere = (uint16_t)(i + 1);
	for (unsigned i = e->index; i > 0 && n->before_elsewhere == 0; i--)
		if (is_elsewhere(graph_event(g, ref_of(e->thread, i - 1)), e))
			n->before_elsewhere = (uint16_t)i;
}

static void look_across(struct graph *g, struct node *n)
{
	for (unsigned l = 0; l < g->location_count; l++) {
		n->low[l] = NO_KEY;
		n->high[l] = n->high_store[l] = 0;
	}
	for (unsigned i = 0; i < g->event_count; i++) {
		const struct event *e = &g->events[i];
		if (e->kind == EVENT_FENCE || (e->kind == EVENT_READ && e->rf == REF_NONE))
			continue;
		uint16_t key = key_of(g, e);
		if (hb(n->event, e) && key < n->low[e->location])
			n->low[e->location] = key;
		if (!hb(e, n->event))
			continue;
		if (key > n->high[e->location])
			n->high[e->location] = key;
		if (e->kind == EVENT_WRITE && key > n->high_store[e->location])
			n->high_store[e->location] = key;
	}
}

static bool scb(struct graph *g, const struct node *a, const struct node *b)
{
	const struct event *x = a->event, *y = b->event;
	if (x->thread == y->thread)
		return x->index < y->index;
	if (x->location == y->location && (hb(x, y) || (y->kind == EVENT_WRITE && a->key < b->key)))
		return true;
	return a->next_elsewhere != 0 && b->before_elsewhere != 0 &&
	       clock_has(graph_event(g, ref_of(y->thread, b->before_elsewhere - 1u))->hb, x->thread,
			 a->next_elsewhere - 1u);
}

static bool fence_to_fence(const struct graph *g, const struct node *a, const struct node *b)
{
	if (!a->event->is_heavy && !b->event->is_heavy)
		return false;
	if (hb(a->event, b->event))
		return true;
	for (unsigned l = 0; l < g->location_count; l++)
		if (a->low[l] < b->high[l])
			return true;
	return false;
}

static bool is_edge(struct graph *g, const struct node *a, const struct node *b)
{
	bool from_fence = a->event->kind == EVENT_FENCE, to_fence = b->event->kind == EVENT_FENCE;
	if (!from_fence && !to_fence)
		return scb(g, a, b);
	if (from_fence && to_fence)
		return fence_to_fence(g, a, b);
	/* Against accesses only a heavy fence counts. */
	if (from_fence)
		return a->event->is_heavy &&
		       (hb(a->event, b->event) ||
			(b->event->kind == EVENT_WRITE && a->low[b->event->location] < b->key));
	return b->event->is_heavy &&
	       (hb(a->event, b->event) || a->key < b->high_store[a->event->location]);
}

static void find_nodes(struct graph *g)
{
	node_count = 0;
	for (unsigned i = 0; i < g->event_count; i++) {
		const struct event *e = &g->events[i];
		if (e->kind != EVENT_FENCE && e->order != ORDER_SEQ)
			continue;
		struct node *n = &nodes[node_count++];
		n->event = e;
		memset(n->edges, 0, sizeof n->edges);
		if (e->kind == EVENT_FENCE) {
			look_across(g, n);
		} else {
			n->key = key_of(g, e);
			look_around(g, n);
		}
	}
}

/* Takes away nodes that nothing left leads to, until none is left, or only cycles. */
static bool is_acyclic(void)
{
	static uint16_t into[EVENTS_MAX], ready[EVENTS_MAX];
	unsigned ready_count = 0, done = 0;
	memset(into, 0, node_count * sizeof into[0]);
	for (unsigned a = 0; a < node_count; a++)
		for (unsigned b = 0; b < node_count; b++)
			into[b] = (uint16_t)(into[b] + (nodes[a].edges[b / 64] >> b % 64 & 1));
	for (unsigned a = 0; a < node_count; a++)
		if (into[a] == 0)
			ready[ready_count++] = (uint16_t)a;
	while (done < ready_count) {
		const struct node *n = &nodes[ready[done++]];
		for (unsigned b = 0; b < node_count; b++)
			if ((n->edges[b / 64] >> b % 64 & 1) != 0 && --into[b] == 0)
				ready[ready_count++] = (uint16_t)b;
	}
	return done == node_count;
}

bool graph_seq_is_consistent(struct graph *g)
{
	find_nodes(g);
	for (unsigned a = 0; a < node_count; a++)
		for (unsigned b = 0; b < node_count; b++)
			if (a != b && is_edge(g, &nodes[a], &nodes[b]))
				nodes[a].edges[b / 64] |= 1ull << b % 64;
	return is_acyclic();
}
