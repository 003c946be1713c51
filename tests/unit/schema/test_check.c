/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   who reads whom is decided as Avro decides it, each obstacle told with its kind, place
 *         and words.
 * Method: tables of readers and writers, after the cases of Avro's Java and Python libraries
 *         (TestSchemaCompatibility and its kin); own cases for what they leave open: aliases that
 *         are ambiguous, types that recurse through unions.
 */
#include <criterion/criterion.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/schema.h>

#include "tests/unit/schema/schema_texts.h"

struct weir_schema *schema_of(const char *text)
{
	struct weir_schema *schema = NULL;
	struct weir_problem problem = {0};
	int code = weir_schema_parse(text, strlen(text), 0, NULL, &schema, &problem);

	cr_assert_eq(code, 0, "%s: %s", text, problem.text);
	return schema;
}

char told[4096];

void tell(void *context, const struct weir_schema_issue *issue)
{
	size_t n = strlen(told);

	(void)context;
	cr_expect_gt(strlen(issue->explanation), 10);
	cr_expect_gt(strlen(issue->fix), 10);
	snprintf(told + n, sizeof told - n, "%s%s %s: %s", n > 0 ? "\n" : "",
		 weir_schema_issue_name(issue->kind), issue->path, issue->message);
}

static int can_read(const char *reader_text, const char *writer_text)
{
	struct weir_schema *reader = schema_of(reader_text);
	struct weir_schema *writer = schema_of(writer_text);

	told[0] = '\0';
	int code = weir_schema_can_read(reader, writer, tell, NULL);
	cr_expect_eq(weir_schema_can_read(reader, writer, NULL, NULL), code);
	weir_schema_free(reader);
	weir_schema_free(writer);
	return code;
}

const struct good_pair good[] = {
	/* reader, writer */
	{BOOLEAN, BOOLEAN},
	{NUL, NUL},
	{INT, INT},
	{LONG, INT},
	{LONG, LONG},
	{FLOAT, INT},
	{FLOAT, LONG},
	{FLOAT, FLOAT},
	{DOUBLE, INT},
	{DOUBLE, LONG},
	{DOUBLE, FLOAT},
	{DOUBLE, DOUBLE},
	{STRING, STRING},
	{BYTES, BYTES},
	{STRING, BYTES},
	{BYTES, STRING},
	{ARRAY(INT), ARRAY(INT)},
	{ARRAY(LONG), ARRAY(INT)},
	{MAP(INT), MAP(INT)},
	{MAP(LONG), MAP(INT)},
	{ENUM("Enum1", AB), ENUM("Enum1", AB)},
	{ENUM("Enum1", ABC), ENUM("Enum1", AB)},
	{ENUM("Enum1", "\"B\",\"A\""), ENUM("Enum1", AB)},
	/* Unions. */
	{"[]", "[]"},
	{"[" FLOAT "]", "[]"},
	{INT, "[]"},
	{"[" FLOAT "]", "[" INT "]"},
	{"[" FLOAT "]", "[" LONG "]"},
	{"[" FLOAT "]", "[" INT "," LONG "]"},
	{"[" INT "]", "[" INT "]"},
	{"[" INT "," STRING "]", "[" STRING "," INT "]"},
	{"[" LONG "]", "[" INT "]"},
	{"[" DOUBLE "]", "[" INT "]"},
	{"[" DOUBLE "]", "[" FLOAT "]"},
	{"[" STRING "]", "[" BYTES "]"},
	{"[" BYTES "]", "[" STRING "]"},
	{"[" DOUBLE "]", "[" INT "," FLOAT "]"},
	{FLOAT, "[" INT "," FLOAT "]"},
	{LONG, "[" INT "," LONG "]"},
	{DOUBLE, "[" INT "," LONG "," FLOAT "," DOUBLE "]"},
	{FLOAT, "[" FLOAT "]"},
	{"[" INT "]", INT},
	{INT, "[" INT "]"},
	{"[" NUL "," ARRAY(LONG) "]", ARRAY(INT)},
	{"[" NUL "," MAP(LONG) "]", "[" MAP(INT) "," NUL "]"},
	/* Named types. */
	{FIXED("F", "4"), FIXED("F", "4")},
	{RECORD("R", ""), RECORD("R", "")},
	{RECORD("R", ""), RECORD("R", FIELD("a", INT))},
	{RECORD("R", FIELD("a", INT)), RECORD("R", FIELD("a", INT))},
	{RECORD("R", FIELD_DEFAULT("a", INT, "0")), RECORD("R", FIELD("a", INT))},
	{RECORD("R", FIELD("a", INT)), RECORD("R", FIELD_DEFAULT("a", INT, "0"))},
	{RECORD("R", FIELD("a", LONG)), RECORD("R", FIELD("a", INT))},
	{RECORD("R", FIELD("a", INT)), RECORD("R", FIELD("b", INT) "," FIELD("a", INT))},
	{RECORD("R", FIELD("a", INT) "," FIELD_DEFAULT("b", INT, "0")),
	 RECORD("R", FIELD("a", INT))},
	{RECORD("R", FIELD_DEFAULT("a", INT, "0") "," FIELD_DEFAULT("b", INT, "0")),
	 RECORD("R", "")},
	{LIST(INT), LIST(INT)},
	{LIST(LONG), LIST(INT)},
	{RECORD("R", FIELD("f", ENUM_DEFAULT("E", AB, "A"))),
	 RECORD("R", FIELD("f", ENUM_DEFAULT("E", ABC, "A")))},
	{RECORD("R", FIELD_DEFAULT("f", ENUM_DEFAULT("E", AB, "B"), "\"A\"")),
	 RECORD("R", FIELD_DEFAULT("f", ENUM_DEFAULT("E", ABC, "A"), "\"B\""))},
	{RECORD("R", FIELD("f", "[" NUL "," ARRAY(INNER("ns1")) "]")),
	 RECORD("R", FIELD("f", "[" NUL "," ARRAY(INNER("ns2")) "]"))},
	{RECORD("R", FIELD("f", INT)), RECORD("ns.R", FIELD("f", INT))},
	{RECORD("R", FIELD("oldField2", STRING)), RECORD("R", OLD_FIELDS)},
	{RECORD("R", FIELD("oldField1", INT) "," FIELD_DEFAULT("new", INT, "42")),
	 RECORD("R", OLD_FIELDS)},
	/* Aliases: of a field, of a type by its full name, of one in the alias's own namespace. */
	{RECORD("foo", "{\"type\":\"int\",\"name\":\"bar\",\"aliases\":[\"f1\"]}"),
	 RECORD("foo", FIELD("f1", INT) "," FIELD("f2", STRING))},
	{"{\"type\":\"record\",\"name\":\"other\",\"aliases\":[\"foo\"],\"fields\":[]}",
	 RECORD("foo", FIELD("f1", INT))},
	{"{\"type\":\"fixed\",\"name\":\"a.New\",\"size\":1,\"aliases\":[\"Old\"]}",
	 FIXED("a.Old", "1")},
	{"{\"type\":\"fixed\",\"name\":\"a.New\",\"size\":1,\"aliases\":[\"b.Old\"]}",
	 FIXED("b.Old", "1")},
	{"{\"type\":\"enum\",\"name\":\"New\",\"symbols\":[" AB "],\"aliases\":[\"x.y\",\"Old\"]}",
	 ENUM("Old", AB)},
	{RECORD("R", "{\"name\":\"a\",\"type\":\"int\",\"aliases\":[\"a\"]}"),
	 RECORD("R", FIELD("a", INT))},
};

const size_t good_count = sizeof good / sizeof good[0];

Test(schema_check, what_reads_is_let_pass)
{
	for (size_t i = 0; i < good_count; i++)
		cr_expect_eq(can_read(good[i].reader, good[i].writer), 1,
			     "%s does not read %s:\n%s", good[i].reader, good[i].writer, told);
}

#define LACKS(path, type) "MISSING_UNION_BRANCH " path ": reader union lacking writer type: " type
#define OTHER(path, reader, writer)                                                                \
	"TYPE_MISMATCH " path ": reader type: " reader " not compatible with writer type: " writer
#define INT_LONG_FLOAT_DOUBLE "[" INT "," LONG "," FLOAT "," DOUBLE "]"

static const char *const bad[][3] = {
	/* reader, writer, what is told */
	{NUL, INT, OTHER("/", "NULL", "INT")},
	{NUL, LONG, OTHER("/", "NULL", "LONG")},
	{BOOLEAN, INT, OTHER("/", "BOOLEAN", "INT")},
	{INT, NUL, OTHER("/", "INT", "NULL")},
	{INT, BOOLEAN, OTHER("/", "INT", "BOOLEAN")},
	{INT, LONG, OTHER("/", "INT", "LONG")},
	{INT, FLOAT, OTHER("/", "INT", "FLOAT")},
	{INT, DOUBLE, OTHER("/", "INT", "DOUBLE")},
	{LONG, FLOAT, OTHER("/", "LONG", "FLOAT")},
	{LONG, DOUBLE, OTHER("/", "LONG", "DOUBLE")},
	{FLOAT, DOUBLE, OTHER("/", "FLOAT", "DOUBLE")},
	{DOUBLE, STRING, OTHER("/", "DOUBLE", "STRING")},
	{FIXED("F", "4"), STRING, OTHER("/", "FIXED", "STRING")},
	{BYTES, FIXED("F", "4"), OTHER("/", "BYTES", "FIXED")},
	{STRING, BOOLEAN, OTHER("/", "STRING", "BOOLEAN")},
	{STRING, INT, OTHER("/", "STRING", "INT")},
	{STRING, ENUM("E", AB), OTHER("/", "STRING", "ENUM")},
	{BYTES, NUL, OTHER("/", "BYTES", "NULL")},
	{BYTES, INT, OTHER("/", "BYTES", "INT")},
	{RECORD("R", FIELD("a", INT)), INT, OTHER("/", "RECORD", "INT")},
	{ARRAY(INT), ARRAY(LONG), OTHER("/items", "INT", "LONG")},
	{MAP(INT), ARRAY(INT), OTHER("/", "MAP", "ARRAY")},
	{ARRAY(INT), MAP(INT), OTHER("/", "ARRAY", "MAP")},
	{MAP(INT), MAP(LONG), OTHER("/values", "INT", "LONG")},
	{INT, ENUM("E", AB), OTHER("/", "INT", "ENUM")},
	{ENUM("E", AB), INT, OTHER("/", "ENUM", "INT")},
	{FLOAT, INT_LONG_FLOAT_DOUBLE, OTHER("/3", "FLOAT", "DOUBLE")},
	{LONG, "[" INT "," FLOAT "]", OTHER("/1", "LONG", "FLOAT")},
	{INT, "[" INT "," FLOAT "]", OTHER("/1", "INT", "FLOAT")},
	{LIST(INT), LIST(LONG), OTHER("/fields/0/type", "INT", "LONG")},
	/* Unions. */
	{"[]", INT, LACKS("/", "INT")},
	{"[" INT "]", "[" INT "," STRING "]", LACKS("/1", "STRING")},
	{"[" STRING "]", "[" INT "," STRING "]", LACKS("/0", "INT")},
	{"[" INT "]", "[" INT "," RECORD("R", "") "]", LACKS("/1", "RECORD")},
	{"[" INT "," RECORD("R1", FIELD("f", INT)) "]",
	 "[" INT "," RECORD("R2", FIELD("f", INT)) "]", LACKS("/1", "RECORD")},
	{"[" INT "]", "[" INT "," ENUM("E", AB) "]", LACKS("/1", "ENUM")},
	{"[" INT "]", "[" INT "," FIXED("F", "4") "]", LACKS("/1", "FIXED")},
	{"[" INT "]", "[" INT "," BOOLEAN "]", LACKS("/1", "BOOLEAN")},
	{"[" INT "]", "[" LONG "]", LACKS("/0", "LONG")},
	{"[" INT "]", "[" BYTES "]", LACKS("/0", "BYTES")},
	{"[" INT "]", "[" INT "," ARRAY(INT) "]", LACKS("/1", "ARRAY")},
	{"[" INT "]", "[" INT "," MAP(INT) "]", LACKS("/1", "MAP")},
	{"[" INT "]", "[" INT "," NUL "]", LACKS("/1", "NULL")},
	{"[" INT "]", INT_LONG_FLOAT_DOUBLE,
	 LACKS("/1", "LONG") "\n" LACKS("/2", "FLOAT") "\n" LACKS("/3", "DOUBLE")},
	{"[" INT "," STRING "]", "[" INT "," STRING "," LONG "]", LACKS("/2", "LONG")},
	{RECORD("R", FIELD_DEFAULT("b", "[" INT "]", "0")),
	 RECORD("R", FIELD_DEFAULT("b", "[" INT "," STRING "]", "0")),
	 LACKS("/fields/0/type/1", "STRING")},
	{STRING, "[" NUL "," STRING "]", OTHER("/0", "STRING", "NULL")},
	{"[" NUL "," ARRAY(INT) "]", ARRAY(LONG), LACKS("/", "ARRAY")},
	/* Named types. */
	{FIXED("F", "4"), FIXED("F", "8"), "FIXED_SIZE_MISMATCH /size: expected: 8, found: 4"},
	{RECORD("R", FIELD("b", FIXED("F", "8"))), RECORD("R", FIELD("b", FIXED("F", "4"))),
	 "FIXED_SIZE_MISMATCH /fields/0/type/size: expected: 4, found: 8"},
	{ENUM("E", AB), ENUM("E", ABC), "MISSING_ENUM_SYMBOLS /symbols: [C]"},
	{ENUM("E", "\"B\",\"C\""), ENUM("E", ABC), "MISSING_ENUM_SYMBOLS /symbols: [A]"},
	{ENUM("E", "\"A\""), ENUM("E", "\"C\",\"B\",\"A\""),
	 "MISSING_ENUM_SYMBOLS /symbols: [B, C]"},
	{RECORD("R", FIELD("f", ENUM("E", AB))), RECORD("R", FIELD("f", ENUM("E", ABC))),
	 "MISSING_ENUM_SYMBOLS /fields/0/type/symbols: [C]"},
	{RECORD("R", FIELD_DEFAULT("f", ENUM("E", AB), "\"A\"")),
	 RECORD("R", FIELD("f", ENUM("E", ABC))),
	 "MISSING_ENUM_SYMBOLS /fields/0/type/symbols: [C]"},
	{ENUM("Enum1", AB), ENUM("Enum2", AB), "NAME_MISMATCH /name: expected: Enum2"},
	{RECORD("R2", ""), RECORD("R1", ""), "NAME_MISMATCH /name: expected: R1"},
	{FIXED("F", "4"), FIXED("x.Another", "4"), "NAME_MISMATCH /name: expected: x.Another"},
	{"{\"type\":\"fixed\",\"name\":\"a.New\",\"size\":1,\"aliases\":[\"Old\"]}",
	 FIXED("b.Old", "1"), "NAME_MISMATCH /name: expected: b.Old"},
	/* An alias of the writer's is none. */
	{FIXED("Old", "1"),
	 "{\"type\":\"fixed\",\"name\":\"New\",\"size\":1,\"aliases\":[\"Old\"]}",
	 "NAME_MISMATCH /name: expected: New"},
	{RECORD("R", FIELD("a", INT)), RECORD("R", ""),
	 "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0: a"},
	{RECORD("R", FIELD("a", INT) "," FIELD_DEFAULT("b", INT, "0")), RECORD("R", ""),
	 "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0: a"},
	/* Null by itself only with a default; the default of an enum is not that of a field. */
	{RECORD("R", FIELD("a", "[" NUL "," INT "]")), RECORD("R", ""),
	 "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0: a"},
	{RECORD("R", FIELD("e", ENUM_DEFAULT("E", AB, "A"))), RECORD("R", ""),
	 "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0: e"},
	{RECORD("R", "{\"name\":\"a\",\"type\":\"int\",\"aliases\":[\"b\"]}"),
	 RECORD("R", FIELD("a", INT) "," FIELD("b", INT)),
	 "AMBIGUOUS_FIELD_ALIAS /fields/0: several fields of the writer match: a"},
};

Test(schema_check, what_does_not_read_is_told_with_its_place)
{
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		cr_expect_eq(can_read(bad[i][0], bad[i][1]), 0, "%s reads %s", bad[i][0],
			     bad[i][1]);
		cr_expect_str_eq(told, bad[i][2], "%s does not read %s:\n%s", bad[i][0], bad[i][1],
				 told);
	}
}

/* Avro's TestSchemaCompatibilityMultiple: ten obstacles, in the order of the reader's fields. */
#define LAST(item)                                                                                 \
	RECORD("recordA", FIELD_DEFAULT("same", BOOLEAN, "true") "," FIELD("other", ARRAY(item)))
#define SUB(extra, size, u, v, item)                                                               \
	RECORD("sub", FIELD_DEFAULT("same", LONG, "42") "," extra                                  \
			      FIELD("x", FIXED("FT", size)) "," FIELD("u", u) "," FIELD(           \
				      "v", v) "," FIELD("r", LAST(item)))
#define BASE(symbols, name, t, sub)                                                                \
	RECORD("base", FIELD("e", ENUM("ET", symbols)) "," FIELD("n", ENUM(name, ABC)) "," FIELD(  \
			       "t", t) "," FIELD("s", sub))

Test(schema_check, many_obstacles_come_in_the_order_of_the_fields)
{
	static const char reader[] =
		BASE("\"A\",\"C\"", "NT", STRING,
		     SUB(FIELD("extra", LONG) ",", "4", "[" BOOLEAN "]", "[" BOOLEAN "]", STRING));
	static const char writer[] =
		BASE("\"D\",\"A\",\"B\",\"C\"", "NT_ERR", LONG,
		     SUB("", "8", "[" BOOLEAN "," DOUBLE "," STRING "]", LONG, BOOLEAN));

	cr_expect_eq(can_read(reader, writer), 0);
#define IN_SUB "/fields/3/type/fields"
	static const char *const expected[] = {
		"MISSING_ENUM_SYMBOLS /fields/0/type/symbols: [B, D]",
		"NAME_MISMATCH /fields/1/type/name: expected: NT_ERR",
		OTHER("/fields/2/type", "STRING", "LONG"),
		"READER_FIELD_MISSING_DEFAULT_VALUE " IN_SUB "/1: extra",
		"FIXED_SIZE_MISMATCH " IN_SUB "/2/type/size: expected: 8, found: 4",
		LACKS(IN_SUB "/3/type/1", "DOUBLE"),
		LACKS(IN_SUB "/3/type/2", "STRING"),
		LACKS(IN_SUB "/4/type", "LONG"),
		OTHER(IN_SUB "/5/type/fields/1/type/items", "STRING", "BOOLEAN"),
	};
	size_t n = 0;
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
		size_t bytes = strlen(expected[i]);
		cr_expect_eq(strncmp(told + n, expected[i], bytes), 0, "%s", told + n);
		n += bytes + 1;
	}
	cr_expect_eq(strlen(told), n - 1);
}

/*
 * A is looked at through B and B through A. Who keeps what B was while A was still open takes B for
 * readable, since A's own obstacle comes last in A.
 */
#define OPEN_A(x) RECORD("A", FIELD("b", OPEN_B) "," FIELD("x", x))
#define OPEN_B RECORD("B", FIELD("a", "[" NUL ",\"A\"]"))
#define CLOSED_B RECORD("B", FIELD("a", "[" NUL "," RECORD("A", CLOSED_A) "]"))
#define CLOSED_A FIELD("b", "\"B\"") "," FIELD("x", LONG)

Test(schema_check, a_verdict_reached_on_the_way_is_not_kept)
{
	static const char reader[] =
		RECORD("Top", FIELD("a", "[" NUL "," OPEN_A(INT) "]") "," FIELD("b", "\"B\""));
	static const char writer[] =
		RECORD("Top", FIELD("a", "[" NUL "]") "," FIELD("b", CLOSED_B));

	cr_expect_eq(can_read(reader, writer), 0);
	cr_expect_str_eq(told, LACKS("/fields/1/type/fields/0/type/1", "RECORD"), "%s", told);
}

Test(schema_check, what_is_used_twice_is_told_once)
{
	static const char reader[] =
		RECORD("T", FIELD("p", RECORD("P", FIELD("x", INT))) "," FIELD("q", "\"P\""));
	static const char writer[] =
		RECORD("T", FIELD("p", RECORD("P", FIELD("x", LONG))) "," FIELD("q", "\"P\""));

	cr_expect_eq(can_read(reader, writer), 0);
	cr_expect_str_eq(told, OTHER("/fields/0/type/fields/0/type", "INT", "LONG"));
}
