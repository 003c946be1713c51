/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings: layout and handles, and what the inlined half calls when it has no room, no items, or
 * finds the ring closed. Waiting is in ring_wait.c.
 */
#include "core/ring/ring.h"

#include <errno.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/pause.h"

#define HANDLES_MAX 4096u
#define SLOT_BYTES_MAX (16u << 20)
#define CAPACITY_MAX (1ull << 30)
#define MEMORY_MAX (1ull << 42)
/* Consumers give back once in so many items: a 32nd of the ring, exactly in small ones. */
#define RELEASE_PARTS 32u
#define RELEASE_STEP_MAX 1024u
/* A producer that found no room looks at gates; each so many times also at what was read. */
#define MISSES_MASK 1023u

/* How far ahead lines are asked for, to write and to read them (core/ring/README.md). */
#define WRITE_AHEAD_BYTES 2048u
#define READ_AHEAD_BYTES 1024u
/* weir_ring_settle(): when it begins, how long it waits, and for how many looks it gives up where
 * that brings less than wr_ring_gain(). */
#define NIBBLES_BEFORE_SETTLING 4u
#define SETTLE_PAUSES 48u
#define SETTLE_PAUSES_MORE 80u
#define PATIENCE 32u
#define PATIENCE_DOUBLINGS 4u

_Static_assert(sizeof(struct weir_ring_producer) % WEIR_RING_LINE_BYTES == 0, "lines of its own");
_Static_assert(sizeof(struct weir_ring_consumer) % WEIR_RING_LINE_BYTES == 0, "lines of its own");
_Static_assert(offsetof(struct weir_ring_producer, claim_first) == 64, "a push touches one line");
_Static_assert(offsetof(struct weir_ring_consumer, tail) == 64, "a pop touches one line");
/* Of a look that ends WEIR_RING_FEW_SHARED items on, in the longest run there is. */
_Static_assert(WEIR_RING_LONG - 3 + (WEIR_RING_LONG_MAX + WEIR_RING_UNIT) / WEIR_RING_UNIT <=
		       WEIR_RING_CODE_MAX,
	       "what is known behind `take` leaves the position alone");
_Static_assert(WEIR_RING_FEW_SHARED + WEIR_RING_RUN_MAX - 1 < WEIR_RING_LONG,
	       "what is known of short runs is known to the item");

/* ---- options and layout ---- */

void weir_ring_options_init(struct weir_ring_options *options)
{
	*options = (struct weir_ring_options){
		.struct_bytes = sizeof *options,
		.producers = WEIR_RING_ONE_PRODUCER,
		.consumers = WEIR_RING_ONE_CONSUMER,
		.producers_max = 16,
		.consumers_max = 16,
		.slot_bytes = 8,
		.capacity = 4096,
	};
}

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

static uint32_t producers_of(const struct weir_ring_options *o)
{
	return o->producers == WEIR_RING_ONE_PRODUCER ? 1 : o->producers_max;
}

static uint32_t consumers_of(const struct weir_ring_options *o)
{
	return o->consumers == WEIR_RING_ONE_CONSUMER ? 1 : o->consumers_max;
}

/* Where each part begins, from the ring's own address. */
struct layout {
	uint64_t producers;
	uint64_t consumers;
	uint64_t stamps;
	uint64_t slots;
	uint64_t bytes;
};

static struct layout lay_out(const struct weir_ring_options *o)
{
	struct layout at = {.producers = wr_round_up(sizeof(struct wr_ring), WEIR_RING_LINE_BYTES)};
	at.consumers = at.producers + producers_of(o) * sizeof(struct weir_ring_producer);
	at.stamps = at.consumers + consumers_of(o) * sizeof(struct weir_ring_consumer);
	at.slots = at.stamps;
	if (o->producers == WEIR_RING_MANY_PRODUCERS)
		at.slots += wr_round_up(o->capacity * sizeof(weir_ring_u64), WEIR_RING_LINE_BYTES);
	at.bytes = at.slots + wr_round_up(o->capacity * o->slot_bytes, WEIR_RING_LINE_BYTES);
	return at;
}

int wr_ring_measure(const struct weir_ring_options *o, uint64_t *ret_bytes,
		    struct weir_problem *problem)
{
	if (o == NULL || o->struct_bytes != sizeof *o)
		return refuse(problem, "struct_bytes", "use weir_ring_options_init()");
	if (o->producers != WEIR_RING_ONE_PRODUCER && o->producers != WEIR_RING_MANY_PRODUCERS)
		return refuse(problem, "producers", "is none of enum weir_ring_producers");
	if (o->consumers < WEIR_RING_ONE_CONSUMER || o->consumers > WEIR_RING_EVERY_CONSUMER)
		return refuse(problem, "consumers", "is none of enum weir_ring_consumers");
	if (o->producers_max < 1 || o->producers_max > HANDLES_MAX)
		return refuse(problem, "producers_max", "must be 1 .. 4096");
	if (o->consumers_max < 1 || o->consumers_max > HANDLES_MAX)
		return refuse(problem, "consumers_max", "must be 1 .. 4096");
	if (o->slot_bytes < 1 || o->slot_bytes > SLOT_BYTES_MAX)
		return refuse(problem, "slot_bytes", "must be 1 .. 16777216 (16 MiB)");
	if (!wr_is_power_of_two(o->capacity) || o->capacity > CAPACITY_MAX)
		return refuse(problem, "capacity", "must be a power of two, 1 .. 2^30 items");
	if ((unsigned)o->wait > WEIR_WAIT_PARK)
		return refuse(problem, "wait", "is none of enum weir_wait");
	if ((unsigned)o->huge_pages > WEIR_HUGE_PAGES_REQUIRE)
		return refuse(problem, "huge_pages", "is none of enum weir_huge_pages");
	uint64_t bytes = lay_out(o).bytes;
	if (bytes > MEMORY_MAX)
		return refuse(problem, "capacity", "times slot_bytes is more than 4 TiB");
	*ret_bytes = bytes;
	return 0;
}

int weir_ring_memory_bytes(const struct weir_ring_options *options, uint64_t *ret_bytes,
			   struct weir_problem *reterr_problem)
{
	return wr_ring_measure(options, ret_bytes, reterr_problem);
}

/* In small rings less: what is asked for to be written is not what is being read. */
static uint32_t ahead_of(const struct weir_ring_options *o, uint32_t bytes)
{
	return (uint32_t)wr_min_u64(bytes / o->slot_bytes, o->capacity / 8);
}

/*
 * Consumers that share tell producers of what they gave back once in so many items. Half of what
 * others do: who is behind them may hold as much again. IDLE: never, producers look by themselves.
 */
static uint64_t shared_step(const struct weir_ring_options *o)
{
	uint64_t step = wr_min_u64(o->capacity / (2 * RELEASE_PARTS), RELEASE_STEP_MAX / 2);
	return step < 2 ? WEIR_RING_IDLE : step;
}

static void make_consumer(struct wr_ring *ring, struct weir_ring_consumer *c, uint64_t gate)
{
	const struct weir_ring_options *o = &ring->options;
	uint64_t step = o->capacity / RELEASE_PARTS;
	c->release_step = step < 2 ? 1 : wr_min_u64(step, RELEASE_STEP_MAX);
	if (o->consumers == WEIR_RING_SHARING_CONSUMERS)
		c->release_step = shared_step(o);
	c->release_at = c->release_step;
	c->mask = (uint32_t)(o->capacity - 1);
	c->ahead = ahead_of(o, READ_AHEAD_BYTES);
	c->tail = &ring->shared.tail;
	c->ring = &ring->shared;
	c->slot_bytes = o->slot_bytes;
	c->turns.patience = WR_RING_FIRST_LOSSES;
	c->flags = (o->consumers == WEIR_RING_SHARING_CONSUMERS ? WEIR_RING_SHARED : 0) |
		   (ring->asymmetric ? 0 : WEIR_RING_SEQ);
	if (o->producers == WEIR_RING_ONE_PRODUCER && o->consumers != WEIR_RING_ONE_CONSUMER)
		c->flags |= WEIR_RING_SEVERAL;
	if (o->producers == WEIR_RING_ONE_PRODUCER && (c->flags & WEIR_RING_SHARED) == 0 &&
	    o->slot_bytes <= WEIR_RING_ECHO_BYTES)
		c->flags |= WEIR_RING_ECHO;
	weir_ring_store_relaxed(&c->gate, gate);
}

struct wr_ring *wr_ring_make(void *memory, const struct weir_ring_options *o,
			     const struct wr_ring_host *host)
{
	struct layout at = lay_out(o);
	uint8_t *base = memory;
	struct wr_ring *ring = memory;
	unsigned char *slots = base + at.slots;
	weir_ring_u64 *stamps = NULL;

	WR_ASSERT((uintptr_t)memory % WEIR_RING_LINE_BYTES == 0);
	memset(base, 0, at.bytes);
	ring->options = *o;
	if (o->wait == WEIR_WAIT_DEFAULT)
		ring->options.wait = WEIR_WAIT_ADAPTIVE;
	ring->host = *host;
	ring->asymmetric = wr_park_mode == WR_PARK_MEMBARRIER;
	ring->memory_bytes = at.bytes;
	ring->producer_count = producers_of(o);
	ring->consumer_count = consumers_of(o);
	ring->producers = (void *)(base + at.producers);
	ring->consumers = (void *)(base + at.consumers);
	wr_parker_init(&ring->own_items, host->park, NULL);
	ring->items = &ring->own_items;
	wr_parker_init(&ring->room, host->park, NULL);
	weir_ring_store_relaxed(&ring->shared.end, WEIR_RING_IDLE);
	if (o->producers == WEIR_RING_MANY_PRODUCERS)
		stamps = (void *)(base + at.stamps);
	for (uint32_t i = 0; i < ring->producer_count; i++) {
		struct weir_ring_producer *p = &ring->producers[i];
		p->limit = o->capacity;
		p->mask = (uint32_t)(o->capacity - 1);
		p->ahead = ahead_of(o, WRITE_AHEAD_BYTES);
		p->slots = slots;
		p->stamps = stamps;
		p->slot_bytes = o->slot_bytes;
		p->turns.patience = WR_RING_FIRST_LOSSES;
		p->flags = ring->asymmetric ? 0 : WEIR_RING_SEQ;
		if (stamps != NULL && o->consumers != WEIR_RING_SHARING_CONSUMERS)
			p->flags |= WEIR_RING_ANYWHERE;
		p->ring = &ring->shared;
	}
	for (uint32_t i = 0; i < ring->consumer_count; i++) {
		struct weir_ring_consumer *c = &ring->consumers[i];
		make_consumer(ring, c,
			      o->consumers == WEIR_RING_SHARING_CONSUMERS ? WEIR_RING_IDLE : 0);
		c->slots = slots;
		c->stamps = stamps;
	}
	return ring;
}

/* ---- handles ---- */

/* RG8: who opens a handle sees all that who closed it did with it. */
bool wr_ring_take_handle(weir_ring_u32 *is_open)
{
	uint32_t closed = 0;
	return weir_ring_cas_acq_rel(is_open, &closed, 1u); /* RG8 */
}

int weir_ring_producer_open(struct weir_ring *public_ring, struct weir_ring_producer **ret_producer)
{
	struct wr_ring *ring = wr_ring_of(public_ring);
	for (uint32_t i = 0; i < ring->producer_count; i++)
		if (wr_ring_take_handle(&ring->producers[i].is_open)) {
			*ret_producer = &ring->producers[i];
			return 0;
		}
	return WEIR_E_FULL;
}

void weir_ring_producer_close(struct weir_ring_producer *p)
{
	if (p == NULL)
		return;
	if (p->claim_count != 0)
		(void)weir_ring_commit(p, 0);
	(void)weir_ring_flush(p);
	p->staged = 0;                            // also of what was refused
	weir_ring_store_release(&p->is_open, 0u); /* RG8 */
}

int weir_ring_consumer_open(struct weir_ring *public_ring, struct weir_ring_consumer **ret_consumer)
{
	struct wr_ring *ring = wr_ring_of(public_ring);
	for (uint32_t i = 0; i < ring->consumer_count; i++)
		if (wr_ring_take_handle(&ring->consumers[i].is_open)) {
			*ret_consumer = &ring->consumers[i];
			return 0;
		}
	return WEIR_E_FULL;
}

void weir_ring_consumer_close(struct weir_ring_consumer *c)
{
	if (c == NULL)
		return;
	weir_ring_release(c);
	if (wr_ring_of(c->ring)->options.consumers == WEIR_RING_EVERY_CONSUMER) {
		/* For good: is_open stays set. RG5, then whoever waits for it. */
		weir_ring_let_go(c, weir_ring_load_relaxed(&c->next));
		return;
	}
	if ((c->flags & WEIR_RING_SHARED) == 0)
		weir_ring_gave_back(c);
	weir_ring_store_release(&c->is_open, 0u); /* RG8 */
}

/* ---- room ---- */

/*
 * Nobody needs anything below. With consumers that share, `take` is read before their gates: see
 * weir_ring_take_shared(). *ret_taken: what it was, else IDLE.
 */
static uint64_t least_gate(struct wr_ring *ring, bool closely, uint64_t *ret_taken)
{
	bool shared = ring->options.consumers == WEIR_RING_SHARING_CONSUMERS;
	uint64_t least = WEIR_RING_IDLE;
	if (shared)
		least = weir_ring_take_position(weir_ring_load_seq(&ring->shared.take)); /* RG6 */
	*ret_taken = least;
	for (uint32_t i = 0; i < ring->consumer_count; i++) {
		struct weir_ring_consumer *c = &ring->consumers[i];
		uint64_t gate = weir_ring_load_seq(&c->gate); /* RG5, and a sleeper's look: RG7 */
		if (closely && !shared && gate != WEIR_RING_IDLE)
			gate = weir_ring_load_seq(&c->next); /* RG4, and a sleeper's look: RG7 */
		least = wr_min_u64(least, gate);
	}
	return least;
}

/*
 * With consumers that share, a look takes the lines that they work on: one that finds little costs
 * them more than it brings. So it waits until one of them says that there is something; but while
 * one is far behind the others, and the room hangs on it alone, nobody would say when it is done.
 */
static uint64_t look_at_gates(struct weir_ring_producer *p, bool closely)
{
	struct wr_ring *ring = wr_ring_of(p->ring);
	uint64_t step = shared_step(&ring->options), taken;
	bool waits =
		ring->options.consumers == WEIR_RING_SHARING_CONSUMERS && step != WEIR_RING_IDLE;
	uint64_t given = waits ? weir_ring_load_relaxed(&p->ring->given) : 0;
	if (waits && !closely && given == p->given)
		return 0;
	uint64_t gate = least_gate(ring, closely, &taken);
	p->given = waits && taken - gate > step ? WEIR_RING_IDLE : given;
	return gate;
}

bool wr_ring_find_room(struct weir_ring_producer *p, uint64_t end, bool closely)
{
	uint64_t first = p->stamps == NULL ? p->next : weir_ring_load_relaxed(&p->ring->tail);
	uint64_t gate = look_at_gates(p, closely);
	/* Idle: every consumer left, and nobody needs anything. */
	if (gate == WEIR_RING_IDLE)
		gate = first & ~WEIR_RING_CLOSED_BIT;
	p->limit = wr_max_u64(p->limit, gate + p->mask + 1);
	return end <= p->limit || (first & ~WEIR_RING_CLOSED_BIT) < p->limit;
}

int weir_ring_look_room(struct weir_ring_producer *p, uint64_t end, size_t item_bytes)
{
	if (item_bytes != p->slot_bytes)
		return -EINVAL;
	if (wr_ring_find_room(p, end, false)) {
		p->misses = 0;
		return 0;
	}
	bool closely = (++p->misses & MISSES_MASK) == 0;
	if (closely && wr_ring_find_room(p, end, true))
		return 0;
	if ((weir_ring_load_relaxed(&p->ring->state) & WEIR_RING_CLOSED) != 0)
		return WEIR_E_CLOSED;
	return WEIR_E_AGAIN;
}

/*
 * After a publish that saw a sleeper or a close. Closed by another thread, with one producer: these
 * items were published and perhaps seen, or a consumer has already found where the ring ends.
 * Whoever sets `end` first is right (RG9); the items lie below the producer's `end` and above a
 * consumer's. Nobody misses the other: the close has had every thread's barrier (or, without one,
 * stands in the order of seq_cst) before it set FENCED, and consumers end only behind that; so who
 * published before is seen, and who published after sees CLOSED and comes here.
 */
int weir_ring_published(struct weir_ring_producer *p)
{
	struct wr_ring *ring = wr_ring_of(p->ring);
	uint32_t state = weir_ring_load_seq(&p->ring->state); /* RG7 */
	uint64_t end = WEIR_RING_IDLE;

	if ((state & WEIR_RING_ITEMS_ASLEEP) != 0)
		wr_ring_wake(ring, WEIR_RING_ITEMS_ASLEEP);
	if ((state & WEIR_RING_CLOSED) == 0 || p->stamps != NULL)
		return 0;
	if (weir_ring_cas_acq_rel(&ring->shared.end, &end, p->next) || end >= p->next) /* RG9 */
		return 0;
	p->staged = 1; // so that a flush says it again
	return WEIR_E_CLOSED;
}

/* ---- items ---- */

/* Steps over slots that were claimed and not used. Nothing of them was read, so nothing is held. */
static void step_over(struct weir_ring_consumer *c, uint64_t position, uint64_t count)
{
	if ((c->flags & WEIR_RING_SHARED) == 0) {
		c->ready = position + count;
		weir_ring_move_next(c, position + count);
		return;
	}
	/* RG6: another consumer may have stepped over them before. */
	uint64_t word = weir_ring_take_word(position, 0);
	(void)weir_ring_cas_seq(&c->ring->take, &word, weir_ring_take_word(position + count, 0));
	weir_ring_let_go(c, position + count); // a producer that sleeps for these slots
}

/* Many producers: what is claimed when the ring closes is final. */
static int many_at_end(struct weir_ring_consumer *c, uint64_t position)
{
	uint64_t stamp = weir_ring_load_acquire(&c->stamps[position & c->mask]); /* RG2 */
	uint64_t unused = weir_ring_run_void(stamp, position);
	if (unused > 0) {
		step_over(c, position, unused);
		return 0;
	}
	/* Only then is `tail` looked at: producers claim there. */
	if ((weir_ring_load_acquire(&c->ring->state) & WEIR_RING_FENCED) == 0) /* RG9 */
		return WEIR_E_AGAIN;
	uint64_t tail = weir_ring_load_acquire(c->tail); /* RG3: of the close */
	if (position < (tail & ~WEIR_RING_CLOSED_BIT))
		return WEIR_E_AGAIN;
	c->flags |= WEIR_RING_ENDED;
	return WEIR_E_CLOSED;
}

/*
 * One producer: see weir_ring_published(). Behind FENCED, `tail` has all that missed the close, and
 * all that a consumer has read who missed it. What is published later is for `end` to decide, and
 * once that is set it is what this consumer takes for the tail.
 */
static uint64_t decide_end(struct weir_ring_consumer *c)
{
	uint64_t end = WEIR_RING_IDLE;
	uint64_t tail = weir_ring_load_seq(&c->ring->tail);   /* RG1, after FENCED */
	if (weir_ring_cas_acq_rel(&c->ring->end, &end, tail)) /* RG9 */
		end = tail;
	c->tail = &c->ring->end;
	return end;
}

uint64_t weir_ring_tail_of_closed(struct weir_ring_consumer *c)
{
	struct wr_ring *ring = wr_ring_of(c->ring);
	if (c->tail == &c->ring->end)
		return weir_ring_load_relaxed(c->tail); // decided by this one before
	/* Who closes may stand still between its two steps. */
	if ((weir_ring_load_acquire(&c->ring->state) & WEIR_RING_FENCED) == 0) { /* RG9 */
		if (ring->asymmetric)
			ring->host.park->barrier();
		(void)weir_ring_or_seq(&c->ring->state, WEIR_RING_FENCED); /* RG9 */
	}
	return decide_end(c);
}

static int one_at_end(struct weir_ring_consumer *c, uint64_t position)
{
	if ((weir_ring_load_seq(&c->ring->state) & WEIR_RING_FENCED) == 0) /* RG9 */
		return WEIR_E_AGAIN;
	c->ready = decide_end(c);
	if (c->ready > position)
		return 0;
	c->flags |= WEIR_RING_ENDED;
	return WEIR_E_CLOSED;
}

int weir_ring_look_items(struct weir_ring_consumer *c, uint64_t position, size_t item_bytes)
{
	if (item_bytes != c->slot_bytes)
		return -EINVAL;
	if ((c->flags & WEIR_RING_ENDED) != 0)
		return WEIR_E_CLOSED;
	/* Empty: a producer that thinks the ring full may know it. */
	bool shared = (c->flags & WEIR_RING_SHARED) != 0;
	if (weir_ring_load_relaxed(shared ? &c->ring->given : &c->gate) != position)
		weir_ring_gave_back(c);
	wr_ring_ask_for(c, position);
	return c->stamps != NULL ? many_at_end(c, position) : one_at_end(c, position);
}

void weir_ring_gave_back(struct weir_ring_consumer *c)
{
	struct wr_ring *ring = wr_ring_of(c->ring);
	uint64_t next = weir_ring_load_relaxed(&c->next); /* own */
	if ((c->flags & WEIR_RING_SHARED) != 0)
		weir_ring_store_relaxed(&c->ring->given, next);      /* a hint */
	else if (weir_ring_load_relaxed(&c->gate) != WEIR_RING_IDLE) // it has left
		weir_ring_store_release(&c->gate, next);             /* RG5 */
	if (c->release_step != WEIR_RING_IDLE)
		c->release_at = next + c->release_step;
	if ((weir_ring_load_seq(&c->ring->state) & WEIR_RING_ROOM_ASLEEP) != 0) /* RG7 */
		wr_ring_wake(ring, WEIR_RING_ROOM_ASLEEP);
}

/* Of several consumers that each see all, who decided last is heard. */
static void ask_for_echo(struct weir_ring_consumer *c, uint32_t asks)
{
	if ((c->flags & WEIR_RING_ECHO) != 0 &&
	    weir_ring_load_relaxed(&c->ring->echo_asked) != asks)
		weir_ring_store_relaxed(&c->ring->echo_asked, asks);
}

static void wait_and_look(struct weir_ring_consumer *c, unsigned pauses, uint64_t end)
{
	for (unsigned i = 0; i < pauses; i++)
		wr_pause();
	c->ready = weir_ring_ready(c, c->ready, end);
}

void weir_ring_settle(struct weir_ring_consumer *c, uint64_t first, uint64_t end)
{
	uint64_t few = c->ready - first;
	if (c->patience > 0) {
		c->patience--;
		return;
	}
	if (++c->nibbles < NIBBLES_BEFORE_SETTLING)
		return;
	uint64_t gain = wr_ring_gain(c->slot_bytes);
	wait_and_look(c, SETTLE_PAUSES, end);
	/* A stream so fast that twice as much came is not delayed by more of it. */
	if (c->ready - first - few >= 2 * gain)
		wait_and_look(c, SETTLE_PAUSES_MORE, end);
	/* As many again, and enough to be worth it. */
	if (c->ready - first - few >= wr_max_u64(few, gain)) {
		c->failures = 0;
		ask_for_echo(c, 0u);
		return;
	}
	ask_for_echo(c, 1u);
	c->nibbles = 0;
	c->patience = PATIENCE << c->failures;
	c->failures += c->failures < PATIENCE_DOUBLINGS;
}

/* ---- close ---- */

void wr_ring_refuse(struct wr_ring *ring)
{
	if (ring->options.producers == WEIR_RING_MANY_PRODUCERS)
		(void)weir_ring_or_seq(&ring->shared.tail, WEIR_RING_CLOSED_BIT); /* RG3 */
	(void)weir_ring_or_seq(&ring->shared.state, WEIR_RING_CLOSED);            /* RG9 */
}

void wr_ring_end(struct wr_ring *ring)
{
	(void)weir_ring_or_seq(&ring->shared.state, WEIR_RING_FENCED); /* RG9 */
	wr_ring_wake(ring, WEIR_RING_ITEMS_ASLEEP);
	wr_ring_wake(ring, WEIR_RING_ROOM_ASLEEP);
}

void weir_ring_close(struct weir_ring *public_ring)
{
	struct wr_ring *ring = wr_ring_of(public_ring);
	wr_ring_refuse(ring);
	if (ring->asymmetric)
		ring->host.park->barrier();
	wr_ring_end(ring);
}
