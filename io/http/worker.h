/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that makes the calls that block: a registration waits for the disk. Jobs are handed
 * over and come back through two lists under one lock; an eventfd tells the server that some came
 * back. At most one job for each connection, so that the lists are bounded by those.
 *
 * Thread: the server's calls add() and done(); stop() and is_over() any.
 */
#ifndef WR_HTTP_WORKER_H
#define WR_HTTP_WORKER_H

#include <stdbool.h>

#include "io/http/site.h"

struct wr_http_job {
	struct wr_http_job *next;
	const struct wr_http_route *route;
	struct wr_http_request *request;
	void *owner; /* whose it is, for who gets it back */
};

struct wr_http_worker;

/* wake_fd: an eventfd that is written to when a job is done, and when the worker is over. */
int wr_http_worker_start(const struct wr_http_site *site, int wake_fd,
			 struct wr_http_worker **ret_worker);
/* After stop() it is answered with 503 at once. */
void wr_http_worker_add(struct wr_http_worker *w, struct wr_http_job *job);
/* The jobs that are done, in their order; NULL: none. */
struct wr_http_job *wr_http_worker_done(struct wr_http_worker *w);
/* No more; those that wait get 503. The one under way goes on. */
void wr_http_worker_stop(struct wr_http_worker *w);
bool wr_http_worker_is_over(struct wr_http_worker *w);
/* When it is over, and all that was done is taken. */
void wr_http_worker_free(struct wr_http_worker *w);

#endif
