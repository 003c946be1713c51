/* SPDX-License-Identifier: Apache-2.0 */
/* weir's fan, a ring for each producer, as a contender of bench/ring.h. Thread: as there. */
#include <weir/ring_fan.h>

#include "bench/ring.h"

RING_ALWAYS_INLINE void peer_push_all(struct ring_side *s, const uint64_t *items, uint32_t batch,
				      uint32_t payload_bytes)
{
	int64_t n = batch == 1 ? weir_ring_push_wait(s->handle, items, payload_bytes, WEIR_FOREVER)
			       : weir_ring_push_many_wait(s->handle, items, batch, payload_bytes,
							  WEIR_FOREVER);
	/* Closed by the last producer only: cannot be. Counts would not agree. */
	if (n < 0)
		s->faults++;
}

RING_ALWAYS_INLINE uint32_t peer_pop(struct ring_side *s, uint64_t *items, uint32_t batch,
				     uint32_t payload_bytes)
{
	if (batch == 1)
		return weir_ring_fan_pop_wait(s->handle, items, payload_bytes, WEIR_FOREVER) == 0;
	int n = weir_ring_fan_pop_many_wait(s->handle, items, batch, payload_bytes, WEIR_FOREVER);
	return n > 0 ? (uint32_t)n : 0;
}

#include "bench/ring_loop.h"

static bool fan_has(const struct ring_cell *cell)
{
	return cell->shape == RING_MPSC || cell->shape == RING_MPMC;
}

/* As bench/ring_weir.c does. */
static void warm(struct ring_run *run)
{
	static const uint64_t item[RING_PAYLOAD_MAX / 8];
	uint64_t sink[RING_PAYLOAD_MAX / 8];
	uint32_t bytes = run->cell.payload_bytes;
	for (uint32_t i = 0; i < run->cell.producers; i++)
		while (weir_ring_push(run->producers[i].handle, item, bytes) == 0)
			;
	while (weir_ring_fan_pop(run->consumers[0].handle, sink, bytes) == 0)
		;
}

/* No more room than a ring has: each branch has its share, a power of two. */
static uint64_t share_of(const struct ring_cell *cell)
{
	uint64_t share = cell->capacity;
	while (share > 1 && share * cell->producers > cell->capacity)
		share /= 2;
	return share;
}

static int fan_open(struct ring_run *run)
{
	const struct ring_cell *cell = &run->cell;
	struct weir_ring_options o;
	struct weir_ring_fan *fan;
	int code;

	weir_ring_options_init(&o);
	o.producers = WEIR_RING_MANY_PRODUCERS;
	o.consumers =
		cell->shape == RING_MPMC ? WEIR_RING_SHARING_CONSUMERS : WEIR_RING_ONE_CONSUMER;
	o.producers_max = cell->producers;
	o.consumers_max = cell->consumers;
	o.slot_bytes = cell->payload_bytes;
	o.capacity = share_of(cell);
	o.wait = cell->wait;
	code = weir_ring_fan_create(&o, &fan, NULL);
	if (code < 0)
		return code;
	run->ring = fan;
	for (uint32_t i = 0; code == 0 && i < cell->producers; i++) {
		struct weir_ring_producer *p = NULL;
		code = weir_ring_fan_producer_open(fan, &p);
		run->producers[i].handle = p;
	}
	for (uint32_t i = 0; code == 0 && i < cell->consumers; i++) {
		struct weir_ring_fan_consumer *c = NULL;
		code = weir_ring_fan_consumer_open(fan, &c);
		run->consumers[i].handle = c;
	}
	if (code < 0)
		weir_ring_fan_destroy(fan);
	else
		warm(run);
	return code;
}

static void fan_close(struct ring_run *run)
{
	weir_ring_fan_destroy(run->ring);
}

static void fan_finish(struct ring_run *run)
{
	weir_ring_fan_close(run->ring);
}

const struct ring_peer ring_peer_weir_fan = {
	.name = "weir fan",
	.version = RING_WEIR_VERSION,
	.package = "weir",
	.flags = RING_PEER_FLAGS,
	.differs = "a ring of its own for each producer, with its share of the capacity",
	.has = fan_has,
	.open = fan_open,
	.close = fan_close,
	.produce = loop_produce,
	.consume = loop_consume,
	.finish = fan_finish,
	.by_producer = true,
};
