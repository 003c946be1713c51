/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict: what stands in the journal against what was acknowledged, event by event.
 *
 * One named producer wrote all events, so the journal must hold the source's events 1, 2, 3 ... in
 * this order, each with its own bytes. The audit walks source and journal side by side and needs no
 * copies. While it walks it builds the books twice: from the source alone (the reference, which
 * weir has never touched) and from the journal's bytes; at the end both are compared with each
 * other and with what the group had.
 *
 * Thread: one. Allocates as the books grow.
 */
#ifndef WEIR_TOOLS_DEMO_AUDIT_H
#define WEIR_TOOLS_DEMO_AUDIT_H

#include "tools/weir/demo/key_order.h"
#include "tools/weir/demo/shared.h"
#include "tools/weir/demo/snapshot.h"

struct demo_audit {
	struct demo_source *source;
	uint64_t acked_index;    /* every event up to it was acknowledged */
	uint64_t final_index;    /* the source's last event that should be there */
	uint64_t event_count;    /* in the journal */
	uint64_t lost_count;     /* acknowledged, and not there or with other bytes */
	uint64_t missing_count;  /* not acknowledged, not there, though later ones are: a hole */
	uint64_t damaged_count;  /* there, with another key or payload */
	uint64_t repeated_count; /* there again */
	uint64_t foreign_count;  /* not of this source */
	uint64_t order_violations;
	uint64_t trade_count; /* what tape and count should have seen */
	uint64_t trade_hash;
	uint64_t event_hash;
	struct demo_snapshot_score snapshots; /* of the last 60% of the events */
	struct demo_books reference;
	struct demo_books journal;
	struct demo_key_order keys;
	int error;
};

/* 0 or -ENOMEM. */
int demo_audit_init(struct demo_audit *audit, const struct demo_plan *plan, uint64_t acked_index);
void demo_audit_fini(struct demo_audit *audit);

/* The next event of the journal. `index` 0: it carries none. 0, or -ENOMEM, which stays. */
int demo_audit_event(struct demo_audit *audit, uint64_t index, struct demo_text key,
		     struct demo_text payload);

/* There are no more. */
int demo_audit_end(struct demo_audit *audit);

/* Reads the journal of a directory that no process owns any more, through the audit. */
int demo_audit_read(struct demo_audit *audit, const char *dir, struct weir_problem *ret_problem);

/*
 * Instruments whose books are not the same in all of: source, journal, the group's last process
 * (`digests`), and, where it can be asked, the generator's own live orders.
 */
uint32_t demo_audit_book_mismatches(const struct demo_audit *audit,
				    const struct demo_digest *digests);

/* Partitioned tallies against what they should add up to: how many of the figures are wrong. */
uint32_t demo_audit_tally_mismatches(const struct demo_audit *audit, struct demo_shared *shared);

#endif
