/* SPDX-License-Identifier: Apache-2.0 */
/* What the group step has handed to the log, and is known again by the answer. */
#ifndef WR_PIPELINE_RAISE_H
#define WR_PIPELINE_RAISE_H

#include <stdint.h>

/* What the group has handed to the log, by the ticket that it got. */
enum wr_raise_kind {
	WR_RAISE_GENERATION = 0,
	WR_RAISE_MARK,    /* the rest: of shared subscriptions (sharing.h) */
	WR_RAISE_EXPIRE,  /* a lease ran out */
	WR_RAISE_BURY,    /* to the dead letters */
	WR_RAISE_IN_HAND, /* a suspect is handed out alone */
	WR_RAISE_CRASHED, /* the process had died */
	WR_RAISE_MOVE,    /* a seek */
	WR_RAISE_COPIES,  /* of what nobody wanted (copier.h) */
	WR_RAISE_PASS,  /* a row that is nobody's moves on: whether it does is seen in the tables */
	WR_RAISE_RETRY, /* of partitions: retry.h */
};

struct wr_raise {
	enum wr_raise_kind kind;
	uint32_t subscription;
	uint32_t row; /* GENERATION, RETRY; MARK: events in it; BURY: the event's generation */
	uint64_t seq; /* MARK: where it begins; EXPIRE, BURY: the event */
};

#endif
