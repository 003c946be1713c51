/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipelines whose metrics a server shows: its own one, and those whose files lie in a
 * directory. That is looked at when somebody asks, at most ten times a second, however many ask.
 *
 * Thread: the server's.
 */
#ifndef WR_HTTP_PIPELINES_H
#define WR_HTTP_PIPELINES_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/metrics.h>

struct weir_pipeline;

/* Of more files than this those of pipelines that run come before others. */
#define WR_HTTP_PIPELINES_MAX 64u

struct wr_http_pipeline {
	char path[512]; /* "": the server's own, without a file */
	struct weir_metrics *metrics;
	struct weir_metrics_about about;
	char label[64];         /* its name; with its process, if another one has that name, too */
	uint64_t device, inode; /* of the file: another one may come to its path */
	bool is_there;          /* in the last list */
	uint32_t uses;          /* the list, and answers that are under way */
};

struct wr_http_pipelines {
	struct weir_pipeline *own; /* may be NULL */
	const char *dir;           /* NULL: none; "": the default one */
	int dir_code;              /* it cannot be listed, and why; it may come, or be mended */
	uint64_t looked_ns;
	struct wr_http_pipeline *list[WR_HTTP_PIPELINES_MAX];
	uint32_t count;
	uint32_t left_out; /* files that could not be read, or were too many */
	uint32_t answers;  /* that go out in pieces: while there are, a look is good for a second */
};

/* Is it the server's own one? */
bool wr_http_is_own(const struct wr_http_pipelines *p, const struct wr_http_pipeline *one);

const char *wr_http_state_name(enum weir_metrics_state state);

/* It stays, in the list or not, until as many leave. */
void wr_http_pipeline_use(struct wr_http_pipeline *one);
void wr_http_pipeline_leave(struct wr_http_pipeline *one);

/* All copies as of now. */
void wr_http_pipelines_look(struct wr_http_pipelines *p);
void wr_http_pipelines_fini(struct wr_http_pipelines *p);

#endif
