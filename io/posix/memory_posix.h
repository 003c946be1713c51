/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory from the system behind core/port/memory.h: tables from the user's allocator or the C
 * library, rings and pools from memfds.
 *
 * Thread: any, at open, join and define. The counters change under a lock; read them with
 * wr_memory_posix_usage() while others may allocate.
 */
#ifndef WR_POSIX_MEMORY_POSIX_H
#define WR_POSIX_MEMORY_POSIX_H

#include <weir/options.h>

#include "core/base/pause.h"
#include "core/port/memory.h"

struct wr_memory_posix {
	struct wr_memory memory; /* first: the ops cast back */
	struct weir_allocator allocator;
	wr_spinlock lock; /* of the two counters */
};

/*
 * `allocator` NULL, or all of it NULL: the C library's. Copied.
 * @return 0, or -EINVAL when only one of its two functions is there
 */
int wr_memory_posix_init(struct wr_memory_posix *memory, const struct weir_allocator *allocator);

/* A consistent reading of both counters. */
void wr_memory_posix_usage(struct wr_memory_posix *memory, size_t *ret_alloc_bytes,
			   size_t *ret_map_bytes);

/* Of the machine: 4 KiB on x86-64, 4, 16 or 64 KiB on ARM64. Rings and pools are multiples. */
size_t wr_memory_page_bytes(void);

#endif
