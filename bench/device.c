/* SPDX-License-Identifier: Apache-2.0 */
/* See device.h. */
#include "bench/device.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PATH_ROOM 400

static void read_line(const char *folder, const char *name, char *to, size_t to_bytes)
{
	char path[PATH_ROOM];
	FILE *f = NULL;

	(void)snprintf(to, to_bytes, "n/a");
	if (snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path)
		f = fopen(path, "re");
	if (f == NULL)
		return;
	if (fgets(to, (int)to_bytes, f) != NULL)
		to[strcspn(to, "\n")] = '\0';
	size_t end = strlen(to);
	while (end > 0 && to[end - 1] == ' ')
		to[--end] = '\0';
	(void)fclose(f);
}

bool bench_device_mount(const char *line, unsigned major, unsigned minor,
			struct bench_device *device, char *source, size_t source_bytes)
{
	char options[120] = "", type[24] = "", from[256] = "", super[120] = "";
	unsigned its_major = 0, its_minor = 0;

	if (sscanf(line, "%*d %*d %u:%u %*s %*s %119s", &its_major, &its_minor, options) != 3 ||
	    its_major != major || its_minor != minor)
		return false;
	const char *rest = strstr(line, " - ");
	if (rest == NULL || sscanf(rest, " - %23s %255s %119s", type, from, super) != 3)
		return false;
	(void)snprintf(device->file_system, sizeof device->file_system, "%s", type);
	(void)snprintf(device->mount_options, sizeof device->mount_options, "%s; %s", options,
		       super);
	(void)snprintf(source, source_bytes, "%s", from);
	return true;
}

static void read_mount(unsigned major, unsigned minor, struct bench_device *device, char *source,
		       size_t source_bytes)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room_bytes = 0;
	bool found = false;

	while (f != NULL && !found && getline(&line, &room_bytes, f) >= 0)
		found = bench_device_mount(line, major, minor, device, source, source_bytes);
	free(line);
	if (f != NULL)
		(void)fclose(f);
}

/* Names in DISK/slaves, or the file behind a loop. */
static void read_below(const char *folder, struct bench_device *device)
{
	char path[PATH_ROOM];
	size_t at = 0;

	read_line(folder, "loop/backing_file", device->below, sizeof device->below);
	if (strcmp(device->below, "n/a") != 0)
		return;
	device->below[0] = '\0';
	(void)snprintf(path, sizeof path, "%.380s/slaves", folder);
	DIR *dir = opendir(path);
	if (dir == NULL)
		return;
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		if (e->d_name[0] != '.' && at + 20 < sizeof device->below)
			at += (size_t)snprintf(device->below + at, sizeof device->below - at,
					       "%s%.15s", at > 0 ? " " : "", e->d_name);
	(void)closedir(dir);
}

/* The folder of /sys with the disk's queue: the device's own, or of a partition the one above. */
static bool find_disk(unsigned major, unsigned minor, struct bench_device *device, char *folder)
{
	char path[PATH_ROOM];

	(void)snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major, minor);
	char *real = realpath(path, NULL);
	if (real == NULL || strlen(real) >= PATH_ROOM - 40) {
		free(real);
		return false;
	}
	const char *name = strrchr(real, '/') + 1;
	(void)snprintf(device->name, sizeof device->name, "%.63s", name);
	(void)snprintf(path, sizeof path, "%.380s/queue", real);
	if (access(path, F_OK) != 0)
		*strrchr(real, '/') = '\0';
	(void)snprintf(folder, PATH_ROOM, "%.360s", real);
	free(real);
	return true;
}

void bench_device_read(const char *dir, struct bench_device *ret_device)
{
	struct bench_device device = {.name = "n/a",
				      .model = "n/a",
				      .file_system = "n/a",
				      .mount_options = "n/a",
				      .write_cache = "n/a",
				      .fua = "n/a",
				      .scheduler = "n/a",
				      .rotational = "n/a",
				      .physical_block_bytes = "n/a"};
	char source[256] = "";
	char folder[PATH_ROOM];
	struct stat status, behind;

	if (stat(dir, &status) == 0) {
		unsigned major = major(status.st_dev), minor = minor(status.st_dev);
		read_mount(major, minor, &device, source, sizeof source);
		/* Btrfs and the like have numbers of their own; what is mounted tells more. */
		if (major == 0 && stat(source, &behind) == 0 && S_ISBLK(behind.st_mode)) {
			major = major(behind.st_rdev);
			minor = minor(behind.st_rdev);
		}
		if (major != 0 && find_disk(major, minor, &device, folder)) {
			read_line(folder, "device/model", device.model, sizeof device.model);
			read_line(folder, "queue/write_cache", device.write_cache,
				  sizeof device.write_cache);
			read_line(folder, "queue/fua", device.fua, sizeof device.fua);
			read_line(folder, "queue/scheduler", device.scheduler,
				  sizeof device.scheduler);
			read_line(folder, "queue/rotational", device.rotational,
				  sizeof device.rotational);
			read_line(folder, "queue/physical_block_size", device.physical_block_bytes,
				  sizeof device.physical_block_bytes);
			read_below(folder, &device);
		}
	}
	*ret_device = device;
}

bool bench_device_flushes(const struct bench_device *device, uint64_t *ret_flushes)
{
	char line[512];
	char folder[PATH_ROOM];
	unsigned long long n = 0;

	(void)snprintf(folder, sizeof folder, "/sys/class/block/%s", device->name);
	read_line(folder, "stat", line, sizeof line);
	/* The 16th number, since Linux 5.5. */
	if (sscanf(line, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", &n) !=
	    1)
		return false;
	*ret_flushes = n;
	return true;
}
