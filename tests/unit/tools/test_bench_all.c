/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir bench all` has one report, in JSON and as a page, of the benchmarks that it ran.
 * Method: the shortest part by its command line in a child process, judged by what it leaves; a
 *         part that there is not, and one that fails.
 */
#include <criterion/criterion.h>

#include "tests/support/capture.h"

#include <sys/stat.h>

#include "tools/weir/args.h"

static struct capture c;
static char page[1u << 17];

#define RUN(...) CAPTURE(&c, cmd_bench, "bench", __VA_ARGS__)

/* Reads the file into `page`, and removes it. */
static void read_page(const char *path)
{
	FILE *f = fopen(path, "r");

	cr_assert_not_null(f);
	page[fread(page, 1, sizeof page - 1, f)] = '\0';
	fclose(f);
	unlink(path);
}

static bool is_empty(const char *dir)
{
	return rmdir(dir) == 0 && mkdir(dir, 0700) == 0;
}

Test(bench_all, it_has_one_report_of_its_parts, .timeout = 180)
{
	char dir[] = "/tmp/weir-all-XXXXXX", path[64];

	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s.html", dir);
	RUN("all", "--dir", dir, "--quick", "--only", "memory", "--json", "--html", path);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect(capture_has(c.err, "weir: memory: publish"), "%s", c.err);
	cr_expect(capture_has(c.out, "\"benchmark\": \"all\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"memory\": {\n  \"benchmark\": \"pipeline\""), "%s", c.out);
	cr_expect(capture_has(c.out, "\"ring\": null"), "%s", c.out);
#if !defined(WR_NO_METRICS)
	cr_expect(capture_has(c.out, "\"everything\": null"), "%s", c.out);
#endif
	read_page(path);
	cr_expect(capture_has(page, "<h1>weir bench all</h1>"));
	cr_expect(capture_has(page, "<section id=\"memory\">\n<h1>weir bench pipeline</h1>"));
	cr_expect(capture_has(page, "<section id=\"memory-latency\">"));
	cr_expect(capture_has(page, "<td>0.0 s</td><td>not run</td>"));
	cr_expect(is_empty(dir), "what it made there is gone");
	RUN("all", "--only", "memory", "--only", "no-such");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_expect(capture_has(c.err, "there is no part no-such"), "%s", c.err);
	/* A part that fails: its code, and a report that says so. */
	cr_assert_eq(rmdir(dir), 0);
	RUN("all", "--dir", dir, "--only", "journal");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%s", c.err);
}
