/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of a thread plan against the CPUs that the process may use.
 *
 * Spinners are matched to CPUs by augmenting paths (bipartite matching): each gets a CPU that no
 * other spinner has whenever there is such an assignment, so no plan that works is refused, and
 * "two spinners on one CPU" and "more spinners than CPUs" are the same finding.
 *
 * Invariant: a plan is changed only when the whole of it is accepted. Thread: any; no state.
 */
#include "io/thread/affinity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"

uint32_t wr_affinity_usable_cpus(const struct wr_affinity *affinity)
{
	uint64_t by_quota = affinity->quota_millicpus / 1000;
	return (uint32_t)wr_max_u64(1, wr_min_u64(affinity->allowed_count, by_quota));
}

static int report(struct weir_problem *ret_problem, int code, const char *name, const char *field,
		  const char *text)
{
	if (ret_problem == NULL)
		return code;
	ret_problem->code = code;
	(void)snprintf(ret_problem->field, sizeof ret_problem->field, "%s.%s", name, field);
	(void)snprintf(ret_problem->text, sizeof ret_problem->text, "%s", text);
	return code;
}

static int check_cpus(const struct wr_affinity *affinity, const struct wr_thread_plan *plan,
		      struct weir_problem *ret_problem)
{
	char text[208];
	char allowed[64];
	if (plan->cpu_count > WEIR_CPUS_MAX || (plan->cpu_count > 0 && plan->cpus == NULL)) {
		(void)snprintf(text, sizeof text, "%u CPUs given: at most %u can be listed",
			       plan->cpu_count, (unsigned)WEIR_CPUS_MAX);
		return report(ret_problem, -EINVAL, plan->name, "cpu_count", text);
	}
	for (uint32_t i = 0; i < plan->cpu_count; i++) {
		if (wr_cpu_set_has(&affinity->allowed, plan->cpus[i]))
			continue;
		wr_cpu_set_format(&affinity->allowed, allowed, sizeof allowed);
		bool is_cgroup = affinity->cgroup[0] != '\0';
		(void)snprintf(text, sizeof text,
			       "CPU %u is not available to this process: allowed here: %s%s%.64s%s",
			       plan->cpus[i], allowed, is_cgroup ? " (cgroup " : "",
			       affinity->cgroup, is_cgroup ? ")" : "");
		return report(ret_problem, -EINVAL, plan->name, "cpus", text);
	}
	return 0;
}

int wr_affinity_set_of(const struct wr_affinity *affinity, const char *name,
		       const struct weir_cpu_list *list, struct wr_cpu_set *ret_set,
		       struct weir_problem *ret_problem)
{
	const struct wr_thread_plan plan = {
		.name = name, .cpu_count = list->cpu_count, .cpus = list->cpus};
	int rc = check_cpus(affinity, &plan, ret_problem);
	if (rc < 0)
		return rc;
	*ret_set = list->cpu_count == 0 ? affinity->allowed : (struct wr_cpu_set){{0}};
	for (uint32_t i = 0; i < list->cpu_count; i++)
		wr_cpu_set_add(ret_set, list->cpus[i]);
	return 0;
}

static int check_waits(const struct wr_thread_plan *plans, uint32_t plan_count,
		       struct weir_problem *ret_problem)
{
	for (uint32_t i = 0; i < plan_count; i++)
		if ((unsigned)plans[i].wait > WEIR_WAIT_PARK)
			return report(ret_problem, -EINVAL, plans[i].name, "wait",
				      "not one of enum weir_wait");
	return 0;
}

#define NO_OWNER UINT16_MAX

struct matching {
	const struct wr_affinity *affinity;
	const struct wr_thread_plan *plans;
	struct wr_cpu_set tried;     /* in this search */
	uint16_t owner[WR_CPUS_MAX]; /* the plan that was given the CPU */
};

/*
 * Gives plan `index` a CPU, moving the CPUs of others where that helps. Recursion ends: each level
 * marks a CPU as tried, and goes on only through the owner of one, of which there are at most
 * WR_THREAD_PLANS_MAX.
 */
static bool match_cpu(struct matching *m, uint16_t index)
{
	const struct wr_thread_plan *plan = &m->plans[index];
	uint32_t candidates = plan->cpu_count > 0 ? plan->cpu_count : WR_CPUS_MAX;
	for (uint32_t i = 0; i < candidates; i++) {
		uint32_t cpu = plan->cpu_count > 0 ? plan->cpus[i] : i;
		if (!wr_cpu_set_has(&m->affinity->allowed, cpu) || wr_cpu_set_has(&m->tried, cpu))
			continue;
		wr_cpu_set_add(&m->tried, cpu);
		if (m->owner[cpu] == NO_OWNER || match_cpu(m, m->owner[cpu])) {
			m->owner[cpu] = index;
			return true;
		}
	}
	return false;
}

/* The sentence about a spinner that cannot have a CPU for itself. */
static void describe(const struct wr_affinity *affinity, uint32_t granted, bool by_quota,
		     bool strict, char *ret_text, size_t text_bytes)
{
	const char *end = strict ? "; give it one, or another wait" : "; it waits adaptively";
	char allowed[64];
	if (by_quota) {
		uint64_t quota = affinity->quota_millicpus;
		(void)snprintf(ret_text, text_bytes,
			       "spinning would use up the CPU quota of %u.%02u CPUs "
			       "(cgroup %.64s), %u other spinner%s already%s",
			       (unsigned)wr_min_u64(quota / 1000, WR_CPUS_MAX),
			       (unsigned)(quota % 1000 / 10), affinity->cgroup, granted,
			       granted == 1 ? " does" : "s do", end);
		return;
	}
	wr_cpu_set_format(&affinity->allowed, allowed, sizeof allowed);
	(void)snprintf(ret_text, text_bytes,
		       "no CPU is left for this spinning thread alone: %u other spinner%s "
		       "those it may use (allowed here: %s)%s",
		       granted, granted == 1 ? " holds" : "s hold", allowed, end);
}

/* Marks in `ret_degraded` the spinners that get no CPU. */
static int match_spinners(const struct wr_affinity *affinity, const struct wr_thread_plan *plans,
			  uint32_t plan_count, bool strict, bool *ret_degraded,
			  struct weir_problem *ret_problem)
{
	struct matching m = {.affinity = affinity, .plans = plans};
	uint32_t granted = 0;
	int degraded = 0;
	memset(m.owner, 0xff, sizeof m.owner);
	for (uint32_t i = 0; i < plan_count; i++) {
		if (plans[i].wait != WEIR_WAIT_SPIN)
			continue;
		bool by_quota = (granted + 1) * 1000ull > affinity->quota_millicpus;
		m.tried = (struct wr_cpu_set){{0}};
		if (!by_quota && match_cpu(&m, (uint16_t)i)) {
			granted++;
			continue;
		}
		char text[208];
		describe(affinity, granted, by_quota, strict, text, sizeof text);
		if (strict)
			return report(ret_problem, -EINVAL, plans[i].name, "wait", text);
		if (degraded == 0)
			(void)report(ret_problem, 0, plans[i].name, "wait", text);
		ret_degraded[i] = true;
		degraded++;
	}
	return degraded;
}

int wr_affinity_check(const struct wr_affinity *affinity, struct wr_thread_plan *plans,
		      uint32_t plan_count, bool strict, struct weir_problem *ret_problem)
{
	if (plan_count > WR_THREAD_PLANS_MAX)
		return report(ret_problem, -EINVAL, "threads", "count", "too many threads");
	int rc = check_waits(plans, plan_count, ret_problem);
	for (uint32_t i = 0; rc == 0 && i < plan_count; i++)
		rc = check_cpus(affinity, &plans[i], ret_problem);
	if (rc < 0)
		return rc;
	bool degraded[WR_THREAD_PLANS_MAX] = {false};
	rc = match_spinners(affinity, plans, plan_count, strict, degraded, ret_problem);
	for (uint32_t i = 0; rc >= 0 && i < plan_count; i++)
		if (degraded[i] || plans[i].wait == WEIR_WAIT_DEFAULT)
			plans[i].wait = WEIR_WAIT_ADAPTIVE;
	return rc;
}
