/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deaod::spsc_queue. Its capacity is a constant: other cells are not for it. Items are taken by
 * consume_all(), which keeps the one at which it is told to stop.
 */
#include <cstring>
#include <deaod/spsc_queue.hpp>

#include "bench/ring.h"

#define DEAOD_CAPACITY 65536u
#define RING_ADAPTER_HAS(cell) ((cell).capacity == DEAOD_CAPACITY)

namespace
{

template <typename T> class contender
{
	deaod::spsc_queue<T, DEAOD_CAPACITY> queue;

      public:
	explicit contender(const ring_cell &)
	{
	}

	RING_PEER_INLINE uint32_t push(uint32_t, const T *items, uint32_t n)
	{
		return n == 1 ? queue.push(*items) : static_cast<uint32_t>(queue.write(n, items));
	}

	RING_PEER_INLINE uint32_t pop(uint32_t, T *items, uint32_t n_max)
	{
		if (n_max == 1)
			return queue.pop(*items);
		uint32_t i = 0;
		queue.consume_all([&](T *item) {
			if (i == n_max)
				return false;
			items[i++] = *item;
			return true;
		});
		return i;
	}
};

} // namespace

#include "bench/peers/adapter.hpp"

RING_ADAPTER(deaod, "deaod::spsc_queue", "deaod/spsc_queue.hpp", RING_SHAPES_ONE_TO_ONE,
	     "one slot less; of 65536 slots only")
