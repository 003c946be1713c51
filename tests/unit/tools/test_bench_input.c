/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a recorded stream has the keys and headers that its lines say, each line its own, and
 *         keeps them as long as it is there.
 * Method: a file is loaded, and what came of each line is compared.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/bench_input.h"

static char path[32];
static struct bench_input input;

static void put(const char *text)
{
	memcpy(path, "/tmp/weir-input-XXXXXX", 23);
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(close(fd), 0);
}

static void tear_down(void)
{
	bench_input_free(&input);
	unlink(path);
}

static void expect_header(const struct pipeline_line *line, uint32_t index, const char *name,
			  const char *value)
{
	const struct weir_header *header = &line->headers[index];
	cr_assert_lt(index, line->header_count);
	cr_assert_eq(header->name_bytes, strlen(name));
	cr_assert_arr_eq(header->name, name, strlen(name));
	cr_assert_eq(header->value_bytes, strlen(value));
	cr_assert_arr_eq(header->value, value, strlen(value));
}

TestSuite(bench_input, .fini = tear_down);

Test(bench_input, each_line_has_its_own_key_and_headers)
{
	const struct bench_fields fields = {"k.id", "t", "all=k,one=k.id"};
	put("{\"k\": {\"id\": 1.10}, \"t\": \"a\\n\"}\r\n\n"
	    "{\"k\": {}}\n{\"k\": {\"id\": \"\\u0078\"}}");
	cr_assert_eq(bench_input_load(path, &fields, &input), 0, "%s", input.why);
	cr_assert_eq(input.input.line_count, 3);
	cr_assert_str_eq(input.input.key_field, "k.id");
	const struct pipeline_line *lines = input.input.lines;
	cr_assert_eq(lines[0].key_bytes, 4);
	cr_assert_arr_eq(lines[0].key, "1.10", 4);
	cr_assert_eq(lines[0].header_count, 3);
	expect_header(&lines[0], 0, "type", "a\n");
	expect_header(&lines[0], 1, "all", "{\"id\":1.10}");
	expect_header(&lines[0], 2, "one", "1.10");
	cr_assert_null(lines[1].key);
	cr_assert_eq(lines[1].header_count, 1);
	expect_header(&lines[1], 0, "all", "{}");
	cr_assert_eq(lines[2].key_bytes, 1);
	cr_assert_arr_eq(lines[2].key, "x", 1);
	/* The payload stays the line. */
	cr_assert_eq(lines[2].count, strlen("{\"k\": {\"id\": \"\\u0078\"}}"));
}

Test(bench_input, without_fields_a_line_may_be_anything)
{
	const struct bench_fields fields = {0};
	put("no json\n");
	cr_assert_eq(bench_input_load(path, &fields, &input), 0);
	cr_assert_eq(input.input.line_count, 1);
	cr_assert(input.input.key_field == NULL && input.input.lines[0].key == NULL &&
		  input.input.lines[0].header_count == 0);
}

Test(bench_input, what_is_no_object_is_told_with_its_line)
{
	const struct bench_fields fields = {.type = "t"};
	put("{\"t\": 1}\n\n7\n");
	cr_assert_eq(bench_input_load(path, &fields, &input), -EBADMSG);
	cr_assert_str_eq(input.why, "line 3: a single value, and not an object");
}

Test(bench_input, more_headers_than_an_event_of_the_bench_has_are_refused)
{
	char list[200] = "";
	for (uint32_t i = 0; i < PIPELINE_LINE_HEADERS_MAX; i++)
		(void)snprintf(list + strlen(list), sizeof list - strlen(list), "h%u=f,", i);
	const struct bench_fields fields = {.headers = list};
	put("{}\n");
	cr_assert_eq(bench_input_load(path, &fields, &input), -EINVAL);
	cr_assert(strstr(input.why, "more than 15 of them") != NULL, "%s", input.why);
}
