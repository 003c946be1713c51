/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the events of partitions that fail: retried in place, with the partition waiting,
 * or put to the dead letters (weir/subscription.h).
 *
 *   member_tries.c  the owner of a partition: what it says of an event, when that comes again
 *   rejection.h     what queues say of theirs in the same way
 *   row_letters.c   the group step: the dead letter and the progress over its event, one run of its
 *                   lane; and what an open after a crash has to say
 *
 * Attempts stand in the writer's tables (core/log/attempts.h), and go on after a move or an open.
 */
#ifndef WR_PIPELINE_RETRY_H
#define WR_PIPELINE_RETRY_H

#include "core/pipeline/pipeline.h"

/* ---- the group step ---- */

/* An event's way to the dead letters (dead_letter.c): what stands in one run with its letter. */
struct wr_burial {
	struct wr_subscription_live *live;
	const struct wr_share_event *event;
	const struct wr_control_progress *progress; /* of a partition's; NULL: of a queue's */
	struct wr_raise raise; /* what the answer is known by; `row` of a partition's its row */
};

/*
 * 0: handed over, and answered. -EAGAIN: not now. Else why it cannot be: told to log_fn, and the
 * event is kept. `topic` UINT32_MAX: it is settled without a letter.
 */
int wr_burial_write(const struct wr_burial *b, uint32_t topic);
/* The answer was a refusal. */
void wr_burial_say_refused(struct weir_pipeline *p, int code);

enum wr_row_letter_state {
	WR_ROW_LETTER_NONE = 0,
	WR_ROW_LETTER_WANTED,
	WR_ROW_LETTER_ON_WAY, /* its answer is awaited */
};

/* A row's event that is to be a dead letter. */
struct wr_row_letter {
	uint64_t seq;
	uint32_t generation; /* of the owner that asks */
	uint32_t slot;
	enum wr_row_letter_state state;
	bool again; /* asked for once more, by the next owner, before the answer */
};

/* When a subscription is made, or found at an open; and when the pipeline goes. */
int wr_row_letters_start(struct wr_subscription_live *live, bool made);
void wr_row_letters_free(struct weir_pipeline *p, struct wr_subscription_live *live);
/* Nothing is handed out before that is true: the log knows of the crash before this run. */
bool wr_row_letters_may_go(struct wr_subscription_live *live, int *ret_work);
/* The owner of a row says that the row's event at `seq` is dead. */
void wr_row_letter_asked(struct wr_subscription_live *live, uint32_t row, uint32_t generation,
			 uint64_t seq, uint32_t slot);
int wr_row_letters_step(struct wr_subscription_live *live, uint64_t now_ns);
/* When it has something to do; UINT64_MAX: when it is told, or has an answer. */
uint64_t wr_row_letters_due_ns(struct wr_subscription_live *live);
/* The answer to a letter (WR_RAISE_LETTER). */
void wr_row_letter_answered(struct wr_subscription_live *live, uint32_t row,
			    const struct wr_reply *reply);

#endif
