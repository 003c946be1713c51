/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place for real file systems on files: a mount namespace and a process tree of their own, loop
 * devices that let go of their file when nobody uses them, a tmpfs for mount points. However the
 * test ends, killed too, the kernel takes all of it back.
 *
 * Thread: main.
 */
#ifndef WEIR_TESTS_POWERCUT_MOUNTS_H
#define WEIR_TESTS_POWERCUT_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct mounts_kind {
	const char *name;    /* of the file system, for mount() */
	const char *mkfs[8]; /* the command, without the device; NULL ends */
	const char *options; /* of mount() */
	uint64_t bytes;
};

/* ext4, xfs, btrfs, in this order, with what mkfs makes by default. */
#define MOUNTS_KINDS 3u
extern const struct mounts_kind mounts_kinds[MOUNTS_KINDS];

#define MOUNTS_PATH_BYTES 768

/* FOLDER/name. */
void mounts_path(const char *folder, const char *name, char to[MOUNTS_PATH_BYTES]);

/*
 * Runs `body` in a process of its own, with a tmpfs at `folder` that nobody else sees; its exit
 * status. Where that cannot be, the reason is skipped with (TAP), and 0 returned. `body` prints the
 * plan of its cases.
 */
int mounts_run(const char *folder, bool needs_fuse, int (*body)(const char *folder));

/* A loop device on the file: it is there as long as somebody has it open. Descriptor or -errno. */
int mounts_attach(int file_fd, const char *folder, bool read_only,
		  char ret_device[MOUNTS_PATH_BYTES]);

/* Makes the file system; its exit status, 127: the command is missing. */
int mounts_make(const struct mounts_kind *kind, const char *device);

/* Attaches the file and mounts it. 0, or -errno and what failed. */
int mounts_mount(const struct mounts_kind *kind, int file_fd, const char *folder, const char *at,
		 bool read_only, const char **ret_what);

/* Waits until it is not busy. */
int mounts_unmount(const char *at);

/* NULL, or the package that is missing for it. */
const char *mounts_missing(const struct mounts_kind *kind);

#endif
