/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of one runner, in the order in which they run, and which of them have been entered.
 *
 * Thread: one at a time, whoever drives the runner; no lock, no atomics here.
 */
#ifndef WR_THREAD_STEP_TABLE_H
#define WR_THREAD_STEP_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pipeline/step.h"

struct wr_step_table {
	uint32_t step_count;
	bool is_entered[WR_STEPS_PER_RUNNER_MAX];
	struct wr_step steps[WR_STEPS_PER_RUNNER_MAX];
};

/* Behind the others, not entered. 0, WEIR_E_EXISTS (same run and self) or WEIR_E_FULL. */
int wr_step_table_insert(struct wr_step_table *table, const struct wr_step *step);

/* Enters those that are not, in order. The first code of an enter() that failed ends it. */
int wr_step_table_enter(struct wr_step_table *table);

/* Leaves the step with this run and self if it was entered, and takes it out; or -ENOENT. */
int wr_step_table_remove(struct wr_step_table *table, const struct wr_step *step);

/* Leaves those that were entered, in reverse order; they stay in the table. */
void wr_step_table_leave(struct wr_step_table *table);

bool wr_step_table_has_entered(const struct wr_step_table *table);

/* One round of all of them: the sum of what they did. A negative result did nothing. */
int wr_step_table_run(struct wr_step_table *table, uint32_t budget);

/* The shortest time that one of them may be left alone. */
uint64_t wr_step_table_idle_ns(const struct wr_step_table *table);
/* A sleep is announced: the steps are told before the last look. */
void wr_step_table_announced(struct wr_step_table *table);

/* The longest nap that one of them asks for, no longer than any may be left alone; 0: none. */
uint64_t wr_step_table_nap_ns(const struct wr_step_table *table);

#endif
