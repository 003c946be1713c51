/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   where rings lie: options are judged by field; memory of the caller is used exactly as far
 *         as was said, for several rings side by side, and no two threads' fields share a line;
 *         huge pages are had or refused.
 * Method: guard bytes around the memory; addresses of handles; one field wrong at a time.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/ring.h>

#include "core/base/bits.h"
#include "core/ring/ring.h"

#define GUARD 4096u

static void is_refused(const struct weir_ring_options *o, const char *field)
{
	struct weir_problem why = {.field = ""};
	struct weir_ring *ring;
	uint64_t bytes;
	cr_expect_eq(weir_ring_memory_bytes(o, &bytes, &why), -EINVAL);
	cr_expect_str_eq(why.field, field);
	cr_expect_neq(why.text[0], '\0');
	cr_expect_eq(weir_ring_create(o, &ring, NULL), -EINVAL);
}

#define REFUSED(field, value)                                                                      \
	do {                                                                                       \
		struct weir_ring_options o;                                                        \
		weir_ring_options_init(&o);                                                        \
		o.field = (value);                                                                 \
		is_refused(&o, #field);                                                            \
	} while (0)

Test(ring_memory, a_wrong_option_is_refused_by_name)
{
	REFUSED(struct_bytes, 0);
	REFUSED(producers, (enum weir_ring_producers)0);
	REFUSED(producers, (enum weir_ring_producers)3);
	REFUSED(consumers, (enum weir_ring_consumers)0);
	REFUSED(consumers, (enum weir_ring_consumers)4);
	REFUSED(producers_max, 0);
	REFUSED(producers_max, 4097);
	REFUSED(consumers_max, 0);
	REFUSED(consumers_max, 4097);
	REFUSED(slot_bytes, 0);
	REFUSED(slot_bytes, (16 << 20) + 1);
	REFUSED(capacity, 0);
	REFUSED(capacity, 3);
	REFUSED(capacity, 1ull << 31);
	REFUSED(wait, (enum weir_wait)5);
	REFUSED(huge_pages, (enum weir_huge_pages)4);
	is_refused(NULL, "struct_bytes");
	struct weir_ring_options o;
	weir_ring_options_init(&o);
	o.slot_bytes = 16 << 20;
	o.capacity = 1 << 20;
	is_refused(&o, "capacity");
}

Test(ring_memory, a_ring_stays_inside_the_memory_that_it_was_given)
{
	for (unsigned shape = 0; shape < 6; shape++) {
		struct weir_ring_options o;
		struct weir_ring *ring;
		struct weir_ring_producer *p;
		struct weir_ring_consumer *c;
		uint64_t bytes;
		weir_ring_options_init(&o);
		o.producers = (enum weir_ring_producers)(1 + shape % 2);
		o.consumers = (enum weir_ring_consumers)(1 + shape / 2);
		o.consumers_max = 1;
		o.slot_bytes = 7;
		o.capacity = 16;
		cr_assert_eq(weir_ring_memory_bytes(&o, &bytes, NULL), 0);
		uint8_t *memory = aligned_alloc(128, wr_round_up(bytes + 2 * GUARD, 128));
		memset(memory, 0xa5, bytes + 2 * GUARD);
		cr_assert_eq(weir_ring_init(memory + GUARD, bytes, &o, &ring, NULL), 0);
		cr_assert_eq(weir_ring_producer_open(ring, &p), 0);
		cr_assert_eq(weir_ring_consumer_open(ring, &c), 0);
		for (unsigned lap = 0; lap < 40; lap++) {
			uint8_t items[16 * 7];
			memset(items, (int)lap, sizeof items);
			cr_assert_eq(weir_ring_push_many(p, items, 16, 7), 16);
			memset(items, 0xff, sizeof items);
			cr_assert_eq(weir_ring_pop_many(c, items, 16, 7), 16);
			for (unsigned i = 0; i < sizeof items; i++)
				cr_assert_eq(items[i], lap);
		}
		for (unsigned i = 0; i < GUARD; i++) {
			cr_assert_eq(memory[i], 0xa5);
			cr_assert_eq(memory[GUARD + bytes + i], 0xa5);
		}
		free(memory);
	}
}

Test(ring_memory, what_does_not_fit_or_is_not_aligned_is_refused)
{
	struct weir_ring_options o;
	struct weir_ring *ring;
	struct weir_problem why;
	uint64_t bytes;
	weir_ring_options_init(&o);
	cr_assert_eq(weir_ring_memory_bytes(&o, &bytes, NULL), 0);
	uint8_t *memory = aligned_alloc(128, wr_round_up(bytes + 128, 128));
	cr_assert_eq(weir_ring_init(memory, bytes - 1, &o, &ring, &why), -EINVAL);
	cr_assert_str_eq(why.field, "memory_bytes");
	cr_assert_eq(weir_ring_init(memory + 64, bytes, &o, &ring, &why), -EINVAL);
	cr_assert_str_eq(why.field, "memory");
	cr_assert_eq(weir_ring_init(NULL, bytes, &o, &ring, &why), -EINVAL);
	cr_assert_eq(weir_ring_init(memory, bytes, &o, &ring, &why), 0);
	free(memory);
}

/* Fields that different threads write lie on different pairs of cache lines, also those of the
 * last handle and the first slot, and of rings side by side. */
Test(ring_memory, no_two_threads_share_a_line)
{
	struct weir_ring_options o;
	struct weir_ring *ring;
	uint64_t bytes;
	weir_ring_options_init(&o);
	o.producers = WEIR_RING_MANY_PRODUCERS;
	o.consumers = WEIR_RING_SHARING_CONSUMERS;
	o.producers_max = o.consumers_max = 3;
	o.capacity = 2;
	o.slot_bytes = 1;
	cr_assert_eq(weir_ring_memory_bytes(&o, &bytes, NULL), 0);
	cr_assert_eq(bytes % 128, 0, "a neighbour would begin on this one's last line");
	cr_assert_eq(weir_ring_create(&o, &ring, NULL), 0);
	struct wr_ring *inside = wr_ring_of(ring);
	const void *places[] = {
		&ring->state,
		&ring->tail,
		&ring->take,
		&ring->end,
		&inside->own_items.word,
		&inside->producers[0],
		&inside->producers[1],
		&inside->producers[2],
		&inside->consumers[0].next,
		&inside->consumers[0].gate,
		&inside->consumers[1].next,
		&inside->consumers[1].gate,
		&inside->consumers[2].next,
		&inside->consumers[2].gate,
		inside->producers[0].stamps,
		inside->producers[0].slots,
	};
	for (size_t i = 0; i < WR_ARRAY_COUNT(places); i++)
		for (size_t j = 0; j < i; j++)
			cr_assert_neq((uintptr_t)places[i] / 128, (uintptr_t)places[j] / 128,
				      "%zu and %zu", i, j);
	weir_ring_destroy(ring);
}

Test(ring_memory, huge_pages_are_had_or_refused)
{
	struct weir_ring_options o;
	struct weir_ring *ring;
	struct weir_problem why;
	weir_ring_options_init(&o);
	o.capacity = 1 << 19;
	for (unsigned pages = 0; pages <= WEIR_HUGE_PAGES_REQUIRE; pages++) {
		struct weir_ring_producer *p;
		struct weir_ring_consumer *c;
		uint64_t item = 5;
		o.huge_pages = (enum weir_huge_pages)pages;
		int code = weir_ring_create(&o, &ring, &why);
		if (pages == WEIR_HUGE_PAGES_REQUIRE && code != 0) {
			cr_assert_eq(code, -ENOMEM);
			cr_assert_str_eq(why.field, "huge_pages");
			continue;
		}
		cr_assert_eq(code, 0);
		if (pages == WEIR_HUGE_PAGES_TRANSPARENT)
			cr_assert_eq((uintptr_t)ring % (2 << 20), 0);
		cr_assert_eq(weir_ring_producer_open(ring, &p), 0);
		cr_assert_eq(weir_ring_consumer_open(ring, &c), 0);
		for (unsigned i = 0; i < 1 << 19; i++)
			cr_assert_eq(weir_ring_push(p, &item, sizeof item), 0);
		for (unsigned i = 0; i < 1 << 19; i++)
			cr_assert_eq(weir_ring_pop(c, &item, sizeof item), 0);
		weir_ring_destroy(ring);
	}
}
