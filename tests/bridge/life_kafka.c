/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka's part of life.h. The broker is where KAFKA_SERVERS says: that of tools/with-kafka, which
 * makes the topic when it is asked for the first time. */
#include <stdio.h>
#include <stdlib.h>

#include <weir/kafka.h>

#include "tests/bridge/life.h"

#define TOPIC "weir-bridge-test"

static bool made(int rc, const struct weir_problem *why)
{
	if (rc != 0)
		fprintf(stderr, "kafka: %s %s\n", why->field, why->text);
	return rc == 0;
}

static bool find_server(struct weir_kafka_property *property)
{
	property->name = "bootstrap.servers";
	property->value = getenv("KAFKA_SERVERS");
	if (property->value == NULL)
		fprintf(stderr, "KAFKA_SERVERS is not set\n");
	return property->value != NULL;
}

static bool make_sink(const struct life *life, struct weir_bridge_options *options)
{
	struct weir_kafka_sink_options sink;
	struct weir_kafka_property property;
	struct weir_problem why = {0};
	(void)life;
	weir_kafka_sink_options_init(&sink);
	sink.topic = TOPIC;
	sink.properties = &property;
	sink.property_count = 1;
	return find_server(&property) && made(weir_kafka_sink_create(&sink, options, &why), &why);
}

static bool make_source(const struct life *life, struct weir_bridge_options *options)
{
	static const char *const topics[] = {TOPIC};
	struct weir_kafka_source_options source;
	struct weir_kafka_property properties[2] = {
		{0}, {.name = "topic.metadata.refresh.interval.ms", .value = "1000"}};
	struct weir_topic_options positions;
	struct weir_problem why = {0};
	weir_topic_options_init(&positions);
	positions.name = "positions";
	positions.versioned_keys = 64;
	if (!made(weir_topic_create(life->in, &positions, &options->positions, &why), &why))
		return false;
	weir_kafka_source_options_init(&source);
	source.topics = topics;
	source.topic_count = 1;
	source.topic = life->in_topic;
	source.properties = properties;
	source.property_count = 2;
	return find_server(&properties[0]) &&
	       made(weir_kafka_source_create(&source, options, &why), &why);
}

const struct life_system life_kafka = {
	.name = "kafka", .make_sink = make_sink, .make_source = make_source};
