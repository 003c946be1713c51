/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir bench ring --compare` and `--fail-if` say what the rounds say: better, worse or the
 *         same by the interval; another machine is told loudly; a file of another shape is refused
 *         with its cause; thresholds mean what their grammar says, and one that cannot be judged
 *         has not been passed.
 * Method: made-up runs (tests/support/ring_bed.h), written as JSON and read back; files that are
 *         wrong in one way each; expressions with the values that they are about; a short real run
 *         compared with itself.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>

#include "core/base/bits.h"
#include "tests/support/capture.h"
#include "tests/support/ring_bed.h"
#include "tools/weir/args.h"
#include "tools/weir/ring_compare.h"
#include "tools/weir/ring_threshold.h"

static struct capture c;
static struct ring_bed bed;
static struct ring_old old;
static struct ring_comparison comparison;
static char path[64] = "/tmp/weir-ring-old-XXXXXX";
static char why[200];

#define RUN(...) (CAPTURE(&c, cmd_bench, "bench", __VA_ARGS__), c.exit_code)

/* --- the arithmetic -------------------------------------------------------------------------- */

static struct ring_cell_change change_of(const double *now, uint32_t n, const double *then,
					 uint32_t m)
{
	struct ring_cell_change change;

	ring_compare_cell(now, n, then, m, &change);
	return change;
}

Test(ring_compare, a_cell_is_better_or_worse_when_its_whole_interval_says_so)
{
	static const double then[] = {100, 101, 99, 102, 98};
	static const double up[] = {110, 111, 109, 112, 108};
	static const double down[] = {90, 91, 89, 92, 88};
	static const double mixed[] = {90, 110, 100, 95, 105};
	struct ring_cell_change change = change_of(up, 5, then, 5);

	cr_assert_eq(change.change, RING_BETTER);
	cr_assert_float_eq(change.ratio, 1.1, 0.002);
	cr_assert_gt(change.low, 1.06);
	cr_assert_lt(change.high, 1.14);
	cr_assert_float_eq(change.old_median, 100, 1e-9);
	change = change_of(down, 5, then, 5);
	cr_assert_eq(change.change, RING_WORSE);
	cr_assert_float_eq(change.ratio, 0.9, 0.002);
	change = change_of(mixed, 5, then, 5);
	cr_assert_eq(change.change, RING_SAME);
	cr_assert(change.low < 1 && change.high > 1);
}

/* Two of the 25 quotients are left out at each end: the exact table of Mann and Whitney for 5 and 5
 * at 95%. With three rounds nothing can be left out. */
Test(ring_compare, the_interval_is_that_of_the_rank_test)
{
	static const double ones[] = {1, 1, 1, 1, 1};
	static const double now[] = {1, 2, 4, 8, 16};
	struct ring_cell_change change = change_of(now, 5, ones, 5);

	/* Each quotient five times: the third from either end is still the first, the last. */
	cr_assert_float_eq(change.low, 1, 1e-9);
	cr_assert_float_eq(change.high, 16, 1e-9);
	cr_assert_float_eq(change.ratio, 4, 1e-9);
	/* 1/16, 1/8 (twice), ..: now and then the same five. */
	change = change_of(now, 5, now, 5);
	cr_assert_float_eq(change.low, 1.0 / 8, 1e-9);
	cr_assert_float_eq(change.high, 8, 1e-9);
	change = change_of(now, 3, now, 3);
	cr_assert_float_eq(change.low, 1.0 / 4, 1e-9);
	cr_assert_float_eq(change.high, 4, 1e-9);
	change = change_of(now, 1, ones, 1);
	cr_assert_eq(change.change, RING_SAME);
	/* A round in which nobody came to run: far below, and no division by it. */
	static const double zeros[] = {0, 0, 0, 0, 0};
	change = change_of(zeros, 5, now, 5);
	cr_assert_eq(change.change, RING_WORSE);
	cr_assert(change.low > 0 && change.ratio < 0.001);
	change = change_of(now, 5, zeros, 5);
	cr_assert_eq(change.change, RING_BETTER);
	cr_assert(isfinite(change.high));
	cr_assert_eq(change_of(zeros, 5, zeros, 5).change, RING_SAME);
}

/* --- through a file -------------------------------------------------------------------------- */

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

static void setup(void)
{
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	ring_bed_init(&bed);
	FILE *f = fopen(path, "w");
	cr_assert_not_null(f);
	cr_assert_eq(ring_report_json(&bed.report, f), 0);
	fclose(f);
	if (!ring_has_compare())
		cr_skip_test("weir was built without jansson\n");
}

static void teardown(void)
{
	unlink(path);
}

TestSuite(ring_old, .init = setup, .fini = teardown);

Test(ring_old, what_was_written_is_read_back)
{
	cr_assert_eq(ring_old_read(path, &old, why, sizeof why), 0, "%s", why);
	cr_assert_eq(old.cell_count, 2);
	cr_assert_eq(old.rounds, RING_BED_ROUNDS);
	cr_assert_eq(old.length_ns, 20000000);
	cr_assert(old.pinned && !old.fifo && old.has_rtt);
	cr_assert_eq(old.rtt_p50, 230);
	cr_assert_str_eq(old.machine.cpu, "a CPU");
	cr_assert_str_eq(old.machine.isolated, "2-3");
	cr_assert_eq(old.cells[1].cell.shape, RING_MPMC);
	cr_assert_eq(old.cells[1].cell.wait, WEIR_WAIT_ADAPTIVE);
	cr_assert_eq(old.cells[0].rounds, RING_BED_ROUNDS);
	cr_assert_float_eq(old.cells[0].mops[4], 24, 1e-9);
	/* Against itself: nothing has changed, and nothing differs. */
	ring_compare(&bed.report, &old, &comparison);
	cr_assert_eq(comparison.counts[RING_SAME], 2);
	cr_assert_eq(comparison.gone, 0);
	cr_assert_not(comparison.other_machine);
	cr_assert_str_empty(comparison.differences);
	cr_assert_float_eq(comparison.rtt_ratio, 1, 1e-9);
}

Test(ring_old, cells_that_changed_came_or_went_are_counted_and_printed)
{
	char text[4096] = "";

	cr_assert_eq(ring_old_read(path, &old, why, sizeof why), 0, "%s", why);
	for (unsigned r = 0; r < RING_BED_ROUNDS; r++)
		bed.cells[0].mops[0][r] *= 0.7;
	bed.cells[1].cell.batch = 256;
	bed.report.rtt.weir.p50 = 253;
	ring_compare(&bed.report, &old, &comparison);
	cr_assert_eq(comparison.counts[RING_WORSE], 1);
	cr_assert_eq(comparison.counts[RING_NEW], 1);
	cr_assert_eq(comparison.gone, 1);
	cr_assert_float_eq(comparison.slower, 0.3, 1e-9);
	cr_assert_float_eq(comparison.rtt_ratio, 1.1, 1e-9);
	FILE *f = fmemopen(text, sizeof text, "w");
	ring_compare_text(&bed.report, &comparison, f);
	fclose(f);
	cr_assert(capture_has(text, "    22.00     15.40   x0.700"), "%s", text);
	cr_assert(capture_has(text, ") worse\n"), "%s", text);
	cr_assert(capture_has(text, "   new\n"), "%s", text);
	cr_assert(capture_has(text, "230 ns then, 253 now: x1.100"), "%s", text);
	cr_assert_not(capture_has(text, "ANOTHER MACHINE"), "%s", text);
}

Test(ring_old, another_machine_is_told_loudly)
{
	char text[4096] = "";

	cr_assert_eq(ring_old_read(path, &old, why, sizeof why), 0, "%s", why);
	bed.report.fifo = true;
	ring_compare(&bed.report, &old, &comparison);
	cr_assert_not(comparison.other_machine, "another way to measure is the same machine");
	cr_assert(capture_has(comparison.differences, "SCHED_FIFO: no then, yes now"));
	(void)snprintf(bed.report.machine.cpu, sizeof bed.report.machine.cpu, "another CPU");
	bed.report.machine.cpus_allowed = 2;
	ring_compare(&bed.report, &old, &comparison);
	cr_assert(comparison.other_machine);
	FILE *f = fmemopen(text, sizeof text, "w");
	ring_compare_text(&bed.report, &comparison, f);
	fclose(f);
	cr_assert(capture_has(text, "CAREFUL     ANOTHER MACHINE"), "%s", text);
	cr_assert(capture_has(text, "CPU: a CPU then, another CPU now"), "%s", text);
	cr_assert(capture_has(text, "CPUs: 4 of 8 then, 2 of 8 now"), "%s", text);
}

/* The document as it was written, with the first `from` made `to`. */
static void spoil(const char *from, const char *to)
{
	static char text[65536];
	static char spoilt[65536];
	FILE *f = fopen(path, "r");

	cr_assert_not_null(f);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	char *at = strstr(text, from);
	cr_assert_not_null(at, "%s is not in %s", from, text);
	(void)snprintf(spoilt, sizeof spoilt, "%.*s%s%s", (int)(at - text), text, to,
		       at + strlen(from));
	write_file(spoilt);
	int code = ring_old_read(path, &old, why, sizeof why);
	cr_assert_eq(code, -EINVAL, "%s for %s: %d", to, from, code);
	write_file(text);
}

#define ROUNDS "\"weir_mops_rounds\": [\n        "

Test(ring_old, a_file_of_another_shape_is_refused_with_its_cause)
{
	static const char *const cases[][3] = {
		{"\"benchmark\": \"ring\"", "\"benchmark\": \"pipeline\"",
		 "it is of \"weir bench pipeline\""},
		{"\"cells\": [", "\"sells\": [", "cells is not there"},
		{"\"weir_mops_rounds\"", "\"weir_mops_round\"",
		 "cells[0].weir_mops_rounds is not there"},
		{ROUNDS "20.000", ROUNDS "\"fast\"",
		 "cells[0].weir_mops_rounds[0] is no number from 0"},
		{ROUNDS "20.000", ROUNDS "-20.000",
		 "cells[0].weir_mops_rounds[0] is no number from 0"},
		{"\"shape\": \"mpmc\"", "\"shape\": \"star\"", "cells[1].shape is \"star\""},
		{"\"batch\": 32", "\"batch\": -1", "cells[1].batch is -1: not from 1 to"},
		{"\"batch\": 32", "\"batch\": 1.5", "cells[1].batch is no whole number"},
		{"\"pinned\": true", "\"pinned\": \"yes\"", "pinned is neither true nor false"},
		{"\"kernel\": \"6.1 x86_64\"", "\"kernel\": 6", "machine.kernel is no text"},
		{"\"rounds\": 5", "\"rounds\": 5000", "rounds is 5000: not from 1 to 101"},
		{"\"weir_p50\": 230", "\"weir_p50\": null", "rtt_ns.weir_p50 is no whole number"},
		{"\"fifo\": false,", "\"fifo\": false", "it is no JSON: line "},
		{"{\n", "[{\n", "it is no JSON: "},
	};

	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		spoil(cases[i][0], cases[i][1]);
		cr_assert(capture_has(why, cases[i][2]), "%s: %s", cases[i][1], why);
	}
	write_file("[]");
	cr_assert_eq(ring_old_read(path, &old, why, sizeof why), -EINVAL);
	cr_assert_str_eq(why, "it is no JSON object");
	write_file("");
	cr_assert_eq(ring_old_read(path, &old, why, sizeof why), -EINVAL);
	cr_assert_eq(ring_old_read("/nowhere/at/all", &old, why, sizeof why), -ENOENT);
	cr_assert_eq(ring_old_read("/tmp", &old, why, sizeof why), -EISDIR);
}

Test(ring_old, the_command_compares_and_its_exit_code_is_the_threshold, .timeout = 120)
{
#define SHORT_RUN                                                                                  \
	"ring", "--shape", "spsc", "--payload", "8", "--batch", "32", "--rounds", "2", "--time",   \
		"2ms", "--no-rtt"
	cr_assert_eq(RUN(SHORT_RUN, "--json"), 0, "%s", c.err);
	write_file(c.out);
	cr_assert_eq(RUN(SHORT_RUN, "--compare", path, "--fail-if", "other_machine", "--fail-if",
			 "slower>=100%"),
		     0, "%s", c.err);
	cr_assert(capture_has(c.out, "compared    with "), "%s", c.out);
	cr_assert(capture_has(c.out, "fail-if     other_machine: good"), "%s", c.out);
	cr_assert_eq(RUN(SHORT_RUN, "--compare", path, "--fail-if", "slower>100%", "--fail-if",
			 "cells_worse>=0", "--json"),
		     CLI_EXIT_THRESHOLD, "%s", c.err);
	cr_assert(capture_has(c.out, "\"cells_new\": 0"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"crossed\": true"), "%s", c.out);
	write_file("{\"benchmark\": \"demo\"}");
	cr_assert_eq(RUN(SHORT_RUN, "--compare", path), CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "not of \"weir bench ring\""), "%s", c.err);
	cr_assert_eq(RUN(SHORT_RUN, "--compare", "/nowhere"), CLI_EXIT_NOT_FOUND);
	cr_assert_eq(RUN(SHORT_RUN, "--fail-if", "slower>5%"), CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "slower needs --compare"), "%s", c.err);
}

/* --- thresholds ------------------------------------------------------------------------------ */

static const struct ring_threshold_means everything = {true, true, true};

static void check_threshold(const char *text, double value, bool crossed)
{
	struct ring_threshold t;

	cr_assert_eq(ring_threshold_parse(text, &everything, &t, why, sizeof why), 0, "%s: %s",
		     text, why);
	cr_assert_eq(ring_threshold_judge(&t, 1, &bed.report), crossed, "%s is %g", text, t.value);
	cr_assert_eq(t.crossed, crossed, "%s", text);
	if (isnan(value))
		cr_assert(isnan(t.value), "%s is %g", text, t.value);
	else
		cr_assert_float_eq(t.value, value, 1e-6, "%s is %g", text, t.value);
}

Test(ring_threshold, expressions_mean_what_they_say)
{
	double mean = sqrt(2.2 * 0.5);

	ring_bed_init(&bed);
	check_threshold("loss", 1, true);
	check_threshold("cells_lost>0", 1, true);
	check_threshold("cells_lost > 1", 1, false);
	check_threshold(" cells_lost==1 ", 1, true);
	check_threshold("cells_lost!=1", 1, false);
	check_threshold("geomean<1.3", mean, true);
	check_threshold("geomean<1", mean, false);
	check_threshold("geomean<=105%", mean, true);
	check_threshold("ratio<0.6", 0.5, true);
	check_threshold("rtt>1.15", 1.15, false);
	check_threshold("rtt>=1.15", 1.15, true);
	check_threshold("rtt>1.1", 1.15, true);
	check_threshold("rtt_pair>1", 230.0 / 240, false);
	check_threshold("rtt_pair>0.95", 230.0 / 240, true);
	check_threshold("rtt_ns>230", 230, false);
	/* Nothing was compared: not passed. */
	check_threshold("slower>5%", NAN, true);
	check_threshold("rtt_slower", NAN, true);
	comparison = (struct ring_comparison){
		.slower = 0.06, .rtt_ratio = 1.2, .counts = {[RING_SAME] = 1, [RING_WORSE] = 1}};
	bed.report.comparison = &comparison;
	check_threshold("slower>5%", 0.06, true);
	check_threshold("slower>0.07", 0.06, false);
	check_threshold("slower", 0.06, true);
	check_threshold("cells_worse>1", 1, false);
	check_threshold("rtt_slower>10%", 0.2, true);
	check_threshold("other_machine", 0, false);
	comparison.other_machine = true;
	check_threshold("other_machine", 1, true);
	/* No cell of now was there then. */
	comparison.counts[RING_NEW] = 2;
	check_threshold("slower>5%", NAN, true);
	bed.report.peer_count = 1;
	check_threshold("loss", NAN, true);
	check_threshold("geomean<0.1", NAN, true);
	bed.report.has_rtt = false;
	check_threshold("rtt>1000", NAN, true);
}

Test(ring_threshold, what_is_no_expression_is_refused_with_its_cause)
{
	static const char *const cases[][2] = {
		{"", "begins with no name"},
		{">5", "begins with no name"},
		{"geomeen<1", "did you mean geomean"},
		{"speed<1", "knows no \"speed\""},
		{"geomean", "geomean needs a limit, as in geomean<1.3"},
		{"rtt", "rtt needs a limit, as in rtt>1.15"},
		{"loss>", "is no comparison"},
		{"loss>-1", "is no comparison"},
		{"loss>1e3", "is no comparison"},
		{"loss>1.", "is no comparison"},
		{"loss>nan", "is no comparison"},
		{"loss=1", "is no comparison"},
		{"loss>1 loss", "is no comparison"},
		{"loss>5%%", "is no comparison"},
		{"loss 5", "is no comparison"},
	};
	struct ring_threshold t = {.limit = 42};

	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		cr_assert_eq(ring_threshold_parse(cases[i][0], &everything, &t, why, sizeof why),
			     -EINVAL, "%s", cases[i][0]);
		cr_assert(capture_has(why, cases[i][1]), "%s: %s", cases[i][0], why);
	}
	cr_assert_eq(t.limit, 42, "set by an error");
}

Test(ring_threshold, what_a_run_cannot_tell_is_refused_before_it)
{
	static const struct {
		const char *text;
		struct ring_threshold_means means;
		const char *cause;
	} cases[] = {
		{"loss", {.rtt = true, .compare = true}, "loss needs --peers"},
		{"geomean<1", {.rtt = true, .compare = true}, "geomean needs --peers"},
		{"rtt>2", {.peers = true, .compare = true}, "rtt cannot be told with --no-rtt"},
		{"slower", {.peers = true, .rtt = true}, "slower needs --compare"},
		{"rtt_slower", {.peers = true, .compare = true}, "cannot be told with --no-rtt"},
		{"rtt_slower", {.peers = true, .rtt = true}, "rtt_slower needs --compare"},
	};
	struct ring_threshold t;

	for (size_t i = 0; i < WR_ARRAY_COUNT(cases); i++) {
		cr_assert_eq(
			ring_threshold_parse(cases[i].text, &cases[i].means, &t, why, sizeof why),
			-EINVAL);
		cr_assert(capture_has(why, cases[i].cause), "%s: %s", cases[i].text, why);
	}
}
