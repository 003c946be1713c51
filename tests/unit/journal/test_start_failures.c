/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whichever call of the storage, or request for memory, fails while a journal starts, it
 *         starts without what that was for, or says so with the code; nothing is left, and the next
 *         owner finds all of the log.
 * Method: files of all kinds beside a log (spares with and without a header, what a PREPARE and a
 *         packer left, a packed segment that retention takes), and owners that keep, drop, erase or
 *         let go. Each call, and each allocation, refused in turn, on a copy of the medium.
 */
#include "core/journal/journal.h"
#include "tests/support/erase_nothing.h"
#include "tests/support/failing_storage.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/recovery_bed.h"

TestSuite(start_failures, .init = setup, .fini = teardown);

static const uint8_t zeros[2 * WR_BLOCK_BYTES], others[2 * WR_BLOCK_BYTES] = {7};

static void moved(void *context)
{
	(void)context;
}

enum owner { KEEPS, DROPS, ERASES, LETS_GO, OWNERS };

static struct wr_journal_options options_of(enum owner owner)
{
	static wr_atomic_u64 end_seq;
	struct wr_journal_options o = {
		.segments_ahead = 1,
		.batches_in_flight_max = 2,
		.lanes_max = 1,
		.pack = true,
		.drop_oldest = owner == DROPS,
		.retention_bytes = owner == LETS_GO ? 1 : 0,
	};

	if (owner == ERASES) {
		o.erase.end_seq = &end_seq;
		o.erase.by = erased_by_none;
		o.erase.beside = nothing_beside;
	}
	return o;
}

/* A log of three segments, of which the first is packed, and everything that may lie beside it. */
static void build_all(void)
{
	build(30);
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 1, b.next_seq, 100);
	cr_assert_gt(pack_bed_all(disk, storage, true), 1);
	b.superblock.features_must |= WR_SUPERBLOCK_PACKED;
	log_builder_spare(&b, 0);
	log_builder_spare(&b, 60);
	cr_assert_eq(wr_sim_disk_put(disk, "0-00000700.seg", zeros, sizeof zeros), 0);
	cr_assert_eq(wr_sim_disk_put(disk, "0-00000701.seg", others, sizeof others), 0);
	cr_assert_eq(wr_sim_disk_put(disk, "0-00000702.seg", zeros, 0), 0);
	uint8_t *larger = calloc(1, b.segment_bytes + WR_BLOCK_BYTES);
	cr_assert_eq(
		wr_sim_disk_put(disk, "0-00000703.seg", larger, b.segment_bytes + WR_BLOCK_BYTES),
		0);
	free(larger);
	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0, "%s", p.problem.text);
	cr_assert_eq(pack_bed_features(&p, storage, WR_SUPERBLOCK_PACKED), 0);
	uint32_t live = wr_segment_live_count(&p.table);
	for (uint32_t n = 0; n + 1 < live; n++)
		if (!wr_segment_is_packed(wr_segment_live(&p.table, n)))
			cr_assert_geq(pack_bed_one(&p, storage, n, false), WEIR_E_FULL);
	log_probe_close(&p);
}

/* Opens, and starts while the n-th call or the k-th allocation is refused; what start() said. */
static int start(struct wr_sim_disk *on, enum owner owner, uint64_t n, int code, uint64_t k,
		 bool *ret_has_failed)
{
	const struct wr_journal_options o = options_of(owner);
	struct weir_problem problem = {.text = ""};
	struct wr_journal_link link;
	struct wr_journal *journal = NULL;

	memset(&link, 0, sizeof link);
	link.moved = moved;
	cr_assert_eq(log_probe_open(&p, on, NULL, false), 0, "%d %s", p.result, p.problem.text);
	cr_assert_eq(wr_journal_create(p.storage, &p.memory.base, &on->clock->base, &o, &p.table,
				       &p.recovered, &link, &journal),
		     0);
	if (n != 0)
		failing_put_on(p.storage, n, code);
	if (k != 0)
		wr_memory_sim_fail(&p.memory, k, false);
	int r = wr_journal_start(journal, n % 2 == 0 ? &problem : NULL);
	wr_memory_sim_fail(&p.memory, 0, false);
	*ret_has_failed = n != 0 && failing_take_off(p.storage);
	cr_expect(r >= 0 || n % 2 == 1 || problem.code == r, "%d: %d", r, problem.code);
	wr_journal_destroy(journal, &p.memory.base);
	log_probe_close(&p);
	return r;
}

/* The next owner finds all of it, and starts. */
static void expect_well(struct wr_sim_disk *on, enum owner owner, const char *what, uint64_t n)
{
	bool has_failed;

	cr_assert_eq(log_probe_open(&p, on, NULL, true), 0, "%s %lu: %s", what, n, p.problem.text);
	cr_expect_eq(p.recovered.next_seq, b.next_seq, "%s %lu", what, n);
	log_probe_close(&p);
	cr_expect_eq(start(on, owner, 0, 0, 0, &has_failed), 0, "%s %lu", what, n);
}

static void sweep_calls(enum owner owner, int code, const char *what)
{
	bool has_failed = true;

	for (uint64_t n = 1; has_failed; n++) {
		struct wr_sim_disk *on = wr_sim_disk_clone(disk);
		int r = start(on, owner, n, code, 0, &has_failed);
		cr_expect(r == 0 || r == code, "%s, owner %d, call %lu: %d", what, owner, n, r);
		cr_expect(has_failed || r == 0, "%s, owner %d: %d", what, owner, r);
		expect_well(on, owner, what, n);
		wr_sim_disk_destroy(on);
	}
}

Test(start_failures, each_call_that_fails_costs_what_it_was_for)
{
	build_all();
	for (int owner = 0; owner < OWNERS; owner++) {
		sweep_calls((enum owner)owner, -EIO, "broken");
		sweep_calls((enum owner)owner, -EMFILE, "no descriptor");
		sweep_calls((enum owner)owner, -ENFILE, "none in the system");
		sweep_calls((enum owner)owner, -EEXIST, "somebody's name");
	}
}

Test(start_failures, without_memory_it_is_said_or_done_without)
{
	build_all();
	for (int owner = 0; owner < OWNERS; owner++) {
		for (uint64_t k = 1; k < 8; k++) {
			struct wr_sim_disk *on = wr_sim_disk_clone(disk);
			bool has_failed;
			int r = start(on, (enum owner)owner, 0, 0, k, &has_failed);
			cr_expect(r == 0 || r == -ENOMEM, "owner %d, request %lu: %d", owner, k, r);
			expect_well(on, (enum owner)owner, "memory", k);
			wr_sim_disk_destroy(on);
		}
	}
}

static const struct wr_storage_ops *sound_ops;
static struct wr_storage_ops taken_ops;
static uint32_t tried;

/* Whatever name it tries is somebody's. */
static int all_names_are_taken(struct wr_storage *s, const char *name, uint32_t flags,
			       uint32_t *ret_file)
{
	tried += (flags & WR_FILE_EXCLUSIVE) != 0;
	return (flags & WR_FILE_EXCLUSIVE) != 0 ? -EEXIST
						: sound_ops->file_open(s, name, flags, ret_file);
}

Test(start_failures, of_names_that_are_taken_not_too_many_are_tried)
{
	const struct wr_journal_options options = options_of(KEEPS);
	struct wr_journal_link link = {.moved = moved};
	struct wr_journal *journal = NULL;
	struct weir_problem problem;

	build(12); /* to the end of a segment */
	cr_assert_eq(log_probe_open(&p, disk, NULL, false), 0, "%s", p.problem.text);
	cr_assert_eq(wr_journal_create(p.storage, &p.memory.base, &disk->clock->base, &options,
				       &p.table, &p.recovered, &link, &journal),
		     0);
	sound_ops = p.storage->ops;
	taken_ops = *sound_ops;
	taken_ops.file_open = all_names_are_taken;
	p.storage->ops = &taken_ops;
	int r = wr_journal_start(journal, &problem);
	p.storage->ops = sound_ops;
	cr_expect(r == 0 || r == -EEXIST, "%d", r);
	cr_expect_eq(tried, 64u);
	wr_journal_destroy(journal, &p.memory.base);
	log_probe_close(&p);
}

/* A journal that is new: there is no spare, and two are made. */
Test(start_failures, a_new_journal_says_what_it_lacks)
{
	static const int codes[] = {-EIO, -ENOSPC, -EMFILE};

	cr_assert_eq(wr_sim_disk_remove(disk, WR_SUPERBLOCK_NAME), 0);
	for (size_t c = 0; c < sizeof codes / sizeof codes[0]; c++) {
		bool has_failed = true;
		for (uint64_t n = 1; has_failed; n++) {
			struct wr_sim_disk *on = wr_sim_disk_clone(disk);
			int r = start(on, DROPS, n, codes[c], 0, &has_failed);
			cr_expect(r == 0 || r == codes[c], "call %lu: %d", n, r);
			cr_expect_eq(start(on, DROPS, 0, 0, 0, &has_failed), 0, "call %lu", n);
			has_failed = r != 0;
			wr_sim_disk_destroy(on);
		}
	}
}
