/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench pipeline`: settings from the command line or from a file, the bare sync before and
 * after (in turn, never beside), the run in a directory of its own that goes again, the report.
 *
 * An interrupt ends the run properly: what was measured is reported and the directory removed.
 *
 * Thread: main; bench/pipeline.c starts and joins the others.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "bench/pipeline.h"
#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/bench_config.h"
#include "tools/weir/bench_cpus.h"
#include "tools/weir/bench_input.h"
#include "tools/weir/bench_options.h"
#include "tools/weir/bench_report.h"
#include "tools/weir/html_page.h"
#include "tools/weir/interrupt.h"

#define BARE_TIME_NS 2000000000ull

/* One command line a process. */
static struct pipeline_settings settings;
static struct bench_choices choices;
static struct html_file page; /* open while it is to be written */

/* Where threads run: dealt out, and over that what was said. An exit code, or CLI_GO_ON. */
static int place(struct pipeline_settings *s, const struct bench_choices *c)
{
	struct wr_affinity affinity;
	char why[160];

	if (c->pin) {
		int code = wr_affinity_scan(NULL, &affinity);
		if (code < 0)
			return cli_fail("reading the CPUs of this process", code, NULL);
		bench_cpus_spread(&affinity, s);
	}
	if (c->cpus != NULL && bench_cpus_parse(c->cpus, s, why, sizeof why) < 0)
		return cli_usage(&bench_command, "--cpus: %s", why);
	return CLI_GO_ON;
}

/* One topic, one subscription that reads it. */
static void settle_threads(struct pipeline_settings *s, const struct bench_choices *c)
{
	static const char *const names[] = {"bench"};
	static struct weir_topic_options topic;
	static struct weir_subscription_options subscription;

	weir_topic_options_init(&topic);
	topic.name = names[0];
	topic.partitions = (uint32_t)c->partitions;
	weir_subscription_options_init(&subscription);
	subscription.name = names[0];
	subscription.topics = names;
	subscription.topic_count = 1;
	subscription.gate = (enum weir_level)c->gate;
	subscription.when_slow = (enum weir_when_slow)c->when_slow;
	s->topics = &topic;
	s->topic_count = 1;
	s->subscriptions = &subscription;
	s->subscription_count = 1;
	s->streams[0] = (struct pipeline_stream){.producer_count = (uint32_t)c->producers,
						 .payload_bytes = c->payload_bytes,
						 .key_count = c->keys,
						 .rate = c->rate};
	s->stream_count = 1;
	s->readers[0] = (struct pipeline_reader){.member_count = (uint32_t)c->members};
}

/* weir's defaults, and over them what was chosen. 0: not chosen. */
static void settle(struct pipeline_settings *s, const struct bench_choices *c)
{
	struct weir_options *o = &s->options;

	weir_options_init(o);
	o->name = "bench";
	o->io = (enum weir_io)c->io;
	o->segment_bytes = c->segment_bytes;
	o->retention_bytes = c->retention_bytes;
	if (c->pool_bytes != 0)
		o->pool_bytes = c->pool_bytes;
	if (c->chunk_bytes != 0)
		o->chunk_bytes = (uint32_t)c->chunk_bytes;
	if (c->lane_bytes != 0)
		o->lane_bytes = (uint32_t)c->lane_bytes;
	if (c->undurable_bytes != 0)
		o->undurable_bytes = c->undurable_bytes;
	if (c->batches_in_flight != 0)
		o->batches_in_flight_max = (uint32_t)c->batches_in_flight;
	o->journal_thread = (enum weir_journal_thread)c->journal_thread;
	if (c->wait != WEIR_WAIT_DEFAULT) {
		o->log.wait = (enum weir_wait)c->wait;
		o->journal.wait = (enum weir_wait)c->wait;
		o->group.wait = (enum weir_wait)c->wait;
	}
	o->huge_pages = (enum weir_huge_pages)c->huge_pages;
	s->level = (enum weir_level)c->level;
	if (s->level == WEIR_LEVEL_DEFAULT)
		s->level = c->memory ? WEIR_LEVEL_MEMORY : WEIR_LEVEL_DURABLE;
	s->pace = (enum pipeline_pace)c->pace;
	s->progress = (enum pipeline_progress)c->progress;
	s->length_ns = c->length_ns;
	s->warmup_ns = c->warmup_ns;
	settle_threads(s, c);
}

static int load_input(struct pipeline_settings *s, const struct bench_choices *c,
		      struct bench_input *input)
{
	/* As weir has it: of a lane and of a chunk, with room for the key and the bench's mark. */
	const struct bench_fields fields = {c->key, c->type, c->headers};
	const char *path = c->input;
	size_t most = wr_min_u64(s->options.lane_bytes, s->options.chunk_bytes) / 4 - 256;
	int code = bench_input_load(path, &fields, input);

	if (code == -ENODATA) {
		fprintf(stderr, "weir: %s has no line to publish\n", path);
		return CLI_EXIT_USAGE;
	}
	if (code == -EINVAL && input->why[0] != '\0')
		return cli_usage(&bench_command, "--headers: %s", input->why);
	if (code == -EBADMSG) {
		fprintf(stderr, "weir: %s, %s\n", path, input->why);
		return CLI_EXIT_USAGE;
	}
	if (code < 0)
		return cli_fail(path, code, NULL);
	if (input->longest_bytes > most) {
		fprintf(stderr,
			"weir: line %" PRIu64 " of %s has %zu bytes: more than %zu, a quarter of a "
			"lane or chunk\n",
			input->longest_line, path, input->longest_bytes, most);
		return CLI_EXIT_USAGE;
	}
	s->input = &input->input;
	return CLI_GO_ON;
}

static void tick(void *context, uint64_t published, uint64_t handled)
{
	char a[CLI_TEXT_BYTES];
	char b[CLI_TEXT_BYTES];

	(void)context;
	fprintf(stderr, "\rpublished %s  handled %s   ", cli_text_count(a, published),
		cli_text_count(b, handled));
}

/* The ruler, if it is wanted. 0 or a code. */
static int bare(const struct bench_report *report, const struct bench_choices *c,
		struct bare_sync *to)
{
	if (report->dir == NULL || c->bare_syncs == 0 || interrupt_came() != 0)
		return 0;
	to->latency = histogram_create();
	if (to->latency == NULL)
		return -ENOMEM;
	return bare_sync_run(report->dir, (uint32_t)c->bare_syncs, BARE_TIME_NS, to);
}

/* The exit code. */
static int report_out(const struct bench_report *report, const struct bench_choices *c)
{
	if (c->json) {
		if (bench_report_json(report, stdout) < 0)
			return cli_fail("writing the report", -EIO, NULL);
	} else {
		bench_report_text(report, stdout);
	}
	if (page.to != NULL) {
		bench_report_html(report, page.to);
		int code = html_close(&page, true);
		if (code < 0)
			return cli_fail(c->html, code, NULL);
	}
	if (report->interrupted)
		return INTERRUPT_EXIT;
	return pipeline_has_faults(&report->result->faults) ? CLI_EXIT_FAILED : CLI_EXIT_OK;
}

static void measured(void *context)
{
	cli_arena_read(context);
}

static int run_in(struct pipeline_settings *s, const struct bench_choices *c, const char *dir)
{
	bool jemalloc = c->allocator != 1 && cli_arena_have_jemalloc();
	struct cli_arena arena;
	struct pipeline_result result = {0};
	struct bench_report report = {
		.settings = s, .result = &result, .arena = &arena, .config = c->config, .dir = dir};
	int exit_code;
	int code = cli_arena_open(&arena, jemalloc, &s->options.allocator);

	if (code < 0)
		return cli_fail("making a jemalloc arena", code, NULL);
	s->measured = measured;
	s->measured_context = &arena;

	bench_machine_read(dir, &report.machine);
	s->options.dir = dir;
	code = bare(&report, c, &report.before);
	const char *what = "measuring the bare sync";
	if (code == 0) {
		code = pipeline_run(s, &result);
		if (s->tick != NULL)
			fprintf(stderr, "\r%60s\r", "");
		report.interrupted = code == -EINTR;
		what = result.what;
	}
	if (code == 0) {
		what = "measuring the bare sync";
		code = bare(&report, c, &report.after);
	}
	if (code == 0 || (report.interrupted && result.events > 0))
		exit_code = report_out(&report, c);
	else if (report.interrupted)
		exit_code = INTERRUPT_EXIT;
	else
		exit_code = cli_fail(what, code, &result.problem);
	pipeline_result_fini(&result);
	histogram_destroy(report.before.latency);
	histogram_destroy(report.after.latency);
	cli_arena_close(&arena);
	return exit_code;
}

/* Everything but where: from the options, or from a file. An exit code, or CLI_GO_ON. */
static int make_settings(struct pipeline_settings *s, struct bench_choices *c,
			 struct bench_config *config)
{
	int code = CLI_GO_ON;

	s->ack = (enum pipeline_ack)c->ack;
	s->stall_ns = 15000000000ull;
	s->interrupted = interrupt_flag();
	if (c->config == NULL) {
		settle(s, c);
		return place(s, c);
	}
	code = bench_config_load(c->config, config, s);
	if (code != CLI_GO_ON)
		return code;
	if (cli_given(&bench_command, "seconds"))
		s->length_ns = c->length_ns;
	if (cli_given(&bench_command, "warmup"))
		s->warmup_ns = c->warmup_ns;
	c->memory = s->options.dir == NULL;
	if (!cli_given(&bench_command, "dir"))
		c->dir = config->dir;
	return CLI_GO_ON;
}

static int run_somewhere(struct pipeline_settings *s, const struct bench_choices *c)
{
	char dir[BENCH_PATH_BYTES];

	if (c->memory)
		return run_in(s, c, NULL);
	int code = bench_dir_make(c->dir, dir);
	if (code < 0)
		return cli_fail(c->dir, code, NULL);
	int exit_code = run_in(s, c, dir);
	code = bench_dir_remove(dir);
	if (code < 0 && exit_code == CLI_EXIT_OK)
		exit_code = cli_fail(dir, code, NULL);
	return exit_code;
}

int cmd_bench_pipeline(int argc, char **argv)
{
	struct bench_config config = {0};
	struct bench_input input = {0};

	settings = (struct pipeline_settings){0};
	int code = bench_options_parse(argc, argv, &choices);
	if (code != CLI_GO_ON)
		return code;
	code = make_settings(&settings, &choices, &config);
	if (code == CLI_GO_ON && choices.input != NULL)
		code = load_input(&settings, &choices, &input);
	if (code == CLI_GO_ON && choices.html != NULL) {
		int page_code = html_open(&page, choices.html);
		if (page_code < 0)
			code = cli_fail(choices.html, page_code, NULL);
	}
	if (code == CLI_GO_ON) {
		if (!choices.json && isatty(STDERR_FILENO) == 1)
			settings.tick = tick;
		interrupt_catch(INTERRUPT_KILLS);
		code = run_somewhere(&settings, &choices);
	}
	(void)html_close(&page, false);
	bench_input_free(&input);
	bench_config_free(&config);
	return code;
}

int cmd_bench(int argc, char **argv)
{
	static const char *const names[] = {"all",    "everything", "journal", "pipeline",
					    "replay", "ring",       "stall",   NULL};
	static const struct cli_command group = {
		.name = "bench",
		.arguments = "BENCHMARK [OPTIONS OF IT]",
		.summary = "Measure weir on this machine. Benchmarks: all, everything, "
			   "journal, pipeline, replay, ring, stall.",
		.description = "weir bench pipeline --help and so on say more.",
		.arguments_min = 1,
		.arguments_max = 100, /* of a benchmark that there is not: complained of below */
	};

	if (argc >= 2 && strcmp(argv[1], "all") == 0)
		return cmd_bench_all(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "everything") == 0)
		return cmd_bench_everything(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "journal") == 0)
		return cmd_bench_journal(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "pipeline") == 0)
		return cmd_bench_pipeline(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "replay") == 0)
		return cmd_bench_replay(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "ring") == 0)
		return cmd_bench_ring(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "stall") == 0)
		return cmd_bench_stall(argc - 1, argv + 1);
	return cli_no_such(&group, names, argc, argv);
}
