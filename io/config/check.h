/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs more than one key to be seen: topics that are not there, names that come twice, sizes
 * that do not go together, limits that the file itself exceeds. And what the core says of the
 * options, told at the key whose option it is. CPUs are looked at by threads.h.
 *
 * Thread: one at a time.
 */
#ifndef WR_CONFIG_CHECK_H
#define WR_CONFIG_CHECK_H

#include "io/config/node.h"
#include "io/config/place.h"
#include "io/config/values.h"

/* `root`: the tree that `values` were read from, for places. */
void wr_config_check(struct wr_config_findings *findings, const struct wr_config_node *root,
		     const struct wr_config_values *values);

/*
 * What weir_open() would say on this machine of options whose threads have their places: of classes
 * that it may not have, and of real time that would starve another thread.
 */
void wr_config_check_placed(struct wr_config_findings *findings, const struct wr_config_node *root,
			    const struct weir_options *options);

/*
 * What weir_stages_open() would say on this machine of the classes of stages that have their places
 * (stages_classes.c).
 *
 * @param placed  of all requests of the config
 */
void wr_config_check_stage_classes(struct wr_config_findings *findings,
				   const struct wr_config_node *root,
				   const struct wr_config_values *values,
				   const struct wr_placed *placed);

/* A sentence of weir_open() in the words of the file: names of options that have an underscore,
 * which no other word has, become keys. */
void wr_config_put_translated(const char *text, struct wr_config_text *to);

/* The node at "threads.log.wait" or "stages[1].cpus", or the innermost on the way to it that the
 * file has; the root for an empty path. */
const struct wr_config_node *wr_config_node_at(const struct wr_config_node *root, const char *path);

/* Its place: of the value, or of the key of the map that lacks it. */
struct wr_config_place wr_config_place_at(const struct wr_config_findings *findings,
					  const struct wr_config_node *root, const char *path);

/* The n-th item of a list of the file; NULL: it has none. */
const struct wr_config_node *wr_config_item_at(const struct wr_config_node *root, const char *list,
					       uint32_t index);

/* The entry `name` of an item, or the item. */
struct wr_config_place wr_config_item_place(const struct wr_config_findings *findings,
					    const struct wr_config_node *item, const char *name);

/* "a second source "a"": the first is in `first`. */
void wr_config_refuse_second(struct wr_config_findings *findings, const char *what,
			     const char *name, struct wr_config_place place,
			     struct wr_config_place first);

/* Says so at `node` when the file has no topic of this name. */
void wr_config_check_topic(struct wr_config_findings *findings,
			   const struct wr_config_values *values, const struct wr_config_node *node,
			   const char *name);

/* "sources: 20 of them, and limits.producers is 16". */
void wr_config_check_limit(struct wr_config_findings *findings, const struct wr_config_node *root,
			   const char *list, const char *limit, uint64_t count, uint64_t most);

/* Rules of alerts (check_alerts.c). */
void wr_config_check_alerts(struct wr_config_findings *findings, const struct wr_config_node *root,
			    const struct wr_config_values *values);
/* The keys of a subscription that is shared (check_queue.c). */
void wr_config_check_queue(struct wr_config_findings *findings,
			   const struct wr_config_values *values,
			   const struct wr_config_subscription *of,
			   const struct wr_config_node *item);

/* A term as weir_subscription_create() takes it; false: there is no pattern, which was told. */
bool wr_config_term(const struct wr_config_term *term, struct weir_filter_term *ret_term);

/* Where events go that nobody wants: to a topic of the file, and not round. */
void wr_config_check_unrouted(struct wr_config_findings *findings,
			      const struct wr_config_values *values,
			      const struct wr_config_topic *topic,
			      const struct wr_config_node *item);

/* Bindings of topics (check_bindings.c). */
void wr_config_check_bindings(struct wr_config_findings *findings,
			      const struct wr_config_node *root,
			      const struct wr_config_values *values);

/* A transformer of a subscription, or of a binding, compiles (check_bindings.c). */
void wr_config_check_transform(struct wr_config_findings *findings, const char *text,
			       const struct wr_config_node *item);
/* The filter of a subscription: its terms have one pattern each, and that compiles
 * (check_filter.c). */
void wr_config_check_filter(struct wr_config_findings *findings,
			    const struct wr_config_filter *filter,
			    const struct wr_config_node *item);

/* The server beside a run (keys_serve.c). */
void wr_config_check_serve(struct wr_config_findings *findings, const struct wr_config_node *root,
			   const struct wr_config_values *values);

/* Sources, sinks and `run` (check_run.c). */
void wr_config_check_run(struct wr_config_findings *findings, const struct wr_config_node *root,
			 const struct wr_config_values *values);

/* Bridges (check_bridges.c). */
void wr_config_check_bridges(struct wr_config_findings *findings, const struct wr_config_node *root,
			     const struct wr_config_values *values);

/* The files of a run, in the arena of the findings; NULL: no memory (check_paths.c). */
struct wr_config_paths;
struct wr_config_paths *wr_config_paths(struct wr_config_findings *findings,
					const struct wr_config_node *root,
					const struct wr_config_values *values);
/* Whether the sink of a subscription writes where something else is; its file as it is written. */
void wr_config_check_paths(struct wr_config_findings *findings, const struct wr_config_node *root,
			   const struct wr_config_paths *of, uint32_t index,
			   const char *as_written);

/* Stages and rings (check_stages.c). */
void wr_config_check_stages(struct wr_config_findings *findings, const struct wr_config_node *root,
			    const struct wr_config_values *values);

/* `bench` (check_bench.c). */
void wr_config_check_bench(struct wr_config_findings *findings, const struct wr_config_node *root,
			   const struct wr_config_values *values);

#endif
