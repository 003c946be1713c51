/* SPDX-License-Identifier: Apache-2.0 */
/* See fault_plan.h. Thread: the simulation's. */
#include "io/sim/fault_plan.h"

#include <stddef.h>

void wr_fault_plan_init(struct wr_fault_plan *plan)
{
	*plan = (struct wr_fault_plan){
		.budget_all = WR_BUDGET_NONE,
		.latency_min_ns = 20000,
		.latency_max_ns = 300000,
		.latency_slow_ns = 5000000000ull,
		.poll_ns = 10000,
		.keep_ppm = WR_CHANCE_DRAWN,
		.torn_ppm = 100000,
	};
	for (size_t i = 0; i < WR_FAULT_COUNT; i++)
		plan->budget[i] = WR_BUDGET_NONE;
}

bool wr_fault_is_silent(enum wr_fault fault)
{
	return fault == WR_FAULT_SHORT_READ || fault == WR_FAULT_SHORT_WRITE;
}

bool wr_fault_take(struct wr_fault_plan *plan, struct wr_prng *prng, enum wr_fault fault)
{
	const bool is_noticed = !wr_fault_is_silent(fault);

	if (plan->chance_ppm[fault] == 0 || plan->budget[fault] == 0 ||
	    (is_noticed && plan->budget_all == 0))
		return false;
	if (!wr_prng_chance(prng, plan->chance_ppm[fault]))
		return false;
	if (plan->budget[fault] != WR_BUDGET_NONE)
		plan->budget[fault]--;
	if (is_noticed && plan->budget_all != WR_BUDGET_NONE)
		plan->budget_all--;
	plan->taken[fault]++;
	return true;
}

void wr_fault_plan_swarm(struct wr_fault_plan *plan, struct wr_prng *prng, uint32_t mask,
			 uint32_t budget_all)
{
	/* From one in ten thousand to one in ten: rare faults need long lives to be reached. */
	static const uint32_t rates_ppm[] = {100, 1000, 10000, 100000};

	for (uint32_t i = 0; i < WR_FAULT_COUNT; i++) {
		if (wr_fault_is_silent((enum wr_fault)i) || i == WR_FAULT_DUPLICATED_WRITE ||
		    i == WR_FAULT_REMOVE_ERROR)
			continue; /* what a seed draws stays what it was before there were these */
		const uint64_t draw = wr_prng_next(prng);
		const bool chosen = (mask >> i & 1u) != 0 && (draw & 1u) != 0;
		plan->chance_ppm[i] = chosen ? rates_ppm[draw >> 1 & 3u] : 0;
	}
	plan->budget_all = budget_all;
}

void wr_fault_plan_heal(struct wr_fault_plan *plan)
{
	for (size_t i = 0; i < WR_FAULT_COUNT; i++)
		plan->chance_ppm[i] = 0;
}

const char *wr_fault_text(enum wr_fault fault)
{
	static const char *const texts[] = {
#define WR_FAULT_TEXT(name, text) text,
		WR_FAULT_MAP(WR_FAULT_TEXT)
#undef WR_FAULT_TEXT
	};

	return (unsigned)fault < WR_FAULT_COUNT ? texts[fault] : "no such fault";
}
