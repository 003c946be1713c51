/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   below a `not` nothing is called compatible that is not: whatever one schema takes, one
 *         that reads it takes, too, with the loose rules of the top turned off there; and what is
 *         the same is still compatible.
 * Method: all pairs of a table of schemas, each below one `not` and below two, and in parts of
 *         others; where the verdict is "compatible", all values of a table are tried on both.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include <weir/schema.h>

#include "core/base/bits.h"

static const char *const schemas[] = {
	"{}",
	"{\"type\":\"integer\"}",
	"{\"type\":\"number\"}",
	"{\"type\":\"number\",\"minimum\":2}",
	"{\"type\":\"string\"}",
	"{\"type\":\"string\",\"minLength\":2}",
	"{\"type\":[\"string\",\"integer\"]}",
	"{\"minimum\":2}",
	"{\"enum\":[1,\"a\"]}",
	"{\"enum\":[1,\"a\",null]}",
	"{\"const\":1}",
	/* Required with a default: at the top it may be added. */
	"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}",
	"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"default\":1}},"
	"\"required\":[\"a\"]}",
	"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},"
	"\"additionalProperties\":false}",
	"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"default\":1}},"
	"\"additionalProperties\":false,\"required\":[\"b\"]}",
	"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"default\":1}},"
	"\"additionalProperties\":{\"type\":\"string\"},\"required\":[\"b\"]}",
	"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}",
	"{\"type\":\"object\",\"maxProperties\":1}",
	/* oneOf: with branches that take the same value, and with some that cannot. */
	"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\",\"minimum\":2}]}",
	"{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"number\",\"minimum\":2}]}",
	"{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"number\"}]}",
	"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}",
	"{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}",
	"{\"oneOf\":[{\"type\":\"integer\"}]}",
	"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"number\",\"minimum\":2}]}",
	"{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"string\"}]}",
	"{\"allOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}",
	"{\"allOf\":[{\"type\":\"number\"},{\"oneOf\":[{\"minimum\":2},{\"maximum\":3}]}]}",
	"{\"oneOf\":[{\"minimum\":2},{\"maximum\":3}]}",
	"{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}",
	"{\"type\":\"array\",\"items\":[{\"type\":\"integer\"}],\"additionalItems\":false}",
	"{\"type\":\"array\",\"items\":{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}}",
	"{\"type\":\"array\",\"uniqueItems\":true}",
	"{\"not\":{\"type\":\"integer\"}}",
	"{\"not\":{\"type\":\"number\"}}",
	"false",
};

static const char *const values[] = {
	"null",
	"true",
	"0",
	"1",
	"2",
	"2.5",
	"3",
	"4",
	"-1",
	"1.0",
	"\"\"",
	"\"a\"",
	"\"ab\"",
	"{}",
	"{\"a\":1}",
	"{\"a\":\"x\"}",
	"{\"b\":1}",
	"{\"b\":\"x\"}",
	"{\"a\":1,\"b\":1}",
	"{\"a\":1,\"b\":\"x\"}",
	"{\"c\":\"x\"}",
	"{\"c\":1}",
	"{\"b\":1,\"c\":\"x\"}",
	"[]",
	"[1]",
	"[1,2]",
	"[1,1]",
	"[1.5]",
	"[\"a\"]",
	"[1,\"a\"]",
	"[null,null]",
};

/* The table's schemas, each in the place of %s. */
static const char *const places[] = {
	"{\"not\":%s}",
	"{\"not\":{\"not\":%s}}",
	"{\"not\":{\"properties\":{\"a\":%s}}}",
	"{\"not\":{\"oneOf\":[%s,{\"type\":\"boolean\"}]}}",
};

#define COUNT WR_ARRAY_COUNT(schemas)

static struct weir_schema *all[COUNT];
static bool takes[COUNT][WR_ARRAY_COUNT(values)];

static void make(const char *place)
{
	char text[512];
	for (size_t i = 0; i < COUNT; i++) {
		cr_assert_lt((size_t)snprintf(text, sizeof text, place, schemas[i]), sizeof text);
		cr_assert_eq(weir_schema_parse(text, strlen(text), WEIR_SCHEMA_JSON, NULL, &all[i],
					       NULL),
			     0, "%s", text);
		for (size_t k = 0; k < WR_ARRAY_COUNT(values); k++)
			takes[i][k] = weir_schema_validate(all[i], values[k], strlen(values[k]),
							   NULL) == 0;
	}
}

/* How many pairs of different schemas are compatible. */
static uint32_t try_all(const char *place)
{
	uint32_t good = 0;
	make(place);
	for (size_t i = 0; i < COUNT; i++)
		for (size_t k = 0; k < COUNT; k++) {
			int reads = weir_schema_can_read(all[k], all[i], NULL, NULL);
			cr_expect(i != k || reads == 1, "%s: %s does not read itself", place,
				  schemas[i]);
			good += i != k && reads == 1;
			for (size_t v = 0; reads == 1 && v < WR_ARRAY_COUNT(values); v++)
				cr_expect(!takes[i][v] || takes[k][v],
					  "%s: %s takes %s, and %s, which reads it, does not",
					  place, schemas[i], values[v], schemas[k]);
		}
	for (size_t i = 0; i < COUNT; i++)
		weir_schema_free(all[i]);
	return good;
}

Test(json_not, what_is_called_compatible_below_a_not_is)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(places); i++) {
		uint32_t good = try_all(places[i]);
		cr_expect_gt(good, COUNT / 2, "%s: %u", places[i], good);
	}
}

/* The rules that are off below a `not` are those of the registry at the top. */
Test(json_not, at_the_top_a_default_and_an_overlap_are_no_obstacle)
{
	static const size_t pairs[][2] = {{13, 14}, {1, 18}, {2, 19}};
	make("%s");
	for (size_t i = 0; i < WR_ARRAY_COUNT(pairs); i++)
		cr_expect_eq(weir_schema_can_read(all[pairs[i][1]], all[pairs[i][0]], NULL, NULL),
			     1, "%s -> %s", schemas[pairs[i][0]], schemas[pairs[i][1]]);
	for (size_t i = 0; i < COUNT; i++)
		weir_schema_free(all[i]);
}
