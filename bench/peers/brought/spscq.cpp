/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spscq's two strongest, for words of 8 bytes: single items through the improved FastForward queue,
 * eight lines apart; batches through its queue of sections, which publishes once for each. It has
 * barriers for the compiler only: x86-64.
 */
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>

#include <spscq.h>

#include "bench/ring.h"

#define SPSCQ_LINES_BYTES 512u
#define RING_ADAPTER_PAYLOAD_MAX 8u
#define RING_ADAPTER_HAS(cell) ((cell).payload_bytes == 8)

namespace
{

template <typename T> class contender
{
	Iffq *single = nullptr;
	Blq *batches = nullptr;

      public:
	explicit contender(const ring_cell &cell)
	{
		unsigned slots = static_cast<unsigned>(cell.capacity);
		size_t bytes =
			cell.batch == 1 ? iffq_size(slots) : blq_size(static_cast<int>(slots));
		void *memory = std::aligned_alloc(ALIGN_SIZE, bytes);
		if (memory == nullptr)
			throw std::bad_alloc();
		std::memset(memory, 0, bytes);
		if (cell.batch == 1) {
			single = static_cast<Iffq *>(memory);
			(void)iffq_init(single, slots, SPSCQ_LINES_BYTES, 1);
		} else {
			batches = static_cast<Blq *>(memory);
			(void)blq_init(batches, static_cast<int>(slots));
		}
	}

	~contender()
	{
		std::free(single);
		std::free(batches);
	}

	/* No item is 0: one is added. */
	RING_PEER_INLINE uint32_t push(uint32_t, const T *items, uint32_t n)
	{
		if (n == 1 && single != nullptr)
			return iffq_insert(single, *items + 1) == 0;
		unsigned room = blq_wspace(batches);
		n = room < n ? room : n;
		for (uint32_t i = 0; i < n; i++)
			blq_write_local(batches, items[i]);
		if (n > 0)
			blq_write_publish(batches);
		return n;
	}

	RING_PEER_INLINE uint32_t pop(uint32_t, T *items, uint32_t n_max)
	{
		if (n_max == 1 && single != nullptr) {
			uintptr_t item = iffq_extract(single);
			*items = item - 1;
			iffq_clear(single);
			return item != 0;
		}
		unsigned there = blq_rspace(batches);
		n_max = there < n_max ? there : n_max;
		for (uint32_t i = 0; i < n_max; i++)
			items[i] = blq_read_local(batches);
		if (n_max > 0)
			blq_read_publish(batches);
		return n_max;
	}
};

} // namespace

#include "bench/peers/adapter.hpp"

RING_ADAPTER(spscq, "spscq", "spscq.h", RING_SHAPES_ONE_TO_ONE,
	     "words of 8 bytes only; some lines of slots less")
