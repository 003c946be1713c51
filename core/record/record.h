/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record: an event, or a control entry, as it stands in a lane, in a chunk and on disk (L2).
 *
 *   offset  bytes
 *        0      4  bytes           exact length of the record; the next starts at the next
 *                                  multiple of 8. Never 0 (padding), never WR_BATCH_MAGIC (L3)
 *        4      2  key_bytes
 *        6      2  option_bytes    options and the zero bytes that align the payload to 8
 *        8      4  topic           index of the topic; of the subscription in control records
 *       12      4  key_hash        murmur2 of the key; keyless: the producer's counter;
 *                                  explicit partition: the partition
 *       16      4  time_delta_us   append time less the batch's time base; set by the writer
 *       20      1  kind            enum wr_kind
 *       21      1  flags           WR_RECORD_*
 *       22      2  type            index into the log's type table; 0: none
 *       24         options, key, payload
 *
 * An option is {u8 tag, u8 zero, u16 value_bytes, value}; a tag of 0 ends them. Bit 7 of the tag
 * says critical: who does not know it must refuse the record.
 *
 * The sequence is not stored: it is the batch's first sequence + the record's index in it.
 */
#ifndef WR_RECORD_RECORD_H
#define WR_RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/bits.h"
#include "core/base/bytes.h"

enum wr_kind {
	WR_KIND_EVENT = 1,
	WR_KIND_SETTLE = 2,
	WR_KIND_PROGRESS = 3,
	WR_KIND_PASSED = 4,
	WR_KIND_TOPIC = 5,
	WR_KIND_TYPE = 6,
	WR_KIND_SUBSCRIPTION = 7,
	WR_KIND_PARTITION_MAP = 8,
	WR_KIND_GENERATION = 9,
	WR_KIND_HANDOUT_MARK = 10,
	WR_KIND_PRODUCER_SKIP = 11,
	WR_KIND_LOSS = 12,
	WR_KIND_CLOCK = 13,
	WR_KIND_SNAPSHOT = 14,
	WR_KIND_CHECKPOINT = 15,
	WR_KIND_EPOCH_START = 16,
	WR_KIND_FILLER = 17,
	WR_KIND_PRODUCER = 18,  /* a producer's name gets its id */
	WR_KIND_REJECT = 19,    /* an event was tried: share.h, like SETTLE and HANDOUT_MARK */
	WR_KIND_LEFT_OUT = 20,  /* never appended: stands where an event did (left_out.h) */
	WR_KIND_FILTER = 21,    /* of a subscription: filter_record.h */
	WR_KIND_ERASE = 22,     /* a key is to be erased: erase.h */
	WR_KIND_ADDRESSED = 23, /* an event for some subscriptions only: recipients.h */
	WR_KIND_CARRIED = 24,   /* an event that is outstanding, further on: carried.h */
	/* In lanes only, never appended: the head of a run of several records (L7). */
	WR_KIND_RUN = 255,
};

#define WR_RECORD_KEYLESS 1u
#define WR_RECORD_PARTITION_EXPLICIT 2u
#define WR_RECORD_DECIDE 4u       /* carries an option that the writer has to decide on */
#define WR_RECORD_NULL_PAYLOAD 8u /* no payload, as opposed to an empty one */
#define WR_RECORD_KEY_ENDS 16u    /* its key has no version behind it (version.h) */
/* In lanes only, cleared when appended: the asker wants the sequence back (L8). */
#define WR_RECORD_WANTS_REPLY 128u

#define WR_RECORD_HEAD_BYTES 24u
#define WR_RECORD_ALIGN 8u
#define WR_KEY_BYTES_MAX 65535u
#define WR_IDEMPOTENCY_KEY_BYTES_MAX 1024u

struct wr_record {
	uint32_t bytes;
	uint16_t key_bytes;
	uint16_t option_bytes;
	uint32_t topic;
	uint32_t key_hash;
	uint32_t time_delta_us;
	uint8_t kind;
	uint8_t flags;
	uint16_t type;
};
_Static_assert(sizeof(struct wr_record) == WR_RECORD_HEAD_BYTES, "L2");

enum wr_option_tag {
	WR_OPTION_END = 0,
	WR_OPTION_EVENT_TIME = 1,      /* u64 µs since 1970, by the source's clock */
	WR_OPTION_EVENT_ID = 2,        /* bytes */
	WR_OPTION_CORRELATION = 3,     /* bytes */
	WR_OPTION_CAUSATION = 4,       /* bytes */
	WR_OPTION_TRACEPARENT = 5,     /* text, W3C */
	WR_OPTION_HEADER = 6,          /* u16 name_bytes, name, value */
	WR_OPTION_ORIGIN = 7,          /* where a copy came from */
	WR_OPTION_DELAY = 8,           /* u64 µs: queues hand it out so long after append time */
	WR_OPTION_TIME_TO_LIVE = 9,    /* u64 µs: queues do not hand it out later than that */
	WR_OPTION_TRACESTATE = 13,     /* text, W3C */
	WR_OPTION_PRIORITY = 14,       /* u8: queues prefer the higher, 0 .. 31 */
	WR_OPTION_REPLAY = 15,         /* a copy made by a replay, of what: recipients.h */
	WR_OPTION_PRODUCER = 10 | 128, /* u32 id, u32 epoch, u64 sequence */
	WR_OPTION_IDEMPOTENCY_KEY = 11 | 128,  /* bytes */
	WR_OPTION_EXPECTED_VERSION = 12 | 128, /* version.h */
	WR_OPTION_ADDRESS = 16 | 128,          /* who gets it: recipients.h */
	WR_OPTION_CARRIED = 17 | 128, /* what it is a copy of; of CARRIED only: carried.h */
};
#define WR_OPTION_CRITICAL 128u
#define WR_OPTION_HEAD_BYTES 4u
#define WR_OPTION_PRODUCER_BYTES 16u

/* The option that events of named producers carry. */
struct wr_producer_stamp {
	uint32_t id;
	uint32_t epoch;
	uint64_t sequence;
};
_Static_assert(sizeof(struct wr_producer_stamp) == WR_OPTION_PRODUCER_BYTES, "packed");

#define WR_PRIORITY_MAX 31u
/* The longest delay and time to live: ten years. */
#define WR_TERM_US_MAX (3660ull * 24 * 3600 * 1000000)

/* How queues are to hand an event out: the three options, 0 for each that is not there. */
struct wr_terms {
	uint64_t delay_us;
	uint64_t time_to_live_us;
	uint32_t priority;
};

/* Where a record's parts stand; points into the bytes that were viewed. */
struct wr_record_view {
	const struct wr_record *head;
	const uint8_t *options;
	const uint8_t *key;
	const uint8_t *payload;
	uint32_t payload_bytes;
};

/* Distance from one record to the next. */
static inline uint32_t wr_record_stride(uint32_t bytes)
{
	return (uint32_t)wr_round_up(bytes, WR_RECORD_ALIGN);
}

/*
 * The same in a walk from record to record. Most are as long as the one before; as long as that is
 * so the CPU goes on to the next by a prediction, and does not wait for the length to be read.
 */
struct wr_record_step {
	uint32_t bytes;
	uint32_t stride;
};

static inline uint32_t wr_record_step(struct wr_record_step *step, const struct wr_record *r)
{
	if (WR_UNLIKELY(r->bytes != step->bytes)) {
		step->bytes = r->bytes;
		step->stride = wr_record_stride(r->bytes);
	}
	return step->stride;
}

/*
 * Bytes of the option area for options of `given_bytes`: with the zeros that put the payload on a
 * multiple of 8.
 */
static inline uint32_t wr_record_option_area(uint32_t given_bytes, uint32_t key_bytes)
{
	return given_bytes +
	       ((0u - (WR_RECORD_HEAD_BYTES + given_bytes + key_bytes)) & (WR_RECORD_ALIGN - 1));
}

static inline bool wr_record_is_user_event(const struct wr_record *r)
{
	return r->kind == WR_KIND_EVENT;
}

/* Whether the lengths of a record agree with each other and with what is there to read of it. */
static inline bool wr_record_fits(const struct wr_record *r, size_t available_bytes)
{
	return available_bytes >= WR_RECORD_HEAD_BYTES && r->bytes >= WR_RECORD_HEAD_BYTES &&
	       r->bytes <= available_bytes &&
	       (uint32_t)r->option_bytes + r->key_bytes <= r->bytes - WR_RECORD_HEAD_BYTES;
}

/*
 * Splits the record at `bytes`, of which `available_bytes` may be read. False when its lengths
 * contradict each other or reach beyond: nothing of it may be used then.
 */
bool wr_record_view(const void *bytes, size_t available_bytes, struct wr_record_view *ret_view);

/* Options, one by one. */
struct wr_option {
	uint8_t tag;
	uint16_t value_bytes;
	const uint8_t *value;
};

/* Starts at 0; returns the next place, or 0 when there are no more (or the rest is malformed). */
uint32_t wr_option_next(const struct wr_record_view *view, uint32_t at,
			struct wr_option *ret_option);
bool wr_option_find(const struct wr_record_view *view, uint8_t tag, struct wr_option *ret_option);
/* Whether every option is well formed and every critical one known. */
bool wr_options_valid(const struct wr_record_view *view);
/* The same, and none is critical: there is nothing in them to decide on. */
bool wr_options_plain(const struct wr_record_view *view);

/* The stamp of a named producer's event; false: it has none. */
bool wr_stamp_find(const struct wr_record_view *view, struct wr_producer_stamp *ret_stamp);

/* What is out of range, or malformed, is not there. */
void wr_terms_read(const struct wr_record_view *view, struct wr_terms *ret_terms);

/* Writes one option at `to`; the bytes used. The caller has made room. */
uint32_t wr_option_put(uint8_t *to, uint8_t tag, const void *value, uint16_t value_bytes);

static inline uint32_t wr_option_size(uint16_t value_bytes)
{
	return WR_OPTION_HEAD_BYTES + value_bytes;
}

/* The partition of a record under a map of `partition_count` partitions (Kafka's rule). */
static inline uint32_t wr_record_partition(const struct wr_record *r, uint32_t partition_count)
{
	uint32_t h = r->key_hash;
	if (!(r->flags & (WR_RECORD_KEYLESS | WR_RECORD_PARTITION_EXPLICIT)))
		h &= 0x7fffffffu;
	if (WR_LIKELY((partition_count & (partition_count - 1)) == 0))
		return h & (partition_count - 1);
	return h % partition_count;
}

#endif
