/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   of a JSON Schema is taken what the profile has, and nothing else; payloads are judged as
 *         the drafts say; who reads whom is decided as Confluent's registry decides it.
 * Method: tables of schemas, payloads and pairs of schemas. format/check_json_schema.py compares
 *         verdicts on payloads with a library of others.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/resolver.h>
#include <weir/schema.h>

#include "core/base/bits.h"
#include "core/schema/js_schema.h"

#define DRAFT_2020 "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","

static struct weir_schema *json_schema_of(const char *text)
{
	struct weir_schema *schema = NULL;
	struct weir_problem problem = {0};
	int code = weir_schema_parse(text, strlen(text), WEIR_SCHEMA_JSON, NULL, &schema, &problem);
	cr_assert_eq(code, 0, "%s: %s %s", text, problem.field, problem.text);
	return schema;
}

/* --- what is taken ---------------------------------------------------------------------------- */

static const struct {
	const char *text;
	const char *path;
	const char *reason;
	int code;
} refused[] = {
	{"", "/", "empty", -EINVAL},
	{"{\"type\":\"string\"", "/", "ends", -EINVAL},
	{"7", "/", "an object, true or false", -EINVAL},
	{"{\"pattern\":\"^a\"}", "/pattern", "regular expression", -EINVAL},
	{"{\"properties\":{\"a\":{\"patternProperties\":{}}}}", "/properties/a/patternProperties",
	 "regular", -EINVAL},
	{"{\"items\":{\"unknown\":1}}", "/items/unknown", "begin its name with x-", -EINVAL},
	{"{\"if\":{}}", "/if", "oneOf", -EINVAL},
	{"{\"type\":\"float\"}", "/type", "null, boolean", -EINVAL},
	{"{\"type\":[\"string\",\"string\"]}", "/type/1", "each once", -EINVAL},
	{"{\"type\":[]}", "/type", "a list of them", -EINVAL},
	{"{\"type\":1}", "/type", "null, boolean", -EINVAL},
	{"{\"minLength\":-1}", "/minLength", "whole number", -EINVAL},
	{"{\"maxItems\":1.5}", "/maxItems", "whole number", -EINVAL},
	{"{\"minimum\":\"1\"}", "/minimum", "is a number", -EINVAL},
	{"{\"exclusiveMinimum\":true}", "/exclusiveMinimum", "since draft 6", -EINVAL},
	{"{\"multipleOf\":0}", "/multipleOf", "above 0", -EINVAL},
	{"{\"multipleOf\":1234567890123456789}", "/multipleOf", "18 digits", WEIR_E_TOO_BIG},
	{"{\"enum\":[]}", "/enum", "at least one", -EINVAL},
	{"{\"anyOf\":[]}", "/anyOf", "at least one", -EINVAL},
	{"{\"anyOf\":[{},{\"then\":1}]}", "/anyOf/1/then", "oneOf", -EINVAL},
	{"{\"required\":[1]}", "/required/0", "names", -EINVAL},
	{"{\"required\":\"a\"}", "/required", "names", -EINVAL},
	{"{\"properties\":{\"a\":{},\"\\u0061\":{}}}", "/properties/\\u0061", "twice", -EINVAL},
	{"{\"type\":\"string\",\"type\":\"null\"}", "/type", "twice", -EINVAL},
	{"{\"uniqueItems\":1}", "/uniqueItems", "true or false", -EINVAL},
	{"{\"prefixItems\":[]}", "/", "2020-12", -EINVAL},
	{"{" DRAFT_2020 "\"items\":[]}", "/", "draft 7", -EINVAL},
	{"{\"additionalItems\":false}", "/additionalItems", "ignores", -EINVAL},
	{"{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}", "/$schema", "draft-07",
	 -EINVAL},
	{"{\"properties\":{\"a\":{\"$id\":\"x\"}}}", "/properties/a/$id", "inside", -EINVAL},
	{"{\"$ref\":\"#/$defs/a\"}", "/$ref", "no schema stands", -EINVAL},
	{"{\"$ref\":\"other.json\"}", "/$ref", "nor the name", -EINVAL},
	{"{\"$ref\":\"#/type\",\"definitions\":{\"type\":{}}}", "/$ref", "no schema", -EINVAL},
	{"{\"$ref\":\"#\"}", "/", "refers to itself", -EINVAL},
	{"{\"$defs\":{\"a\":{\"not\":{\"$ref\":\"#/$defs/b\"}},"
	 "\"b\":{\"anyOf\":[{},{\"$ref\":\"#/$defs/a\"}]}}}",
	 "/$defs/a/not", "refers to itself", -EINVAL},
	{"{\"$ref\":\"#/$defs/a\",\"minLength\":1,\"$defs\":{\"a\":{}}}", "/minLength", "allOf",
	 -EINVAL},
};

Test(json_schema, what_might_limit_and_is_not_known_is_refused)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(refused); i++) {
		struct weir_schema *schema = NULL;
		struct weir_problem problem = {0};
		int code = weir_schema_parse(refused[i].text, strlen(refused[i].text),
					     WEIR_SCHEMA_JSON, NULL, &schema, &problem);
		cr_expect_eq(code, refused[i].code, "%s: %d", refused[i].text, code);
		cr_expect_str_eq(problem.field, refused[i].path, "%s: %s", problem.field,
				 refused[i].text);
		cr_expect_not_null(strstr(problem.text, refused[i].reason), "%s: %s",
				   refused[i].text, problem.text);
		if (code == 0)
			weir_schema_free(schema);
	}
}

/* --- payloads --------------------------------------------------------------------------------- */

static const struct {
	const char *schema;
	const char *good; /* values, one a line */
	const char *bad;
} payloads[] = {
	{"{}", "null\n1\n{\"a\":[]}", NULL},
	{"false", NULL, "null\n{}"},
	{"{\"type\":\"integer\"}", "1\n-0\n1.0\n1e3\n12345678901234567890", "1.5\n\"1\"\n1e-1"},
	{"{\"type\":[\"string\",\"null\"]}", "null\n\"\"", "1\n[]"},
	{"{\"minimum\":9007199254740993}", "9007199254740993\n1e16\n\"x\"",
	 "9007199254740992\n-1e999"},
	{"{\"maximum\":0.1}", "0.1\n0.10\n1e-1\n-5", "0.1000000000000000000001\n1"},
	{"{\"exclusiveMinimum\":1,\"exclusiveMaximum\":2}", "1.5", "1\n2\n1.0\n20e-1"},
	{"{\"multipleOf\":0.01}", "1\n0.01\n19.99\n1e300\n0", "0.001\n19.999\n1e-3"},
	{"{\"multipleOf\":6}", "0\n12\n6e2\n1.2e1", "3\n10\n1e40\n6.5"},
	{"{\"minLength\":2,\"maxLength\":3}",
	 "\"ab\"\n\"\\u00e9\xc3\xa9\"\n\"\\ud83d\\ude00ab\"\n1", "\"a\"\n\"abcd\"\n\"\\n\""},
	{"{\"enum\":[1,\"a\",{\"b\":[1.0,2],\"c\":null}]}",
	 "1.0\n\"\\u0061\"\n{\"c\":null,\"b\":[1,2e0]}", "2\n\"A\"\n{\"b\":[1,2]}\n[1]"},
	{"{\"const\":[{}]}", "[{}]", "[]\n[{\"a\":1}]"},
	{"{\"const\":{\"a\":1,\"b\":2}}", "{\"b\":2,\"a\":1}",
	 "{\"a\":1,\"a\":1}\n{\"b\":2,\"b\":2}\n{\"a\":1}\n{\"a\":1,\"b\":2,\"c\":3}\n{}"},
	{"{\"minimum\":1e10000000000000}", "1e10000000000000", "1e999999999999"},
	{"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
	 "\"required\":[\"a\",\"b\"],"
	 "\"additionalProperties\":{\"type\":\"number\"}}",
	 "{\"a\":\"\",\"b\":1}\n{\"b\":1,\"\\u0061\":\"x\",\"c\":2}",
	 "{}\n{\"a\":\"\"}\n{\"a\":1,\"b\":1}\n{\"a\":\"\",\"b\":\"\"}\n[]"},
	{"{\"additionalProperties\":false,\"properties\":{\"a\":true},\"required\":[\"z\"]}", "1",
	 "{\"a\":1}\n{\"z\":1}"},
	{"{\"minProperties\":1,\"maxProperties\":2}", "{\"a\":1}\n{\"a\":1,\"b\":1}",
	 "{}\n{\"a\":1,\"b\":1,\"c\":1}"},
	{"{\"items\":{\"type\":\"number\"},\"minItems\":1,\"maxItems\":2,\"uniqueItems\":true}",
	 "[1]\n[1,2]\n{}", "[]\n[1,1.0]\n[1,2,3]\n[\"a\"]"},
	{"{\"items\":[{\"type\":\"number\"},true],\"additionalItems\":false}", "[]\n[1]\n[1,\"x\"]",
	 "[\"a\"]\n[1,1,1]"},
	{"{" DRAFT_2020 "\"prefixItems\":[{\"type\":\"number\"}],\"items\":{\"type\":\"string\"}}",
	 "[]\n[1,\"a\",\"b\"]", "[1,1]\n[\"a\"]"},
	{"{\"uniqueItems\":true}", "[{\"a\":1},{\"a\":2},[],\"a\",1]",
	 "[{\"a\":1,\"b\":2},3,{\"b\":2,\"a\":1}]"},
	{"{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "1\n2\n\"x\"", "0\n3"},
	{"{\"anyOf\":[{\"type\":\"object\",\"required\":[\"a\"]},{\"type\":\"null\"}]}",
	 "null\n{\"a\":{\"b\":[]}}", "{}\n1"},
	{"{\"oneOf\":[{\"multipleOf\":2},{\"multipleOf\":3}]}", "2\n3", "6\n5\n\"x\""},
	{"{\"not\":{\"type\":[\"string\",\"array\"]}}", "1\n{\"a\":[]}", "\"a\"\n[1]"},
	{"{\"$ref\":\"#/definitions/node\",\"definitions\":{\"node\":{\"type\":\"object\","
	 "\"properties\":{\"next\":{\"$ref\":\"#/definitions/node\"}},\"required\":[\"v\"]}}}",
	 "{\"v\":1}\n{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":3}}}",
	 "{\"v\":1,\"next\":{}}\n{\"next\":{\"v\":1}}"},
	{"{" DRAFT_2020
	 "\"$ref\":\"#/$defs/a~1b%25\",\"minLength\":2,\"$defs\":{\"a/b%\":{\"type\":"
	 "\"string\"}}}",
	 "\"ab\"", "\"a\"\n1"},
	{"{\"type\":\"string\",\"enum\":[\"a\",1]}", "\"a\"", "1\n\"b\""},
};

static void judge(const struct weir_schema *schema, const char *text, const char *values, bool good)
{
	while (values != NULL && *values != '\0') {
		struct weir_problem problem = {0};
		size_t bytes = strcspn(values, "\n");
		int code = weir_schema_validate(schema, values, bytes, &problem);
		cr_expect_eq(code, good ? 0 : -EINVAL, "%s of %.*s: %d %s %s", text, (int)bytes,
			     values, code, problem.field, problem.text);
		cr_expect_eq(weir_schema_validate(schema, values, bytes, NULL), code);
		cr_expect(good || (problem.code == code && strstr(problem.text, "byte") != NULL &&
				   problem.field[0] == '/'));
		values += bytes + (values[bytes] == '\n');
	}
}

Test(json_schema, payloads_are_what_the_schema_says)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(payloads); i++) {
		struct weir_schema *schema = json_schema_of(payloads[i].schema);
		judge(schema, payloads[i].schema, payloads[i].good, true);
		judge(schema, payloads[i].schema, payloads[i].bad, false);
		judge(schema, payloads[i].schema, "{\n[1\n1 1", false);
		weir_schema_free(schema);
	}
}

Test(json_schema, what_is_wrong_with_a_payload_is_told_with_its_place)
{
	struct weir_schema *schema = json_schema_of("{\"properties\":{\"lines\":{\"items\":"
						    "{\"properties\":{\"n\":{\"minimum\":1}}}}}}");
	struct weir_problem problem = {0};
	const char *data = "{\"lines\":[{\"n\":1},{\"n\":0}]}";
	cr_expect_eq(weir_schema_validate(schema, data, strlen(data), &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "/lines/1/n");
	cr_expect_str_eq(problem.text, "byte 23: it is not at least 1 (schema: "
				       "/properties/lines/items/properties/n)");
	weir_schema_free(schema);
}

Test(json_schema, a_payload_that_takes_too_much_work_is_refused)
{
	struct weir_schema *schema = json_schema_of("{\"uniqueItems\":true}");
	struct weir_problem problem = {0};
	enum { ITEMS = 8000 };
	char *data = malloc(8 * ITEMS + 2), *at = data;
	cr_assert_not_null(data);
	*at++ = '[';
	for (int i = 0; i < ITEMS; i++)
		at += snprintf(at, 8, "%s%d", i > 0 ? "," : "", i);
	*at++ = ']';
	cr_expect_eq(weir_schema_validate(schema, data, (size_t)(at - data), &problem),
		     WEIR_E_TOO_BIG);
	cr_expect_not_null(strstr(problem.text, "too much work"));
	memset(data, '[', 200);
	cr_expect_eq(weir_schema_validate(schema, data, 200, NULL), WEIR_E_TOO_BIG);
	free(data);
	weir_schema_free(schema);
}

/* `count` times `each` between a beginning and an end; freed by who calls. */
static char *many(const char *begin, const char *each, size_t count, const char *end)
{
	size_t bytes = strlen(begin), one = strlen(each);
	char *text = malloc(bytes + count * one + strlen(end) + 1), *at = text + bytes;
	cr_assert_not_null(text);
	memcpy(text, begin, bytes);
	for (size_t i = 0; i < count; i++, at += one)
		memcpy(at, each, one);
	memcpy(at, end, strlen(end) + 1);
	return text;
}

static void expect_too_much(const char *schema_text, char *data)
{
	struct weir_schema *schema = json_schema_of(schema_text);
	cr_expect_eq(weir_schema_validate(schema, data, strlen(data), NULL), WEIR_E_TOO_BIG);
	weir_schema_free(schema);
	free(data);
}

/* What is passed over, and never compared, costs as well: each of these took minutes. */
Test(json_schema, a_limit_of_work_of_ones_own_is_told)
{
	struct weir_schema *schema = json_schema_of("{\"items\":{\"type\":\"integer\"}}");
	struct weir_problem why = {0};
	const char *data = "[1,2,3,4,5,6,7,8,9]";
	cr_expect_eq(weir_schema_validate_within(schema, data, strlen(data), 12, &why), 0, "%s",
		     why.text);
	cr_expect_eq(weir_schema_validate_within(schema, data, strlen(data), 6, &why),
		     WEIR_E_TOO_BIG);
	cr_expect_not_null(strstr(why.text, "more than 6 steps"), "%s", why.text);
	cr_expect_eq(weir_schema_validate_within(schema, data, strlen(data), 0, &why), 0);
	cr_expect_eq(weir_schema_validate_within(schema, "[1", 2, 6, &why), -EINVAL);
	weir_schema_free(schema);
}

Test(json_schema, what_is_only_passed_over_is_work_too)
{
	char numbers[12000] = "", *at = numbers;
	for (int i = 2; i < 2000; i++)
		at += snprintf(at, 8, ",%d", i);
	char *items = many("[[", "1,", 200000, "1]");
	expect_too_much("{\"uniqueItems\":true}", many(items, numbers, 1, "]"));
	free(items);
	char *words = many("{\"items\":{\"anyOf\":[{\"enum\":[", "\"a\",", 3000,
			   "\"b\"]},{\"type\":\"integer\"}]}}");
	expect_too_much(words, many("[", "1,", 10000, "1]"));
	free(words);
	char *old_text = many("{\"enum\":[", "1,", 20000, "1]}");
	char *next_text = many("{\"enum\":[", "\"\",", 20000, "1]}");
	struct weir_schema *old = json_schema_of(old_text), *next = json_schema_of(next_text);
	cr_expect_eq(weir_schema_can_read(next, old, NULL, NULL), WEIR_E_TOO_BIG);
	weir_schema_free(old);
	weir_schema_free(next);
	free(old_text);
	free(next_text);
}

Test(json_schema, references_lead_into_other_documents_by_their_names)
{
	const char *main_text = "{\"properties\":{\"a\":{\"$ref\":\"money.json#/$defs/amount\"},"
				"\"b\":{\"$ref\":\"urn:own#/properties/a\"}},\"$id\":\"urn:own\"}";
	const char *part_text = "{\"$defs\":{\"amount\":{\"minimum\":1}},\"type\":\"object\"}";
	const struct wr_js_part part = {"money.json", 10, part_text, strlen(part_text)};
	struct weir_schema *schema = NULL;
	struct weir_problem problem = {0};
	cr_assert_eq(wr_json_schema_parse(main_text, strlen(main_text), &part, 1, NULL, &schema,
					  &problem),
		     0, "%s %s", problem.field, problem.text);
	judge(schema, main_text, "{\"a\":1,\"b\":2}", true);
	judge(schema, main_text, "{\"a\":0}\n{\"b\":0}", false);
	cr_expect_eq(weir_schema_validate(schema, "{\"b\":0}", 7, &problem), -EINVAL);
	cr_expect_not_null(strstr(problem.text, "(schema: money.json#/$defs/amount)"), "%s",
			   problem.text);
	weir_schema_free(schema);
}

/* --- pairs ------------------------------------------------------------------------------------ */

#define OPEN(properties) "{\"type\":\"object\",\"properties\":{" properties "}}"
#define SHUT(properties)                                                                           \
	"{\"type\":\"object\",\"properties\":{" properties "},\"additionalProperties\":false}"
#define OF(properties, rest)                                                                       \
	"{\"type\":\"object\",\"properties\":{" properties "},\"additionalProperties\":" rest "}"
#define STR "{\"type\":\"string\"}"
#define NUM "{\"type\":\"number\"}"
#define INTEGER "{\"type\":\"integer\"}"

static const struct {
	const char *old;
	const char *next;
	const char *told; /* "": the next schema reads what the old one wrote */
} pairs[] = {
	{"{\"properties\":{}}", "{}", ""},
	{"{}", STR, "TYPE_CHANGED /"},
	{"false", STR, ""},
	{STR, NUM, "TYPE_CHANGED /"},
	{"{\"title\":\"a\",\"type\":\"string\"}", "{\"title\":\"b\",\"type\":\"string\"}", ""},
	{INTEGER, NUM, ""},
	{NUM, INTEGER, "TYPE_NARROWED /type"},
	{"{\"minLength\":1}", "{\"minLength\":1,\"type\":\"string\"}", "TYPE_NARROWED /type"},
	{"{\"minLength\":2}", "{\"minLength\":1}", ""},
	{"{\"minLength\":1,\"maxLength\":5}", "{\"minLength\":2,\"maxLength\":4}",
	 "MIN_LENGTH_INCREASED /minLength|MAX_LENGTH_DECREASED /maxLength"},
	{STR, "{\"type\":\"string\",\"maxLength\":4,\"minLength\":0}",
	 "MIN_LENGTH_ADDED /minLength|MAX_LENGTH_ADDED /maxLength"},
	{"{\"type\":\"number\",\"minimum\":1,\"maximum\":1e1}",
	 "{\"type\":\"number\",\"minimum\":1.0,\"maximum\":10}", ""},
	{"{\"minimum\":1,\"maximum\":10}", "{\"minimum\":2,\"maximum\":9}",
	 "MINIMUM_INCREASED /minimum|MAXIMUM_DECREASED /maximum"},
	{"{\"minimum\":1}", "{\"exclusiveMinimum\":0,\"exclusiveMaximum\":7}",
	 "EXCLUSIVE_MINIMUM_ADDED /exclusiveMinimum|EXCLUSIVE_MAXIMUM_ADDED /exclusiveMaximum"},
	{"{\"multipleOf\":10}", "{\"multipleOf\":2}", ""},
	{"{\"multipleOf\":2}", "{\"multipleOf\":10}", "MULTIPLE_OF_EXPANDED /multipleOf"},
	{"{\"multipleOf\":10}", "{\"multipleOf\":11}", "MULTIPLE_OF_CHANGED /multipleOf"},
	{"{\"enum\":[\"a\"]}", "{\"enum\":[\"b\",\"a\"]}", ""},
	{"{\"enum\":[\"a\",\"b\"]}", "{\"enum\":[\"a\"]}", "ENUM_ARRAY_NARROWED /enum"},
	{"{\"enum\":[\"a\",\"b\"]}", "{\"enum\":[\"c\"]}", "ENUM_ARRAY_CHANGED /enum"},
	{"{\"const\":1}", "{\"const\":1.0}", ""},
	{"{\"const\":1}", "{\"const\":2}", "CONST_CHANGED /const"},
	{"{\"type\":\"string\",\"enum\":[\"a\"]}", STR, ""},
	{STR, "{\"type\":\"string\",\"enum\":[\"a\"]}", "TYPE_CHANGED /"},
	{OPEN("\"a\":" STR), OPEN("\"b\":" STR),
	 "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL /properties/b"},
	{OPEN("\"a\":" STR), OPEN("\"a\":" STR ",\"b\":{}"), ""},
	{OPEN("\"a\":" STR), OPEN("\"a\":" NUM), "TYPE_CHANGED /properties/a"},
	{SHUT("\"a\":" STR), SHUT("\"a\":" STR ",\"b\":" NUM), ""},
	{SHUT("\"a\":" STR), SHUT(""), "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL /properties/a"},
	{SHUT("\"a\":false"), SHUT(""), ""},
	{SHUT("\"a\":" STR), OPEN(""), ""},
	{OPEN(""), SHUT(""), "ADDITIONAL_PROPERTIES_REMOVED /additionalProperties"},
	{OPEN(""), OF("", STR), "ADDITIONAL_PROPERTIES_NARROWED /additionalProperties"},
	{OF("", INTEGER), OF("", NUM), ""},
	{OF("", NUM), OF("", INTEGER), "TYPE_NARROWED /additionalProperties/type"},
	{OF("", STR), OF("\"b\":" STR, STR), ""},
	{OF("", STR), OF("\"b\":" NUM, STR),
	 "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL /properties/b"},
	{SHUT("\"b\":" NUM), OF("", STR),
	 "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL /properties/b"},
	{"{\"properties\":{\"a\":{}},\"required\":[\"a\"]}", "{\"properties\":{\"a\":{}}}", ""},
	{"{\"properties\":{\"a\":{}}}", "{\"properties\":{\"a\":{}},\"required\":[\"a\"]}",
	 "REQUIRED_ATTRIBUTE_ADDED /required/a"},
	{"{\"properties\":{\"a\":{}}}",
	 "{\"properties\":{\"a\":{\"default\":1}},\"required\":[\"a\"]}", ""},
	{"{\"properties\":{\"a\":{}}}", "{\"properties\":{\"a\":{}},\"required\":[\"b\"]}",
	 "REQUIRED_ATTRIBUTE_ADDED /required/b"},
	{"{\"additionalProperties\":false}",
	 "{\"additionalProperties\":false,\"properties\":{\"a\":" STR "},\"required\":[\"a\"]}",
	 "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL /properties/a"},
	{"{\"minProperties\":1}", "{\"minProperties\":2,\"maxProperties\":3}",
	 "MIN_PROPERTIES_INCREASED /minProperties|MAX_PROPERTIES_ADDED /maxProperties"},
	{"{\"type\":\"array\"}", "{\"type\":\"array\",\"items\":" STR "}", "SCHEMA_ADDED /items"},
	{"{\"items\":" INTEGER "}", "{\"items\":" NUM "}", ""},
	{"{\"items\":[" STR "]}", "{\"items\":[" NUM "]}", "TYPE_CHANGED /items/0"},
	{"{\"items\":[" STR "]}", "{\"items\":[" STR "," NUM "]}",
	 "ITEM_ADDED_TO_OPEN_CONTENT_MODEL /items/1"},
	{"{\"items\":[" STR "," NUM "],\"additionalItems\":false}",
	 "{\"items\":[" STR "],\"additionalItems\":false}",
	 "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL /items/1"},
	{"{\"items\":[" STR "],\"additionalItems\":" STR "}",
	 "{\"items\":[" STR "," NUM "],\"additionalItems\":" STR "}",
	 "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL /items/1"},
	{"{\"maxItems\":2}", "{\"maxItems\":1,\"uniqueItems\":true}",
	 "MAX_ITEMS_DECREASED /maxItems|UNIQUE_ITEMS_ADDED /uniqueItems"},
	{"{\"anyOf\":[" STR "]}", "{\"anyOf\":[" NUM "," STR "]}", ""},
	{"{\"anyOf\":[" STR "," NUM "]}", "{\"anyOf\":[" STR "]}", "SUM_TYPE_NARROWED /anyOf"},
	{"{\"oneOf\":[" STR "]}", "{\"oneOf\":[" NUM "]}",
	 "COMBINED_TYPE_SUBSCHEMAS_CHANGED /oneOf"},
	{"{\"anyOf\":[" INTEGER "," NUM "]}", "{\"anyOf\":[" NUM "," STR "]}",
	 "COMBINED_TYPE_SUBSCHEMAS_CHANGED /anyOf"},
	{"{\"oneOf\":[" STR "," NUM "]}", "{\"anyOf\":[" NUM "," STR "]}", ""},
	{"{\"anyOf\":[" STR "," NUM "]}", "{\"oneOf\":[" NUM "," STR "]}",
	 "COMBINED_TYPE_CHANGED /oneOf"},
	{"{\"allOf\":[" STR "]}", "{\"allOf\":[" STR ",{\"minLength\":1}]}",
	 "PRODUCT_TYPE_EXTENDED /allOf"},
	{STR, "{\"type\":[\"null\",\"string\"]}", ""},
	{"{\"type\":[\"null\",\"number\"],\"anyOf\":[" INTEGER "," STR "]}",
	 "{\"type\":[\"null\",\"number\"],\"maximum\":1,\"anyOf\":[" INTEGER "," STR "]}",
	 "COMBINED_TYPE_SUBSCHEMAS_CHANGED /allOf"},
	{"{\"type\":[\"null\",\"string\"]}", STR, "TYPE_CHANGED /"},
	{"{\"not\":" NUM "}", "{\"not\":" INTEGER "}", ""},
	{"{\"not\":" INTEGER "}", "{\"not\":" NUM "}", "NOT_TYPE_EXTENDED /not"},
	{STR, "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":" STR "}}", ""},
	{"{\"properties\":{\"n\":{\"$ref\":\"#\"},\"v\":" INTEGER "}}",
	 "{\"properties\":{\"n\":{\"$ref\":\"#\"},\"v\":" NUM "}}", ""},
	{"{\"properties\":{\"n\":{\"$ref\":\"#\"},\"v\":" NUM "}}",
	 "{\"properties\":{\"n\":{\"$ref\":\"#\"},\"v\":" INTEGER "}}",
	 "TYPE_NARROWED /properties/v/type"},
};

static char json_told[1024];

static void note(void *context, const struct weir_schema_issue *issue)
{
	size_t n = strlen(json_told);
	(void)context;
	cr_expect(strlen(issue->explanation) > 10 && strlen(issue->fix) > 10 &&
		  strlen(issue->message) > 3);
	snprintf(json_told + n, sizeof json_told - n, "%s%s %s", n > 0 ? "|" : "",
		 weir_schema_issue_name(issue->kind), issue->path);
}

Test(json_schema, who_reads_whom_is_decided_by_confluents_rules)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(pairs); i++) {
		struct weir_schema *old = json_schema_of(pairs[i].old);
		struct weir_schema *next = json_schema_of(pairs[i].next);
		int good = pairs[i].told[0] == '\0';
		json_told[0] = '\0';
		cr_expect_eq(weir_schema_can_read(next, old, note, NULL), good, "%s -> %s",
			     pairs[i].old, pairs[i].next);
		cr_expect_str_eq(json_told, pairs[i].told, "%s -> %s: %s", pairs[i].old,
				 pairs[i].next, json_told);
		cr_expect_eq(weir_schema_can_read(old, old, NULL, NULL), 1, "%s", pairs[i].old);
		const struct weir_schema *both[] = {old};
		int full = weir_schema_may_follow(next, both, 1, WEIR_SCHEMA_FULL, NULL, NULL);
		cr_expect_eq(weir_schema_may_follow(next, both, 1, WEIR_SCHEMA_STRICT, NULL, NULL),
			     full);
		cr_expect(full == 0 || good);
		weir_schema_free(old);
		weir_schema_free(next);
	}
}

Test(json_schema, avro_and_json_do_not_read_each_other)
{
	struct weir_schema *json = json_schema_of("{}"), *avro = NULL;
	uint64_t nothing = 0;
	cr_assert_eq(weir_schema_parse("\"int\"", 5, 0, NULL, &avro, NULL), 0);
	json_told[0] = '\0';
	cr_expect_eq(weir_schema_can_read(json, avro, note, &nothing), 0);
	cr_expect_eq(weir_schema_can_read(avro, json, note, &nothing), 0);
	cr_expect_str_eq(json_told, "TYPE_CHANGED /|TYPE_CHANGED /");
	struct weir_resolver *resolver = NULL;
	cr_expect_eq(weir_resolver_create(json, json, &resolver, NULL), -EINVAL);
	cr_expect_eq(weir_schema_type_of(json), WEIR_SCHEMA_JSON_VALUE);
	cr_expect_eq(weir_schema_validate(avro, "\x02", 1, NULL), 0);
	cr_expect_eq(weir_schema_validate(avro, "\x02\x02", 2, NULL), -EINVAL);
	weir_schema_free(json);
	weir_schema_free(avro);
}

/* --- the text --------------------------------------------------------------------------------- */

Test(json_schema, the_canonical_form_is_sorted_and_without_annotations)
{
	struct weir_schema *one = json_schema_of(
		"{ \"title\": \"x\", \"type\": \"object\", \"properties\": {\"b\": {\"minimum\": "
		"1.50, \"$comment\": \"c\"}, \"\\u0061\": {\"enum\": [{\"title\": 1, \"b\": "
		"100}]}}, \"default\": {\"\\n\": true}}");
	const char *wanted = "{\"default\":{\"\\n\":true},\"properties\":{\"a\":{\"enum\":[{\"b\":"
			     "1e2,\"title\":1}]},\"b\":{\"minimum\":15e-1}},\"type\":\"object\"}";
	char text[300];
	size_t bytes = weir_schema_canonical(one, text, sizeof text);
	cr_assert_lt(bytes, sizeof text);
	text[bytes] = '\0';
	cr_expect_str_eq(text, wanted);
	struct weir_schema *again = json_schema_of(text);
	cr_expect_eq(weir_schema_fingerprint(one), weir_schema_fingerprint(again));
	weir_schema_free(one);
	weir_schema_free(again);
}

static void note_change(void *context, const struct weir_schema_difference *d)
{
	size_t n = strlen(json_told);
	(void)context;
	snprintf(json_told + n, sizeof json_told - n, "%d %s %s>%s|", (int)d->change, d->path,
		 d->before, d->after);
}

Test(json_schema, what_changed_is_told)
{
	struct weir_schema *old = json_schema_of("{\"title\":\"x\",\"properties\":{\"a\":" STR
						 ",\"b\":" NUM "},\"minProperties\":1}");
	struct weir_schema *next = json_schema_of("{\"properties\":{\"c\":" STR ",\"a\":" NUM
						  "},\"minProperties\":2,\"maxProperties\":3}");
	json_told[0] = '\0';
	cr_expect_eq(weir_schema_diff(old, next, note_change, NULL), 5);
	char wanted[400];
	snprintf(wanted, sizeof wanted,
		 "%d /properties/a/type \"string\">\"number\"|%d /properties/b " NUM ">|%d "
		 "/properties/c >" STR "|%d /minProperties 1>2|%d /maxProperties >3|",
		 WEIR_SCHEMA_CHANGE_TYPE, WEIR_SCHEMA_CHANGE_FIELD_REMOVED,
		 WEIR_SCHEMA_CHANGE_FIELD_ADDED, WEIR_SCHEMA_CHANGE_KEYWORD,
		 WEIR_SCHEMA_CHANGE_KEYWORD);
	cr_expect_str_eq(json_told, wanted, "%s", json_told);
	weir_schema_free(old);
	weir_schema_free(next);
}
