/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From where to where of a journal, as people say it: inclusive, by sequence, time or age.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_RANGE_H
#define WEIR_TOOLS_RANGE_H

#include <weir/journal.h>

#include "tools/weir/args.h"

/* A time, or an age, as µs since 1970. */
uint64_t range_time_us(const struct cli_point *point);

/* Both are given in one way, and the last lies before the first: there is nothing between them. */
bool range_is_backwards(const struct cli_point *from, const struct cli_point *to);

/* Where somebody has a range, exclusive. */
struct range_place {
	uint64_t *from_sequence, *end_sequence, *from_time_us, *end_time_us;
};

/* What of the two was given; the rest stays as it is. */
void range_put(const struct range_place *place, const struct cli_point *from,
	       const struct cli_point *to);
/* The same, into what the visitor is to be shown. */
void range_set(struct weir_journal_visitor *visitor, const struct cli_point *from,
	       const struct cli_point *to);

#endif
