/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   every outcome that a decision can have, for every kind of record, accepted and on replay;
 *         what is counted when positions begin or move. Rules: L10, L15 (one function for both),
 *         L18, L19, L20 (counts), L26 (a log that would be refused is not this log), L28, L30.
 * Method: records handed to wr_decide one by one; each accepted one is replayed into a second set
 *         of tables, changed in the places that the writer fills in, and must be refused there.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include <weir/error.h>

#include "core/base/hash_murmur2.h"
#include "core/base/siphash.h"
#include "core/log/decide.h"
#include "io/sim/memory_sim.h"
#include "tests/support/case.h"

#define SAVED_MAX 8192u

static const struct wr_tables_limits limits = {
	.catalog = {.topics_max = 4, .partitions_max = 8, .subscriptions_max = 4, .rows_max = 16},
	.named_producers_max = 2,
	.outstanding_max = 8,
	.erasures_max = 4,
};

static struct wr_memory_sim memory;
static struct wr_tables tables, replayed;
static struct wr_decision decision;
static _Alignas(8) uint8_t record[1024];
static uint64_t next_seq;

static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_tables_init(&tables, &memory.base, &limits), 0);
	cr_assert_eq(wr_tables_init(&replayed, &memory.base, &limits), 0);
	next_seq = 1;
}

static void tear_down(void)
{
	wr_tables_fini(&tables, &memory.base);
	wr_tables_fini(&replayed, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(decide, .init = set_up);

static struct wr_record *head(void)
{
	return (struct wr_record *)record;
}

static int decide_in(struct wr_tables *in, bool replay, struct wr_decision *ret)
{
	struct wr_undo none = {0};
	struct wr_record_view view;
	cr_assert(wr_record_view(record, sizeof record, &view));
	return wr_decide(in, &none, &view, next_seq, replay, ret);
}

/* Decides `record` as the next; if it is accepted, replays it as the writer would have left it. */
static int decide(void)
{
	struct wr_decision again;
	int rc = decide_in(&tables, false, &decision);
	if (rc != 0)
		return rc;
	if (head()->kind == WR_KIND_TOPIC || head()->kind == WR_KIND_SUBSCRIPTION ||
	    head()->kind == WR_KIND_PRODUCER)
		head()->topic = decision.id;
	if (head()->kind == WR_KIND_PRODUCER)
		wr_put_u32(record + head()->bytes - 4, decision.epoch);
	cr_assert_eq(decide_in(&replayed, true, &again), 0);
	cr_assert_eq(again.tag, decision.tag);
	cr_assert_eq(again.moved_to, decision.moved_to);
	next_seq++;
	return 0;
}

static int topic(const char *name, uint32_t partitions)
{
	struct wr_control_topic control = {.partitions = partitions};
	wr_control_write(record, WR_KIND_TOPIC, 0, 0, name, (uint32_t)strlen(name), &control,
			 sizeof control.partitions);
	return decide();
}

static int subscription(const char *name, uint32_t topic_id, uint32_t start, uint64_t start_seq)
{
	struct wr_control_subscription control = {
		.topic_count = 1, .start = start, .start_seq = start_seq, .topics = {topic_id}};
	wr_control_write(record, WR_KIND_SUBSCRIPTION, 0, 0, name, (uint32_t)strlen(name), &control,
			 wr_control_subscription_bytes(1));
	return decide();
}

static int producer(const char *name)
{
	struct wr_control_producer control = {0};
	wr_control_write(record, WR_KIND_PRODUCER, 0, 0, name, (uint32_t)strlen(name), &control,
			 sizeof control);
	return decide();
}

static int event(uint32_t topic_id, uint32_t hash, uint32_t flags)
{
	memset(record, 0, 64);
	*head() = (struct wr_record){.bytes = 40,
				     .topic = topic_id,
				     .key_hash = hash,
				     .kind = WR_KIND_EVENT,
				     .flags = (uint8_t)flags};
	return decide();
}

static int stamped(const struct wr_producer_stamp *stamp, uint16_t stamp_bytes)
{
	memset(record, 0, 64);
	*head() = (struct wr_record){.bytes = 56,
				     .option_bytes = 24,
				     .kind = WR_KIND_EVENT,
				     .flags = WR_RECORD_KEYLESS | WR_RECORD_DECIDE};
	(void)wr_option_put(record + 24, WR_OPTION_PRODUCER, stamp, stamp_bytes);
	return decide();
}

static int progress(uint32_t id, uint32_t row, uint32_t generation, uint64_t from, uint64_t to)
{
	struct wr_control_progress control = {
		.generation = generation, .from = from, .to = to, .events = 1, .bytes = 40};
	wr_control_write(record, WR_KIND_PROGRESS, id, row, NULL, 0, &control, sizeof control);
	return decide();
}

static int generation(uint32_t id, uint32_t row, uint32_t number, uint64_t position)
{
	struct wr_control_generation control = {.generation = number, .position = position};
	wr_control_write(record, WR_KIND_GENERATION, id, row, NULL, 0, &control, sizeof control);
	return decide();
}

/* ---- events ---- */

CASE(decide, events_are_counted_in_their_partition)
{
	cr_assert_eq(topic("a", 3), 0);
	cr_assert_eq(topic("b", 2), 0);
	cr_expect_eq(event(1, 5, WR_RECORD_KEYLESS), 0);
	cr_expect_eq(decision.tag, tables.catalog.topics[1].tag_base + 1);
	cr_expect_eq(decision.moved_to, UINT64_MAX);
	cr_expect_eq(wr_load_relaxed(&tables.catalog.cells[4].events), 1);
	cr_expect_eq(wr_load_relaxed(&tables.catalog.cells[4].bytes), 40);
	cr_expect_eq(event(2, 0, 0), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(event(UINT32_MAX, 0, 0), WEIR_E_UNKNOWN_NAME);
}

/* Kafka: toPositive(murmur2(key)) % partitions, which drops the sign bit first. */
CASE(decide, keys_are_placed_as_kafka_places_them)
{
	const char *keys[] = {"21",
			      "foobar",
			      "a-little-bit-long-string",
			      "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
			      "abc",
			      ""};
	const int32_t kafkas[] = {-973932308, -790332482, -985981536,
				  -58897971,  479470107,  275646681};
	cr_assert_eq(topic("a", 7), 0);
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(keys); i++) {
		uint32_t hash = wr_hash_murmur2(keys[i], (uint32_t)strlen(keys[i]));
		cr_expect_eq((int32_t)hash, kafkas[i], "hash of '%s'", keys[i]);
		cr_expect_eq(event(0, hash, 0), 0);
		cr_expect_eq(decision.tag - tables.catalog.topics[0].tag_base,
			     (uint32_t)(kafkas[i] & 0x7fffffff) % 7);
	}
	for (uint32_t partitions = 1; partitions < 70; partitions++) {
		const struct wr_record r = {.key_hash = 0xc5f2a2acu};
		cr_expect_eq(wr_record_partition(&r, partitions), 0x45f2a2acu % partitions);
	}
}

CASE(decide, keyless_and_explicit_events_use_the_field_as_it_is)
{
	cr_assert_eq(topic("a", 7), 0);
	uint32_t base = tables.catalog.topics[0].tag_base;
	cr_expect_eq(event(0, 0xfffffffeu, WR_RECORD_KEYLESS), 0);
	cr_expect_eq(decision.tag - base, 0xfffffffeu % 7);
	cr_expect_eq(event(0, 6, WR_RECORD_PARTITION_EXPLICIT), 0);
	cr_expect_eq(decision.tag - base, 6);
}

CASE(decide, options_that_cannot_be_are_refused)
{
	cr_assert_eq(topic("a", 1), 0);
	cr_assert_eq(producer("p"), 0);
	struct wr_producer_stamp stamp = {.id = 0, .epoch = 1, .sequence = 1};
	cr_expect_eq(stamped(&stamp, 12), -EINVAL, "a stamp has 16 bytes");
	cr_expect_eq(stamped(&stamp, 16), 0);
	stamp.sequence = 1;
	cr_expect_eq(stamped(&stamp, 16), WEIR_E_OUT_OF_SEQUENCE);
	stamp = (struct wr_producer_stamp){.id = 0, .epoch = 2, .sequence = 2};
	cr_expect_eq(stamped(&stamp, 16), WEIR_E_FENCED);
	stamp.id = 1;
	cr_expect_eq(stamped(&stamp, 16), WEIR_E_UNKNOWN_NAME);
	/* A refused event is not counted. */
	cr_expect_eq(wr_load_relaxed(&tables.catalog.cells[0].events), 1);
	cr_expect_eq(wr_load_relaxed(&tables.producers.rows[0].last_seq), 3);
}

CASE(decide, kinds_that_have_no_meaning_are_refused)
{
	cr_assert_eq(topic("a", 1), 0);
	for (uint32_t kind = 0; kind < 256; kind++) {
		memset(record, 0, 64);
		*head() = (struct wr_record){.bytes = 24, .kind = (uint8_t)kind};
		int rc = decide_in(&tables, false, &decision);
		bool good = kind == WR_KIND_EVENT || kind == WR_KIND_EPOCH_START;
		bool known = kind == WR_KIND_PROGRESS || kind == WR_KIND_GENERATION ||
			     kind == WR_KIND_SETTLE || kind == WR_KIND_HANDOUT_MARK ||
			     kind == WR_KIND_REJECT || kind == WR_KIND_FILTER;
		cr_expect_eq(rc, good ? 0 : known ? WEIR_E_UNKNOWN_NAME : -EINVAL, "kind %u", kind);
		if (!good)
			cr_expect_eq(decide_in(&replayed, true, &decision), WEIR_E_CORRUPT);
	}
}

/* ---- settling ---- */

static void one_subscription(void)
{
	cr_assert_eq(topic("a", 2), 0);
	for (uint32_t i = 0; i < 6; i++)
		cr_assert_eq(event(0, i, WR_RECORD_KEYLESS), 0);
	cr_assert_eq(subscription("s", 0, WR_START_AT, 1), 0);
}

CASE(decide, settles_name_a_row_that_is_there)
{
	cr_expect_eq(progress(0, 0, 0, 1, 1), WEIR_E_UNKNOWN_NAME);
	one_subscription();
	cr_expect_eq(progress(1, 0, 0, 1, 2), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(progress(0, 2, 0, 1, 2), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(generation(0, 2, 1, WR_POSITION_KEEP), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(progress(0, 1, 0, 1, 2), 0);
	cr_expect_eq(decision.id, 1, "the row: who asked knows it by that");
	cr_expect_eq(decision.tag, tables.catalog.subscriptions[0].tag);
}

CASE(decide, nothing_is_settled_that_was_not_appended)
{
	one_subscription();
	uint64_t seq = next_seq;
	cr_expect_eq(progress(0, 0, 0, 1, seq + 1), -EINVAL);
	cr_expect_eq(progress(0, 0, 0, 2, 1), -EINVAL, "backwards");
	cr_expect_eq(progress(0, 0, 0, 1, seq), 0, "all that came before this record");
}

CASE(decide, a_payload_of_another_length_is_refused)
{
	one_subscription();
	const uint8_t payload[41] = {0};
	for (uint32_t bytes = 0; bytes <= 41; bytes++) {
		wr_control_write(record, WR_KIND_PROGRESS, 0, 0, NULL, 0, payload, bytes);
		cr_expect_eq(decide_in(&tables, false, &decision),
			     bytes == 40 ? WEIR_E_OUT_OF_SEQUENCE : -EINVAL, "%u bytes", bytes);
		wr_control_write(record, WR_KIND_GENERATION, 0, 0, NULL, 0, payload, bytes);
		cr_expect_eq(decide_in(&tables, false, &decision),
			     bytes == 16 ? WEIR_E_FENCED : -EINVAL, "%u bytes", bytes);
	}
}

CASE(decide, seeks_do_not_go_beyond_the_end)
{
	one_subscription();
	cr_expect_eq(generation(0, 0, 1, next_seq + 1), WEIR_E_TRUNCATED);
	cr_expect_eq(generation(0, 0, 1, next_seq), 0);
	cr_expect_eq(decision.moved_to, next_seq - 1);
	cr_expect_eq(generation(0, 0, 2, WR_POSITION_KEEP), 0);
	cr_expect_eq(decision.moved_to, UINT64_MAX);
}

static const struct wr_settle_row *row(uint32_t r)
{
	return &tables.settle.rows[r];
}

#define EXPECT_ROW(r, events_, bytes_, moved_)                                                     \
	do {                                                                                       \
		cr_expect_eq(wr_load_relaxed(&row(r)->events), (events_));                         \
		cr_expect_eq(wr_load_relaxed(&row(r)->bytes), (bytes_));                           \
		cr_expect_eq(wr_load_relaxed(&row(r)->moved), (moved_));                           \
	} while (0)

CASE(decide, counts_begin_at_nothing_at_the_beginning_of_the_log)
{
	one_subscription();
	EXPECT_ROW(0, 0u, 0u, 0u);
	EXPECT_ROW(1, 0u, 0u, 0u);
}

CASE(decide, counts_begin_at_all_at_the_end_of_the_log)
{
	one_subscription();
	cr_assert_eq(subscription("new", 0, WR_START_NEWEST, 0), 0);
	cr_expect_eq(wr_load_relaxed(&row(2)->position), next_seq - 1);
	EXPECT_ROW(2, 3u, 120u, 0u);
	EXPECT_ROW(3, 3u, 120u, 0u);
}

CASE(decide, a_place_between_is_for_the_group_to_count)
{
	one_subscription();
	uint64_t seq = next_seq;
	cr_assert_eq(generation(0, 1, 1, 4), 0);
	EXPECT_ROW(1, 3u, 120u, seq);
	EXPECT_ROW(0, 0u, 0u, 0u);
	cr_assert_eq(generation(0, 1, 2, 1), 0);
	EXPECT_ROW(1, 0u, 0u, 0u);
	cr_assert_eq(generation(0, 1, 3, next_seq), 0);
	EXPECT_ROW(1, 3u, 120u, 0u);
	cr_assert_eq(generation(0, 1, 4, WR_POSITION_KEEP), 0);
	EXPECT_ROW(1, 3u, 120u, 0u);
}

/* ---- definitions ---- */

CASE(decide, what_is_there_already_is_named)
{
	cr_assert_eq(topic("a", 2), 0);
	cr_assert_eq(topic("b", 2), 0);
	cr_expect_eq(topic("b", 2), WEIR_E_EXISTS);
	cr_expect_eq(decision.id, 1);
	cr_expect(decision.same);
	cr_expect_eq(topic("b", 3), WEIR_E_EXISTS);
	cr_expect_not(decision.same);
	cr_assert_eq(subscription("s", 1, WR_START_AT, 1), 0);
	cr_expect_eq(subscription("s", 1, WR_START_AT, 1), WEIR_E_EXISTS);
	cr_expect(decision.same);
	cr_expect_eq(subscription("s", 0, WR_START_AT, 1), WEIR_E_EXISTS);
	cr_expect_not(decision.same);
	cr_expect_eq(subscription("t", 2, WR_START_AT, 1), WEIR_E_UNKNOWN_NAME);
}

CASE(decide, ids_and_epochs_in_a_log_must_come_out_the_same)
{
	cr_assert_eq(topic("a", 2), 0);
	struct wr_control_topic control = {.partitions = 1};
	wr_control_write(record, WR_KIND_TOPIC, 2, 0, "b", 1, &control, sizeof control.partitions);
	cr_expect_eq(decide_in(&replayed, true, &decision), WEIR_E_CORRUPT, "id 2 after id 0");
	struct wr_control_producer p = {.epoch = 2};
	wr_control_write(record, WR_KIND_PRODUCER, 0, 0, "p", 1, &p, sizeof p);
	cr_expect_eq(decide_in(&replayed, true, &decision), WEIR_E_CORRUPT, "its first epoch is 1");
	/* A definition that is there already was never appended. */
	wr_control_write(record, WR_KIND_TOPIC, 0, 0, "a", 1, &control, sizeof control.partitions);
	cr_expect_eq(decide_in(&replayed, true, &decision), WEIR_E_CORRUPT);
}

CASE(decide, a_full_table_says_so)
{
	cr_assert_eq(producer("p"), 0);
	cr_assert_eq(producer("q"), 0);
	cr_expect_eq(producer("r"), WEIR_E_FULL);
	cr_expect_eq(producer("q"), 0);
	cr_expect_eq(decision.epoch, 2);
	cr_expect_eq(topic("a", 9), WEIR_E_FULL);
}

/* ---- tables as a whole ---- */

static size_t save(struct wr_tables *of, uint8_t *bytes)
{
	struct wr_sink sink = {.bytes = bytes, .capacity_bytes = SAVED_MAX};
	wr_tables_save(of, &sink);
	cr_assert_not(sink.failed);
	return sink.used_bytes;
}

CASE(decide, a_checkpoint_and_the_rest_are_the_same_as_the_whole)
{
	uint8_t *middle = calloc(1, SAVED_MAX), *end = calloc(1, SAVED_MAX);
	uint8_t *again = calloc(1, SAVED_MAX);
	one_subscription();
	cr_assert_eq(producer("p"), 0);
	size_t middle_bytes = save(&tables, middle);
	cr_assert_leq(middle_bytes, wr_tables_save_bytes_max(&limits));
	/* The second tables forget everything and start from the checkpoint. */
	wr_tables_reset(&replayed);
	struct wr_section_header header;
	const uint8_t *bytes;
	for (uint32_t at = 0;
	     wr_section_next(middle, (uint32_t)middle_bytes, &at, &header, &bytes) == 1;)
		cr_assert_eq(wr_tables_load(&replayed, header.module, header.version, header.part,
					    bytes, header.bytes),
			     0);
	cr_expect_eq(save(&replayed, again), middle_bytes);
	cr_expect_arr_eq(middle, again, middle_bytes);
	/* decide() goes on with both. */
	struct wr_producer_stamp stamp = {.id = 0, .epoch = 1, .sequence = 1};
	cr_assert_eq(stamped(&stamp, 16), 0);
	cr_assert_eq(generation(0, 0, 1, WR_POSITION_KEEP), 0);
	cr_assert_eq(progress(0, 0, 1, 1, 5), 0);
	cr_assert_eq(topic("late", 1), 0);
	cr_assert_eq(subscription("late", 1, WR_START_NEWEST, 0), 0);
	size_t end_bytes = save(&tables, end);
	cr_expect_eq(save(&replayed, again), end_bytes);
	cr_expect_arr_eq(end, again, end_bytes);
	free(middle);
	free(end);
	free(again);
}

static int erase(uint32_t topic_id)
{
	struct wr_erase erase = {.secret = "of this log"};
	uint8_t payload[WR_ERASE_BYTES];
	wr_siphash128(erase.secret, "who", 3, erase.hash);
	wr_erase_put(&erase, payload);
	wr_control_write(record, WR_KIND_ERASE, topic_id, 0, NULL, 0, payload, sizeof payload);
	return decide();
}

/* Of weir's own, of an event with the key. */
static int copy_of(uint64_t seq, uint32_t topic_id)
{
	uint8_t origin[56] = {0};
	memset(record, 0, 128);
	wr_put_u64(origin + WR_ORIGIN_SEQ_AT, seq);
	wr_put_u32(origin + WR_ORIGIN_TOPIC_AT, topic_id);
	uint32_t options = wr_option_put(record + 24, WR_OPTION_ORIGIN, origin, sizeof origin);
	*head() = (struct wr_record){.bytes = 24 + options + 3,
				     .option_bytes = (uint16_t)options,
				     .key_bytes = 3,
				     .kind = WR_KIND_EVENT,
				     .flags = WR_RECORD_DECIDE};
	memcpy(record + 24 + options, "who", 3);
	return decide();
}

CASE(decide, a_copy_of_what_was_erased_is_refused_and_stands_where_it_stands)
{
	cr_assert_eq(topic("people", 1), 0);
	cr_assert_eq(topic("places", 1), 0);
	cr_expect_eq(copy_of(2, 0), 0);
	uint64_t erased_at = next_seq;
	cr_assert_eq(erase(0), 0);
	cr_expect_eq(copy_of(2, 0), -ENOENT);
	cr_expect_eq(decide_in(&replayed, true, &decision), 0, "an older weir had taken it");
	cr_expect_eq(copy_of(erased_at + 1, 0), 0);
	cr_expect_eq(copy_of(2, 1), 0);
	cr_assert_eq(erase(WR_ERASE_ALL_TOPICS), 0);
	cr_expect_eq(copy_of(2, 1), -ENOENT);
	cr_expect_eq(copy_of(next_seq, 1), 0);
}

CASE(decide, sections_of_unknown_modules_are_refused)
{
	uint8_t bytes[8] = {0};
	cr_expect_eq(wr_tables_load(&tables, 0, 1, 0, bytes, 8), WEIR_E_FORMAT);
	cr_expect_eq(wr_tables_load(&tables, 99, 1, 0, bytes, 8), WEIR_E_FORMAT);
	cr_expect_eq(wr_tables_load(&tables, WR_SECTION_SETTLE, 9, 0, bytes, 8), WEIR_E_FORMAT);
}

CASE(decide, every_failed_allocation_is_returned_and_nothing_leaks)
{
	struct wr_tables other;
	for (uint64_t k = 1; k <= 5; k++) {
		uint64_t live = memory.live_count;
		wr_memory_sim_fail(&memory, k, false);
		cr_expect_eq(wr_tables_init(&other, &memory.base, &limits), -ENOMEM);
		cr_expect_eq(memory.live_count, live, "allocation %llu", (unsigned long long)k);
	}
}

CASE(decide, tables_take_no_more_memory_than_was_said)
{
	wr_tables_fini(&tables, &memory.base);
	wr_tables_fini(&replayed, &memory.base);
	cr_assert_eq(memory.base.alloc_bytes, 0);
	cr_assert_eq(wr_tables_init(&tables, &memory.base, &limits), 0);
	cr_expect_leq(memory.base.alloc_bytes, wr_tables_bytes(&limits));
	cr_assert_eq(wr_tables_init(&replayed, &memory.base, &limits), 0);
}
