/* SPDX-License-Identifier: Apache-2.0 */
/* The tables in a checkpoint, there and back, for test_outstanding.c. */
#ifndef WR_TESTS_OUTSTANDING_SAVED_H
#define WR_TESTS_OUTSTANDING_SAVED_H

#include "tests/unit/log/outstanding_bed.h"

static size_t save_all(uint8_t *bytes)
{
	struct wr_sink sink = {.bytes = bytes, .capacity_bytes = BODY_MAX};
	wr_tables_save(&tables, &sink);
	CHECK(!sink.failed);
	CHECK(sink.used_bytes <= wr_tables_save_bytes_max(&limits));
	return sink.used_bytes;
}

static int load_all(const uint8_t *bytes, size_t length)
{
	struct wr_section_header header;
	const uint8_t *body;
	uint32_t at = 0;
	int rc;
	wr_tables_reset(&tables);
	while ((rc = wr_section_next(bytes, (uint32_t)length, &at, &header, &body)) == 1) {
		rc = wr_tables_load(&tables, header.module, header.version, header.part, body,
				    header.bytes);
		if (rc != 0)
			return rc;
	}
	return rc;
}

static void through_a_checkpoint(void)
{
	static uint8_t before[BODY_MAX], after[BODY_MAX];
	size_t bytes = save_all(before);
	CHECK(load_all(before, bytes) == 0);
	CHECK(save_all(after) == bytes);
	CHECK(memcmp(before, after, bytes) == 0);
}

#endif
