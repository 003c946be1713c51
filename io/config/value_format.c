/* SPDX-License-Identifier: Apache-2.0 */
/* Scalars out: as they would stand in a file. What is written here reads as the same value. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "io/config/value.h"
#include "io/config/values.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* In the largest unit that divides it. */
static void put_in_units(uint64_t n, const struct unit *units, struct wr_config_text *text)
{
	while (units->factor > 1 && (n == 0 || n % units->factor != 0))
		units++;
	wr_config_put(text, "%" PRIu64 "%s", n / units->factor, units->name);
}

void wr_config_size_format(uint64_t bytes, struct wr_config_text *text)
{
	static const struct unit units[] = {{"TiB", 1ull << 40},
					    {"GiB", 1ull << 30},
					    {"MiB", 1ull << 20},
					    {"KiB", 1ull << 10},
					    {"", 1}};
	put_in_units(bytes, units, text);
}

void wr_config_duration_format(uint64_t ns, struct wr_config_text *text)
{
	static const struct unit units[] = {{"h", 3600000000000}, {"m", 60000000000},
					    {"s", 1000000000},    {"ms", 1000000},
					    {"us", 1000},         {"ns", 1}};
	put_in_units(ns, units, text);
}

static void put_number(enum wr_config_type type, uint64_t n, struct wr_config_text *text)
{
	if (type == WR_CONFIG_SIZE)
		wr_config_size_format(n, text);
	else if (type == WR_CONFIG_DURATION)
		wr_config_duration_format(n, text);
	else
		wr_config_put(text, "%" PRIu64 "%s", n, type == WR_CONFIG_RATE ? "/s" : "");
}

/* Whether YAML, or this library's own reading of it, would see something else in it. */
static bool is_plain(const char *from)
{
	static const char *const special[] = {"", "~", "null", "-", "?", "---", "..."};
	size_t bytes = strlen(from);
	for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
		if (strcmp(from, special[i]) == 0)
			return false;
	if (strchr("&*!|>%@`#,[]{}\"' :?-", from[0]) != NULL || from[bytes - 1] == ' ' ||
	    from[bytes - 1] == ':')
		return false;
	return strpbrk(from, "\t\n\r,[]{}") == NULL && strstr(from, ": ") == NULL &&
	       strstr(from, " #") == NULL;
}

void wr_config_put_scalar(struct wr_config_text *text, const char *from)
{
	if (is_plain(from)) {
		wr_config_put(text, "%s", from);
		return;
	}
	wr_config_put_n(text, "\"", 1);
	for (; *from != '\0'; from++) {
		const char *escaped = *from == '"'    ? "\\\""
				      : *from == '\\' ? "\\\\"
				      : *from == '\t' ? "\\t"
				      : *from == '\n' ? "\\n"
				      : *from == '\r' ? "\\r"
						      : NULL;
		if (escaped != NULL)
			wr_config_put(text, "%s", escaped);
		else
			wr_config_put_n(text, from, 1);
	}
	wr_config_put_n(text, "\"", 1);
}

static void put_point(const struct wr_config_point *point, struct wr_config_text *text)
{
	time_t seconds = (time_t)(point->at / 1000000);
	struct tm parts = {0};
	char clock[40] = "";
	switch (point->start) {
	case WEIR_START_OLDEST:
		wr_config_put(text, "oldest");
		return;
	case WEIR_START_NEWEST:
		wr_config_put(text, "newest");
		return;
	case WEIR_START_SEQUENCE:
		wr_config_put(text, "sequence %" PRIu64, point->at);
		return;
	case WEIR_START_TIME:
		break;
	}
	(void)gmtime_r(&seconds, &parts);
	(void)strftime(clock, sizeof clock, "%Y-%m-%dT%H:%M:%S", &parts);
	wr_config_put(text, "time %s.%06uZ", clock, (unsigned)(point->at % 1000000));
}

static void put_numa(const struct wr_config_numa *numa, struct wr_config_text *text)
{
	if (numa->how == WEIR_NUMA_NODE)
		wr_config_put(text, "node:%u", numa->node);
	else
		wr_config_put(text, "%s",
			      numa->how == WEIR_NUMA_AUTO  ? "auto"
			      : numa->how == WEIR_NUMA_OFF ? "off"
							   : "interleave");
}

static uint64_t load(const void *target, uint32_t bytes)
{
	uint64_t n = 0;
	uint32_t n32 = 0;
	uint8_t n8 = 0;
	if (bytes == sizeof n) {
		memcpy(&n, target, sizeof n);
		return n;
	}
	if (bytes == sizeof n32) {
		memcpy(&n32, target, sizeof n32);
		return n32;
	}
	memcpy(&n8, target, sizeof n8);
	return n8;
}

/* False: none was made. */
static bool put_choice(const struct wr_config_key *key, uint64_t value, struct wr_config_text *text)
{
	for (const struct wr_config_choice *choice = key->choices; choice->name != NULL; choice++)
		if (choice->value == value) {
			wr_config_put(text, "%s", choice->name);
			return true;
		}
	return false;
}

static bool put_pairs(const struct wr_config_list *list, struct wr_config_text *text)
{
	const struct wr_config_pair *pairs = list->items;
	for (uint32_t i = 0; i < list->count; i++) {
		wr_config_put(text, "%s%s: ", i == 0 ? "{" : ", ", pairs[i].name);
		wr_config_put_scalar(text, pairs[i].text);
	}
	wr_config_put(text, list->count > 0 ? "}" : "");
	return list->count > 0;
}

bool wr_config_value_format(const struct wr_config_key *key, enum wr_config_type type,
			    const void *target, struct wr_config_text *text)
{
	char cpus[24 * 1024]; // every second one of 8192
	const char *from;
	uint64_t n;
	switch (type) {
	case WR_CONFIG_BOOL:
		wr_config_put(text, "%s", *(const bool *)target ? "yes" : "no");
		return true;
	case WR_CONFIG_COUNT:
	case WR_CONFIG_SIZE:
	case WR_CONFIG_DURATION:
	case WR_CONFIG_RATE:
		n = load(target, key->bytes);
		if (n == 0 && key->fallback == NULL)
			return false;
		put_number(type, n, text);
		return true;
	case WR_CONFIG_CHOICE:
		return put_choice(key, load(target, key->bytes), text);
	case WR_CONFIG_PAIRS:
		return put_pairs(target, text);
	case WR_CONFIG_NAME:
	case WR_CONFIG_TEXT:
		from = *(const char *const *)target;
		break;
	case WR_CONFIG_WORD:
		from = *(const char *)target != '\0' ? target : NULL;
		break;
	case WR_CONFIG_POINT:
		put_point(target, text);
		return true;
	case WR_CONFIG_NUMA:
		put_numa(target, text);
		return true;
	case WR_CONFIG_CPUS:
		from = wr_cpu_request_format(target, cpus, sizeof cpus);
		break;
	default:
		return false;
	}
	if (from != NULL)
		wr_config_put_scalar(text, from);
	return from != NULL;
}

const char *wr_config_type_shape(enum wr_config_type type)
{
	switch (type) {
	case WR_CONFIG_BOOL:
		return "yes or no: yes or no";
	case WR_CONFIG_COUNT:
		return "a whole number: 42, 1_000_000 or 5M";
	case WR_CONFIG_SIZE:
		return "a size: bytes, or with K, M, G or T: 64KiB, 1.5 GiB";
	case WR_CONFIG_DURATION:
		return "a duration: one number with ns, us, ms, s, m, h or d: 250us, 1.5 s";
	case WR_CONFIG_CHOICE:
		return "a choice";
	case WR_CONFIG_NAME:
		return "a name";
	case WR_CONFIG_TEXT:
	case WR_CONFIG_WORD:
		return "a text";
	case WR_CONFIG_POINT:
		return "a place to start: oldest, newest, sequence 4711 or time "
		       "2026-01-31T12:00:00Z";
	case WR_CONFIG_CPUS:
		return "CPUs: auto, none, 2-5,8, +0-7, node:0, core:2 or l3:0";
	case WR_CONFIG_NUMA:
		return "a NUMA node: auto, off, interleave or node:0";
	case WR_CONFIG_RATE:
		return "a rate: 500/s or 10k/s";
	case WR_CONFIG_MAP:
	case WR_CONFIG_ONE_OF:
		return "a map of keys";
	case WR_CONFIG_PAIRS:
		return "a map of names: {name: field}";
	case WR_CONFIG_LIST:
		break;
	}
	return "a list";
}

bool wr_config_range_format(const struct wr_config_key *key, struct wr_config_text *text)
{
	uint64_t max = key->max;
	if (max == 0 && key->min <= 1 && !key->power_of_two) {
		if (key->min == 1)
			wr_config_put(text, "more than 0");
		return key->min == 1;
	}
	put_number(key->type, key->min, text);
	if (max == key->min)
		return true;
	wr_config_put(text, max == 0 ? " or more" : " to ");
	if (max != 0)
		put_number(key->type, max, text);
	if (key->power_of_two)
		wr_config_put(text, ", a power of two");
	return true;
}
