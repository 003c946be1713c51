/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark of a file names has to be in the file. */
#include <stdio.h>
#include <string.h>

#include "core/text/nearest.h"
#include "io/config/check.h"

#define NAMES_MAX 512u

static void check_subscription(struct wr_config_findings *findings,
			       const struct wr_config_values *values,
			       const struct wr_config_node *item, const char *name)
{
	const struct wr_config_subscription *subscriptions = values->subscriptions.items;
	const char *names[NAMES_MAX + 1] = {NULL};
	uint32_t count = 0;
	if (name == NULL)
		return;
	for (uint32_t i = 0; i < values->subscriptions.count; i++) {
		const char *known = subscriptions[i].name;
		if (known != NULL && strcmp(known, name) == 0)
			return;
		if (known != NULL && count < NAMES_MAX)
			names[count++] = known;
	}
	const char *nearest = wr_config_is_full(findings) ? NULL : wr_nearest(name, names);
	wr_config_error(findings, wr_config_item_place(findings, item, "subscription"),
			"there is no subscription \"%s\"%s%s%s", name,
			nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
			nearest != NULL ? "\"?" : "");
}

static void check_threads(struct wr_config_findings *findings, const struct wr_config_node *root,
			  const char *path, uint64_t threads)
{
	if (threads > WR_CONFIG_BENCH_THREADS_MAX)
		wr_config_error(findings, wr_config_place_at(findings, root, path),
				"%s: %llu threads together, and there are at most %u", path,
				(unsigned long long)threads, WR_CONFIG_BENCH_THREADS_MAX);
}

static void check_members(struct wr_config_findings *findings, const struct wr_config_node *root,
			  const struct wr_config_values *values)
{
	const struct wr_config_reader *readers = values->bench.readers.items;
	const struct wr_config_node *list = wr_config_node_at(root, "bench.members");
	const struct wr_config_node *item = list->first;
	uint64_t threads = 0;
	for (uint32_t i = 0; i < values->bench.readers.count; i++, item = item->next) {
		const struct wr_config_node *other = list->first;
		threads += readers[i].threads;
		check_subscription(findings, values, item, readers[i].subscription);
		for (uint32_t j = 0; j < i; j++, other = other->next) {
			if (readers[i].subscription == NULL || readers[j].subscription == NULL ||
			    strcmp(readers[i].subscription, readers[j].subscription) != 0)
				continue;
			wr_config_refuse_second(
				findings, "group of members of", readers[i].subscription,
				wr_config_item_place(findings, item, "subscription"),
				wr_config_item_place(findings, other, "subscription"));
			break;
		}
	}
	check_threads(findings, root, "bench.members", threads);
}

void wr_config_check_bench(struct wr_config_findings *findings, const struct wr_config_node *root,
			   const struct wr_config_values *values)
{
	const struct wr_config_stream *streams = values->bench.streams.items;
	const struct wr_config_node *item = wr_config_node_at(root, "bench.producers")->first;
	uint64_t threads = 0;
	if (wr_config_child(root, "bench") == NULL)
		return;
	for (uint32_t i = 0; i < values->bench.streams.count; i++, item = item->next) {
		threads += streams[i].threads;
		const struct wr_config_node *topic = wr_config_child(item, "topic");
		if (topic != NULL && streams[i].topic != NULL)
			wr_config_check_topic(findings, values, topic, streams[i].topic);
	}
	check_threads(findings, root, "bench.producers", threads);
	check_members(findings, root, values);
	if (values->bench.level > WEIR_LEVEL_MEMORY && wr_config_child(root, "journal") == NULL) {
		struct weir_config_diagnostic *d =
			wr_config_error(findings, wr_config_place_at(findings, root, "bench.level"),
					"without a journal nothing becomes written or durable");
		wr_config_help(findings, d, "journal: {dir: ...}, or level: auto");
	}
}
