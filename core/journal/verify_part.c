/* SPDX-License-Identifier: Apache-2.0 */
/* See verify_part.h. */
#include "core/journal/verify_part.h"

#include "core/base/assert.h"
#include "core/base/bits.h"

uint64_t wr_verify_part_count(const struct wr_scan *scan)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < scan->segment_count; i++)
		count += wr_verify_part_counts(&scan->segments[i]);
	return count;
}

void wr_verify_part(const struct wr_scan *scan, const struct wr_verify_visitor *visitor,
		    struct wr_verify_report *report, uint64_t *ret_first_id, uint64_t *ret_end_id)
{
	uint64_t count = wr_verify_part_count(scan), index = 0;
	uint64_t parts = wr_min_u64(visitor->parts, count);
	*ret_first_id = *ret_end_id = 0;
	report->is_empty = visitor->part > 0 && visitor->part >= parts;
	report->is_last = parts <= 1 || visitor->part + 1ull >= parts;
	if (parts <= 1)
		return;
	uint64_t first = count * visitor->part / parts;
	uint64_t end = count * (visitor->part + 1ull) / parts;
	for (uint32_t i = 0; i < scan->segment_count; i++) {
		const struct wr_scan_segment *s = &scan->segments[i];
		if (!wr_verify_part_counts(s))
			continue;
		if (index == first && first > 0)
			*ret_first_id = s->segment_id;
		if (index == end)
			*ret_end_id = s->segment_id;
		index++;
	}
}

void wr_verify_part_begin(struct wr_scan *scan, uint64_t first_id)
{
	uint32_t index = 0;

	/* wr_verify_part() has found it; of two with one id the first is the one that counts. */
	while (scan->segments[index].segment_id != first_id) {
		index++;
		WR_ASSERT(index < scan->segment_count);
	}
	wr_scan_from_segment(scan, index);
}
