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

/* Field by field: what a compiler leaves between them is not the same everywhere. */
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
	const struct weir_kafka_sink_options *to = b[0].kafka_sink;
	const struct weir_kafka_source_options *from = b[1].kafka_source;
	weir_kafka_sink_options_init(&sink);
	cr_expect_eq(to->struct_bytes, sink.struct_bytes);
	cr_expect_eq(to->property_count, 1);
	cr_expect_eq(to->topic, sink.topic);
	cr_expect_eq(to->group, sink.group);
	cr_expect_eq(to->transaction_events_max, sink.transaction_events_max);
	cr_expect_eq(to->transaction_time_ns, sink.transaction_time_ns);
	weir_kafka_source_options_init(&source);
	cr_expect_eq(from->struct_bytes, source.struct_bytes);
	cr_expect_eq(from->property_count, 1);
	cr_expect_eq(from->topic_count, 1);
	cr_expect_eq(from->group, source.group);
	cr_expect_eq(from->start_newest, source.start_newest);
	cr_expect_eq(from->skip_unusable, source.skip_unusable);
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
