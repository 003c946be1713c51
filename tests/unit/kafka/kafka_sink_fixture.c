/* SPDX-License-Identifier: Apache-2.0 */
/* See kafka_sink_fixture.h. */
#include "tests/unit/kafka/kafka_sink_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define MILLISECOND_NS 1000000ull

struct kafka_sink kafka_sink_of(struct fixture *f, struct kafka_bed *bed)
{
	struct kafka_sink o;
	weir_bridge_options_init(&o.bridge);
	weir_kafka_sink_options_init(&o.kafka);
	o.bridge.name = "out";
	o.bridge.manual = true;
	o.bridge.retry_min_ns = o.bridge.retry_max_ns = MILLISECOND_NS;
	o.kafka.transaction_time_ns = 5 * MILLISECOND_NS;
	o.kafka.properties = bed->properties;
	o.kafka.property_count = 1;
	fixture_need(weir_subscription_find(f->pipeline, "s", &o.bridge.subscription) == 0,
		     "its subscription");
	return o;
}

struct weir_bridge *kafka_sink_start(struct fixture *f, struct kafka_sink *o)
{
	struct weir_bridge *bridge = NULL;
	struct weir_problem problem = {0};
	int rc = weir_kafka_sink_create(&o->kafka, &o->bridge, &problem);
	if (rc == 0)
		rc = weir_bridge_start(f->pipeline, &o->bridge, &bridge, &problem);
	fixture_need(rc == 0, problem.text);
	return bridge;
}

struct weir_bridge_status kafka_sink_look(struct weir_bridge *bridge)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	fixture_need(weir_bridge_status(bridge, &status) == 0, "a status");
	return status;
}

void kafka_sink_step_until(struct weir_bridge *bridge, uint64_t handled)
{
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_bridge_status s = kafka_sink_look(bridge);
	while (s.events + s.repeats + s.dead_letters < handled && s.state != WEIR_BRIDGE_FAILED &&
	       fixture_now_ns() < end_ns) {
		(void)weir_bridge_step(bridge, 5 * MILLISECOND_NS);
		s = kafka_sink_look(bridge);
	}
	cr_assert_eq(s.events + s.repeats + s.dead_letters, handled, "%s: %s",
		     weir_bridge_state_name(s.state), s.why);
}

void kafka_sink_step_to(struct weir_bridge *bridge, enum weir_bridge_state state)
{
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (kafka_sink_look(bridge).state != state && fixture_now_ns() < end_ns)
		(void)weir_bridge_step(bridge, MILLISECOND_NS);
	cr_assert_eq(kafka_sink_look(bridge).state, state, "%s: %s",
		     weir_bridge_state_name(kafka_sink_look(bridge).state),
		     kafka_sink_look(bridge).why);
}

void kafka_sink_publish(struct weir_producer *producer, uint32_t topic, int first, int end)
{
	uint64_t ticket = 0;
	for (int i = first; i < end; i++) {
		char key[16], payload[16];
		struct weir_event event = {.topic = topic, .key = key, .payload = payload};
		event.key_bytes = (size_t)snprintf(key, sizeof key, "k%d", i);
		event.payload_bytes = (size_t)snprintf(payload, sizeof payload, "%d", i);
		fixture_need(weir_publish(producer, &event, &ticket) == 0, "a publish");
	}
	fixture_wait(producer, ticket);
}
