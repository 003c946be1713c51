/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   scalars mean what their text says, or are refused at the character that is wrong; what is
 *         written back reads as the same value.
 * Method: tables for each type, through rows like those of the table (keys.h); random values there
 *         and back.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/bits.h"
#include "io/config/value.h"
#include "io/config/values.h"
#include "io/sim/prng.h"

static const struct wr_config_choice colours[] = {
	{"red", 3, ""}, {"green", 5, ""}, {"blue", 9, ""}, {0}};

static const struct wr_config_key size_key = {.type = WR_CONFIG_SIZE, .bytes = 8};
static const struct wr_config_key count_key = {.type = WR_CONFIG_COUNT, .bytes = 8};
static const struct wr_config_key duration_key = {.type = WR_CONFIG_DURATION, .bytes = 8};
static const struct wr_config_key colour_key = {
	.type = WR_CONFIG_CHOICE, .bytes = sizeof(unsigned), .choices = colours};
static const struct wr_config_key name_key = {.type = WR_CONFIG_NAME, .max = 8};
static const struct wr_config_key word_key = {.type = WR_CONFIG_WORD, .bytes = 6};
static const struct wr_config_key bool_key = {.type = WR_CONFIG_BOOL, .bytes = 1};
static const struct wr_config_key point_key = {.type = WR_CONFIG_POINT};

struct number {
	const char *text;
	uint64_t n;
};

static void check_numbers(const struct wr_config_key *key, const struct number *numbers,
			  size_t count)
{
	struct wr_config_fault fault;
	for (size_t i = 0; i < count; i++) {
		uint64_t n = 1;
		cr_assert_eq(wr_config_value_parse(key, key->type, numbers[i].text, &n, &fault), 0,
			     "%s: %s", numbers[i].text, fault.why);
		cr_assert_eq(n, numbers[i].n, "%s gave %" PRIu64, numbers[i].text, n);
	}
}

struct refusal {
	const char *text;
	size_t at;
	size_t bytes;
	const char *why; /* a part of it */
};

static void check_refusals(const struct wr_config_key *key, const struct refusal *refusals,
			   size_t count)
{
	struct wr_config_fault fault;
	uint8_t target[64];
	uint8_t before[64];
	memset(target, 0xa5, sizeof target);
	memcpy(before, target, sizeof target);
	for (size_t i = 0; i < count; i++) {
		const struct refusal *r = &refusals[i];
		cr_assert_eq(wr_config_value_parse(key, key->type, r->text, target, &fault),
			     -EINVAL, "%s", r->text);
		cr_assert_not_null(strstr(fault.why, r->why), "%s: %s", r->text, fault.why);
		cr_assert(fault.at == r->at && fault.bytes == r->bytes, "%s: at %zu, %zu bytes",
			  r->text, fault.at, fault.bytes);
		cr_assert_arr_eq(target, before, sizeof target);
	}
}

Test(config_values, sizes)
{
	static const struct number numbers[] = {
		{"0", 0},
		{"4096", 4096},
		{"64KiB", 65536},
		{"64K", 65536},
		{"64kb", 65536},
		{"1.5GiB", 1610612736},
		{"64 KiB", 65536},
		{"7 b", 7},
		{"1_000", 1000},
		{"16777215TiB", 16777215ull << 40},
		{"18446744073709551615", UINT64_MAX},
	};
	static const struct refusal refusals[] = {
		{"", 0, 0, "is not a size"},
		{"64 ", 2, 1, "is not a size"},
		{"64  KiB", 3, 4, "is not a size"},
		{"64 Mi", 3, 2, "is not a size"},
		{"KiB", 0, 3, "is not a size"},
		{"64s", 2, 1, "is not a size"},
		{"1.5", 3, 0, "is not a size"},
		{"1.", 1, 1, "is not a size"},
		{"-4", 0, 1, "is less than nothing"},
		{"0x10", 1, 3, "is not a size"},
		{"010", 0, 1, "begins with a zero"},
		{"1e6", 1, 2, "is not a size"},
		{"18446744073709551616", 0, 20, "is too large for 64 bits"},
		{"16777216TiB", 0, 11, "is too large for 64 bits"},
	};
	check_numbers(&size_key, numbers, WR_ARRAY_COUNT(numbers));
	check_refusals(&size_key, refusals, WR_ARRAY_COUNT(refusals));
}

Test(config_values, counts_and_durations)
{
	static const struct number counts[] = {
		{"1_000_000", 1000000}, {"5M", 5000000}, {"2.5k", 2500}, {"7", 7}};
	static const struct number durations[] = {
		{"250us", 250000},
		{"1.5s", 1500000000},
		{"2m", 120000000000},
		{"1h", 3600000000000},
		{"0ns", 0},
		{"1d", 86400000000000},
		{"0.000001s", 1000},
		{"45S", 45000000000},
		{"3min", 180000000000},
		{"5 s", 5000000000},
		{"250\xc2\xb5s", 250000},
		{"1.5 \xce\xbcS", 1500},
	};
	static const struct refusal bad_durations[] = {
		{"50", 0, 2, "has no unit"},
		{"0", 0, 1, "has no unit"},
		{"1.5", 0, 3, "has no unit"},
		{"s", 0, 1, "is not a duration"},
		{"5 ", 1, 1, "is not a duration"},
		{"1h30m", 1, 4, "is not a duration"},
		{"5\xc2\xb5", 1, 2, "is not a duration"},
		{"5sec", 1, 3, "is not a duration"},
		{"1.0000000s", 1, 9, "is not a duration"},
		{"999999999h", 0, 10, "is too large for 64 bits"},
	};
	static const struct refusal bad_counts[] = {
		{"5KiB", 1, 3, "is not a whole number"},
		{"1.5", 3, 0, "is not a whole number"},
	};
	check_numbers(&count_key, counts, WR_ARRAY_COUNT(counts));
	check_numbers(&duration_key, durations, WR_ARRAY_COUNT(durations));
	check_refusals(&duration_key, bad_durations, WR_ARRAY_COUNT(bad_durations));
	check_refusals(&count_key, bad_counts, WR_ARRAY_COUNT(bad_counts));
}

Test(config_values, ranges_are_told_in_units)
{
	const struct wr_config_key key = {.type = WR_CONFIG_SIZE,
					  .bytes = 4,
					  .min = 16384,
					  .max = 16u << 20,
					  .power_of_two = true};
	const struct wr_config_key narrow = {.type = WR_CONFIG_COUNT, .bytes = 4};
	struct wr_config_fault fault;
	uint32_t n = 7;
	cr_assert_eq(wr_config_value_parse(&key, key.type, "16KiB", &n, &fault), 0);
	cr_assert_eq(n, 16384);
	cr_assert_eq(wr_config_value_parse(&key, key.type, "8KiB", &n, &fault), -EINVAL);
	cr_assert_str_eq(fault.why, "\"8KiB\" is too small");
	cr_assert_str_eq(fault.help, "16KiB to 16MiB, a power of two");
	cr_assert_eq(wr_config_value_parse(&key, key.type, "32MiB", &n, &fault), -EINVAL);
	cr_assert_str_eq(fault.why, "\"32MiB\" is too large");
	cr_assert_eq(wr_config_value_parse(&key, key.type, "48KiB", &n, &fault), -EINVAL);
	cr_assert_str_eq(fault.why, "\"48KiB\" is not a power of two");
	/* What does not fit its place is refused, not cut. */
	cr_assert_eq(wr_config_value_parse(&narrow, narrow.type, "4294967296", &n, &fault),
		     -EINVAL);
	cr_assert_eq(n, 16384);
}

Test(config_values, words)
{
	struct wr_config_fault fault;
	unsigned colour = 0;
	const char *name = NULL;
	char word[6] = "xxxxx";
	bool yes = false;
	static const struct refusal bad_colours[] = {
		{"gren", 0, 4, "is none of the choices; did you mean green?"},
		{"Red", 0, 3, "is none of the choices; did you mean red?"},
		{"elephant", 0, 8, "is none of the choices"},
	};
	static const struct refusal bad_names[] = {
		{"", 0, 0, "an empty name"},          {"a b", 1, 1, "is not a name"},
		{".a", 0, 1, "begin with a dot"},     {"a/b", 1, 1, "is not a name"},
		{"a\xc3\xa4", 1, 2, "is not a name"}, {"123456789", 8, 1, "a name of 9 bytes"},
	};
	static const struct refusal bad_words[] = {{"", 0, 0, "empty"},
						   {"123456", 5, 1, "6 bytes: at most 5"}};
	static const struct refusal bad_bools[] = {{"on", 0, 2, "is not yes or no"},
						   {"Yes", 0, 3, "is not yes or no"},
						   {"1", 0, 1, "is not yes or no"},
						   {"", 0, 0, "is not yes or no"}};
	cr_assert_eq(wr_config_value_parse(&colour_key, WR_CONFIG_CHOICE, "blue", &colour, &fault),
		     0);
	cr_assert_eq(colour, 9);
	const struct wr_config_key off_key = {
		.type = WR_CONFIG_CHOICE,
		.bytes = sizeof(unsigned),
		.choices = (const struct wr_config_choice[]){
			{"off", 4, ""}, {"yes", 5, ""}, {"auto", 6, ""}, {0}}};
	cr_assert_eq(wr_config_value_parse(&off_key, WR_CONFIG_CHOICE, "false", &colour, &fault),
		     0);
	cr_assert_eq(colour, 4);
	cr_assert_eq(wr_config_value_parse(&off_key, WR_CONFIG_CHOICE, "true", &colour, &fault), 0);
	cr_assert_eq(colour, 5);
	cr_assert_eq(wr_config_value_parse(&name_key, WR_CONFIG_NAME, "a.b_-9Z", &name, &fault), 0);
	cr_assert_str_eq(name, "a.b_-9Z");
	cr_assert_eq(wr_config_value_parse(&word_key, WR_CONFIG_WORD, "a b", word, &fault), 0);
	cr_assert_arr_eq(word, "a b\0\0", 6);
	cr_assert_eq(wr_config_value_parse(&bool_key, WR_CONFIG_BOOL, "true", &yes, &fault), 0);
	cr_assert(yes);
	cr_assert_eq(wr_config_value_parse(&bool_key, WR_CONFIG_BOOL, "no", &yes, &fault), 0);
	cr_assert(!yes);
	check_refusals(&colour_key, bad_colours, WR_ARRAY_COUNT(bad_colours));
	check_refusals(&name_key, bad_names, WR_ARRAY_COUNT(bad_names));
	check_refusals(&word_key, bad_words, WR_ARRAY_COUNT(bad_words));
	check_refusals(&bool_key, bad_bools, WR_ARRAY_COUNT(bad_bools));
}

Test(config_values, places_to_start)
{
	struct wr_config_fault fault;
	struct wr_config_point point;
	static const struct refusal refusals[] = {
		{"oldst", 0, 5, "is not a place to start"},
		{"4711", 0, 4, "is not a place to start"},
		{"sequence x", 9, 1, "this is not a sequence"},
		{"sequence ", 9, 0, "this is not a sequence"},
		{"sequence 18446744073709551616", 9, 20, "this is not a sequence"},
		{"time 2026-02-30", 5, 10, "this is not a time"},
	};
	cr_assert_eq(wr_config_value_parse(&point_key, WR_CONFIG_POINT, "newest", &point, &fault),
		     0);
	cr_assert_eq(point.start, WEIR_START_NEWEST);
	cr_assert_eq(wr_config_value_parse(&point_key, WR_CONFIG_POINT, "sequence 4_711", &point,
					   &fault),
		     0);
	cr_assert(point.start == WEIR_START_SEQUENCE && point.at == 4711);
	cr_assert_eq(wr_config_value_parse(&point_key, WR_CONFIG_POINT,
					   "time 1970-01-02T00:00:00.5Z", &point, &fault),
		     0);
	cr_assert(point.start == WEIR_START_TIME && point.at == 86400500000);
	check_refusals(&point_key, refusals, WR_ARRAY_COUNT(refusals));
}

Test(config_values, numa_nodes)
{
	static const struct wr_config_key numa_key = {.type = WR_CONFIG_NUMA};
	static const struct {
		const char *text;
		struct wr_config_numa numa;
		const char *again;
	} values[] = {
		{"auto", {WEIR_NUMA_AUTO, 0}, "auto"},
		{"off", {WEIR_NUMA_OFF, 0}, "off"},
		{"false", {WEIR_NUMA_OFF, 0}, "off"},
		{"interleave", {WEIR_NUMA_INTERLEAVE, 0}, "interleave"},
		{"node:7", {WEIR_NUMA_NODE, 7}, "node:7"},
	};
	static const struct refusal refusals[] = {
		{"node:", 5, 0, "this is not a NUMA node"},
		{"node:x", 5, 1, "this is not a NUMA node"},
		{"node:4294967296", 5, 10, "this is not a NUMA node"},
		{"1", 0, 1, "is not a NUMA node"},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(values); i++) {
		struct wr_config_numa numa = {.node = 99};
		struct wr_config_fault fault;
		char room[32] = "";
		struct wr_config_text text = {.to = room, .room_bytes = sizeof room};
		cr_assert_eq(wr_config_value_parse(&numa_key, WR_CONFIG_NUMA, values[i].text, &numa,
						   &fault),
			     0);
		cr_assert(numa.how == values[i].numa.how && numa.node == values[i].numa.node);
		cr_assert(wr_config_value_format(&numa_key, WR_CONFIG_NUMA, &numa, &text));
		cr_assert_str_eq(room, values[i].again);
	}
	check_refusals(&numa_key, refusals, WR_ARRAY_COUNT(refusals));
}

static void check_there_and_back(const struct wr_config_key *key, uint64_t n)
{
	struct wr_config_fault fault;
	uint64_t again = ~n;
	char room[64] = "";
	struct wr_config_text text = {.to = room, .room_bytes = sizeof room};
	cr_assert(wr_config_value_format(key, key->type, &n, &text) || n == 0);
	if (n == 0)
		return;
	cr_assert_eq(wr_config_value_parse(key, key->type, room, &again, &fault), 0, "%s", room);
	cr_assert_eq(again, n, "%s", room);
}

Test(config_values, numbers_read_back_as_they_were_written)
{
	struct wr_prng prng;
	wr_prng_init(&prng, 4711);
	for (int i = 0; i < 100000; i++) {
		uint64_t n = wr_prng_next(&prng) >> (wr_prng_next(&prng) % 64);
		n = n / 1000 * (i % 3 == 0 ? 1000 : 1) >> (i % 5 == 0 ? 10 : 0)
								  << (i % 5 == 0 ? 10 : 0);
		check_there_and_back(&size_key, n);
		check_there_and_back(&count_key, n);
		check_there_and_back(&duration_key, n);
	}
	check_there_and_back(&size_key, UINT64_MAX);
	check_there_and_back(&duration_key, UINT64_MAX);
}

Test(config_values, texts_are_quoted_where_yaml_needs_it)
{
	static const struct {
		const char *text;
		const char *yaml;
	} texts[] = {
		{"orders", "orders"},
		{"/var/lib/weir", "/var/lib/weir"},
		{"a b", "a b"},
		{"", "\"\""},
		{"~", "\"~\""},
		{"null", "\"null\""},
		{"a: b", "\"a: b\""},
		{"a #b", "\"a #b\""},
		{"a,b", "\"a,b\""},
		{"a\tb", "\"a\\tb\""},
		{"\"a\"", "\"\\\"a\\\"\""},
		{"a\\b", "a\\b"},
		{"#a", "\"#a\""},
		{"a:", "\"a:\""},
		{"a ", "\"a \""},
		{"-", "\"-\""},
		{"C:/x", "C:/x"},
		{"a\\\tb", "\"a\\\\\\tb\""},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(texts); i++) {
		char room[64] = "";
		struct wr_config_text text = {.to = room, .room_bytes = sizeof room};
		wr_config_put_scalar(&text, texts[i].text);
		cr_assert_str_eq(room, texts[i].yaml);
	}
}
