/* SPDX-License-Identifier: Apache-2.0 */
/* See live.h. */
#include "tools/weir/demo/live.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/weir/args.h"

#define MILLISECOND_NS UINT64_C(1000000)
#define SERVER_MS 10000 /* until it listens */
#define LOOK_NS (20 * UINT64_C(1000000000))
#define WORDS_MAX 8

static void say_why(struct demo_live *live, const char *what, int code)
{
	(void)snprintf(live->why_not, sizeof live->why_not, "%s%s%s", what, code < 0 ? ": " : "",
		       code < 0 ? weir_strerror(code) : "");
}

/* A child whose stdout (with_errors: and stderr) is a pipe. It ends with its parent. */
static pid_t fork_with_pipe(int *ret_from, bool with_errors)
{
	int ends[2];
	pid_t parent = getpid();

	if (pipe(ends) < 0)
		return -1;
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid != 0) {
		(void)close(ends[1]);
		*ret_from = ends[0];
		if (pid < 0)
			(void)close(ends[0]);
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(ends[1], STDOUT_FILENO) < 0 ||
	    (with_errors && dup2(ends[1], STDERR_FILENO) < 0))
		_exit(CLI_EXIT_FAILED);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	return 0;
}

static void end_process(pid_t *pid, int signal_number)
{
	int status;

	if (*pid <= 0)
		return;
	(void)kill(*pid, signal_number);
	while (waitpid(*pid, &status, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}

/* ---- the server ---- */

#if defined(WR_HAVE_SERVE) && !defined(WR_NO_METRICS)

static void take_word(char *to, size_t room, const char *text, const char *before)
{
	const char *at = strstr(text, before);
	size_t bytes = 0;

	to[0] = '\0';
	if (at == NULL)
		return;
	at += strlen(before);
	while (at[bytes] > ' ' && at[bytes] != ',' && bytes < room - 1)
		bytes++;
	memcpy(to, at, bytes);
	to[bytes] = '\0';
}

/* What it prints first: "listening on URL", "token: T", "page: ...". */
static void read_address(struct demo_live *live, int from)
{
	char text[1024];
	size_t bytes = 0;
	struct pollfd entry = {.fd = from, .events = POLLIN};

	text[0] = '\0';
	while (strstr(text, "page: ") == NULL && bytes < sizeof text - 1 &&
	       poll(&entry, 1, SERVER_MS) > 0) {
		ssize_t got = read(from, text + bytes, sizeof text - 1 - bytes);
		if (got <= 0)
			break;
		bytes += (size_t)got;
		text[bytes] = '\0';
	}
	take_word(live->url, sizeof live->url, text, "listening on ");
	take_word(live->token, sizeof live->token, text, "token: ");
	if (live->url[0] == '\0' || live->token[0] == '\0')
		say_why(live, "weir serve does not listen", 0);
}

void demo_live_begin(struct demo_live *live, const char *listen)
{
	char *words[WORDS_MAX] = {"serve", "--listen", (char *)(uintptr_t)listen};
	int from = -1;

	*live = (struct demo_live){.server = 0};
	if (strcmp(listen, "none") == 0) {
		say_why(live, "--listen none", 0);
		return;
	}
	live->server = fork_with_pipe(&from, false);
	if (live->server == 0) {
		int exit_code = cmd_serve(3, words);
		(void)fflush(NULL);
		_exit(exit_code);
	}
	if (live->server < 0) {
		live->server = 0;
		say_why(live, "no process for weir serve", -errno);
		return;
	}
	read_address(live, from);
	(void)close(from);
	if (live->why_not[0] != '\0')
		end_process(&live->server, SIGTERM);
}

#else

void demo_live_begin(struct demo_live *live, const char *listen)
{
	(void)listen;
	*live = (struct demo_live){.server = 0};
#ifdef WR_NO_METRICS
	say_why(live, "this weir is built without metrics", 0);
#else
	say_why(live, "this weir is built without weir serve", 0);
#endif
}

#endif

void demo_live_tell(const struct demo_live *live, const char *name)
{
	char self[512];
	ssize_t bytes = readlink("/proc/self/exe", self, sizeof self - 1);

	self[bytes > 0 ? bytes : 0] = '\0';
	printf("watch it while it runs (--seconds 60 gives you a minute):\n"
	       "  %s top %s    in another terminal, as the same user; q ends it\n",
	       bytes > 0 ? self : "weir", name);
	if (live->server > 0)
		printf("  %s/#token=%s    in a browser on this machine\n", live->url, live->token);
	else
		printf("  no page: %s\n", live->why_not);
	(void)fflush(stdout);
}

/* ---- a look ---- */

/* In the child: never comes back. */
static _Noreturn void look(const struct demo_live *live, struct demo_shared *shared, pid_t pid)
{
	char number[24];
	char *words[WORDS_MAX] = {"top", "--once", "--interval", "0.3", number};

	(void)snprintf(number, sizeof number, "%ld", (long)pid);
	printf("weir top --once, while events flow:\n\n");
	shared->seen.top = cmd_top(5, words) == CLI_EXIT_OK;
	if (live->server > 0) {
		printf("\nthe page of weir serve, asked as a browser asks:\n\n");
		int code = demo_page_look(live->url, live->token, pid, &shared->seen);
		if (code == -ETIMEDOUT)
			printf("  %s: no answer within %d s\n", live->url, DEMO_PAGE_SECONDS_MAX);
		else if (code < 0)
			printf("  %s: %s\n", live->url, weir_strerror(code));
	}
	(void)fflush(NULL);
	_exit(CLI_EXIT_OK);
}

void demo_live_start(struct demo_live *live, struct demo_shared *shared, pid_t pid)
{
	live->started_ns = demo_now_ns();
	live->looker = fork_with_pipe(&live->from_looker, true);
	if (live->looker == 0)
		look(live, shared, pid);
	if (live->looker < 0)
		live->looker = 0;
}

/* What is there, whole or not: it does not wait. */
static void take_text(struct demo_live *live)
{
	struct pollfd entry = {.fd = live->from_looker, .events = POLLIN};
	size_t bytes = strlen(live->text);

	while (bytes < sizeof live->text - 1 && poll(&entry, 1, 0) > 0) {
		ssize_t got =
			read(live->from_looker, live->text + bytes, sizeof live->text - 1 - bytes);
		if (got <= 0)
			break;
		bytes += (size_t)got;
		live->text[bytes] = '\0';
	}
}

bool demo_live_is_over(struct demo_live *live)
{
	int status;

	if (live->looker <= 0)
		return false;
	take_text(live);
	if (waitpid(live->looker, &status, WNOHANG) == live->looker)
		live->looker = 0;
	else if (demo_now_ns() - live->started_ns > LOOK_NS)
		end_process(&live->looker, SIGKILL);
	else
		return false;
	take_text(live);
	(void)close(live->from_looker);
	return true;
}

void demo_live_end(struct demo_live *live)
{
	if (live->looker > 0)
		(void)close(live->from_looker);
	end_process(&live->looker, SIGKILL);
	end_process(&live->server, SIGTERM);
}
