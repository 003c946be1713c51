/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a weir_event to a record, in place in a lane. Two steps, so that the room is claimed between
 * them: measure (checks every argument, hashes the key), then write.
 */
#ifndef WR_RECORD_ENCODE_H
#define WR_RECORD_ENCODE_H

#include <weir/event.h>

#include "core/record/record.h"
#include "core/record/version.h"

#define WR_HEAD_WORDS (WR_RECORD_HEAD_BYTES / 8)

struct wr_encoding {
	union {
		struct wr_record head;
		uint64_t words[WR_HEAD_WORDS]; /* the same bytes: see wr_encode_head() */
	};
	uint32_t given_option_bytes; /* without the padding */
	uint32_t payload_bytes;
	uint32_t stride;
	bool versioned; /* it carries the version that it expects */
};

/* Whether the writer has to look the event up in its topic's window. */
static inline bool wr_event_has_key(const struct weir_event *event)
{
	return event->ids != NULL && event->ids->idempotency_key_bytes > 0;
}

/* What decides on the options of an event, besides the event. */
struct wr_encode_topic {
	uint32_t partition_count;
	bool versioned; /* its keys have versions */
};

/*
 * 0 and the encoding, -EINVAL or WEIR_E_TOO_BIG. `stamped`: room for a producer's stamp; `keyless`
 * is the counter for events without a key.
 */
int wr_encode_measure(const struct weir_event *event, struct wr_encode_topic topic, bool stamped,
		      uint32_t keyless, struct wr_encoding *ret_encoding);
/*
 * Everything up to the payload; returns where the payload goes. stamp: NULL, or the producer's.
 * The head was written just before. It was written, and is copied, in words: a load that is wider
 * than the stores before it waits until they are in the cache.
 */
uint8_t *wr_encode_head(const struct weir_event *event, const struct wr_encoding *encoding,
			const struct wr_producer_stamp *stamp, uint8_t *to);
/* The zero bytes up to the stride of a record whose payload is written after this. */
static inline void wr_encode_end(uint8_t *record, uint32_t stride)
{
	wr_put_u64(record + stride - 8, 0);
}

/* The same of one whose payload is there. */
static inline void wr_encode_tail(uint8_t *record, uint32_t bytes)
{
	memset(record + bytes, 0, wr_record_stride(bytes) - bytes);
}

#endif
