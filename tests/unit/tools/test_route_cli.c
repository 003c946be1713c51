/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir route test` answers as its help says: one event or lines, text or JSON, with
 *         reasons, and its exit code tells an answer from a mistake.
 * Method: the command in a child process, judged by text and exit code.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/capture.h"
#include "tools/weir/args.h"

static struct capture c;

#define ROUTE(...) CAPTURE(&c, cmd_route, "route", __VA_ARGS__)

/* What the next command has for standard input. */
static void feed(const char *text)
{
	char name[] = "/tmp/weir-route-XXXXXX";
	int file = mkstemp(name);
	cr_assert(file >= 0);
	unlink(name);
	cr_assert_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(lseek(file, 0, SEEK_SET), 0);
	cr_assert_eq(dup2(file, STDIN_FILENO), STDIN_FILENO);
	close(file);
}

Test(route_cli, one_event_as_json)
{
	ROUTE("test", "--kind", "eventbridge", "--pattern", "{\"a\":[\"x\"]}", "--event",
	      "{\"a\":\"x\"}", "--json");
	cr_assert_eq(c.exit_code, 0);
	cr_assert_str_eq(c.out, "{\"match\":true}\n");
	ROUTE("test", "--pattern", "{\"a\":[\"x\"]}", "--event", "{\"a\":\"y\"}", "--json");
	cr_assert_eq(c.exit_code, 0);
	cr_assert_str_eq(c.out, "{\"match\":false}\n");
	ROUTE("test", "{\"a\":[\"x\"]}", "--event", "{\"a\":\"y\"}", "--exit-status");
	cr_assert_eq(c.exit_code, 1);
	cr_assert_str_eq(c.out, "no match\n");
}

Test(route_cli, keys_may_be_empty)
{
	ROUTE("test", "--kind", "topic", "--pattern", "", "--event", "", "--json");
	cr_assert_str_eq(c.out, "{\"match\":true}\n");
	ROUTE("test", "--kind", "topic", "--pattern", "*", "--event", "", "--json");
	cr_assert_str_eq(c.out, "{\"match\":false}\n");
	ROUTE("test", "--kind", "direct", "--pattern", "@a", "--event", "@a", "--json");
	cr_assert_str_eq(c.out, "{\"match\":true}\n");
	ROUTE("test", "--kind", "fanout", "--event", "x", "--json");
	cr_assert_str_eq(c.out, "{\"match\":true}\n");
}

Test(route_cli, headers_and_attributes_are_objects)
{
	ROUTE("test", "--kind", "headers", "--pattern", "{\"x-match\":\"any\",\"a\":1,\"b\":null}",
	      "--event", "{\"a\":1.0,\"b\":[]}", "--json");
	cr_assert_str_eq(c.out, "{\"match\":true}\n");
	ROUTE("test", "--kind", "headers", "--pattern", "{\"a\":1}", "--event", "{\"a\":1.0}",
	      "--json");
	cr_assert_str_eq(c.out, "{\"match\":false}\n");
	static const char policy[] = "{\"n\":[{\"numeric\":[\">\",0,\"<=\",100]}],"
				     "\"t\":[\"b\"],\"s\":[{\"exists\":false}]}";
	ROUTE("test", "--kind", "sns", "--pattern", policy, "--event",
	      "{\"n\":{\"Type\":\"Number\",\"Value\":\"99\"},"
	      "\"t\":{\"DataType\":\"String.Array\",\"StringValue\":\"[\\\"a\\\",\\\"b\\\"]\"},"
	      "\"s\":{\"Type\":\"Binary\",\"Value\":\"AA==\"}}",
	      "--json");
	cr_assert_str_eq(c.out, "{\"match\":true}\n");
	ROUTE("test", "--kind", "sns", "--pattern", policy, "--event", "{\"n\":99,\"t\":[\"a\"]}",
	      "--json");
	cr_assert_str_eq(c.out, "{\"match\":false}\n");
	ROUTE("test", "--kind", "sns", "--scope", "body", "--pattern", policy, "--event", "text",
	      "--json");
	cr_assert_str_eq(c.out, "{\"match\":false}\n");
	ROUTE("test", "--kind", "sns", "--pattern", policy, "--event",
	      "{\"n\":{\"Type\":\"Number\",\"Value\":\"x\"}}", "--json");
	cr_assert_eq(c.exit_code, 2);
}

Test(route_cli, eventbridge_looks_at_headers_too)
{
	static const char pattern[] =
		"{\"a\":{\"b\":[{\"wildcard\":\"x*z\"}]},\"n\":[{\"numeric\":[\"<\",5]},null],"
		"\"$or\":[{\"r\":[\"1\"]},{\"s\":[{\"prefix\":{\"equals-ignore-case\":\"q\"}}]}]}";
	ROUTE("test", "--kind", "eventbridge-headers", "--pattern", pattern, "--event",
	      "{\"a.b\":\"xyz\",\"n\":4,\"s\":\"Q1\"}", "--json");
	cr_assert_str_eq(c.out, "{\"match\":true}\n");
	ROUTE("test", "--kind", "eventbridge-headers", "--pattern", pattern, "--event",
	      "{\"a.b\":\"xyz\",\"n\":\"4\",\"s\":\"Q1\"}", "--json");
	cr_assert_str_eq(c.out, "{\"match\":false}\n");
	ROUTE("test", "--kind", "eventbridge-headers", "--pattern", "{}", "--event", "{}");
	cr_assert_eq(c.exit_code, 2, "what AWS refuses of patterns it refuses of these");
}

Test(route_cli, mistakes_are_told_with_exit_code_2)
{
	ROUTE("test", "--pattern", "{\"a\":[{\"prefix\":5}]}", "--event", "{}", "--json");
	cr_assert_eq(c.exit_code, 2);
	cr_assert(capture_has(c.out, "\"path\":\"a[0].prefix\""), "%s", c.out);
	cr_assert(capture_has(c.err, "prefix takes one string, not a number"), "%s", c.err);
	ROUTE("test", "--pattern", "{\"a\":[1]}", "--event", "[1]");
	cr_assert_eq(c.exit_code, 2);
	cr_assert(capture_has(c.err, "not a JSON object"), "%s", c.err);
	ROUTE("test", "--kind", "headers", "--pattern", "{\"x-match\":\"most\"}", "--event", "{}");
	cr_assert_eq(c.exit_code, 2);
	ROUTE("test", "--event", "{}");
	cr_assert_eq(c.exit_code, 2);
	ROUTE("nothing");
	cr_assert_eq(c.exit_code, 2);
	ROUTE("test", "@/nowhere/at-all", "--event", "{}");
	cr_assert_eq(c.exit_code, 4);
}

Test(route_cli, reasons_name_the_field_and_the_place)
{
	ROUTE("test", "{\"d\":{\"s\":[\"on\"],\"n\":[{\"numeric\":[\">\",5]}]}}", "--event",
	      "{\"d\":{\"s\":\"off\",\"n\":7}}", "--explain");
	cr_assert_eq(c.exit_code, 0);
	cr_assert(capture_has(c.out, "  no   d.s: wants [\"on\"]; no value is wanted: \"off\" "
				     "(byte 11)"),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "  yes  d.n: wants "), "%s", c.out);
	ROUTE("test", "{\"d\":{\"a\":[1],\"b\":[2]}}", "--event", "{\"d\":[{\"a\":1},{\"b\":2}]}",
	      "--explain", "--json");
	cr_assert(capture_has(c.out, "{\"match\":false,\"fields\":[{\"alternative\":1,\"path\":"
				     "\"d.a\",\"verdict\":\"apart\""),
		  "%s", c.out);
}

Test(route_cli, lines_that_match_are_printed)
{
	feed("{\"a\":1}\n{\"a\":2}\nnonsense\n{\"a\":1,\"b\":2}");
	ROUTE("test", "{\"a\":[1]}");
	cr_assert_eq(c.exit_code, 1);
	cr_assert_str_eq(c.out, "{\"a\":1}\n{\"a\":1,\"b\":2}\n");
	cr_assert(capture_has(c.err, "2 of 4 events match"), "%s", c.err);
	cr_assert(capture_has(c.err, "line 3: "), "%s", c.err);
	feed("a.b\nb\n");
	ROUTE("test", "--kind", "topic", "--json", "a.#");
	cr_assert_eq(c.exit_code, 0);
	cr_assert_str_eq(c.out, "{\"match\":true}\n{\"match\":false}\n");
}

Test(route_cli, a_pattern_may_be_a_file)
{
	char name[] = "/tmp/weir-pattern-XXXXXX", at_name[64];
	int file = mkstemp(name);
	cr_assert(file >= 0);
	cr_assert_eq(write(file, "{\"a\": [1]}\n", 11), 11);
	close(file);
	snprintf(at_name, sizeof at_name, "@%s", name);
	ROUTE("test", at_name, "--event", "{\"a\":1}", "--json");
	unlink(name);
	cr_assert_str_eq(c.out, "{\"match\":true}\n");
}

Test(route_cli, a_bench_says_how_many_events_a_second)
{
	char name[] = "/tmp/weir-events-XXXXXX";
	static const char events[] =
		"{\"a\":\"some text\",\"b\":{\"c\":17}}\n{\"a\":\"\\u00e4\"}\n";
	int file = mkstemp(name);
	cr_assert(file >= 0);
	cr_assert_eq(write(file, events, sizeof events - 1), (ssize_t)sizeof events - 1);
	close(file);
	ROUTE("bench", "--rules", "50", "--seconds", "1ms", "--events", name, "--json");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "\"events_per_s\":"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"rules\": 50") && capture_has(c.out, "\"matches\":"), "%s",
		  c.out);
	ROUTE("bench", "--rules", "50", "--seconds", "1ms", "--events", name);
	cr_assert(capture_has(c.out, "events a second"), "%s", c.out);
	unlink(name);
	ROUTE("bench", "--events", name);
	cr_assert_eq(c.exit_code, 4);
	ROUTE("bench");
	cr_assert_eq(c.exit_code, 2);
}

Test(route_cli, a_transformer_prints_what_it_makes)
{
	static const char t[] = "{\"InputPathsMap\":{\"a\":\"$.a\"},\"InputTemplate\":\"[ <a> ]\"}";
	ROUTE("test", "--transform", t, "--event", "{\"a\":{\"b\": 1}}");
	cr_assert_eq(c.exit_code, 0);
	cr_assert_str_eq(c.out, "[{\"b\":1}]\n");
	ROUTE("test", "{\"a\":[\"x\"]}", "--transform", t, "--event", "{\"a\":\"x\"}", "--json");
	cr_assert_str_eq(c.out, "{\"match\":true,\"output\":\"[\\\"x\\\"]\"}\n");
	ROUTE("test", "{\"a\":[\"x\"]}", "--transform", t, "--event", "{\"a\":\"y\"}", "--json");
	cr_assert_str_eq(c.out, "{\"match\":false}\n");
	ROUTE("test", "--transform", t, "--event", "no JSON");
	cr_assert_eq(c.exit_code, 2);
	ROUTE("test", "--transform", "{\"InputTemplate\":\"<a>\"}", "--event", "{}", "--json");
	cr_assert_eq(c.exit_code, 2);
	cr_assert_not_null(strstr(c.out, "\"path\":\"InputTemplate\""));
	ROUTE("test", "--kind", "topic", "a.#", "--transform", "{\"InputTemplate\":\"<weir.key>\"}",
	      "--event", "a.b");
	cr_assert_str_eq(c.out, "\"a.b\"\n");
	feed("{\"a\":\"x\"}\n{\"a\":\"y\"}\nno JSON\n");
	ROUTE("test", "--transform", t);
	cr_assert_eq(c.exit_code, 1);
	cr_assert_str_eq(c.out, "[\"x\"]\n[\"y\"]\n");
	ROUTE("test");
	cr_assert_eq(c.exit_code, 2);
}
