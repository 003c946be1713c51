/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a command line means what its table says, and a wrong one gets a complaint that helps.
 * Method: values of each type with their edges; whole command lines in a child process, judged by
 *         exit code and text.
 */
#include <criterion/criterion.h>

#include "tests/support/capture.h"

#include <errno.h>
#include <stdint.h>

#include "core/text/nearest.h"
#include "tools/weir/args.h"

/* --- values ----------------------------------------------------------------------------------- */

static int parse_u64(enum cli_type type, const char *text, uint64_t *ret_n)
{
	char why[160];
	struct cli_option option = {.name = "x", .type = type, .target = ret_n};

	return cli_parse_value(&option, text, why, sizeof why);
}

struct value {
	const char *text;
	uint64_t n;
};

static void check_values(enum cli_type type, const struct value *values)
{
	for (; values->text != NULL; values++) {
		uint64_t n = 12345;
		cr_assert_eq(parse_u64(type, values->text, &n), 0, "\"%s\"", values->text);
		cr_assert_eq(n, values->n, "\"%s\" gave %llu", values->text, (unsigned long long)n);
	}
}

static void check_refused(enum cli_type type, const char *const *texts)
{
	for (; *texts != NULL; texts++) {
		uint64_t n = 12345;
		cr_assert_eq(parse_u64(type, *texts, &n), -EINVAL, "\"%s\"", *texts);
		cr_assert_eq(n, 12345, "\"%s\" changed its target", *texts);
	}
}

Test(args, sizes_have_binary_units)
{
	check_values(CLI_SIZE, (const struct value[]){{"0", 0},
						      {"4096", 4096},
						      {"64KiB", 65536},
						      {"64k", 65536},
						      {"64KB", 65536},
						      {"1.5GiB", 1610612736},
						      {"4 KiB", 4096},
						      {"2TiB", 2199023255552},
						      {"18446744073709551615", UINT64_MAX},
						      {NULL, 0}});
	check_refused(CLI_SIZE, (const char *const[]){"", "KiB", "-1", "1.5", "1.KiB", "4 ", "0x10",
						      "18446744073709551616", "16777216TiB", "1XiB",
						      "1.0000001MiB", NULL});
}

Test(args, durations_are_seconds_without_a_unit)
{
	check_values(CLI_DURATION, (const struct value[]){{"10", 10000000000},
							  {"0.2", 200000000},
							  {"1.5s", 1500000000},
							  {"250us", 250000},
							  {"7ns", 7},
							  {"3ms", 3000000},
							  {"2m", 120000000000},
							  {"1h", 3600000000000},
							  {NULL, 0}});
	check_refused(CLI_DURATION,
		      (const char *const[]){"", "-1s", "1.5ns", "s", "1y", "584555d", NULL});
}

Test(args, numbers_and_rates_have_decimal_units)
{
	check_values(CLI_NUMBER, (const struct value[]){{"0", 0},
							{"42", 42},
							{"1_000_000", 1000000},
							{"5M", 5000000},
							{"2.5K", 2500},
							{NULL, 0}});
	check_values(CLI_RATE, (const struct value[]){{"50000", 50000},
						      {"2.5M", 2500000},
						      {"max", CLI_RATE_MAX},
						      {NULL, 0}});
	check_refused(CLI_NUMBER,
		      (const char *const[]){"", "max", "_1", "1.5", "1KiB", "nan", NULL});
	check_refused(CLI_RATE, (const char *const[]){"", "MAX", "fast", NULL});
}

Test(args, places_are_sequences_times_or_distances)
{
	static const struct {
		const char *text;
		enum cli_point_kind kind;
		uint64_t value;
	} good[] = {
		{"4711", CLI_POINT_SEQUENCE, 4711},
		{"1_000", CLI_POINT_SEQUENCE, 1000},
		{"1970-01-01T00:00:00Z", CLI_POINT_TIME, 0},
		{"1970-01-01T00:00:00.000001Z", CLI_POINT_TIME, 1},
		{"2024-02-29T12:34:56.789Z", CLI_POINT_TIME, 1709210096789000},
		{"2024-02-29 12:34:56.789", CLI_POINT_TIME, 1709210096789000},
		{"2024-02-29T14:34:56.789+02:00", CLI_POINT_TIME, 1709210096789000},
		{"2024-02-29T07:04:56.789-05:30", CLI_POINT_TIME, 1709210096789000},
		{"2024-03-01", CLI_POINT_TIME, 1709251200000000},
		{"2000-03-01T00:00Z", CLI_POINT_TIME, 951868800000000},
		{"-5m", CLI_POINT_AGO, 300000000000},
		{"-1.5s", CLI_POINT_AGO, 1500000000},
	};
	static const char *const bad[] = {"",
					  "x",
					  "-",
					  "2024-02-30",
					  "2023-02-29",
					  "2024-13-01",
					  "1969-12-31",
					  "2024-02-29T25:00:00Z",
					  "2024-02-29T12",
					  "2024-02-29T12:00:00X",
					  "12.5",
					  "-5y"};
	char why[160];

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct cli_point point = {.kind = CLI_POINT_NONE};
		struct cli_option option = {.name = "from", .type = CLI_POINT, .target = &point};
		cr_assert_eq(cli_parse_value(&option, good[i].text, why, sizeof why), 0, "\"%s\"",
			     good[i].text);
		cr_assert_eq(point.kind, good[i].kind, "\"%s\"", good[i].text);
		cr_assert_eq(point.value, good[i].value, "\"%s\" gave %llu", good[i].text,
			     (unsigned long long)point.value);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct cli_point point = {.kind = CLI_POINT_NONE};
		struct cli_option option = {.name = "from", .type = CLI_POINT, .target = &point};
		cr_assert_eq(cli_parse_value(&option, bad[i], why, sizeof why), -EINVAL, "\"%s\"",
			     bad[i]);
		cr_assert_eq(point.kind, CLI_POINT_NONE);
	}
}

Test(args, times_are_read_back_as_they_are_printed)
{
	/* Every day of 800 years, at a time that moves through the day. */
	for (uint64_t day = 0; day < 292194; day++) {
		uint64_t us = day * 86400000000ull + day * 7919 % 86400 * 1000000 + day % 1000000;
		struct cli_point point = {.kind = CLI_POINT_NONE};
		struct cli_option option = {.name = "from", .type = CLI_POINT, .target = &point};
		char text[CLI_TEXT_BYTES];
		char why[160];
		cli_text_time(text, us);
		if (us == 0)
			continue;
		cr_assert_eq(cli_parse_value(&option, text, why, sizeof why), 0, "%s", text);
		cr_assert_eq(point.value, us, "%s", text);
	}
}

Test(args, the_nearest_word_is_a_slip_and_not_another_word)
{
	static const char *const words[] = {"seconds", "segment-bytes", "members", "io", NULL};

	cr_assert_str_eq(wr_nearest("second", words), "seconds");
	cr_assert_str_eq(wr_nearest("secnods", words), "seconds");
	cr_assert_str_eq(wr_nearest("segment-byte", words), "segment-bytes");
	cr_assert_str_eq(wr_nearest("memb", words), "members");
	cr_assert_null(wr_nearest("elephant", words));
	cr_assert_null(wr_nearest("xy", words));
	/* Where every letter is another one nothing was slipped from. */
	static const char *const letters[] = {"a", "io", NULL};
	cr_assert_null(wr_nearest("x", letters));
	cr_assert_str_eq(wr_nearest("oi", letters), "io");
}

Test(args, numbers_for_people_are_short_and_fixed)
{
	char text[CLI_TEXT_BYTES];

	cr_assert_str_eq(cli_text_count(text, 0), "0");
	cr_assert_str_eq(cli_text_count(text, 999), "999");
	cr_assert_str_eq(cli_text_count(text, 1234567), "1 234 567");
	cr_assert_str_eq(cli_text_count(text, UINT64_MAX), "18 446 744 073 709 551 615");
	cr_assert_str_eq(cli_text_bytes(text, 1023), "1023 B");
	cr_assert_str_eq(cli_text_bytes(text, 1024), "1.0 KiB");
	cr_assert_str_eq(cli_text_bytes(text, 1048575), "1.0 MiB");
	cr_assert_str_eq(cli_text_bytes(text, 67108864), "64.0 MiB");
	cr_assert_str_eq(cli_text_rate(text, 5000000), "5.00 M");
	cr_assert_str_eq(cli_text_ns(text, 999), "999 ns");
	cr_assert_str_eq(cli_text_ns(text, 12345), "12.3 us");
	cr_assert_str_eq(cli_text_ns(text, 999960), "1.0 ms");
	cr_assert_str_eq(cli_text_ns(text, 1500000000), "1.50 s");
	cr_assert_str_eq(cli_text_time(text, 0), "-");
	cr_assert_str_eq(cli_text_time(text, 1), "1970-01-01T00:00:00.000001Z");
	cr_assert_str_eq(cli_text_time(text, UINT64_MAX), "18446744073709551615 us");
}

/* --- command lines ---------------------------------------------------------------------------- */

static int sample(int argc, char **argv)
{
	static const char *const modes[] = {"auto", "uring", "posix", NULL};
	bool json = false;
	uint64_t seconds = 0;
	uint64_t size = 7;
	unsigned mode = 99;
	const char *name = "none";
	const struct cli_option options[] = {
		{.name = "seconds",
		 .short_name = 's',
		 .type = CLI_DURATION,
		 .target = &seconds,
		 .fallback = "15s",
		 .min = 1000000,
		 .max = 60000000000,
		 .help = "how long"},
		{.name = "size", .type = CLI_SIZE, .target = &size, .help = "how large"},
		{.name = "io",
		 .type = CLI_ENUM,
		 .target = &mode,
		 .choices = modes,
		 .fallback = "auto",
		 .help = "backend"},
		{.name = "name", .type = CLI_STRING, .target = &name, .help = "a name"},
		CLI_OPTION_JSON(&json),
	};
	const struct cli_command command = {.name = "sample",
					    .arguments = "DIR",
					    .summary = "A sample.",
					    .options = options,
					    .option_count = 5,
					    .arguments_min = 1,
					    .arguments_max = 1};
	int first = 0;
	int code = cli_parse(&command, argc, argv, &first);
	if (code != CLI_GO_ON)
		return code;
	printf("%llu %llu %u %s %d %s %d %d\n", (unsigned long long)seconds,
	       (unsigned long long)size, mode, name, json, argv[first],
	       cli_given(&command, "seconds"), cli_given(&command, "size"));
	return 42;
}

static struct capture c;

Test(args, defaults_hold_until_something_is_given)
{
	CAPTURE(&c, sample, "sample", "here");
	cr_assert_eq(c.exit_code, 42, "%s", c.err);
	cr_assert_str_eq(c.out, "15000000000 7 0 none 0 here 0 0\n");
	CAPTURE(&c, sample, "sample", "--seconds=2", "there", "--io", "posix", "--json", "--size",
		"64KiB", "--name", "-x");
	cr_assert_eq(c.exit_code, 42, "%s", c.err);
	cr_assert_str_eq(c.out, "2000000000 65536 2 -x 1 there 1 1\n");
	CAPTURE(&c, sample, "sample", "-s", "3s", "--", "--json");
	cr_assert_eq(c.exit_code, 42, "%s", c.err);
	cr_assert_str_eq(c.out, "3000000000 7 0 none 0 --json 1 0\n");
}

static void check_complaint(const char *const *arguments, const char *part)
{
	capture_run(&c, sample, "sample", arguments);
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE, "%s: exit %d", part, c.exit_code);
	cr_assert(capture_has(c.err, part), "no \"%s\" in: %s", part, c.err);
	cr_assert(capture_has(c.err, "weir sample --help"), "%s", c.err);
	cr_assert_str_empty(c.out);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(args, wrong_command_lines_are_told_apart)
{
	check_complaint(ARGUMENTS("--secnods", "3", "d"), "did you mean --seconds?");
	check_complaint(ARGUMENTS("--second", "3", "d"), "options are not abbreviated: --seconds");
	check_complaint(ARGUMENTS("--jsno", "d"), "did you mean --json?");
	check_complaint(ARGUMENTS("--elephant", "d"), "there is no option --elephant");
	check_complaint(ARGUMENTS("-q", "d"), "there is no option -q");
	check_complaint(ARGUMENTS("d", "--seconds"), "--seconds needs a value");
	check_complaint(ARGUMENTS("d", "-s"), "-s needs a value");
	check_complaint(ARGUMENTS("--json=yes", "d"), "--json takes no value");
	check_complaint(ARGUMENTS("--seconds", "soon", "d"), "not a duration");
	check_complaint(ARGUMENTS("--seconds", "2m", "d"), "the most is");
	check_complaint(ARGUMENTS("--seconds", "1us", "d"), "the least is");
	check_complaint(ARGUMENTS("--io", "urin", "d"), "did you mean uring?");
	check_complaint(ARGUMENTS("--io", "spdk-nvme", "d"), "only auto, uring, posix");
	check_complaint(ARGUMENTS("--name", "", "d"), "--name is empty");
	check_complaint(ARGUMENTS("a", "b"), "\"b\" is one argument too many");
	check_complaint(ARGUMENTS("--json"), "DIR is missing");
	check_complaint(ARGUMENTS("--sec", "3", "d"), "--seconds");
}

Test(args, help_shows_every_option_with_its_default)
{
	CAPTURE(&c, sample, "sample", "--seconds", "1", "--help");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK);
	cr_assert_str_empty(c.err);
	cr_assert(capture_has(c.out, "usage: weir sample [OPTIONS] DIR\n\nA sample.\n"), "%s",
		  c.out);
	cr_assert(capture_has(c.out, "-s, --seconds T"));
	cr_assert(capture_has(c.out, "how long [15s]"));
	cr_assert(capture_has(c.out, "--io auto|uring|posix"));
	cr_assert(capture_has(c.out, "--json"));
	cr_assert(capture_has(c.out, "--help"));
}

Test(args, version_says_what_was_built_in)
{
	CAPTURE(&c, sample, "sample", "--version");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK);
	cr_assert(capture_has(c.out, weir_version()));
	cr_assert(capture_has(c.out, "features:"));
	cr_assert(capture_has(c.out, "crc32c="));
}

Test(args, exit_codes_follow_the_kind_of_failure)
{
	cr_assert_eq(cli_exit_of(0), CLI_EXIT_OK);
	cr_assert_eq(cli_exit_of(17), CLI_EXIT_OK);
	cr_assert_eq(cli_exit_of(WEIR_E_LOCKED), CLI_EXIT_IN_USE);
	cr_assert_eq(cli_exit_of(WEIR_E_CORRUPT), CLI_EXIT_DAMAGE);
	cr_assert_eq(cli_exit_of(WEIR_E_FAILED), CLI_EXIT_IO);
	cr_assert_eq(cli_exit_of(-ENOSPC), CLI_EXIT_IO);
	cr_assert_eq(cli_exit_of(-ENOENT), CLI_EXIT_NOT_FOUND);
	cr_assert_eq(cli_exit_of(-EINVAL), CLI_EXIT_USAGE);
	cr_assert_eq(cli_exit_of(WEIR_E_FORMAT), CLI_EXIT_FORMAT);
	cr_assert_eq(cli_exit_of(-ENOMEM), CLI_EXIT_FAILED);
}

Test(args, a_list_takes_what_it_is_given_in_order_and_no_more_than_it_holds)
{
	struct cli_strings list = {.count = 0};
	struct cli_option option = {.name = "x", .type = CLI_STRINGS, .target = &list};
	static const char *const texts[] = {"a", "b"};
	char why[160];

	for (unsigned i = 0; i < CLI_STRINGS_MAX; i++)
		cr_assert_eq(cli_parse_value(&option, texts[i % 2], why, sizeof why), 0);
	cr_assert_eq(list.count, CLI_STRINGS_MAX);
	cr_assert_str_eq(list.items[0], "a");
	cr_assert_str_eq(list.items[1], "b");
	cr_assert_eq(cli_parse_value(&option, "c", why, sizeof why), -EINVAL);
	cr_assert(capture_has(why, "16 times"), "%s", why);
	cr_assert_eq(cli_parse_value(&option, "", why, sizeof why), -EINVAL);
	cr_assert_eq(list.count, CLI_STRINGS_MAX);
}
