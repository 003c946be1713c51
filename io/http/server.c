/* SPDX-License-Identifier: Apache-2.0 */
/* Open, the thread's loop, close: server.h. */
#include "io/http/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/deadline.h"
#include "io/http/access.h"
#include "io/http/thread.h"

#define NS_PER_MS 1000000u
#define NS_PER_S 1000000000u
#define CONNECTION_BYTES (24u << 10) /* of the head of a request, and of the answer's */
#define TICK_MS 1000
/* For answers under way when the server is closed. */
#define LAST_NS (500 * (uint64_t)NS_PER_MS)

void weir_server_options_init(struct weir_server_options *options)
{
	*options = (struct weir_server_options){
		.struct_bytes = sizeof *options,
		.listen = "127.0.0.1:9464",
		.connections_max = 64,
		.body_bytes_max = 1u << 20,
		.memory_bytes_max = 32u << 20,
		.request_ns = 10 * (uint64_t)NS_PER_S,
	};
}

/* --- connections ------------------------------------------------------------------------------ */

static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text); // read by request.c, which knows a slash from an encoded one
}

struct wr_http_connection *wr_http_connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info != NULL ? info->socket_context : NULL;
}

void wr_http_deadline_set(struct weir_server *server, struct wr_http_connection *c)
{
	if (c != NULL)
		c->deadline_ns = wr_http_now_ns() + server->options.request_ns;
}

static void begin(struct weir_server *server, struct MHD_Connection *connection, void **ret)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct wr_http_connection *c = calloc(1, sizeof *c);
	*ret = c;
	if (info == NULL || c == NULL) {
		/* Nobody would look after it. */
		if (info != NULL)
			(void)shutdown(info->connect_fd, SHUT_RDWR);
		free(c);
		*ret = NULL;
		return;
	}
	c->fd = info->connect_fd;
	wr_http_deadline_set(server, c);
	c->next = server->connections;
	if (c->next != NULL)
		c->next->previous = c;
	server->connections = c;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct weir_server *server = context;
	struct wr_http_connection *c = *socket_context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		begin(server, connection, socket_context);
	} else if (c != NULL) {
		*(c->previous != NULL ? &c->previous->next : &server->connections) = c->next;
		if (c->next != NULL)
			c->next->previous = c->previous;
		free(c);
		*socket_context = NULL;
	}
}

/* How long until the next deadline, in ms. */
static int close_overdue(struct weir_server *server)
{
	uint64_t now = wr_http_now_ns(), next = now + TICK_MS * (uint64_t)NS_PER_MS;
	for (struct wr_http_connection *c = server->connections; c != NULL; c = c->next) {
		if (c->is_shut || c->deadline_ns == WR_HTTP_NO_DEADLINE)
			continue;
		if (c->deadline_ns <= now) {
			(void)shutdown(c->fd, SHUT_RDWR);
			c->is_shut = true;
			next = now;
		} else if (c->deadline_ns < next) {
			next = c->deadline_ns;
		}
	}
	return (int)((next - now + NS_PER_MS - 1) / NS_PER_MS);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Asked once a turn. */
static bool is_stopping(struct weir_server *server)
{
	(void)pthread_mutex_lock(&server->lock);
	bool stopping = server->stopping;
	server->turns++;
	(void)pthread_mutex_unlock(&server->lock);
	return stopping;
}

static bool is_given_up(struct weir_server *server)
{
	(void)pthread_mutex_lock(&server->lock);
	bool given_up = server->given_up;
	(void)pthread_mutex_unlock(&server->lock);
	return given_up;
}

/* Those, too, whose call of the registry does not end: they have no deadline. */
static void shut_all(struct weir_server *server)
{
	for (struct wr_http_connection *c = server->connections; c != NULL; c = c->next) {
		if (!c->is_shut)
			(void)shutdown(c->fd, SHUT_RDWR);
		c->is_shut = true;
	}
}

static void take_back(struct weir_server *server)
{
	struct wr_http_job *job = wr_http_worker_done(server->worker);
	while (job != NULL) {
		struct wr_http_job *next = job->next;
		wr_http_exchange_resume(server, job);
		job = next;
	}
}

static void turn(struct weir_server *server, int wait_ms)
{
	struct pollfd fds[2] = {{.fd = server->epoll_fd, .events = POLLIN},
				{.fd = server->wake_fd, .events = POLLIN}};
	MHD_UNSIGNED_LONG_LONG asked_ms;
	eventfd_t count;
	if (MHD_get_timeout(server->daemon, &asked_ms) == MHD_YES &&
	    asked_ms < (MHD_UNSIGNED_LONG_LONG)wait_ms)
		wait_ms = (int)asked_ms;
	(void)poll(fds, 2, wait_ms);
	(void)eventfd_read(server->wake_fd, &count);
	take_back(server);
	(void)MHD_run(server->daemon);
}

/* No new ones; those at rest end at once, those with an answer under way have a moment. */
static void begin_stop(struct weir_server *server)
{
	uint64_t last_ns = wr_http_now_ns() + LAST_NS;
	int listen_fd = MHD_quiesce_daemon(server->daemon);
	if (listen_fd >= 0)
		(void)close(listen_fd);
	for (struct wr_http_connection *c = server->connections; c != NULL; c = c->next)
		if (c->deadline_ns != WR_HTTP_NO_DEADLINE && c->deadline_ns > last_ns)
			c->deadline_ns = last_ns;
	server->options.request_ns = LAST_NS; // of what is answered from now on
	wr_http_worker_stop(server->worker);
}

static void *run(void *context)
{
	struct weir_server *server = context;
	while (!is_stopping(server))
		turn(server, close_overdue(server));
	begin_stop(server);
	while (!wr_http_worker_is_over(server->worker) || server->connections != NULL) {
		if (is_given_up(server))
			shut_all(server);
		turn(server, close_overdue(server));
	}
	take_back(server);
	(void)pthread_mutex_lock(&server->lock);
	server->ended = true;
	(void)pthread_cond_broadcast(&server->ended_cond);
	(void)pthread_mutex_unlock(&server->lock);
	return NULL;
}

/* --- open ------------------------------------------------------------------------------------- */

static int complain(struct weir_problem *problem, int code, const char *field, const char *text)
{
	if (problem != NULL) {
		*problem = (struct weir_problem){.code = code};
		(void)snprintf(problem->field, sizeof problem->field, "%s", field);
		(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	}
	return code;
}

static int check(const struct weir_server_options *o, struct wr_http_address *ret_address,
		 struct weir_problem *problem)
{
	if (o == NULL || o->struct_bytes != sizeof *o)
		return complain(problem, -EINVAL, "options",
				"fill them in with weir_server_options_init()");
	if (o->connections_max < 1 || o->connections_max > 1024)
		return complain(problem, -EINVAL, "connections_max", "it is 1 to 1024");
	if (o->body_bytes_max < 1024 || o->body_bytes_max > 16u << 20)
		return complain(problem, -EINVAL, "body_bytes_max", "it is 1024 to 16 MiB");
	if (o->memory_bytes_max < o->body_bytes_max)
		return complain(problem, -EINVAL, "memory_bytes_max",
				"it is at least body_bytes_max");
	if (o->request_ns < 100 * (uint64_t)NS_PER_MS || o->request_ns > 3600 * (uint64_t)NS_PER_S)
		return complain(problem, -EINVAL, "request_ns", "it is 100 ms to an hour");
	if (o->token != NULL && !wr_http_token_valid(o->token))
		return complain(problem, -EINVAL, "token",
				"a token is 16 to 512 printable characters without blanks");
	int rc = wr_http_address_read(o->listen, ret_address, problem);
	if (rc == 0 && !ret_address->is_local && o->token == NULL)
		return complain(problem, -EINVAL, "token",
				"others reach this address: it needs a token (loopback and unix: "
				"do not)");
	return rc;
}

static int start_daemon(struct weir_server *server, int listen_fd)
{
	const union MHD_DaemonInfo *info;
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, wr_http_exchange, server,
		MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		server->options.connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED,
		wr_http_exchange_end, server, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
		MHD_OPTION_END);
	if (server->daemon == NULL)
		return -ENOMEM;
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || info->epoll_fd < 0)
		return -ENOSYS;
	server->epoll_fd = info->epoll_fd;
	return 0;
}

static void free_all(struct weir_server *server)
{
	if (server->daemon != NULL)
		MHD_stop_daemon(server->daemon);
	if (server->worker != NULL) {
		wr_http_worker_stop(server->worker);
		wr_http_worker_free(server->worker);
	}
	wr_http_address_forget(&server->address);
	if (server->wake_fd >= 0)
		(void)close(server->wake_fd);
	(void)pthread_cond_destroy(&server->ended_cond);
	(void)pthread_mutex_destroy(&server->lock);
	wr_http_pipelines_fini(&server->pipelines);
	free(server->metrics_dir);
	free(server);
}

static int init(struct weir_server *server, const struct weir_server_options *options)
{
	pthread_condattr_t attributes;
	server->options = *options;
	server->wake_fd = -1;
	server->site = (struct wr_http_site){.pipeline = options->pipeline,
					     .writable = options->writable,
					     .call_ns = options->request_ns,
					     .wants_token = options->token != NULL,
					     .pipelines = &server->pipelines};
	(void)pthread_mutex_init(&server->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&server->ended_cond, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	server->wants_token = options->token != NULL;
	if (server->wants_token)
		memcpy(server->token, options->token, strlen(options->token) + 1);
	if (options->metrics_dir != NULL) {
		server->metrics_dir = strdup(options->metrics_dir);
		if (server->metrics_dir == NULL)
			return -ENOMEM;
	}
	server->pipelines.own = options->pipeline;
	server->pipelines.dir = server->metrics_dir;
	server->options.token = NULL; // the caller's
	server->options.metrics_dir = NULL;
	server->options.listen = NULL;
	server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return server->wake_fd >= 0 ? 0 : -errno;
}

bool wr_http_is_let_in(struct weir_server *server, const char *authorization)
{
	(void)pthread_mutex_lock(&server->lock);
	bool good = wr_http_token_good(authorization, server->token);
	(void)pthread_mutex_unlock(&server->lock);
	return good;
}

int weir_server_token_set(struct weir_server *server, const char *token)
{
	if (!server->wants_token || !wr_http_token_valid(token))
		return -EINVAL;
	(void)pthread_mutex_lock(&server->lock);
	memcpy(server->token, token, strlen(token) + 1);
	(void)pthread_mutex_unlock(&server->lock);
	return 0;
}

int weir_server_open(const struct weir_server_options *options, struct weir_server **ret_server,
		     struct weir_problem *reterr_problem)
{
	struct wr_http_address address;
	int listen_fd = -1;
	int rc = check(options, &address, reterr_problem);
	if (rc != 0)
		return rc;
	struct weir_server *server = calloc(1, sizeof *server);
	if (server == NULL)
		return complain(reterr_problem, -ENOMEM, "", weir_strerror(-ENOMEM));
	rc = init(server, options);
	if (rc == 0) {
		listen_fd = wr_http_address_listen(&address, reterr_problem);
		if (listen_fd < 0) {
			free_all(server);
			return listen_fd;
		}
		server->address = address;
		rc = start_daemon(server, listen_fd);
	}
	if (rc == 0)
		rc = wr_http_worker_start(&server->site, server->wake_fd, &server->worker);
	if (rc == 0)
		rc = wr_http_thread_start(&server->thread, "weir-serve", run, server);
	if (rc != 0) {
		if (listen_fd >= 0 && server->daemon == NULL)
			(void)close(listen_fd);
		free_all(server);
		return complain(reterr_problem, rc, "", weir_strerror(rc));
	}
	*ret_server = server;
	return 0;
}

const char *weir_server_url(const struct weir_server *server)
{
	return server->address.url;
}

uint64_t weir_server_turns(struct weir_server *server)
{
	(void)pthread_mutex_lock(&server->lock);
	uint64_t turns = server->turns;
	(void)pthread_mutex_unlock(&server->lock);
	/* Idle it goes round once a second only, and a watchdog may ask more often. */
	(void)eventfd_write(server->wake_fd, 1);
	return turns;
}

/* --- close ------------------------------------------------------------------------------------ */

static bool wait_for_end(struct weir_server *server, uint64_t timeout_ns)
{
	uint64_t end_ns = wr_deadline_ns(wr_http_now_ns(), timeout_ns);
	struct timespec end = {.tv_sec = (time_t)(end_ns / NS_PER_S),
			       .tv_nsec = (long)(end_ns % NS_PER_S)};
	int rc = 0;
	while (!server->ended && rc == 0)
		rc = timeout_ns == WEIR_FOREVER
			     ? pthread_cond_wait(&server->ended_cond, &server->lock)
			     : pthread_cond_timedwait(&server->ended_cond, &server->lock, &end);
	return server->ended;
}

int weir_server_close(struct weir_server *server, uint64_t timeout_ns)
{
	if (server == NULL)
		return 0;
	(void)pthread_mutex_lock(&server->lock);
	server->stopping = true;
	(void)eventfd_write(server->wake_fd, 1);
	bool ended = wait_for_end(server, timeout_ns);
	if (!ended) {
		server->given_up = true;
		(void)eventfd_write(server->wake_fd, 1);
	}
	(void)pthread_mutex_unlock(&server->lock);
	if (!ended)
		return -ETIMEDOUT;
	(void)pthread_join(server->thread, NULL);
	free_all(server);
	return 0;
}
