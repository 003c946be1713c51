/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir bench replay` reads all that it wrote in every way, reports what it promises,
 *         leaves nothing behind and refuses wrong command lines.
 * Method: figures of made-up rounds, as text and as a page; a short real run in a folder that must
 *         be empty afterwards. Times are not judged: the machine is shared.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <unistd.h>

#include "tests/support/capture.h"
#include "tools/weir/args.h"
#include "tools/weir/replay_report.h"

static struct capture c;

#define RUN(...) CAPTURE(&c, cmd_bench, "bench", "replay", __VA_ARGS__)

static void make_dir(char *dir)
{
	const char *parent = getenv("TMPDIR");

	cr_assert_eq(bench_dir_make(parent != NULL ? parent : "/tmp", dir), 0);
}

static struct replay_report made_up = {
	.choices = {.events = 1000, .payload_bytes = 64, .segment_bytes = 1 << 20},
	.journal = {.segments = 2, .bytes = 90000, .direct = true},
	.rounds = 3,
	.tool = "fio-3.33",
	.points = {{.reads = true, .block_bytes = 1 << 20, .depth = 8, .bytes_per_s = 2e6}},
	.point_count = 1,
	.limit = {2e6, 1e6, 3e6},
};

static void make_up(void)
{
	for (uint32_t way = 0; way < REPLAY_WAYS; way++)
		for (uint32_t i = 0; i < made_up.rounds; i++)
			made_up.ways[way][i] =
				(struct replay_round){.elapsed_ns = 1000000 * (i + 1),
						      .cpu_ns = 20000 * (i + 1),
						      .events = 1000,
						      .bytes = 3000};
}

Test(bench_replay, figures_are_those_of_the_rounds)
{
	make_up();
	struct spread s = replay_spread(&made_up, REPLAY_COLD, REPLAY_EVENTS_PER_S);
	cr_assert_float_eq(s.median, 500000, 1);
	cr_assert_float_eq(s.most, 1000000, 1);
	s = replay_spread(&made_up, REPLAY_COLD, REPLAY_CPU_NS);
	cr_assert_float_eq(s.median, 40, 0.01);
	cr_assert_float_eq(replay_limit_spread(&made_up).median, 2e6, 1);
	cr_assert_float_eq(replay_of_limit(&made_up, REPLAY_COLD), 0.75, 0.001);
	made_up.point_count = 0;
	cr_assert_float_eq(replay_of_limit(&made_up, REPLAY_COLD), 0, 0.001);
	made_up.point_count = 1;
}

static char text[64 << 10];

static void read_page(void (*write)(const struct replay_report *report, FILE *to))
{
	FILE *to = tmpfile();

	cr_assert_not_null(to);
	write(&made_up, to);
	rewind(to);
	size_t n = fread(text, 1, sizeof text - 1, to);
	text[n] = '\0';
	(void)fclose(to);
}

Test(bench_replay, a_page_and_a_text_have_every_way)
{
	make_up();
	read_page(replay_report_html);
	cr_expect_not_null(strstr(text, "</html>"));
	cr_expect_not_null(strstr(text, "a subscription, from the oldest"));
	cr_expect_not_null(strstr(text, "75.0 %"), "to the disk's limit");
	read_page(replay_report_text);
	cr_expect_not_null(strstr(text, "page cache, verified only"));
	cr_expect_not_null(strstr(text, "fio-3.33, 1024 KiB, 8 deep"));
	cr_expect_null(strstr(text, "takes no direct reads"));
	made_up.journal.direct = false;
	read_page(replay_report_text);
	cr_expect_not_null(strstr(text, "takes no direct reads"));
}

Test(bench_replay, it_reads_what_it_wrote_in_every_way_and_leaves_nothing)
{
	char dir[BENCH_PATH_BYTES], page[BENCH_PATH_BYTES + 16];

	make_dir(dir);
	(void)snprintf(page, sizeof page, "%s/page.html", dir);
	RUN("--dir", dir, "--events", "30000", "--segment-bytes", "1MiB", "--rounds", "2",
	    "--no-limit", "--json", "--html", page);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	for (uint32_t way = 0; way < REPLAY_WAYS; way++) {
		char key[64];
		(void)snprintf(key, sizeof key, "\"%s\": {", replay_way_names[way]);
		cr_expect(capture_has(c.out, key), "%s", key);
	}
	cr_expect(capture_has(c.out, "\"rounds\": 2"));
	cr_expect(capture_has(c.out, "\"events\": 30000"));
	cr_expect(capture_has(c.out, "\"device_limit\": null"));
	cr_expect_not(capture_has(c.out, "\"events_per_s\": 0.000"), "%s", c.out);
	cr_assert_eq(unlink(page), 0);
	cr_assert_eq(bench_dir_remove(dir), 0, "something is left behind");
}

Test(bench_replay, wrong_command_lines_are_refused)
{
	RUN("--events", "12");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "%d", c.exit_code);
	RUN("--payload", "4");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "%d", c.exit_code);
	RUN("--dir", "/nowhere/at/all", "--no-limit");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%d", c.exit_code);
}
