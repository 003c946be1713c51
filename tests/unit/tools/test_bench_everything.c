/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir bench everything` has everything on, finds its sums right, reports what it
 *         promises, leaves nothing behind and refuses wrong command lines.
 * Method: a short real run in a folder that must be empty afterwards, told as JSON; as text the
 *         documents run it. Times are not judged: the machine is shared.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/everything.h"
#include "bench/harness.h"
#include "tests/support/capture.h"
#include "tools/weir/args.h"

static struct capture c;

#define RUN(...) CAPTURE(&c, cmd_bench, "bench", "everything", __VA_ARGS__)

static void make_dir(char *dir)
{
	const char *parent = getenv("TMPDIR");

	cr_assert_eq(bench_dir_make(parent != NULL ? parent : "/tmp", dir), 0);
}

/* A build without metrics has not everything to turn on. */
static bool has_metrics(void)
{
#if defined(WR_NO_METRICS)
	return false;
#else
	return true;
#endif
}

Test(bench_everything, a_run_has_all_of_it_and_its_sums_are_right)
{
	char dir[BENCH_PATH_BYTES];

	make_dir(dir);
	char path[BENCH_PATH_BYTES + 8], page[1u << 16];
	(void)snprintf(path, sizeof path, "%s.html", dir);
	RUN("--dir", dir, "--events", "2000", "--rounds", "1", "--json", "--html", path);
	if (!has_metrics()) {
		cr_assert_eq(c.exit_code, CLI_EXIT_FAILED);
		cr_assert_not_null(strstr(c.err, "metrics"));
		cr_assert_eq(rmdir(dir), 0, "it leaves something behind");
		return;
	}
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	const char *const told[] = {"\"benchmark\": \"everything\"",
				    "\"events_per_cpu_s\": ",
				    "\"events_per_cpu_s_least\": ",
				    "\"events_per_s\": ",
				    "\"cpu_ns_per_event\": ",
				    "\"payload_bytes\": 1024",
				    "\"filters\": 100",
				    "\"groups\": 5",
				    "\"duplicates\": 2,",
				    "\"failures\": 2,",
				    "\"transactions\": ",
				    "\"batches\": ",
				    "\"machine\": ",
				    "\"interrupted\": false"};
	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		cr_assert_not_null(strstr(c.out, told[i]), "%s is missing in %s", told[i], c.out);
	FILE *f = fopen(path, "re");
	cr_assert_not_null(f);
	page[fread(page, 1, sizeof page - 1, f)] = '\0';
	(void)fclose(f);
	cr_expect_eq(unlink(path), 0);
	cr_expect_not_null(strstr(page, "<h1>weir bench everything</h1>"));
	cr_expect_not_null(strstr(page, "events a second of CPU ("));
	cr_expect_not_null(strstr(page, "2000 events of 1024 bytes"));
	cr_assert_eq(rmdir(dir), 0, "it leaves something behind");
}

Test(bench_everything, wrong_command_lines_are_refused)
{
	RUN("--events", "10");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("--html", "/nowhere/page.html");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	RUN("--wait", "soon");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("--dir", "/nowhere/at/all", "--events", "1000");
	cr_assert_neq(c.exit_code, CLI_EXIT_OK);
}
