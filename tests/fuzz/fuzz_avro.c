/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   Avro data out of hostile bytes: nothing is read or written out of bounds or takes for
 *         ever; what is resolved is a datum of the reader's schema, as long as it was said to be.
 * Method: the first byte chooses a pair of schemas that has every type and every way to resolve it,
 *         the rest is the datum, in a block of its own length. Replayed by replay.c.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weir/resolver.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define WITH_DEFAULT(name, type, value)                                                            \
	"{\"name\":\"" name "\",\"type\":" type ",\"default\":" value "}"
#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"
#define MAP(values) "{\"type\":\"map\",\"values\":" values "}"
#define ENUM(symbols, more) "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[" symbols "]" more "}"
#define DECIMAL "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}"
#define FIXED "{\"type\":\"fixed\",\"name\":\"F\",\"size\":16,\"logicalType\":\"uuid\"}"
#define NUMBERS FIELD("a", "\"boolean\"") "," FIELD("b", "\"int\"") "," FIELD("c", "\"long\"")
#define FLOATS FIELD("d", "\"float\"") "," FIELD("e", "\"double\"")
#define STRINGS FIELD("f", "\"bytes\"") "," FIELD("g", "\"string\"")
#define ALL NUMBERS "," FLOATS "," STRINGS "," FIELD("h", FIXED) "," FIELD("i", DECIMAL)
#define TREE RECORD("T", FIELD("v", "\"int\"") "," FIELD("c", ARRAY("\"T\"")))
#define EERT RECORD("T", FIELD("c", ARRAY("\"T\"")) "," FIELD("v", "\"double\""))
#define SOME "[\"null\",\"int\",\"string\"," ARRAY("\"int\"") "]"
#define OTHER "[" ARRAY("\"float\"") ",\"bytes\",\"double\",\"null\"]"

static const char *const texts[][2] = {
	{RECORD("R", ALL), RECORD("R", ALL)},
	{RECORD("R", ALL),
	 RECORD("R", FIELD("g", "\"bytes\"") "," FIELD("b", "\"double\"") "," FIELD(
			     "f", "\"string\"") "," FIELD("d", "\"double\""))},
	{TREE, TREE},
	{TREE, EERT},
	{SOME, SOME},
	{SOME, OTHER},
	{ARRAY(SOME), ARRAY(OTHER)},
	{MAP(ENUM("\"A\",\"B\",\"C\"", "")), MAP(ENUM("\"C\",\"A\"", ",\"default\":\"A\""))},
	{ARRAY("\"null\""), ARRAY("[\"null\"]")},
	{ARRAY(RECORD("Z", "")), ARRAY(RECORD("Z", WITH_DEFAULT("s", "\"string\"", "\"text\"")))},
	{"\"string\"", "\"bytes\""},
	{"\"long\"", "\"float\""},
};

static struct weir_schema *schemas[WR_ARRAY_COUNT(texts)][2];
static struct weir_resolver *resolvers[WR_ARRAY_COUNT(texts)];

/* Once a process: a resolver is made for many data. */
static void prepare(void)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(texts) && resolvers[i] == NULL; i++) {
		for (size_t k = 0; k < 2; k++)
			WR_ASSERT(weir_schema_parse(texts[i][k], strlen(texts[i][k]), 0, NULL,
						    &schemas[i][k], NULL) == 0);
		WR_ASSERT(weir_resolver_create(schemas[i][0], schemas[i][1], &resolvers[i], NULL) ==
			  0);
	}
}

static void check_json(const struct weir_schema *schema, const uint8_t *data, size_t bytes,
		       uint32_t flags)
{
	struct weir_problem problem = {0};
	size_t n = 0, again;
	int code = weir_schema_to_json(schema, data, bytes, flags, NULL, 0, &n, &problem);

	if (code != -ENOBUFS) {
		WR_ASSERT(code == WEIR_E_TOO_BIG || strstr(problem.text, "UTF-8") != NULL);
		return;
	}
	if (n > 1 << 20)
		return;
	char *text = malloc(n);
	WR_ASSERT(text != NULL);
	WR_ASSERT(weir_schema_to_json(schema, data, bytes, flags, text, n, &again, NULL) == 0);
	WR_ASSERT(again == n);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
	struct weir_problem problem = {0};
	size_t n = 0, again;

	prepare();
	if (length_bytes == 0)
		return 0;
	size_t pair = bytes[0] % WR_ARRAY_COUNT(texts);
	size_t count = length_bytes - 1;
	uint8_t *data = malloc(count + (count == 0));
	WR_ASSERT(data != NULL);
	if (count > 0)
		memcpy(data, bytes + 1, count);
	int code = weir_resolve(resolvers[pair], data, count, NULL, 0, &n, &problem);
	if (code == -ENOBUFS && n <= 1 << 20) {
		uint8_t *out = malloc(n);
		WR_ASSERT(out != NULL);
		WR_ASSERT(weir_resolve(resolvers[pair], data, count, out, n, &again, NULL) == 0);
		WR_ASSERT(again == n);
		check_json(schemas[pair][1], out, n, 0);
		check_json(schemas[pair][1], out, n, WEIR_SCHEMA_JSON_AVRO);
		check_json(schemas[pair][0], data, count, 0);
		free(out);
	} else {
		WR_ASSERT(code == 0 || code == -ENOBUFS || strlen(problem.text) > 10);
	}
	free(data);
	return 0;
}
