/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payloads of the records of shared subscriptions (order KEY or NONE), by byte offset, little
 * endian, packed. In each, head.topic is the subscription's id and head.key_hash is 0.
 *
 *   HANDOUT_MARK  by the group: it takes charge of what lies below `to`
 *                   0 u64 from    the frontier so far
 *                   8 u64 to      the frontier from here on
 *                  16 u32 count   of events of the subscription between the two
 *                  20 u16 keyed   1: with keys
 *                  22 u16 terms   1: with terms
 *                  24 count times, in the order of the log:
 *                     varint  sequences between the event before (or `from`) and this one
 *                     varint  row
 *                     varint  bytes of the record
 *                     u64     key, where keyed
 *                     u8      where terms: 1: u64 not_before_us follows, 2: u64 expires_us; both
 *                             append time; its upper five bits are the priority
 *   SETTLE        by a member, or by the group for what went to the dead letters
 *                   0 u64 base
 *                   8 u32 count   of runs, > 0
 *                  12 u32 zero
 *                  16 count times, in the order of the log: events that follow one another in the
 *                     subscription
 *                     varint  sequences between the run before (or `base`) and its first event
 *                     varint  sequences from its first event to its last
 *                     varint  events in it, less one
 *                     varint  generation
 *   REJECT        by a member that could not process an event, by the group when a lease ran out or
 *                 its event is parked, or by who ends a parked one (whatever the generation). Also
 *                 of a subscription with order PARTITION (core/log/attempts.h): head.key_hash is
 *                 the row then, the generation is the row's, and its batch says WR_BATCH_ATTEMPTS
 *                   0 u64 sequence
 *                   8 u32 generation
 *                  12 u32 verdict           enum wr_verdict
 *                  16 u64 failed_us         append time
 *                  24 u64 not_before_us     append time; 0: at once
 *                  32 u32 reason            the user's
 *                  36 u32 text_bytes        0 .. 200
 *                  40 text
 *
 * A varint has seven bits a byte, the lowest first; the highest bit of a byte says that there is
 * another one.
 *
 * A key is a hash of 64 bits over topic and key: events of one key have the same, and two keys that
 * share one by chance are only kept in one order.
 */
#ifndef WR_RECORD_SHARE_H
#define WR_RECORD_SHARE_H

#include "core/base/bytes.h"
#include "core/record/control.h"

enum wr_verdict {
	WR_VERDICT_RETRY = 1,    /* it failed: again, and it counts as an attempt */
	WR_VERDICT_EXPIRED = 2,  /* the lease ran out: likewise; of a partition: it failed, and is
	                            too old to be tried again */
	WR_VERDICT_RELEASED = 3, /* given back untried: not counted */
	WR_VERDICT_DEAD = 4,     /* no use trying again: to the dead letters */
	/* It stays, and keeps its key: its dead letter stands before this record, in its run. */
	WR_VERDICT_PARKED = 5,
	/* Of one that is parked: to be tried again, from the first attempt; or settled. */
	WR_VERDICT_REDRIVEN = 6,
	WR_VERDICT_GIVEN_UP = 7,
	/* By the group, of suspects (core/log/suspects.h): it is handed out next, alone; nothing is
	 * in hand; the process has died since the record before. The last two name no event. */
	WR_VERDICT_IN_HAND = 8,
	WR_VERDICT_OUT_OF_HAND = 9,
	WR_VERDICT_CRASHED = 10,
};

struct wr_mark_head {
	uint64_t from;
	uint64_t to;
	uint32_t count;
	uint16_t keyed;
	uint16_t terms;
};

struct wr_settle_head {
	uint64_t base;
	uint32_t count;
	uint32_t zero;
};
_Static_assert(sizeof(struct wr_mark_head) == 24 && sizeof(struct wr_settle_head) == 16, "packed");

/* What one takes at most. */
#define WR_MARK_EVENT_BYTES_MAX 45u
#define WR_SETTLE_RUN_BYTES_MAX 30u

struct wr_mark_event {
	uint64_t seq;
	uint64_t key;
	/* Its terms. */
	uint64_t not_before_us; /* append time; 0: at once */
	uint64_t expires_us;    /* append time; 0: never */
	uint32_t row;
	uint32_t bytes;
	uint32_t priority; /* 0 .. WR_PRIORITY_MAX */
};

struct wr_settle_run {
	uint64_t first;
	uint64_t last;
	uint32_t count;
	uint32_t generation;
};

#define WR_REASON_TEXT_BYTES_MAX 200u

struct wr_reject {
	uint64_t seq;
	uint32_t generation;
	uint32_t verdict;
	uint64_t failed_us;
	uint64_t not_before_us;
	uint32_t reason;
	uint32_t text_bytes;
};
_Static_assert(sizeof(struct wr_reject) == 40, "packed");

/* What stands in a mark or a settle, one by one. */
struct wr_mark_view {
	struct wr_mark_head head;
	struct wr_cursor in;
	uint64_t next_seq; /* the lowest that the next one may have */
	uint32_t left;
};

struct wr_settle_view {
	struct wr_settle_head head;
	struct wr_cursor in;
	uint64_t next_seq;
	uint32_t left;
};

/* Everything in it is checked; false: malformed. Then the first is the next. */
bool wr_mark_read(const struct wr_record_view *view, struct wr_mark_view *ret_mark);
bool wr_settle_read(const struct wr_record_view *view, struct wr_settle_view *ret_settle);
/* False: there are no more (or, before it was checked, it is malformed). */
bool wr_mark_next(struct wr_mark_view *mark, struct wr_mark_event *ret_event);
bool wr_settle_next(struct wr_settle_view *settle, struct wr_settle_run *ret_run);
/* ret_text points into the record, and is not terminated. */
bool wr_reject_read(const struct wr_record_view *view, struct wr_reject *ret_reject,
		    const char **ret_text);

static inline bool wr_mark_has_terms(const struct wr_mark_event *e)
{
	return e->not_before_us != 0 || e->expires_us != 0 || e->priority != 0;
}

/* One behind what ends below `next_seq`, at `to`, with what `head` says; its bytes. */
uint32_t wr_mark_put(uint8_t *to, uint64_t next_seq, const struct wr_mark_event *event,
		     const struct wr_mark_head *head);
uint32_t wr_settle_put(uint8_t *to, uint64_t next_seq, const struct wr_settle_run *run);

/* The key of an event, see above; never 0. One without a key: 0, it is in no order. */
uint64_t wr_share_key(const struct wr_record *r);

#endif
