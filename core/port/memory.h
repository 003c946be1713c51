/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory, as the core asks for it, all of it at open.
 *
 *   alloc/free   structs and tables. Zeroed. From the user's allocator (weir_options.allocator) or
 *                the C library. What holds copies of events comes by wr_memory_alloc_payload().
 *   map_ring     bytes mapped twice, one after the other, so that nothing wraps: [0, n) and
 *                [n, 2n) are the same pages. n is a multiple of the page size and a power of two.
 *   map_pool     one memfd, allocated and populated (a failure is an error code here, never a
 *                signal later), mapped writable for the writer and read-only for everybody else.
 *                It may be larger than was asked for: whole huge pages.
 *
 * All of them count, by kind, into two fields of struct wr_memory, which weir_info tells of.
 * Whoever maps says before in `writer` which thread will write there: a hint for where it lies.
 */
#ifndef WR_PORT_MEMORY_H
#define WR_PORT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/atomic.h"

struct wr_memory;

#define WR_PAYLOAD_ALIGN 4096u

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
	/* May be NULL. What was allocated holds bytes of events from now on, or no more. */
	void (*payload)(struct wr_memory *m, void *p, size_t bytes, bool begins);
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

/*
 * A block of whole pages of 4096 bytes for copies of events: it stays out of core dumps as mappings
 * do. Freed by wr_memory_free_payload(), which leaves nothing of them behind.
 */
static inline void *wr_memory_alloc_payload(struct wr_memory *m, size_t bytes)
{
	void *p = m->ops->alloc(m, bytes, WR_PAYLOAD_ALIGN);
	if (p != NULL && m->ops->payload != NULL)
		m->ops->payload(m, p, bytes, true);
	return p;
}

/* NULL does nothing. */
static inline void wr_memory_free_payload(struct wr_memory *m, void *p, size_t bytes)
{
	if (p == NULL)
		return;
	if (m->ops->payload != NULL)
		m->ops->payload(m, p, bytes, false);
	m->ops->free(m, p, bytes);
}

#endif
