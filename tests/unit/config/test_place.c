/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: on each machine and under each limit the plan is the one that a person would make. Method:
 * the machines of tests/data/topology; each plan was worked out by hand, from the rules in
 * io/config/place.h and place_cores.c, and stands here as a line (tests/support/place_bed.h).
 *
 *   two_sockets   cores 0-15, their second threads are 16-31; 0-3 share a level-3 cache, 4-7, 8-11,
 *                 12-15; NUMA node 0 has cores 0-7
 *   big_little    0-3 slow, 4-7 fast, one cache
 *   isolated      8 cores without a level-3 cache, 4-7 isolated
 *   two_cpus      2 cores; one_cpu_cpuset: the same, CPU 0 allowed
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>

#include "tests/support/place_bed.h"

/* ---- no limits ---- */

/* Core 0 is housekeeping's, so the first cache has three cores left: just enough. */
Test(place, three_threads_share_the_first_cache_with_room)
{
	bed_open("two_sockets");
	bed_ask_defaults();
	bed_expect("log=1 journal=2 group=3 | 0,16");
	cr_assert_not(bed.placement.is_shared);
	cr_assert_eq(bed.placement.core_count, 16);
	bed_close();
}

/* Five do not fit into one cache: the second one has room for four, and the node for the fifth. */
Test(place, what_does_not_fit_into_the_cache_stays_in_the_node)
{
	bed_open("two_sockets");
	bed_ask_defaults();
	bed_ask("handler", "auto", WEIR_WAIT_DEFAULT, 2);
	bed_expect("log=4 journal=5 group=6 handler=7+1 | 0,16");
	bed.policy.locality = WR_LOCALITY_NODE;
	bed_expect("log=1 journal=2 group=3 handler=4+5 | 0,16");
	bed_close();
}

/* Eight do not fit into node 0 without core 0; node 1 has room, and a cache of it is the home. */
Test(place, locality_prefers_the_node_with_room)
{
	bed_open("two_sockets");
	bed_ask_defaults();
	bed_ask("handler", "auto", WEIR_WAIT_DEFAULT, 5);
	bed_expect("log=8 journal=9 group=10 handler=11+12+13+14+15 | 0,16");
	bed.policy.locality = WR_LOCALITY_NODE;
	bed_expect("log=8 journal=9 group=10 handler=11+12+13+14+15 | 0,16");
	bed.policy.locality = WR_LOCALITY_NONE;
	bed_expect("log=1 journal=2 group=3 handler=4+5+6+7+8 | 0,16");
	bed_close();
}

Test(place, the_fast_cores_first_and_housekeeping_on_a_slow_one)
{
	bed_open("big_little");
	bed_ask_defaults();
	bed_ask("handler", "auto", WEIR_WAIT_SPIN, 2);
	bed_expect("log=4 journal=5 group=6 handler=7+1! | 0");
	bed_close();
}

/* The same cores, but the fast ones come first in the machine's order. */
Test(place, housekeeping_leaves_the_fast_cores_alone)
{
	bed_open("big_little");
	for (uint32_t i = 0; i < 8; i++)
		bed.topology->cpus[i].kind = i < 4;
	bed_ask_defaults();
	bed_expect("log=0 journal=1 group=2 | 4");
	bed_close();
}

/* One thread a core may have an isolated one; handlers share a list, and would all stay on 7. */
Test(place, isolated_cores_first_but_not_for_threads_that_share_a_list)
{
	bed_open("isolated");
	bed_ask_defaults();
	bed_ask("handler", "auto", WEIR_WAIT_DEFAULT, 2);
	bed_expect("log=4 journal=5 group=6 handler=1+2 | 0");
	bed.requests[3].count = 1;
	bed_expect("log=4 journal=5 group=6 handler=7 | 0");
	bed_close();
}

/* ---- masks, cpusets, quotas ---- */

Test(place, a_mask_of_four_cores_leaves_nothing_for_handlers)
{
	bed_open("two_sockets");
	bed_mask("0-3,16-19");
	bed_ask_defaults();
	bed_ask("handler", "auto", WEIR_WAIT_DEFAULT, 1);
	bed_expect("log=1 journal=2 group=3 handler=*~ | 0,16");
	cr_assert_str_eq(bed.placement.placed[3].note,
			 "not pinned: no core of its own is left; of 4 cores 1 for housekeeping, "
			 "others for log, journal, group");
	bed_close();
}

/* Who did not get all of them leaves the cores to the next. */
Test(place, all_handlers_have_cores_or_none)
{
	bed_open("two_sockets");
	bed_mask("0-3");
	bed_ask("log", "auto", WEIR_WAIT_ADAPTIVE, 1);
	bed_ask("handler", "auto", WEIR_WAIT_SPIN, 3);
	bed_ask("source", "auto", WEIR_WAIT_SPIN, 1);
	bed_expect("log=1 handler=*(0-1,3)~ source=2! | 0");
	bed_close();
}

/* 2-3 and 8-11: the first core is 2, and the second socket has a cache for the rest. */
Test(place, a_mask_that_begins_somewhere)
{
	bed_open("two_sockets");
	bed_mask("2-3,8-11");
	bed_ask_defaults();
	bed_expect("log=8 journal=9 group=10 | 2");
	bed_close();
}

/* Four CPUs of two cores: weir_open() gives the journal a thread, but nothing is pinned. */
Test(place, siblings_are_not_cores)
{
	bed_open("two_sockets");
	bed_mask("8-9,24-25");
	bed_ask_defaults();
	bed_expect("log=*~ journal=*~ group=*~ | ");
	cr_assert(bed.placement.is_shared);
	cr_assert_str_eq(bed.placement.shared_why, "2 usable cores, fewer than 4");
	bed_close();
}

Test(place, two_cpus_are_left_alone)
{
	bed_open("two_cpus");
	bed_ask("log", "auto", WEIR_WAIT_SPIN, 1);
	bed_ask("group", "auto", WEIR_WAIT_PARK, 1);
	bed_expect("log=*~ group=*.~ | ");
	cr_assert_str_eq(bed.placement.placed[0].note,
			 "waits adaptively, not pinned: the machine is shared (2 usable cores, "
			 "fewer than 4)");
	/* Told that they are weir's alone, it takes one each, and none for housekeeping. */
	bed.policy.shared = WR_SHARED_NO;
	bed_expect("log=0! group=1. | ");
	bed_close();
}

Test(place, a_cpuset_of_one_cpu)
{
	bed_open("one_cpu_cpuset");
	bed_ask_defaults();
	bed_expect("log=*~ journal=- group=*~ | ");
	cr_assert_str_eq(bed.placement.shared_why, "1 usable core, fewer than 4");
	bed.policy.shared = WR_SHARED_NO;
	bed_expect("log=0 journal=- group=*~ | ");
	bed_close();
}

Test(place, a_quota_below_the_cpus_is_a_shared_machine)
{
	bed_open("two_sockets");
	bed.affinity.quota_millicpus = 1500;
	(void)snprintf(bed.affinity.cgroup, sizeof bed.affinity.cgroup, "/pod");
	bed_ask_defaults();
	bed.requests[0].wait = WEIR_WAIT_SPIN;
	bed_expect("log=*~ journal=- group=*~ | ");
	cr_assert_str_eq(bed.placement.shared_why,
			 "32 CPUs, but a quota of 1.50 CPUs (cgroup /pod)");
	bed_close();
}

/*
 * Not shared by order: one thread has a core without being asked, and may spin; a second would be
 * throttled. The list is kept, and the log settles beside it. Nobody who may run anywhere runs on
 * the core of a spinner, 8 and 24.
 */
Test(place, a_quota_has_room_for_so_many_spinners)
{
	bed_open("two_sockets");
	bed.affinity.quota_millicpus = 1500;
	(void)snprintf(bed.affinity.cgroup, sizeof bed.affinity.cgroup, "/pod");
	bed.policy.shared = WR_SHARED_NO;
	bed_ask("log", "auto", WEIR_WAIT_SPIN, 1);
	bed_ask("group", "auto", WEIR_WAIT_SPIN, 1);
	bed_ask("handler", "9", WEIR_WAIT_SPIN, 1);
	bed_expect("log=8! group=*(0-7,9-23,25-31)~ handler=(9)~ | 0,16");
	bed_close();
}

Test(place, a_quota_as_large_as_the_machine_is_none)
{
	bed_open("two_cpus");
	bed.affinity.quota_millicpus = 2000;
	bed_ask_defaults();
	bed_place();
	cr_assert_str_eq(bed.placement.shared_why, "2 usable cores, fewer than 4");
	bed_close();
}

/* A file of a large machine on a laptop. */
Test(place, of_a_machine_that_is_shared_by_order_lists_may_name_what_is_not_there)
{
	bed_open("two_cpus");
	bed_ask("log", "8-9", WEIR_WAIT_PARK, 1);
	bed_ask("group", "node:1", WEIR_WAIT_PARK, 1);
	bed_ask("handler", "0,20", WEIR_WAIT_SPIN, WR_PLACE_BY_LIST);
	bed.policy.avoid = bed_cpus("9");
	bed.policy.housekeeping = bed_cpus("12");
	bed_place();
	cr_assert_eq(bed.result, -EINVAL);
	cr_assert_eq(bed.placement.problem_count, 5);
	bed.policy.shared = WR_SHARED_YES;
	bed_expect("log=*.~ group=*.~ handler=*~ | ");
	cr_assert_str_eq(bed.placement.placed[0].note,
			 "not pinned: machine.shared is yes (CPUs 8-9 do not exist)");
	cr_assert_str_eq(bed.placement.placed[1].note,
			 "not pinned: machine.shared is yes (NUMA node 1 does not exist)");
	/* What weir may use is no wish: it is kept to, or the file is refused. */
	bed.policy.allow = bed_cpus("9");
	bed_place();
	cr_assert_eq(bed.result, -EINVAL);
	cr_assert_eq(bed.placement.problems[0].of, WR_PLACE_OF_ALLOW);
	bed.policy.allow = bed_cpus("auto");
	bed.policy.strict = true;
	bed_place();
	cr_assert_eq(bed.result, -EINVAL);
	cr_assert_eq(bed.placement.problem_count, 3);
	bed_close();
}
