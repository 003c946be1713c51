/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boost::lockfree::queue with fixed_sized: nodes in one array, linked by 16-bit numbers, so that
 * there are at most 65534. It has no batches.
 */
#include <algorithm>
#include <boost/lockfree/queue.hpp>

#include "bench/ring.h"

namespace
{

constexpr uint64_t nodes_max = 65534;

template <typename T> class contender
{
	boost::lockfree::queue<T, boost::lockfree::fixed_sized<true>> queue;

      public:
	explicit contender(const ring_cell &cell) : queue(std::min(cell.capacity, nodes_max))
	{
	}

	RING_PEER_INLINE uint32_t push(uint32_t, const T *items, uint32_t n)
	{
		uint32_t i = 0;
		while (i < n && queue.push(items[i]))
			i++;
		return i;
	}

	RING_PEER_INLINE uint32_t pop(uint32_t, T *items, uint32_t n_max)
	{
		uint32_t i = 0;
		while (i < n_max && queue.pop(items[i]))
			i++;
		return i;
	}
};

} // namespace

#include "bench/peers/adapter.hpp"

RING_ADAPTER(boost_queue, "boost::lockfree::queue", "libboost-dev", RING_SHAPES_SHARING,
	     "nodes, at most 65534; batches are loops")
