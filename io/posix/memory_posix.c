/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables, from the user's allocator or the C library; rings and pools are memory_map.c's.
 *
 * Tables that would come from the C library are mappings of their own with a lock, since a lock
 * counts by pages and what shares a page with others cannot be unlocked alone; and large ones are
 * where they are to have huge pages, since those are asked for by pages, too. Of what a user's
 * allocator gives, the pages that touch it are locked, and those that are wholly its own unlocked.
 *
 * Thread: any; calls are independent but for the counters.
 */
#include "io/posix/memory_posix.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/posix/huge_pages.h"

#define ALIGN_MAX_BYTES 4096u
#define LARGE_BYTES (2u << 20)

static struct wr_memory_posix *posix_of(struct wr_memory *m)
{
	return (struct wr_memory_posix *)m;
}

size_t wr_memory_page_bytes(void)
{
	long bytes = sysconf(_SC_PAGESIZE);
	return bytes > 0 ? (size_t)bytes : 4096;
}

/* ---- tables ---- */

static void *alloc_from_c(size_t bytes, size_t align)
{
	if (align < sizeof(max_align_t))
		align = sizeof(max_align_t);
	if (bytes > SIZE_MAX - align)
		return NULL;
	return aligned_alloc(align, wr_round_up(bytes, align));
}

/* The page-aligned part of a table that no other memory shares a page with; NULL: none. */
static void *own_pages(void *p, size_t bytes, size_t *ret_bytes)
{
	uintptr_t page = wr_memory_page_bytes();
	uintptr_t first = wr_round_up((uintptr_t)p, page);
	uintptr_t end = wr_round_down((uintptr_t)p + bytes, page);
	*ret_bytes = end > first ? end - first : 0;
	return end > first ? (void *)first : NULL;
}

/* From the allocator that there is, or with a lock by pages of its own. */
static bool is_to_be_huge(const struct wr_memory_posix *own, size_t bytes)
{
	return own->policy.huge_pages == WEIR_HUGE_PAGES_TRANSPARENT && bytes >= LARGE_BYTES;
}

/* Of the C library's: is it a mapping of its own? */
static bool is_mapping(const struct wr_memory_posix *own, size_t bytes)
{
	return own->policy.lock || is_to_be_huge(own, bytes);
}

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p != MAP_FAILED ? p : NULL;
}

/*
 * A look-up anywhere in a large table asks for the address's pages first: with small ones that
 * takes as long as the table's own line. So it has huge pages where chunks are to have them, and
 * begins with one: a table, or a matcher's block, of 2 MiB is one page. What the kernel does not do
 * is not missed. Smaller tables lie among the host's memory: not they.
 */
static void *map_huge(size_t bytes)
{
	size_t page = wr_huge_transparent_bytes(), small = wr_memory_page_bytes();
	if (bytes < page)
		return map(bytes);
	bytes = wr_round_up(bytes, small);
	uint8_t *p = map(bytes + (page - small));
	if (p == NULL)
		return NULL;
	size_t before = wr_round_up((uintptr_t)p, page) - (uintptr_t)p;
	if (before > 0)
		(void)munmap(p, before);
	if (page - small > before)
		(void)munmap(p + before + bytes, page - small - before);
	(void)madvise(p + before, wr_round_down(bytes, page), MADV_HUGEPAGE);
	return p + before;
}

static void *obtain(struct wr_memory_posix *own, size_t bytes, size_t align)
{
	const struct weir_allocator *user = &own->allocator;
	if (user->alloc != NULL)
		return user->alloc(user->context, bytes, align);
	if (is_to_be_huge(own, bytes))
		return map_huge(bytes);
	return is_mapping(own, bytes) ? map(bytes) : alloc_from_c(bytes, align);
}

static void give_back(struct wr_memory_posix *own, void *p, size_t bytes)
{
	if (own->allocator.free != NULL)
		own->allocator.free(own->allocator.context, p, bytes);
	else if (is_mapping(own, bytes))
		(void)munmap(p, bytes);
	else
		free(p);
}

static void unlock_table(struct wr_memory_posix *own, void *p, size_t bytes)
{
	size_t locked_bytes;
	void *pages = own_pages(p, bytes, &locked_bytes);
	if (own->allocator.alloc != NULL && pages != NULL)
		(void)munlock(pages, locked_bytes);
	wr_spinlock_lock(&own->lock);
	own->locked_bytes -= bytes;
	wr_spinlock_unlock(&own->lock);
}

static void *posix_alloc(struct wr_memory *m, size_t bytes, size_t align)
{
	struct wr_memory_posix *own = posix_of(m);
	if (bytes == 0 || bytes > PTRDIFF_MAX || !wr_is_power_of_two(align) ||
	    align > ALIGN_MAX_BYTES)
		return NULL;
	void *p = obtain(own, bytes, align);
	if (p == NULL)
		return NULL;
	/* A user's allocator that ignores `align`: fields shared by threads would tear. */
	if (((uintptr_t)p & (align - 1)) != 0 ||
	    (own->policy.lock && wr_memory_lock(own, p, bytes) < 0)) {
		give_back(own, p, bytes);
		return NULL;
	}
	/* Also for a user's allocator that zeroes: no page of a table is first touched later. */
	memset(p, 0, bytes);
	wr_spinlock_lock(&own->lock);
	wr_store_relaxed(&m->alloc_bytes, wr_load_relaxed(&m->alloc_bytes) + bytes);
	wr_spinlock_unlock(&own->lock);
	return p;
}

static void posix_free(struct wr_memory *m, void *p, size_t bytes)
{
	struct wr_memory_posix *own = posix_of(m);
	if (p == NULL)
		return;
	if (own->policy.lock)
		unlock_table(own, p, bytes);
	give_back(own, p, bytes);
	wr_spinlock_lock(&own->lock);
	wr_store_relaxed(&m->alloc_bytes, wr_load_relaxed(&m->alloc_bytes) - bytes);
	wr_spinlock_unlock(&own->lock);
}

/*
 * Only whole pages can be left out: on a machine of larger ones than 4 KiB what is at the edges of
 * a block stays in a dump. What goes back to the allocator is zeroed: its next user is dumped.
 */
static void posix_payload(struct wr_memory *m, void *p, size_t bytes, bool begins)
{
	size_t whole_bytes;
	void *pages = own_pages(p, bytes, &whole_bytes);
	if (!begins)
		memset(p, 0, bytes);
	if (pages != NULL && !posix_of(m)->policy.in_core_dumps)
		(void)madvise(pages, whole_bytes, begins ? MADV_DONTDUMP : MADV_DODUMP);
}

int wr_memory_posix_init(struct wr_memory_posix *memory, const struct weir_allocator *allocator)
{
	static const struct wr_memory_ops ops = {
		.alloc = posix_alloc,
		.free = posix_free,
		.map_ring = wr_memory_map_ring,
		.map_pool = wr_memory_map_pool,
		.unmap = wr_memory_unmap,
		.payload = posix_payload,
	};
	*memory = (struct wr_memory_posix){.memory = {.ops = &ops}};
	wr_spinlock_init(&memory->lock);
	if (allocator == NULL)
		return 0;
	if ((allocator->alloc == NULL) != (allocator->free == NULL))
		return -EINVAL;
	memory->allocator = *allocator;
	return 0;
}

void wr_memory_posix_use(struct wr_memory_posix *memory, const struct wr_memory_policy *policy)
{
	memory->policy = *policy;
}

void wr_memory_posix_usage(struct wr_memory_posix *memory, size_t *ret_alloc_bytes,
			   size_t *ret_map_bytes)
{
	wr_spinlock_lock(&memory->lock);
	*ret_alloc_bytes = wr_load_relaxed(&memory->memory.alloc_bytes);
	*ret_map_bytes = wr_load_relaxed(&memory->memory.map_bytes);
	wr_spinlock_unlock(&memory->lock);
}
