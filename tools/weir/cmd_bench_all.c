/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench all`: every benchmark, one after the other, and one report of them.
 *
 *     ring ─► stall ─► memory ─► pipeline ─► journal ─► replay ─► everything
 *                                                         ─► one page, one JSON object
 *
 * Each is the command that a user would call, in a child process: what one leaves behind (pinned
 * threads, a heap, CPU time) is not the next one's, and one that fails ends nothing. Its page and
 * its JSON lie in a folder of their own until all have run.
 *
 * Thread: main, which has no other thread beside it when it forks.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/error.h>

#include "bench/harness.h"
#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/html_page.h"
#include "tools/weir/interrupt.h"
#include "tools/weir/json_out.h"

#define WORDS_MAX 16
#define PART_NOT_RUN (-1)

struct all_choices {
	const char *dir;
	struct cli_strings only;
	bool quick;
	bool peers;
	bool missing_ok;
	bool json;
	const char *html;
};

struct part {
	const char *name; /* in the report */
	const char *what;
	int (*run)(int argc, char **argv);
	const char *words[4];       /* always; NULL ends */
	const char *quick_words[5]; /* with --quick */
	bool has_dir;
	bool has_peers;
	/* Of this run. */
	bool wanted;
	int exit_code; /* or PART_NOT_RUN */
	double seconds;
};

static struct all_choices choices;

static struct part parts[] = {
	{.name = "ring",
	 .what = "rings of every shape",
	 .run = cmd_bench_ring,
	 .words = {"ring"},
	 .quick_words = {"--quick"},
	 .has_peers = true},
	{.name = "stall",
	 .what = "one thread stopped, and what the others see",
	 .run = cmd_bench_stall,
	 .words = {"stall"},
	 .quick_words = {"--for", "10ms"}},
	{.name = "memory",
	 .what = "publish, poll and acknowledge in memory",
	 .run = cmd_bench_pipeline,
	 .words = {"pipeline", "--memory"},
	 .quick_words = {"--seconds", "1", "--warmup", "100ms"}},
	{.name = "pipeline",
	 .what = "publish, journal, poll and acknowledge",
	 .run = cmd_bench_pipeline,
	 .words = {"pipeline"},
	 .quick_words = {"--seconds", "1", "--warmup", "100ms"},
	 .has_dir = true},
	{.name = "journal",
	 .what = "durable acknowledgements beside the disk",
	 .run = cmd_bench_journal,
	 .words = {"journal"},
	 .quick_words = {"--quick"},
	 .has_dir = true,
	 .has_peers = true},
	{.name = "replay",
	 .what = "reading it all again",
	 .run = cmd_bench_replay,
	 .words = {"replay"},
	 .quick_words = {"--quick"},
	 .has_dir = true},
#ifndef WR_NO_METRICS
	{.name = "everything",
	 .what = "what an event costs with everything on",
	 .run = cmd_bench_everything,
	 .words = {"everything"},
	 .quick_words = {"--quick"},
	 .has_dir = true},
#endif
};

#define PART_COUNT WR_ARRAY_COUNT(parts)

static const struct cli_option options[] = {
	{.name = "dir",
	 .type = CLI_STRING,
	 .target = &choices.dir,
	 .fallback = ".",
	 .help = "on the disk to measure: works in folders that it makes there, and removes"},
	{.name = "only",
	 .type = CLI_STRINGS,
	 .target = &choices.only,
	 .value_name = "PART",
	 .help = "ring, stall, memory, pipeline, journal, replay or everything (several)"},
	{.name = "quick",
	 .type = CLI_FLAG,
	 .target = &choices.quick,
	 .help = "fewer rounds of each: about a minute in all"},
	{.name = "peers",
	 .type = CLI_FLAG,
	 .target = &choices.peers,
	 .help = "others beside weir, where a benchmark has some"},
	{.name = "missing-ok",
	 .type = CLI_FLAG,
	 .target = &choices.missing_ok,
	 .help = "peers that are not here are no failure"},
	{.name = "html",
	 .type = CLI_STRING,
	 .target = &choices.html,
	 .value_name = "FILE",
	 .help = "write one page with the plots of all, too"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "bench all",
	.summary = "Every benchmark, one after the other, and one report of them.",
	.description =
		"Rings, a stopped thread, a pipeline in memory and one with a journal, durable\n"
		"acknowledgements, reading again, everything on: each as its own command runs by\n"
		"default, in a process of its own. One that fails does not keep the others from\n"
		"running.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

static void path_of(const struct part *part, const char *dir, const char *ending,
		    char to[BENCH_PATH_BYTES])
{
	(void)snprintf(to, BENCH_PATH_BYTES, "%.480s/%s.%s", dir, part->name, ending);
}

/* The command line of a part. `html` is where its page goes. */
static int words_of(const struct part *part, char html[BENCH_PATH_BYTES], const char *argv[])
{
	int argc = 0;

	for (size_t i = 0; i < WR_ARRAY_COUNT(part->words) && part->words[i] != NULL; i++)
		argv[argc++] = part->words[i];
	for (size_t i = 0;
	     choices.quick && i < WR_ARRAY_COUNT(part->quick_words) && part->quick_words[i] != NULL;
	     i++)
		argv[argc++] = part->quick_words[i];
	if (part->has_dir) {
		argv[argc++] = "--dir";
		argv[argc++] = choices.dir;
	}
	if (part->has_peers && choices.peers)
		argv[argc++] = "--peers";
	if (part->has_peers && choices.peers && choices.missing_ok)
		argv[argc++] = "--missing-ok";
	if (choices.json)
		argv[argc++] = "--json";
	if (choices.html != NULL) {
		argv[argc++] = "--html";
		argv[argc++] = html;
	}
	return argc;
}

/* In the child: never comes back. */
static void be_part(const struct part *part, const char *dir)
{
	char html[BENCH_PATH_BYTES], json[BENCH_PATH_BYTES];
	const char *words[WORDS_MAX] = {NULL};

	interrupt_forget();
	path_of(part, dir, "html", html);
	path_of(part, dir, "json", json);
	int argc = words_of(part, html, words);
	if (choices.json && freopen(json, "we", stdout) == NULL)
		_exit(cli_fail(json, -errno, NULL));
	int exit_code = part->run(argc, (char **)(uintptr_t)words);
	if (fflush(NULL) != 0 && exit_code == CLI_EXIT_OK)
		exit_code = cli_fail("writing the report", -errno, NULL);
	_exit(exit_code);
}

/* Its exit code. An interrupt of this process is passed on, and waited for. */
static int await_part(pid_t child)
{
	bool told = false;
	int status;

	while (waitpid(child, &status, 0) != child) {
		if (errno != EINTR)
			return cli_fail("waiting for a benchmark", -errno, NULL);
		if (!told && interrupt_came() != 0) {
			told = true;
			(void)kill(child, SIGTERM);
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_part(struct part *part, const char *dir)
{
	uint64_t start_ns = bench_now_ns();

	fprintf(stderr, "weir: %s: %s\n", part->name, part->what);
	if (!choices.json)
		printf("== %s: %s\n\n", part->name, part->what);
	(void)fflush(NULL);
	pid_t child = fork();
	if (child == 0)
		be_part(part, dir);
	part->exit_code =
		child < 0 ? cli_fail("a process for a benchmark", -errno, NULL) : await_part(child);
	part->seconds = (double)(bench_now_ns() - start_ns) / 1e9;
	if (!choices.json)
		printf("\n");
}

/* The first that failed decides. */
static int run_parts(const char *dir)
{
	int exit_code = CLI_EXIT_OK;

	for (size_t i = 0; i < PART_COUNT; i++) {
		if (!parts[i].wanted)
			continue;
		run_part(&parts[i], dir);
		if (exit_code == CLI_EXIT_OK)
			exit_code = parts[i].exit_code;
		if (interrupt_came() != 0)
			return INTERRUPT_EXIT;
	}
	return exit_code;
}

/* An exit code, or CLI_GO_ON. */
static int choose_parts(void)
{
	for (size_t i = 0; i < PART_COUNT; i++) {
		parts[i].exit_code = PART_NOT_RUN;
		parts[i].wanted = choices.only.count == 0;
	}
	for (uint32_t k = 0; k < choices.only.count; k++) {
		bool found = false;
		for (size_t i = 0; i < PART_COUNT; i++) {
			bool is_it = strcmp(choices.only.items[k], parts[i].name) == 0;
			parts[i].wanted = parts[i].wanted || is_it;
			found = found || is_it;
		}
		if (!found)
			return cli_usage(&command, "--only: there is no part %.40s",
					 choices.only.items[k]);
	}
	return CLI_GO_ON;
}

static const char *verdict(const struct part *part, char to[CLI_TEXT_BYTES])
{
	if (part->exit_code == PART_NOT_RUN)
		return "not run";
	if (part->exit_code == 0)
		return "ran";
	(void)snprintf(to, CLI_TEXT_BYTES, "exit code %d", part->exit_code);
	return to;
}

static void tell_text(void)
{
	char text[CLI_TEXT_BYTES];

	for (size_t i = 0; i < PART_COUNT; i++)
		printf("%-10s %6.1f s  %s\n", parts[i].name, parts[i].seconds,
		       verdict(&parts[i], text));
}

/* What the part has printed; NULL: nothing whole. The caller's to free. */
static char *read_json(const struct part *part, const char *dir, size_t *ret_bytes)
{
	char path[BENCH_PATH_BYTES];
	char *text = NULL;
	size_t capacity = 0;

	path_of(part, dir, "json", path);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return NULL;
	ssize_t n = getdelim(&text, &capacity, '\0', f);
	(void)fclose(f);
	if (n >= 3 && text[0] == '{' && text[n - 2] == '}' && text[n - 1] == '\n') {
		*ret_bytes = (size_t)n;
		return text;
	}
	free(text);
	return NULL;
}

static int tell_json(const char *dir)
{
	struct json_out j;

	json_begin(&j, stdout, JSON_PRETTY);
	json_object(&j, NULL);
	json_text(&j, "benchmark", "all");
	json_text(&j, "weir", weir_version());
	json_array(&j, "parts");
	for (size_t i = 0; i < PART_COUNT; i++) {
		json_object(&j, NULL);
		json_text(&j, "name", parts[i].name);
		json_text(&j, "what", parts[i].what);
		json_bool(&j, "ran", parts[i].exit_code != PART_NOT_RUN);
		json_i64(&j, "exit_code", parts[i].exit_code);
		json_f64(&j, "seconds", parts[i].seconds, 1);
		json_close(&j);
	}
	json_close(&j);
	for (size_t i = 0; i < PART_COUNT; i++) {
		size_t bytes;
		char *text = read_json(&parts[i], dir, &bytes);
		if (text != NULL)
			json_ready(&j, parts[i].name, text, bytes);
		else
			json_text(&j, parts[i].name, NULL);
		free(text);
	}
	json_close(&j);
	return json_end(&j);
}

static int include_part(const struct part *part, const char *dir, FILE *to)
{
	char path[BENCH_PATH_BYTES];

	path_of(part, dir, "html", path);
	FILE *from = fopen(path, "re");
	if (from == NULL)
		return errno == ENOENT ? 0 : -errno; /* it says in the table that it failed */
	int code = html_include(to, part->name, from);
	(void)fclose(from);
	return code;
}

static int tell_html(const char *dir, FILE *to)
{
	char text[CLI_TEXT_BYTES];
	struct timespec now;
	int code = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	html_begin(to, "weir bench all");
	fputs("<table class=\"facts\"><tbody>\n", to);
	for (size_t i = 0; i < PART_COUNT; i++)
		fprintf(to,
			"<tr><th><a href=\"#%s\">%s</a></th><td>%s</td><td>%.1f s</td>"
			"<td>%s</td></tr>\n",
			parts[i].name, parts[i].name, parts[i].what, parts[i].seconds,
			verdict(&parts[i], text));
	html_fact(to, "weir", weir_version());
	html_fact(to, "when",
		  cli_text_time(text,
				(uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u));
	fputs("</tbody></table>\n", to);
	for (size_t i = 0; code == 0 && i < PART_COUNT; i++)
		code = include_part(&parts[i], dir, to);
	html_end(to);
	return code;
}

static int tell(const char *dir, struct html_file *page, int exit_code)
{
	int code = 0;

	if (!choices.json)
		tell_text();
	else
		code = tell_json(dir);
	if (code < 0)
		return cli_fail("writing the report", code, NULL);
	if (choices.html == NULL)
		return exit_code;
	code = tell_html(dir, page->to);
	if (code == 0)
		code = html_close(page, true);
	return code < 0 ? cli_fail(choices.html, code, NULL) : exit_code;
}

int cmd_bench_all(int argc, char **argv)
{
	struct html_file page = {.to = NULL};
	char dir[BENCH_PATH_BYTES];

	int exit_code = cli_parse(&command, argc, argv, NULL);
	if (exit_code == CLI_GO_ON)
		exit_code = choose_parts();
	if (exit_code != CLI_GO_ON)
		return exit_code;
	int code = choices.html != NULL ? html_open(&page, choices.html) : 0;
	if (code < 0)
		return cli_fail(choices.html, code, NULL);
	code = bench_dir_make(choices.dir, dir);
	if (code == 0) {
		interrupt_catch(INTERRUPT_KILLS);
		exit_code = tell(dir, &page, run_parts(dir));
		code = bench_dir_remove(dir);
	}
	(void)html_close(&page, false);
	return code < 0 ? cli_fail(choices.dir, code, NULL) : exit_code;
}
