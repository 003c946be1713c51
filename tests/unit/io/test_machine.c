/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the facts about a machine are those that its files say, and what a file does not say is
 * "not known". Method: trees made here; the running machine, compared with system calls.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/machine/machine.h"
#include "tests/support/fake_root.h"

static const struct wr_cpu_set four = {{0xf}};

TestSuite(machine, .init = fake_root_make, .fini = fake_root_remove);

Test(machine, of_an_empty_tree_nothing_is_known)
{
	struct wr_machine m;
	wr_machine_read(fake_root, &four, &m);
	cr_assert_eq(m.descriptors.soft, WR_MACHINE_NO_LIMIT);
	cr_assert_eq(m.descriptors.hard, WR_MACHINE_NO_LIMIT);
	cr_assert_eq(m.memory_available_bytes, 0);
	cr_assert_eq(m.memory_limit_bytes, WR_MACHINE_NO_LIMIT);
	cr_assert_eq(m.uring_code, 0);
	cr_assert_eq(wr_cpu_set_count(&m.slow), 0);
	cr_assert_str_eq(m.governor, "");
	cr_assert_str_eq(m.huge_pages, "");
	cr_assert_not(m.smt_active);
	cr_assert_eq(m.locked.soft, WR_MACHINE_NO_LIMIT);
	cr_assert_eq(m.file_bytes.soft, WR_MACHINE_NO_LIMIT);
	cr_assert_eq(m.real_time.soft, WR_MACHINE_NO_LIMIT);
	cr_assert_not(m.may_lock || m.may_schedule || m.stops_real_time);
	cr_assert_not(m.pages_2m.is_there || m.pages_1g.is_there);
	cr_assert_eq(m.pages_2m.node_count, 0);
}

Test(machine, every_fact_from_its_file)
{
	struct wr_machine m;
	char list[32];
	fake_root_put(
		"proc/self/limits",
		"Limit                     Soft Limit           Hard Limit           Units\n"
		"Max processes             5                    6                    processes\n"
		"Max open files            1024                 unlimited            files\n");
	fake_root_put("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable:    4096 kB\n");
	fake_root_put("proc/sys/kernel/io_uring_disabled", "2\n");
	fake_root_put("sys/devices/system/cpu/smt/active", "1\n");
	fake_root_put("sys/devices/system/cpu/nohz_full", "2-3\n");
	fake_root_put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
	fake_root_put("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n");
	fake_root_put("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "schedutil\n");
	fake_root_put("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
	wr_machine_read(fake_root, &four, &m);
	cr_assert_eq(m.descriptors.soft, 1024);
	cr_assert_eq(m.descriptors.hard, WR_MACHINE_NO_LIMIT);
	cr_assert_eq(m.memory_available_bytes, 4096 * 1024);
	cr_assert_eq(m.uring_disabled, 2);
	cr_assert_eq(m.uring_code, -EPERM);
	cr_assert(m.smt_active);
	wr_cpu_set_format(&m.tickless, list, sizeof list);
	cr_assert_str_eq(list, "2-3");
	wr_cpu_set_format(&m.slow, list, sizeof list);
	cr_assert_str_eq(list, "1,3");
	cr_assert_str_eq(m.governor, "powersave");
	cr_assert_str_eq(m.huge_pages, "always");
}

#define PAGES "sys/kernel/mm/hugepages/hugepages-2048kB/"

/* Of 10 there are 6 free, of which 2 are promised; 4 more may be made when asked for, 1 was. */
Test(machine, huge_pages_that_are_set_aside)
{
	struct wr_machine m;
	fake_root_put(PAGES "nr_hugepages", "10\n");
	fake_root_put(PAGES "free_hugepages", "6\n");
	fake_root_put(PAGES "resv_hugepages", "2\n");
	fake_root_put(PAGES "nr_overcommit_hugepages", "4\n");
	fake_root_put(PAGES "surplus_hugepages", "1\n");
	fake_root_put("sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages",
		      "5\n");
	fake_root_put("sys/devices/system/node/node2/hugepages/hugepages-2048kB/free_hugepages",
		      "1\n");
	fake_root_put("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "3\n");
	fake_root_put("sys/kernel/mm/transparent_hugepage/shmem_enabled",
		      "always within_size advise never [deny] force\n");
	wr_machine_read(fake_root, &four, &m);
	cr_assert(m.pages_2m.is_there);
	cr_assert_eq(m.pages_2m.total, 10);
	cr_assert_eq(m.pages_2m.unused, 7);
	cr_assert_eq(m.pages_2m.node_count, 3);
	cr_assert_eq(m.pages_2m.node_unused[0], 5);
	cr_assert_eq(m.pages_2m.node_unused[1], 0);
	cr_assert_eq(m.pages_2m.node_unused[2], 1);
	cr_assert(m.pages_1g.is_there);
	cr_assert_eq(m.pages_1g.total, 3);
	cr_assert_eq(m.pages_1g.unused, 0);
	cr_assert_str_eq(m.shared_pages, "deny");
}

/* CAP_SYS_NICE is bit 23, CAP_IPC_LOCK bit 14. */
Test(machine, limits_and_rights)
{
	struct wr_machine m;
	fake_root_put("proc/self/limits",
		      "Max file size             unlimited            unlimited            bytes\n"
		      "Max locked memory         8388608              unlimited            bytes\n"
		      "Max address space         500000000            unlimited            bytes\n"
		      "Max stack size            8388608              unlimited            bytes\n"
		      "Max realtime priority     0                    50\n");
	fake_root_put("proc/self/status",
		      "Name:\tx\nVmSize:\t   12 kB\nCapPrm:\t0\nCapEff:\t0000000000800000\n");
	fake_root_put("proc/sys/kernel/sched_rt_runtime_us", "950000\n");
	fake_root_put("proc/sys/kernel/sched_rt_period_us", "1000000\n");
	wr_machine_read(fake_root, &four, &m);
	cr_assert_eq(m.file_bytes.soft, WR_MACHINE_NO_LIMIT);
	cr_assert_eq(m.locked.soft, 8 << 20);
	cr_assert_eq(m.locked.hard, WR_MACHINE_NO_LIMIT);
	cr_assert_eq(m.address_bytes.soft, 500000000);
	cr_assert_eq(m.stack_bytes.soft, 8 << 20);
	cr_assert_eq(m.mapped_bytes, 12 * 1024);
	cr_assert_eq(m.real_time.soft, 0);
	cr_assert_eq(m.real_time.hard, 50);
	cr_assert(m.may_schedule && !m.may_lock);
	cr_assert(m.stops_real_time);
	fake_root_put("proc/self/status", "CapEff:\t0000000000004000\n");
	fake_root_put("proc/self/uid_map", "         0          0 4294967295\n");
	fake_root_put("proc/sys/kernel/sched_rt_runtime_us", "-1\n");
	wr_machine_read(fake_root, &four, &m);
	cr_assert(m.may_lock && !m.may_schedule);
	cr_assert_not(m.stops_real_time);
	/* Root of a container that has its own user ids has no rights over the machine. */
	fake_root_put("proc/self/uid_map", "         0     100000      65536\n");
	wr_machine_read(fake_root, &four, &m);
	cr_assert_not(m.may_lock);
}

Test(machine, nonsense_is_not_known)
{
	struct wr_machine m;
	fake_root_put("proc/self/limits", "Max open file\n");
	fake_root_put("proc/self/cgroup", "rubbish\n");
	fake_root_put("sys/devices/system/cpu/nohz_full", "(null)\n");
	fake_root_put("sys/kernel/mm/transparent_hugepage/enabled", "always\n");
	wr_machine_read(fake_root, &four, &m);
	cr_assert_eq(m.descriptors.soft, WR_MACHINE_NO_LIMIT);
	cr_assert_eq(m.memory_limit_bytes, WR_MACHINE_NO_LIMIT);
	cr_assert_eq(wr_cpu_set_count(&m.tickless), 0);
	cr_assert_str_eq(m.huge_pages, "");
}

Test(machine, the_tightest_memory_limit_above)
{
	struct wr_machine m;
	fake_root_put("proc/self/cgroup", "0::/system.slice/orders.service\n");
	fake_root_put("sys/fs/cgroup/system.slice/orders.service/memory.max", "max\n");
	fake_root_put("sys/fs/cgroup/system.slice/memory.max", "300000000\n");
	fake_root_put("sys/fs/cgroup/memory.max", "400000000\n");
	wr_machine_read(fake_root, &four, &m);
	cr_assert_eq(m.memory_limit_bytes, 300000000);
}

Test(machine, the_memory_limit_of_a_v1_cgroup)
{
	struct wr_machine m;
	fake_root_put("proc/self/cgroup", "4:memory:/a/b\n3:cpuset:/\n0::/\n");
	fake_root_put("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "123456\n");
	fake_root_put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	wr_machine_read(fake_root, &four, &m);
	cr_assert_eq(m.memory_limit_bytes, 123456);
	fake_root_put("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
	wr_machine_read(fake_root, &four, &m);
	cr_assert_eq(m.memory_limit_bytes, WR_MACHINE_NO_LIMIT);
}

Test(machine, this_one_has_the_limits_that_the_kernel_says)
{
	struct wr_machine m;
	struct rlimit files;
	wr_machine_read(NULL, &four, &m);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	cr_assert_eq(m.descriptors.soft,
		     files.rlim_cur == RLIM_INFINITY ? WR_MACHINE_NO_LIMIT : files.rlim_cur);
	cr_assert_gt(m.memory_available_bytes, 0);
	cr_assert_eq(getrlimit(RLIMIT_MEMLOCK, &files), 0);
	cr_assert_eq(m.locked.hard,
		     files.rlim_max == RLIM_INFINITY ? WR_MACHINE_NO_LIMIT : files.rlim_max);
	cr_assert_eq(getrlimit(RLIMIT_RTPRIO, &files), 0);
	cr_assert_eq(m.real_time.soft,
		     files.rlim_cur == RLIM_INFINITY ? WR_MACHINE_NO_LIMIT : files.rlim_cur);
}

/* ---- directories ---- */

Test(machine, a_directory_that_is_there)
{
	struct wr_machine_dir dir;
	fake_root_put("j/0-00000000.seg", "x");
	fake_root_put("j/0-00000001.seg", "x");
	fake_root_put("j/JOURNAL", "x");
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/j", fake_root);
	wr_machine_read_dir(path, &dir);
	cr_assert(dir.is_there);
	cr_assert(dir.is_makeable);
	cr_assert_eq(dir.file_count, 2);
	cr_assert_gt(dir.total_bytes, dir.free_bytes);
	cr_assert_eq(strncmp(dir.place, fake_root, 20), 0);
}

Test(machine, a_directory_that_can_be_made)
{
	struct wr_machine_dir dir;
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/new//", fake_root);
	wr_machine_read_dir(path, &dir);
	cr_assert_not(dir.is_there);
	cr_assert(dir.is_makeable);
	cr_assert_str_eq(dir.place, fake_root);
	wr_machine_read_dir("new-one-here", &dir);
	cr_assert_str_eq(dir.place, ".");
	wr_machine_read_dir("/new-one-here", &dir);
	cr_assert_str_eq(dir.place, "/");
}

Test(machine, a_directory_that_cannot_be_made)
{
	struct wr_machine_dir dir;
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/a/b", fake_root);
	wr_machine_read_dir(path, &dir);
	cr_assert_not(dir.is_there);
	cr_assert_not(dir.is_makeable);
	/* A file in its place. */
	fake_root_put("a", "x");
	wr_machine_read_dir(path, &dir);
	cr_assert_not(dir.is_makeable);
	(void)snprintf(path, sizeof path, "%s/a", fake_root);
	cr_assert_eq(chmod(path, 0755), 0);
	wr_machine_read_dir(path, &dir);
	cr_assert(dir.is_there);
	cr_assert_not(dir.is_makeable);
}
