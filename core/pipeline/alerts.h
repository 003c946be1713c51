/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alerts of a pipeline (weir/alerts.h): which number a rule looks at, and who is told.
 * alert_state.h decides.
 *
 * Two judges have the rules between them, each its own rules, what became of them, and places in
 * the metrics: the group step, behind its metrics; and the watch, whose rules are of steps that
 * stand still. That is a thread of its own where the options have such a rule, so that it tells of
 * a group step that does not come back; else the group step sees to those, too. Between them is the
 * callback alone (AL1).
 *
 *   alerts.c           the rules, and a look at each
 *   alerts_numbers.c   the numbers
 *   alerts_tell.c      who is told
 *   alerts_change.c    other rules while it runs
 */
#ifndef WR_PIPELINE_ALERTS_H
#define WR_PIPELINE_ALERTS_H

#include "core/metrics/cells.h"
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
	/*
	 * Since the open, or it has looked before: a counter that it has not seen yet began at 0
	 * after that. Else it may have counted for long, which is no news.
	 */
	bool was_there;
};

/* A change, as it was. */
struct wr_alert_told {
	bool raised;
	uint64_t value;
	uint64_t wall_ns;
};

/* As many wait for room; behind them raised and over cancel out: the state of the end is told. */
#define WR_ALERT_UNTOLD 16u

/* Whose number it was: names, "" where it is of none. */
struct wr_alert_whose {
	const char *subscription;
	const char *bridge;
};

/* A rule for one subscription, one bridge, or of the pipeline. */
struct wr_alert {
	struct wr_alert_state state;
	bool called_raised; /* what options.alert_fn knows */
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

/* As many rules of what stands still, at the first places of the metrics. */
#define WR_WATCHED_RULES_MAX 8u

struct wr_alert_judge {
	struct wr_alert_set now;
	struct wr_alert_set other; /* empty: the next ones are made there */
	/* Under the lock of the metrics: those that weir_pipeline_alerts_set() brought. */
	struct wr_alert_rule *next; /* room for WEIR_ALERTS_MAX */
	uint32_t next_count;
	bool has_next;
	bool is_watch;
	bool told_no_topic;
	uint64_t no_topic_ns;     /* when alert_topic was missed first; 0: it was not */
	struct wr_metrics *cells; /* a view of the file that no other thread has */
	uint32_t first_slot;
};

struct wr_alerts {
	struct wr_alert_judge group, watch;
	struct wr_metrics watch_cells;
	uint32_t instances_max;
	wr_atomic_u32 calling; /* AL1: 1: somebody is in options.alert_fn */
	/* The watch's. When what should move has moved last. */
	uint64_t taken_rounds, taken_ns;
	uint64_t durable_seq, durable_ns;
	uint64_t group_round, group_ns;
	uint64_t looked_ns;
	uint64_t stuck_ns; /* for how long nothing moves that should */
	uint64_t watch_due_ns;
	bool looked;           /* before that nothing stands still */
	bool has_watch_thread; /* set before there are threads */
};

/* Whether the options' rules can be: -EINVAL, and which one cannot. */
int wr_alerts_check(const struct weir_options *options, struct weir_problem *problem);
/* Places in the metrics; bytes of everything. */
uint64_t wr_alerts_count(const struct weir_options *options);
uint64_t wr_alerts_bytes(const struct weir_options *options);
/* `block` has wr_alerts_bytes(), zeroed; the cells are there. */
void wr_alerts_init(struct wr_alerts *a, struct wr_metrics *cells,
		    const struct weir_options *options, uint8_t *block);
/* Do the options have a rule that wants a thread of its own? */
bool wr_alerts_want_watch(const struct weir_options *options);
/* Every round of metrics: the group step's. */
void wr_alerts_step(struct weir_pipeline *p, uint64_t now_ns);
/* As often: the watch's. */
void wr_alerts_watch(struct weir_pipeline *p, uint64_t now_ns);

/* alerts_numbers.c. False: it is not known now, or there is no such number. */
bool wr_alert_number(struct weir_pipeline *p, struct wr_alert *alert,
		     const struct wr_alert_marks *marks, uint32_t id, uint64_t now_ns,
		     uint64_t *ret_value);
uint64_t wr_alert_bridge_number(struct wr_alert *alert, enum weir_alert_kind kind,
				const struct wr_bridge_told *told, uint64_t now_ns);
/* Sets stuck_ns. */
void wr_alerts_look_at_steps(struct weir_pipeline *p, uint64_t now_ns);

/* alerts_tell.c. Of a change, and what could not be told before; the metrics each time. */
void wr_alert_tell(struct weir_pipeline *p, struct wr_alert_judge *j,
		   const struct wr_alert_rule *rule, uint32_t index,
		   const struct wr_alert_whose *whose, bool changed, uint64_t now_ns);
/* It is in the metrics no more: another one may have its place. */
void wr_alert_hide(struct wr_alert_judge *j, uint32_t index);
/* Once, at the open: a view for each judge, whose places do not meet. */
void wr_alerts_share_places(struct wr_alerts *a, struct wr_metrics *cells);
/* Around a call of options.alert_fn, and so around wr_alerts_end_one(). False: it is the other
 * judge's now (AL1). */
bool wr_alerts_take_callback(struct wr_alerts *a);
void wr_alerts_give_callback(struct wr_alerts *a);
/* A number's rule is gone: what was raised is over, and who wants to know is told. */
void wr_alerts_end_one(struct weir_pipeline *p, struct wr_alert_judge *j,
		       const struct wr_alert_rule *rule, struct wr_alert *alert,
		       const char *subscription, uint64_t now_ns);

/* alerts_change.c: the judge's rules that weir_pipeline_alerts_set() brought, if there are. */
void wr_alerts_take_next(struct weir_pipeline *p, struct wr_alert_judge *j, uint64_t now_ns);
/* What alerts_change.c has of alerts.c. */
bool wr_alert_is_of_subscription(enum weir_alert_kind kind);
int wr_alerts_check_rules(const struct weir_options *options, const struct weir_alert_rule *rules,
			  uint32_t count, struct weir_problem *problem);
uint64_t wr_alerts_needed(const struct weir_options *options, const struct weir_alert_rule *rules,
			  uint32_t count);
/* Copies those of one judge to `to`, with places for their instances. How many they are. */
uint32_t wr_alerts_copy(const struct weir_options *options, const struct weir_alert_rule *rules,
			uint32_t count, bool watched, struct wr_alert_rule *to);

#endif
