/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table. Order is that of the reference page. Defaults stand as people would write them; that
 * they are the core's own, and the ranges, too, is compared by tests/unit/config/test_keys.c.
 */
#include "io/config/keys.h"

#include <stdio.h>
#include <string.h>

#include <weir/options.h>

#include "io/config/values.h"

#define KIB 1024ull
#define MIB (1024ull * KIB)
#define GIB (1024ull * MIB)
#define FIRST_VERSION "0.1"

/* Where a value goes: its place in the struct, and its size. */
#define AT(structure, member)                                                                      \
	.offset = offsetof(structure, member), .bytes = sizeof(((structure *)NULL)->member),       \
	.since = FIRST_VERSION
/* The same in weir_options, whose field it sets. */
#define OPTION(member)                                                                             \
	.offset = offsetof(struct wr_config_values, options) +                                     \
		  offsetof(struct weir_options, member),                                           \
	.bytes = sizeof(((struct weir_options *)NULL)->member), .option = #member,                 \
	.since = FIRST_VERSION
#define VALUE(member) AT(struct wr_config_values, member)
#define SAME_STRUCT(of) .type = WR_CONFIG_MAP, .section = &(of), .since = FIRST_VERSION

/* ---- journal ---- */

static const struct wr_config_choice io_choices[] = {
	{"auto", WEIR_IO_AUTO, "io_uring, or posix where the machine refuses it"},
	{"uring", WEIR_IO_URING, "io_uring, or an error that says why not"},
	{"posix", WEIR_IO_POSIX, "blocking calls on helper threads"},
	{0},
};

static const struct wr_config_key journal_keys[] = {
	{.name = "dir",
	 OPTION(dir),
	 .type = WR_CONFIG_TEXT,
	 .required = true,
	 .doc = "The journal's directory, made if missing; relative to the working directory"},
	{.name = "io",
	 OPTION(io),
	 .type = WR_CONFIG_CHOICE,
	 .choices = io_choices,
	 .fallback = "auto",
	 .doc = "Which backend writes"},
	{.name = "segment",
	 OPTION(segment_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 16 * KIB,
	 .max = 64 * GIB,
	 .fallback = "64MiB",
	 .doc = "Size of a file: a multiple of memory.chunk; a journal keeps the one it was made "
		"with"},
	{.name = "segments_ahead",
	 OPTION(segments_ahead),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 16,
	 .fallback = "2",
	 .doc = "Files that are zero-written before they are needed"},
	{.name = "retention",
	 OPTION(retention_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 1,
	 .absent = "everything is kept",
	 .doc = "Beyond this the oldest files are used again, once no subscription needs them"},
	{.name = "checkpoint",
	 OPTION(checkpoint_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 1,
	 .absent = "64MiB, or four times the size of a checkpoint if that is more",
	 .doc = "Bytes of log between checkpoints: what a recovery reads at most, about"},
	{.name = "batches_in_flight",
	 OPTION(batches_in_flight_max),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 16,
	 .fallback = "4",
	 .doc = "Writes under way at once"},
	{.name = "evidence_delay",
	 OPTION(evidence_delay_ns),
	 .type = WR_CONFIG_DURATION,
	 .fallback = "50ms",
	 .doc = "Idle time after which the last batches are attested as durable on the medium"},
	{.name = "seal_before_ack",
	 OPTION(seal_before_ack),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Attest each batch before its acknowledgement: a second write, against a power cut "
		"together with damage"},
	{0},
};

static const struct wr_config_section journal_section = {.keys = journal_keys};

/* ---- memory, limits ---- */

static const struct wr_config_key memory_keys[] = {
	{.name = "chunk",
	 OPTION(chunk_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 16 * KIB,
	 .max = 16 * MIB,
	 .power_of_two = true,
	 .fallback = "1MiB",
	 .doc = "Unit of memory and of pinning; the largest run is a quarter of it; a journal "
		"keeps the one it was made with"},
	{.name = "pool",
	 OPTION(pool_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 1,
	 .max = 1024 * GIB,
	 .fallback = "64MiB",
	 .doc = "Chunks in memory: how far a reader may lag before it reads from disk"},
	{.name = "undurable",
	 OPTION(undurable_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 1,
	 .max = 1024 * GIB,
	 .fallback = "16MiB",
	 .doc = "Visible but not yet durable at most: beyond it producers are held back"},
	{.name = "lane",
	 OPTION(lane_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 4 * KIB,
	 .max = GIB,
	 .power_of_two = true,
	 .fallback = "4MiB",
	 .doc = "Ring of one producer"},
	{.name = "member_lane",
	 OPTION(member_lane_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 4 * KIB,
	 .max = GIB,
	 .power_of_two = true,
	 .fallback = "1MiB",
	 .doc = "Ring of one member or group"},
	{0},
};

static const struct wr_config_section memory_section = {.keys = memory_keys};

#define LIMIT(key_name, member, most, standard, text)                                              \
	{                                                                                          \
		.name = (key_name), OPTION(member), .type = WR_CONFIG_COUNT, .min = 1,             \
		.max = (most), .fallback = (standard), .doc = (text)                               \
	}

static const struct wr_config_key limits_keys[] = {
	LIMIT("producers", producers_max, 1024, "16", "Producers open at once"),
	LIMIT("members", members_max, 1024, "16", "Members joined at once, of all subscriptions"),
	LIMIT("topics", topics_max, 65535, "64", "Topics ever made"),
	LIMIT("partitions", partitions_max, 1u << 20, "1024", "Partitions of all topics together"),
	LIMIT("subscriptions", subscriptions_max, 4096, "16", "Subscriptions ever made"),
	LIMIT("named_producers", named_producers_max, 1u << 20, "256", "Named producers ever made"),
	LIMIT("run_records", run_records_max, 1u << 20, "4096", "Events in one run"),
	{0},
};

static const struct wr_config_section limits_section = {.keys = limits_keys};

/* ---- machine ---- */

static const struct wr_config_choice smt_choices[] = {
	{"one_per_core", false, "a thread has a physical core for itself"},
	{"all", true, "SMT siblings are CPUs like others"},
	{0},
};

static const struct wr_config_choice locality_choices[] = {
	{"l3", WR_LOCALITY_L3, "threads that talk to each other share a level-3 cache"},
	{"node", WR_LOCALITY_NODE, "they share a NUMA node"},
	{"none", WR_LOCALITY_NONE, "anywhere"},
	{0},
};

static const struct wr_config_choice shared_choices[] = {
	{"auto", WR_SHARED_AUTO, "yes when the CPU quota is below the CPUs, or cores are few"},
	{"yes", WR_SHARED_YES, "nothing spins, nothing is pinned"},
	{"no", WR_SHARED_NO, "the machine is weir's"},
	{0},
};

static const struct wr_config_key machine_keys[] = {
	{.name = "allow",
	 VALUE(policy.allow),
	 .type = WR_CONFIG_CPUS,
	 .fallback = "auto",
	 .doc = "The CPUs that weir may use, of those that the process may"},
	{.name = "avoid",
	 VALUE(policy.avoid),
	 .type = WR_CONFIG_CPUS,
	 .fallback = "none",
	 .doc = "CPUs on which no thread is placed that did not ask for them"},
	{.name = "smt",
	 VALUE(policy.use_siblings),
	 .type = WR_CONFIG_CHOICE,
	 .choices = smt_choices,
	 .fallback = "one_per_core",
	 .doc = "What automatic placement does with SMT siblings"},
	{.name = "locality",
	 VALUE(policy.locality),
	 .type = WR_CONFIG_CHOICE,
	 .choices = locality_choices,
	 .fallback = "l3",
	 .doc = "How near to each other threads are placed"},
	{.name = "shared",
	 VALUE(policy.shared),
	 .type = WR_CONFIG_CHOICE,
	 .choices = shared_choices,
	 .fallback = "auto",
	 .doc = "Is the machine shared with others?"},
	{.name = "strict",
	 OPTION(strict_threads),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "What would be degraded, with a note, is an error"},
	{0},
};

static const struct wr_config_section machine_section = {.keys = machine_keys};

/* ---- threads ---- */

static const struct wr_config_choice wait_choices[] = {
	{"adaptive", WEIR_WAIT_ADAPTIVE, "spins some microseconds, yields, then parks"},
	{"spin", WEIR_WAIT_SPIN, "never leaves its CPU: needs one of its own"},
	{"yield", WEIR_WAIT_YIELD, "gives its CPU to whoever wants it, but never sleeps"},
	{"park", WEIR_WAIT_PARK, "sleeps at once: least CPU, some microseconds to wake"},
	{0},
};

static const struct wr_config_choice own_choices[] = {
	{"auto", 0, "when this process may use 4 CPUs or more"},
	{"yes", 1, "always"},
	{0},
};

#define THREAD_KEYS(kind)                                                                          \
	{.name = "cpus",                                                                           \
	 VALUE(cpus.kind),                                                                         \
	 .type = WR_CONFIG_CPUS,                                                                   \
	 .fallback = "auto",                                                                       \
	 .doc = "The CPUs that it may run on"},                                                    \
		{.name = "wait",                                                                   \
		 OPTION(kind.wait),                                                                \
		 .type = WR_CONFIG_CHOICE,                                                         \
		 .choices = wait_choices,                                                          \
		 .fallback = "adaptive",                                                           \
		 .doc = "How it waits when there is nothing to do"},                               \
	{                                                                                          \
		.name = "name", OPTION(kind.name), .type = WR_CONFIG_WORD, .absent = "weir's own", \
		.doc = "Its name, as ps and top show it: up to 15 bytes"                           \
	}

static const struct wr_config_key log_keys[] = {THREAD_KEYS(log), {0}};
static const struct wr_config_key journal_thread_keys[] = {
	{.name = "own",
	 OPTION(journal_thread),
	 .type = WR_CONFIG_CHOICE,
	 .choices = own_choices,
	 .fallback = "auto",
	 .doc = "A thread of its own writes the journal, not the one that orders"},
	THREAD_KEYS(journal),
	{0},
};
static const struct wr_config_key group_keys[] = {THREAD_KEYS(group), {0}};
static const struct wr_config_key handler_keys[] = {THREAD_KEYS(handler), {0}};

static const struct wr_config_section log_section = {.keys = log_keys};
static const struct wr_config_section journal_thread_section = {.keys = journal_thread_keys};
static const struct wr_config_section group_section = {.keys = group_keys};
static const struct wr_config_section handler_section = {.keys = handler_keys};

static const struct wr_config_key threads_keys[] = {
	{.name = "log", SAME_STRUCT(log_section), .doc = "The thread that orders events"},
	{.name = "journal",
	 SAME_STRUCT(journal_thread_section),
	 .doc = "The thread that writes them"},
	{.name = "group",
	 SAME_STRUCT(group_section),
	 .doc = "The thread of assignments, catch-up and lag"},
	{.name = "handler",
	 SAME_STRUCT(handler_section),
	 .doc = "Each thread that runs members' handlers"},
	{0},
};

static const struct wr_config_section threads_section = {.keys = threads_keys};

/* ---- topics ---- */

#define TOPIC(member) AT(struct wr_config_topic, member)

static const struct wr_config_key topic_keys[] = {
	{.name = "name",
	 TOPIC(name),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "Its name"},
	{.name = "partitions",
	 TOPIC(partitions),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1u << 20,
	 .fallback = "1",
	 .doc = "Events with the same key are in the same one, in order"},
	{0},
};

static const struct wr_config_section topic_section = {
	.keys = topic_keys, .struct_bytes = sizeof(struct wr_config_topic)};

/* ---- subscriptions ---- */

#define SUBSCRIPTION(member) AT(struct wr_config_subscription, member)

static const struct wr_config_choice gate_choices[] = {
	{"auto", WEIR_LEVEL_DEFAULT, "durable with a journal, memory without"},
	{"durable", WEIR_LEVEL_DURABLE, "nobody acts on what a power cut could take back"},
	{"memory", WEIR_LEVEL_MEMORY, "as soon as they are ordered"},
	{0},
};

static const struct wr_config_choice slow_choices[] = {
	{"catch_up", WEIR_SLOW_CATCH_UP, "they read from disk; without a journal they get a gap"},
	{"block", WEIR_SLOW_BLOCK, "producers are held back, while the group has members"},
	{"gap", WEIR_SLOW_GAP, "they get a gap item, and go on with what is in memory"},
	{0},
};

static const struct wr_config_key lag_keys[] = {
	{.name = "events",
	 SUBSCRIPTION(lag_events_max),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .absent = "no threshold",
	 .doc = "More than so many events are still to be handled"},
	{.name = "time",
	 SUBSCRIPTION(lag_time_max_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1,
	 .absent = "no threshold",
	 .doc = "The oldest of them is older"},
	{0},
};

static const struct wr_config_section lag_section = {.keys = lag_keys};

static const struct wr_config_key subscription_keys[] = {
	{.name = "name",
	 SUBSCRIPTION(name),
	 .type = WR_CONFIG_NAME,
	 .max = 200,
	 .required = true,
	 .doc = "Its name; its progress is kept under it"},
	{.name = "topics",
	 SUBSCRIPTION(topics),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_NAME,
	 .min = 1,
	 .max = 64,
	 .required = true,
	 .doc = "The topics that it reads: names from the file's topics"},
	{.name = "start",
	 SUBSCRIPTION(start),
	 .type = WR_CONFIG_POINT,
	 .fallback = "oldest",
	 .doc = "Where it starts when it is made, not when it is found"},
	{.name = "gate",
	 SUBSCRIPTION(gate),
	 .type = WR_CONFIG_CHOICE,
	 .choices = gate_choices,
	 .fallback = "auto",
	 .doc = "When events are handed out"},
	{.name = "when_slow",
	 SUBSCRIPTION(when_slow),
	 .type = WR_CONFIG_CHOICE,
	 .choices = slow_choices,
	 .fallback = "catch_up",
	 .doc = "What happens when members are slower than producers"},
	{.name = "session_timeout",
	 SUBSCRIPTION(session_timeout_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1,
	 .fallback = "45s",
	 .doc = "A member that did not poll for so long loses its partitions"},
	{.name = "lag",
	 SAME_STRUCT(lag_section),
	 .doc = "When the program is told that members are behind"},
	{0},
};

static const struct wr_config_section subscription_section = {
	.keys = subscription_keys, .struct_bytes = sizeof(struct wr_config_subscription)};

/* ---- the file ---- */

static const struct wr_config_key file_keys[] = {
	{.name = "version",
	 VALUE(version),
	 .type = WR_CONFIG_COUNT,
	 .min = 1,
	 .max = 1,
	 .fallback = "1",
	 .doc = "Of the file's format"},
	{.name = "name",
	 OPTION(name),
	 .type = WR_CONFIG_NAME,
	 .max = 32,
	 .fallback = "weir",
	 .doc = "The pipeline's name, for threads and reports"},
	{.name = "journal",
	 SAME_STRUCT(journal_section),
	 .absent = "the log is in memory only",
	 .doc = "Where and how events are kept"},
	{.name = "memory", SAME_STRUCT(memory_section), .doc = "Sizes of what is in memory"},
	{.name = "limits",
	 SAME_STRUCT(limits_section),
	 .doc = "What has a slot or a table entry reserved; they may change from open to open"},
	{.name = "machine", SAME_STRUCT(machine_section), .doc = "What threads may be placed on"},
	{.name = "threads", SAME_STRUCT(threads_section), .doc = "weir's own threads"},
	{.name = "topics",
	 VALUE(topics),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &topic_section,
	 .max = 65535,
	 .absent = "none",
	 .doc = "Made when the pipeline is opened, or found"},
	{.name = "subscriptions",
	 VALUE(subscriptions),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &subscription_section,
	 .max = 4096,
	 .absent = "none",
	 .doc = "Made when the pipeline is opened, or found"},
	{0},
};

const struct wr_config_section wr_config_file = {.keys = file_keys,
						 .struct_bytes = sizeof(struct wr_config_values)};

/* ---- looking up ---- */

bool wr_config_key_nests(const struct wr_config_key *key)
{
	return key->section != NULL;
}

const struct wr_config_key *wr_config_key_find(const struct wr_config_section *section,
					       const char *name, size_t bytes)
{
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++)
		if (strlen(key->name) == bytes && memcmp(key->name, name, bytes) == 0)
			return key;
	return NULL;
}

/* Of nested maps only: options of the core are never in lists. */
static bool find_option(const struct wr_config_section *section, const char *option,
			const char *before, char to[WR_CONFIG_PATH_BYTES])
{
	for (const struct wr_config_key *key = section->keys; key->name != NULL; key++) {
		char path[WR_CONFIG_PATH_BYTES];
		(void)snprintf(path, sizeof path, "%s%s%s", before, before[0] != '\0' ? "." : "",
			       key->name);
		if (key->option != NULL && strcmp(key->option, option) == 0) {
			memcpy(to, path, sizeof path);
			return true;
		}
		if (key->type == WR_CONFIG_MAP && find_option(key->section, option, path, to))
			return true;
	}
	return false;
}

bool wr_config_key_of_option(const char *option, char to[WR_CONFIG_PATH_BYTES])
{
	return find_option(&wr_config_file, option, "", to);
}
