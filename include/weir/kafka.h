/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bridges to Apache Kafka, both ways, each event exactly once: drivers of weir/bridge.h, over
 * librdkafka. A library by itself (libweir-kafka): who links libweir alone links no librdkafka.
 *
 * A sink. Each Kafka transaction holds the events of some polls and the position of the log behind
 * them, as offsets of a consumer group that nobody joins. Whatever dies, on either side, the next
 * producer with the same `group` (it is the transactional.id, too) ends what was open, reads the
 * position, and goes on exactly there; an older one is fenced by Kafka. Read it with
 * isolation.level=read_committed (the default of librdkafka, not of Kafka's Java clients).
 *
 *   event               Kafka message
 *   topic               `topic`, or the topic of the same name
 *   partition           the same, where the Kafka topic has as many; else by the key, as Kafka's
 *                       own clients do it: murmur2(key) modulo their number; without a key, the
 *                       event's partition modulo their number
 *   key, payload        as they are, the schema id in front of the payload included; no payload
 *                       is a tombstone there, too
 *   headers             as they are
 *   event_id, correlation_id, causation_id, traceparent, tracestate   headers weir-event-id,
 *                       weir-correlation-id, weir-causation-id, traceparent, tracestate
 *   event time          the timestamp, in ms; without one, the append time
 *
 * The subscription has order PARTITION and no other member. What Kafka refuses for its size goes to
 * the bridge's dead letters. Who moves the subscription back sends nothing again: Kafka's position
 * counts; give the bridge another group for that.
 *
 * A source. Messages of Kafka's topics become events of one topic, in runs that also hold the
 * offsets behind them (weir_bridge_position()); offsets of the group in Kafka are written too, for
 * those who look at lag, and never read. Partitions come and go as the group is rebalanced;
 * wherever one comes to, it goes on where the log is. The partition follows from the key; without
 * a key it is Kafka's, modulo their number. Timestamps become event times, and headers come back
 * as they went. A message that no event can be (too large for the log, a key over 65535 bytes)
 * stops the bridge, or is passed over and counted as a dead letter (`skip_unusable`).
 *
 * Properties are librdkafka's, passed on: security.protocol, sasl.*, ssl.*, compression.type ... A
 * few are the bridge's and refused: those that exactly once hangs on.
 */
#ifndef WEIR_KAFKA_H
#define WEIR_KAFKA_H

#include <weir/bridge.h>

WEIR_DECLS_BEGIN

/** A setting of librdkafka's. */
struct weir_kafka_property {
	const char *name;
	const char *value;
};

struct weir_kafka_sink_options {
	size_t struct_bytes;
	const struct weir_kafka_property *properties; /**< with bootstrap.servers; copied */
	uint32_t property_count;
	const char *topic; /**< of Kafka's; NULL (default): the topic of the event's topic's name */
	const char *group; /**< transactional.id and group of the position; NULL: "weir." and the
	                        bridge's name */
	/** A transaction ends with so many events (default 10,000), or after so long (100 ms).
	 *  Events are seen by readers at its end. */
	uint32_t transaction_events_max;
	uint64_t transaction_time_ns;
};

struct weir_kafka_source_options {
	size_t struct_bytes;
	const struct weir_kafka_property *properties; /**< with bootstrap.servers; copied */
	uint32_t property_count;
	const char *const *topics; /**< of Kafka's; "^..." is a regular expression. Copied */
	uint32_t topic_count;      /**< 1..64 */
	uint32_t topic;            /**< of the log */
	const char *group;         /**< NULL: "weir." and the bridge's name */
	bool start_newest; /**< a partition that the log has no position of starts at its end; else,
	                         and where a position is gone from Kafka, at the oldest message */
	bool skip_unusable; /**< what no event can be is passed over; else the bridge stops there */
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_kafka_sink_options_init(struct weir_kafka_sink_options *options);

/**
 * The same for a source.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_kafka_source_options_init(struct weir_kafka_source_options *options);

/**
 * Make the driver of a sink. Nothing is connected before its bridge is started:
 *
 *     weir_bridge_options_init(&bridge);
 *     bridge.name = "out"; bridge.subscription = ...; bridge.state_dir = ...;
 *     rc = weir_kafka_sink_create(&kafka, &bridge, &problem);
 *     if (rc == 0)
 *             rc = weir_bridge_start(pipeline, &bridge, &handle, &problem);
 *
 * Thread:    any. Blocks: never. Allocates: itself, and copies of the texts; when it runs,
 *            librdkafka allocates as it works, within queue.buffering.max.kbytes.
 * Owns:      the bridge that is started with it, which destroys it; where none is, the caller, by
 *            `destroy` of the ops.
 * @param bridge          its `direction`, `ops` and `self` are set
 * @param reterr_problem  may be NULL; `field` is "properties.NAME" where one is at fault
 * @return 0, -EINVAL (an option or a property), -ENOMEM
 */
WEIR_API WEIR_MUST_CHECK int weir_kafka_sink_create(const struct weir_kafka_sink_options *options,
						    struct weir_bridge_options *bridge,
						    struct weir_problem *reterr_problem);

/**
 * Make the driver of a source, likewise. Its bridge needs `positions`.
 *
 * Thread:    any. Blocks: never. Allocates: as a sink; librdkafka fetches within
 *            queued.max.messages.kbytes, 16 MiB unless set.
 * @param bridge          its `direction`, `ops` and `self` are set
 * @param reterr_problem  may be NULL; `field` is "properties.NAME" where one is at fault
 * @return 0, -EINVAL (an option or a property), -ENOMEM
 */
WEIR_API WEIR_MUST_CHECK int
weir_kafka_source_create(const struct weir_kafka_source_options *options,
			 struct weir_bridge_options *bridge, struct weir_problem *reterr_problem);

WEIR_DECLS_END
#endif
