/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues that refuse what would make them longer than they may be (weir/sharing.h: when_long). The
 * writer decides it for each event of their topics, by what its own tables say: appended to the
 * partitions of the subscription, less what is settled of them. So a limit is kept to the event,
 * also within a run, over a close and a crash; and what is refused is in no log, for nobody.
 *
 * That is subtracted when what is known to be left has been used up, and not for each event: what
 * is settled meanwhile only makes it more. While a queue has no room it is subtracted anew only
 * behind another record.
 *
 * After a seek to some place between, what lies before the record of the seek is counted by the
 * group (core/pipeline/lag.c), and told here. Until then nobody knows how long the queue is, and
 * nothing is refused.
 *
 *   QF1  changes  by who changes options, behind the limits; the writer makes its list anew then
 *   QF2  told_seq  by the group: 0 before the counts change, and behind them the record that they
 *        belong to. Who finds the same before and behind has read them whole
 *
 * What replay takes in is never refused: it stands in the log.
 */
#ifndef WR_LOG_LENGTHS_H
#define WR_LOG_LENGTHS_H

#include <stdbool.h>

#include "core/base/atomic.h"
#include "core/port/memory.h"

struct wr_record;
struct wr_tables;

struct wr_length {
	wr_atomic_u64 events_max; /* QF1; 0: no limit, or it refuses nothing */
	wr_atomic_u64 bytes_max;  /* QF1 */
	wr_atomic_u64 told_seq;   /* QF2: 1 + the record; 0: none */
	wr_atomic_u64 told_events, told_bytes;
	wr_atomic_u64 refused; /* events, for it: the writer's, anybody may look */
	/* The writer's. */
	uint64_t room_events, room_bytes; /* there are at least so many places */
	uint64_t full_at;                 /* the log's end when it was full; 0: look again */
};

struct wr_lengths {
	struct wr_length *of; /* [subscriptions_max] */
	uint32_t subscriptions_max, topics_max;
	wr_atomic_u32 changes; /* QF1 */
	/* The writer's: */
	uint32_t changes_seen;
	uint32_t count;       /* of subscriptions that refuse */
	uint32_t *ids;        /* those, [subscriptions_max] */
	uint32_t *first;      /* of a topic: the place of the first in ids, [topics_max] */
	uint32_t *topic_ones; /* of a topic: how many, [topics_max] */
};

size_t wr_lengths_bytes(uint32_t subscriptions_max, uint32_t topics_max);
int wr_lengths_init(struct wr_lengths *l, struct wr_memory *memory, uint32_t subscriptions_max,
		    uint32_t topics_max);
void wr_lengths_fini(struct wr_lengths *l, struct wr_memory *memory);

/* Who changes options, one at a time: from the writer's next round on. 0 for both: nothing. */
void wr_lengths_set(struct wr_lengths *l, uint32_t id, uint64_t events_max, uint64_t bytes_max);
/* Whether it has a limit so. */
bool wr_lengths_refuses(struct wr_lengths *l, uint32_t id);
/* The group: what lies before where counting began anew with the record at `anew_seq`. */
void wr_lengths_tell(struct wr_lengths *l, uint32_t id, uint64_t anew_seq, uint64_t events,
		     uint64_t bytes);

/* ---- the writer ---- */

/* At the begin of a round. */
void wr_lengths_follow(struct wr_tables *t);
/*
 * Whether an event may come next, at `seq`: UINT32_MAX, or the id of a subscription that is full.
 * `alone`: it is in no run, so that nothing before it can be taken back.
 */
uint32_t wr_lengths_full(struct wr_tables *t, const struct wr_record *r, uint64_t seq, bool alone);
/* It was taken, or is about to be. */
void wr_lengths_take(struct wr_tables *t, const struct wr_record *r);
/* Both, of an event in no run: false: it has no place. */
bool wr_lengths_take_one(struct wr_tables *t, const struct wr_record *r, uint64_t seq);
/* A run was taken back, or a queue moved: what was known to be left is not any more. */
void wr_lengths_forget(struct wr_lengths *l);

#endif
