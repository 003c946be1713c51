/* SPDX-License-Identifier: Apache-2.0 */
/* weir's rings as a contender of bench/ring.h. Thread: as there. */
#include <stdlib.h>

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
		return weir_ring_pop_wait(s->handle, items, payload_bytes, WEIR_FOREVER) == 0;
	int n = weir_ring_pop_many_wait(s->handle, items, batch, payload_bytes, WEIR_FOREVER);
	return n > 0 ? (uint32_t)n : 0;
}

#include "bench/ring_loop.h"

static bool weir_has(const struct ring_cell *cell)
{
	(void)cell;
	return true;
}

/* Filled and emptied once, as the peers are: no run pays for pages that were never touched. */
static void warm(struct ring_run *run)
{
	static const uint64_t item[RING_PAYLOAD_MAX / 8];
	uint64_t sink[RING_PAYLOAD_MAX / 8];
	uint32_t bytes = run->cell.payload_bytes;
	uint32_t readers = run->cell.shape == RING_MULTICAST ? run->cell.consumers : 1;
	while (weir_ring_push(run->producers[0].handle, item, bytes) == 0)
		;
	for (uint32_t i = 0; i < readers; i++)
		while (weir_ring_pop(run->consumers[i].handle, sink, bytes) == 0)
			;
}

static int weir_bench_open(struct ring_run *run)
{
	const struct ring_cell *cell = &run->cell;
	struct weir_ring_options o;
	struct weir_ring *ring;
	int code;

	weir_ring_options_init(&o);
	o.producers = cell->shape == RING_MPSC || cell->shape == RING_MPMC
			      ? WEIR_RING_MANY_PRODUCERS
			      : WEIR_RING_ONE_PRODUCER;
	o.consumers = cell->shape == RING_MULTICAST ? WEIR_RING_EVERY_CONSUMER
		      : cell->shape == RING_SPMC || cell->shape == RING_MPMC
			      ? WEIR_RING_SHARING_CONSUMERS
			      : WEIR_RING_ONE_CONSUMER;
	o.producers_max = cell->producers;
	o.consumers_max = cell->consumers;
	o.slot_bytes = cell->payload_bytes;
	o.capacity = cell->capacity;
	o.wait = cell->wait;
	code = weir_ring_create(&o, &ring, NULL);
	if (code < 0)
		return code;
	run->ring = ring;
	for (uint32_t i = 0; code == 0 && i < cell->producers; i++) {
		struct weir_ring_producer *p = NULL;
		code = weir_ring_producer_open(ring, &p);
		run->producers[i].handle = p;
	}
	for (uint32_t i = 0; code == 0 && i < cell->consumers; i++) {
		struct weir_ring_consumer *c = NULL;
		code = weir_ring_consumer_open(ring, &c);
		run->consumers[i].handle = c;
	}
	if (code < 0)
		weir_ring_destroy(ring);
	else
		warm(run);
	return code;
}

static void weir_bench_close(struct ring_run *run)
{
	weir_ring_destroy(run->ring);
}

static void weir_bench_finish(struct ring_run *run)
{
	weir_ring_close(run->ring);
}

extern const struct ring_peer ring_peer_weir;
const struct ring_peer ring_peer_weir = {
	.name = "weir",
	.version = RING_WEIR_VERSION,
	.package = "weir",
	.flags = RING_PEER_FLAGS,
	.has = weir_has,
	.open = weir_bench_open,
	.close = weir_bench_close,
	.produce = loop_produce,
	.consume = loop_consume,
	.finish = weir_bench_finish,
};
