/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Subscriptions, groups and members: reading what was published.
 *
 * A subscription is a name, the topics it reads, where it starts, and how it is to behave. Its
 * progress is part of the log. The members that join it are its group: each partition belongs to
 * one member at a time, under a generation; that member gets its events in order, each at least
 * once. Progress is recorded when events are acknowledged; it is durable when the log is.
 *
 * With order KEY or NONE its events are shared instead, one by one: a queue (weir/sharing.h).
 *
 * An event that a member cannot process is rejected (weir_reject() of weir/sharing.h, or what a
 * handler says). Of a partition it is retried in place: nothing of the partition is handed out
 * before it is settled, the other partitions go on. It is the partition's first event that is not
 * acknowledged; those behind it that are in hand are not the member's any more, and come again, in
 * order. Attempts are in the log, durable before the next one, and go on with the partition's next
 * owner and after an open; a seek forgets them. After attempts_max of them, or rejected as DEAD,
 * the event is put to the dead letters, with its origin: its copy there and progress over it are
 * one run of the log, under the owner's generation, so that it is in one of the two places, and
 * who has lost the partition puts nothing there. Then the partition goes on. So do blocking retries
 * with a recoverer in Spring for Apache Kafka, but that those count in memory.
 *
 * An event that kills its process gets there, too, where there are dead letters and a journal. A
 * crash alone counts nothing: who did it is not known. A partition that has something to do, and
 * stands at one place at two crashes, has its next 1024 events handed out one at a time, each
 * behind a durable record that says which, and one at a time in all of the subscription: a crash
 * then is an attempt of the one in hand. The first crash after an event that is there to kill
 * counts for nobody, the second does not either, from the third on each does: but for one, or two
 * at one place, where another partition has gone on meanwhile and may have done it, which goes one
 * at a time from then on, too. What dies with it in other partitions is not counted, but seldom
 * once: the event behind one that went alone, when another partition's killed.
 */
#ifndef WEIR_SUBSCRIPTION_H
#define WEIR_SUBSCRIPTION_H

#include <weir/filtering.h>
#include <weir/pipeline.h>

WEIR_DECLS_BEGIN

struct weir_member;

enum weir_start {
	WEIR_START_OLDEST = 0,   /**< the first event that is still there */
	WEIR_START_NEWEST = 1,   /**< what is published after the subscription was made */
	WEIR_START_SEQUENCE = 2, /**< start_at: a sequence */
	WEIR_START_TIME = 3,     /**< start_at: µs since 1970, append time (event.h); the first
	                              event from then on */
};

/** What happens when members are slower than producers. */
enum weir_when_slow {
	WEIR_SLOW_CATCH_UP = 0, /**< they read from disk what is no longer in memory, and rejoin
	                             without a gap; in a memory-only log they get a gap */
	WEIR_SLOW_BLOCK = 1,    /**< producers are held back (never acknowledgements), while
	                             the group has members, until a close begins: from when one
	                             of them has partitions (weir_member_assignments()). In
	                             memory, who may miss nothing waits for that before it
	                             publishes. There acknowledgements of partitions take no
	                             room from what is held, nor do copies; hundreds of seeks,
	                             or what queues settle meanwhile, can: its members then get
	                             a gap item */
	WEIR_SLOW_GAP = 2,      /**< they get a gap item, and go on with what is in memory */
	WEIR_SLOW_DETACH = 3,   /**< as CATCH_UP, until lag rises above lag_events_max or
	                             lag_time_max_ns, one of which is set: then the subscription
	                             is detached, by records of the log. Polls of members that
	                             have partitions return WEIR_E_DETACHED, acknowledgements of
	                             what is in hand are refused, and nothing is kept for it any
	                             more, not even from retention. It stays so, over opens, until
	                             weir_subscription_seek() attaches it, anywhere: to where it
	                             stood (weir_subscription_info), if that is still there (its
	                             partitions that were further on repeat some), else
	                             WEIR_E_TRUNCATED says that something is gone. From then on
	                             it is detached again when lag has been below half of the
	                             limit, or below the limit when it is counted first, and
	                             rises above it. Of a queue nothing is outstanding any more,
	                             its dead and parked events included: a seek to where it
	                             stood has what was settled behind that handed out again,
	                             too. And while it is detached it refuses nothing */
};

/**
 * How partitions are divided among the members of a group: Kafka's assignors. All of them move a
 * partition only when its old owner has let it go, and leave the others be.
 */
enum weir_assignor {
	WEIR_ASSIGN_RANGE = 0, /**< RangeAssignor: topics apart, each divided into runs of
	                            partitions; a member that comes or goes may move most of them */
	WEIR_ASSIGN_COOPERATIVE_STICKY = 1, /**< CooperativeStickyAssignor: over all topics, any two
	                                         members' counts differ by one at most; as far as
	                                         that allows, who has a partition keeps it */
	WEIR_ASSIGN_ROUND_ROBIN = 2, /**< RoundRobinAssignor: over all topics, in the order in which
	                                  the subscription names them, one by one in turn */
};

/** Who gets which events, and in which order. Fixed when the subscription is made. */
enum weir_order {
	WEIR_ORDER_PARTITION = 0, /**< a partition belongs to one member, which gets it in order:
	                               Kafka's consumer group */
	WEIR_ORDER_KEY = 1,       /**< any member gets any event, but while one of a key is not
	                               settled nobody gets the next of it: SQS's FIFO queue with
	                               message groups. Those without a key are in no order */
	WEIR_ORDER_NONE = 2,      /**< any member gets any event: a standard queue of SQS's, a queue
	                               of RabbitMQ's, a share group of Kafka's (KIP-932) */
};

/** What becomes of the key of an event that is dead. See sharing.h. */
enum weir_when_dead {
	WEIR_DEAD_PASS = 0, /**< its next events go on without it */
	WEIR_DEAD_PARK = 1, /**< they wait behind it, in order, until it is redriven or given up */
};

/** What becomes of a queue that is as long as it may be. See sharing.h. */
enum weir_when_long {
	WEIR_LONG_DROP = 0,   /**< the oldest go, to the dead letters: RabbitMQ's drop-head */
	WEIR_LONG_REFUSE = 1, /**< what comes is refused, with WEIR_E_QUEUE_FULL, and is nowhere:
	                           RabbitMQ's reject-publish. Needs length_max or length_bytes_max,
	                           and no filter */
};

/** What a subscription has still to process. */
struct weir_lag {
	uint64_t events;
	uint64_t bytes;   /**< of records */
	uint64_t time_ns; /**< age of the oldest event that is not acknowledged, by append time: a
	                       step of the wall clock does not change it; 0: none is. As of weir's
	                       last look, each 10 ms. Of one that stands where the log cannot be
	                       read it is that of the record before */
	bool exact; /**< `events` and `bytes` are: false for a moment after a seek, while events are
	                 counted again; until the next seek or open, where they were from before a
	                 filter that is forgotten (weir_subscription_set_filter), or could not be
	                 read to be counted */
	bool time_exact; /**< `time_ns` is: false while counts begin anew, and while the oldest is
	                      looked for, which takes a while in a long log: behind an open or a
	                      seek back, and where the next lies far behind the last. Until then
	                      it is 0, or of the one that was found before */
	uint64_t parked; /**< of `events`: dead ones whose keys wait for them, and those behind them
	                      (sharing.h) */
};

struct weir_subscription_options {
	size_t struct_bytes;
	const char *name;          /**< 1..200 of [A-Za-z0-9._-], not beginning
	                                   with '.' */
	const char *const *topics; /**< names; all of them exist */
	uint32_t topic_count;      /**< 1..64 */
	enum weir_start start;     /**< when the subscription is made, not when it is found */
	uint64_t start_at;
	enum weir_level gate; /**< events are handed out once they are so far: DEFAULT or
	                                   DURABLE (nobody acts on what a power cut could
	                                   take back), or MEMORY */
	enum weir_when_slow when_slow;
	enum weir_assignor assignor;
	uint64_t session_timeout_ns; /**< a member that did not poll for so long loses its
	                                   partitions; with a handler: that sat in one item
	                                   for so long; default 45 s (Kafka's) */
	/* One threshold each, 0: none. The callback comes once when lag rises above, once when it
	 * has fallen below half of it; from weir's group thread; it must not call weir. */
	uint64_t lag_events_max;
	uint64_t lag_time_max_ns;
	void (*lag_fn)(void *context, uint32_t subscription, const struct weir_lag *lag,
		       bool above);
	void *lag_context;

	/* Who gets what. What follows is for order KEY and NONE only (see weir/sharing.h), but for
	 * attempts_max, retry_delay_*, dead_letters and time_to_live_ns. */
	enum weir_order order;
	uint32_t outstanding_max; /**< events that may be taken and not settled, those that wait
	                               for a retry included: beyond it nothing more is handed
	                               out. 0 (default): 4096, or the pipeline's outstanding_max
	                               if that is less. Stored when the subscription is made */
	bool single_active;       /**< one member gets all, the one that joined first; the next
	                               takes over when it leaves or stops polling (RabbitMQ's
	                               single active consumer) */
	uint64_t lease_ns;        /**< who has an event and does not settle it for so long has lost
	                               it: default 30 s (SQS's visibility timeout), 1 ms .. 12 h */
	/** Attempts after which an event is dead; 0 (default): it is tried for ever. Needs
	 *  dead_letters. An attempt is one that failed: rejected for a retry, or its lease ran
	 *  out; of a partition: or its process died of it. */
	uint32_t attempts_max;
	/** Between a failure and the next attempt, where a rejection does not say: doubled with
	 *  each attempt from the first to the second, with a jitter of up to a half down. Default
	 *  1 s and 60 s; 0 for both: at once. An event whose lease ran out is tried again at
	 *  once. */
	uint64_t retry_delay_min_ns;
	uint64_t retry_delay_max_ns;
	/** An event is handed out so long after it was appended, not before (SQS's DelaySeconds of
	 *  a queue, without its end at 900 s): 0 (default) .. WEIR_DELAY_NS_MAX. */
	uint64_t delay_ns;
	/** And not later than so long after: WEIR_TIME_TO_LIVE_NS_MAX at most; 0 (default): however
	 *  old. It is that of when an event is taken: what is outstanding keeps its own. With order
	 *  PARTITION it is the age limit of retries (EventBridge's MaximumEventAgeInSeconds): an
	 *  event that has failed, and would be tried again later than that, is dead; one that never
	 *  failed is handed out however old. It needs dead_letters then. */
	uint64_t time_to_live_ns;
	/** Events, and bytes of their records, that may wait: with more the oldest of them go, and
	 *  are dead letters, or dropped; or what comes is refused (when_long; sharing.h). 0
	 *  (default): however many. */
	uint64_t length_max;
	uint64_t length_bytes_max;
	enum weir_when_long when_long;
	bool priorities;          /**< order NONE: the highest priority first (event.h), of what is
	                               outstanding; else all are the same */
	const char *dead_letters; /**< a topic, not one that it reads itself, or that leads
	                               back to it by the dead letters of others: what is dead is
	                               published there and settled here, in one run; NULL: none */
	enum weir_when_dead when_dead; /**< PARK: with order KEY, dead_letters and a journal */

	/** What it wants of its topics (filtering.h), from its start on; of a subscription that is
	 *  there, if it is another one than it has, from now on, as by
	 *  weir_subscription_set_filter(). NULL (default): every event; of one that is there, as it
	 *  is. */
	const struct weir_subscription_filter *filter;

	/** Order PARTITION: it has no members, and only keeps what it stands in front of from
	 *  retention, for who reads the log by other ways; it is moved by seeks. What lies behind
	 *  it waits for nobody, and is no lag: weir_lag(), alerts and metrics say 0. */
	bool holds;
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_subscription_options_init(struct weir_subscription_options *options);

/**
 * Make a subscription, or find it if it is there with the same topics. The definition and its start
 * are records in the log; this returns when they are durable. Topics, order and outstanding_max are
 * stored, and the filter; everything else is set anew by each call, the gate for members that join
 * from then on.
 *
 * Thread:    any but weir's own (WEIR_E_AGAIN there). Blocks: for one commit, and for a search on
 *            disk with WEIR_START_TIME. Allocates: the group's tables, when it is made.
 * @param ret_subscription  the same id after every restart
 * @return 0, -EINVAL (an option, or the filter: then `field` is the place in its pattern),
 *         WEIR_E_TOO_BIG (the filter), WEIR_E_UNKNOWN_NAME (a topic), WEIR_E_EXISTS (same name,
 *         other topics or another order), WEIR_E_FULL (subscriptions_max, filter_bytes_max; or as
 *         weir_subscription_set_filter()), WEIR_E_TRUNCATED (start is retired or
 *         beyond the end),
 *         -ENOMEM, WEIR_E_CORRUPT or -EIO (the search met damage), WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int
weir_subscription_create(struct weir_pipeline *pipeline,
			 const struct weir_subscription_options *options,
			 uint32_t *ret_subscription, struct weir_problem *reterr_problem);

/**
 * Make or find several subscriptions, in this order, each as weir_subscription_create() does it.
 * All their filters are compiled at once: made one after the other each would have those of its
 * topics that are there already compiled anew. A start with hundreds of filters should use this;
 * weir_config_open() does.
 *
 * Other calls that make, change or seek something wait until it is done.
 *
 * Thread:    any but weir's own (WEIR_E_AGAIN there). Blocks: for a commit of each, and as
 *            weir_subscription_create(). Allocates: as that, and a copy of each filter meanwhile.
 * @param list       `count` of them, each by weir_subscription_options_init()
 * @param ret_ids    [count] their ids, in this order; of those that were not made undefined
 * @param ret_index  may be NULL. After an error which of them it is about. One whose options are
 *                   wrong by themselves is found before any is made; else those in front of it
 *                   are made
 * @return as weir_subscription_create(); with 0 of them 0
 */
WEIR_API WEIR_MUST_CHECK int weir_subscriptions_create(struct weir_pipeline *pipeline,
						       const struct weir_subscription_options *list,
						       uint32_t count, uint32_t *ret_ids,
						       uint32_t *ret_index,
						       struct weir_problem *reterr_problem);

/** Find a subscription that the log has.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_subscription_find(struct weir_pipeline *pipeline,
						    const char *name, uint32_t *ret_subscription);

struct weir_subscription_info {
	size_t struct_bytes; /**< sizeof(struct weir_subscription_info), set before the call */
	const char *name;    /**< as long as the pipeline */
	enum weir_order order;
	const uint32_t *topics; /**< ids; as long as the pipeline */
	uint32_t topic_count;
	uint32_t
		partition_count; /**< of all its topics, now: topics may grow (weir_topic_grow()) */
	uint32_t member_count;   /**< that have joined in this process */
	uint32_t outstanding_max; /**< order KEY and NONE, as the one below */
	uint64_t outstanding;     /**< taken and not settled */
	uint64_t position;        /**< lowest next sequence: below, everything is settled, or lies
	                               further on by now (order KEY and NONE). Of one that is
	                               detached: where it stood then */
	bool detached;            /**< it was too slow (WEIR_SLOW_DETACH): lag is what came since */
};

/**
 * What the log has of a subscription. Ids count from 0, so that the first that is unknown ends the
 * list.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return 0, WEIR_E_UNKNOWN_NAME, -EINVAL (struct_bytes)
 */
WEIR_API WEIR_MUST_CHECK int weir_subscription_info(struct weir_pipeline *pipeline,
						    uint32_t subscription,
						    struct weir_subscription_info *ret_info);

/** A partition of a subscription. */
struct weir_subscription_partition {
	uint32_t topic;
	uint32_t partition;
	uint64_t position;   /**< next sequence; of a shared one that of all its partitions */
	uint64_t generation; /**< of its owner, over all opens; 0: it never had one, or is shared */
	uint64_t lag_events;
	uint64_t lag_bytes;
	bool exact;               /**< as in weir_lag */
	uint64_t failed_sequence; /**< of its first event, if that has failed: it waits for the next
	                               attempt, or for its dead letter; 0: it has not. As of the
	                               moment, like the one below */
	uint32_t attempts;        /**< of that event, that failed */
};

/**
 * One partition of it: 0 .. partition_count - 1.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return 0 or WEIR_E_UNKNOWN_NAME (no such subscription, or partition)
 */
WEIR_API WEIR_MUST_CHECK int
weir_subscription_partition(struct weir_pipeline *pipeline, uint32_t subscription, uint32_t index,
			    struct weir_subscription_partition *ret_partition);

/** What a handler says of an item. */
enum weir_handled {
	WEIR_HANDLED_OK = 0,    /**< acknowledged */
	WEIR_HANDLED_LATER = 1, /**< not yet: a later call of this handler calls weir_ack() for it,
	                             with a copy of the item (a member belongs to its thread) */
	WEIR_HANDLED_STOP = 2,  /**< not acknowledged; this member leaves, its partitions move on */
	WEIR_HANDLED_RETRY =
		3,             /**< it failed: weir_reject() with the defaults. Of a partition, with
	                             events before it that are left for LATER, or of a gap: as
	                             STOP */
	WEIR_HANDLED_DEAD = 4, /**< it will never work: to the dead letters; without any: RETRY */
};

struct weir_member_options {
	size_t struct_bytes;
	const char *name; /**< for reports, 1..63 bytes; assignors sort members by it; NULL:
	                       "member-N" */
	/**
	 * 1..63 bytes: a static member (Kafka's group.instance.id). When it leaves, its partitions
	 * are kept for the next member with the same id, for session_timeout_ns: who restarts
	 * within that time gets them back, and nobody else's move. A member that joins while
	 * another one has the id takes its place at once: the other one is fenced (weir_poll(); its
	 * handler is not called any more). A member that does not poll for a session loses its
	 * partitions as any other does. Static members sort before others, by this id. Of more than
	 * members_max that are kept the one that was kept longest goes first. What is kept
	 * is not stored: after an open every partition is divided anew. NULL: a dynamic member.
	 * Nothing is kept for members of a shared subscription: their events are anybody's.
	 */
	const char *instance_id;
	/**
	 * A handler makes weir poll: a thread of weir's (options.handler) calls it for each item,
	 * in order. NULL: the program calls weir_poll() itself. Where what comes next is damaged,
	 * nothing is handed out: options.log_fn is told once, and it is tried again every second.
	 *
	 * Between two items the member is as alive as in a poll: acknowledgements go to the log
	 * every 10 ms or so, and a partition that is asked back, taken or moved by a seek is let go
	 * of; its items that were polled and not begun are left to whoever gets it. So a batch may
	 * take longer than the session. A handler that sleeps holds up its own partitions and
	 * nothing else, and those until its session is over.
	 */
	enum weir_handled (*handler)(void *context, struct weir_member *member,
				     const struct weir_item *item);
	void *handler_context;
	uint32_t items_max;          /**< items that a handler thread polls at once, default 1024:
	                                  memory and a pinned chunk, not a promise to handle them */
	uint32_t unacked_ranges_max; /**< pieces that out-of-order acks may leave open at once,
	                                  default 1024 */
	uint32_t in_flight_max;      /**< shared subscriptions: events that this member may have at
	                                  once, not yet polled or not yet settled (RabbitMQ's
	                                  prefetch); default 256, 1 .. 65536. Few spread work
	                                  evenly, many save wake-ups. A lease counts from when the
	                                  event is given to the member, polled or not */
	uint32_t transactions_max; /**< transactions (transaction.h) that may be handed over and not
	                                told, default 256, 1 .. 65536: memory. With more a begin
	                                waits, or says WEIR_E_FULL */
	/**
	 * The largest run of a handler: room for what one call publishes with
	 * weir_transaction_publish(), and for its acknowledgements (transaction.h). weir calls the
	 * handler only when there is as much room; what it published is in the log with the
	 * acknowledgement of its item, which WEIR_HANDLED_OK asks for, or it is not. With anything
	 * else it is dropped. When the run is refused: of a shared subscription as
	 * WEIR_HANDLED_RETRY, with the reason as text; else as WEIR_HANDLED_STOP, told to log_fn,
	 * but for want of room (WEIR_E_FULL), when the item comes again after a tenth of a second.
	 * 0 (default): the handler publishes nothing in transactions.
	 */
	uint32_t transaction_bytes_max;
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_member_options_init(struct weir_member_options *options);

/**
 * Join the group of a subscription. Partitions come with the polls that follow: they are divided
 * anew as the subscription's assignor says, and move only when their old owner has let them go or
 * its session has timed out. Where members hold producers back (WEIR_SLOW_BLOCK, and queues of a
 * log in memory) they do so for what is published after this call; in a manual pipeline from the
 * next step on.
 *
 * Thread:    any but weir's own; a close that comes meanwhile waits for it, and no handler is
 *            started then. Blocks: until the group's thread has seen the member, in its next step;
 *            when the last slot was given back a moment ago, until that is free, at most a second.
 *            Allocates: the member's arrays (beyond the memory plan: they follow from its own
 *            options), and a thread with a handler.
 * @param options     from weir_member_options_init(); NULL: the defaults
 * @param ret_member  set on success only
 * @return 0, -EINVAL, WEIR_E_UNKNOWN_NAME, WEIR_E_FULL (members_max), -ENOMEM, -EAGAIN (no thread
 *         for the handler), WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_member_join(struct weir_pipeline *pipeline, uint32_t subscription,
					      const struct weir_member_options *options,
					      struct weir_member **ret_member,
					      struct weir_problem *reterr_problem);

/**
 * Leave: hand over what was acknowledged, give the partitions back. With a handler: waits until it
 * has returned from the item that it is in.
 *
 * Thread:    the one that polls; with a handler, any but the handler's own.
 * Blocks:    up to timeout_ns for the acknowledgements to be ordered, and for the group to take the
 *            partitions back; with a handler, for the item that it is in.
 * Owns:      the member is gone afterwards, whatever the result; so are its items. Where time ran
 *            out (a full disk), the group takes the partitions back when it can, and its slot is
 *            free from then on.
 * @param member  NULL is allowed
 * @return 0 when the acknowledgements are ordered, -ETIMEDOUT, WEIR_E_FAILED, WEIR_E_CLOSED,
 *         -EDEADLK (called by a handler: nothing happened)
 */
WEIR_API int weir_member_leave(struct weir_member *member, uint64_t timeout_ns);

/**
 * Get the next items of this member's partitions, in place. Ends the loan of the items of the poll
 * before. All items of one poll lie in one chunk, so a poll may return fewer than there are.
 *
 * Thread:    one thread at a time per member. Blocks: up to timeout_ns when there is nothing; on a
 *            `manual` pipeline it runs the steps. Lock-free otherwise. Allocates: never.
 * @param items      room for items_max; overwritten
 * @param items_max  1..65536
 * @return the number of items, 0 when none came in time, or WEIR_E_CLOSED (the pipeline is being
 *         closed: this member is gone, do not leave), WEIR_E_FAILED (the
 *         journal stopped, and everything that is durable was handed out), WEIR_E_CORRUPT (what is
 *         to be read from disk is damaged: weir_member_problem() names the range), -EIO, -ENOENT,
 *         -EMFILE ... (a segment cannot be read: what the file system said, weir_member_problem()
 *         names it; the next poll tries again), WEIR_E_FENCED (another member has joined with this
 *         one's instance_id: leave), -EBUSY (the member has a handler), -EINVAL (items_max)
 */
WEIR_API WEIR_MUST_CHECK int weir_poll(struct weir_member *member, struct weir_item *items,
				       size_t items_max, uint64_t timeout_ns);

/**
 * End the loan of the last poll's items early, so that a chunk is not held while this member does
 * something else. With a handler it does nothing.
 *
 * Thread: the one that polls. Blocks: never. Allocates: never.
 */
WEIR_API void weir_release(struct weir_member *member);

/**
 * Acknowledge one item (an event, gap or loss). May come later than the loan, and out of order:
 * progress moves over what is contiguous in its partition.
 *
 * Acknowledgements are handed to the log at the next poll, commit or leave, together.
 *
 * Thread:    the one that polls. Blocks: never. Allocates: never.
 * @param item  a copy is good enough; its pointers are not used
 * @return 0, WEIR_E_FENCED (the partition has moved: the event will be handed out again to
 *         another), WEIR_E_FULL (unacked_ranges_max: acknowledge older ones first), -EINVAL (it was
 *         never handed out); an item that was acknowledged before is 0 again;
 *         of a shared subscription WEIR_E_FENCED: the member has it no more
 */
WEIR_API WEIR_MUST_CHECK int weir_ack(struct weir_member *member, const struct weir_item *item);

/**
 * Acknowledge everything that was handed out so far. Left out are partitions of a transaction that
 * was refused, as long as that is not told (transaction.h), or where weir_reject() has said that
 * what failed is this member's no more: they come again with the next poll.
 *
 * Thread: the one that polls. Blocks: never. Allocates: never.
 * @return 0, -EBUSY (a transaction is open)
 */
WEIR_API int weir_ack_all(struct weir_member *member);

/**
 * Hand acknowledgements to the log now, and wait until they have reached `level` (DEFAULT:
 * DURABLE). Without a journal every level is MEMORY.
 *
 * Thread: the one that polls. Blocks: up to timeout_ns. Allocates: never.
 * @return 0: everything that was acknowledged has; -ETIMEDOUT; WEIR_E_FENCED (a partition moved,
 *         and acknowledgements of it since the last commit, also those that a poll handed over,
 *         count for nothing: its events are handed out again; all others have reached the level);
 *         WEIR_E_FAILED; WEIR_E_CLOSED; WEIR_E_AGAIN (no room in the member's lane, with
 *         timeout_ns 0; or in a handler: the acknowledgements are handed over, and nothing is
 *         waited for); -EINVAL (no level)
 */
WEIR_API WEIR_MUST_CHECK int weir_member_commit(struct weir_member *member, enum weir_level level,
						uint64_t timeout_ns);

/** One partition of a member. */
struct weir_assignment {
	uint32_t topic;
	uint32_t partition;
	uint32_t generation;
	uint64_t position; /**< next sequence to be acknowledged */
};

/**
 * The partitions that the member owns now.
 *
 * Thread: the one that polls. Blocks: never. Allocates: never.
 * @return their number; at most `assignments_max` are filled in
 */
WEIR_API int weir_member_assignments(struct weir_member *member,
				     struct weir_assignment *assignments, size_t assignments_max);

/**
 * A descriptor that becomes readable when a poll may find items. Read it, then poll until a poll
 * returns 0, which arms it again. What comes for others signals it once in a chunk at most, so that
 * the member moves on with the log.
 *
 * Thread: the one that polls. Blocks: never. Allocates: one descriptor, at the first call.
 * @return the descriptor, weir's own, or a negative code
 */
WEIR_API WEIR_MUST_CHECK int weir_member_eventfd(struct weir_member *member);

/**
 * Why a poll returned WEIR_E_CORRUPT, or could not read a segment.
 *
 * Thread: the one that polls. Blocks: never. Allocates: never.
 */
WEIR_API void weir_member_problem(const struct weir_member *member,
				  struct weir_problem *ret_problem);

enum weir_seek_to {
	WEIR_SEEK_OLDEST = 0,
	WEIR_SEEK_NEWEST = 1,
	WEIR_SEEK_SEQUENCE = 2,
	WEIR_SEEK_TIME = 3, /**< µs since 1970, append time (event.h): the first event then or
	                         later. "Five minutes ago" counts from weir_info.append_time_us */
};

/**
 * Move all partitions of a subscription. Members keep their partitions under a new generation:
 * acknowledgements of what they had in hand are fenced. Events from the new place on are handed out
 * again, marked WEIR_ITEM_REDELIVERED where they were acknowledged before.
 *
 * Of a shared subscription (sharing.h) everything that is outstanding is given up, before and
 * behind the new place: leases end and are fenced, delays, attempts and parked keys are forgotten
 * (dead letters that were written stay). It begins anew at the place, with attempts from 1.
 * An event that was parked or delayed for so long that it was copied further on (guide/queues.md)
 * counts where it was appended, also when that has left: WEIR_SEEK_OLDEST, or a time that is not
 * later than the oldest record's, finds it, and it begins anew like the others, with what is left
 * of its time to live (a dead letter that it has stays, too); any other place passes it over.
 * weir_reject() and weir_ack() of an item from before say WEIR_E_FENCED, and what was given to a
 * member and not polled yet does not come any more.
 *
 * A member has room for two messages of each partition: a third seek without a poll of that member
 * in between is ordered when it polls, or when its session ends.
 *
 * Thread:    any but weir's own. Blocks: up to timeout_ns until the move is ordered, and for a
 *            search on disk with WEIR_SEEK_TIME. Allocates: never.
 * @param at  sequence or time
 * @return 0, -ETIMEDOUT (it stays asked for, and is ordered when it can be; the next seek takes its
 *         place; or it could not even be asked for, since a call that makes or opens something
 *         waits for the log, on a full disk for instance: the problem says which), -EINVAL (`to`
 *         is none of its values), WEIR_E_UNKNOWN_NAME,
 *         WEIR_E_TRUNCATED (retired, or beyond the
 *         end), WEIR_E_CORRUPT or -EIO (the search met damage), WEIR_E_AGAIN (on one of weir's
 *         threads), WEIR_E_CLOSED, WEIR_E_FAILED
 */
WEIR_API WEIR_MUST_CHECK int weir_subscription_seek(struct weir_pipeline *pipeline,
						    uint32_t subscription, enum weir_seek_to to,
						    uint64_t at, uint64_t timeout_ns,
						    struct weir_problem *reterr_problem);

/**
 * What a subscription has still to process.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return 0 or WEIR_E_UNKNOWN_NAME
 */
WEIR_API WEIR_MUST_CHECK int weir_lag(struct weir_pipeline *pipeline, uint32_t subscription,
				      struct weir_lag *ret_lag);

WEIR_DECLS_END
#endif
