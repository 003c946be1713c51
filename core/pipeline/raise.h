/* SPDX-License-Identifier: Apache-2.0 */
/* What the group step has handed to the log, and is known again by the answer. */
#ifndef WR_PIPELINE_RAISE_H
#define WR_PIPELINE_RAISE_H

#include <stdint.h>

enum wr_raise_kind {
	/* Of subscriptions by partition. */
	WR_RAISE_GENERATION = 0, /* a row goes to another owner, or to another place */
	WR_RAISE_LETTER,         /* its event is put to the dead letters (retry.h) */
	WR_RAISE_PASS, /* a row that is nobody's moves on: whether it does is seen in the tables */
	/* Of shared ones (sharing.h). */
	WR_RAISE_MARK,    /* events are taken */
	WR_RAISE_EXPIRE,  /* a lease ran out */
	WR_RAISE_BURY,    /* to the dead letters, or settled without */
	WR_RAISE_IN_HAND, /* a suspect is handed out alone */
	WR_RAISE_MOVE,    /* a seek */
	/* Of both. */
	WR_RAISE_CRASHED, /* the process had died, or had ended well (reopening.h) */
	/* Of those that copy (copier.h). */
	WR_RAISE_COPIES,
	/* Of queues: an event's copy further on (carry.h). */
	WR_RAISE_CARRY,
	/* Whatever is answered says nothing. */
	WR_RAISE_NOTHING,
};

struct wr_raise {
	enum wr_raise_kind kind;
	uint32_t subscription;
	uint32_t row;        /* GENERATION, LETTER; MARK: how many events; BURY: WR_FATE_* */
	uint32_t generation; /* BURY: the event's */
	uint64_t seq; /* LETTER, EXPIRE, BURY, IN_HAND, CARRY: the event; MARK: where it begins;
		       * COPIES: all below is copied with it */
};

#endif
