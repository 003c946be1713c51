/* SPDX-License-Identifier: Apache-2.0 */
/* See print.h: as JSON. */
#include "tools/weir/top/print.h"

#include "tools/weir/args.h"

void print_json_about(struct json_out *j, const struct look *l)
{
	json_text(j, "name", l->about.name);
	json_text(j, "state", look_state(l));
	json_u64(j, "pid", l->about.pid);
	if (l->about.dir[0] != '\0')
		json_text(j, "dir", l->about.dir);
	else
		json_null(j, "dir");
	json_text(j, "version", l->about.version);
	json_u64(j, "opened_ns", l->about.opened_ns);
	json_u64(j, "told_ns", l->about.told_ns);
	json_u64(j, "age_ns", l->about.age_ns);
}

void print_json_lag(struct json_out *j, const struct look *l, const struct look_row *s)
{
	json_text(j, "name", s->name);
	json_u64(j, "lag_events", s->values[SUBSCRIPTION_EVENTS]);
	json_u64(j, "lag_bytes", s->values[SUBSCRIPTION_BYTES]);
	json_u64(j, "lag_time_ns", look_lag_ns(l, s));
	if (look_drain_ns(l, s) != UINT64_MAX)
		json_u64(j, "drain_ns", look_drain_ns(l, s));
	else
		json_null(j, "drain_ns");
	json_bool(j, "exact", s->values[SUBSCRIPTION_EXACT] != 0);
	json_bool(j, "time_exact", s->values[SUBSCRIPTION_TIME_EXACT] != 0);
	json_u64(j, "members", s->values[SUBSCRIPTION_MEMBERS]);
	json_u64(j, "outstanding", s->values[SUBSCRIPTION_OUTSTANDING]);
	json_u64(j, "delayed", s->values[SUBSCRIPTION_DELAYED]);
	json_u64(j, "parked", s->values[SUBSCRIPTION_PARKED]);
	json_u64(j, "dead_letters", s->values[SUBSCRIPTION_DEAD_LETTERS]);
	json_u64(j, "redeliveries", s->values[SUBSCRIPTION_REDELIVERIES]);
}

static void json_numbers(struct json_out *j, const struct look *l)
{
	static const struct {
		enum look_number number;
		const char *name, *rate_name;
	} fields[] = {
		{LOOK_EPOCH, "epoch", NULL},
		{LOOK_VISIBLE, "last_sequence", NULL},
		{LOOK_DURABLE, "durable_sequence", NULL},
		{LOOK_BACKLOG, "not_durable", NULL},
		{LOOK_RECORDS, "records", "records_per_s"},
		{LOOK_BATCH_BYTES, "written_bytes", "written_bytes_per_s"},
		{LOOK_REFUSED, "refused", "refused_per_s"},
		{LOOK_HELD, "held_rounds", NULL},
		{LOOK_LOG_BYTES, "log_bytes", NULL},
		{LOOK_SEGMENTS_LIVE, "segments", NULL},
		{LOOK_SEGMENTS_SPARE, "spare_segments", NULL},
		{LOOK_FREE_BYTES, "free_bytes", NULL},
		{LOOK_MEMORY_BYTES, "memory_bytes", NULL},
		{LOOK_UNROUTED, "unroutable_events", NULL},
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		json_u64(j, fields[i].name, l->numbers[fields[i].number]);
		if (fields[i].rate_name != NULL)
			json_f64(j, fields[i].rate_name, l->rates[fields[i].number], 1);
	}
	json_bool(j, "no_room", l->numbers[LOOK_NO_ROOM] != 0);
	json_u64(j, "segments_dropped", l->numbers[LOOK_SEGMENTS_DROPPED]);
	json_bool(j, "low_space", l->numbers[LOOK_LOW_SPACE] != 0);
}

static void json_latencies(struct json_out *j, const struct look *l)
{
	json_array(j, "latencies");
	for (uint32_t i = 0; i < l->latency_count; i++) {
		const struct look_latency *y = &l->latencies[i];
		json_object(j, NULL);
		json_text(j, "name", y->name);
		json_u64(j, "count", y->count);
		json_u64(j, "p50_ns", y->p50_ns);
		json_u64(j, "p90_ns", y->p90_ns);
		json_u64(j, "p99_ns", y->p99_ns);
		json_u64(j, "p999_ns", y->p999_ns);
		json_u64(j, "max_ns", y->greatest_ns);
		json_close(j);
	}
	json_close(j);
}

static void json_topic(struct json_out *j, const struct look_row *t)
{
	json_text(j, "name", t->name);
	json_u64(j, "partitions", t->values[TOPIC_PARTITIONS]);
	json_u64(j, "events", t->values[TOPIC_EVENTS]);
	json_u64(j, "bytes", t->values[TOPIC_BYTES]);
	json_f64(j, "events_per_s", t->rate, 1);
	json_f64(j, "bytes_per_s", t->byte_rate, 1);
}

static void json_producer(struct json_out *j, const struct look_row *p)
{
	json_text(j, "producer", p->name);
	json_text(j, "name", p->of);
	json_u64(j, "ordered", p->values[PRODUCER_ORDERED]);
	json_f64(j, "ordered_per_s", p->rate, 1);
	json_f64(j, "bytes_per_s", p->byte_rate, 1);
	json_u64(j, "refused", p->values[PRODUCER_REFUSED]);
	json_u64(j, "waiting_bytes", p->values[PRODUCER_WAITING_BYTES]);
}

static void json_member(struct json_out *j, const struct look_row *m)
{
	json_text(j, "name", m->name);
	json_text(j, "subscription", m->of);
	json_u64(j, "delivered", m->values[MEMBER_DELIVERED]);
	json_u64(j, "settled", m->values[MEMBER_SETTLED]);
	json_f64(j, "settled_per_s", m->rate, 1);
	json_u64(j, "idle_ns", m->values[MEMBER_IDLE_NS]);
	json_bool(j, "session_over", m->values[MEMBER_SESSION_OVER] != 0);
	json_bool(j, "reads_disk", m->values[MEMBER_READS_DISK] != 0);
}

static void json_thread(struct json_out *j, const struct look_row *t)
{
	json_text(j, "name", t->name);
	json_f64(j, "cpu_share", t->rate / 1e9, 3);
	json_f64(j, "parks_per_s", t->byte_rate, 1);
	if (t->values[THREAD_LAST_CPU] > 0)
		json_u64(j, "last_cpu", t->values[THREAD_LAST_CPU] - 1);
	else
		json_null(j, "last_cpu");
}

static void json_stage(struct json_out *j, const struct look_row *s)
{
	json_text(j, "name", s->name);
	json_u64(j, "workers", s->values[STAGE_WORKERS]);
	json_u64(j, "workers_ended", s->values[STAGE_ENDED]);
	json_u64(j, "calls", s->values[STAGE_CALLS]);
	json_u64(j, "items", s->values[STAGE_ITEMS]);
	json_u64(j, "pushed", s->values[STAGE_PUSHED]);
	json_u64(j, "dropped", s->values[STAGE_DROPPED]);
	json_u64(j, "refused", s->values[STAGE_REFUSED]);
	json_f64(j, "items_per_s", s->rate, 1);
	json_f64(j, "pushed_per_s", s->byte_rate, 1);
}

static void json_alert(struct json_out *j, const struct look_row *a)
{
	json_text(j, "rule", a->name);
	json_text(j, "kind", a->also);
	json_text(j, "subscription", a->is_of_bridge ? "" : a->of);
	json_text(j, "bridge", a->is_of_bridge ? a->of : "");
	json_bool(j, "firing", a->values[ALERT_FIRING] != 0);
	json_u64(j, "raised", a->values[ALERT_RAISED]);
	json_u64(j, "value", a->values[ALERT_VALUE]);
	json_u64(j, "raise_at", a->values[ALERT_RAISE_AT]);
	json_u64(j, "clear_at", a->values[ALERT_CLEAR_AT]);
	json_u64(j, "changed_ns", a->values[ALERT_CHANGED_NS]);
}

static void json_bridge(struct json_out *j, const struct look *l, const struct look_row *b)
{
	static const struct {
		int value;
		const char *name;
	} fields[] = {
		{BRIDGE_STATE_NS, "state_ns"},
		{BRIDGE_DOWN_NS, "down_ns"},
		{BRIDGE_IDLE_NS, "idle_ns"},
		{BRIDGE_EVENTS, "events"},
		{BRIDGE_BYTES, "bytes"},
		{BRIDGE_REPEATS, "repeats"},
		{BRIDGE_DEAD_LETTERS, "dead_letters"},
		{BRIDGE_CONNECTIONS, "connections"},
		{BRIDGE_RETRIES, "retries"},
		{BRIDGE_FAILURES, "failures"},
		{BRIDGE_ATTEMPTS, "attempts"},
		{BRIDGE_LAG_EVENTS, "lag_events"},
		{BRIDGE_LAG_NS, "lag_time_ns"},
	};
	const struct look_row *e = look_find(l, LOOK_BRIDGE_ERROR, b->name);

	json_text(j, "name", b->name);
	json_text(j, "system", b->more);
	json_text(j, "direction", b->also);
	if (b->of[0] != '\0')
		json_text(j, "subscription", b->of);
	else
		json_null(j, "subscription");
	json_text(j, "state", look_bridge_state(l, b));
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		json_u64(j, fields[i].name, b->values[fields[i].value]);
	json_f64(j, "events_per_s", b->rate, 1);
	json_f64(j, "bytes_per_s", b->byte_rate, 1);
	if (e == NULL) {
		json_null(j, "error");
		return;
	}
	json_object(j, "error");
	json_u64(j, "times", e->values[BRIDGE_ERROR_TIMES]);
	json_u64(j, "first_ns", e->values[BRIDGE_ERROR_FIRST_NS]);
	json_u64(j, "last_ns", e->values[BRIDGE_ERROR_LAST_NS]);
	json_text(j, "text", e->of);
	json_close(j);
}

static void json_bridges(struct json_out *j, const struct look *l)
{
	json_array(j, "bridges");
	for (uint32_t i = 0; i < l->tables[LOOK_BRIDGE].count; i++) {
		json_object(j, NULL);
		json_bridge(j, l, &l->tables[LOOK_BRIDGE].rows[i]);
		json_close(j);
	}
	json_close(j);
}

static void json_subscriptions(struct json_out *j, const struct look *l)
{
	json_array(j, "subscriptions");
	for (uint32_t i = 0; i < l->tables[LOOK_SUBSCRIPTION].count; i++) {
		const struct look_row *s = &l->tables[LOOK_SUBSCRIPTION].rows[i];
		json_object(j, NULL);
		print_json_lag(j, l, s);
		json_u64(j, "settled", s->values[SUBSCRIPTION_SETTLED]);
		json_f64(j, "settled_per_s", s->rate, 1);
		json_close(j);
	}
	json_close(j);
}

void print_json_pipeline(struct json_out *j, const struct look *l)
{
	static const struct {
		enum look_kind kind;
		const char *name;
		void (*print)(struct json_out *j, const struct look_row *row);
	} tables[] = {
		{LOOK_TOPIC, "topics", json_topic},    {LOOK_PRODUCER, "producers", json_producer},
		{LOOK_MEMBER, "members", json_member}, {LOOK_THREAD, "threads", json_thread},
		{LOOK_STAGE, "stages", json_stage},    {LOOK_ALERT, "alerts", json_alert},
	};

	json_object(j, NULL);
	print_json_about(j, l);
	json_numbers(j, l);
	json_latencies(j, l);
	json_subscriptions(j, l);
	json_bridges(j, l);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		const struct look_table *t = &l->tables[tables[i].kind];
		json_array(j, tables[i].name);
		for (uint32_t row = 0; row < t->count; row++) {
			json_object(j, NULL);
			tables[i].print(j, &t->rows[row]);
			json_close(j);
		}
		json_close(j);
	}
	json_array(j, "errors");
	for (uint32_t i = 0; i < l->error_count; i++) {
		json_object(j, NULL);
		json_i64(j, "code", l->errors[i].code);
		json_u64(j, "count", l->errors[i].count);
		json_u64(j, "first_ns", l->errors[i].first_ns);
		json_u64(j, "last_ns", l->errors[i].last_ns);
		json_text(j, "text", l->errors[i].text);
		json_close(j);
	}
	json_close(j);
	json_close(j);
}

int print_json_all(const struct find *f)
{
	struct json_out j;

	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	json_array(&j, "pipelines");
	for (uint32_t i = 0; i < f->count; i++)
		print_json_pipeline(&j, f->looks[i]);
	json_close(&j);
	json_close(&j);
	return json_end(&j) < 0 ? CLI_EXIT_IO : CLI_EXIT_OK;
}
