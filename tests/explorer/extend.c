/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways in which an event can be added to a graph. The run goes on with one, and a copy of the
 * graph is pushed for each of the others.
 *
 *   load    may read each store that coherence allows; the run goes on with the newest.
 *   store   may stand at each place of its location's order that coherence allows; the run goes
 *           on with the last. And loads that are there already, and that did not cause it, may
 *           read it: for each, what was added after the load and did not cause the store is taken
 *           away, and that graph is pushed; only if all that is taken away had been added in the
 *           one standard way (newest store read, nothing revisited): else the same graph comes
 *           from elsewhere.
 */
#include <string.h>

#include "tests/explorer/explore_internal.h"

static struct event *add(const struct event *label)
{
	struct event *e = graph_add(run.graph, run.current, label);
	if (e == NULL)
		explore_bug("an execution without end: more events than the explorer has room for");
	return e;
}

/* Whether the one order of seq_cst bears the choice just made for these events (b may be NULL). */
static bool seq_allows(struct graph *g, const struct event *a, const struct event *b)
{
	bool matters =
		g->fence_count > 0 || a->order == ORDER_SEQ || (b != NULL && b->order == ORDER_SEQ);
	return !matters || graph_seq_is_consistent(g);
}

static struct event *add_read(const struct event *label)
{
	struct graph *g = run.graph;
	struct event *e = add(label);
	const struct location *l = &g->locations[e->location];
	unsigned newest = l->store_count - 1u;
	for (unsigned i = graph_co_min(g, e->location, e->hb); i < newest; i++) {
		graph_set_rf(g, e, l->co[i]);
		if (seq_allows(g, e, NULL))
			explore_push_copy(g);
	}
	graph_set_rf(g, e, l->co[newest]);
	return e;
}

/* Whether a store, not yet in co, may stand at place `index` of it. */
static bool may_stand(struct graph *g, const struct event *write, unsigned index)
{
	return index == g->locations[write->location].store_count ||
	       !graph_is_exclusive_store(g, write->location, index);
}

/* First and last place in co that coherence and atomicity leave to a store; false: none. */
static bool places_of(struct graph *g, const struct event *write, unsigned *ret_first,
		      unsigned *ret_last)
{
	if (write->is_exclusive) {
		event_ref from = graph_event(g, ref_of(write->thread, write->index - 1u))->rf;
		*ret_first = *ret_last = graph_co_index(g, write->location, from) + 1;
		return may_stand(g, write, *ret_first);
	}
	*ret_first = graph_co_min(g, write->location, write->hb) + 1;
	*ret_last = g->locations[write->location].store_count;
	return true;
}

static void co_remove(struct graph *g, const struct event *write, unsigned index)
{
	struct location *l = &g->locations[write->location];
	l->store_count--;
	memmove(&l->co[index], &l->co[index + 1], (l->store_count - index) * sizeof l->co[0]);
}

/* Pushes the graph with `write` at each place in co but `but`; `read`, if any, reads from it. */
static void push_places(struct graph *g, struct event *write, struct event *read, unsigned but)
{
	unsigned first, last;
	if (!places_of(g, write, &first, &last))
		return;
	for (unsigned i = first; i <= last; i++) {
		if (i == but || !may_stand(g, write, i))
			continue;
		graph_co_insert(g, write, i);
		bool newest = i + 1u == g->locations[write->location].store_count;
		bool coherent = true;
		if (read != NULL) {
			uint16_t before[THREADS_MAX];
			graph_set_rf(g, read, event_ref_of(write));
			memcpy(before, read->hb, sizeof before);
			before[read->thread] =
				read->index; /* what happens before it, without itself */
			coherent = graph_co_min(g, read->location, before) <= i;
		}
		/* The newest of all leads to nothing else: it cannot close a cycle. */
		if (coherent && (newest || seq_allows(g, write, read)))
			explore_push_copy(g);
		co_remove(g, write, i);
	}
}

/* Whether this event, which a revisit by `write` would take away, was added in the standard way. */
static bool is_maximal(struct graph *g, unsigned position, const struct event *write)
{
	const struct event *e = &g->events[position];
	for (unsigned i = 0; i < g->event_count - 1u; i++) {
		const struct event *o = &g->events[i];
		bool previous = i <= position || clock_has(write->porf, o->thread, o->index);
		if (previous && o->kind == EVENT_READ && o->rf == event_ref_of(e))
			return false;
	}
	if (e->kind == EVENT_FENCE)
		return true;
	event_ref store = e->kind == EVENT_READ ? e->rf : event_ref_of(e);
	const struct location *l = &g->locations[e->location];
	for (unsigned i = graph_co_index(g, e->location, store); i < l->store_count; i++) {
		if (ref_is_initial(l->co[i]))
			continue;
		const struct event *o = graph_event(g, l->co[i]);
		bool previous = g->at[o->thread][o->index] <= position ||
				clock_has(write->porf, o->thread, o->index);
		if (l->co[i] == store ? !previous : previous)
			return false;
	}
	return true;
}

/* Lets the load at `position` read the store added last, if that is to be done from here. */
static void revisit(struct graph *g, unsigned position)
{
	static bool keep[EVENTS_MAX];
	const struct event *write = &g->events[g->event_count - 1u];
	for (unsigned i = 0; i < g->event_count; i++) {
		const struct event *e = &g->events[i];
		keep[i] = i <= position || clock_has(write->porf, e->thread, e->index);
		if ((i == position || !keep[i]) && !is_maximal(g, i, write))
			return;
	}
	event_ref read = event_ref_of(&g->events[position]);
	struct graph *copy = explore_take();
	graph_copy(copy, g);
	graph_restrict(copy, keep);
	push_places(copy, &copy->events[copy->event_count - 1u], graph_event(copy, read), ~0u);
	explore_give(copy);
}

static struct event *add_write(const struct event *label)
{
	struct graph *g = run.graph;
	unsigned first, last;
	struct event *e = add(label);
	if (g->locations[e->location].store_count == STORES_MAX)
		explore_bug("more stores to one place than the explorer has room for");
	graph_set_release(g, e);
	for (unsigned i = 0; i < g->event_count - 1u; i++) {
		const struct event *r = &g->events[i];
		if (r->kind == EVENT_READ && r->location == e->location &&
		    !clock_has(e->porf, r->thread, r->index))
			revisit(g, i);
	}
	if (!places_of(g, e, &first, &last))
		explore_abandon();
	push_places(g, e, NULL, last);
	graph_co_insert(g, e, last);
	if (last + 1u != g->locations[e->location].store_count && !seq_allows(g, e, NULL))
		explore_abandon();
	return e;
}

struct event *extend_graph(const struct event *label)
{
	if (label->kind == EVENT_READ)
		return add_read(label);
	return label->kind == EVENT_WRITE ? add_write(label) : add(label);
}
