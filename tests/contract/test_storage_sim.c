/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault model itself: the simulation is only worth what its medium may do to us. Each case
 * shows that something can be lost, torn or faked, and that what was promised never is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "io/sim/disk_sim.h"
#include "io/sim/storage_sim.h"
#include "tests/contract/contract.h"

#define SECTOR WR_SIM_SECTOR_BYTES

static struct wr_storage *open_on(struct wr_sim_disk *disk)
{
	const struct wr_storage_options options = {.sim_disk = disk};
	struct wr_storage *s = NULL;

	cr_assert_eq(wr_storage_sim_open(&options, &s), 0);
	cr_assert_eq(s->ops->enter(s), 0);
	return s;
}

static void no_news(struct wr_io *io)
{
	(void)io;
}

/* Makes durable file "a" of `blocks` blocks of 0xAA. */
static uint32_t make_old(struct wr_storage *s, uint8_t *buffer, uint32_t blocks)
{
	uint32_t file;

	memset(buffer, 0xAA, blocks * BLOCK);
	cr_assert_eq(s->ops->file_open(s, "a", WR_FILE_CREATE, &file), 0);
	cr_assert_eq(s->ops->write(s, file, buffer, blocks * BLOCK, 0), 0);
	cr_assert_eq(s->ops->sync_dir(s), 0);
	return file;
}

struct sectors {
	uint32_t kept;
	uint32_t dropped;
	uint32_t torn;
};

static struct sectors count_sectors(const struct wr_sim_disk *disk, uint32_t blocks)
{
	struct sectors n = {0};
	uint64_t bytes = 0;
	const uint8_t *content = wr_sim_disk_peek(disk, "a", &bytes);

	cr_assert_not_null(content);
	cr_assert_eq(bytes, blocks * BLOCK);
	for (uint64_t at = 0; at < bytes; at += SECTOR) {
		uint32_t new_bytes = 0;
		uint32_t old_bytes = 0;
		for (uint32_t i = 0; i < SECTOR; i++) {
			new_bytes += content[at + i] == 0xBB;
			old_bytes += content[at + i] == 0xAA;
		}
		n.kept += new_bytes == SECTOR;
		n.dropped += old_bytes == SECTOR;
		n.torn += new_bytes != SECTOR && old_bytes != SECTOR;
	}
	return n;
}

/* Leaves an unfinished write of 0xBB over all of "a" when the power goes. */
static struct sectors crash_while_writing(uint64_t seed, uint32_t flags, bool completed)
{
	enum { BLOCKS = 8 };
	struct wr_sim_disk *disk = wr_sim_disk_create(seed, NULL);
	struct wr_storage *s = open_on(disk);
	uint8_t *buffer = new_blocks(BLOCKS, 0);
	uint32_t file = make_old(s, buffer, BLOCKS);

	memset(buffer, 0xBB, BLOCKS * BLOCK);
	struct request r = request_of(WR_IO_WRITE, file, buffer, BLOCKS * BLOCK, 0);
	r.io.flags = flags;
	cr_assert_eq(s->ops->submit(s, &r.io), 0);
	while (completed && r.done_count == 0)
		cr_assert_geq(s->ops->poll(s, UINT64_MAX), 0);
	wr_storage_sim_crash(s);
	cr_assert_eq(r.done_count, completed);
	struct sectors n = count_sectors(disk, BLOCKS);
	s->ops->fini(s);
	wr_sim_disk_destroy(disk);
	free(buffer);
	return n;
}

Test(storage_sim_faults, an_unsynced_write_is_kept_lost_and_torn_by_sectors)
{
	for (int completed = 0; completed < 2; completed++) {
		struct sectors sum = {0};
		uint32_t whole = 0;
		uint32_t none = 0;
		for (uint64_t seed = 0; seed < 60; seed++) {
			struct sectors n = crash_while_writing(seed, 0, completed != 0);
			sum.kept += n.kept;
			sum.dropped += n.dropped;
			sum.torn += n.torn;
			whole += n.kept == 64;
			none += n.dropped == 64;
		}
		cr_assert_gt(sum.kept, 500);
		cr_assert_gt(sum.dropped, 500);
		cr_assert_gt(sum.torn, 50);
		cr_assert_gt(whole, 2, "a whole batch has to survive now and then");
		cr_assert_lt(whole, 40);
		cr_assert_gt(none + sum.torn, 2);
	}
}

Test(storage_sim_faults, a_durable_write_that_was_acknowledged_survives)
{
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct sectors n = crash_while_writing(seed, WR_IO_DURABLE, true);
		cr_assert_eq(n.kept, 64, "seed %d", (int)seed);
	}
}

Test(storage_sim_faults, a_durable_write_in_flight_promises_nothing)
{
	uint32_t lost = 0;

	for (uint64_t seed = 0; seed < 60; seed++)
		lost += crash_while_writing(seed, WR_IO_DURABLE, false).dropped;
	cr_assert_gt(lost, 100);
}

Test(storage_sim_faults, an_older_unsynced_version_may_be_the_one_that_stays)
{
	uint32_t older = 0;
	uint8_t *buffer = new_blocks(1, 0);

	for (uint64_t seed = 0; seed < 100; seed++) {
		struct wr_sim_disk *disk = wr_sim_disk_create(seed, NULL);
		struct wr_storage *s = open_on(disk);
		uint32_t file = make_old(s, buffer, 1);
		for (int version = 1; version <= 2; version++) {
			memset(buffer, version, BLOCK);
			struct request r = request_of(WR_IO_WRITE, file, buffer, BLOCK, 0);
			r.io.flags = 0;
			cr_assert_eq(s->ops->submit(s, &r.io), 0);
			while (r.done_count == 0)
				cr_assert_geq(s->ops->poll(s, UINT64_MAX), 0);
		}
		wr_storage_sim_crash(s);
		uint64_t bytes = 0;
		const uint8_t *content = wr_sim_disk_peek(disk, "a", &bytes);
		for (uint64_t at = 0; at < bytes; at += SECTOR)
			older += content[at] == 1 && content[at + SECTOR - 1] == 1;
		s->ops->fini(s);
		wr_sim_disk_destroy(disk);
	}
	cr_assert_gt(older, 20);
	free(buffer);
}

Test(storage_sim_faults, a_name_that_was_not_synced_may_vanish_and_one_that_was_never)
{
	uint32_t vanished = 0;
	uint32_t came_back = 0;
	const uint32_t count = 100;

	for (uint64_t seed = 0; seed < count; seed++) {
		struct wr_sim_disk *disk = wr_sim_disk_create(seed, NULL);
		struct wr_storage *s = open_on(disk);
		uint8_t *buffer = new_blocks(1, 1);
		uint32_t file;
		cr_assert_eq(s->ops->file_open(s, "synced", WR_FILE_CREATE, &file), 0);
		cr_assert_eq(s->ops->file_open(s, "removed", WR_FILE_CREATE, &file), 0);
		cr_assert_eq(s->ops->sync_dir(s), 0);
		cr_assert_eq(s->ops->file_remove(s, "removed"), 0);
		/* Its content is durable: that says nothing of its name. */
		cr_assert_eq(s->ops->file_open(s, "fresh", WR_FILE_CREATE, &file), 0);
		cr_assert_eq(s->ops->write(s, file, buffer, BLOCK, 0), 0);
		wr_storage_sim_crash(s);
		uint64_t bytes = 0;
		cr_assert_not_null(wr_sim_disk_peek(disk, "synced", &bytes));
		came_back += wr_sim_disk_peek(disk, "removed", &bytes) != NULL;
		const uint8_t *fresh = wr_sim_disk_peek(disk, "fresh", &bytes);
		vanished += fresh == NULL;
		if (fresh != NULL) {
			cr_assert_eq(bytes, BLOCK);
			cr_assert_arr_eq(fresh, buffer, BLOCK);
		}
		s->ops->fini(s);
		wr_sim_disk_destroy(disk);
		free(buffer);
	}
	cr_assert(vanished > 20 && vanished < count - 20);
	cr_assert(came_back > 20 && came_back < count - 20);
}

Test(storage_sim_faults, growth_that_was_not_synced_may_be_lost)
{
	uint32_t sizes[3] = {0};
	uint8_t *buffer = new_blocks(4, 1);

	for (uint64_t seed = 0; seed < 100; seed++) {
		struct wr_sim_disk *disk = wr_sim_disk_create(seed, NULL);
		struct wr_storage *s = open_on(disk);
		uint32_t file = make_old(s, buffer, 1);
		struct request r = request_of(WR_IO_WRITE, file, buffer, 3 * BLOCK, BLOCK);
		r.io.flags = 0;
		cr_assert_eq(s->ops->submit(s, &r.io), 0);
		while (r.done_count == 0)
			cr_assert_geq(s->ops->poll(s, UINT64_MAX), 0);
		wr_storage_sim_crash(s);
		uint64_t bytes = 0;
		cr_assert_not_null(wr_sim_disk_peek(disk, "a", &bytes));
		cr_assert(bytes >= BLOCK && bytes <= 4 * BLOCK);
		sizes[bytes == BLOCK ? 0 : bytes == 4 * BLOCK ? 2 : 1]++;
		s->ops->fini(s);
		wr_sim_disk_destroy(disk);
	}
	cr_assert(sizes[0] > 10 && sizes[1] > 10 && sizes[2] > 10);
	free(buffer);
}

/* A life with some of everything; the trace tells whether two were alike. */
static uint64_t live(uint64_t seed, uint64_t trip_at)
{
	struct wr_fault_plan plan;
	struct wr_prng prng;
	uint8_t *buffer = new_blocks(4, 1);
	uint8_t *back = new_blocks(4, 1);

	wr_prng_init(&prng, seed ^ 99);
	wr_fault_plan_init(&plan);
	wr_fault_plan_swarm(&plan, &prng, UINT32_MAX, 3);
	struct wr_sim_disk *disk = wr_sim_disk_create(seed, &plan);
	for (int life = 0; life < 3; life++) {
		struct wr_storage *s = open_on(disk);
		struct request r[4];
		uint32_t file = 0;
		wr_sim_disk_trip_at(disk, life == 1 ? trip_at : 0, WEIR_E_FAILED);
		if (s->ops->file_open(s, "a", WR_FILE_CREATE, &file) == 0) {
			(void)s->ops->write(s, file, buffer, 4 * BLOCK, 0);
			for (uint32_t i = 0; i < 4; i++) {
				r[i] = request_of(i == 3 ? WR_IO_READ : WR_IO_WRITE, file,
						  i == 3 ? back : buffer, BLOCK, i * BLOCK);
				(void)s->ops->submit(s, &r[i].io);
			}
			for (int i = 0; i < 3; i++)
				(void)s->ops->poll(s, 100000);
			(void)s->ops->sync_dir(s);
			(void)s->ops->read(s, file, back, BLOCK, 0);
		}
		wr_storage_sim_crash(s);
		s->ops->fini(s);
	}
	uint64_t trace = disk->trace;
	wr_sim_disk_destroy(disk);
	free(buffer);
	free(back);
	return trace;
}

Test(storage_sim_faults, the_same_seed_gives_the_same_trace)
{
	uint64_t before = 0;

	for (uint64_t seed = 0; seed < 200; seed++) {
		uint64_t trace = live(seed, seed % 20);
		cr_assert_eq(trace, live(seed, seed % 20), "seed %d", (int)seed);
		cr_assert_neq(trace, before, "seeds do not matter");
		before = trace;
	}
}

Test(storage_sim_faults, a_trip_at_each_operation_cuts_the_power_there)
{
	uint8_t *buffer = new_blocks(2, 1);
	uint64_t operations = 0;

	for (uint64_t n = 1; n < 100; n++) {
		struct wr_sim_disk *disk = wr_sim_disk_create(n, NULL);
		struct wr_storage *s = open_on(disk);
		uint32_t file = make_old(s, buffer, 2);
		struct request r = request_of(WR_IO_WRITE, file, buffer, BLOCK, 0);
		r.io.done = no_news;
		const uint64_t start = disk->op_count;
		wr_sim_disk_trip_at(disk, n, WEIR_E_FAILED);
		int codes[5] = {0};
		codes[0] = s->ops->write(s, file, buffer, BLOCK, 0);
		codes[1] = s->ops->submit(s, &r.io);
		if (codes[1] == 0)
			codes[2] = s->ops->poll(s, UINT64_MAX);
		else
			codes[2] = codes[1];
		codes[3] = s->ops->sync_file(s, file);
		codes[4] = s->ops->sync_dir(s);
		operations = disk->op_count - start;
		bool dead = false;
		for (int i = 0; i < 5; i++) {
			/* Once dead, always dead. */
			cr_assert(!dead || codes[i] == WEIR_E_FAILED);
			dead = dead || codes[i] == WEIR_E_FAILED;
		}
		cr_assert_eq(dead, n <= operations);
		cr_assert_eq(disk->power_cut_count, dead ? 1 : 0);
		if (dead) {
			uint64_t trace = disk->trace;
			uint32_t other;
			cr_assert_eq(s->ops->file_open(s, "b", WR_FILE_CREATE, &other),
				     WEIR_E_FAILED);
			cr_assert_eq(s->ops->poll(s, 0), WEIR_E_FAILED);
			wr_storage_sim_crash(s);
			cr_assert_eq(disk->trace, trace, "something reached the dead medium");
		}
		s->ops->fini(s);
		wr_sim_disk_destroy(disk);
		if (n > operations)
			break;
	}
	cr_assert_eq(operations, 5);
	free(buffer);
}

Test(storage_sim_faults, a_tripped_error_strikes_the_kth_operation_alone)
{
	struct wr_sim_disk *disk = wr_sim_disk_create(1, NULL);
	struct wr_storage *s = open_on(disk);
	uint8_t *buffer = new_blocks(1, 1);
	uint32_t file = make_old(s, buffer, 1);

	wr_sim_disk_trip_at(disk, 2, -EIO);
	cr_assert_eq(s->ops->read(s, file, buffer, BLOCK, 0), BLOCK);
	cr_assert_eq(s->ops->read(s, file, buffer, BLOCK, 0), -EIO);
	cr_assert_eq(s->ops->read(s, file, buffer, BLOCK, 0), BLOCK);
	wr_sim_disk_trip_at(disk, 1, -EMFILE);
	cr_assert_eq(s->ops->file_open(s, "b", WR_FILE_CREATE, &file), -EMFILE);
	cr_assert_eq(wr_sim_disk_find(disk, "b"), WR_SIM_NONE);
	s->ops->fini(s);
	wr_sim_disk_destroy(disk);
	free(buffer);
}

Test(storage_sim_faults, completions_come_in_another_order_than_submissions)
{
	struct wr_sim_disk *disk = wr_sim_disk_create(7, NULL);
	struct wr_storage *s = open_on(disk);
	uint8_t *buffer = new_blocks(8, 1);
	uint32_t file = make_old(s, buffer, 8);
	uint32_t out_of_order = 0;

	for (int round = 0; round < 20; round++) {
		struct request r[8];
		uint32_t done = 0;
		for (uint32_t i = 0; i < 8; i++) {
			r[i] = request_of(WR_IO_WRITE, file, buffer, BLOCK, i * BLOCK);
			cr_assert_eq(s->ops->submit(s, &r[i].io), 0);
		}
		cr_assert_eq(wr_storage_sim_in_flight(s), 8);
		while (done < 8) {
			int n = s->ops->poll(s, UINT64_MAX);
			cr_assert_geq(n, 1);
			done += (uint32_t)n;
			for (uint32_t i = 1; i < 8; i++)
				out_of_order += r[i].done_count > r[i - 1].done_count;
		}
	}
	cr_assert_gt(out_of_order, 20);
	s->ops->fini(s);
	wr_sim_disk_destroy(disk);
	free(buffer);
}

static void strike(enum wr_fault fault, struct wr_sim_disk *disk)
{
	disk->plan.chance_ppm[fault] = 1000000;
	disk->plan.budget[fault] = 1;
}

Test(storage_sim_faults, lies_are_told_with_a_straight_face)
{
	static const enum wr_fault lies[] = {WR_FAULT_LOST_WRITE, WR_FAULT_MISDIRECTED_WRITE,
					     WR_FAULT_SYNC_LIE};
	uint8_t *buffer = new_blocks(8, 0);

	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		uint32_t missing = 0;
		for (uint64_t seed = 0; seed < 40; seed++) {
			struct wr_sim_disk *disk = wr_sim_disk_create(seed, NULL);
			struct wr_storage *s = open_on(disk);
			uint32_t file = make_old(s, buffer, 8);
			memset(buffer, 0xBB, BLOCK);
			strike(lies[i], disk);
			struct request r = request_of(WR_IO_WRITE, file, buffer, BLOCK, 0);
			cr_assert_eq(s->ops->submit(s, &r.io), 0);
			while (r.done_count == 0)
				cr_assert_geq(s->ops->poll(s, UINT64_MAX), 0);
			cr_assert_eq(r.io.result, 0);
			cr_assert_eq(disk->plan.taken[lies[i]], 1);
			wr_storage_sim_crash(s);
			uint64_t bytes = 0;
			missing += wr_sim_disk_peek(disk, "a", &bytes)[0] != 0xBB;
			s->ops->fini(s);
			wr_sim_disk_destroy(disk);
		}
		cr_assert_gt(missing, 10, "%s", wr_fault_text(lies[i]));
	}
	free(buffer);
}

Test(storage_sim_faults, after_a_failed_sync_the_cache_shows_what_the_medium_lacks)
{
	uint32_t lost = 0;
	uint8_t *buffer = new_blocks(8, 0);

	for (uint64_t seed = 0; seed < 40; seed++) {
		struct wr_sim_disk *disk = wr_sim_disk_create(seed, NULL);
		struct wr_storage *s = open_on(disk);
		uint32_t file = make_old(s, buffer, 8);
		memset(buffer, 0xBB, 8 * BLOCK);
		strike(WR_FAULT_SYNC_ERROR, disk);
		cr_assert_eq(s->ops->write(s, file, buffer, 8 * BLOCK, 0), -EIO);
		cr_assert_eq(count_sectors(disk, 8).kept, 64, "reads see the new bytes");
		/* Another handle's sync changes nothing: the kernel thinks they are clean. */
		cr_assert_eq(s->ops->file_open(s, "a", 0, &file), 0);
		cr_assert_eq(s->ops->sync_file(s, file), 0);
		wr_storage_sim_crash(s);
		lost += count_sectors(disk, 8).dropped;
		s->ops->fini(s);
		wr_sim_disk_destroy(disk);
	}
	cr_assert_gt(lost, 500);
	free(buffer);
}

Test(storage_sim_faults, rot_flips_one_bit_at_a_power_cut)
{
	uint8_t *buffer = new_blocks(8, 0);
	struct wr_sim_disk *disk = wr_sim_disk_create(5, NULL);
	struct wr_storage *s = open_on(disk);
	uint64_t bytes = 0;
	uint32_t flipped = 0;

	(void)make_old(s, buffer, 8);
	strike(WR_FAULT_ROT, disk);
	wr_storage_sim_crash(s);
	const uint8_t *content = wr_sim_disk_peek(disk, "a", &bytes);
	for (uint64_t i = 0; i < bytes; i++)
		flipped += (uint32_t)__builtin_popcount((unsigned)(content[i] ^ buffer[i]));
	cr_assert_eq(flipped, 1);
	s->ops->fini(s);
	wr_sim_disk_destroy(disk);
	free(buffer);
}

Test(storage_sim_faults, the_death_of_the_process_keeps_what_was_written)
{
	uint32_t in_flight_kept = 0;
	uint8_t *buffer = new_blocks(2, 0);

	for (uint64_t seed = 0; seed < 40; seed++) {
		struct wr_sim_disk *disk = wr_sim_disk_create(seed, NULL);
		struct wr_storage *s = open_on(disk);
		uint32_t file = make_old(s, buffer, 2);
		cr_assert_eq(s->ops->lock(s), 0);
		memset(buffer, 0xBB, 2 * BLOCK);
		struct request r = request_of(WR_IO_WRITE, file, buffer, BLOCK, 0);
		r.io.flags = 0;
		cr_assert_eq(s->ops->submit(s, &r.io), 0);
		while (r.done_count == 0)
			cr_assert_geq(s->ops->poll(s, UINT64_MAX), 0);
		r = request_of(WR_IO_WRITE, file, buffer, BLOCK, BLOCK);
		cr_assert_eq(s->ops->submit(s, &r.io), 0);
		wr_storage_sim_kill(s);
		cr_assert_eq(s->ops->poll(s, 0), WEIR_E_FAILED);
		s->ops->fini(s);
		cr_assert_eq(r.done_count, 0);
		uint64_t bytes = 0;
		const uint8_t *content = wr_sim_disk_peek(disk, "a", &bytes);
		cr_assert_eq(content[0], 0xBB);
		in_flight_kept += content[BLOCK] == 0xBB;
		s = open_on(disk);
		cr_assert_eq(s->ops->lock(s), 0, "the lock went with the process");
		s->ops->fini(s);
		wr_sim_disk_destroy(disk);
	}
	cr_assert(in_flight_kept > 5 && in_flight_kept < 35);
	free(buffer);
}

Test(storage_sim_faults, tests_reach_into_the_medium_and_restore_it)
{
	static const char text[] = "hostile bytes";
	struct wr_sim_disk *disk = wr_sim_disk_create(1, NULL);
	uint8_t *buffer = new_blocks(2, 1);
	uint64_t bytes = 0;

	cr_assert_eq(wr_sim_disk_put(disk, "a", buffer, 2 * BLOCK), 0);
	cr_assert_eq(wr_sim_disk_put(disk, "b", text, sizeof text), 0);
	struct wr_sim_disk *copy = wr_sim_disk_clone(disk);
	cr_assert_not_null(copy);
	cr_assert_eq(wr_sim_disk_corrupt(copy, "a", 4097, 3), 0);
	cr_assert_eq(wr_sim_disk_corrupt(copy, "a", 2 * BLOCK, 0), -EINVAL);
	cr_assert_eq(wr_sim_disk_corrupt(copy, "c", 0, 0), -ENOENT);
	cr_assert_eq(wr_sim_disk_peek(copy, "a", &bytes)[4097], buffer[4097] ^ 8);
	cr_assert_eq(wr_sim_disk_truncate(copy, "a", 100), 0);
	cr_assert_eq(wr_sim_disk_remove(copy, "b"), 0);
	cr_assert_null(wr_sim_disk_peek(copy, "b", &bytes));
	/* Cut off bytes are gone for good, also after it grows again. */
	cr_assert_eq(wr_sim_disk_truncate(copy, "a", BLOCK), 0);
	cr_assert_eq(wr_sim_disk_peek(copy, "a", &bytes)[100], 0);
	/* The original has not moved, and restores the copy. */
	cr_assert_arr_eq(wr_sim_disk_peek(disk, "a", &bytes), buffer, 2 * BLOCK);
	cr_assert_eq(wr_sim_disk_copy_to(disk, copy), 0);
	cr_assert_arr_eq(wr_sim_disk_peek(copy, "a", &bytes), buffer, 2 * BLOCK);
	cr_assert_eq(bytes, 2 * BLOCK);
	cr_assert_str_eq((const char *)wr_sim_disk_peek(copy, "b", &bytes), text);
	/* And survives a power cut as it is: all of it is durable. */
	wr_sim_disk_power_cut(copy);
	cr_assert_arr_eq(wr_sim_disk_peek(copy, "a", &bytes), buffer, 2 * BLOCK);
	wr_sim_disk_destroy(copy);
	wr_sim_disk_destroy(disk);
	free(buffer);
}

Test(storage_sim_faults, a_slow_request_takes_seconds_of_simulated_time_and_none_of_ours)
{
	struct wr_sim_disk *disk = wr_sim_disk_create(1, NULL);
	struct wr_storage *s = open_on(disk);
	uint8_t *buffer = new_blocks(1, 1);
	uint32_t file = make_old(s, buffer, 1);
	uint64_t longest_ns = 0;

	disk->plan.chance_ppm[WR_FAULT_SLOW] = 1000000;
	for (int i = 0; i < 50; i++) {
		const uint64_t start_ns = disk->clock->mono_ns;
		struct request r = request_of(WR_IO_WRITE, file, buffer, BLOCK, 0);
		cr_assert_eq(s->ops->submit(s, &r.io), 0);
		cr_assert_eq(s->ops->poll(s, UINT64_MAX), 1);
		if (disk->clock->mono_ns - start_ns > longest_ns)
			longest_ns = disk->clock->mono_ns - start_ns;
	}
	cr_assert_gt(longest_ns, 3000000000ull);
	s->ops->fini(s);
	wr_sim_disk_destroy(disk);
	free(buffer);
}

Test(storage_sim_faults, it_is_fast_enough_to_be_used_by_the_million)
{
	struct wr_sim_disk *disk = wr_sim_disk_create(1, NULL);
	uint8_t *buffer = new_blocks(1, 1);
	const uint64_t start_ns = real_now_ns();
	const uint32_t cycles = 500;
	uint64_t operations = 0;

	for (uint32_t cycle = 0; cycle < cycles; cycle++) {
		struct wr_storage *s = open_on(disk);
		uint32_t file;
		cr_assert_eq(s->ops->file_open(s, "a", WR_FILE_CREATE, &file), 0);
		for (uint32_t i = 0; i < 32; i++) {
			struct request r =
				request_of(WR_IO_WRITE, file, buffer, BLOCK, i % 16 * BLOCK);
			cr_assert_eq(s->ops->submit(s, &r.io), 0);
			while (r.done_count == 0)
				cr_assert_geq(s->ops->poll(s, UINT64_MAX), 0);
			operations++;
		}
		wr_storage_sim_crash(s);
		s->ops->fini(s);
	}
	const double seconds = (double)(real_now_ns() - start_ns) / 1e9;
	const double rate = (double)operations / seconds;
	/* Ten times slower under sanitizers is still enough; a quadratic slip is not. */
	cr_assert_gt(rate, 50000.0 / 10, "%.0f durable writes/s", rate);
	wr_sim_disk_destroy(disk);
	free(buffer);
}
