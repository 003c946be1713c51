/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moodycamel::ConcurrentQueue with a token for each producer and consumer, and its bulk calls; one
 * producer's items are taken by that producer's token, which its header calls significantly faster.
 *
 * It is unbounded, and blocks stay with the producer that filled them once. So each producer's
 * share of the capacity is filled and emptied before the run; during it, try_enqueue() allocates
 * nothing and gets room in its own blocks only.
 */
#include <algorithm>
#include <concurrentqueue/concurrentqueue.h>
#include <memory>
#include <vector>

#include "bench/ring.h"

namespace
{

template <typename T> class contender
{
	using queue_type = moodycamel::ConcurrentQueue<T>;
	struct alignas(128) producer {
		moodycamel::ProducerToken token;
	};
	struct alignas(128) consumer {
		moodycamel::ConsumerToken token;
	};

	queue_type queue;
	std::vector<std::unique_ptr<producer>> producers;
	std::vector<std::unique_ptr<consumer>> consumers;
	bool one_producer;
	uint32_t piece; /* what a share has room for whatever lies in it */

      public:
	explicit contender(const ring_cell &cell)
	    : queue(cell.capacity), one_producer(cell.producers == 1)
	{
		uint64_t share = cell.capacity / cell.producers;
		std::vector<T> items(share);
		piece = static_cast<uint32_t>(std::max<uint64_t>(share / 2, 1));
		for (uint32_t i = 0; i < cell.producers; i++) {
			producers.emplace_back(new producer{moodycamel::ProducerToken(queue)});
			if (!queue.enqueue_bulk(producers[i]->token, items.data(), share))
				throw std::bad_alloc();
			while (queue.try_dequeue_bulk_from_producer(producers[i]->token,
								    items.data(), share) > 0)
				;
		}
		for (uint32_t i = 0; i < cell.consumers; i++)
			consumers.emplace_back(new consumer{moodycamel::ConsumerToken(queue)});
	}

	RING_PEER_INLINE uint32_t push(uint32_t who, const T *items, uint32_t n)
	{
		auto &token = producers[who]->token;
		if (n == 1)
			return queue.try_enqueue(token, *items);
		n = std::min(n, piece);
		return queue.try_enqueue_bulk(token, items, n) ? n : 0;
	}

	RING_PEER_INLINE uint32_t pop(uint32_t who, T *items, uint32_t n_max)
	{
		if (one_producer) {
			auto &token = producers[0]->token;
			return n_max == 1
				       ? queue.try_dequeue_from_producer(token, *items)
				       : static_cast<uint32_t>(queue.try_dequeue_bulk_from_producer(
						 token, items, n_max));
		}
		auto &token = consumers[who]->token;
		return n_max == 1
			       ? queue.try_dequeue(token, *items)
			       : static_cast<uint32_t>(queue.try_dequeue_bulk(token, items, n_max));
	}
};

} // namespace

#define RING_ADAPTER_BY_PRODUCER true
#include "bench/peers/adapter.hpp"

RING_ADAPTER(concurrent_queue, "ConcurrentQueue", "libconcurrentqueue-dev", RING_SHAPES_SHARING,
	     "a queue of its own for each producer, with its share of the capacity")
