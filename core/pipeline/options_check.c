/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every option, checked once, with a reason; and the memory that follows from them. What is 0 where
 * 0 is no value becomes the default.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bug.h"
#include "core/pipeline/catchup.h"
#include "core/pipeline/erase.h"
#include "core/pipeline/metrics.h"
#include "core/pipeline/packing.h"
#include "core/pipeline/sharing.h"
#include "core/pipeline/topic_retention.h"

#define KIB 1024u
#define MIB (1024u * 1024u)

void weir_options_init(struct weir_options *options)
{
	*options = (struct weir_options){
		.struct_bytes = sizeof *options,
		.name = "weir",
		.chunk_bytes = MIB,
		.pool_bytes = 64ull * MIB,
		.undurable_bytes = 8ull * MIB,
		.lane_bytes = MIB,
		.member_lane_bytes = MIB,
		.huge_pages = WEIR_HUGE_PAGES_TRANSPARENT,
		.huge_page_bytes = 2 * MIB,
		.producers_max = 16,
		.members_max = 16,
		.topics_max = 64,
		.partitions_max = 1024,
		.subscriptions_max = 16,
		.named_producers_max = 256,
		.outstanding_max = 16384,
		.schema_bytes_max = MIB,
		.filter_bytes_max = 64 * KIB,
		.run_records_max = 4096,
		.segment_bytes = 64ull * MIB,
		.segments_ahead = 2,
		.segments_max = 65536,
		.batches_in_flight_max = 4,
		.evidence_delay_ns = 50000000u,
		.alert_instances_max = 64,
		.log_limits = {.level = WEIR_LOG_INFO,
			       .burst = WEIR_LOG_BURST_DEFAULT,
			       .rate_per_s = WEIR_LOG_RATE_DEFAULT},
	};
}

static int reject(struct weir_problem *problem, const char *field, const char *text)
{
	return wr_problem_set(problem, -EINVAL, field, text);
}

struct range {
	const char *field;
	uint64_t value, least, most;
	bool power_of_two;
};

static int check_range(const struct range *r, struct weir_problem *problem)
{
	char text[sizeof problem->text];
	if (r->value < r->least || r->value > r->most) {
		(void)snprintf(text, sizeof text, "%llu is out of range: %llu to %llu",
			       (unsigned long long)r->value, (unsigned long long)r->least,
			       (unsigned long long)r->most);
		return reject(problem, r->field, text);
	}
	if (r->power_of_two && !wr_is_power_of_two(r->value)) {
		(void)snprintf(text, sizeof text, "%llu is not a power of two",
			       (unsigned long long)r->value);
		return reject(problem, r->field, text);
	}
	return 0;
}

static int check_ranges(const struct weir_options *o, struct weir_problem *problem)
{
	const struct range ranges[] = {
		{"chunk_bytes", o->chunk_bytes, 16 * KIB, 16 * MIB, true},
		{"lane_bytes", o->lane_bytes, 4 * KIB, 1024u * MIB, true},
		{"member_lane_bytes", o->member_lane_bytes, 4 * KIB, 1024u * MIB, true},
		{"producers_max", o->producers_max, 1, 1024, false},
		{"members_max", o->members_max, 1, 1024, false},
		{"alert_instances_max", o->alert_instances_max, 0, 65536, false},
		{"topics_max", o->topics_max, 1, 65535, false},
		{"partitions_max", o->partitions_max, 1, 1u << 20, false},
		{"subscriptions_max", o->subscriptions_max, 1, 4096, false},
		{"named_producers_max", o->named_producers_max, 1, 1u << 20, false},
		{"idempotency_keys_max", o->idempotency_keys_max, 0, WR_IDEMPOTENCY_KEYS_MAX,
		 false},
		{"versioned_keys_max", o->versioned_keys_max, 0, WR_VERSIONED_KEYS_MAX, false},
		{"outstanding_max", o->outstanding_max, 1, 1u << 22, false},
		{"schemas_max", o->schemas_max, 0, 65535, false},
		{"schema_bytes_max", o->schema_bytes_max, 4 * KIB, 64 * MIB, false},
		{"validate_work_max", o->validate_work_max, 0, 1u << 31, false},
		{"compaction_keys", o->compaction_keys, 0, WR_COMPACT_KEYS_MAX, false},
		{"erasures_max", o->erasures_max, 0, WR_ERASURES_MAX, false},
		{"filter_bytes_max", o->filter_bytes_max, 0, 64 * MIB, false},
		{"run_records_max", o->run_records_max, 1, 1u << 20, false},
		{"segment_bytes", o->segment_bytes, o->chunk_bytes, 1ull << 36, false},
		{"segments_ahead", o->segments_ahead, 1, 16, false},
		{"segments_max", o->segments_max, 64, 1u << 20, false},
		{"batches_in_flight_max", o->batches_in_flight_max, 1, WR_BATCHES_IN_FLIGHT_MAX,
		 false},
		{"pool_bytes", o->pool_bytes, 1, 1ull << 40, false},
		{"undurable_bytes", o->undurable_bytes, 1, 1ull << 40, false},
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(ranges); i++) {
		int rc = check_range(&ranges[i], problem);
		if (rc != 0)
			return rc;
	}
	if (o->segment_bytes % o->chunk_bytes != 0)
		return reject(problem, "segment_bytes", "must be a multiple of chunk_bytes");
	if ((uint64_t)o->subscriptions_max * o->partitions_max > 1u << 24)
		return reject(problem, "subscriptions_max",
			      "subscriptions_max times partitions_max exceeds 16,777,216");
	return 0;
}

/* "log.priority": the problem names the field of the struct. */
static int reject_thread(struct weir_problem *problem, const char *kind, const char *member,
			 const char *text)
{
	char field[sizeof problem->field];
	(void)snprintf(field, sizeof field, "%s.%s", kind, member);
	return reject(problem, field, text);
}

static int check_thread(const char *kind, const struct weir_thread_options *t,
			struct weir_problem *problem)
{
	bool real_time = t->scheduler == WEIR_SCHEDULER_FIFO || t->scheduler == WEIR_SCHEDULER_RR;
	if ((unsigned)t->wait > WEIR_WAIT_PARK)
		return reject_thread(problem, kind, "wait", "not a wait strategy");
	if ((unsigned)t->scheduler > WEIR_SCHEDULER_RR)
		return reject_thread(problem, kind, "scheduler", "not a scheduling class");
	if (real_time && (t->priority < 1 || t->priority > 99))
		return reject_thread(problem, kind, "priority",
				     "a FIFO or RR thread has a priority of 1 (lowest) to 99");
	if (!real_time && t->priority != 0)
		return reject_thread(problem, kind, "priority",
				     "only FIFO and RR threads have a priority: 0 for the others");
	if (t->stack_bytes != 0 && (t->stack_bytes < 64 * KIB || t->stack_bytes > 1024u * MIB))
		return reject_thread(problem, kind, "stack_bytes",
				     "out of range: 65536 to 1073741824, or 0 for the C library's");
	if (t->cpu_count > WEIR_CPUS_MAX)
		return reject_thread(problem, kind, "cpu_count", "more than 64 CPUs");
	if (memchr(t->name, '\0', sizeof t->name) == NULL)
		return reject_thread(problem, kind, "name", "a thread's name has at most 15 bytes");
	return 0;
}

static int check_threads(const struct weir_options *o, struct weir_problem *problem)
{
	const struct {
		const char *kind;
		const struct weir_thread_options *thread;
	} kinds[] = {{"log", &o->log},
		     {"journal", &o->journal},
		     {"group", &o->group},
		     {"handler", &o->handler}};
	for (size_t i = 0; i < WR_ARRAY_COUNT(kinds); i++) {
		int rc = check_thread(kinds[i].kind, kinds[i].thread, problem);
		if (rc != 0)
			return rc;
	}
	if (o->housekeeping.cpu_count > WEIR_CPUS_MAX)
		return reject_thread(problem, "housekeeping", "cpu_count", "more than 64 CPUs");
	return 0;
}

static int check_memory(const struct weir_options *o, struct weir_problem *problem)
{
	if ((unsigned)o->journal_thread > WEIR_JOURNAL_THREAD_NO)
		return reject(problem, "journal_thread", "not AUTO, YES or NO");
	if ((unsigned)o->huge_pages > WEIR_HUGE_PAGES_REQUIRE)
		return reject(problem, "huge_pages", "not a way to have huge pages");
	if (o->huge_page_bytes != 2 * MIB && o->huge_page_bytes != 1024u * MIB)
		return reject(problem, "huge_page_bytes",
			      "a huge page has 2 MiB (2097152) or 1 GiB (1073741824)");
	if ((unsigned)o->numa > WEIR_NUMA_INTERLEAVE)
		return reject(problem, "numa", "not a way to place memory");
	if ((unsigned)o->when_no_room > WEIR_NO_ROOM_REFUSE)
		return reject(problem, "when_no_room", "not WAIT, DROP_OLDEST or REFUSE");
	if ((unsigned)o->pack > WEIR_PACK_ZSTD)
		return reject(problem, "pack", "not NO, PADDING, LZ4 or ZSTD");
	if (o->pack_level > wr_codec_level_max(wr_pack_codec(o->pack)))
		return reject(problem, "pack_level",
			      "LZ4 has levels up to 12, ZSTD up to 19, the others none");
	if (o->chain_key_file != NULL && o->dir == NULL)
		return reject(problem, "chain_key_file", "a log in memory has no chain");
	if (o->compaction_keys != 0 && o->compaction_keys < WR_COMPACT_KEYS_MIN)
		return reject(problem, "compaction_keys", "0, or 1024 keys at least");
	if (o->compaction_keys != 0 && o->pack == WEIR_PACK_NO)
		return reject(problem, "compaction_keys",
			      "what is compacted is packed: it needs pack");
	if (o->erasures_max != 0 && o->pack == WEIR_PACK_NO)
		return reject(problem, "erasures_max",
			      "what is erased leaves by packing: it needs pack");
	if (o->topic_retention && o->pack == WEIR_PACK_NO)
		return reject(problem, "topic_retention",
			      "what a topic does not keep leaves by packing: it needs pack");
	return 0;
}

static uint32_t chunks_of(uint64_t bytes, uint32_t chunk_bytes)
{
	return (uint32_t)((bytes + chunk_bytes - 1) / chunk_bytes);
}

/* Chunks that the log cannot do without (L23). */
static uint64_t chunks_needed(const struct weir_options *o)
{
	uint64_t undurable = o->dir != NULL ? chunks_of(o->undurable_bytes, o->chunk_bytes) : 0;
	uint64_t holders = (uint64_t)o->members_max + WR_PINS_KEPT;
	if (WR_BUG(HOLDERS_NOT_COUNTED))
		holders = 0;
	return 1 + WR_CONTROL_CHUNKS + undurable + holders + 1;
}

void wr_tables_limits_of(const struct weir_options *o, struct wr_tables_limits *ret_limits)
{
	*ret_limits = (struct wr_tables_limits){
		.catalog = {.topics_max = o->topics_max,
			    .partitions_max = o->partitions_max,
			    .subscriptions_max = o->subscriptions_max,
			    .rows_max = o->subscriptions_max * o->partitions_max},
		.named_producers_max = o->named_producers_max,
		.idempotency_keys_max = o->idempotency_keys_max,
		.versioned_keys_max = o->versioned_keys_max,
		.run_records_max = o->run_records_max,
		.outstanding_max = o->outstanding_max,
		.schemas_max = o->schemas_max,
		.schema_bytes_max = o->schema_bytes_max,
		.filter_bytes_max = o->filter_bytes_max,
		.erasures_max = o->dir == NULL
					? 0
					: (uint32_t)wr_max_u64(o->erasures_max, WR_ERASURES_LEAST),
	};
}

uint64_t wr_reply_count(uint32_t lane_bytes)
{
	/* Small events in a full lane must not run out of credit long before room. */
	return wr_max_u64(lane_bytes / 64, 64);
}

uint32_t wr_run_bytes_max(const struct weir_options *o)
{
	uint64_t least = wr_min_u64(o->lane_bytes, o->chunk_bytes);
	return (uint32_t)wr_round_down(least / 4, 8);
}

uint32_t wr_group_lane_bytes(const struct weir_options *o)
{
	uint64_t run_bytes = WR_RECORD_HEAD_BYTES + wr_run_bytes_max(o) + WR_RUN_MARGIN_BYTES;
	uint64_t bytes = wr_max_u64(o->member_lane_bytes, run_bytes);
	return (uint32_t)(wr_is_power_of_two(bytes) ? bytes : wr_power_of_two_above(bytes));
}

uint32_t wr_shared_event_bytes(const struct weir_options *o)
{
	uint32_t least =
		o->chunk_bytes < o->member_lane_bytes ? o->chunk_bytes : o->member_lane_bytes;
	return (uint32_t)wr_min_u64(least / 4, 64 * KIB);
}

static uint64_t lane_total(uint32_t lane_bytes)
{
	return lane_bytes + wr_reply_count(lane_bytes) * sizeof(struct wr_reply) +
	       sizeof(struct wr_lane);
}

/* Is a ring or pool of so many bytes made of huge pages that are set aside? */
static bool is_huge(const struct weir_options *o, uint64_t bytes)
{
	bool asked =
		o->huge_pages == WEIR_HUGE_PAGES_TRY || o->huge_pages == WEIR_HUGE_PAGES_REQUIRE;
	return asked && bytes >= o->huge_page_bytes;
}

/* What a pool of so many bytes takes: whole huge pages, if it is one or more. */
static uint64_t in_pages(const struct weir_options *o, uint64_t bytes)
{
	return is_huge(o, bytes) ? wr_round_up(bytes, o->huge_page_bytes) : bytes;
}

/* Of so many rings or pools of this size, what lies in such pages. */
static uint64_t huge_of(const struct weir_options *o, uint64_t count, uint64_t bytes)
{
	return is_huge(o, bytes) ? count * in_pages(o, bytes) : 0;
}

/* Chunks of the pool. What whole huge pages leave over becomes chunks, too. */
static int plan_chunks(const struct weir_options *o, uint32_t *ret_count,
		       struct weir_problem *problem)
{
	uint64_t least = wr_max_u64(wr_round_up(o->pool_bytes, o->chunk_bytes) / o->chunk_bytes,
				    chunks_needed(o));
	char text[sizeof problem->text];
	if (least > WR_CHUNK_COUNT_MAX) {
		(void)snprintf(text, sizeof text,
			       "pool_bytes and undurable_bytes need %llu chunks of %u bytes, and "
			       "there are at most %u: larger chunks, or less of them",
			       (unsigned long long)least, o->chunk_bytes, WR_CHUNK_COUNT_MAX);
		return reject(problem, "chunk_bytes", text);
	}
	uint64_t bytes = least * o->chunk_bytes;
	if (o->huge_pages == WEIR_HUGE_PAGES_REQUIRE && bytes < o->huge_page_bytes)
		return reject(problem, "huge_page_bytes",
			      "the pool is smaller than one such page: raise pool_bytes, or take "
			      "smaller pages");
	*ret_count = (uint32_t)wr_min_u64(in_pages(o, bytes) / o->chunk_bytes, WR_CHUNK_COUNT_MAX);
	return 0;
}

static int plan_memory(const struct weir_options *o, struct weir_memory_plan *plan,
		       struct weir_problem *problem)
{
	struct wr_tables_limits limits;
	wr_tables_limits_of(o, &limits);
	uint32_t chunk_count = 0;
	int rc = plan_chunks(o, &chunk_count, problem);
	if (rc != 0)
		return rc;
	uint32_t pins = o->members_max + WR_PINS_RESERVED;
	*plan = (struct weir_memory_plan){.chunk_count = chunk_count};
	plan->chunks_bytes = in_pages(o, (uint64_t)chunk_count * o->chunk_bytes) +
			     wr_chunks_table_bytes(o->chunk_bytes, chunk_count, pins);
	plan->huge_bytes =
		huge_of(o, 1, (uint64_t)chunk_count * o->chunk_bytes) +
		huge_of(o, o->producers_max, o->lane_bytes) +
		huge_of(o, o->members_max + WR_LANES_RESERVED - 1, o->member_lane_bytes) +
		huge_of(o, 1, wr_group_lane_bytes(o));
	plan->lanes_bytes =
		o->producers_max * lane_total(o->lane_bytes) +
		(o->members_max + WR_LANES_RESERVED - 1) * lane_total(o->member_lane_bytes) +
		lane_total(wr_group_lane_bytes(o));
	plan->tables_bytes =
		wr_tables_bytes(&limits) + sizeof(struct weir_pipeline) +
		wr_shared_bytes(WR_SHARED_BUFFERS, wr_shared_event_bytes(o)) +
		o->run_records_max * (uint64_t)WR_UNDO_CELLS * sizeof(struct wr_undo_entry) +
		o->members_max * sizeof(struct weir_member) +
		o->subscriptions_max *
			(sizeof(struct wr_subscription_live) + sizeof(struct wr_copy_weight)) +
		MIB;
	if (o->schemas_max > 0)
		plan->tables_bytes += (o->schemas_max + 1) * sizeof(wr_atomic_ptr);
	/* Members' own arrays, when all have joined: rows, messages, items. */
	plan->tables_bytes += (uint64_t)o->members_max * (256 * KIB);
	/* Shared subscriptions mirror what is outstanding. */
	struct wr_share_options share = {.events_max = o->outstanding_max,
					 .members_max = o->members_max};
	plan->tables_bytes += 2 * wr_share_bytes(&share);
	if (o->dir != NULL) {
		uint32_t slots = o->members_max + WR_CATCHUP_SPARE;
		uint64_t pool_bytes = (uint64_t)slots * o->chunk_bytes;
		plan->catchup_bytes = wr_catchup_bytes(o->chunk_bytes, slots) - pool_bytes +
				      in_pages(o, pool_bytes) + o->chunk_bytes;
		plan->huge_bytes += huge_of(o, 1, pool_bytes);
		uint64_t small_bytes = wr_tables_save_bytes_max(&limits);
		uint64_t keys_bytes = wr_tables_keys_bytes_max(&limits);
		plan->checkpoint_bytes = small_bytes + keys_bytes;
		/* The windows are written out of their rings, through one piece. */
		plan->tables_bytes += wr_round_up(small_bytes, 4096) +
				      (keys_bytes > 0 ? o->chunk_bytes : 0) +
				      wr_journal_tables_bytes(o->segments_max) +
				      (uint64_t)o->segments_max * WR_STORAGE_FILE_BYTES;
		/* Two readers of cold data, and the packer. */
		if (o->pack != WEIR_PACK_NO)
			plan->tables_bytes +=
				2 * wr_unpack_bytes(o->chunk_bytes,
						    o->segment_bytes + WR_BLOCK_BYTES) +
				wr_journal_pack_bytes(o->chunk_bytes,
						      o->segment_bytes + WR_BLOCK_BYTES,
						      o->compaction_keys, o->erasures_max != 0,
						      o->topic_retention ? o->topics_max : 0,
						      wr_pack_codec(o->pack));
		plan->tables_bytes += wr_erase_bytes(o) + wr_topic_retention_bytes(o);
		if (o->compaction_keys != 0)
			plan->tables_bytes += 2 * wr_pipeline_policies_bytes(o); /* and a copy */
	}
	struct wr_metrics_layout metrics;
	wr_metrics_plan(o, &metrics);
	plan->metrics_bytes = metrics.bytes;
	plan->tables_bytes += wr_metrics_table_bytes(o);
	plan->total_bytes = plan->chunks_bytes + plan->lanes_bytes + plan->catchup_bytes +
			    plan->tables_bytes + plan->metrics_bytes;
	return 0;
}

int wr_null_check(const void *options, const void *result, struct weir_problem *problem)
{
	if (options == NULL)
		return reject(problem, "options", "NULL: fill one in, with its init function");
	if (result == NULL)
		return reject(problem, "result", "NULL: there is no place for what is made");
	return 0;
}

int wr_init_check(size_t struct_bytes, size_t expected_bytes, const char *init,
		  struct weir_problem *problem)
{
	char text[sizeof problem->text];
	if (struct_bytes == expected_bytes)
		return 0;
	(void)snprintf(text, sizeof text, "call %s() first, with the header of this library", init);
	return reject(problem, "struct_bytes", text);
}

int wr_pipeline_check(const struct weir_options *options, struct weir_options *ret_checked,
		      struct weir_memory_plan *ret_plan, struct weir_problem *reterr_problem)
{
	struct weir_options o = *options;
	if (wr_init_check(o.struct_bytes, sizeof o, "weir_options_init", reterr_problem) != 0)
		return -EINVAL;
	if (o.name == NULL || !wr_name_valid(o.name, strlen(o.name)) || strlen(o.name) > 32)
		return reject(reterr_problem, "name",
			      "a pipeline's name is 1 to 32 of letters, digits, '.', '_' and '-'");
	if ((unsigned)o.io > WEIR_IO_POSIX)
		return reject(reterr_problem, "io", "not a backend");
	if ((o.allocator.alloc == NULL) != (o.allocator.free == NULL))
		return reject(reterr_problem, "allocator", "alloc and free go together");
	int rc = check_ranges(&o, reterr_problem);
	if (rc == 0)
		rc = check_memory(&o, reterr_problem);
	if (rc == 0)
		rc = check_threads(&o, reterr_problem);
	if (rc == 0)
		rc = wr_log_limits_check(&o.log_limits, "log_limits", reterr_problem);
	if (rc == 0)
		rc = wr_alerts_check(&o, reterr_problem);
	if (rc == 0)
		rc = plan_memory(&o, ret_plan, reterr_problem);
	if (rc == 0)
		*ret_checked = o;
	return rc;
}
