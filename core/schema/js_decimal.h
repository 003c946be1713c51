/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of JSON as they are written, compared without rounding: 1, 1.0 and 10e-1 are one number,
 * and 2^53 + 1 is not 2^53. Pure functions; the texts stay the caller's and are numbers by JSON's
 * grammar.
 */
#ifndef WR_SCHEMA_JS_DECIMAL_H
#define WR_SCHEMA_JS_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr_decimal {
	const uint8_t *first; /* the digit that counts most; NULL: it is 0 */
	const uint8_t *last;  /* the last one that is not 0; a '.' may stand between them */
	uint32_t digit_count;
	int64_t exponent; /* of the last digit */
	bool is_negative;
};

/* An exponent above 10^12 is one of 10^12. */
struct wr_decimal wr_decimal_of(const uint8_t *text, size_t bytes);

/* Below, at or above 0: as a is less than, equal to or greater than b. */
int wr_decimal_compare(const struct wr_decimal *a, const struct wr_decimal *b);

static inline bool wr_decimal_is_integer(const struct wr_decimal *d)
{
	return d->first == NULL || d->exponent >= 0;
}

/* The digits as a number, where there are at most 18 of them. */
bool wr_decimal_digits(const struct wr_decimal *d, uint64_t *ret_n);

/* Is d a multiple of m? m is above 0 and has at most 18 digits. */
bool wr_decimal_is_multiple(const struct wr_decimal *d, const struct wr_decimal *m);

/* A number without fraction from 0 to 2^53. */
bool wr_decimal_count(const struct wr_decimal *d, uint64_t *ret_n);

#endif
