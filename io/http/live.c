/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /live: what the page draws, as JSON: all pipelines with all their objects and values, histograms
 * as buckets that are not empty (bound, count), errors with their texts, and the table of alerts,
 * which the page looks at: it sees what grew, since it has the answer before. It goes out object by
 * object (walk.h).
 *
 * {"pipelines":[{"name":...,"state":...,"objects":[{"kind":"topic","labels":{...},
 *  "values":{"weir_topic_events":7}}]}],"alerts":[...],"left_out":0,"metrics_dir":"",
 *  "metrics_trouble":""}
 */
#include <inttypes.h>
#include <string.h>

#include "io/http/alerts.h"
#include "io/http/walk.h"

static void text(struct wr_http_text *to, const char *name, const char *value)
{
	wr_http_text_format(to, "\"%s\":", name);
	wr_http_text_json(to, value, strlen(value));
}

static void number(struct wr_http_text *to, uint64_t n, uint64_t per_unit)
{
	if (per_unit <= 1)
		wr_http_text_format(to, "%" PRIu64, n);
	else
		/* Of a time since 1970 down to ten milliseconds. */
		wr_http_text_format(to, "%.12g", (double)n / (double)per_unit);
}

static void write_histogram(struct wr_http_text *to, const struct weir_metrics *metrics,
			    const struct weir_metrics_object *object, uint32_t index,
			    uint64_t per_unit)
{
	struct weir_metrics_histogram h;
	const char *comma = "";
	wr_http_text_say(to, "{\"buckets\":[");
	if (weir_metrics_histogram(metrics, object, index, &h) == 0)
		for (uint32_t i = 0; i < h.bucket_count; i++) {
			if (h.buckets[i] == 0)
				continue;
			wr_http_text_format(to, "%s[", comma);
			number(to, weir_metrics_bucket_end(&h, i), per_unit);
			wr_http_text_format(to, ",%" PRIu64 "]", h.buckets[i]);
			comma = ",";
		}
	wr_http_text_say(to, "]}");
}

static void write_object(struct wr_http_text *to, const struct weir_metrics *metrics,
			 const struct weir_metrics_object *object)
{
	struct weir_metric m;
	const char *comma = "";
	wr_http_text_say(to, "{");
	text(to, "kind", object->kind);
	wr_http_text_say(to, ",\"labels\":{");
	for (uint32_t i = 0; i < object->label_count; i++) {
		wr_http_text_say(to, i > 0 ? "," : "");
		text(to, object->label_names[i], object->label_values[i]);
	}
	wr_http_text_say(to, "},\"values\":{");
	for (uint32_t i = 0; i < object->metric_count; i++) {
		uint32_t index = object->metric_first + i;
		if (weir_metrics_metric(metrics, index, &m) != 0)
			continue;
		wr_http_text_format(to, "%s\"%s\":", comma, m.name);
		if (m.kind == WEIR_METRIC_HISTOGRAM)
			write_histogram(to, metrics, object, index, m.per_unit);
		else
			number(to, weir_metrics_value(metrics, object, index), m.per_unit);
		comma = ",";
	}
	wr_http_text_say(to, "}}");
}

static void write_errors(struct wr_http_text *to, const struct weir_metrics *metrics)
{
	struct weir_metrics_error e;
	for (uint32_t i = 0; weir_metrics_error(metrics, i, &e) == 0; i++) {
		wr_http_text_say(to, i > 0 ? ",{" : "{");
		text(to, "code", e.code != 0 ? weir_error_name(e.code) : "");
		wr_http_text_format(to,
				    ",\"count\":%" PRIu64 ",\"first_ms\":%" PRIu64
				    ",\"last_ms\":%" PRIu64 ",",
				    e.count, e.first_ns / 1000000, e.last_ns / 1000000);
		text(to, "text", e.text);
		wr_http_text_say(to, "}");
	}
}

/* Partitions are many, and the page draws none. */
static bool is_drawn(const char *kind)
{
	return strcmp(kind, "partition") != 0 && strcmp(kind, "subscription_partition") != 0;
}

static void begin_pipeline(struct wr_http_text *to, const struct wr_http_pipeline *one)
{
	wr_http_text_say(to, "{");
	text(to, "name", one->label);
	wr_http_text_say(to, ",");
	text(to, "journal", one->about.dir);
	wr_http_text_say(to, ",");
	text(to, "version", one->about.version);
	wr_http_text_say(to, ",");
	text(to, "state", wr_http_state_name(one->about.state));
	wr_http_text_format(to,
			    ",\"pid\":%" PRIu64 ",\"failed\":%s,\"opened_ms\":%" PRIu64
			    ",\"told_ms\":%" PRIu64 ",\"rounds\":%" PRIu64 ",\"left_out\":%" PRIu64
			    ",\"objects\":[",
			    one->about.pid, one->about.failed ? "true" : "false",
			    one->about.opened_ns / 1000000, one->about.told_ns / 1000000,
			    one->about.rounds, one->about.left_out);
}

static void end_pipeline(struct wr_http_text *to, const struct wr_http_pipeline *one)
{
	wr_http_text_say(to, "],\"errors\":[");
	write_errors(to, one->metrics);
	wr_http_text_say(to, "]}");
}

static void write_alerts(struct wr_http_text *to)
{
	static const char *const kinds[] = {[WR_HTTP_ALERT_ABOVE] = "above",
					    [WR_HTTP_ALERT_GREW] = "grew",
					    [WR_HTTP_ALERT_STATE] = "state"};
	const char *begin = "{";
	for (uint32_t i = 0; i < wr_http_alert_count; i++) {
		const struct wr_http_alert *a = &wr_http_alerts[i];
		if (a->kind == WR_HTTP_ALERT_GONE)
			continue;
		wr_http_text_say(to, begin);
		begin = ",{";
		text(to, "name", a->name);
		wr_http_text_say(to, ",");
		text(to, "metric", a->metric);
		wr_http_text_say(to, ",");
		text(to, "kind", kinds[a->kind]);
		wr_http_text_say(to, ",");
		text(to, "state", a->state != NULL ? a->state : "");
		wr_http_text_say(to, ",");
		text(to, "severity", a->severity);
		wr_http_text_say(to, ",");
		text(to, "summary", a->summary);
		wr_http_text_say(to, ",");
		text(to, "advice", a->advice);
		wr_http_text_format(to, ",\"limit\":%g,\"hold_s\":%u}", a->limit, a->hold_s);
	}
}

/* --- the answer, piece by piece --------------------------------------------------------------- */

struct live {
	struct wr_http_walk walk;
	enum { BEGIN, PIPELINE, OBJECTS, END, ENDED } next;
	uint32_t of;        /* which pipeline's */
	uint32_t object_at; /* where among its objects */
	uint32_t told;      /* of them */
	uint32_t left_out;  /* when it began */
	int dir_code;       /* so, too */
	const char *dir;    /* the server's */
};

/* False: there is no more that is drawn. */
static bool write_next_object(struct live *l)
{
	const struct weir_metrics *metrics = l->walk.list[l->of]->metrics;
	struct weir_metrics_object object;
	while (weir_metrics_next(metrics, NULL, &l->object_at, &object)) {
		if (!is_drawn(object.kind))
			continue;
		wr_http_text_say(&l->walk.text, l->told++ > 0 ? "," : "");
		write_object(&l->walk.text, metrics, &object);
		return true;
	}
	return false;
}

static bool make_piece(struct wr_http_walk *walk)
{
	struct live *l = (void *)walk; /* its first member */
	struct wr_http_text *to = &walk->text;
	switch (l->next) {
	case BEGIN:
		wr_http_text_say(to, "{");
		text(to, "weir", weir_version());
		wr_http_text_say(to, ",\"pipelines\":[");
		l->next = walk->count > 0 ? PIPELINE : END;
		return true;
	case PIPELINE:
		wr_http_text_say(to, l->of > 0 ? "," : "");
		begin_pipeline(to, walk->list[l->of]);
		l->object_at = l->told = 0;
		l->next = OBJECTS;
		return true;
	case OBJECTS:
		if (write_next_object(l))
			return true;
		end_pipeline(to, walk->list[l->of]);
		l->next = ++l->of < walk->count ? PIPELINE : END;
		return true;
	case END:
		wr_http_text_say(to, "],\"alerts\":[");
		write_alerts(to);
		wr_http_text_format(to, "],\"left_out\":%u,", l->left_out);
		text(to, "metrics_dir", l->dir);
		wr_http_text_say(to, ",");
		text(to, "metrics_trouble", l->dir_code < 0 ? weir_strerror(l->dir_code) : "");
		wr_http_text_say(to, "}");
		l->next = ENDED;
		return true;
	case ENDED:
		break;
	}
	return false;
}

void wr_http_live(const struct wr_http_site *site, struct wr_http_request *r)
{
	struct live *l = wr_http_walk_begin(site, r, sizeof *l, make_piece);
	if (l == NULL)
		return;
	l->left_out = site->pipelines->left_out;
	l->dir_code = site->pipelines->dir_code;
	l->dir = site->pipelines->dir != NULL ? site->pipelines->dir : "";
}
