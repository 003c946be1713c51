/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What goes in and what comes out.
 *
 * An event is what a user publishes; an item is what a poll hands out. Pointers in an event are
 * borrowed for the call and copied. Pointers in an item are lent: they point into weir's own memory
 * and are good until the member's next poll (or weir_release()), not until its ack.
 *
 * Append time is weir's own clock, one a log. It never goes backwards, nor does it jump: after a
 * step of the wall clock it approaches it, by at most 500 ppm when it is behind (an hour takes
 * twelve weeks) and at half speed when it is ahead, also over restarts. Seeks by time and ages go
 * by it. Where the wall clock is kept by NTP the two are the same to within milliseconds.
 */
#ifndef WEIR_EVENT_H
#define WEIR_EVENT_H

#include <weir/base.h>

WEIR_DECLS_BEGIN

/** One header: a name and a value, in the order given, names may repeat. */
struct weir_header {
	const char *name; /**< not terminated; 1..255 bytes of UTF-8 */
	const void *value;
	uint16_t name_bytes;
	uint16_t value_bytes;
};

/** Ids that travel with an event through every hop (trace.h). Each is optional (bytes == 0). */
struct weir_ids {
	const void *event_id;       /**< with the source: a natural idempotency key */
	const void *correlation_id; /**< same for all events of one flow */
	const void *causation_id;   /**< event id of the direct cause */
	const char *traceparent;    /**< W3C, 55 bytes in version 00; stored as it is */
	const char *tracestate;     /**< W3C; stored as it is */
	uint16_t event_id_bytes;
	uint16_t correlation_id_bytes;
	uint16_t causation_id_bytes;
	uint16_t traceparent_bytes;
	uint16_t tracestate_bytes;
	uint16_t idempotency_key_bytes; /**< at most WEIR_IDEMPOTENCY_KEY_BYTES_MAX */
	/**
	 * What makes a repeat of this event known: an event whose key is in the window of its topic
	 * (weir_topic_options.idempotency_keys) is refused with WEIR_E_DUPLICATE, and nothing is
	 * written. Not event_id: whose repeats are meant is the publisher's to say. It is of this
	 * event alone, and not carried on to those that it causes.
	 */
	const void *idempotency_key;
};

/** How long an idempotency key may be. */
#define WEIR_IDEMPOTENCY_KEY_BYTES_MAX 1024u

/** Ten years. */
#define WEIR_DELAY_NS_MAX (3660ull * 24 * 3600 * 1000000000)
#define WEIR_TIME_TO_LIVE_NS_MAX WEIR_DELAY_NS_MAX
#define WEIR_PRIORITY_MAX 31u

/**
 * How queues (sharing.h) hand an event out. Each is optional (0), and durable with the event; who
 * reads it by partition gets it in order and at once, whatever they say. Times are of append time
 * (above): what passes while nobody has the log open counts.
 */
struct weir_delivery {
	/** Not before so long after it was appended (SQS's DelaySeconds, without the 900 s that end
	 *  them); at most WEIR_DELAY_NS_MAX. A queue has a delay of its own, too: the longer one
	 *  counts. With order KEY the later events of its key wait behind it. */
	uint64_t delay_ns;
	/** Not later than so long after it was appended (RabbitMQ's expiration); at most
	 *  WEIR_TIME_TO_LIVE_NS_MAX. A queue has one of its own, too: the shorter one counts. */
	uint64_t time_to_live_ns;
	/** 0 .. WEIR_PRIORITY_MAX: queues with `priorities` hand out the higher ones first. */
	uint8_t priority;
};

#define WEIR_PARTITION_BY_KEY UINT32_MAX

/**
 * Which version of its key an event expects, in a topic whose keys have versions
 * (weir_topic_options.versioned_keys): n, or one of these. A key has version 0 before its first
 * event and n after its n-th (KurrentDB counts from 0: its revision n is version n + 1 here).
 */
#define WEIR_VERSION_ANY 0u                /**< whatever it has */
#define WEIR_VERSION_NONE UINT64_MAX       /**< 0: this is to be its first event */
#define WEIR_VERSION_SOME (UINT64_MAX - 1) /**< there is one, whichever */

struct weir_item;

/** What to publish. Zero-initialise, then set what is needed: topic, key, payload. */
struct weir_event {
	uint32_t topic;     /**< from weir_topic_create() or weir_topic_find() */
	uint16_t type;      /**< index of a type in the log's table; 0: none */
	bool partition_set; /**< use `partition` instead of the key */
	uint32_t partition; /**< 0 .. partitions-1, with partition_set */
	const void *key;    /**< NULL: no key, partitions in turn; else 1..65535 bytes */
	size_t key_bytes;
	const void *payload; /**< NULL with 0 bytes: no payload (a tombstone), not an empty one */
	size_t payload_bytes;
	uint64_t event_time_us;            /**< µs since 1970 by the source's clock; 0: not set */
	const struct weir_ids *ids;        /**< NULL: none */
	const struct weir_header *headers; /**< NULL: none */
	size_t header_count;
	/**
	 * The item, still lent, that brings this event about: ids that are not set are carried over
	 * from it (trace.h). NULL: in a handler the item in hand, elsewhere none.
	 */
	const struct weir_item *cause;
	const struct weir_delivery *delivery; /**< NULL: at once, for ever, at priority 0 */
	/**
	 * The event is written only if its key has this version: else it is refused with
	 * WEIR_E_CONFLICT, and nothing is written. WEIR_VERSION_* or n. What was refused so and is
	 * the key's last event itself, by its event id (weir_ids.event_id), is a repeat: refused
	 * with WEIR_E_DUPLICATE, which says where it stands. So a publisher that does not know
	 * whether it was heard publishes again. (KurrentDB: expected revision, idempotent append.)
	 * In a run each event sees what those before it in the run make of its key.
	 * -EINVAL without a key, or where the topic's keys have no versions.
	 */
	uint64_t expected_version;
	/**
	 * Behind this event its key has no version: it takes no room any more, and the next event
	 * of that key is its first. Only where keys have versions.
	 */
	bool ends_key;
};

/**
 * A place in a log that stays unmistakable across restarts: a sequence that was never durable may
 * be used again by a later epoch. Store it as it is (16 bytes); compare with weir_pos_compare().
 */
struct weir_pos {
	uint64_t sequence;
	uint32_t epoch;
	uint32_t log;
};

enum weir_item_kind {
	WEIR_ITEM_EVENT = 1,
	WEIR_ITEM_GAP = 2,  /**< events were overtaken or retired before they could be read:
	                         `sequence` .. `end_sequence`-1 */
	WEIR_ITEM_LOSS = 3, /**< damage that an operator accepted: the same range fields; not
	                         made by this version */
};

#define WEIR_ITEM_REPLAY 1u      /**< handed out by a replay (replay.h): it happened before */
#define WEIR_ITEM_REDELIVERED 2u /**< may have been handed out before */
#define WEIR_ITEM_ERASED 4u      /**< of a gap: an event whose key was erased (erase.h) */

/** What a poll hands out. */
struct weir_item {
	enum weir_item_kind kind;
	uint32_t flags;    /**< WEIR_ITEM_* */
	uint32_t attempts; /**< which one this is, from 1: those that failed before are counted in
	                        the log; 0: of a gap, or in a replay */
	uint32_t topic;
	uint32_t partition;
	uint32_t log;
	uint32_t epoch;
	uint16_t type;
	uint16_t key_bytes;
	uint64_t sequence;       /**< position in the log */
	uint64_t end_sequence;   /**< gap, loss: one beyond the last missing */
	uint64_t append_time_us; /**< µs since 1970, weir's own, never backwards in a log */
	const void *key;         /**< NULL: none */
	const void *payload;     /**< NULL: none (a tombstone) */
	uint32_t payload_bytes;
	uint32_t generation;    /**< of the partition's owner; for weir_ack() */
	uint64_t from_sequence; /**< for weir_ack(): what must be settled before this */
	uint32_t record_bytes;  /**< of the whole record, for weir_ack() also of an event that was
	                             erased (WEIR_ITEM_ERASED); 0 for any other gap or loss */
	const void *record;     /**< for weir_item_ids() and the like; NULL for a gap or loss */
};

/**
 * The ids of an item. Absent ones have 0 bytes.
 *
 * Thread: the one that polled. Blocks: never. Allocates: never.
 * @param item     as polled, still lent
 * @param ret_ids  overwritten; its pointers are lent like the item's
 */
WEIR_API void weir_item_ids(const struct weir_item *item, struct weir_ids *ret_ids);

/**
 * The event time of an item.
 *
 * Thread: the one that polled. Blocks: never. Allocates: never.
 * @return µs since 1970 as published, or 0 if it was not set
 */
WEIR_API uint64_t weir_item_event_time_us(const struct weir_item *item);

/**
 * How an item was to be handed out, as published: the delay in whole microseconds.
 *
 * Thread: the one that polled. Blocks: never. Allocates: never.
 * @param item          as polled, still lent
 * @param ret_delivery  overwritten; 0 for each that was not set
 */
WEIR_API void weir_item_delivery(const struct weir_item *item, struct weir_delivery *ret_delivery);

/**
 * The version that an item's event has made its key (event.h: WEIR_VERSION_*).
 *
 * Thread: the one that polled. Blocks: never. Allocates: never.
 * @param item  as polled, still lent
 * @return 1 or more; 0: it has no key, its topic's keys have no versions, or it is a copy that weir
 *         has made (a dead letter, what was redriven): copies are not counted
 */
WEIR_API uint64_t weir_item_version(const struct weir_item *item);

/**
 * Headers, in order.
 *
 * Thread: the one that polled. Blocks: never. Allocates: never.
 * @param item         as polled, still lent
 * @param place        0 for the first; then what the call before returned
 * @param ret_header   set when there is one; its pointers are lent like the item's
 * @return the place to ask next with, or 0 when there are no more
 */
WEIR_API uint32_t weir_item_header(const struct weir_item *item, uint32_t place,
				   struct weir_header *ret_header);

/**
 * The position of an item, to be stored outside weir.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return the position
 */
WEIR_API struct weir_pos weir_item_pos(const struct weir_item *item);

/**
 * The order of two positions: by log, then by epoch, then by sequence. In one log that is the order
 * of what was appended, also where a later epoch used a sequence again.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return less than 0, 0 or more than 0: `a` stands before, at or behind `b`
 */
WEIR_API int weir_pos_compare(const struct weir_pos *a, const struct weir_pos *b);

WEIR_DECLS_END
#endif
