/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bindings: their topics are in the file, their names are nobody else's, their filters compile.
 * Circles and second ways are refused when they are made: the log may have bindings that the file
 * does not name (weir_binding_create()).
 */
#include <string.h>

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
		wr_config_check_filter(findings, &bindings[i].filter, item);
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
