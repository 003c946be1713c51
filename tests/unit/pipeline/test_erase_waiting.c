/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an event of a queue whose key was erased keeps nothing waiting, whatever it waits for
 * itself: its bytes go, and what is published under its key is handed out.
 *
 * Method: delays of an hour, by the event and by who had it in hand, that begin before the erasure
 * and after it; taken by the queue, and not yet. All files of the directory are searched.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "core/pipeline/sharing.h"
#include "tests/support/erase_bed.h"

#define SECRET "private-to-nobody-else"
#define KEY "key of " SECRET
#define DELAYED 3u
#define AN_HOUR_NS 3600000000000u

static struct fixture f;
static uint32_t people, queue;
static struct weir_producer *producer;
static struct weir_member *member;

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(erase_waiting, .fini = teardown, .timeout = 150);

static void begin_with(enum weir_order order, bool by_hand)
{
	struct weir_subscription_options o;
	const char *topic = "people";

	erase_bed_init(&f);
	f.options.manual = by_hand;
	fixture_open(&f);
	people = fixture_topic(&f, topic, 1);
	producer = fixture_producer(&f, NULL);
	weir_subscription_options_init(&o);
	o.name = "queue";
	o.topics = &topic;
	o.topic_count = 1;
	o.order = order;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &queue, NULL), 0);
	member = NULL;
}

static void begin(enum weir_order order)
{
	begin_with(order, false);
}

static void publish(const char *key, const char *text, uint64_t delay_ns)
{
	const struct weir_delivery delivery = {.delay_ns = delay_ns};
	struct weir_event event = {.topic = people,
				   .key = key,
				   .key_bytes = (uint16_t)strlen(key),
				   .payload = text,
				   .payload_bytes = (uint32_t)strlen(text),
				   .delivery = delay_ns != 0 ? &delivery : NULL};
	uint64_t ticket;

	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
}

static struct weir_item poll_one(void)
{
	struct weir_item item;

	cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_assert_eq(item.kind, WEIR_ITEM_EVENT);
	return item;
}

static void expect_public(void)
{
	struct weir_item item = poll_one();

	cr_assert_eq(item.payload_bytes, 6);
	cr_assert_eq(memcmp(item.payload, "public", 6), 0);
	cr_assert_eq(weir_ack(member, &item), 0);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
}

/* Nothing is left of the key, and nothing waits behind it. */
static void expect_gone(uint64_t sequence)
{
	struct weir_lag lag = {.events = 1};

	publish(KEY, "public", 0);
	expect_public();
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	erase_bed_wait(&f, sequence);
	cr_expect_eq(erase_bed_files_with(&f, "payload of " SECRET), 0u);
	cr_expect_eq(weir_lag(f.pipeline, queue, &lag), 0);
	cr_expect_eq(lag.events, 0u);
}

static void publish_delayed(void)
{
	for (uint32_t i = 0; i < DELAYED; i++)
		publish(KEY, "payload of " SECRET, AN_HOUR_NS);
	publish("other", "public", 0);
}

/* What comes behind the delayed ones was handed out: so they were taken. */
static void delayed_before(enum weir_order order)
{
	begin(order);
	member = fixture_member(&f, queue, "one");
	publish_delayed();
	expect_public();
	expect_gone(erase_bed_key(&f, people, KEY));
	fixture_close(&f, NULL);
}

Test(erase_waiting, delayed_ones_are_due_at_once)
{
	delayed_before(WEIR_ORDER_NONE);
}

Test(erase_waiting, delayed_ones_of_a_key_are_due_one_after_the_other)
{
	delayed_before(WEIR_ORDER_KEY);
}

Test(erase_waiting, those_that_are_taken_later_are_not_delayed)
{
	begin(WEIR_ORDER_KEY);
	publish_delayed();
	uint64_t sequence = erase_bed_key(&f, people, KEY);
	member = fixture_member(&f, queue, "one");
	expect_public();
	expect_gone(sequence);
	fixture_close(&f, NULL);
}

Test(erase_waiting, one_that_is_to_be_tried_again_in_an_hour_is_not)
{
	const struct weir_rejection later = {.verdict = WEIR_VERDICT_RETRY, .delay_ns = AN_HOUR_NS};

	begin(WEIR_ORDER_KEY);
	member = fixture_member(&f, queue, "one");
	publish(KEY, "payload of " SECRET, 0);
	struct weir_item item = poll_one();
	uint64_t sequence = erase_bed_key(&f, people, KEY);
	/* In hand while it is erased: the look for what waits is over when it is delayed. */
	publish("other", "public", 0);
	expect_public();
	cr_assert_eq(weir_reject(member, &item, &later), 0);
	expect_gone(sequence);
	fixture_close(&f, NULL);
}

/* By hand, so that nothing but the poll can do it. */
Test(erase_waiting, what_a_poll_passes_over_it_hands_to_the_log)
{
	struct weir_lag lag = {.events = 1};
	struct weir_item item;

	begin_with(WEIR_ORDER_NONE, true);
	publish(KEY, "payload of " SECRET, 0);
	(void)erase_bed_key(&f, people, KEY);
	member = fixture_member(&f, queue, "one");
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (lag.events > 0 || !lag.exact) {
		cr_assert_lt(fixture_now_ns(), end_ns, "it is not passed over");
		fixture_settle(&f);
		cr_assert_eq(weir_poll(member, &item, 1, 0), 0);
		cr_assert_eq(member->sharing->settled_count, 0u, "it would sleep with it");
		cr_assert_eq(weir_lag(f.pipeline, queue, &lag), 0);
	}
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	fixture_close(&f, NULL);
}

Test(erase_waiting, others_wait_for_their_time)
{
	struct weir_lag lag = {.events = 0};

	begin(WEIR_ORDER_KEY);
	member = fixture_member(&f, queue, "one");
	publish("patient", "public", AN_HOUR_NS);
	publish_delayed();
	expect_public();
	(void)erase_bed_key(&f, people, KEY);
	publish(KEY, "public", 0);
	expect_public();
	cr_expect_eq(weir_lag(f.pipeline, queue, &lag), 0);
	cr_expect_eq(lag.events, 1u, "the one that is not erased");
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	fixture_close(&f, NULL);
}
