/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what was written with one schema comes out as the reader's: promoted, reordered, renamed,
 *         filled in, left out; what is no datum is refused at its byte; nothing is read or written
 *         out of bounds, whatever the bytes.
 * Method: tables of bytes in hexadecimal, after Avro's specification and its shared cases of
 *         binary that must be rejected; what comes out is compared as bytes and as JSON. Data lie
 *         in blocks of their own size, and are tried with every length and every changed byte.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/resolver.h>

#include "tests/unit/schema/schema_texts.h"

static struct weir_problem problem;

/* Bytes out of hexadecimal, in a block of their own size. */
static uint8_t *bytes_of(const char *hex, size_t *ret_bytes)
{
	size_t n = strlen(hex) / 2;
	uint8_t *bytes = malloc(n > 0 ? n : 1);

	cr_assert_not_null(bytes);
	for (size_t i = 0; i < n; i++) {
		unsigned byte;
		cr_assert_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (uint8_t)byte;
	}
	*ret_bytes = n;
	return bytes;
}

static const char *hex_of(const uint8_t *bytes, size_t n)
{
	static char text[2048];

	text[0] = '\0';
	for (size_t i = 0; i < n && 2 * i + 3 < sizeof text; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

static char json[2048];

/* The hexadecimal of what comes out, with its JSON in `json`; NULL: refused. */
static const char *resolve(const char *writer_text, const char *reader_text, const char *hex)
{
	struct weir_schema *writer = schema_of(writer_text);
	struct weir_schema *reader = schema_of(reader_text);
	struct weir_resolver *resolver = NULL;
	const char *result = NULL;
	size_t bytes, n = 0, json_bytes = 0;
	uint8_t *data = bytes_of(hex, &bytes);

	memset(&problem, 0, sizeof problem);
	int code = weir_resolver_create(writer, reader, &resolver, &problem);
	if (code == 0)
		code = weir_resolve(resolver, data, bytes, NULL, 0, &n, &problem);
	if (code == 0 || code == -ENOBUFS) {
		/* Exactly as much room as is needed, and one byte less. */
		uint8_t *out = malloc(n + 1);
		cr_assert_not_null(out);
		out[n] = 0x5a;
		cr_expect_eq(weir_resolve(resolver, data, bytes, out, n, &n, NULL), 0);
		cr_expect_eq(out[n], 0x5a);
		if (n > 0)
			cr_expect_eq(
				weir_resolve(resolver, data, bytes, out, n - 1, &json_bytes, NULL),
				-ENOBUFS);
		cr_expect_eq(weir_resolve(resolver, data, bytes, out, n, &n, NULL), 0);
		result = hex_of(out, n);
		if (weir_resolver_is_identity(resolver))
			cr_expect_str_eq(result, hex);
		cr_expect_eq(weir_schema_to_json(reader, out, n, 0, json, sizeof json - 1,
						 &json_bytes, &problem),
			     0, "%s", problem.text);
		json[json_bytes] = '\0';
		free(out);
	} else {
		cr_expect_eq(problem.code, code);
		cr_expect_gt(strlen(problem.text), 10);
	}
	weir_resolver_free(resolver);
	weir_schema_free(writer);
	weir_schema_free(reader);
	free(data);
	return result;
}

#define SAME ""
#define ALIASED(name, type, alias)                                                                 \
	"{\"name\":\"" name "\",\"type\":" type ",\"aliases\":[\"" alias "\"]}"

#define NULL_DEFAULT(name) FIELD_DEFAULT(name, "[" NUL "," STRING "]", "null")
#define TEXT_DEFAULT FIELD_DEFAULT("s", STRING, "\"hi\"")
#define LIST_DEFAULT FIELD_DEFAULT("l", ARRAY(INT), "[1,2]")
#define MAP_DEFAULT FIELD_DEFAULT("m", MAP(BYTES), "{\"k\":\"\\u00ff\"}")
#define NAN_DEFAULT FIELD_DEFAULT("d", DOUBLE, "\"NaN\"")
#define SYMBOL_DEFAULT FIELD_DEFAULT("e", ENUM("E", AB), "\"B\"")

static const struct {
	const char *writer;
	const char *reader; /* SAME: the writer */
	const char *in;
	const char *out; /* SAME: as it goes in */
	const char *json;
} good_data[] = {
	{NUL, SAME, "", SAME, "null"},
	{BOOLEAN, SAME, "01", SAME, "true"},
	{INT, SAME, "00", SAME, "0"},
	{INT, SAME, "01", SAME, "-1"},
	{INT, SAME, "ffffffff0f", SAME, "-2147483648"},
	{LONG, SAME, "ffffffffffffffffff01", SAME, "-9223372036854775808"},
	{LONG, SAME, "feffffffffffffffff01", SAME, "9223372036854775807"},
	{FLOAT, SAME, "0000c03f", SAME, "1.5"},
	{FLOAT, SAME, "cdcccc3d", SAME, "0.1"},
	{DOUBLE, SAME, "9a9999999999b93f", SAME, "0.1"},
	{DOUBLE, SAME, "000000000000f07f", SAME, "\"Infinity\""},
	{DOUBLE, SAME, "000000000000f8ff", SAME, "\"NaN\""},
	{STRING, SAME, "06e282ac", SAME, "\"\xe2\x82\xac\""},
	{STRING, SAME, "0822015c0a", SAME, "\"\\\"\\u0001\\\\\\n\""},
	{BYTES, SAME, "0400ff", SAME, "\"\\u0000\xc3\xbf\""},
	{FIXED("F", "2"), SAME, "4142", SAME, "\"AB\""},
	{ENUM("E", AB), SAME, "02", SAME, "\"B\""},
	{ARRAY(INT), SAME, "040204020600", SAME, "[1,2,3]"},
	{ARRAY(INT), SAME, "0304020400", SAME, "[1,2]"}, /* a block that says its bytes */
	{ARRAY(INT), SAME, "00", SAME, "[]"},
	{MAP(INT), SAME, "0402610202620400", SAME, "{\"a\":1,\"b\":2}"},
	{"[" NUL "," INT "]", SAME, "0206", SAME, "3"},
	/* Promotions. */
	{INT, LONG, "7f", "7f", "-64"},
	{INT, FLOAT, "54", "00002842", "42"},
	{INT, DOUBLE, "54", "0000000000004540", "42"},
	{LONG, FLOAT, "54", "00002842", "42"},
	{LONG, DOUBLE, "53", "00000000000045c0", "-42"},
	{FLOAT, DOUBLE, "0000c03f", "000000000000f83f", "1.5"},
	{STRING, BYTES, "043432", "043432", "\"42\""},
	{BYTES, STRING, "043432", "043432", "\"42\""},
	{ARRAY(INT), ARRAY(DOUBLE), "020200", "02000000000000f03f00", "[1]"},
	{ARRAY(INT), ARRAY(DOUBLE), "01020200", "02000000000000f03f00", "[1]"},
	{MAP(INT), MAP(FLOAT), "0202610200", "0202610000803f00", "{\"a\":1}"},
	/* Enums: by symbol, not by number; a default for what is not known. */
	{ENUM("E", ABC), ENUM("E", "\"C\",\"B\",\"A\""), "00", "04", "\"A\""},
	{ENUM("E", ABC), ENUM_DEFAULT("E", AB, "B"), "04", "02", "\"B\""},
	{ENUM("E", ABC), ENUM("E", AB), "00", "00", "\"A\""},
	/* Unions. */
	{INT, "[" NUL "," INT "]", "0e", "020e", "7"},
	{"[" NUL "," INT "]", INT, "020e", "0e", "7"},
	{"[" INT "," NUL "]", "[" NUL "," LONG "]", "000e", "020e", "7"},
	{"[" INT "]", "[" FLOAT "," LONG "]", "0054", "0000002842", "42"},
	{LONG, "[" FLOAT "," LONG "]", "54", "0254", "42"},
	{"[" INT "," STRING "]", STRING, "02043432", "043432", "\"42\""},
	{"[" DOUBLE "," FLOAT "," LONG "," INT "]", DOUBLE, "0654", "0000000000004540", "42"},
	{FIXED("a.F", "1"), "[" FIXED("b.F", "1") "," FIXED("a.F", "1") "]", "07", "0207",
	 "\"\\u0007\""},
	{FIXED("c.F", "1"), "[" FIXED("b.F", "1") "," FIXED("a.F", "1") "]", "07", "0007",
	 "\"\\u0007\""},
	/* Records: order, names, defaults, what nobody reads. */
	{RECORD("R", FIELD("a", INT) "," FIELD("b", STRING)), SAME, "02027a", SAME,
	 "{\"a\":1,\"b\":\"z\"}"},
	{RECORD("R", FIELD("a", INT) "," FIELD("b", STRING) "," FIELD("c", BOOLEAN)),
	 RECORD("R", FIELD("a", INT) "," FIELD("c", BOOLEAN)), "02027a01", "0201",
	 "{\"a\":1,\"c\":true}"},
	{RECORD("R", FIELD("a", INT) "," FIELD("b", STRING)),
	 RECORD("R", FIELD("b", STRING) "," FIELD("a", LONG)), "02027a", "027a02",
	 "{\"b\":\"z\",\"a\":1}"},
	{RECORD("R", FIELD("a", INT)),
	 RECORD("R", NULL_DEFAULT("n") "," FIELD("a", INT) "," TEXT_DEFAULT "," LIST_DEFAULT), "02",
	 "000204686904020400", "{\"n\":null,\"a\":1,\"s\":\"hi\",\"l\":[1,2]}"},
	{RECORD("R", FIELD("a", INT)),
	 RECORD("R", MAP_DEFAULT "," NAN_DEFAULT "," SYMBOL_DEFAULT "," FIELD("a", INT)), "02",
	 "02026b02ff00000000000000f87f0202",
	 "{\"m\":{\"k\":\"\xc3\xbf\"},\"d\":\"NaN\",\"e\":\"B\",\"a\":1}"},
	{RECORD("R", FIELD("old", INT)), RECORD("R", ALIASED("new", DOUBLE, "old")), "02",
	 "000000000000f03f", "{\"new\":1}"},
	{RECORD("a.R", FIELD("x", INT)), RECORD("b.R", FIELD("x", INT)), "02", "02", "{\"x\":1}"},
	/* One field of the writer's for two of the reader's. */
	{RECORD("R", FIELD("x", INT)), RECORD("R", FIELD("x", INT) "," ALIASED("y", LONG, "x")),
	 "0e", "0e0e", "{\"x\":7,\"y\":7}"},
	/* Recursive: a list that ends. */
	{RECORD("L", FIELD("v", INT) "," FIELD("n", "[" NUL ",\"L\"]")), SAME, "02020400", SAME,
	 "{\"v\":1,\"n\":{\"v\":2,\"n\":null}}"},
	{RECORD("L", FIELD("v", INT) "," FIELD("n", "[" NUL ",\"L\"]")),
	 RECORD("L", FIELD("n", "[" NUL ",\"L\"]") "," FIELD("v", DOUBLE)), "02020400",
	 "0200"
	 "0000000000000040"
	 "000000000000f03f",
	 "{\"n\":{\"n\":null,\"v\":2},\"v\":1}"},
};

Test(schema_resolve, data_come_out_as_the_reader_asks)
{
	for (size_t i = 0; i < sizeof good_data / sizeof good_data[0]; i++) {
		const char *reader =
			good_data[i].reader[0] == '\0' ? good_data[i].writer : good_data[i].reader;
		const char *expected =
			good_data[i].out[0] == '\0' ? good_data[i].in : good_data[i].out;
		const char *out = resolve(good_data[i].writer, reader, good_data[i].in);
		cr_assert_not_null(out, "%s as %s: %s", good_data[i].writer, reader, problem.text);
		cr_expect_str_eq(out, expected, "%s as %s: %s, not %s", good_data[i].writer, reader,
				 out, expected);
		cr_expect_str_eq(json, good_data[i].json, "%s as %s: %s", good_data[i].writer,
				 reader, json);
	}
}

static const struct {
	const char *writer;
	const char *reader; /* SAME: the writer */
	const char *in;
	int code;
	const char *says;
} bad_data[] = {
	/* Avro's share/test/data/binary-rejections.json. */
	{LONG, SAME, "80808080808080808080", -EINVAL,
	 "byte 0 of 10: a number of more than 64 bits"},
	{INT, SAME, "8080808080", -EINVAL, "the data end in a number"},
	{ARRAY(INT), SAME, "ffffffffffffffffff0102", -EINVAL, "a block of more items"},
	{BYTES, SAME, "01", -EINVAL, "a length below 0"},
	{STRING, SAME, "01", -EINVAL, "a length below 0"},
	{"[" NUL "," INT "]", SAME, "01", -EINVAL, "a branch that the union has not"},
	{"[" NUL "," INT "]", SAME, "0a", -EINVAL, "a branch that the union has not"},
	{ENUM("E", AB), SAME, "01", -EINVAL, "a symbol that the enum has not"},
	{ENUM("E", AB), SAME, "0a", -EINVAL, "a symbol that the enum has not"},
	/* And more. */
	{"[]", SAME, "00", -EINVAL, "a branch that the union has not"},
	{INT, SAME, "", -EINVAL, "byte 0 of 0: the data end in a number"},
	{INT, SAME, "feffffff1f", -EINVAL, "an int of more than 32 bits"},
	{INT, SAME, "808080808000", -EINVAL, "an int of more than 32 bits"},
	{LONG, SAME, "ffffffffffffffffff02", -EINVAL, "more than 64 bits"},
	{BOOLEAN, SAME, "02", -EINVAL, "neither 0 nor 1"},
	{FLOAT, SAME, "000000", -EINVAL, "the data end in a value"},
	{DOUBLE, SAME, "00000000000000", -EINVAL, "the data end in a value"},
	{FIXED("F", "2"), SAME, "00", -EINVAL, "the data end in a value"},
	{STRING, SAME, "0441", -EINVAL, "more bytes than there are"},
	{STRING, SAME, "feffffffffffffffff01", -EINVAL, "more bytes than there are"},
	{NUL, SAME, "00", -EINVAL, "byte 0 of 1: there are more bytes than the datum has"},
	{ARRAY(INT), SAME, "0202", -EINVAL, "the data end in a number"},
	{ARRAY(INT), SAME, "0306020400", -EINVAL, "has not the bytes"},
	{ARRAY(INT), ARRAY(LONG), "0306020400", -EINVAL, "has not the bytes"},
	{ARRAY(INT), ARRAY(DOUBLE), "0306020400", -EINVAL, "has not the bytes"},
	{ARRAY(NUL), SAME, "feffffffffffffffff0100", WEIR_E_TOO_BIG, "more items than its bytes"},
	{ARRAY(NUL), ARRAY("[" NUL "]"), "80808080800100", WEIR_E_TOO_BIG, "more items than"},
	{BYTES, STRING, "02ff", -EINVAL, "not UTF-8"},
	/* What only some events have in them. */
	{ENUM("E", ABC), ENUM("E", AB), "04", -EINVAL, "a symbol that the reader's enum has not"},
	{"[" NUL "," INT "]", INT, "00", -EINVAL, "a type that the reader's does not take"},
	{"[" INT "," STRING "]", "[" INT "]", "023432", -EINVAL, "no branch of the reader's union"},
	/* What no event could have otherwise: there is no resolver. */
	{LONG, INT, "00", -EINVAL, "a type that the reader's does not take"},
	{FIXED("F", "1"), FIXED("F", "2"), "00", -EINVAL, "another size"},
	{FIXED("F", "1"), FIXED("G", "1"), "00", -EINVAL, "another name"},
	{RECORD("R", ""), RECORD("R", FIELD("a", INT)), "", -EINVAL, "no default for it"},
	/* A record that stands in its own default, a list that never ends. */
	{RECORD("R", ""), RECORD("R", FIELD_DEFAULT("r", "\"R\"", "{}")), "", WEIR_E_TOO_BIG,
	 "limits"},
	{RECORD("R", FIELD("r", "\"R\"")), SAME, "", WEIR_E_TOO_BIG, "too deep"},
};

Test(schema_resolve, what_cannot_be_read_is_refused_with_its_byte)
{
	for (size_t i = 0; i < sizeof bad_data / sizeof bad_data[0]; i++) {
		const char *reader =
			bad_data[i].reader[0] == '\0' ? bad_data[i].writer : bad_data[i].reader;
		const char *out = resolve(bad_data[i].writer, reader, bad_data[i].in);
		cr_assert_null(out, "%s as %s reads %s", bad_data[i].writer, reader,
			       bad_data[i].in);
		cr_expect_eq(problem.code, bad_data[i].code, "%s as %s of %s: %d",
			     bad_data[i].writer, reader, bad_data[i].in, problem.code);
		cr_expect_not_null(strstr(problem.text, bad_data[i].says), "%s as %s of %s: %s",
				   bad_data[i].writer, reader, bad_data[i].in, problem.text);
	}
}

Test(schema_resolve, nothing_is_read_that_is_not_there)
{
	char hex[512];

	for (size_t i = 0; i < sizeof good_data / sizeof good_data[0]; i++) {
		const char *reader =
			good_data[i].reader[0] == '\0' ? good_data[i].writer : good_data[i].reader;
		size_t bytes = strlen(good_data[i].in) / 2;
		/* Every beginning: none is a datum, but of what is read from the back. */
		for (size_t n = 0; n < bytes; n++) {
			snprintf(hex, sizeof hex, "%.*s", (int)(2 * n), good_data[i].in);
			cr_expect_null(resolve(good_data[i].writer, reader, hex), "%s as %s: %s",
				       good_data[i].writer, reader, hex);
		}
		/* Every changed byte: read or refused, both without a fault. */
		for (size_t n = 0; n < bytes; n++) {
			static const char *const others[] = {"00", "01", "7f", "80", "ff"};
			for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
				snprintf(hex, sizeof hex, "%s", good_data[i].in);
				memcpy(hex + 2 * n, others[k], 2);
				struct weir_schema *schema = schema_of(good_data[i].writer);
				size_t size, out_bytes;
				char out[64];
				uint8_t *data = bytes_of(hex, &size);
				int code = weir_schema_to_json(schema, data, size,
							       WEIR_SCHEMA_JSON_AVRO, out,
							       sizeof out, &out_bytes, NULL);
				cr_expect(code <= 0);
				free(data);
				weir_schema_free(schema);
			}
		}
	}
}

Test(schema_resolve, avros_own_json_names_the_branch)
{
	struct weir_schema *schema = schema_of(RECORD(
		"a.R", FIELD("u", "[" NUL "," STRING "," FIXED("F", "1") "]") "," FIELD(
			       "v", "[" NUL ",\"string\",\"F\"]") "," FIELD("w", "[" NUL "]")));
	static const uint8_t data[] = {2, 2, 'x', 4, 7, 0};
	size_t n;

	cr_assert_eq(weir_schema_to_json(schema, data, sizeof data, WEIR_SCHEMA_JSON_AVRO, json,
					 sizeof json, &n, NULL),
		     0);
	json[n] = '\0';
	cr_expect_str_eq(json, "{\"u\":{\"string\":\"x\"},\"v\":{\"a.F\":\"\\u0007\"},\"w\":null}");
	cr_expect_eq(weir_schema_to_json(schema, data, sizeof data, 2, json, sizeof json, &n, NULL),
		     -EINVAL);
	cr_expect_eq(weir_schema_to_json(schema, data, sizeof data, 0, json, 5, &n, NULL),
		     -ENOBUFS);
	cr_expect_eq(n, strlen("{\"u\":\"x\",\"v\":\"\\u0007\",\"w\":null}"));
	weir_schema_free(schema);
}

#define LOGICAL(type, logical) "{\"type\":" type ",\"logicalType\":\"" logical "\"}"
#define DECIMAL(p, s)                                                                              \
	"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" p ",\"scale\":" s "}"

Test(schema_resolve, decimals_and_uuids_are_written_as_people_write_them)
{
	static const char *const cases[][3] = {
		{DECIMAL("9", "2"), "0404d2", "12.34"},
		{DECIMAL("9", "2"), "04fb2e", "-12.34"},
		{DECIMAL("9", "2"), "0205", "0.05"},
		{DECIMAL("9", "2"), "02fb", "-0.05"},
		{DECIMAL("9", "0"), "020a", "10"},
		{DECIMAL("9", "0"), "00", "0"},
		{DECIMAL("9", "3"), "00", "0.000"},
		{DECIMAL("40", "0"), "1a80000000000000000000000000",
		 "-10141204801825835211973625643008"},
		{DECIMAL("40", "4"), "14ffffffffffffffffffff", "-0.0001"},
		{"{\"type\":\"fixed\",\"name\":\"U\",\"size\":16,\"logicalType\":\"uuid\"}",
		 "00112233445566778899aabbccddeeff", "\"00112233-4455-6677-8899-aabbccddeeff\""},
		{LOGICAL(LONG, "timestamp-millis"), "02", "1"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		cr_assert_not_null(resolve(cases[i][0], cases[i][0], cases[i][1]), "%s: %s",
				   cases[i][1], problem.text);
		cr_expect_str_eq(json, cases[i][2], "%s: %s", cases[i][1], json);
	}
}

Test(schema_resolve, the_prefix_is_confluents)
{
	uint8_t payload[6] = {9, 9, 9, 9, 9, 9};
	uint32_t id = 0;

	weir_schema_prefix_put(payload, 0x01020304);
	cr_expect_eq(memcmp(payload, "\0\1\2\3\4\11", 6), 0);
	cr_expect_eq(weir_schema_prefix_get(payload, 5, &id), 0);
	cr_expect_eq(id, 0x01020304);
	cr_expect_eq(weir_schema_prefix_get(payload, 4, &id), -EINVAL);
	payload[0] = 1;
	cr_expect_eq(weir_schema_prefix_get(payload, 6, &id), -EINVAL);
}

Test(schema_resolve, values_that_cost_nothing_cannot_cost_a_lifetime)
{
	/* Each record has two of the next one: 2^30 values without a byte. */
	static char text[16384];
	size_t n = 0;
	int levels = 30;

	for (int i = 0; i < levels; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
				      "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":"
				      "\"a\",\"type\":",
				      i);
	n += (size_t)snprintf(text + n, sizeof text - n, "\"null\"}]}");
	for (int i = levels - 2; i >= 0; i--)
		n += (size_t)snprintf(text + n, sizeof text - n,
				      "},{\"name\":\"b\",\"type\":\"R%d\"}]}", i + 1);
	cr_expect_null(resolve(text, text, ""));
	cr_expect_eq(problem.code, WEIR_E_TOO_BIG, "%s", problem.text);
}
