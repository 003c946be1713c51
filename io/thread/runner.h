/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runner drives steps: on a thread of its own, or by hand from the program's (weir_step()).
 *
 *   by a thread   init, add_step ..., start, (add_step, remove_step, stats) ..., stop, join
 *   by hand       init, add_step ..., run_once or run_or_wait ..., join
 *
 * Steps run in the order in which they were added. The thread has every signal blocked but those
 * that a fault of its own raises (SIGSEGV and the like: a crash handler of the program still sees
 * them). It is named, pinned and in its scheduling class before the first step is entered, and
 * waits as told when a round did nothing. It sleeps on the parker that init was given: who makes
 * work for one of the steps notifies that parker.
 *
 * A step's look at what others publish must be wr_park_look_u64(): the last look before a sleep is
 * an ordinary run of the steps, and the proof of core/port/park.h needs that kind of load.
 *
 * Control calls (start, add_step, remove_step, join) are cold and take a lock. They are refused
 * with -EINVAL inside a step of any runner: two runners that wait for one another would never end.
 */
#ifndef WR_THREAD_RUNNER_H
#define WR_THREAD_RUNNER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/options.h>

#include "core/port/park.h"
#include "io/posix/cpu_set.h"
#include "io/thread/step_table.h"

/* What a step's run() is given unless init says otherwise. */
#define WR_RUNNER_BUDGET 256u

struct wr_runner_config {
	struct weir_thread_options thread;
	const char *name;         /* where thread.name is ""; cut to 15 bytes */
	struct wr_parker *parker; /* initialised; this runner is the only one that sleeps on it */
	/* Where it runs without thread.cpus; NULL: as who starts it. Kept until the join. */
	const struct wr_cpu_set *cpus;
	uint32_t usable_cpus; /* wr_affinity_usable_cpus(): ADAPTIVE spins from 3 on */
	uint32_t budget;      /* 0: WR_RUNNER_BUDGET */
};

struct wr_runner_stats {
	uint64_t rounds;      /* of all steps */
	uint64_t busy_rounds; /* in which one of them did something */
	uint64_t parks;       /* sleeps, not announcements that were taken back */
	uint64_t cpu_ns;      /* CPU time of the thread; 0 when driven by hand */
	int last_cpu;         /* where it ran lately, or -1 */
};

enum wr_runner_request { WR_RUNNER_NOTHING, WR_RUNNER_START, WR_RUNNER_ADD, WR_RUNNER_REMOVE };

/* How long a thread with nothing to do has been waiting; its own. */
struct wr_runner_idle {
	uint64_t since_ns;
	uint32_t rounds;
	uint32_t yields;
};

struct wr_runner {
	/* Set by init. */
	struct wr_parker *parker;
	uint32_t budget;
	enum weir_wait wait;
	bool may_spin;
	char name[16];
	enum weir_scheduler scheduler;
	uint32_t priority;
	uint32_t stack_bytes;
	uint32_t cpu_count;
	uint16_t cpus[WEIR_CPUS_MAX];
	const struct wr_cpu_set *cpus_unpinned;

	/* Of control calls, under `control`. */
	pthread_mutex_t control;
	pthread_t thread;
	bool has_thread;                /* started and not yet joined */
	enum wr_runner_request request; /* handed over by `asked`, given back by `answered` */
	struct wr_step request_step;
	int request_result;

	/* Written by others, read each round. */
	WR_LINE_ALIGNED wr_atomic_u64 is_stopped;
	wr_atomic_u64 asked; /* requests so far */

	/* Written by whoever drives the steps. */
	WR_LINE_ALIGNED wr_atomic_u64 rounds;
	wr_atomic_u64 busy_rounds;
	wr_atomic_u64 parks;
	wr_atomic_u64 last_cpu;  /* + 1; 0: not known */
	wr_atomic_u64 cpu_clock; /* of the thread: a clockid_t */
	wr_atomic_u64 cpu_state; /* enum in runner.c: whether cpu_clock or cpu_ns counts */
	wr_atomic_u64 cpu_ns;
	wr_atomic_u64 answered;
	wr_atomic_u64 is_ended; /* the thread touches nothing any more */
	struct wr_runner_idle idle;
	struct wr_step_table table;

	/* Who drives: 0 nobody, 1 the thread or one caller. */
	WR_LINE_ALIGNED wr_atomic_u32 is_driven;
	wr_atomic_u32 call_waits; /* a control call wants to drive; a hint, relaxed */
	struct wr_parker answers; /* callers of control calls sleep here */
};

/*
 * Thread: any, before all else. May be called again after join.
 * @return 0, or -EINVAL for a missing parker, an unknown wait or too many CPUs
 */
int wr_runner_init(struct wr_runner *runner, const struct wr_runner_config *config);

/*
 * Starts the thread, and waits until it has entered every step.
 *
 * Thread: any, not inside a step.
 * @return 0; or -EBUSY: it has been started, or its steps are driven by hand; or the negative code
 *         of pinning, of the scheduling class, of thread creation or of the first enter() that
 *         failed: the steps entered before have been left, and nothing runs
 */
int wr_runner_start(struct wr_runner *runner);

/*
 * Tells the thread to end after its round. Wakes it. Sticky until join.
 *
 * Thread: any, a step included. Blocks: never.
 */
void wr_runner_stop(struct wr_runner *runner);

/*
 * Waits for the thread's end, or ends driving by hand; every entered step has been left then, in
 * reverse order. Without wr_runner_stop(), by anybody, it waits for that.
 *
 * Thread: any, not inside a step. Twice does no harm.
 * @return 0, or -EINVAL inside a step
 */
int wr_runner_join(struct wr_runner *runner);

/*
 * Adds a step behind the others; copied. Returns after the thread entered it. On a runner that has
 * no thread it is entered by whoever drives first.
 *
 * Thread: any, not inside a step. Blocks: for one round of the steps.
 * @return 0; -EINVAL; WEIR_E_FULL; WEIR_E_EXISTS (same run and self); WEIR_E_CLOSED when the thread
 *         has ended; or the code of enter(): then it was not added
 */
int wr_runner_add_step(struct wr_runner *runner, const struct wr_step *step);

/*
 * Removes the step with this run and self. After the return it has been left, and runs no more.
 *
 * Thread: any, not inside a step. Blocks: for one round of the steps.
 * @return 0, or -EINVAL inside a step, or -ENOENT
 */
int wr_runner_remove_step(struct wr_runner *runner, const struct wr_step *step);

/*
 * One round of all steps, by hand. Enters first what has not been entered.
 *
 * Thread: any, one at a time.
 * @return the sum of what the steps did; WEIR_E_AGAIN when the thread or another caller is driving
 *         (also from inside one of the steps), or a control call waits to; or the code of an
 *         enter() that failed: no step ran
 */
int wr_runner_run_once(struct wr_runner *runner);

/*
 * The same; when the steps did nothing, a sleep of up to wait_ns until somebody wakes the parker,
 * and another round. Nobody else drives meanwhile; who changes the steps wakes it.
 */
int wr_runner_run_or_wait(struct wr_runner *runner, uint64_t wait_ns);

/*
 * How long the steps may be left alone, the shortest of them. Only for who drives by hand.
 */
uint64_t wr_runner_idle_ns(const struct wr_runner *runner);

/* Thread: any, at any time after init. */
void wr_runner_stats(struct wr_runner *runner, struct wr_runner_stats *ret_stats);

/* The innermost runner that this thread is inside a step of, or NULL. L13: it never waits then. */
struct wr_runner *wr_runner_current(void);

#endif
