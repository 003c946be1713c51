/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A benchmark from a config file: its topics and subscriptions, its sizes, its threads where the
 * file's rules place them, and the file's `bench` for who publishes and reads. The journal of the
 * file is not touched: a bench makes one of its own.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_BENCH_CONFIG_H
#define WEIR_TOOLS_BENCH_CONFIG_H

#include "bench/pipeline.h"

struct config_machine;

struct bench_config {
	struct config_machine *machine;
	struct weir_subscription_options *subscriptions;
	char dir[512]; /* where the file's journal is, or would be made; "" */
};

/*
 * Mistakes are told on standard error, at their places.
 *
 * @param settings  gets everything but length and what is measured with; lent until the config is
 *                  freed. options.dir is the file's: NULL for a log in memory
 * @return CLI_GO_ON, or the exit code; free it in any case
 */
int bench_config_load(const char *path, struct bench_config *ret_config,
		      struct pipeline_settings *settings);
void bench_config_free(struct bench_config *config);

#endif
