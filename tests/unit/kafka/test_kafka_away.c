/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink to Kafka whose topic is not there, or whose broker says nothing more within a transaction:
 * it is retrying, says why, and sends all of it once Kafka is back. Method: manual sinks to
 * librdkafka's mock cluster, which shows what was aborted, too: each event is there at least once.
 * Times of librdkafka's are short here; no state is waited for less than FIXTURE_LONG_NS.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <weir.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/unit/kafka/kafka_bed.h"
#include "tests/unit/kafka/kafka_sink_fixture.h"

#define EVENTS 4
#define RTT_NONE_MS 0
#define RTT_MINUTES_MS 600000

struct scene {
	struct fixture f;
	struct kafka_bed bed;
	struct weir_producer *producer;
	uint32_t topic;
	struct kafka_sink sink;
	struct weir_bridge *bridge;
};

/* A log with topic and subscription, and topic t of Kafka's. */
static void begin(struct scene *s)
{
	memset(s, 0, sizeof *s);
	fixture_begin(&s->f, FIXTURE_DURABLE);
	kafka_bed_begin(&s->bed, "t", 1);
	s->topic = fixture_topic(&s->f, "t", 1);
	(void)fixture_subscription(&s->f, "s", "t");
	s->producer = fixture_producer(&s->f, NULL);
	s->sink = kafka_sink_of(&s->f, &s->bed);
}

/* How much of 0 .. EVENTS - 1 is in Kafka: in transactions that were aborted, too. */
static int count_in_kafka(struct scene *s)
{
	bool seen[EVENTS] = {false};
	int count = 0;
	int messages = kafka_bed_read(&s->bed, "t", 1);
	for (int i = 0; i < messages; i++) {
		int number = s->bed.messages[i].payload[0] - '0';
		cr_assert(number >= 0 && number < EVENTS, "%s", s->bed.messages[i].payload);
		count += !seen[number];
		seen[number] = true;
	}
	return count;
}

static uint64_t lag_of(struct scene *s)
{
	struct weir_lag lag;
	fixture_need(weir_lag(s->f.pipeline, s->sink.bridge.subscription, &lag) == 0, "a lag");
	return lag.events;
}

/* All is sent, and the sink says nothing more of what was wrong. */
static void end(struct scene *s)
{
	kafka_sink_step_until(s->bridge, EVENTS);
	cr_expect_eq(kafka_sink_look(s->bridge).events, EVENTS);
	cr_expect_eq(kafka_sink_look(s->bridge).state, WEIR_BRIDGE_RUNNING);
	cr_expect_str_eq(kafka_sink_look(s->bridge).why, "");
	cr_expect_eq(weir_bridge_stop(s->bridge), 0);
	cr_expect_eq(count_in_kafka(s), EVENTS, "nothing is lost");
	cr_expect_eq(lag_of(s), 0);
	(void)weir_producer_close(s->producer, WEIR_FOREVER);
	fixture_end(&s->f);
	kafka_bed_end(&s->bed);
}

static void expect_retrying(struct scene *s, const char *part)
{
	kafka_sink_step_to(s->bridge, WEIR_BRIDGE_RETRYING);
	struct weir_bridge_status status = kafka_sink_look(s->bridge);
	cr_expect(strstr(status.why, part) != NULL, "%s", status.why);
	cr_expect_geq(status.attempts, 1);
	cr_expect_eq(status.events + lag_of(s), EVENTS, "nothing is lost");
}

/* Not there, and a broker that does not make it. */
Test(kafka_sink, waits_for_a_topic_that_kafka_does_not_know)
{
	static struct scene s;
	begin(&s);
	rd_kafka_mock_topic_set_error(s.bed.cluster, "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	kafka_sink_publish(s.producer, s.topic, 0, EVENTS);
	s.bridge = kafka_sink_start(&s.f, &s.sink);
	expect_retrying(&s, "Kafka's topic t: Broker: Unknown topic or partition");
	/* Once is no accident. */
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (kafka_sink_look(s.bridge).attempts < 3 && fixture_now_ns() < end_ns &&
	       kafka_sink_look(s.bridge).state != WEIR_BRIDGE_FAILED)
		(void)weir_bridge_step(s.bridge, 1000000);
	cr_assert_geq(kafka_sink_look(s.bridge).attempts, 3);
	expect_retrying(&s, "Kafka's topic t: Broker: Unknown topic or partition");
	rd_kafka_mock_topic_set_error(s.bed.cluster, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
	end(&s);
}

/* All but one of a transaction are with the broker, which is to answer no more. */
static void stand_within_a_transaction(struct scene *s)
{
	begin(s);
	s->bed.properties[1] =
		(struct weir_kafka_property){.name = "transaction.timeout.ms", .value = "4000"};
	s->sink.kafka.property_count = 2;
	s->sink.kafka.transaction_events_max = EVENTS;
	s->sink.kafka.transaction_time_ns = FIXTURE_LONG_NS; /* the most that there is */
	kafka_sink_publish(s->producer, s->topic, 0, EVENTS - 1);
	s->bridge = kafka_sink_start(&s->f, &s->sink);
	kafka_sink_step_to(s->bridge, WEIR_BRIDGE_RUNNING);
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (count_in_kafka(s) < EVENTS - 1 && fixture_now_ns() < end_ns)
		(void)weir_bridge_step(s->bridge, 1000000);
	cr_assert_eq(count_in_kafka(s), EVENTS - 1);
}

Test(kafka_sink, begins_anew_when_a_broker_is_silent_within_a_transaction)
{
	static struct scene s;
	stand_within_a_transaction(&s);
	fixture_need(rd_kafka_mock_broker_set_rtt(s.bed.cluster, 1, RTT_MINUTES_MS) ==
			     RD_KAFKA_RESP_ERR_NO_ERROR,
		     "a broker that takes all and answers nothing");
	kafka_sink_publish(s.producer, s.topic, EVENTS - 1, EVENTS);
	expect_retrying(&s, ": "); /* which answer it waits for then is time's to say */
	fixture_need(rd_kafka_mock_broker_set_rtt(s.bed.cluster, 1, RTT_NONE_MS) ==
			     RD_KAFKA_RESP_ERR_NO_ERROR,
		     "a broker that answers");
	end(&s);
}

Test(kafka_sink, begins_anew_when_a_broker_goes_within_a_transaction)
{
	static struct scene s;
	stand_within_a_transaction(&s);
	fixture_need(rd_kafka_mock_broker_set_down(s.bed.cluster, 1) == RD_KAFKA_RESP_ERR_NO_ERROR,
		     "a broker that is down");
	kafka_sink_publish(s.producer, s.topic, EVENTS - 1, EVENTS);
	expect_retrying(&s, ": ");
	fixture_need(rd_kafka_mock_broker_set_up(s.bed.cluster, 1) == RD_KAFKA_RESP_ERR_NO_ERROR,
		     "a broker that is up");
	end(&s);
}
