/* SPDX-License-Identifier: Apache-2.0 */
/* A scan of the builder's journal, for tests that ask it one question at a time. */
#ifndef WR_TESTS_SCAN_BED_H
#define WR_TESTS_SCAN_BED_H

#include "core/journal/scan.h"
#include "tests/unit/journal/verify_bed.h"

static struct wr_scan scan;
static struct wr_superblock seen; /* as it was when the scan was opened */

static inline void open_scan(bool live)
{
	wr_memory_sim_init(&p.memory, NULL);
	cr_assert_eq(wr_verify_superblock(storage, &p.memory.base, &seen, &problem), 0);
	cr_assert_eq(wr_scan_open(&scan, storage, &p.memory.base, &seen, 0, live), 0);
}

static inline void close_scan(void)
{
	wr_scan_close(&scan, false);
	cr_expect_eq(p.memory.live_count, 0);
}

#endif
