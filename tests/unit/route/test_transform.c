/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a transformer makes of an event what EventBridge's documents say, what comes out is JSON,
 *         and what cannot be is refused, with its place.
 * Method: tables of transformer, event and output (those of AWS's user guide among them); each also
 *         with every smaller room, which has to be said, and untouched behind it; every output is
 *         read by the strict reader.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/transform.h>

#include "core/base/bits.h"
#include "core/json/json_read.h"

static const char instance[] =
	"{ \"version\": \"0\", \"id\": \"7bf7\", \"source\": \"aws.ec2\",\n"
	"  \"time\": \"2015-11-11T21:29:54Z\", \"resources\": [ \"arn:1\", \"arn:2\" ],\n"
	"  \"detail\": { \"instance-id\": \"i-0123456789\", \"state\": \"RUNNING\" } }";

#define PATHS                                                                                      \
	"\"InputPathsMap\":{\"timestamp\":\"$.time\",\"instance\":\"$.detail.instance-id\","       \
	"\"state\":\"$.detail.state\",\"detail\":\"$.detail\",\"all\":\"$.resources\","            \
	"\"second\":\"$.resources[1]\",\"third\":\"$.resources[2]\",\"each\":\"$.resources[*]\","  \
	"\"members\":\"$.detail.*\",\"none\":\"$.detail.no\",\"noneach\":\"$.detail[*].x\","       \
	"\"nowhere\":\"$.no[*].x\",\"root\":\"$\"}"

/* A template, and what it makes of the instance's event. */
static const struct {
	const char *template; /* as JSON has it within a string */
	const char *output;
} templates[] = {
	/* AWS's user guide. */
	{"\\\"instance <instance> is in <state>\\\"", "\"instance i-0123456789 is in RUNNING\""},
	{"\\\"instance \\\\\\\"<instance>\\\\\\\" is in <state>\\\"",
	 "\"instance \\\"i-0123456789\\\" is in RUNNING\""},
	{"{\\n  \\\"instance\\\" : <instance>,\\n  \\\"state\\\": <state>\\n}",
	 "{\"instance\":\"i-0123456789\",\"state\":\"RUNNING\"}"},
	{"{\\\"instance\\\" : <instance>, \\\"state\\\": [ 9, <state>, true ], "
	 "\\\"Transformed\\\" : \\\"Yes it is\\\"}",
	 "{\"instance\":\"i-0123456789\",\"state\":[9,\"RUNNING\",true],"
	 "\"Transformed\":\"Yes it is\"}"},
	{"\\\"<aws.events.rule-name> triggered\\\"", "\"rule triggered\""},
	{"{\\\"r\\\":<aws.events.rule-name>,\\\"e\\\":<aws.events.event>}",
	 "{\"r\":\"rule\",\"e\":{\"version\":\"0\",\"id\":\"7bf7\",\"source\":\"aws.ec2\","
	 "\"time\":\"2015-11-11T21:29:54Z\",\"resources\":[\"arn:1\",\"arn:2\"]}}"},
	/* What is not there is nothing in a text, and an empty text as a value. */
	{"\\\"a <none> b\\\"", "\"a  b\""},
	{"{\\\"a\\\":<none>,\\\"b\\\":<third>,\\\"c\\\":<nowhere>}",
	 "{\"a\":\"\",\"b\":\"\",\"c\":\"\"}"},
	/* Arrays and objects: whole, by place, each. */
	{"[<all>,<second>,<each>,<members>,<noneach>]",
	 "[[\"arn:1\",\"arn:2\"],\"arn:2\",[\"arn:1\",\"arn:2\"],"
	 "[\"i-0123456789\",\"RUNNING\"],[]]"},
	{"<detail>", "{\"instance-id\":\"i-0123456789\",\"state\":\"RUNNING\"}"},
	{"\\\"<detail>, <each>\\\"",
	 "\"{\\\"instance-id\\\":\\\"i-0123456789\\\",\\\"state\\\":\\\"RUNNING\\\"}, "
	 "[\\\"arn:1\\\",\\\"arn:2\\\"]\""},
	{"[<root>,<weir.payload>]", NULL},
	/* What weir knows of the event. */
	{"[<weir.key>,<weir.topic>,<weir.partition>,<weir.sequence>,<weir.time>,"
	 "<weir.subscription>,<weir.event-id>,<weir.correlation-id>]",
	 "[\"k\\\"\\u0001\",\"orders\",3,18446744073709551615,\"2024-02-29T23:59:59.000001Z\","
	 "\"rule\",\"id\",\"\"]"},
	{"\\\"<weir.key> <weir.partition> <weir.time>\\\"",
	 "\"k\\\"\\u0001 3 2024-02-29T23:59:59.000001Z\""},
	{"<aws.events.event.ingestion-time>", "\"2024-02-29T23:59:59.000001Z\""},
	/* '<' without a '>' in its text is one, and so is an escape. */
	{"\\\"1 < 2\\\"", "\"1 < 2\""},
	{"[\\\"a<\\\",\\\">b\\\"]", "[\"a<\",\">b\"]"},
	{"\\\"\\\\u003cstate>\\\"", "\"\\u003cstate>\""},
	{" true ", "true"},
};

static const struct weir_transform_event facts = {
	.payload = instance,
	.payload_bytes = sizeof instance - 1,
	.key = "k\"\001",
	.key_bytes = 3,
	.event_id = "id",
	.event_id_bytes = 2,
	.topic = "orders",
	.subscription = "rule",
	.sequence = UINT64_MAX,
	.partition = 3,
	.append_time_us = 1709251199000001,
};

static bool is_json(const char *text, size_t bytes)
{
	struct wr_json j;
	wr_json_init(&j, text, bytes, WR_JSON_DEPTH_MAX);
	while (wr_json_next(&j) != WR_JSON_END)
		if (j.token == WR_JSON_BAD)
			return false;
	return true;
}

static struct weir_transform *must_make(const char *text)
{
	struct weir_transform *t = NULL;
	struct weir_problem problem = {0};
	int rc = weir_transform_create(text, strlen(text), NULL, &t, &problem);
	cr_assert_eq(rc, 0, "%s: %s: %s", text, problem.field, problem.text);
	return t;
}

/* In a room of just its size, and in all that are smaller. */
static void check(const char *text, const struct weir_transform_event *event, const char *wanted)
{
	struct weir_transform *t = must_make(text);
	struct weir_problem problem = {0};
	char room[4096];
	int64_t bytes = weir_transform_run(t, event, room, sizeof room, &problem);
	cr_assert_gt(bytes, 0, "%s: %s: %s", text, problem.field, problem.text);
	cr_expect(is_json(room, (size_t)bytes), "%s: %.*s", text, (int)bytes, room);
	if (wanted != NULL)
		cr_expect((size_t)bytes == strlen(wanted) &&
				  memcmp(room, wanted, (size_t)bytes) == 0,
			  "%s: %.*s, not %s", text, (int)bytes, room, wanted);
	for (size_t less = 0; less < (size_t)bytes; less++) {
		memset(room, '#', sizeof room);
		cr_expect_eq(weir_transform_run(t, event, room, less, &problem), WEIR_E_TOO_BIG);
		cr_expect(room[less] == '#' && problem.code == WEIR_E_TOO_BIG);
	}
	cr_expect_eq(weir_transform_run(t, event, room, (size_t)bytes, NULL), bytes);
	weir_transform_destroy(t);
}

Test(transform, templates)
{
	char text[1200];
	for (size_t i = 0; i < WR_ARRAY_COUNT(templates); i++) {
		(void)snprintf(text, sizeof text, "{" PATHS ",\"InputTemplate\":\"%s\"}",
			       templates[i].template);
		check(text, &facts, templates[i].output);
		(void)snprintf(text, sizeof text,
			       "{\"InputTransformer\":{\"InputTemplate\":\"%s\"," PATHS "}}",
			       templates[i].template);
		check(text, &facts, templates[i].output);
	}
}

/* A transformer, a payload, and what comes out; or a code. */
static const struct {
	const char *transform;
	const char *payload;
	const char *output;
	int code;
} events[] = {
	{"{\"Input\":\"{\\\"a\\\": [1]}\"}", "no JSON", "{\"a\": [1]}", 0},
	{"{\"InputPath\":\"$\"}", " [1, 2 ,{ } ]", "[1,2,{}]", 0},
	{"{\"InputPath\":\"$.a\"}", "{\"a\":1,\"a\":2}", "2", 0},
	{"{\"InputPath\":\"$.a.b\"}", "{\"a\":{\"b\":1},\"a\":{\"b\":2}}", "2", 0},
	{"{\"InputPath\":\"$.a.b\"}", "{\"a\":{\"b\":1},\"a\":{\"c\":2}}", NULL, -ENOENT},
	{"{\"InputPath\":\"$.a.b\"}", "{\"a\":[{\"b\":1}]}", NULL, -ENOENT},
	{"{\"InputPath\":\"$.a[0]\"}", "{\"a\":{\"0\":1}}", NULL, -ENOENT},
	{"{\"InputPath\":\"$[1].x[0]\"}", "[{},{\"x\":[null]}]", "null", 0},
	{"{\"InputPath\":\"$.a-b/c_d\"}", "{\"a-b/c_d\":1.50e1}", "1.50e1", 0},
	{"{\"InputPath\":\"$.\\u00e9\"}", "{\"\\u00e9\":true}", "true", 0},
	{"{\"InputPath\":\"$.*.*\"}", "{\"a\":{\"b\":1,\"c\":[2]},\"d\":[3,\"x\"],\"e\":4}",
	 "[1,[2],3,\"x\"]", 0},
	{"{\"InputPath\":\"$.a\"}", "{\"a\":1", NULL, -EINVAL},
	{"{\"InputPath\":\"$.a\"}", "{\"a\":1,\"b\":}", NULL, -EINVAL},
	{"{\"InputPath\":\"$.a\"}", "{\"a\":1} x", NULL, -EINVAL},
	{"{\"InputPath\":\"$.a\"}", "", NULL, -EINVAL},
	{"{\"InputTemplate\":\"<weir.payload>\"}", "{\"a\":\"\\ud800\"}", NULL, -EINVAL},
	{"{\"InputTemplate\":\"<weir.partition>\"}", "no JSON", "0", 0},
	{"{\"InputTemplate\":\"<aws.events.event>\"}", "[{\"detail\":1}]", "[{\"detail\":1}]", 0},
	{"{\"InputTemplate\":\"\\\"<aws.events.event>\\\"\"}",
	 "{\"a b\": \"c\\\" d\", \"detail\": 1}", "\"{\\\"a b\\\":\\\"c\\\\\\\" d\\\"}\"", 0},
};

Test(transform, payloads)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(events); i++) {
		const struct weir_transform_event event = {
			.payload = events[i].payload, .payload_bytes = strlen(events[i].payload)};
		if (events[i].code == 0) {
			check(events[i].transform, &event, events[i].output);
			continue;
		}
		struct weir_transform *t = must_make(events[i].transform);
		struct weir_problem problem = {0};
		char room[256];
		cr_expect_eq(weir_transform_run(t, &event, room, sizeof room, &problem),
			     events[i].code, "%s", events[i].payload);
		cr_expect(problem.code == events[i].code && problem.text[0] != '\0');
		weir_transform_destroy(t);
	}
}

Test(transform, what_is_not_utf8_cannot_be_in_json)
{
	struct weir_transform *t = must_make("{\"InputTemplate\":\"<weir.key>\"}");
	const struct weir_transform_event event = {.key = "\xff", .key_bytes = 1};
	struct weir_problem problem = {0};
	char room[64];
	cr_expect_eq(weir_transform_run(t, &event, room, sizeof room, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "weir.key");
	weir_transform_destroy(t);
}

/* What is refused, and where. */
static const struct {
	const char *transform;
	const char *field;
	const char *text; /* in what is said */
} refused[] = {
	{"", "", "JSON object"},
	{"[]", "", "is a JSON object"},
	{"{}", "", "has to be there"},
	{"{\"Input\":\"1\"} x", "", "JSON object"},
	{"{\"Input\":\"1\",\"InputPath\":\"$\"}", "", "no more than one"},
	{"{\"Input\":\"a\"}", "Input", "text that is JSON"},
	{"{\"Input\":1}", "Input", "a string"},
	{"{\"Input\":\"1\",\"Input\":\"2\"}", "Input", "twice"},
	{"{\"Inputs\":\"1\"}", "Inputs", "a transformer has"},
	{"{\"InputTransformer\":{\"Input\":\"1\"}}", "Input", "a transformer has"},
	{"{\"InputPathsMap\":{}}", "InputTemplate", "there is none"},
	{"{\"InputTemplate\":\"\"}", "InputTemplate", "empty"},
	{"{\"InputTemplate\":\"a <weir.key>\"}", "InputTemplate", "one JSON value"},
	{"{\"InputTemplate\":\"<nobody>\"}", "InputTemplate", "at character 1: <nobody> is no"},
	{"{\"InputTemplate\":\"\\\"\\u00e9 <a b>\\\"\"}", "InputTemplate", "at character 4: <a b>"},
	{"{\"InputTemplate\":\"[<weir.key\"}", "InputTemplate", "no '>'"},
	{"{\"InputTemplate\":\"{<weir.key>:1}\"}", "InputTemplate", "name"},
	{"{\"InputTemplate\":\"{\\\"a<weir.key>\\\":1}\"}", "InputTemplate",
	 "(in) a member's name"},
	{"{\"InputTemplate\":\"<weir.key><weir.key>\"}", "InputTemplate", "a whole value"},
	{"{\"InputTemplate\":\"1<weir.key>\"}", "InputTemplate", "a whole value"},
	{"{\"InputTemplate\":\"<weir.key>.5\"}", "InputTemplate", "a whole value"},
	{"{\"InputTemplate\":\"[1,]\"}", "InputTemplate", "one JSON value"},
	{"{\"InputTemplate\":\"\\\"a\\\"\\n\\\"b\\\"\"}", "InputTemplate", "one JSON value"},
	{"{\"InputTemplate\":\"<aws.events.rule-arn>\"}", "InputTemplate", "no ARNs"},
	{"{\"InputPathsMap\":[],\"InputTemplate\":\"1\"}", "InputPathsMap", "an object"},
	{"{\"InputPathsMap\":{\"a.b\":\"$\"},\"InputTemplate\":\"1\"}", "InputPathsMap.a.b",
	 "reserved"},
	{"{\"InputPathsMap\":{\"a\":1},\"InputTemplate\":\"1\"}", "InputPathsMap.a", "a string"},
	{"{\"InputPathsMap\":{\"a\":\"x\"},\"InputTemplate\":\"1\"}", "InputPathsMap.a",
	 "begins with '$'"},
	{"{\"InputPathsMap\":{\"a\":\"$x\"},\"InputTemplate\":\"1\"}", "InputPathsMap.a",
	 "at character 2"},
	{"{\"InputPathsMap\":{\"a\":\"$..x\"},\"InputTemplate\":\"1\"}", "InputPathsMap.a",
	 "at character 3"},
	{"{\"InputPathsMap\":{\"a\":\"$.x[-1]\"},\"InputTemplate\":\"1\"}", "InputPathsMap.a",
	 "in brackets"},
	{"{\"InputPathsMap\":{\"a\":\"$['x']\"},\"InputTemplate\":\"1\"}", "InputPathsMap.a",
	 "in brackets"},
	{"{\"InputPathsMap\":{\"a\":\"$.x[?(@.y)]\"},\"InputTemplate\":\"1\"}", "InputPathsMap.a",
	 "in brackets"},
	{"{\"InputPathsMap\":{\"a\":\"$.x*\"},\"InputTemplate\":\"1\"}", "InputPathsMap.a",
	 "stands alone"},
	{"{\"InputPathsMap\":{\"a\":\"$[99999999999]\"},\"InputTemplate\":\"1\"}",
	 "InputPathsMap.a", "so many elements"},
	{"{\"InputPath\":\"detail\"}", "InputPath", "begins with '$'"},
};

Test(transform, what_is_refused_has_its_place)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(refused); i++) {
		struct weir_transform *t = NULL;
		struct weir_problem problem = {0};
		const char *text = refused[i].transform;
		int rc = weir_transform_create(text, strlen(text), NULL, &t, &problem);
		cr_expect_eq(rc, -EINVAL, "%s", text);
		cr_expect_str_eq(problem.field, refused[i].field, "%s", text);
		cr_expect_not_null(strstr(problem.text, refused[i].text), "%s: %s", text,
				   problem.text);
		weir_transform_destroy(t);
	}
}

/* "<v0>" to "<v99>" and so on, as AWS limits them. */
static int with_limits(uint32_t variables, uint32_t name_bytes, uint32_t path_bytes,
		       uint32_t characters, struct weir_problem *problem)
{
	static char text[WEIR_TRANSFORM_BYTES_MAX];
	struct weir_transform *t = NULL;
	int at = snprintf(text, sizeof text, "{\"InputPathsMap\":{");
	for (uint32_t v = 0; v < variables; v++)
		at += snprintf(text + at, sizeof text - (size_t)at, "%s\"v%0*u\":\"$.%0*u\"",
			       v > 0 ? "," : "", (int)name_bytes - 1, v, (int)path_bytes - 2, v);
	at += snprintf(text + at, sizeof text - (size_t)at, "},\"InputTemplate\":\"\\\"");
	for (uint32_t c = 2; c < characters; c++)
		at += snprintf(text + at, sizeof text - (size_t)at, "\u00e9");
	(void)snprintf(text + at, sizeof text - (size_t)at, "\\\"\"}");
	int rc = weir_transform_create(text, strlen(text), NULL, &t, problem);
	weir_transform_destroy(t);
	return rc;
}

Test(transform, limits_are_those_of_aws)
{
	struct weir_problem problem = {0};
	cr_expect_eq(with_limits(100, 4, 10, 8192, &problem), 0, "%s", problem.text);
	cr_expect_eq(with_limits(101, 4, 10, 3, &problem), WEIR_E_TOO_BIG);
	cr_expect_str_eq(problem.field, "InputPathsMap");
	cr_expect_eq(with_limits(1, 4, 10, 8193, &problem), WEIR_E_TOO_BIG);
	cr_expect_str_eq(problem.field, "InputTemplate");
	cr_expect_eq(with_limits(1, 256, 256, 3, &problem), 0);
	cr_expect_eq(with_limits(1, 257, 10, 3, &problem), WEIR_E_TOO_BIG);
	cr_expect_eq(with_limits(1, 4, 257, 3, &problem), WEIR_E_TOO_BIG);
	char *large = malloc(WEIR_TRANSFORM_BYTES_MAX + 1);
	struct weir_transform *t = NULL;
	cr_assert_not_null(large);
	memset(large, ' ', WEIR_TRANSFORM_BYTES_MAX + 1);
	cr_expect_eq(weir_transform_create(large, WEIR_TRANSFORM_BYTES_MAX + 1, NULL, &t, NULL),
		     WEIR_E_TOO_BIG);
	cr_expect_eq(weir_transform_create(large, WEIR_TRANSFORM_BYTES_MAX, NULL, &t, NULL),
		     -EINVAL);
	free(large);
}

static size_t left;

static void *from_few(void *context, size_t bytes, size_t align)
{
	(void)context;
	(void)align;
	return left > 0 && left-- > 0 ? calloc(1, bytes) : NULL;
}

static void to_few(void *context, void *p, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(p);
}

Test(transform, each_allocation_may_fail)
{
	static const char text[] = "{" PATHS ",\"InputTemplate\":\"[<each>,\\\"<detail>\\\"]\"}";
	const struct weir_allocator few = {.alloc = from_few, .free = to_few};
	struct weir_transform *t = NULL;
	int rc = -ENOMEM;
	for (size_t most = 0; most < 50 && rc != 0; most++) {
		left = most;
		rc = weir_transform_create(text, sizeof text - 1, &few, &t, NULL);
		cr_assert(rc == 0 || rc == -ENOMEM);
	}
	cr_expect_eq(rc, 0);
	weir_transform_destroy(t);
	weir_transform_destroy(NULL);
}

Test(transform, an_item_is_an_event)
{
	struct weir_transform_event event;
	const struct weir_item item = {.kind = WEIR_ITEM_GAP,
				       .sequence = 7,
				       .partition = 2,
				       .append_time_us = 5,
				       .key = "k",
				       .key_bytes = 1};
	weir_item_to_transform(&item, &event);
	cr_expect(event.sequence == 7 && event.partition == 2 && event.append_time_us == 5);
	cr_expect(event.key_bytes == 1 && event.event_id_bytes == 0 && event.topic == NULL);
}
