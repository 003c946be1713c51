/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/queue_bed.h"

#include <criterion/criterion.h>

#include "tests/support/even_clock.h"

struct queue_bed queue_bed;

void queue_begin(int kind)
{
	static const char *const topics[] = {"work"};
	fixture_init(&queue_bed.f, kind);
	if ((kind & FIXTURE_MANUAL) != 0)
		even_clock_begin(); /* leases, delays and times to live are short here */
	queue_bed.f.options.outstanding_max = 4096;
	fixture_open(&queue_bed.f);
	queue_bed.topic = fixture_topic(&queue_bed.f, "work", 4);
	queue_bed.dead_topic = fixture_topic(&queue_bed.f, "dead", 1);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
	weir_subscription_options_init(&queue_bed.options);
	queue_bed.options.name = "queue";
	queue_bed.options.topics = topics;
	queue_bed.options.topic_count = 1;
	queue_bed.options.order = WEIR_ORDER_NONE;
	queue_bed.options.retry_delay_min_ns = queue_bed.options.retry_delay_max_ns = 0;
}

void queue_end(void)
{
	fixture_end(&queue_bed.f);
}

uint32_t queue_make(void)
{
	uint32_t id;
	int rc = weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
					  &queue_bed.problem);
	cr_assert_eq(rc, 0, "%s: %s", queue_bed.problem.field, queue_bed.problem.text);
	return id;
}

struct weir_member *queue_join(uint32_t id, uint32_t in_flight_max)
{
	struct weir_member_options member_options;
	struct weir_member *member;
	weir_member_options_init(&member_options);
	member_options.in_flight_max = in_flight_max;
	cr_assert_eq(weir_member_join(queue_bed.f.pipeline, id, &member_options, &member,
				      &queue_bed.problem),
		     0, "%s", queue_bed.problem.text);
	return member;
}

void queue_publish(uint64_t first, uint64_t end)
{
	fixture_wait(queue_bed.producer,
		     fixture_publish(queue_bed.producer, queue_bed.topic, first, end));
}

void queue_publish_keyed(uint64_t key, uint64_t number)
{
	struct weir_event event = fixture_event(queue_bed.topic, &key, &number);
	uint64_t ticket;
	cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	fixture_wait(queue_bed.producer, ticket);
}

struct weir_item queue_next(struct weir_member *member)
{
	struct weir_item item;
	cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
	return item;
}

void queue_commit(struct weir_member *member)
{
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
}

void queue_take(struct weir_member *member, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		struct weir_item item = queue_next(member);
		cr_expect_eq(fixture_number(&item), first + i);
		cr_assert_eq(weir_ack(member, &item), 0);
	}
	queue_commit(member);
}

uint64_t queue_lag(uint32_t id)
{
	struct weir_lag lag;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		cr_assert_geq(weir_step(queue_bed.f.pipeline, 1000000u), 0);
		cr_assert_eq(weir_lag(queue_bed.f.pipeline, id, &lag), 0);
	} while (!lag.exact && fixture_now_ns() < until);
	cr_expect(lag.exact);
	return lag.events;
}

struct weir_queue_counts queue_counts(uint32_t id)
{
	struct weir_queue_counts counts;
	cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
	cr_assert_eq(weir_queue_counts(queue_bed.f.pipeline, id, &counts), 0);
	return counts;
}

void queue_reopen(void)
{
	fixture_close(&queue_bed.f, NULL);
	fixture_open(&queue_bed.f);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
}

uint32_t queue_drain(struct weir_member *member, uint32_t *seen, uint32_t count_max)
{
	uint32_t count = 0;
	struct weir_item items[64];
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (count < count_max && fixture_now_ns() < until) {
		int polled = weir_poll(member, items, 64, MS);
		cr_assert_geq(polled, 0);
		for (int i = 0; i < polled; i++) {
			seen[fixture_number(&items[i])]++;
			cr_assert_eq(weir_ack(member, &items[i]), 0);
		}
		count += (uint32_t)polled;
	}
	return count;
}
