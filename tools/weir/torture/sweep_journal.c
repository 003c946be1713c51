/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sweep.h: the lives of one journal, drawn by a seed, each killed and then audited. Who calls
 * has no thread of weir's: every life is a fork.
 *
 * Thread: main.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/harness.h"
#include "tools/weir/torture/sweep.h"

#define MS_NS UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)
#define WAIT_MAX_NS (MS_NS * 800)     /* for what the plan waits for: then it is killed anyway */
#define LIFE_MAX_NS (SECOND_NS * 120) /* nothing in a life takes so long: it hangs */
#define STOPPED 1                     /* of a life that was ended because the run is to end */

/* --- plans ---------------------------------------------------------------------------------- */

void sweep_options(struct weir_options *ret_options)
{
	weir_options_init(ret_options);
	ret_options->chunk_bytes = 16u << 10;
	ret_options->segment_bytes = 64u << 10;
	ret_options->pool_bytes = 512u << 10;
	ret_options->undurable_bytes = 64u << 10;
	ret_options->lane_bytes = 64u << 10;
	ret_options->member_lane_bytes = 64u << 10;
	ret_options->checkpoint_bytes = 32u << 10;
	ret_options->partitions_max = 16;
	ret_options->topics_max = 4;
	ret_options->subscriptions_max = 4;
	ret_options->named_producers_max = 8;
	ret_options->outstanding_max = 16;
	ret_options->producers_max = 4;
	ret_options->members_max = 4;
}

void sweep_draw_options(struct weir_options *options, struct wr_prng *prng)
{
	sweep_options(options);
	options->segments_ahead = (uint32_t)wr_prng_between(prng, 1, 3);
	options->undurable_bytes = (16u << 10) * wr_prng_between(prng, 2, 8);
	options->batches_in_flight_max = (uint32_t)wr_prng_between(prng, 1, 4);
	options->evidence_delay_ns = wr_prng_chance(prng, 500000) ? MS_NS : MS_NS * 50;
	options->seal_before_ack = wr_prng_chance(prng, 200000);
	options->journal_thread =
		wr_prng_chance(prng, 300000) ? WEIR_JOURNAL_THREAD_YES : WEIR_JOURNAL_THREAD_AUTO;
	options->io = wr_prng_chance(prng, 500000) ? WEIR_IO_POSIX : WEIR_IO_AUTO;
}

/* A filter of system calls sees nothing of what an io_uring does. */
static void draw_break(const struct sweep_run *run, struct sweep_plan *plan, struct wr_prng *prng)
{
	plan->kill = SWEEP_KILL_BREAK;
	plan->after = wr_prng_between(prng, 1, plan->events);
	plan->linger_ns = wr_prng_below(prng, MS_NS * 60);
	plan->break_how = (enum sweep_break)wr_prng_below(prng, SWEEP_BREAKS);
	if (plan->break_how == SWEEP_BREAK_SHORT)
		return;
	if (run->has_io && run->io == WEIR_IO_URING)
		plan->break_how = SWEEP_BREAK_SHORT;
	else
		plan->options.io = WEIR_IO_POSIX;
}

static struct sweep_plan draw_plan(const struct sweep_run *run, struct wr_prng *prng, bool recycles,
				   bool is_last)
{
	struct sweep_plan plan = {
		.kill = (enum sweep_kill)wr_prng_below(prng, SWEEP_KILL_PACK),
		.seed = wr_prng_next(prng),
		.events = wr_prng_between(prng, 50, 1500),
		.window = (uint32_t)wr_prng_between(prng, 1, 400),
		.close_mode = wr_prng_chance(prng, 700000) ? WEIR_CLOSE_DRAIN : WEIR_CLOSE_ABORT,
		.leave = wr_prng_chance(prng, 500000),
		.memory_gate = wr_prng_chance(prng, 300000),
	};

	/* Seldom: it takes as long as some ten of the others. */
	if (wr_prng_chance(prng, 40000))
		plan.kill = SWEEP_KILL_PACK;
	sweep_draw_options(&plan.options, prng);
	if (run->has_io)
		plan.options.io = run->io;
	plan.options.retention_bytes = recycles ? 256u << 10 : 0;
	switch (plan.kill) {
	case SWEEP_KILL_TIME:
		plan.after = wr_prng_below(prng, MS_NS * 150);
		break;
	case SWEEP_KILL_OPENING:
		plan.after = wr_prng_below(prng, MS_NS * (wr_prng_chance(prng, 500000) ? 2 : 12));
		break;
	case SWEEP_KILL_CLOSING:
		plan.after = wr_prng_below(prng, MS_NS * (wr_prng_chance(prng, 700000) ? 1 : 8));
		plan.events = wr_prng_between(prng, 1, 300);
		break;
	case SWEEP_KILL_ACKS:
		plan.after = wr_prng_between(prng, 1, plan.events);
		break;
	case SWEEP_KILL_PACK:
		plan.after = wr_prng_between(prng, 1, 2);
		plan.window = (uint32_t)wr_prng_between(prng, 1, 3); /* padding to take out */
		break;
	default:
		plan.after = wr_prng_between(prng, 1, 6);
		break;
	}
	if (run->breaks && wr_prng_chance(prng, 250000))
		draw_break(run, &plan, prng);
	/* What one life has packed the next one reads, whether it packs or not. */
	plan.options.pack = plan.kill == SWEEP_KILL_PACK || wr_prng_chance(prng, 500000)
				    ? WEIR_PACK_PADDING
				    : WEIR_PACK_NO;
	if (is_last) {
		plan.kill = SWEEP_KILL_NONE;
		plan.close_mode = WEIR_CLOSE_DRAIN;
		plan.leave = true;
		plan.events = 200;
	}
	return plan;
}

/* --- one life ------------------------------------------------------------------------------- */

/* The moment from which `after` counts: a phase, or the failure of the disk. */
static bool has_begun(const struct sweep_plan *plan, struct sweep_ledger *ledger)
{
	switch (plan->kill) {
	case SWEEP_KILL_OPENING:
		return wr_load_acquire(&ledger->phase) >= SWEEP_OPENING;
	case SWEEP_KILL_CLOSING:
		return wr_load_acquire(&ledger->phase) >= SWEEP_CLOSING;
	case SWEEP_KILL_BREAK:
		return wr_load_acquire(&ledger->is_broken) != 0;
	default:
		return plan->kill == SWEEP_KILL_TIME;
	}
}

static bool is_due(const struct sweep_plan *plan, struct sweep_ledger *ledger, uint64_t born_ns,
		   uint64_t *begun_ns)
{
	uint64_t now_ns = bench_now_ns();
	uint64_t after_ns = plan->kill == SWEEP_KILL_BREAK ? plan->linger_ns : plan->after;

	if (plan->kill == SWEEP_KILL_NONE)
		return false;
	if (now_ns - born_ns > WAIT_MAX_NS)
		return true;
	if (*begun_ns == 0 && has_begun(plan, ledger))
		*begun_ns = plan->kill == SWEEP_KILL_TIME ? born_ns : now_ns;
	return *begun_ns != 0 && now_ns - *begun_ns >= after_ns;
}

static pid_t start_life(const char *dir, const struct sweep_plan *plan, struct sweep_ledger *ledger)
{
	pid_t parent = getpid();

	wr_store_release(&ledger->phase, SWEEP_BORN);
	wr_store_release(&ledger->is_breaking, 0u);
	wr_store_release(&ledger->is_broken, 0u);
	fflush(NULL);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	/* Who kills the parent does not want to find the child still writing. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGINT, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	_exit(sweep_life(dir, plan, ledger));
}

/* Waits for the end of a life, and sees to it. Its status, or -1; `ret_killed`: from here. */
static int await_end(struct sweep_run *run, const struct sweep_plan *plan, pid_t pid,
		     bool *ret_killed, bool *ret_stopped)
{
	const struct timespec look = {.tv_nsec = 20000};
	uint64_t born_ns = bench_now_ns();
	uint64_t begun_ns = 0;
	int status = -1;

	while (pid > 0) {
		pid_t gone = waitpid(pid, &status, *ret_killed ? 0 : WNOHANG);
		if (gone == pid || (gone < 0 && errno != EINTR))
			break;
		bool hangs = bench_now_ns() - born_ns > LIFE_MAX_NS;
		if (hangs)
			sweep_fault(run->ledger, "a life of %u hangs in phase %u",
				    (unsigned)plan->kill, wr_load_acquire(&run->ledger->phase));
		*ret_stopped |= run->is_stopped != NULL && run->is_stopped(run->context);
		if (hangs || *ret_stopped || is_due(plan, run->ledger, born_ns, &begun_ns)) {
			*ret_killed = true;
			(void)kill(pid, SIGKILL);
		} else {
			nanosleep(&look, NULL);
		}
	}
	return status;
}

static void count_kill(struct sweep_run *run, const struct sweep_plan *plan, bool killed)
{
	struct sweep_sum *sum = &run->sum;
	uint32_t broken = wr_load_acquire(&run->ledger->is_broken);

	sum->kills++;
	sum->in_phase[wr_load_acquire(&run->ledger->phase)]++;
	if (plan->kill == SWEEP_KILL_BREAK) {
		sum->breaks[plan->break_how] += broken == 1;
		sum->unbroken += broken == 2;
		sum->missed += broken == 0;
		if (broken == 1)
			wr_store_relaxed(&run->ledger->was_broken, 1u);
	} else {
		sum->missed += killed && plan->kill >= SWEEP_KILL_ACKS;
	}
}

/* Forks the life and kills it as planned. 0, STOPPED, or -1: it had a fault, or it hangs. */
static int live_and_die(struct sweep_run *run, const char *dir, const struct sweep_plan *plan)
{
	bool killed = false;
	bool stopped = false;

	int status = await_end(run, plan, start_life(dir, plan, run->ledger), &killed, &stopped);
	if (stopped)
		return STOPPED;
	if (wr_load_relaxed(&run->ledger->has_fault) != 0)
		return -1;
	if (plan->kill == SWEEP_KILL_NONE && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (plan->kill == SWEEP_KILL_NONE || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
		sweep_fault(run->ledger, "the life ended by itself: status %d", status);
		return -1;
	}
	count_kill(run, plan, killed);
	return 0;
}

/* --- one journal ---------------------------------------------------------------------------- */

static void add_up(struct sweep_run *run, const uint64_t last[SWEEP_STREAMS])
{
	struct sweep_ledger *ledger = run->ledger;

	for (uint32_t stream = 0; stream < SWEEP_STREAMS; stream++) {
		run->sum.events += last[stream];
		run->sum.acked += wr_load_relaxed(&ledger->acked[stream]);
	}
	run->sum.journals++;
	run->sum.commits += wr_load_relaxed(&ledger->commits);
	run->sum.checkpoints += wr_load_relaxed(&ledger->checkpoints);
	run->sum.recycled += wr_load_relaxed(&ledger->recycled);
	run->sum.packed += wr_load_relaxed(&ledger->packed);
	run->sum.trimmed += wr_load_relaxed(&ledger->trimmed);
}

static void tell_fault(struct sweep_run *run, uint64_t seed, unsigned life,
		       const struct sweep_plan *plan)
{
	const struct weir_options *o = &plan->options;

	snprintf(run->fault, sizeof run->fault,
		 "%s; seed %llu, life %u: kill %u after %llu; io %u, journal thread %d, %u in "
		 "flight, %u ahead, undurable %llu, seal before ack %d, retention %llu, pack %u, "
		 "window %u",
		 run->ledger->fault, (unsigned long long)seed, life, (unsigned)plan->kill,
		 (unsigned long long)plan->after, (unsigned)o->io, (int)o->journal_thread,
		 o->batches_in_flight_max, o->segments_ahead,
		 (unsigned long long)o->undurable_bytes, o->seal_before_ack,
		 (unsigned long long)o->retention_bytes, (unsigned)o->pack, plan->window);
}

static int live_once(struct sweep_run *run, const char *journal, const struct sweep_plan *plan,
		     bool is_whole, uint64_t last[SWEEP_STREAMS])
{
	int ended = live_and_die(run, journal, plan);
	if (ended != 0)
		return ended;
	if (run->killed != NULL)
		run->killed(run->context, journal);
	return sweep_audit(journal, run->ledger, is_whole, last) == 0 ? 0 : -1;
}

bool sweep_journal(struct sweep_run *run, const char *journal, uint64_t seed)
{
	uint64_t last[SWEEP_STREAMS] = {0};
	struct sweep_plan plan;
	struct wr_prng prng;
	bool is_last = false;

	wr_prng_init(&prng, seed);
	memset(run->ledger, 0, sizeof *run->ledger);
	bool recycles = wr_prng_chance(&prng, 400000);
	for (unsigned i = 0; !is_last; i++) {
		is_last = i == run->kills_a_journal ||
			  (i > 0 && run->end_ns != 0 && bench_now_ns() >= run->end_ns);
		plan = draw_plan(run, &prng, recycles, is_last);
		int ended = live_once(run, journal, &plan, !recycles, last);
		if (ended == STOPPED)
			return true;
		if (ended == 0 && is_last && sweep_unhandled(run->ledger) > 0)
			ended = -1;
		if (ended < 0) {
			tell_fault(run, seed, i, &plan);
			return false;
		}
	}
	add_up(run, last);
	return true;
}

struct sweep_ledger *sweep_ledger_map(void)
{
	void *ledger = mmap(NULL, sizeof(struct sweep_ledger), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return ledger != MAP_FAILED ? ledger : NULL;
}
