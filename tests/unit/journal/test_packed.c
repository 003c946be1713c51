/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a packed segment is the segment that it was, for everybody who reads: byte for byte where
 *         batches stand, record for record, by sequence and by time; and whatever a bit, a cut or a
 *         crash does to it, the log is served whole or refused with the range, never anything else.
 * Method: the builder's journals, packed; every bit and every cut of their files; every operation
 *         of packing as the one at which the power goes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/journal/unpack.h"
#include "core/journal/verify.h"
#include "tests/support/pack_bed.h"
#include "tests/unit/journal/recovery_bed.h"

#define SECTOR_BYTES 512u

TestSuite(packed, .init = setup, .fini = teardown);

/* Several segments of batches of one and of several blocks, fillers, evidence, three epochs. */
static void build_mixed(void)
{
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 30; i++) {
		log_builder_batch(&b, 1 + i % 4, i % 5 == 0 ? 1900 : 40 + i);
		if (i == 9)
			log_builder_evidence(&b);
		if (i == 14)
			log_builder_go_on(&b);
		if (i == 21)
			log_builder_epoch(&b);
	}
	log_builder_batch(&b, 2, 40);
}

static const char *name_of(uint32_t file_number)
{
	static char name[WR_STORAGE_NAME_MAX + 1];

	wr_segment_name(name, 0, file_number);
	return name;
}

static int pack(bool remove_plain)
{
	int count = pack_bed_all(disk, storage, remove_plain);

	cr_assert_gt(count, 1, "%d", count);
	return count;
}

Test(packed, every_block_that_a_batch_covers_comes_back_as_it_was)
{
	struct wr_sim_disk *plain;
	struct wr_unpack u;
	uint8_t *bytes = aligned_alloc(WR_BLOCK_BYTES, CHUNK_BYTES);

	build_mixed();
	plain = wr_sim_disk_clone(disk);
	pack(true);
	cr_assert_eq(log_probe_open(&p, disk, &b, true), 0, "%s", p.problem.text);
	cr_assert(p.table.has_packed);
	cr_assert_eq(wr_unpack_init(&u, p.storage, &p.memory.base, p.table.uuid, 0, CHUNK_BYTES,
				    p.table.segment_bytes, true),
		     0);
	uint32_t compared = 0;
	for (uint32_t i = 0; i < b.batch_count; i++) {
		const struct log_batch *batch = &b.batches[i];
		struct wr_segment_found found;
		uint64_t size;
		cr_assert(wr_segment_next(&p.table, batch->segment_id - 1, &found));
		if (!found.packed)
			continue;
		const struct wr_unpack_source from = {p.storage, found.file, found.segment_id};
		const uint8_t *was = wr_sim_disk_peek(plain, name_of(batch->file_number), &size);
		uint64_t index = (batch->offset - WR_BLOCK_BYTES) / CHUNK_BYTES;
		uint32_t at = (uint32_t)(batch->offset - wr_extent_offset(CHUNK_BYTES, index));
		cr_assert_eq(wr_unpack_extent(&u, &from, index, bytes), 0);
		cr_assert_eq(memcmp(bytes + at, was + batch->offset, batch->header.batch_bytes), 0,
			     "batch %u", i);
		cr_assert_eq(wr_unpack_read(&u, &from, bytes, WR_BLOCK_BYTES, batch->offset),
			     WR_BLOCK_BYTES);
		cr_assert_eq(memcmp(bytes, was + batch->offset, WR_BLOCK_BYTES), 0);
		cr_assert_eq(wr_unpack_read(&u, &from, bytes, WR_BLOCK_BYTES, 0), WR_BLOCK_BYTES);
		cr_assert_eq(memcmp(bytes, was, WR_BLOCK_BYTES), 0, "the header");
		cr_assert_eq(wr_unpack_first(&u, &from, index, bytes), 0);
		cr_assert_eq(memcmp(bytes, was + batch->offset - at, WR_BATCH_HEADER_BYTES), 0);
		compared++;
	}
	cr_expect_gt(compared, 20u);
	wr_unpack_fini(&u);
	log_probe_close(&p);
	wr_sim_disk_destroy(plain);
	free(bytes);
}

Test(packed, the_log_is_whole_and_smaller)
{
	uint64_t before = 0, after = 0, bytes;

	build_mixed();
	for (uint32_t i = 0; i < disk->entry_count; i++)
		if (wr_sim_disk_peek(disk, disk->entries[i].name, &bytes) != NULL)
			before += bytes;
	pack(true);
	for (uint32_t i = 0; i < disk->entry_count; i++)
		if (wr_sim_disk_peek(disk, disk->entries[i].name, &bytes) != NULL)
			after += bytes;
	expect_whole();
	log_probe_close(&p);
	cr_expect_lt(after, before);
}

/* The plain file is still there: nothing but a file to be used, at this open and the next. */
Test(packed, what_it_was_packed_from_is_a_spare)
{
	build_mixed();
	int count = pack(false);
	expect_whole();
	int spares = 0;
	for (uint32_t i = 0; i < wr_load_relaxed(&p.table.count); i++)
		spares += p.table.segments[i].state == WR_SEGMENT_SPARE &&
			  !p.table.segments[i].is_rest;
	cr_expect_eq(spares, count);
	log_probe_close(&p);
	expect_whole();
	log_probe_close(&p);
}

Test(packed, a_draft_counts_for_nothing_and_is_a_rest)
{
	build_mixed();
	cr_assert_eq(log_probe_open(&p, disk, &b, true), 0);
	cr_assert_eq(pack_bed_one(&p, storage, 0, false), 0);
	log_probe_close(&p);
	expect_whole();
	cr_expect_not(wr_segment_is_packed(wr_segment_live(&p.table, 0)));
	int rests = 0;
	for (uint32_t i = 0; i < wr_load_relaxed(&p.table.count); i++)
		rests += p.table.segments[i].is_rest;
	cr_expect_eq(rests, 1);
	log_probe_close(&p);
}

Test(packed, a_damaged_segment_stays_as_it_is)
{
	build_mixed();
	for (uint32_t i = 1; i < 12; i++) {
		if (b.batches[i].header.record_count == 0 || b.batches[i].offset == WR_BLOCK_BYTES)
			continue;
		uint32_t n = 0;
		cr_assert_eq(log_probe_open(&p, disk, NULL, true), 0);
		while (wr_load_relaxed(&wr_segment_live(&p.table, n)->segment_id) !=
		       b.batches[i].segment_id)
			n++;
		damage(i, 200);
		int r = pack_bed_one(&p, storage, n, true);
		cr_expect_eq(r, WEIR_E_CORRUPT, "batch %u: %d", i, r);
		uint64_t bytes;
		cr_expect_null(wr_sim_disk_peek(disk, name_of(PACK_BED_FILES + n), &bytes));
		damage(i, 200);
		log_probe_close(&p);
	}
}

/* --- damage ----------------------------------------------------------------------------------- */

struct tally {
	uint32_t whole, refused, told;
};

/* Opens and reads; the range that anything says is damaged, or none. */
static bool is_safe(struct tally *tally, uint64_t *ret_first, uint64_t *ret_end)
{
	int r = log_probe_open(&p, disk, &b, true);
	bool good = r == WEIR_E_CORRUPT;

	*ret_first = p.report.corrupt_first_seq;
	*ret_end = p.report.corrupt_end_seq;
	tally->refused += good;
	if (r == 0) {
		r = log_probe_read_all(&p);
		good = p.is_sound && p.recovered.next_seq == b.next_seq &&
		       p.report.oldest_seq == 1 && (r == 0 || r == WEIR_E_CORRUPT);
		*ret_first = r == 0 ? 0 : p.read_seq;
		*ret_end = r == 0 ? 0 : UINT64_MAX;
		tally->whole += r == 0;
		tally->told += r != 0;
	}
	log_probe_close(&p);
	return good;
}

/* The batch whose body holds this byte of a packed file; NULL: none. By its frame's own headers. */
static const struct log_batch *batch_at(const uint8_t *file, uint64_t file_bytes, uint64_t at)
{
	for (uint64_t place = 2ull * WR_BLOCK_BYTES; place + 128 <= file_bytes; place += 8) {
		struct wr_batch_header h;
		memcpy(&h, file + place, sizeof h);
		if (h.magic != WR_BATCH_MAGIC || at < place ||
		    at >= place + wr_packed_batch_bytes(&h))
			continue;
		for (uint32_t i = 0; i < b.batch_count; i++)
			if (b.batches[i].segment_id == h.segment_id &&
			    b.batches[i].offset == h.segment_offset)
				return &b.batches[i];
	}
	return NULL;
}

static void flip_every_bit(const char *name, uint32_t each, struct tally *tally)
{
	uint64_t bytes, first, end;
	const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
	uint8_t *whole = malloc(bytes);

	memcpy(whole, content, bytes);
	for (uint64_t at = 0; at < bytes; at++) {
		/* Padding is all alike: one bit of a byte is enough there. */
		unsigned bits = whole[at] != 0 || at % WR_BLOCK_BYTES < 16 ? 8 : 1;
		for (unsigned bit = 0; bit < bits; bit++) {
			if ((at * 8 + bit) % (each * log_probe_places_each()) != 0)
				continue;
			cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, bit), 0);
			bool good = is_safe(tally, &first, &end);
			cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, bit), 0);
			cr_assert(good, "%s byte %lu bit %u", name, at, bit);
			const struct log_batch *struck =
				end != 0 ? batch_at(whole, bytes, at) : NULL;
			/* Headers and indices are there twice: only events can be damaged. */
			cr_assert(end == 0 || struck != NULL, "%s byte %lu bit %u: %lu", name, at,
				  bit, first);
			if (struck != NULL)
				cr_assert_eq(first, struck->header.first_seq, "%s byte %lu: %lu",
					     name, at, first);
		}
	}
	free(whole);
}

/* No larger than it has to be: each bit is an open of all of it. */
static void build_little(void)
{
	log_builder_epoch(&b);
	for (uint32_t i = 0; i < 8; i++)
		log_builder_batch(&b, 1 + i % 2, i == 3 ? 1900 : 24);
	log_builder_evidence(&b);
	log_builder_epoch(&b);
	log_builder_batch(&b, 1, 24);
	log_builder_epoch(&b);
	log_builder_batch(&b, 1, 24);
}

Test(packed, every_flipped_bit_is_harmless_or_told)
{
	struct tally tally = {0};

	build_little();
	pack(true);
	for (uint32_t n = 0; n < 2; n++)
		flip_every_bit(name_of(PACK_BED_FILES + n), 1 + n * 6, &tally);
	cr_expect_gt(tally.whole, 1000u / log_probe_places_each());
	cr_expect_gt(tally.refused, 5000u / log_probe_places_each());
}

/* Below a checkpoint recovery does not look: there it is the reader who tells. */
Test(packed, also_below_a_checkpoint)
{
	struct tally tally = {0};

	build_little();
	log_builder_checkpoint(&b, 0, 1, 100);
	log_builder_batch(&b, 3, 100);
	pack(true);
	flip_every_bit(name_of(PACK_BED_FILES), 5, &tally);
	cr_expect_gt(tally.whole, 200u / log_probe_places_each());
	cr_expect_gt(tally.told, 400u / log_probe_places_each());
}

/* Each batch of the first packed segment struck in turn, and every sequence asked for. */
Test(packed, damage_is_told_to_whom_asks_for_it_and_nobody_else)
{
	const uint32_t most = CHUNK_BYTES / WR_BLOCK_BYTES;
	struct wr_extent_batch batches[CHUNK_BYTES / WR_BLOCK_BYTES];
	struct wr_extent_view view = {.batches = batches, .batches_max = most};
	uint8_t *buffer = aligned_alloc(WR_BLOCK_BYTES, CHUNK_BYTES);
	uint64_t bytes;
	uint32_t struck_count = 0;

	build_mixed();
	log_builder_checkpoint(&b, 0, 1, 100);
	log_builder_batch(&b, 3, 100);
	pack(true);
	const char *name = name_of(PACK_BED_FILES);
	const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
	uint8_t *whole = malloc(bytes);
	memcpy(whole, content, bytes);
	const struct log_batch *last = NULL;
	for (uint64_t at = 2ull * WR_BLOCK_BYTES + 40; at < bytes; at += 8) {
		const struct log_batch *struck = batch_at(whole, bytes, at);
		/* The first place in it, and one in its records. */
		if (struck == NULL || (struck == last && at % 40 != 0))
			continue;
		last = struck;
		struct wr_reader reader;
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, 5), 0);
		cr_assert_eq(log_probe_open(&p, disk, &b, true), 0, "%s", p.problem.text);
		cr_assert_eq(wr_reader_init(&reader, &p.table, p.storage, &p.memory.base), 0);
		uint64_t first = struck->header.first_seq;
		uint64_t end = first + struck->header.record_count;
		for (uint64_t seq = 1; seq < b.next_seq; seq++) {
			int r = wr_reader_load(&reader, seq, b.next_seq - 1, buffer, &view,
					       &p.problem);
			bool is_in = seq >= first && seq < end;
			/* A bit that pads a batch to 8 bytes is nobody's. */
			cr_assert(r == 0 || (r == WEIR_E_CORRUPT && is_in), "byte %lu, %lu: %d", at,
				  seq, r);
			struck_count += r != 0;
		}
		wr_reader_fini(&reader, &p.memory.base);
		log_probe_close(&p);
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, 5), 0);
	}
	cr_expect_gt(struck_count, 50u);
	free(buffer);
	free(whole);
}

/* A walk reads what is bad once more (L36): what a moment showed must not be what it gets again. */
Test(packed, a_bad_index_is_read_again)
{
	struct wr_segment_found found;
	struct wr_unpack u;
	uint64_t size;
	uint8_t *bytes = aligned_alloc(WR_BLOCK_BYTES, CHUNK_BYTES);
	const char *name;

	build_mixed();
	pack(true);
	cr_assert_eq(log_probe_open(&p, disk, &b, true), 0, "%s", p.problem.text);
	cr_assert(wr_segment_next(&p.table, 0, &found));
	cr_assert(found.packed);
	name = name_of(PACK_BED_FILES);
	cr_assert_not_null(wr_sim_disk_peek(disk, name, &size));
	uint64_t copy_at =
		size - WR_BLOCK_BYTES - wr_packed_index_bytes(p.table.segment_bytes, CHUNK_BYTES);
	cr_assert_eq(wr_unpack_init(&u, p.storage, &p.memory.base, p.table.uuid, 0, CHUNK_BYTES,
				    p.table.segment_bytes, true),
		     0);
	const struct wr_unpack_source from = {p.storage, found.file, found.segment_id};
	for (uint32_t now = 0; now < 2; now++) {
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, WR_BLOCK_BYTES, 1), 0);
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, copy_at, 1), 0);
		cr_assert_eq(wr_unpack_extent(&u, &from, 0, bytes), 0);
		cr_expect_eq(bytes[0] == WR_PACKED_DAMAGE, now == 0);
	}
	wr_unpack_fini(&u);
	log_probe_close(&p);
	free(bytes);
}

static void cut_everywhere(struct tally *tally, bool to_nothing)
{
	for (uint32_t n = 0; n < 2; n++) {
		const char *name = name_of(PACK_BED_FILES + n);
		uint64_t bytes, first, end;
		const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
		uint8_t *whole = malloc(bytes);
		memcpy(whole, content, bytes);
		for (uint64_t at = 0; at < bytes; at += SECTOR_BYTES / 2) {
			cr_assert_eq(wr_sim_disk_truncate(disk, name, at), 0);
			if (to_nothing) /* what is gone are zeros */
				cr_assert_eq(wr_sim_disk_truncate(disk, name, bytes), 0);
			bool good = is_safe(tally, &first, &end);
			cr_assert(good, "%s cut at %lu", name, at);
			cr_assert_eq(wr_sim_disk_put(disk, name, whole, bytes), 0);
		}
		free(whole);
	}
}

Test(packed, every_cut_is_harmless_or_told)
{
	struct tally tally = {0};

	build_mixed();
	pack(true);
	cut_everywhere(&tally, false);
	/* Where recovery reads all of it, the copies at the end are not missed. */
	cr_expect_gt(tally.refused, 50u, "%u, %u whole", tally.refused, tally.whole);
	cut_everywhere(&tally, true);
}

Test(packed, a_lost_file_is_refused)
{
	build_mixed();
	pack(true);
	cr_assert_eq(wr_sim_disk_remove(disk, name_of(PACK_BED_FILES + 1)), 0);
	cr_expect_eq(log_probe_open(&p, disk, &b, true), WEIR_E_CORRUPT);
	log_probe_close(&p);
}

Test(packed, verify_tells_damage_in_it_by_the_place_that_it_had)
{
	const struct wr_verify_visitor nobody = {.context = NULL};
	struct wr_verify_report report;
	struct wr_memory_sim memory;
	struct weir_problem problem;
	uint64_t bytes;
	uint32_t struck_count = 0;

	build_mixed();
	pack(true);
	wr_memory_sim_init(&memory, NULL);
	const char *name = name_of(PACK_BED_FILES);
	const uint8_t *content = wr_sim_disk_peek(disk, name, &bytes);
	uint8_t *whole = malloc(bytes);
	memcpy(whole, content, bytes);
	for (uint64_t at = 0; at < bytes; at += 13) {
		const struct log_batch *struck = batch_at(whole, bytes, at);
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, at % 8), 0);
		cr_assert_eq(wr_verify_run(storage, &memory.base, 0, UINT64_MAX, &nobody, &report,
					   &problem),
			     0);
		bool holds = struck != NULL && struck->header.record_count > 0;
		/* A bit of what pads a batch to 8 bytes is nobody's. */
		if (report.corrupt_count != 0)
			cr_assert(holds, "byte %lu", at);
		struck_count += report.corrupt_count != 0;
		cr_assert_eq(report.record_count,
			     b.next_seq - 1 -
				     (report.corrupt_count != 0 ? struck->header.record_count : 0));
		cr_assert_eq(wr_sim_disk_corrupt(disk, name, at, at % 8), 0);
	}
	cr_expect_gt(struck_count, 100u);
	cr_expect_eq(memory.live_count, 0u);
	free(whole);
}

/* --- crashes ---------------------------------------------------------------------------------- */

/* The power goes at each operation of packing a segment: the log is whole, packed or not. */
Test(packed, a_crash_at_any_operation_leaves_the_old_or_the_new)
{
	uint32_t packed_count = 0, plain_count = 0;

	build_mixed();
	log_builder_fini(&b);
	storage->ops->fini(storage);
	for (uint64_t n = 1; packed_count < 3; n++) {
		struct wr_sim_disk *crashed = wr_sim_disk_clone(disk);
		const struct wr_storage_options options = {.sim_disk = crashed};
		struct wr_storage *its;
		cr_assert_not_null(crashed);
		cr_assert_eq(log_probe_open(&p, crashed, NULL, true), 0);
		cr_assert_eq(wr_storage_sim_open(&options, &its), 0);
		wr_sim_disk_trip_at(crashed, n, WEIR_E_FAILED);
		int r = pack_bed_one(&p, its, 0, true);
		log_probe_close(&p);
		its->ops->fini(its);
		wr_sim_disk_trip_at(crashed, 0, 0);
		wr_sim_disk_power_cut(crashed);
		cr_assert_eq(log_probe_open(&p, crashed, NULL, false), 0, "operation %lu: %s", n,
			     p.problem.text);
		cr_assert_eq(log_probe_read_all(&p), 0);
		cr_assert_eq(p.read_seq, p.recovered.next_seq);
		bool is_packed = wr_segment_is_packed(wr_segment_live(&p.table, 0));
		cr_assert(is_packed || r != 0, "operation %lu: it was durable", n);
		packed_count += is_packed;
		plain_count += !is_packed;
		log_probe_close(&p);
		wr_sim_disk_destroy(crashed);
		cr_assert_lt(n, 1000u);
	}
	cr_expect_gt(plain_count, 10u);
	cr_assert_eq(wr_storage_sim_open(&(struct wr_storage_options){.sim_disk = disk}, &storage),
		     0);
	log_builder_init(&b, storage, CHUNK_BYTES, EXTENTS);
}
