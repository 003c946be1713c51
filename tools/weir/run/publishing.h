/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a source's thread has in hand: publish_thread.c reads and makes events, handing_over.c hands
 * them over, once more where a queue was full.
 *
 * Thread: the source's own.
 */
#ifndef WEIR_TOOLS_RUN_PUBLISHING_H
#define WEIR_TOOLS_RUN_PUBLISHING_H

#include "tools/weir/run/event_of_line.h"
#include "tools/weir/run/kept_lines.h"
#include "tools/weir/run/publish_thread.h"
#include "tools/weir/run/source.h"

#define LOOK_NS (100 * RUN_MILLISECOND_NS)

struct run_publishing {
	struct run_publisher *own;
	struct weir_producer *producer;
	struct run_reader *reader;
	struct run_event_maker maker;
	struct run_kept_lines kept; /* of what was read and a full queue may refuse yet */
	uint64_t in_log_first;      /* events that were there when the source was opened */
	uint64_t in_log;            /* and when its producer was, which is another one since */
	uint64_t in_log_sequence;   /* of the last of the first; 0: none, or not known */
	uint64_t events;            /* seen so far: published or passed over */
	uint64_t sent;              /* up to here they are handed over, or were passed over */
	uint64_t made;              /* that the maker has; 0: none */
	uint64_t ticket;            /* of the last one; 0: nothing by this producer */
	struct run_line line;       /* the last that was read */
	uint32_t full_queue;        /* that refused last; UINT32_MAX: which is not known */
	uint64_t full_told_ns, looked_ns;
	bool is_held_back;   /* the run ends, and a queue had no place for what was handed over */
	uint64_t begun_ns;   /* the rate counts from here */
	uint64_t rate;       /* by which it counts */
	uint64_t paced_from; /* events that were published before that */
};

static inline void run_add(wr_atomic_u64 *counter, uint64_t n)
{
	wr_store_relaxed(counter, wr_load_relaxed(counter) + n); /* own */
}

/* Under the source's name, and what the log has by it. 0, or -code with the fault. */
int run_take_name(struct run_publishing *p, struct weir_producer_last *ret_last);
/* All that was read is handed over. RUN_SOURCE_LINE, RUN_SOURCE_STOPPED, or -code. */
int run_hand_over(struct run_publishing *p);
/* Room to keep one more line: the log has decided enough. As run_hand_over(). */
int run_make_room(struct run_publishing *p);
/* The log has decided all of it, and no queue is too full for any of it. As run_hand_over(). */
int run_settle(struct run_publishing *p);
/* Until all that was handed over is at its level, or the run ends all the same. */
void run_finish(struct run_publishing *p);

#endif
