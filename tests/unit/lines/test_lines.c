/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a line is whole text or whole JSON whatever is in it and however little room there is; of
 * each event as many go out as its rate allows, and what does not is counted and told; the table of
 * events is in order, and docs/reference/events.md is made from it.
 *
 * Method: tables of texts and of times. JSON is read back by weir's own reader. The page is made
 * anew and compared; WEIR_TEST_WRITE=1 writes it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/json/json_read.h"
#include "core/json/utf8.h"
#include "core/lines/lines.h"
#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define SECOND_NS UINT64_C(1000000000)
#define AT_NS (UINT64_C(1769860800) * SECOND_NS + 123456789) /* 2026-01-31T12:00:00.123Z */

/* ---- formats ---- */

static const struct {
	const char *name;
	const char *message;
	const char *as_text; /* of the message */
	const char *as_json;
} texts[] = {
	{"plain", "room runs low", "room runs low", "room runs low"},
	{"empty", "", "", ""},
	{"quotes", "a \"b\" \\ c", "a \"b\" \\ c", "a \\\"b\\\" \\\\ c"},
	{"a line feed begins no line", "a\nb", "a\\x0ab", "a\\nb"},
	{"every short escape", "\b\f\r\t", "\\x08\\x0c\\x0d\\x09", "\\b\\f\\r\\t"},
	{"controls", "\x01\x1b[2J\x7f", "\\x01\\x1b[2J\\x7f", "\\u0001\\u001b[2J\\u007f"},
	{"controls of 8 bits",
	 "\xc2\x9b"
	 "2J",
	 "\\xc2\\x9b2J", "\\u009b2J"},
	{"UTF-8 stays", "\xc3\xbc \xe2\x82\xac \xf0\x9f\x8c\x8a",
	 "\xc3\xbc \xe2\x82\xac \xf0\x9f\x8c\x8a", "\xc3\xbc \xe2\x82\xac \xf0\x9f\x8c\x8a"},
	{"no UTF-8", "a\xff\xc3", "a\\xff\\xc3", "a\\ufffd\\ufffd"},
	{"overlong", "\xc0\x80", "\\xc0\\x80", "\\ufffd\\ufffd"},
	{"a surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd"},
	{"who turns the direction",
	 "a\xe2\x80\xae"
	 "b",
	 "a\\xe2\\x80\\xaeb",
	 "a\xe2\x80\xae"
	 "b"},
	{"a line separator",
	 "a\xe2\x80\xa8"
	 "b",
	 "a\\xe2\\x80\\xa8b",
	 "a\xe2\x80\xa8"
	 "b"},
};

static struct weir_log_line line_of(const char *message)
{
	return (struct weir_log_line){.level = WEIR_LOG_WARNING,
				      .event = "journal.space_low",
				      .message = message,
				      .time_ns = AT_NS,
				      .pipeline = "orders"};
}

static const char *format(enum weir_log_format as, const struct weir_log_line *line, size_t room)
{
	static char text[8192];
	size_t bytes = weir_log_format(as, line, text, room);
	cr_assert(bytes > 0 && bytes <= room && bytes < sizeof text, "%zu of %zu", bytes, room);
	cr_expect_eq(text[bytes - 1], '\n');
	text[bytes] = '\0';
	cr_expect_eq((size_t)(strchr(text, '\n') - text), bytes - 1, "one line: %s", text);
	return text;
}

Test(lines, a_message_of_any_bytes_is_one_line)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(texts); i++) {
		char expected[512];
		const struct weir_log_line line = line_of(texts[i].message);
		(void)snprintf(expected, sizeof expected,
			       "2026-01-31T12:00:00.123Z warning journal.space_low orders: %s\n",
			       texts[i].as_text);
		cr_expect_str_eq(format(WEIR_LOG_AS_TEXT, &line, 4096), expected, "%s",
				 texts[i].name);
		(void)snprintf(expected, sizeof expected,
			       "{\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"warning\","
			       "\"event\":\"journal.space_low\",\"pipeline\":\"orders\","
			       "\"message\":\"%s\",\"fields\":{}}\n",
			       texts[i].as_json);
		cr_expect_str_eq(format(WEIR_LOG_AS_JSON, &line, 4096), expected, "%s",
				 texts[i].name);
	}
}

Test(lines, fields_have_their_types_and_what_was_held_back_is_told)
{
	struct weir_log_line line = line_of("m");
	const struct weir_log_field fields[] = {
		wr_field_u64("bytes", UINT64_MAX), wr_field_code(-28),
		wr_field_bool("b", true),          wr_field_text("t", "x\"\xff"),
		wr_field_text("none", NULL),       {.key = "later"},
	};
	line.fields = fields;
	line.field_count = WR_ARRAY_COUNT(fields);
	line.suppressed_count = 7;
	line.pipeline = NULL;
	cr_expect_str_eq(format(WEIR_LOG_AS_JSON, &line, 4096),
			 "{\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"warning\","
			 "\"event\":\"journal.space_low\",\"message\":\"m\",\"suppressed\":7,"
			 "\"fields\":{\"bytes\":18446744073709551615,\"code\":-28,\"b\":true,"
			 "\"t\":\"x\\\"\\ufffd\",\"none\":null,\"later\":null}}\n");
	cr_expect_str_eq(format(WEIR_LOG_AS_TEXT, &line, 4096),
			 "2026-01-31T12:00:00.123Z warning journal.space_low m "
			 "(7 more before it were held back)\n");
}

static const struct {
	uint64_t time_s;
	const char *text;
} times[] = {
	{0, "1970-01-01T00:00:00"},           {68169599, "1972-02-28T23:59:59"},
	{68169600, "1972-02-29T00:00:00"},    {951782400, "2000-02-29T00:00:00"},
	{951868800, "2000-03-01T00:00:00"},   {4107542399, "2100-02-28T23:59:59"},
	{4107542400, "2100-03-01T00:00:00"},  {1735689599, "2024-12-31T23:59:59"},
	{18446744073, "2554-07-21T23:34:33"},
};

Test(lines, times_are_those_of_the_calendar)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(times); i++) {
		struct weir_log_line line = line_of("m");
		line.time_ns = times[i].time_s * SECOND_NS;
		const char *text = format(WEIR_LOG_AS_TEXT, &line, 4096);
		cr_expect_eq(strncmp(text, times[i].text, strlen(times[i].text)), 0, "%s: %s",
			     times[i].text, text);
	}
}

/* Every token of it, to the end. */
static void check_json(const char *text, size_t bytes)
{
	struct wr_json json;
	wr_json_init(&json, text, bytes - 1, WR_JSON_DEPTH_MAX);
	while (wr_json_next(&json) != WR_JSON_BAD && json.token != WR_JSON_END)
		;
	cr_expect_eq(json.token, WR_JSON_END, "%s at %zu of %.*s", wr_json_error_text(json.error),
		     json.error_at, (int)bytes, text);
	cr_expect_eq(wr_utf8_good_bytes(text, bytes), bytes);
}

Test(lines, a_line_that_does_not_fit_is_cut_and_stays_whole)
{
	char long_text[6000], hostile[600], room[8192];
	struct weir_log_field fields[12];
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	memset(hostile, 1, sizeof hostile - 1);
	hostile[sizeof hostile - 1] = '\0';
	const char *const values[] = {
		long_text, hostile, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"};
	for (size_t v = 0; v < WR_ARRAY_COUNT(values); v++)
		for (size_t bytes = WEIR_LOG_LINE_BYTES_MIN; bytes < 8000; bytes += 37) {
			struct weir_log_line line = line_of(values[v]);
			line.pipeline = line.event = values[v];
			for (size_t i = 0; i < WR_ARRAY_COUNT(fields); i++)
				fields[i] = wr_field_text(v == 1 ? hostile : "key", values[v]);
			line.fields = fields;
			line.field_count = WR_ARRAY_COUNT(fields);
			line.suppressed_count = UINT64_MAX;
			room[bytes] = 'Z';
			size_t n = weir_log_format(WEIR_LOG_AS_JSON, &line, room, bytes);
			cr_assert(n > 0 && n <= bytes, "%zu: %zu", bytes, n);
			check_json(room, n);
			n = weir_log_format(WEIR_LOG_AS_TEXT, &line, room, bytes);
			cr_assert(n > 0 && n <= bytes, "%zu: %zu", bytes, n);
			cr_expect_eq(room[bytes], 'Z', "nothing behind the room is touched");
		}
	struct weir_log_line line = line_of(long_text);
	(void)weir_log_format(WEIR_LOG_AS_JSON, &line, room, 2000);
	room[2000] = '\0';
	cr_expect_not_null(strstr(room, "\"cut\":true"));
	cr_expect_eq(weir_log_format(WEIR_LOG_AS_JSON, &line, room, WEIR_LOG_LINE_BYTES_MIN - 1),
		     0);
	cr_expect_eq(weir_log_format((enum weir_log_format)3, &line, room, sizeof room), 0);
}

/* ---- rates ---- */

static struct heard {
	char event[64];
	char message[128];
	enum weir_log_level level;
	uint64_t suppressed;
	uint32_t count;
} heard;

static void hear(void *context, const struct weir_log_line *line)
{
	struct heard *h = context;
	h->count++;
	h->level = line->level;
	h->suppressed = line->suppressed_count;
	(void)snprintf(h->event, sizeof h->event, "%s", line->event);
	(void)snprintf(h->message, sizeof h->message, "%s", line->message);
}

static struct wr_line_time at_ms(uint64_t ms)
{
	return (struct wr_line_time){.mono_ns = SECOND_NS + ms * 1000000, .wall_ns = AT_NS};
}

/* One line at each time; what has gone out by then, and what it tells of lines before it. */
static const struct {
	uint64_t ms;
	uint32_t count;
	uint64_t suppressed;
} rates[] = {
	{0, 1, 0},    {0, 2, 0},    {1, 3, 0},    {2, 3, 0},    {500, 4, 1},
	{501, 4, 0},  {999, 4, 0},  {1000, 5, 2}, {9000, 6, 0}, {9000, 7, 0},
	{9000, 8, 0}, {9000, 8, 0}, {9499, 8, 0}, {9500, 9, 2}, {99000, 10, 0},
};

Test(lines, a_burst_goes_out_then_a_rate_and_the_rest_is_counted)
{
	struct wr_speaker s;
	const struct weir_log_limits limits = {.level = WEIR_LOG_INFO, .burst = 3, .rate_per_s = 2};
	wr_speaker_init(&s, hear, &heard, "p", &limits);
	for (size_t i = 0; i < WR_ARRAY_COUNT(rates); i++) {
		heard.suppressed = 0;
		uint32_t before = heard.count;
		wr_speaker_say(&s, at_ms(rates[i].ms), WR_EVENT_JOURNAL_SPACE_LOW, WR_NO_FIELDS,
			       "m");
		cr_expect_eq(heard.count, rates[i].count, "line %zu: %u", i, heard.count);
		if (heard.count != before)
			cr_expect_eq(heard.suppressed, rates[i].suppressed, "line %zu: %llu", i,
				     (unsigned long long)heard.suppressed);
	}
}

Test(lines, what_no_line_follows_is_told_by_itself)
{
	struct wr_speaker s;
	const struct weir_log_limits limits = {.level = WEIR_LOG_INFO, .burst = 1, .rate_per_s = 1};
	wr_speaker_init(&s, hear, &heard, "p", &limits);
	for (unsigned i = 0; i < 5; i++)
		wr_speaker_say(&s, at_ms(0), WR_EVENT_JOURNAL_FAILED, WR_NO_FIELDS, "m");
	cr_expect(heard.count == 1 && wr_speaker_holds_back(&s));
	wr_speaker_say(&s, at_ms(0), WR_EVENT_JOURNAL_SPACE_LOW, WR_NO_FIELDS, "m");
	cr_expect_eq(heard.count, 2, "each event has a rate of its own");
	wr_speaker_tell_suppressed(&s, at_ms(999), false);
	cr_expect_eq(heard.count, 2, "not before its bucket has room");
	wr_speaker_tell_suppressed(&s, at_ms(1000), false);
	cr_expect_eq(heard.count, 3);
	cr_expect_str_eq(heard.event, "log.suppressed");
	cr_expect_str_eq(heard.message, "4 lines of journal.failed were held back");
	cr_expect_eq(heard.level, WEIR_LOG_ERROR, "as bad as what it tells of");
	cr_expect_not(wr_speaker_holds_back(&s));
	wr_speaker_tell_suppressed(&s, at_ms(9000), true);
	cr_expect_eq(heard.count, 3, "once");
	for (unsigned i = 0; i < 3; i++)
		wr_speaker_say(&s, at_ms(9000), WR_EVENT_JOURNAL_FAILED, WR_NO_FIELDS, "m");
	wr_speaker_tell_suppressed(&s, at_ms(9000), true);
	cr_expect_eq(heard.count, 5, "at the end without waiting");
	cr_expect_str_eq(heard.message, "2 lines of journal.failed were held back");
}

Test(lines, levels_and_rates_change_while_it_speaks)
{
	struct wr_speaker s;
	struct weir_log_limits limits = {.level = WEIR_LOG_ERROR, .burst = 1, .rate_per_s = 1};
	wr_speaker_init(&s, hear, &heard, NULL, &limits);
	wr_speaker_say(&s, at_ms(0), WR_EVENT_JOURNAL_SPACE_LOW, WR_NO_FIELDS, "m");
	cr_expect_eq(heard.count, 0, "a warning is not an error");
	wr_speaker_say(&s, at_ms(0), WR_EVENT_JOURNAL_FAILED, WR_NO_FIELDS, "m");
	cr_expect_eq(heard.count, 1);
	limits = (struct weir_log_limits){.level = WEIR_LOG_WARNING, .burst = 9, .rate_per_s = 0};
	wr_speaker_limit(&s, &limits);
	for (unsigned i = 0; i < 100; i++)
		wr_speaker_say(&s, at_ms(0), WR_EVENT_JOURNAL_SPACE_LOW, WR_NO_FIELDS, "m");
	cr_expect_eq(heard.count, 101, "a rate of 0 is none");
	wr_speaker_say(&s, at_ms(0), WR_EVENT_JOURNAL_ROOM_BACK, WR_NO_FIELDS, "m");
	cr_expect_eq(heard.count, 101, "info is less than a warning");
	limits = (struct weir_log_limits){.level = WEIR_LOG_OFF, .burst = 9, .rate_per_s = 0};
	wr_speaker_limit(&s, &limits);
	wr_speaker_say(&s, at_ms(0), WR_EVENT_JOURNAL_FAILED, WR_NO_FIELDS, "m");
	cr_expect_eq(heard.count, 101);
	/* What somebody asked for is never held back. */
	limits = (struct weir_log_limits){.level = WEIR_LOG_INFO, .burst = 1, .rate_per_s = 1};
	wr_speaker_limit(&s, &limits);
	heard.count = 0;
	for (unsigned i = 0; i < 100; i++)
		wr_speaker_say(&s, at_ms(0), WR_EVENT_RELOAD_TAKEN, WR_NO_FIELDS, "m");
	cr_expect_eq(heard.count, 100);
	heard.count = 101;
	/* From a rate that let little out to one that lets more: it is in force at once. */
	limits = (struct weir_log_limits){.level = WEIR_LOG_INFO, .burst = 1, .rate_per_s = 1};
	wr_speaker_limit(&s, &limits);
	for (unsigned i = 0; i < 3; i++)
		wr_speaker_say(&s, at_ms(0), WR_EVENT_SINK_WAITS, WR_NO_FIELDS, "m");
	cr_expect_eq(heard.count, 102);
	limits.burst = 3;
	wr_speaker_limit(&s, &limits);
	wr_speaker_say(&s, at_ms(0), WR_EVENT_SINK_WAITS, WR_NO_FIELDS, "m");
	cr_expect(heard.count == 103 && heard.suppressed == 2);
}

static const struct {
	struct weir_log_limits limits;
	const char *fault;
} bad_limits[] = {
	{{WEIR_LOG_OFF, 1, 0}, NULL},
	{{WEIR_LOG_DEBUG, 1000000, 1000000}, NULL},
	{{(enum weir_log_level)5, 1, 1}, "level"},
	{{WEIR_LOG_INFO, 0, 1}, "burst"},
	{{WEIR_LOG_INFO, 1000001, 1}, "burst"},
	{{WEIR_LOG_INFO, 1, 1000001}, "rate_per_s"},
};

Test(lines, limits_that_cannot_be_are_named)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(bad_limits); i++) {
		const char *fault = wr_log_limits_fault(&bad_limits[i].limits);
		cr_expect((fault == NULL) == (bad_limits[i].fault == NULL), "row %zu", i);
		if (fault != NULL && bad_limits[i].fault != NULL)
			cr_expect_str_eq(fault, bad_limits[i].fault);
	}
}

/* ---- of a pipeline ---- */

Test(lines, a_pipeline_speaks_as_its_options_say_and_as_it_is_told_later)
{
	struct fixture f;
	struct weir_problem problem = {.code = 0};
	struct weir_log_limits limits = {.level = WEIR_LOG_INFO, .burst = 2, .rate_per_s = 1};
	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	f.options.log_fn = hear;
	f.options.log_context = &heard;
	f.options.log_limits.burst = 0;
	cr_expect_eq(weir_open(&f.options, &f.pipeline, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "log_limits.burst");
	f.options.log_limits.burst = 1;
	fixture_open(&f);
	heard.count = 0;
	for (unsigned i = 0; i < 4; i++)
		wr_pipeline_say(f.pipeline, WR_EVENT_SCHEMA_UNREADABLE, WR_NO_FIELDS, "%s", "m");
	cr_expect_eq(heard.count, 1);
	limits.burst = 0;
	cr_expect_eq(weir_pipeline_log_set(f.pipeline, &limits, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "burst");
	limits.burst = 2;
	cr_expect_eq(weir_pipeline_log_set(f.pipeline, &limits, NULL), 0);
	wr_pipeline_say(f.pipeline, WR_EVENT_SCHEMA_UNREADABLE, WR_NO_FIELDS, "m");
	cr_expect(heard.count == 2 && heard.suppressed == 3);
	wr_pipeline_say(f.pipeline, WR_EVENT_SCHEMA_UNREADABLE, WR_NO_FIELDS, "m");
	cr_expect_eq(heard.count, 2);
	/* Nobody speaks any more: the group step tells, once there is room. */
	while (heard.count == 2)
		(void)weir_step(f.pipeline, 20000000);
	cr_expect_str_eq(heard.event, "log.suppressed");
	for (unsigned i = 0; i < 9; i++)
		wr_pipeline_say(f.pipeline, WR_EVENT_SCHEMA_UNREADABLE, WR_NO_FIELDS, "m");
	fixture_close(&f, NULL);
	cr_expect_str_eq(heard.event, "log.suppressed", "the close tells the rest");
	fixture_end(&f);
}

/* ---- the table ---- */

Test(lines, events_are_in_the_order_of_their_names)
{
	struct weir_log_event event, before = {.name = ""};
	uint32_t count = 0;
	for (; weir_log_event_at(count, &event) == 0; count++) {
		cr_expect_lt(strcmp(before.name, event.name), 0, "%s, %s", before.name, event.name);
		cr_expect(event.level >= WEIR_LOG_ERROR && event.level <= WEIR_LOG_DEBUG);
		cr_expect(strlen(event.name) < 32 && strchr(event.name, '.') != NULL);
		cr_expect_eq(strspn(event.name, "abcdefghijklmnopqrstuvwxyz_."),
			     strlen(event.name));
		before = event;
	}
	cr_expect_eq(count, (uint32_t)WR_EVENTS);
	cr_expect_str_eq(weir_log_level_name(WEIR_LOG_OFF), "off");
	cr_expect_str_eq(weir_log_level_name((enum weir_log_level)9), "?");
}

#define PAGE_BYTES (64u << 10)

static void make_page(char *to)
{
	struct weir_log_event e;
	size_t n = (size_t)snprintf(
		to, PAGE_BYTES,
		"# Events of lines\n\n"
		"Each line that weir says ([service](../guide/service.md#lines), `weir/log.h`) "
		"has one of these events. Names, levels and\nfields stay; messages may change. A "
		"line `log.suppressed` has the level of what it tells of. This page is made from "
		"the\ntable in `core/lines/events.c`; a test compares them.\n\n"
		"| event | level | when | what to do |\n| --- | --- | --- | --- |\n");
	for (uint32_t i = 0; weir_log_event_at(i, &e) == 0; i++)
		n += (size_t)snprintf(to + n, PAGE_BYTES - n, "| `%s` | %s | %s | %s |\n", e.name,
				      weir_log_level_name(e.level), e.what, e.advice);
}

Test(lines, the_page_of_events_is_that_of_the_table)
{
	char path[512], *made = calloc(2, PAGE_BYTES), *page = made + PAGE_BYTES;
	const char *root = getenv("WEIR_TEST_SOURCE");
	cr_assert(made != NULL && root != NULL);
	make_page(made);
	(void)snprintf(path, sizeof path, "%s/docs/reference/events.md", root);
	FILE *file = fopen(path, getenv("WEIR_TEST_WRITE") != NULL ? "w+" : "r");
	cr_assert_not_null(file, "%s", path);
	if (getenv("WEIR_TEST_WRITE") != NULL) {
		fputs(made, file);
		rewind(file);
	}
	(void)!fread(page, 1, PAGE_BYTES - 1, file);
	fclose(file);
	cr_expect(strcmp(made, page) == 0, "WEIR_TEST_WRITE=1 writes %s anew", path);
	free(made);
}
