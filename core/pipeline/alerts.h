/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alerts of a pipeline (weir/alerts.h): which number a rule looks at, and who is told. The
 * group step's, behind its metrics; alert_state.h decides.
 */
#ifndef WR_PIPELINE_ALERTS_H
#define WR_PIPELINE_ALERTS_H

#include "core/pipeline/alert_state.h"
#include "core/pipeline/bridge_cells.h"
#include "core/pipeline/pipeline.h"

/* A rule, copied from the options. */
struct wr_alert_rule {
	struct wr_alert_marks marks;
	char name[WEIR_ALERT_NAME_BYTES];
	char subscription[WR_NAME_BYTES_MAX + 1]; /* "": of each */
	char bridge[WR_BRIDGE_NAME_ROOM];         /* the same */
	uint32_t first;                           /* of its instances */
	uint32_t count;
};

/* A change, as it was. */
struct wr_alert_told {
	bool raised;
	uint64_t value;
	uint64_t wall_ns;
};

/* As many wait for room; behind them raised and over cancel out: the state of the end is told. */
#define WR_ALERT_UNTOLD 16u

/* A rule for one subscription, one bridge, or of the pipeline. */
struct wr_alert {
	struct wr_alert_state state;
	struct wr_alert_window window;
	char bridge[WR_BRIDGE_NAME_ROOM]; /* "": none yet, or not of one */
	uint64_t bridge_number;           /* of the one that was looked at last */
	/* Its changes that are still to be published, the oldest first. */
	struct wr_alert_told untold[WR_ALERT_UNTOLD];
	uint32_t untold_count;
};

/* Rules, and what became of each of their numbers. */
struct wr_alert_set {
	struct wr_alert_rule *rules; /* room for WEIR_ALERTS_MAX */
	uint32_t rule_count;
	struct wr_alert *alerts; /* room for instances_max */
	uint32_t alert_count;    /* of all rules */
};

struct wr_alerts {
	struct wr_alert_set now;
	struct wr_alert_set other; /* empty: the next ones are made there */
	/* Under the lock of the metrics: those that weir_pipeline_alerts_set() brought. */
	struct wr_alert_rule *next; /* room for WEIR_ALERTS_MAX */
	uint32_t next_count;
	bool has_next;
	uint32_t instances_max;
	/* When what should move has moved last. */
	uint64_t taken_rounds, taken_ns;
	uint64_t durable_seq, durable_ns;
	bool looked; /* before that nothing stands still */
	bool told_no_topic;
};

/* Whether the options' rules can be: -EINVAL, and which one cannot. */
int wr_alerts_check(const struct weir_options *options, struct weir_problem *problem);
/* Instances that there is room for; bytes of everything. */
uint64_t wr_alerts_count(const struct weir_options *options);
uint64_t wr_alerts_bytes(const struct weir_options *options);
/* `block` has wr_alerts_bytes(), zeroed. */
void wr_alerts_init(struct wr_alerts *a, const struct weir_options *options, uint8_t *block);
/* Every round of metrics. */
void wr_alerts_step(struct weir_pipeline *p, uint64_t now_ns);

/* alerts_change.c: the rules that weir_pipeline_alerts_set() brought, if there are. The group
 * step's. */
void wr_alerts_take_next(struct weir_pipeline *p, uint64_t now_ns);
/* What alerts_change.c has of alerts.c. */
int wr_alerts_check_rules(const struct weir_options *options, const struct weir_alert_rule *rules,
			  uint32_t count, struct weir_problem *problem);
uint64_t wr_alerts_needed(const struct weir_options *options, const struct weir_alert_rule *rules,
			  uint32_t count);
/* Copies them to `to`, with places for their instances. How many of these there are. */
uint32_t wr_alerts_copy(const struct weir_options *options, const struct weir_alert_rule *rules,
			uint32_t count, struct wr_alert_rule *to);
/* A number's rule is gone: what was raised is over, and who wants to know is told. */
void wr_alerts_end_one(struct weir_pipeline *p, const struct wr_alert_rule *rule,
		       struct wr_alert *alert, const char *subscription, uint64_t now_ns);

#endif
