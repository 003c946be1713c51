/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two stress programs about runners share: TAP with a watching thread, a step that follows
 * a number, and a runner with its parker.
 *
 * Every step may be left alone for ever (no idle_ns), so a wake-up that is lost is a test that does
 * not end: the watching thread then says so, and ends the program with `not ok`.
 */
#ifndef WR_STRESS_RUNNER_BENCH_H
#define WR_STRESS_RUNNER_BENCH_H

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/thread/park_futex.h"
#include "io/thread/runner.h"

#define WATCH_S 90u

static wr_atomic_u64 tests_done;
static unsigned tests_failed;

static inline void tap(bool ok, const char *what)
{
	unsigned number = (unsigned)wr_add_relaxed(&tests_done, 1u) + 1;
	tests_failed += ok ? 0 : 1;
	(void)printf("%sok %u - %s\n", ok ? "" : "not ", number, what);
	(void)fflush(stdout);
}

/* No test may take WATCH_S seconds. */
static inline void *watch(void *argument)
{
	(void)argument;
	uint64_t seen = 0;
	for (unsigned quiet_s = 0; quiet_s < WATCH_S; quiet_s++) {
		(void)nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
		uint64_t now = wr_load_relaxed(&tests_done);
		quiet_s = now == seen ? quiet_s : 0;
		seen = now;
	}
	(void)printf("not ok %u - timed out: a wake-up was lost, or a control call hangs\n",
		     (unsigned)seen + 1);
	(void)fflush(stdout);
	_exit(1);
}

/* ---- a step that follows a number and publishes it on ---- */

struct relay {
	WR_LINE_ALIGNED wr_atomic_u64 *in;
	wr_atomic_u64 *out;
	struct wr_parker *out_parker; /* who sleeps for `out` */
	uint64_t taken;
	WR_LINE_ALIGNED wr_atomic_u64 runs;
	wr_atomic_u64 is_inside; /* between enter and leave */
	wr_atomic_u64 wrong;     /* runs outside, or on another thread than enter */
	pthread_t thread;
	int enter_code;
};

static inline int relay_run(void *self, uint32_t budget)
{
	struct relay *relay = self;
	(void)budget;
	(void)wr_add_relaxed(&relay->runs, 1u);
	bool is_entered = wr_load_relaxed(&relay->is_inside) == 1;
	if (!is_entered || !pthread_equal(relay->thread, pthread_self()))
		(void)wr_add_relaxed(&relay->wrong, 1u);
	if (relay->in == NULL)
		return 0;
	uint64_t in = wr_park_look_u64(relay->in);
	if (in == relay->taken)
		return 0;
	relay->taken = in;
	if (relay->out != NULL) {
		wr_publish_u64(relay->out, in);
		wr_park_notify(relay->out_parker);
	}
	return 1;
}

static inline int relay_enter(void *self)
{
	struct relay *relay = self;
	if (relay->enter_code < 0)
		return relay->enter_code;
	relay->thread = pthread_self();
	wr_store_relaxed(&relay->is_inside, wr_load_relaxed(&relay->is_inside) + 1);
	return 0;
}

static inline void relay_leave(void *self)
{
	struct relay *relay = self;
	wr_store_relaxed(&relay->is_inside, wr_load_relaxed(&relay->is_inside) - 1);
}

static inline struct wr_step step_of(struct relay *relay)
{
	return (struct wr_step){.name = "relay",
				.run = relay_run,
				.enter = relay_enter,
				.leave = relay_leave,
				.self = relay};
}

/* ---- a runner with its parker ---- */

struct bench {
	struct wr_runner runner;
	struct wr_parker parker;
	struct relay relay;
	struct wr_step step;
};

static inline void bench_init(struct bench *b, enum weir_wait wait, uint32_t usable_cpus)
{
	memset(b, 0, sizeof *b);
	wr_parker_init(&b->parker, wr_park_futex_ops(), NULL);
	struct wr_runner_config config = {
		.thread = {.wait = wait},
		.name = "a name that is much too long",
		.parker = &b->parker,
		.usable_cpus = usable_cpus,
	};
	if (wr_runner_init(&b->runner, &config) != 0)
		abort();
	b->step = step_of(&b->relay);
}

static inline bool bench_start(struct bench *b)
{
	return wr_runner_add_step(&b->runner, &b->step) == 0 && wr_runner_start(&b->runner) == 0;
}

static inline bool bench_end(struct bench *b)
{
	wr_runner_stop(&b->runner);
	return wr_runner_join(&b->runner) == 0 && wr_load_relaxed(&b->relay.wrong) == 0 &&
	       wr_load_relaxed(&b->relay.is_inside) == 0;
}

static inline struct wr_runner_stats stats_of(struct bench *b)
{
	struct wr_runner_stats stats;
	wr_runner_stats(&b->runner, &stats);
	return stats;
}

static inline void nap_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static inline void wait_until_parked(struct bench *b)
{
	while (wr_load_acquire(&b->parker.sleepers) == 0)
		(void)sched_yield();
}

/* First and last of a main(). */
static inline void tap_begin(void)
{
	pthread_t watcher;
	if (pthread_create(&watcher, NULL, watch, NULL) != 0)
		abort();
}

static inline int tap_end(void)
{
	(void)printf("1..%u\n", (unsigned)wr_load_relaxed(&tests_done));
	return tests_failed != 0;
}

#endif
