/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork(): lanes and chunks are shared memory, threads are not copied. So a child's handles refuse
 * everything from its first moment on, a close too: nothing of the pipeline is the child's to take
 * apart. `refuse` and `forked` are private memory: the parent does not notice. What would keep the
 * directory locked in the child is io/posix/lock.c's.
 */
#include "io/host.h"

static pthread_mutex_t hosts_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct wr_io_host *hosts;

static void before_fork(void)
{
	(void)pthread_mutex_lock(&hosts_lock);
}

static void after_fork_parent(void)
{
	(void)pthread_mutex_unlock(&hosts_lock);
}

static void after_fork_child(void)
{
	for (struct wr_io_host *h = hosts; h != NULL; h = h->next) {
		wr_store_seq(&h->pipeline->refuse, (uint32_t)-WEIR_E_CLOSED); /* F1 */
		wr_store_relaxed(&h->pipeline->forked, 1u);
	}
	hosts = NULL;
	(void)pthread_mutex_unlock(&hosts_lock);
}

static void install(void)
{
	(void)pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

void wr_host_register(struct wr_io_host *h)
{
	(void)pthread_once(&once, install);
	(void)pthread_mutex_lock(&hosts_lock);
	h->next = hosts;
	hosts = h;
	(void)pthread_mutex_unlock(&hosts_lock);
}

void wr_host_unregister(struct wr_io_host *h)
{
	(void)pthread_mutex_lock(&hosts_lock);
	struct wr_io_host **at = &hosts;
	while (*at != NULL && *at != h)
		at = &(*at)->next;
	if (*at != NULL)
		*at = h->next;
	(void)pthread_mutex_unlock(&hosts_lock);
}
