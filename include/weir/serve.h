/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A small HTTP server beside a pipeline: its metrics, and those of other processes' pipelines, as
 * OpenMetrics and on a live page; its schema registry by the interface of Confluent's, so that
 * existing clients work.
 *
 * This is a library by itself (libweir-serve), because it brings libmicrohttpd in: who links
 * libweir alone does not.
 *
 *     struct weir_server_options options;
 *     struct weir_server *server;
 *     weir_server_options_init(&options);
 *     options.pipeline = pipeline;
 *     options.token = token;
 *     int rc = weir_server_open(&options, &server, &problem);
 *     ...
 *     weir_server_close(server, WEIR_FOREVER);     before the pipeline is closed
 *
 * What it does for its own safety, and does not for yours (docs/guide/serve.md):
 *
 *   it listens on this machine alone unless a token is asked for, and speaks no TLS: who can read
 *   the wire reads the token. It changes nothing unless `writable`. Connections, the size of a
 *   request, the time that one may take and the memory of all together are bounded. A page of
 *   somebody else's, in a browser on this machine, is refused (Origin, and Host without a token).
 *
 * Two threads of its own: one serves all connections, one makes the calls that block. A record that
 * waits for the disk does not hold up who reads.
 */
#ifndef WEIR_SERVE_H
#define WEIR_SERVE_H

#include <weir/base.h>
#include <weir/error.h>
#include <weir/pipeline.h>

WEIR_DECLS_BEGIN

struct weir_server;

/** A token is this long, of printable characters but blanks. */
#define WEIR_SERVER_TOKEN_BYTES_MIN 16u
#define WEIR_SERVER_TOKEN_BYTES_MAX 512u

struct weir_server_options {
	size_t struct_bytes; /**< set by weir_server_options_init */

	/** Whose registry it serves; NULL: none, and those addresses say 404. */
	struct weir_pipeline *pipeline;
	/** "ADDRESS:PORT" with an address in numbers ("127.0.0.1:9464", "[::1]:0"), or
	 *  "unix:/path": mode 0600; one that a dead process left is replaced, one that answers is
	 *  not. Port 0: any that is free. An address that others reach needs a token. */
	const char *listen;
	/** What requests have to bring ("Authorization: Bearer TOKEN", or Basic with it as the
	 *  password), all but /health and /ready. NULL: nothing. It is copied. */
	const char *token;
	/** Whose metrics it shows besides the pipeline's: of all whose files lie in this directory
	 *  (metrics.h). "": the default one; NULL: none. It is copied. */
	const char *metrics_dir;
	bool writable; /**< schemas may be registered and deleted, levels set */

	uint32_t connections_max;  /**< 1 .. 1024; more wait to be accepted */
	uint32_t body_bytes_max;   /**< 1024 .. 16 MiB; of a request */
	uint32_t memory_bytes_max; /**< of bodies and answers together; beyond it: 503, for an
	                                answer that alone is larger, too. /metrics goes out in
	                                pieces, and counts as 128 KiB */
	uint64_t request_ns;       /**< a request has to be there within this, and its answer read
	                                within this, or the connection ends; 100 ms .. 1 h */
};

/**
 * Fills in the defaults: 127.0.0.1:9464, no pipeline, no token, read-only, 64 connections, bodies
 * of 1 MiB, 32 MiB in all, 10 s.
 *
 * Thread: any. Blocks: never. Allocates: never.
 */
WEIR_API void weir_server_options_init(struct weir_server_options *options);

/**
 * Listen, and answer from now on.
 *
 * Thread: any. Blocks: never. Allocates: with malloc(): what connections need, bounded by the
 * options.
 * @param ret_server      set on success only
 * @param reterr_problem  may be NULL
 * @return 0; -EINVAL: an option, or an address that others reach without a token; -EADDRINUSE,
 *         -EADDRNOTAVAIL, -EACCES ... : what the kernel said to the address; -ENOMEM, -EAGAIN (no
 *         thread)
 */
WEIR_API WEIR_MUST_CHECK int weir_server_open(const struct weir_server_options *options,
					      struct weir_server **ret_server,
					      struct weir_problem *reterr_problem);

/**
 * Where it listens, as a client is told: "http://127.0.0.1:40123", "unix:/run/weir.sock".
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return lent until the close
 */
WEIR_API const char *weir_server_url(const struct weir_server *server);

/**
 * Another token from now on: what is asked with the one before is refused.
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @param token  copied; as weir_server_options.token
 * @return 0; -EINVAL: it is no token, or the server was opened without one
 */
WEIR_API WEIR_MUST_CHECK int weir_server_token_set(struct weir_server *server, const char *token);

/**
 * How often its thread has gone round, which is asked to go round once more: while it moves, a call
 * some moments later tells a higher number. For weir_notifier_watch() (notify.h).
 *
 * Thread: any. Blocks: never. Allocates: never.
 * @return a number that only rises
 */
WEIR_API uint64_t weir_server_turns(struct weir_server *server);

/**
 * End all connections, and give everything back. A call of the registry that is under way is waited
 * for; of those that wait for their turn the clients are told 503.
 *
 * Thread: any, one. Blocks: up to the deadline. Allocates: never.
 * @param server      may be NULL
 * @param timeout_ns  0: do not wait; WEIR_FOREVER
 * @return 0; -ETIMEDOUT: a call of the registry does not end (a full disk, say): no connection is
 *         there any more; close the pipeline, then call this again
 */
WEIR_API WEIR_MUST_CHECK int weir_server_close(struct weir_server *server, uint64_t timeout_ns);

WEIR_DECLS_END
#endif
