/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A jemalloc arena of its own for a pipeline's tables: separate from everything else in the
 * process, and with numbers of its own.
 *
 * This is a library by itself (libweir-jemalloc), because linking it brings jemalloc into the
 * process: common builds of it (Debian's among them) have no prefix, so malloc() and free() of the
 * whole program become jemalloc's. That is the program's choice, never libweir's.
 *
 *     struct weir_jemalloc *arena;
 *     int rc = weir_jemalloc_create(&arena);
 *     if (rc == 0)
 *             weir_jemalloc_allocator(arena, &options.allocator);
 *     ... weir_open(&options, ...) ... weir_close(...) ...
 *     weir_jemalloc_destroy(arena);
 *
 * Chunks and lanes are not in it: they are memory objects that are mapped more than once, and
 * weir_memory_plan() tells their size.
 */
#ifndef WEIR_JEMALLOC_H
#define WEIR_JEMALLOC_H

#include <weir/base.h>
#include <weir/options.h>

WEIR_DECLS_BEGIN

struct weir_jemalloc;

/** What one arena holds. See jemalloc(3), "stats.arenas". */
struct weir_jemalloc_stats {
	uint64_t allocated_bytes; /**< handed out, rounded up to size classes */
	uint64_t active_bytes;    /**< in pages that hold something handed out */
	uint64_t resident_bytes;  /**< physically there at most: active, dirty, metadata */
	uint64_t mapped_bytes;    /**< in extents that the arena has mapped */
};

/**
 * Make an arena.
 *
 * Thread: any. Blocks: never. Allocates: yes.
 * @param ret_jemalloc  set on success
 * @return 0, -ENOMEM, or -EAGAIN when jemalloc has no arena left
 */
WEIR_API WEIR_MUST_CHECK int weir_jemalloc_create(struct weir_jemalloc **ret_jemalloc);

/**
 * The arena as an allocator, for weir_options.allocator. Any number of pipelines may share it.
 *
 * Thread: any; the allocator's functions, too. Blocks: never. Allocates: never.
 * @param jemalloc       must outlive every pipeline that uses it
 * @param ret_allocator  overwritten
 */
WEIR_API void weir_jemalloc_allocator(struct weir_jemalloc *jemalloc,
				      struct weir_allocator *ret_allocator);

/**
 * Read the arena's numbers, as of now.
 *
 * Thread: any. Blocks: never (takes jemalloc's own locks). Allocates: never.
 * @return 0, or -ENOTSUP when jemalloc was built without statistics
 */
WEIR_API WEIR_MUST_CHECK int weir_jemalloc_stats(struct weir_jemalloc *jemalloc,
						 struct weir_jemalloc_stats *ret_stats);

/**
 * Give the arena back, and with it everything that is still allocated from it. Close the pipelines
 * first, and see that their close gave back all memory.
 *
 * Thread: any, once. Blocks: never. Allocates: never.
 * @param jemalloc  may be NULL
 */
WEIR_API void weir_jemalloc_destroy(struct weir_jemalloc *jemalloc);

WEIR_DECLS_END
#endif
