/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: limits of the real system end in the plan: an affinity mask as taskset sets it, a cgroup
 * cpuset of one CPU. Method: this process, or a child of it, is put under the limit; scan, topology
 * and placement are those of the command.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/place_bed.h"

static void read_this_machine(void)
{
	struct weir_problem problem = {0};
	memset(&bed, 0, sizeof bed);
	cr_assert_eq(wr_affinity_scan(NULL, &bed.affinity), 0);
	cr_assert_eq(wr_topology_read(NULL, &bed.topology, &problem), 0, "%s", problem.text);
}

/* The first CPU that this process may use. */
static uint32_t first_cpu(void)
{
	cpu_set_t set;
	uint32_t cpu = 0;
	cr_assert_eq(sched_getaffinity(0, sizeof set, &set), 0);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	return cpu;
}

/* Is it the plan of a process that has this CPU and no other? */
static bool is_plan_of_one_cpu(uint32_t cpu)
{
	char line[512];
	read_this_machine();
	bed_ask_defaults();
	bed_place();
	bool good = bed.result == 0 && bed.placement.allowed_count == 1 &&
		    wr_cpu_set_has(&bed.placement.allowed, cpu) && bed.placement.is_shared &&
		    strcmp(bed_line(line), "log=*~ journal=- group=*~ | ") == 0;
	/* Even where weir is told that the CPU is its own. */
	bed.policy.shared = WR_SHARED_NO;
	bed.requests[0].wait = WEIR_WAIT_SPIN;
	bed.requests[2].wait = WEIR_WAIT_SPIN;
	bed_place();
	good = good && bed.result == 0 && bed.placement.placed[0].cpus[0] == cpu &&
	       bed.placement.placed[0].wait == WEIR_WAIT_SPIN &&
	       bed.placement.placed[2].wait == WEIR_WAIT_ADAPTIVE;
	bed_close();
	return good;
}

Test(place_limits, an_affinity_mask_of_one_cpu)
{
	cpu_set_t set;
	uint32_t cpu = first_cpu();
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	cr_assert_eq(sched_setaffinity(0, sizeof set, &set), 0);
	cr_assert(is_plan_of_one_cpu(cpu));
	/* The others are on the machine all the same, and are named when asked for. */
	read_this_machine();
	uint32_t other = 0;
	while (other == cpu)
		other++;
	if (wr_topology_find(bed.topology, other) != NULL) {
		char text[64];
		char list[8];
		(void)snprintf(list, sizeof list, "%u", other);
		bed_ask("log", list, WEIR_WAIT_ADAPTIVE, 1);
		bed_place();
		(void)snprintf(text, sizeof text, "CPU %u is not available to this process", other);
		cr_assert_eq(bed.result, -EINVAL);
		cr_assert_str_eq(bed.placement.problems[0].text, text);
	}
	bed_close();
}

/* ---- a cpuset ---- */

static bool write_to(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	return close(fd) == 0 && good;
}

static bool read_from(const char *dir, const char *name, char to[64])
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t bytes = read(fd, to, 63);
	to[bytes > 0 ? bytes : 0] = '\0';
	return close(fd) == 0 && bytes > 0;
}

/* Makes a cpuset of one CPU, of whichever cgroup version has them here. "" when it cannot. */
static void make_cpuset(uint32_t cpu, char dir[PATH_MAX])
{
	static const char *const bases[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/cpuset"};
	char list[16];
	(void)snprintf(list, sizeof list, "%u", cpu);
	for (int version = 2; version >= 1; version--) {
		char memory[64] = "0";
		const char *base = bases[2 - version];
		(void)snprintf(dir, PATH_MAX, "%s/weir-test-%d", base, (int)getpid());
		if (version == 1 && !read_from(base, "cpuset.mems", memory))
			continue;
		if (mkdir(dir, 0755) != 0)
			continue;
		/* v1 takes no process before it has memory, v2 has its parent's. */
		if (write_to(dir, "cpuset.cpus", list) &&
		    (version == 2 || write_to(dir, "cpuset.mems", memory)))
			return;
		(void)rmdir(dir);
	}
	dir[0] = '\0';
}

Test(place_limits, a_cpuset_of_one_cpu)
{
	char dir[PATH_MAX];
	int status = 0;
	uint32_t cpu = first_cpu();
	make_cpuset(cpu, dir);
	if (dir[0] == '\0')
		cr_skip_test("no cpuset can be made here: not root, or no cpuset controller");
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		char pid[16];
		(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
		if (!write_to(dir, "cgroup.procs", pid))
			_exit(77);
		_exit(is_plan_of_one_cpu(cpu) ? 0 : 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(rmdir(dir), 0);
	cr_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		cr_skip_test("no process can be moved into a cpuset here");
	cr_assert_eq(WEXITSTATUS(status), 0);
}
