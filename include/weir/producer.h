/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Producers: handing events over, and learning what became of them.
 *
 * A producer owns a lane, a private ring of bytes that the log's writer drains. Publishing encodes
 * the event into it and makes it visible with one store: wait-free while there is room. It returns
 * a ticket, the ordinal of what was handed over (from 1, dense): entry into the lane is not an
 * acknowledgement. What becomes of tickets is told in order:
 *
 *     handed over → ordered (or refused) → written → durable
 *
 * Between producers there is no order, except that what is published after another's
 * acknowledgement comes after it.
 *
 * A thread that ends with a producer open, or a claim or run in hand, holds up nobody: another
 * thread may go on with it, or close it.
 */
#ifndef WEIR_PRODUCER_H
#define WEIR_PRODUCER_H

#include <weir/pipeline.h>

WEIR_DECLS_BEGIN

struct weir_producer;

/** What a call does when the lane has no room. */
enum weir_when_full {
	WEIR_FULL_TRY = 0,   /**< WEIR_E_AGAIN: nothing happened, try again */
	WEIR_FULL_BLOCK = 1, /**< wait up to block_timeout_ns, then -ETIMEDOUT */
	WEIR_FULL_FAIL = 2,  /**< WEIR_E_FULL, counted: the event is the caller's to drop */
};

/** A range of tickets with the same outcome. */
struct weir_ack_range {
	uint64_t first_ticket;
	uint64_t last_ticket;
	int code;          /**< 0: at the producer's level; else why they were refused, or
	                        WEIR_E_FAILED: unknown, they may be in the log or not */
	uint64_t sequence; /**< of first_ticket, if the producer asked for sequences; else 0.
	                        WEIR_E_DUPLICATE: of the first event with its key, in any case; 0:
	                        it was a run, of which nothing is in the log.
	                        WEIR_E_CONFLICT: of the last event of its key, in any case; 0: it
	                        has none, or it was a run */
	uint32_t version;  /**< WEIR_E_CONFLICT: what the key has (UINT32_MAX: that or more; of a
	                        run: the first key that conflicts), else 0 */
	uint32_t subscription; /**< WEIR_E_QUEUE_FULL: the queue that has no place, else 0 */
};

struct weir_producer_options {
	size_t struct_bytes;
	/**
	 * A name makes the producer durable: it survives restarts with its own dense sequence, so
	 * that a source can go on without loss or repeat (weir_producer_last()). NULL: unnamed.
	 * 1..200 of [A-Za-z0-9._-], not beginning with '.'.
	 */
	const char *name;
	enum weir_level level; /**< what an acknowledgement means */
	enum weir_when_full when_full;
	uint64_t block_timeout_ns; /**< for WEIR_FULL_BLOCK; default WEIR_FOREVER */
	bool no_acks;              /**< never asks: refusals are only counted */
	bool no_cause;             /**< what a handler publishes with it carries no ids of the item
	                                that the handler was called with (trace.h) */
	bool want_sequences; /**< acks carry the sequence: one answer for each ticket. Answers that
	                          weir_producer_poll_acks() has not taken keep their room: with
	                          WEIR_FULL_BLOCK for ever, a publish says WEIR_E_AGAIN then */
	/**
	 * Called by weir_producer_poll_acks(), on the thread that calls it, once a range. It may
	 * publish, wait and look at progress, also with this producer; it may not poll its answers
	 * (WEIR_E_AGAIN) or close it (-EDEADLK).
	 */
	void (*ack_fn)(void *context, const struct weir_ack_range *range);
	void *ack_context;
};

/**
 * Fill with defaults: unnamed, default level, WEIR_FULL_BLOCK for ever.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_producer_options_init(struct weir_producer_options *options);

/**
 * Open a producer. A named one takes over from any earlier holder of the name, who is fenced.
 *
 * Thread:    any; with a name any but weir's own (WEIR_E_AGAIN there). Blocks: with a name, for one
 *            commit; when the last slot was given back a moment ago, until it is free, at most a
 *            second. Allocates: never (slots are reserved at open).
 * @param options         from weir_producer_options_init(); NULL: the defaults
 * @param ret_producer    set on success only
 * @param reterr_problem  may be NULL
 * @return 0, -EINVAL, WEIR_E_FULL (producers_max, named_producers_max), WEIR_E_CLOSED,
 *         WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_producer_open(struct weir_pipeline *pipeline,
						const struct weir_producer_options *options,
						struct weir_producer **ret_producer,
						struct weir_problem *reterr_problem);

/**
 * Close: what was handed over stays handed over. Waits until it is decided; a refusal that is told
 * here has reached the producer's level, as everywhere.
 *
 * Thread:    the owner. Blocks: up to timeout_ns.
 * Owns:      the producer is gone afterwards, whatever the result.
 * @param producer  NULL is allowed
 * @return 0, -ETIMEDOUT, the first refusal that nobody was told of, or WEIR_E_FAILED or
 *         WEIR_E_CLOSED: unknown; -EDEADLK from inside ack_fn: nothing happened
 */
WEIR_API int weir_producer_close(struct weir_producer *producer, uint64_t timeout_ns);

/**
 * Publish one event.
 *
 * Thread:    one thread at a time per producer; producers are independent.
 * Blocks:    as when_full says; wait-free while the lane has room. Allocates: never.
 * Owns:      the event and what it points to stay the caller's and are copied.
 *
 * @param ret_ticket  may be NULL; set on success only
 * @return 0, or
 *   WEIR_E_AGAIN, -ETIMEDOUT, WEIR_E_FULL   no room, by when_full; inside one of weir's threads
 *                                           always WEIR_E_AGAIN. To who would block for ever it
 *                                           says that answers fill the room for answers:
 *                                           weir_producer_poll_acks() first
 *   WEIR_E_NO_ROOM       with WEIR_NO_ROOM_REFUSE, while the journal has no room for another
 *                        segment: nothing happened, and a named producer's sequence stays
 *   WEIR_E_TOO_BIG       larger than a quarter of the lane or of a chunk
 *   WEIR_E_UNKNOWN_NAME  no such topic
 *   -EINVAL              an empty key that is not NULL, a key over 65535 bytes, a partition out of
 *                        range, a header without a name, headers and ids over 65000 bytes,
 *                        those that are carried over from the cause included;
 *                        an idempotency key over WEIR_IDEMPOTENCY_KEY_BYTES_MAX, or for a topic
 *                        that remembers none
 *   -EBUSY               a claim or a run is open
 *   WEIR_E_FENCED        a newer holder has the name, and this one was told, or has no room left;
 *                        before that its events are handed over, and refused
 *   WEIR_E_FAILED, WEIR_E_CLOSED, WEIR_E_POISONED
 * What else the writer refuses (WEIR_E_OUT_OF_SEQUENCE, WEIR_E_DUPLICATE) comes later, as the
 * answer to the ticket.
 */
WEIR_API WEIR_MUST_CHECK int weir_publish(struct weir_producer *producer,
					  const struct weir_event *event, uint64_t *ret_ticket);

/**
 * Publish several independent events with one store. Each gets its own ticket and is decided by
 * itself.
 *
 * Thread: the owner. Blocks: as when_full says, for the first event only. Allocates: never.
 * @param events           `event_count` of them
 * @param ret_last_ticket  may be NULL; ticket of the last one published
 * @return how many were published, in order: less than event_count when the lane filled up, or when
 *         the next one is refused (weir_publish() says why). Or the error of the first
 */
WEIR_API WEIR_MUST_CHECK int weir_publish_many(struct weir_producer *producer,
					       const struct weir_event *events, size_t event_count,
					       uint64_t *ret_last_ticket);

/**
 * Claim room for one event and get its payload to fill in place. A claim may be held as long as
 * needed: it delays this producer only.
 *
 * Thread: the owner. Blocks: as when_full says. Allocates: never.
 * @param event          everything but the payload
 * @param payload_bytes  room wanted
 * @param ret_payload    aligned to 8; yours until weir_commit() or weir_abort(). A claimed payload
 *                       is never absent: committed with 0 bytes it is an empty one
 * @return as weir_publish()
 */
WEIR_API WEIR_MUST_CHECK int weir_claim(struct weir_producer *producer,
					const struct weir_event *event, size_t payload_bytes,
					void **ret_payload);

/**
 * Publish the claimed event.
 *
 * Thread: the owner. Blocks: never. Allocates: never.
 * @param payload_bytes  what was filled, at most what was claimed
 * @param ret_ticket     may be NULL
 * @return 0, -EINVAL (no claim, or more than was claimed), WEIR_E_FAILED, WEIR_E_CLOSED
 */
WEIR_API WEIR_MUST_CHECK int weir_commit(struct weir_producer *producer, size_t payload_bytes,
					 uint64_t *ret_ticket);

/**
 * Give a claim or an open run up: nothing of it was ever visible.
 *
 * Thread: the owner. Blocks: never. Allocates: never.
 * @return 0, or -EINVAL when nothing is open
 */
WEIR_API int weir_abort(struct weir_producer *producer);

/**
 * Begin a run: events that become visible together, as one contiguous range of the log, or not at
 * all. `bytes_max` of room are claimed at once.
 *
 * Thread: the owner. Blocks: as when_full says. Allocates: never.
 * @param bytes_max  encoded size of the whole run at most; weir_event_bytes() helps
 * @return 0, WEIR_E_TOO_BIG (over a quarter of the lane or of a chunk), else as weir_publish()
 */
WEIR_API WEIR_MUST_CHECK int weir_run_begin(struct weir_producer *producer, size_t bytes_max);

/**
 * Add an event to the open run.
 *
 * Thread: the owner. Blocks: never. Allocates: never.
 * @return 0, WEIR_E_TOO_BIG when it exceeds the room claimed or run_records_max (the run stays
 *         open), -EINVAL, WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_run_add(struct weir_producer *producer,
					  const struct weir_event *event);

/**
 * Publish the open run: one ticket for all of it. A run with one event that is a duplicate is
 * refused whole, and its other keys are not remembered.
 *
 * Thread: the owner. Blocks: never. Allocates: never.
 * @return 0, -EINVAL (no run is open, or it is empty), WEIR_E_FAILED, WEIR_E_CLOSED
 */
WEIR_API WEIR_MUST_CHECK int weir_run_commit(struct weir_producer *producer, uint64_t *ret_ticket);

/**
 * Bytes that an event takes in a lane and in the log.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return the size, 0 if the event is not valid
 */
WEIR_API size_t weir_event_bytes(const struct weir_event *event);

/**
 * Wait until a ticket has reached a level.
 *
 * Thread:    the owner, not one of weir's threads (WEIR_E_AGAIN there). On a `manual` pipeline it
 *            runs the steps. Blocks: up to timeout_ns. Allocates: never.
 * @param level  at most the level that exists: DURABLE needs a journal
 * @return 0 when it is there; the refusal of this ticket, also when weir_producer_poll_acks() has
 *         told it already (an event that is a duplicate is 0 then: it is in the log); -ETIMEDOUT;
 *         WEIR_E_FAILED: unknown; WEIR_E_CLOSED; WEIR_E_POISONED; -EINVAL: a ticket that was never
 *         given, or no such level
 */
WEIR_API WEIR_MUST_CHECK int weir_wait(struct weir_producer *producer, uint64_t ticket,
				       enum weir_level level, uint64_t timeout_ns);

/** How far this producer's tickets are. All tickets up to each number. */
struct weir_producer_progress {
	uint64_t handed_over;
	uint64_t ordered; /**< decided: ordered or refused */
	uint64_t written;
	uint64_t durable;
	uint64_t refused_count;
	int first_refusal; /**< code, 0: none; a duplicate counts until something else is refused */
	uint64_t first_refused_ticket;
};

/**
 * Look at progress without waiting.
 *
 * Thread: the owner. Blocks: never. Allocates: never.
 */
WEIR_API void weir_producer_progress(struct weir_producer *producer,
				     struct weir_producer_progress *ret_progress);

/**
 * Take the answers that have come, and call ack_fn for each range, in order of tickets.
 *
 * An answer is withheld until everything that it depends on has reached the producer's level, also
 * a refusal.
 *
 * Thread: the owner. Blocks: never. Allocates: never.
 * @return tickets answered by this call, or WEIR_E_AGAIN from inside ack_fn: nothing happened
 */
WEIR_API int weir_producer_poll_acks(struct weir_producer *producer);

/**
 * A descriptor that becomes readable when answers have come: for epoll loops. Read it (8 bytes),
 * then call weir_producer_poll_acks(), which arms it again. Wake-ups are coalesced.
 *
 * Thread: the owner. Blocks: never. Allocates: one descriptor, at the first call.
 * @return the descriptor, weir's own (do not close), or a negative code
 */
WEIR_API WEIR_MUST_CHECK int weir_producer_eventfd(struct weir_producer *producer);

/** What a named producer's log holds of it. */
struct weir_producer_last {
	/** Of its last durable event, or of what was passed over since: the source goes on behind
	 *  it. */
	uint64_t producer_sequence;
	uint64_t sequence; /**< where its last event stands in the log; 0: none */
	uint32_t epoch;    /**< of this holder of the name */
};

/**
 * The last durable event of a named producer, as of when it was opened.
 *
 * Every event of a named producer gets the next producer sequence, from 1. After a restart the
 * source asks here, drops what is in the log already, and goes on: nothing lost, nothing twice.
 *
 * Thread: the owner. Blocks: never. Allocates: never.
 * @return 0, or -EINVAL for an unnamed producer
 */
WEIR_API WEIR_MUST_CHECK int weir_producer_last(struct weir_producer *producer,
						struct weir_producer_last *ret_last);

/**
 * Go on behind what was refused: the next event's sequence of a named producer is the one that
 * follows all that were handed over, taken or not.
 *
 * A refusal leaves the sequence that is expected where it was, and so everything behind it is
 * refused with WEIR_E_OUT_OF_SEQUENCE. Who has the events still opens the name again, and sends
 * them from weir_producer_last() on; who has not, or does not want them, calls this. It is a record
 * in the log, at its place among this producer's events: what was handed over before it and is in
 * the log by then stays, the rest never will be.
 *
 * An event that is a duplicate by its idempotency key needs no such call: the log passes it over by
 * itself. A run with a duplicate in it does: its other events are in no log.
 *
 * Thread: the owner. Blocks: as when_full says. Allocates: never.
 * @param ret_ticket  may be NULL; its answer says that the record is in the log
 * @return as weir_publish(); -EINVAL for an unnamed producer
 */
WEIR_API WEIR_MUST_CHECK int weir_producer_skip(struct weir_producer *producer,
						uint64_t *ret_ticket);

/**
 * Publish one event without a producer: for threads that publish seldom. The event is copied into
 * a shared, bounded pool (64 at once) and this waits until it has reached `level`.
 *
 * Thread:    any but weir's own, any number at once; nothing that one of them does holds another
 *            up. Blocks: until the event is at the level, or up to timeout_ns. Allocates: never.
 * Owns:      the event and what it points to are copied.
 *
 * @param level    DEFAULT: durable with a journal, memory without
 * @param ret_pos  may be NULL; where it stands, on success
 * @return 0, or
 *   -ETIMEDOUT         not yet there: it may still come to be in the log. With an idempotency key
 *                      it may be published again, now or after a restart, and is there once
 *   WEIR_E_DUPLICATE   its idempotency key is in its topic's window, or it is its key's last event
 *                      (weir_event.expected_version). ret_pos is set: the sequence of the first
 *                      event, which is at `level`; its epoch is not known (0)
 *   WEIR_E_CONFLICT    its key has another version (weir_key_version()). ret_pos is set: the
 *                      sequence of the key's last event (0: it has none); its epoch is not known
 *   WEIR_E_AGAIN       inside one of weir's threads, or the pool was in use for all of timeout_ns:
 *                      nothing happened
 *   WEIR_E_TOO_BIG     over 64 KiB encoded, or a quarter of a member's lane or a chunk
 *   -EINVAL, WEIR_E_UNKNOWN_NAME, WEIR_E_NO_ROOM, WEIR_E_FAILED, WEIR_E_CLOSED
 *                      as weir_publish()
 */
WEIR_API WEIR_MUST_CHECK int weir_publish_once(struct weir_pipeline *pipeline,
					       const struct weir_event *event,
					       enum weir_level level, uint64_t timeout_ns,
					       struct weir_pos *ret_pos);

WEIR_DECLS_END
#endif
