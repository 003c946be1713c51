/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that writes down what is done to it: a file in a FUSE file system of one process, for a
 * loop device. Writes and flushes go into a log in shared memory, in the order in which they came,
 * each with what was known outside just before it. A write or a flush may be made to fail.
 *
 * Thread: main; the process that serves it is a child of its own.
 */
#ifndef WEIR_TESTS_POWERCUT_DISK_H
#define WEIR_TESTS_POWERCUT_DISK_H

#include <sys/types.h>

#include "core/base/atomic.h"
#include "tests/powercut/image.h"

#define DISK_FILE "disk"
#define DISK_ENTRIES_MAX 200000u

enum disk_fault { DISK_SOUND, DISK_FAILS_WRITES, DISK_FAILS_FLUSHES, DISK_LOSES_FLUSHES };

/* Shared with the process that serves. */
struct disk_log {
	wr_atomic_u64 count;       /* of entries: what is below it stays */
	wr_atomic_u32 has_room;    /* 0: something did not fit, and was refused */
	wr_atomic_u32 flush_us;    /* that a flush takes at least */
	wr_atomic_u32 fault;       /* enum disk_fault; the rest is set before */
	wr_atomic_u32 pass_by;     /* so many of them are served first */
	wr_atomic_u32 how_many;    /* then so many fail, and after that none */
	wr_atomic_u32 fault_count; /* have failed */
	uint64_t used_bytes;
	struct disk_entry entries[DISK_ENTRIES_MAX];
	uint8_t *arena;
	uint64_t arena_bytes;
};

struct disk_hooks {
	/* What is known now, into `to`; its length. Called before each entry. */
	size_t (*mark)(void *context, uint8_t *to, size_t bytes);
	/* Called before the first failure is answered. */
	void (*failing)(void *context);
	void *context;
};

struct disk {
	struct disk_log *log;
	char folder[256]; /* where it is mounted */
	pid_t server;
};

/* NULL: no memory. */
struct disk_log *disk_log_map(void);

/* Serves `image` as FOLDER/disk, with an empty log. 0, or -errno: no FUSE here. */
int disk_start(struct disk *disk, const struct image *image, const char *folder,
	       const struct disk_hooks *hooks);

/* What it holds now is served without a log from here on; arms a fault of enum disk_fault. */
void disk_arm(struct disk *disk, enum disk_fault fault, uint32_t pass_by, uint32_t how_many);

/* Ends the server. Nobody has the file open. */
void disk_stop(struct disk *disk);

#endif
