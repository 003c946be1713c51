/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch in a frame that is kept sparsely (packed.h): its header, then its records, each padded to
 * 8 bytes; of records that were left out (left_out.h) a run is one head of 24 bytes:
 *
 *   as the first of the run, but      bytes   of the whole run
 *                                     type    records less one
 *
 * Everything else of a run is zeros and heads that follow from this one. Pure functions.
 */
#ifndef WR_JOURNAL_SPARSE_H
#define WR_JOURNAL_SPARSE_H

#include "core/record/batch.h"

/* Of a whole batch that is good: into `to`, which has room for header and body; the bytes used. */
uint32_t wr_sparse_fold(const void *batch, uint8_t *to);

/*
 * The way back: the body of a batch whose header says how long it is, from the `from_bytes` that
 * stand behind the header in the frame; `body` has body_bytes. How many of them were used; 0: they
 * are not such a body. Whether it is the right one is for the body's checksum to say.
 */
uint32_t wr_sparse_unfold(const struct wr_batch_header *header, const uint8_t *from,
			  uint32_t from_bytes, uint8_t *body);

#endif
