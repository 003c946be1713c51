/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a struct weir_config is: the source, the tree, what was found, the values, and what was made
 * of them for weir_open(), weir_topic_create() and weir_subscription_create().
 */
#ifndef WR_CONFIG_CONFIG_H
#define WR_CONFIG_CONFIG_H

#include <weir/config.h>

#include "io/config/node.h"
#include "io/config/threads.h"
#include "io/config/values.h"

struct weir_config {
	struct wr_config_arena arena;
	struct wr_config_source source;
	struct wr_config_findings findings;
	const struct wr_config_node *root; /* NULL: not to be read */
	struct wr_config_values values;
	bool is_placed; /* options have the CPUs of this machine, and so has `placed` */
	struct wr_placed placed[WR_CONFIG_REQUESTS_MAX];
	struct weir_topic_options *topics;
	struct weir_subscription_options *subscriptions;
	struct weir_binding_options *bindings; /* but for their topics' ids */
	struct weir_alert_rule *alerts;
	struct weir_config_source *sources;
	struct weir_config_sink *sinks; /* one a subscription */
	struct weir_config_bridge *bridges;
};

/* NULL: there is none, or no memory (then the findings say so). */
const struct weir_topic_schema *wr_config_make_schema(struct weir_config *config,
						      const struct wr_config_follows *from);
/* `transform`: what members make of events; NULL: as they are. */
const struct weir_subscription_filter *wr_config_make_filter(struct weir_config *config,
							     const struct wr_config_filter *from,
							     const char *transform);

/* `bindings` of the values. False: no memory. */
bool wr_config_make_bindings(struct weir_config *config);

/* `sources` and `sinks` of the values. False: no memory. */
bool wr_config_make_run(struct weir_config *config);

/* `bridges` of them (load_bridges.c). */
bool wr_config_make_bridges(struct weir_config *config);

/* Places the threads of a config on this machine, into `options` and `placed` (threads.h). 0,
 * -EINVAL (errors are in the findings), or what the system said. */
int wr_config_place_here(struct wr_config_findings *findings, const struct weir_config *config,
			 struct weir_options *options, struct wr_placed *placed,
			 struct weir_problem *problem);

/* Where the threads are, by request: as it was read, or, read for any machine, on this one now. The
 * config is not touched. As wr_config_place_here(). */
int wr_config_placed(const struct weir_config *config, struct wr_placed *ret_placed,
		     struct weir_problem *problem);

/* Of a request's threads the n-th: with a CPU of its own, where each has one. */
void wr_config_nth_thread(const struct weir_thread_options *asked, const struct wr_placed *placed,
			  uint32_t index, struct weir_thread_options *ret_options);

/* "NAME:LINE:COLUMN: " and the text of the first error, cut to fit. */
void wr_config_first_problem(const struct wr_config_findings *findings,
			     struct weir_problem *problem);

#endif
