/* SPDX-License-Identifier: Apache-2.0 */
/*
 * max0x7ba's atomic_queue by push() and pop(), which it says are faster than those that try: each
 * side looks at how many there are once and then does so many. The order of each producer's items is
 * promised in its ordered mode, which has no try: so not where consumers share, since one could wait
 * in pop() for an item that never comes. It has no batches.
 */
#include <algorithm>
#include <atomic_queue/atomic_queue.h>
#include <memory>

#include "bench/ring.h"

namespace
{

/* Items in atomics; the list of parameters had one more value from some version on. */
template <bool SPSC, typename T, template <class, class, T, bool, bool, bool> class QUEUE>
QUEUE<T, std::allocator<T>, T{}, true, true, SPSC> *atomic_items(int);
template <bool SPSC, typename T, template <class, class, T, T, bool, bool, bool> class QUEUE>
QUEUE<T, std::allocator<T>, T{}, T{} - 1, true, true, SPSC> *atomic_items(int);

template <typename T, bool SPSC> struct queue_of {
	using type = atomic_queue::AtomicQueueB2<T, std::allocator<T>, true, true, SPSC>;
	static constexpr uint64_t add = 0;
};

template <bool SPSC> struct queue_of<uint64_t, SPSC> {
	using type = std::remove_pointer_t<
		decltype(atomic_items<SPSC, uint64_t, atomic_queue::AtomicQueueB>(0))>;
	static constexpr uint64_t add = 1; /* 0 is no item */
};

template <typename T, bool SPSC> struct ring_of {
	using kind = queue_of<T, SPSC>;
	typename kind::type queue;

	explicit ring_of(unsigned slots) : queue(slots)
	{
	}

	RING_PEER_INLINE void push(const T &item)
	{
		if constexpr (kind::add != 0)
			queue.push(item + kind::add);
		else
			queue.push(item);
	}

	RING_PEER_INLINE void pop(T &item)
	{
		if constexpr (kind::add != 0)
			item = queue.pop() - kind::add;
		else
			item = queue.pop();
	}
};

template <typename T> class contender
{
	std::unique_ptr<ring_of<T, true>> one;
	std::unique_ptr<ring_of<T, false>> many;
	alignas(128) uint32_t room = 0; /* one producer's */
	alignas(128) uint32_t there = 0;

	template <typename RING>
	RING_PEER_INLINE uint32_t pop_from(RING &ring, T *items, uint32_t n_max)
	{
		if (there == 0)
			there = static_cast<uint32_t>(ring.queue.was_size());
		uint32_t n = std::min(n_max, there);
		there -= n;
		for (uint32_t i = 0; i < n; i++)
			ring.pop(items[i]);
		return n;
	}

      public:
	explicit contender(const ring_cell &cell)
	{
		unsigned slots = static_cast<unsigned>(cell.capacity);
		if (cell.producers == 1)
			one = std::make_unique<ring_of<T, true>>(slots);
		else
			many = std::make_unique<ring_of<T, false>>(slots);
	}

	RING_PEER_INLINE uint32_t push(uint32_t, const T *items, uint32_t n)
	{
		if (one == nullptr) {
			if (many->queue.was_full())
				return 0;
			for (uint32_t i = 0; i < n; i++)
				many->push(items[i]);
			return n;
		}
		if (room == 0)
			room = static_cast<uint32_t>(one->queue.capacity() - one->queue.was_size());
		n = std::min(n, room);
		room -= n;
		for (uint32_t i = 0; i < n; i++)
			one->push(items[i]);
		return n;
	}

	RING_PEER_INLINE uint32_t pop(uint32_t, T *items, uint32_t n_max)
	{
		return one != nullptr ? pop_from(*one, items, n_max)
				      : pop_from(*many, items, n_max);
	}
};

} // namespace

#include "bench/peers/adapter.hpp"

RING_ADAPTER(atomic_queue, "atomic_queue", "atomic_queue/atomic_queue.h",
	     RING_SHAPE_BIT(RING_SPSC) | RING_SHAPE_BIT(RING_MPSC), "batches are loops")
