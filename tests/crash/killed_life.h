/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One life of a process that is killed while it works. `working` lies in memory that both share:
 * the life sets it to 1 when there is something to take away. For plain programs: it forks.
 */
#ifndef WEIR_TESTS_KILLED_LIFE_H
#define WEIR_TESTS_KILLED_LIFE_H

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define KILLED_LIFE_LOOK_NS 250000u

/*
 * Runs live(argument, to_the_end) in a child, which is killed nap_ns after it began to work, if it
 * has not come to its end by then; or else comes to its end. Counts it when it was killed at work.
 * False: it could not be had, failed, or never began to work.
 */
static inline bool killed_life(int (*live)(uint32_t argument, bool to_the_end), uint32_t argument,
			       bool to_the_end, wr_atomic_u32 *working, uint64_t nap_ns,
			       uint32_t *killed)
{
	int status = 0;
	wr_store_relaxed(working, 0u);
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(live(argument, to_the_end));
	}
	if (pid < 0)
		return false;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	pid_t ended = 0;
	while (!to_the_end && wr_load_acquire(working) == 0 && fixture_now_ns() < until &&
	       (ended = waitpid(pid, &status, WNOHANG)) == 0)
		fixture_sleep_ns(KILLED_LIFE_LOOK_NS);
	bool has_worked = wr_load_acquire(working) != 0;
	if (!to_the_end && ended == 0) {
		fixture_sleep_ns(nap_ns);
		(void)kill(pid, SIGKILL);
	}
	if (ended == 0)
		(void)waitpid(pid, &status, 0);
	if (!to_the_end && has_worked && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		(*killed)++;
		return true;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif
