/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory, as the core asks for it, all of it at open.
 *
 *   alloc/free   structs and tables. Zeroed. From the user's allocator (weir_options.allocator) or
 *                the C library.
 *   map_ring     bytes mapped twice, one after the other, so that nothing wraps: [0, n) and
 *                [n, 2n) are the same pages. n is a multiple of the page size and a power of two.
 *   map_pool     one memfd, allocated and populated (a failure is an error code here, never a
 *                signal later), mapped writable for the writer and read-only for everybody else.
 *                It may be larger than was asked for: whole huge pages.
 *
 * All of them count into `bytes`, which open prints and tests compare. Whoever maps says before in
 * `writer` which thread will write there: a hint for where it should lie.
 */
#ifndef WR_PORT_MEMORY_H
#define WR_PORT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"

struct wr_memory;

/* One memory object mapped at two addresses. */
struct wr_mapping {
	uint8_t *writable;
	const uint8_t *readable;
	size_t bytes; /* of one view */
	/* The implementation's own. */
	size_t huge_bytes;
	bool is_locked;
};

struct wr_memory_ops {
	/* NULL when there is none left. `align` is a power of two up to 4096. */
	void *(*alloc)(struct wr_memory *m, size_t bytes, size_t align);
	void (*free)(struct wr_memory *m, void *p, size_t bytes);
	int (*map_ring)(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping);
	int (*map_pool)(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping);
	void (*unmap)(struct wr_memory *m, struct wr_mapping *mapping);
};

enum wr_memory_writer {
	WR_WRITTEN_BY_LOG = 0,
	WR_WRITTEN_BY_GROUP,
	WR_WRITTEN_BY_PRODUCERS,
	WR_WRITTEN_BY_MEMBERS,
	WR_MEMORY_WRITERS,
};

struct wr_memory {
	const struct wr_memory_ops *ops;
	enum wr_memory_writer writer; /* of what is mapped from now on; at open, by one thread */
	wr_atomic_u64 alloc_bytes; /* in use now, by kind; anybody may look (relaxed) */
	wr_atomic_u64 map_bytes;
};

#endif
