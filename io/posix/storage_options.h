/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a storage is opened: one plain struct for io/uring, io/posix and io/sim, so that who opens
 * (io/open.c, tests) tries them in turn with the same words. Zero is the default of every field.
 */
#ifndef WR_POSIX_STORAGE_OPTIONS_H
#define WR_POSIX_STORAGE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WR_STORAGE_DEPTH_MAX 128u
#define WR_STORAGE_FILES_ROOM 4096u

struct wr_cpu_set;
struct wr_sim_disk;

struct wr_storage_options {
	const char *dir;
	const char *name;   /* the first ten characters name helper threads; NULL: "weir" */
	bool read_only;     /* needs no write permission and takes no lock */
	bool create_dir;    /* make the last component of dir, mode 0700, and sync its parent */
	uint32_t files_max; /* room for so many, and for what the directory holds in any case */
	uint32_t depth_max; /* requests in flight; 0: the backend's best, see report() */
	bool buffered;      /* do not ask for O_DIRECT */
	bool cached;        /* buffered: what the kernel has in memory may be read for the medium */
	bool any_thread;    /* between enter and leave the owner may change, one thread at a time */
	bool sync_apart;    /* no sync in the write, even where it is known to be honoured */
	/* Where helper threads and the kernel's workers run; NULL: as the thread that enters.
	 * Kept, not copied. */
	const struct wr_cpu_set *helper_cpus;
	char *ret_reason; /* when open fails: why, and what to do about it; may be NULL */
	size_t reason_bytes;
	struct wr_sim_disk *sim_disk; /* io/sim: the medium, which outlives the storage */
};

#endif
