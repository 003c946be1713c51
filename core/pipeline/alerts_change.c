/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other rules of alerts while the pipeline runs. Who brings them copies them to a place of their
 * own, under the lock; each judge takes its own from there at its next look: into the second of two
 * sets, with what is known of those that stay, and then the sets change
 * places. All memory is there since the open.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/pipeline/alerts.h"
#include "core/pipeline/metrics.h"

int weir_pipeline_alerts_set(struct weir_pipeline *p, const struct weir_alert_rule *rules,
			     uint32_t count, struct weir_problem *reterr_problem)
{
	char text[sizeof reterr_problem->text];
	int rc = wr_alerts_check_rules(&p->options, rules, count, reterr_problem);

	if (rc != 0)
		return rc;
	if (p->metrics == NULL)
		return wr_problem_set(reterr_problem, -ENOTSUP, "alerts",
				      "the pipeline has no metrics, which alerts look at");
	struct wr_alerts *a = &p->metrics->alerts;
	uint64_t needed = wr_alerts_needed(&p->options, rules, count);
	if (needed > a->instances_max) {
		(void)snprintf(text, sizeof text,
			       "these rules look at %llu numbers, and there is memory for %u: open "
			       "it with a larger alert_instances_max, or name subscriptions",
			       (unsigned long long)needed, a->instances_max);
		return wr_problem_set(reterr_problem, WEIR_E_FULL, "alert_instances_max", text);
	}
	wr_spinlock_lock(&p->metrics->lock);
	for (uint32_t i = 0; i < 2; i++) {
		struct wr_alert_judge *j = i == 0 ? &a->group : &a->watch;
		j->next_count = wr_alerts_copy(&p->options, rules, count, j->is_watch, j->next);
		j->has_next = true;
	}
	wr_spinlock_unlock(&p->metrics->lock);
	return 0;
}

static bool is_same(const struct wr_alert_rule *a, const struct wr_alert_rule *b)
{
	return a->marks.kind == b->marks.kind && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->subscription, b->subscription) == 0 && strcmp(a->bridge, b->bridge) == 0;
}

static const struct wr_alert_rule *find(const struct wr_alert_set *set,
					const struct wr_alert_rule *rule)
{
	for (uint32_t i = 0; i < set->rule_count; i++)
		if (is_same(&set->rules[i], rule))
			return &set->rules[i];
	return NULL;
}

/* The numbers of a rule that is gone. */
static void end_rule(struct weir_pipeline *p, struct wr_alert_judge *j,
		     const struct wr_alert_set *set, const struct wr_alert_rule *rule,
		     uint64_t now_ns)
{
	const struct wr_catalog *catalog = &p->tables.catalog;
	bool is_each =
		rule->subscription[0] == '\0' && wr_alert_is_of_subscription(rule->marks.kind);

	for (uint32_t i = 0; i < rule->count; i++) {
		struct wr_alert *alert = &set->alerts[rule->first + i];
		const char *subscription =
			is_each ? catalog->subscriptions[i].name : rule->subscription;
		if (alert->state.raised || alert->called_raised || alert->untold_count > 0)
			wr_alerts_end_one(p, j, rule, alert, subscription, now_ns);
	}
}

/* False: nobody has brought any. */
static bool fetch_next(struct weir_pipeline *p, struct wr_alert_judge *j, struct wr_alert_set *to)
{
	wr_spinlock_lock(&p->metrics->lock);
	bool has_next = j->has_next;
	if (has_next) {
		memcpy(to->rules, j->next, j->next_count * sizeof *to->rules);
		to->rule_count = j->next_count;
	}
	j->has_next = false;
	wr_spinlock_unlock(&p->metrics->lock);
	return has_next;
}

static void change_rules(struct weir_pipeline *p, struct wr_alert_judge *j, uint64_t now_ns)
{
	struct wr_alert_set before = j->now, after = j->other;

	if (!fetch_next(p, j, &after))
		return;
	after.alert_count = 0;
	for (uint32_t i = 0; i < after.rule_count; i++) {
		struct wr_alert_rule *rule = &after.rules[i];
		const struct wr_alert_rule *was = find(&before, rule);
		struct wr_alert *to = &after.alerts[rule->first];
		rule->was_there = was != NULL && was->was_there;
		if (was != NULL)
			memcpy(to, &before.alerts[was->first], rule->count * sizeof *to);
		else
			memset(to, 0, rule->count * sizeof *to);
		after.alert_count += rule->count;
	}
	for (uint32_t i = 0; i < before.rule_count; i++)
		if (find(&after, &before.rules[i]) == NULL)
			end_rule(p, j, &before, &before.rules[i], now_ns);
	/* Places have other rules' numbers now: each look fills its own anew. */
	for (uint32_t i = 0; i < before.alert_count; i++)
		wr_alert_hide(j, i);
	j->now = after;
	j->other = before;
}

void wr_alerts_take_next(struct weir_pipeline *p, struct wr_alert_judge *j, uint64_t now_ns)
{
	struct wr_alerts *a = &p->metrics->alerts;

	/* Rules that are gone are told to be over: where the callback is busy, at the next look. */
	if (!wr_alerts_take_callback(a))
		return;
	change_rules(p, j, now_ns);
	wr_alerts_give_callback(a);
}
