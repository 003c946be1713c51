/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What becomes of dead letters, and of the keys that are parked behind them (sharing.h).
 *
 * A job goes through the letters of a dead-letter topic that nobody has handled yet, in the order
 * of the log, and redrives or purges those that it is for. It runs on the thread that steps it.
 *
 *   redriven  in place, where the letter's event is parked: the event itself is handed out again in
 *             the subscription that it died in, first of its key, with attempts from 1, and those
 *             parked behind it follow. Other subscriptions of its topic notice nothing.
 *             Else as a copy: published once more to the topic that it came from, at the log's end,
 *             for all of that topic's subscriptions (what a replay had brought: for the one that it
 *             died in, replay_to.h); or to `to_topic`, and what is parked is given
 *             up then.
 *   purged    it is gone; what is parked behind it is given up
 *
 * What it does with a letter and that the letter is handled are one run of the log: each letter is
 * redriven at most once, also by a process that is killed in the middle, and by whom ever goes on.
 *
 * A copy keeps key, payload, headers, times, event id, correlation, causation, traceparent and the
 * letter's origin (weir_item_origin()): so handlers that know an event by its id know it again. It
 * has no idempotency key: that one was used when the event was first accepted, and would refuse it
 * as its own duplicate. A copy that dies again is a new letter, with a new origin.
 *
 * Cycles: in RabbitMQ a message that would come back to a queue that it died in is dropped, unless
 * somebody rejected it on the way. weir drops nothing: dead letters that would come back by dead
 * letters alone, over however many subscriptions, are refused when a subscription is given them
 * (weir_subscription_create()), and a job leaves letters alone that were written after it was
 * opened. What dies again waits as a letter.
 *
 * Which letters are handled is the progress of a shared subscription over the dead-letter topic,
 * "dlq." and its name, made by the first job. From then on letters are kept from retention until
 * they are handled: open a job once when the subscription has its dead letters, if none may be
 * lost.
 *
 * What jobs leave keeps no program from opening, and takes no place from it: an open that finds
 * such subscriptions on record has room for them beside subscriptions_max, and beside
 * outstanding_max for 4096 letters of each that a job looked at and left (log_fn: redrive.room).
 * The first job itself takes a place of the program's that has the journal open.
 */
#ifndef WEIR_DEAD_LETTERS_H
#define WEIR_DEAD_LETTERS_H

#include <weir/sharing.h>

WEIR_DECLS_BEGIN

/**
 * Give up a parked event: it is settled, and the later events of its key go on without it, in
 * order. Its dead letter stays where it is, and is from then on like one of a subscription that
 * parks nothing.
 *
 * Thread: any but weir's own. Blocks: for one commit. Allocates: never.
 * @param subscription  whose members could not process it: weir_origin.subscription
 * @param sequence      it has in the log: weir_origin.sequence
 * @return 0: durably so; -ENOENT (nothing is parked there: it was redriven or given up before),
 *         WEIR_E_UNKNOWN_NAME (no such subscription), -EINVAL (it is not shared), WEIR_E_AGAIN (on
 *         one of weir's threads), WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_parked_give_up(struct weir_pipeline *pipeline,
						 uint32_t subscription, uint64_t sequence);

struct weir_redrive;

enum weir_redrive_action {
	WEIR_REDRIVE = 0,
	WEIR_REDRIVE_PURGE = 1,
	WEIR_REDRIVE_LOOK = 2, /**< a dry run: counted, and left as they are */
};

/** Which letters, all of it to hold, and what is done with them. */
struct weir_redrive_options {
	size_t struct_bytes;
	uint32_t dead_letters; /**< topic */
	enum weir_redrive_action action;
	uint32_t to_topic;     /**< UINT32_MAX (default): where each came from */
	uint32_t per_second;   /**< letters, at most; 0 (default): as fast as it goes */
	uint32_t left_max;     /**< letters that may be passed over, default 1024, 1..65536: they
	                              are held meanwhile. Beyond 4096, and a quarter of the
	                              pipeline's outstanding_max, it is less */
	uint64_t letters_max;  /**< done with so many it ends; 0 (default): no limit */
	uint32_t subscription; /**< that they died in; UINT32_MAX (default): any */
	uint64_t reason;       /**< of the last rejection; UINT64_MAX (default): any */
	const void *key;       /**< NULL (default): any */
	size_t key_bytes;
	uint64_t first_sequence; /**< the letter's own; default 0 */
	uint64_t end_sequence; /**< exclusive; UINT64_MAX (default): those there are at the open */
	/** Asked of each of them, on the thread that steps: false: leave it. NULL: all. Item and
	 *  origin are lent for the call. */
	bool (*letter_fn)(void *context, const struct weir_item *letter,
			  const struct weir_origin *origin);
	void *context;
	/** The topic is taken for one of dead letters though no subscription of this pipeline names
	 *  it as its own, and no job was ever over it. A job over a topic of other events would
	 *  hold all of them from retention, for good. */
	bool adopt;
};

struct weir_redrive_progress {
	uint64_t looked;   /**< letters looked at */
	uint64_t matched;  /**< of them, those it is for */
	uint64_t in_place; /**< redriven where they were parked */
	uint64_t copied;   /**< redriven by a copy */
	uint64_t purged;
	uint64_t sequence; /**< of the last letter looked at */
	bool done;         /**< it has been through all of them, or letters_max is reached */
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_redrive_options_init(struct weir_redrive_options *options);

/**
 * Begin a job. There is one at a time for each dead-letter topic; it takes a member's place
 * (members_max) until it is closed.
 *
 * Thread:    any but weir's own. Blocks: for a commit, the first time. Allocates: the job, its
 *            buffers and a member's.
 * @param ret_redrive  closed by weir_redrive_close(), before the pipeline is
 * @return 0, -EINVAL, WEIR_E_UNKNOWN_NAME (a topic; or it has nobody's dead letters: `adopt`),
 *         -EBUSY (there is a job), WEIR_E_FULL
 *         (subscriptions_max or members_max), -ENOMEM, WEIR_E_AGAIN (on one of weir's threads),
 *         WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_redrive_open(struct weir_pipeline *pipeline,
					       const struct weir_redrive_options *options,
					       struct weir_redrive **ret_redrive,
					       struct weir_problem *reterr_problem);

/**
 * Go on with a job, for so long. To cancel it call this no more: what is done is done, the rest is
 * left.
 *
 * Thread: one at a time. Blocks: up to timeout_ns; on a `manual` pipeline it runs the steps.
 *         Allocates: never.
 * @return letters done in this call; 0: none in that time, or none is left
 *         (weir_redrive_progress()); or negative, and the letter in question is left as it was: the
 *         next call goes on behind it. WEIR_E_FULL (left_max letters were passed over: raise it, or
 *         narrow the range; or the disk has no room for a copy), WEIR_E_TOO_BIG (no run has room
 *         for the copy), WEIR_E_CORRUPT, -EIO (it cannot be read), WEIR_E_CLOSED, WEIR_E_FAILED, or
 *         why the writer refused it
 */
WEIR_API WEIR_MUST_CHECK int weir_redrive_step(struct weir_redrive *redrive, uint64_t timeout_ns);

/**
 * How far it is.
 *
 * Thread: the one that steps. Blocks: never. Allocates: never.
 */
WEIR_API void weir_redrive_progress(const struct weir_redrive *redrive,
				    struct weir_redrive_progress *ret_progress);

/**
 * End a job, finished or not: wait until what it did is durable, and give back what it looked at.
 *
 * Thread: the one that stepped. Blocks: up to timeout_ns.
 * Owns:   the job is gone afterwards, whatever the result.
 * @param redrive  NULL is allowed
 * @return 0, -ETIMEDOUT (ordered, perhaps, and not known to be durable), WEIR_E_CLOSED,
 *         WEIR_E_FAILED
 */
WEIR_API int weir_redrive_close(struct weir_redrive *redrive, uint64_t timeout_ns);

enum weir_letter_state {
	WEIR_LETTER_HANDLED = 0, /**< it was redriven or purged */
	WEIR_LETTER_WAITS = 1,   /**< a redrive would publish a copy of it */
	WEIR_LETTER_PARKED = 2,  /**< so is its event now, with its key: a redrive has that go on */
};

/**
 * What is with a letter: for lists, which a job would hold as it looks at them.
 *
 * Thread:    the one that steps a `manual` pipeline. Blocks: never. Allocates: never.
 * @param sequence   of an event in that topic, as a poll or weir_journal_inspect() tells it
 * @param origin     that it has, weir_item_origin()
 * @return 0, or as weir_letter_waits()
 */
WEIR_API WEIR_MUST_CHECK int weir_letter_state(struct weir_pipeline *pipeline,
					       uint32_t dead_letters, uint64_t sequence,
					       const struct weir_origin *origin,
					       enum weir_letter_state *ret_state);

/**
 * Whether a letter is still to be handled: for lists, which a job would hold as it looks at them.
 *
 * Thread:    the one that steps a `manual` pipeline. Blocks: never. Allocates: never.
 * @param sequence   of an event in that topic, as a poll or weir_journal_inspect() tells it
 * @return 0, WEIR_E_UNKNOWN_NAME (no such topic), -EINVAL (the pipeline is not `manual`: its tables
 *         belong to a thread of its own)
 */
WEIR_API WEIR_MUST_CHECK int weir_letter_waits(struct weir_pipeline *pipeline,
					       uint32_t dead_letters, uint64_t sequence,
					       bool *ret_waits);

WEIR_DECLS_END
#endif
