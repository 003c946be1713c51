/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a close wakes everybody who waits in a call, tells them WEIR_E_CLOSED, and frees nothing
 *         under them; what a member still holds is kept until it comes back (P7, L42).
 * Method: a memory-only pipeline whose data is held back by a `block` subscription that nobody
 *         reads. One thread waits in each call that can wait: for events, for room in a full lane
 *         (an event's and a claim's), for a ticket, for a shared lane's answer, for a member that
 *         has not heard of two seeks. Then it is closed, by turns draining and
 *         aborting, with and without items in a member's hands. What was handed over is in the log
 *         and unread, or dropped, and counted once. AddressSanitizer and ThreadSanitizer see who
 *         comes too late.
 *
 * usage: close [rounds]
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define WAITERS 6u
#define PAYLOAD_BYTES 1000u
#define HELD_NS 60000000u

static struct fixture f;
static uint32_t topic, quiet_topic, held, quiet, moved;
static wr_atomic_u32 waiting; /* threads that are about to wait */
static wr_atomic_u64 published_count;
static wr_atomic_u64 handed_over; /* events that are weir's: the log's, or to be dropped */

struct waiter {
	const char *name;
	int (*wait)(void);
	pthread_t thread;
	int result;
	bool may_succeed;
};

static struct weir_event event_of(void)
{
	static const uint8_t payload[PAYLOAD_BYTES];
	return (struct weir_event){
		.topic = topic, .payload = payload, .payload_bytes = sizeof payload};
}

static int wait_for_events(void)
{
	struct weir_member *member = fixture_member(&f, quiet, NULL);
	struct weir_item item;
	fixture_need(fixture_owns(member, 1), "a partition of the quiet topic");
	wr_add_seq(&waiting, 1u);
	return weir_poll(member, &item, 1, WEIR_FOREVER);
}

/* Publishes until the writer takes no more and the lane is full. */
static int wait_for_room(void)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	const struct weir_event event = event_of();
	uint32_t published = 0;
	int rc;
	do {
		/* From here on it may block at any time; the others wait until it has. */
		if (++published == 500)
			wr_add_seq(&waiting, 1u);
		rc = weir_publish(producer, &event, NULL);
		wr_add_seq(&published_count, 1u);
		wr_add_seq(&handed_over, rc == 0 ? 1u : 0u);
	} while (rc == 0);
	return rc;
}

/* The lane is full and the writer takes nothing of it: neither has moved for a good while. */
static void wait_until_held(void)
{
	struct weir_info before, after;
	uint64_t published;
	do {
		published = wr_load_seq(&published_count);
		fixture_info(&f, &before);
		fixture_sleep_ns(HELD_NS);
		fixture_info(&f, &after);
	} while (after.visible_sequence < 500 ||
		 after.visible_sequence != before.visible_sequence ||
		 wr_load_seq(&published_count) != published);
}

/* The lane of a claim is full as soon as the writer takes nothing: it fills its own. */
static int wait_for_a_claim(void)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	const struct weir_event event = event_of();
	void *room;
	int rc;
	wait_until_held();
	wr_add_seq(&waiting, 1u);
	while ((rc = weir_claim(producer, &event, PAYLOAD_BYTES, &room)) == 0) {
		memset(room, 0, PAYLOAD_BYTES);
		rc = weir_commit(producer, PAYLOAD_BYTES, NULL);
		if (rc != 0)
			return rc;
		wr_add_seq(&handed_over, 1u);
	}
	return rc;
}

/* Its only member has the partition and never polls again: the third seek waits for it. */
static int wait_for_a_seek(void)
{
	struct weir_problem problem;
	struct weir_member *member = fixture_member(&f, moved, NULL);
	fixture_need(fixture_owns(member, 1), "a partition to be moved");
	weir_release(member); /* it may stand in a chunk, with nothing of it in hand */
	int rc = 0;
	wr_add_seq(&waiting, 1u);
	while (rc == 0)
		rc = weir_subscription_seek(f.pipeline, moved, WEIR_SEEK_OLDEST, 0, WEIR_FOREVER,
					    &problem);
	return rc;
}

static int wait_for_ticket(void)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	const struct weir_event event = event_of();
	uint64_t ticket;
	wait_until_held();
	fixture_need(weir_publish(producer, &event, &ticket) == 0, "room in an empty lane");
	wr_add_seq(&handed_over, 1u);
	wr_add_seq(&waiting, 1u);
	return weir_wait(producer, ticket, WEIR_LEVEL_MEMORY, WEIR_FOREVER);
}

static int wait_for_the_shared_lane(void)
{
	const struct weir_event event = event_of();
	wait_until_held();
	wr_add_seq(&waiting, 1u);
	return weir_publish_once(f.pipeline, &event, WEIR_LEVEL_MEMORY, WEIR_FOREVER, NULL);
}

static struct waiter waiters[WAITERS] = {
	{.name = "poll", .wait = wait_for_events},
	{.name = "publish", .wait = wait_for_room},
	{.name = "claim", .wait = wait_for_a_claim},
	{.name = "seek", .wait = wait_for_a_seek},
	{.name = "wait", .wait = wait_for_ticket, .may_succeed = true},
	{.name = "publish_once", .wait = wait_for_the_shared_lane, .may_succeed = true},
};

static void *run(void *argument)
{
	struct waiter *w = argument;
	w->result = w->wait();
	return NULL;
}

static uint32_t block_subscription(const char *name, const char *topic_name)
{
	struct weir_subscription_options options;
	struct weir_problem problem;
	uint32_t id;
	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = &topic_name;
	options.topic_count = 1;
	options.when_slow = WEIR_SLOW_BLOCK;
	fixture_need(weir_subscription_create(f.pipeline, &options, &id, &problem) == 0, name);
	return id;
}

/* A member that holds the log back and does not come again; with `items` in its hands or not. */
static struct weir_member *hold_back(bool items)
{
	struct weir_member *member = fixture_member(&f, held, NULL);
	struct weir_item item;
	fixture_need(fixture_owns(member, 1), "the partition that is held");
	if (items) {
		struct weir_producer *producer = fixture_producer(&f, NULL);
		const struct weir_event event = event_of();
		fixture_need(weir_publish(producer, &event, NULL) == 0 &&
				     weir_poll(member, &item, 1, FIXTURE_LONG_NS) == 1 &&
				     weir_producer_close(producer, FIXTURE_LONG_NS) == 0,
			     "one item to hold");
		wr_add_seq(&handed_over, 1u);
	} else {
		fixture_need(weir_poll(member, &item, 1, 0) == 0, "nothing to read yet");
	}
	return member;
}

struct hold {
	struct weir_member *member;
	bool items;
};

static void *hold_on_its_thread(void *context)
{
	struct hold *h = context;
	h->member = hold_back(h->items);
	return NULL;
}

/* Held by another thread than the one that closes, which would give back what it polled itself. */
static struct weir_member *held_by_another(bool items)
{
	struct hold h = {.items = items};
	pthread_t thread;
	fixture_need(pthread_create(&thread, NULL, hold_on_its_thread, &h) == 0, "a thread");
	(void)pthread_join(thread, NULL);
	return h.member;
}

/* True: all of it came out as promised. */
static bool one_round(uint32_t round)
{
	bool drains = round % 2 == 0, items = round % 4 >= 2, good = true;
	struct weir_close_report report;
	fixture_init(&f, FIXTURE_MEMORY);
	f.options.pool_bytes = 1u << 20;
	fixture_open(&f);
	topic = fixture_topic(&f, "busy", 1);
	quiet_topic = fixture_topic(&f, "quiet", 1);
	wr_store_seq(&handed_over, 0u);
	held = block_subscription("held", "busy");
	quiet = fixture_subscription(&f, "quiet", "quiet");
	moved = fixture_subscription(&f, "moved", "quiet");
	bool own = round % 8 >= 6;
	struct weir_member *holder = own ? hold_back(items) : held_by_another(items);
	wr_store_seq(&waiting, 0u);
	wr_store_seq(&published_count, 0u);
	for (uint32_t i = 0; i < WAITERS; i++)
		fixture_need(pthread_create(&waiters[i].thread, NULL, run, &waiters[i]) == 0,
			     "a thread");
	while (wr_load_seq(&waiting) < WAITERS)
		fixture_sleep_ns(1000000);
	fixture_sleep_ns(5000000 + round % 3 * 1000000);

	uint64_t began_ns = fixture_now_ns();
	int rc = weir_close(f.pipeline, drains ? WEIR_CLOSE_DRAIN : WEIR_CLOSE_ABORT,
			    FIXTURE_LONG_NS, &report);
	uint64_t took_ns = fixture_now_ns() - began_ns;
	f.pipeline = NULL;
	for (uint32_t i = 0; i < WAITERS; i++) {
		(void)pthread_join(waiters[i].thread, NULL);
		/* Whose answer is waited for may get it yet: what was held back is ordered. */
		if (waiters[i].result == WEIR_E_CLOSED ||
		    (waiters[i].may_succeed && waiters[i].result == 0))
			continue;
		good = false;
		(void)printf("# round %u: %s was told %s\n", round, waiters[i].name,
			     weir_error_name(waiters[i].result));
	}
	/*
	 * A drain orders what was held back, and waits for nobody to read it. What came through the
	 * shared lane may have come after the refusal.
	 */
	uint64_t found = report.unread_events + report.dropped_events;
	uint64_t handed = wr_load_seq(&handed_over);
	if (rc != 0 || (drains && report.dropped_events != 0) ||
	    (found != handed && found != handed + 1) ||
	    report.borrowed_members != (items && !own ? 1u : 0u) || took_ns > 10000000000u) {
		good = false;
		(void)printf(
			"# round %u: the close said %s in %llu ms, unread %llu, dropped %llu of "
			"%llu, borrowed %llu\n",
			round, weir_error_name(rc), (unsigned long long)took_ns / 1000000,
			(unsigned long long)report.unread_events,
			(unsigned long long)report.dropped_events, (unsigned long long)handed,
			(unsigned long long)report.borrowed_members);
	}
	if (items && !own)
		weir_release(holder); /* the last one out takes the memory with it */
	return good;
}

int main(int argc, char **argv)
{
	uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 12;
	uint32_t good = 0;
	(void)printf("1..1\n");
	for (uint32_t round = 0; round < rounds; round++)
		good += one_round(round) ? 1 : 0;
	(void)printf("%sok 1 - who waits is told of a close, and nothing is freed under him\n",
		     good == rounds ? "" : "not ");
	return good == rounds ? 0 : 1;
}
