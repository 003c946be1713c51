/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as plain arrays: which CPUs share a core, a level-3 cache, a NUMA node, a package,
 * and which are the fast ones. Of the running machine, or of one that a file describes (the XML of
 * hwloc, as `lstopo --of xml` writes it).
 *
 * CPUs and NUMA nodes are called by the kernel's numbers; cores, level-3 caches and packages by
 * their logical indices, which are dense and count from 0 over the whole machine. The array of CPUs
 * is in the machine's own order (package, node, cache, core, sibling), so neighbours in it are
 * neighbours in silicon.
 *
 * This is all of the machine, not what the process may use: that is struct wr_affinity. Of a
 * machine from a file it is what the file says, by wr_topology_affinity().
 *
 * Thread: any; read at open, constant afterwards.
 */
#ifndef WR_CONFIG_TOPOLOGY_H
#define WR_CONFIG_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/error.h>

#include "io/thread/affinity.h"

/* No level-3 cache above this CPU. */
#define WR_TOPOLOGY_NONE UINT16_MAX

struct wr_topology_cpu {
	uint16_t cpu;      /* the kernel's number */
	uint16_t core;     /* index */
	uint16_t sibling;  /* place among the CPUs of its core, from 0 */
	uint16_t l3;       /* index, or WR_TOPOLOGY_NONE */
	uint16_t node;     /* the kernel's number */
	uint16_t package;  /* index */
	uint16_t kind;     /* 0: the slowest of kind_count kinds; higher is faster */
	uint16_t capacity; /* what the kernel calls it, 1024 at most; 0: it does not say */
	bool isolated;     /* kept free of the scheduler (isolcpus, isolated partitions) */
};

struct wr_topology {
	char origin[128]; /* "this machine", or the file */
	char model[128];  /* of the CPUs; "" */
	uint32_t cpu_count;
	uint32_t core_count;
	uint32_t l3_count;
	uint32_t node_count;
	uint32_t package_count;
	uint32_t kind_count; /* at least 1 */
	uint64_t l3_bytes;   /* of the first; 0: there is none */
	uint64_t memory_bytes;
	struct wr_cpu_set present;
	struct wr_cpu_set isolated;
	struct wr_cpu_set usable;      /* by the process that described the machine */
	struct wr_cpu_set memories;    /* numbers of the nodes that it may have memory of */
	struct wr_topology_cpu cpus[]; /* [cpu_count] */
};

/*
 * @param root          NULL: the running system. Else what stands before /sys when the lists of
 *                      isolated CPUs are read; the rest is the running machine all the same
 * @param ret_topology  for wr_topology_destroy()
 * @param ret_problem   may be NULL; filled in on failure
 * @return 0, -ENOMEM, or what hwloc said
 */
int wr_topology_read(const char *root, struct wr_topology **ret_topology,
		     struct weir_problem *ret_problem);

/*
 * The machine that a file describes. Of hwloc's infos about the machine one more is understood,
 * IsolatedCPUs, a list of CPUs: hwloc-annotate writes it.
 *
 * @return 0, -ENOMEM, -EINVAL (no description of a machine in it), or why it cannot be read
 */
int wr_topology_read_xml(const char *path, struct wr_topology **ret_topology,
			 struct weir_problem *ret_problem);

/* NULL is allowed. */
void wr_topology_destroy(struct wr_topology *topology);

/* The CPU with this number of the kernel, or NULL. */
const struct wr_topology_cpu *wr_topology_find(const struct wr_topology *topology, uint32_t cpu);

/* What the description says that its process may use; no quota. */
void wr_topology_affinity(const struct wr_topology *topology, struct wr_affinity *ret_affinity);

#endif
