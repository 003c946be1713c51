/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the sections of a checkpoint's body come back as they were put, and a hostile body ends
 *         the walk with an error.
 * Method: round trips, every truncation, every value of a length, a sink that is too small.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include <weir/error.h>

#include "core/record/section.h"

static uint8_t body[4096];

static struct wr_sink sink_over(size_t capacity_bytes)
{
	memset(body, 0xcc, sizeof body);
	return (struct wr_sink){.bytes = body, .capacity_bytes = capacity_bytes};
}

static void put(struct wr_sink *sink, uint32_t module, uint16_t part, uint32_t bytes)
{
	size_t place = wr_section_begin(sink, module, 3, part);
	for (uint32_t i = 0; i < bytes; i++)
		wr_sink_bytes(sink, &(uint8_t){(uint8_t)(i + part)}, 1);
	wr_section_end(sink, place);
}

Test(section, what_was_put_comes_back_in_order)
{
	struct wr_sink sink = sink_over(sizeof body);
	for (uint16_t part = 0; part < 20; part++)
		put(&sink, WR_SECTION_SETTLE, part, part * 3u);
	cr_assert_not(sink.failed);
	cr_expect_eq(sink.used_bytes % 8, 0);
	struct wr_section_header header;
	const uint8_t *bytes;
	uint32_t at = 0;
	for (uint16_t part = 0; part < 20; part++) {
		cr_assert_eq(wr_section_next(body, (uint32_t)sink.used_bytes, &at, &header, &bytes),
			     1);
		cr_expect_eq(header.module, WR_SECTION_SETTLE);
		cr_expect_eq(header.version, 3);
		cr_expect_eq(header.part, part);
		cr_expect_eq(header.bytes, part * 3u);
		for (uint32_t i = 0; i < header.bytes; i++)
			cr_assert_eq(bytes[i], (uint8_t)(i + part));
		for (uint32_t i = header.bytes; i % 8 != 0; i++)
			cr_assert_eq(bytes[i], 0, "padding is zero");
	}
	cr_expect_eq(wr_section_next(body, (uint32_t)sink.used_bytes, &at, &header, &bytes), 0);
}

Test(section, an_empty_body_has_none)
{
	struct wr_section_header header;
	const uint8_t *bytes;
	uint32_t at = 0;
	cr_expect_eq(wr_section_next(body, 0, &at, &header, &bytes), 0);
}

Test(section, every_truncation_is_an_error_or_an_end)
{
	struct wr_sink sink = sink_over(sizeof body);
	put(&sink, 1, 1, 10);
	put(&sink, 2, 2, 24);
	uint32_t first_bytes = 16 + 16;
	for (uint32_t length = 0; length < sink.used_bytes; length++) {
		uint8_t *exact = malloc(length > 0 ? length : 1);
		struct wr_section_header header;
		const uint8_t *bytes;
		uint32_t at = 0;
		int r;
		memcpy(exact, body, length);
		do {
			r = wr_section_next(exact, length, &at, &header, &bytes);
		} while (r == 1);
		bool ends = length == 0 || length == first_bytes;
		cr_expect_eq(r, ends ? 0 : WEIR_E_CORRUPT, "%u", length);
		free(exact);
	}
}

Test(section, a_length_that_lies_is_an_error)
{
	static const uint32_t lies[] = {17,         25,         4096,      0x7fffffff,
					0xfffffff8, 0xfffffff9, 0xffffffff};
	struct wr_section_header header;
	const uint8_t *bytes;
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct wr_sink sink = sink_over(sizeof body);
		uint32_t at = 0;
		put(&sink, 1, 1, 16);
		wr_put_u32(body + 8, lies[i]);
		cr_expect_eq(wr_section_next(body, (uint32_t)sink.used_bytes, &at, &header, &bytes),
			     WEIR_E_CORRUPT, "%x", lies[i]);
	}
}

Test(section, a_sink_that_is_too_small_fails_and_stays_within)
{
	for (size_t capacity = 0; capacity < 48; capacity++) {
		struct wr_sink sink = sink_over(capacity);
		put(&sink, 1, 1, 20);
		cr_expect_eq(sink.failed, capacity < 40, "%zu", capacity);
		for (size_t i = capacity; i < sizeof body; i++)
			cr_assert_eq(body[i], 0xcc, "%zu", capacity);
	}
}
