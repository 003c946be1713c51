/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread and epoll: a descriptor of the producer says that answers have come, one of the member
 * that a poll may find items. Nothing here waits but epoll_wait().
 */
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <weir.h>

#define EVENTS 500u

struct loop {
	int epoll_fd;
	struct weir_producer *producer;
	struct weir_member *member;
	uint32_t topic;
	uint64_t published, answered, handled;
};

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	return fd < 0 ? fd : epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* The eight bytes say only that something happened; reading them makes the descriptor quiet. */
static void quiet(int fd)
{
	uint64_t count;
	if (read(fd, &count, sizeof count) < 0)
		return; // nothing there: it was read already
}

static int publish_some(struct loop *loop)
{
	for (int i = 0; i < 32 && loop->published < EVENTS; i++) {
		struct weir_event event = {.topic = loop->topic,
					   .payload = &loop->published,
					   .payload_bytes = sizeof loop->published};
		int rc = weir_publish(loop->producer, &event, NULL);
		if (rc == WEIR_E_AGAIN)
			return 0; // the lane is full: later
		if (rc != 0)
			return rc;
		loop->published++;
	}
	return 0;
}

/* Until a poll finds nothing: then the descriptor is armed again. */
static int handle_items(struct loop *loop)
{
	struct weir_item items[64];
	int count;
	while ((count = weir_poll(loop->member, items, 64, 0)) > 0) {
		loop->handled += (uint64_t)count;
		(void)weir_ack_all(loop->member);
	}
	return count;
}

static int turn(struct loop *loop)
{
	struct epoll_event events[4];
	int rc = publish_some(loop);
	int count = epoll_wait(loop->epoll_fd, events, 4, loop->published < EVENTS ? 0 : 100);
	for (int i = 0; i < count; i++)
		quiet(events[i].data.fd);
	loop->answered += (uint64_t)weir_producer_poll_acks(loop->producer);
	return rc != 0 ? rc : handle_items(loop);
}

static int run(struct loop *loop)
{
	int rc = watch(loop->epoll_fd, weir_producer_eventfd(loop->producer));
	if (rc == 0)
		rc = watch(loop->epoll_fd, weir_member_eventfd(loop->member));
	while (rc == 0 && (loop->answered < EVENTS || loop->handled < EVENTS))
		rc = turn(loop);
	return rc;
}

static int open_parts(struct weir_pipeline *pipeline, struct loop *loop, struct weir_problem *why)
{
	struct weir_topic_options topic;
	struct weir_subscription_options reading;
	struct weir_producer_options writing;
	struct weir_member_options membership;
	uint32_t subscription;

	weir_topic_options_init(&topic);
	topic.name = "ticks";
	weir_subscription_options_init(&reading);
	reading.name = "loop";
	reading.topics = &topic.name;
	reading.topic_count = 1;
	weir_producer_options_init(&writing);
	writing.when_full = WEIR_FULL_TRY; // an event loop does not wait for room
	weir_member_options_init(&membership);
	int rc = weir_topic_create(pipeline, &topic, &loop->topic, why);
	if (rc == 0)
		rc = weir_subscription_create(pipeline, &reading, &subscription, why);
	if (rc == 0)
		rc = weir_producer_open(pipeline, &writing, &loop->producer, why);
	if (rc == 0)
		rc = weir_member_join(pipeline, subscription, &membership, &loop->member, why);
	return rc;
}

int main(void)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_problem why = {.text = ""};
	struct loop loop = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};

	weir_options_init(&options); // no dir: a log in memory only
	int rc = weir_open(&options, &pipeline, &why);
	if (rc == 0) {
		rc = open_parts(pipeline, &loop, &why);
		if (rc == 0)
			rc = run(&loop);
		/* What it polled last is weir's memory: given back before the close. */
		(void)weir_member_leave(loop.member, WEIR_FOREVER);
		(void)weir_producer_close(loop.producer, WEIR_FOREVER);
		int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
		rc = rc != 0 ? rc : closed;
	}
	close(loop.epoll_fd);
	if (rc != 0) {
		fprintf(stderr, "%s: %s %s\n", weir_error_name(rc), why.field, why.text);
		return 1;
	}
	printf("%llu published and answered, %llu handled\n", (unsigned long long)loop.answered,
	       (unsigned long long)loop.handled);
	return 0;
}
