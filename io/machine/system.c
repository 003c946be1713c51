/* SPDX-License-Identifier: Apache-2.0 */
/* See system.h. */
#include "io/machine/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/machine/fact.h"

#define CPU_DIR "/sys/devices/system/cpu"
#define CLOCK_DIR "/sys/devices/system/clocksource/clocksource0"
#define IDLE_STATES_MAX 16u

static void read_line(const char *root, const char *path, char *to, size_t to_bytes)
{
	char text[WR_FACT_TEXT_BYTES];
	if (wr_fact_text(root, path, text))
		(void)snprintf(to, to_bytes, "%.*s", (int)strcspn(text, "\n"), text);
}

static void read_set(const char *root, const char *path, struct wr_cpu_set *set)
{
	char text[WR_FACT_TEXT_BYTES];
	if (!wr_fact_text(root, path, text) || wr_cpu_set_parse(text, set) != 0)
		*set = (struct wr_cpu_set){{0}};
}

static int read_setting(const char *root, const char *dir, const char *name)
{
	uint64_t number;
	return wr_fact_number(root, dir, name, &number) ? (int)number : WR_SYSTEM_UNKNOWN;
}

/* ---- the kernel ---- */

static void read_kernel(const char *root, struct wr_system *system)
{
	char text[WR_FACT_TEXT_BYTES];
	unsigned major = 0;
	unsigned minor = 0;
	read_line(root, "/proc/sys/kernel/osrelease", system->kernel, sizeof system->kernel);
	if (sscanf(system->kernel, "%u.%u", &major, &minor) == 2)
		system->kernel_version = WR_KERNEL(major, minor);
	system->seccomp = WR_SYSTEM_UNKNOWN;
	const char *mode = wr_fact_text(root, "/proc/self/status", text)
				   ? wr_fact_behind(text, "Seccomp:")
				   : NULL;
	if (mode != NULL)
		system->seccomp = (int)strtol(mode, NULL, 10);
}

/* A flag of x86 in a line of its CPUs; other machines tell by a folder, or not at all. */
static bool find_hypervisor(const char *root)
{
	char path[1024];
	char *line = NULL;
	size_t room_bytes = 0;
	bool found = false;
	(void)snprintf(path, sizeof path, "%s/sys/hypervisor/type", root);
	if (access(path, F_OK) == 0)
		return true;
	(void)snprintf(path, sizeof path, "%s/proc/cpuinfo", root);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (!found && getline(&line, &room_bytes, file) >= 0)
		found = strncmp(line, "flags", 5) == 0 && strstr(line, " hypervisor") != NULL;
	free(line);
	(void)fclose(file);
	return found;
}

/* Docker and podman leave a file. */
static bool find_container(const char *root)
{
	static const char *const markers[] = {"/.dockerenv", "/run/.containerenv"};
	char path[1024];
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof path, "%s%s", root, markers[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* ---- CPUs ---- */

/* rcu_nocbs alone, without "=", means all CPUs from Linux 5.17 on, and says nothing here. */
static void read_callbacks(const char *root, struct wr_system *system)
{
	char text[WR_FACT_TEXT_BYTES];
	char list[512];
	const char *at =
		wr_fact_text(root, "/proc/cmdline", text) ? strstr(text, "rcu_nocbs=") : NULL;
	if (at == NULL)
		return;
	wr_fact_word(at + strlen("rcu_nocbs="), list, sizeof list);
	if (wr_cpu_set_parse(list, &system->no_callbacks) != 0)
		system->no_callbacks = (struct wr_cpu_set){{0}};
}

static void read_idle(const char *root, struct wr_system *system)
{
	char dir[128];
	char path[160];
	read_line(root, CPU_DIR "/cpuidle/current_governor", system->idle_governor,
		  sizeof system->idle_governor);
	for (uint32_t i = 0; i < IDLE_STATES_MAX; i++) {
		uint64_t wake_us;
		uint64_t is_disabled;
		(void)snprintf(dir, sizeof dir, CPU_DIR "/cpu0/cpuidle/state%u", i);
		if (!wr_fact_number(root, dir, "latency", &wake_us))
			return;
		(void)wr_fact_number(root, dir, "disable", &is_disabled);
		if (is_disabled != 0 || wake_us < system->idle_wake_us)
			continue;
		system->idle_wake_us = (uint32_t)wake_us;
		(void)snprintf(path, sizeof path, "%s/name", dir);
		read_line(root, path, system->idle_name, sizeof system->idle_name);
	}
}

static int read_turbo(const char *root)
{
	int off = read_setting(root, CPU_DIR "/intel_pstate", "no_turbo");
	return off != WR_SYSTEM_UNKNOWN ? off == 0
					: read_setting(root, CPU_DIR "/cpufreq", "boost");
}

static void read_throttling(const char *root, const char *cgroup, struct wr_system *system)
{
	static const char *const bases[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified",
					    "/sys/fs/cgroup/cpu"};
	char path[512];
	char text[WR_FACT_TEXT_BYTES];
	if (strcmp(cgroup, "/") == 0)
		cgroup = "";
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, "%s%s/cpu.stat", bases[i], cgroup);
		const char *periods =
			wr_fact_text(root, path, text) ? wr_fact_behind(text, "nr_periods ") : NULL;
		if (periods == NULL)
			continue;
		system->quota_periods = strtoull(periods, NULL, 10);
		const char *stopped = wr_fact_behind(text, "nr_throttled ");
		if (stopped != NULL)
			system->quota_stopped = strtoull(stopped, NULL, 10);
		const char *us = wr_fact_behind(text, "throttled_usec ");
		const char *ns = wr_fact_behind(text, "throttled_time ");
		system->quota_stopped_us = us != NULL   ? strtoull(us, NULL, 10)
					   : ns != NULL ? strtoull(ns, NULL, 10) / 1000
							: 0;
		return;
	}
}

/* ---- memory ---- */

static uint64_t kib_of(const char *text, const char *name)
{
	const char *at = wr_fact_behind(text, name);
	return at != NULL ? strtoull(at, NULL, 10) * 1024 : 0;
}

static void read_memory(const char *root, struct wr_system *system)
{
	char text[WR_FACT_TEXT_BYTES];
	system->swappiness = read_setting(root, "/proc/sys/vm", "swappiness");
	system->overcommit = read_setting(root, "/proc/sys/vm", "overcommit_memory");
	system->knows_memory = wr_fact_text(root, "/proc/meminfo", text);
	if (!system->knows_memory)
		return;
	system->swap_bytes = kib_of(text, "SwapTotal:");
	system->swap_used_bytes = system->swap_bytes - kib_of(text, "SwapFree:");
	system->commit_limit_bytes = kib_of(text, "CommitLimit:");
	system->committed_bytes = kib_of(text, "Committed_AS:");
}

void wr_system_read(const char *root, const char *cgroup, struct wr_system *ret_system)
{
	struct wr_system system = {0};
	read_kernel(root, &system);
	system.has_hypervisor = find_hypervisor(root);
	system.in_container = find_container(root);
	read_set(root, CPU_DIR "/online", &system.online);
	read_set(root, CPU_DIR "/isolated", &system.isolated);
	read_callbacks(root, &system);
	read_line(root, CLOCK_DIR "/current_clocksource", system.clock_source,
		  sizeof system.clock_source);
	read_line(root, CLOCK_DIR "/available_clocksource", system.clock_sources,
		  sizeof system.clock_sources);
	read_idle(root, &system);
	system.turbo = read_turbo(root);
	system.smt = read_setting(root, CPU_DIR "/smt", "active");
	read_memory(root, &system);
	read_line(root, "/proc/sys/kernel/core_pattern", system.core_pattern,
		  sizeof system.core_pattern);
	read_throttling(root, cgroup, &system);
	*ret_system = system;
}
