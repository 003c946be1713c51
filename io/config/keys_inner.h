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

extern const struct wr_config_section wr_config_machine;         /* keys_threads.c */
extern const struct wr_config_section wr_config_threads;         /* the same */
extern const struct wr_config_section wr_config_topics;          /* keys_topics.c */
extern const struct wr_config_section wr_config_subscriptions;   /* the same */
extern const struct wr_config_section wr_config_bindings;        /* the same */
extern const struct wr_config_section wr_config_sources;         /* keys_run.c */
extern const struct wr_config_section wr_config_sink;            /* the same */
extern const struct wr_config_section wr_config_run;             /* the same */
extern const struct wr_config_section wr_config_traces;          /* the same */
extern const struct wr_config_section wr_config_serve;           /* keys_serve.c */
extern const struct wr_config_section wr_config_bench;           /* keys_bench.c */
extern const struct wr_config_section wr_config_bridges;         /* keys_bridges.c */
extern const struct wr_config_section wr_config_kafka_sink;      /* keys_kafka.c */
extern const struct wr_config_section wr_config_kafka_source;    /* the same */
extern const struct wr_config_section wr_config_rabbitmq_sink;   /* keys_rabbitmq.c */
extern const struct wr_config_section wr_config_rabbitmq_source; /* the same */

extern const struct wr_config_section wr_config_log;     /* keys_log.c */
extern const struct wr_config_section wr_config_metrics; /* keys_alerts.c */
extern const struct wr_config_section wr_config_alerts;  /* the same */
extern const struct wr_config_section wr_config_stages;  /* keys_stages.c */
extern const struct wr_config_section wr_config_rings;   /* the same */

/* ---- keys that all threads have ---- */

extern const struct wr_config_choice wr_config_waits[];      /* keys_threads.c */
extern const struct wr_config_choice wr_config_schedulers[]; /* the same */

#define CPUS_KEY(at)                                                                               \
	{                                                                                          \
		.name = "cpus", at, .type = WR_CONFIG_CPUS, .fallback = "auto",                    \
		.doc = "The CPUs that it may run on"                                               \
	}
#define WAIT_KEY(at)                                                                               \
	{                                                                                          \
		.name = "wait", at, .type = WR_CONFIG_CHOICE, .choices = wr_config_waits,          \
		.fallback = "adaptive", .doc = "How it waits when there is nothing to do"          \
	}
/* `at`: OPTION and the like; `thread`: the member that is a struct weir_thread_options. */
#define CLASS_KEYS(at, thread, stack_min)                                                          \
	{.name = "scheduler",                                                                      \
	 at(thread.scheduler),                                                                     \
	 .type = WR_CONFIG_CHOICE,                                                                 \
	 .choices = wr_config_schedulers,                                                          \
	 .fallback = "other",                                                                      \
	 .doc = "Its scheduling class"},                                                           \
		{.name = "priority",                                                               \
		 at(thread.priority),                                                              \
		 .type = WR_CONFIG_COUNT,                                                          \
		 .max = 99,                                                                        \
		 .fallback = "0",                                                                  \
		 .doc = "Of fifo and rr: 1, the lowest, to 99; of the others 0"},                  \
	{                                                                                          \
		.name = "stack", at(thread.stack_bytes), .type = WR_CONFIG_SIZE,                   \
		.min = (stack_min), .max = GIB,                                                    \
		.absent = "the C library's: mostly 8 MiB of addresses", .doc = "Size of its stack" \
	}

#endif
