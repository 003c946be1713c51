/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory from the system, all of it obtained and touched at open (L5).
 *
 * Rings and pools are memfds, in this order: size, allocate, map writable, populate, seal, map
 * again. The order carries the promises:
 *
 *   - Allocation (fallocate) comes before any mapping is touched: memory that the machine does not
 *     have is -ENOMEM or -ENOSPC here, and not SIGBUS at the first store. RLIMIT_FSIZE is looked
 *     at before, since the kernel answers it with SIGXFSZ.
 *   - The seals come after the writable view: the size can never change under the mapping, and
 *     F_SEAL_FUTURE_WRITE (Linux 5.1) takes even mprotect(PROT_WRITE) from a read-only view.
 *   - The descriptor is closed at the end: the mappings hold the memory.
 *
 * Mappings stay out of core dumps: they hold payloads, and are large.
 *
 * Thread: any; calls are independent but for the counters.
 */
#include "io/posix/memory_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/bits.h"

/* Newer than the reference distribution's C library or of some builds' kernel headers. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define ALIGN_MAX_BYTES 4096u
#define SLICE_BYTES (2u << 20)
#define NAME_POOL "weir-pool"
#define NAME_RING "weir-ring"

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

static void *posix_alloc(struct wr_memory *m, size_t bytes, size_t align)
{
	struct wr_memory_posix *own = posix_of(m);
	if (bytes == 0 || bytes > PTRDIFF_MAX || !wr_is_power_of_two(align) ||
	    align > ALIGN_MAX_BYTES)
		return NULL;
	const struct weir_allocator *user = &own->allocator;
	void *p = user->alloc != NULL ? user->alloc(user->context, bytes, align)
				      : alloc_from_c(bytes, align);
	if (p == NULL)
		return NULL;
	if (((uintptr_t)p & (align - 1)) != 0) {
		/* A user's allocator that ignores `align`: fields shared by threads would tear. */
		user->free(user->context, p, bytes);
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
	if (own->allocator.free != NULL)
		own->allocator.free(own->allocator.context, p, bytes);
	else
		free(p);
	wr_spinlock_lock(&own->lock);
	wr_store_relaxed(&m->alloc_bytes, wr_load_relaxed(&m->alloc_bytes) - bytes);
	wr_spinlock_unlock(&own->lock);
}

/* ---- mappings ---- */

/* -EFBIG where the kernel would send SIGXFSZ. */
static int check_file_limit(size_t bytes)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
		return -errno;
	return limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur ? -EFBIG : 0;
}

/*
 * In slices, because a signal makes the kernel undo a whole call: a profiler's timer would keep a
 * large pool from ever being allocated.
 */
static int size_and_allocate(int fd, size_t bytes)
{
	if (ftruncate(fd, (off_t)bytes) != 0)
		return -errno;
	for (size_t at = 0; at < bytes;) {
		size_t slice = wr_min_u64(bytes - at, SLICE_BYTES);
		if (fallocate(fd, 0, (off_t)at, (off_t)slice) == 0)
			at += slice;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* A descriptor of `bytes` allocated bytes, or a negative code. */
static int memfd_open(const char *name, size_t bytes)
{
	int rc = check_file_limit(bytes);
	if (rc < 0)
		return rc;
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	rc = size_and_allocate(fd, bytes);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

/* The pages exist already: this makes the page tables, and says so where the kernel can. */
static int populate(uint8_t *at, size_t bytes)
{
	if (madvise(at, bytes, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL && errno != EAGAIN && errno != EINTR)
		return -errno;
	memset(at, 0, bytes); /* before Linux 5.14: touch; fresh memory is zero anyway */
	return 0;
}

static int seal(int fd)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	if (fcntl(fd, F_ADD_SEALS, seals | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0)
		return 0;
	return fcntl(fd, F_ADD_SEALS, seals | F_SEAL_SEAL) == 0 ? 0 : -errno;
}

/* Maps [0, bytes) of fd, at `fixed` if that is not NULL. Best effort: out of core dumps. */
static int map_view(int fd, void *fixed, size_t bytes, int protection, uint8_t **ret_at)
{
	int flags = MAP_SHARED | (fixed != NULL ? MAP_FIXED : 0);
	/* The writable view is populated by populate(), which reports. */
	if ((protection & PROT_WRITE) == 0)
		flags |= MAP_POPULATE;
	void *at = mmap(fixed, bytes, protection, flags, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	(void)madvise(at, bytes, MADV_DONTDUMP);
	*ret_at = at;
	return 0;
}

static void count_mapped(struct wr_memory *m, size_t bytes, bool is_mapped)
{
	struct wr_memory_posix *own = posix_of(m);
	wr_spinlock_lock(&own->lock);
	uint64_t before = wr_load_relaxed(&m->map_bytes);
	wr_store_relaxed(&m->map_bytes, is_mapped ? before + bytes : before - bytes);
	wr_spinlock_unlock(&own->lock);
}

static bool size_is_mappable(size_t bytes)
{
	return bytes > 0 && bytes <= PTRDIFF_MAX / 2 && bytes % wr_memory_page_bytes() == 0;
}

/* Both halves of the reserved range [base, base + 2 * bytes). */
static int map_halves(int fd, uint8_t *base, size_t bytes)
{
	uint8_t *half = NULL;
	for (size_t i = 0; i < 2; i++) {
		int rc = map_view(fd, base + i * bytes, bytes, PROT_READ | PROT_WRITE, &half);
		if (rc == 0)
			rc = populate(half, bytes);
		if (rc < 0)
			return rc;
	}
	return seal(fd);
}

static int posix_map_ring(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	if (!size_is_mappable(bytes) || !wr_is_power_of_two(bytes))
		return -EINVAL;
	int fd = memfd_open(NAME_RING, bytes);
	if (fd < 0)
		return fd;
	/* Reserved first: nobody else can be given the second half in between. */
	void *base = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);
	int rc = base == MAP_FAILED ? -errno : map_halves(fd, base, bytes);
	close(fd);
	if (rc < 0) {
		if (base != MAP_FAILED)
			munmap(base, 2 * bytes);
		return rc;
	}
	*ret_mapping = (struct wr_mapping){.writable = base, .readable = base, .bytes = bytes};
	count_mapped(m, bytes, true);
	return 0;
}

static int posix_map_pool(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	if (!size_is_mappable(bytes))
		return -EINVAL;
	int fd = memfd_open(NAME_POOL, bytes);
	if (fd < 0)
		return fd;
	uint8_t *writable = NULL;
	uint8_t *readable = NULL;
	int rc = map_view(fd, NULL, bytes, PROT_READ | PROT_WRITE, &writable);
	if (rc == 0)
		rc = populate(writable, bytes);
	if (rc == 0)
		rc = seal(fd);
	if (rc == 0)
		rc = map_view(fd, NULL, bytes, PROT_READ, &readable);
	close(fd);
	if (rc < 0) {
		if (writable != NULL)
			munmap(writable, bytes);
		return rc;
	}
	*ret_mapping =
		(struct wr_mapping){.writable = writable, .readable = readable, .bytes = bytes};
	count_mapped(m, bytes, true);
	return 0;
}

/* A ring is one range of two halves; a pool two ranges. */
static void posix_unmap(struct wr_memory *m, struct wr_mapping *mapping)
{
	if (mapping->writable == NULL)
		return;
	if (mapping->writable == mapping->readable) {
		munmap(mapping->writable, 2 * mapping->bytes);
	} else {
		munmap(mapping->writable, mapping->bytes);
		munmap((void *)(uintptr_t)mapping->readable, mapping->bytes);
	}
	count_mapped(m, mapping->bytes, false);
	*mapping = (struct wr_mapping){0};
}

int wr_memory_posix_init(struct wr_memory_posix *memory, const struct weir_allocator *allocator)
{
	static const struct wr_memory_ops ops = {
		.alloc = posix_alloc,
		.free = posix_free,
		.map_ring = posix_map_ring,
		.map_pool = posix_map_pool,
		.unmap = posix_unmap,
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

void wr_memory_posix_usage(struct wr_memory_posix *memory, size_t *ret_alloc_bytes,
			   size_t *ret_map_bytes)
{
	wr_spinlock_lock(&memory->lock);
	*ret_alloc_bytes = wr_load_relaxed(&memory->memory.alloc_bytes);
	*ret_map_bytes = wr_load_relaxed(&memory->memory.map_bytes);
	wr_spinlock_unlock(&memory->lock);
}
