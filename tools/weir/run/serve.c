/* SPDX-License-Identifier: Apache-2.0 */
/* See serve.h. */
#include "tools/weir/run/serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/weir/args.h"
#include "tools/weir/lines.h"

#if defined(WR_HAVE_SERVE)

/* For the last answers, and the call of the registry that is under way. */
#define CLOSE_NS 5000000000u

static bool has_moved(void *context, char *stuck, size_t stuck_bytes)
{
	struct run_serve *s = context;
	uint64_t turns = weir_server_turns(s->server);
	bool moved = turns != s->turns;
	s->turns = turns;
	(void)snprintf(stuck, stuck_bytes, "the server");
	return moved;
}

static int cannot_start(const struct weir_config_serve *config, int rc,
			const struct weir_problem *problem)
{
	bool is_token = config->token_file != NULL && strcmp(problem->field, "token") == 0;
	(void)lines_fail(WR_EVENT_RUN_CANNOT_START, is_token ? config->token_file : config->listen,
			 rc, problem);
	return rc == -EADDRINUSE ? CLI_EXIT_IN_USE
	       : rc == -EINVAL   ? CLI_EXIT_CONFIG
				 : (int)cli_exit_of(rc);
}

int run_serve_begin(struct run_serve *s, const struct weir_config_serve *config,
		    struct weir_pipeline *pipeline, struct weir_notifier *notifier)
{
	struct weir_server_options o;
	struct weir_problem problem = {0};
	char token[SERVE_TOKEN_ROOM] = "";

	if (config->listen == NULL)
		return CLI_GO_ON;
	weir_server_options_init(&o);
	o.listen = config->listen;
	o.pipeline = pipeline;
	o.writable = config->writable;
	o.connections_max = config->connections_max;
	o.body_bytes_max = config->body_bytes_max;
	o.request_ns = config->request_ns;
	if (config->token_file != NULL) {
		int code = serve_token_read(config->token_file, token);
		if (code != CLI_GO_ON)
			return code;
		o.token = token;
	}
	int rc = weir_server_open(&o, &s->server, &problem);
	if (rc < 0)
		return cannot_start(config, rc, &problem);
	s->token_file = config->token_file;
	memcpy(s->token, token, sizeof token);
	s->notifier = notifier;
	s->turns = UINT64_MAX;
	rc = weir_notifier_watch(notifier, has_moved, s);
	if (rc < 0)
		lines_say(WR_EVENT_SERVICE_NOT_TOLD, WR_FIELDS(wr_field_code(rc)),
			  "the watchdog does not see the server: %s", weir_strerror(rc));
	lines_say(WR_EVENT_SERVE_LISTENS,
		  WR_FIELDS(wr_field_text("url", weir_server_url(s->server))), "listening on %s%s",
		  weir_server_url(s->server), config->writable ? "" : ", read-only");
	return CLI_GO_ON;
}

bool run_serve_reload(struct run_serve *s)
{
	char token[SERVE_TOKEN_ROOM] = "";

	if (s->server == NULL || s->token_file == NULL ||
	    serve_token_read(s->token_file, token) != CLI_GO_ON || strcmp(token, s->token) == 0)
		return false;
	if (weir_server_token_set(s->server, token) < 0) {
		lines_say(WR_EVENT_RELOAD_REFUSED, WR_FIELDS(wr_field_text("file", s->token_file)),
			  "reload: %s: a token is 16 to 512 printable characters without blanks; "
			  "the one before stays",
			  s->token_file);
		return false;
	}
	memcpy(s->token, token, sizeof token);
	lines_say(WR_EVENT_RELOAD_TAKEN,
		  WR_FIELDS(wr_field_text("key", "serve.token_file"),
			    wr_field_text("file", s->token_file)),
		  "reload: %s has another token: it is in force", s->token_file);
	return true;
}

void run_serve_end(struct run_serve *s)
{
	if (s->server == NULL)
		return;
	weir_notifier_unwatch(s->notifier, has_moved, s);
	if (weir_server_close(s->server, CLOSE_NS) == 0)
		s->server = NULL;
}

void run_serve_end_late(struct run_serve *s)
{
	if (s->server != NULL && weir_server_close(s->server, CLOSE_NS) == -ETIMEDOUT)
		lines_say(WR_EVENT_RUN_CLOSE_FAILED, WR_FIELDS(wr_field_code(-ETIMEDOUT)),
			  "the server does not end");
	s->server = NULL;
}

#else

int run_serve_begin(struct run_serve *s, const struct weir_config_serve *config,
		    struct weir_pipeline *pipeline, struct weir_notifier *notifier)
{
	const struct weir_problem problem = {.code = -ENOTSUP,
					     .text = "this weir is built without libweir-serve"};
	(void)s, (void)pipeline, (void)notifier;
	if (config->listen == NULL)
		return CLI_GO_ON;
	(void)lines_fail(WR_EVENT_RUN_CANNOT_START, "serve", -ENOTSUP, &problem);
	return CLI_EXIT_CONFIG;
}

bool run_serve_reload(struct run_serve *s)
{
	(void)s;
	return false;
}

void run_serve_end(struct run_serve *s)
{
	(void)s;
}

void run_serve_end_late(struct run_serve *s)
{
	(void)s;
}

#endif
