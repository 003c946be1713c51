/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A notifier (weir/notify.h): the phase that a service is in, and a thread that says again and
 * again what has to be said so, for as long as it is true.
 *
 * Everything is under `lock`. The thread holds it while it asks what it watches, which does not
 * block, and never while it sends something that may wait.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/notify.h>

#include "core/base/bits.h"
#include "core/base/deadline.h"
#include "core/lines/lines.h"
#include "io/posix/cancel.h"
#include "io/posix/thread_posix.h"
#include "io/service/notify_socket.h"

#define NS_PER_S 1000000000u
#define NS_PER_US 1000u
#define WATCHDOG_NS_MIN 20000000u
#define LOOKS_PER_WATCHDOG 4u
#define EXTEND_LOOK_NS (2 * (uint64_t)NS_PER_S)
#define EXTENSION_NS (30 * (uint64_t)NS_PER_S)
#define WORK_NS_MIN 1000000u /* of CPU time between two looks */
#define STATUS_BYTES 256
#define STACK_BYTES (256u << 10)

enum phase { PHASE_STARTING, PHASE_RUNNING, PHASE_STOPPING };

struct watched {
	bool (*has_moved)(void *context, char *stuck, size_t stuck_bytes);
	void *context;
	struct weir_beat beat; /* of a pipeline */
};

struct weir_notifier {
	struct wr_notify_address address;
	uint64_t watchdog_ns;
	pid_t pid;
	int fd;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under `lock` */
	bool closing;
	enum phase phase;
	uint64_t stop_ends_ns;
	uint64_t work_ns; /* CPU time of the process but this thread's, at the last look */
	bool is_stuck;    /* at the last look */
	bool told_stuck;  /* the manager was told so */
	struct wr_speaker speaker;
	char status[STATUS_BYTES]; /* told last */
	struct watched watched[WEIR_NOTIFIER_WATCHED_MAX];
	uint32_t watched_count;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int fail(struct weir_problem *problem, int code, const char *field, const char *text)
{
	if (problem != NULL) {
		*problem = (struct weir_problem){.code = code};
		(void)snprintf(problem->field, sizeof problem->field, "%s", field);
		(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	}
	return code;
}

static bool is_copy(const struct weir_notifier *n)
{
	return n->pid != getpid();
}

/* One line of printable text, cut at the end of a character. */
static void put_status(char to[STATUS_BYTES], const char *text)
{
	size_t length = 0;
	for (; text[length] != '\0' && length < STATUS_BYTES - 1; length++) {
		unsigned char c = (unsigned char)text[length];
		to[length] = c < ' ' || c == 0x7f ? ' ' : text[length];
	}
	if (text[length] != '\0')
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	to[length] = '\0';
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Under `lock`, as all here. False: something stands still, and `stuck` says what. */
static bool all_have_moved(struct weir_notifier *n, char stuck[STATUS_BYTES])
{
	bool all = true;
	for (uint32_t i = 0; i < n->watched_count; i++) {
		struct watched *w = &n->watched[i];
		char text[STATUS_BYTES / 2] = "something";
		bool moved = true;
		if (w->has_moved == NULL) {
			moved = weir_pipeline_beat(w->context, &w->beat) != WEIR_E_AGAIN;
			(void)snprintf(text, sizeof text, "thread %s", w->beat.stuck);
		} else {
			moved = w->has_moved(w->context, text, sizeof text);
		}
		text[sizeof text - 1] = '\0';
		if (!moved && all) {
			(void)snprintf(stuck, STATUS_BYTES, "%s does not move: the watchdog waits",
				       text);
			all = false;
		}
	}
	return all;
}

/* What a manager whose queue is full was not told, it is told at the next look. */
static void feed_watchdog(struct weir_notifier *n)
{
	char stuck[STATUS_BYTES], message[STATUS_BYTES + 32];
	if (n->watched_count == 0)
		return;
	bool moved = all_have_moved(n, stuck), was_stuck = n->is_stuck;
	n->is_stuck = !moved;
	if (moved && !n->told_stuck) {
		(void)wr_notify_socket_send(n->fd, &n->address, "WATCHDOG=1", false);
		return;
	}
	put_status(message + sizeof "STATUS=" - 1, moved ? n->status : stuck);
	memcpy(message, "STATUS=", sizeof "STATUS=" - 1);
	if (moved)
		(void)snprintf(message + strlen(message), sizeof "\nWATCHDOG=1", "\nWATCHDOG=1");
	if (moved == n->told_stuck &&
	    wr_notify_socket_send(n->fd, &n->address, message, false) != -EAGAIN)
		n->told_stuck = !moved;
	if (!moved && !was_stuck)
		wr_speaker_say(&n->speaker,
			       (struct wr_line_time){.mono_ns = clock_ns(CLOCK_MONOTONIC),
						     .wall_ns = clock_ns(CLOCK_REALTIME)},
			       WR_EVENT_SERVICE_STUCK, WR_NO_FIELDS, stuck);
}

/* What works gets more time. Nobody knows of a recovery how far it is, but whether it computes. */
static void extend(struct weir_notifier *n, uint64_t now_ns)
{
	char message[64];
	uint64_t process_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t own_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t work_ns = process_ns > own_ns ? process_ns - own_ns : 0;
	uint64_t more_ns = EXTENSION_NS;
	bool works = work_ns >= n->work_ns + WORK_NS_MIN;
	n->work_ns = work_ns;
	if (n->phase == PHASE_STOPPING) {
		if (now_ns >= n->stop_ends_ns)
			return;
		more_ns = wr_min_u64(more_ns, n->stop_ends_ns - now_ns);
	}
	if (!works)
		return;
	(void)snprintf(message, sizeof message, "EXTEND_TIMEOUT_USEC=%llu",
		       (unsigned long long)(more_ns / NS_PER_US));
	(void)wr_notify_socket_send(n->fd, &n->address, message, false);
}

static void wait_until(struct weir_notifier *n, uint64_t until_ns)
{
	struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
				 .tv_nsec = (long)(until_ns % NS_PER_S)};
	(void)pthread_cond_timedwait(&n->changed, &n->lock, &until);
}

static void *run(void *argument)
{
	struct weir_notifier *n = argument;
	uint64_t extend_ns = 0, watch_ns = 0;
	(void)pthread_mutex_lock(&n->lock);
	while (!n->closing) {
		uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
		uint64_t next_ns = now_ns + EXTEND_LOOK_NS;
		if (n->phase != PHASE_RUNNING && now_ns >= extend_ns) {
			extend(n, now_ns);
			extend_ns = now_ns + EXTEND_LOOK_NS;
		}
		if (n->phase != PHASE_STARTING && n->watchdog_ns > 0) {
			if (now_ns >= watch_ns) {
				feed_watchdog(n);
				watch_ns = now_ns + n->watchdog_ns / LOOKS_PER_WATCHDOG;
			}
			next_ns = wr_min_u64(next_ns, watch_ns);
		}
		wait_until(n, next_ns);
	}
	(void)pthread_mutex_unlock(&n->lock);
	return NULL;
}

/* ---- open, close ----------------------------------------------------------------------------- */

void weir_notifier_options_init(struct weir_notifier_options *options)
{
	*options = (struct weir_notifier_options){.struct_bytes = sizeof *options};
}

static int check(const struct weir_notifier_options *o, struct wr_notify_address *ret_address,
		 struct weir_problem *problem)
{
	if (o->struct_bytes != sizeof *o)
		return fail(problem, -EINVAL, "options",
			    "fill them in with weir_notifier_options_init()");
	if (o->watchdog_ns != 0 && o->watchdog_ns < WATCHDOG_NS_MIN)
		return fail(problem, -EINVAL, "watchdog_ns", "it is 20 ms and more, or 0");
	int rc = wr_notify_address_read(o->socket, ret_address);
	if (rc == -EAFNOSUPPORT)
		return fail(problem, rc, "socket",
			    "only sockets of this machine are spoken to: a path, or @name");
	if (rc != 0)
		return fail(problem, rc, "socket",
			    "it is an absolute path, or a name behind @, of 107 bytes at most");
	return 0;
}

static int start(struct weir_notifier *n)
{
	const struct wr_thread_start thread = {.name = "weir-notify", .stack_bytes = STACK_BYTES};
	n->fd = wr_notify_socket_open();
	if (n->fd < 0)
		return n->fd;
	n->work_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID); /* what came before is no work of it */
	int rc = wr_thread_create(&n->thread, &thread, run, n);
	n->has_thread = rc == 0;
	return rc;
}

int weir_notifier_open(const struct weir_notifier_options *options,
		       struct weir_notifier **ret_notifier, struct weir_problem *reterr_problem)
{
	struct wr_notify_address address;
	pthread_condattr_t attributes;
	int rc = check(options, &address, reterr_problem);
	if (rc != 0)
		return rc;
	struct weir_notifier *n = calloc(1, sizeof *n);
	if (n == NULL)
		return fail(reterr_problem, -ENOMEM, "", weir_strerror(-ENOMEM));
	n->address = address;
	n->watchdog_ns = options->watchdog_ns;
	const struct weir_log_limits limits = {.level = WEIR_LOG_INFO,
					       .burst = WEIR_LOG_BURST_DEFAULT,
					       .rate_per_s = WEIR_LOG_RATE_DEFAULT};
	wr_speaker_init(&n->speaker, options->log_fn, options->log_context, NULL, &limits);
	n->pid = getpid();
	n->fd = -1;
	(void)pthread_mutex_init(&n->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&n->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	rc = address.bytes > 0 ? start(n) : 0;
	if (rc != 0) {
		weir_notifier_close(n);
		return fail(reterr_problem, rc, "", weir_strerror(rc));
	}
	*ret_notifier = n;
	return 0;
}

void weir_notifier_close(struct weir_notifier *notifier)
{
	struct weir_notifier *n = notifier;
	if (n == NULL || is_copy(n))
		return;
	int cancel = wr_cancel_defer();
	if (n->has_thread) {
		(void)pthread_mutex_lock(&n->lock);
		n->closing = true;
		(void)pthread_cond_signal(&n->changed);
		(void)pthread_mutex_unlock(&n->lock);
		(void)pthread_join(n->thread, NULL);
	}
	if (n->fd >= 0)
		(void)close(n->fd);
	(void)pthread_cond_destroy(&n->changed);
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
	wr_cancel_restore(cancel);
}

/* ---- what is watched ------------------------------------------------------------------------- */

static struct watched *find(struct weir_notifier *n,
			    bool (*has_moved)(void *context, char *stuck, size_t stuck_bytes),
			    const void *context)
{
	for (uint32_t i = 0; i < n->watched_count; i++)
		if (n->watched[i].has_moved == has_moved && n->watched[i].context == context)
			return &n->watched[i];
	return NULL;
}

int weir_notifier_watch(struct weir_notifier *notifier,
			bool (*has_moved)(void *context, char *stuck, size_t stuck_bytes),
			void *context)
{
	struct weir_notifier *n = notifier;
	int rc = 0;
	if (is_copy(n))
		return WEIR_E_CLOSED;
	(void)pthread_mutex_lock(&n->lock);
	if (find(n, has_moved, context) != NULL)
		rc = WEIR_E_EXISTS;
	else if (n->watched_count == WEIR_NOTIFIER_WATCHED_MAX)
		rc = WEIR_E_FULL;
	else
		n->watched[n->watched_count++] =
			(struct watched){.has_moved = has_moved, .context = context};
	(void)pthread_mutex_unlock(&n->lock);
	return rc;
}

void weir_notifier_unwatch(struct weir_notifier *notifier,
			   bool (*has_moved)(void *context, char *stuck, size_t stuck_bytes),
			   void *context)
{
	struct weir_notifier *n = notifier;
	if (is_copy(n))
		return;
	(void)pthread_mutex_lock(&n->lock);
	struct watched *w = find(n, has_moved, context);
	if (w != NULL)
		*w = n->watched[--n->watched_count];
	(void)pthread_mutex_unlock(&n->lock);
}

int weir_notifier_watch_pipeline(struct weir_notifier *notifier, struct weir_pipeline *pipeline)
{
	return weir_notifier_watch(notifier, NULL, pipeline);
}

void weir_notifier_unwatch_pipeline(struct weir_notifier *notifier, struct weir_pipeline *pipeline)
{
	weir_notifier_unwatch(notifier, NULL, pipeline);
}

/* ---- phases ---------------------------------------------------------------------------------- */

/* The message, and STATUS behind it. */
static int say(struct weir_notifier *n, const char *message, const char *status, bool may_wait)
{
	char text[STATUS_BYTES + 128];
	if (n->fd < 0)
		return 0;
	(void)pthread_mutex_lock(&n->lock);
	if (status != NULL)
		put_status(n->status, status);
	(void)snprintf(text, sizeof text, "%s%s%s", message, status != NULL ? "STATUS=" : "",
		       status != NULL ? n->status : "");
	(void)pthread_cond_signal(&n->changed);
	(void)pthread_mutex_unlock(&n->lock);
	int cancel = wr_cancel_defer();
	int rc = wr_notify_socket_send(n->fd, &n->address, text, may_wait);
	wr_cancel_restore(cancel);
	return rc;
}

static void enter(struct weir_notifier *n, enum phase phase, uint64_t stop_ends_ns)
{
	(void)pthread_mutex_lock(&n->lock);
	n->phase = phase;
	n->stop_ends_ns = stop_ends_ns;
	(void)pthread_cond_signal(&n->changed);
	(void)pthread_mutex_unlock(&n->lock);
}

int weir_notifier_ready(struct weir_notifier *notifier, const char *status)
{
	if (is_copy(notifier))
		return WEIR_E_CLOSED;
	int rc = say(notifier, "READY=1\n", status, true);
	/* Behind it: the watchdog is fed only after that was said. */
	enter(notifier, PHASE_RUNNING, 0);
	return rc;
}

int weir_notifier_status(struct weir_notifier *notifier, const char *status)
{
	if (is_copy(notifier))
		return WEIR_E_CLOSED;
	return status != NULL ? say(notifier, "", status, false) : 0;
}

int weir_notifier_reloading(struct weir_notifier *notifier, const char *status)
{
	char message[80];
	if (is_copy(notifier))
		return WEIR_E_CLOSED;
	(void)snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%llu\n",
		       (unsigned long long)(clock_ns(CLOCK_MONOTONIC) / NS_PER_US));
	return say(notifier, message, status, true);
}

int weir_notifier_stopping(struct weir_notifier *notifier, uint64_t timeout_ns, const char *status)
{
	char message[80];
	if (is_copy(notifier))
		return WEIR_E_CLOSED;
	enter(notifier, PHASE_STOPPING, wr_deadline_ns(clock_ns(CLOCK_MONOTONIC), timeout_ns));
	(void)snprintf(message, sizeof message, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\n",
		       (unsigned long long)(wr_min_u64(timeout_ns, EXTENSION_NS) / NS_PER_US));
	return say(notifier, message, status, true);
}
