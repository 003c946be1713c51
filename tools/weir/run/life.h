/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the threads of a run are told to end, and what all of them have in common: a way to wait that
 * can be cut short, and what went wrong with them.
 *
 * A signal is raised once and stays so: a descriptor that becomes readable, for poll(), and a flag
 * beside it for loops. `stop` ends sources; `finish` ends members, when everything is delivered;
 * `abort` ends whatever waits, and what is in hand is left undone. Commands that run are ended with
 * it, but where somebody asked twice for the end.
 *
 * Thread: any, but init and fini.
 */
#ifndef WEIR_TOOLS_RUN_LIFE_H
#define WEIR_TOOLS_RUN_LIFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"

struct run_signal {
	int descriptor;
	wr_atomic_u32 raised;
};

struct run_life {
	struct run_signal stop;
	struct run_signal finish;
	struct run_signal abort; /* raised with both others */
	bool spares_commands;    /* set before `abort` is raised: commands that run go on */
};

/* 0 or -errno. */
int run_life_init(struct run_life *life);
void run_life_fini(struct run_life *life);

void run_signal_raise(struct run_signal *signal);
bool run_signal_is_raised(const struct run_signal *signal);

/* Waits until it is raised or the time is over. True: it is raised. */
bool run_signal_wait(const struct run_signal *signal, uint64_t timeout_ns);

#define RUN_SECOND_NS UINT64_C(1000000000)
#define RUN_MILLISECOND_NS UINT64_C(1000000)

/* What went wrong with a source or sink, for the report: the first one stays. */
struct run_fault {
	int code;  /* negative; 0: nothing */
	bool told; /* main has said it */
	char text[320];
};

void run_fault_set(struct run_fault *fault, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
