/* SPDX-License-Identifier: Apache-2.0 */
/* Scalars in. The way back is value_format.c's. */
#include "io/config/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/text/moment.h"
#include "core/text/nearest.h"
#include "core/text/quantity.h"
#include "io/config/values.h"

#define CHOICES_MAX 16u

static int refuse(struct wr_config_fault *fault, size_t at, size_t bytes, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int refuse(struct wr_config_fault *fault, size_t at, size_t bytes, const char *format, ...)
{
	va_list list;
	*fault = (struct wr_config_fault){.at = at, .bytes = bytes};
	va_start(list, format);
	(void)vsnprintf(fault->why, sizeof fault->why, format, list);
	va_end(list);
	return -EINVAL;
}

static void help(struct wr_config_fault *fault, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void help(struct wr_config_fault *fault, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	(void)vsnprintf(fault->help, sizeof fault->help, format, list);
	va_end(list);
}

/* All of the text is at fault: it is not what it should be. */
static int not_a(const char *text, enum wr_config_type type, struct wr_config_fault *fault)
{
	char quoted[WR_CONFIG_QUOTE_BYTES];
	const char *shape = wr_config_type_shape(type);
	size_t bytes = strlen(text);
	(void)refuse(fault, 0, bytes, "%s is not %.*s", wr_config_quote(quoted, text, bytes),
		     (int)strcspn(shape, ":"), shape);
	if (shape[strcspn(shape, ":")] == ':')
		help(fault, "write%s", shape + strcspn(shape, ":") + 1);
	return -EINVAL;
}

/* ---- numbers ---- */

static void store(void *target, uint32_t bytes, uint64_t n)
{
	uint32_t n32 = (uint32_t)n;
	uint8_t n8 = (uint8_t)n;
	if (bytes == sizeof n)
		memcpy(target, &n, sizeof n);
	else if (bytes == sizeof n32)
		memcpy(target, &n32, sizeof n32);
	else
		memcpy(target, &n8, sizeof n8);
}

static void help_with_range(const struct wr_config_key *key, struct wr_config_fault *fault)
{
	char range[96] = "";
	struct wr_config_text room = {.to = range, .room_bytes = sizeof range};
	if (wr_config_range_format(key, &room))
		help(fault, "%s", range);
}

static int check_range(const struct wr_config_key *key, const char *text, uint64_t n,
		       struct wr_config_fault *fault)
{
	size_t bytes = strlen(text);
	char quoted[WR_CONFIG_QUOTE_BYTES];
	bool narrow = key->bytes < sizeof n && n >> (8 * key->bytes) != 0;
	bool low = n < key->min;
	bool high = (key->max != 0 && n > key->max) || narrow;
	bool uneven = key->power_of_two && !wr_is_power_of_two(n);
	if (!low && !high && !uneven)
		return 0;
	if (key->min == key->max)
		return refuse(fault, 0, bytes, "%s is not known here: %llu is",
			      wr_config_quote(quoted, text, bytes), (unsigned long long)key->min);
	(void)refuse(fault, 0, bytes, "%s is %s", wr_config_quote(quoted, text, bytes),
		     low    ? "too small"
		     : high ? "too large"
			    : "not a power of two");
	help_with_range(key, fault);
	return -EINVAL;
}

static int parse_number(const struct wr_config_key *key, enum wr_config_type type, const char *text,
			void *target, struct wr_config_fault *fault)
{
	const struct wr_unit *units = type == WR_CONFIG_SIZE       ? wr_units_size
				      : type == WR_CONFIG_DURATION ? wr_units_duration
								   : wr_units_count;
	char quoted[WR_CONFIG_QUOTE_BYTES];
	size_t bytes = strlen(text);
	size_t fault_at = 0;
	uint64_t n = 0;

	if (text[0] == '-' && text[1] >= '0' && text[1] <= '9') {
		(void)refuse(fault, 0, 1, "%s is less than nothing",
			     wr_config_quote(quoted, text, bytes));
		help_with_range(key, fault);
		return -EINVAL;
	}
	if (text[0] == '0' && text[1] >= '0' && text[1] <= '9') {
		(void)refuse(fault, 0, strspn(text, "0"), "%s begins with a zero",
			     wr_config_quote(quoted, text, bytes));
		help(fault, "write it without, if it is decimal");
		return -EINVAL;
	}
	int rc = wr_quantity_parse(text, units, &n, &fault_at);
	if (rc == -ERANGE)
		return refuse(fault, 0, bytes, "%s is too large for 64 bits",
			      wr_config_quote(quoted, text, bytes));
	if (rc == 0) {
		rc = check_range(key, text, n, fault);
		if (rc == 0)
			store(target, key->bytes, n);
		return rc;
	}
	(void)not_a(text, type, fault);
	if (fault_at == 0)
		return -EINVAL;
	/* It began as a number: what is wrong is behind it. */
	if (type == WR_CONFIG_DURATION && fault_at == bytes) {
		(void)refuse(fault, 0, bytes, "%s has no unit",
			     wr_config_quote(quoted, text, bytes));
		help(fault, "which unit? ns, us, ms, s, m, h or d");
	} else {
		fault->at = fault_at;
		fault->bytes = bytes - fault_at;
	}
	return -EINVAL;
}

/* "10k/s" */
static int parse_rate(const struct wr_config_key *key, const char *text, void *target,
		      struct wr_config_fault *fault)
{
	char number[32];
	char quoted[WR_CONFIG_QUOTE_BYTES];
	size_t bytes = strlen(text);
	uint64_t n;
	if (bytes > 2 && bytes < sizeof number && strcmp(text + bytes - 2, "/s") == 0) {
		memcpy(number, text, bytes - 2);
		number[bytes - 2] = '\0';
		if (wr_quantity_parse(number, wr_units_count, &n, NULL) == 0) {
			int rc = check_range(key, text, n, fault);
			if (rc == 0)
				store(target, key->bytes, n);
			return rc;
		}
	}
	(void)not_a(text, WR_CONFIG_RATE, fault);
	if (wr_quantity_parse(text, wr_units_count, &n, NULL) == 0) {
		(void)refuse(fault, 0, bytes, "%s has no unit",
			     wr_config_quote(quoted, text, bytes));
		help(fault, "a second: %.40s/s", text);
	}
	return -EINVAL;
}

static int parse_bool(const char *text, void *target, struct wr_config_fault *fault)
{
	bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;
	if (!yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
		return not_a(text, WR_CONFIG_BOOL, fault);
	*(bool *)target = yes;
	return 0;
}

/* ---- words ---- */

/* YAML's other words for yes and no. */
static bool is_choice(const char *text, const char *name)
{
	bool yes = strcmp(name, "yes") == 0 || strcmp(name, "on") == 0;
	bool no = strcmp(name, "no") == 0 || strcmp(name, "off") == 0;
	return strcmp(text, name) == 0 || (yes && strcmp(text, "true") == 0) ||
	       (no && strcmp(text, "false") == 0);
}

static int parse_choice(const struct wr_config_key *key, const char *text, void *target,
			struct wr_config_fault *fault)
{
	const char *names[CHOICES_MAX + 1] = {NULL};
	char quoted[WR_CONFIG_QUOTE_BYTES];
	struct wr_config_text list = {.to = fault->help, .room_bytes = sizeof fault->help};
	size_t bytes = strlen(text);

	for (uint32_t i = 0; key->choices[i].name != NULL && i < CHOICES_MAX; i++) {
		names[i] = key->choices[i].name;
		if (is_choice(text, names[i])) {
			store(target, key->bytes, key->choices[i].value);
			return 0;
		}
	}
	const char *nearest = wr_nearest(text, names);
	(void)refuse(fault, 0, bytes, "%s is none of the choices%s%s%s",
		     wr_config_quote(quoted, text, bytes), nearest != NULL ? "; did you mean " : "",
		     nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
	for (uint32_t i = 0; names[i] != NULL; i++)
		wr_config_put(&list, "%s%s",
			      i == 0                 ? "use "
			      : names[i + 1] != NULL ? ", "
						     : " or ",
			      names[i]);
	return -EINVAL;
}

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

static int parse_name(const struct wr_config_key *key, const char *text, void *target,
		      struct wr_config_fault *fault)
{
	char quoted[WR_CONFIG_QUOTE_BYTES];
	size_t bytes = strlen(text);
	uint64_t bytes_max = key->type == WR_CONFIG_LIST ? 200 : key->max;
	size_t good = 0;

	while (is_name_character(text[good]))
		good++;
	if (bytes == 0)
		return refuse(fault, 0, 0, "an empty name");
	if (bytes > bytes_max)
		return refuse(fault, (size_t)bytes_max, bytes - (size_t)bytes_max,
			      "a name of %zu bytes: at most %u", bytes, (unsigned)bytes_max);
	if (text[0] == '.')
		return refuse(fault, 0, 1, "a name must not begin with a dot");
	if (good == bytes) {
		*(const char **)target = text;
		return 0;
	}
	(void)refuse(fault, good, wr_config_character(text + good, bytes - good),
		     "%s is not a name", wr_config_quote(quoted, text, bytes));
	help(fault, "names are of letters, digits, '.', '_' and '-'");
	return -EINVAL;
}

static int parse_text(const struct wr_config_key *key, const char *text, void *target,
		      struct wr_config_fault *fault)
{
	size_t bytes = strlen(text);
	(void)key;
	if (bytes == 0)
		return refuse(fault, 0, 0, "an empty text");
	*(const char **)target = text;
	return 0;
}

static int parse_word(const struct wr_config_key *key, const char *text, void *target,
		      struct wr_config_fault *fault)
{
	size_t bytes = strlen(text);
	if (bytes == 0)
		return refuse(fault, 0, 0, "an empty text");
	if (bytes >= key->bytes)
		return refuse(fault, key->bytes - 1, bytes - key->bytes + 1,
			      "%zu bytes: at most %u", bytes, key->bytes - 1);
	memset(target, 0, key->bytes);
	memcpy(target, text, bytes);
	return 0;
}

/* ---- places in a log ---- */

static int parse_point(const char *text, void *target, struct wr_config_fault *fault)
{
	struct wr_config_point point = {.start = WEIR_START_OLDEST};
	unsigned digits;

	if (strcmp(text, "newest") == 0) {
		point.start = WEIR_START_NEWEST;
	} else if (strncmp(text, "sequence ", 9) == 0) {
		const char *end = wr_digits_take(text + 9, &point.at, &digits);
		point.start = WEIR_START_SEQUENCE;
		if (end == NULL || digits == 0 || *end != '\0') {
			(void)refuse(fault, 9, strlen(text + 9), "this is not a sequence");
			help(fault, "write sequence 4711");
			return -EINVAL;
		}
	} else if (strncmp(text, "time ", 5) == 0) {
		point.start = WEIR_START_TIME;
		if (wr_moment_parse(text + 5, &point.at) < 0) {
			(void)refuse(fault, 5, strlen(text + 5), "this is not a time");
			help(fault, "write time 2026-01-31T12:00:00Z");
			return -EINVAL;
		}
	} else if (strcmp(text, "oldest") != 0) {
		return not_a(text, WR_CONFIG_POINT, fault);
	}
	memcpy(target, &point, sizeof point);
	return 0;
}

/* ---- NUMA nodes ---- */

static int parse_numa(const char *text, void *target, struct wr_config_fault *fault)
{
	struct wr_config_numa numa = {.how = WEIR_NUMA_AUTO};
	uint64_t node = 0;
	unsigned digits = 0;
	if (is_choice(text, "off")) {
		numa.how = WEIR_NUMA_OFF;
	} else if (strcmp(text, "interleave") == 0) {
		numa.how = WEIR_NUMA_INTERLEAVE;
	} else if (strncmp(text, "node:", 5) == 0) {
		const char *end = wr_digits_take(text + 5, &node, &digits);
		if (end == NULL || digits == 0 || *end != '\0' || node > UINT32_MAX) {
			(void)refuse(fault, 5, strlen(text + 5), "this is not a NUMA node");
			help(fault, "write node:0");
			return -EINVAL;
		}
		numa.how = WEIR_NUMA_NODE;
		numa.node = (uint32_t)node;
	} else if (strcmp(text, "auto") != 0) {
		return not_a(text, WR_CONFIG_NUMA, fault);
	}
	memcpy(target, &numa, sizeof numa);
	return 0;
}

int wr_config_value_parse(const struct wr_config_key *key, enum wr_config_type type,
			  const char *text, void *target, struct wr_config_fault *ret_fault)
{
	*ret_fault = (struct wr_config_fault){0};
	switch (type) {
	case WR_CONFIG_BOOL:
		return parse_bool(text, target, ret_fault);
	case WR_CONFIG_COUNT:
	case WR_CONFIG_SIZE:
	case WR_CONFIG_DURATION:
		return parse_number(key, type, text, target, ret_fault);
	case WR_CONFIG_CHOICE:
		return parse_choice(key, text, target, ret_fault);
	case WR_CONFIG_NAME:
		return parse_name(key, text, target, ret_fault);
	case WR_CONFIG_TEXT:
		return parse_text(key, text, target, ret_fault);
	case WR_CONFIG_WORD:
		return parse_word(key, text, target, ret_fault);
	case WR_CONFIG_POINT:
		return parse_point(text, target, ret_fault);
	case WR_CONFIG_CPUS:
		return wr_cpu_request_parse(text, strlen(text), target, ret_fault);
	case WR_CONFIG_NUMA:
		return parse_numa(text, target, ret_fault);
	case WR_CONFIG_RATE:
		return parse_rate(key, text, target, ret_fault);
	case WR_CONFIG_MAP:
	case WR_CONFIG_LIST:
	case WR_CONFIG_ONE_OF:
	case WR_CONFIG_PAIRS:
		break;
	}
	return not_a(text, type, ret_fault);
}
