/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir serve`: an HTTP server (weir/serve.h) as a process of its own. With --journal it opens that
 * journal as its owner, and serves its schema registry.
 *
 * It ends by SIGTERM or SIGINT, and by the end of its terminal; SIGHUP otherwise has it read its
 * token anew. The signals are blocked before any thread is started, and main waits for them:
 * nothing is done in a handler.
 *
 * Thread: main.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/random.h>

#include <weir/metrics.h>
#include <weir/notify.h>
#include <weir/serve.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/lines.h"
#include "tools/weir/owned.h"
#include "tools/weir/serve_print.h"
#include "tools/weir/serve_token.h"
#include "tools/weir/service.h"

/* For the last answers, and the call that is under way. */
#define CLOSE_NS 5000000000u

static struct {
	const char *listen;
	const char *token_file;
	const char *journal;
	const char *metrics;
	unsigned print;
	bool create;
	bool no_token;
	bool writable;
	uint64_t connections;
	uint64_t body_bytes;
	uint64_t request_ns;
	struct lines_choices lines;
	struct owned_limits limits;
} choices;

enum { PRINT_NOTHING, PRINT_DASHBOARD, PRINT_ALERTS };
static const char *const prints[] = {"nothing", "dashboard", "alerts", NULL};

static const struct cli_option options[] = {
	{.name = "listen",
	 .type = CLI_STRING,
	 .target = &choices.listen,
	 .fallback = "127.0.0.1:9464",
	 .value_name = "ADDRESS",
	 .help = "\"IP:PORT\", \"[IP6]:PORT\" or \"unix:/path\"; port 0: any that is free"},
	{.name = "token-file",
	 .type = CLI_STRING,
	 .target = &choices.token_file,
	 .value_name = "FILE",
	 .help = "its first line is the token; without it one is made up and printed"},
	{.name = "no-token",
	 .type = CLI_FLAG,
	 .target = &choices.no_token,
	 .help = "whoever reaches the address may ask; on loopback and unix: only"},
	{.name = "metrics",
	 .type = CLI_STRING,
	 .target = &choices.metrics,
	 .value_name = "DIR",
	 .help = "the files of metrics there; without it those of all pipelines of this user"},
	{.name = "journal",
	 .type = CLI_STRING,
	 .target = &choices.journal,
	 .value_name = "DIR",
	 .help = "serve the schema registry of this journal, as its owner"},
	{.name = "create",
	 .type = CLI_FLAG,
	 .target = &choices.create,
	 .help = "make the journal if it is not there"},
	{.name = "writable",
	 .type = CLI_FLAG,
	 .target = &choices.writable,
	 .help = "schemas may be registered and deleted, levels set"},
	{.name = "connections",
	 .type = CLI_NUMBER,
	 .target = &choices.connections,
	 .fallback = "64",
	 .min = 1,
	 .max = 1024,
	 .help = "at once; more wait"},
	{.name = "body-max",
	 .type = CLI_SIZE,
	 .target = &choices.body_bytes,
	 .fallback = "1MiB",
	 .min = 1024,
	 .max = 16u << 20,
	 .help = "the largest request"},
	{.name = "request-time",
	 .type = CLI_DURATION,
	 .target = &choices.request_ns,
	 .fallback = "10s",
	 .min = 100000000,
	 .max = 3600000000000,
	 .help = "in which a request has to be there, and its answer read"},
	{.name = "print",
	 .type = CLI_ENUM,
	 .target = &choices.print,
	 .choices = prints,
	 .fallback = "nothing",
	 .help = "serve nothing: print a dashboard for Grafana, or alert rules for Prometheus"},
	LINES_OPTIONS(choices.lines),
	OWNED_OPTIONS(choices.limits),
};

static const struct cli_command command = {
	.name = "serve",
	.summary = "Serve over HTTP until SIGTERM: metrics, a live page, a schema registry.",
	.description =
		"/metrics is OpenMetrics, / a page that draws it, of all pipelines that run here.\n"
		"With --journal also the registry of that journal, as Confluent's: its clients\n"
		"work. A token goes with each request, as \"Authorization: Bearer TOKEN\" or as\n"
		"the password of Basic; without one only on a socket file, whose mode is 0600, or\n"
		"with --no-token. There is no TLS. Nothing is changed without --writable.\n"
		"\n"
		"SIGHUP, while its terminal is there or it never had one, has it read the token\n"
		"file again.\n"
		"\n"
		"Exit codes: 0 ended by a signal, 2 usage, 4 no such journal or file, 5 the\n"
		"journal or the address is in use.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

#define RANDOM_BYTES 16

static int make_token(char to[SERVE_TOKEN_ROOM])
{
	unsigned char bytes[RANDOM_BYTES];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return cli_fail("token", -errno, NULL);
	for (size_t i = 0; i < sizeof bytes; i++)
		(void)snprintf(to + 2 * i, 3, "%02x", bytes[i]);
	return CLI_GO_ON;
}

/* Which token: that of the file, one that is made up, or none. */
static int choose_token(struct weir_server_options *o, char to[SERVE_TOKEN_ROOM])
{
	int code = CLI_GO_ON;
	if (choices.no_token && choices.token_file != NULL)
		return cli_usage(&command, "--no-token and --token-file exclude each other");
	if (choices.token_file != NULL)
		code = serve_token_read(choices.token_file, to);
	else if (choices.no_token || strncmp(choices.listen, "unix:", 5) == 0)
		return CLI_GO_ON;
	else
		code = make_token(to);
	o->token = to;
	return code;
}

static int pass_by(void *context, const char *path)
{
	(void)context;
	(void)path;
	return 1;
}

/* It may come, or be mended, later: that is no reason not to serve. The default one is made by the
 * first pipeline. */
static void look_at_metrics(void)
{
	char dir[64] = "";
	int rc = weir_metrics_list(choices.metrics, pass_by, NULL);
	if (rc >= 0 || (rc == -ENOENT && choices.metrics == NULL))
		return;
	(void)weir_metrics_default_dir(dir, sizeof dir);
	const char *where = choices.metrics != NULL ? choices.metrics : dir;
	lines_say(WR_EVENT_SERVE_NO_METRICS,
		  WR_FIELDS(wr_field_text("dir", where), wr_field_code(rc)),
		  "%s: %s: no pipeline of it is shown until that is mended", where,
		  weir_strerror(rc));
}

static void block_signals(sigset_t *ret_set)
{
	(void)sigemptyset(ret_set);
	(void)sigaddset(ret_set, SIGTERM);
	(void)sigaddset(ret_set, SIGINT);
	if (!service_is_ignored(SIGHUP))
		(void)sigaddset(ret_set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, ret_set, NULL);
}

/* What the watchdog looks at: the server's thread, and the pipeline's. */
struct watch {
	struct weir_notifier *notifier;
	struct weir_server *server;
	uint64_t turns;
};

static bool server_has_moved(void *context, char *stuck, size_t stuck_bytes)
{
	struct watch *w = context;
	uint64_t turns = weir_server_turns(w->server);
	bool moved = turns != w->turns;
	w->turns = turns;
	(void)snprintf(stuck, stuck_bytes, "the server");
	return moved;
}

static void tell_ready(struct watch *w, struct weir_server *server, struct weir_pipeline *pipeline)
{
	char status[160];
	w->server = server;
	w->turns = UINT64_MAX;
	int rc = weir_notifier_watch(w->notifier, server_has_moved, w);
	if (rc == 0 && pipeline != NULL)
		rc = weir_notifier_watch_pipeline(w->notifier, pipeline);
	(void)snprintf(status, sizeof status, "listening on %.120s", weir_server_url(server));
	if (rc == 0)
		rc = weir_notifier_ready(w->notifier, status);
	if (rc != 0)
		lines_say(WR_EVENT_SERVICE_NOT_TOLD, WR_FIELDS(wr_field_code(rc)),
			  "the service manager could not be told: %s", weir_strerror(rc));
}

static void tell_stopping(struct watch *w, struct weir_pipeline *pipeline)
{
	(void)weir_notifier_stopping(w->notifier, 2 * (uint64_t)CLOSE_NS, "closing");
	weir_notifier_unwatch(w->notifier, server_has_moved, w);
	if (pipeline != NULL)
		weir_notifier_unwatch_pipeline(w->notifier, pipeline);
}

/* The token file again; what is wrong with it is told, and the token stays. */
static void reload(struct watch *w)
{
	char token[SERVE_TOKEN_ROOM] = "";
	(void)weir_notifier_reloading(w->notifier, "reading the token again");
	bool has_file = choices.token_file != NULL;
	if (!has_file || serve_token_read(choices.token_file, token) == CLI_GO_ON) {
		int rc = has_file ? weir_server_token_set(w->server, token) : 0;
		if (rc == 0)
			lines_say(WR_EVENT_RELOAD_DONE, WR_FIELDS(wr_field_bool("token", has_file)),
				  "reload: %s",
				  has_file ? "the token of the file is in force"
					   : "there is no token file to read");
		else
			lines_say(WR_EVENT_RELOAD_REFUSED,
				  WR_FIELDS(wr_field_text("file", choices.token_file)),
				  "reload: %s: a token is 16 to 512 printable characters without "
				  "blanks; the one before stays",
				  choices.token_file);
	}
	(void)weir_notifier_ready(w->notifier, NULL);
}

/* Until one that ends it. */
static void wait_for_end(struct watch *w, const sigset_t *signals)
{
	const bool has_terminal = service_has_terminal();
	int number = 0;
	while (sigwait(signals, &number) != 0 || number == SIGHUP) {
		if (has_terminal && !service_has_terminal())
			return;
		reload(w);
		lines_tell_suppressed();
	}
}

/* o->pipeline is NULL afterwards if it had to be closed here. */
static int serve(struct weir_server_options *o, const sigset_t *signals,
		 struct weir_notifier *notifier)
{
	struct watch watch = {.notifier = notifier};
	struct weir_problem problem = {0};
	struct weir_server *server;
	int rc = weir_server_open(o, &server, &problem);
	if (rc == -EADDRINUSE) {
		fprintf(stderr, "weir: %s: somebody listens there already\n", choices.listen);
		return CLI_EXIT_IN_USE;
	}
	if (rc != 0)
		return cli_fail(choices.listen, rc, &problem);
	printf("listening on %s%s\n", weir_server_url(server), o->writable ? "" : ", read-only");
	if (o->token != NULL && choices.token_file == NULL)
		printf("token: %s\npage: %s/#token=%s\n", o->token, weir_server_url(server),
		       o->token);
	(void)fflush(stdout);
	look_at_metrics();
	tell_ready(&watch, server, o->pipeline);
	wait_for_end(&watch, signals);
	tell_stopping(&watch, o->pipeline);
	rc = weir_server_close(server, CLOSE_NS);
	if (rc == -ETIMEDOUT && o->pipeline != NULL) {
		/* A registration that waits for a disk: with the pipeline it ends. */
		(void)weir_close(o->pipeline, WEIR_CLOSE_ABORT, CLOSE_NS, NULL);
		o->pipeline = NULL;
		rc = weir_server_close(server, CLOSE_NS);
		return cli_fail("serve", rc != 0 ? rc : WEIR_E_CLOSED, NULL);
	}
	return CLI_EXIT_OK;
}

/* With lines and signals as they are to be. */
static int run_it(struct weir_server_options *o, struct weir_notifier **notifier)
{
	sigset_t signals;
	char token[SERVE_TOKEN_ROOM] = "";
	int code = choose_token(o, token);
	if (code != CLI_GO_ON)
		return code;
	block_signals(&signals);
	code = service_open(notifier);
	if (code == CLI_GO_ON && choices.journal != NULL)
		code = owned_open_running(choices.journal, &choices.limits, choices.create,
					  choices.metrics, &o->pipeline);
	if (code == CLI_GO_ON)
		code = serve(o, &signals, *notifier);
	if (o->pipeline != NULL)
		code = owned_close(o->pipeline, choices.journal, code);
	weir_notifier_close(*notifier);
	return code;
}

int cmd_serve(int argc, char **argv)
{
	struct weir_log_limits limits = {.level = WEIR_LOG_INFO,
					 .burst = WEIR_LOG_BURST_DEFAULT,
					 .rate_per_s = WEIR_LOG_RATE_DEFAULT};
	enum weir_log_format format = WEIR_LOG_AS_TEXT;
	struct weir_server_options o;
	struct weir_notifier *notifier = NULL;
	int first = 0;
	memset(&choices, 0, sizeof choices);
	int code = cli_parse(&command, argc, argv, &first);
	if (code != CLI_GO_ON)
		return code;
	if (choices.print != PRINT_NOTHING)
		return choices.print == PRINT_DASHBOARD ? serve_print_dashboard()
							: serve_print_alerts();
	weir_server_options_init(&o);
	o.listen = choices.listen;
	o.writable = choices.writable;
	o.connections_max = (uint32_t)choices.connections;
	o.body_bytes_max = (uint32_t)choices.body_bytes;
	o.request_ns = choices.request_ns;
	o.metrics_dir = choices.metrics != NULL ? choices.metrics : "";
	lines_choose(&choices.lines, &limits, &format);
	int rc = lines_open(NULL, &limits, format);
	if (rc < 0)
		return cli_fail("serve", rc, NULL);
	code = run_it(&o, &notifier);
	lines_close();
	return code;
}
