/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir bench replay` found, as text, JSON and a page: medians of the rounds, and how far
 * these are apart. Functions of the report alone.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_REPLAY_REPORT_H
#define WEIR_TOOLS_REPLAY_REPORT_H

#include <stdio.h>

#include "bench/device.h"
#include "bench/device_limit.h"
#include "bench/harness.h"
#include "bench/replay.h"
#include "bench/rounds.h"

struct replay_choices {
	const char *dir;
	uint64_t events;
	uint64_t payload_bytes;
	uint64_t segment_bytes;
	uint64_t rounds;
	bool quick;
	bool no_limit;
	bool json;
	const char *html;
};

struct replay_report {
	struct replay_choices choices;
	struct bench_machine machine;
	struct bench_device device;
	struct replay_journal journal;
	uint64_t when_us;
	bool interrupted;
	uint32_t rounds; /* that are whole */
	struct replay_round ways[REPLAY_WAYS][ROUNDS_MAX];
	/* fio's sequential direct reads of the same files. */
	char tool[32];
	char why[160]; /* it was not measured */
	struct limit_point points[LIMIT_POINTS_MAX];
	uint32_t point_count;
	uint32_t best;            /* of the points */
	double limit[ROUNDS_MAX]; /* that one again, in each round */
};

enum replay_figure { REPLAY_EVENTS_PER_S, REPLAY_BYTES_PER_S, REPLAY_CPU_NS };

struct spread replay_spread(const struct replay_report *report, enum replay_way way,
			    enum replay_figure figure);
/* 0: it was not measured. */
struct spread replay_limit_spread(const struct replay_report *report);
/* Bytes a second of a way to fio's; 0: it was not measured. */
double replay_of_limit(const struct replay_report *report, enum replay_way way);

void replay_report_text(const struct replay_report *report, FILE *to);
/* 0 or -EIO. */
int replay_report_json(const struct replay_report *report, FILE *to);
void replay_report_html(const struct replay_report *report, FILE *to);

#endif
