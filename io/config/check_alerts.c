/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts that weir_open() would refuse, or that nothing raises, told at their place. */
#include <string.h>

#include <weir/alerts.h>

#include "io/config/check.h"

/* A program may start bridges of its own: one that the file does not have is told, not refused. */
static void check_bridge(struct wr_config_findings *findings, const struct wr_config_values *values,
			 const struct wr_config_alert *a, const struct wr_config_node *item)
{
	const struct wr_config_bridge *all = values->bridges.items;

	for (uint32_t i = 0; i < values->bridges.count; i++)
		if (all[i].name != NULL && strcmp(all[i].name, a->bridge) == 0)
			return;
	(void)wr_config_warning(findings, wr_config_item_place(findings, item, "bridge"),
				"the file has no bridge \"%s\": this rule waits for one that a "
				"program starts",
				a->bridge);
}

static bool is_of_queues(int kind)
{
	return kind == WEIR_ALERT_PARKED || kind == WEIR_ALERT_LEASE_AGE;
}

/* The same: a program may make subscriptions of its own, and queues. */
static void check_subscription(struct wr_config_findings *findings,
			       const struct wr_config_values *values,
			       const struct wr_config_alert *a, const struct wr_config_node *item)
{
	const struct wr_config_subscription *all = values->subscriptions.items;

	for (uint32_t i = 0; i < values->subscriptions.count; i++) {
		if (all[i].name == NULL || strcmp(all[i].name, a->subscription) != 0)
			continue;
		if (is_of_queues((int)a->kind) && all[i].order == WEIR_ORDER_PARTITION)
			(void)wr_config_warning(
				findings, wr_config_item_place(findings, item, "subscription"),
				"\"%s\" is no queue, and this number is of queues alone: "
				"the rule is never raised",
				a->subscription);
		return;
	}
	(void)wr_config_warning(findings, wr_config_item_place(findings, item, "subscription"),
				"the file has no subscription \"%s\": this rule waits for one "
				"that a program makes",
				a->subscription);
}

static bool is_of_bridge(int kind)
{
	return kind == WEIR_ALERT_BRIDGE_DOWN || kind == WEIR_ALERT_BRIDGE_DEAD_LETTERS ||
	       kind == WEIR_ALERT_BRIDGE_STUCK_AGE;
}

static bool is_of_pipeline(int kind)
{
	return kind == WEIR_ALERT_FREE_BYTES || kind == WEIR_ALERT_STUCK_AGE;
}

/* Of a mark that is missing or was refused, which is told, there is a number that nobody gave. */
static bool is_given(const struct wr_config_findings *findings, const struct wr_config_node *mark)
{
	for (uint32_t i = 0; mark != NULL && i < findings->count; i++)
		if (findings->items[i].severity == WEIR_CONFIG_ERROR &&
		    findings->at[i] >= mark->at && findings->at[i] < mark->at + mark->span_bytes)
			return false;
	return mark != NULL;
}

static bool are_marks_given(const struct wr_config_findings *findings,
			    const struct wr_config_node *item)
{
	const struct wr_config_node *when = wr_config_child(item, "when");
	const struct wr_config_node *number = when != NULL ? when->first : NULL;
	return is_given(findings, wr_config_child(number, "raise_at")) &&
	       is_given(findings, wr_config_child(number, "clear_at"));
}

static void check_alert(struct wr_config_findings *findings, const struct wr_config_node *root,
			const struct wr_config_values *values, const struct wr_config_alert *a,
			const struct wr_config_node *item)
{
	bool is_free = a->kind == WEIR_ALERT_FREE_BYTES;
	struct weir_config_diagnostic *d;

	if (a->kind == 0)
		return; /* it lacks its number, which is told */
	if ((is_free ? a->clear_at <= a->raise_at : a->clear_at >= a->raise_at) &&
	    are_marks_given(findings, item)) {
		d = wr_config_error(findings, wr_config_item_place(findings, item, "when"),
				    is_free ? "free space falls: clear_at has to be more than "
					      "raise_at"
					    : "clear_at has to be less than raise_at");
		wr_config_help(findings, d,
			       "two marks, so that a number that swings around one "
			       "of them does not raise it again and again");
	}
	bool of_bridge = is_of_bridge((int)a->kind);
	if (a->subscription != NULL && (of_bridge || is_of_pipeline((int)a->kind)))
		(void)wr_config_error(
			findings, wr_config_item_place(findings, item, "subscription"),
			of_bridge ? "this number is of a bridge, and not of a subscription"
				  : "this number is of the pipeline, and not of a subscription");
	else if (a->subscription != NULL)
		check_subscription(findings, values, a, item);
	if (a->bridge != NULL && !of_bridge)
		(void)wr_config_error(findings, wr_config_item_place(findings, item, "bridge"),
				      "this number is not of a bridge");
	else if (a->bridge != NULL)
		check_bridge(findings, values, a, item);
	if (is_free && values->options.dir == NULL && wr_config_child(root, "journal") == NULL)
		(void)wr_config_error(findings, wr_config_item_place(findings, item, "when"),
				      "free space is a journal's, and there is none");
}

void wr_config_check_alerts(struct wr_config_findings *findings, const struct wr_config_node *root,
			    const struct wr_config_values *values)
{
	const struct wr_config_alert *alerts = values->alerts.items;
	const struct wr_config_node *item = wr_config_node_at(root, "alerts")->first;
	const struct wr_config_node *topic = wr_config_node_at(root, "metrics.alert_topic");

	for (uint32_t i = 0; i < values->alerts.count; i++, item = item->next) {
		const struct wr_config_node *other = wr_config_node_at(root, "alerts")->first;
		check_alert(findings, root, values, &alerts[i], item);
		for (uint32_t j = 0; j < i; j++, other = other->next) {
			if (alerts[i].name == NULL || alerts[j].name == NULL ||
			    strcmp(alerts[i].name, alerts[j].name) != 0)
				continue;
			wr_config_refuse_second(findings, "alert", alerts[i].name,
						wr_config_item_place(findings, item, "name"),
						wr_config_item_place(findings, other, "name"));
			break;
		}
	}
	if (values->options.alert_topic != NULL && topic != NULL)
		wr_config_check_topic(findings, values, topic, values->options.alert_topic);
}
