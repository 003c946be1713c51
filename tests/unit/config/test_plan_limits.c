/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: limits of the process that are too low for a plan are said, in the kernel's own units, and
 * only where the plan asks for what they limit. Method: as test_plan_lacks.c.
 */
#include "tests/support/plan_bed.h"

TestSuite(plan_limits, .init = set_up, .fini = tear_down);

/* By hand: chunks are 64 MiB, all of it in pages of 2 MiB; 16 lanes of 4 MiB, two pages each; the
 * lanes of members are smaller than a page; 18 MiB for catching up are nine pages. */
Test(plan_limits, memory_that_is_locked)
{
	options.lane_bytes = 4 * MIB;
	options.lock_memory = true;
	assert_no_lack();
	uint64_t bytes = plan.memory.total_bytes;
	machine.locked = (struct wr_machine_limit){bytes, bytes};
	assert_no_lack();
	machine.locked = (struct wr_machine_limit){bytes - 1, bytes};
	char limit[128];
	(void)snprintf(limit, sizeof limit, "ulimit -l %llu, in a unit file LimitMEMLOCK=%lluK,",
		       (unsigned long long)(bytes + 1023) / 1024,
		       (unsigned long long)(bytes + 1023) / 1024);
	assert_lack(WR_LACK_STOPS, "memlock", "memory.lock locks up to ", limit);
	machine.locked = (struct wr_machine_limit){8 * MIB, 8 * MIB};
	assert_lack(WR_LACK_STOPS, "memlock", "the process may lock 8192 KiB",
		    "(the hard limit is 8192 KiB)");
	machine.may_lock = true;
	assert_no_lack();
	machine.may_lock = false;
	options.lock_memory = false;
	assert_no_lack();
	/* Pages that are set aside count against no limit. */
	options.lock_memory = true;
	options.huge_pages = WEIR_HUGE_PAGES_REQUIRE;
	machine.pages_2m = (struct wr_machine_pages){true, 1000, 1000, 0, {0}};
	machine.locked.soft = bytes - 146 * MIB;
	assert_no_lack();
	cr_assert_eq(plan.locked_bytes, bytes - 146 * MIB);
	cr_assert_eq(plan.memory.huge_bytes, (32 + 16 * 2 + 9) * 2 * MIB);
	machine.locked.soft--;
	assert_lack(WR_LACK_STOPS, "memlock", "locks up to", "(the hard limit is 8192 KiB)");
	/* Where they are only tried for, and too few, small ones are locked. */
	options.huge_pages = WEIR_HUGE_PAGES_TRY;
	machine.locked.soft++;
	assert_no_lack();
	machine.pages_2m.unused = 72;
	cr_assert_eq(make(), 0);
	cr_assert_eq(plan.lack_count, 2);
	cr_assert_str_eq(plan.lacks[0].id, "memlock");
	cr_assert_str_eq(plan.lacks[1].id, "hugetlb");
	cr_assert_eq(plan.locked_bytes, bytes);
}

/* By hand: chunks of 64 MiB, lanes and what is for catching up are seen twice; log, journal and
 * group have stacks, and so has the helper that makes segments. Views begin at a huge page. */
Test(plan_limits, address_space)
{
	machine.stack_bytes = (struct wr_machine_limit){3 * MIB, WR_MACHINE_NO_LIMIT};
	assert_no_lack();
	const struct weir_memory_plan *m = &plan.memory;
	uint64_t bytes = m->total_bytes + 64 * MIB + m->lanes_bytes + m->catchup_bytes;
	cr_assert_eq(plan.address_bytes, bytes + 4 * 3 * MIB + 2 * MIB);
	options.huge_pages = WEIR_HUGE_PAGES_OFF;
	assert_no_lack();
	cr_assert_eq(plan.address_bytes, bytes + 4 * 3 * MIB);
	machine.address_bytes = (struct wr_machine_limit){plan.address_bytes, WR_MACHINE_NO_LIMIT};
	assert_no_lack();
	machine.mapped_bytes = 1;
	char least[64];
	(void)snprintf(least, sizeof least, "(%llu is the least)",
		       (unsigned long long)(plan.address_bytes / 1024 + 1));
	assert_lack(WR_LACK_STOPS, "address_space", " beside 1 MiB of a program", least);
	machine.address_bytes.hard = machine.address_bytes.soft;
	assert_lack(WR_LACK_STOPS, "address_space", "seen twice", "LimitAS=infinity in the unit");
	machine.mapped_bytes = 0;
	/* Two that write, and a thread that says how large its stack is. */
	options.io = WEIR_IO_POSIX;
	options.group.stack_bytes = 64 * 1024;
	assert_lack(WR_LACK_STOPS, "address_space", "weir maps up to", "");
	cr_assert_eq(plan.address_bytes, bytes + 5 * 3 * MIB + 64 * 1024);
	/* Without a limit stacks are not without end. */
	machine.stack_bytes.soft = WR_MACHINE_NO_LIMIT;
	cr_assert_eq(make(), 0);
	cr_assert_eq(plan.address_bytes, bytes + 5 * 2 * MIB + 64 * 1024);
	/* Fewer threads and no second view of what is not there. */
	options.dir = NULL;
	bed.requests[1].count = 0;
	cr_assert_eq(make(), 0);
	cr_assert_eq(plan.address_bytes, plan.memory.total_bytes + 64 * MIB +
						 plan.memory.lanes_bytes + 2 * MIB + 64 * 1024);
}

Test(plan_limits, huge_pages_that_are_set_aside)
{
	options.lane_bytes = 4 * MIB;
	options.huge_pages = WEIR_HUGE_PAGES_REQUIRE;
	assert_lack(WR_LACK_STOPS, "hugetlb", "this kernel has no huge pages of 2 MiB",
		    "CONFIG_HUGETLBFS");
	machine.pages_2m = (struct wr_machine_pages){true, 80, 73, 0, {0}};
	assert_no_lack();
	machine.pages_2m.unused = 72;
	assert_lack(WR_LACK_STOPS, "hugetlb",
		    "73 huge pages of 2 MiB are asked for, 72 of 80 are free",
		    "echo 81 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	options.huge_pages = WEIR_HUGE_PAGES_TRY;
	assert_lack(WR_LACK_SLOWS, "hugetlb", "are free: the rest is small ones", "echo 81 >");
	options.huge_pages = WEIR_HUGE_PAGES_OFF;
	assert_no_lack();
	/* Whatever is smaller than a page of 1 GiB has small ones: only the chunks are not. */
	options.huge_pages = WEIR_HUGE_PAGES_REQUIRE;
	options.huge_page_bytes = 1u << 30;
	options.pool_bytes = 1ull << 30;
	machine.memory_available_bytes = 0;
	assert_lack(WR_LACK_STOPS, "hugetlb", "no huge pages of 1 GiB", "huge_page_size: 2MiB");
	machine.pages_1g = (struct wr_machine_pages){true, 2, 0, 0, {0}};
	assert_lack(WR_LACK_STOPS, "hugetlb",
		    "1 huge pages of 1 GiB are asked for, 0 of 2 are free",
		    "booted with hugepagesz=1G hugepages=3");
	options.huge_pages = WEIR_HUGE_PAGES_TRANSPARENT;
	assert_no_lack();
	(void)snprintf(machine.shared_pages, sizeof machine.shared_pages, "deny");
	assert_lack(WR_LACK_SLOWS, "transparent", "to deny huge pages to shared memory",
		    "shmem_enabled");
}

/* The log thread is on CPU 1, of node 0. */
Test(plan_limits, huge_pages_of_a_node)
{
	options.lane_bytes = 4 * MIB;
	options.huge_pages = WEIR_HUGE_PAGES_TRY;
	machine.pages_2m = (struct wr_machine_pages){true, 100, 100, 2, {73, 27}};
	assert_no_lack();
	machine.pages_2m.node_unused[0] = 50;
	assert_lack(WR_LACK_SLOWS, "hugetlb_node",
		    "up to 73 huge pages of 2 MiB are to lie on "
		    "node 0, which has 50 free",
		    "23 more in /sys/devices/system/node/node0/hugepages/hugepages-2048kB/");
	options.numa = WEIR_NUMA_NODE;
	options.numa_node = 1;
	assert_lack(WR_LACK_SLOWS, "hugetlb_node", "on node 1, which has 27 free",
		    "46 more in /sys/devices/system/node/node1/");
	options.numa = WEIR_NUMA_INTERLEAVE;
	assert_no_lack();
	/* A thread that is not pinned has no node. */
	options.numa = WEIR_NUMA_AUTO;
	bed.requests[0].cpus = bed_cpus("0,8");
	assert_no_lack();
}

Test(plan_limits, real_time)
{
	options.log.scheduler = WEIR_SCHEDULER_FIFO;
	options.log.priority = 10;
	options.group.scheduler = WEIR_SCHEDULER_RR;
	options.group.priority = 20;
	assert_no_lack();
	machine.real_time = (struct wr_machine_limit){20, 20};
	assert_no_lack();
	machine.real_time = (struct wr_machine_limit){19, 99};
	assert_lack(WR_LACK_SLOWS, "real_time",
		    "threads.group asks for real time with priority 20, the process may have 19: "
		    "it runs as any thread",
		    "ulimit -r 20, in a unit file LimitRTPRIO=20; or CAP_SYS_NICE");
	options.strict_threads = true;
	machine.real_time.soft = 9;
	assert_lack(WR_LACK_STOPS, "real_time", "threads.log and threads.group ask", "=20");
	machine.may_schedule = true;
	assert_no_lack();
	options.group.scheduler = WEIR_SCHEDULER_BATCH;
	options.group.priority = 0;
	machine.may_schedule = false;
	assert_lack(WR_LACK_STOPS, "real_time", "threads.log asks for real time with priority 10",
		    "LimitRTPRIO=10");
	options.log.scheduler = WEIR_SCHEDULER_OTHER;
	options.log.priority = 0;
	assert_no_lack();
}

Test(plan_limits, real_time_that_never_waits)
{
	options.log.scheduler = WEIR_SCHEDULER_FIFO;
	options.log.priority = 1;
	machine.stops_real_time = true;
	assert_no_lack();
	bed.requests[0].wait = WEIR_WAIT_YIELD;
	assert_lack(WR_LACK_SLOWS, "throttling", "as threads.log",
		    "sysctl -w kernel.sched_rt_runtime_us=-1");
	machine.stops_real_time = false;
	assert_no_lack();
}

/* Who never waits, with a right to real time, and a CPU that another thread may use, too. */
Test(plan_limits, a_thread_that_would_never_run)
{
	options.log.scheduler = WEIR_SCHEDULER_FIFO;
	options.log.priority = 1;
	machine.may_schedule = true;
	bed.requests[0].wait = WEIR_WAIT_YIELD;
	bed.requests[0].cpus = bed_cpus("5");
	assert_no_lack();
	bed.requests[2].cpus = bed_cpus("5");
	assert_lack(WR_LACK_STOPS, "starving",
		    "threads.log is real time and never waits: on CPU 5 it would keep group from "
		    "ever running",
		    "lists without it for all others");
	/* One that is not placed may run anywhere. */
	bed.requests[2].cpus = bed_cpus("none");
	assert_lack(WR_LACK_STOPS, "starving", "keep group from", "wait: park");
	bed.requests[2].cpus = bed_cpus("6");
	assert_no_lack();
	bed.policy.housekeeping = bed_cpus("4-5");
	assert_lack(WR_LACK_STOPS, "starving", "keep the helpers from", "machine.housekeeping");
	options.dir = NULL;
	bed.requests[1].count = 0;
	assert_no_lack();
	bed_ask("handler", "none", WEIR_WAIT_ADAPTIVE, 0);
	assert_lack(WR_LACK_STOPS, "starving", "keep handler from", "");
	bed.requests[3].cpus = bed_cpus("7");
	bed.requests[3].count = 2;
	assert_no_lack();
	bed.requests[2].cpus = bed_cpus("5");
	/* It parks, or it is not real time, or it may not be. */
	bed.requests[0].wait = WEIR_WAIT_PARK;
	assert_no_lack();
	bed.requests[0].wait = WEIR_WAIT_YIELD;
	machine.may_schedule = false;
	machine.real_time = (struct wr_machine_limit){0, 0};
	assert_lack(WR_LACK_SLOWS, "real_time", "threads.log asks", "ulimit");
	options.log.scheduler = WEIR_SCHEDULER_OTHER;
	options.log.priority = 0;
	assert_no_lack();
}

/* The kernel kills who makes a file larger than its limit. */
Test(plan_limits, sizes_of_files)
{
	machine.file_bytes = (struct wr_machine_limit){64 * MIB + 4096, 64 * MIB + 4096};
	assert_no_lack();
	machine.file_bytes.soft--;
	assert_lack(WR_LACK_STOPS, "file_size", "of up to 65 MiB are made", "LimitFSIZE=infinity");
	options.dir = NULL;
	assert_no_lack();
	machine.file_bytes.soft = 64 * MIB - 1;
	assert_lack(WR_LACK_STOPS, "file_size",
		    "of up to 64 MiB are made, the process may make "
		    "them of 65536 KiB",
		    "ulimit -f unlimited");
}
