/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a browser does with the address that the demo prints: it gets the page, and then asks /live
 * for what the page draws. Asked twice, so that there is a rate.
 *
 * Thread: that of the process that looks.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tools/weir/args.h"
#include "tools/weir/demo/live.h"

#define ANSWER_BYTES_MAX (4u << 20)
#define BETWEEN_NS UINT64_C(500000000)

/* errno, as a code; of a limit that is over what that is: a socket calls it otherwise. */
static int socket_error(void)
{
	bool is_over = errno == EAGAIN || errno == EINPROGRESS;
	return is_over ? -ETIMEDOUT : -errno;
}

/* "http://127.0.0.1:9464": a socket to there, or -errno. */
static int connect_to(const char *url)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	const struct timeval limit = {.tv_sec = DEMO_PAGE_SECONDS_MAX};
	struct addrinfo *found = NULL;
	char host[DEMO_LIVE_URL_BYTES];
	const char *at = strstr(url, "://");

	(void)snprintf(host, sizeof host, "%s", at != NULL ? at + 3 : url);
	char *port = strrchr(host, ':');
	if (port == NULL)
		return -EINVAL;
	*port++ = '\0';
	char *name = host;
	if (name[0] == '[') { // IPv6
		name++;
		name[strcspn(name, "]")] = '\0';
	}
	if (getaddrinfo(name, port, &hints, &found) != 0)
		return -EHOSTUNREACH;
	int rc = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (rc >= 0) {
		(void)setsockopt(rc, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		(void)setsockopt(rc, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
		if (connect(rc, found->ai_addr, found->ai_addrlen) < 0) {
			int code = socket_error();
			(void)close(rc);
			rc = code;
		}
	} else {
		rc = -errno;
	}
	freeaddrinfo(found);
	return rc;
}

/* All that comes until the server ends it. 0 or -errno; the caller's to free. */
static int read_all(int file, char **ret_text)
{
	char *text = malloc(ANSWER_BYTES_MAX + 1);
	size_t bytes = 0;
	ssize_t got = 1;

	if (text == NULL)
		return -ENOMEM;
	while (bytes < ANSWER_BYTES_MAX &&
	       (got = read(file, text + bytes, ANSWER_BYTES_MAX - bytes)) > 0)
		bytes += (size_t)got;
	int code = got < 0 ? socket_error() : 0;
	text[bytes] = '\0';
	if (code == 0 && strncmp(text, "HTTP/1.1 200 ", 13) != 0 &&
	    strncmp(text, "HTTP/1.0 200 ", 13) != 0)
		code = -EPROTO;
	if (code < 0)
		free(text);
	else
		*ret_text = text;
	return code;
}

/*
 * The answer's body, which is within `*ret_whole`: that is the caller's to free. By HTTP/1.0, since
 * /live is made while it goes out: by 1.1 it comes in chunks, with their sizes between.
 */
static int get(const char *url, const char *token, const char *path, char **ret_whole,
	       struct demo_text *ret_body)
{
	char request[512];
	const char *authority = strstr(url, "://");
	int bytes = snprintf(request, sizeof request,
			     "GET %s HTTP/1.0\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
			     "Accept: text/html,*/*\r\n\r\n",
			     path, authority != NULL ? authority + 3 : url, token);
	int file = connect_to(url);

	if (file < 0)
		return file;
	int code = write(file, request, (size_t)bytes) == bytes ? 0 : -EIO;
	if (code == 0)
		code = read_all(file, ret_whole);
	(void)close(file);
	if (code < 0)
		return code;
	const char *body = strstr(*ret_whole, "\r\n\r\n");
	if (body == NULL) {
		free(*ret_whole);
		return -EPROTO;
	}
	*ret_body = (struct demo_text){.at = body + 4, .bytes = strlen(body + 4)};
	return 0;
}

/* ---- what it says ---- */

static uint64_t number_of(struct demo_text object, const char *name)
{
	struct demo_text value;
	uint64_t n = 0;
	return demo_json_member(object, name, &value) && demo_text_u64(value, &n) ? n : 0;
}

static struct demo_text scalar_of(struct demo_text object, const char *name)
{
	struct demo_text value;
	return demo_json_member(object, name, &value) ? demo_json_scalar(value)
						      : (struct demo_text){.at = "", .bytes = 0};
}

/* The pipeline of this process. */
static bool find_pipeline(struct demo_text live, pid_t pid, struct demo_text *ret_pipeline)
{
	struct demo_text list, name;
	struct demo_json walk;

	if (!demo_json_member(live, "pipelines", &list) || !demo_json_open(&walk, list))
		return false;
	while (demo_json_next(&walk, &name, ret_pipeline))
		if (number_of(*ret_pipeline, "pid") == (uint64_t)pid)
			return true;
	return false;
}

static void take_subscription(struct demo_text labels, struct demo_text values, bool is_last,
			      struct demo_seen *seen)
{
	struct demo_text name = scalar_of(labels, "subscription");
	struct demo_text age = scalar_of(values, "weir_subscription_lag_seconds");
	uint64_t lag = number_of(values, "weir_subscription_lag_events");
	char text[CLI_TEXT_BYTES];

	if (!is_last)
		return;
	seen->subscriptions++;
	printf("  %-16.*s lag %s events, the oldest for %.*s s\n", (int)name.bytes, name.at,
	       cli_text_count(text, lag), (int)age.bytes, age.at);
}

/* Adds up its topics, and says, the last time, what its subscriptions have still to do. */
static int take_live(struct demo_text live, pid_t pid, bool is_last, struct demo_seen *seen,
		     uint64_t *ret_events, uint64_t *ret_told_ms)
{
	struct demo_text pipeline, list, name, object, labels, values;
	struct demo_json walk;

	if (!find_pipeline(live, pid, &pipeline) || !demo_json_member(pipeline, "objects", &list) ||
	    !demo_json_open(&walk, list))
		return -EPROTO;
	*ret_told_ms = number_of(pipeline, "told_ms");
	*ret_events = 0;
	while (demo_json_next(&walk, &name, &object)) {
		struct demo_text kind = scalar_of(object, "kind");
		if (!demo_json_member(object, "labels", &labels) ||
		    !demo_json_member(object, "values", &values))
			return -EPROTO;
		if (demo_text_is(kind, "topic"))
			*ret_events += number_of(values, "weir_topic_events");
		else if (demo_text_is(kind, "subscription"))
			take_subscription(labels, values, is_last, seen);
	}
	return walk.failed ? -EPROTO : 0;
}

static int look_once(const char *url, const char *token, pid_t pid, bool is_last,
		     struct demo_seen *seen, uint64_t *ret_told_ms)
{
	char *whole = NULL;
	struct demo_text body;
	uint64_t events = 0;
	int code = get(url, token, "/live", &whole, &body);

	if (code < 0)
		return code;
	code = take_live(body, pid, is_last, seen, &events, ret_told_ms);
	free(whole);
	if (code == 0)
		seen->events[is_last] = events;
	return code;
}

int demo_page_look(const char *url, const char *token, pid_t pid, struct demo_seen *seen)
{
	char *whole = NULL, a[CLI_TEXT_BYTES], b[CLI_TEXT_BYTES];
	struct demo_text body;
	uint64_t before_ms = 0, now_ms = 0;
	int code = get(url, token, "/", &whole, &body);

	if (code < 0)
		return code;
	seen->page_bytes = body.bytes;
	free(whole);
	printf("  %s/    200 OK, a page of %s\n", url, cli_text_bytes(a, seen->page_bytes));
	code = look_once(url, token, pid, false, seen, &before_ms);
	if (code < 0)
		return code;
	demo_sleep_ns(BETWEEN_NS);
	code = look_once(url, token, pid, true, seen, &now_ms);
	if (code < 0)
		return code;
	if (now_ms > before_ms)
		seen->events_per_s = (double)(seen->events[1] - seen->events[0]) * 1000.0 /
				     (double)(now_ms - before_ms);
	printf("  %-16s %s events in the log, %s events/s\n", DEMO_TOPIC,
	       cli_text_count(a, seen->events[1]), cli_text_rate(b, seen->events_per_s));
	return 0;
}
