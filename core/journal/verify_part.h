/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which segments one of several walks side by side goes through. Part of verify.c, and for nobody
 * else. Thread: see scan.h.
 */
#ifndef WR_JOURNAL_VERIFY_PART_H
#define WR_JOURNAL_VERIFY_PART_H

#include "core/journal/scan.h"
#include "core/journal/verify.h"

/* How many segments are part of the log. */
uint64_t wr_verify_part_count(const struct wr_scan *scan);
/* The first segment of the range, 0: from the beginning; and the first behind it, 0: to the end. */
void wr_verify_part(const struct wr_scan *scan, const struct wr_verify_visitor *visitor,
		    struct wr_verify_report *report, uint64_t *ret_first_id, uint64_t *ret_end_id);
/* The state: begin with that segment. */
void wr_verify_part_begin(struct wr_scan *scan, uint64_t first_id);

static inline bool wr_verify_part_counts(const struct wr_scan_segment *s)
{
	return s->first_valid && !s->excluded;
}

#endif
