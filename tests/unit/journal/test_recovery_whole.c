/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   rows R6 to R10 of recovery's decision table (core/journal/recovery.h) by name: epochs,
 *         files, checkpoints, formats; and the look at a live journal.
 * Method: journals built batch by batch on a simulated medium, damaged in one place, opened, and
 *         read to the end. The sweeps over all places are in test_recovery_sweep.c.
 */
#include "core/record/section.h"
#include "tests/unit/journal/recovery_bed.h"

TestSuite(recovery_whole, .init = setup, .fini = teardown);

/* --- R6 --------------------------------------------------------------------------------------- */

/* Epoch 1 with a torn tail of whole batches behind a hole, then other epochs. */
static void build_trimmed(void)
{
	build(5);
	log_builder_torn(&b);
}

Test(recovery_whole, r6_a_trimmed_tail_never_comes_back)
{
	build_trimmed();
	uint64_t trimmed_from = b.next_seq;
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 15; i++)
		log_builder_batch(&b, 2, 60);
	cr_assert_gt(b.next_seq, trimmed_from + 27, "its sequences were given again");
	expect_whole();
	log_probe_close(&p);
	/* Nor behind a checkpoint, where recovery does not walk through it. */
	log_builder_checkpoint(&b, 0, 1, 100);
	expect_whole();
	cr_expect_eq(p.report.oldest_seq, 1);
	cr_expect_eq(p.report.scanned_records, 0);
	log_probe_close(&p);
}

Test(recovery_whole, r6_also_when_several_epochs_died_at_the_same_place)
{
	build_trimmed();
	for (uint32_t i = 0; i < 3; i++) {
		log_builder_epoch(&b);
		damage(b.batch_count - 1, 150); /* it never became durable */
		log_builder_rewind(&b, b.batch_count - 1);
	}
	log_builder_epoch(&b);
	log_builder_batch(&b, 3, 100);
	expect_whole();
	cr_expect_eq(p.report.last_epoch, 5);
	log_probe_close(&p);
}

Test(recovery_whole, r6_a_damaged_epoch_start_is_corruption_not_the_old_tail)
{
	build_trimmed();
	uint64_t from = b.next_seq;
	log_builder_epoch(&b);
	log_builder_batch(&b, 3, 100);
	damage(b.batch_count - 2, 150);
	expect_corrupt(from, from + 1);
}

Test(recovery_whole, epochs_go_on_in_one_segment_after_clean_closes)
{
	build(1);
	log_builder_close(&b);
	log_builder_resume(&b);
	log_builder_batch(&b, 3, 1200);
	log_builder_batch(&b, 1, 100); /* one block is left: no room for evidence and filler */
	b.superblock.clean = 1;
	b.superblock.clean_segment_id = b.last_segment_id;
	b.superblock.clean_offset = b.end_offset;
	b.superblock.clean_last_seq = b.next_seq - 1;
	b.superblock.clean_header_crc = b.chain;
	log_builder_write_superblock(&b);
	expect_whole();
	cr_expect(p.report.clean);
	log_probe_close(&p);
	log_builder_resume(&b);
	log_builder_batch(&b, 3, 100);
	log_builder_close(&b);
	expect_whole();
	cr_expect_eq(p.report.last_epoch, 3);
	log_probe_close(&p);
}

/* --- R7, R8 ----------------------------------------------------------------------------------- */

Test(recovery_whole, r7_a_missing_segment_is_corruption)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	build(35); /* four segments */
	for (uint32_t gone = 1; gone < b.next_file_number; gone++) {
		struct wr_sim_disk *whole = disk;
		uint64_t first = 0, end = 0;
		for (uint32_t i = 0; i < b.batch_count; i++) {
			if (b.batches[i].file_number == gone - 1 && first == 0)
				first = seq_of(i);
			if (b.batches[i].file_number == gone && end == 0)
				end = seq_of(i);
		}
		disk = wr_sim_disk_clone(whole);
		wr_segment_name(name, 0, gone - 1);
		cr_assert_eq(wr_sim_disk_remove(disk, name), 0);
		expect_corrupt(first, end);
		wr_sim_disk_destroy(disk);
		disk = whole;
	}
}

Test(recovery_whole, r7_the_last_segment_of_a_closed_journal_may_not_be_missing)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	build(12);
	log_builder_close(&b);
	uint64_t first = 0;
	for (uint32_t i = 0; i < b.batch_count && first == 0; i++)
		if (b.batches[i].file_number == b.file_number)
			first = seq_of(i);
	wr_segment_name(name, 0, b.file_number);
	cr_assert_eq(wr_sim_disk_remove(disk, name), 0);
	expect_corrupt(first, b.next_seq);
}

Test(recovery_whole, r8_a_cut_file_is_corruption_where_it_held_batches)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	build(6);
	uint64_t bytes;
	wr_segment_name(name, 0, b.file_number);
	cr_assert_not_null(wr_sim_disk_peek(disk, name, &bytes));
	/* Where nothing was written yet, nothing is lost: but it is not gone on in. */
	cr_assert_eq(wr_sim_disk_truncate(disk, name, b.offset + WR_BLOCK_BYTES), 0);
	expect_whole();
	cr_expect_eq(p.recovered.resume_segment_id, 0);
	log_probe_close(&p);
	cr_assert_eq(wr_sim_disk_truncate(disk, name, b.offset), 0);
	expect_corrupt(b.next_seq, UINT64_MAX);
	cr_assert_eq(wr_sim_disk_truncate(disk, name, b.offset - 1), 0);
	/* What stood behind the last batch that is still named went with it. */
	expect_corrupt(seq_of(b.batch_count - 1), UINT64_MAX);
}

Test(recovery_whole, r8_a_cut_that_only_the_clean_mark_excuses_is_excused_for_good)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	build(6);
	log_builder_close(&b);
	wr_segment_name(name, 0, b.file_number);
	const struct log_batch *filler = &b.batches[b.batch_count - 1];
	cr_assert_eq(filler->header.batch_kind, WR_BATCH_FILLER);
	for (uint64_t cut = 0; cut <= WR_BLOCK_BYTES; cut += WR_BLOCK_BYTES / 8) {
		struct wr_sim_disk *whole = disk;
		disk = wr_sim_disk_clone(whole);
		cr_assert_eq(wr_sim_disk_truncate(disk, name, filler->offset + cut), 0);
		for (uint32_t opens = 0; opens < 3; opens++) {
			cr_assert_eq(log_probe_open(&p, disk, &b, false), 0, "%s", p.problem.text);
			cr_expect_eq(p.recovered.next_seq, b.next_seq);
			cr_expect_eq(log_probe_read_all(&p), 0);
			log_probe_close(&p);
		}
		wr_sim_disk_destroy(disk);
		disk = whole;
	}
}

/* --- R9 --------------------------------------------------------------------------------------- */

/* Two checkpoints in a log of several segments. */
static void build_checkpointed(void)
{
	build(20);
	log_builder_checkpoint(&b, 0, 5, 100);
	for (uint32_t i = 0; i < 12; i++)
		log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 1, 5, 3000);
	for (uint32_t i = 0; i < 4; i++)
		log_builder_batch(&b, 3, 100);
}

Test(recovery_whole, r9_the_newest_checkpoint_is_used)
{
	build_checkpointed();
	expect_whole();
	cr_expect_eq(p.report.checkpoint_seq, b.next_seq - 13);
	cr_expect_eq(p.section_seq, b.next_seq - 13);
	cr_expect_eq(p.fed_first_seq, b.next_seq - 12);
	cr_expect_eq(p.report.scanned_records, 12);
	cr_expect_eq(p.recovered.checkpoint_copy, 0, "the older one may be overwritten");
	cr_expect_eq(p.recovered.checkpoint_needed_seq[0], 5);
	cr_expect_eq(p.recovered.checkpoint_last_seq[1], b.next_seq - 13);
	cr_expect_gt(p.recovered.checkpoint_bytes_ago, 3 * WR_BLOCK_BYTES);
	log_probe_close(&p);
}

Test(recovery_whole, r9_a_damaged_checkpoint_gives_way_to_the_older_one)
{
	build_checkpointed();
	cr_assert_eq(wr_sim_disk_corrupt(disk, "0-checkpoint.1", WR_BLOCK_BYTES + 1000, 1), 0);
	expect_whole();
	cr_expect_eq(p.section_seq, 61);
	cr_expect_eq(p.recovered.checkpoint_copy, 1);
	log_probe_close(&p);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "0-checkpoint.0", 100, 1), 0);
	expect_whole();
	cr_expect_eq(p.section_seq, 0);
	cr_expect_eq(p.fed_first_seq, 1, "then the whole log");
	log_probe_close(&p);
}

Test(recovery_whole, r9_a_checkpoint_whose_batch_is_not_there_is_not_used)
{
	build_checkpointed();
	b.chain ^= 1; /* binds it to a batch that never was */
	b.batches[b.batch_count - 1].header.header_crc ^= 1;
	log_builder_checkpoint(&b, 0, 5, 100);
	b.batches[b.batch_count - 1].header.header_crc ^= 1;
	b.chain ^= 1;
	expect_whole();
	cr_expect_eq(p.section_seq, b.next_seq - 13);
	log_probe_close(&p);
}

Test(recovery_whole, r9_a_checkpoint_beyond_the_end_of_the_log_is_evidence)
{
	build_checkpointed();
	log_builder_checkpoint(&b, 0, 5, 100);
	zero_batch(b.batch_count - 1);
	expect_corrupt(seq_of(b.batch_count - 1), b.next_seq);
}

Test(recovery_whole, r9_what_a_checkpoint_needs_may_not_be_missing)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	build_checkpointed();
	wr_segment_name(name, 0, 0);
	cr_assert_eq(wr_sim_disk_remove(disk, name), 0);
	uint64_t end = 0;
	for (uint32_t i = 0; i < b.batch_count && end == 0; i++)
		if (b.batches[i].file_number == 1)
			end = seq_of(i);
	expect_corrupt(1, end);
	/* Where no range is on record, the checkpoint's word is all there is. */
	b.superblock.oldest_segment_id = b.superblock.newest_segment_id = 0;
	b.superblock.oldest_seq = 0;
	log_builder_write_superblock(&b);
	expect_corrupt(5, end);
}

/* Retention took the beginning, no checkpoint is whole. Who only looks may read what is left. */
Test(recovery_whole, r9_a_log_that_lost_its_beginning_needs_a_checkpoint)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	uint64_t first = 0;
	build_checkpointed();
	wr_segment_name(name, 0, 0);
	cr_assert_eq(wr_sim_disk_remove(disk, name), 0);
	for (uint32_t i = 0; i < b.batch_count && first == 0; i++)
		if (b.batches[i].file_number == 1)
			first = seq_of(i);
	b.superblock.oldest_segment_id = 2;
	b.superblock.oldest_seq = first;
	log_builder_write_superblock(&b);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "0-checkpoint.0", 100, 1), 0);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "0-checkpoint.1", 100, 1), 0);
	cr_expect_eq(log_probe_open(&p, disk, NULL, false), WEIR_E_CORRUPT);
	cr_expect_eq(p.report.corrupt_first_seq, 1);
	cr_expect_eq(p.report.corrupt_end_seq, first);
	cr_expect_str_eq(p.problem.field, "checkpoint");
	log_probe_close(&p);
	cr_expect_eq(log_probe_open(&p, disk, NULL, true), 0, "%s", p.problem.text);
	log_probe_close(&p);
}

Test(recovery_whole, a_segment_below_the_checkpoint_that_lost_its_first_batch_is_noticed)
{
	build_checkpointed();
	for (uint32_t file = 0; file < 3; file++) {
		uint32_t i = 0;
		while (b.batches[i].file_number != file)
			i++;
		damage(i, 24);
		if (file == 0)
			expect_corrupt(1, 2);
		else
			expect_corrupt(seq_of(i), seq_of(i) + 3);
		damage(i, 24);
		damage(i, 0);
		cr_expect_eq(log_probe_open(&p, disk, &b, false), WEIR_E_CORRUPT);
		log_probe_close(&p);
		damage(i, 0);
	}
}

Test(recovery_whole, reads_two_blocks_of_each_segment_below_the_checkpoint)
{
	build(150);
	log_builder_checkpoint(&b, 0, 5, 100);
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0);
	cr_expect_lt(p.report.scanned_bytes, CHUNK_BYTES);
	cr_expect_gt(wr_load_relaxed(&p.table.count), 10);
	log_probe_close(&p);
}

/* Its checksum is good, and its sections reach beyond it. */
Test(recovery_whole, r9_a_checkpoint_whose_sections_do_not_hang_together_gives_way)
{
	uint64_t bytes;
	build_checkpointed();
	const uint8_t *content = wr_sim_disk_peek(disk, "0-checkpoint.1", &bytes);
	uint8_t *changed = malloc(bytes);
	struct wr_checkpoint_header header;
	memcpy(changed, content, bytes);
	cr_assert_eq(wr_checkpoint_header_decode(content, &header), WR_BLOCK_VALID);
	wr_put_u32(changed + WR_BLOCK_BYTES + offsetof(struct wr_section_header, bytes), 1u << 30);
	header.body_crc = wr_crc32c(1, changed + WR_BLOCK_BYTES, header.body_bytes);
	wr_checkpoint_header_encode(&header, changed);
	cr_assert_eq(wr_sim_disk_put(disk, "0-checkpoint.1", changed, bytes), 0);
	free(changed);
	expect_whole();
	cr_expect_eq(p.section_seq, 61);
	log_probe_close(&p);
}

/* Behind a good checksum, too: the older one is used. */
Test(recovery_whole, r9_a_checkpoint_that_says_what_nobody_writes_gives_way)
{
#define FIELD(name)                                                                                \
	offsetof(struct wr_checkpoint_header, name),                                               \
		sizeof((struct wr_checkpoint_header *)NULL)->name
	static const struct {
		size_t at, bytes;
		uint64_t value;
	} changes[] = {
		{offsetof(struct wr_checkpoint_header, uuid), 8, 1},
		{FIELD(log_id), 1},
		{FIELD(segment_id), 0},
		{FIELD(segment_id), 77},
		{FIELD(last_seq), 0},
		{FIELD(last_seq), UINT64_MAX},
		{FIELD(last_seq), 98},
		{FIELD(segment_offset), 0},
		{FIELD(segment_offset), 1ull << 40},
		{FIELD(segment_offset), WR_BLOCK_BYTES + 512},
		{FIELD(batch_header_crc), 1},
		{FIELD(body_bytes), UINT32_MAX},
		{FIELD(body_bytes), 0},
		{FIELD(body_crc), 1},
	};

	build_checkpointed();
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct wr_sim_disk *whole = disk;
		disk = wr_sim_disk_clone(whole);
		change_block("0-checkpoint.1", 0, changes[i].at, changes[i].value,
			     changes[i].bytes);
		expect_whole();
		cr_expect_eq(p.section_seq, 61, "change %zu", i);
		log_probe_close(&p);
		wr_sim_disk_destroy(disk);
		disk = whole;
	}
	change_block("0-checkpoint.0", 0, offsetof(struct wr_checkpoint_header, features_must), 1,
		     4);
	cr_expect_eq(log_probe_open(&p, disk, &b, false), WEIR_E_FORMAT);
	log_probe_close(&p);
#undef FIELD
}

/* --- R10 -------------------------------------------------------------------------------------- */

static void change_format(const char *name, uint64_t offset, uint32_t bytes)
{
	uint64_t length;
	uint8_t *copy = aligned_alloc(WR_BLOCK_BYTES, b.segment_bytes);
	const uint8_t *content = wr_sim_disk_peek(disk, name, &length);
	memcpy(copy, content, length);
	wr_put_u16(copy + offset + 8, 2);
	wr_put_u32(copy + offset + bytes - 4, wr_crc32c(1, copy + offset, bytes - 4));
	cr_assert_eq(wr_sim_disk_put(disk, name, copy, length), 0);
	free(copy);
}

Test(recovery_whole, r10_a_newer_format_is_refused_and_nothing_touched)
{
	build(3);
	change_format("JOURNAL", WR_BLOCK_BYTES, 512);
	cr_expect_eq(log_probe_open(&p, disk, &b, false), WEIR_E_FORMAT);
	cr_expect_neq(p.problem.text[0], '\0');
	log_probe_close(&p);
}

Test(recovery_whole, r10_also_in_a_segment_header)
{
	build(3);
	change_format("0-00000000.seg", 0, 512);
	cr_expect_eq(log_probe_open(&p, disk, &b, false), WEIR_E_FORMAT);
	log_probe_close(&p);
}

Test(recovery_whole, r10_also_in_a_batch)
{
	build(3);
	const struct log_batch *last = &b.batches[b.batch_count - 1];
	uint8_t *block = aligned_alloc(WR_BLOCK_BYTES, WR_BLOCK_BYTES);
	uint64_t bytes;
	memcpy(block, wr_sim_disk_peek(disk, "0-00000000.seg", &bytes) + last->offset,
	       WR_BLOCK_BYTES);
	wr_put_u32(block + 8, 1u << 31); /* a feature that one must know */
	wr_put_u32(block + 124,
		   wr_crc32c(wr_batch_seed(b.superblock.uuid, last->segment_id), block, 124));
	put(0, last->offset, block, WR_BLOCK_BYTES);
	free(block);
	cr_expect_eq(log_probe_open(&p, disk, &b, false), WEIR_E_FORMAT);
	log_probe_close(&p);
}

/* --- the rest --------------------------------------------------------------------------------- */

Test(recovery_whole, a_bad_segment_header_is_proved_by_its_batches)
{
	build(25);
	for (uint32_t i = 0; i < 3; i++) {
		char name[WR_STORAGE_NAME_MAX + 1];
		wr_segment_name(name, 0, i);
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, 40, 0), 0);
	}
	expect_whole();
	log_probe_close(&p);
}

Test(recovery_whole, spares_are_kept_apart)
{
	build(3);
	log_builder_spare(&b, 0);
	log_builder_spare(&b, 9);
	expect_whole();
	cr_assert_eq(wr_load_relaxed(&p.table.count), 3);
	uint32_t live = 0, spare = 0;
	for (uint32_t i = 0; i < 3; i++) {
		live += p.table.segments[i].state == WR_SEGMENT_LIVE;
		spare += p.table.segments[i].state == WR_SEGMENT_SPARE &&
			 wr_load_relaxed(&p.table.segments[i].segment_id) == 0;
	}
	cr_expect_eq(live, 1);
	cr_expect_eq(spare, 2);
	cr_expect_eq(p.table.next_segment_id, 10);
	log_probe_close(&p);
}

static int refuse_third(void *context, uint64_t seq, uint32_t epoch, uint64_t time_us,
			const struct wr_record_view *view)
{
	(void)context, (void)epoch, (void)time_us, (void)view;
	return seq == 3 ? -EDOM : 0;
}

static int refuse_section(void *context, uint32_t module, uint32_t version, uint32_t part,
			  const uint8_t *bytes, uint32_t length_bytes)
{
	(void)context, (void)module, (void)version, (void)part, (void)bytes, (void)length_bytes;
	return -ERANGE;
}

Test(recovery_whole, what_the_sink_refuses_stops_it_and_changes_nothing)
{
	const struct wr_storage_options options = {.sim_disk = disk};
	const struct wr_recovery_options recovery = {.read_only = false};
	struct wr_recovery_sink sink = log_probe_sink(&p);
	struct wr_storage *again;

	build(3);
	wr_memory_sim_init(&p.memory, NULL);
	cr_assert_eq(wr_storage_sim_open(&options, &again), 0);
	sink.record = refuse_third;
	cr_expect_eq(wr_recovery_run(again, &p.memory.base, &disk->clock->base, &recovery, &sink,
				     &p.table, &p.recovered, &p.report, &p.problem),
		     -EDOM);
	log_builder_checkpoint(&b, 0, 1, 100);
	sink.section = refuse_section;
	cr_expect_eq(wr_recovery_run(again, &p.memory.base, &disk->clock->base, &recovery, &sink,
				     &p.table, &p.recovered, &p.report, &p.problem),
		     -ERANGE);
	cr_expect_neq(p.problem.text[0], '\0');
	cr_expect_eq(p.memory.live_count, 0);
	again->ops->fini(again);
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0);
	cr_expect_eq(p.recovered.epoch, 2, "no epoch was taken");
	log_probe_close(&p);
}

/* --- a live journal (L36) --------------------------------------------------------------------- */

Test(recovery_whole, a_live_journal_is_read_without_a_lock_and_unchanged)
{
	build(5);
	b.hold = b.hold_durable = true;
	log_builder_batch(&b, 3, 1200);
	log_builder_batch(&b, 3, 100);
	log_builder_land(&b, 6, 0x7); /* being written */
	log_builder_land(&b, 7, SECTORS_ALL);
	cr_assert_eq(storage->ops->lock(storage), 0);
	uint32_t epoch = b.superblock.epoch;
	log_builder_rewind(&b, 6);
	cr_assert_eq(log_probe_open(&p, disk, &b, true), 0, "%s", p.problem.text);
	cr_expect_eq(p.recovered.next_seq, b.next_seq);
	cr_expect_eq(log_probe_read_all(&p), 0);
	cr_expect(p.is_sound);
	log_probe_close(&p);
	cr_assert_eq(log_probe_open(&p, disk, &b, true), 0);
	cr_expect_eq(p.recovered.superblock.epoch, epoch + 1, "what a writer would get");
	log_probe_close(&p);
}

/* A storage whose first read of one place shows what was there before. */
static const struct wr_storage_ops *real_ops;
static uint64_t late_offset;
static uint32_t late_reads;

static int64_t late_read(struct wr_storage *s, uint32_t file, void *buffer, uint32_t length_bytes,
			 uint64_t offset_bytes)
{
	int64_t n = real_ops->read(s, file, buffer, length_bytes, offset_bytes);

	/* Reads from 0 are of the superblock and of first blocks. */
	if (n > 0 && offset_bytes > 0 && late_offset >= offset_bytes &&
	    late_offset < offset_bytes + (uint64_t)n && late_reads > 0) {
		late_reads--;
		memset((uint8_t *)buffer + (late_offset - offset_bytes), 0, WR_BLOCK_BYTES);
	}
	return n;
}

Test(recovery_whole, a_hole_in_a_live_journal_is_read_again_before_it_is_called_corrupt)
{
	const struct wr_recovery_options recovery = {.read_only = true};
	const struct wr_storage_options options = {.sim_disk = disk, .read_only = true};
	struct wr_recovery_sink sink = log_probe_sink(&p);
	struct wr_storage_ops late_ops;
	struct wr_storage *again;

	build(6);
	cr_assert_eq(wr_storage_sim_open(&options, &again), 0);
	real_ops = again->ops;
	late_ops = *real_ops;
	late_ops.read = late_read;
	again->ops = &late_ops;
	late_offset = b.batches[2].offset;
	for (uint32_t reads = 1; reads <= 2; reads++) {
		memset(&p, 0, sizeof p);
		p.is_sound = true;
		p.expected = &b;
		wr_memory_sim_init(&p.memory, NULL);
		late_reads = reads;
		int r = wr_recovery_run(again, &p.memory.base, &disk->clock->base, &recovery, &sink,
					&p.table, &p.recovered, &p.report, &p.problem);
		cr_expect_eq(late_reads, 0);
		if (reads == 1) {
			cr_assert_eq(r, 0, "%s", p.problem.text);
			cr_expect_eq(p.recovered.next_seq, b.next_seq);
			wr_segment_table_fini(&p.table, &p.memory.base);
		} else {
			cr_expect_eq(r, WEIR_E_CORRUPT, "twice is enough");
		}
	}
	again->ops = real_ops;
	again->ops->fini(again);
}

/* A chain goes on with its key only; who changes nothing needs none. */
Test(recovery_whole, who_only_looks_needs_no_key_of_a_chain)
{
	build(5);
	b.superblock.features_must |= WR_SUPERBLOCK_CHAINED;
	log_builder_write_superblock(&b);
	cr_expect_eq(log_probe_open(&p, disk, &b, true), 0, "%s", p.problem.text);
	cr_expect_eq(p.recovered.next_seq, b.next_seq);
	cr_expect_not(p.recovered.is_chained);
	log_probe_close(&p);
	cr_expect_eq(log_probe_open(&p, disk, &b, false), -ENOKEY);
	log_probe_close(&p);
}
