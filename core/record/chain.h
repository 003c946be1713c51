/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain over commits that only who has the key can make: evidence of what was changed, removed,
 * put in or put elsewhere since (docs/guide/tamper-evidence.md). In the header of a batch:
 *
 *   features_may  WR_BATCH_LINKED, and WR_BATCH_LINK_BEGINS where nothing is known of a link before
 *   link          16 bytes: of the link before, and of all of this header but link and header_crc
 *   tag           12 bytes: of the body, and of the header but link, tag and header_crc
 *
 * Both are BLAKE2b under a key that belongs to this journal and log. The link needs no body: so the
 * chain can be followed through batches that events have left since (core/record/left_out.h), whose
 * tags come out wrong and whose headers are what they were.
 *
 * Threads: any; a key is not changed. Pure functions.
 */
#ifndef WR_RECORD_CHAIN_H
#define WR_RECORD_CHAIN_H

#include "core/base/blake2b.h"
#include "core/record/batch.h"

#define WR_CHAIN_SECRET_MIN 32u
#define WR_CHAIN_SECRET_MAX 64u

/* What the user's file holds. */
struct wr_chain_secret {
	uint32_t count; /* WR_CHAIN_SECRET_MIN … _MAX */
	uint8_t bytes[WR_CHAIN_SECRET_MAX];
};

struct wr_chain_key {
	/* Begun under this journal's key: a copy is fed. */
	struct wr_blake2b link;
	struct wr_blake2b tag;
	uint8_t check[WR_CHAIN_LINK_BYTES]; /* tells this key from others; says nothing of it */
};

void wr_chain_key_make(struct wr_chain_key *key, const struct wr_chain_secret *secret,
		       const uint8_t uuid[WR_UUID_BYTES], uint32_t log_id);

/*
 * Of a batch whose header is filled in but for header_crc, and whose body is there: sets features,
 * tag and link. `before`: the link of the batch before; NULL: it begins.
 */
void wr_chain_seal(const struct wr_chain_key *key, const uint8_t *before, void *batch);

/* `before`: as in wr_chain_seal(), where the batch does not say that it begins. */
bool wr_chain_link_is_good(const struct wr_chain_key *key, const uint8_t *before,
			   const struct wr_batch_header *header);
/* Whether the body, and the header but its link, are as they were sealed. */
bool wr_chain_tag_is_good(const struct wr_chain_key *key, const void *batch);

#endif
