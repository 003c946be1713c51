/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `weir bench journal`.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_JOURNAL_BENCH_OPTIONS_H
#define WEIR_TOOLS_JOURNAL_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/weir/args.h"

#define JOURNAL_RATES_MAX 8u

struct journal_choices {
	const char *dir;
	const char *rates_text;
	uint64_t rates[JOURNAL_RATES_MAX];
	uint32_t rate_count;
	uint64_t payload_bytes;
	uint64_t producers;
	uint64_t rounds;
	uint64_t length_ns;
	uint64_t warmup_ns;
	uint64_t bare_ns;
	uint64_t segment_bytes;
	uint64_t retention_bytes;
	uint64_t undurable_bytes;
	uint64_t lane_bytes;
	uint64_t batches_in_flight;
	unsigned io;
	unsigned wait;
	bool quick;
	bool peers;
	bool missing_ok;
	bool no_limit;
	bool json;
	const char *html;
};

extern const struct cli_command journal_bench_command;

/* As cli_parse(), with all that can be wrong with the values. */
int journal_bench_options_parse(int argc, char **argv, struct journal_choices *ret_choices);

#endif
