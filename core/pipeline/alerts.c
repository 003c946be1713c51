/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pipeline/alerts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/pipeline/measure.h"
#include "core/pipeline/metrics.h"
#include "core/pipeline/sharing.h"

#define HOLD_NS_MAX (3600ull * 1000000000u)
/* JSON of names that need no escapes and of seven numbers. */
#define EVENT_BYTES 1024u

static const char *const kind_names[] = {
	[WEIR_ALERT_LAG_EVENTS] = "lag_events",
	[WEIR_ALERT_LAG_BYTES] = "lag_bytes",
	[WEIR_ALERT_LAG_AGE] = "lag_age",
	[WEIR_ALERT_PARKED] = "parked",
	[WEIR_ALERT_DEAD_LETTERS] = "dead_letters",
	[WEIR_ALERT_LEASE_AGE] = "lease_age",
	[WEIR_ALERT_FREE_BYTES] = "free_bytes",
	[WEIR_ALERT_STUCK_AGE] = "stuck_age",
	[WEIR_ALERT_BRIDGE_DOWN] = "bridge_down",
	[WEIR_ALERT_BRIDGE_DEAD_LETTERS] = "bridge_dead_letters",
};

static bool is_of_pipeline(enum weir_alert_kind kind)
{
	return kind == WEIR_ALERT_FREE_BYTES || kind == WEIR_ALERT_STUCK_AGE;
}

static bool is_of_bridge(enum weir_alert_kind kind)
{
	return kind == WEIR_ALERT_BRIDGE_DOWN || kind == WEIR_ALERT_BRIDGE_DEAD_LETTERS;
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
	    (unsigned)r->kind > WEIR_ALERT_BRIDGE_DEAD_LETTERS)
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

	if (count > WEIR_ALERTS_MAX || (count > 0 && rules == NULL))
		return wr_problem_set(problem, -EINVAL, "alert_count", "64 rules at most");
#ifdef WR_NO_METRICS
	if (count > 0)
		return wr_problem_set(problem, -EINVAL, "alerts",
				      "this weir is built without metrics, which alerts look at");
#endif
	for (uint32_t i = 0; i < count; i++) {
		const char *fault = fault_of(o, &rules[i]);
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

uint64_t wr_alerts_count(const struct weir_options *o)
{
	return wr_max_u64(wr_alerts_needed(o, o->alerts, o->alert_count), o->alert_instances_max);
}

#define RULES_BYTES (WEIR_ALERTS_MAX * sizeof(struct wr_alert_rule))

uint64_t wr_alerts_bytes(const struct weir_options *o)
{
	return 2 * wr_alerts_count(o) * sizeof(struct wr_alert) + 3 * RULES_BYTES;
}

uint32_t wr_alerts_copy(const struct weir_options *o, const struct weir_alert_rule *rules,
			uint32_t count, struct wr_alert_rule *to)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct weir_alert_rule *from = &rules[i];
		struct wr_alert_rule *r = &to[i];
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
		first += r->count;
	}
	return first;
}

void wr_alerts_init(struct wr_alerts *a, const struct weir_options *o, uint8_t *block)
{
	uint64_t instances = wr_alerts_count(o);
	struct wr_alert *alerts = (void *)block;
	struct wr_alert_rule *rules = (void *)(block + 2 * instances * sizeof *alerts);

	*a = (struct wr_alerts){
		.now = {.rules = rules, .alerts = alerts},
		.other = {.rules = rules + WEIR_ALERTS_MAX, .alerts = alerts + instances},
		.next = rules + 2 * WEIR_ALERTS_MAX,
		.instances_max = (uint32_t)instances,
	};
	a->now.rule_count = o->alert_count;
	a->now.alert_count = wr_alerts_copy(o, o->alerts, o->alert_count, rules);
}

/* ---- the numbers ---- */

static uint64_t stuck_age(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_alerts *a = &p->metrics->alerts;
	struct wr_writer_stats *stats = &p->writer.stats;
	/* A round that is held back is one: producers wait then, and the writer does not. */
	uint64_t rounds = wr_load_relaxed(&stats->rounds);
	uint64_t durable = p->journal != NULL ? wr_load_acquire(&p->link.durable_seq) /* D1 */
					      : UINT64_MAX;
	uint64_t visible = wr_writer_visible_seq(&p->writer);
	bool waits = false;

	for (uint32_t i = 0; i < p->lane_count && !waits; i++) {
		struct wr_lane *lane = &p->lanes[i];
		uint64_t head = wr_load_acquire(&lane->head);            /* A2 */
		waits = wr_load_acquire(&lane->state) == WR_LANE_OPEN && /* S1 */
			wr_load_acquire(&lane->tail) != head;            /* A1 */
	}
	if (!a->looked || !waits || rounds != a->taken_rounds)
		a->taken_ns = now_ns;
	if (!a->looked || durable >= visible || durable != a->durable_seq)
		a->durable_ns = now_ns;
	a->looked = true;
	a->taken_rounds = rounds;
	a->durable_seq = durable;
	return wr_max_u64(now_ns - a->taken_ns, now_ns - a->durable_ns);
}

/* What it gave up of its events, whatever became of them. */
static uint64_t given_up(struct wr_subscription_live *live)
{
	const struct wr_sharing *sharing = live->sharing;
	return sharing == NULL
		       ? wr_load_relaxed(&live->failures.buried)
		       : wr_load_relaxed(&sharing->buried) + wr_load_relaxed(&sharing->dropped);
}

/* False: it is not known now, or there is no such number. */
static bool number_of(struct weir_pipeline *p, struct wr_alert *alert, enum weir_alert_kind kind,
		      uint32_t id, uint64_t now_ns, uint64_t *ret_value)
{
	struct wr_sharing *sharing = p->subscriptions[id].sharing;
	struct weir_lag lag;

	switch (kind) {
	case WEIR_ALERT_LAG_EVENTS:
	case WEIR_ALERT_LAG_BYTES:
	case WEIR_ALERT_LAG_AGE:
	case WEIR_ALERT_PARKED:
		if (weir_lag(p, id, &lag) != 0 || (!lag.exact && kind != WEIR_ALERT_PARKED))
			return false;
		*ret_value = kind == WEIR_ALERT_LAG_EVENTS  ? lag.events
			     : kind == WEIR_ALERT_LAG_BYTES ? lag.bytes
			     : kind == WEIR_ALERT_LAG_AGE   ? lag.time_ns
							    : lag.parked;
		return true;
	case WEIR_ALERT_DEAD_LETTERS:
		*ret_value = wr_alert_last_minute(&alert->window, given_up(&p->subscriptions[id]),
						  now_ns);
		return true;
	case WEIR_ALERT_LEASE_AGE:
		if (sharing != NULL)
			*ret_value = wr_share_lease_age_ns(&sharing->share, now_ns);
		return sharing != NULL;
	case WEIR_ALERT_FREE_BYTES:
		*ret_value = p->metrics->free_bytes;
		return p->metrics->free_bytes != 0 || p->metrics->free_is_known;
	case WEIR_ALERT_STUCK_AGE:
		*ret_value = p->metrics->stuck_ns;
		return true;
	case WEIR_ALERT_BRIDGE_DOWN:
	case WEIR_ALERT_BRIDGE_DEAD_LETTERS:
		break; /* number_of_bridge() */
	}
	return false;
}

static uint64_t number_of_bridge(struct wr_alert *alert, enum weir_alert_kind kind,
				 const struct wr_bridge_told *told, uint64_t now_ns)
{
	if (kind == WEIR_ALERT_BRIDGE_DEAD_LETTERS)
		return wr_alert_last_minute(&alert->window, told->dead_letters, now_ns);
	return told->down_ns != 0 && now_ns > told->down_ns ? now_ns - told->down_ns : 0;
}

/* ---- telling ---- */

/* Whose number it was: names, "" where it is of none. */
struct whose {
	const char *subscription;
	const char *bridge;
};

/* A name in quotes, or null: it needs no escapes. */
static const char *json_name(char to[WR_NAME_BYTES_MAX + 3], const char *name)
{
	if (name[0] == '\0')
		return "null";
	(void)snprintf(to, WR_NAME_BYTES_MAX + 3, "\"%s\"", name);
	return to;
}

/* As an event of its topic, by a buffer of the shared lane: this step waits for nobody. */
static bool publish(struct weir_pipeline *p, const struct wr_alert_rule *rule,
		    const struct wr_alert_told *told, const struct whose *whose)
{
	const char *topic = p->metrics->alert_topic;
	char key[WEIR_ALERT_NAME_BYTES + WR_NAME_BYTES_MAX + 2], payload[EVENT_BYTES];
	char subscription[WR_NAME_BYTES_MAX + 3], bridge[WR_NAME_BYTES_MAX + 3];
	const char *name = whose->bridge[0] != '\0' ? whose->bridge : whose->subscription;
	struct weir_event event = {.key = key, .payload = payload};
	const struct wr_measure by = {.bytes_max = p->shared.buffer_bytes, .no_cause = true};
	const struct weir_event *of = &event;
	struct wr_encoding encoding;
	struct wr_caused caused;

	event.key_bytes = (size_t)snprintf(key, sizeof key, "%s%s%s", rule->name,
					   name[0] != '\0' ? "/" : "", name);
	event.payload_bytes = (size_t)snprintf(
		payload, sizeof payload,
		"{\"alert\":\"%s\",\"kind\":\"%s\",\"subscription\":%s,\"state\":\"%s\","
		"\"value\":%llu,\"raise_at\":%llu,\"clear_at\":%llu,\"time_ns\":%llu,"
		"\"bridge\":%s}",
		rule->name, kind_names[rule->marks.kind],
		json_name(subscription, whose->subscription), told->raised ? "raised" : "cleared",
		(unsigned long long)told->value, (unsigned long long)rule->marks.raise_at,
		(unsigned long long)rule->marks.clear_at, (unsigned long long)told->wall_ns,
		json_name(bridge, whose->bridge));
	if (!wr_catalog_find_topic(&p->tables.catalog, topic, strlen(topic), &event.topic)) {
		if (!p->metrics->alerts.told_no_topic)
			wr_pipeline_say_error(
				p, WR_EVENT_ALERT_UNPUBLISHED, WEIR_E_UNKNOWN_NAME,
				"there is no topic for alerts of the name that alert_topic "
				"has: make it");
		p->metrics->alerts.told_no_topic = true;
		return true;
	}
	int rc = wr_measure(p, &by, &of, &caused, &encoding);
	if (rc != 0) {
		wr_pipeline_say_error(p, WR_EVENT_ALERT_UNPUBLISHED, rc,
				      "an alert cannot be published: alert_topic refuses it");
		return true;
	}
	struct wr_shared_buffer *buffer = wr_shared_take(&p->shared);
	if (buffer == NULL)
		return false;
	memcpy(wr_encode_head(of, &encoding, NULL, buffer->bytes), payload, event.payload_bytes);
	wr_encode_tail(buffer->bytes, encoding.head.bytes);
	wr_shared_push(&p->shared, buffer, encoding.stride);
	wr_shared_leave(&p->shared, buffer);
	return true;
}

/* For a person: a time is one. */
static const char *number_text(char to[32], enum weir_alert_kind kind, uint64_t number)
{
	bool is_time = kind == WEIR_ALERT_LAG_AGE || kind == WEIR_ALERT_LEASE_AGE ||
		       kind == WEIR_ALERT_STUCK_AGE || kind == WEIR_ALERT_BRIDGE_DOWN;

	if (is_time)
		(void)snprintf(to, 32, "%llu.%03llu s", (unsigned long long)(number / 1000000000),
			       (unsigned long long)(number / 1000000 % 1000));
	else
		(void)snprintf(to, 32, "%llu", (unsigned long long)number);
	return to;
}

static void tell(struct weir_pipeline *p, const struct wr_alert_rule *rule,
		 const struct wr_alert *alert, const struct whose *whose)
{
	const struct weir_options *o = &p->options;
	char number[32];
	const struct weir_alert told = {
		.rule = rule->name,
		.kind = rule->marks.kind,
		.subscription = whose->subscription[0] != '\0' ? whose->subscription : NULL,
		.bridge = whose->bridge[0] != '\0' ? whose->bridge : NULL,
		.raised = alert->state.raised,
		.value = alert->state.value,
		.raise_at = rule->marks.raise_at,
		.clear_at = rule->marks.clear_at,
	};
	if (o->alert_fn != NULL)
		o->alert_fn(o->alert_context, &told);
	const char *of = whose->bridge[0] != '\0' ? whose->bridge : whose->subscription;
	wr_pipeline_say_at_open(p, told.raised ? WR_EVENT_ALERT_RAISED : WR_EVENT_ALERT_CLEARED,
				WR_FIELDS(wr_field_text("rule", told.rule),
					  wr_field_text("kind", kind_names[told.kind]),
					  wr_field_text("subscription", told.subscription),
					  wr_field_text("bridge", told.bridge),
					  wr_field_u64("value", told.value),
					  wr_field_u64("raise_at", told.raise_at),
					  wr_field_u64("clear_at", told.clear_at)),
				"alert %s%s%s is %s: %s is %s", told.rule,
				of[0] != '\0' ? " of " : "", of, told.raised ? "raised" : "over",
				kind_names[told.kind], number_text(number, told.kind, told.value));
}

static void put_metrics(struct weir_pipeline *p, const struct wr_alert_rule *rule, uint32_t index,
			const struct wr_alert *alert, const struct whose *whose, uint64_t now_ns)
{
	struct wr_metrics *m = &p->metrics->cells;
	const char *labels[] = {rule->name, kind_names[rule->marks.kind], whose->subscription,
				whose->bridge};
	wr_atomic_u64 *slot = wr_metrics_begin(m, WR_SCOPE_ALERT, index, labels, false);

	if (slot == NULL)
		return;
	const struct wr_alert_state *s = &alert->state;
	wr_metrics_put(m, slot, WR_METRIC_ALERT_FIRING, s->raised);
	wr_metrics_put(m, slot, WR_METRIC_ALERT_RAISED, s->raised_count);
	wr_metrics_put(m, slot, WR_METRIC_ALERT_VALUE, s->value);
	wr_metrics_put(m, slot, WR_METRIC_ALERT_RAISE_AT, rule->marks.raise_at);
	wr_metrics_put(m, slot, WR_METRIC_ALERT_CLEAR_AT, rule->marks.clear_at);
	wr_metrics_put(m, slot, WR_METRIC_ALERT_AGE, s->since_ns != 0 ? now_ns - s->since_ns : 0);
	wr_metrics_end(slot);
}

/*
 * A change waits behind those before it. Where too many do, the oldest two go: a raise and its end,
 * or an end and the raise behind it, between which the state is the same as without them.
 */
static void put_off(struct weir_pipeline *p, struct wr_alert *alert)
{
	if (alert->untold_count == WR_ALERT_UNTOLD) {
		alert->untold_count -= 2;
		memmove(alert->untold, alert->untold + 2,
			alert->untold_count * sizeof alert->untold[0]);
		wr_pipeline_say_error(
			p, WR_EVENT_ALERT_UNPUBLISHED, WEIR_E_FULL,
			"an alert was raised and over without an event: its topic's log "
			"had no room for long");
	}
	alert->untold[alert->untold_count++] =
		(struct wr_alert_told){.raised = alert->state.raised,
				       .value = alert->state.value,
				       .wall_ns = wr_clock_wall_ns(p->host.clock)};
}

static void publish_untold(struct weir_pipeline *p, const struct wr_alert_rule *rule,
			   struct wr_alert *alert, const struct whose *whose)
{
	uint32_t done = 0;

	while (done < alert->untold_count && publish(p, rule, &alert->untold[done], whose))
		done++;
	alert->untold_count -= done;
	if (done > 0)
		memmove(alert->untold, alert->untold + done,
			alert->untold_count * sizeof alert->untold[0]);
}

/* It was raised, or is over: who wants to know is told. */
static void change(struct weir_pipeline *p, const struct wr_alert_rule *rule,
		   struct wr_alert *alert, const struct whose *whose)
{
	tell(p, rule, alert, whose);
	if (p->metrics->alert_topic[0] != '\0')
		put_off(p, alert);
}

void wr_alerts_end_one(struct weir_pipeline *p, const struct wr_alert_rule *rule,
		       struct wr_alert *alert, const char *subscription, uint64_t now_ns)
{
	const struct whose whose = {.subscription = subscription, .bridge = alert->bridge};
	uint64_t value = alert->state.value;

	if (alert->state.raised) {
		wr_alert_end(&alert->state, now_ns);
		alert->state.value = value; /* as it is: nobody says that it came back */
		change(p, rule, alert, &whose);
	}
	publish_untold(p, rule, alert, &whose);
	if (alert->untold_count > 0)
		wr_pipeline_say_error(p, WR_EVENT_ALERT_UNPUBLISHED, WEIR_E_FULL,
				      "the end of an alert whose rule is gone has no event: its "
				      "topic's log had no room");
}

static void look(struct weir_pipeline *p, const struct wr_alert_rule *rule, uint32_t instance,
		 uint32_t id, const char *subscription, uint64_t now_ns)
{
	uint32_t index = rule->first + instance;
	struct wr_alert *alert = &p->metrics->alerts.now.alerts[index];
	const struct whose whose = {.subscription = subscription, .bridge = ""};
	uint64_t value = 0;

	if (!number_of(p, alert, rule->marks.kind, id, now_ns, &value))
		wr_alert_skip(&alert->state);
	else if (wr_alert_look(&alert->state, &rule->marks, value, now_ns) != WR_ALERT_NOTHING)
		change(p, rule, alert, &whose);
	publish_untold(p, rule, alert, &whose);
	put_metrics(p, rule, index, alert, &whose, now_ns);
}

/*
 * A bridge's: an instance is of the bridge that has its place, by name. When that one is gone, or
 * another has taken its place, what was raised is over, and is told before the next one begins.
 */
static void look_at_bridge(struct weir_pipeline *p, const struct wr_alert_rule *rule,
			   uint32_t instance, const struct wr_bridge_told *told, uint64_t now_ns)
{
	uint32_t index = rule->first + instance;
	struct wr_alert *alert = &p->metrics->alerts.now.alerts[index];
	bool is_new = alert->bridge[0] == '\0';
	bool is_there = told != NULL && (is_new || strcmp(alert->bridge, told->name) == 0);
	const struct whose whose = {.subscription = "", .bridge = alert->bridge};

	if (!is_there && is_new)
		return;
	if (is_there && told->number != alert->bridge_number) {
		memcpy(alert->bridge, told->name, sizeof alert->bridge);
		alert->bridge_number = told->number;
		alert->window = (struct wr_alert_window){.begun = false};
	}
	if (is_there) {
		uint64_t value = number_of_bridge(alert, rule->marks.kind, told, now_ns);
		if (wr_alert_look(&alert->state, &rule->marks, value, now_ns) != WR_ALERT_NOTHING)
			change(p, rule, alert, &whose);
	} else if (alert->state.raised) {
		wr_alert_end(&alert->state, now_ns);
		change(p, rule, alert, &whose);
	}
	publish_untold(p, rule, alert, &whose);
	put_metrics(p, rule, index, alert, &whose, now_ns);
	if (!is_there && alert->untold_count == 0) {
		memset(alert, 0, sizeof *alert);
		wr_metrics_drop(&p->metrics->cells, WR_SCOPE_ALERT, index);
	}
}

static void look_at_bridges(struct weir_pipeline *p, const struct wr_alert_rule *rule,
			    uint64_t now_ns)
{
	if (rule->bridge[0] != '\0')
		look_at_bridge(p, rule, 0, wr_bridges_find(p, rule->bridge), now_ns);
	for (uint32_t i = 0; rule->bridge[0] == '\0' && i < WR_BRIDGE_PLACES; i++)
		look_at_bridge(p, rule, i, wr_bridges_at(p, i), now_ns);
}

void wr_alerts_step(struct weir_pipeline *p, uint64_t now_ns)
{
	struct wr_alerts *a = &p->metrics->alerts;
	struct wr_catalog *catalog = &p->tables.catalog;
	uint32_t count = wr_catalog_subscription_count(catalog);

	p->metrics->stuck_ns = stuck_age(p, now_ns);
	wr_alerts_take_next(p, now_ns);
	for (uint32_t i = 0; i < a->now.rule_count; i++) {
		const struct wr_alert_rule *rule = &a->now.rules[i];
		if (is_of_bridge(rule->marks.kind)) {
			look_at_bridges(p, rule, now_ns);
			continue;
		}
		if (is_of_pipeline(rule->marks.kind)) {
			look(p, rule, 0, 0, "", now_ns);
			continue;
		}
		for (uint32_t id = 0; id < count; id++) {
			const char *name = catalog->subscriptions[id].name;
			bool is_each = rule->subscription[0] == '\0';
			if ((!is_each && strcmp(rule->subscription, name) != 0) ||
			    wr_load_acquire(&p->subscriptions[id].started) == 0) /* X1 */
				continue;
			look(p, rule, is_each ? id : 0, id, name, now_ns);
		}
	}
}
