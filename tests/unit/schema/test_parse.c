/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what is an Avro schema is taken, what is none is refused with the place and a reason;
 *         canonical forms and fingerprints are those of Avro.
 * Method: tables; canonical forms and fingerprints after Avro's own shared cases
 *         (share/test/data/schema-tests.txt). Texts lie in blocks of their own size. Memory comes
 *         from an allocator that counts, and fails once at each place.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/schema.h>

static struct weir_problem problem;

static int parse_n(const char *text, size_t bytes, uint32_t flags, struct weir_schema **ret)
{
	char *copy = malloc(bytes > 0 ? bytes : 1);

	cr_assert_not_null(copy);
	memcpy(copy, text, bytes);
	memset(&problem, 0, sizeof problem);
	int code = weir_schema_parse(copy, bytes, flags, NULL, ret, &problem);
	free(copy);
	return code;
}

static int parse(const char *text)
{
	struct weir_schema *schema = NULL;
	int code = parse_n(text, strlen(text), 0, &schema);

	weir_schema_free(schema);
	return code;
}

Test(schema_parse, what_is_a_schema_is_taken)
{
	static const char *const good[] = {
		"\"string\"",
		" {\"type\": \"bytes\"} ",
		"[]",
		"[\"null\", \"int\", {\"type\": \"array\", \"items\": \"int\"}]",
		"{\"type\":\"fixed\",\"name\":\"F\",\"size\":0}",
		"{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":null,\"size\":1}",
		"{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"\",\"size\":1}",
		"{\"type\":\"error\",\"name\":\"E\",\"fields\":[]}",
		/* Words of the language are names like others, but for primitives. */
		"{\"type\":\"enum\",\"name\":\"record\",\"symbols\":[\"A\"]}",
		"{\"type\":\"enum\",\"name\":\"ns.int\",\"symbols\":[\"A\"]}",
		"{\"type\":\"enum\",\"name\":\"int\",\"namespace\":\"ns\",\"symbols\":[]}",
		"{\"type\":\"record\",\"name\":\"record\",\"fields\":[{\"name\":\"next\",\"type\":"
		"[\"null\",\"record\"]}]}",
		"{\"type\":\"record\",\"name\":\"ns.int\",\"fields\":[{\"name\":\"n\",\"type\":"
		"[\"null\",\"ns.int\"]}]}",
		/* A name is looked for in the namespace around it, then in none. */
		"[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},{\"type\":\"record\",\"name\":\"a"
		".R\","
		"\"fields\":[{\"name\":\"f\",\"type\":\"F\"}]}]",
		"{\"type\":\"record\",\"name\":\"a.b.R\",\"fields\":[{\"name\":\"e\",\"type\":{\"t"
		"ype\":"
		"\"enum\",\"name\":\"E\",\"symbols\":[\"X\"]}},{\"name\":\"f\",\"type\":\"a.b.E\"}"
		"]}",
		"{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"com.my-firm.x\",\"fields\":[]"
		"}",
		/* The name alone as an object. */
		"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"r\",\"type\":[\"null"
		"\","
		"{\"type\":\"R\"}]}]}",
		/* Logical types that do not fit are none. */
		"{\"type\":\"string\",\"logicalType\":\"no-such-type\"}",
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2.4}",
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":3}",
		"{\"type\":\"long\",\"logicalType\":\"date\"}",
		"{\"type\":\"int\",\"logicalType\":7}",
		/* Attributes that mean nothing to Avro. */
		"{\"type\":\"int\",\"x\":{\"type\":[1,{}]},\"doc\":7}",
		/* The same branch name in two namespaces. */
		"[{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":1},{\"type\":\"fixed\",\"name\":\""
		"b.F\","
		"\"size\":2}]",
		"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"],\"default\":\"B\"}",
		"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":null}",
		"{\"type\":\"record\",\"name\":\"R\",\"aliases\":[\"Old\",\"a.b.Older\"],\"fields"
		"\":["
		"{\"name\":\"f\",\"type\":\"int\",\"order\":\"ignore\",\"aliases\":[\"g\"]}]}",
	};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		cr_expect_eq(parse(good[i]), 0, "%s: %s", good[i], problem.text);
}

static const struct {
	const char *text;
	const char *path;
	const char *says;
} refused[] = {
	{"", "/", "empty"},
	{"{\"type\":\"int\"", "/", "ends in the middle"},
	{"True", "/", "line 1, column 1"},
	{"\"True\"", "/", "there is no type \"True\""},
	{"7", "/", "a type is a name"},
	{"null", "/", "a type is a name"},
	{"{\"no_type\":\"test\"}", "/", "\"type\" is missing"},
	{"{\"type\":\"panther\"}", "/", "there is no type \"panther\""},
	{"{\"type\":{\"type\":\"int\"}}", "/", "without the object around it"},
	{"{\"type\":7}", "/", "is the name of a type"},
	{"\"record\"", "/", "needs more than its name"},
	{"{\"type\":\"int\",\"type\":\"long\"}", "/", "\"type\" comes twice"},
	{"{\"type\":\"array\"}", "/", "\"items\" is missing"},
	{"{\"type\":\"map\",\"items\":\"int\"}", "/", "\"values\" is missing"},
	{"{\"type\":\"array\",\"items\":\"x\"}", "/items", "there is no type \"x\""},
	{"[\"int\",\"int\"]", "/1", "has \"int\" twice"},
	{"[\"null\",[\"int\"]]", "/1", "a union lies in a union"},
	{"[{\"type\":\"array\",\"items\":\"int\"},{\"type\":\"array\",\"items\":\"long\"}]", "/1",
	 "has \"array\" twice"},
	{"[{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":1},\"int\",\"a.F\"]", "/2",
	 "has \"a.F\" twice"},
	{"{\"type\":\"fixed\",\"name\":\"F\"}", "/", "\"size\" of a fixed"},
	{"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "/", "\"size\" of a fixed"},
	{"{\"type\":\"fixed\",\"name\":\"F\",\"size\":\"1\"}", "/", "\"size\" of a fixed"},
	{"{\"type\":\"fixed\",\"name\":\"F\",\"size\":2147483648}", "/", "\"size\" of a fixed"},
	{"{\"type\":\"fixed\",\"size\":1}", "/", "\"name\" is missing"},
	{"{\"type\":\"fixed\",\"size\":1,\"name\":\"dr. spaceman\"}", "/", "\"name\" is letters"},
	{"{\"type\":\"fixed\",\"size\":1,\"name\":\"1X\"}", "/", "\"name\" is letters"},
	{"{\"type\":\"fixed\",\"size\":1,\"name\":\"\"}", "/", "\"name\" is letters"},
	{"{\"type\":\"fixed\",\"size\":1,\"name\":\"a.\"}", "/", "\"name\" is letters"},
	{"{\"type\":\"fixed\",\"size\":1,\"name\":\"a..b\"}", "/", "\"name\" is letters"},
	{"{\"type\":\"fixed\",\"size\":1,\"name\":\"F\",\"namespace\":\"a b\"}", "/", "namespace"},
	{"{\"type\":\"fixed\",\"size\":1,\"name\":\"F\",\"namespace\":\".a\"}", "/", "namespace"},
	{"{\"type\":\"enum\",\"name\":\"int\",\"symbols\":[]}", "/", "is a type of Avro"},
	{"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":\"A B\"}", "/", "an enum has \"symbols\""},
	{"{\"type\":\"enum\",\"name\":\"E\"}", "/", "an enum has \"symbols\""},
	{"{\"type\":\"enum\",\"name\":[0],\"symbols\":[]}", "/", "\"name\" is letters"},
	{"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "/symbols/1", "twice"},
	{"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"b c\"]}", "/symbols/1",
	 "a symbol is"},
	{"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[7]}", "/symbols/0", "a symbol is"},
	{"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}", "/",
	 "one of its symbols"},
	{"{\"type\":\"record\",\"name\":\"R\"}", "/", "a record has \"fields\""},
	{"{\"type\":\"record\",\"name\":\"R\",\"fields\":\"x\"}", "/", "a record has \"fields\""},
	{"{\"type\":\"record\",\"name\":\"R\",\"fields\":[7]}", "/fields/0",
	 "a field is an object"},
	{"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"type\":\"int\"}]}", "/fields/0",
	 "without \"name\""},
	{"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a b\",\"type\":\"int\"}]}",
	 "/fields/0", "the name of a field"},
	{"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}", "/fields/0",
	 "has no \"type\""},
	{"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
	 "{\"name\":\"a\",\"type\":\"int\"}]}",
	 "/fields/1", "\"a\" comes twice"},
	{"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"order"
	 "\":"
	 "\"up\"}]}",
	 "/fields/0", "\"order\" is"},
	{"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\","
	 "\"aliases\":\"b\"}]}",
	 "/fields/0", "\"aliases\" is an array"},
	{"{\"type\":\"record\",\"name\":\"R\",\"aliases\":[\"a b\"],\"fields\":[]}", "/", "alias"},
	{"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"rec"
	 "ord\","
	 "\"name\":\"R\",\"fields\":[]}}]}",
	 "/fields/0/type", "is defined already"},
	/* A type that is defined further on, or in another namespace. */
	{"[\"F\",{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}]", "/0", "before it is used"},
	{"[{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":1},{\"type\":\"array\",\"items\":\"F\"}]",
	 "/1/items", "there is no type"},
};

Test(schema_parse, what_is_none_is_refused_with_its_place)
{
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		cr_expect_eq(parse(refused[i].text), -EINVAL, "%s", refused[i].text);
		cr_expect_str_eq(problem.field, refused[i].path, "%s: %s", refused[i].text,
				 problem.field);
		cr_expect_not_null(strstr(problem.text, refused[i].says), "%s: %s", refused[i].text,
				   problem.text);
		cr_expect_not_null(strstr(problem.text, "line 1, column "), "%s", problem.text);
	}
}

/* A record with one field of a type and a default. */
static int parse_default(const char *type, const char *value, uint32_t flags)
{
	char text[1024];
	struct weir_schema *schema = NULL;

	snprintf(text, sizeof text,
		 "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":%s,"
		 "\"default\":%s}]}",
		 type, value);
	int code = parse_n(text, strlen(text), flags, &schema);
	weir_schema_free(schema);
	return code;
}

#define ARRAY_OF(type) "{\"type\":\"array\",\"items\":" type "}"
#define MAP_OF(type) "{\"type\":\"map\",\"values\":" type "}"
#define FIXED_2 "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}"
#define ENUM_AB "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}"
#define RECORD_AB                                                                                  \
	"{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"       \
	"{\"name\":\"b\",\"type\":\"int\",\"default\":1}]}"

Test(schema_parse, defaults_fit_their_types)
{
	static const struct {
		const char *type;
		const char *value;
		bool fits;
	} cases[] = {
		{"\"null\"", "null", true},
		{"\"null\"", "\"null\"", false},
		{"\"boolean\"", "false", true},
		{"\"boolean\"", "\"true\"", false},
		{"\"int\"", "-2147483648", true},
		{"\"int\"", "2147483648", false},
		{"\"int\"", "1.0", false},
		{"\"int\"", "\"1\"", false},
		{"\"long\"", "9223372036854775807", true},
		{"\"long\"", "9223372036854775808", false},
		{"\"float\"", "1", true},
		{"\"double\"", "1e300", true},
		{"\"double\"", "\"NaN\"", true},
		{"\"float\"", "\"-Infinity\"", true},
		{"\"double\"", "\"1.5\"", true},
		{"\"double\"", "\"many\"", false},
		{ARRAY_OF("\"double\""), "[\"NaN\"]", false},
		{"\"string\"", "\"\"", true},
		{"\"string\"", "7", false},
		{"\"bytes\"", "\"\\u0000\\u00ff\xc3\xbf\"", true},
		{"\"bytes\"", "\"\\u0100\"", false},
		{"\"bytes\"", "\"\xe2\x82\xac\"", false},
		{FIXED_2, "\"\\u0001\\u00fe\"", true},
		{FIXED_2, "\"abc\"", false},
		{ENUM_AB, "\"B\"", true},
		{ENUM_AB, "\"C\"", false},
		{ARRAY_OF("\"int\""), "[]", true},
		{ARRAY_OF("\"int\""), "[1,2]", true},
		{ARRAY_OF("\"int\""), "[1,\"2\"]", false},
		{MAP_OF("\"int\""), "{\"x\":1}", true},
		{MAP_OF("\"int\""), "[1]", false},
		{RECORD_AB, "{\"a\":1}", true},
		{RECORD_AB, "{\"b\":1,\"a\":2,\"c\":3}", true},
		{RECORD_AB, "{\"b\":1}", false},
		{RECORD_AB, "{\"a\":\"1\"}", false},
		{"[\"null\",\"int\"]", "null", true},
		{"[\"int\",\"null\"]", "null",
		 true}, /* the first branch that fits, not the first */
		{"[\"null\",\"string\"]", "\"null\"", true},
		{"[\"null\",\"string\"]", "7", false},
		{"[]", "null", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		cr_expect_eq(parse_default(cases[i].type, cases[i].value, 0),
			     cases[i].fits ? 0 : -EINVAL, "%s of %s: %s", cases[i].value,
			     cases[i].type, problem.text);
		if (!cases[i].fits)
			cr_expect_str_eq(problem.field, "/fields/0/default");
		cr_expect_eq(parse_default(cases[i].type, cases[i].value, WEIR_SCHEMA_ANY_DEFAULT),
			     0);
	}
	cr_expect_eq(parse_default("\"int\"", "0", 2), -EINVAL, "an unknown flag");
}

#define PIG "{\"name\":\"PigValue\",\"type\":\"record\",\"fields\":[{\"name\":\"value\", \"type\":"

static const struct {
	const char *text;
	const char *canonical;
	int64_t fingerprint;
} canonicals[] = {
	{"\"null\"", "\"null\"", 7195948357588979594},
	{"{\"type\":\"boolean\"}", "\"boolean\"", -6970731678124411036},
	{"{\"type\":\"int\"}", "\"int\"", 8247732601305521295},
	{"\"long\"", "\"long\"", -3434872931120570953},
	{"\"float\"", "\"float\"", 5583340709985441680},
	{"\"double\"", "\"double\"", -8181574048448539266},
	{"{\"type\":\"bytes\"}", "\"bytes\"", 5746618253357095269},
	{"\"string\"", "\"string\"", -8142146995180207161},
	{"[  ]", "[]", -1241056759729112623},
	{"[ \"int\"  ]", "[\"int\"]", -5232228896498058493},
	{"[ \"int\" , {\"type\":\"boolean\"} ]", "[\"int\",\"boolean\"]", 5392556393470105090},
	{"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\"}",
	 "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", -4824392279771201922},
	{"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"namespace\":\"x.y\"}",
	 "{\"name\":\"x.y.foo\",\"type\":\"record\",\"fields\":[]}", 5916914534497305771},
	{"{\"fields\":[], \"type\":\"record\", \"name\":\"a.b.foo\", \"namespace\":\"x.y\"}",
	 "{\"name\":\"a.b.foo\",\"type\":\"record\",\"fields\":[]}", -4616218487480524110},
	{"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"doc\":\"foo\", \"aliases\":[\"f"
	 "oo\","
	 "\"bar\"]}",
	 "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", -4824392279771201922},
	{"{\"fields\":[{\"type\":{\"type\":\"boolean\"}, \"name\":\"f1\"}], \"type\":\"record\", "
	 "\"name\":\"foo\"}",
	 "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":\"boolean\"}"
	 "]}",
	 7843277075252814651},
	{"{ \"fields\":[{\"type\":\"boolean\", \"aliases\":[], \"name\":\"f1\", \"default\":\"true"
	 "\"},\n"
	 "{\"order\":\"descending\",\"name\":\"f2\",\"doc\":\"Hello\",\"type\":\"int\"}],\n"
	 "\"type\":\"record\", \"name\":\"foo\"\n}",
	 "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":\"boolean\"},"
	 "{\"name\":\"f2\",\"type\":\"int\"}]}",
	 -4860222112080293046},
	{"{\"type\":\"enum\", \"name\":\"foo\", \"symbols\":[\"A1\"]}",
	 "{\"name\":\"foo\",\"type\":\"enum\",\"symbols\":[\"A1\"]}", -6342190197741309591},
	{"{\"namespace\":\"x.y.z\", \"type\":\"enum\", \"name\":\"foo\", \"doc\":\"foo bar\", "
	 "\"symbols\":[\"A1\", \"A2\"]}",
	 "{\"name\":\"x.y.z.foo\",\"type\":\"enum\",\"symbols\":[\"A1\",\"A2\"]}",
	 -4448647247586288245},
	{"{\"name\":\"foo\",\"type\":\"fixed\",\"size\":15}",
	 "{\"name\":\"foo\",\"type\":\"fixed\",\"size\":15}", 1756455273707447556},
	{"{\"namespace\":\"x.y.z\", \"type\":\"fixed\", \"name\":\"foo\", \"doc\":\"foo bar\", "
	 "\"size\":32}",
	 "{\"name\":\"x.y.z.foo\",\"type\":\"fixed\",\"size\":32}", -3064184465700546786},
	{"{ \"items\":{\"type\":\"null\"}, \"type\":\"array\"}",
	 "{\"type\":\"array\",\"items\":\"null\"}", -589620603366471059},
	{"{ \"values\":\"string\", \"type\":\"map\"}", "{\"type\":\"map\",\"values\":\"string\"}",
	 -8732877298790414990},
	{PIG "[\"null\", \"int\", \"long\", \"PigValue\"]}]}",
	 "{\"name\":\"PigValue\",\"type\":\"record\",\"fields\":[{\"name\":\"value\",\"type\":[\"n"
	 "ull\","
	 "\"int\",\"long\",\"PigValue\"]}]}",
	 -1759257747318642341},
};

Test(schema_parse, canonical_forms_and_fingerprints_are_avros)
{
	for (size_t i = 0; i < sizeof canonicals / sizeof canonicals[0]; i++) {
		struct weir_schema *schema;
		char text[512] = "";
		size_t expected_bytes = strlen(canonicals[i].canonical);
		cr_assert_eq(parse_n(canonicals[i].text, strlen(canonicals[i].text),
				     WEIR_SCHEMA_ANY_DEFAULT, &schema),
			     0, "%s: %s", canonicals[i].text, problem.text);
		cr_expect_eq(weir_schema_canonical(schema, text, sizeof text), expected_bytes);
		cr_expect_str_eq(text, canonicals[i].canonical);
		cr_expect_eq((int64_t)weir_schema_fingerprint(schema), canonicals[i].fingerprint,
			     "%s", canonicals[i].text);
		/* Where there is no room it is cut, and still measured. */
		memset(text, '?', sizeof text);
		cr_expect_eq(weir_schema_canonical(schema, text, 3), expected_bytes);
		cr_expect_eq(text[2],
			     canonicals[i].canonical[2] != 0 ? canonicals[i].canonical[2] : '?');
		cr_expect_eq(text[3], '?');
		weir_schema_free(schema);
	}
}

Test(schema_parse, a_canonical_form_is_its_own)
{
	static const char *const texts[] = {
		"{\"type\":\"record\",\"name\":\"Lisp\",\"fields\":[{\"name\":\"value\",\"type\":["
		"\"null\","
		"\"string\",{\"type\":\"record\",\"name\":\"Cons\",\"fields\":[{\"name\":\"car\","
		"\"type\":"
		"\"Lisp\"},{\"name\":\"cdr\",\"type\":\"Lisp\"}]}]}]}",
		"{\"type\":\"record\",\"name\":\"n.Q\",\"fields\":[{\"name\":\"h\",\"type\":{\"typ"
		"e\":"
		"\"fixed\",\"name\":\"MD5\",\"size\":16}},{\"name\":\"s\",\"type\":\"MD5\"},{\"nam"
		"e\":"
		"\"m\",\"type\":[\"null\",{\"type\":\"map\",\"values\":\"n.MD5\"}]}]}",
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct weir_schema *schema, *again;
		char first[512], second[512];
		cr_assert_eq(parse_n(texts[i], strlen(texts[i]), 0, &schema), 0, "%s",
			     problem.text);
		size_t bytes = weir_schema_canonical(schema, first, sizeof first);
		cr_assert_eq(parse_n(first, bytes, 0, &again), 0, "%s", problem.text);
		cr_expect_eq(weir_schema_canonical(again, second, sizeof second), bytes);
		cr_expect_eq(memcmp(first, second, bytes), 0);
		cr_expect_eq(weir_schema_fingerprint(schema), weir_schema_fingerprint(again));
		weir_schema_free(schema);
		weir_schema_free(again);
	}
}

Test(schema_parse, limits_are_said)
{
	static char text[WEIR_SCHEMA_TEXT_BYTES_MAX + 2];
	size_t n = 0;
	struct weir_schema *schema = NULL;

	for (uint32_t depth = WEIR_SCHEMA_DEPTH_MAX - 1; depth <= WEIR_SCHEMA_DEPTH_MAX; depth++) {
		n = 0;
		for (uint32_t i = 0; i < depth; i++)
			n += (size_t)snprintf(text + n, sizeof text - n,
					      "{\"type\":\"array\",\"items\":");
		n += (size_t)snprintf(text + n, sizeof text - n, "\"int\"");
		memset(text + n, '}', depth);
		n += depth;
		cr_expect_eq(parse_n(text, n, 0, &schema),
			     depth < WEIR_SCHEMA_DEPTH_MAX ? 0 : WEIR_E_TOO_BIG);
		if (depth < WEIR_SCHEMA_DEPTH_MAX)
			weir_schema_free(schema);
	}
	memset(text, ' ', sizeof text);
	cr_expect_eq(parse_n(text, WEIR_SCHEMA_TEXT_BYTES_MAX + 1, 0, &schema), WEIR_E_TOO_BIG);
	memset(text, '[', 2000);
	cr_expect_eq(parse_n(text, 2000, 0, &schema), WEIR_E_TOO_BIG);
	/* A record that stands in its own default is a schema; only its default has no end. */
	cr_expect_eq(
		parse("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"r\",\"type\":"
		      "\"R\",\"default\":{}}]}"),
		0, "%s", problem.text);
}

Test(schema_parse, defaults_that_could_be_read_in_too_many_ways_are_refused)
{
	/* Each level has two records that an object fits until its innermost part is looked at. */
	char text[8192];
	size_t n = 0;
	int levels = 24;

	n += (size_t)snprintf(
		text + n, sizeof text - n,
		"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":"
		"[{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\",\"type\":"
		"[\"A\",{\"type\":\"record\",\"name\":\"B\",\"fields\":[{\"name\":\"x\","
		"\"type\":[\"A\",\"B\"]}]}]}]},\"B\"],\"default\":");
	for (int i = 0; i < levels; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "{\"x\":");
	n += (size_t)snprintf(text + n, sizeof text - n, "7");
	memset(text + n, '}', (size_t)levels);
	n += (size_t)levels;
	n += (size_t)snprintf(text + n, sizeof text - n, "}]}");
	struct weir_schema *schema = NULL;
	int code = parse_n(text, n, 0, &schema);
	cr_expect_eq(code, WEIR_E_TOO_BIG, "%d: %s", code, problem.text);
}

struct counting {
	int left; /* allocations until one fails; negative: none does */
	size_t in_use_bytes;
};

static void *count_alloc(void *context, size_t bytes, size_t align)
{
	struct counting *c = context;

	(void)align;
	if (c->left-- == 0)
		return NULL;
	c->in_use_bytes += bytes;
	return calloc(1, bytes);
}

static void count_free(void *context, void *p, size_t bytes)
{
	struct counting *c = context;

	c->in_use_bytes -= bytes;
	free(p);
}

Test(schema_parse, every_failed_allocation_is_an_error_and_nothing_leaks)
{
	static const char old_text[] =
		"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
		"\"type\":" ENUM_AB "}]}";
	static const char new_text[] =
		"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
		"\"type\":\"long\"},{\"name\":\"b\",\"type\":" ENUM_AB "}]}";
	int fails = 0;

	for (int k = 0;; k++) {
		struct counting c = {.left = k};
		struct weir_allocator allocator = {count_alloc, count_free, &c};
		struct weir_schema *old = NULL, *next = NULL;
		const struct weir_schema *versions[1];
		int code = weir_schema_parse(old_text, strlen(old_text), 0, &allocator, &old, NULL);
		if (code == 0)
			code = weir_schema_parse(new_text, strlen(new_text), 0, &allocator, &next,
						 NULL);
		versions[0] = old;
		if (code == 0)
			code = weir_schema_may_follow(next, versions, 1, WEIR_SCHEMA_FULL, NULL,
						      NULL);
		if (code == 0)
			code = weir_schema_may_follow(next, versions, 1, WEIR_SCHEMA_STRICT, NULL,
						      NULL);
		weir_schema_free(old);
		weir_schema_free(next);
		cr_expect_eq(c.in_use_bytes, 0);
		if (c.left >= 0) {
			cr_expect_eq(code, 0);
			break;
		}
		cr_expect_eq(code, -ENOMEM, "allocation %d: %d", k, code);
		fails++;
	}
	cr_expect_gt(fails, 10);
}
