/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory from the system behind core/port/memory.h: tables from the user's allocator or the C
 * library, rings and pools from memfds (memory_map.c).
 *
 * Thread: any, at open, join and define. The counters change under a lock; read them with
 * wr_memory_posix_usage() while others may allocate. Mapping is open's alone: one thread.
 */
#ifndef WR_POSIX_MEMORY_POSIX_H
#define WR_POSIX_MEMORY_POSIX_H

#include <weir/error.h>
#include <weir/options.h>

#include "core/base/pause.h"
#include "core/port/memory.h"
#include "io/posix/numa.h"

/* How memory is to be had. All zero: small pages, not locked, not dumped, wherever it is. */
struct wr_memory_policy {
	enum weir_huge_pages huge_pages;
	size_t huge_page_bytes;     /* with TRY and REQUIRE */
	uint64_t huge_wanted_bytes; /* of all rings and pools that are to have them: for what is
				     * said of a shortage */
	bool lock;
	bool in_core_dumps;
	const struct wr_numa *numa; /* NULL: nothing is bound. Kept */
};

struct wr_memory_posix {
	struct wr_memory memory; /* first: the ops cast back */
	struct weir_allocator allocator;
	struct wr_memory_policy policy;
	wr_spinlock lock;      /* of the two counters of `memory` and the two below */
	uint64_t huge_bytes;   /* mapped in huge pages */
	uint64_t locked_bytes; /* that cannot be swapped */
	/* Of the opening thread. */
	char huge_note[208]; /* what was asked for and not had, and why; "" */
	char numa_note[96];
	struct weir_problem
		refusal; /* why the last call failed, where more is known; code 0: not */
};

/*
 * `allocator` NULL, or all of it NULL: the C library's. Copied.
 * @return 0, or -EINVAL when only one of its two functions is there
 */
int wr_memory_posix_init(struct wr_memory_posix *memory, const struct weir_allocator *allocator);

/* Before anything is allocated or mapped. Copied. */
void wr_memory_posix_use(struct wr_memory_posix *memory, const struct wr_memory_policy *policy);

/* A consistent reading of both counters. */
void wr_memory_posix_usage(struct wr_memory_posix *memory, size_t *ret_alloc_bytes,
			   size_t *ret_map_bytes);

/* Of the machine: 4 KiB on x86-64, 4, 16 or 64 KiB on ARM64. Rings and pools are multiples. */
size_t wr_memory_page_bytes(void);

/* ---- inside ---- */

/* memory_map.c: the ops. */
int wr_memory_map_ring(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping);
int wr_memory_map_pool(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping);
void wr_memory_unmap(struct wr_memory *m, struct wr_mapping *mapping);

/* mlock(2), counted in locked_bytes; what failed is told in `refusal`. 0 or -errno. */
int wr_memory_lock(struct wr_memory_posix *own, void *at, size_t bytes);

#endif
