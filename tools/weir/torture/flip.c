/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See torture.h: one damage at a time to a copy of a journal that was closed in order, and what a
 * reader says of it. Either every event is there, or what is missing was told; an event that was
 * never published is the worst. Then the damage is undone, and the next one is drawn.
 *
 * Now and then a pipeline is opened on a damaged copy, in a process of its own: what it mends or
 * refuses must not make a loss silent either.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"
#include "tools/weir/torture/torture.h"

#define FILES_MAX 512u
#define FILE_BYTES_MAX (1u << 20)
#define SECTOR_BYTES 512u
#define REOPEN_EVERY 16u
#define SECOND_NS UINT64_C(1000000000)

struct source {
	int fd; /* of the journal's directory */
	uint32_t count;
	struct {
		char name[64];
		uint32_t bytes;
	} files[FILES_MAX];
};

struct damage {
	enum flip_kind kind;
	const char *file;
	uint32_t bytes; /* of the file */
	uint32_t offset;
	uint8_t bit;
};

static uint8_t buffer[FILE_BYTES_MAX];

bool flip_init(struct flip_run *run)
{
	run->whole = malloc(sizeof *run->whole);
	run->look = malloc(sizeof *run->look);
	return run->whole != NULL && run->look != NULL;
}

void flip_fini(struct flip_run *run)
{
	free(run->whole);
	free(run->look);
}

/* ---- copies ---- */

static int list_files(const struct room *room, const char *name, struct source *source)
{
	struct stat status;

	source->count = 0;
	source->fd = openat(room->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int listed_fd = source->fd >= 0 ? dup(source->fd) : -1;
	DIR *dir = listed_fd >= 0 ? fdopendir(listed_fd) : NULL;
	if (dir == NULL)
		return -errno;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (fstatat(source->fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(status.st_mode))
			continue;
		if (source->count == FILES_MAX || strlen(entry->d_name) >= 64 ||
		    status.st_size > FILE_BYTES_MAX) {
			source->count = 0; /* half a journal is none */
			break;
		}
		memcpy(source->files[source->count].name, entry->d_name, strlen(entry->d_name) + 1);
		source->files[source->count++].bytes = (uint32_t)status.st_size;
	}
	(void)closedir(dir);
	return source->count > 0 ? 0 : -ENOENT;
}

static int copy_file(int from_dir, int to_dir, const char *name)
{
	int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n = from >= 0 && to >= 0 ? read(from, buffer, sizeof buffer) : -1;
	int code = n < 0 || write(to, buffer, (size_t)n) != n ? -EIO : 0;

	if (from >= 0)
		(void)close(from);
	if (to >= 0)
		(void)close(to);
	return code;
}

/* The directory's descriptor, or -errno. */
static int copy_all(const struct room *room, const struct source *source, const char *name)
{
	int code = room_empty(room, name);

	if (code < 0 && code != -ENOENT)
		return code;
	if (mkdirat(room->fd, name, 0700) != 0)
		return -errno;
	int fd = openat(room->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	code = 0;
	for (uint32_t i = 0; i < source->count && code == 0; i++)
		code = copy_file(source->fd, fd, source->files[i].name);
	if (code == 0)
		return fd;
	(void)close(fd);
	return code;
}

/* ---- damage ---- */

static struct damage draw_damage(const struct source *source, struct wr_prng *prng)
{
	struct damage d = {.kind = FLIP_BIT};
	uint32_t file = (uint32_t)wr_prng_below(prng, source->count);
	uint64_t kind = wr_prng_below(prng, 10);

	d.file = source->files[file].name;
	d.bytes = source->files[file].bytes;
	d.offset = d.bytes > 0 ? (uint32_t)wr_prng_below(prng, d.bytes) : 0;
	d.bit = (uint8_t)(1u << wr_prng_below(prng, 8));
	if (kind >= 8)
		d.kind = FLIP_ZERO;
	else if (kind >= 6)
		d.kind = FLIP_CUT;
	if (d.kind == FLIP_ZERO)
		d.offset -= d.offset % SECTOR_BYTES;
	return d;
}

static int do_damage(int dir_fd, const struct damage *d)
{
	int fd = openat(dir_fd, d->file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	uint8_t bytes[SECTOR_BYTES] = {0};
	uint32_t left = d->bytes - d->offset;
	ssize_t count = 1;
	bool is_done = fd >= 0;

	if (is_done && d->kind == FLIP_CUT) {
		is_done = ftruncate(fd, (off_t)d->offset) == 0;
	} else if (is_done && left > 0) {
		if (d->kind == FLIP_BIT)
			is_done = pread(fd, bytes, 1, (off_t)d->offset) == 1;
		else
			count = left < SECTOR_BYTES ? (ssize_t)left : (ssize_t)SECTOR_BYTES;
		bytes[0] = (uint8_t)(bytes[0] ^ (d->kind == FLIP_BIT ? d->bit : 0));
		is_done = is_done && pwrite(fd, bytes, (size_t)count, (off_t)d->offset) == count;
	}
	if (fd >= 0)
		(void)close(fd);
	return is_done ? 0 : -EIO;
}

/* ---- judging ---- */

static bool has_all(const struct flip_run *run, uint64_t first, uint64_t end)
{
	return look_has_all_but(run->whole->events, run->whole->event_count, run->look->events,
				run->look->event_count, first, end);
}

/* NULL, or what is wrong. */
static const char *judge(const struct flip_run *run)
{
	const struct look *l = run->look;

	if (l->code != 0)
		return NULL;
	if (!look_has_only(run->whole->events, run->whole->event_count, l->events, l->event_count))
		return "an event is shown that was never published";
	if (l->report.corrupt_count == 0)
		return has_all(run, 0, 0) ? NULL : "events are missing, and nothing is said";
	if (l->damage_count == 1 &&
	    !has_all(run, l->corrupt.first_sequence, l->corrupt.end_sequence))
		return "events are missing beyond the range that is said";
	return NULL;
}

/* A pipeline on what is there. In a process of its own; what it says is no matter, what it leaves
 * is. */
static void reopen(const char *dir)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	int status;

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		sweep_options(&options);
		options.dir = dir;
		if (weir_open(&options, &pipeline, NULL) == 0)
			(void)weir_close(pipeline, WEIR_CLOSE_DRAIN, 30 * SECOND_NS, NULL);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

static const char *look_and_judge(struct flip_run *run, const char *name)
{
	char path[ROOM_NAME_BYTES];

	room_path(run->room, name, path);
	look_at(path, run->look);
	if (run->looked != NULL)
		run->looked(run->context, run->look);
	return judge(run);
}

/* Damages a copy, which is opened and looked at again. */
static const char *judge_reopened(struct flip_run *run, const struct source *source,
				  const struct damage *d)
{
	char path[ROOM_NAME_BYTES];

	int fd = copy_all(run->room, source, "opened");
	if (fd < 0 || do_damage(fd, d) < 0)
		return "no copy could be made";
	(void)close(fd);
	room_path(run->room, "opened", path);
	reopen(path);
	run->sum.reopened++;
	return look_and_judge(run, "opened");
}

static void count(struct flip_run *run)
{
	const struct look *l = run->look;

	if (l->code != 0 || l->report.corrupt_count > 0)
		run->sum.detected++;
	else if (l->damage_count > 0)
		run->sum.mended++;
	else
		run->sum.unseen++;
}

/* ---- one journal ---- */

static bool fail(struct flip_run *run, const struct damage *d, uint64_t seed, const char *what)
{
	static const char *const kinds[] = {"bit turned over", "cut", "sector zeroed"};

	run->sum.silent++;
	(void)snprintf(run->fault, sizeof run->fault,
		       "damage: %s; %s, %s at %u (bit %u); seed %llu", what, d->file,
		       kinds[d->kind], d->offset, d->bit, (unsigned long long)seed);
	return false;
}

static bool flip_once(struct flip_run *run, const struct source *source, int copy_fd,
		      struct wr_prng *prng, uint64_t seed)
{
	struct damage d = draw_damage(source, prng);
	uint64_t number = 0;

	if (do_damage(copy_fd, &d) < 0)
		return fail(run, &d, seed, "a copy could not be damaged");
	run->sum.done[d.kind]++;
	const char *what = look_and_judge(run, "copy");
	if (what == NULL)
		count(run);
	for (uint32_t i = 0; i < FLIP_KINDS; i++)
		number += run->sum.done[i];
	if (what == NULL && number % REOPEN_EVERY == 0)
		what = judge_reopened(run, source, &d);
	if (what == NULL && copy_file(source->fd, copy_fd, d.file) < 0)
		what = "a copy could not be mended";
	return what == NULL || fail(run, &d, seed, what);
}

bool flip_journal(struct flip_run *run, const char *name, uint64_t seed, uint64_t end_ns)
{
	static struct source source;
	const struct damage none = {.file = "untouched"};
	char path[ROOM_NAME_BYTES];
	struct wr_prng prng;
	bool is_good = true;

	wr_prng_init(&prng, seed);
	room_path(run->room, name, path);
	look_at(path, run->whole);
	if (run->whole->code != 0 || run->whole->damage_count > 0)
		return fail(run, &none, seed, "a journal that was closed in order is damaged");
	/* More events than a look has room for: another journal, then. */
	if (run->whole->more_count > 0)
		return true;
	int copy_fd = list_files(run->room, name, &source) == 0
			      ? copy_all(run->room, &source, "copy")
			      : -1;
	if (copy_fd < 0)
		return fail(run, &none, seed, "no copy could be made");
	do
		is_good = flip_once(run, &source, copy_fd, &prng, seed);
	while (is_good && bench_now_ns() < end_ns &&
	       (run->is_stopped == NULL || !run->is_stopped(run->context)));
	(void)close(copy_fd);
	(void)close(source.fd);
	return is_good;
}
