/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of bench/stall.h, one producer and consumer or two of each where the shape has many. */
#include <errno.h>

#include "bench/harness.h"
#include "bench/stall.h"

#define WAIT_NS 10000000u
#define TAKE_MOST 16u

static int open_ring(struct stall *s)
{
	uint32_t shape = s->settings->shape;
	struct weir_ring_options o;
	struct weir_ring *ring;

	weir_ring_options_init(&o);
	o.producers = s->producer_count > 1 ? WEIR_RING_MANY_PRODUCERS : WEIR_RING_ONE_PRODUCER;
	o.consumers = shape == RING_MULTICAST ? WEIR_RING_EVERY_CONSUMER
		      : s->consumer_count > 1 ? WEIR_RING_SHARING_CONSUMERS
					      : WEIR_RING_ONE_CONSUMER;
	o.producers_max = s->producer_count;
	o.consumers_max = s->consumer_count;
	o.slot_bytes = sizeof(struct stall_item);
	o.capacity = s->settings->capacity;
	int code = weir_ring_create(&o, &ring, NULL);
	if (code < 0)
		return code;
	s->object = ring;
	for (uint32_t i = 0; code == 0 && i < s->producer_count; i++) {
		struct weir_ring_producer *p = NULL;
		code = weir_ring_producer_open(ring, &p);
		s->producers[i].handle = p;
	}
	for (uint32_t i = 0; code == 0 && i < s->consumer_count; i++) {
		struct weir_ring_consumer *c = NULL;
		code = weir_ring_consumer_open(ring, &c);
		s->consumers[i].handle = c;
	}
	return code;
}

/* For a while: the end of the run is looked for in between. 0 or a code. */
static int wait_room(struct weir_ring_producer *p)
{
	uint64_t left_ns = WAIT_NS;
	int code = weir_ring_wait_room(p, &left_ns);

	return code == -ETIMEDOUT ? 0 : code;
}

static int wait_items(struct weir_ring_consumer *c)
{
	uint64_t left_ns = WAIT_NS;
	int code = weir_ring_wait_items(c, &left_ns);

	/* Closed: the next take says whether it is empty, too. */
	return code == -ETIMEDOUT || code == WEIR_E_CLOSED ? 0 : code;
}

/* A slot, however long it takes, or NULL at the end. */
static struct stall_item *claim(struct stall *s, struct weir_ring_producer *p)
{
	void *slot;

	while (wr_load_relaxed(&s->stop) == 0) {
		int n = weir_ring_claim(p, 1, sizeof(struct stall_item), &slot);
		if (n == 1)
			return slot;
		if (n != WEIR_E_AGAIN) {
			stall_fail(s, n);
			break;
		}
		n = wait_room(p);
		if (n < 0) {
			stall_fail(s, n);
			break;
		}
	}
	return NULL;
}

static void *produce(void *argument)
{
	struct stall_thread *t = argument;
	struct stall *s = t->stall;
	uint64_t interval_ns = 1000000000u / s->settings->rate;

	stall_begin(t);
	uint64_t due_ns = s->start_ns + t->index * interval_ns / 2;
	while (stall_until(s, due_ns)) {
		struct stall_item *slot = claim(s, t->handle);
		if (slot == NULL)
			break;
		*slot = (struct stall_item){
			.due_ns = due_ns, .producer = t->index, .number = t->count};
		stall_hold(t);
		t->sum += t->index * 1000003u + t->count;
		t->count++;
		int code = weir_ring_commit(t->handle, 1);
		if (code < 0) {
			stall_fail(s, code);
			break;
		}
		if (!t->stopped)
			stall_record(t, STALL_PUSH, due_ns, bench_now_ns());
		due_ns += interval_ns;
	}
	return NULL;
}

static void *consume(void *argument)
{
	struct stall_thread *t = argument;
	const void *items = NULL;

	stall_begin(t);
	for (;;) {
		int n = weir_ring_take(t->handle, TAKE_MOST, sizeof(struct stall_item), &items);
		if (n == WEIR_E_CLOSED)
			break;
		if (n == WEIR_E_AGAIN) {
			n = wait_items(t->handle);
			if (n == 0)
				continue;
		}
		if (n < 0) {
			stall_fail(t->stall, n);
			break;
		}
		uint64_t now_ns = bench_now_ns();
		stall_hold(t);
		for (int i = 0; i < n; i++)
			stall_consumed(t, (const struct stall_item *)items + i, now_ns);
		weir_ring_release(t->handle);
	}
	return NULL;
}

static void finish(struct stall *s)
{
	weir_ring_close(s->object);
}

static int close_ring(struct stall *s)
{
	if (s->object != NULL)
		weir_ring_destroy(s->object);
	return 0;
}

const struct stall_kind stall_kind_ring = {
	.open = open_ring,
	.produce = produce,
	.consume = consume,
	.finish = finish,
	.close = close_ring,
};
