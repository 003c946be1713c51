/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the page of `weir bench ring --html` is whole by itself: it has every section, every
 *         picture and every number, is well-formed, asks for nothing else, and shows no byte of a
 *         name as markup. A page that is not finished is not there.
 * Method: made-up runs; the skeleton of sections and pictures against a fixed text; tags balanced
 *         by a stack; places of an axis against values computed by hand. Looks are not judged.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/stat.h>

#include "core/base/bits.h"
#include "tests/support/capture.h"
#include "tests/support/ring_bed.h"
#include "tools/weir/args.h"
#include "tools/weir/html_page.h"
#include "tools/weir/ring_compare.h"
#include "tools/weir/ring_html.h"
#include "tools/weir/ring_threshold.h"
#include "tools/weir/svg_plot.h"

static struct ring_bed bed;
static char page[1u << 18];

static void draw(void)
{
	FILE *f = fmemopen(page, sizeof page, "w");

	cr_assert_not_null(f);
	cr_assert_eq(ring_html(&bed.report, f), 0);
	cr_assert_eq(ferror(f), 0);
	fclose(f);
	cr_assert_lt(strlen(page), sizeof page - 1, "cut off");
}

/* Every tag that opens closes, in order. */
static void check_balance(const char *text)
{
	static const char *const alone[] = {"!DOCTYPE", "meta"};
	char stack[32][16];
	size_t depth = 0;

	for (const char *p = strchr(text, '<'); p != NULL; p = strchr(p + 1, '<')) {
		char name[16];
		bool ends = p[1] == '/';
		const char *end = strchr(p, '>');
		bool closed = end != NULL && end[-1] == '/';
		cr_assert_not_null(end);
		(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1 + ends, " />"),
			       p + 1 + ends);
		bool is_alone = closed;
		for (size_t i = 0; i < WR_ARRAY_COUNT(alone) && !is_alone; i++)
			is_alone = strcmp(name, alone[i]) == 0;
		if (is_alone)
			continue;
		if (!ends) {
			cr_assert_lt(depth, 32);
			memcpy(stack[depth++], name, sizeof name);
			continue;
		}
		cr_assert_gt(depth, 0, "</%s> with nothing open", name);
		depth--;
		cr_assert_str_eq(stack[depth], name, "near %.60s", p);
	}
	cr_assert_eq(depth, 0, "<%s> is left open", stack[depth > 0 ? depth - 1 : 0]);
}

static unsigned count_of(const char *text, const char *part)
{
	unsigned count = 0;

	for (const char *p = strstr(text, part); p != NULL; p = strstr(p + 1, part))
		count++;
	return count;
}

/* "section rtt", "svg Round trip time by percentile: 3 lines, 72 marks", one a line. */
static void skeleton(char *to, size_t to_bytes)
{
	size_t at = 0;

	for (const char *p = strchr(page, '<'); p != NULL; p = strchr(p + 1, '<')) {
		if (strncmp(p, "<section id=\"", 13) == 0) {
			at += (size_t)snprintf(to + at, to_bytes - at, "section %.*s\n",
					       (int)strcspn(p + 13, "\""), p + 13);
		} else if (strncmp(p, "<svg ", 5) == 0) {
			static char picture[1u << 17];
			const char *label = strstr(p, "aria-label=\"") + 12;
			(void)snprintf(picture, sizeof picture, "%.*s",
				       (int)(strstr(p, "</svg>") - p), p);
			at += (size_t)snprintf(
				to + at, to_bytes - at, "svg %.*s: %u lines, %u marks\n",
				(int)strcspn(label, "\""), label, count_of(picture, "<polyline"),
				count_of(picture, "<title>"));
		}
		cr_assert_lt(at, to_bytes);
	}
}

Test(ring_html, a_page_has_every_section_picture_and_mark)
{
	static struct ring_threshold thresholds[1];
	static struct ring_old old;
	static struct ring_comparison comparison;
	static const struct ring_threshold_means means = {true, true, true};
	char text[4096] = "";
	char why[200];

	ring_bed_init(&bed);
	cr_assert_eq(ring_threshold_parse("rtt>1.1", &means, &thresholds[0], why, sizeof why), 0);
	ring_threshold_judge(thresholds, 1, &bed.report);
	bed.report.thresholds = thresholds;
	bed.report.threshold_count = 1;
	(void)snprintf(old.file, sizeof old.file, "old & <older>.json");
	old.cell_count = 1;
	old.cells[0].cell = bed.cells[0].cell;
	old.cells[0].rounds = 1;
	old.cells[0].mops[0] = 22;
	ring_compare(&bed.report, &old, &comparison);
	bed.report.comparison = &comparison;
	draw();
	check_balance(page);
	skeleton(text, sizeof text);
	/* Two curves of 24 points; the one cell that was there before; three contenders and two;
	 * one cell of the first peer, two of the second. */
	cr_assert_str_eq(text,
			 "section thresholds\n"
			 "section rtt\n"
			 "svg Round trip time by percentile: 3 lines, 72 marks\n"
			 "section compare\n"
			 "svg Throughput now to then, by cell: 0 lines, 1 marks\n"
			 "section throughput\n"
			 "svg spsc, 1 to 1 threads: 0 lines, 3 marks\n"
			 "svg mpmc, 2 to 2 threads: 0 lines, 2 marks\n"
			 "section peers\n"
			 "svg weir&#39;s throughput to this peer&#39;s, by cell: 0 lines, 1 marks\n"
			 "svg weir&#39;s throughput to this peer&#39;s, by cell: 0 lines, 2 marks\n"
			 "section numbers\n"
			 "section machine\n");
	cr_assert(capture_has(page, "ANOTHER MACHINE"), "the old run names none");
	cr_assert(capture_has(page, "1 won, 0 tied, 0 lost of 1 cells; geometric mean ×4.40"));
	cr_assert(capture_has(page, "1 won, 0 tied, 1 lost of 2 cells; geometric mean ×1.05"));
	cr_assert(capture_has(page, "<td>×0.500</td><td>0.500 .. 0.500</td>"
				    "<td class=\"l\">loss, the best peer</td>"));
	cr_assert(capture_has(page, "<th>isolated CPUs</th><td>2-3</td>"));
	cr_assert(capture_has(page, "2026-01-31T12:00:00"));
	cr_assert(capture_has(page, "✗ failed"));
	cr_assert(capture_has(page, "<th>slow</th><td>1.2</td><td>1 of 2</td><td>-O9</td>"));
}

Test(ring_html, a_page_asks_for_nothing_else_and_names_are_no_markup)
{
	static const char *const never[] = {
		"http://", "https://", "<script",    "src=", "url(", "@import",
		"<link",   "<quick>",  "javascript", "nan",  "inf%"};

	ring_bed_init(&bed);
	draw();
	check_balance(page);
	for (size_t i = 0; i < WR_ARRAY_COUNT(never); i++)
		cr_assert_not(capture_has(page, never[i]), "%s", never[i]);
	cr_assert(capture_has(page, "default-src 'none'"));
	cr_assert(capture_has(page, "a &lt;quick&gt; one"));
	cr_assert(capture_has(page, "3 &amp; more"));
}

Test(ring_html, a_run_without_peers_or_round_trips_has_no_empty_sections)
{
	char text[4096] = "";

	ring_bed_init(&bed);
	bed.report.peer_count = 1;
	bed.report.has_rtt = false;
	draw();
	check_balance(page);
	skeleton(text, sizeof text);
	cr_assert_str_eq(text, "section throughput\n"
			       "svg spsc, 1 to 1 threads: 0 lines, 1 marks\n"
			       "svg mpmc, 2 to 2 threads: 0 lines, 1 marks\n"
			       "section numbers\n"
			       "section machine\n");
}

/* --- parts ----------------------------------------------------------------------------------- */

Test(svg_plot, an_axis_is_logarithmic_and_has_round_ticks)
{
	struct svg_axis axis = {.from = 10, .to = 1000, .at_from = 0, .at_to = 100};
	double ticks[SVG_TICKS_MAX];
	char text[32];

	cr_assert_float_eq(svg_place(&axis, 10), 0, 1e-9);
	cr_assert_float_eq(svg_place(&axis, 100), 50, 1e-9);
	cr_assert_float_eq(svg_place(&axis, 1000), 100, 1e-9);
	cr_assert_float_eq(svg_place(&axis, 1), 0, 1e-9, "not outside the picture");
	cr_assert_eq(svg_ticks(&axis, 12, ticks), 7); /* 10 20 50 100 200 500 1000 */
	cr_assert_float_eq(ticks[1], 20, 1e-6);
	cr_assert_eq(svg_ticks(&axis, 5, ticks), 3);
	axis = (struct svg_axis){.from = 0.9, .to = 1.3, .at_from = 0, .at_to = 100};
	cr_assert_geq(svg_ticks(&axis, 12, ticks), 2);
	axis = (struct svg_axis){.from = 1e-3, .to = 1e30, .at_from = 0, .at_to = 100};
	cr_assert_leq(svg_ticks(&axis, 12, ticks), SVG_TICKS_MAX);
	static const struct {
		double ns;
		const char *text;
	} times[] = {{250, "250 ns"}, {1500, "1.5 µs"}, {999.6, "1 µs"}, {2e9, "2 s"}};
	for (size_t i = 0; i < WR_ARRAY_COUNT(times); i++) {
		svg_time_text(text, sizeof text, times[i].ns);
		cr_assert_str_eq(text, times[i].text);
	}
}

Test(svg_plot, nothing_to_draw_is_no_picture)
{
	static const uint64_t zeros[2] = {0, 0};
	static const uint32_t ppm[2] = {500000, 1000000};
	const struct svg_curve none = {
		.name = "none", .css_class = 'a', .count = 2, .ppm = ppm, .ns = zeros};
	const struct svg_rows rows = {.title = "none", .unit = ""};
	char text[256] = "";
	FILE *f = fmemopen(text, sizeof text, "w");

	svg_percentiles(f, "none", &none, 1);
	svg_rows(f, &rows);
	fclose(f);
	cr_assert_str_empty(text);
}

Test(html_page, only_a_whole_page_takes_its_place)
{
	char path[] = "/tmp/weir-page-XXXXXX";
	char part[64];
	struct html_file file;
	struct stat status;
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	(void)snprintf(part, sizeof part, "%s.part", path);
	cr_assert_eq(html_open(&file, path), 0);
	html_begin(file.to, "t");
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(status.st_size, 0, "the page of before is still there");
	cr_assert_eq(html_close(&file, false), 0);
	cr_assert_eq(access(part, F_OK), -1);
	cr_assert_eq(html_close(&file, true), 0, "twice is once");
	cr_assert_eq(html_open(&file, path), 0);
	html_begin(file.to, "t");
	html_end(file.to);
	cr_assert_eq(html_close(&file, true), 0);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_gt(status.st_size, 500);
	cr_assert_eq(access(part, F_OK), -1);
	unlink(path);
	cr_assert_eq(html_open(&file, "/nowhere/page.html"), -ENOENT);
	cr_assert_eq(html_close(&file, true), 0);
}

/* `from` as a part of another page; what html_include() says of it. */
static int include(const char *from, char *to, size_t to_bytes)
{
	FILE *in = fmemopen((char *)(uintptr_t)from, strlen(from), "r");
	FILE *out = fmemopen(to, to_bytes, "w");

	cr_assert(in != NULL && out != NULL);
	int code = html_include(out, "part", in);
	fclose(in);
	fclose(out);
	return code;
}

Test(html_page, one_page_is_a_section_of_another)
{
	char whole[8192] = "", got[8192];
	FILE *f = fmemopen(whole, sizeof whole - 1, "w");

	cr_assert_not_null(f);
	html_begin(f, "t");
	fputs("<section id=\"a\"><b id=\"c\">x</b>\n</section>\n", f);
	html_end(f);
	fclose(f);
	cr_assert_eq(include(whole, got, sizeof got), 0);
	cr_assert_str_eq(got, "<section id=\"part\">\n<h1>t</h1>\n<section id=\"part-a\">"
			      "<b id=\"part-c\">x</b>\n</section>\n</section>\n");
	*strstr(whole, "</body>") = 'x';
	cr_assert_eq(include(whole, got, sizeof got), -EBADMSG, "it ends in the middle");
	cr_assert_eq(include("{}", got, sizeof got), -EBADMSG);
}

Test(ring_html, the_command_writes_the_page_beside_its_report, .timeout = 120)
{
	static struct capture c;
	char path[] = "/tmp/weir-whole-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	CAPTURE(&c, cmd_bench, "bench", "ring", "--shape", "mpsc", "--payload", "8", "--batch", "1",
		"--rounds", "1", "--time", "2ms", "--no-rtt", "--html", path);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "mpsc"));
	FILE *f = fopen(path, "r");
	cr_assert_not_null(f);
	page[fread(page, 1, sizeof page - 1, f)] = '\0';
	fclose(f);
	unlink(path);
	check_balance(page);
	cr_assert(capture_has(page, "<section id=\"throughput\">"));
	CAPTURE(&c, cmd_bench, "bench", "ring", "--html", "/nowhere/page.html");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "before anything is measured: %s", c.err);
}
