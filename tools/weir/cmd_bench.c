/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench pipeline`: options, the bare sync before and after (in turn, never beside), the run
 * in a directory of its own that goes again, the report.
 *
 * An interrupt ends the run properly: what was measured is reported and the directory removed.
 *
 * Thread: main; bench/pipeline.c starts and joins the others.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bench/pipeline.h"
#include "core/base/bits.h"
#include "core/text/nearest.h"
#include "tools/weir/args.h"
#include "tools/weir/bench_cpus.h"
#include "tools/weir/bench_report.h"

#define INTERRUPTED_EXIT 130
#define BARE_TIME_NS 2000000000ull

/* What the command line sets. Enumerations are indices of the lists below. */
struct bench_choices {
	bool memory;
	bool json;
	unsigned io;
	unsigned level;
	unsigned gate;
	unsigned when_slow;
	unsigned pace;
	unsigned ack;
	unsigned progress;
	unsigned wait;
	unsigned journal_thread;
	unsigned allocator;
	unsigned huge_pages;
	bool pin;
	const char *cpus;
	const char *dir;
	uint64_t bare_syncs;
	uint64_t segment_bytes;
	uint64_t retention_bytes;
	uint64_t pool_bytes;
	uint64_t chunk_bytes;
	uint64_t lane_bytes;
	uint64_t undurable_bytes;
	uint64_t batches_in_flight;
};

static const char *const io_names[] = {"auto", "uring", "posix", NULL};
static const char *const level_names[] = {"default", "memory", "written", "durable", NULL};
static const char *const slow_names[] = {"catch_up", "block", "gap", NULL};
static const char *const pace_names[] = {"yield", "spin", "sleep", NULL};
static const char *const ack_names[] = {"all", "each", NULL};
static const char *const progress_names[] = {"poll", "commit", NULL};
static const char *const wait_names[] = {"default", "spin", "adaptive", "yield", "park", NULL};
static const char *const allocator_names[] = {"auto", CLI_ARENA_LIBC, CLI_ARENA_JEMALLOC, NULL};
static const char *const huge_names[] = {"off", "transparent", "try", "require", NULL};
static const char *const auto_names[] = {"auto", "on", "off", NULL};

static wr_atomic_u32 interrupt_flag;

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	wr_store_relaxed(&interrupt_flag, 1);
}

/* One command line a process: the table points here. */
static struct pipeline_settings settings;
static struct bench_choices choices;

static const struct cli_option options[] = {
	{.name = "memory",
	 .type = CLI_FLAG,
	 .target = &choices.memory,
	 .help = "a log in memory only, without a journal"},
	{.name = "payload",
	 .type = CLI_SIZE,
	 .target = &settings.payload_bytes,
	 .fallback = "64",
	 .min = PIPELINE_PAYLOAD_BYTES_MIN,
	 .max = PIPELINE_PAYLOAD_BYTES_MAX,
	 .help = "bytes of each event's payload"},
	{.name = "producers",
	 .type = CLI_NUMBER,
	 .target = &settings.producer_count,
	 .fallback = "1",
	 .min = 1,
	 .max = PIPELINE_PRODUCERS_MAX,
	 .help = "threads that publish"},
	{.name = "members",
	 .type = CLI_NUMBER,
	 .target = &settings.member_count,
	 .fallback = "1",
	 .min = 1,
	 .max = PIPELINE_MEMBERS_MAX,
	 .help = "threads of the group that polls"},
	{.name = "partitions",
	 .type = CLI_NUMBER,
	 .target = &settings.partition_count,
	 .fallback = "16",
	 .min = 1,
	 .max = 65536,
	 .help = "partitions of the topic"},
	{.name = "keys",
	 .type = CLI_NUMBER,
	 .target = &settings.key_count,
	 .fallback = "0",
	 .max = 1ull << 32,
	 .help = "different keys; 0: none, partitions in turn"},
	{.name = "rate",
	 .type = CLI_RATE,
	 .target = &settings.rate,
	 .fallback = "max",
	 .min = 1,
	 .max = 1000000000,
	 .help = "events a second, due at fixed times; or max"},
	{.name = "seconds",
	 .type = CLI_DURATION,
	 .target = &settings.length_ns,
	 .fallback = "10s",
	 .min = 1000000,
	 .help = "how long to measure"},
	{.name = "warmup",
	 .type = CLI_DURATION,
	 .target = &settings.warmup_ns,
	 .fallback = "1s",
	 .help = "how long to run before"},
	{.name = "io",
	 .type = CLI_ENUM,
	 .target = &choices.io,
	 .choices = io_names,
	 .fallback = "auto",
	 .help = "storage backend"},
	{.name = "dir",
	 .type = CLI_STRING,
	 .target = &choices.dir,
	 .fallback = ".",
	 .value_name = "DIR",
	 .help = "where to make the journal's directory"},
	{.name = "segment-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.segment_bytes,
	 .fallback = "64MiB",
	 .help = "of a journal file"},
	{.name = "retention-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.retention_bytes,
	 .fallback = "256MiB",
	 .help = "recycle segments beyond this; 0: keep all"},
	{.name = "level",
	 .type = CLI_ENUM,
	 .target = &choices.level,
	 .choices = level_names,
	 .fallback = "default",
	 .help = "when a producer's event is acknowledged"},
	{.name = "gate",
	 .type = CLI_ENUM,
	 .target = &choices.gate,
	 .choices = level_names,
	 .fallback = "default",
	 .help = "when events are handed to members"},
	{.name = "ack",
	 .type = CLI_ENUM,
	 .target = &choices.ack,
	 .choices = ack_names,
	 .fallback = "all",
	 .help = "acknowledge a poll at once, or each event"},
	{.name = "progress",
	 .type = CLI_ENUM,
	 .target = &choices.progress,
	 .choices = progress_names,
	 .fallback = "poll",
	 .help = "hand acks over with the next poll, or wait for each"},
	{.name = "when-slow",
	 .type = CLI_ENUM,
	 .target = &choices.when_slow,
	 .choices = slow_names,
	 .fallback = "block",
	 .help = "when members cannot keep up"},
	{.name = "pace",
	 .type = CLI_ENUM,
	 .target = &choices.pace,
	 .choices = pace_names,
	 .fallback = "yield",
	 .help = "how producers wait for the time that an event is due"},
	{.name = "wait",
	 .type = CLI_ENUM,
	 .target = &choices.wait,
	 .choices = wait_names,
	 .fallback = "default",
	 .help = "how weir's threads wait"},
	{.name = "journal-thread",
	 .type = CLI_ENUM,
	 .target = &choices.journal_thread,
	 .choices = auto_names,
	 .fallback = "auto",
	 .help = "a thread of its own to write"},
	{.name = "pin",
	 .type = CLI_FLAG,
	 .target = &choices.pin,
	 .help = "every thread on one CPU, dealt out in turn"},
	{.name = "cpus",
	 .type = CLI_STRING,
	 .target = &choices.cpus,
	 .value_name = "LISTS",
	 .help = "\"log=0 journal=1 group=0 producers=2-3 members=4,5 helpers=0\", or some"},
	{.name = "huge-pages",
	 .type = CLI_ENUM,
	 .target = &choices.huge_pages,
	 .choices = huge_names,
	 .fallback = "off",
	 .help = "under chunks and lanes"},
	{.name = "pool-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.pool_bytes,
	 .help = "chunks in memory [weir's default]"},
	{.name = "chunk-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.chunk_bytes,
	 .max = UINT32_MAX,
	 .help = "of a chunk [weir's default]"},
	{.name = "lane-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.lane_bytes,
	 .max = UINT32_MAX,
	 .help = "of a producer's lane [weir's default]"},
	{.name = "undurable-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.undurable_bytes,
	 .help = "visible but not yet durable at most [weir's default]"},
	{.name = "batches-in-flight",
	 .type = CLI_NUMBER,
	 .target = &choices.batches_in_flight,
	 .max = 16,
	 .help = "writes under way at once [weir's default]"},
	{.name = "allocator",
	 .type = CLI_ENUM,
	 .target = &choices.allocator,
	 .choices = allocator_names,
	 .fallback = "auto",
	 .help = "of weir's tables; auto: jemalloc where weir was built with it"},
	{.name = "bare-syncs",
	 .type = CLI_NUMBER,
	 .target = &choices.bare_syncs,
	 .fallback = "1000",
	 .max = 1000000,
	 .help = "4 KiB writes + fdatasync to compare with; 0: none"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "bench pipeline",
	.summary = "Publish, journal, poll and acknowledge, and measure it.",
	.description =
		"Every event is checked: its bytes, its order, that none is missing. The clock\n"
		"stops when all is handled and that progress has the level. With a rate, events\n"
		"are due at fixed times and latency counts from then; at the maximum rate, from\n"
		"the moment of hand-over.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

static int parse(int argc, char **argv)
{
	/* Flags are only ever set: an earlier command line of a test must not show. */
	settings = (struct pipeline_settings){0};
	choices = (struct bench_choices){0};
	int code = cli_parse(&command, argc, argv, NULL);
	if (code != CLI_GO_ON)
		return code;
	if (choices.memory && choices.level > WEIR_LEVEL_MEMORY)
		return cli_usage(&command, "--level %s needs a journal: leave --memory out",
				 level_names[choices.level]);
	if (choices.allocator == 2 && !cli_arena_have_jemalloc())
		return cli_usage(&command, "--allocator jemalloc: weir was built without jemalloc");
	return CLI_GO_ON;
}

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
		return cli_usage(&command, "--cpus: %s", why);
	return CLI_GO_ON;
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
	if (c->journal_thread != 0)
		o->journal_thread = c->journal_thread == 1;
	if (c->wait != WEIR_WAIT_DEFAULT) {
		o->log.wait = (enum weir_wait)c->wait;
		o->journal.wait = (enum weir_wait)c->wait;
		o->group.wait = (enum weir_wait)c->wait;
	}
	o->huge_pages = (enum weir_huge_pages)c->huge_pages;
	s->level = (enum weir_level)c->level;
	if (s->level == WEIR_LEVEL_DEFAULT)
		s->level = c->memory ? WEIR_LEVEL_MEMORY : WEIR_LEVEL_DURABLE;
	s->gate = (enum weir_level)c->gate;
	s->when_slow = (enum weir_when_slow)c->when_slow;
	s->pace = (enum pipeline_pace)c->pace;
	s->ack = (enum pipeline_ack)c->ack;
	s->progress = (enum pipeline_progress)c->progress;
	s->stall_ns = 15000000000ull;
	s->interrupted = &interrupt_flag;
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
	if (report->dir == NULL || c->bare_syncs == 0 || wr_load_relaxed(&interrupt_flag) != 0)
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
	if (report->interrupted)
		return INTERRUPTED_EXIT;
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
		.settings = s, .result = &result, .arena = &arena, .dir = dir};
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
		exit_code = INTERRUPTED_EXIT;
	else
		exit_code = cli_fail(what, code, &result.problem);
	histogram_destroy(result.ack);
	histogram_destroy(result.handle);
	histogram_destroy(report.before.latency);
	histogram_destroy(report.after.latency);
	cli_arena_close(&arena);
	return exit_code;
}

static int bench_pipeline(int argc, char **argv)
{
	char dir[BENCH_PATH_BYTES];
	struct sigaction action = {.sa_handler = on_interrupt};

	int code = parse(argc, argv);
	if (code != CLI_GO_ON)
		return code;
	settle(&settings, &choices);
	code = place(&settings, &choices);
	if (code != CLI_GO_ON)
		return code;
	if (!choices.json && isatty(STDERR_FILENO) == 1)
		settings.tick = tick;
	/* The second interrupt kills as usual. */
	action.sa_flags = (int)SA_RESETHAND;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (choices.memory)
		return run_in(&settings, &choices, NULL);
	code = bench_dir_make(choices.dir, dir);
	if (code < 0)
		return cli_fail(choices.dir, code, NULL);
	int exit_code = run_in(&settings, &choices, dir);
	code = bench_dir_remove(dir);
	if (code < 0 && exit_code == CLI_EXIT_OK)
		exit_code = cli_fail(dir, code, NULL);
	return exit_code;
}

int cmd_bench(int argc, char **argv)
{
	static const char *const names[] = {"pipeline", NULL};
	static const struct cli_command group = {
		.name = "bench",
		.arguments = "BENCHMARK [OPTIONS OF IT]",
		.summary = "Measure weir on this machine. Benchmarks: pipeline.",
		.description = "weir bench pipeline --help says more.",
		.arguments_min = 1,
		.arguments_max = 100, /* of a benchmark that there is not: complained of below */
	};

	if (argc >= 2 && strcmp(argv[1], "pipeline") == 0)
		return bench_pipeline(argc - 1, argv + 1);
	int code = cli_parse(&group, argc, argv, NULL);
	if (code != CLI_GO_ON)
		return code;
	const char *nearest = wr_nearest(argv[1], names);
	if (nearest != NULL)
		return cli_usage(&group, "there is no benchmark \"%s\"; did you mean %s?", argv[1],
				 nearest);
	return cli_usage(&group, "there is no benchmark \"%s\"", argv[1]);
}
