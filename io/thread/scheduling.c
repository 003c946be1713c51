/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduling classes of a thread plan: which are refused here, and which would starve the rest.
 *
 * A real-time thread that never waits has its CPU for itself, whoever else should run there: other
 * threads of weir would stand still (the writer's producers, the helpers that end its writes), and
 * so would the kernel's, until RT throttling stops the spinner for 50 ms of each second. So such a
 * thread is given a CPU that nobody else of weir may use, or it is not started.
 *
 * Invariant: a plan is changed only when the whole of it is accepted. Thread: any; no state.
 */
#include "io/thread/scheduling.h"

#include <errno.h>
#include <stdio.h>

/* As many as weir's own threads are, less the first. */
#define OTHERS_NAMED_MAX 3u

static const char *class_name(enum weir_scheduler scheduler)
{
	switch (scheduler) {
	case WEIR_SCHEDULER_OTHER:
		return "OTHER";
	case WEIR_SCHEDULER_BATCH:
		return "BATCH";
	case WEIR_SCHEDULER_FIFO:
		return "FIFO";
	case WEIR_SCHEDULER_RR:
		return "RR";
	}
	return "?";
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

static bool is_real_time(const struct wr_thread_plan *plan)
{
	return plan->scheduler == WEIR_SCHEDULER_FIFO || plan->scheduler == WEIR_SCHEDULER_RR;
}

/* YIELD gives way to its own priority only: to all below it that is spinning. */
static bool never_waits(const struct wr_thread_plan *plan)
{
	return plan->wait == WEIR_WAIT_SPIN || plan->wait == WEIR_WAIT_YIELD;
}

/* ", and so do journal, group and handler"; as a number where they are many, as stages may be. */
static void put_others(const struct wr_thread_plan *plans, uint32_t plan_count,
		       const bool *degraded, uint32_t first, char *to, size_t to_bytes)
{
	uint32_t others = 0;
	uint32_t put = 0;
	size_t used = 0;

	for (uint32_t i = first + 1; i < plan_count; i++)
		others += degraded[i];
	if (others > OTHERS_NAMED_MAX) {
		(void)snprintf(to, to_bytes, ", and so do %u others", others);
		return;
	}
	for (uint32_t i = first + 1; i < plan_count; i++) {
		if (!degraded[i] || used >= to_bytes)
			continue;
		put++;
		used += (size_t)snprintf(to + used, to_bytes - used, "%s%.15s",
					 put == 1 ? others == 1 ? ", and so does " : ", and so do "
					 : put == others ? " and "
							 : ", ",
					 plans[i].name);
	}
}

/* One sentence for all of them: which is first, and the right that would do for each. */
static int report_refused(const struct wr_thread_plan *plans, uint32_t plan_count,
			  const bool *refused, uint32_t first, int code, bool strict,
			  struct weir_problem *ret_problem)
{
	char text[208];
	char others[80] = "";
	uint32_t priority = 0;

	for (uint32_t i = 0; i < plan_count; i++)
		if (refused[i] && plans[i].priority > priority)
			priority = plans[i].priority;
	put_others(plans, plan_count, refused, first, others, sizeof others);
	(void)snprintf(text, sizeof text,
		       "class %s, priority %u, is refused (%s): give CAP_SYS_NICE or "
		       "RLIMIT_RTPRIO %u (ulimit -r, LimitRTPRIO=)%s%s",
		       class_name(plans[first].scheduler), plans[first].priority,
		       weir_error_name(code), priority, strict ? "" : "; it runs as OTHER",
		       strict ? "" : others);
	return report(ret_problem, strict ? code : 0, plans[first].name, "scheduler", text);
}

/* Marks in `ret_degraded` the plans whose class cannot be had. How many, or the refusal. */
static int try_classes(const struct wr_thread_plan *plans, uint32_t plan_count,
		       const struct wr_scheduling_rules *rules, bool *ret_degraded,
		       struct weir_problem *ret_problem)
{
	int degraded = 0;
	int first_code = 0;
	uint32_t first = 0;

	for (uint32_t i = 0; i < plan_count; i++) {
		const struct wr_thread_plan *plan = &plans[i];
		if (plan->scheduler == WEIR_SCHEDULER_OTHER)
			continue;
		int rc = rules->try_class(plan->scheduler, plan->priority);
		if (rc == 0)
			continue;
		if (degraded == 0) {
			first = i;
			first_code = rc;
		}
		ret_degraded[i] = true;
		degraded++;
	}
	if (degraded == 0)
		return 0;
	int rc = report_refused(plans, plan_count, ret_degraded, first, first_code, rules->strict,
				ret_problem);
	return rules->strict ? rc : degraded;
}

/* May a thread of this plan run on the CPU? */
static bool may_run_on(const struct wr_affinity *affinity, const struct wr_thread_plan *plan,
		       uint32_t cpu)
{
	if (plan->cpu_count == 0)
		return wr_cpu_set_has(&affinity->allowed, cpu);
	for (uint32_t i = 0; i < plan->cpu_count; i++)
		if (plan->cpus[i] == cpu)
			return true;
	return false;
}

static int refuse_spinner(const struct wr_thread_plan *plan, struct weir_problem *ret_problem,
			  uint32_t cpu, const char *other, const char *fix)
{
	char text[208];

	(void)snprintf(
		text, sizeof text,
		"a %s thread that spins starves CPU %u, where %.50s may run too, and is then "
		"throttled by the kernel: %s, or let it wait adaptively",
		class_name(plan->scheduler), cpu, other, fix);
	return report(ret_problem, -EINVAL, plan->name, "scheduler", text);
}

static int check_spinner(const struct wr_affinity *affinity, const struct wr_thread_plan *plans,
			 uint32_t plan_count, uint32_t index,
			 const struct wr_scheduling_rules *rules, struct weir_problem *ret_problem)
{
	const struct wr_thread_plan *plan = &plans[index];
	char other[64];

	if (plan->cpu_count == 0)
		return report(ret_problem, -EINVAL, plan->name, "scheduler",
			      "a FIFO or RR thread that spins starves everybody else on its CPU: "
			      "pin it to one of its own, or let it wait adaptively");
	if (plan->threads_max > plan->cpu_count)
		return report(ret_problem, -EINVAL, plan->name, "scheduler",
			      "FIFO or RR threads that spin need a CPU each, and there may be more "
			      "of them than CPUs in the list");
	for (uint32_t c = 0; c < plan->cpu_count; c++) {
		uint32_t cpu = plan->cpus[c];
		for (uint32_t i = 0; i < plan_count; i++) {
			if (i == index || !may_run_on(affinity, &plans[i], cpu))
				continue;
			(void)snprintf(other, sizeof other, "%s", plans[i].name);
			return refuse_spinner(plan, ret_problem, cpu, other,
					      plans[i].cpu_count == 0 ? "pin that one elsewhere"
								      : "give them CPUs apart");
		}
		if (rules->helpers != NULL && wr_cpu_set_has(rules->helpers, cpu))
			return refuse_spinner(plan, ret_problem, cpu, "helpers",
					      "keep that CPU out of housekeeping");
	}
	return 0;
}

int wr_scheduling_check(const struct wr_affinity *affinity, struct wr_thread_plan *plans,
			uint32_t plan_count, const struct wr_scheduling_rules *rules,
			struct weir_problem *ret_problem)
{
	bool degraded[WR_THREAD_PLANS_MAX] = {false};

	if (plan_count > WR_THREAD_PLANS_MAX)
		return report(ret_problem, -EINVAL, "threads", "count", "too many threads");
	int count = try_classes(plans, plan_count, rules, degraded, ret_problem);
	for (uint32_t i = 0; count >= 0 && i < plan_count; i++) {
		if (degraded[i] || !is_real_time(&plans[i]) || !never_waits(&plans[i]))
			continue;
		int rc = check_spinner(affinity, plans, plan_count, i, rules, ret_problem);
		if (rc < 0)
			return rc;
	}
	for (uint32_t i = 0; count >= 0 && i < plan_count; i++) {
		if (!degraded[i])
			continue;
		plans[i].scheduler = WEIR_SCHEDULER_OTHER;
		plans[i].priority = 0;
	}
	return count;
}
