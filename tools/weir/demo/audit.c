/* SPDX-License-Identifier: Apache-2.0 */
/* The walk through journal and source, and the comparisons at its end; see audit.h. */
#include "tools/weir/demo/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int demo_audit_init(struct demo_audit *audit, const struct demo_plan *plan, uint64_t acked_index)
{
	*audit = (struct demo_audit){.acked_index = acked_index};
	audit->source = calloc(1, sizeof *audit->source);
	if (audit->source == NULL)
		return -ENOMEM;
	demo_source_init(audit->source, plan->input, plan->seed);
	uint32_t instruments = demo_source_instruments(audit->source);
	size_t dead_ids = demo_source_dead_ids(audit->source);
	if (demo_books_init(&audit->reference, instruments, dead_ids) < 0 ||
	    demo_books_init(&audit->journal, instruments, dead_ids) < 0 ||
	    demo_key_order_init(&audit->keys) < 0) {
		demo_audit_fini(audit);
		return -ENOMEM;
	}
	return 0;
}

void demo_audit_fini(struct demo_audit *audit)
{
	demo_books_fini(&audit->reference);
	demo_books_fini(&audit->journal);
	demo_key_order_fini(&audit->keys);
	free(audit->source);
	audit->source = NULL;
}

static int fail(struct demo_audit *audit, int error)
{
	if (error < 0 && audit->error == 0)
		audit->error = error;
	return audit->error;
}

/* The source's next event goes into the reference. False: the source has no more. */
static bool advance_source(struct demo_audit *audit, struct demo_record *record)
{
	if (!demo_source_next(audit->source, record))
		return false;
	fail(audit, demo_books_apply(&audit->reference, &record->event));
	return true;
}

/* Events of the source that the journal does not have where they belong. */
static bool pass_missing(struct demo_audit *audit, uint64_t end_index)
{
	struct demo_record record;
	while (audit->source->index + 1 < end_index) {
		if (!advance_source(audit, &record))
			return false;
		if (record.index <= audit->acked_index)
			audit->lost_count++;
		else
			audit->missing_count++;
	}
	return true;
}

/* What the groups make of the same bytes. */
static void take_in(struct demo_audit *audit, uint64_t index, struct demo_text payload)
{
	struct demo_event event;
	uint64_t hash = demo_event_hash(index, payload.at, payload.bytes);

	demo_event_decode(payload.at, payload.bytes, &event);
	audit->event_hash += hash;
	if (event.kind == DEMO_TRADE) {
		audit->trade_count++;
		audit->trade_hash += hash;
	}
	/* A capture that begins in the middle of a day lacks the orders that stood already; by
	 * then most of them are gone, or were seen in a change. */
	if (event.kind == DEMO_SNAPSHOT && index > audit->acked_index / 10 * 4)
		(void)demo_snapshot_compare(&audit->journal, event.instrument, payload, 5,
					    &audit->snapshots);
	fail(audit, demo_books_apply(&audit->journal, &event));
}

int demo_audit_event(struct demo_audit *audit, uint64_t index, struct demo_text key,
		     struct demo_text payload)
{
	struct demo_record record;

	audit->event_count++;
	take_in(audit, index, payload);
	if (index == 0) {
		audit->foreign_count++;
		return audit->error;
	}
	if (key.bytes > 0) {
		int seen = demo_key_order_see(&audit->keys, key, index);
		if (seen > 0)
			audit->order_violations++;
		fail(audit, seen);
	}
	if (index <= audit->source->index) {
		audit->repeated_count++;
		return audit->error;
	}
	if (!pass_missing(audit, index) || !advance_source(audit, &record)) {
		audit->foreign_count++;
		return audit->error;
	}
	if (!demo_text_equal(record.key, key) || !demo_text_equal(record.payload, payload)) {
		audit->damaged_count++;
		if (index <= audit->acked_index)
			audit->lost_count++;
	}
	return audit->error;
}

int demo_audit_end(struct demo_audit *audit)
{
	if (audit->source->index < audit->acked_index)
		(void)pass_missing(audit, audit->acked_index + 1);
	audit->final_index = audit->source->index;
	return audit->error;
}

/* Counts the instruments at which a and b differ, marking them in `differs`. */
static void mark_digests(const struct demo_digest *a, const struct demo_digest *b, uint32_t count,
			 uint8_t *differs)
{
	for (uint32_t i = 0; i < count; i++)
		if (!demo_digest_equal(&a[i], &b[i]))
			differs[i] = 1;
}

uint32_t demo_audit_book_mismatches(const struct demo_audit *audit,
				    const struct demo_digest *digests)
{
	uint32_t instruments = audit->reference.instrument_count;
	struct demo_digest *reference = calloc(instruments, sizeof *reference);
	struct demo_digest *own = calloc(instruments, sizeof *own);
	uint8_t differs[DEMO_INSTRUMENTS_MAX] = {0};
	uint32_t count = 0;

	if (reference == NULL || own == NULL) {
		free(reference);
		free(own);
		return instruments;
	}
	demo_books_digest(&audit->reference, reference);
	mark_digests(reference, digests, instruments, differs);
	if (audit->source->input == NULL) {
		demo_generator_digest(&audit->source->generator, own);
		mark_digests(reference, own, instruments, differs);
	}
	for (uint32_t i = 0; i < instruments; i++)
		count += differs[i];
	free(reference);
	free(own);
	/* Journal and source are compared level by level, not by digest. */
	uint32_t by_level = demo_books_differ(&audit->reference, &audit->journal);
	return count > by_level ? count : by_level;
}

static struct demo_tally sum_cells(struct demo_cell *cells)
{
	struct demo_tally sum = {0};
	for (uint32_t i = 0; i < DEMO_PARTITIONS_MAX; i++) {
		struct demo_tally tally = demo_cell_read(&cells[i]);
		sum.event_count += tally.event_count;
		sum.hash += tally.hash;
	}
	return sum;
}

uint32_t demo_audit_tally_mismatches(const struct demo_audit *audit, struct demo_shared *shared)
{
	struct demo_tally tape = sum_cells(shared->tape);
	struct demo_tally count = sum_cells(shared->count);

	bool tape_wrong = tape.event_count != audit->trade_count || tape.hash != audit->trade_hash;
	bool count_wrong =
		count.event_count != audit->event_count || count.hash != audit->event_hash;
	return (uint32_t)tape_wrong + (uint32_t)count_wrong;
}
