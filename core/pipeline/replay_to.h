/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A replay to chosen subscriptions, from inside: a replay (replay.h) whose items become addressed
 * events (core/record/recipients.h), and a named producer, in whose lane they go, a run at a time.
 * The last record of each run moves the producer's sequence to what is read next: so copies and
 * place are there together, or neither, and who opens the name again fences who had it before.
 *
 *   replay_to.c       the job
 *   replay_to_open.c  options, names, the producer's sequence as state; opening and ending
 *   replay_to_copy.c  who gets an event, and the run
 *
 * The producer is called "replay.", the sequence of the end, ".", and the replay's name. Of two of
 * one name, which two threads can make at one moment, the first counts. Its sequence is that of
 * what is read next, or one of two numbers above all of these.
 */
#ifndef WR_PIPELINE_REPLAY_TO_H
#define WR_PIPELINE_REPLAY_TO_H

#include <weir/replay_to.h>

#include "core/pipeline/event_copy.h"
#include "core/pipeline/pipeline.h"

#define WR_REPLAY_TO_AT_ONCE 64u
/* Of one event: under its own topic, and under that where it came from. */
#define WR_REPLAY_TO_COPIES 2u
#define WR_REPLAY_TO_COMPLETED (UINT64_MAX - 2)
#define WR_REPLAY_TO_CANCELLED (UINT64_MAX - 1)

_Static_assert(WEIR_REPLAY_TO_MAX == WR_RECIPIENTS_MAX, "one record names all");
_Static_assert(WEIR_REPLAY_NAME_BYTES_MAX == WR_REPLAY_NAME_MAX, "one number");

/* A copy that is to be written; its event is lent by the replay. */
struct wr_replay_copy {
	struct wr_record_view view;
	struct wr_event_copy copy;
	struct wr_recipients address;
	struct wr_replay_mark mark;
	uint32_t topic;
};

struct weir_replay_to {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	struct weir_replay *replay; /* NULL: it is at its end */
	struct wr_recipients to;
	char name[WEIR_REPLAY_NAME_BYTES_MAX + 1];
	struct weir_replay_to_progress progress;
	struct weir_problem problem;
	struct weir_item items[WR_REPLAY_TO_AT_ONCE]; /* lent, from item_next on */
	uint32_t item_count, item_next;
	uint32_t singly_end; /* one at a time up to here: one of them is refused */
	bool has_begun;      /* the place is not before from_time_us */
	/* On its way. */
	uint64_t ticket;      /* 0: nothing is */
	uint64_t end_ticket;  /* of its end; 0: it has not come to it */
	uint32_t sent_end;    /* behind its last item */
	uint32_t sent_events; /* with a copy */
	struct wr_replay_copy copies[WR_REPLAY_TO_AT_ONCE * WR_REPLAY_TO_COPIES];
};

/*
 * Hands a run over with copies of items from item_next on, as many as there is room for. 0;
 * -EAGAIN: not now; WEIR_E_TOO_BIG: no run has room for the first. With nothing to be copied in any
 * of them nothing is sent: `ticket` stays 0, `sent_end` is behind them.
 */
int wr_replay_to_send(struct weir_replay_to *job);

/* What is read next, by what was answered. */
static inline uint64_t wr_replay_to_place(const struct weir_replay_to *job)
{
	return job->item_next < job->item_count ? job->items[job->item_next].sequence
						: job->progress.next_sequence;
}

/* A row of the producers' table that is a replay's. False: it is none. */
bool wr_replay_to_row(struct weir_pipeline *p, uint32_t row, struct weir_replay_to_status *ret);

#endif
