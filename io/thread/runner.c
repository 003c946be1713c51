/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop over steps, and its control from other threads.
 *
 * Control goes through one request slot. A caller holds `control`, fills the slot, publishes its
 * number in `asked` and wakes the runner's parker; the thread looks at `asked` once a round and
 * between announcing and sleeping, does what is asked, and publishes the number in `answered`.
 * Callers sleep on a parker of their own. So the thread takes no lock, ever, and a request finds
 * it whether it runs, spins or sleeps.
 *
 * Invariants:
 *   - the table, idle and the counters are touched only by who set is_driven to 1.
 *   - the thread never takes `control`; a caller that waits under it waits for the thread alone.
 *   - a waiting caller is answered or sees is_ended, which the thread publishes last.
 *
 * Pairs: RN1 asked -> look (slot), RN2 answered -> look (result), RN3 is_ended -> look (all that
 * the thread did), RN4 is_driven release -> exchange (the table), RN5 cpu_state -> load (cpu_clock,
 * cpu_ns), RN6 is_stopped -> loop (nothing hangs on it but the end).
 */
#include "io/thread/runner.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/pause.h"
#include "io/posix/thread_posix.h"
#include "io/thread/affinity.h"
#include "io/thread/park_futex.h"

/* Bounds of ADAPTIVE: a membarrier costs about as much as the spin. */
#define SPIN_NS 20000u
#define SPIN_CPUS_MIN 3u
#define PAUSES_PER_ROUND 4
#define YIELDS_BEFORE_PARK 8u
/* The CPU is looked up once in so many rounds. A power of two. */
#define ROUNDS_PER_CPU_LOOK 256u

enum cpu_state { CPU_UNKNOWN, CPU_LIVE, CPU_FINAL };

static _Thread_local struct wr_runner *current_runner;

struct wr_runner *wr_runner_current(void)
{
	return current_runner;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec now;
	if (clock_gettime(id, &now) != 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* A counter with one writer at a time: readers want a recent value, no order. */
static void count(wr_atomic_u64 *counter)
{
	wr_store_relaxed(counter, wr_load_relaxed(counter) + 1);
}

/* ---- a round; only by who drives ---- */

static void note_cpu(struct wr_runner *r)
{
	int cpu = wr_affinity_current_cpu();
	if (cpu >= 0)
		wr_store_relaxed(&r->last_cpu, (uint64_t)cpu + 1);
}

static int run_steps(struct wr_runner *r)
{
	int done = wr_step_table_run(&r->table, r->budget);
	uint64_t rounds = wr_load_relaxed(&r->rounds) + 1;
	wr_store_relaxed(&r->rounds, rounds);
	if (done > 0)
		count(&r->busy_rounds);
	if ((rounds & (ROUNDS_PER_CPU_LOOK - 1)) == 1)
		note_cpu(r);
	return done;
}

uint64_t wr_runner_idle_ns(const struct wr_runner *runner)
{
	return wr_step_table_idle_ns(&runner->table);
}

/* ---- who drives ---- */

/* RN4. Acquire: what the last driver did to the steps is seen. */
static bool try_drive(struct wr_runner *r)
{
	return wr_exchange_acq_rel(&r->is_driven, 1u) == 0;
}

static void end_drive(struct wr_runner *r)
{
	wr_store_release(&r->is_driven, 0u); /* RN4 */
}

/*
 * Under `control`. Waits for one round by hand of each caller at most, and wakes it if it sleeps:
 * no new one begins meanwhile. The thread, which holds it for long, is not running.
 */
static void drive(struct wr_runner *r)
{
	wr_store_relaxed(&r->call_waits, 1u);
	while (!try_drive(r)) {
		wr_park_wake(r->parker);
		sched_yield();
	}
	wr_store_relaxed(&r->call_waits, 0u);
}

/* The sleep is part of the round: what it sleeps in (a storage's poll) is the driver's alone. */
static int wait_by_hand(struct wr_runner *r, uint64_t wait_ns)
{
	uint32_t word = wr_park_announce(r->parker);
	int work = run_steps(r);
	uint64_t idle_ns = wr_runner_idle_ns(r);
	if (work != 0 || idle_ns == 0) {
		wr_park_cancel(r->parker);
		return work;
	}
	wr_park_sleep(r->parker, word, wr_min_u64(wait_ns, idle_ns));
	return run_steps(r);
}

int wr_runner_run_or_wait(struct wr_runner *runner, uint64_t wait_ns)
{
	/* Who drives again and again would be inside whenever a control call looks. */
	if (wr_load_relaxed(&runner->call_waits) != 0 || !try_drive(runner))
		return WEIR_E_AGAIN;
	struct wr_runner *outer = current_runner;
	current_runner = runner;
	int rc = wr_step_table_enter(&runner->table);
	if (rc == 0)
		rc = run_steps(runner);
	if (rc == 0 && wait_ns > 0)
		rc = wait_by_hand(runner, wait_ns);
	current_runner = outer;
	end_drive(runner);
	return rc;
}

int wr_runner_run_once(struct wr_runner *runner)
{
	return wr_runner_run_or_wait(runner, 0);
}

/* ---- the thread ---- */

static bool has_request(struct wr_runner *r)
{
	return wr_park_look_u64(&r->asked) != wr_load_relaxed(&r->answered);
}

static bool is_told(struct wr_runner *r)
{
	return wr_park_look_u64(&r->is_stopped) != 0 || has_request(r);
}

static void answer(struct wr_runner *r, int result)
{
	r->request_result = result;
	wr_publish_round_u64(&r->answered, wr_load_relaxed(&r->answered) + 1); /* RN2 */
	wr_park_notify(&r->answers);
}

static void serve_request(struct wr_runner *r)
{
	int rc = -EINVAL;
	if (r->request == WR_RUNNER_ADD) {
		rc = wr_step_table_insert(&r->table, &r->request_step);
		if (rc == 0) {
			rc = wr_step_table_enter(&r->table);
			if (rc < 0)
				(void)wr_step_table_remove(&r->table, &r->request_step);
		}
	} else if (r->request == WR_RUNNER_REMOVE) {
		rc = wr_step_table_remove(&r->table, &r->request_step);
	}
	answer(r, rc);
}

/* Announce, look at everything once more, sleep. True when that look found work. */
static bool park(struct wr_runner *r)
{
	uint32_t word = wr_park_announce(r->parker);
	if (is_told(r)) {
		wr_park_cancel(r->parker);
		return false;
	}
	wr_step_table_announced(&r->table);
	if (run_steps(r) > 0) {
		wr_park_cancel(r->parker);
		return true;
	}
	uint64_t idle_ns = wr_runner_idle_ns(r);
	if (idle_ns == 0) {
		wr_park_cancel(r->parker);
		sched_yield();
		return false;
	}
	count(&r->parks);
	wr_park_sleep(r->parker, word, idle_ns);
	note_cpu(r);
	return false;
}

/*
 * What is handed over wakes nobody while the step that would take it waits for the medium, and a
 * wake-up for each event would cost it, and who publishes, more than the event. A request and the
 * end wait for as long.
 */
static bool nap(struct wr_runner *r)
{
	uint32_t word = wr_load_acquire(&r->parker->word); /* PK4: before the look */
	uint64_t nap_ns = wr_step_table_nap_ns(&r->table);
	if (nap_ns == 0 || is_told(r))
		return false;
	count(&r->parks);
	wr_park_nap(r->parker, word, nap_ns);
	return true;
}

static void pause_a_little(void)
{
	for (int i = 0; i < PAUSES_PER_ROUND; i++)
		wr_pause();
}

/*
 * Spins only where others can run meanwhile: on one or two CPUs whoever makes the work waits for
 * the CPU that the spin burns. A wake-up that brought no work goes straight back to sleep.
 */
static bool wait_adaptively(struct wr_runner *r)
{
	struct wr_runner_idle *idle = &r->idle;
	if (r->may_spin && idle->yields == 0) {
		uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
		if (idle->rounds++ == 0)
			idle->since_ns = now_ns;
		if (now_ns - idle->since_ns < SPIN_NS) {
			pause_a_little();
			return false;
		}
	}
	if (nap(r))
		return false;
	if (idle->yields < YIELDS_BEFORE_PARK) {
		idle->yields++;
		sched_yield();
		return false;
	}
	return park(r);
}

/* True when work was found and done on the way. */
static bool wait_for_work(struct wr_runner *r)
{
	switch (r->wait) {
	case WEIR_WAIT_SPIN:
		pause_a_little();
		return false;
	case WEIR_WAIT_YIELD:
		sched_yield();
		return false;
	case WEIR_WAIT_PARK:
		return !nap(r) && park(r);
	case WEIR_WAIT_DEFAULT:
	case WEIR_WAIT_ADAPTIVE:
		break;
	}
	return wait_adaptively(r);
}

static void loop(struct wr_runner *r)
{
	while (wr_load_acquire(&r->is_stopped) == 0) { /* RN6 */
		if (WR_UNLIKELY(has_request(r)))
			serve_request(r);
		if (run_steps(r) > 0 || wait_for_work(r))
			r->idle = (struct wr_runner_idle){0};
	}
}

static void begin_cpu_time(struct wr_runner *r)
{
	clockid_t id;
	if (pthread_getcpuclockid(pthread_self(), &id) != 0)
		return;
	wr_store_relaxed(&r->cpu_clock, (uint64_t)(int64_t)id);
	wr_store_release(&r->cpu_state, (uint64_t)CPU_LIVE); /* RN5 */
}

static void end_cpu_time(struct wr_runner *r)
{
	wr_store_relaxed(&r->cpu_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID));
	wr_store_release(&r->cpu_state, (uint64_t)CPU_FINAL); /* RN5 */
}

static void *runner_main(void *argument)
{
	struct wr_runner *r = argument;
	current_runner = r;
	wr_thread_mark_own();
	begin_cpu_time(r);
	(void)pthread_setname_np(pthread_self(), r->name);
	/* Before enter(): what a step touches first lies near the CPU that will use it. */
	int rc = wr_affinity_pin(r->cpus, r->cpu_count);
	if (rc == 0)
		rc = wr_thread_take_class(r->scheduler, r->priority);
	if (rc == 0)
		rc = wr_step_table_enter(&r->table);
	note_cpu(r);
	answer(r, rc);
	if (rc == 0)
		loop(r);
	wr_step_table_leave(&r->table);
	end_cpu_time(r);
	current_runner = NULL;
	end_drive(r);
	wr_publish_round_u64(&r->is_ended, 1); /* RN3 */
	wr_park_notify(&r->answers);
	return NULL;
}

/* ---- control ---- */

int wr_runner_init(struct wr_runner *runner, const struct wr_runner_config *config)
{
	const struct weir_thread_options *options = &config->thread;
	if (config->parker == NULL || (unsigned)options->wait > WEIR_WAIT_PARK ||
	    (unsigned)options->scheduler > WEIR_SCHEDULER_RR || options->cpu_count > WEIR_CPUS_MAX)
		return -EINVAL;
	memset(runner, 0, sizeof *runner);
	runner->parker = config->parker;
	runner->budget = config->budget != 0 ? config->budget : WR_RUNNER_BUDGET;
	runner->wait = options->wait;
	runner->may_spin = config->usable_cpus >= SPIN_CPUS_MIN;
	const char *name = options->name[0] != '\0' ? options->name : config->name;
	if (name != NULL)
		memcpy(runner->name, name, strnlen(name, sizeof runner->name - 1));
	runner->scheduler = options->scheduler;
	runner->priority = options->priority;
	runner->stack_bytes = options->stack_bytes;
	runner->cpus_unpinned = config->cpus;
	runner->cpu_count = options->cpu_count;
	memcpy(runner->cpus, options->cpus, sizeof runner->cpus);
	runner->control = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	wr_parker_init_symmetric(&runner->answers, wr_park_futex_ops(), NULL);
	return 0;
}

static bool is_answered(struct wr_runner *r, uint64_t number)
{
	return wr_park_look_u64(&r->answered) == number || wr_park_look_u64(&r->is_ended) != 0;
}

/* Sleeps until the thread has served request `number`, or has ended without: false. */
static bool wait_for_answer(struct wr_runner *r, uint64_t number)
{
	while (!is_answered(r, number)) {
		uint32_t word = wr_park_announce(&r->answers);
		if (is_answered(r, number))
			wr_park_cancel(&r->answers);
		else
			wr_park_sleep(&r->answers, word, UINT64_MAX);
	}
	return wr_load_acquire(&r->answered) == number; /* RN2 */
}

/* No request ever has that number: only the end is waited for. */
static void wait_until_ended(struct wr_runner *r)
{
	(void)wait_for_answer(r, UINT64_MAX);
}

/* Under `control`. The number of the new request, which the thread sees from now on. */
static uint64_t ask(struct wr_runner *r, enum wr_runner_request request, const struct wr_step *step)
{
	uint64_t number = wr_load_relaxed(&r->asked) + 1;
	r->request = request;
	if (step != NULL)
		r->request_step = *step;
	wr_publish_round_u64(&r->asked, number); /* RN1 */
	wr_park_notify(r->parker);
	return number;
}

static int create_thread(struct wr_runner *r)
{
	/* A pinned one pins itself, which finds CPUs that cannot be had. */
	const struct wr_thread_start start = {
		.name = r->name, .cpus = r->cpus_unpinned, .stack_bytes = r->stack_bytes};
	return wr_thread_create(&r->thread, &start, runner_main, r);
}

/* Under `control`, with is_driven held for the thread. */
static int start_thread(struct wr_runner *r)
{
	/* A request that an earlier thread never answered is void. */
	wr_store_relaxed(&r->answered, wr_load_relaxed(&r->asked));
	wr_store_relaxed(&r->is_ended, (uint64_t)0);
	wr_store_relaxed(&r->cpu_state, (uint64_t)CPU_UNKNOWN);
	r->idle = (struct wr_runner_idle){0};
	uint64_t number = ask(r, WR_RUNNER_START, NULL);
	int rc = create_thread(r);
	if (rc < 0) {
		end_drive(r);
		return rc;
	}
	bool is_answered_first = wait_for_answer(r, number);
	WR_ASSERT(is_answered_first);
	if (r->request_result < 0) {
		(void)pthread_join(r->thread, NULL);
		return r->request_result;
	}
	r->has_thread = true;
	return 0;
}

int wr_runner_start(struct wr_runner *runner)
{
	if (current_runner != NULL)
		return -EINVAL;
	pthread_mutex_lock(&runner->control);
	int rc = -EBUSY;
	if (!runner->has_thread && try_drive(runner)) {
		if (wr_step_table_has_entered(&runner->table))
			end_drive(runner);
		else
			rc = start_thread(runner);
	}
	pthread_mutex_unlock(&runner->control);
	return rc;
}

void wr_runner_stop(struct wr_runner *runner)
{
	wr_publish_round_u64(&runner->is_stopped, 1);
	wr_park_notify(runner->parker);
}

/*
 * The wait is outside the lock, so that control calls of others go on until the thread has ended.
 */
int wr_runner_join(struct wr_runner *runner)
{
	if (current_runner != NULL)
		return -EINVAL;
	pthread_mutex_lock(&runner->control);
	bool has_thread = runner->has_thread;
	pthread_mutex_unlock(&runner->control);
	if (has_thread)
		wait_until_ended(runner);

	pthread_mutex_lock(&runner->control);
	if (runner->has_thread) {
		(void)pthread_join(runner->thread, NULL);
		runner->has_thread = false;
	}
	/* Steps driven by hand; after a thread there is nothing left to leave. */
	drive(runner);
	current_runner = runner;
	wr_step_table_leave(&runner->table);
	current_runner = NULL;
	end_drive(runner);
	wr_store_relaxed(&runner->is_stopped, (uint64_t)0);
	pthread_mutex_unlock(&runner->control);
	return 0;
}

/* Changes the steps of a runner whose thread, if it had one, has ended. */
static int change_by_hand(struct wr_runner *r, enum wr_runner_request request,
			  const struct wr_step *step)
{
	if (request == WR_RUNNER_ADD && r->has_thread)
		return WEIR_E_CLOSED;
	drive(r);
	current_runner = r;
	int rc = request == WR_RUNNER_ADD ? wr_step_table_insert(&r->table, step)
					  : wr_step_table_remove(&r->table, step);
	current_runner = NULL;
	end_drive(r);
	return rc;
}

static int change_steps(struct wr_runner *runner, enum wr_runner_request request,
			const struct wr_step *step)
{
	if (current_runner != NULL || step == NULL || step->run == NULL)
		return -EINVAL;
	pthread_mutex_lock(&runner->control);
	int rc;
	if (runner->has_thread && wait_for_answer(runner, ask(runner, request, step)))
		rc = runner->request_result;
	else
		rc = change_by_hand(runner, request, step);
	pthread_mutex_unlock(&runner->control);
	return rc;
}

int wr_runner_add_step(struct wr_runner *runner, const struct wr_step *step)
{
	return change_steps(runner, WR_RUNNER_ADD, step);
}

int wr_runner_remove_step(struct wr_runner *runner, const struct wr_step *step)
{
	return change_steps(runner, WR_RUNNER_REMOVE, step);
}

/*
 * The thread's CPU clock has the number of its kernel thread, which can be given to another one
 * after its end: what was read counts only if the thread was still there afterwards. RN5
 */
static uint64_t read_cpu_ns(struct wr_runner *r)
{
	if (wr_load_acquire(&r->cpu_state) == CPU_LIVE) {
		uint64_t id = wr_load_relaxed(&r->cpu_clock);
		uint64_t ns = clock_ns((clockid_t)(int64_t)id);
		if (wr_load_acquire(&r->cpu_state) == CPU_LIVE) /* RN5 */
			return ns;
	}
	/* RN5 */
	return wr_load_acquire(&r->cpu_state) == CPU_FINAL ? wr_load_relaxed(&r->cpu_ns) : 0;
}

void wr_runner_stats(struct wr_runner *runner, struct wr_runner_stats *ret_stats)
{
	uint64_t cpu = wr_load_relaxed(&runner->last_cpu);
	*ret_stats = (struct wr_runner_stats){
		.rounds = wr_load_relaxed(&runner->rounds),
		.busy_rounds = wr_load_relaxed(&runner->busy_rounds),
		.parks = wr_load_relaxed(&runner->parks),
		.cpu_ns = read_cpu_ns(runner),
		.last_cpu = cpu > 0 ? (int)(cpu - 1) : -1,
	};
}
