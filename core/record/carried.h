/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carried event: one that is outstanding of a shared subscription and was copied further on, so
 * that the segment where it was can go (docs/design/copied-forward.md). It is the event still, with
 * the sequence that it had: only its bytes lie here. A record of its own kind, with the head, the
 * options, the key and the payload of the event; nobody takes it for an event.
 *
 *   option CARRIED  of which event it is the copy, its first option:
 *                     0  u64 sequence     8 u64 append time, µs
 *                    16  u32 epoch       20 u32 log
 *                    24  u32 subscription, of which it is outstanding    28 u32 zero
 *                    32  text of the rejection that counted last, 0 .. 200 bytes
 *
 * Pure functions.
 */
#ifndef WR_RECORD_CARRIED_H
#define WR_RECORD_CARRIED_H

#include "core/record/record.h"

#define WR_CARRIED_BYTES 32u
#define WR_CARRIED_TEXT_BYTES_MAX 200u
/*
 * So much larger than the event is its copy at most, but for the text: the option, and what aligns
 * the payload.
 */
#define WR_CARRIED_MORE_BYTES_MAX (WR_CARRIED_BYTES + WR_RECORD_ALIGN)

struct wr_carried {
	uint64_t seq;
	uint64_t append_us;
	uint32_t epoch;
	uint32_t log;
	uint32_t subscription;
	uint32_t text_bytes;
	const void *text; /* in the record that was read */
};

/* False: it is none, or it is malformed. */
bool wr_carried_read(const struct wr_record_view *view, struct wr_carried *ret_carried);
/* The same of a record that was verified. */
bool wr_carried_of(const struct wr_record *r, struct wr_carried *ret_carried);

/*
 * The copy of an event, which may be such a copy itself: its bytes with what aligns it, 0: it
 * cannot be written; and that, at `to`, zeros behind its end included.
 */
uint32_t wr_carried_stride(const struct wr_record_view *event, const struct wr_carried *carried);
void wr_carried_write(const struct wr_record_view *event, const struct wr_carried *carried,
		      uint8_t *to);

#endif
