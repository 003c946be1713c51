/* SPDX-License-Identifier: Apache-2.0 */
/* See ring_threshold.h. Thread: main; pure. */
#include "tools/weir/ring_threshold.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/text/nearest.h"
#include "tools/weir/json_out.h"
#include "tools/weir/ring_compare.h"

enum need { NEED_PEERS, NEED_RTT, NEED_COMPARE, NEED_COMPARE_RTT };

struct ring_gauge {
	const char *name;
	enum need need;
	bool counts; /* 0 is good: the name alone is an expression */
	double (*read)(const struct ring_report *report);
};

static double read_lost(const struct ring_report *report)
{
	uint32_t lost;

	return ring_report_geomean(report, &lost) > 0 ? (double)lost : (double)NAN;
}

static double read_geomean(const struct ring_report *report)
{
	uint32_t lost;
	double mean = ring_report_geomean(report, &lost);

	return mean > 0 ? mean : NAN;
}

static double read_ratio(const struct ring_report *report)
{
	double least = NAN;

	for (uint32_t i = 0; i < report->cell_count; i++) {
		struct ring_summary s;
		ring_summarize(&report->cells[i], report->peer_count, report->rounds, &s);
		if (s.best_peer >= 0 && !(s.ratio >= least))
			least = s.ratio;
	}
	return least;
}

static double rtt_to(const struct ring_report *report, const struct ring_trip_times *floor)
{
	return report->has_rtt && floor->p50 > 0 ? (double)report->rtt.weir.p50 / (double)floor->p50
						 : NAN;
}

static double read_rtt(const struct ring_report *report)
{
	return rtt_to(report, &report->rtt.line);
}

static double read_rtt_pair(const struct ring_report *report)
{
	return rtt_to(report, &report->rtt.pair);
}

static double read_rtt_ns(const struct ring_report *report)
{
	return report->has_rtt ? (double)report->rtt.weir.p50 : NAN;
}

/* None of the cells was there before: nothing was compared. */
static bool compared(const struct ring_report *report)
{
	const struct ring_comparison *c = report->comparison;

	return c != NULL && c->counts[RING_NEW] < report->cell_count;
}

static double read_slower(const struct ring_report *report)
{
	return compared(report) ? report->comparison->slower : NAN;
}

static double read_worse(const struct ring_report *report)
{
	return compared(report) ? report->comparison->counts[RING_WORSE] : (double)NAN;
}

static double read_rtt_slower(const struct ring_report *report)
{
	return report->comparison != NULL && report->comparison->rtt_ratio > 0
		       ? report->comparison->rtt_ratio - 1
		       : NAN;
}

static double read_other_machine(const struct ring_report *report)
{
	return report->comparison != NULL ? report->comparison->other_machine : (double)NAN;
}

static const struct ring_gauge gauges[] = {
	{"loss", NEED_PEERS, true, read_lost},
	{"cells_lost", NEED_PEERS, true, read_lost},
	{"geomean", NEED_PEERS, false, read_geomean},
	{"ratio", NEED_PEERS, false, read_ratio},
	{"rtt", NEED_RTT, false, read_rtt},
	{"rtt_pair", NEED_RTT, false, read_rtt_pair},
	{"rtt_ns", NEED_RTT, false, read_rtt_ns},
	{"slower", NEED_COMPARE, true, read_slower},
	{"cells_worse", NEED_COMPARE, true, read_worse},
	{"rtt_slower", NEED_COMPARE_RTT, true, read_rtt_slower},
	{"other_machine", NEED_COMPARE, true, read_other_machine},
};

static const char *const operators[] = {"<", "<=", ">", ">=", "==", "!="};

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static const struct ring_gauge *find_gauge(const char *name, size_t bytes, char *why,
					   size_t why_bytes)
{
	const char *names[WR_ARRAY_COUNT(gauges) + 1] = {NULL};
	char asked[40];

	for (size_t i = 0; i < WR_ARRAY_COUNT(gauges); i++) {
		if (strlen(gauges[i].name) == bytes && memcmp(gauges[i].name, name, bytes) == 0)
			return &gauges[i];
		names[i] = gauges[i].name;
	}
	(void)snprintf(asked, sizeof asked, "%.*s", (int)wr_min_u64(bytes, sizeof asked - 1), name);
	const char *nearest = wr_nearest(asked, names);
	if (bytes == 0)
		(void)snprintf(why, why_bytes, "begins with no name");
	else if (nearest != NULL)
		(void)snprintf(why, why_bytes, "knows no \"%s\"; did you mean %s?", asked, nearest);
	else
		(void)snprintf(why, why_bytes, "knows no \"%s\"", asked);
	return NULL;
}

/* The longest operator at p, or -1. */
static int take_operator(const char **p)
{
	int found = -1;

	for (int i = 0; i < (int)WR_ARRAY_COUNT(operators); i++) {
		size_t bytes = strlen(operators[i]);
		if (strncmp(*p, operators[i], bytes) == 0 &&
		    (found < 0 || bytes > strlen(operators[found])))
			found = i;
	}
	if (found >= 0)
		*p = skip_blanks(*p + strlen(operators[found]));
	return found;
}

/* Digits and a point, no sign, no exponent, no words: strtod() takes more than that. */
static bool take_number(const char **p, double *ret_number)
{
	size_t digits = strspn(*p, "0123456789");
	size_t bytes = digits;

	if (digits == 0)
		return false;
	if ((*p)[bytes] == '.') {
		size_t behind = strspn(*p + bytes + 1, "0123456789");
		if (behind == 0)
			return false;
		bytes += 1 + behind;
	}
	char text[40];
	if (bytes >= sizeof text)
		return false;
	memcpy(text, *p, bytes);
	text[bytes] = '\0';
	*ret_number = strtod(text, NULL);
	*p += bytes;
	if (**p == '%') {
		*ret_number /= 100;
		*p += 1;
	}
	*p = skip_blanks(*p);
	return true;
}

static const char *lacking(enum need need, const struct ring_threshold_means *means)
{
	if (need == NEED_PEERS && !means->peers)
		return "needs --peers";
	if ((need == NEED_COMPARE || need == NEED_COMPARE_RTT) && !means->compare)
		return "needs --compare";
	if ((need == NEED_RTT || need == NEED_COMPARE_RTT) && !means->rtt)
		return "cannot be told with --no-rtt";
	return NULL;
}

int ring_threshold_parse(const char *text, const struct ring_threshold_means *means,
			 struct ring_threshold *ret_threshold, char *why, size_t why_bytes)
{
	const char *p = skip_blanks(text);
	size_t bytes = strspn(p, "abcdefghijklmnopqrstuvwxyz_0123456789");
	struct ring_threshold t = {.text = text, .op = RING_ABOVE};

	t.gauge = find_gauge(p, bytes, why, why_bytes);
	if (t.gauge == NULL)
		return -EINVAL;
	p = skip_blanks(p + bytes);
	if (*p == '\0') {
		if (!t.gauge->counts) {
			(void)snprintf(why, why_bytes, "%s needs a limit, as in %s%s",
				       t.gauge->name, t.gauge->name,
				       t.gauge->need == NEED_RTT ? ">1.15" : "<1.3");
			return -EINVAL;
		}
	} else {
		int op = take_operator(&p);
		if (op < 0 || !take_number(&p, &t.limit) || *p != '\0') {
			(void)snprintf(why, why_bytes,
				       "\"%.40s\" is no comparison, as in cells_lost>0, "
				       "geomean<1.3, slower>5%%",
				       text);
			return -EINVAL;
		}
		t.op = (enum ring_operator)op;
	}
	const char *lack = lacking(t.gauge->need, means);
	if (lack != NULL) {
		(void)snprintf(why, why_bytes, "%s %s", t.gauge->name, lack);
		return -EINVAL;
	}
	*ret_threshold = t;
	return 0;
}

static bool holds(double value, enum ring_operator op, double limit)
{
	switch (op) {
	case RING_BELOW:
		return value < limit;
	case RING_AT_MOST:
		return value <= limit;
	case RING_ABOVE:
		return value > limit;
	case RING_AT_LEAST:
		return value >= limit;
	case RING_EQUAL:
		return fabs(value - limit) < 1e-9;
	case RING_UNEQUAL:
		return fabs(value - limit) >= 1e-9;
	}
	return true;
}

uint32_t ring_threshold_judge(struct ring_threshold *thresholds, uint32_t count,
			      const struct ring_report *report)
{
	uint32_t crossed = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct ring_threshold *t = &thresholds[i];
		t->value = t->gauge->read(report);
		t->crossed = isnan(t->value) || holds(t->value, t->op, t->limit);
		crossed += t->crossed;
	}
	return crossed;
}

void ring_threshold_text(const struct ring_threshold *thresholds, uint32_t count, FILE *to)
{
	if (count > 0)
		fputc('\n', to);
	for (uint32_t i = 0; i < count; i++) {
		const struct ring_threshold *t = &thresholds[i];
		if (isnan(t->value))
			fprintf(to, "fail-if     %s: FAILED, it cannot be told\n", t->text);
		else
			fprintf(to, "fail-if     %s: %s, %s is %.4g\n", t->text,
				t->crossed ? "FAILED" : "good", t->gauge->name, t->value);
	}
}

void ring_threshold_json(struct json_out *j, const struct ring_threshold *thresholds,
			 uint32_t count)
{
	json_array(j, "thresholds");
	for (uint32_t i = 0; i < count; i++) {
		json_object(j, NULL);
		json_text(j, "fail_if", thresholds[i].text);
		json_f64(j, "value", thresholds[i].value, 4);
		json_bool(j, "crossed", thresholds[i].crossed);
		json_close(j);
	}
	json_close(j);
}
