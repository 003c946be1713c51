/* SPDX-License-Identifier: Apache-2.0 */
/* rigtorp::SPSCQueue. It has no batches. */
#include <rigtorp/SPSCQueue.h>

#include "bench/ring.h"

namespace
{

template <typename T> class contender
{
	rigtorp::SPSCQueue<T> queue;

      public:
	explicit contender(const ring_cell &cell) : queue(cell.capacity)
	{
	}

	RING_PEER_INLINE uint32_t push(uint32_t, const T *items, uint32_t n)
	{
		uint32_t i = 0;
		while (i < n && queue.try_push(items[i]))
			i++;
		return i;
	}

	RING_PEER_INLINE uint32_t pop(uint32_t, T *items, uint32_t n_max)
	{
		uint32_t i = 0;
		for (T *front; i < n_max && (front = queue.front()) != nullptr; i++) {
			items[i] = *front;
			queue.pop();
		}
		return i;
	}
};

} // namespace

#include "bench/peers/adapter.hpp"

RING_ADAPTER(rigtorp_spsc, "rigtorp::SPSCQueue", "rigtorp/SPSCQueue.h", RING_SHAPES_ONE_TO_ONE,
	     "batches are loops")
