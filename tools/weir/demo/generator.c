/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generated exchange. Best prices are kept beside the orders and looked for again only when the
 * best order goes, so that an event costs some tens of nanoseconds: the demo measures weir, not
 * this. A state that would need a choice (no room, nobody to cancel) becomes a create or a delete.
 */
#include "tools/weir/demo/generator.h"

#include <stdio.h>
#include <string.h>

#define TICK_E8 1000000 /* a cent */
#define LOT_E8 1000000  /* a hundredth */
#define ORDERS_FEW 24u  /* below this a market only takes orders in */
#define DEPTH_TICKS 40  /* how far from the middle an order is placed */
#define LOTS_MAX 2000
#define MIDDLE_TICKS_MIN 1000

static uint64_t draw(struct demo_generator *generator)
{
	generator->random += 0x9e3779b97f4a7c15ull;
	return demo_mix(generator->random);
}

void demo_generator_init(struct demo_generator *generator, uint64_t seed)
{
	memset(generator, 0, sizeof *generator);
	generator->random = demo_mix(seed);
	for (uint32_t i = 0; i < DEMO_MARKETS; i++) {
		snprintf(generator->keys[i], sizeof generator->keys[i], "WX-%02u", i);
		generator->markets[i].middle_ticks =
			MIDDLE_TICKS_MIN * 2 + (int32_t)(draw(generator) % 50000);
	}
}

static bool better(enum demo_side side, int32_t a_ticks, int32_t b_ticks)
{
	if (b_ticks == 0)
		return true;
	return side == DEMO_BID ? a_ticks > b_ticks : a_ticks < b_ticks;
}

static void find_best(struct demo_market *market, enum demo_side side)
{
	int32_t best = 0;
	for (uint32_t i = 0; i < market->order_count; i++) {
		const struct demo_market_order *order = &market->orders[i];
		if (order->side == side && better(side, order->price_ticks, best))
			best = order->price_ticks;
	}
	market->best_ticks[side] = best;
}

static struct demo_event event_of(uint32_t instrument, const struct demo_market_order *order,
				  enum demo_kind kind)
{
	return (struct demo_event){.kind = kind,
				   .side = order->side,
				   .instrument = instrument,
				   .id = order->id,
				   .price_e8 = (int64_t)order->price_ticks * TICK_E8,
				   .amount_e8 = (int64_t)order->amount_lots * LOT_E8};
}

static struct demo_event create(struct demo_generator *generator, uint32_t instrument)
{
	struct demo_market *market = &generator->markets[instrument];
	uint64_t random = draw(generator);
	enum demo_side side = (random & 1) != 0 ? DEMO_ASK : DEMO_BID;
	int32_t other = market->best_ticks[side == DEMO_BID ? DEMO_ASK : DEMO_BID];
	/* The smaller of two draws: most orders stand near the middle. */
	int32_t far = 1 + (int32_t)((random >> 8) % DEPTH_TICKS);
	int32_t near = 1 + (int32_t)((random >> 24) % DEPTH_TICKS);
	int32_t away = far < near ? far : near;
	int32_t price = market->middle_ticks + (side == DEMO_BID ? -away : away);

	if (side == DEMO_BID && other != 0 && price >= other)
		price = other - 1;
	if (side == DEMO_ASK && other != 0 && price <= other)
		price = other + 1;
	struct demo_market_order *order = &market->orders[market->order_count++];
	*order = (struct demo_market_order){.id = ++generator->order_id,
					    .price_ticks = price,
					    .amount_lots = 1 + (int32_t)((random >> 40) % LOTS_MAX),
					    .side = side};
	if (better(side, price, market->best_ticks[side]))
		market->best_ticks[side] = price;
	return event_of(instrument, order, DEMO_CREATED);
}

static struct demo_event cancel(struct demo_market *market, uint32_t instrument, uint32_t place)
{
	struct demo_market_order order = market->orders[place];

	market->orders[place] = market->orders[--market->order_count];
	if (order.price_ticks == market->best_ticks[order.side])
		find_best(market, order.side);
	return event_of(instrument, &order, DEMO_DELETED);
}

/* Takes `lots` off the order: its change, or its delete when nothing is left. */
static struct demo_event shrink(struct demo_market *market, uint32_t instrument, uint32_t place,
				int32_t lots)
{
	market->orders[place].amount_lots -= lots;
	if (market->orders[place].amount_lots == 0)
		return cancel(market, instrument, place);
	return event_of(instrument, &market->orders[place], DEMO_CHANGED);
}

static bool best_order(const struct demo_market *market, enum demo_side side, uint32_t *ret_place)
{
	for (uint32_t i = 0; i < market->order_count; i++) {
		if (market->orders[i].side == side &&
		    market->orders[i].price_ticks == market->best_ticks[side]) {
			*ret_place = i;
			return true;
		}
	}
	return false;
}

static struct demo_event trade(struct demo_generator *generator, uint32_t instrument)
{
	struct demo_market *market = &generator->markets[instrument];
	uint64_t random = draw(generator);
	enum demo_side side = (random & 1) != 0 ? DEMO_ASK : DEMO_BID;
	uint32_t place;

	if (!best_order(market, side, &place))
		return market->order_count < DEMO_MARKET_ORDERS_MAX ? create(generator, instrument)
								    : cancel(market, instrument, 0);
	int32_t lots = market->orders[place].amount_lots;
	if ((random & 2) != 0)
		lots = 1 + (int32_t)((random >> 8) % (uint64_t)lots);
	struct demo_event event = event_of(instrument, &market->orders[place], DEMO_TRADE);
	event.id = ++generator->trade_id;
	event.amount_e8 = (int64_t)lots * LOT_E8;
	generator->pending_lots = lots;
	generator->pending_market = instrument;
	generator->pending_place = place;
	/* Who sells pushes the price down, who buys pushes it up. */
	if (side == DEMO_ASK)
		market->middle_ticks++;
	else if (market->middle_ticks > MIDDLE_TICKS_MIN)
		market->middle_ticks--;
	return event;
}

static struct demo_event step(struct demo_generator *generator)
{
	if (generator->pending_lots > 0) {
		int32_t lots = generator->pending_lots;
		generator->pending_lots = 0;
		return shrink(&generator->markets[generator->pending_market],
			      generator->pending_market, generator->pending_place, lots);
	}
	uint64_t random = draw(generator);
	uint32_t instrument = (uint32_t)(random % DEMO_MARKETS);
	uint32_t what = (uint32_t)(random >> 8) % 100;
	struct demo_market *market = &generator->markets[instrument];

	if (market->order_count < ORDERS_FEW ||
	    (what < 48 && market->order_count < DEMO_MARKET_ORDERS_MAX))
		return create(generator, instrument);
	uint32_t place = (uint32_t)(random >> 32) % market->order_count;
	if (what >= 95)
		return trade(generator, instrument);
	if (what >= 88 && market->orders[place].amount_lots > 1)
		return shrink(market, instrument, place, market->orders[place].amount_lots / 2);
	return cancel(market, instrument, place);
}

void demo_generator_next(struct demo_generator *generator, struct demo_record *ret_record)
{
	struct demo_event event = step(generator);

	generator->index++;
	demo_event_encode(&event, generator->index, generator->payload);
	*ret_record = (struct demo_record){
		.index = generator->index,
		.event = event,
		.key = {.at = generator->keys[event.instrument],
			.bytes = strlen(generator->keys[event.instrument])},
		.payload = {.at = (const char *)generator->payload, .bytes = DEMO_PAYLOAD_BYTES},
	};
}

void demo_generator_digest(const struct demo_generator *generator, struct demo_digest *ret_digests)
{
	memset(ret_digests, 0, DEMO_MARKETS * sizeof *ret_digests);
	for (uint32_t i = 0; i < DEMO_MARKETS; i++) {
		struct demo_digest *digest = &ret_digests[i];
		for (uint32_t k = 0; k < generator->markets[i].order_count; k++) {
			struct demo_event event =
				event_of(i, &generator->markets[i].orders[k], DEMO_CREATED);
			digest->order_count++;
			digest->hash += demo_order_hash(i, event.id, event.side, event.price_e8,
							event.amount_e8);
			digest->amount_e8[event.side] += event.amount_e8;
		}
	}
}
