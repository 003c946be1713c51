/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir trace --otlp` and weir_journal_spans() make spans of a journal that OpenTelemetry
 *         reads: publications with their parents, settles and failures with links to what was
 *         before, copies linked to what they are of; of what is asked for, in a range, or sampled.
 * Method: events with ids and traces through a pipeline, and a queue with retries, dead letters and
 *         a redrive, and the commands in a child process, judged by text, exit code and a check in
 *         Python that was written from the format. The table of what is remembered by itself.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include <weir/spans.h>

#include "core/otlp/spans.h"
#include "tests/support/capture.h"
#include "tests/support/otlp_check.h"
#include "tests/support/queue_bed.h"
#include "tools/weir/args.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SAMPLED "00-" TRACE "-b7ad6b7169203331-01"
#define NOT_SAMPLED "00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

static struct fixture f;
static struct capture c;
static struct weir_producer *producer;
static uint32_t orders;
static char span[8192], other[8192], id[33], id2[33];

#define OTLP(...) CAPTURE(&c, cmd_trace, "trace", "--otlp", f.dir, __VA_ARGS__)

static uint64_t publish(const char *event_id, const char *flow, const char *cause,
			const char *parent)
{
	static const uint64_t number = 5;
	struct weir_ids ids = {.event_id = event_id,
			       .event_id_bytes = (uint16_t)strlen(event_id),
			       .correlation_id = flow,
			       .correlation_id_bytes = (uint16_t)strlen(flow),
			       .causation_id = cause,
			       .causation_id_bytes = (uint16_t)strlen(cause),
			       .traceparent = parent,
			       .traceparent_bytes = (uint16_t)strlen(parent),
			       .tracestate = "vendor=7",
			       .tracestate_bytes = 8};
	struct weir_event event = fixture_event(orders, NULL, &number);
	uint64_t ticket = 0;
	event.ids = &ids;
	event.event_time_us = 0;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

static void begin(void)
{
	fixture_begin(&f, FIXTURE_DURABLE);
	orders = fixture_topic(&f, "orders", 3);
	producer = fixture_producer(&f, "shop");
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "billing", "orders"), "one");
	publish("order-1", "", "", SAMPLED);
	publish("quiet", "", "", NOT_SAMPLED);
	publish("paid-1", "order-1", "order-1", SAMPLED);
	publish("root", "", "", "");
	publish("\x01\"\\\xff", "root", "root", "");
	fixture_wait(producer, publish("", "root", "root", ""));
	cr_assert_eq(fixture_poll(member, NULL, 0, 6, true), 6);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(spans_cli, .timeout = 60);

Test(spans_cli, a_flow_is_a_trace_and_effects_are_children, .init = begin, .fini = teardown)
{
	OTLP("--service", "till \"1\"");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect(otlp_is_good(c.out, 10), "%s", c.out);
	cr_expect_eq(otlp_count(c.out, "\n"), 1);
	cr_expect(capture_has(c.out,
			      "\"service.name\",\"value\":{\"stringValue\":\"till \\\"1\\\"\""));
	cr_expect_eq(otlp_count(c.out, "\"name\":\"publish orders\",\"kind\":4"), 5);
	cr_expect_eq(otlp_count(c.out, "\"name\":\"settle orders\",\"kind\":5"), 5);
	cr_expect_eq(otlp_count(c.out, "\"stringValue\":\"billing\""), 5);
	cr_expect_eq(otlp_count(c.out, "quiet"), 0);

	/* The traceparent's parent; then the cause's span, of the same trace. */
	otlp_span(c.out, "publish", "\"order-1\"}},{\"key\":\"weir.place\"", span, sizeof span);
	cr_expect_str_eq(otlp_id(span, "traceId", id), TRACE);
	cr_expect_str_eq(otlp_id(span, "parentSpanId", id), "b7ad6b7169203331");
	cr_expect_not_null(strstr(span, "\"traceState\":\"vendor=7\""));
	cr_expect_not_null(strstr(span, "\"flags\":769"), "remote: %s", span);
	otlp_id(span, "spanId", id);
	otlp_span(c.out, "publish", "\"paid-1\"", other, sizeof other);
	cr_expect_str_eq(otlp_id(other, "parentSpanId", id2), id);
	cr_expect_not_null(strstr(other, "\"flags\":257"), "%s", other);
	otlp_span(c.out, "settle", "\"order-1\"", other, sizeof other);
	cr_expect_str_eq(otlp_id(other, "parentSpanId", id2), id);

	/* Without a traceparent: of the flow's trace, and a child by its causation id. */
	otlp_span(c.out, "publish", "\"root\"}},{\"key\":\"weir.place\"", span, sizeof span);
	otlp_span(c.out, "publish", "\\u0001\\\"\\\\\xef\xbf\xbd", other, sizeof other);
	cr_expect_str_eq(otlp_id(span, "traceId", id), otlp_id(other, "traceId", id2));
	cr_expect_str_eq(otlp_id(span, "spanId", id), otlp_id(other, "parentSpanId", id2));
	cr_expect_str_eq(otlp_id(span, "parentSpanId", id), "");
	cr_expect_null(strstr(span, "traceState"), "%s", span);
}

Test(spans_cli, what_is_asked_for_is_what_comes, .init = begin, .fini = teardown)
{
	static char first[sizeof c.out];
	OTLP("--ratio", "0");
	cr_expect_eq(otlp_spans(c.out), 4u, "%s", c.out);
	OTLP("--ratio", "0.25");
	cr_assert_eq(c.exit_code, 0);
	memcpy(first, c.out, sizeof first);
	OTLP("--ratio", ".25");
	cr_expect_str_eq(c.out, first, "a trace is sampled or not, whoever looks");
	/* By id all of it, whatever its flag says. */
	OTLP("quiet");
	cr_expect_eq(otlp_spans(c.out), 2u, "%s", c.out);
	OTLP("paid-1");
	cr_expect_eq(otlp_spans(c.out), 4u, "%s", c.out);
	OTLP(TRACE);
	cr_expect_eq(otlp_spans(c.out), 4u, "%s", c.out);
	OTLP("nothing");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	cr_expect_str_eq(c.out, "");
	OTLP("--to", "1");
	cr_expect_eq(c.exit_code, 0);
	cr_expect_str_eq(c.out, "");
	OTLP("--from", "-1h", "--to", "-0s");
	cr_expect_eq(otlp_spans(c.out), 10u, "%s", c.out);
}

Test(spans_cli, what_makes_no_sense_is_refused, .init = begin, .fini = teardown)
{
	static const char *const bad[] = {"1.01", "-1", "1e0", "", ".", "x", "0.5 "};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		OTLP("--ratio", bad[i]);
		cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "\"%s\"", bad[i]);
	}
	OTLP("--json");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	OTLP("paid-1", "--ratio", "0.5");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	CAPTURE(&c, cmd_trace, "trace", f.dir, "paid-1", "--service", "x");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	OTLP("--service", "\xff");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "%d", c.exit_code);
	CAPTURE(&c, cmd_trace, "trace", "--otlp", "/nowhere");
	cr_expect_neq(c.exit_code, 0);

	struct weir_span_options o;
	struct weir_problem problem = {0};
	weir_span_options_init(&o);
	cr_expect_eq(weir_journal_spans(f.dir, &o, NULL, NULL, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "line_fn");
	cr_expect_eq(weir_journal_spans(f.dir, NULL, NULL, NULL, NULL), -EINVAL);
}

static int stop_at_line(void *context, const char *line, size_t line_bytes)
{
	uint32_t *lines = context;
	cr_expect_eq(line[line_bytes - 1], '\n');
	++*lines;
	return 77;
}

Test(spans_cli, who_gets_the_lines_may_stop_it, .init = begin, .fini = teardown)
{
	struct weir_span_options o;
	struct weir_span_report report;
	uint32_t lines = 0;
	weir_span_options_init(&o);
	o.line_fn = stop_at_line;
	o.context = &lines;
	o.events_max = 16;
	cr_expect_eq(weir_journal_spans(f.dir, &o, NULL, &report, NULL), 77);
	cr_expect_eq(lines, 1);
	cr_expect_eq(report.events, 5);
	cr_expect_eq(report.spans, 10);
	o.ratio = 1.5;
	cr_expect_eq(weir_journal_spans(f.dir, &o, NULL, NULL, NULL), -EINVAL);
}

/* ---- queues ---- */

static struct weir_member *worker;

static void fail_next(uint64_t number, enum weir_verdict verdict)
{
	struct weir_item item = queue_next(worker);
	struct weir_rejection r = {.verdict = verdict, .reason = 42, .text = "no such product"};
	cr_assert_eq(fixture_number(&item), number);
	cr_assert_eq(weir_reject(worker, &item, &r), 0);
	queue_commit(worker);
}

Test(spans_cli, retries_dead_letters_and_redrives_are_linked, .fini = queue_end)
{
	struct weir_redrive_options options;
	struct weir_redrive_progress progress = {0};
	struct weir_redrive *job;
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.order = WEIR_ORDER_NONE;
	queue_bed.options.dead_letters = "dead";
	uint32_t queue = queue_make();
	worker = queue_join(queue, 4);
	queue_publish(7, 8);
	fail_next(7, WEIR_VERDICT_RETRY);
	fail_next(7, WEIR_VERDICT_DEAD);
	(void)queue_lag(queue);
	weir_redrive_options_init(&options);
	options.dead_letters = queue_bed.dead_topic;
	cr_assert_eq(weir_redrive_open(queue_bed.f.pipeline, &options, &job, NULL), 0);
	while (!progress.done) {
		cr_assert_geq(weir_redrive_step(job, 1000000), 0);
		weir_redrive_progress(job, &progress);
	}
	cr_assert_eq(progress.copied, 1);
	cr_assert_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	struct weir_item item = queue_next(worker);
	cr_assert_eq(weir_ack(worker, &item), 0);
	queue_commit(worker);
	fixture_close(&queue_bed.f, NULL);

	CAPTURE(&c, cmd_trace, "trace", "--otlp", queue_bed.f.dir);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	/* Two failures; the letter and its handling by the job; the copy and its handling. */
	cr_expect(otlp_is_good(c.out, 7), "%s", c.out);
	cr_expect_eq(otlp_count(c.out, "\"code\":2"), 2, "%s", c.out);
	otlp_id(otlp_span(c.out, "settle", "\"failed\"", span, sizeof span), "spanId", id);
	otlp_span(c.out, "settle", "\"error.type\",\"value\":{\"stringValue\":\"dead\"}", other,
		  sizeof other);
	const char *links = strstr(other, "\"links\"");
	cr_assert_not_null(links, "%s", other);
	cr_expect_str_eq(otlp_id(links, "spanId", id2), id, "the attempt before");
	cr_expect_not_null(strstr(other, "\"weir.attempt\",\"value\":{\"intValue\":\"2\"}"));
	otlp_id(other, "spanId", id);
	otlp_span(c.out, "copy dead", "\"dead letter\"", span, sizeof span);
	cr_expect_not_null(strstr(span, id), "linked to what killed it: %s", span);
	cr_expect_not_null(strstr(span, "no such product"));
	otlp_span(c.out, "copy work", "\"redriven\"", span, sizeof span);
	cr_expect_not_null(strstr(span, "\"links\""), "%s", c.out);
	otlp_id(span, "traceId", id);
	cr_expect_eq(otlp_count(c.out, id), otlp_count(c.out, "\"traceId\""), "one trace");
}

/* ---- parts ---- */

Test(spans_cli, the_table_forgets_the_oldest_and_finds_the_rest)
{
	static const uint8_t journal[16] = {1, 2, 3};
	enum { ROOM = 7, ALL = 40 };
	_Alignas(8) static uint8_t memory[ROOM * sizeof(struct wr_traced) + 128];
	struct wr_traced_table t;
	cr_assert_leq(wr_traced_bytes(ROOM), sizeof memory);
	wr_traced_init(&t, ROOM, journal, memory);
	for (uint64_t n = 1; n <= ALL; n++) {
		char text[8];
		struct weir_item item = {.kind = WEIR_ITEM_EVENT, .sequence = 3 * n, .epoch = 1};
		/* Each fourth has the id of all fourths. */
		struct weir_ids ids = {.event_id = text};
		struct wr_trace trace;
		ids.event_id_bytes = (uint16_t)snprintf(text, sizeof text, "e%llu",
							(unsigned long long)(n % 4 ? n : 0));
		wr_trace_of(journal, &item, &ids, &trace);
		cr_assert_eq(wr_traced_put(&t, &item, &ids, &trace)->sequence, 3 * n);
		for (uint64_t k = 1; k <= n; k++) {
			char place[64];
			int bytes = snprintf(place, sizeof place, "weir:0:1:%llu",
					     (unsigned long long)(3 * k));
			bool there = k + ROOM > n;
			cr_assert_eq(wr_traced_find(&t, 3 * k) != NULL, there);
			cr_assert_eq(wr_traced_cause(&t, place, (size_t)bytes) != NULL, there);
			uint64_t at = 0;
			const struct wr_traced *next = wr_traced_next(&t, 3 * k - 1, &at);
			cr_assert_not_null(next);
			cr_assert_eq(next->sequence, there ? 3 * k : 3 * (n - ROOM + 1));
		}
		if (n >= 4)
			cr_assert_eq(wr_traced_cause(&t, "e0", 2)->sequence, 3 * (n - n % 4));
		cr_assert_null(wr_traced_find(&t, 3 * n + 1));
	}
	cr_expect_null(wr_traced_cause(&t, "weir:0:2:120", 12), "another epoch");
	cr_expect_null(wr_traced_cause(&t, "e1", 2));
}

Test(spans_cli, a_share_of_traces_is_about_its_ratio_and_grows_with_it)
{
	static const uint8_t journal[16] = {9};
	uint32_t tenth = 0, half = 0;
	for (uint64_t n = 1; n <= 4000; n++) {
		struct weir_item item = {.sequence = n, .epoch = 1};
		struct weir_ids ids = {0};
		struct wr_trace trace;
		wr_trace_of(journal, &item, &ids, &trace);
		bool in_tenth = wr_trace_sampled(&trace, wr_trace_ratio(0.1));
		bool in_half = wr_trace_sampled(&trace, wr_trace_ratio(0.5));
		cr_assert(!in_tenth || in_half);
		cr_assert(wr_trace_sampled(&trace, wr_trace_ratio(1)));
		cr_assert_not(wr_trace_sampled(&trace, wr_trace_ratio(0)));
		tenth += in_tenth;
		half += in_half;
	}
	cr_expect(tenth > 300 && tenth < 500, "%u", tenth);
	cr_expect(half > 1800 && half < 2200, "%u", half);
}

static char all_lines[16 * WR_OTLP_LINE_BYTES];
static size_t all_bytes;

static int keep_line(void *context, const char *line, size_t line_bytes)
{
	(void)context;
	cr_assert_leq(line_bytes, WR_OTLP_LINE_BYTES);
	cr_assert_lt(all_bytes + line_bytes, sizeof all_lines);
	memcpy(all_lines + all_bytes, line, line_bytes);
	all_bytes += line_bytes;
	return 0;
}

Test(spans_cli, no_text_is_too_long_for_a_line)
{
	static const uint8_t journal[16] = {9};
	static char buffer[WR_OTLP_LINE_BYTES], text[600], state[1000];
	struct wr_otlp o;
	struct wr_span s = {.trace_id = journal,
			    .span_id = 1,
			    .operation = "publish",
			    .topic = "t",
			    .tracestate = state,
			    .tracestate_bytes = sizeof state,
			    .kind = WR_SPAN_PRODUCER};
	memset(text, '\x01', sizeof text - 1);
	memset(state, '"', sizeof state);
	cr_assert_eq(wr_otlp_init(&o, buffer, "s", journal, keep_line, NULL), 0);
	for (uint32_t n = 0; n < 40; n++) {
		wr_otlp_span(&o, &s);
		for (uint32_t k = 0; k < n % 16; k++)
			wr_otlp_text(&o, "key", text, sizeof text);
		wr_otlp_number(&o, "n", n);
		wr_otlp_link(&o, journal, 2);
		wr_otlp_span_end(&o, text);
	}
	cr_assert_eq(wr_otlp_flush(&o), 0);
	cr_expect_eq(o.too_large, 0);
	cr_expect_eq(o.spans, 40);
	cr_expect_eq(otlp_count(all_lines, "\"n\",\"value\""), 40);
	cr_expect_eq(otlp_count(all_lines, "\n"), o.lines);
	/* What does not fit leaves what is there as it was. */
	wr_otlp_span(&o, &s);
	for (uint32_t k = 0; k < 50; k++)
		wr_otlp_text(&o, "key", text, sizeof text);
	wr_otlp_span_end(&o, NULL);
	cr_expect_eq(o.too_large, 1);
	cr_expect_eq(o.span_count, 0);
	cr_expect_eq(wr_otlp_init(&o, buffer, "", journal, keep_line, NULL), -EINVAL);
}
