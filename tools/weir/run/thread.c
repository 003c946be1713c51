/* SPDX-License-Identifier: Apache-2.0 */
/* See thread.h. */
#include "tools/weir/run/thread.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include "io/posix/thread_posix.h"
#include "io/thread/affinity.h"

static _Thread_local const struct run_thread *current;

static void *enter(void *context)
{
	struct run_thread *t = context;
	current = t;
	/* That it may was tried before anything was started (run.c). */
	(void)wr_thread_take_class(t->options.scheduler, t->options.priority);
	run_thread_note_cpu(t);
	return t->run(t->context);
}

int run_thread_start(struct run_thread *thread, const char *name, void *(*run)(void *),
		     void *context)
{
	struct wr_cpu_set cpus = {{0}};
	for (uint32_t i = 0; i < thread->options.cpu_count; i++)
		wr_cpu_set_add(&cpus, thread->options.cpus[i]);
	(void)snprintf(thread->name, sizeof thread->name, "%s",
		       thread->options.name[0] != '\0' ? thread->options.name : name);
	const struct wr_thread_start start = {
		.name = thread->name,
		.cpus = thread->options.cpu_count > 0 ? &cpus : NULL,
		.stack_bytes = thread->options.stack_bytes,
	};
	if (sched_getaffinity(0, sizeof thread->before, (cpu_set_t *)(void *)&thread->before) < 0)
		return -errno;
	thread->run = run;
	thread->context = context;
	int rc = wr_thread_create(&thread->thread, &start, enter, thread);
	thread->is_running = rc == 0;
	return rc;
}

void run_thread_join(struct run_thread *thread)
{
	if (thread->is_running)
		(void)pthread_join(thread->thread, NULL);
	thread->is_running = false;
}

void run_thread_note_cpu(struct run_thread *thread)
{
	int cpu = wr_affinity_current_cpu();
	if (cpu >= 0)
		wr_store_relaxed(&thread->last_cpu, (uint32_t)cpu + 1);
}

void run_thread_unpin(void)
{
	if (current != NULL && current->options.cpu_count > 0)
		(void)sched_setaffinity(0, sizeof current->before,
					(const cpu_set_t *)(const void *)&current->before);
}

void run_thread_repin(void)
{
	if (current != NULL && current->options.cpu_count > 0)
		(void)wr_affinity_pin(current->options.cpus, current->options.cpu_count);
}
