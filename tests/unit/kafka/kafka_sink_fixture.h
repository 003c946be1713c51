/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manual sinks to a Kafka of kafka_bed.h, of subscription s, with transactions of some ms. A wait
 * steps the sink until it is in a state, for FIXTURE_LONG_NS and the step that is under way.
 *
 * Thread: the one that made the bed.
 */
#ifndef WR_TESTS_KAFKA_SINK_FIXTURE_H
#define WR_TESTS_KAFKA_SINK_FIXTURE_H

#include <stdint.h>

#include <weir.h>
#include <weir/kafka.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/unit/kafka/kafka_bed.h"

struct kafka_sink {
	struct weir_kafka_sink_options kafka;
	struct weir_bridge_options bridge;
};

/* Of bridge `out`; the first property of the bed is its only one. */
struct kafka_sink kafka_sink_of(struct fixture *f, struct kafka_bed *bed);
struct weir_bridge *kafka_sink_start(struct fixture *f, struct kafka_sink *o);
struct weir_bridge_status kafka_sink_look(struct weir_bridge *bridge);
/* Steps until so many are delivered, known for repeats, or given up. */
void kafka_sink_step_until(struct weir_bridge *bridge, uint64_t handled);
void kafka_sink_step_to(struct weir_bridge *bridge, enum weir_bridge_state state);
/* Keys k1 ..., payloads with their numbers. */
void kafka_sink_publish(struct weir_producer *producer, uint32_t topic, int first, int end);

#endif
