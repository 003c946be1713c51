/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/port/park.h and park.c, in both modes and with a symmetric parker: whoever sleeps is woken
 * once what it waits for is there, and sees what was published with it (PK1 to PK4). A wake-up that
 * is lost is a deadlock.
 */
#include "core/port/park.h"
#include "tests/explorer/scenarios.h"

struct bed {
	WR_LINE_ALIGNED wr_atomic_u64 value;
	wr_atomic_u32 flag;
	struct wr_parker parker;
	wr_atomic_u64 wakes;
	uint64_t data[2];
};

static struct bed *bed;

static void set_up(enum wr_park_mode mode)
{
	wr_park_mode = mode;
	bed = explorer_alloc(sizeof *bed, WR_LINE_BYTES);
	wr_parker_init(&bed->parker, explorer_park_ops(), &bed->wakes);
}

static void set_up_seq(void)
{
	set_up(WR_PARK_SEQ_CST);
}

static void set_up_asymmetric(void)
{
	set_up(WR_PARK_MEMBARRIER);
}

static void set_up_symmetric(void)
{
	set_up(WR_PARK_MEMBARRIER);
	wr_parker_init_symmetric(&bed->parker, explorer_park_ops(), &bed->wakes);
}

/* As every sleeper of weir does it. */
static void wait_for(uint64_t at_least)
{
	while (wr_park_look_u64(&bed->value) < at_least) {
		uint32_t word = wr_park_announce(&bed->parker);
		if (wr_park_look_u64(&bed->value) >= at_least)
			wr_park_cancel(&bed->parker);
		else
			wr_park_sleep(&bed->parker, word, UINT64_MAX);
	}
	EXPLORER_CHECK(bed->data[at_least - 1] == at_least);
}

static void publish(uint64_t value)
{
	bed->data[value - 1] = value;
	if (wr_park_mode == WR_PARK_MEMBARRIER && bed->parker.symmetric)
		wr_publish_round_u64(&bed->value, value);
	else
		wr_publish_u64(&bed->value, value);
	wr_park_notify(&bed->parker);
}

static void publish_once(void)
{
	publish(1);
}

static void publish_twice(void)
{
	publish(1);
	publish(2);
}

/* The same with 32 bits, as for a failure of the journal. */
static void raise_flag(void)
{
	bed->data[0] = 1;
	wr_publish_round_u32(&bed->flag, 1u);
	wr_park_notify(&bed->parker);
}

static bool flag_is_up(void)
{
	return wr_load_seq(&bed->flag) != 0;
}

static void wait_for_flag(void)
{
	while (!flag_is_up()) {
		uint32_t word = wr_park_announce(&bed->parker);
		if (flag_is_up())
			wr_park_cancel(&bed->parker);
		else
			wr_park_sleep(&bed->parker, word, UINT64_MAX);
	}
	EXPLORER_CHECK(bed->data[0] == 1);
}

static void wait_for_first(void)
{
	wait_for(1);
}

static void wait_for_both(void)
{
	wait_for(1);
	wait_for(2);
}

/* Who is gone leaves no flag behind that would cost a publisher a system call for ever. */
static void flag_is_down(void)
{
	EXPLORER_CHECK(wr_load_relaxed(&bed->parker.sleepers) == 0);
}

#define PARK_SCENARIOS(id, text, ...)                                                              \
	const struct explorer_scenario id##_seq = {.name = "park, seq_cst: " text,                 \
						   .setup = set_up_seq,                            \
						   .threads = {__VA_ARGS__},                       \
						   .finish = flag_is_down};                        \
	const struct explorer_scenario id##_asymmetric = {.name = "park, membarrier: " text,       \
							  .setup = set_up_asymmetric,              \
							  .threads = {__VA_ARGS__},                \
							  .finish = flag_is_down};                 \
	const struct explorer_scenario id##_symmetric = {.name = "park, symmetric: " text,         \
							 .setup = set_up_symmetric,                \
							 .threads = {__VA_ARGS__},                 \
							 .finish = flag_is_down}

PARK_SCENARIOS(park, "one sleeper", publish_once, wait_for_first);
PARK_SCENARIOS(park_flag, "a flag", raise_flag, wait_for_flag);
PARK_SCENARIOS(park_two, "two sleepers", publish_once, wait_for_first, wait_for_first);
PARK_SCENARIOS(park_again, "one sleeper, twice", publish_twice, wait_for_both);
