/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage over io_uring. See storage_uring.h.
 *
 * The ring is made disabled at open and enabled by enter(), on the thread that will use it (L40);
 * leave() takes it down, so that another thread can enter. With `any_thread` the ring is one that
 * the kernel ties to no thread, and each thread of the owner's may use it in turn. What is asked of
 * the ring and what becomes of its answers is completion.c; here is when: submit, poll, wake,
 * enter, leave.
 *
 * wake() writes to an eventfd of which a read is kept armed in the ring. The flag wake_pending
 * makes a second wake() before the first is taken cost no system call.
 *
 * Threads: all of it is the owner's, but wake() and prepare_made(). Allocates at open and enter.
 */
#include "io/uring/storage_uring.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <weir/error.h>

#include "core/base/bits.h"
#include "io/posix/thread_posix.h"
#include "io/uring/completion.h"

#define NS_PER_SECOND 1000000000ull
#define WAIT_NS_MAX (86400ull * 365ull * NS_PER_SECOND)
/* Buffered writes and syncs go to the kernel's worker threads: few, and not one a request. */
#define WORKERS_MAX 8u

static uint32_t entries_for(uint32_t depth)
{
	/* A request has one entry at a time, its file's sync perhaps another, and the event. */
	return (uint32_t)wr_power_of_two_above(2ull * depth + 4u);
}

static void collect(struct wr_uring *s)
{
	struct wr_io *io;
	struct wr_io_queue refused = wr_io_take_all(&s->refused);

	while ((io = wr_io_pop(&refused)) != NULL)
		wr_uring_tell_done(s, io, io->result);
	/* IO3: pairs with the exchange in prepare_made(). */
	if (wr_load_relaxed(&s->made) != 0 && wr_exchange_acq_rel(&s->made, 0u) != 0) {
		struct wr_io_queue made = wr_prepare_take(&s->prepare);
		while ((io = wr_io_pop(&made)) != NULL)
			wr_uring_tell_done(s, io, io->result);
	}
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* 0 or what broke the ring. What is passing (EINTR, a time-out, a short supply) is no error. */
static int ring_result(struct wr_uring *s, int result)
{
	switch (result) {
	case -EAGAIN: /* the kernel is out of requests for a moment */
	case -EBUSY:
	case -ENOMEM:
		(void)sched_yield();
		return 0;
	case -EINTR:
	case -ETIME:
		return 0;
	default:
		if (result >= 0)
			return 0;
		s->broken = result;
		return result;
	}
}

static int submit_queued(struct wr_uring *s)
{
	if (io_uring_sq_ready(&s->ring) == 0)
		return 0;
	(void)wr_add_relaxed(&s->dir.submissions, 1u);
	return ring_result(s, io_uring_submit(&s->ring));
}

static int submit_and_wait(struct wr_uring *s, uint64_t wait_ns)
{
	struct io_uring_cqe *entry;
	struct __kernel_timespec limit;
	struct __kernel_timespec *limit_or_none = NULL;

	if (!s->event_armed)
		wr_uring_arm_event(s);
	if (wait_ns != UINT64_MAX) {
		limit.tv_sec = (long long)(wait_ns / NS_PER_SECOND);
		limit.tv_nsec = (long long)(wait_ns % NS_PER_SECOND);
		limit_or_none = &limit;
	}
	(void)wr_add_relaxed(&s->dir.submissions, 1u);
	return ring_result(
		s, io_uring_submit_and_wait_timeout(&s->ring, &entry, 1, limit_or_none, NULL));
}

static bool has_news(const struct wr_uring *s)
{
	return s->done_count > 0 || s->progress || s->woken;
}

/* Waits in the kernel until there is something to return for, or the time is over. */
static int wait_for_news(struct wr_uring *s, uint64_t wait_ns)
{
	uint64_t until_ns = 0;

	if (wait_ns != UINT64_MAX) {
		wait_ns = wr_min_u64(wait_ns, WAIT_NS_MAX);
		until_ns = now_ns() + wait_ns;
	}
	while (!has_news(s)) {
		int code = submit_and_wait(s, wait_ns);
		if (code < 0)
			return code;
		wr_uring_reap(s);
		collect(s);
		if (wait_ns == UINT64_MAX)
			continue;
		uint64_t now = now_ns();
		if (now >= until_ns)
			break;
		wait_ns = until_ns - now;
	}
	s->woken = false;
	return 0;
}

static int uring_poll(struct wr_storage *base, uint64_t wait_ns)
{
	struct wr_uring *s = (struct wr_uring *)base;
	int code;

	if (!s->entered)
		return s->broken < 0 ? s->broken : -EINVAL;
	s->done_count = 0;
	s->progress = false;
	collect(s);
	if (s->broken < 0)
		return s->done_count > 0 ? s->done_count : s->broken;
	if (wait_ns > 0 && !has_news(s)) {
		code = wait_for_news(s, wait_ns);
	} else {
		code = submit_queued(s);
		wr_uring_reap(s);
		collect(s);
		if (wait_ns > 0)
			s->woken = false;
	}
	if (code == 0 && s->follow_up)
		code = submit_queued(s);
	s->follow_up = false;
	return code < 0 && s->done_count == 0 ? code : s->done_count;
}

static int uring_submit(struct wr_storage *base, struct wr_io *io)
{
	struct wr_uring *s = (struct wr_uring *)base;
	int code = wr_dir_check(&s->dir, io);
	struct wr_dir_file *file;

	if (code < 0)
		return code;
	if (!s->entered)
		return -EINVAL;
	if (s->leaving)
		return WEIR_E_CLOSED;
	if (s->broken < 0)
		return s->broken;
	io->moved_bytes = 0;
	io->retry_count = 0;
	if (wr_io_is_for_helper(io)) {
		s->preparing++;
		wr_prepare_add(&s->prepare, io);
		return 0;
	}
	if (s->in_flight == base->depth_max)
		return -EAGAIN;
	/* The descriptor is the request's until wr_uring_tell_done(). */
	code = wr_dir_use(&s->dir, io->file, &file);
	if (code < 0)
		return code;
	io->slot = s->in_flight;
	s->asked[s->in_flight++] = io;
	code = io->kind == WR_IO_READ ? 0 : wr_dir_failed(file);
	if (code < 0) {
		io->result = code;
		wr_io_push(&s->refused, io);
	} else if (io->kind == WR_IO_SYNC) {
		wr_uring_ask_sync(s, io);
	} else {
		wr_uring_queue_transfer(s, io);
	}
	return 0;
}

/* On any thread. */
static void uring_wake(struct wr_storage *base)
{
	struct wr_uring *s = (struct wr_uring *)base;
	const uint64_t one = 1;

	/* IO2: pairs with the exchange in event_completed(). */
	if (wr_exchange_acq_rel(&s->wake_pending, 1u) != 0)
		return;
	while (write(s->event_fd, &one, sizeof one) < 0 && errno == EINTR)
		continue;
}

/* On the prepare thread. */
static void prepare_made(void *context)
{
	struct wr_uring *s = context;

	/* IO3: pairs with the exchange in collect(). */
	(void)wr_exchange_acq_rel(&s->made, 1u);
	uring_wake(&s->dir.base);
}

/*
 * A child of a fork() gets no part of the ring, whenever it is made: what the ring holds later, the
 * child would hold as well. So its descriptor is named from its first moment to its last.
 */
static int make_ring(struct wr_uring *s, char *reason, size_t reason_bytes)
{
	wr_fork_hold();
	int code = wr_uring_make(&s->ring, entries_for(s->dir.base.depth_max), s->any_thread,
				 &s->setup, reason, reason_bytes);
	s->ring_made = code == 0;
	if (code == 0)
		s->dir.held.ring_fd = s->ring.ring_fd;
	wr_fork_release();
	if (code == 0)
		(void)io_uring_ring_dontfork(&s->ring);
	return code;
}

static void end_ring(struct wr_uring *s)
{
	wr_fork_hold();
	if (s->ring_made)
		io_uring_queue_exit(&s->ring);
	s->ring_made = false;
	s->dir.held.ring_fd = -1;
	wr_fork_release();
}

/*
 * A ring outlives its process: what it has handed to a device may still be written when the process
 * is dead, the files that it had open are closed, and its lock would be free. The next owner may
 * not find the medium changing under it (L27). So the ring holds what is locked as well, and the
 * kernel lets go of that only when nothing is in flight any more.
 */
static void hold_lock(struct wr_uring *s)
{
	if (s->dir.held.lock_fds[WR_HELD_FILE] >= 0)
		(void)io_uring_register_files(&s->ring, s->dir.held.lock_fds, WR_HELD_LOCKS);
}

/* Nothing is in flight: the lock goes with its own descriptor again, at once. */
static void leave_lock(struct wr_uring *s)
{
	if (s->dir.held.lock_fds[WR_HELD_FILE] >= 0)
		(void)io_uring_unregister_files(&s->ring);
}

/*
 * The kernel's workers for what would block: how many, and on which CPUs. Both belong to the
 * calling thread and not to the ring, so the program's own threads (a close, a loop by hand) are
 * left as they are. There is a place to keep the CPUs from the thread's first submission on.
 *
 * Best effort: Linux before 5.15 has no limit, before 5.14 its workers go where they like.
 */
static void place_workers(struct wr_uring *s)
{
	unsigned workers[2] = {
		(unsigned)wr_min_u64(wr_max_u64(s->dir.base.depth_max, 2), WORKERS_MAX), 2};
	const struct wr_cpu_set *cpus = s->dir.helper_cpus;

	if (!wr_thread_is_own())
		return;
	(void)io_uring_register_iowq_max_workers(&s->ring, workers);
	if (cpus == NULL)
		return;
	wr_uring_arm_event(s);
	if (submit_queued(s) == 0)
		(void)io_uring_register_iowq_aff(&s->ring, sizeof *cpus,
						 (const cpu_set_t *)(const void *)cpus);
}

static int uring_enter(struct wr_storage *base)
{
	struct wr_uring *s = (struct wr_uring *)base;
	int code = 0;

	if (s->entered)
		return -EBUSY;
	if (s->broken < 0)
		return s->broken;
	if (!s->ring_made)
		code = make_ring(s, NULL, 0);
	if (code == 0 && s->setup.disabled)
		code = wr_uring_enable(&s->ring);
	if (code == 0 && !s->dir.read_only)
		code = wr_prepare_start(&s->prepare);
	if (code < 0) {
		end_ring(s);
		return code;
	}
	hold_lock(s);
	s->event_armed = false;
	s->woken = false;
	s->leaving = false;
	s->entered = true;
	place_workers(s);
	return 0;
}

/* Takes the armed read back: the kernel must not write to event_value once it is freed. */
static void disarm_event(struct wr_uring *s)
{
	const uint64_t one = 1;

	while (s->event_armed && s->broken == 0) {
		if (write(s->event_fd, &one, sizeof one) < 0 && errno != EINTR)
			return;
		if (submit_and_wait(s, NS_PER_SECOND) == 0)
			wr_uring_reap(s);
	}
}

/*
 * S10: nothing completes any more, so what is in flight is ended here. The prepare thread needs no
 * ring: it is waited for.
 */
static void give_up(struct wr_uring *s)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	s->refused = (struct wr_io_queue){0};
	for (uint32_t i = 0; i < s->dir.file_max; i++)
		s->files[i] = (struct wr_uring_file){0};
	while (s->in_flight > 0) {
		struct wr_io *io = s->asked[s->in_flight - 1];
		if (io->kind != WR_IO_READ)
			wr_dir_set_failed(wr_dir_file(&s->dir, io->file), s->broken);
		wr_uring_tell_done(s, io, s->broken);
	}
	while (s->preparing > 0) {
		collect(s);
		if (s->preparing > 0)
			(void)nanosleep(&moment, NULL);
	}
}

static int uring_leave(struct wr_storage *base)
{
	struct wr_uring *s = (struct wr_uring *)base;

	if (!s->entered)
		return -EINVAL;
	s->leaving = true;
	while (s->broken == 0 && (s->in_flight > 0 || s->preparing > 0))
		(void)uring_poll(base, UINT64_MAX);
	if (s->broken == 0)
		disarm_event(s);
	if (s->broken == 0)
		leave_lock(s);
	end_ring(s);
	if (s->broken < 0)
		give_up(s);
	s->entered = false;
	return s->broken;
}

static void uring_report(const struct wr_storage *base, struct wr_storage_report *ret_report)
{
	const struct wr_uring *s = (const struct wr_uring *)base;
	size_t used;

	wr_dir_report(&s->dir, "io_uring", ret_report);
	used = strnlen(ret_report->reason, sizeof ret_report->reason - 1);
	(void)snprintf(ret_report->reason + used, sizeof ret_report->reason - used,
		       "; io_uring: %s", s->setup.name);
}

static void uring_fini(struct wr_storage *base)
{
	struct wr_uring *s = (struct wr_uring *)base;

	if (s->entered)
		(void)uring_leave(base);
	wr_prepare_fini(&s->prepare);
	end_ring(s);
	(void)close(s->event_fd);
	wr_dir_fini(&s->dir);
	wr_held_remove(&s->dir.held, s->broken == 0);
	free(s->files);
	free(s);
}

static const struct wr_storage_ops uring_ops = {
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
	.enter = uring_enter,
	.leave = uring_leave,
	.submit = uring_submit,
	.poll = uring_poll,
	.wake = uring_wake,
	.report = uring_report,
	.counts = wr_dir_counts,
	.fini = uring_fini,
};

int wr_storage_uring_open(const struct wr_storage_options *options, struct wr_storage **ret)
{
	uint32_t depth = options->depth_max != 0 ? options->depth_max : WR_STORAGE_URING_DEPTH;

	struct wr_uring *s = calloc(1, sizeof *s);
	if (s == NULL)
		return -ENOMEM;
	int code = -ENOMEM;
	wr_held_add(&s->dir.held);
	s->any_thread = options->any_thread;
	s->dir.base.ops = &uring_ops;
	s->dir.base.depth_max = (uint32_t)wr_min_u64(depth, WR_STORAGE_DEPTH_MAX);
	/* Before the directory: where there is no io_uring its reason is the one to tell. */
	code = make_ring(s, options->ret_reason, options->reason_bytes);
	if (code < 0)
		goto fail_storage;
	s->event_fd = eventfd(0, EFD_CLOEXEC);
	if (s->event_fd < 0) {
		code = -errno;
		wr_dir_reason(options, "no eventfd", code);
		goto fail_ring;
	}
	code = wr_dir_init(&s->dir, options);
	if (code < 0)
		goto fail_event;
	code = -ENOMEM;
	s->files = calloc(s->dir.file_max, sizeof *s->files);
	if (s->files == NULL)
		goto fail_dir;
	code = wr_prepare_init(&s->prepare, &s->dir, prepare_made, s);
	if (code < 0)
		goto fail_dir;
	*ret = &s->dir.base;
	return 0;

fail_dir:
	free(s->files);
	wr_dir_fini(&s->dir);
fail_event:
	(void)close(s->event_fd);
fail_ring:
	end_ring(s);
fail_storage:
	wr_held_remove(&s->dir.held, true);
	free(s);
	return code;
}
