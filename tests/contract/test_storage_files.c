/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rest of the storage contract, over every backend: files and names, the blocking calls, the
 * lock, reading without permission to write, the limits of the system.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/error.h>

#include "core/base/atomic.h"
#include "tests/contract/contract.h"

#define FILE_BYTES (16u * BLOCK)

CONTRACT(a_request_beyond_the_depth_is_refused_and_nothing_happened)
{
	const uint32_t depth = w->s->depth_max;
	uint32_t file = world_prepare(w, "a", 64 * BLOCK);
	uint8_t *block = new_blocks(1, 1);
	struct request *r = calloc(depth + 1, sizeof *r);
	struct request prepared[4];

	cr_assert(depth > 0 && depth <= 64);
	for (uint32_t i = 0; i <= depth; i++) {
		r[i] = request_of(WR_IO_WRITE, file, block, BLOCK, (uint64_t)i % 64 * BLOCK);
		cr_assert_eq(w->ops->submit(w->s, &r[i].io), i < depth ? 0 : -EAGAIN);
	}
	/* PREPAREs are not counted. */
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = {"p0", "p1", "p2", "p3"};
		prepared[i] = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
		prepared[i].io.name = names[i];
		prepared[i].io.file_bytes = BLOCK;
		cr_assert_eq(w->ops->submit(w->s, &prepared[i].io), 0);
	}
	for (uint32_t i = 0; i < depth; i++)
		cr_assert_eq(request_wait(w, &r[i]), 0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(request_wait(w, &prepared[i]), 0);
	cr_assert_eq(r[depth].done_count, 0);
	cr_assert_eq(request_run(w, &r[depth]), 0);
	free(r);
	free(block);
}

static int count_names(void *context, const char *name)
{
	int *count = context;

	cr_assert_neq(strcmp(name, "LOCK"), 0, "the lock is not the caller's file");
	(*count)++;
	return 0;
}

static int stop_at_once(void *context, const char *name)
{
	(void)name;
	(*(int *)context)++;
	return 7;
}

CONTRACT(files_are_made_found_listed_and_removed)
{
	uint32_t file;
	uint32_t again;
	uint64_t bytes = 1;
	int count = 0;

	cr_assert_eq(w->ops->lock(w->s), 0);
	cr_assert_eq(w->ops->file_open(w->s, "a", 0, &file), -ENOENT);
	cr_assert_eq(w->ops->file_open(w->s, "a", WR_FILE_CREATE, &file), 0);
	cr_assert_eq(w->ops->file_bytes(w->s, file, &bytes), 0);
	cr_assert_eq(bytes, 0);
	cr_assert_eq(w->ops->file_open(w->s, "a", WR_FILE_CREATE | WR_FILE_EXCLUSIVE, &again),
		     -EEXIST);
	cr_assert_eq(w->ops->file_open(w->s, "a", WR_FILE_CREATE, &again), 0);
	cr_assert_neq(file, again);
	cr_assert_eq(w->ops->file_open(w->s, "b", WR_FILE_CREATE | WR_FILE_EXCLUSIVE, &again), 0);
	cr_assert_eq(w->ops->sync_dir(w->s), 0);
	cr_assert_eq(w->ops->file_each(w->s, count_names, &count), 0);
	cr_assert_eq(count, 2);
	count = 0;
	cr_assert_eq(w->ops->file_each(w->s, stop_at_once, &count), 7);
	cr_assert_eq(count, 1);
	cr_assert_eq(w->ops->file_close(w->s, file), 0);
	cr_assert_eq(w->ops->file_close(w->s, file), -EBADF);
	cr_assert_eq(w->ops->file_bytes(w->s, file, &bytes), -EBADF);
	cr_assert_eq(w->ops->file_remove(w->s, "a"), 0);
	cr_assert_eq(w->ops->file_remove(w->s, "a"), -ENOENT);
	count = 0;
	cr_assert_eq(w->ops->file_each(w->s, count_names, &count), 0);
	cr_assert_eq(count, 1);
}

CONTRACT(names_that_lead_elsewhere_are_refused)
{
	static const char *const names[] = {
		"", ".", "..", "a/b", "../a", "/a", "LOCK",
		"a-name-of-sixty-four-characters-is-one-longer-than-the-limit-ok!",
	};
	uint32_t file;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		cr_assert_eq(w->ops->file_open(w->s, names[i], WR_FILE_CREATE, &file), -EINVAL);
		cr_assert_eq(w->ops->file_remove(w->s, names[i]), -EINVAL);
	}
	cr_assert_eq(w->ops->file_open(w->s, NULL, WR_FILE_CREATE, &file), -EINVAL);
	/* The longest that is taken. */
	const char *longest = "a-name-of-sixty-three-characters-is-the-longest-that-is-allowed";
	cr_assert_eq(strlen(longest), WR_STORAGE_NAME_MAX);
	cr_assert_eq(w->ops->file_open(w->s, longest, WR_FILE_CREATE, &file), 0);
	if (world_is_real(w)) {
		char path[400];
		world_path(w, "link", path, sizeof path);
		cr_assert_eq(symlink("/dev/null", path), 0);
		cr_assert_eq(w->ops->file_open(w->s, "link", WR_FILE_CREATE, &file), -ELOOP);
		(void)unlink(path);
		world_path(w, "fifo", path, sizeof path);
		cr_assert_eq(mkfifo(path, 0600), 0);
		cr_assert_eq(w->ops->file_open(w->s, "fifo", WR_FILE_READ_ONLY, &file), -EINVAL);
		int count = 0;
		cr_assert_eq(w->ops->file_each(w->s, count_names, &count), 0);
		cr_assert_eq(count, 1);
		(void)unlink(path);
	}
}

CONTRACT(blocking_reads_and_writes_take_any_alignment)
{
	uint8_t *blocks = new_blocks(10, 1);
	uint8_t *back = new_blocks(10, 0);
	uint64_t bytes = 0;
	uint32_t file;

	cr_assert_eq(w->ops->file_open(w->s, "a", WR_FILE_CREATE, &file), 0);
	cr_assert_eq(w->ops->write(w->s, file, blocks, 8 * BLOCK, 0), 0);
	cr_assert_eq(w->ops->write(w->s, file, blocks + 5, 700, 8 * BLOCK + 100), 0);
	cr_assert_eq(w->ops->write(w->s, file, blocks + 1, BLOCK, BLOCK), 0);
	cr_assert_eq(w->ops->file_bytes(w->s, file, &bytes), 0);
	cr_assert_eq(bytes, 8 * BLOCK + 800);
	cr_assert_eq(w->ops->read(w->s, file, back, 10 * BLOCK, 0), 8 * BLOCK + 800);
	cr_assert_arr_eq(back, blocks, BLOCK);
	cr_assert_arr_eq(back + BLOCK, blocks + 1, BLOCK);
	cr_assert_arr_eq(back + 2 * BLOCK, blocks + 2 * BLOCK, 6 * BLOCK);
	for (uint32_t i = 0; i < 100; i++)
		cr_assert_eq(back[8 * BLOCK + i], 0, "a gap reads as zeros");
	cr_assert_arr_eq(back + 8 * BLOCK + 100, blocks + 5, 700);
	/* Any part, into any place; at the end what there is. */
	for (uint32_t at = 2 * BLOCK + 3; at < bytes; at += 1237) {
		const uint32_t n = at + 5000 > bytes ? (uint32_t)bytes - at : 5000;
		memset(back, 0, 10 * BLOCK);
		cr_assert_eq(w->ops->read(w->s, file, back + 3, 5000, at), n);
		if (at + n <= 8 * BLOCK)
			cr_assert_arr_eq(back + 3, blocks + at, n);
	}
	cr_assert_eq(w->ops->read(w->s, file, back, BLOCK, bytes), 0);
	cr_assert_eq(w->ops->read(w->s, file, back, BLOCK, bytes + 12345), 0);
	cr_assert_eq(w->ops->read(w->s, file, back, 100, bytes - 50), 50);
	cr_assert_eq(w->ops->read(w->s, file, back, BLOCK, UINT64_MAX), -EINVAL);
	cr_assert_eq(w->ops->write(w->s, file, back, BLOCK, UINT64_MAX - 5), -EINVAL);
	cr_assert_eq(w->ops->read(w->s, 4000, back, BLOCK, 0), -EBADF);
	cr_assert_eq(w->ops->write(w->s, 4000, back, BLOCK, 0), -EBADF);
	cr_assert_eq(w->ops->sync_file(w->s, 4000), -EBADF);
	cr_assert_eq(w->ops->sync_file(w->s, file), 0);
	free(back);
	free(blocks);
}

CONTRACT(a_blocking_write_is_synced)
{
	struct wr_storage_counts before;
	struct wr_storage_counts after;
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *blocks = new_blocks(2, 1);

	for (uint32_t shift = 0; shift < 3; shift++) {
		w->ops->counts(w->s, &before);
		cr_assert_eq(w->ops->write(w->s, file, blocks + shift, BLOCK, shift), 0);
		w->ops->counts(w->s, &after);
		cr_assert_eq(after.syncs, before.syncs + 1);
	}
	free(blocks);
}

CONTRACT(what_was_written_is_there_after_opening_again)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *blocks = new_blocks(2, 42);
	uint8_t *back = new_blocks(2, 0);

	struct request r = request_of(WR_IO_WRITE, file, blocks, 2 * BLOCK, 3 * BLOCK);
	cr_assert_eq(request_run(w, &r), 0);
	world_reopen(w);
	cr_assert_eq(w->ops->file_open(w->s, "a", WR_FILE_READ_ONLY, &file), 0);
	cr_assert_eq(w->ops->read(w->s, file, back, 2 * BLOCK, 3 * BLOCK), 2 * BLOCK);
	cr_assert_arr_eq(back, blocks, 2 * BLOCK);
	/* A file opened for reading is not written to. */
	r = request_of(WR_IO_WRITE, file, blocks, BLOCK, 0);
	cr_assert_eq(w->ops->submit(w->s, &r.io), -EROFS);
	cr_assert_eq(w->ops->write(w->s, file, blocks, BLOCK, 0), -EROFS);
	r = request_of(WR_IO_READ, file, back, BLOCK, 3 * BLOCK);
	cr_assert_eq(request_run(w, &r), 0);
	cr_assert_arr_eq(back, blocks, BLOCK);
	free(back);
	free(blocks);
}

CONTRACT(the_lock_keeps_others_out_until_fini)
{
	struct wr_storage *other;

	cr_assert_eq(w->ops->lock(w->s), 0);
	cr_assert_eq(w->ops->lock(w->s), WEIR_E_LOCKED);
	cr_assert_eq(world_open_other(w, false, &other), 0);
	cr_assert_eq(other->ops->lock(other), WEIR_E_LOCKED, "a second of the same process");
	other->ops->fini(other);
	if (world_is_real(w)) {
		/* Another process; it leaves by _exit, with nothing cleaned up. */
		pid_t child = fork();
		cr_assert_geq(child, 0);
		if (child == 0) {
			int code = world_open_other(w, false, &other);
			_exit(code == 0 && other->ops->lock(other) == WEIR_E_LOCKED ? 0 : 1);
		}
		int status = -1;
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	world_reopen(w);
	cr_assert_eq(w->ops->lock(w->s), 0, "fini releases it");
}

CONTRACT(the_lock_of_a_dead_process_is_free)
{
	if (!world_is_real(w))
		return;
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		struct wr_storage *other;
		int code = world_open_other(w, false, &other);
		_exit(code == 0 && other->ops->lock(other) == 0 ? 0 : 1);
	}
	int status = -1;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	cr_assert_eq(w->ops->lock(w->s), 0);
}

/* Reads only, in a process that may not write: what a tool that looks at a live journal does. */
static int look_without_permission(struct world *w)
{
	struct wr_storage *other;
	uint8_t *back = new_blocks(1, 0);
	uint32_t file;

	if (world_is_real(w) && (setgid(65534) != 0 || setuid(65534) != 0))
		return 0; /* not root: the modes alone decide, which is shown by the rest */
	if (world_open_other(w, true, &other) != 0)
		return 1;
	if (other->ops->file_open(other, "a", WR_FILE_READ_ONLY, &file) != 0)
		return 2;
	if (other->ops->read(other, file, back, BLOCK, 0) != BLOCK || back[1] != 8)
		return 3;
	if (other->ops->file_open(other, "a", 0, &file) != -EROFS ||
	    other->ops->file_open(other, "b", WR_FILE_CREATE, &file) != -EROFS ||
	    other->ops->file_remove(other, "a") != -EROFS ||
	    other->ops->sync_dir(other) != -EROFS || other->ops->lock(other) != -EROFS)
		return 4;
	if (other->ops->enter(other) != 0)
		return 5;
	struct request r = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
	r.io.name = "b";
	r.io.file_bytes = BLOCK;
	if (other->ops->submit(other, &r.io) != -EROFS)
		return 6;
	r = request_of(WR_IO_READ, file, back, BLOCK, 0);
	if (other->ops->submit(other, &r.io) != 0)
		return 7;
	while (r.done_count == 0)
		if (other->ops->poll(other, WAIT_LONG_NS) < 0)
			return 8;
	other->ops->fini(other);
	free(back);
	return r.io.result == 0 ? 0 : 9;
}

CONTRACT(reading_needs_no_permission_and_no_lock)
{
	uint32_t file = world_prepare(w, "a", FILE_BYTES);
	uint8_t *block = new_blocks(1, 1);
	struct request r = request_of(WR_IO_WRITE, file, block, BLOCK, 0);

	cr_assert_eq(request_run(w, &r), 0);
	cr_assert_eq(w->ops->lock(w->s), 0);
	if (!world_is_real(w)) {
		cr_assert_eq(look_without_permission(w), 0);
		free(block);
		return;
	}
	char path[400];
	world_path(w, "a", path, sizeof path);
	cr_assert_eq(chmod(path, 0444), 0);
	cr_assert_eq(chmod(w->dir, 0555), 0);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0)
		_exit(look_without_permission(w));
	int status = -1;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status), "the reader died");
	cr_assert_eq(WEXITSTATUS(status), 0, "the reader failed at step %d", WEXITSTATUS(status));
	cr_assert_eq(chmod(w->dir, 0700), 0);
	free(block);
}

CONTRACT(a_directory_is_made_for_its_owner_only)
{
	struct stat st;
	char path[400];

	if (!world_is_real(w))
		return;
	struct world inner = *w;
	(void)umask(0);
	(void)snprintf(inner.dir, sizeof inner.dir, "%.200s/inner", w->dir);
	inner.options.dir = inner.dir;
	struct wr_storage *s;
	cr_assert_eq(world_open_other(&inner, false, &s), -ENOENT);
	inner.options.create_dir = true;
	cr_assert_eq(world_open_other(&inner, false, &s), 0);
	cr_assert_eq(stat(inner.dir, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0700);
	cr_assert_eq(s->ops->lock(s), 0);
	cr_assert_eq(s->ops->enter(s), 0);
	inner.s = s;
	(void)world_prepare(&inner, "a", BLOCK);
	world_path(&inner, "a", path, sizeof path);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	world_path(&inner, "LOCK", path, sizeof path);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	world_teardown(&inner);
	/* Nothing is left behind by the probing of the engine. */
	int count = 0;
	cr_assert_eq(w->ops->file_each(w->s, count_names, &count), 0);
	cr_assert_eq(count, 0);
}

/* A file system of 1 MiB under the world, or a disk with as much. */
static void make_small(struct world *w)
{
	if (!world_is_real(w)) {
		w->disk->plan.capacity_bytes = 1048576;
		return;
	}
	w->ops->fini(w->s);
	w->s = NULL;
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", w->dir, "tmpfs", 0, "size=1m") != 0) {
		world_skip(w, "no mount for a small file system");
	}
	w->mounted = true;
	struct wr_storage_options options = w->options;
	cr_assert_eq(world_open_other(w, options.read_only, &w->s), 0);
	cr_assert_eq(w->ops->enter(w->s), 0);
}

CONTRACT(a_full_disk_fails_prepare_and_leaves_nothing)
{
	uint64_t before = 0;
	uint64_t after = 0;
	int count = 0;

	make_small(w);
	(void)world_prepare(w, "a", 64 * BLOCK);
	cr_assert_eq(w->ops->free_bytes(w->s, &before), 0);
	cr_assert_leq(before, 1048576 - 64 * BLOCK);
	struct request r = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
	r.io.name = "b";
	r.io.file_bytes = 1048576;
	cr_assert_eq(request_run(w, &r), -ENOSPC);
	cr_assert_eq(w->ops->file_each(w->s, count_names, &count), 0);
	cr_assert_eq(count, 1);
	cr_assert_eq(w->ops->free_bytes(w->s, &after), 0);
	cr_assert_eq(before, after, "the space was not given back");
	/* What fits still works. */
	(void)world_prepare(w, "c", 64 * BLOCK);
}

/* S12 */

CONTRACT(s12_remove_gives_the_room_back)
{
	uint64_t before = 0, after = 0;
	int count = 0;

	make_small(w);
	(void)world_prepare(w, "a", 8 * BLOCK);
	cr_assert_eq(w->ops->free_bytes(w->s, &before), 0);
	uint32_t file = world_prepare(w, "b", 64 * BLOCK);
	struct request r = request_of(WR_IO_REMOVE, file, NULL, 0, 0);
	cr_assert_eq(request_run(w, &r), 0);
	cr_assert_eq(r.io.file, WR_STORAGE_NO_FILE);
	cr_assert_eq(w->ops->free_bytes(w->s, &after), 0);
	cr_assert_eq(before, after, "%llu, then %llu", (unsigned long long)before,
		     (unsigned long long)after);
	cr_assert_eq(w->ops->file_each(w->s, count_names, &count), 0);
	cr_assert_eq(count, 1);
	/* The number is nobody's, until it is given again. */
	cr_assert_eq(w->ops->file_bytes(w->s, file, &after), -EBADF);
	r = request_of(WR_IO_REMOVE, file, NULL, 0, 0);
	cr_assert_eq(w->ops->submit(w->s, &r.io), -EBADF);
	file = world_prepare(w, "b", 64 * BLOCK);
	cr_assert_eq(w->ops->file_bytes(w->s, file, &after), 0);
}

CONTRACT(s12_what_is_read_meanwhile_is_read_to_its_end)
{
	uint32_t file = world_prepare(w, "a", 16 * BLOCK);
	uint8_t *blocks = new_blocks(16, 3), *back = new_blocks(16, 0);
	struct request r[8], gone = request_of(WR_IO_REMOVE, file, NULL, 0, 0);
	const uint32_t count = w->s->depth_max < 8 ? w->s->depth_max : 8;
	uint64_t bytes;

	struct request whole = request_of(WR_IO_WRITE, file, blocks, 16 * BLOCK, 0);
	cr_assert_eq(request_run(w, &whole), 0);
	for (uint32_t i = 0; i < count; i++) {
		r[i] = request_of(WR_IO_READ, file, back + i * 2 * BLOCK, 2 * BLOCK,
				  (uint64_t)i * 2 * BLOCK);
		cr_assert_eq(w->ops->submit(w->s, &r[i].io), 0);
	}
	if (world_is_real(w)) {
		cr_assert_eq(w->ops->submit(w->s, &gone.io), 0);
		cr_assert_eq(request_wait(w, &gone), 0);
	}
	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(request_wait(w, &r[i]), 0);
	cr_assert_arr_eq(back, blocks, 2 * count * BLOCK);
	if (!world_is_real(w))
		cr_assert_eq(request_run(w, &gone), 0);
	cr_assert_eq(w->ops->file_bytes(w->s, file, &bytes), -EBADF);
	free(blocks);
	free(back);
}

CONTRACT(s12_a_file_that_cannot_be_removed_stays_open)
{
	uint32_t file = world_prepare(w, "a", 4 * BLOCK);
	uint64_t bytes = 0;

	if (world_is_real(w))
		cr_assert_eq(w->ops->file_remove(w->s, "a"), 0);
	else
		w->disk->plan.chance_ppm[WR_FAULT_REMOVE_ERROR] = 1000000;
	struct request r = request_of(WR_IO_REMOVE, file, NULL, 0, 0);
	cr_assert_eq(request_run(w, &r), world_is_real(w) ? -ENOENT : -EPERM);
	cr_assert_eq(r.io.file, file);
	cr_assert_eq(w->ops->file_bytes(w->s, file, &bytes), 0);
	cr_assert_eq(bytes, 4 * BLOCK);
}

CONTRACT(a_lack_of_descriptors_is_an_error_code)
{
	uint32_t file;
	int code = 0;
	int opened = 0;

	(void)world_prepare(w, "a", BLOCK);
	struct rlimit before;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	struct rlimit limit = {.rlim_cur = 40, .rlim_max = before.rlim_max};
	if (world_is_real(w))
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (code == 0 && opened < 100000) {
		code = w->ops->file_open(w->s, "a", WR_FILE_READ_ONLY | WR_FILE_KEEP, &file);
		opened++;
	}
	cr_assert_eq(code, world_is_real(w) ? -EMFILE : -ENFILE);
	struct request r = request_of(WR_IO_PREPARE, 0, NULL, 0, 0);
	r.io.name = "b";
	r.io.file_bytes = BLOCK;
	cr_assert_eq(request_run(w, &r), code);
	cr_assert_eq(w->ops->file_close(w->s, 5), 0);
	cr_assert_eq(w->ops->file_open(w->s, "a", 0, &file), 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}

struct reader {
	struct world *w;
	const uint8_t *expected;
	uint32_t file;
	wr_atomic_u32 *stop;
	uint64_t read_count;
	bool failed;
};

static void *read_on(void *argument)
{
	struct reader *reader = argument;
	uint8_t *back = aligned_alloc(BLOCK, 4 * BLOCK);

	while (back != NULL && wr_load_acquire(reader->stop) == 0) {
		const uint64_t at = reader->read_count % 4 * BLOCK;
		const struct wr_storage_ops *ops = reader->w->ops;
		if (ops->read(reader->w->s, reader->file, back, 4 * BLOCK, at) != 4 * BLOCK ||
		    memcmp(back, reader->expected + at, 4 * BLOCK) != 0)
			reader->failed = true;
		reader->read_count++;
	}
	free(back);
	return NULL;
}

CONTRACT(many_threads_read_while_the_owner_writes)
{
	enum { READERS = 3 };
	uint8_t *blocks = new_blocks(8, 4);
	wr_atomic_u32 stop;
	struct reader readers[READERS];
	pthread_t threads[READERS];

	if (!world_is_real(w)) {
		free(blocks);
		world_skip(w, "the simulation has one thread");
	}
	wr_store_relaxed(&stop, 0u);
	uint32_t file = world_prepare(w, "cold", 8 * BLOCK);
	struct request r = request_of(WR_IO_WRITE, file, blocks, 8 * BLOCK, 0);
	cr_assert_eq(request_run(w, &r), 0);
	uint32_t hot = world_prepare(w, "hot", 8 * BLOCK);
	for (int i = 0; i < READERS; i++) {
		readers[i] = (struct reader){
			.w = w, .expected = blocks, .file = file, .stop = &stop};
		cr_assert_eq(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
	}
	for (uint32_t i = 0; i < 100; i++) {
		r = request_of(WR_IO_WRITE, hot, blocks, BLOCK, i % 8 * BLOCK);
		cr_assert_eq(request_run(w, &r), 0);
	}
	wr_store_release(&stop, 1u);
	for (int i = 0; i < READERS; i++) {
		(void)pthread_join(threads[i], NULL);
		cr_assert(!readers[i].failed);
	}
	free(blocks);
}

CONTRACT(the_report_says_what_was_chosen)
{
	static const char *const backends[] = {"io_uring", "io_uring", "posix",
					       "posix",    "sim",      "sim"};
	struct wr_storage_report report;

	w->ops->report(w->s, &report);
	cr_assert_str_eq(report.backend, backends[w->backend]);
	cr_assert_neq(report.engine[0], '\0');
	cr_assert_neq(report.reason[0], '\0');
	cr_assert_neq(report.file_system[0], '\0');
	if (world_is_real(w) && world_is_apart(w)) {
		cr_assert_str_eq(report.engine, "buffered + fdatasync");
		cr_assert_not_null(strstr(report.reason, "buffered by option"));
	}
	if (w->backend == BACKEND_URING)
		cr_assert_not_null(strstr(report.reason, "; io_uring: "));
	cr_assert_eq(report.written_equals_durable,
		     strstr(report.engine, "RWF_DSYNC") != NULL || w->backend == BACKEND_SIM);
}
