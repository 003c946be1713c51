/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults that are worse than what weir promises to survive: a write that is acknowledged and lost,
 * written elsewhere, or done again later; a sync that lies; a bit that rots. One strikes in the
 * last life of a seed. What is left has to be refused, or served as it was; a loss may go unnoticed
 * only where no header on the medium attests what is lost.
 */
#ifndef WR_SIM_JOURNAL_BEYOND_H
#define WR_SIM_JOURNAL_BEYOND_H

#include "io/sim/disk_sim.h"

#define JOURNAL_BEYOND_FAULTS 5u

/* No other fault from now on; which one, by its place in that list, from 0 on. */
uint32_t journal_beyond_arm(struct wr_sim_disk *disk, uint64_t seed);
/* How often it struck. */
uint64_t journal_beyond_taken(const struct wr_sim_disk *disk, uint32_t which);
/* A lie of each sync: nothing that was acknowledged may be there, and nobody can know. */
bool journal_beyond_is_lie(uint32_t which);
/* The highest sequence that a whole header on the medium says is durable: all blocks are tried. */
uint64_t journal_beyond_attested(const struct wr_sim_disk *disk, const uint8_t *uuid,
				 uint32_t log_id);

#endif
