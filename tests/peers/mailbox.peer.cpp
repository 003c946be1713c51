/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter of a ring that a user brings along (-Dpeers_dir=tests/peers): all that it takes. */
#include "mailbox.hpp"

#include "bench/ring.h"

namespace
{

template <typename T> class contender
{
	mailbox::ring<T> queue;

      public:
	explicit contender(const ring_cell &cell) : queue(cell.capacity)
	{
	}

	RING_PEER_INLINE uint32_t push(uint32_t, const T *items, uint32_t n)
	{
		uint32_t i = 0;
		while (i < n && queue.put(items[i]))
			i++;
		return i;
	}

	RING_PEER_INLINE uint32_t pop(uint32_t, T *items, uint32_t n_max)
	{
		uint32_t i = 0;
		while (i < n_max && queue.get(items[i]))
			i++;
		return i;
	}
};

} // namespace

#include "bench/peers/adapter.hpp"

RING_ADAPTER(mailbox, "mailbox", "tests/peers", RING_SHAPES_ONE_TO_ONE, "batches are loops")
