/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job over dead letters (weir/dead_letters.h): a member of a shared subscription over their
 * topic, which writes for each letter a run that settles it and does with it what is asked.
 *
 *   redrive.c         the job: which letters, how fast, until when
 *   redrive_record.c  the run, and what became of it
 *   redrive_letters.c the subscription, and what is with a letter
 *   redrive_room.c    places for such subscriptions, at open
 *
 * Thread: whoever steps it, as any member.
 */
#ifndef WR_PIPELINE_REDRIVE_H
#define WR_PIPELINE_REDRIVE_H

#include <weir/dead_letters.h>

#include "core/pipeline/sharing.h"

#define WR_REDRIVE_AT_ONCE 32u
/* Of one job, at most. */
#define WR_REDRIVE_OUTSTANDING_MAX 4096u

/* What is done with a letter. */
enum wr_redrive_way {
	WR_REDRIVE_IN_PLACE = 1,   /* its event is parked: it begins anew */
	WR_REDRIVE_COPY,           /* it is published once more */
	WR_REDRIVE_COPY_ELSEWHERE, /* likewise, and what is parked is given up */
	WR_REDRIVE_PURGE_PARKED,   /* what is parked is given up */
	WR_REDRIVE_SETTLE,         /* no more than that it is handled */
};

/* A run on its way to the log. */
struct wr_redrive_sent {
	uint64_t ticket;
	uint32_t item; /* of those polled */
	enum wr_redrive_way way;
};

struct weir_redrive {
	struct weir_pipeline *pipeline;
	struct wr_sharing *sharing; /* of its subscription */
	struct weir_member *member;
	struct weir_redrive_options options;
	uint8_t *key; /* a copy */
	struct weir_redrive_progress progress;
	uint64_t end_seq; /* letters from here on are left */
	uint64_t left;    /* passed over, and held */
	uint64_t left_max;
	uint64_t began_ns, paced;                   /* so many since then */
	struct weir_item items[WR_REDRIVE_AT_ONCE]; /* polled, still lent */
	uint32_t item_count, item_next;
	struct wr_redrive_sent sent[WR_REDRIVE_AT_ONCE];
	uint32_t sent_count;
};

/* Makes tables and places anew, empty, with room for so many jobs' subscriptions: before anything
 * is recovered. 0, or negative: it cannot go on. Where a pipeline may not have so many there is
 * none from then on, and what they left counts as the program's. */
int wr_redrive_make_room(struct weir_pipeline *p, uint32_t jobs);
/* outstanding_max, as the program has asked for it. */
uint32_t wr_planned_outstanding(const struct weir_pipeline *p);

/* The subscription over a topic's letters, found or made. WEIR_E_UNKNOWN_NAME: nobody here names
 * the topic as dead letters, and it is not to be adopted. */
int wr_redrive_subscription(struct weir_pipeline *p, uint32_t topic, bool adopt, uint32_t *ret_id,
			    struct weir_problem *problem);
/* What is to be done with a letter of this origin. */
enum wr_redrive_way wr_redrive_way(const struct weir_redrive *r, const struct weir_origin *origin);
/* The way for one that is not parked any more. */
enum wr_redrive_way wr_redrive_way_unparked(enum wr_redrive_way way);
/*
 * Writes the run for a polled item. 0; -EAGAIN: no room in the lane now; WEIR_E_TOO_BIG;
 * WEIR_E_FENCED: the member has the letter no more; WEIR_E_CORRUPT: it is none.
 */
int wr_redrive_send(struct weir_redrive *r, uint32_t item, enum wr_redrive_way way);

#endif
