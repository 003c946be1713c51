/* SPDX-License-Identifier: Apache-2.0 */
/* See pipelines.h. */
#include "io/http/pipelines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <weir/pipeline.h>

#include "io/http/thread.h"

#define LOOK_NS 100000000u
#define LOOK_BESIDE_ANSWERS_NS 1000000000u

void wr_http_pipeline_use(struct wr_http_pipeline *one)
{
	one->uses++;
}

void wr_http_pipeline_leave(struct wr_http_pipeline *one)
{
	if (--one->uses > 0)
		return;
	weir_metrics_close(one->metrics);
	free(one);
}

static void forget(struct wr_http_pipelines *p, uint32_t i)
{
	wr_http_pipeline_leave(p->list[i]);
	p->list[i] = p->list[--p->count];
}

static struct wr_http_pipeline *find(struct wr_http_pipelines *p, const char *path)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (strcmp(p->list[i]->path, path) == 0)
			return p->list[i];
	return NULL;
}

/*
 * Is the file that is at its path now the one that was opened? A process that was killed and began
 * again may have its number again, as the first of a container has: then its file has the name of
 * the one before.
 */
static bool is_same_file(const struct wr_http_pipeline *one)
{
	struct stat st;
	return one->path[0] == '\0' ||
	       (lstat(one->path, &st) == 0 && st.st_dev == one->device && st.st_ino == one->inode);
}

static struct wr_http_pipeline *open_one(const struct wr_http_pipelines *p, const char *path)
{
	struct wr_http_pipeline *one = NULL;
	struct stat st;
	if (strlen(path) < sizeof one->path)
		one = calloc(1, sizeof *one);
	if (one == NULL)
		return NULL;
	one->uses = 1;
	memcpy(one->path, path, strlen(path) + 1);
	/* Before the open: what comes in between is opened once more, and not missed. */
	if (lstat(path, &st) == 0) {
		one->device = st.st_dev;
		one->inode = st.st_ino;
	}
	int rc = path[0] == '\0' ? weir_metrics_open_own(p->own, &one->metrics, NULL)
				 : weir_metrics_open(path, &one->metrics, NULL);
	if (rc != 0) {
		free(one);
		return NULL;
	}
	(void)weir_metrics_about(one->metrics, &one->about);
	return one;
}

/*
 * The place of what has told nothing for longest, of all that do not run: processes that died leave
 * their files for a day. The server's own pipeline has a place in any case.
 */
static bool make_room(struct wr_http_pipelines *p, const struct wr_http_pipeline *for_one)
{
	bool is_own = for_one->path[0] == '\0';
	uint32_t at = UINT32_MAX;
	uint64_t age_ns = 0;
	if (p->count < WR_HTTP_PIPELINES_MAX)
		return true;
	if (for_one->about.state != WEIR_METRICS_RUNNING && !is_own)
		return false;
	for (uint32_t i = 0; i < p->count; i++) {
		const struct weir_metrics_about *about = &p->list[i]->about;
		bool may_go = about->state != WEIR_METRICS_RUNNING || is_own;
		if (may_go && (at == UINT32_MAX || about->age_ns > age_ns)) {
			at = i;
			age_ns = about->age_ns;
		}
	}
	if (at == UINT32_MAX)
		return false;
	p->left_out += p->list[at]->is_there; // else it is counted when the list comes to it
	forget(p, at);
	return true;
}

/* NULL: it cannot be read, or there are too many. */
static struct wr_http_pipeline *add(struct wr_http_pipelines *p, const char *path)
{
	struct wr_http_pipeline *one = open_one(p, path);
	if (one == NULL)
		return NULL;
	if (!make_room(p, one)) {
		wr_http_pipeline_leave(one);
		return NULL;
	}
	p->list[p->count++] = one;
	return one;
}

static int take(void *context, const char *path)
{
	struct wr_http_pipelines *p = context;
	struct wr_http_pipeline *one = find(p, path);
	if (one == NULL)
		one = add(p, path);
	if (one != NULL)
		one->is_there = true;
	else
		p->left_out++;
	return 0;
}

/* By the file itself: its path may be spelled in several ways. */
static struct wr_http_pipeline *find_file(struct wr_http_pipelines *p, const char *path)
{
	struct stat st;
	if (path[0] == '\0' || lstat(path, &st) != 0)
		return NULL;
	for (uint32_t i = 0; i < p->count; i++)
		if (p->list[i]->path[0] != '\0' && p->list[i]->device == st.st_dev &&
		    p->list[i]->inode == st.st_ino)
			return p->list[i];
	return NULL;
}

/* By its file, if that is in the directory; else as this process has it. */
static void take_own(struct wr_http_pipelines *p)
{
	struct weir_info info = {.struct_bytes = sizeof info};
	if (p->own == NULL || weir_pipeline_info(p->own, &info) != 0)
		return;
	struct wr_http_pipeline *one = find_file(p, info.metrics_path);
	if (one == NULL || !one->is_there)
		(void)take(p, "");
}

static int by_name(const void *a, const void *b)
{
	const struct wr_http_pipeline *x = *(struct wr_http_pipeline *const *)a;
	const struct wr_http_pipeline *y = *(struct wr_http_pipeline *const *)b;
	int order = strcmp(x->about.name, y->about.name);
	if (order == 0)
		order = x->about.pid < y->about.pid ? -1 : x->about.pid > y->about.pid;
	return order != 0 ? order : strcmp(x->path, y->path);
}

/*
 * Two series with the same labels would spoil all of an answer. A file is NAME.PID, or NAME.PID-2
 * of the second one that a process has by that name.
 */
static void write_labels(struct wr_http_pipelines *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		struct wr_http_pipeline *one = p->list[i];
		const char *name = one->about.name, *dot = strrchr(one->path, '.');
		bool alone = (i == 0 || strcmp(p->list[i - 1]->about.name, name) != 0) &&
			     (i + 1 == p->count || strcmp(p->list[i + 1]->about.name, name) != 0);
		if (alone)
			(void)snprintf(one->label, sizeof one->label, "%s", name);
		else
			(void)snprintf(one->label, sizeof one->label, "%s (%.24s)", name,
				       dot != NULL ? dot + 1 : "here");
	}
}

void wr_http_pipelines_look(struct wr_http_pipelines *p)
{
	uint64_t now = wr_http_now_ns();
	if (p->looked_ns != 0 &&
	    now - p->looked_ns < (p->answers > 0 ? LOOK_BESIDE_ANSWERS_NS : LOOK_NS))
		return;
	p->looked_ns = now;
	p->left_out = 0;
	for (uint32_t i = p->count; i-- > 0;) {
		p->list[i]->is_there = false;
		if (!is_same_file(p->list[i]))
			forget(p, i);
	}
	p->dir_code = 0;
	if (p->dir != NULL)
		p->dir_code = weir_metrics_list(p->dir[0] != '\0' ? p->dir : NULL, take, p);
	/* The default one is made by the first pipeline. */
	if (p->dir_code > 0 || (p->dir_code == -ENOENT && p->dir[0] == '\0'))
		p->dir_code = 0;
	take_own(p);
	for (uint32_t i = p->count; i-- > 0;) {
		struct wr_http_pipeline *one = p->list[i];
		bool good = weir_metrics_update(one->metrics) == 0;
		(void)weir_metrics_about(one->metrics, &one->about);
		/* A close removes the file; what lies there by that name now is another one. */
		if (!good || !one->is_there || one->about.state == WEIR_METRICS_CLOSED)
			forget(p, i);
	}
	qsort(p->list, p->count, sizeof p->list[0], by_name);
	write_labels(p);
}

bool wr_http_is_own(const struct wr_http_pipelines *p, const struct wr_http_pipeline *one)
{
	struct weir_info info = {.struct_bytes = sizeof info};
	struct stat st;
	if (p->own == NULL)
		return false;
	return one->path[0] == '\0' ||
	       (weir_pipeline_info(p->own, &info) == 0 && info.metrics_path[0] != '\0' &&
		lstat(info.metrics_path, &st) == 0 && st.st_dev == one->device &&
		st.st_ino == one->inode);
}

void wr_http_pipelines_fini(struct wr_http_pipelines *p)
{
	while (p->count > 0)
		forget(p, p->count - 1);
}
