/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control of runners from other threads: steps that come and go while the runner sleeps, works and
 * ends, calls from inside a step, and runners that are driven by hand.
 */
#include <errno.h>

#include "core/base/pause.h"
#include "tests/stress/runner_bench.h"

/* ---- steps of a running runner ---- */

struct changer {
	struct wr_runner *runner;
	struct relay relay;
	wr_atomic_u64 *stop;
	uint64_t changes;
	uint64_t faults;
};

/* Adds, sees it run, removes, sees it left: as often as it can. */
static void *change(void *argument)
{
	struct changer *c = argument;
	struct wr_step step = step_of(&c->relay);
	while (wr_load_relaxed(c->stop) == 0) {
		if (wr_runner_add_step(c->runner, &step) != 0 ||
		    wr_load_relaxed(&c->relay.is_inside) != 1 ||
		    wr_runner_add_step(c->runner, &step) != WEIR_E_EXISTS)
			c->faults++;
		uint64_t runs = wr_load_relaxed(&c->relay.runs);
		if (wr_runner_remove_step(c->runner, &step) != 0 ||
		    wr_load_relaxed(&c->relay.is_inside) != 0 ||
		    wr_runner_remove_step(c->runner, &step) != -ENOENT)
			c->faults++;
		runs = wr_load_relaxed(&c->relay.runs);
		(void)sched_yield();
		if (wr_load_relaxed(&c->relay.runs) != runs)
			c->faults++;
		c->changes++;
	}
	return NULL;
}

static void test_changes(enum weir_wait wait, bool is_busy, const char *what)
{
	static struct bench b;
	static struct changer changers[2];
	static wr_atomic_u64 stop;
	static wr_atomic_u64 work;
	pthread_t threads[2];
	bench_init(&b, wait, 2);
	b.relay.in = &work;
	wr_store_relaxed(&stop, 0u);
	wr_store_relaxed(&work, 0u);
	bool ok = bench_start(&b);
	for (int i = 0; i < 2; i++) {
		memset(&changers[i], 0, sizeof changers[i]);
		changers[i].runner = &b.runner;
		changers[i].stop = &stop;
		if (pthread_create(&threads[i], NULL, change, &changers[i]) != 0)
			abort();
	}
	for (uint64_t i = 1; i <= 200; i++) {
		if (is_busy) {
			wr_publish_u64(&work, i);
			wr_park_notify(&b.parker);
		}
		nap_ms(1);
	}
	wr_store_relaxed(&stop, 1u);
	for (int i = 0; i < 2; i++) {
		(void)pthread_join(threads[i], NULL);
		ok = ok && changers[i].faults == 0 && changers[i].changes > 10 &&
		     wr_load_relaxed(&changers[i].relay.wrong) == 0;
	}
	tap(bench_end(&b) && ok, what);
}

static void test_failed_add(void)
{
	static struct bench b;
	static struct relay failing;
	static struct relay many[WR_STEPS_PER_RUNNER_MAX];
	bench_init(&b, WEIR_WAIT_PARK, 2);
	failing = (struct relay){.enter_code = -EPERM};
	struct wr_step step = step_of(&failing);
	bool ok = bench_start(&b);
	wait_until_parked(&b);
	ok = ok && wr_runner_add_step(&b.runner, &step) == -EPERM;
	ok = ok && wr_runner_remove_step(&b.runner, &step) == -ENOENT;
	ok = ok && wr_load_relaxed(&failing.runs) == 0;
	for (uint32_t i = 0; i < WR_STEPS_PER_RUNNER_MAX; i++) {
		struct wr_step one = step_of(&many[i]);
		int expected = i + 1 < WR_STEPS_PER_RUNNER_MAX ? 0 : WEIR_E_FULL;
		ok = ok && wr_runner_add_step(&b.runner, &one) == expected;
	}
	ok = ok && wr_runner_add_step(&b.runner, NULL) == -EINVAL;
	tap(bench_end(&b) && ok, "a failed enter and a full table are results of add");
}

/* Calls into its own runner, from inside. */
struct caller {
	struct wr_runner *runner;
	int results[5];
	wr_atomic_u64 done;
};

static int caller_run(void *self, uint32_t budget)
{
	struct caller *c = self;
	(void)budget;
	if (wr_load_relaxed(&c->done) != 0)
		return 0;
	struct wr_step step = {.name = "x", .run = caller_run, .self = NULL};
	c->results[0] = wr_runner_add_step(c->runner, &step);
	c->results[1] = wr_runner_remove_step(c->runner, &step);
	c->results[2] = wr_runner_join(c->runner);
	c->results[3] = wr_runner_run_once(c->runner);
	c->results[4] = wr_runner_current() == c->runner ? 0 : -1;
	wr_store_release(&c->done, 1u);
	return 1;
}

static bool caller_is_right(struct caller *c)
{
	return wr_load_acquire(&c->done) == 1 && c->results[0] == -EINVAL &&
	       c->results[1] == -EINVAL && c->results[2] == -EINVAL &&
	       c->results[3] == WEIR_E_AGAIN && c->results[4] == 0 && wr_runner_current() == NULL;
}

static void test_calls_from_inside(void)
{
	static struct bench b;
	static struct caller on_thread;
	static struct caller by_hand;
	bench_init(&b, WEIR_WAIT_PARK, 2);
	on_thread = (struct caller){.runner = &b.runner};
	struct wr_step step = {.name = "caller", .run = caller_run, .self = &on_thread};
	bool ok = bench_start(&b) && wr_runner_add_step(&b.runner, &step) == 0;
	while (ok && wr_load_acquire(&on_thread.done) == 0)
		(void)sched_yield();
	ok = ok && wr_runner_run_once(&b.runner) == WEIR_E_AGAIN;
	ok = bench_end(&b) && ok && caller_is_right(&on_thread);
	bench_init(&b, WEIR_WAIT_PARK, 2);
	by_hand = (struct caller){.runner = &b.runner};
	step.self = &by_hand;
	ok = ok && wr_runner_add_step(&b.runner, &step) == 0;
	ok = ok && wr_runner_run_once(&b.runner) == 1;
	ok = wr_runner_join(&b.runner) == 0 && ok;
	tap(ok && caller_is_right(&by_hand), "a step that calls its own runner gets an error");
}

/* Adds and removes meet a stop that comes at any time: each call returns, with a true answer. */
static void *change_until_closed(void *argument)
{
	struct changer *c = argument;
	struct wr_step step = step_of(&c->relay);
	for (;;) {
		int rc = wr_runner_add_step(c->runner, &step);
		if (rc == WEIR_E_CLOSED)
			break;
		c->faults += rc != 0;
		rc = wr_runner_remove_step(c->runner, &step);
		c->faults += rc != 0;
		c->changes++;
	}
	if (wr_runner_remove_step(c->runner, &step) != -ENOENT)
		c->faults++;
	return NULL;
}

static void test_stop_during_changes(void)
{
	static struct bench b;
	static struct changer changer;
	uint64_t changes = 0;
	bool ok = true;
	for (int i = 0; i < 100 && ok; i++) {
		pthread_t thread;
		bench_init(&b, i % 2 == 0 ? WEIR_WAIT_PARK : WEIR_WAIT_YIELD, 2);
		memset(&changer, 0, sizeof changer);
		changer.runner = &b.runner;
		ok = bench_start(&b);
		if (pthread_create(&thread, NULL, change_until_closed, &changer) != 0)
			abort();
		for (int pauses = i * 100; pauses > 0; pauses--)
			wr_pause();
		if (i % 4 == 0)
			nap_ms(1);
		wr_runner_stop(&b.runner);
		(void)pthread_join(thread, NULL);
		ok = bench_end(&b) && ok && changer.faults == 0;
		ok = ok && wr_load_relaxed(&changer.relay.is_inside) == 0 &&
		     wr_load_relaxed(&changer.relay.wrong) == 0;
		changes += changer.changes;
	}
	tap(ok && changes > 0, "add and remove while the runner is stopped, 100 times");
}

static void *stop_later(void *argument)
{
	struct bench *b = argument;
	static struct relay extra;
	extra = (struct relay){0};
	struct wr_step step = step_of(&extra);
	nap_ms(20);
	/* The joiner waits by now, and does not hold these up. */
	int rc = wr_runner_add_step(&b->runner, &step);
	if (rc == 0)
		rc = wr_runner_remove_step(&b->runner, &step);
	wr_runner_stop(&b->runner);
	return rc == 0 ? NULL : b;
}

static void test_join_before_stop(void)
{
	static struct bench b;
	pthread_t thread;
	void *result = &b;
	bench_init(&b, WEIR_WAIT_PARK, 2);
	bool ok = bench_start(&b);
	if (pthread_create(&thread, NULL, stop_later, &b) != 0)
		abort();
	ok = wr_runner_join(&b.runner) == 0 && ok;
	(void)pthread_join(thread, &result);
	tap(ok && result == NULL, "a join that waits does not hold up control calls of others");
}

/* ---- by hand ---- */

static void test_by_hand(void)
{
	static struct bench b;
	static wr_atomic_u64 in;
	static wr_atomic_u64 out;
	bench_init(&b, WEIR_WAIT_DEFAULT, 2);
	wr_store_relaxed(&in, 0u);
	b.relay.in = &in;
	b.relay.out = &out;
	b.relay.out_parker = &b.parker;
	b.relay.enter_code = -EAGAIN;
	bool ok = wr_runner_add_step(&b.runner, &b.step) == 0;
	ok = ok && wr_runner_run_once(&b.runner) == -EAGAIN && b.relay.taken == 0;
	b.relay.enter_code = 0;
	ok = ok && wr_runner_run_once(&b.runner) == 0;
	wr_publish_u64(&in, 5);
	ok = ok && wr_runner_run_once(&b.runner) == 1 && wr_load_relaxed(&out) == 5;
	ok = ok && wr_runner_run_once(&b.runner) == 0;
	ok = ok && wr_runner_idle_ns(&b.runner) == UINT64_MAX;
	ok = ok && wr_runner_start(&b.runner) == -EBUSY;
	ok = bench_end(&b) && ok;
	tap(ok, "a runner driven by hand enters, runs and leaves its steps");
	ok = wr_runner_start(&b.runner) == 0;
	tap(bench_end(&b) && ok, "and may have a thread afterwards");
}

/* Two threads drive one runner, a third changes it: one at a time is inside. */
static void *drive_by_hand(void *argument)
{
	struct changer *c = argument;
	while (wr_load_relaxed(c->stop) == 0) {
		int rc = wr_runner_run_once(c->runner);
		c->faults += rc < 0 && rc != WEIR_E_AGAIN;
		c->changes += rc >= 0;
	}
	return NULL;
}

static uint64_t plain_counter; /* written inside only: ThreadSanitizer is the judge */

static int plain_run(void *self, uint32_t budget)
{
	(void)self;
	(void)budget;
	plain_counter++;
	return 1;
}

static void test_hands_meet(void)
{
	static struct bench b;
	static struct changer drivers[2];
	static wr_atomic_u64 stop;
	pthread_t threads[2];
	bench_init(&b, WEIR_WAIT_DEFAULT, 2);
	plain_counter = 0;
	wr_store_relaxed(&stop, 0u);
	struct wr_step plain = {.name = "plain", .run = plain_run};
	struct wr_step extra = {.name = "extra", .run = plain_run, .self = &plain};
	bool ok = wr_runner_add_step(&b.runner, &plain) == 0;
	for (int i = 0; i < 2; i++) {
		memset(&drivers[i], 0, sizeof drivers[i]);
		drivers[i].runner = &b.runner;
		drivers[i].stop = &stop;
		if (pthread_create(&threads[i], NULL, drive_by_hand, &drivers[i]) != 0)
			abort();
	}
	for (int i = 0; i < 300 && ok; i++) {
		ok = wr_runner_add_step(&b.runner, &extra) == 0 &&
		     wr_runner_remove_step(&b.runner, &extra) == 0;
		(void)sched_yield();
	}
	nap_ms(20);
	wr_store_relaxed(&stop, 1u);
	uint64_t rounds = 0;
	for (int i = 0; i < 2; i++) {
		(void)pthread_join(threads[i], NULL);
		ok = ok && drivers[i].faults == 0;
		rounds += drivers[i].changes;
	}
	ok = wr_runner_join(&b.runner) == 0 && ok;
	tap(ok && rounds > 0 && plain_counter >= rounds && stats_of(&b).rounds == rounds,
	    "threads that drive by hand at once take turns");
}

int main(void)
{
	tap_begin();
	(void)printf("# mode %d\n", wr_park_choose_mode());
	test_changes(WEIR_WAIT_PARK, false, "steps come and go while the runner sleeps");
	test_changes(WEIR_WAIT_PARK, true, "steps come and go while it has work");
	test_changes(WEIR_WAIT_YIELD, true, "steps come and go while it never sleeps");
	test_failed_add();
	test_calls_from_inside();
	test_stop_during_changes();
	test_join_before_stop();
	test_by_hand();
	test_hands_meet();
	return tap_end();
}
