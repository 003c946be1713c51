/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   whichever batch of a cold log is damaged, in its header or its body, who reads and who
 *         searches finds all the others; what is good by itself and does not go on from the batch
 *         before is not handed out; and a read that fails is said, by whatever it was made for.
 * Method: the builder's journals, damaged below a checkpoint, where recovery does not look; each
 *         call of the storage, and each allocation, refused in turn.
 */
#include <stdio.h>

#include "core/journal/reader.h"
#include "tests/support/failing_storage.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/recovery_bed.h"

#define BATCHES_MAX (CHUNK_BYTES / WR_BLOCK_BYTES)
#define HEADER_AT 30u
#define BODY_AT 3000u

static struct wr_reader reader;
static uint8_t *buffer;
static struct wr_extent_batch batches[BATCHES_MAX];
static struct wr_extent_view view = {.batches = batches, .batches_max = BATCHES_MAX};

TestSuite(reader_damage, .init = setup, .fini = teardown);

static void open_reader(void)
{
	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0, "%d %s", p.result, p.problem.text);
	cr_assert_eq(wr_reader_init(&reader, &p.table, p.storage, &p.memory.base), 0);
	buffer = aligned_alloc(WR_BLOCK_BYTES, CHUNK_BYTES);
}

static void close_reader(void)
{
	wr_reader_fini(&reader, &p.memory.base);
	free(buffer);
	log_probe_close(&p);
}

static int load(uint64_t seq)
{
	return wr_reader_load(&reader, seq, b.next_seq - 1, buffer, &view, NULL);
}

/* Recovery begins behind all that is damaged. */
static void end_cold(void)
{
	b.hold_durable = false;
	log_builder_checkpoint(&b, 0, 1, 100);
	log_builder_batch(&b, 3, 100);
}

/* Sequences of [first, end) are damaged, and no other. */
static void expect_damaged(uint64_t first_seq, uint64_t end_seq, const char *what, uint32_t which)
{
	open_reader();
	for (uint64_t seq = 1; seq < b.next_seq; seq++) {
		bool is_struck = seq >= first_seq && seq < end_seq;
		int r = load(seq);
		cr_assert_eq(r, is_struck ? WEIR_E_CORRUPT : 0, "%s %u: sequence %lu: %d", what,
			     which, seq, r);
	}
	close_reader();
}

Test(reader_damage, of_any_batch_in_header_or_body_costs_its_own_events)
{
	build(40);
	end_cold();
	for (uint32_t i = 1; i < 36; i++) {
		if (b.batches[i].header.record_count == 0 || b.batches[i].offset == WR_BLOCK_BYTES)
			continue;
		for (uint32_t at = HEADER_AT; at <= BODY_AT; at += BODY_AT - HEADER_AT) {
			damage(i, at);
			expect_damaged(seq_of(i), seq_of(i) + 3,
				       at == HEADER_AT ? "header" : "body", i);
			damage(i, at);
		}
	}
}

/* An extent that has lost the header of its first batch, and the one behind it, too. */
Test(reader_damage, a_search_passes_over_extents_that_do_not_say_what_they_are)
{
	build(40);
	end_cold();
	uint32_t at = 12; /* the first batch of a segment */
	cr_assert_eq(b.batches[at].offset, WR_BLOCK_BYTES);
	damage(at + 4, HEADER_AT);
	damage(at + 8, HEADER_AT);
	open_reader();
	for (uint32_t i = at; i < at + 12; i++)
		for (uint64_t seq = seq_of(i); seq < seq_of(i) + 3; seq++)
			cr_expect_eq(load(seq), i == at + 4 || i == at + 8 ? WEIR_E_CORRUPT : 0,
				     "batch %u: %lu", i, seq);
	uint64_t found;
	for (uint32_t i = at + 1; i < at + 4; i++) {
		cr_assert_eq(wr_reader_find_time(&reader, b.batches[i].header.time_base_us,
						 b.next_seq - 1, buffer, &view, &found, NULL),
			     0);
		cr_expect_eq(found, seq_of(i));
	}
	cr_expect_eq(wr_reader_find_time(&reader, b.batches[at + 4].header.time_base_us,
					 b.next_seq - 1, buffer, &view, &found, NULL),
		     WEIR_E_CORRUPT, "what is asked for is damaged");
	cr_assert_eq(wr_reader_find_time(&reader, 0, 0, buffer, &view, &found, NULL), 0);
	cr_expect_eq(found, 1u, "nothing is durable");
	close_reader();
}

/* What an older life of a file has left where an extent begins says nothing. */
Test(reader_damage, what_an_older_life_left_is_nothing)
{
	build(40);
	log_builder_recycle(&b, 0);
	log_builder_batch(&b, 3, 100);
	log_builder_batch(&b, 3, 100);
	open_reader();
	uint64_t last = b.next_seq - 1;
	cr_assert_eq(load(last), 0);
	cr_expect_eq(view.end_seq, b.next_seq);
	cr_expect_not(view.closed, "more may come here");
	cr_expect_eq(load(last - 3), 0);
	close_reader();
}

static void cut_first(void)
{
	cr_assert_eq(
		wr_sim_disk_truncate(disk, "0-00000001.seg", WR_BLOCK_BYTES + CHUNK_BYTES + 512),
		0);
}

Test(reader_damage, of_a_file_that_is_cut_what_stands_before_is_read)
{
	build(40);
	end_cold();
	open_reader();
	cut_first();
	for (uint32_t i = 12; i < 24; i++)
		cr_expect_eq(load(seq_of(i)), i < 16 ? 0 : WEIR_E_CORRUPT, "batch %u", i);
	close_reader();
}

/* --- what does not go on ---------------------------------------------------------------------- */

enum odd {
	CHAIN,
	GAP,
	LOWER_EPOCH,
	HIGHER_EPOCH,
	ATTESTS_ITSELF,
	START_OF_SAME_EPOCH,
	START_OF_EPOCH,
	START_OF_SEGMENT,
	START_OF_OFFSET,
	START_OF_SEQUENCE,
	START_OF_CRC,
	START, /* which is good */
	WAYS,
};

static void append_odd(enum odd way)
{
	struct wr_epoch_start start = log_builder_end(&b);

	b.chain ^= way == CHAIN ? 1 : 0;
	b.next_seq += way == GAP ? 2 : 0;
	b.epoch += way == HIGHER_EPOCH ? 1 : 0;
	b.epoch -= way == LOWER_EPOCH ? 1 : 0;
	if (way == ATTESTS_ITSELF) {
		b.hold_durable = true;
		b.durable_seq = b.next_seq + 1;
	}
	if (way < START_OF_SAME_EPOCH) {
		log_builder_batch(&b, 3, 100);
		return;
	}
	b.epoch += way == START_OF_SAME_EPOCH ? 0 : 1;
	start.epoch += way == START_OF_EPOCH ? 7 : 0;
	start.end_segment_id += way == START_OF_SEGMENT ? 7 : 0;
	start.end_offset += way == START_OF_OFFSET ? WR_BLOCK_BYTES : 0;
	start.last_seq += way == START_OF_SEQUENCE ? 1 : 0;
	start.header_crc ^= way == START_OF_CRC ? 1 : 0;
	log_builder_start(&b, &start);
}

Test(reader_damage, a_batch_that_does_not_go_on_from_the_one_before_is_damage)
{
	for (int way = 0; way < WAYS; way++) {
		teardown();
		setup();
		build(4);
		log_builder_go_on(&b);
		log_builder_batch(&b, 3, 100);
		uint64_t durable_seq = b.durable_seq, seq = b.next_seq;
		append_odd((enum odd)way);
		b.hold_durable = true;
		b.durable_seq = durable_seq;
		bool is_good = way == START || way == START_OF_SAME_EPOCH;
		open_reader();
		int r = wr_reader_load(&reader, seq - 1, b.next_seq - 1, buffer, &view, NULL);
		cr_expect_eq(r, 0, "way %d: %d", way, r);
		cr_expect_eq(view.end_seq, is_good ? b.next_seq : seq, "way %d: %lu", way,
			     view.end_seq);
		close_reader();
	}
}

/* In the middle of a cold log: what goes back in its sequences is nobody's follower. */
Test(reader_damage, behind_damage_no_batch_is_taken_that_goes_back)
{
	build(13);
	uint64_t seq = b.next_seq;
	uint32_t damaged = b.batch_count;
	log_builder_batch(&b, 3, 100);
	b.hold_durable = true;
	b.durable_seq = seq - 10; /* it attests nothing of itself */
	b.next_seq = seq - 3;
	log_builder_batch(&b, 3, 100);
	b.next_seq = seq + 3;
	for (uint32_t i = 0; i < 10; i++)
		log_builder_batch(&b, 3, 100);
	end_cold();
	damage(damaged, HEADER_AT);
	expect_damaged(seq, seq + 3, "goes back", damaged);
	open_reader();
	cr_assert_eq(load(seq - 1), 0);
	cr_expect_eq(view.end_seq, seq);
	cr_expect_eq(view.batch_count, 2u, "%u: none twice", view.batch_count);
	close_reader();
}

/* Nor where it begins an extent behind one that is gone: the hole goes on to where the log does. */
Test(reader_damage, an_extent_that_goes_back_ends_no_hole)
{
	build(2);
	uint64_t seq = b.next_seq;
	uint32_t damaged = b.batch_count;
	log_builder_batch(&b, 3, 100); /* to the end of the extent */
	log_builder_batch(&b, 3, 100);
	log_builder_filler(&b);
	b.hold_durable = true;
	b.durable_seq = 1; /* it attests nothing of itself */
	b.next_seq = seq - 3;
	log_builder_batch(&b, 3, 100);
	b.next_seq = seq + 6;
	log_builder_filler(&b);
	for (uint32_t i = 0; i < 10; i++)
		log_builder_batch(&b, 3, 100);
	end_cold();
	damage(damaged, HEADER_AT);
	zero_batch(damaged + 1);
	zero_batch(damaged + 2);
	open_reader();
	struct weir_problem problem = {.text = ""};
	char range[64];
	(void)snprintf(range, sizeof range, "sequences %lu to %lu are", seq, seq + 5);
	cr_expect_eq(wr_reader_load(&reader, seq, b.next_seq - 1, buffer, &view, &problem),
		     WEIR_E_CORRUPT);
	cr_expect_not_null(strstr(problem.text, range), "%s: %s", range, problem.text);
	close_reader();
}

/* A filler that is of another place in the log closes nothing. */
Test(reader_damage, a_filler_of_another_sequence_closes_no_extent)
{
	build(4);
	uint64_t end_seq = b.next_seq;
	open_reader();
	b.next_seq += 7;
	log_builder_filler(&b);
	cr_assert_eq(wr_reader_load(&reader, end_seq - 1, end_seq - 1, buffer, &view, NULL), 0);
	cr_expect_eq(view.end_seq, end_seq);
	cr_expect_not(view.closed);
	close_reader();
}

/* Of what begins an extent: a header that attests itself, and one that names another segment. */
Test(reader_damage, a_header_that_lies_of_itself_begins_no_extent)
{
	for (uint32_t way = 0; way < 2; way++) {
		teardown();
		setup();
		build(14);
		b.hold_durable = true;
		uint64_t durable_seq = b.durable_seq;
		log_builder_batch(&b, 3, 100);
		uint32_t odd = b.batch_count;
		if (way == 0)
			b.durable_seq = b.next_seq + 1;
		log_builder_batch(&b, 3, 100);
		b.durable_seq = durable_seq;
		cr_assert_eq((b.batches[odd].offset - WR_BLOCK_BYTES) % CHUNK_BYTES, 0);
		for (uint32_t i = 0; i < 10; i++)
			log_builder_batch(&b, 3, 100);
		end_cold();
		if (way == 1)
			damage(odd, offsetof(struct wr_batch_header, segment_id));
		expect_damaged(seq_of(odd), seq_of(odd) + 3, "way", way);
	}
}

static void cut_in_a_batch(void)
{
	cr_assert_eq(wr_sim_disk_truncate(disk, "0-00000000.seg",
					  b.batches[1].offset + 2 * WR_BLOCK_BYTES),
		     0);
}

Test(reader_damage, of_a_file_that_is_cut_in_a_batch_that_one_is_not_read)
{
	log_builder_epoch(&b);
	log_builder_batch(&b, 6, 1900);
	cr_assert_eq(b.batches[1].header.batch_bytes, 3 * WR_BLOCK_BYTES);
	for (uint32_t i = 0; i < 20; i++)
		log_builder_batch(&b, 3, 100);
	end_cold();
	open_reader();
	cut_in_a_batch();
	cr_expect_eq(load(1), 0);
	cr_expect_eq(load(2), WEIR_E_CORRUPT);
	close_reader();
}

/*
 * By time it is looked at the first batch of segments. One that is damaged counts as early: what
 * lies behind its extent is found; before that the search may end in the damage, which it says.
 */
Test(reader_damage, a_search_by_time_goes_past_a_segment_that_has_lost_its_beginning)
{
	uint64_t found;

	build(45);
	end_cold();
	open_reader();
	damage(24, HEADER_AT);
	cr_assert_eq(b.batches[24].offset, WR_BLOCK_BYTES);
	for (uint32_t i = 1; i < 40; i++) {
		if (i == 24)
			continue;
		int r = wr_reader_find_time(&reader, b.batches[i].header.time_base_us,
					    b.next_seq - 1, buffer, &view, &found, NULL);
		cr_assert(r == 0 || (i <= 28 && r == WEIR_E_CORRUPT), "batch %u: %d", i, r);
		cr_expect(r != 0 || found == seq_of(i), "batch %u: %lu", i, found);
	}
	close_reader();
}

/* --- what leaves meanwhile -------------------------------------------------------------------- */

static struct wr_storage_ops leaving_ops;
static const struct wr_storage_ops *staying_ops;

/* The oldest segment leaves while it is read, and its file is somebody else's. */
static int64_t read_and_leave(struct wr_storage *s, uint32_t file, void *to, uint32_t length_bytes,
			      uint64_t offset_bytes)
{
	(void)s, (void)file, (void)to, (void)length_bytes, (void)offset_bytes;
	s->ops = staying_ops;
	(void)wr_segment_retire(&p.table);
	return -EIO;
}

Test(reader_damage, what_fails_since_it_has_left_meanwhile_is_retired_and_no_failure)
{
	build(40);
	end_cold();
	open_reader();
	staying_ops = p.storage->ops;
	leaving_ops = *staying_ops;
	leaving_ops.read = read_and_leave;
	p.storage->ops = &leaving_ops;
	cr_expect_eq(load(1), WEIR_E_TRUNCATED);
	cr_expect_eq(load(seq_of(13)), 0);
	p.storage->ops = &leaving_ops;
	cr_expect_eq(load(seq_of(14)), WEIR_E_TRUNCATED, "in the search for its extent");
	close_reader();
}

/* --- what fails ------------------------------------------------------------------------------- */

static int find_middle(void)
{
	uint64_t found;
	return wr_reader_find_time(&reader, b.batches[21].header.time_base_us, b.next_seq - 1,
				   buffer, &view, &found, &p.problem);
}

static int load_middle(void)
{
	reader.next_seq = 0;
	return wr_reader_load(&reader, seq_of(21), b.next_seq - 1, buffer, &view, &p.problem);
}

/* In front of what is damaged: it is looked at what comes behind. */
static int load_damaged(void)
{
	reader.next_seq = 0;
	int r = wr_reader_load(&reader, seq_of(19), b.next_seq - 1, buffer, &view, &p.problem);
	return r == WEIR_E_CORRUPT ? 0 : r;
}

static void sweep(int (*call)(void), const char *what)
{
	bool has_failed = true;

	for (uint64_t n = 1; has_failed; n++) {
		wr_unpack_forget(&reader.unpack);
		memset(&p.problem, 0, sizeof p.problem);
		failing_put_on(p.storage, n, -EIO);
		int r = call();
		has_failed = failing_take_off(p.storage);
		cr_expect_eq(r, has_failed ? -EIO : 0, "%s, call %lu: %d", what, n, r);
	}
}

Test(reader_damage, each_read_that_fails_is_said)
{
	for (uint32_t packs = 0; packs < 2; packs++) {
		teardown();
		setup();
		build(40);
		end_cold();
		if (packs == 1)
			cr_assert_gt(pack_bed_all(disk, storage, true), 1);
		open_reader();
		sweep(find_middle, "by time");
		sweep(load_middle, "by sequence");
		if (packs == 0) {
			for (uint32_t i = 17; i < 20; i++)
				damage(i, HEADER_AT);
			sweep(load_damaged, "behind the end of an extent");
			damage(20, HEADER_AT);
			sweep(load_damaged, "behind damage");
		}
		close_reader();
	}
}

/* The filler that closed an extent is damaged: what comes behind says whether it is closed. */
static int load_before_filler(void)
{
	reader.next_seq = 0;
	int r = wr_reader_load(&reader, seq_of(1), b.next_seq - 1, buffer, &view, &p.problem);
	cr_assert(r < 0 || view.closed);
	return r;
}

Test(reader_damage, a_read_that_fails_behind_a_damaged_filler_is_said)
{
	build(2);
	log_builder_filler(&b);
	uint32_t filler = b.batch_count - 1;
	for (uint32_t i = 0; i < 20; i++)
		log_builder_batch(&b, 3, 100);
	end_cold();
	damage(filler, HEADER_AT);
	open_reader();
	sweep(load_before_filler, "behind a filler");
	close_reader();
}

Test(reader_damage, without_memory_there_is_no_reader)
{
	struct wr_memory_sim memory;
	int r = -ENOMEM;
	uint64_t k = 0;

	build(5);
	open_reader();
	for (; r == -ENOMEM; k++) {
		struct wr_reader another;
		wr_memory_sim_init(&memory, NULL);
		wr_memory_sim_fail(&memory, k + 1, false);
		r = wr_reader_init(&another, &p.table, p.storage, &memory.base);
		if (r == 0)
			wr_reader_fini(&another, &memory.base);
		cr_expect_eq(memory.live_count, 0, "allocation %lu", k);
	}
	cr_expect_eq(r, 0);
	cr_expect_gt(k, 1u);
	close_reader();
}
