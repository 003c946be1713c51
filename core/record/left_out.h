/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that were left out of a batch after it was acknowledged (compaction, erase, retention of
 * a topic): each is replaced, where it stands, by a record that says so and has nothing of it but
 * its topic and its time. So every sequence still has its record, at its index, and no header
 * changes; and one word of what was replaced, the balance, is chosen such that the body has the
 * checksum with which it was acknowledged (docs/design/what-was-left-out-is-stated.md).
 *
 *   kind       WR_KIND_LEFT_OUT
 *   flags      why: enum wr_left_out
 *   topic      of the event, time_delta_us: of it, or of an earlier one of the same run
 *   key_hash   the balance, in one of a batch; else 0
 *   and zeros: no key, no option, no type; the rest of its bytes, too
 *
 * Of neighbours with one topic and one reason (a run) all but the last have 24 bytes, and the last
 * has the others: so a run is told in one head (core/journal/sparse.h). Pure functions.
 */
#ifndef WR_RECORD_LEFT_OUT_H
#define WR_RECORD_LEFT_OUT_H

#include "core/record/batch.h"
#include "core/record/record.h"

enum wr_left_out {
	WR_LEFT_OUT_NOT = 0,
	WR_LEFT_OUT_COMPACTED = 1, /* a later event of its key stays */
	WR_LEFT_OUT_ERASED = 2,    /* its key was erased */
	WR_LEFT_OUT_RETIRED = 3,   /* its topic's retention had passed it */
};

/* Whether two neighbours are of one run. */
static inline bool wr_left_out_goes_on(const struct wr_record *a, const struct wr_record *b)
{
	return a->kind == WR_KIND_LEFT_OUT && b->kind == WR_KIND_LEFT_OUT && a->topic == b->topic &&
	       a->flags == b->flags;
}

/* Whether a record of this kind has in its head what weir puts there. */
static inline bool wr_left_out_is_sound(const struct wr_record *r)
{
	return r->key_bytes == 0 && r->option_bytes == 0 && r->type == 0 &&
	       r->bytes % WR_RECORD_ALIGN == 0 && r->flags >= WR_LEFT_OUT_COMPACTED &&
	       r->flags <= WR_LEFT_OUT_RETIRED;
}

/* The record says from now on that it was left out; all of it but that is zero. */
void wr_left_out_put(struct wr_record *r, enum wr_left_out why);

/*
 * After some records of a batch that was good were replaced: puts each run into its shape, and the
 * balance into the first record that was left out. The batch is good again, with the header that it
 * had. False: none of its records is left out.
 */
bool wr_left_out_settle(void *batch, const uint8_t uuid[WR_UUID_BYTES]);

/* Of a batch whose records fill it: how many were left out. */
uint32_t wr_left_out_count(const void *batch);

#endif
