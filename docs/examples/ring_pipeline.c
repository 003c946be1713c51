/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four pinned stages joined by rings: a source numbers orders, a pricer builds them in place, two
 * workers share the settling, and a sink adds up what they settled.
 *
 *   source ──SPSC──► pricer ──MPMC──► settlers (2) ──MPMC──► sink
 *
 * Each stage is a thread on a CPU of its own, as far as there are any. When the source is done it
 * closes its ring; each stage finishes what is in front of it and closes the next: so the pipeline
 * runs dry and ends by itself.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <weir.h>

#define ORDERS 200000u
#define SETTLERS 2u
#define BATCH 64u

struct order {
	uint64_t number;
	uint64_t price;
	uint64_t settled_by;
};

static struct weir_ring *numbered; // one to one
static struct weir_ring *priced;   // one to several: SETTLERS share
static struct weir_ring *settled;  // several to one

/* The n-th CPU that this process may use, counted round. */
static void pin(unsigned n)
{
	cpu_set_t allowed, one;
	if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
		return;
	n %= (unsigned)CPU_COUNT(&allowed);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && n-- == 0) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			(void)pthread_setaffinity_np(pthread_self(), sizeof one, &one);
			return;
		}
}

/* Stage 1: staged items become visible 64 at a time, and the rest with the flush. */
static void *source(void *argument)
{
	struct weir_ring_producer *out;
	(void)argument;
	pin(0);
	if (weir_ring_producer_open(numbered, &out) != 0)
		return NULL;
	for (uint64_t number = 1; number <= ORDERS; number++) {
		while (weir_ring_stage(out, &number, sizeof number) == WEIR_E_AGAIN) {
			uint64_t left = WEIR_FOREVER;
			if (weir_ring_wait_room(out, &left) != 0)
				return NULL;
		}
	}
	if (weir_ring_flush(out) != 0)
		return NULL;
	weir_ring_producer_close(out);
	weir_ring_close(numbered);
	return NULL;
}

/* Stage 2: items are built where they will lie. */
static void *pricer(void *argument)
{
	struct weir_ring_consumer *in;
	struct weir_ring_producer *out;
	uint64_t numbers[BATCH];
	int got;
	(void)argument;
	pin(1);
	if (weir_ring_consumer_open(numbered, &in) != 0 ||
	    weir_ring_producer_open(priced, &out) != 0)
		return NULL;
	while ((got = weir_ring_pop_many_wait(in, numbers, BATCH, sizeof numbers[0],
					      WEIR_FOREVER)) > 0) {
		for (uint32_t done = 0; done < (uint32_t)got;) {
			void *slots;
			uint64_t left = WEIR_FOREVER;
			int n = weir_ring_claim(out, (uint32_t)got - done, sizeof(struct order),
						&slots);
			if (n == WEIR_E_AGAIN && weir_ring_wait_room(out, &left) == 0)
				continue;
			if (n < 0)
				return NULL;
			struct order *orders = slots;
			for (uint32_t i = 0; i < (uint32_t)n; i++, done++) {
				orders[i].number = numbers[done];
				orders[i].price = numbers[done] % 1000;
				orders[i].settled_by = 0;
			}
			if (weir_ring_commit(out, (uint32_t)n) != 0)
				return NULL;
		}
	}
	weir_ring_consumer_close(in);
	weir_ring_producer_close(out);
	weir_ring_close(priced);
	return NULL;
}

/* Stage 3: several threads share one ring; each order goes to one of them. */
static void *settler(void *argument)
{
	unsigned self = *(unsigned *)argument;
	struct weir_ring_consumer *in;
	struct weir_ring_producer *out;
	struct order orders[BATCH];
	int got;
	pin(2 + self);
	if (weir_ring_consumer_open(priced, &in) != 0 ||
	    weir_ring_producer_open(settled, &out) != 0)
		return NULL;
	while ((got = weir_ring_pop_many_wait(in, orders, BATCH, sizeof orders[0], WEIR_FOREVER)) >
	       0) {
		for (int i = 0; i < got; i++)
			orders[i].settled_by = self + 1;
		if (weir_ring_push_many_wait(out, orders, (uint32_t)got, sizeof orders[0],
					     WEIR_FOREVER) != got)
			return NULL;
	}
	weir_ring_consumer_close(in);
	weir_ring_producer_close(out);
	return NULL;
}

struct total {
	uint64_t orders;
	uint64_t price;
	uint64_t by[SETTLERS + 1];
};

static void add(void *context, const void *items, uint32_t count)
{
	struct total *total = context;
	const struct order *orders = items;
	for (uint32_t i = 0; i < count; i++) {
		total->orders++;
		total->price += orders[i].price;
		total->by[orders[i].settled_by]++;
	}
}

/* Stage 4: reads in place, as much as there is. */
static void *sink(void *argument)
{
	struct total *total = argument;
	struct weir_ring_consumer *in;
	pin(3);
	if (weir_ring_consumer_open(settled, &in) != 0)
		return NULL;
	while (weir_ring_drain(in, UINT64_MAX, sizeof(struct order), add, total) != WEIR_E_CLOSED) {
		uint64_t left = WEIR_FOREVER;
		if (weir_ring_wait_items(in, &left) != 0)
			return NULL;
	}
	weir_ring_consumer_close(in);
	return NULL;
}

static bool make(struct weir_ring **ring, enum weir_ring_producers producers,
		 enum weir_ring_consumers consumers, uint32_t slot_bytes)
{
	struct weir_ring_options options;
	struct weir_problem why;

	weir_ring_options_init(&options);
	options.producers = producers;
	options.consumers = consumers;
	options.producers_max = SETTLERS;
	options.consumers_max = SETTLERS;
	options.slot_bytes = slot_bytes;
	options.capacity = 4096;
	if (weir_ring_create(&options, ring, &why) == 0)
		return true;
	fprintf(stderr, "%s: %s\n", why.field, why.text);
	return false;
}

int main(void)
{
	static unsigned selves[SETTLERS] = {0, 1};
	struct total total = {0};
	pthread_t threads[3 + SETTLERS];
	int failed = 0;

	if (!make(&numbered, WEIR_RING_ONE_PRODUCER, WEIR_RING_ONE_CONSUMER, sizeof(uint64_t)) ||
	    !make(&priced, WEIR_RING_MANY_PRODUCERS, WEIR_RING_SHARING_CONSUMERS,
		  sizeof(struct order)) ||
	    !make(&settled, WEIR_RING_MANY_PRODUCERS, WEIR_RING_SHARING_CONSUMERS,
		  sizeof(struct order)))
		return 1;
	failed |= pthread_create(&threads[0], NULL, source, NULL);
	failed |= pthread_create(&threads[1], NULL, pricer, NULL);
	failed |= pthread_create(&threads[2], NULL, sink, &total);
	for (unsigned i = 0; i < SETTLERS; i++)
		failed |= pthread_create(&threads[3 + i], NULL, settler, &selves[i]);
	if (failed != 0)
		return 1;
	for (unsigned i = 0; i < SETTLERS; i++)
		(void)pthread_join(threads[3 + i], NULL);
	weir_ring_close(settled); // both settlers are done: nothing more comes
	for (unsigned i = 0; i < 3; i++)
		(void)pthread_join(threads[i], NULL);
	weir_ring_destroy(numbered);
	weir_ring_destroy(priced);
	weir_ring_destroy(settled);
	printf("%llu orders, price %llu, settled by 1: %llu, by 2: %llu\n",
	       (unsigned long long)total.orders, (unsigned long long)total.price,
	       (unsigned long long)total.by[1], (unsigned long long)total.by[2]);
	return total.orders == ORDERS && total.price == (uint64_t)ORDERS / 1000 * 499500 ? 0 : 1;
}
