/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allowed CPUs and quotas of this process, and pinning of the calling thread.
 *
 * The kernel's own files are read each time and never cached: cpusets and quotas of a container
 * change while it runs. Every file is optional (no cgroups, another mount layout, a namespace that
 * hides the path): what cannot be read does not limit, because the kernel enforces its limits
 * anyway and weir only foretells them.
 *
 * Thread: any; no state but the mask that the process began with.
 */
#include "io/thread/affinity.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/posix/text_file.h"

#define PATH_BYTES 1024
#define FILE_BYTES 16384
#define CGROUP_DIR "/sys/fs/cgroup"

/* ---- the system's files ---- */

/* The first list found: the kernel's name in v2, then the names in v1. */
static bool read_cpuset(const char *dir, struct wr_cpu_set *ret_set)
{
	static const char *const names[] = {"cpuset.cpus.effective", "cpuset.effective_cpus",
					    "cpuset.cpus"};
	char text[FILE_BYTES];
	for (size_t i = 0; i < WR_ARRAY_COUNT(names); i++)
		if (wr_text_read_in(dir, names[i], text, sizeof text) &&
		    wr_cpu_set_parse(text, ret_set) == 0 && wr_cpu_set_count(ret_set) > 0)
			return true;
	return false;
}

/* "max 100000" and -1 are no quota. */
static uint64_t read_quota(const char *dir)
{
	char text[128];
	long long quota_us = -1;
	long long period_us = 100000;
	if (wr_text_read_in(dir, "cpu.max", text, sizeof text)) {
		char *end = text;
		quota_us = strtoll(text, &end, 10);
		if (end == text)
			return WR_QUOTA_NONE;
		period_us = strtoll(end, NULL, 10);
	} else if (wr_text_read_in(dir, "cpu.cfs_quota_us", text, sizeof text)) {
		quota_us = strtoll(text, NULL, 10);
		if (wr_text_read_in(dir, "cpu.cfs_period_us", text, sizeof text))
			period_us = strtoll(text, NULL, 10);
	}
	if (quota_us <= 0 || period_us <= 0 || quota_us > INT64_MAX / 1000)
		return WR_QUOTA_NONE;
	return (uint64_t)quota_us * 1000 / (uint64_t)period_us;
}

static void note_cgroup(struct wr_affinity *affinity, const char *path)
{
	(void)snprintf(affinity->cgroup, sizeof affinity->cgroup, "%s", *path != '\0' ? path : "/");
}

/*
 * Applies the limits of the cgroup at `base` + `path` and of those above it. The nearest cpuset
 * counts (it is within those above); of quotas the tightest does. In a container the path may name
 * a directory that only the host has: the walk upwards then ends at the container's own root.
 */
static void apply_cgroup(struct wr_affinity *affinity, const char *base, const char *cgroup_path)
{
	char path[PATH_BYTES];
	char dir[2 * PATH_BYTES];
	bool has_cpuset = false;
	/* Outside the cgroup namespace ("/../other"): nothing below the mount is ours. */
	bool is_outside = strstr(cgroup_path, "..") != NULL;
	(void)snprintf(path, sizeof path, "%s", is_outside ? "/" : cgroup_path);
	for (;;) {
		size_t length = strlen(path);
		while (length > 0 && path[length - 1] == '/')
			path[--length] = '\0';
		(void)snprintf(dir, sizeof dir, "%s%s", base, path);

		struct wr_cpu_set set;
		if (!has_cpuset && read_cpuset(dir, &set)) {
			has_cpuset = true;
			struct wr_cpu_set both = affinity->allowed;
			for (size_t i = 0; i < WR_ARRAY_COUNT(both.words); i++)
				both.words[i] &= set.words[i];
			uint32_t count = wr_cpu_set_count(&both);
			/* An empty one is another cgroup's: the kernel keeps masks inside. */
			if (count > 0 && count < affinity->allowed_count) {
				affinity->allowed = both;
				affinity->allowed_count = count;
				note_cgroup(affinity, path);
			}
		}
		uint64_t quota = read_quota(dir);
		if (quota < affinity->quota_millicpus) {
			affinity->quota_millicpus = quota;
			note_cgroup(affinity, path);
		}
		if (length == 0)
			return;
		*strrchr(path, '/') = '\0';
	}
}

/* Whether `name` is one of the comma-separated `controllers`. */
static bool has_controller(const char *controllers, const char *name)
{
	size_t length = strlen(name);
	for (const char *p = controllers; (p = strstr(p, name)) != NULL; p += length)
		if ((p == controllers || p[-1] == ',') && (p[length] == ',' || p[length] == '\0'))
			return true;
	return false;
}

/* One line of proc/self/cgroup: "id:controllers:/path"; no controllers is v2. */
static void apply_cgroup_line(struct wr_affinity *affinity, const char *root, char *line)
{
	char base[2 * PATH_BYTES];
	char *controllers = strchr(line, ':');
	char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
	if (path == NULL || path[1] != '/')
		return;
	*path++ = '\0';
	controllers++;
	if (*controllers == '\0') {
		/* Where v1 has the controllers, v2 is mounted beside them. */
		(void)snprintf(base, sizeof base, "%s" CGROUP_DIR "/unified", root);
		if (access(base, F_OK) != 0)
			(void)snprintf(base, sizeof base, "%s" CGROUP_DIR, root);
		apply_cgroup(affinity, base, path);
		return;
	}
	static const char *const names[] = {"cpuset", "cpu"};
	for (size_t i = 0; i < WR_ARRAY_COUNT(names); i++) {
		if (!has_controller(controllers, names[i]))
			continue;
		/* Mounted together ("cpu,cpuacct") or with a link of the one name. */
		(void)snprintf(base, sizeof base, "%s" CGROUP_DIR "/%s", root, controllers);
		if (access(base, F_OK) != 0)
			(void)snprintf(base, sizeof base, "%s" CGROUP_DIR "/%s", root, names[i]);
		apply_cgroup(affinity, base, path);
	}
}

/* Of one thread, by its number; 0: the calling one. */
static int read_mask(pid_t thread, struct wr_cpu_set *ret_set)
{
	*ret_set = (struct wr_cpu_set){{0}};
	return sched_getaffinity(thread, sizeof *ret_set, (cpu_set_t *)(void *)ret_set) == 0
		       ? 0
		       : -errno;
}

/* What the process had when this library was loaded; empty when it could not be read. */
static struct wr_cpu_set mask_at_load;

__attribute__((constructor)) static void read_mask_at_load(void)
{
	(void)read_mask(0, &mask_at_load);
}

static int read_mask_of_process(struct wr_cpu_set *ret_set)
{
	struct wr_cpu_set first;
	int rc = read_mask(0, ret_set);
	if (rc < 0)
		return rc;
	/* Its first thread may have ended. */
	(void)read_mask(getpid(), &first);
	for (size_t i = 0; i < WR_ARRAY_COUNT(first.words); i++)
		ret_set->words[i] |= first.words[i] | mask_at_load.words[i];
	return 0;
}

/* The same from a tree: the mask that the status file shows. */
static int read_mask_of_tree(const char *root, struct wr_cpu_set *ret_set)
{
	static const char key[] = "\nCpus_allowed_list:";
	char path[PATH_BYTES];
	char text[FILE_BYTES];
	(void)snprintf(path, sizeof path, "%s/proc/self/status", root);
	char *list = wr_text_read(path, text, sizeof text) ? strstr(text, key) : NULL;
	if (list == NULL)
		return -ENOENT;
	list += sizeof key - 1;
	list[strcspn(list, "\n")] = '\0';
	return wr_cpu_set_parse(list, ret_set);
}

int wr_affinity_scan(const char *root, struct wr_affinity *ret_affinity)
{
	struct wr_affinity affinity = {.quota_millicpus = WR_QUOTA_NONE};
	int rc = root == NULL ? read_mask_of_process(&affinity.allowed)
			      : read_mask_of_tree(root, &affinity.allowed);
	if (rc < 0)
		return rc;
	affinity.allowed_count = wr_cpu_set_count(&affinity.allowed);
	if (affinity.allowed_count == 0)
		return -ENOENT;

	char path[PATH_BYTES];
	char text[FILE_BYTES];
	const char *prefix = root != NULL ? root : "";
	(void)snprintf(path, sizeof path, "%s/proc/self/cgroup", prefix);
	if (wr_text_read(path, text, sizeof text)) {
		char *rest = NULL;
		for (char *line = strtok_r(text, "\n", &rest); line != NULL;
		     line = strtok_r(NULL, "\n", &rest))
			apply_cgroup_line(&affinity, prefix, line);
	}
	*ret_affinity = affinity;
	return 0;
}

/* ---- the calling thread ---- */

int wr_affinity_pin(const uint16_t *cpus, uint32_t cpu_count)
{
	struct wr_cpu_set before;
	struct wr_cpu_set wanted = {{0}};
	struct wr_cpu_set now;
	if (cpu_count == 0)
		return 0;
	for (uint32_t i = 0; i < cpu_count; i++) {
		if (cpus[i] >= WR_CPUS_MAX)
			return -EINVAL;
		wr_cpu_set_add(&wanted, cpus[i]);
	}
	int rc = read_mask(0, &before);
	if (rc < 0)
		return rc;
	if (sched_setaffinity(0, sizeof wanted, (cpu_set_t *)(void *)&wanted) != 0)
		return -errno;
	/* The kernel drops CPUs that do not exist or are not allowed without a word. */
	rc = read_mask(0, &now);
	if (rc == 0 && memcmp(&now, &wanted, sizeof now) != 0)
		rc = -EINVAL;
	if (rc < 0)
		(void)sched_setaffinity(0, sizeof before, (cpu_set_t *)(void *)&before);
	return rc;
}

int wr_affinity_current_cpu(void)
{
	int cpu = sched_getcpu();
	return cpu >= 0 ? cpu : -errno;
}
