/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas as texts that a table can hold, pairs that read, and what is told of one that does not.
 * For the tests of who reads whom.
 */
#ifndef WEIR_TESTS_SCHEMA_TEXTS_H
#define WEIR_TESTS_SCHEMA_TEXTS_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include <weir/schema.h>

#define BOOLEAN "\"boolean\""
#define NUL "\"null\""
#define INT "\"int\""
#define LONG "\"long\""
#define FLOAT "\"float\""
#define DOUBLE "\"double\""
#define STRING "\"string\""
#define BYTES "\"bytes\""
#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"
#define MAP(values) "{\"type\":\"map\",\"values\":" values "}"
#define ENUM(name, symbols) "{\"type\":\"enum\",\"name\":\"" name "\",\"symbols\":[" symbols "]}"
#define ENUM_DEFAULT(name, symbols, value)                                                         \
	"{\"type\":\"enum\",\"name\":\"" name "\",\"symbols\":[" symbols "],\"default\":\"" value  \
	"\"}"
#define FIXED(name, size) "{\"type\":\"fixed\",\"name\":\"" name "\",\"size\":" size "}"
#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define FIELD_DEFAULT(name, type, value)                                                           \
	"{\"name\":\"" name "\",\"type\":" type ",\"default\":" value "}"
#define AB "\"A\",\"B\""
#define ABC "\"A\",\"B\",\"C\""
#define INNER(space)                                                                               \
	"{\"type\":\"record\",\"name\":\"Inner\",\"namespace\":\"" space                           \
	"\",\"fields\":[" FIELD("a", INT) "]}"
#define LIST(type) RECORD("List", FIELD("head", type) "," FIELD("tail", "\"List\""))
#define OLD_FIELDS FIELD("oldField1", INT) "," FIELD("oldField2", STRING)

struct good_pair {
	const char *reader;
	const char *writer;
};

extern const struct good_pair good[];
extern const size_t good_count;

/* Each issue as "KIND path: message", a line each. */
extern char told[4096];

/* Of a schema that is one. */
struct weir_schema *schema_of(const char *text);
void tell(void *context, const struct weir_schema_issue *issue);

#endif
