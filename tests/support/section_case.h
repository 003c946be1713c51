/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of the log into one section of a checkpoint, and back, in tests:
 *
 *   SECTION_SAVE_AND_LOAD(settle, WR_SECTION_SETTLE, wr_settle_save, wr_settle_load)
 *
 * makes, for the test's table `settle`,
 *
 *   size_t save(uint8_t *bytes, size_t capacity)     how many it took
 *   int load(const uint8_t *section, size_t bytes)   what the table said of the section's body
 *
 * Thread: main of a test.
 */
#ifndef WR_TESTS_SECTION_CASE_H
#define WR_TESTS_SECTION_CASE_H

#include <criterion/criterion.h>

#include "core/base/bytes.h"
#include "core/record/section.h"

#define SECTION_SAVE_AND_LOAD(table_, module_, save_, load_)                                       \
	static size_t save(uint8_t *bytes, size_t capacity)                                        \
	{                                                                                          \
		struct wr_sink sink = {.bytes = bytes, .capacity_bytes = capacity};                \
		save_(&(table_), &sink);                                                           \
		cr_assert_not(sink.failed);                                                        \
		return sink.used_bytes;                                                            \
	}                                                                                          \
	static int load(const uint8_t *section, size_t bytes)                                      \
	{                                                                                          \
		struct wr_section_header header;                                                   \
		const uint8_t *body;                                                               \
		uint32_t at = 0;                                                                   \
		cr_assert_eq(wr_section_next(section, (uint32_t)bytes, &at, &header, &body), 1);   \
		cr_assert_eq(header.module, module_);                                              \
		return load_(&(table_), header.version, body, header.bytes);                       \
	}

#endif
