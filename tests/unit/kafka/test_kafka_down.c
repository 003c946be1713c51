/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bridges that run when their broker goes, or hangs: they say so, end although what they have sent
 * is not answered, and go on when it is there again, each event once. Method: librdkafka's mock
 * cluster, and waits for states; what would wait for a session of the group's would wait for longer
 * than the suite may take.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <weir.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/unit/kafka/kafka_bed.h"
#include "tests/unit/kafka/kafka_sink_fixture.h"

#define MILLISECOND_NS 1000000ull
#define LIMIT_NS (6 * FIXTURE_LONG_NS)
#define RTT_MINUTES_MS 600000

struct scene {
	struct fixture f;
	struct kafka_bed bed;
	uint32_t topic;
	struct weir_producer *producer;
};

static void begin(struct scene *s)
{
	memset(s, 0, sizeof *s);
	fixture_init(&s->f, FIXTURE_DURABLE);
	s->f.options.versioned_keys_max = 64;
	fixture_open(&s->f);
	kafka_bed_begin(&s->bed, "t", 1);
	s->topic = fixture_topic(&s->f, "t", 1);
	(void)fixture_subscription(&s->f, "s", "t");
	s->producer = fixture_producer(&s->f, NULL);
}

static void end(struct scene *s)
{
	(void)weir_producer_close(s->producer, WEIR_FOREVER);
	fixture_end(&s->f);
	kafka_bed_end(&s->bed);
}

static void set_broker(struct scene *s, bool is_up)
{
	rd_kafka_resp_err_t code = is_up ? rd_kafka_mock_broker_set_up(s->bed.cluster, 1)
					 : rd_kafka_mock_broker_set_down(s->bed.cluster, 1);
	fixture_need(code == RD_KAFKA_RESP_ERR_NO_ERROR, "a broker that comes and goes");
}

static void set_session(struct scene *s, const char *ms)
{
	s->bed.properties[1] =
		(struct weir_kafka_property){.name = "session.timeout.ms", .value = ms};
	s->bed.properties[2] =
		(struct weir_kafka_property){.name = "max.poll.interval.ms", .value = "900000"};
}

static struct weir_bridge *start_source(struct scene *s)
{
	static const char *const topics[] = {"t"};
	struct weir_topic_options positions;
	struct weir_kafka_source_options o;
	struct weir_bridge_options general;
	struct weir_problem problem = {0};
	struct weir_bridge *bridge = NULL;
	weir_topic_options_init(&positions);
	positions.name = "positions";
	positions.versioned_keys = 32;
	weir_kafka_source_options_init(&o);
	weir_bridge_options_init(&general);
	fixture_need(weir_topic_create(s->f.pipeline, &positions, &general.positions, NULL) == 0,
		     "a topic");
	o.properties = s->bed.properties;
	o.property_count = 3;
	o.topics = topics;
	o.topic_count = 1;
	o.topic = s->topic;
	general.name = "in";
	general.manual = true;
	general.retry_min_ns = general.retry_max_ns = MILLISECOND_NS;
	int rc = weir_kafka_source_create(&o, &general, &problem);
	if (rc == 0)
		rc = weir_bridge_start(s->f.pipeline, &general, &bridge, &problem);
	fixture_need(rc == 0, problem.text);
	return bridge;
}

static void step_until(struct weir_bridge *bridge, enum weir_bridge_state state, uint64_t events)
{
	uint64_t end_ns = fixture_now_ns() + LIMIT_NS;
	struct weir_bridge_status status = kafka_sink_look(bridge);
	while ((status.state != state || status.events < events) &&
	       status.state != WEIR_BRIDGE_FAILED && fixture_now_ns() < end_ns) {
		(void)weir_bridge_step(bridge, 10 * MILLISECOND_NS);
		status = kafka_sink_look(bridge);
	}
	cr_assert_eq(status.state, state, "%s: %s", weir_bridge_state_name(status.state),
		     status.why);
	cr_assert_eq(status.events, events, "%s: %s", weir_bridge_state_name(status.state),
		     status.why);
}

static void expect_a_cause(struct weir_bridge *bridge)
{
	struct weir_bridge_status status = kafka_sink_look(bridge);
	cr_expect(strchr(status.why, ':') != NULL, "%s", status.why);
	cr_expect_geq(status.attempts, 1);
}

TestSuite(kafka_down, .timeout = 500);

Test(kafka_down, a_source_is_retrying_until_its_broker_is_there_again)
{
	static struct scene s;
	begin(&s);
	/* The mock has who comes again wait for the session of who went. */
	set_session(&s, "10000");
	kafka_bed_write(&s.bed, "t", 1, 0, 3);
	struct weir_bridge *bridge = start_source(&s);
	step_until(bridge, WEIR_BRIDGE_RUNNING, 3);
	set_broker(&s, false);
	step_until(bridge, WEIR_BRIDGE_RETRYING, 3);
	expect_a_cause(bridge);
	set_broker(&s, true);
	step_until(bridge, WEIR_BRIDGE_RUNNING, 3);
	cr_expect_str_eq(kafka_sink_look(bridge).why, "");
	kafka_bed_write(&s.bed, "t", 1, 3, 6);
	step_until(bridge, WEIR_BRIDGE_RUNNING, 6);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	end(&s);
}

/* Its offsets are on their way by then, or not yet: it ends in both cases. Of the first one
 * librdkafka would wait for an answer, for fifteen minutes here. */
Test(kafka_down, a_source_ends_while_its_offsets_are_not_answered)
{
	static struct scene s;
	begin(&s);
	set_session(&s, "900000");
	kafka_bed_write(&s.bed, "t", 1, 0, 3);
	struct weir_bridge *bridge = start_source(&s);
	step_until(bridge, WEIR_BRIDGE_RUNNING, 3);
	fixture_need(rd_kafka_mock_broker_set_rtt(s.bed.cluster, 1, RTT_MINUTES_MS) ==
			     RD_KAFKA_RESP_ERR_NO_ERROR,
		     "a broker that hangs");
	for (int i = 0; i < 200; i++)
		(void)weir_bridge_step(bridge, 10 * MILLISECOND_NS);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	end(&s);
}

Test(kafka_down, a_sink_with_nothing_to_send_is_retrying_until_its_broker_is_there_again)
{
	static struct scene s;
	begin(&s);
	struct kafka_sink sink = kafka_sink_of(&s.f, &s.bed);
	kafka_sink_publish(s.producer, s.topic, 0, 3);
	struct weir_bridge *bridge = kafka_sink_start(&s.f, &sink);
	step_until(bridge, WEIR_BRIDGE_RUNNING, 3);
	set_broker(&s, false);
	step_until(bridge, WEIR_BRIDGE_RETRYING, 3);
	expect_a_cause(bridge);
	set_broker(&s, true);
	kafka_sink_publish(s.producer, s.topic, 3, 6);
	kafka_sink_step_until(bridge, 6);
	step_until(bridge, WEIR_BRIDGE_RUNNING, kafka_sink_look(bridge).events);
	cr_expect_str_eq(kafka_sink_look(bridge).why, "");
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	end(&s);
}

static bool is_told(struct weir_bridge *bridge)
{
	return strstr(kafka_sink_look(bridge).why, "Kafka has not answered for") != NULL;
}

/* It has a thread, which is inside the wait while this one looks. */
Test(kafka_down, a_sink_tells_what_it_waits_for_while_its_broker_hangs)
{
	static struct scene s;
	begin(&s);
	struct kafka_sink sink = kafka_sink_of(&s.f, &s.bed);
	sink.bridge.manual = false;
	struct weir_bridge *bridge = kafka_sink_start(&s.f, &sink);
	uint64_t end_ns = fixture_now_ns() + LIMIT_NS;
	while (kafka_sink_look(bridge).state != WEIR_BRIDGE_RUNNING && fixture_now_ns() < end_ns)
		fixture_sleep_ns(MILLISECOND_NS);
	fixture_need(rd_kafka_mock_broker_set_rtt(s.bed.cluster, 1, RTT_MINUTES_MS) ==
			     RD_KAFKA_RESP_ERR_NO_ERROR,
		     "a broker that hangs");
	kafka_sink_publish(s.producer, s.topic, 0, 3);
	while (!is_told(bridge) && fixture_now_ns() < end_ns)
		fixture_sleep_ns(MILLISECOND_NS);
	struct weir_bridge_status status = kafka_sink_look(bridge);
	cr_expect(is_told(bridge), "%s: %s", weir_bridge_state_name(status.state), status.why);
	cr_expect_eq(status.lag_events, 3);
	cr_expect_eq(status.events, 0);
	(void)weir_bridge_stop(bridge);
	end(&s);
}
