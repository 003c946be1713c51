/* SPDX-License-Identifier: Apache-2.0 */
/* See worker.h. */
#include "io/http/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <sys/eventfd.h>

#include <weir/registry.h>

#include "io/http/thread.h"

struct list {
	struct wr_http_job *first;
	struct wr_http_job **last;
};

struct wr_http_worker {
	struct wr_http_site site;
	int wake_fd;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock: */
	struct list waiting;
	struct list done;
	bool stopping;
	bool over;
};

static void append(struct list *l, struct wr_http_job *job)
{
	job->next = NULL;
	*l->last = job;
	l->last = &job->next;
}

static struct wr_http_job *take_first(struct list *l)
{
	struct wr_http_job *job = l->first;
	if (job != NULL) {
		l->first = job->next;
		if (l->first == NULL)
			l->last = &l->first;
	}
	return job;
}

static void tell(struct wr_http_worker *w)
{
	(void)eventfd_write(w->wake_fd, 1);
}

static void refuse(struct wr_http_worker *w, struct wr_http_job *job)
{
	wr_http_fail(job->request, 503, "the server is being closed");
	append(&w->done, job);
}

/* Under the lock, which is let go of meanwhile. */
static void work(struct wr_http_worker *w, struct wr_http_job *job)
{
	(void)pthread_mutex_unlock(&w->lock);
	job->route->answer(&w->site, job->request);
	(void)pthread_mutex_lock(&w->lock);
	append(&w->done, job);
	tell(w);
}

static void *run(void *context)
{
	struct wr_http_worker *w = context;
	struct wr_http_job *job;
	weir_registry_timeout_set(w->site.call_ns);
	(void)pthread_mutex_lock(&w->lock);
	while (!w->stopping) {
		job = take_first(&w->waiting);
		if (job != NULL)
			work(w, job);
		else
			(void)pthread_cond_wait(&w->changed, &w->lock);
	}
	while ((job = take_first(&w->waiting)) != NULL)
		refuse(w, job);
	w->over = true;
	tell(w);
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

int wr_http_worker_start(const struct wr_http_site *site, int wake_fd,
			 struct wr_http_worker **ret_worker)
{
	struct wr_http_worker *w = calloc(1, sizeof *w);
	if (w == NULL)
		return -ENOMEM;
	w->site = *site;
	w->wake_fd = wake_fd;
	w->waiting.last = &w->waiting.first;
	w->done.last = &w->done.first;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->changed, NULL);
	int rc = wr_http_thread_start(&w->thread, "weir-serve-call", run, w);
	if (rc != 0) {
		(void)pthread_cond_destroy(&w->changed);
		(void)pthread_mutex_destroy(&w->lock);
		free(w);
		return rc;
	}
	*ret_worker = w;
	return 0;
}

void wr_http_worker_add(struct wr_http_worker *w, struct wr_http_job *job)
{
	(void)pthread_mutex_lock(&w->lock);
	if (w->stopping) {
		refuse(w, job);
		tell(w);
	} else {
		append(&w->waiting, job);
		(void)pthread_cond_signal(&w->changed);
	}
	(void)pthread_mutex_unlock(&w->lock);
}

struct wr_http_job *wr_http_worker_done(struct wr_http_worker *w)
{
	(void)pthread_mutex_lock(&w->lock);
	struct wr_http_job *first = w->done.first;
	w->done = (struct list){.last = &w->done.first};
	(void)pthread_mutex_unlock(&w->lock);
	return first;
}

void wr_http_worker_stop(struct wr_http_worker *w)
{
	(void)pthread_mutex_lock(&w->lock);
	w->stopping = true;
	(void)pthread_cond_signal(&w->changed);
	(void)pthread_mutex_unlock(&w->lock);
}

bool wr_http_worker_is_over(struct wr_http_worker *w)
{
	(void)pthread_mutex_lock(&w->lock);
	bool over = w->over;
	(void)pthread_mutex_unlock(&w->lock);
	return over;
}

void wr_http_worker_free(struct wr_http_worker *w)
{
	if (w == NULL)
		return;
	(void)pthread_join(w->thread, NULL);
	(void)pthread_cond_destroy(&w->changed);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}
