/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is promised of every plan holds for plans that nobody thought of. Method: seeded
 * random machines (packages, nodes, caches, siblings, kinds, isolated CPUs, CPU numbers in any
 * order), masks, quotas, policies and requests; each plan is checked against the promises:
 *
 *   no two threads that spin on one core, a core for each thread that was given one
 *   every CPU is present and allowed; of a list: in the list; by itself: not avoided
 *   cores that weir chose are apart from each other, from housekeeping, and from short lists
 *   on a shared machine nothing spins, and nothing is pinned that has no list
 *   spinning stays within the quota
 *   weir_open() would accept it as it is
 *   less than asked for has a note, and is a problem when strict; the same plan twice
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/sim/prng.h"
#include "tests/support/place_bed.h"

#define SEEDS 3000u

static struct wr_prng prng;
static uint64_t seed;

#define PROMISE(condition)                                                                         \
	do {                                                                                       \
		char promise_line[512];                                                            \
		cr_assert(condition, "seed %llu: %s", (unsigned long long)seed,                    \
			  bed_line(promise_line));                                                 \
	} while (0)

static uint32_t below(uint32_t n)
{
	return (uint32_t)wr_prng_below(&prng, n);
}

static bool one_in(uint32_t n)
{
	return below(n) == 0;
}

/* ---- a machine ---- */

static void make_machine(void)
{
	uint32_t packages = 1 + below(3);
	uint32_t nodes = 1 + below(2);  /* in a package */
	uint32_t caches = 1 + below(3); /* in a node */
	uint32_t cores = 1 + below(5);  /* around a cache */
	uint32_t siblings = one_in(2) ? 1 : 2 + below(2);
	uint32_t count = packages * nodes * caches * cores * siblings;
	bool has_l3 = !one_in(5);
	bool is_shuffled = one_in(4);
	struct wr_topology *t = calloc(1, sizeof *t + count * sizeof t->cpus[0]);
	cr_assert_not_null(t);
	t->cpu_count = count;
	t->core_count = count / siblings;
	t->node_count = packages * nodes;
	t->l3_count = has_l3 ? packages * nodes * caches : 0;
	t->package_count = packages;
	t->kind_count = 1 + one_in(3);
	uint16_t numbers[512];
	for (uint32_t i = 0; i < count; i++)
		numbers[i] = (uint16_t)(i / siblings + i % siblings * t->core_count);
	for (uint32_t i = count - 1; is_shuffled && i > 0; i--) {
		uint32_t with = below(i + 1);
		uint16_t number = numbers[i];
		numbers[i] = numbers[with];
		numbers[with] = number;
	}
	bool is_isolated = false;
	uint16_t kind = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct wr_topology_cpu *c = &t->cpus[i];
		if (i % siblings == 0) {
			is_isolated = one_in(6);
			kind = (uint16_t)below(t->kind_count);
		}
		c->cpu = numbers[i];
		c->core = (uint16_t)(i / siblings);
		c->sibling = (uint16_t)(i % siblings);
		c->node = (uint16_t)(c->core / cores / caches);
		c->l3 = (uint16_t)(has_l3 ? c->core / cores : WR_TOPOLOGY_NONE);
		c->package = (uint16_t)(c->node / nodes);
		c->kind = kind;
		c->isolated = is_isolated;
		wr_cpu_set_add(&t->present, c->cpu);
		if (is_isolated)
			wr_cpu_set_add(&t->isolated, c->cpu);
	}
	t->usable = t->present;
	bed.topology = t;
}

/* Some of the first `count` numbers, at least one. */
static struct wr_cpu_set some_of(uint32_t count)
{
	struct wr_cpu_set set = {{0}};
	uint32_t many = 1 + below(6);
	wr_cpu_set_add(&set, below(count));
	for (uint32_t i = 0; i < count; i++)
		if (one_in(many))
			wr_cpu_set_add(&set, i);
	return set;
}

static struct wr_cpu_request some_request(void)
{
	const struct wr_topology *t = bed.topology;
	struct wr_cpu_request request = {.kind = (enum wr_cpu_request_kind)below(7)};
	switch (request.kind) {
	case WR_CPUS_AUTO:
	case WR_CPUS_NONE:
		break;
	case WR_CPUS_LIST:
	case WR_CPUS_RELATIVE:
		request.set = some_of(one_in(3) ? t->cpu_count : 1 + below(t->cpu_count));
		break;
	case WR_CPUS_NODE:
		wr_cpu_set_add(&request.set, below(t->node_count));
		break;
	case WR_CPUS_CORE:
		request.set = some_of(t->core_count);
		break;
	case WR_CPUS_L3:
		wr_cpu_set_add(&request.set, below(t->l3_count + 1));
		break;
	}
	return request;
}

static void make_case(void)
{
	static const char *const names[] = {"log", "journal", "group", "handler", "source", "sink"};
	struct wr_place_policy *p = &bed.policy;
	make_machine();
	bed.affinity.allowed = one_in(2) ? bed.topology->present : some_of(bed.topology->cpu_count);
	bed.affinity.allowed_count = wr_cpu_set_count(&bed.affinity.allowed);
	bed.affinity.quota_millicpus =
		one_in(4) ? 100 + below(1000 * bed.topology->cpu_count) : WR_QUOTA_NONE;
	if (one_in(5))
		p->allow = some_request();
	if (one_in(4))
		p->avoid = some_request();
	if (one_in(4))
		p->housekeeping = some_request();
	p->use_siblings = one_in(3);
	p->locality = (enum wr_place_locality)below(3);
	p->shared = one_in(2) ? WR_SHARED_NO : (enum wr_place_shared)below(3);
	uint32_t requests = below(7);
	for (uint32_t i = 0; i < requests; i++) {
		bed_ask(names[i], "auto", (enum weir_wait)below(5), 1);
		struct wr_place_request *r = &bed.requests[i];
		if (one_in(2))
			r->wait = WEIR_WAIT_SPIN;
		if (one_in(2))
			r->cpus = some_request();
		if (one_in(3))
			r->count = one_in(4) ? WR_PLACE_BY_LIST : below(4);
		r->if_room = one_in(6);
	}
}

/* ---- promises ---- */

static bool chosen_by_weir(uint32_t index)
{
	return bed.requests[index].cpus.kind == WR_CPUS_AUTO;
}

static void check_cpus(uint32_t index)
{
	const struct wr_placed *placed = &bed.placement.placed[index];
	const struct wr_cpu_request *request = &bed.requests[index].cpus;
	/* No list at all is the mask of the process: is all of it free to be used? */
	if (placed->how == WR_PLACED_ANYWHERE && placed->cpu_count == 0)
		for (uint16_t cpu = 0; cpu < 512; cpu++)
			if (wr_cpu_set_has(&bed.affinity.allowed, cpu))
				PROMISE(wr_cpu_set_has(&bed.placement.allowed, cpu) &&
					!(chosen_by_weir(index) &&
					  wr_cpu_set_has(&bed.placement.avoided, cpu)));
	for (uint32_t i = 0; i < placed->cpu_count; i++) {
		PROMISE(wr_cpu_set_has(&bed.affinity.allowed, placed->cpus[i]));
		PROMISE(wr_cpu_set_has(&bed.placement.allowed, placed->cpus[i]));
		PROMISE(wr_topology_find(bed.topology, placed->cpus[i]) != NULL);
		if (chosen_by_weir(index))
			PROMISE(!wr_cpu_set_has(&bed.placement.avoided, placed->cpus[i]));
		if (placed->how != WR_PLACED_ANYWHERE && request->kind == WR_CPUS_LIST)
			PROMISE(wr_cpu_set_has(&request->set, placed->cpus[i]));
	}
}

static void check_cores(void)
{
	const struct wr_placement *p = &bed.placement;
	struct wr_cpu_set spinning = {{0}};
	struct wr_cpu_set own = {{0}};
	struct wr_cpu_set own_cores = {{0}};
	uint64_t spinner_count = 0;
	for (uint32_t i = 0; i < p->placed_count; i++) {
		const struct wr_placed *placed = &p->placed[i];
		bool spins = placed->count > 0 && placed->wait == WEIR_WAIT_SPIN;
		PROMISE(!spins || placed->how == WR_PLACED_CORE);
		PROMISE(!spins || bed.requests[i].wait == WEIR_WAIT_SPIN);
		if (placed->how != WR_PLACED_CORE)
			continue;
		PROMISE(placed->cpu_count == placed->count);
		spinner_count += spins ? placed->count : 0;
		for (uint32_t k = 0; k < placed->cpu_count; k++) {
			uint16_t cpu = placed->cpus[k];
			uint16_t core = wr_topology_find(bed.topology, cpu)->core;
			PROMISE(!wr_cpu_set_has(&own, cpu));
			PROMISE(!spins || !wr_cpu_set_has(&spinning, core));
			if (spins)
				wr_cpu_set_add(&spinning, core);
			if (chosen_by_weir(i)) {
				PROMISE(!wr_cpu_set_has(&p->housekeeping, cpu));
				PROMISE(bed.policy.use_siblings ||
					!wr_cpu_set_has(&own_cores, core));
			}
			wr_cpu_set_add(&own, cpu);
			wr_cpu_set_add(&own_cores, core);
		}
	}
	PROMISE(bed.affinity.quota_millicpus == WR_QUOTA_NONE ||
		spinner_count * 1000 <= bed.affinity.quota_millicpus);
}

/* Who runs anywhere, without having asked for it, keeps off the cores of spinners if it can. */
static void check_quiet(void)
{
	const struct wr_placement *p = &bed.placement;
	struct wr_cpu_set spinning = {{0}};
	bool can = false;
	for (uint32_t i = 0; i < p->placed_count; i++)
		for (uint32_t k = 0; k < p->placed[i].cpu_count; k++)
			if (p->placed[i].wait == WEIR_WAIT_SPIN)
				wr_cpu_set_add(
					&spinning,
					wr_topology_find(bed.topology, p->placed[i].cpus[k])->core);
	for (uint32_t i = 0; i < bed.topology->cpu_count; i++) {
		const struct wr_topology_cpu *c = &bed.topology->cpus[i];
		can |= wr_cpu_set_has(&p->allowed, c->cpu) &&
		       !wr_cpu_set_has(&p->avoided, c->cpu) && !wr_cpu_set_has(&spinning, c->core);
	}
	for (uint32_t i = 0; i < p->placed_count; i++) {
		if (p->placed[i].how != WR_PLACED_ANYWHERE || !chosen_by_weir(i) || !can)
			continue;
		PROMISE(p->placed[i].cpu_count > 0 || wr_cpu_set_count(&spinning) == 0);
		for (uint32_t k = 0; k < p->placed[i].cpu_count; k++)
			PROMISE(!wr_cpu_set_has(
				&spinning,
				wr_topology_find(bed.topology, p->placed[i].cpus[k])->core));
	}
}

/* weir_open() has a check of its own: it finds nothing to degrade in what was placed. */
static void check_with_the_core(void)
{
	struct wr_thread_plan plans[WR_PLACE_REQUESTS_MAX];
	struct weir_problem problem = {0};
	uint32_t count = 0;
	for (uint32_t i = 0; i < bed.placement.placed_count; i++) {
		const struct wr_placed *placed = &bed.placement.placed[i];
		if (placed->how != WR_PLACED_NOT)
			plans[count++] = (struct wr_thread_plan){.name = bed.requests[i].name,
								 .wait = placed->wait,
								 .cpu_count = placed->cpu_count,
								 .cpus = placed->cpus};
	}
	int rc = wr_affinity_check(&bed.affinity, plans, count, true, &problem);
	cr_assert_eq(rc, 0, "seed %llu: %s: %s", (unsigned long long)seed, problem.field,
		     problem.text);
}

static void check_plan(void)
{
	const struct wr_placement *p = &bed.placement;
	for (uint32_t i = 0; i < p->placed_count; i++) {
		const struct wr_placed *placed = &p->placed[i];
		PROMISE((placed->how == WR_PLACED_NOT) == (placed->count == 0));
		PROMISE(!placed->degraded || placed->note[0] != '\0');
		PROMISE(placed->count == 0 || placed->wait != WEIR_WAIT_DEFAULT);
		if (p->is_shared && placed->count > 0) {
			PROMISE(placed->wait != WEIR_WAIT_SPIN);
			PROMISE(placed->how == WR_PLACED_ANYWHERE ||
				(placed->how == WR_PLACED_LIST && !chosen_by_weir(i) &&
				 bed.policy.shared == WR_SHARED_AUTO));
		}
		bool less = placed->count > 0 && bed.requests[i].wait == WEIR_WAIT_SPIN &&
			    placed->wait != WEIR_WAIT_SPIN;
		less |= placed->how == WR_PLACED_ANYWHERE &&
			bed.requests[i].cpus.kind != WR_CPUS_NONE;
		PROMISE(placed->degraded == less);
		check_cpus(i);
	}
	check_cores();
	check_quiet();
	check_with_the_core();
}

static void check_strict(void)
{
	uint32_t degraded = 0;
	for (uint32_t i = 0; i < bed.placement.placed_count; i++)
		degraded += bed.placement.placed[i].degraded;
	bed.policy.strict = true;
	bed_place();
	cr_assert_eq(bed.result, degraded > 0 ? -EINVAL : 0, "seed %llu", (unsigned long long)seed);
	cr_assert_geq(bed.placement.problem_count, degraded);
	for (uint32_t i = 0; i < bed.placement.problem_count; i++)
		cr_assert(bed.placement.placed[bed.placement.problems[i].of].degraded);
}

Test(place_random, promises_hold, .timeout = 60)
{
	static struct wr_placement before;
	uint32_t planned = 0;
	uint32_t spinning = 0;
	uint32_t pinned = 0;
	uint32_t refused = 0;
	const char *one = getenv("WEIR_PLACE_SEED");
	seed = one != NULL ? strtoull(one, NULL, 10) : 1;
	uint64_t end = one != NULL ? seed + 1 : seed + SEEDS;
	for (; seed < end; seed++) {
		memset(&bed, 0, sizeof bed);
		wr_prng_init(&prng, seed);
		make_case();
		bed_place();
		before = bed.placement;
		bed_place();
		cr_assert_eq(memcmp(&before, &bed.placement, sizeof before), 0);
		if (bed.result == 0) {
			check_plan();
			for (uint32_t i = 0; i < bed.placement.placed_count; i++) {
				spinning += bed.placement.placed[i].wait == WEIR_WAIT_SPIN;
				pinned += bed.placement.placed[i].how == WR_PLACED_CORE;
			}
			planned++;
			check_strict();
		} else {
			refused++;
		}
		bed_close();
	}
	/* The cases are worth something: neither is everything refused nor nothing granted. */
	cr_assert(one != NULL || (planned > SEEDS / 3 && spinning > SEEDS / 3 &&
				  pinned > SEEDS / 2 && refused > SEEDS / 10),
		  "%u planned, %u spin, %u pinned, %u refused", planned, spinning, pinned, refused);
}
