/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir bench stall` stops the thread that it says for as long as it says, in every shape
 *         and in a pipeline, loses nothing, and computes what the others saw and when they had
 *         recovered.
 * Method: made-up windows with known recoveries; a short real run of each stop, which must have
 *         lasted, and whose items must all have come; reports of made-up results. Latencies of real
 *         runs are not judged: the machine is shared.
 */
#include <criterion/criterion.h>

#include "bench/stall.h"
#include "tests/support/capture.h"
#include "tools/weir/args.h"
#include "tools/weir/stall_report.h"

static struct capture c;
static uint64_t worst[400];

/* Every window good (10 of 100), from the first on. */
static void all_good(void)
{
	for (unsigned w = 0; w < WR_ARRAY_COUNT(worst); w++)
		worst[w] = 10;
}

static uint64_t recovery(uint64_t to_windows)
{
	return stall_recovery_ns(worst, WR_ARRAY_COUNT(worst), to_windows * STALL_WINDOW_NS, 100);
}

/* Beyond the end of the stop; as many as there is room for where the machine took that long. */
static void expect_windows(const struct stall_result *result)
{
	cr_assert(result->window_count > result->to_ns / STALL_WINDOW_NS ||
		  result->window_count == STALL_WINDOWS);
}

Test(bench_stall, recovery_is_the_end_of_the_last_bad_window_before_a_good_millisecond)
{
	all_good();
	cr_assert_eq(recovery(200), 0, "nothing was late");
	worst[150] = 5000;
	cr_assert_eq(recovery(200), 0, "late during the stop only");
	worst[200] = worst[201] = 5000;
	cr_assert_eq(recovery(200), 2 * STALL_WINDOW_NS);
	worst[200] = 10;
	cr_assert_eq(recovery(200), 2 * STALL_WINDOW_NS, "one good window is not recovered");
	worst[205] = 101;
	cr_assert_eq(recovery(200), 6 * STALL_WINDOW_NS);
	worst[205] = 100;
	cr_assert_eq(recovery(200), 2 * STALL_WINDOW_NS, "the limit itself is good");
	/* Behind ten good windows: not of the stop. */
	worst[215] = 5000;
	cr_assert_eq(recovery(200), 2 * STALL_WINDOW_NS);
	/* Windows without anything count as neither. */
	for (unsigned w = 202; w < 250; w++)
		worst[w] = 0;
	worst[252] = 5000;
	cr_assert_eq(recovery(200), 53 * STALL_WINDOW_NS);
	for (unsigned w = 200; w < WR_ARRAY_COUNT(worst); w++)
		worst[w] = 5000;
	cr_assert_eq(recovery(200), STALL_NEVER);
	worst[399] = 10;
	cr_assert_eq(recovery(200), STALL_NEVER, "too short to tell");
}

static void run_each(uint32_t shape)
{
	static struct stall_result result;

	for (uint32_t who = 0; who < STALL_WHO; who++) {
		struct stall_settings settings = {.shape = shape,
						  .who = (enum stall_who)who,
						  .stop_ns = 3000000,
						  .before_ns = 5000000,
						  .after_ns = 5000000,
						  .rate = 2000,
						  .capacity = 64,
						  .pin = true};
		if (!stall_has(shape, (enum stall_who)who))
			continue;
		cr_assert_eq(stall_run(&settings, &result), 0, "%s, %s", stall_shape_name(shape),
			     stall_who_names[who]);
		cr_assert_geq(result.to_ns - result.from_ns, settings.stop_ns);
		expect_windows(&result);
		/* A stopped consumer does not watch itself, and no items are its. */
		if (who != STALL_PRODUCER)
			cr_assert_eq(result.seen[STALL_POP_OF_STOPPED].count, 0);
		if (who == STALL_PRODUCER && (shape == RING_SPSC || shape == RING_MULTICAST))
			cr_assert_eq(result.seen[STALL_PUSH].count, 0, "there is no other");
		if (who == STALL_CONSUMER && shape == RING_SPSC)
			cr_assert_eq(result.seen[STALL_POP].count, 0, "there is no other");
	}
}

Test(bench_stall, each_thread_of_each_ring_is_stopped_and_nothing_is_lost)
{
	for (uint32_t shape = 0; shape < RING_SHAPES; shape++)
		run_each(shape);
}

Test(bench_stall, a_producer_a_member_and_the_writer_of_a_pipeline_are_stopped)
{
	run_each(STALL_PIPELINE);
}

Test(bench_stall, reports_have_every_run_and_watcher)
{
	static struct stall_run_report run;
	static char text[1u << 17];
	struct stall_report report = {
		.runs = &run, .run_count = 1, .machine = {.cpu = "a <CPU>", .cpus_allowed = 8}};

	run.settings = (struct stall_settings){
		.shape = RING_MPSC, .who = STALL_PRODUCER, .stop_ns = 10000000};
	run.result =
		(struct stall_result){.from_ns = 20000000, .to_ns = 30000000, .window_count = 400};
	run.result.seen[STALL_PUSH] = (struct stall_seen){.before_p99 = 900,
							  .count = 5,
							  .p9999 = 9876543,
							  .greatest = 9876543,
							  .recovery_ns = 250000};
	run.result.seen[STALL_POP] = (struct stall_seen){.count = 5, .recovery_ns = STALL_NEVER};
	run.result.seen[STALL_PUSH].worst[310] = 9876543;
	FILE *f = fmemopen(text, sizeof text, "w");
	stall_report_text(&report, f);
	fclose(f);
	cr_assert(capture_has(text, "mpsc       producer    10 ms  producers"), "%s", text);
	cr_assert(capture_has(text, "250.0 us"), "%s", text);
	cr_assert(capture_has(text, "not in this run"), "%s", text);
	cr_assert_not(capture_has(text, "its items"), "nobody saw any: %s", text);
	f = fmemopen(text, sizeof text, "w");
	cr_assert_eq(stall_report_json(&report, f), 0);
	fclose(f);
	cr_assert(capture_has(text, "\"p9999_ns\": 9876543"), "%s", text);
	cr_assert(capture_has(text, "\"recovery_ns\": 250000"), "%s", text);
	cr_assert(capture_has(text, "\"recovery_ns\": null"), "%s", text);
	cr_assert(capture_has(text, "\"stopped_ns\": 10000000"), "%s", text);
	f = fmemopen(text, sizeof text, "w");
	stall_report_html(&report, f);
	fclose(f);
	cr_assert(capture_has(text, "a &lt;CPU&gt;"));
	cr_assert(capture_has(text, "class=\"stop\""));
	cr_assert(capture_has(text, "</svg>"));
	cr_assert(capture_has(text, "</html>"));
}

Test(bench_stall, the_command_stops_and_a_wrong_command_line_is_refused)
{
	CAPTURE(&c, cmd_bench, "bench", "stall", "--shape", "mpsc", "--stop", "consumer", "--for",
		"1ms", "--before", "10ms", "--after", "10ms", "--json");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "\"stopped\": \"consumer\""), "%s", c.out);
	CAPTURE(&c, cmd_bench, "bench", "stall", "--shape", "mpsc", "--stop", "writer");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "a ring has no writer"), "%s", c.err);
	CAPTURE(&c, cmd_bench, "bench", "stall", "--capacity", "100");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
}
