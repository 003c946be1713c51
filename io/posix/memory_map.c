/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings and pools: memfds, all of them obtained and touched at open (L5).
 *
 * In this order: size, map writable, bind to a node, allocate, populate, lock, seal, map again. The
 * order carries the promises:
 *
 *   - Allocation (fallocate) comes before any mapping is touched: memory that the machine does not
 *     have is -ENOMEM or -ENOSPC here, and not SIGBUS at the first store. RLIMIT_FSIZE is looked
 *     at before, since the kernel answers it with SIGXFSZ.
 *   - Binding comes before the allocation, which looks at it: pages that two views share cannot be
 *     moved later.
 *   - The seals come after the writable view: the size can never change under the mapping, and
 *     F_SEAL_FUTURE_WRITE (Linux 5.1) takes even mprotect(PROT_WRITE) from a read-only view.
 *   - The descriptor is closed at the end: the mappings hold the memory.
 *
 * Huge pages that are set aside (MFD_HUGETLB) go the same way; where there are too few of them the
 * object is made again with small ones, or is refused. Transparent ones are made of the small ones
 * when those are there. Both views lie side by side at a multiple of the page.
 *
 * Mappings stay out of core dumps unless asked for: they hold payloads, and are large.
 *
 * Failure modes: every one is a code, leaves nothing behind, and if there is more to say than the
 * code does, `refusal` says it.
 *
 * Thread: the one that opens.
 */
#include "io/posix/memory_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/posix/file_limit.h"
#include "io/posix/huge_pages.h"

/* Newer than the reference distribution's C library or of some builds' kernel headers. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

#define SLICE_BYTES (2u << 20)

/* One memory object on its way. */
struct object {
	struct wr_memory_posix *own;
	const char *name;
	size_t bytes;       /* of one view */
	size_t page_bytes;  /* that it is made of */
	size_t align_bytes; /* of both views */
	bool is_ring;       /* both views are writable */
	bool is_hugetlb;
	int fd;
	uint8_t *base;     /* of the reserved range, [base, base + 2 * bytes) */
	size_t huge_bytes; /* had */
};

static struct wr_memory_posix *posix_of(struct wr_memory *m)
{
	return (struct wr_memory_posix *)m;
}

/* ---- the object ---- */

/* A limit of the process that stands in the way, and no lack of memory. */
static int refuse(struct object *o, int code, const char *field, const char *text)
{
	struct weir_problem *problem = &o->own->refusal;
	wr_spinlock_lock(&o->own->lock); /* at a join it is any thread */
	*problem = (struct weir_problem){.code = code};
	(void)snprintf(problem->field, sizeof problem->field, "%s", field);
	(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	wr_spinlock_unlock(&o->own->lock);
	return code;
}

/* -EFBIG where the kernel would send SIGXFSZ. */
static int check_file_limit(struct object *o)
{
	char text[sizeof o->own->refusal.text];
	uint64_t limit = wr_file_limit_bytes();
	if (limit == 0 || o->bytes <= limit)
		return 0;
	if (o->is_hugetlb)
		return -EFBIG; /* of small pages it may be less */
	(void)snprintf(text, sizeof text,
		       "%zu KiB of memory are a file to the kernel, and this process may make "
		       "files of %llu KiB (RLIMIT_FSIZE): ulimit -f unlimited, "
		       "LimitFSIZE=infinity, or take less",
		       o->bytes / 1024, (unsigned long long)limit / 1024);
	return refuse(o, -EFBIG, o->is_ring ? "lane_bytes" : "pool_bytes", text);
}

static int create(struct object *o)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int rc = check_file_limit(o);
	if (rc < 0)
		return rc;
	if (o->is_hugetlb)
		flags |= MFD_HUGETLB | (unsigned)wr_log2(o->page_bytes) << MFD_HUGE_SHIFT;
	o->fd = memfd_create(o->name, flags);
	if (o->fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		char text[sizeof o->own->refusal.text];
		rc = -errno;
		(void)snprintf(text, sizeof text,
			       "memory that two views share needs a descriptor while it is made: "
			       "%s, or close what is open elsewhere",
			       weir_strerror(rc));
		return refuse(o, rc, "memory", text);
	}
	if (o->fd < 0)
		return -errno;
	return ftruncate(o->fd, (off_t)o->bytes) == 0 ? 0 : -errno;
}

/* Huge pages that are refused are explained by who falls back to small ones. */
static int refuse_addresses(struct object *o, int code)
{
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
	char text[sizeof o->own->refusal.text];
	if (o->is_hugetlb)
		return code;
	(void)getrlimit(RLIMIT_AS, &limit);
	/* Short: the place in a file comes before it. */
	int used = snprintf(text, sizeof text, "no address space for a %s of %zu KiB, twice (%s): ",
			    o->is_ring ? "ring" : "pool", o->bytes / 1024, weir_error_name(code));
	if (limit.rlim_cur == RLIM_INFINITY)
		(void)snprintf(text + used, sizeof text - (size_t)used, "take less");
	else
		(void)snprintf(text + used, sizeof text - (size_t)used,
			       "RLIMIT_AS is %llu KiB: ulimit -v unlimited, LimitAS=infinity, or "
			       "take less",
			       (unsigned long long)limit.rlim_cur / 1024);
	return refuse(o, code, o->is_ring ? "lane_bytes" : "pool_bytes", text);
}

/* Reserved first: nobody else can be given the second view's place in between. */
static int reserve(struct object *o)
{
	size_t slack = o->align_bytes > wr_memory_page_bytes() ? o->align_bytes : 0;
	size_t whole = 2 * o->bytes + slack;
	uint8_t *at =
		mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if ((void *)at == MAP_FAILED)
		return refuse_addresses(o, -errno);
	size_t before = slack > 0 ? -(uintptr_t)at & (o->align_bytes - 1) : 0;
	if (before > 0)
		(void)munmap(at, before);
	if (slack > before)
		(void)munmap(at + before + 2 * o->bytes, slack - before);
	o->base = at + before;
	return 0;
}

/* One of the two views. Best effort: out of core dumps. */
static int map_view(struct object *o, size_t index, int protection)
{
	uint8_t *at = o->base + index * o->bytes;
	int flags = MAP_SHARED | MAP_FIXED;
	/* A writable view is populated by populate(), which reports. */
	if ((protection & PROT_WRITE) == 0)
		flags |= MAP_POPULATE;
	if (mmap(at, o->bytes, protection, flags, o->fd, 0) == MAP_FAILED)
		return -errno;
	if (!o->own->policy.in_core_dumps)
		(void)madvise(at, o->bytes, MADV_DONTDUMP);
	return 0;
}

/* A preference: where it cannot be had the memory comes from somewhere, and it is told. */
static void bind(struct object *o)
{
	struct wr_memory_posix *own = o->own;
	if (own->policy.numa == NULL)
		return;
	int rc = wr_numa_bind(own->policy.numa, own->memory.writer, o->base, o->bytes);
	if (rc < 0 && own->numa_note[0] == '\0')
		(void)snprintf(own->numa_note, sizeof own->numa_note,
			       "memory is not placed on NUMA nodes: mbind is refused (%s)",
			       weir_error_name(rc));
}

/*
 * In slices, because a signal makes the kernel undo a whole call: a profiler's timer would keep a
 * large pool from ever being allocated.
 */
static int allocate(struct object *o)
{
	size_t slice_max = wr_max_u64(SLICE_BYTES, o->page_bytes);
	for (size_t at = 0; at < o->bytes;) {
		size_t slice = wr_min_u64(o->bytes - at, slice_max);
		if (fallocate(o->fd, 0, (off_t)at, (off_t)slice) == 0)
			at += slice;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
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

/* ---- huge pages and locks ---- */

static void collapse(struct object *o)
{
	struct wr_memory_posix *own = o->own;
	size_t page_bytes = wr_huge_transparent_bytes();
	int code;
	if (own->policy.huge_pages != WEIR_HUGE_PAGES_TRANSPARENT || o->bytes < page_bytes)
		return;
	o->huge_bytes = wr_huge_collapse(o->base, o->bytes, &code);
	if (code < 0 && own->huge_note[0] == '\0')
		wr_huge_explain_transparent(o->huge_bytes, o->bytes, code, own->huge_note,
					    sizeof own->huge_note);
	/* Whatever the kernel took apart meanwhile is mapped again. */
	(void)populate(o->base, o->bytes);
}

static void explain_lock(struct wr_memory_posix *own, size_t bytes, int code)
{
	struct rlimit limit = {0};
	struct weir_problem *problem = &own->refusal;
	(void)getrlimit(RLIMIT_MEMLOCK, &limit);
	wr_spinlock_lock(&own->lock); /* at a join it is any thread */
	*problem = (struct weir_problem){.code = code, .field = "lock_memory"};
	(void)snprintf(problem->text, sizeof problem->text,
		       "%zu KiB cannot be locked beside %llu KiB (%s): RLIMIT_MEMLOCK is %llu KiB: "
		       "ulimit -l, LimitMEMLOCK=, or CAP_IPC_LOCK",
		       bytes / 1024, (unsigned long long)own->locked_bytes / 1024,
		       weir_error_name(code), (unsigned long long)limit.rlim_cur / 1024);
	wr_spinlock_unlock(&own->lock);
}

static void count_locked(struct wr_memory_posix *own, size_t bytes, bool is_locked)
{
	wr_spinlock_lock(&own->lock);
	own->locked_bytes = is_locked ? own->locked_bytes + bytes : own->locked_bytes - bytes;
	wr_spinlock_unlock(&own->lock);
}

int wr_memory_lock(struct wr_memory_posix *own, void *at, size_t bytes)
{
	if (mlock(at, bytes) != 0) {
		int code = -errno;
		explain_lock(own, bytes, code);
		return code;
	}
	count_locked(own, bytes, true);
	return 0;
}

/* One view: a page that is locked in one is locked. hugetlb pages are never swapped. */
static int lock(struct object *o)
{
	if (!o->own->policy.lock)
		return 0;
	if (!o->is_hugetlb)
		return wr_memory_lock(o->own, o->base, o->bytes);
	count_locked(o->own, o->bytes, true);
	return 0;
}

/* ---- all of it ---- */

static int fill(struct object *o)
{
	int rc = create(o);
	if (rc == 0)
		rc = reserve(o);
	if (rc == 0)
		rc = map_view(o, 0, PROT_READ | PROT_WRITE);
	if (rc < 0)
		return rc;
	bind(o);
	rc = allocate(o);
	if (rc == 0)
		rc = populate(o->base, o->bytes);
	if (rc < 0)
		return rc;
	collapse(o);
	if (!o->is_ring) {
		rc = seal(o->fd);
		return rc == 0 ? map_view(o, 1, PROT_READ) : rc;
	}
	rc = map_view(o, 1, PROT_READ | PROT_WRITE);
	if (rc == 0)
		rc = populate(o->base + o->bytes, o->bytes);
	return rc == 0 ? seal(o->fd) : rc;
}

/* Makes the object of pages of this size; 0, or a code and nothing is left. */
static int build(struct object *o, size_t page_bytes, bool is_hugetlb)
{
	size_t transparent_bytes = wr_huge_transparent_bytes();
	o->fd = -1;
	o->base = NULL;
	o->page_bytes = page_bytes;
	o->is_hugetlb = is_hugetlb;
	o->huge_bytes = is_hugetlb ? o->bytes : 0;
	o->align_bytes = page_bytes;
	if (o->own->policy.huge_pages == WEIR_HUGE_PAGES_TRANSPARENT &&
	    o->bytes >= transparent_bytes)
		o->align_bytes = transparent_bytes;
	int rc = fill(o);
	if (o->fd >= 0)
		close(o->fd);
	if (rc == 0)
		rc = lock(o);
	if (rc < 0 && o->base != NULL)
		(void)munmap(o->base, 2 * o->bytes);
	return rc;
}

/* From the pages that are set aside, if they are asked for and it is one page or more. */
static int build_huge(struct object *o)
{
	struct wr_memory_posix *own = o->own;
	size_t page_bytes = own->policy.huge_page_bytes;
	bool required = own->policy.huge_pages == WEIR_HUGE_PAGES_REQUIRE;
	char text[sizeof own->huge_note];
	if (own->policy.huge_pages == WEIR_HUGE_PAGES_TRY && !o->is_ring &&
	    own->policy.huge_wanted_bytes == 0 && o->bytes < page_bytes &&
	    own->huge_note[0] == '\0')
		wr_huge_explain_small(page_bytes, own->huge_note, sizeof own->huge_note);
	if ((!required && own->policy.huge_pages != WEIR_HUGE_PAGES_TRY) || o->bytes < page_bytes)
		return build(o, wr_memory_page_bytes(), false);
	o->bytes = wr_round_up(o->bytes, page_bytes);
	int rc = build(o, page_bytes, true);
	/* A lock that is refused is so with small pages too. */
	if (rc == 0 || own->refusal.code != 0)
		return rc;
	wr_huge_explain(page_bytes, own->policy.huge_wanted_bytes, rc, text, sizeof text);
	if (required) {
		own->refusal = (struct weir_problem){.code = rc, .field = "huge_pages"};
		(void)snprintf(own->refusal.text, sizeof own->refusal.text, "%s", text);
		return rc;
	}
	if (own->huge_note[0] == '\0')
		memcpy(own->huge_note, text, sizeof text);
	return build(o, wr_memory_page_bytes(), false);
}

static void count_mapped(struct wr_memory_posix *own, size_t bytes, size_t huge_bytes)
{
	wr_spinlock_lock(&own->lock);
	wr_store_relaxed(&own->memory.map_bytes, wr_load_relaxed(&own->memory.map_bytes) + bytes);
	own->huge_bytes += huge_bytes;
	wr_spinlock_unlock(&own->lock);
}

static bool size_is_mappable(size_t bytes)
{
	return bytes > 0 && bytes <= PTRDIFF_MAX / 4 && bytes % wr_memory_page_bytes() == 0;
}

static int map(struct object *o, struct wr_mapping *ret_mapping)
{
	int rc = build_huge(o);
	if (rc < 0)
		return rc;
	*ret_mapping = (struct wr_mapping){
		.writable = o->base,
		.readable = o->is_ring ? o->base : o->base + o->bytes,
		.bytes = o->bytes,
		.is_locked = o->own->policy.lock,
		.huge_bytes = o->huge_bytes,
	};
	count_mapped(o->own, o->bytes, o->huge_bytes);
	return 0;
}

int wr_memory_map_ring(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	struct object o = {
		.own = posix_of(m), .name = "weir-ring", .bytes = bytes, .is_ring = true};
	if (!size_is_mappable(bytes) || !wr_is_power_of_two(bytes))
		return -EINVAL;
	return map(&o, ret_mapping);
}

int wr_memory_map_pool(struct wr_memory *m, size_t bytes, struct wr_mapping *ret_mapping)
{
	struct object o = {.own = posix_of(m), .name = "weir-pool", .bytes = bytes};
	return size_is_mappable(bytes) ? map(&o, ret_mapping) : -EINVAL;
}

void wr_memory_unmap(struct wr_memory *m, struct wr_mapping *mapping)
{
	struct wr_memory_posix *own = posix_of(m);
	if (mapping->writable == NULL)
		return;
	(void)munmap(mapping->writable, 2 * mapping->bytes);
	wr_spinlock_lock(&own->lock);
	wr_store_relaxed(&m->map_bytes, wr_load_relaxed(&m->map_bytes) - mapping->bytes);
	own->huge_bytes -= mapping->huge_bytes;
	own->locked_bytes -= mapping->is_locked ? mapping->bytes : 0;
	wr_spinlock_unlock(&own->lock);
	*mapping = (struct wr_mapping){0};
}
