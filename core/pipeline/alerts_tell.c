/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of an alert: a line, an event, the callback, the metrics. */
#include <stdio.h>
#include <string.h>

#include "core/pipeline/alerts.h"
#include "core/pipeline/measure.h"
#include "core/pipeline/metrics.h"

/* JSON of names that need no escapes and of seven numbers. */
#define EVENT_BYTES 1024u
/* A program makes its topics when the pipeline is open, and is judged from the beginning. */
#define TOPIC_WAIT_NS 60000000000u

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
	[WEIR_ALERT_IDLE_AGE] = "idle_age",
	[WEIR_ALERT_BRIDGE_STUCK_AGE] = "bridge_stuck_age",
};

/* Where the number is shown: its unit is the metrics'. */
static enum wr_metrics_scope_id scope_of(enum weir_alert_kind kind)
{
	switch (kind) {
	case WEIR_ALERT_LAG_BYTES:
	case WEIR_ALERT_FREE_BYTES:
		return WR_SCOPE_ALERT_BYTES;
	case WEIR_ALERT_LAG_AGE:
	case WEIR_ALERT_LEASE_AGE:
	case WEIR_ALERT_STUCK_AGE:
	case WEIR_ALERT_BRIDGE_DOWN:
	case WEIR_ALERT_IDLE_AGE:
	case WEIR_ALERT_BRIDGE_STUCK_AGE:
		return WR_SCOPE_ALERT_AGE;
	case WEIR_ALERT_LAG_EVENTS:
	case WEIR_ALERT_PARKED:
	case WEIR_ALERT_DEAD_LETTERS:
	case WEIR_ALERT_BRIDGE_DEAD_LETTERS:
		break;
	}
	return WR_SCOPE_ALERT_EVENTS;
}

/* A name in quotes, or null: it needs no escapes. */
static const char *json_name(char to[WR_NAME_BYTES_MAX + 3], const char *name)
{
	if (name[0] == '\0')
		return "null";
	(void)snprintf(to, WR_NAME_BYTES_MAX + 3, "\"%s\"", name);
	return to;
}

/* Whether it may still come. If not, that is said once. */
static bool is_topic_awaited(struct weir_pipeline *p, struct wr_alert_judge *j, uint64_t now_ns)
{
	if (j->no_topic_ns == 0)
		j->no_topic_ns = now_ns;
	if (now_ns - j->no_topic_ns < TOPIC_WAIT_NS)
		return true;
	if (!j->told_no_topic)
		wr_pipeline_say_error(p, WR_EVENT_ALERT_UNPUBLISHED, WEIR_E_UNKNOWN_NAME,
				      "there is no topic for alerts of the name that alert_topic "
				      "has: make it");
	j->told_no_topic = true;
	return false;
}

/* As an event of its topic, by a buffer of the shared lane: this step waits for nobody. */
static bool publish(struct weir_pipeline *p, struct wr_alert_judge *j,
		    const struct wr_alert_rule *rule, const struct wr_alert_told *told,
		    const struct wr_alert_whose *whose, uint64_t now_ns)
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
	if (!wr_catalog_find_topic(&p->tables.catalog, topic, strlen(topic), &event.topic))
		return !is_topic_awaited(p, j, now_ns);
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
	if (scope_of(kind) == WR_SCOPE_ALERT_AGE)
		(void)snprintf(to, 32, "%llu.%03llu s", (unsigned long long)(number / 1000000000),
			       (unsigned long long)(number / 1000000 % 1000));
	else
		(void)snprintf(to, 32, "%llu", (unsigned long long)number);
	return to;
}

/*
 * options.alert_fn is one caller's at a time, and may stand still: the other judge goes on
 * meanwhile, and calls when it is free, with what is true by then.
 */
bool wr_alerts_take_callback(struct wr_alerts *a)
{
	uint32_t nobody = 0;
	return wr_cas_acq_rel(&a->calling, &nobody, 1u); /* AL1 */
}

void wr_alerts_give_callback(struct wr_alerts *a)
{
	wr_store_release(&a->calling, 0u); /* AL1 */
}

static void call(struct weir_pipeline *p, const struct wr_alert_rule *rule, struct wr_alert *alert,
		 const struct wr_alert_whose *whose)
{
	const struct weir_options *o = &p->options;
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

	alert->called_raised = told.raised;
	if (o->alert_fn != NULL)
		o->alert_fn(o->alert_context, &told);
}

static void say(struct weir_pipeline *p, const struct wr_alert_rule *rule,
		const struct wr_alert *alert, const struct wr_alert_whose *whose)
{
	const struct wr_alert_state *s = &alert->state;
	const char *of = whose->bridge[0] != '\0' ? whose->bridge : whose->subscription;
	const char *kind = kind_names[rule->marks.kind];
	char number[32];

	wr_pipeline_say_at_open(
		p, s->raised ? WR_EVENT_ALERT_RAISED : WR_EVENT_ALERT_CLEARED,
		WR_FIELDS(wr_field_text("rule", rule->name), wr_field_text("kind", kind),
			  wr_field_text("subscription", whose->subscription[0] != '\0'
								? whose->subscription
								: NULL),
			  wr_field_text("bridge", whose->bridge[0] != '\0' ? whose->bridge : NULL),
			  wr_field_u64("value", s->value),
			  wr_field_u64("raise_at", rule->marks.raise_at),
			  wr_field_u64("clear_at", rule->marks.clear_at)),
		"alert %s%s%s is %s: %s is %s", rule->name, of[0] != '\0' ? " of " : "", of,
		s->raised ? "raised" : "over", kind,
		number_text(number, rule->marks.kind, s->value));
}

static const struct {
	enum wr_metric_id value, raise_at, clear_at;
} numbers[WR_SCOPES] = {
	[WR_SCOPE_ALERT_EVENTS] = {WR_METRIC_ALERT_EVENTS_VALUE, WR_METRIC_ALERT_EVENTS_RAISE_AT,
				   WR_METRIC_ALERT_EVENTS_CLEAR_AT},
	[WR_SCOPE_ALERT_BYTES] = {WR_METRIC_ALERT_BYTES_VALUE, WR_METRIC_ALERT_BYTES_RAISE_AT,
				  WR_METRIC_ALERT_BYTES_CLEAR_AT},
	[WR_SCOPE_ALERT_AGE] = {WR_METRIC_ALERT_AGE_VALUE, WR_METRIC_ALERT_AGE_RAISE_AT,
				WR_METRIC_ALERT_AGE_CLEAR_AT},
};

static void show(struct wr_alert_judge *j, const struct wr_alert_rule *rule, uint32_t index,
		 const struct wr_alert_whose *whose, uint64_t now_ns)
{
	const struct wr_alert *alert = &j->now.alerts[index];
	enum wr_metrics_scope_id scope = scope_of(rule->marks.kind);
	const struct wr_alert_state *s = &alert->state;
	const char *labels[] = {rule->name, kind_names[rule->marks.kind], whose->subscription,
				whose->bridge};
	uint32_t place = j->first_slot + index;
	wr_atomic_u64 *slot = wr_metrics_begin(j->cells, WR_SCOPE_ALERT, place, labels, false);

	if (slot == NULL)
		return;
	wr_metrics_put(j->cells, slot, WR_METRIC_ALERT_FIRING, s->raised);
	wr_metrics_put(j->cells, slot, WR_METRIC_ALERT_RAISED, s->raised_count);
	wr_metrics_put(j->cells, slot, WR_METRIC_ALERT_CHANGED,
		       s->since_ns != 0 ? now_ns - s->since_ns : 0);
	wr_metrics_end(slot);
	slot = wr_metrics_begin(j->cells, scope, place, labels, false); /* there are as many */
	wr_metrics_put(j->cells, slot, numbers[scope].value, s->value);
	wr_metrics_put(j->cells, slot, numbers[scope].raise_at, rule->marks.raise_at);
	wr_metrics_put(j->cells, slot, numbers[scope].clear_at, rule->marks.clear_at);
	wr_metrics_end(slot);
}

void wr_alert_hide(struct wr_alert_judge *j, uint32_t index)
{
	for (enum wr_metrics_scope_id scope = WR_SCOPE_ALERT; scope <= WR_SCOPE_ALERT_AGE; scope++)
		wr_metrics_drop(j->cells, scope, j->first_slot + index);
}

void wr_alerts_share_places(struct wr_alerts *a, struct wr_metrics *cells)
{
	const char *labels[] = {"", "", "", ""};

	for (enum wr_metrics_scope_id scope = WR_SCOPE_ALERT; scope <= WR_SCOPE_ALERT_AGE;
	     scope++) {
		wr_atomic_u64 *last =
			wr_metrics_begin(cells, scope, WR_WATCHED_RULES_MAX - 1, labels, true);
		if (last == NULL)
			return;
		wr_metrics_end(last);
		wr_metrics_drop(cells, scope, WR_WATCHED_RULES_MAX - 1);
	}
	a->watch_cells = *cells;
	a->watch_cells.generations = UINT64_C(1) << 62; /* no number of the others' */
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
			"had no room for long, or it has no topic");
	}
	alert->untold[alert->untold_count++] =
		(struct wr_alert_told){.raised = alert->state.raised,
				       .value = alert->state.value,
				       .wall_ns = wr_clock_wall_ns(p->host.clock)};
}

static void publish_untold(struct weir_pipeline *p, struct wr_alert_judge *j,
			   const struct wr_alert_rule *rule, struct wr_alert *alert,
			   const struct wr_alert_whose *whose, uint64_t now_ns)
{
	uint32_t done = 0;

	while (done < alert->untold_count &&
	       publish(p, j, rule, &alert->untold[done], whose, now_ns))
		done++;
	alert->untold_count -= done;
	if (done > 0)
		memmove(alert->untold, alert->untold + done,
			alert->untold_count * sizeof alert->untold[0]);
}

static void note_change(struct weir_pipeline *p, const struct wr_alert_rule *rule,
			struct wr_alert *alert, const struct wr_alert_whose *whose)
{
	say(p, rule, alert, whose);
	if (p->metrics->alert_topic[0] != '\0')
		put_off(p, alert);
}

void wr_alert_tell(struct weir_pipeline *p, struct wr_alert_judge *j,
		   const struct wr_alert_rule *rule, uint32_t index,
		   const struct wr_alert_whose *whose, bool changed, uint64_t now_ns)
{
	struct wr_alerts *a = &p->metrics->alerts;
	struct wr_alert *alert = &j->now.alerts[index];

	if (changed)
		note_change(p, rule, alert, whose);
	publish_untold(p, j, rule, alert, whose, now_ns);
	show(j, rule, index, whose, now_ns);
	/* Last: it may stand still, and the others are told by then. */
	if (alert->called_raised != alert->state.raised && wr_alerts_take_callback(a)) {
		call(p, rule, alert, whose);
		wr_alerts_give_callback(a);
	}
}

void wr_alerts_end_one(struct weir_pipeline *p, struct wr_alert_judge *j,
		       const struct wr_alert_rule *rule, struct wr_alert *alert,
		       const char *subscription, uint64_t now_ns)
{
	const struct wr_alert_whose whose = {.subscription = subscription, .bridge = alert->bridge};
	uint64_t value = alert->state.value;

	if (alert->state.raised) {
		wr_alert_end(&alert->state, now_ns);
		alert->state.value = value; /* as it is: nobody says that it came back */
		note_change(p, rule, alert, &whose);
	}
	if (alert->called_raised)
		call(p, rule, alert, &whose);
	publish_untold(p, j, rule, alert, &whose, now_ns);
	if (alert->untold_count > 0)
		wr_pipeline_say_error(p, WR_EVENT_ALERT_UNPUBLISHED, WEIR_E_FULL,
				      "the end of an alert whose rule is gone has no event: its "
				      "topic's log had no room, or it has no topic");
}
