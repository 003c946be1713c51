/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an event with an idempotency key is in its topic once, whoever publishes it again and when:
 * by another producer, after a restart, when the first one's segment is gone; and each repeat is
 * told, with the place of the first, once that is as safe as was asked for. A named producer goes
 * on behind duplicates, and behind refusals that it skips. Rules: L7, L9, L10, L15, L16.
 *
 * Method: single cases on a pipeline with a journal; restarts by a clean end and by one that drops
 * what was not told; a retention of a few segments.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define KEYS 64u

static struct fixture f;
static uint32_t topic;

static struct weir_topic_options window(const char *name, uint32_t keys, uint64_t span_ns)
{
	struct weir_topic_options o;
	weir_topic_options_init(&o);
	o.name = name;
	o.partitions = 4;
	o.idempotency_keys = keys;
	o.idempotency_span_ns = span_ns;
	return o;
}

static void begin(int kind)
{
	struct weir_topic_options o = window("work", KEYS, 0);
	fixture_init(&f, kind);
	f.options.idempotency_keys_max = 2 * KEYS;
	fixture_open(&f);
	cr_assert_eq(weir_topic_create(f.pipeline, &o, &topic, NULL), 0);
}

static void setup(void)
{
	begin(FIXTURE_DURABLE);
}

static void teardown(void)
{
	fixture_end(&f);
}

/* The event of a number, whose key is that number. */
static struct weir_event keyed(const uint64_t *number, struct weir_ids *ids)
{
	struct weir_event event = fixture_event(topic, NULL, number);
	*ids = (struct weir_ids){.idempotency_key = number,
				 .idempotency_key_bytes = sizeof *number};
	event.ids = ids;
	return event;
}

static int once(uint64_t number, struct weir_pos *pos)
{
	struct weir_ids ids;
	struct weir_event event = keyed(&number, &ids);
	return weir_publish_once(f.pipeline, &event, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS, pos);
}

static uint64_t publish(struct weir_producer *producer, uint64_t number)
{
	struct weir_ids ids;
	struct weir_event event = keyed(&number, &ids);
	uint64_t ticket = 0;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	return ticket;
}

static int outcome(struct weir_producer *producer, uint64_t ticket)
{
	return weir_wait(producer, ticket, WEIR_LEVEL_DEFAULT, FIXTURE_LONG_NS);
}

static void reopen(enum weir_close_mode mode)
{
	(void)weir_close(f.pipeline, mode, FIXTURE_LONG_NS, NULL);
	fixture_open(&f);
}

/* Each number of first .. end - 1 is there once, and nothing else. */
static void expect_in_log(uint64_t first, uint64_t end)
{
	struct weir_item item;
	bool seen[256] = {false};
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "reader", "work"), NULL);
	for (uint64_t i = first; i < end; i++) {
		cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
		uint64_t number = fixture_number(&item);
		cr_assert(number >= first && number < end && !seen[number % 256], "%lu",
			  (unsigned long)number);
		seen[number % 256] = true;
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
}

TestSuite(once_only, .init = setup, .fini = teardown, .timeout = 60);

Test(once_only, a_repeat_is_told_where_the_first_stands_and_is_not_written)
{
	struct weir_pos first = {0}, again = {0};
	struct weir_topic_keys keys;
	cr_assert_eq(once(1, &first), 0);
	cr_assert_eq(once(2, NULL), 0);
	cr_expect_eq(once(1, &again), WEIR_E_DUPLICATE);
	cr_expect_eq(again.sequence, first.sequence);
	cr_expect_eq(again.epoch, 0);
	cr_assert_eq(weir_topic_keys(f.pipeline, topic, &keys), 0);
	cr_expect_eq(keys.keys_max, KEYS);
	cr_expect_eq(keys.span_ns, 0);
	cr_expect_eq(keys.keys, 2);
	cr_expect_eq(keys.duplicates, 1);
	expect_in_log(1, 3);
}

Test(once_only, an_item_has_the_key_that_it_was_published_with)
{
	struct weir_item item;
	struct weir_ids ids;
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "reader", "work"), NULL);
	cr_assert_eq(once(77, NULL), 0);
	cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
	weir_item_ids(&item, &ids);
	uint64_t key = 77;
	cr_assert_eq(ids.idempotency_key_bytes, sizeof key);
	cr_expect_arr_eq(ids.idempotency_key, &key, sizeof key);
}

Test(once_only, a_producer_hears_of_its_duplicates)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_producer_progress p;
	cr_expect_eq(outcome(producer, publish(producer, 1)), 0);
	cr_expect_eq(outcome(producer, publish(producer, 1)), WEIR_E_DUPLICATE);
	cr_expect_eq(outcome(producer, publish(producer, 2)), 0);
	weir_producer_progress(producer, &p);
	cr_expect_eq(p.refused_count, 1);
	cr_expect_eq(p.first_refusal, WEIR_E_DUPLICATE);
	cr_expect_eq(weir_producer_close(producer, FIXTURE_LONG_NS), WEIR_E_DUPLICATE);
	expect_in_log(1, 3);
}

Test(once_only, who_never_asks_has_them_counted)
{
	struct weir_producer_options o;
	struct weir_producer *producer;
	struct weir_topic_keys keys;
	weir_producer_options_init(&o);
	o.no_acks = true;
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &producer, NULL), 0);
	for (uint64_t i = 0; i < 30; i++)
		(void)publish(producer, i % 10);
	cr_expect_eq(weir_producer_close(producer, FIXTURE_LONG_NS), WEIR_E_DUPLICATE);
	cr_assert_eq(weir_topic_keys(f.pipeline, topic, &keys), 0);
	cr_expect_eq(keys.duplicates, 20);
	expect_in_log(0, 10);
}

struct heard {
	struct weir_ack_range ranges[16];
	uint32_t count;
};

static void hear(void *context, const struct weir_ack_range *range)
{
	struct heard *heard = context;
	cr_assert_lt(heard->count, 16);
	heard->ranges[heard->count++] = *range;
}

Test(once_only, an_answer_carries_the_sequence_of_the_first)
{
	struct heard heard = {.count = 0};
	struct weir_producer_options o;
	struct weir_producer *producer;
	struct weir_pos first[3];
	weir_producer_options_init(&o);
	o.ack_fn = hear;
	o.ack_context = &heard;
	for (uint64_t i = 0; i < 3; i++)
		cr_assert_eq(once(i, &first[i]), 0);
	cr_assert_eq(weir_producer_open(f.pipeline, &o, &producer, NULL), 0);
	(void)publish(producer, 10);
	(void)publish(producer, 2);
	(void)publish(producer, 0);
	uint64_t last = publish(producer, 11);
	cr_assert_eq(outcome(producer, last), 0);
	cr_assert_eq(weir_producer_poll_acks(producer), 4);
	cr_assert_eq(heard.count, 4);
	cr_expect_eq(heard.ranges[0].code, 0);
	for (uint32_t i = 1; i < 3; i++) {
		cr_expect_eq(heard.ranges[i].code, WEIR_E_DUPLICATE);
		cr_expect_eq(heard.ranges[i].first_ticket, i + 1);
		cr_expect_eq(heard.ranges[i].sequence, first[i == 1 ? 2 : 0].sequence);
	}
	cr_expect_eq(heard.ranges[3].code, 0);
	cr_expect_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0, "all was told");
}

Test(once_only, a_run_with_a_duplicate_is_refused_whole_and_its_keys_stay_free)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	uint64_t numbers[] = {5, 6, 1}, ticket;
	struct weir_ids ids[3];
	cr_assert_eq(once(1, NULL), 0);
	for (uint32_t rounds = 0; rounds < 2; rounds++) {
		cr_assert_eq(weir_run_begin(producer, 4096), 0);
		for (uint32_t i = 0; i < 3 - rounds; i++) {
			struct weir_event event = keyed(&numbers[i], &ids[i]);
			cr_assert_eq(weir_run_add(producer, &event), 0);
		}
		cr_assert_eq(weir_run_commit(producer, &ticket), 0);
		cr_expect_eq(outcome(producer, ticket), rounds == 0 ? WEIR_E_DUPLICATE : 0);
	}
	/* One key twice in a run: there is no first event that could be told. */
	struct weir_event event = keyed(&numbers[0], &ids[0]);
	numbers[0] = 9;
	cr_assert_eq(weir_run_begin(producer, 4096), 0);
	cr_assert_eq(weir_run_add(producer, &event), 0);
	cr_assert_eq(weir_run_add(producer, &event), 0);
	cr_assert_eq(weir_run_commit(producer, &ticket), 0);
	cr_expect_eq(outcome(producer, ticket), WEIR_E_DUPLICATE);
	cr_expect_eq(once(9, NULL), 0);
}

Test(once_only, claims_have_keys_too)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_ids ids;
	uint64_t number = 3, ticket;
	struct weir_event event = keyed(&number, &ids);
	for (int i = 0; i < 2; i++) {
		void *payload;
		cr_assert_eq(weir_claim(producer, &event, sizeof number, &payload), 0);
		memcpy(payload, &number, sizeof number);
		cr_assert_eq(weir_commit(producer, sizeof number, &ticket), 0);
		cr_expect_eq(outcome(producer, ticket), i == 0 ? 0 : WEIR_E_DUPLICATE);
	}
	expect_in_log(3, 4);
}

Test(once_only, what_is_no_key_here_is_refused_at_once)
{
	static const uint8_t bytes[WEIR_IDEMPOTENCY_KEY_BYTES_MAX + 1];
	struct weir_producer *producer = fixture_producer(&f, NULL);
	uint64_t number = 1;
	struct weir_ids ids;
	struct weir_event event = keyed(&number, &ids);
	event.topic = fixture_topic(&f, "plain", 1);
	cr_expect_eq(weir_publish(producer, &event, NULL), -EINVAL);
	cr_expect_eq(weir_publish_once(f.pipeline, &event, WEIR_LEVEL_DEFAULT, 0, NULL), -EINVAL);
	event.topic = topic;
	ids.idempotency_key = bytes;
	ids.idempotency_key_bytes = sizeof bytes;
	cr_expect_eq(weir_publish(producer, &event, NULL), -EINVAL);
	cr_expect_eq(weir_event_bytes(&event), 0);
	ids.idempotency_key_bytes--;
	uint64_t ticket;
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	cr_expect_eq(outcome(producer, ticket), 0);
}

Test(once_only, windows_are_checked_and_kept_as_they_were_made)
{
	struct weir_problem problem;
	uint32_t id = 99;
	struct weir_topic_options o = window("work", KEYS, 0);
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &id, NULL), 0, "it is there");
	cr_expect_eq(id, topic);
	o.idempotency_keys = KEYS - 1;
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &id, &problem), WEIR_E_EXISTS);
	cr_expect_not_null(strstr(problem.text, "64 idempotency keys"), "%s", problem.text);
	o.idempotency_keys = 0;
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &id, NULL), WEIR_E_EXISTS);
	o = window("more", KEYS + 1, 0);
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &id, &problem), WEIR_E_FULL);
	cr_expect_not_null(strstr(problem.text, "idempotency_keys_max (128)"), "%s", problem.text);
	cr_expect_str_eq(problem.field, "", "which of them is full is not known");
	o = window("more", 2 * KEYS + 1, 0);
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &id, &problem), WEIR_E_FULL);
	cr_expect_str_eq(problem.field, "idempotency_keys");
	o = window("more", 0, 1000);
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &id, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "idempotency_keys");
	o = window("more", 1, 1001);
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &id, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "idempotency_span_ns");
	o = window("more", KEYS, 1000);
	cr_expect_eq(weir_topic_create(f.pipeline, &o, &id, &problem), 0, "%s", problem.text);
	/* Smaller tables cannot hold this journal; the same can. */
	fixture_close(&f, NULL);
	f.options.idempotency_keys_max = 2 * KEYS - 1;
	struct weir_pipeline *none = NULL;
	cr_expect_eq(weir_open(&f.options, &none, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "idempotency_keys_max");
	f.options.idempotency_keys_max = 2 * KEYS;
	fixture_open(&f);
}

Test(once_only, keys_are_known_after_restarts_of_every_kind)
{
	struct weir_pos first, again;
	cr_assert_eq(once(1, &first), 0);
	reopen(WEIR_CLOSE_DRAIN);
	cr_expect_eq(once(1, &again), WEIR_E_DUPLICATE);
	cr_expect_eq(again.sequence, first.sequence);
	cr_assert_eq(once(2, NULL), 0);
	reopen(WEIR_CLOSE_ABORT);
	cr_expect_eq(once(2, NULL), WEIR_E_DUPLICATE);
	cr_expect_eq(once(1, NULL), WEIR_E_DUPLICATE);
	expect_in_log(1, 3);
}

/* The window is in the checkpoint: what held the event is not needed for it. */
Test(once_only, keys_are_known_when_their_segment_is_gone)
{
	struct weir_pos first, again;
	struct weir_info info;
	struct weir_producer *producer;
	fixture_close(&f, NULL);
	f.options.retention_bytes = 1;
	f.options.checkpoint_bytes = 1;
	fixture_open(&f);
	cr_assert_eq(once(1, &first), 0);
	uint32_t plain = fixture_topic(&f, "plain", 1);
	producer = fixture_producer(&f, NULL);
	for (uint32_t i = 0; i < 4000; i++) {
		fixture_info(&f, &info);
		if (info.segments_recycled > 2)
			break;
		fixture_wait(producer, fixture_publish(producer, plain, 0, 500));
	}
	cr_assert_gt(info.segments_recycled, 2);
	cr_expect_eq(once(1, &again), WEIR_E_DUPLICATE);
	for (int i = 0; i < 2; i++) {
		reopen(i == 0 ? WEIR_CLOSE_DRAIN : WEIR_CLOSE_ABORT);
		fixture_info(&f, &info);
		cr_assert_gt(info.recovery.oldest_sequence, first.sequence);
		cr_expect_eq(once(1, &again), WEIR_E_DUPLICATE);
		cr_expect_eq(again.sequence, first.sequence);
	}
}

Test(once_only, keys_leave_by_number_and_by_time)
{
	struct weir_topic_options o = window("brief", 4, 1000);
	cr_assert_eq(weir_topic_create(f.pipeline, &o, &topic, NULL), 0);
	cr_assert_eq(once(1, NULL), 0);
	for (int i = 0; i < 1000 && once(1, NULL) != 0; i++)
		fixture_sleep_ns(1000000);
	cr_assert_eq(weir_topic_find(f.pipeline, "work", &topic), 0);
	for (uint64_t i = 0; i <= KEYS; i++)
		cr_assert_eq(once(i, NULL), 0);
	cr_expect_eq(once(1, NULL), WEIR_E_DUPLICATE);
	cr_expect_eq(once(0, NULL), 0, "it was one too many");
}

Test(once_only, a_log_in_memory_has_windows_too)
{
	fixture_end(&f);
	begin(FIXTURE_MEMORY);
	cr_expect_eq(once(1, NULL), 0);
	cr_expect_eq(once(1, NULL), WEIR_E_DUPLICATE);
	expect_in_log(1, 2);
}

/* L10: its sequence is passed over by a record in the event's place. */
Test(once_only, a_named_producer_goes_on_behind_a_duplicate)
{
	struct weir_producer_last last;
	struct weir_producer *producer = fixture_producer(&f, "source");
	uint64_t numbers[] = {2, 8, 9}, ticket;
	struct weir_ids ids[3];
	cr_assert_eq(once(2, NULL), 0);
	cr_expect_eq(outcome(producer, publish(producer, 1)), 0);
	cr_expect_eq(outcome(producer, publish(producer, 2)), WEIR_E_DUPLICATE);
	cr_expect_eq(outcome(producer, publish(producer, 3)), 0);
	/* A run that holds one is not: its other events are in no log. */
	cr_assert_eq(weir_run_begin(producer, 4096), 0);
	for (uint32_t i = 0; i < 3; i++) {
		struct weir_event event = keyed(&numbers[i], &ids[i]);
		cr_assert_eq(weir_run_add(producer, &event), 0);
	}
	cr_assert_eq(weir_run_commit(producer, &ticket), 0);
	cr_expect_eq(outcome(producer, ticket), WEIR_E_DUPLICATE);
	cr_expect_eq(weir_producer_poll_acks(producer) >= 0, true);
	cr_expect_eq(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS),
		     WEIR_E_DUPLICATE, "also when it was told already");
	cr_expect_eq(outcome(producer, publish(producer, 4)), WEIR_E_OUT_OF_SEQUENCE);
	cr_assert_eq(weir_producer_skip(producer, &ticket), 0);
	cr_expect_eq(outcome(producer, ticket), 0);
	cr_expect_eq(outcome(producer, publish(producer, 4)), 0);
	cr_expect_eq(outcome(producer, publish(producer, 4)), WEIR_E_DUPLICATE);
	reopen(WEIR_CLOSE_ABORT);
	producer = fixture_producer(&f, "source");
	cr_assert_eq(weir_producer_last(producer, &last), 0);
	cr_expect_eq(last.producer_sequence, 9, "1, 2, 3, three of the run, 4 three times");
	cr_expect_eq(outcome(producer, publish(producer, 5)), 0);
	expect_in_log(1, 6);
}

/* L10: without it everything behind a refusal is refused, until the name is opened again. */
Test(once_only, a_named_producer_skips_what_was_refused)
{
	struct weir_producer *producer = fixture_producer(&f, "source");
	struct weir_producer_last last;
	uint64_t ticket;
	cr_assert_eq(weir_producer_skip(producer, &ticket), 0, "nothing yet: nothing to pass");
	cr_expect_eq(outcome(producer, ticket), 0);
	cr_expect_eq(outcome(producer, publish(producer, 1)), 0);
	producer->stamp.sequence += 3; /* events that were never handed over */
	cr_expect_eq(outcome(producer, publish(producer, 2)), WEIR_E_OUT_OF_SEQUENCE);
	cr_expect_eq(outcome(producer, publish(producer, 2)), WEIR_E_OUT_OF_SEQUENCE);
	cr_assert_eq(weir_producer_skip(producer, &ticket), 0);
	cr_expect_eq(outcome(producer, ticket), 0);
	cr_expect_eq(outcome(producer, publish(producer, 2)), 0, "its key was never taken");
	cr_assert_eq(weir_producer_skip(producer, NULL), 0);
	reopen(WEIR_CLOSE_DRAIN);
	producer = fixture_producer(&f, "source");
	cr_assert_eq(weir_producer_last(producer, &last), 0);
	cr_expect_eq(last.producer_sequence, 7);
	struct weir_item item;
	struct weir_member *member =
		fixture_member(&f, fixture_subscription(&f, "reader", "work"), NULL);
	cr_assert_eq(fixture_poll(member, &item, 1, 2, true), 2);
	cr_expect_eq(fixture_number(&item), 2);
	cr_expect_eq(last.sequence, item.sequence);
	cr_expect_eq(weir_producer_skip(fixture_producer(&f, NULL), &ticket), -EINVAL);
}

/* A zombie can pass nothing over. */
Test(once_only, a_skip_of_an_older_holder_is_fenced)
{
	struct weir_producer *old = fixture_producer(&f, "source");
	uint64_t ticket;
	fixture_wait(old, publish(old, 1));
	struct weir_producer *holder = fixture_producer(&f, "source");
	old->stamp.sequence += 100;
	cr_assert_eq(weir_producer_skip(old, &ticket), 0);
	cr_expect_eq(outcome(old, ticket), WEIR_E_FENCED);
	cr_expect_eq(outcome(holder, publish(holder, 2)), 0);
}
