/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel and its CPUs are set to, where somebody wants to know why this machine is slow:
 * beside machine.h, which has what a plan compares.
 *
 * Thread: any; no state.
 */
#ifndef WR_MACHINE_SYSTEM_H
#define WR_MACHINE_SYSTEM_H

#include "io/posix/cpu_set.h"

#define WR_SYSTEM_UNKNOWN (-1)
/* As wr_system.kernel_version has it. */
#define WR_KERNEL(major, minor) ((uint32_t)(major)*1000u + (uint32_t)(minor))

struct wr_system {
	char kernel[96];         /* the release, "6.1.0-18-amd64"; "": not known */
	uint32_t kernel_version; /* WR_KERNEL(); 0: not known */
	bool has_hypervisor;     /* one says so; false where nothing is said */
	bool in_container;       /* it has the marker of one; false where nothing is said */
	int seccomp;             /* of this process: 0 none, 1 strict, 2 a filter */

	struct wr_cpu_set online;
	struct wr_cpu_set isolated;
	struct wr_cpu_set no_callbacks; /* rcu_nocbs of the command line */
	char clock_source[32];          /* "" not known */
	char clock_sources[128];        /* that there are */
	char idle_governor[24];
	char idle_name[24];    /* of the deepest state of CPU 0 that is not disabled */
	uint32_t idle_wake_us; /* that the kernel reckons with to leave it */
	int turbo;             /* 1 on, 0 off */
	int smt;               /* second threads of cores are in use */

	bool knows_memory; /* the five that follow */
	uint64_t swap_bytes;
	uint64_t swap_used_bytes;
	int swappiness;
	int overcommit; /* vm.overcommit_memory */
	uint64_t commit_limit_bytes;
	uint64_t committed_bytes;
	char core_pattern[128];

	/* Of the cgroup, since it was made; 0 periods: it has no quota, or is not there. */
	uint64_t quota_periods;
	uint64_t quota_stopped; /* periods in which it was stopped */
	uint64_t quota_stopped_us;
};

/*
 * Never fails: what cannot be read is what the struct says for "not known".
 *
 * @param root    "": the running system. Else a tree with proc/ and sys/
 * @param cgroup  of the process, with its quota ("/system.slice/x.service"), or ""
 */
void wr_system_read(const char *root, const char *cgroup, struct wr_system *ret_system);

#endif
