/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink to Kafka: what becomes of an event, where it goes on after any end, and what it says of a
 * Kafka that refuses, lies or is not there. Method: manual bridges to librdkafka's mock cluster.
 * What only a real broker shows (aborted transactions, fencing) tools/bridge-test shows.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/unit/kafka/kafka_bed.h"
#include "tests/unit/kafka/kafka_sink_fixture.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

#define MILLISECOND_NS 1000000ull

/* An offset of the group, as a transaction would write it: the mock forgets
 * those. */
static void write_offset(struct kafka_bed *bed, const char *group, int32_t partition,
			 const char *metadata)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(list, "t", partition);
	(void)rd_kafka_conf_set(conf, "bootstrap.servers", bed->servers, NULL, 0);
	(void)rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
	place->offset = 7;
	place->metadata = strdup(metadata);
	place->metadata_size = strlen(metadata);
	fixture_need(rk != NULL && rd_kafka_commit(rk, list, 0) == RD_KAFKA_RESP_ERR_NO_ERROR,
		     "an offset");
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(rk);
}

/* What the bridge has sent, as its position says it, at each partition. */
static void write_position(struct fixture *f, struct kafka_bed *bed, const char *group)
{
	struct weir_item items[8];
	struct weir_info info;
	char text[160];
	struct weir_member *member = fixture_member(f, fixture_subscription(f, "sent", "t"), "m");
	int count = (int)fixture_poll(member, items, 8, 2, true);
	fixture_info(f, &info);
	for (int i = 0; i < count; i++) {
		size_t used = (size_t)snprintf(text, sizeof text, "weir1 ");
		for (int k = 0; k < 16; k++)
			used += (size_t)snprintf(text + used, sizeof text - used, "%02x",
						 info.log_id[k]);
		(void)snprintf(text + used, sizeof text - used, " t/%u=%u.%llu", items[i].partition,
			       items[i].epoch, (unsigned long long)items[i].sequence + 1);
		write_offset(bed, group, (int32_t)items[i].partition, text);
	}
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
}

Test(kafka_sink, sends_an_event_as_it_is_and_goes_on_where_kafka_stands)
{
	static struct kafka_bed bed;
	struct fixture f;
	fixture_begin(&f, FIXTURE_DURABLE);
	kafka_bed_begin(&bed, "t", 4);
	uint32_t topic = fixture_topic(&f, "t", 4);
	uint32_t subscription = fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	const struct weir_header header = {
		.name = "colour", .name_bytes = 6, .value = "red", .value_bytes = 3};
	const struct weir_ids ids = {.event_id = "e1",
				     .event_id_bytes = 2,
				     .traceparent = PARENT,
				     .traceparent_bytes = sizeof PARENT - 1,
				     .tracestate = "vendor=7",
				     .tracestate_bytes = 8};
	const struct weir_event whole = {.topic = topic,
					 .key = "key",
					 .key_bytes = 3,
					 .payload = "\0\0\0\0\7body",
					 .payload_bytes = 9,
					 .event_time_us = 1234567,
					 .headers = &header,
					 .header_count = 1,
					 .ids = &ids};
	const struct weir_event tombstone = {
		.topic = topic, .partition_set = true, .partition = 3, .event_time_us = 1000};
	uint64_t ticket = 0;
	cr_assert_eq(weir_publish(producer, &whole, &ticket), 0);
	cr_assert_eq(weir_publish(producer, &tombstone, &ticket), 0);
	fixture_wait(producer, ticket);

	struct kafka_sink o = kafka_sink_of(&f, &bed);
	struct weir_bridge *bridge = kafka_sink_start(&f, &o);
	kafka_sink_step_until(bridge, 2);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	cr_assert_eq(kafka_bed_read(&bed, "t", 4), 2);
	const struct kafka_message *first = &bed.messages[0], *second = &bed.messages[1];
	if (first->has_key == false) {
		first = &bed.messages[1];
		second = &bed.messages[0];
	}
	cr_expect_eq(first->payload_bytes, 9);
	cr_expect_eq(memcmp(first->payload, "\0\0\0\0\7body", 9), 0, "its schema id, too");
	cr_expect_str_eq(first->key, "key");
	cr_expect_eq(first->time_ms, 1234);
	cr_expect_str_eq(first->headers,
			 "colour=red weir-event-id=e1 traceparent=" PARENT " tracestate=vendor=7 ");
	cr_expect_eq(second->partition, 3);
	cr_expect_not(second->has_payload, "a tombstone is one");

	/* Another process, whose log has forgotten that it sent them. */
	write_position(&f, &bed, "weir.out");
	kafka_sink_publish(producer, topic, 0, 5);
	cr_assert_eq(weir_subscription_seek(f.pipeline, subscription, WEIR_SEEK_OLDEST, 0,
					    FIXTURE_LONG_NS, NULL),
		     0);
	bridge = kafka_sink_start(&f, &o);
	kafka_sink_step_until(bridge, 7);
	cr_expect_eq(kafka_sink_look(bridge).repeats, 2);
	cr_expect_eq(kafka_sink_look(bridge).events, 5);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	cr_expect_eq(kafka_bed_read(&bed, "t", 4), 7);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
	kafka_bed_end(&bed);
}

Test(kafka_sink, keeps_the_partition_and_else_goes_by_the_key)
{
	static struct kafka_bed bed;
	struct fixture f;
	fixture_begin(&f, FIXTURE_DURABLE);
	kafka_bed_begin(&bed, "same", 4);
	cr_assert_eq(rd_kafka_mock_topic_create(bed.cluster, "fewer", 2, 1), 0);
	uint32_t topic = fixture_topic(&f, "t", 4);
	(void)fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	kafka_sink_publish(producer, topic, 0, 40);
	struct kafka_sink o = kafka_sink_of(&f, &bed);
	/* Of Kafka's own partitioner: murmur2("k0") .. are such that k7 and k9 fall apart. */
	static const char *const topics[] = {"same", "fewer"};
	int32_t of_four[40] = {0};
	for (int t = 0; t < 2; t++) {
		o.kafka.topic = topics[t];
		o.kafka.group = topics[t];
		if (t == 1)
			cr_assert_eq(weir_subscription_seek(f.pipeline, o.bridge.subscription,
							    WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS,
							    NULL),
				     0);
		struct weir_bridge *bridge = kafka_sink_start(&f, &o);
		kafka_sink_step_until(bridge, 40);
		cr_expect_eq(weir_bridge_stop(bridge), 0);
		cr_assert_eq(kafka_bed_read(&bed, topics[t], t == 0 ? 4 : 2), 40);
		for (int i = 0; i < 40; i++) {
			int number = 0;
			(void)sscanf(bed.messages[i].payload, "%d", &number);
			if (t == 0)
				of_four[number] = bed.messages[i].partition;
			else
				cr_expect_eq(bed.messages[i].partition, of_four[number] % 2,
					     "the same hash, modulo two");
		}
	}
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
	kafka_bed_end(&bed);
}

Test(kafka_sink, gives_up_what_is_too_large_and_nothing_else)
{
	static struct kafka_bed bed;
	struct fixture f;
	char large[3000] = "x";
	fixture_begin(&f, FIXTURE_DURABLE);
	kafka_bed_begin(&bed, "t", 1);
	uint32_t topic = fixture_topic(&f, "t", 1);
	uint32_t dead = fixture_topic(&f, "dead", 1);
	(void)fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	kafka_sink_publish(producer, topic, 0, 3);
	const struct weir_event event = {.topic = topic, .payload = large, .payload_bytes = 3000};
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	kafka_sink_publish(producer, topic, 3, 6);
	struct kafka_sink o = kafka_sink_of(&f, &bed);
	bed.properties[1] =
		(struct weir_kafka_property){.name = "message.max.bytes", .value = "2000"};
	o.kafka.property_count = 2;
	struct weir_bridge *bridge = kafka_sink_start(&f, &o);
	kafka_sink_step_to(bridge, WEIR_BRIDGE_FAILED);
	cr_expect(strstr(kafka_sink_look(bridge).why, "message.max.bytes") != NULL, "%s",
		  kafka_sink_look(bridge).why);
	cr_expect_eq(kafka_sink_look(bridge).events, 3, "what came before it is out");
	(void)weir_bridge_stop(bridge);

	o.bridge.dead_letters = dead;
	bridge = kafka_sink_start(&f, &o);
	kafka_sink_step_until(bridge, 4);
	cr_expect_eq(kafka_sink_look(bridge).dead_letters, 1);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	cr_expect_eq(kafka_bed_read(&bed, "t", 1), 6);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
	kafka_bed_end(&bed);
}

static void find_the_one(rd_kafka_resp_err_t no)
{
	static struct kafka_bed bed;
	struct fixture f;
	fixture_begin(&f, FIXTURE_DURABLE);
	kafka_bed_begin(&bed, "t", 1);
	uint32_t topic = fixture_topic(&f, "t", 1);
	uint32_t dead = fixture_topic(&f, "dead", 1);
	(void)fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	kafka_sink_publish(producer, topic, 0, 4);
	struct kafka_sink o = kafka_sink_of(&f, &bed);
	o.bridge.dead_letters = dead;
	/* The batch of four, then the first of them alone; the others are fine. */
	rd_kafka_mock_push_request_errors(bed.cluster, 0 /* Produce */, 2, no, no);
	struct weir_bridge *bridge = kafka_sink_start(&f, &o);
	kafka_sink_step_until(bridge, 4);
	cr_expect_eq(kafka_sink_look(bridge).dead_letters, 1);
	cr_expect_eq(kafka_sink_look(bridge).events, 3);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	cr_assert_eq(kafka_bed_read(&bed, "t", 1), 3);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(bed.messages[i].payload[0], '1' + i);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
	kafka_bed_end(&bed);
}

Test(kafka_sink, finds_the_one_of_a_batch_that_is_too_large)
{
	find_the_one(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
}

Test(kafka_sink, finds_the_one_of_a_batch_whose_time_is_refused)
{
	find_the_one(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP);
}

Test(kafka_sink, is_made_anew_after_what_no_producer_survives)
{
	static struct kafka_bed bed;
	struct fixture f;
	fixture_begin(&f, FIXTURE_DURABLE);
	kafka_bed_begin(&bed, "t", 1);
	uint32_t topic = fixture_topic(&f, "t", 1);
	(void)fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct kafka_sink o = kafka_sink_of(&f, &bed);
	struct weir_bridge *bridge = kafka_sink_start(&f, &o);
	kafka_sink_step_to(bridge, WEIR_BRIDGE_RUNNING);
	/* TxnOffsetCommit, EndTxn: once each, what ends a producer for good. */
	static const struct {
		int16_t request;
		rd_kafka_resp_err_t code;
	} faults[] = {{28, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE},
		      {26, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH},
		      {26, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS}};
	for (int i = 0; i < 3; i++) {
		rd_kafka_mock_push_request_errors(bed.cluster, faults[i].request, 1,
						  faults[i].code);
		kafka_sink_publish(producer, topic, i, i + 1);
		kafka_sink_step_until(bridge, (uint64_t)i + 1);
	}
	cr_expect_eq(kafka_sink_look(bridge).events, 3);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	struct weir_lag lag;
	cr_assert_eq(weir_lag(f.pipeline, o.bridge.subscription, &lag), 0);
	cr_expect_eq(lag.events, 0);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
	kafka_bed_end(&bed);
}

/* A producer of librdkafka's that asks for offsets takes the process down here. */
Test(kafka_sink, asks_again_for_its_position_when_the_coordinator_moves)
{
	static struct kafka_bed bed;
	struct fixture f;
	fixture_begin(&f, FIXTURE_DURABLE);
	kafka_bed_begin(&bed, "t", 1);
	uint32_t topic = fixture_topic(&f, "t", 1);
	(void)fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	kafka_sink_publish(producer, topic, 0, 3);
	struct kafka_sink o = kafka_sink_of(&f, &bed);
	rd_kafka_mock_push_request_errors(bed.cluster, 9 /* OffsetFetch */, 2,
					  RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
					  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
	struct weir_bridge *bridge = kafka_sink_start(&f, &o);
	kafka_sink_step_until(bridge, 3);
	cr_expect_eq(kafka_sink_look(bridge).events, 3);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
	kafka_bed_end(&bed);
}

Test(kafka_sink, sends_nothing_by_a_position_that_is_not_its_own)
{
	static struct kafka_bed bed;
	struct fixture f;
	char ahead[128];
	struct weir_info info;
	fixture_begin(&f, FIXTURE_DURABLE);
	kafka_bed_begin(&bed, "t", 1);
	uint32_t topic = fixture_topic(&f, "t", 1);
	(void)fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	kafka_sink_publish(producer, topic, 0, 3);
	fixture_info(&f, &info);
	size_t used = (size_t)snprintf(ahead, sizeof ahead, "weir1 ");
	for (int i = 0; i < 16; i++)
		used += (size_t)snprintf(ahead + used, sizeof ahead - used, "%02x", info.log_id[i]);
	(void)snprintf(ahead + used, sizeof ahead - used, " t/0=1.99999");
	const struct {
		const char *metadata, *says;
	} cases[] = {
		{"", "not a bridge's"},
		{"weir1 00000000000000000000000000000000 t/0=1.5", "another log"},
		{ahead, "older copy"},
		{"weir2 what comes later", "not a bridge's"},
	};
	struct kafka_sink o = kafka_sink_of(&f, &bed);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char group[8];
		(void)snprintf(group, sizeof group, "g%zu", i);
		o.kafka.group = group;
		write_offset(&bed, group, 0, cases[i].metadata);
		struct weir_bridge *bridge = kafka_sink_start(&f, &o);
		kafka_sink_step_to(bridge, WEIR_BRIDGE_FAILED);
		cr_expect(strstr(kafka_sink_look(bridge).why, cases[i].says) != NULL, "%s",
			  kafka_sink_look(bridge).why);
		(void)weir_bridge_stop(bridge);
	}
	cr_expect_eq(kafka_bed_read(&bed, "t", 1), 0);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
	kafka_bed_end(&bed);
}

/*
 * A copy of a log that went on by itself: its epochs and sequences are given twice. What Kafka has
 * is told from that by the times, and by what stands at the end of it.
 */
Test(kafka_sink, notices_a_copy_that_went_on_by_itself)
{
	static struct kafka_bed bed;
	struct fixture f;
	struct weir_item items[3], other;
	struct weir_info info;
	fixture_begin(&f, FIXTURE_DURABLE);
	kafka_bed_begin(&bed, "t", 1);
	uint32_t topic = fixture_topic(&f, "t", 1), unsent = fixture_topic(&f, "u", 1);
	(void)fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	kafka_sink_publish(producer, topic, 0, 3);
	struct weir_member *member = fixture_member(&f, fixture_subscription(&f, "sent", "t"), "m");
	cr_assert_eq(fixture_poll(member, items, 3, 3, true), 3);
	uint64_t last = items[2].sequence, time_us = items[2].append_time_us;
	/* Behind the events there are records that are none, and an event that is not sent. */
	kafka_sink_publish(producer, unsent, 0, 1);
	struct weir_member *m2 = fixture_member(&f, fixture_subscription(&f, "other", "u"), "m");
	cr_assert_eq(fixture_poll(m2, &other, 1, 1, true), 1);
	fixture_info(&f, &info);
	cr_assert_gt(other.sequence, last + 1);
	const struct {
		uint64_t next, time_us;
		bool is_ours;
	} cases[] = {
		{last + 1, time_us + 1, false},
		{last + 1, time_us - 1, false},
		{last + 2, time_us - 1, false},
		{last + 2, time_us, false},
		{last + 1, time_us, true},
		{other.sequence + 1, other.append_time_us, false},
		{other.sequence, other.append_time_us + 1, false},
		{other.sequence, other.append_time_us, false},
	};
	struct kafka_sink o = kafka_sink_of(&f, &bed);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char group[8], text[128];
		(void)snprintf(group, sizeof group, "g%zu", i);
		o.kafka.group = group;
		size_t used = (size_t)snprintf(text, sizeof text, "weir1 ");
		for (int k = 0; k < 16; k++)
			used += (size_t)snprintf(text + used, sizeof text - used, "%02x",
						 info.log_id[k]);
		(void)snprintf(text + used, sizeof text - used, " t/0=%u.%llu.%llx", items[2].epoch,
			       (unsigned long long)cases[i].next,
			       (unsigned long long)cases[i].time_us);
		write_offset(&bed, group, 0, text);
		struct weir_bridge *bridge = kafka_sink_start(&f, &o);
		kafka_sink_step_to(bridge,
				   cases[i].is_ours ? WEIR_BRIDGE_RUNNING : WEIR_BRIDGE_FAILED);
		cr_expect(cases[i].is_ours ||
				  strstr(kafka_sink_look(bridge).why, "went on by itself") != NULL,
			  "%zu: %s", i, kafka_sink_look(bridge).why);
		(void)weir_bridge_stop(bridge);
	}
	cr_expect_eq(kafka_bed_read(&bed, "t", 1), 0);
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
	(void)weir_member_leave(m2, FIXTURE_LONG_NS);
	(void)weir_producer_close(producer, WEIR_FOREVER);
	fixture_end(&f);
	kafka_bed_end(&bed);
}

/* Nobody listens there: not until somebody answers, but some seconds, and then a failed attempt. */
Test(kafka_sink, is_retrying_with_the_cause_where_no_broker_is)
{
	static struct kafka_bed bed;
	struct fixture f;
	const struct weir_kafka_property property = {.name = "bootstrap.servers",
						     .value = "127.0.0.1:1"};
	fixture_begin(&f, FIXTURE_DURABLE);
	(void)fixture_topic(&f, "t", 1);
	(void)fixture_subscription(&f, "s", "t");
	struct kafka_sink o = kafka_sink_of(&f, &bed);
	o.kafka.properties = &property;
	o.bridge.retry_min_ns = o.bridge.retry_max_ns = FIXTURE_LONG_NS;
	struct weir_bridge *bridge = kafka_sink_start(&f, &o);
	uint64_t begun_ns = fixture_now_ns();
	cr_expect_eq(weir_bridge_step(bridge, 0), 1, "one step is one attempt");
	cr_expect_lt(fixture_now_ns() - begun_ns, 25000 * MILLISECOND_NS,
		     "and not all that one is given that hears something");
	struct weir_bridge_status status = kafka_sink_look(bridge);
	cr_expect_eq(status.state, WEIR_BRIDGE_RETRYING, "%s",
		     weir_bridge_state_name(status.state));
	cr_expect_eq(status.attempts, 1);
	cr_expect(strstr(status.why, "127.0.0.1:1") != NULL &&
			  strstr(status.why, "refused") != NULL,
		  "%s", status.why);
	(void)weir_bridge_stop(bridge);
	fixture_end(&f);
}

Test(kafka_sink, refuses_a_property_by_its_name_and_never_says_its_value)
{
	struct fixture f;
	static const struct {
		const char *name, *value, *says;
	} cases[] = {
		{"transactional.id", "x", "exactly once"},
		{"no.such.thing", "x", "no such property"},
		{"sasl.mechanism", "SECRET", "does not take"},
		{"linger.ms", "SECRET", "does not take"},
		{"client.id", "x", "HOST:PORT"},
	};
	fixture_begin(&f, FIXTURE_DURABLE);
	(void)fixture_topic(&f, "t", 1);
	(void)fixture_subscription(&f, "s", "t");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		static struct kafka_bed bed;
		struct weir_kafka_property pair[2] = {
			{.name = "bootstrap.servers", .value = "127.0.0.1:1"},
			{.name = cases[i].name, .value = cases[i].value}};
		struct weir_problem problem = {0};
		struct kafka_sink o = kafka_sink_of(&f, &bed);
		o.kafka.properties = i == 4 ? &pair[1] : pair;
		o.kafka.property_count = i == 4 ? 1 : 2;
		if (i == 2) /* any value is taken for it before a connection: one that is not */
			pair[1].name = "security.protocol";
		cr_expect_eq(weir_kafka_sink_create(&o.kafka, &o.bridge, &problem), -EINVAL);
		cr_expect(strstr(problem.text, cases[i].says) != NULL, "%s", problem.text);
		cr_expect(strstr(problem.text, "SECRET") == NULL);
		cr_expect(strncmp(problem.field, "properties.", 11) == 0, "%s", problem.field);
	}
	fixture_end(&f);
}
