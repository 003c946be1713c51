/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of a server: what server.c (open, close, the thread's loop) and exchange.c (one request
 * and its answer) share.
 *
 * One thread calls libmicrohttpd, and all of it: the daemon has no threads of its own, so that its
 * state needs no lock. Jobs go to the worker and come back to this thread, which resumes their
 * connections.
 *
 * Each connection has a deadline: from the accept, or the end of the answer before, until a request
 * is whole, and from there until its answer is read. Bytes that trickle in do not move it. Beyond
 * it the socket is shut down, which libmicrohttpd then finds out by itself.
 *
 * Thread: the server's own, but for what stands under the lock.
 */
#ifndef WR_HTTP_SERVER_H
#define WR_HTTP_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>

#include <weir/serve.h>

#include "io/http/address.h"
#include "io/http/pipelines.h"
#include "io/http/site.h"
#include "io/http/worker.h"

#define WR_HTTP_NO_DEADLINE UINT64_MAX

struct wr_http_connection {
	struct wr_http_connection *next;
	struct wr_http_connection *previous;
	int fd;
	uint64_t deadline_ns;
	bool is_shut;
};

struct weir_server {
	struct weir_server_options options;
	struct wr_http_site site;
	struct wr_http_pipelines pipelines;
	char *metrics_dir;
	struct wr_http_address address;
	bool wants_token;
	struct MHD_Daemon *daemon;
	int epoll_fd; /* the daemon's */
	int wake_fd;
	struct wr_http_worker *worker;
	struct wr_http_connection *connections;
	size_t used_bytes; /* of bodies and answers */
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t ended_cond;
	/* Under the lock: */
	bool stopping;
	uint64_t turns;
	bool given_up; /* the close did not come to its end in time */
	bool ended;
	char token[WEIR_SERVER_TOKEN_BYTES_MAX + 1];
};

/* exchange.c: what libmicrohttpd calls. */
enum MHD_Result wr_http_exchange(void *context, struct MHD_Connection *connection, const char *url,
				 const char *method, const char *version, const char *upload_data,
				 size_t *upload_bytes, void **exchange);
void wr_http_exchange_end(void *context, struct MHD_Connection *connection, void **exchange,
			  enum MHD_RequestTerminationCode why);
/* A job came back: its connection goes on. */
void wr_http_exchange_resume(struct weir_server *server, struct wr_http_job *job);

/* server.c */
struct wr_http_connection *wr_http_connection_of(struct MHD_Connection *connection);
/* Whether the header Authorization has the token. */
bool wr_http_is_let_in(struct weir_server *server, const char *authorization);
void wr_http_deadline_set(struct weir_server *server, struct wr_http_connection *c);

#endif
