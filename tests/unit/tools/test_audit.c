/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the demo's verdict can fail: each way in which a journal can be wrong is counted as what
 *         it is, and a journal that is right gives zeros.
 * Method: the audit is given the generator's own events with one fault planted in them. What makes
 *         the events go wrong here is a list of indexes, so no journal is needed.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "tools/weir/demo/audit.h"

#define EVENTS 5000u

struct stored {
	uint64_t index;
	uint8_t payload[DEMO_PAYLOAD_BYTES];
	char key[8];
	size_t key_bytes;
};

static struct stored stored[EVENTS + 1];
static size_t stored_count;
static struct demo_generator generator;
static struct demo_audit audit;
static const struct demo_plan plan = {.seed = 3, .partitions = 8};

static void fill(void)
{
	demo_generator_init(&generator, plan.seed);
	for (stored_count = 0; stored_count < EVENTS; stored_count++) {
		struct demo_record record;
		struct stored *to = &stored[stored_count];
		demo_generator_next(&generator, &record);
		to->index = record.index;
		memcpy(to->payload, record.payload.at, sizeof to->payload);
		memcpy(to->key, record.key.at, record.key.bytes);
		to->key_bytes = record.key.bytes;
	}
}

static void judge(uint64_t acked_index)
{
	cr_assert_eq(demo_audit_init(&audit, &plan, acked_index), 0);
	for (size_t i = 0; i < stored_count; i++) {
		struct demo_text key = {.at = stored[i].key, .bytes = stored[i].key_bytes};
		struct demo_text payload = {.at = (const char *)stored[i].payload,
					    .bytes = sizeof stored[i].payload};
		cr_assert_eq(demo_audit_event(&audit, stored[i].index, key, payload), 0);
	}
	cr_assert_eq(demo_audit_end(&audit), 0);
}

static void drop(size_t at)
{
	memmove(&stored[at], &stored[at + 1], (stored_count - at - 1) * sizeof stored[0]);
	stored_count--;
}

/* A group that saw exactly what the journal holds. */
static uint32_t book_mismatches(void)
{
	struct demo_digest digests[DEMO_MARKETS];
	demo_books_digest(&audit.journal, digests);
	return demo_audit_book_mismatches(&audit, digests);
}

static uint64_t complaints(void)
{
	return audit.lost_count + audit.missing_count + audit.damaged_count + audit.repeated_count +
	       audit.foreign_count + audit.order_violations;
}

TestSuite(audit, .init = fill);

Test(audit, a_journal_that_is_right_gives_zeros)
{
	judge(EVENTS);
	cr_assert_eq(audit.event_count, EVENTS);
	cr_assert_eq(complaints(), 0);
	cr_assert_eq(book_mismatches(), 0);
	demo_audit_fini(&audit);
}

Test(audit, events_beyond_the_last_acknowledged_may_be_there_or_not)
{
	judge(EVENTS - 100);
	cr_assert_eq(complaints(), 0);
	cr_assert_eq(audit.final_index, EVENTS);
	cr_assert_eq(book_mismatches(), 0);
	demo_audit_fini(&audit);
	stored_count = EVENTS - 100;
	judge(EVENTS - 100);
	cr_assert_eq(complaints(), 0);
	demo_audit_fini(&audit);
}

Test(audit, an_acknowledged_event_that_is_not_there_is_lost)
{
	static const size_t places[] = {0, 1234, EVENTS - 1};
	for (size_t i = 0; i < 3; i++) {
		fill();
		drop(places[i]);
		judge(EVENTS);
		cr_assert_eq(audit.lost_count, 1);
		cr_assert_eq(complaints(), 1);
		demo_audit_fini(&audit);
	}
}

Test(audit, a_journal_that_ends_early_has_lost_the_rest)
{
	stored_count = 0;
	judge(EVENTS);
	cr_assert_eq(audit.lost_count, EVENTS);
	cr_assert_gt(book_mismatches(), 0);
	demo_audit_fini(&audit);
}

Test(audit, a_hole_below_events_that_were_never_acknowledged_is_told_apart)
{
	drop(1234);
	judge(1000);
	cr_assert_eq(audit.lost_count, 0);
	cr_assert_eq(audit.missing_count, 1);
	demo_audit_fini(&audit);
}

Test(audit, any_changed_byte_of_payload_or_key_is_damage_and_loss)
{
	for (size_t i = 0; i < DEMO_PAYLOAD_BYTES; i++)
		stored[100 + i].payload[i] ^= 1;
	stored[1000].key[4] ^= 1;
	stored[1001].key_bytes--;
	judge(EVENTS);
	cr_assert_eq(audit.damaged_count, DEMO_PAYLOAD_BYTES + 2);
	cr_assert_eq(audit.lost_count, DEMO_PAYLOAD_BYTES + 2);
	demo_audit_fini(&audit);
}

Test(audit, an_event_that_stands_there_twice_is_repeated)
{
	memmove(&stored[101], &stored[100], (stored_count - 100) * sizeof stored[0]);
	stored_count++;
	judge(EVENTS);
	cr_assert_eq(audit.repeated_count, 1);
	cr_assert_eq(audit.order_violations, 1, "its key has seen it before");
	cr_assert_eq(audit.lost_count, 0);
	demo_audit_fini(&audit);
}

Test(audit, two_events_of_one_key_in_the_wrong_order_are_a_violation)
{
	size_t first = 100;
	size_t second = first + 1;
	while (memcmp(stored[first].key, stored[second].key, sizeof stored[first].key) != 0)
		second++;
	struct stored swap = stored[first];
	stored[first] = stored[second];
	stored[second] = swap;
	judge(EVENTS);
	cr_assert_eq(audit.order_violations, 1);
	cr_assert_gt(complaints(), 1);
	demo_audit_fini(&audit);
}

Test(audit, an_event_without_a_number_or_beyond_the_source_is_foreign)
{
	stored[EVENTS] = stored[17];
	stored[EVENTS].index = 0;
	stored_count++;
	judge(EVENTS);
	cr_assert_eq(audit.foreign_count, 1);
	cr_assert_eq(audit.lost_count, 0);
	demo_audit_fini(&audit);
}

Test(audit, books_that_a_group_got_wrong_are_mismatches)
{
	struct demo_digest digests[DEMO_MARKETS];
	judge(EVENTS);
	demo_books_digest(&audit.reference, digests);
	cr_assert_eq(demo_audit_book_mismatches(&audit, digests), 0);
	digests[7].hash ^= 1;
	digests[9].order_count++;
	digests[11].amount_e8[DEMO_ASK]--;
	cr_assert_eq(demo_audit_book_mismatches(&audit, digests), 3);
	demo_audit_fini(&audit);
}

Test(audit, tallies_are_exact_whatever_came_again)
{
	static struct demo_shared shared;

	for (size_t i = 0; i < EVENTS; i++) {
		struct demo_event event;
		uint64_t hash = demo_event_hash(stored[i].index, stored[i].payload,
						sizeof stored[i].payload);
		unsigned partition = (unsigned)(stored[i].key[4] % 8);
		demo_event_decode(stored[i].payload, sizeof stored[i].payload, &event);
		bool trade = event.kind == DEMO_TRADE;
		cr_assert(demo_cell_add(&shared.count[partition], i + 1, true, hash));
		cr_assert(demo_cell_add(&shared.tape[partition], i + 1, trade, hash));
		if (i % 3 == 0)
			cr_assert(!demo_cell_add(&shared.count[partition], i + 1, true, hash));
	}
	judge(EVENTS);
	cr_assert_eq(demo_audit_tally_mismatches(&audit, &shared), 0);
	cr_assert(demo_cell_add(&shared.count[0], EVENTS + 1, true, 0));
	cr_assert_eq(demo_audit_tally_mismatches(&audit, &shared), 1);
	cr_assert(demo_cell_add(&shared.tape[0], EVENTS + 2, true, 0));
	cr_assert_eq(demo_audit_tally_mismatches(&audit, &shared), 2);
	demo_audit_fini(&audit);
}
