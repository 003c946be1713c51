/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of options: numbers with units, durations, rates, choices and places in a log. What
 * numbers and times look like is core/text's.
 *
 * Thread: any; pure functions.
 */
#include "tools/weir/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/text/moment.h"
#include "core/text/nearest.h"
#include "core/text/quantity.h"

static int parse_point(const char *text, struct cli_point *ret_point)
{
	struct cli_point point = {.kind = CLI_POINT_NONE};
	unsigned digits;

	if (text[0] == '-') {
		point.kind = CLI_POINT_AGO;
		if (wr_quantity_parse(text + 1, wr_units_seconds, &point.value, NULL) < 0)
			return -EINVAL;
	} else if (wr_moment_parse(text, &point.value) == 0) {
		point.kind = CLI_POINT_TIME;
	} else {
		const char *end = wr_digits_take(text, &point.value, &digits);
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
	const char *nearest = wr_nearest(text, option->choices);
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

/* As it would be given. */
static const char *number_text(char to[CLI_TEXT_BYTES], const struct cli_option *option, uint64_t n)
{
	if (option->type == CLI_DURATION)
		return cli_text_ns(to, n);
	(void)snprintf(to, CLI_TEXT_BYTES, "%llu", (unsigned long long)n);
	return to;
}

static int parse_number(const struct cli_option *option, const char *text, char *why,
			size_t why_bytes)
{
	const struct wr_unit *units = option->type == CLI_SIZE       ? wr_units_size
				      : option->type == CLI_DURATION ? wr_units_seconds
								     : wr_units_count;
	const char *expected = option->type == CLI_SIZE       ? "a size: bytes, or 64KiB, 1.5GiB"
			       : option->type == CLI_DURATION ? "a duration: 10s, 250ms, 2m, 1h"
			       : option->type == CLI_RATE     ? "a rate: 50000, 2.5M, max"
							      : "a whole number: 42, 1_000_000, 5M";
	char bound[CLI_TEXT_BYTES];
	uint64_t n = CLI_RATE_MAX;
	int code = 0;

	if (option->type != CLI_RATE || strcmp(text, "max") != 0)
		code = wr_quantity_parse(text, units, &n, NULL);
	if (code == -EINVAL)
		snprintf(why, why_bytes, "is \"%.40s\", which is not %s", text, expected);
	else if (code == -ERANGE)
		snprintf(why, why_bytes, "is \"%.40s\", which is too large for 64 bits", text);
	else if (n < option->min)
		snprintf(why, why_bytes, "is %.40s; the least is %s", text,
			 number_text(bound, option, option->min));
	else if (option->max != 0 && n > option->max && n != CLI_RATE_MAX)
		snprintf(why, why_bytes, "is %.40s; the most is %s", text,
			 number_text(bound, option, option->max));
	else {
		*(uint64_t *)option->target = n;
		return 0;
	}
	return -EINVAL;
}

static int add_string(struct cli_strings *to, const char *text, char *why, size_t why_bytes)
{
	if (text[0] == '\0') {
		snprintf(why, why_bytes, "is empty");
		return -EINVAL;
	}
	if (to->count == CLI_STRINGS_MAX) {
		snprintf(why, why_bytes, "is given more than %u times", CLI_STRINGS_MAX);
		return -EINVAL;
	}
	to->items[to->count++] = text;
	return 0;
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
	case CLI_WORDS:
		*(const char **)option->target = text;
		return 0;
	case CLI_STRINGS:
		return add_string(option->target, text, why, why_bytes);
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

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

uint8_t *cli_unhex(const char *text, size_t *ret_bytes)
{
	if (strncmp(text, "0x", 2) == 0)
		text += 2;
	size_t digits = strlen(text);
	uint8_t *bytes = malloc(digits / 2 + 1);
	bool good = bytes != NULL && digits % 2 == 0;
	for (size_t i = 0; i < digits && good; i += 2) {
		int high = hex_digit(text[i]);
		int low = hex_digit(text[i + 1]);
		good = high >= 0 && low >= 0;
		if (good)
			bytes[i / 2] = (uint8_t)(high * 16 + low);
	}
	if (!good) {
		free(bytes);
		return NULL;
	}
	*ret_bytes = digits / 2;
	return bytes;
}
