/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How people say which CPUs a thread may use. One small grammar, the same for every key:
 *
 *   auto            weir chooses
 *   none            not pinned
 *   4   2-5,8       CPUs by the kernel's numbers; both ends of a range count
 *   0-14:2          every second one of a range (0, 2, 4 ... 14)
 *   +3   +0-7       the n-th of the CPUs that this process is allowed to use, counted from 0
 *   node:0          the allowed CPUs of a NUMA node
 *   core:2-3        those of a physical core, SMT siblings included
 *   l3:0            those that share a level-3 cache
 *
 * After node:, core:, l3: and + stands a list as above, of logical indices. In YAML a list of
 * numbers, [4, 5], means the same as "4,5"; read.c joins it.
 *
 * This is text only: whether such a CPU, node or core exists, and whether it is allowed, is looked
 * up by who places threads.
 *
 * Thread: any; pure functions.
 */
#ifndef WR_CONFIG_CPUS_H
#define WR_CONFIG_CPUS_H

#include "io/config/fault.h"
#include "io/thread/affinity.h"

enum wr_cpu_request_kind {
	WR_CPUS_AUTO = 0,
	WR_CPUS_NONE,
	WR_CPUS_LIST,     /* set: CPUs by the kernel's numbers */
	WR_CPUS_RELATIVE, /* set: indices among the allowed CPUs */
	WR_CPUS_NODE,     /* set: NUMA nodes, by the kernel's numbers */
	WR_CPUS_CORE,     /* set: physical cores, hwloc's logical indices */
	WR_CPUS_L3,       /* set: level-3 caches, hwloc's logical indices */
};

struct wr_cpu_request {
	enum wr_cpu_request_kind kind;
	struct wr_cpu_set set; /* empty for AUTO and NONE, never empty for the others */
};

/*
 * Reads one request. No white space anywhere.
 *
 * @param text         `bytes` long, need not end in NUL
 * @param ret_request  set on success only
 * @param ret_fault    filled in on failure
 * @return 0 or -EINVAL
 */
int wr_cpu_request_parse(const char *text, size_t bytes, struct wr_cpu_request *ret_request,
			 struct wr_config_fault *ret_fault);

/* The same grammar, in its shortest form without strides: "auto", "node:0-1", "2-5,8". Ends in
 * "..." where it does not fit. to_bytes >= 16. Returns `to`. */
char *wr_cpu_request_format(const struct wr_cpu_request *request, char *to, size_t to_bytes);

#endif
