/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir bench ring` measures each cell that was asked for, reports it whole, and would
 *         notice a ring that loses, doubles, tears or swaps items; verdicts follow from the rounds.
 * Method: short runs of the command in a child process, judged by text and exit code; a contender
 *         that spoils items in one way at a time; made-up rounds. Numbers are not judged: the
 *         machine is shared.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "bench/ring.h"
#include "tests/support/capture.h"
#include "tools/weir/args.h"
#include "tools/weir/ring_report.h"

static struct capture c;

#define RUN(...) (CAPTURE(&c, cmd_bench, "bench", __VA_ARGS__), c.exit_code)

Test(bench_ring, every_shape_runs_and_its_report_is_whole, .timeout = 120)
{
	cr_assert_eq(RUN("ring", "--payload", "8", "--batch", "32", "--rounds", "1", "--time",
			 "2ms", "--wait", "adaptive", "--capacity", "1024", "--no-rtt"),
		     0, "%s", c.err);
	for (unsigned s = 0; s < RING_SHAPES; s++)
		cr_assert_not_null(strstr(c.out, ring_shape_names[s]), "%s", ring_shape_names[s]);
	cr_assert_eq(RUN("ring", "--shape", "mpmc", "--payload", "64", "--batch", "1", "--rounds",
			 "2", "--time", "2ms", "--wait", "all", "--no-rtt", "--json"),
		     0, "%s", c.err);
	static const char *const words[] = {
		"\"benchmark\": \"ring\"", "\"shape\": \"mpmc\"",     "\"payload_bytes\": 64",
		"\"wait\": \"park\"",      "\"weir_mops\": ",         "\"best_peer\": null",
		"\"cells_lost\": 0",       "\"geomean_ratio\": null", "\"rtt_ns\": null",
		"\"peers\": []",
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(words); i++)
		cr_assert_not_null(strstr(c.out, words[i]), "%s is not in %s", words[i], c.out);
}

Test(bench_ring, round_trips_are_measured_beside_one_line, .timeout = 120)
{
	struct ring_rtt rtt = {0};
	cr_assert_eq(ring_rtt_run(200, false, &rtt), 0);
	cr_assert_gt(rtt.line.p50, 0);
	cr_assert_gt(rtt.pair.p50, 0);
	cr_assert_gt(rtt.weir.p50, 0);
	cr_assert_leq(rtt.weir.p50, rtt.weir.p999);
	for (unsigned i = 1; i < RING_RTT_POINTS; i++) {
		cr_assert_lt(ring_rtt_ppm[i - 1], ring_rtt_ppm[i]);
		cr_assert_leq(rtt.weir.curve[i - 1], rtt.weir.curve[i]);
		cr_assert_leq(rtt.line.curve[i - 1], rtt.line.curve[i]);
		cr_assert_leq(rtt.pair.curve[i - 1], rtt.pair.curve[i]);
	}
	cr_assert_leq(rtt.weir.p999, rtt.weir.curve[RING_RTT_POINTS - 1]);
}

Test(bench_ring, a_wrong_command_line_is_refused)
{
	cr_assert_eq(RUN("ring", "--shape", "star"), CLI_EXIT_USAGE);
	cr_assert_eq(RUN("ring", "--capacity", "1000"), CLI_EXIT_USAGE);
	cr_assert_not_null(strstr(c.err, "power of two"));
	cr_assert_eq(RUN("ring", "--rounds", "0"), CLI_EXIT_USAGE);
	cr_assert_eq(RUN("rings"), CLI_EXIT_USAGE);
	cr_assert_not_null(strstr(c.err, "did you mean ring"));
	if (ring_peer_count == 1)
		cr_assert_eq(RUN("ring", "--peers"), CLI_EXIT_USAGE);
}

/* A contender of one thread after the other: the producer puts 100 items down, the consumer says
 * what it "found". */
static enum { WHOLE, LOST, DOUBLED, TORN_SUM, FAULTY } how;

static bool has(const struct ring_cell *cell)
{
	(void)cell;
	return true;
}

static int nothing_to_open(struct ring_run *run)
{
	(void)run;
	return 0;
}

static void nothing_to_do(struct ring_run *run)
{
	(void)run;
}

static void put(struct ring_side *s)
{
	s->count = 100;
	s->sum = 4950;
}

static void find(struct ring_side *s)
{
	s->count = how == LOST ? 99 : how == DOUBLED ? 101 : 100;
	s->sum = how == TORN_SUM ? 4951 : 4950;
	s->faults = how == FAULTY;
	s->end_ns = UINT64_MAX;
}

Test(bench_ring, a_ring_that_loses_doubles_or_changes_items_is_found_out)
{
	static const struct ring_peer liar = {
		.name = "liar",
		.version = "1",
		.has = has,
		.open = nothing_to_open,
		.close = nothing_to_do,
		.produce = put,
		.consume = find,
		.finish = nothing_to_do,
	};
	static struct ring_run run;
	for (unsigned shape = 0; shape < RING_SHAPES; shape++)
		for (how = WHOLE; how <= FAULTY; how++) {
			run.peer = &liar;
			run.length_ns = 1000;
			run.cell = (struct ring_cell){.shape = (enum ring_shape)shape,
						      .payload_bytes = 8,
						      .batch = 1,
						      .wait = WEIR_WAIT_ADAPTIVE,
						      .capacity = 256};
			ring_cell_sides(&run.cell, 1, 1);
			cr_assert_eq(ring_run(&run), how == WHOLE ? 0 : -EPROTO, "shape %u, %u",
				     shape, how);
		}
}

Test(bench_ring, verdicts_follow_from_the_rounds)
{
	static struct ring_cell_result cell;
	struct ring_summary s;
	cell.ran[0] = cell.ran[1] = cell.ran[2] = true;
	for (unsigned r = 0; r < 5; r++) {
		cell.mops[0][r] = 20 + r; // weir
		cell.mops[1][r] = 5;
		cell.mops[2][r] = 10 + r % 2;
	}
	ring_summarize(&cell, 3, 5, &s);
	cr_assert_eq(s.best_peer, 2);
	cr_assert_eq(s.verdict, RING_WIN);
	cr_assert_float_eq(s.median[0], 22, 1e-9);
	cr_assert_float_eq(s.least[0], 20, 1e-9);
	cr_assert_float_eq(s.most[0], 24, 1e-9);
	for (unsigned r = 0; r < 5; r++)
		cell.mops[2][r] = 100;
	ring_summarize(&cell, 3, 5, &s);
	cr_assert_eq(s.verdict, RING_LOSS);
	/* Two rounds above, two below: one of each is left when the ends are cut. */
	cell.mops[2][0] = cell.mops[2][1] = 10;
	cell.mops[2][2] = 22;
	ring_summarize(&cell, 3, 5, &s);
	cr_assert_eq(s.verdict, RING_TIE);
	struct ring_ratio ratio;
	ring_ratio_to(&cell, 1, 5, &ratio);
	cr_assert_eq(ratio.verdict, RING_WIN);
	cr_assert_float_eq(ratio.median, 4.4, 1e-9);
	cr_assert_float_eq(ratio.low, 4.2, 1e-9);
	cr_assert_float_eq(ratio.high, 4.6, 1e-9);
	ring_ratio_to(&cell, 3, 5, &ratio);
	cr_assert_eq(ratio.verdict, RING_ALONE, "a peer that did not run");
	/* A fan is what a peer without order among producers is compared with, and no other. */
	cell.has_fan = true;
	for (unsigned r = 0; r < 5; r++) {
		cell.fan_mops[r] = 200;
		cell.mops[2][r] = 100;
	}
	ring_summarize(&cell, 3, 5, &s);
	cr_assert(s.verdict == RING_LOSS && !s.with_fan);
	cell.by_producer[2] = true;
	ring_ratio_to(&cell, 2, 5, &ratio);
	cr_assert_float_eq(ratio.median, 2, 1e-9);
	ring_summarize(&cell, 3, 5, &s);
	cr_assert_eq(s.verdict, RING_WIN);
	cr_assert(s.best_peer == 2 && s.with_fan);
	cr_assert_float_eq(s.fan_median, 200, 1e-9);
	ring_summarize(&cell, 1, 5, &s);
	cr_assert_eq(s.best_peer, -1);
	cr_assert_eq(s.verdict, RING_ALONE);
}
