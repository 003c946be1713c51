/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A pipeline: one log, its writer, its journal, its groups. Open it, define topics, close it.
 *
 * A process may have several pipelines, each with its own directory. Handles do not survive fork():
 * in the child every call that hands over, polls, waits, changes or closes returns WEIR_E_CLOSED
 * and does nothing. What was lent (items, the room of a claim) is the parent's: leave it alone. A
 * child that lives on does not keep the directory locked.
 *
 * In any call of weir: signals are taken and waited on, none returns -EINTR; none is a cancellation
 * point (pthread_cancel() ends the thread after the call); none may be made from a signal handler.
 * A process may exit() without a close: the next open recovers. A thread may end with handles open:
 * another one goes on with them. docs/guide/inside-a-host.md has the whole list.
 */
#ifndef WEIR_PIPELINE_H
#define WEIR_PIPELINE_H

#include <weir/error.h>
#include <weir/event.h>
#include <weir/options.h>

WEIR_DECLS_BEGIN

struct weir_pipeline;

/**
 * Open a pipeline: check the options, reserve all memory, take the directory's lock, recover what
 * is in it, start the threads.
 *
 * Recovery reads from the last checkpoint on. A torn tail that was never acknowledged is trimmed
 * and reported in weir_info. Damage below the durable sequence is refused: the problem names the
 * file, the offset and the range of sequences, and nothing is changed.
 *
 * A directory that is made gets mode 0700, files 0600 or less by the umask. When anything fails,
 * all that was taken is given back, and the next open finds everything.
 *
 * Thread:    any. Blocks: for recovery, and for the lock of an owner that was killed, until the
 *            kernel has ended its writes (30 seconds at most). Allocates: everything that the
 *            pipeline will use.
 * Owns:      `options` and what it points to are copied (`allocator` and `log_fn` are kept).
 *
 * @param options         from weir_options_init()
 * @param ret_pipeline    set on success only
 * @param reterr_problem  may be NULL; filled in on failure
 * @return 0, or
 *   -EINVAL         an option is out of range, chunk_bytes is not that of the journal, or the
 *                   journal holds more than a limit allows: the problem names the option
 *   -ENOMEM         the memory plan does not fit, or huge_pages are required and too few: the
 *                   problem says which
 *   -EPERM          lock_memory, or with strict_threads a scheduling class, without the right to it
 *   -EMFILE, -ENFILE, -EFBIG  a limit of the process or the system: the problem says which
 *   -EACCES, -EROFS, -ENOSPC, -EIO ...  what the file system said
 *   WEIR_E_LOCKED   another process or pipeline owns the directory
 *   WEIR_E_CORRUPT  damage below the durable sequence
 *   WEIR_E_FORMAT   written by a newer format
 */
WEIR_API WEIR_MUST_CHECK int weir_open(const struct weir_options *options,
				       struct weir_pipeline **ret_pipeline,
				       struct weir_problem *reterr_problem);

enum weir_close_mode {
	WEIR_CLOSE_DRAIN = 1, /**< order and make durable what was published, let running handlers
	                           end their item, make their progress durable. What groups have not
	                           yet read or begun is not waited for, held back by WEIR_SLOW_BLOCK
	                           or not: it stays in the journal; a log in memory ends with it
	                           (unread_events) */
	WEIR_CLOSE_ABORT = 2, /**< drop what is in the lanes, wait only for writes under way */
};

struct weir_close_report {
	uint64_t drained_events; /**< records taken from lanes during the close: acks count, too */
	uint64_t dropped_events; /**< left in lanes: their producers were never told "durable" */
	uint64_t undurable_events; /**< records ordered, but not durable when the deadline came */
	uint64_t unread_events;    /**< still to be handled by subscriptions, over all of them */
	uint64_t borrowed_members; /**< members whose holders have not come back: their memory and
	                                the pipeline's are kept, and reported here, until they poll
	                                (WEIR_E_CLOSED), release or leave. What the closing thread
	                                itself polled last has come back */
	bool clean;                /**< the next open starts without recovery work */
};

/**
 * Close: refuse producers, drain or abort, wake every waiter (they get WEIR_E_CLOSED), stop the
 * threads, free everything.
 *
 * Thread:    any but weir's own (a handler gets -EDEADLK). Nobody else may be inside a call with
 *            this pipeline's handles, except waits and polls, which are woken. A thread that may
 *            begin another call is joined first, or it has events in hand (a gap alone is none):
 *            then its next poll says WEIR_E_CLOSED.
 * Blocks:    up to `timeout_ns`, for I/O that is under way, and for handlers that are running.
 * Owns:      the pipeline and every producer and member of it are gone afterwards, whatever the
 *            result, except with -EDEADLK and -EINVAL.
 *
 * @param pipeline    NULL is allowed and does nothing
 * @param mode        drain or abort
 * @param timeout_ns  how long to drain; then it aborts
 * @param ret_report  may be NULL
 * @return 0; -ETIMEDOUT when the drain did not end in time; WEIR_E_FAILED when the journal had
 *         failed; -EDEADLK; -EINVAL when `mode` is none of its values (nothing happened, it is
 *         open); WEIR_E_CLOSED in a child of the process that opened it
 */
WEIR_API int weir_close(struct weir_pipeline *pipeline, enum weir_close_mode mode,
			uint64_t timeout_ns, struct weir_close_report *ret_report);

/**
 * Run every step of a `manual` pipeline once.
 *
 * Thread:    one at a time, not always the same. Blocks: up to timeout_ns when there was nothing
 *            to do; on the disk only while a group catches up, and, with
 *            options.pack, for a piece of packing (reads, writes, at its end a sync).
 * Allocates: never.
 * @param pipeline    opened with options.manual
 * @param timeout_ns  when there was nothing to do, wait this long for I/O or for a wake; 0: not
 * @return work done (0: nothing), -EINVAL if the pipeline runs its own threads, WEIR_E_AGAIN when
 *         another thread is stepping, or from inside a step, or WEIR_E_CLOSED in a child of the
 *         process that opened it
 */
WEIR_API int weir_step(struct weir_pipeline *pipeline, uint64_t timeout_ns);

struct weir_topic_schema; /* registry.h */

struct weir_topic_options {
	size_t struct_bytes;
	const char *name;    /**< 1..200 of [A-Za-z0-9._-], not beginning with '.' */
	uint32_t partitions; /**< 1..options.partitions_max; default 1 */
	/**
	 * The most that it can ever grow to (weir_topic_grow()): partitions .. partitions_max of
	 * the pipeline; 0 (default): it does not grow, or, of a topic that is there, whatever it
	 * was made with. It counts against that as a whole from the beginning, and
	 * each subscription and each member has room for it: about 200 bytes a partition for a
	 * subscription, 450 to 700 for a member. Fixed when the topic is made.
	 */
	uint32_t partitions_max;
	/**
	 * The topic remembers the idempotency keys (weir_ids.idempotency_key) of so many events,
	 * the last ones; an event whose key is among them is refused with WEIR_E_DUPLICATE. 0
	 * (default): none, and its events may have no such key. They count against
	 * options.idempotency_keys_max. The window is in the log: it outlives restarts, and the
	 * segments that held the events.
	 *
	 * One scope for the topic, over all partitions, and also after events were settled: so does
	 * SQS FIFO, for 5 minutes, and not Kafka, which knows the last 5 batches of a producer.
	 * Fixed when the topic is made.
	 */
	uint32_t idempotency_keys;
	/**
	 * And each for so long at most; 0 (default): until others have taken its place; else 1000
	 * (1 us) .. ten years, in whole microseconds. It is exact to two millionths, towards
	 * longer. By append time, but for its jumps at an open: time that nobody ran the log counts
	 * at the same pace from then on, as with options.retention_time_ns, so that no key is gone
	 * because a service was down, or its clock wrong.
	 */
	uint64_t idempotency_span_ns;
	/**
	 * The topic counts the events of each of its keys, for so many keys: events may say which
	 * version of their key they expect (weir_event.expected_version), and items say theirs
	 * (weir_item_version()). A key beyond is refused with WEIR_E_FULL; none is forgotten until
	 * an event ends it (weir_event.ends_key). 0 (default): its keys have no versions. They
	 * count against options.versioned_keys_max. Versions are in the log: they outlive restarts,
	 * and the segments that held the events. Fixed when the topic is made.
	 */
	uint32_t versioned_keys;
	/**
	 * The subject of the schema registry that its events have to follow (registry.h), as if
	 * weir_topic_schema_set() were called behind it; borrowed for the call. NULL (default), or
	 * without a subject: whatever it follows already, if it is there.
	 */
	const struct weir_topic_schema *schema;
	/**
	 * Of the events of a key only the newest has to stay: older ones leave the journal, and an
	 * event without a payload (a tombstone) does so itself in the end. As in Kafka, where that
	 * is cleanup.policy=compact: nothing is reordered or renumbered, what stays is at its
	 * sequence, and who reads an old part of the log passes over what has left, without a gap
	 * item. Unlike there, no subscription ever misses an event: what leaves lies below the
	 * position of each. Events without a key stay.
	 *
	 * Like retention it is what this process does to its files, and no property of the topic:
	 * it holds from the first call with it until the pipeline is closed. It needs a journal and
	 * options.compaction_keys, else -EINVAL.
	 */
	bool compact;
	/** With compact: the younger ones stay, and so does what is appended after one of those;
	 * 0 (default): none; in seconds, rounded up, 60 years at most. */
	uint64_t compact_lag_ns;
	/** With compact: how long a tombstone stays, by its append time; default 24 h; in seconds,
	 * rounded up, 60 years at most. */
	uint64_t tombstone_ns;
	/**
	 * How long the topic's events stay in the journal, and how many bytes of them (heads of 24
	 * bytes, options, keys and payloads, as the log has them): what is beyond either of them
	 * leaves, though the log keeps other events that stand beside it. 0 and 0 (default):
	 * whatever the log keeps; or, of a topic that is there, what it has by now
	 * (weir_topic_retention_set() changes it). With either of them, both are set.
	 *
	 * Both are "at least", as in Kafka: what goes are all events of the topic in a segment,
	 * once the next segment is too old as well, or that many bytes stand behind it, and a
	 * sixteenth more; nothing that a subscription has still to read, and nothing of the newest
	 * segments, of which options.pool_bytes may be in memory. Time is that of
	 * options.retention_time_ns: by a clock that never jumps. Who reads an old part of the log
	 * passes over what has left, without a gap item; sequences stay as they are. Once every
	 * topic of the log is past a segment, that leaves as a whole.
	 *
	 * A topic cannot keep more than the log does: beyond options.retention_time_ns or
	 * retention_bytes, where those are set, is -EINVAL. To keep one topic longer than others,
	 * give each topic its own and the log none.
	 *
	 * Like the log's retention it is what this process does to its files, and no property of
	 * the topic: it holds until the pipeline is closed. It needs options.topic_retention.
	 */
	uint64_t retention_time_ns;
	uint64_t retention_bytes;
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_topic_options_init(struct weir_topic_options *options);

/**
 * Define a topic, or find it if it is there with the same properties. The definition is a record
 * in the log; this returns when it is durable (ordered, in a memory-only log). Names and ids are
 * never given again.
 *
 * Thread:    any but weir's own (WEIR_E_AGAIN there). Blocks: for one commit. Allocates: never.
 * @param ret_topic       the id for weir_event.topic, the same after every restart
 * @param reterr_problem  may be NULL
 * @return 0, -EINVAL (a name with '/' or "..", no partitions), WEIR_E_EXISTS (same name, another
 *         partition count than now, partitions_max, window or versioned_keys), WEIR_E_FULL
 *         (topics_max, partitions_max, idempotency_keys_max, versioned_keys_max),
 *         WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_create(struct weir_pipeline *pipeline,
					       const struct weir_topic_options *options,
					       uint32_t *ret_topic,
					       struct weir_problem *reterr_problem);

/**
 * Give a topic more partitions. An event that is ordered behind this lies where its key's hash says
 * under the new number, whoever publishes it: the writer places it, and producers need not know.
 * Half of the keys, where it doubles, go on in partitions that are new.
 *
 * Each key stays in order for each subscription, which Kafka's createPartitions does not keep: a
 * new partition is handed to nobody before everything is settled that its keys have in the
 * partition where they were. Only the new ones wait; the others go on. That is so also for a
 * subscription that is made later, or that seeks to before this, and for one growth behind another.
 * It holds for keys: an event whose producer names the partition (weir_event.partition_set) is in
 * that one.
 *
 * Thread:    any but weir's own (WEIR_E_AGAIN there). Blocks: for one commit, not for groups.
 *            Allocates: never.
 * @param partitions      a multiple of what it has, up to weir_topic_options.partitions_max; what
 *                        it has already: 0, and nothing is written
 * @param reterr_problem  may be NULL
 * @return 0, WEIR_E_UNKNOWN_NAME, -EINVAL (fewer than it has, or no multiple of it), WEIR_E_FULL
 *         (more than it was made for), WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_grow(struct weir_pipeline *pipeline, uint32_t topic,
					     uint32_t partitions,
					     struct weir_problem *reterr_problem);

/**
 * How many partitions a topic has, and may have.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_partitions      may be NULL
 * @param ret_partitions_max  may be NULL; the same number, if it cannot grow
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_partitions(struct weir_pipeline *pipeline, uint32_t topic,
						   uint32_t *ret_partitions,
						   uint32_t *ret_partitions_max);

/**
 * Look a topic up.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_find(struct weir_pipeline *pipeline, const char *name,
					     uint32_t *ret_topic);

/** What a topic keeps, and how far that is. */
struct weir_topic_retention {
	uint64_t time_ns; /**< rounded up to microseconds; 0: whatever their age */
	uint64_t bytes;   /**< 0: however many there are */
	/**
	 * Of its events, those below passed_sequence are beyond that, and of those below
	 * left_sequence none is in the journal any more, but for what stands in a segment that is
	 * damaged. A left_sequence that stays behind: a subscription has still to read there, or
	 * there is no room to write a segment anew (weir_info.pack_failures, low_space). 0: not
	 * looked at yet.
	 */
	uint64_t passed_sequence;
	uint64_t left_sequence;
};

/**
 * What a topic keeps; all zero without options.topic_retention.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_retention  set on success only; a moment old: it is looked at once a second
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_retention(struct weir_pipeline *pipeline, uint32_t topic,
						  struct weir_topic_retention *ret_retention);

/**
 * Have a topic keep other events from now on (weir_topic_options.retention_time_ns): fewer ones,
 * and the others leave; or more, and what has not left yet stays (but for what is just being
 * written to the disk). 0 and 0: what the log keeps. Nothing is written: it holds until the
 * pipeline is closed, or the next call.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param time_ns         rounded up to microseconds; 0: whatever their age
 * @param bytes           0: however many there are
 * @param reterr_problem  may be NULL
 * @return 0; -EINVAL (no options.topic_retention, or more than the log keeps);
 *         WEIR_E_UNKNOWN_NAME; WEIR_E_CLOSED; WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_retention_set(struct weir_pipeline *pipeline,
						      uint32_t topic, uint64_t time_ns,
						      uint64_t bytes,
						      struct weir_problem *reterr_problem);

/** What a topic remembers of idempotency keys. */
struct weir_topic_keys {
	uint32_t keys_max;   /**< as it was made; 0: it has no window */
	uint64_t span_ns;    /**< as it was made; 0: no limit by time */
	uint64_t keys;       /**< in the window as of its newest */
	uint64_t duplicates; /**< refused since the pipeline was opened */
};

/**
 * The window of a topic.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_keys  set on success only
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_keys(struct weir_pipeline *pipeline, uint32_t topic,
					     struct weir_topic_keys *ret_keys);

/** What a topic counts of the versions of its keys. */
struct weir_topic_versions {
	uint32_t keys_max;  /**< as it was made; 0: its keys have no versions */
	uint64_t keys;      /**< that have one */
	uint64_t conflicts; /**< refused since the pipeline was opened */
};

/**
 * How many keys of a topic have a version.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_versions  set on success only
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_versions(struct weir_pipeline *pipeline, uint32_t topic,
						 struct weir_topic_versions *ret_versions);

/**
 * The version of a key, by who has the answer: the log's writer. It is that of the moment; who acts
 * on it says so in weir_event.expected_version.
 *
 * Thread:    any but weir's own (WEIR_E_AGAIN there). Blocks: until the writer has answered, and,
 *            with a journal, until what the answer rests on is durable. Allocates: never.
 * @param key            1..65535 bytes
 * @param ret_version    0: the key has no event, or was ended; UINT32_MAX: that or more
 * @param ret_sequence   may be NULL; where its last event stands, 0: it has none
 * @return 0, WEIR_E_UNKNOWN_NAME, -EINVAL (no key, or the topic's keys have no versions),
 *         WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_key_version(struct weir_pipeline *pipeline, uint32_t topic,
					      const void *key, size_t key_bytes,
					      uint32_t *ret_version, uint64_t *ret_sequence);

/**
 * Name and partition count of a topic, which may have grown by the next call.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_name        may be NULL; valid until the pipeline is closed
 * @param ret_partitions  may be NULL
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_topic_info(struct weir_pipeline *pipeline, uint32_t topic,
					     const char **ret_name, uint32_t *ret_partitions);

/** Where one of weir's threads runs. */
struct weir_thread_info {
	char name[16];
	enum weir_wait wait; /**< in force, after degrading; so are the two below */
	enum weir_scheduler scheduler;
	uint32_t priority;
	bool pinned;
	int last_cpu;    /**< where it was seen last; -1: not known */
	uint64_t cpu_ns; /**< CPU time used so far */
	uint64_t loops;
	uint64_t parks;
};

#define WEIR_THREADS_MAX 32

/** What recovery found at open. */
struct weir_recovery_info {
	bool created;
	bool clean;
	uint64_t oldest_sequence; /**< first retained */
	uint64_t last_sequence;   /**< last recovered */
	uint64_t checkpoint_sequence;
	uint64_t scanned_bytes;
	uint64_t trimmed_from_sequence; /**< 0: nothing was trimmed */
	uint64_t trimmed_bytes;
	bool valid_batch_followed; /**< behind the trimmed place stood batches that were complete */
	uint64_t elapsed_ns;
};

struct weir_info {
	size_t struct_bytes;
	char backend[16]; /**< "io_uring", "posix", "memory" */
	char engine[48];  /**< how writes are made durable */
	char backend_reason[160];
	char thread_note[512]; /**< what was degraded and why, or "" */
	bool written_equals_durable;
	uint32_t epoch;
	uint8_t log_id[16]; /**< drawn when the journal was made, the same in copies of it; all
	                         0: in memory */
	uint32_t topic_count;
	uint32_t subscription_count;
	uint64_t visible_sequence;
	uint64_t written_sequence;
	uint64_t durable_sequence;
	uint64_t append_time_us; /**< now, by the log's own clock (event.h) */
	uint64_t batches;        /**< made durable since open */
	uint64_t batch_bytes;
	uint64_t journal_writes; /**< write requests that carried them */
	uint64_t syncs;
	uint64_t submissions; /**< io_uring_enter calls or jobs for helper threads */
	uint64_t segments_live;
	uint64_t segments_spare;
	uint64_t segments_recycled;
	uint64_t segments_removed; /**< files that went from the disk, since the log got shorter */
	uint64_t segments_dropped; /**< of those recycled, how many retention would have kept:
	                                WEIR_NO_ROOM_DROP_OLDEST */
	uint64_t log_bytes;        /**< of its files, segments_live: what retention_bytes bounds */
	uint64_t held_sequence;    /**< what lies below it retention would take if nobody needed it;
	                                0: nothing is held up */
	uint64_t segments_packed;  /**< of segments_live: how many are packed (options.pack) */
	uint64_t packed_bytes;     /**< of log_bytes: of packed files */
	uint64_t pack_failures; /**< since the open: segments that stay as they are, and tries that
	                               are made again; of compaction, too */
	uint64_t compactions;   /**< since the open: passes that came to their end */
	uint64_t left_out_events; /**< since the open: how many events left the journal by them, by
	                               erasing and by retention of topics */
	/**
	 * Room for segments is short: the last one that was wanted could not be made for a full
	 * disk, or would have left less than low_space_bytes free. Until one can be made.
	 */
	bool low_space;
	uint64_t free_bytes; /**< on the file system, when a segment was last wanted; 0: not looked
	                          at, without low_space_bytes */
	/**
	 * The log has no room for another segment: producers wait (or get what their policy says),
	 * acknowledgements go on. Not a failure: it ends when there is room. This is exact;
	 * options.log_fn is told when it begins, and when its end has lasted.
	 */
	bool starved;
	int starved_code; /**< why: -ENOSPC, -EMFILE, WEIR_E_FULL (segments_max) ..., of the last
	                       attempt; 0 unless starved */
	uint64_t checkpoints;
	uint64_t refused_events;  /**< requests refused: a run or a definition counts once */
	uint64_t memory_bytes;    /**< reserved: at most the plan */
	uint64_t huge_page_bytes; /**< of chunks and lanes, those that lie in huge pages */
	uint64_t locked_bytes;    /**< that cannot be swapped; 0 without lock_memory */
	int32_t chunks_node;      /**< NUMA node that the chunks were bound to; -1: to none */
	char memory_note[320];    /**< what of huge pages and NUMA was not had and why, or "" */
	char metrics_path[256];   /**< the file of its metrics (metrics.h); "": there is none */
	char metrics_note[160];   /**< why there is none though it was asked for, or "" */
	struct weir_memory_plan plan;
	struct weir_recovery_info recovery;
	uint32_t thread_count;
	struct weir_thread_info threads[WEIR_THREADS_MAX];
};

/**
 * Which lines options.log_fn gets from now on (log.h).
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param limits          it is copied
 * @param reterr_problem  may be NULL
 * @return 0, or -EINVAL: a level or number that cannot be
 */
WEIR_API int weir_pipeline_log_set(struct weir_pipeline *pipeline,
				   const struct weir_log_limits *limits,
				   struct weir_problem *reterr_problem);

/**
 * What the pipeline is, what it chose and what it did so far.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_info  set struct_bytes to sizeof(struct weir_info) first
 * @return 0 or -EINVAL
 */
WEIR_API WEIR_MUST_CHECK int weir_pipeline_info(struct weir_pipeline *pipeline,
						struct weir_info *ret_info);

/**
 * Why the pipeline is FAILED.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param ret_problem  filled in when it failed
 * @return 0 while it works, else WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_pipeline_problem(struct weir_pipeline *pipeline,
						   struct weir_problem *ret_problem);

/**
 * Whether the journal has room to go on, and if not, what is lacking and what to do: how many bytes
 * another segment takes, how many are free, how many low_space_bytes keeps; or which limit is
 * reached. With every when_no_room. Exact, like `starved` of struct weir_info.
 *
 * Thread: any. Blocks: for a look at the file system. Allocates: never.
 * @param ret_problem  not NULL; filled in when there is no room: `field` names the option that
 *                     decides, if it is one, and `code` is WEIR_E_NO_ROOM
 * @return 0, also without a journal, else WEIR_E_NO_ROOM
 */
WEIR_API WEIR_MUST_CHECK int weir_pipeline_room(struct weir_pipeline *pipeline,
						struct weir_problem *ret_problem);

WEIR_DECLS_END
#endif
