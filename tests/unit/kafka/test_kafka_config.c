/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what a config file leaves out is what the driver's init function has, and the ends of its
 *         ranges are the driver's, too.
 * Method: a file of as little as there can be, field by field; the ends given to the driver, and
 *         one beyond to both.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/config_bed.h"
#include "tests/unit/kafka/kafka_bed.h"

#define HEAD                                                                                       \
	"limits: {versioned_keys: 9}\ntopics: [{name: a}, {name: p, versioned_keys: 9}]\n"         \
	"subscriptions: [{name: s, topics: [a]}]\nbridges:\n"
#define OUT(text)                                                                                  \
	HEAD "  - {name: o, subscription: s, to: {kafka: {properties: {bootstrap.servers: k}, "    \
	     "" text "}}}\n"

Test(kafka_config, what_is_left_out_is_the_drivers_default)
{
	struct weir_kafka_sink_options sink;
	struct weir_kafka_source_options source;
	struct weir_bridge_options bridge;
	uint32_t count;
	struct weir_config *config = config_good(
		OUT("") "  - {name: i, topic: a, positions: p, from: {kafka: {topics: [x], "
			"properties: {bootstrap.servers: k}}}}\n");
	const struct weir_config_bridge *b = weir_config_bridges(config, &count);
	weir_kafka_sink_options_init(&sink);
	sink.properties = b[0].kafka_sink->properties;
	sink.property_count = 1;
	cr_expect_arr_eq(b[0].kafka_sink, &sink, sizeof sink);
	weir_kafka_source_options_init(&source);
	source.properties = b[1].kafka_source->properties;
	source.property_count = 1;
	source.topics = b[1].kafka_source->topics;
	source.topic_count = 1;
	source.topic = b[1].kafka_source->topic;
	cr_expect_arr_eq(b[1].kafka_source, &source, sizeof source);
	weir_bridge_options_init(&bridge);
	cr_expect_eq(b[0].retry_min_ns, bridge.retry_min_ns);
	cr_expect_eq(b[0].retry_max_ns, bridge.retry_max_ns);
	cr_expect_eq(b[0].drain_ns, bridge.drain_ns);
	weir_config_destroy(config);
}

static int create(const struct weir_kafka_sink_options *options)
{
	struct weir_bridge_options bridge;
	weir_bridge_options_init(&bridge);
	int rc = weir_kafka_sink_create(options, &bridge, NULL);
	if (rc == 0)
		bridge.ops->destroy(bridge.self);
	return rc;
}

Test(kafka_config, ranges_end_where_the_drivers_do)
{
	static const char *const ends[] = {
		OUT("transaction_events: 1, transaction_time: 1ms"),
		OUT("transaction_events: 1000000, transaction_time: 30s"),
	};
	static const char *const beyond[] = {
		OUT("transaction_events: 0"),
		OUT("transaction_events: 1000001"),
		OUT("transaction_time: 999us"),
		OUT("transaction_time: 30001ms"),
	};
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		uint32_t count;
		struct weir_config *config = config_good(ends[i]);
		struct weir_kafka_sink_options o = *weir_config_bridges(config, &count)->kafka_sink;
		int step = i == 0 ? -1 : 1;
		cr_expect_eq(create(&o), 0);
		o.transaction_events_max += (uint32_t)step;
		cr_expect_eq(create(&o), -EINVAL);
		o.transaction_events_max -= (uint32_t)step;
		o.transaction_time_ns += (uint64_t)(int64_t)step;
		cr_expect_eq(create(&o), -EINVAL);
		weir_config_destroy(config);
	}
	for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++)
		cr_expect(strstr(config_report(beyond[i]), "error: ") != NULL, "%s", beyond[i]);
}
