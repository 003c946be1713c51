/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir route bench`: rules drawn for the events of a file, one matcher of them all, and how many
 * events a second one thread routes with it. The file is read into memory before.
 *
 * Thread: main.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/route.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/json_out.h"
#include "tools/weir/route/rules.h"

#define SAMPLE_EVENTS 512u
#define PATTERN_BYTES 1024u
#define PASSES_MAX 65536u

/* One command line a process: the table points here. */
static struct {
	uint64_t rules;
	uint64_t length_ns;
	uint64_t seed;
	const char *events;
	bool near;
	bool json;
} choices;

static const struct cli_option options[] = {
	{.name = "rules",
	 .type = CLI_NUMBER,
	 .target = &choices.rules,
	 .fallback = "1000",
	 .min = 1,
	 .max = WEIR_MATCHER_RULES_MAX,
	 .help = "how many"},
	{.name = "events",
	 .type = CLI_STRING,
	 .target = &choices.events,
	 .value_name = "FILE",
	 .help = "JSON objects, one a line"},
	{.name = "seconds",
	 .type = CLI_DURATION,
	 .target = &choices.length_ns,
	 .fallback = "2",
	 .value_name = "N",
	 .min = 1000000,
	 .help = "how long to route, the file again and again"},
	{.name = "seed",
	 .type = CLI_NUMBER,
	 .target = &choices.seed,
	 .fallback = "1",
	 .min = 1,
	 .help = "of the rules"},
	{.name = "near",
	 .type = CLI_FLAG,
	 .target = &choices.near,
	 .help = "rules for two values of two events"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "route bench",
	.summary = "How many events a second are routed by how many rules?",
	.description =
		"Rules are EventBridge patterns drawn from the seed for the fields that at\n"
		"least half of the events have: exact values, prefixes and ranges of numbers.\n"
		"One in 1024 asks for what an event has, the others for something beside it;\n"
		"every second one asks for another field as well. With --near each asks for\n"
		"values of two fields as events have them, mostly two events: those nearly\n"
		"match. All are in one matcher, and one thread routes the events; seconds are\n"
		"those of its CPU time.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

struct line {
	const char *at;
	size_t bytes;
};

struct bench {
	char *text; /* of the file */
	size_t text_bytes;
	struct line *lines;
	size_t line_count;
	size_t longest;
	struct weir_matcher *matcher;
	struct weir_match *match;
	uint64_t build_ns;
	uint64_t *pass_ns; /* each time through the file; in order when they are all there */
	size_t pass_count;
	uint64_t run_ns;
	uint64_t matches; /* of one time through the file */
};

/* Of this thread: what others do on its core is not counted. */
static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the file ---- */

static int read_file(struct bench *b, const char *path)
{
	FILE *file = fopen(path, "re");
	size_t room = 0;
	int code = file != NULL ? 0 : -errno;
	errno = 0;
	while (code == 0) {
		if (b->text_bytes == room) {
			room = room == 0 ? 1u << 20 : room * 2;
			char *more = realloc(b->text, room);
			if (more == NULL) {
				code = -ENOMEM;
				break;
			}
			b->text = more;
		}
		size_t n = fread(b->text + b->text_bytes, 1, room - b->text_bytes, file);
		if (n == 0)
			break;
		b->text_bytes += n;
	}
	if (code == 0 && ferror(file))
		code = errno != 0 ? -errno : -EIO;
	if (file != NULL)
		fclose(file);
	return code;
}

static int split(struct bench *b)
{
	size_t count = 1;
	for (size_t i = 0; i < b->text_bytes; i++)
		count += b->text[i] == '\n';
	b->lines = calloc(count, sizeof *b->lines);
	if (b->lines == NULL)
		return -ENOMEM;
	for (size_t at = 0; at < b->text_bytes;) {
		const char *feed = memchr(b->text + at, '\n', b->text_bytes - at);
		size_t bytes = feed != NULL ? (size_t)(feed - b->text) - at : b->text_bytes - at;
		if (bytes > 0)
			b->lines[b->line_count++] = (struct line){b->text + at, bytes};
		if (bytes > b->longest)
			b->longest = bytes;
		at += bytes + 1;
	}
	return 0;
}

/* ---- rules ---- */

static int draw_filters(struct rule_source *source, struct weir_filter **filters,
			struct weir_problem *problem)
{
	char pattern[PATTERN_BYTES];
	for (uint64_t i = 0; i < choices.rules; i++) {
		rule_source_draw(source, pattern, sizeof pattern);
		int rc = weir_filter_create(WEIR_FILTER_EVENTBRIDGE, pattern, strlen(pattern), NULL,
					    &filters[i], problem);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int build(struct bench *b, struct weir_problem *problem)
{
	struct rule_source source = {.seed = choices.seed * 0x9e3779b97f4a7c15u,
				     .is_near = choices.near};
	struct weir_filter **filters = calloc(choices.rules, sizeof *filters);
	size_t step = b->line_count / SAMPLE_EVENTS + 1;
	int rc = filters != NULL ? 0 : -ENOMEM;
	for (size_t i = 0; i < b->line_count && rc == 0; i += step)
		rc = rule_source_add(&source, b->lines[i].at, b->lines[i].bytes);
	rule_source_settle(&source);
	if (rc == 0 && source.count == 0)
		rc = -EINVAL;
	if (rc == -EINVAL)
		snprintf(problem->text, sizeof problem->text,
			 "the events are no JSON objects with fields, one a line");
	if (rc == 0)
		rc = draw_filters(&source, filters, problem);
	uint64_t begun_ns = now_ns();
	if (rc == 0)
		rc = weir_matcher_create((const struct weir_filter *const *)filters, choices.rules,
					 NULL, &b->matcher, problem);
	b->build_ns = now_ns() - begun_ns;
	for (uint64_t i = 0; filters != NULL && i < choices.rules; i++)
		weir_filter_destroy(filters[i]);
	free(filters);
	rule_source_end(&source);
	if (rc == 0)
		rc = weir_match_create(b->matcher, b->longest, NULL, &b->match, problem);
	return rc;
}

/* ---- the run ---- */

static int route_once(struct bench *b)
{
	static uint32_t rules[4096];
	uint64_t matches = 0;
	for (size_t i = 0; i < b->line_count; i++) {
		struct weir_routed event = {.payload = b->lines[i].at,
					    .payload_bytes = b->lines[i].bytes};
		int n = weir_match_run(b->match, &event, rules, WR_ARRAY_COUNT(rules));
		if (n < 0)
			return n;
		matches += (uint64_t)n;
	}
	b->matches = matches;
	return 0;
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

static int route(struct bench *b)
{
	int rc = route_once(b); /* warms up */
	uint64_t begun_ns = now_ns();
	b->pass_ns = calloc(PASSES_MAX, sizeof *b->pass_ns);
	if (b->pass_ns == NULL)
		return -ENOMEM;
	while (rc == 0 && b->run_ns < choices.length_ns && b->pass_count < PASSES_MAX) {
		uint64_t before_ns = b->run_ns;
		rc = route_once(b);
		b->run_ns = now_ns() - begun_ns;
		b->pass_ns[b->pass_count++] = b->run_ns - before_ns;
	}
	qsort(b->pass_ns, b->pass_count, sizeof *b->pass_ns, compare_times);
	return rc;
}

static double rate_of(const struct bench *b, uint64_t pass_ns)
{
	return (double)b->line_count * 1e9 / (double)(pass_ns > 0 ? pass_ns : 1);
}

static int report(const struct bench *b)
{
	double rate = rate_of(b, b->pass_ns[b->pass_count / 2]);
	char text[CLI_TEXT_BYTES];
	struct json_out j;
	if (!choices.json) {
		printf("%s events a second, %.0f bytes each, by %llu rules: %llu matches in %zu "
		       "events\n",
		       cli_text_rate(text, rate), (double)b->text_bytes / (double)b->line_count,
		       (unsigned long long)choices.rules, (unsigned long long)b->matches,
		       b->line_count);
		printf("the matcher: made in %s", cli_text_ns(text, b->build_ns));
		printf(", %s\n", cli_text_bytes(text, weir_matcher_bytes(b->matcher)));
		return CLI_EXIT_OK;
	}
	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	json_f64(&j, "events_per_s", rate, 0);
	json_f64(&j, "best_events_per_s", rate_of(b, b->pass_ns[0]), 0);
	json_u64(&j, "rules", choices.rules);
	json_u64(&j, "matches", b->matches);
	json_u64(&j, "events", b->line_count);
	json_f64(&j, "event_bytes", (double)b->text_bytes / (double)b->line_count, 1);
	json_f64(&j, "seconds", (double)b->run_ns / 1e9, 3);
	json_f64(&j, "build_ms", (double)b->build_ns / 1e6, 1);
	json_u64(&j, "matcher_bytes", weir_matcher_bytes(b->matcher));
	return json_end(&j) < 0 ? CLI_EXIT_IO : CLI_EXIT_OK;
}

int cmd_route_bench(int argc, char **argv)
{
	struct bench b = {0};
	struct weir_problem problem = {0};
	int first = 0;
	choices.events = NULL;
	choices.near = choices.json = false;
	int code = cli_parse(&command, argc, argv, &first);
	if (code != CLI_GO_ON)
		return code;
	if (choices.events == NULL)
		return cli_usage(&command, "--events says which file of events to route");
	int rc = read_file(&b, choices.events);
	if (rc == 0)
		rc = split(&b);
	if (rc == 0)
		rc = build(&b, &problem);
	if (rc == 0)
		rc = route(&b);
	code = rc < 0 ? cli_fail(choices.events, rc, &problem) : report(&b);
	weir_match_destroy(b.match);
	weir_matcher_destroy(b.matcher);
	free(b.pass_ns);
	free(b.lines);
	free(b.text);
	return code;
}
