/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal that no process owns, opened as its owner would: for commands that change something, or
 * ask what only the log's own tables know. A running owner is told, and nothing is touched.
 *
 * The pipeline is `manual`: everything happens on the thread of the command.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_OWNED_H
#define WEIR_TOOLS_OWNED_H

#include <stdbool.h>

#include <weir/options.h>
#include <weir/pipeline.h>

struct owned_limits {
	uint64_t outstanding_max;
	uint64_t idempotency_keys_max;
	uint64_t versioned_keys_max;
	uint64_t filter_bytes_max;
	uint32_t erasures_max; /* 0: it erases nothing */
	const char *key_file;  /* of the journal's chain; NULL: it has none */
};

/* To begin with: what a journal has more of is found by opens that are refused, and leave it. */
#define OWNED_OPTIONS(limits)                                                                      \
	{.name = "key-file",                                                                       \
	 .type = CLI_STRING,                                                                       \
	 .target = &(limits).key_file,                                                             \
	 .value_name = "FILE",                                                                     \
	 .help = "the key of the journal's chain, which opens with it only"},                      \
		{.name = "outstanding-max",                                                        \
		 .type = CLI_NUMBER,                                                               \
		 .target = &(limits).outstanding_max,                                              \
		 .fallback = "16384",                                                              \
		 .min = 1,                                                                         \
		 .max = 1u << 22,                                                                  \
		 .help = "the program's own outstanding_max"},                                     \
		{.name = "keys-max",                                                               \
		 .type = CLI_NUMBER,                                                               \
		 .target = &(limits).idempotency_keys_max,                                         \
		 .fallback = "0",                                                                  \
		 .max = 100000000,                                                                 \
		 .help = "the program's own idempotency_keys_max"},                                \
		{.name = "filter-bytes-max",                                                       \
		 .type = CLI_NUMBER,                                                               \
		 .target = &(limits).filter_bytes_max,                                             \
		 .fallback = "65536",                                                              \
		 .max = 64u << 20,                                                                 \
		 .help = "the program's own filter_bytes_max"},                                    \
	{                                                                                          \
		.name = "versions-max", .type = CLI_NUMBER,                                        \
		.target = &(limits).versioned_keys_max, .fallback = "0", .max = 50000000,          \
		.help = "the program's own versioned_keys_max"                                     \
	}

/* An exit code: CLI_GO_ON and the pipeline, or what was told to stderr. */
int owned_open(const char *dir, const struct owned_limits *limits,
	       struct weir_pipeline **ret_pipeline);
/*
 * The same with threads of its own, for who serves it for long; a new one where there is none. Its
 * metrics lie in metrics_dir (NULL: where those of others do); of the one above nowhere.
 */
int owned_open_running(const char *dir, const struct owned_limits *limits, bool create,
		       const char *metrics_dir, struct weir_pipeline **ret_pipeline);
/* Closes it: `code`, or why that failed. */
int owned_close(struct weir_pipeline *pipeline, const char *dir, int code);

#endif
