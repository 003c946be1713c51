/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a copy further on is the event with all that it had, made of an event and of such a copy
 *         alike; it is taken only of what is outstanding and was not erased, and alone; it moves
 *         nothing but the place, and that comes back from a checkpoint. Rule: L32.
 * Method: records handed to wr_decide one by one, one that is good, and it again with one thing
 *         wrong. What lives of places look like is test_outstanding.c's.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include <weir/error.h>

#include "core/base/siphash.h"
#include "core/log/carried.h"
#include "core/record/batch.h"
#include "core/record/carried.h"
#include "io/sim/memory_sim.h"
#include "tests/support/share_records.h"

static const struct wr_tables_limits limits = {
	.catalog = {.topics_max = 4, .partitions_max = 8, .subscriptions_max = 4, .rows_max = 16},
	.named_producers_max = 2,
	.outstanding_max = 8,
	.filter_bytes_max = 64,
	.erasures_max = 4,
};

static struct wr_memory_sim memory;
static struct wr_tables tables;
static struct wr_decision decision;
static _Alignas(8) uint8_t record[1024], event[256], other[1024];
static uint64_t next_seq;

static int decide_in(struct wr_undo *undo)
{
	struct wr_record_view view;
	cr_assert(wr_record_view(record, sizeof record, &view));
	int rc = wr_decide(&tables, undo, &view, next_seq, false, &decision);
	next_seq += rc == 0 ? 1 : 0;
	return rc;
}

static int decide(void)
{
	struct wr_undo none = {0};
	return decide_in(&none);
}

static void subscription(const char *name, uint32_t order)
{
	uint8_t payload[WR_CONTROL_SUBSCRIPTION_BYTES_MAX];
	const struct wr_control_subscription s = {
		.topic_count = 1,
		.start = WR_START_AT,
		.start_seq = 1,
		.order = order,
		.outstanding_max = order != WR_ORDER_PARTITION ? 8 : 0,
	};
	wr_control_write(record, WR_KIND_SUBSCRIPTION, 0, 0, name, (uint32_t)strlen(name), payload,
			 wr_control_subscription_put(&s, false, payload));
	cr_assert_eq(decide(), 0);
}

/* An event "payload" of key "k" with an event id, a header and an idempotency key. */
static void make_event(void)
{
	struct wr_record *head = (struct wr_record *)event;
	uint8_t *at = event + WR_RECORD_HEAD_BYTES;
	at += wr_option_put(at, WR_OPTION_EVENT_ID, "id", 2);
	at += wr_option_put(at, WR_OPTION_HEADER, "\1\0ab", 4);
	at += wr_option_put(at, WR_OPTION_IDEMPOTENCY_KEY, "once", 4);
	uint32_t given = (uint32_t)(at - event) - WR_RECORD_HEAD_BYTES;
	uint32_t area = wr_record_option_area(given, 1);
	at += area - given;
	*head = (struct wr_record){
		.bytes = WR_RECORD_HEAD_BYTES + area + 1 + 7,
		.key_bytes = 1,
		.option_bytes = (uint16_t)area,
		.key_hash = 17,
		.kind = WR_KIND_EVENT,
		.flags = WR_RECORD_DECIDE,
	};
	memcpy(at, "kpayload", 8);
}

/* Topic 0; queue 0, with events 5 and 7 outstanding, and subscription 1 by partition. */
static void set_up(void)
{
	const struct wr_control_topic topic = {.partitions = 2};
	const struct wr_mark_event marked[] = {{.seq = 5, .bytes = 9}, {.seq = 7, .bytes = 9}};
	const struct wr_mark_head head = {.from = 1, .to = 8, .count = 2};
	wr_memory_sim_init(&memory, NULL);
	cr_assert_eq(wr_tables_init(&tables, &memory.base, &limits), 0);
	next_seq = 10;
	wr_control_write(record, WR_KIND_TOPIC, 0, 0, "t", 1, &topic, sizeof topic.partitions);
	cr_assert_eq(decide(), 0);
	subscription("queue", WR_ORDER_KEY);
	subscription("reader", WR_ORDER_PARTITION);
	(void)share_write_mark(record, 0, &head, marked);
	cr_assert_eq(decide(), 0);
	make_event();
}

static void tear_down(void)
{
	wr_tables_fini(&tables, &memory.base);
	cr_expect_eq(memory.live_count, 0);
}

TestSuite(carried, .init = set_up, .fini = tear_down);

static const struct wr_carried good = {
	.seq = 5,
	.append_us = 1234,
	.epoch = 3,
	.log = 0,
	.subscription = 0,
	.text = "said",
	.text_bytes = 4,
};

static void write_from(const uint8_t *of, const struct wr_carried *carried)
{
	struct wr_record_view view;
	cr_assert(wr_record_view(of, 256, &view));
	uint32_t stride = wr_carried_stride(&view, carried);
	cr_assert(stride > 0 && stride <= sizeof record - 1);
	memset(record, 0x55, sizeof record);
	wr_carried_write(&view, carried, record);
	cr_expect_eq(stride, wr_record_stride(((struct wr_record *)record)->bytes));
	cr_expect_eq(record[stride], 0x55, "it wrote beyond what it measured");
}

static void expect_option(const struct wr_record_view *view, uint8_t tag, const char *value)
{
	struct wr_option option;
	cr_expect(wr_option_find(view, tag, &option) && option.value_bytes == strlen(value) &&
		  memcmp(option.value, value, option.value_bytes) == 0);
}

static void expect_event(const uint8_t *bytes)
{
	struct wr_record_view view;
	struct wr_carried carried;
	cr_assert(wr_record_view(bytes, sizeof record, &view));
	cr_expect(wr_options_valid(&view));
	cr_expect_eq(view.head->kind, WR_KIND_CARRIED);
	cr_expect_eq(view.head->flags, 0);
	cr_expect_eq(view.head->key_hash, 17);
	cr_expect(view.payload_bytes == 7 && memcmp(view.payload, "payload", 7) == 0);
	cr_expect_eq((uintptr_t)view.payload % 8, 0);
	cr_expect_eq(view.key[0], 'k');
	expect_option(&view, WR_OPTION_EVENT_ID, "id");
	expect_option(&view, WR_OPTION_IDEMPOTENCY_KEY, "once");
	cr_assert(wr_carried_read(&view, &carried));
	cr_expect(carried.seq == good.seq && carried.append_us == good.append_us &&
		  carried.epoch == good.epoch && carried.log == good.log &&
		  carried.subscription == good.subscription);
	cr_expect(carried.text_bytes == good.text_bytes &&
		  memcmp(carried.text, good.text, good.text_bytes) == 0);
}

Test(carried, a_copy_has_all_that_the_event_had_and_so_has_its_copy)
{
	write_from(event, &good);
	expect_event(record);
	memcpy(other, record, sizeof other);
	write_from(other, &good);
	expect_event(record);
	cr_expect_eq(memcmp(record, other, wr_record_stride(((struct wr_record *)other)->bytes)),
		     0);
}

static uint64_t position(void)
{
	uint32_t row = tables.catalog.subscriptions[0].row_first;
	return wr_load_relaxed(&tables.settle.rows[row].position);
}

Test(carried, it_moves_the_place_and_nothing_else)
{
	struct wr_outstanding_entry before = *wr_outstanding_find(&tables.outstanding, 0, 5);
	cr_expect_eq(position(), 5);
	write_from(event, &good);
	uint64_t seq = next_seq;
	cr_assert_eq(decide(), 0);
	cr_expect_eq(decision.features, WR_BATCH_CARRIED | WR_BATCH_CARRIED_TEXT);
	cr_expect_eq(decision.tag, WR_TAG_CONTROL);
	cr_expect_eq(position(), 7);
	struct wr_outstanding_entry *after = wr_outstanding_find(&tables.outstanding, 0, 5);
	cr_expect_eq(after->place, seq);
	cr_expect(after->generation == before.generation && after->attempts == before.attempts &&
		  after->bytes == before.bytes && after->key == before.key);
	struct wr_carried seven = good;
	seven.seq = 7;
	write_from(event, &seven);
	cr_assert_eq(decide(), 0);
	cr_expect_eq(position(), 8, "what is not taken yet lies before both");
	cr_expect_eq(wr_load_relaxed(&tables.settle.rows[0].to_events), 0);
}

Test(carried, what_is_not_outstanding_or_not_whole_is_refused)
{
	struct wr_carried wrong = good;
	wrong.seq = 6;
	write_from(event, &wrong);
	cr_expect_eq(decide(), WEIR_E_FENCED);
	wrong = good;
	wrong.subscription = 1;
	write_from(event, &wrong);
	cr_expect_eq(decide(), -EINVAL, "of a subscription by partition");
	wrong.subscription = 2;
	write_from(event, &wrong);
	cr_expect_eq(decide(), WEIR_E_UNKNOWN_NAME);
	write_from(event, &good);
	((struct wr_record *)record)->topic = 1;
	cr_expect_eq(decide(), WEIR_E_UNKNOWN_NAME);
	write_from(event, &good);
	((struct wr_record *)record)->flags = WR_RECORD_DECIDE;
	cr_expect_eq(decide(), -EINVAL);
	write_from(event, &good);
	record[WR_RECORD_HEAD_BYTES + WR_OPTION_HEAD_BYTES + 28] = 1;
	cr_expect_eq(decide(), -EINVAL, "its last word is zero");
	write_from(event, &good);
	((struct wr_record *)record)->kind = WR_KIND_EVENT;
	cr_expect_eq(decide(), -EINVAL, "an event that says so of itself");
	struct wr_undo_entry entries[4];
	struct wr_undo undo = {.entries = entries, .capacity = 4};
	write_from(event, &good);
	cr_expect_eq(decide_in(&undo), -EINVAL, "it could not be taken back");
	cr_expect_eq(position(), 5);
}

Test(carried, what_was_erased_is_refused_and_what_came_after_is_not)
{
	struct wr_erase erase = {0};
	uint8_t payload[WR_ERASE_BYTES];
	wr_siphash128(erase.secret, "k", 1, erase.hash);
	wr_erase_put(&erase, payload);
	wr_control_write(record, WR_KIND_ERASE, 0, 0, NULL, 0, payload, sizeof payload);
	cr_assert_eq(decide(), 0);
	write_from(event, &good);
	cr_expect_eq(decide(), -ESTALE);
	event[((struct wr_record *)event)->bytes - 8] = 'l';
	write_from(event, &good);
	cr_expect_eq(decide(), 0, "of another key");
}

/* One that wants everything, which says nothing of what the others want. */
static int give_filter(void)
{
	static const uint8_t everything[WR_FILTER_HEAD_BYTES];
	wr_control_write(record, WR_KIND_FILTER, 0, 0, NULL, 0, everything, sizeof everything);
	return decide();
}

static void settle(uint64_t seq)
{
	const struct wr_settle_run run = {.first = seq, .last = seq, .generation = 1, .count = 1};
	(void)share_write_settle(record, 0, &run, 1);
	cr_assert_eq(decide(), 0);
}

Test(carried, the_filters_that_an_event_came_under_are_kept_while_it_lies_further_on)
{
	const struct wr_mark_head rest = {.from = 8, .to = 19};
	struct wr_carried carried = good;
	for (uint32_t number = 2; number <= WR_FILTER_VERSIONS; number++)
		cr_assert_eq(give_filter(), 0);
	for (carried.seq = 5; carried.seq <= 7; carried.seq += 2) {
		write_from(event, &carried);
		cr_assert_eq(decide(), 0);
	}
	(void)share_write_mark(record, 0, &rest, NULL);
	cr_assert_eq(decide(), 0);
	cr_expect_gt(position(), 13);
	cr_expect_eq(give_filter(), WEIR_E_FULL);
	settle(5);
	cr_expect_eq(give_filter(), WEIR_E_FULL);
	settle(7);
	cr_expect_eq(give_filter(), 0);
}
