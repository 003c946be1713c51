/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages and rings of a file, looked at together: who feeds whom with how many workers, and which
 * ring of weir/ring.h that is. Pure functions of the values; names that are not there count as
 * nobody.
 *
 * Thread: any.
 */
#ifndef WR_CONFIG_RINGS_H
#define WR_CONFIG_RINGS_H

#include <weir/ring.h>

#include "io/config/values.h"

/* The index of a stage; their count: there is none of this name. */
uint32_t wr_config_find_stage(const struct wr_config_values *values, const char *name);
uint32_t wr_config_workers(const struct wr_config_values *values, const char *name);

/* Workers that push into a ring. */
uint32_t wr_config_feeders(const struct wr_config_values *values,
			   const struct wr_config_ring *ring);

/* Never AUTO: what fits the workers on both sides, unless the file says it. */
enum wr_config_shape wr_config_shape(const struct wr_config_values *values,
				     const struct wr_config_ring *ring);

void wr_config_ring_options(const struct wr_config_values *values,
			    const struct wr_config_ring *ring,
			    struct weir_ring_options *ret_options);

/* What all of them take, in whole pages. */
struct wr_config_rings_memory {
	uint32_t count;
	uint64_t bytes;
	uint64_t huge_bytes; /* of these in pages that are set aside */
};

void wr_config_rings_memory(const struct wr_config_values *values,
			    struct wr_config_rings_memory *ret_memory);

#endif
