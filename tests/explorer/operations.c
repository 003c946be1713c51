/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources' atomics do here: in setup and finish they are plain accesses of memory, in
 * threads they are events of the execution graph.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "tests/explorer/atomic_model.h"
#include "tests/explorer/explore_internal.h"

static uint64_t cut(uint64_t value, unsigned bytes)
{
	return bytes == 8 ? value : value & ((1ull << 8 * bytes) - 1);
}

static uint64_t peek(const void *place, unsigned bytes)
{
	uint64_t value = 0;
	memcpy(&value, place, bytes);
	return value;
}

static void poke(void *place, unsigned bytes, uint64_t value)
{
	memcpy(place, &value, bytes);
}

static uint64_t outcome(enum explorer_rmw op, uint64_t before, uint64_t operand, unsigned bytes)
{
	switch (op) {
	case RMW_ADD:
		return cut(before + operand, bytes);
	case RMW_SUB:
		return cut(before - operand, bytes);
	case RMW_OR:
		return before | operand;
	case RMW_AND:
		return before & operand;
	case RMW_EXCHANGE:
	case RMW_CAS:
		return operand;
	case RMW_NONE:
		break;
	}
	WR_ASSERT(false);
	return 0;
}

static struct event label_of(struct explorer_site *site, const void *place, unsigned bytes)
{
	struct event label = {.site = site};
	site->uses++;
	unsigned l = graph_location(run.graph, (void *)(uintptr_t)place, bytes, site->what);
	if (l == LOCATIONS_MAX)
		explore_bug("more atomics than the explorer has room for");
	if (run.graph->locations[l].bytes != bytes)
		explore_bug("an atomic is used in two sizes");
	label.location = (uint8_t)l;
	return label;
}

/* The order of the half that loads, or stores. */
static uint8_t load_half(enum explorer_order order)
{
	return (uint8_t)(order == ORDER_RELEASE ? ORDER_RELAXED
						: (order == ORDER_ACQ_REL ? ORDER_ACQUIRE : order));
}

static uint8_t store_half(enum explorer_order order)
{
	return (uint8_t)(order == ORDER_ACQUIRE ? ORDER_RELAXED
						: (order == ORDER_ACQ_REL ? ORDER_RELEASE : order));
}

uint64_t explorer_load(struct explorer_site *site, const void *place, unsigned bytes)
{
	if (!run.in_threads)
		return peek(place, bytes);
	struct event label = label_of(site, place, bytes);
	label.kind = EVENT_READ;
	label.order = label.ok_order = load_half(site->order_now);
	return explore_event(&label)->value;
}

void explorer_store(struct explorer_site *site, void *place, unsigned bytes, uint64_t value)
{
	if (!run.in_threads) {
		poke(place, bytes, value);
		return;
	}
	struct event label = label_of(site, place, bytes);
	label.kind = EVENT_WRITE;
	label.order = store_half(site->order_now);
	label.value = cut(value, bytes);
	(void)explore_event(&label);
}

/* Both halves; false: a CAS that found something else. */
static bool read_modify_write(struct explorer_site *site, void *place, unsigned bytes,
			      enum explorer_rmw op, uint64_t operand, uint64_t *found)
{
	struct event label = label_of(site, place, bytes);
	label.kind = EVENT_READ;
	label.rmw = (uint8_t)op;
	label.operand = operand;
	label.expected = cut(*found, bytes);
	label.order = label.ok_order = load_half(site->order_now);
	label.fail_order = load_half(site->fail_order_now);
	const struct event *read = explore_event(&label);
	*found = read->value;
	if (!read->is_exclusive)
		return false;
	struct event write = {.site = site, .location = label.location, .kind = EVENT_WRITE};
	write.order = store_half(site->order_now);
	write.value = outcome(op, *found, operand, bytes);
	write.is_exclusive = true;
	(void)explore_event(&write);
	return true;
}

uint64_t explorer_rmw(struct explorer_site *site, void *place, unsigned bytes, enum explorer_rmw op,
		      uint64_t operand)
{
	uint64_t found = 0;
	if (!run.in_threads) {
		found = peek(place, bytes);
		poke(place, bytes, outcome(op, found, operand, bytes));
		return found;
	}
	(void)read_modify_write(site, place, bytes, op, operand, &found);
	return found;
}

bool explorer_cas(struct explorer_site *site, void *place, unsigned bytes, uint64_t *expected,
		  uint64_t desired)
{
	if (run.in_threads)
		return read_modify_write(site, place, bytes, RMW_CAS, desired, expected);
	uint64_t found = peek(place, bytes);
	if (found != *expected) {
		*expected = found;
		return false;
	}
	poke(place, bytes, desired);
	return true;
}

void explorer_fence(struct explorer_site *site)
{
	struct event label = {.site = site, .kind = EVENT_FENCE, .order = ORDER_SEQ};
	if (!run.in_threads)
		return;
	site->uses++;
	if (site->order_now == ORDER_NONE)
		return;
	label.is_heavy = site->kind == KIND_HEAVY;
	(void)explore_event(&label);
}

void explorer_heavy_fence(void)
{
	WR_MODEL_SITE(KIND_HEAVY, ORDER_SEQ, ORDER_RELAXED, "membarrier()");
	explorer_fence(&explorer_site);
}

void explorer_await_begin(void)
{
	if (run.in_threads)
		run.threads[run.current].await_begin = run.threads[run.current].played;
}

void explorer_await_end(bool holds)
{
	if (!run.in_threads) {
		EXPLORER_CHECK(holds);
		return;
	}
	if (holds)
		return;
	run.threads[run.current].state = THREAD_BLOCKED;
	threads_yield();
}

/* Whether the events of two stretches of a thread are loads that found the same stores. */
static bool found_the_same(unsigned begin, unsigned end, unsigned other)
{
	for (unsigned i = 0; begin + i < end; i++) {
		const struct event *a = graph_event(run.graph, ref_of(run.current, begin + i));
		const struct event *b = graph_event(run.graph, ref_of(run.current, other + i));
		if (a->kind != EVENT_READ || b->kind != EVENT_READ || a->site != b->site ||
		    a->location != b->location || a->rf != b->rf)
			return false;
	}
	return true;
}

void explorer_pause(void)
{
	struct run_thread *me = &run.threads[run.current];
	if (!run.in_threads || me->played == me->pause_end)
		return; // a delay, and nothing was looked at
	unsigned begin = me->pause_end, length = me->played - begin;
	bool again = length == (unsigned)(me->pause_end - me->pause_begin) &&
		     found_the_same(begin, me->played, me->pause_begin);
	me->pause_begin = (uint16_t)begin;
	me->pause_end = me->played;
	if (!again)
		return;
	me->await_begin = (uint16_t)begin;
	me->state = THREAD_BLOCKED;
	threads_yield();
}
