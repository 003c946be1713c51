/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source from Kafka: what becomes of a message, where it goes on, and what no event can be.
 * Method: manual bridges to librdkafka's mock cluster, whose groups are one consumer's at a time.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

#include "tests/support/pipeline_fixture.h"
#include "tests/unit/kafka/kafka_bed.h"

#define MILLISECOND_NS 1000000ull

struct bench {
	struct fixture f;
	struct kafka_bed bed;
	struct weir_kafka_source_options options;
	struct weir_bridge_options bridge;
	const char *topics[2];
};

static void begin_with(struct bench *b, int partitions, uint32_t run_records_max)
{
	struct weir_topic_options positions;
	fixture_init(&b->f, FIXTURE_DURABLE);
	b->f.options.versioned_keys_max = 64;
	if (run_records_max > 0)
		b->f.options.run_records_max = run_records_max;
	fixture_open(&b->f);
	kafka_bed_begin(&b->bed, "in", partitions);
	b->topics[0] = "in";
	weir_kafka_source_options_init(&b->options);
	weir_bridge_options_init(&b->bridge);
	b->bridge.name = "in";
	b->bridge.manual = true;
	b->bridge.retry_min_ns = b->bridge.retry_max_ns = MILLISECOND_NS;
	b->options.topics = b->topics;
	b->options.topic_count = 1;
	b->options.topic = fixture_topic(&b->f, "t", 2);
	weir_topic_options_init(&positions);
	positions.name = "positions";
	positions.versioned_keys = 32;
	fixture_need(weir_topic_create(b->f.pipeline, &positions, &b->bridge.positions, NULL) == 0,
		     "a topic");
	b->options.properties = b->bed.properties;
	b->options.property_count = 1;
}

static void begin(struct bench *b, int partitions)
{
	begin_with(b, partitions, 0);
}

static void end(struct bench *b)
{
	fixture_end(&b->f);
	kafka_bed_end(&b->bed);
}

static struct weir_bridge *start(struct bench *b)
{
	struct weir_bridge *bridge = NULL;
	struct weir_problem problem = {0};
	int rc = weir_kafka_source_create(&b->options, &b->bridge, &problem);
	if (rc == 0)
		rc = weir_bridge_start(b->f.pipeline, &b->bridge, &bridge, &problem);
	fixture_need(rc == 0, problem.text);
	return bridge;
}

static struct weir_bridge_status look(struct weir_bridge *bridge)
{
	struct weir_bridge_status status = {.struct_bytes = sizeof status};
	fixture_need(weir_bridge_status(bridge, &status) == 0, "a status");
	return status;
}

static void step_until(struct weir_bridge *bridge, uint64_t events)
{
	uint64_t end_ns = fixture_now_ns() + 4 * FIXTURE_LONG_NS;
	while (look(bridge).events < events && look(bridge).state != WEIR_BRIDGE_FAILED &&
	       fixture_now_ns() < end_ns)
		(void)weir_bridge_step(bridge, 10 * MILLISECOND_NS);
	cr_assert_eq(look(bridge).events, events, "%s: %s",
		     weir_bridge_state_name(look(bridge).state), look(bridge).why);
}

static void step_until_why(struct weir_bridge *bridge, const char *part)
{
	uint64_t end_ns = fixture_now_ns() + 4 * FIXTURE_LONG_NS;
	while (strstr(look(bridge).why, part) == NULL && look(bridge).state != WEIR_BRIDGE_FAILED &&
	       fixture_now_ns() < end_ns)
		(void)weir_bridge_step(bridge, 10 * MILLISECOND_NS);
	cr_assert(strstr(look(bridge).why, part) != NULL, "%s: %s",
		  weir_bridge_state_name(look(bridge).state), look(bridge).why);
}

static bool has_header(const struct weir_item *item, const char *name, const char *value)
{
	struct weir_header header;
	for (uint32_t at = 0; (at = weir_item_header(item, at, &header)) != 0;)
		if (header.name_bytes == strlen(name) &&
		    memcmp(header.name, name, header.name_bytes) == 0)
			return header.value_bytes == strlen(value) &&
			       memcmp(header.value, value, header.value_bytes) == 0;
	return false;
}

Test(kafka_source, makes_an_event_of_a_message_and_goes_on_where_the_log_is)
{
	static struct bench b;
	struct weir_item items[8];
	struct weir_ids ids;
	bool seen[8] = {false};
	begin(&b, 2);
	kafka_bed_write(&b.bed, "in", 2, 0, 4);
	struct weir_bridge *bridge = start(&b);
	step_until(bridge, 4);
	/* The mock makes a member that comes again wait for the one that has gone. */
	kafka_bed_write(&b.bed, "in", 2, 4, 6);
	step_until(bridge, 6);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	struct weir_member *member =
		fixture_member(&b.f, fixture_subscription(&b.f, "s", "t"), "m");
	for (int got = 0; got < 6;) {
		int count = weir_poll(member, items, 8, FIXTURE_LONG_NS);
		cr_assert_gt(count, 0);
		for (int i = 0; i < count; i++, got++) {
			int number = items[i].payload_bytes == 1
					     ? *(const char *)items[i].payload - '0'
					     : 99;
			cr_assert_lt(number, 6);
			cr_expect_not(seen[number], "%d is there once", number);
			seen[number] = true;
			cr_expect_eq(items[i].partition, (uint32_t)number % 2);
			cr_expect_null(items[i].key);
			cr_expect_eq(weir_item_event_time_us(&items[i]),
				     1000u * (1000u + (unsigned)number));
			cr_expect(has_header(&items[i], "colour", "red"));
			weir_item_ids(&items[i], &ids);
			cr_expect_eq(ids.event_id_bytes, 1);
			cr_expect(ids.traceparent_bytes == strlen(KAFKA_BED_PARENT) &&
				  memcmp(ids.traceparent, KAFKA_BED_PARENT,
					 ids.traceparent_bytes) == 0);
			cr_expect(ids.tracestate_bytes == 8 &&
				  memcmp(ids.tracestate, "vendor=7", 8) == 0);
		}
		cr_expect_eq(weir_ack_all(member), 0);
	}
	(void)weir_member_leave(member, FIXTURE_LONG_NS);
	end(&b);
}

/* What comes of the one that is there is taken, and the other one is missed all the time. */
Test(kafka_source, takes_a_topic_that_comes_later)
{
	static struct bench b;
	begin(&b, 1);
	b.topics[1] = "later";
	b.options.topic_count = 2;
	/* Asked for often; where a group changes, the mock waits for no more than ten seconds. */
	static const struct weir_kafka_property soon[] = {
		{.name = "topic.metadata.refresh.interval.ms", .value = "500"},
		{.name = "metadata.max.age.ms", .value = "600000"},
		{.name = "session.timeout.ms", .value = "10000"}};
	memcpy(b.bed.properties + 1, soon, sizeof soon);
	b.options.property_count = 4;
	fixture_need(rd_kafka_mock_topic_create(b.bed.cluster, "later", 2, 1) ==
			     RD_KAFKA_RESP_ERR_NO_ERROR,
		     "a topic of Kafka");
	rd_kafka_mock_topic_set_error(b.bed.cluster, "later",
				      RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	struct weir_bridge *bridge = start(&b);
	step_until_why(bridge, "Kafka has no topic later");
	for (int i = 0; i < 3; i++) {
		kafka_bed_write(&b.bed, "in", 1, i, i + 1);
		step_until(bridge, (uint64_t)i + 1);
		cr_expect_eq(look(bridge).state, WEIR_BRIDGE_RUNNING);
		cr_expect_str_eq(look(bridge).why, "Kafka has no topic later");
	}
	rd_kafka_mock_topic_set_error(b.bed.cluster, "later", RD_KAFKA_RESP_ERR_NO_ERROR);
	kafka_bed_write(&b.bed, "later", 2, 3, 7);
	step_until(bridge, 7);
	cr_expect_eq(look(bridge).state, WEIR_BRIDGE_RUNNING);
	cr_expect_str_eq(look(bridge).why, "");
	cr_expect_eq(look(bridge).attempts, 0);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	end(&b);
}

Test(kafka_source, stops_at_what_no_event_can_be_or_passes_it_over)
{
	static struct bench b;
	static char large[100000];
	begin(&b, 1);
	kafka_bed_write(&b.bed, "in", 1, 0, 2);
	memset(large, 'x', sizeof large);
	kafka_bed_write_large(&b.bed, "in", large, sizeof large);
	kafka_bed_write(&b.bed, "in", 1, 2, 4);
	struct weir_bridge *bridge = start(&b);
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (look(bridge).state != WEIR_BRIDGE_FAILED && fixture_now_ns() < end_ns)
		(void)weir_bridge_step(bridge, 10 * MILLISECOND_NS);
	cr_expect(strstr(look(bridge).why, "message 2 of in/0") != NULL, "%s", look(bridge).why);
	(void)weir_bridge_stop(bridge);
	b.options.skip_unusable = true;
	b.bridge.name = "other";
	bridge = start(&b);
	step_until(bridge, 4);
	cr_expect_eq(look(bridge).dead_letters, 1);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	end(&b);
}

Test(kafka_source, finds_how_many_records_a_run_of_the_log_has)
{
	static struct bench b;
	begin_with(&b, 2, 5);
	kafka_bed_write(&b.bed, "in", 2, 0, 200);
	struct weir_bridge *bridge = start(&b);
	step_until(bridge, 200);
	cr_expect_eq(weir_bridge_stop(bridge), 0);
	end(&b);
}

Test(kafka_source, says_what_is_wrong_with_its_options)
{
	static struct bench b;
	begin(&b, 1);
	for (int i = 0; i < 3; i++) {
		struct weir_kafka_source_options o = b.options;
		const struct weir_kafka_property pair[2] = {
			b.bed.properties[0], {.name = "auto.offset.reset", .value = "latest"}};
		static const char *const fields[] = {"topics", "group",
						     "properties.auto.offset.reset"};
		struct weir_problem problem = {0};
		o.topic_count = i == 0 ? 0 : 1;
		o.group = i == 1 ? "" : NULL;
		o.properties = i == 2 ? pair : o.properties;
		o.property_count = i == 2 ? 2 : 1;
		cr_expect_eq(weir_kafka_source_create(&o, &b.bridge, &problem), -EINVAL);
		cr_expect_str_eq(problem.field, fields[i]);
	}
	b.bridge.positions = UINT32_MAX;
	struct weir_bridge *bridge = start(&b);
	(void)weir_bridge_step(bridge, 0);
	cr_expect_eq(look(bridge).state, WEIR_BRIDGE_FAILED);
	cr_expect(strstr(look(bridge).why, "positions") != NULL, "%s", look(bridge).why);
	(void)weir_bridge_stop(bridge);
	end(&b);
}
