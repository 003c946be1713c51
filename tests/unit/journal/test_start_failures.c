/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whichever call of the storage, or request for memory, fails while a journal starts, it
 *         starts without what that was for, or says so with the code; nothing is left, and the next
 *         owner finds all of the log.
 * Method: files of all kinds beside a log (spares with and without a header, what a PREPARE and a
 *         packer left, a packed segment that retention takes), and owners that keep, drop, erase or
 *         let go. Each call, and each allocation, refused in turn, on a copy of the medium.
 */
#include "core/journal/journal_internal.h"
#include "tests/support/erase_nothing.h"
#include "tests/support/failing_storage.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/recovery_bed.h"

TestSuite(start_failures, .init = setup, .fini = teardown);

static const uint8_t zeros[2 * WR_BLOCK_BYTES], others[2 * WR_BLOCK_BYTES] = {7};

/* Without one there are no checkpoints, and nothing is let go. */
static _Alignas(WR_BLOCK_BYTES) uint8_t checkpoint_buffer[WR_BLOCK_BYTES];
static uint32_t live_count; /* segments there were when it had started, or had not */

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

#define DRAFT "0-00000704.seg" /* which a packer left, as another did */
#define OTHER_DRAFT "0-00000705.seg"
#define FOREIGN_DRAFT "0-00000706.seg" /* of a journal that is not this one */

/* A file that says of itself that it is not done. */
static void put_draft(const char *name, bool is_foreign)
{
	char packed[WR_STORAGE_NAME_MAX + 1];
	uint64_t bytes;

	wr_segment_name(packed, 0, PACK_BED_FILES);
	const uint8_t *content = wr_sim_disk_peek(disk, packed, &bytes);
	cr_assert_not_null(content);
	cr_assert_eq(wr_sim_disk_put(disk, name, content, bytes), 0);
	change_block(name, 0, offsetof(struct wr_packed_header, state), WR_PACKED_DRAFT, 2);
	for (uint64_t at = 0; is_foreign && at < bytes; at += bytes - WR_BLOCK_BYTES)
		change_block(name, at, offsetof(struct wr_packed_header, uuid), 1, 8);
}

static bool is_there(const struct wr_sim_disk *on, const char *name)
{
	uint64_t bytes;

	return wr_sim_disk_peek(on, name, &bytes) != NULL;
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
	put_draft(DRAFT, false);
	put_draft(OTHER_DRAFT, false);
	put_draft(FOREIGN_DRAFT, true);
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
	link.checkpoint.buffer = checkpoint_buffer;
	link.checkpoint.buffer_bytes = sizeof checkpoint_buffer;
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
	live_count = wr_segment_live_count(&p.table);
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
	cr_expect_eq(live_count, owner == LETS_GO ? 1u : 3u, "%s %lu, owner %d", what, n, owner);
	cr_expect_not(is_there(on, DRAFT) || is_there(on, OTHER_DRAFT), "%s %lu", what, n);
	cr_expect(is_there(on, FOREIGN_DRAFT), "%s %lu", what, n);
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

/* A full disk may be why: it is not waited for until a step comes to it. */
Test(start_failures, a_packed_segment_that_retention_takes_has_gone_when_it_has_started)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	bool has_failed;

	build_all();
	wr_segment_name(name, 0, PACK_BED_FILES);
	cr_assert(is_there(disk, name));
	cr_expect_eq(start(disk, KEEPS, 0, 0, 0, &has_failed), 0);
	cr_expect(is_there(disk, name));
	cr_expect_eq(start(disk, LETS_GO, 0, 0, 0, &has_failed), 0);
	cr_expect_not(is_there(disk, name));
}

static const struct wr_storage_ops *sound_ops;
static struct wr_storage_ops own_ops;

static void put_on_own_ops(void)
{
	sound_ops = p.storage->ops;
	own_ops = *sound_ops;
	p.storage->ops = &own_ops;
}

static struct wr_journal *create(enum owner owner, struct wr_journal_link *link)
{
	const struct wr_journal_options o = options_of(owner);
	struct wr_journal *journal = NULL;

	*link = (struct wr_journal_link){.moved = moved};
	cr_assert_eq(wr_journal_create(p.storage, &p.memory.base, &disk->clock->base, &o, &p.table,
				       &p.recovered, link, &journal),
		     0);
	return journal;
}

/* What recovery knows no rule for is nobody's to remove, or to write to. */
Test(start_failures, a_packed_file_of_which_nothing_is_known_is_left_alone)
{
	struct wr_journal_link link;
	uint32_t file;

	build_all();
	cr_assert_eq(log_probe_open(&p, disk, NULL, false), 0, "%s", p.problem.text);
	cr_assert_eq(p.storage->ops->file_open(p.storage, FOREIGN_DRAFT, 0, &file), 0);
	uint32_t index = wr_segment_add(&p.table, file | WR_SEGMENT_PACKED, 706);
	struct wr_journal *journal = create(ERASES, &link);
	cr_expect_eq(wr_journal_start(journal, NULL), 0);
	cr_expect(is_there(disk, FOREIGN_DRAFT));
	cr_expect_eq((int)p.table.segments[index].state, (int)WR_SEGMENT_NONE);
	cr_expect(journal->erasing.is_stuck, "it may have what was erased");
	wr_journal_destroy(journal, &p.memory.base);
	log_probe_close(&p);
}

static const char *stuck_name;
static bool is_removal_synced;

static int remove_all_but_one(struct wr_storage *s, const char *name)
{
	if (strcmp(name, stuck_name) == 0)
		return -EIO;
	is_removal_synced = false;
	return sound_ops->file_remove(s, name);
}

static int note_sync(struct wr_storage *s)
{
	is_removal_synced = true;
	return sound_ops->sync_dir(s);
}

/* Whichever comes first. */
Test(start_failures, what_was_removed_is_gone_for_good_beside_what_could_not_be)
{
	static const char *const names[] = {DRAFT, OTHER_DRAFT};

	build(12);
	cr_assert_gt(pack_bed_all(disk, storage, false), 0);
	put_draft(DRAFT, false);
	put_draft(OTHER_DRAFT, false);
	for (int i = 0; i < 2; i++) {
		struct wr_sim_disk *built = disk;
		struct wr_journal_link link;
		disk = wr_sim_disk_clone(built);
		cr_assert_eq(log_probe_open(&p, disk, NULL, false), 0, "%s", p.problem.text);
		struct wr_journal *journal = create(KEEPS, &link);
		stuck_name = names[i];
		put_on_own_ops();
		own_ops.file_remove = remove_all_but_one;
		own_ops.sync_dir = note_sync;
		is_removal_synced = false;
		cr_expect_eq(wr_journal_start(journal, NULL), 0);
		p.storage->ops = sound_ops;
		cr_expect(is_removal_synced);
		cr_expect(journal->erasing.is_stuck);
		cr_expect(is_there(disk, names[i]));
		cr_expect_not(is_there(disk, names[1 - i]));
		wr_journal_destroy(journal, &p.memory.base);
		log_probe_close(&p);
		wr_sim_disk_destroy(disk);
		disk = built;
	}
}

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
	struct wr_journal_link link;
	struct weir_problem problem;

	build(12); /* to the end of a segment */
	cr_assert_eq(log_probe_open(&p, disk, NULL, false), 0, "%s", p.problem.text);
	struct wr_journal *journal = create(KEEPS, &link);
	put_on_own_ops();
	own_ops.file_open = all_names_are_taken;
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
