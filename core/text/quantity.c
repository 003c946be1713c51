/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with units. */
#include "core/text/quantity.h"

#include <errno.h>
#include <stdbool.h>

const struct wr_unit wr_units_size[] = {
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

const struct wr_unit wr_units_seconds[] = {
	{"", 1000000000},      {"ns", 1},           {"us", 1000},         {"ms", 1000000},
	{"s", 1000000000},     {"m", 60000000000},  {"min", 60000000000}, {"h", 3600000000000},
	{"d", 86400000000000}, {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},  {NULL, 0},
};

/* The same without the first. */
const struct wr_unit *const wr_units_duration = &wr_units_seconds[1];

const struct wr_unit wr_units_count[] = {
	{"", 1}, {"K", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0},
};

const char *wr_digits_take(const char *text, uint64_t *ret_n, unsigned *ret_digits)
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

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Not strcasecmp(), which depends on the locale. */
static bool same_word(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

static const struct wr_unit *find_unit(const struct wr_unit *units, const char *name)
{
	for (; units->name != NULL; units++)
		if (same_word(units->name, name))
			return units;
	return NULL;
}

static int fault_at(const char *text, const char *at, size_t *ret_at, int code)
{
	if (ret_at != NULL)
		*ret_at = (size_t)(at - text);
	return code;
}

/* whole * factor + part * factor / 10^digits, all of it checked. */
int wr_quantity_parse(const char *text, const struct wr_unit *units, uint64_t *ret_n,
		      size_t *ret_at)
{
	uint64_t whole = 0;
	uint64_t part = 0;
	uint64_t scale = 1;
	unsigned digits = 0;

	const char *at = wr_digits_take(text, &whole, &digits);
	if (at == NULL)
		return fault_at(text, text, ret_at, -ERANGE);
	if (digits == 0)
		return fault_at(text, text, ret_at, -EINVAL);
	if (*at == '.') {
		const char *point = at;
		at = wr_digits_take(at + 1, &part, &digits);
		/* Six digits keep part * factor within 64 bits for every unit up to an hour. */
		if (at == NULL || digits == 0 || digits > 6)
			return fault_at(text, point, ret_at, -EINVAL);
		for (unsigned i = 0; i < digits; i++)
			scale *= 10;
	}
	/* A blank is between the two, and not behind a bare number. */
	if (*at == ' ' && at[1] != '\0')
		at++;
	const struct wr_unit *unit = find_unit(units, at);
	if (unit == NULL || (part != 0 && unit->factor == 1))
		return fault_at(text, at, ret_at, -EINVAL);
	uint64_t rest;
	if (__builtin_mul_overflow(whole, unit->factor, &whole) ||
	    __builtin_mul_overflow(part, unit->factor, &rest) ||
	    __builtin_add_overflow(whole, rest / scale, &whole))
		return fault_at(text, text, ret_at, -ERANGE);
	*ret_n = whole;
	return 0;
}
