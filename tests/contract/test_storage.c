/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of core/port/storage.h, rule by rule, over every backend. What is not a numbered
 * rule (files, limits, locks) is test_storage_files.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <weir/error.h>

#include "io/posix/dir.h"
#include "tests/contract/contract.h"

#define FILE_BYTES (16u * BLOCK)

/* S1 */

static bool inside_submit;
static bool told_inside_submit;

static void s1_done(struct wr_io *io)
{
	((struct request *)io)->done_count++;
	told_inside_submit |= inside_submit;
}

CONTRACT(s1_submit_never_tells_only_poll_does)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *block = new_blocks(1, 1);

	for (int i = 0; i < 20; i++) {
		struct request r = request_of(WR_IO_WRITE, file, block, BLOCK, 0);
		r.io.done = s1_done;
		inside_submit = true;
		cr_assert_eq(w->ops->submit(w->s, &r.io), 0);
		inside_submit = false;
		/* Time for an engine that would complete by itself. */
		const struct timespec pause = {.tv_nsec = 200000};
		(void)nanosleep(&pause, NULL);
		cr_assert_eq(r.done_count, 0, "done() ran outside poll()");
		cr_assert_eq(request_wait(w, &r), 0);
	}
	cr_assert(!told_inside_submit);
	free(block);
}

/* S2 */

CONTRACT(s2_many_in_flight_are_all_acknowledged_once)
{
	enum { COUNT = 400, SLOTS = 64 };
	uint32_t file = world_prepare(w, "a", SLOTS * BLOCK);
	uint8_t *blocks = new_blocks(SLOTS, 3);
	struct request *r = calloc(COUNT, sizeof *r);
	bool busy[SLOTS] = {false};
	int of_slot[SLOTS];
	int done = 0;
	int next = 0;

	while (done < COUNT) {
		while (next < COUNT) {
			int slot = next % SLOTS;
			if (busy[slot] && r[of_slot[slot]].done_count == 0)
				break;
			r[next] = request_of(WR_IO_WRITE, file, blocks + slot * (int)BLOCK, BLOCK,
					     (uint64_t)slot * BLOCK);
			r[next].io.flags = next % 3 == 0 ? 0 : WR_IO_DURABLE;
			if (w->ops->submit(w->s, &r[next].io) == -EAGAIN)
				break;
			busy[slot] = true;
			of_slot[slot] = next++;
		}
		int n = w->ops->poll(w->s, WAIT_LONG_NS);
		cr_assert_geq(n, 0);
		done += n;
	}
	for (int i = 0; i < COUNT; i++) {
		cr_assert_eq(r[i].done_count, 1);
		cr_assert_eq(r[i].io.result, 0);
	}
	uint8_t *back = new_blocks(SLOTS, 0);
	cr_assert_eq(w->ops->read(w->s, file, back, SLOTS * BLOCK, 0), SLOTS * BLOCK);
	cr_assert_arr_eq(back, blocks, SLOTS * BLOCK);
	free(back);
	free(r);
	free(blocks);
}

CONTRACT(s2_done_may_submit_again)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *block = new_blocks(1, 9);
	/* The same request, given back and used again at once. */
	struct request r = request_of(WR_IO_WRITE, file, block, BLOCK, 0);

	for (int i = 1; i <= 50; i++) {
		cr_assert_eq(w->ops->submit(w->s, &r.io), 0);
		while (r.done_count < i)
			cr_assert_geq(w->ops->poll(w->s, WAIT_LONG_NS), 0);
	}
	cr_assert_eq(r.done_count, 50);
	free(block);
}

/* S3 */

CONTRACT(s3_a_short_write_is_finished_or_an_error)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *blocks = new_blocks(4, 5);
	struct rlimit limit = {.rlim_cur = BLOCK + 2048, .rlim_max = RLIM_INFINITY};

	if (!world_is_real(w)) {
		free(blocks);
		world_skip(w, "no short transfers in the simulation");
	}
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	/* The kernel writes 6144 bytes of it; the rest cannot be written. */
	struct request r = request_of(WR_IO_WRITE, file, blocks, 4 * BLOCK, 0);
	cr_assert_eq(request_run(w, &r), -EFBIG);
	/* Of a direct write to a limit that no sector ends at it makes an uneven length. */
	uint32_t other = world_prepare(w, "b", BLOCK);
	limit.rlim_cur = BLOCK + 100;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = request_of(WR_IO_WRITE, other, blocks, 4 * BLOCK, 0);
	cr_assert_eq(request_run(w, &r), -EFBIG);
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	uint8_t *back = new_blocks(4, 0);
	cr_assert_eq(w->ops->read(w->s, file, back, 4 * BLOCK, 0), 4 * BLOCK);
	cr_assert_arr_eq(back, blocks, BLOCK + 2048, "the first part was not written");
	cr_assert_eq(back[BLOCK + 2048], 0);
	free(back);
	free(blocks);
}

CONTRACT(s3_a_read_beyond_the_end_is_an_error_not_a_short_success)
{
	uint32_t file = world_prepare(w, "a", 2 * BLOCK);
	uint8_t *blocks = new_blocks(4, 5);
	struct request r = request_of(WR_IO_READ, file, blocks, 2 * BLOCK, 0);

	cr_assert_eq(request_run(w, &r), 0);
	r = request_of(WR_IO_READ, file, blocks, 4 * BLOCK, 0);
	cr_assert_eq(request_run(w, &r), -ENODATA);
	r = request_of(WR_IO_READ, file, blocks, BLOCK, 8 * BLOCK);
	cr_assert_eq(request_run(w, &r), -ENODATA);
	/* A failed read is not final. */
	r = request_of(WR_IO_WRITE, file, blocks, BLOCK, 0);
	cr_assert_eq(request_run(w, &r), 0);
	free(blocks);
}

/* S4 */

CONTRACT(s4_written_comes_once_and_before_done)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *block = new_blocks(1, 1);
	struct wr_storage_report report;

	w->ops->report(w->s, &report);
	for (uint32_t i = 0; i < 16; i++) {
		struct request r = request_of(WR_IO_WRITE, file, block, BLOCK, i * BLOCK);
		cr_assert_eq(request_run(w, &r), 0);
		cr_assert_eq(r.written_count, 1);
		cr_assert(r.written_before_done);
		cr_assert_eq(r.done_count, 1);
		r = request_of(WR_IO_WRITE, file, block, BLOCK, i * BLOCK);
		r.io.written = NULL;
		cr_assert_eq(request_run(w, &r), 0);
	}
	if (world_is_apart(w))
		cr_assert(!report.written_equals_durable);
	free(block);
}

CONTRACT(s4_each_durable_write_is_synced)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *block = new_blocks(1, 1);
	struct wr_storage_counts before;
	struct wr_storage_counts after;

	w->ops->counts(w->s, &before);
	for (uint32_t i = 0; i < 8; i++) {
		struct request r = request_of(WR_IO_WRITE, file, block, BLOCK, i * BLOCK);
		cr_assert_eq(request_run(w, &r), 0);
	}
	w->ops->counts(w->s, &after);
	cr_assert_eq(after.syncs - before.syncs, 8);
	cr_assert_eq(after.writes - before.writes, 8);
	cr_assert_eq(after.written_bytes - before.written_bytes, 8 * BLOCK);
	cr_assert_geq(after.submissions - before.submissions, 8);
	/* Without the flag none is asked for, and one SYNC then does for all. */
	for (uint32_t i = 0; i < 8; i++) {
		struct request r = request_of(WR_IO_WRITE, file, block, BLOCK, i * BLOCK);
		r.io.flags = 0;
		cr_assert_eq(request_run(w, &r), 0);
	}
	w->ops->counts(w->s, &before);
	cr_assert_eq(before.syncs, after.syncs);
	struct request sync = request_of(WR_IO_SYNC, file, NULL, 0, 0);
	cr_assert_eq(request_run(w, &sync), 0);
	w->ops->counts(w->s, &after);
	cr_assert_eq(after.syncs, before.syncs + 1);
	free(block);
}

/* S5 */

CONTRACT(s5_a_failed_write_is_final_for_its_file_only)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint32_t other = world_prepare(w, "b", FILE_BYTES);
	uint8_t *block = new_blocks(1, 77);
	struct rlimit limit = {.rlim_cur = 4 * BLOCK, .rlim_max = RLIM_INFINITY};
	int expected = world_is_real(w) ? -EFBIG : -EIO;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (world_is_real(w))
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	else
		wr_sim_disk_trip_at(w->disk, 1, -EIO);
	struct request r = request_of(WR_IO_WRITE, file, block, BLOCK, 8 * BLOCK);
	cr_assert_eq(request_run(w, &r), expected);
	cr_assert_eq(r.written_count, 0);
	limit.rlim_cur = RLIM_INFINITY;
	if (world_is_real(w))
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);

	r = request_of(WR_IO_WRITE, file, block, BLOCK, 0);
	cr_assert_eq(request_run(w, &r), expected, "a write after a failed one");
	r = request_of(WR_IO_SYNC, file, NULL, 0, 0);
	cr_assert_eq(request_run(w, &r), expected, "a sync after a failed write");
	cr_assert_eq(w->ops->write(w->s, file, block, BLOCK, 0), expected);
	cr_assert_eq(w->ops->sync_file(w->s, file), expected);
	/* Not touched, and reads go on. */
	uint8_t *back = new_blocks(1, 0);
	r = request_of(WR_IO_READ, file, back, BLOCK, 0);
	cr_assert_eq(request_run(w, &r), 0);
	cr_assert_eq(back[1], 0);
	cr_assert_eq(w->ops->read(w->s, file, back, BLOCK, 0), BLOCK);
	r = request_of(WR_IO_WRITE, other, block, BLOCK, 0);
	cr_assert_eq(request_run(w, &r), 0, "another file is not concerned");
	free(back);
	free(block);
}

/* Puts another file in the place of an open one: /dev/null takes writes and cannot be synced. */
static int put_in_place(struct world *w, uint32_t file, const char *path)
{
	const int fd = ((struct wr_dir *)w->s)->files[file].fd;
	const int saved = dup(fd);
	const int other = open(path, O_RDWR | O_CLOEXEC);

	cr_assert(saved >= 0 && other >= 0);
	cr_assert_geq(dup2(other, fd), 0);
	(void)close(other);
	return saved;
}

static void put_back(struct world *w, uint32_t file, int saved)
{
	cr_assert_geq(dup2(saved, ((struct wr_dir *)w->s)->files[file].fd), 0);
	(void)close(saved);
}

CONTRACT(s5_a_write_whose_sync_fails_was_written_and_is_not_durable)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *block = new_blocks(1, 77);
	int expected = world_is_real(w) ? -EINVAL : -EIO;
	int saved = -1;

	if (!world_is_apart(w)) {
		free(block);
		world_skip(w, "the sync is in the write");
	}
	if (world_is_real(w))
		saved = put_in_place(w, file, "/dev/null");
	else
		w->disk->plan.chance_ppm[WR_FAULT_SYNC_ERROR] = 1000000;
	struct request r = request_of(WR_IO_WRITE, file, block, BLOCK, 0);
	cr_assert_eq(request_run(w, &r), expected);
	cr_assert_eq(r.written_count, 1, "the engine knew before the sync");
	cr_assert(r.written_before_done);
	if (world_is_real(w))
		put_back(w, file, saved);
	else
		wr_fault_plan_heal(&w->disk->plan);
	r = request_of(WR_IO_WRITE, file, block, BLOCK, 0);
	cr_assert_eq(request_run(w, &r), expected);
	cr_assert_eq(r.written_count, 0);
	free(block);
}

CONTRACT(s5_a_failed_sync_is_final)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *block = new_blocks(1, 77);
	int expected = world_is_real(w) ? -EINVAL : -EIO;
	int saved = -1;

	if (world_is_real(w))
		saved = put_in_place(w, file, "/dev/null");
	else
		w->disk->plan.chance_ppm[WR_FAULT_SYNC_ERROR] = 1000000;
	struct request r = request_of(WR_IO_SYNC, file, NULL, 0, 0);
	cr_assert_eq(request_run(w, &r), expected);
	if (world_is_real(w))
		put_back(w, file, saved);
	else
		wr_fault_plan_heal(&w->disk->plan);

	/* Now the medium would say 0: nobody may ask it. */
	r = request_of(WR_IO_SYNC, file, NULL, 0, 0);
	cr_assert_eq(request_run(w, &r), expected);
	/* Not even then does submit() tell (S1). */
	r = request_of(WR_IO_WRITE, file, block, BLOCK, 0);
	cr_assert_eq(w->ops->submit(w->s, &r.io), 0);
	cr_assert_eq(r.done_count, 0);
	cr_assert_eq(request_wait(w, &r), expected);
	cr_assert_eq(r.written_count, 0);
	uint8_t *back = new_blocks(1, 0);
	r = request_of(WR_IO_READ, file, back, BLOCK, 0);
	cr_assert_eq(request_run(w, &r), 0);
	cr_assert_eq(back[1], 0, "the refused write touched the medium");
	/* Opening it again is a new life (recovery decides what is there). */
	cr_assert_eq(w->ops->file_close(w->s, file), 0);
	cr_assert_eq(w->ops->file_open(w->s, "a", 0, &file), 0);
	r = request_of(WR_IO_WRITE, file, block, BLOCK, 0);
	cr_assert_eq(request_run(w, &r), 0);
	free(back);
	free(block);
}

/* S6 */

CONTRACT(s6_what_is_not_aligned_is_refused_by_submit)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *blocks = new_blocks(3, 1);
	const struct {
		uint32_t kind;
		uint32_t shift;
		uint32_t length_bytes;
		uint64_t offset_bytes;
	} bad[] = {
		{WR_IO_WRITE, 0, BLOCK, 512},
		{WR_IO_WRITE, 0, BLOCK, BLOCK - 1},
		{WR_IO_WRITE, 0, 512, 0},
		{WR_IO_WRITE, 0, BLOCK + 1, 0},
		{WR_IO_WRITE, 0, 0, 0},
		{WR_IO_WRITE, 512, BLOCK, 0},
		{WR_IO_WRITE, 8, BLOCK, 0},
		{WR_IO_WRITE, 0, BLOCK, UINT64_MAX - BLOCK + 1},
		{WR_IO_READ, 0, BLOCK, 512},
		{WR_IO_READ, 0, 100, 0},
		{WR_IO_READ, 1, BLOCK, 0},
		{99, 0, BLOCK, 0},
		{0, 0, BLOCK, 0},
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct request r = request_of(bad[i].kind, file, blocks + bad[i].shift,
					      bad[i].length_bytes, bad[i].offset_bytes);
		cr_assert_eq(w->ops->submit(w->s, &r.io), -EINVAL, "case %zu", i);
		(void)w->ops->poll(w->s, 0);
		cr_assert_eq(r.done_count, 0);
	}
	struct request r = request_of(WR_IO_WRITE, file, blocks, BLOCK, 0);
	r.io.done = NULL;
	cr_assert_eq(w->ops->submit(w->s, &r.io), -EINVAL);
	r = request_of(WR_IO_WRITE, 4000, blocks, BLOCK, 0);
	cr_assert_eq(w->ops->submit(w->s, &r.io), -EBADF);
	r = request_of(WR_IO_WRITE, UINT32_MAX, blocks, BLOCK, 0);
	cr_assert_eq(w->ops->submit(w->s, &r.io), -EBADF);
	free(blocks);
}

/* S7 */

CONTRACT(s7_prepare_gives_a_file_of_written_zeros)
{
	uint32_t file = world_prepare(w, "segment", 300 * BLOCK);
	uint64_t bytes = 0;
	uint8_t *back = new_blocks(300, 1);

	cr_assert_eq(w->ops->file_bytes(w->s, file, &bytes), 0);
	cr_assert_eq(bytes, 300 * BLOCK);
	cr_assert_eq(w->ops->read(w->s, file, back, 300 * BLOCK, 0), 300 * BLOCK);
	for (size_t i = 0; i < 300 * BLOCK; i++)
		cr_assert_eq(back[i], 0);
	/* And the number can be written to. */
	struct request r = request_of(WR_IO_WRITE, file, back, BLOCK, 299 * BLOCK);
	cr_assert_eq(request_run(w, &r), 0);
	free(back);
}

CONTRACT(s7_prepare_writes_over_a_file_of_that_size_and_no_other)
{
	uint32_t file = world_prepare(w, "a", 4 * BLOCK);
	uint8_t *blocks = new_blocks(4, 1);
	uint64_t bytes = 0;

	struct request r = request_of(WR_IO_WRITE, file, blocks, 4 * BLOCK, 0);
	cr_assert_eq(request_run(w, &r), 0);
	cr_assert_eq(w->ops->file_close(w->s, file), 0);

	r = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
	r.io.name = "a";
	r.io.file_bytes = 8 * BLOCK;
	cr_assert_eq(request_run(w, &r), -EEXIST);
	cr_assert_eq(w->ops->file_open(w->s, "a", WR_FILE_READ_ONLY, &file), 0);
	cr_assert_eq(w->ops->file_bytes(w->s, file, &bytes), 0);
	cr_assert_eq(bytes, 4 * BLOCK);
	uint8_t *back = new_blocks(4, 0);
	cr_assert_eq(w->ops->read(w->s, file, back, 4 * BLOCK, 0), 4 * BLOCK);
	cr_assert_arr_eq(back, blocks, 4 * BLOCK, "a file of another size was touched");
	cr_assert_eq(w->ops->file_close(w->s, file), 0);

	file = world_prepare(w, "a", 4 * BLOCK);
	cr_assert_eq(w->ops->read(w->s, file, back, 4 * BLOCK, 0), 4 * BLOCK);
	for (size_t i = 0; i < 4 * BLOCK; i++)
		cr_assert_eq(back[i], 0);
	free(back);
	free(blocks);
}

CONTRACT(s7_prepare_refuses_what_is_no_file)
{
	static const char *const names[] = {
		"",     ".",  "..",
		"a/b",  "/a", "../a",
		"LOCK", NULL, "a-name-of-sixty-four-characters-is-one-longer-than-the-limit-ok!",
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct request r = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
		r.io.name = names[i];
		r.io.file_bytes = BLOCK;
		cr_assert_eq(w->ops->submit(w->s, &r.io), -EINVAL, "name %zu", i);
	}
	const uint64_t sizes[] = {0, 1, BLOCK - 1, BLOCK + 512, UINT64_MAX - BLOCK + 1};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct request r = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
		r.io.name = "a";
		r.io.file_bytes = sizes[i];
		cr_assert_eq(w->ops->submit(w->s, &r.io), -EINVAL, "size %zu", i);
	}
}

/* S8 */

static void *wake_soon(void *argument)
{
	struct world *w = argument;
	const struct timespec pause = {.tv_nsec = 30000000};

	(void)nanosleep(&pause, NULL);
	w->ops->wake(w->s);
	return NULL;
}

CONTRACT(s8_a_wake_from_another_thread_ends_a_wait)
{
	pthread_t thread;

	if (!world_is_real(w)) {
		w->ops->wake(w->s);
		cr_assert_eq(w->ops->poll(w->s, UINT64_MAX), 0);
		cr_assert_eq(w->disk->stall_count, 0);
		return;
	}
	for (int i = 0; i < 5; i++) {
		uint64_t start_ns = real_now_ns();
		cr_assert_eq(pthread_create(&thread, NULL, wake_soon, w), 0);
		cr_assert_eq(w->ops->poll(w->s, i == 0 ? WAIT_LONG_NS : UINT64_MAX), 0);
		cr_assert_geq(real_now_ns() - start_ns, 20000000, "it did not wait");
		cr_assert_lt(real_now_ns() - start_ns, WAIT_LONG_NS / 2);
		(void)pthread_join(thread, NULL);
	}
}

/* The time that a poll took: real, or simulated. */
static uint64_t poll_takes_ns(struct world *w, uint64_t wait_ns)
{
	uint64_t start_ns = world_is_real(w) ? real_now_ns() : w->disk->clock->mono_ns;

	cr_assert_eq(w->ops->poll(w->s, wait_ns), 0);
	return (world_is_real(w) ? real_now_ns() : w->disk->clock->mono_ns) - start_ns;
}

CONTRACT(s8_a_wake_before_the_wait_is_kept_and_not_counted)
{
	const uint64_t wait_ns = 60000000;

	cr_assert_geq(poll_takes_ns(w, wait_ns), wait_ns * 9 / 10);
	w->ops->wake(w->s);
	w->ops->wake(w->s);
	w->ops->wake(w->s);
	/* A poll that would not wait leaves it to the next that would. */
	(void)poll_takes_ns(w, 0);
	cr_assert_lt(poll_takes_ns(w, WAIT_LONG_NS), WAIT_LONG_NS / 2);
	cr_assert_geq(poll_takes_ns(w, wait_ns), wait_ns * 9 / 10, "wakes were counted");
}

/* S9 */

CONTRACT(s9_leave_waits_for_all_in_flight)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *blocks = new_blocks(8, 1);
	struct request r[9];
	uint32_t count = w->s->depth_max < 8 ? w->s->depth_max : 8;

	for (uint32_t i = 0; i < count; i++) {
		r[i] = request_of(WR_IO_WRITE, file, blocks + i * BLOCK, BLOCK, i * BLOCK);
		cr_assert_eq(w->ops->submit(w->s, &r[i].io), 0);
	}
	r[8] = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
	r[8].io.name = "b";
	r[8].io.file_bytes = 64 * BLOCK;
	cr_assert_eq(w->ops->submit(w->s, &r[8].io), 0);
	cr_assert_eq(w->ops->leave(w->s), 0);
	for (uint32_t i = 0; i < count; i++) {
		cr_assert_eq(r[i].done_count, 1);
		cr_assert_eq(r[i].io.result, 0);
	}
	cr_assert_eq(r[8].done_count, 1);
	cr_assert_eq(r[8].io.result, 0);
	/* Outside, nothing is taken; and it can be entered again. */
	r[0] = request_of(WR_IO_WRITE, file, blocks, BLOCK, 0);
	cr_assert_eq(w->ops->submit(w->s, &r[0].io), -EINVAL);
	cr_assert_lt(w->ops->poll(w->s, 0), 0);
	cr_assert_eq(w->ops->enter(w->s), 0);
	cr_assert_eq(request_run(w, &r[0]), 0);
	free(blocks);
}

CONTRACT(s9_fini_waits_for_all_in_flight)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *block = new_blocks(1, 1);
	struct request r = request_of(WR_IO_WRITE, file, block, BLOCK, 0);
	struct request p = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);

	p.io.name = "b";
	p.io.file_bytes = 256 * BLOCK;
	cr_assert_eq(w->ops->submit(w->s, &p.io), 0);
	cr_assert_eq(w->ops->submit(w->s, &r.io), 0);
	world_reopen(w);
	cr_assert_eq(r.done_count, 1);
	cr_assert_eq(r.io.result, 0);
	cr_assert_eq(p.done_count, 1);
	cr_assert_eq(p.io.result, 0);
	cr_assert_eq(w->ops->file_open(w->s, "b", 0, &file), 0);
	free(block);
}

static void *use_elsewhere(void *argument)
{
	struct world *w = argument;
	uint32_t file;

	if (w->ops->enter(w->s) != 0)
		return argument;
	file = world_prepare(w, "elsewhere", FILE_BYTES);
	if (w->ops->file_close(w->s, file) != 0 || w->ops->leave(w->s) != 0)
		return argument;
	return NULL;
}

CONTRACT(s9_another_thread_may_enter_after_leave)
{
	pthread_t thread;
	void *failed = NULL;

	cr_assert_eq(w->ops->enter(w->s), -EBUSY);
	cr_assert_eq(w->ops->leave(w->s), 0);
	cr_assert_eq(pthread_create(&thread, NULL, use_elsewhere, w), 0);
	cr_assert_eq(pthread_join(thread, &failed), 0);
	cr_assert_null(failed);
	cr_assert_eq(w->ops->enter(w->s), 0);
	(void)world_prepare(w, "back", FILE_BYTES);
}
