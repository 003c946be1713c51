/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member's transactions (weir/transaction.h): outputs and acknowledgements, one run of its lane.
 *
 *   transaction.c          builds the open one, in place in the lane, and hands it over
 *   transaction_answers.c  what the writer said of those that were handed over
 *
 * The open one lies behind the lane's end, where nothing else may go until it is handed over or
 * given up: so the member flushes nothing, polls nothing and rejects nothing in between. First come
 * the acknowledgements, so that who was fenced is told that and not what an output of his met; room
 * for one of them is left in front of the outputs, which move if that is not what it takes.
 *
 * A member's rows are as if what is on its way had been taken. When one is refused, all that build
 * on it are doomed (the writer takes progress from the very position only): the rows go back to
 * where they were before the first of them, and what is polled and not acknowledged comes again.
 *
 * All of it is the poller's.
 */
#ifndef WR_PIPELINE_TRANSACTION_H
#define WR_PIPELINE_TRANSACTION_H

#include <weir/transaction.h>

#include "core/pipeline/sharing.h"

/* Of the open one, out of order. */
#define WR_TRANSACTION_PIECES 64u

/* A partition, or an event of a queue, in a transaction. */
struct wr_transaction_part {
	uint32_t row;
	uint32_t generation;
	struct wr_acked acked;   /* with it: what its progress says; of a queue `to` is the event */
	struct wr_acked plain;   /* without it: as far as weir_ack() went */
	struct wr_acked flushed; /* and as the log was told before */
};

struct wr_transaction_sent {
	uint64_t ticket;
	uint64_t sequence;
	uint32_t part_count;
	uint32_t settle_count; /* records in front of its outputs */
	uint32_t output_count;
	int32_t code;
	uint32_t refused;
	uint32_t version;
	uint32_t subscription;
	bool decided;
	bool doomed; /* one that it builds on was refused, and its rows went back with that */
};

struct wr_transactions {
	/* The open one. */
	uint8_t *to; /* its run's head */
	uint64_t bytes_max;
	uint64_t used; /* of outputs */
	uint32_t output_count;
	uint32_t part_count;
	uint32_t keyless;
	uint32_t piece_count;
	bool overtaken; /* one that it builds on was refused since: it can only be given up */
	struct wr_ack_piece pieces[WR_TRANSACTION_PIECES];
	struct wr_settled *settled; /* of a queue: its events; as many as a member can have */

	/* Those handed over and not told, oldest first; ordinals into rings. */
	struct wr_transaction_sent *sent;
	struct wr_transaction_part *parts;
	uint32_t sent_mask, part_mask;
	uint64_t sent_first, sent_undecided, sent_end;
	uint64_t part_first, part_undecided, part_end; /* the open one's come behind part_end */

	/* A handler's. */
	uint32_t handler_bytes; /* its largest run; 0: it has none */
	uint64_t retry_at_ns;
};

static inline struct wr_transaction_part *wr_transaction_part(struct wr_transactions *t,
							      uint64_t ordinal)
{
	return &t->parts[ordinal & t->part_mask];
}

static inline struct wr_transaction_sent *wr_transaction_sent(struct wr_transactions *t,
							      uint64_t ordinal)
{
	return &t->sent[ordinal & t->sent_mask];
}

/* Whether the writer has still to say something of them. */
static inline bool wr_transactions_undecided(const struct weir_member *m)
{
	return m->transactions->sent_undecided != m->transactions->sent_end;
}

/* Bytes of everything that hangs on it, and where that goes; `held_max` 0: of partitions. */
size_t wr_transactions_bytes(uint32_t transactions_max, uint32_t row_count, uint32_t held_max);
void wr_transactions_init(struct wr_transactions *t, uint8_t *block, uint32_t transactions_max,
			  uint32_t row_count, uint32_t held_max);

/* Begins for whoever may: weir_transaction_begin() without its question whose it is. */
int wr_transaction_begin(struct weir_member *m, uint64_t bytes_max, uint64_t timeout_ns);
int wr_transaction_commit(struct weir_member *m, uint64_t *ret_ticket);
void wr_transaction_abort(struct weir_member *m);
/* The next outcome, if it has reached `level`. */
bool wr_transaction_next(struct weir_member *m, enum weir_level level,
			 struct weir_transaction_outcome *ret_outcome);
/* Whether a transaction of the row was refused, and its user is not told yet. */
bool wr_transactions_owe(struct weir_member *m, uint32_t row);
/* Its parts, in `*ret_first` the ordinal of the first, of the one that is told next. */
const struct wr_transaction_sent *wr_transaction_oldest(struct weir_member *m, uint64_t *ret_first);

/*
 * Around the look at the lane's answers: how far it is decided, before; each answer, true if it was
 * a transaction's; and after, those without an answer were taken.
 */
uint64_t wr_transactions_begin_look(struct weir_member *m);
bool wr_transactions_answer(struct weir_member *m, const struct wr_reply *reply);
void wr_transactions_end_look(struct weir_member *m, uint64_t ordered);

#endif
