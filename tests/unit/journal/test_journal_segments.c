/* SPDX-License-Identifier: Apache-2.0 */
/* Segments ahead of the log and behind it: rolls, the reserve, full disks, retention, strays. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "io/sim/storage_sim.h"
#include "tests/support/case.h"
#include "tests/support/journal_rig.h"

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options options;

static void set_up(void)
{
	disk = wr_sim_disk_create(11, NULL);
	cr_assert_not_null(disk);
	options = journal_rig_defaults(disk);
	options.checkpoint_bytes = 8192;
}

static void tear_down(void)
{
	journal_rig_close(&rig);
	cr_assert_eq(rig.memory.live_count, 0);
	wr_sim_disk_destroy(disk);
}

static void open_rig(void)
{
	int r = journal_rig_open(&rig, &options);
	cr_assert_eq(r, 0, "%d %s", r, rig.problem.text);
}

static struct wr_journal_stats stats(void)
{
	struct wr_journal_stats s;
	wr_journal_stats(rig.journal, &s);
	return s;
}

static uint64_t segment_bytes(void)
{
	return rig.table.segment_bytes;
}

TestSuite(journal_segments, .init = set_up);

/* Fills extents with one event each until so many were taken, as fast as they are offered. */
static bool take_extents(uint64_t count)
{
	uint64_t until = rig.writer.extents_taken + count;

	for (uint32_t i = 0; i < 100000 && rig.writer.extents_taken < until; i++) {
		if (mini_writer_append(&rig.writer, 0, i, 64) == MINI_WRITER_DONE)
			(void)mini_writer_close_extent(&rig.writer);
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 1000000);
	}
	return rig.writer.extents_taken == until && journal_rig_drain(&rig);
}

/* A checkpoint of all that is sealed, which frees everything below `needed_seq`. */
static void checkpoint(uint64_t needed_seq)
{
	cr_assert(journal_rig_drain(&rig));
	cr_assert(mini_writer_whole_checkpoint(&rig.writer, 5000, needed_seq));
	for (uint32_t i = 0; i < 10000; i++) {
		if (wr_load_acquire(&rig.link.checkpoint.state) == WR_CHECKPOINT_IDLE)
			return;
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 1000000);
	}
	cr_assert_fail("the checkpoint did not come back");
}

CASE(journal_segments, two_extents_are_offered_before_the_first_step)
{
	open_rig();
	/* One was taken for the epoch's first record. */
	cr_assert_geq(wr_spsc_ready(&rig.link.extents_ring), 2);
	cr_assert_eq(rig.link.extents[wr_spsc_pop_index(&rig.link.extents_ring, 0)].reserve, 0);
	cr_assert_eq(wr_load_relaxed(&rig.link.starved), 0);
}

CASE(journal_segments, spares_and_the_reserve_are_prepared_ahead)
{
	options.extents = 32; /* what is offered is of one segment */
	open_rig();
	cr_assert(journal_rig_settle(&rig));
	/* The current one has no batch yet and is a spare; two ahead, and the reserve. */
	cr_assert_eq(stats().segments_spare, 4);
	cr_assert_eq(stats().segments_live, 0);
	cr_assert(take_extents(1));
	cr_assert_eq(stats().segments_live, 1);
	cr_assert_eq(stats().segments_spare, 3);
}

static bool header_is_durable(const struct wr_extent *extent)
{
	struct wr_sim_disk *after = wr_sim_disk_clone(disk);
	struct wr_segment_header header = {.segment_id = 0};
	char name[WR_STORAGE_NAME_MAX + 1] = "";

	cr_assert_not_null(after);
	for (uint32_t i = 0; i < wr_load_relaxed(&rig.table.count); i++)
		if (wr_load_relaxed(&rig.table.segments[i].file) == extent->file)
			wr_segment_name(name, rig.table.log_id, rig.table.segments[i].file_number);
	/* What a power cut that keeps nothing un-synced would leave. */
	after->plan.keep_ppm = 0;
	after->plan.torn_ppm = 0;
	wr_sim_disk_power_cut(after);
	uint64_t bytes = 0;
	const uint8_t *content = wr_sim_disk_peek(after, name, &bytes);
	bool good = content != NULL && bytes == segment_bytes() &&
		    wr_segment_header_decode(content, &header) == WR_BLOCK_VALID &&
		    header.segment_id == extent->segment_id;
	wr_sim_disk_destroy(after);
	return good;
}

CASE(journal_segments, no_extent_is_offered_before_its_header_survives_power_loss)
{
	options.journal.segments_ahead = 1;
	options.journal.retention_bytes = 1;
	options.extents = 2;
	open_rig();
	for (uint64_t i = 0; i < 80; i++) {
		struct wr_spsc *ring = &rig.link.extents_ring;
		for (uint64_t k = 0; k < wr_spsc_ready_for(ring, ring->mask + 1); k++)
			cr_assert(header_is_durable(&rig.link.extents[wr_spsc_pop_index(ring, k)]));
		cr_assert(take_extents(1));
		if (i % 8 == 0)
			checkpoint(rig.writer.next_seq);
	}
	cr_assert_gt(stats().segments_recycled, 10);
}

CASE(journal_segments, extents_come_in_log_order_and_ids_ascend)
{
	open_rig();
	uint64_t last_id = rig.writer.extent.segment_id;
	uint64_t last_offset = rig.writer.extent.segment_offset;
	cr_assert_eq(last_offset, WR_BLOCK_BYTES);
	for (uint64_t i = 0; i < 60; i++) {
		cr_assert(take_extents(1) && journal_rig_settle(&rig));
		const struct wr_extent *e = &rig.writer.extent;
		cr_assert_eq(e->reserve, 0);
		if (e->segment_id == last_id) {
			cr_assert_eq(e->segment_offset, last_offset + options.chunk_bytes);
		} else {
			cr_assert_gt(e->segment_id, last_id);
			cr_assert_eq(e->segment_offset, WR_BLOCK_BYTES);
		}
		last_id = e->segment_id;
		last_offset = e->segment_offset;
	}
	/* And readers find each sequence in the segment that holds it. */
	struct wr_segment_found found;
	cr_assert(wr_segment_find(&rig.table, rig.writer.next_seq - 1, &found));
	cr_assert_eq(found.segment_id, last_id);
	cr_assert(wr_segment_find(&rig.table, 1, &found));
	cr_assert_eq(found.first_seq, 1);
}

CASE(journal_segments, retention_never_passes_a_gate_over_many_rolls)
{
	uint64_t needed[2] = {0, 0}, last[2] = {0, 0}, oldest_before = 0;

	options.journal.retention_bytes = 4 * (4 * options.chunk_bytes + WR_BLOCK_BYTES);
	open_rig();
	cr_assert(take_extents(3)); /* from here on whole segments */
	for (uint32_t i = 0; i < 150; i++) {
		cr_assert(take_extents(4));
		uint64_t oldest = wr_segment_oldest_seq(&rig.table);
		cr_assert_geq(oldest, oldest_before);
		/* needed: nothing below; last: the batch that a checkpoint names stays. */
		for (uint32_t k = 0; k < 2; k++)
			cr_assert(oldest == 1 || (oldest <= needed[k] && oldest <= last[k]));
		oldest_before = oldest;
		if (i % 2 == 0)
			continue;
		needed[i / 2 % 2] = rig.writer.next_seq - (i % 7 == 1 ? 3 : 0);
		last[i / 2 % 2] = rig.writer.next_seq - 1;
		checkpoint(needed[i / 2 % 2]);
	}
	cr_assert_gt(stats().segments_recycled, 100);
	/* Four by retention, what the gate holds, and not one file more than that takes. */
	cr_assert_leq(stats().segments_live, 9);
	cr_assert_leq(wr_load_relaxed(&rig.table.count), 14);
	cr_assert_eq(stats().prepare_failures, 0);
}

CASE(journal_segments, nothing_is_recycled_before_two_checkpoints_are_durable)
{
	options.journal.retention_bytes = 1;
	open_rig();
	cr_assert(take_extents(20));
	uint64_t live = stats().segments_live;
	cr_assert_geq(live, 5);
	cr_assert_eq(stats().segments_recycled, 0);
	checkpoint(rig.writer.next_seq);
	cr_assert(journal_rig_settle(&rig));
	cr_assert_eq(stats().segments_recycled, 0);
	checkpoint(rig.writer.next_seq);
	cr_assert(journal_rig_settle(&rig));
	cr_assert_eq(stats().segments_recycled, live - 1);
	/* What is being written to stays. */
	cr_assert_eq(stats().segments_live, 1);
}

CASE(journal_segments, what_a_subscription_needs_is_kept_whatever_retention_says)
{
	options.journal.retention_bytes = 1;
	open_rig();
	cr_assert(take_extents(20));
	checkpoint(2);
	checkpoint(2);
	cr_assert(journal_rig_settle(&rig));
	cr_assert_eq(stats().segments_recycled, 0);
}

CASE(journal_segments, a_position_that_was_moved_back_holds_its_segment_at_once)
{
	options.journal.retention_bytes = 1;
	open_rig();
	cr_assert(take_extents(20));
	uint64_t live = stats().segments_live;
	wr_store_release(&rig.link.needed_seq, 2u); /* D3: as a writer that decides a seek */
	checkpoint(rig.writer.next_seq);
	checkpoint(rig.writer.next_seq);
	cr_assert(journal_rig_settle(&rig));
	cr_expect_eq(stats().segments_recycled, 0, "the checkpoints' gates are of the past");
	wr_store_release(&rig.link.needed_seq, rig.writer.next_seq);
	checkpoint(rig.writer.next_seq);
	cr_assert(journal_rig_settle(&rig));
	cr_expect_eq(stats().segments_recycled, live - 1);
}

CASE(journal_segments, nothing_leaves_while_somebody_asks_for_a_place)
{
	options.journal.retention_bytes = 1;
	open_rig();
	cr_assert(take_extents(20));
	wr_store_seq(&rig.link.asking, 1u); /* D4: as a control call */
	checkpoint(rig.writer.next_seq);
	checkpoint(rig.writer.next_seq);
	cr_assert(journal_rig_settle(&rig));
	cr_expect_eq(stats().segments_recycled, 0);
	cr_expect_eq(wr_load_seq(&rig.link.leaving_seq), 0, "what stays is not said to leave");
	wr_store_release(&rig.link.asking, 0u);
	cr_assert(journal_rig_settle(&rig));
	cr_expect_gt(stats().segments_recycled, 0, "without another checkpoint");
	cr_expect_eq(wr_load_seq(&rig.link.leaving_seq), wr_segment_oldest_seq(&rig.table));
}

CASE(journal_segments, a_close_prepares_nothing_that_it_has_no_use_for)
{
	open_rig();
	cr_assert(journal_rig_settle(&rig));
	uint32_t files = wr_load_relaxed(&rig.table.count);
	wr_journal_closing(rig.journal);
	/* All that is ready is written to, the reserve too; and then one more at a time. */
	uint64_t until = rig.writer.extents_taken + 40;
	for (uint32_t i = 0; i < 10000 && rig.writer.extents_taken < until; i++) {
		if (mini_writer_settle(&rig.writer, 0) == MINI_WRITER_DONE)
			(void)mini_writer_close_extent(&rig.writer);
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 1000000);
		if (rig.writer.extents_taken < 12)
			cr_expect_eq(wr_load_relaxed(&rig.table.count), files);
	}
	cr_expect_eq(rig.writer.extents_taken, until);
}

CASE(journal_segments, a_full_disk_starves_events_and_not_settles_and_ends_when_there_is_room)
{
	open_rig();
	cr_assert(journal_rig_settle(&rig));
	disk->plan.capacity_bytes = 1; /* no room for anything more */
	cr_assert_not(take_extents(1000));
	cr_assert_eq(wr_load_relaxed(&rig.link.starved), 1);
	cr_assert_eq(mini_writer_append(&rig.writer, 0, 1, 64), MINI_WRITER_NO_EXTENT);
	cr_assert_gt(stats().prepare_failures, 0);
	/* Tried again, and not in a busy loop. */
	cr_assert_leq(wr_journal_idle_ns(rig.journal), 100000000);
	uint64_t failures = stats().prepare_failures;
	for (uint32_t i = 0; i < 100; i++)
		(void)journal_rig_step(&rig);
	cr_assert_leq(stats().prepare_failures, failures + 1);
	/* The reserve takes the settles that may free the disk: a whole segment of them. */
	for (uint32_t i = 0; i < 4; i++) {
		cr_assert_eq(mini_writer_settle(&rig.writer, 1), MINI_WRITER_DONE);
		cr_assert_eq(rig.writer.extent.reserve, 1);
		cr_assert_eq(mini_writer_close_extent(&rig.writer), MINI_WRITER_DONE);
		cr_assert(journal_rig_drain(&rig));
	}
	cr_assert_eq(mini_writer_settle(&rig.writer, 1), MINI_WRITER_NO_EXTENT);
	cr_assert_eq(journal_rig_durable(&rig), rig.writer.next_seq - 1);
	cr_assert_not(journal_rig_failed(&rig));
	disk->plan.capacity_bytes = 0;
	cr_assert(take_extents(20));
	cr_assert(journal_rig_settle(&rig));
	cr_assert_eq(wr_load_relaxed(&rig.link.starved), 0);
	cr_assert_eq(wr_load_relaxed(&rig.link.lanes[1].durable_ticket), 4);
}

CASE(journal_segments, a_full_disk_ends_when_retention_frees_segments)
{
	options.journal.retention_bytes = 3 * (4 * options.chunk_bytes + WR_BLOCK_BYTES);
	open_rig();
	cr_assert(take_extents(20));
	checkpoint(2);
	cr_assert(journal_rig_settle(&rig));
	disk->plan.capacity_bytes = 1;
	cr_assert_not(take_extents(1000));
	cr_assert_eq(wr_load_relaxed(&rig.link.starved), 1);
	/* The consumers settle all: two checkpoints later there is room, and no new file. */
	uint32_t files = wr_load_relaxed(&rig.table.count);
	for (uint32_t i = 0; i < 2; i++) {
		cr_assert_eq(mini_writer_settle(&rig.writer, 1), MINI_WRITER_DONE);
		cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
		checkpoint(rig.writer.next_seq);
	}
	cr_assert(take_extents(8));
	cr_assert_eq(wr_load_relaxed(&rig.table.count), files);
	cr_assert_gt(stats().segments_recycled, 0);
}

CASE(journal_segments, an_open_on_a_full_disk_fails_if_nothing_can_be_offered)
{
	disk->plan.capacity_bytes = 20000;
	cr_assert_eq(journal_rig_open(&rig, &options), -ENOSPC);
	cr_assert_str_neq(rig.problem.text, "");
	/* The half-made file is gone again. */
	uint64_t bytes;
	cr_assert_null(wr_sim_disk_peek(disk, "0-00000000.seg", &bytes));
	cr_assert_eq(rig.memory.live_count, 0);
}

CASE(journal_segments, an_open_with_room_for_one_segment_starts_on_its_reserve)
{
	options.checkpoint_bytes = 0;
	disk->plan.capacity_bytes = 4 * 4096 + 5 * 4 * 4096;
	open_rig();
	cr_assert_eq(wr_load_relaxed(&rig.link.starved), 1);
	cr_assert_eq(mini_writer_append(&rig.writer, 0, 1, 64), MINI_WRITER_NO_EXTENT);
	cr_assert_eq(mini_writer_settle(&rig.writer, 0), MINI_WRITER_DONE);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
	disk->plan.capacity_bytes = 0;
	cr_assert(take_extents(10));
}

CASE(journal_segments, under_full_load_with_one_request_at_a_time_rolls_still_find_a_segment)
{
	options.depth_max = 1;
	options.extents = 1;
	open_rig();
	for (uint32_t i = 0; i < 5000; i++) {
		/* As much as goes in, never idle. */
		while (mini_writer_append(&rig.writer, 0, i, 2000) == MINI_WRITER_DONE)
			continue;
		(void)journal_rig_step(&rig);
		disk->clock->mono_ns += 20000;
	}
	cr_assert(journal_rig_drain(&rig));
	cr_assert_gt(stats().segments_live, 20);
}

CASE(journal_segments, a_failed_header_of_a_spare_costs_one_file_and_nothing_else)
{
	open_rig();
	cr_assert(journal_rig_settle(&rig));
	uint64_t spares = stats().segments_spare;
	/* The next write is that of a header: no batch is under way. */
	cr_assert(take_extents(3));
	for (uint32_t i = 0; i < 100000 && stats().prepare_failures == 0; i++) {
		if (mini_writer_is_drained(&rig.writer) && wr_journal_is_idle(rig.journal)) {
			disk->plan.chance_ppm[WR_FAULT_WRITE_ERROR] = 0;
			cr_assert_eq(mini_writer_append(&rig.writer, 0, i, 64), MINI_WRITER_DONE);
			cr_assert_eq(mini_writer_close_extent(&rig.writer), MINI_WRITER_DONE);
			cr_assert(journal_rig_drain(&rig));
			disk->plan.chance_ppm[WR_FAULT_WRITE_ERROR] = 1000000;
			disk->plan.budget[WR_FAULT_WRITE_ERROR] = 1;
			disk->plan.budget_all = 1;
		}
		if (journal_rig_step(&rig) == 0)
			(void)rig.storage->ops->poll(rig.storage, 1000000);
	}
	cr_assert_eq(stats().prepare_failures, 1);
	cr_assert_not(journal_rig_failed(&rig));
	cr_assert(journal_rig_settle(&rig));
	cr_assert(take_extents(30));
	cr_assert(journal_rig_settle(&rig));
	cr_assert_eq(stats().segments_spare + 1, spares);
}

CASE(journal_segments, a_strangers_file_under_the_next_name_is_left_alone)
{
	uint64_t bytes = 0;

	open_rig();
	cr_assert(journal_rig_settle(&rig));
	char name[WR_STORAGE_NAME_MAX + 1];
	wr_segment_name(name, 0, wr_load_relaxed(&rig.table.count)); /* numbers are dense */
	cr_assert_eq(wr_sim_disk_put(disk, name, "mine", 4), 0);
	cr_assert(take_extents(20));
	cr_assert(journal_rig_settle(&rig));
	cr_assert_eq(memcmp(wr_sim_disk_peek(disk, name, &bytes), "mine", 4), 0);
	cr_assert_eq(bytes, 4);
	cr_assert_eq(stats().prepare_failures, 1);
	cr_assert_geq(stats().segments_spare, 3);
}

/* Opens with a file under a segment's name: whether it is still there, as it was. */
static bool stays(const char *content, uint64_t bytes)
{
	static const char name[] = "0-00000032.seg";
	uint64_t found = 0;

	tear_down();
	set_up();
	open_rig();
	cr_assert(journal_rig_settle(&rig));
	cr_assert_gt(segment_bytes(), bytes);
	journal_rig_close(&rig);
	cr_assert_eq(wr_sim_disk_put(disk, name, content, bytes), 0);
	cr_assert_eq(journal_rig_open(&rig, &options), 0, "%s", rig.problem.text);
	cr_assert(journal_rig_settle(&rig));
	const uint8_t *there = wr_sim_disk_peek(disk, name, &found);
	if (there == NULL)
		return false;
	cr_expect_eq(found, bytes);
	cr_expect_eq(memcmp(there, content, bytes), 0);
	return true;
}

CASE(journal_segments, only_zeros_under_a_segments_name_are_the_rest_of_a_making)
{
	static char content[2 * WR_BLOCK_BYTES + 7];

	/* What a process leaves that dies in a PREPARE: zeros, of less than a segment. */
	cr_expect_not(stays(content, 0));
	cr_expect_not(stays(content, 1));
	cr_expect_not(stays(content, WR_BLOCK_BYTES - 1));
	cr_expect_not(stays(content, WR_BLOCK_BYTES));
	cr_expect_not(stays(content, sizeof content));

	/* What it cannot have left. */
	cr_expect(stays("mine", 4));
	content[WR_BLOCK_BYTES - 1] = 1;
	cr_expect(stays(content, WR_BLOCK_BYTES));
	content[WR_BLOCK_BYTES - 1] = 0;
	content[sizeof content - 1] = 1;
	cr_expect(stays(content, sizeof content));
	content[sizeof content - 1] = 0;
	content[100] = 1;
	cr_expect(stays(content, 101));
}

/* The same medium again and again, with the power going at each operation of the next open. */
static void open_with_every_power_cut(void)
{
	struct wr_sim_disk *before = wr_sim_disk_clone(disk);
	int r = WEIR_E_FAILED;

	cr_assert_not_null(before);
	for (uint64_t n = 1; r != 0; n++) {
		cr_assert_lt(n, 1000);
		cr_assert_eq(wr_sim_disk_copy_to(before, disk), 0);
		disk->prng.state[1] += n * 0x9e3779b97f4a7c15u;
		wr_sim_disk_trip_at(disk, n, WEIR_E_FAILED);
		r = journal_rig_open(&rig, &options);
		journal_rig_close(&rig);
		wr_sim_disk_trip_at(disk, 0, 0);
		int again = journal_rig_open(&rig, &options);
		cr_assert_eq(again, 0, "after a cut at operation %d: %d %s", (int)n, again,
			     rig.problem.text);
		journal_rig_crash(&rig);
		journal_rig_close(&rig);
	}
	wr_sim_disk_destroy(before);
}

CASE(journal_segments, a_file_whose_making_was_cut_off_is_made_whole_before_it_is_used)
{
	/* The process dies with a PREPARE under way: written or not, synced or not. */
	for (uint64_t seed = 1; seed <= 40; seed++) {
		tear_down();
		set_up();
		disk->prng.state[0] ^= seed * 0x9e3779b97f4a7c15u;
		options.extents = 2;
		options.checkpoint_bytes = 0;
		open_rig();
		(void)journal_rig_step(&rig);
		wr_storage_sim_kill(rig.storage);
		journal_rig_close(&rig);
		open_with_every_power_cut();
	}
}
