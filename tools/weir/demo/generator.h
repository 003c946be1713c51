/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange made of one seed: an endless stream of order events of 64 instruments, the same one
 * whenever it is asked again, so that nobody has to keep copies to know what event i was.
 *
 * Orders arrive around a price that wanders, are changed, cancelled, and hit by trades; a trade is
 * followed by the change or the delete of the order that it hit. Books never cross. The generator
 * keeps its own live orders, in another shape than book.h does: demo_generator_digest() is a
 * reference that shares no code with the books under test but the hash of one order.
 *
 * Thread: one at a time. No allocation.
 */
#ifndef WEIR_TOOLS_DEMO_GENERATOR_H
#define WEIR_TOOLS_DEMO_GENERATOR_H

#include "tools/weir/demo/book.h"

#define DEMO_MARKETS 64
#define DEMO_MARKET_ORDERS_MAX 192

struct demo_market_order {
	uint64_t id;
	int32_t price_ticks;
	int32_t amount_lots;
	enum demo_side side;
};

struct demo_market {
	int32_t middle_ticks;
	int32_t best_ticks[2]; /* of each side; 0: it is empty */
	uint32_t order_count;
	struct demo_market_order orders[DEMO_MARKET_ORDERS_MAX];
};

struct demo_generator {
	uint64_t random;
	uint64_t index; /* of the last event */
	uint64_t order_id;
	uint64_t trade_id;
	int32_t pending_lots; /* what the last trade takes off its order, next; 0: nothing */
	uint32_t pending_market;
	uint32_t pending_place;
	uint8_t payload[DEMO_PAYLOAD_BYTES];
	char keys[DEMO_MARKETS][8]; /* "WX-07": an instrument's name is its key */
	struct demo_market markets[DEMO_MARKETS];
};

void demo_generator_init(struct demo_generator *generator, uint64_t seed);

/* The next event. Its key and payload are good until the next call. */
void demo_generator_next(struct demo_generator *generator, struct demo_record *ret_record);

/* The live orders after the last event; room for DEMO_MARKETS. */
void demo_generator_digest(const struct demo_generator *generator, struct demo_digest *ret_digests);

#endif
