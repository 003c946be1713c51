/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What storage_sim.c (blocking calls, life) and request_sim.c (requests, faults of transfers) know
 * of each other. Nobody else includes it. Thread: the simulation's.
 */
#ifndef WR_SIM_STORAGE_SIM_INNER_H
#define WR_SIM_STORAGE_SIM_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "io/sim/storage_sim.h"

/* PREPAREs do not count against the depth; here they need a place all the same. */
#define WR_SIM_PREPARES_MAX 64u

/* What happened, in the trace. */
enum wr_sim_operation {
	WR_SIM_OP_OPEN = 1,
	WR_SIM_OP_REMOVE,
	WR_SIM_OP_READ,
	WR_SIM_OP_WRITE,
	WR_SIM_OP_SYNC,
	WR_SIM_OP_SYNC_DIR,
	WR_SIM_OP_SUBMIT,
	WR_SIM_OP_WRITTEN,
	WR_SIM_OP_DONE,
};

struct wr_sim_handle {
	int32_t inode;
	int failed; /* S5 */
	bool used;
	bool writable;
	bool kept;
	bool open;             /* it has a descriptor, see descriptors_sim.c */
	bool idle;             /* and can lose it: counted */
	uint32_t users;        /* requests in flight */
	uint32_t older, newer; /* of those that have one, by their last use: numbers + 1; 0: none */
};

/* A request in flight. */
struct wr_sim_slot {
	struct wr_io *io;
	uint64_t ready_ns;
	uint64_t serial; /* of its submission: a poll ends what was submitted before it began */
	uint32_t tie;    /* order of those that are ready at the same time */
	bool written;    /* sync apart: the write is over, the sync is under way */
};

struct wr_storage_sim {
	struct wr_storage base;
	struct wr_sim_attached attached;
	struct wr_sim_disk *disk;
	struct wr_sim_handle *handles;
	uint32_t handle_count;
	uint32_t free_from; /* those below are used */
	uint32_t files_max;
	struct wr_sim_slot *slots; /* the first slot_count are in use, in no order */
	uint32_t slot_count;
	uint32_t slot_capacity;
	uint32_t in_flight; /* without PREPAREs */
	uint64_t serial;
	struct wr_storage_counts counts;
	uint32_t descriptor_count;
	uint32_t idle_count;               /* of them */
	uint32_t oldest_open, newest_open; /* likewise */
	bool read_only;
	bool entered;
	bool leaving;
	bool woken;
	bool dead;
};

struct wr_sim_handle *wr_sim_handle(struct wr_storage_sim *s, uint32_t file);
int wr_sim_handle_open(struct wr_storage_sim *s, int32_t inode, uint32_t flags, uint32_t *ret_file);
void wr_sim_handle_close(struct wr_storage_sim *s, uint32_t file);

/* descriptors_sim.c. Gives the handle a descriptor if it has none: 0 or -EMFILE. */
int wr_sim_use(struct wr_storage_sim *s, struct wr_sim_handle *handle);
/* Whether one more can be had; an idle one goes for it. 0 or -EMFILE. */
int wr_sim_descriptor_room(struct wr_storage_sim *s);
/* After what decides whether it is idle has changed: its users, or whether it is kept. */
void wr_sim_idle_look(struct wr_storage_sim *s, struct wr_sim_handle *handle);
int wr_sim_file_keep(struct wr_storage *base, uint32_t file, bool keep);
/* Neither descriptor nor number any more. */
void wr_sim_handle_end(struct wr_storage_sim *s, struct wr_sim_handle *handle);

/* The count, less only at the end of the file (S3); SHORT_READ strikes the calls it is made of. */
int64_t wr_sim_read_medium(struct wr_storage_sim *s, int32_t inode, void *buffer,
			   uint32_t length_bytes, uint64_t offset_bytes);
/* Un-synced, no faults but a lack of space. */
int wr_sim_write_medium(struct wr_storage_sim *s, int32_t inode, const void *buffer,
			uint32_t length_bytes, uint64_t offset_bytes);
/* The same with the faults of the plan. */
int wr_sim_write_faulty(struct wr_storage_sim *s, const struct wr_sim_handle *handle,
			const void *buffer, uint32_t length_bytes, uint64_t offset_bytes);
int wr_sim_sync_faulty(struct wr_storage_sim *s, const struct wr_sim_handle *handle);

/* The end of those in flight: un-synced on the medium (power), or done or not (process). */
void wr_sim_requests_drop(struct wr_storage_sim *s, bool power);

int wr_sim_enter(struct wr_storage *base);
int wr_sim_leave(struct wr_storage *base);
int wr_sim_submit(struct wr_storage *base, struct wr_io *io);
int wr_sim_poll(struct wr_storage *base, uint64_t wait_ns);
void wr_sim_wake(struct wr_storage *base);

#endif
