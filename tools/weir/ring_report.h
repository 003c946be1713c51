/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weir bench ring` found, as text and as JSON: medians and spread of each contender in each
 * cell, and how weir compares with the best peer there.
 *
 * A verdict is about the ratio of weir to that peer, round by round: win or loss if the whole
 * interval (without the lowest and the highest of five rounds or more) is above or below 1, else
 * tie. Weir has two contenders where producers are many: its ring, which has one order of all
 * items, and its fan, which has each producer's. A peer that promises no more than that is
 * compared with the fan, every other with the ring. The best peer of a cell is the one that comes
 * closest to what it is compared with, or is ahead of it the most.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_RING_REPORT_H
#define WEIR_TOOLS_RING_REPORT_H

#include <stdio.h>

#include "bench/harness.h"
#include "bench/ring.h"

struct ring_comparison;
struct ring_threshold;

#define RING_ROUNDS_MAX 101u
#define RING_CELLS_MAX (RING_SHAPES * 9u * 4u)

/* What a round in which no item was moved counts as in a ratio: half of the last digit shown. */
#define RING_MOPS_LEAST 0.0005

enum ring_verdict { RING_ALONE, RING_WIN, RING_TIE, RING_LOSS };

struct ring_cell_result {
	struct ring_cell cell;
	bool ran[RING_PEERS_MAX];
	double mops[RING_PEERS_MAX][RING_ROUNDS_MAX]; /* by round; sorted by nobody */
	bool by_producer[RING_PEERS_MAX];             /* compared with the fan */
	bool has_fan;
	double fan_mops[RING_ROUNDS_MAX];
};

/* Of weir to one peer, over the rounds of a cell. */
struct ring_ratio {
	double median;
	double low;
	double high;
	enum ring_verdict verdict;
};

/* Of one cell: derived from its rounds. */
struct ring_summary {
	double median[RING_PEERS_MAX];
	double least[RING_PEERS_MAX];
	double most[RING_PEERS_MAX];
	double fan_median; /* 0: has none */
	double fan_least;
	double fan_most;
	int best_peer; /* index, or -1 */
	bool with_fan; /* it is compared with the fan */
	double ratio;  /* median */
	double ratio_low;
	double ratio_high;
	enum ring_verdict verdict;
};

struct ring_report {
	const struct ring_cell_result *cells;
	uint32_t cell_count;
	uint32_t rounds;
	const struct ring_peer *const *peers; /* weir is the first */
	uint32_t peer_count;                  /* weir included */
	uint64_t length_ns;
	bool pinned;
	bool fifo;
	bool has_rtt;
	struct ring_rtt rtt;
	struct bench_machine machine;
	/* Of an earlier run, or NULL; what must not be, judged. */
	const struct ring_comparison *comparison;
	const struct ring_threshold *thresholds;
	uint32_t threshold_count;
	uint64_t when_us; /* since 1970 */
	double load;      /* of the machine, before: runnable threads on average of a minute */
};

extern const char *const ring_verdict_names[]; /* of enum ring_verdict; NULL: alone */

/* Whether the fan is what this peer is compared with in the cell. */
bool ring_with_fan(const struct ring_cell_result *cell, uint32_t peer);
/* RING_ALONE when one of the two did not run. */
void ring_ratio_to(const struct ring_cell_result *cell, uint32_t peer, uint32_t rounds,
		   struct ring_ratio *ret_ratio);
void ring_summarize(const struct ring_cell_result *cell, uint32_t peer_count, uint32_t rounds,
		    struct ring_summary *ret_summary);

/* The mean of the cells' ratios to their best peers, as a product; 0 without peers. */
double ring_report_geomean(const struct ring_report *report, uint32_t *ret_lost);

/* What spoils a measurement on this machine, one sentence a line; "" if nothing is known. */
void ring_report_warnings(const struct ring_report *report, char *text, size_t text_bytes);

void ring_report_text(const struct ring_report *report, FILE *to);
/* 0, or -EIO. */
int ring_report_json(const struct ring_report *report, FILE *to);

#endif
