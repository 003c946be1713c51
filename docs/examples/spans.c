/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans of a running pipeline, into a file of lines that OpenTelemetry's collector reads: a thread
 * beside it, a file that this program may turn over whenever it likes.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <weir.h>

static atomic_bool done;

static int write_line(void *context, const char *line, size_t line_bytes)
{
	FILE *file = context;
	return fwrite(line, 1, line_bytes, file) == line_bytes ? 0 : -1;
}

/* A second without events, or what there is of them. Behind `done` until nothing more comes. */
static void *export_spans(void *context)
{
	struct weir_spans *spans = context;
	int count;
	do
		count = weir_spans_step(spans, atomic_load(&done) ? 0 : 10000000);
	while (count > 0 || (count == 0 && !atomic_load(&done)));
	return NULL;
}

/* One order, published, read and acknowledged. */
static int work(struct weir_pipeline *pipeline, uint32_t topic, uint32_t subscription)
{
	struct weir_ids ids = {
		.event_id = "order-1",
		.event_id_bytes = 7,
		.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		.traceparent_bytes = 55,
	};
	struct weir_event order = {
		.topic = topic, .payload = "tea", .payload_bytes = 3, .ids = &ids};
	struct weir_member *member;
	struct weir_item item;
	int rc = weir_member_join(pipeline, subscription, NULL, &member, NULL);
	if (rc == 0)
		rc = weir_publish_once(pipeline, &order, WEIR_LEVEL_DURABLE, WEIR_FOREVER, NULL);
	if (rc == 0)
		rc = weir_poll(member, &item, 1, WEIR_FOREVER) == 1 ? 0 : -1;
	if (rc == 0)
		rc = weir_ack(member, &item);
	return rc != 0 ? rc : weir_member_leave(member, WEIR_FOREVER);
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_topic_options topics;
	struct weir_subscription_options billing;
	struct weir_span_options of_spans;
	struct weir_span_report report = {0};
	struct weir_pipeline *pipeline = NULL;
	struct weir_spans *spans = NULL;
	struct weir_problem why = {0};
	uint32_t topic, subscription;
	pthread_t thread;
	FILE *file = tmpfile();
	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "spans.journal";
	weir_topic_options_init(&topics);
	topics.name = "orders";
	weir_subscription_options_init(&billing);
	billing.name = "billing";
	billing.topics = &topics.name;
	billing.topic_count = 1;
	weir_span_options_init(&of_spans);
	of_spans.service = "shop";
	of_spans.ratio = 0.01; // of traces without a traceparent
	of_spans.line_fn = write_line;
	of_spans.context = file;
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0)
		rc = weir_topic_create(pipeline, &topics, &topic, &why);
	if (rc == 0)
		rc = weir_subscription_create(pipeline, &billing, &subscription, &why);
	if (rc == 0) /* before members join, who tell it what they do */
		rc = weir_spans_open(pipeline, &of_spans, &spans, &why);
	if (rc == 0)
		rc = pthread_create(&thread, NULL, export_spans, spans);
	if (rc == 0) {
		rc = work(pipeline, topic, subscription);
		atomic_store(&done, true);
		pthread_join(thread, NULL);
		weir_spans_report(spans, &report);
		printf("%llu spans of %llu events, %llu lost\n", (unsigned long long)report.spans,
		       (unsigned long long)report.events,
		       (unsigned long long)(report.lost + report.missed + report.forgotten));
	} else {
		fprintf(stderr, "%s %s\n", why.field, why.text);
	}
	weir_spans_close(spans);
	weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	if (file != NULL)
		fclose(file);
	return rc == 0 && report.spans > 0 ? 0 : 1;
}
