/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member: one reader of a group. Everything here belongs to the thread that polls, but for the
 * mailboxes and what is marked as shared.
 *
 *   poll.c          where it stands in the log, and what it hands out
 *   poll_wait.c     waiting for that
 *   ack.c           what was acknowledged, and the progress that goes to the log
 *   member_rows.c   what it owns, by messages from and to the group
 *   member_tries.c  events of its partitions that have failed: retries in place
 *   member.c        joining and leaving
 *   handler.c       the step of one with a handler
 */
#ifndef WR_PIPELINE_MEMBER_H
#define WR_PIPELINE_MEMBER_H

#include <weir/subscription.h>

#include "core/base/pause.h"
#include "core/base/spsc.h"
#include "core/log/chunk.h"
#include "core/log/lane.h"
#include "core/port/sleepers.h"

/* How far, and how many were counted up to there. */
struct wr_acked {
	uint64_t to, events, bytes;
};

/* A partition, as its owner sees it. Sequences: next_out >= next_from >= acked >= flushed. */
struct wr_member_row {
	uint32_t generation; /* 0: not owned */
	uint32_t topic;
	uint32_t partition;
	uint64_t next_out;          /* events below are not handed out */
	uint64_t next_from;         /* one beyond the last item handed out */
	uint64_t acked;             /* everything below is acknowledged */
	uint64_t flushed;           /* as told to the log */
	uint64_t redelivered_below; /* events below may have been handed out before */
	uint64_t gap_end;           /* of the gap that was handed out last; 0: none was */
	struct wr_acked gap_acked;  /* what was acknowledged when it was */
	/* Counts since the assignment, for lag: of what lies behind the gap, which counts anew. */
	uint64_t handed_events, handed_bytes;
	uint64_t acked_events, acked_bytes;
	uint64_t flushed_events, flushed_bytes;
	uint64_t first_ticket; /* tickets of the lane below belong to an earlier assignment */
	uint64_t held_ticket;  /* the last transaction with it that is on its way; 0: none */
	uint32_t open_part;    /* of the open transaction, from 1; 0: it has none of it */
	bool dirty;            /* in the member's list of rows to flush */
	bool rewinds;          /* at the next poll: what is not acknowledged comes again */
	bool told_lost;        /* then, and its user was told that it is this member's no more */
	bool goes_back;        /* while a refused transaction is looked at: it is one of its */
	bool revoked;          /* asked to let go: nothing is handed out, released once flushed */
	bool tried;            /* something stands in its wr_tried */
	bool blocked;          /* nothing more of it is handed out for now: see wr_tried */
	bool behind;           /* the member went back for it: it needs what lies in between */
};

/*
 * The event of a row that has failed, or that is handed out alone after crashes: its own copy of
 * what the writer's table says (core/log/attempts.h). The row is blocked until the event is settled
 * or may be tried again.
 */
struct wr_tried {
	uint64_t seq;      /* 0: none yet: the next of the row is, and it is handed out alone */
	uint64_t due_ns;   /* monotonic */
	uint64_t ticket;   /* of what was last said of it: durable before it is handed out again */
	uint64_t said_seq; /* ticket 0: that stands here, by an owner before */
	uint32_t attempts;
	uint32_t alone_left; /* so many more are handed out alone; 0: the row is as any other */
	bool dead;           /* it is not to be tried again, whatever attempts_max says */
	bool handed;         /* it is in hand */
	bool marked;         /* the log was told that it is handed out alone */
	bool told;           /* the group was asked for its dead letter */
};

/* A piece of a row that was acknowledged out of order. */
struct wr_ack_piece {
	uint32_t row;
	uint64_t from;
	uint64_t to;
	uint64_t events;
	uint64_t bytes;
};

enum wr_message_kind {
	WR_MESSAGE_ASSIGN = 1,
	WR_MESSAGE_REVOKE,
	WR_MESSAGE_RELEASED,
	WR_MESSAGE_DEAD, /* by the owner: the row's event at `position` is to be a dead letter */
};

/* Whose moves a descriptor waits for. */
enum wr_event_by {
	WR_EVENT_BY_WRITER,
	WR_EVENT_BY_JOURNAL,
	WR_EVENT_APART, /* told for itself: by the group, or with its owner's place at a gate */
};

/* A descriptor that is signalled when something happened, once, until it is armed again. */
struct wr_event_fd {
	wr_atomic_u32 armed; /* E1: set by the owner (seq_cst), taken by the signaller */
	wr_atomic_u32 by;    /* E1: enum wr_event_by, set before it is armed */
	int fd;      /* of the slot, until the pipeline is gone: a late signal finds no stranger */
	bool wanted; /* the present owner's: it asked for one */
};

struct wr_member_sharing;
struct wr_member_times;
struct wr_route;
struct wr_span_slot;
struct wr_transactions;

/* Between a group and a member. */
struct wr_message {
	enum wr_message_kind kind;
	uint32_t row;
	uint32_t generation;
	uint64_t position;   /* ASSIGN, DEAD */
	uint64_t skip_to;    /* ASSIGN: nothing unsettled lies below */
	uint64_t skip_below; /* ASSIGN: with `redelivered`: what was handed out lies below */
	uint64_t lane_place; /* RELEASED: where its lane ends, the last ack included: in bytes */
	bool redelivered;    /* ASSIGN: another owner may have handed events out */
};

/* polled_ns of a member that waits in a poll. */
#define WR_POLLED_NOW UINT64_MAX

enum wr_member_state {
	WR_MEMBER_FREE = 0,
	WR_MEMBER_TAKEN = 1,   /* being set up, or torn down, by the caller */
	WR_MEMBER_JOINING = 2, /* the group has not seen it yet */
	WR_MEMBER_JOINED = 3,
	WR_MEMBER_LEAVING = 4, /* flushed; the group takes its rows back */
	WR_MEMBER_LEFT = 5,    /* nothing is in its name any more */
	/* Its owner did not wait for that: */
	WR_MEMBER_ABANDONED = 6, /* as LEAVING */
	WR_MEMBER_GONE = 7,      /* as FREE, once the block of the last one is given back */
};

/* What becomes of a pin that is left at the close. */
enum wr_lent { WR_LENT = 0, WR_LENT_COUNTED = 1, WR_LENT_BACK = 2 };

/* Where a member reads. */
enum wr_place { WR_PLACE_NONE = 0, WR_PLACE_LIVE, WR_PLACE_CATCHUP };

struct weir_member {
	struct weir_pipeline *pipeline;
	uint32_t slot;
	uint32_t subscription;
	struct wr_lane *lane; /* acks */
	struct wr_pin *pin;
	char name[64];
	char instance[64]; /* of a static member; "": it is none */

	/* Shared. */
	wr_atomic_u32 state;     /* M1: handed on by release, read by acquire */
	wr_atomic_u32 inside;    /* Y2: 1: its thread is in a poll, and a close waits for it */
	wr_atomic_u32 lent;      /* Z1: enum wr_lent; who comes second takes it off the count */
	uintptr_t poller;        /* the thread of the last poll; under Y2 */
	wr_atomic_u64 polled_ns; /* heartbeat: mono time of the last poll */
	/* For metrics, relaxed: `delivered` and `settled`, as of the last poll or flush. */
	wr_atomic_u64 delivered_told, settled_told;
	wr_atomic_u64 released; /* N2: counts rows let go: what the group step looks at */
	uint64_t released_own;
	wr_atomic_u64 wanted_seq;      /* U1: != 0: behind, needs this sequence from disk */
	wr_atomic_u64 requests;        /* U1: counts those that the group answers */
	wr_atomic_u32 catchup_failure; /* U1: code, negated; with the two below */
	struct weir_problem problem;
	uint64_t failure_seq;      /* where it asked for */
	wr_atomic_u64 reading_seq; /* what it reads next: for `block` */
	wr_atomic_u64 mail;        /* N1: counts messages to the member: what it sleeps on */
	wr_atomic_u32 fenced_out;  /* another one has its instance id: by mail, N1 */
	wr_atomic_u64 losses;      /* N3: counts changes of `lost` */
	wr_atomic_u32 *lost;       /* [row_count] N3: no generation up to it is the member's */
	wr_atomic_u64
		due_ns; /* relaxed: when it wants to be told that a retry is due; UINT64_MAX */
	struct wr_spsc to_member_ring; /* group → member */
	struct wr_message *to_member;
	struct wr_spsc to_group_ring; /* member → group */
	struct wr_message *to_group;
	uint32_t message_count;        /* of each ring */
	struct wr_parker *gate_parker; /* where it sleeps */
	struct wr_sleepers *sleepers;  /* NULL: it is not told apart from others there */

	/* The group's. */
	uint64_t joined_number; /* which of all that have joined; M1 */
	bool expired;
	uint64_t requests_told;
	uint64_t due_told_ns; /* of due_ns */

	/* The poller's. */
	struct wr_member_row *rows;
	uint32_t row_count;
	struct wr_tried *tried; /* [row_count] */
	uint32_t tried_count;   /* rows that are `tried` */
	uint64_t return_seq;    /* where it was before it went back for rows; 0: it did not */
	uint32_t owned_count;
	uint64_t *tags;       /* bitmap of the tags of owned rows */
	uint64_t tags_folded; /* its words, one over the other */
	uint32_t tag_words;
	uint32_t *dirty; /* rows to flush */
	uint32_t dirty_count;
	struct wr_ack_piece *pieces;
	uint32_t piece_count, piece_max;
	uint64_t mail_seen;
	uint64_t losses_seen;
	uint64_t passed_seq; /* scan_seq when idle rows were passed last */
	bool fenced;         /* acks were refused or dropped, and no commit has said so yet */

	enum weir_level gate;
	enum wr_place place;
	uint64_t ordinal; /* LIVE */
	struct wr_chunk *chunk;
	uint64_t scan_seq;      /* next sequence to look at */
	struct wr_route *route; /* what its subscription wants (router.h); NULL: everything */
	uint32_t batch_index;   /* of the batch that holds the last item */
	uint64_t gap_end;       /* != 0: rows below it get a gap item each */
	uint32_t gap_row;       /* next row to look at */
	struct wr_event_fd *event;
	/* For metrics (member_times.h): how many it did, which of them are timed. */
	struct wr_member_times *times; /* of the slot; NULL: nobody counts */
	uint64_t delivered, handled, settled;
	uint64_t picked_us; /* append time of an event of the last poll; 0: of a gap */
	struct wr_sampler delivering, handling, settling;
	struct wr_span_slot *span_slot; /* NULL: it has told nothing for spans (span_notes.h) */
	bool tells_no_spans;            /* the exporter's own reading */
	struct wr_member_sharing
		*sharing; /* of a shared subscription; NULL: it follows partitions */
	struct wr_transactions *transactions;
	bool in_transaction; /* one is open: what it has in the lane is no run yet */
	bool rewinds;        /* some row does */
	uint64_t erased_end; /* as of this poll: what stands below may have been erased (erase.h) */
	bool keeps_erased;   /* a job over dead letters: it gets those as they are, and ends them */

	/* A handler. */
	enum weir_handled (*handler)(void *context, struct weir_member *member,
				     const struct weir_item *item);
	void *handler_context;
	struct weir_item *items;
	uint32_t items_max;
	uint32_t item_next, item_count; /* polled and not yet handled */
	/* RETRY or DEAD: the handler said so of items[item_next], and the log could not be told:
	 * its lane had no room, or a transaction before it is not decided. Else OK. */
	enum weir_handled untold;
	bool moved;                /* meanwhile: the pin is not of the place that it reads next */
	bool detached;             /* some of its rows are: a poll says so */
	wr_atomic_u32 handler_end; /* M2: 1: it said stop; 2: it has ended */
	bool handler_ended;
	uint64_t announced;  /* what its thread sleeps for */
	bool stuck;          /* what it reads next cannot be read: tried again, but not at once */
	uint64_t stuck_mail; /* unless a message comes that moves it elsewhere */
	uint64_t stuck_ns;
	uint64_t stuck_seq;         /* the place that was told of last; 0: none */
	struct weir_replay *replay; /* not NULL: the slot is a replay's (replay.h), of no group */
	void *block;                /* what join allocated */
	size_t block_bytes;
};

/* The row of an item that was handed out: 0, -EINVAL, WEIR_E_FENCED, or 1: acknowledged before. */
int wr_member_row_of(struct weir_member *m, const struct weir_item *item, uint32_t *ret_row);
/* In the list of rows to flush. */
void wr_member_mark_dirty(struct weir_member *m, uint32_t row);
/* Takes in a row's pieces, among `count`, that leave no hole behind *acked; how many are left. */
uint32_t wr_pieces_join(struct wr_ack_piece *pieces, uint32_t count, uint32_t row,
			struct wr_acked *acked);
/* Whether one of them has all of that. */
bool wr_pieces_have(const struct wr_ack_piece *pieces, uint32_t count, uint32_t row,
		    uint64_t from_seq, uint64_t end_seq);
/* Where an item of a row ends, and what it adds to what is counted: its event, if none has it. */
struct wr_acked wr_pieces_count(const struct weir_member *m, const struct wr_ack_piece *pieces,
				uint32_t count, uint32_t row, const struct weir_item *item);
/* A gap up to end_seq is handed out: what lies below is not counted. */
void wr_member_begin_gap(struct weir_member *m, uint32_t row, uint64_t end_seq);
/* An ack out of order, with those that it touches or as a new one: 0, WEIR_E_FULL. */
int wr_pieces_add(struct wr_ack_piece *pieces, uint32_t *count, uint32_t max, uint32_t row,
		  uint64_t from_seq, const struct wr_acked *acked);
/* Those that now begin at the row's acked position. */
void wr_member_join_pieces(struct weir_member *m, uint32_t row);
/* Forgets those of a row: whether there were any. */
bool wr_member_drop_pieces(struct weir_member *m, uint32_t row);
/* The record that tells of a row; its bytes. */
uint32_t wr_member_write_progress(struct weir_member *m, uint32_t row, const struct wr_acked *acked,
				  void *to);
/* ---- member_tries.c ---- */

/* A row was given: what the log says of its first event. */
void wr_member_take_tried(struct weir_member *m, uint32_t row);
/* Nothing of that counts any more. */
void wr_member_forget_tried(struct weir_member *m, uint32_t row);
/* The row has gone back to what is not acknowledged. */
void wr_member_untry(struct weir_member *m, uint32_t row);
/* The row is to be told of a gap, which ends there. False: not now. */
bool wr_member_gap_tried(struct weir_member *m, uint32_t row_index, uint64_t gap_end);
/* Whether the event of a `tried` row may be handed out now; */
bool wr_member_may_try(struct weir_member *m, uint32_t row, uint64_t seq);
/* and it is: which attempt that is. */
uint32_t wr_member_begin_try(struct weir_member *m, uint32_t row, uint64_t seq);
/* A poll begins: what was settled meanwhile, is due, or has to be told. */
void wr_member_tend_tried(struct weir_member *m);
/* The answer that another one of the subscription is handed out alone: it is asked again later. */
void wr_member_not_alone(struct weir_member *m, const struct wr_reply *reply);
/* Goes on where it was, if none of the rows that it went back for needs what lies in between. */
void wr_member_come_back(struct weir_member *m);
/* What is handed out and not acknowledged of a row comes again, from `acked` on. */
void wr_member_set_back(struct weir_member *m, uint32_t row);
/* The row's progress, into the lane; false: no room. */
bool wr_member_flush_row(struct weir_member *m, uint32_t row);

/* What is not acknowledged comes again. */
void wr_member_rewind_rows(struct weir_member *m);
/* Flushes acks into the lane as far as there is room: rows that are still dirty after it. */
uint32_t wr_member_flush(struct weir_member *m);
/* Moves a row on to what was scanned, if nothing of it is in hand: for the member alone; */
void wr_member_step_over(struct weir_member *m, struct wr_member_row *row);
/* and for the log, with the next flush. */
void wr_member_pass_row(struct weir_member *m, uint32_t row);
/* All of them: the last acks of a member that goes. */
void wr_member_pass_rows(struct weir_member *m);
/* Whether its next flush has rows to move on, since files are waiting for that. */
bool wr_member_has_to_pass(const struct weir_member *m);
/* Answers of the writer (fenced rows). */
void wr_member_take_replies(struct weir_member *m);
/* What the group took back without asking, and its messages; answers revokes. */
void wr_member_take_messages(struct weir_member *m);
/* A row is not the member's any more: forget what it had. */
void wr_member_drop_row(struct weir_member *m, uint32_t row);
/* Nothing is brought from disk for it any more, or kept there, until it asks anew. */
void wr_member_want_nothing(struct weir_member *m);
/* Ends the loan. */
void wr_member_unpin(struct weir_member *m);
/* Whether scan_seq is in memory: m->chunk is the last chunk that begins at or below it, pinned. */
bool wr_member_find_live(struct weir_member *m);
/* Reads in a chunk that is pinned. */
void wr_member_stand_in(struct weir_member *m, enum wr_place place, struct wr_chunk *chunk);
/* The first sequence that is still in memory. False when there is no chunk. Nothing is pinned. */
bool wr_member_oldest_in_memory(struct weir_member *m, uint64_t *ret_seq);
/* One beyond the last record of m->chunk that may be handed out. */
uint64_t wr_member_chunk_limit(struct weir_member *m, uint64_t gate_seq);
/* m->chunk is read to its end, and no more will come: on to the next one. False: more may come. */
bool wr_member_leave_chunk(struct weir_member *m);
/* A poll begins (false: the pipeline is closed, and what was lent has come back), and ends. */
bool wr_member_begin_call(struct weir_member *m);
void wr_member_end_call(struct weir_member *m);
/* A slot without a lane and a group, for who reads by himself; NULL: members_max. And back. */
struct weir_member *wr_member_take_slot(struct weir_pipeline *p);
void wr_member_give_slot(struct weir_member *m);
/* Makes m->chunk the one that holds scan_seq, if it can be had now. 0, or what is wrong on disk. */
int wr_member_find_chunk(struct weir_member *m);
/* The next look at the log is for this sequence, wherever it is. */
void wr_member_move_to(struct weir_member *m, uint64_t seq);
enum wr_event_by wr_member_event_by(struct weir_member *m);
/* What it sleeps for at its gate, having found nothing (gate_sleepers.c). */
uint64_t wr_member_wants(struct weir_member *m);
/* It was too slow, and has nothing before a seek (WR_POSITION_DETACHED). The code. */
int wr_member_say_detached(struct weir_member *m);
/* A poll that never waits: items, 0, or a negative code. */
int wr_member_poll(struct weir_member *m, struct weir_item *items, uint32_t items_max);

#endif
