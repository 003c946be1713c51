/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weir serve`: an HTTP server (weir/serve.h) as a process of its own. With --journal it opens that
 * journal as its owner, and serves its schema registry.
 *
 * It ends by SIGTERM or SIGINT. The signals are blocked before any thread is started, and main
 * waits for them: nothing is done in a handler.
 *
 * Thread: main.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/random.h>
#include <sys/stat.h>

#include <weir/notify.h>
#include <weir/serve.h>

#include "core/base/bits.h"
#include "tools/weir/args.h"
#include "tools/weir/owned.h"
#include "tools/weir/serve_print.h"
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
		"Exit codes: 0 ended by a signal, 2 usage, 4 no such journal or file, 5 the\n"
		"journal or the address is in use.",
	.options = options,
	.option_count = WR_ARRAY_COUNT(options),
};

#define TOKEN_ROOM (WEIR_SERVER_TOKEN_BYTES_MAX + 2)
#define RANDOM_BYTES 16

/* The first line of the file. An exit code. */
static int read_token(const char *path, char to[TOKEN_ROOM])
{
	struct stat about;
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return cli_fail(path, -errno, NULL);
	if (fstat(fileno(file), &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		fprintf(stderr, "weir: %s: others may read or change the token: chmod 600\n", path);
	bool good = fgets(to, TOKEN_ROOM, file) != NULL;
	(void)fclose(file);
	if (!good) {
		fprintf(stderr, "weir: %s: there is no token in it\n", path);
		return CLI_EXIT_USAGE;
	}
	to[strcspn(to, "\r\n")] = '\0';
	return CLI_GO_ON;
}

static int make_token(char to[TOKEN_ROOM])
{
	unsigned char bytes[RANDOM_BYTES];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return cli_fail("token", -errno, NULL);
	for (size_t i = 0; i < sizeof bytes; i++)
		(void)snprintf(to + 2 * i, 3, "%02x", bytes[i]);
	return CLI_GO_ON;
}

/* Which token: that of the file, one that is made up, or none. */
static int choose_token(struct weir_server_options *o, char to[TOKEN_ROOM])
{
	int code = CLI_GO_ON;
	if (choices.no_token && choices.token_file != NULL)
		return cli_usage(&command, "--no-token and --token-file exclude each other");
	if (choices.token_file != NULL)
		code = read_token(choices.token_file, to);
	else if (choices.no_token || strncmp(choices.listen, "unix:", 5) == 0)
		return CLI_GO_ON;
	else
		code = make_token(to);
	o->token = to;
	return code;
}

static void block_signals(sigset_t *ret_set)
{
	(void)sigemptyset(ret_set);
	(void)sigaddset(ret_set, SIGTERM);
	(void)sigaddset(ret_set, SIGINT);
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
		fprintf(stderr, "weir: the service manager could not be told: %s\n",
			weir_strerror(rc));
}

static void tell_stopping(struct watch *w, struct weir_pipeline *pipeline)
{
	(void)weir_notifier_stopping(w->notifier, 2 * (uint64_t)CLOSE_NS, "closing");
	weir_notifier_unwatch(w->notifier, server_has_moved, w);
	if (pipeline != NULL)
		weir_notifier_unwatch_pipeline(w->notifier, pipeline);
}

/* o->pipeline is NULL afterwards if it had to be closed here. */
static int serve(struct weir_server_options *o, const sigset_t *signals,
		 struct weir_notifier *notifier)
{
	struct watch watch = {.notifier = notifier};
	struct weir_problem problem = {0};
	struct weir_server *server;
	int signal_number;
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
	tell_ready(&watch, server, o->pipeline);
	(void)sigwait(signals, &signal_number);
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

int cmd_serve(int argc, char **argv)
{
	struct weir_server_options o;
	struct weir_notifier *notifier = NULL;
	sigset_t signals;
	char token[TOKEN_ROOM] = "";
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
	code = choose_token(&o, token);
	if (code != CLI_GO_ON)
		return code;
	o.metrics_dir = choices.metrics != NULL ? choices.metrics : "";
	block_signals(&signals);
	code = service_open(&notifier);
	if (code == CLI_GO_ON && choices.journal != NULL)
		code = owned_open_running(choices.journal, &choices.limits, choices.create,
					  choices.metrics, &o.pipeline);
	if (code == CLI_GO_ON)
		code = serve(&o, &signals, notifier);
	if (o.pipeline != NULL)
		code = owned_close(o.pipeline, choices.journal, code);
	weir_notifier_close(notifier);
	return code;
}
