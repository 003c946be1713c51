/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics: what the files of pipelines say, as OpenMetrics 1.0 or, for who does not ask for that,
 * in the older text format of Prometheus.
 *
 * All series of one metric stand together, over all pipelines: the formats want it so. The table of
 * metrics comes with each file, so that what a newer pipeline counts is shown, too; where two files
 * disagree about a metric, the first one is believed. Of a pipeline that is gone only that is told.
 *
 * It is made object by object, as it goes out (walk.h): however many series there are, what is made
 * and not yet read is those of one object.
 *
 * A label "text" is left out: texts have numbers in them, and would make a series each.
 *
 * Buckets of a histogram are sixteen to each power of two in the file, and one here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/json/utf8.h"
#include "io/http/walk.h"

static const char openmetrics[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
static const char prometheus[] = "text/plain; version=0.0.4; charset=utf-8";

struct exposition {
	struct wr_http_text *to;
	bool is_open; /* OpenMetrics */
};

static void escape(struct wr_http_text *to, const char *text, bool quotes)
{
	const char *end = text + strlen(text);
	size_t length;
	for (const char *at = text; at<end; at += length> 0 ? length : 1) {
		length = wr_utf8_length((const uint8_t *)at, (size_t)(end - at));
		if (length == 0) // Prometheus would refuse all of the answer
			wr_http_text_say(to, "\xEF\xBF\xBD");
		else if (*at == '\\')
			wr_http_text_say(to, "\\\\");
		else if (*at == '\n')
			wr_http_text_say(to, "\\n");
		else if (*at == '"' && quotes)
			wr_http_text_say(to, "\\\"");
		else
			wr_http_text_put(to, at, length);
	}
}

/* TYPE, UNIT and HELP of a family. The older format has the suffix in the name, and no units. */
static void head(const struct exposition *x, const char *name, const char *type, const char *unit,
		 const char *help)
{
	const char *suffix = !x->is_open && strcmp(type, "counter") == 0 ? "_total" : "";
	size_t name_bytes = strlen(name), unit_bytes = strlen(unit);
	wr_http_text_format(x->to, "# TYPE %s%s %s\n", name, suffix, type);
	if (x->is_open && unit_bytes > 0 && name_bytes > unit_bytes &&
	    name[name_bytes - unit_bytes - 1] == '_' &&
	    strcmp(name + name_bytes - unit_bytes, unit) == 0)
		wr_http_text_format(x->to, "# UNIT %s %s\n", name, unit);
	wr_http_text_format(x->to, "# HELP %s%s ", name, suffix);
	escape(x->to, help, x->is_open);
	wr_http_text_say(x->to, "\n");
}

/* {pipeline="orders",topic="t" and, for a bucket, le="..." */
static void labels(const struct exposition *x, const struct wr_http_pipeline *one,
		   const struct weir_metrics_object *object, const char *le)
{
	wr_http_text_say(x->to, "{pipeline=\"");
	escape(x->to, one->label, true);
	for (uint32_t i = 0; i < object->label_count; i++) {
		if (strcmp(object->label_names[i], "text") == 0)
			continue;
		wr_http_text_format(x->to, "\",%s=\"", object->label_names[i]);
		escape(x->to, object->label_values[i], true);
	}
	if (le != NULL)
		wr_http_text_format(x->to, "\",le=\"%s", le);
	wr_http_text_say(x->to, "\"} ");
}

static void number(struct wr_http_text *to, uint64_t n, uint64_t per_unit)
{
	if (per_unit <= 1)
		wr_http_text_format(to, "%" PRIu64 "\n", n);
	else if (per_unit == 1000000000u)
		wr_http_text_format(to, "%" PRIu64 ".%09" PRIu64 "\n", n / per_unit, n % per_unit);
	else
		wr_http_text_format(to, "%.17g\n", (double)n / (double)per_unit);
}

/* From a microsecond, or one, on: a bucket for each power of two. */
static void histogram(const struct exposition *x, const struct wr_http_pipeline *one,
		      const struct weir_metrics_object *object, uint32_t index,
		      const struct weir_metric *m)
{
	struct weir_metrics_histogram h;
	uint64_t seen = 0, bound = m->per_unit >= 1000000000u ? 1024 : 1;
	uint32_t at = 0;
	char le[32];
	if (weir_metrics_histogram(one->metrics, object, index, &h) != 0)
		return;
	for (; bound != 0 && bound < UINT64_C(1) << 42; bound *= 2) {
		for (; at < h.bucket_count && weir_metrics_bucket_end(&h, at) < bound; at++)
			seen += h.buckets[at];
		(void)snprintf(le, sizeof le, "%.9g",
			       (double)(bound - 1) / (double)(m->per_unit != 0 ? m->per_unit : 1));
		wr_http_text_format(x->to, "%s_bucket", m->name);
		labels(x, one, object, le);
		number(x->to, seen, 1);
	}
	/* The count is that of the buckets: the format wants them to agree. */
	for (; at < h.bucket_count; at++)
		seen += h.buckets[at];
	wr_http_text_format(x->to, "%s_bucket", m->name);
	labels(x, one, object, "+Inf");
	number(x->to, seen, 1);
	wr_http_text_format(x->to, "%s_sum", m->name);
	labels(x, one, object, NULL);
	number(x->to, h.sum, m->per_unit);
	wr_http_text_format(x->to, "%s_count", m->name);
	labels(x, one, object, NULL);
	number(x->to, seen, 1);
}

/* --- of the pipelines themselves -------------------------------------------------------------- */

const char *wr_http_state_name(enum weir_metrics_state state)
{
	switch (state) {
	case WEIR_METRICS_RUNNING:
		return "running";
	case WEIR_METRICS_SILENT:
		return "silent";
	case WEIR_METRICS_CLOSED:
		return "closed";
	case WEIR_METRICS_DEAD:
		return "dead";
	}
	return "unknown";
}

static const struct weir_metrics_object none; /* without labels of its own */

/* Of one pipeline; the heads stand before those of the first. */

static void state(const struct exposition *x, const struct wr_http_pipeline *one, bool is_first)
{
	if (is_first)
		head(x, "weir_pipeline_state", "gauge", "",
		     "1 for the state that the pipeline is in.");
	for (int state = WEIR_METRICS_RUNNING; state <= WEIR_METRICS_DEAD; state++) {
		struct weir_metrics_object object = none;
		object.label_count = 1;
		object.label_names[0] = "state";
		object.label_values[0] = wr_http_state_name((enum weir_metrics_state)state);
		wr_http_text_say(x->to, "weir_pipeline_state");
		labels(x, one, &object, NULL);
		number(x->to, (int)one->about.state == state, 1);
	}
}

static void info(const struct exposition *x, const struct wr_http_pipeline *one, bool is_first)
{
	struct weir_metrics_object object = none;
	char pid[24];
	if (is_first)
		head(x, "weir_pipeline_info", "gauge", "", "1: whose metrics these are.");
	(void)snprintf(pid, sizeof pid, "%" PRIu64, one->about.pid);
	object.label_count = 3;
	object.label_names[0] = "journal";
	object.label_values[0] = one->about.dir;
	object.label_names[1] = "version";
	object.label_values[1] = one->about.version;
	object.label_names[2] = "pid";
	object.label_values[2] = pid;
	wr_http_text_say(x->to, "weir_pipeline_info");
	labels(x, one, &object, NULL);
	number(x->to, 1, 1);
}

static void age(const struct exposition *x, const struct wr_http_pipeline *one, bool is_first)
{
	if (is_first)
		head(x, "weir_pipeline_told_age_seconds", "gauge", "seconds",
		     "Since the pipeline wrote its metrics last.");
	wr_http_text_say(x->to, "weir_pipeline_told_age_seconds");
	labels(x, one, &none, NULL);
	number(x->to, one->about.age_ns, 1000000000u);
}

/* By their codes: texts have numbers in them, and would make a series each. */
static void errors(const struct exposition *x, const struct wr_http_pipeline *one, bool is_first)
{
	struct weir_metrics_error e, other;
	if (is_first)
		head(x, "weir_errors", "counter", "", "Errors that occurred, by their code.");
	for (uint32_t k = 0; weir_metrics_error(one->metrics, k, &e) == 0; k++) {
		struct weir_metrics_object object = none;
		uint64_t count = 0;
		bool told = e.code == 0; // a note
		for (uint32_t n = 0; !told && weir_metrics_error(one->metrics, n, &other) == 0;
		     n++) {
			told = n < k && other.code == e.code;
			count += other.code == e.code ? other.count : 0;
		}
		if (told)
			continue;
		object.label_count = 1;
		object.label_names[0] = "code";
		object.label_values[0] = weir_error_name(e.code);
		wr_http_text_say(x->to, "weir_errors_total");
		labels(x, one, &object, NULL);
		number(x->to, count, 1);
	}
}

static void (*const sections[])(const struct exposition *x, const struct wr_http_pipeline *one,
				bool is_first) = {state, info, age, errors};
#define SECTIONS (sizeof sections / sizeof sections[0])

/* --- the walk --------------------------------------------------------------------------------- */

/* An answer under way: what comes next. */
struct metrics_walk {
	struct wr_http_walk walk;
	bool is_open;

	uint32_t section, section_at; /* of the pipelines themselves; at: which one's */
	/* Then the metrics: those of the first one's table, then of the second one's, ... */
	uint32_t table, metric;
	bool is_in_family;    /* its head has been told */
	struct weir_metric m; /* the family's, by the one that told it first */
	uint32_t of;          /* whose objects of it come */
	uint32_t at;          /* and where among them */
	int index;            /* the metric's in that one's table; negative: it is not shown */
	struct weir_metric theirs;
	bool has_ended;
};

/* Has a pipeline before this one told of the metric? */
static bool is_told(const struct wr_http_walk *w, uint32_t before, const char *name)
{
	for (uint32_t i = 0; i < before; i++)
		if (weir_metrics_find(w->list[i]->metrics, name) >= 0)
			return true;
	return false;
}

/* The objects of one pipeline are next: where its table has the metric, once for all of them. */
static void begin_objects(struct metrics_walk *w, uint32_t of)
{
	w->of = of;
	w->at = 0;
	w->index = -ENOENT;
	if (of >= w->walk.count || !w->walk.is_alive[of])
		return;
	const struct weir_metrics *metrics = w->walk.list[of]->metrics;
	int index = weir_metrics_find(metrics, w->m.name);
	if (index >= 0 && weir_metrics_metric(metrics, (uint32_t)index, &w->theirs) == 0 &&
	    w->theirs.kind == w->m.kind)
		w->index = index;
}

/* The next metric that nobody has told of yet, and its head. False: there is none. */
static bool begin_family(struct metrics_walk *w, const struct exposition *x)
{
	static const char *const types[] = {[WEIR_METRIC_COUNTER] = "counter",
					    [WEIR_METRIC_GAUGE] = "gauge",
					    [WEIR_METRIC_HISTOGRAM] = "histogram"};
	struct wr_http_pipeline *const *list = w->walk.list;
	for (; w->table < w->walk.count; w->table++, w->metric = 0)
		for (; weir_metrics_metric(list[w->table]->metrics, w->metric, &w->m) == 0;
		     w->metric++) {
			if (is_told(&w->walk, w->table, w->m.name))
				continue;
			head(x, w->m.name, types[w->m.kind], w->m.unit, w->m.help);
			w->is_in_family = true;
			begin_objects(w, 0);
			return true;
		}
	return false;
}

static void sample(const struct exposition *x, const struct wr_http_pipeline *one,
		   const struct weir_metrics_object *object, uint32_t index,
		   const struct weir_metric *m)
{
	if (m->kind == WEIR_METRIC_HISTOGRAM) {
		histogram(x, one, object, index, m);
		return;
	}
	wr_http_text_format(x->to, "%s%s", m->name, m->kind == WEIR_METRIC_COUNTER ? "_total" : "");
	labels(x, one, object, NULL);
	number(x->to, weir_metrics_value(one->metrics, object, index), m->per_unit);
}

/* The series of one more object of the family. False: they are all told. */
static bool next_object(struct metrics_walk *w, const struct exposition *x)
{
	struct weir_metrics_object object;
	for (; w->of < w->walk.count; begin_objects(w, w->of + 1)) {
		const struct wr_http_pipeline *one = w->walk.list[w->of];
		if (w->index < 0 ||
		    !weir_metrics_next(one->metrics, w->theirs.object, &w->at, &object))
			continue;
		sample(x, one, &object, (uint32_t)w->index, &w->theirs);
		return true;
	}
	return false;
}

static bool make_piece(struct wr_http_walk *walk)
{
	struct metrics_walk *w = (void *)walk; /* its first member */
	const struct exposition x = {.to = &walk->text, .is_open = w->is_open};
	if (w->section < SECTIONS && walk->count > 0) {
		sections[w->section](&x, walk->list[w->section_at], w->section_at == 0);
		if (++w->section_at == walk->count) {
			w->section_at = 0;
			w->section++;
		}
		return true;
	}
	if (w->is_in_family && next_object(w, &x))
		return true;
	if (w->is_in_family)
		w->metric++;
	w->is_in_family = false;
	if (begin_family(w, &x))
		return true;
	if (!w->has_ended && w->is_open)
		wr_http_text_say(&walk->text, "# EOF\n");
	w->has_ended = true;
	return walk->text.bytes > 0;
}

void wr_http_metrics(const struct wr_http_site *site, struct wr_http_request *r)
{
	struct metrics_walk *w = wr_http_walk_begin(site, r, sizeof *w, make_piece);
	if (w == NULL)
		return;
	w->is_open = r->wants_openmetrics;
	r->content_type = w->is_open ? openmetrics : prometheus;
}
