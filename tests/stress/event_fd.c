/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a descriptor that was armed is signalled: who waits in epoll for events or answers never
 *         waits for what has come already.
 * Method: one event at a time. A thread waits in poll(2) on the member's descriptor and takes the
 *         event; the publisher waits on its own descriptor for the answer, then for the other
 *         thread, and publishes the next. A signal that is lost is a poll(2) that ends by its
 *         time-out, which is a failure. In memory only: the time between arming and publishing is
 *         shortest there. Once more beside a flood of events of another topic, which are not to
 *         signal the member, and chunks of which it is told.
 *
 * usage: event_fd [rounds]. Plain main(), TAP.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <weir.h>

#include "core/base/atomic.h"

#define ROUNDS 5000u
#define FLOODED_PART 5u /* of the rounds, beside the flood */
#define LOST_MS 60000   /* no machine stands still for so long */

struct exchange {
	uint64_t rounds;
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	struct weir_member *member;
	uint32_t topic, other_topic;
	wr_atomic_u32 ends;    /* the flood */
	wr_atomic_u64 handled; /* A1: release by the reader, acquire by the publisher */
	wr_atomic_u32 lost;    /* signals that did not come */
};

/* Waits for the descriptor; false: it was not signalled. */
static bool wait_for(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	uint64_t count;
	if (poll(&one, 1, LOST_MS) != 1)
		return false;
	return read(fd, &count, sizeof count) == sizeof count;
}

static void *reader_main(void *argument)
{
	struct exchange *x = argument;
	int fd = weir_member_eventfd(x->member);
	uint64_t handled = 0;
	while (handled < x->rounds) {
		struct weir_item item;
		int count = weir_poll(x->member, &item, 1, 0);
		if (count < 0)
			break;
		if (count == 1) {
			(void)weir_ack_all(x->member);
			wr_store_release(&x->handled, ++handled); /* A1 */
			continue;
		}
		if (!wait_for(fd)) {
			wr_store_relaxed(&x->lost, 1u);
			break;
		}
	}
	return NULL;
}

static bool publish_all(struct exchange *x)
{
	int fd = weir_producer_eventfd(x->producer);
	uint64_t answered = 0;
	for (uint64_t i = 0; i < x->rounds; i++) {
		struct weir_event event = {.topic = x->topic, .payload = &i, .payload_bytes = 8};
		if (weir_publish(x->producer, &event, NULL) != 0)
			return false;
		while (answered <= i) {
			answered += (uint64_t)weir_producer_poll_acks(x->producer);
			if (answered <= i && !wait_for(fd)) {
				printf("# answer %llu was not signalled\n", (unsigned long long)i);
				return false;
			}
		}
		while (wr_load_acquire(&x->handled) <= i) /* A1 */
			if (wr_load_relaxed(&x->lost) != 0) {
				printf("# event %llu was not signalled\n", (unsigned long long)i);
				return false;
			}
	}
	return true;
}

static void *flood_main(void *argument)
{
	struct exchange *x = argument;
	struct weir_producer *producer = NULL;
	struct weir_event event = {.topic = x->other_topic, .payload = "flood", .payload_bytes = 5};
	if (weir_producer_open(x->pipeline, NULL, &producer, NULL) != 0)
		return NULL;
	while (wr_load_relaxed(&x->ends) == 0 && weir_publish(producer, &event, NULL) == 0)
		;
	(void)weir_producer_close(producer, WEIR_FOREVER);
	return NULL;
}

static int open_parts(struct exchange *x)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_subscription_options reading;
	struct weir_producer_options writing;
	struct weir_member_options membership;
	uint32_t subscription;

	weir_options_init(&options);
	options.log.wait = WEIR_WAIT_YIELD;
	weir_topic_options_init(&topic);
	topic.name = "other";
	weir_subscription_options_init(&reading);
	reading.name = "s";
	reading.topics = &topic.name;
	reading.topic_count = 1;
	weir_producer_options_init(&writing);
	weir_member_options_init(&membership);
	int rc = weir_open(&options, &x->pipeline, NULL);
	if (rc == 0)
		rc = weir_topic_create(x->pipeline, &topic, &x->other_topic, NULL);
	topic.name = "t"; // which the subscription reads
	if (rc == 0)
		rc = weir_topic_create(x->pipeline, &topic, &x->topic, NULL);
	if (rc == 0)
		rc = weir_subscription_create(x->pipeline, &reading, &subscription, NULL);
	if (rc == 0)
		rc = weir_producer_open(x->pipeline, &writing, &x->producer, NULL);
	if (rc == 0)
		rc = weir_member_join(x->pipeline, subscription, &membership, &x->member, NULL);
	return rc;
}

static bool run(uint64_t rounds, bool flooded)
{
	struct exchange x = {.rounds = rounds};
	pthread_t reader, flood;
	bool good = false;

	int rc = open_parts(&x);
	bool floods = rc == 0 && flooded && pthread_create(&flood, NULL, flood_main, &x) == 0;
	if (rc == 0 && floods == flooded && pthread_create(&reader, NULL, reader_main, &x) == 0) {
		good = publish_all(&x);
		if (!good)
			wr_store_relaxed(&x.lost, 1u);
		(void)pthread_join(reader, NULL);
	}
	wr_store_relaxed(&x.ends, 1u);
	if (floods)
		(void)pthread_join(flood, NULL);
	weir_member_leave(x.member, WEIR_FOREVER); // gives back what it was lent
	weir_close(x.pipeline, WEIR_CLOSE_ABORT, WEIR_FOREVER, NULL);
	return good;
}

int main(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : ROUNDS;
	int failed = 0;

	if (getenv("WEIR_TEST_EMULATED") != NULL && argc < 2)
		rounds = ROUNDS / 10;
	printf("1..2\n");
	for (int flooded = 0; flooded < 2; flooded++) {
		uint64_t count = flooded ? rounds / FLOODED_PART : rounds;
		bool good = run(count, flooded != 0);
		printf("%s %d - %llu events%s, each signalled to its reader and to its publisher\n",
		       good ? "ok" : "not ok", flooded + 1, (unsigned long long)count,
		       flooded ? " beside a flood" : "");
		failed += good ? 0 : 1;
	}
	return failed == 0 ? 0 : 1;
}
