/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key is to be erased: the record of it. Not the key is in it but its keyed hash, with the secret
 * of this journal's erasures, which the first of them brings along.
 *
 *   kind       WR_KIND_ERASE
 *   topic      of the events that go; WR_ERASE_ALL_TOPICS: of all
 *   payload     0  secret, 16 bytes: of the hash; the same in all of them
 *              16  hash, 16 bytes: SipHash-2-4-128 of the key; 0 in a mark
 *              32  u64: erasures up to this sequence were done when this one was asked for, and
 *                  need not be remembered any more
 *              40  u32: 0: a key; 1: a mark, which erases nothing: it stands first in a segment
 *                  that was begun so that the one before it can be written anew
 *              44  u32 zero
 *
 * What is erased has a sequence below the record's. Pure functions.
 */
#ifndef WR_RECORD_ERASE_H
#define WR_RECORD_ERASE_H

#include "core/record/record.h"

#define WR_ERASE_ALL_TOPICS UINT32_MAX
#define WR_ERASE_SECRET_BYTES 16u
#define WR_ERASE_BYTES 48u

struct wr_erase {
	uint8_t secret[WR_ERASE_SECRET_BYTES];
	uint64_t hash[2];
	uint64_t done_seq;
	bool is_mark;
};

/* The payload, at `to`: WR_ERASE_BYTES. */
void wr_erase_put(const struct wr_erase *erase, uint8_t *to);
/* False: malformed. */
bool wr_erase_read(const struct wr_record_view *view, struct wr_erase *ret_erase);

#endif
