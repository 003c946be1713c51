/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found in a config file, to standard error, for every command that takes one.
 *
 * Thread: main.
 */
#ifndef WEIR_TOOLS_CONFIG_REPORT_H
#define WEIR_TOOLS_CONFIG_REPORT_H

#include <weir/config.h>

/* The report of weir_config_report(), if anything was found, and how many errors there are.
 * CLI_EXIT_CONFIG when there are, else CLI_GO_ON. */
int config_report(const struct weir_config *config);

#endif
