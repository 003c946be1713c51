/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a subscription without members is moved on over what it does not want, and over what is of
 *       other topics, up to the first event that is still to be handled, and not over that; so that
 *       it holds no files that nobody needs. Whoever joins later, or seeks back, loses nothing, and
 *       is moved on as well, also where he began behind all that there is. Where retention waits
 *       for that, all who have nothing in hand are moved on, however little came.
 *
 * Method: a manual pipeline that moves such subscriptions on every hundred records; positions are
 *         asked for, and members join in the end.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 3000u
#define MS 1000000ull

static struct fixture f;
static uint32_t work, other;
static struct weir_producer *producer;
static struct weir_problem problem;

static void begin(void)
{
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.pipeline->pass_every = 100;
	work = fixture_topic(&f, "work", 3);
	other = fixture_topic(&f, "other", 1);
	producer = fixture_producer(&f, NULL);
}

static void end(void)
{
	fixture_end(&f);
}

TestSuite(pass, .init = begin, .fini = end, .timeout = 60);

static uint32_t make(const char *name, const char *topic, enum weir_order order,
		     const char *pattern)
{
	struct weir_subscription_options o;
	const struct weir_filter_term term = {.kind = WEIR_FILTER_DIRECT,
					      .pattern = pattern,
					      .pattern_bytes =
						      pattern != NULL ? strlen(pattern) : 0};
	const struct weir_subscription_filter filter = {.term_count = 1, .terms = &term};
	uint32_t id;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic;
	o.topic_count = 1;
	o.order = order;
	o.filter = pattern != NULL ? &filter : NULL;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), 0, "%s",
		     problem.text);
	return id;
}

/* Numbers; the key of each thousandth, from 500 on, is "this". */
static void publish(uint32_t topic, uint64_t first, uint64_t end_number)
{
	uint64_t ticket = 0;
	for (uint64_t n = first; n < end_number; n++) {
		struct weir_event event = {.topic = topic,
					   .key = n % 1000 == 500 ? "this" : "that",
					   .key_bytes = 4,
					   .payload = &n,
					   .payload_bytes = sizeof n};
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		(void)weir_producer_poll_acks(producer);
	}
	fixture_wait(producer, ticket);
}

static uint64_t position_of(uint32_t id)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	cr_assert_eq(weir_subscription_info(f.pipeline, id, &info), 0);
	return info.position;
}

/* Lag is looked at every 10 ms: until the position stands for some such looks. */
static uint64_t settled_position(uint32_t id)
{
	uint64_t position = 0;
	int looks = fixture_emulated() ? 120 : 12;
	for (int same = 0; same < looks; same++) {
		(void)weir_step(f.pipeline, 4 * MS);
		if (position_of(id) != position)
			same = 0;
		position = position_of(id);
	}
	return position;
}

static uint64_t log_end(void)
{
	return wr_writer_visible_seq(&f.pipeline->writer);
}

/* As settled_position(), and not before it is there: a look can be late where others compute. */
static uint64_t settled_beyond(uint32_t id, uint64_t position)
{
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (position_of(id) <= position && fixture_now_ns() < deadline)
		(void)weir_step(f.pipeline, 4 * MS);
	return settled_position(id);
}

Test(pass, what_wants_nothing_comes_to_the_end)
{
	uint32_t ids[] = {make("none", "work", WEIR_ORDER_PARTITION, "nothing"),
			  make("queue", "work", WEIR_ORDER_NONE, "nothing"),
			  make("idle", "other", WEIR_ORDER_PARTITION, NULL),
			  make("idle-queue", "other", WEIR_ORDER_KEY, NULL)};
	publish(work, 0, EVENTS);
	for (int i = 0; i < 4; i++)
		cr_expect_gt(settled_beyond(ids[i], log_end() - 250), log_end() - 250, "%d", i);
	/* What comes now is theirs. */
	publish(other, 0, 5);
	for (int i = 2; i < 4; i++) {
		struct weir_member *m = fixture_member(&f, ids[i], NULL);
		cr_expect_eq(fixture_poll(m, NULL, 0, 5, true), 5);
	}
}

Test(pass, but_not_over_what_is_wanted)
{
	struct weir_item items[3];
	uint32_t id = make("some", "work", WEIR_ORDER_PARTITION, "this");
	uint32_t all = make("all", "other", WEIR_ORDER_PARTITION, NULL);
	publish(other, 0, 1);
	uint64_t first = log_end();
	publish(work, 0, EVENTS);
	uint64_t position = settled_beyond(id, first + 300);
	cr_assert(position > first + 300 && position <= first + 501, "%llu behind %llu",
		  (unsigned long long)position, (unsigned long long)first);
	cr_expect_leq(settled_position(all), first);
	fixture_close(&f, NULL);
	fixture_open(&f);
	f.pipeline->pass_every = 100;
	producer = fixture_producer(&f, NULL);
	struct weir_member *m = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(m, items, 3, 3, true), 3);
	for (uint64_t i = 0; i < 3; i++)
		cr_expect_eq(fixture_number(&items[i]), i * 1000 + 500);
	cr_assert_eq(weir_member_leave(m, FIXTURE_LONG_NS), 0);
	publish(other, 1, 150);
	cr_expect_gt(settled_beyond(id, log_end() - 250), log_end() - 250);
	m = fixture_member(&f, all, NULL);
	cr_expect_eq(fixture_poll(m, NULL, 0, 150, true), 150);
}

Test(pass, a_seek_back_is_not_passed_over)
{
	uint32_t id = make("all", "work", WEIR_ORDER_PARTITION, NULL);
	struct weir_member *m = fixture_member(&f, id, NULL);
	publish(work, 0, EVENTS);
	cr_assert_eq(fixture_poll(m, NULL, 0, EVENTS, true), EVENTS);
	cr_assert_eq(weir_member_leave(m, FIXTURE_LONG_NS), 0);
	publish(work, EVENTS, EVENTS + 1);
	publish(other, 0, 500);
	(void)settled_position(id);
	cr_assert_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS,
					    &problem),
		     0);
	publish(other, 0, 500);
	cr_expect_leq(settled_position(id), 20);
	m = fixture_member(&f, id, NULL);
	cr_expect_eq(fixture_poll(m, NULL, 0, EVENTS + 1, true), EVENTS + 1);
}

/* Whose rows begin behind all that was appended, in a log to which nothing comes. */
Test(pass, a_member_that_begins_at_the_end_is_moved_on_too)
{
	struct weir_item item;
	uint32_t id = make("all", "other", WEIR_ORDER_PARTITION, NULL);
	f.pipeline->pass_every = UINT32_MAX; /* not before it has a member */
	publish(work, 0, 500);
	cr_expect_leq(settled_position(id), 20);
	struct weir_member *m = fixture_member(&f, id, NULL);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(weir_poll(m, &item, 1, MS), 0);
	cr_expect_leq(position_of(id), 20);
	/* As the journal does that has files to write anew. */
	wr_store_release(&f.pipeline->link.gate_seq, 500u);
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (position_of(id) <= 500 && fixture_now_ns() < deadline)
		cr_assert_eq(weir_poll(m, &item, 1, MS), 0);
	cr_expect_gt(position_of(id), 500);
	publish(other, 0, 5);
	cr_expect_eq(fixture_poll(m, NULL, 0, 5, true), 5);
}

/* Large events, few of them: with members and without, in partitions and in queues. */
Test(pass, what_holds_retention_up_is_moved_on)
{
	struct weir_item item;
	fixture_end(&f);
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	fixture_small_segments(&f);
	f.options.retention_bytes = 2 * f.options.segment_bytes;
	fixture_open(&f);
	f.pipeline->pass_every = UINT32_MAX;
	work = fixture_topic(&f, "work", 3);
	other = fixture_topic(&f, "other", 1);
	producer = fixture_producer(&f, NULL);
	(void)make("free", "other", WEIR_ORDER_PARTITION, NULL);
	(void)make("free-queue", "other", WEIR_ORDER_KEY, NULL);
	struct weir_member *members[] = {
		fixture_member(&f, make("idle", "other", WEIR_ORDER_PARTITION, NULL), NULL),
		fixture_member(&f, make("idle-queue", "other", WEIR_ORDER_KEY, NULL), NULL)};
	fixture_fill(producer, work, 50);
	uint64_t seq = log_end(), deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_segment_oldest_seq(&f.pipeline->segments) <= seq && fixture_now_ns() < deadline) {
		fixture_fill(producer, work, 20);
		for (int i = 0; i < 2; i++)
			cr_assert_eq(weir_poll(members[i], &item, 1, MS), 0);
	}
	cr_expect_gt(wr_segment_oldest_seq(&f.pipeline->segments), seq);
	publish(other, 0, 5);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(fixture_poll(members[i], NULL, 0, 5, true), 5);
}
