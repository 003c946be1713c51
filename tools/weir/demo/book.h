/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order books: what is left of every order, and the price levels that follow from it, for a set of
 * instruments. The demo builds the same books three times (by the group, from the journal, and
 * from the source without weir) and compares them.
 *
 * Rules, as real feeds need them: an order may be seen first by a change or a delete (it was placed
 * before the feed began); a second create or a change replaces; an id that was deleted stays dead,
 * so that what arrives late does not bring it back (the last `dead_ids_max` of them are kept in
 * mind); trades change nothing, because the change or delete of the order that was hit says it.
 *
 * Invariants: a level exists exactly while live orders with an amount stand at its price; its
 * amount is their sum; levels are sorted, best first.
 *
 * Thread: one at a time. Allocates as it grows.
 */
#ifndef WEIR_TOOLS_DEMO_BOOK_H
#define WEIR_TOOLS_DEMO_BOOK_H

#include "tools/weir/demo/event.h"

struct demo_level {
	int64_t price_e8;
	int64_t amount_e8;
	uint32_t order_count;
};

struct demo_book_side {
	struct demo_level *levels; /* best first */
	uint32_t level_count;
	uint32_t capacity;
};

struct demo_order;

struct demo_books {
	struct demo_book_side (*sides)[2]; /* of each instrument */
	uint32_t instrument_count;
	struct demo_order *orders; /* open addressing, by (instrument, id) */
	size_t slot_count;         /* a power of two */
	size_t used_count;         /* live and dead */
	size_t live_count;
	struct demo_order_name *dead; /* a ring: the oldest goes when it is full */
	size_t dead_ids_max;
	size_t dead_count;
	size_t dead_next;
};

/* What a book holds, in numbers that add up over parts of it (partitions). */
struct demo_digest {
	uint64_t order_count;
	uint64_t hash; /* sum of the orders' hashes: no order of arrival in it */
	int64_t amount_e8[2];
};

/* dead_ids_max: 0 when ids are never late. 0 or -ENOMEM. */
int demo_books_init(struct demo_books *books, uint32_t instrument_count, size_t dead_ids_max);
void demo_books_fini(struct demo_books *books);
void demo_books_clear(struct demo_books *books);

/* 0 or -ENOMEM, and then nothing was changed. */
int demo_books_apply(struct demo_books *books, const struct demo_event *event);

/* The best levels of a side, best first; how many there were, at most levels_max. */
size_t demo_books_top(const struct demo_books *books, uint32_t instrument, enum demo_side side,
		      struct demo_level *levels, size_t levels_max);

/* One for each instrument: room for instrument_count. */
void demo_books_digest(const struct demo_books *books, struct demo_digest *ret_digests);

/* Adds every live order of `from`: books of partitions become one. 0 or -ENOMEM. */
int demo_books_merge(struct demo_books *into, const struct demo_books *from);

/* How many instruments differ, in orders or in any level. Both have the same instrument_count. */
uint32_t demo_books_differ(const struct demo_books *a, const struct demo_books *b);

/* An order's part of a digest. */
uint64_t demo_order_hash(uint32_t instrument, uint64_t id, enum demo_side side, int64_t price_e8,
			 int64_t amount_e8);

void demo_digest_add(struct demo_digest *to, const struct demo_digest *more);
bool demo_digest_equal(const struct demo_digest *a, const struct demo_digest *b);

#endif
