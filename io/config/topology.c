/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From hwloc's tree to plain arrays. The only file that includes hwloc.
 *
 * CPUs that this process may not use are read, too: a drawing shows them, and an error about one
 * says that it is there. I/O devices and what lies above a package are not looked at.
 *
 * A CPU belongs to the NUMA node with the fewest CPUs around it: where high-bandwidth memory is a
 * node of its own beside the ordinary one, that is the first of two alike.
 *
 * hwloc itself looks at its environment variables; when they put another machine in the place of
 * this one, the origin says so.
 *
 * Thread: any; no state.
 */
#include "io/config/topology.h"

#include <errno.h>
#include <fcntl.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"

#define NOT_THIS_ONE "the machine that HWLOC_XMLFILE or HWLOC_SYNTHETIC describes"
#define ISOLATED_INFO "IsolatedCPUs"
/* What hwloc itself can tell of it depends on whether it has libxml. */
#define NO_XML "is not hwloc's XML of a machine (lstopo --of xml writes it)"

static int refuse(struct weir_problem *ret_problem, int code, const char *origin, const char *why)
{
	if (ret_problem == NULL)
		return code;
	*ret_problem = (struct weir_problem){.code = code};
	(void)snprintf(ret_problem->text, sizeof ret_problem->text, "%.120s: %.80s", origin, why);
	return code;
}

/* ---- one CPU ---- */

static uint16_t index_of_ancestor(hwloc_topology_t hwloc, hwloc_obj_t pu, hwloc_obj_type_t type)
{
	hwloc_obj_t above = hwloc_get_ancestor_obj_by_type(hwloc, type, pu);
	return above != NULL ? (uint16_t)above->logical_index : WR_TOPOLOGY_NONE;
}

static uint16_t node_of(hwloc_topology_t hwloc, hwloc_obj_t pu)
{
	hwloc_obj_t nearest = NULL;
	int nearest_cpus = 0;
	for (hwloc_obj_t node = NULL;
	     (node = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_NUMANODE, node)) != NULL;) {
		int cpus = hwloc_bitmap_weight(node->cpuset);
		if (!hwloc_bitmap_isset(node->cpuset, pu->os_index) ||
		    (nearest != NULL && cpus >= nearest_cpus))
			continue;
		nearest = node;
		nearest_cpus = cpus;
	}
	return nearest != NULL ? (uint16_t)nearest->os_index : 0;
}

static void read_cpu(hwloc_topology_t hwloc, hwloc_obj_t pu, struct wr_topology *t)
{
	struct wr_topology_cpu *c = &t->cpus[t->cpu_count];
	*c = (struct wr_topology_cpu){
		.cpu = (uint16_t)pu->os_index,
		.core = index_of_ancestor(hwloc, pu, HWLOC_OBJ_CORE),
		.l3 = index_of_ancestor(hwloc, pu, HWLOC_OBJ_L3CACHE),
		.package = index_of_ancestor(hwloc, pu, HWLOC_OBJ_PACKAGE),
		.node = node_of(hwloc, pu),
		.isolated = wr_cpu_set_has(&t->isolated, pu->os_index),
	};
	/* Where the kernel tells no cores (some virtual machines), each CPU is one. */
	if (c->core == WR_TOPOLOGY_NONE)
		c->core = (uint16_t)pu->logical_index;
	if (c->package == WR_TOPOLOGY_NONE)
		c->package = 0;
	for (uint32_t i = 0; i < t->cpu_count; i++)
		c->sibling = (uint16_t)(c->sibling + (t->cpus[i].core == c->core));
	wr_cpu_set_add(&t->present, c->cpu);
	if (hwloc_bitmap_isset(hwloc_topology_get_allowed_cpuset(hwloc), pu->os_index))
		wr_cpu_set_add(&t->usable, c->cpu);
	t->cpu_count++;
}

/* ---- all of them ---- */

/* A node without memory is no place for any, but where nothing is said of memory. */
static void read_memories(hwloc_topology_t hwloc, struct wr_topology *t)
{
	hwloc_const_nodeset_t allowed = hwloc_topology_get_allowed_nodeset(hwloc);
	bool is_told = hwloc_get_root_obj(hwloc)->total_memory > 0;
	for (hwloc_obj_t node = NULL;
	     (node = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_NUMANODE, node)) != NULL;) {
		bool is_empty = is_told && node->attr->numanode.local_memory == 0;
		if (!is_empty && hwloc_bitmap_isset(allowed, node->os_index) &&
		    node->os_index < WR_CPUS_MAX)
			wr_cpu_set_add(&t->memories, node->os_index);
	}
	/* As weir_open() sees a machine that names none. */
	if (wr_cpu_set_count(&t->memories) == 0)
		wr_cpu_set_add(&t->memories, 0);
}

static void read_kinds(hwloc_topology_t hwloc, struct wr_topology *t)
{
	int count = hwloc_cpukinds_get_nr(hwloc, 0);
	hwloc_bitmap_t cpus = hwloc_bitmap_alloc();
	t->kind_count = 1;
	for (int kind = 0; cpus != NULL && kind < count; kind++) {
		struct hwloc_info_s *infos = NULL;
		unsigned info_count = 0;
		unsigned long capacity = 0;
		int rank = -1;
		if (hwloc_cpukinds_get_info(hwloc, (unsigned)kind, cpus, &rank, &info_count, &infos,
					    0) != 0)
			continue;
		for (unsigned i = 0; i < info_count; i++)
			if (strcmp(infos[i].name, "LinuxCapacity") == 0)
				capacity = strtoul(infos[i].value, NULL, 10);
		/* A rank of -1: hwloc cannot say which kind is faster. Then none is. */
		if (rank >= (int)t->kind_count)
			t->kind_count = (uint32_t)rank + 1;
		for (uint32_t i = 0; i < t->cpu_count; i++) {
			if (!hwloc_bitmap_isset(cpus, t->cpus[i].cpu))
				continue;
			t->cpus[i].kind = (uint16_t)(rank > 0 ? rank : 0);
			t->cpus[i].capacity = (uint16_t)(capacity <= 1024 ? capacity : 1024);
		}
	}
	hwloc_bitmap_free(cpus);
}

static void read_machine(hwloc_topology_t hwloc, struct wr_topology *t)
{
	hwloc_obj_t root = hwloc_get_root_obj(hwloc);
	hwloc_obj_t package = hwloc_get_obj_by_type(hwloc, HWLOC_OBJ_PACKAGE, 0);
	hwloc_obj_t l3 = hwloc_get_obj_by_type(hwloc, HWLOC_OBJ_L3CACHE, 0);
	const char *model =
		package != NULL ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;
	if (model == NULL)
		model = hwloc_obj_get_info_by_name(root, "CPUModel");
	(void)snprintf(t->model, sizeof t->model, "%s", model != NULL ? model : "");
	t->memory_bytes = root->total_memory;
	if (l3 != NULL)
		t->l3_bytes = l3->attr->cache.size;

	for (hwloc_obj_t pu = NULL;
	     (pu = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_PU, pu)) != NULL;)
		read_cpu(hwloc, pu, t);
	for (uint32_t i = 0; i < t->cpu_count; i++) {
		const struct wr_topology_cpu *c = &t->cpus[i];
		if (c->core >= t->core_count)
			t->core_count = c->core + 1u;
		if (c->l3 != WR_TOPOLOGY_NONE && c->l3 >= t->l3_count)
			t->l3_count = c->l3 + 1u;
		if (c->package >= t->package_count)
			t->package_count = c->package + 1u;
	}
	t->node_count = (uint32_t)hwloc_get_nbobjs_by_type(hwloc, HWLOC_OBJ_NUMANODE);
	read_memories(hwloc, t);
	read_kinds(hwloc, t);
}

static void add_list(const char *root, const char *path, struct wr_cpu_set *to)
{
	char full[1024];
	char text[4096];
	struct wr_cpu_set set;
	(void)snprintf(full, sizeof full, "%s%s", root, path);
	int fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t bytes = read(fd, text, sizeof text - 1);
	(void)close(fd);
	text[bytes > 0 ? bytes : 0] = '\0';
	if (wr_cpu_set_parse(text, &set) != 0)
		return;
	for (size_t i = 0; i < WR_ARRAY_COUNT(to->words); i++)
		to->words[i] |= set.words[i];
}

/* Of the running machine the kernel says it, of a described one an info of the root. */
static void read_isolated(hwloc_topology_t hwloc, const char *root, bool is_running,
			  struct wr_cpu_set *ret_set)
{
	if (!is_running) {
		const char *list =
			hwloc_obj_get_info_by_name(hwloc_get_root_obj(hwloc), ISOLATED_INFO);
		if (list != NULL)
			(void)wr_cpu_set_parse(list, ret_set);
		return;
	}
	/* At boot, and by cgroups (Linux 6.7). */
	add_list(root, "/sys/devices/system/cpu/isolated", ret_set);
	add_list(root, "/sys/fs/cgroup/cpuset.cpus.isolated", ret_set);
}

/* The highest number of a CPU that is there, or -1. */
static int last_cpu(hwloc_topology_t hwloc)
{
	return hwloc_bitmap_last(hwloc_topology_get_topology_cpuset(hwloc));
}

static int load(hwloc_topology_t hwloc, const char *path, const char *root,
		struct wr_topology **ret_topology, struct weir_problem *ret_problem)
{
	const char *origin = path != NULL ? path : "this machine";
	unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED |
			      HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS;
	errno = 0;
	if (path != NULL && hwloc_topology_set_xml(hwloc, path) != 0)
		return errno == EINVAL || errno == 0
			       ? refuse(ret_problem, -EINVAL, origin, NO_XML)
			       : refuse(ret_problem, -errno, origin, strerror(errno));
	if (hwloc_topology_set_flags(hwloc, flags) != 0 || hwloc_topology_load(hwloc) != 0)
		return refuse(ret_problem, path != NULL ? -EINVAL : -EIO, origin,
			      path != NULL ? NO_XML : "hwloc cannot read the topology");
	int count = hwloc_get_nbobjs_by_type(hwloc, HWLOC_OBJ_PU);
	if (count <= 0 || last_cpu(hwloc) >= (int)WR_CPUS_MAX)
		return refuse(ret_problem, -EINVAL, origin,
			      count <= 0 ? "has no CPU" : "has more CPUs than any kernel");

	struct wr_topology *t = calloc(1, sizeof *t + (size_t)count * sizeof t->cpus[0]);
	if (t == NULL)
		return refuse(ret_problem, -ENOMEM, origin, strerror(ENOMEM));
	(void)snprintf(t->origin, sizeof t->origin, "%s", origin);
	if (path == NULL && hwloc_topology_is_thissystem(hwloc) == 0)
		(void)snprintf(t->origin, sizeof t->origin, NOT_THIS_ONE);
	read_isolated(hwloc, root != NULL ? root : "", path == NULL, &t->isolated);
	read_machine(hwloc, t);
	*ret_topology = t;
	return 0;
}

static int read_topology(const char *path, const char *root, struct wr_topology **ret_topology,
			 struct weir_problem *ret_problem)
{
	hwloc_topology_t hwloc;
	if (hwloc_topology_init(&hwloc) != 0)
		return refuse(ret_problem, -ENOMEM, "topology", strerror(ENOMEM));
	int rc = load(hwloc, path, root, ret_topology, ret_problem);
	hwloc_topology_destroy(hwloc);
	return rc;
}

int wr_topology_read(const char *root, struct wr_topology **ret_topology,
		     struct weir_problem *ret_problem)
{
	return read_topology(NULL, root, ret_topology, ret_problem);
}

int wr_topology_read_xml(const char *path, struct wr_topology **ret_topology,
			 struct weir_problem *ret_problem)
{
	return read_topology(path, NULL, ret_topology, ret_problem);
}

void wr_topology_destroy(struct wr_topology *topology)
{
	free(topology);
}

const struct wr_topology_cpu *wr_topology_find(const struct wr_topology *topology, uint32_t cpu)
{
	for (uint32_t i = 0; i < topology->cpu_count; i++)
		if (topology->cpus[i].cpu == cpu)
			return &topology->cpus[i];
	return NULL;
}

void wr_topology_affinity(const struct wr_topology *topology, struct wr_affinity *ret_affinity)
{
	*ret_affinity = (struct wr_affinity){
		.allowed = topology->usable,
		.allowed_count = wr_cpu_set_count(&topology->usable),
		.quota_millicpus = WR_QUOTA_NONE,
	};
}
