/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir bench pipeline` says at its end: a table with percentiles and a plot for people, one
 * JSON object for programs. A number stands beside what it was measured with: settings, machine,
 * backend, what an acknowledgement meant, and the bare sync of the same directory.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_BENCH_REPORT_H
#define WEIR_TOOLS_BENCH_REPORT_H

#include "bench/bare_sync.h"
#include "bench/harness.h"
#include "bench/pipeline.h"
#include "tools/weir/arena.h"

struct bench_report {
	const struct pipeline_settings *settings;
	const struct pipeline_result *result;
	const struct cli_arena *arena;
	const char *config; /* the file that the run came from, or NULL */
	const char *dir;    /* where the journal was made; NULL: memory only */
	bool interrupted;
	struct bench_machine machine;
	struct bare_sync before; /* latency NULL: not measured */
	struct bare_sync after;
};

static inline double bench_per_second(uint64_t count, uint64_t ns)
{
	return ns == 0 ? 0 : (double)count * 1e9 / (double)ns;
}

/* Both measurements of the bare sync as one; NULL when there is none. The caller destroys it. */
struct histogram *bench_bare_together(const struct bench_report *report);

/* "durable: written and flushed ..." */
const char *bench_level_text(enum weir_level level);

void bench_report_text(const struct bench_report *report, FILE *to);
/* 0 or -EIO. */
int bench_report_json(const struct bench_report *report, FILE *to);
/* A page with latency by percentile (html_page.h). What the stream refuses stays in it. */
void bench_report_html(const struct bench_report *report, FILE *to);

#endif
