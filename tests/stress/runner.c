/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runners that wait, start and stop: steps on threads that park and wake each other by each
 * strategy and in each park mode, the cost of idling, failures of start, the thread's properties.
 * Control of running runners and driving by hand are in runner_control.c.
 */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "core/base/pause.h"
#include "io/thread/affinity.h"
#include "tests/stress/runner_bench.h"

#define ROUND_TRIPS 10000u

/* ---- waiting ---- */

/* Two runners throw a number to and fro; this thread only starts each trip and sleeps. */
static void test_round_trips(enum weir_wait wait, uint32_t usable_cpus, uint32_t trips,
			     const char *what)
{
	static struct bench first;
	static struct bench second;
	static struct wr_parker caller;
	static wr_atomic_u64 places[3];
	bench_init(&first, wait, usable_cpus);
	bench_init(&second, wait, usable_cpus);
	wr_parker_init(&caller, wr_park_futex_ops(), NULL);
	for (int i = 0; i < 3; i++)
		wr_store_relaxed(&places[i], 0u);
	first.relay.in = &places[0];
	first.relay.out = &places[1];
	first.relay.out_parker = &second.parker;
	second.relay.in = &places[1];
	second.relay.out = &places[2];
	second.relay.out_parker = &caller;
	bool ok = bench_start(&first) && bench_start(&second);
	uint64_t seed = 7;
	for (uint64_t i = 1; ok && i <= trips; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		for (uint64_t pauses = seed >> 54; pauses > 0; pauses--)
			wr_pause();
		wr_publish_u64(&places[0], i);
		wr_park_notify(&first.parker);
		while (wr_park_look_u64(&places[2]) != i) {
			uint32_t word = wr_park_announce(&caller);
			if (wr_park_look_u64(&places[2]) == i)
				wr_park_cancel(&caller);
			else
				wr_park_sleep(&caller, word, UINT64_MAX);
		}
	}
	ok = bench_end(&first) && bench_end(&second) && ok;
	struct wr_runner_stats stats = stats_of(&first);
	ok = ok && stats.busy_rounds == trips;
	/* An adaptive one yields first, and may always be served before it parks. */
	bool must_park = wait == WEIR_WAIT_PARK;
	bool may_park = must_park || wait == WEIR_WAIT_ADAPTIVE;
	ok = ok && (stats.parks > 0 ? may_park : !must_park);
	ok = ok && stats.rounds >= stats.busy_rounds && stats.cpu_ns > 0 && stats.last_cpu >= 0;
	tap(ok, what);
}

static void test_idle_cost(void)
{
	static struct bench b;
	bench_init(&b, WEIR_WAIT_DEFAULT, 64);
	bool ok = bench_start(&b);
	nap_ms(50);
	struct wr_runner_stats before = stats_of(&b);
	nap_ms(200);
	struct wr_runner_stats after = stats_of(&b);
	tap(ok && after.rounds - before.rounds < 10 && after.cpu_ns - before.cpu_ns < 20000000 &&
		    before.parks > 0,
	    "an adaptive runner with nothing to do sleeps, and uses no CPU");
	tap(bench_end(&b) && stats_of(&b).cpu_ns >= after.cpu_ns,
	    "the CPU time is still known after the end");
}

static uint64_t five_ms(void *self)
{
	(void)self;
	return 5000000;
}

static void test_idle_time(void)
{
	static struct bench b;
	bench_init(&b, WEIR_WAIT_PARK, 2);
	static struct relay other;
	other = (struct relay){0};
	struct wr_step forever = step_of(&other);
	b.step.idle_ns = five_ms;
	bool ok = wr_runner_add_step(&b.runner, &forever) == 0 && bench_start(&b);
	ok = ok && wr_runner_idle_ns(&b.runner) == 5000000;
	/* However busy the machine: more than none, and not more than one a millisecond. */
	struct timespec begin, end;
	uint64_t runs = 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint32_t naps = 0; ok && runs < 10 && naps < 1000; naps++) {
		nap_ms(10);
		runs = wr_load_relaxed(&b.relay.runs);
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	int64_t took_ms =
		(end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
	tap(bench_end(&b) && ok && runs >= 10 && runs <= 10 + (uint64_t)took_ms,
	    "the step with the shortest idle time decides how long the runner sleeps");
}

static wr_atomic_u64 nap_ns;

static uint64_t asked_nap(void *self)
{
	(void)self;
	return wr_load_relaxed(&nap_ns);
}

static bool takes(struct bench *b, wr_atomic_u64 *place, uint64_t value)
{
	uint64_t runs = wr_load_relaxed(&b->relay.runs);
	wr_publish_u64(place, value);
	wr_park_notify(&b->parker);
	while (wr_load_relaxed(&b->relay.runs) < runs + 2)
		(void)sched_yield();
	return true;
}

/* A nap is not announced: what is published does not end it, a wake and its time do. */
static void test_naps(void)
{
	static struct bench b;
	static wr_atomic_u64 place;
	bench_init(&b, WEIR_WAIT_DEFAULT, 2);
	wr_store_relaxed(&place, 0u);
	b.relay.in = &place;
	b.step.nap_ns = asked_nap;
	wr_store_relaxed(&nap_ns, 3600000000000u);
	bool ok = bench_start(&b);
	while (stats_of(&b).parks == 0)
		(void)sched_yield();
	ok = ok && wr_load_acquire(&b.parker.sleepers) == 0;
	wr_store_relaxed(&nap_ns, 1000000u);
	wr_park_wake(&b.parker);
	ok = ok && takes(&b, &place, 1);
	uint64_t parks = stats_of(&b).parks;
	while (stats_of(&b).parks < parks + 20)
		(void)sched_yield();
	tap(ok, "a nap is not announced, and is ended by a wake and by its time");
	wr_store_relaxed(&nap_ns, 0u);
	wait_until_parked(&b);
	ok = takes(&b, &place, 2);
	tap(bench_end(&b) && ok && b.relay.taken == 2,
	    "a runner that naps no more is woken by what is published");
}

/* ---- start and stop ---- */

static void test_failed_enter(void)
{
	static struct bench b;
	static struct relay failing;
	bench_init(&b, WEIR_WAIT_PARK, 2);
	failing = (struct relay){.enter_code = -ENODEV};
	struct wr_step step = step_of(&failing);
	bool ok = wr_runner_add_step(&b.runner, &b.step) == 0 &&
		  wr_runner_add_step(&b.runner, &step) == 0;
	int rc = wr_runner_start(&b.runner);
	tap(ok && rc == -ENODEV && wr_load_relaxed(&b.relay.is_inside) == 0 &&
		    wr_load_relaxed(&b.relay.runs) == 0,
	    "a failed enter is the result of start, and what was entered is left");
	failing.enter_code = 0;
	ok = wr_runner_start(&b.runner) == 0 && wr_load_relaxed(&failing.is_inside) == 1;
	ok = wr_runner_start(&b.runner) == -EBUSY && ok;
	tap(bench_end(&b) && ok, "and the runner can be started when the cause has gone");
}

static void test_bad_pin(void)
{
	static struct bench b;
	bench_init(&b, WEIR_WAIT_PARK, 2);
	b.runner.cpu_count = 1;
	b.runner.cpus[0] = WR_CPUS_MAX - 1;
	bool ok = wr_runner_add_step(&b.runner, &b.step) == 0;
	tap(ok && wr_runner_start(&b.runner) == -EINVAL && wr_load_relaxed(&b.relay.runs) == 0,
	    "a CPU that is not there is the result of start");
}

static wr_atomic_u64 probe_cpu_mismatches;
static wr_atomic_u64 probe_faults;
static int probe_cpu;

/* Looks at its own thread: CPU, name, signals. */
static int probe_run(void *self, uint32_t budget)
{
	(void)self;
	char name[16] = "";
	sigset_t blocked;
	(void)pthread_getname_np(pthread_self(), name, sizeof name);
	(void)pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	bool ok = strcmp(name, "weir-probe") == 0 && budget == 7;
	ok = ok && sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGUSR1) == 1;
	ok = ok && sigismember(&blocked, SIGSEGV) == 0 && sigismember(&blocked, SIGBUS) == 0;
	if (wr_affinity_current_cpu() != probe_cpu)
		(void)wr_add_relaxed(&probe_cpu_mismatches, 1u);
	if (!ok)
		(void)wr_add_relaxed(&probe_faults, 1u);
	return 0;
}

static void test_thread_properties(void)
{
	static struct wr_runner runner;
	static struct wr_parker parker;
	probe_cpu = wr_affinity_current_cpu();
	wr_parker_init(&parker, wr_park_futex_ops(), NULL);
	struct wr_runner_config config = {
		.thread = {.wait = WEIR_WAIT_YIELD, .cpu_count = 1, .name = "weir-probe"},
		.name = "not this one",
		.parker = &parker,
		.budget = 7,
	};
	config.thread.cpus[0] = (uint16_t)probe_cpu;
	struct wr_step step = {.name = "probe", .run = probe_run};
	bool ok = wr_runner_init(&runner, &config) == 0;
	ok = ok && wr_runner_add_step(&runner, &step) == 0 && wr_runner_start(&runner) == 0;
	sigset_t mine;
	(void)pthread_sigmask(SIG_BLOCK, NULL, &mine);
	ok = ok && sigismember(&mine, SIGTERM) == 0;
	nap_ms(50);
	wr_runner_stop(&runner);
	ok = wr_runner_join(&runner) == 0 && ok;
	struct wr_runner_stats stats;
	wr_runner_stats(&runner, &stats);
	tap(ok && stats.rounds > 0 && stats.last_cpu == probe_cpu &&
		    wr_load_relaxed(&probe_cpu_mismatches) == 0 &&
		    wr_load_relaxed(&probe_faults) == 0,
	    "the thread has its name, its CPU, its budget, and no signals but faults");
}

static void test_stop_while_parked(void)
{
	static struct bench b;
	bool ok = true;
	bench_init(&b, WEIR_WAIT_PARK, 2);
	ok = wr_runner_add_step(&b.runner, &b.step) == 0;
	for (int i = 0; i < 200 && ok; i++) {
		ok = wr_runner_start(&b.runner) == 0;
		if (i % 2 == 0)
			wait_until_parked(&b);
		ok = bench_end(&b) && ok;
	}
	wr_runner_stop(&b.runner);
	ok = wr_runner_start(&b.runner) == 0 && ok;
	ok = wr_runner_join(&b.runner) == 0 && wr_runner_join(&b.runner) == 0 && ok;
	tap(ok, "200 starts and stops, parked and not; a stop before the start counts");
}

static void test_waiting(void)
{
	test_round_trips(WEIR_WAIT_PARK, 2, ROUND_TRIPS, "round trips, parking at once");
	test_round_trips(WEIR_WAIT_ADAPTIVE, 2, ROUND_TRIPS, "round trips, adaptive, 2 CPUs");
	test_round_trips(WEIR_WAIT_ADAPTIVE, 8, 2000, "round trips, adaptive with a spin");
	test_round_trips(WEIR_WAIT_YIELD, 2, 2000, "round trips, yielding");
	test_round_trips(WEIR_WAIT_SPIN, 2, 20, "round trips, spinning");
}

int main(void)
{
	tap_begin();
	test_waiting();
	(void)printf("# from here in mode %d\n", wr_park_choose_mode());
	test_waiting();
	test_idle_cost();
	test_idle_time();
	test_naps();
	test_failed_enter();
	test_bad_pin();
	test_thread_properties();
	test_stop_while_parked();
	return tap_end();
}
