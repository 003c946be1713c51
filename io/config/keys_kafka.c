/* SPDX-License-Identifier: Apache-2.0 */
/* The table: bridges to and from Kafka. Ranges are those of weir_kafka_*_create(). */
#include "io/config/keys_inner.h"

#define SINK(member) AT(struct wr_config_kafka_sink, member)
#define SOURCE(member) AT(struct wr_config_kafka_source, member)

#define SECOND 1000000000ull
#define MILLISECOND 1000000ull

/* A value in clear is seen by whoever reads the file, or what is made of it. */
#define PROPERTY_KEYS(at)                                                                          \
	{.name = "properties",                                                                     \
	 at(common.properties),                                                                    \
	 .type = WR_CONFIG_PAIRS,                                                                  \
	 .max = 128,                                                                               \
	 .absent = "those of the two keys below alone",                                            \
	 .doc = "Settings of librdkafka's, by its own names: {bootstrap.servers: kafka}"},         \
		{.name = "property_files",                                                         \
		 at(common.property_files),                                                        \
		 .type = WR_CONFIG_PAIRS,                                                          \
		 .max = 32,                                                                        \
		 .absent = "none",                                                                 \
		 .doc = "More of them, each the content of a file, without a line feed at its "    \
			"end: {sasl.password: /run/secrets/kafka}"},                               \
	{                                                                                          \
		.name = "property_env", at(common.property_env), .type = WR_CONFIG_PAIRS,          \
		.max = 32, .absent = "none",                                                       \
		.doc = "More of them, each of a variable of the environment: {sasl.password: "     \
		       "KAFKA_PASSWORD}"                                                           \
	}

static const struct wr_config_key sink_keys[] = {
	PROPERTY_KEYS(SINK),
	{.name = "topic",
	 SINK(options.topic),
	 .type = WR_CONFIG_TEXT,
	 .absent = "the name of the event's topic",
	 .doc = "A topic of Kafka's"},
	{.name = "group",
	 SINK(options.group),
	 .type = WR_CONFIG_TEXT,
	 .absent = "weir. and the bridge's name",
	 .doc = "Its transactional.id, and the group whose offsets are the position of the log"},
	{.name = "transaction_events",
	 SINK(options.transaction_events_max),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1000000,
	 .fallback = "10_000",
	 .doc = "A transaction ends with so many events"},
	{.name = "transaction_time",
	 SINK(options.transaction_time_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = MILLISECOND,
	 .max = 30 * SECOND,
	 .fallback = "100ms",
	 .doc = "Or after so long; readers see its events then"},
	{0},
};

const struct wr_config_section wr_config_kafka_sink = {.keys = sink_keys};

static const struct wr_config_choice start_choices[] = {
	{"oldest", false, "at the oldest message that Kafka has"},
	{"newest", true, "behind the newest"},
	{0},
};

static const struct wr_config_key source_keys[] = {
	PROPERTY_KEYS(SOURCE),
	{.name = "topics",
	 SOURCE(topics),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_TEXT,
	 .min = 1,
	 .max = 64,
	 .required = true,
	 .doc = "Topics of Kafka's; \"^...\" is a regular expression"},
	{.name = "group",
	 SOURCE(options.group),
	 .type = WR_CONFIG_TEXT,
	 .absent = "weir. and the bridge's name",
	 .doc = "The group that it is a member of"},
	{.name = "start",
	 SOURCE(options.start_newest),
	 .type = WR_CONFIG_CHOICE,
	 .choices = start_choices,
	 .fallback = "oldest",
	 .doc = "Where a partition begins that the log has no position of"},
	{.name = "skip_unusable",
	 SOURCE(options.skip_unusable),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "A message that no event can be is passed over and counted; else the bridge stops "
		"there"},
	{0},
};

const struct wr_config_section wr_config_kafka_source = {.keys = source_keys};
