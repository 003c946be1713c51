/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   lines are read for what they say, and no bytes lead out of bounds.
 * Method: lines as the real feeds send them; tables of numbers; every truncation and every changed
 *         byte of real lines, each in a heap block of its exact size, so that a sanitizer build
 *         sees one byte too far.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "tools/weir/demo/book.h"
#include "tools/weir/demo/line.h"
#include "tools/weir/demo/snapshot.h"

static struct demo_text text_of(const char *terminated)
{
	return (struct demo_text){.at = terminated, .bytes = strlen(terminated)};
}

static const char created_line[] =
	"1430438404518 order_created {\"price\": \"236.47\", \"amount\": \"2.00000000\", "
	"\"datetime\": \"1430438404\", \"id\": 65595247, \"order_type\": 0}";
static const char trade_line[] =
	"1430438406348 trade {\"price\": 236.47, \"amount\": 1.7885566900000001, \"id\": 8111042}";
static const char snapshot_line[] =
	"1430438405885 order_book {\"bids\": [[\"236.47\", \"1.5\"], [\"236.20\", \"0.1\"]], "
	"\"asks\": [[\"236.50\", \"3\"]]}";
static const char json_line[] =
	"{\"type\": \"order_deleted\", \"key\": \"WX-\\\"7\", \"payload\": {\"order_type\": 1, "
	"\"note\": {\"id\": [1, {\"}\": \"]\"}]}, \"instrument\": 7, \"amount\": 0.5, "
	"\"price\": 1e2, \"id\": \"12\"}}";

Test(line, an_order_of_the_feed)
{
	struct demo_record r;
	cr_assert(demo_line_parse(text_of(created_line), &r));
	cr_assert_eq(r.event.kind, DEMO_CREATED);
	cr_assert_eq(r.event.side, DEMO_BID);
	cr_assert_eq(r.event.id, 65595247);
	cr_assert_eq(r.event.price_e8, 23647000000);
	cr_assert_eq(r.event.amount_e8, 200000000);
	cr_assert(demo_text_is(r.key, "65595247"), "keyed by order id");
	cr_assert(demo_text_is(r.payload, created_line), "the bytes are the line");
}

Test(line, trades_and_snapshots_have_their_kind_as_key)
{
	struct demo_record r;
	cr_assert(demo_line_parse(text_of(trade_line), &r));
	cr_assert_eq(r.event.kind, DEMO_TRADE);
	cr_assert_eq(r.event.amount_e8, 178855669, "float noise is rounded away");
	cr_assert(demo_text_is(r.key, "trade"));
	cr_assert(demo_line_parse(text_of(snapshot_line), &r));
	cr_assert_eq(r.event.kind, DEMO_SNAPSHOT);
	cr_assert(demo_text_is(r.key, "order_book"));
}

Test(line, a_json_line_with_nesting_and_escapes)
{
	struct demo_record r;
	cr_assert(demo_line_parse(text_of(json_line), &r));
	cr_assert_eq(r.event.kind, DEMO_DELETED);
	cr_assert_eq(r.event.side, DEMO_ASK);
	cr_assert_eq(r.event.id, 12);
	cr_assert_eq(r.event.instrument, 7);
	cr_assert_eq(r.event.price_e8, 10000000000);
	cr_assert_eq(r.event.amount_e8, 50000000);
	cr_assert(demo_text_is(r.key, "WX-\\\"7"), "raw, as it stands");
}

Test(line, an_order_without_payload_is_read_from_the_line_itself)
{
	struct demo_record r;
	cr_assert(demo_line_parse(text_of("{\"key\":5,\"type\":\"order_created\",\"id\":1,"
					  "\"price\":\"1\",\"amount\":2,\"order_type\":1}"),
				  &r));
	cr_assert_eq(r.event.kind, DEMO_CREATED);
	cr_assert_eq(r.event.amount_e8, 200000000);
	cr_assert(demo_text_is(r.key, "5"));
}

Test(line, a_line_without_sense_for_the_books_is_still_an_event)
{
	static const char *const lines[] = {
		"{}",
		"{\"type\":\"PushEvent\",\"payload\":{\"id\":1}}",
		"{\"type\":\"order_created\",\"id\":1,\"price\":\"x\",\"amount\":1,"
		"\"order_type\":0}",
		"{\"type\":\"order_created\",\"id\":1,\"price\":1,\"amount\":-1,\"order_type\":0}",
		"{\"type\":\"order_created\",\"id\":1,\"price\":1,\"amount\":1,\"order_type\":2}",
		"{\"type\":\"order_created\",\"id\":1,\"price\":1,\"amount\":1,\"order_type\":0,"
		"\"instrument\":1024}",
		"17 heartbeat {}",
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct demo_record r;
		cr_assert(demo_line_parse(text_of(lines[i]), &r), "%s", lines[i]);
		cr_assert_eq(r.event.kind, DEMO_OTHER, "%s", lines[i]);
	}
}

Test(line, what_is_no_event_is_refused)
{
	static const char *const lines[] = {
		"",        "x",        "17",       "17 trade",          "17 trade ", "x trade {}",
		"{\"a\"}", "{\"a\":1", "{\"a\":}", "{\"a\":1 \"b\":2}", "{a:1}",     "[1]",
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct demo_record r;
		cr_assert(!demo_line_parse(text_of(lines[i]), &r), "%s", lines[i]);
	}
}

Test(line, lines_end_with_either_end_and_blank_ones_are_passed)
{
	struct demo_text rest = text_of("one\n\n\r\ntwo\r\nthree");
	struct demo_text line;
	cr_assert(demo_line_next(&rest, &line) && demo_text_is(line, "one"));
	cr_assert(demo_line_next(&rest, &line) && demo_text_is(line, "two"));
	cr_assert(demo_line_next(&rest, &line) && demo_text_is(line, "three"));
	cr_assert(!demo_line_next(&rest, &line));
}

Test(text, decimals_become_integers)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {
		{"0", 0},
		{"-0", 0},
		{"1", 100000000},
		{"236.47", 23647000000},
		{"-236.47", -23647000000},
		{"0.00000001", 1},
		{"0.000000005", 1},
		{"0.0000000049", 0},
		{"6e-9", 1},
		{"7.5e-7", 75},
		{"1E2", 10000000000},
		{"1e+2", 10000000000},
		{"00012.50", 1250000000},
		{".5", 50000000},
		{"1.0000000000000000000000001", 100000000},
		{"92233720368", 9223372036800000000},
		{"1e-300", 0},
		{"0e300", 0},
	};
	static const char *const bad[] = {
		"",
		"-",
		".",
		"x",
		"1x",
		"1.2.3",
		"1e",
		"1e+",
		"--1",
		"99999999999999999999",
		"922337203690",
		"1e300",
		" 1",
		"1 ",
	};
	int64_t value;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		cr_assert(demo_text_decimal_e8(text_of(good[i].text), &value), "%s", good[i].text);
		cr_assert_eq(value, good[i].value, "%s", good[i].text);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_assert(!demo_text_decimal_e8(text_of(bad[i]), &value), "%s", bad[i]);
}

Test(text, whole_numbers_are_checked_for_range)
{
	uint64_t value;
	cr_assert(demo_text_u64(text_of("18446744073709551615"), &value) && value == UINT64_MAX);
	cr_assert(!demo_text_u64(text_of("18446744073709551616"), &value));
	cr_assert(!demo_text_u64(text_of("-1"), &value));
	cr_assert(!demo_text_u64(text_of(""), &value));
}

Test(line, no_truncation_and_no_changed_byte_leads_out_of_bounds)
{
	static const char *const lines[] = {created_line, trade_line, snapshot_line, json_line};
	struct demo_books books;
	cr_assert_eq(demo_books_init(&books, 1, 0), 0);

	for (size_t n = 0; n < sizeof lines / sizeof lines[0]; n++) {
		size_t length = strlen(lines[n]);
		for (size_t bytes = 0; bytes <= length; bytes++) {
			for (int change = 0; change < 8; change++) {
				struct demo_snapshot_score score = {0};
				struct demo_record r;
				char *copy = malloc(bytes > 0 ? bytes : 1);
				cr_assert_not_null(copy);
				memcpy(copy, lines[n], bytes);
				if (bytes > 0 && change > 0)
					copy[bytes - 1] = "\"\\{}[],"[change - 1];
				struct demo_text line = {.at = copy, .bytes = bytes};
				(void)demo_line_parse(line, &r);
				(void)demo_snapshot_compare(&books, 0, line, 5, &score);
				free(copy);
			}
		}
	}
	demo_books_fini(&books);
}

Test(event, a_binary_payload_with_any_flipped_bit_is_no_event)
{
	struct demo_event event = {.kind = DEMO_CHANGED,
				   .side = DEMO_ASK,
				   .instrument = 9,
				   .id = 77,
				   .price_e8 = 1234,
				   .amount_e8 = 5678};
	struct demo_event back;
	uint8_t payload[DEMO_PAYLOAD_BYTES];

	demo_event_encode(&event, 42, payload);
	demo_event_decode(payload, sizeof payload, &back);
	cr_assert(demo_event_equal(&event, &back));
	for (size_t bit = 0; bit < sizeof payload * 8; bit++) {
		payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
		demo_event_decode(payload, sizeof payload, &back);
		cr_assert_eq(back.kind, DEMO_OTHER, "bit %zu", bit);
		payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bytes = 0; bytes < sizeof payload; bytes++) {
		demo_event_decode(payload, bytes, &back);
		cr_assert_eq(back.kind, DEMO_OTHER);
	}
}

Test(snapshot, levels_are_compared_place_by_place)
{
	struct demo_snapshot_score score = {0};
	struct demo_books books;
	cr_assert_eq(demo_books_init(&books, 1, 0), 0);
	const struct demo_event orders[] = {
		{.kind = DEMO_CREATED,
		 .id = 1,
		 .side = DEMO_BID,
		 .price_e8 = 23647000000,
		 .amount_e8 = 150000000},
		{.kind = DEMO_CREATED,
		 .id = 2,
		 .side = DEMO_BID,
		 .price_e8 = 23620000000,
		 .amount_e8 = 10000001},
	};
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(demo_books_apply(&books, &orders[i]), 0);
	cr_assert(demo_snapshot_compare(&books, 0, text_of(snapshot_line), 5, &score));
	cr_assert_eq(score.snapshot_count, 1);
	cr_assert_eq(score.level_count, 3);
	cr_assert_eq(score.equal_count, 1, "one amount is off by 10^-8, one level is not there");
	cr_assert(!demo_snapshot_compare(&books, 0, text_of(trade_line), 5, &score));
	cr_assert_eq(score.level_count, 3);
	demo_books_fini(&books);
}
