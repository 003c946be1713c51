/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir schema` gives the right verdict, exit code and JSON, for a person and for a job;
 *         what is no schema is said with its file and place.
 * Method: files in a folder of their own; commands in a child process, judged by text and exit
 * code.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/pipeline.h>
#include <weir/schema.h>

#include "tests/support/capture.h"

#include "tools/weir/args.h"

static struct capture c;
static char folder[64];
static char command[128];

#define RUN(...) CAPTURE(&c, cmd_schema, "schema", __VA_ARGS__)

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	cr_assert_not_null(file);
	cr_assert_eq(fputs(text, file) >= 0, true);
	cr_assert_eq(fclose(file), 0);
}

#define ID "{\"name\":\"id\",\"type\":\"long\"}"
#define ORDER(more) "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[" ID more "]}"

static void setup(void)
{
	snprintf(folder, sizeof folder, "/tmp/weir-test-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(chdir(folder), 0);
	write_file("v1", ORDER(""));
	write_file("v2", ORDER(",{\"name\":\"note\",\"type\":\"string\",\"default\":\"\"}"));
	write_file("v3", ORDER(",{\"name\":\"note\",\"type\":\"string\"}"));
	write_file("broken", "{\"type\":\"record\",\n \"name\":\"Order\"}");
	write_file("int.json", "{\"type\":\"integer\"}");
	write_file("number.json", "{\"type\":\"number\",\"title\":\"n\"}");
	write_file("half", "0.5");
	write_file("int", "\"int\"");
	write_file("long", "\"long\"");
}

static void teardown(void)
{
	cr_expect_eq(chdir("/"), 0);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	cr_expect_eq(system(command), 0);
}

Test(schema_cli, versions_are_judged_by_a_level, .init = setup, .fini = teardown)
{
	RUN("check", "v1", "v2");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
	cr_expect_str_eq(c.out, "compatible: v2, BACKWARD, after 1 earlier version\n");
	RUN("check", "v1", "v2", "v3");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
	RUN("check", "v1", "v2", "v3", "--level", "backward_transitive", "--explain");
	cr_expect_eq(c.exit_code, CLI_EXIT_SCHEMA);
	cr_expect_str_eq(
		c.out,
		"NOT compatible: v3, BACKWARD_TRANSITIVE, after 2 earlier versions\n"
		"  READER_FIELD_MISSING_DEFAULT_VALUE /fields/1: note\n"
		"    reader: v3, writer: v1\n"
		"    why: the writer has no field \"note\", and the reader no default for it\n"
		"    fix: give field \"note\" a \"default\"; or, if it had another name, that "
		"name as an alias\n",
		"%s", c.out);
	RUN("check", "int", "long", "--level", "STRICT", "--json");
	cr_expect_eq(c.exit_code, CLI_EXIT_SCHEMA);
	cr_expect(capture_has(c.out, "\"compatible\": false"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"level\": \"STRICT\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"kind\": \"TYPE_CHANGED\""), "%s", c.out);
	RUN("check", "--level", "FULL", "int", "long", "--json");
	cr_expect(capture_has(c.out, "\"reader\": \"int\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"writer\": \"long\""), "%s", c.out);
	RUN("check", "v1");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
}

Test(schema_cli, a_pair_is_judged_by_itself, .init = setup, .fini = teardown)
{
	RUN("check", "--format", "avro", "--writer", "int", "--reader", "long", "--json");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
	cr_expect_str_eq(c.out, "{\n  \"compatible\": true,\n  \"issues\": []\n}\n");
	RUN("check", "--format", "avro", "--writer", "long", "--reader", "int", "--json");
	cr_expect_eq(c.exit_code, CLI_EXIT_SCHEMA);
	cr_expect(capture_has(c.out, "\"compatible\": false"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"path\": \"/\""), "%s", c.out);
	RUN("check", "--writer", "long", "--reader", "int");
	cr_expect(capture_has(c.out, "NOT compatible: int cannot read what long wrote\n"), "%s",
		  c.out);
}

Test(schema_cli, json_schemas_are_judged, .init = setup, .fini = teardown)
{
	RUN("check", "--format", "json", "int.json", "number.json");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
	RUN("check", "--format", "json", "--writer", "number.json", "--reader", "int.json",
	    "--json");
	cr_expect_eq(c.exit_code, CLI_EXIT_SCHEMA);
	cr_expect(capture_has(c.out, "\"kind\": \"TYPE_NARROWED\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"message\": \"integer, was number\""), "%s", c.out);
	RUN("check", "--format", "json", "int.json", "int");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_expect_str_eq(c.err, "weir: int: /: line 1, column 1: a schema is an object, true or "
				"false\n");
	RUN("diff", "--format", "json", "int.json", "number.json");
	cr_expect_str_eq(c.out, "~ /type type \"integer\" -> \"number\"\nnumber.json reads what "
				"int.json wrote; int.json cannot read what number.json writes\n");
	RUN("fingerprint", "--format", "json", "--canonical", "number.json");
	cr_expect_str_eq(c.out, "{\"type\":\"number\"}\n");
	RUN("validate", "--format", "json", "number.json", "half");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
	cr_expect_str_eq(c.out, "valid: half\n");
	RUN("validate", "--format", "json", "int.json", "half");
	cr_expect_eq(c.exit_code, CLI_EXIT_SCHEMA);
	cr_expect_str_eq(c.out, "NOT valid: half: /: byte 0: it is no integer (schema: /)\n");
	RUN("validate", "--format", "json", "--prefix", "--json", "int.json", "half");
	cr_expect_eq(c.exit_code, CLI_EXIT_SCHEMA);
	cr_expect(capture_has(c.out, "\"valid\": false"), "%s", c.out);
	FILE *large = fopen("large", "w");
	cr_assert_not_null(large);
	for (size_t i = 0; i <= WEIR_SCHEMA_TEXT_BYTES_MAX; i++)
		fputc(' ', large);
	fclose(large);
	RUN("validate", "--format", "json", "int.json", "large");
	cr_expect_str_eq(c.err, "weir: large: larger than 1 MiB (EFBIG)\n");
	cr_expect_eq(c.exit_code, (int)cli_exit_of(-EFBIG));
}

Test(schema_cli, what_cannot_be_judged_is_said, .init = setup, .fini = teardown)
{
	RUN("check", "v1", "broken");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_expect_str_eq(
		c.err,
		"weir: broken: /: line 1, column 1: a record has \"fields\", an array, which "
		"may be empty\n",
		"%s", c.err);
	RUN("check", "v1", ".");
	cr_expect(capture_has(c.err, "weir: .: is a directory"), "%s", c.err);
	RUN("check", "v1", "missing");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%d", c.exit_code);
	RUN("check");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("check", "--level", "SIDEWAYS", "v1", "v2");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("check", "--writer", "v1");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("check", "--writer", "v1", "--reader", "v2", "v3");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("chek");
	cr_expect(capture_has(c.err, "did you mean check?"), "%s", c.err);
}

Test(schema_cli, fingerprints_and_differences_are_printed, .init = setup, .fini = teardown)
{
	RUN("fingerprint", "int", "long");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
	cr_expect_str_eq(c.out, "7275d51a3f395c8f  int\nd054e14493f41db7  long\n", "%s", c.out);
	RUN("fingerprint", "--json", "int");
	cr_expect(capture_has(c.out, "\"crc_64_avro_bytes\": \"8f5c393f1ad57572\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"crc_64_avro_signed\": 8247732601305521295"), "%s", c.out);
	RUN("fingerprint", "--canonical", "v1");
	cr_expect_str_eq(c.out,
			 "{\"name\":\"Order\",\"type\":\"record\",\"fields\":[{\"name\":\"id\","
			 "\"type\":\"long\"}]}\n");
	RUN("diff", "v1", "v3");
	cr_expect_str_eq(c.out, "+ /fields/1 field note: string, no default\n"
				"v3 cannot read what v1 wrote; v1 reads what v3 writes\n");
	RUN("diff", "v2", "v3", "--json");
	cr_expect(capture_has(c.out, "\"change\": \"default\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"new_reads_old\": true"), "%s", c.out);
	RUN("diff", "v1", "v1");
	cr_expect(capture_has(c.out, "no difference\n"), "%s", c.out);
}

/* A journal with nothing but a topic. */
static void make_journal(const char *dir)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	weir_options_init(&options);
	options.dir = dir;
	options.chunk_bytes = 64 << 10;
	options.segment_bytes = 1 << 20;
	options.pool_bytes = 1 << 20;
	options.manual = true;
	cr_assert_eq(weir_open(&options, &pipeline, NULL), 0);
	cr_assert_eq(weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL), 0);
}

Test(schema_cli, a_registry_is_changed_listed_and_imported, .init = setup, .fini = teardown)
{
	static const char refers[] =
		"[{\"subject\":\"a\",\"version\":3,\"id\":70,"
		"\"schema\":\"{\\\"type\\\":\\\"fixed\\\","
		"\\\"name\\\":\\\"F\\\",\\\"size\\\":2}\"},\n"
		"{\"subject\":\"b\",\"version\":1,\"id\":71,\"schemaType\":\"AVRO\",\"more\":[1],"
		"\"references\":[{\"name\":\"F\",\"subject\":\"a\",\"version\":3}],"
		"\"schema\":\"{\\\"type\\\":\\\"array\\\",\\\"items\\\":\\\"F\\\"}\"}]";
	make_journal("j");
	RUN("register", "j", "orders", "v1");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	cr_expect_str_eq(c.out, "orders version 1 id 1\n");
	RUN("level", "j", "orders", "--set", "STRICT");
	cr_expect_str_eq(c.out, "STRICT\n");
	RUN("register", "j", "orders", "v3");
	cr_expect_eq(c.exit_code, CLI_EXIT_SCHEMA);
	cr_expect_not_null(strstr(c.out, "REQUIRED_FIELD_ADDED"), "%s", c.out);
	RUN("register", "j", "orders", "broken");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_expect_not_null(strstr(c.err, "line 1"), "%s", c.err);
	write_file("refers", refers);
	RUN("import", "j", "refers");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	RUN("ls", "j");
	cr_expect_not_null(strstr(c.out, "a version 3 id 70"), "%s", c.out);
	RUN("ls", "--json", "j", "b");
	cr_expect_not_null(strstr(c.out, "\"name\": \"F\""), "%s", c.out);
	/* What is listed is imported elsewhere, and listed the same. */
	RUN("ls", "--json", "j");
	write_file("listed", c.out);
	static char before[sizeof c.out];
	memcpy(before, c.out, sizeof before);
	make_journal("k");
	RUN("import", "k", "listed");
	RUN("ls", "--json", "k");
	cr_expect_str_eq(c.out, before);
	RUN("delete", "j", "a");
	cr_expect_neq(c.exit_code, CLI_EXIT_OK, "b refers to it");
	RUN("delete", "j", "b");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK);
	RUN("show", "j", "b");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	RUN("show", "j", "b", "--version", "1");
	cr_expect_str_eq(c.out, "{\"type\":\"array\",\"items\":\"F\"}\n");
	write_file("refers", "[{\"subject\":\"a\"}]");
	RUN("import", "j", "refers");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	write_file("refers", "[{\"subject\":");
	RUN("import", "j", "refers");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
}

Test(schema_cli, json_schemas_have_references_and_are_imported, .init = setup, .fini = teardown)
{
	static const char *const bad[] = {"x=money", "x=:1", "x=money:1a"};
	make_journal("j");
	write_file("money", "{\"$defs\": {\"amount\": {\"type\": \"integer\"}}}");
	write_file("order", "{\"properties\": {\"price\": {\"$ref\": \"urn:a=b#/$defs/amount\"}}, "
			    "\"additionalProperties\": false}");
	write_file("less", "{\"additionalProperties\": false}");
	RUN("register", "j", "money", "money", "--format", "json");
	cr_expect_str_eq(c.out, "money version 1 id 1\n", "%s", c.err);
	RUN("register", "j", "orders", "order", "--format", "json");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_expect_not_null(strstr(c.err, "/properties/price/$ref"), "%s", c.err);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		RUN("register", "j", "orders", "order", "--format", "json", "--reference", bad[i]);
		cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "%s", bad[i]);
		cr_expect_not_null(strstr(c.err, "NAME=SUBJECT:VERSION"), "%s: %s", bad[i], c.err);
	}
	RUN("register", "j", "orders", "order", "--format", "json", "--reference",
	    "urn:a=b=money:1");
	cr_expect_str_eq(c.out, "orders version 1 id 2\n", "%s", c.err);
	RUN("register", "j", "orders", "less", "--format", "json", "--dry-run");
	cr_expect_eq(c.exit_code, CLI_EXIT_SCHEMA);
	cr_expect_not_null(strstr(c.out, "PROPERTY_REMOVED_FROM_CLOSED"), "%s", c.out);
	RUN("register", "j", "avro", "v1");
	RUN("ls", "j");
	cr_expect_not_null(strstr(c.out, "orders version 1 id 2, 86 bytes, JSON\n"), "%s", c.out);
	RUN("ls", "j", "--format", "avro");
	cr_expect_null(strstr(c.out, "money"), "%s", c.out);
	cr_expect_not_null(strstr(c.out, "avro version 1"), "%s", c.out);
	RUN("ls", "--json", "j");
	cr_expect_not_null(strstr(c.out, "\"schemaType\": \"JSON\""), "%s", c.out);
	write_file("listed", c.out);
	static char before[sizeof c.out];
	memcpy(before, c.out, sizeof before);
	make_journal("k");
	RUN("import", "k", "listed");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	RUN("ls", "--json", "k");
	cr_expect_str_eq(c.out, before);
	write_file("proto",
		   "[{\"subject\":\"p\",\"version\":1,\"id\":9,\"schemaType\":\"PROTOBUF\","
		   "\"schema\":\"syntax\"}]");
	RUN("import", "k", "proto");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_expect_not_null(strstr(c.err, "PROTOBUF"), "%s", c.err);
}

/* As a registry lists it by the names of subjects: who refers stands before what it refers to. */
Test(schema_cli, an_import_is_whole_in_whatever_order_or_says_why, .init = setup, .fini = teardown)
{
#define F(subject, of)                                                                             \
	"{\"subject\":\"" subject "\",\"version\":1,\"id\":" of                                    \
	",\"schema\":\"{\\\"type\\\":\\\"fixed\\\",\\\"name\\\":\\\"F\\\",\\\"size\\\":2}\"}"
#define REFERS(subject, id, to)                                                                    \
	"{\"subject\":\"" subject "\",\"version\":1,\"id\":" id                                    \
	",\"references\":[{\"name\":\"F\",\"subject\":\"" to "\",\"version\":1}],"                 \
	"\"schema\":\"{\\\"type\\\":\\\"array\\\",\\\"items\\\":\\\"F\\\"}\"}"
	static const char *const refused[] = {
		"[1," F("x", "7, \"references\":[]") "]",
		"[" F("x", "7, \"references\":[]") ",[]]",
		"[{\"subject\":\"x\\u0000y\",\"version\":1,\"id\":7,\"schema\":\"\\\"int\\\"\"}]",
		"[" REFERS("x", "7", "y") "," REFERS("y", "8", "x") "]",
	};
	make_journal("j");
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		write_file("list", refused[i]);
		RUN("import", "j", "list");
		cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "%zu", i);
		cr_expect_neq(c.err[0], '\0', "%zu", i);
		RUN("ls", "j");
		cr_expect_str_eq(c.out, "", "%zu", i);
	}
	write_file("list", "[" REFERS("a", "3", "b") "," F("b", "2") "]");
	RUN("import", "j", "list");
	cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	cr_expect_str_eq(c.out, "b version 1 id 2\na version 1 id 3\n", "%s", c.out);
}
