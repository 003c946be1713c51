/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which core a thread gets that asks for auto. Every free CPU has a rank, the lowest is taken:
 *
 *   isolated cores first       somebody made them free of the scheduler for this
 *   the fastest kind first     big before little
 *   no sibling to avoid        somebody else is on that core
 *   cores that nobody holds    before the siblings of some that are (only with smt: all)
 *   near the neighbours        one level-3 cache, then the node, then the package
 *   outside of all lists       before the siblings of CPUs that a thread with a list may also use,
 *                              and these before such CPUs; for a thread that spins this goes
 *                              before being near
 *   the machine's order
 *
 * The home of the neighbours is where threads with lists are already; else the cache (or node)
 * that has room for all of them, the first of several, or the one with most room.
 *
 * Thread: any.
 */
#include "core/base/bits.h"
#include "io/config/place_inner.h"

/* Is a CPU of this one's core in the set? The siblings stand side by side. */
static bool core_has(const struct wr_place_work *w, const struct wr_topology_cpu *c,
		     const struct wr_cpu_set *set)
{
	const struct wr_topology *t = w->topology;
	for (uint32_t i = (uint32_t)(c - t->cpus) - c->sibling;
	     i < t->cpu_count && t->cpus[i].core == c->core; i++)
		if (wr_cpu_set_has(set, t->cpus[i].cpu))
			return true;
	return false;
}

/* May a thread that asks for auto be given this CPU? */
static bool is_free(const struct wr_place_work *w, const struct wr_topology_cpu *c, bool spins)
{
	if (!wr_cpu_set_has(&w->usable, c->cpu) ||
	    (spins && w->spinner[c->core] != WR_PLACE_NOBODY))
		return false;
	if (w->policy->use_siblings)
		return !wr_cpu_set_has(&w->kept, c->cpu) && !wr_cpu_set_has(&w->held, c->cpu);
	return !core_has(w, c, &w->kept) && !core_has(w, c, &w->held);
}

static uint32_t distance(const struct wr_place_home *home, enum wr_place_locality locality,
			 const struct wr_topology_cpu *c)
{
	if (!home->is_chosen)
		return 0;
	if (locality == WR_LOCALITY_L3 && c->l3 == home->l3 &&
	    (c->l3 != WR_TOPOLOGY_NONE || c->package == home->package))
		return 0;
	return c->node == home->node ? 1 : c->package == home->package ? 2 : 3;
}

/* How good its kind is for a thread: isolated, fast, nobody else on it. Lower is better. */
static uint32_t class_of(const struct wr_place_work *w, const struct wr_topology_cpu *c)
{
	uint32_t slowness = w->topology->kind_count - 1 - c->kind;
	if (!c->isolated)
		slowness += w->topology->kind_count;
	return slowness << 1 | core_has(w, c, &w->out->avoided);
}

static uint64_t rank_of(const struct wr_place_work *w, const struct wr_topology_cpu *c, bool spins)
{
	uint64_t far = distance(&w->home, w->policy->locality, c);
	uint64_t listed = (uint64_t)core_has(w, c, &w->listed) + wr_cpu_set_has(&w->listed, c->cpu);
	uint64_t rank = class_of(w, c);
	rank = rank << 1 | (core_has(w, c, &w->held) || core_has(w, c, &w->kept));
	rank = rank << 4 | (spins ? listed << 2 | far : far << 2 | listed);
	return rank << 16 | (uint64_t)(c - w->topology->cpus);
}

uint32_t wr_place_core_count(const struct wr_place_work *w, const struct wr_cpu_set *set)
{
	struct wr_cpu_set cores = {{0}};
	for (uint32_t i = 0; i < w->topology->cpu_count; i++)
		if (wr_cpu_set_has(set, w->topology->cpus[i].cpu))
			wr_cpu_set_add(&cores, w->topology->cpus[i].core);
	return wr_cpu_set_count(&cores);
}

/* ---- housekeeping ---- */

void wr_place_choose_housekeeping(struct wr_place_work *w)
{
	const struct wr_topology *t = w->topology;
	const struct wr_topology_cpu *best = NULL;
	uint64_t best_rank = UINT64_MAX;
	for (uint32_t i = 0; i < t->cpu_count; i++) {
		const struct wr_topology_cpu *c = &t->cpus[i];
		if (!wr_cpu_set_has(&w->usable, c->cpu) || core_has(w, c, &w->held))
			continue;
		/* The kernel's own work is on the first CPU of most machines, too. */
		uint64_t rank = (uint64_t)core_has(w, c, &w->out->avoided) << 34 |
				(uint64_t)c->isolated << 33 |
				(uint64_t)wr_cpu_set_has(&w->listed, c->cpu) << 32 |
				(uint64_t)c->kind << 16 | i;
		if (rank < best_rank) {
			best = c;
			best_rank = rank;
		}
	}
	for (uint32_t i = 0; best != NULL && i < t->cpu_count; i++)
		if (t->cpus[i].core == best->core && wr_cpu_set_has(&w->usable, t->cpus[i].cpu))
			wr_cpu_set_add(&w->out->housekeeping, t->cpus[i].cpu);
}

/* ---- home ---- */

/* Free cores of the best class that are as near to `c` as `reach` says. */
static uint32_t room_around(const struct wr_place_work *w, const struct wr_topology_cpu *c,
			    uint32_t best_class, uint32_t reach)
{
	struct wr_place_home home = {true, c->l3, c->node, c->package};
	struct wr_cpu_set cores = {{0}};
	for (uint32_t i = 0; i < w->topology->cpu_count; i++) {
		const struct wr_topology_cpu *other = &w->topology->cpus[i];
		if (is_free(w, other, true) && class_of(w, other) == best_class &&
		    distance(&home, w->policy->locality, other) <= reach)
			wr_cpu_set_add(&cores, other->core);
	}
	return wr_cpu_set_count(&cores);
}

/* The threads that have their lists are the neighbours of those that have not. */
static bool settle_beside_lists(struct wr_place_work *w)
{
	for (uint32_t i = 0; i < w->request_count; i++) {
		uint32_t cpu = wr_place_next(&w->named[i], 0);
		if (w->counts[i] == 0 || cpu == WR_CPUS_MAX)
			continue;
		const struct wr_topology_cpu *c = wr_place_cpu(w, cpu);
		w->home = (struct wr_place_home){true, c->l3, c->node, c->package};
		return true;
	}
	return false;
}

void wr_place_choose_home(struct wr_place_work *w, uint32_t count)
{
	const struct wr_topology *t = w->topology;
	uint32_t best_class = UINT32_MAX;
	uint64_t best_room = 0;
	if (w->policy->locality == WR_LOCALITY_NONE || settle_beside_lists(w))
		return;
	for (uint32_t i = 0; i < t->cpu_count; i++)
		if (is_free(w, &t->cpus[i], true))
			best_class = (uint32_t)wr_min_u64(best_class, class_of(w, &t->cpus[i]));
	for (uint32_t i = 0; i < t->cpu_count; i++) {
		const struct wr_topology_cpu *c = &t->cpus[i];
		bool is_new = i == 0 || c->l3 != t->cpus[i - 1].l3 ||
			      c->node != t->cpus[i - 1].node ||
			      c->package != t->cpus[i - 1].package;
		if (!is_new)
			continue;
		uint64_t near = room_around(w, c, best_class, 0);
		uint64_t node = room_around(w, c, best_class, 1);
		/* As many as may be in the node, then nearby. */
		uint64_t room = wr_min_u64(node, count) << 16 | wr_min_u64(near, count);
		if (room > best_room) {
			best_room = room;
			w->home = (struct wr_place_home){true, c->l3, c->node, c->package};
		}
	}
}

/* ---- taking ---- */

static const struct wr_topology_cpu *best_free(const struct wr_place_work *w, bool spins,
					       bool may_be_isolated)
{
	const struct wr_topology_cpu *best = NULL;
	uint64_t best_rank = UINT64_MAX;
	for (uint32_t i = 0; i < w->topology->cpu_count; i++) {
		const struct wr_topology_cpu *c = &w->topology->cpus[i];
		if (!is_free(w, c, spins) || (c->isolated && !may_be_isolated))
			continue;
		uint64_t rank = rank_of(w, c, spins);
		if (rank < best_rank) {
			best = c;
			best_rank = rank;
		}
	}
	return best;
}

bool wr_place_take_cores(struct wr_place_work *w, uint32_t index, bool spins)
{
	struct wr_placed *placed = &w->out->placed[index];
	struct wr_cpu_set held_before = w->held;
	uint32_t count = w->counts[index];
	if (count > WEIR_CPUS_MAX)
		return false;
	placed->cpu_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		/* Among isolated CPUs the kernel moves nobody: threads that share a list would
		 * all stay on its first one. */
		const struct wr_topology_cpu *c = best_free(w, spins, count == 1);
		if (c == NULL) {
			for (uint32_t core = 0; core < w->topology->core_count; core++)
				if (w->spinner[core] == index)
					w->spinner[core] = WR_PLACE_NOBODY;
			w->held = held_before;
			placed->cpu_count = 0;
			return false;
		}
		wr_cpu_set_add(&w->held, c->cpu);
		if (spins)
			w->spinner[c->core] = (uint16_t)index;
		placed->cpus[placed->cpu_count++] = c->cpu;
	}
	placed->how = WR_PLACED_CORE;
	return true;
}
