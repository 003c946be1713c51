/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bindings: their topics are in the file, their names are nobody else's, their filters and
 * transformers compile.
 * Circles and second ways are refused when they are made: the log may have bindings that the file
 * does not name (weir_binding_create()).
 */
#include <errno.h>
#include <string.h>

#include <weir/transform.h>

#include "core/base/bits.h"
#include "io/config/check.h"

static bool is_same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Its subscription has its name. */
static void check_name(struct wr_config_findings *findings, const struct wr_config_node *root,
		       const struct wr_config_values *values, uint32_t index,
		       const struct wr_config_node *item)
{
	const struct wr_config_binding *bindings = values->bindings.items;
	const struct wr_config_subscription *subscriptions = values->subscriptions.items;
	const char *name = bindings[index].name;
	const struct wr_config_node *other = wr_config_node_at(root, "bindings")->first;
	for (uint32_t i = 0; i < index; i++, other = other->next)
		if (is_same(name, bindings[i].name)) {
			wr_config_refuse_second(findings, "binding", name,
						wr_config_item_place(findings, item, "name"),
						wr_config_item_place(findings, other, "name"));
			return;
		}
	other = wr_config_node_at(root, "subscriptions")->first;
	for (uint32_t i = 0; i < values->subscriptions.count; i++, other = other->next)
		if (is_same(name, subscriptions[i].name)) {
			wr_config_refuse_second(findings, "subscription", name,
						wr_config_item_place(findings, item, "name"),
						wr_config_item_place(findings, other, "name"));
			return;
		}
}

static void check_topic(struct wr_config_findings *findings, const struct wr_config_values *values,
			const struct wr_config_node *item, const char *key, const char *name)
{
	const struct wr_config_node *node = wr_config_child(item, key);
	if (node != NULL && name != NULL)
		wr_config_check_topic(findings, values, node, name);
}

void wr_config_check_transform(struct wr_config_findings *findings, const char *text,
			       const struct wr_config_node *item)
{
	const struct wr_config_node *node = wr_config_child(item, "transform");
	struct weir_transform *transform = NULL;
	struct weir_problem problem = {0};
	if (node == NULL || node->refused || text == NULL)
		return;
	int rc = weir_transform_create(text, strlen(text), NULL, &transform, &problem);
	weir_transform_destroy(transform);
	if (rc == -ENOMEM)
		findings->out_of_memory = true;
	else if (rc != 0)
		wr_config_error(findings, wr_config_node_place(findings, node), "%s%s%s",
				problem.field, problem.field[0] != '\0' ? ": " : "", problem.text);
}

/* It compiles, and its other keys mean something. */
static void check_transform(struct wr_config_findings *findings,
			    const struct wr_config_binding *binding,
			    const struct wr_config_node *item)
{
	static const char *const others[] = {"on_failure", "dead_letters"};
	const struct wr_config_node *node = wr_config_child(item, "transform");
	for (size_t i = 0; i < WR_ARRAY_COUNT(others) && node == NULL; i++)
		if (wr_config_child(item, others[i]) != NULL)
			wr_config_error(findings, wr_config_item_place(findings, item, others[i]),
					"there is no transform that could fail");
	if (wr_config_child(item, "on_failure") != NULL && binding->dead_letters != NULL)
		wr_config_error(findings, wr_config_item_place(findings, item, "on_failure"),
				"dead_letters says what becomes of it");
	wr_config_check_transform(findings, binding->transform, item);
}

void wr_config_check_bindings(struct wr_config_findings *findings,
			      const struct wr_config_node *root,
			      const struct wr_config_values *values)
{
	const struct wr_config_binding *bindings = values->bindings.items;
	const struct wr_config_node *item = wr_config_node_at(root, "bindings")->first;
	for (uint32_t i = 0; i < values->bindings.count && !wr_config_is_full(findings);
	     i++, item = item->next) {
		check_name(findings, root, values, i, item);
		check_topic(findings, values, item, "source", bindings[i].source);
		check_topic(findings, values, item, "target", bindings[i].target);
		check_topic(findings, values, item, "dead_letters", bindings[i].dead_letters);
		wr_config_check_filter(findings, &bindings[i].filter, item);
		check_transform(findings, &bindings[i], item);
		if (is_same(bindings[i].source, bindings[i].target))
			wr_config_error(findings, wr_config_item_place(findings, item, "target"),
					"the source itself");
	}
	if (values->bindings.count > 0)
		wr_config_check_limit(findings, root, "bindings", "subscriptions",
				      (uint64_t)values->bindings.count +
					      values->subscriptions.count,
				      values->options.subscriptions_max);
}
