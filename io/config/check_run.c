/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of sources and sinks that must go together. */
#include <string.h>

#include "io/config/check.h"
#include "io/config/keys_inner.h"
#include "io/config/read.h"
#include "io/config/value.h"

static bool is_same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool has_journal(const struct wr_config_node *root, const struct wr_config_values *values)
{
	/* Its directory may be a mistake that was told already. */
	return values->options.dir != NULL || wr_config_child(root, "journal") != NULL;
}

/* ---- sources ---- */

#define FIELD_COUNT 7u

/* ".id" and "a..b" are slips: a field without a name is hardly ever meant, or there. */
static void check_field_name(struct wr_config_findings *findings, const char *name,
			     const struct wr_config_node *node)
{
	size_t bytes = name != NULL ? strlen(name) : 0;
	if (bytes == 0 || node == NULL ||
	    (name[0] != '.' && name[bytes - 1] != '.' && strstr(name, "..") == NULL))
		return;
	char quoted[WR_CONFIG_QUOTE_BYTES];
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_node_place(findings, node),
		"the field %s has a part without a name", wr_config_quote(quoted, name, bytes));
	wr_config_help(findings, d, "names, and one dot between two of them: user.id");
}

static void check_field_names(struct wr_config_findings *findings,
			      const struct wr_config_input *source,
			      const struct wr_config_node *item)
{
	const struct wr_config_node *headers = wr_config_child(item, "headers");
	const struct wr_config_node *ids = wr_config_child(item, "ids");
	const struct wr_config_node *entry = headers != NULL ? headers->first : NULL;
	const struct wr_config_pair *pairs = source->headers.items;
	check_field_name(findings, source->key, wr_config_child(item, "key"));
	check_field_name(findings, source->type, wr_config_child(item, "type"));
	check_field_name(findings, source->time, wr_config_child(item, "time"));
	check_field_name(findings, source->payload, wr_config_child(item, "payload"));
	for (uint32_t i = 0; i < source->headers.count && entry != NULL; i++, entry = entry->next)
		check_field_name(findings, pairs[i].text, entry);
	if (ids == NULL)
		return;
	check_field_name(findings, source->event_id, wr_config_child(ids, "event"));
	check_field_name(findings, source->correlation_id, wr_config_child(ids, "correlation"));
	check_field_name(findings, source->causation_id, wr_config_child(ids, "causation"));
	check_field_name(findings, source->traceparent, wr_config_child(ids, "traceparent"));
	check_field_name(findings, source->tracestate, wr_config_child(ids, "tracestate"));
}

/* Of lines of JSON only: told at each that is there. */
static void check_fields(struct wr_config_findings *findings, const struct wr_config_input *source,
			 const struct wr_config_node *item)
{
	static const char *const fields[FIELD_COUNT] = {"key", "type",    "time",      "headers",
							"ids", "payload", "on_missing"};
	bool generated = source->from == WEIR_CONFIG_FROM_GENERATE;
	if (source->format == WEIR_CONFIG_FORMAT_JSON && !generated) {
		check_field_names(findings, source, item);
		return;
	}
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const struct wr_config_node *node = wr_config_child(item, fields[i]);
		if (node == NULL || (i + 1 == FIELD_COUNT && source->missing_is_bad == 0))
			continue;
		struct weir_config_diagnostic *d =
			wr_config_error(findings, wr_config_key_place(findings, node),
					generated ? "%s: events that are made up have their own"
						  : "%s: a line that is not JSON has no fields",
					fields[i]);
		wr_config_help(findings, d,
			       generated ? "leave it out" : "format: json, or leave it out");
	}
}

/* Standard input has one reader; a name has one producer. */
static void check_against(struct wr_config_findings *findings, const struct wr_config_node *root,
			  const struct wr_config_input *sources, uint32_t index)
{
	const struct wr_config_node *item = wr_config_item_at(root, "sources", index);
	for (uint32_t i = 0; i < index; i++) {
		const struct wr_config_node *other = wr_config_item_at(root, "sources", i);
		if (is_same(sources[index].name, sources[i].name)) {
			wr_config_refuse_second(findings, "source", sources[i].name,
						wr_config_item_place(findings, item, "name"),
						wr_config_item_place(findings, other, "name"));
			return;
		}
		if (sources[index].from == WEIR_CONFIG_FROM_STDIN &&
		    sources[i].from == WEIR_CONFIG_FROM_STDIN) {
			wr_config_refuse_second(findings, "source of", "stdin",
						wr_config_item_place(findings, item, "from"),
						wr_config_item_place(findings, other, "from"));
			return;
		}
	}
}

static void check_sources(struct wr_config_findings *findings, const struct wr_config_node *root,
			  const struct wr_config_values *values)
{
	const struct wr_config_input *sources = values->sources.items;
	for (uint32_t i = 0; i < values->sources.count && !wr_config_is_full(findings); i++) {
		const struct wr_config_node *item = wr_config_item_at(root, "sources", i);
		const struct wr_config_node *topic = wr_config_child(item, "topic");
		if (sources[i].topic != NULL && topic != NULL)
			wr_config_check_topic(findings, values, topic, sources[i].topic);
		if (sources[i].from != 0)
			check_fields(findings, &sources[i], item);
		check_against(findings, root, sources, i);
	}
	wr_config_check_limit(findings, root, "sources", "producers", values->sources.count,
			      values->options.producers_max);
	wr_config_check_limit(findings, root, "sources", "named_producers", values->sources.count,
			      values->options.named_producers_max);
}

/* ---- sinks ---- */

static void refuse_at(struct wr_config_findings *findings, const struct wr_config_node *map,
		      const char *name, const char *text, const char *help)
{
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_item_place(findings, map, name), "%s: %s", name, text);
	wr_config_help(findings, d, "%s", help);
}

/* True: exactly one. */
static bool check_which(struct wr_config_findings *findings, const struct wr_config_output *sink,
			const struct wr_config_node *node)
{
	uint32_t count = (sink->to != 0 ? 1u : 0u) + (sink->file != NULL ? 1u : 0u) +
			 (sink->command.count > 0 ? 1u : 0u);
	static const char *const names[] = {"to", "file", "command"};
	uint32_t named = 0;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		named += wr_config_child(node, names[i]) != NULL ? 1 : 0;
	if (count == 1 && named <= 1)
		return true;
	if (named == 1 || (node->kind == WR_NODE_SCALAR && !node->empty))
		return false; // it was told what is wrong with it
	struct weir_config_diagnostic *d = wr_config_error(
		findings, wr_config_key_place(findings, node),
		"a sink has one of to, file and command%s", named > 1 ? ", not several" : "");
	wr_config_help(findings, d, "%s",
		       named > 1 ? "leave one of them, and the others out"
				 : "sink: stdout, or sink: {file: out.jsonl}");
	return false;
}

/* What does nothing shall not look as if it did; its default says nothing. */
static void check_idle(struct wr_config_findings *findings, const struct wr_config_output *sink,
		       const struct wr_config_node *node)
{
	struct wr_config_output standard = {0};
	wr_config_defaults(&wr_config_sink, &standard);
	if (sink->to == WEIR_CONFIG_TO_NULL && sink->write_json != standard.write_json)
		refuse_at(findings, node, "write", "null writes nothing", "leave it out");
	if (sink->file == NULL && sink->commit != standard.commit)
		refuse_at(findings, node, "commit", "this is of files only", "leave it out");
	if (sink->command.count > 0)
		return;
	if (sink->timeout_ns != standard.timeout_ns)
		refuse_at(findings, node, "timeout", "this is of commands only", "leave it out");
	if (sink->attempts_max != standard.attempts_max ||
	    sink->backoff_ns != standard.backoff_ns ||
	    sink->backoff_max_ns != standard.backoff_max_ns)
		refuse_at(findings, node, "retry", "this is of commands only", "leave it out");
	if (sink->on_failure != standard.on_failure)
		refuse_at(findings, node, "on_failure", "this is of commands only", "leave it out");
}

static void check_file(struct wr_config_findings *findings, const struct wr_config_node *root,
		       const struct wr_config_values *values,
		       const struct wr_config_subscription *of, const struct wr_config_node *item)
{
	const struct wr_config_node *node = wr_config_child(item, "sink");
	const char *mark = strstr(of->sink.file, "%m");
	bool together = wr_config_is_together(of, has_journal(root, values));
	if (together && !has_journal(root, values))
		refuse_at(findings, node, "commit",
			  "without a journal there is no progress to go together with",
			  "journal: {dir: ...}, or commit: after");
	if (together && of->order != WEIR_ORDER_PARTITION)
		refuse_at(findings, node, "commit",
			  "a queue's events are in no one order: there is no progress to go "
			  "together with",
			  "commit: after, or order: partition for the subscription");
	if (together && of->gate == WEIR_LEVEL_MEMORY)
		refuse_at(findings, item, "gate",
			  "an event that a power cut could take back cannot be committed",
			  "gate: durable, or commit: after for the sink");
	if (of->members > 1 && together)
		refuse_at(findings, item, "members",
			  "output and progress go together with one member only",
			  "members: 1, or commit: after and a file for each: out-%m.jsonl");
	else if (of->members > 1 && mark == NULL)
		refuse_at(findings, node, "file", "several members need a file each",
			  "put %m in its name: out-%m.jsonl");
}

/* A member that is busy for longer than its session is taken for dead. */
static void check_session(struct wr_config_findings *findings,
			  const struct wr_config_subscription *of,
			  const struct wr_config_node *item)
{
	char longest[32] = "";
	struct wr_config_text text = {.to = longest, .room_bytes = sizeof longest};
	uint64_t busy_ns = of->sink.timeout_ns;
	uint64_t backoff_ns = of->sink.backoff_ns;
	for (uint32_t i = 1; i < of->sink.attempts_max && busy_ns < of->session_timeout_ns; i++) {
		uint64_t wait_ns =
			backoff_ns < of->sink.backoff_max_ns ? backoff_ns : of->sink.backoff_max_ns;
		busy_ns += of->sink.timeout_ns + wait_ns;
		backoff_ns *= 2;
	}
	if (busy_ns < of->session_timeout_ns || of->session_timeout_ns == 0)
		return;
	wr_config_duration_format(of->session_timeout_ns, &text);
	struct weir_config_diagnostic *d = wr_config_warning(
		findings, wr_config_key_place(findings, wr_config_child(item, "sink")),
		"one event may take longer than session_timeout, which is %s: it may be done again",
		longest);
	wr_config_help(findings, d, "a longer session_timeout, or less timeout, attempts, backoff");
}

static void check_sinks(struct wr_config_findings *findings, const struct wr_config_node *root,
			const struct wr_config_values *values)
{
	const struct wr_config_subscription *all = values->subscriptions.items;
	const struct wr_config_paths *paths = wr_config_paths(findings, root, values);
	uint64_t members = 0;
	for (uint32_t i = 0; i < values->subscriptions.count && !wr_config_is_full(findings); i++) {
		const struct wr_config_node *item = wr_config_item_at(root, "subscriptions", i);
		const struct wr_config_node *node = wr_config_child(item, "sink");
		if (node == NULL && all[i].members > 1)
			refuse_at(findings, item, "members", "there is no sink for them",
				  "sink: stdout, or leave it out");
		if (node == NULL || node->refused)
			continue;
		members += all[i].members;
		if (!check_which(findings, &all[i].sink, node))
			continue;
		check_idle(findings, &all[i].sink, node);
		if (!has_journal(root, values) && all[i].when_slow == WEIR_SLOW_CATCH_UP) {
			struct weir_config_diagnostic *d = wr_config_warning(
				findings, wr_config_key_place(findings, node),
				"without a journal a sink that is slow loses events");
			wr_config_help(findings, d, "when_slow: block");
		}
		if (all[i].sink.file != NULL) {
			check_file(findings, root, values, &all[i], item);
			if (paths != NULL)
				wr_config_check_paths(findings, root, paths, i, all[i].sink.file);
		}
		if (all[i].sink.command.count > 0)
			check_session(findings, &all[i], item);
	}
	wr_config_check_limit(findings, root, "subscriptions", "members", members,
			      values->options.members_max);
}

static void check_traces(struct wr_config_findings *findings, const struct wr_config_node *root,
			 const struct wr_config_values *values)
{
	const struct wr_config_node *node = wr_config_child(root, "traces");
	const struct wr_config_subscription *all = values->subscriptions.items;
	const char *file = values->traces_file, *dir = values->options.dir;
	if (node == NULL || node->refused)
		return;
	if (file != NULL && dir != NULL && strncmp(file, dir, strlen(dir)) == 0 &&
	    file[strlen(dir)] == '/')
		refuse_at(findings, node, "file",
			  "in the journal's directory are the journal's own files only",
			  "a file in another folder than journal.dir");
	for (uint32_t i = 0; file != NULL && i < values->subscriptions.count; i++)
		if (all[i].sink.file != NULL && strcmp(all[i].sink.file, file) == 0)
			refuse_at(findings, node, "file", "a sink writes to this file",
				  "another name for one of them");
}

void wr_config_check_run(struct wr_config_findings *findings, const struct wr_config_node *root,
			 const struct wr_config_values *values)
{
	check_sources(findings, root, values);
	check_sinks(findings, root, values);
	check_traces(findings, root, values);
}
