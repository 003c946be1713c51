/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage over helper threads. See storage_posix.h; the blocking calls are dir.c and transfer.c.
 *
 * One lock guards the queue of jobs, what has ended, and the wake flag. A request is in exactly one
 * place: `jobs`, a helper's hands, `ended`. While a helper syncs apart, the request is also in
 * `written`, so that poll() can tell of it early; the owner marks in retry_count that it has told.
 *
 * Threads: submit, poll, enter, leave: the owner. wake: any. Helpers touch a request only between
 * taking it from `jobs` and putting it into `ended`.
 */
#include "io/posix/storage_posix.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "io/posix/dir.h"
#include "io/posix/prepare.h"
#include "io/posix/request.h"
#include "io/posix/thread_posix.h"

#define NS_PER_SECOND 1000000000ull
/* Longer waits are cut to this: nobody can tell, and no clock overflows. */
#define WAIT_NS_MAX (86400ull * 365ull * NS_PER_SECOND)

struct storage_posix {
	struct wr_dir dir;
	struct wr_prepare prepare;
	/* The owner's. */
	bool entered;
	bool leaving;
	uint32_t in_flight;
	uint32_t preparing;
	uint32_t thread_count;
	pthread_t threads[WR_STORAGE_POSIX_DEPTH_MAX];
	/* Under lock. */
	pthread_mutex_t lock;
	pthread_cond_t job_ready;
	pthread_cond_t progress;
	struct wr_io_queue jobs;
	struct wr_io_queue ended;
	struct wr_io *written[WR_STORAGE_POSIX_DEPTH_MAX];
	uint32_t written_count;
	bool woken;
	bool made; /* the prepare thread has something */
	bool stopping;
};

/* One poll's harvest, taken under the lock and told outside it. */
struct harvest {
	struct wr_io *written[WR_STORAGE_POSIX_DEPTH_MAX];
	uint32_t written_count;
	struct wr_io_queue ended;
};

static void job_written(struct storage_posix *s, struct wr_io *io)
{
	if (io->written == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->written[s->written_count++] = io;
	(void)pthread_cond_signal(&s->progress);
	(void)pthread_mutex_unlock(&s->lock);
}

static int job_write(struct storage_posix *s, struct wr_dir_file *file, struct wr_io *io)
{
	const bool durable = (io->flags & WR_IO_DURABLE) != 0;
	const bool in_write =
		durable && file->direct && wr_load_relaxed(&s->dir.sync_in_write) != 0;

	int code = wr_dir_request_write(&s->dir, file, io, in_write);
	if (code < 0 || !durable || in_write)
		return code;
	job_written(s, io);
	return wr_dir_sync(&s->dir, file);
}

static int job_run(struct storage_posix *s, struct wr_io *io)
{
	struct wr_dir_file *file = wr_dir_file(&s->dir, io->file);

	switch (io->kind) {
	case WR_IO_READ:
		return wr_dir_request_read(file, io);
	case WR_IO_WRITE:
		return job_write(s, file, io);
	default:
		return wr_dir_sync(&s->dir, file);
	}
}

static void *job_main(void *argument)
{
	struct storage_posix *s = argument;

	(void)pthread_mutex_lock(&s->lock);
	for (;;) {
		while (!s->stopping && s->jobs.first == NULL)
			(void)pthread_cond_wait(&s->job_ready, &s->lock);
		struct wr_io *io = wr_io_pop(&s->jobs);
		if (io == NULL)
			break;
		(void)pthread_mutex_unlock(&s->lock);
		io->result = job_run(s, io);
		(void)pthread_mutex_lock(&s->lock);
		wr_io_push(&s->ended, io);
		(void)pthread_cond_signal(&s->progress);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* On the prepare thread. */
static void prepare_made(void *context)
{
	struct storage_posix *s = context;

	(void)pthread_mutex_lock(&s->lock);
	s->made = true;
	(void)pthread_cond_signal(&s->progress);
	(void)pthread_mutex_unlock(&s->lock);
}

static void stop_threads(struct storage_posix *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->stopping = true;
	(void)pthread_cond_broadcast(&s->job_ready);
	(void)pthread_mutex_unlock(&s->lock);
	for (uint32_t i = 0; i < s->thread_count; i++)
		(void)pthread_join(s->threads[i], NULL);
	s->thread_count = 0;
	s->stopping = false;
}

static int posix_enter(struct wr_storage *base)
{
	struct storage_posix *s = (struct storage_posix *)base;
	int code = 0;

	if (s->entered)
		return -EBUSY;
	while (code == 0 && s->thread_count < base->depth_max) {
		char name[16];
		(void)snprintf(name, sizeof name, "%.10s-io%u", s->dir.helper_name,
			       s->thread_count % 100u);
		const struct wr_thread_start start = {.name = name, .cpus = s->dir.helper_cpus};
		code = wr_thread_create(&s->threads[s->thread_count], &start, job_main, s);
		if (code == 0)
			s->thread_count++;
	}
	if (code == 0 && !s->dir.read_only)
		code = wr_prepare_start(&s->prepare);
	if (code < 0) {
		stop_threads(s);
		return code;
	}
	s->entered = true;
	s->leaving = false;
	return 0;
}

static int posix_submit(struct wr_storage *base, struct wr_io *io)
{
	struct storage_posix *s = (struct storage_posix *)base;
	int code = wr_dir_check(&s->dir, io);
	struct wr_dir_file *file;

	if (code < 0)
		return code;
	if (!s->entered)
		return -EINVAL;
	if (s->leaving)
		return WEIR_E_CLOSED;
	io->moved_bytes = 0;
	io->retry_count = 0;
	if (wr_io_is_for_helper(io)) {
		s->preparing++;
		wr_prepare_add(&s->prepare, io);
		return 0;
	}
	if (s->in_flight == base->depth_max)
		return -EAGAIN;
	/* The descriptor is the request's until tell_done(). */
	code = wr_dir_use(&s->dir, io->file, &file);
	if (code < 0)
		return code;
	s->in_flight++;
	/* S5 without a helper: what is refused here touches nothing, and is told in poll (S1). */
	code = io->kind == WR_IO_READ ? 0 : wr_dir_failed(file);
	(void)pthread_mutex_lock(&s->lock);
	if (code < 0) {
		io->result = code;
		wr_io_push(&s->ended, io);
	} else {
		wr_io_push(&s->jobs, io);
		(void)pthread_cond_signal(&s->job_ready);
	}
	(void)pthread_mutex_unlock(&s->lock);
	(void)wr_add_relaxed(&s->dir.submissions, 1u);
	return 0;
}

static bool has_news(const struct storage_posix *s)
{
	return s->ended.first != NULL || s->written_count > 0 || s->made;
}

/* Under lock. Waits for news or a wake, up to wait_ns. */
static void wait_for_news(struct storage_posix *s, uint64_t wait_ns)
{
	struct timespec until;
	int code = 0;

	if (wait_ns != UINT64_MAX) {
		wait_ns = wr_min_u64(wait_ns, WAIT_NS_MAX);
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		uint64_t ns = (uint64_t)until.tv_nsec + wait_ns % NS_PER_SECOND;
		until.tv_sec += (time_t)(wait_ns / NS_PER_SECOND + ns / NS_PER_SECOND);
		until.tv_nsec = (long)(ns % NS_PER_SECOND);
	}
	while (!has_news(s) && !s->woken && code != ETIMEDOUT)
		code = wait_ns == UINT64_MAX
			       ? pthread_cond_wait(&s->progress, &s->lock)
			       : pthread_cond_timedwait(&s->progress, &s->lock, &until);
}

static void tell_written(struct wr_io *io)
{
	if (io->written != NULL && io->retry_count == 0) {
		io->retry_count = 1;
		io->written(io);
	}
}

static void tell_done(struct storage_posix *s, struct wr_io *io)
{
	if (wr_io_is_for_helper(io)) {
		s->preparing--;
	} else {
		s->in_flight--;
		wr_dir_unuse(&s->dir, wr_dir_file(&s->dir, io->file));
		if (io->kind == WR_IO_WRITE && io->result == 0) {
			(void)wr_add_relaxed(&s->dir.writes, 1u);
			(void)wr_add_relaxed(&s->dir.written_bytes, io->length_bytes);
			tell_written(io);
		}
	}
	io->done(io);
}

static int posix_poll(struct wr_storage *base, uint64_t wait_ns)
{
	struct storage_posix *s = (struct storage_posix *)base;
	struct harvest h;
	struct wr_io *io;
	bool made;
	int done_count = 0;

	if (!s->entered)
		return -EINVAL;
	(void)pthread_mutex_lock(&s->lock);
	if (wait_ns > 0) {
		wait_for_news(s, wait_ns);
		s->woken = false;
	}
	h.written_count = s->written_count;
	for (uint32_t i = 0; i < s->written_count; i++)
		h.written[i] = s->written[i];
	s->written_count = 0;
	h.ended = wr_io_take_all(&s->ended);
	made = s->made;
	s->made = false;
	(void)pthread_mutex_unlock(&s->lock);

	for (uint32_t i = 0; i < h.written_count; i++)
		tell_written(h.written[i]);
	while ((io = wr_io_pop(&h.ended)) != NULL) {
		tell_done(s, io);
		done_count++;
	}
	if (made) {
		h.ended = wr_prepare_take(&s->prepare);
		while ((io = wr_io_pop(&h.ended)) != NULL) {
			tell_done(s, io);
			done_count++;
		}
	}
	return done_count;
}

static int posix_leave(struct wr_storage *base)
{
	struct storage_posix *s = (struct storage_posix *)base;

	if (!s->entered)
		return -EINVAL;
	s->leaving = true;
	while (s->in_flight > 0 || s->preparing > 0)
		(void)posix_poll(base, UINT64_MAX);
	s->entered = false;
	return 0;
}

static void posix_wake(struct wr_storage *base)
{
	struct storage_posix *s = (struct storage_posix *)base;

	(void)pthread_mutex_lock(&s->lock);
	s->woken = true;
	(void)pthread_cond_signal(&s->progress);
	(void)pthread_mutex_unlock(&s->lock);
}

static void posix_report(const struct wr_storage *base, struct wr_storage_report *ret_report)
{
	wr_dir_report(&((const struct storage_posix *)base)->dir, "posix", ret_report);
}

static void posix_fini(struct wr_storage *base)
{
	struct storage_posix *s = (struct storage_posix *)base;

	if (s->entered)
		(void)posix_leave(base);
	stop_threads(s);
	wr_prepare_fini(&s->prepare);
	(void)pthread_cond_destroy(&s->progress);
	(void)pthread_cond_destroy(&s->job_ready);
	(void)pthread_mutex_destroy(&s->lock);
	wr_dir_fini(&s->dir);
	wr_held_remove(&s->dir.held, true);
	free(s);
}

static const struct wr_storage_ops posix_ops = {
	.file_open = wr_dir_file_open,
	.file_close = wr_dir_file_close,
	.file_keep = wr_dir_file_keep,
	.file_bytes = wr_dir_file_bytes,
	.file_remove = wr_dir_file_remove,
	.file_each = wr_dir_file_each,
	.read = wr_dir_read,
	.write = wr_dir_write,
	.sync_file = wr_dir_sync_file,
	.sync_dir = wr_dir_sync_dir,
	.lock = wr_dir_lock,
	.free_bytes = wr_dir_free_bytes,
	.enter = posix_enter,
	.leave = posix_leave,
	.submit = posix_submit,
	.poll = posix_poll,
	.wake = posix_wake,
	.report = posix_report,
	.counts = wr_dir_counts,
	.fini = posix_fini,
};

/* The lock and its two conditions; `progress` is waited on by the monotonic clock. */
static int init_sync(struct storage_posix *s)
{
	pthread_condattr_t monotonic;

	int code = -pthread_mutex_init(&s->lock, NULL);
	if (code < 0)
		return code;
	code = -pthread_cond_init(&s->job_ready, NULL);
	if (code < 0)
		goto fail_lock;
	code = -pthread_condattr_init(&monotonic);
	if (code < 0)
		goto fail_job_ready;
	code = -pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	if (code == 0)
		code = -pthread_cond_init(&s->progress, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (code == 0)
		return 0;

fail_job_ready:
	(void)pthread_cond_destroy(&s->job_ready);
fail_lock:
	(void)pthread_mutex_destroy(&s->lock);
	return code;
}

int wr_storage_posix_open(const struct wr_storage_options *options, struct wr_storage **ret)
{
	uint32_t depth = options->depth_max != 0 ? options->depth_max : WR_STORAGE_POSIX_DEPTH;

	struct storage_posix *s = calloc(1, sizeof *s);
	if (s == NULL) {
		wr_dir_reason(options, "no memory for the storage", -ENOMEM);
		return -ENOMEM;
	}
	wr_held_add(&s->dir.held);
	s->dir.base.ops = &posix_ops;
	s->dir.base.depth_max = (uint32_t)wr_min_u64(depth, WR_STORAGE_POSIX_DEPTH_MAX);
	int code = wr_dir_init(&s->dir, options);
	if (code < 0)
		goto fail_storage;
	code = wr_prepare_init(&s->prepare, &s->dir, prepare_made, s);
	if (code < 0)
		goto fail_dir;
	code = init_sync(s);
	if (code < 0)
		goto fail_prepare;
	*ret = &s->dir.base;
	return 0;

fail_prepare:
	wr_prepare_fini(&s->prepare);
fail_dir:
	wr_dir_reason(options, "no memory for the storage", code);
	wr_dir_fini(&s->dir);
fail_storage:
	wr_held_remove(&s->dir.held, true);
	free(s);
	return code;
}
