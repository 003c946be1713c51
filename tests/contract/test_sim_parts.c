/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's small parts: clock, memory, parking, random numbers, fault budgets, files. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "io/posix/memory_posix.h"
#include "io/sim/clock_sim.h"
#include "io/sim/disk_sim.h"
#include "io/sim/fault_plan.h"
#include "io/sim/memory_sim.h"
#include "io/sim/park_sim.h"
#include "io/sim/prng.h"
#include "io/sim/storage_sim.h"

#define NS_PER_SECOND 1000000000ull

Test(clock_sim, the_three_clocks_part_ways_as_real_ones_do)
{
	struct wr_clock_sim sim;
	struct wr_clock *clock = &sim.base;

	wr_clock_sim_init(&sim);
	const uint64_t mono = wr_clock_mono_ns(clock);
	const uint64_t wall = wr_clock_wall_ns(clock);
	cr_assert_eq(wr_clock_boot_ns(clock), mono);
	wr_clock_sim_advance(&sim, 5);
	cr_assert_eq(wr_clock_mono_ns(clock), mono + 5);
	cr_assert_eq(wr_clock_wall_ns(clock), wall + 5);
	wr_clock_sim_suspend(&sim, 100);
	cr_assert_eq(wr_clock_mono_ns(clock), mono + 5);
	cr_assert_eq(wr_clock_boot_ns(clock), mono + 105);
	cr_assert_eq(wr_clock_wall_ns(clock), wall + 105);
	wr_clock_sim_jump_wall(&sim, -50);
	cr_assert_eq(wr_clock_wall_ns(clock), wall + 55);
	wr_clock_sim_jump_wall(&sim, 20);
	cr_assert_eq(wr_clock_wall_ns(clock), wall + 75);
	cr_assert_eq(wr_clock_boot_ns(clock), mono + 105);
	wr_clock_sim_reboot(&sim, NS_PER_SECOND);
	cr_assert_eq(wr_clock_boot_ns(clock), mono);
	cr_assert_eq(wr_clock_wall_ns(clock), wall + 75 + NS_PER_SECOND);
}

Test(clock_sim, no_jump_wraps_a_clock)
{
	struct wr_clock_sim sim;

	wr_clock_sim_init(&sim);
	wr_clock_sim_jump_wall(&sim, INT64_MIN);
	cr_assert_eq(wr_clock_wall_ns(&sim.base), 0);
	wr_clock_sim_advance(&sim, UINT64_MAX);
	wr_clock_sim_suspend(&sim, UINT64_MAX);
	wr_clock_sim_jump_wall(&sim, INT64_MAX);
	cr_assert_eq(wr_clock_mono_ns(&sim.base), UINT64_MAX);
	cr_assert_eq(wr_clock_boot_ns(&sim.base), UINT64_MAX);
	cr_assert_eq(wr_clock_wall_ns(&sim.base), UINT64_MAX);
}

static void check_kth_failure(struct wr_memory *below)
{
	struct wr_memory_sim sim;
	struct wr_memory *m = &sim.base;
	struct wr_mapping pool = {0};

	wr_memory_sim_init(&sim, below);
	wr_memory_sim_fail(&sim, 2, false);
	uint8_t *first = m->ops->alloc(m, 100, 64);
	cr_assert_not_null(first);
	cr_assert_eq((uintptr_t)first % 64, 0);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(first[i], 0);
	cr_assert_null(m->ops->alloc(m, 100, 8));
	uint8_t *third = m->ops->alloc(m, 50, 8);
	cr_assert_not_null(third);
	cr_assert_eq(m->alloc_bytes, 150);
	wr_memory_sim_fail(&sim, 2, true);
	cr_assert_eq(m->ops->map_pool(m, 65536, &pool), 0);
	pool.writable[65535] = 7;
	cr_assert_eq(pool.readable[65535], 7);
	struct wr_mapping more;
	cr_assert_eq(m->ops->map_pool(m, 65536, &more), -ENOMEM);
	cr_assert_eq(m->ops->map_ring(m, 65536, &more), -ENOMEM);
	cr_assert_null(m->ops->alloc(m, 1, 1));
	wr_memory_sim_fail(&sim, 0, false);
	cr_assert_eq(sim.live_count, 3);
	m->ops->free(m, first, 100);
	m->ops->free(m, third, 50);
	m->ops->free(m, NULL, 0);
	m->ops->unmap(m, &pool);
	m->ops->unmap(m, &pool);
	cr_assert_eq(sim.live_count, 0);
	cr_assert_eq(m->alloc_bytes, 0);
	cr_assert_eq(m->map_bytes, 0);
}

Test(memory_sim, the_kth_request_fails_over_the_c_library)
{
	check_kth_failure(NULL);
}

Test(memory_sim, the_kth_request_fails_over_the_real_memory)
{
	struct wr_memory_posix posix;
	struct wr_mapping ring;
	struct wr_memory_sim sim;

	cr_assert_eq(wr_memory_posix_init(&posix, NULL), 0);
	check_kth_failure(&posix.memory);
	wr_memory_sim_init(&sim, &posix.memory);
	cr_assert_eq(sim.base.ops->map_ring(&sim.base, 65536, &ring), 0);
	ring.writable[3] = 9;
	cr_assert_eq(ring.writable[65536 + 3], 9);
	sim.base.ops->unmap(&sim.base, &ring);
	cr_assert_eq(sim.live_count, 0);
}

Test(park_sim, nobody_sleeps_and_all_is_counted)
{
	struct wr_park_sim sim = {0};
	struct wr_parker parker;

	wr_parker_init(&parker, &wr_park_sim_ops, &sim);
	uint32_t word = wr_park_announce(&parker);
	wr_park_sleep(&parker, word, 1000);
	cr_assert_eq(sim.sleep_count, 1);
	cr_assert_eq(sim.slept_ns, 1000);
	wr_park_notify(&parker);
	cr_assert_eq(sim.wake_count, 0, "nobody is announced any more");
	word = wr_park_announce(&parker);
	wr_park_notify(&parker);
	cr_assert_eq(sim.wake_count, 1);
	wr_park_sleep(&parker, word, UINT64_MAX);
	cr_assert_eq(sim.missed_count, 1, "the wake came in between");
	cr_assert_eq(sim.sleep_count, 1);
}

Test(prng, it_gives_the_published_numbers_and_keeps_to_its_bounds)
{
	/* xoshiro256** from the state {1, 2, 3, 4}: the first numbers of the authors' code. */
	static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
	struct wr_prng prng = {.state = {1, 2, 3, 4}};
	uint32_t hits = 0;

	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
		cr_assert_eq(wr_prng_next(&prng), expected[i]);
	wr_prng_init(&prng, 42);
	for (int i = 0; i < 10000; i++) {
		cr_assert_lt(wr_prng_below(&prng, 7), 7);
		const uint64_t n = wr_prng_between(&prng, 100, 102);
		cr_assert(n >= 100 && n <= 102);
		hits += wr_prng_chance(&prng, 250000);
	}
	cr_assert(hits > 2300 && hits < 2700);
	cr_assert(!wr_prng_chance(&prng, 0));
	cr_assert(wr_prng_chance(&prng, 1000000));
}

Test(fault_plan, budgets_bound_each_kind_and_all_together)
{
	struct wr_fault_plan plan;
	struct wr_prng prng;
	int struck = 0;

	wr_prng_init(&prng, 1);
	wr_fault_plan_init(&plan);
	for (int i = 0; i < WR_FAULT_COUNT; i++)
		cr_assert(!wr_fault_take(&plan, &prng, (enum wr_fault)i));
	plan.chance_ppm[WR_FAULT_ROT] = 1000000;
	plan.chance_ppm[WR_FAULT_SLOW] = 1000000;
	plan.budget[WR_FAULT_ROT] = 2;
	plan.budget_all = 5;
	for (int i = 0; i < 10; i++)
		struck += wr_fault_take(&plan, &prng, WR_FAULT_ROT);
	cr_assert_eq(struck, 2);
	for (int i = 0; i < 10; i++)
		struck += wr_fault_take(&plan, &prng, WR_FAULT_SLOW);
	cr_assert_eq(struck, 5);
	cr_assert_eq(plan.taken[WR_FAULT_ROT], 2);
	cr_assert_eq(plan.taken[WR_FAULT_SLOW], 3);
	wr_fault_plan_heal(&plan);
	plan.budget_all = WR_BUDGET_NONE;
	cr_assert(!wr_fault_take(&plan, &prng, WR_FAULT_SLOW));
	cr_assert_str_eq(wr_fault_text((enum wr_fault)99), "no such fault");
}

/* Writes and syncs of drawn ranges, and after each what is durable, sector by sector. */
Test(disk_sim, a_sync_makes_durable_what_it_names_and_nothing_else)
{
	enum { SECTORS = 200, ROUNDS = 400 };
	static uint8_t content[SECTORS * WR_SIM_SECTOR_BYTES];
	static uint8_t durable[SECTORS];
	struct wr_sim_disk *disk = wr_sim_disk_create(1, NULL);
	struct wr_prng prng;

	wr_prng_init(&prng, 7);
	cr_assert_eq(wr_sim_disk_put(disk, "file", content, sizeof content), 0);
	const int32_t inode = wr_sim_disk_find(disk, "file");
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		const uint64_t first = wr_prng_below(&prng, SECTORS);
		const uint64_t count = 1 + wr_prng_below(&prng, SECTORS - first);
		const bool is_whole = round % 20 == 0;
		/* Many small holes, so that runs end at all places of a word. */
		for (uint64_t i = first; i < first + count; i += 1 + wr_prng_below(&prng, 3)) {
			memset(content + i * WR_SIM_SECTOR_BYTES, (int)round, WR_SIM_SECTOR_BYTES);
			disk->inodes[inode].is_dirty = false; /* no older form of it is kept */
			wr_sim_inode_write(disk, inode, content + i * WR_SIM_SECTOR_BYTES,
					   WR_SIM_SECTOR_BYTES, i * WR_SIM_SECTOR_BYTES);
		}
		const uint64_t from = is_whole ? 0 : wr_prng_below(&prng, SECTORS);
		const uint64_t end =
			is_whole ? SECTORS : from + wr_prng_below(&prng, SECTORS - from + 1);
		wr_sim_inode_sync(disk, inode, (end - from) * WR_SIM_SECTOR_BYTES,
				  from * WR_SIM_SECTOR_BYTES);
		for (uint64_t i = 0; i < SECTORS; i++) {
			const uint64_t at = i * WR_SIM_SECTOR_BYTES;
			if (i >= from && i < end)
				durable[i] = content[at];
			cr_assert_eq(disk->inodes[inode].durable[at], durable[i], "%u: %lu", round,
				     i);
			cr_assert_eq(disk->inodes[inode].durable[at + WR_SIM_SECTOR_BYTES - 1],
				     durable[i], "%u: %lu", round, i);
		}
		cr_assert_eq(disk->inodes[inode].is_dirty,
			     memcmp(disk->inodes[inode].durable, content, sizeof content) != 0,
			     "%u", round);
	}
	wr_sim_disk_destroy(disk);
}

Test(disk_sim, a_file_without_a_name_is_there_until_its_last_handle_goes)
{
	struct wr_sim_disk *disk = wr_sim_disk_create(1, NULL);
	const struct wr_storage_options options = {.sim_disk = disk};
	struct wr_storage *storage;
	uint32_t file[2];

	cr_assert_eq(wr_storage_sim_open(&options, &storage), 0);
	cr_assert_eq(wr_sim_disk_put(disk, "file", "1234", 4), 0);
	for (uint32_t i = 0; i < 2; i++)
		cr_assert_eq(storage->ops->file_open(storage, "file", 0, &file[i]), 0);
	cr_assert_eq(storage->ops->file_remove(storage, "file"), 0);
	cr_assert_eq(storage->ops->sync_dir(storage), 0);
	for (uint32_t i = 0; i < 2; i++) {
		cr_expect_eq(wr_sim_disk_used_bytes(disk), 4);
		cr_assert_eq(storage->ops->file_close(storage, file[i]), 0);
	}
	cr_expect_eq(wr_sim_disk_used_bytes(disk), 0);
	storage->ops->fini(storage);
	wr_sim_disk_destroy(disk);
}

Test(disk_sim, one_that_begins_anew_has_nothing_of_what_it_was)
{
	static const uint8_t zeros[3 * WR_SIM_SECTOR_BYTES];
	uint8_t content[2 * WR_SIM_SECTOR_BYTES];
	struct wr_sim_disk *disk = wr_sim_disk_create(1, NULL);

	memset(content, 0xab, sizeof content);
	for (uint64_t seed = 2; seed < 5; seed++) {
		cr_assert_eq(wr_sim_disk_put(disk, "old", content, sizeof content), 0);
		wr_sim_inode_write(disk, wr_sim_disk_find(disk, "old"), content, 1, 0);
		wr_sim_disk_power_cut(disk);
		wr_sim_disk_reset(disk, seed, NULL);
		struct wr_sim_disk *made = wr_sim_disk_create(seed, NULL);
		cr_expect_eq(wr_sim_disk_find(disk, "old"), WR_SIM_NONE);
		cr_expect_eq(wr_sim_disk_used_bytes(disk), 0);
		cr_expect_eq(disk->power_cut_count, 0);
		cr_expect_eq(disk->trace, made->trace);
		cr_expect_eq(wr_prng_next(&disk->prng), wr_prng_next(&made->prng));
		const int32_t inode = wr_sim_disk_make(disk, "new");
		cr_assert_eq(inode, wr_sim_disk_make(made, "new"));
		cr_assert_eq(wr_sim_inode_reserve(disk, inode, sizeof zeros), 0);
		wr_sim_inode_write(disk, inode, NULL, sizeof zeros, 0);
		cr_expect_eq(memcmp(disk->inodes[inode].cache, zeros, sizeof zeros), 0);
		cr_expect_eq(memcmp(disk->inodes[inode].durable, zeros, sizeof zeros), 0);
		wr_sim_disk_destroy(made);
	}
	wr_sim_disk_destroy(disk);
}
