/* SPDX-License-Identifier: Apache-2.0 */
/* See print.h: as text. */
#include "tools/weir/top/print.h"

#include <string.h>

#include "tools/weir/args.h"

#define NAME_COLUMNS_MAX 40

static int longest(const struct look *l, int least)
{
	int columns = least;

	for (uint32_t i = 0; i < l->tables[LOOK_SUBSCRIPTION].count; i++) {
		int bytes = (int)strlen(l->tables[LOOK_SUBSCRIPTION].rows[i].name);
		columns = bytes > columns ? bytes : columns;
	}
	return columns < NAME_COLUMNS_MAX ? columns : NAME_COLUMNS_MAX;
}

static void heading(const struct print_lag *p)
{
	if (p->pipeline_columns > 0)
		fprintf(p->to, "%-*s  ", p->pipeline_columns, "PIPELINE");
	fprintf(p->to, "%-*s  %12s  %10s  %10s  %8s\n", p->name_columns, "SUBSCRIPTION", "EVENTS",
		"BYTES", "AGE", "MEMBERS");
}

void print_lag_begin(struct print_lag *p, const struct find *f, FILE *to)
{
	*p = (struct print_lag){.to = to, .pipeline_columns = 8, .name_columns = 12};
	for (uint32_t i = 0; i < f->count; i++) {
		int bytes = (int)strlen(f->looks[i]->about.name);
		if (bytes > p->pipeline_columns)
			p->pipeline_columns = bytes;
		p->name_columns = longest(f->looks[i], p->name_columns);
	}
	heading(p);
}

void print_lag_begin_one(struct print_lag *p, const struct look *l, FILE *to)
{
	*p = (struct print_lag){.to = to, .name_columns = longest(l, 12)};
	heading(p);
}

void print_lag_row(const struct print_lag *p, const struct look *l, const struct look_row *s,
		   const char *limit)
{
	/* Of most subscriptions all of these are 0, and then they take no room. */
	static const struct {
		int value;
		const char *name;
	} trouble[] = {{SUBSCRIPTION_PARKED, "parked"},
		       {SUBSCRIPTION_DEAD_LETTERS, "dead letters"},
		       {SUBSCRIPTION_REDELIVERIES, "delivered again"}};
	char events[CLI_TEXT_BYTES], bytes[CLI_TEXT_BYTES], age[CLI_TEXT_BYTES];
	uint64_t age_ns = look_lag_ns(l, s);

	if (p->pipeline_columns > 0)
		fprintf(p->to, "%-*s  ", p->pipeline_columns, l->about.name);
	fprintf(p->to, "%-*s  %12s  %10s  %10s  %8llu", p->name_columns, s->name,
		cli_text_count(events, s->values[SUBSCRIPTION_EVENTS]),
		cli_text_bytes(bytes, s->values[SUBSCRIPTION_BYTES]),
		age_ns == 0 ? "-" : cli_text_ns(age, age_ns),
		(unsigned long long)s->values[SUBSCRIPTION_MEMBERS]);
	for (size_t i = 0; i < sizeof trouble / sizeof *trouble; i++)
		if (s->values[trouble[i].value] > 0)
			fprintf(p->to, "  %s %s", cli_text_count(age, s->values[trouble[i].value]),
				trouble[i].name);
	if (print_drain(age, l, s))
		fprintf(p->to, "  done in %s", age);
	if (s->values[SUBSCRIPTION_EXACT] == 0)
		fprintf(p->to, "  still counting");
	else if (s->values[SUBSCRIPTION_TIME_EXACT] == 0)
		fprintf(p->to, "  age not known yet");
	if (l->about.state != WEIR_METRICS_RUNNING)
		fprintf(p->to, "  %s", look_state(l));
	if (limit != NULL)
		fprintf(p->to, "  above %s", limit);
	fputc('\n', p->to);
}

bool print_drain(char to[CLI_TEXT_BYTES], const struct look *l, const struct look_row *s)
{
	uint64_t ns = look_drain_ns(l, s);

	if (ns == 0 || ns == UINT64_MAX)
		return false;
	(void)(ns < 60000000000u ? cli_text_ns(to, ns) : print_span(to, ns));
	return true;
}

char *print_span(char to[CLI_TEXT_BYTES], uint64_t ns)
{
	unsigned long long s = ns / 1000000000;

	if (s >= 86400)
		(void)snprintf(to, CLI_TEXT_BYTES, "%llu d %02llu:%02llu:%02llu", s / 86400,
			       s / 3600 % 24, s / 60 % 60, s % 60);
	else
		(void)snprintf(to, CLI_TEXT_BYTES, "%02llu:%02llu:%02llu", s / 3600, s / 60 % 60,
			       s % 60);
	return to;
}

static void print_log(const struct look *l, FILE *to)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], c[CLI_TEXT_BYTES], d[CLI_TEXT_BYTES];
	const uint64_t *n = l->numbers;

	fprintf(to, "  log      last sequence %s, durable %s, %s not durable; %s records/s\n",
		cli_text_count(a, n[LOOK_VISIBLE]), cli_text_count(b, n[LOOK_DURABLE]),
		cli_text_count(c, n[LOOK_BACKLOG]), cli_text_rate(d, l->rates[LOOK_RECORDS]));
	if (l->about.dir[0] != '\0')
		fprintf(to, "  disk     %s in %llu files, %llu spare; %s free%s%s\n",
			cli_text_bytes(a, n[LOOK_LOG_BYTES]),
			(unsigned long long)n[LOOK_SEGMENTS_LIVE],
			(unsigned long long)n[LOOK_SEGMENTS_SPARE],
			cli_text_bytes(b, n[LOOK_FREE_BYTES]),
			n[LOOK_LOW_SPACE] != 0 ? "; LOW SPACE" : "",
			n[LOOK_NO_ROOM] != 0 ? "; NO ROOM: producers are held back" : "");
	if (n[LOOK_SEGMENTS_DROPPED] > 0)
		fprintf(to, "  dropped  %s segments, the oldest, for want of room\n",
			cli_text_count(a, n[LOOK_SEGMENTS_DROPPED]));
	fprintf(to, "  memory   %s reserved\n", cli_text_bytes(a, n[LOOK_MEMORY_BYTES]));
	if (n[LOOK_REFUSED] > 0)
		fprintf(to, "  refused  %s requests; %s/s\n", cli_text_count(a, n[LOOK_REFUSED]),
			cli_text_rate(b, l->rates[LOOK_REFUSED]));
}

static void print_latencies(const struct look *l, FILE *to)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], c[CLI_TEXT_BYTES], d[CLI_TEXT_BYTES];

	for (uint32_t i = 0; i < l->latency_count; i++) {
		const struct look_latency *y = &l->latencies[i];
		fprintf(to, "  %s  p50 %s, p99 %s, p99.9 %s, greatest %s\n", y->name,
			cli_text_ns(a, y->p50_ns), cli_text_ns(b, y->p99_ns),
			cli_text_ns(c, y->p999_ns), cli_text_ns(d, y->greatest_ns));
	}
}

static bool ends_in(const char *text, const char *end)
{
	size_t bytes = strlen(text), end_bytes = strlen(end);

	return bytes >= end_bytes && strcmp(text + bytes - end_bytes, end) == 0;
}

char *print_alert_number(char to[CLI_TEXT_BYTES], const struct look_row *alert, uint64_t number)
{
	if (ends_in(alert->also, "_age") || strcmp(alert->also, "bridge_down") == 0)
		return cli_text_ns(to, number);
	if (ends_in(alert->also, "_bytes"))
		return cli_text_bytes(to, number);
	return cli_text_count(to, number);
}

static void print_alerts(const struct look *l, FILE *to)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], c[CLI_TEXT_BYTES];

	for (uint32_t i = 0; i < l->tables[LOOK_ALERT].count; i++) {
		const struct look_row *r = &l->tables[LOOK_ALERT].rows[i];
		if (r->values[ALERT_FIRING] != 0)
			fprintf(to, "  ALERT    %s %s: %s, raised at %s, for %s\n", r->name, r->of,
				print_alert_number(a, r, r->values[ALERT_VALUE]),
				print_alert_number(b, r, r->values[ALERT_RAISE_AT]),
				cli_text_ns(c, r->values[ALERT_CHANGED_NS]));
	}
}

static void print_bridge(const struct look *l, const struct look_row *r, FILE *to)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], c[CLI_TEXT_BYTES], d[CLI_TEXT_BYTES];
	char f[CLI_TEXT_BYTES];
	const uint64_t *v = r->values;
	bool is_sink = strcmp(r->also, "sink") == 0;

	fprintf(to, "  bridge   %s: %s %s, %s for %s; %s events, %s, %s events/s\n", r->name,
		is_sink ? "to" : "from", r->more, look_bridge_state(l, r),
		print_span(a, v[BRIDGE_STATE_NS]), cli_text_count(b, v[BRIDGE_EVENTS]),
		cli_text_bytes(c, v[BRIDGE_BYTES]), cli_text_rate(d, r->rate));
	fprintf(to, "           lag %s events%s%s%s%s; connected %s times, lost %s, failed %s",
		cli_text_count(a, v[BRIDGE_LAG_EVENTS]), is_sink ? " of " : "",
		is_sink ? r->of : "", v[BRIDGE_LAG_NS] > 0 ? ", the oldest since " : "",
		v[BRIDGE_LAG_NS] > 0 ? cli_text_ns(b, v[BRIDGE_LAG_NS]) : "",
		cli_text_count(c, v[BRIDGE_CONNECTIONS]), cli_text_count(d, v[BRIDGE_RETRIES]),
		cli_text_count(f, v[BRIDGE_FAILURES]));
	if (v[BRIDGE_DEAD_LETTERS] > 0)
		fprintf(to, "; %s DEAD LETTERS", cli_text_count(a, v[BRIDGE_DEAD_LETTERS]));
	fputc('\n', to);
	const struct look_row *e = look_find(l, LOOK_BRIDGE_ERROR, r->name);
	if (e != NULL)
		fprintf(to, "           %s times, first %s, last %s: %s\n",
			cli_text_count(a, e->values[BRIDGE_ERROR_TIMES]),
			cli_text_time(b, e->values[BRIDGE_ERROR_FIRST_NS] / 1000),
			cli_text_time(c, e->values[BRIDGE_ERROR_LAST_NS] / 1000), e->of);
}

static void print_stages(const struct look *l, FILE *to)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], c[CLI_TEXT_BYTES], d[CLI_TEXT_BYTES];

	for (uint32_t i = 0; i < l->tables[LOOK_STAGE].count; i++) {
		const struct look_row *r = &l->tables[LOOK_STAGE].rows[i];
		const uint64_t *v = r->values;
		fprintf(to,
			"  stage    %s: %s items, %s handed on, %s calls; %s items/s; workers %llu",
			r->name, cli_text_count(a, v[STAGE_ITEMS]),
			cli_text_count(b, v[STAGE_PUSHED]), cli_text_count(c, v[STAGE_CALLS]),
			cli_text_rate(d, r->rate), (unsigned long long)v[STAGE_WORKERS]);
		if (v[STAGE_ENDED] > 0)
			fprintf(to, ", of them ended %llu", (unsigned long long)v[STAGE_ENDED]);
		if (v[STAGE_DROPPED] > 0)
			fprintf(to, "; %s DROPPED", cli_text_count(a, v[STAGE_DROPPED]));
		if (v[STAGE_REFUSED] > 0)
			fprintf(to, "; %s refused", cli_text_count(a, v[STAGE_REFUSED]));
		fputc('\n', to);
	}
}

static void print_topics(const struct look *l, FILE *to)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], c[CLI_TEXT_BYTES];

	for (uint32_t i = 0; i < l->tables[LOOK_TOPIC].count; i++) {
		const struct look_row *t = &l->tables[LOOK_TOPIC].rows[i];
		fprintf(to, "  topic    %s: %s events, %s; %s events/s\n", t->name,
			cli_text_count(a, t->values[TOPIC_EVENTS]),
			cli_text_bytes(b, t->values[TOPIC_BYTES]), cli_text_rate(c, t->rate));
	}
}

void print_status(const struct look *l, FILE *to)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES];
	uint64_t end_ns = l->about.told_ns;
	struct print_lag lag;

	fprintf(to, "%s is %s: process %llu, open for %s, written %s ago by weir %s\n",
		l->about.name, look_state(l), (unsigned long long)l->about.pid,
		print_span(a, end_ns > l->about.opened_ns ? end_ns - l->about.opened_ns : 0),
		cli_text_ns(b, l->about.age_ns), l->about.version);
	if (l->about.dir[0] != '\0')
		fprintf(to, "  journal  %s, open number %llu\n", l->about.dir,
			(unsigned long long)l->numbers[LOOK_EPOCH]);
	else
		fprintf(to, "  journal  none: in memory\n");
	print_alerts(l, to);
	print_log(l, to);
	print_latencies(l, to);
	print_topics(l, to);
	for (uint32_t i = 0; i < l->tables[LOOK_BRIDGE].count; i++)
		print_bridge(l, &l->tables[LOOK_BRIDGE].rows[i], to);
	print_stages(l, to);
	if (l->tables[LOOK_SUBSCRIPTION].count > 0) {
		fputc('\n', to);
		print_lag_begin_one(&lag, l, to);
		for (uint32_t i = 0; i < l->tables[LOOK_SUBSCRIPTION].count; i++)
			print_lag_row(&lag, l, &l->tables[LOOK_SUBSCRIPTION].rows[i], NULL);
	}
	for (uint32_t i = 0; i < l->error_count; i++) {
		const struct weir_metrics_error *e = &l->errors[i];
		if (i == 0)
			fputc('\n', to);
		fprintf(to, "  %llu times, last %s: %s%s%s%s\n", (unsigned long long)e->count,
			cli_text_time(a, e->last_ns / 1000), e->text, e->code != 0 ? " (" : "",
			e->code != 0 ? weir_error_name(e->code) : "", e->code != 0 ? ")" : "");
	}
}
