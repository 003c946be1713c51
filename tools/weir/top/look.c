/* SPDX-License-Identifier: Apache-2.0 */
/* See look.h. */
#include "tools/weir/top/look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"

#define DRAIN_MOST_S 31536000.0 /* what would take longer than a year does not end */

/* What a kind of rows is called in the file, its labels and metrics, and which have rates. */
static const struct kind {
	const char *object;
	const char *name_label;
	const char *of_label, *also_label, *more_label;
	const char *metrics[LOOK_VALUES];
	int rate_of, byte_rate_of; /* -1: none */
} kinds[LOOK_KINDS] = {
	[LOOK_SUBSCRIPTION] =
		{.object = "subscription",
		 .name_label = "subscription",
		 .metrics = {[SUBSCRIPTION_EVENTS] = "weir_subscription_lag_events",
			     [SUBSCRIPTION_BYTES] = "weir_subscription_lag_bytes",
			     [SUBSCRIPTION_AGE_NS] = "weir_subscription_lag_seconds",
			     [SUBSCRIPTION_EXACT] = "weir_subscription_lag_exact",
			     [SUBSCRIPTION_TIME_EXACT] = "weir_subscription_lag_time_exact",
			     [SUBSCRIPTION_MEMBERS] = "weir_subscription_members",
			     [SUBSCRIPTION_SETTLED] = "weir_subscription_settled_events",
			     [SUBSCRIPTION_OUTSTANDING] = "weir_subscription_outstanding_events",
			     [SUBSCRIPTION_DELAYED] = "weir_subscription_delayed_events",
			     [SUBSCRIPTION_PARKED] = "weir_subscription_parked_events",
			     [SUBSCRIPTION_DEAD_LETTERS] = "weir_subscription_dead_letters",
			     [SUBSCRIPTION_REDELIVERIES] = "weir_subscription_redeliveries"},
		 .rate_of = SUBSCRIPTION_SETTLED,
		 .byte_rate_of = -1},
	[LOOK_TOPIC] = {.object = "topic",
			.name_label = "topic",
			.metrics = {[TOPIC_EVENTS] = "weir_topic_events",
				    [TOPIC_BYTES] = "weir_topic_bytes",
				    [TOPIC_PARTITIONS] = "weir_topic_partitions"},
			.rate_of = TOPIC_EVENTS,
			.byte_rate_of = TOPIC_BYTES},
	[LOOK_PRODUCER] = {.object = "producer",
			   .name_label = "producer",
			   .of_label = "name",
			   .metrics = {[PRODUCER_ORDERED] = "weir_producer_ordered",
				       [PRODUCER_BYTES] = "weir_producer_lane_bytes",
				       [PRODUCER_REFUSED] = "weir_producer_refused",
				       [PRODUCER_WAITING_BYTES] = "weir_producer_waiting_bytes"},
			   .rate_of = PRODUCER_ORDERED,
			   .byte_rate_of = PRODUCER_BYTES},
	[LOOK_MEMBER] = {.object = "member",
			 .name_label = "member",
			 .of_label = "subscription",
			 .metrics = {[MEMBER_IDLE_NS] = "weir_member_idle_seconds",
				     [MEMBER_DELIVERED] = "weir_member_delivered_events",
				     [MEMBER_SETTLED] = "weir_member_settled_events",
				     [MEMBER_SESSION_OVER] = "weir_member_session_over",
				     [MEMBER_READS_DISK] = "weir_member_reads_disk"},
			 .rate_of = MEMBER_SETTLED,
			 .byte_rate_of = -1},
	[LOOK_THREAD] = {.object = "thread",
			 .name_label = "thread",
			 .metrics = {[THREAD_CPU_NS] = "weir_thread_cpu_seconds",
				     [THREAD_PARKS] = "weir_thread_parks",
				     [THREAD_LAST_CPU] = "weir_thread_last_cpu"},
			 .rate_of = THREAD_CPU_NS,
			 .byte_rate_of = THREAD_PARKS},
	[LOOK_BRIDGE] = {.object = "bridge",
			 .name_label = "bridge",
			 .of_label = "subscription",
			 .also_label = "direction",
			 .more_label = "system",
			 .metrics = {[BRIDGE_STATE] = "weir_bridge_state",
				     [BRIDGE_STATE_NS] = "weir_bridge_state_seconds",
				     [BRIDGE_DOWN_NS] = "weir_bridge_down_seconds",
				     [BRIDGE_IDLE_NS] = "weir_bridge_idle_seconds",
				     [BRIDGE_EVENTS] = "weir_bridge_events",
				     [BRIDGE_BYTES] = "weir_bridge_moved_bytes",
				     [BRIDGE_REPEATS] = "weir_bridge_repeats",
				     [BRIDGE_DEAD_LETTERS] = "weir_bridge_dead_letters",
				     [BRIDGE_CONNECTIONS] = "weir_bridge_connections",
				     [BRIDGE_RETRIES] = "weir_bridge_retries",
				     [BRIDGE_FAILURES] = "weir_bridge_failures",
				     [BRIDGE_ATTEMPTS] = "weir_bridge_attempts",
				     [BRIDGE_LAG_EVENTS] = "weir_bridge_lag_events",
				     [BRIDGE_LAG_NS] = "weir_bridge_lag_seconds"},
			 .rate_of = BRIDGE_EVENTS,
			 .byte_rate_of = BRIDGE_BYTES},
	[LOOK_BRIDGE_ERROR] = {.object = "bridge_error",
			       .name_label = "bridge",
			       .of_label = "text",
			       .metrics = {[BRIDGE_ERROR_TIMES] = "weir_bridge_error_times",
					   [BRIDGE_ERROR_FIRST_NS] =
						   "weir_bridge_error_first_timestamp_seconds",
					   [BRIDGE_ERROR_LAST_NS] =
						   "weir_bridge_error_last_timestamp_seconds"},
			       .rate_of = -1,
			       .byte_rate_of = -1},
	[LOOK_STAGE] = {.object = "stage",
			.name_label = "stage",
			.metrics = {[STAGE_WORKERS] = "weir_stage_workers",
				    [STAGE_ENDED] = "weir_stage_ended_workers",
				    [STAGE_CALLS] = "weir_stage_calls",
				    [STAGE_ITEMS] = "weir_stage_items",
				    [STAGE_PUSHED] = "weir_stage_pushed_items",
				    [STAGE_DROPPED] = "weir_stage_dropped_items",
				    [STAGE_REFUSED] = "weir_stage_refused_items"},
			.rate_of = STAGE_ITEMS,
			.byte_rate_of = STAGE_PUSHED},
	[LOOK_ALERT] = {.object = "alert",
			.name_label = "rule",
			.of_label = "subscription",
			.also_label = "kind",
			.metrics = {[ALERT_FIRING] = "weir_alert_firing",
				    [ALERT_RAISED] = "weir_alert_raised",
				    [ALERT_CHANGED_NS] = "weir_alert_changed_seconds"},
			.rate_of = -1,
			.byte_rate_of = -1},
};

static const char *const number_metrics[LOOK_NUMBERS] = {
	[LOOK_EPOCH] = "weir_epoch",
	[LOOK_VISIBLE] = "weir_visible_sequence",
	[LOOK_DURABLE] = "weir_durable_sequence",
	[LOOK_BACKLOG] = "weir_durable_backlog_records",
	[LOOK_RECORDS] = "weir_records",
	[LOOK_BATCH_BYTES] = "weir_batch_written_bytes",
	[LOOK_REFUSED] = "weir_refused",
	[LOOK_HELD] = "weir_writer_held_rounds",
	[LOOK_LOG_BYTES] = "weir_log_bytes",
	[LOOK_SEGMENTS_LIVE] = "weir_live_segments",
	[LOOK_SEGMENTS_SPARE] = "weir_spare_segments",
	[LOOK_NO_ROOM] = "weir_no_room",
	[LOOK_SEGMENTS_DROPPED] = "weir_dropped_segments",
	[LOOK_LOW_SPACE] = "weir_low_space",
	[LOOK_FREE_BYTES] = "weir_free_bytes",
	[LOOK_MEMORY_BYTES] = "weir_memory_bytes",
	[LOOK_UNROUTED] = "weir_unroutable_events",
};

struct look_row *look_add(struct look_table *t)
{
	if (t->count == t->room) {
		uint32_t room = t->room == 0 ? 16 : 2 * t->room;
		struct look_row *rows = realloc(t->rows, room * sizeof *rows);
		if (rows == NULL)
			return NULL;
		t->rows = rows;
		t->room = room;
	}
	struct look_row *row = &t->rows[t->count++];
	memset(row, 0, sizeof *row);
	return row;
}

bool look_is_alive(const struct look *l)
{
	return l->about.state == WEIR_METRICS_RUNNING || l->about.state == WEIR_METRICS_SILENT;
}

uint64_t look_lag_ns(const struct look *l, const struct look_row *s)
{
	bool ages = s->values[SUBSCRIPTION_EVENTS] > 0 && l->about.state != WEIR_METRICS_RUNNING &&
		    l->about.state != WEIR_METRICS_CLOSED;

	return s->values[SUBSCRIPTION_AGE_NS] + (ages ? l->about.age_ns : 0);
}

uint64_t look_drain_ns(const struct look *l, const struct look_row *s)
{
	double events = (double)s->values[SUBSCRIPTION_EVENTS];

	if (events == 0)
		return 0;
	if (l->about.state != WEIR_METRICS_RUNNING || s->values[SUBSCRIPTION_EXACT] == 0 ||
	    s->fall * DRAIN_MOST_S < events)
		return UINT64_MAX;
	return (uint64_t)(events / s->fall * 1e9);
}

const char *look_state(const struct look *l)
{
	if (look_is_alive(l) && l->about.failed)
		return "failed";
	switch (l->about.state) {
	case WEIR_METRICS_RUNNING:
		return "running";
	case WEIR_METRICS_SILENT:
		return "silent";
	case WEIR_METRICS_CLOSED:
		return "closed";
	case WEIR_METRICS_DEAD:
		break;
	}
	return "dead";
}

const char *look_bridge_state(const struct look *l, const struct look_row *bridge)
{
	static const char *const names[] = {"connecting", "running", "paused",
					    "retrying",   "failed",  "stopped"};
	uint64_t state = bridge->values[BRIDGE_STATE];

	if (!look_is_alive(l) && l->about.state != WEIR_METRICS_CLOSED)
		return "dead";
	return state >= 1 && state <= WR_ARRAY_COUNT(names) ? names[state - 1] : "unknown";
}

bool look_bridge_is_bad(const struct look *l, const struct look_row *bridge)
{
	return (!look_is_alive(l) && l->about.state != WEIR_METRICS_CLOSED) ||
	       (bridge->values[BRIDGE_DOWN_NS] > 0 &&
		(bridge->values[BRIDGE_ATTEMPTS] > 0 ||
		 strcmp(look_bridge_state(l, bridge), "connecting") != 0));
}

const struct look_row *look_find(const struct look *l, enum look_kind kind, const char *name)
{
	const struct look_table *t = &l->tables[kind];

	for (uint32_t i = 0; i < t->count; i++)
		if (strcmp(t->rows[i].name, name) == 0)
			return &t->rows[i];
	return NULL;
}

static const char *label(const struct weir_metrics_object *o, const char *name)
{
	for (uint32_t i = 0; i < o->label_count && name != NULL; i++)
		if (strcmp(o->label_names[i], name) == 0)
			return o->label_values[i];
	return "";
}

/* A value in ns if it is a time, else as it is. */
static uint64_t value_of(const struct look *l, const struct weir_metrics_object *o,
			 const char *name)
{
	struct weir_metric m;
	int i = name == NULL ? -ENOENT : weir_metrics_find(l->metrics, name);

	if (i < 0 || weir_metrics_metric(l->metrics, (uint32_t)i, &m) != 0)
		return 0;
	uint64_t value = weir_metrics_value(l->metrics, o, (uint32_t)i);
	if (strcmp(m.unit, "seconds") == 0 && m.per_unit != 0 && m.per_unit != 1000000000)
		return (uint64_t)((double)value * 1e9 / (double)m.per_unit);
	return value;
}

static const struct look_row *row_before(const struct look *l, enum look_kind kind,
					 const struct look_row *row)
{
	const struct look_table *t = &l->before[kind];

	for (uint32_t i = 0; i < t->count; i++)
		if (t->rows[i].index == row->index && t->rows[i].generation == row->generation)
			return &t->rows[i];
	return NULL;
}

static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

/* Half of it is the time between the last two writings: it follows soon, and does not jump. */
static void follow_fall(struct look_row *row, const struct look_row *before, double seconds)
{
	double fall = ((double)before->values[SUBSCRIPTION_EVENTS] -
		       (double)row->values[SUBSCRIPTION_EVENTS]) /
		      seconds;
	bool is_first = before->history_count < 2;

	/* A seek may count anew: that is no pace. */
	if (before->values[SUBSCRIPTION_EXACT] != 0 && row->values[SUBSCRIPTION_EXACT] != 0)
		row->fall = is_first ? fall : (before->fall + fall) / 2;
}

/* `seconds` between the two writings; 0: it was not written since. */
static void follow_row(struct look *l, enum look_kind kind, struct look_row *row, double seconds)
{
	const struct look_row *before = row_before(l, kind, row);
	const struct kind *k = &kinds[kind];

	if (before != NULL) {
		row->history_count = before->history_count;
		memcpy(row->history, before->history, sizeof row->history);
		row->rate = before->rate;
		row->byte_rate = before->byte_rate;
		row->fall = before->fall;
	}
	if (!look_is_alive(l))
		row->rate = row->byte_rate = row->fall = 0;
	else if (before != NULL && seconds > 0) {
		if (k->rate_of >= 0)
			row->rate =
				rate(row->values[k->rate_of], before->values[k->rate_of], seconds);
		if (k->byte_rate_of >= 0)
			row->byte_rate = rate(row->values[k->byte_rate_of],
					      before->values[k->byte_rate_of], seconds);
		if (kind == LOOK_SUBSCRIPTION)
			follow_fall(row, before, seconds);
	}
	if (kind != LOOK_SUBSCRIPTION)
		return;
	if (row->history_count == LOOK_HISTORY)
		memmove(row->history, row->history + 1, (LOOK_HISTORY - 1) * sizeof *row->history);
	else
		row->history_count++;
	row->history[row->history_count - 1] = row->values[SUBSCRIPTION_EVENTS];
}

/* An alert's number is an object of its own, in the unit that it has, at the same place. */
static void take_alert_numbers(const struct look *l, struct look_row *row)
{
	static const struct {
		const char *object;
		const char *metrics[3];
	} units[] = {{"alert_events",
		      {"weir_alert_value_events", "weir_alert_raise_at_events",
		       "weir_alert_clear_at_events"}},
		     {"alert_bytes",
		      {"weir_alert_value_bytes", "weir_alert_raise_at_bytes",
		       "weir_alert_clear_at_bytes"}},
		     {"alert_age",
		      {"weir_alert_value_seconds", "weir_alert_raise_at_seconds",
		       "weir_alert_clear_at_seconds"}}};
	static const int values[] = {ALERT_VALUE, ALERT_RAISE_AT, ALERT_CLEAR_AT};
	struct weir_metrics_object o;

	for (uint32_t u = 0; u < WR_ARRAY_COUNT(units); u++)
		for (uint32_t at = 0; weir_metrics_next(l->metrics, units[u].object, &at, &o);)
			for (uint32_t v = 0; o.index == row->index && v < 3; v++)
				row->values[values[v]] = value_of(l, &o, units[u].metrics[v]);
}

static void take_rows(struct look *l, enum look_kind kind, double seconds)
{
	const struct kind *k = &kinds[kind];
	struct look_table old = l->before[kind];
	struct weir_metrics_object o;

	l->before[kind] = l->tables[kind];
	old.count = 0;
	l->tables[kind] = old;
	for (uint32_t at = 0; weir_metrics_next(l->metrics, k->object, &at, &o);) {
		struct look_row *row = look_add(&l->tables[kind]);
		if (row == NULL) {
			l->no_memory = true;
			return;
		}
		(void)snprintf(row->name, sizeof row->name, "%s", label(&o, k->name_label));
		(void)snprintf(row->of, sizeof row->of, "%s", label(&o, k->of_label));
		(void)snprintf(row->also, sizeof row->also, "%.23s", label(&o, k->also_label));
		(void)snprintf(row->more, sizeof row->more, "%.15s", label(&o, k->more_label));
		row->is_of_bridge = kind == LOOK_ALERT && label(&o, "bridge")[0] != '\0';
		if (row->is_of_bridge)
			(void)snprintf(row->of, sizeof row->of, "%s", label(&o, "bridge"));
		row->index = o.index;
		row->generation = o.generation;
		for (uint32_t v = 0; v < LOOK_VALUES; v++)
			row->values[v] = value_of(l, &o, k->metrics[v]);
		if (kind == LOOK_ALERT)
			take_alert_numbers(l, row);
		follow_row(l, kind, row, seconds);
	}
}

/* --- latencies -------------------------------------------------------------------------------- */

static void name_latency(struct look_latency *y, const struct weir_metric *m,
			 const struct weir_metrics_object *o)
{
	const char *name = strncmp(m->name, "weir_", 5) == 0 ? m->name + 5 : m->name;
	size_t bytes = strlen(name);

	if (bytes > 8 && strcmp(name + bytes - 8, "_seconds") == 0)
		bytes -= 8;
	int at = snprintf(y->name, sizeof y->name, "%.*s", (int)(bytes < 40 ? bytes : 40), name);
	for (uint32_t i = 0; i < o->label_count; i++)
		if (at > 0 && (size_t)at < sizeof y->name)
			at += snprintf(y->name + at, sizeof y->name - (size_t)at, " %s",
				       o->label_values[i]);
}

static uint64_t quantile(const struct weir_metric *m, const struct weir_metrics_histogram *h,
			 const struct weir_metrics_histogram *before, uint32_t ppm)
{
	double value = (double)weir_metrics_quantile(h, before, ppm);

	return (uint64_t)(value * 1e9 / (double)m->per_unit);
}

static void take_latency(struct look *l, const struct weir_metric *m, uint32_t metric,
			 const struct weir_metrics_object *o)
{
	uint32_t n = l->latency_count;
	struct look_latency *y = &l->latencies[n];
	struct weir_metrics_histogram h, before;
	uint64_t who = ((uint64_t)metric << 40) ^ ((uint64_t)o->index << 20) ^ o->generation;

	if (weir_metrics_histogram(l->metrics, o, metric, &h) != 0 || h.count == 0)
		return;
	size_t bytes = h.bucket_count * sizeof *h.buckets;
	uint64_t *copy = malloc(bytes);
	if (copy == NULL) {
		l->no_memory = true;
		return;
	}
	memcpy(copy, h.buckets, bytes);
	before = h;
	before.buckets = l->buckets[n];
	before.count = 0;
	bool is_same = l->buckets[n] != NULL && l->buckets_of[n] == who &&
		       l->bucket_counts[n] == h.bucket_count;
	for (uint32_t i = 0; is_same && i < h.bucket_count; i++)
		before.count += l->buckets[n][i];
	bool since = is_same && before.count < h.count;
	name_latency(y, m, o);
	y->count = h.count;
	y->p50_ns = quantile(m, &h, since ? &before : NULL, 500000);
	y->p90_ns = quantile(m, &h, since ? &before : NULL, 900000);
	y->p99_ns = quantile(m, &h, since ? &before : NULL, 990000);
	y->p999_ns = quantile(m, &h, since ? &before : NULL, 999000);
	y->greatest_ns = (uint64_t)((double)h.greatest * 1e9 / (double)m->per_unit);
	free(l->buckets[n]);
	l->buckets[n] = copy;
	l->buckets_of[n] = who;
	l->bucket_counts[n] = h.bucket_count;
	l->latency_count++;
}

/* Every histogram of times that the pipeline has, but those of each member. */
static void take_latencies(struct look *l)
{
	struct weir_metrics_object o;
	struct weir_metric m;

	l->latency_count = 0;
	for (uint32_t at = 0; weir_metrics_next(l->metrics, NULL, &at, &o);) {
		if (strcmp(o.kind, "member") == 0 || strcmp(o.kind, "partition") == 0)
			continue;
		for (uint32_t i = o.metric_first; i < o.metric_first + o.metric_count; i++)
			if (l->latency_count < LOOK_LATENCIES_MAX &&
			    weir_metrics_metric(l->metrics, i, &m) == 0 &&
			    m.kind == WEIR_METRIC_HISTOGRAM && strcmp(m.unit, "seconds") == 0 &&
			    m.per_unit != 0)
				take_latency(l, &m, i, &o);
	}
}

/* --- a look ----------------------------------------------------------------------------------- */

static void take_numbers(struct look *l, double seconds)
{
	struct weir_metrics_object o;
	uint32_t at = 0;

	if (!weir_metrics_next(l->metrics, "pipeline", &at, &o))
		return;
	for (uint32_t i = 0; i < LOOK_NUMBERS; i++) {
		uint64_t before = l->numbers[i];
		l->numbers[i] = value_of(l, &o, number_metrics[i]);
		if (!look_is_alive(l))
			l->rates[i] = 0;
		else if (seconds > 0)
			l->rates[i] = rate(l->numbers[i], before, seconds);
	}
	if (l->looks == 0)
		return;
	if (l->history_count == LOOK_HISTORY)
		memmove(l->history, l->history + 1, (LOOK_HISTORY - 1) * sizeof *l->history);
	else
		l->history_count++;
	l->history[l->history_count - 1] = l->rates[LOOK_RECORDS];
}

static void take_errors(struct look *l)
{
	struct weir_metrics_error e;

	l->error_count = 0;
	for (uint32_t i = 0; weir_metrics_error(l->metrics, i, &e) == 0; i++) {
		if (l->error_count == LOOK_ERRORS_MAX) {
			memmove(l->errors, l->errors + 1,
				(LOOK_ERRORS_MAX - 1) * sizeof *l->errors);
			l->error_count--;
		}
		l->errors[l->error_count++] = e;
	}
}

static void take(struct look *l)
{
	uint64_t told_ns = l->about.told_ns;
	double seconds = 0;

	(void)weir_metrics_about(l->metrics, &l->about);
	if (l->looks > 0 && l->about.told_ns > told_ns)
		seconds = (double)(l->about.told_ns - told_ns) / 1e9;
	take_numbers(l, seconds);
	for (int kind = 0; kind < LOOK_KINDS; kind++)
		take_rows(l, (enum look_kind)kind, seconds);
	take_latencies(l);
	take_errors(l);
	l->looks++;
}

int look_open(struct look *l, const char *path, struct weir_problem *reterr_problem)
{
	memset(l, 0, sizeof *l);
	int r = weir_metrics_open(path, &l->metrics, reterr_problem);
	if (r < 0)
		return r;
	take(l);
	return 0;
}

int look_again(struct look *l)
{
	int r = weir_metrics_update(l->metrics);

	if (r < 0) {
		(void)weir_metrics_about(l->metrics, &l->about);
		return r;
	}
	take(l);
	return 0;
}

void look_close(struct look *l)
{
	weir_metrics_close(l->metrics);
	for (int kind = 0; kind < LOOK_KINDS; kind++) {
		free(l->tables[kind].rows);
		free(l->before[kind].rows);
	}
	for (uint32_t i = 0; i < LOOK_LATENCIES_MAX; i++)
		free(l->buckets[i]);
	memset(l, 0, sizeof *l);
}
