/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a shared subscription is a queue: every event is handed to one member at a time, settled
 * out of order, again when its lease ends or it is rejected, in order by key where that was asked
 * for, and to the dead letters with its origin when it was tried often enough; across opens nothing
 * is lost, and what was settled does not come back.
 *
 * Method: manual pipelines with a journal and in memory, small limits, short leases. Events are
 * numbers; who got what is counted.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

#define EVENTS 300u
#define MS 1000000ull

static struct fixture f;
static uint32_t topic, dead_topic;
static struct weir_producer *producer;
static struct weir_subscription_options options;
static struct weir_problem problem;

static void begin(int kind)
{
	static const char *const topics[] = {"work"};
	fixture_init(&f, kind);
	f.options.outstanding_max = 4096;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 4);
	dead_topic = fixture_topic(&f, "dead", 1);
	producer = fixture_producer(&f, NULL);
	weir_subscription_options_init(&options);
	options.name = "queue";
	options.topics = topics;
	options.topic_count = 1;
	options.order = WEIR_ORDER_NONE;
	options.retry_delay_min_ns = options.retry_delay_max_ns = 0;
}

static void setup(void)
{
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

static void teardown(void)
{
	fixture_end(&f);
}

static uint32_t make(void)
{
	uint32_t id;
	int rc = weir_subscription_create(f.pipeline, &options, &id, &problem);
	cr_assert_eq(rc, 0, "%s: %s", problem.field, problem.text);
	return id;
}

static struct weir_member *join(uint32_t id, uint32_t in_flight_max)
{
	struct weir_member_options member_options;
	struct weir_member *member;
	weir_member_options_init(&member_options);
	member_options.in_flight_max = in_flight_max;
	cr_assert_eq(weir_member_join(f.pipeline, id, &member_options, &member, &problem), 0, "%s",
		     problem.text);
	return member;
}

static void publish(uint64_t first, uint64_t end)
{
	fixture_wait(producer, fixture_publish(producer, topic, first, end));
}

static void publish_keyed(uint64_t key, uint64_t number)
{
	struct weir_event event = fixture_event(topic, &key, &number);
	uint64_t ticket;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
}

static struct weir_item one(struct weir_member *member)
{
	struct weir_item item;
	cr_assert_eq(fixture_poll(member, &item, 1, 1, false), 1);
	return item;
}

static void commit(struct weir_member *member)
{
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
}

static uint64_t lag_of(uint32_t id)
{
	struct weir_lag lag;
	cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	cr_expect(lag.exact);
	return lag.events;
}

static void reopen(void)
{
	fixture_close(&f, NULL);
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
}

/* Counts the numbers that come, acknowledging each, until `count_max` have. */
static uint32_t drain(struct weir_member *member, uint32_t *seen, uint32_t count_max)
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

TestSuite(sharing, .init = setup, .fini = teardown, .timeout = 120);

Test(sharing, every_event_goes_to_one_member)
{
	uint32_t id = make(), seen[EVENTS] = {0};
	struct weir_member *members[] = {join(id, 8), join(id, 8)};
	uint32_t of[2] = {0};
	publish(0, EVENTS);
	for (uint32_t i = 0; of[0] + of[1] < EVENTS; i++) {
		struct weir_item item;
		if (weir_poll(members[i % 2], &item, 1, MS) != 1)
			continue;
		seen[fixture_number(&item)]++;
		cr_assert_eq(item.attempts, 1);
		cr_assert_eq(weir_ack(members[i % 2], &item), 0);
		of[i % 2]++;
	}
	for (uint32_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], 1, "%u came %u times", i, seen[i]);
	cr_expect(of[0] > 0 && of[1] > 0, "%u and %u", of[0], of[1]);
	commit(members[0]);
	commit(members[1]);
	cr_expect_eq(lag_of(id), 0);
}

Test(sharing, what_is_settled_out_of_order_does_not_come_back_after_an_open)
{
	uint32_t id = make(), seen[EVENTS] = {0};
	struct weir_member *member = join(id, EVENTS);
	publish(0, EVENTS);
	for (uint32_t i = 0; i < EVENTS; i++) {
		struct weir_item item = one(member);
		if (fixture_number(&item) % 3 != 0)
			cr_assert_eq(weir_ack(member, &item), 0);
	}
	commit(member);
	cr_expect_eq(lag_of(id), EVENTS / 3);
	reopen();
	cr_assert_eq(make(), id);
	cr_expect_eq(lag_of(id), EVENTS / 3);
	member = join(id, EVENTS);
	for (uint32_t i = 0; i < EVENTS / 3; i++) {
		struct weir_item item = one(member);
		cr_expect_neq(item.flags & WEIR_ITEM_REDELIVERED, 0);
		cr_expect_eq(item.attempts, 1, "nothing failed");
		seen[fixture_number(&item)]++;
		cr_assert_eq(weir_ack(member, &item), 0);
	}
	for (uint32_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], i % 3 == 0 ? 1 : 0, "%u came %u times", i, seen[i]);
	cr_expect_eq(fixture_poll_rest(member), 0);
	commit(member);
	cr_expect_eq(lag_of(id), 0);
}

Test(sharing, a_lease_that_ends_is_anothers_and_fences_the_first)
{
	options.lease_ns = 20 * MS;
	uint32_t id = make();
	struct weir_member *slow = join(id, 1);
	publish(7, 8);
	struct weir_item first = one(slow);
	struct weir_member *next = join(id, 1);
	struct weir_item second = one(next);
	cr_expect_eq(fixture_number(&second), 7);
	cr_expect_eq(second.attempts, 2);
	cr_expect_neq(second.flags & WEIR_ITEM_REDELIVERED, 0);
	cr_assert_eq(weir_ack(slow, &first), 0, "it is decided by the log");
	cr_expect_eq(weir_member_commit(slow, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), WEIR_E_FENCED);
	cr_assert_eq(weir_ack(next, &second), 0);
	commit(next);
	cr_expect_eq(lag_of(id), 0);
}

Test(sharing, a_lease_that_is_extended_does_not_end)
{
	options.lease_ns = 50 * MS;
	uint32_t id = make();
	struct weir_member *member = join(id, 1), *other = join(id, 1);
	publish(7, 8);
	struct weir_item item = one(member), stolen;
	cr_assert_eq(weir_extend(member, &item, 3600000 * MS), 0);
	uint64_t until = fixture_now_ns() + 200 * MS;
	while (fixture_now_ns() < until)
		cr_assert_eq(weir_poll(other, &stolen, 1, MS), 0);
	cr_assert_eq(weir_ack(member, &item), 0);
	commit(member);
	cr_expect_eq(weir_extend(member, &item, MS), WEIR_E_FENCED);
}

Test(sharing, ending_a_lease_by_hand_counts_as_an_attempt)
{
	uint32_t id = make();
	struct weir_member *member = join(id, 1);
	publish(7, 8);
	struct weir_item item = one(member);
	cr_assert_eq(weir_extend(member, &item, 0), 0);
	item = one(member);
	cr_expect_eq(item.attempts, 2);
	cr_assert_eq(weir_ack(member, &item), 0);
	commit(member);
}

Test(sharing, a_rejected_event_comes_again_after_its_delay)
{
	uint32_t id = make();
	struct weir_member *member = join(id, 4);
	struct weir_rejection later = {.delay_ns = 100 * MS, .reason = 5, .text = "not yet"};
	publish(7, 8);
	struct weir_item item = one(member);
	uint64_t began = fixture_now_ns();
	cr_assert_eq(weir_reject(member, &item, &later), 0);
	cr_expect_eq(weir_ack(member, &item), WEIR_E_FENCED, "it has it no more");
	cr_expect_eq(weir_reject(member, &item, NULL), WEIR_E_FENCED);
	item = one(member);
	cr_expect_geq(fixture_now_ns() - began, 100 * MS);
	cr_expect_eq(item.attempts, 2);
	struct weir_rejection untried = {.verdict = WEIR_VERDICT_RELEASE};
	cr_assert_eq(weir_reject(member, &item, &untried), 0);
	item = one(member);
	cr_expect_eq(item.attempts, 2, "that was none");
	cr_assert_eq(weir_ack(member, &item), 0);
	commit(member);
	cr_expect_eq(lag_of(id), 0);
}

Test(sharing, attempts_and_delays_survive_an_open)
{
	uint32_t id = make();
	struct weir_member *member = join(id, 4);
	struct weir_rejection later = {.delay_ns = 300 * MS};
	publish(7, 8);
	struct weir_item item = one(member);
	uint64_t began = fixture_now_ns();
	cr_assert_eq(weir_reject(member, &item, &later), 0);
	commit(member);
	reopen();
	cr_assert_eq(make(), id);
	member = join(id, 4);
	item = one(member);
	cr_expect_eq(item.attempts, 2);
	cr_expect_geq(fixture_now_ns() - began, 290 * MS, "clocks differ by their grain");
	cr_assert_eq(weir_ack(member, &item), 0);
	commit(member);
}

Test(sharing, bad_rejections_are_refused)
{
	uint32_t id = make();
	struct weir_member *member = join(id, 4);
	publish(7, 8);
	struct weir_item item = one(member), nothing = {0};
	char text[WEIR_REASON_TEXT_MAX + 2];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	struct weir_rejection r = {.text = text};
	cr_expect_eq(weir_reject(member, &item, &r), -EINVAL, "too long");
	r = (struct weir_rejection){.verdict = (enum weir_verdict)9};
	cr_expect_eq(weir_reject(member, &item, &r), -EINVAL);
	r = (struct weir_rejection){.delay_ns = 13 * 3600000 * MS};
	cr_expect_eq(weir_reject(member, &item, &r), -EINVAL);
	r = (struct weir_rejection){.verdict = WEIR_VERDICT_DEAD};
	cr_expect_eq(weir_reject(member, &item, &r), -EINVAL, "there are no dead letters");
	cr_expect_eq(weir_reject(member, &nothing, NULL), -EINVAL);
	cr_expect_eq(weir_extend(member, &item, 13 * 3600000 * MS), -EINVAL);
	cr_expect_eq(weir_ack(member, &nothing), -EINVAL);
	cr_assert_eq(weir_ack(member, &item), 0, "none of it did anything");
	commit(member);
}

Test(sharing, an_event_that_fails_too_often_is_a_dead_letter)
{
	options.dead_letters = "dead";
	options.attempts_max = 3;
	uint32_t id = make();
	uint32_t dead_id = fixture_subscription(&f, "undertaker", "dead");
	struct weir_member *member = join(id, 4), *undertaker = fixture_member(&f, dead_id, NULL);
	uint64_t key = 11, number = 7;
	struct weir_header header = {
		.name = "h", .name_bytes = 1, .value = "value", .value_bytes = 5};
	struct weir_event event = fixture_event(topic, &key, &number);
	event.headers = &header;
	event.header_count = 1;
	uint64_t ticket, sequence = 0;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
	for (uint32_t i = 1; i <= 3; i++) {
		struct weir_item item = one(member);
		struct weir_rejection r = {.reason = 40 + i, .text = "no such customer"};
		cr_expect_eq(item.attempts, i);
		sequence = item.sequence;
		cr_assert_eq(weir_reject(member, &item, &r), 0);
	}
	struct weir_item letter = one(undertaker);
	struct weir_origin origin;
	struct weir_header found;
	cr_expect_eq(fixture_number(&letter), 7);
	cr_expect_eq(letter.key_bytes, sizeof key);
	cr_expect_eq(memcmp(letter.key, &key, sizeof key), 0);
	cr_expect_neq(weir_item_header(&letter, 0, &found), 0);
	cr_expect(found.value_bytes == 5 && memcmp(found.value, "value", 5) == 0);
	cr_assert(weir_item_origin(&letter, &origin));
	cr_expect_eq(origin.sequence, sequence);
	cr_expect_eq(origin.topic, topic);
	cr_expect_eq(origin.subscription, id);
	cr_expect_eq(origin.attempts, 3);
	cr_expect_eq(origin.reason, 43);
	cr_expect_not(origin.by_verdict);
	cr_expect_leq(origin.first_failed_us, origin.last_failed_us);
	cr_expect_eq(origin.text_bytes, strlen("no such customer"));
	cr_expect_eq(memcmp(origin.text, "no such customer", origin.text_bytes), 0);
	cr_expect_eq(lag_of(id), 0, "it is settled");
	cr_expect_eq(fixture_poll_rest(member), 0);
}

Test(sharing, what_is_rejected_as_dead_goes_at_once)
{
	options.dead_letters = "dead";
	uint32_t id = make();
	uint32_t dead_id = fixture_subscription(&f, "undertaker", "dead");
	struct weir_member *member = join(id, 4), *undertaker = fixture_member(&f, dead_id, NULL);
	publish(0, 10);
	for (uint32_t i = 0; i < 10; i++) {
		struct weir_item item = one(member);
		struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD};
		if (fixture_number(&item) % 2 == 0)
			cr_assert_eq(weir_reject(member, &item, &r), 0);
		else
			cr_assert_eq(weir_ack(member, &item), 0);
	}
	for (uint32_t i = 0; i < 5; i++) {
		struct weir_item letter = one(undertaker);
		struct weir_origin origin;
		cr_expect_eq(fixture_number(&letter) % 2, 0);
		cr_assert(weir_item_origin(&letter, &origin));
		cr_expect(origin.by_verdict);
		cr_assert_eq(weir_ack(undertaker, &letter), 0);
	}
	commit(member);
	cr_expect_eq(lag_of(id), 0);
	cr_expect_eq(fixture_poll_rest(undertaker), 0);
}

Test(sharing, what_was_dead_before_an_open_is_not_handed_out)
{
	struct weir_origin origin;
	uint32_t id = make();
	uint32_t dead_id = fixture_subscription(&f, "undertaker", "dead");
	struct weir_member *member = join(id, 4);
	publish(7, 8);
	struct weir_item item = one(member);
	cr_assert_eq(weir_reject(member, &item, NULL), 0);
	commit(member);
	reopen();
	options.dead_letters = "dead";
	options.attempts_max = 1;
	cr_assert_eq(make(), id);
	member = join(id, 4);
	cr_assert_eq(weir_poll(member, &item, 1, 50 * MS), 0, "once was too often");
	item = one(fixture_member(&f, dead_id, NULL));
	cr_expect_eq(fixture_number(&item), 7);
	cr_assert(weir_item_origin(&item, &origin));
	cr_expect(!origin.by_verdict && origin.attempts == 1);
	cr_expect_eq(lag_of(id), 0);
}

Test(sharing, while_an_event_of_a_key_is_out_nobody_gets_the_next)
{
	options.order = WEIR_ORDER_KEY;
	uint32_t id = make();
	struct weir_member *a = join(id, 8), *b = join(id, 8);
	for (uint64_t i = 0; i < 4; i++)
		publish_keyed(1, i);
	publish_keyed(2, 100);
	struct weir_item first = one(a);
	struct weir_item rest = one(b);
	if (fixture_number(&first) == 100) {
		struct weir_item swap = first;
		first = rest;
		rest = swap;
	}
	cr_expect_eq(fixture_number(&first), 0);
	cr_expect_eq(fixture_number(&rest), 100);
	struct weir_item item;
	cr_expect_eq(weir_poll(a, &item, 1, 50 * MS), 0);
	cr_expect_eq(weir_poll(b, &item, 1, 50 * MS), 0);
	/* Whoever had it gives it back: it is still the first. */
	struct weir_rejection r = {.verdict = WEIR_VERDICT_RETRY};
	struct weir_member *owner = weir_reject(a, &first, &r) == 0 ? a : b;
	if (owner == b)
		cr_assert_eq(weir_reject(b, &first, &r), 0);
	for (uint64_t i = 0; i < 4; i++) {
		uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
		struct weir_member *who = NULL;
		while (who == NULL && fixture_now_ns() < until)
			who = weir_poll(a, &item, 1, MS) == 1   ? a
			      : weir_poll(b, &item, 1, MS) == 1 ? b
								: NULL;
		cr_assert_not_null(who);
		cr_expect_eq(fixture_number(&item), i);
		cr_assert_eq(weir_ack(who, &item), 0);
		commit(who);
	}
}

Test(sharing, no_more_is_outstanding_than_was_said)
{
	options.outstanding_max = 5;
	uint32_t id = make();
	struct weir_member *member = join(id, 100);
	publish(0, 20);
	struct weir_item items[20];
	uint32_t count = 0;
	for (int i = 0; i < 50; i++)
		count += (uint32_t)weir_poll(member, items + count, 20 - count, MS);
	cr_expect_eq(count, 5);
	cr_assert_eq(weir_ack(member, &items[2]), 0);
	items[5] = one(member);
	cr_expect_eq(weir_poll(member, items, 1, 20 * MS), 0);
}

Test(sharing, a_member_that_leaves_gives_back_what_it_has)
{
	uint32_t id = make(), seen[10] = {0};
	struct weir_member *a = join(id, 10);
	publish(0, 10);
	struct weir_item item = one(a);
	cr_assert_eq(weir_ack(a, &item), 0);
	seen[fixture_number(&item)]++;
	(void)one(a);
	cr_assert_eq(weir_member_leave(a, FIXTURE_LONG_NS), 0);
	struct weir_member *b = join(id, 10);
	for (uint32_t i = 0; i < 9; i++) {
		item = one(b);
		cr_expect_eq(item.attempts, 1, "leaving is no failure");
		seen[fixture_number(&item)]++;
		cr_assert_eq(weir_ack(b, &item), 0);
	}
	for (uint32_t i = 0; i < 10; i++)
		cr_expect_eq(seen[i], 1);
	cr_expect_eq(fixture_poll_rest(b), 0);
}

Test(sharing, with_a_single_active_member_the_others_wait)
{
	options.single_active = true;
	uint32_t id = make();
	struct weir_member *first = join(id, 4), *second = join(id, 4);
	publish(0, 10);
	struct weir_item item = one(first);
	cr_expect_eq(weir_poll(second, &item, 1, 50 * MS), 0);
	cr_assert_eq(weir_member_leave(first, FIXTURE_LONG_NS), 0);
	uint32_t seen[10] = {0};
	cr_expect_eq(drain(second, seen, 10), 10, "what the first had, too");
	for (uint32_t i = 0; i < 10; i++)
		cr_expect_eq(seen[i], 1);
}

Test(sharing, more_acknowledgements_than_the_lane_has_room_for_go_in_turns)
{
	fixture_close(&f, NULL);
	f.options.member_lane_bytes = 4096;
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
	uint32_t id = make();
	struct weir_member *member = join(id, 1000);
	struct weir_item items[64];
	publish(0, 1000);
	/* Every other one: no two of them are one run. */
	uint32_t got = 0;
	while (got < 1000) {
		int count = weir_poll(member, items, 64, MS);
		for (int i = 0; i < count; i++, got++)
			if (got % 2 == 0)
				cr_assert_eq(weir_ack(member, &items[i]), 0);
	}
	commit(member);
	cr_expect_eq(lag_of(id), 500);
}

Test(sharing, a_log_with_fewer_places_than_the_queue_was_made_with_hands_out_all_the_same)
{
	options.outstanding_max = 2000;
	uint32_t id = make(), seen[EVENTS] = {0};
	publish(0, EVENTS);
	fixture_close(&f, NULL);
	f.options.outstanding_max = 16;
	fixture_open(&f);
	options.outstanding_max = 0;
	cr_assert_eq(make(), id);
	struct weir_member *member = join(id, 1000);
	cr_expect_eq(drain(member, seen, EVENTS), EVENTS);
	for (uint32_t i = 0; i < EVENTS; i++)
		cr_expect_eq(seen[i], 1, "%u came %u times", i, seen[i]);
	commit(member);
	cr_expect_eq(lag_of(id), 0);
}

Test(sharing, far_behind_it_is_read_from_disk)
{
	options.start = WEIR_START_OLDEST;
	uint32_t id = make();
	uint32_t *seen = calloc(30000, sizeof *seen);
	publish(0, 30000);
	struct weir_member *member = join(id, 64);
	cr_expect_eq(drain(member, seen, 30000), 30000);
	for (uint32_t i = 0; i < 30000; i++)
		cr_assert_eq(seen[i], 1, "%u came %u times", i, seen[i]);
	commit(member);
	cr_expect_eq(lag_of(id), 0);
	free(seen);
}

Test(sharing, options_that_contradict_each_other_are_refused)
{
	uint32_t id;
	options.attempts_max = 3;
	cr_expect_eq(weir_subscription_create(f.pipeline, &options, &id, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "attempts_max");
	options.dead_letters = "work";
	cr_expect_eq(weir_subscription_create(f.pipeline, &options, &id, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "dead_letters");
	options.dead_letters = "nowhere";
	cr_expect_eq(weir_subscription_create(f.pipeline, &options, &id, &problem),
		     WEIR_E_UNKNOWN_NAME);
	options.dead_letters = "dead";
	options.lease_ns = 0;
	cr_expect_eq(weir_subscription_create(f.pipeline, &options, &id, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "lease_ns");
	options.lease_ns = 30000 * MS;
	options.outstanding_max = f.options.outstanding_max + 1;
	cr_expect_eq(weir_subscription_create(f.pipeline, &options, &id, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "outstanding_max");
	options.outstanding_max = 10;
	options.order = WEIR_ORDER_PARTITION;
	cr_expect_eq(weir_subscription_create(f.pipeline, &options, &id, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "order");
	options.order = WEIR_ORDER_KEY;
	id = make();
	options.order = WEIR_ORDER_NONE;
	cr_expect_eq(weir_subscription_create(f.pipeline, &options, &id, &problem), WEIR_E_EXISTS);
	cr_expect_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, 0, &problem),
		     -EINVAL);
}

/* --- in memory ------------------------------------------------------------------------------- */

static void setup_memory(void)
{
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
}

TestSuite(sharing_memory, .init = setup_memory, .fini = teardown, .timeout = 120);

/* Publishes until the log takes no more: one beyond the last number. */
static uint64_t fill_up(uint64_t first)
{
	struct weir_producer_options impatient;
	struct weir_producer *other;
	uint64_t number = first, ticket;
	struct weir_event event = fixture_event(topic, NULL, &number);
	weir_producer_options_init(&impatient);
	impatient.when_full = WEIR_FULL_FAIL;
	cr_assert_eq(weir_producer_open(f.pipeline, &impatient, &other, NULL), 0);
	for (int idle = 0; number < 1000000 && idle < 100;) {
		int rc = weir_publish(other, &event, &ticket);
		idle = rc == 0 ? 0 : idle + 1;
		number += rc == 0 ? 1 : 0;
		if (rc != 0)
			cr_assert_geq(weir_step(f.pipeline, 100000u), 0);
	}
	return number;
}

Test(sharing_memory, what_is_not_taken_holds_producers_back)
{
	uint32_t id = make();
	struct weir_member *member = join(id, 64);
	uint64_t end = fill_up(0);
	cr_expect_lt(end, 1000000, "the log has an end");
	uint32_t *seen = calloc(end, sizeof *seen);
	cr_expect_eq(drain(member, seen, (uint32_t)end), end, "and nothing was overtaken");
	for (uint64_t i = 0; i < end; i++)
		cr_assert_eq(seen[i], 1, "%u came %u times", (unsigned)i, seen[i]);
	commit(member);
	cr_expect_eq(lag_of(id), 0);
	free(seen);
}

Test(sharing_memory, what_is_overrun_by_acknowledgements_comes_as_a_gap)
{
	options.lease_ns = 43200000 * MS;
	uint32_t id = make();
	struct weir_member *member = join(id, 64);
	publish(0, 1);
	struct weir_item stuck = one(member), item;
	uint64_t end = fill_up(1);
	uint32_t *seen = calloc(end, sizeof *seen);
	cr_expect_eq(drain(member, seen, (uint32_t)end - 1), end - 1, "all but that one");
	for (uint64_t i = 1; i < end; i++)
		cr_assert_eq(seen[i], 1, "%u came %u times", (unsigned)i, seen[i]);
	cr_assert_eq(weir_reject(member, &stuck, NULL), 0);
	item = one(member);
	cr_expect_eq(item.kind, WEIR_ITEM_GAP);
	cr_expect_eq(item.sequence, stuck.sequence);
	cr_assert_eq(weir_ack(member, &item), 0);
	commit(member);
	cr_expect_eq(lag_of(id), 0);
	free(seen);
}
