/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention by time in a simulated journal: pauses, a wall clock that is set while it runs and
 * between two opens, and an oracle that knows how long the log had run when each event was
 * appended. Its draws are of its own, so that the other seeds of sim_journal stay as they were.
 */
#ifndef WR_TESTS_JOURNAL_AGE_H
#define WR_TESTS_JOURNAL_AGE_H

#include "tests/support/journal_rig.h"

#define JOURNAL_AGE_SEQ_MAX 20000u

struct journal_age {
	struct wr_prng prng;
	uint64_t limit_ns; /* 0: not in this seed */
	uint64_t ran_ns[JOURNAL_AGE_SEQ_MAX + 1];
	uint64_t gone_seq;
	uint64_t gone_count; /* segments */
	uint64_t set_count;  /* steps of the wall clock */
};

void journal_age_init(struct journal_age *age, uint64_t seed);
void journal_age_appended(struct journal_age *age, const struct wr_sim_disk *disk, uint64_t seq);
/* Between two acts of an open journal. False: an event is gone before its time. */
bool journal_age_pass(struct journal_age *age, struct journal_rig *rig);
/* Between two lives: nobody runs the log, or the clock is wrong, or right again. */
void journal_age_pause(struct journal_age *age, struct wr_sim_disk *disk);

#endif
