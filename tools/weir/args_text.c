/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers for people: counts in groups of three, sizes, rates, times. Fixed forms, independent of
 * the locale, so that a table looks the same everywhere and tests can compare it.
 *
 * Thread: any; pure functions into the caller's buffer.
 */
#include "tools/weir/args.h"

#include <time.h>

char *cli_text_count(char to[CLI_TEXT_BYTES], uint64_t n)
{
	char digits[CLI_TEXT_BYTES];
	int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
	char *at = to;

	for (int i = 0; i < count; i++) {
		if (i > 0 && (count - i) % 3 == 0)
			*at++ = ' ';
		*at++ = digits[i];
	}
	*at = '\0';
	return to;
}

char *cli_text_bytes(char to[CLI_TEXT_BYTES], uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double n = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(to, CLI_TEXT_BYTES, "%llu B", (unsigned long long)bytes);
		return to;
	}
	/* 1023.96 would print as 1024.0. */
	for (; n >= 1023.95 && unit < 5; unit++)
		n /= 1024;
	snprintf(to, CLI_TEXT_BYTES, "%.1f %s", n, units[unit]);
	return to;
}

char *cli_text_rate(char to[CLI_TEXT_BYTES], double a_second)
{
	if (a_second >= 999.5e6)
		snprintf(to, CLI_TEXT_BYTES, "%.2f G", a_second / 1e9);
	else if (a_second >= 999.5e3)
		snprintf(to, CLI_TEXT_BYTES, "%.2f M", a_second / 1e6);
	else if (a_second >= 999.5)
		snprintf(to, CLI_TEXT_BYTES, "%.1f K", a_second / 1e3);
	else
		snprintf(to, CLI_TEXT_BYTES, "%.1f", a_second);
	return to;
}

char *cli_text_ns(char to[CLI_TEXT_BYTES], uint64_t ns)
{
	double n = (double)ns;

	if (ns < 1000)
		snprintf(to, CLI_TEXT_BYTES, "%llu ns", (unsigned long long)ns);
	else if (n < 999.95e3)
		snprintf(to, CLI_TEXT_BYTES, "%.1f us", n / 1e3);
	else if (n < 999.95e6)
		snprintf(to, CLI_TEXT_BYTES, "%.1f ms", n / 1e6);
	else
		snprintf(to, CLI_TEXT_BYTES, "%.2f s", n / 1e9);
	return to;
}

char *cli_text_time(char to[CLI_TEXT_BYTES], uint64_t time_us)
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm parts;

	/* Beyond year 9999 there is no RFC 3339, and the number is damage: show it as it is. */
	if (time_us == 0)
		snprintf(to, CLI_TEXT_BYTES, "-");
	else if (time_us >= 253402300800000000ull || gmtime_r(&seconds, &parts) == NULL)
		snprintf(to, CLI_TEXT_BYTES, "%llu us", (unsigned long long)time_us);
	else {
		size_t used = strftime(to, CLI_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
		snprintf(to + used, CLI_TEXT_BYTES - used, ".%06uZ", (unsigned)(time_us % 1000000));
	}
	return to;
}
