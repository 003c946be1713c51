/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir bench journal` found, as text and as JSON: medians of the rounds, and how far these
 * are apart. Functions of the report alone.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_JOURNAL_BENCH_REPORT_H
#define WEIR_TOOLS_JOURNAL_BENCH_REPORT_H

#include <stdio.h>

#include "bench/device.h"
#include "bench/device_limit.h"
#include "bench/harness.h"
#include "bench/journal.h"
#include "bench/journal_check.h"
#include "bench/journal_peer.h"
#include "bench/rounds.h"
#include "tools/weir/journal_bench_options.h"

struct journal_rate_report {
	uint64_t rate;
	struct journal_round rounds[ROUNDS_MAX];
	struct rounds_latency ack;
	struct rounds_latency bare; /* write + fdatasync, in turn with it */
};

/* The best of a sweep, run again in each round. */
struct journal_limit {
	char tool[32]; /* "fio-3.33" */
	char why[160]; /* it was not measured */
	struct limit_point points[LIMIT_POINTS_MAX];
	uint32_t point_count;
	uint32_t best[2]; /* of the points, the best first */
	uint32_t best_count;
	double bytes_per_s[ROUNDS_MAX]; /* the better of the two in this round */
};

struct journal_peer_report {
	const struct journal_peer *peer;
	char version[64];
	double events_per_s[ROUNDS_MAX]; /* saturated */
	struct rounds_latency saturated_ack;
	struct rounds_latency at_rate[JOURNAL_RATES_MAX];
	uint64_t late_count[JOURNAL_RATES_MAX]; /* due, and not published in time */
};

struct journal_report {
	struct journal_choices choices;
	struct bench_machine machine;
	struct bench_device device;
	struct journal_bench_info info;
	struct journal_check check;
	struct journal_limit limit;
	uint64_t when_us;
	bool bare_direct;
	bool interrupted;
	uint32_t rounds; /* that are whole */
	struct journal_rate_report rates[JOURNAL_RATES_MAX];
	struct journal_round saturated[ROUNDS_MAX];
	struct rounds_latency saturated_ack;
	struct journal_peer_report peers[JOURNAL_PEERS_MAX];
	uint32_t peer_count;
};

/* Acknowledged events that no sync covered, refusals, flushes that never came. */
bool journal_check_failed(const struct journal_report *report);

void journal_report_free(struct journal_report *report); /* from calloc() */

/* --- what follows from the rounds ------------------------------------------------------------ */

enum journal_figure {
	JOURNAL_EVENTS_PER_S,
	JOURNAL_PAYLOAD_BYTES_PER_S,
	JOURNAL_DEVICE_BYTES_PER_S,  /* batches: heads, records, padding */
	JOURNAL_PROCESS_BYTES_PER_S, /* all that the process had written, by the kernel */
	JOURNAL_SYNCS_PER_S,
	JOURNAL_WRITER_CPU_NS, /* an event: log and journal threads together */
	JOURNAL_LOG_CPU_NS,
	JOURNAL_JOURNAL_CPU_NS,
	JOURNAL_PRODUCER_CPU_NS,
	JOURNAL_OTHER_CPU_NS,
};

double journal_figure(const struct journal_round *round, enum journal_figure figure,
		      uint64_t payload_bytes);
struct spread journal_spread(const struct journal_report *report,
			     const struct journal_round *rounds, enum journal_figure figure);
/* Events of all rounds that were given up. */
uint64_t journal_late_count(const struct journal_report *report);

/* Which points of the sweep were best. */
void journal_limit_best(struct journal_limit *limit);
/* Of the rounds; 0: it was not measured. */
struct spread journal_limit_spread(const struct journal_report *report);
/* Bytes of batches to the device's limit; 0: it was not measured. */
double journal_of_limit(const struct journal_report *report);

/* What spoils the figures, or says that they cannot be right, a line each; or "". */
void journal_report_warnings(const struct journal_report *report, char *text, size_t text_bytes);

void journal_report_text(const struct journal_report *report, FILE *to);
/* 0 or -EIO. */
int journal_report_json(const struct journal_report *report, FILE *to);

#endif
