/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/metrics/stamp.h: whoever copies a slot twice and finds the same, with an even stamp, has it
 * as it was at one moment, whatever its owner changes meanwhile (ME1): a value and another that
 * moves with it, and a value with whose it is.
 */
#include "core/metrics/stamp.h"
#include "tests/explorer/scenarios.h"

#define WORDS 3u /* stamp, two values */

static wr_atomic_u64 *slot;

static void set_up(void)
{
	slot = explorer_alloc(WORDS * sizeof *slot, 64);
}

static void change(uint64_t value)
{
	wr_stamp_begin(slot);
	wr_stamp_put(&slot[1], value);
	wr_stamp_put(&slot[2], value);
	wr_stamp_end(slot);
}

static void change_once(void)
{
	change(1);
}

static void change_twice(void)
{
	change(1);
	change(2);
}

/* Of the last first: no order of stores within a change is relied upon. */
static void give_to_another(void)
{
	wr_stamp_begin(slot);
	wr_stamp_put(&slot[2], 1);
	wr_stamp_put(&slot[1], 1);
	wr_stamp_end(slot);
}

static void copy(void)
{
	uint8_t once[WORDS * 8], again[WORDS * 8];

	wr_stamp_read(slot, once, WORDS);
	wr_stamp_read(slot, again, WORDS);
	if (!wr_stamp_is_whole(once, again, sizeof once))
		return;
	EXPLORER_CHECK(wr_get_u64(once + 8) == wr_get_u64(once + 16));
	EXPLORER_CHECK(wr_get_u64(once) == 2 * wr_get_u64(once + 8));
}

const struct explorer_scenario stamp_one_change = {
	.name = "stamp: a slot is changed while it is copied",
	.setup = set_up,
	.threads = {change_once, copy},
};

const struct explorer_scenario stamp_two_changes = {
	.name = "stamp: a slot is changed twice while it is copied",
	.setup = set_up,
	.threads = {change_twice, copy},
};

const struct explorer_scenario stamp_another_object = {
	.name = "stamp: a slot gets another object while two copy it",
	.setup = set_up,
	.threads = {give_to_another, copy, copy},
};
