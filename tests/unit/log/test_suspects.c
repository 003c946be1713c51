/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what is outstanding when the process dies is suspect and counts nothing; a second death
 *         without progress has suspects go one at a time, and only the one in hand has failed at
 *         the next one; progress forgives one death, and no more: what kills a moment after it was
 *         handed out, beside many others, comes to an end, too. Rule: L33.
 * Method: records through wr_decide(), and what they come to. Saved and loaded after each.
 */
#include "tests/unit/log/outstanding_bed.h"

#include "core/log/suspects.h"

static const struct wr_outstanding_list *list(void)
{
	return &tables.outstanding.lists[0];
}

/* Through a checkpoint: it is all there. */
static void save_and_load(void)
{
	static uint8_t bytes[BODY_MAX], after[BODY_MAX];
	struct wr_outstanding *o = &tables.outstanding;
	struct wr_sink sink = {.bytes = bytes, .capacity_bytes = sizeof bytes};
	wr_outstanding_save(o, &tables.catalog, &sink);
	struct wr_section_header header;
	memcpy(&header, bytes, sizeof header);
	wr_outstanding_reset(o);
	for (uint32_t i = 0; i < QUEUES; i++)
		tables.catalog.subscriptions[i].order = WR_ORDER_PARTITION;
	cr_assert_eq(wr_outstanding_load(o, &tables.catalog, header.version, bytes + sizeof header,
					 header.bytes),
		     0);
	struct wr_sink again = {.bytes = after, .capacity_bytes = sizeof after};
	wr_outstanding_save(o, &tables.catalog, &again);
	cr_assert_eq(again.used_bytes, sink.used_bytes);
	cr_assert_eq(memcmp(bytes, after, sink.used_bytes), 0);
}

static int reject(enum wr_verdict verdict, uint64_t seq, uint32_t generation)
{
	struct wr_undo none = {0};
	struct wr_decision d;
	struct wr_reject r = {
		.seq = seq, .generation = generation, .verdict = verdict, .failed_us = 5};
	wr_control_write(record, WR_KIND_REJECT, 0, 0, NULL, 0, &r, sizeof r);
	int rc = decide(record, &none, &d);
	save_and_load();
	return rc;
}

static void settle(uint64_t seq)
{
	struct wr_undo none = {0};
	struct wr_decision d;
	struct wr_settle_run run = {.first = seq, .last = seq, .count = 1, .generation = 1};
	(void)share_write_settle(record, 0, &run, 1);
	cr_assert_eq(decide(record, &none, &d), 0);
	save_and_load();
}

/* The next `count` events are outstanding. */
static void mark(uint32_t count)
{
	struct wr_undo none = {0};
	struct wr_decision d;
	struct wr_mark_event events[16];
	struct wr_mark_head head = {.from = list()->frontier, .count = count};
	head.to = head.from + count;
	for (uint32_t i = 0; i < count; i++)
		events[i] = (struct wr_mark_event){
			.seq = head.from + i,
			.row = below(subscription(0)->row_count),
			.bytes = 10,
		};
	(void)share_write_mark(record, 0, &head, events);
	cr_assert_eq(decide(record, &none, &d), 0);
}

static uint32_t attempts(uint64_t seq)
{
	return wr_outstanding_find(&tables.outstanding, 0, seq)->attempts;
}

static bool dies(void)
{
	bool alone = wr_suspects_after(&tables.outstanding, 0, true).alone;
	cr_assert_eq(reject(WR_VERDICT_CRASHED, 0, 0), 0);
	cr_assert_eq(wr_suspects_after(&tables.outstanding, 0, false).alone, alone, "as foretold");
	return alone;
}

CASE(outstanding, the_second_death_without_progress_has_suspects_go_alone)
{
	cr_expect_not(dies(), "nothing was outstanding");
	cr_expect_not(dies());
	mark(4);
	cr_expect_not(dies());
	cr_expect(dies());
	for (uint64_t seq = 1; seq <= 4; seq++)
		cr_expect_eq(attempts(seq), 0, "and nothing of it is counted");
	cr_expect(dies(), "nothing was in hand");
	cr_expect_eq(attempts(1), 0);
}

CASE(outstanding, what_is_in_hand_when_the_process_dies_has_failed)
{
	mark(4);
	(void)dies();
	cr_assert(dies());
	cr_assert_eq(reject(WR_VERDICT_IN_HAND, 2, 1), 0);
	cr_expect(dies());
	cr_expect_eq(attempts(2), 1);
	cr_expect_eq(attempts(1) + attempts(3) + attempts(4), 0, "and no other");
	cr_expect_eq(reject(WR_VERDICT_IN_HAND, 2, 1), WEIR_E_FENCED, "under another generation");
	cr_expect_eq(reject(WR_VERDICT_IN_HAND, 9, 1), WEIR_E_FENCED, "it is not outstanding");
	cr_assert_eq(reject(WR_VERDICT_IN_HAND, 2, 2), 0);
	cr_assert_eq(reject(WR_VERDICT_OUT_OF_HAND, 0, 0), 0);
	(void)dies();
	cr_assert_eq(reject(WR_VERDICT_IN_HAND, 2, 2), 0);
	cr_assert_eq(reject(WR_VERDICT_RELEASED, 2, 2), 0);
	(void)dies();
	cr_expect_eq(attempts(2), 1, "given back, with a record that says so or by a reject");
	cr_assert_eq(reject(WR_VERDICT_IN_HAND, 1, 1), 0);
	settle(1);
	(void)dies();
	cr_expect_eq(attempts(2) + attempts(3) + attempts(4), 1, "settled");
}

/* It may stay for ever: a parked one does. */
CASE(outstanding, a_suspect_that_stays_hides_none_that_comes_later)
{
	mark(1);
	(void)dies();
	mark(2);
	cr_assert(dies());
	cr_expect_eq(list()->suspects_end, 2, "those of the first death");
	cr_assert_eq(reject(WR_VERDICT_IN_HAND, 1, 1), 0);
	cr_assert(dies());
	cr_expect_eq(list()->suspects_end, 2, "it was the one in hand");
	cr_assert(dies());
	cr_expect_eq(list()->suspects_end, 4, "nothing was in hand: it was none of them");
	cr_assert_eq(reject(WR_VERDICT_IN_HAND, 3, 1), 0);
	cr_assert(dies());
	cr_expect(attempts(3) == 1 && attempts(2) == 0);
}

CASE(outstanding, progress_forgives_one_death_and_the_suspects_stay_the_same)
{
	mark(3);
	(void)dies();
	mark(3);
	settle(5);
	cr_expect(dies(), "what came later is no progress among them");
	cr_assert_eq(list()->suspects_end, 4);
	settle(1);
	settle(2);
	settle(3);
	cr_expect_not(dies(), "they are through: those that are left are the next ones");
	cr_assert_eq(list()->suspects_end, 7);
	settle(4);
	cr_expect_not(dies(), "one was settled in between");
	cr_assert_eq(reject(WR_VERDICT_RETRY, 6, 1), 0);
	cr_expect(dies(), "one has failed, and was counted; but that was forgiven before");
	cr_expect(dies());
}

CASE(outstanding, a_death_without_progress_counts_behind_one_that_was_forgiven)
{
	mark(3);
	(void)dies();
	settle(1);
	cr_expect_not(dies());
	cr_expect(dies());
	settle(2);
	settle(3);
	mark(2);
	cr_expect_not(dies(), "others: it begins anew");
	settle(4);
	cr_expect_not(dies(), "and so does what is forgiven");
	cr_expect(dies());
}
