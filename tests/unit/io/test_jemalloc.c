/* SPDX-License-Identifier: Apache-2.0 */
/* libweir-jemalloc: the arena is its own, its numbers follow it, and it takes all with it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jemalloc/jemalloc.h>

#include <weir/jemalloc.h>

#include "io/posix/memory_posix.h"

static struct weir_jemalloc *arena;
static struct weir_allocator allocator;

static void set_up(void)
{
	cr_assert_eq(weir_jemalloc_create(&arena), 0);
	weir_jemalloc_allocator(arena, &allocator);
}

static void tear_down(void)
{
	weir_jemalloc_destroy(arena);
}

static struct weir_jemalloc_stats stats_now(void)
{
	struct weir_jemalloc_stats stats;
	cr_assert_eq(weir_jemalloc_stats(arena, &stats), 0);
	return stats;
}

TestSuite(jemalloc, .init = set_up, .fini = tear_down);

Test(jemalloc, memory_is_aligned_and_zeroed_also_when_used_before)
{
	for (int round = 0; round < 3; round++) {
		for (size_t align = 1; align <= 4096; align *= 2) {
			uint8_t *p = allocator.alloc(allocator.context, 333, align);
			cr_assert_not_null(p);
			cr_assert_eq((uintptr_t)p % align, 0);
			for (size_t i = 0; i < 333; i++)
				cr_assert_eq(p[i], 0);
			memset(p, 0xff, 333);
			allocator.free(allocator.context, p, 333);
		}
	}
}

Test(jemalloc, what_cannot_be_is_null)
{
	cr_assert_null(allocator.alloc(allocator.context, 0, 8));
	cr_assert_null(allocator.alloc(allocator.context, 64, 24));
	cr_assert_null(allocator.alloc(allocator.context, SIZE_MAX, 8));
	cr_assert_null(allocator.alloc(allocator.context, PTRDIFF_MAX, 4096));
	allocator.free(allocator.context, NULL, 8);
}

Test(jemalloc, the_numbers_follow_what_is_allocated)
{
	struct weir_jemalloc_stats before = stats_now();
	cr_assert_eq(before.allocated_bytes, 0);
	void *small = allocator.alloc(allocator.context, 1000, 8);
	void *large = allocator.alloc(allocator.context, 1 << 20, 4096);
	struct weir_jemalloc_stats during = stats_now();
	cr_assert_geq(during.allocated_bytes, 1000u + (1u << 20));
	cr_assert_leq(during.allocated_bytes, 1024u + (1u << 20) + (1u << 18));
	cr_assert_geq(during.active_bytes, during.allocated_bytes);
	cr_assert_geq(during.resident_bytes, during.active_bytes);
	cr_assert_geq(during.mapped_bytes, during.active_bytes);
	allocator.free(allocator.context, small, 1000);
	allocator.free(allocator.context, large, 1 << 20);
	cr_assert_eq(stats_now().allocated_bytes, 0);
}

Test(jemalloc, the_rest_of_the_process_does_not_count)
{
	void *elsewhere = malloc(1 << 20);
	cr_assert_not_null(elsewhere);
	cr_assert_eq(stats_now().allocated_bytes, 0);
	free(elsewhere);
}

/* The size class follows the alignment as well as the size: a free by size alone corrupts. */
Test(jemalloc, small_blocks_of_large_alignment_can_be_freed_in_any_order)
{
	void *blocks[64];
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < 64; i++) {
			blocks[i] =
				allocator.alloc(allocator.context, 16 + i, (size_t)1 << (i % 13));
			cr_assert_not_null(blocks[i]);
			memset(blocks[i], 0xaa, 16 + i);
		}
		for (size_t i = 0; i < 64; i++) {
			size_t at = (i * 37 + 11) % 64;
			allocator.free(allocator.context, blocks[at], 16 + at);
		}
	}
	cr_assert_eq(stats_now().allocated_bytes, 0);
}

static unsigned arenas_now(void)
{
	unsigned count = 0;
	size_t bytes = sizeof count;
	cr_assert_eq(mallctl("arenas.narenas", &count, &bytes, NULL, 0), 0);
	return count;
}

Test(jemalloc, a_destroyed_arena_gives_back_its_memory_and_its_number)
{
	unsigned arenas = arenas_now();
	for (int i = 0; i < 200; i++) {
		struct weir_jemalloc *other;
		struct weir_allocator a;
		cr_assert_eq(weir_jemalloc_create(&other), 0);
		weir_jemalloc_allocator(other, &a);
		/* Not freed: the arena takes it along. */
		uint8_t *p = a.alloc(a.context, 1 << 20, 4096);
		cr_assert_not_null(p);
		memset(p, 1, 1 << 20);
		weir_jemalloc_destroy(other);
	}
	cr_assert_leq(arenas_now(), arenas + 1);
	weir_jemalloc_destroy(NULL);
}

static void *allocate_in_thread(void *ret_failures)
{
	for (size_t i = 0; i < 2000; i++) {
		size_t bytes = 1 + i * 7 % 5000;
		void *p = allocator.alloc(allocator.context, bytes, 64);
		if (p == NULL)
			++*(int *)ret_failures;
		allocator.free(allocator.context, p, bytes);
	}
	return NULL;
}

Test(jemalloc, threads_share_an_arena_and_leave_nothing_in_caches)
{
	pthread_t threads[3];
	int failures[3] = {0};
	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, allocate_in_thread, &failures[i]),
			     0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
		cr_assert_eq(failures[i], 0);
	}
	cr_assert_eq(stats_now().allocated_bytes, 0);
}

Test(jemalloc, weirs_memory_runs_on_it)
{
	struct wr_memory_posix posix;
	struct wr_memory *m = &posix.memory;
	cr_assert_eq(wr_memory_posix_init(&posix, &allocator), 0);
	uint8_t *p = m->ops->alloc(m, 100000, 128);
	cr_assert_not_null(p);
	cr_assert_geq(stats_now().allocated_bytes, 100000);
	m->ops->free(m, p, 100000);
	cr_assert_eq(stats_now().allocated_bytes, 0);
}
