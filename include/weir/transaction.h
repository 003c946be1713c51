/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Transactions: what a member publishes, and the acknowledgements of what it was made from, as one
 * run of the log. All of it is there, or nothing; nobody ever sees a part of it, and a crash leaves
 * all or nothing, too. So each event that is read has its outputs once inside weir, whatever ends
 * the process in between:
 *
 *     while ((count = weir_poll(member, items, 64, WEIR_FOREVER)) > 0) {
 *             weir_transaction_begin(member, 0, WEIR_FOREVER);
 *             for (int i = 0; i < count; i++) {
 *                     weir_transaction_publish(member, &made_of(&items[i]));
 *                     weir_transaction_ack(member, &items[i]);
 *             }
 *             weir_transaction_commit(member, &ticket);
 *             ... weir_transaction_wait(member, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER, NULL) ...
 *     }
 *
 * A member is the owner of its transactions: there is no id to register, no coordinator, and no
 * time limit of their own. The writer decides a run in one go (Kafka: a transaction spans requests,
 * so that readers wait for its end, and one that stands still holds all of them up). It is refused
 * as a whole when one of its outputs is (WEIR_E_DUPLICATE by an idempotency key, WEIR_E_CONFLICT by
 * an expected version, WEIR_E_FULL) or when one of its items is not the member's any more
 * (WEIR_E_FENCED: the partition has moved, the lease is over, the session timed out, a seek came).
 * Then nothing is written and nothing is acknowledged.
 *
 * Begin before a poll hands out more: between begin and the end no poll, and no other request of
 * this member that goes to the log (-EBUSY). weir_ack() may be called: it is a promise for later,
 * and follows the transaction; what was acknowledged before begin goes first.
 *
 * Partitions: progress is one position, so what a transaction acknowledges of a partition follows
 * on what was acknowledged before (in any order inside the transaction, without a hole at its end).
 * Several transactions may be on their way. When one is refused, those behind it that build on the
 * same partition are refused, too (WEIR_E_OUT_OF_SEQUENCE). The member stands where the log does
 * then: items that are in hand may be acknowledged again, by a transaction or without, and what is
 * not comes again with the next poll, marked WEIR_ITEM_REDELIVERED. To give up on one, publish it
 * to a topic of dead letters and acknowledge it, in one transaction.
 *
 * Queues (sharing.h): a transaction settles the events that it names, all or none. While it is on
 * its way they are neither acknowledged nor rejected otherwise (-EBUSY). After a refusal the member
 * has them as before: weir_reject() them, or try again while the lease lasts.
 *
 * Handlers: see weir_member_options.transaction_bytes_max.
 */
#ifndef WEIR_TRANSACTION_H
#define WEIR_TRANSACTION_H

#include <weir/sharing.h>

WEIR_DECLS_BEGIN

/** Room that an acknowledgement takes in a run at most: one for each item of a queue, one for each
 *  partition that is acknowledged. */
#define WEIR_TRANSACTION_ACK_BYTES 64u

/** What an outcome's `refused` says when it was not an output that was refused. */
#define WEIR_TRANSACTION_NO_OUTPUT UINT32_MAX

/** What became of a transaction. */
struct weir_transaction_outcome {
	uint64_t ticket;
	int code; /**< 0: it is in the log, at the level that was asked for. Else nothing of it is:
	               WEIR_E_DUPLICATE, WEIR_E_CONFLICT, WEIR_E_QUEUE_FULL, WEIR_E_FULL (no room
	               for data: memory that a `block` subscription holds, a full disk; or versions
	               of keys), WEIR_E_FENCED, WEIR_E_OUT_OF_SEQUENCE (one before it was refused).
	               Or WEIR_E_FAILED, WEIR_E_POISONED: unknown */
	uint32_t refused; /**< which output it was, from 0 in the order of weir_transaction_publish;
	                       WEIR_TRANSACTION_NO_OUTPUT: none of them */
	uint32_t version; /**< WEIR_E_CONFLICT: what the key has; UINT32_MAX: that or more */
	uint32_t subscription; /**< WEIR_E_QUEUE_FULL: the queue that has no place, else 0 */
	uint64_t sequence; /**< code 0: of the first output, the others follow; 0: it had none */
};

/**
 * Begin a transaction. What this member acknowledged before goes to the log first.
 *
 * Thread:    the one that polls; not in a handler, whose transaction is begun (-EBUSY).
 * Blocks:    up to timeout_ns for room in the member's lane; in one of weir's threads never.
 *            Allocates: never.
 * @param bytes_max  room for outputs (weir_event_bytes()) and acknowledgements
 *                   (WEIR_TRANSACTION_ACK_BYTES each); 0: as much as there may be, a quarter of the
 *                   least of member_lane_bytes, lane_bytes and chunk_bytes
 * @return 0, WEIR_E_TOO_BIG (more than there may be), -EBUSY (one is open), WEIR_E_AGAIN (no room,
 *         with timeout_ns 0), -ETIMEDOUT, WEIR_E_FULL (transactions_max of the member's options
 *         have outcomes that nobody took: weir_transaction_next()), WEIR_E_NO_ROOM (as
 *         weir_publish()), WEIR_E_FAILED, WEIR_E_CLOSED, WEIR_E_POISONED
 */
WEIR_API WEIR_MUST_CHECK int weir_transaction_begin(struct weir_member *member, size_t bytes_max,
						    uint64_t timeout_ns);

/**
 * Add an output: an event to any topic of the log.
 *
 * Thread: the one that polls; also in a handler. Blocks: never. Allocates: never.
 * Owns:   the event and what it points to stay the caller's and are copied.
 * @return 0; WEIR_E_TOO_BIG (it exceeds the room or run_records_max: the transaction stays open),
 *         WEIR_E_UNKNOWN_NAME, -EINVAL (as weir_publish(), or none is open)
 */
WEIR_API WEIR_MUST_CHECK int weir_transaction_publish(struct weir_member *member,
						      const struct weir_event *event);

/**
 * Acknowledge an item with the transaction.
 *
 * Thread: the one that polls; also in a handler, for items that it left for later: that of the
 *         call itself is acknowledged when it returns WEIR_HANDLED_OK.
 * Blocks: never. Allocates: never.
 * @param item  a copy is good enough; its pointers are not used
 * @return 0, also when it was acknowledged before; WEIR_E_FENCED (it is not this member's any
 *         more), WEIR_E_TOO_BIG (as above), WEIR_E_FULL (too many pieces out of order: 64), -EBUSY
 *         (it is in a transaction that is on its way), -EINVAL (none is open, or it is no item of
 *         this member's)
 */
WEIR_API WEIR_MUST_CHECK int weir_transaction_ack(struct weir_member *member,
						  const struct weir_item *item);

/**
 * Hand the transaction over. Its outcome is told by weir_transaction_wait() or
 * weir_transaction_next(), in order of tickets.
 *
 * Thread: the one that polls. Blocks: never. Allocates: never.
 * @param ret_ticket  may be NULL
 * @return 0; -EINVAL (none is open, or it is empty); WEIR_E_OUT_OF_SEQUENCE (of a partition an
 *         earlier item is not acknowledged: acknowledge it, or abort; or the refusal of one that it
 *         builds on was told since it began: abort); WEIR_E_FAILED, WEIR_E_CLOSED
 */
WEIR_API WEIR_MUST_CHECK int weir_transaction_commit(struct weir_member *member,
						     uint64_t *ret_ticket);

/**
 * Give the transaction up: nothing of it was ever visible, and its items are in hand as before. To
 * have them handed out again, weir_member_rewind(), or weir_reject().
 *
 * Thread: the one that polls. Blocks: never. Allocates: never.
 * @return 0, or -EINVAL when none is open
 */
WEIR_API int weir_transaction_abort(struct weir_member *member);

/**
 * Take the next outcome, in order of tickets. Each is told once. It is withheld until everything
 * that it depends on has reached the level, also a refusal.
 *
 * Thread: the one that polls. Blocks: never. Allocates: never.
 * @param level  DEFAULT: durable, in memory without a journal
 * @return 1 and the outcome, 0: there is none yet, -EINVAL (no such level)
 */
WEIR_API WEIR_MUST_CHECK int weir_transaction_next(struct weir_member *member,
						   enum weir_level level,
						   struct weir_transaction_outcome *ret_outcome);

/**
 * Wait for a transaction, and take the outcomes up to it. Where one before it was refused, that is
 * what is told, and the rest stays to be told: wait again.
 *
 * Thread:    the one that polls, not one of weir's threads (WEIR_E_AGAIN there). On a `manual`
 *            pipeline it runs the steps. Blocks: up to timeout_ns. Allocates: never.
 * @param ret_outcome  may be NULL; set for 0 and for a refusal
 * @return 0: all up to it are in the log; the code of the first that was refused; -ETIMEDOUT;
 *         -EINVAL (no such level, or a ticket that was not given or was told already);
 *         WEIR_E_FAILED, WEIR_E_CLOSED, WEIR_E_POISONED: unknown
 */
WEIR_API WEIR_MUST_CHECK int weir_transaction_wait(struct weir_member *member, uint64_t ticket,
						   enum weir_level level, uint64_t timeout_ns,
						   struct weir_transaction_outcome *ret_outcome);

/**
 * Have what this member polled of its partitions and did not acknowledge handed out again, from the
 * next poll on, marked WEIR_ITEM_REDELIVERED (Kafka: seek to what is committed). What was
 * acknowledged out of order comes again, too. What is gone meanwhile comes as a gap: items of
 * before that are in hand may be acknowledged with it, in any order.
 *
 * Thread: the one that polls. Blocks: never. Allocates: never.
 * @return 0; -EINVAL for a queue (weir_reject() with WEIR_VERDICT_RELEASE gives an event back);
 *         -EBUSY (a transaction is open, or the member has a handler)
 */
WEIR_API WEIR_MUST_CHECK int weir_member_rewind(struct weir_member *member);

WEIR_DECLS_END
#endif
