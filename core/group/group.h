/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group: who owns which partition of a subscription, and the moves between owners. A state
 * machine stepped by one thread; it knows the log and the members only through its ports.
 *
 * A row is a partition of the subscription. Its life:
 *
 *   SETTLED    owned by `owner` under the generation in force, or by nobody
 *   REVOKING   the owner was asked to let go; it flushes its acks and answers at its next poll, or
 *              its session times out
 *   DRAINING   waiting until the writer has decided everything that the owner sent before it let
 *              go (L19: or before it was declared dead)
 *   RAISING    a generation record is on its way; acks of the old one are refused from there on
 *   then SETTLED with the next owner, told only after the record is in the log
 *
 * A seek goes through the same states without REVOKING: acks of what is in hand are to be fenced.
 *
 * Static members (with an instance id) have a seat that outlives them: what they own is theirs
 * until a time after they left, and nobody else's; who comes with their instance id meanwhile gets
 * it, and nothing else moves. Who comes while they are still there takes their place at once: the
 * older one is fenced, and loses what it has like one whose session ended (seats.c).
 *
 * A topic can grow. Rows that are not in force yet are nobody's, and no seek touches them. Those
 * that came to be in force by a growth wait: they are given to nobody before all that came before
 * them in the partition that had their keys is settled, nor after a seek until that is so again.
 *
 * Who loses a row without having let it go, by a seek or because its session ended, is told so
 * before a generation is asked for another (`lost`): it may poll again at any time, and would go on
 * handing out until an ack of it is fenced. That needs no room: who does not poll reads no
 * messages.
 */
#ifndef WR_GROUP_GROUP_H
#define WR_GROUP_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/group/assign.h"
#include "core/port/memory.h"

enum wr_row_state {
	WR_ROW_SETTLED = 0,
	WR_ROW_REVOKING,
	WR_ROW_DRAINING,
	WR_ROW_RAISING,
};

struct wr_row {
	enum wr_row_state state;
	uint32_t owner;       /* who holds it now (until it let go) */
	uint32_t target;      /* who is to hold it: a member, or a seat that is kept (wr_seat_id) */
	uint32_t generation;  /* in force */
	uint32_t to;          /* RAISING: whom the generation under way is for */
	uint64_t drain_place; /* DRAINING: in the old owner's lane */
	uint32_t drain_member;
	uint32_t holder;           /* who was told that it owns it, and not yet that it lost it */
	uint64_t seek_position;    /* != WR_SEEK_NONE: the next generation moves the position */
	uint64_t raising_position; /* RAISING: what the generation under way does to it */
	bool in_force;
	bool waits; /* for the partition that had its keys: see ports.opens */
};

#define WR_SEEK_NONE UINT64_MAX

/* A member, as the group sees it. */
struct wr_group_member {
	bool present;
	bool leaving;          /* wants to go: gets nothing any more */
	bool expired;          /* its session timed out: gets nothing until it polls again */
	bool fenced;           /* another one has its instance id now: gets nothing any more */
	uint32_t owned_count;  /* rows that it has not let go yet */
	uint32_t raised_count; /* rows RAISING for it: each will be a message */
	uint32_t seat;         /* of a static one; WR_MEMBER_NONE: it is none, or has lost it */
	char name[64];
};

/* Of an instance id. */
struct wr_seat {
	bool present;
	uint32_t member;   /* who has it; WR_MEMBER_NONE: it is kept */
	uint64_t until_ns; /* kept: until then */
	char instance[64];
};

struct wr_group_ports {
	void *context;
	/*
	 * Asks the log for the next generation of a row (`generation`), for `owner`; position:
	 * WR_SEEK_NONE keeps it. 0, or -EAGAIN: no room now. The outcome comes back through
	 * wr_group_raised().
	 */
	int (*raise)(void *context, uint32_t row, uint32_t generation, uint32_t owner,
		     uint64_t position);
	/* Messages that a member has room for, until it polls. */
	uint32_t (*room)(void *context, uint32_t member);
	/* Tells a member; the group has looked for room. */
	void (*assign)(void *context, uint32_t member, uint32_t row, uint32_t generation);
	void (*revoke)(void *context, uint32_t member, uint32_t row, uint32_t generation);
	/* Whatever the member was assigned of the row up to `generation` is not its any more. */
	void (*lost)(void *context, uint32_t member, uint32_t row, uint32_t generation);
	/* Tells a member that another one has its instance id now. */
	void (*fence)(void *context, uint32_t member);
	/* Of a row that waits: whether all that came before it is settled. NULL where none does. */
	bool (*opens)(void *context, uint32_t row);
	/* Where a member's lane ends now, a place in bytes; and whether it is decided up to one. */
	uint64_t (*lane_place)(void *context, uint32_t member);
	bool (*lane_decided)(void *context, uint32_t member, uint64_t place);
};

struct wr_group {
	const struct wr_group_ports *ports;
	struct wr_row *rows;
	struct wr_group_member *members;
	struct wr_seat *seats; /* [member_count] */
	uint32_t *owners;      /* scratch of an assignment */
	uint32_t *ordered;     /* scratch: members and kept seats, in order; as the two below */
	uint32_t *counts, *quotas;
	const uint32_t *topic_partitions; /* laid out */
	const uint32_t *topic_in_force;
	uint32_t topic_count;
	uint32_t row_count;
	uint32_t member_count; /* slots */
	uint32_t kept_count;   /* seats that nobody has now */
	enum wr_assignor assignor;
	bool changed;    /* membership changed: assign anew */
	uint32_t moving; /* rows that are not SETTLED, or not where they are to be */
};

/* `topic_partitions` stays the caller's and must outlive the group. */
int wr_group_init(struct wr_group *g, struct wr_memory *memory, const struct wr_group_ports *ports,
		  const uint32_t *topic_partitions, uint32_t topic_count, uint32_t member_count);
void wr_group_fini(struct wr_group *g, struct wr_memory *memory);

/*
 * So many partitions of each topic are in force now, and so many were from the beginning. Both
 * stay the caller's.
 */
void wr_group_grow(struct wr_group *g, const uint32_t *topic_in_force,
		   const uint32_t *topic_made_with);

/* The generation that the log has for a row: before the first step. */
void wr_group_set_generation(struct wr_group *g, uint32_t row, uint32_t generation);

/* From now on; what is owned moves as far as the assignor says. */
void wr_group_use(struct wr_group *g, enum wr_assignor assignor);

/* `instance`: "" for a dynamic member. Who has the same one already is fenced. */
void wr_group_join(struct wr_group *g, uint32_t member, const char *name, const char *instance);
/*
 * It gets nothing more; its rows are taken back without asking it: it has flushed already. Those of
 * a static member are kept until keep_until_ns.
 */
void wr_group_leave(struct wr_group *g, uint32_t member, uint64_t keep_until_ns);
/* What was kept for longer than until now is given to others. Whether anything was. */
bool wr_group_keep(struct wr_group *g, uint64_t now_ns);
/* Whether nothing is in its name any more: its slot may be used again. */
bool wr_group_has_left(const struct wr_group *g, uint32_t member);
void wr_group_remove(struct wr_group *g, uint32_t member);
/* Its session timed out; or it polled again. */
void wr_group_expire(struct wr_group *g, uint32_t member);
void wr_group_revive(struct wr_group *g, uint32_t member);
/* It let a row go; its last ack of it lies below `place` in its lane. */
void wr_group_released(struct wr_group *g, uint32_t member, uint32_t row, uint32_t generation,
		       uint64_t place);
/* What became of a raise(): code 0, or why the log refused it. */
void wr_group_raised(struct wr_group *g, uint32_t row, int code);
/* All rows that are in force to a position (rows of idle members too). */
void wr_group_seek(struct wr_group *g, uint64_t position);
/* Whether every row is where it is to be. */
bool wr_group_is_settled(const struct wr_group *g);

/* Moves what can be moved; how much. */
int wr_group_step(struct wr_group *g);

/* ---- inside ---- */

/* A seat that is kept, among members. */
static inline uint32_t wr_seat_id(const struct wr_group *g, uint32_t seat)
{
	return g->member_count + seat;
}

bool wr_group_may_own(const struct wr_group_member *m);
/* Whether rows may be assigned to it: a member, or a seat that is kept. */
bool wr_group_takes_part(const struct wr_group *g, uint32_t id);
/* seats.c. The seat of an instance id becomes the member's. */
void wr_seat_take(struct wr_group *g, uint32_t member, const char *instance);
/* It is kept, or, when its member had no part any more, given up. */
void wr_seat_leave(struct wr_group *g, uint32_t member, uint64_t keep_until_ns);

#endif
