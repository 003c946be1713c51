/* SPDX-License-Identifier: Apache-2.0 */
/* The journal step's batches: order, lanes, merging, failure, evidence, memory, a clean end. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/journal/journal_internal.h"
#include "io/sim/storage_sim.h"
#include "tests/support/case.h"
#include "tests/support/journal_rig.h"

#define BATCHES_MAX 2000u

static struct wr_sim_disk *disk;
static struct journal_rig rig;
static struct journal_rig_options options;
static struct wr_prng prng;

static void set_up(void)
{
	disk = wr_sim_disk_create(7, NULL);
	cr_assert_not_null(disk);
	wr_prng_init(&prng, 7);
	options = journal_rig_defaults(disk);
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

static void append(uint32_t lane, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(mini_writer_append(&rig.writer, lane, rig.writer.next_seq, 64),
			     MINI_WRITER_DONE);
}

static struct wr_journal_stats stats(void)
{
	struct wr_journal_stats s;
	wr_journal_stats(rig.journal, &s);
	return s;
}

TestSuite(journal, .init = set_up);

/* What the lanes and positions must say when everything up to a sequence is durable. */
struct sealed {
	uint64_t end_seq;
	uint64_t ticket[2];
};

static struct sealed sealed[BATCHES_MAX];
static uint32_t sealed_count;
static uint64_t durable_before, written_before;

static void note_sealed(void *context, uint64_t first_seq, uint64_t end_seq)
{
	(void)context, (void)first_seq;
	cr_assert_lt(sealed_count, BATCHES_MAX);
	sealed[sealed_count++] = (struct sealed){
		.end_seq = end_seq,
		.ticket = {rig.writer.ticket[0], rig.writer.ticket[1]},
	};
}

static uint64_t ticket_at(uint64_t seq, uint32_t lane)
{
	uint64_t ticket = 0;
	for (uint32_t i = 0; i < sealed_count && sealed[i].end_seq <= seq + 1; i++)
		ticket = sealed[i].ticket[lane];
	return ticket;
}

/* Positions only grow, in their order, and the lanes' tickets belong to them exactly. */
static void check_positions(void)
{
	uint64_t durable = journal_rig_durable(&rig), written = journal_rig_written(&rig);

	cr_assert_geq(durable, durable_before);
	cr_assert_geq(written, written_before);
	cr_assert_leq(durable, written);
	cr_assert_eq(wr_load_relaxed(&rig.link.medium_seq), durable);
	for (uint32_t lane = 0; lane < 2; lane++) {
		cr_assert_eq(wr_load_relaxed(&rig.link.lanes[lane].durable_ticket),
			     ticket_at(durable, lane));
		cr_assert_eq(wr_load_relaxed(&rig.link.lanes[lane].written_ticket),
			     ticket_at(written, lane));
	}
	durable_before = durable;
	written_before = written;
}

static void random_load(uint32_t rounds)
{
	sealed_count = 0;
	durable_before = written_before = 0;
	rig.writer.sealed = note_sealed;
	for (uint32_t i = 0; i < rounds; i++) {
		uint64_t count = wr_prng_below(&prng, 60);
		for (uint64_t k = 0; k < count; k++)
			(void)mini_writer_append(&rig.writer, (uint32_t)wr_prng_below(&prng, 2), k,
						 64 + (uint32_t)wr_prng_below(&prng, 100));
		if (wr_prng_chance(&prng, 700000))
			(void)mini_writer_seal(&rig.writer);
		if (journal_rig_step(&rig) == 0 && wr_prng_chance(&prng, 300000))
			(void)rig.storage->ops->poll(rig.storage, 100000);
		check_positions();
	}
	cr_assert(journal_rig_drain(&rig));
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
	check_positions();
	cr_assert_eq(journal_rig_durable(&rig), rig.writer.next_seq - 1);
}

CASE(journal, positions_and_tickets_follow_the_log_though_writes_end_in_any_order)
{
	options.journal.batches_in_flight_max = 16;
	options.depth_max = 16;
	open_rig();
	random_load(800);
	cr_assert_gt(stats().writes, 100);
	cr_assert_gt(rig.moved_count, 100);
}

CASE(journal, written_runs_ahead_of_durable_where_the_sync_comes_apart)
{
	bool ahead = false;

	disk->plan.sync_apart = true;
	open_rig();
	for (uint32_t i = 0; i < 50; i++) {
		append(0, 20);
		cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
		while (!mini_writer_is_drained(&rig.writer)) {
			(void)journal_rig_step(&rig);
			(void)rig.storage->ops->poll(rig.storage, 20000);
			ahead = ahead || journal_rig_written(&rig) > journal_rig_durable(&rig);
			cr_assert_leq(wr_load_relaxed(&rig.link.lanes[0].durable_ticket),
				      wr_load_relaxed(&rig.link.lanes[0].written_ticket));
		}
	}
	cr_assert(ahead);
}

CASE(journal, neighbouring_batches_become_one_write)
{
	open_rig();
	cr_assert(journal_rig_settle(&rig));
	cr_assert_eq(stats().writes, 0);
	/* Four of a block each: a chunk. */
	for (uint32_t i = 0; i < 4; i++) {
		append(0, 10);
		cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	}
	/* Neighbours too, but not in the same write: it would exceed a chunk. */
	append(0, 10);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
	cr_assert_eq(stats().batches, 5);
	cr_assert_eq(stats().writes, 2);
	cr_assert_eq(stats().batch_bytes, 5 * WR_BLOCK_BYTES);
}

CASE(journal, batches_that_a_gap_parts_are_not_merged)
{
	open_rig();
	append(0, 1);
	/* The filler's block is adjacent, what it skips is not written. */
	cr_assert_eq(mini_writer_close_extent(&rig.writer), MINI_WRITER_DONE);
	append(0, 1);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
	cr_assert_eq(stats().batches, 3);
	cr_assert_eq(stats().writes, 2);
}

CASE(journal, no_more_writes_are_in_flight_than_allowed)
{
	options.journal.batches_in_flight_max = 2;
	open_rig();
	cr_assert(journal_rig_settle(&rig));
	for (uint32_t i = 0; i < 5; i++) {
		append(0, 1);
		cr_assert_eq(mini_writer_close_extent(&rig.writer), MINI_WRITER_DONE);
	}
	cr_assert_gt(journal_rig_step(&rig), 0);
	cr_assert_eq(stats().writes, 2);
	cr_assert(journal_rig_drain(&rig));
	cr_assert_eq(stats().batches, 10);
}

CASE(journal, a_storage_that_takes_one_request_at_a_time_is_enough)
{
	options.depth_max = 1;
	open_rig();
	random_load(300);
}

/* After FAILED: nothing moves, whatever comes home. */
static void check_failed_for_good(void)
{
	uint64_t durable = journal_rig_durable(&rig), written = journal_rig_written(&rig);
	uint64_t done = wr_load_relaxed(&rig.link.commits_done);
	uint64_t ticket = wr_load_relaxed(&rig.link.lanes[0].durable_ticket);

	cr_assert(journal_rig_failed(&rig));
	cr_assert_eq(wr_journal_problem(rig.journal)->code, -EIO);
	cr_assert_str_neq(wr_journal_problem(rig.journal)->text, "");
	cr_assert_str_neq(wr_journal_problem(rig.journal)->field, "");
	cr_assert_eq(wr_journal_idle_ns(rig.journal), UINT64_MAX);
	for (uint32_t i = 0; i < 50; i++) {
		(void)mini_writer_append(&rig.writer, 0, i, 64);
		(void)mini_writer_seal(&rig.writer);
		cr_assert_eq(journal_rig_step(&rig), 0);
		(void)rig.storage->ops->poll(rig.storage, 1000000);
	}
	cr_assert_eq(journal_rig_durable(&rig), durable);
	cr_assert_eq(journal_rig_written(&rig), written);
	cr_assert_eq(wr_load_relaxed(&rig.link.commits_done), done);
	cr_assert_eq(wr_load_relaxed(&rig.link.lanes[0].durable_ticket), ticket);
	cr_assert(wr_journal_is_idle(rig.journal));
	cr_assert_eq(wr_journal_close_clean(rig.journal, 1, 1, 4096, 1), WEIR_E_FAILED);
}

static void run_into(enum wr_fault fault)
{
	open_rig();
	append(0, 10);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_settle(&rig));
	disk->plan.chance_ppm[fault] = 1000000;
	disk->plan.budget[fault] = 1;
	disk->plan.budget_all = 1;
	for (uint32_t i = 0; i < 4; i++) {
		append(0, 1);
		cr_assert_eq(mini_writer_close_extent(&rig.writer), MINI_WRITER_DONE);
	}
	uint64_t moved = rig.moved_count;
	cr_assert_not(journal_rig_drain(&rig));
	cr_assert_gt(rig.moved_count, moved);
}

CASE(journal, a_failed_write_is_final)
{
	/* Whichever of several in flight it is, and whatever comes home after it. */
	for (uint64_t seed = 1; seed <= 40; seed++) {
		tear_down();
		set_up();
		disk->prng.state[0] ^= seed * 0x9e3779b97f4a7c15u;
		/* Each to a file of its own, since a failed file fails the others too (S5). */
		options.extents = 1;
		options.journal.segments_ahead = 6;
		run_into(WR_FAULT_WRITE_ERROR);
		cr_assert_eq(disk->plan.taken[WR_FAULT_WRITE_ERROR], 1);
		check_failed_for_good();
	}
}

CASE(journal, a_failed_sync_is_final_and_what_was_written_stays_so)
{
	disk->plan.sync_apart = true;
	run_into(WR_FAULT_SYNC_ERROR);
	cr_assert_eq(disk->plan.taken[WR_FAULT_SYNC_ERROR], 1);
	check_failed_for_good();
}

CASE(journal, a_storage_that_breaks_fails_the_journal)
{
	open_rig();
	append(0, 3);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	uint64_t durable = journal_rig_durable(&rig);
	journal_rig_crash(&rig);
	for (uint32_t i = 0; i < 5; i++)
		(void)journal_rig_step(&rig);
	cr_assert(journal_rig_failed(&rig));
	cr_assert_eq(journal_rig_durable(&rig), durable);
	cr_assert_eq(journal_rig_step(&rig), 0);
}

CASE(journal, before_ack_nothing_is_acknowledged_without_evidence_on_the_medium)
{
	options.journal.seal_before_ack = true;
	open_rig();
	append(1, 10);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
	cr_assert_eq(wr_load_relaxed(&rig.link.medium_seq), 11);
	cr_assert_eq(journal_rig_written(&rig), 11);
	cr_assert_eq(journal_rig_durable(&rig), 0);
	cr_assert_eq(wr_load_relaxed(&rig.link.lanes[1].written_ticket), 10);
	cr_assert_eq(wr_load_relaxed(&rig.link.lanes[1].durable_ticket), 0);
	/* The next batch attests the first, not itself. */
	append(1, 5);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
	cr_assert_eq(journal_rig_durable(&rig), 11);
	cr_assert_eq(wr_load_relaxed(&rig.link.lanes[1].durable_ticket), 10);
	cr_assert_eq(mini_writer_evidence(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
	cr_assert_eq(journal_rig_durable(&rig), 16);
	cr_assert_eq(wr_load_relaxed(&rig.link.lanes[1].durable_ticket), 15);
}

CASE(journal, before_ack_the_rings_hold_all_that_waits_for_evidence)
{
	options.journal.seal_before_ack = true;
	open_rig();
	for (uint32_t i = 0; i < 3000; i++) {
		enum mini_writer_result r = mini_writer_append(&rig.writer, i & 1, i, 64);
		if (r == MINI_WRITER_DONE)
			r = mini_writer_append(&rig.writer, ~i & 1, i, 64);
		if (r == MINI_WRITER_DONE)
			r = mini_writer_seal(&rig.writer);
		if (r != MINI_WRITER_DONE)
			cr_assert(journal_rig_drain(&rig));
		cr_assert_leq(journal_rig_durable(&rig), wr_load_relaxed(&rig.link.medium_seq));
	}
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
	cr_assert_eq(mini_writer_evidence(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
	cr_assert_eq(journal_rig_durable(&rig), rig.writer.next_seq - 1);
	for (uint32_t lane = 0; lane < 2; lane++)
		cr_assert_eq(wr_load_relaxed(&rig.link.lanes[lane].durable_ticket),
			     rig.writer.ticket[lane]);
}

/* The commit that was pushed last. */
static struct wr_commit *last_commit(void)
{
	return &rig.link.commits[(rig.link.commits_ring.tail_own - 1) & rig.link.commits_ring.mask];
}

/* One event, of which the header says that so much is durable. */
static void append_attesting(uint64_t durable_seq)
{
	append(0, 1);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	last_commit()->durable_seq = durable_seq;
	cr_assert(journal_rig_drain(&rig));
}

/* Of a writer that attests less than it could more may wait than is kept apart. */
CASE(journal, before_ack_what_is_not_kept_apart_is_acknowledged_later)
{
	options.journal.seal_before_ack = true;
	open_rig();
	for (uint32_t i = 0; i < WR_JOURNAL_COMMITS_MAX + 6; i++) {
		append_attesting(0);
		cr_assert_eq(journal_rig_durable(&rig), 0u);
	}
	const uint64_t last = journal_rig_written(&rig);
	cr_assert_eq(last, WR_JOURNAL_COMMITS_MAX + 7u, "the first has two records");
	append_attesting(last - 1);
	cr_expect_eq(journal_rig_durable(&rig), WR_JOURNAL_COMMITS_MAX, "all that is kept apart");
	cr_expect_eq(wr_load_relaxed(&rig.link.lanes[0].durable_ticket),
		     WR_JOURNAL_COMMITS_MAX - 1);
	append_attesting(last + 1);
	cr_expect_eq(journal_rig_durable(&rig), last + 1);
	cr_expect_eq(wr_load_relaxed(&rig.link.lanes[0].durable_ticket), last);
}

/* --- what is counted -------------------------------------------------------------------------- */

static uint64_t count_of(const struct wr_tally *t)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < WR_TALLY_BUCKETS; i++)
		count += wr_load_relaxed(&((struct wr_tally *)(uintptr_t)t)->buckets[i]);
	return count;
}

CASE(journal, writes_and_syncs_are_timed_where_they_are_apart)
{
	static struct wr_journal_tally tally;
	static wr_atomic_u64 append_minus_boot_us;

	options.journal.tally = &tally;
	options.journal.append_minus_boot_us = &append_minus_boot_us;
	disk->plan.sync_apart = true;
	for (int apart = 0; apart < 2; apart++) {
		memset(&tally, 0, sizeof tally);
		options.journal.syncs_apart = apart != 0;
		open_rig();
		for (uint32_t i = 0; i < 10; i++) {
			append(0, 3);
			cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
			cr_assert(journal_rig_drain(&rig));
		}
		/* Without a record nothing has waited to be durable. */
		cr_assert_eq(mini_writer_evidence(&rig.writer), MINI_WRITER_DONE);
		cr_assert(journal_rig_drain(&rig));
		cr_expect_eq(count_of(&tally.write_ns), 11u);
		cr_expect_eq(count_of(&tally.write_bytes), 11u);
		cr_expect_eq(count_of(&tally.durable_ns), 10u);
		cr_expect_eq(count_of(&tally.sync_ns), apart != 0 ? 11u : 0u);
		cr_expect_gt(wr_load_relaxed(&tally.write_ns.sum),
			     wr_load_relaxed(&tally.sync_ns.sum));
		journal_rig_close(&rig);
	}
}

CASE(journal, nothing_is_allocated_after_start)
{
	options.journal.retention_bytes = 1;
	options.checkpoint_bytes = 8192;
	open_rig();
	uint64_t requests = rig.memory.request_count;
	random_load(800);
	cr_assert_eq(rig.memory.request_count, requests);
}

CASE(journal, each_failed_allocation_is_an_error_and_leaks_nothing)
{
	options.checkpoint_bytes = 8192;
	open_rig();
	struct wr_memory_sim memory;
	struct wr_journal_link link = {.moved = NULL, .checkpoint.more_bytes_max = 8192};
	struct wr_journal *journal = NULL;
	int r = -ENOMEM;
	uint64_t k = 0;

	options.journal.pack = true;
	options.journal.segments_ahead = 0; /* as if it were 1 */

	wr_memory_sim_init(&memory, NULL);
	while (r == -ENOMEM) {
		wr_memory_sim_fail(&memory, ++k, false);
		r = wr_journal_create(rig.storage, &memory.base, &disk->clock->base,
				      &options.journal, &rig.table, &rig.recovered, &link,
				      &journal);
		cr_assert(r == 0 || memory.live_count == 0);
	}
	cr_assert_eq(r, 0);
	cr_assert_gt(k, 5);
	wr_journal_destroy(journal, &memory.base);
	cr_assert_eq(memory.live_count, 0);
	wr_journal_destroy(NULL, &memory.base);
}

CASE(journal, options_that_make_no_sense_are_refused)
{
	open_rig();
	struct wr_journal_link link = {.moved = NULL};
	struct wr_journal *journal = NULL;
	struct wr_journal_options bad = options.journal;

	bad.batches_in_flight_max = 0;
	cr_assert_eq(wr_journal_create(rig.storage, &rig.memory.base, &disk->clock->base, &bad,
				       &rig.table, &rig.recovered, &link, &journal),
		     -EINVAL);
	bad.batches_in_flight_max = WR_BATCHES_IN_FLIGHT_MAX + 1;
	cr_assert_eq(wr_journal_create(rig.storage, &rig.memory.base, &disk->clock->base, &bad,
				       &rig.table, &rig.recovered, &link, &journal),
		     -EINVAL);
	bad = options.journal;
	bad.segments_ahead = rig.table.capacity;
	cr_assert_eq(wr_journal_create(rig.storage, &rig.memory.base, &disk->clock->base, &bad,
				       &rig.table, &rig.recovered, &link, &journal),
		     -EINVAL);
}

CASE(journal, a_table_of_a_shape_that_no_journal_has_is_refused)
{
	static const struct {
		uint32_t chunk_bytes;
		uint64_t segment_bytes;
	} shapes[] = {
		{0, 36864}, {5000, 36864}, {16384, 16384}, {16384, 20481}, {16384, 24576},
	};

	open_rig();
	struct wr_journal_link link = {.moved = NULL};
	struct wr_journal *journal = NULL;
	const uint32_t chunk_bytes = rig.table.chunk_bytes;
	const uint64_t segment_bytes = rig.table.segment_bytes;
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		rig.table.chunk_bytes = shapes[i].chunk_bytes;
		rig.table.segment_bytes = shapes[i].segment_bytes;
		cr_expect_eq(wr_journal_create(rig.storage, &rig.memory.base, &disk->clock->base,
					       &options.journal, &rig.table, &rig.recovered, &link,
					       &journal),
			     -EINVAL, "%zu", i);
	}
	rig.table.chunk_bytes = chunk_bytes;
	rig.table.segment_bytes = segment_bytes;
}

CASE(journal, without_a_packer_its_step_does_nothing)
{
	open_rig();
	rig.link.moved = NULL; /* nobody wants to know */
	append(0, 10);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	cr_assert(journal_rig_drain(&rig));
	cr_expect_eq(wr_journal_pack_step(rig.journal, 1), 0);
	cr_expect_eq(wr_journal_pack_idle_ns(rig.journal), UINT64_MAX);
	wr_journal_pack_end(rig.journal);
	wr_journal_pack_end(NULL);
}

CASE(journal, what_has_failed_and_is_not_told_yet_is_no_clean_end)
{
	open_rig();
	cr_assert(journal_rig_settle(&rig));
	cr_assert(wr_journal_is_idle(rig.journal));
	rig.journal->failure.code = -EIO;
	cr_expect_not(wr_journal_is_idle(rig.journal));
	cr_expect_eq(wr_journal_close_clean(rig.journal, 1, 1, 4096, 1), WEIR_E_FAILED);
}

CASE(journal, a_clean_close_is_refused_while_something_is_under_way)
{
	open_rig();
	append(0, 1);
	cr_assert_eq(mini_writer_seal(&rig.writer), MINI_WRITER_DONE);
	(void)journal_rig_step(&rig);
	cr_assert_not(wr_journal_is_idle(rig.journal));
	cr_assert_eq(wr_journal_close_clean(rig.journal, 1, 1, 4096, 1), WEIR_E_AGAIN);
}
