/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what the machine lacks for a plan is said, each in its case and only then, with a command
 * that mends it. Method: machines as structs, good in every respect until one thing is made bad.
 * A disk is one of this machine's, with the room that it had when a case first looked at it: others
 * write to it meanwhile. Limits of the process are test_plan_limits.c's.
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/support/plan_bed.h"

/* Stands before what plans. */
void __real_wr_machine_read_dir(const char *path, struct wr_machine_dir *ret_dir);
void __wrap_wr_machine_read_dir(const char *path, struct wr_machine_dir *ret_dir);

void __wrap_wr_machine_read_dir(const char *path, struct wr_machine_dir *ret_dir)
{
	static uint64_t free_bytes;

	__real_wr_machine_read_dir(path, ret_dir);
	if (free_bytes == 0)
		free_bytes = ret_dir->free_bytes;
	ret_dir->free_bytes = free_bytes;
}

TestSuite(plan_lacks, .init = set_up, .fini = tear_down);

Test(plan_lacks, memory)
{
	machine.memory_limit_bytes = 100 * MIB;
	assert_lack(WR_LACK_STOPS, "memory", "the cgroup allows 100 MiB", "memory.max of ");
	machine.memory_limit_bytes = plan.memory.total_bytes;
	assert_no_lack();
	machine.memory_limit_bytes--;
	assert_lack(WR_LACK_STOPS, "memory", "the cgroup allows", "memory.max of ");
	machine.memory_limit_bytes = WR_MACHINE_NO_LIMIT;
	machine.memory_available_bytes = 50 * MIB;
	assert_lack(WR_LACK_STOPS, "memory", "has 50 MiB available", "less of memory.pool");
	machine.memory_available_bytes = 1000 * MIB;
	assert_no_lack();
}

Test(plan_lacks, a_directory_that_cannot_be_made)
{
	(void)snprintf(journal, sizeof journal, "%s/no/journal", fake_root);
	assert_lack(WR_LACK_STOPS, "dir", "/no is not a directory", "mkdir -p ");
}

/* No disk here is larger than two exbibytes. */
Test(plan_lacks, a_disk)
{
	options.segment_bytes = 64ull << 30;
	options.segments_ahead = 16;
	options.retention_bytes = 1ull << 61;
	cr_assert_eq(make(), 0);
	cr_assert_geq(plan.lack_count, 1);
	cr_assert_str_eq(plan.lacks[0].id, "disk");
	options.segment_bytes = MIB;
	cr_assert_eq(make(), 0);
	cr_assert_str_eq(plan.lacks[0].id, "disk");
	cr_assert_eq(plan.lacks[0].weight, WR_LACK_LATER);
	cr_assert_not_null(strstr(plan.lacks[0].fix, "a journal.retention of "));
	unsigned long long most =
		strtoull(plan.lacks[0].fix + strlen("a journal.retention of "), NULL, 10);
	/* What it says would do. */
	options.retention_bytes = most * MIB;
	machine.descriptors.soft = WR_MACHINE_NO_LIMIT;
	cr_assert_gt(most, 0);
	cr_assert_eq(make(), 0);
	for (uint32_t i = 0; i < plan.lack_count; i++)
		cr_assert_str_neq(plan.lacks[i].id, "disk");
}

Test(plan_lacks, descriptors)
{
	machine.descriptors = (struct wr_machine_limit){50, 50};
	assert_no_lack();
	machine.descriptors = (struct wr_machine_limit){49, 100};
	assert_lack(WR_LACK_LATER, "descriptors", "up to 50 descriptors, the process may have 49",
		    "ulimit -n 50");
	/* Eventfds are only made when they are asked for, segments when they are needed. */
	machine.descriptors = (struct wr_machine_limit){14, 14};
	assert_lack(WR_LACK_LATER, "descriptors", "may have 14", "LimitNOFILE=50");
	machine.descriptors = (struct wr_machine_limit){13, 13};
	assert_lack(WR_LACK_STOPS, "descriptors", "may have 13", "LimitNOFILE=50");
}

/* However many segments there are, few are open; their number ends before a disk of some hundred
 * gigabytes does. */
Test(plan_lacks, segments_of_a_journal_that_keeps_everything)
{
	options.retention_bytes = 0;
	options.segment_bytes = 64 * 1024;
	options.chunk_bytes = 64 * 1024;
	options.segments_max = 1000;
	assert_lack(WR_LACK_LATER, "segments", "ends at 63 MiB, with its segment 1000",
		    "a journal.segment of ");
	cr_assert_eq(plan.descriptors.room_bytes, 1000 * 64 * 1024);
	cr_assert_eq(plan.descriptors.segments, 2 + 1 + 9 + 1 + WR_PLAN_DESCRIPTORS_IDLE);
	/* What it says would do. */
	const char *megabytes = strstr(plan.lacks[0].fix, "a journal.segment of ");
	options.segment_bytes =
		strtoull(megabytes + strlen("a journal.segment of "), NULL, 10) * MIB;
	options.segments_ahead = 1;
	assert_no_lack();
}

Test(plan_lacks, io_uring)
{
	machine.uring_code = -EPERM;
	assert_lack(WR_LACK_SLOWS, "io_uring", "helper threads write instead", "seccomp");
	machine.uring_disabled = 2;
	assert_lack(WR_LACK_SLOWS, "io_uring", "EPERM", "sysctl -w kernel.io_uring_disabled=0");
	machine.uring_disabled = 1;
	assert_lack(WR_LACK_SLOWS, "io_uring", "EPERM", "kernel.io_uring_group");
	options.io = WEIR_IO_URING;
	assert_lack(WR_LACK_STOPS, "io_uring", "is refused", "sysctl");
	machine.uring_code = -ENOSYS;
	assert_lack(WR_LACK_STOPS, "io_uring", "ENOSYS", "Linux 5.11");
	options.io = WEIR_IO_POSIX;
	assert_no_lack();
}

/* Only where threads have cores of their own: 1, 2 and 3 here. */
Test(plan_lacks, a_governor)
{
	wr_cpu_set_add(&machine.slow, 2);
	wr_cpu_set_add(&machine.slow, 9);
	(void)snprintf(machine.governor, sizeof machine.governor, "powersave");
	assert_lack(WR_LACK_SLOWS, "governor", "\"powersave\" slows CPUs 2 down",
		    "cpupower -c 2 frequency-set -g performance");
	bed.requests[1].cpus = bed_cpus("none");
	bed_mask("0-1");
	assert_no_lack();
}

Test(plan_lacks, cores_of_spinners)
{
	bed.requests[0].wait = WEIR_WAIT_SPIN;
	assert_lack(WR_LACK_SLOWS, "isolation", "spin on CPUs 1,",
		    "isolcpus=managed_irq,domain,1 ");
	wr_cpu_set_add(&bed.topology->isolated, 1);
	assert_lack(WR_LACK_SLOWS, "ticks", "CPUs 1 are isolated", "nohz_full=1 rcu_nocbs=1");
	wr_cpu_set_add(&machine.tickless, 1);
	assert_no_lack();
	machine.smt_active = true;
	assert_lack(WR_LACK_SLOWS, "siblings", "CPUs 17 share the cores", "chcpu -d 17");
	bed.requests[0].wait = WEIR_WAIT_ADAPTIVE;
	assert_no_lack();
}

Test(plan_lacks, transparent_huge_pages)
{
	(void)snprintf(machine.huge_pages, sizeof machine.huge_pages, "always");
	assert_lack(WR_LACK_SLOWS, "huge_pages", "\"always\"", "echo madvise >/sys/kernel/mm/");
	(void)snprintf(machine.huge_pages, sizeof machine.huge_pages, "madvise");
	assert_no_lack();
}
