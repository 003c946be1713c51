/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   control records are written as their header says and read back, or refused, whatever
 *         their payload is; no name can become a path. Rules: L2, L18.
 * Method: every kind written and read; every payload length; every byte as a part of a name.
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include "core/record/control.h"
#include "core/record/epoch.h"

static _Alignas(8) uint8_t record[1024];
static struct wr_record_view view;

static void write_it(enum wr_kind kind, const char *name, const void *payload, uint32_t bytes)
{
	memset(record, 0xee, sizeof record);
	wr_control_write(record, kind, 3, 4, name, (uint32_t)strlen(name), payload, bytes);
	cr_assert(wr_record_view(record, sizeof record, &view));
}

Test(control, payloads_stand_on_eight_and_the_stride_ends_in_zeros)
{
	char name[WR_NAME_BYTES_MAX + 1] = {0};
	const uint8_t payload[20] = "12345678901234567890";
	for (uint32_t n = 0; n <= WR_NAME_BYTES_MAX; n++) {
		for (uint32_t bytes = 0; bytes <= 20; bytes += 5) {
			write_it(WR_KIND_TOPIC, name, payload, bytes);
			uint32_t stride = wr_record_stride(view.head->bytes);
			cr_assert_eq(view.head->bytes, wr_control_bytes(n, bytes));
			cr_assert_eq(view.head->key_bytes, n);
			cr_assert_eq(view.payload_bytes, bytes);
			cr_assert_eq((uintptr_t)(view.payload - record) % 8, 0);
			cr_assert_eq(memcmp(view.key, name, n), 0);
			cr_assert_eq(memcmp(view.payload, payload, bytes), 0);
			cr_assert(wr_options_valid(&view));
			for (uint32_t i = view.head->bytes; i < stride; i++)
				cr_assert_eq(record[i], 0);
			cr_assert_eq(record[stride], 0xee, "nothing behind it is touched");
		}
		if (n < WR_NAME_BYTES_MAX)
			name[n] = 'n';
	}
}

Test(control, what_was_written_is_read)
{
	struct wr_control_topic topic = {.partitions = 7}, topic_read;
	write_it(WR_KIND_TOPIC, "t", &topic, sizeof topic.partitions);
	cr_assert(wr_control_topic_read(&view, &topic_read));
	cr_expect_eq(topic_read.partitions, 7);
	cr_expect_eq(view.head->topic, 3);
	cr_expect_eq(view.head->key_hash, 4);
	struct wr_control_progress progress = {2, 0, 10, 20, 5, 500}, progress_read;
	write_it(WR_KIND_PROGRESS, "", &progress, sizeof progress);
	cr_assert(wr_control_progress_read(&view, &progress_read));
	cr_expect_arr_eq(&progress, &progress_read, sizeof progress);
	struct wr_control_generation generation = {3, 9, WR_POSITION_KEEP}, generation_read;
	write_it(WR_KIND_GENERATION, "", &generation, sizeof generation);
	cr_assert(wr_control_generation_read(&view, &generation_read));
	cr_expect_arr_eq(&generation, &generation_read, sizeof generation);
	struct wr_control_producer producer = {.epoch = 8}, producer_read;
	write_it(WR_KIND_PRODUCER, "p", &producer, sizeof producer);
	cr_assert(wr_control_producer_read(&view, &producer_read));
	cr_expect_eq(producer_read.epoch, 8);
}

Test(control, subscriptions_have_1_to_64_topics)
{
	struct wr_control_subscription s = {.start = WR_START_NEWEST, .start_seq = 5}, read;
	for (uint32_t i = 0; i < WR_SUBSCRIPTION_TOPICS_MAX; i++)
		s.topics[i] = i * i;
	for (uint32_t count = 0; count <= 80; count++) {
		s.topic_count = count;
		uint32_t given =
			count < WR_SUBSCRIPTION_TOPICS_MAX ? count : WR_SUBSCRIPTION_TOPICS_MAX;
		write_it(WR_KIND_SUBSCRIPTION, "s", &s, wr_control_subscription_bytes(given));
		bool good = count >= 1 && count <= WR_SUBSCRIPTION_TOPICS_MAX;
		cr_expect_eq(wr_control_subscription_read(&view, &read), good, "%u topics", count);
		if (good)
			cr_expect_eq(memcmp(read.topics, s.topics, count * sizeof(uint32_t)), 0);
	}
	s.topic_count = 1;
	for (uint32_t start = 0; start < 5; start++) {
		s.start = start;
		write_it(WR_KIND_SUBSCRIPTION, "s", &s, wr_control_subscription_bytes(1));
		cr_expect_eq(wr_control_subscription_read(&view, &read), start <= WR_START_NEWEST);
	}
}

Test(control, payloads_of_any_other_length_are_refused)
{
	const uint8_t payload[600] = {1, 0, 0, 0};
	union {
		struct wr_control_topic topic;
		struct wr_control_subscription subscription;
		struct wr_control_producer producer;
		struct wr_control_progress progress;
		struct wr_control_generation generation;
	} any;
	for (uint32_t bytes = 0; bytes < sizeof payload; bytes++) {
		write_it(WR_KIND_TOPIC, "x", payload, bytes);
		cr_assert_eq(wr_control_topic_read(&view, &any.topic), bytes == 4);
		cr_assert_eq(wr_control_producer_read(&view, &any.producer), bytes == 4);
		cr_assert_eq(wr_control_progress_read(&view, &any.progress), bytes == 40);
		cr_assert_eq(wr_control_generation_read(&view, &any.generation), bytes == 16);
		cr_assert_eq(wr_control_subscription_read(&view, &any.subscription), bytes == 20);
	}
}

Test(control, a_topic_says_what_it_can_grow_to_and_a_map_how_far_it_has)
{
	const struct wr_control_window windows[] = {{0}, {.keys = 5, .span_us = 7}};
	const struct wr_control_versions versions[] = {{0}, {.keys = 9}};
	uint8_t payload[WR_TOPIC_BYTES_MAX];
	struct wr_control_topic read;
	for (uint32_t i = 0; i < 8; i++) {
		const struct wr_control_topic topic = {3, (i & 1) != 0 ? 12 : 0};
		const struct wr_control_window *window = &windows[i / 2 % 2];
		const struct wr_control_versions *version = &versions[i / 4];
		struct wr_control_window window_read;
		struct wr_control_versions versions_read;
		uint32_t bytes = wr_control_topic_write(&topic, window, version, payload);
		write_it(WR_KIND_TOPIC, "t", payload, bytes);
		cr_assert(wr_control_topic_read(&view, &read), "%u", i);
		wr_control_window_read(&view, &window_read);
		wr_control_versions_read(&view, &versions_read);
		cr_expect_eq(read.partitions, 3);
		cr_expect_eq(read.partitions_max, topic.partitions_max);
		cr_expect_eq(window_read.keys, window->keys);
		cr_expect_eq(versions_read.keys, version->keys);
		if (topic.partitions_max == 0)
			continue;
		/* What it can grow to is not less than it has; what is reserved is zero. */
		wr_put_u32(payload + bytes - 8, 2);
		write_it(WR_KIND_TOPIC, "t", payload, bytes);
		cr_expect_not(wr_control_topic_read(&view, &read));
		wr_put_u32(payload + bytes - 8, 12);
		payload[bytes - 1] = 1;
		write_it(WR_KIND_TOPIC, "t", payload, bytes);
		cr_expect_not(wr_control_topic_read(&view, &read));
	}
	uint32_t partitions = 0;
	const uint8_t map[9] = {6}, none[8] = {0}, reserved[8] = {6, 0, 0, 0, 1};
	write_it(WR_KIND_PARTITION_MAP, "", map, 8);
	cr_expect(wr_control_map_read(&view, &partitions) && partitions == 6);
	write_it(WR_KIND_PARTITION_MAP, "", map, 9);
	cr_expect_not(wr_control_map_read(&view, &partitions));
	write_it(WR_KIND_PARTITION_MAP, "", none, 8);
	cr_expect_not(wr_control_map_read(&view, &partitions));
	write_it(WR_KIND_PARTITION_MAP, "", reserved, 8);
	cr_expect_not(wr_control_map_read(&view, &partitions));
}

Test(control, a_topic_has_partitions_and_progress_goes_forwards)
{
	struct wr_control_topic topic = {.partitions = 0};
	write_it(WR_KIND_TOPIC, "t", &topic, sizeof topic.partitions);
	cr_expect_not(wr_control_topic_read(&view, &topic));
	struct wr_control_progress progress = {.from = 5, .to = 4};
	write_it(WR_KIND_PROGRESS, "", &progress, sizeof progress);
	cr_expect_not(wr_control_progress_read(&view, &progress));
	progress.to = 5;
	write_it(WR_KIND_PROGRESS, "", &progress, sizeof progress);
	cr_expect(wr_control_progress_read(&view, &progress));
}

Test(control, names_are_of_letters_digits_dots_dashes_and_underscores)
{
	for (uint32_t c = 0; c < 256; c++) {
		const char first[2] = {(char)c, 'x'}, second[2] = {'x', (char)c};
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			      (c >= '0' && c <= '9') || c == '_' || c == '-';
		cr_expect_eq(wr_name_valid(first, 2), letter, "byte %u", c);
		cr_expect_eq(wr_name_valid(second, 2), letter || c == '.', "byte %u", c);
	}
	cr_expect_not(wr_name_valid("", 0));
	char name[201];
	memset(name, 'a', sizeof name);
	cr_expect(wr_name_valid(name, 200));
	cr_expect_not(wr_name_valid(name, 201));
	cr_expect_not(wr_name_valid("..", 2));
	cr_expect(wr_name_valid("a..", 3));
}

Test(control, an_epoch_begins_with_the_first_record_of_a_data_batch)
{
	static _Alignas(8) uint8_t batch[WR_BLOCK_BYTES];
	uint8_t payload[WR_EPOCH_START_BYTES];
	const struct wr_epoch_start start = {3, 8192, 77, 0xabcd, 5, 123456789};
	struct wr_epoch_start read = {0};
	struct wr_batch_header *h = (struct wr_batch_header *)batch;
	wr_epoch_start_encode(&start, payload);
	for (uint32_t bytes = 0; bytes <= WR_EPOCH_START_BYTES; bytes++)
		cr_expect_eq(wr_epoch_start_decode(payload, bytes, &read),
			     bytes == WR_EPOCH_START_BYTES);
	cr_expect_arr_eq(&start, &read, sizeof start);

	wr_batch_open(batch, WR_BATCH_DATA, 1, 6, 78, 0);
	wr_control_write(batch + WR_BATCH_HEADER_BYTES, WR_KIND_EPOCH_START, 0, 0, NULL, 0, payload,
			 sizeof payload);
	h->body_bytes = wr_control_bytes(0, sizeof payload);
	read = (struct wr_epoch_start){0};
	cr_expect(wr_epoch_start_of(batch, &read));
	cr_expect_eq(read.last_seq, 77);
	h->body_bytes--;
	cr_expect_not(wr_epoch_start_of(batch, &read), "the record is cut");
	h->body_bytes++;
	batch[WR_BATCH_HEADER_BYTES + offsetof(struct wr_record, kind)] = WR_KIND_EVENT;
	cr_expect_not(wr_epoch_start_of(batch, &read), "another record");
	batch[WR_BATCH_HEADER_BYTES + offsetof(struct wr_record, kind)] = WR_KIND_EPOCH_START;
	h->batch_kind = WR_BATCH_FILLER;
	cr_expect_not(wr_epoch_start_of(batch, &read), "a batch without records");
}
