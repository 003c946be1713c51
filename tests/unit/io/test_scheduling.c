/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: of a plan's scheduling classes those that are refused become OTHER or are an error, and a
 * real-time thread that spins is given a CPU that nobody else may use, or refused; a plan that is
 * refused is not changed.
 *
 * Method: plans by hand, on a machine of four CPUs by hand, with classes that are had or refused by
 * a function of the test. That the classes are those of the kernel's threads is
 * tests/unit/pipeline/thread_places.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "io/thread/scheduling.h"

static const uint16_t cpu_1[] = {1};
static const uint16_t cpu_2[] = {2};
static const uint16_t cpus_23[] = {2, 3};

static int all_are_had(enum weir_scheduler scheduler, uint32_t priority)
{
	(void)scheduler;
	(void)priority;
	return 0;
}

static int real_time_is_refused(enum weir_scheduler scheduler, uint32_t priority)
{
	(void)priority;
	return scheduler == WEIR_SCHEDULER_BATCH ? 0 : -EPERM;
}

static struct wr_affinity affinity;
static struct wr_cpu_set helpers;
static struct weir_problem problem;
static struct wr_scheduling_rules rules;

static void set_up(void)
{
	affinity = (struct wr_affinity){.quota_millicpus = WR_QUOTA_NONE, .allowed_count = 4};
	cr_assert_eq(wr_cpu_set_parse("0-3", &affinity.allowed), 0);
	cr_assert_eq(wr_cpu_set_parse("0", &helpers), 0);
	rules = (struct wr_scheduling_rules){.helpers = &helpers, .try_class = all_are_had};
	problem = (struct weir_problem){.code = 77};
}

TestSuite(scheduling, .init = set_up);

static struct wr_thread_plan plan(const char *name, enum weir_scheduler scheduler,
				  enum weir_wait wait, const uint16_t *cpus, uint32_t cpu_count)
{
	return (struct wr_thread_plan){
		.name = name,
		.wait = wait,
		.cpus = cpus,
		.cpu_count = cpu_count,
		.scheduler = scheduler,
		.priority = scheduler >= WEIR_SCHEDULER_FIFO ? 40 : 0,
	};
}

static void refused(struct wr_thread_plan *plans, uint32_t count, int code, const char *field,
		    const char *word)
{
	struct wr_thread_plan before[8];
	memcpy(before, plans, count * sizeof *plans);
	cr_expect_eq(wr_scheduling_check(&affinity, plans, count, &rules, &problem), code);
	cr_expect_eq(problem.code, code);
	cr_expect_str_eq(problem.field, field);
	cr_expect_not_null(strstr(problem.text, word), "'%s' is not in '%s'", word, problem.text);
	for (uint32_t i = 0; i < count; i++)
		cr_expect(before[i].scheduler == plans[i].scheduler &&
				  before[i].priority == plans[i].priority,
			  "plan %u was changed", i);
	cr_expect_eq(wr_scheduling_check(&affinity, plans, count, &rules, NULL), code);
}

Test(scheduling, a_class_that_is_refused_becomes_other_and_is_told)
{
	struct wr_thread_plan plans[] = {
		plan("log", WEIR_SCHEDULER_BATCH, WEIR_WAIT_PARK, NULL, 0),
		plan("journal", WEIR_SCHEDULER_FIFO, WEIR_WAIT_PARK, NULL, 0),
		plan("group", WEIR_SCHEDULER_RR, WEIR_WAIT_PARK, NULL, 0),
	};
	rules.try_class = real_time_is_refused;
	cr_expect_eq(wr_scheduling_check(&affinity, plans, 3, &rules, &problem), 2);
	cr_expect_eq(problem.code, 0);
	cr_expect_str_eq(problem.field, "journal.scheduler");
	cr_expect_not_null(strstr(problem.text, "RLIMIT_RTPRIO 40"), "%s", problem.text);
	cr_expect_not_null(strstr(problem.text, "runs as OTHER"), "%s", problem.text);
	cr_expect_eq(plans[0].scheduler, WEIR_SCHEDULER_BATCH);
	cr_expect_eq(plans[1].scheduler, WEIR_SCHEDULER_OTHER);
	cr_expect_eq(plans[1].priority, 0);
	cr_expect_eq(plans[2].scheduler, WEIR_SCHEDULER_OTHER);
}

/* Who is told of one thread would raise the limit for it, and miss the rest again. */
Test(scheduling, all_whose_class_is_refused_are_told_with_the_right_that_does_for_each)
{
	struct wr_thread_plan plans[WR_THREAD_PLANS_MAX] = {
		plan("log", WEIR_SCHEDULER_FIFO, WEIR_WAIT_PARK, NULL, 0),
		plan("journal", WEIR_SCHEDULER_RR, WEIR_WAIT_PARK, NULL, 0),
		plan("group", WEIR_SCHEDULER_OTHER, WEIR_WAIT_PARK, NULL, 0),
		plan("handler", WEIR_SCHEDULER_RR, WEIR_WAIT_PARK, NULL, 0),
	};
	plans[0].priority = 5;
	plans[1].priority = 20;
	plans[3].priority = 9;
	rules.try_class = real_time_is_refused;
	rules.strict = true;
	refused(plans, 4, -EPERM, "log.scheduler", "priority 5, is refused (EPERM)");
	cr_expect_not_null(strstr(problem.text, "RLIMIT_RTPRIO 20 "), "%s", problem.text);
	rules.strict = false;
	cr_expect_eq(wr_scheduling_check(&affinity, plans, 4, &rules, &problem), 3);
	cr_expect_str_eq(problem.field, "log.scheduler");
	cr_expect_str_eq(problem.text,
			 "class FIFO, priority 5, is refused (EPERM): give CAP_SYS_NICE or "
			 "RLIMIT_RTPRIO 20 (ulimit -r, LimitRTPRIO=); it runs as OTHER, and so do "
			 "journal and handler");
	for (uint32_t i = 0; i < 6; i++)
		plans[i] =
			plan(i == 5 ? "last" : "stage", WEIR_SCHEDULER_RR, WEIR_WAIT_PARK, NULL, 0);
	cr_expect_eq(wr_scheduling_check(&affinity, plans, 6, &rules, &problem), 6);
	cr_expect_not_null(strstr(problem.text, "runs as OTHER, and so do 5 others"), "%s",
			   problem.text);
	plans[0] = plan("log", WEIR_SCHEDULER_RR, WEIR_WAIT_PARK, NULL, 0);
	plans[1] = plan("group", WEIR_SCHEDULER_RR, WEIR_WAIT_PARK, NULL, 0);
	cr_expect_eq(wr_scheduling_check(&affinity, plans, 2, &rules, &problem), 2);
	cr_expect_not_null(strstr(problem.text, "runs as OTHER, and so does group"), "%s",
			   problem.text);
}

Test(scheduling, a_class_that_is_refused_is_an_error_when_strict)
{
	struct wr_thread_plan plans[] = {
		plan("log", WEIR_SCHEDULER_OTHER, WEIR_WAIT_PARK, NULL, 0),
		plan("group", WEIR_SCHEDULER_RR, WEIR_WAIT_PARK, NULL, 0),
	};
	rules.try_class = real_time_is_refused;
	rules.strict = true;
	refused(plans, 2, -EPERM, "group.scheduler", "CAP_SYS_NICE");
}

Test(scheduling, a_real_time_spinner_needs_a_cpu_of_its_own)
{
	struct wr_thread_plan plans[] = {
		plan("log", WEIR_SCHEDULER_FIFO, WEIR_WAIT_SPIN, NULL, 0),
		plan("group", WEIR_SCHEDULER_OTHER, WEIR_WAIT_PARK, cpu_1, 1),
		plan("handler", WEIR_SCHEDULER_OTHER, WEIR_WAIT_PARK, cpu_1, 1),
	};
	refused(plans, 3, -EINVAL, "log.scheduler", "pin it");
	plans[0] = plan("log", WEIR_SCHEDULER_FIFO, WEIR_WAIT_SPIN, cpu_1, 1);
	refused(plans, 3, -EINVAL, "log.scheduler", "group may run too");
	plans[0] = plan("log", WEIR_SCHEDULER_FIFO, WEIR_WAIT_SPIN, cpu_2, 1);
	cr_expect_eq(wr_scheduling_check(&affinity, plans, 3, &rules, &problem), 0);
	/* Yielding gives way to nobody below: that is spinning. */
	plans[0].wait = WEIR_WAIT_YIELD;
	plans[1].cpu_count = 0;
	refused(plans, 3, -EINVAL, "log.scheduler", "pin that one elsewhere");
	plans[0].wait = WEIR_WAIT_ADAPTIVE;
	cr_expect_eq(wr_scheduling_check(&affinity, plans, 3, &rules, &problem), 0);
}

Test(scheduling, helpers_keep_away_from_a_real_time_spinner)
{
	struct wr_thread_plan plans[] = {
		plan("log", WEIR_SCHEDULER_RR, WEIR_WAIT_SPIN, cpu_2, 1),
		plan("group", WEIR_SCHEDULER_OTHER, WEIR_WAIT_PARK, cpu_1, 1),
	};
	wr_cpu_set_add(&helpers, 2);
	refused(plans, 2, -EINVAL, "log.scheduler", "out of housekeeping");
	rules.helpers = NULL; /* a log in memory has none */
	cr_expect_eq(wr_scheduling_check(&affinity, plans, 2, &rules, &problem), 0);
}

Test(scheduling, real_time_handlers_that_spin_need_a_cpu_each)
{
	struct wr_thread_plan plans[] = {
		plan("log", WEIR_SCHEDULER_OTHER, WEIR_WAIT_PARK, cpu_1, 1),
		plan("handler", WEIR_SCHEDULER_FIFO, WEIR_WAIT_SPIN, cpus_23, 2),
	};
	plans[1].threads_max = 3;
	refused(plans, 2, -EINVAL, "handler.scheduler", "a CPU each");
	plans[1].threads_max = 2;
	cr_expect_eq(wr_scheduling_check(&affinity, plans, 2, &rules, &problem), 0);
}

/* What is not had starves nobody. */
Test(scheduling, a_spinner_that_is_degraded_is_no_danger)
{
	struct wr_thread_plan plans[] = {
		plan("log", WEIR_SCHEDULER_FIFO, WEIR_WAIT_SPIN, NULL, 0),
	};
	rules.try_class = real_time_is_refused;
	cr_expect_eq(wr_scheduling_check(&affinity, plans, 1, &rules, &problem), 1);
	cr_expect_eq(plans[0].scheduler, WEIR_SCHEDULER_OTHER);
	cr_expect_eq(plans[0].wait, WEIR_WAIT_SPIN);
}
