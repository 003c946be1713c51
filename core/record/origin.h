/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a copy of weir's own comes from: the value of its option ORIGIN (record.h), and behind it
 * the text of a rejection, if there is one.
 */
#ifndef WR_RECORD_ORIGIN_H
#define WR_RECORD_ORIGIN_H

#include <stdint.h>

struct wr_origin {
	uint64_t seq;
	uint32_t epoch;
	uint32_t log;
	uint32_t topic;
	uint32_t partition;
	uint32_t subscription;
	uint32_t attempts;
	uint32_t reason;
	uint32_t flags; /* WR_ORIGIN_* */
	uint64_t first_failed_us;
	uint64_t last_failed_us;
};
_Static_assert(sizeof(struct wr_origin) == 56, "packed");

#define WR_ORIGIN_BY_VERDICT 1u
#define WR_ORIGIN_PARKED 2u
#define WR_ORIGIN_EXPIRED 4u
#define WR_ORIGIN_OVERFLOWED 8u
#define WR_ORIGIN_UNROUTED 16u
#define WR_ORIGIN_BOUND 32u
#define WR_ORIGIN_UNTRANSFORMED 64u

#endif
