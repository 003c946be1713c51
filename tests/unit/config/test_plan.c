/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the numbers of a plan are those of the pipeline that it is for, and what the machine lacks
 * is said, each in its case and only then, with a command that mends it. Method: machines as
 * structs, good in every respect until one thing is made bad; and a pipeline that is opened, whose
 * files and descriptors are counted.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <weir.h>

#include "io/config/plan.h"
#include "tests/support/fake_root.h"
#include "tests/support/place_bed.h"

#define MIB (1ull << 20)

static struct weir_options options;
static struct wr_machine machine;
static struct wr_plan plan;
static struct weir_problem problem;
static char journal[4096];

/* Of the requests of the bed: log, journal, group, and a handler where one is asked for. */
static const struct weir_thread_options *const threads[] = {&options.log, &options.journal,
							    &options.group, &options.handler};

static void set_up(void)
{
	bed_open("two_sockets");
	bed_ask_defaults();
	fake_root_make();
	(void)snprintf(journal, sizeof journal, "%s/journal", fake_root);
	weir_options_init(&options);
	options.dir = journal;
	options.retention_bytes = 128 * MIB;
	wr_machine_read(fake_root, &bed.topology->present, &machine);
}

static void tear_down(void)
{
	bed_close();
	fake_root_remove();
}

TestSuite(plan, .init = set_up, .fini = tear_down);

static int make(void)
{
	struct wr_plan_input input = {
		.options = &options,
		.topology = bed.topology,
		.affinity = &bed.affinity,
		.policy = &bed.policy,
		.requests = bed.requests,
		.threads = threads,
		.request_count = bed.request_count,
		.machine = &machine,
	};
	return wr_plan_make(&input, &plan, &problem);
}

/* Plans; the only thing that lacks is this. */
static void assert_lack(enum wr_lack_weight weight, const char *id, const char *text,
			const char *fix)
{
	cr_assert_eq(make(), 0, "%s", problem.text);
	cr_assert_eq(plan.lack_count, 1, "%u, the last: %s", plan.lack_count,
		     plan.lack_count > 0 ? plan.lacks[plan.lack_count - 1].text : "");
	cr_assert_str_eq(plan.lacks[0].id, id);
	cr_assert_eq(plan.lacks[0].weight, weight);
	cr_assert_not_null(strstr(plan.lacks[0].text, text), "%s", plan.lacks[0].text);
	cr_assert_not_null(strstr(plan.lacks[0].fix, fix), "%s", plan.lacks[0].fix);
}

static void assert_no_lack(void)
{
	cr_assert_eq(make(), 0, "%s", problem.text);
	cr_assert_eq(plan.lack_count, 0, "%s", plan.lacks[0].text);
}

/* ---- numbers ---- */

/* Segments of 64 MiB and a block; two ahead, one in reserve and one whose extents are offered.
 * Retention and two checkpoints keep two, and there are the one where that begins and the one that
 * is written to. Checkpoints have a block and at most 753,664 bytes with these limits, as the files
 * of a journal show. */
Test(plan, numbers_of_a_journal)
{
	struct weir_memory_plan memory;
	assert_no_lack();
	cr_assert_eq(weir_memory_plan(&options, &memory, NULL), 0);
	cr_assert_eq(memcmp(&plan.memory, &memory, sizeof memory), 0);
	cr_assert(plan.disk.is_needed);
	cr_assert_eq(plan.disk.file_bytes, 67112960);
	cr_assert_eq(plan.disk.segments_ahead, 4);
	cr_assert_eq(plan.disk.first_bytes, 4 * 67112960 + 16384 + 2 * 757760);
	cr_assert_eq(plan.disk.most_bytes, 8 * 67112960 + 16384 + 2 * 757760);
	cr_assert_eq(plan.disk.checkpoint_bytes, 64 * MIB);
	cr_assert_eq(plan.descriptors.segments, 8);
	cr_assert_eq(plan.descriptors.events, 32);
	cr_assert_eq(plan.descriptors.total, WR_PLAN_DESCRIPTORS + 8 + 32);
	cr_assert_str_eq(plan.disk.dir.place, fake_root);
	options.retention_bytes = 128 * MIB + 1;
	options.checkpoint_bytes = 5 * MIB;
	assert_no_lack();
	cr_assert_eq(plan.descriptors.segments, 9);
	cr_assert_eq(plan.disk.checkpoint_bytes, 5 * MIB);
	/* Not more often than every fourth checkpoint's size, and that may hold more. */
	options.retention_bytes = 1;
	options.checkpoint_bytes = 1;
	assert_no_lack();
	cr_assert_eq(plan.disk.checkpoint_bytes, 4 * plan.memory.checkpoint_bytes);
	cr_assert_eq(plan.descriptors.segments, 7);
	options.checkpoint_bytes = 100 * MIB;
	assert_no_lack();
	cr_assert_eq(plan.descriptors.segments, 10);
}

Test(plan, a_log_in_memory_has_no_disk)
{
	options.dir = NULL;
	machine.uring_code = -EPERM;
	assert_no_lack();
	cr_assert_not(plan.disk.is_needed);
	cr_assert_eq(plan.disk.first_bytes, 0);
	cr_assert_eq(plan.descriptors.segments, 0);
	cr_assert_eq(plan.descriptors.total, 33);
}

Test(plan, a_machine_from_a_file_has_threads_only)
{
	struct wr_plan_input input = {
		.options = &options,
		.topology = bed.topology,
		.affinity = &bed.affinity,
		.policy = &bed.policy,
		.requests = bed.requests,
		.threads = threads,
		.request_count = bed.request_count,
	};
	cr_assert_eq(wr_plan_make(&input, &plan, &problem), 0);
	cr_assert_not(plan.knows_machine);
	cr_assert_eq(plan.lack_count, 0);
	cr_assert_eq(plan.disk.dir.total_bytes, 0);
	cr_assert_eq(plan.placement.placed[0].cpus[0], 1);
	cr_assert_eq(plan.descriptors.total, WR_PLAN_DESCRIPTORS + 8 + 32);
}

Test(plan, refusals_are_passed_on)
{
	options.chunk_bytes = 12345;
	bed.requests[0].cpus = bed_cpus("99");
	cr_assert_eq(make(), -EINVAL);
	cr_assert_str_eq(problem.field, "chunk_bytes");
	cr_assert_eq(plan.placement.problem_count, 1);
	options.chunk_bytes = MIB;
	problem = (struct weir_problem){0};
	cr_assert_eq(make(), -EINVAL);
	cr_assert_str_eq(problem.field, "");
	cr_assert_eq(plan.placement.problem_count, 1);
}

/* ---- what lacks ---- */

Test(plan, memory)
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

Test(plan, a_directory_that_cannot_be_made)
{
	(void)snprintf(journal, sizeof journal, "%s/no/journal", fake_root);
	assert_lack(WR_LACK_STOPS, "dir", "/no is not a directory", "mkdir -p ");
}

/* No disk here is larger than two exbibytes. */
Test(plan, a_disk)
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

Test(plan, descriptors)
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
Test(plan, segments_of_a_journal_that_keeps_everything)
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

Test(plan, io_uring)
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
Test(plan, a_governor)
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

Test(plan, cores_of_spinners)
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

Test(plan, transparent_huge_pages)
{
	(void)snprintf(machine.huge_pages, sizeof machine.huge_pages, "always");
	assert_lack(WR_LACK_SLOWS, "huge_pages", "\"always\"", "echo madvise >/sys/kernel/mm/");
	(void)snprintf(machine.huge_pages, sizeof machine.huge_pages, "madvise");
	assert_no_lack();
}

/* ---- limits of the process ---- */

/* By hand: chunks are 64 MiB, all of it in pages of 2 MiB; 16 lanes of 4 MiB, two pages each; the
 * lanes of members are smaller than a page; 18 MiB for catching up are nine pages. */
Test(plan, memory_that_is_locked)
{
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

Test(plan, huge_pages_that_are_set_aside)
{
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
Test(plan, huge_pages_of_a_node)
{
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

Test(plan, real_time)
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

Test(plan, real_time_that_never_waits)
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
Test(plan, a_thread_that_would_never_run)
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
Test(plan, sizes_of_files)
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

/* ---- a pipeline ---- */

static uint32_t count_descriptors(void)
{
	uint32_t count = 0;
	DIR *dir = opendir("/proc/self/fd");
	cr_assert_not_null(dir);
	while (readdir(dir) != NULL)
		count++;
	cr_assert_eq(closedir(dir), 0);
	return count;
}

static uint64_t journal_bytes(uint32_t *ret_segments)
{
	uint64_t bytes = 0;
	DIR *dir = opendir(journal);
	cr_assert_not_null(dir);
	*ret_segments = 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char path[8192];
		struct stat st;
		/* LOCK holds a line about its owner. */
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "LOCK") == 0)
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", journal, entry->d_name);
		cr_assert_eq(stat(path, &st), 0);
		bytes += (uint64_t)st.st_size;
		*ret_segments += strstr(entry->d_name, ".seg") != NULL;
	}
	cr_assert_eq(closedir(dir), 0);
	return bytes;
}

/* What is ahead is made by a helper, behind the open. */
static void wait_for_segments(uint32_t wanted)
{
	const struct timespec a_millisecond = {.tv_nsec = 1000000};
	uint32_t segments = 0;
	for (uint32_t i = 0; i < 20000; i++) {
		if (journal_bytes(&segments) == plan.disk.first_bytes && segments == wanted)
			return;
		cr_assert_leq(segments, wanted);
		(void)nanosleep(&a_millisecond, NULL);
	}
	cr_assert_fail("%u segments after 20 s, not %u", segments, wanted);
}

static void publish_megabytes(struct weir_pipeline *pipeline, uint32_t count)
{
	static char payload[16384];
	struct weir_topic_options topic;
	struct weir_producer *producer;
	struct weir_event event = {.payload = payload, .payload_bytes = sizeof payload};
	weir_topic_options_init(&topic);
	topic.name = "t";
	cr_assert_eq(weir_topic_create(pipeline, &topic, &event.topic, NULL), 0);
	cr_assert_eq(weir_producer_open(pipeline, NULL, &producer, NULL), 0);
	for (uint32_t i = 0; i < count * 64; i++) {
		uint64_t ticket;
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		cr_assert_eq(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER), 0);
	}
	cr_assert_eq(weir_producer_close(producer, WEIR_FOREVER), 0);
}

Test(plan, is_kept_by_a_pipeline, .timeout = 60)
{
	struct weir_pipeline *pipeline;
	struct weir_info info = {.struct_bytes = sizeof info};
	uint32_t segments;
	options.chunk_bytes = 128 * 1024;
	options.segment_bytes = MIB;
	options.retention_bytes = 3 * MIB;
	options.pool_bytes = 4 * MIB;
	options.undurable_bytes = MIB;
	options.checkpoint_bytes = MIB;
	options.lane_bytes = MIB;
	cr_assert_eq(make(), 0, "%s", problem.text);
	uint32_t before = count_descriptors();
	cr_assert_eq(weir_open(&options, &pipeline, &problem), 0, "%s", problem.text);
	wait_for_segments(plan.disk.segments_ahead);
	publish_megabytes(pipeline, 12);
	cr_assert_eq(weir_pipeline_info(pipeline, &info), 0);
	cr_assert_gt(info.segments_recycled, 0);
	uint32_t taken = count_descriptors() - before;
	uint64_t bytes = journal_bytes(&segments);
	cr_assert_leq(bytes, plan.disk.most_bytes, "%u segments", segments);
	cr_assert_leq(segments, plan.descriptors.segments);
	cr_assert_leq(taken, plan.descriptors.fixed + plan.descriptors.segments);
	/* And no more than that: what is planned too large is no plan either. */
	cr_assert_geq(segments + 2, plan.descriptors.segments);
	cr_assert_geq(taken + 4, plan.descriptors.fixed + plan.descriptors.segments);
	cr_assert_eq(weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL), 0);
}
