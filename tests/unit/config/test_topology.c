/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the arrays say of a machine what its description says, and what is no description is
 * refused with a reason. Method: the machines of tests/data/topology, looked up by hand; the
 * machine that this runs on, against what its kernel says.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/config/topology.h"
#include "tests/support/fake_root.h"

static struct wr_topology *read_machine(const char *name)
{
	char path[PATH_MAX];
	struct wr_topology *topology = NULL;
	struct weir_problem problem = {0};
	(void)snprintf(path, sizeof path, "%s/tests/data/topology/%s.xml",
		       getenv("WEIR_TEST_SOURCE"), name);
	cr_assert_eq(wr_topology_read_xml(path, &topology, &problem), 0, "%s", problem.text);
	cr_assert_str_eq(topology->origin, path);
	return topology;
}

static void assert_cpu(const struct wr_topology *topology, uint16_t cpu,
		       struct wr_topology_cpu wanted)
{
	const struct wr_topology_cpu *c = wr_topology_find(topology, cpu);
	cr_assert_not_null(c, "CPU %u", cpu);
	cr_assert_eq(c->cpu, cpu);
	cr_assert_eq(c->core, wanted.core, "core of %u is %u", cpu, c->core);
	cr_assert_eq(c->sibling, wanted.sibling, "sibling of %u is %u", cpu, c->sibling);
	cr_assert_eq(c->l3, wanted.l3, "l3 of %u is %u", cpu, c->l3);
	cr_assert_eq(c->node, wanted.node, "node of %u is %u", cpu, c->node);
	cr_assert_eq(c->package, wanted.package, "package of %u is %u", cpu, c->package);
	cr_assert_eq(c->kind, wanted.kind, "kind of %u is %u", cpu, c->kind);
	cr_assert_eq(c->capacity, wanted.capacity, "capacity of %u is %u", cpu, c->capacity);
	cr_assert_eq(c->isolated, wanted.isolated, "isolated of %u", cpu);
}

/* Siblings are numbered as Linux does on x86: 0-15 are the cores, 16-31 their second threads. */
Test(topology, two_sockets_with_four_caches)
{
	struct wr_topology *t = read_machine("two_sockets");
	cr_assert_eq(t->cpu_count, 32);
	cr_assert_eq(t->core_count, 16);
	cr_assert_eq(t->l3_count, 4);
	cr_assert_eq(t->node_count, 2);
	cr_assert_eq(t->package_count, 2);
	cr_assert_eq(t->kind_count, 1);
	cr_assert_eq(t->l3_bytes, 16u << 20);
	assert_cpu(t, 0, (struct wr_topology_cpu){0});
	assert_cpu(t, 16, (struct wr_topology_cpu){.sibling = 1});
	assert_cpu(t, 5, (struct wr_topology_cpu){.core = 5, .l3 = 1});
	assert_cpu(t, 8, (struct wr_topology_cpu){.core = 8, .l3 = 2, .node = 1, .package = 1});
	assert_cpu(t, 31,
		   (struct wr_topology_cpu){
			   .core = 15, .sibling = 1, .l3 = 3, .node = 1, .package = 1});
	cr_assert_null(wr_topology_find(t, 32));
	/* In the machine's order: both threads of core 0 come first. */
	cr_assert_eq(t->cpus[0].cpu, 0);
	cr_assert_eq(t->cpus[1].cpu, 16);
	wr_topology_destroy(t);
}

Test(topology, the_fast_cores_of_a_big_little_machine)
{
	struct wr_topology *t = read_machine("big_little");
	cr_assert_eq(t->cpu_count, 8);
	cr_assert_eq(t->core_count, 8);
	cr_assert_eq(t->kind_count, 2);
	for (uint16_t cpu = 0; cpu < 4; cpu++)
		assert_cpu(t, cpu, (struct wr_topology_cpu){.core = cpu, .capacity = 446});
	for (uint16_t cpu = 4; cpu < 8; cpu++)
		assert_cpu(t, cpu,
			   (struct wr_topology_cpu){.core = cpu, .kind = 1, .capacity = 1024});
	wr_topology_destroy(t);
}

/* Each package has ordinary memory, nodes 0 and 2, and a node of fast memory beside it. */
Test(topology, cpus_belong_to_the_first_of_nodes_that_are_alike)
{
	struct wr_topology *t = read_machine("two_memories");
	char text[64];
	cr_assert_eq(t->node_count, 4);
	wr_cpu_set_format(&t->memories, text, sizeof text);
	cr_assert_str_eq(text, "0-3");
	assert_cpu(t, 1, (struct wr_topology_cpu){.core = 1, .l3 = WR_TOPOLOGY_NONE});
	assert_cpu(t, 3,
		   (struct wr_topology_cpu){
			   .core = 3, .l3 = WR_TOPOLOGY_NONE, .node = 2, .package = 1});
	wr_topology_destroy(t);
}

Test(topology, what_the_described_process_may_use)
{
	struct wr_affinity affinity;
	struct wr_topology *t = read_machine("one_cpu_cpuset");
	cr_assert_eq(t->cpu_count, 2);
	wr_topology_affinity(t, &affinity);
	cr_assert_eq(affinity.allowed_count, 1);
	cr_assert(wr_cpu_set_has(&affinity.allowed, 0));
	cr_assert_eq(affinity.quota_millicpus, WR_QUOTA_NONE);
	wr_topology_destroy(t);
}

Test(topology, isolated_cpus_are_an_info_of_a_described_machine)
{
	struct wr_topology *t = read_machine("isolated");
	char text[64];
	wr_cpu_set_format(&t->isolated, text, sizeof text);
	cr_assert_str_eq(text, "4-7");
	assert_cpu(t, 3, (struct wr_topology_cpu){.core = 3, .l3 = WR_TOPOLOGY_NONE});
	assert_cpu(t, 4,
		   (struct wr_topology_cpu){.core = 4, .l3 = WR_TOPOLOGY_NONE, .isolated = true});
	cr_assert_eq(t->l3_count, 0);
	cr_assert_eq(t->l3_bytes, 0);
	wr_topology_destroy(t);
}

static void assert_refused(const char *text, int code, const char *reason)
{
	char path[] = "/tmp/weir-topology-XXXXXX";
	struct wr_topology *topology = NULL;
	struct weir_problem problem = {0};
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(close(fd), 0);
	cr_assert_eq(wr_topology_read_xml(path, &topology, &problem), code, "'%s'", text);
	cr_assert_null(topology);
	cr_assert_eq(problem.code, code);
	cr_assert_not_null(strstr(problem.text, path), "%s", problem.text);
	cr_assert_not_null(strstr(problem.text, reason), "%s", problem.text);
	cr_assert_eq(wr_topology_read_xml(path, &topology, NULL), code);
	cr_assert_eq(unlink(path), 0);
}

Test(topology, what_is_no_machine_is_refused)
{
	assert_refused("", -EINVAL, "is not hwloc's XML");
	assert_refused("garbage\n", -EINVAL, "is not hwloc's XML");
	assert_refused("<topology version=\"2.0\"><object type=", -EINVAL, "is not hwloc's XML");
	assert_refused("<foo/>", -EINVAL, "is not hwloc's XML of a machine");
	assert_refused("<topology version=\"2.0\"><object type=\"Pooh\"/></topology>", -EINVAL,
		       "is not hwloc's XML of a machine");
}

Test(topology, a_file_that_is_not_there_is_said_so)
{
	struct wr_topology *topology = NULL;
	struct weir_problem problem = {0};
	cr_assert_eq(wr_topology_read_xml("/nonexistent/x.xml", &topology, &problem), -ENOENT);
	cr_assert_str_eq(problem.text, "/nonexistent/x.xml: No such file or directory");
}

/* ---- the machine that this runs on ---- */

Test(topology, this_machine_has_every_cpu_that_this_process_may_use)
{
	struct wr_topology *t = NULL;
	struct weir_problem problem = {0};
	cpu_set_t allowed;
	cr_assert_eq(wr_topology_read(NULL, &t, &problem), 0, "%s", problem.text);
	cr_assert_str_eq(t->origin, "this machine");
	cr_assert_eq(sched_getaffinity(0, sizeof allowed, &allowed), 0);
	for (uint16_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cr_assert_not_null(wr_topology_find(t, cpu), "CPU %u", cpu);
	cr_assert_eq(wr_cpu_set_count(&t->present), t->cpu_count);
	cr_assert_geq(t->cpu_count, t->core_count);
	cr_assert_geq(t->core_count, t->package_count);
	wr_topology_destroy(t);
}

Test(topology, the_kernel_says_which_cpus_are_isolated)
{
	struct wr_topology *t = NULL;
	fake_root_make();
	fake_root_put("sys/devices/system/cpu/isolated", "0\n");
	fake_root_put("sys/fs/cgroup/cpuset.cpus.isolated", "70-71\n");
	cr_assert_eq(wr_topology_read(fake_root, &t, NULL), 0);
	cr_assert_eq(wr_cpu_set_count(&t->isolated), 3);
	cr_assert(wr_topology_find(t, 0)->isolated);
	wr_topology_destroy(t);
	fake_root_remove();
}

Test(topology, hwloc_may_be_told_another_machine)
{
	struct wr_topology *t = NULL;
	cr_assert_eq(setenv("HWLOC_SYNTHETIC", "pack:1 core:3 pu:1", 1), 0);
	cr_assert_eq(wr_topology_read(NULL, &t, NULL), 0);
	cr_assert_eq(t->cpu_count, 3);
	cr_assert_str_neq(t->origin, "this machine");
	wr_topology_destroy(t);
}
