/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is behind a directory: the mount that it is in, the disk below it, and the CPUs that take
 * the disk's interrupts. Facts only.
 *
 * Thread: any; no state.
 */
#ifndef WR_MACHINE_DISK_H
#define WR_MACHINE_DISK_H

#include "io/posix/cpu_set.h"

#define WR_DISK_UNKNOWN (-1)

struct wr_disk {
	/* The mount; type "": not known, and then nothing else is. */
	char type[24];
	char mount_point[256];
	char source[160];
	char options[600]; /* of the mount and of the file system, with commas between */

	/* The disk as a whole, not its partition; name "": there is none, or it is not known. */
	char name[40];   /* the kernel's: "nvme0n1" */
	bool is_virtual; /* what a flush means is up to a hypervisor */
	bool is_stacked; /* made of others: dm, md */
	bool is_loop;    /* a file of another file system */
	int rotational;  /* 1, 0, WR_DISK_UNKNOWN; virtual ones often say 1 */
	int fua;         /* writes that go through the disk's cache by themselves */
	char cache[16];  /* "write back", "write through", "" */
	char scheduler[24];
	uint32_t physical_bytes; /* of a block; 0: not known */
	uint32_t interrupt_count;
	struct wr_cpu_set interrupt_cpus;
};

/*
 * Never fails.
 *
 * @param root  "": the running system. Else a tree with proc/ and sys/
 * @param path  of the directory, which is there; absolute in a tree
 */
void wr_disk_read(const char *root, const char *path, struct wr_disk *ret_disk);

/* Whether it is one of the mount's options: "ro", "data=journal". */
bool wr_disk_has_option(const struct wr_disk *disk, const char *option);

#endif
