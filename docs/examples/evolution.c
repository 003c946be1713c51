/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event gets a field more while old events lie in the log and an old consumer runs. Both
 * versions are in the registry; the new consumer reads all events with its own schema, and sees
 * the default where the field was not written. What is no order is refused before it is in the
 * log.
 */
#include <stdio.h>
#include <string.h>
#include <weir.h>

#define ORDER(more)                                                                                \
	"{\"type\":\"record\",\"name\":\"OrderPlaced\",\"fields\":["                               \
	"{\"name\":\"id\",\"type\":\"long\"}" more "]}"
#define ORDER_V1 ORDER("")
#define ORDER_V2 ORDER(",{\"name\":\"note\",\"type\":[\"null\",\"string\"],\"default\":null}")

static int add_version(struct weir_pipeline *pipeline, const char *text, uint16_t *ret_type,
		       struct weir_problem *why)
{
	struct weir_schema_version version;
	struct weir_registration asks;
	weir_registration_init(&asks);
	asks.subject = "orders";
	asks.text = text;
	asks.text_bytes = strlen(text);
	int rc = weir_registry_register(pipeline, &asks, &version, NULL, NULL, why);
	if (rc == 0) {
		*ret_type = version.type;
		printf("version %u has the id %u\n", version.version, version.id);
	}
	return rc;
}

static int publish(struct weir_pipeline *pipeline, uint32_t topic, uint16_t type, const char *datum,
		   size_t bytes)
{
	struct weir_event event = {
		.topic = topic, .type = type, .payload = datum, .payload_bytes = bytes};
	return weir_publish_once(pipeline, &event, WEIR_LEVEL_DEFAULT, WEIR_FOREVER, NULL);
}

static int make_topic(struct weir_pipeline *pipeline, uint32_t *ret_topic, struct weir_problem *why)
{
	const struct weir_topic_schema follows = {.subject = "orders", .validate = true};
	struct weir_topic_options options;
	weir_topic_options_init(&options);
	options.name = "orders";
	options.schema = &follows;
	return weir_topic_create(pipeline, &options, ret_topic, why);
}

/* A consumer that knows the second version. */
static int consume(struct weir_pipeline *pipeline, uint32_t events, struct weir_problem *why)
{
	const char *topic = "orders";
	struct weir_subscription_options options;
	struct weir_member *member = NULL;
	struct weir_schema *mine = NULL;
	struct weir_schema_reader *reader = NULL;
	uint32_t subscription;
	weir_subscription_options_init(&options);
	options.name = "billing";
	options.topics = &topic;
	options.topic_count = 1;
	int rc = weir_schema_parse(ORDER_V2, strlen(ORDER_V2), 0, NULL, &mine, why);
	if (rc == 0)
		rc = weir_schema_reader_create(pipeline, mine, "orders", &reader, why);
	if (rc == 0)
		rc = weir_subscription_create(pipeline, &options, &subscription, why);
	if (rc == 0)
		rc = weir_member_join(pipeline, subscription, NULL, &member, why);
	for (uint32_t i = 0; rc == 0 && i < events; i++) {
		struct weir_item item;
		const void *datum;
		char buffer[256], json[256];
		size_t bytes;
		rc = weir_poll(member, &item, 1, WEIR_FOREVER);
		if (rc == 1)
			rc = weir_schema_reader_read(reader, &item, buffer, sizeof buffer, &datum,
						     &bytes, why);
		if (rc == 0)
			rc = weir_schema_to_json(mine, datum, bytes, 0, json, sizeof json, &bytes,
						 why);
		if (rc == 0) {
			printf("%.*s\n", (int)bytes, json);
			rc = weir_ack(member, &item);
		}
	}
	weir_member_leave(member, WEIR_FOREVER);
	weir_schema_reader_free(reader);
	weir_schema_free(mine);
	return rc;
}

int main(int argc, char **argv)
{
	struct weir_options options;
	struct weir_pipeline *pipeline = NULL;
	struct weir_problem why = {0};
	uint16_t v1 = 0, v2 = 0;
	uint32_t topic;
	int wrong = 0;
	weir_options_init(&options);
	options.dir = argc > 1 ? argv[1] : NULL;
	options.schemas_max = 100;
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0)
		rc = make_topic(pipeline, &topic, &why);
	if (rc == 0)
		rc = add_version(pipeline, ORDER_V1, &v1, &why);
	if (rc == 0)
		rc = publish(pipeline, topic, v1, "\x0e", 1); // id 7
	if (rc == 0)
		rc = add_version(pipeline, ORDER_V2, &v2, &why);
	if (rc == 0)
		rc = publish(pipeline, topic, v2, "\x10\x02\x08soon", 7); // id 8, a note
	if (rc == 0)
		wrong = publish(pipeline, topic, v2, "\x10\x02", 2);
	if (rc == 0)
		printf("half an order: %s\n", weir_strerror(wrong));
	if (rc == 0)
		rc = consume(pipeline, 2, &why);
	if (rc != 0)
		fprintf(stderr, "%s: %s %s\n", weir_error_name(rc), why.field, why.text);
	weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	return rc == 0 && wrong == WEIR_E_NOT_A_DATUM ? 0 : 1;
}
