/* SPDX-License-Identifier: Apache-2.0 */
/* boost::lockfree::spsc_queue, with its pushes and pops of many. */
#include <boost/lockfree/spsc_queue.hpp>

#include "bench/ring.h"

namespace
{

template <typename T> class contender
{
	boost::lockfree::spsc_queue<T> queue;

      public:
	explicit contender(const ring_cell &cell) : queue(cell.capacity)
	{
	}

	RING_PEER_INLINE uint32_t push(uint32_t, const T *items, uint32_t n)
	{
		return n == 1 ? queue.push(*items) : static_cast<uint32_t>(queue.push(items, n));
	}

	RING_PEER_INLINE uint32_t pop(uint32_t, T *items, uint32_t n_max)
	{
		return n_max == 1 ? queue.pop(*items)
				  : static_cast<uint32_t>(queue.pop(items, n_max));
	}
};

} // namespace

#include "bench/peers/adapter.hpp"

RING_ADAPTER(boost_spsc, "boost::lockfree::spsc_queue", "libboost-dev", RING_SHAPES_ONE_TO_ONE,
	     nullptr)
