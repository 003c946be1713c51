/* SPDX-License-Identifier: Apache-2.0 */
/* How rows of the table are written, and the sections that lie in files of their own. */
#ifndef WR_CONFIG_KEYS_INNER_H
#define WR_CONFIG_KEYS_INNER_H

#include <weir/config.h>

#include "io/config/keys.h"
#include "io/config/values.h"

#define KIB 1024ull
#define MIB (1024ull * KIB)
#define GIB (1024ull * MIB)
#define FIRST_VERSION "0.1"

/* Where a value goes: its place in the struct, and its size. */
#define AT(structure, member)                                                                      \
	.offset = offsetof(structure, member), .bytes = sizeof(((structure *)NULL)->member),       \
	.since = FIRST_VERSION
/* The same in weir_options, whose field it sets. */
#define OPTION(member)                                                                             \
	.offset = offsetof(struct wr_config_values, options) +                                     \
		  offsetof(struct weir_options, member),                                           \
	.bytes = sizeof(((struct weir_options *)NULL)->member), .option = #member,                 \
	.since = FIRST_VERSION
#define VALUE(member) AT(struct wr_config_values, member)
#define SAME_STRUCT(of) .type = WR_CONFIG_MAP, .section = &(of), .since = FIRST_VERSION

extern const struct wr_config_section wr_config_machine;       /* keys_threads.c */
extern const struct wr_config_section wr_config_threads;       /* the same */
extern const struct wr_config_section wr_config_topics;        /* keys_topics.c */
extern const struct wr_config_section wr_config_subscriptions; /* the same */
extern const struct wr_config_section wr_config_sources;       /* keys_run.c */
extern const struct wr_config_section wr_config_sink;          /* the same */
extern const struct wr_config_section wr_config_run;           /* the same */
extern const struct wr_config_section wr_config_bench;         /* keys_bench.c */

#endif
