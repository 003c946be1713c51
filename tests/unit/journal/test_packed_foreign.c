/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a packed file that is of another journal or log, of other sizes, a draft, or replaced by
 *         one that was packed since, is no part of the log, and no damage of it; one of a newer
 *         format is refused; what a walk is told to stop at it stops at; and a part of a walk that
 *         has no segment says so.
 * Method: segments that are packed, with the plain files beside them, so that the log is whole
 *         without; one word changed behind good checksums.
 */
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/verify_bed.h"

TestSuite(packed_foreign, .init = setup, .fini = teardown);

static char first_name[WR_STORAGE_NAME_MAX + 1]; /* of the first segment, packed */

static void build_both(void)
{
	build(30);
	cr_assert_gt(pack_bed_all(disk, storage, false), 1);
	wr_segment_name(first_name, 0, PACK_BED_FILES);
	b.superblock.features_must |= WR_SUPERBLOCK_PACKED;
}

static struct wr_packed_header header_of(const char *name)
{
	struct wr_packed_header h;
	uint64_t bytes;

	cr_assert_eq(wr_packed_header_decode(wr_sim_disk_peek(disk, name, &bytes), &h),
		     WR_BLOCK_VALID);
	return h;
}

/* In both headers. */
static void change_header(size_t at, uint64_t value, size_t bytes)
{
	uint64_t end = header_of(first_name).file_bytes - WR_BLOCK_BYTES;

	change_block(first_name, end, at, value, bytes);
	change_block(first_name, 0, at, value, bytes);
}

#define FIELD(name) offsetof(struct wr_packed_header, name)

/* By an owner, who would write beside it; who only looks finds the log. */
static void expect_refused(const char *what)
{
	cr_expect_eq(log_probe_open(&p, disk, NULL, false), WEIR_E_CORRUPT, "%s", what);
	cr_expect_not_null(strstr(p.problem.text, "another journal"), "%s: %s", what,
			   p.problem.text);
}

Test(packed_foreign, of_somebody_else_it_is_no_part_of_the_log)
{
	static const struct {
		const char *what;
		size_t at, bytes;
		uint64_t value;
		bool is_foreign; /* what is told of it */
	} changes[] = {
		{"another journal", FIELD(uuid), 8, 1, true},
		{"another log", FIELD(log_id), 4, 1, true},
		{"smaller extents", FIELD(chunk_bytes), 4, CHUNK_BYTES / 2, false},
		{"larger segments", FIELD(segment_bytes), 8,
		 WR_BLOCK_BYTES + (EXTENTS + 1) * CHUNK_BYTES, false},
		{"a draft", FIELD(state), 2, WR_PACKED_DRAFT, false},
	};

	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		teardown();
		setup();
		build_both();
		change_header(changes[i].at, changes[i].value, changes[i].bytes);
		cr_assert_eq(verify(0, UINT64_MAX), 0, "%s: %s", changes[i].what, problem.text);
		cr_expect_eq(report.corrupt_count, 0u, "%s", changes[i].what);
		cr_expect_eq(report.record_count, b.next_seq - 1, "%s", changes[i].what);
		cr_expect(!changes[i].is_foreign || told.damage_count > 0, "%s", changes[i].what);
		if (changes[i].is_foreign)
			expect_refused(changes[i].what);
		else
			expect_whole();
		log_probe_close(&p);
	}
	/* A draft of another journal's. */
	teardown();
	setup();
	build_both();
	change_header(FIELD(uuid), 1, 8);
	change_block(first_name, 0, FIELD(state), WR_PACKED_DRAFT, 2);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_expect_eq(report.corrupt_count, 0u);
	expect_whole();
	log_probe_close(&p);
}

static void expect_newer(const char *what)
{
	cr_expect_eq(verify(0, UINT64_MAX), WEIR_E_FORMAT, "%s", what);
	cr_expect_eq(log_probe_open(&p, disk, NULL, false), WEIR_E_FORMAT, "%s", what);
	log_probe_close(&p);
}

/* The header of its first batch, as the index has it, with a feature that nobody knows. */
static void change_first_batch(void)
{
	struct wr_packed_header h = header_of(first_name);
	uint32_t index_bytes = wr_packed_index_bytes(h.segment_bytes, h.chunk_bytes);
	struct wr_packed_entry e;
	uint64_t bytes;
	const uint8_t *was = wr_sim_disk_peek(disk, first_name, &bytes);
	uint8_t *file = malloc(bytes);

	memcpy(file, was, bytes);
	memcpy(&e, file + WR_BLOCK_BYTES, sizeof e);
	e.first.features_must |= 1u << 31;
	e.first.header_crc = wr_crc32c(wr_batch_seed(b.superblock.uuid, h.segment_id), &e.first,
				       offsetof(struct wr_batch_header, header_crc));
	memcpy(file + WR_BLOCK_BYTES, &e, sizeof e);
	h.index_crc = wr_crc32c(1, file + WR_BLOCK_BYTES, index_bytes);
	wr_packed_header_encode(&h, file);
	cr_assert_eq(wr_sim_disk_put(disk, first_name, file, bytes), 0);
	free(file);
}

Test(packed_foreign, of_a_newer_weir_it_is_refused)
{
	build_both();
	change_block(first_name, 0, FIELD(format), WR_JOURNAL_FORMAT + 1, 2);
	expect_newer("the format");
	teardown();
	setup();
	build_both();
	change_block(first_name, 0, FIELD(features_must), 1u << 31, 4);
	expect_newer("a feature");
	teardown();
	setup();
	build_both();
	change_first_batch();
	expect_newer("a feature of its first batch");
}

static enum wr_left_out keep(void *context, uint64_t seq, uint64_t time_us,
			     const struct wr_record_view *event)
{
	(void)context, (void)time_us, (void)event;
	return seq == 3 ? WR_LEFT_OUT_COMPACTED : WR_LEFT_OUT_NOT;
}

/* One that was packed anew beside the older one, a draft, and the plain files: whole spares. */
Test(packed_foreign, what_was_replaced_or_never_finished_is_a_spare_without_damage)
{
	const struct wr_pack_rule rule = {.why = keep};

	build_both();
	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0, "%s", p.problem.text);
	cr_assert_eq(pack_bed_features(&p, storage, WR_SUPERBLOCK_LEFT_OUT), 0);
	cr_assert_eq(pack_bed_rule(&p, storage, 0, &rule, 900, true), 0);
	cr_assert_eq(pack_bed_rule(&p, storage, 1, &rule, 901, false), WEIR_E_FULL);
	log_probe_close(&p);
	cr_assert_eq(verify(0, UINT64_MAX), 0, "%s", problem.text);
	cr_expect_eq(report.corrupt_count, 0u);
	cr_expect_eq(report.left_out_count, 1u);
	cr_expect_eq(told.damage_count, 0u, "%s", told.damages[0].text);
	cr_expect_geq(report.spare_count, 2u);
}

Test(packed_foreign, without_memory_it_is_said_and_nothing_is_left)
{
	static const struct wr_verify_visitor nobody = {.context = NULL};
	int r = -ENOMEM;
	uint64_t k = 0;

	build_both();
	for (; r == -ENOMEM; k++) {
		wr_memory_sim_init(&p.memory, NULL);
		wr_memory_sim_fail(&p.memory, k + 1, false);
		r = wr_verify_run(storage, &p.memory.base, 0, UINT64_MAX, &nobody, &report,
				  &problem);
		cr_expect_eq(p.memory.live_count, 0, "allocation %lu", k);
	}
	cr_expect_eq(r, 0, "%s", problem.text);
	cr_expect_gt(k, 6u);
}

/* --- looks, and the way back ------------------------------------------------------------------ */

Test(packed_foreign, a_copy_of_the_header_counts_for_a_file_of_its_size_only)
{
	uint8_t *blocks = aligned_alloc(WR_BLOCK_BYTES, 2 * WR_BLOCK_BYTES);
	struct wr_packed_header h;
	enum wr_block_verdict verdict;
	uint32_t file;
	bool from_copy;

	build_both();
	h = header_of(first_name);
	cr_assert_eq(storage->ops->file_open(storage, first_name, 0, &file), 0);
	const struct {
		uint64_t file_bytes;
		enum wr_block_verdict verdict;
	} sizes[] = {
		{h.file_bytes, WR_BLOCK_VALID},
		{h.file_bytes + 100, WR_BLOCK_BAD},
		{h.file_bytes - WR_BLOCK_BYTES, WR_BLOCK_BAD},
		{WR_BLOCK_BYTES, WR_BLOCK_BAD},
	};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		memset(blocks, 0x77, WR_BLOCK_BYTES);
		cr_assert_eq(wr_unpack_look(storage, file, sizes[i].file_bytes, blocks,
					    blocks + WR_BLOCK_BYTES, &verdict, &h, &from_copy),
			     0);
		cr_expect_eq(verdict, sizes[i].verdict, "%zu", i);
		cr_expect_eq(from_copy, verdict == WR_BLOCK_VALID, "%zu", i);
	}
	storage->ops->file_close(storage, file);
	free(blocks);
}

Test(packed_foreign, an_index_is_sound_only_if_what_is_compressed_got_smaller)
{
	build_both();
	struct wr_packed_header h = header_of(first_name);
	uint32_t index_bytes = wr_packed_index_bytes(h.segment_bytes, h.chunk_bytes);
	uint8_t *index = malloc(index_bytes);
	uint64_t bytes;
	struct wr_packed_entry e;

	memcpy(index, wr_sim_disk_peek(disk, first_name, &bytes) + WR_BLOCK_BYTES, index_bytes);
	memcpy(&e, index, sizeof e);
	const uint32_t stored[] = {e.frame_bytes - 1, 0, e.frame_bytes, 1};
	for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++) {
		e.codec = WR_PACKED_LZ4;
		e.stored_bytes = stored[i];
		memcpy(index, &e, sizeof e);
		h.features_must = 1u << WR_PACKED_LZ4;
		h.index_crc = wr_crc32c(1, index, index_bytes);
		cr_expect_eq(wr_packed_index_is_sound(&h, index), i % 3 == 0, "%zu", i);
	}
	free(index);
}

/* --- walks ------------------------------------------------------------------------------------ */

static uint64_t look_at_part(uint32_t part, uint32_t parts)
{
	const struct wr_verify_visitor visitor = {
		.damage = tell_damage, .context = &told, .part = part, .parts = parts};

	wr_memory_sim_init(&p.memory, NULL);
	cr_assert_eq(
		wr_verify_run(storage, &p.memory.base, 0, UINT64_MAX, &visitor, &report, &problem),
		0);
	cr_expect_eq(p.memory.live_count, 0);
	return report.record_count;
}

/* What is of no part is told by the first; one that has no segment says so. */
Test(packed_foreign, of_parts_the_first_tells_what_is_of_none_and_more_than_segments_are_empty)
{
	build_both();
	cr_assert_eq(wr_sim_disk_corrupt(disk, "JOURNAL", WR_BLOCK_BYTES + 7, 1), 0);
	memset(&told, 0, sizeof told);
	uint64_t records = 0;
	for (uint32_t part = 0; part < 6; part++) {
		records += look_at_part(part, 6);
		cr_expect_eq(report.is_empty, part >= 3, "%u", part);
	}
	cr_expect_eq(records, b.next_seq - 1);
	cr_expect_eq(told.damage_count, 1u);
}

Test(packed_foreign, who_stops_a_walk_at_a_segment_hears_of_no_other)
{
	const struct wr_verify_visitor visitor = {.segment = tell_segment, .context = &told};

	build_both();
	told.stop_with = 7;
	wr_memory_sim_init(&p.memory, NULL);
	cr_expect_eq(
		wr_verify_run(storage, &p.memory.base, 0, UINT64_MAX, &visitor, &report, &problem),
		7);
	cr_expect_eq(told.segment_count, 1u);
	/* At a second file of one segment, too. */
	teardown();
	setup();
	build(30);
	uint64_t bytes;
	const uint8_t *content = wr_sim_disk_peek(disk, "0-00000001.seg", &bytes);
	uint8_t *copy = malloc(bytes);
	memcpy(copy, content, bytes);
	cr_assert_eq(wr_sim_disk_put(disk, "0-00000700.seg", copy, bytes), 0);
	cr_assert_eq(wr_sim_disk_put(disk, "0-00000701.seg", copy, bytes), 0);
	free(copy);
	cr_expect_eq(verify(0, UINT64_MAX), 7);
	cr_expect_eq(told.damage_count, 1u);
	cr_expect_eq(told.damages[0].kind, WR_DAMAGE_SEGMENT_COPY);
	told.stop_with = 0;
}

Test(packed_foreign, a_file_that_was_cut_is_told_as_that)
{
	build(30);
	cr_assert_eq(wr_sim_disk_truncate(disk, "0-00000001.seg", 6 * WR_BLOCK_BYTES), 0);
	cr_assert_eq(verify(0, UINT64_MAX), 0);
	cr_assert_geq(told.damage_count, 1u);
	cr_expect_not_null(strstr(told.damages[0].text, "cut"), "%s", told.damages[0].text);
}
