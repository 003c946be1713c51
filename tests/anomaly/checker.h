/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker: a history in, which rules (rules.h) it breaks and where. It knows nothing of weir:
 * only what the history says. Its time is n log n in the lines of the history, times the number of
 * groups where a group is asked for each event.
 *
 *   checker_things.c  lives, partitions, groups, events
 *   checker_log.c     where events stand: offsets, sends, reads
 *   checker_homes.c   which partition a key is in, while a topic grows
 *   checker_sends.c   the order of sends, batches, idempotency keys, snapshots
 *   checker_polls.c   the order of polls, lag
 *   checker_owed.c    what a group need not be handed
 *   checker_groups.c  generations, acknowledgements, progress, commits
 *   checker_leases.c  leases, keys in flight, dead letters
 *   checker_ends.c    what is only known at the end: lost, unseen, aborted, vanished
 *   checker_txns.c    circles of transactions
 */
#ifndef WR_ANOMALY_CHECKER_H
#define WR_ANOMALY_CHECKER_H

#include "tests/anomaly/history.h"
#include "tests/anomaly/rules.h"

#define ANOMALIES_KEPT 16u

struct anomaly {
	enum rule rule;
	uint32_t line, other; /* operations of the history, from 0; TABLE_NONE: there is no other */
};

struct verdict {
	uint64_t anomalies; /* of rules that allow none */
	uint64_t counts[RULE_COUNT];
	uint32_t kept_count;
	struct anomaly kept[ANOMALIES_KEPT]; /* the first ones of each of those */
	uint64_t lag_max_ns;
};

struct checker_options {
	uint64_t lag_max_ns; /* 0: lag is only measured */
};

struct checker;

struct checker *checker_create(void);
void checker_destroy(struct checker *checker);
/* One history after the other. */
void checker_run(struct checker *checker, const struct history *history,
		 const struct checker_options *options, struct verdict *ret_verdict);

const char *rule_name(enum rule rule);
const char *rule_text(enum rule rule);
bool rule_is_allowed(enum rule rule);
/* The verdict for a person: each anomaly with its lines. */
void verdict_say(const struct verdict *verdict, const struct history *history, FILE *to);

#endif
