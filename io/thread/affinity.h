/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CPUs this process may use, whether a plan of threads fits them, and pinning.
 *
 * Allowed are the CPUs of the process that are also in the cgroup's effective cpuset. Of the
 * process are those that it had when libweir was loaded, and those that its first thread or the
 * calling one may use now: a thread that has pinned itself says nothing about where others may
 * run, and cannot be told from a process that was started on one CPU in any other way. The
 * cgroup's CPU quota (cpu.max) is a second limit: spinning threads burn it while they wait, and
 * then the whole process is throttled.
 *
 * Thread: any, at open. Nothing here has state but the mask of the beginning.
 */
#ifndef WR_THREAD_AFFINITY_H
#define WR_THREAD_AFFINITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>
#include <weir/options.h>

#include "io/posix/cpu_set.h"

/* Threads of one plan. */
#define WR_THREAD_PLANS_MAX 256u
#define WR_QUOTA_NONE UINT64_MAX
/* From so many usable CPUs on a thread of its own for the journal pays. */
#define WR_JOURNAL_THREAD_CPUS 4u

struct wr_affinity {
	struct wr_cpu_set allowed;
	uint32_t allowed_count;
	uint64_t quota_millicpus; /* thousandths of a CPU; WR_QUOTA_NONE */
	char cgroup[128];         /* the cgroup that narrowed either, for messages; or "" */
};

/*
 * Reads the limits of the process. `root` NULL: the running system. Else the root of a tree
 * with proc/self/status, proc/self/cgroup and sys/fs/cgroup, as tests build it. What the tree does
 * not have is no limit. cgroup v2, v1 and both at once.
 *
 * @return 0, or -errno when the mask cannot be read, or -ENOENT when a tree names no CPU at all
 */
int wr_affinity_scan(const char *root, struct wr_affinity *ret_affinity);

/* How many CPUs' worth of work the process gets at once: CPUs or quota, at least 1. */
uint32_t wr_affinity_usable_cpus(const struct wr_affinity *affinity);

/* A thread that is to be started. */
struct wr_thread_plan {
	const char *name;    /* the option's, "log", "group": for messages */
	enum weir_wait wait; /* asked; changed to what is granted */
	uint32_t cpu_count;  /* 0: not pinned, any allowed CPU */
	const uint16_t *cpus;
	enum weir_scheduler scheduler; /* asked; changed to what is granted (scheduling.h) */
	uint32_t priority;
	uint32_t threads_max; /* threads of this kind at once, where it is more than one */
};

/*
 * Checks a plan: every CPU must be allowed, and each spinning thread gets a CPU that no other
 * spinning thread is given, within the quota. A spinner too many is refused when `strict`, and
 * becomes ADAPTIVE when not. WEIR_WAIT_DEFAULT becomes ADAPTIVE.
 *
 * @param ret_problem  may be NULL; filled in when the result is not 0: the error, or the note
 *                     about the first spinner that was degraded (code 0)
 * @return how many spinners were degraded, or -EINVAL; the plan is unchanged then
 */
int wr_affinity_check(const struct wr_affinity *affinity, struct wr_thread_plan *plans,
		      uint32_t plan_count, bool strict, struct weir_problem *ret_problem);

/*
 * The set of a list of CPUs; with none in it, all that are allowed. -EINVAL when one of them is not
 * allowed, with the reason in the problem (which may be NULL); `name` is the option's.
 */
int wr_affinity_set_of(const struct wr_affinity *affinity, const char *name,
		       const struct weir_cpu_list *list, struct wr_cpu_set *ret_set,
		       struct weir_problem *ret_problem);

/*
 * Pins the calling thread to exactly these CPUs; a count of 0 leaves it as it is.
 * @return 0, or -EINVAL when one of them is not allowed (the mask is as it was before), or -errno
 */
int wr_affinity_pin(const uint16_t *cpus, uint32_t cpu_count);

/* The CPU that the calling thread runs on now, or -errno. */
int wr_affinity_current_cpu(void);

#endif
