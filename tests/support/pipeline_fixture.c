/* SPDX-License-Identifier: Apache-2.0 */
/* See pipeline_fixture.h. */
#include "tests/support/pipeline_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/port/clock.h"
#include "io/posix/clock_posix.h"
#include "tests/support/even_clock.h"

/* Polls without an item that are enough to say: there is none. */
#define REST_NS 30000000u
/* Steps without work that are enough to say: there is nothing to do. */
#define IDLE_STEPS 100u

void fixture_need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "the test could not go on: %s\n", what);
	abort();
}

static void need(int code, const struct weir_problem *problem, const char *what)
{
	if (code == 0)
		return;
	fprintf(stderr, "%s: %s: %s %s\n", what, weir_error_name(code), problem->field,
		problem->text);
	abort();
}

uint64_t fixture_now_ns(void)
{
	return wr_clock_mono_ns(wr_clock_posix());
}

void fixture_sleep_ns(uint64_t ns)
{
	struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u),
				.tv_nsec = (long)(ns % 1000000000u)};
	while (nanosleep(&left, &left) != 0)
		;
	even_clock_slept(ns);
}

void fixture_settle(struct fixture *f)
{
	uint32_t idle = 0;
	while (idle < IDLE_STEPS)
		idle = weir_step(f->pipeline, 0) > 0 ? 0 : idle + 1;
}

bool fixture_signalled(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLIN};
	uint64_t count;
	if (poll(&look, 1, 0) != 1)
		return false;
	fixture_need(read(fd, &count, sizeof count) == (ssize_t)sizeof count, "read a signal");
	return true;
}

bool fixture_emulated(void)
{
	return getenv("WEIR_TEST_EMULATED") != NULL;
}

bool fixture_has_uring(void)
{
	const char *wanted = getenv("WEIR_TEST_IO");
	struct fixture f;
	struct weir_problem problem;
	if (wanted != NULL && strcmp(wanted, "posix") == 0)
		return false;
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.io = WEIR_IO_URING;
	bool has = weir_open(&f.options, &f.pipeline, &problem) == 0;
	fixture_end(&f);
	return has;
}

void fixture_init(struct fixture *f, int kind)
{
	*f = (struct fixture){.pipeline = NULL};
	if ((kind & FIXTURE_MEMORY) == 0)
		test_dir_make(f->dir);
	test_options(&f->options, f->dir[0] != '\0' ? f->dir : NULL);
	f->options.manual = (kind & FIXTURE_MANUAL) != 0;
	f->options.chunk_bytes = FIXTURE_CHUNK_BYTES;
	f->options.pool_bytes = 2u << 20;
	f->options.undurable_bytes = 512u << 10;
	f->options.lane_bytes = FIXTURE_LANE_BYTES;
	f->options.member_lane_bytes = 32u << 10;
	f->options.producers_max = 4;
	f->options.members_max = 4;
	f->options.topics_max = 4;
	f->options.partitions_max = 32;
	f->options.subscriptions_max = 4;
	f->options.named_producers_max = 4;
	f->options.outstanding_max = 256;
	f->options.run_records_max = 64;
	f->options.segment_bytes = 512u << 10;
	f->options.segments_max = 4096;
	f->options.segments_ahead = 1;
}

void fixture_open(struct fixture *f)
{
	struct weir_problem problem = {0};
	if (!f->options.manual)
		even_clock_end();
	need(weir_open(&f->options, &f->pipeline, &problem), &problem, "opening the pipeline");
}

void fixture_begin(struct fixture *f, int kind)
{
	fixture_init(f, kind);
	fixture_open(f);
}

void fixture_close(struct fixture *f, struct weir_close_report *ret_report)
{
	struct weir_problem none = {0};
	int rc = weir_close(f->pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, ret_report);
	f->pipeline = NULL;
	need(rc, &none, "closing the pipeline");
}

void fixture_end(struct fixture *f)
{
	(void)weir_close(f->pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	f->pipeline = NULL;
	if (f->dir[0] != '\0')
		test_dir_remove(f->dir);
}

uint32_t fixture_topic(struct fixture *f, const char *name, uint32_t partitions)
{
	struct weir_topic_options options;
	struct weir_problem problem = {0};
	uint32_t topic;
	weir_topic_options_init(&options);
	options.name = name;
	options.partitions = partitions;
	need(weir_topic_create(f->pipeline, &options, &topic, &problem), &problem, "a topic");
	return topic;
}

uint32_t fixture_subscription(struct fixture *f, const char *name, const char *topic)
{
	struct weir_subscription_options options;
	struct weir_problem problem = {0};
	uint32_t id;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = &topic;
	options.topic_count = 1;
	need(weir_subscription_create(f->pipeline, &options, &id, &problem), &problem,
	     "a subscription");
	return id;
}

struct weir_producer *fixture_producer(struct fixture *f, const char *name)
{
	struct weir_producer_options options;
	struct weir_problem problem = {0};
	struct weir_producer *producer = NULL;
	weir_producer_options_init(&options);
	options.name = name;
	need(weir_producer_open(f->pipeline, &options, &producer, &problem), &problem,
	     "a producer");
	return producer;
}

struct weir_member *fixture_member(struct fixture *f, uint32_t subscription, const char *name)
{
	struct weir_member_options options;
	struct weir_problem problem = {0};
	struct weir_member *member = NULL;
	weir_member_options_init(&options);
	options.name = name;
	need(weir_member_join(f->pipeline, subscription, &options, &member, &problem), &problem,
	     "a member");
	return member;
}

struct weir_event fixture_event(uint32_t topic, const uint64_t *key, const uint64_t *number)
{
	struct weir_event event = {
		.topic = topic, .payload = number, .payload_bytes = sizeof *number};
	if (key != NULL) {
		event.key = key;
		event.key_bytes = sizeof *key;
	}
	return event;
}

uint64_t fixture_publish(struct weir_producer *producer, uint32_t topic, uint64_t first,
			 uint64_t end)
{
	uint64_t ticket = 0;
	for (uint64_t number = first; number < end; number++) {
		struct weir_event event = fixture_event(topic, NULL, &number);
		int rc = weir_publish(producer, &event, &ticket);
		need(rc, &(struct weir_problem){0}, "publishing");
		/* Its answers are taken, or credit would end before room does. */
		if (number % 256 == 0)
			(void)weir_producer_poll_acks(producer);
	}
	return ticket;
}

void fixture_wait(struct weir_producer *producer, uint64_t ticket)
{
	int rc = weir_wait(producer, ticket, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS);
	need(rc, &(struct weir_problem){0}, "waiting for a ticket");
}

uint64_t fixture_number(const struct weir_item *item)
{
	uint64_t number;
	fixture_need(item->kind == WEIR_ITEM_EVENT && item->payload_bytes >= sizeof number,
		     "an item that is a numbered event");
	memcpy(&number, item->payload, sizeof number);
	return number;
}

uint32_t fixture_poll(struct weir_member *member, struct weir_item *items, uint32_t items_max,
		      uint32_t count, bool ack)
{
	struct weir_item polled[64];
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	uint32_t got = 0;
	while (got < count && fixture_now_ns() < deadline) {
		uint32_t wanted = count - got < 64 ? count - got : 64;
		int n = weir_poll(member, polled, wanted, 100000000u);
		fixture_need(n >= 0, "a poll that works");
		for (int i = 0; i < n; i++, got++) {
			if (items != NULL)
				items[got % items_max] = polled[i];
			if (ack)
				fixture_need(weir_ack(member, &polled[i]) == 0, "an ack");
		}
	}
	return got;
}

uint32_t fixture_poll_rest(struct weir_member *member)
{
	struct weir_item polled[64];
	uint32_t got = 0;
	int n;
	while ((n = weir_poll(member, polled, 64, REST_NS)) > 0)
		got += (uint32_t)n;
	fixture_need(n == 0, "a poll that works");
	return got;
}

bool fixture_owns(struct weir_member *member, int partitions)
{
	struct weir_item item;
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (weir_member_assignments(member, NULL, 0) != partitions) {
		if (fixture_now_ns() > deadline)
			return false;
		fixture_need(weir_poll(member, &item, 1, 1000000u) == 0,
			     "no item before there is an event");
	}
	return true;
}

void fixture_small_segments(struct fixture *f)
{
	f->options.pack = WEIR_PACK_PADDING;
	f->options.segment_bytes = 2 * FIXTURE_CHUNK_BYTES;
	f->options.pool_bytes = 4 * FIXTURE_CHUNK_BYTES;
	f->options.undurable_bytes = 2 * FIXTURE_CHUNK_BYTES;
	f->options.checkpoint_bytes = FIXTURE_CHUNK_BYTES;
}

void fixture_fill(struct weir_producer *producer, uint32_t topic, uint32_t count)
{
	static const uint8_t filler[4000];
	struct weir_event event = {
		.topic = topic, .payload = filler, .payload_bytes = sizeof filler};
	uint64_t ticket = 0;
	for (uint32_t i = 0; i < count; i++)
		fixture_need(weir_publish(producer, &event, &ticket) == 0, "publish filler");
	fixture_wait(producer, ticket);
}

void fixture_replay(struct fixture *f, void (*take)(void *context, const struct weir_item *item),
		    void *context)
{
	struct weir_replay_options o;
	struct weir_replay_progress progress = {.done = false};
	struct weir_replay *replay = NULL;
	struct weir_item items[64];
	weir_replay_options_init(&o);
	fixture_need(weir_replay_open(f->pipeline, &o, &replay, NULL) == 0, "a replay");
	while (!progress.done) {
		int count = weir_replay_next(replay, items, 64, FIXTURE_LONG_NS);
		fixture_need(count >= 0, "the next of a replay");
		for (int i = 0; i < count; i++)
			take(context, &items[i]);
		weir_replay_progress(replay, &progress);
	}
	weir_replay_close(replay);
}

uint64_t fixture_replay_to(struct fixture *f, const char *name, uint32_t subscription,
			   uint32_t topic)
{
	struct weir_replay_to_options o;
	struct weir_replay_to_progress progress = {.state = WEIR_REPLAY_RUNNING};
	struct weir_replay_to *job = NULL;
	weir_replay_to_options_init(&o);
	o.name = name;
	o.subscriptions = &subscription;
	o.subscription_count = 1;
	o.from.topics = &topic;
	o.from.topic_count = topic != UINT32_MAX ? 1 : 0;
	fixture_need(weir_replay_to_open(f->pipeline, &o, &job, NULL) == 0, "a replay");
	while (progress.state == WEIR_REPLAY_RUNNING) {
		fixture_need(weir_replay_to_step(job, FIXTURE_LONG_NS) >= 0, "a step");
		weir_replay_to_progress(job, &progress);
	}
	fixture_need(weir_replay_to_close(job, FIXTURE_LONG_NS) == 0, "its end");
	return progress.events;
}

void fixture_info(struct fixture *f, struct weir_info *ret_info)
{
	ret_info->struct_bytes = sizeof *ret_info;
	fixture_need(weir_pipeline_info(f->pipeline, ret_info) == 0, "info");
}
