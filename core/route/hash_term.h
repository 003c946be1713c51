/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash terms: a share of a ring's keys, after RabbitMQ's consistent-hash exchange. The pattern is a
 * JSON object:
 *
 *   {"ring": "workers", "weight": 2, "hash-header": "tenant"}
 *
 * Who holds a term of one ring is a member of it. A key goes to the member with the smallest
 * -log2(u) / weight, where u is drawn from (0, 1] by a hash of the key and the member's id: the
 * weighted form of highest random weight hashing (rendezvous). So each member has its share, and
 * when one comes or goes only what it gets, or had, moves. All of it is in integers, so that every
 * machine says the same.
 *
 * Thread: any. Pure functions.
 */
#ifndef WR_ROUTE_HASH_TERM_H
#define WR_ROUTE_HASH_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#define WR_RING_NAME_BYTES_MAX 200u
#define WR_RING_HEADER_BYTES_MAX 255u
#define WR_RING_WEIGHT_MAX 1000u

enum wr_hash_by {
	WR_HASH_KEY, /* the event's key; without one as if it were empty */
	WR_HASH_HEADER,
	WR_HASH_EVENT_ID,
	WR_HASH_CORRELATION_ID,
};

struct wr_hash_term {
	char ring[WR_RING_NAME_BYTES_MAX];
	char header[WR_RING_HEADER_BYTES_MAX];
	uint32_t ring_bytes, header_bytes;
	uint32_t weight;
	enum wr_hash_by by;
};

/* 0, or -EINVAL and the problem, as weir_filter_create() says it. */
int wr_hash_term_read(const void *pattern, size_t pattern_bytes, struct wr_hash_term *ret_term,
		      struct weir_problem *problem);
/* Whether they are members of one ring; the same ring may be hashed by one thing only. */
bool wr_hash_term_same_ring(const struct wr_hash_term *a, const struct wr_hash_term *b);
bool wr_hash_term_same_by(const struct wr_hash_term *a, const struct wr_hash_term *b);

/* Of a member: of its ring and its own id, once. */
uint64_t wr_hash_of_member(const struct wr_hash_term *term, uint32_t subscription);
/* Of what of an event is hashed. */
uint64_t wr_hash_of_event(const void *bytes, size_t count);

/* log2 of 1 to 2 in 256 steps, times 2^32. */
#define WR_LOG_STEPS 256u
void wr_hash_logs(uint64_t ret_logs[WR_LOG_STEPS + 1]);
/* -log2(u) times 2^32, of both hashes. The smallest by weight has the key: a * w_b < b * w_a. */
uint64_t wr_hash_distance(const uint64_t logs[WR_LOG_STEPS + 1], uint64_t event, uint64_t member);

#endif
