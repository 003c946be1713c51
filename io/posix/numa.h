/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On which NUMA node memory should lie, and binding it there: by raw system calls, on machines that
 * have more than one node. Decided once at open from the options' CPUs, so that it does not depend
 * on where the opening thread happens to run.
 *
 * Binding is a preference: memory comes from another node when that one is full, since a strict
 * binding would end in the kernel killing the process.
 *
 * Thread: any, at open.
 */
#ifndef WR_POSIX_NUMA_H
#define WR_POSIX_NUMA_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/error.h>
#include <weir/options.h>

#include "core/port/memory.h"
#include "io/posix/cpu_set.h"

#define WR_NUMA_NODES_MAX 1024u
#define WR_NUMA_NOWHERE (-1)

struct wr_numa {
	bool active; /* more than one node, and something to do */
	bool interleave;
	struct wr_cpu_set nodes;        /* with memory, that this process may use */
	int node_of[WR_MEMORY_WRITERS]; /* or WR_NUMA_NOWHERE */
	/* mbind(2); a test puts its own here. 0 or -errno. */
	int (*bind)(void *at, size_t bytes, int mode, const unsigned long *nodes,
		    unsigned long bits);
};

/*
 * Reads the nodes and decides. `root` NULL: the running system; else a tree with proc/self/status
 * and sys/devices/system/node. What cannot be read is a machine of one node.
 *
 * @return 0, or -EINVAL with the problem (which may be NULL) when numa_node is no node of this
 *         process
 */
int wr_numa_plan(const char *root, const struct weir_options *options, struct wr_numa *ret_numa,
		 struct weir_problem *ret_problem);

/* Binds a mapping before it is touched, for who will write it. 0 (or nothing to do), -errno. */
int wr_numa_bind(const struct wr_numa *numa, enum wr_memory_writer writer, void *at, size_t bytes);

#endif
