/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread of a run, as the config has it: name, CPUs, class, stack. Those of a source and those of
 * a member are both started here.
 *
 * Thread: start and join are main's.
 */
#ifndef WEIR_TOOLS_RUN_THREAD_H
#define WEIR_TOOLS_RUN_THREAD_H

#include <pthread.h>

#include <weir/config.h>

#include "core/base/atomic.h"
#include "io/posix/cpu_set.h"

struct run_thread {
	struct weir_thread_options options; /* what the file says of this one */
	char name[16];                      /* what it is called */
	struct wr_cpu_set before;           /* where it would run otherwise: of main */
	void *(*run)(void *context);
	void *context;
	pthread_t thread;
	bool is_running;

	wr_atomic_u32 last_cpu; /* relaxed: where it was seen last, from 1; 0: nowhere yet */
};

/*
 * @param name  where the options have none; cut to 15 bytes
 * @return 0 or -code: -EINVAL: none of its CPUs can be had any more, or its stack is too small
 */
int run_thread_start(struct run_thread *thread, const char *name, void *(*run)(void *),
		     void *context);
void run_thread_join(struct run_thread *thread);

/* From the thread itself: it is seen on a CPU. */
void run_thread_note_cpu(struct run_thread *thread);

/* What a thread of a run starts, a command, is to run where the process may: between these two the
 * calling thread, which is such a thread or none, has no CPUs of its own. */
void run_thread_unpin(void);
void run_thread_repin(void);

#endif
