/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metrics/table.h"

#include <errno.h>

#define NAME_BYTES 208u  /* of topics, subscriptions, producers: 200 at most */
#define MEMBER_BYTES 64u /* 63 */
#define NUMBER_BYTES 16u
#define KIND_BYTES 24u    /* of alerts: "bridge_dead_letters" */
#define BRIDGE_BYTES 104u /* 100 */
#define ERROR_BYTES 256u
#define DIR_BYTES 512u

#define ALERT_LABELS                                                                               \
	{"rule", MEMBER_BYTES}, {"kind", KIND_BYTES}, {"subscription", NAME_BYTES},                \
	{                                                                                          \
		"bridge", BRIDGE_BYTES                                                             \
	}

const struct wr_scope_info wr_metric_scopes[WR_SCOPES] = {
	[WR_SCOPE_PIPELINE] = {.name = "pipeline"},
	[WR_SCOPE_ACK] = {.name = "ack", .labels = {{"level", NUMBER_BYTES}}},
	[WR_SCOPE_THREAD] = {.name = "thread", .labels = {{"thread", NUMBER_BYTES}}},
	[WR_SCOPE_PRODUCER] = {.name = "producer",
			       .labels = {{"producer", NUMBER_BYTES}, {"name", NAME_BYTES}}},
	[WR_SCOPE_TOPIC] = {.name = "topic", .labels = {{"topic", NAME_BYTES}}},
	[WR_SCOPE_PARTITION] = {.name = "partition",
				.labels = {{"topic", NAME_BYTES}, {"partition", NUMBER_BYTES}}},
	[WR_SCOPE_SUBSCRIPTION] = {.name = "subscription",
				   .labels = {{"subscription", NAME_BYTES}}},
	[WR_SCOPE_ROW] = {.name = "subscription_partition",
			  .labels = {{"subscription", NAME_BYTES},
				     {"topic", NAME_BYTES},
				     {"partition", NUMBER_BYTES}}},
	[WR_SCOPE_ALERT] = {.name = "alert", .labels = {ALERT_LABELS}},
	[WR_SCOPE_ALERT_EVENTS] = {.name = "alert_events", .labels = {ALERT_LABELS}},
	[WR_SCOPE_ALERT_BYTES] = {.name = "alert_bytes", .labels = {ALERT_LABELS}},
	[WR_SCOPE_ALERT_AGE] = {.name = "alert_age", .labels = {ALERT_LABELS}},
	[WR_SCOPE_BRIDGE] = {.name = "bridge",
			     .labels = {{"bridge", BRIDGE_BYTES},
					{"system", NUMBER_BYTES},
					{"direction", NUMBER_BYTES},
					{"subscription", NAME_BYTES}}},
	[WR_SCOPE_BRIDGE_ERROR] = {.name = "bridge_error",
				   .labels = {{"bridge", BRIDGE_BYTES}, {"text", ERROR_BYTES}}},
	[WR_SCOPE_BRIDGE_FILES] = {.name = "bridge_files",
				   .labels = {{"bridge", BRIDGE_BYTES}, {"state_dir", DIR_BYTES}}},
	[WR_SCOPE_STAGE] = {.name = "stage", .labels = {{"stage", NAME_BYTES}}},
	[WR_SCOPE_MEMBER] = {.name = "member",
			     .labels = {{"subscription", NAME_BYTES}, {"member", MEMBER_BYTES}}},
};

#define WR_METRIC_ROW(scope, id, kind, per_unit, name, unit, help)                                 \
	[WR_METRIC_##id] = {WR_SCOPE_##scope, WEIR_METRIC_##kind, per_unit, name, unit, help},

const struct wr_metric_info wr_metric_infos[WR_METRIC_COUNT] = {WR_METRICS(WR_METRIC_ROW)};

int weir_metric_known(uint32_t index, struct weir_metric *ret_metric,
		      const char *ret_labels[WEIR_METRICS_LABELS_MAX])
{
	if (index >= WR_METRIC_COUNT)
		return -ENOENT;
	const struct wr_metric_info *i = &wr_metric_infos[index];
	*ret_metric = (struct weir_metric){.name = i->name,
					   .unit = i->unit,
					   .help = i->help,
					   .object = wr_metric_scopes[i->scope].name,
					   .kind = i->kind,
					   .per_unit = i->per_unit};
	for (uint32_t l = 0; ret_labels != NULL && l < WEIR_METRICS_LABELS_MAX; l++)
		ret_labels[l] = wr_metric_scopes[i->scope].labels[l].name;
	return 0;
}
