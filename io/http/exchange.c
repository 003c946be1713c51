/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request: may it be made, its body, the answer. libmicrohttpd calls wr_http_exchange() when
 * the head is there, for each piece of the body, when that is whole, and again when a job came
 * back.
 *
 * What is refused is refused as early as it can be known, before a body is read. Every byte of
 * bodies and answers is counted (weir_server.used_bytes), and comes off in wr_http_exchange_end(),
 * which is called once for each request whatever became of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/http/access.h"
#include "io/http/server.h"

#define BODY_ROOM_FIRST 2048u
/* Of an answer in pieces: libmicrohttpd's, and what is made and not yet handed over. */
#define PIECE_BYTES (32u << 10)
#define PIECES_BYTES (4u * PIECE_BYTES)
/* However little memory is left: what says so. */
#define ANSWER_BYTES_MIN 2048u

enum stage { READING, WORKING, ANSWERED };

struct exchange {
	struct wr_http_request request;
	struct wr_http_job job;
	const struct wr_http_route *route;
	struct MHD_Connection *connection;
	enum stage stage;
	char *body;
	size_t room;
	size_t counted_bytes; /* in used_bytes */
	bool body_refused;
};

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* --- the answer ------------------------------------------------------------------------------- */

static bool add_headers(struct MHD_Response *response, const struct wr_http_request *r)
{
	static const char *const always[][2] = {{"Cache-Control", "no-store"},
						{"X-Content-Type-Options", "nosniff"}};
	bool good = MHD_add_response_header(response, "Content-Type", r->content_type) == MHD_YES;
	for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
		good = good && MHD_add_response_header(response, always[i][0], always[i][1]);
	if (r->extra_name != NULL)
		good = good && MHD_add_response_header(response, r->extra_name, r->extra_value);
	return good;
}

static ssize_t read_piece(void *context, uint64_t position, char *to, size_t room)
{
	const struct wr_http_pieces *pieces = context;
	(void)position;
	ptrdiff_t bytes = pieces->read(pieces->context, to, room);
	return bytes > 0    ? bytes
	       : bytes == 0 ? (ssize_t)MHD_CONTENT_READER_END_OF_STREAM
			    : (ssize_t)MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The pieces are in the exchange: it lives until they were read. */
static struct MHD_Response *respond(struct weir_server *server, struct exchange *e)
{
	struct wr_http_request *r = &e->request;
	if (r->pieces.read != NULL) {
		e->counted_bytes += PIECES_BYTES;
		server->used_bytes += PIECES_BYTES;
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, read_piece,
							 &r->pieces, NULL);
	}
	/* Both live until wr_http_exchange_end(). */
	const char *data = r->fixed != NULL ? r->fixed : r->reply.data;
	size_t bytes = r->fixed != NULL ? r->fixed_bytes : r->reply.bytes;
	return MHD_create_response_from_buffer(bytes, (void *)(uintptr_t)data,
					       MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result give_answer(struct weir_server *server, struct exchange *e)
{
	struct wr_http_request *r = &e->request;
	if (r->reply.failed) {
		bool is_too_large = r->reply.is_too_large;
		wr_http_text_free(&r->reply);
		r->fixed = is_too_large ? "{\"error_code\":503,\"message\":\"the answer is larger "
					  "than what is left of memory_bytes_max\"}"
					: "{\"error_code\":50001,\"message\":\"no memory\"}";
		r->fixed_bytes = strlen(r->fixed);
		r->status = is_too_large ? 503 : 500;
		r->content_type = NULL;
	}
	e->stage = ANSWERED;
	e->counted_bytes += r->reply.room;
	server->used_bytes += r->reply.room;
	if (r->content_type == NULL)
		r->content_type = wr_http_json;
	struct MHD_Response *response = respond(server, e);
	if (response == NULL)
		return MHD_NO;
	enum MHD_Result result = MHD_NO;
	if (add_headers(response, r))
		result = MHD_queue_response(e->connection, r->status, response);
	MHD_destroy_response(response);
	wr_http_deadline_set(server, wr_http_connection_of(e->connection));
	return result;
}

/* --- may it be made? -------------------------------------------------------------------------- */

static enum wr_http_method method_of(const char *method)
{
	static const struct {
		const char *name;
		enum wr_http_method method;
	} names[] = {{"GET", WR_HTTP_GET},
		     {"HEAD", WR_HTTP_GET},
		     {"POST", WR_HTTP_POST},
		     {"PUT", WR_HTTP_PUT},
		     {"DELETE", WR_HTTP_DELETE}};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(method, names[i].name) == 0)
			return names[i].method;
	return WR_HTTP_OTHER;
}

struct gathering {
	struct wr_http_parameters *to;
	int rc;
};

static enum MHD_Result gather(void *context, enum MHD_ValueKind kind, const char *name,
			      const char *value)
{
	struct gathering *g = context;
	(void)kind;
	if (g->rc == 0)
		g->rc = wr_http_parameter_add(g->to, name, value);
	return g->rc == 0 ? MHD_YES : MHD_NO;
}

/* Of who asks: 0, or the answer is filled in. */
static int check_asker(struct weir_server *server, struct exchange *e)
{
	struct wr_http_request *r = &e->request;
	const char *host = header(e->connection, "Host");
	bool is_port = server->address.name.any.sa_family != AF_UNIX;
	if (!wr_http_origin_good(header(e->connection, "Origin"), host) ||
	    (is_port && !server->wants_token && !wr_http_host_is_local(host))) {
		wr_http_fail(r, 40301, "a page of another origin may not ask");
		return -EACCES;
	}
	if (!server->wants_token || (e->route != NULL && (e->route->flags & WR_HTTP_OPEN) != 0) ||
	    wr_http_is_let_in(server, header(e->connection, "Authorization")))
		return 0;
	wr_http_fail(r, 40101, "a token is needed: \"Authorization: Bearer TOKEN\"");
	r->extra_name = "WWW-Authenticate";
	r->extra_value = "Bearer realm=\"weir\"";
	return -EACCES;
}

static int check_body_type(struct exchange *e)
{
	static const char *const known[] = {"application/vnd.schemaregistry.v1+json",
					    "application/vnd.schemaregistry+json",
					    "application/json", "application/octet-stream"};
	const char *type = header(e->connection, "Content-Type");
	if (type == NULL || e->request.method == WR_HTTP_GET || e->request.method == WR_HTTP_DELETE)
		return 0;
	size_t bytes = strcspn(type, "; \t");
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strlen(known[i]) == bytes && strncasecmp(known[i], type, bytes) == 0)
			return 0;
	wr_http_fail(&e->request, 415, "HTTP 415 Unsupported Media Type: it is %s", known[0]);
	return -EINVAL;
}

static int refuse_large(struct weir_server *server, struct exchange *e)
{
	e->body_refused = true;
	wr_http_fail(&e->request, 413, "a body has at most %u bytes",
		     server->options.body_bytes_max);
	return -E2BIG;
}

static int check_body(struct weir_server *server, struct exchange *e)
{
	const char *length = header(e->connection, "Content-Length");
	int rc = check_body_type(e);
	if (rc != 0 || length == NULL)
		return rc;
	if (strlen(length) > 9 || strtoul(length, NULL, 10) > server->options.body_bytes_max)
		return refuse_large(server, e);
	return 0;
}

static int find_route(struct weir_server *server, struct exchange *e, const char *url)
{
	struct wr_http_request *r = &e->request;
	struct gathering g = {.to = &r->parameters};
	const char *allow = NULL;
	int rc = wr_http_path_read(url, &r->path);
	(void)MHD_get_connection_values(e->connection, MHD_GET_ARGUMENT_KIND, gather, &g);
	if (rc == 0)
		rc = g.rc;
	if (rc == 0)
		e->route = wr_http_route_find(&server->site, r, &allow);
	int asker = check_asker(server, e);
	if (asker != 0)
		return asker;
	if (rc != 0) {
		wr_http_fail(r, rc == -EINVAL ? 400 : 414,
			     rc == -EINVAL ? "a %% is followed by two hexadecimal digits, not 00"
					   : "the address is too long");
		return rc;
	}
	if (e->route != NULL)
		return 0;
	if (allow == NULL) {
		wr_http_fail(r, 404, "HTTP 404 Not Found");
		return -ENOENT;
	}
	wr_http_fail(r, 405, "HTTP 405 Method Not Allowed");
	r->extra_name = "Allow";
	r->extra_value = allow;
	return -EPERM;
}

static int check_change(struct weir_server *server, struct exchange *e)
{
	if ((e->route->flags & WR_HTTP_CHANGES) == 0 || server->site.writable)
		return 0;
	wr_http_fail(&e->request, 42205, "the server is in read-only mode");
	return -EROFS;
}

/* --- the body --------------------------------------------------------------------------------- */

static void add_body(struct weir_server *server, struct exchange *e, const char *data, size_t bytes)
{
	struct wr_http_request *r = &e->request;
	size_t room = e->room != 0 ? e->room : BODY_ROOM_FIRST;
	if (e->body_refused)
		return;
	if (r->body_bytes + bytes > server->options.body_bytes_max) {
		(void)refuse_large(server, e);
		return;
	}
	while (room < r->body_bytes + bytes)
		room *= 2;
	if (room != e->room) {
		char *body = NULL;
		if (server->used_bytes + (room - e->room) <= server->options.memory_bytes_max)
			body = realloc(e->body, room);
		if (body == NULL) {
			e->body_refused = true;
			wr_http_fail(r, 503, "too much is under way: try again");
			return;
		}
		server->used_bytes += room - e->room;
		e->counted_bytes += room - e->room;
		e->body = body;
		e->room = room;
	}
	memcpy(e->body + r->body_bytes, data, bytes);
	r->body_bytes += bytes;
}

/* --- the steps -------------------------------------------------------------------------------- */

/* The head is there. NULL: no memory. */
static struct exchange *begin(struct weir_server *server, struct MHD_Connection *connection,
			      const char *url, const char *method, bool *ret_refused)
{
	struct exchange *e = calloc(1, sizeof *e);
	if (e == NULL)
		return NULL;
	e->connection = connection;
	e->request.method = method_of(method);
	const char *accept = header(connection, "Accept");
	e->request.wants_html = accept != NULL && strstr(accept, "text/html") != NULL;
	e->request.wants_openmetrics =
		accept != NULL && strstr(accept, "application/openmetrics-text") != NULL;
	int rc = find_route(server, e, url);
	if (e->route != NULL && (e->route->flags & WR_HTTP_REGISTRY) != 0 &&
	    (accept == NULL || strstr(accept, "application/json") == NULL ||
	     strstr(accept, "schemaregistry") != NULL))
		e->request.content_type = wr_http_registry_json;
	if (rc == 0)
		rc = check_body(server, e);
	if (rc == 0)
		rc = check_change(server, e);
	if (rc == 0 && server->used_bytes >= server->options.memory_bytes_max) {
		wr_http_fail(&e->request, 503, "too much is under way: try again");
		rc = -ENOMEM;
	}
	*ret_refused = rc != 0;
	return e;
}

static enum MHD_Result answer(struct weir_server *server, struct exchange *e)
{
	struct wr_http_connection *c = wr_http_connection_of(e->connection);
	e->request.body = e->body != NULL ? e->body : "";
	if (e->body_refused)
		return give_answer(server, e);
	size_t used = server->used_bytes, max = server->options.memory_bytes_max;
	e->request.reply.room_max = used + ANSWER_BYTES_MIN < max ? max - used : ANSWER_BYTES_MIN;
	if ((e->route->flags & WR_HTTP_SLOW) == 0) {
		e->route->answer(&server->site, &e->request);
		if (e->request.pieces.read != NULL && used + PIECES_BYTES > max) {
			e->request.pieces.read = NULL;
			wr_http_fail(&e->request, 503, "too much is under way: try again");
		}
		return give_answer(server, e);
	}
	e->stage = WORKING;
	e->job = (struct wr_http_job){.route = e->route, .request = &e->request, .owner = e};
	if (c != NULL)
		c->deadline_ns = WR_HTTP_NO_DEADLINE;
	MHD_suspend_connection(e->connection);
	wr_http_worker_add(server->worker, &e->job);
	return MHD_YES;
}

void wr_http_exchange_resume(struct weir_server *server, struct wr_http_job *job)
{
	struct exchange *e = job->owner;
	wr_http_deadline_set(server, wr_http_connection_of(e->connection));
	MHD_resume_connection(e->connection);
}

enum MHD_Result wr_http_exchange(void *context, struct MHD_Connection *connection, const char *url,
				 const char *method, const char *version, const char *upload_data,
				 size_t *upload_bytes, void **exchange)
{
	struct weir_server *server = context;
	struct exchange *e = *exchange;
	bool refused = false;
	(void)version;
	if (e == NULL) {
		*exchange = e = begin(server, connection, url, method, &refused);
		if (e == NULL)
			return MHD_NO;
		return refused ? give_answer(server, e) : MHD_YES;
	}
	if (e->stage == WORKING) // its job came back
		return give_answer(server, e);
	if (*upload_bytes > 0) {
		add_body(server, e, upload_data, *upload_bytes);
		*upload_bytes = 0;
		return MHD_YES;
	}
	return e->stage == READING ? answer(server, e) : MHD_YES;
}

void wr_http_exchange_end(void *context, struct MHD_Connection *connection, void **exchange,
			  enum MHD_RequestTerminationCode why)
{
	struct weir_server *server = context;
	struct exchange *e = *exchange;
	(void)why;
	if (e == NULL)
		return;
	server->used_bytes -= e->counted_bytes;
	wr_http_deadline_set(server, wr_http_connection_of(connection)); // for its next request
	wr_http_text_free(&e->request.reply);
	if (e->request.pieces.end != NULL)
		e->request.pieces.end(e->request.pieces.context);
	free(e->body);
	free(e);
	*exchange = NULL;
}
