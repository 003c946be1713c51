/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a replay to chosen subscriptions gives each of them each event of its range once, marked,
 *         behind what it has and under its own filter, whatever its order; nobody else sees any of
 *         it; it is counted in their lag and in nobody else's; it goes on by its name, fixed in its
 *         end. Mission 1.3 (replay to chosen rules), 1.7 (replay).
 * Method: a manual pipeline with a journal; readers of all kinds over one topic, and what copies
 *         from it; events by number, counted by reader.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/pipeline/replay_to_bed.h"

TestSuite(replay_to, .init = setup, .fini = queue_end, .timeout = 120);

/* ---- who gets what ---- */

static const enum weir_order orders[] = {WEIR_ORDER_PARTITION, WEIR_ORDER_KEY, WEIR_ORDER_NONE};

Test(replay_to, each_of_the_chosen_gets_each_event_once_and_nobody_else_any)
{
	uint32_t chosen[3], other = reader("other", "work", WEIR_ORDER_PARTITION);
	for (uint32_t i = 0; i < 3; i++)
		chosen[i] = reader((const char *[]){"p", "k", "n"}[i], "work", orders[i]);
	queue_publish(0, EVENTS);
	struct weir_member *members[3], *bystander = join(other);
	for (uint32_t i = 0; i < 3; i++) {
		members[i] = join(chosen[i]);
		expect_taken(members[i], EVENTS, 0);
	}
	expect_taken(bystander, EVENTS, 0);
	const uint32_t mixed[] = {chosen[2], chosen[0], chosen[1]};
	options.subscriptions = mixed;
	options.subscription_count = 3;
	struct weir_replay_to_progress progress = run_job();
	cr_expect(progress.events == EVENTS && progress.gaps == 0 && progress.left_out == 0);
	for (uint32_t i = 0; i < 3; i++)
		cr_expect_eq(queue_lag(chosen[i]), EVENTS, "%llu",
			     (unsigned long long)queue_lag(chosen[i]));
	cr_expect_eq(queue_lag(other), 0);
	for (uint32_t i = 0; i < 3; i++) {
		expect_taken(members[i], EVENTS, EVENTS);
		expect_each_once(0, EVENTS);
		cr_expect_eq(queue_lag(chosen[i]), 0);
	}
	expect_taken(bystander, 0, 0);
	/* Copies are in no other replay, and in no second one to subscriptions. */
	options.name = "once-more";
	cr_expect_eq(run_job().events, EVENTS);
}

Test(replay_to, a_copy_is_its_event_and_says_of_which_replay)
{
	const uint64_t number = 7, key = 3;
	uint32_t id = reader("n", "work", WEIR_ORDER_NONE);
	struct weir_event event = fixture_event(queue_bed.topic, &key, &number);
	const struct weir_header header = {
		.name = "h", .name_bytes = 1, .value = "v", .value_bytes = 1};
	struct weir_ids ids = {.event_id = "id-7", .event_id_bytes = 4}, got;
	struct weir_header found;
	struct weir_replayed of;
	uint64_t ticket;
	event.headers = &header;
	event.header_count = 1;
	event.ids = &ids;
	event.event_time_us = 12345;
	cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	fixture_wait(queue_bed.producer, ticket);
	struct weir_member *member = join(id);
	struct weir_item first = queue_next(member);
	cr_assert_eq(weir_ack(member, &first), 0);
	uint64_t sequence = first.sequence;
	uint32_t partition = first.partition, epoch = first.epoch;
	options.subscriptions = &id;
	cr_expect_eq(run_job().events, 1);
	struct weir_item item = queue_next(member);
	cr_assert(weir_item_replayed(&item, &of));
	cr_expect(of.name_bytes == 5 && memcmp(of.name, "again", 5) == 0);
	cr_expect(of.pos.sequence == sequence && of.pos.epoch == epoch &&
		  of.topic == queue_bed.topic && of.partition == partition);
	cr_expect(item.topic == queue_bed.topic && item.partition == partition);
	cr_expect(item.key_bytes == sizeof key && memcmp(item.key, &key, sizeof key) == 0);
	weir_item_ids(&item, &got);
	cr_expect(got.event_id_bytes == 4 && memcmp(got.event_id, "id-7", 4) == 0);
	cr_expect(weir_item_header(&item, 0, &found) != 0 && found.value_bytes == 1);
	cr_expect_eq(weir_item_event_time_us(&item), 12345);
	cr_expect_eq(fixture_number(&item), 7);
	cr_assert_eq(weir_ack(member, &item), 0);
}

/* Keys "a.N" and "b.N" in turn. */
static void publish_words(uint64_t first, uint64_t end)
{
	uint64_t ticket = 0;
	for (uint64_t n = first; n < end; n++) {
		char key[16];
		struct weir_event event = fixture_event(queue_bed.topic, NULL, &n);
		event.key = key;
		event.key_bytes = (size_t)snprintf(key, sizeof key, "%c.%u", n % 2 ? 'b' : 'a',
						   (unsigned)n % 8);
		cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	}
	fixture_wait(queue_bed.producer, ticket);
}

Test(replay_to, filters_of_subscriptions_decide_and_the_replays_own_and_its_window)
{
	const struct weir_filter_term term = {
		.kind = WEIR_FILTER_TOPIC, .pattern = "a.#", .pattern_bytes = 3};
	const struct weir_subscription_filter wants = {.term_count = 1, .terms = &term};
	uint32_t ids[] = {reader("p", "work", WEIR_ORDER_PARTITION),
			  reader("n", "work", WEIR_ORDER_NONE)};
	struct weir_filter *filter;
	publish_words(0, FEW);
	for (uint32_t i = 0; i < 2; i++)
		cr_assert_eq(weir_subscription_set_filter(queue_bed.f.pipeline, ids[i], &wants,
							  NULL, &problem),
			     0);
	publish_words(FEW, 2 * FEW);
	struct weir_member *members[2];
	for (uint32_t i = 0; i < 2; i++) {
		members[i] = join(ids[i]);
		expect_taken(members[i], FEW + FEW / 2, 0);
	}
	options.subscriptions = ids;
	options.subscription_count = 2;
	cr_expect_eq(run_job().events, 2 * FEW);
	for (uint32_t i = 0; i < 2; i++) {
		cr_expect_eq(queue_lag(ids[i]), FEW);
		expect_taken(members[i], FEW, FEW);
		for (uint32_t n = 0; n < 2 * FEW; n++)
			cr_expect_eq(seen[n], n % 2 == 0 ? 1 : 0, "%u", n);
		cr_expect_eq(queue_lag(ids[i]), 0);
	}
	cr_assert_eq(weir_filter_create(WEIR_FILTER_TOPIC, "a.2", 3, NULL, &filter, &problem), 0);
	options.name = "of-one-key";
	options.from.filter = filter;
	options.from.end_sequence = 0;
	cr_expect_eq(run_job().events, 0, "an empty window");
	options.name = "of-one-key-2";
	options.from.end_sequence = UINT64_MAX;
	uint32_t fits = 0;
	for (uint32_t n = 0; n < 2 * FEW; n++)
		fits += n % 8 == 2 ? 1 : 0;
	cr_expect_eq(run_job().events, fits);
	for (uint32_t i = 0; i < 2; i++)
		expect_taken(members[i], fits, fits);
	weir_filter_destroy(filter);
}

Test(replay_to, nothing_that_copies_or_reads_again_sees_a_copy)
{
	uint32_t id = reader("p", "work", WEIR_ORDER_PARTITION);
	uint32_t bound = fixture_topic(&queue_bed.f, "bound", 1);
	uint32_t rest = fixture_topic(&queue_bed.f, "rest", 1);
	struct weir_binding_options binding;
	struct weir_replay_options all;
	struct weir_replay *replay;
	struct weir_item items[64];
	struct weir_member *readers[2];
	weir_binding_options_init(&binding);
	binding.name = "to-bound";
	binding.source = queue_bed.topic;
	binding.target = bound;
	cr_assert_eq(weir_binding_create(queue_bed.f.pipeline, &binding, NULL, &problem), 0);
	cr_assert_eq(weir_topic_set_unrouted(queue_bed.f.pipeline, queue_bed.topic, rest, NULL,
					     &problem),
		     0, "%s", problem.text);
	queue_publish(0, FEW);
	readers[0] = join(reader("of-bound", "bound", WEIR_ORDER_PARTITION));
	readers[1] = join(reader("of-rest", "rest", WEIR_ORDER_PARTITION));
	expect_taken(readers[0], FEW, 0);
	expect_taken(readers[1], 0, 0);
	options.subscriptions = &id;
	options.from.topics = &queue_bed.topic;
	options.from.topic_count = 1;
	cr_expect_eq(run_job().events, FEW);
	(void)queue_lag(id);
	expect_taken(readers[0], 0, 0);
	expect_taken(readers[1], 0, 0);
	weir_replay_options_init(&all);
	all.topics = &queue_bed.topic;
	all.topic_count = 1;
	cr_assert_eq(weir_replay_open(queue_bed.f.pipeline, &all, &replay, &problem), 0);
	uint32_t count = 0;
	for (int n; (n = weir_replay_next(replay, items, 64, FIXTURE_LONG_NS)) > 0;)
		count += (uint32_t)n;
	weir_replay_close(replay);
	cr_expect_eq(count, FEW);
	expect_taken(join(id), 2 * FEW, FEW);
}

/* ---- going on ---- */

Test(replay_to, it_goes_on_by_its_name_to_the_end_that_it_had)
{
	uint32_t id = reader("n", "work", WEIR_ORDER_NONE);
	struct weir_replay_to_status status;
	uint64_t copied = 0;
	queue_publish(0, EVENTS);
	options.subscriptions = &id;
	options.from.per_second = 0;
	for (uint32_t lives = 0; lives < 4; lives++) {
		struct weir_replay_to *job = open_job();
		copied += step_job(job, 1).events;
		cr_assert_eq(weir_replay_to_close(job, FIXTURE_LONG_NS), 0);
		queue_reopen();
		cr_assert_eq(reader("n", "work", WEIR_ORDER_NONE), id);
		queue_publish(0, 3); /* behind its end */
		uint32_t place = 0;
		cr_assert(weir_replay_to_each(queue_bed.f.pipeline, &place, &status));
		cr_expect(strcmp(status.name, "again") == 0 && status.end_sequence > EVENTS &&
			  status.next_sequence > 1);
		cr_expect_not(weir_replay_to_each(queue_bed.f.pipeline, &place, &status));
	}
	cr_expect(copied > 0 && copied < EVENTS, "%llu", (unsigned long long)copied);
	copied += run_job().events;
	cr_expect_eq(copied, EVENTS);
	struct weir_member *member = join(id);
	expect_taken(member, 2 * EVENTS + 12, EVENTS);

	for (uint32_t i = 3; i < EVENTS; i++)
		cr_expect_eq(seen[i], 2, "%u: %u", i, seen[i]);
	/* It was at its end: opened again it says so, and does nothing. */
	queue_reopen();
	cr_expect_eq(run_job().events, 0);
	cr_expect_eq(queue_lag(id), 0);
}

Test(replay_to, it_is_taken_over_and_cancelled_by_its_name)
{
	uint32_t id = reader("n", "work", WEIR_ORDER_NONE);
	struct weir_replay_to_progress progress;
	struct weir_pipeline *p = queue_bed.f.pipeline;
	queue_publish(0, EVENTS);
	options.subscriptions = &id;
	cr_expect_eq(weir_replay_to_cancel(p, "again"), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_replay_to_cancel(p, NULL), -EINVAL);
	struct weir_replay_to *job = open_job();
	uint64_t copied = step_job(job, 1).events;
	struct weir_replay_to *newer = open_job();
	int rc = 0;
	for (uint32_t i = 0; i < 100 && rc == 0; i++)
		rc = weir_replay_to_step(job, MS);
	cr_expect_eq(rc, WEIR_E_FENCED, "%d", rc);
	cr_expect_eq(weir_replay_to_close(job, FIXTURE_LONG_NS), 0);
	copied += step_job(newer, 1).events;
	cr_expect_eq(weir_replay_to_cancel(p, "again"), 0);
	for (uint32_t i = 0; i < 100 && (rc = weir_replay_to_step(newer, MS)) == 0; i++)
		;
	weir_replay_to_progress(newer, &progress);
	cr_expect(rc == WEIR_E_FENCED && progress.state == WEIR_REPLAY_CANCELLED);
	cr_expect_eq(weir_replay_to_close(newer, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_replay_to_cancel(p, "again"), -EALREADY);
	struct weir_replay_to *after = open_job();
	weir_replay_to_progress(after, &progress);
	cr_expect_eq(progress.state, WEIR_REPLAY_CANCELLED);
	cr_expect_eq(weir_replay_to_step(after, MS), 0);
	cr_expect_eq(weir_replay_to_close(after, FIXTURE_LONG_NS), 0);
	expect_taken(join(id), EVENTS + (uint32_t)copied, (uint32_t)copied);
}

Test(replay_to, lag_is_right_over_checkpoints_opens_and_seeks)
{
	uint32_t ids[] = {reader("p", "work", WEIR_ORDER_PARTITION),
			  reader("n", "work", WEIR_ORDER_NONE)};
	struct weir_pipeline *p;
	queue_publish(0, EVENTS);
	options.subscriptions = ids;
	options.subscription_count = 2;
	cr_expect_eq(run_job().events, EVENTS);
	for (uint32_t i = 0; i < 2; i++)
		cr_expect_eq(queue_lag(ids[i]), 2 * EVENTS);
	queue_reopen();
	p = queue_bed.f.pipeline;
	(void)reader("p", "work", WEIR_ORDER_PARTITION);
	(void)reader("n", "work", WEIR_ORDER_NONE);
	for (uint32_t i = 0; i < 2; i++) {
		cr_expect_eq(queue_lag(ids[i]), 2 * EVENTS);
		struct weir_member *member = join(ids[i]);
		expect_taken(member, 2 * EVENTS, EVENTS);
		cr_expect_eq(queue_lag(ids[i]), 0);
		cr_assert_eq(weir_subscription_seek(p, ids[i], WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS,
						    &problem),
			     0);
		cr_expect_eq(queue_lag(ids[i]), 2 * EVENTS);
		expect_taken(member, 2 * EVENTS, EVENTS);
		cr_expect_eq(queue_lag(ids[i]), 0);
		cr_assert_eq(weir_subscription_seek(p, ids[i], WEIR_SEEK_SEQUENCE, EVENTS / 2,
						    FIXTURE_LONG_NS, &problem),
			     0);
		uint64_t lag = queue_lag(ids[i]);
		cr_expect(lag > EVENTS && lag < 2 * EVENTS, "%llu", (unsigned long long)lag);
		expect_taken(member, (uint32_t)lag, EVENTS);
		cr_expect_eq(queue_lag(ids[i]), 0);
	}
	/* What was moved to is counted anew at an open. */
	queue_reopen();
	cr_assert_eq(reader("p", "work", WEIR_ORDER_PARTITION), ids[0]);
	cr_assert_eq(reader("n", "work", WEIR_ORDER_NONE), ids[1]);
	for (uint32_t i = 0; i < 2; i++)
		cr_expect_eq(queue_lag(ids[i]), 0, "%u: %llu", i,
			     (unsigned long long)queue_lag(ids[i]));
}
