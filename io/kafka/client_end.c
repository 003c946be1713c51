/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a client, which waits for no broker.
 *
 * librdkafka keeps an offset commit whose coordinator is gone, or does not answer, for
 * session.timeout.ms (45 s), and does not end a consumer meanwhile, whatever it is told. So a
 * source commits only while its brokers are there (source.c), and this is for what was on its way
 * when they went: such a client is ended on a thread of its own, which is waited for PARTING_NS.
 * After that it ends by itself; nothing of the bridge's is called by it any more, and it takes part
 * in no group: the next client of the bridge is not in its way, nor is the end of the process.
 *
 * Thread: the bridge's, and one for each client that is waited for so.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "io/kafka/client.h"

#define PARTING_NS 2000000000ull
#define SECOND_NS 1000000000ull

/* Freed by whoever is the last: the thread, if nobody waits any more. */
struct parting {
	rd_kafka_t *rk;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool is_over; /* it has ended */
	bool is_left; /* nobody waits */
};

static void parting_free(struct parting *p)
{
	(void)pthread_cond_destroy(&p->wake);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

static void *part(void *context)
{
	struct parting *p = context;
	rd_kafka_destroy_flags(p->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	(void)pthread_mutex_lock(&p->lock);
	p->is_over = true;
	bool is_left = p->is_left;
	(void)pthread_cond_signal(&p->wake);
	(void)pthread_mutex_unlock(&p->lock);
	if (is_left)
		parting_free(p);
	return NULL;
}

static struct parting *parting_make(rd_kafka_t *rk)
{
	struct parting *p = calloc(1, sizeof *p);
	pthread_condattr_t attributes;
	if (p == NULL)
		return NULL;
	p->rk = rk;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&p->wake, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return p;
}

/* False: there is no thread for it. */
static bool part_from(rd_kafka_t *rk)
{
	struct parting *p = parting_make(rk);
	uint64_t end_ns = wr_kafka_now_ns() + PARTING_NS;
	const struct timespec end = {.tv_sec = (time_t)(end_ns / SECOND_NS),
				     .tv_nsec = (long)(end_ns % SECOND_NS)};
	pthread_t thread;
	int rc = 0;
	if (p == NULL)
		return false;
	if (pthread_create(&thread, NULL, part, p) != 0) {
		parting_free(p);
		return false;
	}
	(void)pthread_detach(thread);
	(void)pthread_mutex_lock(&p->lock);
	while (!p->is_over && rc == 0)
		rc = pthread_cond_timedwait(&p->wake, &p->lock, &end);
	bool is_over = p->is_over;
	p->is_left = !is_over;
	(void)pthread_mutex_unlock(&p->lock);
	if (is_over)
		parting_free(p);
	return true;
}

void wr_kafka_client_end(struct wr_kafka_client *client)
{
	if (client->rk == NULL)
		return;
	if (rd_kafka_type(client->rk) == RD_KAFKA_PRODUCER)
		(void)rd_kafka_purge(client->rk, RD_KAFKA_PURGE_F_QUEUE |
							 RD_KAFKA_PURGE_F_INFLIGHT |
							 RD_KAFKA_PURGE_F_NON_BLOCKING);
	if (!client->is_committing || !part_from(client->rk))
		rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	client->rk = NULL;
}
