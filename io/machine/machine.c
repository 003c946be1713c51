/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h. */
#include "io/machine/machine.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/machine/fact.h"

#define PATH_BYTES 1024

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
	const char *at = wr_fact_behind(limits, name);
	if (at == NULL)
		return limit;
	limit.soft = limit_number(&at);
	limit.hard = limit_number(&at);
	return limit;
}

/* "VmSize:     5312 kB" in bytes; 0: there is no such line. */
static uint64_t read_kib(const char *root, const char *path, const char *name)
{
	char text[WR_FACT_TEXT_BYTES];
	const char *kib = wr_fact_text(root, path, text) ? wr_fact_behind(text, name) : NULL;
	return kib != NULL ? strtoull(kib, NULL, 10) * 1024 : 0;
}

/* The tightest limit of a cgroup and of those above it. "max" is none, and so are v1's exabytes. */
static uint64_t tightest(const char *root, const char *base, const char *file, char *path)
{
	uint64_t least = WR_MACHINE_NO_LIMIT;
	char name[2 * PATH_BYTES];
	char text[WR_FACT_TEXT_BYTES];
	for (;;) {
		(void)snprintf(name, sizeof name, "%s%s/%s", base, path, file);
		if (wr_fact_text(root, name, text) && text[0] >= '0' && text[0] <= '9') {
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
	char text[WR_FACT_TEXT_BYTES];
	char path[PATH_BYTES];
	uint64_t least = WR_MACHINE_NO_LIMIT;
	if (!wr_fact_text(root, "/proc/self/cgroup", text))
		return least;
	const char *at = wr_fact_behind(text, "0::");
	if (at != NULL) {
		wr_fact_word(at, path, sizeof path);
		least = tightest(root, "/sys/fs/cgroup", "memory.max", path);
	}
	at = strstr(text, ":memory:");
	if (at != NULL) {
		wr_fact_word(at + strlen(":memory:"), path, sizeof path);
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
	char text[WR_FACT_TEXT_BYTES];
	char governor[32];
	for (uint32_t cpu = 0; cpu < WR_CPUS_MAX; cpu++) {
		if (!wr_cpu_set_has(present, cpu))
			continue;
		(void)snprintf(path, sizeof path,
			       "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor", cpu);
		if (!wr_fact_text(root, path, text))
			continue;
		wr_fact_word(text, governor, sizeof governor);
		if (strcmp(governor, "performance") == 0)
			continue;
		if (machine->governor[0] == '\0')
			memcpy(machine->governor, governor, sizeof governor);
		wr_cpu_set_add(&machine->slow, cpu);
	}
}

/* ---- huge pages ---- */

static void read_pages(const char *root, uint32_t kib, struct wr_machine_pages *pages)
{
	char dir[128];
	uint64_t unused;
	uint64_t promised;
	uint64_t more;
	uint64_t made;
	(void)snprintf(dir, sizeof dir, "/sys/kernel/mm/hugepages/hugepages-%ukB", kib);
	pages->is_there = wr_fact_number(root, dir, "nr_hugepages", &pages->total);
	(void)wr_fact_number(root, dir, "free_hugepages", &unused);
	(void)wr_fact_number(root, dir, "resv_hugepages", &promised);
	(void)wr_fact_number(root, dir, "nr_overcommit_hugepages", &more);
	(void)wr_fact_number(root, dir, "surplus_hugepages", &made);
	pages->unused = unused > promised ? unused - promised : 0;
	pages->unused += more > made ? more - made : 0;
	for (uint32_t node = 0; node < WR_MACHINE_NODES_MAX; node++) {
		(void)snprintf(dir, sizeof dir,
			       "/sys/devices/system/node/node%u/hugepages/hugepages-%ukB", node,
			       kib);
		if (wr_fact_number(root, dir, "free_hugepages", &pages->node_unused[node]))
			pages->node_count = node + 1;
	}
}

/* ---- rights ---- */

/* A right counts for limits of the machine only where the process is not in a world of its own:
 * there ids are those of the machine, all of them. */
static void read_rights(const char *root, struct wr_machine *machine)
{
	char text[WR_FACT_TEXT_BYTES];
	unsigned long long inside = 0;
	unsigned long long outside = 0;
	unsigned long long count = UINT32_MAX;
	if (wr_fact_text(root, "/proc/self/uid_map", text))
		(void)sscanf(text, "%llu %llu %llu", &inside, &outside, &count);
	const char *set = wr_fact_text(root, "/proc/self/status", text)
				  ? wr_fact_behind(text, "CapEff:")
				  : NULL;
	if (set == NULL || inside != 0 || outside != 0 || count < UINT32_MAX)
		return;
	uint64_t rights = strtoull(set, NULL, 16);
	machine->may_lock = (rights >> CAP_IPC_LOCK & 1) != 0;
	machine->may_schedule = (rights >> CAP_SYS_NICE & 1) != 0;
}

/* The kernel's "real-time throttling": on unless the runtime is -1, or the whole period. */
static void read_throttling(const char *root, struct wr_machine *machine)
{
	char runtime[WR_FACT_TEXT_BYTES];
	char period[WR_FACT_TEXT_BYTES];
	if (!wr_fact_text(root, "/proc/sys/kernel/sched_rt_runtime_us", runtime) ||
	    !wr_fact_text(root, "/proc/sys/kernel/sched_rt_period_us", period))
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
	char text[WR_FACT_TEXT_BYTES];
	struct wr_machine machine = {0};
	const char *prefix = root != NULL ? root : "";
	machine.knows_limits = wr_fact_text(prefix, "/proc/self/limits", text);
	if (!machine.knows_limits)
		text[0] = '\0';
	machine.descriptors = read_limit(text, "Max open files");
	machine.locked = read_limit(text, "Max locked memory");
	machine.file_bytes = read_limit(text, "Max file size");
	machine.address_bytes = read_limit(text, "Max address space");
	machine.stack_bytes = read_limit(text, "Max stack size");
	machine.real_time = read_limit(text, "Max realtime priority");
	machine.memory_available_bytes = read_kib(prefix, "/proc/meminfo", "MemAvailable:");
	machine.mapped_bytes = read_kib(prefix, "/proc/self/status", "VmSize:");
	machine.memory_limit_bytes = read_memory_limit(prefix);
	if (wr_fact_text(prefix, "/proc/sys/kernel/io_uring_disabled", text))
		machine.uring_disabled = (uint32_t)strtoul(text, NULL, 10);
	machine.uring_code = root == NULL ? try_uring() : machine.uring_disabled > 0 ? -EPERM : 0;
	if (wr_fact_text(prefix, "/sys/devices/system/cpu/smt/active", text))
		machine.smt_active = text[0] == '1';
	if (wr_fact_text(prefix, "/sys/devices/system/cpu/nohz_full", text) &&
	    wr_cpu_set_parse(text, &machine.tickless) != 0)
		machine.tickless = (struct wr_cpu_set){{0}};
	read_governors(prefix, present, &machine);
	wr_fact_choice(prefix, "/sys/kernel/mm/transparent_hugepage/enabled", machine.huge_pages,
		       sizeof machine.huge_pages);
	wr_fact_choice(prefix, "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
		       machine.shared_pages, sizeof machine.shared_pages);
	read_pages(prefix, 2048, &machine.pages_2m);
	read_pages(prefix, 1048576, &machine.pages_1g);
	read_rights(prefix, &machine);
	read_throttling(prefix, &machine);
	*ret_machine = machine;
}

const char *wr_machine_mend_uring(const struct wr_machine *machine, int uring_code)
{
	if (uring_code == -ENOSYS)
		return "Linux 5.11 or later, with CONFIG_IO_URING";
	if (machine->uring_disabled == 2)
		return "sysctl -w kernel.io_uring_disabled=0";
	if (machine->uring_disabled == 1)
		return "sysctl -w kernel.io_uring_disabled=0, or the process in the group of "
		       "kernel.io_uring_group";
	return "let io_uring_setup, io_uring_enter and io_uring_register through seccomp "
	       "(containers: --security-opt seccomp=FILE)";
}
