/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way to hand events over: one by one, many with one store, in place by claim and commit, as
 * a run that is whole or not at all, and without a producer at all. Each event carries what it
 * needs: a key, headers, ids, the source's time.
 */
#include <stdio.h>
#include <string.h>
#include <weir.h>

static int publish_one(struct weir_producer *producer, uint32_t topic, uint64_t *ret_ticket)
{
	const struct weir_header header = {
		.name = "unit", .name_bytes = 4, .value = "kg", .value_bytes = 2};
	const struct weir_ids ids = {.correlation_id = "batch-7", .correlation_id_bytes = 7};
	struct weir_event event = {
		.topic = topic,
		.key = "scale-3",
		.key_bytes = 7,
		.payload = "12.5",
		.payload_bytes = 4,
		.event_time_us = 1769860800000000, // when the scale measured it
		.ids = &ids,
		.headers = &header,
		.header_count = 1,
	};
	return weir_publish(producer, &event, ret_ticket);
}

/* One store for all of them; each has a ticket and is decided by itself. */
static int publish_many(struct weir_producer *producer, uint32_t topic, uint64_t *ret_ticket)
{
	struct weir_event events[3];
	static const char *const keys[] = {"scale-1", "scale-2", "scale-3"};
	for (size_t i = 0; i < 3; i++)
		events[i] = (struct weir_event){.topic = topic, .key = keys[i], .key_bytes = 7};
	int count = weir_publish_many(producer, events, 3, ret_ticket);
	return count == 3 ? 0 : count < 0 ? count : WEIR_E_AGAIN;
}

/* The payload is built where it will stand. Between claim and commit nobody waits for this. */
static int publish_in_place(struct weir_producer *producer, uint32_t topic, uint64_t *ret_ticket)
{
	struct weir_event event = {.topic = topic, .key = "scale-4", .key_bytes = 7};
	void *payload;
	int rc = weir_claim(producer, &event, 32, &payload);
	if (rc != 0)
		return rc;
	int used = snprintf(payload, 32, "%.3f", 3.25);
	if (used < 0 || used >= 32)
		return weir_abort(producer); // nothing of it was ever visible
	return weir_commit(producer, (size_t)used, ret_ticket);
}

/* Two events that are in the log together, side by side, or not at all: one ticket. */
static int publish_run(struct weir_producer *producer, uint32_t topic, uint64_t *ret_ticket)
{
	struct weir_event from = {
		.topic = topic, .key = "a", .key_bytes = 1, .payload = "-5", .payload_bytes = 2};
	struct weir_event to = {
		.topic = topic, .key = "b", .key_bytes = 1, .payload = "+5", .payload_bytes = 2};
	int rc = weir_run_begin(producer, weir_event_bytes(&from) + weir_event_bytes(&to));
	if (rc != 0)
		return rc;
	rc = weir_run_add(producer, &from);
	if (rc == 0)
		rc = weir_run_add(producer, &to);
	if (rc != 0) {
		(void)weir_abort(producer);
		return rc;
	}
	return weir_run_commit(producer, ret_ticket);
}

/* For a thread that has something to say once an hour: no producer, no lane. */
static int publish_once(struct weir_pipeline *pipeline, uint32_t topic)
{
	struct weir_event event = {.topic = topic, .payload = "calibrated", .payload_bytes = 10};
	struct weir_pos pos;
	return weir_publish_once(pipeline, &event, WEIR_LEVEL_DURABLE, WEIR_FOREVER, &pos);
}

static int run(struct weir_pipeline *pipeline, struct weir_problem *why)
{
	struct weir_topic_options topic_options;
	struct weir_producer_options options;
	struct weir_producer *producer;
	uint32_t topic;
	uint64_t ticket = 0;

	weir_topic_options_init(&topic_options);
	topic_options.name = "weights";
	topic_options.partitions = 4;
	weir_producer_options_init(&options);
	int rc = weir_topic_create(pipeline, &topic_options, &topic, why);
	if (rc == 0)
		rc = weir_producer_open(pipeline, &options, &producer, why);
	if (rc != 0)
		return rc;
	rc = publish_one(producer, topic, &ticket);
	if (rc == 0)
		rc = publish_many(producer, topic, &ticket);
	if (rc == 0)
		rc = publish_in_place(producer, topic, &ticket);
	if (rc == 0)
		rc = publish_run(producer, topic, &ticket);
	if (rc == 0)
		rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
	if (rc == 0)
		rc = publish_once(pipeline, topic);
	int closed = weir_producer_close(producer, WEIR_FOREVER);
	return rc != 0 ? rc : closed;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_info info = {.struct_bytes = sizeof info};
	struct weir_problem why = {.text = ""};

	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : "publishing.journal";
	options.segment_bytes = 4 << 20;
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0) {
		rc = run(pipeline, &why);
		if (rc == 0)
			rc = weir_pipeline_info(pipeline, &info);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	if (rc != 0) {
		fprintf(stderr, "%s: %s %s\n", weir_error_name(rc), why.field, why.text);
		return 1;
	}
	printf("durable up to sequence %llu, by %s (%s)\n",
	       (unsigned long long)info.durable_sequence, info.backend, info.engine);
	return 0;
}
