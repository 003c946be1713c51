/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of metrics and of alerts: where the counts go, and rules on them. */
#include <stddef.h>

#include <weir/alerts.h>

#include "io/config/keys_inner.h"

static const struct wr_config_key metrics_keys[] = {
	{.name = "dir",
	 OPTION(metrics_dir),
	 .type = WR_CONFIG_TEXT,
	 .absent = "/dev/shm/weir-UID",
	 .doc = "A directory in memory for the file that other processes read; none: no file"},
	{.name = "alert_topic",
	 OPTION(alert_topic),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .absent = "no events",
	 .doc = "A topic of the file's that gets an event when an alert is raised, and when it is "
		"over"},
	{.name = "alert_instances",
	 OPTION(alert_instances_max),
	 .type = WR_CONFIG_COUNT,
	 .max = 65536,
	 .fallback = "64",
	 .doc = "Numbers that rules of a reload may look at: 1 for a rule of the pipeline or of "
		"one subscription, limits.subscriptions for one of each"},
	{0},
};

const struct wr_config_section wr_config_metrics = {.keys = metrics_keys};

/* ---- alerts ---- */

#define ALERT(member) AT(struct wr_config_alert, member)
#define MARK_KEYS(of)                                                                              \
	{.name = "raise_at",                                                                       \
	 ALERT(raise_at),                                                                          \
	 .type = (of),                                                                             \
	 .required = true,                                                                         \
	 .live = true,                                                                             \
	 .doc = "It is raised where the number is that far"},                                      \
	{                                                                                          \
		.name = "clear_at", ALERT(clear_at), .type = (of), .required = true, .live = true, \
		.doc = "It is over where the number is back there"                                 \
	}

static const struct wr_config_key count_keys[] = {MARK_KEYS(WR_CONFIG_COUNT), {0}};
static const struct wr_config_section count_marks = {.keys = count_keys};
static const struct wr_config_key size_keys[] = {MARK_KEYS(WR_CONFIG_SIZE), {0}};
static const struct wr_config_section size_marks = {.keys = size_keys};
static const struct wr_config_key age_keys[] = {MARK_KEYS(WR_CONFIG_DURATION), {0}};
static const struct wr_config_section age_marks = {.keys = age_keys};

/* In the order of enum weir_alert_kind: the how-manieth it is, is the kind. */
static const struct wr_config_key kind_keys[] = {
	{.name = "lag_events",
	 SAME_STRUCT(count_marks),
	 .doc = "Events that a subscription has still to handle"},
	{.name = "lag_bytes", SAME_STRUCT(size_marks), .doc = "Bytes of these events"},
	{.name = "lag_age", SAME_STRUCT(age_marks), .doc = "Age of the oldest of them"},
	{.name = "parked",
	 SAME_STRUCT(count_marks),
	 .doc = "Events of keys that wait behind a dead one, and the dead ones"},
	{.name = "dead_letters",
	 SAME_STRUCT(count_marks),
	 .doc = "Events that a queue gave up in the last minute"},
	{.name = "lease_age",
	 SAME_STRUCT(age_marks),
	 .doc = "Since the event that a member of a queue has had for longest was given to it"},
	{.name = "free_bytes",
	 SAME_STRUCT(size_marks),
	 .doc = "Free on the journal's file system: raise_at is below clear_at"},
	{.name = "stuck_age",
	 SAME_STRUCT(age_marks),
	 .doc = "For how long the writer, the journal, the group or the packing thread has not "
		"moved though it should"},
	{.name = "bridge_down",
	 SAME_STRUCT(age_marks),
	 .doc = "Since a bridge ran last, or was started, while it is neither paused nor stopped"},
	{.name = "bridge_dead_letters",
	 SAME_STRUCT(count_marks),
	 .doc = "Events and messages that a bridge gave up in the last minute"},
	{.name = "idle_age",
	 SAME_STRUCT(age_marks),
	 .doc = "Since a member, or its handler, came back last: of all the one that is away for "
		"longest"},
	{.name = "bridge_stuck_age",
	 SAME_STRUCT(age_marks),
	 .doc = "Since a bridge's driver was called last: a call that does not come back"},
	{0},
};
_Static_assert(sizeof kind_keys / sizeof *kind_keys == WEIR_ALERT_BRIDGE_STUCK_AGE + 1,
	       "a key a kind");
static const struct wr_config_section kind_section = {.keys = kind_keys};

static const struct wr_config_key alert_keys[] = {
	{.name = "name",
	 ALERT(name),
	 .type = WR_CONFIG_NAME,
	 .max = WEIR_ALERT_NAME_BYTES - 1,
	 .required = true,
	 .live = true,
	 .doc = "Its name, unlike any other's"},
	{.name = "when",
	 ALERT(kind),
	 .type = WR_CONFIG_ONE_OF,
	 .section = &kind_section,
	 .required = true,
	 .doc = "The number that it looks at, and its marks"},
	{.name = "subscription",
	 ALERT(subscription),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .absent = "each",
	 .live = true,
	 .doc = "Of which subscription"},
	{.name = "bridge",
	 ALERT(bridge),
	 .type = WR_CONFIG_NAME,
	 .max = 100,
	 .absent = "each",
	 .live = true,
	 .doc = "Of which bridge"},
	{.name = "hold",
	 ALERT(hold_ns),
	 .type = WR_CONFIG_DURATION,
	 .max = 3600000000000u,
	 .fallback = "10s",
	 .live = true,
	 .doc = "The number has to be there for so long, both ways"},
	{0},
};

const struct wr_config_section wr_config_alerts = {.keys = alert_keys,
						   .struct_bytes = sizeof(struct wr_config_alert)};
