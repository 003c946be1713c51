/* SPDX-License-Identifier: Apache-2.0 */
/* What the keys of a subscription about failures, and of a queue, have to do with each other: as
 * weir_subscription_create() would refuse them, at their place. */
#include <string.h>

#include "core/base/bits.h"
#include "io/config/check.h"

static void refuse(struct wr_config_findings *findings, const struct wr_config_node *item,
		   const char *key, const char *text, const char *help)
{
	struct weir_config_diagnostic *d =
		wr_config_error(findings, wr_config_item_place(findings, item, key), "%s", text);
	wr_config_help(findings, d, "%s", help);
}

/* What asks for something that only a queue does; a lease or a delay asks for nothing. */
static void check_not_shared(struct wr_config_findings *findings,
			     const struct wr_config_subscription *of,
			     const struct wr_config_node *item)
{
	const struct {
		const char *key;
		bool is_asked;
	} keys[] = {{"outstanding", of->outstanding_max != 0},
		    {"single_active", of->single_active},
		    {"delay", of->delay_ns != 0},
		    {"length", of->length_max != 0},
		    {"length_bytes", of->length_bytes_max != 0},
		    {"when_long", of->when_long != WEIR_LONG_DROP},
		    {"priorities", of->priorities},
		    {"when_dead", of->when_dead != WEIR_DEAD_PASS}};
	for (size_t i = 0; i < WR_ARRAY_COUNT(keys); i++)
		if (keys[i].is_asked)
			refuse(findings, item, keys[i].key,
			       "only a queue has this: order is partition",
			       "order: key, or order: none");
}

static void check_dead_letters(struct wr_config_findings *findings,
			       const struct wr_config_values *values,
			       const struct wr_config_subscription *of,
			       const struct wr_config_node *item)
{
	const struct wr_config_node *node = wr_config_child(item, "dead_letters");
	if (of->dead_letters == NULL || node == NULL)
		return;
	wr_config_check_topic(findings, values, node, of->dead_letters);
	const char *const *names = of->topics.items;
	for (uint32_t i = 0; i < of->topics.count; i++)
		if (names[i] != NULL && strcmp(names[i], of->dead_letters) == 0)
			refuse(findings, item, "dead_letters",
			       "it reads this topic itself: what is dead would come back",
			       "another topic");
}

static void check_parks(struct wr_config_findings *findings, const struct wr_config_values *values,
			const struct wr_config_subscription *of, const struct wr_config_node *item)
{
	if (of->when_dead != WEIR_DEAD_PARK)
		return;
	if (of->order != WEIR_ORDER_KEY)
		refuse(findings, item, "when_dead", "without an order by key there is none to park",
		       "order: key");
	if (of->dead_letters == NULL)
		refuse(findings, item, "when_dead", "nothing is dead without dead_letters",
		       "dead_letters: a topic");
	if (values->options.dir == NULL)
		refuse(findings, item, "when_dead",
		       "in memory alone producers would be held back for what is parked",
		       "journal: {dir: ...}");
}

static void check_long(struct wr_config_findings *findings, const struct wr_config_subscription *of,
		       const struct wr_config_node *item)
{
	if (of->when_long != WEIR_LONG_REFUSE)
		return;
	if (of->length_max == 0 && of->length_bytes_max == 0)
		refuse(findings, item, "when_long", "there is no limit for it to be too long",
		       "length: ..., or length_bytes: ...");
	if (wr_config_child(item, "filter") != NULL || wr_config_child(item, "transform") != NULL)
		refuse(findings, item, "when_long",
		       "what comes cannot be refused by a filter: the log would have to ask it",
		       "a topic of its own, and a binding with the filter");
}

/* What becomes of an event that fails. */
static void check_failures(struct wr_config_findings *findings,
			   const struct wr_config_values *values,
			   const struct wr_config_subscription *of,
			   const struct wr_config_node *item)
{
	check_dead_letters(findings, values, of, item);
	if (of->attempts_max != 0 && of->dead_letters == NULL)
		refuse(findings, item, "retry",
		       "after so many attempts an event has nowhere to go: nothing is given up in "
		       "silence, and without attempts it is tried for ever",
		       "dead_letters: a topic");
	if (of->time_to_live_ns != 0 && of->dead_letters == NULL &&
	    of->order == WEIR_ORDER_PARTITION)
		refuse(findings, item, "time_to_live",
		       "an event that has failed and is too old has nowhere to go: nothing is "
		       "given up in silence",
		       "dead_letters: a topic");
	if (of->retry_delay_min_ns > of->retry_delay_max_ns)
		refuse(findings, item, "retry", "delay is longer than delay_max",
		       "a longer delay_max");
	if (of->retry_delay_min_ns == 0 && of->retry_delay_max_ns != 0)
		refuse(findings, item, "retry", "a delay of 0 does not grow up to delay_max",
		       "delay_max: 0s, or a delay");
}

static void check_slow(struct wr_config_findings *findings, const struct wr_config_subscription *of,
		       const struct wr_config_node *item)
{
	if (of->when_slow == WEIR_SLOW_GAP && of->order != WEIR_ORDER_PARTITION)
		refuse(findings, item, "when_slow", "a queue leaves nothing out",
		       "when_slow: catch_up, block or detach");
	else if (of->when_slow == WEIR_SLOW_DETACH && of->lag_events_max == 0 &&
		 of->lag_time_max_ns == 0)
		refuse(findings, item, "when_slow", "there is no limit above which it is too slow",
		       "lag: {events: ...}, or {time: ...}");
}

void wr_config_check_queue(struct wr_config_findings *findings,
			   const struct wr_config_values *values,
			   const struct wr_config_subscription *of,
			   const struct wr_config_node *item)
{
	check_failures(findings, values, of, item);
	check_slow(findings, of, item);
	if (of->order == WEIR_ORDER_PARTITION) {
		check_not_shared(findings, of, item);
		return;
	}
	check_parks(findings, values, of, item);
	check_long(findings, of, item);
	if (of->priorities && of->order != WEIR_ORDER_NONE)
		refuse(findings, item, "priorities",
		       "a key's events are in order, whatever their priority", "order: none");
	if (of->outstanding_max > values->options.outstanding_max)
		refuse(findings, item, "outstanding", "more than all queues together may have",
		       "limits: {outstanding: ...}");
}
