/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading text in place: a borrowed stretch of bytes, the members of a JSON object or array one
 * after another without a tree, decimal numbers as integers, and the demo's hash.
 *
 * The JSON walker finds where values begin and end, and no more than that: it is for reading keys
 * and numbers out of lines whose bytes are passed on as they are. It never reads past the end that
 * it was given, whatever the bytes are.
 *
 * Thread: any; there is no state.
 */
#ifndef WEIR_TOOLS_DEMO_TEXT_H
#define WEIR_TOOLS_DEMO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed, not terminated. */
struct demo_text {
	const char *at;
	size_t bytes;
};

bool demo_text_is(struct demo_text text, const char *word);
bool demo_text_equal(struct demo_text a, struct demo_text b);

/* The text up to `separator`, which is skipped; `rest` moves on. False: it does not occur. */
bool demo_text_split(struct demo_text *rest, char separator, struct demo_text *ret_word);

/* A walk through one object or array. */
struct demo_json {
	const char *at;
	const char *end;
	bool object;
	bool first;
	bool failed; /* the bytes are not JSON */
};

/* False: `value` is neither an object nor an array. */
bool demo_json_open(struct demo_json *walk, struct demo_text value);

/* The next member. Values are raw: a string has its quotes. False: no more, or walk->failed. */
bool demo_json_next(struct demo_json *walk, struct demo_text *ret_name,
		    struct demo_text *ret_value);

/* The first member of this name. False: none, or not an object. */
bool demo_json_member(struct demo_text object, const char *name, struct demo_text *ret_value);

/* A scalar without its quotes; escapes stay as they are. Objects and arrays: 0 bytes. */
struct demo_text demo_json_scalar(struct demo_text value);

/* "236.47", "7.5e-7" in units of 10^-8, rounded. False: not a number, or out of range. */
bool demo_text_decimal_e8(struct demo_text text, int64_t *ret_e8);
bool demo_text_u64(struct demo_text text, uint64_t *ret_value);

/* A bijection of 64 bits with every output bit depending on every input bit (splitmix64). */
static inline uint64_t demo_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

#endif
