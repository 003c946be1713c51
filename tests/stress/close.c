/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a close wakes everybody who waits in a call, tells them WEIR_E_CLOSED, and frees nothing
 *         under them; what a member still holds is kept until it comes back (P7, L42).
 * Method: a memory-only pipeline whose data is held back by a `block` subscription that nobody
 *         reads. One thread waits in each call that can wait: for events, for room in a full lane
 *         (an event's and a claim's), for a ticket, for a shared lane's answer, for a member that
 *         has not heard of two seeks, for a handler to end so that its member can leave, in poll(2)
 *         on a descriptor of a producer and of a member; and handlers sit in an item, which the
 *         close itself waits for. Then it is closed, by turns draining and
 *         aborting, with and without items in a member's hands. Every fourth round has a disk that
 *         stands still instead (close_disk.c). What was handed over is in the log
 *         and unread, or dropped, and counted once. AddressSanitizer and ThreadSanitizer see who
 *         comes too late. Nobody may begin a call when the close has begun, so the close comes when
 *         everybody is inside one: the pipeline counts them (Y1).
 *
 * usage: close [rounds]
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/pipeline/pipeline.h"
#include "tests/stress/close.h"

#define WAITERS 9u
#define PAYLOAD_BYTES 1000u
#define HELD_NS 60000000u
/* Fewer events than the pool lets in where a member has settled none of them. */
#define HELD_AT 200u
#define HANDLED 4u /* two items of handlers, and their acknowledgements */
#define LOST_MS 60000
#define LOST_NS 60000000000u

struct fixture close_bed;
wr_atomic_u32 close_waiting;      /* threads that are about to wait */
static wr_atomic_u32 close_comes; /* 1: who comes out of a call begins no other */
static wr_atomic_u32 stays_ended; /* of waiters whose call has ended */
static uint32_t topic, quiet_topic, held, quiet, moved, watched;
static wr_atomic_u64 published_count;
static wr_atomic_u64 handed_over; /* events that are weir's: the log's, or to be dropped */

static struct weir_event event_of(void)
{
	static const uint8_t payload[PAYLOAD_BYTES];
	return (struct weir_event){
		.topic = topic, .payload = payload, .payload_bytes = sizeof payload};
}

static int wait_for_events(void)
{
	struct weir_member *member = fixture_member(&close_bed, quiet, NULL);
	struct weir_item item;
	fixture_need(fixture_owns(member, 1), "a partition of the quiet topic");
	wr_add_seq(&close_waiting, 1u);
	return weir_poll(member, &item, 1, WEIR_FOREVER);
}

/* Publishes until the writer takes no more and the lane is full. */
static int wait_for_room(void)
{
	struct weir_producer *producer = fixture_producer(&close_bed, NULL);
	const struct weir_event event = event_of();
	uint32_t published = 0;
	int rc;
	do {
		/* From here on it may block at any time; the others wait until it has. */
		if (++published == HELD_AT)
			wr_add_seq(&close_waiting, 1u);
		rc = weir_publish(producer, &event, NULL);
		wr_add_seq(&published_count, 1u);
		wr_add_seq(&handed_over, rc == 0 ? 1u : 0u);
	} while (rc == 0 && wr_load_seq(&close_comes) == 0);
	return rc;
}

/* The lane is full and the writer takes nothing of it: neither has moved for a good while. */
static void wait_until_held(void)
{
	struct weir_info before, after;
	uint64_t published;
	do {
		published = wr_load_seq(&published_count);
		fixture_info(&close_bed, &before);
		fixture_sleep_ns(HELD_NS);
		fixture_info(&close_bed, &after);
	} while (after.visible_sequence < HELD_AT ||
		 after.visible_sequence != before.visible_sequence ||
		 wr_load_seq(&published_count) != published);
}

/* The lane of a claim is full as soon as the writer takes nothing: it fills its own. */
static int wait_for_a_claim(void)
{
	struct weir_producer *producer = fixture_producer(&close_bed, NULL);
	const struct weir_event event = event_of();
	void *room;
	int rc;
	wait_until_held();
	wr_add_seq(&close_waiting, 1u);
	while ((rc = weir_claim(producer, &event, PAYLOAD_BYTES, &room)) == 0) {
		memset(room, 0, PAYLOAD_BYTES);
		rc = weir_commit(producer, PAYLOAD_BYTES, NULL);
		if (rc != 0)
			return rc;
		wr_add_seq(&handed_over, 1u);
		if (wr_load_seq(&close_comes) != 0)
			return 0;
	}
	return rc;
}

/* Its only member has the partition and never polls again: the third seek waits for it. */
static int wait_for_a_seek(void)
{
	struct weir_problem problem;
	struct weir_member *member = fixture_member(&close_bed, moved, NULL);
	fixture_need(fixture_owns(member, 1), "a partition to be moved");
	weir_release(member); /* it may stand in a chunk, with nothing of it in hand */
	int rc = 0;
	wr_add_seq(&close_waiting, 1u);
	while (rc == 0 && wr_load_seq(&close_comes) == 0)
		rc = weir_subscription_seek(close_bed.pipeline, moved, WEIR_SEEK_OLDEST, 0,
					    WEIR_FOREVER, &problem);
	return rc;
}

static int wait_for_ticket(void)
{
	struct weir_producer *producer = fixture_producer(&close_bed, NULL);
	const struct weir_event event = event_of();
	uint64_t ticket;
	wait_until_held();
	fixture_need(weir_publish(producer, &event, &ticket) == 0, "room in an empty lane");
	wr_add_seq(&handed_over, 1u);
	wr_add_seq(&close_waiting, 1u);
	return weir_wait(producer, ticket, WEIR_LEVEL_MEMORY, WEIR_FOREVER);
}

static int wait_for_the_shared_lane(void)
{
	const struct weir_event event = event_of();
	wait_until_held();
	wr_add_seq(&close_waiting, 1u);
	return weir_publish_once(close_bed.pipeline, &event, WEIR_LEVEL_MEMORY, WEIR_FOREVER, NULL);
}

/*
 * It says at once that there may be something, once: the call that makes it, or a thread of weir's
 * that saw it armed and is about to say so.
 */
static void take_signal(int fd)
{
	struct pollfd made = {.fd = fd, .events = POLLIN};
	uint64_t count;
	fixture_need(fd >= 0 && poll(&made, 1, LOST_MS) == 1, "a descriptor that is signalled");
	fixture_need(read(fd, &count, sizeof count) == sizeof count, "a first signal");
}

static int wait_on(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	wr_add_seq(&close_waiting, 1u);
	return poll(&one, 1, LOST_MS) == 1 ? 0 : -ETIMEDOUT;
}

int close_wait_for_answers(struct weir_producer *producer)
{
	int fd = weir_producer_eventfd(producer);
	take_signal(fd);
	(void)weir_producer_poll_acks(producer);
	return wait_on(fd);
}

int close_wait_for_items(struct weir_member *member)
{
	struct weir_item item;
	int fd = weir_member_eventfd(member);
	take_signal(fd);
	fixture_need(weir_poll(member, &item, 1, 0) == 0, "nothing to read yet");
	weir_release(member); /* it may stand in a chunk, with nothing of it in hand */
	return wait_on(fd);
}

static int wait_for_answers(void)
{
	struct weir_producer *producer = fixture_producer(&close_bed, NULL);
	return close_wait_for_answers(producer);
}

static int wait_for_items(void)
{
	struct weir_member *member = fixture_member(&close_bed, watched, NULL);
	fixture_need(fixture_owns(member, 1), "a partition of the quiet topic");
	return close_wait_for_items(member);
}

/* These go on until the close comes, and are told of it in nearly every round. */
#define LOOPS_FIRST 1u
#define LOOPS_END 4u

static struct close_waiter waiters[WAITERS] = {
	{.name = "poll", .wait = wait_for_events, .stays = 1},
	{.name = "publish", .wait = wait_for_room, .stays = 2, .may_succeed = true},
	{.name = "claim", .wait = wait_for_a_claim, .stays = 2, .may_succeed = true},
	{.name = "seek", .wait = wait_for_a_seek, .stays = 2, .may_succeed = true},
	{.name = "wait", .wait = wait_for_ticket, .stays = 2, .may_succeed = true},
	{.name = "publish_once", .wait = wait_for_the_shared_lane, .stays = 2, .may_succeed = true},
	{.name = "leave", .wait = close_wait_to_leave, .stays = 1, .may_succeed = true},
	/* Their descriptors are readable when it closes: that is all that poll(2) says. */
	{.name = "producer's descriptor", .wait = wait_for_answers, .may_succeed = true},
	{.name = "member's descriptor", .wait = wait_for_items, .may_succeed = true},
};

static void *run(void *argument)
{
	struct close_waiter *w = argument;
	w->result = w->wait();
	wr_add_seq(&stays_ended, w->stays);
	return NULL;
}

void close_start(struct close_waiter *w, uint32_t count)
{
	wr_store_seq(&close_waiting, 0u);
	wr_store_seq(&close_comes, 0u);
	wr_store_seq(&stays_ended, 0u);
	for (uint32_t i = 0; i < count; i++)
		fixture_need(pthread_create(&w[i].thread, NULL, run, &w[i]) == 0, "a thread");
}

void close_wait_until_inside(const struct close_waiter *w, uint32_t count)
{
	uint64_t end_ns = fixture_now_ns() + LOST_NS;
	uint32_t stays = 0, ended;
	for (uint32_t i = 0; i < count; i++)
		stays += w[i].stays;
	while (wr_load_seq(&close_waiting) < count)
		fixture_sleep_ns(1000000);
	wr_store_seq(&close_comes, 1u);
	/* Who has ended is read first: nobody is counted twice who ends in between. */
	while (ended = wr_load_seq(&stays_ended),
	       wr_load_seq(&close_bed.pipeline->callers) + ended != stays) {
		fixture_need(fixture_now_ns() < end_ns, "everybody inside a call");
		fixture_sleep_ns(1000000);
	}
}

bool close_join(struct close_waiter *w, uint32_t count, uint32_t round)
{
	bool good = true;
	for (uint32_t i = 0; i < count; i++) {
		(void)pthread_join(w[i].thread, NULL);
		w[i].told += w[i].result == WEIR_E_CLOSED ? 1 : 0;
		/* Whose answer is waited for may get it yet: what was held back is ordered. */
		if (w[i].result == WEIR_E_CLOSED || (w[i].may_succeed && w[i].result >= 0))
			continue;
		good = false;
		(void)printf("# round %u: %s was told %s\n", round, w[i].name,
			     weir_error_name(w[i].result));
	}
	return good;
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
	fixture_need(weir_subscription_create(close_bed.pipeline, &options, &id, &problem) == 0,
		     name);
	return id;
}

/* A member that holds the log back and does not come again; with `items` in its hands or not. */
static struct weir_member *hold_back(bool items)
{
	struct weir_member *member = fixture_member(&close_bed, held, NULL);
	struct weir_item item;
	fixture_need(fixture_owns(member, 1), "the partition that is held");
	if (items) {
		struct weir_producer *producer = fixture_producer(&close_bed, NULL);
		const struct weir_event event = event_of();
		fixture_need(weir_publish(producer, &event, NULL) == 0 &&
				     weir_poll(member, &item, 1, FIXTURE_LONG_NS) == 1 &&
				     weir_producer_close(producer, FIXTURE_LONG_NS) == 0,
			     "one item to hold");
		wr_add_seq(&handed_over, 1u);
	} else {
		fixture_need(weir_poll(member, &item, 1, 0) == 0, "nothing to read yet");
		weir_release(member); /* it may stand in a chunk, with nothing of it in hand */
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

/* The lanes are full: nobody has handed anything over for a good while. */
static void wait_until_full(void)
{
	uint64_t before;
	while (wr_load_seq(&close_waiting) < WAITERS)
		fixture_sleep_ns(1000000);
	do {
		before = wr_load_seq(&handed_over);
		fixture_sleep_ns(HELD_NS);
	} while (wr_load_seq(&handed_over) != before);
}

/* True: all of it came out as promised. */
static bool one_round(uint32_t round)
{
	bool drains = round % 2 == 0, items = round % 8 >= 4, good = true;
	struct weir_close_report report;
	fixture_init(&close_bed, FIXTURE_MEMORY);
	close_bed.options.pool_bytes = 1u << 20;
	close_bed.options.producers_max = 8;
	close_bed.options.members_max = 8;
	close_bed.options.subscriptions_max = 8;
	fixture_open(&close_bed);
	topic = fixture_topic(&close_bed, "busy", 1);
	quiet_topic = fixture_topic(&close_bed, "quiet", 1);
	wr_store_seq(&handed_over, 0u);
	held = block_subscription("held", "busy");
	quiet = fixture_subscription(&close_bed, "quiet", "quiet");
	moved = fixture_subscription(&close_bed, "moved", "quiet");
	watched = fixture_subscription(&close_bed, "watched", "quiet");
	close_handlers_start();
	bool own = round % 16 >= 12;
	struct weir_member *holder = own ? hold_back(items) : held_by_another(items);
	wr_store_seq(&published_count, 0u);
	close_start(waiters, WAITERS);
	wait_until_full();
	close_wait_until_inside(waiters, WAITERS);
	fixture_sleep_ns(round % 3 * 1000000);

	uint64_t began_ns = fixture_now_ns();
	close_handlers_let_go();
	int rc = weir_close(close_bed.pipeline, drains ? WEIR_CLOSE_DRAIN : WEIR_CLOSE_ABORT,
			    FIXTURE_LONG_NS, &report);
	uint64_t took_ns = fixture_now_ns() - began_ns;
	close_bed.pipeline = NULL;
	if (!close_join(waiters, WAITERS, round))
		good = false;
	/*
	 * A drain orders what was held back, and waits for nobody to read it. What came through the
	 * shared lane may have come after the refusal; an abort may leave it open whether what
	 * handlers sat in is done.
	 */
	uint64_t found = report.unread_events + report.dropped_events;
	uint64_t handed = wr_load_seq(&handed_over);
	if (rc != 0 || (drains && report.dropped_events != 0) || found < handed ||
	    found > handed + 1 + HANDLED || close_handlers_ended() != 2 ||
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
		good += (round % 4 == 3 ? close_disk_round(round) : one_round(round)) ? 1 : 0;
	for (uint32_t i = LOOPS_FIRST; i < LOOPS_END; i++) {
		if (waiters[i].told > 0 || rounds == 0)
			continue;
		good = rounds + 1;
		(void)printf("# %s was never told of a close\n", waiters[i].name);
	}
	(void)printf("%sok 1 - who waits is told of a close, and nothing is freed under him\n",
		     good == rounds ? "" : "not ");
	return good == rounds ? 0 : 1;
}
