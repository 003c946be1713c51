/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bridges: a log and another system, in one direction.
 *
 *   sink    a subscription of the log, whose events go out
 *   source  a topic of the log, into which events come
 *
 * What differs from system to system is a driver: five functions (struct weir_bridge_ops). All else
 * is the same for every bridge and is here: a thread, states, delays between attempts, pause and
 * resume, counters, dead letters, and positions of the other side that are in the log together with
 * the events that came up to them. libweir-kafka (weir/kafka.h) is a driver; docs/guide/bridges.md
 * shows how to write one.
 *
 *   CONNECTING ──open()──► RUNNING ──weir_bridge_lost()──► RETRYING ──delay, open()──► RUNNING
 *        │                   │  └──weir_bridge_failed()──► FAILED ──resume──► CONNECTING
 *        │                   └──pause──► PAUSED ──resume──► CONNECTING
 *        └──────────────────────stop──────────────────────► STOPPED
 *
 * A sink reads by a member of its subscription, which it has from before open() until after
 * close(). So lag, its alerts, seeks and retention are the subscription's, as with any reader. A
 * bridge that is paused, or has failed, is closed on both sides: its subscription keeps what comes.
 *
 * With `state_dir` others see the bridge and steer it, by files, of which there are four for each:
 * NAME.status, lines of a key and a value, which it replaces whenever something has changed, five
 * times a second at most; NAME.pause, as long as which exists it is paused, over restarts too;
 * NAME.resume, which asks for another attempt and goes when it is taken; NAME.lock, which it holds
 * locked while it lives: two of one name exclude each other.
 *
 * Thread: what a driver calls is for the thread that runs its functions; what steers a bridge is
 * for any.
 */
#ifndef WEIR_BRIDGE_H
#define WEIR_BRIDGE_H

#include <weir/subscription.h>

#if defined(__GNUC__)
#define WEIR_BRIDGE_PRINTF __attribute__((format(printf, 2, 3)))
#else
#define WEIR_BRIDGE_PRINTF
#endif

WEIR_DECLS_BEGIN

struct weir_bridge;

enum weir_bridge_direction {
	WEIR_BRIDGE_SINK = 1,
	WEIR_BRIDGE_SOURCE = 2,
};

enum weir_bridge_state {
	WEIR_BRIDGE_CONNECTING = 1,
	WEIR_BRIDGE_RUNNING = 2,
	WEIR_BRIDGE_PAUSED = 3,
	WEIR_BRIDGE_RETRYING = 4, /**< opened again after a delay, and so on until it runs */
	WEIR_BRIDGE_FAILED = 5,   /**< closed; a person has to look, and resume it */
	WEIR_BRIDGE_STOPPED = 6,
};

/** What open(), step() and drain() may return beside their results; told why by the calls below. */
#define WEIR_BRIDGE_LOST (-1)
#define WEIR_BRIDGE_GIVE_UP (-2)

/**
 * A driver. All functions run on the bridge's thread (or that of weir_bridge_step()), never two at
 * once. None may wait longer than it is told, or, in open(), than about a second at a time between
 * two looks at weir_bridge_is_stopping().
 */
struct weir_bridge_ops {
	size_t struct_bytes;
	const char *system; /**< "kafka": for reports */
	/** Connect. 0: it runs; else as weir_bridge_lost() or weir_bridge_failed(). close() follows
	 *  in any case. */
	int (*open)(void *self, struct weir_bridge *bridge);
	/** A piece of work: some polls, sends, answers. >0: something was done, 0: nothing came in
	 *  timeout_ns; else as weir_bridge_lost() or weir_bridge_failed(). A sink that does not
	 *  poll for the subscription's session_timeout_ns loses its partitions. */
	int (*step)(void *self, struct weir_bridge *bridge, uint64_t timeout_ns);
	/** Before a pause or a stop: have what is under way finished and acknowledged. 0, or
	 *  negative: it was not, and comes again. NULL: there is nothing to do. Who waits in it
	 *  looks at weir_bridge_is_aborting() some times a second. */
	int (*drain)(void *self, struct weir_bridge *bridge, uint64_t timeout_ns);
	/** Disconnect, and forget what is under way. Must not wait for the other side. */
	void (*close)(void *self, struct weir_bridge *bridge);
	/** The bridge ends: give `self` back. NULL: it is the program's. */
	void (*destroy)(void *self);
};

struct weir_bridge_options {
	size_t struct_bytes;
	const char *name; /**< 1..100 of [A-Za-z0-9._-], not beginning with '.' */
	enum weir_bridge_direction direction;
	const struct weir_bridge_ops *ops; /**< kept: as long as the bridge */
	void *self;                        /**< first argument of its functions */
	uint32_t subscription;             /**< sink: whose events go out */
	/** Sink: a topic for what the other side will never take; UINT32_MAX (default): none, and
	 *  such an event stops the bridge (FAILED). A subscription that has dead letters of its own
	 *  (sharing.h) uses those. */
	uint32_t dead_letters;
	/** Source: a topic with versioned_keys (pipeline.h) for positions of the other side;
	 *  UINT32_MAX (default): it has none. Several bridges may share it. */
	uint32_t positions;
	const char *state_dir; /**< made where it is missing; NULL (default): no files */
	bool manual;           /**< no thread: the program calls weir_bridge_step() */
	/** CPUs, class, name and stack of its thread; without CPUs it runs on the pipeline's
	 *  housekeeping ones. What the driver's library starts inherits them. */
	struct weir_thread_options thread;
	uint64_t retry_min_ns; /**< before the first new attempt; default 200 ms */
	uint64_t retry_max_ns; /**< doubled up to here, less a jitter of up to a half; 30 s */
	uint64_t drain_ns;     /**< how long drain() may take; default 10 s */
	/** Told of each change of state, and of RETRYING with each attempt that fails, on the
	 *  bridge's thread; must not call the bridge. */
	void (*state_fn)(void *context, const char *name, enum weir_bridge_state state,
			 const char *why);
	void *state_context;
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_bridge_options_init(struct weir_bridge_options *options);

/**
 * Start a bridge. It returns before the other side was reached: see weir_bridge_status().
 *
 * Thread:    any but weir's own. Blocks: for a few commits (a source with positions). Allocates:
 *            the bridge, a thread.
 * @param ret_bridge      set on success only; stopped by weir_bridge_stop(), before the pipeline is
 *                        closed
 * @param reterr_problem  may be NULL
 * @return 0, -EINVAL (an option; a topic of positions whose keys have no versions),
 *         WEIR_E_UNKNOWN_NAME (subscription or topic), WEIR_E_LOCKED (state_dir has a bridge of
 *         this name that lives), -ENOMEM, -EAGAIN (no thread), what the file system said of
 *         state_dir, or what making the subscription of positions said
 */
WEIR_API WEIR_MUST_CHECK int weir_bridge_start(struct weir_pipeline *pipeline,
					       const struct weir_bridge_options *options,
					       struct weir_bridge **ret_bridge,
					       struct weir_problem *reterr_problem);

/**
 * Stop it: drain(), close(), the member leaves.
 *
 * Thread:    any, not a function of the driver's. Blocks: up to drain_ns, and for the driver's
 *            function that is running. On a `manual` bridge it does all of that itself.
 * Owns:      the bridge is gone afterwards.
 * @param bridge  NULL is allowed
 * @return 0: everything that was under way is finished; else WEIR_E_AGAIN: not all was, and comes
 *         again when a bridge of this name is started
 */
WEIR_API int weir_bridge_stop(struct weir_bridge *bridge);

/**
 * Ask it to stop, and wait for nothing: several stop side by side so. When weir_bridge_status()
 * says STOPPED, what it did is counted, and weir_bridge_stop(), which has to follow, waits no more.
 *
 * Thread: any, not a function of the driver's. Blocks: never. Allocates: never.
 */
WEIR_API void weir_bridge_stop_begin(struct weir_bridge *bridge);

/**
 * Ask it to stop at once: as weir_bridge_stop_begin(), and what is under way is left as it is. It
 * comes again when a bridge of this name is started. A driver that waits in open() or drain() goes
 * back when it sees weir_bridge_is_aborting().
 *
 * Thread: any, not a function of the driver's. Blocks: never. Allocates: never.
 */
WEIR_API void weir_bridge_abort(struct weir_bridge *bridge);

/**
 * Run a `manual` bridge: one call of its driver at most.
 *
 * Thread: one at a time. Blocks: up to timeout_ns, and as long as open() does.
 * @return >0: something was done, 0: nothing, -EINVAL: it has a thread
 */
WEIR_API int weir_bridge_step(struct weir_bridge *bridge, uint64_t timeout_ns);

/**
 * Pause: what is under way is finished, then both sides are left. With state_dir it is paused after
 * a restart, too.
 *
 * Thread: any. Blocks: never for the other side. Allocates: never.
 * @return 0, or what the file system said
 */
WEIR_API WEIR_MUST_CHECK int weir_bridge_pause(struct weir_bridge *bridge);

/**
 * Go on: after a pause; after FAILED, when what was wrong is mended; without the delay of RETRYING.
 *
 * Thread: any. Blocks: never for the other side. Allocates: never.
 * @return 0, or what the file system said
 */
WEIR_API WEIR_MUST_CHECK int weir_bridge_resume(struct weir_bridge *bridge);

/**
 * Try at once where RETRYING waits for its delay. One in any other state, or that somebody wants
 * paused, is left alone.
 *
 * Thread: any. Blocks: never for the other side. Allocates: never.
 */
WEIR_API void weir_bridge_retry(struct weir_bridge *bridge);

struct weir_bridge_status {
	size_t struct_bytes; /**< sizeof(struct weir_bridge_status), set before the call */
	char name[104];
	char system[16];
	enum weir_bridge_direction direction;
	enum weir_bridge_state state;
	uint64_t since_us;     /**< µs since 1970: in this state */
	uint64_t events;       /**< since the start: confirmed by the other side, or in the log */
	uint64_t bytes;        /**< of them: keys and payloads */
	uint64_t repeats;      /**< known to be there already, and passed over */
	uint64_t dead_letters; /**< given up */
	uint64_t attempts;     /**< that failed since it last ran */
	uint64_t lag_events;   /**< sink: of its subscription; source: as its driver says it */
	uint64_t lag_time_ns;
	char why[256]; /**< the last trouble, "" when there was none since it ran */
};

/**
 * How it is.
 *
 * Thread: any. Blocks: never for the other side. Allocates: never.
 * @return 0, or -EINVAL (struct_bytes)
 */
WEIR_API int weir_bridge_status(struct weir_bridge *bridge, struct weir_bridge_status *ret_status);

/**
 * The name of a state, in lower case: "running".
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a static string, never NULL
 */
WEIR_API const char *weir_bridge_state_name(enum weir_bridge_state state);

/* ---- for drivers ----------------------------------------------------------------------------- */

/**
 * The pipeline that it belongs to.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return it
 */
WEIR_API struct weir_pipeline *weir_bridge_pipeline(const struct weir_bridge *bridge);

/**
 * Its name.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return it, as long as the bridge
 */
WEIR_API const char *weir_bridge_name(const struct weir_bridge *bridge);

/**
 * The member of a sink: poll it, acknowledge, reject, rewind, as any.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 * @return it, from open() to close(); NULL for a source
 */
WEIR_API struct weir_member *weir_bridge_member(const struct weir_bridge *bridge);

/**
 * The subscription of a sink.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return its id
 */
WEIR_API uint32_t weir_bridge_subscription(const struct weir_bridge *bridge);

/**
 * Whether it is to stop or to pause: who waits in open() goes back.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 * @return true: it is
 */
WEIR_API bool weir_bridge_is_stopping(struct weir_bridge *bridge);

/**
 * Whether it is to stop at once: who waits in drain() goes back.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 * @return true: it is
 */
WEIR_API bool weir_bridge_is_aborting(struct weir_bridge *bridge);

/**
 * Say that the other side is lost, for a while. The text is kept for the status; without bytes of
 * an event, without a password.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 * @return WEIR_BRIDGE_LOST, for the driver to return
 */
WEIR_API int weir_bridge_lost(struct weir_bridge *bridge, const char *format,
			      ...) WEIR_BRIDGE_PRINTF;

/**
 * Say that it will not work before a person has done something.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 * @return WEIR_BRIDGE_GIVE_UP, for the driver to return
 */
WEIR_API int weir_bridge_failed(struct weir_bridge *bridge, const char *format,
				...) WEIR_BRIDGE_PRINTF;

/**
 * Say what a person should know while it runs: the other side takes nothing for the moment, and
 * why. Shown until the next state, or the next note; "" takes it back.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 */
WEIR_API void weir_bridge_note(struct weir_bridge *bridge, const char *text);

/**
 * Count what was delivered, and what was there already.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 */
WEIR_API void weir_bridge_count(struct weir_bridge *bridge, uint64_t events, uint64_t bytes,
				uint64_t repeats);

/**
 * Count what a source has passed over, since no event can be it.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 */
WEIR_API void weir_bridge_count_dead(struct weir_bridge *bridge, uint64_t events);

/**
 * Say how far a source is behind the other side.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 */
WEIR_API void weir_bridge_lag(struct weir_bridge *bridge, uint64_t events);

/**
 * Give an event up that the other side will never take: of a shared subscription by weir_reject()
 * as dead; else a copy in `dead_letters` and its acknowledgement are one transaction, durable when
 * this returns. The copy has the event's key, payload, times and headers, and three more:
 * weir-bridge (the name), weir-reason, weir-position ("topic/partition/sequence"). Nothing that
 * was polled of its partition before it may be left without an acknowledgement.
 *
 * Thread: the driver's. Blocks: for one commit, a few seconds at most. Allocates: never.
 * @param item    still lent
 * @param reason  one line, at most 200 bytes are kept
 * @return 0; else what the driver is to return: without a topic of dead letters the bridge fails,
 *         with `reason` and the event's position; also where the copy would have more than 1024
 *         headers, or is larger than an event may be
 */
WEIR_API WEIR_MUST_CHECK int weir_bridge_dead_letter(struct weir_bridge *bridge,
						     const struct weir_item *item,
						     const char *reason);

/* ---- positions: a source's place on the other side, in the log ------------------------------- */

/** How long a key and a position may be. */
#define WEIR_BRIDGE_POSITION_BYTES_MAX 512u

/**
 * What the log has for a key: how far the events of this part of the other side are in it. From
 * here on runs of this bridge follow on it: should another bridge have written the key meanwhile,
 * the next run is refused whole.
 *
 * Thread: the driver's. Blocks: for the writer's answer, and a read. Allocates: a place for the
 *         key, the first time.
 * @param key        1..WEIR_BRIDGE_POSITION_BYTES_MAX bytes: "GROUP/TOPIC/PARTITION"
 * @param room       of `value`
 * @param ret_bytes  of the position; 0: the log has none
 * @return 0; else what the driver is to return
 */
WEIR_API WEIR_MUST_CHECK int weir_bridge_position(struct weir_bridge *bridge, const void *key,
						  size_t key_bytes, void *value, size_t room,
						  size_t *ret_bytes);

/**
 * Begin a run: events and positions that are in the log together, or not at all.
 *
 * Thread: the driver's. Blocks: up to a second for room. Allocates: never.
 * @param bytes_max  of all that is added (weir_event_bytes(), and WEIR_BRIDGE_POSITION_ROOM for
 *                   each position)
 * @return 0; WEIR_E_TOO_BIG: more than a run may have; WEIR_E_AGAIN: the log has no room for
 *         now; else what the driver is to return
 */
WEIR_API WEIR_MUST_CHECK int weir_bridge_run_begin(struct weir_bridge *bridge, size_t bytes_max);

/** Room that a position takes in a run at most. */
#define WEIR_BRIDGE_POSITION_ROOM (2u * WEIR_BRIDGE_POSITION_BYTES_MAX + 256u)

/**
 * Add an event to the run.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 * @return 0, WEIR_E_TOO_BIG (it is full: the run stays open), or what weir_run_add() said
 */
WEIR_API WEIR_MUST_CHECK int weir_bridge_run_add(struct weir_bridge *bridge,
						 const struct weir_event *event);

/**
 * Add a position to the run: the events up to it are in the run, or before it.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 * @param key  one that weir_bridge_position() was asked for; once in a run
 * @return 0, WEIR_E_TOO_BIG, or -EINVAL
 */
WEIR_API WEIR_MUST_CHECK int weir_bridge_run_position(struct weir_bridge *bridge, const void *key,
						      size_t key_bytes, const void *value,
						      size_t value_bytes);

/**
 * Hand the run over. It does not wait until it is durable: several may be under way to the disk.
 * The run before it has its order by then: none follows one that is refused.
 *
 * Thread: the driver's. Blocks: until the run before it is ordered, up to a second, then
 *         WEIR_BRIDGE_LOST. Allocates: never.
 * @return 0, or what the driver is to return
 */
WEIR_API WEIR_MUST_CHECK int weir_bridge_run_commit(struct weir_bridge *bridge);

/**
 * Give the open run up.
 *
 * Thread: the driver's. Blocks: never. Allocates: never.
 */
WEIR_API void weir_bridge_run_abort(struct weir_bridge *bridge);

/**
 * Wait until all runs that were handed over are durable (ordered, in a log in memory), and count
 * their events.
 *
 * Thread: the driver's. Blocks: up to timeout_ns.
 * @return 1: they are; 0: not yet; else what the driver is to return: a run was refused, and
 *         nothing of it or of those behind it with the same keys is in the log. Another bridge has
 *         taken a key over: WEIR_BRIDGE_LOST, and positions are to be read anew
 */
WEIR_API WEIR_MUST_CHECK int weir_bridge_run_wait(struct weir_bridge *bridge, uint64_t timeout_ns);

WEIR_DECLS_END
#endif
