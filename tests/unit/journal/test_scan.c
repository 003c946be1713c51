/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the corners of the walk and of the decision table that neither a crash nor a flipped bit
 *         comes to by itself: wide gaps, marks and starts and links that say what is not so, a live
 *         journal that moves on under a walk, and a medium that answers differently each time.
 * Method: the builder's journals; some of what is asked is asked of the scan itself.
 */
#include "tests/support/failing_storage.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/scan_bed.h"

TestSuite(scan, .init = setup, .fini = teardown);

/* Other sizes than those of setup(). */
static void begin_with(uint32_t chunk_bytes, uint32_t extents)
{
	log_builder_fini(&b);
	log_builder_init(&b, storage, chunk_bytes, extents);
}

static int open_and_close(bool read_only)
{
	int r = log_probe_open(&p, disk, &b, read_only);

	log_probe_close(&p);
	return r;
}

static void expect_whole_and_close(void)
{
	expect_whole();
	log_probe_close(&p);
}

/* --- how far is looked ------------------------------------------------------------------------ */

/* In the nineteenth chunk behind the gap the first batch attests what is missing: it is enough. */
Test(scan, behind_a_gap_wider_than_what_was_in_flight_the_first_word_is_enough)
{
	begin_with(CHUNK_BYTES, 24);
	build(90);
	for (uint32_t i = 1; i < 76; i++)
		zero_batch(i);
	cr_assert_eq((b.batches[76].offset - WR_BLOCK_BYTES) % CHUNK_BYTES, 0);
	expect_corrupt(seq_of(1), seq_of(76));
}

/* A block of this life lies where a longer batch of an older one still has its header before it. */
Test(scan, r2_torn_blocks_of_this_life_are_seen_behind_the_header_of_an_older_one)
{
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 3; i++)
		log_builder_batch(&b, 3, 100);
	log_builder_batch(&b, 6, 1900);
	const struct log_batch longer = b.batches[4];
	cr_assert_eq(longer.header.batch_bytes, 3 * WR_BLOCK_BYTES);
	while (b.offset < b.segment_bytes)
		log_builder_batch(&b, 3, 100);
	log_builder_batch(&b, 3, 100); /* in the next one, which is the oldest from now on */
	log_builder_checkpoint(&b, 0, b.next_seq - 1, 100);
	log_builder_checkpoint(&b, 1, b.next_seq - 1, 100);
	while (b.offset < b.segment_bytes)
		log_builder_batch(&b, 3, 100);
	log_builder_recycle(&b, longer.file_number);
	while (b.offset < longer.offset)
		log_builder_batch(&b, 3, 100);
	b.hold = b.hold_durable = true;
	log_builder_batch(&b, 3, 100); /* never arrives */
	log_builder_batch(&b, 3, 100);
	uint32_t torn = b.batch_count - 1;
	log_builder_land(&b, torn, SECTORS_ALL);
	damage(torn, offsetof(struct wr_batch_header, first_seq));
	uint64_t end_offset = b.batches[torn].offset + WR_BLOCK_BYTES;
	log_builder_rewind(&b, torn - 1);
	b.hold = b.hold_durable = false;
	expect_whole();
	cr_expect_eq(p.report.trimmed_bytes, end_offset - longer.offset);
	log_probe_close(&p);
}

/* --- what is not so --------------------------------------------------------------------------- */

/* The mark of a clean close names the place, and another sequence. */
Test(scan, r1_a_clean_mark_that_counts_otherwise_is_no_clean_end)
{
	build(5);
	log_builder_close(&b);
	struct wr_sim_disk *whole = disk;
	for (uint32_t less = 0; less < 2; less++) {
		disk = wr_sim_disk_clone(whole);
		for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++)
			change_block("JOURNAL", copy * WR_BLOCK_BYTES,
				     offsetof(struct wr_superblock, clean_last_seq),
				     less == 1 ? b.next_seq - 2 : b.next_seq, 8);
		/* One more was counted: it is missing. One less: it is there. */
		if (less == 0)
			expect_corrupt(b.next_seq, b.next_seq + 1);
		else
			expect_whole_and_close();
		wr_sim_disk_destroy(disk);
	}
	disk = whole;
}

/* Closed before anything was appended; and the segment that was ready is cut behind its header. */
Test(scan, r8_of_an_empty_log_the_ready_segment_may_not_be_cut)
{
	uint32_t file_number = log_builder_spare(&b, 1);
	char name[WR_STORAGE_NAME_MAX + 1];

	b.superblock.clean = 1;
	b.superblock.oldest_segment_id = b.superblock.newest_segment_id = 1;
	b.superblock.oldest_seq = 1;
	log_builder_write_superblock(&b);
	wr_segment_name(name, 0, file_number);
	cr_assert_eq(wr_sim_disk_truncate(disk, name, WR_BLOCK_BYTES + 512), 0);
	expect_corrupt(1, UINT64_MAX);
}

/* The start of an epoch has a bad body, and nothing is left behind; the superblock attests it. */
Test(scan, r4_a_start_that_rots_at_the_end_of_the_log_is_damage_up_to_its_end)
{
	build(5);
	uint64_t lost_seq = b.next_seq;
	log_builder_epoch(&b);
	b.superblock.durable_seq = lost_seq;
	log_builder_write_superblock(&b);
	damage(b.batch_count - 1, WR_BATCH_HEADER_BYTES + 40);
	expect_corrupt(lost_seq, lost_seq + 1);
}

/* It names a place in front of the first batch of a segment that is there. */
Test(scan, r6_a_start_that_names_no_place_of_a_batch_starts_nothing)
{
	build(5);
	struct wr_epoch_start start = log_builder_end(&b);
	uint64_t first_seq = b.next_seq;
	log_builder_segment(&b);
	start.end_segment_id = b.segment_id;
	start.end_offset = 0;
	log_builder_segment(&b);
	b.epoch++;
	log_builder_start(&b, &start);
	log_builder_batch(&b, 3, 100);
	cr_expect_eq(open_and_close(false), WEIR_E_CORRUPT);
	cr_expect_eq(p.report.corrupt_first_seq, first_seq);
}

/* The header of a segment names itself as the one before it. */
Test(scan, r11_a_chain_of_headers_that_goes_round_is_followed_no_further)
{
	build(30);
	change_block("0-00000001.seg", 0, offsetof(struct wr_segment_header, previous_segment_id),
		     2, 8);
	expect_whole_and_close();
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000000.seg"), 0);
	expect_corrupt(1, seq_of(12));
}

/* A segment begins with a batch of a newer format. */
Test(scan, r10_a_first_batch_of_a_newer_format_is_not_read_over)
{
	static const char name[] = "0-00000001.seg";
	uint64_t bytes;
	struct wr_batch_header h;

	build(20);
	const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
	uint8_t *changed = malloc(bytes);
	memcpy(changed, content, bytes);
	memcpy(&h, changed + WR_BLOCK_BYTES, sizeof h);
	h.features_must |= 1u << 31;
	h.header_crc = wr_crc32c(wr_batch_seed(b.superblock.uuid, h.segment_id), &h,
				 offsetof(struct wr_batch_header, header_crc));
	memcpy(changed + WR_BLOCK_BYTES, &h, sizeof h);
	cr_assert_eq(wr_sim_disk_put(disk, name, changed, bytes), 0);
	free(changed);
	cr_expect_eq(open_and_close(false), WEIR_E_FORMAT);
	cr_expect_eq(open_and_close(true), WEIR_E_FORMAT);
	cr_expect_eq(verify(0, UINT64_MAX), WEIR_E_FORMAT);
}

/* --- segments that are not part of the log ---------------------------------------------------- */

/*
 * A journal of before segments were on record. Its oldest segment holds a trimmed tail, has lost
 * its first batch, and its end: what it still shows is no bound of what is missing.
 */
Test(scan, what_a_trimmed_segment_still_shows_bounds_nothing)
{
	build(16);
	cr_assert_eq(b.batches[12].segment_id, 2);
	log_builder_rewind(&b, 8);
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 4; i++)
		log_builder_batch(&b, 3, 100);
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	b.superblock.oldest_segment_id = b.superblock.newest_segment_id = 0;
	b.superblock.oldest_seq = 0;
	log_builder_write_superblock(&b);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000000.seg"), 0);
	cr_assert_eq(wr_sim_disk_corrupt(disk, "0-00000001.seg", WR_BLOCK_BYTES + 24, 3), 0);
	cr_assert_eq(wr_sim_disk_truncate(disk, "0-00000001.seg", 4 * WR_BLOCK_BYTES), 0);
	expect_corrupt(1, seq_of(8));
}

/* So is one that a checkpoint stands for, where no segment has its first batch any more. */
Test(scan, without_a_record_and_a_first_batch_the_log_goes_on_behind_its_checkpoint)
{
	build(20);
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	b.superblock.oldest_segment_id = b.superblock.newest_segment_id = 0;
	b.superblock.oldest_seq = 0;
	log_builder_write_superblock(&b);
	for (uint32_t i = 0; i < b.batch_count - 2; i++)
		damage(i, 24);
	cr_expect_eq(log_probe_open(&p, disk, &b, false), 0, "%s", p.problem.text);
	cr_expect_eq(p.recovered.next_seq, b.next_seq);
	log_probe_close(&p);
}

/* Nothing of the log arrived, and there is a spare: it is of no life, and stays as it is. */
Test(scan, r2_of_a_log_that_is_torn_at_its_first_batch_spares_stay_as_they_are)
{
	log_builder_epoch(&b);
	uint32_t spare = log_builder_spare(&b, 0);
	damage(0, WR_BATCH_HEADER_BYTES + 40);
	log_builder_rewind(&b, 0);
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0, "%s", p.problem.text);
	cr_expect_eq(p.recovered.next_seq, 1);
	for (uint32_t i = 0; i < wr_load_relaxed(&p.table.count); i++)
		cr_expect_eq(p.table.segments[i].cleared, p.table.segments[i].file_number != spare);
	log_probe_close(&p);
}

static struct wr_storage_ops odd_ops;
static const struct wr_storage_ops *plain_ops;
static uint32_t follows_count;
static bool follows_trimmed;

static void note_follows(struct wr_storage *s, uint32_t file, uint32_t next_file,
			 uint64_t offset_bytes)
{
	(void)s, (void)offset_bytes;
	follows_count++;
	for (uint32_t i = 0; i < scan.segment_count; i++)
		follows_trimmed |= scan.segments[i].file == next_file && scan.segments[i].excluded;
	cr_expect_neq(file, next_file);
}

/* Who reads ahead is told of the next segment of the log, and not of a tail or a spare. */
Test(scan, who_reads_ahead_hears_of_no_trimmed_segment)
{
	struct wr_scan_batch batch;
	int r;

	build(16);
	log_builder_rewind(&b, 8);
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 15; i++)
		log_builder_batch(&b, 3, 100);
	open_scan(false);
	plain_ops = storage->ops;
	odd_ops = *plain_ops;
	odd_ops.follows = note_follows;
	storage->ops = &odd_ops;
	follows_count = 0;
	follows_trimmed = false;
	while ((r = wr_scan_next(&scan, &batch)) == 1)
		;
	storage->ops = plain_ops;
	cr_expect_eq(r, 0, "%d", r);
	cr_expect_eq(scan.seq, b.next_seq);
	cr_expect_eq(follows_count, 2, "%u: of three segments", follows_count);
	cr_expect_not(follows_trimmed);
	close_scan();
}

/* --- packed segments at the end --------------------------------------------------------------- */

/* What is in a packed segment is as it is: the log goes on in another, whatever is free there. */
Test(scan, in_a_packed_segment_no_log_goes_on)
{
	build(5);
	log_builder_epoch(&b);
	cr_assert_eq(pack_bed_all(disk, storage, true), 1);
	zero_batch(b.batch_count - 1);
	log_builder_rewind(&b, b.batch_count - 1);
	expect_whole();
	cr_expect_eq(p.recovered.resume_segment_id, 0);
	log_probe_close(&p);
}

/*
 * Behind a torn end there is a packed segment that attests nothing. That one is none which a crash
 * has left, and nothing is written over it.
 */
Test(scan, r3_of_a_trimmed_tail_no_packed_segment_is_cleared)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	uint64_t bytes;

	b.hold_durable = true;
	build(25);
	cr_assert_eq(log_probe_open(&p, disk, &b, true), 0);
	cr_assert_eq(pack_bed_features(&p, storage, WR_SUPERBLOCK_PACKED), 0);
	cr_assert_eq(pack_bed_one(&p, storage, 1, true), 0);
	log_probe_close(&p);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000001.seg"), 0);
	wr_segment_name(name, 0, PACK_BED_FILES + 1);
	change_block(name, 0, offsetof(struct wr_packed_header, first_seq), 1, 8);
	change_block(name, 0, offsetof(struct wr_packed_header, end_seq), 2, 8);
	const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
	uint8_t *was = malloc(bytes);
	memcpy(was, content, bytes);
	damage(4, 24);
	log_builder_rewind(&b, 4);
	expect_whole_and_close();
	content = wr_sim_disk_peek(disk, name, &bytes);
	cr_assert_not_null(content);
	cr_expect_eq(memcmp(content, was, bytes), 0);
	free(was);
}

/* Events are left out below both checkpoints: behind one such a record is fed like any other. */
Test(scan, a_record_of_what_was_left_out_behind_a_checkpoint_changes_no_table)
{
	const struct wr_record left_out = {.bytes = sizeof left_out,
					   .topic = 1,
					   .kind = WR_KIND_LEFT_OUT,
					   .flags = WR_RECORD_KEYLESS};

	build(5);
	log_builder_checkpoint(&b, 0, b.next_seq, 100);
	log_builder_record(&b, &left_out, "");
	cr_expect_eq(log_probe_open(&p, disk, NULL, false), 0, "%s", p.problem.text);
	cr_expect_eq(p.fed_first_seq, b.next_seq - 1);
	cr_expect_eq(p.recovered.next_seq, b.next_seq);
	log_probe_close(&p);
}

/* What a packed file says is good only for the segment that it is, and in a build that reads it. */
Test(scan, of_a_packed_file_an_extent_is_kept_and_a_draft_gives_nothing)
{
	struct wr_unpack unpack;
	struct wr_packed_header h;
	struct wr_unpack_source from = {.storage = storage, .segment_id = 1};
	uint8_t *plain = aligned_alloc(WR_BLOCK_BYTES, b.segment_bytes);
	char name[WR_STORAGE_NAME_MAX + 1];
	uint64_t bytes;

	build(20);
	const uint8_t *was = wr_sim_disk_peek(disk, "0-00000000.seg", &bytes);
	cr_assert_eq(bytes, b.segment_bytes);
	memcpy(plain, was, bytes);
	cr_assert_eq(pack_bed_all(disk, storage, true), 1);
	wr_segment_name(name, 0, PACK_BED_FILES);
	wr_memory_sim_init(&p.memory, NULL);
	cr_assert_eq(wr_unpack_init(&unpack, storage, &p.memory.base, b.superblock.uuid, 0,
				    CHUNK_BYTES, b.segment_bytes, true),
		     0);
	cr_assert_eq(storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &from.file), 0);
	uint8_t *block = aligned_alloc(WR_BLOCK_BYTES, WR_BLOCK_BYTES);
	for (uint64_t at = 0; at < b.segment_bytes; at += WR_BLOCK_BYTES) {
		cr_assert_eq(wr_unpack_read(&unpack, &from, block, WR_BLOCK_BYTES, at),
			     WR_BLOCK_BYTES);
		cr_expect_eq(memcmp(block, plain + at, WR_BLOCK_BYTES), 0, "at %lu", at);
	}
	cr_assert_eq(wr_unpack_header(&unpack, &from, &h), 0);
	wr_unpack_forget(&unpack);
	change_block(name, 0, offsetof(struct wr_packed_header, state), WR_PACKED_DRAFT, 2);
	cr_assert_eq(storage->ops->file_close(storage, from.file), 0);
	cr_assert_eq(storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &from.file), 0);
	cr_expect_eq(wr_unpack_header(&unpack, &from, &h), WEIR_E_CORRUPT);
	cr_assert_eq(storage->ops->file_close(storage, from.file), 0);
	change_block(name, 0, offsetof(struct wr_packed_header, state), WR_PACKED_SEGMENT, 2);
	change_block(name, 0, offsetof(struct wr_packed_header, features_must), 1u << WR_CODEC_LZ4,
		     4);
	const struct wr_codec *const *codecs = storage->codecs;
	storage->codecs = NULL;
	cr_assert_eq(storage->ops->file_open(storage, name, WR_FILE_READ_ONLY, &from.file), 0);
	cr_expect_eq(wr_unpack_header(&unpack, &from, &h), WEIR_E_FORMAT);
	storage->codecs = codecs;
	cr_assert_eq(storage->ops->file_close(storage, from.file), 0);
	wr_unpack_fini(&unpack);
	free(block);
	free(plain);
}

/* --- a live journal that moves on ------------------------------------------------------------- */

Test(scan, what_is_lost_is_compared_with_the_record_as_it_is_now)
{
	uint64_t id, seq;

	build(30);
	cr_assert_eq(wr_sim_disk_remove(disk, "0-00000000.seg"), 0);
	open_scan(true);
	cr_expect_eq(wr_scan_lost_above(&scan, 0, &id), 0);
	cr_expect_eq(id, 1);
	/* Another journal's record says nothing of this one. */
	struct wr_superblock ours = b.superblock;
	b.superblock.oldest_segment_id = 2;
	b.superblock.oldest_seq = seq_of(12);
	b.superblock.uuid[0] ^= 1;
	log_builder_write_superblock(&b);
	cr_expect_eq(wr_scan_lost_above(&scan, 0, &id), 0);
	cr_expect_eq(id, 1);
	cr_expect_eq(wr_scan_is_retired(&scan, 1), 0);
	b.superblock.uuid[0] ^= 1;
	log_builder_write_superblock(&b);
	cr_expect_eq(wr_scan_lost_above(&scan, 0, &id), 0);
	cr_expect_eq(id, 0, "it has been let go");
	cr_expect_eq(wr_scan_is_retired(&scan, 1), 1);
	/* No copy of it is good just now. */
	for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++)
		cr_assert_eq(wr_sim_disk_corrupt(disk, "JOURNAL", copy * WR_BLOCK_BYTES + 70, 1),
			     0);
	cr_expect_eq(wr_scan_oldest_recorded(&scan, &id, &seq), 0);
	cr_expect_eq(id, ours.oldest_segment_id);
	cr_expect_eq(seq, ours.oldest_seq);
	close_scan();
}

static int walk(void)
{
	struct wr_scan_batch batch;
	int r;

	while ((r = wr_scan_next(&scan, &batch)) == 1)
		;
	return r;
}

/* The segment that is walked in is retired meanwhile; and a call fails while that is found out. */
Test(scan, a_call_that_fails_while_a_walk_is_overtaken_is_told)
{
	uint32_t failures = 0;
	bool has_failed = true;

	build(20);
	damage(3, 24);
	const struct wr_superblock then = b.superblock;
	for (uint64_t n = 1; has_failed; n++, failures++) {
		b.superblock = then;
		log_builder_write_superblock(&b);
		open_scan(true);
		b.superblock.oldest_segment_id = 2;
		b.superblock.oldest_seq = seq_of(12);
		log_builder_write_superblock(&b);
		failing_put_on(storage, n, -EIO);
		int r = walk();
		has_failed = failing_take_off(storage);
		cr_assert_eq(r, has_failed ? -EIO : WEIR_E_AGAIN, "call %lu: %d", n, r);
		close_scan();
	}
	cr_expect_gt(failures, 5);
}

/* --- a medium that does not keep still -------------------------------------------------------- */

/* A read that ends within a block, so that nothing is kept; bad wherever the walk stands. */
static int64_t bad_where_it_is_tried(struct wr_storage *s, uint32_t file, void *buffer,
				     uint32_t length_bytes, uint64_t offset_bytes)
{
	int64_t n = plain_ops->read(s, file, buffer, length_bytes, offset_bytes);

	if (scan.seq > 1 && offset_bytes == scan.offset && n > 0)
		((uint8_t *)buffer)[24] ^= 1;
	return n > WR_BLOCK_BYTES ? n - 100 : n;
}

Test(scan, a_medium_that_never_shows_what_it_has_shown_is_given_up)
{
	begin_with(128 * WR_BLOCK_BYTES, 1);
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 100; i++)
		log_builder_evidence(&b);
	log_builder_batch(&b, 3, 100);
	log_builder_evidence(&b);
	open_scan(false);
	plain_ops = storage->ops;
	odd_ops = *plain_ops;
	odd_ops.read = bad_where_it_is_tried;
	storage->ops = &odd_ops;
	cr_expect_eq(walk(), -EIO);
	cr_expect_str_eq(scan.failed_reading, "a segment that does not keep still");
	storage->ops = plain_ops;
	close_scan();
	expect_whole_and_close();
}
