/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sim_journal knows of a log: what was appended, what was acknowledged of it, and what an open
 * fed. The fold of all records up to a sequence stands for tables that are made of them.
 */
#ifndef WR_SIM_JOURNAL_ORACLE_H
#define WR_SIM_JOURNAL_ORACLE_H

#include "core/journal/recovery.h"
#include "tests/sim/journal_age.h"

struct journal_oracle {
	uint64_t fold[JOURNAL_AGE_SEQ_MAX + 1]; /* of all records up to a sequence */
	uint64_t appended_seq;                  /* by the last life, or found by the last open */
	uint64_t kept_seq;                      /* acknowledged, or served after a recovery */
	uint64_t cached_seq; /* written when the process died, while the power stays on */
	uint64_t needed_seq; /* the highest that any captured checkpoint named */
	/* What recovery feeds. */
	uint64_t fed_seq;
	uint64_t fed_fold;
	uint64_t fed_first_seq; /* where no checkpoint was fed before it; 0: there was one */
	bool fed_any;
	bool fed_checkpoint;
	const char *wrong; /* the first thing that was fed and is not so; NULL: nothing */
};

/* The next sequence is of such a record, whose payload begins with `first`. It is returned. */
uint64_t journal_oracle_appended(struct journal_oracle *o, uint32_t kind, uint64_t first);
/* For recovery; it holds `o`. reset() is due before each open. */
struct wr_recovery_sink journal_oracle_sink(struct journal_oracle *o);
void journal_oracle_reset(struct journal_oracle *o);

#endif
