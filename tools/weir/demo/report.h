/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person is shown of a demo: the progress while it runs, and at the end the table, the
 * latency plot and the verdict; or one JSON object.
 *
 * Thread: one, the parent's.
 */
#ifndef WEIR_TOOLS_DEMO_REPORT_H
#define WEIR_TOOLS_DEMO_REPORT_H

#include "tools/weir/demo/audit.h"
#include "tools/weir/demo/repair.h"

/* All figures of a demo that ran to its end. */
struct demo_result {
	const struct demo_plan *plan;
	struct demo_shared *shared;
	const struct demo_audit *audit;
	uint64_t event_count; /* handed to weir at least once */
	uint64_t acked_count; /* told durable by an acknowledgement */
	uint64_t lost_count;
	uint64_t in_doubt_count;       /* handed over, not acknowledged, when the kill came */
	uint64_t in_doubt_found_count; /* of them durable, as weir told at the restart */
	uint64_t order_violations;
	uint64_t book_mismatches;
	uint64_t tally_mismatches;
	uint64_t recovery_ns; /* start of the second process to its first acknowledgement */
	uint64_t open_ns;     /* of that, until weir_open() had returned */
	uint64_t source_ns;   /* and until the source had found its place again */
	uint64_t active_ns;   /* first publish to last acknowledgement, over both lives */
	struct demo_repair repair;
	const char *url; /* of the page; NULL: there was none */
	bool good;
};

double demo_result_events_per_s(const struct demo_result *result);

/* 0, or -EIO when stdout refused it. */
int demo_report_text(const struct demo_result *result);
int demo_report_json(const struct demo_result *result);

/* One line, rewritten on a terminal, to stderr; elsewhere only `phase` when it changes. */
struct demo_progress {
	bool quiet;
	bool terminal;
	bool open_line; /* a line stands that the next one rewrites */
	const char *phase;
	uint64_t next_ns;
	uint64_t last_ns;
	uint64_t last_count;
};

void demo_progress_init(struct demo_progress *progress, bool quiet);
void demo_progress_show(struct demo_progress *progress, const char *phase, uint64_t count);
void demo_progress_end(struct demo_progress *progress);

#endif
