/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every door of a producer: what it takes, what it refuses and why, where events go, what
 * comes out at the other end.
 *
 * Method: a manual pipeline, so that a lane stays as full as the test made it until the test runs
 * the steps; what was published is read back through a subscription and compared.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash_murmur2.h"
#include "tests/support/pipeline_fixture.h"

#define PARTITIONS 4u
#define QUARTER (FIXTURE_CHUNK_BYTES / 4)

static struct fixture f;
static uint32_t topic;
static struct weir_producer *producer;
static struct weir_member *member;

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", PARTITIONS);
	member = fixture_member(&f, fixture_subscription(&f, "reader", "work"), NULL);
	producer = fixture_producer(&f, NULL);
	cr_assert(fixture_owns(member, PARTITIONS));
}

static void teardown(void)
{
	fixture_end(&f);
}

static struct weir_producer *open_producer(enum weir_when_full when_full, uint64_t timeout_ns)
{
	struct weir_producer_options options;
	struct weir_producer *ret = NULL;
	weir_producer_options_init(&options);
	options.when_full = when_full;
	options.block_timeout_ns = timeout_ns;
	cr_assert_eq(weir_producer_open(f.pipeline, &options, &ret, NULL), 0);
	return ret;
}

/* Publishes until something else than 0 comes: how many went in. */
static uint64_t fill(struct weir_producer *p, int *ret_code)
{
	uint64_t count = 0;
	for (;; count++) {
		struct weir_event event = fixture_event(topic, NULL, &count);
		*ret_code = weir_publish(p, &event, NULL);
		if (*ret_code != 0)
			return count;
	}
}

static struct weir_item one_item(void)
{
	struct weir_item item;
	cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
	return item;
}

TestSuite(publish, .init = setup, .fini = teardown, .timeout = 60);

Test(publish, tickets_are_dense_from_1)
{
	uint64_t number = 0, ticket = 0;
	struct weir_event event = fixture_event(topic, NULL, &number);
	for (uint64_t i = 1; i <= 10; i++) {
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		cr_assert_eq(ticket, i);
	}
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	cr_assert_eq(ticket, 12);
}

Test(publish, what_is_published_comes_out_as_it_was)
{
	static const struct weir_header headers[] = {
		{.name = "content-type", .value = "text", .name_bytes = 12, .value_bytes = 4},
		{.name = "twice", .value = "1", .name_bytes = 5, .value_bytes = 1},
		{.name = "twice", .value = "", .name_bytes = 5, .value_bytes = 0},
	};
	static const struct weir_ids ids = {.event_id = "e-1",
					    .correlation_id = "c-22",
					    .causation_id = "x",
					    .traceparent = "00-aa-bb-01",
					    .event_id_bytes = 3,
					    .correlation_id_bytes = 4,
					    .causation_id_bytes = 1,
					    .traceparent_bytes = 11};
	struct weir_event event = {.topic = topic,
				   .key = "key",
				   .key_bytes = 3,
				   .payload = "payload",
				   .payload_bytes = 7,
				   .event_time_us = 1234567890123u,
				   .ids = &ids,
				   .headers = headers,
				   .header_count = 3};
	struct weir_ids got;
	struct weir_header header;
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	struct weir_item item = one_item();
	cr_expect_eq(item.kind, WEIR_ITEM_EVENT);
	cr_expect_eq(item.topic, topic);
	cr_expect_eq(item.partition, (wr_hash_murmur2("key", 3) & 0x7fffffffu) % PARTITIONS);
	cr_assert_eq(item.key_bytes, 3);
	cr_expect_arr_eq(item.key, "key", 3);
	cr_assert_eq(item.payload_bytes, 7);
	cr_expect_arr_eq(item.payload, "payload", 7);
	cr_expect_eq(item.end_sequence, item.sequence + 1);
	cr_expect_gt(item.append_time_us, 0);
	cr_expect_eq(item.flags, 0);
	cr_expect_eq(weir_item_event_time_us(&item), event.event_time_us);
	weir_item_ids(&item, &got);
	cr_assert_eq(got.event_id_bytes, 3);
	cr_expect_arr_eq(got.event_id, "e-1", 3);
	cr_assert_eq(got.correlation_id_bytes, 4);
	cr_expect_arr_eq(got.correlation_id, "c-22", 4);
	cr_assert_eq(got.causation_id_bytes, 1);
	cr_assert_eq(got.traceparent_bytes, 11);
	cr_expect_arr_eq(got.traceparent, "00-aa-bb-01", 11);
	uint32_t place = 0;
	for (uint32_t i = 0; i < 3; i++) {
		place = weir_item_header(&item, place, &header);
		cr_assert_neq(place, 0);
		cr_assert_eq(header.name_bytes, headers[i].name_bytes);
		cr_expect_arr_eq(header.name, headers[i].name, header.name_bytes);
		cr_assert_eq(header.value_bytes, headers[i].value_bytes);
		if (header.value_bytes > 0)
			cr_expect_arr_eq(header.value, headers[i].value, header.value_bytes);
	}
	cr_expect_eq(weir_item_header(&item, place, &header), 0);
	struct weir_pos pos = weir_item_pos(&item);
	cr_expect(pos.sequence == item.sequence && pos.epoch == 1 && pos.log == 0);
}

Test(publish, absent_is_told_from_empty)
{
	struct weir_event tombstone = {.topic = topic, .key = "k", .key_bytes = 1};
	struct weir_event empty = {.topic = topic, .payload = "", .payload_bytes = 0};
	struct weir_ids ids;
	struct weir_header header;
	cr_assert_eq(weir_publish(producer, &tombstone, NULL), 0);
	struct weir_item item = one_item();
	cr_expect_null(item.payload);
	cr_expect_eq(item.payload_bytes, 0);
	cr_expect_not_null(item.key);
	cr_assert_eq(weir_publish(producer, &empty, NULL), 0);
	item = one_item();
	cr_expect_not_null(item.payload);
	cr_expect_eq(item.payload_bytes, 0);
	cr_expect_null(item.key);
	cr_expect_eq(item.key_bytes, 0);
	cr_expect_eq(weir_item_event_time_us(&item), 0);
	cr_expect_eq(weir_item_header(&item, 0, &header), 0);
	weir_item_ids(&item, &ids);
	cr_expect_eq(ids.event_id_bytes + ids.correlation_id_bytes + ids.causation_id_bytes +
			     ids.traceparent_bytes,
		     0);
}

Test(publish, bad_arguments_are_refused_before_anything_is_handed_over)
{
	static uint8_t large[70000];
	static const struct weir_header unnamed = {.name = "", .name_bytes = 0};
	static struct weir_header long_name = {.name = (char *)large, .name_bytes = 256};
	static struct weir_header long_value = {
		.name = "n", .name_bytes = 1, .value = large, .value_bytes = 65500};
	uint64_t number = 1;
	struct weir_event good = fixture_event(topic, NULL, &number);
	struct weir_event bad[8];
	for (int i = 0; i < 8; i++)
		bad[i] = good;
	bad[0].key = ""; /* empty, and not NULL */
	bad[1].key_bytes = 3;
	bad[2].key = large;
	bad[2].key_bytes = 65536;
	bad[3].partition_set = true;
	bad[3].partition = PARTITIONS;
	bad[4].payload = NULL;
	for (int i = 5; i < 8; i++)
		bad[i].header_count = 1;
	bad[5].headers = &unnamed;
	bad[6].headers = &long_name;
	bad[7].headers = &long_value;
	for (int i = 0; i < 8; i++) {
		uint64_t ticket = 77;
		void *room;
		cr_expect_eq(weir_publish(producer, &bad[i], &ticket), -EINVAL, "%d", i);
		cr_expect_eq(weir_publish_many(producer, &bad[i], 1, &ticket), -EINVAL, "%d", i);
		cr_expect_eq(ticket, 77);
		if (i != 4) /* a claim brings its own payload */
			cr_expect_eq(weir_claim(producer, &bad[i], 8, &room), -EINVAL, "%d", i);
		if (i != 3) /* the topic's partitions are not known to it */
			cr_expect_eq(weir_event_bytes(&bad[i]), 0, "%d", i);
	}
	struct weir_producer_progress progress;
	weir_producer_progress(producer, &progress);
	cr_expect_eq(progress.handed_over, 0);
	cr_expect_eq(weir_publish(producer, &good, NULL), 0, "and it still works");
}

Test(publish, the_largest_key_is_65535_bytes)
{
	static uint8_t key[65535];
	f.options.chunk_bytes = 1u << 20;
	f.options.lane_bytes = 1u << 20;
	f.options.segment_bytes = 2u << 20;
	struct fixture large;
	fixture_init(&large, FIXTURE_MEMORY | FIXTURE_MANUAL);
	large.options.chunk_bytes = large.options.lane_bytes = 1u << 20;
	large.options.segment_bytes = 2u << 20;
	fixture_open(&large);
	struct weir_event event = {.topic = fixture_topic(&large, "t", 1),
				   .key = key,
				   .key_bytes = sizeof key,
				   .payload = "p",
				   .payload_bytes = 1};
	struct weir_member *reader =
		fixture_member(&large, fixture_subscription(&large, "reader", "t"), NULL);
	struct weir_item item;
	memset(key, 'k', sizeof key);
	cr_assert_eq(weir_publish(fixture_producer(&large, NULL), &event, NULL), 0);
	cr_assert_eq(fixture_poll(reader, &item, 1, 1, true), 1);
	cr_assert_eq(item.key_bytes, 65535);
	cr_expect_arr_eq(item.key, key, sizeof key);
	fixture_end(&large);
}

Test(publish, an_event_of_a_quarter_is_taken_and_one_byte_more_is_too_big)
{
	static uint8_t payload[FIXTURE_CHUNK_BYTES];
	uint64_t ticket = 77;
	void *room;
	struct weir_event event = {
		.topic = topic, .payload = payload, .payload_bytes = QUARTER - 24};
	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i * 7);
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	struct weir_item item = one_item();
	cr_assert_eq(item.payload_bytes, QUARTER - 24);
	cr_expect_arr_eq(item.payload, payload, QUARTER - 24);
	event.payload_bytes++;
	cr_expect_eq(weir_publish(producer, &event, &ticket), WEIR_E_TOO_BIG);
	cr_expect_eq(weir_publish_many(producer, &event, 1, &ticket), WEIR_E_TOO_BIG);
	cr_expect_eq(weir_claim(producer, &event, event.payload_bytes, &room), WEIR_E_TOO_BIG);
	cr_expect_eq(weir_claim(producer, &event, SIZE_MAX / 2, &room), WEIR_E_TOO_BIG);
	cr_expect_eq(weir_run_begin(producer, QUARTER + 1), WEIR_E_TOO_BIG);
	cr_expect_eq(ticket, 77);
}

Test(publish, event_bytes_is_what_an_event_takes)
{
	uint64_t number = 1;
	struct weir_event event = fixture_event(topic, &number, &number);
	size_t bytes = weir_event_bytes(&event);
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	struct weir_item item = one_item();
	cr_expect_geq(bytes, item.record_bytes);
	cr_expect_leq(bytes, item.record_bytes + 64, "room for a name and the alignment");
	cr_assert_eq(weir_run_begin(producer, bytes), 0);
	cr_expect_eq(weir_run_add(producer, &event), 0, "enough for a run of one");
	cr_expect_eq(weir_run_commit(producer, NULL), 0);
}

Test(publish, events_without_a_key_go_to_the_partitions_in_turn)
{
	uint32_t seen[PARTITIONS] = {0}, last = UINT32_MAX;
	(void)fixture_publish(producer, topic, 0, 4 * PARTITIONS);
	for (uint32_t i = 0; i < 4 * PARTITIONS; i++) {
		struct weir_item item = one_item();
		seen[item.partition]++;
		if (last != UINT32_MAX)
			cr_expect_eq(item.partition, (last + 1) % PARTITIONS);
		last = item.partition;
	}
	for (uint32_t p = 0; p < PARTITIONS; p++)
		cr_expect_eq(seen[p], 4);
}

Test(publish, the_same_key_goes_to_the_same_partition_and_a_set_one_wins)
{
	uint64_t key = 42, number = 0;
	struct weir_event event = fixture_event(topic, &key, &number);
	uint32_t expected = (wr_hash_murmur2(&key, sizeof key) & 0x7fffffffu) % PARTITIONS;
	for (int i = 0; i < 3; i++)
		cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(one_item().partition, expected);
	event.partition_set = true;
	event.partition = (expected + 1) % PARTITIONS;
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	struct weir_item item = one_item();
	cr_expect_eq(item.partition, event.partition);
	cr_expect_eq(item.key_bytes, sizeof key, "the key is kept all the same");
}

/* ---- full ---- */

Test(publish, try_says_again_when_the_lane_is_full_and_nothing_happened)
{
	struct weir_producer *trying = open_producer(WEIR_FULL_TRY, 0);
	struct weir_producer_progress progress;
	int code;
	uint64_t count = fill(trying, &code);
	cr_expect_eq(code, WEIR_E_AGAIN);
	cr_expect_gt(count, 100);
	weir_producer_progress(trying, &progress);
	cr_expect_eq(progress.handed_over, count);
	cr_expect_eq(progress.ordered, 0);
	while (weir_step(f.pipeline, 0) > 0)
		;
	cr_expect_eq(fixture_poll(member, NULL, 0, (uint32_t)count, true), count);
	(void)weir_producer_poll_acks(trying);
	cr_expect_gt(fill(trying, &code), 100, "there is room again");
}

Test(publish, fail_says_full_at_once)
{
	struct weir_producer *failing = open_producer(WEIR_FULL_FAIL, 0);
	struct weir_producer_progress progress;
	int code;
	uint64_t count = fill(failing, &code);
	cr_expect_eq(code, WEIR_E_FULL);
	weir_producer_progress(failing, &progress);
	cr_expect_eq(progress.handed_over, count);
}

Test(publish, many_stop_where_the_lane_is_full)
{
	static struct weir_event events[4096];
	static uint64_t number = 5;
	struct weir_producer *trying = open_producer(WEIR_FULL_TRY, 0);
	uint64_t ticket = 0;
	for (int i = 0; i < 4096; i++)
		events[i] = fixture_event(topic, NULL, &number);
	cr_expect_eq(weir_publish_many(trying, events, 0, &ticket), 0);
	int done = weir_publish_many(trying, events, 4096, &ticket);
	cr_expect_gt(done, 100);
	cr_expect_lt(done, 4096);
	cr_expect_eq(ticket, (uint64_t)done, "each has a ticket of its own");
	cr_expect_eq(weir_publish_many(trying, events, 4096, &ticket), WEIR_E_AGAIN);
	cr_expect_eq(fixture_poll(member, NULL, 0, (uint32_t)done, true), (uint32_t)done);
}

Test(publish, many_stop_in_front_of_a_bad_one)
{
	uint64_t number = 5, ticket = 0;
	struct weir_event events[3];
	for (int i = 0; i < 3; i++)
		events[i] = fixture_event(topic, NULL, &number);
	events[2].topic = 3;
	cr_expect_eq(weir_publish_many(producer, events, 3, &ticket), 2);
	cr_expect_eq(ticket, 2);
	cr_expect_eq(fixture_poll(member, NULL, 0, 2, true), 2);
	cr_expect_eq(fixture_poll_rest(member), 0);
}

/* ---- claims and runs ---- */

Test(publish, a_claim_is_filled_in_place_and_may_shrink)
{
	uint64_t ticket = 0;
	void *room = NULL;
	struct weir_event event = {.topic = topic, .key = "k", .key_bytes = 1};
	cr_assert_eq(weir_claim(producer, &event, 100, &room), 0);
	cr_assert_not_null(room);
	cr_expect_eq((uintptr_t)room % 8, 0, "aligned to 8");
	memset(room, 0x5a, 100);
	cr_expect_eq(weir_commit(producer, 101, &ticket), -EINVAL, "more than was claimed");
	cr_assert_eq(weir_commit(producer, 33, &ticket), 0);
	cr_expect_eq(ticket, 1);
	struct weir_item item = one_item();
	cr_assert_eq(item.payload_bytes, 33);
	for (int i = 0; i < 33; i++)
		cr_assert_eq(((const uint8_t *)item.payload)[i], 0x5a);
	cr_expect_eq(weir_commit(producer, 0, NULL), -EINVAL, "no claim");
}

Test(publish, what_is_given_up_was_never_there)
{
	uint64_t number = 1;
	void *room;
	struct weir_event event = fixture_event(topic, NULL, &number);
	cr_expect_eq(weir_abort(producer), -EINVAL, "nothing is open");
	cr_assert_eq(weir_claim(producer, &event, 8, &room), 0);
	cr_expect_eq(weir_abort(producer), 0);
	cr_assert_eq(weir_run_begin(producer, 1000), 0);
	cr_assert_eq(weir_run_add(producer, &event), 0);
	cr_expect_eq(weir_abort(producer), 0);
	number = 2;
	cr_assert_eq(weir_publish(producer, &event, NULL), 0);
	struct weir_item item = one_item();
	cr_expect_eq(fixture_number(&item), 2);
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(publish, with_a_claim_or_a_run_open_every_other_door_is_busy)
{
	uint64_t number = 1;
	void *room;
	struct weir_event event = fixture_event(topic, NULL, &number);
	for (int run = 0; run < 2; run++) {
		if (run)
			cr_assert_eq(weir_run_begin(producer, 1000), 0);
		else
			cr_assert_eq(weir_claim(producer, &event, 8, &room), 0);
		cr_expect_eq(weir_publish(producer, &event, NULL), -EBUSY);
		cr_expect_eq(weir_publish_many(producer, &event, 1, NULL), -EBUSY);
		cr_expect_eq(weir_claim(producer, &event, 8, &room), -EBUSY);
		cr_expect_eq(weir_run_begin(producer, 100), -EBUSY);
		if (run)
			cr_expect_eq(weir_commit(producer, 0, NULL), -EINVAL);
		else
			cr_expect_eq(weir_run_commit(producer, NULL), -EINVAL);
		cr_expect_eq(weir_abort(producer), 0);
	}
}

Test(publish, a_run_is_one_ticket_and_one_contiguous_range)
{
	uint64_t numbers[5], ticket = 0;
	struct weir_producer *other = fixture_producer(&f, NULL);
	cr_assert_eq(weir_run_begin(producer, 1000), 0);
	cr_expect_eq(weir_run_commit(producer, &ticket), -EINVAL, "an empty run");
	for (uint64_t i = 0; i < 5; i++) {
		numbers[i] = i;
		struct weir_event event = fixture_event(topic, NULL, &numbers[i]);
		event.partition_set = true;
		cr_assert_eq(weir_run_add(producer, &event), 0);
		(void)fixture_publish(other, topic, 100 + i, 101 + i);
	}
	cr_assert_eq(weir_run_commit(producer, &ticket), 0);
	cr_expect_eq(ticket, 1);
	uint64_t first_seq = 0;
	for (uint32_t i = 0, found = 0; i < 10; i++) {
		struct weir_item item = one_item();
		uint64_t number = fixture_number(&item);
		if (number >= 100)
			continue;
		cr_expect_eq(number, found);
		if (found == 0)
			first_seq = item.sequence;
		cr_expect_eq(item.sequence, first_seq + found++);
	}
	cr_expect_eq(weir_run_add(producer, NULL), -EINVAL, "no run is open");
	cr_expect_eq(weir_run_commit(producer, NULL), -EINVAL);
}

Test(publish, a_run_that_is_full_stays_open)
{
	uint64_t number = 3, ticket;
	struct weir_event event = fixture_event(topic, NULL, &number);
	cr_expect_eq(weir_run_begin(producer, 0), -EINVAL);
	cr_assert_eq(weir_run_begin(producer, 32), 0);
	cr_assert_eq(weir_run_add(producer, &event), 0);
	cr_expect_eq(weir_run_add(producer, &event), WEIR_E_TOO_BIG, "the room is used up");
	cr_expect_eq(weir_run_commit(producer, &ticket), 0);
	cr_assert_eq(weir_run_begin(producer, 64 * 40), 0);
	for (uint32_t i = 0; i < f.options.run_records_max; i++)
		cr_assert_eq(weir_run_add(producer, &event), 0);
	cr_expect_eq(weir_run_add(producer, &event), WEIR_E_TOO_BIG, "run_records_max");
	cr_expect_eq(weir_run_commit(producer, &ticket), 0);
	cr_expect_eq(fixture_poll(member, NULL, 0, 1 + f.options.run_records_max, true),
		     1 + f.options.run_records_max);
	fixture_wait(producer, ticket);
}

Test(publish, the_largest_run_is_a_quarter_with_all_of_its_events)
{
	static uint8_t payload[QUARTER];
	struct weir_event event = {
		.topic = topic, .payload = payload, .payload_bytes = QUARTER / 2 - 24};
	uint64_t ticket;
	cr_assert_eq(weir_run_begin(producer, QUARTER), 0);
	cr_assert_eq(weir_run_add(producer, &event), 0);
	cr_assert_eq(weir_run_add(producer, &event), 0);
	cr_assert_eq(weir_run_commit(producer, &ticket), 0);
	cr_expect_eq(fixture_poll(member, NULL, 0, 2, true), 2);
	fixture_wait(producer, ticket);
}
