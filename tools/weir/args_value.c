/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of options: numbers with units, durations, rates, choices and places in a log. By hand
 * and not by strtod(), because that depends on the locale, takes "nan" and "0x", and rounds.
 *
 * Thread: any; pure functions.
 */
#include "tools/weir/args.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/base/bits.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = {
	{"", 1},
	{"B", 1},
	{"K", 1ull << 10},
	{"KB", 1ull << 10},
	{"KiB", 1u << 10},
	{"M", 1u << 20},
	{"MB", 1u << 20},
	{"MiB", 1u << 20},
	{"G", 1u << 30},
	{"GB", 1u << 30},
	{"GiB", 1u << 30},
	{"T", 1ull << 40},
	{"TB", 1ull << 40},
	{"TiB", 1ull << 40},
	{NULL, 0},
};

static const struct unit durations[] = {
	{"", 1000000000},      {"ns", 1},          {"us", 1000},         {"ms", 1000000},
	{"s", 1000000000},     {"m", 60000000000}, {"min", 60000000000}, {"h", 3600000000000},
	{"d", 86400000000000}, {NULL, 0},
};

static const struct unit counts[] = {
	{"", 1}, {"K", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0},
};

/* Digits, with '_' between them to read by. The place behind, or NULL. */
static const char *take_digits(const char *text, uint64_t *ret_n, unsigned *ret_digits)
{
	uint64_t n = 0;
	unsigned digits = 0;

	for (; (*text >= '0' && *text <= '9') || (*text == '_' && digits > 0); text++) {
		if (*text == '_')
			continue;
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
			return NULL;
		digits++;
	}
	*ret_n = n;
	*ret_digits = digits;
	return text;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (; units->name != NULL; units++)
		if (strcasecmp(units->name, name) == 0)
			return units;
	return NULL;
}

/* "12", "1.5GiB": whole * factor + part * factor / 10^digits, all of it checked. */
static int parse_quantity(const char *text, const struct unit *units, uint64_t *ret_n)
{
	uint64_t whole = 0;
	uint64_t part = 0;
	uint64_t scale = 1;
	unsigned digits = 0;

	const char *at = take_digits(text, &whole, &digits);
	if (at == NULL)
		return -ERANGE;
	if (digits == 0)
		return -EINVAL;
	if (*at == '.') {
		at = take_digits(at + 1, &part, &digits);
		/* Six digits keep part * factor within 64 bits for every unit up to an hour. */
		if (at == NULL || digits == 0 || digits > 6)
			return -EINVAL;
		for (unsigned i = 0; i < digits; i++)
			scale *= 10;
	}
	const struct unit *unit = find_unit(units, at);
	if (unit == NULL)
		return -EINVAL;
	if (part != 0 && unit->factor == 1)
		return -EINVAL;
	uint64_t rest;
	if (__builtin_mul_overflow(whole, unit->factor, &whole) ||
	    __builtin_mul_overflow(part, unit->factor, &rest) ||
	    __builtin_add_overflow(whole, rest / scale, &whole))
		return -ERANGE;
	*ret_n = whole;
	return 0;
}

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
	if (*at == '\0' || strcasecmp(at, "Z") == 0)
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

/* RFC 3339, or a date alone. */
static int parse_time(const char *text, uint64_t *ret_us)
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

static int parse_point(const char *text, struct cli_point *ret_point)
{
	struct cli_point point = {.kind = CLI_POINT_NONE};
	unsigned digits;

	if (text[0] == '-') {
		point.kind = CLI_POINT_AGO;
		if (parse_quantity(text + 1, durations, &point.value) < 0)
			return -EINVAL;
	} else if (parse_time(text, &point.value) == 0) {
		point.kind = CLI_POINT_TIME;
	} else {
		const char *end = take_digits(text, &point.value, &digits);
		if (end == NULL || digits == 0 || *end != '\0')
			return -EINVAL;
		point.kind = CLI_POINT_SEQUENCE;
	}
	*ret_point = point;
	return 0;
}

static int parse_choice(const struct cli_option *option, const char *text, char *why,
			size_t why_bytes)
{
	size_t used = 0;

	for (unsigned i = 0; option->choices[i] != NULL; i++)
		if (strcmp(option->choices[i], text) == 0) {
			*(unsigned *)option->target = i;
			return 0;
		}
	const char *nearest = cli_nearest(text, option->choices);
	if (nearest != NULL) {
		snprintf(why, why_bytes, "does not know \"%.40s\"; did you mean %s?", text,
			 nearest);
		return -EINVAL;
	}
	int n = snprintf(why, why_bytes, "does not know \"%.40s\", only", text);
	used = (size_t)n;
	for (unsigned i = 0; option->choices[i] != NULL && used < why_bytes; i++) {
		n = snprintf(why + used, why_bytes - used, "%s %s", i > 0 ? "," : "",
			     option->choices[i]);
		used += (size_t)n;
	}
	return -EINVAL;
}

static int parse_number(const struct cli_option *option, const char *text, char *why,
			size_t why_bytes)
{
	const struct unit *units = option->type == CLI_SIZE       ? sizes
				   : option->type == CLI_DURATION ? durations
								  : counts;
	const char *expected = option->type == CLI_SIZE       ? "a size: bytes, or 64KiB, 1.5GiB"
			       : option->type == CLI_DURATION ? "a duration: 10s, 250ms, 2m, 1h"
			       : option->type == CLI_RATE     ? "a rate: 50000, 2.5M, max"
							      : "a whole number: 42, 1_000_000, 5M";
	uint64_t n = CLI_RATE_MAX;
	int code = 0;

	if (option->type != CLI_RATE || strcmp(text, "max") != 0)
		code = parse_quantity(text, units, &n);
	if (code == -EINVAL)
		snprintf(why, why_bytes, "is \"%.40s\", which is not %s", text, expected);
	else if (code == -ERANGE)
		snprintf(why, why_bytes, "is \"%.40s\", which is too large for 64 bits", text);
	else if (n < option->min)
		snprintf(why, why_bytes, "is %.40s; the least is %llu%s", text,
			 (unsigned long long)option->min,
			 option->type == CLI_DURATION ? " ns" : "");
	else if (option->max != 0 && n > option->max && n != CLI_RATE_MAX)
		snprintf(why, why_bytes, "is %.40s; the most is %llu%s", text,
			 (unsigned long long)option->max,
			 option->type == CLI_DURATION ? " ns" : "");
	else {
		*(uint64_t *)option->target = n;
		return 0;
	}
	return -EINVAL;
}

int cli_parse_value(const struct cli_option *option, const char *text, char *why, size_t why_bytes)
{
	switch (option->type) {
	case CLI_STRING:
		if (text[0] == '\0') {
			snprintf(why, why_bytes, "is empty");
			return -EINVAL;
		}
		*(const char **)option->target = text;
		return 0;
	case CLI_ENUM:
		return parse_choice(option, text, why, why_bytes);
	case CLI_POINT:
		if (parse_point(text, (struct cli_point *)option->target) == 0)
			return 0;
		snprintf(
			why, why_bytes,
			"is \"%.40s\", which is no sequence (4711), time (2026-01-31T12:00:00Z) or "
			"distance from now (-5m)",
			text);
		return -EINVAL;
	case CLI_NUMBER:
	case CLI_SIZE:
	case CLI_DURATION:
	case CLI_RATE:
		return parse_number(option, text, why, why_bytes);
	case CLI_FLAG:
		break;
	}
	snprintf(why, why_bytes, "takes no value");
	return -EINVAL;
}
