/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a batch validates at its own place and nowhere else, and with no bit changed.
 * Method: every flipped bit, every wrong part of the place, lengths that lie behind good checksums,
 *         and the documented offsets.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "core/base/crc32c.h"
#include "core/record/batch.h"
#include "core/record/record.h"

static uint8_t uuid[WR_UUID_BYTES] = {1, 2, 3};
static const struct wr_batch_place place = {uuid, 4, 77, 4096 * 5};
static uint8_t *batch;
static uint32_t batch_bytes;
static uint32_t header_crc;

static void seal(enum wr_batch_kind kind, uint32_t record_count, uint32_t record_bytes,
		 uint32_t skip_bytes)
{
	uint32_t stride = wr_record_stride(record_bytes), body_bytes = record_count * stride;
	uint32_t seed = wr_batch_seed(uuid, place.segment_id);
	uint8_t *body;

	free(batch);
	batch = aligned_alloc(WR_BLOCK_BYTES, 4 * WR_BLOCK_BYTES);
	memset(batch, 0xcc, 4 * WR_BLOCK_BYTES);
	wr_batch_open(batch, kind, place.log_id, 9, 1000, 123456789);
	body = batch + WR_BATCH_HEADER_BYTES;
	for (uint32_t i = 0; i < record_count; i++) {
		struct wr_record head = {.bytes = record_bytes, .kind = WR_KIND_EVENT};
		memset(body + i * stride, (int)i, stride);
		memcpy(body + i * stride, &head, sizeof head);
	}
	const struct wr_batch_seal seal = {
		.place = &place,
		.seed = seed,
		.body_bytes = body_bytes,
		.record_count = record_count,
		.skip_bytes = skip_bytes,
		.body_crc_part = wr_crc32c(seed, body, body_bytes),
		.durable_seq = 990,
		.chain = 0x1234,
	};
	batch_bytes = wr_batch_seal(batch, &seal, &header_crc);
}

/* A good checksum over a header that was changed by hand. */
static void seal_header(void)
{
	uint32_t seed = wr_batch_seed(uuid, place.segment_id);
	uint32_t crc = wr_crc32c(seed, batch, 124);
	memcpy(batch + 124, &crc, 4);
}

static void cleanup(void)
{
	free(batch);
	batch = NULL;
}

TestSuite(batch, .fini = cleanup);

Test(batch, what_was_sealed_validates)
{
	for (uint32_t count = 1; count < 40; count++) {
		seal(WR_BATCH_DATA, count, 24 + count * 7, 0);
		cr_assert_eq(wr_batch_check(batch, batch_bytes, &place), WR_BATCH_VALID);
		cr_assert_eq(batch_bytes % WR_BLOCK_BYTES, 0);
		const struct wr_batch_header *h = (const void *)batch;
		cr_assert_eq(h->record_count, count);
		cr_assert_eq(h->first_seq, 1000);
		cr_assert_eq(h->header_crc, header_crc);
	}
}

Test(batch, offsets_are_part_of_the_format)
{
	seal(WR_BATCH_DATA, 3, 100, 0);
	cr_expect_eq(memcmp(batch, "WEIR", 4), 0);
	cr_expect_eq(wr_get_u16(batch + 4), 1);
	cr_expect_eq(wr_get_u16(batch + 6), WR_BATCH_DATA);
	cr_expect_eq(wr_get_u32(batch + 16), 4);
	cr_expect_eq(wr_get_u32(batch + 20), 9);
	cr_expect_eq(wr_get_u64(batch + 24), 1000);
	cr_expect_eq(wr_get_u64(batch + 32), 123456789);
	cr_expect_eq(wr_get_u32(batch + 64), 3 * 104);
	cr_expect_eq(wr_get_u32(batch + 68), 4096);
	cr_expect_eq(wr_get_u32(batch + 72), 3);
	cr_expect_eq(wr_get_u32(batch + 76), 0);
	cr_expect_eq(wr_get_u64(batch + 80), 990);
	cr_expect_eq(wr_get_u64(batch + 88), 77);
	cr_expect_eq(wr_get_u64(batch + 96), 4096 * 5);
	cr_expect_eq(wr_get_u32(batch + 104), 0x1234);
	cr_expect_eq(wr_get_u32(batch + 124), header_crc);
	/* A reader of the document alone can check both. */
	uint8_t seed_bytes[24];
	memcpy(seed_bytes, uuid, 16);
	wr_put_u64(seed_bytes + 16, 77);
	uint32_t seed = wr_crc32c_portable(0, seed_bytes, sizeof seed_bytes);
	cr_expect_eq(wr_crc32c_portable(seed, batch, 124), header_crc);
	cr_expect_eq(wr_crc32c_portable(seed, batch + 128, 4096 - 128), wr_get_u32(batch + 108));
}

Test(batch, the_padding_is_zero_and_covered)
{
	seal(WR_BATCH_DATA, 1, 100, 0);
	for (uint32_t i = 128 + 104; i < batch_bytes; i++)
		cr_assert_eq(batch[i], 0);
	batch[4095] = 1;
	cr_expect_eq(wr_batch_check(batch, batch_bytes, &place), WR_BATCH_BAD_BODY);
}

Test(batch, every_flipped_bit_is_seen)
{
	seal(WR_BATCH_DATA, 5, 333, 0);
	for (uint32_t bit = 0; bit < batch_bytes * 8; bit++) {
		batch[bit / 8] ^= (uint8_t)(1u << bit % 8);
		enum wr_batch_verdict verdict = wr_batch_check(batch, batch_bytes, &place);
		cr_assert_eq(verdict, bit < 1024 ? WR_BATCH_BAD_HEADER : WR_BATCH_BAD_BODY, "%u",
			     bit);
		batch[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

Test(batch, it_validates_at_no_other_place)
{
	uint8_t other_uuid[WR_UUID_BYTES] = {1, 2, 4};
	struct wr_batch_place other[4] = {place, place, place, place};
	other[0].uuid = other_uuid;
	other[1].log_id++;
	other[2].segment_id++;
	other[3].segment_offset += WR_BLOCK_BYTES;
	seal(WR_BATCH_DATA, 2, 50, 0);
	for (uint32_t i = 0; i < 4; i++)
		cr_expect_eq(wr_batch_check(batch, batch_bytes, &other[i]), WR_BATCH_BAD_HEADER,
			     "%u", i);
}

Test(batch, zero_is_told_from_bad)
{
	seal(WR_BATCH_DATA, 1, 100, 0);
	memset(batch, 0, 128);
	cr_expect_eq(wr_batch_check(batch, batch_bytes, &place), WR_BATCH_ZERO);
	batch[127] = 1;
	cr_expect_eq(wr_batch_check(batch, batch_bytes, &place), WR_BATCH_BAD_HEADER);
}

Test(batch, a_seed_is_never_zero_so_zeroes_never_validate)
{
	uint8_t zero[WR_UUID_BYTES] = {0};
	for (uint64_t id = 0; id < 100000; id++)
		cr_assert_neq(wr_batch_seed(zero, id), 0);
}

Test(batch, too_short_says_so_and_reads_nothing_beyond)
{
	seal(WR_BATCH_DATA, 20, 400, 0);
	cr_assert_gt(batch_bytes, WR_BLOCK_BYTES);
	for (uint32_t available = 0; available < batch_bytes; available += 64) {
		uint8_t *exact = malloc(available > 0 ? available : 1);
		memcpy(exact, batch, available);
		cr_assert_eq(wr_batch_check(exact, available, &place), WR_BATCH_TOO_SHORT);
		free(exact);
	}
}

Test(batch, fillers_and_evidence_hold_no_records)
{
	seal(WR_BATCH_FILLER, 0, 0, 3 * WR_BLOCK_BYTES);
	cr_expect_eq(batch_bytes, WR_BLOCK_BYTES);
	cr_expect_eq(wr_batch_check(batch, 4 * WR_BLOCK_BYTES, &place), WR_BATCH_VALID);
	cr_expect_eq(wr_batch_check(batch, 3 * WR_BLOCK_BYTES, &place), WR_BATCH_TOO_SHORT,
		     "what it skips has to be there");
	seal(WR_BATCH_EVIDENCE, 0, 0, 0);
	cr_expect_eq(wr_batch_check(batch, batch_bytes, &place), WR_BATCH_VALID);
}

Test(batch, a_newer_format_or_feature_is_unknown)
{
	seal(WR_BATCH_DATA, 1, 100, 0);
	wr_put_u16(batch + 4, 2);
	seal_header();
	cr_expect_eq(wr_batch_check(batch, batch_bytes, &place), WR_BATCH_UNKNOWN);
	seal(WR_BATCH_DATA, 1, 100, 0);
	wr_put_u32(batch + 8, WR_BATCH_FILTERS);
	seal_header();
	cr_expect_eq(wr_batch_check(batch, batch_bytes, &place), WR_BATCH_VALID);
	wr_put_u32(batch + 8, (WR_BATCH_FILTERS | WR_BATCH_SCHEMAS | WR_BATCH_UNROUTED |
			       WR_BATCH_MAPS | WR_BATCH_BINDINGS | WR_BATCH_JSON_SCHEMAS |
			       WR_BATCH_TRANSFORMS | WR_BATCH_ERASURES | WR_BATCH_RINGS |
			       WR_BATCH_MEMBERS_TRANSFORM | WR_BATCH_ADDRESSED | WR_BATCH_ATTEMPTS |
			       WR_BATCH_CARRIED | WR_BATCH_CARRIED_STAY | WR_BATCH_DETACHED |
			       WR_BATCH_CARRIED_TEXT | WR_BATCH_HEADER_PATTERNS) +
				      1);
	seal_header();
	cr_expect_eq(wr_batch_check(batch, batch_bytes, &place), WR_BATCH_UNKNOWN);
	seal(WR_BATCH_DATA, 1, 100, 0);
	wr_put_u32(batch + 12, UINT32_MAX);
	seal_header();
	cr_expect_eq(wr_batch_check(batch, batch_bytes, &place), WR_BATCH_VALID,
		     "a feature that one may ignore");
}

Test(batch, lengths_that_lie_behind_a_good_checksum_are_refused)
{
	static const struct {
		uint32_t offset, value;
	} lies[] = {
		{64, 0}, {64, 5000},       {64, UINT32_MAX}, {64, UINT32_MAX - 127},
		{68, 0}, {68, 8192},       {68, 4095},       {68, UINT32_MAX},
		{72, 0}, {72, UINT32_MAX}, {72, 1000},       {76, 4096},
	};
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		seal(WR_BATCH_DATA, 3, 100, 0);
		wr_put_u32(batch + lies[i].offset, lies[i].value);
		seal_header();
		cr_expect_neq(wr_batch_check(batch, 4 * WR_BLOCK_BYTES, &place), WR_BATCH_VALID,
			      "%zu", i);
	}
	for (uint16_t kind = 0; kind < 300; kind++) {
		seal(WR_BATCH_DATA, 3, 100, 0);
		wr_put_u16(batch + 6, kind);
		seal_header();
		cr_expect_eq(wr_batch_check(batch, batch_bytes, &place) == WR_BATCH_VALID,
			     kind == WR_BATCH_DATA, "%u", kind);
	}
}

Test(batch, records_have_to_fill_the_body_exactly)
{
	uint32_t seed = wr_batch_seed(uuid, place.segment_id);
	for (uint32_t bytes = 0; bytes < 300; bytes++) {
		seal(WR_BATCH_DATA, 2, 100, 0);
		wr_put_u32(batch + 128 + 104, bytes); /* the second record's length */
		wr_put_u32(batch + 108, wr_crc32c(seed, batch + 128, 4096 - 128));
		seal_header();
		bool fits = bytes > 96 && bytes <= 104;
		cr_expect_eq(wr_batch_check(batch, batch_bytes, &place),
			     fits ? WR_BATCH_VALID : WR_BATCH_BAD_BODY, "%u", bytes);
	}
}
