/* SPDX-License-Identifier: Apache-2.0 */
/* CPU lists, the limits of cgroup trees (built here as folders), thread plans, and pinning. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/thread/affinity.h"
#include "tests/support/fake_root.h"

/* ---- lists ---- */

static void assert_list(const char *text, const char *again)
{
	struct wr_cpu_set set;
	char out[128];
	cr_assert_eq(wr_cpu_set_parse(text, &set), 0, "'%s'", text);
	wr_cpu_set_format(&set, out, sizeof out);
	cr_assert_str_eq(out, again);
}

Test(affinity, lists_are_read_and_written)
{
	assert_list("", "");
	assert_list("\n", "");
	assert_list("0", "0");
	assert_list("0-3,8\n", "0-3,8");
	assert_list(" 5,4,3 ", "3-5");
	assert_list("1-1", "1");
	assert_list("63-64,127-128,8191", "63-64,127-128,8191");
}

Test(affinity, malformed_lists_are_refused)
{
	static const char *const texts[] = {
		"a",    "1,",   ",1",     "3-1",   "1-",         "-1",  "1 2",
		"1,,2", "8192", "0-8192", "1-2-3", "4294967296", "0x1", "99999999999999999999"};
	struct wr_cpu_set set;
	for (size_t i = 0; i < WR_ARRAY_COUNT(texts); i++)
		cr_assert_eq(wr_cpu_set_parse(texts[i], &set), -EINVAL, "'%s'", texts[i]);
}

Test(affinity, a_list_that_does_not_fit_ends_in_dots)
{
	struct wr_cpu_set set;
	char out[10];
	cr_assert_eq(wr_cpu_set_parse("0,2,4,6,8,10,12", &set), 0);
	memset(out, '!', sizeof out);
	wr_cpu_set_format(&set, out, sizeof out);
	cr_assert_str_eq(out, "0,2,4...");
	wr_cpu_set_format(&set, out, 4);
	cr_assert_str_eq(out, "...");
	cr_assert_eq(wr_cpu_set_count(&set), 7);
}

/* ---- trees ---- */

static void put_mask(const char *list)
{
	char text[256];
	(void)snprintf(text, sizeof text,
		       "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\nMems_allowed:\t1\n",
		       list);
	fake_root_put("proc/self/status", text);
}

static struct wr_affinity assert_scan(const char *allowed, uint64_t quota_millicpus)
{
	struct wr_affinity affinity;
	char out[128];
	cr_assert_eq(wr_affinity_scan(fake_root, &affinity), 0);
	wr_cpu_set_format(&affinity.allowed, out, sizeof out);
	cr_assert_str_eq(out, allowed);
	cr_assert_eq(affinity.allowed_count, wr_cpu_set_count(&affinity.allowed));
	cr_assert_eq(affinity.quota_millicpus, quota_millicpus);
	return affinity;
}

TestSuite(affinity_tree, .init = fake_root_make, .fini = fake_root_remove);

Test(affinity_tree, without_cgroups_the_mask_counts)
{
	put_mask("0-7");
	struct wr_affinity affinity = assert_scan("0-7", WR_QUOTA_NONE);
	cr_assert_str_eq(affinity.cgroup, "");
	cr_assert_eq(wr_affinity_usable_cpus(&affinity), 8);
}

Test(affinity_tree, without_any_cpu_there_is_an_error)
{
	struct wr_affinity affinity;
	cr_assert_eq(wr_affinity_scan(fake_root, &affinity), -ENOENT);
	fake_root_put("proc/self/status", "Name:\tx\n");
	cr_assert_eq(wr_affinity_scan(fake_root, &affinity), -ENOENT);
	put_mask("");
	cr_assert_eq(wr_affinity_scan(fake_root, &affinity), -ENOENT);
	put_mask("junk");
	cr_assert_eq(wr_affinity_scan(fake_root, &affinity), -EINVAL);
}

Test(affinity_tree, v2_the_effective_cpuset_narrows_the_mask)
{
	put_mask("0-7");
	fake_root_put("proc/self/cgroup", "0::/system.slice/orders.service\n");
	fake_root_put("sys/fs/cgroup/system.slice/orders.service/cpuset.cpus.effective", "2-3,9\n");
	fake_root_put("sys/fs/cgroup/cpuset.cpus.effective", "0-15\n");
	struct wr_affinity affinity = assert_scan("2-3", WR_QUOTA_NONE);
	cr_assert_str_eq(affinity.cgroup, "/system.slice/orders.service");
}

Test(affinity_tree, v2_a_cgroup_without_a_cpuset_has_its_parents)
{
	put_mask("0-7");
	fake_root_put("proc/self/cgroup", "0::/a/b/c\n");
	fake_root_put("sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
	fake_root_put("sys/fs/cgroup/a/cpuset.cpus.effective", "4-5\n");
	struct wr_affinity affinity = assert_scan("4-5", WR_QUOTA_NONE);
	cr_assert_str_eq(affinity.cgroup, "/a");
}

Test(affinity_tree, v2_the_tightest_quota_above_counts)
{
	put_mask("0-7");
	fake_root_put("proc/self/cgroup", "0::/a/b\n");
	fake_root_put("sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
	fake_root_put("sys/fs/cgroup/a/cpu.max", "75000 50000\n");
	struct wr_affinity affinity = assert_scan("0-7", 1500);
	cr_assert_str_eq(affinity.cgroup, "/a");
	cr_assert_eq(wr_affinity_usable_cpus(&affinity), 1);
}

Test(affinity_tree, a_quota_of_less_than_one_cpu_still_is_one_to_use)
{
	put_mask("0-7");
	fake_root_put("proc/self/cgroup", "0::/\n");
	fake_root_put("sys/fs/cgroup/cpu.max", "20000 100000\n");
	struct wr_affinity affinity = assert_scan("0-7", 200);
	cr_assert_eq(wr_affinity_usable_cpus(&affinity), 1);
}

Test(affinity_tree, in_a_container_the_mount_is_the_cgroup)
{
	put_mask("0-7");
	fake_root_put("proc/self/cgroup", "0::/docker/0123456789abcdef\n");
	fake_root_put("sys/fs/cgroup/cpuset.cpus.effective", "1,3\n");
	fake_root_put("sys/fs/cgroup/cpu.max", "200000 100000\n");
	(void)assert_scan("1,3", 2000);
}

Test(affinity_tree, a_path_outside_the_namespace_is_the_mount)
{
	put_mask("0-7");
	fake_root_put("proc/self/cgroup", "0::/../../other\n");
	fake_root_put("sys/fs/cgroup/cpuset.cpus.effective", "6\n");
	fake_root_put("other/cpuset.cpus.effective", "7\n");
	(void)assert_scan("6", WR_QUOTA_NONE);
}

Test(affinity_tree, v1_controllers_have_paths_of_their_own)
{
	put_mask("0-7");
	fake_root_put("proc/self/cgroup",
		      "12:cpuset:/one\n11:cpuacct,cpu:/two\n1:name=systemd:/three\n");
	fake_root_put("sys/fs/cgroup/cpuset/one/cpuset.cpus", "0-5\n");
	fake_root_put("sys/fs/cgroup/cpuset/one/cpuset.effective_cpus", "0-1\n");
	fake_root_put("sys/fs/cgroup/cpuacct,cpu/two/cpu.cfs_quota_us", "250000\n");
	fake_root_put("sys/fs/cgroup/cpuacct,cpu/two/cpu.cfs_period_us", "100000\n");
	(void)assert_scan("0-1", 2500);
}

Test(affinity_tree, v1_without_effective_cpus_and_without_a_quota)
{
	put_mask("0-7");
	fake_root_put("proc/self/cgroup", "3:cpuset:/x\n2:cpuacct,cpu:/\n");
	fake_root_put("sys/fs/cgroup/cpuset/x/cpuset.cpus", "5-6\n");
	fake_root_put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
	fake_root_put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	(void)assert_scan("5-6", WR_QUOTA_NONE);
}

Test(affinity_tree, both_versions_at_once)
{
	put_mask("0-7");
	fake_root_put("proc/self/cgroup", "3:cpuset:/x\n0::/y\n");
	fake_root_put("sys/fs/cgroup/cpuset/x/cpuset.cpus", "0-3\n");
	fake_root_put("sys/fs/cgroup/unified/y/cpuset.cpus.effective", "2-5\n");
	(void)assert_scan("2-3", WR_QUOTA_NONE);
}

Test(affinity_tree, files_that_make_no_sense_limit_nothing)
{
	put_mask("0-3");
	fake_root_put("proc/self/cgroup", "nonsense\n0:\n::\n0::relative\n0::/c\n");
	fake_root_put("sys/fs/cgroup/c/cpuset.cpus.effective", "zero\n");
	fake_root_put("sys/fs/cgroup/c/cpu.max", "much 0\n");
	fake_root_put("sys/fs/cgroup/cpuset.cpus.effective", "8-9\n"); /* not one of ours */
	fake_root_put("sys/fs/cgroup/cpu.max", "100000 0\n");
	(void)assert_scan("0-3", WR_QUOTA_NONE);
}

Test(affinity, the_running_system_allows_what_the_mask_does)
{
	struct wr_affinity affinity;
	cpu_set_t mask;
	cr_assert_eq(wr_affinity_scan(NULL, &affinity), 0);
	cr_assert_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
	cr_assert_geq(affinity.allowed_count, 1);
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (wr_cpu_set_has(&affinity.allowed, cpu))
			cr_assert(CPU_ISSET(cpu, &mask));
	cr_assert_geq(wr_affinity_usable_cpus(&affinity), 1);
}

/* ---- plans ---- */

static struct wr_affinity affinity_of(const char *list, uint64_t quota_millicpus)
{
	struct wr_affinity affinity = {.quota_millicpus = quota_millicpus};
	cr_assert_eq(wr_cpu_set_parse(list, &affinity.allowed), 0);
	affinity.allowed_count = wr_cpu_set_count(&affinity.allowed);
	(void)snprintf(affinity.cgroup, sizeof affinity.cgroup, "/orders");
	return affinity;
}

static const uint16_t cpus_0[] = {0};
static const uint16_t cpus_1[] = {1};
static const uint16_t cpus_01[] = {0, 1};
static const uint16_t cpus_12[] = {1, 2};

#define PLAN(name_, wait_, cpus_)                                                                  \
	((struct wr_thread_plan){                                                                  \
		.name = name_, .wait = wait_, .cpu_count = WR_ARRAY_COUNT(cpus_), .cpus = cpus_})
#define FREE_PLAN(name_, wait_) ((struct wr_thread_plan){.name = name_, .wait = wait_})

Test(affinity, a_cpu_that_is_not_allowed_is_named_with_the_allowed_ones)
{
	struct wr_affinity affinity = affinity_of("0-3,8", WR_QUOTA_NONE);
	static const uint16_t cpus[] = {3, 64};
	struct wr_thread_plan plan = PLAN("journal", WEIR_WAIT_DEFAULT, cpus);
	struct weir_problem problem;
	cr_assert_eq(wr_affinity_check(&affinity, &plan, 1, false, &problem), -EINVAL);
	cr_assert_eq(problem.code, -EINVAL);
	cr_assert_str_eq(problem.field, "journal.cpus");
	cr_assert_str_eq(problem.text, "CPU 64 is not available to this process: allowed here: "
				       "0-3,8 (cgroup /orders)");
	cr_assert_eq(plan.wait, WEIR_WAIT_DEFAULT, "a refused plan is unchanged");
	cr_assert_eq(wr_affinity_check(&affinity, &plan, 1, false, NULL), -EINVAL);
}

Test(affinity, plans_that_are_malformed_are_refused)
{
	struct wr_affinity affinity = affinity_of("0-3", WR_QUOTA_NONE);
	struct weir_problem problem;
	struct wr_thread_plan plan = FREE_PLAN("log", (enum weir_wait)9);
	cr_assert_eq(wr_affinity_check(&affinity, &plan, 1, false, &problem), -EINVAL);
	cr_assert_str_eq(problem.field, "log.wait");
	plan = (struct wr_thread_plan){.name = "log", .cpu_count = WEIR_CPUS_MAX + 1};
	cr_assert_eq(wr_affinity_check(&affinity, &plan, 1, false, &problem), -EINVAL);
	cr_assert_str_eq(problem.field, "log.cpu_count");
	cr_assert_eq(wr_affinity_check(&affinity, &plan, WR_THREAD_PLANS_MAX + 1, false, NULL),
		     -EINVAL);
	cr_assert_eq(wr_affinity_check(&affinity, NULL, 0, true, &problem), 0);
}

Test(affinity, a_plan_that_fits_is_granted)
{
	struct wr_affinity affinity = affinity_of("0-1", WR_QUOTA_NONE);
	struct wr_thread_plan plans[] = {
		PLAN("log", WEIR_WAIT_SPIN, cpus_0),
		FREE_PLAN("group", WEIR_WAIT_DEFAULT),
		PLAN("handler", WEIR_WAIT_PARK, cpus_0),
		PLAN("journal", WEIR_WAIT_YIELD, cpus_1),
	};
	cr_assert_eq(wr_affinity_check(&affinity, plans, 4, true, NULL), 0);
	cr_assert_eq(plans[0].wait, WEIR_WAIT_SPIN);
	cr_assert_eq(plans[1].wait, WEIR_WAIT_ADAPTIVE);
	cr_assert_eq(plans[2].wait, WEIR_WAIT_PARK);
	cr_assert_eq(plans[3].wait, WEIR_WAIT_YIELD);
}

Test(affinity, two_spinners_on_one_cpu_are_refused_or_one_degraded)
{
	struct wr_affinity affinity = affinity_of("0-3", WR_QUOTA_NONE);
	struct wr_thread_plan plans[] = {
		PLAN("log", WEIR_WAIT_SPIN, cpus_1),
		PLAN("journal", WEIR_WAIT_SPIN, cpus_1),
	};
	struct weir_problem problem;
	cr_assert_eq(wr_affinity_check(&affinity, plans, 2, true, &problem), -EINVAL);
	cr_assert_str_eq(problem.field, "journal.wait");
	cr_assert_eq(plans[1].wait, WEIR_WAIT_SPIN);
	cr_assert_eq(wr_affinity_check(&affinity, plans, 2, false, &problem), 1);
	cr_assert_eq(problem.code, 0);
	cr_assert_str_eq(problem.field, "journal.wait");
	cr_assert_not_null(strstr(problem.text, "it waits adaptively"));
	cr_assert_eq(plans[0].wait, WEIR_WAIT_SPIN);
	cr_assert_eq(plans[1].wait, WEIR_WAIT_ADAPTIVE);
}

Test(affinity, more_spinners_than_cpus)
{
	struct wr_affinity affinity = affinity_of("2-3", WR_QUOTA_NONE);
	struct wr_thread_plan plans[] = {
		FREE_PLAN("a", WEIR_WAIT_SPIN),
		FREE_PLAN("b", WEIR_WAIT_SPIN),
		FREE_PLAN("c", WEIR_WAIT_SPIN),
		FREE_PLAN("d", WEIR_WAIT_SPIN),
	};
	struct weir_problem problem;
	cr_assert_eq(wr_affinity_check(&affinity, plans, 4, true, &problem), -EINVAL);
	cr_assert_str_eq(problem.field, "c.wait");
	cr_assert_eq(wr_affinity_check(&affinity, plans, 2, true, &problem), 0);
	cr_assert_eq(wr_affinity_check(&affinity, plans, 4, false, &problem), 2);
	cr_assert_eq(plans[1].wait, WEIR_WAIT_SPIN);
	cr_assert_eq(plans[2].wait, WEIR_WAIT_ADAPTIVE);
	cr_assert_eq(plans[3].wait, WEIR_WAIT_ADAPTIVE);
}

/* A first-come assignment would give CPU 0 or 1 away and then refuse one of the later ones. */
Test(affinity, an_assignment_is_found_where_there_is_one)
{
	struct wr_affinity affinity = affinity_of("0-2", WR_QUOTA_NONE);
	struct wr_thread_plan plans[] = {
		FREE_PLAN("free", WEIR_WAIT_SPIN),
		PLAN("either", WEIR_WAIT_SPIN, cpus_01),
		PLAN("zero", WEIR_WAIT_SPIN, cpus_0),
	};
	cr_assert_eq(wr_affinity_check(&affinity, plans, 3, true, NULL), 0);
	struct wr_thread_plan chain[] = {
		PLAN("a", WEIR_WAIT_SPIN, cpus_01),
		PLAN("b", WEIR_WAIT_SPIN, cpus_12),
		PLAN("c", WEIR_WAIT_SPIN, cpus_0),
	};
	cr_assert_eq(wr_affinity_check(&affinity, chain, 3, true, NULL), 0);
	chain[1] = PLAN("b", WEIR_WAIT_SPIN, cpus_1);
	cr_assert_eq(wr_affinity_check(&affinity, chain, 3, true, NULL), -EINVAL);
}

Test(affinity, spinners_beyond_the_quota)
{
	struct wr_affinity affinity = affinity_of("0-7", 1500);
	struct wr_thread_plan plans[] = {
		FREE_PLAN("log", WEIR_WAIT_SPIN),
		FREE_PLAN("journal", WEIR_WAIT_SPIN),
	};
	struct weir_problem problem;
	cr_assert_eq(wr_affinity_check(&affinity, plans, 1, true, &problem), 0);
	cr_assert_eq(wr_affinity_check(&affinity, plans, 2, true, &problem), -EINVAL);
	cr_assert_str_eq(problem.field, "journal.wait");
	cr_assert_not_null(strstr(problem.text, "quota of 1.50 CPUs"), "%s", problem.text);
	cr_assert_eq(wr_affinity_check(&affinity, plans, 2, false, &problem), 1);
	cr_assert_eq(plans[1].wait, WEIR_WAIT_ADAPTIVE);
}

/* ---- pinning ---- */

static uint16_t last_allowed_cpu(void)
{
	struct wr_affinity affinity;
	cr_assert_eq(wr_affinity_scan(NULL, &affinity), 0);
	uint16_t last = 0;
	for (uint16_t cpu = 0; cpu < WR_CPUS_MAX; cpu++)
		if (wr_cpu_set_has(&affinity.allowed, cpu))
			last = cpu;
	return last;
}

Test(affinity, a_pinned_thread_runs_where_it_was_put)
{
	uint16_t cpu = last_allowed_cpu();
	cr_assert_geq(wr_affinity_current_cpu(), 0);
	cr_assert_eq(wr_affinity_pin(&cpu, 1), 0);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(wr_affinity_current_cpu(), (int)cpu);
		(void)sched_yield();
	}
}

Test(affinity, a_pin_that_cannot_be_exact_is_refused_and_changes_nothing)
{
	uint16_t cpus[] = {last_allowed_cpu(), WR_CPUS_MAX - 1};
	cpu_set_t before;
	cpu_set_t after;
	cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
	cr_assert_eq(wr_affinity_pin(cpus, 2), -EINVAL);
	cr_assert_eq(wr_affinity_pin(cpus + 1, 1), -EINVAL);
	cpus[1] = UINT16_MAX;
	cr_assert_eq(wr_affinity_pin(cpus, 2), -EINVAL);
	cr_assert_eq(wr_affinity_pin(cpus, 0), 0);
	cr_assert_eq(sched_getaffinity(0, sizeof after, &after), 0);
	cr_assert(CPU_EQUAL(&before, &after));
}

static void *scan_pinned(void *argument)
{
	uint16_t cpu = last_allowed_cpu();
	cr_assert_eq(wr_affinity_pin(&cpu, 1), 0);
	cr_assert_eq(wr_affinity_scan(NULL, argument), 0);
	return NULL;
}

/* A thread that has pinned itself asks: others may run elsewhere all the same. */
Test(affinity, a_pin_of_the_asking_thread_does_not_count)
{
	struct wr_affinity before;
	struct wr_affinity after;
	pthread_t thread;
	cr_assert_eq(wr_affinity_scan(NULL, &before), 0);
	cr_assert_eq(pthread_create(&thread, NULL, scan_pinned, &after), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_expect_eq(memcmp(&after.allowed, &before.allowed, sizeof before.allowed), 0);
	(void)scan_pinned(&after); // the first thread itself
	cr_expect_eq(memcmp(&after.allowed, &before.allowed, sizeof before.allowed), 0);
}

Test(affinity, a_list_of_cpus_becomes_a_set_or_is_refused_by_name)
{
	struct wr_affinity affinity = affinity_of("2-5", WR_QUOTA_NONE);
	struct weir_cpu_list list = {2, {5, 2}};
	struct weir_problem problem;
	struct wr_cpu_set set;
	char text[32];
	cr_assert_eq(wr_affinity_set_of(&affinity, "housekeeping", &list, &set, &problem), 0);
	wr_cpu_set_format(&set, text, sizeof text);
	cr_expect_str_eq(text, "2,5");
	list.cpu_count = 0;
	cr_assert_eq(wr_affinity_set_of(&affinity, "housekeeping", &list, &set, &problem), 0);
	wr_cpu_set_format(&set, text, sizeof text);
	cr_expect_str_eq(text, "2-5", "none: all that are allowed");
	list = (struct weir_cpu_list){2, {3, 6}};
	cr_expect_eq(wr_affinity_set_of(&affinity, "housekeeping", &list, &set, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "housekeeping.cpus");
	cr_expect_not_null(strstr(problem.text, "CPU 6"), "%s", problem.text);
}
