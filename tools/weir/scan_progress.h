/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a walk over a whole journal is: a bar on standard error, on a terminal only, and only
 * once it has taken a moment.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_SCAN_PROGRESS_H
#define WEIR_TOOLS_SCAN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/journal.h>

struct scan_progress {
	bool shown; /* a terminal is behind stderr */
	bool drawn; /* there is a bar on it now */
	uint32_t files;
	uint32_t done;
	uint64_t begun_ns;
};

void scan_progress_begin(struct scan_progress *progress, const char *dir);
/* A segment is read; `found` is what the walk has so far. */
void scan_progress_segment(struct scan_progress *progress,
			   const struct weir_journal_segment *segment, uint64_t found);
/* Takes the bar away: before anything else is printed, and at the end. */
void scan_progress_clear(struct scan_progress *progress);

#endif
