/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payloads of control records, by byte offset, little endian, packed. In a lane they are
 * requests: the writer fills in what only it knows (ids, start, generation) before it appends.
 *
 *   kind          head.topic        head.key_hash   key    payload
 *   TOPIC         topic id *        0               name   u32 partitions; and, of one with a
 *                                                          window of idempotency keys: u32 keys,
 *                                                          u64 span_us, u8 secret[16]; and, of
 *                                                          one whose keys have versions, behind
 *                                                          that (zero, if it has no window): u32
 *                                                          keys, u32 zero, u8 secret[16]; and, of
 *                                                          one that can grow, behind both (zero,
 *                                                          where it has none): u32
 *                                                          partitions_max, u32 zero
 *   PARTITION_MAP topic id          0               -      u32 partitions, u32 zero: in force
 *                                                          behind it
 *   SUBSCRIPTION  subscription id * 0               name   u32 topic_count, u32 start (below),
 *                                                          u64 start_seq *, u32 topic ids[];
 *                                                          shared ones, and those with a filter:
 *                                                          u32 order, u32 outstanding_max behind
 *                                                          that; then the filter, as below
 *   FILTER        subscription id   0               -      filter_record.h: from here on
 *   PRODUCER      producer id *     0               name   u32 epoch *
 *   PRODUCER_SKIP producer id       0               -      u32 epoch, u32 zero, u64 sequence
 *   PROGRESS      subscription id   row             -      u32 generation, u32 zero, u64 from,
 *                                                          u64 to, u64 events, u64 bytes
 *   GENERATION    subscription id   row             -      u32 generation, u32 owner,
 *                                                          u64 position (below)
 *   (* filled in by the writer)
 *
 * A row is a partition of a subscription: partitions of its first topic, then of its second, and
 * so on. Positions are next sequences: everything of the row below is settled (L20).
 */
#ifndef WR_RECORD_CONTROL_H
#define WR_RECORD_CONTROL_H

#include "core/record/filter_record.h"
#include "core/record/record.h"

#define WR_NAME_BYTES_MAX 200u
#define WR_SUBSCRIPTION_TOPICS_MAX 64u

enum wr_control_start {
	WR_START_AT = 0,     /* start_seq as given */
	WR_START_NEWEST = 1, /* the writer sets start_seq to the sequence of this very record */
};

/* How a subscription hands out: numbers as in enum weir_order. */
enum wr_control_order { WR_ORDER_PARTITION = 0, WR_ORDER_KEY = 1, WR_ORDER_NONE = 2 };

/* GENERATION: leave the position as it is. Anything else moves it there (a seek). */
#define WR_POSITION_KEEP UINT64_MAX
/*
 * GENERATION: the row is detached. Its position becomes this bit and where it stood, beyond all
 * that a log may hold: nothing is handed out of it, nothing kept for it, until a seek.
 */
#define WR_POSITION_DETACHED (UINT64_C(1) << 63)
#define WR_OWNER_NONE UINT32_MAX
/* In its place, of a shared subscription: what was carried stays outstanding (outstanding.h). */
#define WR_OWNER_CARRIED_STAY (UINT32_MAX - 1)

#define WR_IDEMPOTENCY_KEYS_MAX 100000000u
#define WR_IDEMPOTENCY_SPAN_US_MAX (3660ull * 24 * 3600 * 1000000) /* ten years */
#define WR_SECRET_BYTES 16u

/* A window of idempotency keys (core/log/keys.h). */
struct wr_control_window {
	uint32_t keys;    /* at most; 0: the topic has none */
	uint64_t span_us; /* of append time; 0: no limit */
	uint8_t secret[WR_SECRET_BYTES];
};

#define WR_VERSIONED_KEYS_MAX 50000000u

/* Versions of keys (core/log/versions.h). */
struct wr_control_versions {
	uint32_t keys; /* at most; 0: the topic's keys have none */
	uint8_t secret[WR_SECRET_BYTES];
};

struct wr_control_topic {
	uint32_t partitions;
	uint32_t partitions_max; /* that it can grow to; 0: it does not say, and cannot grow */
};
#define WR_TOPIC_BYTES_MAX 64u
#define WR_PARTITION_MAP_BYTES 8u

struct wr_control_subscription {
	uint32_t topic_count;
	uint32_t start;
	uint64_t start_seq;
	uint32_t topics[WR_SUBSCRIPTION_TOPICS_MAX];
	/* Behind the topics, and only where they are not both 0. */
	uint32_t order;
	uint32_t outstanding_max;
};

struct wr_control_producer {
	uint32_t epoch;
};

/* What a named producer will not send again is passed over (L10). */
struct wr_control_skip {
	uint32_t epoch;
	uint32_t zero;
	uint64_t sequence; /* of the last one that is passed over */
};
_Static_assert(sizeof(struct wr_control_skip) == 16, "packed");

struct wr_control_progress {
	uint32_t generation;
	uint32_t missed; /* 1: there is a gap near: what lies behind `to` is counted anew */
	uint64_t from;
	uint64_t to;
	uint64_t events; /* settled by this: for lag, which is counted and not subtracted */
	uint64_t bytes;
};
_Static_assert(sizeof(struct wr_control_progress) == 40, "packed");

struct wr_control_generation {
	uint32_t generation;
	uint32_t owner; /* member slot, for people; WR_OWNER_NONE */
	uint64_t position;
};
_Static_assert(sizeof(struct wr_control_generation) == 16, "packed");

/* Bytes of a record with these parts: for claiming room. */
static inline uint32_t wr_control_bytes(uint32_t key_bytes, uint32_t payload_bytes)
{
	return WR_RECORD_HEAD_BYTES + wr_record_option_area(0, key_bytes) + key_bytes +
	       payload_bytes;
}

/* Writes a whole control record at `to` (room for wr_control_bytes rounded up to 8). */
void wr_control_write(void *to, enum wr_kind kind, uint32_t topic, uint32_t row, const void *key,
		      uint32_t key_bytes, const void *payload, uint32_t payload_bytes);

/* Bytes of the payload of a subscription with so many topics, that is not shared. */
static inline uint32_t wr_control_subscription_bytes(uint32_t topic_count)
{
	return (uint32_t)(offsetof(struct wr_control_subscription, topics) +
			  topic_count * sizeof(uint32_t));
}

/* Writes a topic's payload at `to` (room for WR_TOPIC_BYTES_MAX); its bytes. */
uint32_t wr_control_topic_write(const struct wr_control_topic *topic,
				const struct wr_control_window *window,
				const struct wr_control_versions *versions, uint8_t *to);
/* Whether they may be so: some keys, within the limits of the format. */
bool wr_control_window_valid(const struct wr_control_window *window);
bool wr_control_versions_valid(const struct wr_control_versions *versions);
#define WR_CONTROL_SUBSCRIPTION_BYTES_MAX (uint32_t)sizeof(struct wr_control_subscription)

/*
 * The payload, packed at `to` (room for the most bytes); its bytes. `filtered`: a filter is put
 * behind it.
 */
uint32_t wr_control_subscription_put(const struct wr_control_subscription *control, bool filtered,
				     uint8_t *to);

/* The payloads back, checked for length and limits; false: malformed. */
bool wr_control_topic_read(const struct wr_record_view *view, struct wr_control_topic *ret);
/* Of a record that wr_control_topic_read() took: its window; keys == 0: it has none. */
void wr_control_window_read(const struct wr_record_view *view, struct wr_control_window *ret);
/* The same for versions of its keys. */
void wr_control_versions_read(const struct wr_record_view *view, struct wr_control_versions *ret);
bool wr_control_subscription_read(const struct wr_record_view *view,
				  struct wr_control_subscription *ret);
/* Of a record that wr_control_subscription_read() took: its filter; NULL: it has none. */
const uint8_t *wr_control_subscription_filter(const struct wr_record_view *view,
					      uint32_t *ret_bytes);
bool wr_control_producer_read(const struct wr_record_view *view, struct wr_control_producer *ret);
bool wr_control_skip_read(const struct wr_record_view *view, struct wr_control_skip *ret);
bool wr_control_progress_read(const struct wr_record_view *view, struct wr_control_progress *ret);
bool wr_control_generation_read(const struct wr_record_view *view,
				struct wr_control_generation *ret);

/* PARTITION_MAP: the number of partitions that is in force behind it; false: malformed. */
bool wr_control_map_read(const struct wr_record_view *view, uint32_t *ret_partitions);

/* 1..200 of [A-Za-z0-9._-], not beginning with '.': no name can become a path. */
bool wr_name_valid(const void *name, size_t name_bytes);

#endif
