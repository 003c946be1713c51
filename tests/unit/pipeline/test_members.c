/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: members share a subscription's partitions by range, hand them over when others come and go,
 * are acknowledged out of order, late and twice, and lose what they held when a session is over.
 *
 * Method: a manual pipeline with several members polled by one thread in an order that the test
 * picks. What each got is counted by number, so that a loss or a wrong owner shows.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/even_clock.h"
#include "tests/support/pipeline_fixture.h"

#define PARTITIONS 6u

static struct fixture f;
static uint32_t topic, group;
static struct weir_producer *producer;

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", PARTITIONS);
	group = fixture_subscription(&f, "group", "work");
	producer = fixture_producer(&f, NULL);
}

static void teardown(void)
{
	fixture_end(&f);
}

static uint64_t publish_to(uint32_t partition, uint64_t number)
{
	struct weir_event event = fixture_event(topic, NULL, &number);
	event.partition_set = true;
	event.partition = partition;
	uint64_t ticket;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

/* Polls all in turn until each owns what it is to own. No event may come. */
static void settle(struct weir_member **members, const int *owned, int count)
{
	struct weir_item item;
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	for (int right = 0; right < count;) {
		cr_assert_lt(fixture_now_ns(), deadline, "the partitions do not settle");
		right = 0;
		for (int i = 0; i < count; i++) {
			cr_assert_eq(weir_poll(members[i], &item, 1, 1000000u), 0);
			right += weir_member_assignments(members[i], NULL, 0) == owned[i];
		}
	}
}

static bool owns(struct weir_member *member, uint32_t partition)
{
	struct weir_assignment parts[PARTITIONS];
	int count = weir_member_assignments(member, parts, PARTITIONS);
	for (int i = 0; i < count; i++)
		if (parts[i].partition == partition && parts[i].topic == topic)
			return true;
	return false;
}

static void set_session(uint64_t timeout_ns)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options o;
	uint32_t id;
	even_clock_begin();
	weir_subscription_options_init(&o);
	o.name = "group";
	o.topics = topics;
	o.topic_count = 1;
	o.session_timeout_ns = timeout_ns;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, NULL), 0);
}

TestSuite(members, .init = setup, .fini = teardown, .timeout = 60);

Test(members, joining_an_unknown_subscription_is_refused)
{
	struct weir_member_options o;
	struct weir_problem problem = {0};
	struct weir_member *member = NULL;
	weir_member_options_init(&o);
	cr_expect_eq(weir_member_join(f.pipeline, 3, &o, &member, &problem), WEIR_E_UNKNOWN_NAME);
	cr_expect_str_eq(problem.field, "subscription");
	cr_expect_null(member);
}

Test(members, members_max_join_and_one_that_left_makes_room)
{
	struct weir_member_options o;
	struct weir_problem problem = {0};
	struct weir_member *members[4], *more = NULL;
	weir_member_options_init(&o);
	for (uint32_t i = 0; i < f.options.members_max; i++)
		members[i] = fixture_member(&f, group, NULL);
	cr_expect_eq(weir_member_join(f.pipeline, group, &o, &more, &problem), WEIR_E_FULL);
	cr_expect_str_eq(problem.field, "members_max");
	cr_expect_eq(weir_member_leave(members[2], FIXTURE_LONG_NS), 0);
	int rc = WEIR_E_FULL;
	for (int i = 0; i < 10000 && rc == WEIR_E_FULL; i++) {
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		rc = weir_member_join(f.pipeline, group, &o, &more, NULL);
	}
	cr_expect_eq(rc, 0);
	cr_expect_eq(weir_member_leave(NULL, 0), 0);
}

Test(members, partitions_are_divided_by_range_in_the_order_of_names)
{
	struct weir_member *c = fixture_member(&f, group, "c");
	struct weir_member *a = fixture_member(&f, group, "a");
	struct weir_member *d = fixture_member(&f, group, "d");
	struct weir_member *b = fixture_member(&f, group, "b");
	settle((struct weir_member *[]){a, b, c, d}, (int[]){2, 2, 1, 1}, 4);
	cr_expect(owns(a, 0) && owns(a, 1));
	cr_expect(owns(b, 2) && owns(b, 3));
	cr_expect(owns(c, 4));
	cr_expect(owns(d, 5));
	struct weir_assignment part = {.partition = 77};
	cr_expect_eq(weir_member_assignments(a, &part, 1), 2, "their number, whatever the room");
	cr_expect_eq(part.partition, 0);
	cr_expect_gt(part.generation, 0);
}

Test(members, more_members_than_partitions_leave_some_without)
{
	uint32_t one = fixture_topic(&f, "single", 1);
	uint32_t id = fixture_subscription(&f, "single", "single");
	struct weir_member *a = fixture_member(&f, id, "a"), *b = fixture_member(&f, id, "b");
	settle((struct weir_member *[]){a, b}, (int[]){1, 0}, 2);
	(void)fixture_publish(producer, one, 0, 5);
	cr_expect_eq(fixture_poll(a, NULL, 0, 5, true), 5);
	cr_expect_eq(fixture_poll_rest(b), 0);
}

Test(members, who_joins_gets_its_share_and_who_leaves_gives_it_back)
{
	uint64_t seen[40] = {0};
	struct weir_item items[64];
	struct weir_member *a = fixture_member(&f, group, "a");
	settle(&a, (int[]){6}, 1);
	for (uint64_t i = 0; i < 20; i++)
		publish_to((uint32_t)i % PARTITIONS, i);
	uint32_t n = fixture_poll(a, items, 64, 20, true);
	for (uint32_t i = 0; i < n; i++)
		seen[fixture_number(&items[i])]++;
	struct weir_member *b = fixture_member(&f, group, "b");
	settle((struct weir_member *[]){a, b}, (int[]){3, 3}, 2);
	for (uint64_t i = 20; i < 40; i++)
		publish_to((uint32_t)i % PARTITIONS, i);
	for (int got = 0; got < 20;) {
		struct weir_member *m = got % 2 == 0 ? a : b;
		int count = weir_poll(m, items, 64, 1000000u);
		if (count == 0)
			count = weir_poll(m == a ? b : a, items, 64, 1000000u);
		for (int i = 0; i < count; i++)
			seen[fixture_number(&items[i])]++;
		got += count;
	}
	cr_expect_eq(weir_ack_all(a), 0);
	cr_expect_eq(weir_ack_all(b), 0);
	for (uint32_t i = 0; i < 40; i++)
		cr_expect_eq(seen[i], 1, "event %u came %llu times", i,
			     (unsigned long long)seen[i]);
	cr_expect_eq(weir_member_leave(b, FIXTURE_LONG_NS), 0);
	settle(&a, (int[]){6}, 1);
	struct weir_lag lag;
	cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_member_commit(a, (enum weir_level)9, 0), -EINVAL);
	cr_expect_eq(weir_lag(f.pipeline, group, &lag), 0);
	cr_expect_eq(lag.events, 0, "who leaves hands over what it acknowledged");
}

Test(members, what_a_member_had_and_did_not_acknowledge_goes_to_the_next)
{
	struct weir_item item;
	struct weir_member *a = fixture_member(&f, group, "a");
	settle(&a, (int[]){6}, 1);
	for (uint64_t i = 0; i < 10; i++)
		publish_to(0, i);
	cr_expect_eq(fixture_poll(a, NULL, 0, 4, true), 4);
	cr_expect_eq(fixture_poll(a, NULL, 0, 3, false), 3);
	cr_expect_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	struct weir_member *b = fixture_member(&f, group, "b");
	for (uint64_t i = 4; i < 10; i++) {
		cr_assert_eq(fixture_poll(b, &item, 1, 1, true), 1);
		cr_expect_eq(fixture_number(&item), i);
		if (i < 7)
			cr_expect_eq(item.flags & WEIR_ITEM_REDELIVERED, WEIR_ITEM_REDELIVERED);
	}
}

/* ---- acks ---- */

Test(members, acknowledgements_may_come_out_of_order_late_and_twice)
{
	struct weir_item items[10], foreign;
	struct weir_member *a = fixture_member(&f, group, "a");
	settle(&a, (int[]){6}, 1);
	for (uint64_t i = 0; i < 10; i++)
		publish_to(2, i);
	cr_assert_eq(fixture_poll(a, items, 10, 10, false), 10);
	cr_expect_eq(fixture_poll_rest(a), 0, "another poll: the loan is over, the ack is not");
	const int order[] = {3, 4, 1, 0, 0, 9, 5, 4};
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
		cr_expect_eq(weir_ack(a, &items[order[i]]), 0);
	cr_assert_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	struct weir_assignment parts[PARTITIONS];
	cr_assert_eq(weir_member_assignments(a, parts, PARTITIONS), 6);
	cr_expect_eq(parts[2].position, items[1].end_sequence, "0 and 1 are contiguous, 2 is not");
	cr_expect_eq(weir_ack(a, &items[2]), 0);
	cr_assert_eq(weir_member_assignments(a, parts, PARTITIONS), 6);
	cr_expect_eq(parts[2].position, items[5].end_sequence);
	for (int i = 6; i < 9; i++)
		cr_expect_eq(weir_ack(a, &items[i]), 0);
	struct weir_lag lag;
	cr_assert_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_lag(f.pipeline, group, &lag), 0);
	cr_expect_eq(lag.events, 0);
	cr_expect_eq(lag.bytes, 0);
	foreign = items[9];
	foreign.topic = 3;
	cr_expect_eq(weir_ack(a, &foreign), -EINVAL, "a topic that is not read");
	foreign = items[9];
	foreign.partition = PARTITIONS;
	cr_expect_eq(weir_ack(a, &foreign), -EINVAL);
	foreign = items[9];
	foreign.sequence += 100;
	foreign.end_sequence += 100;
	cr_expect_eq(weir_ack(a, &foreign), -EINVAL, "never handed out");
	foreign = (struct weir_item){0};
	cr_expect_eq(weir_ack(a, &foreign), -EINVAL, "no item at all");
}

Test(members, unacked_ranges_max_pieces_are_open_at_once)
{
	struct weir_member_options o;
	struct weir_member *a = NULL;
	struct weir_item items[12];
	weir_member_options_init(&o);
	o.unacked_ranges_max = 3;
	cr_assert_eq(weir_member_join(f.pipeline, group, &o, &a, NULL), 0);
	settle(&a, (int[]){6}, 1);
	for (uint64_t i = 0; i < 12; i++)
		publish_to(1, i);
	cr_assert_eq(fixture_poll(a, items, 12, 12, false), 12);
	cr_expect_eq(weir_ack(a, &items[2]), 0);
	cr_expect_eq(weir_ack(a, &items[4]), 0);
	cr_expect_eq(weir_ack(a, &items[6]), 0);
	cr_expect_eq(weir_ack(a, &items[8]), WEIR_E_FULL);
	cr_expect_eq(weir_ack(a, &items[7]), 0, "it joins a piece that is there");
	cr_expect_eq(weir_ack(a, &items[5]), 0);
	cr_expect_eq(weir_ack(a, &items[10]), 0, "two have become one: there is room for another");
	cr_expect_eq(weir_ack(a, &items[0]), 0, "older ones first");
	cr_expect_eq(weir_ack(a, &items[1]), 0);
	cr_expect_eq(weir_ack(a, &items[3]), 0);
	for (int i = 8; i < 12; i++)
		cr_expect_eq(weir_ack(a, &items[i]), 0);
	struct weir_assignment parts[PARTITIONS];
	cr_assert_eq(weir_member_assignments(a, parts, PARTITIONS), 6);
	cr_expect_eq(parts[1].position, items[11].end_sequence);
}

Test(members, a_commit_says_when_the_partition_has_moved)
{
	struct weir_item item;
	struct weir_member *a = fixture_member(&f, group, "a");
	settle(&a, (int[]){6}, 1);
	publish_to(0, 1);
	cr_assert_eq(fixture_poll(a, &item, 1, 1, false), 1);
	cr_assert_eq(
		weir_subscription_seek(f.pipeline, group, WEIR_SEEK_OLDEST, 0, WEIR_FOREVER, NULL),
		0);
	/* It has not polled since: it does not know yet. */
	cr_expect_eq(weir_ack(a, &item), 0);
	cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), WEIR_E_FENCED);
	cr_assert_eq(fixture_poll(a, &item, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&item), 1);
	cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
}

Test(members, a_commit_tells_of_acks_that_went_before_it)
{
	struct weir_item item, again;
	set_session(50000000u);
	struct weir_member *a = fixture_member(&f, group, "a");
	settle(&a, (int[]){6}, 1);
	for (uint64_t n = 1; n <= 3; n++)
		publish_to(0, n);
	/* Acknowledged, and moved back before any of it was handed to the log: a poll learns it. */
	cr_assert_eq(fixture_poll(a, &item, 1, 1, false), 1);
	cr_assert_eq(
		weir_subscription_seek(f.pipeline, group, WEIR_SEEK_OLDEST, 0, WEIR_FOREVER, NULL),
		0);
	cr_expect_eq(weir_ack(a, &item), 0);
	cr_assert_eq(fixture_poll(a, &again, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&again), fixture_number(&item));
	cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), WEIR_E_FENCED);
	cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0, "told once");
	/* The same of one that was acknowledged out of order. */
	struct weir_item items[2];
	cr_assert_eq(fixture_poll(a, items, 2, 2, false), 2);
	cr_expect_eq(weir_ack(a, &items[1]), 0);
	cr_assert_eq(
		weir_subscription_seek(f.pipeline, group, WEIR_SEEK_OLDEST, 0, WEIR_FOREVER, NULL),
		0);
	cr_assert_eq(fixture_poll(a, &again, 1, 1, true), 1);
	cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), WEIR_E_FENCED);
	/* And of one that was handed to the log by a poll, after the session's end. */
	cr_assert_eq(fixture_poll(a, &item, 1, 1, false), 1);
	struct weir_member *b = fixture_member(&f, group, "b");
	cr_assert_eq(fixture_poll(b, &again, 1, 1, false), 1);
	if (weir_ack(a, &item) == 0) {
		for (int i = 0; i < 3; i++)
			cr_assert_eq(weir_poll(a, items, 1, 1000000u), 0);
		cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS),
			     WEIR_E_FENCED);
	}
}

Test(members, a_commit_without_time_says_again)
{
	struct weir_item item;
	struct weir_member *a = fixture_member(&f, group, "a");
	settle(&a, (int[]){6}, 1);
	publish_to(0, 1);
	cr_assert_eq(fixture_poll(a, &item, 1, 1, true), 1);
	cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, 0), -ETIMEDOUT, "handed over");
	cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, 0), 0, "there is nothing to do");
}

/* ---- sessions ---- */

Test(members, who_does_not_poll_loses_its_partitions_and_its_late_acks)
{
	struct weir_item item, again;
	set_session(50000000u);
	struct weir_member *a = fixture_member(&f, group, "a");
	settle(&a, (int[]){6}, 1);
	publish_to(0, 1);
	cr_assert_eq(fixture_poll(a, &item, 1, 1, false), 1);
	struct weir_member *b = fixture_member(&f, group, "b");
	/* `a` sleeps: all goes to `b`, with what `a` has in hand. */
	cr_assert_eq(fixture_poll(b, &again, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&again), 1);
	cr_expect_eq(again.flags & WEIR_ITEM_REDELIVERED, WEIR_ITEM_REDELIVERED);
	cr_expect_gt(again.generation, item.generation);
	cr_expect_eq(weir_member_assignments(b, NULL, 0), 6);
	int late = weir_ack(a, &item);
	if (late == 0)
		late = weir_member_commit(a, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS);
	cr_expect_eq(late, WEIR_E_FENCED, "%s", weir_error_name(late));
	cr_expect_eq(weir_member_commit(b, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	/* It polls again: it is back. */
	settle((struct weir_member *[]){a, b}, (int[]){3, 3}, 2);
	cr_expect_eq(weir_ack(a, &item), WEIR_E_FENCED);
}

Test(members, who_slept_is_told_of_it_before_it_is_handed_anything)
{
	struct weir_item item;
	set_session(50000000u);
	struct weir_member *z = fixture_member(&f, group, "z");
	settle(&z, (int[]){6}, 1);
	publish_to(0, 1);
	cr_assert_eq(fixture_poll(z, &item, 1, 1, false), 1);
	struct weir_member *m = fixture_member(&f, group, "m");
	cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1);
	publish_to(0, 2);
	cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&item), 2);
	cr_expect_eq(item.flags & WEIR_ITEM_REDELIVERED, 0, "nobody had it before");
	cr_expect_eq(weir_member_commit(m, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	cr_expect_eq(fixture_poll_rest(z), 0, "nor is it handed to who had the partition once");
}

Test(members, who_slept_through_seeks_holds_nothing_of_what_they_gave_it)
{
	struct weir_item item;
	set_session(50000000u);
	struct weir_member *z = fixture_member(&f, group, "z");
	settle(&z, (int[]){6}, 1);
	/* Assignments that it does not read, until there is no room for a word more. */
	for (int i = 0; i < 3; i++)
		cr_assert_eq(weir_subscription_seek(f.pipeline, group, WEIR_SEEK_OLDEST, 0,
						    WEIR_FOREVER, NULL),
			     0);
	struct weir_member *m = fixture_member(&f, group, "m");
	settle(&m, (int[]){6}, 1);
	uint64_t ticket = 0;
	for (uint32_t i = 0; i < PARTITIONS; i++)
		ticket = publish_to(i, i);
	cr_assert_eq(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	/* No step runs from here on, so that nobody is given or asked for anything. */
	cr_expect_eq(weir_poll(z, &item, 1, 0), 0, "it has nothing");
	uint64_t seen = 0;
	for (uint32_t i = 0; i < PARTITIONS; i++) {
		cr_assert_eq(weir_poll(m, &item, 1, 0), 1);
		cr_expect_eq(weir_ack(m, &item), 0);
		cr_expect_eq(item.flags & WEIR_ITEM_REDELIVERED, 0, "nobody had it before");
		seen |= 1ull << fixture_number(&item);
	}
	cr_expect_eq(seen, (1ull << PARTITIONS) - 1);
	cr_expect_eq(weir_member_commit(m, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	/* It is a member again, and gets what it is to have. */
	settle((struct weir_member *[]){m, z}, (int[]){3, 3}, 2);
	publish_to(5, 7);
	cr_assert_eq(fixture_poll(z, &item, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&item), 7);
	cr_expect_eq(weir_member_commit(z, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
}

Test(members, who_waits_in_a_poll_is_alive)
{
	struct weir_item item;
	set_session(30000000u);
	struct weir_member *a = fixture_member(&f, group, "a");
	settle(&a, (int[]){6}, 1);
	struct weir_assignment before[PARTITIONS], after[PARTITIONS];
	cr_assert_eq(weir_member_assignments(a, before, PARTITIONS), 6);
	cr_assert_eq(weir_poll(a, &item, 1, 150000000u), 0);
	cr_assert_eq(weir_member_assignments(a, after, PARTITIONS), 6);
	for (uint32_t i = 0; i < PARTITIONS; i++)
		cr_expect_eq(before[i].generation, after[i].generation);
}

/* ---- polls ---- */

Test(members, a_poll_has_to_make_sense)
{
	static struct weir_item items[4];
	struct weir_member *a = fixture_member(&f, group, "a");
	cr_expect_eq(weir_poll(a, items, 0, 0), -EINVAL);
	cr_expect_eq(weir_poll(a, items, 65537, 0), -EINVAL);
	cr_expect_eq(weir_poll(a, items, 4, 0), 0, "nothing, and it did not wait");
	uint64_t before = fixture_now_ns();
	cr_expect_eq(weir_poll(a, items, 4, 20000000u), 0);
	cr_expect_geq(fixture_now_ns() - before, 20000000u);
}

Test(members, all_items_of_a_poll_lie_in_one_chunk)
{
	static struct weir_item items[4096];
	struct weir_member *a = fixture_member(&f, group, "a");
	settle(&a, (int[]){6}, 1);
	uint64_t got = 0;
	uint32_t polls = 0;
	for (uint64_t i = 0; i < 4000; i += 500) {
		(void)fixture_publish(producer, topic, i, i + 500);
		for (uint64_t until = i + 500; got < until; polls++) {
			int n = weir_poll(a, items, 4096, 1000000u);
			cr_assert_geq(n, 0);
			for (int k = 1; k < n; k++) {
				uintptr_t first = (uintptr_t)items[0].record;
				uintptr_t other = (uintptr_t)items[k].record;
				cr_assert_lt(other - first, FIXTURE_CHUNK_BYTES);
			}
			got += (uint64_t)n;
		}
	}
	cr_expect_eq(got, 4000);
	weir_release(a);
	weir_release(a);
	cr_expect_eq(weir_ack_all(a), 0, "the loan is over, the events are not");
	cr_expect_eq(weir_member_commit(a, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	struct weir_lag lag;
	cr_expect_eq(weir_lag(f.pipeline, group, &lag), 0);
	cr_expect_eq(lag.events, 0);
}

Test(members, a_descriptor_says_that_a_poll_may_find_items)
{
	struct weir_item items[8];
	uint64_t value;
	struct weir_member *a = fixture_member(&f, group, "a");
	settle(&a, (int[]){6}, 1);
	int fd = weir_member_eventfd(a);
	cr_assert_geq(fd, 0);
	cr_expect_eq(weir_member_eventfd(a), fd);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	for (int round = 0; round < 3; round++) {
		while (poll(&p, 1, 0) == 1) {
			cr_assert_eq(read(fd, &value, sizeof value), sizeof value);
			cr_assert_eq(weir_poll(a, items, 8, 0), 0);
		}
		publish_to(0, (uint64_t)round);
		int got = 0;
		uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
		while (got == 0 && fixture_now_ns() < deadline) {
			cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
			if (poll(&p, 1, 0) != 1)
				continue;
			cr_assert_eq(read(fd, &value, sizeof value), sizeof value);
			got = weir_poll(a, items, 8, 0);
		}
		cr_expect_eq(got, 1, "the descriptor alone was enough");
		cr_expect_eq(weir_ack_all(a), 0);
		while (weir_poll(a, items, 8, 0) != 0 || weir_step(f.pipeline, 0) > 0)
			;
	}
}

Test(members, a_name_that_does_not_fit_is_refused)
{
	static char long_name[70];
	struct weir_member_options o;
	struct weir_problem problem = {0};
	struct weir_member *member = NULL;
	memset(long_name, 'n', sizeof long_name - 1);
	weir_member_options_init(&o);
	o.name = long_name;
	cr_expect_eq(weir_member_join(f.pipeline, group, &o, &member, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "name");
	o.name = "";
	cr_expect_eq(weir_member_join(f.pipeline, group, &o, &member, &problem), -EINVAL);
	long_name[63] = '\0';
	o.name = long_name;
	cr_expect_eq(weir_member_join(f.pipeline, group, &o, &member, NULL), 0);
}
