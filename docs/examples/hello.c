/* SPDX-License-Identifier: Apache-2.0 */
/* The README's program: publish an event, wait until it is durable, read it, acknowledge it. */
#include <stdio.h>
#include <weir.h>

int main(void)
{
	struct weir_problem why = {.text = "see the call's return code"};
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_subscription_options reading;
	struct weir_producer_options writing;
	struct weir_member_options membership;
	struct weir_pipeline *pipeline = NULL;
	struct weir_producer *producer;
	struct weir_member *member = NULL;
	struct weir_event event = {
		.key = "eve", .key_bytes = 3, .payload = "hi", .payload_bytes = 2};
	struct weir_item item;
	uint32_t subscription;
	uint64_t ticket;

	weir_options_init(&options);
	options.dir = "hello.journal";
	options.segment_bytes = 4 << 20; // small files: this log stays small
	weir_topic_options_init(&topic);
	topic.name = "greetings";
	weir_subscription_options_init(&reading);
	reading.name = "readers";
	reading.topics = &topic.name;
	reading.topic_count = 1;
	weir_producer_options_init(&writing);
	weir_member_options_init(&membership);

	bool good = weir_open(&options, &pipeline, &why) == 0 &&
		    weir_topic_create(pipeline, &topic, &event.topic, &why) == 0 &&
		    weir_subscription_create(pipeline, &reading, &subscription, &why) == 0 &&
		    weir_producer_open(pipeline, &writing, &producer, &why) == 0 &&
		    weir_publish(producer, &event, &ticket) == 0 &&
		    weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER) == 0 &&
		    weir_member_join(pipeline, subscription, &membership, &member, &why) == 0 &&
		    weir_poll(member, &item, 1, WEIR_FOREVER) == 1 &&
		    weir_ack(member, &item) == 0 &&
		    weir_member_commit(member, WEIR_LEVEL_DURABLE, WEIR_FOREVER) == 0;
	if (good)
		printf("%.*s, at sequence %llu\n", (int)item.payload_bytes,
		       (const char *)item.payload, (unsigned long long)item.sequence);
	else
		fprintf(stderr, "%s %s\n", why.field, why.text);
	weir_member_leave(member, WEIR_FOREVER); // gives back what the poll lent
	weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return good ? 0 : 1;
}
