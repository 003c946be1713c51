/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the exporter of spans tells of each event that is sampled when it was published, durable,
 *         delivered and handled, by members, handlers, queues and replays; it holds nobody up, and
 *         counts what it could not keep up with.
 * Method: pipelines whose steps the test runs, and one with threads; lines are gathered and judged
 *         by their words, and by the check in Python that knows the format alone.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>

#include <weir/spans.h>

#include "tests/support/otlp_check.h"
#include "tests/support/queue_bed.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SAMPLED "00-" TRACE "-b7ad6b7169203331-01"
#define NOT_SAMPLED "00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

static struct fixture f;
static struct weir_spans *spans;
static struct weir_producer *producer;
static struct weir_member *member;
static uint32_t orders;
static char lines[1 << 20], span[8192], other[8192], id[33], id2[33];
static size_t line_bytes_all;
static bool discards;

static int keep_line(void *context, const char *line, size_t line_bytes)
{
	(void)context;
	if (discards)
		return 0;
	if (line_bytes_all + line_bytes >= sizeof lines)
		return -ENOSPC;
	memcpy(lines + line_bytes_all, line, line_bytes);
	line_bytes_all += line_bytes;
	lines[line_bytes_all] = '\0';
	return 0;
}

static struct weir_span_options options_of(double ratio)
{
	struct weir_span_options o;
	weir_span_options_init(&o);
	o.line_fn = keep_line;
	o.ratio = ratio;
	return o;
}

static void open_spans(struct weir_pipeline *p, double ratio)
{
	struct weir_span_options o = options_of(ratio);
	struct weir_problem problem = {0};
	line_bytes_all = 0;
	lines[0] = '\0';
	discards = false;
	cr_assert_eq(weir_spans_open(p, &o, &spans, &problem), 0, "%s", problem.text);
}

static void begin_open(double ratio)
{
	orders = fixture_topic(&f, "orders", 1);
	producer = fixture_producer(&f, NULL);
	open_spans(f.pipeline, ratio);
	member = fixture_member(&f, fixture_subscription(&f, "billing", "orders"), "one");
}

static void begin_of(int kind, double ratio)
{
	fixture_begin(&f, kind);
	begin_open(ratio);
}

static void teardown(void)
{
	weir_spans_close(spans);
	fixture_end(&f);
}

static uint64_t publish(const char *event_id, const char *cause, const char *parent)
{
	static const uint64_t number = 5;
	struct weir_ids ids = {.event_id = event_id,
			       .event_id_bytes = (uint16_t)strlen(event_id),
			       .causation_id = cause,
			       .causation_id_bytes = (uint16_t)strlen(cause),
			       .traceparent = parent,
			       .traceparent_bytes = (uint16_t)strlen(parent)};
	struct weir_event event = fixture_event(orders, NULL, &number);
	uint64_t ticket = 0;
	event.ids = &ids;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

static struct weir_span_report step_all(void)
{
	struct weir_span_report report;
	int rc;
	while ((rc = weir_spans_step(spans, 0)) > 0)
		;
	cr_assert_eq(rc, 0, "%d", rc);
	weir_spans_report(spans, &report);
	return report;
}

static uint64_t time_of(const char *text, const char *name)
{
	char quoted[64];
	snprintf(quoted, sizeof quoted, "\"%s\":\"", name);
	const char *at = strstr(text, quoted);
	return at != NULL ? strtoull(at + strlen(quoted), NULL, 10) : 0;
}

TestSuite(spans, .timeout = 60);

Test(spans, an_event_is_published_durable_delivered_and_processed, .fini = teardown)
{
	struct weir_item items[4];
	begin_of(FIXTURE_DURABLE | FIXTURE_MANUAL, 0);
	publish("quiet", "", NOT_SAMPLED);
	publish("root", "", ""); /* the ratio is 0 */
	fixture_wait(producer, publish("order-1", "", SAMPLED));
	cr_assert_eq(fixture_poll(member, items, 4, 3, true), 3);
	fixture_wait(producer, publish("paid-1", "order-1", SAMPLED));
	struct weir_span_report report = step_all();
	cr_expect_eq(report.events, 2);
	cr_expect_eq(report.spans, 6);
	cr_expect_eq(report.lost + report.missed + report.forgotten + report.too_large, 0);
	cr_expect(otlp_is_good(lines, 6), "%s", lines);
	otlp_span(lines, "publish orders", "\"order-1\"}},{\"key\":\"weir.place\"", span,
		  sizeof span);
	cr_expect_str_eq(otlp_id(span, "parentSpanId", id), "b7ad6b7169203331");
	otlp_id(span, "spanId", id);
	uint64_t published = time_of(span, "startTimeUnixNano");
	uint64_t end = time_of(span, "endTimeUnixNano");
	cr_expect_gt(end, published);
	otlp_span(lines, "durable orders", "\"order-1\"", other, sizeof other);
	cr_expect_str_eq(otlp_id(other, "parentSpanId", id2), id);
	cr_expect_eq(time_of(other, "endTimeUnixNano"), end);
	otlp_span(lines, "deliver orders", "\"order-1\"", other, sizeof other);
	cr_expect_str_eq(otlp_id(other, "parentSpanId", id2), id);
	cr_expect_eq(time_of(other, "startTimeUnixNano"), end);
	end = time_of(other, "endTimeUnixNano");
	cr_expect_not_null(strstr(other, "\"billing\""));
	otlp_span(lines, "process orders", "\"order-1\"", other, sizeof other);
	cr_expect_str_eq(otlp_id(other, "parentSpanId", id2), id);
	cr_expect_eq(time_of(other, "startTimeUnixNano"), end);
	cr_expect_null(strstr(other, "redelivered"));
	/* What it brought about, of the same parent, is its child. */
	otlp_span(lines, "publish orders", "\"paid-1\"", other, sizeof other);
	cr_expect_str_eq(otlp_id(other, "parentSpanId", id2), id);
}

Test(spans, acknowledged_late_all_at_once_or_out_of_order_is_processed, .fini = teardown)
{
	struct weir_item items[8];
	begin_of(FIXTURE_DURABLE | FIXTURE_MANUAL, 1);
	fixture_wait(producer, fixture_publish(producer, orders, 0, 6));
	cr_assert_eq(fixture_poll(member, items, 8, 6, false), 6);
	(void)fixture_poll_rest(member); /* items are lent no more */
	cr_assert_eq(weir_ack(member, &items[4]), 0);
	cr_assert_eq(weir_ack(member, &items[0]), 0);
	cr_assert_eq(weir_ack(member, &items[0]), 0, "once more");
	cr_expect_eq(step_all().spans, 6 * 2 + 2 * 2);
	cr_assert_eq(weir_ack_all(member), 0);
	cr_expect_eq(step_all().spans, 6 * 4);
	cr_expect(otlp_is_good(lines, 6 * 4), "%s", lines);
}

Test(spans, a_memory_only_log_has_spans_and_gaps_are_counted, .fini = teardown)
{
	begin_of(FIXTURE_MEMORY | FIXTURE_MANUAL, 1);
	fixture_wait(producer, fixture_publish(producer, orders, 0, 3));
	cr_assert_eq(fixture_poll(member, NULL, 0, 3, true), 3);
	cr_expect_eq(step_all().spans, 3 * 3, "published, delivered and processed");
	cr_expect_eq(otlp_count(lines, "\"name\":\"durable"), 0);
	/* Nobody waits for the exporter. */
	for (uint64_t n = 0; n < 200000; n += 1000)
		fixture_wait(producer, fixture_publish(producer, orders, n, n + 1000));
	struct weir_span_options o = options_of(1);
	struct weir_spans *second;
	cr_expect_eq(weir_spans_open(f.pipeline, &o, &second, NULL), -EBUSY);
	discards = true;
	struct weir_span_report report = step_all();
	cr_expect_gt(report.missed, 0);
}

Test(spans, what_finds_no_room_is_counted_and_nobody_waits, .fini = teardown)
{
	enum { ALL = 3000 };
	begin_of(FIXTURE_DURABLE | FIXTURE_MANUAL, 1);
	for (uint64_t n = 0; n < ALL; n += 100)
		fixture_wait(producer, fixture_publish(producer, orders, n, n + 100));
	cr_assert_eq(fixture_poll(member, NULL, 0, ALL, true), ALL);
	weir_spans_close(spans);
	open_spans(f.pipeline, 1);
	struct weir_span_report report;
	weir_spans_report(spans, &report);
	cr_expect_eq(report.lost, 0, "what was lost before is not its own");
	for (uint64_t n = 0; n < ALL; n += 100)
		fixture_wait(producer, fixture_publish(producer, orders, n, n + 100));
	cr_assert_eq(fixture_poll(member, NULL, 0, ALL, true), ALL);
	weir_spans_report(spans, &report);
	cr_expect_eq(report.lost, ALL - 1024, "%llu", (unsigned long long)report.lost);
}

static enum weir_handled handle(void *context, struct weir_member *m, const struct weir_item *item)
{
	struct weir_ids ids;
	struct weir_producer *to = context;
	(void)m;
	weir_item_ids(item, &ids);
	if (ids.causation_id_bytes == 0) {
		static const uint64_t number = 6;
		struct weir_event event = fixture_event(item->topic, NULL, &number);
		cr_assert_eq(weir_publish(to, &event, NULL), 0);
	}
	return WEIR_HANDLED_OK;
}

static void *step_thread(void *context)
{
	uint32_t *stop = context;
	while (__atomic_load_n(stop, __ATOMIC_ACQUIRE) == 0)
		cr_assert_geq(weir_spans_step(spans, 1000000), 0);
	return NULL;
}

Test(spans, handlers_and_what_they_publish_on_threads_of_their_own, .fini = teardown)
{
	enum { ALL = 50 };
	struct weir_member_options o;
	struct weir_member *one;
	pthread_t thread;
	uint32_t stop = 0;
	begin_of(FIXTURE_DURABLE, 1);
	weir_member_options_init(&o);
	o.handler = handle;
	o.handler_context = fixture_producer(&f, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, step_thread, &stop), 0);
	uint32_t subscription = fixture_subscription(&f, "workers", "orders");
	cr_assert_eq(weir_member_join(f.pipeline, subscription, &o, &one, NULL), 0);
	for (uint64_t n = 0; n < ALL; n++)
		fixture_wait(producer, fixture_publish(producer, orders, n, n + 1));
	struct weir_lag lag = {.events = 1};
	while (lag.events > 0 || !lag.exact) {
		cr_assert_eq(weir_lag(f.pipeline, subscription, &lag), 0);
		fixture_sleep_ns(1000000);
	}
	cr_assert_eq(weir_member_leave(one, FIXTURE_LONG_NS), 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	struct weir_span_report report = step_all();
	/* Published, durable, delivered, processed: the second of each two is the first one's. */
	cr_expect_eq(report.events, 2 * ALL);
	cr_expect_eq(report.lost + report.missed + report.forgotten, 0);
	cr_expect_eq(otlp_count(lines, "\"name\":\"process orders\""), 2 * ALL);
	cr_expect(otlp_is_good(lines, (uint32_t)report.spans), "%.3000s", lines);
	cr_expect_eq(otlp_count(lines, "\"key\":\"weir.causation_id\""), ALL);
	otlp_span(lines, "publish", "\"weir.causation_id\"", other, sizeof other);
	otlp_id(other, "parentSpanId", id2);
	cr_expect_eq(strlen(id2), 16, "a child");
}

Test(spans, a_replay_is_marked_and_the_exporter_may_begin_before, .fini = teardown)
{
	struct weir_replay_options o;
	struct weir_replay *replay;
	struct weir_item items[8];
	begin_of(FIXTURE_DURABLE | FIXTURE_MANUAL, 1);
	fixture_wait(producer, publish("order-1", "", SAMPLED));
	weir_spans_close(spans);
	struct weir_span_options so = options_of(1);
	so.from_sequence = 1;
	so.service = "till";
	line_bytes_all = 0;
	cr_assert_eq(weir_spans_open(f.pipeline, &so, &spans, NULL), 0);
	weir_replay_options_init(&o);
	cr_assert_eq(weir_replay_open(f.pipeline, &o, &replay, NULL), 0);
	cr_assert_eq(weir_replay_next(replay, items, 8, 0), 1);
	cr_assert_eq(weir_replay_next(replay, items, 8, 0), 0);
	weir_replay_close(replay);
	cr_expect_eq(step_all().spans, 3);
	cr_expect(otlp_is_good(lines, 3), "%s", lines);
	otlp_span(lines, "replay orders", "\"weir.replay\",\"value\":{\"boolValue\":true}", span,
		  sizeof span);
	cr_expect_str_eq(otlp_id(span, "traceId", id), TRACE);
	cr_expect_not_null(strstr(lines, "\"till\""));
	so.from_sequence = 1000000;
	weir_spans_close(spans);
	cr_expect_eq(weir_spans_open(f.pipeline, &so, &spans, NULL), WEIR_E_TRUNCATED);
	spans = NULL;
	so.service = "";
	cr_expect_eq(weir_spans_open(f.pipeline, &so, &spans, NULL), -EINVAL);
}

Test(spans, a_queues_attempts_are_linked, .fini = queue_end)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.order = WEIR_ORDER_NONE;
	queue_bed.options.dead_letters = "dead";
	open_spans(queue_bed.f.pipeline, 1);
	uint32_t queue = queue_make();
	struct weir_member *worker = queue_join(queue, 4);
	queue_publish(7, 8);
	for (int attempt = 0; attempt < 2; attempt++) {
		struct weir_item item = queue_next(worker);
		struct weir_rejection r = {.verdict = attempt == 0 ? WEIR_VERDICT_RETRY
								   : WEIR_VERDICT_DEAD,
					   .reason = 42};
		cr_assert_eq(weir_reject(worker, &item, &r), 0);
		queue_commit(worker);
	}
	(void)queue_lag(queue);
	struct weir_span_report report = {0};
	while (report.events < 2) {
		cr_assert_geq(weir_spans_step(spans, 1000000), 0);
		weir_spans_report(spans, &report);
	}
	weir_spans_close(spans);
	/* Published, durable; delivered, failed; dead; the letter, durable. */
	cr_expect(otlp_is_good(lines, 7), "%s", lines);
	otlp_id(otlp_span(lines, "process", "\"failed\"", span, sizeof span), "spanId", id);
	otlp_span(lines, "process", "\"error.type\",\"value\":{\"stringValue\":\"dead\"}", other,
		  sizeof other);
	const char *links = strstr(other, "\"links\"");
	cr_assert_not_null(links, "%s", other);
	cr_expect_str_eq(otlp_id(links, "spanId", id2), id, "the attempt before");
	otlp_id(other, "spanId", id);
	otlp_span(lines, "copy dead", "dead letter", span, sizeof span);
	cr_expect_not_null(strstr(span, id), "%s", span);
}

/* A span with this id, or "". */
static const char *span_of(const char *text, const char *span_id, char *to, size_t to_bytes)
{
	char quoted[48]; /* a link ends behind it */
	snprintf(quoted, sizeof quoted, "\"spanId\":\"%s\",", span_id);
	return otlp_span(text, "traceId", quoted, to, to_bytes);
}

Test(spans, who_was_there_before_the_exporter_tells_from_the_next_poll_on, .fini = teardown)
{
	begin_of(FIXTURE_DURABLE | FIXTURE_MANUAL, 1);
	weir_spans_close(spans);
	struct weir_member *early =
		fixture_member(&f, fixture_subscription(&f, "early", "orders"), "two");
	fixture_wait(producer, fixture_publish(producer, orders, 0, 1));
	cr_assert_eq(fixture_poll(early, NULL, 0, 1, true), 1);
	open_spans(f.pipeline, 1);
	fixture_wait(producer, fixture_publish(producer, orders, 1, 3));
	cr_assert_eq(fixture_poll(early, NULL, 0, 2, true), 2);
	struct weir_span_report report = step_all();
	cr_expect_eq(report.spans, 2 * 4);
	cr_expect_eq(otlp_count(lines, "\"early\""), 2 * 2, "delivered and processed");
	cr_expect(otlp_is_good(lines, 2 * 4), "%s", lines);
}

/* What the exporter says, and who asks the journal later, have the same parent. */
Test(spans, what_a_handler_publishes_is_the_child_of_its_handling, .fini = teardown)
{
	static char later[1 << 16];
	struct weir_member_options o;
	struct weir_span_options so;
	struct weir_member *worker;
	begin_of(FIXTURE_DURABLE | FIXTURE_MANUAL, 1);
	weir_member_options_init(&o);
	o.handler = handle;
	o.handler_context = fixture_producer(&f, NULL);
	uint32_t subscription = fixture_subscription(&f, "workers", "orders");
	cr_assert_eq(weir_member_join(f.pipeline, subscription, &o, &worker, NULL), 0);
	fixture_wait(producer, publish("order-1", "", ""));
	fixture_wait(producer, publish("order-2", "", SAMPLED));
	struct weir_lag lag = {.events = 1};
	while (lag.events > 0 || !lag.exact) {
		(void)weir_step(f.pipeline, 0);
		cr_assert_eq(weir_lag(f.pipeline, subscription, &lag), 0);
	}
	(void)step_all();
	static const char *const causes[] = {"order-1", "order-2"};
	for (uint32_t i = 0; i < 2; i++) {
		char by_cause[80];
		snprintf(by_cause, sizeof by_cause,
			 "\"weir.causation_id\",\"value\":{\"stringValue\":\"%s\"", causes[i]);
		otlp_span(lines, "publish orders", by_cause, span, sizeof span);
		cr_expect_null(strstr(span, "\"links\""), "its way to the cause is its parent");
		otlp_id(span, "parentSpanId", id);
		span_of(lines, id, other, sizeof other);
		cr_expect(strstr(other, "process orders") != NULL &&
				  strstr(other, causes[i]) != NULL &&
				  strstr(other, "\"workers\"") != NULL,
			  "%s: %s", id, other);
	}
	cr_assert_eq(weir_member_leave(worker, FIXTURE_LONG_NS), 0);
	weir_spans_close(spans);
	spans = NULL;
	fixture_close(&f, NULL);
	line_bytes_all = 0;
	so = options_of(1);
	cr_assert_eq(weir_journal_spans(f.dir, &so, NULL, NULL, NULL), 0);
	memcpy(later, lines, line_bytes_all + 1);
	cr_expect_null(strstr(later, "process"));
	otlp_span(later, "publish orders",
		  "\"weir.causation_id\",\"value\":{\"stringValue\":\"order-2", span, sizeof span);
	cr_expect_str_eq(otlp_id(span, "parentSpanId", id2), id);
	span_of(later, id, other, sizeof other);
	cr_expect(strstr(other, "settle orders") != NULL && strstr(other, "\"workers\"") != NULL,
		  "%s", other);
}

Test(spans, one_whose_transaction_was_refused_was_handled_in_vain, .fini = teardown)
{
	static const uint64_t key = 3, number = 1;
	struct weir_topic_options o;
	struct weir_item item;
	uint32_t out;
	uint64_t ticket;
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.versioned_keys_max = 64;
	fixture_open(&f);
	begin_open(1);
	weir_topic_options_init(&o);
	o.name = "out";
	o.versioned_keys = 64;
	cr_assert_eq(weir_topic_create(f.pipeline, &o, &out, NULL), 0);
	fixture_wait(producer, publish("order-1", "", SAMPLED));
	struct weir_event event = fixture_event(out, &key, &number);
	event.expected_version = 1; /* it has none */
	for (int turn = 0; turn < 3; turn++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
		cr_assert_eq(weir_transaction_begin(member, 0, FIXTURE_LONG_NS), 0);
		cr_assert_eq(weir_transaction_ack(member, &item), 0);
		if (turn == 0) { /* given up: it is in hand as before */
			cr_assert_eq(weir_transaction_abort(member), 0);
			cr_assert_eq(step_all().spans, 2, "published and durable: %s", lines);
			cr_assert_eq(weir_transaction_begin(member, 0, FIXTURE_LONG_NS), 0);
			cr_assert_eq(weir_transaction_ack(member, &item), 0);
		}
		if (turn < 2)
			cr_assert_eq(weir_transaction_publish(member, &event), 0);
		cr_assert_eq(weir_transaction_commit(member, &ticket), 0);
		cr_expect_eq(weir_transaction_wait(member, ticket, WEIR_LEVEL_DURABLE,
						   FIXTURE_LONG_NS, NULL),
			     turn < 2 ? WEIR_E_CONFLICT : 0);
	}
	cr_expect_eq(step_all().spans, 2 + 4, "delivered once, and handled three times");
	cr_expect(otlp_is_good(lines, 2 + 4), "%s", lines);
	cr_expect_eq(otlp_count(lines, "\"error.type\",\"value\":{\"stringValue\":\"refused\""), 2);
	otlp_span(lines, "process orders", "\"refused\"", span, sizeof span);
	otlp_id(span, "spanId", id);
	otlp_span(lines, "process orders", "\"links\"", other, sizeof other);
	cr_expect_not_null(strstr(strstr(other, "\"links\""), id), "%s", other);
	/* Each has an id of its own. */
	for (const char *at = lines; (at = strstr(at, "\",\"spanId\":\"")) != NULL; at++) {
		char one[32];
		snprintf(one, sizeof one, "%.28s\",", at); /* not of a link */
		cr_expect_leq(otlp_count(lines, one), 1, "%s", one);
	}
}

Test(spans, a_lease_that_ran_out_is_told_though_its_member_says_nothing, .fini = queue_end)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.lease_ns = 20 * MS;
	open_spans(queue_bed.f.pipeline, 1);
	uint32_t queue = queue_make();
	struct weir_member *worker = queue_join(queue, 4);
	queue_publish(7, 8);
	struct weir_item item = queue_next(worker);
	uint32_t generation = item.generation;
	fixture_sleep_ns(30 * MS);
	item = queue_next(worker);
	cr_assert_neq(item.generation, generation);
	cr_assert_eq(weir_ack(worker, &item), 0);
	queue_commit(worker);
	struct weir_span_report report = step_all();
	weir_spans_close(spans);
	spans = NULL;
	/* Published, durable, delivered; its lease ran out; processed. */
	cr_expect_eq(report.spans, 5, "%s", lines);
	cr_expect(otlp_is_good(lines, 5), "%s", lines);
	otlp_span(lines, "process", "\"lease over\"", span, sizeof span);
	cr_expect_neq(span[0], '\0', "%s", lines);
	cr_expect_geq(time_of(span, "endTimeUnixNano") - time_of(span, "startTimeUnixNano"),
		      20 * MS);
	otlp_id(span, "spanId", id);
	otlp_span(lines, "process", "\"links\"", other, sizeof other);
	cr_expect_not_null(strstr(other, id), "the attempt before: %s", other);
}
