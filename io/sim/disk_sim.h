/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A medium in memory that outlives the storages opened on it: files, directory, power.
 *
 * Each file has two images. `cache` is what reads see, `durable` is what survives a power cut, and
 * `dirty` marks the 512-byte sectors that differ because they were not synced. At a power cut each
 * dirty sector is kept, dropped or torn, on its own. A sector that is written again before it was
 * synced may have reached the medium in its older form: that is drawn when it is overwritten.
 *
 * The directory is the weak one of POSIX, not ext4's: names made or removed and the file's growth
 * are lost or kept, each on its own, until the directory (or the file) is synced.
 *
 * Every operation that touches the medium has a number. trip_at() makes the n-th of them fail, or
 * cuts the power there: it and all that follow return WEIR_E_FAILED and nothing more reaches the
 * medium. So crash points are swept one by one, in recovery too.
 *
 * A medium may freeze: nothing completes before frozen_until_ns, blocking calls last until then.
 *
 * All draws come from one generator: the same seed and the same calls give the same trace.
 * Allocates only when a file or the directory grows. Thread: the simulation's.
 */
#ifndef WR_SIM_DISK_SIM_H
#define WR_SIM_DISK_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/port/storage.h"
#include "io/sim/clock_sim.h"
#include "io/sim/fault_plan.h"
#include "io/sim/prng.h"

#define WR_SIM_SECTOR_BYTES 512u
#define WR_SIM_NONE (-1)

struct wr_sim_inode {
	uint8_t *cache;
	uint8_t *durable;
	uint64_t *dirty; /* a bit a sector */
	uint64_t capacity_bytes;
	uint64_t bytes;         /* as reads see it */
	uint64_t durable_bytes; /* after a power cut, or more */
	uint64_t filled_bytes;  /* from there on both images are zero: nobody copies that */
	uint32_t handle_count;
	bool used;
	bool reached;  /* by a name, when that was looked at last */
	bool is_dirty; /* some bit is set, or the sizes differ */
	bool differs;  /* sectors that are not dirty differ as well, after a failed sync */
};

struct wr_sim_entry {
	char name[WR_STORAGE_NAME_MAX + 1];
	int32_t now;     /* an inode, or WR_SIM_NONE */
	int32_t durable; /* the same after a power cut */
};

/* What power cuts took, for reports. */
struct wr_sim_lost {
	uint64_t names; /* made or removed, and not */
	uint64_t sizes;
	uint64_t torn; /* sectors */
};

/* A write that may happen once more (DUPLICATED_WRITE); kept while that is possible. */
struct wr_sim_earlier {
	uint8_t *bytes;
	uint32_t capacity_bytes;
	uint32_t length_bytes; /* 0: there is none */
	uint64_t offset_bytes;
	int32_t inode;
};

/* A storage that is open on the disk: told of the power cut while its requests are in flight. */
struct wr_sim_attached {
	struct wr_sim_attached *next;
	void (*power_cut)(struct wr_sim_attached *attached);
};

struct wr_sim_disk {
	struct wr_prng prng;
	struct wr_fault_plan plan;
	struct wr_clock_sim own_clock;
	struct wr_clock_sim *clock;  /* own_clock, or the test's */
	struct wr_sim_inode *inodes; /* [inode_capacity], the first inode_count were used */
	uint32_t inode_count;
	uint32_t inode_capacity;
	uint32_t loose_count; /* inodes that only handles lead to; names change with a collect */
	struct wr_sim_entry *entries;
	uint32_t entry_count;
	uint32_t entry_capacity;
	uint32_t *names; /* [name_mask + 1], by hash: numbers of entries + 1; 0: none */
	uint32_t name_mask;
	struct wr_sim_attached *attached;
	const void *lock_owner;
	uint64_t op_count;
	uint64_t trip_at; /* the number of the operation, 0: none */
	int trip_code;
	bool trip_on;             /* and all that follow */
	uint64_t frozen_until_ns; /* of the clock; 0: it is not */
	uint64_t blocked_ns;      /* that blocking calls spent in freezes */
	struct wr_sim_earlier earlier;
	struct wr_sim_lost lost;
	uint64_t power_cut_count;
	uint32_t descriptors_peak; /* that a storage on it had open at once */
	uint64_t stall_count;      /* polls that would have waited for ever */
	uint64_t trace;            /* hash of all that happened */
};

/* NULL plan: no faults. NULL when there is no memory. */
struct wr_sim_disk *wr_sim_disk_create(uint64_t seed, const struct wr_fault_plan *plan);
/* Begins anew, as one that was just made, in the memory that it has. */
void wr_sim_disk_reset(struct wr_sim_disk *disk, uint64_t seed, const struct wr_fault_plan *plan);
/* No storage may be open on it. NULL is fine. */
void wr_sim_disk_destroy(struct wr_sim_disk *disk);

/* For the tests, between operations. */

/* The n-th operation from now on (from 1) returns `code`; WEIR_E_FAILED cuts the power. 0: none. */
void wr_sim_disk_trip_at(struct wr_sim_disk *disk, uint64_t n, int code);
/* The same, and each operation after it fails likewise. */
void wr_sim_disk_trip_from(struct wr_sim_disk *disk, uint64_t n, int code);
/* Nothing completes for so long. */
void wr_sim_disk_freeze(struct wr_sim_disk *disk, uint64_t ns);
/* The power goes: every storage open on the disk is dead from now on. */
void wr_sim_disk_power_cut(struct wr_sim_disk *disk);
/* Flips a bit of a file, in both images. 0, -ENOENT, -EINVAL (beyond the end). */
int wr_sim_disk_corrupt(struct wr_sim_disk *disk, const char *name, uint64_t offset_bytes,
			unsigned bit);
/* Cuts or extends (with zeros) a file. */
int wr_sim_disk_truncate(struct wr_sim_disk *disk, const char *name, uint64_t bytes);
/* Makes or replaces a file with this content, all of it durable. */
int wr_sim_disk_put(struct wr_sim_disk *disk, const char *name, const void *content,
		    uint64_t bytes);
int wr_sim_disk_remove(struct wr_sim_disk *disk, const char *name);
/* What reads see; NULL when there is no such file. Valid until the file grows. */
const uint8_t *wr_sim_disk_peek(const struct wr_sim_disk *disk, const char *name,
				uint64_t *ret_bytes);
/* The whole medium, generator and plan included; no storage may be open on `to`. 0 or -ENOMEM. */
int wr_sim_disk_copy_to(const struct wr_sim_disk *from, struct wr_sim_disk *to);
struct wr_sim_disk *wr_sim_disk_clone(const struct wr_sim_disk *disk);

/* For storage_sim. */

/* Counts an operation: 0, or the code that it must return. */
int wr_sim_disk_operation(struct wr_sim_disk *disk, uint64_t what, uint64_t where);
void wr_sim_disk_trace(struct wr_sim_disk *disk, uint64_t what, uint64_t where);
/* A blocking call: time passes until the medium answers again. */
void wr_sim_disk_thaw(struct wr_sim_disk *disk);
/* The inode of a name, or WR_SIM_NONE. */
int32_t wr_sim_disk_find(const struct wr_sim_disk *disk, const char *name);
/* A new empty file under a name that is not there: its inode, or a negative code under -1. */
int32_t wr_sim_disk_make(struct wr_sim_disk *disk, const char *name);
int wr_sim_disk_unlink(struct wr_sim_disk *disk, const char *name);
/* The same, of whatever name leads to it. */
void wr_sim_disk_unlink_inode(struct wr_sim_disk *disk, int32_t inode);
void wr_sim_disk_sync_dir(struct wr_sim_disk *disk);
uint64_t wr_sim_disk_used_bytes(const struct wr_sim_disk *disk);
/* Frees what no name and no handle leads to. */
void wr_sim_disk_collect(struct wr_sim_disk *disk);
/* One handle less leads to it: the same, where that can free something. */
void wr_sim_disk_handle_closed(struct wr_sim_disk *disk, int32_t inode);

/* Grows the images to hold `bytes`: 0, -ENOMEM, -ENOSPC (the plan's capacity). */
int wr_sim_inode_reserve(struct wr_sim_disk *disk, int32_t inode, uint64_t bytes);
/* Into the cache; reserve() was called. NULL bytes are zeros. */
void wr_sim_inode_write(struct wr_sim_disk *disk, int32_t inode, const uint8_t *bytes,
			uint64_t length_bytes, uint64_t offset_bytes);
/* Makes a range durable, and the file's size. */
void wr_sim_inode_sync(struct wr_sim_disk *disk, int32_t inode, uint64_t length_bytes,
		       uint64_t offset_bytes);
/* A sync that failed: each dirty sector reached the medium or did not, and none is dirty now. */
void wr_sim_inode_sync_failed(struct wr_sim_disk *disk, int32_t inode);

#endif
