/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that spin and have a list: each gets one CPU of its list, on a core where no other
 * spins. By augmenting paths (bipartite matching of threads to cores), so that whenever there is
 * such an assignment it is found; cores that nobody else was given are tried first.
 *
 * Invariant: a request is granted for all of its threads or for none, but one whose list says how
 * many they are.
 *
 * Thread: any.
 */
#include <string.h>

#include "io/config/place_inner.h"

struct spinner {
	uint16_t request;
	uint16_t cpu; /* matched */
};

struct matching {
	struct wr_place_work *w;
	struct spinner spinners[WR_PLACE_THREADS_MAX];
	uint32_t spinner_count;
	struct wr_cpu_set tried;     /* cores, in this search */
	uint16_t owner[WR_CPUS_MAX]; /* core: index of a spinner, or NOBODY */
};

static bool is_held_by_others(const struct matching *m, uint32_t request, uint32_t cpu)
{
	const struct wr_place_work *w = m->w;
	for (uint32_t i = 0; i < w->request_count; i++)
		if (i != request && wr_cpu_set_has(&w->named[i], cpu) &&
		    wr_cpu_set_count(&w->named[i]) <= w->counts[i])
			return true;
	return false;
}

/*
 * Cores in the order of preference: nobody's, those of others who then move, and the same among
 * cores that somebody else's list cannot spare. Ends: each level marks a core as tried, and goes on
 * only through the spinner on one.
 */
static bool match(struct matching *m, uint16_t index)
{
	struct spinner *spinner = &m->spinners[index];
	const struct wr_cpu_set *named = &m->w->named[spinner->request];
	for (unsigned pass = 0; pass < 4; pass++)
		for (uint32_t cpu = 0; (cpu = wr_place_next(named, cpu)) < WR_CPUS_MAX; cpu++) {
			uint16_t core = wr_place_cpu(m->w, cpu)->core;
			bool is_taken = m->owner[core] != WR_PLACE_NOBODY;
			if (wr_cpu_set_has(&m->tried, core) || is_taken != (pass % 2 == 1) ||
			    is_held_by_others(m, spinner->request, cpu) != (pass / 2 == 1))
				continue;
			wr_cpu_set_add(&m->tried, core);
			if (is_taken && !match(m, m->owner[core]))
				continue;
			m->owner[core] = index;
			spinner->cpu = (uint16_t)cpu;
			return true;
		}
	return false;
}

static void drop(struct matching *m, uint32_t request)
{
	for (uint32_t core = 0; core < m->w->topology->core_count; core++)
		if (m->owner[core] != WR_PLACE_NOBODY &&
		    m->spinners[m->owner[core]].request == request)
			m->owner[core] = WR_PLACE_NOBODY;
	while (m->spinner_count > 0 && m->spinners[m->spinner_count - 1].request == request)
		m->spinner_count--;
}

static bool add_request(struct matching *m, uint32_t request)
{
	struct wr_placed *placed = &m->w->out->placed[request];
	for (uint32_t i = 0; i < placed->count; i++) {
		uint16_t index = (uint16_t)m->spinner_count++;
		m->spinners[index] = (struct spinner){.request = (uint16_t)request};
		m->tried = (struct wr_cpu_set){{0}};
		if (match(m, index))
			continue;
		m->spinner_count--;
		if (i > 0 && m->w->requests[request].count == WR_PLACE_BY_LIST) {
			placed->count = i;
			return true;
		}
		drop(m, request);
		return false;
	}
	return true;
}

/* The name of whoever spins on a core of the request's list, for the note. */
static const char *rival(const struct matching *m, uint32_t request, uint32_t *ret_core)
{
	const struct wr_place_work *w = m->w;
	const struct wr_cpu_set *named = &w->named[request];
	for (uint32_t cpu = 0; (cpu = wr_place_next(named, cpu)) < WR_CPUS_MAX; cpu++) {
		*ret_core = wr_place_cpu(w, cpu)->core;
		if (m->owner[*ret_core] != WR_PLACE_NOBODY)
			return w->requests[m->spinners[m->owner[*ret_core]].request].name;
	}
	return NULL;
}

static void explain(const struct matching *m, uint32_t request)
{
	char list[64];
	uint32_t core = 0;
	const char *name = rival(m, request, &core);
	wr_cpu_set_format(&m->w->named[request], list, sizeof list);
	if (name != NULL)
		wr_place_degrade(m->w, request,
				 "waits adaptively: of CPUs %s no core is left for a spinning "
				 "thread alone (%s spins on core %u)",
				 list, name, core);
	else
		wr_place_degrade(m->w, request,
				 "waits adaptively: CPUs %s are not %u cores, one for each thread "
				 "that spins",
				 list, m->w->out->placed[request].count);
}

void wr_place_match_spinners(struct wr_place_work *w)
{
	struct matching m = {.w = w};
	memset(m.owner, 0xff, sizeof m.owner);
	for (uint32_t i = 0; i < w->request_count; i++)
		if (w->may_spin[i] && !wr_place_is_empty(&w->named[i]) && !add_request(&m, i)) {
			w->may_spin[i] = false;
			explain(&m, i);
		}
	for (uint32_t core = 0; core < w->topology->core_count; core++) {
		if (m.owner[core] == WR_PLACE_NOBODY)
			continue;
		const struct spinner *s = &m.spinners[m.owner[core]];
		struct wr_placed *placed = &w->out->placed[s->request];
		placed->how = WR_PLACED_CORE;
		placed->wait = WEIR_WAIT_SPIN;
		placed->cpus[placed->cpu_count++] = s->cpu;
		w->spinner[core] = s->request;
		wr_cpu_set_add(&w->held, s->cpu);
	}
}
