/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, rings and pools from the system: contents, protection, accounting, and every refusal. */
#include <criterion/criterion.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/sanitizer.h"
#include "io/posix/memory_posix.h"

#define UNDER_SANITIZER (WR_UNDER_ASAN || WR_UNDER_TSAN)

static struct wr_memory_posix posix;
static struct wr_memory *const m = &posix.memory;

static void set_up(void)
{
	cr_assert_eq(wr_memory_posix_init(&posix, NULL), 0);
}

static void assert_usage(size_t alloc_bytes, size_t map_bytes)
{
	size_t alloc_now;
	size_t map_now;
	wr_memory_posix_usage(&posix, &alloc_now, &map_now);
	cr_assert_eq(alloc_now, alloc_bytes);
	cr_assert_eq(map_now, map_bytes);
}

TestSuite(memory, .init = set_up);

Test(memory, tables_are_aligned_zeroed_and_counted)
{
	for (size_t align = 1; align <= 4096; align *= 2) {
		uint8_t *p = m->ops->alloc(m, 1000, align);
		cr_assert_not_null(p);
		cr_assert_eq((uintptr_t)p % align, 0);
		for (size_t i = 0; i < 1000; i++)
			cr_assert_eq(p[i], 0);
		memset(p, 0xff, 1000);
		assert_usage(1000, 0);
		m->ops->free(m, p, 1000);
		assert_usage(0, 0);
	}
}

Test(memory, a_table_that_cannot_be_is_null_and_not_counted)
{
	cr_assert_null(m->ops->alloc(m, 0, 8));
	cr_assert_null(m->ops->alloc(m, 100, 3));
	cr_assert_null(m->ops->alloc(m, 100, 0));
	cr_assert_null(m->ops->alloc(m, 100, 8192));
	cr_assert_null(m->ops->alloc(m, SIZE_MAX, 4096));
	m->ops->free(m, NULL, 100);
	assert_usage(0, 0);
}

/* Hands out places in a dirty buffer, `skew` bytes beside the alignment. */
struct test_allocator {
	_Alignas(4096) uint8_t bytes[8192];
	size_t skew;
	int allocs;
	int frees;
};

static void *test_alloc(void *context, size_t bytes, size_t align)
{
	struct test_allocator *a = context;
	(void)align;
	a->allocs++;
	memset(a->bytes, 0xee, sizeof a->bytes);
	return bytes <= 4096 ? a->bytes + a->skew : NULL;
}

static void test_free(void *context, void *p, size_t bytes)
{
	struct test_allocator *a = context;
	cr_assert_eq(p, a->bytes + a->skew);
	cr_assert_eq(bytes, 4096);
	a->frees++;
}

Test(memory, the_users_allocator_is_used_and_its_failures_pass_through)
{
	static struct test_allocator a;
	struct weir_allocator user = {test_alloc, test_free, &a};
	cr_assert_eq(wr_memory_posix_init(&posix, &user), 0);
	uint8_t *p = m->ops->alloc(m, 4096, 4096);
	cr_assert_eq(p, a.bytes);
	cr_assert(p[0] == 0 && p[4095] == 0, "zeroed even if the user's is not");
	assert_usage(4096, 0);
	m->ops->free(m, p, 4096);
	cr_assert_eq(a.frees, 1);
	cr_assert_null(m->ops->alloc(m, 5000, 8));
	assert_usage(0, 0);
}

Test(memory, a_misaligned_answer_of_the_users_allocator_is_given_back)
{
	static struct test_allocator a = {.skew = 8};
	struct weir_allocator user = {test_alloc, test_free, &a};
	cr_assert_eq(wr_memory_posix_init(&posix, &user), 0);
	cr_assert_null(m->ops->alloc(m, 4096, 128));
	cr_assert_eq(a.frees, 1);
	assert_usage(0, 0);
}

Test(memory, half_an_allocator_is_refused)
{
	cr_assert_eq(wr_memory_posix_init(&posix, &(struct weir_allocator){.alloc = test_alloc}),
		     -EINVAL);
	cr_assert_eq(wr_memory_posix_init(&posix, &(struct weir_allocator){.free = test_free}),
		     -EINVAL);
	cr_assert_eq(wr_memory_posix_init(&posix, &(struct weir_allocator){0}), 0);
}

Test(memory, a_ring_shows_the_same_bytes_twice)
{
	size_t bytes = 4 * wr_memory_page_bytes();
	struct wr_mapping ring;
	cr_assert_eq(m->ops->map_ring(m, bytes, &ring), 0);
	cr_assert_eq(ring.bytes, bytes);
	cr_assert_eq(ring.readable, ring.writable);
	assert_usage(0, bytes);
	for (size_t i = 0; i < 2 * bytes; i++)
		cr_assert_eq(ring.writable[i], 0);
	ring.writable[0] = 1;
	ring.writable[2 * bytes - 1] = 2;
	cr_assert_eq(ring.readable[bytes], 1);
	cr_assert_eq(ring.readable[bytes - 1], 2);
	memcpy(ring.writable + bytes - 4, "wrapping", 8);
	cr_assert_eq(memcmp(ring.readable, "ping", 4), 0);
	m->ops->unmap(m, &ring);
	cr_assert_null(ring.writable);
	assert_usage(0, 0);
	m->ops->unmap(m, &ring);
	assert_usage(0, 0);
}

Test(memory, a_pool_written_in_one_view_is_read_in_the_other)
{
	size_t bytes = 3 * wr_memory_page_bytes();
	struct wr_mapping pool;
	cr_assert_eq(m->ops->map_pool(m, bytes, &pool), 0);
	cr_assert_neq(pool.readable, pool.writable);
	assert_usage(0, bytes);
	for (size_t i = 0; i < bytes; i++)
		cr_assert_eq(pool.readable[i], 0);
	memcpy(pool.writable + bytes - 5, "event", 5);
	cr_assert_eq(memcmp(pool.readable + bytes - 5, "event", 5), 0);
	m->ops->unmap(m, &pool);
	assert_usage(0, 0);
}

static sigjmp_buf after_fault;
static void *fault_at;

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)context;
	fault_at = info->si_addr;
	siglongjmp(after_fault, 1);
}

/* L5. With a handler of its own, since AddressSanitizer would make a report of the signal. */
Test(memory, a_store_through_the_read_only_view_faults_at_the_culprit)
{
	struct wr_mapping pool;
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	cr_assert_eq(m->ops->map_pool(m, wr_memory_page_bytes(), &pool), 0);
	cr_assert_eq(sigaction(SIGSEGV, &action, NULL), 0);
	uint8_t *stray = (uint8_t *)(uintptr_t)pool.readable + 5;
	if (sigsetjmp(after_fault, 1) == 0) {
		memset(stray, 1, 1);
		cr_assert_fail("the store went through");
	}
	cr_assert_eq(fault_at, (void *)stray);
	cr_assert_eq(pool.writable[5], 0);
}

/* L5; F_SEAL_FUTURE_WRITE, in every kernel that weir is built for. */
Test(memory, the_read_only_view_cannot_be_made_writable)
{
	struct wr_mapping pool;
	size_t bytes = wr_memory_page_bytes();
	cr_assert_eq(m->ops->map_pool(m, bytes, &pool), 0);
	void *view = (void *)(uintptr_t)pool.readable;
	cr_assert_eq(mprotect(view, bytes, PROT_READ | PROT_WRITE), -1);
	cr_assert_eq(errno, EACCES);
}

/* Sanitizers fault in shadow memory, and reserve more address space than a limit could leave. */
#if !UNDER_SANITIZER

#define TOUCHED_PAGES 512

/* Reads one byte of each page. A read fault maps up to 16 pages around it: still 32 faults. */
static long faults_of_reading(const uint8_t *at)
{
	struct rusage before;
	struct rusage after;
	size_t sum = 0;
	(void)getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < TOUCHED_PAGES; i++)
		sum += at[i * wr_memory_page_bytes()];
	(void)getrusage(RUSAGE_SELF, &after);
	cr_assert_eq(sum, 0);
	return after.ru_minflt - before.ru_minflt;
}

static long faults_of_writing(uint8_t *at)
{
	struct rusage before;
	struct rusage after;
	(void)getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < TOUCHED_PAGES; i++)
		memset(at + i * wr_memory_page_bytes(), 0, 1);
	(void)getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

Test(memory, pages_are_there_before_they_are_used)
{
	size_t bytes = TOUCHED_PAGES * wr_memory_page_bytes();
	struct wr_mapping pool;
	struct wr_mapping ring;
	cr_assert_eq(m->ops->map_pool(m, bytes, &pool), 0);
	cr_assert_eq(m->ops->map_ring(m, bytes, &ring), 0);
	/* An emulator translates the code at its first run, and may not populate at all. */
	int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE;
	uint8_t *first = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	uint8_t *second = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	cr_assert((void *)first != MAP_FAILED && (void *)second != MAP_FAILED);
	(void)faults_of_writing(first);
	(void)faults_of_reading(first);
	if (faults_of_reading(second) >= 8)
		cr_skip_test("an emulator: populated memory faults nevertheless");
	/* A few faults can be the test's own. */
	cr_assert_lt(faults_of_reading(pool.readable), 8);
	cr_assert_lt(faults_of_writing(pool.writable), 8);
	cr_assert_lt(faults_of_writing(ring.writable), 8);
	cr_assert_lt(faults_of_writing(ring.writable + bytes), 8);
}
#endif

Test(memory, sizes_that_cannot_be_mapped_are_refused)
{
	size_t page = wr_memory_page_bytes();
	struct wr_mapping mapping;
	cr_assert_eq(m->ops->map_ring(m, 0, &mapping), -EINVAL);
	cr_assert_eq(m->ops->map_ring(m, page / 2, &mapping), -EINVAL);
	cr_assert_eq(m->ops->map_ring(m, 3 * page, &mapping), -EINVAL);
	cr_assert_eq(m->ops->map_pool(m, 0, &mapping), -EINVAL);
	cr_assert_eq(m->ops->map_pool(m, page + 1, &mapping), -EINVAL);
	cr_assert_eq(m->ops->map_pool(m, SIZE_MAX - page + 1, &mapping), -EINVAL);
	assert_usage(0, 0);
}

Test(memory, a_file_size_limit_is_an_error_and_not_a_signal)
{
	struct wr_mapping mapping;
	size_t bytes = 16 * wr_memory_page_bytes();
	struct rlimit small = {.rlim_cur = bytes - 1, .rlim_max = bytes};
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	cr_assert_eq(m->ops->map_pool(m, bytes, &mapping), -EFBIG);
	cr_assert_eq(m->ops->map_ring(m, bytes, &mapping), -EFBIG);
	assert_usage(0, 0);
}

/* What the process has mapped, in pages: a failure or an unmap leaves nothing behind. */
static long mapped_pages(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	cr_assert_not_null(file);
	cr_assert_eq(fscanf(file, "%ld", &pages), 1);
	fclose(file);
	return pages;
}

static int lowest_free_descriptor(void)
{
	int fd = dup(STDERR_FILENO);
	close(fd);
	return fd;
}

#if !UNDER_SANITIZER
Test(memory, a_refused_mapping_leaves_nothing_behind)
{
	struct wr_mapping mapping;
	size_t bytes = 1u << 20;
	(void)mapped_pages();
	long pages_before = mapped_pages();
	int fd_before = lowest_free_descriptor();
	/* Room for the writable view, and not for the other one. */
	struct rlimit old;
	cr_assert_eq(getrlimit(RLIMIT_AS, &old), 0);
	struct rlimit tight = old;
	tight.rlim_cur = (rlim_t)pages_before * wr_memory_page_bytes() + bytes + bytes / 2;
	cr_assert_eq(setrlimit(RLIMIT_AS, &tight), 0);
	void *too_much = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (too_much != MAP_FAILED)
		cr_skip_test("an emulator: it does not enforce RLIMIT_AS");
	int pool_rc = m->ops->map_pool(m, bytes, &mapping);
	int ring_rc = m->ops->map_ring(m, bytes, &mapping);
	cr_assert_eq(setrlimit(RLIMIT_AS, &old), 0);
	cr_assert_eq(pool_rc, -ENOMEM);
	cr_assert_eq(ring_rc, -ENOMEM);
	cr_assert_eq(mapped_pages(), pages_before);
	cr_assert_eq(lowest_free_descriptor(), fd_before);
	assert_usage(0, 0);
}
#endif

Test(memory, no_descriptor_left_is_an_error)
{
	struct wr_mapping mapping;
	struct rlimit none;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &none), 0);
	rlim_t before = none.rlim_cur;
	none.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	int rc = m->ops->map_pool(m, wr_memory_page_bytes(), &mapping);
	none.rlim_cur = before;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	cr_assert_eq(rc, -EMFILE);
}

static void map_and_unmap(int times)
{
	size_t bytes = 2 * wr_memory_page_bytes();
	for (int i = 0; i < times; i++) {
		struct wr_mapping ring;
		struct wr_mapping pool;
		cr_assert_eq(m->ops->map_ring(m, bytes, &ring), 0);
		cr_assert_eq(m->ops->map_pool(m, bytes, &pool), 0);
		m->ops->unmap(m, &pool);
		m->ops->unmap(m, &ring);
	}
}

/* A leak would be four pages each time; an emulator may grow by some in all. */
Test(memory, unmapped_and_mapped_again_a_thousand_times)
{
	map_and_unmap(100);
	(void)mapped_pages();
	long pages_before = mapped_pages();
	int fd_before = lowest_free_descriptor();
	map_and_unmap(1000);
	assert_usage(0, 0);
	cr_assert_lt(mapped_pages(), pages_before + 1000);
	cr_assert_eq(lowest_free_descriptor(), fd_before);
}
