/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small straight-line programs, for the explorer's tests of itself, written as text: threads are
 * parted by '|', operations by blanks:
 *
 *   Wx1rel   store 1 to x, release        Rxacq   load x, acquire      (rlx acq rel ar sc)
 *   Xx2ar    exchange x with 2, acq_rel   Ax1rlx  add 1 to x, relaxed
 *   C02rlx   on x: compare and swap 0 with 2                            (always x)
 *   F        membarrier()                 f       a compiler barrier
 *
 * An outcome is what the loads found, in the order of the text, and what stands in the places at
 * the end: "10/11" for two loads and x and y.
 */
#ifndef WR_EXPLORER_PROGRAM_H
#define WR_EXPLORER_PROGRAM_H

#include "tests/explorer/explorer.h"

#define OPERATIONS_MAX 6u /* of a thread */
#define PLACES_MAX 3u     /* x y z */
#define OUTCOME_BYTES 32u

struct operation {
	char kind;     /* W R X A C F f */
	uint8_t place; /* 0: x */
	uint8_t value; /* stored, added; of a C the one that is put there */
	uint8_t expected;
	enum explorer_order order;
};

struct program {
	unsigned thread_count, place_count;
	unsigned length[THREADS_MAX];
	struct operation operations[THREADS_MAX][OPERATIONS_MAX];
};

/* false: it is not a program. */
bool program_parse(struct program *p, const char *text);
void program_print(const struct program *p, char *text, size_t bytes);

/*
 * Explores it; `outcome` is called for each execution. Each that comes twice is a bug. Only one
 * at a time.
 */
void program_explore(const struct program *p, void (*outcome)(const char *text),
		     struct explorer_result *ret_result);

/*
 * How many executions C11 allows, by trying every rf and every co and judging each as a whole
 * (brute.c). Programs of at most BRUTE_EVENTS_MAX events, without C.
 */
#define BRUTE_EVENTS_MAX 16u
uint64_t program_count_by_force(const struct program *p);

#endif
