/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the registry keeps JSON Schemas as it keeps Avro's: ids, versions, levels and references by
 * the names that $ref has; payloads of JSON are validated and read; all of it comes back from the
 * records and from a checkpoint. A log and a checkpoint with Avro's alone are as they were, and
 * what has a JSON Schema is new to a weir that knows none.
 *
 * Method: single cases on a pipeline with a journal; restarts; the bytes of sections.
 */
#include "core/base/bits.h"
#include "core/journal/format.h"
#include "core/pipeline/pipeline.h"
#include "core/record/batch.h"
#include "core/record/section.h"
#include "tests/unit/pipeline/registry_bed.h"

#define MONEY                                                                                      \
	"{\"$defs\": {\"amount\": {\"type\": \"integer\", \"minimum\": 0}}, \"type\": \"object\"}"
#define PRICED                                                                                     \
	"{\"type\": \"object\", \"properties\": {\"price\": {\"$ref\": "                           \
	"\"money.json#/$defs/amount\"}}, \"required\": [\"price\"], "                              \
	"\"additionalProperties\": false}"
#define BASKET "{\"type\": \"array\", \"items\": {\"$ref\": \"priced.json\"}, \"maxItems\": 2}"
#define CLOSED(properties)                                                                         \
	"{\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"integer\"}" properties       \
	"}, \"required\": [\"id\"], \"additionalProperties\": false}"

static void setup(void)
{
	bed_begin(FIXTURE_DURABLE, 1u << 30);
}

TestSuite(registry_json, .init = setup, .fini = bed_end, .timeout = 60);

static struct weir_schema_version put(const struct weir_registration *asks)
{
	struct weir_schema_version version = {0};
	struct weir_problem why = {0};
	cr_assert_eq(weir_registry_register(bed.pipeline, asks, &version, NULL, NULL, &why), 0,
		     "%s: %s", why.field, why.text);
	return version;
}

static struct weir_schema_version put_json(const char *subject, const char *text)
{
	struct weir_registration r = bed_asks_json(subject, text);
	return put(&r);
}

static struct weir_schema_version put_with(const char *subject, const char *text,
					   const struct weir_schema_reference *references,
					   uint32_t count)
{
	struct weir_registration r = bed_asks_json(subject, text);
	r.references = references;
	r.reference_count = count;
	return put(&r);
}

/* Why it is not taken. */
static int refused(const char *subject, const char *text, enum weir_schema_format format,
		   const struct weir_schema_reference *references, uint32_t count,
		   struct weir_problem *ret_why)
{
	struct weir_schema_version version;
	struct weir_registration r = bed_asks(subject, text);
	r.format = format;
	r.references = references;
	r.reference_count = count;
	*ret_why = (struct weir_problem){0};
	return weir_registry_register(bed.pipeline, &r, &version, NULL, NULL, ret_why);
}

static void note_kind(void *context, const struct weir_schema_issue *issue)
{
	*(enum weir_schema_issue_kind *)context = issue->kind;
}

Test(registry_json, one_text_in_two_formats_is_two_schemas_and_neither_follows_the_other)
{
	enum weir_schema_issue_kind kind = WEIR_SCHEMA_NAME_MISMATCH;
	struct weir_schema_version avro = bed_register("a", "{\"type\": \"string\"}");
	struct weir_schema_version json = put_json("j", "{\"type\": \"string\"}"), found;
	struct weir_registration r = bed_asks_json("a", "{\"type\": \"string\"}");
	cr_expect_eq(json.id, avro.id + 1);
	cr_expect_eq(avro.format, WEIR_SCHEMA_FORMAT_AVRO);
	cr_expect_eq(json.format, WEIR_SCHEMA_FORMAT_JSON);
	cr_expect_eq(put_json("k", "{\"type\":\"string\"}").id, json.id, "one id in all subjects");
	cr_expect_eq(weir_registry_find(bed.pipeline, &r, false, &found, NULL),
		     WEIR_E_UNKNOWN_SCHEMA);
	cr_expect_eq(weir_registry_register(bed.pipeline, &r, &found, note_kind, &kind, NULL),
		     WEIR_E_INCOMPATIBLE);
	cr_expect_eq(kind, WEIR_SCHEMA_TYPE_CHANGED);
	cr_assert_eq(weir_registry_level_set(bed.pipeline, "a", WEIR_SCHEMA_LEVEL_NONE, NULL), 0);
	found = put(&r);
	cr_expect_eq(found.version, 2);
	cr_expect_eq(found.id, json.id);
	r.format = (enum weir_schema_format)7;
	struct weir_problem why = {0};
	cr_expect_eq(weir_registry_register(bed.pipeline, &r, &found, NULL, NULL, &why), -EINVAL);
	cr_expect_str_eq(why.field, "format");
}

Test(registry_json, a_level_judges_by_confluents_rules)
{
	static const struct {
		enum weir_schema_level level;
		const char *next;
		int code;
	} rows[] = {
		{WEIR_SCHEMA_BACKWARD, CLOSED(", \"note\": {\"type\": \"string\"}"), 0},
		{WEIR_SCHEMA_BACKWARD, CLOSED(""), WEIR_E_INCOMPATIBLE},
		{WEIR_SCHEMA_FORWARD, CLOSED(""), 0},
		{WEIR_SCHEMA_STRICT, CLOSED(", \"n\": {\"type\": \"number\"}"),
		 WEIR_E_INCOMPATIBLE},
	};
	struct weir_problem why;
	put_json("orders", CLOSED(""));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cr_assert_eq(
			weir_registry_level_set(bed.pipeline, "orders", (int)rows[i].level, NULL),
			0);
		if (i == 1) // what is there already is taken again whatever its level
			cr_assert_eq(weir_registry_delete(bed.pipeline, "orders", 1, false, NULL),
				     0);
		cr_expect_eq(
			refused("orders", rows[i].next, WEIR_SCHEMA_FORMAT_JSON, NULL, 0, &why),
			rows[i].code, "row %zu: %s", i, why.text);
	}
}

/* That there is too much to compare is not said as of a record that is too large. */
Test(registry_json, what_is_too_much_to_compare_is_said_as_that)
{
	char text[2][90000] = {"{\"enum\":[1", "{\"enum\":[\"\""};
	static const char *const more[] = {",1", ",\"\""};
	struct weir_problem why;
	for (int i = 0; i < 2; i++) {
		char *at = text[i] + strlen(text[i]);
		for (int n = 0; n < 20000; n++)
			at = stpcpy(at, more[i]);
		memcpy(at, ",1]}", 5);
	}
	bed_end();
	fixture_init(&bed, FIXTURE_MEMORY);
	bed.options.chunk_bytes = bed.options.lane_bytes = 512u << 10;
	bed.options.member_lane_bytes = 512u << 10;
	bed.options.schemas_max = 2;
	bed.options.schema_bytes_max = 1u << 20;
	fixture_open(&bed);
	put_json("large", text[0]);
	cr_expect_eq(refused("large", text[1], WEIR_SCHEMA_FORMAT_JSON, NULL, 0, &why),
		     WEIR_E_TOO_BIG);
	cr_expect_not_null(strstr(why.text, "more to compare"), "%s", why.text);
}

/* --- references ------------------------------------------------------------------------------- */

static const struct weir_schema_reference to_money = {"money.json", "money", 1};
static const struct weir_schema_reference to_priced = {"priced.json", "priced", 1};

static struct weir_schema_version fill(void)
{
	put_json("money", MONEY);
	put_with("priced", PRICED, &to_money, 1);
	return put_with("basket", BASKET, &to_priced, 1);
}

static void takes(uint16_t type, const char *payload, bool is_good)
{
	const struct weir_schema *schema = weir_registry_schema(bed.pipeline, type);
	struct weir_problem why = {0};
	cr_assert_not_null(schema);
	cr_expect_eq(weir_schema_validate(schema, payload, strlen(payload), &why),
		     is_good ? 0 : -EINVAL, "%s: %s", payload, why.text);
}

static void judge_basket(uint16_t type)
{
	takes(type, "[{\"price\": 3}, {\"price\": 0}]", true);
	takes(type, "[{\"price\": -3}]", false);
	takes(type, "[{\"cost\": 3}]", false);
}

Test(registry_json, a_reference_is_what_ref_names_and_theirs_are_found_too)
{
	struct weir_schema_version v = fill();
	struct weir_schema_reference found;
	size_t bytes;
	judge_basket(v.type);
	cr_expect_eq(v.reference_count, 1);
	cr_assert_eq(weir_registry_reference(bed.pipeline, &v, 0, &found, &bytes), 0);
	cr_expect_str_eq(found.subject, "priced");
	cr_expect_eq(weir_registry_delete(bed.pipeline, "money", 0, false, NULL), -EBUSY);
}

Test(registry_json, a_reference_that_leads_nowhere_or_elsewhere_is_refused_and_said)
{
	struct weir_problem why;
	fill();
	bed_register("avro", "\"long\"");
	const struct weir_schema_reference to_avro = {"money.json", "avro", 1};
	const struct weir_schema_reference two[] = {{"priced.json", "priced", 1},
						    {"money.json", "basket", 1}};
	cr_expect_eq(refused("p", PRICED, WEIR_SCHEMA_FORMAT_JSON, NULL, 0, &why), -EINVAL);
	cr_expect_str_eq(why.field, "/properties/price/$ref");
	cr_expect_not_null(strstr(why.text, "money.json"), "%s", why.text);
	cr_expect_eq(refused("p", PRICED, WEIR_SCHEMA_FORMAT_JSON, &to_avro, 1, &why), -EINVAL);
	cr_expect_str_eq(why.field, "references");
	cr_expect_eq(refused("p", "\"int\"", WEIR_SCHEMA_FORMAT_AVRO, &to_money, 1, &why), -EINVAL);
	cr_expect_str_eq(why.field, "references");
	/* "money.json" is one thing here, and another in what is referred to. */
	cr_expect_eq(refused("p", BASKET, WEIR_SCHEMA_FORMAT_JSON, two, 2, &why), -EINVAL);
	cr_expect_not_null(strstr(why.text, "one name"), "%s", why.text);
	/* Nor if what it stands for here is what leads to the other one. */
	cr_expect_eq(refused("p", "{\"$ref\": \"money.json\"}", WEIR_SCHEMA_FORMAT_JSON, two + 1, 1,
			     &why),
		     -EINVAL);
	cr_expect_not_null(strstr(why.text, "one name"), "%s", why.text);
	cr_expect_eq(refused("p", "{\"$ref\": \"money.json#/$defs/none\"}", WEIR_SCHEMA_FORMAT_JSON,
			     &to_money, 1, &why),
		     -EINVAL);
	cr_expect_str_eq(why.field, "/$ref");
	cr_expect_eq(refused("p", "{\"type\": \"object\", \"pattern\": \"a\"}",
			     WEIR_SCHEMA_FORMAT_JSON, NULL, 0, &why),
		     -EINVAL);
	cr_expect_str_eq(why.field, "/pattern");
	cr_expect_eq(refused("p", "1 2", WEIR_SCHEMA_FORMAT_JSON, &to_money, 1, &why), -EINVAL,
		     "one value, and no other one without its blanks");
}

/* --- restarts, and an older weir -------------------------------------------------------------- */

static void outlives(bool with_checkpoint)
{
	struct weir_schema_version v = fill(), again;
	cr_assert_eq(weir_registry_delete(bed.pipeline, "basket", 1, false, NULL), 0);
	if (with_checkpoint) {
		uint32_t topic = fixture_topic(&bed, "filler", 1);
		struct weir_producer *producer = fixture_producer(&bed, NULL);
		fixture_wait(producer, fixture_publish(producer, topic, 1, 20000));
	}
	(void)weir_close(bed.pipeline, WEIR_CLOSE_ABORT, FIXTURE_LONG_NS, NULL);
	fixture_open(&bed);
	if (with_checkpoint)
		cr_expect_gt(bed.pipeline->recovery.checkpoint_seq, 1);
	cr_assert_eq(weir_registry_version(bed.pipeline, "basket", 1, &again), 0);
	cr_expect_eq(again.id, v.id);
	cr_expect_eq(again.format, WEIR_SCHEMA_FORMAT_JSON);
	cr_expect_eq(again.state, WEIR_SCHEMA_DELETED);
	judge_basket(again.type);
	again = put_with("basket", BASKET, &to_priced, 1);
	cr_expect_eq(again.version, 2);
	cr_expect_eq(again.id, v.id, "the same schema");
}

Test(registry_json, all_of_it_outlives_a_crash)
{
	outlives(false);
}

Test(registry_json, all_of_it_stands_in_a_checkpoint)
{
	bed_end();
	bed_begin(FIXTURE_DURABLE, 1);
	outlives(true);
}

/* The registry's section as it is saved: its version, then, loaded again, what that says. */
static uint32_t section_version(uint32_t format_of_first, int *ret_code)
{
	static uint8_t section[8192];
	struct wr_sink sink = {.bytes = section, .capacity_bytes = sizeof section};
	struct wr_schemas *s = &bed.pipeline->tables.schemas;
	struct wr_section_header header;
	const uint8_t *bytes;
	uint32_t at = 0;
	s->types[1].format = format_of_first;
	wr_schemas_save(s, &sink);
	cr_assert_eq(wr_section_next(section, (uint32_t)sink.used_bytes, &at, &header, &bytes), 1);
	wr_schemas_reset(s);
	*ret_code = wr_schemas_load(s, header.version, 0, bytes, header.bytes);
	return header.version;
}

Test(registry_json, a_checkpoint_is_of_a_newer_version_only_where_a_json_schema_is_in_it)
{
	int code;
	bed_end();
	bed_begin(FIXTURE_MEMORY | FIXTURE_MANUAL, 1u << 30); // nobody looks while it is changed
	bed_register("a", "{\"type\": \"string\"}");
	cr_expect_eq(section_version(WR_SCHEMA_FORMAT_AVRO, &code), 1);
	cr_expect_eq(code, 0);
	cr_expect_eq(section_version(WR_SCHEMA_FORMAT_JSON, &code), 2);
	cr_expect_eq(code, 0);
	cr_expect_eq(bed.pipeline->tables.schemas.types[1].format, WR_SCHEMA_FORMAT_JSON);
	cr_expect_eq(section_version(3, &code), 2);
	cr_expect_eq(code, WEIR_E_FORMAT, "a newer weir's");
	cr_expect_eq(wr_schemas_load(&bed.pipeline->tables.schemas, 3, 0, (const uint8_t *)"", 0),
		     WEIR_E_FORMAT);
}

/* What batches of the journal say that one must know of the registry. */
static uint32_t features(void)
{
	static uint8_t block[WR_BLOCK_BYTES];
	char name[64], path[4200];
	uint32_t all = 0;
	for (uint32_t number = 0; number < 8; number++) {
		wr_segment_name(name, 0, number);
		(void)snprintf(path, sizeof path, "%s/%s", bed.options.dir, name);
		FILE *file = fopen(path, "rb");
		while (file != NULL && fread(block, 1, sizeof block, file) == sizeof block)
			if (wr_get_u32(block) == WR_BATCH_MAGIC)
				all |= wr_get_u32(block + 8);
		if (file != NULL)
			fclose(file);
	}
	return all & (WR_BATCH_SCHEMAS | WR_BATCH_JSON_SCHEMAS);
}

Test(registry_json, a_batch_with_a_json_schema_says_that_one_must_know_them)
{
	bed_register("a", "{\"type\": \"string\"}");
	cr_assert_eq(weir_registry_level_set(bed.pipeline, "a", WEIR_SCHEMA_FULL, NULL), 0);
	cr_expect_eq(features(), WR_BATCH_SCHEMAS, "as before there were others");
	put_json("j", "{\"type\": \"string\"}");
	cr_expect_eq(features(), WR_BATCH_SCHEMAS | WR_BATCH_JSON_SCHEMAS);
}

/* --- events ----------------------------------------------------------------------------------- */

Test(registry_json, a_payload_with_a_prefix_is_validated_where_it_is_published)
{
	char payload[128] = {0}, *json = payload + WEIR_SCHEMA_PREFIX_BYTES;
	struct weir_schema_version v = fill();
	uint32_t topic = bed_topic("baskets", "basket", true, true);
	static const struct {
		const char *json;
		int code;
	} rows[] = {
		{"[{\"price\": 3}]", 0},
		{" [ ] ", 0},
		{"[{\"price\": -3}]", WEIR_E_NOT_A_DATUM},
		{"[{\"price\": 3}] 1", WEIR_E_NOT_A_DATUM},
		{"[{\"price\": 3}", WEIR_E_NOT_A_DATUM},
		{"", WEIR_E_NOT_A_DATUM},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t bytes = WEIR_SCHEMA_PREFIX_BYTES + strlen(rows[i].json);
		weir_schema_prefix_put((uint8_t *)payload, v.id);
		memcpy(json, rows[i].json, strlen(rows[i].json));
		cr_expect_eq(bed_publish(topic, 0, payload, bytes), rows[i].code, "%s",
			     rows[i].json);
	}
	struct weir_event event = {.topic = topic, .type = v.type, .payload = payload};
	struct weir_problem why = {0};
	event.payload_bytes = WEIR_SCHEMA_PREFIX_BYTES + 15;
	memcpy(json, "[{\"price\": -3}]", 15);
	cr_expect_eq(weir_event_schema_check(bed.pipeline, &event, &why), WEIR_E_NOT_A_DATUM);
	cr_expect_eq(why.code, WEIR_E_NOT_A_DATUM);
	cr_expect_str_eq(why.field, "/0/price");
	weir_schema_prefix_put((uint8_t *)payload, 99);
	cr_expect_eq(bed_publish(topic, 0, payload, event.payload_bytes), WEIR_E_UNKNOWN_SCHEMA);
	weir_schema_prefix_put((uint8_t *)payload, 1); // of another subject
	cr_expect_eq(bed_publish(topic, 0, payload, event.payload_bytes), WEIR_E_UNKNOWN_SCHEMA);
}

Test(registry_json, a_payload_that_takes_more_work_than_it_may_is_refused)
{
	static const char json[] =
		"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,"
		"26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,"
		"49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65]";
	struct weir_problem why = {0};
	bed_end();
	fixture_init(&bed, FIXTURE_MEMORY);
	bed.options.schemas_max = 4;
	bed.options.validate_work_max = UINT32_MAX;
	cr_assert_eq(weir_open(&bed.options, &bed.pipeline, &why), -EINVAL);
	cr_expect_str_eq(why.field, "validate_work_max");
	bed.options.validate_work_max = 64;
	fixture_open(&bed);
	struct weir_schema_version v = put_json("list", "{\"items\": {\"type\": \"integer\"}}");
	uint32_t topic = bed_topic("list", "list", false, true);
	cr_expect_eq(bed_publish(topic, v.type, "[1, 2, 3]", 9), 0);
	struct weir_event event = {.topic = topic, .type = v.type, .payload = json};
	event.payload_bytes = strlen(json);
	cr_expect_eq(bed_publish(topic, v.type, json, strlen(json)), WEIR_E_NOT_A_DATUM);
	cr_expect_eq(weir_event_schema_check(bed.pipeline, &event, &why), WEIR_E_NOT_A_DATUM);
	cr_expect_not_null(strstr(why.text, "more than 64 steps"), "%s", why.text);
}

static struct weir_schema *parse(const char *text, uint32_t flags)
{
	struct weir_schema *schema = NULL;
	cr_assert_eq(weir_schema_parse(text, strlen(text), flags, NULL, &schema, NULL), 0);
	return schema;
}

Test(registry_json, a_reader_lends_what_its_own_schema_takes)
{
	struct weir_schema_version v1 = put_json("orders", CLOSED(""));
	struct weir_schema *same = parse(CLOSED(", \"note\": {\"type\": \"string\"}"),
					 WEIR_SCHEMA_JSON),
			   *narrow = parse("{\"type\": \"string\"}", WEIR_SCHEMA_JSON),
			   *avro = parse("\"string\"", 0);
	struct weir_schema_reader *reader, *wrong, *other;
	struct weir_item item;
	struct weir_problem why = {0};
	const void *data;
	size_t bytes;
	cr_assert_eq(weir_schema_reader_create(bed.pipeline, same, NULL, &reader, NULL), 0);
	cr_assert_eq(weir_schema_reader_create(bed.pipeline, narrow, NULL, &wrong, NULL), 0);
	cr_assert_eq(weir_schema_reader_create(bed.pipeline, avro, NULL, &other, NULL), 0);
	uint32_t topic = bed_topic("orders", "orders", false, true);
	cr_assert_eq(bed_publish(topic, v1.type, "{\"id\": 7}", 9), 0);
	struct weir_member *member =
		fixture_member(&bed, fixture_subscription(&bed, "reader", "orders"), NULL);
	cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_assert_eq(weir_schema_reader_read(reader, &item, NULL, 0, &data, &bytes, &why), 0, "%s",
		     why.text);
	cr_expect_eq(data, item.payload);
	cr_expect_eq(bytes, 9);
	cr_expect_eq(weir_schema_reader_read(wrong, &item, NULL, 0, &data, &bytes, &why),
		     WEIR_E_INCOMPATIBLE);
	cr_expect_eq(weir_schema_reader_read(other, &item, NULL, 0, &data, &bytes, &why),
		     WEIR_E_INCOMPATIBLE);
	weir_schema_reader_free(reader);
	weir_schema_reader_free(wrong);
	weir_schema_reader_free(other);
	weir_schema_free(same);
	weir_schema_free(narrow);
	weir_schema_free(avro);
}
