/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir route test`: one pattern, a transformer, or both, and one event or the lines of standard
 * input.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/route.h>
#include <weir/transform.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/route/event.h"
#include "tools/weir/route/explain.h"

static const char *const kinds[] = {
	"eventbridge", "topic", "direct", "fanout", "headers", "sns", "eventbridge-headers", NULL};
static const char *const scopes[] = {"attributes", "body", NULL};

/* One command line a process: the table points here. */
static struct {
	unsigned kind;
	unsigned scope;
	const char *pattern;
	const char *event;
	const char *transform;
	bool exit_status;
	bool explain;
	bool json;
} choices;

static const struct cli_option options[] = {
	{.name = "kind",
	 .type = CLI_ENUM,
	 .target = &choices.kind,
	 .choices = kinds,
	 .fallback = "eventbridge",
	 .value_name = "KIND",
	 .help = "whose language the pattern is in"},
	{.name = "pattern",
	 .type = CLI_WORDS,
	 .target = &choices.pattern,
	 .value_name = "P",
	 .help = "the pattern, instead of the argument"},
	{.name = "event",
	 .type = CLI_WORDS,
	 .target = &choices.event,
	 .value_name = "E",
	 .help = "one event, instead of standard input"},
	{.name = "transform",
	 .type = CLI_WORDS,
	 .target = &choices.transform,
	 .value_name = "T",
	 .help = "a transformer: what it makes of each event that matches"},
	{.name = "scope",
	 .type = CLI_ENUM,
	 .target = &choices.scope,
	 .choices = scopes,
	 .fallback = "attributes",
	 .help = "of sns: what the policy looks at"},
	{.name = "explain",
	 .type = CLI_FLAG,
	 .target = &choices.explain,
	 .help = "which field matched or failed, and where"},
	{.name = "exit-status",
	 .type = CLI_FLAG,
	 .target = &choices.exit_status,
	 .help = "exit with 1 when nothing matches"},
	{.name = "json",
	 .type = CLI_FLAG,
	 .target = &choices.json,
	 .help = "one JSON object for each event"},
};

static const struct cli_command command = {
	.name = "route test",
	.arguments = "[PATTERN]",
	.summary = "Does a pattern match an event, and what does a transformer make of it?",
	.description =
		"PATTERN is the text of a pattern, or @FILE: for eventbridge and sns JSON as AWS\n"
		"has it, for headers a JSON object of binding arguments, for topic a binding key,\n"
		"for direct a key; fanout has none. An event is a JSON object; for topic, direct\n"
		"and fanout it is a routing key. Attributes of sns are plain values or\n"
		"{\"Type\": T, \"Value\": V}.\n"
		"\n"
		"Without --event each line of standard input is an event; those that match are\n"
		"printed, and their number to standard error.\n"
		"\n"
		"T is a transformer as a binding has it, JSON or @FILE; what it makes of an event\n"
		"is printed in place of the event. Without a pattern each event, a JSON value, is\n"
		"transformed.\n"
		"\n"
		"Exit code 0: it was found out, whatever the answer. 2: the pattern, the\n"
		"transformer or the event is not valid, or the event cannot be transformed. 1: it\n"
		"was so with some lines, or with --exit-status nothing matches.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 0,
	.arguments_max = 1,
};

/* What is asked of each event. */
struct asked {
	struct weir_filter *filter;       /* NULL: every event matches */
	struct weir_transform *transform; /* NULL: none */
	char *output;                     /* OUTPUT_BYTES_MAX of it */
	int64_t output_bytes;
};

#define OUTPUT_BYTES_MAX (16u << 20)

struct counts {
	uint64_t events;
	uint64_t matches;
	uint64_t bad;
};

static enum weir_filter_kind filter_kind(void)
{
	static const enum weir_filter_kind by_choice[] = {WEIR_FILTER_EVENTBRIDGE,
							  WEIR_FILTER_TOPIC,
							  WEIR_FILTER_DIRECT,
							  WEIR_FILTER_FANOUT,
							  WEIR_FILTER_HEADERS,
							  WEIR_FILTER_SNS_ATTRIBUTES,
							  WEIR_FILTER_EVENTBRIDGE_HEADERS};
	if (choices.kind == 5 && choices.scope == 1)
		return WEIR_FILTER_SNS_BODY;
	return by_choice[choices.kind];
}

static void say_problem(const char *what, int code, const struct weir_problem *problem)
{
	if (choices.json) {
		struct json_out j;
		json_begin(&j, stdout, JSON_LINE);
		json_object(&j, NULL);
		json_text(&j, "error",
			  problem->text[0] != '\0' ? problem->text : weir_strerror(code));
		json_text(&j, "path", problem->field);
		(void)json_end(&j);
	}
	(void)cli_fail(what, code, problem);
}

/* ---- the pattern ---- */

static char *read_whole(FILE *file, size_t *ret_bytes)
{
	char *bytes = NULL;
	size_t room = 0, count = 0;
	for (;;) {
		if (count == room) {
			room = room == 0 ? 4096 : room * 2;
			char *more =
				room <= WEIR_PATTERN_BYTES_MAX * 4 ? realloc(bytes, room) : NULL;
			if (more == NULL) {
				free(bytes);
				errno = EFBIG;
				return NULL;
			}
			bytes = more;
		}
		size_t n = fread(bytes + count, 1, room - count, file);
		if (n == 0)
			break;
		count += n;
	}
	*ret_bytes = count;
	return bytes;
}

/* A text, or @FILE. To be freed; NULL: it was said why. */
static char *text_or_file(const char *given, bool may_be_file, size_t *ret_bytes, int *ret_code)
{
	if (!may_be_file || given[0] != '@') {
		*ret_bytes = strlen(given);
		char *copy = strdup(given);
		*ret_code = copy != NULL ? 0 : cli_fail(given, -ENOMEM, NULL);
		return copy;
	}
	FILE *file = fopen(given + 1, "re");
	char *bytes = file != NULL ? read_whole(file, ret_bytes) : NULL;
	if (bytes == NULL || ferror(file)) {
		*ret_code = cli_fail(given + 1, -errno, NULL);
		free(bytes);
		bytes = NULL;
	}
	if (file != NULL)
		fclose(file);
	return bytes;
}

/* ---- events ---- */

static void print_answer(const struct asked *a, bool is_match, const struct route_explain *x)
{
	struct json_out j;
	bool has_output = is_match && a->transform != NULL;
	if (!choices.json) {
		if (has_output)
			printf("%.*s\n", (int)a->output_bytes, a->output);
		else
			puts(is_match ? "match" : "no match");
		route_explain_print(x, stdout);
		return;
	}
	json_begin(&j, stdout, JSON_LINE);
	json_object(&j, NULL);
	json_bool(&j, "match", is_match);
	if (has_output)
		json_text(&j, "output", a->output);
	if (choices.explain)
		route_explain_json(x, &j);
	(void)json_end(&j);
}

static int transform(struct asked *a, const struct weir_routed *routed,
		     struct weir_problem *problem)
{
	const struct weir_transform_event event = {
		.payload = routed->payload,
		.payload_bytes = routed->payload_bytes,
		.key = routed->key,
		.key_bytes = routed->key_bytes,
	};
	if (a->transform == NULL)
		return 0;
	a->output_bytes =
		weir_transform_run(a->transform, &event, a->output, OUTPUT_BYTES_MAX - 1, problem);
	if (a->output_bytes < 0)
		return (int)a->output_bytes;
	a->output[a->output_bytes] = '\0';
	return 0;
}

static int ask(struct asked *a, const char *text, size_t bytes, struct route_event *event,
	       struct route_explain *x, struct weir_problem *problem)
{
	*event = (struct route_event){.routed = {.payload = text, .payload_bytes = bytes}};
	if (a->filter == NULL) {
		int failed = transform(a, &event->routed, problem);
		return failed < 0 ? failed : 1;
	}
	int rc = route_event_begin(event, filter_kind(), text, bytes, problem);
	if (rc < 0)
		return rc;
	rc = choices.explain ? weir_filter_explain(a->filter, &event->routed, route_explain_leaf, x,
						   problem)
			     : weir_filter_match(a->filter, &event->routed, problem);
	int failed = rc > 0 ? transform(a, &event->routed, problem) : 0;
	return failed < 0 ? failed : rc;
}

static int test_one(struct asked *a, struct counts *counts)
{
	struct weir_problem problem = {0};
	struct route_event event;
	struct route_explain x;
	route_explain_begin(&x);
	int rc = ask(a, choices.event, strlen(choices.event), &event, &x, &problem);
	counts->events = 1;
	counts->matches = rc > 0;
	if (rc >= 0)
		print_answer(a, rc > 0, &x);
	else
		say_problem("the event", rc, &problem);
	route_event_end(&event);
	route_explain_end(&x);
	return rc == -ENOMEM ? CLI_EXIT_FAILED : rc < 0 ? CLI_EXIT_USAGE : CLI_EXIT_OK;
}

/* Text, not JSON: what of a line is printed. */
static void print_line(const struct asked *a, bool is_match, const char *line, size_t bytes,
		       const struct route_explain *x)
{
	if (!is_match && !choices.explain)
		return;
	if (a->transform == NULL) {
		fwrite(line, 1, bytes, stdout);
		putchar('\n');
	}
	if (a->transform != NULL || choices.explain)
		print_answer(a, is_match, x);
}

static void test_line(struct asked *a, const char *line, size_t bytes, struct counts *counts)
{
	struct weir_problem problem = {0};
	struct route_event event;
	struct route_explain x;
	route_explain_begin(&x);
	int rc = ask(a, line, bytes, &event, &x, &problem);
	counts->events++;
	if (rc < 0) {
		char what[40];
		snprintf(what, sizeof what, "line %llu", (unsigned long long)counts->events);
		counts->bad++;
		(void)cli_fail(what, rc, &problem);
	} else {
		counts->matches += rc > 0;
		if (choices.json)
			print_answer(a, rc > 0, &x);
		else
			print_line(a, rc > 0, line, bytes, &x);
	}
	route_event_end(&event);
	route_explain_end(&x);
}

static int test_lines(struct asked *a, struct counts *counts)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;
	while ((bytes = getline(&line, &room, stdin)) >= 0) {
		if (bytes > 0 && line[bytes - 1] == '\n')
			bytes--;
		test_line(a, line, (size_t)bytes, counts);
	}
	free(line);
	if (ferror(stdin))
		return cli_fail("standard input", -EIO, NULL);
	fprintf(stderr, "weir: %llu of %llu events match\n", (unsigned long long)counts->matches,
		(unsigned long long)counts->events);
	return counts->bad > 0 ? CLI_EXIT_FAILED : CLI_EXIT_OK;
}

/* 0, or the exit code of what is wrong. */
static int make_filter(const char *given, struct weir_filter **ret_filter)
{
	struct weir_problem problem = {0};
	size_t bytes = 0;
	int code = CLI_EXIT_OK;
	if (given == NULL)
		return code;
	bool may_be_file = choices.kind != 1 && choices.kind != 2;
	char *pattern = text_or_file(given, may_be_file, &bytes, &code);
	if (pattern == NULL)
		return code;
	int rc = weir_filter_create(filter_kind(), pattern, bytes, NULL, ret_filter, &problem);
	free(pattern);
	if (rc < 0)
		say_problem("the pattern", rc, &problem);
	return rc == -ENOMEM ? CLI_EXIT_FAILED : rc < 0 ? CLI_EXIT_USAGE : CLI_EXIT_OK;
}

static int make_transform(struct asked *a)
{
	struct weir_problem problem = {0};
	size_t bytes = 0;
	int code = CLI_EXIT_OK;
	if (choices.transform == NULL)
		return code;
	char *text = text_or_file(choices.transform, true, &bytes, &code);
	if (text == NULL)
		return code;
	int rc = weir_transform_create(text, bytes, NULL, &a->transform, &problem);
	free(text);
	a->output = rc == 0 ? malloc(OUTPUT_BYTES_MAX) : NULL;
	rc = rc == 0 && a->output == NULL ? -ENOMEM : rc;
	if (rc < 0)
		say_problem("the transformer", rc, &problem);
	return rc == -ENOMEM ? CLI_EXIT_FAILED : rc < 0 ? CLI_EXIT_USAGE : CLI_EXIT_OK;
}

static int run(const char *given)
{
	struct asked a = {0};
	struct counts counts = {0};
	int code = make_filter(given, &a.filter);
	if (code == CLI_EXIT_OK)
		code = make_transform(&a);
	if (code == CLI_EXIT_OK)
		code = choices.event != NULL ? test_one(&a, &counts) : test_lines(&a, &counts);
	weir_filter_destroy(a.filter);
	weir_transform_destroy(a.transform);
	free(a.output);
	if (code == CLI_EXIT_OK && choices.exit_status && counts.matches == 0)
		return CLI_EXIT_FAILED;
	return code;
}

int cmd_route_test(int argc, char **argv)
{
	int first = 0;
	choices.pattern = choices.event = choices.transform = NULL;
	choices.exit_status = choices.explain = choices.json = false;
	int code = cli_parse(&command, argc, argv, &first);
	if (code != CLI_GO_ON)
		return code;
	bool has_argument = first < argc;
	if (has_argument && choices.pattern != NULL)
		return cli_usage(&command, "the pattern is given twice");
	const char *pattern = has_argument ? argv[first] : choices.pattern;
	if (pattern == NULL && choices.kind == 3)
		pattern = "";
	if (pattern == NULL && choices.transform == NULL)
		return cli_usage(&command, "there is no pattern and no transformer");
	return run(pattern);
}
