/* SPDX-License-Identifier: Apache-2.0 */
/* Findings about a journal's directory: what it is on, and what that keeps. */
#include <string.h>

#include "tools/weir/args.h"
#include "tools/weir/doctor/doctor.h"

#define A_LOCAL_DISK "a directory on ext4 or XFS, docker run -v /var/lib/orders:/data"
#define SPACE_LOW_BYTES (1ull << 30)
#define SPACE_LEAST_BYTES (256ull << 20) /* four segments of 64 MiB, as at open */

static bool judge_dir(struct doctor *d)
{
	if (!d->dir.is_makeable) {
		struct doctor_finding *f =
			doctor_find(d, DOCTOR_STOPS, "dir",
				    "%.200s is not a directory that may be written", d->dir.place);
		DOCTOR_COST(f, "weir_open()", "no journal can be made or opened there");
		DOCTOR_FIX(f, "mkdir -p %.100s; chown USER %.100s", d->path, d->path);
		return false;
	}
	doctor_find(d, DOCTOR_OK, "dir", "%.200s %s", d->path,
		    d->dir.is_there ? "may be written" : "can be made");
	if (d->dir.journal_code != 0) {
		struct doctor_finding *f =
			doctor_find(d, DOCTOR_STOPS, "journal", "%s", d->dir.journal_text);
		DOCTOR_COST(f, "weir_open()", "the journal that is there does not open");
		DOCTOR_FIX(f, "weir journal verify %.100s", d->path);
	}
	return true;
}

/* ---- the file system ---- */

static const struct kind {
	const char *type;
	enum doctor_weight weight;
	const char *cost;
} kinds[] = {
	{"ext4", DOCTOR_OK, ""},
	{"xfs", DOCTOR_OK, ""},
	{"tmpfs", DOCTOR_STOPS,
	 "it is memory: what is acknowledged as durable is gone with the machine's power"},
	{"ramfs", DOCTOR_STOPS,
	 "it is memory: what is acknowledged as durable is gone with the machine's power"},
	{"overlay", DOCTOR_COSTS,
	 "the layer of a container: the journal is gone with the container, and syncs go apart "
	 "from writes"},
	{"nfs", DOCTOR_COSTS,
	 "each sync is a trip to a server, which decides what durable means; locks are its own"},
	{"nfs4", DOCTOR_COSTS,
	 "each sync is a trip to a server, which decides what durable means; locks are its own"},
	{"cifs", DOCTOR_COSTS,
	 "each sync is a trip to a server, which decides what durable means; locks are its own"},
	{"smb3", DOCTOR_COSTS,
	 "each sync is a trip to a server, which decides what durable means; locks are its own"},
	{"9p", DOCTOR_COSTS, "the host decides what durable means, and syncs go apart from writes"},
	{"virtiofs", DOCTOR_COSTS,
	 "the host decides what durable means, and syncs go apart from writes"},
	{"fuse", DOCTOR_COSTS,
	 "a program decides what durable means; a sync in the write may be dropped, so that syncs "
	 "go apart"},
	{"btrfs", DOCTOR_NOTE,
	 "it copies on write: zero-written segments reserve no room, and each sync commits "
	 "metadata"},
	{"zfs", DOCTOR_NOTE,
	 "it copies on write: zero-written segments reserve no room, and each sync goes through "
	 "its own log"},
	{"bcachefs", DOCTOR_NOTE,
	 "it copies on write: zero-written segments reserve no room, and each sync commits "
	 "metadata"},
};

static const struct kind *kind_of(const char *type)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].type, type) == 0 ||
		    (strncmp(type, "fuse", 4) == 0 && strcmp(kinds[i].type, "fuse") == 0))
			return &kinds[i];
	return NULL;
}

static void judge_file_system(struct doctor *d)
{
	const struct wr_disk *disk = &d->disk;
	const struct kind *kind = kind_of(disk->type);
	if (disk->type[0] == '\0') {
		doctor_find(d, DOCTOR_NOTE, "file_system", "what is mounted there cannot be read");
		return;
	}
	struct doctor_finding *f =
		doctor_find(d, kind != NULL ? kind->weight : DOCTOR_NOTE, "file_system",
			    "%s (%.120s on %.120s)", disk->type, disk->source, disk->mount_point);
	if (kind != NULL && kind->weight == DOCTOR_OK)
		return;
	DOCTOR_COST(f, "io/posix/engine.c", "%s",
		    kind != NULL ? kind->cost
				 : "weir has not been tried on it: syncs go apart from writes");
	if (kind != NULL && strcmp(kind->type, "btrfs") == 0)
		DOCTOR_FIX(f, "chattr +C of the empty directory, or " A_LOCAL_DISK);
	else
		DOCTOR_FIX(f, A_LOCAL_DISK);
}

/* Options that change what a sync is worth, or what it takes. */
static const struct mount_option {
	const char *option;
	enum doctor_weight weight;
	const char *source;
	const char *cost;
	const char *fix; /* %s is the mount point */
} mount_options[] = {
	{"ro", DOCTOR_STOPS, "mount(8)", "nothing can be written", "mount -o remount,rw %s"},
	{"nobarrier", DOCTOR_STOPS, "ext4(5), xfs(5)",
	 "the disk's cache is never flushed: a power cut takes what was acknowledged as durable",
	 "mount -o remount,barrier %s, and /etc/fstab"},
	{"barrier=0", DOCTOR_STOPS, "ext4(5)",
	 "the disk's cache is never flushed: a power cut takes what was acknowledged as durable",
	 "mount -o remount,barrier=1 %s, and /etc/fstab"},
	{"data=journal", DOCTOR_COSTS, "the kernel's filesystems/ext4",
	 "all data is written twice and O_DIRECT is not honoured",
	 "data=ordered for %s in /etc/fstab (tune2fs -o ^journal_data), and a mount anew"},
	{"sync", DOCTOR_COSTS, "mount(8)",
	 "every write waits for the disk by itself, also those that zero-fill segments",
	 "mount -o remount,async %s"},
	{"discard", DOCTOR_NOTE, "mount(8)",
	 "segments that are removed are discarded at once: some disks stall on it",
	 "mount -o remount,nodiscard %s; systemctl enable --now fstrim.timer"},
};

static void judge_mount(struct doctor *d)
{
	bool is_plain = true;
	if (d->disk.type[0] == '\0')
		return;
	for (size_t i = 0; i < sizeof mount_options / sizeof mount_options[0]; i++) {
		const struct mount_option *o = &mount_options[i];
		if (!wr_disk_has_option(&d->disk, o->option))
			continue;
		is_plain = false;
		struct doctor_finding *f =
			doctor_find(d, o->weight, "mount", "mounted with %s", o->option);
		const char *at = strstr(o->fix, "%s");
		DOCTOR_COST(f, o->source, "%s", o->cost);
		DOCTOR_FIX(f, "%.*s%.120s%s", (int)(at - o->fix), o->fix, d->disk.mount_point,
			   at + 2);
	}
	if (is_plain)
		doctor_find(d, DOCTOR_OK, "mount", "mounted with %.200s", d->disk.options);
}

static void judge_space(struct doctor *d)
{
	char left[CLI_TEXT_BYTES];
	char all[CLI_TEXT_BYTES];
	uint64_t bytes = d->dir.free_bytes;
	if (d->dir.total_bytes == 0)
		return;
	bool is_low = bytes < SPACE_LOW_BYTES;
	struct doctor_finding *f =
		doctor_find(d,
			    bytes < SPACE_LEAST_BYTES && d->dir.file_count == 0 ? DOCTOR_STOPS
			    : is_low                                            ? DOCTOR_NOTE
										: DOCTOR_OK,
			    "disk", "%s of %s are free", cli_text_bytes(left, bytes),
			    cli_text_bytes(all, d->dir.total_bytes));
	if (is_low) {
		DOCTOR_COST(f, "weir config plan",
			    "a journal makes 256 MiB of segments when it opens, and stops taking "
			    "events when the disk is full");
		DOCTOR_FIX(f, "journal: {retention: 512MiB, segment: 16MiB}, or a larger disk");
	}
	if (d->inodes_free >= 64)
		return;
	f = doctor_find(d, d->inodes_free < 8 ? DOCTOR_STOPS : DOCTOR_COSTS, "inodes",
			"%llu more files can be made", (unsigned long long)d->inodes_free);
	DOCTOR_COST(f, "df -i", "each segment is a file");
	DOCTOR_FIX(f, "find %.120s -xdev -type f | cut -d/ -f2-4 | sort | uniq -c | sort -n",
		   d->disk.mount_point);
}

/* ---- the disk ---- */

static void judge_device(struct doctor *d)
{
	const struct wr_disk *disk = &d->disk;
	if (disk->name[0] == '\0') {
		if (disk->type[0] != '\0')
			doctor_find(d, DOCTOR_NOTE, "device",
				    "what disk is behind it cannot be seen");
		return;
	}
	bool is_slow =
		disk->rotational == 1 && !disk->is_virtual && !disk->is_loop && !disk->is_stacked;
	struct doctor_finding *f =
		doctor_find(d,
			    is_slow                                                 ? DOCTOR_COSTS
			    : disk->is_virtual || disk->is_loop || disk->is_stacked ? DOCTOR_NOTE
										    : DOCTOR_OK,
			    "device", "%s: %s, blocks of %u bytes", disk->name,
			    disk->is_virtual   ? "a virtual disk"
			    : disk->is_loop    ? "a file that is mounted as a disk"
			    : disk->is_stacked ? "made of other disks (dm, md)"
			    : is_slow          ? "it rotates"
					       : "solid",
			    disk->physical_bytes);
	if (is_slow) {
		DOCTOR_COST(f, "one turn at 7200/min", "8 ms for each sync, however small");
		DOCTOR_FIX(f, "a solid-state disk");
	} else if (disk->is_virtual) {
		DOCTOR_COST(
			f, "qemu-options: cache=",
			"the hypervisor decides whether a flush reaches the medium: cache=unsafe "
			"loses what was acknowledged, and nothing in here can see it");
		DOCTOR_FIX(f, "cache=none or writethrough for the disk, on the host");
	} else if (disk->is_loop || disk->is_stacked) {
		DOCTOR_COST(f, "losetup(8), dmsetup(8)",
			    "each write and flush passes one layer more; ask the disks below, too");
		DOCTOR_FIX(f, "lsblk -s /dev/%s", disk->name);
	}
}

static void judge_cache(struct doctor *d)
{
	const struct wr_disk *disk = &d->disk;
	if (disk->name[0] == '\0' || disk->cache[0] == '\0')
		return;
	bool flushes = strcmp(disk->cache, "write back") == 0;
	if (!flushes || disk->fua == 1) {
		doctor_find(d, DOCTOR_OK, "cache", "%s%s", disk->cache,
			    flushes ? ", and writes may pass through (FUA)"
				    : ": no flush is needed");
		return;
	}
	struct doctor_finding *f = doctor_find(
		d, DOCTOR_NOTE, "cache", "write back, and no write passes through it (no FUA)");
	DOCTOR_COST(
		f, DOCTOR_GUIDE,
		"each sync is a write and then a flush, two trips to the disk (50 + 60 us on a "
		"virtio disk); a spinning thread on the CPU of the disk's interrupts makes it 4 "
		"ms");
	DOCTOR_FIX(f, "%s",
		   disk->is_virtual
			   ? "nothing in here: a disk with FUA, or one without a cache, of the host"
			   : "a disk with power-loss protection (nvme id-ctrl: vwc 0)");
}

static void judge_scheduler(struct doctor *d)
{
	const char *name = d->disk.scheduler;
	if (name[0] == '\0')
		return;
	bool is_fair = strcmp(name, "bfq") == 0 || strcmp(name, "cfq") == 0;
	struct doctor_finding *f =
		doctor_find(d, is_fair ? DOCTOR_COSTS : DOCTOR_OK, "scheduler", "%s", name);
	if (!is_fair)
		return;
	DOCTOR_COST(
		f, "the kernel's block/bfq-iosched.rst",
		"it holds the disk idle for whoever it thinks will come next, and takes a lock for "
		"each request");
	DOCTOR_FIX(f, "echo none >/sys/block/%s/queue/scheduler", d->disk.name);
}

static void judge_interrupts(struct doctor *d)
{
	char list[64];
	if (d->disk.interrupt_count == 0)
		return;
	wr_cpu_set_format(&d->disk.interrupt_cpus, list, sizeof list);
	doctor_find(d, DOCTOR_OK, "interrupts",
		    "those of %s come to CPUs %s: no thread should spin there", d->disk.name, list);
}

/* ---- how weir would write ---- */

static void judge_engine(struct doctor *d)
{
	if (d->engine[0] == '\0')
		return;
	bool is_direct = strncmp(d->engine, "O_DIRECT", 8) == 0;
	bool in_write = strstr(d->engine, "RWF_DSYNC") != NULL;
	struct doctor_finding *f = doctor_find(d,
					       !is_direct  ? DOCTOR_COSTS
					       : !in_write ? DOCTOR_NOTE
							   : DOCTOR_OK,
					       "direct", "%s (%s)", d->engine, d->engine_why);
	if (is_direct && in_write)
		return;
	if (is_direct)
		DOCTOR_COST(f, DOCTOR_GUIDE, "a sync is a call of its own behind each write");
	else
		DOCTOR_COST(f, DOCTOR_GUIDE,
			    "every byte is copied into the page cache first: two thirds of the "
			    "throughput, 1.5 times the latency");
	DOCTOR_FIX(f, A_LOCAL_DISK);
}

void doctor_judge_disk(struct doctor *d)
{
	if (d->path == NULL)
		return;
	if (doctor_is_here(d)) {
		if (!judge_dir(d))
			return;
		judge_space(d);
	}
	judge_file_system(d);
	judge_mount(d);
	judge_device(d);
	judge_cache(d);
	judge_scheduler(d);
	judge_interrupts(d);
	judge_engine(d);
}
