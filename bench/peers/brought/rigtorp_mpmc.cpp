/* SPDX-License-Identifier: Apache-2.0 */
/* rigtorp::MPMCQueue. It has no batches. */
#include <rigtorp/MPMCQueue.h>

#include "bench/ring.h"

namespace
{

template <typename T> class contender
{
	rigtorp::MPMCQueue<T> queue;

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
		while (i < n_max && queue.try_pop(items[i]))
			i++;
		return i;
	}
};

} // namespace

#include "bench/peers/adapter.hpp"

RING_ADAPTER(rigtorp_mpmc, "rigtorp::MPMCQueue", "rigtorp/MPMCQueue.h", RING_SHAPES_SHARING,
	     "a slot takes whole cache lines; batches are loops")
