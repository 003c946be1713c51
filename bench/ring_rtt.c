/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips: the floor, one cache line that two threads hand to and fro, and two rings. The asker
 * takes the time of each round trip; both are measured in the same way, clock and all.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "bench/harness.h"
#include "bench/histogram.h"
#include "bench/ring.h"
#include "core/base/atomic.h"
#include "core/base/pause.h"

const uint32_t ring_rtt_ppm[RING_RTT_POINTS] = {
	1,      100000, 200000, 300000, 400000, 500000, 600000, 700000,
	750000, 800000, 850000, 900000, 925000, 950000, 975000, 990000,
	995000, 997500, 999000, 999500, 999900, 999950, 999990, 1000000,
};

static void curve_of(const struct histogram *h, uint64_t *curve)
{
	for (uint32_t i = 0; i < RING_RTT_POINTS; i++)
		curve[i] = histogram_quantile(h, ring_rtt_ppm[i]);
}

struct trip {
	WR_LINE_ALIGNED wr_atomic_u64 line;
	WR_LINE_ALIGNED struct weir_ring *there;
	struct weir_ring *back;
	uint32_t cpus[2];
	uint32_t cpu_count;
	uint32_t rounds;
	bool fifo;
	int code;
};

static void *floor_answer(void *argument)
{
	struct trip *t = argument;
	(void)ring_thread_place(0, t->cpus, t->cpu_count, 1, true, t->fifo);
	for (uint64_t i = 1; i <= t->rounds; i++) {
		while (wr_load_acquire(&t->line) != 2 * i - 1)
			wr_pause();
		wr_store_release(&t->line, 2 * i);
	}
	return NULL;
}

static void *floor_ask(void *argument)
{
	struct trip *t = argument;
	struct histogram *h = histogram_create();
	(void)ring_thread_place(0, t->cpus, t->cpu_count, 0, true, t->fifo);
	for (uint64_t i = 1; i <= t->rounds; i++) {
		uint64_t start = bench_now_ns();
		wr_store_release(&t->line, 2 * i - 1);
		while (wr_load_acquire(&t->line) != 2 * i)
			wr_pause();
		if (h != NULL)
			histogram_record(h, bench_now_ns() - start);
	}
	return h;
}

static void *ring_answer(void *argument)
{
	struct trip *t = argument;
	struct weir_ring_consumer *in;
	struct weir_ring_producer *out;
	uint64_t word;
	(void)ring_thread_place(0, t->cpus, t->cpu_count, 1, true, t->fifo);
	if (weir_ring_consumer_open(t->there, &in) != 0 ||
	    weir_ring_producer_open(t->back, &out) != 0)
		return NULL;
	while (weir_ring_pop_wait(in, &word, sizeof word, WEIR_FOREVER) == 0)
		if (weir_ring_push_wait(out, &word, sizeof word, WEIR_FOREVER) != 0)
			break;
	weir_ring_close(t->back);
	return NULL;
}

static void *ring_ask(void *argument)
{
	struct trip *t = argument;
	struct histogram *h = histogram_create();
	struct weir_ring_consumer *in;
	struct weir_ring_producer *out;
	uint64_t word = 0;
	(void)ring_thread_place(0, t->cpus, t->cpu_count, 0, true, t->fifo);
	if (weir_ring_consumer_open(t->back, &in) != 0 ||
	    weir_ring_producer_open(t->there, &out) != 0)
		return h;
	for (uint64_t i = 1; i <= t->rounds; i++) {
		uint64_t start = bench_now_ns();
		if (weir_ring_push_wait(out, &i, sizeof i, WEIR_FOREVER) != 0 ||
		    weir_ring_pop_wait(in, &word, sizeof word, WEIR_FOREVER) != 0 || word != i) {
			t->code = -EPROTO;
			break;
		}
		if (h != NULL)
			histogram_record(h, bench_now_ns() - start);
	}
	weir_ring_close(t->there);
	return h;
}

/* Both threads, started and joined. NULL: one could not be had. */
static struct histogram *both(struct trip *t, void *(*ask)(void *), void *(*answer)(void *))
{
	pthread_t asker, answerer;
	void *h = NULL;
	if (pthread_create(&asker, NULL, ask, t) != 0)
		return NULL;
	/* The asker waits for ever for one who is not there: so this is tried until it works. */
	while (pthread_create(&answerer, NULL, answer, t) != 0)
		bench_sleep_ns(1000000);
	(void)pthread_join(asker, &h);
	(void)pthread_join(answerer, NULL);
	return h;
}

int ring_rtt_run(uint32_t round_count, bool fifo, struct ring_rtt *ret_rtt)
{
	static struct trip t;
	struct weir_ring_options o;
	memset(&t, 0, sizeof t);
	t.rounds = round_count;
	t.cpu_count = ring_cpus_allowed(t.cpus, 2);
	t.fifo = fifo && t.cpu_count > 1;
	weir_ring_options_init(&o);
	o.wait = t.cpu_count > 1 ? WEIR_WAIT_SPIN : WEIR_WAIT_YIELD;
	int code = weir_ring_create(&o, &t.there, NULL);
	if (code < 0)
		return code;
	code = weir_ring_create(&o, &t.back, NULL);
	struct histogram *floor = NULL, *ring = NULL;
	if (code == 0)
		floor = both(&t, floor_ask, floor_answer);
	if (code == 0)
		ring = both(&t, ring_ask, ring_answer);
	if (code == 0)
		code = t.code != 0 ? t.code : floor == NULL || ring == NULL ? -ENOMEM : 0;
	if (code == 0) {
		*ret_rtt = (struct ring_rtt){
			.weir_p50 = histogram_quantile(ring, 500000),
			.weir_p99 = histogram_quantile(ring, 990000),
			.weir_p999 = histogram_quantile(ring, 999000),
			.floor_p50 = histogram_quantile(floor, 500000),
			.floor_p99 = histogram_quantile(floor, 990000),
			.floor_p999 = histogram_quantile(floor, 999000),
		};
		curve_of(ring, ret_rtt->weir_curve);
		curve_of(floor, ret_rtt->floor_curve);
	}
	histogram_destroy(floor);
	histogram_destroy(ring);
	weir_ring_destroy(t.there);
	weir_ring_destroy(t.back);
	return code;
}
