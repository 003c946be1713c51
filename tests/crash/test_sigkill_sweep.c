/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   SIGKILL at any moment loses nothing that was acknowledged. After each kill every event
 *         acknowledged as durable is in the journal once, in order and byte for byte; a named
 *         producer resumes behind it; a group is handed nothing again whose progress was durable,
 *         and nothing is passed over that it did not acknowledge; `weir journal verify` is clean.
 * Method: on a real file system a child publishes and consumes (sweep_life.c) and is killed: at a
 *         drawn time, while it opens or recovers, while it closes, at a drawn acknowledgement, when
 *         a segment rolls, when a checkpoint lands. The parent reads what is left without a
 *         pipeline (sweep_audit.c), and the next child goes on in it. Segments of 64 KiB and
 *         checkpoints every 32 KiB make both happen all the time. Each seed is a directory that
 *         lives a dozen times, with either backend, and ends with a life that closes in order.
 *
 * --seeds N and --seconds T: go on until either is reached (long form, tools/soak). A seed draws
 * the plan again, not the kernel's scheduling.
 *
 * Plain main(), TAP: weir must have no thread in the process that forks.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/sweep.h"
#include "tests/support/real_data.h"
#include "tools/weir/args.h"

#define MS_NS UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)
#define KILLS_A_SEED 12u
#define WAIT_MAX_NS (MS_NS * 800)    /* for what the plan waits for: then it is killed anyway */
#define LIFE_MAX_NS (SECOND_NS * 30) /* nothing in a life takes so long: it hangs */

static struct sweep_ledger *ledger;

static struct {
	unsigned kills;
	unsigned missed; /* the life ended, or its target did not come, before the kill */
	unsigned in_phase[SWEEP_PHASES];
	uint64_t events;
	uint64_t commits, checkpoints, recycled, trimmed;
} sum;

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

/* --- plans ---------------------------------------------------------------------------------- */

static struct sweep_plan draw_plan(struct wr_prng *prng, bool recycles, bool is_last)
{
	struct sweep_plan plan = {
		.kill = (enum sweep_kill)wr_prng_below(prng, SWEEP_KILL_NONE),
		.seed = wr_prng_next(prng),
		.events = wr_prng_between(prng, 50, 1500),
		.window = (uint32_t)wr_prng_between(prng, 1, 400),
		.close_mode = wr_prng_chance(prng, 700000) ? WEIR_CLOSE_DRAIN : WEIR_CLOSE_ABORT,
		.leave = wr_prng_chance(prng, 500000),
		.memory_gate = wr_prng_chance(prng, 300000),
	};

	sweep_draw_options(&plan.options, prng);
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
	default:
		plan.after = wr_prng_between(prng, 1, 6);
		break;
	}
	if (is_last) {
		plan.kill = SWEEP_KILL_NONE;
		plan.close_mode = WEIR_CLOSE_DRAIN;
		plan.leave = true;
		plan.events = 200;
	}
	return plan;
}

/* --- one life ------------------------------------------------------------------------------- */

static bool is_due(const struct sweep_plan *plan, uint64_t born_ns, uint64_t *phase_ns)
{
	uint32_t wanted = plan->kill == SWEEP_KILL_OPENING ? SWEEP_OPENING : SWEEP_CLOSING;
	uint64_t now = now_ns();

	if (now - born_ns > WAIT_MAX_NS && plan->kill != SWEEP_KILL_NONE)
		return true;
	if (plan->kill == SWEEP_KILL_TIME)
		return now - born_ns >= plan->after;
	if (plan->kill != SWEEP_KILL_OPENING && plan->kill != SWEEP_KILL_CLOSING)
		return false;
	if (*phase_ns == 0 && wr_load_acquire(&ledger->phase) >= wanted)
		*phase_ns = now;
	return *phase_ns != 0 && now - *phase_ns >= plan->after;
}

/* Forks the life and kills it as planned. False: it had a fault, or it hangs. */
static bool live_and_die(const char *dir, const struct sweep_plan *plan)
{
	uint64_t born_ns = now_ns();
	uint64_t phase_ns = 0;
	int status = 0;
	bool killed = false;

	wr_store_release(&ledger->phase, SWEEP_BORN);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(sweep_life(dir, plan, ledger));
	while (pid > 0 && waitpid(pid, &status, killed ? 0 : WNOHANG) == 0) {
		const struct timespec look = {.tv_nsec = 20000};
		bool hangs = now_ns() - born_ns > LIFE_MAX_NS;
		if (hangs)
			sweep_fault(ledger, "a life of %u hangs in phase %u", (unsigned)plan->kill,
				    wr_load_acquire(&ledger->phase));
		if (hangs || is_due(plan, born_ns, &phase_ns)) {
			killed = true;
			(void)kill(pid, SIGKILL);
		} else {
			nanosleep(&look, NULL);
		}
	}
	if (wr_load_relaxed(&ledger->has_fault) != 0) {
		tap_note("%s", ledger->fault);
		return false;
	}
	if (plan->kill == SWEEP_KILL_NONE)
		return WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
		tap_note("the life ended by itself: status %d", status);
		return false;
	}
	sum.kills++;
	sum.missed += killed && plan->kill >= SWEEP_KILL_ACKS;
	sum.in_phase[wr_load_acquire(&ledger->phase)]++;
	return true;
}

/* `weir journal verify DIR`, as a person runs it: its exit code. */
static int verify_by_command(char *dir)
{
	char *argv[] = {"journal", "verify", dir, NULL};
	int status = -1;

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL)
			_exit(99);
		_exit(cmd_journal(3, argv));
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : -1;
}

/* --- one directory -------------------------------------------------------------------------- */

static void add_up(const uint64_t last[SWEEP_STREAMS])
{
	for (uint32_t stream = 0; stream < SWEEP_STREAMS; stream++)
		sum.events += last[stream];
	sum.commits += wr_load_relaxed(&ledger->commits);
	sum.checkpoints += wr_load_relaxed(&ledger->checkpoints);
	sum.recycled += wr_load_relaxed(&ledger->recycled);
	sum.trimmed += wr_load_relaxed(&ledger->trimmed);
}

static void tell_plan(uint64_t seed, unsigned life, const struct sweep_plan *plan)
{
	const struct weir_options *o = &plan->options;

	tap_note("seed %llu, life %u: kill %u after %llu; io %u, journal thread %d, %u in flight, "
		 "%u ahead, undurable %llu, seal before ack %d, retention %llu, window %u",
		 (unsigned long long)seed, life, (unsigned)plan->kill,
		 (unsigned long long)plan->after, (unsigned)o->io, (int)o->journal_thread,
		 o->batches_in_flight_max, o->segments_ahead,
		 (unsigned long long)o->undurable_bytes, o->seal_before_ack,
		 (unsigned long long)o->retention_bytes, plan->window);
}

/* False: something is wrong; the directory is kept then. */
static bool sweep_one(uint64_t seed)
{
	char dir[TEST_PATH_BYTES];
	char journal[TEST_PATH_BYTES + 16];
	uint64_t last[SWEEP_STREAMS] = {0};
	struct wr_prng prng;
	bool is_good = true;

	wr_prng_init(&prng, seed);
	memset(ledger, 0, sizeof *ledger);
	test_dir_make(dir);
	snprintf(journal, sizeof journal, "%s/journal", dir);
	bool recycles = wr_prng_chance(&prng, 400000);
	for (unsigned i = 0; is_good && i <= KILLS_A_SEED; i++) {
		bool is_last = i == KILLS_A_SEED;
		struct sweep_plan plan = draw_plan(&prng, recycles, is_last);
		is_good = live_and_die(journal, &plan) &&
			  sweep_audit(journal, ledger, !recycles, last) == 0;
		if (!is_good)
			tell_plan(seed, i, &plan);
	}
	if (is_good && verify_by_command(journal) != CLI_EXIT_OK) {
		tap_note("weir journal verify %s: not clean", journal);
		is_good = false;
	}
	is_good = is_good && sweep_unhandled(ledger) == 0;
	if (is_good)
		test_dir_remove(dir);
	else
		tap_note("kept for inspection: %s", dir);
	add_up(last);
	return is_good;
}

static uint64_t number_after(int argc, char **argv, const char *option, uint64_t fallback)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], option) == 0)
			return strtoull(argv[i + 1], NULL, 0);
	return fallback;
}

int main(int argc, char **argv)
{
	uint64_t seeds = number_after(argc, argv, "--seeds", 5);
	uint64_t length_ns = number_after(argc, argv, "--seconds", 14) * SECOND_NS;
	uint64_t begun_ns = now_ns();
	uint64_t seed = number_after(argc, argv, "--seed", 0);
	uint64_t done = 0;
	bool is_good = true;

	ledger = mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (ledger == MAP_FAILED) {
		printf("Bail out! no shared memory\n");
		return 1;
	}
	seed = seed != 0 ? seed : test_seed();
	for (; is_good && done < seeds && (done == 0 || now_ns() - begun_ns < length_ns); done++)
		is_good = sweep_one(seed + done);
	tap_check(is_good,
		  "killed %u times in %llu directories: nothing acknowledged is lost, out "
		  "of order, twice or passed over",
		  sum.kills, (unsigned long long)done);
	if (!is_good)
		tap_note("again: %s --seeds 1 --seed %llu", argv[0],
			 (unsigned long long)(seed + done - 1));
	tap_note(
		"killed while opening %u, running %u, closing %u, closed %u; %u had to wait for it",
		sum.in_phase[SWEEP_BORN] + sum.in_phase[SWEEP_OPENING], sum.in_phase[SWEEP_RUNNING],
		sum.in_phase[SWEEP_CLOSING], sum.in_phase[SWEEP_DONE], sum.missed);
	tap_note("%llu events, %llu durable commits of groups, %llu trimmed tails; in lives that "
		 "closed: %llu checkpoints, %llu recycled segments",
		 (unsigned long long)sum.events, (unsigned long long)sum.commits,
		 (unsigned long long)sum.trimmed, (unsigned long long)sum.checkpoints,
		 (unsigned long long)sum.recycled);
	if (sum.kills >= 48)
		tap_check(
			sum.in_phase[SWEEP_OPENING] > 0 && sum.in_phase[SWEEP_RUNNING] > 0 &&
				sum.in_phase[SWEEP_CLOSING] + sum.in_phase[SWEEP_DONE] > 0 &&
				sum.events > 1000 && sum.commits > 20,
			"kills fell into opening, running and closing, and there was work to lose");
	return tap_end();
}
