/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount is the last of the longest mount points above the path; its disk is found by the number
 * of the file system, or where that is made up (btrfs), by the name of what is mounted.
 */
#include "io/machine/disk.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/machine/fact.h"

#define PATH_BYTES 1024

/* ---- the mount ---- */

/* "\040" is a blank, and so on. In place. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from != '\0'; to++) {
		bool is_code = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
			       from[2] >= '0' && from[2] <= '7' && from[3] >= '0' && from[3] <= '7';
		*to = is_code ? (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'))
			      : *from;
		from += is_code ? 4 : 1;
	}
	*to = '\0';
}

static bool is_above(const char *mount_point, const char *path)
{
	size_t bytes = strlen(mount_point);
	if (strcmp(mount_point, "/") == 0)
		return path[0] == '/';
	return strncmp(mount_point, path, bytes) == 0 &&
	       (path[bytes] == '/' || path[bytes] == '\0');
}

/* "36 35 98:0 /root /point options tags - type source options": proc_pid_mountinfo(5). */
static void take_line(char *line, const char *path, struct wr_disk *disk, char number[32])
{
	char *fields[6];
	char *rest = line;
	for (size_t i = 0; i < 6; i++)
		if ((fields[i] = strsep(&rest, " ")) == NULL)
			return;
	char *tail = rest != NULL ? strstr(rest, "- ") : NULL;
	if (tail == NULL)
		return;
	tail += 2;
	char *type = strsep(&tail, " ");
	char *source = strsep(&tail, " ");
	unescape(fields[4]);
	if (source == NULL || tail == NULL || !is_above(fields[4], path) ||
	    strlen(fields[4]) < strlen(disk->mount_point))
		return;
	unescape(source);
	tail[strcspn(tail, "\n")] = '\0';
	(void)snprintf(disk->mount_point, sizeof disk->mount_point, "%s", fields[4]);
	(void)snprintf(disk->type, sizeof disk->type, "%s", type);
	(void)snprintf(disk->source, sizeof disk->source, "%s", source);
	(void)snprintf(disk->options, sizeof disk->options, "%s,%s", fields[5], tail);
	(void)snprintf(number, 32, "%s", fields[2]);
}

static void read_mount(const char *root, const char *path, struct wr_disk *disk, char number[32])
{
	char name[PATH_BYTES];
	char *line = NULL;
	size_t room_bytes = 0;
	(void)snprintf(name, sizeof name, "%s/proc/self/mountinfo", root);
	FILE *file = fopen(name, "re");
	if (file == NULL)
		return;
	while (getline(&line, &room_bytes, file) >= 0)
		take_line(line, path, disk, number);
	free(line);
	(void)fclose(file);
}

bool wr_disk_has_option(const struct wr_disk *disk, const char *option)
{
	size_t bytes = strlen(option);
	for (const char *at = disk->options; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, option, bytes) == 0 && (at[bytes] == ',' || at[bytes] == '\0'))
			return true;
	}
	return false;
}

/* ---- the disk ---- */

/* A file system with a made-up number has 0 as the major one. */
static void find_number(const char *root, const struct wr_disk *disk, char number[32])
{
	char path[PATH_BYTES];
	if (number[0] != '\0' && strncmp(number, "0:", 2) != 0)
		return;
	number[0] = '\0';
	if (strncmp(disk->source, "/dev/", 5) != 0)
		return;
	(void)snprintf(path, sizeof path, "/sys/class/block/%s/dev",
		       strrchr(disk->source, '/') + 1);
	wr_fact_word_of(root, path, number, 32);
}

/* Queue and driver are those of the whole disk, in the folder above a partition's. */
static bool find_disk(const char *root, const char *number, char dir[128], struct wr_disk *disk)
{
	char text[WR_FACT_TEXT_BYTES];
	char path[PATH_BYTES];
	uint64_t partition;
	(void)snprintf(dir, 128, "/sys/dev/block/%s", number);
	if (wr_fact_number(root, dir, "partition", &partition))
		(void)snprintf(dir, 128, "/sys/dev/block/%s/..", number);
	(void)snprintf(path, sizeof path, "%s/uevent", dir);
	const char *name = wr_fact_text(root, path, text) ? wr_fact_behind(text, "DEVNAME=") : NULL;
	if (name == NULL)
		return false;
	wr_fact_word(name, disk->name, sizeof disk->name);
	return true;
}

static int fact_of(const char *root, const char *dir, const char *name)
{
	uint64_t number;
	return wr_fact_number(root, dir, name, &number) ? number != 0 : WR_DISK_UNKNOWN;
}

static bool is_there(const char *root, const char *dir, const char *name)
{
	char path[PATH_BYTES];
	(void)snprintf(path, sizeof path, "%s%s/%s", root, dir, name);
	return access(path, F_OK) == 0;
}

static void read_queue(const char *root, const char *dir, struct wr_disk *disk)
{
	char queue[160];
	char path[PATH_BYTES];
	char text[WR_FACT_TEXT_BYTES];
	uint64_t bytes;
	(void)snprintf(queue, sizeof queue, "%s/queue", dir);
	disk->rotational = fact_of(root, queue, "rotational");
	disk->fua = fact_of(root, queue, "fua");
	(void)wr_fact_number(root, queue, "physical_block_size", &bytes);
	disk->physical_bytes = (uint32_t)bytes;
	(void)snprintf(path, sizeof path, "%s/write_cache", queue);
	if (wr_fact_text(root, path, text))
		(void)snprintf(disk->cache, sizeof disk->cache, "%.*s", (int)strcspn(text, "\n"),
			       text);
	(void)snprintf(path, sizeof path, "%s/scheduler", queue);
	wr_fact_choice(root, path, disk->scheduler, sizeof disk->scheduler);
}

/* What a disk is, by its name: the kernel's drivers name them. */
static void judge_name(const char *root, const char *dir, struct wr_disk *disk)
{
	char vendor[24];
	char path[PATH_BYTES];
	(void)snprintf(path, sizeof path, "%s/device/vendor", dir);
	wr_fact_word_of(root, path, vendor, sizeof vendor);
	disk->is_virtual = strncmp(disk->name, "vd", 2) == 0 ||
			   strncmp(disk->name, "xvd", 3) == 0 || strcmp(vendor, "QEMU") == 0 ||
			   strcmp(vendor, "VMware") == 0 || strcmp(vendor, "Msft") == 0 ||
			   strcmp(vendor, "Google") == 0;
	disk->is_loop = strncmp(disk->name, "loop", 4) == 0;
	disk->is_stacked = is_there(root, dir, "dm") || is_there(root, dir, "md");
}

/* ---- interrupts ---- */

/* What its lines in /proc/interrupts are named: "nvme0q3", "virtio1-req.0"; "" if not known. */
static void interrupt_name(const char *root, const char *dir, const struct wr_disk *disk,
			   char to[64])
{
	char path[PATH_BYTES];
	char target[PATH_MAX];
	to[0] = '\0';
	if (strncmp(disk->name, "nvme", 4) == 0) {
		(void)snprintf(to, 64, "%.*sq", (int)(4 + strspn(disk->name + 4, "0123456789")),
			       disk->name);
		return;
	}
	(void)snprintf(path, sizeof path, "%s%s/device", root, dir);
	ssize_t bytes = readlink(path, target, sizeof target - 1);
	if (bytes <= 0)
		return;
	target[bytes] = '\0';
	const char *last = strrchr(target, '/');
	last = last != NULL ? last + 1 : target;
	if (strncmp(last, "virtio", 6) == 0)
		(void)snprintf(to, 64, "%.40s-req.", last);
}

static void add_cpus_of(const char *root, unsigned long interrupt, struct wr_disk *disk)
{
	static const char *const names[] = {"effective_affinity_list", "smp_affinity_list"};
	char path[128];
	char text[WR_FACT_TEXT_BYTES];
	for (size_t i = 0; i < 2; i++) {
		struct wr_cpu_set cpus;
		(void)snprintf(path, sizeof path, "/proc/irq/%lu/%s", interrupt, names[i]);
		if (!wr_fact_text(root, path, text) || wr_cpu_set_parse(text, &cpus) != 0)
			continue;
		for (size_t word = 0; word < WR_CPUS_MAX / 64; word++)
			disk->interrupt_cpus.words[word] |= cpus.words[word];
		disk->interrupt_count++;
		return;
	}
}

/* " 36:   0  9  PCI-MSIX-0000:00:02.0  1-edge  virtio1-req.0": the last word is the name. */
static void read_interrupts(const char *root, const char *name, struct wr_disk *disk)
{
	char path[PATH_BYTES];
	char *line = NULL;
	size_t room_bytes = 0;
	(void)snprintf(path, sizeof path, "%s/proc/interrupts", root);
	FILE *file = name[0] != '\0' ? fopen(path, "re") : NULL;
	if (file == NULL)
		return;
	while (getline(&line, &room_bytes, file) >= 0) {
		char *end;
		unsigned long interrupt = strtoul(line, &end, 10);
		line[strcspn(line, "\n")] = '\0';
		const char *last = strrchr(line, ' ');
		if (end != line && *end == ':' && last != NULL &&
		    strncmp(last + 1, name, strlen(name)) == 0)
			add_cpus_of(root, interrupt, disk);
	}
	free(line);
	(void)fclose(file);
}

/* ---- the whole ---- */

void wr_disk_read(const char *root, const char *path, struct wr_disk *ret_disk)
{
	struct wr_disk disk = {.rotational = WR_DISK_UNKNOWN, .fua = WR_DISK_UNKNOWN};
	char number[32] = "";
	char dir[128];
	char name[64];
	char *real = root[0] == '\0' ? realpath(path, NULL) : NULL;
	read_mount(root, real != NULL ? real : path, &disk, number);
	free(real);
	find_number(root, &disk, number);
	if (number[0] != '\0' && find_disk(root, number, dir, &disk)) {
		read_queue(root, dir, &disk);
		judge_name(root, dir, &disk);
		interrupt_name(root, dir, &disk, name);
		read_interrupts(root, name, &disk);
	}
	*ret_disk = disk;
}
