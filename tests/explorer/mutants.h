/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The atomics of weir's sources as the mutation run sees them: a target is one use in the
 * sources, with all its copies (a function of a header is compiled into several files).
 */
#ifndef WR_EXPLORER_MUTANTS_H
#define WR_EXPLORER_MUTANTS_H

#include "tests/explorer/scenarios.h"

#define TARGETS_MAX 256u
#define SCENARIOS_MAX 160u
#define COPIES_MAX 16u
#define NAME_BYTES 160u

struct target {
	char name[NAME_BYTES]; /* file function operation, and #2 for the second such in it */
	const char *file;
	int line;
	struct explorer_site *copies[COPIES_MAX];
	unsigned copy_count;
	bool comes_by[SCENARIOS_MAX]; /* which scenarios run it */
	bool is_run;
};

/* A target's orders: as written, or weaker. */
struct orders {
	enum explorer_order order, fail_order;
};

extern struct target targets[TARGETS_MAX];
extern unsigned target_count;

/* Finds all targets in core/ and include/, and membarrier(). */
void targets_find(void);
void target_set(struct target *t, struct orders orders);
struct orders target_written(const struct target *t);
/* The orders that are weaker by one step; how many, at most three. */
unsigned target_weaken(const struct target *t, struct orders from, struct orders ret[3]);
void target_print(const struct target *t, struct orders to, char *text, size_t bytes);

/* mutants_text.c */

/*
 * Rows `| NAME | MUTANT | why |` of docs/internals/memory-model.md; each that is asked for is
 * ticked off. Where the reason begins with: redundant with `NAME`, one of the two has to be
 * needed, and the other's name is given. False: the page cannot be read.
 */
bool proofs_read(void);
bool proofs_has(const char *name, const char *mutant, const char **ret_redundant_with);
/* Prints those that nobody asked for; how many. */
unsigned proofs_left(void);
/* Prints lines with an atomic stronger than relaxed that no target stands for; how many. */
unsigned sources_without_target(void);

#endif
