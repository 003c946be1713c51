/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See close.h. Who waits for the disk: a commit, a ticket at the level durable, an event of a
 * thread without a lane, a poll behind the durable gate, and the descriptors of both. The disk
 * stands still because the writes of the posix backend do (linked with --wrap); it goes on when the
 * close has begun, since a close waits for writes that are under way.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <weir.h>

#include "core/base/bits.h"
#include "tests/stress/close.h"

static wr_atomic_u32 stands_still, held_writes;
static uint32_t topic;
static uint64_t ticket;
static struct weir_producer *producer, *asker;
static struct weir_member *committer, *reader, *watcher;

/* ---- the disk ---- */

ssize_t __real_pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags);
ssize_t __wrap_pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags);
ssize_t __real_pwrite64(int fd, const void *bytes, size_t count, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t count, off_t offset);

static void stand_still(void)
{
	if (wr_load_seq(&stands_still) == 0)
		return;
	wr_add_seq(&held_writes, 1u);
	while (wr_load_seq(&stands_still) != 0)
		fixture_sleep_ns(200000);
}

ssize_t __wrap_pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
	stand_still();
	return __real_pwritev64v2(fd, parts, count, offset, flags);
}

ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t count, off_t offset)
{
	stand_still();
	return __real_pwrite64(fd, bytes, count, offset);
}

/* ---- waiters ---- */

static int wait_for_a_commit(void)
{
	wr_add_seq(&close_waiting, 1u);
	return weir_member_commit(committer, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
}

static int wait_for_a_ticket(void)
{
	wr_add_seq(&close_waiting, 1u);
	return weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER);
}

static int wait_without_a_lane(void)
{
	const uint64_t number = 4;
	const struct weir_event event = fixture_event(topic, NULL, &number);
	wr_add_seq(&close_waiting, 1u);
	return weir_publish_once(close_bed.pipeline, &event, WEIR_LEVEL_DURABLE, WEIR_FOREVER,
				 NULL);
}

static int wait_behind_the_gate(void)
{
	struct weir_item item;
	wr_add_seq(&close_waiting, 1u);
	return weir_poll(reader, &item, 1, WEIR_FOREVER);
}

static int wait_for_answers(void)
{
	return close_wait_for_answers(asker);
}

static int wait_for_items(void)
{
	return close_wait_for_items(watcher);
}

#define READER 3u /* of the waiters below */

static struct close_waiter waiters[] = {
	{.name = "commit", .wait = wait_for_a_commit, .stays = 2, .may_succeed = true},
	{.name = "wait durable", .wait = wait_for_a_ticket, .stays = 2, .may_succeed = true},
	{.name = "publish_once durable",
	 .wait = wait_without_a_lane,
	 .stays = 2,
	 .may_succeed = true},
	{.name = "poll durable", .wait = wait_behind_the_gate, .stays = 1, .may_succeed = true},
	{.name = "producer's descriptor", .wait = wait_for_answers, .may_succeed = true},
	{.name = "member's descriptor", .wait = wait_for_items, .may_succeed = true},
};

/* ---- a round ---- */

static uint32_t subscription(const char *name, enum weir_level gate)
{
	static const char *const names[] = {"t"};
	struct weir_subscription_options options;
	uint32_t id;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = names;
	options.topic_count = 1;
	options.gate = gate;
	fixture_need(weir_subscription_create(close_bed.pipeline, &options, &id, NULL) == 0, name);
	return id;
}

/* Everything that was published before is durable and read; then the disk stands still. */
static void set_up(void)
{
	struct weir_item item;
	fixture_init(&close_bed, FIXTURE_DURABLE);
	close_bed.options.io = WEIR_IO_POSIX;
	fixture_open(&close_bed);
	topic = fixture_topic(&close_bed, "t", 1);
	committer = fixture_member(&close_bed, subscription("now", WEIR_LEVEL_MEMORY), NULL);
	reader = fixture_member(&close_bed, subscription("later", WEIR_LEVEL_DURABLE), NULL);
	watcher = fixture_member(&close_bed, subscription("watched", WEIR_LEVEL_DURABLE), NULL);
	producer = fixture_producer(&close_bed, NULL);
	asker = fixture_producer(&close_bed, NULL);
	fixture_need(fixture_owns(committer, 1) && fixture_owns(reader, 1) &&
			     fixture_owns(watcher, 1),
		     "the partition, by three members");
	wr_store_seq(&held_writes, 0u);
	wr_store_seq(&stands_still, 1u);
	ticket = fixture_publish(producer, topic, 0, 3);
	(void)fixture_publish(asker, topic, 3, 4);
	fixture_need(weir_poll(committer, &item, 1, FIXTURE_LONG_NS) == 1 &&
			     weir_ack(committer, &item) == 0,
		     "an event to commit");
	while (wr_load_seq(&held_writes) == 0)
		fixture_sleep_ns(200000);
}

static void *let_the_disk_go_on(void *context)
{
	const uint32_t *round = context;
	fixture_sleep_ns(1000000 + *round % 3 * 1000000);
	wr_store_seq(&stands_still, 0u);
	return NULL;
}

bool close_disk_round(uint32_t round)
{
	pthread_t thread;
	set_up();
	close_start(waiters, WR_ARRAY_COUNT(waiters));
	close_wait_until_inside(waiters, WR_ARRAY_COUNT(waiters));
	fixture_need(pthread_create(&thread, NULL, let_the_disk_go_on, &round) == 0, "a thread");
	int rc =
		weir_close(close_bed.pipeline, round % 2 == 0 ? WEIR_CLOSE_DRAIN : WEIR_CLOSE_ABORT,
			   FIXTURE_LONG_NS, NULL);
	close_bed.pipeline = NULL;
	(void)pthread_join(thread, NULL);
	bool good = close_join(waiters, WR_ARRAY_COUNT(waiters), round);
	/* Who was handed an item yet keeps the memory that it lies in. */
	if (waiters[READER].result > 0)
		weir_release(reader);
	if (rc != 0)
		(void)printf("# round %u: the close said %s\n", round, weir_error_name(rc));
	fixture_end(&close_bed);
	return good && rc == 0;
}
