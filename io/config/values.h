/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a config file says, after reading: the structs that the table (keys.c) describes. Where the
 * core has an option, its own struct has the value; CPUs are asked for beside it, and become
 * options when the threads are placed (threads.h).
 */
#ifndef WR_CONFIG_VALUES_H
#define WR_CONFIG_VALUES_H

#include <weir/options.h>
#include <weir/pipeline.h>
#include <weir/subscription.h>

#include "io/config/keys.h"
#include "io/config/place.h"

/* "oldest", "newest", "sequence 4711", "time 2026-01-31T12:00:00Z". */
struct wr_config_point {
	enum weir_start start;
	uint64_t at; /* sequence, or µs since 1970 */
};

/* "auto", "off", "interleave", "node:0". */
struct wr_config_numa {
	enum weir_numa how;
	uint32_t node; /* for WEIR_NUMA_NODE */
};

/* The CPUs that each kind of thread asks for; what else is said of it is in weir_options. */
struct wr_config_cpus {
	struct wr_cpu_request log;
	struct wr_cpu_request journal;
	struct wr_cpu_request group;
	struct wr_cpu_request handler;
};

struct wr_config_topic {
	const char *name;
	uint32_t partitions;
};

struct wr_config_subscription {
	const char *name;
	struct wr_config_list topics; /* const char * */
	struct wr_config_point start;
	unsigned gate;      /* enum weir_level */
	unsigned when_slow; /* enum weir_when_slow */
	uint64_t session_timeout_ns;
	uint64_t lag_events_max;
	uint64_t lag_time_max_ns;
};

struct wr_config_values {
	uint32_t version;
	struct weir_options options;
	struct wr_place_policy policy; /* but `strict`, which is an option of the core */
	struct wr_config_cpus cpus;
	struct wr_config_numa numa;
	struct wr_config_list topics;        /* struct wr_config_topic */
	struct wr_config_list subscriptions; /* struct wr_config_subscription */
};

#endif
