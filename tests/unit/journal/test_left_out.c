/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   events can be left out of a sealed segment, again and again: every sequence has its
 *         record, the others are byte for byte what was acknowledged, under the headers, chain and
 *         checksums that they had; what is left out is stated, and nothing of it is in the file;
 *         damage is told as everywhere; a crash leaves the old or the new; and without a checkpoint
 *         nobody goes on.
 * Method: the builder's journals, packed by rules; drawn batches for what a batch looks like; every
 *         operation as the one at which the power goes; flipped bits.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/journal/sparse.h"
#include "core/journal/verify.h"
#include "core/record/left_out.h"
#include "io/sim/prng.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/recovery_bed.h"

TestSuite(left_out, .init = setup, .fini = teardown);

/* --- the rule --------------------------------------------------------------------------------- */

static uint64_t end_seq; /* everything from here on stays */
static bool more;        /* the second time */

static bool leaves(uint64_t seq)
{
	return seq < end_seq && (seq % 3 != 0 || (more && seq % 2 != 0));
}

/* An epoch start is no event, and stays. */
static bool is_left_out(uint64_t seq)
{
	const struct log_batch *batch = log_builder_find(&b, seq);
	bool starts = batch != NULL && seq == batch->header.first_seq &&
		      batch->header.epoch != batch->last_epoch;

	return leaves(seq) && !starts;
}

static enum wr_left_out why(void *context, uint64_t seq, uint64_t time_us,
			    const struct wr_record_view *event)
{
	(void)context;
	cr_assert_gt(time_us, 0u);
	cr_assert_eq(wr_get_u64(event->payload), seq);
	return leaves(seq) ? 1 + seq / 7 % 2 : WR_LEFT_OUT_NOT;
}

static const struct wr_pack_rule rule = {.why = why};

static enum wr_left_out keep(void *context, uint64_t seq, uint64_t time_us,
			     const struct wr_record_view *event)
{
	(void)context, (void)seq, (void)time_us, (void)event;
	return WR_LEFT_OUT_NOT;
}

static void build_log(void)
{
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 24; i++) {
		log_builder_batch(&b, 1 + i % 7, i % 5 == 0 ? 1500 : 24 + i);
		if (i == 9)
			log_builder_evidence(&b);
		if (i == 14)
			log_builder_go_on(&b);
	}
	log_builder_checkpoint(&b, 0, 1, 100);
	log_builder_checkpoint(&b, 1, 1, 100);
	log_builder_batch(&b, 2, 40);
}

/* Every sealed segment; the files that it makes are numbered from `number`. */
static uint32_t leave_out(uint32_t number)
{
	uint32_t count = 0;

	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0, "%s", p.problem.text);
	cr_assert_eq(pack_bed_features(&p, storage, WR_SUPERBLOCK_PACKED | WR_SUPERBLOCK_LEFT_OUT),
		     0);
	uint32_t live = wr_segment_live_count(&p.table);
	end_seq = wr_load_relaxed(&wr_segment_live(&p.table, live - 1)->first_seq);
	for (uint32_t n = 0; n + 1 < live; n++, count++)
		cr_assert_eq(pack_bed_rule(&p, storage, n, &rule, number + n, true), 0, "%u", n);
	log_probe_close(&p);
	b.leaves_out = is_left_out;
	b.superblock.features_must |= WR_SUPERBLOCK_PACKED | WR_SUPERBLOCK_LEFT_OUT;
	return count;
}

static const char *name_of(uint32_t file_number)
{
	static char name[WR_STORAGE_NAME_MAX + 1];

	wr_segment_name(name, 0, file_number);
	return name;
}

/* --- a batch ---------------------------------------------------------------------------------- */

/* A good batch of records of any length, and which of them go. */
static uint32_t draw(struct wr_prng *prng, uint8_t *batch, const struct wr_batch_place *place)
{
	uint32_t count = 1 + (uint32_t)wr_prng_below(prng, 40), at = 0, crc_of_it;
	uint32_t seed = wr_batch_seed(place->uuid, place->segment_id);
	uint8_t *body = batch + WR_BATCH_HEADER_BYTES;

	wr_batch_open(batch, WR_BATCH_DATA, 0, 1, 5, 1000);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t extra = (uint32_t)wr_prng_below(prng, 4) == 0
					 ? 0
					 : (uint32_t)wr_prng_below(prng, 90);
		struct wr_record r = {.bytes = WR_RECORD_HEAD_BYTES + extra,
				      .topic = (uint32_t)wr_prng_below(prng, 2),
				      .key_hash = (uint32_t)wr_prng_next(prng),
				      .time_delta_us = i,
				      .kind = WR_KIND_EVENT};
		memset(body + at, 0, wr_record_stride(r.bytes));
		memcpy(body + at, &r, sizeof r);
		for (uint32_t k = 0; k < extra; k++)
			body[at + WR_RECORD_HEAD_BYTES + k] = (uint8_t)wr_prng_next(prng);
		at += wr_record_stride(r.bytes);
	}
	const struct wr_batch_seal seal = {.place = place,
					   .seed = seed,
					   .body_bytes = at,
					   .record_count = count,
					   .body_crc_part = wr_crc32c(seed, body, at)};
	return wr_batch_seal(batch, &seal, &crc_of_it);
}

/* Some more records of it go. How many are left out now. */
static uint32_t thin(struct wr_prng *prng, uint8_t *batch)
{
	const struct wr_batch_header *h = (const void *)batch;
	uint32_t in_four = (uint32_t)wr_prng_below(prng, 5);

	for (uint32_t at = 0; at < h->body_bytes;) {
		struct wr_record *r = (void *)(batch + WR_BATCH_HEADER_BYTES + at);
		at += wr_record_stride(r->bytes);
		if (r->kind == WR_KIND_EVENT && wr_prng_below(prng, 4) < in_four)
			wr_left_out_put(r, 1 + (enum wr_left_out)wr_prng_below(prng, 3));
	}
	return wr_left_out_count(batch);
}

Test(left_out, a_batch_keeps_its_header_and_is_good)
{
	static const uint8_t uuid[WR_UUID_BYTES] = {1, 2, 3};
	const struct wr_batch_place place = {uuid, 0, 7, 8192};
	uint8_t *batch = aligned_alloc(WR_BLOCK_BYTES, 4 * WR_BLOCK_BYTES);
	uint8_t *frame = aligned_alloc(WR_BLOCK_BYTES, 4 * WR_BLOCK_BYTES);
	uint8_t *back = aligned_alloc(WR_BLOCK_BYTES, 4 * WR_BLOCK_BYTES);
	struct wr_batch_header was;
	struct wr_prng prng;

	wr_prng_init(&prng, 4);
	for (uint32_t i = 0; i < 400; i++) {
		uint32_t bytes = draw(&prng, batch, &place);
		memcpy(&was, batch, sizeof was);
		for (uint32_t k = 0; k < 3; k++) {
			uint32_t count = thin(&prng, batch);
			cr_assert_eq(wr_left_out_settle(batch, uuid), count > 0);
			cr_assert_eq(memcmp(batch, &was, sizeof was), 0);
			cr_assert_eq(wr_batch_check(batch, bytes, &place), WR_BATCH_VALID, "%u", i);
			cr_assert_eq(wr_left_out_count(batch), count);
			uint32_t used = wr_sparse_fold(batch, frame);
			cr_assert_leq(used, WR_BATCH_HEADER_BYTES + was.body_bytes);
			uint32_t body = wr_sparse_unfold(&was, frame + WR_BATCH_HEADER_BYTES,
							 used - WR_BATCH_HEADER_BYTES,
							 back + WR_BATCH_HEADER_BYTES);
			cr_assert_eq(body + WR_BATCH_HEADER_BYTES, used);
			cr_assert_eq(memcmp(back + WR_BATCH_HEADER_BYTES,
					    batch + WR_BATCH_HEADER_BYTES, was.body_bytes),
				     0);
			for (uint32_t cut = 0; cut < body; cut += 8)
				cr_assert_eq(wr_sparse_unfold(&was, frame + WR_BATCH_HEADER_BYTES,
							      cut, back + WR_BATCH_HEADER_BYTES),
					     0u, "cut at %u", cut);
		}
	}
	free(batch);
	free(frame);
	free(back);
}

/* --- a segment -------------------------------------------------------------------------------- */

Test(left_out, the_log_is_whole_but_for_them)
{
	uint64_t bytes, before, after;

	build_log();
	cr_assert_gt(leave_out(PACK_BED_FILES), 1u);
	expect_whole();
	cr_expect_not(p.report.created);
	log_probe_close(&p);
	cr_assert_not_null(wr_sim_disk_peek(disk, name_of(PACK_BED_FILES), &before));
	/* And more of what is packed already, from a packed file into one. */
	more = true;
	leave_out(PACK_BED_FILES + 50);
	cr_assert_not_null(wr_sim_disk_peek(disk, name_of(PACK_BED_FILES), &bytes));
	cr_assert_not_null(wr_sim_disk_peek(disk, name_of(PACK_BED_FILES + 50), &after));
	cr_expect_leq(after, before);
	expect_whole();
	log_probe_close(&p);
}

/* Of the plain file, which still is there, each event is looked for in the packed one. */
Test(left_out, nothing_of_them_is_in_the_file)
{
	uint32_t gone = 0, stay = 0;
	uint64_t plain_bytes, bytes;

	build_log();
	leave_out(PACK_BED_FILES);
	const uint8_t *file = wr_sim_disk_peek(disk, name_of(PACK_BED_FILES), &bytes);
	for (uint32_t i = 0; b.batches[i].segment_id == b.batches[0].segment_id; i++) {
		const struct log_batch *batch = &b.batches[i];
		const uint8_t *body =
			wr_sim_disk_peek(disk, name_of(batch->file_number), &plain_bytes) +
			batch->offset + WR_BATCH_HEADER_BYTES;
		uint64_t seq = batch->header.first_seq;
		for (uint32_t at = 0; at < batch->header.body_bytes; seq++) {
			struct wr_record r;
			memcpy(&r, body + at, sizeof r);
			const uint8_t *payload =
				body + at + WR_RECORD_HEAD_BYTES + r.option_bytes + r.key_bytes;
			bool is_there = memmem(file, bytes, payload, 24) != NULL;
			cr_assert_eq(is_there, !is_left_out(seq), "%lu", seq);
			gone += !is_there;
			stay += is_there;
			at += wr_record_stride(r.bytes);
		}
	}
	cr_expect_gt(gone, 10u);
	cr_expect_gt(stay, 5u);
}

Test(left_out, what_was_packed_last_counts_and_the_other_goes)
{
	uint32_t rests = 0, count;

	build_log();
	count = leave_out(PACK_BED_FILES + 50);
	more = true;
	cr_assert_eq(leave_out(PACK_BED_FILES), count); /* names say nothing */
	expect_whole();
	for (uint32_t i = 0; i < wr_load_relaxed(&p.table.count); i++)
		rests += p.table.segments[i].is_rest;
	cr_expect_eq(rests, count);
	log_probe_close(&p);
}

Test(left_out, of_nothing_no_file_is_made)
{
	const struct wr_pack_rule nothing = {.why = keep};
	uint64_t bytes;

	build_log();
	leave_out(PACK_BED_FILES);
	cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0);
	wr_sim_disk_trip_at(disk, 1000000, WEIR_E_FAILED);
	cr_expect_eq(pack_bed_rule(&p, storage, 0, &nothing, 900, true), WEIR_E_FULL);
	cr_expect_eq(pack_bed_rule(&p, storage, 0, &rule, 900, true), WEIR_E_FULL, "done already");
	cr_expect_null(wr_sim_disk_peek(disk, name_of(900), &bytes));
	log_probe_close(&p);
}

/* Its tables would lack what those events did. Who only looks may. */
Test(left_out, without_a_checkpoint_nobody_goes_on)
{
	build_log();
	leave_out(PACK_BED_FILES);
	for (uint32_t copy = 0; copy < WR_CHECKPOINT_COPIES; copy++) {
		char name[WR_STORAGE_NAME_MAX + 1];
		wr_checkpoint_name(name, 0, copy);
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, 40, 2), 0);
	}
	uint64_t first = 2;
	while (!is_left_out(first))
		first++;
	expect_corrupt(first, first + 1);
	cr_expect_not_null(strstr(p.problem.text, "events were left out"), "%s", p.problem.text);
	cr_expect_eq(log_probe_open(&p, disk, NULL, true), 0);
	log_probe_close(&p);
}

Test(left_out, verify_goes_through_all_of_it)
{
	static const struct wr_verify_visitor nobody = {0};
	struct wr_verify_report report;
	struct weir_problem problem;
	struct wr_memory_sim memory;

	build_log();
	leave_out(PACK_BED_FILES);
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(
		wr_verify_run(storage, &memory.base, 0, UINT64_MAX, &nobody, &report, &problem), 0);
	cr_expect_eq(report.corrupt_count, 0u);
	cr_expect_eq(report.record_count, b.next_seq - 1);
	uint64_t count = 0;
	for (uint64_t seq = 1; seq < end_seq; seq++)
		count += is_left_out(seq);
	cr_expect_eq(report.left_out_count, count);
	cr_expect_eq(memory.live_count, 0u);
}

/* --- damage ----------------------------------------------------------------------------------- */

/* Whatever a bit does: all is served, or damage is told; never something else for a record. */
static void flip(const char *name, uint32_t each)
{
	uint64_t bytes;
	uint32_t whole = 0, told = 0;

	cr_assert_not_null(wr_sim_disk_peek(disk, name, &bytes));
	for (uint64_t at = 0; at < bytes; at += each) {
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, at % 8), 0);
		int r = log_probe_open(&p, disk, &b, true);
		if (r == 0) {
			r = log_probe_read_all(&p);
			cr_assert(p.is_sound, "byte %lu: sequence %lu", at, p.unsound_seq);
			cr_assert(r == 0 || r == WEIR_E_CORRUPT, "byte %lu: %d", at, r);
			cr_assert(r != 0 || p.read_seq == b.next_seq, "byte %lu", at);
		} else {
			cr_assert_eq(r, WEIR_E_CORRUPT, "byte %lu: %d", at, r);
		}
		whole += r == 0;
		told += r != 0;
		log_probe_close(&p);
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, at % 8), 0);
	}
	cr_expect_gt(whole, 10u);
	cr_expect_gt(told, 10u);
}

Test(left_out, every_flipped_bit_is_harmless_or_told)
{
	build_log();
	leave_out(PACK_BED_FILES);
	flip(name_of(PACK_BED_FILES), 17);
	more = true;
	leave_out(PACK_BED_FILES + 50);
	flip(name_of(PACK_BED_FILES + 51), 29);
}

/* --- crashes ---------------------------------------------------------------------------------- */

Test(left_out, a_crash_at_any_operation_leaves_the_old_or_the_new)
{
	uint32_t new_count = 0, old_count = 0;

	build_log();
	leave_out(PACK_BED_FILES);
	for (uint64_t n = 1; new_count < 3; n++) {
		struct wr_sim_disk *crashed = wr_sim_disk_clone(disk);
		const struct wr_storage_options options = {.sim_disk = crashed};
		struct wr_storage *its;
		cr_assert_eq(log_probe_open(&p, crashed, NULL, true), 0);
		cr_assert_eq(wr_storage_sim_open(&options, &its), 0);
		wr_sim_disk_trip_at(crashed, n, WEIR_E_FAILED);
		more = true;
		int r = pack_bed_rule(&p, its, 0, &rule, 900, true);
		log_probe_close(&p);
		its->ops->fini(its);
		wr_sim_disk_trip_at(crashed, 0, 0);
		wr_sim_disk_power_cut(crashed);
		cr_assert_eq(log_probe_open(&p, crashed, NULL, false), 0, "operation %lu: %s", n,
			     p.problem.text);
		/* Whichever of the two it is, it is the one that was asked for. */
		more = wr_segment_live(&p.table, 0)->file_number == 900;
		cr_assert(more || r != 0, "operation %lu: it was durable", n);
		new_count += more;
		old_count += !more;
		uint64_t all_end = end_seq;
		if (more) /* of the first segment alone */
			end_seq = wr_load_relaxed(&wr_segment_live(&p.table, 1)->first_seq);
		p.expected = more ? NULL : &b;
		cr_assert_eq(log_probe_read_all(&p), 0);
		cr_assert(p.is_sound, "operation %lu: sequence %lu", n, p.unsound_seq);
		cr_assert_eq(p.read_seq, p.recovered.next_seq);
		end_seq = all_end;
		log_probe_close(&p);
		wr_sim_disk_destroy(crashed);
		cr_assert_lt(n, 1000u);
	}
	cr_expect_gt(old_count, 10u);
}
