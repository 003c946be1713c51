/* SPDX-License-Identifier: Apache-2.0 */
/* The table: bridges, but for what is of one system (keys_kafka.c, keys_rabbitmq.c). */
#include "io/config/keys_inner.h"

#define BRIDGE(member) AT(struct wr_config_bridge, member)

/* In the order of enum weir_config_system, both. */
static const struct wr_config_key to_keys[] = {
	{.name = "kafka",
	 BRIDGE(kafka_sink),
	 .type = WR_CONFIG_MAP,
	 .section = &wr_config_kafka_sink,
	 .doc = "Topics of Apache Kafka"},
	{.name = "rabbitmq",
	 BRIDGE(rabbitmq_sink),
	 .type = WR_CONFIG_MAP,
	 .section = &wr_config_rabbitmq_sink,
	 .doc = "An exchange of RabbitMQ"},
	{0},
};
static const struct wr_config_section to_section = {.keys = to_keys};

static const struct wr_config_key from_keys[] = {
	{.name = "kafka",
	 BRIDGE(kafka_source),
	 .type = WR_CONFIG_MAP,
	 .section = &wr_config_kafka_source,
	 .doc = "Topics of Apache Kafka"},
	{.name = "rabbitmq",
	 BRIDGE(rabbitmq_source),
	 .type = WR_CONFIG_MAP,
	 .section = &wr_config_rabbitmq_source,
	 .doc = "A queue of RabbitMQ"},
	{0},
};
static const struct wr_config_section from_section = {.keys = from_keys};

static const struct wr_config_key bridge_keys[] = {
	{.name = "name",
	 BRIDGE(name),
	 .type = WR_CONFIG_NAME,
	 .max = 100,
	 .required = true,
	 .doc = "Its name, unlike any other's; `weir bridge` knows it by that"},
	{.name = "subscription",
	 BRIDGE(subscription),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .absent = "events come in",
	 .doc = "Whose events go out: a subscription of the file that nobody else reads"},
	{.name = "to",
	 BRIDGE(to),
	 .type = WR_CONFIG_ONE_OF,
	 .section = &to_section,
	 .absent = "events come in",
	 .doc = "Where they go"},
	{.name = "topic",
	 BRIDGE(topic),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .absent = "events go out",
	 .doc = "Where events go that come in: a topic of the file"},
	{.name = "from",
	 BRIDGE(from),
	 .type = WR_CONFIG_ONE_OF,
	 .section = &from_section,
	 .absent = "events go out",
	 .doc = "Where they come from"},
	{.name = "positions",
	 BRIDGE(positions),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .absent = "from Kafka it is needed",
	 .doc = "From Kafka: a topic with versioned_keys, for how far it is; bridges may share it"},
	{.name = "dead_letters",
	 BRIDGE(dead_letters),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .absent = "what can never be taken stops the bridge",
	 .doc = "A topic for what the other side will never take or, from RabbitMQ, what no event "
		"can be"},
	{.name = "state_dir",
	 BRIDGE(state_dir),
	 .type = WR_CONFIG_TEXT,
	 .absent = "the journal's directory with .bridges behind its name; none without a journal",
	 .doc = "Where others see it and steer it: `weir bridge`"},
	{.name = "retry_min",
	 BRIDGE(retry_min_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1,
	 .fallback = "200ms",
	 .doc = "Before the first new attempt, when the other side is lost"},
	{.name = "retry_max",
	 BRIDGE(retry_max_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1,
	 .fallback = "30s",
	 .doc = "Where doubling ends"},
	{.name = "drain",
	 BRIDGE(drain_ns),
	 .type = WR_CONFIG_DURATION,
	 .fallback = "10s",
	 .doc = "How long what is under way may take, before a pause and at the end"},
	{0},
};

const struct wr_config_section wr_config_bridges = {
	.keys = bridge_keys, .struct_bytes = sizeof(struct wr_config_bridge)};
