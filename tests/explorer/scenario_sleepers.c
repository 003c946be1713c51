/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/port/sleepers.h: whoever sleeps is woken once what it wants has come, also where another one
 * shares its place and wants something else, or leaves; and where two wake, as at a gate that two
 * steps tell of (PK5, PK6). A wake-up that is lost is a deadlock. Who wants none of what comes is
 * told of what a message says, or of nothing.
 */
#include "core/port/sleepers.h"
#include "tests/explorer/scenarios.h"

#define ONE 1ull
#define TWO 2ull

struct bed {
	WR_LINE_ALIGNED wr_atomic_u64 gate;
	wr_atomic_u64 mail;
	uint64_t data[3];
	struct wr_sleepers sleepers;
	wr_atomic_u64 wakes;
};

static struct bed *bed;

static void set_up(void)
{
	wr_park_mode = WR_PARK_MEMBARRIER;
	bed = explorer_alloc(sizeof *bed, WR_LINE_BYTES);
	/* The memory is zero, and an execution has fewer places than wr_sleepers_init() makes. */
	for (uint32_t i = 0; i < 2; i++)
		wr_parker_init_symmetric(&bed->sleepers.places[i].parker, explorer_park_ops(),
					 &bed->wakes);
}

/* As members do it: bits of `came` stand for what lies between two values of the gate. */
static void publish(uint64_t value, uint64_t came)
{
	bed->data[value] = value;
	wr_publish_round_u64(&bed->gate, value);
	wr_sleepers_notify(&bed->sleepers, wr_sleepers_at(&bed->sleepers), came);
}

static void wait_for(uint32_t place, uint64_t wanted, uint64_t at_least)
{
	struct wr_parker *parker = &bed->sleepers.places[place].parker;
	while (wr_park_look_u64(&bed->gate) < at_least) {
		uint32_t word = wr_park_announce(parker);
		wr_sleepers_add(&bed->sleepers, place, wanted);
		if (wr_park_look_u64(&bed->gate) >= at_least)
			wr_park_cancel(parker);
		else
			wr_park_sleep(parker, word, UINT64_MAX);
	}
	EXPLORER_CHECK(bed->data[at_least] == at_least);
}

static void publish_one(void)
{
	publish(1, ONE);
}

static void publish_both(void)
{
	publish(1, ONE);
	publish(2, TWO);
}

static void wait_for_one(void)
{
	wait_for(0, ONE, 1);
}

static void wait_for_either(void)
{
	wait_for(0, ONE | TWO, 1);
}

static void wait_for_two(void)
{
	wait_for(0, TWO, 2);
}

static void wait_elsewhere(void)
{
	wait_for(1, WR_WANTS_ALL, 1);
}

/* Who is told of the gate by another thread, as by a step that finds that a lane lacks room. */
static void wake_all(void)
{
	wr_sleepers_notify(&bed->sleepers, wr_sleepers_at(&bed->sleepers), WR_WANTS_ALL);
}

/* A sleeper whose last look finds something: it leaves behind what it wanted. */
static void leave_and_publish(void)
{
	(void)wr_park_announce(&bed->sleepers.places[0].parker);
	wr_sleepers_add(&bed->sleepers, 0, TWO);
	wr_park_cancel(&bed->sleepers.places[0].parker);
	publish(1, ONE);
}

/* Wants none of what comes, and is told of something else. */
static void write_mail(void)
{
	wr_publish_round_u64(&bed->mail, 1u);
	wr_park_notify(&bed->sleepers.places[0].parker);
}

static void wait_for_mail(void)
{
	struct wr_parker *parker = &bed->sleepers.places[0].parker;
	while (wr_park_look_u64(&bed->mail) == 0) {
		uint32_t word = wr_park_announce(parker);
		wr_sleepers_add(&bed->sleepers, 0, TWO);
		if (wr_park_look_u64(&bed->mail) != 0)
			wr_park_cancel(parker);
		else
			wr_park_sleep(parker, word, UINT64_MAX);
	}
}

static void nobody_is_left(void)
{
	for (uint32_t i = 0; i < 2; i++)
		EXPLORER_CHECK(wr_load_relaxed(&bed->sleepers.places[i].parker.sleepers) == 0);
}

#define SLEEPERS_SCENARIO(id, text, ...)                                                           \
	const struct explorer_scenario id = {.name = "sleepers: " text,                            \
					     .setup = set_up,                                      \
					     .threads = {__VA_ARGS__},                             \
					     .finish = nobody_is_left}

SLEEPERS_SCENARIO(sleepers_one, "one, for what comes", publish_one, wait_for_one);
SLEEPERS_SCENARIO(sleepers_later, "one, for what comes second", publish_both, wait_for_two);
SLEEPERS_SCENARIO(sleepers_share, "two that share a place", publish_one, wait_for_one,
		  wait_for_either);
SLEEPERS_SCENARIO(sleepers_share_both, "two that share a place, one after the other", publish_both,
		  wait_for_one, wait_for_two);
SLEEPERS_SCENARIO(sleepers_apart, "one for what comes, one for all", publish_one, wait_for_one,
		  wait_elsewhere);
SLEEPERS_SCENARIO(sleepers_woken_twice, "woken from two sides", publish_one, wake_all,
		  wait_for_one);
SLEEPERS_SCENARIO(sleepers_left, "another one was there", leave_and_publish, wake_all,
		  wait_for_one);
SLEEPERS_SCENARIO(sleepers_mail, "a message, and what is not wanted", publish_one, write_mail,
		  wait_for_mail);
