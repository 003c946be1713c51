/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step contract: every active part (writer, journal, group, a member with a handler) is a
 * struct and a function that does a bounded amount of work and says how much. A pinned thread loops
 * over steps (io/thread), a program calls weir_step(), the simulator calls them in an order drawn
 * from a seed. At its end a close drives the journal itself, when no runner does any more.
 *
 * A step never waits for another part, never sleeps, and keeps what it could not hand on as
 * bounded pending state (L14). One thread at a time runs a step.
 */
#ifndef WR_PIPELINE_STEP_H
#define WR_PIPELINE_STEP_H

#include <stdint.h>

#include "core/port/park.h"

#define WR_STEPS_PER_RUNNER_MAX 64

struct wr_step {
	const char *name;
	/* Work done: 0 means nothing to do now. `budget` is a hint in the step's own unit. */
	int (*run)(void *self, uint32_t budget);
	/*
	 * How long this step may be left alone when it has nothing to do and nobody wakes it,
	 * counted from now; UINT64_MAX: until woken. NULL means UINT64_MAX.
	 */
	uint64_t (*idle_ns)(void *self);
	/*
	 * NULL, or for how long the step, having nothing to do, wants to hear of nothing but what
	 * its runner's parker sleeps in (a completion of the storage): who hands something over
	 * meanwhile need not wake it, and is not kept waiting by that. 0: not now.
	 */
	uint64_t (*nap_ns)(void *self);
	/*
	 * NULL, or called on the runner's thread before the last look of a sleep, which is
	 * announced at the runner's parker: who is woken for what it wants alone says what that is.
	 * idle_ns() is 0 where the look has brought it more to want.
	 */
	void (*announced)(void *self);
	/* On the runner's own thread, before the first run and after the last; may be NULL. */
	int (*enter)(void *self);
	void (*leave)(void *self);
	void *self;
};

#endif
