/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir bench pipeline` runs the whole pipeline and reports what it promises, small enough
 *         for every push; its parts that need no pipeline are right by themselves.
 * Method: payloads with each byte wrong in turn; the bare sync and the plot; command lines in a
 *         child process with short runs over memory and both backends, judged by text and exit
 *         code. Numbers are not judged: the machine is shared.
 */
#include <criterion/criterion.h>

#include "tests/support/capture.h"

#include <dirent.h>
#include <sched.h>
#include <sys/stat.h>

#include "bench/bare_sync.h"
#include "bench/harness.h"
#include "bench/pipeline.h"
#include "tools/weir/arena.h"
#include "tools/weir/args.h"

static struct capture c;

#define RUN(...) CAPTURE(&c, cmd_bench, "bench", __VA_ARGS__)

/* --- parts ----------------------------------------------------------------------------------- */

Test(bench_cli, a_payload_is_read_back_and_any_wrong_byte_is_noticed)
{
	static const size_t sizes[] = {32, 33, 39, 40, 64, 100, 128, 1000};
	uint8_t payload[1024];

	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		size_t bytes = sizes[s];
		struct pipeline_payload parts;
		uint64_t base = pipeline_payload_init(payload, bytes, 5);
		for (uint64_t ordinal = 1; ordinal < 1000; ordinal += 37) {
			pipeline_payload_set(payload, bytes, base, ordinal, ~ordinal);
			cr_assert(pipeline_payload_check(payload, bytes, &parts));
			cr_assert_eq(parts.producer, 5);
			cr_assert_eq(parts.ordinal, ordinal);
			cr_assert_eq(parts.due_ns, ~ordinal);
		}
		for (size_t i = 0; i < bytes; i++) {
			payload[i] ^= 4;
			cr_assert_not(pipeline_payload_check(payload, bytes, &parts),
				      "byte %zu of %zu", i, bytes);
			payload[i] ^= 4;
		}
		cr_assert(pipeline_payload_check(payload, bytes, &parts));
		cr_assert_not(pipeline_payload_check(payload, bytes - 1, &parts));
	}
}

Test(bench_cli, the_bare_sync_measures_and_leaves_nothing_behind)
{
	char dir[BENCH_PATH_BYTES];
	struct bare_sync bare = {.latency = histogram_create()};

	cr_assert_eq(bench_dir_make("/tmp", dir), 0);
	cr_assert_eq(bare_sync_run(dir, 5, 1000000000, &bare), 0);
	cr_assert_geq(bare.count, 1);
	cr_assert_eq(bare.latency->count, bare.count);
	cr_assert_gt(bare.latency->least, 0);
	cr_assert_eq(rmdir(dir), 0, "the directory is not empty");
	cr_assert_lt(bare_sync_run("/nowhere/at/all", 5, 1000000000, &bare), 0);
	histogram_destroy(bare.latency);
}

Test(bench_cli, the_plot_grows_to_the_right)
{
	struct histogram *h = histogram_create();
	char text[8192] = "";
	FILE *f = fmemopen(text, sizeof text, "w");

	for (unsigned i = 1; i <= 100000; i++)
		histogram_record(h, 1000 + (i > 99900 ? 1000000 : i));
	bench_plot(f, h, 80, false);
	fclose(f);
	unsigned lines = 0;
	size_t before = 0;
	/* From the top row down each bar is at least as long: the columns rise to the right. */
	for (char *line = text; *line != '\0';) {
		char *end = strchr(line, '\n');
		cr_assert_not_null(end);
		size_t marks = 0;
		for (char *p = line; p < end; p++)
			marks += *p == '#';
		cr_assert_leq((size_t)(end - line), 80);
		if (lines < 8)
			cr_assert_geq(marks, before);
		before = marks;
		line = end + 1;
		lines++;
	}
	cr_assert_eq(lines, 9);
	cr_assert(capture_has(text, "99.9"));
	histogram_reset(h);
	f = fmemopen(text, sizeof text, "w");
	bench_plot(f, h, 80, true);
	fclose(f);
	histogram_destroy(h);
}

Test(bench_cli, the_machine_is_described)
{
	struct bench_machine machine;

	bench_machine_read("/tmp", &machine);
	cr_assert_str_not_empty(machine.cpu);
	cr_assert_str_not_empty(machine.kernel);
	cr_assert_str_not_empty(machine.governor);
	cr_assert_str_not_empty(machine.file_system);
	cr_assert_str_not_empty(machine.isolated);
	cr_assert_geq(machine.cpus_allowed, 1);
	cr_assert_geq(machine.cpus_online, machine.cpus_allowed);
}

/* --- command lines --------------------------------------------------------------------------- */

Test(bench_cli, wrong_command_lines_are_refused)
{
	RUN("pipelin");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "did you mean pipeline?"), "%s", c.err);
	RUN("pipeline", "--payload", "8");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("pipeline", "--memory", "--level", "durable");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("pipeline", "--dir", "/nowhere/at/all", "--seconds", "0.01");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%s", c.err);
	RUN("pipeline", "--cpus", "log");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "not KIND=CPUS"), "%s", c.err);
	RUN("pipeline", "--cpus", "log=0 writer=1");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "no thread is a \"writer\""), "%s", c.err);
	RUN("pipeline", "--cpus", "members=3-1");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "not a list"), "%s", c.err);
	RUN("pipeline", "--memory", "--seconds", "0.01", "--cpus", "producers=8191");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE, "%d %s", c.exit_code, c.err);
	RUN("pipeline", "--help");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK);
	cr_assert(capture_has(c.out, "--payload"));
}

static void check_report(void)
{
	static const char *const keys[] = {
		"\"benchmark\": \"pipeline\"",
		"\"ok\": true",
		"\"lost\": 0",
		"\"damaged\": 0",
		"\"disordered\": 0",
		"\"repeated\": 0",
		"\"missing\": 0",
		"\"refused\": 0",
		"\"unanswered\": 0",
		"\"events_per_s\": ",
		"\"events_per_cpu_s\": ",
		"\"cpu_ns_per_event\": ",
		"\"publish_us\": {",
		"\"ack_us\": {",
		"\"handle_us\": {",
		"\"p50\": ",
		"\"p99\": ",
		"\"p999\": ",
		"\"max\": ",
		"\"bare_sync_us\": ",
		"\"syncs\": ",
		"\"backend\": ",
		"\"settings\": {",
		"\"machine\": {",
		"\"acknowledged_when\": ",
	};

	cr_assert_eq(c.exit_code, 0, "%s%s", c.out, c.err);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		cr_assert(capture_has(c.out, keys[i]), "no %s in: %s", keys[i], c.out);
	cr_assert_not(capture_has(c.out, "\"events_per_s\": 0.0"), "%s", c.out);
}

/* A directory for the bench to make its own in; it must be empty again at the end. */
static char parent[64];

static void make_parent(void)
{
	snprintf(parent, sizeof parent, "/tmp/weir-test-XXXXXX");
	cr_assert_not_null(mkdtemp(parent));
}

static void remove_parent(void)
{
	cr_assert_eq(rmdir(parent), 0, "the bench left something in %s", parent);
}

#define SHORT "--seconds", "0.2", "--warmup", "0.05", "--json"

/* A run in which something was measured: on a busy machine a short one may be over before. */
#define MEASURE(...)                                                                               \
	do {                                                                                       \
		static const char *const lengths[] = {"0.2", "1", "5", "20"};                      \
		for (size_t run = 0; run < 4; run++) {                                             \
			RUN("pipeline", "--json", "--seconds", lengths[run], "--warmup", "0.05",   \
			    __VA_ARGS__);                                                          \
			if (capture_has(c.out, "\"ack_us\": {") &&                                 \
			    capture_has(c.out, "\"handle_us\": {"))                                \
				break;                                                             \
		}                                                                                  \
	} while (0)
#define SMALL "--segment-bytes", "4MiB", "--retention-bytes", "16MiB", "--bare-syncs", "10"

Test(bench_cli, a_memory_only_run_is_complete)
{
	MEASURE("--memory");
	check_report();
	cr_assert(capture_has(c.out, "\"bare_sync_us\": null"));
	cr_assert(capture_has(c.out, "\"acknowledged_when\": \"memory"));
}

Test(bench_cli, the_tables_are_in_an_arena_of_their_own)
{
	MEASURE("--memory");
	check_report();
	if (cli_arena_have_jemalloc()) {
		cr_assert(capture_has(c.out, "\"name\": \"jemalloc\""), "%s", c.out);
		cr_assert_not(capture_has(c.out, "\"allocated_bytes\": null"), "%s", c.out);
	} else {
		RUN("pipeline", "--memory", "--allocator", "jemalloc");
		cr_assert_eq(c.exit_code, CLI_EXIT_USAGE, "%s", c.out);
		cr_assert(capture_has(c.err, "built without jemalloc"), "%s", c.err);
	}
	MEASURE("--memory", "--allocator", "libc");
	check_report();
	cr_assert(capture_has(c.out, "\"name\": \"libc\""), "%s", c.out);
	cr_assert(capture_has(c.out, "\"allocated_bytes\": null"), "%s", c.out);
}

Test(bench_cli, a_durable_run_over_posix_is_complete)
{
	make_parent();
	MEASURE("--dir", parent, "--io", "posix", SMALL);
	check_report();
	cr_assert(capture_has(c.out, "\"backend\": \"posix\""), "%s", c.out);
	cr_assert(capture_has(c.out, "\"acknowledged_when\": \"durable"), "%s", c.out);
	remove_parent();
}

Test(bench_cli, a_durable_run_over_the_chosen_backend_is_complete)
{
	make_parent();
	MEASURE("--dir", parent, SMALL, "--payload", "128");
	check_report();
	remove_parent();
}

Test(bench_cli, a_rate_is_an_open_loop)
{
	make_parent();
	MEASURE("--dir", parent, SMALL, "--rate", "20K", "--pace", "sleep");
	check_report();
	cr_assert(capture_has(c.out, "\"rate\": 20000"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"sample_every\": 1"), "%s", c.out);
	remove_parent();
}

Test(bench_cli, many_producers_members_and_keys_keep_their_order)
{
	MEASURE("--memory", "--producers", "3", "--members", "3", "--partitions", "64", "--keys",
		"1000", "--ack", "each");
	check_report();
	make_parent();
	MEASURE("--dir", parent, SMALL, "--producers", "2", "--members", "2", "--progress",
		"commit", "--rate", "10K");
	check_report();
	remove_parent();
}

Test(bench_cli, the_text_for_people_has_percentiles_and_a_plot)
{
	RUN("pipeline", "--memory", "--seconds", "0.1", "--warmup", "0");
	cr_assert_eq(c.exit_code, 0, "%s%s", c.out, c.err);
	cr_assert(capture_has(c.out, "p99.9"), "%s", c.out);
	cr_assert(capture_has(c.out, "nothing lost, damaged or repeated"), "%s", c.out);
	cr_assert(capture_has(c.out, "ack latency by percentile"), "%s", c.out);
}

/* --- recorded streams ------------------------------------------------------------------------ */

static const char file_template[] = "/tmp/weir-bench-file-XXXXXX";
static char file_path[] = "/tmp/weir-bench-file-XXXXXX";

static void write_file(const char *text)
{
	memcpy(file_path, file_template, sizeof file_path);
	int fd = mkstemp(file_path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(close(fd), 0);
}

Test(bench_cli, lines_of_a_file_are_published_byte_for_byte)
{
	write_file("{\"a\": 1}\n\n7\r\nthe last one has no end of line");
	MEASURE("--memory", "--input", file_path, "--producers", "2", "--keys", "5");
	check_report();
	cr_assert(capture_has(c.out, "\"input_lines\": 3"), "%s", c.out);
	make_parent();
	MEASURE("--dir", parent, SMALL, "--input", file_path, "--rate", "5K", "--progress",
		"commit");
	check_report();
	cr_assert(capture_has(c.out, "\"settle_us\": {"), "%s", c.out);
	remove_parent();
	cr_assert_eq(unlink(file_path), 0);
}

Test(bench_cli, keys_and_headers_come_out_of_the_lines)
{
	write_file("{\"k\": {\"id\": 1.10}, \"t\": \"a\\u00e9\"}\n\n"
		   "{\"k\": {}}\n{\"k\": {\"id\": \"x\"}}");
	MEASURE("--memory", "--input", file_path, "--producers", "2", "--key", "k.id", "--type",
		"t", "--headers", "all=k,one=k.id");
	check_report();
	cr_assert(capture_has(c.out, "\"key_field\": \"k.id\""), "%s", c.out);
	cr_assert_eq(unlink(file_path), 0);
}

Test(bench_cli, fields_that_cannot_be_had_are_refused)
{
	write_file("{\"k\": 1}\n\n{\"k\": [\"secret\"]}\n");
	RUN("pipeline", "--memory", SHORT, "--input", file_path, "--key", "k");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE, "%s", c.err);
	cr_assert(capture_has(c.err, "line 3: k is an object or a list"), "%s", c.err);
	RUN("pipeline", "--memory", SHORT, "--input", file_path, "--headers", "a=k,b");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE, "%s", c.err);
	cr_assert(capture_has(c.err, "--headers: \"b\" is not NAME=FIELD"), "%s", c.err);
	RUN("pipeline", "--memory", SHORT, "--input", file_path, "--key", "k", "--keys", "5");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE, "%s", c.err);
	RUN("pipeline", "--memory", SHORT, "--key", "k");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE, "%s", c.err);
	cr_assert(capture_has(c.err, "--input FILE"), "%s", c.err);
	cr_assert_eq(unlink(file_path), 0);
	write_file("{\"k\": 1}\nno json\n");
	RUN("pipeline", "--memory", SHORT, "--input", file_path, "--type", "k");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE, "%s", c.err);
	cr_assert(capture_has(c.err, "line 2: not JSON, at byte 1"), "%s", c.err);
	cr_assert_eq(unlink(file_path), 0);
}

Test(bench_cli, files_that_cannot_be_published_are_refused)
{
	write_file("\n\r\n");
	RUN("pipeline", "--memory", SHORT, "--input", file_path);
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE, "%s", c.err);
	cr_assert(capture_has(c.err, "has no line to publish"), "%s", c.err);
	RUN("pipeline", "--memory", SHORT, "--input", "/nowhere");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%s", c.err);
	FILE *file = fopen(file_path, "we");
	cr_assert_not_null(file);
	cr_assert_eq(fprintf(file, "x\n%5000d\n", 1), 5003);
	cr_assert_eq(fclose(file), 0);
	RUN("pipeline", "--memory", SHORT, "--input", file_path, "--chunk-bytes", "16KiB");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE, "%s", c.err);
	cr_assert(capture_has(c.err, "line 2 of "), "%s", c.err);
	cr_assert(capture_has(c.err, "has 5000 bytes"), "%s", c.err);
	cr_assert_eq(unlink(file_path), 0);
}

/* --- config files ---------------------------------------------------------------------------- */

#ifdef WR_HAVE_CONFIG
static bool have_config = true;
#else
static bool have_config = false;
#endif

/* Every reader blocks: one that falls behind memory misses events, and there is no disk here. */
static const char two_topics[] = "name: two\n"
				 "memory: {pool: 8MiB, lane: 64KiB}\n"
				 "topics:\n"
				 "  - {name: a, partitions: 3}\n"
				 "  - {name: b}\n"
				 "subscriptions:\n"
				 "  - {name: all, topics: [a, b], when_slow: block}\n"
				 "  - {name: half, topics: [b], when_slow: block}\n"
				 "  - {name: nobody, topics: [a], when_slow: block}\n";

Test(bench_cli, a_config_says_what_is_published_and_read)
{
	char text[2000];
	(void)snprintf(text, sizeof text,
		       "%sbench:\n"
		       "  length: 200ms\n"
		       "  warmup: 50ms\n"
		       "  progress: commit\n"
		       "  producers:\n"
		       "    - {topic: a, threads: 2, payload: 100, keys: 7, rate: 2_000/s}\n"
		       "    - {topic: b, rate: 1_000/s}\n"
		       "  members:\n"
		       "    - {subscription: all, threads: 2}\n"
		       "    - {subscription: half}\n",
		       two_topics);
	write_file(text);
	if (!have_config) {
		RUN("pipeline", "--json", "--config", file_path);
		cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
		cr_assert(capture_has(c.err, "built without libweir-config"), "%s", c.err);
		cr_assert_eq(unlink(file_path), 0);
		return;
	}
	MEASURE("--config", file_path);
	check_report();
	cr_assert(capture_has(c.out, "\"topic\": \"a\",\n      \"partitions\": 3,\n"
				     "      \"producers\": 2,\n      \"payload_bytes\": 100,\n"
				     "      \"keys\": 7,\n      \"rate\": 2000,"),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "\"topic\": \"b\",\n      \"partitions\": 1,\n"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"subscription\": \"half\",\n      \"topics\": [\n"
				     "        \"b\"\n      ],\n      \"members\": 1,"),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "\"subscription\": \"nobody\",\n      \"topics\": [\n"
				     "        \"a\"\n      ],\n      \"members\": 0,"),
		  "%s", c.out);
	cr_assert(capture_has(c.out, "\"settle_us\": {"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"memory\": true"), "%s", c.out);
	RUN("pipeline", "--config", file_path, "--seconds", "0.1", "--warmup", "0");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s%s", c.out, c.err);
	cr_assert(capture_has(c.out, "read        all: members 2; topics a, b\n"), "%s", c.out);
	cr_assert(capture_has(c.out, "\n  into b (2)\n  publish "), "%s", c.out);
	cr_assert(capture_has(c.out, "\n  by half\n  handle "), "%s", c.out);
	cr_assert_not(capture_has(c.out, "\n  by nobody"), "%s", c.out);
	cr_assert_eq(unlink(file_path), 0);
}

/* Without a word on it: a thread for each topic, and the members that subscriptions have. */
Test(bench_cli, a_config_without_a_bench_is_run_as_fast_as_it_goes)
{
	if (!have_config)
		cr_skip_test("built without libweir-config");
	write_file(two_topics);
	MEASURE("--config", file_path);
	check_report();
	cr_assert(capture_has(c.out, "\"producers\": 2,\n    \"members\": 3,"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"rate\": \"max\""), "%s", c.out);
	cr_assert_eq(unlink(file_path), 0);
	write_file("topics: [{name: a, partitions: 4}]\n"
		   "subscriptions: [{name: s, topics: [a], members: 3, when_slow: block, "
		   "sink: 'null'}]\n");
	MEASURE("--config", file_path);
	cr_assert(capture_has(c.out, "\"members\": 3,"), "%s", c.out);
	cr_assert_eq(unlink(file_path), 0);
	write_file("topics: [{name: a}]\nlimits: {members: 100}\n"
		   "subscriptions: [{name: s, topics: [a], members: 65, sink: 'null'}]\n");
	RUN("pipeline", "--config", file_path);
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG);
	cr_assert(capture_has(c.err, "65 members of all subscriptions, a bench has at most 64"),
		  "%s", c.err);
	cr_assert_eq(unlink(file_path), 0);
	write_file(two_topics);
	RUN("pipeline", "--config", file_path, "--payload", "100");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "--payload: with --config the file says it"), "%s", c.err);
	cr_assert_eq(unlink(file_path), 0);
}

/* The journal of the file is left alone: the bench has its own beside it. */
Test(bench_cli, the_journal_of_a_config_is_not_touched)
{
	char text[3000];
	if (!have_config)
		cr_skip_test("built without libweir-config");
	make_parent();
	(void)snprintf(text, sizeof text,
		       "%sjournal: {dir: %s/orders, segment: 4MiB, retention: 16MiB}\n"
		       "bench: {producers: [{topic: b, rate: 1_000/s}]}\n",
		       two_topics, parent);
	write_file(text);
	MEASURE("--config", file_path, "--bare-syncs", "10");
	check_report();
	cr_assert(capture_has(c.out, "\"acknowledged_when\": \"durable"), "%s", c.out);
	remove_parent();
	cr_assert_eq(unlink(file_path), 0);
}

Test(bench_cli, mistakes_in_a_config_are_told_at_their_places)
{
	char text[3000];
	if (!have_config)
		cr_skip_test("built without libweir-config");
	(void)snprintf(text, sizeof text,
		       "%sbench:\n"
		       "  producers: [{topic: c}, {topic: a, cpus: 9000}]\n"
		       "  members:\n"
		       "    - {subscription: hlf, threads: 60}\n"
		       "    - {subscription: all, threads: 60}\n"
		       "    - {subscription: all}\n"
		       "  level: durable\n",
		       two_topics);
	write_file(text);
	RUN("pipeline", "--config", file_path);
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG, "%s", c.err);
	cr_assert(capture_has(c.err, ":11:23: error: there is no topic \"c\""), "%s", c.err);
	cr_assert(capture_has(c.err, ":12:3: error: bench.members: 121 threads together"), "%s",
		  c.err);
	cr_assert(capture_has(c.err, ":13:22: error: there is no subscription \"hlf\"; did you "
				     "mean \"half\"?"),
		  "%s", c.err);
	cr_assert(capture_has(c.err, ":15:22: error: a second group of members of \"all\""), "%s",
		  c.err);
	cr_assert(capture_has(c.err, ":16:10: error: without a journal nothing becomes"), "%s",
		  c.err);
	cr_assert(capture_has(c.err, "\n6 errors\n"), "%s", c.err);
	cr_assert_eq(unlink(file_path), 0);
	/* Where nothing else is wrong, the CPUs are looked at. */
	(void)snprintf(text, sizeof text,
		       "%sbench:\n  producers: [{topic: b}, {topic: a, cpus: \"4000\"}]\n",
		       two_topics);
	write_file(text);
	RUN("pipeline", "--config", file_path);
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG, "%s", c.err);
	cr_assert(capture_has(c.err, ":11:44: error: CPU 4000 does not exist"), "%s", c.err);
	/* And once: not also as what a bench would refuse. */
	cr_assert_not(capture_has(c.err, "warning"), "%s", c.err);
	cr_assert_eq(unlink(file_path), 0);
	write_file("version: 1\n");
	RUN("pipeline", "--config", file_path);
	cr_assert_eq(c.exit_code, CLI_EXIT_CONFIG, "%s", c.err);
	cr_assert(capture_has(c.err, "no topics to publish into"), "%s", c.err);
	cr_assert_eq(unlink(file_path), 0);
}

/* The lists of a run, as the report has them. */
Test(bench_cli, threads_are_pinned_as_told)
{
	char first[64], again[160];
	cpu_set_t mask;
	unsigned cpu = 0;

	cr_assert_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
	while (!CPU_ISSET(cpu, &mask))
		cpu++;
	snprintf(first, sizeof first, "log=%u producers=%u", cpu, cpu);
	RUN("pipeline", "--memory", "--json", "--seconds", "0.05", "--warmup", "0", "--cpus",
	    first);
	cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	snprintf(again, sizeof again, "\"log\": \"%u\"", cpu);
	cr_expect(capture_has(c.out, again), "%s", c.out);
	snprintf(again, sizeof again, "\"producers\": \"%u\"", cpu);
	cr_expect(capture_has(c.out, again), "%s", c.out);
	cr_expect(capture_has(c.out, "\"group\": null"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"pinned\": true"), "%s", c.out);
	RUN("pipeline", "--memory", "--seconds", "0.05", "--warmup", "0", "--pin", "--members",
	    "2");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s", c.err);
	snprintf(again, sizeof again, "pinned      log %u; ", cpu);
	cr_expect(capture_has(c.out, again), "%s", c.out);
	cr_expect(capture_has(c.out, "; members "), "%s", c.out);
}

Test(bench_cli, a_page_has_the_curves_of_each_place, .timeout = 180)
{
	static char text[1u << 17];
	char path[] = "/tmp/weir-page-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	RUN("pipeline", "--memory", "--seconds", "0.1", "--warmup", "0", "--rate", "2000", "--html",
	    path);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	FILE *f = fopen(path, "r");
	cr_assert_not_null(f);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	unlink(path);
	static const char *const parts[] = {"aria-label=\"Latency by percentile\"",
					    "<td>publish</td>",
					    "<td>ack</td>",
					    "<td>handle</td>",
					    "no faults",
					    "memory only",
					    "</html>"};
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		cr_assert(capture_has(text, parts[i]), "%s", parts[i]);
	cr_assert_not(capture_has(text, "<td>settle</td>"), "progress was not waited for");
	cr_assert_not(capture_has(text, "bare sync"), "there is no disk");
	RUN("pipeline", "--memory", "--html", "/nowhere/page.html");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%s", c.err);
}
