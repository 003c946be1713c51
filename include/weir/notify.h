/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Telling a service manager how a service is: ready, what it does, that its threads still move,
 * that it stops. The protocol is systemd's sd_notify(3): datagrams to the socket that the
 * environment variable NOTIFY_SOCKET names. Other managers and container tools speak it, too.
 *
 * weir reads no environment: the program says which socket, and how long a watchdog waits.
 *
 *     const char *watchdog = getenv("WATCHDOG_USEC");      WATCHDOG_PID, if set, has to be getpid()
 *     struct weir_notifier_options options;
 *     weir_notifier_options_init(&options);
 *     options.socket = getenv("NOTIFY_SOCKET");             NULL: nobody listens, nothing is sent
 *     options.watchdog_ns = watchdog != NULL ? strtoull(watchdog, NULL, 10) * 1000 : 0;
 *     rc = weir_notifier_open(&options, &notifier, &problem);
 *     unsetenv("NOTIFY_SOCKET");                            of the programs that this one starts
 *     rc = weir_open(...);                                  meanwhile its time to start is extended
 *     rc = weir_notifier_watch_pipeline(notifier, pipeline);
 *     rc = weir_notifier_ready(notifier, "orders: open");
 *     ...
 *     rc = weir_notifier_stopping(notifier, 30 s, "draining");
 *     weir_notifier_unwatch_pipeline(notifier, pipeline);
 *     weir_close(pipeline, WEIR_CLOSE_DRAIN, 30 s, NULL);
 *     weir_notifier_close(notifier);
 *
 * A notifier has a thread, which sends what has to be sent again and again, and only for as long as
 * it is true:
 *
 *   before ready     EXTEND_TIMEOUT_USEC of 30 s every 2 s, while the process works: other threads
 *                    than this one used CPU time. A recovery that stands still is not extended.
 *   then             WATCHDOG=1, at least twice within watchdog_ns, while all that is watched moves
 *                    (weir_pipeline_beat() of pipelines). What does not move is named in STATUS.
 *   while stopping   EXTEND_TIMEOUT_USEC as before, for the time that was given and no longer.
 *
 * A notifier is not for a child after fork(): there its calls return WEIR_E_CLOSED and do nothing.
 */
#ifndef WEIR_NOTIFY_H
#define WEIR_NOTIFY_H

#include <weir/base.h>
#include <weir/error.h>
#include <weir/log.h>

WEIR_DECLS_BEGIN

struct weir_pipeline;
struct weir_notifier;

/* ---- does a pipeline move? ------------------------------------------------------------------- */

/** What a look saw; zeroed before the first. One looker's own. */
struct weir_beat {
	bool begun;
	uint64_t rounds[3]; /**< of the log's, the journal's and the group's thread */
	char stuck[16];     /**< after WEIR_E_AGAIN: the name of a thread that has not moved */
};

/**
 * Has each of the pipeline's own threads gone round since the last look? They are woken, so that
 * one that sleeps goes round once, too, before the next look: leave them some time, a second and
 * more.
 *
 * Looked at are the threads that order, write and lead groups. Not: handlers, which may be in a
 * function of the program for as long as that takes (a session that is over tells of those), and
 * helpers. A disk that does not answer stops no thread: an alert tells of it
 * (WEIR_ALERT_STUCK_AGE).
 * Of a `manual` pipeline: was weir_step() called?
 *
 * Thread: any; a beat is one thread's at a time. Blocks: never. Allocates: never.
 * @param beat  the same at each look
 * @return 0: all have, or this is the first look; WEIR_E_AGAIN: one has not (beat->stuck);
 *         WEIR_E_CLOSED in a child of the process that opened it
 */
WEIR_API WEIR_MUST_CHECK int weir_pipeline_beat(struct weir_pipeline *pipeline,
						struct weir_beat *beat);

/* ---- one message ----------------------------------------------------------------------------- */

/** Bytes that a message may have. */
#define WEIR_NOTIFY_BYTES_MAX 2048u

/**
 * Send one message, as sd_notify(3) does: assignments, one a line ("READY=1\nSTATUS=open").
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param socket  what NOTIFY_SOCKET says: an absolute path, or a name in the abstract namespace
 *                behind '@'; NULL or "": nobody listens, nothing is done
 * @return 0; -EINVAL (no such address, or too long a message), -EAFNOSUPPORT (another kind of
 *         address: "vsock:"), -EAGAIN (the receiver is not keeping up), -ENOENT, -ECONNREFUSED,
 *         -EACCES ...
 */
WEIR_API WEIR_MUST_CHECK int weir_notify_send(const char *socket, const char *message);

/* ---- a notifier ------------------------------------------------------------------------------ */

struct weir_notifier_options {
	size_t struct_bytes;  /**< set by weir_notifier_options_init */
	const char *socket;   /**< as for weir_notify_send(); NULL or "" (default): nothing is ever
	                           sent, and every call succeeds. It is copied. */
	uint64_t watchdog_ns; /**< WATCHDOG_USEC, in ns: 20 ms and more; 0 (default): none */
	/** Gets a line (log.h) when what is watched stands still; from the notifier's thread, under
	 *  its lock: it must not call the notifier. NULL (default): nobody does. */
	weir_log_fn log_fn;
	void *log_context;
};

/**
 * Fill with defaults.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param options  overwritten
 */
WEIR_API void weir_notifier_options_init(struct weir_notifier_options *options);

/**
 * Open a notifier. Until weir_notifier_ready() it extends the time that a start may take.
 *
 * Thread: any. Blocks: never. Allocates: the notifier, with malloc(); without a socket no thread.
 * @param ret_notifier    set on success
 * @param reterr_problem  may be NULL
 * @return 0; -EINVAL: an option; -EAFNOSUPPORT; -ENOMEM, -EMFILE, -EAGAIN (no thread)
 */
WEIR_API WEIR_MUST_CHECK int weir_notifier_open(const struct weir_notifier_options *options,
						struct weir_notifier **ret_notifier,
						struct weir_problem *reterr_problem);

/** What can be watched at once. */
#define WEIR_NOTIFIER_WATCHED_MAX 16u

/**
 * Watch something: it is asked four times within watchdog_ns whether it has moved since it was
 * asked last, and WATCHDOG=1 is sent only when all of it has. With nothing to watch none is sent.
 *
 * Thread: any.
 * Blocks: never. Allocates: never.
 * @param has_moved  called by the notifier's thread; must not block, nor call the notifier. True
 *                   the first time. False: it may write into `stuck`, a text that ends in NUL, what
 *                   stands still.
 * @param context    its first argument; with has_moved it names what is watched
 * @return 0; WEIR_E_FULL; WEIR_E_EXISTS; WEIR_E_CLOSED
 */
WEIR_API WEIR_MUST_CHECK int weir_notifier_watch(struct weir_notifier *notifier,
						 bool (*has_moved)(void *context, char *stuck,
								   size_t stuck_bytes),
						 void *context);

/**
 * Watch it no longer. After the return it is not asked again.
 *
 * Thread: any, not has_moved. Blocks: until a question under way is answered. Allocates: never.
 * What is not watched does no harm.
 */
WEIR_API void weir_notifier_unwatch(struct weir_notifier *notifier,
				    bool (*has_moved)(void *context, char *stuck,
						      size_t stuck_bytes),
				    void *context);

/**
 * Watch a pipeline by weir_pipeline_beat().
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param pipeline  open until weir_notifier_unwatch_pipeline()
 * @return as weir_notifier_watch()
 */
WEIR_API WEIR_MUST_CHECK int weir_notifier_watch_pipeline(struct weir_notifier *notifier,
							  struct weir_pipeline *pipeline);

/**
 * Watch a pipeline no longer: before it is closed.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_notifier_unwatch_pipeline(struct weir_notifier *notifier,
					     struct weir_pipeline *pipeline);

/**
 * It is open and recovered, or a reload is over: READY=1, and STATUS. The watchdog runs from here
 * on.
 *
 * Thread: any. Blocks: up to a second, if the receiver does not keep up. Allocates: never.
 * @param status  a line for people; NULL: none. What is no printable text becomes blanks, what is
 *                beyond 256 bytes is cut
 * @return 0, or as weir_notify_send()
 */
WEIR_API int weir_notifier_ready(struct weir_notifier *notifier, const char *status);

/**
 * STATUS: what it does now.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return 0, or as weir_notify_send()
 */
WEIR_API int weir_notifier_status(struct weir_notifier *notifier, const char *status);

/**
 * The configuration is being read again: RELOADING=1 with MONOTONIC_USEC. weir_notifier_ready()
 * ends it, also where nothing came of it. The watchdog runs on.
 *
 * Thread: any. Blocks: up to a second. Allocates: never.
 * @return 0, or as weir_notify_send()
 */
WEIR_API int weir_notifier_reloading(struct weir_notifier *notifier, const char *status);

/**
 * It ends: STOPPING=1. From now on the time that a stop may take is extended, for timeout_ns in
 * all. The watchdog runs on, for what is still watched.
 *
 * Thread: any. Blocks: up to a second. Allocates: never.
 * @param timeout_ns  how long it may take; a second call changes that
 * @return 0, or as weir_notify_send()
 */
WEIR_API int weir_notifier_stopping(struct weir_notifier *notifier, uint64_t timeout_ns,
				    const char *status);

/**
 * End the thread, and give everything back. In a child after fork() it does nothing.
 *
 * Thread: any, once, when nobody else is inside a call with it. Blocks: for a question under way.
 * Allocates: never.
 * @param notifier  may be NULL
 */
WEIR_API void weir_notifier_close(struct weir_notifier *notifier);

WEIR_DECLS_END
#endif
