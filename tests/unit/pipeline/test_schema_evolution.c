/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a new version of an event's schema is deployed while readers of the old and of the new one
 * run, and the old events are read again: nothing is lost, refused or misread.
 *
 * Method: OrderPlaced with an optional field more; a subscription each for those that know the
 * first version and the second; a third that begins at the oldest event, after a restart. Each
 * event's fields are compared as JSON.
 */
#include "tests/unit/pipeline/registry_bed.h"

#define EVENTS 20u

static void setup(void)
{
	bed_begin(FIXTURE_DURABLE, 1u << 30);
}

TestSuite(schema_evolution, .init = setup, .fini = bed_end, .timeout = 60);

/* The orders of a range, each second one with a note where the schema has it. */
static void publish(uint32_t topic, uint16_t type, uint32_t first, uint32_t end, bool noted)
{
	for (uint32_t i = first; i < end; i++) {
		uint8_t order[64];
		size_t bytes = bed_order(order, i, "bolt", noted, i % 2 == 0 ? "soon" : NULL);
		cr_assert_eq(bed_publish(topic, type, order, bytes), 0);
	}
}

/* Reads orders 0 .. count - 1, those from `noted_from` on written with a note, as `schema`. */
static void read_all(struct weir_member *member, const struct weir_schema *schema, uint32_t first,
		     uint32_t count, uint32_t noted_from, bool sees_notes)
{
	struct weir_schema_reader *reader;
	struct weir_item item;
	cr_assert_eq(weir_schema_reader_create(bed.pipeline, schema, "orders", &reader, NULL), 0);
	for (uint32_t i = first; i < first + count; i++) {
		uint8_t to[64];
		char json[128], wanted[128];
		const void *data;
		size_t bytes, json_bytes;
		struct weir_problem why = {0};
		cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
		cr_assert_eq(
			weir_schema_reader_read(reader, &item, to, sizeof to, &data, &bytes, &why),
			0, "%s", why.text);
		cr_assert_eq(weir_schema_to_json(schema, data, bytes, 0, json, sizeof json - 1,
						 &json_bytes, NULL),
			     0);
		json[json_bytes] = '\0';
		bool has_note = i >= noted_from && i % 2 == 0;
		(void)snprintf(wanted, sizeof wanted, "{\"id\":%u,\"item\":\"bolt\"%s}", i,
			       !sees_notes ? ""
			       : has_note  ? ",\"note\":\"soon\""
					   : ",\"note\":null");
		cr_expect_str_eq(json, wanted);
		cr_assert_eq(weir_ack(member, &item), 0);
	}
	weir_schema_reader_free(reader);
}

static struct weir_schema *parse(const char *text)
{
	struct weir_schema *schema = NULL;
	cr_assert_eq(weir_schema_parse(text, strlen(text), 0, NULL, &schema, NULL), 0);
	return schema;
}

Test(schema_evolution, order_placed_v2_is_deployed_beside_v1_and_v2_consumers_and_a_replay)
{
	struct weir_schema_version v1 = bed_register("orders", ORDER_1);
	struct weir_schema *one = parse(ORDER_1), *two = parse(ORDER_2);
	uint32_t topic = bed_topic("orders", "orders", false, true);
	struct weir_member *old =
		fixture_member(&bed, fixture_subscription(&bed, "knows-v1", "orders"), NULL);
	struct weir_member *young =
		fixture_member(&bed, fixture_subscription(&bed, "knows-v2", "orders"), NULL);
	publish(topic, v1.type, 0, EVENTS / 2, false);
	/* The readers of the new version come first, then the version, then who writes it. */
	read_all(old, one, 0, EVENTS / 4, EVENTS, false);
	read_all(young, two, 0, EVENTS / 4, EVENTS, true);
	struct weir_schema_version v2 = bed_register("orders", ORDER_2);
	publish(topic, v2.type, EVENTS / 2, EVENTS, true);
	read_all(old, one, EVENTS / 4, EVENTS - EVENTS / 4, EVENTS / 2, false);
	read_all(young, two, EVENTS / 4, EVENTS - EVENTS / 4, EVENTS / 2, true);
	/* Those that have not heard of it still write the old one. */
	publish(topic, v1.type, EVENTS, EVENTS + 2, false);
	cr_assert_eq(weir_close(bed.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
	fixture_open(&bed);
	struct weir_member *again =
		fixture_member(&bed, fixture_subscription(&bed, "from-the-start", "orders"), NULL);
	read_all(again, two, 0, EVENTS, EVENTS / 2, true);
	cr_expect_eq(fixture_poll(again, NULL, 0, 2, true), 2);
	weir_schema_free(one);
	weir_schema_free(two);
}

Test(schema_evolution, a_reader_meets_a_version_that_was_registered_after_it)
{
	struct weir_schema_version v1 = bed_register("orders", ORDER_1);
	struct weir_schema *one = parse(ORDER_1), *number = parse("\"long\"");
	struct weir_schema_reader *reader, *wrong;
	uint32_t topic = bed_topic("orders", "orders", false, false);
	struct weir_item item;
	const void *data;
	uint8_t to[64];
	size_t bytes;
	struct weir_problem why = {0};
	cr_assert_eq(weir_schema_reader_create(bed.pipeline, one, NULL, &reader, NULL), 0);
	cr_assert_eq(weir_schema_reader_create(bed.pipeline, number, NULL, &wrong, NULL), 0);
	cr_expect_eq(weir_schema_reader_create(bed.pipeline, one, "none", &wrong, NULL),
		     WEIR_E_UNKNOWN_NAME);
	struct weir_schema_version v2 = bed_register("orders", ORDER_2);
	publish(topic, v1.type, 0, 1, false);
	publish(topic, v2.type, 2, 3, true);
	cr_assert_eq(bed_publish(topic, v2.type, "\x02", 1), 0, "it is not validated here");
	struct weir_member *member =
		fixture_member(&bed, fixture_subscription(&bed, "reader", "orders"), NULL);
	cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_assert_eq(weir_schema_reader_read(reader, &item, to, 0, &data, &bytes, NULL), 0);
	cr_expect_eq(data, item.payload, "the same either way: it is read where it lies");
	cr_expect_eq(weir_schema_reader_read(wrong, &item, to, sizeof to, &data, &bytes, &why),
		     WEIR_E_INCOMPATIBLE);
	cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_expect_eq(weir_schema_reader_read(reader, &item, to, 2, &data, &bytes, NULL), -ENOBUFS);
	cr_assert_leq(bytes, sizeof to);
	cr_expect_eq(weir_schema_reader_read(reader, &item, to, bytes, &data, &bytes, NULL), 0);
	cr_expect_eq(data, to);
	cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_expect_eq(weir_schema_reader_read(reader, &item, to, sizeof to, &data, &bytes, &why),
		     WEIR_E_NOT_A_DATUM);
	weir_schema_reader_free(reader);
	weir_schema_reader_free(wrong);
	weir_schema_free(one);
	weir_schema_free(number);
}

/* Read, rejected as dead, and read as the letter that it became. */
Test(schema_evolution, a_dead_letter_with_a_prefix_is_read_as_what_it_was)
{
	struct weir_schema_version v = bed_register("orders", ORDER_1);
	struct weir_schema *two = parse(ORDER_2);
	struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	struct weir_schema_reader *reader;
	uint32_t topic = bed_topic("orders", "orders", true, true), queue = bed_queue();
	uint8_t payload[64];
	weir_schema_prefix_put(payload, v.id);
	size_t bytes = WEIR_SCHEMA_PREFIX_BYTES +
		       bed_order(payload + WEIR_SCHEMA_PREFIX_BYTES, 7, "nut", false, NULL);
	cr_assert_eq(bed_publish(topic, 0, payload, bytes), 0);
	cr_assert_eq(weir_schema_reader_create(bed.pipeline, two, "orders", &reader, NULL), 0);
	struct weir_member *members[] = {
		fixture_member(&bed, queue, NULL),
		fixture_member(&bed, fixture_subscription(&bed, "letters", "dead"), NULL)};
	for (uint32_t i = 0; i < 2; i++) {
		struct weir_item item;
		const void *data;
		uint8_t to[64];
		struct weir_problem why = {0};
		cr_assert_eq(weir_poll(members[i], &item, 1, FIXTURE_LONG_NS), 1);
		cr_expect_eq(item.type, v.type);
		cr_assert_eq(
			weir_schema_reader_read(reader, &item, to, sizeof to, &data, &bytes, &why),
			0, "%u: %s", i, why.text);
		cr_expect_eq(bytes, 6u);
		cr_expect_eq(memcmp(data, "\x0e\x06nut\x00", 6), 0, "%u", i);
		if (i == 0)
			cr_assert_eq(weir_reject(members[i], &item, &dead), 0);
	}
	weir_schema_reader_free(reader);
	weir_schema_free(two);
}
