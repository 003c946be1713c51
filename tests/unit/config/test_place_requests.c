/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what the config asks for is what threads get, or it is said why not; and what cannot be is
 * refused, all of it in one run. Method: as in test_place.c, by hand on the machine two_sockets:
 * cores 0-15, their second threads are 16-31; 0-3 share a level-3 cache, 4-7, 8-11, 12-15; NUMA
 * node 0 has cores 0-7.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/place_bed.h"

static void set_up(void)
{
	bed_open("two_sockets");
}

TestSuite(place_requests, .init = set_up, .fini = bed_close);

static void assert_note(uint32_t index, const char *part)
{
	cr_assert_not_null(strstr(bed.placement.placed[index].note, part), "%s",
			   bed.placement.placed[index].note);
}

/* ---- lists ---- */

/* A core is both of its CPUs. The others stay near, and off it. */
Test(place_requests, a_core)
{
	bed_ask("log", "core:2", WEIR_WAIT_ADAPTIVE, 1);
	bed_ask("group", "auto", WEIR_WAIT_ADAPTIVE, 1);
	bed_expect("log=(2,18) group=1 | 0,16");
	/* Spinning takes one of them, and the whole core. */
	bed.requests[0].wait = WEIR_WAIT_SPIN;
	bed.requests[1].cpus = bed_cpus("18");
	bed_expect("log=2! group=(18) | 0,16");
	assert_note(1, "may run on CPU 18, on whose core log spins");
	cr_assert_not(bed.placement.placed[1].degraded);
}

/* journal and group follow the log to its node, and to the cache where its list begins. */
Test(place_requests, a_node)
{
	bed_ask_defaults();
	bed.requests[0].cpus = bed_cpus("node:1");
	bed_expect("log=(8-15,24-31) journal=8 group=9 | 0,16");
	/* A spinner would rather have a core that nobody else may run on than a near one. */
	bed.requests[1].wait = WEIR_WAIT_SPIN;
	bed_expect("log=(8-15,24-31) journal=1! group=8 | 0,16");
}

Test(place_requests, a_cache)
{
	bed_ask("log", "auto", WEIR_WAIT_ADAPTIVE, 1);
	bed_ask("group", "l3:3", WEIR_WAIT_PARK, 1);
	bed_expect("log=12 group=(12-15,28-31). | 0,16");
}

Test(place_requests, relative_ones_count_the_allowed)
{
	bed_mask("8-15");
	bed_ask("log", "+1", WEIR_WAIT_SPIN, 1);
	bed_ask("handler", "+2-4", WEIR_WAIT_ADAPTIVE, 2);
	bed_ask("group", "auto", WEIR_WAIT_ADAPTIVE, 1);
	bed_expect("log=9! handler=(10-12) group=10 | 8");
	bed.policy.allow = bed_cpus("10-15");
	/* Of what is allowed to weir: 10, 11 ... No core of the log's cache is left for the group,
	 * and in the other one only 15 is in no list. */
	bed_expect("log=11! handler=(12-14) group=15 | 10");
}

Test(place_requests, none_is_anywhere_that_weir_may_run)
{
	bed_ask("log", "none", WEIR_WAIT_ADAPTIVE, 1);
	bed_ask("group", "none", WEIR_WAIT_SPIN, 1);
	bed_expect("log=* group=*~ | 0,16");
	assert_note(1, "cpus is none");
	bed.requests[1].wait = WEIR_WAIT_YIELD;
	bed.policy.allow = bed_cpus("node:0");
	bed_expect("log=*(0-7,16-23) group=*(0-7,16-23)? | 0,16");
}

/* 40 cores, 80 CPUs: 64 have room in the options, one of each core before the second ones. */
Test(place_requests, a_list_longer_than_the_options_hold)
{
	struct wr_topology *t = calloc(1, sizeof *t + 80 * sizeof t->cpus[0]);
	cr_assert_not_null(t);
	t->cpu_count = 80;
	t->core_count = 40;
	t->kind_count = 1;
	for (uint16_t i = 0; i < 80; i++) {
		t->cpus[i] = (struct wr_topology_cpu){
			.cpu = i, .core = i / 2, .sibling = i % 2, .l3 = WR_TOPOLOGY_NONE};
		wr_cpu_set_add(&t->present, i);
	}
	t->usable = t->present;
	bed_close();
	bed.topology = t;
	wr_topology_affinity(t, &bed.affinity);
	bed_ask("log", "node:0", WEIR_WAIT_ADAPTIVE, 1);
	bed_expect("log=(0-48,50,52,54,56,58,60,62,64,66,68,70,72,74,76,78) | 0-1");
	assert_note(0, "on 64 of 80 CPUs");
	cr_assert_not(bed.placement.placed[0].degraded);
}

Test(place_requests, isolated_cpus_in_a_list)
{
	bed_close();
	bed_open("isolated");
	bed_ask("log", "3-5", WEIR_WAIT_ADAPTIVE, 1);
	bed_ask("group", "6", WEIR_WAIT_ADAPTIVE, 1);
	bed_expect("log=(3-5) group=(6) | 0");
	assert_note(0, "CPUs 4-5 are isolated");
	cr_assert_str_eq(bed.placement.placed[1].note, "");
}

/* ---- the machine's keys ---- */

/* 16-19 are free, but somebody is on their cores: the second cache is better. */
Test(place_requests, avoided_cpus_and_their_siblings)
{
	bed.policy.avoid = bed_cpus("0-3");
	bed_ask_defaults();
	bed_expect("log=5 journal=6 group=7 | 4,20");
	/* The second threads of all cores: only they are avoided. */
	bed.policy.avoid = bed_cpus("16-31");
	bed_expect("log=1 journal=2 group=3 | 0");
	/* A list is no automatic placement; what runs anywhere is, and stays out. */
	bed.policy.avoid = bed_cpus("0-28");
	bed.requests[0].cpus = bed_cpus("3");
	bed_expect("log=(3) journal=*(29-31)~ group=*(29-31)~ | ");
	cr_assert_str_eq(bed.placement.shared_why, "3 usable cores, fewer than 4");
}

Test(place_requests, housekeeping_of_ones_own)
{
	bed.policy.housekeeping = bed_cpus("1,17");
	bed_ask_defaults();
	bed_expect("log=0 journal=2 group=3 | 1,17");
	bed.policy.housekeeping = bed_cpus("none");
	bed_expect("log=0 journal=1 group=2 | ");
	/* On a core that somebody has: it is said. */
	bed.policy.housekeeping = bed_cpus("19");
	bed.requests[2].cpus = bed_cpus("3");
	bed.requests[2].wait = WEIR_WAIT_SPIN;
	bed_expect("log=0 journal=1 group=3! | 19");
	assert_note(2, "helpers may run on CPU 19");
	cr_assert_not(bed.placement.placed[2].degraded);
	bed.requests[2] = (struct wr_place_request){.name = "group", .count = 1};
	/* Half a core: its sibling stays empty, unless siblings are used. */
	bed.policy.housekeeping = bed_cpus("0");
	bed_expect("log=1 journal=2 group=3 | 0");
	bed_mask("0-3,16-19");
	bed_ask("handler", "auto", WEIR_WAIT_ADAPTIVE, 2);
	bed_expect("log=1 journal=2 group=3 handler=*~ | 0");
	bed.policy.use_siblings = true;
	bed_expect("log=1 journal=2 group=3 handler=16+17 | 0");
}

/* Whole cores first, then the siblings of some; two that spin never meet there. */
Test(place_requests, siblings_when_cores_run_out)
{
	bed_mask("0-3,16-19");
	bed.policy.use_siblings = true;
	bed_ask_defaults();
	bed_ask("handler", "auto", WEIR_WAIT_SPIN, 1);
	bed_expect("log=1 journal=2 group=3 handler=17! | 0,16");
	for (uint32_t i = 0; i < 3; i++)
		bed.requests[i].wait = WEIR_WAIT_SPIN;
	bed_expect("log=1! journal=2! group=3! handler=17~ | 0,16");
	assert_note(3, "on each core that is left another thread spins");
}

Test(place_requests, allow_narrows)
{
	bed.policy.allow = bed_cpus("l3:2");
	bed_ask_defaults();
	bed_expect("log=9 journal=10 group=11 | 8,24");
	/* Beyond the mask it is cut, not refused. */
	bed.policy.allow = bed_cpus("8-11,20-31");
	bed_mask("0-15");
	bed_expect("log=9 journal=10 group=11 | 8");
	cr_assert_eq(bed.placement.allowed_count, 4);
}

Test(place_requests, a_shared_machine_by_order)
{
	bed.policy.shared = WR_SHARED_YES;
	bed.policy.housekeeping = bed_cpus("0");
	bed_ask("log", "4", WEIR_WAIT_SPIN, 1);
	bed_ask("group", "auto", WEIR_WAIT_ADAPTIVE, 1);
	bed_expect("log=*~ group=*~ | ");
	assert_note(0, "machine.shared is yes");
	assert_note(0, "not pinned");
}

/* One that is only found to be shared keeps its lists; but nothing spins on it. */
Test(place_requests, a_shared_machine_keeps_lists)
{
	bed_mask("0-1");
	bed_ask("log", "1", WEIR_WAIT_SPIN, 1);
	bed_ask("group", "0-1", WEIR_WAIT_ADAPTIVE, 1);
	bed_expect("log=(1)~ group=(0-1) | ");
}

/* ---- spinners ---- */

Test(place_requests, more_spinners_than_cores)
{
	bed_mask("0-3");
	bed_ask("log", "auto", WEIR_WAIT_SPIN, 1);
	bed_ask("group", "auto", WEIR_WAIT_SPIN, 1);
	bed_ask("handler", "auto", WEIR_WAIT_SPIN, 2);
	/* Three cores for four: handlers have none, and run where nobody spins. */
	bed_expect("log=1! group=2! handler=*(0,3)~ | 0");
	bed.requests[2].count = 1;
	bed_expect("log=1! group=2! handler=3! | 0");
}

/* The second threads of cores in somebody's list are the last that a spinner is given. Where there
 * is nothing else, the list is told of each that spins there. */
Test(place_requests, spinners_stay_off_the_cores_of_lists)
{
	bed_ask("log", "auto", WEIR_WAIT_SPIN, 1);
	bed_ask("journal", "auto", WEIR_WAIT_SPIN, 1);
	bed_ask("handler", "0-3", WEIR_WAIT_ADAPTIVE, 1);
	bed_expect("log=4! journal=5! handler=(0-3) | 0,16");
	bed.policy.use_siblings = true;
	bed_expect("log=4! journal=5! handler=(0-3) | 0,16");
	bed.policy.use_siblings = false;
	bed.policy.shared = WR_SHARED_NO;
	bed_mask("0-2,16-18");
	bed.requests[2].cpus = bed_cpus("0-2");
	bed_expect("log=16! journal=17! handler=(0-2) | ");
	assert_note(2, "may run on CPU 0, on whose core log spins, and on CPU 1, with journal");
}

/* Whoever has the longer list gives way. */
Test(place_requests, spinners_with_lists_are_matched)
{
	bed_ask("log", "4-5", WEIR_WAIT_SPIN, 1);
	bed_ask("journal", "4", WEIR_WAIT_SPIN, 1);
	bed_expect("log=5! journal=4! | 0,16");
	/* By moving two that were placed before. */
	bed.request_count = 0;
	bed_ask("log", "4,5", WEIR_WAIT_SPIN, 1);
	bed_ask("journal", "5,6", WEIR_WAIT_SPIN, 1);
	bed_ask("group", "4,20", WEIR_WAIT_SPIN, 1);
	bed_expect("log=5! journal=6! group=4! | 0,16");
}

Test(place_requests, siblings_are_one_core_to_spinners)
{
	bed_ask("log", "4", WEIR_WAIT_SPIN, 1);
	bed_ask("group", "20", WEIR_WAIT_SPIN, 1);
	bed_expect("log=4! group=(20)~ | 0,16");
	assert_note(1, "no core is left");
	assert_note(1, "log spins on core 4");
}

Test(place_requests, handlers_that_spin_need_a_core_each)
{
	bed_ask("handler", "8-10", WEIR_WAIT_SPIN, 3);
	bed_ask("log", "10", WEIR_WAIT_SPIN, 1);
	/* All or none: the log's core is not one of theirs any more. */
	bed_expect("handler=8+9+10! log=(10)~ | 0,16");
	bed.requests[0].count = 2;
	bed_expect("handler=8+9! log=10! | 0,16");
	bed.requests[0].cpus = bed_cpus("8,24");
	bed_expect("handler=(8,24)~ log=10! | 0,16");
	assert_note(0, "are not 2 cores");
}

/* As a config asks for handlers, whose number it does not know. */
Test(place_requests, a_list_that_says_how_many_spin)
{
	bed_ask("log", "9", WEIR_WAIT_SPIN, 1);
	bed_ask("handler", "8-10,24", WEIR_WAIT_SPIN, WR_PLACE_BY_LIST);
	bed_expect("log=9! handler=8+10! | 0,16");
	cr_assert_eq(bed.placement.placed[1].count, 2);
	bed.affinity.quota_millicpus = 2500;
	bed.policy.shared = WR_SHARED_NO;
	bed_expect("log=9! handler=8! | 0,16");
	bed.requests[1].wait = WEIR_WAIT_PARK;
	bed_expect("log=9! handler=(8-10,24). | 0,16");
	cr_assert_eq(bed.placement.placed[1].count, 1);
	bed.requests[1].cpus = bed_cpus("9");
	bed.requests[1].wait = WEIR_WAIT_SPIN;
	bed_expect("log=9! handler=(9)~ | 0,16");
	bed.requests[1].cpus = bed_cpus("auto");
	bed_expect("log=9! handler=- | 0,16");
}

/* ---- strict ---- */

Test(place_requests, strict_refuses_what_would_be_degraded)
{
	bed_mask("0-3");
	bed.policy.strict = true;
	bed_ask_defaults();
	bed_ask("handler", "auto", WEIR_WAIT_SPIN, 1);
	bed_place();
	cr_assert_eq(bed.result, -EINVAL);
	cr_assert_eq(bed.placement.problem_count, 1);
	cr_assert_eq(bed.placement.problems[0].of, 3);
	cr_assert_not(bed.placement.problems[0].has_number);
	cr_assert_eq(strncmp(bed.placement.problems[0].text, "not pinned: no core", 19), 0);
	cr_assert_str_eq(bed.placement.problems[0].note, "machine.strict makes this an error");
	bed.request_count = 3;
	bed_expect("log=1 journal=2 group=3 | 0");
}

Test(place_requests, strict_on_a_small_machine)
{
	bed_mask("0-1");
	bed.policy.strict = true;
	bed_ask_defaults();
	bed_place();
	cr_assert_eq(bed.result, -EINVAL);
	/* log and group: there is no journal thread on two CPUs. */
	cr_assert_eq(bed.placement.problem_count, 2);
	cr_assert_eq(bed.placement.problems[1].of, 2);
	for (uint32_t i = 0; i < 3; i++)
		bed.requests[i].cpus = bed_cpus("none");
	bed_expect("log=* journal=- group=* | ");
}

/* ---- what cannot be ---- */

static const struct wr_place_problem *problem(uint32_t index)
{
	cr_assert_eq(bed.result, -EINVAL);
	cr_assert_lt(index, bed.placement.problem_count);
	return &bed.placement.problems[index];
}

static void assert_problem(uint32_t index, uint32_t of, uint32_t number, const char *text,
			   const char *note)
{
	const struct wr_place_problem *p = problem(index);
	cr_assert_eq(p->of, of, "%u", p->of);
	cr_assert(p->has_number);
	cr_assert_eq(p->number, number, "%u", p->number);
	cr_assert_str_eq(p->text, text);
	cr_assert_str_eq(p->note, note);
}

Test(place_requests, everything_that_is_not_there_in_one_run)
{
	bed.policy.avoid = bed_cpus("40-41");
	bed.policy.housekeeping = bed_cpus("node:7");
	bed_ask("log", "4,64-66", WEIR_WAIT_SPIN, 1);
	bed_ask("journal", "core:16", WEIR_WAIT_ADAPTIVE, 1);
	bed_ask("group", "l3:9", WEIR_WAIT_ADAPTIVE, 1);
	bed_ask("handler", "+31-40", WEIR_WAIT_ADAPTIVE, 1);
	bed_place();
	cr_assert_eq(bed.placement.problem_count, 6);
	assert_problem(0, WR_PLACE_OF_AVOID, 40, "CPUs 40-41 do not exist",
		       "this machine has CPUs 0-31");
	assert_problem(1, WR_PLACE_OF_HOUSEKEEPING, 7, "NUMA node 7 does not exist",
		       "this machine has NUMA nodes 0-1");
	assert_problem(2, 0, 64, "CPUs 64-66 do not exist", "this machine has CPUs 0-31");
	assert_problem(3, 1, 16, "core 16 does not exist", "this machine has cores 0-15");
	assert_problem(4, 2, 9, "level-3 cache 9 does not exist",
		       "this machine has level-3 caches 0-3");
	assert_problem(5, 3, 32, "+32 is beyond the last allowed CPU",
		       "32 allowed here, +0 to +31: 0-31");
}

Test(place_requests, what_is_there_but_not_allowed)
{
	bed_mask("0-7");
	(void)snprintf(bed.affinity.cgroup, sizeof bed.affinity.cgroup, "/orders");
	bed.policy.allow = bed_cpus("0-5");
	bed_ask("log", "5-8", WEIR_WAIT_SPIN, 1);
	bed_ask("group", "node:1", WEIR_WAIT_ADAPTIVE, 1);
	bed_ask("handler", "core:4-9", WEIR_WAIT_ADAPTIVE, 1);
	bed_place();
	cr_assert_eq(bed.placement.problem_count, 4);
	assert_problem(0, 0, 8, "CPU 8 is not available to this process",
		       "allowed here: 0-5 (cgroup /orders)");
	cr_assert_str_eq(problem(0)->help, "use auto, node:N, or a list within 0-5");
	assert_problem(1, 0, 6, "CPUs 6-7 are outside machine.allow",
		       "allowed here: 0-5 (cgroup /orders)");
	assert_problem(2, 1, 1, "no CPU of NUMA node 1 is available here",
		       "allowed here: 0-5 (cgroup /orders)");
	assert_problem(3, 2, 6, "no CPU of cores 6-9 is available here",
		       "allowed here: 0-5 (cgroup /orders)");
}

Test(place_requests, keys_of_the_machine_that_leave_nothing)
{
	bed_mask("0-7");
	bed.policy.allow = bed_cpus("8-15");
	bed_ask("log", "40", WEIR_WAIT_SPIN, 1);
	bed_place();
	cr_assert_eq(bed.placement.problem_count, 2);
	cr_assert_eq(problem(0)->of, WR_PLACE_OF_ALLOW);
	cr_assert_str_eq(problem(0)->text, "allow leaves no CPU");
	cr_assert_eq(problem(1)->of, 0);
	bed.policy.allow = bed_cpus("none");
	bed.request_count = 0;
	bed_place();
	cr_assert_str_eq(problem(0)->text, "allow leaves no CPU");
	bed.policy.allow = bed_cpus("auto");
	bed.policy.avoid = bed_cpus("0-15");
	bed_place();
	cr_assert_eq(bed.placement.problem_count, 1);
	cr_assert_eq(problem(0)->of, WR_PLACE_OF_AVOID);
	cr_assert_str_eq(problem(0)->text, "avoid leaves no CPU");
	cr_assert_str_eq(problem(0)->note, "allowed here: 0-7");
}

Test(place_requests, too_much_of_all_is_refused)
{
	bed_ask("handler", "auto", WEIR_WAIT_ADAPTIVE, 4097);
	bed_place();
	cr_assert_eq(problem(0)->of, WR_PLACE_OF_REQUESTS);
	cr_assert_str_eq(problem(0)->text, "4097 threads, at most 4096");
	for (uint32_t i = 1; i < WR_PLACE_REQUESTS_MAX; i++)
		bed_ask("more", "64", WEIR_WAIT_ADAPTIVE, 0);
	bed.requests[0] = bed.requests[1];
	bed_place();
	cr_assert_eq(bed.placement.problem_count, WR_PLACE_PROBLEMS_MAX);
	bed.policy.avoid = bed_cpus("64");
	bed_place();
	cr_assert_eq(bed.placement.problem_count, WR_PLACE_PROBLEMS_MAX);
	cr_assert_eq(problem(0)->of, WR_PLACE_OF_AVOID);
	cr_assert_eq(wr_place(bed.topology, &bed.affinity, &bed.policy, bed.requests,
			      WR_PLACE_REQUESTS_MAX + 1, &bed.placement),
		     -EINVAL);
}

Test(place_requests, options_of_weir_open)
{
	struct weir_thread_options options = {.name = "mine", .cpu_count = 9};
	bed_ask("log", "core:2", WEIR_WAIT_YIELD, 1);
	bed_place();
	wr_placed_to_options(&bed.placement.placed[0], &options);
	cr_assert_eq(options.wait, WEIR_WAIT_YIELD);
	cr_assert_eq(options.cpu_count, 2);
	cr_assert_eq(options.cpus[0], 2);
	cr_assert_eq(options.cpus[1], 18);
	cr_assert_str_eq(options.name, "mine");
}
