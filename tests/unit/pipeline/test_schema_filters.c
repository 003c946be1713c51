/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a pattern over payloads is asked of an event's fields, whatever encodes them, and so does a
 *       transformer look at them: Avro, also
 * behind the id of its schema, and JSON behind one; of old and new versions, of copies, from memory
 * and from disk, and in replays. What cannot be told is wanted.
 *
 * Method: the same orders in three topics that follow a subject, and for each pattern a
 * subscription whose events are read up to a last one that everybody wants.
 */
#include <stdlib.h>

#include "core/base/bits.h"
#include "tests/unit/pipeline/registry_bed.h"

#define ORDERS 10u
#define LAST 63u
#define NOTED_FROM 5u /* written with the second version */

static void setup(void)
{
	fixture_init(&bed, FIXTURE_DURABLE);
	bed.options.schemas_max = 16;
	bed.options.schema_bytes_max = 4096;
	bed.options.subscriptions_max = 40;
	fixture_open(&bed);
}

TestSuite(schema_filters, .init = setup, .fini = bed_end, .timeout = 120);

static const struct {
	enum weir_filter_kind kind;
	const char *pattern;
	uint64_t wanted; /* a bit for each order */
} cases[] = {
	{WEIR_FILTER_EVENTBRIDGE, "{\"item\":[\"bolt\"]}", 0x2aa},
	{WEIR_FILTER_EVENTBRIDGE, "{\"id\":[{\"numeric\":[\">=\",3,\"<\",7]}]}", 0x078},
	{WEIR_FILTER_EVENTBRIDGE, "{\"note\":[{\"exists\":false}]}", 0x01f},
	{WEIR_FILTER_EVENTBRIDGE, "{\"note\":[null]}", 0x2a0},
	{WEIR_FILTER_SNS_BODY, "{\"note\":[\"soon\"],\"item\":[\"nut\"]}", 0x140},
};

/* ---- orders ---- */

enum encoding { AS_DATUM, BEHIND_ID, JSON_BEHIND_ID };
static const char *const topic_names[] = {"datum", "behind-id", "json"};

static void publish(uint32_t topic, uint16_t type, const void *payload, size_t bytes, bool is_last)
{
	struct weir_event event = {.topic = topic,
				   .type = type,
				   .key = is_last ? "last" : NULL,
				   .key_bytes = is_last ? 4 : 0,
				   .payload = payload,
				   .payload_bytes = bytes};
	cr_assert_eq(
		weir_publish_once(bed.pipeline, &event, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS, NULL),
		0);
}

static void publish_order(uint32_t topic, enum encoding encoding,
			  const struct weir_schema_version *version, uint32_t i)
{
	const char *item = i == LAST ? "last" : i % 2 == 1 ? "bolt" : "nut";
	const char *note = i % 2 == 0 ? "soon" : NULL;
	bool noted = i >= NOTED_FROM;
	uint8_t payload[128], *to = payload;
	if (encoding != AS_DATUM) {
		weir_schema_prefix_put(to, version->id);
		to += WEIR_SCHEMA_PREFIX_BYTES;
	}
	if (encoding == JSON_BEHIND_ID)
		to += snprintf((char *)to, 64, "{\"id\":%u,\"item\":\"%s\"%s%s%s}", i, item,
			       noted ? ",\"note\":" : "", noted && note == NULL ? "null" : "",
			       noted && note != NULL ? "\"soon\"" : "");
	else
		to += bed_order(to, i, item, noted, note);
	publish(topic, encoding == AS_DATUM ? version->type : 0, payload, (size_t)(to - payload),
		i == LAST);
}

static uint32_t number_of(const struct weir_item *item, enum encoding encoding)
{
	const uint8_t *payload = item->payload;
	if (encoding == JSON_BEHIND_ID)
		return (uint32_t)strtoul((const char *)payload + 5 + strlen("{\"id\":"), NULL, 10);
	return payload[encoding == AS_DATUM ? 0 : WEIR_SCHEMA_PREFIX_BYTES] / 2u;
}

static void publish_all(enum encoding encoding)
{
	struct weir_schema_version one = {0}, two = {0};
	uint32_t topic;
	if (encoding == JSON_BEHIND_ID) {
		struct weir_registration r = bed_asks_json("json-orders", "{\"type\": \"object\"}");
		cr_assert_eq(weir_registry_register(bed.pipeline, &r, &one, NULL, NULL, NULL), 0);
		two = one;
		topic = bed_topic(topic_names[encoding], "json-orders", true, true);
	} else {
		one = bed_register("orders", ORDER_1);
		two = bed_register("orders", ORDER_2);
		topic = bed_topic(topic_names[encoding], "orders", encoding == BEHIND_ID, true);
	}
	for (uint32_t i = 0; i < ORDERS; i++)
		publish_order(topic, encoding, i < NOTED_FROM ? &one : &two, i);
	publish_order(topic, encoding, &two, LAST);
}

/* ---- who wants them ---- */

static uint32_t subscribe_with(const char *name, const char *topic,
			       const struct weir_subscription_filter *filter)
{
	struct weir_subscription_options o;
	struct weir_problem why = {0};
	uint32_t id = 99;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic;
	o.topic_count = 1;
	o.start = WEIR_START_OLDEST;
	o.filter = filter;
	cr_assert_eq(weir_subscription_create(bed.pipeline, &o, &id, &why), 0, "%s: %s", why.field,
		     why.text);
	return id;
}

static uint32_t subscribe(const char *name, const char *topic, enum weir_filter_kind kind,
			  const char *pattern)
{
	const struct weir_filter_term terms[] = {
		{.kind = kind, .pattern = pattern, .pattern_bytes = strlen(pattern)},
		{.kind = WEIR_FILTER_DIRECT, .pattern = "last", .pattern_bytes = 4}};
	const struct weir_subscription_filter filter = {
		.join = WEIR_FILTER_ANY, .term_count = 2, .terms = terms};
	return subscribe_with(name, topic, &filter);
}

/* A bit for each that comes before the last one. */
static uint64_t read_to_last(uint32_t subscription, enum encoding encoding)
{
	struct weir_member *member = fixture_member(&bed, subscription, NULL);
	uint64_t seen = 0;
	for (uint32_t number = 0; number != LAST;) {
		struct weir_item item;
		cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
		number = number_of(&item, encoding);
		seen |= number != LAST ? UINT64_C(1) << number : 0;
		cr_assert_eq(weir_ack(member, &item), 0);
	}
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	return seen;
}

static void expect_each_case(enum encoding encoding, const char *when)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		char name[48];
		(void)snprintf(name, sizeof name, "%s-%s-%zu", when, topic_names[encoding], i);
		uint32_t id =
			subscribe(name, topic_names[encoding], cases[i].kind, cases[i].pattern);
		cr_expect_eq(read_to_last(id, encoding), cases[i].wanted, "%s: %s", name,
			     cases[i].pattern);
	}
}

Test(schema_filters, patterns_look_at_fields_whatever_encodes_them)
{
	for (enum encoding e = AS_DATUM; e <= JSON_BEHIND_ID; e++) {
		publish_all(e);
		expect_each_case(e, "memory");
	}
	cr_assert_eq(weir_close(bed.pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
	fixture_open(&bed);
	for (enum encoding e = AS_DATUM; e <= JSON_BEHIND_ID; e++)
		expect_each_case(e, "disk");
}

static uint64_t replayed(const char *pattern, const uint32_t *topic)
{
	struct weir_replay_options o;
	struct weir_replay *replay = NULL;
	struct weir_filter *filter = NULL;
	struct weir_problem why = {0};
	struct weir_item item;
	uint64_t seen = 0;
	int more;
	cr_assert_eq(weir_filter_create(WEIR_FILTER_EVENTBRIDGE, pattern, strlen(pattern), NULL,
					&filter, NULL),
		     0);
	weir_replay_options_init(&o);
	o.filter = filter;
	o.topics = topic;
	o.topic_count = 1;
	cr_assert_eq(weir_replay_open(bed.pipeline, &o, &replay, &why), 0, "%s", why.text);
	while ((more = weir_replay_next(replay, &item, 1, FIXTURE_LONG_NS)) > 0)
		seen |= UINT64_C(1) << number_of(&item, BEHIND_ID);
	cr_assert_eq(more, 0);
	weir_replay_close(replay);
	weir_filter_destroy(filter);
	return seen;
}

Test(schema_filters, and_a_replay_by_a_pattern)
{
	uint32_t topic = 99;
	publish_all(BEHIND_ID);
	cr_assert_eq(weir_topic_find(bed.pipeline, "behind-id", &topic), 0);
	for (size_t i = 0; i < 4; i++)
		cr_expect_eq(replayed(cases[i].pattern, &topic) & ((1u << ORDERS) - 1),
			     cases[i].wanted, "%s", cases[i].pattern);
}

/* A dead letter lies in a topic that follows nothing. */
Test(schema_filters, a_copy_is_read_as_what_it_is_of)
{
	struct weir_schema_version one = bed_register("orders", ORDER_1);
	struct weir_schema_version two = bed_register("orders", ORDER_2);
	struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	uint32_t topic = bed_topic("orders", "orders", true, true);
	struct weir_member *queue = fixture_member(&bed, bed_queue(), NULL);
	for (uint32_t i = 0; i < 4; i++) {
		struct weir_item item;
		publish_order(topic, BEHIND_ID, i < 3 ? &one : &two, i < 3 ? i : LAST);
		cr_assert_eq(weir_poll(queue, &item, 1, FIXTURE_LONG_NS), 1);
		cr_assert_eq(weir_reject(queue, &item, &dead), 0);
	}
	uint32_t letters =
		subscribe("letters", "dead", WEIR_FILTER_EVENTBRIDGE, "{\"item\":[\"bolt\"]}");
	cr_expect_eq(read_to_last(letters, BEHIND_ID), 2u);
}

static const char template[] = "{\"InputPathsMap\": {\"i\": \"$.item\", \"n\": \"$.id\"}, "
			       "\"InputTemplate\": \"{\\\"what\\\": <i>, \\\"id\\\": <n>}\"}";
#define MADE_OF_7 "{\"what\":\"bolt\",\"id\":7}"

Test(schema_filters, a_binding_transforms_fields)
{
	struct weir_schema_version v = bed_register("orders", ORDER_2);
	uint32_t topic = bed_topic("orders", "orders", true, true);
	uint32_t made = fixture_topic(&bed, "made", 1);
	struct weir_binding_options o;
	struct weir_problem why = {0};
	struct weir_item item;
	weir_binding_options_init(&o);
	o.name = "way";
	o.source = topic;
	o.target = made;
	o.transform = template;
	o.transform_bytes = sizeof template - 1;
	cr_assert_eq(weir_binding_create(bed.pipeline, &o, NULL, &why), 0, "%s", why.text);
	struct weir_member *member =
		fixture_member(&bed, fixture_subscription(&bed, "reader", "made"), NULL);
	publish_order(topic, BEHIND_ID, &v, 7);
	cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_expect_eq(item.type, 0);
	cr_assert_eq(item.payload_bytes, sizeof MADE_OF_7 - 1);
	cr_expect_eq(memcmp(item.payload, MADE_OF_7, sizeof MADE_OF_7 - 1), 0);
}

/* The room has to hold Avro's JSON beside what is made of it. */
static void expect_made(struct weir_member *member, const struct weir_item *item,
			enum encoding encoding)
{
	char room[128];
	const void *payload = NULL;
	struct weir_problem why = {0};
	int64_t bytes = weir_member_transform(member, item, room, sizeof room, &payload, &why);
	cr_assert_eq(bytes, sizeof MADE_OF_7 - 1, "%s", why.text);
	cr_expect_eq(payload, room);
	cr_expect_eq(memcmp(room, MADE_OF_7, sizeof MADE_OF_7 - 1), 0);
	bytes = weir_member_transform(member, item, room, sizeof MADE_OF_7 - 1, &payload, &why);
	cr_expect_eq(bytes,
		     encoding == JSON_BEHIND_ID ? (int64_t)sizeof MADE_OF_7 - 1 : WEIR_E_TOO_BIG);
}

Test(schema_filters, and_members_do)
{
	const struct weir_subscription_filter filter = {.transform = template,
							.transform_bytes = sizeof template - 1};
	for (enum encoding e = AS_DATUM; e <= JSON_BEHIND_ID; e++) {
		struct weir_item item;
		publish_all(e);
		uint32_t id = subscribe_with(topic_names[e], topic_names[e], &filter);
		struct weir_member *member = fixture_member(&bed, id, NULL);
		do {
			cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
		} while (number_of(&item, e) != 7);
		expect_made(member, &item, e);
	}
}

/* An array of nulls takes no bytes, and five of JSON for each; and what is no datum is no JSON. */
Test(schema_filters, what_is_too_large_as_json_is_wanted_and_what_is_no_datum_is_not)
{
	struct weir_schema_version v = bed_register(
		"many", "{\"type\": \"record\", \"name\": \"Many\", \"fields\": [\n"
			"{\"name\": \"id\", \"type\": \"int\"}, {\"name\": \"n\", \"type\":\n"
			"{\"type\": \"array\", \"items\": \"null\"}}]}");
	uint32_t topic = bed_topic("many", "many", false, false);
	publish(topic, v.type, "\x04\xfe\xff\xff\x7f\x00", 6, false);
	publish(topic, v.type, "\x06\x02\x00", 3, false);
	publish(topic, v.type, "\x08", 1, false);
	publish(topic, v.type, "\x0a\x00", 2, false);
	publish(topic, v.type, "\x7e\x00", 2, true);
	uint32_t id = subscribe("wants-5", "many", WEIR_FILTER_EVENTBRIDGE, "{\"id\":[4,5]}");
	cr_expect_eq(read_to_last(id, AS_DATUM), 1u << 2 | 1u << 5);
}
