/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command line of `weir bench pipeline` chooses, before it means anything.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_BENCH_OPTIONS_H
#define WEIR_TOOLS_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/weir/args.h"

/* What the command line sets. Enumerations are indices of the lists below. */
struct bench_choices {
	bool memory;
	bool json;
	const char *html; /* NULL: no page */
	unsigned io;
	unsigned level;
	unsigned gate;
	unsigned when_slow;
	unsigned pace;
	unsigned ack;
	unsigned progress;
	unsigned wait;
	unsigned journal_thread;
	unsigned allocator;
	unsigned huge_pages;
	bool pin;
	const char *cpus;
	const char *dir;
	const char *config;
	const char *input;
	const char *key;
	const char *type;
	const char *headers;
	uint64_t payload_bytes;
	uint64_t producers;
	uint64_t members;
	uint64_t partitions;
	uint64_t keys;
	uint64_t rate;
	uint64_t length_ns;
	uint64_t warmup_ns;
	uint64_t bare_syncs;
	uint64_t segment_bytes;
	uint64_t retention_bytes;
	uint64_t pool_bytes;
	uint64_t chunk_bytes;
	uint64_t lane_bytes;
	uint64_t undurable_bytes;
	uint64_t batches_in_flight;
};

extern const struct cli_command bench_command;

/* CLI_GO_ON, or the exit code. */
int bench_options_parse(int argc, char **argv, struct bench_choices *ret_choices);

#endif
