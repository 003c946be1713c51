/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   the order books of the demo are right, since its verdict rests on them; and they can be
 *         told apart when anything in them differs.
 * Method: the rules one by one; then random events against a model that knows no hash table and no
 *         sorted array (a list of orders, summed up anew for each question); then the generator's
 *         own live orders against the books built from its events.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/demo/book.h"
#include "tools/weir/demo/generator.h"

static struct demo_event event_of(enum demo_kind kind, uint64_t id, enum demo_side side,
				  int64_t price, int64_t amount)
{
	return (struct demo_event){
		.kind = kind, .side = side, .id = id, .price_e8 = price, .amount_e8 = amount};
}

static void apply(struct demo_books *books, enum demo_kind kind, uint64_t id, enum demo_side side,
		  int64_t price, int64_t amount)
{
	struct demo_event event = event_of(kind, id, side, price, amount);
	cr_assert_eq(demo_books_apply(books, &event), 0);
}

static void expect_top(const struct demo_books *books, enum demo_side side, size_t count,
		       const int64_t (*want)[2])
{
	struct demo_level levels[16];
	cr_assert_eq(demo_books_top(books, 0, side, levels, 16), count);
	for (size_t i = 0; i < count; i++) {
		cr_assert_eq(levels[i].price_e8, want[i][0]);
		cr_assert_eq(levels[i].amount_e8, want[i][1]);
	}
}

static struct demo_books books_of(uint32_t instruments, size_t dead)
{
	struct demo_books books;
	cr_assert_eq(demo_books_init(&books, instruments, dead), 0);
	return books;
}

Test(book, levels_are_sums_of_orders_and_stand_best_first)
{
	struct demo_books books = books_of(1, 0);
	apply(&books, DEMO_CREATED, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_CREATED, 2, DEMO_BID, 102, 7);
	apply(&books, DEMO_CREATED, 3, DEMO_BID, 100, 1);
	apply(&books, DEMO_CREATED, 4, DEMO_ASK, 110, 3);
	apply(&books, DEMO_CREATED, 5, DEMO_ASK, 105, 2);
	expect_top(&books, DEMO_BID, 2, (const int64_t[][2]){{102, 7}, {100, 6}});
	expect_top(&books, DEMO_ASK, 2, (const int64_t[][2]){{105, 2}, {110, 3}});
	apply(&books, DEMO_DELETED, 2, DEMO_BID, 102, 0);
	apply(&books, DEMO_CHANGED, 3, DEMO_BID, 100, 9);
	expect_top(&books, DEMO_BID, 1, (const int64_t[][2]){{100, 14}});
	demo_books_fini(&books);
}

Test(book, a_change_may_move_an_order_to_another_price_and_side)
{
	struct demo_books books = books_of(1, 0);
	apply(&books, DEMO_CREATED, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_CHANGED, 1, DEMO_ASK, 120, 4);
	expect_top(&books, DEMO_BID, 0, NULL);
	expect_top(&books, DEMO_ASK, 1, (const int64_t[][2]){{120, 4}});
	demo_books_fini(&books);
}

Test(book, a_delete_needs_only_the_id)
{
	/* Real feeds send deletes with another amount, and may send another price. */
	struct demo_books books = books_of(1, 4);
	apply(&books, DEMO_CREATED, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_DELETED, 1, DEMO_ASK, 7, 99);
	expect_top(&books, DEMO_BID, 0, NULL);
	cr_assert_eq(books.live_count, 0);
	demo_books_fini(&books);
}

Test(book, an_order_with_nothing_left_stands_at_no_level)
{
	struct demo_books books = books_of(1, 0);
	apply(&books, DEMO_CREATED, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_CHANGED, 1, DEMO_BID, 100, 0);
	expect_top(&books, DEMO_BID, 0, NULL);
	apply(&books, DEMO_DELETED, 1, DEMO_BID, 100, 0);
	cr_assert_eq(books.live_count, 0);
	demo_books_fini(&books);
}

Test(book, an_order_may_be_seen_first_by_its_change_or_its_delete)
{
	struct demo_books books = books_of(1, 4);
	apply(&books, DEMO_CHANGED, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_DELETED, 2, DEMO_BID, 100, 5);
	expect_top(&books, DEMO_BID, 1, (const int64_t[][2]){{100, 5}});
	demo_books_fini(&books);
}

Test(book, what_comes_after_a_delete_does_not_bring_the_order_back)
{
	struct demo_books books = books_of(1, 4);
	apply(&books, DEMO_CREATED, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_DELETED, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_CREATED, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_CHANGED, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_DELETED, 1, DEMO_BID, 100, 5);
	expect_top(&books, DEMO_BID, 0, NULL);
	demo_books_fini(&books);
}

Test(book, dead_ids_are_kept_in_mind_up_to_their_limit)
{
	struct demo_books books = books_of(1, 3);
	for (uint64_t id = 1; id <= 1000; id++) {
		apply(&books, DEMO_CREATED, id, DEMO_BID, 100, 1);
		apply(&books, DEMO_DELETED, id, DEMO_BID, 100, 1);
	}
	cr_assert_eq(books.used_count, 3, "memory for dead ids is bounded");
	apply(&books, DEMO_CREATED, 998, DEMO_BID, 100, 1);
	cr_assert_eq(books.live_count, 0);
	apply(&books, DEMO_CREATED, 997, DEMO_BID, 100, 1);
	cr_assert_eq(books.live_count, 1, "the fourth oldest is forgotten");
	demo_books_fini(&books);
}

Test(book, trades_snapshots_and_unknown_instruments_change_nothing)
{
	struct demo_books books = books_of(1, 4);
	apply(&books, DEMO_TRADE, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_SNAPSHOT, 1, DEMO_BID, 100, 5);
	apply(&books, DEMO_OTHER, 1, DEMO_BID, 100, 5);
	struct demo_event event = event_of(DEMO_CREATED, 1, DEMO_BID, 100, 5);
	event.instrument = 1;
	cr_assert_eq(demo_books_apply(&books, &event), 0);
	cr_assert_eq(books.used_count, 0);
	demo_books_fini(&books);
}

/* --- against a model -------------------------------------------------------------------------- */

#define MODEL_IDS 400
#define MODEL_INSTRUMENTS 3

struct model_order {
	bool live;
	bool dead;
	struct demo_event event;
};

static struct model_order model[MODEL_INSTRUMENTS][MODEL_IDS];

static void model_apply(const struct demo_event *event)
{
	struct model_order *order = &model[event->instrument][event->id];
	if (event->kind == DEMO_DELETED) {
		order->live = false;
		order->dead = true;
	} else if (!order->dead) {
		order->live = true;
		order->event = *event;
	}
}

static int64_t model_amount(uint32_t instrument, enum demo_side side, int64_t price)
{
	int64_t amount = 0;
	for (size_t i = 0; i < MODEL_IDS; i++) {
		const struct model_order *order = &model[instrument][i];
		if (order->live && order->event.side == side && order->event.price_e8 == price)
			amount += order->event.amount_e8;
	}
	return amount;
}

static void compare_with_model(const struct demo_books *books)
{
	struct demo_digest digests[MODEL_INSTRUMENTS];
	demo_books_digest(books, digests);
	for (uint32_t n = 0; n < MODEL_INSTRUMENTS; n++) {
		uint64_t live = 0;
		for (size_t i = 0; i < MODEL_IDS; i++)
			live += model[n][i].live;
		cr_assert_eq(digests[n].order_count, live);
		for (unsigned s = 0; s < 2; s++) {
			struct demo_level levels[64];
			size_t count = demo_books_top(books, n, (enum demo_side)s, levels, 64);
			size_t at = 0;
			for (int64_t p = 0; p < 30; p++) {
				int64_t price = s == DEMO_BID ? 29 - p : p;
				int64_t want = model_amount(n, (enum demo_side)s, price);
				if (want == 0)
					continue;
				cr_assert_lt(at, count);
				cr_assert_eq(levels[at].price_e8, price);
				cr_assert_eq(levels[at].amount_e8, want);
				at++;
			}
			cr_assert_eq(at, count);
		}
	}
}

static struct demo_event random_event(uint64_t *random)
{
	uint64_t r = demo_mix((*random)++);
	struct demo_event event = {
		.kind = r % 5 < 3    ? DEMO_CREATED
			: r % 5 == 3 ? DEMO_CHANGED
				     : DEMO_DELETED,
		.side = (r >> 8) % 2 != 0 ? DEMO_ASK : DEMO_BID,
		.instrument = (uint32_t)((r >> 16) % MODEL_INSTRUMENTS),
		.id = (r >> 24) % MODEL_IDS,
		.price_e8 = (int64_t)((r >> 40) % 30),
		.amount_e8 = (int64_t)((r >> 50) % 6),
	};
	return event;
}

Test(book, random_events_give_what_a_plain_list_gives)
{
	struct demo_books books = books_of(MODEL_INSTRUMENTS, MODEL_IDS * MODEL_INSTRUMENTS);
	uint64_t random = 1;

	for (int round = 0; round < 20; round++) {
		memset(model, 0, sizeof model);
		demo_books_clear(&books);
		for (int i = 0; i < 1000; i++) {
			struct demo_event event = random_event(&random);
			model_apply(&event);
			cr_assert_eq(demo_books_apply(&books, &event), 0);
			if (i % 50 == 0)
				compare_with_model(&books);
		}
		compare_with_model(&books);
	}
	demo_books_fini(&books);
}

Test(book, parts_by_id_merge_into_the_whole_and_their_digests_add_up)
{
	struct demo_books whole = books_of(MODEL_INSTRUMENTS, 4096);
	struct demo_books merged = books_of(MODEL_INSTRUMENTS, 0);
	struct demo_books parts[4];
	struct demo_digest sum[MODEL_INSTRUMENTS] = {{0}};
	struct demo_digest digest[MODEL_INSTRUMENTS];
	uint64_t random = 7;

	for (int i = 0; i < 4; i++)
		parts[i] = books_of(MODEL_INSTRUMENTS, 4096);
	for (int i = 0; i < 5000; i++) {
		struct demo_event event = random_event(&random);
		cr_assert_eq(demo_books_apply(&whole, &event), 0);
		cr_assert_eq(demo_books_apply(&parts[event.id % 4], &event), 0);
	}
	for (int i = 0; i < 4; i++) {
		demo_books_digest(&parts[i], digest);
		for (int n = 0; n < MODEL_INSTRUMENTS; n++)
			demo_digest_add(&sum[n], &digest[n]);
		cr_assert_eq(demo_books_merge(&merged, &parts[i]), 0);
		demo_books_fini(&parts[i]);
	}
	demo_books_digest(&whole, digest);
	for (int n = 0; n < MODEL_INSTRUMENTS; n++)
		cr_assert(demo_digest_equal(&sum[n], &digest[n]));
	cr_assert_eq(demo_books_differ(&whole, &merged), 0);
	demo_books_fini(&whole);
	demo_books_fini(&merged);
}

Test(book, any_difference_is_found)
{
	const struct demo_event base = event_of(DEMO_CREATED, 1, DEMO_BID, 100, 5);
	struct demo_event others[5] = {base, base, base, base, base};
	others[0].id = 2;
	others[1].side = DEMO_ASK;
	others[2].price_e8 = 101;
	others[3].amount_e8 = 6;
	others[4].instrument = 1;

	for (int i = 0; i < 5; i++) {
		struct demo_books a = books_of(2, 0);
		struct demo_books b = books_of(2, 0);
		struct demo_digest left[2];
		struct demo_digest right[2];
		cr_assert_eq(demo_books_apply(&a, &base), 0);
		cr_assert_eq(demo_books_apply(&b, &others[i]), 0);
		cr_assert_neq(demo_books_differ(&a, &b), 0, "case %d", i);
		demo_books_digest(&a, left);
		demo_books_digest(&b, right);
		cr_assert(!demo_digest_equal(&left[0], &right[0]), "case %d", i);
		demo_books_clear(&b);
		cr_assert_eq(demo_books_differ(&a, &b), 1, "one is empty");
		cr_assert_eq(demo_books_differ(&b, &a), 1, "the other is empty");
		demo_books_fini(&a);
		demo_books_fini(&b);
	}
}

/* --- the generator ---------------------------------------------------------------------------- */

static struct demo_generator generator;
static struct demo_generator twin;

Test(generator, one_seed_is_one_stream)
{
	struct demo_record a;
	struct demo_record b;
	size_t equal_count = 0;

	demo_generator_init(&generator, 5);
	demo_generator_init(&twin, 5);
	for (uint64_t i = 1; i <= 20000; i++) {
		demo_generator_next(&generator, &a);
		demo_generator_next(&twin, &b);
		cr_assert_eq(a.index, i);
		cr_assert(demo_text_equal(a.key, b.key));
		cr_assert(demo_text_equal(a.payload, b.payload));
	}
	demo_generator_init(&generator, 5);
	demo_generator_init(&twin, 6);
	for (uint64_t i = 1; i <= 1000; i++) {
		demo_generator_next(&generator, &a);
		demo_generator_next(&twin, &b);
		equal_count += demo_text_equal(a.payload, b.payload);
	}
	cr_assert_eq(equal_count, 0);
}

Test(generator, books_built_from_its_events_are_its_own_live_orders)
{
	struct demo_books books = books_of(DEMO_MARKETS, 0);
	struct demo_digest want[DEMO_MARKETS];
	struct demo_digest got[DEMO_MARKETS];
	uint64_t kinds[6] = {0};

	demo_generator_init(&generator, 1);
	for (uint64_t i = 1; i <= 200000; i++) {
		struct demo_record record;
		struct demo_event event;
		demo_generator_next(&generator, &record);
		demo_event_decode(record.payload.at, record.payload.bytes, &event);
		cr_assert(demo_event_equal(&event, &record.event));
		cr_assert_eq(demo_books_apply(&books, &event), 0);
		kinds[event.kind]++;
		if (i % 997 != 0)
			continue;
		demo_generator_digest(&generator, want);
		demo_books_digest(&books, got);
		for (uint32_t n = 0; n < DEMO_MARKETS; n++) {
			struct demo_level bid;
			struct demo_level ask;
			cr_assert(demo_digest_equal(&want[n], &got[n]), "event %zu", (size_t)i);
			if (demo_books_top(&books, n, DEMO_BID, &bid, 1) == 1 &&
			    demo_books_top(&books, n, DEMO_ASK, &ask, 1) == 1)
				cr_assert_lt(bid.price_e8, ask.price_e8, "a book crosses");
		}
	}
	for (int kind = DEMO_CREATED; kind <= DEMO_TRADE; kind++)
		cr_assert_gt(kinds[kind], 2000, "too few of kind %d", kind);
	demo_books_fini(&books);
}
