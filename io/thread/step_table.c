/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of at most WR_STEPS_PER_RUNNER_MAX steps. Copies, so that a round walks one array and the
 * caller's struct may go. Removal keeps the order of the others: a writer runs before its journal.
 *
 * Invariant: a step runs only between its enter() and its leave(). Thread: who drives the runner.
 */
#include "io/thread/step_table.h"

#include <errno.h>
#include <limits.h>

#include <weir/error.h>

static bool is_same_step(const struct wr_step *a, const struct wr_step *b)
{
	return a->run == b->run && a->self == b->self;
}

/* step_count when it is not there. */
static uint32_t find_step(const struct wr_step_table *table, const struct wr_step *step)
{
	uint32_t i = 0;
	while (i < table->step_count && !is_same_step(&table->steps[i], step))
		i++;
	return i;
}

int wr_step_table_insert(struct wr_step_table *table, const struct wr_step *step)
{
	if (find_step(table, step) < table->step_count)
		return WEIR_E_EXISTS;
	if (table->step_count == WR_STEPS_PER_RUNNER_MAX)
		return WEIR_E_FULL;
	table->steps[table->step_count] = *step;
	table->is_entered[table->step_count] = false;
	table->step_count++;
	return 0;
}

int wr_step_table_enter(struct wr_step_table *table)
{
	for (uint32_t i = 0; i < table->step_count; i++) {
		const struct wr_step *step = &table->steps[i];
		if (table->is_entered[i])
			continue;
		int rc = step->enter != NULL ? step->enter(step->self) : 0;
		if (rc < 0)
			return rc;
		table->is_entered[i] = true;
	}
	return 0;
}

static void leave_step(struct wr_step_table *table, uint32_t index)
{
	const struct wr_step *step = &table->steps[index];
	if (table->is_entered[index] && step->leave != NULL)
		step->leave(step->self);
	table->is_entered[index] = false;
}

int wr_step_table_remove(struct wr_step_table *table, const struct wr_step *step)
{
	uint32_t at = find_step(table, step);
	if (at == table->step_count)
		return -ENOENT;
	leave_step(table, at);
	for (uint32_t i = at + 1; i < table->step_count; i++) {
		table->steps[i - 1] = table->steps[i];
		table->is_entered[i - 1] = table->is_entered[i];
	}
	table->step_count--;
	return 0;
}

void wr_step_table_leave(struct wr_step_table *table)
{
	for (uint32_t i = table->step_count; i > 0; i--)
		leave_step(table, i - 1);
}

bool wr_step_table_has_entered(const struct wr_step_table *table)
{
	for (uint32_t i = 0; i < table->step_count; i++)
		if (table->is_entered[i])
			return true;
	return false;
}

int wr_step_table_run(struct wr_step_table *table, uint32_t budget)
{
	int64_t done = 0;
	for (uint32_t i = 0; i < table->step_count; i++) {
		int did = table->steps[i].run(table->steps[i].self, budget);
		done += did > 0 ? did : 0;
	}
	return done < INT_MAX ? (int)done : INT_MAX;
}

uint64_t wr_step_table_idle_ns(const struct wr_step_table *table)
{
	uint64_t shortest = UINT64_MAX;
	for (uint32_t i = 0; i < table->step_count; i++) {
		const struct wr_step *step = &table->steps[i];
		uint64_t ns = step->idle_ns != NULL ? step->idle_ns(step->self) : UINT64_MAX;
		shortest = ns < shortest ? ns : shortest;
	}
	return shortest;
}

void wr_step_table_announced(struct wr_step_table *table)
{
	for (uint32_t i = 0; i < table->step_count; i++)
		if (table->steps[i].announced != NULL)
			table->steps[i].announced(table->steps[i].self);
}

uint64_t wr_step_table_nap_ns(const struct wr_step_table *table)
{
	uint64_t longest = 0;
	for (uint32_t i = 0; i < table->step_count; i++) {
		const struct wr_step *step = &table->steps[i];
		uint64_t ns = step->nap_ns != NULL ? step->nap_ns(step->self) : 0;
		longest = ns > longest ? ns : longest;
	}
	if (longest == 0)
		return 0;
	uint64_t idle_ns = wr_step_table_idle_ns(table);
	return longest < idle_ns ? longest : idle_ns;
}
