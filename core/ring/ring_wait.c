/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting at a ring, for room or for items: spin, yield, sleep, as options.wait says. The sleep is
 * a futex behind core/port/park.h; its flag is a bit of the ring's `state`, so that the hot path
 * looks at one word for sleepers and for the close.
 *
 * Who sleeps:                                Who publishes:
 *     word = parker.word                         store what was made (RG7)
 *     set the bit of `state`                     the bit of `state`?
 *     barrier (mode MEMBARRIER)                      take it away; if it was there:
 *     look: nothing? sleep on word                   change the word, wake
 *
 * Nobody sleeps for ever:
 * - The publisher's look misses the bit: then by the proof of core/port/park.h (P: what was made,
 *   F: the bit) the sleeper's look sees what was made.
 * - It sees the bit and takes it away: the sleeper read the word before it set the bit, and the
 *   word changes after it was taken away (both read-modify-writes of one variable, acquire and
 *   release), so the sleep returns at once, or is woken.
 * - It sees the bit, and another publisher took it away: that one wakes. If a sleeper set the bit
 *   after that, it read from that publisher's read-modify-write, and ours either comes before too,
 *   so what we made is seen, or later, and takes the bit away.
 * - A close sets bits of the same word, then wakes: who sets its bit later finds them at its look.
 * Because the bit is taken away by the first who wakes, a sleeper costs one system call for each
 * sleep, however many items come before it runs.
 */
#include "core/ring/ring.h"

#include <errno.h>

#include "core/base/pause.h"
#include "core/ring/fan.h"

/* Of ADAPTIVE: about 2 us of looking, then a few times the CPU for whoever wants it. */
#define SPINS 64u
#define YIELDS 32u
/* Room is looked for closely once in so many looks: it takes the line that a consumer works on. */
#define CLOSELY_MASK 1023u
/* The clock is looked at once in so many spins. */
#define SPINS_PER_CLOCK 128u
/* weir_ring_stand_back(): how long, and for how many losses not again where others made less of it
 * than wr_ring_gain(). */
#define STAND_BACK_NS 2000u
#define STAND_BACK_PATIENCE 16u
#define STAND_BACK_DOUBLINGS 6u

struct wait {
	struct wr_ring *ring;
	uint32_t bit;
	struct weir_ring_producer *producer; /* one of the three */
	struct weir_ring_consumer *consumer;
	struct weir_ring_fan_consumer *fan;
	uint64_t deadline_ns;
	uint32_t rounds;
};

static bool room_is_there(struct weir_ring_producer *p, uint32_t state, bool closely)
{
	uint64_t first = p->stamps == NULL ? p->next : weir_ring_load_relaxed(&p->ring->tail);
	if ((state & WEIR_RING_CLOSED) != 0)
		return true;
	return wr_ring_find_room(p, first + 1, closely);
}

/*
 * A slot that was claimed and not used is there too: pop steps over it. The look at what announces
 * the item also asks for the item, so that both lines come at once.
 */
bool wr_ring_items_are_there(struct weir_ring_consumer *c, uint32_t state)
{
	uint64_t at = weir_ring_load_relaxed(&c->next); /* own */
	bool is_known = c->stamps != NULL && at < c->ready;
	if ((c->flags & WEIR_RING_SHARED) != 0) {
		uint64_t word = weir_ring_load_seq(&c->ring->take); /* RG6 */
		at = weir_ring_take_position(word);
		is_known = (word & WEIR_RING_CODE_MAX) != 0;
	}
	wr_ring_ask_for(c, at);
	if (is_known)
		return true;
	if (c->stamps == NULL)
		return weir_ring_load_seq(c->tail) > at || /* RG1, RG7 */
		       (state & WEIR_RING_FENCED) != 0;
	uint64_t stamp = weir_ring_load_seq(&c->stamps[at & c->mask]); /* RG2, RG7 */
	if (weir_ring_run(stamp, at) > 0 || weir_ring_run_void(stamp, at) > 0)
		return true;
	/* RG3. Not looked at before: producers claim there. */
	return (state & WEIR_RING_FENCED) != 0 &&
	       at >= (weir_ring_load_seq(c->tail) & ~WEIR_RING_CLOSED_BIT);
}

/* What is waited for is there, or nothing will come: a pop or push then says which. */
static bool is_over(const struct wait *w, bool closely)
{
	if (w->fan != NULL)
		return wr_ring_fan_look(w->fan);
	uint32_t state = weir_ring_load_seq(&w->ring->shared.state); /* RG7 */
	if (w->producer != NULL)
		return room_is_there(w->producer, state, closely);
	return wr_ring_items_are_there(w->consumer, state);
}

void wr_ring_wake(struct wr_ring *ring, uint32_t bit)
{
	struct wr_parker *parker = bit == WEIR_RING_ITEMS_ASLEEP ? ring->items : &ring->room;
	if ((weir_ring_and_seq(&ring->shared.state, ~bit) & bit) != 0) /* RG7 */
		wr_park_wake(parker);
}

/* One sleep. The caller looks again, whatever ended it. */
static void sleep_once(struct wait *w, uint64_t left_ns)
{
	struct wr_ring *ring = w->ring;
	struct wr_parker *parker = w->producer != NULL ? &ring->room : ring->items;
	uint32_t word = wr_load_acquire(&parker->word); /* PK4 */
	if (w->fan != NULL)
		wr_ring_fan_announce(w->fan, w->bit);
	else
		(void)weir_ring_or_seq(&ring->shared.state, w->bit); /* RG7 */
	if (ring->asymmetric)
		ring->host.park->barrier();
	if (!is_over(w, true))
		ring->host.park->sleep(parker, word, left_ns);
}

/* Spins or yields once. False: it is time to sleep. */
static bool idle(struct wait *w)
{
	uint32_t round = w->rounds++;
	switch (w->ring->options.wait) {
	case WEIR_WAIT_SPIN:
		wr_pause();
		return true;
	case WEIR_WAIT_YIELD:
		w->ring->host.yield();
		return true;
	case WEIR_WAIT_PARK:
		return false;
	default:
		if (round < SPINS)
			wr_pause();
		else if (round < SPINS + YIELDS)
			w->ring->host.yield();
		else
			return false;
		return true;
	}
}

/* A yield may take a time slice, or several: the deadline is looked at before the next one. */
static bool is_time_to_look(const struct wait *w, bool spun)
{
	enum weir_wait how = w->ring->options.wait;
	return !spun || (w->rounds & (SPINS_PER_CLOCK - 1)) == 0 || how == WEIR_WAIT_YIELD ||
	       (how == WEIR_WAIT_ADAPTIVE && w->rounds >= SPINS);
}

static int wait_until(struct wait *w, uint64_t *left_ns)
{
	struct wr_clock *clock = w->ring->host.clock;
	bool bounded = *left_ns != WEIR_FOREVER;
	uint64_t start_ns = bounded ? wr_clock_mono_ns(clock) : 0;
	uint64_t left = *left_ns;

	for (;;) {
		/* Closely now and then: a consumer may have stopped before it gave back. */
		if (is_over(w, (w->rounds & CLOSELY_MASK) == CLOSELY_MASK))
			break;
		bool spun = idle(w);
		if (bounded && is_time_to_look(w, spun)) {
			uint64_t passed = wr_clock_mono_ns(clock) - start_ns;
			left = passed < *left_ns ? *left_ns - passed : 0;
			if (left == 0 && !is_over(w, true)) {
				*left_ns = 0;
				return -ETIMEDOUT;
			}
		}
		if (!spun)
			sleep_once(w, left);
	}
	if (bounded) {
		uint64_t passed = wr_clock_mono_ns(clock) - start_ns;
		*left_ns = passed < *left_ns ? *left_ns - passed : 0;
	}
	return 0;
}

int weir_ring_wait_room(struct weir_ring_producer *p, uint64_t *left_ns)
{
	struct wait w = {.ring = wr_ring_of(p->ring), .bit = WEIR_RING_ROOM_ASLEEP, .producer = p};
	/* What is staged must be seen, or nobody makes room. */
	int code = weir_ring_flush(p);
	if (code < 0)
		return code;
	code = wait_until(&w, left_ns);
	if (code == 0 && (weir_ring_load_relaxed(&p->ring->state) & WEIR_RING_CLOSED) != 0)
		return WEIR_E_CLOSED;
	return code;
}

int weir_ring_wait_items(struct weir_ring_consumer *c, uint64_t *left_ns)
{
	struct wait w = {.ring = wr_ring_of(c->ring), .bit = WEIR_RING_ITEMS_ASLEEP, .consumer = c};
	return wait_until(&w, left_ns);
}

int weir_ring_fan_wait_items(struct weir_ring_fan_consumer *c, uint64_t *left_ns)
{
	/* Of any branch: options, host and where consumers sleep are those of all. */
	struct wait w = {.ring = wr_ring_of(c->at->ring), .bit = WEIR_RING_ITEMS_ASLEEP, .fan = c};
	return wait_until(&w, left_ns);
}

/* ---- several at one word ---- */

static uint64_t position_of(struct weir_ring *ring, weir_ring_u64 *word)
{
	uint64_t value = weir_ring_load_relaxed(word);
	return word == &ring->take ? weir_ring_take_position(value) : value & ~WEIR_RING_CLOSED_BIT;
}

/*
 * Yields, and no pauses: where there are more threads than CPUs the CPU goes to somebody at the
 * other end, so that one producer and one consumer run as a pair. Where it was worth it, the next
 * loss is enough.
 */
void weir_ring_stand_back(struct weir_ring *public_ring, weir_ring_u64 *word,
			  struct weir_ring_turns *turns)
{
	struct wr_ring *ring = wr_ring_of(public_ring);
	struct wr_clock *clock = ring->host.clock;
	if (ring->options.wait != WEIR_WAIT_ADAPTIVE)
		return;
	if (turns->patience > 0) {
		turns->patience--;
		return;
	}
	uint64_t first = position_of(public_ring, word);
	uint64_t start_ns = wr_clock_mono_ns(clock);
	do
		ring->host.yield();
	while (wr_clock_mono_ns(clock) - start_ns < STAND_BACK_NS);
	if (position_of(public_ring, word) - first >= wr_ring_gain(ring->options.slot_bytes)) {
		turns->failures = 0;
		return;
	}
	turns->patience = STAND_BACK_PATIENCE << turns->failures;
	turns->failures += turns->failures < STAND_BACK_DOUBLINGS;
}
