/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   cold reads hand out every record that is there and no byte that is not verified; what is
 *         retired, damaged, trimmed or not yet durable is said to be.
 * Method: the builder's journals, opened by recovery, read from every sequence and by time; damage
 *         below a checkpoint, where recovery does not look.
 */
#include "core/journal/reader.h"
#include "tests/unit/journal/recovery_bed.h"

#define BATCHES_MAX (CHUNK_BYTES / WR_BLOCK_BYTES)

static struct wr_reader reader;
static uint8_t *buffer;
static struct wr_extent_batch batches[BATCHES_MAX];
static struct wr_extent_view view = {.batches = batches, .batches_max = BATCHES_MAX};

TestSuite(reader, .init = setup, .fini = teardown);

static void open_reader(void)
{
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0, "%d %s", p.result, p.problem.text);
	cr_assert_eq(wr_reader_init(&reader, &p.table, p.storage, &p.memory.base), 0);
	buffer = aligned_alloc(WR_BLOCK_BYTES, CHUNK_BYTES);
}

static void close_reader(void)
{
	wr_reader_fini(&reader, &p.memory.base);
	free(buffer);
	log_probe_close(&p);
}

static int load(uint64_t seq, uint64_t up_to_seq)
{
	return wr_reader_load(&reader, seq, up_to_seq, buffer, &view, &p.problem);
}

/* A log of several segments with a checkpoint at its end: recovery leaves the rest unread. */
static void build_cold(void)
{
	build(40);
	log_builder_checkpoint(&b, 0, 1, 100);
	log_builder_batch(&b, 3, 100);
}

Test(reader, every_sequence_is_found_in_its_extent)
{
	build_cold();
	open_reader();
	for (uint64_t seq = 1; seq < b.next_seq; seq++) {
		const struct log_batch *batch = log_builder_find(&b, seq);
		cr_assert_eq(load(seq, b.next_seq - 1), 0, "%lu: %s", seq, p.problem.text);
		cr_assert_leq(view.first_seq, seq);
		cr_assert_gt(view.end_seq, seq);
		cr_assert_eq(view.segment_id, batch->segment_id);
		cr_assert_leq(view.segment_offset, batch->offset);
		cr_assert_gt(view.segment_offset + CHUNK_BYTES, batch->offset);
		bool found = false;
		for (uint32_t i = 0; i < view.batch_count; i++)
			found |= view.batches[i].first_seq == batch->header.first_seq &&
				 view.batches[i].record_count == batch->header.record_count &&
				 view.batches[i].place_bytes == batch->offset - view.segment_offset;
		cr_assert(found, "%lu", seq);
		cr_assert_eq(view.closed, view.end_seq < b.next_seq, "%lu", seq);
	}
	close_reader();
}

Test(reader, nothing_above_the_durable_sequence_is_handed_out)
{
	build_cold();
	open_reader();
	for (uint64_t up_to = 1; up_to < b.next_seq; up_to++) {
		cr_assert_eq(load(up_to, up_to), 0);
		cr_assert_eq(view.end_seq, up_to + 1);
	}
	cr_expect_eq(load(5, 4), WEIR_E_TRUNCATED);
	cr_expect_eq(load(0, 4), WEIR_E_TRUNCATED);
	close_reader();
}

Test(reader, what_is_not_written_yet_is_not_an_error)
{
	build(2);
	open_reader();
	cr_assert_eq(load(1, b.next_seq - 1), 0);
	cr_expect_eq(view.end_seq, b.next_seq);
	cr_expect_not(view.closed, "more may come here");
	uint64_t last_seq = b.next_seq - 1;
	log_builder_batch(&b, 2, 100);
	cr_assert_eq(load(last_seq, last_seq), 0);
	cr_expect_eq(view.end_seq, last_seq + 1, "there, but not said to be durable");
	cr_assert_eq(load(last_seq + 1, b.next_seq - 1), 0);
	cr_expect_eq(view.end_seq, b.next_seq);
	close_reader();
}

Test(reader, damage_is_told_to_whom_asks_for_it_and_nobody_else)
{
	build_cold();
	for (uint32_t i = 1; i < 36; i++) {
		/* A segment's first batch is missed by recovery already. */
		if (b.batches[i].header.record_count == 0 || b.batches[i].offset == WR_BLOCK_BYTES)
			continue;
		uint64_t first = seq_of(i), end = first + b.batches[i].header.record_count;
		damage(i, i % 2 ? 30 : 3000);
		open_reader();
		for (uint64_t seq = 1; seq < b.next_seq; seq++) {
			int r = load(seq, b.next_seq - 1);
			bool struck = seq >= first && seq < end;
			cr_assert_eq(r, struck ? WEIR_E_CORRUPT : 0, "batch %u, sequence %lu: %d",
				     i, seq, r);
			if (r == 0)
				cr_assert(view.end_seq <= first || view.first_seq >= end);
			else
				cr_assert_eq(p.problem.code, WEIR_E_CORRUPT);
		}
		close_reader();
		damage(i, i % 2 ? 30 : 3000);
	}
}

Test(reader, a_damaged_filler_costs_nothing)
{
	build(9);
	for (uint32_t i = 0; i < 5; i++) {
		log_builder_batch(&b, 3, 100);
		log_builder_filler(&b);
	}
	log_builder_checkpoint(&b, 0, 1, 100);
	for (uint32_t i = 0; i < b.batch_count; i++) {
		if (b.batches[i].header.record_count > 0)
			continue;
		damage(i, 5);
		cr_assert_eq(log_probe_open(&p, disk, &b, true), 0);
		cr_expect_eq(log_probe_read_all(&p), 0, "%s", p.problem.text);
		cr_expect_eq(p.read_seq, b.next_seq);
		log_probe_close(&p);
		damage(i, 5);
	}
}

Test(reader, a_missing_end_of_a_segment_is_damage_too)
{
	build_cold();
	uint32_t last_of_first = 0;
	while (b.batches[last_of_first + 1].segment_id == 1)
		last_of_first++;
	zero_batch(last_of_first);
	zero_batch(last_of_first - 1);
	open_reader();
	uint64_t first = seq_of(last_of_first - 1), end = seq_of(last_of_first + 1);
	cr_expect_eq(load(first - 1, b.next_seq - 1), 0);
	cr_expect_eq(view.end_seq, first);
	for (uint64_t seq = first; seq < end; seq++)
		cr_expect_eq(load(seq, b.next_seq - 1), WEIR_E_CORRUPT);
	cr_expect_eq(load(end, b.next_seq - 1), 0);
	close_reader();
}

Test(reader, a_trimmed_tail_is_never_handed_out)
{
	build(5);
	log_builder_torn(&b);
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 15; i++)
		log_builder_batch(&b, 2, 60);
	log_builder_checkpoint(&b, 0, 1, 100);
	cr_assert_eq(log_probe_open(&p, disk, &b, false), 0);
	cr_expect_eq(log_probe_read_all(&p), 0, "%s", p.problem.text);
	cr_expect(p.is_sound, "%lu", p.unsound_seq);
	cr_expect_eq(p.read_seq, b.next_seq);
	log_probe_close(&p);
}

Test(reader, a_retired_segment_is_truncated_not_corrupt)
{
	build_cold();
	open_reader();
	cr_assert_eq(load(1, b.next_seq - 1), 0);
	cr_assert_eq(wr_load_relaxed(&wr_segment_live(&p.table, 0)->segment_id), 1);
	(void)wr_segment_retire(&p.table);
	cr_expect_eq(load(1, b.next_seq - 1), WEIR_E_TRUNCATED);
	cr_expect_eq(load(b.next_seq - 1, b.next_seq - 1), 0);
	close_reader();
}

/* Recycles the file of segment 1 between the look-up and the read. */
static const struct wr_storage_ops *real_ops;

static int64_t recycling_read(struct wr_storage *s, uint32_t file, void *to, uint32_t length_bytes,
			      uint64_t offset_bytes)
{
	if (wr_load_relaxed(&wr_segment_live(&p.table, 0)->segment_id) == 1)
		(void)wr_segment_retire(&p.table);
	int64_t n = real_ops->read(s, file, to, length_bytes, offset_bytes);
	if (n > 0)
		memset(to, 0, (size_t)n);
	return n;
}

Test(reader, a_segment_recycled_while_it_is_read_is_truncated_not_corrupt)
{
	struct wr_storage_ops recycling;
	build_cold();
	open_reader();
	real_ops = p.storage->ops;
	recycling = *real_ops;
	recycling.read = recycling_read;
	p.storage->ops = &recycling;
	cr_expect_eq(load(2, b.next_seq - 1), WEIR_E_TRUNCATED);
	p.storage->ops = real_ops;
	close_reader();
}

/* The end of an extent is missing in its first reading, its beginning in the second. */
static uint32_t extent_reads, split_bytes;

static int64_t changing_read(struct wr_storage *s, uint32_t file, void *to, uint32_t length_bytes,
			     uint64_t offset_bytes)
{
	int64_t n = real_ops->read(s, file, to, length_bytes, offset_bytes);
	if (n <= (int64_t)split_bytes)
		return n;
	extent_reads++;
	if (extent_reads == 1)
		memset((uint8_t *)to + split_bytes, 0, (size_t)n - split_bytes);
	else
		memset(to, 0xee, split_bytes);
	return n;
}

Test(reader, what_was_good_in_the_first_reading_is_looked_at_again_in_the_second)
{
	struct wr_storage_ops changing;
	uint64_t seq = 1;
	build_cold();
	open_reader();
	do {
		cr_assert_eq(load(seq, b.next_seq - 1), 0);
		seq = view.end_seq;
	} while (view.batch_count < 2);
	const uint64_t first_seq = view.first_seq, second_seq = view.batches[1].first_seq;
	split_bytes = view.batches[1].place_bytes;
	real_ops = p.storage->ops;
	changing = *real_ops;
	changing.read = changing_read;
	p.storage->ops = &changing;
	cr_expect_eq(load(first_seq, b.next_seq - 1), WEIR_E_CORRUPT);
	cr_expect_eq(extent_reads, 2);
	extent_reads = 0;
	cr_expect_eq(load(second_seq, b.next_seq - 1), 0);
	cr_expect_eq(view.first_seq, second_seq, "what comes before is not there");
	p.storage->ops = real_ops;
	close_reader();
}

Test(reader, an_error_of_the_medium_is_passed_on)
{
	build_cold();
	open_reader();
	for (uint64_t n = 1; n < 4; n++) {
		wr_sim_disk_trip_at(disk, n, -EIO);
		int r = load(20, b.next_seq - 1);
		cr_expect(r == -EIO || r == 0);
		if (n == 1) {
			cr_expect_eq(r, -EIO);
			cr_expect_neq(p.problem.text[0], '\0');
		}
	}
	wr_sim_disk_trip_at(disk, 0, 0);
	close_reader();
}

/* --- by time ---------------------------------------------------------------------------------- */

static uint64_t find_time(uint64_t time_us, uint64_t up_to_seq)
{
	uint64_t seq = 0;
	cr_assert_eq(
		wr_reader_find_time(&reader, time_us, up_to_seq, buffer, &view, &seq, &p.problem),
		0);
	return seq;
}

Test(reader, the_first_record_at_or_after_a_time_is_found)
{
	/* The builder gives each record the next microsecond, with a jump now and then. */
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 40; i++) {
		if (i % 7 == 3)
			b.time_us += 1000;
		log_builder_batch(&b, 3, 100);
	}
	open_reader();
	uint64_t end = b.next_seq;
	cr_expect_eq(find_time(0, end - 1), 1);
	cr_expect_eq(find_time(UINT64_MAX, end - 1), end);
	for (uint32_t i = 0; i < b.batch_count; i++) {
		const struct wr_batch_header *h = &b.batches[i].header;
		for (uint32_t k = 0; k < h->record_count; k++)
			cr_assert_eq(find_time(h->time_base_us + k, end - 1), h->first_seq + k);
		if (h->record_count > 0 && i > 0)
			cr_assert_leq(find_time(h->time_base_us - 1, end - 1), h->first_seq);
		if (i % 7 == 4 && h->record_count > 0) {
			/* In the middle of a jump, if one lies in front of this batch. */
			uint64_t seq = find_time(h->time_base_us - 500, end - 1);
			cr_assert_leq(seq, h->first_seq);
		}
	}
	close_reader();
}

Test(reader, equal_times_give_the_first_of_them)
{
	log_builder_epoch(&b);
	uint64_t time_us = b.time_us;
	for (uint32_t i = 0; i < 30; i++) {
		log_builder_batch(&b, 1, 100);
		b.time_us = time_us;
	}
	open_reader();
	cr_expect_eq(find_time(time_us, b.next_seq - 1), 2);
	cr_expect_eq(find_time(time_us + 1, b.next_seq - 1), b.next_seq);
	cr_expect_eq(find_time(time_us, 1), 2, "one beyond what may be seen");
	close_reader();
}

Test(reader, an_empty_log_has_no_time)
{
	open_reader();
	cr_expect_eq(find_time(5, 0), 1);
	close_reader();
}

/* How often a load read: the storage of the reader, with a count. */
static struct wr_storage_ops counting_ops;
static const struct wr_storage_ops *plain_ops;
static uint32_t read_count;

static int64_t count_read(struct wr_storage *s, uint32_t file, void *to, uint32_t length,
			  uint64_t offset)
{
	read_count++;
	return plain_ops->read(s, file, to, length, offset);
}

Test(reader, who_reads_on_is_not_searched_for)
{
	build_cold();
	open_reader();
	plain_ops = p.storage->ops;
	counting_ops = *plain_ops;
	counting_ops.read = count_read;
	p.storage->ops = &counting_ops;
	uint32_t loads = 0;
	for (uint64_t seq = 1; seq < b.next_seq; seq = view.end_seq) {
		read_count = 0;
		cr_assert_eq(load(seq, b.next_seq - 1), 0, "%lu: %s", seq, p.problem.text);
		cr_assert_eq(view.first_seq, seq);
		/* The extent, and the header behind one that was not filled up. */
		cr_expect_leq(read_count, 2, "%lu: %u reads", seq, read_count);
		loads++;
	}
	cr_expect_gt(loads, 6);
	/* Anywhere else a search begins: also right behind what was only read in part. */
	read_count = 0;
	cr_assert_eq(load(5, 5), 0);
	cr_assert_eq(load(6, b.next_seq - 1), 0);
	cr_expect_leq(view.first_seq, 6);
	cr_expect_gt(read_count, 2);
	p.storage->ops = plain_ops;
	close_reader();
}
