/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cooperative threads: a stack each, entered through ucontext the first time and by longjmp from
 * then on, which makes no system call. A run that is over leaves its threads where they are; the
 * next starts them anew.
 */
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "core/base/assert.h"
#include "tests/explorer/engine.h"

#define STACK_BYTES (64u << 10)

struct context {
	ucontext_t entry;
	jmp_buf at;
	bool has_started;
};

static struct context contexts[THREADS_MAX];
static jmp_buf scheduler;
static ucontext_t scheduler_entry;
static uint8_t *stacks;

static void thread_main(void)
{
	unsigned thread = run.current;
	run.scenario->threads[thread]();
	run.threads[thread].state = THREAD_ENDED;
	threads_yield();
	WR_ASSERT(false);
}

void threads_start(unsigned count)
{
	if (stacks == NULL) {
		stacks = mmap(NULL, (size_t)THREADS_MAX * STACK_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		WR_ASSERT(stacks != MAP_FAILED);
	}
	for (unsigned t = 0; t < count; t++)
		contexts[t].has_started = false;
}

void threads_resume(unsigned thread)
{
	struct context *c = &contexts[thread];
	run.current = thread;
	if (_setjmp(scheduler) != 0)
		return;
	if (c->has_started)
		_longjmp(c->at, 1);
	c->has_started = true;
	WR_ASSERT(getcontext(&c->entry) == 0);
	c->entry.uc_stack.ss_sp = stacks + (size_t)thread * STACK_BYTES;
	c->entry.uc_stack.ss_size = STACK_BYTES;
	c->entry.uc_link = &scheduler_entry;
	makecontext(&c->entry, thread_main, 0);
	(void)setcontext(&c->entry);
}

void threads_yield(void)
{
	if (_setjmp(contexts[run.current].at) == 0)
		_longjmp(scheduler, 1);
}

bool threads_is_stack(const void *place)
{
	uintptr_t p = (uintptr_t)place;
	return p >= (uintptr_t)stacks && p < (uintptr_t)stacks + (size_t)THREADS_MAX * STACK_BYTES;
}
