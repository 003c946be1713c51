/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library that uses weir and is loaded by dlopen(): opens a pipeline, publishes, reads, closes.
 * What tests/host/plugin_host.c loads and unloads.
 */
#include <weir.h>

__attribute__((visibility("default"))) int plugin_run(const char *dir, char *ret_why,
						      uint32_t why_bytes);

static int use(struct weir_pipeline *pipeline, struct weir_problem *why)
{
	struct weir_event event = {.payload = "in a plugin", .payload_bytes = 11};
	struct weir_topic_options topic;
	struct weir_subscription_options readers;
	struct weir_producer *producer;
	struct weir_member *member;
	struct weir_item item;
	uint32_t subscription;
	uint64_t ticket;
	weir_topic_options_init(&topic);
	topic.name = "work";
	weir_subscription_options_init(&readers);
	readers.name = "reader";
	readers.topics = &topic.name;
	readers.topic_count = 1;
	int rc = weir_topic_create(pipeline, &topic, &event.topic, why);
	if (rc == 0)
		rc = weir_subscription_create(pipeline, &readers, &subscription, why);
	if (rc == 0)
		rc = weir_producer_open(pipeline, NULL, &producer, why);
	if (rc == 0)
		rc = weir_publish(producer, &event, &ticket);
	if (rc == 0)
		rc = weir_wait(producer, ticket, WEIR_LEVEL_DEFAULT, WEIR_FOREVER);
	if (rc == 0)
		rc = weir_member_join(pipeline, subscription, NULL, &member, why);
	if (rc == 0)
		rc = weir_poll(member, &item, 1, WEIR_FOREVER) == 1 ? 0 : WEIR_E_AGAIN;
	if (rc == 0)
		rc = weir_ack(member, &item);
	return rc == 0 ? weir_member_leave(member, WEIR_FOREVER) : rc;
}

/* One life. dir NULL: in memory. 0 or weir's code, with the reason. */
int plugin_run(const char *dir, char *ret_why, uint32_t why_bytes)
{
	struct weir_pipeline *pipeline;
	struct weir_options options;
	struct weir_problem why = {.text = ""};
	weir_options_init(&options);
	options.dir = dir;
	options.segment_bytes = 4 << 20;
	options.pool_bytes = 4 << 20;
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0) {
		rc = use(pipeline, &why);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	for (uint32_t i = 0; i < why_bytes; i++)
		ret_why[i] = i < sizeof why.text ? why.text[i] : '\0';
	return rc;
}
