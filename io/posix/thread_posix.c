/* SPDX-License-Identifier: Apache-2.0 */
/* See thread_posix.h. Thread: any; no state. */
#include "io/posix/thread_posix.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "core/base/bits.h"

/*
 * Faults are left unblocked: they hit the thread that made them, and the kernel kills the process
 * without calling the handler where they are blocked.
 */
static int create_unsignalled(pthread_t *ret_thread, const pthread_attr_t *attributes,
			      void *(*run)(void *), void *argument)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
	sigset_t blocked;
	sigset_t before;

	(void)sigfillset(&blocked);
	for (size_t i = 0; i < WR_ARRAY_COUNT(faults); i++)
		(void)sigdelset(&blocked, faults[i]);
	int code = -pthread_sigmask(SIG_SETMASK, &blocked, &before);
	if (code < 0)
		return code;
	code = -pthread_create(ret_thread, attributes, run, argument);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

static int set_attributes(pthread_attr_t *attributes, const struct wr_thread_start *start)
{
	const struct sched_param none = {.sched_priority = 0};

	int code = -pthread_attr_setschedpolicy(attributes, SCHED_OTHER);
	if (code == 0)
		code = -pthread_attr_setschedparam(attributes, &none);
	if (code == 0)
		code = -pthread_attr_setinheritsched(attributes, PTHREAD_EXPLICIT_SCHED);
	if (code == 0 && start->stack_bytes != 0)
		code = -pthread_attr_setstacksize(attributes, start->stack_bytes);
	if (code == 0 && start->cpus != NULL)
		code = -pthread_attr_setaffinity_np(attributes, sizeof *start->cpus,
						    (const cpu_set_t *)(const void *)start->cpus);
	return code;
}

int wr_thread_create(pthread_t *ret_thread, const struct wr_thread_start *start,
		     void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	char name[16];

	int code = -pthread_attr_init(&attributes);
	if (code < 0)
		return code;
	code = set_attributes(&attributes, start);
	if (code == 0)
		code = create_unsignalled(ret_thread, &attributes, run, argument);
	if (code == -EPERM || code == -ENOSYS) {
		code = -pthread_attr_setinheritsched(&attributes, PTHREAD_INHERIT_SCHED);
		if (code == 0)
			code = create_unsignalled(ret_thread, &attributes, run, argument);
	}
	(void)pthread_attr_destroy(&attributes);
	if (code == 0 && start->name != NULL) {
		(void)snprintf(name, sizeof name, "%s", start->name);
		(void)pthread_setname_np(*ret_thread, name);
	}
	return code;
}

int wr_thread_take_class(enum weir_scheduler scheduler, uint32_t priority)
{
	static const int policies[] = {
		[WEIR_SCHEDULER_OTHER] = SCHED_OTHER,
		[WEIR_SCHEDULER_BATCH] = SCHED_BATCH,
		[WEIR_SCHEDULER_FIFO] = SCHED_FIFO,
		[WEIR_SCHEDULER_RR] = SCHED_RR,
	};
	const struct sched_param param = {.sched_priority = (int)priority};

	if (scheduler == WEIR_SCHEDULER_OTHER)
		return 0;
	int policy = policies[scheduler] | SCHED_RESET_ON_FORK;
	return sched_setscheduler(0, policy, &param) == 0 ? 0 : -errno;
}

static _Thread_local bool is_own;

void wr_thread_mark_own(void)
{
	is_own = true;
}

bool wr_thread_is_own(void)
{
	return is_own;
}

struct trial {
	enum weir_scheduler scheduler;
	uint32_t priority;
	int code;
};

static void *trial_main(void *argument)
{
	struct trial *trial = argument;

	trial->code = wr_thread_take_class(trial->scheduler, trial->priority);
	return NULL;
}

int wr_thread_try_class(enum weir_scheduler scheduler, uint32_t priority)
{
	const struct wr_thread_start start = {.name = "weir-trial"};
	struct trial trial = {.scheduler = scheduler, .priority = priority};
	pthread_t thread;

	if (scheduler == WEIR_SCHEDULER_OTHER)
		return 0;
	int code = wr_thread_create(&thread, &start, trial_main, &trial);
	if (code < 0)
		return code;
	(void)pthread_join(thread, NULL);
	return trial.code;
}
