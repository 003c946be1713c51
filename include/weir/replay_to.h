/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A replay to chosen subscriptions: a range of the log once more for them, and for nobody else.
 *
 * EventBridge replays an archive to the rules that are named, in no promised order, and marks what
 * it replays. Here a job reads the range as a replay does (replay.h: window, topics, key, pattern,
 * pace) and appends of each event one copy that is addressed to the subscriptions: they get it at
 * its new place in the log, behind what they have, as leases or in the order of their partition,
 * under their own filters; it is acknowledged, retried, counted in their lag, and dies, as any
 * event. Nobody else sees it: no other subscription, binding, replay or projection, no bridge. So
 * it is not replayed or archived again, either. All other subscriptions go on undisturbed.
 *
 * A copy's item has WEIR_ITEM_REPLAY, and weir_item_replayed() says by which replay and of what. It
 * has key, payload, headers, ids and times of its event; not its version (weir_item_version()), nor
 * its delay and time to live, which are over.
 *
 * Who gets it: those of the subscriptions that read the event's topic. Of an event that a binding
 * copied to its topic (binding.h), which is what an archive is made of, also those that read the
 * topic where it came from: they get it under that topic, unless the range has that topic, too, so
 * that they get the event itself. Of two topics with copies of one event each is one.
 *
 * Once: copies and how far the job is are one run of the log. A job whose process died is opened
 * again by its name, and goes on behind its last copy; the sequence that it ends at at the latest
 * was fixed when it was opened first. Place and end are in the log, the rest is not: who goes on
 * gives the same options again, of which from_sequence and from_time_us count no more once
 * something was copied. A name is for one replay, as in EventBridge: it takes one of
 * named_producers_max for good ("replay.", the sequence of its end, "." and the name).
 *
 * It holds nothing back from retention: what left with its segment before it was read is counted as
 * a gap. What left a segment that stays (a topic's own retention, compaction) is not met, nor
 * counted; an event whose key was erased is left out. docs/guide/archives.md.
 */
#ifndef WEIR_REPLAY_TO_H
#define WEIR_REPLAY_TO_H

#include <weir/replay.h>

WEIR_DECLS_BEGIN

struct weir_replay_to;

/** Subscriptions of one replay. */
#define WEIR_REPLAY_TO_MAX 5u
#define WEIR_REPLAY_NAME_BYTES_MAX 100u

enum weir_replay_state {
	WEIR_REPLAY_RUNNING = 0, /**< it has not come to its end; perhaps nobody steps it now */
	WEIR_REPLAY_COMPLETED = 1,
	WEIR_REPLAY_CANCELLED = 2,
};

struct weir_replay_to_options {
	size_t struct_bytes;
	/** 1..100 of [A-Za-z0-9._-]. */
	const char *name;
	const uint32_t *subscriptions; /**< ids; copied */
	uint32_t subscription_count;   /**< 1..WEIR_REPLAY_TO_MAX, none twice */
	/** The range, as for weir_replay_open(); without `follow`. Of a replay that goes on, the
	 *  end counts that it was opened with first, though its end_time_us were a later one by
	 *  now; an earlier one ends it there. With gate MEMORY it is end_time_us as given now. */
	struct weir_replay_options from;
};

/** How far a replay is. */
struct weir_replay_to_progress {
	enum weir_replay_state state;
	uint64_t next_sequence; /**< of what it reads next */
	uint64_t end_sequence;  /**< exclusive */
	/* Of this job, since it was opened. */
	uint64_t events;   /**< copied, each for all that get it */
	uint64_t gaps;     /**< places where segments had left before they were read */
	uint64_t left_out; /**< in the range, of topics that none of the subscriptions reads; or
	                        erased meanwhile */
};

/** A replay that the log knows. */
struct weir_replay_to_status {
	char name[WEIR_REPLAY_NAME_BYTES_MAX + 1];
	enum weir_replay_state state;
	uint64_t next_sequence;
	uint64_t end_sequence;
};

/** What a copy is of. */
struct weir_replayed {
	const char *name; /**< of the replay; not terminated; lent as the item is */
	uint32_t name_bytes;
	struct weir_pos pos; /**< of the event */
	uint32_t topic;      /**< and where it stands */
	uint32_t partition;
};

/**
 * Fill with defaults: all that the log has now, as fast as it goes, to nobody.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_replay_to_options_init(struct weir_replay_to_options *options);

/**
 * Open a replay, or go on with one that was not at its end. One job at a time has a name: who opens
 * it again takes it over, and the one before gets WEIR_E_FENCED. It takes the place of a member
 * (members_max) and of a producer (producers_max) until it is closed.
 *
 * Thread:    any but weir's own. Blocks: for a commit, and as weir_replay_open(). Allocates: the
 *            job, and as weir_replay_open(), beyond the memory plan.
 * @param options         from weir_replay_to_options_init(); what it points to is copied, but
 *                        `from.filter`
 * @param ret_job         set on success only. One that was at its end before is opened, too, and
 *                        says so in its progress
 * @param reterr_problem  may be NULL; filled in on failure
 * @return 0, -EINVAL, WEIR_E_UNKNOWN_NAME (a subscription, or what weir_replay_open() says),
 *         -EBUSY (another thread opened another replay by this name at this moment), WEIR_E_FULL
 *         (members_max, producers_max, named_producers_max), what weir_replay_open() says
 */
WEIR_API WEIR_MUST_CHECK int weir_replay_to_open(struct weir_pipeline *pipeline,
						 const struct weir_replay_to_options *options,
						 struct weir_replay_to **ret_job,
						 struct weir_problem *reterr_problem);

/**
 * Go on: read some, and hand copies to the log.
 *
 * Thread:    one at a time per job, none of weir's. Blocks: up to timeout_ns. On a `manual`
 *            pipeline it runs the steps while it waits. Allocates: never, but what
 *            weir_replay_next() does.
 * @return events copied by this call; 0: none in that time, or it is at its end (progress); or
 *         negative: WEIR_E_FENCED (another job has its name, or it was cancelled: the progress
 *         says so), WEIR_E_TOO_BIG (the filter cannot be tried on an event, or there is no room for
 *         an event and what is added to its copy: weir_replay_to_problem() names it; the next call
 *         goes on behind it), what weir_replay_next() says (the next call tries again),
 *         WEIR_E_UNKNOWN_NAME (a subscription copies for a binding by now), WEIR_E_FULL,
 *         WEIR_E_FAILED, WEIR_E_CLOSED
 */
WEIR_API WEIR_MUST_CHECK int weir_replay_to_step(struct weir_replay_to *job, uint64_t timeout_ns);

/**
 * How far it is.
 *
 * Thread: the one that steps. Blocks: never. Allocates: never.
 */
WEIR_API void weir_replay_to_progress(const struct weir_replay_to *job,
				      struct weir_replay_to_progress *ret_progress);

/**
 * Why the last step could not go on.
 *
 * Thread: the one that steps. Blocks: never. Allocates: never.
 */
WEIR_API void weir_replay_to_problem(const struct weir_replay_to *job,
				     struct weir_problem *ret_problem);

/**
 * End the job, not the replay, before its pipeline is closed: one that is not at its end is opened
 * again by its name, and goes on.
 *
 * Thread: the one that steps. Blocks: up to timeout_ns, for a commit.
 * Owns:   the job is gone afterwards, whatever the result.
 * @param job  NULL is allowed
 * @return 0; -ETIMEDOUT: how far it read behind its last copy may not be remembered
 */
WEIR_API int weir_replay_to_close(struct weir_replay_to *job, uint64_t timeout_ns);

/**
 * Cancel a replay by its name, whoever steps it. What it has copied stays.
 *
 * Thread: any but weir's own. Blocks: for a commit. Allocates: never.
 * @return 0: durably so; WEIR_E_UNKNOWN_NAME (no replay has this name), -EALREADY (it is at its
 *         end, or was cancelled), -EINVAL (no name), WEIR_E_FULL (producers_max), WEIR_E_CLOSED,
 *         WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_replay_to_cancel(struct weir_pipeline *pipeline,
						   const char *name);

/**
 * The replays of the log, one after the other, in the order in which they were first opened.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param place       starts at 0, and is moved on
 * @param ret_status  set where there is another one
 * @return whether there is
 */
WEIR_API bool weir_replay_to_each(struct weir_pipeline *pipeline, uint32_t *place,
				  struct weir_replay_to_status *ret_status);

/**
 * What an item is a copy of, if a replay made it: also of a dead letter of such a copy.
 *
 * Thread: who holds the item. Blocks: never. Allocates: never.
 * @return whether one did
 */
WEIR_API bool weir_item_replayed(const struct weir_item *item, struct weir_replayed *ret_replayed);

WEIR_DECLS_END
#endif
