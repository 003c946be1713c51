/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir_journal_spans(): one walk through a journal, in the order of the log. An event in the range
 * is told and remembered; what settles one, or says that it failed, comes behind it:
 *
 *   PROGRESS   of a row: the events of its partition between `from` and `to`
 *   mark       of a queue: events that it has outstanding from here on
 *   SETTLE     of a queue: those of them that lie in its runs
 *   REJECT     of a queue: one of them failed
 *   an event with an origin: it is a dead letter, and the settle in its run is no handling
 *
 * Bytes are hostile: they were verified, which says that they are as they were written, and every
 * reader of a record checks what it reads.
 *
 * Thread: the caller's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/sharing.h>

#include "core/otlp/spans.h"
#include "core/pipeline/spans.h"
#include "core/record/share.h"
#include "io/journal_inspect.h"

struct walk {
	struct wr_inspect in;
	struct wr_spans spans;
	const struct weir_span_options *options;
	const struct weir_journal_visitor *range; /* NULL: everything */
	uint64_t events;
};

static int problem_of(struct weir_problem *problem, int code, const char *field, const char *text)
{
	if (problem != NULL) {
		*problem = (struct weir_problem){.code = code};
		snprintf(problem->field, sizeof problem->field, "%s", field);
		snprintf(problem->text, sizeof problem->text, "%s", text);
	}
	return code;
}

static const char *topic_name(void *context, uint32_t topic)
{
	const struct wr_inspect *in = &((struct walk *)context)->in;
	return topic < in->topic_count && in->topics[topic].partitions > 0 ? in->topics[topic].name
									   : NULL;
}

static const char *group_name(void *context, uint32_t subscription)
{
	const struct wr_inspect *in = &((struct walk *)context)->in;
	bool is_known = subscription < in->subscription_count &&
			in->subscriptions[subscription].name[0] != '\0';
	return is_known ? in->subscriptions[subscription].name : NULL;
}

/* ---- handled ---- */

static void settled(struct walk *w, struct wr_traced *e, uint32_t subscription, uint32_t generation,
		    uint32_t attempt, uint64_t time_us)
{
	const struct wr_handling h = {.subscription = subscription,
				      .generation = generation,
				      .attempt = attempt,
				      .redelivered = attempt > 1,
				      .ended_ns = time_us * 1000};
	wr_spans_handled(&w->spans, e, &h);
}

static void see_progress(struct walk *w, const struct wr_record_view *view, uint64_t time_us)
{
	struct wr_control_progress progress;
	uint32_t subscription = view->head->topic, topic, partition;
	struct wr_traced *e;
	uint64_t place = 0;
	if (!wr_control_progress_read(view, &progress) || progress.events == 0 ||
	    !wr_inspect_row(&w->in, subscription, view->head->key_hash, &topic, &partition) ||
	    w->in.subscriptions[subscription].is_filtered)
		return;
	while ((e = wr_traced_next(&w->spans.table, progress.from, &place)) != NULL &&
	       e->sequence < progress.to)
		if (e->topic == topic && e->partition == partition)
			settled(w, e, subscription, progress.generation, 0, time_us);
}

static struct wr_traced_queue *queue_of(struct wr_traced *e, uint32_t subscription)
{
	for (uint32_t i = 0; i < e->queue_count; i++)
		if (e->queues[i].subscription == subscription)
			return &e->queues[i];
	return NULL;
}

static void leave_queue(struct wr_traced *e, struct wr_traced_queue *queue)
{
	*queue = e->queues[--e->queue_count];
}

static void see_mark(struct walk *w, const struct wr_record_view *view)
{
	struct wr_mark_view mark;
	struct wr_mark_event event;
	if (!wr_mark_read(view, &mark))
		return;
	while (wr_mark_next(&mark, &event)) {
		struct wr_traced *e = wr_traced_find(&w->spans.table, event.seq);
		if (e == NULL || e->queue_count == WR_TRACED_QUEUES ||
		    queue_of(e, view->head->topic) != NULL)
			continue;
		e->queues[e->queue_count++] =
			(struct wr_traced_queue){.subscription = view->head->topic};
	}
}

static void see_settle(struct walk *w, const struct wr_record_view *view, uint64_t time_us)
{
	struct wr_settle_view settle;
	struct wr_settle_run run;
	uint32_t subscription = view->head->topic;
	if (!wr_settle_read(view, &settle))
		return;
	while (wr_settle_next(&settle, &run)) {
		struct wr_traced *e;
		uint64_t place = 0;
		while ((e = wr_traced_next(&w->spans.table, run.first, &place)) != NULL &&
		       e->sequence <= run.last) {
			struct wr_traced_queue *queue = queue_of(e, subscription);
			if (queue == NULL)
				continue;
			settled(w, e, subscription, run.generation, queue->attempts + 1, time_us);
			leave_queue(e, queue);
		}
	}
}

static const char *error_of(uint32_t verdict)
{
	switch (verdict) {
	case WR_VERDICT_RETRY:
		return "failed";
	case WR_VERDICT_EXPIRED:
		return "lease over";
	case WR_VERDICT_DEAD:
		return "dead";
	default:
		return NULL;
	}
}

static void see_reject(struct walk *w, const struct wr_record_view *view, uint64_t time_us)
{
	struct wr_reject reject;
	const char *text;
	if (!wr_reject_read(view, &reject, &text))
		return;
	struct wr_traced *e = wr_traced_find(&w->spans.table, reject.seq);
	struct wr_traced_queue *queue = e != NULL ? queue_of(e, view->head->topic) : NULL;
	if (queue == NULL)
		return;
	struct wr_handling h = {.subscription = view->head->topic,
				.generation = reject.generation,
				.attempt = queue->attempts + 1,
				.redelivered = queue->attempts > 0,
				.ended_ns = time_us * 1000,
				.error = error_of(reject.verdict),
				.reason = reject.reason};
	if (h.error != NULL) {
		wr_spans_handled(&w->spans, e, &h);
		queue->attempts++;
	} else if (reject.verdict == WR_VERDICT_REDRIVEN) {
		queue->attempts = 0;
	} else if (reject.verdict == WR_VERDICT_GIVEN_UP) {
		leave_queue(e, queue);
	}
}

/* ---- the walk ---- */

static bool is_in_range(const struct walk *w, const struct weir_item *item)
{
	const struct weir_journal_visitor *r = w->range;
	return r == NULL ||
	       (item->sequence >= r->from_sequence && item->sequence < r->end_sequence &&
		item->append_time_us >= r->from_time_us && item->append_time_us < r->end_time_us);
}

/* Of a dead letter: who died there has it no more, and its settle is none of a handler's. Where its
 * key is parked behind it, it stays. */
static void see_copy(struct walk *w, const struct weir_item *item)
{
	struct weir_origin from;
	if (!weir_item_origin(item, &from) || from.unrouted || from.bound || from.parked ||
	    item->topic == from.topic)
		return;
	struct wr_traced *e = wr_traced_find(&w->spans.table, from.sequence);
	struct wr_traced_queue *queue = e != NULL ? queue_of(e, from.subscription) : NULL;
	if (queue != NULL)
		leave_queue(e, queue);
}

static int see_event(struct walk *w, const struct weir_item *item)
{
	struct wr_record_view view;
	uint64_t time_us = item->append_time_us;
	const struct wr_record *head = item->record;
	if (wr_record_is_user_event(head)) {
		if (is_in_range(w, item) && wr_spans_event(&w->spans, item, 0) != NULL)
			w->events++;
		see_copy(w, item);
	} else if (wr_record_view(head, head->bytes, &view)) {
		if (head->kind == WR_KIND_PROGRESS)
			see_progress(w, &view, time_us);
		else if (head->kind == WR_KIND_HANDOUT_MARK)
			see_mark(w, &view);
		else if (head->kind == WR_KIND_SETTLE)
			see_settle(w, &view, time_us);
		else if (head->kind == WR_KIND_REJECT)
			see_reject(w, &view, time_us);
	}
	return w->spans.out.code;
}

static int see_events(void *context, const struct weir_journal_events *events)
{
	int code = 0;
	for (size_t i = 0; code == 0 && i < events->count; i++)
		code = see_event(context, &events->items[i]);
	return code;
}

static int on_batch(void *context, const struct wr_batch_header *batch)
{
	struct walk *w = context;
	return wr_inspect_batch(&w->in, batch);
}

static int on_segment(void *context, const struct wr_segment_summary *summary)
{
	struct walk *w = context;
	return w->range != NULL ? wr_inspect_show_segment(w->range, summary) : 0;
}

static int on_damage(void *context, const struct wr_damage *damage)
{
	struct walk *w = context;
	return w->range != NULL ? wr_inspect_show_damage(w->range, damage) : 0;
}

static int check(const struct weir_span_options *o, const struct weir_journal_visitor *range,
		 struct weir_problem *problem)
{
	if (range != NULL && range->struct_bytes != sizeof *range)
		return problem_of(problem, -EINVAL, "range",
				  "a visitor from weir_journal_visitor_init()");
	return wr_span_options_check(o, problem);
}

static int run(struct walk *w, struct weir_problem *problem)
{
	struct wr_verify_report report = {0};
	const struct wr_verify_visitor visitor = {
		.segment = on_segment, .damage = on_damage, .batch = on_batch, .context = w};
	int code = wr_verify_run(w->in.storage, &w->in.memory.memory, 0, UINT64_MAX, &visitor,
				 &report, problem);
	return code == 0 ? wr_otlp_flush(&w->spans.out) : code;
}

/* What the journal's id makes is made once that is known. */
static int begin(struct walk *w, char *line, void *table, struct weir_problem *problem)
{
	const struct weir_span_options *o = w->options;
	struct wr_superblock superblock;
	int code = wr_verify_superblock(w->in.storage, &w->in.memory.memory, &superblock, problem);
	if (code != 0)
		return code;
	w->spans.ratio = wr_trace_ratio(o->ratio);
	w->spans.wants = o->wanted_fn;
	w->spans.wants_context = o->context;
	w->spans.topic = topic_name;
	w->spans.group = group_name;
	w->spans.context = w;
	wr_traced_init(&w->spans.table, o->events_max, superblock.uuid, table);
	if (o->service == NULL || wr_otlp_init(&w->spans.out, line, o->service, superblock.uuid,
					       o->line_fn, o->context) != 0)
		return problem_of(problem, -EINVAL, "service", "1 to 128 bytes of UTF-8");
	return 0;
}

int weir_journal_spans(const char *dir, const struct weir_span_options *options,
		       const struct weir_journal_visitor *range,
		       struct weir_span_report *ret_report, struct weir_problem *reterr_problem)
{
	struct walk w = {.options = options, .range = range};
	struct weir_journal_visitor visitor;
	int code = check(options, range, reterr_problem);
	if (ret_report != NULL)
		*ret_report = (struct weir_span_report){0};
	if (code != 0)
		return code;
	weir_journal_visitor_init(&visitor);
	visitor.control = true;
	visitor.cached = range != NULL && range->cached;
	visitor.events = see_events;
	visitor.context = &w;
	char *line = malloc(WR_OTLP_LINE_BYTES);
	void *table = malloc(wr_traced_bytes(options->events_max));
	if (line == NULL || table == NULL)
		code = problem_of(reterr_problem, -ENOMEM, "", weir_strerror(-ENOMEM));
	if (code == 0) {
		code = wr_inspect_open_with(&w.in, dir, &visitor, true, reterr_problem);
		if (code == 0)
			code = begin(&w, line, table, reterr_problem);
		if (code == 0)
			code = run(&w, reterr_problem);
		wr_inspect_close(&w.in);
	}
	if (ret_report != NULL)
		*ret_report = (struct weir_span_report){.events = w.events,
							.spans = w.spans.out.spans,
							.lines = w.spans.out.lines,
							.too_large = w.spans.out.too_large};
	free(line);
	free(table);
	return code;
}
