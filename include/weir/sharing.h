/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Shared subscriptions: queues. With order KEY or NONE the members of a group share a
 * subscription's events one by one. Who is handed an event has a lease of it: for lease_ns nobody
 * else gets it. It ends in one of four ways:
 *
 *   weir_ack()      done; it is settled, out of order as it comes, and durably so (the rest of the
 *                   queue moves on behind an event that takes long)
 *   weir_reject()   it failed: again after a delay, and that counts as an attempt; or given back
 *                   untried; or dead
 *   the lease ends  it counts as an attempt, and anybody gets it, at once (SQS's visibility
 *                   timeout). A late weir_ack() counts for nothing and is told as WEIR_E_FENCED by
 *                   the next weir_member_commit(): exactly one of the two is taken, by the log
 *   leaving         what a member has left when it leaves is anybody's, uncounted
 *
 * An attempt that failed is durable before the event is handed out again, so that also with a crash
 * after each an event comes to its last one. `attempts` of an item counts from 1. What members had
 * when their process died is handed out again and not counted, as it is not where a lease runs out
 * before the event was polled: nobody knows that it failed. But after a second death with none of
 * what was taken at the first settled or failed in between, or after a third one, that is handed
 * out one at a time, each event behind a durable record, and a death counts as an attempt of the
 * one that was out: what kills its process ends in the dead letters, and what died with it does
 * not.
 *
 * Dead letters: an event that was rejected as dead, or failed attempts_max times, is published to
 * the subscription's dead-letter topic, with key, payload, headers and ids as they were and its
 * origin (weir_item_origin()), and settled, in one run: a crash leaves it in one of the two places,
 * never in both or neither. Without a dead-letter topic nothing is ever given up but what has
 * expired.
 *
 * Delay: an event is handed out once it is old enough, by append time (event.h): the queue's
 * delay_ns, or its own (weir_event.delivery) where that is longer. The queue's costs nothing: its
 * events wait where they are. One with a delay of its own is taken and counts towards
 * outstanding_max, so that as many of these as that let nothing pass.
 *
 * Time to live: an event that nobody has when time_to_live_ns, or its own where that is shorter, is
 * over is not handed out any more, wherever it stands (RabbitMQ's classic queues look at the head
 * only): it goes to the dead letters; where there are none it is settled, counted
 * (weir_queue_counts()) and told to log_fn: as RabbitMQ drops it. What a member was handed does not
 * expire before it comes back. What is not taken yet expires when it is taken, which the queue's
 * own time to live does without members, too.
 *
 * Length: where more than length_max events wait, or more than length_bytes_max of records, the
 * oldest that nobody has go (RabbitMQ's drop-head), to the dead letters, or as those that expire.
 * What members have, and keys that are parked, do not count. The limits are looked at every 10 ms
 * or so, so that more may wait for a moment; and what a queue's delay still holds back counts, but
 * does not go before it is over.
 *
 * With when_long REFUSE nothing goes: while the queue is at its limit what is published to its
 * topics is refused, with WEIR_E_QUEUE_FULL and which queue it is (RabbitMQ's reject-publish). The
 * log's writer decides it, event by event: a refused event is nowhere, also for the other
 * subscriptions of its topic, and a run is refused whole; nothing waits for it. All that is not
 * settled counts, also what members have and what is parked, so that the limit is a wall: there is
 * never more (by bytes it is passed by one event at most). It ends when enough is settled. After a
 * seek to some place between the log's ends nothing is refused until it is counted how long the
 * queue is. What weir itself puts into such a topic waits for a place: dead letters, where they
 * come from, and copies by bindings; a job over dead letters leaves the letter where it is and
 * returns the code, a handler whose run is refused has its event again, and no attempt is counted.
 * A replay to the queue is not refused, and counts. It holds from the writer's next round behind
 * weir_subscription_create() on; of a queue that was not created since the open nothing is refused.
 * Such a queue has no filter: what it is to have comes into a topic of its own by a binding.
 *
 * Priorities: of what is taken the highest is handed out first, strictly: what is low waits for as
 * long as there is something higher. A retry keeps its priority. The group takes as much as
 * outstanding_max lets it, and does not know what lies behind that. Order NONE only: a key's events
 * are in the order in which they came.
 *
 * Order KEY: while an event of a key is not settled, nobody gets the next one of it, whatever
 * becomes of the first: it is leased, waits for its delay, its retry, or for its way to the dead
 * letters. Publishers do not know who reads a topic how, so that a delay of an event's own is not
 * refused, as a FIFO queue of SQS's would: it holds its key back. One that has expired goes before
 * its turn, and parks nothing.
 *
 * Parked keys: with when_dead PARK (order KEY, dead_letters, a journal) what is dead is not settled
 * when its dead letter is written: in the same run it is parked. Nobody is handed it, and the later
 * events of its key wait behind it, in order, in their place in the log, also over an open. Other
 * keys go on. It ends when its letter is redriven (dead_letters.h): then it is handed out again,
 * first of its key, with attempts from 1 and without an end of its time; or when it is given up:
 * then the others go on without it, and its letter is what is left of it. Events without a key have
 * nothing to park: they pass.
 *
 * What is parked is outstanding: it counts in outstanding_max and in lag (weir_lag.parked). Where
 * retention wants its segment it is copied further on. Where all that a subscription may have
 * outstanding is parked, it takes no more until something is redriven or given up, which log_fn is
 * told; nothing is left out, and no key gets out of order. A key that is parked stays so when the
 * subscription is created again with PASS: that is for what dies from then on.
 *
 * weir_subscription_seek() moves a queue, as it does other subscriptions: what is outstanding is
 * given up, what members have is fenced, and it begins anew at the place.
 *
 * In a memory-only log producers are held back, while a member polls, by what is taken and not
 * settled, and by what waits to be taken, as with when_slow BLOCK. Acknowledgements are not, and
 * need room, too: where they fill the pool (events as small as what acknowledges them, acknowledged
 * one by one), what is taken and not settled is overtaken, and comes as a gap should it be handed
 * out again; and what waits to be taken may be left out, which log_fn is told. With a journal it is
 * all read back from disk.
 */
#ifndef WEIR_SHARING_H
#define WEIR_SHARING_H

#include <weir/subscription.h>

WEIR_DECLS_BEGIN

enum weir_verdict {
	WEIR_VERDICT_RETRY = 0,   /**< it failed: again later */
	WEIR_VERDICT_RELEASE = 1, /**< not tried: anybody may have it now; not counted */
	WEIR_VERDICT_DEAD = 2,    /**< no use trying again: to the dead letters */
};

#define WEIR_REASON_TEXT_MAX 200u
/** The subscription's own delay: see weir_subscription_options.retry_delay_min_ns. */
#define WEIR_DELAY_DEFAULT UINT64_MAX

struct weir_rejection {
	enum weir_verdict verdict;
	uint32_t reason;   /**< yours: kept with the event, and in its origin when it is dead */
	uint64_t delay_ns; /**< RETRY: WEIR_DELAY_DEFAULT, or 0 .. 12 h */
	const char *text;  /**< one line for a person, at most 200 bytes; NULL: none */
};

/**
 * Say that an event could not be processed. It is handed to the log at once, and the member has it
 * no more; of a partition, nor what lies behind it there (weir/subscription.h).
 *
 * Thread:    the one that polls; in a handler, which then returns WEIR_HANDLED_LATER.
 * Blocks:    never. Allocates: never.
 * @param item       a copy is good enough; its pointers are not used
 * @param rejection  NULL: RETRY with the default delay
 * @return 0, WEIR_E_FENCED (it is not this member's any more: settled, rejected, or its lease or
 *         partition is over and somebody else may have it), WEIR_E_AGAIN (no room in the member's
 *         lane, or a transaction of its partition is not decided: nothing happened),
 *         WEIR_E_OUT_OF_SEQUENCE (of a partition, and an event before it is not acknowledged),
 *         -EBUSY (the member has a transaction open, or the event is in one), -EINVAL (no such
 *         verdict or delay, the text is too long, or DEAD without a dead-letter topic)
 */
WEIR_API WEIR_MUST_CHECK int weir_reject(struct weir_member *member, const struct weir_item *item,
					 const struct weir_rejection *rejection);

/**
 * Have the lease of an event end later, or sooner (SQS: ChangeMessageVisibility).
 *
 * Thread: the one that polls; also in a handler. Blocks: never. Allocates: never.
 * @param lease_ns  from now, 0 .. 12 h; 0 ends it at once, and counts as an attempt
 * @return 0: asked for, and so it is unless the lease is over before weir sees it; WEIR_E_FENCED
 *         (as above); WEIR_E_AGAIN (too many were asked for at once); -EINVAL (out of range, or the
 *         subscription is not shared)
 */
WEIR_API WEIR_MUST_CHECK int weir_extend(struct weir_member *member, const struct weir_item *item,
					 uint64_t lease_ns);

/** Where a dead letter comes from. */
struct weir_origin {
	uint64_t sequence; /**< it had in `log`, in `epoch` */
	uint32_t epoch;
	uint32_t log;
	uint32_t topic;
	uint32_t partition;
	uint32_t subscription;    /**< whose members could not process it, or that copied it */
	uint32_t attempts;        /**< that failed */
	uint32_t reason;          /**< of the last rejection: yours; 0 also where a lease ran out */
	bool by_verdict;          /**< it was rejected as dead (RabbitMQ: rejected) */
	bool expired;             /**< its time to live was over */
	bool overflowed;          /**< it was one too many (maxlen); none of the three: attempts_max
	                               was reached (delivery_limit) */
	bool parked;              /**< when it died, its key was parked behind it */
	bool unrouted;            /**< no dead letter: nobody wanted it (filtering.h) */
	bool bound;               /**< no dead letter: a binding copied it (binding.h) */
	bool untransformed;       /**< and could not transform it: `text` says why */
	uint64_t first_failed_us; /**< append time (event.h) */
	uint64_t last_failed_us;
	/** Of the last rejection, not terminated. "" also where nothing was said: a lease ran out;
	 *  and where the rejection cannot be read: it is damaged, a memory-only log was overrun, or
	 *  a weir that did not keep its place wrote the checkpoint that this was opened from. */
	const char *text;
	uint32_t text_bytes;
};

/** What a shared subscription has taken charge of and nobody has settled, by what it waits for. */
struct weir_queue_counts {
	uint64_t ready;   /**< for a member */
	uint64_t leased;  /**< to be settled by the member that has it; or its lease is just over */
	uint64_t delayed; /**< for the end of its own delay, or of one before a retry */
	uint64_t behind;  /**< order KEY: for an earlier one of its key */
	uint64_t dying;   /**< for its way to the dead letters */
	uint64_t parked;  /**< for a redrive: keys that wait behind a dead event; the others of them
	                       are `behind` */
	uint64_t moving; /**< for the log: taken, failed, dead, or copied further on a moment ago */
	uint64_t expired;    /**< since the open: events whose time to live was over */
	uint64_t overflowed; /**< likewise: there were too many */
	uint64_t dropped;    /**< of these two, those that no dead-letter topic took */
	uint64_t refused;    /**< likewise: events, or runs, that were refused since it was full */
};

/**
 * Count what is outstanding. What waits in the log and was not taken yet (a queue's own delay, or
 * more than outstanding_max) is in none of these, and in weir_lag().
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_counts  as of the group's last step; one beside the other, not of one moment
 * @return 0, WEIR_E_UNKNOWN_NAME, -EINVAL (the subscription is not shared)
 */
WEIR_API WEIR_MUST_CHECK int weir_queue_counts(struct weir_pipeline *pipeline,
					       uint32_t subscription,
					       struct weir_queue_counts *ret_counts);

/**
 * The origin of a dead letter; of one that died again, the last one.
 *
 * Thread: the one that polled. Blocks: never. Allocates: never.
 * @param item        as polled, still lent
 * @param ret_origin  set when there is one; its text is lent like the item's
 * @return whether it has one
 */
WEIR_API bool weir_item_origin(const struct weir_item *item, struct weir_origin *ret_origin);

WEIR_DECLS_END
#endif
