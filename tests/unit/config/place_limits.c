/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: limits of the real system end in the plan: an affinity mask as taskset sets it, a cgroup
 * cpuset of one CPU, of whichever version is mounted.
 *
 * Method: a child is put under the limit and then executes this program anew, as taskset and
 * service managers do; what it plans there for this machine it prints, and the lines are compared.
 * Without the right to make a cpuset that case is skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/config/place.h"

#define CHILD "plan"
#define TEXT_BYTES 1024
#define CANNOT_JOIN 77

/* ---- the child: plans, and prints ---- */

static void print_placed(const char *name, const struct wr_placed *placed)
{
	static const char *const hows[] = {"not", "anywhere", "list", "core"};
	static const char *const waits[] = {"?", "spin", "adaptive", "yield", "park"};
	printf("; %s %s", name, hows[placed->how]);
	for (uint32_t i = 0; i < placed->cpu_count; i++)
		printf(" %u", placed->cpus[i]);
	if (placed->how != WR_PLACED_NOT)
		printf(" %s", waits[placed->wait]);
}

static void plan(const struct wr_topology *topology, const struct wr_affinity *affinity,
		 const struct wr_place_policy *policy, const struct wr_place_request *requests)
{
	static struct wr_placement placement;
	char list[64];
	int rc = wr_place(topology, affinity, policy, requests, 3, &placement);
	if (rc != 0) {
		printf("%s\n", placement.problems[0].text);
		return;
	}
	wr_cpu_set_format(&placement.allowed, list, sizeof list);
	printf("allowed %s%s", list, placement.is_shared ? "; shared" : "");
	for (uint32_t i = 0; i < 3; i++)
		print_placed(requests[i].name, &placement.placed[i]);
	printf("\n");
}

/* Three lines: every default; spinners on a machine that is weir's alone; a CPU asked for. */
static int plan_here(uint32_t cpu)
{
	struct wr_topology *topology = NULL;
	struct wr_affinity affinity;
	struct wr_place_policy policy = {.strict = false};
	struct wr_place_request requests[3] = {{.name = "log", .count = 1},
					       {.name = "journal", .count = 1, .if_room = true},
					       {.name = "group", .count = 1}};
	if (wr_affinity_scan(NULL, &affinity) != 0 || wr_topology_read(NULL, &topology, NULL) != 0)
		return 1;
	plan(topology, &affinity, &policy, requests);
	policy.shared = WR_SHARED_NO;
	requests[0].wait = WEIR_WAIT_SPIN;
	requests[2].wait = WEIR_WAIT_SPIN;
	plan(topology, &affinity, &policy, requests);
	requests[0].cpus.kind = WR_CPUS_LIST;
	wr_cpu_set_add(&requests[0].cpus.set, cpu);
	plan(topology, &affinity, &policy, requests);
	wr_topology_destroy(topology);
	return 0;
}

/* ---- a limit ---- */

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

/* A cpuset of one CPU, of whichever cgroup version has them here. "" when it cannot be made. */
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

static bool join_cpuset(const char *dir)
{
	char pid[16];
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
	return write_to(dir, "cgroup.procs", pid);
}

static bool set_mask(uint32_t cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof set, &set) == 0;
}

/* Runs the child under a mask of `cpu`, or in the cpuset `dir`. Its exit code, or -1. */
static int run_child(uint32_t cpu, const char *dir, uint32_t asked, char out[TEXT_BYTES])
{
	int ends[2];
	int status = 0;
	char number[16];
	(void)snprintf(number, sizeof number, "%u", asked);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		bool good = dir != NULL ? join_cpuset(dir) : set_mask(cpu);
		if (!good || dup2(ends[1], STDOUT_FILENO) < 0)
			_exit(CANNOT_JOIN);
		(void)execl("/proc/self/exe", "place_limits", CHILD, number, (char *)NULL);
		_exit(1);
	}
	(void)close(ends[1]);
	size_t used = 0;
	for (ssize_t n; used < TEXT_BYTES - 1; used += (size_t)n) {
		n = read(ends[0], out + used, TEXT_BYTES - 1 - used);
		if (n <= 0)
			break;
	}
	out[used] = '\0';
	(void)close(ends[0]);
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* ---- cases ---- */

/* One CPU is small: nothing pinned, no journal thread. By order it is the log's, and spins. */
static void expect(uint32_t cpu, uint32_t other, char to[TEXT_BYTES])
{
	(void)snprintf(to, TEXT_BYTES,
		       "allowed %u; shared; log anywhere adaptive; journal not; group anywhere "
		       "adaptive\n"
		       "allowed %u; log core %u spin; journal not; group anywhere adaptive\n"
		       "CPU %u is not available to this process\n",
		       cpu, cpu, cpu, other);
}

static int judge(int number, const char *what, int exit_code, const char *out, const char *wanted)
{
	bool good = exit_code == 0 && strcmp(out, wanted) == 0;
	printf("%s %d - %s\n", good ? "ok" : "not ok", number, what);
	if (!good)
		fprintf(stderr, "exit code %d, and this:\n%swanted:\n%s", exit_code, out, wanted);
	return good ? 0 : 1;
}

static int run_cases(uint32_t cpu, uint32_t other)
{
	char out[TEXT_BYTES] = "";
	char wanted[TEXT_BYTES];
	char dir[PATH_MAX];
	printf("1..2\n");
	expect(cpu, other, wanted);
	int exit_code = run_child(cpu, NULL, other, out);
	int failed = judge(1, "an affinity mask of one CPU", exit_code, out, wanted);

	make_cpuset(cpu, dir);
	if (dir[0] == '\0') {
		printf("ok 2 - a cpuset of one CPU # SKIP none can be made: not root, or no "
		       "controller\n");
		return failed;
	}
	exit_code = run_child(cpu, dir, other, out);
	if (rmdir(dir) != 0)
		perror(dir);
	if (exit_code == CANNOT_JOIN)
		printf("ok 2 - a cpuset of one CPU # SKIP no process can be moved into one\n");
	else
		failed += judge(2, "a cpuset of one CPU", exit_code, out, wanted);
	return failed;
}

int main(int argc, char **argv)
{
	cpu_set_t set;
	uint32_t cpu = 0;
	uint32_t other = 0;
	if (argc == 3 && strcmp(argv[1], CHILD) == 0)
		return plan_here((uint32_t)strtoul(argv[2], NULL, 10));
	if (sched_getaffinity(0, sizeof set, &set) != 0) {
		perror("sched_getaffinity");
		return 1;
	}
	/* The last of the CPUs, so that it is not the one which everything begins with. */
	for (uint32_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set)) {
			other = cpu;
			cpu = i;
		}
	if (CPU_COUNT(&set) < 2) {
		printf("1..1\nok 1 # SKIP this process may use one CPU only\n");
		return 0;
	}
	return run_cases(cpu, other) == 0 ? 0 : 1;
}
