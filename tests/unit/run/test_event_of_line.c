/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a line becomes the event that the config says: fields by path into key, headers, time and
 *         payload; what cannot be an event is bad, with the reason, and without bytes of the line.
 * Method: lines through the maker; what it made is compared field by field.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/real_data.h"
#include "tools/weir/run/event_of_line.h"

static struct weir_config_source source;
static struct run_event_maker maker;

static enum run_made make_n(const char *text, size_t bytes)
{
	/* Where the line ends, nothing may be read. */
	static char *copy;
	free(copy);
	copy = malloc(bytes + 1);
	cr_assert_not_null(copy);
	memcpy(copy, text, bytes);
	struct run_line line = {.at = copy, .length_bytes = bytes, .number = 7};
	return run_event_of_line(&maker, &line);
}

static enum run_made make(const char *text)
{
	return make_n(text, strlen(text));
}

static void begin(enum weir_config_line_format format)
{
	source = (struct weir_config_source){
		.name = "s", .from = WEIR_CONFIG_FROM_FILES, .format = format};
	maker = (struct run_event_maker){.source = &source, .event_bytes_max = 1000, .topic = 3};
}

static void expect_text(const void *at, size_t bytes, const char *text)
{
	cr_assert_eq(bytes, strlen(text), "%zu bytes, and not \"%s\"", bytes, text);
	cr_assert_arr_eq(at, text, bytes);
}

static void expect_header(size_t index, const char *name, const char *value)
{
	cr_assert_lt(index, maker.event.header_count);
	expect_text(maker.headers[index].name, maker.headers[index].name_bytes, name);
	expect_text(maker.headers[index].value, maker.headers[index].value_bytes, value);
}

static void expect_bad(const char *line, const char *why)
{
	cr_assert_eq(make(line), RUN_MADE_BAD, "%s", line);
	cr_assert(strstr(maker.why, why) != NULL, "\"%s\" is not in \"%s\"", why, maker.why);
	cr_assert(strstr(maker.why, "secret") == NULL, "%s", maker.why);
}

Test(event_of_line, a_plain_line_is_the_payload_byte_for_byte)
{
	begin(WEIR_CONFIG_FORMAT_LINES);
	cr_assert_eq(make_n("a\0b\r", 4), RUN_MADE_EVENT);
	cr_assert_eq(maker.event.topic, 3);
	cr_assert_eq(maker.event.payload_bytes, 4);
	cr_assert_arr_eq(maker.event.payload, "a\0b\r", 4);
	cr_assert_null(maker.event.key);
	cr_assert_eq(make(""), RUN_MADE_EVENT);
	cr_assert_eq(maker.event.payload_bytes, 0);
	cr_assert_not_null(maker.event.payload); // empty, and not none
	run_event_done(&maker);
}

Test(event_of_line, what_is_too_large_is_bad_before_it_is_published)
{
	struct run_line line = {.at = "xxxx", .length_bytes = 5000, .is_too_long = true};
	char text[1001];
	begin(WEIR_CONFIG_FORMAT_LINES);
	memset(text, 'x', sizeof text);
	cr_assert_eq(run_event_of_line(&maker, &line), RUN_MADE_BAD);
	cr_assert(strstr(maker.why, "5000 bytes: an event has at most 1000 here") != NULL);
	cr_assert_eq(make_n(text, 1000), RUN_MADE_BAD); // its head needs room, too
	cr_assert_eq(make_n(text, 900), RUN_MADE_EVENT);
	run_event_done(&maker);
}

Test(event_of_line, a_made_up_line_has_its_own_key)
{
	begin(WEIR_CONFIG_FORMAT_LINES);
	source.from = WEIR_CONFIG_FROM_GENERATE;
	source.generate_keys = 1;
	cr_assert_eq(make("{}"), RUN_MADE_EVENT);
	expect_text(maker.event.key, maker.event.key_bytes, "k-0");
	run_event_done(&maker);
}

static void begin_json(void)
{
	begin(WEIR_CONFIG_FORMAT_JSON);
}

Test(event_of_line, fields_are_found_by_path)
{
	static const struct weir_config_header headers[] = {
		{"trace", "trace"}, {"second", "items.1.id"}, {"all", "items"}, {"none", "x.y"}};
	begin_json();
	source.key = "user.id";
	source.type = "kind";
	source.headers = headers;
	source.header_count = 4;
	cr_assert_eq(make("{\"user\":{\"id\":17},\"kind\":\"a\\u0000b\",\"trace\":null,"
			  "\"items\":[{\"id\":true},{\"id\":1.5}],\"x\":3}"),
		     RUN_MADE_EVENT);
	expect_text(maker.event.key, maker.event.key_bytes, "17");
	cr_assert_eq(maker.event.header_count, 3);
	expect_text(maker.headers[0].name, maker.headers[0].name_bytes, "type");
	cr_assert_eq(maker.headers[0].value_bytes, 3);
	cr_assert_arr_eq(maker.headers[0].value, "a\0b", 3);
	expect_header(1, "second", "1.5");
	expect_header(2, "all", "[{\"id\":true},{\"id\":1.5}]");
	run_event_add_header(&maker, "weir-place", "1:2:3");
	expect_header(3, "weir-place", "1:2:3");
	run_event_done(&maker);
}

/* A double has 53 bits, an int64 63: both would make one key of two, or none of one. */
Test(event_of_line, a_number_keeps_its_digits)
{
	static const char *const numbers[] = {"1.10",
					      "1e3",
					      "-0",
					      "0.1",
					      "9007199254740993.0",
					      "18446744073709551615",
					      "123456789012345678901234567890",
					      "1e400"};
	char line[200];
	begin_json();
	source.key = "k";
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		(void)snprintf(line, sizeof line, "{\"other\": 1e999, \"k\" : %s }", numbers[i]);
		cr_assert_eq(make(line), RUN_MADE_EVENT, "%s: %s", line, maker.why);
		expect_text(maker.event.key, maker.event.key_bytes, numbers[i]);
	}
	run_event_done(&maker);
}

Test(event_of_line, of_members_with_one_name_the_last_counts)
{
	begin_json();
	source.key = "k";
	cr_assert_eq(make("{\"k\":1,\"\\u006b\":\"two\",\"x\":{\"k\":3}}"), RUN_MADE_EVENT);
	expect_text(maker.event.key, maker.event.key_bytes, "two");
	run_event_done(&maker);
}

Test(event_of_line, the_payload_is_the_line_or_a_field)
{
	begin_json();
	cr_assert_eq(make(" {\"a\": 1.10}\r"), RUN_MADE_EVENT);
	expect_text(maker.event.payload, maker.event.payload_bytes, " {\"a\": 1.10}");
	source.payload = "a";
	cr_assert_eq(make("{\"a\":\"text\"}"), RUN_MADE_EVENT);
	expect_text(maker.event.payload, maker.event.payload_bytes, "text");
	cr_assert_eq(make("{\"a\": {\"b\" : [1, 2] }}"), RUN_MADE_EVENT);
	expect_text(maker.event.payload, maker.event.payload_bytes, "{\"b\":[1,2]}");
	cr_assert_eq(make("{\"a\": \"\"}"), RUN_MADE_EVENT);
	cr_assert(maker.event.payload != NULL && maker.event.payload_bytes == 0);
	cr_assert_eq(make("{\"b\":1}"), RUN_MADE_EVENT);
	cr_assert_null(maker.event.payload); // none
	run_event_done(&maker);
}

Test(event_of_line, times_are_told_apart_by_their_size)
{
	begin_json();
	source.time = "t";
	const struct {
		const char *line;
		uint64_t us;
	} cases[] = {
		{"{\"t\":1769860800}", 1769860800000000},
		{"{\"t\":1769860800123}", 1769860800123000},
		{"{\"t\":1769860800123456}", 1769860800123456},
		{"{\"t\":1769860800123456789}", 1769860800123456},
		{"{\"t\":1769860800.25}", 1769860800250000},
		{"{\"t\":1769860800123.5}", 1769860800123500},
		{"{\"t\":1.769860800e9}", 1769860800000000},
		{"{\"t\":\"2026-01-31T12:00:00\\u005a\"}", 1769860800000000},
		{"{\"t\":\"2026-01-31T12:00:00Z\"}", 1769860800000000},
		{"{\"t\":\"2026-01-31T13:00:00.5+01:00\"}", 1769860800500000},
		{"{\"t\":0}", 0},
		{"{\"t\":null}", 0},
		{"{}", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		cr_assert_eq(make(cases[i].line), RUN_MADE_EVENT, "%s", cases[i].line);
		cr_assert_eq(maker.event.event_time_us, cases[i].us, "%s", cases[i].line);
	}
	expect_bad("{\"t\":\"secret\"}", "t is no time");
	expect_bad("{\"t\":-1}", "t is no time");
	expect_bad("{\"t\":[1]}", "t is no time");
	expect_bad("{\"t\":1e300}", "t is no time");
	expect_bad("{\"t\":18446744073709551615}", "t is no time");
	expect_bad("{\"t\":1000000000000000000000000000000}", "t is no time");
	expect_bad("{\"t\":true}", "t is no time");
	run_event_done(&maker);
}

Test(event_of_line, what_is_no_object_is_bad)
{
	begin_json();
	expect_bad("secret", "not JSON, at byte");
	expect_bad("{\"a\":\"secret\"", "not JSON");
	expect_bad("{\"a\":1} secret", "not JSON");
	expect_bad("[\"secret\"]", "a list, and not an object");
	expect_bad("7", "a single value, and not an object");
	expect_bad("{\"a\":\"\xff secret\"}", "not JSON");
	cr_assert_eq(make_n("{\"a\":\0}", 7), RUN_MADE_BAD);
	char deep[6001];
	memset(deep, '[', sizeof deep - 1);
	memcpy(deep, "{\"a\":", 5);
	deep[sizeof deep - 1] = '\0';
	maker.event_bytes_max = 10000;
	expect_bad(deep, "not JSON");
	run_event_done(&maker);
}

Test(event_of_line, blank_lines_between_json_are_nothing)
{
	begin_json();
	cr_assert_eq(make(""), RUN_MADE_NOTHING);
	cr_assert_eq(make(" \t\r"), RUN_MADE_NOTHING);
	cr_assert_eq(make_n("\0", 1), RUN_MADE_BAD);
	run_event_done(&maker);
}

Test(event_of_line, a_field_that_is_missing_is_left_out_or_bad)
{
	begin_json();
	source.key = "k";
	cr_assert_eq(make("{\"k\":\"\"}"), RUN_MADE_EVENT);
	cr_assert_null(maker.event.key); // there are no empty keys
	cr_assert_eq(make("{}"), RUN_MADE_EVENT);
	cr_assert_null(maker.event.key);
	expect_bad("{\"k\":{\"secret\":1}}", "k is an object or a list");
	source.missing_is_bad = true;
	expect_bad("{}", "k is not there");
	expect_bad("{\"k\":null}", "k is not there");
	expect_bad("{\"k\":\"\"}", "k is empty");
	source.key = NULL;
	source.payload = "p.q";
	expect_bad("{\"p\":1}", "p.q is not there");
	source.payload = NULL;
	source.time = "t";
	expect_bad("{}", "t is not there");
	run_event_done(&maker);
}

Test(event_of_line, every_line_of_real_events_becomes_one)
{
	char path[TEST_PATH_BYTES];
	char *line = NULL;
	size_t room = 0;
	uint32_t count = 0;
	static const struct weir_config_header headers[] = {{"repo", "repo.name"}};
	begin_json();
	if (!real_data_find("github-events/events.jsonl", path))
		cr_skip_test("the data is not here");
	maker.event_bytes_max = 100000;
	source.key = "actor.id";
	source.type = "type";
	source.time = "created_at";
	source.headers = headers;
	source.header_count = 1;
	source.missing_is_bad = true;
	FILE *file = fopen(path, "r");
	cr_assert_not_null(file);
	for (ssize_t n = getline(&line, &room, file); n > 0; n = getline(&line, &room, file)) {
		size_t bytes = (size_t)n - (line[n - 1] == '\n' ? 1 : 0);
		cr_assert_eq(make_n(line, bytes), RUN_MADE_EVENT, "%s", maker.why);
		count++;
		cr_assert_gt(maker.event.key_bytes, 0);
		cr_assert_eq(maker.event.header_count, 2);
		/* All of them are of eight minutes. */
		cr_assert(maker.event.event_time_us >= UINT64_C(1420074000000000) &&
			  maker.event.event_time_us < UINT64_C(1420074480000000));
		cr_assert_eq(maker.event.payload_bytes, bytes);
	}
	fclose(file);
	free(line);
	cr_assert_eq(count, 1000);
	run_event_done(&maker);
}

Test(event_of_line, ids_come_from_fields_and_may_be_absent)
{
	begin_json();
	source.event_id = "id";
	source.correlation_id = "flow.id";
	source.causation_id = "why";
	source.traceparent = "tp";
	source.tracestate = "ts";
	cr_assert_eq(
		make("{\"id\":17,\"flow\":{\"id\":\"a\\u0062\"},\"why\":null,\"tp\":\"00-x\"}"),
		RUN_MADE_EVENT);
	const struct weir_ids *ids = maker.event.ids;
	cr_assert_not_null(ids);
	expect_text(ids->event_id, ids->event_id_bytes, "17");
	expect_text(ids->correlation_id, ids->correlation_id_bytes, "ab");
	expect_text(ids->traceparent, ids->traceparent_bytes, "00-x");
	cr_assert_eq(ids->causation_id_bytes, 0);
	cr_assert_eq(ids->tracestate_bytes, 0);
	expect_bad("{\"id\":[1],\"a\":\"secret\"}", "id is an object or a list");
	source.missing_is_bad = true;
	expect_bad("{\"id\":1}", "flow.id is not there");
	/* Every text of a line made anew at once: there is room for all of them. */
	source.missing_is_bad = false;
	source.correlation_id = source.causation_id = source.traceparent = source.tracestate = "id";
	source.key = source.payload = source.type = "id";
	cr_assert_eq(make("{\"id\":\"\\u0061\"}"), RUN_MADE_EVENT);
	expect_text(ids->tracestate, ids->tracestate_bytes, "a");
	run_event_done(&maker);
}
