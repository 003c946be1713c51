/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a topic does with events that nobody wants. And the filter of a subscription: each term has
 * one pattern, and that is compiled as weir_subscription_create() would compile it. What a pattern
 * is refused for is told at the name in it that is at fault, where that stands in it once, else at
 * the whole of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/filtering.h>

#include "core/base/bits.h"
#include "io/config/check.h"
#include "io/config/text.h"

/* By the rows of the table: as they are in struct wr_config_pattern, behind `which`. */
static const enum weir_filter_kind kinds[] = {
	WEIR_FILTER_DIRECT,         WEIR_FILTER_TOPIC,
	WEIR_FILTER_HEADERS,        WEIR_FILTER_EVENTBRIDGE,
	WEIR_FILTER_SNS_ATTRIBUTES, WEIR_FILTER_SNS_BODY,
	WEIR_FILTER_HASH,           WEIR_FILTER_EVENTBRIDGE_HEADERS,
};
static const char *const names[] = {
	"direct",         "topic",    "headers", "eventbridge",
	"sns_attributes", "sns_body", "hash",    "eventbridge_headers",
};

/* NULL: it is none. */
static const char *text_of(const struct wr_config_pattern *pattern)
{
	const char *const texts[] = {
		pattern->direct,         pattern->topic,
		pattern->headers,        pattern->eventbridge,
		pattern->sns_attributes, pattern->sns_body,
		pattern->hash,           pattern->eventbridge_headers,
	};
	return pattern->which > 0 && pattern->which <= WR_ARRAY_COUNT(texts)
		       ? texts[pattern->which - 1]
		       : NULL;
}

bool wr_config_term(const struct wr_config_term *term, struct weir_filter_term *ret_term)
{
	bool negated = term->is.which > WR_ARRAY_COUNT(kinds);
	const struct wr_config_pattern *pattern = negated ? &term->is_not : &term->is;
	const char *text = text_of(pattern);
	*ret_term = (struct weir_filter_term){.kind = WEIR_FILTER_FANOUT, .negated = negated};
	if (text == NULL)
		return false;
	ret_term->kind = kinds[pattern->which - 1];
	ret_term->pattern = text;
	ret_term->pattern_bytes = strlen(text);
	return true;
}

/* The name at the end of a path: "state" of "detail.state[1]". */
static size_t last_name(const char *path, const char **ret_name)
{
	size_t bytes = strcspn(path, "[");
	const char *name = path;
	for (size_t i = 0; i < bytes; i++)
		if (path[i] == '.')
			name = path + i + 1;
	*ret_name = name;
	return (size_t)(path + bytes - name);
}

/* Where a member of that name stands in the pattern, if it is there once: its bytes; 0: not so. */
static size_t find_name(const char *pattern, const char *path, size_t *ret_at)
{
	const char *name;
	size_t bytes = last_name(path, &name);
	size_t found = 0;
	for (const char *at = pattern; bytes > 0 && (at = strchr(at, '"')) != NULL; at++) {
		if (strncmp(at + 1, name, bytes) != 0 || at[1 + bytes] != '"')
			continue;
		*ret_at = (size_t)(at - pattern);
		found++;
	}
	return found == 1 ? bytes + 2 : 0;
}

static void compile(struct wr_config_findings *findings, const char *key,
		    const struct weir_filter_term *term, const struct wr_config_node *node)
{
	struct weir_filter *filter = NULL;
	struct weir_problem problem = {0};
	char path[WR_CONFIG_QUOTE_BYTES];
	int rc = weir_filter_create(term->kind, term->pattern, term->pattern_bytes, NULL, &filter,
				    &problem);
	if (rc == 0)
		weir_filter_destroy(filter);
	if (rc == -ENOMEM)
		findings->out_of_memory = true;
	if (rc == 0 || rc == -ENOMEM)
		return;
	size_t at = 0, bytes = find_name(term->pattern, problem.field, &at);
	bool named = problem.field[0] != '\0';
	(void)wr_config_error(findings,
			      bytes > 0 ? wr_config_part_place(findings, node, at, bytes)
					: wr_config_node_place(findings, node),
			      "%s: %s%s%s", key,
			      named ? wr_config_quote(path, problem.field, strlen(problem.field))
				    : "",
			      named ? ": " : "", problem.text);
}

/* What the log refuses of a share of a ring (core/pipeline/subscription_filter.c). */
static void check_share(struct wr_config_findings *findings, bool negated, bool is_one_of_any,
			const struct wr_config_node *node)
{
	if (negated)
		(void)wr_config_error(findings, wr_config_node_place(findings, node),
				      "hash: not in a `not`: what is not its own is another "
				      "member's");
	else if (is_one_of_any)
		(void)wr_config_error(findings, wr_config_node_place(findings, node),
				      "hash: in `all` only: other terms choose among its share");
}

static void check_term(struct wr_config_findings *findings, const struct wr_config_term *of,
		       bool is_one_of_any, const struct wr_config_node *item)
{
	struct weir_filter_term term;
	if (!wr_config_term(of, &term))
		return;
	const char *key = names[(term.negated ? &of->is_not : &of->is)->which - 1];
	const struct wr_config_node *map = term.negated ? wr_config_child(item, "not") : item;
	const struct wr_config_node *node = wr_config_child(map, key);
	if (node == NULL || node->refused)
		return;
	compile(findings, key, &term, node);
	if (term.kind == WEIR_FILTER_HASH)
		check_share(findings, term.negated, is_one_of_any, node);
}

/* The topic of that name; NULL: the file has none. */
static const struct wr_config_topic *topic_of(const struct wr_config_values *values,
					      const char *name)
{
	const struct wr_config_topic *topics = values->topics.items;
	for (uint32_t i = 0; i < values->topics.count; i++)
		if (topics[i].name != NULL && name != NULL && strcmp(topics[i].name, name) == 0)
			return &topics[i];
	return NULL;
}

void wr_config_check_unrouted(struct wr_config_findings *findings,
			      const struct wr_config_values *values,
			      const struct wr_config_topic *topic,
			      const struct wr_config_node *item)
{
	const struct wr_config_node *node = wr_config_child(item, "unrouted");
	const struct wr_config_topic *at = topic;
	if (topic->unrouted == NULL || node == NULL)
		return;
	wr_config_check_topic(findings, values, node, topic->unrouted);
	/* As long as the way can be: it ends, or comes back, or is told at another topic. */
	for (uint32_t i = 0; i < values->topics.count && at != NULL; i++) {
		at = topic_of(values, at->unrouted);
		if (at != topic)
			continue;
		struct weir_config_diagnostic *d =
			wr_config_error(findings, wr_config_node_place(findings, node),
					"what nobody wants would come back to \"%s\"", topic->name);
		wr_config_help(findings, d, "a topic that leads nowhere else");
		return;
	}
}

void wr_config_check_filter(struct wr_config_findings *findings,
			    const struct wr_config_filter *filter,
			    const struct wr_config_node *item)
{
	const struct wr_config_node *map = wr_config_child(item, "filter");
	if (filter->join == 0 || map == NULL)
		return;
	bool all = filter->join == WR_CONFIG_FILTER_ALL;
	const struct wr_config_list *list = all ? &filter->all : &filter->any;
	const struct wr_config_term *terms = list->items;
	const struct wr_config_node *node = wr_config_child(map, all ? "all" : "any");
	node = node != NULL ? node->first : NULL;
	for (uint32_t i = 0; i < list->count && node != NULL; i++, node = node->next)
		check_term(findings, &terms[i], !all && list->count > 1, node);
}
