/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared subscriptions in a pipeline: what the group step has of each, and what each member has.
 *
 *   share_step.c     the group's: follows the log, hands events to members
 *   share_take.c     takes charge of events
 *   share_records.c  the records that the group writes for that, and the answers to them
 *   share_length.c   how many wait, and which go where there are too many
 *   share_seek.c     moves it to another place
 *   share_suspects.c opens after the process had died
 *   dead_letter.c    an event's way to the dead letters; topic_ways.c: not back to it
 *   share_poll.c     the member's: what it was given, in place
 *   share_ack.c      what it says of it
 *
 * Group and member are connected by two rings: grants one way, leases that are to end at another
 * time the other. What a member settles and rejects goes through its lane to the writer, and the
 * group learns of it from the log (L19).
 */
#ifndef WR_PIPELINE_SHARING_H
#define WR_PIPELINE_SHARING_H

#include <weir/sharing.h>

#include "core/base/spsc.h"
#include "core/group/share.h"
#include "core/pipeline/pipeline.h"
#include "core/record/share.h"

/* Events that one mark names at most. */
#define WR_MARK_EVENTS_MAX 512u

/* Leases and delays: 12 hours at most, as SQS's visibility timeout. */
#define WR_LEASE_NS_MAX (12 * 3600 * 1000000000ull)

/* Of a wr_raise of kind WR_RAISE_BURY, in `row`: what is counted when it is done. */
#define WR_FATE_EXPIRED 1u
#define WR_FATE_DROPPED 2u
#define WR_FATE_OVERFLOWED 4u
#define WR_FATE_ALONE 8u /* it is settled without a letter: nothing of it is parked */

/* The record that settles one event, at most. */
#define WR_SETTLE_ONE_BYTES_MAX                                                                    \
	(WR_RECORD_HEAD_BYTES + (uint32_t)sizeof(struct wr_settle_head) +                          \
	 WR_SETTLE_RUN_BYTES_MAX + WR_RECORD_ALIGN)

/* Until a dead letter that could not be written is tried again. */
#define WR_BURY_RETRY_NS 1000000000u

/* Append time as core/group/share.h has it. */
static inline uint64_t wr_append_ns(uint64_t append_us)
{
	return append_us > UINT64_MAX / 1000 ? UINT64_MAX : append_us * 1000;
}

/* The group's side of one. Made when the subscription is started. */
struct wr_sharing {
	struct wr_share share;
	struct wr_share_ports ports;
	struct wr_subscription_live *live;
	uint64_t follow_seq;    /* the log is followed up to here: settles and rejects */
	uint64_t take_seq;      /* looked through for events up to here */
	uint64_t marked_seq;    /* up to here by marks that were sent */
	uint32_t marks_on_way;  /* sent and not answered */
	bool mark_refused;      /* those sent behind it are, too: nothing is taken until then */
	bool follow_unreadable; /* what it would follow next cannot be read */
	uint32_t mark_max; /* events that the next mark may name: halved when one was refused */
	uint64_t wait_until_ns; /* there was no room for a mark: not before */
	uint64_t bury_after_ns; /* a dead letter could not be written: not before */
	uint64_t delay_seen_ns, time_to_live_seen_ns;
	uint64_t delayed_until_ns; /* what comes next is to be taken then, by the queue's delay */
	uint64_t live_until_ns;    /* what comes next has not expired before that */
	struct wr_share_excess excess; /* as of the last look at lag, less what went since */
	/* A seek: taken from who asked, and not ordered yet; the request whose record is on its
	 * way, and where to. */
	bool moves;
	bool move_on_way;
	bool detaches;      /* it is too slow, and stands where it stood still */
	bool move_detaches; /* what is on its way says so */
	uint64_t move_number;
	uint64_t move_seq;
	bool move_carried_stay; /* as its record says */
	uint64_t moved_seq; /* 0, or that record is ordered, and the log not followed up to it */
	uint32_t moved_generation;
	uint64_t redelivered_below;     /* handed out before the last seek, or by an earlier run */
	wr_atomic_u32 first_generation; /* MV1: grants and leases of lower ones are over */
	uint64_t *tags;                 /* bitmap of the tags of its topics */
	uint32_t tag_words;
	uint64_t in_hand; /* what was handed out alone before this open; 0: nothing */
	uint32_t in_hand_generation;
	uint64_t erased_seen; /* what waits was looked at for erasures below (erase_waiting.c) */
	uint64_t erased_end;  /* and is being looked at for those below this one: */
	uint32_t erased_at;   /* so much of it */
	bool erased_again;    /* one of it has been given a delay since */
	uint32_t wanted;      /* events that its members would have at once */
	bool told_full;       /* all that it may have outstanding is parked */
	/* DM1: what cannot be read, for members that find nothing else: code, negated. */
	wr_atomic_u64 damage_seq;
	wr_atomic_u32 damage;
	struct wr_mark_event mark[WR_MARK_EVENTS_MAX]; /* scratch, and as it goes to the log */
	uint8_t encoded[WR_MARK_EVENTS_MAX * WR_MARK_EVENT_BYTES_MAX];

	/*
	 * Options of this run: set by weir_subscription_create, read by the step and by members.
	 * What becomes of events that fail: live->failures.
	 */
	wr_atomic_u64 lease_ns;
	wr_atomic_u32 single_active;
	wr_atomic_u32 is_set;   /* DL1: 1: these are said; before, nothing is given up */
	wr_atomic_u32 parks;    /* WEIR_DEAD_PARK */
	wr_atomic_u32 parked;   /* by the step: events of parked keys, for lag */
	wr_atomic_u64 idle_seq; /* RD1: all below is handed out; 0: something waits */
	wr_atomic_u32 redriven; /* RD2: 1: a job goes through it (redrive.h) */
	wr_atomic_u64 delay_ns;
	wr_atomic_u64 time_to_live_ns; /* 0: none */
	wr_atomic_u32 priorities;

	/* Of this run, for reports; the step's. */
	wr_atomic_u64 in_state[WR_SHARE_STATES];
	wr_atomic_u64 length_max; /* options: 0: none */
	wr_atomic_u64 length_bytes_max;
	wr_atomic_u64 overflowed; /* as the two below */
	wr_atomic_u64 expired;    /* put to the dead letters, or settled without */
	wr_atomic_u64 carried;    /* copied further on (carry.h), each time */
	wr_atomic_u64 dropped;    /* of these: settled without, there being no dead letters */
	uint64_t told_dropped, told_dropped_ns; /* what log_fn was told last */
	uint64_t told_refused, told_refused_ns;
};

/* An event that a member may have. */
struct wr_grant {
	uint64_t seq;
	uint64_t place; /* where it lies */
	uint64_t from;  /* nothing of the subscription lies between this and seq */
	uint64_t due_ns;
	uint64_t polled_until_ns; /* not handed out from then on: the lease is over, or its time */
	uint32_t generation;
	uint32_t attempts; /* this one included */
	bool redelivered;
};

/* A lease that is to end then. */
struct wr_lease_ask {
	uint64_t seq;
	uint64_t due_ns;
	uint32_t generation;
};

/* An event that was handed out and not settled. */
struct wr_in_hand {
	uint64_t seq; /* 0: none */
	uint64_t from;
	uint64_t due_ns;
	uint32_t generation;
	uint32_t attempts;
	bool in_transaction; /* one that is open, or on its way */
};

struct wr_settled {
	uint64_t seq;
	uint64_t from;
	uint32_t generation;
};

/* The member's side. */
struct wr_member_sharing {
	struct wr_spsc grants_ring; /* group → member */
	struct wr_grant *grants;
	/* HO1: by place in the ring: one beyond the how-manieth grant was handed out last there. */
	wr_atomic_u32 *handed_out;
	struct wr_spsc asks_ring; /* member → group */
	struct wr_lease_ask *asks;
	uint32_t out_max;
	uint32_t first_generation; /* MV1: as the poller has seen it */
	uint32_t held_count;
	uint32_t held_mask;
	struct wr_in_hand *held;    /* by sequence; linear probing */
	struct wr_settled *settled; /* to be told to the log: as many as `held` has places */
	uint32_t settled_count;
};

/* ---- the group step's ---- */

int wr_sharing_start(struct weir_pipeline *p, struct wr_subscription_live *live, bool made);
void wr_sharing_free(struct weir_pipeline *p, struct wr_subscription_live *live);
void wr_sharing_ports_init(struct wr_sharing *sharing);
/* Takes charge of events that are of use now, by marks. Work done. */
int wr_sharing_take(struct wr_sharing *sharing, uint64_t now_ns);
/*
 * Nobody wants anything: what is not the subscription's is looked through, up to its first event or
 * to the gate. False: not as far as that yet.
 */
bool wr_sharing_pass_foreign(struct wr_sharing *sharing, uint64_t gate);
/* When it is to look again; UINT64_MAX: when something comes. */
uint64_t wr_sharing_take_due_ns(struct wr_sharing *sharing);
/* Everything of one subscription. Work done. */
int wr_sharing_step(struct wr_sharing *sharing, uint64_t now_ns);
/* When it has something to do next, if nothing comes. */
uint64_t wr_sharing_due_ns(struct wr_sharing *sharing);
/* What it keeps in memory; UINT64_MAX: nothing. */
uint64_t wr_sharing_held_seq(struct wr_sharing *sharing);
void wr_sharing_join(struct wr_sharing *sharing, struct weir_member *m);
/* True: nothing is in its name any more. */
bool wr_sharing_leave(struct wr_sharing *sharing, struct weir_member *m);
/* Leases that a member wants to end at another time. Work done. */
int wr_sharing_take_asks(struct wr_sharing *sharing, struct weir_member *m);

/* Hands a mark of `count` events of sharing->mark to the log. False: no room. */
bool wr_sharing_send_mark(struct wr_sharing *sharing, uint32_t count, uint64_t to_seq);
/* By a look at lag: how much more waits than may. */
void wr_sharing_measure(struct wr_sharing *sharing, uint64_t lag_events, uint64_t lag_bytes);
/* Takes a seek that somebody asked for, and hands its record to the log. Work done. */
int wr_sharing_serve_seek(struct wr_sharing *sharing);
/*
 * What is outstanding is known by a seek on its way, and stays in part: until the group has begun
 * anew it asks nothing of the log. What that refused then it would take for settled.
 */
static inline bool wr_sharing_keeps_still(const struct wr_sharing *sharing)
{
	return sharing->move_on_way && sharing->move_carried_stay;
}
/* It was too slow: nothing is kept for it from where that is ordered on (detach.h). */
void wr_sharing_detach(struct wr_sharing *sharing);
/* Nothing is taken, and nothing granted, until it is somewhere else. */
static inline bool wr_sharing_is_to_move(const struct wr_sharing *sharing)
{
	return sharing->moves || sharing->detaches;
}
/* It stands nowhere: its next place is beyond all that a log may hold. */
static inline bool wr_sharing_is_detached(const struct wr_sharing *sharing)
{
	return wr_position_is_detached(sharing->take_seq);
}
/* Members learn whether it is. */
void wr_sharing_tell_detached(struct wr_sharing *sharing);
/* The answer to that record. */
void wr_sharing_moved(struct wr_sharing *sharing, const struct wr_reply *reply);
/* What became of a record of the group's. */
void wr_sharing_answered(struct weir_pipeline *p, const struct wr_raise *raise,
			 const struct wr_reply *reply);
/* At open: what was outstanding when the process died is suspect. Before it is restored. */
void wr_sharing_suspect(struct wr_sharing *sharing);
/* The answer to what an open says (reopening.h). */
void wr_sharing_reopened(struct wr_sharing *sharing, const struct wr_reply *reply);
/* The port: a suspect is in hand. */
int wr_sharing_in_hand(void *sharing, const struct wr_share_event *event);
/* The port: an event's way to the dead letters. */
int wr_sharing_bury(void *sharing, const struct wr_share_event *event);

/* ---- the member's ---- */

/* Bytes of everything that hangs on it, and where that goes. */
size_t wr_member_sharing_bytes(uint32_t in_flight_max);
void wr_member_sharing_init(struct wr_member_sharing *s, uint8_t *block, uint32_t in_flight_max);
int wr_sharing_poll(struct weir_member *m, struct weir_item *items, uint32_t items_max);
/* Whether a poll may find something, or has something to tell. */
bool wr_sharing_has_news(struct weir_member *m);
/* What is settled is handed to the lane, as far as there is room: what is left. */
uint32_t wr_sharing_flush(struct weir_member *m);
int wr_sharing_ack(struct weir_member *m, const struct weir_item *item);
int wr_sharing_ack_all(struct weir_member *m);
/* Whether it can be one of a queue's. */
bool wr_sharing_is_item(const struct weir_item *item);
/* The event that an item names, which the member still has: 0, -EINVAL, WEIR_E_FENCED. */
int wr_sharing_held(struct weir_member *m, const struct weir_item *item,
		    struct wr_in_hand **ret_held);
/* By sequence: mostly they are, since they were handed out so. */
void wr_settled_sort(struct wr_settled *settled, uint32_t count);
/* The record that settles them all (none twice) at `to`; NULL: measured only. Its bytes. */
uint32_t wr_settled_write(const struct wr_settled *settled, uint32_t count, uint32_t subscription,
			  uint8_t *to);
/* Whether the member may still act on an item that it polled. */
bool wr_sharing_is_held(struct weir_member *m, const struct weir_item *item, uint64_t now_ns);
/* Tells the group when a lease is to end. False: no room, later. */
bool wr_sharing_ask(struct weir_member *m, uint64_t seq, uint32_t generation, uint64_t due_ns);

/* ---- among the member's own files ---- */

struct wr_in_hand *wr_hand_find(struct wr_member_sharing *s, uint64_t seq);
void wr_hand_add(struct wr_member_sharing *s, const struct wr_grant *grant);
void wr_hand_remove(struct wr_member_sharing *s, struct wr_in_hand *held);
/* What the member was handed before a seek is not its own any more. */
void wr_hand_look(struct weir_member *m);
/* Those whose lease is over are not held any more. Whether there were any. */
bool wr_hand_sweep(struct wr_member_sharing *s, uint64_t now_ns);
/* erase_waiting.c: events that wait though their key was erased, wait no longer. How many. */
int wr_sharing_end_erased(struct wr_sharing *sharing);
/* One is delayed that was handed out: its key may have been erased meanwhile. */
void wr_sharing_delayed_anew(struct wr_sharing *sharing, uint64_t seq);
/* When there is more of that to do. */
uint64_t wr_sharing_end_erased_due_ns(struct wr_sharing *sharing);

#endif
