/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   signals that ask a command to end are noted, the second kills where that is asked for,
 *         and what nohup has ignored stays ignored; afterwards they are as they were.
 * Method: each case is a child process that sends itself signals; its end is the verdict.
 */
#include <criterion/criterion.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/weir/interrupt.h"

#define HELD 7

/* What the child ends with; 128 + N: signal N ended it. */
static int end_of(int (*child)(void))
{
	int status = 0;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		/* Not as they were inherited: a shell without job control ignores SIGINT for what
		 * it runs in the background. */
		(void)signal(SIGHUP, SIG_DFL);
		(void)signal(SIGINT, SIG_DFL);
		(void)signal(SIGTERM, SIG_DFL);
		_exit(child());
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int notes_each(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGINT};

	interrupt_catch(INTERRUPT_NOTES);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		(void)raise(numbers[i]);
		if (interrupt_came() != (uint32_t)numbers[i] ||
		    wr_load_relaxed(interrupt_flag()) != (uint32_t)numbers[i])
			return 1;
	}
	interrupt_catch(INTERRUPT_NOTES);
	return interrupt_came() == 0 ? HELD : 2;
}

static int dies_of_the_second(void)
{
	interrupt_catch(INTERRUPT_KILLS);
	(void)raise(SIGTERM);
	(void)raise(SIGINT);
	if (interrupt_came() != SIGINT)
		return 1;
	(void)raise(SIGTERM);
	return 2;
}

static int stays_under_nohup(void)
{
	(void)signal(SIGHUP, SIG_IGN);
	interrupt_catch(INTERRUPT_KILLS);
	(void)raise(SIGHUP);
	if (interrupt_came() != 0)
		return 1;
	interrupt_forget();
	(void)raise(SIGHUP);
	return HELD;
}

static int leaves_it_as_it_was(void)
{
	(void)signal(SIGTERM, SIG_IGN);
	interrupt_catch(INTERRUPT_NOTES);
	interrupt_leave();
	(void)raise(SIGTERM);
	if (interrupt_came() != 0)
		return 1;
	(void)raise(SIGINT);
	return 2;
}

Test(interrupt, is_noted_as_often_as_it_comes)
{
	cr_expect_eq(end_of(notes_each), HELD);
}

Test(interrupt, kills_the_second_time_where_that_is_asked_for)
{
	cr_expect_eq(end_of(dies_of_the_second), 128 + SIGTERM);
}

Test(interrupt, leaves_nohup_alone)
{
	cr_expect_eq(end_of(stays_under_nohup), HELD);
}

Test(interrupt, is_as_before_afterwards)
{
	cr_expect_eq(end_of(leaves_it_as_it_was), 128 + SIGINT);
}
