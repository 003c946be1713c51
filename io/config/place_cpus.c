/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CPUs a request names on this machine, and what is wrong with it where it names some that
 * are not there or not allowed. One problem a request and kind of fault: it has the first number,
 * and its text all of them.
 *
 * Thread: any.
 */
#include <stdio.h>

#include "core/base/bits.h"
#include "io/config/place_inner.h"

/* ---- sets ---- */

uint32_t wr_place_next(const struct wr_cpu_set *set, uint32_t cpu)
{
	while (cpu < WR_CPUS_MAX) {
		uint64_t word = set->words[cpu / 64] >> (cpu % 64);
		if (word != 0)
			return cpu + (uint32_t)__builtin_ctzll(word);
		cpu = (cpu / 64 + 1) * 64;
	}
	return WR_CPUS_MAX;
}

void wr_place_intersect(struct wr_cpu_set *set, const struct wr_cpu_set *with)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(set->words); i++)
		set->words[i] &= with->words[i];
}

void wr_place_subtract(struct wr_cpu_set *set, const struct wr_cpu_set *what)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(set->words); i++)
		set->words[i] &= ~what->words[i];
}

bool wr_place_is_empty(const struct wr_cpu_set *set)
{
	return wr_place_next(set, 0) == WR_CPUS_MAX;
}

static void add_all(struct wr_cpu_set *set, const struct wr_cpu_set *what)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(set->words); i++)
		set->words[i] |= what->words[i];
}

/* ---- what is wrong ---- */

/* "CPU 64", "CPUs 64-66" */
static char *numbers_text(const char *one, const struct wr_cpu_set *set, char to[64])
{
	char list[40];
	wr_cpu_set_format(set, list, sizeof list);
	(void)snprintf(to, 64, "%s%s %s", one, wr_cpu_set_count(set) > 1 ? "s" : "", list);
	return to;
}

static void missing(struct wr_place_work *w, uint32_t of, const char *one,
		    const struct wr_cpu_set *numbers, const struct wr_cpu_set *there)
{
	char text[64];
	char list[100];
	if (wr_place_is_empty(numbers))
		return;
	struct wr_place_problem *p = wr_place_problem(w, of);
	p->has_number = true;
	p->number = wr_place_next(numbers, 0);
	(void)snprintf(p->text, sizeof p->text, "%s %s not exist", numbers_text(one, numbers, text),
		       wr_cpu_set_count(numbers) > 1 ? "do" : "does");
	wr_cpu_set_format(there, list, sizeof list);
	(void)snprintf(p->note, sizeof p->note, "this machine has %s%s %s", one,
		       wr_cpu_set_count(there) > 1 ? "s" : "", list);
	if (wr_place_is_empty(there))
		(void)snprintf(p->note, sizeof p->note, "this machine has no %s", one);
}

/* There, but not for this process, or not for weir. */
static void forbidden(struct wr_place_work *w, uint32_t of, const char *what, uint32_t number,
		      const char *predicate)
{
	char list[100];
	struct wr_place_problem *p = wr_place_problem(w, of);
	p->has_number = true;
	p->number = number;
	(void)snprintf(p->text, sizeof p->text, "%s %s", what, predicate);
	(void)snprintf(p->note, sizeof p->note, "allowed here: %s",
		       wr_place_allowed_text(w, list, sizeof list));
	wr_cpu_set_format(&w->out->allowed, list, sizeof list);
	(void)snprintf(p->help, sizeof p->help, "use auto, node:N, or a list within %.80s", list);
}

static void forbidden_cpus(struct wr_place_work *w, uint32_t of, const struct wr_cpu_set *cpus,
			   bool by_policy)
{
	char text[64];
	bool are_many = wr_cpu_set_count(cpus) > 1;
	if (wr_place_is_empty(cpus))
		return;
	char is[64];
	(void)snprintf(is, sizeof is, "%s %s", are_many ? "are" : "is",
		       by_policy ? "outside machine.allow" : "not available to this process");
	forbidden(w, of, numbers_text("CPU", cpus, text), wr_place_next(cpus, 0), is);
}

/* ---- requests ---- */

static void resolve_list(struct wr_place_work *w, uint32_t of, const struct wr_cpu_set *numbers,
			 struct wr_cpu_set *ret_set)
{
	struct wr_cpu_set absent = *numbers;
	struct wr_cpu_set rest = *numbers;
	wr_place_subtract(&absent, &w->topology->present);
	missing(w, of, "CPU", &absent, &w->topology->present);
	wr_place_subtract(&rest, &absent);
	*ret_set = rest;
	/* What may not be used need not be avoided; allow is cut to what is allowed. */
	if (of == WR_PLACE_OF_ALLOW || of == WR_PLACE_OF_AVOID)
		return;
	struct wr_cpu_set refused = rest;
	wr_place_subtract(&refused, &w->affinity->allowed);
	forbidden_cpus(w, of, &refused, false);
	wr_place_subtract(&rest, &refused);
	wr_place_subtract(&rest, &w->out->allowed);
	forbidden_cpus(w, of, &rest, true);
}

static void resolve_relative(struct wr_place_work *w, uint32_t of, const struct wr_cpu_set *numbers,
			     const struct wr_cpu_set *base, struct wr_cpu_set *ret_set)
{
	uint32_t nth = 0;
	for (uint32_t cpu = 0; (cpu = wr_place_next(base, cpu)) < WR_CPUS_MAX; cpu++, nth++)
		if (wr_cpu_set_has(numbers, nth))
			wr_cpu_set_add(ret_set, cpu);
	uint32_t beyond = wr_place_next(numbers, nth);
	if (beyond == WR_CPUS_MAX)
		return;
	char list[100];
	struct wr_place_problem *p = wr_place_problem(w, of);
	p->has_number = true;
	p->number = beyond;
	(void)snprintf(p->text, sizeof p->text, "+%u is beyond the last allowed CPU", beyond);
	(void)snprintf(p->note, sizeof p->note, "%u allowed here, +0 to +%u: %s", nth, nth - 1,
		       wr_place_allowed_text(w, list, sizeof list));
}

static uint32_t number_of(const struct wr_topology_cpu *c, enum wr_cpu_request_kind kind)
{
	return kind == WR_CPUS_NODE ? c->node : kind == WR_CPUS_CORE ? c->core : c->l3;
}

static void resolve_parts(struct wr_place_work *w, uint32_t of,
			  const struct wr_cpu_request *request, const struct wr_cpu_set *base,
			  struct wr_cpu_set *ret_set)
{
	const char *one = request->kind == WR_CPUS_NODE   ? "NUMA node"
			  : request->kind == WR_CPUS_CORE ? "core"
							  : "level-3 cache";
	struct wr_cpu_set there = {{0}};
	struct wr_cpu_set reached = {{0}};
	for (uint32_t i = 0; i < w->topology->cpu_count; i++) {
		const struct wr_topology_cpu *c = &w->topology->cpus[i];
		uint32_t number = number_of(c, request->kind);
		if (number == WR_TOPOLOGY_NONE)
			continue;
		wr_cpu_set_add(&there, number);
		if (!wr_cpu_set_has(&request->set, number) || !wr_cpu_set_has(base, c->cpu))
			continue;
		wr_cpu_set_add(&reached, number);
		wr_cpu_set_add(ret_set, c->cpu);
	}
	struct wr_cpu_set absent = request->set;
	wr_place_subtract(&absent, &there);
	missing(w, of, one, &absent, &there);
	if (of == WR_PLACE_OF_AVOID)
		return;
	struct wr_cpu_set out_of_reach = request->set;
	wr_place_intersect(&out_of_reach, &there);
	wr_place_subtract(&out_of_reach, &reached);
	if (wr_place_is_empty(&out_of_reach))
		return;
	char numbers[64];
	char what[100];
	(void)snprintf(what, sizeof what, "no CPU of %s",
		       numbers_text(one, &out_of_reach, numbers));
	forbidden(w, of, what, wr_place_next(&out_of_reach, 0), "is available here");
}

static void resolve(struct wr_place_work *w, uint32_t of, const struct wr_cpu_request *request,
		    const struct wr_cpu_set *base, struct wr_cpu_set *ret_set)
{
	*ret_set = (struct wr_cpu_set){{0}};
	switch (request->kind) {
	case WR_CPUS_AUTO:
	case WR_CPUS_NONE:
		break;
	case WR_CPUS_LIST:
		resolve_list(w, of, &request->set, ret_set);
		break;
	case WR_CPUS_RELATIVE:
		resolve_relative(w, of, &request->set, base, ret_set);
		break;
	case WR_CPUS_NODE:
	case WR_CPUS_CORE:
	case WR_CPUS_L3:
		resolve_parts(w, of, request, base, ret_set);
		break;
	}
}

static void resolve_allow(struct wr_place_work *w)
{
	const struct wr_cpu_request *allow = &w->policy->allow;
	struct wr_placement *out = w->out;
	struct wr_cpu_set set;
	uint32_t problems_before = out->problem_count;
	out->allowed = w->affinity->allowed;
	wr_place_intersect(&out->allowed, &w->topology->present);
	resolve(w, WR_PLACE_OF_ALLOW, allow, &out->allowed, &set);
	if (allow->kind != WR_CPUS_AUTO) {
		struct wr_cpu_set both = out->allowed;
		wr_place_intersect(&both, &set);
		if (!wr_place_is_empty(&both)) {
			out->allowed = both;
		} else if (out->problem_count == problems_before) {
			/* What else is wrong is found as if it were auto. */
			char list[100];
			struct wr_place_problem *p = wr_place_problem(w, WR_PLACE_OF_ALLOW);
			(void)snprintf(p->text, sizeof p->text, "allow leaves no CPU");
			(void)snprintf(p->note, sizeof p->note, "allowed here: %s",
				       wr_place_allowed_text(w, list, sizeof list));
		}
	}
	out->allowed_count = wr_cpu_set_count(&out->allowed);
}

static uint32_t count_of(const struct wr_place_work *w, const struct wr_place_request *r,
			 const struct wr_cpu_set *named)
{
	if (r->count != WR_PLACE_BY_LIST)
		return r->count;
	uint32_t cores = wr_place_core_count(w, named);
	return cores == 0                  ? 0
	       : r->wait == WEIR_WAIT_SPIN ? (uint32_t)wr_min_u64(cores, WEIR_CPUS_MAX)
					   : 1;
}

/* On a machine that is shared by order no list is kept to: one that names what is not here is less
 * than was asked for, which its thread's note says, and no fault of the file. */
static void forgive(struct wr_place_work *w, uint32_t problems_before, char *ret_text,
		    size_t text_bytes)
{
	struct wr_placement *out = w->out;
	if (w->policy->shared != WR_SHARED_YES || out->problem_count == problems_before)
		return;
	if (ret_text != NULL)
		(void)snprintf(ret_text, text_bytes, "%s", out->problems[problems_before].text);
	out->problem_count = problems_before;
}

static void resolve_request(struct wr_place_work *w, uint32_t index)
{
	const struct wr_place_request *r = &w->requests[index];
	struct wr_cpu_set *named = &w->named[index];
	char *absent = w->absent[index];
	uint32_t problems_before = w->out->problem_count;
	resolve(w, index, &r->cpus, &w->out->allowed, named);
	forgive(w, problems_before, absent, sizeof w->absent[index]);
	if (absent[0] != '\0')
		*named = (struct wr_cpu_set){{0}};
	w->counts[index] =
		absent[0] != '\0' && r->count == WR_PLACE_BY_LIST ? 1 : count_of(w, r, named);
}

void wr_place_resolve(struct wr_place_work *w)
{
	struct wr_placement *out = w->out;
	char list[100];
	resolve_allow(w);
	bool is_relative = w->policy->avoid.kind == WR_CPUS_RELATIVE;
	uint32_t problems_before = out->problem_count;
	resolve(w, WR_PLACE_OF_AVOID, &w->policy->avoid,
		is_relative ? &out->allowed : &w->topology->present, &out->avoided);
	resolve(w, WR_PLACE_OF_HOUSEKEEPING, &w->policy->housekeeping, &out->allowed,
		&out->housekeeping);
	forgive(w, problems_before, NULL, 0);
	for (uint32_t i = 0; i < w->request_count; i++) {
		resolve_request(w, i);
		if (w->counts[i] == 0)
			continue;
		/* A list that has no CPU to spare is as good as taken. */
		if (wr_cpu_set_count(&w->named[i]) <= w->counts[i])
			add_all(&w->held, &w->named[i]);
		else
			add_all(&w->listed, &w->named[i]);
	}
	w->usable = out->allowed;
	wr_place_subtract(&w->usable, &out->avoided);
	out->core_count = wr_place_core_count(w, &w->usable);
	if (out->core_count > 0)
		return;
	struct wr_place_problem *p = wr_place_problem(w, WR_PLACE_OF_AVOID);
	(void)snprintf(p->text, sizeof p->text, "avoid leaves no CPU");
	(void)snprintf(p->note, sizeof p->note, "allowed here: %s",
		       wr_place_allowed_text(w, list, sizeof list));
}
