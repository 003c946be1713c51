/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage of the storage contract: one world for each backend and way of syncing, and requests
 * that record what happened to them. A case is written once, as CONTRACT(name) { ... }, and runs as
 * one Criterion test for each backend.
 *
 * WEIR_TEST_IO=posix leaves io_uring out, as does a machine that refuses it; the test then says so.
 */
#ifndef WR_TESTS_CONTRACT_CONTRACT_H
#define WR_TESTS_CONTRACT_CONTRACT_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/port/storage.h"
#include "io/posix/storage_options.h"
#include "io/sim/disk_sim.h"

#define BLOCK WR_STORAGE_BLOCK_BYTES
#define WAIT_LONG_NS 60000000000ull /* ends a test that would hang; nothing waits so long */

enum backend {
	BACKEND_URING,
	BACKEND_URING_APART, /* buffered, fdatasync after the write */
	BACKEND_POSIX,
	BACKEND_POSIX_APART,
	BACKEND_SIM,
	BACKEND_SIM_APART,
};

struct world {
	enum backend backend;
	struct wr_storage *s;
	const struct wr_storage_ops *ops;
	struct wr_storage_options options;
	char dir[256]; /* of the real ones */
	struct wr_sim_disk *disk;
	bool mounted;
};

/* A request and what became of it. */
struct request {
	struct wr_io io;
	int done_count;
	int written_count;
	bool written_before_done;
};

bool world_is_real(const struct world *w);
bool world_is_apart(const struct world *w);

/* Makes the directory or the disk, opens the storage on it, enters. Skips the test if it must. */
void world_setup(struct world *w, enum backend backend, uint32_t depth_max);
/* Closes the storage, and opens it again on the same medium. */
void world_reopen(struct world *w);
/* Opens another storage on the same medium: the code. */
int world_open_other(struct world *w, bool read_only, struct wr_storage **ret);
void world_teardown(struct world *w);
/* Ends the case here, with nothing left behind. */
void world_skip(struct world *w, const char *reason);
/* A path of a name in the world's directory. */
void world_path(const struct world *w, const char *name, char *ret_path, size_t path_bytes);

/* A file with `bytes` zeros, made by PREPARE. */
uint32_t world_prepare(struct world *w, const char *name, uint64_t bytes);
struct request request_of(uint32_t kind, uint32_t file, void *buffer, uint32_t length_bytes,
			  uint64_t offset_bytes);
/* Polls until it is done: its result. */
int request_wait(struct world *w, struct request *r);
/* submit and wait. */
int request_run(struct world *w, struct request *r);

uint64_t real_now_ns(void);
/* A block-aligned buffer of `blocks` blocks, filled from the seed. Freed with free(). */
uint8_t *new_blocks(uint32_t blocks, uint8_t seed);

#define CONTRACT(name)                                                                             \
	static void case_##name(struct world *w);                                                  \
	CONTRACT_TEST(storage_uring, name, BACKEND_URING)                                          \
	CONTRACT_TEST(storage_uring_apart, name, BACKEND_URING_APART)                              \
	CONTRACT_TEST(storage_posix, name, BACKEND_POSIX)                                          \
	CONTRACT_TEST(storage_posix_apart, name, BACKEND_POSIX_APART)                              \
	CONTRACT_TEST(storage_sim, name, BACKEND_SIM)                                              \
	CONTRACT_TEST(storage_sim_apart, name, BACKEND_SIM_APART)                                  \
	static void case_##name(struct world *w)

#define CONTRACT_TEST(suite, name, which)                                                          \
	Test(suite, name)                                                                          \
	{                                                                                          \
		struct world w;                                                                    \
		world_setup(&w, which, 0);                                                         \
		case_##name(&w);                                                                   \
		world_teardown(&w);                                                                \
	}

#endif
