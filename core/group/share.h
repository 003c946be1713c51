/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sharing: which member of a shared subscription has which event, and until when. A state machine
 * stepped by one thread; it knows the log and the members only through its ports, and no clock but
 * what it is told.
 *
 * An event's life, from when the group takes charge of it (wr_share_take) until it is settled:
 *
 *   MARKED    the hand-out mark that names it is on its way
 *   BEHIND    order KEY: an earlier event of its key is not settled yet
 *   READY     may be handed out; those of the highest priority first
 *   LEASED    a member has it, until due_ns
 *   ASKED     its lease ran out, or it is dead, and the record that says so is on its way
 *   ANSWERED  the log has decided that record: it is followed up to there first
 *   UNDURABLE that attempt is ordered; it counts once it is durable, and only then is it handed out
 *             again, so that who crashes each time comes to an end, too
 *   DELAYED   until append time is not_before_ns
 *   DEAD      to the dead letters, as soon as that can be written
 *   PARKED    order KEY, where `parks` is set: it is with the dead letters and stays here, too, so
 *             that those behind it wait: until it is redriven or given up
 *   CARRIED   it would be READY, but a copy of it further on is on its way
 *
 * One that nobody has and whose time is over (expires_ns), or that is one too many, is DEAD,
 * wherever it stands in its key, and goes also where there are no dead letters. Append time is told
 * by wr_share_clock(), in ns; leases run by the clock of the steps.
 *
 * What the log says comes back through wr_share_settled() and wr_share_rejected(), whoever wrote
 * it; both may be told twice. A generation is raised by each reject: that is what fences the one
 * who had the event before (core/log/outstanding.h decides; here it is mirrored).
 *
 *   share.c          taking, what the log says, what is due
 *   share_members.c  members, and what they are given
 *   share_parked.c   keys that wait behind a dead event
 *   share_move.c     all of it forgotten or begun anew, when the subscription is moved
 *   share_overflow.c the oldest go where there are too many
 *   share_terms.c    delays, times to live, priorities
 *   share_suspects.c what was outstanding when the process died
 *   share_carry.c    where events lie, copies further on
 *   share_keys.c     one list for each key
 *   share_time.c     a heap of what is due
 */
#ifndef WR_GROUP_SHARE_H
#define WR_GROUP_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/port/memory.h"

#define WR_SHARE_NONE UINT32_MAX

enum wr_share_state {
	WR_SHARE_FREE = 0,
	WR_SHARE_MARKED,
	WR_SHARE_BEHIND,
	WR_SHARE_READY,
	WR_SHARE_LEASED,
	WR_SHARE_ASKED,
	WR_SHARE_ANSWERED,
	WR_SHARE_UNDURABLE,
	WR_SHARE_DELAYED,
	WR_SHARE_DEAD,
	WR_SHARE_PARKED,
	WR_SHARE_CARRIED,
	WR_SHARE_STATES,
};

struct wr_share_event {
	uint64_t seq;
	uint64_t place;         /* of its copy further on; 0: it lies where it was */
	uint64_t from;          /* nothing of the subscription lies between this and seq */
	uint64_t key;           /* 0: none, it is in no order */
	uint64_t due_ns;        /* of what is next to happen to it, in the heap */
	uint64_t not_before_ns; /* append time */
	uint64_t expires_ns;    /* append time; 0: never */
	uint64_t durable_from;  /* UNDURABLE: the record that is to be durable */
	uint64_t told_by;       /* ANSWERED: once the log is followed up to here, it was missed */
	uint64_t reject_seq;    /* of the last reject that counted; 0: none did */
	uint64_t first_failed_us, last_failed_us;
	uint64_t grant;      /* LEASED: the how-manieth that its member was given */
	uint64_t granted_ns; /* LEASED: when that was */
	uint64_t lane_place; /* LEASED and over: where its member's lane ended when that was seen */
	uint32_t generation;
	uint32_t generation_told; /* ANSWERED: the one in force */
	uint32_t attempts;        /* that failed */
	uint32_t reason;
	uint32_t member;
	uint32_t bytes;
	uint8_t state; /* enum wr_share_state */
	bool is_over;  /* LEASED: the lease ran out, its member's lane is being drained */
	bool redelivered;
	bool dead;        /* it was rejected as dead */
	bool expired;     /* its time was over before anybody had it for good */
	bool overflowed;  /* there were too many: it was one of the oldest */
	bool told_counts; /* ANSWERED: as an attempt */
	bool parks;       /* its dead letter says that it stays: PARKED is next */
	bool carries;     /* a copy further on is on its way */
	bool stays;       /* it cannot be copied */
	bool not_erased;  /* its key was not, when its owner looked */
	uint8_t priority;
	uint32_t prev, next;          /* of the list of its state */
	uint32_t chain;               /* of its bucket, by sequence; or of those free */
	uint32_t heap;                /* place among what is due; WR_SHARE_NONE: not */
	uint32_t before, after;       /* of all, by sequence */
	uint32_t key_next, key_prev;  /* of its key, by sequence */
	uint32_t key_chain, key_last; /* of the first of a key: its bucket, and the last one */
};

struct wr_share_member {
	bool present;
	bool paused;      /* it does not poll: nothing more is given to it */
	uint32_t out_max; /* it may have so many */
	uint32_t out;     /* it has */
	uint64_t joined;  /* the how-manieth to join */
};

struct wr_share_list {
	uint32_t first, last, count;
};

#define WR_SHARE_PRIORITIES 32u

struct wr_share_due {
	uint64_t due_ns;
	uint32_t event;
};

struct wr_share_ports {
	void *context;
	/* Writes that the lease of an event ran out. 0, or -EAGAIN: no room now. */
	int (*expire)(void *context, const struct wr_share_event *event);
	/* Writes it to the dead letters (expired: if there are any) and settles it. 0, or negative:
	 * not now. */
	int (*bury)(void *context, const struct wr_share_event *event);
	/* Where a member's lane ends now; and whether it is decided up to a place. */
	uint64_t (*lane_place)(void *context, uint32_t member);
	bool (*lane_decided)(void *context, uint32_t member, uint64_t place);
	/* Writes that a suspect is handed out next, alone; NULL: that none is. 0, or -EAGAIN. */
	int (*in_hand)(void *context, const struct wr_share_event *event);
};

enum wr_share_alone {
	WR_ALONE_NONE = 0,
	WR_ALONE_ASKED,
	WR_ALONE_WAITS,
	WR_ALONE_MAY,
	WR_ALONE_OUT,
};

struct wr_share_options {
	bool by_key;         /* order KEY */
	bool single_active;  /* only the one that joined first is given anything */
	uint32_t events_max; /* outstanding at once */
	uint32_t members_max;
};

struct wr_share {
	const struct wr_share_ports *ports;
	struct wr_share_options options;
	uint64_t lease_ns;         /* may change while it runs */
	uint32_t first_generation; /* what is taken begins in it */
	/* Set by wr_share_give_up(). */
	uint32_t attempts_max; /* 0: no limit; that many failed, and it is dead */
	bool has_dead_letters; /* false: nothing but what is expired is DEAD */
	bool parks;            /* keys wait behind what is dead; may change while it runs */
	uint64_t now_ns;       /* by wr_share_clock() */
	uint64_t append_ns;

	struct wr_share_event *events;
	struct wr_share_member *members;
	uint32_t *buckets;     /* by sequence */
	uint32_t *key_buckets; /* by key: the first of each */
	uint32_t bucket_mask;
	struct wr_share_due *heap;
	uint32_t heap_count;
	uint32_t free;
	uint32_t event_count;
	uint32_t parked_count; /* PARKED, and behind one */
	/* Set before what is outstanding is restored. */
	bool isolates;         /* what lies below suspects_end is handed out one at a time */
	uint64_t suspects_end; /* share_suspects.c: */
	uint32_t suspect_count, ready_suspects;
	enum wr_share_alone alone;
	uint32_t alone_generation;
	uint64_t alone_seq, alone_from;
	uint64_t joins;
	uint32_t turn;           /* member that is looked at first */
	uint32_t oldest, newest; /* by sequence */
	struct wr_share_list marked, answered, undurable, dead;
	struct wr_share_list leased; /* as they were given */
	struct wr_share_list ready[WR_SHARE_PRIORITIES];
	uint32_t ready_set;                      /* bit by priority: which of them have some */
	uint32_t came_back[WR_SHARE_PRIORITIES]; /* READY again behind its copy: the last one */
	uint32_t in_state[WR_SHARE_STATES];
};

int wr_share_init(struct wr_share *s, struct wr_memory *memory, const struct wr_share_ports *ports,
		  const struct wr_share_options *options);
void wr_share_fini(struct wr_share *s, struct wr_memory *memory);
size_t wr_share_bytes(const struct wr_share_options *options);

/* ---- from the log ---- */

/* What time it is, by both clocks: before anything below that depends on it, and each step. */
void wr_share_clock(struct wr_share *s, uint64_t now_ns, uint64_t append_ns);
/* At open, in the order of the log: outstanding from an earlier run. */
void wr_share_restore(struct wr_share *s, const struct wr_share_event *event);
/*
 * An event that a mark on its way names; wr_share_room() of them at most. Of `event`: seq, from,
 * key, bytes, not_before_ns, expires_ns, priority, and `redelivered`: an earlier run may have
 * handed it out.
 */
void wr_share_take(struct wr_share *s, const struct wr_share_event *event);
uint32_t wr_share_room(const struct wr_share *s);
/* The oldest mark that named `count` is ordered; or refused, and they are to be taken again. */
void wr_share_marked(struct wr_share *s, uint32_t count);
void wr_share_unmarked(struct wr_share *s, uint32_t count);
/* Those from first to last that have this generation are settled: gone. */
void wr_share_settled(struct wr_share *s, uint64_t first_seq, uint64_t last_seq,
		      uint32_t generation);

struct wr_share_rejection {
	uint64_t seq;
	uint32_t generation; /* that it named: the next one is in force now */
	uint64_t record_seq;
	uint64_t failed_us;
	uint64_t not_before_ns; /* append time; 0: at once */
	uint32_t reason;
	bool counts; /* as an attempt */
	bool dead;
	bool parked;   /* it is with the dead letters, and stays */
	bool redriven; /* one that is PARKED: from the first attempt; the generation is any */
	bool given_up; /* one that is PARKED: settled; likewise */
};

void wr_share_rejected(struct wr_share *s, const struct wr_share_rejection *rejection);
/*
 * What became of the record that a lease ran out: the generation that is in force, 0: the event is
 * settled. The log says so at or below `told_by`; where that is overrun, it was missed. `counts`:
 * it was accepted.
 */
void wr_share_expired(struct wr_share *s, uint64_t seq, uint32_t generation, uint64_t told_by,
		      bool counts);
/*
 * It was put to the dead letters; false: it is to be tried again. `generation`: what it had when
 * that was asked. The log can be followed before its answer is taken: then it was parked, may have
 * been redriven since, and something else may have been asked of it.
 */
void wr_share_buried(struct wr_share *s, uint64_t seq, uint32_t generation, bool done);
/* What was asked of the log came too late, or is no letter: it is settled. As above. */
void wr_share_gone(struct wr_share *s, uint64_t seq, uint32_t generation);
/* After how many attempts events are dead, from now on: also those that wait. */
void wr_share_give_up(struct wr_share *s, uint32_t attempts_max, bool has_dead_letters);

/* Whether it has to wait for its time; it is due at once. */
bool wr_share_is_delayed(const struct wr_share *s, const struct wr_share_event *e);
void wr_share_hasten(struct wr_share *s, struct wr_share_event *e);

/* What is to go, by events and by bytes of records: both are to become 0. */
struct wr_share_excess {
	uint64_t events, bytes;
};

/* The oldest that nobody has are DEAD, until the excess is gone, or those that may go are. */
void wr_share_overflow(struct wr_share *s, struct wr_share_excess *excess);
/* Bytes of those that wait: that nobody has, that are not on their way, nor parked. */
uint64_t wr_share_waiting_bytes(struct wr_share *s);
/*
 * It was moved: what is taken begins in this generation, and so does what stays: that was carried
 * from below `carried_end`, and begins anew. Nothing else is outstanding. 0: nothing at all.
 */
void wr_share_moved(struct wr_share *s, uint32_t first_generation, uint64_t carried_end);

/* ---- members ---- */

void wr_share_join(struct wr_share *s, uint32_t member, uint32_t out_max);
void wr_share_pause(struct wr_share *s, uint32_t member, bool paused);
/* Its lane is decided to the end: what it has left is anybody's. */
void wr_share_leave(struct wr_share *s, uint32_t member);
/* Its lease of an event ends then, and not before; if it still has it. */
void wr_share_extend(struct wr_share *s, uint32_t member, uint64_t seq, uint32_t generation,
		     uint64_t due_ns);
/*
 * The next event for `member`, its `grant`-th, leased from now on, or NULL: it has enough, or there
 * is none. What is returned is good until the next call.
 */
const struct wr_share_event *wr_share_grant(struct wr_share *s, uint32_t member, uint64_t grant,
					    uint64_t now_ns);
/* Whether there is a member that polls. */
bool wr_share_has_reader(const struct wr_share *s);
/* Members that may be given something, by turns: the next one, or WR_SHARE_NONE. */
uint32_t wr_share_next_member(struct wr_share *s);

/* The lowest event at or above `seq`; UINT64_MAX: none. Looks at those below. */
uint64_t wr_share_lowest_seq(const struct wr_share *s, uint64_t seq);

/* ---- suspects ---- */

/* Whether some are left that are handed out one at a time. */
bool wr_share_isolates(const struct wr_share *s);
/* What is outstanding is no suspect any more: nobody handles it. */
void wr_share_trust(struct wr_share *s);
/* What became of the record that one is in hand. */
void wr_share_in_hand(struct wr_share *s, uint64_t seq, bool done, uint64_t record_seq);

/* ---- where events lie ---- */

static inline uint64_t wr_share_place(const struct wr_share_event *e)
{
	return e->place != 0 ? e->place : e->seq;
}

/* What of it lies below a sequence: how many, the bytes that copies of them take at most, and
 * whether some of that cannot be copied now. */
struct wr_share_below {
	uint64_t events, bytes;
	bool has_fixed;
};
void wr_share_below(const struct wr_share *s, uint64_t end_seq, struct wr_share_below *ret_below);

/* The next one that lies below `end_seq`, by sequence; NULL: there is none. Zeros: the first. */
struct wr_share_cursor {
	uint64_t seq;
	uint32_t at;
};
struct wr_share_event *wr_share_next_below(struct wr_share *s, struct wr_share_cursor *cursor,
					   uint64_t end_seq);

/* Whether one that lies further on, or is on its way there, was taken from below `end_seq`. */
bool wr_share_has_carried(const struct wr_share *s, uint64_t end_seq);

/* Whether a copy of it may be made now: nobody has it, and nothing about it is on its way. */
bool wr_share_may_carry(const struct wr_share *s, const struct wr_share_event *e);
/* Its copy is on its way; and what became of it: its place, 0: there is none, and `again` says
 * whether that may be tried once more. */
void wr_share_carry(struct wr_share *s, struct wr_share_event *e);
void wr_share_carried(struct wr_share *s, uint64_t seq, uint64_t place, bool again);

/* ---- the step ---- */

/*
 * Leases that ran out, delays that are over, what has expired, dead letters. How much was done. The
 * log is durable up to durable_seq, and was followed up to followed_seq.
 */
int wr_share_step(struct wr_share *s, uint64_t durable_seq, uint64_t followed_seq);
/* When something is due; UINT64_MAX: nothing. */
uint64_t wr_share_due_ns(const struct wr_share *s);
/* Since the event that a member has had for longest was given to it; 0: none has any. */
uint64_t wr_share_lease_age_ns(const struct wr_share *s, uint64_t now_ns);

/* ---- between its own files ---- */

static inline uint32_t wr_share_index(const struct wr_share *s, const struct wr_share_event *e)
{
	return (uint32_t)(e - s->events);
}
/* Nothing is outstanding: lists, indexes and counts are empty. */
void wr_share_clear(struct wr_share *s);
/* One in a place of its own, behind all that are there: into the indexes, in no state yet. */
void wr_share_link(struct wr_share *s, uint32_t event);
/* NULL: it is not outstanding. */
struct wr_share_event *wr_share_find(struct wr_share *s, uint64_t seq);
/* Out of its state: lists, what is due, and its member's count. */
void wr_share_leave_state(struct wr_share *s, struct wr_share_event *e);
void wr_share_enter_state(struct wr_share *s, struct wr_share_event *e, enum wr_share_state state,
			  bool in_front);
/* One that is READY, and the first there, goes behind those in front that the log has before it:
 * from this one of them on, or WR_SHARE_NONE. */
void wr_share_sort_in(struct wr_share *s, struct wr_share_event *e, uint32_t from);
/* It may be handed out, if it is the first of its key; or is to go to the dead letters. */
void wr_share_make_ready(struct wr_share *s, struct wr_share_event *e, bool in_front);
/* Chooses the next suspect, when it may be had. What was done. */
int wr_share_step_suspects(struct wr_share *s, uint64_t durable_seq);
/* While it isolates: what may be granted now; NULL: nothing. */
struct wr_share_event *wr_share_next_alone(struct wr_share *s);
static inline bool wr_share_is_suspect(const struct wr_share *s, const struct wr_share_event *e)
{
	return s->isolates && e->seq < s->suspects_end;
}
/* Gone. Who waited behind it is next. */
void wr_share_forget(struct wr_share *s, struct wr_share_event *e);
/* One that has left its state is PARKED; and is not any more, in no state until it enters one. */
void wr_share_park(struct wr_share *s, struct wr_share_event *e);
void wr_share_unpark(struct wr_share *s, struct wr_share_event *e);
/* Whether it is counted as parked with the first of its key. */
bool wr_share_is_behind_parked(struct wr_share *s, uint32_t event);
/* One that is PARKED (NULL and others: nothing happens) begins anew, or is given up. */
void wr_share_end_parked(struct wr_share *s, struct wr_share_event *e, bool given_up);
static inline bool wr_share_before(const struct wr_share *s, uint32_t a, uint32_t b)
{
	return s->heap[a].due_ns < s->heap[b].due_ns;
}
bool wr_share_is_expired(const struct wr_share *s, const struct wr_share_event *e);
/* Into the heap for what is next to happen to one that waits: its delay, or its end. */
void wr_share_watch(struct wr_share *s, struct wr_share_event *e);
/* The first of what is ready, and has not expired meanwhile; NULL: there is nothing. */
struct wr_share_event *wr_share_most_urgent(struct wr_share *s);
void wr_share_heap_put(struct wr_share *s, uint32_t event, uint64_t due_ns);
void wr_share_heap_drop(struct wr_share *s, uint32_t event);
/* The first of its key goes first. */
void wr_share_key_add(struct wr_share *s, uint32_t event);
/* The one that is first now, if `event` was; WR_SHARE_NONE: nothing changed. */
uint32_t wr_share_key_remove(struct wr_share *s, uint32_t event);
bool wr_share_key_is_first(const struct wr_share *s, uint32_t event);
/* The first of its key; and how many the key has, counted one by one. */
uint32_t wr_share_key_first(struct wr_share *s, uint32_t event);
uint32_t wr_share_key_count(const struct wr_share *s, uint32_t first);

#endif
