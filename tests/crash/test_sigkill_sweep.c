/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   SIGKILL at any moment loses nothing that was acknowledged. After each kill every event
 *         acknowledged as durable is in the journal once, in order and byte for byte; a named
 *         producer resumes behind it; a group is handed nothing again whose progress was durable,
 *         and nothing is passed over that it did not acknowledge; `weir journal verify` is clean.
 * Method: the sweep of `weir torture` (tools/weir/torture/). On a real file system a child
 *         publishes and consumes and is killed: at a drawn time, while it opens or recovers, while
 *         it closes, at a drawn acknowledgement, when a segment rolls, when a checkpoint lands,
 *         when a segment has been packed and the next one is about to be. The parent reads what is
 *         left without a pipeline, and the next child goes on in it. Segments of 64 KiB and
 *         checkpoints every 32 KiB make all that happen all the time. Each seed is a directory that
 *         lives a dozen times, with either backend, and ends with a life that closes in order.
 *
 * --seeds N and --seconds T: go on until either is reached (long form, tools/soak). A seed draws
 * the plan again, not the kernel's scheduling.
 *
 * Plain main(), TAP: weir must have no thread in the process that forks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"
#include "tests/support/real_data.h"
#include "tools/weir/args.h"
#include "tools/weir/torture/sweep.h"

#define SECOND_NS UINT64_C(1000000000)
#define KILLS_A_SEED 12u

static struct sweep_run run = {.kills_a_journal = KILLS_A_SEED};

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

/* False: something is wrong; the directory is kept then. */
static bool sweep_one(uint64_t seed)
{
	char dir[TEST_PATH_BYTES];
	char journal[TEST_PATH_BYTES + 16];

	test_dir_make(dir);
	snprintf(journal, sizeof journal, "%s/journal", dir);
	bool is_good = sweep_journal(&run, journal, seed);
	if (!is_good)
		tap_note("%s", run.fault);
	if (is_good && verify_by_command(journal) != CLI_EXIT_OK) {
		tap_note("weir journal verify %s: not clean", journal);
		is_good = false;
	}
	if (is_good)
		test_dir_remove(dir);
	else
		tap_note("kept for inspection: %s", dir);
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
	uint64_t begun_ns = bench_now_ns();
	uint64_t seed = number_after(argc, argv, "--seed", 0);
	uint64_t done = 0;
	bool is_good = true;

	test_io(&run.io);
	run.has_io = run.io != WEIR_IO_AUTO;
	run.ledger = sweep_ledger_map();
	if (run.ledger == NULL) {
		printf("Bail out! no shared memory\n");
		return 1;
	}
	seed = seed != 0 ? seed : test_seed();
	for (; is_good && done < seeds && (done == 0 || bench_now_ns() - begun_ns < length_ns);
	     done++)
		is_good = sweep_one(seed + done);
	tap_check(is_good,
		  "killed %u times in %llu directories: nothing acknowledged is lost, out "
		  "of order, twice or passed over",
		  run.sum.kills, (unsigned long long)done);
	if (!is_good)
		tap_note("again: %s --seeds 1 --seed %llu", argv[0],
			 (unsigned long long)(seed + done - 1));
	tap_note(
		"killed while opening %u, running %u, closing %u, closed %u; %u had to wait for it",
		run.sum.in_phase[SWEEP_BORN] + run.sum.in_phase[SWEEP_OPENING],
		run.sum.in_phase[SWEEP_RUNNING], run.sum.in_phase[SWEEP_CLOSING],
		run.sum.in_phase[SWEEP_DONE], run.sum.missed);
	tap_note("%llu events, %llu durable commits of groups, %llu trimmed tails; in lives that "
		 "closed: %llu checkpoints, %llu recycled segments; %llu packed in all",
		 (unsigned long long)run.sum.events, (unsigned long long)run.sum.commits,
		 (unsigned long long)run.sum.trimmed, (unsigned long long)run.sum.checkpoints,
		 (unsigned long long)run.sum.recycled, (unsigned long long)run.sum.packed);
	if (run.sum.kills >= 48)
		tap_check(
			run.sum.in_phase[SWEEP_OPENING] > 0 &&
				run.sum.in_phase[SWEEP_RUNNING] > 0 &&
				run.sum.in_phase[SWEEP_CLOSING] + run.sum.in_phase[SWEEP_DONE] >
					0 &&
				run.sum.events > 1000 && run.sum.commits > 20,
			"kills fell into opening, running and closing, and there was work to lose");
	return tap_end();
}
