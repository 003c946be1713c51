/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out when a test says so: wraps another struct wr_memory, or the C library, and
 * lets the k-th request (or all from the k-th on) fail. Sweeping k over an open proves that each
 * failure is returned and that nothing leaks: live_count is 0 after close.
 *
 * Without a memory below, map_pool gives one plain block with both views on it, and map_ring is
 * -ENOTSUP: two mappings of the same pages need the system.
 */
#ifndef WR_SIM_MEMORY_SIM_H
#define WR_SIM_MEMORY_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/port/memory.h"

struct wr_memory_sim {
	struct wr_memory base;
	struct wr_memory *below; /* NULL: the C library */
	uint64_t request_count;  /* alloc, map_ring and map_pool, failed ones included */
	uint64_t live_count;     /* granted and not given back */
	uint64_t fail_at;        /* this request fails, counted from 1; 0: none */
	bool fail_on;            /* and all after it */
};

void wr_memory_sim_init(struct wr_memory_sim *sim, struct wr_memory *below);
/* From now on the k-th request (from 1) fails, and with `on` all later ones; 0 turns it off. */
void wr_memory_sim_fail(struct wr_memory_sim *sim, uint64_t k, bool on);

#endif
