/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of the Gregorian calendar, clock times and zones. */
#include "core/text/moment.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* Exactly `digits` digits. */
static const char *take_fixed(const char *text, unsigned digits, unsigned *ret_n)
{
	unsigned n = 0;

	for (unsigned i = 0; i < digits; i++, text++) {
		if (*text < '0' || *text > '9')
			return NULL;
		n = n * 10 + (unsigned)(*text - '0');
	}
	*ret_n = n;
	return text;
}

/* Days since 1970-01-01 of a Gregorian date (Hinnant's days_from_civil). */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (int64_t)(month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29u : days[month - 1];
}

/* "+02:00", "-0530", "Z" or nothing (UTC): seconds east. Must end the text. */
static int parse_zone(const char *at, int64_t *ret_seconds)
{
	unsigned hour;
	unsigned minute;

	*ret_seconds = 0;
	if (*at == '\0' || ((*at == 'Z' || *at == 'z') && at[1] == '\0'))
		return 0;
	if (*at != '+' && *at != '-')
		return -EINVAL;
	int64_t sign = *at == '-' ? -1 : 1;
	at = take_fixed(at + 1, 2, &hour);
	if (at == NULL)
		return -EINVAL;
	if (*at == ':')
		at++;
	at = take_fixed(at, 2, &minute);
	if (at == NULL || *at != '\0' || hour > 23 || minute > 59)
		return -EINVAL;
	*ret_seconds = sign * (int64_t)(hour * 3600 + minute * 60);
	return 0;
}

/* "12:34", "12:34:56.789": µs since midnight. The place behind, or NULL. */
static const char *parse_clock(const char *at, uint64_t *ret_us)
{
	unsigned hour = 0;
	unsigned minute = 0;
	unsigned second = 0;
	uint64_t fraction_us = 0;

	at = take_fixed(at, 2, &hour);
	if (at == NULL || *at != ':')
		return NULL;
	at = take_fixed(at + 1, 2, &minute);
	if (at != NULL && *at == ':') {
		at = take_fixed(at + 1, 2, &second);
		if (at != NULL && *at == '.') {
			uint64_t place_us = 100000;
			for (at++; *at >= '0' && *at <= '9'; at++, place_us /= 10)
				fraction_us += place_us * (uint64_t)(*at - '0');
		}
	}
	if (at == NULL || hour > 23 || minute > 59 || second > 60)
		return NULL;
	*ret_us = ((uint64_t)hour * 3600 + minute * 60 + second) * 1000000 + fraction_us;
	return at;
}

int wr_moment_parse(const char *text, uint64_t *ret_us)
{
	unsigned year;
	unsigned month;
	unsigned day;
	uint64_t clock_us = 0;
	int64_t zone_seconds = 0;

	const char *at = take_fixed(text, 4, &year);
	if (at == NULL || *at != '-')
		return -EINVAL;
	at = take_fixed(at + 1, 2, &month);
	if (at == NULL || *at != '-')
		return -EINVAL;
	at = take_fixed(at + 1, 2, &day);
	if (at == NULL || year < 1970 || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month))
		return -EINVAL;
	if (*at == 'T' || *at == 't' || *at == ' ') {
		at = parse_clock(at + 1, &clock_us);
		if (at == NULL)
			return -EINVAL;
	}
	if (parse_zone(at, &zone_seconds) < 0)
		return -EINVAL;
	int64_t us =
		(days_of(year, month, day) * 86400 - zone_seconds) * 1000000 + (int64_t)clock_us;
	if (us < 0)
		return -EINVAL;
	*ret_us = (uint64_t)us;
	return 0;
}
