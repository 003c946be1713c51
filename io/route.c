/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters and transformers: what core/route/ makes, with the C library's memory where the caller
 * names no allocator.
 *
 * Thread: any.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/route/matcher.h"
#include "core/route/transform.h"

#define HUGE_PAGE_BYTES (2u << 20)

/* A matcher is read at places that nobody foresees: in huge pages, if there are any. */
static void *from_c_large(size_t bytes)
{
	void *p;
	if (posix_memalign(&p, HUGE_PAGE_BYTES, bytes) != 0)
		return NULL;
	(void)madvise(p, bytes, MADV_HUGEPAGE);
	return memset(p, 0, bytes);
}

static void *from_c(void *context, size_t bytes, size_t align)
{
	(void)context;
	if (bytes >= HUGE_PAGE_BYTES && align <= HUGE_PAGE_BYTES)
		return from_c_large(bytes);
	if (align < sizeof(max_align_t))
		align = sizeof(max_align_t);
	if (bytes > SIZE_MAX - align)
		return NULL;
	bytes = (bytes + (align - 1)) & ~(align - 1);
	void *p = aligned_alloc(align, bytes);
	return p != NULL ? memset(p, 0, bytes) : NULL;
}

static void to_c(void *context, void *p, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(p);
}

static const struct weir_allocator *allocator_or_c(const struct weir_allocator *allocator)
{
	static const struct weir_allocator c_library = {.alloc = from_c, .free = to_c};
	if (allocator == NULL || (allocator->alloc == NULL && allocator->free == NULL))
		return &c_library;
	return allocator->alloc != NULL && allocator->free != NULL ? allocator : NULL;
}

static int half_an_allocator(struct weir_problem *problem)
{
	return wr_route_refuse(problem, -EINVAL, "allocator", 9,
			       "an allocator has both functions, or neither");
}

int weir_filter_create(enum weir_filter_kind kind, const void *pattern, size_t pattern_bytes,
		       const struct weir_allocator *allocator, struct weir_filter **ret_filter,
		       struct weir_problem *problem)
{
	allocator = allocator_or_c(allocator);
	if (allocator == NULL)
		return half_an_allocator(problem);
	return wr_filter_create(kind, pattern, pattern_bytes, allocator, ret_filter, problem);
}

int weir_filter_create_headers(const struct weir_typed_header *arguments, size_t argument_count,
			       const struct weir_allocator *allocator,
			       struct weir_filter **ret_filter, struct weir_problem *problem)
{
	allocator = allocator_or_c(allocator);
	if (allocator == NULL)
		return half_an_allocator(problem);
	return wr_filter_create_headers(arguments, argument_count, allocator, ret_filter, problem);
}

int weir_matcher_create(const struct weir_filter *const *filters, size_t filter_count,
			const struct weir_allocator *allocator, struct weir_matcher **ret_matcher,
			struct weir_problem *problem)
{
	allocator = allocator_or_c(allocator);
	if (allocator == NULL)
		return half_an_allocator(problem);
	return wr_matcher_create(filters, filter_count, allocator, ret_matcher, problem);
}

int weir_match_create(const struct weir_matcher *matcher, size_t payload_bytes_max,
		      const struct weir_allocator *allocator, struct weir_match **ret_match,
		      struct weir_problem *problem)
{
	allocator = allocator_or_c(allocator);
	if (allocator == NULL)
		return half_an_allocator(problem);
	return wr_match_create(matcher, payload_bytes_max, allocator, ret_match, problem);
}

int weir_transform_create(const void *text, size_t text_bytes,
			  const struct weir_allocator *allocator,
			  struct weir_transform **ret_transform, struct weir_problem *problem)
{
	allocator = allocator_or_c(allocator);
	if (allocator == NULL)
		return half_an_allocator(problem);
	return wr_transform_create(text, text_bytes, allocator, ret_transform, problem);
}
