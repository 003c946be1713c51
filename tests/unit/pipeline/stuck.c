/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: who stops holds up nobody else. While one producer holds a claim and one handler sleeps
 * with an event in its hands, a million events of others are published, durable, delivered and
 * acknowledged; then both let go, and everything is complete.
 *
 * Method: partition 0 belongs to a member whose handler sleeps on a latch, partition 1 to a polled
 * member of the same group, and a second group reads both. The producer with the claim fills it
 * before and commits it after. Each reader checks that what it gets is the next number of its
 * partition, so that nothing is missed, repeated or out of order; before the latch opens, the
 * subscriptions are asked what is left of what they could have, and the members' progress is
 * durable.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS_NATIVE 1000000u
#define EVENTS_EMULATED 30000u
#define HELD_EVERY 1000u /* of them go to the sleeper's partition */
#define BATCH 64u

struct reader {
	struct weir_member *member;
	uint64_t next[2]; /* number expected next, by partition */
	uint64_t wrong;
	uint64_t from_claim; /* events of the claim */
};

static struct fixture f;
static uint32_t topic;
static uint64_t event_count;
static struct reader polled, other;
static struct reader sleeper;
static wr_atomic_u64 sleeper_got;
static wr_atomic_u32 let_go;

#define CLAIMED UINT64_MAX /* the number of the claimed event */

static void take(struct reader *r, const struct weir_item *item)
{
	if (item->kind != WEIR_ITEM_EVENT || item->partition > 1) {
		r->wrong++;
		return;
	}
	uint64_t number = fixture_number(item);
	if (number == CLAIMED)
		r->from_claim++;
	else if (number != r->next[item->partition]++)
		r->wrong++;
}

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	(void)context;
	(void)member;
	(void)wr_add_relaxed(&sleeper_got, 1u);
	while (wr_load_acquire(&let_go) == 0)
		fixture_sleep_ns(1000000u);
	take(&sleeper, item);
	return WEIR_HANDLED_OK;
}

static uint32_t subscribe(const char *name)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options options;
	uint32_t id;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = topics;
	options.topic_count = 1;
	options.session_timeout_ns = 600000000000u; /* the sleeper keeps its partition */
	fixture_need(weir_subscription_create(f.pipeline, &options, &id, NULL) == 0, name);
	return id;
}

static void join_sleeper(uint32_t group)
{
	struct weir_member_options options;
	weir_member_options_init(&options);
	options.name = "a"; /* by name: partition 0 */
	options.handler = handle;
	options.items_max = 8;
	fixture_need(weir_member_join(f.pipeline, group, &options, &sleeper.member, NULL) == 0,
		     "the sleeper");
}

static struct weir_event numbered(uint32_t partition, const uint64_t *number)
{
	struct weir_event event = fixture_event(topic, NULL, number);
	event.partition_set = true;
	event.partition = partition;
	return event;
}

static void read_some(struct reader *r, uint64_t timeout_ns)
{
	struct weir_item items[256];
	int n = weir_poll(r->member, items, 256, timeout_ns);
	fixture_need(n >= 0, "a poll");
	for (int i = 0; i < n; i++) {
		take(r, &items[i]);
		fixture_need(weir_ack(r->member, &items[i]) == 0, "an ack");
	}
}

/* Publishes all events of the others, reading between; the last ticket. */
static uint64_t publish_all(struct weir_producer *producer, uint64_t next[2])
{
	uint64_t numbers[BATCH], ticket = 0;
	struct weir_event events[BATCH];
	for (uint64_t sent = 0; sent < event_count;) {
		uint32_t n = 0;
		for (; n < BATCH && sent + n < event_count; n++) {
			uint32_t partition = (sent + n) % HELD_EVERY == 0 ? 0 : 1;
			numbers[n] = next[partition]++;
			events[n] = numbered(partition, &numbers[n]);
		}
		for (uint32_t done = 0; done < n;) {
			int rc = weir_publish_many(producer, events + done, n - done, &ticket);
			fixture_need(rc > 0, "publishing");
			done += (uint32_t)rc;
		}
		sent += n;
		read_some(&polled, 0);
		read_some(&other, 0);
	}
	return ticket;
}

static bool all_read(const struct reader *r, const uint64_t next[2], bool both)
{
	return r->next[1] == next[1] && (!both || r->next[0] == next[0]);
}

static void read_until(struct reader *r, const uint64_t next[2], bool both)
{
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (!all_read(r, next, both) && fixture_now_ns() < deadline)
		read_some(r, 1000000u);
}

static uint64_t lag_of(uint32_t subscription)
{
	struct weir_lag lag;
	fixture_need(weir_lag(f.pipeline, subscription, &lag) == 0, "lag");
	return lag.events;
}

/* The sleeper's thread reads on by itself once it is let go. */
static bool lag_falls_to(uint32_t subscription, uint64_t events)
{
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (lag_of(subscription) != events && fixture_now_ns() < deadline)
		fixture_sleep_ns(1000000u);
	return lag_of(subscription) == events;
}

static struct weir_producer *hold_claim(void)
{
	struct weir_producer *holder = fixture_producer(&f, NULL);
	uint64_t number = CLAIMED;
	struct weir_event event = numbered(0, &number);
	void *room;
	fixture_need(weir_claim(holder, &event, sizeof number, &room) == 0, "a claim");
	*(uint64_t *)room = number;
	return holder;
}

static void wait_for_sleeper(struct weir_producer *producer)
{
	uint64_t number = 0, ticket;
	struct weir_event first = numbered(0, &number);
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	fixture_need(weir_publish(producer, &first, &ticket) == 0, "the sleeper's event");
	while (wr_load_relaxed(&sleeper_got) == 0 && fixture_now_ns() < deadline)
		fixture_sleep_ns(1000000u);
}

static void run(const char *io_name, enum weir_io io)
{
	uint64_t next[2] = {1, 0}, ticket;
	polled = other = sleeper = (struct reader){.member = NULL};
	wr_store_relaxed(&sleeper_got, 0u);
	wr_store_relaxed(&let_go, 0u);
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.io = io;
	f.options.lane_bytes = 1u << 20;
	f.options.segment_bytes = 4u << 20;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 2);
	uint32_t group = subscribe("group"), both = subscribe("both");
	join_sleeper(group);
	polled.member = fixture_member(&f, group, "b");
	other.member = fixture_member(&f, both, NULL);
	fixture_need(fixture_owns(polled.member, 1) && fixture_owns(other.member, 2), "partitions");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_producer *holder = hold_claim();
	wait_for_sleeper(producer);
	tap_check(wr_load_relaxed(&sleeper_got) == 1, "%s: the handler sleeps with its event",
		  io_name);

	ticket = publish_all(producer, next);
	fixture_wait(producer, ticket);
	read_until(&polled, next, false);
	read_until(&other, next, true);
	tap_check(polled.wrong == 0 && all_read(&polled, next, false) && other.wrong == 0 &&
			  all_read(&other, next, true),
		  "%s: %" PRIu64 " events of others were durable and delivered", io_name,
		  event_count);
	tap_check(weir_member_commit(polled.member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0 &&
			  weir_member_commit(other.member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) ==
				  0,
		  "%s: and acknowledged, durably", io_name);
	tap_check(lag_of(both) == 0 && lag_of(group) == next[0],
		  "%s: only the sleeper's %" PRIu64 " events are left", io_name, next[0]);
	tap_check(wr_load_relaxed(&sleeper_got) == 1 && wr_load_relaxed(&let_go) == 0,
		  "%s: the handler still sleeps", io_name);

	fixture_need(weir_commit(holder, sizeof(uint64_t), &ticket) == 0, "the commit");
	fixture_wait(holder, ticket);
	wr_store_release(&let_go, 1u);
	tap_check(lag_falls_to(group, 0), "%s: let go, the sleeper handles the rest", io_name);
	read_until(&other, (uint64_t[]){next[0], next[1]}, true);
	while (other.from_claim == 0 && lag_of(both) > 0)
		read_some(&other, 1000000u);
	fixture_need(weir_member_leave(sleeper.member, FIXTURE_LONG_NS) == 0, "leaving");
	tap_check(sleeper.wrong == 0 && sleeper.next[0] == next[0] && sleeper.from_claim == 1 &&
			  other.from_claim == 1 && polled.from_claim == 0,
		  "%s: everything is complete, the claimed event too", io_name);
	weir_release(polled.member);
	weir_release(other.member);
	fixture_close(&f, NULL);
	fixture_end(&f);
}

int main(void)
{
	event_count = fixture_emulated() ? EVENTS_EMULATED : EVENTS_NATIVE;
	if (fixture_has_uring())
		run("io_uring", WEIR_IO_URING);
	else
		tap_skip("io_uring is refused here, or left out");
	run("posix", WEIR_IO_POSIX);
	return tap_end();
}
