/* SPDX-License-Identifier: Apache-2.0 */
/* See journal_bench_options.h. Thread: main. */
#include "tools/weir/journal_bench_options.h"

#include <string.h>

#include "bench/journal.h"
#include "bench/rounds.h"
#include "core/base/bits.h"

static const char *const io_names[] = {"auto", "uring", "posix", NULL};
static const char *const wait_names[] = {"default", "spin", "adaptive", "yield", "park", NULL};

/* One command line a process: the table points here. */
static struct journal_choices choices;

static const struct cli_option options[] = {
	{.name = "dir",
	 .type = CLI_STRING,
	 .target = &choices.dir,
	 .fallback = ".",
	 .value_name = "DIR",
	 .help = "on the disk to measure: works in a folder that it makes there, and removes"},
	{.name = "rates",
	 .type = CLI_STRING,
	 .target = &choices.rates_text,
	 .fallback = "100K,1M",
	 .value_name = "LIST",
	 .help = "events a second, due at fixed times"},
	{.name = "payload",
	 .type = CLI_SIZE,
	 .target = &choices.payload_bytes,
	 .fallback = "64",
	 .min = JOURNAL_PAYLOAD_BYTES_MIN,
	 .max = JOURNAL_PAYLOAD_BYTES_MAX,
	 .help = "bytes of each event's payload"},
	{.name = "producers",
	 .type = CLI_NUMBER,
	 .target = &choices.producers,
	 .fallback = "2",
	 .min = 1,
	 .max = JOURNAL_PRODUCERS_MAX,
	 .help = "threads that publish when saturated; at a rate it is one"},
	{.name = "rounds",
	 .type = CLI_NUMBER,
	 .target = &choices.rounds,
	 .fallback = "5",
	 .min = 1,
	 .max = ROUNDS_MAX,
	 .help = "of everything, in turn"},
	{.name = "time",
	 .type = CLI_DURATION,
	 .target = &choices.length_ns,
	 .fallback = "3s",
	 .min = 10000000,
	 .max = 600000000000ull,
	 .help = "of each load in a round"},
	{.name = "warmup",
	 .type = CLI_DURATION,
	 .target = &choices.warmup_ns,
	 .fallback = "300ms",
	 .max = 60000000000ull,
	 .help = "of each load, before"},
	{.name = "bare-time",
	 .type = CLI_DURATION,
	 .target = &choices.bare_ns,
	 .fallback = "1s",
	 .min = 1000000,
	 .max = 60000000000ull,
	 .help = "of the bare write + fdatasync before each load with a rate"},
	{.name = "quick",
	 .type = CLI_FLAG,
	 .target = &choices.quick,
	 .help = "three rounds of a second: under 50 seconds in all"},
	{.name = "io",
	 .type = CLI_ENUM,
	 .target = &choices.io,
	 .choices = io_names,
	 .fallback = "auto",
	 .help = "storage backend"},
	{.name = "wait",
	 .type = CLI_ENUM,
	 .target = &choices.wait,
	 .choices = wait_names,
	 .fallback = "default",
	 .help = "how weir's threads wait"},
	{.name = "segment-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.segment_bytes,
	 .fallback = "64MiB",
	 .min = 1 << 20,
	 .max = 1ull << 32,
	 .help = "of a file of the journal"},
	{.name = "retention-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.retention_bytes,
	 .fallback = "512MiB",
	 .min = 1 << 20,
	 .max = 1ull << 40,
	 .help = "of journal that is kept; what is older is written over"},
	{.name = "undurable-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.undurable_bytes,
	 .max = 1ull << 32,
	 .help = "visible but not yet durable at most [weir's default]"},
	{.name = "lane-bytes",
	 .type = CLI_SIZE,
	 .target = &choices.lane_bytes,
	 .max = 1ull << 30,
	 .help = "of a producer's lane [weir's default]"},
	{.name = "batches-in-flight",
	 .type = CLI_NUMBER,
	 .target = &choices.batches_in_flight,
	 .max = 16,
	 .help = "writes under way at once [weir's default]"},
	{.name = "peers",
	 .type = CLI_FLAG,
	 .target = &choices.peers,
	 .help = "databases and logs beside weir (libraries: of a build with -Dpeers=enabled)"},
	{.name = "missing-ok",
	 .type = CLI_FLAG,
	 .target = &choices.missing_ok,
	 .help = "peers that are not here are no failure"},
	{.name = "no-limit",
	 .type = CLI_FLAG,
	 .target = &choices.no_limit,
	 .help = "no fio sweep for the device's limit"},
	{.name = "html",
	 .type = CLI_STRING,
	 .target = &choices.html,
	 .value_name = "FILE",
	 .help = "write a page with plots, too"},
	CLI_OPTION_JSON(&choices.json),
};

const struct cli_command journal_bench_command = {
	.name = "bench journal",
	.summary = "Measure durable acknowledgements on a disk of yours.",
	.description =
		"Every acknowledgement is a durable one. Loads with a rate are open loop: an\n"
		"event's latency counts from the time at which it was due. Beside each runs a\n"
		"bare write + fdatasync, and fio says what the device can do; rounds are in\n"
		"turn, and the report gives medians and spread.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

/* "100K,1M" */
static int parse_rates(struct journal_choices *c)
{
	char copy[256];
	char why[120];
	char *rest = NULL;

	if (strlen(c->rates_text) >= sizeof copy)
		return cli_usage(&journal_bench_command, "--rates: is longer than %zu bytes",
				 sizeof copy - 1);
	memcpy(copy, c->rates_text, strlen(c->rates_text) + 1);
	for (char *word = strtok_r(copy, ",", &rest); word != NULL;
	     word = strtok_r(NULL, ",", &rest)) {
		uint64_t rate = 0;
		const struct cli_option option = {.name = "rates",
						  .type = CLI_NUMBER,
						  .target = &rate,
						  .min = 1,
						  .max = 1000000000};
		if (c->rate_count == JOURNAL_RATES_MAX)
			return cli_usage(&journal_bench_command, "--rates: more than %u",
					 JOURNAL_RATES_MAX);
		if (cli_parse_value(&option, word, why, sizeof why) < 0)
			return cli_usage(&journal_bench_command, "--rates: \"%.40s\" %s", word,
					 why);
		c->rates[c->rate_count++] = rate;
	}
	if (c->rate_count == 0)
		return cli_usage(&journal_bench_command, "--rates: names none");
	return CLI_GO_ON;
}

static void make_quick(struct journal_choices *c)
{
	if (!cli_given(&journal_bench_command, "rounds"))
		c->rounds = 3;
	if (!cli_given(&journal_bench_command, "time"))
		c->length_ns = 1000000000;
	if (!cli_given(&journal_bench_command, "warmup"))
		c->warmup_ns = 200000000;
	if (!cli_given(&journal_bench_command, "bare-time"))
		c->bare_ns = 300000000;
}

int journal_bench_options_parse(int argc, char **argv, struct journal_choices *ret_choices)
{
	choices = (struct journal_choices){0};
	int code = cli_parse(&journal_bench_command, argc, argv, NULL);
	if (code == CLI_GO_ON)
		code = parse_rates(&choices);
	if (code != CLI_GO_ON)
		return code;
	if (choices.retention_bytes < 2 * choices.segment_bytes)
		return cli_usage(&journal_bench_command,
				 "--retention-bytes: less than two segments: nothing would be "
				 "written over");
	if (choices.quick)
		make_quick(&choices);
	*ret_choices = choices;
	return CLI_GO_ON;
}
