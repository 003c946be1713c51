/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that must go together. */
#include "io/config/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/text/nearest.h"
#include "io/config/plan.h"
#include "io/config/threads.h"
#include "io/config/value.h"

#define NAMES_MAX 512u
#define OPTION_CHARACTERS "abcdefghijklmnopqrstuvwxyz_"

static const struct wr_config_node *nth(const struct wr_config_node *list, unsigned long index)
{
	const struct wr_config_node *item = list->first;
	while (item != NULL && index-- > 0)
		item = item->next;
	return item;
}

const struct wr_config_node *wr_config_node_at(const struct wr_config_node *root, const char *path)
{
	const struct wr_config_node *node = root;
	while (*path != '\0') {
		char name[WR_CONFIG_PATH_BYTES];
		size_t bytes = strcspn(path, ".");
		(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(path, ".["), path);
		const struct wr_config_node *child = wr_config_child(node, name);
		const char *index = memchr(path, '[', bytes);
		if (child != NULL && index != NULL)
			child = nth(child, strtoul(index + 1, NULL, 10));
		if (child == NULL)
			break;
		node = child;
		path += bytes + (path[bytes] == '.' ? 1 : 0);
	}
	return node;
}

struct wr_config_place wr_config_place_at(const struct wr_config_findings *findings,
					  const struct wr_config_node *root, const char *path)
{
	const struct wr_config_node *node = wr_config_node_at(root, path);
	/* A value at fault is marked itself; a map that lacks it, at its key. */
	return node->kind == WR_NODE_SCALAR ? wr_config_node_place(findings, node)
					    : wr_config_key_place(findings, node);
}

const struct wr_config_node *wr_config_item_at(const struct wr_config_node *root, const char *list,
					       uint32_t index)
{
	return nth(wr_config_node_at(root, list), index);
}

struct wr_config_place wr_config_item_place(const struct wr_config_findings *findings,
					    const struct wr_config_node *item, const char *name)
{
	const struct wr_config_node *entry = wr_config_child(item, name);
	return wr_config_node_place(findings, entry != NULL ? entry : item);
}

/* ---- what the core says ---- */

/* The core's sentence, with the names of its options replaced by those of the file; all of them, or
 * those that can be no other word. */
static void put_translated(const char *text, bool all, struct wr_config_text *to)
{
	char path[WR_CONFIG_PATH_BYTES];
	while (*text != '\0') {
		char word[64];
		size_t bytes = strspn(text, OPTION_CHARACTERS);
		(void)snprintf(word, sizeof word, "%.*s", (int)bytes, text);
		bool is_one = bytes > 0 && bytes < sizeof word;
		if (is_one && (all || strchr(word, '_') != NULL) &&
		    wr_config_key_of_option(word, path))
			wr_config_put(to, "%s", path);
		else
			wr_config_put_n(to, text, bytes > 0 ? bytes : 1);
		text += bytes > 0 ? bytes : 1;
	}
}

void wr_config_put_translated(const char *text, struct wr_config_text *to)
{
	put_translated(text, false, to);
}

/* Does the file have the key, and not only a map that could have it? */
static bool is_in_file(const struct wr_config_node *root, const char *path)
{
	const char *last = strrchr(path, '.');
	const struct wr_config_node *node = wr_config_node_at(root, path);
	return node->key != NULL && strcmp(node->key->text, last != NULL ? last + 1 : path) == 0;
}

/* Of the key at fault or, where the file leaves it at its default, of the first that the core's
 * sentence names and the file has. */
static struct wr_config_place combined_place(const struct wr_config_findings *findings,
					     const struct wr_config_node *root, const char *path,
					     const char *text)
{
	char word[WR_CONFIG_PATH_BYTES];
	size_t bytes;
	if (is_in_file(root, path))
		return wr_config_place_at(findings, root, path);
	for (const char *at = text; *at != '\0'; at += bytes > 0 ? bytes : 1) {
		bytes = strspn(at, OPTION_CHARACTERS);
		if (bytes == 0 || bytes >= sizeof word)
			continue;
		char named[WR_CONFIG_PATH_BYTES];
		(void)snprintf(word, sizeof word, "%.*s", (int)bytes, at);
		if (wr_config_key_of_option(word, named) && is_in_file(root, named))
			return wr_config_place_at(findings, root, named);
	}
	return wr_config_place_at(findings, root, path);
}

/* What the core refuses, at the key whose option it is. */
static void say_refused(struct wr_config_findings *findings, const struct wr_config_node *root,
			const struct weir_problem *problem)
{
	char path[WR_CONFIG_PATH_BYTES] = "";
	char text[512] = "";
	struct wr_config_text to = {.to = text, .room_bytes = sizeof text};
	put_translated(problem->text, true, &to);
	if (!wr_config_key_of_option(problem->field, path))
		(void)snprintf(path, sizeof path, "%s", problem->field);
	wr_config_error(findings, combined_place(findings, root, path, problem->text), "%s: %s",
			path, text);
}

void wr_config_check_placed(struct wr_config_findings *findings, const struct wr_config_node *root,
			    const struct weir_options *options)
{
	struct weir_memory_plan plan;
	struct weir_problem problem = {0};
	if (weir_memory_plan(options, &plan, &problem) != 0)
		say_refused(findings, root, &problem);
}

/* Chunks that are not durable yet lie in the pool: it is made as large as they ask for. */
static void warn_of_a_small_pool(struct wr_config_findings *findings,
				 const struct wr_config_node *root,
				 const struct weir_options *options,
				 const struct weir_memory_plan *plan)
{
	char asked[32] = "", pool[32] = "", made[32] = "";
	struct wr_config_text to_asked = {.to = asked, .room_bytes = sizeof asked};
	struct wr_config_text to_pool = {.to = pool, .room_bytes = sizeof pool};
	struct wr_config_text to_made = {.to = made, .room_bytes = sizeof made};
	wr_config_size_format(options->undurable_bytes, &to_asked);
	wr_config_size_format(options->pool_bytes, &to_pool);
	wr_config_size_format((uint64_t)plan->chunk_count * options->chunk_bytes, &to_made);
	struct weir_config_diagnostic *d = wr_config_warning(
		findings, combined_place(findings, root, "memory.undurable", "pool_bytes"),
		"memory.undurable, %s, does not fit into memory.pool, %s: the pool becomes %s",
		asked, pool, made);
	wr_config_help(findings, d, "memory: {pool: %s}, or a smaller memory.undurable", made);
}

/* Whether something was said of this value; the innermost map on the way to it has none. */
static bool is_at_fault(const struct wr_config_findings *findings,
			const struct wr_config_node *node)
{
	size_t at = wr_config_node_place(findings, node).at;
	for (uint32_t i = 0; node->kind == WR_NODE_SCALAR && i < findings->count; i++)
		if (findings->at[i] >= at && findings->at[i] <= at + node->bytes)
			return true;
	return false;
}

static void check_options(struct wr_config_findings *findings, const struct wr_config_node *root,
			  const struct wr_config_values *values)
{
	struct weir_memory_plan plan;
	struct weir_problem problem = {0};
	char text[64] = "";
	bool good = wr_config_check_classes(findings, root, values);
	/* In the place of what was refused stands a default, which the file says nothing of. */
	if (is_at_fault(findings, wr_config_node_at(root, "memory.chunk")) ||
	    is_at_fault(findings, wr_config_node_at(root, "journal.segment")))
		return;
	if (values->options.segment_bytes % values->options.chunk_bytes != 0) {
		struct wr_config_text size = {.to = text, .room_bytes = sizeof text};
		wr_config_size_format(values->options.chunk_bytes, &size);
		wr_config_error(
			findings, combined_place(findings, root, "journal.segment", "chunk_bytes"),
			"journal.segment: not a multiple of memory.chunk, which is %s", text);
		return;
	}
	if (!good)
		return;
	if (wr_plan_memory(&values->options, &plan, &problem) != 0)
		say_refused(findings, root, &problem);
	else if (values->options.dir != NULL &&
		 values->options.undurable_bytes >= values->options.pool_bytes)
		warn_of_a_small_pool(findings, root, &values->options, &plan);
}

/* ---- topics ---- */

void wr_config_check_limit(struct wr_config_findings *findings, const struct wr_config_node *root,
			   const char *list, const char *limit, uint64_t count, uint64_t most)
{
	if (count <= most)
		return;
	struct weir_config_diagnostic *d =
		wr_config_error(findings, wr_config_place_at(findings, root, list),
				"%s: %llu of them, and limits.%s is %llu", list,
				(unsigned long long)count, limit, (unsigned long long)most);
	wr_config_help(findings, d, "limits: {%s: %llu}", limit, (unsigned long long)count);
}

void wr_config_refuse_second(struct wr_config_findings *findings, const char *what,
			     const char *name, struct wr_config_place place,
			     struct wr_config_place first)
{
	struct weir_config_diagnostic *d =
		wr_config_error(findings, place, "a second %s \"%s\"", what, name);
	wr_config_note(findings, d, "the first is in line %u", first.line);
}

/* What all topics together have: refused at the one with which it is too much. */
struct shared_limit {
	const char *limit; /* in limits: */
	const char *key;   /* of a topic */
	const char *what;
	size_t place;      /* of the number in a topic */
	size_t most_place; /* of one that counts where it is larger; the same: there is none */
	uint32_t most;
};

static void check_sum(struct wr_config_findings *findings, const struct wr_config_node *root,
		      const struct wr_config_values *values, const struct shared_limit *l)
{
	const struct wr_config_topic *topics = values->topics.items;
	const struct wr_config_node *item = wr_config_node_at(root, "topics")->first;
	const struct wr_config_node *last = NULL;
	uint64_t sum = 0;
	for (uint32_t i = 0; i < values->topics.count; i++, item = item->next) {
		uint32_t number, most;
		memcpy(&number, (const char *)&topics[i] + l->place, sizeof number);
		memcpy(&most, (const char *)&topics[i] + l->most_place, sizeof most);
		sum += most > number ? most : number;
		if (last == NULL && sum > l->most)
			last = item;
	}
	if (last == NULL)
		return;
	struct weir_config_diagnostic *d =
		wr_config_error(findings, wr_config_item_place(findings, last, l->key),
				"topics: %llu %s in all, and limits.%s is %u",
				(unsigned long long)sum, l->what, l->limit, l->most);
	wr_config_help(findings, d, "limits: {%s: %llu}", l->limit, (unsigned long long)sum);
}

static void check_sums(struct wr_config_findings *findings, const struct wr_config_node *root,
		       const struct wr_config_values *values)
{
	const struct weir_options *o = &values->options;
	const struct shared_limit limits[] = {
		{"partitions", "partitions", "partitions",
		 offsetof(struct wr_config_topic, partitions),
		 offsetof(struct wr_config_topic, partitions_max), o->partitions_max},
		{"idempotency_keys", "idempotency", "idempotency keys",
		 offsetof(struct wr_config_topic, idempotency_keys),
		 offsetof(struct wr_config_topic, idempotency_keys), o->idempotency_keys_max},
		{"versioned_keys", "versioned_keys", "versioned keys",
		 offsetof(struct wr_config_topic, versioned_keys),
		 offsetof(struct wr_config_topic, versioned_keys), o->versioned_keys_max},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(limits); i++)
		check_sum(findings, root, values, &limits[i]);
}

static void check_window(struct wr_config_findings *findings, const struct wr_config_node *item,
			 const struct wr_config_topic *topic)
{
	struct wr_config_place place = wr_config_item_place(findings, item, "idempotency");
	if (topic->idempotency_span_ns % 1000 != 0)
		wr_config_error(findings, place, "span: of whole microseconds");
}

static void check_growth(struct wr_config_findings *findings, const struct wr_config_node *item,
			 const struct wr_config_topic *topic)
{
	if (topic->partitions_max == 0 || topic->partitions_max >= topic->partitions)
		return;
	struct weir_config_diagnostic *d =
		wr_config_error(findings, wr_config_item_place(findings, item, "partitions_max"),
				"the topic has %u partitions already", topic->partitions);
	wr_config_help(findings, d, "partitions_max: %u", topic->partitions);
}

static void check_compact(struct wr_config_findings *findings,
			  const struct wr_config_values *values, const struct wr_config_node *item,
			  const struct wr_config_topic *topic)
{
	if (!topic->compact || values->options.compaction_keys != 0)
		return;
	struct weir_config_diagnostic *d =
		wr_config_error(findings, wr_config_item_place(findings, item, "compact"),
				"nothing is compacted without journal.compaction_keys");
	wr_config_help(findings, d, "journal: {pack: padding, compaction_keys: 100_000}");
}

static void check_retention(struct wr_config_findings *findings,
			    const struct wr_config_values *values,
			    const struct wr_config_node *item, const struct wr_config_topic *topic)
{
	const struct weir_options *o = &values->options;
	bool has_time = topic->retention_time_ns != 0;
	if (!has_time && topic->retention_bytes == 0)
		return;
	if (!o->topic_retention) {
		struct weir_config_diagnostic *d = wr_config_error(
			findings,
			wr_config_item_place(findings, item,
					     has_time ? "retention_time" : "retention"),
			"no topic has a retention of its own without journal.topic_retention");
		wr_config_help(findings, d, "journal: {pack: padding, topic_retention: yes}");
		return;
	}
	if (o->retention_time_ns != 0 && topic->retention_time_ns > o->retention_time_ns)
		wr_config_error(findings, wr_config_item_place(findings, item, "retention_time"),
				"the journal keeps nothing that long (journal.retention_time)");
	if (o->retention_bytes != 0 && topic->retention_bytes > o->retention_bytes)
		wr_config_error(findings, wr_config_item_place(findings, item, "retention"),
				"the journal does not keep that much (journal.retention)");
}

static void check_topics(struct wr_config_findings *findings, const struct wr_config_node *root,
			 const struct wr_config_values *values)
{
	const struct wr_config_topic *topics = values->topics.items;
	const struct wr_config_node *item = wr_config_node_at(root, "topics")->first;
	for (uint32_t i = 0; i < values->topics.count; i++, item = item->next) {
		check_window(findings, item, &topics[i]);
		check_growth(findings, item, &topics[i]);
		check_compact(findings, values, item, &topics[i]);
		check_retention(findings, values, item, &topics[i]);
		wr_config_check_unrouted(findings, values, &topics[i], item);
		const struct wr_config_node *other = wr_config_node_at(root, "topics")->first;
		for (uint32_t j = 0; j < i; j++, other = other->next) {
			if (topics[i].name == NULL || topics[j].name == NULL ||
			    strcmp(topics[i].name, topics[j].name) != 0)
				continue;
			wr_config_refuse_second(findings, "topic", topics[i].name,
						wr_config_item_place(findings, item, "name"),
						wr_config_item_place(findings, other, "name"));
			break;
		}
	}
	wr_config_check_limit(findings, root, "topics", "topics", values->topics.count,
			      values->options.topics_max);
	check_sums(findings, root, values);
}

/* ---- subscriptions ---- */

static bool has_topic(const struct wr_config_values *values, const char *name)
{
	const struct wr_config_topic *topics = values->topics.items;
	for (uint32_t i = 0; i < values->topics.count; i++)
		if (topics[i].name != NULL && strcmp(topics[i].name, name) == 0)
			return true;
	return false;
}

static void refuse_topic(struct wr_config_findings *findings, const struct wr_config_values *values,
			 const struct wr_config_node *node, const char *name)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	const struct wr_config_topic *topics = values->topics.items;
	uint32_t count = 0;
	for (uint32_t i = 0; i < values->topics.count && count < NAMES_MAX; i++)
		if (topics[i].name != NULL && !wr_config_is_full(findings))
			names[count++] = topics[i].name;
	const char *nearest = wr_nearest(name, names);
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_node_place(findings, node), "there is no topic \"%s\"%s%s%s",
		name, nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "\"?" : "");
	if (nearest == NULL)
		wr_config_help(findings, d, "topics: [{name: %s}]", name);
}

void wr_config_check_topic(struct wr_config_findings *findings,
			   const struct wr_config_values *values, const struct wr_config_node *node,
			   const char *name)
{
	if (!has_topic(values, name))
		refuse_topic(findings, values, node, name);
}

static void check_topics_of(struct wr_config_findings *findings,
			    const struct wr_config_values *values,
			    const struct wr_config_subscription *subscription,
			    const struct wr_config_node *item)
{
	const struct wr_config_node *list = wr_config_child(item, "topics");
	const char *const *names = subscription->topics.items;
	if (list == NULL)
		return;
	const struct wr_config_node *node = list->first;
	for (uint32_t i = 0; i < subscription->topics.count; i++, node = node->next) {
		if (names[i] == NULL)
			continue;
		wr_config_check_topic(findings, values, node, names[i]);
		const struct wr_config_node *other = list->first;
		for (uint32_t j = 0; j < i; j++, other = other->next) {
			if (names[j] == NULL || strcmp(names[i], names[j]) != 0)
				continue;
			wr_config_refuse_second(findings, "topic", names[i],
						wr_config_node_place(findings, node),
						wr_config_node_place(findings, other));
			break;
		}
	}
}

static void check_subscriptions(struct wr_config_findings *findings,
				const struct wr_config_node *root,
				const struct wr_config_values *values)
{
	const struct wr_config_subscription *subscriptions = values->subscriptions.items;
	const struct wr_config_node *item = wr_config_node_at(root, "subscriptions")->first;
	for (uint32_t i = 0; i < values->subscriptions.count; i++, item = item->next) {
		const struct wr_config_node *other =
			wr_config_node_at(root, "subscriptions")->first;
		check_topics_of(findings, values, &subscriptions[i], item);
		wr_config_check_queue(findings, values, &subscriptions[i], item);
		wr_config_check_filter(findings, &subscriptions[i].filter, item);
		wr_config_check_transform(findings, subscriptions[i].transform, item);
		for (uint32_t j = 0; j < i; j++, other = other->next) {
			if (subscriptions[i].name == NULL || subscriptions[j].name == NULL ||
			    strcmp(subscriptions[i].name, subscriptions[j].name) != 0)
				continue;
			wr_config_refuse_second(findings, "subscription", subscriptions[i].name,
						wr_config_item_place(findings, item, "name"),
						wr_config_item_place(findings, other, "name"));
			break;
		}
		if (subscriptions[i].gate == WEIR_LEVEL_DURABLE && values->options.dir == NULL &&
		    wr_config_child(root, "journal") == NULL) {
			struct weir_config_diagnostic *d = wr_config_error(
				findings, wr_config_item_place(findings, item, "gate"),
				"without a journal nothing becomes durable");
			wr_config_help(findings, d, "journal: {dir: ...}, or gate: auto");
		}
	}
	wr_config_check_limit(findings, root, "subscriptions", "subscriptions",
			      values->subscriptions.count, values->options.subscriptions_max);
}

/* What is read and used by nobody shall not look as if it were. */
static void warn_of_idle_keys(struct wr_config_findings *findings,
			      const struct wr_config_node *root)
{
	static const char *const of_journals[] = {"memory.undurable", "threads.journal"};
	if (wr_config_child(root, "journal") != NULL)
		return;
	for (size_t i = 0; i < sizeof of_journals / sizeof of_journals[0]; i++) {
		const char *name = strchr(of_journals[i], '.') + 1;
		const struct wr_config_node *node = wr_config_node_at(root, of_journals[i]);
		if (node->key != NULL && strcmp(node->key->text, name) == 0)
			wr_config_warning(findings, wr_config_key_place(findings, node),
					  "%s does nothing without a journal", of_journals[i]);
	}
}

void wr_config_check(struct wr_config_findings *findings, const struct wr_config_node *root,
		     const struct wr_config_values *values)
{
	check_options(findings, root, values);
	check_topics(findings, root, values);
	check_subscriptions(findings, root, values);
	wr_config_check_bindings(findings, root, values);
	wr_config_check_alerts(findings, root, values);
	wr_config_check_run(findings, root, values);
	wr_config_check_serve(findings, root, values);
	wr_config_check_bridges(findings, root, values);
	wr_config_check_stages(findings, root, values);
	wr_config_check_bench(findings, root, values);
	warn_of_idle_keys(findings, root);
}
