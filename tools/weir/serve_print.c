/* SPDX-License-Identifier: Apache-2.0 */
/* See serve_print.h. */
#include "tools/weir/serve_print.h"

#include <stdio.h>
#include <string.h>

#include <weir/metrics.h>

#include "core/base/bits.h"
#include "io/http/alerts.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"

#define PANEL_WIDE 12
#define PANEL_HIGH 8
#define TEXT_BYTES 512
#define PIPELINE "pipeline=~\"$pipeline\""

/* --- rules ------------------------------------------------------------------------------------ */

/* weir_poisoned_lanes is a counter: its samples have _total. */
static const char *suffix_of(const char *name)
{
	struct weir_metric m;
	for (uint32_t i = 0; weir_metric_known(i, &m, NULL) == 0; i++)
		if (strcmp(m.name, name) == 0)
			return m.kind == WEIR_METRIC_COUNTER ? "_total" : "";
	return strcmp(name, "weir_errors") == 0 ? "_total" : ""; // the server's own
}

static void print_alert(const struct wr_http_alert *a)
{
	printf("  - alert: %s\n    expr: ", a->name);
	switch (a->kind) {
	case WR_HTTP_ALERT_ABOVE:
		printf("%s%s > %g\n", a->metric, suffix_of(a->metric), a->limit);
		break;
	case WR_HTTP_ALERT_GREW:
		printf("increase(%s%s[5m]) > 0\n", a->metric, suffix_of(a->metric));
		break;
	case WR_HTTP_ALERT_STATE:
		printf("%s{state=\"%s\"} == 1\n", a->metric, a->state);
		break;
	case WR_HTTP_ALERT_GONE:
		printf("%s{job=~\"weir.*\"} == 0\n", a->metric);
		break;
	}
	if (a->hold_s > 0)
		printf("    for: %us\n", a->hold_s);
	printf("    labels:\n      severity: %s\n"
	       "    annotations:\n"
	       "      summary: \"%s ({{ $labels.%s }})\"\n"
	       "      description: \"%s\"\n",
	       a->severity, a->summary, a->kind == WR_HTTP_ALERT_GONE ? "instance" : "pipeline",
	       a->advice);
}

int serve_print_alerts(void)
{
	printf("# Made by `weir serve --print alerts` from the table that the page's alerts have.\n"
	       "groups:\n- name: weir\n  rules:\n");
	for (uint32_t i = 0; i < wr_http_alert_count; i++)
		print_alert(&wr_http_alerts[i]);
	return CLI_EXIT_OK;
}

/* --- the dashboard ---------------------------------------------------------------------------- */

struct board {
	struct json_out j;
	uint32_t id;
	uint32_t x;
	uint32_t y;
};

static void source(struct board *b)
{
	json_object(&b->j, "datasource");
	json_text(&b->j, "type", "prometheus");
	json_text(&b->j, "uid", "${datasource}");
	json_close(&b->j);
}

static void place(struct board *b, uint32_t wide, uint32_t high)
{
	if (b->x + wide > 2 * PANEL_WIDE) {
		b->x = 0;
		b->y += PANEL_HIGH;
	}
	json_object(&b->j, "gridPos");
	json_u64(&b->j, "h", high);
	json_u64(&b->j, "w", wide);
	json_u64(&b->j, "x", b->x);
	json_u64(&b->j, "y", b->y);
	json_close(&b->j);
	b->x += wide;
}

static void row(struct board *b, const char *title)
{
	if (b->x > 0)
		b->y += PANEL_HIGH;
	b->x = 0;
	json_object(&b->j, NULL);
	json_u64(&b->j, "id", ++b->id);
	json_text(&b->j, "type", "row");
	json_text(&b->j, "title", title);
	json_bool(&b->j, "collapsed", false);
	place(b, 2 * PANEL_WIDE, 1);
	json_array(&b->j, "panels");
	json_close(&b->j);
	json_close(&b->j);
	b->x = 0;
	b->y += 1;
}

static void begin_panel(struct board *b, const char *title, const char *help, const char *unit)
{
	json_object(&b->j, NULL);
	json_u64(&b->j, "id", ++b->id);
	json_text(&b->j, "type", "timeseries");
	json_text(&b->j, "title", title);
	json_text(&b->j, "description", help);
	source(b);
	place(b, PANEL_WIDE, PANEL_HIGH);
	json_object(&b->j, "fieldConfig");
	json_object(&b->j, "defaults");
	json_text(&b->j, "unit", unit);
	json_u64(&b->j, "min", 0);
	json_close(&b->j);
	json_array(&b->j, "overrides");
	json_close(&b->j);
	json_close(&b->j);
	json_array(&b->j, "targets");
}

static void target(struct board *b, char name, const char *expression, const char *legend)
{
	char id[2] = {name, '\0'};
	json_object(&b->j, NULL);
	json_text(&b->j, "refId", id);
	source(b);
	json_text(&b->j, "expr", expression);
	json_text(&b->j, "legendFormat", legend);
	json_close(&b->j);
}

static void end_panel(struct board *b)
{
	json_close(&b->j);
	json_close(&b->j);
}

/* As Grafana calls it; a rate of bytes is bytes a second, one of seconds a share of a CPU. */
static const char *unit_of(const struct weir_metric *m)
{
	bool is_rate = m->kind == WEIR_METRIC_COUNTER;
	if (strcmp(m->unit, "bytes") == 0)
		return is_rate ? "Bps" : "bytes";
	if (strcmp(m->unit, "seconds") == 0)
		return is_rate ? "percentunit" : "s";
	return is_rate ? "ops" : "short";
}

/* "{{pipeline}} {{topic}}" */
static void legend_of(const char *const labels[WEIR_METRICS_LABELS_MAX], char to[TEXT_BYTES])
{
	int used = snprintf(to, TEXT_BYTES, "{{pipeline}}");
	for (uint32_t i = 0; i < WEIR_METRICS_LABELS_MAX && labels[i] != NULL; i++)
		used += snprintf(to + used, TEXT_BYTES - (size_t)used, " {{%s}}", labels[i]);
}

static void quantiles(struct board *b, const struct weir_metric *m, const char *legend,
		      const char *const labels[WEIR_METRICS_LABELS_MAX])
{
	static const struct {
		const char *q;
		const char *name;
	} asked[] = {{"0.5", "p50"}, {"0.99", "p99"}, {"0.999", "p99.9"}};
	char by[TEXT_BYTES] = "", expression[2 * TEXT_BYTES], named[TEXT_BYTES + 32];
	int used = 0;
	for (uint32_t i = 0; i < WEIR_METRICS_LABELS_MAX && labels[i] != NULL; i++)
		used += snprintf(by + used, sizeof by - (size_t)used, ", %s", labels[i]);
	for (size_t i = 0; i < WR_ARRAY_COUNT(asked); i++) {
		(void)snprintf(expression, sizeof expression,
			       "histogram_quantile(%s, sum by (le, pipeline%s) "
			       "(rate(%s_bucket{" PIPELINE "}[$__rate_interval])))",
			       asked[i].q, by, m->name);
		(void)snprintf(named, sizeof named, "%s %s", legend, asked[i].name);
		target(b, (char)('A' + i), expression, named);
	}
}

static void panel(struct board *b, const struct weir_metric *m,
		  const char *const labels[WEIR_METRICS_LABELS_MAX])
{
	char legend[TEXT_BYTES], expression[TEXT_BYTES];
	legend_of(labels, legend);
	begin_panel(b, m->name, m->help, unit_of(m));
	if (m->kind == WEIR_METRIC_HISTOGRAM) {
		quantiles(b, m, legend, labels);
	} else {
		(void)snprintf(expression, sizeof expression,
			       m->kind == WEIR_METRIC_COUNTER ? "rate(%s_total{" PIPELINE
								"}[$__rate_interval])"
							      : "%s{" PIPELINE "}",
			       m->name);
		target(b, 'A', expression, legend);
	}
	end_panel(b);
}

/* What somebody looks at first. */
static void overview(struct board *b)
{
	static const char *const first[] = {"weir_topic_events", "weir_subscription_lag_events",
					    "weir_subscription_lag_seconds",
					    "weir_durable_backlog_records"};
	const char *labels[WEIR_METRICS_LABELS_MAX];
	struct weir_metric m;
	row(b, "Overview");
	begin_panel(b, "State", "1 for the state that a pipeline is in.", "short");
	target(b, 'A', "weir_pipeline_state{" PIPELINE "} == 1", "{{pipeline}} {{state}}");
	end_panel(b);
	begin_panel(b, "Errors", "Errors that occurred, by their code.", "short");
	target(b, 'A', "increase(weir_errors_total{" PIPELINE "}[$__rate_interval])",
	       "{{pipeline}} {{code}}");
	end_panel(b);
	for (size_t k = 0; k < WR_ARRAY_COUNT(first); k++)
		for (uint32_t i = 0; weir_metric_known(i, &m, labels) == 0; i++)
			if (strcmp(m.name, first[k]) == 0)
				panel(b, &m, labels);
	for (uint32_t i = 0; weir_metric_known(i, &m, labels) == 0; i++)
		if (m.kind == WEIR_METRIC_HISTOGRAM)
			panel(b, &m, labels);
}

static void all(struct board *b)
{
	const char *labels[WEIR_METRICS_LABELS_MAX];
	const char *object = "";
	struct weir_metric m;
	for (uint32_t i = 0; weir_metric_known(i, &m, labels) == 0; i++) {
		if (strcmp(m.object, object) != 0)
			row(b, m.object);
		object = m.object;
		panel(b, &m, labels);
	}
}

static void variables(struct board *b)
{
	json_object(&b->j, "templating");
	json_array(&b->j, "list");
	json_object(&b->j, NULL);
	json_text(&b->j, "name", "datasource");
	json_text(&b->j, "type", "datasource");
	json_text(&b->j, "query", "prometheus");
	json_close(&b->j);
	json_object(&b->j, NULL);
	json_text(&b->j, "name", "pipeline");
	json_text(&b->j, "type", "query");
	source(b);
	json_text(&b->j, "query", "label_values(weir_pipeline_state, pipeline)");
	json_u64(&b->j, "refresh", 2);
	json_bool(&b->j, "includeAll", true);
	json_bool(&b->j, "multi", true);
	json_object(&b->j, "current");
	json_text(&b->j, "text", "All");
	json_text(&b->j, "value", "$__all");
	json_close(&b->j);
	json_close(&b->j);
	json_close(&b->j);
	json_close(&b->j);
}

int serve_print_dashboard(void)
{
	struct board b = {.id = 0};
	json_begin(&b.j, stdout, JSON_PRETTY);
	json_object(&b.j, NULL);
	json_text(&b.j, "title", "weir");
	json_text(&b.j, "uid", "weir");
	json_text(&b.j, "description",
		  "Made by weir serve --print dashboard from weir's table of metrics.");
	json_u64(&b.j, "schemaVersion", 36);
	json_bool(&b.j, "editable", true);
	json_text(&b.j, "refresh", "5s");
	json_object(&b.j, "time");
	json_text(&b.j, "from", "now-15m");
	json_text(&b.j, "to", "now");
	json_close(&b.j);
	variables(&b);
	json_array(&b.j, "panels");
	overview(&b);
	all(&b);
	json_close(&b.j);
	json_close(&b.j);
	return json_end(&b.j) < 0 ? CLI_EXIT_IO : CLI_EXIT_OK;
}
