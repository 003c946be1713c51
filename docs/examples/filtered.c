/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription that wants large orders only; then small ones, too, while it goes on. What it did
 * not want went to another topic. */
#include <stdio.h>
#include <string.h>

#include <weir.h>

static struct weir_pipeline *pipeline;
static struct weir_producer *producer;
static struct weir_problem why = {.text = "the call's return code says why"};
static uint32_t topic;

static bool publish(const char *order)
{
	struct weir_event event = {.topic = topic,
				   .key = "orders.eu",
				   .key_bytes = 9,
				   .payload = order,
				   .payload_bytes = strlen(order)};
	uint64_t ticket;
	return weir_publish(producer, &event, &ticket) == 0 &&
	       weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER) == 0;
}

static const char receipt[] = "{\"InputPathsMap\": {\"sum\": \"$.total\"},"
			      " \"InputTemplate\": \"{\\\"text\\\": \\\"paid: <sum>\\\"}\"}";

static bool bind(uint32_t audit, const struct weir_subscription_filter *wanted)
{
	struct weir_binding_options binding;
	weir_binding_options_init(&binding);
	binding.name = "large-orders-to-audit";
	binding.source = topic;
	binding.target = audit;
	binding.filter = wanted;
	binding.transform = receipt;
	binding.transform_bytes = strlen(receipt);
	return weir_binding_create(pipeline, &binding, NULL, &why) == 0;
}

static bool print(struct weir_member *member, int events)
{
	while (events > 0) {
		struct weir_item items[16];
		int count = weir_poll(member, items, 16, WEIR_FOREVER);
		for (int i = 0; i < count; i++) {
			const void *payload = NULL;
			char room[256];
			int64_t bytes = weir_member_transform(member, &items[i], room, sizeof room,
							      &payload, &why);
			if (bytes < 0)
				return false;
			printf("%.*s\n", (int)bytes, (const char *)payload);
		}
		events -= count;
		if (count < 0 || weir_ack_all(member) != 0)
			return false;
	}
	return events == 0;
}

int main(void)
{
	static const char large[] = "{\"total\": [{\"numeric\": [\">\", 100]}]}";
	const struct weir_filter_term wanted[] = {
		{.kind = WEIR_FILTER_TOPIC, .pattern = "orders.#", .pattern_bytes = 8},
		{.kind = WEIR_FILTER_EVENTBRIDGE,
		 .pattern = large,
		 .pattern_bytes = sizeof large - 1},
	};
	const struct weir_subscription_filter both = {
		.join = WEIR_FILTER_ALL, .term_count = 2, .terms = wanted};
	const struct weir_subscription_filter receipts = {.term_count = 1,
							  .terms = wanted,
							  .transform = receipt,
							  .transform_bytes = strlen(receipt)};
	struct weir_options options;
	struct weir_topic_options topic_options, lost_options, audit_options;
	struct weir_subscription_options readers;
	struct weir_member *member = NULL;
	uint32_t subscription, lost, audit = 0;

	weir_options_init(&options);
	options.dir = "filtered.journal";
	options.segment_bytes = 4 << 20;
	weir_topic_options_init(&topic_options);
	topic_options.name = "orders";
	weir_topic_options_init(&lost_options);
	lost_options.name = "lost";
	weir_topic_options_init(&audit_options);
	audit_options.name = "audit";
	weir_subscription_options_init(&readers);
	readers.name = "large-orders";
	readers.topics = &topic_options.name;
	readers.topic_count = 1;
	readers.filter = &both;
	bool good = weir_open(&options, &pipeline, &why) == 0 &&
		    weir_topic_create(pipeline, &lost_options, &lost, &why) == 0 &&
		    weir_topic_create(pipeline, &audit_options, &audit, &why) == 0 &&
		    weir_topic_create(pipeline, &topic_options, &topic, &why) == 0 &&
		    weir_topic_set_unrouted(pipeline, topic, lost, NULL, &why) == 0 &&
		    weir_subscription_create(pipeline, &readers, &subscription, &why) == 0;
	good = good && bind(audit, &both) &&
	       weir_producer_open(pipeline, NULL, &producer, &why) == 0 &&
	       publish("{\"total\": 250}") && publish("{\"total\": 20}") &&
	       weir_subscription_set_filter(pipeline, subscription, &receipts, NULL, &why) == 0 &&
	       publish("{\"total\": 30}") &&
	       weir_member_join(pipeline, subscription, NULL, &member, &why) == 0;
	good = good && print(member, 2); // 250, and a receipt of 30
	weir_member_leave(member, WEIR_FOREVER);
	member = NULL;
	readers.name = "lost-orders";
	readers.topics = &lost_options.name;
	readers.filter = NULL;
	good = good && weir_subscription_create(pipeline, &readers, &subscription, &why) == 0 &&
	       weir_member_join(pipeline, subscription, NULL, &member, &why) == 0 &&
	       print(member, 1); // 20
	weir_member_leave(member, WEIR_FOREVER);
	member = NULL;
	readers.name = "auditors";
	readers.topics = &audit_options.name;
	good = good && weir_subscription_create(pipeline, &readers, &subscription, &why) == 0 &&
	       weir_member_join(pipeline, subscription, NULL, &member, &why) == 0 &&
	       print(member, 1); // what was made of 250: {"text":"paid: 250"}
	if (!good)
		fprintf(stderr, "%s %s\n", why.field, why.text);
	weir_member_leave(member, WEIR_FOREVER);
	weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return good ? 0 : 1;
}
