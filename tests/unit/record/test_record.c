/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a record is split into its parts, or refused, whatever its bytes are; options are walked
 *         without a step beyond them.
 * Method: built records, every truncation, every value of each length field.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "core/record/record.h"

/* A record with the given parts; the bytes in a block of exactly its length. */
static uint8_t *make(uint32_t option_bytes, uint32_t key_bytes, uint32_t payload_bytes)
{
	uint32_t bytes = WR_RECORD_HEAD_BYTES + option_bytes + key_bytes + payload_bytes;
	uint8_t *record = malloc(bytes);
	struct wr_record head = {
		.bytes = bytes,
		.key_bytes = (uint16_t)key_bytes,
		.option_bytes = (uint16_t)option_bytes,
		.kind = WR_KIND_EVENT,
	};
	memcpy(record, &head, sizeof head);
	memset(record + WR_RECORD_HEAD_BYTES, 0, option_bytes);
	memset(record + WR_RECORD_HEAD_BYTES + option_bytes, 'k', key_bytes);
	memset(record + WR_RECORD_HEAD_BYTES + option_bytes + key_bytes, 'p', payload_bytes);
	return record;
}

Test(record, parts_are_found_where_they_stand)
{
	struct wr_record_view view;
	uint8_t *record = make(8, 5, 11);
	cr_assert(wr_record_view(record, 24 + 24, &view));
	cr_expect_eq(view.options, record + 24);
	cr_expect_eq(view.key, record + 32);
	cr_expect_eq(view.payload, record + 37);
	cr_expect_eq(view.payload_bytes, 11);
	free(record);
}

Test(record, empty_parts_are_legal)
{
	struct wr_record_view view;
	uint8_t *record = make(0, 0, 0);
	cr_assert(wr_record_view(record, 24, &view));
	cr_expect_eq(view.payload_bytes, 0);
	free(record);
}

Test(record, lengths_that_contradict_each_other_are_refused)
{
	struct wr_record_view view;
	uint8_t *record = make(8, 8, 8);
	for (uint32_t available = 0; available < 48; available++)
		cr_expect_not(wr_record_view(record, available, &view), "%u bytes", available);
	for (uint32_t bytes = 0; bytes < 100; bytes++) {
		wr_put_u32(record, bytes);
		cr_expect_eq(wr_record_view(record, 48, &view), bytes >= 40 && bytes <= 48, "%u",
			     bytes);
	}
	wr_put_u32(record, UINT32_MAX);
	cr_expect_not(wr_record_view(record, 48, &view));
	wr_put_u32(record, 48);
	for (uint32_t length = 0; length < 65536; length++) {
		wr_put_u16(record + 4, (uint16_t)length);
		cr_assert_eq(wr_record_view(record, 48, &view), length <= 16);
	}
	wr_put_u16(record + 4, 8);
	for (uint32_t length = 0; length < 65536; length++) {
		wr_put_u16(record + 6, (uint16_t)length);
		cr_assert_eq(wr_record_view(record, 48, &view), length <= 16);
	}
	free(record);
}

Test(record, the_option_area_puts_the_payload_on_a_multiple_of_eight)
{
	for (uint32_t given = 0; given < 64; given++)
		for (uint32_t key = 0; key < 64; key++) {
			uint32_t area = wr_record_option_area(given, key);
			cr_assert_geq(area, given);
			cr_assert_lt(area, given + 8);
			cr_assert_eq((24 + area + key) % 8, 0);
		}
}

Test(record, options_come_back_in_order)
{
	uint8_t *record = make(32, 0, 0);
	uint8_t *options = record + 24;
	uint32_t used = wr_option_put(options, WR_OPTION_EVENT_ID, "abc", 3);
	used += wr_option_put(options + used, WR_OPTION_PRODUCER, "0123456789abcdef", 16);
	used += wr_option_put(options + used, WR_OPTION_CORRELATION, "", 0);
	cr_assert_eq(used, wr_option_size(3) + wr_option_size(16) + wr_option_size(0));
	struct wr_record_view view;
	struct wr_option option;
	cr_assert(wr_record_view(record, 56, &view));
	uint32_t at = wr_option_next(&view, 0, &option);
	cr_assert_gt(at, 0);
	cr_expect_eq(option.tag, WR_OPTION_EVENT_ID);
	cr_expect_eq(option.value_bytes, 3);
	cr_expect_eq(memcmp(option.value, "abc", 3), 0);
	at = wr_option_next(&view, at, &option);
	cr_expect_eq(option.tag, WR_OPTION_PRODUCER);
	at = wr_option_next(&view, at, &option);
	cr_expect_eq(option.tag, WR_OPTION_CORRELATION);
	cr_expect_eq(wr_option_next(&view, at, &option), 0);
	cr_expect(wr_option_find(&view, WR_OPTION_PRODUCER, &option));
	cr_expect_eq(option.value_bytes, 16);
	cr_expect_not(wr_option_find(&view, WR_OPTION_DELAY, &option));
	cr_expect(wr_options_valid(&view));
	free(record);
}

Test(record, an_unknown_critical_option_is_refused_and_another_is_not)
{
	uint8_t *record = make(8, 0, 0);
	struct wr_record_view view;
	cr_assert(wr_record_view(record, 32, &view));
	wr_option_put(record + 24, 100, "1234", 4);
	cr_expect(wr_options_valid(&view));
	wr_option_put(record + 24, 100 | WR_OPTION_CRITICAL, "1234", 4);
	cr_expect_not(wr_options_valid(&view));
	free(record);
}

Test(record, options_that_reach_beyond_their_area_end_the_walk)
{
	uint8_t *record = make(8, 8, 0);
	struct wr_record_view view;
	struct wr_option option;
	cr_assert(wr_record_view(record, 40, &view));
	for (uint32_t length = 0; length < 65536; length++) {
		record[24] = WR_OPTION_EVENT_ID;
		wr_put_u16(record + 26, (uint16_t)length);
		cr_assert_eq(wr_option_next(&view, 0, &option), length <= 4 ? 4 + length : 0);
	}
	cr_expect_not(wr_options_valid(&view));
	free(record);
}

Test(record, what_follows_the_last_option_is_less_than_eight_zero_bytes)
{
	uint8_t *record = make(16, 0, 0);
	struct wr_record_view view;
	cr_assert(wr_record_view(record, 40, &view));
	uint32_t used = wr_option_put(record + 24, WR_OPTION_EVENT_ID, "12345", 5);
	cr_assert_eq(used, 9);
	cr_expect(wr_options_valid(&view));
	record[24 + 15] = 1;
	cr_expect_not(wr_options_valid(&view), "the padding is not zero");
	record[24 + 15] = 0;
	memset(record + 24, 0, 16);
	cr_expect_not(wr_options_valid(&view), "sixteen bytes of nothing");
	free(record);
}

Test(record, partitions_follow_kafkas_rule)
{
	struct wr_record r = {.key_hash = 0x80000005u};
	cr_expect_eq(wr_record_partition(&r, 8), 5);
	cr_expect_eq(wr_record_partition(&r, 6), 5);
	r.flags = WR_RECORD_KEYLESS;
	cr_expect_eq(wr_record_partition(&r, 6), 0x80000005u % 6, "a counter keeps all its bits");
	r.flags = WR_RECORD_PARTITION_EXPLICIT;
	r.key_hash = 3;
	cr_expect_eq(wr_record_partition(&r, 6), 3);
}
