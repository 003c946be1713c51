/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders in a hash table with linear probing (removal shifts back, so there are no tombstones of
 * its own), levels in sorted arrays: a book changes near its top, where an insertion moves little.
 *
 * Everything that may fail is done first (room in the table, room in the level array), so that
 * -ENOMEM leaves a whole book behind.
 */
#include "tools/weir/demo/book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

enum order_state { ORDER_NONE = 0, ORDER_LIVE = 1, ORDER_DEAD = 2 };

struct demo_order {
	uint64_t id;
	int64_t price_e8;
	int64_t amount_e8;
	uint32_t instrument;
	uint8_t side;
	uint8_t state;
};

struct demo_order_name {
	uint64_t id;
	uint32_t instrument;
};

#define SLOTS_FIRST 1024u
#define LEVELS_FIRST 32u

int demo_books_init(struct demo_books *books, uint32_t instrument_count, size_t dead_ids_max)
{
	*books = (struct demo_books){.instrument_count = instrument_count,
				     .slot_count = SLOTS_FIRST,
				     .dead_ids_max = dead_ids_max};
	books->sides = calloc(instrument_count, sizeof *books->sides);
	books->orders = calloc(books->slot_count, sizeof *books->orders);
	books->dead = dead_ids_max > 0 ? calloc(dead_ids_max, sizeof *books->dead) : NULL;
	if (books->sides == NULL || books->orders == NULL ||
	    (dead_ids_max > 0 && books->dead == NULL)) {
		demo_books_fini(books);
		return -ENOMEM;
	}
	return 0;
}

void demo_books_fini(struct demo_books *books)
{
	if (books->sides != NULL) {
		for (uint32_t i = 0; i < books->instrument_count; i++) {
			free(books->sides[i][DEMO_BID].levels);
			free(books->sides[i][DEMO_ASK].levels);
		}
	}
	free(books->sides);
	free(books->orders);
	free(books->dead);
	*books = (struct demo_books){0};
}

void demo_books_clear(struct demo_books *books)
{
	for (uint32_t i = 0; i < books->instrument_count; i++) {
		books->sides[i][DEMO_BID].level_count = 0;
		books->sides[i][DEMO_ASK].level_count = 0;
	}
	memset(books->orders, 0, books->slot_count * sizeof *books->orders);
	books->used_count = 0;
	books->live_count = 0;
	books->dead_count = 0;
	books->dead_next = 0;
}

/* --- the table of orders --------------------------------------------------------------------- */

static size_t home_of(const struct demo_books *books, uint32_t instrument, uint64_t id)
{
	return (size_t)demo_mix(id ^ ((uint64_t)instrument << 48)) & (books->slot_count - 1);
}

/* Where the order is, or where it would go. */
static size_t slot_of(const struct demo_books *books, uint32_t instrument, uint64_t id)
{
	size_t at = home_of(books, instrument, id);
	while (books->orders[at].state != ORDER_NONE &&
	       (books->orders[at].id != id || books->orders[at].instrument != instrument))
		at = (at + 1) & (books->slot_count - 1);
	return at;
}

static int reserve_slot(struct demo_books *books)
{
	if ((books->used_count + 1) * 10 < books->slot_count * 7)
		return 0;
	struct demo_books wider = *books;
	wider.slot_count = books->slot_count * 2;
	wider.orders = calloc(wider.slot_count, sizeof *wider.orders);
	if (wider.orders == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < books->slot_count; i++) {
		const struct demo_order *order = &books->orders[i];
		if (order->state != ORDER_NONE)
			wider.orders[slot_of(&wider, order->instrument, order->id)] = *order;
	}
	free(books->orders);
	*books = wider;
	return 0;
}

static void remove_slot(struct demo_books *books, size_t at)
{
	size_t mask = books->slot_count - 1;
	size_t hole = at;

	for (size_t next = (at + 1) & mask; books->orders[next].state != ORDER_NONE;
	     next = (next + 1) & mask) {
		const struct demo_order *order = &books->orders[next];
		size_t home = home_of(books, order->instrument, order->id);
		/* It may move into the hole unless its home lies behind the hole. */
		if (((next - home) & mask) >= ((next - hole) & mask)) {
			books->orders[hole] = *order;
			hole = next;
		}
	}
	books->orders[hole].state = ORDER_NONE;
	books->used_count--;
}

/* --- levels ---------------------------------------------------------------------------------- */

static struct demo_book_side *side_of(struct demo_books *books, const struct demo_order *order)
{
	return &books->sides[order->instrument][order->side];
}

/* The first place whose price is not better than `price_e8`. */
static uint32_t level_place(const struct demo_book_side *side, enum demo_side which,
			    int64_t price_e8)
{
	uint32_t low = 0;
	uint32_t high = side->level_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int64_t there = side->levels[middle].price_e8;
		bool better = which == DEMO_BID ? there > price_e8 : there < price_e8;
		if (better)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int reserve_level(struct demo_book_side *side)
{
	if (side->level_count < side->capacity)
		return 0;
	uint32_t capacity = side->capacity > 0 ? side->capacity * 2 : LEVELS_FIRST;
	struct demo_level *levels = realloc(side->levels, capacity * sizeof *levels);
	if (levels == NULL)
		return -ENOMEM;
	side->levels = levels;
	side->capacity = capacity;
	return 0;
}

/* The caller has reserved room for one more level. */
static void level_add(struct demo_books *books, const struct demo_order *order)
{
	struct demo_book_side *side = side_of(books, order);
	uint32_t at = level_place(side, (enum demo_side)order->side, order->price_e8);
	struct demo_level *level = &side->levels[at];

	if (at == side->level_count || level->price_e8 != order->price_e8) {
		memmove(level + 1, level, (side->level_count - at) * sizeof *level);
		*level = (struct demo_level){.price_e8 = order->price_e8};
		side->level_count++;
	}
	level->amount_e8 += order->amount_e8;
	level->order_count++;
}

static void level_take(struct demo_books *books, const struct demo_order *order)
{
	struct demo_book_side *side = side_of(books, order);
	uint32_t at = level_place(side, (enum demo_side)order->side, order->price_e8);
	struct demo_level *level = &side->levels[at];

	WR_ASSERT(at < side->level_count && level->price_e8 == order->price_e8);
	level->amount_e8 -= order->amount_e8;
	if (--level->order_count > 0)
		return;
	side->level_count--;
	memmove(level, level + 1, (side->level_count - at) * sizeof *level);
}

/* --- events ---------------------------------------------------------------------------------- */

/* Puts an order into a slot that slot_of() gave; with nothing left of it, it stands at no level. */
static void place_order(struct demo_books *books, size_t at, const struct demo_event *event)
{
	struct demo_order *order = &books->orders[at];

	if (order->state == ORDER_NONE)
		books->used_count++;
	if (order->state != ORDER_LIVE)
		books->live_count++;
	*order = (struct demo_order){.id = event->id,
				     .price_e8 = event->price_e8,
				     .amount_e8 = event->amount_e8,
				     .instrument = event->instrument,
				     .side = (uint8_t)event->side,
				     .state = ORDER_LIVE};
	if (order->amount_e8 > 0)
		level_add(books, order);
}

static void lift_order(struct demo_books *books, struct demo_order *order)
{
	if (order->state != ORDER_LIVE)
		return;
	if (order->amount_e8 > 0)
		level_take(books, order);
	books->live_count--;
}

/* Remembers a deleted id, and forgets the oldest of them when the ring is full. */
static void bury(struct demo_books *books, size_t at, const struct demo_event *event)
{
	struct demo_order *order = &books->orders[at];

	if (order->state == ORDER_NONE)
		books->used_count++;
	*order = (struct demo_order){
		.id = event->id, .instrument = event->instrument, .state = ORDER_DEAD};

	struct demo_order_name *name = &books->dead[books->dead_next];
	struct demo_order_name oldest = *name;
	*name = (struct demo_order_name){.id = event->id, .instrument = event->instrument};
	books->dead_next = (books->dead_next + 1) % books->dead_ids_max;
	if (books->dead_count < books->dead_ids_max)
		books->dead_count++;
	else
		remove_slot(books, slot_of(books, oldest.instrument, oldest.id));
}

static void delete_order(struct demo_books *books, size_t at, const struct demo_event *event)
{
	struct demo_order *order = &books->orders[at];

	if (order->state == ORDER_DEAD)
		return;
	bool known = order->state == ORDER_LIVE;
	lift_order(books, order);
	if (books->dead_ids_max > 0)
		bury(books, at, event);
	else if (known)
		remove_slot(books, at);
}

int demo_books_apply(struct demo_books *books, const struct demo_event *event)
{
	bool placed = event->kind == DEMO_CREATED || event->kind == DEMO_CHANGED;

	if (!placed && event->kind != DEMO_DELETED)
		return 0;
	if (event->instrument >= books->instrument_count)
		return 0;
	if (reserve_slot(books) < 0)
		return -ENOMEM;
	if (placed && reserve_level(&books->sides[event->instrument][event->side]) < 0)
		return -ENOMEM;

	size_t at = slot_of(books, event->instrument, event->id);
	if (!placed) {
		delete_order(books, at, event);
	} else if (books->orders[at].state != ORDER_DEAD) {
		if (books->orders[at].state == ORDER_LIVE) {
			lift_order(books, &books->orders[at]);
			books->orders[at].state = ORDER_DEAD; /* counted in used, not in live */
		}
		place_order(books, at, event);
	}
	return 0;
}

size_t demo_books_top(const struct demo_books *books, uint32_t instrument, enum demo_side side,
		      struct demo_level *levels, size_t levels_max)
{
	const struct demo_book_side *from = &books->sides[instrument][side];
	size_t count = from->level_count < levels_max ? from->level_count : levels_max;
	if (count > 0)
		memcpy(levels, from->levels, count * sizeof *levels);
	return count;
}

int demo_books_merge(struct demo_books *into, const struct demo_books *from)
{
	for (size_t i = 0; i < from->slot_count; i++) {
		const struct demo_order *order = &from->orders[i];
		if (order->state != ORDER_LIVE)
			continue;
		struct demo_event event = {.kind = DEMO_CREATED,
					   .side = (enum demo_side)order->side,
					   .instrument = order->instrument,
					   .id = order->id,
					   .price_e8 = order->price_e8,
					   .amount_e8 = order->amount_e8};
		if (demo_books_apply(into, &event) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* --- comparing ------------------------------------------------------------------------------- */

uint64_t demo_order_hash(uint32_t instrument, uint64_t id, enum demo_side side, int64_t price_e8,
			 int64_t amount_e8)
{
	uint64_t h = demo_mix(id ^ ((uint64_t)instrument << 40));
	h = demo_mix(h ^ (uint64_t)price_e8 ^ ((uint64_t)side << 63));
	return demo_mix(h ^ (uint64_t)amount_e8);
}

void demo_books_digest(const struct demo_books *books, struct demo_digest *ret_digests)
{
	memset(ret_digests, 0, books->instrument_count * sizeof *ret_digests);
	for (size_t i = 0; i < books->slot_count; i++) {
		const struct demo_order *order = &books->orders[i];
		if (order->state != ORDER_LIVE)
			continue;
		struct demo_digest *digest = &ret_digests[order->instrument];
		digest->order_count++;
		digest->hash +=
			demo_order_hash(order->instrument, order->id, (enum demo_side)order->side,
					order->price_e8, order->amount_e8);
		digest->amount_e8[order->side] += order->amount_e8;
	}
}

void demo_digest_add(struct demo_digest *to, const struct demo_digest *more)
{
	to->order_count += more->order_count;
	to->hash += more->hash;
	to->amount_e8[DEMO_BID] += more->amount_e8[DEMO_BID];
	to->amount_e8[DEMO_ASK] += more->amount_e8[DEMO_ASK];
}

bool demo_digest_equal(const struct demo_digest *a, const struct demo_digest *b)
{
	return a->order_count == b->order_count && a->hash == b->hash &&
	       a->amount_e8[DEMO_BID] == b->amount_e8[DEMO_BID] &&
	       a->amount_e8[DEMO_ASK] == b->amount_e8[DEMO_ASK];
}

static bool sides_equal(const struct demo_book_side *a, const struct demo_book_side *b)
{
	if (a->level_count != b->level_count)
		return false;
	for (uint32_t i = 0; i < a->level_count; i++)
		if (a->levels[i].price_e8 != b->levels[i].price_e8 ||
		    a->levels[i].amount_e8 != b->levels[i].amount_e8 ||
		    a->levels[i].order_count != b->levels[i].order_count)
			return false;
	return true;
}

/* Orders of `a` that `b` does not have just so, marked at their instruments. */
static void mark_orders(const struct demo_books *a, const struct demo_books *b, uint8_t *differs)
{
	for (size_t i = 0; i < a->slot_count; i++) {
		const struct demo_order *order = &a->orders[i];
		if (order->state != ORDER_LIVE)
			continue;
		size_t at = slot_of(b, order->instrument, order->id);
		const struct demo_order *twin = &b->orders[at];
		if (twin->state != ORDER_LIVE || twin->price_e8 != order->price_e8 ||
		    twin->amount_e8 != order->amount_e8 || twin->side != order->side)
			differs[order->instrument] = 1;
	}
}

uint32_t demo_books_differ(const struct demo_books *a, const struct demo_books *b)
{
	uint8_t differs[DEMO_INSTRUMENTS_MAX] = {0};
	uint32_t count = 0;

	mark_orders(a, b, differs);
	mark_orders(b, a, differs);
	for (uint32_t i = 0; i < a->instrument_count; i++) {
		if (!sides_equal(&a->sides[i][DEMO_BID], &b->sides[i][DEMO_BID]) ||
		    !sides_equal(&a->sides[i][DEMO_ASK], &b->sides[i][DEMO_ASK]))
			differs[i] = 1;
		count += differs[i];
	}
	return count;
}
