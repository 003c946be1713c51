/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir bench stall` found, as text, as JSON and as a page: for each stop what every other
 * kind of thread saw, and when it had recovered.
 *
 * Thread: main. Functions of the report alone.
 */
#ifndef WEIR_TOOLS_STALL_REPORT_H
#define WEIR_TOOLS_STALL_REPORT_H

#include <stdio.h>

#include "bench/harness.h"
#include "bench/stall.h"

#define STALL_RUNS_MAX ((RING_SHAPES + 1u) * STALL_WHO * 3u)

struct stall_run_report {
	struct stall_settings settings;
	struct stall_result result;
};

struct stall_report {
	const struct stall_run_report *runs;
	uint32_t run_count;
	struct bench_machine machine;
	bool pinned;
	uint64_t when_us;
};

const char *stall_shape_name(uint32_t shape); /* of a ring, or "pipeline" */

void stall_report_text(const struct stall_report *report, FILE *to);
/* 0, or -EIO. */
int stall_report_json(const struct stall_report *report, FILE *to);
void stall_report_html(const struct stall_report *report, FILE *to);

#endif
