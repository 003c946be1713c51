/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   rings and fans under real interleavings, with more threads than cores: every item
 *         arrives once (multicast: once at each), whole, and each producer's in its order; sums
 *         agree; nobody sleeps for ever; a close from outside loses nothing that was accepted.
 * Method: every shape and wait strategy, small and larger rings, by copy, in batches and in place,
 *         with claims that are given up; branches of a fan that are opened while consumers sleep;
 *         in both park modes. A thread watches that it goes on.
 *
 * usage: ring [items of each producer]
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/ring.h>
#include <weir/ring_fan.h>

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "io/sim/prng.h"
#include "io/thread/park_futex.h"

#define THREADS_MAX 4u
#define STALL_S 60u
#define BATCH 288u
#define BATCH_SMALL 32u

static unsigned tests_run;
static unsigned tests_failed;

static void tap(bool ok, const char *what)
{
	tests_run++;
	tests_failed += ok ? 0 : 1;
	(void)printf("%sok %u - %s\n", ok ? "" : "not ", tests_run, what);
	(void)fflush(stdout);
}

/* 24 bytes: torn, stale and foreign items show. */
struct item {
	uint64_t producer;
	uint64_t number;
	uint64_t check;
};

static struct item item_of(uint64_t producer, uint64_t number)
{
	return (struct item){producer, number, (producer + 1) * 0x9e3779b97f4a7c15ull ^ number};
}

struct side {
	WR_LINE_ALIGNED pthread_t thread;
	struct weir_ring *ring;
	struct weir_ring_fan *fan; /* in place of the ring */
	uint32_t index;
	uint64_t seed;
	uint64_t count;             /* to push, or popped */
	uint64_t accepted;          /* producers: pushed */
	uint64_t sum;               /* of the numbers */
	uint64_t last[THREADS_MAX]; /* consumers: the last number of each producer, plus 1 */
	uint64_t faults;
	wr_atomic_u64 progress;
};

static uint64_t item_count;

/* Mostly small ones; large ones become long runs where the ring is large enough. */
static uint32_t draw_batch(struct wr_prng *r)
{
	uint64_t most = wr_prng_below(r, 4) == 0 ? BATCH : BATCH_SMALL;
	return 1 + (uint32_t)wr_prng_below(r, most);
}

/* How many of `want` were pushed, one way or another; negative: closed. */
static int push_some(struct side *s, struct weir_ring_producer *p, struct wr_prng *r, uint32_t want)
{
	struct item items[BATCH];
	void *slots = NULL;
	uint64_t kind = wr_prng_below(r, 5);

	for (uint32_t i = 0; i < want; i++)
		items[i] = item_of(s->index, s->accepted + i);
	if (kind == 0)
		return (int)weir_ring_push_many_wait(p, items, want, sizeof items[0], WEIR_FOREVER);
	if (kind == 1) {
		uint64_t left = WEIR_FOREVER;
		int n = weir_ring_claim(p, want, sizeof items[0], &slots);
		if (n == WEIR_E_AGAIN)
			return weir_ring_wait_room(p, &left);
		if (n < 0)
			return n;
		uint32_t used = (uint32_t)wr_prng_below(r, (uint64_t)n + 1);
		memcpy(slots, items, used * sizeof items[0]);
		int code = weir_ring_commit(p, used);
		return code < 0 ? code : (int)used;
	}
	if (kind == 2) {
		int n = weir_ring_push_many(p, items, want, sizeof items[0]);
		return n == WEIR_E_AGAIN ? 0 : n;
	}
	if (kind == 3) {
		int code = weir_ring_push(p, items, sizeof items[0]);
		return code == 0 ? 1 : code == WEIR_E_AGAIN ? 0 : code;
	}
	int code = weir_ring_push_wait(p, items, sizeof items[0], WEIR_FOREVER);
	return code == 0 ? 1 : code;
}

static void *produce(void *argument)
{
	struct side *s = argument;
	struct weir_ring_producer *p;
	struct wr_prng r;
	wr_prng_init(&r, s->seed);
	if ((s->fan != NULL ? weir_ring_fan_producer_open(s->fan, &p)
			    : weir_ring_producer_open(s->ring, &p)) != 0)
		abort();
	while (s->accepted < s->count) {
		uint32_t want = draw_batch(&r);
		want = (uint32_t)wr_min_u64(want, s->count - s->accepted);
		int n = push_some(s, p, &r, want);
		if (n < 0)
			break;
		for (int i = 0; i < n; i++)
			s->sum += s->accepted++;
		wr_store_relaxed(&s->progress, s->accepted);
	}
	weir_ring_producer_close(p);
	return NULL;
}

static void look_at(struct side *s, const struct item *items, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct item x = items[i];
		struct item wanted = item_of(x.producer, x.number);
		if (x.producer >= THREADS_MAX || memcmp(&x, &wanted, sizeof x) != 0 ||
		    x.number < s->last[x.producer]) {
			s->faults++;
			continue;
		}
		s->last[x.producer] = x.number + 1;
		s->sum += x.number;
		s->count++;
	}
	wr_store_relaxed(&s->progress, s->count);
}

static void visit(void *context, const void *items, uint32_t count)
{
	look_at(context, items, count);
}

/* What both kinds of consumers do, as a switch: one of the two is there. */
struct out {
	struct weir_ring_consumer *ring;
	struct weir_ring_fan_consumer *fan;
};

static int out_open(struct side *s, struct out *out)
{
	*out = (struct out){NULL, NULL};
	return s->fan != NULL ? weir_ring_fan_consumer_open(s->fan, &out->fan)
			      : weir_ring_consumer_open(s->ring, &out->ring);
}

static void out_close(struct out *out)
{
	weir_ring_fan_consumer_close(out->fan);
	weir_ring_consumer_close(out->ring);
}

static int64_t pop_some(struct side *s, struct out *out, struct wr_prng *r)
{
	uint32_t want = draw_batch(r);
	struct item items[BATCH];
	const void *lent = NULL;
	size_t bytes = sizeof items[0];
	bool fan = out->fan != NULL;
	int64_t n;
	switch (wr_prng_below(r, 4)) {
	case 0:
		n = fan ? weir_ring_fan_pop_many_wait(out->fan, items, want, bytes, WEIR_FOREVER)
			: weir_ring_pop_many_wait(out->ring, items, want, bytes, WEIR_FOREVER);
		if (n > 0)
			look_at(s, items, (uint32_t)n);
		return n;
	case 1:
		n = fan ? weir_ring_fan_take(out->fan, want, bytes, &lent)
			: weir_ring_take(out->ring, want, bytes, &lent);
		if (n > 0)
			look_at(s, lent, (uint32_t)n);
		if (fan)
			weir_ring_fan_release(out->fan);
		else
			weir_ring_release(out->ring);
		return n;
	case 2:
		return fan ? weir_ring_fan_drain(out->fan, want, bytes, visit, s)
			   : weir_ring_drain(out->ring, want, bytes, visit, s);
	default:
		n = fan ? weir_ring_fan_pop_wait(out->fan, items, bytes, WEIR_FOREVER)
			: weir_ring_pop_wait(out->ring, items, bytes, WEIR_FOREVER);
		if (n == 0)
			look_at(s, items, 1);
		return n;
	}
}

static void *consume(void *argument)
{
	struct side *s = argument;
	struct out out;
	struct wr_prng r;
	wr_prng_init(&r, s->seed);
	if (out_open(s, &out) != 0)
		abort();
	for (;;) {
		uint64_t left = WEIR_FOREVER;
		int64_t n = pop_some(s, &out, &r);
		if (n == WEIR_E_CLOSED)
			break;
		if (n == WEIR_E_AGAIN &&
		    (s->fan != NULL ? weir_ring_fan_wait_items(out.fan, &left)
				    : weir_ring_wait_items(out.ring, &left)) != 0)
			abort(); // there was no time limit
	}
	out_close(&out);
	return NULL;
}

struct trial {
	enum weir_ring_producers producers;
	enum weir_ring_consumers consumers;
	uint32_t producer_count;
	uint32_t consumer_count;
	uint64_t capacity;
	enum weir_wait wait;
	bool close_early; /* while producers run */
	bool fan;
};

static void *watch(void *argument)
{
	struct side *sides = argument;
	uint64_t before = 0;
	for (unsigned quiet = 0; quiet < STALL_S; quiet++) {
		uint64_t now = 1;
		struct timespec second = {.tv_sec = 1};
		(void)nanosleep(&second, NULL);
		for (unsigned i = 0; i < 2 * THREADS_MAX; i++)
			now += wr_load_relaxed(&sides[i].progress);
		quiet = now == before ? quiet : 0;
		before = now;
	}
	(void)printf("Bail out! nothing moved for %u s: a wake-up was lost\n", STALL_S);
	(void)fflush(stdout);
	_exit(1);
}

static void start(pthread_t *thread, void *(*body)(void *), void *argument)
{
	if (pthread_create(thread, NULL, body, argument) != 0)
		abort();
}

static struct side sides[2 * THREADS_MAX];

static bool adds_up(const struct trial *t)
{
	struct side *const producers = sides, *const consumers = sides + THREADS_MAX;
	uint64_t pushed = 0, pushed_sum = 0, popped = 0, popped_sum = 0, faults = 0;
	bool each = t->consumers == WEIR_RING_EVERY_CONSUMER;
	bool ok = true;
	for (uint32_t i = 0; i < t->producer_count; i++) {
		pushed += producers[i].accepted;
		pushed_sum += producers[i].sum;
		ok = ok && (t->close_early || producers[i].accepted == item_count);
	}
	for (uint32_t i = 0; i < t->consumer_count; i++) {
		popped += consumers[i].count;
		popped_sum += consumers[i].sum;
		faults += consumers[i].faults;
		if (each && (consumers[i].count != pushed || consumers[i].sum != pushed_sum))
			ok = false;
	}
	if (!each)
		ok = ok && popped == pushed && popped_sum == pushed_sum;
	if (!ok || faults != 0)
		(void)printf("# pushed %" PRIu64 " (sum %" PRIu64 "), popped %" PRIu64
			     " (sum %" PRIu64 "), %" PRIu64 " torn or out of order\n",
			     pushed, pushed_sum, popped, popped_sum, faults);
	return ok && faults == 0;
}

static int make(const struct trial *t, struct weir_ring **ring, struct weir_ring_fan **fan)
{
	struct weir_ring_options o;
	weir_ring_options_init(&o);
	o.producers = t->producers;
	o.consumers = t->consumers;
	o.producers_max = t->producer_count;
	o.consumers_max = t->consumer_count;
	o.capacity = t->capacity;
	o.slot_bytes = sizeof(struct item);
	o.wait = t->wait;
	return t->fan ? weir_ring_fan_create(&o, fan, NULL) : weir_ring_create(&o, ring, NULL);
}

static void close_either(struct weir_ring *ring, struct weir_ring_fan *fan)
{
	if (fan != NULL)
		weir_ring_fan_close(fan);
	else
		weir_ring_close(ring);
}

static bool run(const struct trial *t)
{
	struct weir_ring *ring = NULL;
	struct weir_ring_fan *fan = NULL;
	if (make(t, &ring, &fan) != 0)
		return false;
	for (uint32_t i = 0; i < 2 * THREADS_MAX; i++) {
		struct side *s = &sides[i];
		s->ring = ring;
		s->fan = fan;
		s->index = i % THREADS_MAX;
		s->seed = i + 17 * (uint64_t)tests_run;
		s->count = s->accepted = s->sum = s->faults = 0;
		memset(s->last, 0, sizeof s->last);
		wr_store_relaxed(&s->progress, 0u); /* watch() looks at it all the time */
	}
	for (uint32_t i = 0; i < t->consumer_count; i++)
		start(&sides[THREADS_MAX + i].thread, consume, &sides[THREADS_MAX + i]);
	for (uint32_t i = 0; i < t->producer_count; i++) {
		sides[i].count = item_count;
		start(&sides[i].thread, produce, &sides[i]);
	}
	while (t->close_early && wr_load_relaxed(&sides[0].progress) < item_count / 4) {
		struct timespec moment = {.tv_nsec = 100000};
		(void)nanosleep(&moment, NULL);
	}
	if (t->close_early)
		close_either(ring, fan);
	for (uint32_t i = 0; i < t->producer_count; i++)
		(void)pthread_join(sides[i].thread, NULL);
	close_either(ring, fan);
	for (uint32_t i = 0; i < t->consumer_count; i++)
		(void)pthread_join(sides[THREADS_MAX + i].thread, NULL);
	weir_ring_destroy(ring);
	weir_ring_fan_destroy(fan);
	return adds_up(t);
}

static void run_all(const char *mode)
{
	static const struct trial shapes[] = {
		{WEIR_RING_ONE_PRODUCER, WEIR_RING_ONE_CONSUMER, 1, 1, 0, 0, false, false},
		{WEIR_RING_MANY_PRODUCERS, WEIR_RING_ONE_CONSUMER, 4, 1, 0, 0, false, false},
		{WEIR_RING_ONE_PRODUCER, WEIR_RING_SHARING_CONSUMERS, 1, 4, 0, 0, false, false},
		{WEIR_RING_MANY_PRODUCERS, WEIR_RING_SHARING_CONSUMERS, 4, 4, 0, 0, false, false},
		{WEIR_RING_ONE_PRODUCER, WEIR_RING_EVERY_CONSUMER, 1, 4, 0, 0, false, false},
		{WEIR_RING_MANY_PRODUCERS, WEIR_RING_EVERY_CONSUMER, 3, 3, 0, 0, false, false},
		{WEIR_RING_MANY_PRODUCERS, WEIR_RING_ONE_CONSUMER, 4, 1, 0, 0, false, true},
		{WEIR_RING_MANY_PRODUCERS, WEIR_RING_SHARING_CONSUMERS, 4, 4, 0, 0, false, true},
		{WEIR_RING_MANY_PRODUCERS, WEIR_RING_EVERY_CONSUMER, 3, 3, 0, 0, false, true},
	};
	static const uint64_t capacities[] = {2, 64, 1024};
	static const enum weir_wait waits[] = {WEIR_WAIT_ADAPTIVE, WEIR_WAIT_PARK, WEIR_WAIT_YIELD};
	for (size_t s = 0; s < WR_ARRAY_COUNT(shapes); s++) {
		struct trial t = shapes[s];
		char what[120];
		bool ok = true;
		for (size_t c = 0; c < WR_ARRAY_COUNT(capacities); c++) {
			t.capacity = capacities[c];
			t.wait = waits[(s + c) % WR_ARRAY_COUNT(waits)];
			for (unsigned early = 0; early < 2; early++) {
				t.close_early = early == 1;
				ok = run(&t) && ok;
			}
		}
		(void)snprintf(what, sizeof what,
			       "%s%u producers, %u consumers, %s: all arrives, in order (%s)",
			       t.fan ? "fan, " : "", t.producer_count, t.consumer_count,
			       t.consumers == WEIR_RING_ONE_CONSUMER     ? "one"
			       : t.consumers == WEIR_RING_EVERY_CONSUMER ? "each sees all"
									 : "sharing",
			       mode);
		tap(ok, what);
	}
}

int main(int argc, char **argv)
{
	pthread_t watcher;
	item_count = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000;
	start(&watcher, watch, sides);
	/* The first ring of a process would choose; rings keep the mode that they were made in. */
	if (wr_park_choose_mode() == WR_PARK_MEMBARRIER)
		run_all("membarrier");
	else
		(void)printf("# no membarrier here: one mode tested\n");
	wr_park_mode = WR_PARK_SEQ_CST;
	/* qemu's user emulation lets a load pass a store, and loses wake-ups so (park.c). */
	if (getenv("WEIR_TEST_EMULATED") == NULL)
		run_all("seq_cst");
	else
		(void)printf("# emulated: seq_cst is not kept, that mode is left out\n");
	(void)printf("1..%u\n", tests_run);
	return tests_failed != 0;
}
