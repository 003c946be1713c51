/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir demo`: an exchange that is killed half-way and loses nothing. This process is the parent:
 * it fixes the plan, runs the pipeline in a child, kills it with SIGKILL, runs it again on the same
 * directory, and then reads the journal itself and judges (demo/audit.h). It has no pipeline and no
 * thread of its own, so it may fork.
 *
 *   demo/source, generator, line   the events: from a seed, or from lines
 *   demo/run                       the two lives, and the kill between them
 *   demo/child, groups             the process that publishes and consumes
 *   demo/shared                    what outlives it
 *   demo/audit, book, snapshot     the verdict
 *   demo/repair                    the last act: a consumer that fails, and the redrive
 *   demo/live, page_look           weir top and the live page, while it runs
 *   demo/report                    what is printed
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/weir/args.h"
#include "tools/weir/config_report.h"
#include "tools/weir/demo/run.h"
#include "tools/weir/interrupt.h"

#define SECOND_NS UINT64_C(1000000000)

/* --- the directory ------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static bool is_empty_dir(const char *path, int *ret_error)
{
	DIR *dir = opendir(path);
	size_t entry_count = 0;

	*ret_error = 0;
	if (dir == NULL) {
		/* weir_open() makes it. */
		*ret_error = errno == ENOENT ? 0 : -errno;
		return *ret_error == 0;
	}
	while (readdir(dir) != NULL)
		entry_count++;
	closedir(dir);
	return entry_count <= 2;
}

static int choose_dir(struct demo *demo, const char *given)
{
	int error;

	if (given != NULL) {
		if (strlen(given) >= sizeof demo->dir)
			return cli_fail("--dir", -ENAMETOOLONG, NULL);
		if (!is_empty_dir(given, &error)) {
			if (error < 0)
				return cli_fail(given, error, NULL);
			fprintf(stderr,
				"weir: %s is not empty: the demo wants a journal of its own,"
				" so that it can account for every event in it\n",
				given);
			return CLI_EXIT_USAGE;
		}
		snprintf(demo->dir, sizeof demo->dir, "%s", given);
	} else {
		const char *base = getenv("TMPDIR");
		if (base == NULL || base[0] == '\0')
			base = "/var/tmp";
		if (snprintf(demo->dir, sizeof demo->dir, "%s/weir-demo-XXXXXX", base) >=
		    (int)sizeof demo->dir)
			return cli_fail("TMPDIR", -ENAMETOOLONG, NULL);
		if (mkdtemp(demo->dir) == NULL)
			return cli_fail(demo->dir, -errno, NULL);
		demo->own_dir = true;
	}
	demo->plan.options.dir = demo->dir;
	return CLI_EXIT_OK;
}

/* --- options ------------------------------------------------------------------------------- */

struct demo_settings {
	uint64_t seconds_ns;
	uint64_t rate_per_s;
	uint64_t partitions;
	uint64_t seed;
	const char *input;
	const char *dir;
	const char *config;
	const char *listen;
	bool io_given;
	bool partitions_given;
	unsigned io;
	bool seconds_given;
};

/* Filled in by cli_parse(), once a process. */
static struct demo_settings settings;
static bool want_json;

static int open_input(struct demo *demo, const char *path)
{
	int error = demo_input_open(&demo->input, path);
	if (error < 0)
		return cli_fail(path, error, NULL);
	struct demo_source *source = calloc(1, sizeof *source);
	if (source == NULL)
		return cli_fail("reserving memory", -ENOMEM, NULL);
	demo_source_init(source, &demo->input, 0);
	(void)demo_source_skip_to(source, UINT64_MAX);
	uint64_t event_count = source->index;
	free(source);
	if (event_count < 2) {
		fprintf(stderr,
			"weir: %s holds %" PRIu64 " events: the demo needs two or more,"
			" one before the kill and one after it\n",
			path, event_count);
		return CLI_EXIT_USAGE;
	}
	demo->plan.input = &demo->input;
	demo->plan.event_limit = event_count;
	return CLI_EXIT_OK;
}

#ifdef WR_HAVE_CONFIG

/* The topic's partitions; 0: there is no such topic. */
static uint32_t partitions_of(const struct weir_config *config, const char *name)
{
	uint32_t count;
	const struct weir_topic_options *topics = weir_config_topics(config, &count);
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(topics[i].name, name) == 0)
			return topics[i].partitions;
	return 0;
}

/* The file's options; its journal is elsewhere, and the groups are the demo's own. */
static int read_config(struct demo *demo, const char *path)
{
	struct weir_problem problem = {0};
	struct demo_plan *plan = &demo->plan;
	int rc = weir_config_load(path, 0, &demo->config, &problem);
	if (rc < 0)
		return cli_fail("config", rc, &problem);
	if (config_report(demo->config) != CLI_GO_ON)
		return CLI_EXIT_CONFIG;
	plan->options = *weir_config_options(demo->config);
	plan->partitions = partitions_of(demo->config, DEMO_TOPIC);
	const char *what = NULL;
	if (plan->partitions == 0)
		what = "the demo publishes into a topic \"" DEMO_TOPIC "\", which is not there";
	else if (plan->partitions > DEMO_PARTITIONS_MAX)
		what = "more partitions of \"" DEMO_TOPIC "\" than the demo takes: 256";
	else if (plan->options.retention_bytes > 0 || plan->options.retention_time_ns > 0)
		what = "the demo accounts for every event: leave journal.retention and "
		       "journal.retention_time out";
	if (what == NULL)
		return CLI_EXIT_OK;
	fprintf(stderr, "weir: %s: %s\n", path, what);
	return CLI_EXIT_CONFIG;
}

#else

static int read_config(struct demo *demo, const char *path)
{
	(void)demo;
	(void)path;
	fprintf(stderr, "weir: --config: built without libweir-config\n");
	return CLI_EXIT_USAGE;
}

#endif

/* Defaults, over them the file, over that what was given. */
static int read_options(struct demo *demo)
{
	struct demo_plan *plan = &demo->plan;
	weir_options_init(&plan->options);
	plan->options.name = "demo";
	plan->options.io = (enum weir_io)settings.io;
	plan->partitions = (uint32_t)settings.partitions;
	if (settings.config == NULL)
		return CLI_EXIT_OK;
	int exit_code = read_config(demo, settings.config);
	if (settings.io_given)
		plan->options.io = (enum weir_io)settings.io;
	if (settings.partitions_given)
		plan->partitions = (uint32_t)settings.partitions;
	return exit_code;
}

static int make_plan(struct demo *demo)
{
	struct demo_plan *plan = &demo->plan;
	bool paced = settings.rate_per_s != CLI_RATE_MAX;

	int exit_code = read_options(demo);
	if (exit_code != CLI_EXIT_OK)
		return exit_code;
	plan->seed = settings.seed;
	plan->rate_per_s = paced ? settings.rate_per_s : 0;
	if (settings.input != NULL) {
		exit_code = open_input(demo, settings.input);
		if (exit_code != CLI_EXIT_OK)
			return exit_code;
		/* An input is published to its end, unless a time was asked for. */
		if (settings.seconds_given) {
			plan->life_ns = settings.seconds_ns / 2;
			demo->kill_after_ns = plan->life_ns;
		}
		return CLI_EXIT_OK;
	}
	plan->life_ns = settings.seconds_ns / 2;
	demo->kill_after_ns = plan->life_ns;
	if (paced) {
		double events = (double)plan->rate_per_s * (double)settings.seconds_ns / 1e9;
		plan->event_limit = events < 2 ? 2 : (uint64_t)events;
		/* The count ends it; time does where a machine cannot keep up. */
		plan->life_ns *= 2;
		demo->kill_after_ns *= 2;
	}
	return CLI_EXIT_OK;
}

/* The pipeline is seen by its file of metrics: without one nobody can look. */
static void begin_live(struct demo *demo)
{
	const char *metrics_dir = demo->plan.options.metrics_dir;
	bool elsewhere = metrics_dir != NULL; /* "none", or where weir serve does not look */

	demo_live_begin(&demo->live, elsewhere ? "none" : settings.listen);
#ifndef WR_NO_METRICS
	demo->look = !elsewhere && strcmp(settings.listen, "none") != 0;
#endif
	if (!demo->json && demo->look)
		demo_live_tell(&demo->live, demo->plan.options.name);
}

static int prepare(struct demo *demo)
{
	int exit_code = make_plan(demo);
	if (exit_code != CLI_EXIT_OK)
		return exit_code;
	void *shared = mmap(NULL, sizeof *demo->shared, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return cli_fail("reserving memory", -errno, NULL);
	demo->shared = shared;
	exit_code = choose_dir(demo, settings.dir);
	if (exit_code != CLI_EXIT_OK)
		return exit_code;
	demo_progress_init(&demo->progress, demo->json && isatty(STDERR_FILENO) != 1);
	if (!demo->json)
		printf("journal in %s%s\n", demo->dir,
		       demo->own_dir ? " (removed at the end; --dir keeps it)" : "");
	begin_live(demo);
	return CLI_EXIT_OK;
}

static void release(struct demo *demo)
{
	demo_progress_end(&demo->progress);
	demo_live_end(&demo->live);
	if (demo->audit.source != NULL)
		demo_audit_fini(&demo->audit);
	demo_input_close(&demo->input);
#ifdef WR_HAVE_CONFIG
	weir_config_destroy(demo->config);
#endif
	if (demo->shared != NULL)
		munmap(demo->shared, sizeof *demo->shared);
	if (demo->own_dir)
		(void)nftw(demo->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *const backends[] = {"auto", "uring", "posix", NULL};

static const struct cli_option options[] = {
	{.name = "seconds",
	 .type = CLI_DURATION,
	 .target = &settings.seconds_ns,
	 .fallback = "10",
	 .min = SECOND_NS / 10,
	 .value_name = "N",
	 .help = "how long to publish, both lives together"},
	{.name = "rate",
	 .type = CLI_RATE,
	 .target = &settings.rate_per_s,
	 .fallback = "100000",
	 .min = 1,
	 .max = 100000000,
	 .value_name = "R",
	 .help = "events a second, or max: as fast as it goes (writes gigabytes)"},
	{.name = "config",
	 .type = CLI_STRING,
	 .target = &settings.config,
	 .value_name = "FILE",
	 .help = "sizes, threads and partitions of this file"},
	{.name = "input",
	 .type = CLI_STRING,
	 .target = &settings.input,
	 .value_name = "FILE",
	 .help = "publish the lines of FILE instead, - for stdin"},
	{.name = "dir",
	 .type = CLI_STRING,
	 .target = &settings.dir,
	 .value_name = "D",
	 .help = "journal here (made if missing, else empty) and keep it"},
	{.name = "io",
	 .type = CLI_ENUM,
	 .target = &settings.io,
	 .choices = backends,
	 .fallback = "auto",
	 .help = "storage backend"},
	{.name = "partitions",
	 .type = CLI_NUMBER,
	 .target = &settings.partitions,
	 .fallback = "8",
	 .min = 1,
	 .max = DEMO_PARTITIONS_MAX,
	 .help = "partitions of the topic"},
	{.name = "seed",
	 .type = CLI_NUMBER,
	 .target = &settings.seed,
	 .fallback = "1",
	 .help = "of the generator: one seed, one stream"},
	{.name = "listen",
	 .type = CLI_STRING,
	 .target = &settings.listen,
	 .fallback = "127.0.0.1:0",
	 .value_name = "ADDRESS",
	 .help = "where the live page is served; port 0: any that is free; none: nobody looks"},
	CLI_OPTION_JSON(&want_json),
};

static const struct cli_command command = {
	.name = "demo",
	.summary = "an exchange that is killed half-way, and loses nothing",
	.description =
		"A child process publishes limit-order events, durable, and three groups\n"
		"consume them: order books by partition, the trade tape, a count. Half-way\n"
		"it is killed with SIGKILL, started again on the same journal, and goes on.\n"
		"Then the journal is read and compared, event by event, with what was\n"
		"acknowledged. Exit code 0 only if nothing is lost, out of order or wrong.\n"
		"\n"
		"Watch it while it runs: it prints the address of a live page for a browser, and\n"
		"weir top demo shows the same in another terminal (--seconds 60 gives you a\n"
		"minute). In the second life it looks at both itself, and shows what they say.\n"
		"\n"
		"Events of the generator are keyed by instrument, so that a book is whole in\n"
		"its partition. Input lines: {\"key\": K, \"type\": T, \"payload\": {...}}, or\n"
		"the log of an exchange's feed, <ms> <kind> <json>, keyed by order id.",
	.options = options,
	.option_count = sizeof options / sizeof options[0],
};

int cmd_demo(int argc, char **argv)
{
	struct demo demo = {0};
	int first = 0;

	int exit_code = cli_parse(&command, argc, argv, &first);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	demo.json = want_json;
	settings.seconds_given = cli_given(&command, "seconds");
	settings.io_given = cli_given(&command, "io");
	settings.partitions_given = cli_given(&command, "partitions");
	interrupt_catch(INTERRUPT_NOTES);
	exit_code = prepare(&demo);
	if (exit_code == CLI_EXIT_OK)
		exit_code = demo_run(&demo);
	release(&demo);
	return exit_code;
}
