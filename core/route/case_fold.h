/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text compared without regard to case, as AWS's rules do it: each character of the pattern stands
 * for its own lower case or its own upper case, whichever the text has there. That is not the same
 * as lower-casing both (a pattern "ß" takes "SS"; a final sigma is taken by itself only), and it
 * has no locale. Characters beyond U+FFFF, and bytes that are no UTF-8, stand for themselves.
 *
 * Thread: any. Pure functions.
 */
#ifndef WR_ROUTE_CASE_FOLD_H
#define WR_ROUTE_CASE_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_CASE_NONE SIZE_MAX

/* How many bytes at the beginning (the end) of the text the pattern takes, or WR_CASE_NONE. */
size_t wr_case_begins(const uint8_t *pattern, size_t pattern_bytes, const uint8_t *text,
		      size_t text_bytes);
size_t wr_case_ends(const uint8_t *pattern, size_t pattern_bytes, const uint8_t *text,
		    size_t text_bytes);

static inline uint8_t wr_case_lower_ascii(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

#endif
