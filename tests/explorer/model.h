/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the explorer's model behind core/base/atomic.h calls (atomic_model.h). Each use of an
 * atomic in the sources is a *site*: it has a name that survives edits elsewhere, the order that
 * stands in the source, and the order in force, which the mutation run weakens.
 */
#ifndef WR_EXPLORER_MODEL_H
#define WR_EXPLORER_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum explorer_order {
	ORDER_RELAXED = 0,
	ORDER_ACQUIRE,
	ORDER_RELEASE,
	ORDER_ACQ_REL,
	ORDER_SEQ,
	ORDER_NONE, /* a compiler barrier that a mutant takes away */
};

enum explorer_rmw {
	RMW_NONE = 0,
	RMW_ADD,
	RMW_SUB,
	RMW_OR,
	RMW_AND,
	RMW_EXCHANGE,
	RMW_CAS,
};

enum explorer_kind {
	KIND_LOAD = 0,
	KIND_STORE,
	KIND_RMW,
	KIND_CAS,
	KIND_LIGHT, /* a compiler barrier: the light half of an asymmetric fence */
	KIND_HEAVY, /* membarrier(): the heavy half */
};

struct explorer_site {
	const char *file, *function, *what; /* what: the operation as it is written */
	int line;
	enum explorer_kind kind;
	enum explorer_order order, fail_order; /* as written; fail_order: of a CAS that fails */
	enum explorer_order order_now, fail_order_now;
	uint64_t uses; /* in all explorations so far */
};

uint64_t explorer_load(struct explorer_site *site, const void *place, unsigned bytes);
void explorer_store(struct explorer_site *site, void *place, unsigned bytes, uint64_t value);
uint64_t explorer_rmw(struct explorer_site *site, void *place, unsigned bytes, enum explorer_rmw op,
		      uint64_t operand);
/* Strong; *expected is what was found when it fails. */
bool explorer_cas(struct explorer_site *site, void *place, unsigned bytes, uint64_t *expected,
		  uint64_t desired);
void explorer_fence(struct explorer_site *site);
/* A thread that spins: when it finds what it found before the last pause, it goes on no further. */
void explorer_pause(void);

/* All sites of the program, each once for every file that it was compiled into. */
extern struct explorer_site *__start_explorer_sites[];
extern struct explorer_site *__stop_explorer_sites[];

#endif
