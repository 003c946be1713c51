/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   levels compare the right versions, in the right direction; STRICT lets nothing pass that
 *         FULL would not; differences are told.
 * Method: tables, after the cases of Confluent's registry, and the founding article's rule.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <weir/schema.h>

#include "tests/unit/schema/schema_texts.h"

/* --- levels ----------------------------------------------------------------------------------- */

static uint32_t last_version;
static uint32_t issue_count;
static uint32_t forward_count;

static void count(void *context, const struct weir_schema_issue *issue)
{
	(void)context;
	last_version = issue->version_index;
	issue_count++;
	forward_count += issue->is_forward;
}

/* texts: the versions, then the new one; NULL ends. */
static int may_follow(enum weir_schema_level level, const char *const *texts)
{
	const struct weir_schema *schemas[8];
	struct weir_schema *owned[8];
	uint32_t n = 0;

	for (; texts[n] != NULL; n++)
		schemas[n] = owned[n] = schema_of(texts[n]);
	issue_count = forward_count = 0;
	int code = weir_schema_may_follow(schemas[n - 1], schemas, n - 1, level, count, NULL);
	cr_expect_eq(code == 0, issue_count > 0);
	for (uint32_t i = 0; i < n; i++)
		weir_schema_free(owned[i]);
	return code;
}

#define V1 RECORD("myrecord", FIELD("f1", STRING))
#define V2 RECORD("myrecord", FIELD("f1", STRING) "," FIELD_DEFAULT("f2", STRING, "\"foo\""))
#define V3 RECORD("myrecord", FIELD("f1", STRING) "," FIELD("f2", STRING))
#define V4 RECORD("myrecord", "{\"type\":\"string\",\"name\":\"f1_new\",\"aliases\":[\"f1\"]}")
#define V6 RECORD("myrecord", FIELD("f1", "[" NUL "," STRING "]"))
#define V7 RECORD("myrecord", FIELD("f1", "[" NUL "," STRING "," INT "]"))
#define V8                                                                                         \
	RECORD("myrecord",                                                                         \
	       FIELD("f1", STRING) "," FIELD_DEFAULT("f2", STRING, "\"foo\"") "," FIELD_DEFAULT(   \
		       "f3", STRING, "\"bar\""))

static const struct {
	enum weir_schema_level level;
	const char *texts[5];
	int expected;
} level_cases[] = {
	{WEIR_SCHEMA_LEVEL_NONE, {V1, INT}, 1},
	{WEIR_SCHEMA_BACKWARD, {V1}, 1},
	{WEIR_SCHEMA_BACKWARD, {V1, V2}, 1},
	{WEIR_SCHEMA_BACKWARD, {V1, V3}, 0},
	{WEIR_SCHEMA_BACKWARD, {V1, V4}, 1},
	{WEIR_SCHEMA_BACKWARD, {V1, V6}, 1},
	{WEIR_SCHEMA_BACKWARD, {V6, V1}, 0},
	{WEIR_SCHEMA_BACKWARD, {V6, V7}, 1},
	{WEIR_SCHEMA_BACKWARD, {V7, V6}, 0},
	{WEIR_SCHEMA_BACKWARD, {V1, V2, V3}, 1}, /* the last one only */
	{WEIR_SCHEMA_BACKWARD_TRANSITIVE, {V1, V2, V8}, 1},
	{WEIR_SCHEMA_BACKWARD_TRANSITIVE, {V1, V2}, 1},
	{WEIR_SCHEMA_BACKWARD_TRANSITIVE, {V2, V3}, 1},
	{WEIR_SCHEMA_BACKWARD_TRANSITIVE, {V1, V2, V3}, 0},
	{WEIR_SCHEMA_FORWARD, {V1, V2}, 1},
	{WEIR_SCHEMA_FORWARD, {V1, V3}, 1},
	{WEIR_SCHEMA_FORWARD, {V2, V3}, 1},
	{WEIR_SCHEMA_FORWARD, {V3, V2}, 1},
	{WEIR_SCHEMA_FORWARD, {V3, V1}, 0},
	{WEIR_SCHEMA_FORWARD, {V3, V2, V1}, 1},
	{WEIR_SCHEMA_FORWARD_TRANSITIVE, {V8, V2, V1}, 1},
	{WEIR_SCHEMA_FORWARD_TRANSITIVE, {V3, V2, V1}, 0},
	{WEIR_SCHEMA_FULL, {V1, V2}, 1},
	{WEIR_SCHEMA_FULL, {V1, V3}, 0},
	{WEIR_SCHEMA_FULL, {V1, V6}, 0},
	{WEIR_SCHEMA_FULL, {V1, V2, V3}, 1},
	{WEIR_SCHEMA_FULL, {V3, V2, V1}, 1},
	{WEIR_SCHEMA_FULL_TRANSITIVE, {V1, V2, V8}, 1},
	{WEIR_SCHEMA_FULL_TRANSITIVE, {V8, V2, V1}, 1},
	{WEIR_SCHEMA_FULL_TRANSITIVE, {V1, V2, V3}, 0},
	{WEIR_SCHEMA_FULL_TRANSITIVE, {V3, V2, V1}, 0},
};

Test(schema_levels, levels_compare_the_right_versions)
{
	for (size_t i = 0; i < sizeof level_cases / sizeof level_cases[0]; i++)
		cr_expect_eq(may_follow(level_cases[i].level, level_cases[i].texts),
			     level_cases[i].expected, "case %zu, %s", i,
			     weir_schema_level_name(level_cases[i].level));
	const char *const back[] = {V1, V2, V3, NULL};
	cr_expect_eq(may_follow(WEIR_SCHEMA_BACKWARD_TRANSITIVE, back), 0);
	cr_expect(last_version == 0 && issue_count == 1 && forward_count == 0);
	const char *const full[] = {V1, V7, NULL};
	cr_expect_eq(may_follow(WEIR_SCHEMA_FULL, full), 0);
	cr_expect_eq(forward_count, issue_count);
	cr_expect_eq(weir_schema_may_follow(NULL, NULL, 0, (enum weir_schema_level)99, NULL, NULL),
		     -EINVAL);
}

Test(schema_levels, levels_have_names)
{
	cr_expect_eq(weir_schema_level_parse("full_transitive"), WEIR_SCHEMA_FULL_TRANSITIVE);
	cr_expect_eq(weir_schema_level_parse("STRICT"), WEIR_SCHEMA_STRICT);
	cr_expect_eq(weir_schema_level_parse("FULL_"), -EINVAL);
	cr_expect_eq(weir_schema_level_parse(""), -EINVAL);
	for (int i = 0; i <= WEIR_SCHEMA_STRICT; i++)
		cr_expect_eq(
			weir_schema_level_parse(weir_schema_level_name((enum weir_schema_level)i)),
			i);
	cr_expect_str_eq(weir_schema_level_name((enum weir_schema_level)99), "");
	cr_expect_str_eq(weir_schema_issue_name((enum weir_schema_issue_kind)99), "");
}

/* --- STRICT ----------------------------------------------------------------------------------- */

#define ORDER(fields) RECORD("OrderPlaced", FIELD("id", LONG) fields)
#define DECIMAL(p, s)                                                                              \
	"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" p ",\"scale\":" s "}"

static const char *const strict[][3] = {
	/* old, new, what is told; "" for nothing */
	{ORDER(""), ORDER(""), ""},
	{ORDER(""), ORDER("," FIELD_DEFAULT("note", "[" NUL "," STRING "]", "null")), ""},
	{ORDER(""), ORDER("," FIELD_DEFAULT("n", INT, "0")), ""},
	{ORDER("," FIELD_DEFAULT("n", INT, "0")), ORDER(""), ""},
	{ORDER("," FIELD("n", INT)), RECORD("OrderPlaced", FIELD("n", INT) "," FIELD("id", LONG)),
	 ""},
	{ORDER("," FIELD_DEFAULT("n", INT, "0")), ORDER("," FIELD_DEFAULT("n", INT, "1")), ""},
	{ORDER("," FIELD("u", "[" NUL "," INT "]")), ORDER("," FIELD("u", "[" INT "," NUL "]")),
	 ""},
	{ENUM_DEFAULT("E", AB, "A"), ENUM_DEFAULT("E", ABC, "A"), ""},
	{ORDER(""), ORDER("," FIELD("n", INT)),
	 "REQUIRED_FIELD_ADDED /fields/1: required field added: n"},
	{ORDER(""), ORDER("," FIELD("n", "[" NUL "," INT "]")),
	 "REQUIRED_FIELD_ADDED /fields/1: required field added: n"},
	{ORDER("," FIELD("n", INT)), ORDER(""),
	 "REQUIRED_FIELD_REMOVED /fields: required field removed: n"},
	{ORDER("," FIELD("n", INT)), ORDER("," FIELD("n", LONG)),
	 "TYPE_CHANGED /fields/1/type: type changed from int to long"},
	{ORDER("," FIELD("n", STRING)), ORDER("," FIELD("n", BYTES)),
	 "TYPE_CHANGED /fields/1/type: type changed from string to bytes"},
	{ORDER("," FIELD("n", INT)), ORDER("," FIELD("n", "[" NUL "," INT "]")),
	 "TYPE_CHANGED /fields/1/type: type changed from int to union"},
	{ORDER("," FIELD("n", "[" NUL "," INT "]")),
	 ORDER("," FIELD("n", "[" NUL "," INT "," LONG "]")),
	 "TYPE_CHANGED /fields/1/type: the union got long"},
	{ORDER("," FIELD("n", "[" NUL "," INT "]")), ORDER("," FIELD("n", "[" INT "]")),
	 "TYPE_CHANGED /fields/1/type: the union lost null"},
	{ORDER("," FIELD("n", ARRAY(INT))), ORDER("," FIELD("n", ARRAY(LONG))),
	 "TYPE_CHANGED /fields/1/type/items: type changed from int to long"},
	{ORDER("," FIELD("n", DECIMAL("9", "2"))), ORDER("," FIELD("n", DECIMAL("9", "3"))),
	 "TYPE_CHANGED /fields/1/type: type changed from bytes, decimal(9, 2) to bytes, decimal(9,"
	 " 3)"},
	{ORDER("," FIELD("n", LONG)),
	 ORDER("," FIELD("n", "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}")),
	 "TYPE_CHANGED /fields/1/type: type changed from long to long, timestamp-millis"},
	{FIXED("F", "1"), FIXED("F", "2"),
	 "TYPE_CHANGED /: type changed from fixed F of 1 bytes to fixed F of 2 bytes"},
	{ENUM("E", AB), ENUM("E", ABC), "MISSING_ENUM_SYMBOLS /symbols: [C]"},
	{ENUM("E", ABC), ENUM("E", AB), "MISSING_ENUM_SYMBOLS /symbols: [C]"},
	/* A new name for a required field takes the old one from old consumers. */
	{V1, V4, "REQUIRED_FIELD_REMOVED /fields: required field removed: f1"},
	{LIST(INT), LIST(LONG), "TYPE_CHANGED /fields/0/type: type changed from int to long"},
};

Test(schema_levels, strict_lets_no_type_change_and_no_required_field_come_or_go)
{
	for (size_t i = 0; i < sizeof strict / sizeof strict[0]; i++) {
		struct weir_schema *old = schema_of(strict[i][0]);
		struct weir_schema *next = schema_of(strict[i][1]);
		const struct weir_schema *versions[] = {old};
		bool good_here = strict[i][2][0] == '\0';
		told[0] = '\0';
		cr_expect_eq(
			weir_schema_may_follow(next, versions, 1, WEIR_SCHEMA_STRICT, tell, NULL),
			good_here, "%s after %s", strict[i][1], strict[i][0]);
		cr_expect_str_eq(told, strict[i][2], "%s after %s: %s", strict[i][1], strict[i][0],
				 told);
		weir_schema_free(old);
		weir_schema_free(next);
	}
}

Test(schema_levels, what_strict_lets_pass_is_full)
{
	size_t passed = 0;

	/* Each schema of the tables after each other one. */
	for (size_t i = 0; i < good_count; i++)
		for (size_t k = 0; k < good_count; k++) {
			struct weir_schema *old = schema_of(good[i].writer);
			struct weir_schema *next = schema_of(good[k].reader);
			const struct weir_schema *versions[] = {old};
			if (weir_schema_may_follow(next, versions, 1, WEIR_SCHEMA_STRICT, NULL,
						   NULL) == 1) {
				passed++;
				cr_expect_eq(weir_schema_may_follow(next, versions, 1,
								    WEIR_SCHEMA_FULL, NULL, NULL),
					     1, "%s after %s", good[k].reader, good[i].writer);
			}
			weir_schema_free(old);
			weir_schema_free(next);
		}
	cr_expect_gt(passed, 60);
}

/* --- what changed ----------------------------------------------------------------------------- */

static void write_difference(void *context, const struct weir_schema_difference *d)
{
	size_t n = strlen(told);

	(void)context;
	snprintf(told + n, sizeof told - n, "%s%d %s [%s] [%s]", n > 0 ? "\n" : "", (int)d->change,
		 d->path, d->before, d->after);
}

Test(schema_levels, differences_are_told_for_a_person)
{
	struct weir_schema *old = schema_of(RECORD(
		"R", FIELD("a", INT) "," FIELD("b", ENUM("E", AB)) "," FIELD(
			     "c", "[" NUL "," INT
				  "]") "," FIELD_DEFAULT("d", LONG, "1") "," FIELD("g", STRING)));
	struct weir_schema *next = schema_of(RECORD(
		"R",
		FIELD("a", LONG) "," FIELD("b", ENUM("E", "\"B\",\"C\"")) "," FIELD(
			"c",
			"[" NUL "," STRING
			"]") "," FIELD("d",
				       LONG) ","
					     "{\"name\":\"h\",\"type\":\"string\",\"aliases\":[\"g"
					     "\"]}," FIELD("i", ARRAY(INT))));

	told[0] = '\0';
	cr_expect_eq(weir_schema_diff(old, next, write_difference, NULL), 8, "%s", told);
	cr_expect_not_null(strstr(told, "2 /fields/3/default [default 1] [no default]"), "%s",
			   told);
	cr_expect_not_null(strstr(told, "1 /fields/4/name [g] [h]"), "%s", told);
	cr_expect_not_null(strstr(told, "3 /fields/5 [] [i: array, no default]"), "%s", told);
	cr_expect_not_null(strstr(told, "0 /fields/0/type [int] [long]"), "%s", told);
	cr_expect_not_null(strstr(told, "7 /fields/1/type/symbols [] [C]"), "%s", told);
	cr_expect_not_null(strstr(told, "8 /fields/1/type/symbols [A] []"), "%s", told);
	cr_expect_not_null(strstr(told, "5 /fields/2/type [] [string]"), "%s", told);
	cr_expect_not_null(strstr(told, "6 /fields/2/type [int] []"), "%s", told);
	told[0] = '\0';
	cr_expect_eq(weir_schema_diff(old, old, write_difference, NULL), 0);
	cr_expect_eq(weir_schema_diff(next, old, write_difference, NULL), 9, "%s", told);
	cr_expect_not_null(strstr(told, "4 /fields [i: array, no default] []"), "%s", told);
	weir_schema_free(old);
	weir_schema_free(next);
}
