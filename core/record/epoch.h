/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first record of an epoch (WR_KIND_EPOCH_START): where its predecessor ended (L27). It makes
 * every byte behind that end something that never was in the log (R6), whatever its checksums say.
 *
 *   payload, little endian
 *     0 u64 end_segment_id   of the predecessor's last valid batch; 0: there was no batch
 *     8 u64 end_offset       where the next batch would have stood: the end of that batch and of
 *                            what it skipped
 *    16 u64 last_seq         the last sequence of the log before this epoch
 *    24 u32 header_crc       of the predecessor's last valid batch: this batch's chain
 *    28 u32 epoch            of the predecessor; 0: none
 *    32 u64 wall_us          wall clock at the start of the epoch (L17)
 *
 * A longer payload is fine: what comes behind is of a later version. Pure functions.
 */
#ifndef WR_RECORD_EPOCH_H
#define WR_RECORD_EPOCH_H

#include "core/record/batch.h"
#include "core/record/record.h"

#define WR_EPOCH_START_BYTES 40u

struct wr_epoch_start {
	uint64_t end_segment_id;
	uint64_t end_offset;
	uint64_t last_seq;
	uint32_t header_crc;
	uint32_t epoch;
	uint64_t wall_us;
};

static inline void wr_epoch_start_encode(const struct wr_epoch_start *start,
					 uint8_t to[WR_EPOCH_START_BYTES])
{
	wr_put_u64(to, start->end_segment_id);
	wr_put_u64(to + 8, start->end_offset);
	wr_put_u64(to + 16, start->last_seq);
	wr_put_u32(to + 24, start->header_crc);
	wr_put_u32(to + 28, start->epoch);
	wr_put_u64(to + 32, start->wall_us);
}

/* False when the payload is too short to be one. */
static inline bool wr_epoch_start_decode(const uint8_t *payload, uint32_t payload_bytes,
					 struct wr_epoch_start *ret_start)
{
	if (payload_bytes < WR_EPOCH_START_BYTES)
		return false;
	ret_start->end_segment_id = wr_get_u64(payload);
	ret_start->end_offset = wr_get_u64(payload + 8);
	ret_start->last_seq = wr_get_u64(payload + 16);
	ret_start->header_crc = wr_get_u32(payload + 24);
	ret_start->epoch = wr_get_u32(payload + 28);
	ret_start->wall_us = wr_get_u64(payload + 32);
	return true;
}

/* The same of a whole batch that was checked: does an epoch start with it? */
static inline bool wr_epoch_start_of(const void *batch, struct wr_epoch_start *ret_start)
{
	const struct wr_batch_header *h = batch;
	struct wr_record_view view;

	if (h->batch_kind != WR_BATCH_DATA ||
	    !wr_record_view((const uint8_t *)batch + WR_BATCH_HEADER_BYTES, h->body_bytes, &view))
		return false;
	return view.head->kind == WR_KIND_EPOCH_START &&
	       wr_epoch_start_decode(view.payload, view.payload_bytes, ret_start);
}

#endif
