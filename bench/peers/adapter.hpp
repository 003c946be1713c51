/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an adapter of a peer in C++ needs: the loops of bench/ring_loop.h around its push and pop,
 * memory, and its entry in the table of contenders. An adapter
 *
 *   1. includes the peer's header and bench/ring.h;
 *   2. defines, in a namespace without a name,
 *
 *        template <typename T> class contender {
 *          public:
 *            explicit contender(const ring_cell &cell);                        may throw
 *            RING_PEER_INLINE uint32_t push(uint32_t who, const T *items, uint32_t n);
 *            RING_PEER_INLINE uint32_t pop(uint32_t who, T *items, uint32_t n_max);
 *        };
 *
 *      where push() puts as many of n items as there is room for and says how many, pop() gets what
 *      is there, `who` is the number of the producer or consumer, and neither waits. T is uint64_t,
 *      or 64 or 256 bytes aligned to 64, trivial to copy. n and n_max are constants when inlined;
 *   3. includes this file, and
 *   4. ends in RING_ADAPTER(key, name, package, shapes, differs), where shapes is what the peer is
 *      made for: a sum of RING_SHAPE_BIT(RING_SPSC) and so on.
 *
 * Before 3 it may define RING_ADAPTER_HAS(cell), a condition on cells, and with it
 * RING_ADAPTER_PAYLOAD_MAX, 8 or 64: its contender is then made for no larger item. It defines
 * RING_ADAPTER_BY_PRODUCER as true where the peer keeps the order of each producer's items and none
 * among producers: it is then compared with weir's fan.
 *
 * RING_PEER_VERSION and RING_PEER_FLAGS are given by the build. Thread: as in bench/ring.h.
 */
#ifndef WEIR_BENCH_PEERS_ADAPTER_HPP
#define WEIR_BENCH_PEERS_ADAPTER_HPP

#include <cerrno>
#include <cstdint>
#include <new>
#include <type_traits>

#include "bench/ring.h"

#ifndef RING_ADAPTER_PAYLOAD_MAX
#define RING_ADAPTER_PAYLOAD_MAX RING_PAYLOAD_MAX
#endif
#ifndef RING_ADAPTER_BY_PRODUCER
#define RING_ADAPTER_BY_PRODUCER false
#endif
#ifndef RING_ADAPTER_HAS
#define RING_ADAPTER_HAS(cell) true
#endif
/* Larger items are never asked for: RING_ADAPTER_HAS() says so. */
#define ADAPTER_BYTES(bytes) ((bytes) <= RING_ADAPTER_PAYLOAD_MAX ? (bytes) : 8)

namespace
{

template <uint32_t BYTES> struct alignas(64) ring_item {
	uint64_t words[BYTES / 8];
};
template <uint32_t BYTES>
using ring_payload = std::conditional_t<BYTES == 8, uint64_t, ring_item<BYTES>>;

} // namespace

RING_ALWAYS_INLINE void peer_push_all(struct ring_side *s, const uint64_t *items, uint32_t batch,
				      uint32_t payload_bytes);
RING_ALWAYS_INLINE uint32_t peer_pop(struct ring_side *s, uint64_t *items, uint32_t batch,
				     uint32_t payload_bytes);

#include "bench/ring_loop.h"

template <uint32_t BYTES>
RING_ALWAYS_INLINE void adapter_push(struct ring_side *s, const uint64_t *words, uint32_t batch)
{
	using T = ring_payload<BYTES>;
	auto *ring = static_cast<contender<T> *>(s->run->ring);
	auto *items = reinterpret_cast<const T *>(words);
	uint32_t done = ring->push(s->index, items, batch);
	uint32_t tries = 0;
	while (done < batch) {
		ring_idle(s->run->cell.wait, &tries);
		done += ring->push(s->index, items + done, batch - done);
	}
}

template <uint32_t BYTES>
RING_ALWAYS_INLINE uint32_t adapter_pop(struct ring_side *s, uint64_t *words, uint32_t batch)
{
	using T = ring_payload<BYTES>;
	auto *ring = static_cast<contender<T> *>(s->run->ring);
	auto *items = reinterpret_cast<T *>(words);
	uint32_t n = ring->pop(s->index, items, batch);
	uint32_t tries = 0;
	while (n == 0) {
		uint32_t finished = weir_ring_load_acquire(&s->run->finished);
		n = ring->pop(s->index, items, batch);
		if (n > 0 || finished != 0)
			break;
		ring_idle(s->run->cell.wait, &tries);
	}
	return n;
}

RING_ALWAYS_INLINE void peer_push_all(struct ring_side *s, const uint64_t *items, uint32_t batch,
				      uint32_t payload_bytes)
{
	if (payload_bytes == 8)
		adapter_push<8>(s, items, batch);
	else if (payload_bytes == 64)
		adapter_push<ADAPTER_BYTES(64)>(s, items, batch);
	else
		adapter_push<ADAPTER_BYTES(256)>(s, items, batch);
}

RING_ALWAYS_INLINE uint32_t peer_pop(struct ring_side *s, uint64_t *items, uint32_t batch,
				     uint32_t payload_bytes)
{
	if (payload_bytes == 8)
		return adapter_pop<8>(s, items, batch);
	if (payload_bytes == 64)
		return adapter_pop<ADAPTER_BYTES(64)>(s, items, batch);
	return adapter_pop<ADAPTER_BYTES(256)>(s, items, batch);
}

/* Filled and emptied once: no run pays for pages that were never touched. */
template <uint32_t BYTES> static void *adapter_make(const ring_cell &cell)
{
	using T = ring_payload<BYTES>;
	auto *ring = new contender<T>(cell);
	T item{};
	for (uint32_t who = 0; who < cell.producers; who++)
		while (ring->push(who, &item, 1) == 1)
			;
	while (ring->pop(0, &item, 1) == 1)
		;
	return ring;
}

static int adapter_open(struct ring_run *run)
{
	const ring_cell &cell = run->cell;
	try {
		run->ring = cell.payload_bytes == 8    ? adapter_make<8>(cell)
			    : cell.payload_bytes == 64 ? adapter_make<ADAPTER_BYTES(64)>(cell)
						       : adapter_make<ADAPTER_BYTES(256)>(cell);
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	} catch (...) {
		return -EINVAL;
	}
	return 0;
}

static void adapter_close(struct ring_run *run)
{
	if (run->cell.payload_bytes == 8)
		delete static_cast<contender<ring_payload<8>> *>(run->ring);
	else if (run->cell.payload_bytes == 64)
		delete static_cast<contender<ring_payload<ADAPTER_BYTES(64)>> *>(run->ring);
	else
		delete static_cast<contender<ring_payload<ADAPTER_BYTES(256)>> *>(run->ring);
}

static void adapter_finish(struct ring_run *run)
{
	weir_ring_store_release(&run->finished, 1u);
}

#define RING_ADAPTER(key, its_name, its_package, shapes, its_differs)                              \
	static bool adapter_has(const struct ring_cell *cell)                                      \
	{                                                                                          \
		return ((shapes)&RING_SHAPE_BIT(cell->shape)) != 0 && RING_ADAPTER_HAS(*cell);     \
	}                                                                                          \
	extern "C" {                                                                               \
	extern const struct ring_peer ring_peer_##key;                                             \
	const struct ring_peer ring_peer_##key = {                                                 \
		its_name,      RING_PEER_VERSION,                                                  \
		its_package,   RING_PEER_FLAGS,                                                    \
		its_differs,   adapter_has,                                                        \
		nullptr,       adapter_open,                                                       \
		adapter_close, loop_produce,                                                       \
		loop_consume,  adapter_finish,                                                     \
		nullptr,       RING_ADAPTER_BY_PRODUCER,                                           \
	};                                                                                         \
	}

#define RING_SHAPES_ONE_TO_ONE RING_SHAPE_BIT(RING_SPSC)
#define RING_SHAPES_SHARING                                                                        \
	(RING_SHAPE_BIT(RING_SPSC) | RING_SHAPE_BIT(RING_MPSC) | RING_SHAPE_BIT(RING_SPMC) |       \
	 RING_SHAPE_BIT(RING_MPMC))

#endif
