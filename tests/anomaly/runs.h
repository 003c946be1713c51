/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histories of the simulated world (tests/sim/world.h), each from a seed of the swarm: power cuts,
 * kills, failed writes and syncs, full disks, freezes, members that come, go and sleep, seeks. Each
 * is written down and judged; where the world's own oracle stops a seed, what there is of it.
 *
 * The run is a process of its own, so that what became of it is told however it ended.
 */
#ifndef WR_ANOMALY_RUNS_H
#define WR_ANOMALY_RUNS_H

#include "tests/anomaly/checker.h"
#include "tests/sim/swarm.h"

struct runs_options {
	const char *program;
	uint64_t histories, first;
	double seconds; /* 0: as many as `histories` says */
	uint64_t failures_max;
	struct swarm swarm;  /* its limits, and what is switched off */
	uint64_t lag_max_ns; /* 0: it is measured, and may be anything */
	bool prints;         /* each history, as text */
	bool trace;
	bool alone;     /* the world's own oracle says nothing */
	bool to_stderr; /* what it says for people */
};

struct runs_result {
	uint64_t seed; /* the one that is under way */
	uint64_t histories, operations, lives;
	uint64_t failed;  /* histories with an anomaly */
	uint64_t stopped; /* by the world's own oracle */
	uint64_t first_failed;
	uint64_t anomalies, lag_max_ns;
	uint64_t counts[RULE_COUNT];
	double seconds;
	bool is_over;
};

/* NULL: no process could be made. */
const struct runs_result *runs_simulated(const struct runs_options *options);

/* How many rules are found, each alone, when they are planted; and which. */
uint32_t runs_planted(uint64_t seed, bool ret_fired[RULE_COUNT]);

#endif
