/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: memory is bound to the node of the CPUs of who writes it, to one node, to all in turn, or
 * not at all, as the options say; nothing is done on a machine of one node; a node that is not
 * there is refused by name; and binding is a preference that the kernel takes.
 *
 * Method: trees of /proc and /sys files in a folder, made here, and a function in the place of
 * mbind(2) that notes what it is asked. On the machine itself the system call is made once.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/posix/memory_posix.h"
#include "io/posix/numa.h"
#include "tests/support/fake_root.h"

static struct weir_options options;
static struct wr_numa numa;
static struct weir_problem problem;

/* Node 0: CPUs 0-3; node 1: CPUs 4-7; node 2 has no memory. */
static void two_nodes(const char *allowed)
{
	char status[128];
	fake_root_put("sys/devices/system/node/has_memory", "0-1\n");
	fake_root_put("sys/devices/system/node/node0/cpulist", "0-3\n");
	fake_root_put("sys/devices/system/node/node1/cpulist", "4-7\n");
	fake_root_put("sys/devices/system/node/node2/cpulist", "8-11\n");
	(void)snprintf(status, sizeof status, "Name:\tx\nMems_allowed_list:\t%s\nThreads:\t1\n",
		       allowed);
	fake_root_put("proc/self/status", status);
}

static void set_up(void)
{
	fake_root_make();
	weir_options_init(&options);
	problem = (struct weir_problem){.code = 77};
}

TestSuite(numa, .init = set_up, .fini = fake_root_remove);

static void pin(struct weir_thread_options *t, uint16_t first, uint16_t second)
{
	t->cpu_count = 2;
	t->cpus[0] = first;
	t->cpus[1] = second;
}

static struct asked {
	int count;
	int mode;
	unsigned long nodes;
	unsigned long bits;
	size_t bytes;
	int answer;
} asked;

static int note_bind(void *at, size_t bytes, int mode, const unsigned long *nodes,
		     unsigned long bits)
{
	(void)at;
	asked.count++;
	asked.mode = mode;
	asked.nodes = nodes[0];
	asked.bits = bits;
	asked.bytes = bytes;
	return asked.answer;
}

/* What is asked for a mapping of this writer: the nodes as bits; 0: nothing. */
static unsigned long bound(enum wr_memory_writer writer)
{
	char byte;
	asked = (struct asked){.mode = -1};
	numa.bind = note_bind;
	cr_assert_eq(wr_numa_bind(&numa, writer, &byte, 1), 0);
	cr_assert(asked.count == 0 || (asked.count == 1 && asked.bits > 64 && asked.bytes == 1));
	return asked.nodes;
}

Test(numa, auto_is_near_the_cpus_of_who_writes)
{
	two_nodes("0-1");
	pin(&options.log, 4, 6);
	pin(&options.group, 0, 1);
	pin(&options.handler, 2, 3);
	cr_assert_eq(wr_numa_plan(fake_root, &options, &numa, &problem), 0);
	cr_expect(numa.active);
	cr_expect_eq(bound(WR_WRITTEN_BY_LOG), 2);
	cr_expect_eq(asked.mode, MPOL_PREFERRED);
	cr_expect_eq(bound(WR_WRITTEN_BY_GROUP), 1);
	cr_expect_eq(bound(WR_WRITTEN_BY_PRODUCERS), 2, "near who reads them");
	cr_expect_eq(bound(WR_WRITTEN_BY_MEMBERS), 1);
}

Test(numa, auto_does_nothing_for_threads_that_may_be_anywhere)
{
	two_nodes("0-1");
	pin(&options.group, 3, 4); // on both nodes
	cr_assert_eq(wr_numa_plan(fake_root, &options, &numa, &problem), 0);
	for (int i = 0; i < WR_MEMORY_WRITERS; i++)
		cr_expect_eq(bound((enum wr_memory_writer)i), 0);
	cr_expect_eq(asked.count, 0);
}

Test(numa, one_node_all_nodes_or_none_on_request)
{
	two_nodes("0-1");
	pin(&options.log, 0, 1);
	options.numa = WEIR_NUMA_NODE;
	options.numa_node = 1;
	cr_assert_eq(wr_numa_plan(fake_root, &options, &numa, &problem), 0);
	cr_expect_eq(bound(WR_WRITTEN_BY_LOG), 2);
	cr_expect_eq(bound(WR_WRITTEN_BY_MEMBERS), 2);
	options.numa = WEIR_NUMA_INTERLEAVE;
	cr_assert_eq(wr_numa_plan(fake_root, &options, &numa, &problem), 0);
	cr_expect_eq(bound(WR_WRITTEN_BY_PRODUCERS), 3);
	cr_expect_eq(asked.mode, MPOL_INTERLEAVE);
	options.numa = WEIR_NUMA_OFF;
	cr_assert_eq(wr_numa_plan(fake_root, &options, &numa, &problem), 0);
	cr_expect(!numa.active);
	cr_expect_eq(bound(WR_WRITTEN_BY_LOG), 0);
}

Test(numa, a_node_that_is_not_there_is_refused_by_name)
{
	two_nodes("0-1");
	options.numa = WEIR_NUMA_NODE;
	options.numa_node = 2;
	cr_assert_eq(wr_numa_plan(fake_root, &options, &numa, &problem), -EINVAL);
	cr_expect_eq(problem.code, -EINVAL);
	cr_expect_str_eq(problem.field, "numa_node");
	cr_expect_not_null(strstr(problem.text, "node 2"), "%s", problem.text);
	cr_expect_not_null(strstr(problem.text, "0-1"), "%s", problem.text);
	options.numa_node = UINT32_MAX;
	cr_expect_eq(wr_numa_plan(fake_root, &options, &numa, NULL), -EINVAL);
	/* A cpuset leaves one of two. */
	two_nodes("0");
	options.numa_node = 1;
	cr_expect_eq(wr_numa_plan(fake_root, &options, &numa, &problem), -EINVAL);
}

Test(numa, a_machine_of_one_node_is_left_alone)
{
	pin(&options.log, 0, 1);
	cr_assert_eq(wr_numa_plan(fake_root, &options, &numa, &problem), 0, "nothing can be read");
	cr_expect(!numa.active);
	two_nodes("1");
	cr_assert_eq(wr_numa_plan(fake_root, &options, &numa, &problem), 0, "one node is allowed");
	cr_expect(!numa.active);
	options.numa = WEIR_NUMA_INTERLEAVE;
	cr_assert_eq(wr_numa_plan(fake_root, &options, &numa, &problem), 0);
	cr_expect_eq(bound(WR_WRITTEN_BY_LOG), 0);
	options.numa = WEIR_NUMA_NODE;
	options.numa_node = 1;
	cr_expect_eq(wr_numa_plan(fake_root, &options, &numa, &problem), 0);
}

/* An emulator, or a filter: told once, and the memory comes from somewhere. */
Test(numa, a_refused_binding_is_a_note_and_no_error)
{
	struct wr_memory_posix posix;
	struct wr_memory *m = &posix.memory;
	struct wr_mapping mappings[2];
	two_nodes("0-1");
	options.numa = WEIR_NUMA_INTERLEAVE;
	cr_assert_eq(wr_numa_plan(fake_root, &options, &numa, &problem), 0);
	asked = (struct asked){.answer = -ENOSYS};
	numa.bind = note_bind;
	cr_assert_eq(wr_memory_posix_init(&posix, NULL), 0);
	wr_memory_posix_use(&posix, &(struct wr_memory_policy){.numa = &numa});
	cr_assert_eq(m->ops->map_pool(m, 1u << 20, &mappings[0]), 0);
	cr_assert_eq(m->ops->map_ring(m, 1u << 20, &mappings[1]), 0);
	cr_expect_eq(asked.count, 2);
	cr_expect_eq(asked.bytes, 1u << 20);
	cr_expect_not_null(strstr(posix.numa_note, "ENOSYS"), "%s", posix.numa_note);
	m->ops->unmap(m, &mappings[0]);
	m->ops->unmap(m, &mappings[1]);
}

/* Its own way into the kernel, whatever the machine has of nodes. */
Test(numa, the_kernel_takes_a_binding)
{
	struct wr_memory_posix posix;
	struct wr_memory *m = &posix.memory;
	struct wr_mapping pool;
	cr_assert_eq(wr_numa_plan(NULL, &options, &numa, &problem), 0);
	numa.active = true;
	while (!wr_cpu_set_has(&numa.nodes, (uint32_t)++numa.node_of[WR_WRITTEN_BY_LOG]))
		continue;
	cr_assert_eq(wr_memory_posix_init(&posix, NULL), 0);
	wr_memory_posix_use(&posix, &(struct wr_memory_policy){.numa = &numa});
	cr_assert_eq(m->ops->map_pool(m, 1u << 20, &pool), 0);
	if (strstr(posix.numa_note, "ENOSYS") != NULL) {
		fake_root_remove(); /* who skips does not come to the end of the suite */
		cr_skip_test("a kernel or an emulator without NUMA");
	}
	cr_expect_str_eq(posix.numa_note, "");
	m->ops->unmap(m, &pool);
}
