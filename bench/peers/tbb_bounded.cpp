/* SPDX-License-Identifier: Apache-2.0 */
/* oneTBB's concurrent_bounded_queue by try_push() and try_pop(). It has no batches. */
#include <oneapi/tbb/concurrent_queue.h>

#include "bench/ring.h"

namespace
{

template <typename T> class contender
{
	oneapi::tbb::concurrent_bounded_queue<T> queue;

      public:
	explicit contender(const ring_cell &cell)
	{
		queue.set_capacity(static_cast<std::ptrdiff_t>(cell.capacity));
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

RING_ADAPTER(tbb_bounded, "tbb::concurrent_bounded_queue", "libtbb-dev", RING_SHAPES_SHARING,
	     "pages that it allocates as it goes; batches are loops")
