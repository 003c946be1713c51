/* SPDX-License-Identifier: Apache-2.0 */
/* The table: what `weir bench pipeline --config` publishes and reads. */
#include "io/config/keys_inner.h"

#define BENCH(member) VALUE(bench.member)
#define STREAM(member) AT(struct wr_config_stream, member)
#define READER(member) AT(struct wr_config_reader, member)

static const struct wr_config_choice level_choices[] = {
	{"auto", WEIR_LEVEL_DEFAULT, "durable with a journal, memory without"},
	{"memory", WEIR_LEVEL_MEMORY, "ordered and visible"},
	{"written", WEIR_LEVEL_WRITTEN, "handed to the kernel"},
	{"durable", WEIR_LEVEL_DURABLE, "written and flushed"},
	{0},
};

static const struct wr_config_choice progress_choices[] = {
	{"poll", 0, "acknowledgements are handed over with the next poll"},
	{"commit", 1, "each poll's are waited for at the level, and that is measured"},
	{0},
};

static const struct wr_config_choice pace_choices[] = {
	{"yield", 0, "gives its CPU to whoever wants it"},
	{"spin", 1, "never leaves its CPU"},
	{"sleep", 2, "50 us at a time: least CPU, lateness counts as latency"},
	{0},
};

#define THREADS(to, what)                                                                          \
	{                                                                                          \
		.name = "threads", to(threads), .type = WR_CONFIG_COUNT, .min = 1, .max = 64,      \
		.fallback = "1", .doc = (what)                                                     \
	}
#define CPUS(to)                                                                                   \
	{                                                                                          \
		.name = "cpus", to(cpus), .type = WR_CONFIG_CPUS, .fallback = "auto",              \
		.doc = "Where they run, one CPU for each in turn"                                  \
	}

static const struct wr_config_key stream_keys[] = {
	{.name = "topic",
	 STREAM(topic),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "What they publish into: a name from the file's topics"},
	THREADS(STREAM, "Threads that publish"),
	{.name = "payload",
	 STREAM(payload_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 32,
	 .max = 64 * KIB,
	 .fallback = "64",
	 .doc = "Size of each event's payload, unless lines are published (--input)"},
	{.name = "keys",
	 STREAM(key_count),
	 .type = WR_CONFIG_COUNT,
	 .max = 1ull << 32,
	 .fallback = "0",
	 .doc = "Different keys; 0: none, partitions in turn"},
	{.name = "rate",
	 STREAM(rate_per_s),
	 .type = WR_CONFIG_RATE,
	 .min = 1,
	 .max = 1000000000,
	 .absent = "as fast as it goes",
	 .doc = "Events a second, of these threads together, due at fixed times"},
	CPUS(STREAM),
	{0},
};

static const struct wr_config_key reader_keys[] = {
	{.name = "subscription",
	 READER(subscription),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "What they read: a name from the file's subscriptions"},
	THREADS(READER, "Members, each with a thread"),
	CPUS(READER),
	{0},
};

static const struct wr_config_section stream_section = {
	.keys = stream_keys, .struct_bytes = sizeof(struct wr_config_stream)};
static const struct wr_config_section reader_section = {
	.keys = reader_keys, .struct_bytes = sizeof(struct wr_config_reader)};

static const struct wr_config_key bench_keys[] = {
	{.name = "length",
	 BENCH(length_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1000000,
	 .fallback = "10s",
	 .doc = "How long to measure"},
	{.name = "warmup",
	 BENCH(warmup_ns),
	 .type = WR_CONFIG_DURATION,
	 .fallback = "1s",
	 .doc = "How long to run before"},
	{.name = "level",
	 BENCH(level),
	 .type = WR_CONFIG_CHOICE,
	 .choices = level_choices,
	 .fallback = "auto",
	 .doc = "When an event and the progress of a member are acknowledged"},
	{.name = "progress",
	 BENCH(progress),
	 .type = WR_CONFIG_CHOICE,
	 .choices = progress_choices,
	 .fallback = "poll",
	 .doc = "How members hand over what they have acknowledged"},
	{.name = "pace",
	 BENCH(pace),
	 .type = WR_CONFIG_CHOICE,
	 .choices = pace_choices,
	 .fallback = "yield",
	 .doc = "How producers wait for the time that an event is due"},
	{.name = "producers",
	 BENCH(streams),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &stream_section,
	 .min = 1,
	 .max = WR_CONFIG_BENCH_GROUPS_MAX,
	 .absent = "a thread for each topic, as fast as it goes",
	 .doc = "Who publishes"},
	{.name = "members",
	 BENCH(readers),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &reader_section,
	 .max = WR_CONFIG_BENCH_GROUPS_MAX,
	 .absent = "as many as each subscription has members",
	 .doc = "Who reads; a subscription that is not named is made, and read by nobody"},
	{0},
};

const struct wr_config_section wr_config_bench = {.keys = bench_keys};
