/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   marks, settles and rejects of shared subscriptions are read as they were written, or
 *         refused, whatever bytes they are: nothing is read behind them, no number wraps.
 * Method: drawn records written and read; each cut off at every length; each with every bit
 *         flipped, and drawn bytes: what is accepted keeps what its header promises. Payloads lie
 *         at the end of an allocation of their own, so that AddressSanitizer sees the first byte
 *         behind them.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "core/record/share.h"
#include "io/sim/prng.h"

#define EVENTS_MAX 40u
#define PAYLOAD_MAX 2048u

static struct wr_prng prng;
static uint8_t payload[PAYLOAD_MAX];
static uint32_t payload_bytes;

static uint32_t below(uint32_t bound)
{
	return (uint32_t)wr_prng_below(&prng, bound);
}

/* Numbers of every length. */
static uint64_t any_u64(void)
{
	return wr_prng_next(&prng) >> below(64);
}

static uint32_t any_u32(void)
{
	return (uint32_t)wr_prng_next(&prng) >> below(32);
}

/* A record that holds the payload's first bytes, and none behind them. */
static struct wr_record_view view_of(uint8_t **ret_bytes, uint32_t bytes)
{
	static const struct wr_record head = {.bytes = WR_RECORD_HEAD_BYTES};
	*ret_bytes = malloc(bytes > 0 ? bytes : 1);
	cr_assert_not_null(*ret_bytes);
	memcpy(*ret_bytes, payload, bytes);
	return (struct wr_record_view){
		.head = &head, .payload = *ret_bytes, .payload_bytes = bytes};
}

static bool read_mark(uint32_t bytes, struct wr_mark_event *events, uint32_t *ret_count,
		      struct wr_mark_head *ret_head)
{
	uint8_t *copy;
	struct wr_record_view view = view_of(&copy, bytes);
	struct wr_mark_view mark;
	bool good = wr_mark_read(&view, &mark);
	uint32_t count = 0;
	if (good) {
		struct wr_mark_event event;
		*ret_head = mark.head;
		while (wr_mark_next(&mark, &event)) {
			if (count < EVENTS_MAX)
				events[count] = event;
			count++;
		}
		cr_assert_eq(mark.in.left_bytes, 0);
		cr_assert_not(mark.in.failed);
	}
	*ret_count = count;
	free(copy);
	return good;
}

static bool read_settle(uint32_t bytes, struct wr_settle_run *runs, uint32_t *ret_count)
{
	uint8_t *copy;
	struct wr_record_view view = view_of(&copy, bytes);
	struct wr_settle_view settle;
	bool good = wr_settle_read(&view, &settle);
	uint32_t count = 0;
	if (good) {
		struct wr_settle_run run;
		cr_assert_eq(settle.next_seq, settle.head.base);
		while (wr_settle_next(&settle, &run)) {
			if (count < EVENTS_MAX)
				runs[count] = run;
			count++;
		}
		cr_assert_eq(count, settle.head.count);
		cr_assert_eq(settle.in.left_bytes, 0);
	}
	*ret_count = count;
	free(copy);
	return good;
}

static bool read_reject(uint32_t bytes, struct wr_reject *ret, char *text)
{
	uint8_t *copy;
	struct wr_record_view view = view_of(&copy, bytes);
	const char *said = NULL;
	bool good = wr_reject_read(&view, ret, &said);
	if (good) {
		cr_assert_eq((const uint8_t *)said, copy + sizeof *ret);
		cr_assert_leq(ret->text_bytes, WR_REASON_TEXT_BYTES_MAX);
		memcpy(text, said, ret->text_bytes);
	}
	free(copy);
	return good;
}

/* ---- drawn records ---- */

static uint32_t write_mark(struct wr_mark_event *events, struct wr_mark_head *head)
{
	uint32_t count = below(EVENTS_MAX);
	bool keyed = below(2) == 0, terms = below(2) == 0;
	uint64_t next = any_u64() >> 1;
	*head = (struct wr_mark_head){
		.from = next, .count = count, .keyed = keyed ? 1 : 0, .terms = terms ? 1 : 0};
	payload_bytes = sizeof *head;
	for (uint32_t i = 0; i < count; i++) {
		events[i] = (struct wr_mark_event){
			.seq = next + (below(2) == 0 ? 0 : any_u64() >> 9),
			.key = keyed ? any_u64() : 0,
			.not_before_us = terms && below(2) == 0 ? any_u64() : 0,
			.expires_us = terms && below(2) == 0 ? any_u64() : 0,
			.row = any_u32(),
			.bytes = any_u32(),
			.priority = terms ? below(WR_PRIORITY_MAX + 1) : 0,
		};
		uint32_t bytes = wr_mark_put(payload + payload_bytes, next, &events[i], head);
		cr_assert_leq(bytes, WR_MARK_EVENT_BYTES_MAX);
		payload_bytes += bytes;
		next = events[i].seq + 1;
	}
	head->to = next + below(3);
	memcpy(payload, head, sizeof *head);
	return count;
}

static uint32_t write_settle(struct wr_settle_run *runs)
{
	uint32_t count = 1 + below(EVENTS_MAX - 1);
	uint64_t next = any_u64() >> 1;
	struct wr_settle_head head = {.base = next, .count = count};
	memcpy(payload, &head, sizeof head);
	payload_bytes = sizeof head;
	for (uint32_t i = 0; i < count; i++) {
		struct wr_settle_run *run = &runs[i];
		run->first = next + (below(2) == 0 ? 0 : any_u64() >> 9);
		run->last = run->first + (below(2) == 0 ? 0 : any_u64() >> 9);
		uint64_t most = run->last - run->first < UINT32_MAX - 2 ? run->last - run->first
									: UINT32_MAX - 2;
		run->count = 1 + (uint32_t)wr_prng_below(&prng, most + 1);
		run->generation = any_u32();
		uint32_t bytes = wr_settle_put(payload + payload_bytes, next, run);
		cr_assert_leq(bytes, WR_SETTLE_RUN_BYTES_MAX);
		payload_bytes += bytes;
		next = run->last + 1;
	}
	return count;
}

static void write_reject(struct wr_reject *reject, char *text)
{
	*reject = (struct wr_reject){
		.seq = any_u64(),
		.generation = any_u32(),
		.verdict = WR_VERDICT_RETRY + below(WR_VERDICT_GIVEN_UP),
		.failed_us = any_u64(),
		.not_before_us = any_u64(),
		.reason = any_u32(),
		.text_bytes = below(WR_REASON_TEXT_BYTES_MAX + 1),
	};
	for (uint32_t i = 0; i < reject->text_bytes; i++)
		text[i] = (char)below(256);
	memcpy(payload, reject, sizeof *reject);
	memcpy(payload + sizeof *reject, text, reject->text_bytes);
	payload_bytes = (uint32_t)sizeof *reject + reject->text_bytes;
}

static void set_up(void)
{
	wr_prng_init(&prng, 20261126);
}

TestSuite(share_records, .init = set_up);

Test(share_records, a_mark_is_read_as_it_was_written_and_no_part_of_it)
{
	struct wr_mark_event wrote[EVENTS_MAX], read[EVENTS_MAX];
	struct wr_mark_head head, head_read;
	for (uint32_t round = 0; round < 300; round++) {
		uint32_t count = write_mark(wrote, &head), count_read;
		cr_assert(read_mark(payload_bytes, read, &count_read, &head_read));
		cr_assert_eq(count_read, count);
		cr_assert_eq(memcmp(&head, &head_read, sizeof head), 0);
		for (uint32_t i = 0; i < count; i++) {
			cr_assert_eq(read[i].seq, wrote[i].seq);
			cr_assert_eq(read[i].key, wrote[i].key);
			cr_assert_eq(read[i].row, wrote[i].row);
			cr_assert_eq(read[i].bytes, wrote[i].bytes);
		}
		for (uint32_t cut = 0; cut < payload_bytes; cut++)
			cr_assert_not(read_mark(cut, read, &count_read, &head_read), "cut %u", cut);
		payload[payload_bytes] = 0;
		cr_assert_not(read_mark(payload_bytes + 1, read, &count_read, &head_read));
	}
}

Test(share_records, a_settle_is_read_as_it_was_written_and_no_part_of_it)
{
	struct wr_settle_run wrote[EVENTS_MAX], read[EVENTS_MAX];
	for (uint32_t round = 0; round < 300; round++) {
		uint32_t count = write_settle(wrote), count_read;
		cr_assert(read_settle(payload_bytes, read, &count_read));
		cr_assert_eq(count_read, count);
		for (uint32_t i = 0; i < count; i++) {
			cr_assert_eq(read[i].first, wrote[i].first);
			cr_assert_eq(read[i].last, wrote[i].last);
			cr_assert_eq(read[i].count, wrote[i].count);
			cr_assert_eq(read[i].generation, wrote[i].generation);
		}
		for (uint32_t cut = 0; cut < payload_bytes; cut++)
			cr_assert_not(read_settle(cut, read, &count_read), "cut %u", cut);
		payload[payload_bytes] = 0;
		cr_assert_not(read_settle(payload_bytes + 1, read, &count_read));
	}
}

Test(share_records, a_reject_is_read_as_it_was_written_and_no_part_of_it)
{
	char wrote_text[WR_REASON_TEXT_BYTES_MAX], text[WR_REASON_TEXT_BYTES_MAX];
	struct wr_reject wrote, read;
	for (uint32_t round = 0; round < 300; round++) {
		write_reject(&wrote, wrote_text);
		cr_assert(read_reject(payload_bytes, &read, text));
		cr_assert_eq(memcmp(&wrote, &read, sizeof read), 0);
		cr_assert_eq(memcmp(wrote_text, text, wrote.text_bytes), 0);
		for (uint32_t cut = 0; cut < payload_bytes; cut++)
			cr_assert_not(read_reject(cut, &read, text), "cut %u", cut);
		payload[payload_bytes] = 0;
		cr_assert_not(read_reject(payload_bytes + 1, &read, text));
	}
}

Test(share_records, a_reject_of_no_verdict_or_with_too_long_a_text_is_refused)
{
	char text[WR_REASON_TEXT_BYTES_MAX];
	struct wr_reject reject, read;
	memset(payload, 'x', sizeof payload);
	for (uint32_t verdict = 0; verdict < 300; verdict++) {
		reject = (struct wr_reject){.seq = 1, .generation = 1, .verdict = verdict};
		memcpy(payload, &reject, sizeof reject);
		cr_expect_eq(read_reject(sizeof reject, &read, text),
			     verdict >= WR_VERDICT_RETRY && verdict <= WR_VERDICT_CRASHED);
	}
	for (uint32_t bytes = 0; bytes < 300; bytes++) {
		reject = (struct wr_reject){.verdict = WR_VERDICT_DEAD, .text_bytes = bytes};
		memcpy(payload, &reject, sizeof reject);
		cr_expect_eq(read_reject((uint32_t)sizeof reject + bytes, &read, text),
			     bytes <= WR_REASON_TEXT_BYTES_MAX);
	}
	reject = (struct wr_reject){.verdict = WR_VERDICT_DEAD, .text_bytes = UINT32_MAX - 39};
	memcpy(payload, &reject, sizeof reject);
	cr_expect_not(read_reject(sizeof reject, &read, text), "lengths do not wrap");
}

/* ---- hostile ones ---- */

/* A varint as it should not be: `bytes` long. */
static void put_long(uint32_t bytes, uint8_t last)
{
	for (uint32_t i = 1; i < bytes; i++)
		payload[payload_bytes++] = 0x80;
	payload[payload_bytes++] = last;
}

static void begin_mark(uint64_t from, uint64_t to, uint32_t count)
{
	struct wr_mark_head head = {.from = from, .to = to, .count = count};
	memcpy(payload, &head, sizeof head);
	payload_bytes = sizeof head;
}

static void begin_settle(uint64_t base, uint32_t count)
{
	struct wr_settle_head head = {.base = base, .count = count};
	memcpy(payload, &head, sizeof head);
	payload_bytes = sizeof head;
}

Test(share_records, a_number_of_more_than_ten_bytes_is_refused)
{
	struct wr_mark_event events[EVENTS_MAX];
	struct wr_mark_head head;
	struct wr_settle_run runs[EVENTS_MAX];
	uint32_t count;
	for (uint32_t bytes = 1; bytes < 30; bytes++) {
		begin_mark(5, 10, 1);
		put_long(bytes, 1); /* how far: 1, or more than fits when the last byte is high */
		put_long(1, 0);
		put_long(1, 0);
		bool small = bytes == 1; /* 1 << 7 is already beyond `to` */
		cr_expect_eq(read_mark(payload_bytes, events, &count, &head), small, "%u", bytes);
		begin_mark(5, 10, 1);
		put_long(bytes, 0); /* a long way to say 0 */
		put_long(1, 0);
		put_long(1, 0);
		cr_expect_eq(read_mark(payload_bytes, events, &count, &head), bytes <= 10, "%u",
			     bytes);
		begin_settle(5, 1);
		put_long(bytes, 0);
		put_long(1, 0);
		put_long(1, 0);
		put_long(1, 1);
		cr_expect_eq(read_settle(payload_bytes, runs, &count), bytes <= 10, "%u", bytes);
	}
}

Test(share_records, numbers_that_do_not_fit_their_field_are_refused)
{
	struct wr_mark_event events[EVENTS_MAX];
	struct wr_mark_head head;
	struct wr_settle_run runs[EVENTS_MAX];
	uint32_t count;
	for (uint32_t field = 0; field < 2; field++) {
		begin_mark(5, 10, 1);
		put_long(1, 0);
		put_long(field == 0 ? 5 : 1, field == 0 ? 0x10 : 0); /* 2^32 */
		put_long(field == 1 ? 5 : 1, field == 1 ? 0x10 : 0);
		cr_expect_not(read_mark(payload_bytes, events, &count, &head));
	}
	begin_settle(5, 1);
	put_long(1, 0);
	put_long(9, 0x3f); /* a span wide enough for any count */
	put_long(5, 0x10);
	put_long(1, 1);
	cr_expect_not(read_settle(payload_bytes, runs, &count));
	begin_settle(5, 1);
	put_long(1, 0);
	put_long(6, 0x10);
	payload[payload_bytes++] = 0xff; /* 2^32 - 1, less one: a count that would be 0 */
	payload[payload_bytes++] = 0xff;
	payload[payload_bytes++] = 0xff;
	payload[payload_bytes++] = 0xff;
	payload[payload_bytes++] = 0x0f;
	put_long(1, 1);
	cr_expect_not(read_settle(payload_bytes, runs, &count));
}

Test(share_records, counts_that_lie_and_places_that_overlap_are_refused)
{
	struct wr_mark_event events[EVENTS_MAX];
	struct wr_mark_head head;
	struct wr_settle_run runs[EVENTS_MAX];
	static const uint32_t lies[] = {0, 1, 2, 4, 100, UINT32_MAX};
	uint32_t count;
	for (uint32_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		begin_mark(5, 10, lies[i]);
		put_long(9, 0); /* three events, of three bytes each, all 0 */
		memset(payload + payload_bytes - 9, 0, 9);
		cr_expect_not(read_mark(payload_bytes, events, &count, &head), "%u", lies[i]);
		begin_settle(5, lies[i]);
		memset(payload + payload_bytes, 0, 12);
		payload_bytes += 12;
		cr_expect_not(read_settle(payload_bytes, runs, &count), "%u", lies[i]);
	}
	/* Events end where the mark does. */
	for (uint64_t to = 5; to < 12; to++) {
		begin_mark(5, to, 3);
		memset(payload + payload_bytes, 0, 9);
		payload[payload_bytes + 6] = 1; /* 5, 6, 8 */
		payload_bytes += 9;
		cr_expect_eq(read_mark(payload_bytes, events, &count, &head), to >= 9);
	}
	begin_mark(10, 5, 0);
	cr_expect_not(read_mark(payload_bytes, events, &count, &head), "it ends before it begins");
	begin_mark(UINT64_MAX, UINT64_MAX, 1);
	memset(payload + payload_bytes, 0, 3);
	payload_bytes += 3;
	cr_expect_not(read_mark(payload_bytes, events, &count, &head), "no sequence is left");
	begin_mark(5, 10, 0);
	payload[20] = 2;
	cr_expect_not(read_mark(payload_bytes, events, &count, &head), "keyed is 0 or 1");
	begin_mark(5, 10, 0);
	payload[22] = 2;
	cr_expect_not(read_mark(payload_bytes, events, &count, &head), "so is terms");
	for (uint32_t terms = 0; terms < 8; terms++) {
		begin_mark(5, 10, 1);
		payload[22] = 1;
		put_long(1, 0);
		put_long(1, 0);
		put_long(1, 0);
		payload[payload_bytes++] = (uint8_t)terms;
		uint32_t bytes = (terms & 1) * 8 + (terms >> 1 & 1) * 8;
		memset(payload + payload_bytes, 1, bytes);
		payload_bytes += bytes;
		cr_expect_eq(read_mark(payload_bytes, events, &count, &head), terms < 4,
			     "bit 2 of terms is of a later version");
	}
	/* More events in a run than it has sequences; and sequences that wrap. */
	begin_settle(5, 1);
	put_long(1, 0);
	put_long(1, 3);
	put_long(1, 4);
	put_long(1, 1);
	cr_expect_not(read_settle(payload_bytes, runs, &count));
	for (uint64_t base = UINT64_MAX - 4; base != 0; base++) {
		begin_settle(base, 1);
		put_long(1, 1);
		put_long(1, 1);
		put_long(1, 0);
		put_long(1, 1);
		cr_expect_eq(read_settle(payload_bytes, runs, &count), base <= UINT64_MAX - 3);
	}
}

/* What was accepted is what the header says, whatever the bytes were. */
static void check_whatever(void)
{
	struct wr_mark_event events[EVENTS_MAX];
	struct wr_mark_head head;
	struct wr_settle_run runs[EVENTS_MAX];
	struct wr_reject reject;
	char text[WR_REASON_TEXT_BYTES_MAX];
	uint32_t count;
	if (read_mark(payload_bytes, events, &count, &head)) {
		cr_assert_eq(count, head.count);
		uint64_t least = head.from;
		for (uint32_t i = 0; i < count && i < EVENTS_MAX; i++) {
			cr_assert_geq(events[i].seq, least);
			cr_assert_lt(events[i].seq, head.to);
			least = events[i].seq + 1;
		}
	}
	if (read_settle(payload_bytes, runs, &count)) {
		uint64_t least = 0;
		for (uint32_t i = 0; i < count && i < EVENTS_MAX; i++) {
			cr_assert_geq(runs[i].first, least);
			cr_assert_geq(runs[i].last, runs[i].first);
			cr_assert_gt(runs[i].count, 0);
			cr_assert_leq(runs[i].count - 1, runs[i].last - runs[i].first);
			least = runs[i].last + 1;
			cr_assert_gt(least, runs[i].last, "it wrapped");
		}
	}
	(void)read_reject(payload_bytes, &reject, text);
}

Test(share_records, every_flipped_bit_is_refused_or_within_bounds)
{
	struct wr_mark_event events[EVENTS_MAX];
	struct wr_mark_head head;
	struct wr_settle_run runs[EVENTS_MAX];
	struct wr_reject reject;
	char text[WR_REASON_TEXT_BYTES_MAX];
	for (uint32_t round = 0; round < 30; round++) {
		switch (round % 3) {
		case 0:
			(void)write_mark(events, &head);
			break;
		case 1:
			(void)write_settle(runs);
			break;
		default:
			write_reject(&reject, text);
		}
		for (uint32_t bit = 0; bit < payload_bytes * 8; bit++) {
			payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
			check_whatever();
			payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

Test(share_records, drawn_bytes_are_refused_or_within_bounds)
{
	uint32_t marks = 0, settles = 0;
	struct wr_mark_event events[EVENTS_MAX];
	struct wr_mark_head head;
	struct wr_settle_run runs[EVENTS_MAX];
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t count;
		payload_bytes = below(64);
		/* Mostly small numbers: they get further. */
		uint32_t most = below(2) == 0 ? 256 : 4;
		for (uint32_t i = 0; i < payload_bytes; i++)
			payload[i] = (uint8_t)below(below(4) == 0 ? most : 2);
		if (payload_bytes >= 24 && below(2) == 0)
			begin_mark(below(9), below(900), below(4));
		else if (payload_bytes >= 16)
			begin_settle(below(9), 1 + below(3));
		uint32_t more = below(16);
		for (uint32_t i = 0; i < more; i++)
			payload[payload_bytes++] = (uint8_t)below(below(4) == 0 ? 256 : 4);
		check_whatever();
		marks += read_mark(payload_bytes, events, &count, &head);
		settles += read_settle(payload_bytes, runs, &count);
	}
	cr_expect_gt(marks, 100, "some were good");
	cr_expect_gt(settles, 100);
}

Test(share_records, a_key_is_its_topic_and_its_bytes)
{
	uint64_t keys[512];
	uint32_t count = 0;
	for (uint32_t topic = 0; topic < 4; topic++) {
		for (uint32_t bytes = 0; bytes < 40; bytes++) {
			uint8_t *copy = calloc(1, WR_RECORD_HEAD_BYTES + bytes);
			struct wr_record head = {.bytes = WR_RECORD_HEAD_BYTES + bytes,
						 .topic = topic,
						 .key_bytes = (uint16_t)bytes,
						 .kind = WR_KIND_EVENT};
			cr_assert_not_null(copy);
			memcpy(copy, &head, sizeof head);
			keys[count++] = wr_share_key((const struct wr_record *)copy);
			if (bytes > 0) {
				copy[WR_RECORD_HEAD_BYTES + bytes - 1] = 1;
				keys[count++] = wr_share_key((const struct wr_record *)copy);
			}
			((struct wr_record *)copy)->flags = WR_RECORD_KEYLESS;
			cr_expect_eq(wr_share_key((const struct wr_record *)copy), 0);
			free(copy);
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		cr_expect_neq(keys[i], 0);
		for (uint32_t k = 0; k < i; k++)
			cr_expect_neq(keys[i], keys[k], "%u and %u", i, k);
	}
}
