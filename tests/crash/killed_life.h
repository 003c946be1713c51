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
 * Runs live(argument, to_the_end) in a child, which is killed nap_ns after it began to work; or
 * comes to its end, which has to be 0 then. False: it could not be had, or had another end.
 */
static inline bool killed_life(int (*live)(uint32_t argument, bool to_the_end), uint32_t argument,
			       bool to_the_end, wr_atomic_u32 *working, uint64_t nap_ns)
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
	while (!to_the_end && wr_load_acquire(working) == 0 && fixture_now_ns() < until &&
	       waitpid(pid, &status, WNOHANG) == 0)
		fixture_sleep_ns(KILLED_LIFE_LOOK_NS);
	if (!to_the_end) {
		fixture_sleep_ns(nap_ns);
		(void)kill(pid, SIGKILL);
	}
	(void)waitpid(pid, &status, 0); /* it may have come to its end before */
	return !to_the_end || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
