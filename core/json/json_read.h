/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader of JSON (RFC 8259) that is pulled, token by token: no tree, no allocation, no
 * recursion. Every token is a range of the caller's own bytes, which stay as they are and must
 * outlive the reader. Who filters events looks at what it wants and skips the rest.
 *
 *   struct wr_json j;
 *   wr_json_init(&j, text, bytes, WR_JSON_DEPTH_MAX);
 *   if (wr_json_next(&j) != WR_JSON_OBJECT) ...
 *   while (wr_json_next(&j) == WR_JSON_NAME) {
 *           if (wr_json_equals(&j, "price", 5) && wr_json_next(&j) == WR_JSON_NUMBER)
 *                   price = wr_json_f64(&j);
 *           else
 *                   wr_json_skip(&j);
 *   }
 *   if (j.token == WR_JSON_BAD)
 *           wr_json_explain(&j, why, sizeof why);
 *
 * Strict: no byte order mark, no comments, no comma before an end, no control characters in
 * strings, UTF-8 without overlong forms and surrogates. Half a surrogate pair as \u escapes is
 * refused too (the grammar has it, but there is no text that it could stand for). A name that
 * comes twice is not looked for: the caller sees both, in order.
 *
 * Nothing of a document that is damaged further on is hidden: tokens come up to the damage. Who
 * must not act on half a document reads until WR_JSON_END first.
 *
 * Thread: one at a time for each reader.
 */
#ifndef WR_JSON_JSON_READ_H
#define WR_JSON_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects and arrays inside one another. */
#define WR_JSON_DEPTH_MAX 512u

enum wr_json_token {
	WR_JSON_NONE = 0, /* before the first wr_json_next() */
	WR_JSON_OBJECT,
	WR_JSON_OBJECT_END,
	WR_JSON_ARRAY,
	WR_JSON_ARRAY_END,
	WR_JSON_NAME, /* of a member; its value is the next token */
	WR_JSON_STRING,
	WR_JSON_NUMBER,
	WR_JSON_TRUE,
	WR_JSON_FALSE,
	WR_JSON_NULL,
	WR_JSON_END, /* of the document; comes again when asked again */
	WR_JSON_BAD, /* `error` at `error_at`; comes again when asked again */
};

/* X(name, text): what is wrong, for a person, and what would be right. */
#define WR_JSON_ERROR_MAP(X)                                                                       \
	X(EMPTY, "there is no value: the document is empty")                                       \
	X(CUT, "the document ends in the middle of a value")                                       \
	X(BOM, "a byte order mark is not JSON: remove the first three bytes")                      \
	X(VALUE, "a value was expected: an object, array, string, number, true, false or null")    \
	X(NAME, "a member's name in double quotes was expected")                                   \
	X(COLON, "':' was expected after a member's name")                                         \
	X(OBJECT, "',' or '}' was expected after a member")                                        \
	X(ARRAY, "',' or ']' was expected after an element")                                       \
	X(LAST_COMMA, "a ',' before the end: remove it")                                           \
	X(MORE, "there is more after the value: a document is one value")                          \
	X(DEPTH, "objects and arrays lie too deep inside one another")                             \
	X(CONTROL, "a control character in a string: write it as an escape, \\n or \\u000a")       \
	X(ESCAPE, "an unknown escape: there are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with "   \
		  "four hexadecimal digits")                                                       \
	X(SURROGATE, "half of a surrogate pair: \\ud800 to \\udbff must be followed by \\udc00 "   \
		     "to \\udfff")                                                                 \
	X(UTF8, "bytes that are not UTF-8")                                                        \
	X(NUMBER, "a number is -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?")

enum wr_json_error {
	WR_JSON_OK = 0,
#define WR_JSON_ERROR_ENUM(name, text) WR_JSON_E_##name,
	WR_JSON_ERROR_MAP(WR_JSON_ERROR_ENUM)
#undef WR_JSON_ERROR_ENUM
};

/* Read it, do not write it; what is not named here is private. */
struct wr_json {
	const uint8_t *text;
	size_t bytes;
	enum wr_json_token token; /* what wr_json_next() returned last */
	size_t start;             /* of the token in `text`; of a string or name its first quote */
	size_t end;               /* behind it; behind the last quote */
	bool escaped;             /* the string or name has a backslash in it */
	bool integral;            /* the number has neither '.' nor exponent */
	uint32_t depth;           /* open objects and arrays; one that has just begun counts */
	enum wr_json_error error;
	size_t error_at;

	size_t at;
	uint32_t depth_max;
	uint32_t state;
	uint64_t is_object[WR_JSON_DEPTH_MAX / 64];
};

/* depth_max: 1 to WR_JSON_DEPTH_MAX; 0 takes no object and no array. */
void wr_json_init(struct wr_json *j, const void *text, size_t bytes, uint32_t depth_max);

/* The next token; also in j->token. Cost: one look at each byte. */
enum wr_json_token wr_json_next(struct wr_json *j);

/*
 * Passes over what the current token begins: behind WR_JSON_OBJECT or WR_JSON_ARRAY up to its end,
 * behind WR_JSON_NAME the member's whole value; any other token is whole already. The current token
 * is then the last one of what was passed over. false: WR_JSON_BAD.
 */
bool wr_json_skip(struct wr_json *j);

/* Is the current string or name, without its escapes, this text? */
bool wr_json_equals(const struct wr_json *j, const void *text, size_t bytes);

/*
 * The current string or name without its escapes: how many bytes, never more than end - start - 2.
 * They are written if `to_bytes` has room for all; no 0 is put behind them (a string may have one
 * in it).
 */
size_t wr_json_string(const struct wr_json *j, void *to, size_t to_bytes);

/* The current number, where it has neither '.' nor exponent and fits: exact. */
bool wr_json_i64(const struct wr_json *j, int64_t *ret_n);
bool wr_json_u64(const struct wr_json *j, uint64_t *ret_n);

/*
 * The current number rounded to the nearest double, ties to even, whatever the process's locale is;
 * an infinity where it is too large for one. Its exact digits are text[start] to text[end].
 */
double wr_json_f64(const struct wr_json *j);

/* Line and column of a byte of the text, both from 1; a column counts characters. */
void wr_json_place(const struct wr_json *j, size_t at, uint32_t *ret_line, uint32_t *ret_column);

/* What is wrong as a clause without a place; "" for WR_JSON_OK. Static. */
const char *wr_json_error_text(enum wr_json_error error);

/*
 * "line 3, column 7 (byte 41): ':' was expected after a member's name, not 'x'" of a WR_JSON_BAD,
 * cut where there is no room; returns `to`.
 */
char *wr_json_explain(const struct wr_json *j, char *to, size_t to_bytes);

#endif
