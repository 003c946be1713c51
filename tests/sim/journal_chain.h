/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain over the batches of a simulated journal (core/record/chain.h): in one seed of three,
 * from one of its first lives on. What is there of it has to be one chain, whatever happened: it
 * begins once, each batch links to the one before, and each body is as it was sealed unless it says
 * that events have left.
 *
 * It is drawn of the seed alone, so that the other seeds of sim_journal stay as they were.
 */
#ifndef WR_SIM_JOURNAL_CHAIN_H
#define WR_SIM_JOURNAL_CHAIN_H

#include "tests/support/journal_rig.h"

struct journal_chain {
	bool is_on;         /* this seed */
	uint32_t from_life; /* the first one with the key */
	uint32_t life;      /* that is open, or was last */
	/* The walk. */
	const struct wr_chain_key *key;
	bool any; /* a batch was seen */
	bool has_link;
	uint8_t link[WR_CHAIN_LINK_BYTES];
	const char *wrong; /* what does not hold; NULL: nothing */
	uint64_t proven_count, begun_late_count;
};

void journal_chain_init(struct journal_chain *c, uint64_t seed);
/* Of the life that is opened next; once it is open, its number is to be counted. */
void journal_chain_options(const struct journal_chain *c, struct journal_rig_options *o);
/* Whether batches are linked by now: then only who has the key may write. */
bool journal_chain_is_there(const struct journal_chain *c);
/* A walk begins; and each of its batches, for wr_verify_visitor.any_batch. */
void journal_chain_begin(struct journal_chain *c, const struct journal_rig *rig);
void journal_chain_batch(struct journal_chain *c, const struct wr_batch_header *h);

#endif
