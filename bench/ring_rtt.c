/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips: one cache line that two threads hand to and fro; two lines, one for each way, as any
 * two queues have them; and two rings. The asker takes the time of each round trip; the three are
 * measured in the same way, clock and all, and in turns: a virtual machine's CPUs may be two
 * threads of one core now, and far from one another a second later.
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

#define TURNS 8u

struct trip {
	/* The word of the asker, and the answerer's: the same one, or each on a line of its own. */
	WR_LINE_ALIGNED wr_atomic_u64 lines[2][WR_LINE_BYTES / sizeof(wr_atomic_u64)];
	WR_LINE_ALIGNED wr_atomic_u64 *asked;
	wr_atomic_u64 *answered;
	struct weir_ring *there;
	struct weir_ring *back;
	struct histogram *times;
	uint32_t cpus[2];
	uint32_t cpu_count;
	uint32_t rounds;
	bool fifo;
	int code;
};

static void *lines_answer(void *argument)
{
	struct trip *t = argument;
	(void)ring_thread_place(0, t->cpus, t->cpu_count, 1, true, t->fifo);
	for (uint64_t i = 1; i <= t->rounds; i++) {
		while (wr_load_acquire(t->asked) != 2 * i - 1)
			wr_pause();
		wr_store_release(t->answered, 2 * i);
	}
	return NULL;
}

static void *lines_ask(void *argument)
{
	struct trip *t = argument;
	(void)ring_thread_place(0, t->cpus, t->cpu_count, 0, true, t->fifo);
	for (uint64_t i = 1; i <= t->rounds; i++) {
		uint64_t start = bench_now_ns();
		wr_store_release(t->asked, 2 * i - 1);
		while (wr_load_acquire(t->answered) != 2 * i)
			wr_pause();
		histogram_record(t->times, bench_now_ns() - start);
	}
	return NULL;
}

static void *rings_answer(void *argument)
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

static void *rings_ask(void *argument)
{
	struct trip *t = argument;
	struct weir_ring_consumer *in;
	struct weir_ring_producer *out;
	uint64_t word = 0;
	(void)ring_thread_place(0, t->cpus, t->cpu_count, 0, true, t->fifo);
	if (weir_ring_consumer_open(t->back, &in) != 0 ||
	    weir_ring_producer_open(t->there, &out) != 0) {
		t->code = -EPROTO;
		weir_ring_close(t->there);
		return NULL;
	}
	for (uint64_t i = 1; i <= t->rounds; i++) {
		uint64_t start = bench_now_ns();
		if (weir_ring_push_wait(out, &i, sizeof i, WEIR_FOREVER) != 0 ||
		    weir_ring_pop_wait(in, &word, sizeof word, WEIR_FOREVER) != 0 || word != i) {
			t->code = -EPROTO;
			break;
		}
		histogram_record(t->times, bench_now_ns() - start);
	}
	weir_ring_close(t->there);
	return NULL;
}

/* Both threads, started and joined. 0 or a negative code: one could not be had. */
static int both(struct trip *t, struct histogram *times, void *(*ask)(void *),
		void *(*answer)(void *))
{
	pthread_t asker, answerer;
	t->times = times;
	int code = pthread_create(&asker, NULL, ask, t);
	if (code != 0)
		return -code;
	/* The asker waits for ever for one who is not there: so this is tried until it works. */
	while (pthread_create(&answerer, NULL, answer, t) != 0)
		bench_sleep_ns(1000000);
	(void)pthread_join(asker, NULL);
	(void)pthread_join(answerer, NULL);
	return t->code;
}

static int through_lines(struct trip *t, unsigned lines, struct histogram *times)
{
	t->asked = &t->lines[0][0];
	t->answered = &t->lines[lines - 1][0];
	wr_store_relaxed(&t->lines[0][0], 0);
	wr_store_relaxed(&t->lines[1][0], 0);
	return both(t, times, lines_ask, lines_answer);
}

static int through_rings(struct trip *t, struct histogram *times)
{
	struct weir_ring_options o;
	weir_ring_options_init(&o);
	o.wait = t->cpu_count > 1 ? WEIR_WAIT_SPIN : WEIR_WAIT_YIELD;
	int code = weir_ring_create(&o, &t->there, NULL);
	if (code < 0)
		return code;
	code = weir_ring_create(&o, &t->back, NULL);
	if (code == 0) {
		code = both(t, times, rings_ask, rings_answer);
		weir_ring_destroy(t->back);
	}
	weir_ring_destroy(t->there);
	return code;
}

static void take_times(const struct histogram *h, struct ring_trip_times *ret)
{
	ret->p50 = histogram_quantile(h, 500000);
	ret->p99 = histogram_quantile(h, 990000);
	ret->p999 = histogram_quantile(h, 999000);
	for (uint32_t i = 0; i < RING_RTT_POINTS; i++)
		ret->curve[i] = histogram_quantile(h, ring_rtt_ppm[i]);
}

int ring_rtt_run(uint32_t round_count, bool fifo, struct ring_rtt *ret_rtt)
{
	static struct trip t;
	struct histogram *line = histogram_create(), *pair = histogram_create(),
			 *rings = histogram_create();
	int code = line == NULL || pair == NULL || rings == NULL ? -ENOMEM : 0;
	memset(&t, 0, sizeof t);
	t.rounds = (round_count + TURNS - 1) / TURNS;
	t.cpu_count = ring_cpus_allowed(t.cpus, 2);
	t.fifo = fifo && t.cpu_count > 1;
	for (uint32_t turn = 0; turn < TURNS && code == 0; turn++) {
		code = through_lines(&t, 1, line);
		if (code == 0)
			code = through_lines(&t, 2, pair);
		if (code == 0)
			code = through_rings(&t, rings);
	}
	if (code == 0) {
		take_times(line, &ret_rtt->line);
		take_times(pair, &ret_rtt->pair);
		take_times(rings, &ret_rtt->weir);
	}
	histogram_destroy(line);
	histogram_destroy(pair);
	histogram_destroy(rings);
	return code;
}
