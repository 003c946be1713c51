/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sweep.h: what a killed life left on the disk, read from outside and held against the ledger.
 */
#include <errno.h>
#include <stdio.h>

#include "tools/weir/torture/sweep.h"

struct audit {
	struct sweep_ledger *ledger;
	bool is_whole;
	uint64_t last_sequence;
	uint64_t first[SWEEP_STREAMS];
	uint64_t last[SWEEP_STREAMS];
	unsigned tails;
	unsigned checkpoints;
	unsigned faults;
};

static void fault(struct audit *a, const char *what, uint32_t stream, uint64_t number, uint64_t at)
{
	a->faults++;
	sweep_fault(a->ledger, "journal: %s: stream %u, number %llu, at %llu", what, stream,
		    (unsigned long long)number, (unsigned long long)at);
}

/* What stands before the first number that is left was recycled: both groups are behind it. */
static void check_recycled(struct audit *a, uint32_t stream, uint64_t first)
{
	if (a->is_whole)
		fault(a, "the beginning is missing", stream, first, 0);
	uint64_t low = first > SWEEP_CLASSES ? first - SWEEP_CLASSES : 1;
	for (uint64_t number = low; number < first; number++)
		for (uint32_t group = 0; group < SWEEP_GROUPS; group++)
			if (wr_load_relaxed(
				    &a->ledger->settled[group][number % SWEEP_CLASSES][stream]) <
			    number)
				fault(a, "recycled before a group had it", stream, number, group);
}

static void take_named(struct audit *a, uint32_t stream, uint64_t number, uint64_t sequence)
{
	if (a->last[stream] == 0 && number != 1)
		check_recycled(a, stream, number);
	else if (number != a->last[stream] + 1)
		fault(a, "missing, twice or out of order", stream, number, sequence);
}

/* Single events: those that were in doubt at a kill may be missing, no other. */
static void take_once(struct audit *a, uint64_t number, uint64_t sequence)
{
	if (number <= a->last[SWEEP_NAMED])
		fault(a, "twice or out of order", SWEEP_NAMED, number, sequence);
	for (uint64_t n = a->last[SWEEP_NAMED] + 1; n < number && n < SWEEP_ONCE_MAX; n++) {
		bool retired = a->last[SWEEP_NAMED] == 0 && !a->is_whole &&
			       wr_load_relaxed(&a->ledger->once_handled[0][n]) != 0 &&
			       wr_load_relaxed(&a->ledger->once_handled[1][n]) != 0;
		if (wr_load_relaxed(&a->ledger->once_acked[n]) != 0 && !retired)
			fault(a, "acknowledged and missing", SWEEP_NAMED, n, sequence);
	}
}

/* Nothing of a stream is left: what retention took last was all that there was of it. */
static void check_all_recycled(struct audit *a, uint32_t stream, uint64_t last_acked)
{
	if (stream < SWEEP_NAMED) {
		check_recycled(a, stream, last_acked + 1);
		return;
	}
	for (uint64_t n = 1; n <= last_acked && n < SWEEP_ONCE_MAX; n++)
		if (wr_load_relaxed(&a->ledger->once_acked[n]) != 0 &&
		    (wr_load_relaxed(&a->ledger->once_handled[0][n]) == 0 ||
		     wr_load_relaxed(&a->ledger->once_handled[1][n]) == 0))
			fault(a, "recycled before a group had it", stream, n, 0);
}

static void on_event(struct audit *a, const struct weir_item *item)
{
	uint32_t stream;
	uint64_t number;

	if (item->sequence <= a->last_sequence)
		fault(a, "a sequence that does not rise", 0, 0, item->sequence);
	a->last_sequence = item->sequence;
	if (!sweep_read(item, &stream, &number)) {
		fault(a, "not what was published", 0, 0, item->sequence);
		return;
	}
	if (stream < SWEEP_NAMED)
		take_named(a, stream, number, item->sequence);
	else
		take_once(a, number, item->sequence);
	if (a->last[stream] == 0)
		a->first[stream] = number;
	a->last[stream] = number;
}

static int on_events(void *context, const struct weir_journal_events *events)
{
	for (size_t i = 0; i < events->count; i++)
		on_event(context, &events->items[i]);
	return 0;
}

/*
 * A kill tears at most what was being written: the tail, and the older checkpoint, which is written
 * over while the newer one stands. Everything else has to be as it was.
 */
static int on_damage(void *context, const struct weir_journal_damage *damage)
{
	struct audit *a = context;

	if (damage->kind == WEIR_JOURNAL_TORN_TAIL && a->tails++ == 0)
		return 0;
	if (damage->kind == WEIR_JOURNAL_CHECKPOINT && a->checkpoints++ == 0)
		return 0;
	/* A disk that failed leaves files that were begun. */
	if (wr_load_relaxed(&a->ledger->was_broken) != 0 && !damage->corrupt)
		return 0;
	a->faults++;
	sweep_fault(a->ledger, "journal: %.120s (%.40s, sequence %llu, offset %llu)", damage->text,
		    damage->file, (unsigned long long)damage->first_sequence,
		    (unsigned long long)damage->offset);
	return 0;
}

unsigned sweep_audit(const char *dir, struct sweep_ledger *ledger, bool is_whole,
		     uint64_t ret_last[SWEEP_STREAMS])
{
	struct audit a = {.ledger = ledger, .is_whole = is_whole};
	struct weir_journal_visitor visitor;
	struct weir_journal_report report;
	struct weir_problem problem = {0};

	weir_journal_visitor_init(&visitor);
	visitor.events = on_events;
	visitor.damage = on_damage;
	visitor.context = &a;
	int rc = weir_journal_inspect(dir, &visitor, &report, &problem);
	bool acked = false;
	for (uint32_t stream = 0; stream < SWEEP_STREAMS; stream++)
		acked |= wr_load_relaxed(&ledger->acked[stream]) > 0;
	if (rc < 0) {
		/* Killed before there was anything: then nothing was promised either. */
		if (acked || (rc != -ENOENT && rc != WEIR_E_CORRUPT)) {
			sweep_fault(ledger, "journal: %s: %.200s", weir_error_name(rc),
				    problem.text);
			a.faults++;
		}
		return a.faults;
	}
	if (report.corrupt_count != 0)
		fault(&a, "acknowledged records are damaged", 0, report.corrupt_count, 0);
	for (uint32_t stream = 0; stream < SWEEP_STREAMS; stream++) {
		uint64_t last_acked = wr_load_relaxed(&ledger->acked[stream]);
		if (a.last[stream] == 0 && !is_whole && last_acked > 0)
			check_all_recycled(&a, stream, last_acked);
		else if (a.last[stream] < last_acked)
			fault(&a, "acknowledged and missing at the end", stream, a.last[stream],
			      last_acked);
		if (a.last[stream] > wr_load_relaxed(&ledger->handed[stream]))
			fault(&a, "more than was ever published", stream, a.last[stream], 0);
		ret_last[stream] = a.last[stream];
	}
	return a.faults;
}

unsigned sweep_unhandled(struct sweep_ledger *ledger)
{
	unsigned faults = 0;

	for (uint32_t group = 0; group < SWEEP_GROUPS; group++) {
		for (uint32_t n = 1; n < SWEEP_ONCE_MAX; n++)
			faults += wr_load_relaxed(&ledger->once_acked[n]) != 0 &&
				  wr_load_relaxed(&ledger->once_handled[group][n]) == 0;
		for (uint32_t stream = 0; stream < SWEEP_NAMED; stream++) {
			uint64_t highest = 0;
			for (uint32_t key = 0; key < SWEEP_CLASSES; key++) {
				uint64_t n = wr_load_relaxed(&ledger->settled[group][key][stream]);
				highest = n > highest ? n : highest;
			}
			faults += highest < wr_load_relaxed(&ledger->acked[stream]);
		}
	}
	if (faults > 0)
		sweep_fault(ledger, "%u acknowledged events were never handled", faults);
	return faults;
}
