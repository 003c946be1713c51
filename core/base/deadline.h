/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of waits, on a clock in nanoseconds: UINT64_MAX is never, and what would lie behind it. */
#ifndef WR_BASE_DEADLINE_H
#define WR_BASE_DEADLINE_H

#include <stdint.h>

/* timeout_ns UINT64_MAX: never. */
static inline uint64_t wr_deadline_ns(uint64_t now_ns, uint64_t timeout_ns)
{
	return timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;
}

/* 0: it is past; UINT64_MAX: it never comes. */
static inline uint64_t wr_left_ns(uint64_t deadline_ns, uint64_t now_ns)
{
	if (deadline_ns == UINT64_MAX)
		return UINT64_MAX;
	return now_ns < deadline_ns ? deadline_ns - now_ns : 0;
}

#endif
