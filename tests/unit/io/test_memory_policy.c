/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: memory is locked, in transparent huge pages and in core dumps as the policy says; what was
 * had is what the kernel says, and what was not had is told; a lock that is refused leaves nothing
 * behind. Pages that are set aside: tests/unit/pipeline/huge_pages.c.
 *
 * Method: rings, pools and tables by policies, looked at in /proc/self/smaps and status. The
 * refusal is made in the case's own process, which gives its privileges up.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/posix/huge_pages.h"
#include "io/posix/memory_posix.h"
#include "tests/support/smaps.h"

#define KIB 1024u
#define MIB (1024u * 1024)

static struct wr_memory_posix posix;
static struct wr_memory *const m = &posix.memory;

static void use(struct wr_memory_policy policy)
{
	cr_assert_eq(wr_memory_posix_init(&posix, NULL), 0);
	wr_memory_posix_use(&posix, &policy);
}

static void skip_under_an_emulator(void)
{
	if (getenv("WEIR_TEST_EMULATED") != NULL)
		cr_skip_test("an emulator: smaps are not those of the program");
}

/* Of the whole process, from its status file, in bytes. */
static uint64_t status_bytes(const char *key)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t bytes = 0;
	cr_assert_not_null(file);
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			bytes = strtoull(line + strlen(key), NULL, 10) * KIB;
	fclose(file);
	return bytes;
}

TestSuite(memory_policy, .init = skip_under_an_emulator);

/* ---- core dumps ---- */

static void assert_dumped(bool dumped)
{
	struct wr_mapping ring;
	struct wr_mapping pool;
	use((struct wr_memory_policy){.in_core_dumps = dumped});
	cr_assert_eq(m->ops->map_ring(m, 64 * KIB, &ring), 0);
	cr_assert_eq(m->ops->map_pool(m, 64 * KIB, &pool), 0);
	const uint8_t *views[] = {ring.writable, ring.writable + ring.bytes, pool.writable,
				  pool.readable};
	for (size_t i = 0; i < WR_ARRAY_COUNT(views); i++) {
		struct smaps map = smaps_of(views[i]);
		cr_expect_eq(smaps_has(&map, " dd"), !dumped, "view %zu:%s", i, map.flags);
	}
	m->ops->unmap(m, &ring);
	m->ops->unmap(m, &pool);
}

Test(memory_policy, mappings_are_left_out_of_core_dumps)
{
	assert_dumped(false);
}

Test(memory_policy, mappings_are_in_core_dumps_on_request)
{
	assert_dumped(true);
}

static void assert_payload_dumped(bool dumped)
{
	use((struct wr_memory_policy){.in_core_dumps = dumped});
	uint8_t *block = wr_memory_alloc_payload(m, 64 * KIB);
	cr_assert_not_null(block);
	struct smaps map = smaps_of(block + 32 * KIB);
	cr_expect_eq(smaps_has(&map, " dd"), !dumped, "%s", map.flags);
	memset(block, 0xee, 64 * KIB);
	/* Not free(): the memory has to be looked at. */
	m->ops->payload(m, block, 64 * KIB, false);
	map = smaps_of(block + 32 * KIB);
	cr_expect(!smaps_has(&map, " dd"), "%s", map.flags);
	for (size_t i = 0; i < 64 * KIB; i++)
		cr_assert_eq(block[i], 0);
	m->ops->free(m, block, 64 * KIB);
}

Test(memory_policy, blocks_with_events_are_left_out_of_core_dumps_and_given_back_empty)
{
	assert_payload_dumped(false);
	assert_payload_dumped(true);
}

/* ---- locks ---- */

/* AddressSanitizer takes mlock() away: its shadow would be locked too. */
#if defined(__SANITIZE_ADDRESS__)
#define MLOCK_IS_THERE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define MLOCK_IS_THERE 0
#endif
#endif
#ifndef MLOCK_IS_THERE
#define MLOCK_IS_THERE 1
#endif

static bool may_lock(size_t bytes)
{
	if (!MLOCK_IS_THERE)
		return false;
	struct rlimit limit;
	return geteuid() == 0 ||
	       (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= bytes);
}

Test(memory_policy, locked_memory_is_locked_once_and_goes_with_its_mapping)
{
	struct wr_mapping ring;
	struct wr_mapping pool;
	if (!may_lock(4 * MIB))
		cr_skip_test("4 MiB may not be locked here");
	use((struct wr_memory_policy){.lock = true});
	uint64_t before = status_bytes("VmLck:");
	cr_assert_eq(m->ops->map_ring(m, MIB, &ring), 0);
	cr_assert_eq(m->ops->map_pool(m, 2 * MIB, &pool), 0);
	uint8_t *table = m->ops->alloc(m, 100000, 64);
	cr_assert_not_null(table);
	uint64_t locked = 3 * MIB + wr_round_up(100000, wr_memory_page_bytes());
	cr_expect_eq(status_bytes("VmLck:") - before, locked);
	cr_expect_eq(posix.locked_bytes, 3 * MIB + 100000);
	struct smaps map = smaps_of(pool.writable);
	cr_expect(smaps_has(&map, " lo"), "%s", map.flags);
	map = smaps_of(table + 99999);
	cr_expect(smaps_has(&map, " lo"), "%s", map.flags);
	m->ops->free(m, table, 100000);
	m->ops->unmap(m, &ring);
	m->ops->unmap(m, &pool);
	cr_expect_eq(status_bytes("VmLck:"), before);
	cr_expect_eq(posix.locked_bytes, 0);
}

/* One block at a time, and always the same: each of malloc()'s has edges of its own. */
static uint8_t user_block[2 * MIB];

static void *user_alloc(void *context, size_t bytes, size_t align)
{
	(void)context;
	uintptr_t at = wr_round_up((uintptr_t)user_block + 1000, align);
	return at + bytes <= (uintptr_t)(user_block + sizeof user_block) ? (void *)at : NULL;
}

static void user_free(void *context, void *p, size_t bytes)
{
	(void)context;
	(void)bytes;
	cr_assert(p > (void *)user_block && p < (void *)(user_block + sizeof user_block));
}

/* Pages at the edges are shared with others of the allocator's: they stay locked. */
Test(memory_policy, what_a_users_allocator_gave_is_unlocked_when_it_goes)
{
	const struct weir_allocator user = {user_alloc, user_free, NULL};
	if (!may_lock(4 * MIB))
		cr_skip_test("4 MiB may not be locked here");
	cr_assert_eq(wr_memory_posix_init(&posix, &user), 0);
	wr_memory_posix_use(&posix, &(struct wr_memory_policy){.lock = true});
	uint64_t before = status_bytes("VmLck:");
	for (int i = 0; i < 100; i++) {
		uint8_t *table = m->ops->alloc(m, MIB, 64);
		cr_assert_not_null(table);
		cr_assert_geq(status_bytes("VmLck:") - before, MIB);
		m->ops->free(m, table, MIB);
	}
	cr_expect_leq(status_bytes("VmLck:") - before, 4 * wr_memory_page_bytes());
	cr_expect_eq(posix.locked_bytes, 0);
}

static void give_up_privileges(rlim_t memlock_bytes)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	const struct rlimit limit = {memlock_bytes, memlock_bytes};
	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || syscall(SYS_capset, &header, none) != 0)
		cr_skip_test("privileges cannot be given up here");
}

static void assert_lock_refused(rlim_t limit_bytes, int code, const char *limit_text)
{
	struct wr_mapping mapping = {.writable = NULL};
	if (!MLOCK_IS_THERE)
		cr_skip_test("mlock() does nothing under this sanitizer");
	use((struct wr_memory_policy){.lock = true});
	give_up_privileges(limit_bytes);
	uint64_t before = status_bytes("VmSize:");
	cr_expect_eq(m->ops->map_pool(m, MIB, &mapping), code);
	cr_expect_eq(posix.refusal.code, code);
	cr_expect_str_eq(posix.refusal.field, "lock_memory");
	cr_expect_not_null(strstr(posix.refusal.text, limit_text), "%s", posix.refusal.text);
	cr_expect_not_null(strstr(posix.refusal.text, "CAP_IPC_LOCK"), "%s", posix.refusal.text);
	posix.refusal.code = 0;
	cr_expect_eq(m->ops->map_ring(m, MIB, &mapping), code);
	cr_expect_null(m->ops->alloc(m, MIB, 64));
	cr_expect_eq(posix.refusal.code, code);
	cr_expect_eq(status_bytes("VmSize:"), before);
	cr_expect_eq(posix.locked_bytes, 0);
	cr_expect_eq(wr_load_relaxed(&m->map_bytes), 0);
}

Test(memory_policy, a_lock_above_the_limit_is_refused_and_names_it)
{
	assert_lock_refused(64 * KIB, -ENOMEM, "RLIMIT_MEMLOCK is 64 KiB");
}

Test(memory_policy, a_lock_without_any_right_to_it_is_refused)
{
	assert_lock_refused(0, -EPERM, "RLIMIT_MEMLOCK is 0 KiB");
}

/* ---- address space ---- */

/* Twice this is more than any process has, on x86-64 and on ARM64. */
Test(memory_policy, addresses_that_are_not_to_be_had_are_told_with_what_wanted_them)
{
	size_t bytes = (size_t)1 << 47;
	char size[64];
	struct rlimit limit;
	struct wr_mapping pool = {0};
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	if (limit.rlim_cur != RLIM_INFINITY)
		cr_skip_test("files are limited: that is told first");
	use((struct wr_memory_policy){0});
	cr_expect_eq(m->ops->map_pool(m, bytes, &pool), -ENOMEM);
	cr_expect_null(pool.writable);
	cr_expect_eq(posix.refusal.code, -ENOMEM);
	cr_expect_str_eq(posix.refusal.field, "pool_bytes");
	(void)snprintf(size, sizeof size, "a pool of %zu KiB, twice (ENOMEM)", bytes / KIB);
	cr_expect_not_null(strstr(posix.refusal.text, size), "%s", posix.refusal.text);
	cr_expect_not_null(strstr(posix.refusal.text, "take less"), "%s", posix.refusal.text);
}

/* ---- huge pages that are set aside ---- */

static void map_and_unmap_pool(struct wr_memory_policy policy)
{
	struct wr_mapping pool;
	use(policy);
	cr_assert_eq(m->ops->map_pool(m, MIB, &pool), 0);
	cr_expect_eq(pool.huge_bytes, 0);
	m->ops->unmap(m, &pool);
}

Test(memory_policy, a_pipeline_that_is_smaller_than_a_huge_page_is_told_so)
{
	map_and_unmap_pool((struct wr_memory_policy){.huge_pages = WEIR_HUGE_PAGES_TRY,
						     .huge_page_bytes = 1u << 30});
	cr_expect_str_eq(posix.huge_note,
			 "no huge pages: pool and lanes are each smaller than one of 1 GiB: raise "
			 "pool_bytes, or take those of 2 MiB");
	/* One pool of several. */
	map_and_unmap_pool((struct wr_memory_policy){.huge_pages = WEIR_HUGE_PAGES_TRY,
						     .huge_page_bytes = 1u << 30,
						     .huge_wanted_bytes = 1u << 30});
	cr_expect_str_eq(posix.huge_note, "");
	map_and_unmap_pool((struct wr_memory_policy){.huge_page_bytes = 1u << 30});
	cr_expect_str_eq(posix.huge_note, "");
}

/* ---- transparent huge pages ---- */

Test(memory_policy, transparent_huge_pages_are_what_the_kernel_says_or_told)
{
	size_t page_bytes = wr_huge_transparent_bytes();
	struct wr_mapping ring;
	struct wr_mapping pool;
	struct wr_mapping small;
	if (page_bytes > 4 * MIB)
		cr_skip_test("a transparent huge page is larger than this test would use");
	use((struct wr_memory_policy){.huge_pages = WEIR_HUGE_PAGES_TRANSPARENT});
	cr_assert_eq(m->ops->map_ring(m, 2 * page_bytes, &ring), 0);
	cr_assert_eq(m->ops->map_pool(m, 3 * page_bytes + 64 * KIB, &pool), 0);
	cr_assert_eq(m->ops->map_ring(m, 64 * KIB, &small), 0);
	cr_expect_eq(pool.bytes, 3 * page_bytes + 64 * KIB);
	cr_expect_eq(posix.huge_bytes, ring.huge_bytes + pool.huge_bytes);
	cr_expect_eq(small.huge_bytes, 0);
	struct smaps map = smaps_of(pool.writable);
	cr_expect_eq(map.huge_kib * KIB, pool.huge_bytes, "%s", posix.huge_note);
	map = smaps_of(ring.writable);
	cr_expect_eq(map.huge_kib * KIB, ring.huge_bytes, "%s", posix.huge_note);
	if (posix.huge_note[0] == '\0')
		cr_expect_eq(posix.huge_bytes, 5 * page_bytes);
	else
		cr_expect_lt(posix.huge_bytes, 5 * page_bytes, "a note, and nothing is missing");
	/* The same bytes, twice and in both views. */
	memcpy(ring.writable + ring.bytes - 4, "wrapping", 8);
	cr_expect_eq(memcmp(ring.readable, "ping", 4), 0);
	memcpy(pool.writable + pool.bytes - 5, "event", 5);
	cr_expect_eq(memcmp(pool.readable + pool.bytes - 5, "event", 5), 0);
	m->ops->unmap(m, &small);
	m->ops->unmap(m, &pool);
	m->ops->unmap(m, &ring);
	cr_expect_eq(posix.huge_bytes, 0);
}

/* What a table is asked of the kernel, in the middle of it. */
static bool is_asked_huge(enum weir_huge_pages huge_pages, size_t bytes)
{
	use((struct wr_memory_policy){.huge_pages = huge_pages});
	uint8_t *table = m->ops->alloc(m, bytes, 64);
	cr_assert_not_null(table);
	struct smaps map = smaps_of(table + bytes / 2);
	table[bytes - 1] = 1;
	m->ops->free(m, table, bytes);
	cr_expect_eq(m->alloc_bytes, 0);
	return smaps_has(&map, " hg");
}

Test(memory_policy, only_large_tables_are_of_huge_pages_and_only_where_chunks_are)
{
	if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) != 0)
		cr_skip_test("this kernel has no transparent huge pages");
	if (wr_huge_transparent_bytes() > 4 * MIB)
		cr_skip_test("a transparent huge page is larger than this test would use");
	cr_expect(!is_asked_huge(WEIR_HUGE_PAGES_OFF, 40 * MIB));
	cr_expect(is_asked_huge(WEIR_HUGE_PAGES_TRANSPARENT, 40 * MIB));
	cr_expect(is_asked_huge(WEIR_HUGE_PAGES_TRANSPARENT, wr_huge_transparent_bytes()));
	cr_expect(is_asked_huge(WEIR_HUGE_PAGES_TRANSPARENT, 8 * MIB + 1));
	cr_expect(!is_asked_huge(WEIR_HUGE_PAGES_TRANSPARENT, MIB), "it lies among the host's");
}
