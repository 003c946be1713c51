/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/weir/trace_otlp.h"

#include <errno.h>
#include <weir/spans.h>

#include "core/base/bits.h"
#include "tools/weir/range.h"

#define EVENT_BYTES 250u
#define EVENTS_MIN 16u
#define EVENTS_MAX 1048576u

/* By hand: strtod() goes by the locale. */
bool trace_otlp_check(struct trace_otlp *t)
{
	const char *c = t->ratio_text;
	double whole = 0, part = 0, scale = 1;
	bool any = false;
	for (; *c >= '0' && *c <= '9'; c++, any = true)
		whole = whole * 10 + (*c - '0');
	if (*c == '.') {
		for (c++; *c >= '0' && *c <= '9'; c++, any = true) {
			part = part * 10 + (*c - '0');
			scale *= 10;
		}
	}
	t->ratio = whole + part / scale;
	return any && *c == '\0' && t->ratio <= 1;
}

static int print_line(void *context, const char *line, size_t line_bytes)
{
	struct trace_otlp *t = context;
	return fwrite(line, 1, line_bytes, t->to) == line_bytes ? 0 : -EIO;
}

/* Events stand in the order of the log. */
static bool is_found(void *context, const struct weir_item *item)
{
	const struct trace_search *s = ((struct trace_otlp *)context)->found;
	uint32_t low = 0, high = s->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (s->events[middle].sequence < item->sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->count && s->events[low].sequence == item->sequence;
}

static int see_damage(void *context, const struct weir_journal_damage *damage)
{
	struct trace_otlp *t = context;
	/* A search has told of it. */
	if (!damage->corrupt || t->found != NULL)
		return 0;
	t->damages++;
	return t->damage(NULL, damage);
}

int trace_otlp_run(struct trace_otlp *t, const char *dir, struct weir_problem *problem)
{
	struct weir_journal_visitor range;
	struct weir_span_options options;
	weir_journal_visitor_init(&range);
	range_set(&range, &t->from, &t->to_point);
	range.damage = see_damage;
	range.context = t;
	weir_span_options_init(&options);
	options.service = t->service;
	options.ratio = t->ratio;
	options.line_fn = print_line;
	options.context = t;
	uint64_t events = wr_min_u64(t->memory_max / EVENT_BYTES, EVENTS_MAX);
	options.events_max = (uint32_t)wr_max_u64(events, EVENTS_MIN);
	if (t->found != NULL)
		options.wanted_fn = is_found;
	int code = weir_journal_spans(dir, &options, &range, NULL, problem);
	return code == 0 && fflush(t->to) != 0 ? -EIO : code;
}
