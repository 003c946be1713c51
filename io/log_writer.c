/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines to a descriptor, by a thread of its own (weir/log.h): a ring of bytes under a lock that is
 * held for copies only, never for a write. The lock inherits priorities, so a real-time thread that
 * speaks waits for a copy and for nobody's place in the queue of a CPU.
 *
 * What does not fit is counted, and told in its place: by a line in front of the next one that
 * fits, or, when none comes, as soon as the ring is empty. What the descriptor refuses is counted,
 * too, and told once it takes something again.
 *
 * The thread can be cancelled in a write and in a poll, and nowhere else: that is how a close ends
 * it when nobody reads.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/log.h>

#include "core/base/bits.h"
#include "core/base/sanitizer.h"
#include "core/lines/lines.h"
#include "io/posix/cancel.h"
#include "io/posix/thread_posix.h"

#define NS_PER_S 1000000000u
#define LINE_BYTES 4096u
#define RING_BYTES_MIN (4u << 10)
#define RING_BYTES_MAX (64u << 20)
#define STACK_BYTES (64u << 10)

struct weir_log_writer {
	pthread_t thread;
	int descriptor;
	uint64_t ring_bytes;
	char *ring;
	pthread_mutex_t lock;
	pthread_cond_t taken;   /* to the thread: there is something */
	pthread_cond_t written; /* from it */
	/* under `lock` */
	enum weir_log_format format;
	uint64_t head, tail; /* bytes written, bytes taken */
	uint64_t lost, lost_told;
	bool refused; /* what was written last */
	bool closing, ended;
};

void weir_log_writer_options_init(struct weir_log_writer_options *options)
{
	*options = (struct weir_log_writer_options){.struct_bytes = sizeof *options,
						    .descriptor = STDERR_FILENO,
						    .format = WEIR_LOG_AS_TEXT,
						    .ring_bytes = 256u << 10};
}

static int refuse(struct weir_problem *problem, int code, const char *field, const char *text)
{
	if (problem != NULL) {
		*problem = (struct weir_problem){.code = code};
		(void)snprintf(problem->field, sizeof problem->field, "%s", field);
		(void)snprintf(problem->text, sizeof problem->text, "%s", text);
	}
	return code;
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* Under the lock. */
static bool put(struct weir_log_writer *w, const char *bytes, size_t count)
{
	uint64_t at = w->tail % w->ring_bytes;
	size_t first = (size_t)wr_min_u64(count, w->ring_bytes - at);

	if (count > w->ring_bytes - (w->tail - w->head))
		return false;
	memcpy(w->ring + at, bytes, first);
	memcpy(w->ring, bytes + first, count - first);
	w->tail += count;
	return true;
}

/* Under the lock: what was lost is told, if there is room for that and `more`. */
static void tell_lost(struct weir_log_writer *w, size_t more)
{
	char text[WEIR_LOG_LINE_BYTES_MIN], message[96];
	uint64_t count = w->lost - w->lost_told;
	const struct weir_log_field field = wr_field_u64("count", count);
	struct timespec now;

	if (count == 0 || w->refused)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(message, sizeof message, "%llu lines were lost here: nobody took them",
		       (unsigned long long)count);
	const struct weir_log_line line = {.level = wr_events[WR_EVENT_LOG_LOST].level,
					   .event = wr_events[WR_EVENT_LOG_LOST].name,
					   .message = message,
					   .time_ns = (uint64_t)now.tv_sec * NS_PER_S +
						      (uint64_t)now.tv_nsec,
					   .fields = &field,
					   .field_count = 1};
	size_t bytes = weir_log_format(w->format, &line, text, sizeof text);
	if (bytes + more <= w->ring_bytes - (w->tail - w->head) && put(w, text, bytes))
		w->lost_told = w->lost;
}

static int take(struct weir_log_writer *w, const char *bytes, size_t count)
{
	int cancel = wr_cancel_defer();

	(void)pthread_mutex_lock(&w->lock);
	tell_lost(w, count);
	/* What comes behind something that is not told yet is lost with it: the place is kept. */
	bool fits = (w->lost == w->lost_told || w->refused) && put(w, bytes, count);
	if (fits)
		(void)pthread_cond_signal(&w->taken);
	else
		w->lost++;
	(void)pthread_mutex_unlock(&w->lock);
	wr_cancel_restore(cancel);
	return fits ? 0 : WEIR_E_FULL;
}

void weir_log_writer_take(void *writer, const struct weir_log_line *line)
{
	struct weir_log_writer *w = writer;
	char text[LINE_BYTES];

	(void)pthread_mutex_lock(&w->lock);
	enum weir_log_format format = w->format;
	(void)pthread_mutex_unlock(&w->lock);
	(void)take(w, text, weir_log_format(format, line, text, sizeof text));
}

int weir_log_writer_put(struct weir_log_writer *w, const void *bytes, size_t count)
{
	return count == 0 || count > w->ring_bytes ? -EINVAL : take(w, bytes, count);
}

int weir_log_writer_set_format(struct weir_log_writer *w, enum weir_log_format format)
{
	if (format != WEIR_LOG_AS_TEXT && format != WEIR_LOG_AS_JSON)
		return -EINVAL;
	(void)pthread_mutex_lock(&w->lock);
	w->format = format;
	(void)pthread_mutex_unlock(&w->lock);
	return 0;
}

uint64_t weir_log_writer_lost_count(struct weir_log_writer *w)
{
	(void)pthread_mutex_lock(&w->lock);
	uint64_t lost = w->lost;
	(void)pthread_mutex_unlock(&w->lock);
	return lost;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* One write; where there is no room at once, when there is. Bytes, or -errno. */
WR_FRAME_MAY_BE_LEFT static ssize_t write_some(int descriptor, const char *bytes, size_t count)
{
	struct pollfd room = {.fd = descriptor, .events = POLLOUT};
	int before, ignored;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
	ssize_t n = write(descriptor, bytes, count);
	int code = errno;
	if (n < 0 && code == EAGAIN) {
		(void)poll(&room, 1, -1);
		code = EINTR;
	}
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &ignored);
	return n >= 0 ? n : -code;
}

/* How many lines could not be written. */
WR_FRAME_MAY_BE_LEFT static uint64_t write_all(int descriptor, const char *bytes, size_t count)
{
	uint64_t lines = 0;
	ssize_t n = 0;

	while (count > 0) {
		n = write_some(descriptor, bytes, count);
		if (n < 0 && n != -EINTR)
			break;
		bytes += n > 0 ? n : 0;
		count -= n > 0 ? (size_t)n : 0;
	}
	for (size_t i = 0; i < count; i++)
		lines += bytes[i] == '\n';
	return count > 0 ? wr_max_u64(lines, 1) : 0;
}

WR_FRAME_MAY_BE_LEFT static void *run(void *argument)
{
	struct weir_log_writer *w = argument;
	int before;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	(void)pthread_mutex_lock(&w->lock);
	for (;;) {
		if (w->head == w->tail)
			tell_lost(w, 0);
		if (w->head == w->tail && w->closing)
			break;
		if (w->head == w->tail) {
			(void)pthread_cond_wait(&w->taken, &w->lock);
			continue;
		}
		uint64_t at = w->head % w->ring_bytes;
		uint64_t count = wr_min_u64(w->tail - w->head, w->ring_bytes - at);
		(void)pthread_mutex_unlock(&w->lock);
		uint64_t lost = write_all(w->descriptor, w->ring + at, (size_t)count);
		(void)pthread_mutex_lock(&w->lock);
		w->head += count;
		w->lost += lost;
		w->refused = lost != 0;
		(void)pthread_cond_broadcast(&w->written);
	}
	w->ended = true;
	(void)pthread_cond_broadcast(&w->written);
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void init_lock(struct weir_log_writer *w)
{
	pthread_mutexattr_t inherits;
	pthread_condattr_t monotonic;

	(void)pthread_mutexattr_init(&inherits);
	(void)pthread_mutexattr_setprotocol(&inherits, PTHREAD_PRIO_INHERIT);
	if (pthread_mutex_init(&w->lock, &inherits) != 0) /* a kernel without it: a plain one */
		(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_mutexattr_destroy(&inherits);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->taken, &monotonic);
	(void)pthread_cond_init(&w->written, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

static void give_back(struct weir_log_writer *w)
{
	(void)pthread_cond_destroy(&w->taken);
	(void)pthread_cond_destroy(&w->written);
	(void)pthread_mutex_destroy(&w->lock);
	free(w->ring);
	free(w);
}

int weir_log_writer_open(const struct weir_log_writer_options *o,
			 struct weir_log_writer **ret_writer, struct weir_problem *problem)
{
	const struct wr_thread_start start = {.name = "weir-lines", .stack_bytes = STACK_BYTES};

	if (o->struct_bytes != sizeof *o)
		return refuse(problem, -EINVAL, "struct_bytes",
			      "call weir_log_writer_options_init() first");
	if (o->format != WEIR_LOG_AS_TEXT && o->format != WEIR_LOG_AS_JSON)
		return refuse(problem, -EINVAL, "format", "not text or JSON");
	if (o->ring_bytes < RING_BYTES_MIN || o->ring_bytes > RING_BYTES_MAX)
		return refuse(problem, -EINVAL, "ring_bytes", "4096 to 67108864");
	if (o->descriptor < 0)
		return refuse(problem, -EINVAL, "descriptor", "not a descriptor");
	struct weir_log_writer *w = calloc(1, sizeof *w);
	char *ring = malloc(o->ring_bytes);
	if (w == NULL || ring == NULL) {
		free(w);
		free(ring);
		return refuse(problem, -ENOMEM, "ring_bytes", "there is no memory");
	}
	w->descriptor = o->descriptor;
	w->ring_bytes = o->ring_bytes;
	w->ring = ring;
	w->format = o->format;
	init_lock(w);
	int rc = wr_thread_create(&w->thread, &start, run, w);
	if (rc != 0) {
		give_back(w);
		return refuse(problem, rc, "", "no thread could be made");
	}
	*ret_writer = w;
	return 0;
}

static struct timespec deadline_in(uint64_t timeout_ns)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	uint64_t ns = (uint64_t)at.tv_nsec + timeout_ns % NS_PER_S;
	at.tv_sec += (time_t)wr_min_u64(timeout_ns / NS_PER_S, 1u << 30) + (time_t)(ns / NS_PER_S);
	at.tv_nsec = (long)(ns % NS_PER_S);
	return at;
}

int weir_log_writer_flush(struct weir_log_writer *w, uint64_t timeout_ns)
{
	struct timespec deadline = deadline_in(timeout_ns);
	int cancel = wr_cancel_defer();
	int rc = 0;

	(void)pthread_mutex_lock(&w->lock);
	uint64_t end = w->tail;
	while (w->head < end && rc == 0)
		rc = pthread_cond_timedwait(&w->written, &w->lock, &deadline);
	bool done = w->head >= end;
	(void)pthread_mutex_unlock(&w->lock);
	wr_cancel_restore(cancel);
	return done ? 0 : -ETIMEDOUT;
}

void weir_log_writer_close(struct weir_log_writer *w, uint64_t timeout_ns)
{
	if (w == NULL)
		return;
	struct timespec deadline = deadline_in(timeout_ns);
	int cancel = wr_cancel_defer();
	int rc = 0;
	(void)pthread_mutex_lock(&w->lock);
	w->closing = true;
	tell_lost(w, 0);
	(void)pthread_cond_signal(&w->taken);
	/* Its end, and not that of the ring: behind that it may still tell of what was lost. */
	while (!w->ended && rc == 0)
		rc = pthread_cond_timedwait(&w->written, &w->lock, &deadline);
	bool ended = w->ended;
	(void)pthread_mutex_unlock(&w->lock);
	if (!ended)
		(void)pthread_cancel(w->thread);
	(void)pthread_join(w->thread, NULL);
	give_back(w);
	wr_cancel_restore(cancel);
}
