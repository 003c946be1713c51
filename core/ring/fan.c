/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fans: layout, handles, and how a consumer goes from branch to branch. What it does in one is
 * core/ring/ring.c's; how it sleeps is core/ring/ring_wait.c's.
 *
 * Nobody sleeps for ever: a consumer that is about to sleep sets its bit in every used branch, then
 * looks at each, so the proof of ring_wait.c holds branch by branch, with one word for all. A
 * branch that is used for the first time meanwhile has no bit: who opens it raises `used`, then
 * changes the word. If the sleeper read the word after that, it also sees the branch (RG11, carried
 * by PK4); otherwise its sleep returns at once, or is woken.
 */
#include "core/ring/fan.h"

#include <errno.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

#define MEMORY_MAX (1ull << 42)
/* Items that a consumer takes of a branch before it looks for another: where it has settled, and
 * where another consumer has and nothing better was found. */
#define BUDGET_SETTLED 256u
#define BUDGET_GUEST 16u

_Static_assert(sizeof(struct weir_ring_fan_consumer) % WEIR_RING_LINE_BYTES == 0,
	       "lines of its own");

static int refuse(struct weir_problem *problem, const char *field, const char *text)
{
	if (problem != NULL) {
		*problem = (struct weir_problem){.code = -EINVAL};
		/* Both are literals of this file, shorter than where they go. */
		memcpy(problem->field, field, strlen(field) + 1);
		memcpy(problem->text, text, strlen(text) + 1);
	}
	return -EINVAL;
}

/* What one branch is made with. */
static struct weir_ring_options options_of_branch(const struct weir_ring_options *o)
{
	struct weir_ring_options branch = *o;
	branch.producers = WEIR_RING_ONE_PRODUCER;
	return branch;
}

static uint32_t consumers_of(const struct weir_ring_options *o)
{
	return o->consumers == WEIR_RING_ONE_CONSUMER ? 1 : o->consumers_max;
}

/* Where each part begins, from the address of all. */
struct layout {
	uint64_t visitors;
	uint64_t consumers;
	uint64_t rings;
	uint64_t bytes;
};

static struct layout lay_out(const struct weir_ring_options *o, uint64_t ring_bytes)
{
	struct layout at = {
		.visitors = wr_round_up(sizeof(struct weir_ring_fan), WEIR_RING_LINE_BYTES)};
	at.consumers = at.visitors + o->producers_max * sizeof(struct wr_ring_visitor);
	at.rings = at.consumers + consumers_of(o) * sizeof(struct weir_ring_fan_consumer);
	at.bytes = at.rings + o->producers_max * ring_bytes;
	return at;
}

int wr_ring_fan_measure(const struct weir_ring_options *o, uint64_t *ret_bytes,
			struct weir_problem *problem)
{
	uint64_t ring_bytes;
	if (o == NULL || o->struct_bytes != sizeof *o)
		return refuse(problem, "struct_bytes", "use weir_ring_options_init()");
	if (o->producers != WEIR_RING_MANY_PRODUCERS)
		return refuse(problem, "producers", "must be MANY: one producer needs no fan");
	int code = wr_ring_measure(o, &ring_bytes, problem);
	if (code < 0)
		return code;
	struct weir_ring_options branch = options_of_branch(o);
	code = wr_ring_measure(&branch, &ring_bytes, problem);
	if (code < 0)
		return code;
	uint64_t bytes = lay_out(o, ring_bytes).bytes;
	if (bytes > MEMORY_MAX)
		return refuse(problem, "capacity",
			      "times slot_bytes times producers_max is more than 4 TiB");
	*ret_bytes = bytes;
	return 0;
}

int weir_ring_fan_memory_bytes(const struct weir_ring_options *options, uint64_t *ret_bytes,
			       struct weir_problem *reterr_problem)
{
	return wr_ring_fan_measure(options, ret_bytes, reterr_problem);
}

static struct wr_ring *ring_of(const struct weir_ring_fan *fan, uint32_t branch)
{
	return (struct wr_ring *)(void *)(fan->rings + branch * fan->ring_bytes);
}

static struct weir_ring_consumer *handle_of(const struct weir_ring_fan_consumer *c, uint32_t branch)
{
	return &ring_of(c->fan, branch)->consumers[c->index];
}

struct weir_ring_fan *wr_ring_fan_make(void *memory, const struct weir_ring_options *o,
				       const struct wr_ring_host *host)
{
	struct weir_ring_options branch = options_of_branch(o);
	struct weir_ring_fan *fan = memory;
	uint8_t *base = memory;
	uint64_t ring_bytes = 0;
	int code = wr_ring_measure(&branch, &ring_bytes, NULL);
	struct layout at = lay_out(o, ring_bytes);

	WR_ASSERT(code == 0);
	WR_ASSERT((uintptr_t)memory % WEIR_RING_LINE_BYTES == 0);
	memset(base, 0, at.rings);
	fan->host = *host;
	fan->options = *o;
	fan->rings = base + at.rings;
	fan->ring_bytes = ring_bytes;
	fan->visitors = (void *)(base + at.visitors);
	fan->consumers = (void *)(base + at.consumers);
	fan->branch_count = o->producers_max;
	fan->consumer_count = consumers_of(o);
	fan->memory_bytes = at.bytes;
	wr_parker_init(&fan->items, host->park, NULL);
	for (uint32_t i = 0; i < fan->branch_count; i++)
		wr_ring_make(fan->rings + i * ring_bytes, &branch, host)->items = &fan->items;
	for (uint32_t i = 0; i < fan->consumer_count; i++) {
		struct weir_ring_fan_consumer *c = &fan->consumers[i];
		c->fan = fan;
		c->index = i;
		c->branch = i % fan->branch_count;
		c->at = handle_of(c, c->branch);
		c->budget = BUDGET_SETTLED;
	}
	return fan;
}

/* ---- handles ---- */

/* RG11: true if it grew. Relaxed: the branch itself was made before anybody had the fan. */
static bool raise_used(struct weir_ring_fan *fan, uint32_t count)
{
	uint32_t used = weir_ring_load_relaxed(&fan->used);
	while (used < count)
		if (weir_ring_cas_relaxed(&fan->used, &used, count)) /* RG11 */
			return true;
	return false;
}

int weir_ring_fan_producer_open(struct weir_ring_fan *fan, struct weir_ring_producer **ret_producer)
{
	for (uint32_t i = 0; i < fan->branch_count; i++)
		if (weir_ring_producer_open(&ring_of(fan, i)->shared, ret_producer) == 0) {
			if (raise_used(fan, i + 1))
				wr_park_wake(&fan->items);
			return 0;
		}
	return WEIR_E_FULL;
}

int weir_ring_fan_consumer_open(struct weir_ring_fan *fan,
				struct weir_ring_fan_consumer **ret_consumer)
{
	for (uint32_t i = 0; i < fan->consumer_count; i++)
		if (wr_ring_take_handle(&fan->consumers[i].is_open)) {
			*ret_consumer = &fan->consumers[i];
			return 0;
		}
	return WEIR_E_FULL;
}

void weir_ring_fan_consumer_close(struct weir_ring_fan_consumer *c)
{
	if (c == NULL)
		return;
	for (uint32_t i = 0; i < c->fan->branch_count; i++)
		weir_ring_consumer_close(handle_of(c, i));
	/* Of EVERY, for good: see weir_ring_consumer_close(). */
	if (c->fan->options.consumers != WEIR_RING_EVERY_CONSUMER)
		weir_ring_store_release(&c->is_open, 0u); /* RG8 */
}

/* Consumers look at every branch before they say that the end has come: also at one that is opened
 * while another thread closes, where a push may have been accepted. */
void weir_ring_fan_close(struct weir_ring_fan *fan)
{
	(void)raise_used(fan, fan->branch_count);
	for (uint32_t i = 0; i < fan->branch_count; i++)
		wr_ring_refuse(ring_of(fan, i));
	if (ring_of(fan, 0)->asymmetric)
		fan->host.park->barrier();
	for (uint32_t i = 0; i < fan->branch_count; i++)
		wr_ring_end(ring_of(fan, i));
	wr_park_wake(&fan->items); // with no branch used, consumers set no bit
}

/* ---- from branch to branch ---- */

static bool is_ended(const struct weir_ring_consumer *c)
{
	return (c->flags & WEIR_RING_ENDED) != 0;
}

/* A close that the relaxed load misses comes after the sleeper's bit in `state`, and wakes. */
static bool has_items(struct weir_ring_consumer *c)
{
	return wr_ring_items_are_there(c, weir_ring_load_relaxed(&c->ring->state));
}

static void go_to(struct weir_ring_fan_consumer *c, uint32_t branch, uint64_t budget)
{
	c->branch = branch;
	c->at = handle_of(c, branch);
	c->budget = budget;
}

/* Its place, unless another has settled there since. */
static void settle(struct weir_ring_fan_consumer *c, uint32_t branch)
{
	struct wr_ring_visitor *visitors = c->fan->visitors;
	uint32_t me = c->index + 1;
	if (weir_ring_load_relaxed(&visitors[branch].who) != me) {
		for (uint32_t i = 0; i < c->fan->branch_count; i++)
			if (weir_ring_load_relaxed(&visitors[i].who) == me)
				weir_ring_store_relaxed(&visitors[i].who, 0u); /* a hint */
		weir_ring_store_relaxed(&visitors[branch].who, me);            /* a hint */
	}
	go_to(c, branch, BUDGET_SETTLED);
}

static bool is_free_for(const struct weir_ring_fan_consumer *c, uint32_t branch)
{
	uint32_t who = weir_ring_load_relaxed(&c->fan->visitors[branch].who); /* a hint */
	return who == 0 || who == c->index + 1;
}

int weir_ring_fan_turn(struct weir_ring_fan_consumer *c, int code)
{
	uint32_t used = weir_ring_load_relaxed(&c->fan->used); /* RG11 */
	uint32_t ended = 0, guest_at = UINT32_MAX;
	bool shares = (c->at->flags & WEIR_RING_SHARED) != 0;

	if (code != 0 && code != WEIR_E_AGAIN && code != WEIR_E_CLOSED)
		return code;
	c->budget = BUDGET_SETTLED;
	/* The one where it is comes last. */
	for (uint32_t i = 1; i <= used; i++) {
		uint32_t branch = (c->branch + i) % used;
		struct weir_ring_consumer *handle = handle_of(c, branch);
		if (is_ended(handle)) {
			ended++;
			continue;
		}
		if (!has_items(handle))
			continue;
		if (!shares) {
			go_to(c, branch, BUDGET_SETTLED);
			return 0;
		}
		if (is_free_for(c, branch)) {
			settle(c, branch);
			return 0;
		}
		if (guest_at == UINT32_MAX)
			guest_at = branch;
	}
	if (guest_at != UINT32_MAX) {
		go_to(c, guest_at, BUDGET_GUEST);
		return 0;
	}
	if (code == 0) // the pop gives back what was read, and says that it is empty
		return 0;
	/* ENDED was set after FENCED was seen, and that after all branches were counted as used. */
	return used > 0 && ended == used ? WEIR_E_CLOSED : WEIR_E_AGAIN;
}

bool wr_ring_fan_look(const struct weir_ring_fan_consumer *c)
{
	uint32_t used = weir_ring_load_relaxed(&c->fan->used); /* RG11 */
	uint32_t ended = 0;
	for (uint32_t i = 0; i < used; i++) {
		struct weir_ring_consumer *handle = handle_of(c, i);
		if (is_ended(handle))
			ended++;
		else if (has_items(handle))
			return true;
	}
	return used > 0 && ended == used;
}

void wr_ring_fan_announce(const struct weir_ring_fan_consumer *c, uint32_t bit)
{
	uint32_t used = weir_ring_load_relaxed(&c->fan->used); /* RG11 */
	for (uint32_t i = 0; i < used; i++)
		(void)weir_ring_or_seq(&ring_of(c->fan, i)->shared.state, bit); /* RG7 */
}
