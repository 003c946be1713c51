/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer about all pipelines that is made as it goes out: however much there is to say, what is
 * made and not yet read is one piece. So that those of one moment stand in it, the copies of the
 * files stay as they are meanwhile, for a second; who reads more slowly than that gets later ones
 * in what is left, each piece whole. The pipelines, and which of them live, are those of its
 * beginning: one that goes away meanwhile is told to the end.
 *
 * Thread: the server's.
 */
#ifndef WR_HTTP_WALK_H
#define WR_HTTP_WALK_H

#include "io/http/pipelines.h"
#include "io/http/site.h"

/* The first member of what an answer remembers between its pieces. */
struct wr_http_walk {
	struct wr_http_pipelines *all;
	struct wr_http_pipeline *list[WR_HTTP_PIPELINES_MAX]; /* used by it */
	bool is_alive[WR_HTTP_PIPELINES_MAX];                 /* when it began */
	uint32_t count;
	struct wr_http_text text; /* a piece */
	size_t sent;              /* of it */
	/* Puts what comes next into `text`, which is empty. False: that was all. */
	bool (*make)(struct wr_http_walk *walk);
};

/* Looks, and begins one of `bytes`, zeroed, which its last piece frees. NULL: no memory, which the
 * request says then. */
void *wr_http_walk_begin(const struct wr_http_site *site, struct wr_http_request *r, size_t bytes,
			 bool (*make)(struct wr_http_walk *walk));

#endif
