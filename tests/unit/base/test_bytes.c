/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   hostile bytes are never read, and buffers never written, beyond their end; small
 *         arithmetic is right at its edges.
 * Method: cursors and sinks of every length up to 40; powers of two and their neighbours.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"

Test(bytes, numbers_are_little_endian_at_any_address)
{
	uint8_t bytes[16] = {0};
	wr_put_u16(bytes + 1, 0x0102);
	wr_put_u32(bytes + 3, 0x03040506);
	wr_put_u64(bytes + 7, 0x0708090a0b0c0d0eull);
	const uint8_t want[16] = {0,    2,    1,    6,    5,    4,    3,    0x0e,
				  0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0x07, 0};
	cr_expect_arr_eq(bytes, want, sizeof want);
	cr_expect_eq(wr_get_u16(bytes + 1), 0x0102);
	cr_expect_eq(wr_get_u32(bytes + 3), 0x03040506);
	cr_expect_eq(wr_get_u64(bytes + 7), 0x0708090a0b0c0d0eull);
}

Test(bytes, a_cursor_fails_at_the_end_and_for_good)
{
	for (size_t length = 0; length < 40; length++) {
		uint8_t *bytes = calloc(1, length + 1);
		struct wr_cursor c = wr_cursor_over(bytes, length);
		size_t taken = 0;
		while (wr_take(&c, 3) != NULL)
			taken += 3;
		cr_expect_eq(taken, length / 3 * 3);
		cr_expect(c.failed);
		cr_expect_null(wr_take(&c, 0), "once short, always short");
		cr_expect_eq(wr_take_u64(&c), 0);
		free(bytes);
	}
}

Test(bytes, a_cursor_gives_what_stands_there_and_0_beyond)
{
	const uint8_t bytes[15] = {1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9};
	struct wr_cursor c = wr_cursor_over(bytes, sizeof bytes);
	cr_expect_eq(wr_take_u16(&c), 1);
	cr_expect_eq(wr_take_u32(&c), 2);
	cr_expect_eq(wr_take_u64(&c), 3);
	cr_expect_not(c.failed);
	cr_expect_eq(c.left_bytes, 1);
	cr_expect_eq(wr_take_u16(&c), 0);
	cr_expect(c.failed);
	cr_expect_null(wr_take(&c, SIZE_MAX));
}

Test(bytes, a_sink_writes_no_byte_beyond_its_end)
{
	for (size_t capacity = 0; capacity < 40; capacity++) {
		uint8_t bytes[48];
		memset(bytes, 0x77, sizeof bytes);
		struct wr_sink s = {.bytes = bytes, .capacity_bytes = capacity};
		for (uint32_t i = 0; i < 4; i++) {
			wr_sink_u32(&s, UINT32_MAX);
			wr_sink_u64(&s, UINT64_MAX);
		}
		cr_expect(s.failed);
		cr_expect_leq(s.used_bytes, capacity);
		for (size_t i = s.used_bytes; i < sizeof bytes; i++)
			cr_assert_eq(bytes[i], 0x77, "capacity %zu byte %zu", capacity, i);
		cr_expect_null(wr_put(&s, 0), "once full, always full");
	}
}

Test(bytes, a_sink_takes_nothing_as_well)
{
	uint8_t bytes[4];
	struct wr_sink s = {.bytes = bytes, .capacity_bytes = 4};
	wr_sink_bytes(&s, NULL, 0);
	wr_sink_bytes(&s, "abcd", 4);
	cr_expect_not(s.failed);
	cr_expect_arr_eq(bytes, "abcd", 4);
	wr_sink_bytes(&s, "e", 1);
	cr_expect(s.failed);
}

Test(bits, powers_of_two)
{
	cr_expect_not(wr_is_power_of_two(0));
	for (uint32_t k = 0; k < 64; k++) {
		uint64_t n = 1ull << k;
		cr_expect(wr_is_power_of_two(n));
		cr_expect_eq(wr_log2(n), k);
		cr_expect_eq(wr_power_of_two_above(n), n);
		if (k >= 2)
			cr_expect_not(wr_is_power_of_two(n - 1));
		if (k >= 2)
			cr_expect_eq(wr_power_of_two_above(n - 1), n);
		if (k < 63)
			cr_expect_eq(wr_power_of_two_above(n + 1), n == 0 ? 1 : 2 * n);
	}
	cr_expect_eq(wr_power_of_two_above(0), 1);
}

Test(bits, rounding)
{
	for (uint64_t to = 1; to <= 4096; to *= 2) {
		for (uint64_t n = 0; n < 3 * to; n += to / 4 + 1) {
			cr_expect_eq(wr_round_down(n, to), n / to * to);
			cr_expect_eq(wr_round_up(n, to), (n + to - 1) / to * to);
		}
	}
	cr_expect_eq(wr_round_down(UINT64_MAX, 8), UINT64_MAX - 7);
}

Test(bits, the_lesser_and_the_greater)
{
	cr_expect_eq(wr_min_u64(0, UINT64_MAX), 0);
	cr_expect_eq(wr_max_u64(0, UINT64_MAX), UINT64_MAX);
	cr_expect_eq(wr_min_u64(5, 5), 5);
}
