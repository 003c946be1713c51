/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir/metrics.h: where a reader's bytes come from. A file is read, not mapped: whoever cuts it
 * short makes a read short, and no signal of it. A pipeline of this process is read where it is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/metrics/reader.h"
#include "core/metrics/stamp.h"
#include "core/pipeline/metrics.h"
#include "io/host.h"
#include "io/posix/cancel.h"

/* Rounds come every 100 ms; a group that catches up from disk takes longer. */
#define SILENT_NS 2000000000u

struct source {
	int fd; /* -1: memory */
	const uint8_t *base;
	uint64_t bytes;
};

struct metrics_with_source {
	struct weir_metrics reader;
	struct source source;
};

static int read_file(void *context, uint64_t offset, void *to, size_t bytes)
{
	const struct source *s = context;
	size_t done = 0;

	while (done < bytes) {
		ssize_t n =
			pread(s->fd, (uint8_t *)to + done, bytes - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return WEIR_E_CORRUPT;
		done += (size_t)n;
	}
	return 0;
}

/* The writer stores whole words, by release; nobody else's memory is asked for here. */
static int read_own(void *context, uint64_t offset, void *to, size_t bytes)
{
	const struct source *s = context;

	if (offset % 8 != 0 || bytes % 8 != 0 || bytes > s->bytes || offset > s->bytes - bytes)
		return WEIR_E_CORRUPT;
	wr_stamp_read((wr_atomic_u64 *)(void *)(uintptr_t)(s->base + offset), to, bytes / 8);
	return 0;
}

static int start(struct metrics_with_source *m, struct weir_metrics **ret_metrics,
		 struct weir_problem *problem)
{
	const struct wr_metrics_source source = {
		.read = m->source.fd >= 0 ? read_file : read_own,
		.context = &m->source,
		.bytes = m->source.bytes,
	};
	int rc = wr_metrics_reader_init(&m->reader, &source, calloc, free, problem);

	if (rc == 0) {
		*ret_metrics = &m->reader;
		return 0;
	}
	if (m->source.fd >= 0)
		(void)close(m->source.fd);
	free(m);
	return rc;
}

int weir_metrics_open(const char *path, struct weir_metrics **ret_metrics,
		      struct weir_problem *reterr_problem)
{
	struct metrics_with_source *m = calloc(1, sizeof *m);
	if (m == NULL)
		return wr_problem_in_words(reterr_problem, -ENOMEM);
	int cancel = wr_cancel_defer();
	m->source.fd = wr_metrics_file_look(AT_FDCWD, path, &m->source.bytes);
	int rc = m->source.fd;
	if (rc < 0) {
		(void)wr_problem_set(reterr_problem, rc, "path",
				     rc == -EINVAL ? "not a regular file" : weir_strerror(rc));
		free(m);
	} else {
		rc = start(m, ret_metrics, reterr_problem);
	}
	wr_cancel_restore(cancel);
	return rc;
}

int weir_metrics_open_own(struct weir_pipeline *pipeline, struct weir_metrics **ret_metrics,
			  struct weir_problem *reterr_problem)
{
	if (pipeline->metrics == NULL)
		return wr_problem_set(reterr_problem, -EOPNOTSUPP, "",
				      "this weir is built without metrics");
	struct metrics_with_source *m = calloc(1, sizeof *m);
	if (m == NULL)
		return wr_problem_in_words(reterr_problem, -ENOMEM);
	m->source = (struct source){.fd = -1,
				    .base = pipeline->metrics->cells.base,
				    .bytes = pipeline->metrics->cells.layout.bytes};
	return start(m, ret_metrics, reterr_problem);
}

void weir_metrics_close(struct weir_metrics *metrics)
{
	if (metrics == NULL)
		return;
	struct metrics_with_source *m = (struct metrics_with_source *)(void *)metrics;
	wr_metrics_reader_fini(&m->reader, free);
	int cancel = wr_cancel_defer();
	if (m->source.fd >= 0)
		(void)close(m->source.fd);
	wr_cancel_restore(cancel);
	free(m);
}

static uint64_t now_of(clockid_t clock)
{
	struct timespec now;
	if (clock_gettime(clock, &now) != 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int weir_metrics_about(struct weir_metrics *metrics, struct weir_metrics_about *ret_about)
{
	struct metrics_with_source *m = (struct metrics_with_source *)(void *)metrics;
	const uint8_t *head = m->reader.head;

	wr_metrics_tell_about(&m->reader, ret_about);
	/* The boot clock of another machine, or of another boot, says nothing here. */
	bool is_here = wr_get_u64(head + WR_MH_PID_SPACE) == wr_process_space();
	uint64_t told_ns =
		is_here ? m->reader.round[(WR_MH_BOOT - WR_MH_ROUND) / 8] : ret_about->told_ns;
	uint64_t now_ns = now_of(is_here ? CLOCK_BOOTTIME : CLOCK_REALTIME);
	ret_about->age_ns = now_ns > told_ns ? now_ns - told_ns : 0;
	if (ret_about->state == WEIR_METRICS_CLOSED)
		return 0;
	/* A number of another PID namespace says nothing here: then silence is all there is. */
	if (is_here && wr_process_start(ret_about->pid) != wr_get_u64(head + WR_MH_PID_START))
		ret_about->state = WEIR_METRICS_DEAD;
	else if (ret_about->age_ns > SILENT_NS)
		ret_about->state = WEIR_METRICS_SILENT;
	return 0;
}

/* ---- the list ---- */

static bool is_metrics(int dir_fd, const char *name)
{
	uint8_t magic[8];
	uint64_t bytes;
	int fd = wr_metrics_file_look(dir_fd, name, &bytes);

	if (fd < 0)
		return false;
	bool is_one = pread(fd, magic, sizeof magic, 0) == (ssize_t)sizeof magic &&
		      wr_get_u64(magic) == WR_METRICS_MAGIC;
	(void)close(fd);
	return is_one;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* In /dev/shm anybody may make a directory that is called as another user's. */
static int check_owner(int dir_fd)
{
	struct stat st;
	if (fstat(dir_fd, &st) != 0)
		return -errno;
	return st.st_uid == geteuid() && (st.st_mode & 022) == 0 ? 0 : -EPERM;
}

static int list(const char *dir, bool is_default, int (*fn)(void *context, const char *path),
		void *context)
{
	struct dirent **entries;
	char path[PATH_MAX];
	int rc = 0, found = 0;
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (is_default ? O_NOFOLLOW : 0));

	if (dir_fd < 0)
		return -errno;
	rc = is_default ? check_owner(dir_fd) : 0;
	int count = rc == 0 ? scandir(dir, &entries, NULL, by_name) : 0;
	if (rc != 0 || count < 0) {
		rc = rc != 0 ? rc : -errno;
		(void)close(dir_fd);
		return rc;
	}
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		int length = snprintf(path, sizeof path, "%s/%s", dir, name);
		if (rc == 0 && length > 0 && (size_t)length < sizeof path &&
		    is_metrics(dir_fd, name)) {
			found++;
			rc = fn(context, path);
		}
		free(entries[i]);
	}
	free(entries);
	(void)close(dir_fd);
	return rc != 0 ? rc : found;
}

int weir_metrics_list(const char *dir, int (*fn)(void *context, const char *path), void *context)
{
	char default_dir[64];

	bool is_default = dir == NULL;
	if (is_default) {
		(void)weir_metrics_default_dir(default_dir, sizeof default_dir);
		dir = default_dir;
	}
	int cancel = wr_cancel_defer();
	int rc = list(dir, is_default, fn, context);
	wr_cancel_restore(cancel);
	return rc;
}
