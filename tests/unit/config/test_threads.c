/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what a file says of CPUs becomes CPUs of threads, and what the machine does not have is
 *         told at the number that names it.
 * Method: texts placed on machines of tests/data/topology; reports and options compared.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/check.h"
#include "io/config/config.h"
#include "io/config/read.h"
#include "io/config/threads.h"
#include "io/config/yaml.h"

static struct weir_config config;
static struct wr_topology *topology;
static struct wr_affinity affinity;
static char report[16384];

/* Reads and places; the report of all findings. */
static const char *place(const char *machine, const char *allowed, const char *yaml)
{
	char path[512];
	struct weir_problem problem = {0};
	struct wr_config_text text = {.to = report, .room_bytes = sizeof report};
	(void)snprintf(path, sizeof path, "%s/tests/data/topology/%s.xml",
		       getenv("WEIR_TEST_SOURCE"), machine);
	cr_assert_eq(wr_topology_read_xml(path, &topology, &problem), 0, "%s", problem.text);
	wr_topology_affinity(topology, &affinity);
	if (allowed != NULL) {
		cr_assert_eq(wr_cpu_set_parse(allowed, &affinity.allowed), 0);
		affinity.allowed_count = wr_cpu_set_count(&affinity.allowed);
		(void)snprintf(affinity.cgroup, sizeof affinity.cgroup, "/orders.service");
	}
	config.findings.arena = &config.arena;
	config.findings.source = &config.source;
	cr_assert_eq(wr_config_source_init(&config.source, &config.arena, "x", yaml, strlen(yaml)),
		     0);
	config.root = wr_config_yaml(&config.findings);
	cr_assert_not_null(config.root);
	weir_options_init(&config.values.options);
	wr_config_defaults(&wr_config_file, &config.values);
	wr_config_read(&config.findings, &wr_config_file, config.root, &config.values);
	config.values.options.numa = config.values.numa.how;
	config.values.options.numa_node = config.values.numa.node;
	wr_config_place_threads(&config.findings, config.root, &config.values, topology, &affinity,
				&config.values.options, config.placed);
	wr_config_findings_sort(&config.findings);
	report[0] = '\0';
	wr_config_findings_print(&config.findings, &text);
	return report;
}

static void finish(void)
{
	wr_topology_destroy(topology);
	wr_config_arena_fini(&config.arena);
	config = (struct weir_config){0};
}

static void check_cpus(const struct weir_thread_options *thread, const char *expected)
{
	char text[128] = "";
	for (uint32_t i = 0; i < thread->cpu_count; i++)
		(void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u",
			       i > 0 ? "," : "", thread->cpus[i]);
	cr_assert_str_eq(text, expected);
}

Test(config_threads, a_cpu_that_is_not_allowed_is_told_like_this, .fini = finish)
{
	cr_assert_str_eq(place("two_sockets", "0-7",
			       "threads:\n"
			       "  log:\n"
			       "    cpus: [4, 5, 12]\n"),
			 "x:3:18: error: CPU 12 is not available to this process\n"
			 "    3 |     cpus: [4, 5, 12]\n"
			 "      |                  ^~\n"
			 "      = note: allowed here: 0-7 (cgroup /orders.service)\n"
			 "      = help: use auto, node:N, or a list within 0-7\n");
}

Test(config_threads, each_number_that_is_not_there_is_told_at_its_place, .fini = finish)
{
	(void)place("two_sockets", NULL,
		    "machine: {avoid: \"core:1,99\"}\n"
		    "threads:\n"
		    "  log: {cpus: \"0-3, 700-710\"}\n"
		    "  group: {cpus: node:7}\n"
		    "  handler: {cpus: \"l3:0,30\"}\n");
	static const uint32_t places[][3] = {{1, 26, 2}, {3, 21, 7}, {4, 22, 1}, {5, 25, 2}};
	cr_assert_eq(config.findings.count, 4, "%s", report);
	for (uint32_t i = 0; i < 4; i++) {
		const struct weir_config_diagnostic *d = &config.findings.items[i];
		cr_assert(d->line == places[i][0] && d->column == places[i][1] &&
				  d->columns == places[i][2],
			  "%s", report);
	}
}

/* A node of memory need not have CPUs. One that is not there is seen before anything is opened. */
Test(config_threads, a_node_for_memory_is_one_that_has_some, .fini = finish)
{
	cr_assert_str_eq(place("two_sockets", NULL, "memory: {numa: \"node:3\"}\n"),
			 "x:1:16: error: memory.numa: NUMA node 3 has no memory for this process\n"
			 "    1 | memory: {numa: \"node:3\"}\n"
			 "      |                ^~~~~~~~\n"
			 "      = note: memory is on NUMA nodes 0-1\n");
	finish();
	cr_assert_str_eq(place("two_sockets", NULL, "memory: {numa: \"node:1\"}\n"), "");
	finish();
	cr_assert_str_eq(place("two_memories", NULL, "memory: {numa: \"node:3\"}\n"), "");
	finish();
	cr_assert_str_eq(place("two_sockets", NULL, "memory: {numa: interleave}\n"), "");
	finish();
	cr_assert_not_null(strstr(place("two_cpus", NULL, "memory: {numa: \"node:4294967295\"}\n"),
				  "= note: memory is on NUMA node 0\n"));
}

/* Of 32 CPUs the process may use all; weir by the file two. */
Test(config_threads, the_journals_own_thread_follows_the_files_cpus, .fini = finish)
{
	const struct weir_options *o = &config.values.options;
	cr_assert_str_eq(place("two_sockets", NULL, "journal: {dir: x}\n"), "");
	cr_assert_eq(o->journal_thread, WEIR_JOURNAL_THREAD_AUTO);
	finish();
	cr_assert_str_eq(place("two_sockets", NULL,
			       "journal: {dir: x}\nmachine: {allow: 0-1, shared: no}\n"),
			 "");
	cr_assert_eq(o->journal_thread, WEIR_JOURNAL_THREAD_NO);
	finish();
	cr_assert_str_eq(
		place("two_sockets", NULL, "journal: {dir: x}\nthreads: {journal: {own: no}}\n"),
		"");
	cr_assert_eq(o->journal_thread, WEIR_JOURNAL_THREAD_NO);
	check_cpus(&o->journal, "");
	finish();
	cr_assert_str_eq(place("two_sockets", NULL,
			       "journal: {dir: x}\nmachine: {allow: 0-1, shared: no}\n"
			       "threads: {journal: {own: yes}}\n"),
			 "");
	cr_assert_eq(o->journal_thread, WEIR_JOURNAL_THREAD_YES);
}

Test(config_threads, what_is_asked_for_is_given, .fini = finish)
{
	cr_assert_str_eq(place("two_sockets", NULL,
			       "journal: {dir: x}\n"
			       "threads:\n"
			       "  log: {cpus: 2, wait: spin}\n"
			       "  journal: {own: yes, cpus: [4, 5]}\n"
			       "  group: {cpus: none, wait: park}\n"
			       "  handler: {cpus: 6-7}\n"),
			 "");
	const struct weir_options *o = &config.values.options;
	check_cpus(&o->log, "2");
	cr_assert_eq(o->log.wait, WEIR_WAIT_SPIN);
	check_cpus(&o->journal, "4,5");
	cr_assert_eq(o->journal_thread, WEIR_JOURNAL_THREAD_YES);
	check_cpus(&o->group, "");
	cr_assert_eq(o->group.wait, WEIR_WAIT_PARK);
	check_cpus(&o->handler, "6,7");
}

Test(config_threads, auto_gives_each_thread_a_core_on_a_large_machine, .fini = finish)
{
	cr_assert_str_eq(place("two_sockets", NULL, "journal: {dir: x}\n"), "");
	const struct weir_options *o = &config.values.options;
	cr_assert_eq(o->log.cpu_count, 1);
	cr_assert_eq(o->journal.cpu_count, 1);
	cr_assert_eq(o->group.cpu_count, 1);
	cr_assert_eq(o->handler.cpu_count, 0);
	cr_assert_neq(o->log.cpus[0], o->journal.cpus[0]);
}

#define SOURCES_AND_SINKS                                                                          \
	"topics: [{name: t}]\n"                                                                    \
	"sources: [{name: a, topic: t, from: {file: a}}, {name: b, topic: t, from: stdin}]\n"      \
	"subscriptions:\n"                                                                         \
	"  - {name: x, topics: [t], members: 3, sink: 'null'}\n"                                   \
	"  - {name: y, topics: [t]}\n"                                                             \
	"  - {name: z, topics: [t], sink: stdout}\n"

static void check_thread(enum weir_config_thread_of of, uint32_t index, const char *name,
			 const char *cpus)
{
	struct weir_thread_options thread;
	cr_assert_eq(weir_config_thread(&config, of, index, &thread), 0);
	cr_assert_str_eq(thread.name, name);
	check_cpus(&thread, cpus);
}

/* By hand: housekeeping takes the first core, log and group the next two; then each source and each
 * member has one, with neighbours in the cache of the log first. */
Test(config_threads, sources_and_members_of_a_run_have_theirs, .fini = finish)
{
	struct weir_thread_options thread;
	cr_assert_str_eq(place("two_sockets", NULL,
			       SOURCES_AND_SINKS "threads: {source: {name: in}, sink: {cpus: 9-10, "
						 "name: a-very-long-one, scheduler: batch}}\n"),
			 "");
	config.is_placed = true;
	cr_assert_eq(config.placed[WR_CONFIG_SOURCE].how, WR_PLACED_CORE);
	cr_assert_eq(config.placed[WR_CONFIG_SOURCE].count, 2);
	cr_assert_eq(config.placed[WR_CONFIG_SINK].count, 4);
	check_thread(WEIR_CONFIG_THREAD_OF_SINK, 0, "a-very-long-on0", "9,10");
	check_thread(WEIR_CONFIG_THREAD_OF_SINK, 3, "a-very-long-on3", "9,10");
	cr_assert_eq(weir_config_thread(&config, WEIR_CONFIG_THREAD_OF_SINK, 0, &thread), 0);
	cr_assert_eq(thread.scheduler, WEIR_SCHEDULER_BATCH);
	cr_assert_eq(weir_config_thread(&config, WEIR_CONFIG_THREAD_OF_SOURCE, 1, &thread), 0);
	cr_assert_str_eq(thread.name, "in1");
	cr_assert_eq(thread.cpu_count, 1);
	cr_assert_eq(thread.cpus[0], config.placed[WR_CONFIG_SOURCE].cpus[1]);
	cr_assert_neq(thread.cpus[0], config.placed[WR_CONFIG_SOURCE].cpus[0]);
	cr_assert_eq(weir_config_thread(&config, WEIR_CONFIG_THREAD_OF_SOURCE, 2, &thread),
		     -EINVAL);
	cr_assert_eq(weir_config_thread(&config, WEIR_CONFIG_THREAD_OF_SINK, 4, &thread), -EINVAL);
	cr_assert_eq(weir_config_thread(&config, (enum weir_config_thread_of)3, 0, &thread),
		     -EINVAL);
	/* For any machine: what the file says, and no CPUs. */
	config.is_placed = false;
	check_thread(WEIR_CONFIG_THREAD_OF_SINK, 3, "a-very-long-on3", "");
}

Test(config_threads, without_sources_and_sinks_none_is_placed, .fini = finish)
{
	cr_assert_str_eq(place("two_sockets", NULL, ""), "");
	cr_assert_eq(config.placed[WR_CONFIG_SOURCE].how, WR_PLACED_NOT);
	cr_assert_eq(config.placed[WR_CONFIG_SINK].how, WR_PLACED_NOT);
}

Test(config_threads, cpus_of_a_run_are_looked_at, .fini = finish)
{
	(void)place("two_sockets", NULL, SOURCES_AND_SINKS "threads: {sink: {cpus: 64}}\n");
	cr_assert_not_null(strstr(report, "error: CPU 64 does not exist"), "%s", report);
}

Test(config_threads, cpus_of_a_bench_are_looked_at_too, .fini = finish)
{
	cr_assert_str_eq(
		place("two_sockets", "0-7",
		      "topics: [{name: t}]\n"
		      "subscriptions: [{name: s, topics: [t]}]\n"
		      "bench:\n"
		      "  producers: [{topic: t, cpus: 1-3}, {topic: t, threads: 2, cpus: 4-12}]\n"
		      "  members: [{subscription: s, cpus: \"node:9\"}]\n"),
		"x:4:67: warning: CPUs 8-12 are not available to this process: `weir bench "
		"pipeline` will refuse it\n"
		"    4 |   producers: [{topic: t, cpus: 1-3}, {topic: t, threads: 2, cpus: 4-12}]\n"
		"      |                                                                   ^~~~\n"
		"      = note: allowed here: 0-7 (cgroup /orders.service)\n"
		"      = help: use auto, node:N, or a list within 0-7\n"
		"x:5:37: warning: NUMA node 9 does not exist: `weir bench pipeline` will refuse "
		"it\n"
		"    5 |   members: [{subscription: s, cpus: \"node:9\"}]\n"
		"      |                                     ^~~~~~~~\n"
		"      = note: this machine has NUMA nodes 0-1\n");
	cr_assert_eq(config.findings.error_count, 0);
}

Test(config_threads, helpers_have_their_cpus, .fini = finish)
{
	cr_assert_str_eq(place("two_sockets", NULL, "machine: {housekeeping: \"2-3,9\"}\n"), "");
	const struct weir_cpu_list *list = &config.values.options.housekeeping;
	cr_assert_eq(list->cpu_count, 3);
	cr_assert(list->cpus[0] == 2 && list->cpus[1] == 3 && list->cpus[2] == 9);
}

Test(config_threads, what_is_granted_in_part_is_warned_of_where_it_was_asked_for, .fini = finish)
{
	(void)place("two_cpus", NULL,
		    "threads:\n"
		    "  log: {cpus: 0, wait: spin}\n"
		    "  group: {cpus: auto}\n");
	cr_assert_eq(config.findings.error_count, 0, "%s", report);
	cr_assert_eq(config.findings.count, 1, "%s", report);
	cr_assert(strncmp(report, "x:2:24: warning: threads.log.wait: waits adaptively: ", 53) == 0,
		  "%s", report);
	cr_assert_eq(config.values.options.log.wait, WEIR_WAIT_ADAPTIVE);
}

Test(config_threads, with_strict_the_same_is_an_error, .fini = finish)
{
	(void)place("two_cpus", NULL,
		    "machine: {strict: yes}\n"
		    "threads:\n"
		    "  log: {cpus: 0, wait: spin}\n");
	/* The group's thread, which is left to weir, is not placed either. */
	cr_assert_eq(config.findings.error_count, 2, "%s", report);
	cr_assert_not_null(strstr(report, "x:3:24: error: waits adaptively: "), "%s", report);
}
