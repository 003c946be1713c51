/* SPDX-License-Identifier: Apache-2.0 */
#include "core/schema/js_decimal.h"

#define DIGITS_MAX 18u
#define EXPONENT_MAX INT64_C(1000000000000)
#define COUNT_MAX (UINT64_C(1) << 53)

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static int64_t exponent_at(const uint8_t *at, const uint8_t *end)
{
	int64_t n = 0;
	bool is_negative = at < end && *at == '-';
	for (at += at < end && !is_digit(*at); at < end; at++)
		if (n < EXPONENT_MAX)
			n = 10 * n + (*at - '0');
	n = n < EXPONENT_MAX ? n : EXPONENT_MAX;
	return is_negative ? -n : n;
}

struct wr_decimal wr_decimal_of(const uint8_t *text, size_t bytes)
{
	const uint8_t *end = text + bytes, *at = text;
	struct wr_decimal d = {.is_negative = bytes > 0 && *text == '-'};
	uint32_t zeros = 0; /* behind the last digit that is not 0 */
	int64_t behind = 0; /* digits behind the '.' */
	bool is_fraction = false;
	for (at += d.is_negative; at < end && (is_digit(*at) || *at == '.'); at++) {
		if (*at == '.') {
			is_fraction = true;
			continue;
		}
		behind += is_fraction;
		if (*at == '0') {
			zeros++;
			continue;
		}
		d.digit_count += 1 + (d.first != NULL ? zeros : 0);
		zeros = 0;
		d.last = at;
		d.first = d.first != NULL ? d.first : at;
	}
	if (d.first == NULL)
		return (struct wr_decimal){.first = NULL};
	d.exponent = (at < end ? exponent_at(at + 1, end) : 0) - behind + zeros;
	return d;
}

static const uint8_t *next_digit(const struct wr_decimal *d, const uint8_t *at)
{
	at++;
	return at <= d->last && *at == '.' ? at + 1 : at;
}

static int compare_sizes(const struct wr_decimal *a, const struct wr_decimal *b)
{
	int64_t a_order = a->exponent + a->digit_count, b_order = b->exponent + b->digit_count;
	if (a_order != b_order)
		return a_order < b_order ? -1 : 1;
	const uint8_t *x = a->first, *y = b->first;
	while (x <= a->last && y <= b->last) {
		if (*x != *y)
			return *x < *y ? -1 : 1;
		x = next_digit(a, x);
		y = next_digit(b, y);
	}
	return (x <= a->last) - (y <= b->last);
}

int wr_decimal_compare(const struct wr_decimal *a, const struct wr_decimal *b)
{
	int a_sign = a->first == NULL ? 0 : a->is_negative ? -1 : 1;
	int b_sign = b->first == NULL ? 0 : b->is_negative ? -1 : 1;
	if (a_sign != b_sign)
		return a_sign < b_sign ? -1 : 1;
	return a_sign == 0 ? 0 : a_sign * compare_sizes(a, b);
}

bool wr_decimal_digits(const struct wr_decimal *d, uint64_t *ret_n)
{
	uint64_t n = 0;
	if (d->digit_count > DIGITS_MAX)
		return false;
	for (const uint8_t *at = d->first; at != NULL && at <= d->last; at = next_digit(d, at))
		n = 10 * n + (uint64_t)(*at - '0');
	*ret_n = n;
	return true;
}

/*
 * Neither ends in a 0, so what has a finer last digit than m is no multiple of it. Else d's digits
 * with zeros behind them are divided; 64 zeros make all of the twos and fives that m can have.
 */
bool wr_decimal_is_multiple(const struct wr_decimal *d, const struct wr_decimal *m)
{
	uint64_t by, left = 0;
	if (d->first == NULL)
		return true;
	if (!wr_decimal_digits(m, &by) || by == 0 || d->exponent < m->exponent)
		return false;
	for (const uint8_t *at = d->first; at <= d->last; at = next_digit(d, at))
		left = (10 * left + (uint64_t)(*at - '0')) % by;
	int64_t zeros = d->exponent - m->exponent;
	for (int64_t i = 0; i < zeros && i < 64 && left != 0; i++)
		left = 10 * left % by;
	return left == 0;
}

bool wr_decimal_count(const struct wr_decimal *d, uint64_t *ret_n)
{
	uint64_t n = 0;
	if (d->is_negative || !wr_decimal_is_integer(d) || !wr_decimal_digits(d, &n))
		return false;
	for (int64_t i = 0; d->first != NULL && i < d->exponent; i++) {
		if (n > COUNT_MAX)
			return false;
		n *= 10;
	}
	*ret_n = n;
	return n <= COUNT_MAX;
}
