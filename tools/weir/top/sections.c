/* SPDX-License-Identifier: Apache-2.0 */
/* See screen.h: the head, and the sections of the body. */
#include "tools/weir/top/screen.h"

#include <stdlib.h>
#include <string.h>

#include "tools/weir/args.h"
#include "tools/weir/top/print.h"

#define NAME_COLUMNS 22u
#define CURVE_COLUMNS 12u

const char *const screen_sorts[] = {"events", "bytes", "age", "rate", "name", NULL};

static bool is_shown(const struct view *v, const struct look_row *row)
{
	return v->filter[0] == '\0' || strstr(row->name, v->filter) != NULL ||
	       strstr(row->of, v->filter) != NULL;
}

static bool is_usable(const struct look *l)
{
	return look_is_alive(l) && !l->about.failed && l->about.state == WEIR_METRICS_RUNNING;
}

static struct screen_row *heading(struct screen *s, const char *text)
{
	screen_add(s, SCREEN_PLAIN);
	struct screen_row *row = screen_add(s, SCREEN_HEADING);
	screen_put(s, row, text);
	return row;
}

/* --- the head --------------------------------------------------------------------------------- */

static void head_log(struct screen *s, const struct look *l)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], c[CLI_TEXT_BYTES];
	uint32_t n = l->history_count < 20 ? l->history_count : 20;
	struct screen_row *row = screen_add(s, SCREEN_PLAIN);

	screen_printf(s, row, "log   %8s records/s  ", cli_text_rate(a, l->rates[LOOK_RECORDS]));
	screen_curve(s, row, l->history + l->history_count - n, n);
	screen_printf(s, row, "  %s/s  not durable %s",
		      cli_text_bytes(b, (uint64_t)l->rates[LOOK_BATCH_BYTES]),
		      cli_text_count(c, l->numbers[LOOK_BACKLOG]));
}

static void head_disk(struct screen *s, const struct look *l)
{
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES], c[CLI_TEXT_BYTES];
	const uint64_t *n = l->numbers;
	bool bad = n[LOOK_LOW_SPACE] != 0 || n[LOOK_NO_ROOM] != 0;
	struct screen_row *row = screen_add(s, bad ? SCREEN_BAD : SCREEN_PLAIN);

	if (l->about.dir[0] == '\0')
		screen_put(s, row, "disk  none: in memory");
	else
		screen_printf(s, row, "disk  %s in %llu+%llu files, %s free%s%s",
			      cli_text_bytes(a, n[LOOK_LOG_BYTES]),
			      (unsigned long long)n[LOOK_SEGMENTS_LIVE],
			      (unsigned long long)n[LOOK_SEGMENTS_SPARE],
			      cli_text_bytes(b, n[LOOK_FREE_BYTES]),
			      n[LOOK_LOW_SPACE] != 0 ? "  LOW SPACE" : "",
			      n[LOOK_NO_ROOM] != 0 ? "  NO ROOM" : "");
	screen_printf(s, row, "  memory %s", cli_text_bytes(c, n[LOOK_MEMORY_BYTES]));
	if (n[LOOK_REFUSED] > 0)
		screen_printf(s, row, "  refused %s", cli_text_count(a, n[LOOK_REFUSED]));
}

static void head(struct screen *s, const struct find *f, const struct view *v)
{
	struct screen_row *row = screen_add(s, SCREEN_TITLE);
	char a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES];

	if (f->count == 0) {
		screen_put(s, row, "weir top: no pipeline runs here");
		s->head_count = s->count;
		return;
	}
	const struct look *l = f->looks[v->pipeline];
	uint64_t open_ns =
		l->about.told_ns > l->about.opened_ns ? l->about.told_ns - l->about.opened_ns : 0;
	if (!is_usable(l))
		row->style = SCREEN_BAD;
	screen_printf(s, row, "%s  %s  process %llu  open %s  written %s ago", l->about.name,
		      look_state(l), (unsigned long long)l->about.pid, print_span(a, open_ns),
		      cli_text_ns(b, l->about.age_ns));
	if (f->count > 1)
		screen_printf(s, row, "  [%u of %u]", v->pipeline + 1, f->count);
	if (v->paused)
		screen_put(s, row, "  PAUSED");
	head_log(s, l);
	for (uint32_t i = 0; i < l->latency_count; i++) {
		const struct look_latency *y = &l->latencies[i];
		if (strncmp(y->name, "ack ", 4) != 0)
			continue;
		char c[CLI_TEXT_BYTES], d[CLI_TEXT_BYTES];
		row = screen_add(s, SCREEN_PLAIN);
		screen_printf(s, row, "%s  p50 %s  p99 %s  p99.9 %s  max %s", y->name,
			      cli_text_ns(a, y->p50_ns), cli_text_ns(b, y->p99_ns),
			      cli_text_ns(c, y->p999_ns), cli_text_ns(d, y->greatest_ns));
	}
	head_disk(s, l);
	s->head_count = s->count;
}

/* --- the body --------------------------------------------------------------------------------- */

static int in_order(const struct look *l, const struct view *v, const struct look_row *a,
		    const struct look_row *b)
{
	uint64_t x = 0, y = 0;

	switch (v->sort) {
	case SORT_EVENTS:
		x = a->values[SUBSCRIPTION_EVENTS], y = b->values[SUBSCRIPTION_EVENTS];
		break;
	case SORT_BYTES:
		x = a->values[SUBSCRIPTION_BYTES], y = b->values[SUBSCRIPTION_BYTES];
		break;
	case SORT_AGE:
		x = look_lag_ns(l, a), y = look_lag_ns(l, b);
		break;
	case SORT_RATE:
		x = (uint64_t)a->rate, y = (uint64_t)b->rate;
		break;
	case SORT_NAME:
	case SORTS:
		break;
	}
	int order = x == y ? strcmp(a->name, b->name) : x > y ? -1 : 1;
	return v->reverse ? -order : order;
}

static void subscription(struct screen *s, const struct look *l, const struct look_row *r)
{
	char a[CLI_TEXT_BYTES];
	double curve[LOOK_HISTORY];
	uint64_t age_ns = look_lag_ns(l, r);
	uint32_t n = r->history_count < CURVE_COLUMNS ? r->history_count : CURVE_COLUMNS;
	bool nobody = r->values[SUBSCRIPTION_MEMBERS] == 0 && r->values[SUBSCRIPTION_EVENTS] > 0;
	struct screen_row *row = screen_add(s, nobody ? SCREEN_BAD : SCREEN_PLAIN);

	screen_left(s, row, NAME_COLUMNS, r->name);
	screen_right(s, row, 11, cli_text_count(a, r->values[SUBSCRIPTION_EVENTS]));
	screen_right(s, row, 11, cli_text_bytes(a, r->values[SUBSCRIPTION_BYTES]));
	screen_right(s, row, 10, age_ns == 0 ? "-" : cli_text_ns(a, age_ns));
	screen_right(s, row, 9, cli_text_rate(a, r->rate));
	screen_right(s, row, 4, cli_text_count(a, r->values[SUBSCRIPTION_MEMBERS]));
	for (uint32_t i = 0; i < n; i++)
		curve[i] = (double)r->history[r->history_count - n + i];
	screen_put(s, row, " ");
	screen_curve(s, row, curve, n);
	if (print_drain(a, l, r))
		screen_printf(s, row, " done in %s", a);
	if (r->values[SUBSCRIPTION_EXACT] == 0)
		screen_put(s, row, " counting");
	if (r->values[SUBSCRIPTION_OUTSTANDING] > 0)
		screen_printf(s, row, " out %s",
			      cli_text_count(a, r->values[SUBSCRIPTION_OUTSTANDING]));
	if (r->values[SUBSCRIPTION_PARKED] > 0)
		screen_printf(s, row, " parked %s",
			      cli_text_count(a, r->values[SUBSCRIPTION_PARKED]));
	if (r->values[SUBSCRIPTION_DEAD_LETTERS] > 0)
		screen_printf(s, row, " dead %s",
			      cli_text_count(a, r->values[SUBSCRIPTION_DEAD_LETTERS]));
	if (r->values[SUBSCRIPTION_REDELIVERIES] > 0)
		screen_printf(s, row, " again %s",
			      cli_text_count(a, r->values[SUBSCRIPTION_REDELIVERIES]));
}

static bool subscriptions(struct screen *s, const struct look *l, const struct view *v)
{
	const struct look_table *t = &l->tables[LOOK_SUBSCRIPTION];
	uint32_t count = 0;

	if (t->count == 0)
		return true;
	const struct look_row **rows = malloc(t->count * sizeof *rows);
	if (rows == NULL)
		return false;
	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t at = count;
		if (!is_shown(v, &t->rows[i]))
			continue;
		for (; at > 0 && in_order(l, v, rows[at - 1], &t->rows[i]) > 0; at--)
			rows[at] = rows[at - 1];
		rows[at] = &t->rows[i];
		count++;
	}
	heading(s, "SUBSCRIPTION               EVENTS      BYTES       AGE   DONE/s MEM LAG");
	for (uint32_t i = 0; i < count; i++)
		subscription(s, l, rows[i]);
	free(rows);
	return true;
}

static void topic(struct screen *s, const struct look_row *r)
{
	char a[CLI_TEXT_BYTES];
	struct screen_row *row = screen_add(s, SCREEN_PLAIN);

	screen_left(s, row, NAME_COLUMNS, r->name);
	screen_right(s, row, 16, cli_text_count(a, r->values[TOPIC_EVENTS]));
	screen_right(s, row, 11, cli_text_bytes(a, r->values[TOPIC_BYTES]));
	screen_right(s, row, 10, cli_text_rate(a, r->rate));
	screen_right(s, row, 11, cli_text_bytes(a, (uint64_t)r->byte_rate));
}

static void member(struct screen *s, const struct look_row *r)
{
	char a[CLI_TEXT_BYTES];
	bool over = r->values[MEMBER_SESSION_OVER] != 0;
	struct screen_row *row = screen_add(s, over ? SCREEN_BAD : SCREEN_PLAIN);

	screen_left(s, row, NAME_COLUMNS, r->name);
	screen_put(s, row, " ");
	screen_left(s, row, NAME_COLUMNS, r->of);
	screen_right(s, row, 10, cli_text_rate(a, r->rate));
	screen_right(s, row, 11,
		     r->values[MEMBER_IDLE_NS] == 0 ? "waits"
						    : cli_text_ns(a, r->values[MEMBER_IDLE_NS]));
	screen_put(s, row, r->values[MEMBER_READS_DISK] != 0 ? "  reads the disk" : "");
	screen_put(s, row, over ? "  session is over" : "");
}

static void alert(struct screen *s, const struct look_row *r)
{
	char a[CLI_TEXT_BYTES];
	bool fires = r->values[ALERT_FIRING] != 0;
	struct screen_row *row = screen_add(s, fires ? SCREEN_BAD : SCREEN_PLAIN);

	screen_left(s, row, NAME_COLUMNS, r->name);
	screen_put(s, row, " ");
	screen_left(s, row, 16, r->of);
	screen_right(s, row, 7, fires ? "FIRES" : "quiet");
	screen_right(s, row, 10,
		     r->values[ALERT_CHANGED_NS] == 0
			     ? "-"
			     : cli_text_ns(a, r->values[ALERT_CHANGED_NS]));
	screen_right(s, row, 13, print_alert_number(a, r, r->values[ALERT_VALUE]));
	screen_printf(s, row, " of %s", print_alert_number(a, r, r->values[ALERT_RAISE_AT]));
}

/* With its last error, until it has run for longer than what anybody looks at. */
static void bridges(struct screen *s, const struct look *l, const struct view *v)
{
	const struct look_table *t = &l->tables[LOOK_BRIDGE];
	static const char title[] =
		"BRIDGE                      STATE   EVENTS/s    BYTES/s        LAG  LOST DEAD";
	char a[CLI_TEXT_BYTES];
	bool begun = false;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct look_row *r = &t->rows[i];
		bool bad = look_bridge_is_bad(l, r);
		if (!is_shown(v, r))
			continue;
		if (!begun)
			heading(s, title);
		begun = true;
		struct screen_row *row = screen_add(s, bad ? SCREEN_BAD : SCREEN_PLAIN);
		screen_left(s, row, NAME_COLUMNS, r->name);
		screen_right(s, row, 11, look_bridge_state(l, r));
		screen_right(s, row, 11, cli_text_rate(a, r->rate));
		screen_right(s, row, 11, cli_text_bytes(a, (uint64_t)r->byte_rate));
		screen_right(s, row, 11, cli_text_count(a, r->values[BRIDGE_LAG_EVENTS]));
		screen_right(s, row, 5, cli_text_count(a, r->values[BRIDGE_RETRIES]));
		screen_right(s, row, 5, cli_text_count(a, r->values[BRIDGE_DEAD_LETTERS]));
		const struct look_row *e = look_find(l, LOOK_BRIDGE_ERROR, r->name);
		if (e == NULL)
			continue;
		row = screen_add(s, bad ? SCREEN_BAD : SCREEN_PLAIN);
		screen_printf(s, row, "%8llu  %s  %s",
			      (unsigned long long)e->values[BRIDGE_ERROR_TIMES],
			      cli_text_time(a, e->values[BRIDGE_ERROR_LAST_NS] / 1000), e->of);
	}
}

static void stage(struct screen *s, const struct look_row *r)
{
	char a[CLI_TEXT_BYTES];
	struct screen_row *row = screen_add(s, SCREEN_PLAIN);

	screen_left(s, row, NAME_COLUMNS, r->name);
	screen_right(s, row, 8, cli_text_count(a, r->values[STAGE_WORKERS]));
	screen_right(s, row, 11, cli_text_rate(a, r->rate));
	screen_right(s, row, 11, cli_text_rate(a, r->byte_rate));
	screen_right(s, row, 11, cli_text_count(a, r->values[STAGE_DROPPED]));
	screen_right(s, row, 9, cli_text_count(a, r->values[STAGE_REFUSED]));
}

static void producer(struct screen *s, const struct look_row *r)
{
	char a[CLI_TEXT_BYTES];
	struct screen_row *row = screen_add(s, SCREEN_PLAIN);

	screen_left(s, row, NAME_COLUMNS, r->of[0] != '\0' ? r->of : r->name);
	screen_right(s, row, 16, cli_text_rate(a, r->rate));
	screen_right(s, row, 11, cli_text_bytes(a, (uint64_t)r->byte_rate));
	screen_right(s, row, 11, cli_text_bytes(a, r->values[PRODUCER_WAITING_BYTES]));
	screen_right(s, row, 11, cli_text_count(a, r->values[PRODUCER_REFUSED]));
}

static void thread(struct screen *s, const struct look_row *r)
{
	char a[CLI_TEXT_BYTES];
	struct screen_row *row = screen_add(s, SCREEN_PLAIN);

	screen_left(s, row, NAME_COLUMNS, r->name);
	screen_printf(s, row, "%15.1f%%", r->rate / 1e7);
	screen_right(s, row, 11, cli_text_rate(a, r->byte_rate));
	if (r->values[THREAD_LAST_CPU] > 0)
		screen_printf(s, row, "%11llu", (unsigned long long)r->values[THREAD_LAST_CPU] - 1);
}

static void section(struct screen *s, const struct look_table *t, const struct view *v,
		    const char *title, void (*print)(struct screen *s, const struct look_row *row))
{
	bool begun = false;

	for (uint32_t i = 0; i < t->count; i++) {
		if (!is_shown(v, &t->rows[i]))
			continue;
		if (!begun)
			heading(s, title);
		begun = true;
		print(s, &t->rows[i]);
	}
}

static void errors(struct screen *s, const struct look *l)
{
	char a[CLI_TEXT_BYTES];

	if (l->error_count > 0)
		heading(s, "   COUNT  LAST                         WHAT WAS SAID");
	for (uint32_t i = l->error_count; i-- > 0;) {
		const struct weir_metrics_error *e = &l->errors[i];
		struct screen_row *row = screen_add(s, e->code != 0 ? SCREEN_BAD : SCREEN_PLAIN);
		screen_printf(s, row, "%8llu  %s  %s", (unsigned long long)e->count,
			      cli_text_time(a, e->last_ns / 1000), e->text);
	}
}

static void pipelines(struct screen *s, const struct find *f)
{
	char a[CLI_TEXT_BYTES];

	heading(s, "PIPELINE                  PROCESS     STATE   RECORDS/s");
	for (uint32_t i = 0; i < f->count; i++) {
		const struct look *l = f->looks[i];
		struct screen_row *row = screen_add(s, is_usable(l) ? SCREEN_PLAIN : SCREEN_BAD);
		screen_left(s, row, NAME_COLUMNS, l->about.name);
		screen_printf(s, row, "%11llu%10s", (unsigned long long)l->about.pid,
			      look_state(l));
		screen_right(s, row, 12, cli_text_rate(a, l->rates[LOOK_RECORDS]));
	}
}

bool screen_build(struct screen *s, const struct find *f, const struct view *v, uint32_t columns)
{
	s->count = 0;
	s->columns = columns < SCREEN_COLUMNS_MAX ? columns : SCREEN_COLUMNS_MAX;
	s->ascii = v->ascii;
	head(s, f, v);
	if (f->count == 0)
		return s->rows != NULL;
	const struct look *l = f->looks[v->pipeline];
	section(s, &l->tables[LOOK_ALERT], v,
		"ALERT                  OF                STATE     SINCE        VALUE RAISED AT",
		alert);
	bool whole = subscriptions(s, l, v);
	bridges(s, l, v);
	section(s, &l->tables[LOOK_TOPIC], v,
		"TOPIC                           EVENTS      BYTES  EVENTS/s    BYTES/s", topic);
	section(s, &l->tables[LOOK_MEMBER], v,
		"MEMBER                 SUBSCRIPTION              DONE/s       IDLE", member);
	section(s, &l->tables[LOOK_PRODUCER], v,
		"PRODUCER                     ORDERED/s    BYTES/s    WAITING    REFUSED",
		producer);
	section(s, &l->tables[LOOK_STAGE], v,
		"STAGE                  WORKERS    ITEMS/s   PUSHED/s    DROPPED  REFUSED", stage);
	section(s, &l->tables[LOOK_THREAD], v,
		"THREAD                             CPU    PARKS/s        CPU", thread);
	errors(s, l);
	if (f->count > 1)
		pipelines(s, f);
	return whole && s->rows != NULL && !l->no_memory;
}
