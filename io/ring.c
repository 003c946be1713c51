/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings and fans in memory of the caller or of their own: the host that core/ring/ asks for, and
 * pages.
 *
 * Memory of their own is one anonymous mapping. Huge pages that are set aside (hugetlb) are
 * reserved by the mapping, so that touching them cannot fail; transparent ones are asked for before
 * the first touch, on a mapping that begins where a huge page does.
 *
 * Thread: any.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>

#include <weir/ring.h>
#include <weir/ring_fan.h>

#include "core/base/bits.h"
#include "core/ring/fan.h"
#include "core/ring/ring.h"
#include "io/posix/clock_posix.h"
#include "io/posix/memory_posix.h"
#include "io/thread/park_futex.h"

#define HUGE_PAGE_BYTES (2ull << 20)

static void yield(void)
{
	(void)sched_yield();
}

static struct wr_ring_host host_of_process(void)
{
	(void)wr_park_choose_mode();
	return (struct wr_ring_host){
		.park = wr_park_futex_ops(), .clock = wr_clock_posix(), .yield = yield};
}

static int refuse(struct weir_problem *problem, int code, const char *field, const char *text)
{
	if (problem != NULL) {
		*problem = (struct weir_problem){.code = code};
		(void)snprintf(problem->field, sizeof problem->field, "%s", field);
		(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	}
	return code;
}

static void *map(uint64_t bytes, int flags)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
			-1, 0);
	return at == MAP_FAILED ? NULL : at;
}

/* A mapping that begins at a multiple of a huge page: a larger one, with its ends cut off. */
static void *map_transparent(uint64_t bytes)
{
	uint8_t *wide = map(bytes + HUGE_PAGE_BYTES, 0);
	if (wide == NULL)
		return NULL;
	uint64_t before = (HUGE_PAGE_BYTES - (uintptr_t)wide % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
	if (before > 0)
		(void)munmap(wide, before);
	(void)munmap(wide + before + bytes, HUGE_PAGE_BYTES - before);
	(void)madvise(wide + before, bytes, MADV_HUGEPAGE);
	return wide + before;
}

/* *bytes becomes what was mapped: whole pages. NULL: there is no memory. */
static void *map_pages(enum weir_huge_pages huge_pages, uint64_t *bytes)
{
	uint64_t huge_bytes = wr_round_up(*bytes, HUGE_PAGE_BYTES);
	uint64_t small_bytes = wr_round_up(*bytes, wr_memory_page_bytes());
	void *at = NULL;

	if (huge_pages == WEIR_HUGE_PAGES_TRANSPARENT) {
		*bytes = huge_bytes;
		return map_transparent(huge_bytes);
	}
	if (huge_pages != WEIR_HUGE_PAGES_OFF)
		at = map(huge_bytes, MAP_HUGETLB | (21 << MAP_HUGE_SHIFT));
	if (at != NULL || huge_pages == WEIR_HUGE_PAGES_REQUIRE) {
		*bytes = huge_bytes;
		return at;
	}
	*bytes = small_bytes;
	return map(small_bytes, 0);
}

/* What weir_ring_init() was given. */
static int check_memory(const void *memory, uint64_t memory_bytes, uint64_t wanted_bytes,
			const char *says, struct weir_problem *reterr_problem)
{
	if (memory == NULL || (uintptr_t)memory % WEIR_RING_LINE_BYTES != 0)
		return refuse(reterr_problem, -EINVAL, "memory",
			      "must be there and at a multiple of 128 bytes");
	if (memory_bytes < wanted_bytes)
		return refuse(reterr_problem, -EINVAL, "memory_bytes", says);
	return 0;
}

/* *bytes as map_pages() has it. */
static int get_memory(const struct weir_ring_options *options, uint64_t *bytes, void **ret_memory,
		      struct weir_problem *reterr_problem)
{
	*ret_memory = map_pages(options->huge_pages, bytes);
	if (*ret_memory != NULL)
		return 0;
	bool huge = options->huge_pages == WEIR_HUGE_PAGES_REQUIRE;
	return refuse(reterr_problem, -ENOMEM, huge ? "huge_pages" : "capacity",
		      huge ? "too few huge pages of 2 MiB are set aside: write more to "
			     "/proc/sys/vm/nr_hugepages, or use TRY"
			   : "the machine has no memory for a ring of this size");
}

int weir_ring_init(void *memory, uint64_t memory_bytes, const struct weir_ring_options *options,
		   struct weir_ring **ret_ring, struct weir_problem *reterr_problem)
{
	uint64_t bytes;
	int code = wr_ring_measure(options, &bytes, reterr_problem);
	if (code == 0)
		code = check_memory(memory, memory_bytes, bytes,
				    "is less than weir_ring_memory_bytes() says", reterr_problem);
	if (code != 0)
		return code;
	struct wr_ring_host host = host_of_process();
	*ret_ring = &wr_ring_make(memory, options, &host)->shared;
	return 0;
}

int weir_ring_create(const struct weir_ring_options *options, struct weir_ring **ret_ring,
		     struct weir_problem *reterr_problem)
{
	uint64_t bytes;
	void *memory;
	int code = wr_ring_measure(options, &bytes, reterr_problem);
	if (code == 0)
		code = get_memory(options, &bytes, &memory, reterr_problem);
	if (code != 0)
		return code;
	struct wr_ring_host host = host_of_process();
	struct wr_ring *ring = wr_ring_make(memory, options, &host);
	ring->memory_bytes = bytes;
	*ret_ring = &ring->shared;
	return 0;
}

void weir_ring_destroy(struct weir_ring *ring)
{
	if (ring == NULL)
		return;
	(void)munmap(ring, wr_ring_of(ring)->memory_bytes);
}

int weir_ring_fan_init(void *memory, uint64_t memory_bytes, const struct weir_ring_options *options,
		       struct weir_ring_fan **ret_fan, struct weir_problem *reterr_problem)
{
	uint64_t bytes;
	int code = wr_ring_fan_measure(options, &bytes, reterr_problem);
	if (code == 0)
		code = check_memory(memory, memory_bytes, bytes,
				    "is less than weir_ring_fan_memory_bytes() says",
				    reterr_problem);
	if (code != 0)
		return code;
	struct wr_ring_host host = host_of_process();
	*ret_fan = wr_ring_fan_make(memory, options, &host);
	return 0;
}

int weir_ring_fan_create(const struct weir_ring_options *options, struct weir_ring_fan **ret_fan,
			 struct weir_problem *reterr_problem)
{
	uint64_t bytes;
	void *memory;
	int code = wr_ring_fan_measure(options, &bytes, reterr_problem);
	if (code == 0)
		code = get_memory(options, &bytes, &memory, reterr_problem);
	if (code != 0)
		return code;
	struct wr_ring_host host = host_of_process();
	*ret_fan = wr_ring_fan_make(memory, options, &host);
	(*ret_fan)->memory_bytes = bytes;
	return 0;
}

void weir_ring_fan_destroy(struct weir_ring_fan *fan)
{
	if (fan != NULL)
		(void)munmap(fan, fan->memory_bytes);
}
