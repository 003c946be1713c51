/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DPDK's rte_ring as a contender of bench/ring.h: items inlined by the _elem calls, in bursts. No
 * environment is started: the ring lies in memory of this process.
 *
 * Compiled three times (bench/meson.build): RING_DPDK_SYNC is what many producers or consumers do
 * to each other, mp/mc of the default, or the RTS and HTS that its guide recommends where threads
 * are more than CPUs. One producer or consumer is always sp/sc.
 *
 * Thread: as there.
 */
#include <errno.h>
#include <rte_ring.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ring.h"

#define DPDK_DEFAULT 0
#define DPDK_RTS 1
#define DPDK_HTS 2

#if RING_DPDK_SYNC == DPDK_RTS
#define DPDK_KEY ring_peer_dpdk_rts
#define DPDK_NAME "rte_ring (RTS)"
#define DPDK_PUSH_MANY rte_ring_mp_rts_enqueue_burst_elem
#define DPDK_POP_MANY rte_ring_mc_rts_dequeue_burst_elem
#define DPDK_FLAGS_MANY_PUSH RING_F_MP_RTS_ENQ
#define DPDK_FLAGS_MANY_POP RING_F_MC_RTS_DEQ
#elif RING_DPDK_SYNC == DPDK_HTS
#define DPDK_KEY ring_peer_dpdk_hts
#define DPDK_NAME "rte_ring (HTS)"
#define DPDK_PUSH_MANY rte_ring_mp_hts_enqueue_burst_elem
#define DPDK_POP_MANY rte_ring_mc_hts_dequeue_burst_elem
#define DPDK_FLAGS_MANY_PUSH RING_F_MP_HTS_ENQ
#define DPDK_FLAGS_MANY_POP RING_F_MC_HTS_DEQ
#else
#define DPDK_KEY ring_peer_dpdk
#define DPDK_NAME "rte_ring"
#define DPDK_PUSH_MANY rte_ring_mp_enqueue_burst_elem
#define DPDK_POP_MANY rte_ring_mc_dequeue_burst_elem
#define DPDK_FLAGS_MANY_PUSH 0u
#define DPDK_FLAGS_MANY_POP 0u
#endif

static bool many_push(const struct ring_cell *cell)
{
	return cell->shape == RING_MPSC || cell->shape == RING_MPMC;
}

static bool many_pop(const struct ring_cell *cell)
{
	return cell->shape == RING_SPMC || cell->shape == RING_MPMC;
}

RING_ALWAYS_INLINE void peer_push_all(struct ring_side *s, const uint64_t *items, uint32_t batch,
				      uint32_t payload_bytes);
RING_ALWAYS_INLINE uint32_t peer_pop(struct ring_side *s, uint64_t *items, uint32_t batch,
				     uint32_t payload_bytes);

#include "bench/ring_loop.h"

RING_ALWAYS_INLINE void peer_push_all(struct ring_side *s, const uint64_t *items, uint32_t batch,
				      uint32_t payload_bytes)
{
	struct rte_ring *r = s->run->ring;
	bool many = many_push(&s->run->cell);
	uint32_t tries = 0;
	uint32_t done = 0;
	for (;;) {
		const uint64_t *rest = items + done * (payload_bytes / 8);
		done += many ? DPDK_PUSH_MANY(r, rest, payload_bytes, batch - done, NULL)
			     : rte_ring_sp_enqueue_burst_elem(r, rest, payload_bytes, batch - done,
							      NULL);
		if (done == batch)
			return;
		ring_idle(s->run->cell.wait, &tries);
	}
}

RING_ALWAYS_INLINE uint32_t peer_pop(struct ring_side *s, uint64_t *items, uint32_t batch,
				     uint32_t payload_bytes)
{
	struct rte_ring *r = s->run->ring;
	bool many = many_pop(&s->run->cell);
	uint32_t tries = 0;
	for (;;) {
		uint32_t finished = weir_ring_load_acquire(&s->run->finished);
		uint32_t n =
			many ? DPDK_POP_MANY(r, items, payload_bytes, batch, NULL)
			     : rte_ring_sc_dequeue_burst_elem(r, items, payload_bytes, batch, NULL);
		if (n > 0 || finished != 0)
			return n;
		ring_idle(s->run->cell.wait, &tries);
	}
}

static bool dpdk_has(const struct ring_cell *cell)
{
	bool many = many_push(cell) || many_pop(cell);
	return cell->shape != RING_MULTICAST && (many || RING_DPDK_SYNC == DPDK_DEFAULT);
}

static int dpdk_open(struct ring_run *run)
{
	const struct ring_cell *cell = &run->cell;
	unsigned flags = (many_push(cell) ? DPDK_FLAGS_MANY_PUSH : RING_F_SP_ENQ) |
			 (many_pop(cell) ? DPDK_FLAGS_MANY_POP : RING_F_SC_DEQ);
	ssize_t bytes = rte_ring_get_memsize_elem(cell->payload_bytes, (unsigned)cell->capacity);
	if (bytes < 0)
		return (int)bytes;
	struct rte_ring *r = aligned_alloc(128, wr_round_up((uint64_t)bytes, 128));
	if (r == NULL)
		return -ENOMEM;
	memset(r, 0, (size_t)bytes);
	int code = rte_ring_init(r, "weir", (unsigned)cell->capacity, flags);
	if (code < 0) {
		free(r);
		return code;
	}
	run->ring = r;
	return 0;
}

static void dpdk_close(struct ring_run *run)
{
	free(run->ring);
}

static void dpdk_finish(struct ring_run *run)
{
	weir_ring_store_release(&run->finished, 1u);
}

extern const struct ring_peer DPDK_KEY;
const struct ring_peer DPDK_KEY = {
	.name = DPDK_NAME,
	.version = RING_PEER_VERSION,
	.package = "libdpdk-dev",
	.flags = RING_PEER_FLAGS,
	.differs = "one slot less",
	.has = dpdk_has,
	.open = dpdk_open,
	.close = dpdk_close,
	.produce = loop_produce,
	.consume = loop_consume,
	.finish = dpdk_finish,
};
