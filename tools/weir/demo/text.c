/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walker steps over strings and counts brackets, so nesting costs no stack. It does not check
 * what it steps over: a number may be "1-2" here. Who needs the value parses it and finds out.
 */
#include "tools/weir/demo/text.h"

#include <string.h>

bool demo_text_is(struct demo_text text, const char *word)
{
	size_t bytes = strlen(word);
	return text.bytes == bytes && memcmp(text.at, word, bytes) == 0;
}

bool demo_text_equal(struct demo_text a, struct demo_text b)
{
	return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

bool demo_text_split(struct demo_text *rest, char separator, struct demo_text *ret_word)
{
	const char *found = rest->bytes > 0 ? memchr(rest->at, separator, rest->bytes) : NULL;
	if (found == NULL)
		return false;
	ret_word->at = rest->at;
	ret_word->bytes = (size_t)(found - rest->at);
	rest->at = found + 1;
	rest->bytes -= ret_word->bytes + 1;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct demo_json *walk)
{
	while (walk->at < walk->end && is_space(*walk->at))
		walk->at++;
}

/* Behind the closing quote, or NULL. `at` is the opening one. */
static const char *string_end(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (*at == '\\')
			at++;
		else if (*at == '"')
			return at + 1;
	}
	return NULL;
}

/* Behind the value that begins at `at`, or NULL. */
static const char *value_end(const char *at, const char *end)
{
	size_t depth = 0;

	if (at < end && *at == '"')
		return string_end(at, end);
	for (const char *begin = at; at < end; at++) {
		char c = *at;
		if (c == '"') {
			at = string_end(at, end);
			if (at == NULL)
				return NULL;
			at--;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (depth == 0)
				return at > begin ? at : NULL;
			if (--depth == 0)
				return at + 1;
		} else if (depth == 0 && (c == ',' || is_space(c))) {
			return at > begin ? at : NULL;
		}
	}
	return NULL;
}

bool demo_json_open(struct demo_json *walk, struct demo_text value)
{
	*walk = (struct demo_json){.at = value.at, .end = value.at + value.bytes, .first = true};
	skip_space(walk);
	if (walk->at == walk->end || (*walk->at != '{' && *walk->at != '['))
		return false;
	walk->object = *walk->at == '{';
	walk->at++;
	return true;
}

static bool fail(struct demo_json *walk)
{
	walk->failed = true;
	return false;
}

bool demo_json_next(struct demo_json *walk, struct demo_text *ret_name, struct demo_text *ret_value)
{
	*ret_name = (struct demo_text){0};
	skip_space(walk);
	if (walk->failed || walk->at == walk->end)
		return fail(walk);
	if (*walk->at == (walk->object ? '}' : ']'))
		return false;
	if (!walk->first) {
		if (*walk->at != ',')
			return fail(walk);
		walk->at++;
		skip_space(walk);
	}
	walk->first = false;
	if (walk->object) {
		if (walk->at == walk->end || *walk->at != '"')
			return fail(walk);
		const char *behind = string_end(walk->at, walk->end);
		if (behind == NULL)
			return fail(walk);
		ret_name->at = walk->at + 1;
		ret_name->bytes = (size_t)(behind - walk->at) - 2;
		walk->at = behind;
		skip_space(walk);
		if (walk->at == walk->end || *walk->at != ':')
			return fail(walk);
		walk->at++;
		skip_space(walk);
	}
	const char *behind = value_end(walk->at, walk->end);
	if (behind == NULL)
		return fail(walk);
	ret_value->at = walk->at;
	ret_value->bytes = (size_t)(behind - walk->at);
	walk->at = behind;
	return true;
}

bool demo_json_member(struct demo_text object, const char *name, struct demo_text *ret_value)
{
	struct demo_json walk;
	struct demo_text found;

	if (!demo_json_open(&walk, object) || !walk.object)
		return false;
	while (demo_json_next(&walk, &found, ret_value))
		if (demo_text_is(found, name))
			return true;
	return false;
}

struct demo_text demo_json_scalar(struct demo_text value)
{
	if (value.bytes >= 2 && value.at[0] == '"')
		return (struct demo_text){.at = value.at + 1, .bytes = value.bytes - 2};
	if (value.bytes > 0 && (value.at[0] == '{' || value.at[0] == '['))
		return (struct demo_text){.at = value.at};
	return value;
}

bool demo_text_u64(struct demo_text text, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (text.bytes == 0)
		return false;
	for (size_t i = 0; i < text.bytes; i++) {
		char c = text.at[i];
		if (c < '0' || c > '9')
			return false;
		uint64_t digit = (uint64_t)(c - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return true;
}

#define DIGITS_MAX 18 /* that fit an int64_t, whatever they are */

/* value * 10^power, rounded half up; negative powers divide. */
static bool scale(uint64_t value, int64_t power, uint64_t *ret_value)
{
	for (; power > 0; power--) {
		if (value > INT64_MAX / 10)
			return false;
		value *= 10;
	}
	if (power < -19) {
		*ret_value = 0;
		return true;
	}
	uint64_t dropped = 0;
	for (; power < 0; power++) {
		dropped = value % 10;
		value /= 10;
	}
	*ret_value = value + (dropped >= 5);
	return true;
}

bool demo_text_decimal_e8(struct demo_text text, int64_t *ret_e8)
{
	const char *at = text.at;
	const char *end = text.at + text.bytes;
	uint64_t digits = 0;
	int digit_count = 0;
	int64_t power = 8;
	bool point = false;
	bool any = false;

	bool negative = text.bytes > 0 && *at == '-';
	at += negative;
	for (; at < end && (*at == '.' || (*at >= '0' && *at <= '9')); at++) {
		if (*at == '.') {
			if (point)
				return false;
			point = true;
			continue;
		}
		any = true;
		if (digit_count == DIGITS_MAX) {
			/* Beyond what an integer holds: precision behind the point, else range. */
			if (!point)
				return false;
			continue;
		}
		digits = digits * 10 + (uint64_t)(*at - '0');
		digit_count += digits != 0;
		power -= point;
	}
	if (!any)
		return false;
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		bool down = at < end && *at == '-';
		at += down || (at < end && *at == '+');
		uint64_t exponent;
		struct demo_text rest = {.at = at, .bytes = (size_t)(end - at)};
		if (!demo_text_u64(rest, &exponent) || exponent > 400)
			return false;
		power += down ? -(int64_t)exponent : (int64_t)exponent;
		at = end;
	}
	uint64_t scaled = 0;
	if (at != end || (digits != 0 && !scale(digits, power, &scaled)))
		return false;
	*ret_e8 = negative ? -(int64_t)scaled : (int64_t)scaled;
	return true;
}
