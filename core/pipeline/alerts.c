/* SPDX-License-Identifier: Apache-2.0 */
/* The rules, whose they are, and each look at them. */
#include "core/pipeline/alerts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/pipeline/metrics.h"

#define HOLD_NS_MAX (3600ull * 1000000000u)

static bool is_of_pipeline(enum weir_alert_kind kind)
{
	return kind == WEIR_ALERT_FREE_BYTES || kind == WEIR_ALERT_STUCK_AGE;
}

static bool is_of_bridge(enum weir_alert_kind kind)
{
	return kind == WEIR_ALERT_BRIDGE_DOWN || kind == WEIR_ALERT_BRIDGE_DEAD_LETTERS ||
	       kind == WEIR_ALERT_BRIDGE_STUCK_AGE;
}

bool wr_alert_is_of_subscription(enum weir_alert_kind kind)
{
	return !is_of_pipeline(kind) && !is_of_bridge(kind);
}

/* Such a rule is judged where the others' judge may be what stands still. */
static bool is_watched(enum weir_alert_kind kind)
{
	return kind == WEIR_ALERT_STUCK_AGE;
}

/* ---- the rules ---- */

/* NULL: whose number it looks at can be. */
static const char *fault_of_whose(const struct weir_alert_rule *r)
{
	bool of_pipeline = is_of_pipeline(r->kind), of_bridge = is_of_bridge(r->kind);

	if (r->subscription != NULL && of_pipeline)
		return "its kind is of the pipeline, and not of a subscription";
	if (r->subscription != NULL && of_bridge)
		return "its kind is of a bridge, and not of a subscription";
	if (r->bridge != NULL && !of_bridge)
		return "its kind is not of a bridge";
	if (r->subscription != NULL && !wr_name_valid(r->subscription, strlen(r->subscription)))
		return "its subscription is no name";
	if (r->bridge != NULL && (!wr_name_valid(r->bridge, strlen(r->bridge)) ||
				  strlen(r->bridge) >= WR_BRIDGE_NAME_ROOM))
		return "its bridge is no name";
	return NULL;
}

static const char *fault_of(const struct weir_options *o, const struct weir_alert_rule *r)
{
	if (r->name == NULL || !wr_name_valid(r->name, strlen(r->name)) ||
	    strlen(r->name) >= WEIR_ALERT_NAME_BYTES)
		return "a name is 1 to 63 of letters, digits, '.', '_' and '-'";
	if ((unsigned)r->kind < WEIR_ALERT_LAG_EVENTS ||
	    (unsigned)r->kind > WEIR_ALERT_BRIDGE_STUCK_AGE)
		return "not a kind of alert";
	const char *fault = fault_of_whose(r);
	if (fault != NULL)
		return fault;
	if (r->kind == WEIR_ALERT_FREE_BYTES && o->dir == NULL)
		return "free space is a journal's, and this pipeline has none";
	if (r->kind == WEIR_ALERT_FREE_BYTES ? r->clear_at <= r->raise_at
					     : r->clear_at >= r->raise_at)
		return r->kind == WEIR_ALERT_FREE_BYTES
			       ? "clear_at is more than raise_at, which free space falls below"
			       : "clear_at is less than raise_at";
	return r->hold_ns > HOLD_NS_MAX ? "hold_ns is an hour at most" : NULL;
}

int wr_alerts_check_rules(const struct weir_options *o, const struct weir_alert_rule *rules,
			  uint32_t count, struct weir_problem *problem)
{
	char text[sizeof problem->text];
	uint32_t watched = 0;

	if (count > WEIR_ALERTS_MAX || (count > 0 && rules == NULL))
		return wr_problem_set(problem, -EINVAL, "alert_count", "64 rules at most");
#ifdef WR_NO_METRICS
	if (count > 0)
		return wr_problem_set(problem, -EINVAL, "alerts",
				      "this weir is built without metrics, which alerts look at");
#endif
	for (uint32_t i = 0; i < count; i++) {
		const char *fault = fault_of(o, &rules[i]);
		watched += fault == NULL && is_watched(rules[i].kind);
		if (watched > WR_WATCHED_RULES_MAX)
			fault = "8 rules of stuck_age at most: they all look at one number";
		for (uint32_t k = 0; fault == NULL && k < i; k++)
			if (strcmp(rules[k].name, rules[i].name) == 0)
				fault = "another rule has this name";
		if (fault == NULL)
			continue;
		(void)snprintf(text, sizeof text, "rule %u (%.63s): %.100s", i,
			       rules[i].name != NULL ? rules[i].name : "", fault);
		return wr_problem_set(problem, -EINVAL, "alerts", text);
	}
	return 0;
}

int wr_alerts_check(const struct weir_options *o, struct weir_problem *problem)
{
	if (o->alert_topic != NULL && !wr_name_valid(o->alert_topic, strlen(o->alert_topic)))
		return wr_problem_set(problem, -EINVAL, "alert_topic", "not a topic's name");
	return wr_alerts_check_rules(o, o->alerts, o->alert_count, problem);
}

static uint32_t instances_of(const struct weir_options *o, const struct weir_alert_rule *r)
{
	if (is_of_bridge(r->kind))
		return r->bridge != NULL ? 1 : WR_BRIDGE_PLACES;
	return r->subscription != NULL || is_of_pipeline(r->kind) ? 1 : o->subscriptions_max;
}

uint64_t wr_alerts_needed(const struct weir_options *o, const struct weir_alert_rule *rules,
			  uint32_t count)
{
	uint64_t needed = 0;
	for (uint32_t i = 0; i < count; i++)
		needed += instances_of(o, &rules[i]);
	return needed;
}

static uint64_t instances_max(const struct weir_options *o)
{
	return wr_max_u64(wr_alerts_needed(o, o->alerts, o->alert_count), o->alert_instances_max);
}

uint64_t wr_alerts_count(const struct weir_options *o)
{
	uint64_t instances = instances_max(o);
	return instances != 0 ? WR_WATCHED_RULES_MAX + instances : 0;
}

#define RULES_BYTES (WEIR_ALERTS_MAX * sizeof(struct wr_alert_rule))

/* Of each judge: two sets, and the rules that are to come. */
uint64_t wr_alerts_bytes(const struct weir_options *o)
{
	return 2 * (instances_max(o) + WR_WATCHED_RULES_MAX) * sizeof(struct wr_alert) +
	       2 * 3 * RULES_BYTES;
}

uint32_t wr_alerts_copy(const struct weir_options *o, const struct weir_alert_rule *rules,
			uint32_t count, bool watched, struct wr_alert_rule *to)
{
	uint32_t first = 0, used = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct weir_alert_rule *from = &rules[i];
		if (is_watched(from->kind) != watched)
			continue;
		struct wr_alert_rule *r = &to[used++];
		r->marks = (struct wr_alert_marks){.kind = from->kind,
						   .raise_at = from->raise_at,
						   .clear_at = from->clear_at,
						   .hold_ns = from->hold_ns};
		(void)snprintf(r->name, sizeof r->name, "%s", from->name);
		(void)snprintf(r->subscription, sizeof r->subscription, "%s",
			       from->subscription != NULL ? from->subscription : "");
		(void)snprintf(r->bridge, sizeof r->bridge, "%s",
			       from->bridge != NULL ? from->bridge : "");
		r->first = first;
		r->count = instances_of(o, from);
		r->was_there = false;
		first += r->count;
	}
	return used;
}

/* Takes its part of the block; where the next one begins. */
static uint8_t *init_judge(struct wr_alert_judge *j, const struct weir_options *o,
			   uint64_t instances, uint8_t *block)
{
	struct wr_alert *alerts = (void *)block;
	struct wr_alert_rule *rules = (void *)(alerts + 2 * instances);

	j->now = (struct wr_alert_set){.rules = rules, .alerts = alerts};
	j->other = (struct wr_alert_set){.rules = rules + WEIR_ALERTS_MAX,
					 .alerts = alerts + instances};
	j->next = rules + 2 * WEIR_ALERTS_MAX;
	j->now.rule_count = wr_alerts_copy(o, o->alerts, o->alert_count, j->is_watch, rules);
	for (uint32_t i = 0; i < j->now.rule_count; i++) {
		j->now.alert_count += rules[i].count;
		rules[i].was_there = true;
	}
	return (uint8_t *)(rules + 3 * WEIR_ALERTS_MAX);
}

void wr_alerts_init(struct wr_alerts *a, struct wr_metrics *cells, const struct weir_options *o,
		    uint8_t *block)
{
	uint64_t instances = instances_max(o);

	*a = (struct wr_alerts){
		.group = {.cells = cells, .first_slot = WR_WATCHED_RULES_MAX},
		.watch = {.cells = &a->watch_cells, .is_watch = true},
		.instances_max = (uint32_t)instances,
	};
	block = init_judge(&a->group, o, instances, block);
	(void)init_judge(&a->watch, o, WR_WATCHED_RULES_MAX, block);
	wr_alerts_share_places(a, cells);
}

bool wr_alerts_want_watch(const struct weir_options *o)
{
	bool wanted = false;
	for (uint32_t i = 0; i < o->alert_count; i++)
		wanted = wanted || is_watched(o->alerts[i].kind);
	return wanted;
}

/* ---- a look ---- */

static void look(struct weir_pipeline *p, struct wr_alert_judge *j,
		 const struct wr_alert_rule *rule, uint32_t instance, uint32_t id,
		 const char *subscription, uint64_t now_ns)
{
	uint32_t index = rule->first + instance;
	struct wr_alert *alert = &j->now.alerts[index];
	const struct wr_alert_whose whose = {.subscription = subscription, .bridge = ""};
	uint64_t value = 0;
	bool changed = false;

	alert->window.begun |= rule->was_there;
	if (!wr_alert_number(p, alert, &rule->marks, id, now_ns, &value))
		wr_alert_skip(&alert->state);
	else
		changed = wr_alert_look(&alert->state, &rule->marks, value, now_ns) !=
			  WR_ALERT_NOTHING;
	wr_alert_tell(p, j, rule, index, &whose, changed, now_ns);
}

/*
 * A bridge's: an instance is of the bridge that has its place, by name. When that one is gone, or
 * another has taken its place, what was raised is over, and is told before the next one begins.
 */
static void look_at_bridge(struct weir_pipeline *p, struct wr_alert_judge *j,
			   const struct wr_alert_rule *rule, uint32_t instance,
			   const struct wr_bridge_told *told, uint64_t now_ns)
{
	uint32_t index = rule->first + instance;
	struct wr_alert *alert = &j->now.alerts[index];
	bool is_new = alert->bridge[0] == '\0';
	bool is_there = told != NULL && (is_new || strcmp(alert->bridge, told->name) == 0);
	const struct wr_alert_whose whose = {.subscription = "", .bridge = alert->bridge};

	if (!is_there && is_new)
		return;
	if (is_there && told->number != alert->bridge_number) {
		memcpy(alert->bridge, told->name, sizeof alert->bridge);
		alert->bridge_number = told->number;
		alert->window = (struct wr_alert_window){.begun = rule->was_there};
	}
	bool changed = false;
	if (is_there) {
		uint64_t value = wr_alert_bridge_number(alert, rule->marks.kind, told, now_ns);
		changed = wr_alert_look(&alert->state, &rule->marks, value, now_ns) !=
			  WR_ALERT_NOTHING;
	} else if (alert->state.raised) {
		wr_alert_end(&alert->state, now_ns);
		changed = true;
	}
	wr_alert_tell(p, j, rule, index, &whose, changed, now_ns);
	if (!is_there && alert->untold_count == 0 && !alert->called_raised) {
		memset(alert, 0, sizeof *alert);
		wr_alert_hide(j, index);
	}
}

static void look_at_subscriptions(struct weir_pipeline *p, struct wr_alert_judge *j,
				  const struct wr_alert_rule *rule, uint64_t now_ns)
{
	struct wr_catalog *catalog = &p->tables.catalog;
	uint32_t count = wr_catalog_subscription_count(catalog);
	bool is_each = rule->subscription[0] == '\0';

	for (uint32_t id = 0; id < count; id++) {
		const char *name = catalog->subscriptions[id].name;
		if ((!is_each && strcmp(rule->subscription, name) != 0) ||
		    wr_load_acquire(&p->subscriptions[id].started) == 0) /* X1 */
			continue;
		look(p, j, rule, is_each ? id : 0, id, name, now_ns);
	}
}

static void look_at_bridges(struct weir_pipeline *p, struct wr_alert_judge *j,
			    const struct wr_alert_rule *rule, uint64_t now_ns)
{
	if (rule->bridge[0] != '\0')
		look_at_bridge(p, j, rule, 0, wr_bridges_find(p, rule->bridge), now_ns);
	for (uint32_t i = 0; rule->bridge[0] == '\0' && i < WR_BRIDGE_PLACES; i++)
		look_at_bridge(p, j, rule, i, wr_bridges_at(p, i), now_ns);
}

void wr_alerts_step(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_alert_judge *j = &p->metrics->alerts.group;

	wr_alerts_take_next(p, j, now_ns);
	for (uint32_t i = 0; i < j->now.rule_count; i++) {
		struct wr_alert_rule *rule = &j->now.rules[i];
		if (is_of_bridge(rule->marks.kind))
			look_at_bridges(p, j, rule, now_ns);
		else if (is_of_pipeline(rule->marks.kind))
			look(p, j, rule, 0, 0, "", now_ns);
		else
			look_at_subscriptions(p, j, rule, now_ns);
		rule->was_there = true;
	}
	if (!p->metrics->alerts.has_watch_thread)
		wr_alerts_watch(p, now_ns);
}

void wr_alerts_watch(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_alert_judge *j = &p->metrics->alerts.watch;

	wr_alerts_take_next(p, j, now_ns);
	wr_alerts_look_at_steps(p, now_ns);
	for (uint32_t i = 0; i < j->now.rule_count; i++)
		look(p, j, &j->now.rules[i], 0, 0, "", now_ns);
}

/* ---- the step of the thread that watches ---- */

static int watch_step(void *self, uint32_t budget)
{
	struct weir_pipeline *p = self;
	struct wr_alerts *a = &p->metrics->alerts;
	uint64_t now = wr_clock_mono_ns(p->host.clock);

	(void)budget;
	if (now >= a->watch_due_ns) {
		wr_alerts_watch(p, now);
		a->watch_due_ns = now + WR_METRICS_INTERVAL_NS;
	}
	return 0; /* its clock alone wakes it */
}

static uint64_t watch_idle_ns(void *self)
{
	struct weir_pipeline *p = self;
	uint64_t now = wr_clock_mono_ns(p->host.clock), due = p->metrics->alerts.watch_due_ns;
	return due > now ? due - now : 0;
}

bool wr_pipeline_watch_step(struct weir_pipeline *p, struct wr_step *ret_step)
{
	if (p->metrics == NULL || !wr_alerts_want_watch(&p->options))
		return false;
	p->metrics->alerts.has_watch_thread = true;
	*ret_step = (struct wr_step){
		.name = "watch", .run = watch_step, .idle_ns = watch_idle_ns, .self = p};
	return true;
}
