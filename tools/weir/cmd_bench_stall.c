/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir bench stall`: options, the stops that they name, the report.
 *
 * Thread: main; bench/stall.c starts and joins the others.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "tools/weir/args.h"
#include "tools/weir/html_page.h"
#include "tools/weir/stall_report.h"

static struct {
	unsigned shape;
	unsigned who;
	unsigned stop;
	uint64_t rate;
	uint64_t capacity;
	uint64_t before_ns;
	uint64_t after_ns;
	bool no_pin;
	bool json;
	const char *html;
} choices;

static const char *const shape_choices[] = {"all",  "spsc",      "mpsc",     "spmc",
					    "mpmc", "multicast", "pipeline", NULL};
static const char *const who_choices[] = {"all", "producer", "consumer", "writer", NULL};
static const char *const stop_choices[] = {"all", "1ms", "10ms", "100ms", NULL};
static const uint64_t stops_ns[] = {1000000, 10000000, 100000000};

static const struct cli_option options[] = {
	{.name = "shape",
	 .type = CLI_ENUM,
	 .target = &choices.shape,
	 .choices = shape_choices,
	 .fallback = "all",
	 .help = "of ring, or a pipeline"},
	{.name = "stop",
	 .type = CLI_ENUM,
	 .target = &choices.who,
	 .choices = who_choices,
	 .fallback = "all",
	 .help = "which thread is stopped"},
	{.name = "for",
	 .type = CLI_ENUM,
	 .target = &choices.stop,
	 .choices = stop_choices,
	 .fallback = "all",
	 .help = "how long it is stopped"},
	{.name = "rate",
	 .type = CLI_NUMBER,
	 .target = &choices.rate,
	 .fallback = "10000",
	 .min = 100,
	 .max = 1000000,
	 .help = "items a second of each producer, due at fixed times"},
	{.name = "capacity",
	 .type = CLI_NUMBER,
	 .target = &choices.capacity,
	 .fallback = "512",
	 .min = 64,
	 .max = 1 << 20,
	 .help = "items in a ring, a power of two: a consumer's long stop fills it"},
	{.name = "before",
	 .type = CLI_DURATION,
	 .target = &choices.before_ns,
	 .fallback = "200ms",
	 .min = 10000000,
	 .max = 500000000,
	 .help = "how long to watch before the stop"},
	{.name = "after",
	 .type = CLI_DURATION,
	 .target = &choices.after_ns,
	 .fallback = "300ms",
	 .min = 10000000,
	 .max = 500000000,
	 .help = "how long to watch after it"},
	{.name = "no-pin",
	 .type = CLI_FLAG,
	 .target = &choices.no_pin,
	 .help = "threads are not pinned to CPUs"},
	{.name = "html",
	 .type = CLI_STRING,
	 .target = &choices.html,
	 .value_name = "FILE",
	 .help = "write a page with plots over time, too"},
	CLI_OPTION_JSON(&choices.json),
};

static const struct cli_command command = {
	.name = "bench stall",
	.summary = "Stop one thread, and see what the others see.",
	.description =
		"Producers push at fixed times; one thread is stopped from outside at its worst\n"
		"place: a producer with a claim open, a consumer with items taken, the log's\n"
		"writer anywhere. Latency counts from the time at which an item was due. Every\n"
		"item has to arrive, once.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

static uint32_t name_runs(struct stall_run_report *runs)
{
	uint32_t count = 0;

	for (uint32_t shape = 0; shape <= STALL_PIPELINE; shape++)
		for (uint32_t who = 0; who < STALL_WHO; who++)
			for (uint32_t i = 0; i < WR_ARRAY_COUNT(stops_ns); i++) {
				if ((choices.shape != 0 && choices.shape != shape + 1) ||
				    (choices.who != 0 && choices.who != who + 1) ||
				    (choices.stop != 0 && choices.stop != i + 1) ||
				    !stall_has(shape, (enum stall_who)who))
					continue;
				runs[count++].settings = (struct stall_settings){
					.shape = shape,
					.who = (enum stall_who)who,
					.stop_ns = stops_ns[i],
					.before_ns = choices.before_ns,
					.after_ns = choices.after_ns,
					.rate = choices.rate,
					.capacity = choices.capacity,
					.pin = !choices.no_pin,
				};
			}
	return count;
}

static int measure(struct stall_run_report *runs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		int code = stall_run(&runs[i].settings, &runs[i].result);
		if (code == -EPROTO)
			fprintf(stderr, "weir: %s, %s stopped: items were lost or doubled\n",
				stall_shape_name(runs[i].settings.shape),
				stall_who_names[runs[i].settings.who]);
		if (code < 0)
			return code == -EPROTO ? CLI_EXIT_FAILED
					       : cli_fail(stall_shape_name(runs[i].settings.shape),
							  code, NULL);
	}
	return CLI_EXIT_OK;
}

static int tell(const struct stall_report *report, struct html_file *page)
{
	int exit_code = CLI_EXIT_OK;

	if (!choices.json)
		stall_report_text(report, stdout);
	else if (stall_report_json(report, stdout) < 0)
		exit_code = cli_fail("writing the report", -EIO, NULL);
	if (choices.html != NULL) {
		stall_report_html(report, page->to);
		int code = html_close(page, true);
		if (code < 0)
			exit_code = cli_fail(choices.html, code, NULL);
	}
	return exit_code;
}

int cmd_bench_stall(int argc, char **argv)
{
	struct html_file page = {.to = NULL};
	struct timespec now;

	int exit_code = cli_parse(&command, argc, argv, NULL);
	if (exit_code != CLI_GO_ON)
		return exit_code;
	if (!wr_is_power_of_two(choices.capacity))
		return cli_usage(&command, "--capacity: %llu is not a power of two",
				 (unsigned long long)choices.capacity);
	if (choices.who == STALL_WRITER + 1 && choices.shape != 0 &&
	    choices.shape != STALL_PIPELINE + 1)
		return cli_usage(&command, "--stop: a ring has no writer");
	struct stall_run_report *runs = calloc(STALL_RUNS_MAX, sizeof *runs);
	if (runs == NULL)
		return cli_fail("making room for results", -ENOMEM, NULL);
	int code = choices.html != NULL ? html_open(&page, choices.html) : 0;
	if (code < 0) {
		free(runs);
		return cli_fail(choices.html, code, NULL);
	}
	clock_gettime(CLOCK_REALTIME, &now);
	struct stall_report report = {
		.runs = runs,
		.run_count = name_runs(runs),
		.pinned = !choices.no_pin,
		.when_us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u,
	};
	bench_machine_read(NULL, &report.machine);
	exit_code = measure(runs, report.run_count);
	if (exit_code == CLI_EXIT_OK)
		exit_code = tell(&report, &page);
	(void)html_close(&page, false);
	free(runs);
	return exit_code;
}
