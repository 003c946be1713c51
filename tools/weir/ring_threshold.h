/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench ring --fail-if EXPR`: what a run must not come to, so that a script can stop on it.
 *
 *     EXPR   = NAME [ OP NUMBER ]          blanks do not matter
 *     OP     = < | <= | > | >= | == | !=
 *     NUMBER = digits [ . digits ] [ % ]   5% is 0.05
 *
 *     loss           cells lost to a peer                            count; needs --peers
 *     cells_lost     the same
 *     geomean        ratio to the best peers, geometric mean         needs --peers
 *     ratio          ratio to the best peer, of the worst cell       needs --peers
 *     rtt            round trip p50 to that of one cache line        not with --no-rtt
 *     rtt_ns         round trip p50                                  not with --no-rtt
 *     slower         what the worst cell lost against OLD.json, of   needs --compare
 *                    those whose whole interval says so: 0.05 is 5%
 *     cells_worse    cells that are                                  count; needs --compare
 *     rtt_slower     round trip p50 against OLD.json: 0.05 is 5%     needs --compare
 *     other_machine  1 when OLD.json is of another machine, else 0   needs --compare
 *
 * A name alone is "NAME > 0"; of geomean, ratio, rtt and rtt_ns that would always be so, and is
 * refused. A value that cannot be told when it is wanted counts as crossed: a check that saw
 * nothing has not passed.
 *
 * Thread: main. Pure.
 */
#ifndef WEIR_TOOLS_RING_THRESHOLD_H
#define WEIR_TOOLS_RING_THRESHOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tools/weir/ring_report.h"

struct json_out;
struct ring_comparison;
struct ring_gauge;

enum ring_operator {
	RING_BELOW,
	RING_AT_MOST,
	RING_ABOVE,
	RING_AT_LEAST,
	RING_EQUAL,
	RING_UNEQUAL,
};

struct ring_threshold {
	const char *text; /* as it was given */
	const struct ring_gauge *gauge;
	enum ring_operator op;
	double limit;
	/* Set by ring_threshold_judge(). */
	double value; /* NaN: cannot be told */
	bool crossed;
};

/* What a run will have, so that what can never be told is refused before anything is measured. */
struct ring_threshold_means {
	bool peers;
	bool rtt;
	bool compare;
};

/* 0, or -EINVAL with the reason in `why`. `text` stays in use. */
int ring_threshold_parse(const char *text, const struct ring_threshold_means *means,
			 struct ring_threshold *ret_threshold, char *why, size_t why_bytes);
/* How many are crossed. */
uint32_t ring_threshold_judge(struct ring_threshold *thresholds, uint32_t count,
			      const struct ring_report *report);

void ring_threshold_text(const struct ring_threshold *thresholds, uint32_t count, FILE *to);
/* A member "thresholds" of what is open. */
void ring_threshold_json(struct json_out *j, const struct ring_threshold *thresholds,
			 uint32_t count);

#endif
