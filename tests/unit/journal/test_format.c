/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the fixed blocks survive the way to bytes and back, nothing else is taken for one, and
 *         names are read and written alike.
 * Method: round trips, every flipped bit, and numbers that weir never writes behind good checksums.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/journal/format.h"
#include "core/port/storage.h"
#include "core/record/epoch.h"

static uint8_t block[WR_BLOCK_BYTES];

static struct wr_superblock superblock(void)
{
	struct wr_superblock s = {
		.version = 7,
		.log_count = 1,
		.block_bytes = WR_BLOCK_BYTES,
		.chunk_bytes = 4 * WR_BLOCK_BYTES,
		.segment_bytes = 9 * WR_BLOCK_BYTES,
		.epoch = 3,
		.created_us = 1234567,
	};
	memset(s.uuid, 9, sizeof s.uuid);
	return s;
}

static struct wr_segment_header segment_header(void)
{
	return (struct wr_segment_header){
		.segment_id = 5,
		.segment_bytes = 9 * WR_BLOCK_BYTES,
		.epoch = 3,
		.chunk_bytes = 4 * WR_BLOCK_BYTES,
		.block_bytes = WR_BLOCK_BYTES,
	};
}

/* A good checksum over whatever stands there now. */
static void seal(void)
{
	wr_put_u32(block + 508, wr_crc32c(1, block, 508));
}

Test(format, a_superblock_survives_the_way_to_bytes_and_back)
{
	struct wr_superblock s = superblock(), back;
	memset(block, 0xee, sizeof block);
	wr_superblock_encode(&s, 2, block);
	cr_assert_eq(wr_superblock_decode(block, 2, &back), WR_BLOCK_VALID);
	cr_expect_eq(back.version, 7);
	cr_expect_eq(back.copy, 2);
	cr_expect_eq(back.epoch, 3);
	cr_expect_eq(back.format, WR_JOURNAL_FORMAT);
	cr_expect_eq(memcmp(back.uuid, s.uuid, sizeof s.uuid), 0);
	for (uint32_t i = 512; i < WR_BLOCK_BYTES; i++)
		cr_assert_eq(block[i], 0, "the rest of the block is zero");
	cr_expect_eq(memcmp(block, "WEIRJRNL", 8), 0);
	cr_expect_eq(wr_get_u32(block + 48), WR_BLOCK_BYTES * 4, "offsets are part of the format");
	cr_expect_eq(wr_get_u32(block + 52), 3);
}

Test(format, a_copy_found_in_anothers_place_is_not_valid)
{
	struct wr_superblock s = superblock(), back;
	wr_superblock_encode(&s, 2, block);
	cr_expect_eq(wr_superblock_decode(block, 1, &back), WR_BLOCK_BAD);
}

Test(format, every_flipped_bit_is_seen)
{
	struct wr_superblock s = superblock(), s_back;
	struct wr_segment_header h = segment_header(), h_back;
	struct wr_checkpoint_header c = {.last_seq = 9, .segment_id = 2}, c_back;

	for (uint32_t bit = 0; bit < 512 * 8; bit++) {
		wr_superblock_encode(&s, 0, block);
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert_eq(wr_superblock_decode(block, 0, &s_back), WR_BLOCK_BAD);
		wr_segment_header_encode(&h, block);
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert_eq(wr_segment_header_decode(block, &h_back), WR_BLOCK_BAD);
		wr_checkpoint_header_encode(&c, block);
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert_eq(wr_checkpoint_header_decode(block, &c_back), WR_BLOCK_BAD);
	}
}

Test(format, zero_is_told_from_bad)
{
	struct wr_superblock s;
	struct wr_segment_header h;
	memset(block, 0, sizeof block);
	cr_expect_eq(wr_superblock_decode(block, 0, &s), WR_BLOCK_ZERO);
	cr_expect_eq(wr_segment_header_decode(block, &h), WR_BLOCK_ZERO);
	block[300] = 1;
	cr_expect_eq(wr_segment_header_decode(block, &h), WR_BLOCK_BAD);
}

Test(format, one_kind_of_block_is_not_another)
{
	struct wr_segment_header h = segment_header();
	struct wr_superblock s;
	struct wr_checkpoint_header c;
	wr_segment_header_encode(&h, block);
	cr_expect_eq(wr_superblock_decode(block, 0, &s), WR_BLOCK_BAD);
	cr_expect_eq(wr_checkpoint_header_decode(block, &c), WR_BLOCK_BAD);
}

Test(format, a_newer_format_and_an_unknown_feature_are_unknown_not_bad)
{
	struct wr_segment_header h = segment_header(), back;
	wr_segment_header_encode(&h, block);
	wr_put_u16(block + 8, WR_JOURNAL_FORMAT + 1);
	seal();
	cr_expect_eq(wr_segment_header_decode(block, &back), WR_BLOCK_UNKNOWN);
	wr_segment_header_encode(&h, block);
	wr_put_u32(block + 12, 1u << 31);
	seal();
	cr_expect_eq(wr_segment_header_decode(block, &back), WR_BLOCK_UNKNOWN);
}

Test(format, sizes_that_weir_never_writes_are_bad_behind_a_good_checksum)
{
	static const struct {
		uint32_t block_bytes, chunk_bytes;
		uint64_t segment_bytes;
	} odd[] = {
		{512, 16384, 36864},       {4096, 0, 36864},
		{4096, 4096, 36864},       {4096, 5000, 36864},
		{4096, 1u << 31, 36864},   {4096, 16384, 4096},
		{4096, 16384, 0},          {4096, 16384, 20481},
		{4096, 16384, UINT64_MAX}, {4096, 16384, (1ull << 40) + 4096},
		{4096, 10000, 24096},      {4096, 128u << 20, 36864},
	};
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct wr_superblock s = superblock(), back;
		struct wr_segment_header h = segment_header(), h_back;
		s.block_bytes = h.block_bytes = odd[i].block_bytes;
		s.chunk_bytes = h.chunk_bytes = odd[i].chunk_bytes;
		s.segment_bytes = h.segment_bytes = odd[i].segment_bytes;
		wr_superblock_encode(&s, 0, block);
		cr_expect_eq(wr_superblock_decode(block, 0, &back), WR_BLOCK_BAD, "%zu", i);
		wr_segment_header_encode(&h, block);
		cr_expect_eq(wr_segment_header_decode(block, &h_back), WR_BLOCK_BAD, "%zu", i);
	}
	struct wr_segment_header h = segment_header(), back;
	h.segment_id = 0;
	wr_segment_header_encode(&h, block);
	cr_expect_eq(wr_segment_header_decode(block, &back), WR_BLOCK_BAD, "no segment has id 0");
}

Test(format, counts_that_weir_never_writes_are_bad_behind_a_good_checksum)
{
	static const struct wr_superblock odd[] = {
		{.log_count = 0},
		{.log_count = 1, .oldest_segment_id = 2, .newest_segment_id = 1},
		{.log_count = 1, .newest_segment_id = UINT64_MAX},
		{.log_count = 1, .oldest_seq = UINT64_MAX},
		{.log_count = 1, .durable_seq = UINT64_MAX},
		{.log_count = 1, .given_segment_id = UINT64_MAX},
		{.log_count = 1, .erased_seq = UINT64_MAX},
	};
	struct wr_superblock back;

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct wr_superblock s = odd[i];
		const struct wr_superblock good = superblock();
		s.block_bytes = good.block_bytes;
		s.chunk_bytes = good.chunk_bytes;
		s.segment_bytes = good.segment_bytes;
		wr_superblock_encode(&s, 0, block);
		cr_expect_eq(wr_superblock_decode(block, 0, &back), WR_BLOCK_BAD, "%zu", i);
	}
}

Test(format, a_header_with_numbers_that_no_writer_puts_there_is_of_no_place)
{
	static const struct {
		struct wr_batch_header h;
		bool is_sound;
	} cases[] = {
		{{.first_seq = 5, .durable_seq = 4, .epoch = 1, .record_count = 2}, true},
		{{.first_seq = 0, .epoch = 1}, false},
		{{.first_seq = UINT64_MAX - 1, .epoch = 1, .record_count = 1}, false},
		{{.first_seq = UINT64_MAX - 2, .epoch = 1, .record_count = 1}, true},
		{{.first_seq = 5, .durable_seq = 5, .epoch = 1}, false},
		{{.first_seq = 5, .durable_seq = 4, .epoch = 0}, false},
		{{.first_seq = 5,
		  .epoch = 1,
		  .batch_kind = WR_BATCH_FILLER,
		  .batch_bytes = 4096,
		  .skip_bytes = 4096},
		 true},
		{{.first_seq = 5,
		  .epoch = 1,
		  .batch_kind = WR_BATCH_FILLER,
		  .batch_bytes = 4096,
		  .skip_bytes = 0},
		 false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect_eq(wr_place_is_sound(&cases[i].h, 8192), cases[i].is_sound, "%zu", i);
}

Test(format, names_are_read_as_they_are_written)
{
	char name[WR_STORAGE_NAME_MAX + 1];
	uint32_t log_id, file_number;

	wr_segment_name(name, 0, 7);
	cr_expect_str_eq(name, "0-00000007.seg");
	wr_segment_name(name, 4294967295u, 4294967295u);
	cr_expect(wr_segment_name_parse(name, &log_id, &file_number));
	cr_expect_eq(log_id, 4294967295u);
	cr_expect_eq(file_number, 4294967295u);
	wr_checkpoint_name(name, 3, 1);
	cr_expect_str_eq(name, "3-checkpoint.1");
}

Test(format, other_names_are_nobodys)
{
	static const char *const other[] = {
		"",
		"JOURNAL",
		"LOCK",
		"0-checkpoint.0",
		"0-7.seg",
		"00-00000007.seg",
		"0-00000007.se",
		"0-00000007.segx",
		"-00000007.seg",
		"0-.seg",
		"0-99999999999.seg",
		"0-0000000x.seg",
		"99999999999999999999-00000007.seg",
		"0-000000007.seg",
		"+0-00000007.seg",
		"0_00000007.seg",
		"7",
	};
	uint32_t log_id, file_number;
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
		cr_expect_not(wr_segment_name_parse(other[i], &log_id, &file_number), "%s",
			      other[i]);
}

Test(format, an_epoch_start_has_fixed_offsets)
{
	const struct wr_epoch_start start = {1, 2, 3, 4, 5, 6};
	struct wr_epoch_start back;
	uint8_t bytes[WR_EPOCH_START_BYTES + 8];
	wr_epoch_start_encode(&start, bytes);
	cr_expect_eq(wr_get_u64(bytes), 1);
	cr_expect_eq(wr_get_u64(bytes + 8), 2);
	cr_expect_eq(wr_get_u64(bytes + 16), 3);
	cr_expect_eq(wr_get_u32(bytes + 24), 4);
	cr_expect_eq(wr_get_u32(bytes + 28), 5);
	cr_expect_eq(wr_get_u64(bytes + 32), 6);
	cr_assert(wr_epoch_start_decode(bytes, sizeof bytes, &back), "longer is fine");
	cr_expect_eq(back.wall_us, 6);
	cr_expect_not(wr_epoch_start_decode(bytes, WR_EPOCH_START_BYTES - 1, &back));
}
