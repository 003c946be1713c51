/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --filter PATTERN and --filter-kind KIND, of the commands that replay: options of a table, and the
 * filter that they ask for. Thread: main.
 */
#ifndef WEIR_TOOLS_FILTER_OPTION_H
#define WEIR_TOOLS_FILTER_OPTION_H

#include <weir/route.h>

#include "tools/weir/args.h"

struct filter_option {
	const char *pattern; /* NULL: none was asked for */
	unsigned kind;       /* a place in filter_option_kinds */
};

extern const char *const filter_option_kinds[]; /* NULL ends */

/* Two rows of a table of options; `option` is a struct filter_option. */
#define FILTER_OPTIONS(option)                                                                     \
	{.name = "filter",                                                                         \
	 .type = CLI_STRING,                                                                       \
	 .target = &(option).pattern,                                                              \
	 .value_name = "PATTERN",                                                                  \
	 .help = "only events that match, as in weir route test"},                                 \
	{                                                                                          \
		.name = "filter-kind", .type = CLI_ENUM, .target = &(option).kind,                 \
		.choices = filter_option_kinds, .fallback = "eventbridge", .value_name = "KIND",   \
		.help = "whose language it is in; sns: of attributes"                              \
	}

/* CLI_GO_ON, and a filter to be destroyed, or NULL where none was asked for; else the exit code. */
int filter_option_make(const struct cli_command *command, const struct filter_option *option,
		       struct weir_filter **ret_filter);

/* Its kind, for who hands the pattern on. */
enum weir_filter_kind filter_option_kind(const struct filter_option *option);

#endif
