/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table. Order is that of the reference page. Defaults stand as people would write them; that
 * they are the core's own, and the ranges, too, is compared by tests/unit/config/test_table.c.
 */
#include "io/config/keys.h"

#include <stdio.h>
#include <string.h>

#include "io/config/keys_inner.h"

/* ---- journal ---- */

static const struct wr_config_choice io_choices[] = {
	{"auto", WEIR_IO_AUTO, "io_uring, or posix where the machine refuses it"},
	{"uring", WEIR_IO_URING, "io_uring, or an error that says why not"},
	{"posix", WEIR_IO_POSIX, "blocking calls on helper threads"},
	{0},
};

static const struct wr_config_choice no_room_choices[] = {
	{"wait", WEIR_NO_ROOM_WAIT, "producers are held back, acknowledgements go on"},
	{"drop_oldest", WEIR_NO_ROOM_DROP_OLDEST,
	 "the oldest file that no subscription needs is used again, also within retention"},
	{"refuse", WEIR_NO_ROOM_REFUSE, "events are refused at once, though lanes have room"},
	{0},
};

static const struct wr_config_choice pack_choices[] = {
	{"no", WEIR_PACK_NO, "files stay as they were written"},
	{"padding", WEIR_PACK_PADDING,
	 "the zeros that pad batches to 4 KiB are left out; a weir that cannot read that refuses "
	 "the journal"},
	{"lz4", WEIR_PACK_LZ4, "as padding, and what is left is compressed with LZ4"},
	{"zstd", WEIR_PACK_ZSTD, "as padding, and what is left is compressed with Zstandard"},
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
	 .absent = "no limit by size",
	 .doc = "Beyond this the oldest files are used again, once no subscription needs them"},
	{.name = "retention_time",
	 OPTION(retention_time_ns),
	 .type = WR_CONFIG_DURATION,
	 .min = 1,
	 .absent = "whatever its age",
	 .doc = "Files whose newest event is older than this are used again, once no subscription "
		"needs them; the newest file stays"},
	{.name = "low_space",
	 OPTION(low_space_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 1,
	 .absent = "files are made as long as there is room",
	 .doc = "Room on the file system that is left to others: no further file leaves less free"},
	{.name = "when_no_room",
	 OPTION(when_no_room),
	 .type = WR_CONFIG_CHOICE,
	 .choices = no_room_choices,
	 .fallback = "wait",
	 .doc = "Where there can be no further file: a full disk, low_space, limits.segments"},
	{.name = "pack",
	 OPTION(pack),
	 .type = WR_CONFIG_CHOICE,
	 .choices = pack_choices,
	 .fallback = "no",
	 .doc = "What becomes of files that are full, in the background"},
	{.name = "pack_level",
	 OPTION(pack_level),
	 .type = WR_CONFIG_COUNT,
	 .max = 19,
	 .fallback = "0",
	 .doc = "How hard lz4 (up to 12) or zstd (up to 19) tries; 0: 1 and 3"},
	{.name = "compaction_keys",
	 OPTION(compaction_keys),
	 .type = WR_CONFIG_COUNT,
	 .max = 100000000u,
	 .fallback = "0",
	 .doc = "Keys that a pass of compaction notes at most, 36 bytes of memory each or more; "
		"0: nothing is compacted"},
	{.name = "erasures_max",
	 OPTION(erasures_max),
	 .type = WR_CONFIG_COUNT,
	 .max = 1000000u,
	 .fallback = "0",
	 .doc = "Keys that can be erased between two opens, 40 bytes of memory each; needs pack; "
		"0: none can be"},
	{.name = "topic_retention",
	 OPTION(topic_retention),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Topics may have a retention of their own; needs pack"},
	{.name = "chain_key_file",
	 OPTION(chain_key_file),
	 .type = WR_CONFIG_TEXT,
	 .absent = "no chain",
	 .doc = "File with the 32 to 64 bytes of a key: batches carry a chain that proves what was "
		"written. For good: a journal that has one opens with its key only"},
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

static const struct wr_config_choice huge_choices[] = {
	{"off", WEIR_HUGE_PAGES_OFF, "small pages"},
	{"transparent", WEIR_HUGE_PAGES_TRANSPARENT, "asked of the kernel; nothing is set aside"},
	{"try", WEIR_HUGE_PAGES_TRY, "of those set aside; small ones where there are too few"},
	{"require", WEIR_HUGE_PAGES_REQUIRE, "of those set aside, or nothing is opened"},
	{0},
};

static const struct wr_config_choice huge_sizes[] = {
	{"2MiB", 2u << 20, "the usual ones"},
	{"1GiB", 1u << 30, "to be set aside at boot"},
	{0},
};

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
	 .fallback = "8MiB",
	 .doc = "Visible but not yet durable at most: beyond it producers are held back"},
	{.name = "lane",
	 OPTION(lane_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 4 * KIB,
	 .max = GIB,
	 .power_of_two = true,
	 .fallback = "1MiB",
	 .doc = "Ring of one producer"},
	{.name = "member_lane",
	 OPTION(member_lane_bytes),
	 .type = WR_CONFIG_SIZE,
	 .min = 4 * KIB,
	 .max = GIB,
	 .power_of_two = true,
	 .fallback = "1MiB",
	 .doc = "Ring of one member or group"},
	{.name = "huge_pages",
	 OPTION(huge_pages),
	 .type = WR_CONFIG_CHOICE,
	 .choices = huge_choices,
	 .fallback = "transparent",
	 .doc = "Huge pages under chunks and lanes"},
	{.name = "huge_page_size",
	 OPTION(huge_page_bytes),
	 .type = WR_CONFIG_CHOICE,
	 .choices = huge_sizes,
	 .fallback = "2MiB",
	 .doc = "Which of those that are set aside"},
	{.name = "lock",
	 OPTION(lock_memory),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Chunks, lanes and tables are never swapped; needs a limit (memlock) of the plan"},
	{.name = "numa",
	 VALUE(numa),
	 .option = "numa",
	 .type = WR_CONFIG_NUMA,
	 .fallback = "auto",
	 .doc = "Where chunks and lanes lie: auto is near the pinned thread that writes them"},
	{.name = "in_core_dumps",
	 OPTION(in_core_dumps),
	 .type = WR_CONFIG_BOOL,
	 .fallback = "no",
	 .doc = "Bytes of events are in a core dump of the process"},
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
	{.name = "idempotency_keys",
	 OPTION(idempotency_keys_max),
	 .type = WR_CONFIG_COUNT,
	 .max = 100000000u,
	 .fallback = "0",
	 .doc = "Idempotency keys of all topics together: 40 bytes of memory each"},
	{.name = "versioned_keys",
	 OPTION(versioned_keys_max),
	 .type = WR_CONFIG_COUNT,
	 .max = 50000000u,
	 .fallback = "0",
	 .doc = "Keys of all topics whose keys have versions: 77 bytes of memory each"},
	{.name = "filters",
	 OPTION(filter_bytes_max),
	 .type = WR_CONFIG_SIZE,
	 .max = 64 * MIB,
	 .fallback = "64KiB",
	 .doc = "Filters of all subscriptions together: so much in a checkpoint"},
	LIMIT("outstanding", outstanding_max, 1u << 22, "16_384",
	      "Events that shared subscriptions have taken and not settled, all together"),
	{.name = "schemas",
	 OPTION(schemas_max),
	 .type = WR_CONFIG_COUNT,
	 .max = 65535,
	 .fallback = "0",
	 .doc = "Versions of all subjects of the schema registry together; 0: there is none"},
	{.name = "schema_bytes",
	 OPTION(schema_bytes_max),
	 .type = WR_CONFIG_SIZE,
	 .min = 4096,
	 .max = 64u << 20,
	 .fallback = "1MiB",
	 .doc = "Texts of all schemas together"},
	{.name = "validate_work",
	 OPTION(validate_work_max),
	 .type = WR_CONFIG_COUNT,
	 .max = 1u << 31,
	 .fallback = "0",
	 .doc = "Steps that a payload of a JSON Schema may cost where it is read before it is "
		"taken; 0: weir's own limit, up to a second"},
	LIMIT("run_records", run_records_max, 1u << 20, "4096", "Events in one run"),
	{.name = "segments",
	 OPTION(segments_max),
	 .type = WR_CONFIG_COUNT,
	 .min = 64,
	 .max = 1u << 20,
	 .fallback = "65_536",
	 .doc = "Files of a log, when nothing is recycled: with as many the journal is full"},
	{0},
};

static const struct wr_config_section limits_section = {.keys = limits_keys};

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
	{.name = "metrics",
	 SAME_STRUCT(wr_config_metrics),
	 .doc = "What is counted, and who is told"},
	{.name = "log", SAME_STRUCT(wr_config_log), .doc = "Lines for whoever runs it"},
	{.name = "machine", SAME_STRUCT(wr_config_machine), .doc = "What threads may be placed on"},
	{.name = "threads",
	 SAME_STRUCT(wr_config_threads),
	 .doc = "weir's own threads, and those of `weir run`"},
	{.name = "topics",
	 VALUE(topics),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &wr_config_topics,
	 .max = 65535,
	 .absent = "none",
	 .doc = "Made when the pipeline is opened, or found"},
	{.name = "subscriptions",
	 VALUE(subscriptions),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &wr_config_subscriptions,
	 .max = 4096,
	 .absent = "none",
	 .doc = "Made when the pipeline is opened, or found"},
	{.name = "bindings",
	 VALUE(bindings),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &wr_config_bindings,
	 .max = 4096,
	 .absent = "none",
	 .doc = "Copies from topic to topic: made when the pipeline is opened, or found"},
	{.name = "alerts",
	 VALUE(alerts),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &wr_config_alerts,
	 .max = 64,
	 .absent = "none",
	 .live = true,
	 .doc = "Rules that say when somebody is to be told, and when it is over; a reload changes "
		"them"},
	{.name = "sources",
	 VALUE(sources),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &wr_config_sources,
	 .max = 1024,
	 .absent = "none",
	 .doc = "What `weir run` reads and publishes"},
	{.name = "bridges",
	 VALUE(bridges),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &wr_config_bridges,
	 .max = 256,
	 .absent = "none",
	 .doc = "Other systems that `weir run` moves events to and from"},
	{.name = "run", SAME_STRUCT(wr_config_run), .doc = "How `weir run` ends"},
	{.name = "traces",
	 SAME_STRUCT(wr_config_traces),
	 .doc = "Spans that `weir run` makes of what becomes of events"},
	{.name = "serve",
	 SAME_STRUCT(wr_config_serve),
	 .doc = "Metrics, a live page and the schema registry over HTTP, while `weir run` runs"},
	{.name = "stages",
	 VALUE(stages),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &wr_config_stages,
	 .max = WR_CONFIG_STAGES_MAX,
	 .absent = "none",
	 .doc = "Stages of the program's own pipeline, opened by weir_stages_open()"},
	{.name = "rings",
	 VALUE(rings),
	 .type = WR_CONFIG_LIST,
	 .item = WR_CONFIG_MAP,
	 .section = &wr_config_rings,
	 .max = WR_CONFIG_STAGES_MAX,
	 .absent = "none",
	 .doc = "What joins them"},
	{.name = "bench",
	 SAME_STRUCT(wr_config_bench),
	 .doc = "What `weir bench pipeline --config` does with them"},
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
	/* How and where are two options, and one key. */
	if (strcmp(option, "numa_node") == 0)
		option = "numa";
	return find_option(&wr_config_file, option, "", to);
}
