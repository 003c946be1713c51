/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Concurrency Kit's ck_ring as a contender of bench/ring.h, as its documentation says: the variant
 * of each shape, pointers where the item is one word, else items inlined by CK_RING_PROTOTYPE. It
 * has no batches: a batch is so many calls. Not on ARM64, where 0.7.1's barriers are wrong.
 *
 * Thread: as there.
 */
#include <ck_ring.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ring.h"

struct item64 {
	uint64_t words[8];
};
struct item256 {
	uint64_t words[32];
};
CK_RING_PROTOTYPE(item64, item64)
CK_RING_PROTOTYPE(item256, item256)

struct ck_bench {
	ck_ring_t ring;
	void *buffer;
};

#define CK_PUSH(kind)                                                                              \
	(payload_bytes == 8                                                                        \
		 ? ck_ring_enqueue_##kind(&b->ring, b->buffer, (void *)(uintptr_t)(*item + 1))     \
	 : payload_bytes == 64                                                                     \
		 ? ck_ring_enqueue_##kind##_item64(&b->ring, b->buffer, (struct item64 *)item)     \
		 : ck_ring_enqueue_##kind##_item256(&b->ring, b->buffer, (struct item256 *)item))
#define CK_POP(kind)                                                                               \
	(payload_bytes == 8    ? ck_ring_dequeue_##kind(&b->ring, b->buffer, item)                 \
	 : payload_bytes == 64 ? ck_ring_dequeue_##kind##_item64(&b->ring, b->buffer, item)        \
			       : ck_ring_dequeue_##kind##_item256(&b->ring, b->buffer, item))

RING_ALWAYS_INLINE bool push_one(struct ring_side *s, uint64_t *item, uint32_t payload_bytes)
{
	struct ck_bench *b = s->run->ring;
	switch (s->run->cell.shape) {
	case RING_SPSC:
		return CK_PUSH(spsc);
	case RING_MPSC:
		return CK_PUSH(mpsc);
	case RING_SPMC:
		return CK_PUSH(spmc);
	default:
		return CK_PUSH(mpmc);
	}
}

RING_ALWAYS_INLINE bool pop_one(struct ring_side *s, void *item, uint32_t payload_bytes)
{
	struct ck_bench *b = s->run->ring;
	switch (s->run->cell.shape) {
	case RING_SPSC:
		return CK_POP(spsc);
	case RING_MPSC:
		return CK_POP(mpsc);
	case RING_SPMC:
		return CK_POP(spmc);
	default:
		return CK_POP(mpmc);
	}
}

RING_ALWAYS_INLINE void peer_push_all(struct ring_side *s, const uint64_t *items, uint32_t batch,
				      uint32_t payload_bytes);
RING_ALWAYS_INLINE uint32_t peer_pop(struct ring_side *s, uint64_t *items, uint32_t batch,
				     uint32_t payload_bytes);

#include "bench/ring_loop.h"

RING_ALWAYS_INLINE void peer_push_all(struct ring_side *s, const uint64_t *items, uint32_t batch,
				      uint32_t payload_bytes)
{
	uint32_t tries = 0;
	for (uint32_t i = 0; i < batch; i++) {
		/* ck_ring takes what it copies from without const. */
		uint64_t *item = (uint64_t *)(uintptr_t)(items + i * (payload_bytes / 8));
		while (!push_one(s, item, payload_bytes))
			ring_idle(s->run->cell.wait, &tries);
	}
}

RING_ALWAYS_INLINE uint32_t peer_pop(struct ring_side *s, uint64_t *items, uint32_t batch,
				     uint32_t payload_bytes)
{
	uint32_t tries = 0;
	uint32_t n = 0;
	for (;;) {
		uint32_t finished = weir_ring_load_acquire(&s->run->finished);
		while (n < batch && pop_one(s, items + n * (payload_bytes / 8), payload_bytes)) {
			/* NULL is no item of a ring of pointers: one was added. */
			if (payload_bytes == 8)
				items[n]--;
			n++;
		}
		if (n > 0 || finished != 0)
			return n;
		ring_idle(s->run->cell.wait, &tries);
	}
}

static bool ck_has(const struct ring_cell *cell)
{
	return cell->shape != RING_MULTICAST;
}

static int ck_open(struct ring_run *run)
{
	size_t slot = run->cell.payload_bytes;
	struct ck_bench *b = aligned_alloc(128, wr_round_up(sizeof *b, 128));
	if (b == NULL)
		return -ENOMEM;
	b->buffer = aligned_alloc(128, wr_round_up(slot * run->cell.capacity, 128));
	if (b->buffer == NULL) {
		free(b);
		return -ENOMEM;
	}
	memset(b->buffer, 0, slot * run->cell.capacity);
	ck_ring_init(&b->ring, (unsigned)run->cell.capacity);
	run->ring = b;
	return 0;
}

static void ck_close(struct ring_run *run)
{
	struct ck_bench *b = run->ring;
	free(b->buffer);
	free(b);
}

static void ck_finish(struct ring_run *run)
{
	weir_ring_store_release(&run->finished, 1u);
}

extern const struct ring_peer ring_peer_ck;
const struct ring_peer ring_peer_ck = {
	.name = "ck_ring",
	.version = RING_PEER_VERSION,
	.package = "libck-dev",
	.flags = RING_PEER_FLAGS,
	.differs = "one slot less; batches are loops",
	.has = ck_has,
	.open = ck_open,
	.close = ck_close,
	.produce = loop_produce,
	.consume = loop_consume,
	.finish = ck_finish,
};
