/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   topics and subscriptions are defined once, by records, with ids in the order in which
 *         they came; what cannot be is refused with a reason; a checkpoint gives everything back.
 *         Rules: L15, L18 (definitions are records, ids are never given again), L20 (a
 *         subscription's start is recorded), L30.
 * Method: records made by wr_control_write, decided one by one on small tables.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/error.h>

#include "core/log/catalog.h"
#include "io/sim/memory_sim.h"
#include "tests/support/case.h"
#include "tests/support/section_case.h"

static const struct wr_catalog_limits limits = {
	.topics_max = 4, .partitions_max = 16, .subscriptions_max = 4, .rows_max = 32};

static struct wr_memory_sim memory;
static struct wr_catalog catalog;
static struct wr_undo none;
static bool same;

static void set_up(void)
{
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_catalog_init(&catalog, &memory.base, &limits), 0);
}

static void tear_down(void)
{
	wr_catalog_fini(&catalog, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(catalog, .init = set_up);

static int topic_bytes(const char *name, size_t name_bytes, uint32_t partitions, uint32_t *ret_id)
{
	_Alignas(8) uint8_t record[512];
	struct wr_control_topic control = {.partitions = partitions};
	struct wr_record_view view;
	wr_control_write(record, WR_KIND_TOPIC, 0, 0, name, (uint32_t)name_bytes, &control,
			 sizeof control.partitions);
	cr_assert(wr_record_view(record, sizeof record, &view));
	return wr_catalog_topic(&catalog, &none, &view, ret_id, &same);
}

static uint32_t topic(const char *name, uint32_t partitions)
{
	uint32_t id = 99;
	cr_assert_eq(topic_bytes(name, strlen(name), partitions, &id), 0);
	return id;
}

static int subscription_at(const char *name, const uint32_t *topics, uint32_t topic_count,
			   uint32_t start, uint64_t start_seq, uint64_t seq, uint32_t *ret_id)
{
	_Alignas(8) uint8_t record[1024];
	struct wr_control_subscription control = {
		.topic_count = topic_count, .start = start, .start_seq = start_seq};
	struct wr_record_view view;
	uint32_t given = topic_count <= WR_SUBSCRIPTION_TOPICS_MAX ? topic_count : 1;
	if (given > 0)
		memcpy(control.topics, topics, given * sizeof *topics);
	wr_control_write(record, WR_KIND_SUBSCRIPTION, 0, 0, name, (uint32_t)strlen(name), &control,
			 wr_control_subscription_bytes(given));
	cr_assert(wr_record_view(record, sizeof record, &view));
	return wr_catalog_subscription(&catalog, &none, &view, seq, ret_id, &same);
}

static int subscription(const char *name, const uint32_t *topics, uint32_t count, uint32_t *ret_id)
{
	return subscription_at(name, topics, count, WR_START_AT, 1, 50, ret_id);
}

CASE(catalog, ids_follow_the_order_of_definition)
{
	cr_expect_eq(topic("a", 1), 0);
	cr_expect_eq(topic("b", 2), 1);
	cr_expect_eq(topic("c", 3), 2);
	uint32_t id;
	cr_assert(wr_catalog_find_topic(&catalog, "b", 1, &id));
	cr_expect_eq(id, 1);
	cr_expect_not(wr_catalog_find_topic(&catalog, "d", 1, &id));
	cr_expect_not(wr_catalog_find_topic(&catalog, "", 0, &id));
	cr_expect_eq(wr_catalog_topic_count(&catalog), 3);
}

CASE(catalog, partitions_have_cells_and_tags_of_their_own)
{
	(void)topic("a", 3);
	uint32_t ids[] = {0}, id;
	cr_assert_eq(subscription("s", ids, 1, &id), 0);
	(void)topic("b", 2);
	cr_expect_eq(catalog.topics[0].first_cell, 0);
	cr_expect_eq(catalog.topics[1].first_cell, 3);
	/* 0 is control; then a's three, the subscription, b's two. */
	cr_expect_eq(catalog.topics[0].tag_base, WR_TAG_CONTROL + 1);
	cr_expect_eq(catalog.subscriptions[0].tag, 4);
	cr_expect_eq(catalog.topics[1].tag_base, 5);
}

CASE(catalog, the_same_topic_again_is_the_same)
{
	uint32_t id = 99;
	(void)topic("a", 1);
	(void)topic("b", 2);
	cr_expect_eq(topic_bytes("b", 1, 2, &id), WEIR_E_EXISTS);
	cr_expect(same);
	cr_expect_eq(id, 1);
}

CASE(catalog, the_same_topic_with_other_partitions_is_not)
{
	uint32_t id = 99;
	(void)topic("a", 2);
	cr_expect_eq(topic_bytes("a", 1, 3, &id), WEIR_E_EXISTS);
	cr_expect_not(same);
	cr_expect_eq(id, 0);
	cr_expect_eq(catalog.topics[0].partitions, 2);
}

CASE(catalog, names_that_could_be_paths_are_refused)
{
	const char *names[] = {"",   ".",   "..",   "a/b", "/etc/passwd", "../x", "a/../b",
			       ".a", "a b", "a\\b", "a:b", "a\tb",        "\x7f", "na\xc3\xafve"};
	uint32_t id, ids[] = {0};
	(void)topic("good", 1);
	for (size_t i = 0; i < WR_ARRAY_COUNT(names); i++) {
		cr_expect_eq(topic_bytes(names[i], strlen(names[i]), 1, &id), -EINVAL, "'%s'",
			     names[i]);
		cr_expect_eq(subscription(names[i], ids, 1, &id), -EINVAL, "'%s'", names[i]);
	}
	cr_expect_eq(topic_bytes("a\0b", 3, 1, &id), -EINVAL);
	cr_expect_eq(wr_catalog_topic_count(&catalog), 1);
}

CASE(catalog, names_may_have_dots_inside_and_up_to_200_bytes)
{
	char name[201];
	uint32_t id;
	memset(name, 'x', sizeof name);
	cr_expect_eq(topic_bytes(name, 201, 1, &id), -EINVAL);
	cr_expect_eq(topic_bytes(name, 200, 1, &id), 0);
	cr_expect_eq(topic("a..b.-_", 1), 1);
	cr_expect_eq(strlen(catalog.topics[0].name), 200);
}

CASE(catalog, a_full_table_of_topics_refuses_one_more)
{
	uint32_t id;
	char name[8];
	for (uint32_t i = 0; i < limits.topics_max; i++) {
		(void)snprintf(name, sizeof name, "t%u", i);
		cr_expect_eq(topic(name, 1), i);
	}
	cr_expect_eq(topic_bytes("more", 4, 1, &id), WEIR_E_FULL);
	cr_expect_eq(topic_bytes("t2", 2, 1, &id), WEIR_E_EXISTS, "what is there is still found");
	cr_expect(same);
}

CASE(catalog, partitions_are_limited_together)
{
	uint32_t id;
	(void)topic("a", 10);
	cr_expect_eq(topic_bytes("b", 1, 7, &id), WEIR_E_FULL);
	cr_expect_eq(topic_bytes("b", 1, UINT32_MAX, &id), WEIR_E_FULL);
	cr_expect_eq(topic("b", 6), 1);
	cr_expect_eq(topic_bytes("c", 1, 1, &id), WEIR_E_FULL);
}

CASE(catalog, a_topic_has_at_least_one_partition)
{
	uint32_t id;
	cr_expect_eq(topic_bytes("a", 1, 0, &id), -EINVAL);
}

CASE(catalog, a_subscription_has_a_row_for_each_partition_of_its_topics)
{
	uint32_t id, ids[] = {2, 0};
	(void)topic("a", 3);
	(void)topic("b", 5);
	(void)topic("c", 2);
	cr_assert_eq(subscription("s", ids, 2, &id), 0);
	const struct wr_subscription *s = &catalog.subscriptions[id];
	cr_expect_eq(s->row_count, 5);
	for (uint32_t row = 0; row < 5; row++) {
		uint32_t t, p;
		wr_catalog_row_partition(&catalog, s, row, &t, &p);
		cr_expect_eq(t, row < 2 ? 2 : 0);
		cr_expect_eq(p, row < 2 ? row : row - 2);
		cr_expect_eq(wr_catalog_row(&catalog, s, t, p), row);
	}
	cr_expect_eq(wr_catalog_row(&catalog, s, 2, 2), UINT32_MAX, "c has two");
	cr_expect_eq(wr_catalog_row(&catalog, s, 1, 0), UINT32_MAX, "b is not read");
	cr_assert_eq(subscription("s2", ids, 1, &id), 0);
	cr_expect_eq(catalog.subscriptions[id].row_first, 5);
}

CASE(catalog, the_same_subscription_again_is_the_same_whatever_its_start)
{
	uint32_t id, ids[] = {0, 1};
	(void)topic("a", 1);
	(void)topic("b", 1);
	cr_assert_eq(subscription_at("s", ids, 2, WR_START_AT, 7, 9, &id), 0);
	cr_expect_eq(subscription_at("s", ids, 2, WR_START_NEWEST, 0, 20, &id), WEIR_E_EXISTS);
	cr_expect(same);
	cr_expect_eq(catalog.subscriptions[0].start_seq, 7);
	cr_expect_eq(subscription("s", ids, 1, &id), WEIR_E_EXISTS);
	cr_expect_not(same);
	uint32_t turned[] = {1, 0};
	cr_expect_eq(subscription("s", turned, 2, &id), WEIR_E_EXISTS);
	cr_expect_not(same, "rows would mean something else");
}

CASE(catalog, the_newest_place_is_the_records_own_sequence)
{
	uint32_t id, ids[] = {0};
	(void)topic("a", 1);
	cr_assert_eq(subscription_at("s", ids, 1, WR_START_NEWEST, 5, 41, &id), 0);
	cr_expect_eq(catalog.subscriptions[id].start_seq, 41);
}

CASE(catalog, subscriptions_to_what_is_not_there_are_refused)
{
	uint32_t id, ids[WR_SUBSCRIPTION_TOPICS_MAX] = {0, 1, 0};
	(void)topic("a", 1);
	cr_expect_eq(subscription("s", ids, 2, &id), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(subscription("s", ids, 0, &id), -EINVAL);
	cr_expect_eq(subscription("s", ids, WR_SUBSCRIPTION_TOPICS_MAX + 1, &id), -EINVAL);
	cr_expect_eq(subscription_at("s", ids, 1, 2, 1, 50, &id), -EINVAL, "a start of no kind");
	ids[1] = UINT32_MAX;
	cr_expect_eq(subscription("s", ids, 2, &id), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(wr_catalog_subscription_count(&catalog), 0);
}

/* Rows are found by topic: a second mention's would hold retention back for ever. */
CASE(catalog, a_topic_named_twice_is_refused)
{
	uint32_t id, ids[] = {0, 1, 0};
	(void)topic("a", 1);
	(void)topic("b", 1);
	cr_expect_eq(subscription("s", ids, 3, &id), -EINVAL);
	cr_expect_eq(subscription("s", ids, 2, &id), 0);
}

CASE(catalog, full_tables_of_subscriptions_and_rows_refuse_one_more)
{
	uint32_t id, ids[] = {0, 1};
	char name[8];
	(void)topic("a", 10);
	(void)topic("b", 6);
	cr_assert_eq(subscription("s0", ids, 2, &id), 0);
	cr_assert_eq(subscription("s1", ids, 1, &id), 0);
	cr_expect_eq(subscription("s2", ids, 1, &id), WEIR_E_FULL, "six rows are left");
	for (uint32_t i = 2; i < limits.subscriptions_max; i++) {
		(void)snprintf(name, sizeof name, "s%u", i);
		cr_assert_eq(subscription(name, ids + 1, i == 2, &id), i == 2 ? 0 : -EINVAL);
	}
	cr_expect_eq(subscription("s3", ids + 1, 1, &id), WEIR_E_FULL, "no row is left");
	cr_expect(wr_catalog_find_subscription(&catalog, "s2", 2, &id));
	cr_expect_not(wr_catalog_find_subscription(&catalog, "s3", 2, &id));
}

CASE(catalog, as_many_subscriptions_as_there_are_rows_for)
{
	uint32_t id, ids[] = {0};
	char name[8];
	(void)topic("a", 1);
	for (uint32_t i = 0; i < limits.subscriptions_max; i++) {
		(void)snprintf(name, sizeof name, "s%u", i);
		cr_expect_eq(subscription(name, ids, 1, &id), 0);
	}
	cr_expect_eq(subscription("more", ids, 1, &id), WEIR_E_FULL);
	cr_expect_eq(subscription("s1", ids, 1, &id), WEIR_E_EXISTS);
}

/* ---- checkpoints ---- */

SECTION_SAVE_AND_LOAD(catalog, WR_SECTION_CATALOG, wr_catalog_save, wr_catalog_load)

static void fill(void)
{
	char name[WR_NAME_BYTES_MAX + 1] = {0};
	uint32_t id, ids[] = {3, 1};
	for (uint32_t i = 0; i < 4; i++) {
		memset(name, (int)('a' + i), WR_NAME_BYTES_MAX);
		(void)topic(name, 4);
		if (i == 1)
			cr_assert_eq(subscription("early", ids + 1, 1, &id), 0);
	}
	for (uint32_t i = 0; i < 3; i++) {
		memset(name, (int)('p' + i), WR_NAME_BYTES_MAX);
		cr_assert_eq(subscription_at(name, ids, 2, WR_START_AT, 100 + i, 200, &id), 0);
	}
	for (uint32_t c = 0; c < 16; c++) {
		wr_store_relaxed(&catalog.cells[c].events, c * 1000u);
		wr_store_relaxed(&catalog.cells[c].bytes, c * 1000000u);
	}
}

CASE(catalog, full_tables_fit_what_was_promised_and_come_back)
{
	size_t most = wr_catalog_save_bytes_max(&limits);
	uint8_t *before = calloc(1, most), *after = calloc(1, most);
	fill();
	size_t bytes = save(before, most);
	wr_catalog_reset(&catalog);
	cr_expect_eq(wr_catalog_topic_count(&catalog), 0);
	cr_assert_eq(load(before, bytes), 0);
	cr_expect_eq(save(after, most), bytes);
	cr_expect_arr_eq(before, after, bytes);
	/* And what follows gets the ids, rows and tags that it would have got. */
	cr_expect_eq(catalog.subscriptions[3].row_first, 4 + 2 * 8);
	cr_expect_eq(wr_load_relaxed(&catalog.next_tag), 1 + 16 + 4);
	cr_expect_eq(catalog.subscriptions[0].tag, 1 + 8);
	free(before);
	free(after);
}

CASE(catalog, a_section_cut_anywhere_is_refused)
{
	size_t most = wr_catalog_save_bytes_max(&limits);
	uint8_t *section = calloc(1, most);
	fill();
	(void)save(section, most);
	uint32_t body_bytes = wr_get_u32(section + offsetof(struct wr_section_header, bytes));
	const uint8_t *body = section + sizeof(struct wr_section_header);
	cr_expect_eq(wr_catalog_load(&catalog, 3, body, body_bytes), WEIR_E_FORMAT);
	for (uint32_t cut = 0; cut <= body_bytes; cut++) {
		uint8_t *exact = malloc(cut > 0 ? cut : 1);
		memcpy(exact, body, cut);
		wr_catalog_reset(&catalog);
		cr_assert_eq(wr_catalog_load(&catalog, 1, exact, cut),
			     cut == body_bytes ? 0 : WEIR_E_CORRUPT, "cut %u", cut);
		free(exact);
	}
	free(section);
}

CASE(catalog, a_section_that_needs_larger_tables_is_refused)
{
	size_t most = wr_catalog_save_bytes_max(&limits);
	uint8_t *section = calloc(1, most);
	fill(); /* 4 topics, 16 partitions, 4 subscriptions, 28 rows */
	(void)save(section, most);
	uint32_t body_bytes = wr_get_u32(section + offsetof(struct wr_section_header, bytes));
	const struct wr_catalog_limits smaller[] = {
		{3, 16, 4, 32}, {4, 15, 4, 32}, {4, 16, 3, 32}, {4, 16, 4, 27}, {4, 16, 4, 28}};
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(smaller); i++) {
		struct wr_catalog other;
		cr_assert_eq(wr_catalog_init(&other, &memory.base, &smaller[i]), 0);
		cr_expect_eq(wr_catalog_load(&other, 1, section + sizeof(struct wr_section_header),
					     body_bytes),
			     i < 4 ? WEIR_E_FULL : 0, "limits %u", i);
		wr_catalog_fini(&other, &memory.base);
	}
	free(section);
}

/* Whatever the bytes say: a code, and tables within their limits. */
CASE(catalog, a_section_with_any_byte_changed_stays_within_the_tables)
{
	size_t most = wr_catalog_save_bytes_max(&limits);
	uint8_t *section = calloc(1, most);
	uint32_t id, ids[] = {0, 1}, refused = 0;
	(void)topic("aa", 3);
	(void)topic("bb", 5);
	cr_assert_eq(subscription("s", ids, 2, &id), 0);
	(void)save(section, most);
	uint32_t body_bytes = wr_get_u32(section + offsetof(struct wr_section_header, bytes));
	uint8_t *body = section + sizeof(struct wr_section_header);
	for (uint32_t i = 0; i < body_bytes; i++) {
		const uint8_t good = body[i];
		for (uint32_t value = 0; value < 256; value += i < 64 ? 1 : 51) {
			body[i] = (uint8_t)value;
			wr_catalog_reset(&catalog);
			refused += wr_catalog_load(&catalog, 1, body, body_bytes) != 0;
			cr_assert_leq(wr_catalog_topic_count(&catalog), limits.topics_max);
			cr_assert_leq(wr_load_relaxed(&catalog.partition_count),
				      limits.partitions_max);
			cr_assert_leq(wr_load_relaxed(&catalog.row_count), limits.rows_max);
		}
		body[i] = good;
	}
	cr_expect_gt(refused, 1000);
	free(section);
}

/* ---- growing ---- */

static uint32_t growing(const char *name, uint32_t partitions, uint32_t partitions_max)
{
	_Alignas(8) uint8_t record[512];
	uint8_t payload[WR_TOPIC_BYTES_MAX];
	const struct wr_control_topic control = {partitions, partitions_max};
	const struct wr_control_window window = {0};
	const struct wr_control_versions versions = {0};
	struct wr_record_view view;
	uint32_t id = 99;
	uint32_t bytes = wr_control_topic_write(&control, &window, &versions, payload);
	wr_control_write(record, WR_KIND_TOPIC, 0, 0, name, (uint32_t)strlen(name), payload, bytes);
	cr_assert(wr_record_view(record, sizeof record, &view));
	cr_assert_eq(wr_catalog_topic(&catalog, &none, &view, &id, &same), 0);
	return id;
}

CASE(catalog, a_topic_grows_to_multiples_up_to_what_it_was_made_for)
{
	uint32_t id = growing("a", 2, 12), fixed = topic("b", 2);
	const struct {
		uint32_t topic, partitions;
		int code;
	} steps[] = {{id, 2, WEIR_E_EXISTS},
		     {id, 3, -EINVAL},
		     {id, 1, -EINVAL},
		     {id, 14, WEIR_E_FULL},
		     {fixed, 4, WEIR_E_FULL},
		     {7, 4, WEIR_E_UNKNOWN_NAME},
		     {id, 4, 0},
		     {id, 6, -EINVAL},
		     {id, 12, 0}};
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(steps); i++)
		cr_expect_eq(
			wr_catalog_grow(&catalog, steps[i].topic, steps[i].partitions, 100 + i),
			steps[i].code, "step %u", i);
	const struct wr_topic *t = &catalog.topics[id];
	cr_expect_eq(wr_topic_in_force(t), 12);
	cr_expect_eq(t->partitions, 12);
	/* The record itself is the last of the old map. */
	const struct {
		uint64_t seq;
		uint32_t partitions;
	} at[] = {{1, 2}, {106, 2}, {107, 4}, {108, 4}, {109, 12}, {UINT64_MAX, 12}};
	for (uint32_t i = 0; i < WR_ARRAY_COUNT(at); i++)
		cr_expect_eq(wr_topic_partitions_at(t, at[i].seq), at[i].partitions, "%u", i);
	uint32_t parent = 99;
	uint64_t seq = 0;
	cr_expect_not(wr_topic_parent(t, 1, &parent, &seq));
	cr_expect(wr_topic_parent(t, 3, &parent, &seq) && parent == 1 && seq == 106);
	cr_expect(wr_topic_parent(t, 11, &parent, &seq) && parent == 3 && seq == 108);
}

/* Every key of a new partition comes from its parent. */
CASE(catalog, a_key_stays_or_moves_to_a_partition_whose_parent_it_was_in)
{
	uint32_t id = growing("a", 3, 12);
	cr_assert_eq(wr_catalog_grow(&catalog, id, 6, 10), 0);
	cr_assert_eq(wr_catalog_grow(&catalog, id, 12, 20), 0);
	const struct wr_topic *t = &catalog.topics[id];
	for (uint32_t hash = 0; hash < 5000; hash++) {
		struct wr_record r = {.key_hash = hash * 2654435761u,
				      .flags = (uint8_t)(hash % 2 * WR_RECORD_KEYLESS)};
		for (uint64_t seq = 11; seq <= 21; seq += 10) {
			uint32_t now = wr_topic_partition(t, &r, seq);
			uint32_t before = wr_topic_partition(t, &r, seq - 10), parent;
			uint64_t since;
			while (now != before && wr_topic_parent(t, now, &parent, &since))
				now = parent;
			cr_assert_eq(now, before, "hash %u", hash);
		}
	}
}

CASE(catalog, maps_are_given_back_and_any_byte_of_them_stays_within_the_tables)
{
	size_t most = wr_catalog_save_bytes_max(&limits);
	uint8_t *section = calloc(1, most);
	uint32_t id = growing("a", 2, 8), ids[] = {0}, made, refused = 0;
	(void)topic("b", 3);
	cr_assert_eq(subscription("s", ids, 1, &made), 0);
	cr_assert_eq(wr_catalog_grow(&catalog, id, 4, 30), 0);
	cr_assert_eq(wr_catalog_grow(&catalog, id, 8, 40), 0);
	(void)save(section, most);
	uint32_t body_bytes = wr_get_u32(section + offsetof(struct wr_section_header, bytes));
	uint8_t *body = section + sizeof(struct wr_section_header);
	cr_expect_eq(wr_get_u16(section + offsetof(struct wr_section_header, version)), 2);
	wr_catalog_reset(&catalog);
	cr_assert_eq(wr_catalog_load(&catalog, 2, body, body_bytes), 0);
	const struct wr_topic *t = &catalog.topics[id];
	cr_expect_eq(wr_topic_in_force(t), 8);
	cr_expect_eq(wr_topic_partitions_at(t, 30), 2);
	cr_expect_eq(wr_topic_partitions_at(t, 40), 4);
	cr_expect_eq(wr_topic_in_force(&catalog.topics[1]), 3);
	cr_expect_eq(wr_catalog_load(&catalog, 3, body, body_bytes), WEIR_E_FORMAT);
	for (uint32_t i = 0; i < body_bytes; i++) {
		const uint8_t good = body[i];
		for (uint32_t value = 0; value < 256; value += 17) {
			body[i] = (uint8_t)value;
			wr_catalog_reset(&catalog);
			refused += wr_catalog_load(&catalog, 2, body, body_bytes) != 0;
			for (uint32_t k = 0; k < wr_catalog_topic_count(&catalog); k++)
				cr_assert_leq(wr_topic_in_force(&catalog.topics[k]),
					      catalog.topics[k].partitions);
		}
		body[i] = good;
	}
	cr_expect_gt(refused, 100);
	free(section);
}

CASE(catalog, every_failed_allocation_is_returned)
{
	struct wr_catalog other;
	for (uint64_t k = 1; k <= 3; k++) {
		wr_memory_sim_fail(&memory, k, false);
		cr_expect_eq(wr_catalog_init(&other, &memory.base, &limits), -ENOMEM);
		cr_expect_eq(memory.live_count, 3);
	}
}
