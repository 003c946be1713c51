/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   every thread of a `weir run` process has the name, the CPUs and the scheduling class that
 *         its config says; a command of a sink has those of the process.
 * Method: a run with a source, two members and a journal, each kind on a CPU or a list by number;
 *         all of /proc/PID/task is compared with a table by name: a thread that is not in the table
 *         fails, and so does one of the table that is not there. Plain main(), TAP.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "tests/support/real_data.h"
#include "tests/support/run_bed.h"

#define LOOKS_MAX 6000u

static uint32_t first_cpu;
static uint32_t last_cpu;
static cpu_set_t all_cpus;

struct expected {
	const char *name; /* or its beginning, where it ends in '*' */
	int cpu;          /* -1: those of the process */
	int policy;
	uint32_t found;
};

static bool is_called(const struct expected *e, const char *name)
{
	size_t bytes = strlen(e->name);
	if (e->name[bytes - 1] == '*')
		return strncmp(e->name, name, bytes - 1) == 0;
	return strcmp(e->name, name) == 0;
}

/* What is wrong with a thread, or NULL. */
static const char *judge(struct expected *table, size_t count, pid_t thread, const char *name)
{
	cpu_set_t cpus;
	cpu_set_t wanted = all_cpus;
	struct expected *e = table;
	while (e < table + count && !is_called(e, name))
		e++;
	if (e == table + count)
		return "nobody expects it";
	int policy = sched_getscheduler(thread);
	if (policy < 0 || sched_getaffinity(thread, sizeof cpus, &cpus) < 0)
		return NULL; // it has ended
	e->found++;
	if (e->cpu >= 0) {
		CPU_ZERO(&wanted);
		CPU_SET((size_t)e->cpu, &wanted);
	}
	if (!CPU_EQUAL(&cpus, &wanted))
		return "it is on other CPUs";
	return (policy & ~SCHED_RESET_ON_FORK) == e->policy ? NULL : "it has another class";
}

/* The name of a thread; "main" for all that are called as the process is: that of a sanitizer is,
 * too. False: it has ended. */
static bool name_of(pid_t process, const char *thread, char name[32])
{
	static const char main_name[] = "main";
	char path[64];
	char own[32] = "";
	(void)snprintf(path, sizeof path, "/proc/%d/task/%.20s/comm", (int)process, thread);
	FILE *comm = fopen(path, "re");
	if (comm == NULL)
		return false;
	bool has_name = fgets(name, 32, comm) != NULL;
	fclose(comm);
	(void)snprintf(path, sizeof path, "/proc/%d/comm", (int)process);
	comm = fopen(path, "re");
	if (comm == NULL)
		return false;
	has_name = has_name && fgets(own, sizeof own, comm) != NULL;
	fclose(comm);
	name[strcspn(name, "\n")] = '\0';
	own[strcspn(own, "\n")] = '\0';
	if (strcmp(own, name) == 0)
		memcpy(name, main_name, sizeof main_name);
	return has_name;
}

/* One look at all of them. True: as expected, and none is missing. */
static bool look(pid_t process, struct expected *table, size_t count, char said[160])
{
	char path[64];
	bool good = true;
	said[0] = '\0';
	for (size_t i = 0; i < count; i++)
		table[i].found = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/task", (int)process);
	DIR *tasks = opendir(path);
	run_bed_must(tasks != NULL, path);
	for (struct dirent *d = readdir(tasks); d != NULL; d = readdir(tasks)) {
		char name[32] = "";
		if (d->d_name[0] == '.')
			continue;
		const char *fault = NULL;
		if (name_of(process, d->d_name, name))
			fault = judge(table, count, (pid_t)atoi(d->d_name), name);
		if (fault != NULL) {
			(void)snprintf(said, 160, "%s: %s", name, fault);
			good = false;
		}
	}
	closedir(tasks);
	for (size_t i = 0; i < count; i++)
		if (table[i].found == 0) {
			(void)snprintf(said, 160, "%s is not there", table[i].name);
			good = false;
		}
	return good;
}

/* Threads are made, named and put into their class one after another: looks until it is so. */
static bool wait_until_right(pid_t process, struct expected *table, size_t count)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	char said[160];
	for (uint32_t i = 0; i < LOOKS_MAX; i++) {
		if (look(process, table, count, said))
			return true;
		nanosleep(&pause, NULL);
	}
	printf("# %s\n", said);
	return false;
}

static void test_all_threads(void)
{
	const int a = (int)first_cpu;
	const int b = (int)last_cpu;
	struct expected table[] = {
		{"main", -1, SCHED_OTHER, 0},      {"weir-lines", -1, SCHED_OTHER, 0},
		{"life-log", a, SCHED_OTHER, 0},   {"life-jrnl", b, SCHED_OTHER, 0},
		{"life-group", a, SCHED_BATCH, 0}, {"in", b, SCHED_BATCH, 0},
		{"out0", a, SCHED_BATCH, 0},       {"out1", a, SCHED_BATCH, 0},
		{"life-prep", b, SCHED_OTHER, 0},  {"life-io*", b, SCHED_OTHER, 0},
	};
	run_bed_fresh();
	run_bed_put(
		"c.yaml",
		"name: life\n"
		"journal: {dir: j, segment: 1MiB, io: posix}\n"
		"machine: {housekeeping: '%d'}\n"
		"memory: {chunk: 64KiB, pool: 2MiB, undurable: 1MiB, lane: 256KiB,"
		" member_lane: 64KiB}\n"
		"threads:\n"
		"  log: {cpus: '%d'}\n"
		"  journal: {own: yes, cpus: '%d'}\n"
		"  group: {cpus: '%d', scheduler: batch}\n"
		"  source: {cpus: '%d', scheduler: batch, name: in, stack: 1MiB}\n"
		"  sink: {cpus: '%d', scheduler: batch, name: out, stack: 256KiB}\n"
		"topics: [{name: t, partitions: 4}]\n"
		"sources: [{name: s, topic: t, rate: 500/s, from: {generate: {}}}]\n"
		"subscriptions:\n"
		"  - {name: o, topics: [t], members: 2, sink: {file: out-%%m, commit: after}}\n",
		b, a, b, a, b, a);
	pid_t child = run_bed_start("c.yaml");
	run_bed_wait_for_bytes("out-0", 1);
	run_bed_wait_for_bytes("out-1", 1);
	bool right = wait_until_right(child, table, WR_ARRAY_COUNT(table));
	kill(child, SIGTERM);
	int code = run_bed_end(child);
	tap_check(right, "every thread has the name, the CPUs and the class of the config");
	tap_check(code == 0 && run_bed_says(" in on CPU ") && run_bed_says(" (pinned), out0 on"),
		  "and the report says where they were");
}

static void test_default_names(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml", RUN_BED_JOURNAL
		    "threads: {source: {cpus: none}, sink: {cpus: none}}\n"
		    "sources: [{name: s, topic: t, from: {generate: {events: 1}}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: 'null'}]\n");
	int code = run_bed_run("c.yaml");
	tap_check(code == 0 && run_bed_says(" src-s on CPU ") && run_bed_says(" sink0-o on CPU ") &&
			  strstr(run_bed_said, "(pinned)") == NULL,
		  "without a word of theirs they have names, and run anywhere");
}

/* What `weir run` starts for an event is no thread of it. */
static void test_command(void)
{
	run_bed_fresh();
	run_bed_put("c.yaml",
		    RUN_BED_JOURNAL
		    "threads: {sink: {cpus: '%u'}}\n"
		    "sources: [{name: s, topic: t, from: {generate: {events: 1}}}]\n"
		    "subscriptions: [{name: o, topics: [t], sink: {command: [sh, -c,"
		    " 'grep Cpus_allowed_list: /proc/self/status >seen']}}]\n",
		    first_cpu);
	int code = run_bed_run("c.yaml");
	char here[256] = "";
	FILE *status = fopen("/proc/self/status", "re");
	run_bed_must(status != NULL, "/proc/self/status");
	while (fgets(here, sizeof here, status) != NULL &&
	       strstr(here, "Cpus_allowed_list:") == NULL)
		;
	fclose(status);
	tap_check(code == 0 && strcmp(run_bed_get("seen"), here) == 0,
		  "a command has the CPUs of the process, not those of its sink's thread");
}

int main(void)
{
	run_bed_must(sched_getaffinity(0, sizeof all_cpus, &all_cpus) == 0, "sched_getaffinity");
	while (!CPU_ISSET(first_cpu, &all_cpus))
		first_cpu++;
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all_cpus))
			last_cpu = cpu;
	test_all_threads();
	test_default_names();
	test_command();
	run_bed_end_all();
	return tap_end();
}
