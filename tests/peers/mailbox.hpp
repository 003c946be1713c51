/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest ring that a user could bring along: one producer, one consumer, two positions. */
#ifndef WEIR_TESTS_PEERS_MAILBOX_HPP
#define WEIR_TESTS_PEERS_MAILBOX_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mailbox
{

template <typename T> class ring
{
	std::vector<T> slots;
	alignas(128) std::atomic<uint64_t> head{0};
	alignas(128) std::atomic<uint64_t> tail{0};

      public:
	explicit ring(size_t capacity) : slots(capacity)
	{
	}

	bool put(const T &item)
	{
		uint64_t at = tail.load(std::memory_order_relaxed);
		if (at - head.load(std::memory_order_acquire) == slots.size())
			return false;
		slots[at % slots.size()] = item;
		tail.store(at + 1, std::memory_order_release);
		return true;
	}

	bool get(T &item)
	{
		uint64_t at = head.load(std::memory_order_relaxed);
		if (at == tail.load(std::memory_order_acquire))
			return false;
		item = slots[at % slots.size()];
		head.store(at + 1, std::memory_order_release);
		return true;
	}
};

} // namespace mailbox

#endif
