/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   0 silent losses. After any single flipped bit, any truncation, any power cut, the log is
 *         either served whole, or refused with a range that covers what is gone; and a power cut
 *         alone is never taken for corruption.
 * Method: all places, one by one, where that is seconds; drawn from a fixed seed where it is not.
 *         A damaged medium is opened read-only, so that undoing the damage restores it. Where that
 *         is slow some of the places are tried: log_probe_places_each().
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal/verify.h"
#include "io/sim/storage_sim.h"
#include "tests/support/log_builder.h"
#include "tests/support/log_probe.h"

#define SECTOR_BYTES 512u
#define SEEDS_POWER_CUT 200u
#define CUTS_EACH 120u

static struct wr_sim_disk *disk;
static struct wr_storage *storage;
static struct log_builder b;

static void setup(uint32_t chunk_blocks, uint32_t extents)
{
	disk = wr_sim_disk_create(1, NULL);
	const struct wr_storage_options options = {.sim_disk = disk};
	cr_assert_eq(wr_storage_sim_open(&options, &storage), 0);
	log_builder_init(&b, storage, chunk_blocks * WR_BLOCK_BYTES, extents);
}

static void teardown(void)
{
	log_builder_fini(&b);
	storage->ops->fini(storage);
	wr_sim_disk_destroy(disk);
}

/* Everything of a small journal's life: several epochs, segments, a trimmed tail, checkpoints. */
static void build_small(bool checkpoints)
{
	setup(3, 2);
	log_builder_epoch(&b);
	log_builder_batch(&b, 2, 40);
	log_builder_batch(&b, 1, 40);
	b.hold = b.hold_durable = true;
	log_builder_batch(&b, 1, 40);
	log_builder_batch(&b, 1, 40);
	log_builder_land(&b, 4, UINT64_MAX);
	log_builder_rewind(&b, 3);
	b.hold = b.hold_durable = false;
	log_builder_epoch(&b);
	log_builder_batch(&b, 3, 40);
	if (checkpoints)
		log_builder_checkpoint(&b, 0, 1, 40);
	log_builder_batch(&b, 1, 40);
	log_builder_batch(&b, 2, 40);
	if (checkpoints)
		log_builder_checkpoint(&b, 1, 1, 40);
	log_builder_close(&b);
	log_builder_resume(&b);
	log_builder_batch(&b, 2, 40);
	log_builder_close(&b);
}

struct tally {
	uint64_t refused;
	uint64_t whole;
	uint64_t read_refused; /* found by the reader, below the checkpoint */
};

/* The sequences of the batch at a place of a file; an empty range where there is none. */
static void range_at(const char *name, uint64_t offset, uint64_t *ret_first, uint64_t *ret_end)
{
	*ret_first = *ret_end = 0;
	for (uint32_t i = 0; i < b.batch_count; i++) {
		const struct log_batch *batch = &b.batches[i];
		char its_name[WR_STORAGE_NAME_MAX + 1];
		wr_segment_name(its_name, 0, batch->file_number);
		if (strcmp(name, its_name) != 0 || offset < batch->offset ||
		    offset >= batch->offset + batch->header.batch_bytes)
			continue;
		*ret_first = batch->header.first_seq;
		*ret_end = batch->header.first_seq + batch->header.record_count;
	}
}

/* Opens the damaged medium; `first` .. `end` is what was struck. False: something is wrong. */
static bool is_safe(uint64_t first, uint64_t end, bool exact, struct tally *tally, char why[128])
{
	struct log_probe p;
	bool good = true;
	int r = log_probe_open(&p, disk, &b, true);

	why[0] = '\0';
	if (r == WEIR_E_CORRUPT) {
		tally->refused++;
		good = p.report.corrupt_first_seq <= first && p.report.corrupt_end_seq >= end;
		if (exact && first < end)
			good = good && p.report.corrupt_first_seq == first &&
			       p.report.corrupt_end_seq == end;
		snprintf(why, 128, "%lu..%lu reported, %lu..%lu struck",
			 (unsigned long)p.report.corrupt_first_seq,
			 (unsigned long)p.report.corrupt_end_seq, (unsigned long)first,
			 (unsigned long)end);
	} else if (r == WEIR_E_FORMAT) {
		good = false;
		snprintf(why, 128, "format");
	} else if (r != 0) {
		good = false;
		snprintf(why, 128, "code %d", r);
	} else {
		r = log_probe_read_all(&p);
		bool whole = p.recovered.next_seq == b.next_seq && p.report.oldest_seq == 1;
		bool told = r == WEIR_E_CORRUPT && p.read_seq >= first && p.read_seq < end;
		good = p.is_sound && whole && (r == 0 || told);
		tally->whole += r == 0;
		tally->read_refused += r != 0;
		snprintf(why, 128, "open, next %lu of %lu, read %d at %lu, sound %d",
			 (unsigned long)p.recovered.next_seq, (unsigned long)b.next_seq, r,
			 (unsigned long)p.read_seq, p.is_sound);
	}
	log_probe_close(&p);
	return good;
}

/* Every `stride`-th bit. */
static void flip_bits(const char *name, uint64_t stride, struct tally *tally)
{
	uint64_t bytes;
	char why[128];

	cr_assert_not_null(wr_sim_disk_peek(disk, name, &bytes));
	for (uint64_t at = 0; at < bytes; at++) {
		uint64_t first, end;
		range_at(name, at, &first, &end);
		/* Blocks that hold nothing are all alike: one bit of each byte is enough there. */
		unsigned bits = first < end || at < 512 || at % 4096 < 512 ? 8 : 1;
		for (unsigned bit = 0; bit < bits; bit++) {
			if ((at * 8 + bit) % stride != 0)
				continue;
			cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, bit), 0);
			bool good = is_safe(first, end, true, tally, why);
			cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, bit), 0);
			cr_assert(good, "%s byte %lu bit %u: %s", name, (unsigned long)at, bit,
				  why);
		}
	}
}

static void flip_all(bool checkpoints, uint64_t stride)
{
	struct tally tally = {0};

	build_small(checkpoints);
	for (uint32_t i = 0; i < disk->entry_count; i++)
		if (disk->entries[i].now != WR_SIM_NONE)
			flip_bits(disk->entries[i].name, stride * log_probe_places_each(), &tally);
	cr_log_info("%lu refused, %lu whole, %lu refused by the reader", tally.refused, tally.whole,
		    tally.read_refused);
	cr_expect_gt(tally.refused, 20000 / log_probe_places_each());
	cr_expect_gt(tally.whole, 10000 / log_probe_places_each());
	cr_expect_eq(tally.read_refused > 0, checkpoints);
	teardown();
}

Test(recovery_sweep, every_bit_of_a_closed_journal_is_covered)
{
	flip_all(false, 1);
}

Test(recovery_sweep, also_below_a_checkpoint)
{
	flip_all(true, 3);
}

Test(recovery_sweep, every_truncation_of_a_closed_journal_is_covered)
{
	char why[128];

	for (int checkpoints = 0; checkpoints < 2; checkpoints++) {
		struct tally tally = {0};
		build_small(checkpoints);
		for (uint32_t i = 0; i < disk->entry_count; i++) {
			char name[WR_STORAGE_NAME_MAX + 1];
			uint64_t bytes;
			if (disk->entries[i].now == WR_SIM_NONE)
				continue;
			snprintf(name, sizeof name, "%s", disk->entries[i].name);
			const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
			uint8_t *whole = malloc(bytes);
			memcpy(whole, content, bytes);
			for (uint64_t at = 0; at < bytes; at += SECTOR_BYTES) {
				cr_assert_eq(wr_sim_disk_truncate(disk, name, at), 0);
				/* The first batch that is touched at all. */
				uint64_t first = 0, end = 0;
				for (uint64_t k = at; k < bytes && first == end; k += SECTOR_BYTES)
					range_at(name, k, &first, &end);
				bool good = is_safe(first, end, false, &tally, why);
				if (strcmp(name, WR_SUPERBLOCK_NAME) == 0 && at < WR_BLOCK_BYTES)
					good = true; /* refused: no copy is left */
				cr_assert(good, "%s cut at %lu: %s", name, (unsigned long)at, why);
				cr_assert_eq(wr_sim_disk_put(disk, name, whole, bytes), 0);
			}
			free(whole);
		}
		cr_expect_gt(tally.refused, 10);
		teardown();
	}
}

Test(recovery_sweep, verify_names_every_flipped_bit_that_matters)
{
	struct wr_verify_visitor nobody = {.context = NULL};
	struct wr_verify_report report;
	struct weir_problem problem;
	struct wr_memory_sim memory;

	build_small(true);
	wr_memory_sim_init(&memory, NULL);
	for (uint32_t i = 0; i < b.batch_count; i++) {
		char name[WR_STORAGE_NAME_MAX + 1];
		wr_segment_name(name, 0, b.batches[i].file_number);
		for (uint32_t at = 0; at < b.batches[i].header.batch_bytes;
		     at += 13 * log_probe_places_each()) {
			uint64_t offset = b.batches[i].offset + at;
			cr_assert_eq(wr_sim_disk_corrupt(disk, name, offset, at % 8), 0);
			cr_assert_eq(wr_verify_run(storage, &memory.base, 0, UINT64_MAX, &nobody,
						   &report, &problem),
				     0);
			bool holds = b.batches[i].header.record_count > 0;
			cr_assert_eq(report.corrupt_count, holds, "batch %u byte %u: %lu", i, at,
				     report.corrupt_count);
			cr_assert(holds || report.harmless_count > 0, "batch %u byte %u", i, at);
			cr_assert_eq(report.record_count,
				     b.next_seq - 1 - b.batches[i].header.record_count);
			cr_assert_eq(wr_sim_disk_corrupt(disk, name, offset, at % 8), 0);
		}
	}
	cr_expect_eq(memory.live_count, 0);
	teardown();
}

/* --- power cuts ------------------------------------------------------------------------------- */

/* Batches of one to three blocks; the last few are in flight. Returns how many those are. */
static uint32_t build_in_flight(struct wr_prng *prng)
{
	uint32_t done = (uint32_t)wr_prng_between(prng, 0, 12);
	uint32_t in_flight = (uint32_t)wr_prng_between(prng, 1, 6);

	log_builder_epoch(&b);
	if (wr_prng_chance(prng, 500000)) {
		log_builder_batch(&b, 3, 100);
		if (wr_prng_chance(prng, 500000)) {
			log_builder_close(&b);
			log_builder_resume(&b);
		} else {
			log_builder_epoch(&b);
		}
	}
	b.hold_durable = true;
	for (uint32_t i = 0; i < done; i++) {
		log_builder_batch(&b, (uint32_t)wr_prng_between(prng, 1, 9),
				  (uint32_t)wr_prng_between(prng, 16, 900));
		/* Up to four writes behind the newest: what had completed when it was sealed. */
		uint32_t behind = (uint32_t)wr_prng_between(prng, 0, 3);
		if (b.batch_count > behind + 1)
			b.durable_seq = b.batches[b.batch_count - 1 - behind].header.first_seq - 1;
	}
	b.durable_seq = b.next_seq - 1;
	if (b.batch_count > 3 && wr_prng_chance(prng, 700000))
		b.durable_seq = b.batches[b.batch_count - 2].header.first_seq - 1;
	uint32_t first = b.batch_count;
	b.hold = true;
	for (uint32_t i = 0; i < in_flight; i++) {
		if (wr_prng_chance(prng, 100000) && b.offset < b.segment_bytes)
			log_builder_filler(&b);
		log_builder_batch(&b, (uint32_t)wr_prng_between(prng, 1, 9),
				  (uint32_t)wr_prng_between(prng, 16, 900));
	}
	return first;
}

/* The sectors without which it is not whole: others are zero, and so is the file. */
static uint64_t sectors_needed(uint32_t batch_index)
{
	const struct log_batch *batch = &b.batches[batch_index];
	uint64_t needed = 0;

	for (uint32_t at = 0; at < batch->header.batch_bytes; at++)
		if (batch->held[at] != 0)
			needed |= 1ull << (at / SECTOR_BYTES);
	return needed;
}

static uint32_t sector_count(uint32_t batch_index)
{
	return b.batches[batch_index].header.batch_bytes / SECTOR_BYTES;
}

/* A subset: often all or nothing, often nearly all. */
static uint64_t draw_sectors(struct wr_prng *prng, uint32_t batch_index)
{
	uint64_t all = UINT64_MAX >> (64 - sector_count(batch_index));

	switch (wr_prng_below(prng, 4)) {
	case 0:
		return all;
	case 1:
		return 0;
	case 2:
		return all & ~(1ull << wr_prng_below(prng, sector_count(batch_index)));
	default:
		return wr_prng_next(prng) & all;
	}
}

/* How long the log must be at least, and may be at most. */
static bool cut_is_safe(struct wr_sim_disk *cut, uint32_t acked_end, uint32_t whole_end,
			uint64_t cuts, struct log_probe *p)
{
	uint64_t acked_next = b.batches[acked_end].header.first_seq;
	uint64_t whole_next =
		whole_end < b.batch_count ? b.batches[whole_end].header.first_seq : b.next_seq;
	bool good = log_probe_open(p, cut, &b, false) == 0 && p->is_sound &&
		    p->recovered.next_seq >= acked_next && p->recovered.next_seq == whole_next;

	/* Again: the same answer, an epoch later. */
	if (good && cuts % 8 == 0) {
		uint32_t chain = p->recovered.chain, epoch = p->recovered.epoch;
		log_probe_close(p);
		good = log_probe_open(p, cut, &b, false) == 0 && p->recovered.chain == chain &&
		       p->recovered.epoch == epoch + 1 && p->recovered.next_seq == whole_next &&
		       log_probe_read_all(p) == 0 && p->is_sound;
	}
	return good;
}

Test(recovery_sweep, power_cuts_lose_nothing_acknowledged_and_raise_no_false_alarm)
{
	struct wr_sim_disk *cut = wr_sim_disk_create(1, NULL);
	uint64_t cuts = 0, trimmed = 0, holes = 0;

	for (uint64_t seed = 1; seed <= SEEDS_POWER_CUT / log_probe_places_each(); seed++) {
		struct wr_prng prng;
		wr_prng_init(&prng, seed);
		setup(4, (uint32_t)wr_prng_between(&prng, 1, 4));
		uint32_t first = build_in_flight(&prng);
		for (uint32_t i = 0; i < CUTS_EACH; i++, cuts++) {
			struct log_probe p;
			struct wr_sim_disk *whole = disk;
			uint32_t whole_end = first;
			cr_assert_eq(wr_sim_disk_copy_to(whole, cut), 0);
			const struct wr_storage_options options = {.sim_disk = cut};
			struct wr_storage *of_whole = storage;
			cr_assert_eq(wr_storage_sim_open(&options, &storage), 0);
			b.storage = storage;
			for (uint32_t k = first; k < b.batch_count; k++) {
				uint64_t needed = sectors_needed(k);
				uint64_t sectors = draw_sectors(&prng, k);
				log_builder_land(&b, k, sectors);
				if ((sectors & needed) == needed && whole_end == k)
					whole_end = k + 1;
			}
			storage->ops->fini(storage);
			storage = b.storage = of_whole;
			bool good = cut_is_safe(cut, first, whole_end, cuts, &p);
			trimmed += p.report.trimmed_bytes > 0;
			holes += p.report.valid_batch_followed;
			cr_assert(good, "seed %lu cut %u: %d %s, next %lu, unsound %lu",
				  (unsigned long)seed, i, p.result, p.problem.text,
				  (unsigned long)p.recovered.next_seq,
				  (unsigned long)p.unsound_seq);
			log_probe_close(&p);
		}
		teardown();
	}
	wr_sim_disk_destroy(cut);
	cr_log_info("%lu cuts, %lu torn tails, %lu with a hole", cuts, trimmed, holes);
	cr_expect_geq(cuts, 20000 / log_probe_places_each());
	cr_expect_gt(trimmed, 5000 / log_probe_places_each());
	cr_expect_gt(holes, 2000 / log_probe_places_each());
}

/* --- I/O errors and crashes inside recovery --------------------------------------------------- */

static void sweep_operations(int code)
{
	build_small(true);
	log_builder_resume(&b);
	b.hold = b.hold_durable = true;
	log_builder_batch(&b, 3, 1000);
	log_builder_land(&b, b.batch_count - 1, 0x5);
	log_builder_rewind(&b, b.batch_count - 1);
	uint32_t epoch = b.superblock.epoch;
	uint64_t n = 1;
	for (bool tripped = true; tripped; n++) {
		struct log_probe p;
		struct wr_sim_disk *broken = wr_sim_disk_clone(disk);
		wr_sim_disk_trip_at(broken, n, code);
		tripped = log_probe_open(&p, broken, &b, false) != 0;
		cr_assert(!tripped || p.result == code, "operation %lu: %d", n, p.result);
		log_probe_close(&p);
		wr_sim_disk_trip_at(broken, 0, 0);
		cr_assert_eq(log_probe_open(&p, broken, &b, false), 0, "after operation %lu: %s", n,
			     p.problem.text);
		cr_expect_eq(p.recovered.next_seq, b.next_seq);
		cr_expect_eq(p.recovered.chain, b.chain);
		cr_expect_gt(p.recovered.epoch, epoch);
		cr_expect_eq(log_probe_read_all(&p), 0);
		cr_expect(p.is_sound);
		log_probe_close(&p);
		wr_sim_disk_destroy(broken);
	}
	cr_expect_gt(n, 15, "there were more operations than that");
	teardown();
}

Test(recovery_sweep, a_power_cut_at_any_operation_of_recovery_changes_nothing)
{
	sweep_operations(WEIR_E_FAILED);
}

Test(recovery_sweep, an_error_of_any_operation_is_returned_and_changes_nothing)
{
	sweep_operations(-5);
}

Test(recovery_sweep, an_allocation_that_fails_is_returned_and_nothing_leaks)
{
	build_small(true);
	uint64_t k = 1;
	for (int r = -1; r != 0; k++) {
		const struct wr_storage_options options = {.sim_disk = disk};
		const struct wr_recovery_options recovery = {.read_only = true};
		struct wr_memory_sim memory;
		struct wr_segment_table table;
		struct wr_recovered recovered;
		struct wr_recovery_report report;
		struct weir_problem problem;
		struct wr_storage *again;
		struct log_probe p = {.is_sound = true};
		cr_assert_eq(wr_storage_sim_open(&options, &again), 0);
		wr_memory_sim_init(&memory, NULL);
		wr_memory_sim_fail(&memory, k, false);
		const struct wr_recovery_sink sink = log_probe_sink(&p);
		r = wr_recovery_run(again, &memory.base, &disk->clock->base, &recovery, &sink,
				    &table, &recovered, &report, &problem);
		cr_assert(r == 0 || r == -12, "allocation %lu: %d", k, r);
		if (r == 0)
			wr_segment_table_fini(&table, &memory.base);
		cr_assert_eq(memory.live_count, 0, "allocation %lu leaks", k);
		again->ops->fini(again);
	}
	cr_expect_gt(k, 5);
	teardown();
}
