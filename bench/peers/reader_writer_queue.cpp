/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moodycamel::ReaderWriterQueue: try_enqueue() into blocks that were made before, so that nothing
 * is allocated and the ring is bounded. It has no batches.
 */
#include <readerwriterqueue/readerwriterqueue.h>

#include "bench/ring.h"

namespace
{

template <typename T> class contender
{
	moodycamel::ReaderWriterQueue<T> queue;

      public:
	explicit contender(const ring_cell &cell) : queue(cell.capacity)
	{
	}

	RING_PEER_INLINE uint32_t push(uint32_t, const T *items, uint32_t n)
	{
		uint32_t i = 0;
		while (i < n && queue.try_enqueue(items[i]))
			i++;
		return i;
	}

	RING_PEER_INLINE uint32_t pop(uint32_t, T *items, uint32_t n_max)
	{
		uint32_t i = 0;
		while (i < n_max && queue.try_dequeue(items[i]))
			i++;
		return i;
	}
};

} // namespace

#include "bench/peers/adapter.hpp"

RING_ADAPTER(reader_writer_queue, "ReaderWriterQueue", "libreaderwriterqueue-dev",
	     RING_SHAPES_ONE_TO_ONE, "blocks, up to 512 slots more; batches are loops")
