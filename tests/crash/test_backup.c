/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a backup of a log under full load, with segments that roll and are used again all the
 *         time, holds every event acknowledged before it began that retention had not let go, and
 *         no hole; a pipeline that opens it goes on with groups and producers where they were
 *         between its begin and its end. Killed at any moment it is not there, or whole; and its
 *         owner may be killed meanwhile.
 * Method: an owner in a child process publishes and consumes as those of `weir torture` do
 *         (tools/weir/torture/), with segments of 64 KiB and 256 KiB of retention; backups in other
 *         children, some of them killed at a drawn moment, and at the end the owner, inside one.
 *         The ledger as it was before a backup says what has to be in it, as it was behind it what
 *         may be: the audit of the sweep reads the copy and a life goes on in it with that.
 *
 * --seeds N and --seconds T: go on until either is reached (long form, tools/soak). A seed draws
 * the plan again, not the kernel's scheduling.
 *
 * Plain main(), TAP: weir must have no thread in the process that forks.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/backup.h>

#include "tests/support/real_data.h"
#include "tools/weir/torture/sweep.h"

#define MS_NS UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)
#define ROUNDS 4u /* backups of one owner; inside the last it is killed */
#define BEGIN_MAX_NS (30 * SECOND_NS)
#define AGAIN 2

static struct sweep_ledger *ledger;   /* of the owner */
static struct sweep_ledger *restored; /* of a life that goes on in the copy */
static struct sweep_ledger before, after;

static char journal[TEST_PATH_BYTES + 16];
static char copy[TEST_PATH_BYTES + 16];
static char back[TEST_PATH_BYTES + 16];

static struct {
	unsigned whole, killed, killed_whole, too_fast, lives;
	uint64_t events;
} sum;

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static void nap(uint64_t ns)
{
	const struct timespec t = {.tv_sec = (time_t)(ns / SECOND_NS),
				   .tv_nsec = (long)(ns % SECOND_NS)};
	nanosleep(&t, NULL);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* --- the owner -------------------------------------------------------------------------------- */

static pid_t start_life(const char *dir, const struct sweep_plan *plan, struct sweep_ledger *of)
{
	wr_store_release(&of->phase, SWEEP_BORN);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(sweep_life(dir, plan, of));
	return pid;
}

static struct sweep_plan draw_owner(struct wr_prng *prng)
{
	struct sweep_plan plan = {
		.kill = SWEEP_KILL_TIME, /* by us */
		.seed = wr_prng_next(prng),
		.events = UINT64_MAX / 4,
		.window = (uint32_t)wr_prng_between(prng, 20, 400),
		.memory_gate = wr_prng_chance(prng, 300000),
	};

	sweep_draw_options(&plan.options, prng);
	test_io(&plan.options.io);
	plan.options.retention_bytes = 256u << 10;
	return plan;
}

static bool is_running(pid_t owner)
{
	uint64_t begun_ns = now_ns();
	uint64_t acked = wr_load_acquire(&ledger->acked[0]);

	while (wr_load_acquire(&ledger->phase) != SWEEP_RUNNING ||
	       wr_load_acquire(&ledger->acked[0]) == acked) {
		if (now_ns() - begun_ns > BEGIN_MAX_NS || waitpid(owner, NULL, WNOHANG) != 0 ||
		    wr_load_acquire(&ledger->has_fault) != 0)
			return false;
		nap(MS_NS / 10);
	}
	return true;
}

/* --- the copy --------------------------------------------------------------------------------- */

static int no_damage(void *context, const struct weir_journal_damage *damage)
{
	unsigned *count = context;

	if ((*count)++ < 5)
		tap_note("the copy: %s: %s", damage->file, damage->text);
	return 0;
}

/* What was acknowledged and committed before is in it; what was handed over behind it may be. */
static void expect_between(void)
{
	memcpy(restored, &after, sizeof *restored);
	memcpy(restored->acked, before.acked, sizeof before.acked);
	memcpy(restored->once_acked, before.once_acked, sizeof before.once_acked);
	memcpy(restored->committed, before.committed, sizeof before.committed);
}

static bool audit(const char *dir, uint64_t last[SWEEP_STREAMS])
{
	struct weir_journal_visitor visitor;
	struct weir_journal_report report;
	unsigned damages = 0;

	weir_journal_visitor_init(&visitor);
	visitor.damage = no_damage;
	visitor.context = &damages;
	return weir_journal_inspect(dir, &visitor, &report, NULL) == 0 && damages == 0 &&
	       report.clean && sweep_audit(dir, restored, false, last) == 0;
}

static bool goes_on(const char *dir, uint64_t seed)
{
	struct sweep_plan plan = {.kill = SWEEP_KILL_NONE,
				  .seed = seed,
				  .events = 60,
				  .window = 50,
				  .close_mode = WEIR_CLOSE_DRAIN,
				  .leave = true};
	uint64_t last[SWEEP_STREAMS];
	struct wr_prng prng;
	int status = 0;

	wr_prng_init(&prng, seed);
	sweep_draw_options(&plan.options, &prng);
	test_io(&plan.options.io);
	plan.options.retention_bytes = 256u << 10;
	pid_t pid = start_life(dir, &plan, restored);
	bool good = pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		    WEXITSTATUS(status) == 0;
	if (wr_load_acquire(&restored->has_fault) != 0)
		tap_note("in the copy: %s", restored->fault);
	sum.lives++;
	return good && audit(dir, last) && sweep_unhandled(restored) == 0;
}

static bool check_copy(bool live_in_it, uint64_t seed)
{
	struct weir_problem problem = {0};
	uint64_t last[SWEEP_STREAMS] = {0};

	expect_between();
	if (!audit(copy, last)) {
		tap_note("the copy is not what it has to be: %s", restored->fault);
		return false;
	}
	sum.whole++;
	sum.events += last[0] + last[1] + last[2];
	if (live_in_it) {
		int rc = weir_journal_restore(copy, back, NULL, NULL, &problem);
		if (rc != 0 || !audit(back, last) || !goes_on(back, seed)) {
			tap_note("restored: %s %s", weir_error_name(rc), problem.text);
			return false;
		}
		test_dir_remove(back);
	}
	test_dir_remove(copy);
	return true;
}

static int back_up(void)
{
	struct weir_problem problem = {0};
	int rc = weir_journal_backup(journal, copy, NULL, NULL, &problem);

	if (rc != 0 && rc != WEIR_E_AGAIN) {
		tap_note("weir_journal_backup: %s: %s: %s", weir_error_name(rc), problem.field,
			 problem.text);
		fflush(NULL);
	}
	return rc == 0 ? 0 : rc == WEIR_E_AGAIN ? AGAIN : 1;
}

/* One backup. `victim`: killed `after_ns` from its begin; 0: nobody is. */
static bool one_backup(pid_t *victim, bool is_self, uint64_t after_ns, struct wr_prng *prng)
{
	bool live_in_it = wr_prng_chance(prng, 400000);
	uint64_t seed = wr_prng_next(prng);
	int status = 0;

	memcpy(&before, ledger, sizeof before);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(back_up());
	if (is_self)
		victim = &pid;
	if (victim != NULL) {
		nap(after_ns);
		(void)kill(*victim, SIGKILL);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	memcpy(&after, ledger, sizeof after);
	if (WIFSIGNALED(status) && is_self) {
		sum.killed++;
		if (!is_there(copy))
			return true;
		sum.killed_whole++;
		return check_copy(false, seed);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == AGAIN) {
		sum.too_fast++;
		return !is_there(copy);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 && check_copy(live_in_it, seed);
}

/* --- one directory ---------------------------------------------------------------------------- */

static bool owner_has_no_fault(void)
{
	if (wr_load_acquire(&ledger->has_fault) == 0)
		return true;
	tap_note("the owner: %s", ledger->fault);
	return false;
}

/* False: something is wrong; the directory is kept then. */
static bool sweep_one(uint64_t seed)
{
	char dir[TEST_PATH_BYTES];
	struct wr_prng prng;
	int status = 0;

	wr_prng_init(&prng, seed);
	memset(ledger, 0, sizeof *ledger);
	test_dir_make(dir);
	snprintf(journal, sizeof journal, "%s/journal", dir);
	snprintf(copy, sizeof copy, "%s/copy", dir);
	snprintf(back, sizeof back, "%s/back", dir);
	const struct sweep_plan plan = draw_owner(&prng);
	pid_t owner = start_life(journal, &plan, ledger);
	bool is_good = owner > 0 && is_running(owner);
	for (unsigned i = 0; is_good && i < ROUNDS; i++) {
		bool is_last = i + 1 == ROUNDS;
		bool is_self = !is_last && wr_prng_chance(&prng, 500000);
		is_good = one_backup(is_last ? &owner : NULL, is_self,
				     wr_prng_below(&prng, MS_NS * 30), &prng) &&
			  owner_has_no_fault();
	}
	if (owner > 0) {
		(void)kill(owner, SIGKILL);
		(void)waitpid(owner, &status, 0);
	}
	/* Nobody is faster than this one. */
	unsigned whole = sum.whole;
	is_good = is_good && one_backup(NULL, false, 0, &prng) && sum.whole == whole + 1;
	if (is_good)
		test_dir_remove(dir);
	else
		tap_note("seed %llu, kept for inspection: %s", (unsigned long long)seed, dir);
	return is_good;
}

static uint64_t number_after(int argc, char **argv, const char *option, uint64_t fallback)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], option) == 0)
			return strtoull(argv[i + 1], NULL, 0);
	return fallback;
}

static struct sweep_ledger *shared_ledger(void)
{
	void *p = mmap(NULL, sizeof(struct sweep_ledger), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int main(int argc, char **argv)
{
	uint64_t seeds = number_after(argc, argv, "--seeds", 1);
	uint64_t length_ns = number_after(argc, argv, "--seconds", 2) * SECOND_NS;
	uint64_t begun_ns = now_ns();
	uint64_t seed = number_after(argc, argv, "--seed", 0);
	uint64_t done = 0;
	bool is_good = true;

	ledger = shared_ledger();
	restored = shared_ledger();
	if (ledger == NULL || restored == NULL) {
		printf("Bail out! no shared memory\n");
		return 1;
	}
	seed = seed != 0 ? seed : test_seed();
	for (; is_good && done < seeds && (done == 0 || now_ns() - begun_ns < length_ns); done++)
		is_good = sweep_one(seed + done);
	tap_check(is_good,
		  "%u backups of %llu running logs are whole: nothing acknowledged is missing, "
		  "and %u pipelines went on in them",
		  sum.whole, (unsigned long long)done, sum.lives);
	if (!is_good)
		tap_note("again: %s --seeds 1 --seed %llu", argv[0],
			 (unsigned long long)(seed + done - 1));
	tap_note("%llu events in them; %u backups were killed (%u of them whole), %u gave up "
		 "against retention",
		 (unsigned long long)sum.events, sum.killed, sum.killed_whole, sum.too_fast);
	return tap_end();
}
