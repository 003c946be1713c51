/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/log/version_entry.h: a checkpoint is copied out of entries that the writer changes
 * meanwhile. Whatever it looks at and when, who copies gets each entry whole, as of the capture
 * (KV1), also where the writer counts on entries that were copied (KV2).
 */
#include "core/base/bits.h"
#include "core/log/version_entry.h"
#include "tests/explorer/scenarios.h"

#define ENTRIES 2u

static struct wr_version_entries *of;

static void set(uint32_t entry, uint64_t n)
{
	const struct wr_version_state state = {.version = n, .last_seq = n, .id_print = n};
	wr_version_set_state(of, entry, &state);
}

static const uint64_t hash_before[2] = {1, 1}, hash_after[2] = {2, 2};

static void set_up(void)
{
	of = explorer_alloc(sizeof *of, WR_LINE_BYTES);
	of->all = explorer_alloc(ENTRIES * sizeof *of->all, WR_LINE_BYTES);
	of->saved_max = ENTRIES + 1;
	of->saved = explorer_alloc(of->saved_max * sizeof *of->saved, WR_LINE_BYTES);
	for (uint32_t entry = 0; entry < ENTRIES; entry++) {
		wr_version_set_topic(of, entry, 1, hash_before);
		set(entry, 1);
	}
	wr_version_capture(of, ENTRIES);
}

static void change_twice(void)
{
	set(0, 2);
	set(0, 3);
}

static void change_the_second(void)
{
	set(1, 2);
	set(0, 2);
}

/* The key of the entry ends, and another one gets it. */
static void give_to_another(void)
{
	wr_version_set_topic(of, 0, 2, hash_after);
}

static void expect_captured(uint32_t entry)
{
	struct wr_version_copy copy;
	EXPLORER_AWAIT(wr_version_try_copy(of, entry, &copy));
	EXPLORER_CHECK(copy.state.version == 1);
	EXPLORER_CHECK(copy.state.last_seq == 1);
	EXPLORER_CHECK(copy.state.id_print == 1);
	EXPLORER_CHECK(copy.topic == 1);
	EXPLORER_CHECK(copy.hash[0] == 1 && copy.hash[1] == 1);
}

static void copy_one(void)
{
	expect_captured(0);
	wr_version_copied(of, 1);
}

static void copy_both(void)
{
	expect_captured(0);
	wr_version_copied(of, 1);
	expect_captured(1);
	wr_version_copied(of, 2);
}

const struct explorer_scenario version_changed_twice = {
	.name = "version: an entry is changed twice while it is copied",
	.setup = set_up,
	.threads = {change_twice, copy_one},
};

const struct explorer_scenario version_behind_the_copy = {
	.name = "version: the writer changes what was copied, and what was not",
	.setup = set_up,
	.threads = {change_the_second, copy_both},
};

const struct explorer_scenario version_given_to_another = {
	.name = "version: an entry gets another key while it is copied",
	.setup = set_up,
	.threads = {give_to_another, copy_one},
};
