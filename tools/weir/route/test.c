/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir route test`: one pattern, and one event or the lines of standard input.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/route.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/route/event.h"
#include "tools/weir/route/explain.h"

static const char *const kinds[] = {"eventbridge", "topic", "direct", "fanout",
				    "headers",     "sns",   NULL};
static const char *const scopes[] = {"attributes", "body", NULL};

/* One command line a process: the table points here. */
static struct {
	unsigned kind;
	unsigned scope;
	const char *pattern;
	const char *event;
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
	 .help = "eventbridge, topic, direct, fanout, headers or sns"},
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
	.summary = "Does a pattern match an event?",
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
		"Exit code 0: it was found out, whatever the answer. 2: the pattern or the event\n"
		"is not valid. 1: some lines were no events, or with --exit-status nothing\n"
		"matches.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
	.arguments_min = 0,
	.arguments_max = 1,
};

struct counts {
	uint64_t events;
	uint64_t matches;
	uint64_t bad;
};

static enum weir_filter_kind filter_kind(void)
{
	static const enum weir_filter_kind by_choice[] = {
		WEIR_FILTER_EVENTBRIDGE, WEIR_FILTER_TOPIC,   WEIR_FILTER_DIRECT,
		WEIR_FILTER_FANOUT,      WEIR_FILTER_HEADERS, WEIR_FILTER_SNS_ATTRIBUTES};
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
static char *pattern_text(const char *given, size_t *ret_bytes, int *ret_code)
{
	bool may_be_file = choices.kind != 1 && choices.kind != 2;
	if (!may_be_file || given[0] != '@') {
		*ret_bytes = strlen(given);
		char *copy = strdup(given);
		*ret_code = copy != NULL ? 0 : cli_fail("the pattern", -ENOMEM, NULL);
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

static void print_answer(bool is_match, const struct route_explain *x)
{
	struct json_out j;
	if (!choices.json) {
		puts(is_match ? "match" : "no match");
		route_explain_print(x, stdout);
		return;
	}
	json_begin(&j, stdout, JSON_LINE);
	json_object(&j, NULL);
	json_bool(&j, "match", is_match);
	if (choices.explain)
		route_explain_json(x, &j);
	(void)json_end(&j);
}

static int ask(const struct weir_filter *filter, const char *text, size_t bytes,
	       struct route_event *event, struct route_explain *x, struct weir_problem *problem)
{
	int rc = route_event_begin(event, filter_kind(), text, bytes, problem);
	if (rc < 0)
		return rc;
	return choices.explain
		       ? weir_filter_explain(filter, &event->routed, route_explain_leaf, x, problem)
		       : weir_filter_match(filter, &event->routed, problem);
}

static int test_one(const struct weir_filter *filter, struct counts *counts)
{
	struct weir_problem problem = {0};
	struct route_event event;
	struct route_explain x;
	route_explain_begin(&x);
	int rc = ask(filter, choices.event, strlen(choices.event), &event, &x, &problem);
	counts->events = 1;
	counts->matches = rc > 0;
	if (rc >= 0)
		print_answer(rc > 0, &x);
	else
		say_problem("the event", rc, &problem);
	route_event_end(&event);
	route_explain_end(&x);
	return rc == -ENOMEM ? CLI_EXIT_FAILED : rc < 0 ? CLI_EXIT_USAGE : CLI_EXIT_OK;
}

static void test_line(const struct weir_filter *filter, const char *line, size_t bytes,
		      struct counts *counts)
{
	struct weir_problem problem = {0};
	struct route_event event;
	struct route_explain x;
	route_explain_begin(&x);
	int rc = ask(filter, line, bytes, &event, &x, &problem);
	counts->events++;
	if (rc < 0) {
		char what[40];
		snprintf(what, sizeof what, "line %llu", (unsigned long long)counts->events);
		counts->bad++;
		(void)cli_fail(what, rc, &problem);
	} else {
		counts->matches += rc > 0;
		if (choices.json) {
			print_answer(rc > 0, &x);
		} else if (rc > 0 || choices.explain) {
			fwrite(line, 1, bytes, stdout);
			putchar('\n');
			if (choices.explain)
				print_answer(rc > 0, &x);
		}
	}
	route_event_end(&event);
	route_explain_end(&x);
}

static int test_lines(const struct weir_filter *filter, struct counts *counts)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;
	while ((bytes = getline(&line, &room, stdin)) >= 0) {
		if (bytes > 0 && line[bytes - 1] == '\n')
			bytes--;
		test_line(filter, line, (size_t)bytes, counts);
	}
	free(line);
	if (ferror(stdin))
		return cli_fail("standard input", -EIO, NULL);
	fprintf(stderr, "weir: %llu of %llu events match\n", (unsigned long long)counts->matches,
		(unsigned long long)counts->events);
	return counts->bad > 0 ? CLI_EXIT_FAILED : CLI_EXIT_OK;
}

static int run(const char *given)
{
	struct weir_problem problem = {0};
	struct weir_filter *filter = NULL;
	struct counts counts = {0};
	size_t bytes = 0;
	int code = CLI_EXIT_OK;
	char *pattern = pattern_text(given, &bytes, &code);
	if (pattern == NULL)
		return code;
	int rc = weir_filter_create(filter_kind(), pattern, bytes, NULL, &filter, &problem);
	free(pattern);
	if (rc < 0) {
		say_problem("the pattern", rc, &problem);
		return rc == -ENOMEM ? CLI_EXIT_FAILED : CLI_EXIT_USAGE;
	}
	code = choices.event != NULL ? test_one(filter, &counts) : test_lines(filter, &counts);
	weir_filter_destroy(filter);
	if (code == CLI_EXIT_OK && choices.exit_status && counts.matches == 0)
		return CLI_EXIT_FAILED;
	return code;
}

int cmd_route_test(int argc, char **argv)
{
	int first = 0;
	choices.pattern = choices.event = NULL;
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
	if (pattern == NULL)
		return cli_usage(&command, "there is no pattern");
	return run(pattern);
}
