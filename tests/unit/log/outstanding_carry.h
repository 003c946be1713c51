/* SPDX-License-Identifier: Apache-2.0 */
/* Copies further on of what is outstanding, good and bad, for test_outstanding.c. */
#ifndef WR_TESTS_OUTSTANDING_CARRY_H
#define WR_TESTS_OUTSTANDING_CARRY_H

#include "core/record/batch.h"
#include "core/record/carried.h"
#include "tests/unit/log/outstanding_bed.h"

/* The last one of each: sometimes below what the frontier comes to. */
static uint64_t carried_at[QUEUES];

/* Whether it was taken. */
static bool carry(uint32_t queue)
{
	struct model *m = &models[queue];
	uint64_t back = below(60), seq = m->frontier > back ? m->frontier - back : 1;
	while (seq < m->frontier && !m->events[seq].out && below(10) > 0)
		seq++;
	const struct wr_record event = {
		.bytes = WR_RECORD_HEAD_BYTES, .kind = WR_KIND_EVENT, .flags = WR_RECORD_KEYLESS};
	const struct wr_record_view event_view = {.head = &event};
	const struct wr_carried carried = {.seq = seq, .subscription = queue};
	uint64_t place = wr_max_u64(carried_at[queue] + 1, m->frontier + below(4));
	struct wr_record_view view;
	struct wr_undo none = {0};
	struct wr_decision d;
	wr_carried_write(&event_view, &carried, record);
	CHECK(wr_record_view(record, sizeof record, &view));
	int rc = wr_decide(&tables, &none, &view, place, false, &d);
	if (!m->events[seq].out) {
		CHECK(rc == WEIR_E_FENCED);
		return false;
	}
	CHECK(rc == 0 && d.tag == WR_TAG_CONTROL && d.features == WR_BATCH_CARRIED);
	m->events[seq].place = carried_at[queue] = place;
	return true;
}

#endif
