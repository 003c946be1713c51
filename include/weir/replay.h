/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reading the log again: a range of it, through a handle of its own, without a group.
 *
 * A replay reads what a subscription reads, in the order of the log, from memory and from segments
 * that were verified, and changes nothing: there is no progress, nothing is acknowledged, and no
 * subscription notices. It ends where the log ended when it was opened, or earlier, or with
 * `follow` goes on with what comes.
 *
 * Items that were in the log when it was opened are marked WEIR_ITEM_REPLAY: code that also handles
 * live events looks at that mark before it sends a mail.
 *
 * It holds nothing back. The writer goes on, as it does with every reader; retention goes on too,
 * and what it takes before it was read comes as one WEIR_ITEM_GAP, without topic or partition
 * (UINT32_MAX): `sequence` .. `end_sequence` - 1 are gone, of whatever topics they were. What left
 * a segment that stays, by a topic's own retention, compaction or erasing, is passed over without
 * one. A subscription that stands in front of the range keeps it.
 *
 * Two times: append time is weir's own (event.h), never goes backwards, and finds its place in the
 * log at once: from_time_us and end_time_us are of it. Event time is the source's, in any order:
 * event_from_us and event_end_us leave out of the range what was not of that time.
 *
 * A key's events in order are a replay with `key`: a key lies in one partition, so only records of
 * that partition are looked at. docs/guide/event-sourcing.md.
 */
#ifndef WEIR_REPLAY_H
#define WEIR_REPLAY_H

#include <weir/pipeline.h>
#include <weir/route.h>

WEIR_DECLS_BEGIN

struct weir_replay;

/** Topics that a replay may name. */
#define WEIR_REPLAY_TOPICS_MAX 64u

/** Where, which and how fast; everything that is set has to hold. */
struct weir_replay_options {
	size_t struct_bytes;
	uint64_t from_sequence; /**< 0 (default): from the oldest event that the log has */
	uint64_t end_sequence;  /**< exclusive; UINT64_MAX (default): no end of its own */
	uint64_t from_time_us;  /**< appended then or later; 0 (default): any */
	uint64_t end_time_us;   /**< appended before; UINT64_MAX (default): no end of its own */
	/** Go on with what comes, to end_sequence or end_time_us, or for ever. Default: it ends at
	 *  the latest where the log, at its gate, ends when the replay is opened. */
	bool follow;
	enum weir_level gate; /**< MEMORY or DURABLE, as of a subscription */

	const uint32_t *topics; /**< ids; copied */
	uint32_t topic_count;   /**< 0 (default): all that there are at the open */
	uint32_t partition;     /**< of each of them; UINT32_MAX (default): all */
	/** One key, 1..65535 bytes, copied; NULL (default): any. Of events that were published with
	 *  a partition of their own (partition_set) those are found that lie in the key's. */
	const void *key;
	size_t key_bytes;
	/** Of keys with versions (weir_topic_options.versioned_keys): events that made this version
	 *  or a later one; 0 (default): any event. */
	uint64_t from_version;
	/** Event time, µs since 1970, from here to there (exclusive); defaults 0 and UINT64_MAX.
	 *  When either is set, events without an event time are left out. */
	uint64_t event_from_us;
	uint64_t event_end_us;
	/** NULL (default), or what an event has to match: its key as routing key, its payload, its
	 *  headers as text. Kept, and not copied. What is no JSON does not match a pattern over
	 *  JSON; Avro of a topic that follows a subject is looked at as JSON (filtering.h). */
	const struct weir_filter *filter;

	uint32_t per_second; /**< items, at most; 0 (default): as fast as it goes */
	/** Per cent of the pace at which the events were appended: 100 is that pace, 1000 ten times
	 *  as fast; 0 (default): as fast as it goes. */
	uint32_t pace_percent;
};

struct weir_replay_progress {
	uint64_t next_sequence; /**< of the next record that it looks at */
	uint64_t end_sequence;  /**< where it ends; UINT64_MAX: it goes on */
	uint64_t events;        /**< handed out */
	uint64_t gaps;          /**< handed out */
	bool done;              /**< all of the range was handed out */
};

/**
 * Fill with defaults: all that the log has now, as fast as it goes.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_replay_options_init(struct weir_replay_options *options);

/**
 * Open a replay. It takes the place of a member (members_max) until it is closed, and with it the
 * chunk that the pool has for one.
 *
 * Thread:    any but weir's own. Blocks: shortly; with from_time_us for a search on disk; with
 *            from_version until the writer has answered where the key's last event stands.
 *            Allocates: the replay and, with a journal, one chunk and its tables, beyond the memory
 *            plan.
 * @param options         from weir_replay_options_init(); what it points to is copied, but `filter`
 * @param ret_replay      set on success only
 * @param reterr_problem  may be NULL; filled in on failure
 * @return 0, -EINVAL, WEIR_E_UNKNOWN_NAME (a topic, or a partition that none of them has),
 *         WEIR_E_TRUNCATED (from_sequence lies beyond the end), WEIR_E_FULL (members_max), -ENOMEM,
 *         WEIR_E_CORRUPT or -EIO (the search met damage), WEIR_E_AGAIN (on one of weir's threads),
 *         WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_replay_open(struct weir_pipeline *pipeline,
					      const struct weir_replay_options *options,
					      struct weir_replay **ret_replay,
					      struct weir_problem *reterr_problem);

/**
 * Get the next items, in place. They are lent until the next call. All items of one call lie in one
 * chunk, so there may be fewer than there is room for.
 *
 * Thread:    one at a time per replay, none of weir's. Blocks: up to timeout_ns, in which it reads
 *            from disk, waits for its pace or, with `follow`, for events; with 0 it looks through
 *            one chunk at most. On a `manual` pipeline it runs the steps while it waits.
 *            Allocates: never, but what weir_filter_match() does for a filter over JSON.
 * @param items      room for items_max; overwritten
 * @param items_max  1..65536
 * @return the number of items; 0: none came in that time, or none is left
 *         (weir_replay_progress()); or negative: WEIR_E_CORRUPT, -EIO, -EMFILE ... (what comes next
 *         cannot be read: weir_replay_problem(); the next call tries again), WEIR_E_TOO_BIG (the
 *         filter cannot be tried on an event, weir_replay_problem() names it; the next call goes on
 *         behind it), -ENOMEM (the filter's; the next call tries again), -EINVAL (items_max),
 *         WEIR_E_AGAIN (on one of weir's threads), WEIR_E_FAILED (the journal stopped, and all that
 *         need not be waited for was handed out), WEIR_E_CLOSED (the pipeline is being closed: the
 *         replay is gone, do not close it)
 */
WEIR_API WEIR_MUST_CHECK int weir_replay_next(struct weir_replay *replay, struct weir_item *items,
					      size_t items_max, uint64_t timeout_ns);

/**
 * How far it is.
 *
 * Thread: the one that reads. Blocks: never. Allocates: never.
 */
WEIR_API void weir_replay_progress(const struct weir_replay *replay,
				   struct weir_replay_progress *ret_progress);

/**
 * Why the last call of weir_replay_next() could not go on.
 *
 * Thread: the one that reads. Blocks: never. Allocates: never.
 */
WEIR_API void weir_replay_problem(const struct weir_replay *replay,
				  struct weir_problem *ret_problem);

/**
 * End it: what was lent comes back. Close it before its pipeline; one that is still open when that
 * is closed goes with it.
 *
 * Thread: the one that reads. Blocks: never.
 * @param replay  NULL is allowed
 */
WEIR_API void weir_replay_close(struct weir_replay *replay);

/** What stands at a sequence. */
enum weir_sequence_kind {
	WEIR_SEQUENCE_GONE = 0, /**< nothing any more: it was retired, or left its segment */
	WEIR_SEQUENCE_EVENT = 1,
	WEIR_SEQUENCE_OTHER = 2, /**< a record of weir's own, which never was an event */
};

/**
 * What stands at a sequence of the log, as weir_replay_next() would read it. Who has written down,
 * elsewhere, up to which event he has come, and finds a record of weir's own there, has another log
 * before him: a copy that was restored, and went on by itself.
 *
 * Thread: any but weir's own. Blocks: as weir_replay_open() does, then up to timeout_ns.
 * Allocates: what weir_replay_open() does, until it comes back.
 * @param sequence    1..visible_sequence of weir_pipeline_info()
 * @param timeout_ns  for the read; WEIR_FOREVER
 * @return enum weir_sequence_kind, or a negative code: as those two, and -ETIMEDOUT
 */
WEIR_API int weir_sequence_look(struct weir_pipeline *pipeline, uint64_t sequence,
				uint64_t timeout_ns);

WEIR_DECLS_END
#endif
