/* SPDX-License-Identifier: Apache-2.0 */
/* See numa.h. */
#include "io/posix/numa.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/posix/text_file.h"

#define TEXT_BYTES 16384
#define NODE_DIR "/sys/devices/system/node"
#define WORD_BITS (8 * sizeof(unsigned long))

static int system_bind(void *at, size_t bytes, int mode, const unsigned long *nodes,
		       unsigned long bits)
{
	return syscall(SYS_mbind, at, bytes, mode, nodes, bits, 0) == 0 ? 0 : -errno;
}

/* ---- the machine ---- */

static bool read_list(const char *root, const char *name, struct wr_cpu_set *ret_set)
{
	char path[512];
	char text[TEXT_BYTES];

	(void)snprintf(path, sizeof path, "%s%s", root, name);
	return wr_text_read(path, text, sizeof text) && wr_cpu_set_parse(text, ret_set) == 0;
}

/* The cpuset's memories, as the status file shows them; false: not said. */
static bool read_allowed(const char *root, struct wr_cpu_set *ret_set)
{
	static const char key[] = "\nMems_allowed_list:";
	char path[512];
	char text[TEXT_BYTES];

	(void)snprintf(path, sizeof path, "%s/proc/self/status", root);
	char *list = wr_text_read(path, text, sizeof text) ? strstr(text, key) : NULL;
	if (list == NULL)
		return false;
	list += sizeof key - 1;
	list[strcspn(list, "\n")] = '\0';
	return wr_cpu_set_parse(list, ret_set) == 0;
}

/* Nodes that have memory which this process may use. */
static void read_nodes(const char *root, struct wr_cpu_set *ret_nodes)
{
	struct wr_cpu_set allowed;

	*ret_nodes = (struct wr_cpu_set){{0}};
	if (!read_list(root, NODE_DIR "/has_memory", ret_nodes) &&
	    !read_list(root, NODE_DIR "/online", ret_nodes))
		return;
	if (!read_allowed(root, &allowed))
		return;
	for (size_t i = 0; i < WR_ARRAY_COUNT(allowed.words); i++)
		ret_nodes->words[i] &= allowed.words[i];
}

/* The one node that all these CPUs belong to, or WR_NUMA_NOWHERE. */
static int node_of_cpus(const char *root, const struct wr_cpu_set *nodes, const uint16_t *cpus,
			uint32_t cpu_count)
{
	for (uint32_t node = 0; node < WR_NUMA_NODES_MAX && cpu_count > 0; node++) {
		struct wr_cpu_set here;
		char name[64];
		uint32_t inside = 0;
		(void)snprintf(name, sizeof name, NODE_DIR "/node%u/cpulist", node);
		if (!wr_cpu_set_has(nodes, node) || !read_list(root, name, &here))
			continue;
		for (uint32_t i = 0; i < cpu_count; i++)
			inside += wr_cpu_set_has(&here, cpus[i]);
		if (inside > 0)
			return inside == cpu_count ? (int)node : WR_NUMA_NOWHERE;
	}
	return WR_NUMA_NOWHERE;
}

/* ---- the plan ---- */

static int refuse_node(const struct weir_options *o, const struct wr_cpu_set *nodes,
		       struct weir_problem *ret_problem)
{
	char list[64];

	if (ret_problem == NULL)
		return -EINVAL;
	wr_cpu_set_format(nodes, list, sizeof list);
	*ret_problem = (struct weir_problem){.code = -EINVAL, .field = "numa_node"};
	(void)snprintf(ret_problem->text, sizeof ret_problem->text,
		       "node %u has no memory for this process: nodes here: %s", o->numa_node,
		       list[0] != '\0' ? list : "0");
	return -EINVAL;
}

static void plan_near_writers(const char *root, const struct weir_options *o, struct wr_numa *numa)
{
	const struct weir_thread_options *group = &o->group;
	const struct weir_thread_options *handler = &o->handler;
	int log = node_of_cpus(root, &numa->nodes, o->log.cpus, o->log.cpu_count);
	int members = node_of_cpus(root, &numa->nodes, handler->cpus, handler->cpu_count);

	numa->node_of[WR_WRITTEN_BY_LOG] = log;
	numa->node_of[WR_WRITTEN_BY_GROUP] =
		node_of_cpus(root, &numa->nodes, group->cpus, group->cpu_count);
	/* Who writes these is not known: near who reads them. */
	numa->node_of[WR_WRITTEN_BY_PRODUCERS] = log;
	numa->node_of[WR_WRITTEN_BY_MEMBERS] = members != WR_NUMA_NOWHERE ? members : log;
}

int wr_numa_plan(const char *root, const struct weir_options *options, struct wr_numa *ret_numa,
		 struct weir_problem *ret_problem)
{
	struct wr_numa numa = {.bind = system_bind};
	const char *prefix = root != NULL ? root : "";

	for (size_t i = 0; i < WR_MEMORY_WRITERS; i++)
		numa.node_of[i] = WR_NUMA_NOWHERE;
	read_nodes(prefix, &numa.nodes);
	if (wr_cpu_set_count(&numa.nodes) == 0)
		wr_cpu_set_add(&numa.nodes, 0);
	if (options->numa == WEIR_NUMA_NODE && !wr_cpu_set_has(&numa.nodes, options->numa_node))
		return refuse_node(options, &numa.nodes, ret_problem);
	if (wr_cpu_set_count(&numa.nodes) > 1 && options->numa != WEIR_NUMA_OFF) {
		numa.active = true;
		numa.interleave = options->numa == WEIR_NUMA_INTERLEAVE;
		if (options->numa == WEIR_NUMA_AUTO)
			plan_near_writers(prefix, options, &numa);
		for (size_t i = 0; options->numa == WEIR_NUMA_NODE && i < WR_MEMORY_WRITERS; i++)
			numa.node_of[i] = (int)options->numa_node;
	}
	*ret_numa = numa;
	return 0;
}

int wr_numa_bind(const struct wr_numa *numa, enum wr_memory_writer writer, void *at, size_t bytes)
{
	unsigned long nodes[WR_NUMA_NODES_MAX / WORD_BITS] = {0};
	int node = numa->node_of[writer];

	if (!numa->active || (!numa->interleave && node == WR_NUMA_NOWHERE))
		return 0;
	for (uint32_t i = 0; i < WR_NUMA_NODES_MAX; i++)
		if (numa->interleave ? wr_cpu_set_has(&numa->nodes, i) : (int)i == node)
			nodes[i / WORD_BITS] |= 1ul << (i % WORD_BITS);
	/* One bit more than there are: the kernel leaves the last one out. */
	return numa->bind(at, bytes, numa->interleave ? MPOL_INTERLEAVE : MPOL_PREFERRED, nodes,
			  WR_NUMA_NODES_MAX + 1);
}
