/* SPDX-License-Identifier: Apache-2.0 */
/* The README's program: publish an event, wait until it is durable, read it, acknowledge it. */
#include <stdio.h>
#include <weir.h>

int main(void)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_subscription_options readers;
	struct weir_pipeline *pipeline = NULL;
	struct weir_producer *producer;
	struct weir_member *member = NULL;
	struct weir_event event = {
		.key = "eve", .key_bytes = 3, .payload = "hi", .payload_bytes = 2};
	struct weir_item item;
	struct weir_problem why = {.text = "the call's return code says why"};
	uint32_t subscription;
	uint64_t ticket;

	weir_options_init(&options);
	options.dir = "hello.journal";
	options.segment_bytes = 4 << 20; // small files: this log stays small
	weir_topic_options_init(&topic);
	topic.name = "greetings";
	weir_subscription_options_init(&readers);
	readers.name = "readers";
	readers.topics = &topic.name;
	readers.topic_count = 1;
	bool good = weir_open(&options, &pipeline, &why) == 0 &&
		    weir_topic_create(pipeline, &topic, &event.topic, &why) == 0 &&
		    weir_subscription_create(pipeline, &readers, &subscription, &why) == 0 &&
		    weir_producer_open(pipeline, NULL, &producer, &why) == 0 &&
		    weir_publish(producer, &event, &ticket) == 0 &&
		    weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER) == 0 &&
		    weir_member_join(pipeline, subscription, NULL, &member, &why) == 0 &&
		    weir_poll(member, &item, 1, WEIR_FOREVER) == 1 &&
		    weir_ack(member, &item) == 0 &&
		    weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER) == 0;
	if (good)
		printf("%.*s\n", (int)item.payload_bytes, (const char *)item.payload);
	else
		fprintf(stderr, "%s %s\n", why.field, why.text);
	weir_member_leave(member, WEIR_FOREVER); // gives back what the poll lent
	weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return good ? 0 : 1;
}
