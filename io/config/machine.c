/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts from /proc and /sys.
 *
 * Every file is optional: containers hide them, architectures lack them, and a plan is better with
 * one fact less than not at all.
 *
 * Thread: any; no state.
 */
#include "io/config/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/bits.h"

#define PATH_BYTES 1024
#define FILE_BYTES 8192

/* ---- files ---- */

/* The text of root + path, cut at the buffer; false when there is none. */
static bool read_text(const char *root, const char *path, char to[FILE_BYTES])
{
	char full[2 * PATH_BYTES];
	(void)snprintf(full, sizeof full, "%s%s", root, path);
	int fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size_t used = 0;
	while (used < FILE_BYTES - 1) {
		ssize_t n = read(fd, to + used, FILE_BYTES - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	(void)close(fd);
	to[used] = '\0';
	return used > 0;
}

/* What stands behind a name at the beginning of a line, or NULL. */
static const char *behind(const char *text, const char *name)
{
	size_t bytes = strlen(name);
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, bytes) == 0)
			return line + bytes;
	}
	return NULL;
}

static void first_word(const char *text, char *to, size_t to_bytes)
{
	(void)snprintf(to, to_bytes, "%.*s", (int)strcspn(text, " \t\n"), text);
}

/* ---- limits ---- */

static uint64_t limit_number(const char **at)
{
	*at += strspn(*at, " \t");
	if (strncmp(*at, "unlimited", 9) == 0) {
		*at += 9;
		return WR_MACHINE_NO_LIMIT;
	}
	char *end;
	uint64_t number = strtoull(*at, &end, 10);
	*at = end;
	return number;
}

static struct wr_machine_limit read_limit(const char *limits, const char *name)
{
	struct wr_machine_limit limit = {WR_MACHINE_NO_LIMIT, WR_MACHINE_NO_LIMIT};
	const char *at = behind(limits, name);
	if (at == NULL)
		return limit;
	limit.soft = limit_number(&at);
	limit.hard = limit_number(&at);
	return limit;
}

/* The tightest limit of a cgroup and of those above it. "max" is none, and so are v1's exabytes. */
static uint64_t tightest(const char *root, const char *base, const char *file, char *path)
{
	uint64_t least = WR_MACHINE_NO_LIMIT;
	char name[2 * PATH_BYTES];
	char text[FILE_BYTES];
	for (;;) {
		(void)snprintf(name, sizeof name, "%s%s/%s", base, path, file);
		if (read_text(root, name, text) && text[0] >= '0' && text[0] <= '9') {
			uint64_t bytes = strtoull(text, NULL, 10);
			if (bytes < INT64_MAX / 2)
				least = wr_min_u64(least, bytes);
		}
		char *slash = strrchr(path, '/');
		if (slash == NULL)
			return least;
		*slash = '\0';
	}
}

static uint64_t read_memory_limit(const char *root)
{
	char text[FILE_BYTES];
	char path[PATH_BYTES];
	uint64_t least = WR_MACHINE_NO_LIMIT;
	if (!read_text(root, "/proc/self/cgroup", text))
		return least;
	const char *at = behind(text, "0::");
	if (at != NULL) {
		first_word(at, path, sizeof path);
		least = tightest(root, "/sys/fs/cgroup", "memory.max", path);
	}
	at = strstr(text, ":memory:");
	if (at != NULL) {
		first_word(at + strlen(":memory:"), path, sizeof path);
		least = wr_min_u64(least, tightest(root, "/sys/fs/cgroup/memory",
						   "memory.limit_in_bytes", path));
	}
	return least;
}

/* ---- CPUs ---- */

static void read_governors(const char *root, const struct wr_cpu_set *present,
			   struct wr_machine *machine)
{
	char path[128];
	char text[FILE_BYTES];
	char governor[32];
	for (uint32_t cpu = 0; cpu < WR_CPUS_MAX; cpu++) {
		if (!wr_cpu_set_has(present, cpu))
			continue;
		(void)snprintf(path, sizeof path,
			       "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor", cpu);
		if (!read_text(root, path, text))
			continue;
		first_word(text, governor, sizeof governor);
		if (strcmp(governor, "performance") == 0)
			continue;
		if (machine->governor[0] == '\0')
			memcpy(machine->governor, governor, sizeof governor);
		wr_cpu_set_add(&machine->slow, cpu);
	}
}

/* ---- huge pages ---- */

/* The word in brackets: "always [madvise] never". */
static void read_choice(const char *root, const char *path, char to[16])
{
	char text[FILE_BYTES];
	if (!read_text(root, path, text))
		return;
	const char *at = strchr(text, '[');
	size_t bytes = at != NULL ? strcspn(at + 1, "]") : 0;
	if (bytes < 16)
		(void)snprintf(to, 16, "%.*s", (int)bytes, at != NULL ? at + 1 : "");
}

/* False where there is no such file. */
static bool read_number(const char *root, const char *dir, const char *name, uint64_t *ret_number)
{
	char path[160];
	char text[FILE_BYTES];
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	*ret_number = 0;
	if (!read_text(root, path, text))
		return false;
	*ret_number = strtoull(text, NULL, 10);
	return true;
}

static void read_pages(const char *root, uint32_t kib, struct wr_machine_pages *pages)
{
	char dir[128];
	uint64_t unused;
	uint64_t promised;
	uint64_t more;
	uint64_t made;
	(void)snprintf(dir, sizeof dir, "/sys/kernel/mm/hugepages/hugepages-%ukB", kib);
	pages->is_there = read_number(root, dir, "nr_hugepages", &pages->total);
	(void)read_number(root, dir, "free_hugepages", &unused);
	(void)read_number(root, dir, "resv_hugepages", &promised);
	(void)read_number(root, dir, "nr_overcommit_hugepages", &more);
	(void)read_number(root, dir, "surplus_hugepages", &made);
	pages->unused = unused > promised ? unused - promised : 0;
	pages->unused += more > made ? more - made : 0;
	for (uint32_t node = 0; node < WR_MACHINE_NODES_MAX; node++) {
		(void)snprintf(dir, sizeof dir,
			       "/sys/devices/system/node/node%u/hugepages/hugepages-%ukB", node,
			       kib);
		if (read_number(root, dir, "free_hugepages", &pages->node_unused[node]))
			pages->node_count = node + 1;
	}
}

/* ---- rights ---- */

/* A right counts for limits of the machine only where the process is not in a world of its own:
 * there ids are those of the machine, all of them. */
static void read_rights(const char *root, struct wr_machine *machine)
{
	char text[FILE_BYTES];
	unsigned long long inside = 0;
	unsigned long long outside = 0;
	unsigned long long count = UINT32_MAX;
	if (read_text(root, "/proc/self/uid_map", text))
		(void)sscanf(text, "%llu %llu %llu", &inside, &outside, &count);
	const char *set =
		read_text(root, "/proc/self/status", text) ? behind(text, "CapEff:") : NULL;
	if (set == NULL || inside != 0 || outside != 0 || count < UINT32_MAX)
		return;
	uint64_t rights = strtoull(set, NULL, 16);
	machine->may_lock = (rights >> CAP_IPC_LOCK & 1) != 0;
	machine->may_schedule = (rights >> CAP_SYS_NICE & 1) != 0;
}

/* The kernel's "real-time throttling": on unless the runtime is -1, or the whole period. */
static void read_throttling(const char *root, struct wr_machine *machine)
{
	char runtime[FILE_BYTES];
	char period[FILE_BYTES];
	if (!read_text(root, "/proc/sys/kernel/sched_rt_runtime_us", runtime) ||
	    !read_text(root, "/proc/sys/kernel/sched_rt_period_us", period))
		return;
	long long us = strtoll(runtime, NULL, 10);
	machine->stops_real_time = us >= 0 && us < strtoll(period, NULL, 10);
}

/* ---- the whole ---- */

/* By system call: the library behind this one has no liburing. Nothing is made: with no entries the
 * kernel says EINVAL where it would make one, and ENOSYS or EPERM where it would not. */
static int try_uring(void)
{
	uint64_t no_parameters[32] = {0};
	long fd = syscall(__NR_io_uring_setup, 0, no_parameters);
	if (fd >= 0) {
		(void)close((int)fd);
		return 0;
	}
	return errno == EINVAL ? 0 : -errno;
}

void wr_machine_read(const char *root, const struct wr_cpu_set *present,
		     struct wr_machine *ret_machine)
{
	char text[FILE_BYTES];
	struct wr_machine machine = {0};
	const char *prefix = root != NULL ? root : "";
	if (!read_text(prefix, "/proc/self/limits", text))
		text[0] = '\0';
	machine.descriptors = read_limit(text, "Max open files");
	machine.locked = read_limit(text, "Max locked memory");
	machine.file_bytes = read_limit(text, "Max file size");
	machine.real_time = read_limit(text, "Max realtime priority");
	const char *kib =
		read_text(prefix, "/proc/meminfo", text) ? behind(text, "MemAvailable:") : NULL;
	if (kib != NULL)
		machine.memory_available_bytes = strtoull(kib, NULL, 10) * 1024;
	machine.memory_limit_bytes = read_memory_limit(prefix);
	if (read_text(prefix, "/proc/sys/kernel/io_uring_disabled", text))
		machine.uring_disabled = (uint32_t)strtoul(text, NULL, 10);
	machine.uring_code = root == NULL ? try_uring() : machine.uring_disabled > 0 ? -EPERM : 0;
	if (read_text(prefix, "/sys/devices/system/cpu/smt/active", text))
		machine.smt_active = text[0] == '1';
	if (read_text(prefix, "/sys/devices/system/cpu/nohz_full", text) &&
	    wr_cpu_set_parse(text, &machine.tickless) != 0)
		machine.tickless = (struct wr_cpu_set){{0}};
	read_governors(prefix, present, &machine);
	read_choice(prefix, "/sys/kernel/mm/transparent_hugepage/enabled", machine.huge_pages);
	read_choice(prefix, "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
		    machine.shared_pages);
	read_pages(prefix, 2048, &machine.pages_2m);
	read_pages(prefix, 1048576, &machine.pages_1g);
	read_rights(prefix, &machine);
	read_throttling(prefix, &machine);
	*ret_machine = machine;
}
