/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a copy of a replay to subscriptions that dies comes back to who it was for; what was
 *         erased stays away; an archive is replayed as what it is of, and has no replays in it;
 *         copies are read from disk, and in a log without one; what cannot be is refused with its
 *         field. Mission 1.3 (archive, replay).
 * Method: as test_replay_to.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/pipeline/replay_to_bed.h"

TestSuite(replay_to_ends, .init = setup, .fini = queue_end, .timeout = 120);

/* ---- what dies, and what was erased ---- */

static void expect_dead_copy_comes_back(enum weir_order order)
{
	uint32_t ids[] = {reader_with("dies", "work", order, true),
			  reader("other", "work", WEIR_ORDER_NONE)};
	struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD, .reason = 9};
	struct weir_member *letters, *member, *other;
	struct weir_redrive_options redrive;
	struct weir_redrive_progress progress;
	struct weir_redrive *job;
	struct weir_replayed of;
	struct weir_origin origin;
	queue_publish(5, 6);
	member = join(ids[0]);
	other = join(ids[1]);
	expect_taken(member, 1, 0);
	expect_taken(other, 1, 0);
	options.subscriptions = ids;
	cr_expect_eq(run_job().events, 1);
	struct weir_item item = queue_next(member);
	uint64_t copy_sequence = item.sequence;
	cr_assert_eq(weir_reject(member, &item, &dead), 0);
	queue_commit(member);
	(void)queue_lag(ids[0]);
	letters = join(reader("letters", "dead", WEIR_ORDER_PARTITION));
	item = queue_next(letters);
	cr_expect_eq(item.flags & WEIR_ITEM_REPLAY, 0u, "a letter is an event of its topic");
	cr_expect(weir_item_replayed(&item, &of) && of.pos.sequence < copy_sequence);
	cr_expect(weir_item_origin(&item, &origin) && origin.sequence == copy_sequence &&
		  origin.subscription == ids[0]);
	weir_redrive_options_init(&redrive);
	redrive.dead_letters = queue_bed.dead_topic;
	cr_assert_eq(weir_redrive_open(queue_bed.f.pipeline, &redrive, &job, &problem), 0);
	do {
		cr_assert_geq(weir_redrive_step(job, MS), 0);
		weir_redrive_progress(job, &progress);
	} while (!progress.done);
	cr_expect_eq(progress.copied, 1);
	cr_assert_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	expect_taken(member, 1, 1);
	cr_expect_eq(seen[5], 1);
	expect_taken(other, 0, 0);
}

Test(replay_to_ends, a_dead_copy_keeps_its_mark_and_comes_back_to_who_it_was_for)
{
	expect_dead_copy_comes_back(WEIR_ORDER_NONE);
}

Test(replay_to_ends, a_dead_copy_of_a_partition_does_so_too)
{
	expect_dead_copy_comes_back(WEIR_ORDER_PARTITION);
}

Test(replay_to_ends, what_was_erased_is_left_out_and_its_copies_are_gone)
{
	const uint64_t key = 4;
	uint32_t ids[] = {reader("p", "work", WEIR_ORDER_PARTITION),
			  reader("n", "work", WEIR_ORDER_NONE)};
	struct weir_member *members[2];
	queue_bed.f.options.pack = WEIR_PACK_PADDING;
	queue_bed.f.options.erasures_max = 100;
	queue_reopen();
	for (uint32_t i = 0; i < 2; i++)
		cr_assert_eq(reader(i == 0 ? "p" : "n", "work",
				    i == 0 ? WEIR_ORDER_PARTITION : WEIR_ORDER_NONE),
			     ids[i]);
	queue_publish(0, FEW);
	queue_publish_keyed(key, FEW);
	options.subscriptions = ids;
	options.subscription_count = 2;
	cr_expect_eq(run_job().events, FEW + 1);
	for (uint32_t i = 0; i < 2; i++)
		members[i] = join(ids[i]);
	int rc = weir_erase_key(queue_bed.f.pipeline, queue_bed.topic, &key, sizeof key, NULL,
				&problem);
	cr_assert_eq(rc, 0, "%s", problem.text);
	for (uint32_t i = 0; i < 2; i++) {
		expect_taken(members[i], 2 * FEW, FEW);
		cr_expect_eq(seen[FEW], 0);
	}
	options.name = "after";
	cr_expect_eq(run_job().events, FEW);
	for (uint32_t i = 0; i < 2; i++)
		expect_taken(members[i], FEW, FEW);
}

Test(replay_to_ends, what_is_erased_between_the_read_and_the_copy_is_left_out)
{
	const uint64_t key = 4;
	uint32_t id = reader("n", "work", WEIR_ORDER_NONE);
	struct weir_replay_to_progress progress;
	queue_bed.f.options.pack = WEIR_PACK_PADDING;
	queue_bed.f.options.erasures_max = 100;
	queue_reopen();
	cr_assert_eq(reader("n", "work", WEIR_ORDER_NONE), id);
	queue_publish(0, FEW);
	queue_publish_keyed(key, FEW);
	queue_publish(FEW + 1, 2 * FEW);
	options.subscriptions = &id;
	struct weir_replay_to *job = open_job();
	/* Each call does one thing: until what it has read waits to be copied. */
	for (uint32_t i = 0; i < 100 && job->item_count == 0; i++)
		cr_assert_eq(weir_replay_to_step(job, 0), 0);
	cr_assert(job->item_count == 2 * FEW && job->item_next == 0 && job->ticket == 0);
	int rc = weir_erase_key(queue_bed.f.pipeline, queue_bed.topic, &key, sizeof key, NULL,
				&problem);
	cr_assert_eq(rc, 0, "%s", problem.text);
	progress = step_job(job, UINT64_MAX);
	cr_expect_eq(progress.state, WEIR_REPLAY_COMPLETED);
	cr_expect(progress.events == 2 * FEW - 1 && progress.left_out == 1, "%llu, %llu",
		  (unsigned long long)progress.events, (unsigned long long)progress.left_out);
	cr_assert_eq(weir_replay_to_close(job, FIXTURE_LONG_NS), 0);
	expect_taken(join(id), 2 * (2 * FEW - 1), 2 * FEW - 1);
	cr_expect_eq(seen[FEW], 0);
}

/* ---- archives ---- */

Test(replay_to_ends, an_archive_is_replayed_as_what_it_is_of)
{
	uint32_t archive = fixture_topic(&queue_bed.f, "archive", 1);
	uint32_t ids[] = {reader("p", "work", WEIR_ORDER_PARTITION),
			  reader("of-archive", "archive", WEIR_ORDER_PARTITION)};
	struct weir_binding_options binding;
	struct weir_origin origin;
	struct weir_replayed of;
	weir_binding_options_init(&binding);
	binding.name = "archived";
	binding.source = queue_bed.topic;
	binding.target = archive;
	cr_assert_eq(weir_binding_create(queue_bed.f.pipeline, &binding, NULL, &problem), 0);
	queue_publish(0, FEW);
	struct weir_member *members[] = {join(ids[0]), join(ids[1])};
	expect_taken(members[0], FEW, 0);
	expect_taken(members[1], FEW, 0);
	options.subscriptions = ids;
	options.subscription_count = 2;
	options.from.topics = &archive;
	options.from.topic_count = 1;
	cr_expect_eq(run_job().events, FEW);
	struct weir_item item = queue_next(members[0]);
	cr_expect_eq(item.topic, queue_bed.topic);
	cr_expect(weir_item_replayed(&item, &of) && of.topic == queue_bed.topic);
	cr_expect_not(weir_item_origin(&item, &origin), "it is as it was in its topic");
	cr_assert_eq(weir_ack(members[0], &item), 0);
	expect_taken(members[0], FEW - 1, FEW - 1);
	item = queue_next(members[1]);
	cr_expect(item.topic == archive && weir_item_origin(&item, &origin) && origin.bound);
	cr_assert_eq(weir_ack(members[1], &item), 0);
	expect_taken(members[1], FEW - 1, FEW - 1);
	/* Replays are not archived: there is nothing more in it. */
	options.name = "once-more";
	cr_expect_eq(run_job().events, FEW);
	expect_taken(members[0], FEW, FEW);
	expect_taken(members[1], FEW, FEW);
	/* Who reads the topic has its events from there, where the range is of both. */
	options.name = "of-both";
	options.from.topic_count = 0;
	cr_expect_eq(run_job().events, 2 * FEW);
	expect_taken(members[0], FEW, FEW);
	expect_each_once(0, FEW);
	expect_taken(members[1], FEW, FEW);
	expect_each_once(0, FEW);
}

/* "Since a day ago" is another time when it goes on: it has its place. */
Test(replay_to_ends, where_it_began_counts_no_more_when_it_goes_on)
{
	uint32_t id = reader("n", "work", WEIR_ORDER_NONE);
	struct weir_member *member = join(id);
	uint64_t copied = 0;
	queue_publish(0, EVENTS);
	expect_taken(member, EVENTS, 0);
	options.subscriptions = &id;
	options.from.from_time_us = 1;
	for (uint32_t lives = 0; lives < 3; lives++) {
		struct weir_replay_to *job = open_job();
		copied += step_job(job, 1).events;
		cr_assert_eq(weir_replay_to_close(job, FIXTURE_LONG_NS), 0);
		options.from.from_time_us = UINT64_MAX - 1;
	}
	cr_expect(copied > 0 && copied < EVENTS, "%llu", (unsigned long long)copied);
	copied += run_job().events;
	cr_expect_eq(copied, EVENTS);
	expect_taken(member, EVENTS, EVENTS);
	expect_each_once(0, EVENTS);
}

/* FEW events, and FEW of a later time: the first of those. */
static struct weir_item take_two_times(struct weir_member *member)
{
	queue_publish(0, FEW);
	expect_taken(member, FEW, 0);
	fixture_sleep_ns(2 * MS);
	queue_publish(FEW, 2 * FEW);
	struct weir_item first = queue_next(member);
	cr_assert_eq(weir_ack(member, &first), 0);
	expect_taken(member, FEW - 1, 0);
	return first;
}

/* Nor is "until an hour ago" the time that it was: it ends where it ended first. */
Test(replay_to_ends, where_it_ends_is_fixed_when_it_is_opened_first)
{
	uint32_t id = reader("n", "work", WEIR_ORDER_NONE);
	struct weir_member *member = join(id);
	struct weir_replay_to_progress progress;
	struct weir_item first = take_two_times(member);
	options.subscriptions = &id;
	options.from.end_time_us = first.append_time_us;
	struct weir_replay_to *job = open_job();
	weir_replay_to_progress(job, &progress);
	cr_expect_eq(progress.end_sequence, first.sequence);
	cr_assert_eq(weir_replay_to_close(job, FIXTURE_LONG_NS), 0);
	options.from.end_time_us = UINT64_MAX - 1;
	cr_expect_eq(run_job().events, FEW);
	expect_taken(member, FEW, FEW);
	expect_each_once(0, FEW);
}

/* A search by time ends in front of its event: closed there, it has no place yet. */
Test(replay_to_ends, what_is_before_its_time_stays_away_over_a_close)
{
	uint32_t id = reader("n", "work", WEIR_ORDER_NONE);
	struct weir_member *member = join(id);
	struct weir_item first = take_two_times(member);
	options.subscriptions = &id;
	options.from.from_time_us = first.append_time_us;
	cr_assert_eq(weir_replay_to_close(open_job(), FIXTURE_LONG_NS), 0);
	cr_expect_eq(run_job().events, FEW);
	expect_taken(member, FEW, FEW);
	expect_each_once(FEW, 2 * FEW);
}

/* ---- far behind ---- */

Test(replay_to_ends, copies_that_have_left_memory_are_read_from_disk)
{
	uint32_t ids[] = {reader("p", "work", WEIR_ORDER_PARTITION),
			  reader("k", "work", WEIR_ORDER_KEY)};
	uint32_t other = fixture_topic(&queue_bed.f, "noise", 1);
	struct weir_member *members[2];
	uint64_t ticket = 0;
	queue_bed.f.options.pool_bytes = 1;
	queue_reopen();
	for (uint32_t i = 0; i < 2; i++)
		cr_assert_eq(reader(i == 0 ? "p" : "k", "work",
				    i == 0 ? WEIR_ORDER_PARTITION : WEIR_ORDER_KEY),
			     ids[i]);
	queue_publish(0, EVENTS);
	options.subscriptions = ids;
	options.subscription_count = 2;
	cr_expect_eq(run_job().events, EVENTS);
	for (uint32_t i = 0; i < 24; i++)
		ticket = fixture_publish(queue_bed.producer, other, 0, 512);
	fixture_wait(queue_bed.producer, ticket);
	for (uint32_t i = 0; i < 2; i++) {
		members[i] = join(ids[i]);
		expect_taken(members[i], 2 * EVENTS, EVENTS);
		for (uint32_t n = 0; n < EVENTS; n++)
			cr_expect_eq(seen[n], 2);
	}
}

/* ---- what is refused ---- */

Test(replay_to_ends, a_table_of_names_that_is_full_is_told)
{
	uint32_t id = reader("n", "work", WEIR_ORDER_NONE);
	struct weir_replay_to *job = NULL;
	queue_bed.f.options.named_producers_max = 1;
	queue_reopen();
	cr_assert_eq(reader("n", "work", WEIR_ORDER_NONE), id);
	options.subscriptions = &id;
	(void)run_job();
	options.name = "two";
	int rc = weir_replay_to_open(queue_bed.f.pipeline, &options, &job, &problem);
	cr_expect(rc == WEIR_E_FULL && strcmp(problem.field, "named_producers_max") == 0, "%s",
		  problem.field);
	options.name = "again"; /* the places of the one that was refused are free */
	(void)run_job();
}

Test(replay_to_ends, what_cannot_be_is_refused_with_its_field)
{
	uint32_t id = reader("n", "work", WEIR_ORDER_NONE), binding_id;
	struct weir_binding_options binding;
	weir_binding_options_init(&binding);
	binding.name = "binds";
	binding.source = queue_bed.topic;
	binding.target = fixture_topic(&queue_bed.f, "bound", 1);
	cr_assert_eq(weir_binding_create(queue_bed.f.pipeline, &binding, &binding_id, &problem), 0);
	const uint32_t none[] = {id, 77}, twice[] = {id, id}, six[] = {id, id, id, id, id, id};
	char too_long[WEIR_REPLAY_NAME_BYTES_MAX + 2];
	memset(too_long, 'x', sizeof too_long - 1);
	too_long[sizeof too_long - 1] = '\0';
	const struct {
		const char *name;
		const uint32_t *ids;
		uint32_t count;
		bool follow;
		uint64_t from;
		int code;
		const char *field;
	} cases[] = {
		{NULL, &id, 1, false, 0, -EINVAL, "name"},
		{"", &id, 1, false, 0, -EINVAL, "name"},
		{".x", &id, 1, false, 0, -EINVAL, "name"},
		{"a/b", &id, 1, false, 0, -EINVAL, "name"},
		{too_long, &id, 1, false, 0, -EINVAL, "name"},
		{"r", NULL, 1, false, 0, -EINVAL, "subscriptions"},
		{"r", &id, 0, false, 0, -EINVAL, "subscriptions"},
		{"r", six, 6, false, 0, -EINVAL, "subscriptions"},
		{"r", twice, 2, false, 0, -EINVAL, "subscriptions"},
		{"r", none, 2, false, 0, WEIR_E_UNKNOWN_NAME, "subscriptions"},
		{"r", &binding_id, 1, false, 0, -EINVAL, "subscriptions"},
		{"r", &id, 1, true, 0, -EINVAL, "follow"},
		{"r", &id, 1, false, 1000000, WEIR_E_TRUNCATED, "from_sequence"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct weir_replay_to *job = NULL;
		weir_replay_to_options_init(&options);
		options.name = cases[i].name;
		options.subscriptions = cases[i].ids;
		options.subscription_count = cases[i].count;
		options.from.follow = cases[i].follow;
		options.from.from_sequence = cases[i].from;
		problem = (struct weir_problem){0};
		int rc = weir_replay_to_open(queue_bed.f.pipeline, &options, &job, &problem);
		cr_expect_eq(rc, cases[i].code, "%zu: %s", i, weir_error_name(rc));
		cr_expect_str_eq(problem.field, cases[i].field, "%zu", i);
		cr_expect_null(job);
	}
	uint32_t place = 0;
	cr_expect_not(weir_replay_to_each(queue_bed.f.pipeline, &place,
					  &(struct weir_replay_to_status){0}),
		      "what was refused took no name");
}

/* ---- in memory ---- */

static void setup_memory(void)
{
	begin(FIXTURE_MEMORY);
}

TestSuite(replay_to_memory, .init = setup_memory, .fini = queue_end, .timeout = 60);

Test(replay_to_memory, it_works_without_a_journal)
{
	uint32_t id = reader("n", "work", WEIR_ORDER_NONE);
	uint64_t ticket = fixture_publish(queue_bed.producer, queue_bed.topic, 0, FEW);
	fixture_wait(queue_bed.producer, ticket);
	options.subscriptions = &id;
	cr_expect_eq(run_job().events, FEW);
	struct weir_member *member = join(id);
	uint32_t marked = 0, count = 0;
	struct weir_item items[64];
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	for (int n = 0; n > 0 || (count < 2 * FEW && fixture_now_ns() < until);
	     count += (uint32_t)n) {
		n = weir_poll(member, items, 64, 20 * MS);
		cr_assert_geq(n, 0);
		for (int i = 0; i < n; i++) {
			marked += (items[i].flags & WEIR_ITEM_REPLAY) != 0 ? 1 : 0;
			cr_assert_eq(weir_ack(member, &items[i]), 0);
		}
	}
	cr_expect(count == 2 * FEW && marked == FEW);
}

/* ---- beside what goes on ---- */

static void setup_running(void)
{
	queue_begin(FIXTURE_DURABLE);
	queue_bed.f.options.pool_bytes = 1;
	queue_bed.f.options.members_max = 12;
	queue_reopen();
	weir_replay_to_options_init(&options);
}

TestSuite(replay_to_beside, .init = setup_running, .fini = queue_end, .timeout = 120);

static uint32_t counted[2][2][8 * EVENTS]; /* by reader, replayed or not, number */

static uint32_t poll_some(struct weir_member *member, uint32_t reader_index)
{
	struct weir_item items[64];
	int n = weir_poll(member, items, 64, MS);
	cr_assert_geq(n, 0);
	for (int i = 0; i < n; i++) {
		bool again = (items[i].flags & WEIR_ITEM_REPLAY) != 0;
		counted[reader_index][again ? 1 : 0][fixture_number(&items[i])]++;
		cr_assert_eq(weir_ack(member, &items[i]), 0);
	}
	return (uint32_t)n;
}

/* weir's own threads; one of the readers lags, so that some of it is read from disk. */
Test(replay_to_beside, live_events_and_copies_come_once_each)
{
	uint32_t ids[] = {reader("p", "work", WEIR_ORDER_PARTITION),
			  reader("k", "work", WEIR_ORDER_KEY)};
	struct weir_member *members[] = {join(ids[0]), join(ids[1])};
	struct weir_replay_to_progress progress = {0};
	uint64_t published = 4 * EVENTS, until = fixture_now_ns() + FIXTURE_LONG_NS;
	uint32_t got[2] = {0};
	queue_publish(0, published);
	options.name = "again";
	options.subscriptions = ids;
	options.subscription_count = 2;
	struct weir_replay_to *job = open_job();
	while (progress.state == WEIR_REPLAY_RUNNING || published < 8 * EVENTS) {
		if (published < 8 * EVENTS)
			(void)fixture_publish(queue_bed.producer, queue_bed.topic, published,
					      published + EVENTS / 10);
		published += published < 8 * EVENTS ? EVENTS / 10 : 0;
		cr_assert_geq(weir_replay_to_step(job, MS), 0);
		weir_replay_to_progress(job, &progress);
		got[0] += poll_some(members[0], 0);
		(void)weir_producer_poll_acks(queue_bed.producer);
		cr_assert(fixture_now_ns() < until);
	}
	cr_expect_eq(progress.events, 4 * EVENTS);
	cr_assert_eq(weir_replay_to_close(job, FIXTURE_LONG_NS), 0);
	for (uint32_t r = 0; r < 2; r++) {
		while (got[r] < 12 * EVENTS && fixture_now_ns() < until)
			got[r] += poll_some(members[r], r);
		for (uint32_t n = 0; n < 8 * EVENTS; n++)
			cr_expect(counted[r][0][n] == 1 &&
					  counted[r][1][n] == (n < 4 * EVENTS ? 1u : 0u),
				  "%u: %u, %u and %u", r, n, counted[r][0][n], counted[r][1][n]);
		queue_commit(members[r]);
	}
}

/* ---- an archive that outlives what it is of ---- */

static void setup_archive(void)
{
	queue_begin(FIXTURE_DURABLE);
	fixture_small_segments(&queue_bed.f);
	queue_bed.f.options.topic_retention = true;
	queue_reopen();
	weir_replay_to_options_init(&options);
}

#define MORE 16u

TestSuite(replay_to_archive, .init = setup_archive, .fini = queue_end, .timeout = 150);

Test(replay_to_archive, what_left_its_topic_comes_back_from_the_archive)
{
	uint32_t archive = fixture_topic(&queue_bed.f, "archive", 1), filler;
	uint32_t id = reader("p", "work", WEIR_ORDER_PARTITION);
	struct weir_binding_options binding;
	struct weir_topic_retention kept = {0};
	uint64_t until = fixture_now_ns() + 3 * FIXTURE_LONG_NS;
	struct weir_info info;
	weir_binding_options_init(&binding);
	binding.name = "archived";
	binding.source = queue_bed.topic;
	binding.target = archive;
	cr_assert_eq(weir_binding_create(queue_bed.f.pipeline, &binding, NULL, &problem), 0);
	queue_publish(0, EVENTS);
	struct weir_member *member = join(id);
	expect_taken(member, EVENTS, 0);
	fixture_info(&queue_bed.f, &info);
	filler = fixture_topic(&queue_bed.f, "filler", 1);
	cr_assert_eq(
		weir_topic_retention_set(queue_bed.f.pipeline, queue_bed.topic, 1, 0, &problem), 0);
	fixture_fill(queue_bed.producer, filler, 300);
	/* Its readers read on, in another segment, and two checkpoints say so. */
	queue_publish(0, MORE);
	expect_taken(member, MORE, 0);
	fixture_fill(queue_bed.producer, filler, 300);
	while (kept.left_sequence < info.durable_sequence && fixture_now_ns() < until) {
		fixture_fill(queue_bed.producer, filler, 4);
		expect_taken(member, 0, 0);
		cr_assert_eq(weir_topic_retention(queue_bed.f.pipeline, queue_bed.topic, &kept), 0);
	}
	cr_assert_geq(kept.left_sequence, info.durable_sequence);
	options.name = "of-the-log";
	options.subscriptions = &id;
	options.subscription_count = 1;
	options.from.topics = &queue_bed.topic;
	options.from.topic_count = 1;
	uint64_t left = run_job().events;
	cr_expect_leq(left, MORE, "the others have left");
	expect_taken(member, (uint32_t)left, (uint32_t)left);
	options.name = "of-the-archive";
	options.from.topics = &archive;
	cr_expect_eq(run_job().events, EVENTS + MORE);
	expect_taken(member, EVENTS + MORE, EVENTS + MORE);
	expect_each_once(MORE, EVENTS);
}
