/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a job over dead letters redrives each that it is for once, in place where its event is
 *         parked and by a copy elsewhere, with the ids that it had; others are left; cancelled or
 *         crashed it is gone on with; a dry run changes nothing; it keeps its pace, and what dies
 *         again is left to another job.
 * Method: the queue bed with letters of known reasons and keys; what members get, what lag says,
 *         what the progress counts; opens between.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/pipeline/redrive_bed.h"

static void setup(void)
{
	begin(WEIR_DEAD_PASS);
}

static void setup_parking(void)
{
	begin(WEIR_DEAD_PARK);
}

TestSuite(redrive, .init = setup, .fini = queue_end, .timeout = 120);
TestSuite(redrive_parked, .init = setup_parking, .fini = queue_end, .timeout = 120);

/* The worker gets these numbers, which are of one key, and nothing else. */
static void expect_numbers(const uint64_t *numbers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct weir_item item = queue_next(worker);
		cr_expect_eq(fixture_number(&item), numbers[i], "%u: %llu", i,
			     (unsigned long long)fixture_number(&item));
		cr_assert_eq(weir_ack(worker, &item), 0);
	}
	queue_commit(worker);
	cr_expect_eq(fixture_poll_rest(worker), 0);
}

Test(redrive, a_copy_goes_back_with_its_ids_and_once)
{
	const uint64_t number = 7;
	struct weir_event event = fixture_event(queue_bed.topic, NULL, &number);
	uint64_t ticket;
	struct weir_ids given = {.event_id = "id-7",
				 .event_id_bytes = 4,
				 .correlation_id = "flow",
				 .correlation_id_bytes = 4};
	event.ids = &given;
	cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	fixture_wait(queue_bed.producer, ticket);
	kill_next(7);
	struct weir_redrive_progress progress = run_job();
	cr_expect(progress.copied == 1 && progress.looked == 1 && progress.in_place == 0);
	struct weir_item item = queue_next(worker);
	struct weir_ids ids;
	struct weir_origin origin;
	weir_item_ids(&item, &ids);
	cr_expect(ids.event_id_bytes == 4 && memcmp(ids.event_id, "id-7", 4) == 0);
	cr_expect(ids.correlation_id_bytes == 4 && memcmp(ids.correlation_id, "flow", 4) == 0);
	cr_assert(weir_item_origin(&item, &origin));
	cr_expect(origin.reason == 7 && origin.subscription == queue && !origin.parked);
	cr_expect_eq(item.attempts, 1);
	cr_assert_eq(weir_ack(worker, &item), 0);
	queue_commit(worker);
	reopen();
	progress = run_job();
	cr_expect_eq(progress.looked, 0, "it is handled for good");
	cr_expect_eq(fixture_poll_rest(worker), 0);
}

Test(redrive, a_copy_without_ids_is_of_the_flow_that_its_event_began)
{
	char place[WEIR_POS_TEXT_BYTES];
	struct weir_origin from;
	struct weir_cause cause;
	make_letters(1, 7, 8);
	cr_expect_eq(run_job().copied, 1);
	struct weir_item item = queue_next(worker);
	cr_assert(weir_item_origin(&item, &from) && from.sequence < item.sequence);
	uint32_t bytes =
		weir_pos_text(&(struct weir_pos){from.sequence, from.epoch, from.log}, place);
	weir_cause_ids(&item, &cause);
	cr_assert(cause.ids.causation_id_bytes == bytes && cause.ids.correlation_id_bytes == bytes);
	cr_expect(memcmp(cause.ids.correlation_id, place, bytes) == 0);
}

Test(redrive, it_is_no_duplicate_of_its_own_original)
{
	static const char *const topics[] = {"once"};
	const uint64_t number = 5;
	struct weir_topic_options once;
	uint64_t ticket;
	uint32_t topic;
	weir_topic_options_init(&once);
	once.name = "once";
	once.idempotency_keys = 100;
	queue_bed.f.options.idempotency_keys_max = 1000;
	queue_reopen();
	cr_assert_eq(weir_topic_create(queue_bed.f.pipeline, &once, &topic, &queue_bed.problem), 0);
	queue_bed.options.name = "once-readers";
	queue_bed.options.topics = topics;
	queue = queue_make();
	worker = queue_join(queue, 4);
	struct weir_event event = fixture_event(topic, NULL, &number);
	struct weir_ids given = {.idempotency_key = "k", .idempotency_key_bytes = 1};
	event.ids = &given;
	cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	fixture_wait(queue_bed.producer, ticket);
	kill_next(5);
	cr_expect_eq(run_job().copied, 1);
	expect_numbers(&number, 1);
}

Test(redrive, what_dies_again_is_left_to_another_job)
{
	make_letters(1, 1, 4);
	struct weir_redrive *job = open_job();
	struct weir_redrive_progress progress;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	uint32_t died = 0;
	do {
		struct weir_item item;
		cr_assert_geq(weir_redrive_step(job, MS), 0);
		weir_redrive_progress(job, &progress);
		struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD, .reason = 9};
		if (weir_poll(worker, &item, 1, MS) == 1) {
			cr_assert_eq(weir_reject(worker, &item, &r), 0);
			died++;
		}
	} while ((!progress.done || died < 3) && fixture_now_ns() < until);
	cr_expect_eq(progress.copied, 3);
	cr_expect_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	(void)queue_lag(queue);
	options.reason = 9;
	cr_expect_eq(run_job().copied, 3);
	expect_numbers((const uint64_t[]){1, 2, 3}, 3);
}

static bool only_even(void *context, const struct weir_item *letter,
		      const struct weir_origin *origin)
{
	++*(uint32_t *)context;
	return fixture_number(letter) % 2 == 0 && origin->reason == fixture_number(letter);
}

Test(redrive, a_job_is_for_those_that_it_names)
{
	const uint64_t keys[] = {1, 2};
	uint32_t asked = 0;
	make_letters(keys[0], 0, 3);
	make_letters(keys[1], 3, 6);
	options.action = WEIR_REDRIVE_LOOK;
	struct weir_redrive_progress all = run_job();
	cr_expect(all.matched == 6 && all.copied == 0);
	const struct weir_redrive_options standard = options;
	options.reason = 4;
	cr_expect_eq(run_job().matched, 1);
	options = standard;
	options.key = &keys[1];
	options.key_bytes = sizeof keys[1];
	cr_expect_eq(run_job().matched, 3);
	options.reason = 1;
	cr_expect_eq(run_job().matched, 0, "all of it is to hold");
	options = standard;
	options.subscription = queue;
	cr_expect_eq(run_job().matched, 6);
	options.subscription = queue + 1;
	cr_expect_eq(run_job().matched, 0);
	options = standard;
	options.end_sequence = all.sequence;
	cr_expect_eq(run_job().matched, 5);
	options.first_sequence = options.end_sequence;
	cr_expect_eq(run_job().matched, 0);
	options = standard;
	options.letters_max = 2;
	cr_expect_eq(run_job().matched, 2);
	options = standard;
	options.letter_fn = only_even;
	options.context = &asked;
	cr_expect_eq(run_job().matched, 3);
	cr_expect_eq(asked, 6);
	/* And now in earnest, some of them; the others are for the next. */
	options.action = WEIR_REDRIVE;
	cr_expect_eq(run_job().copied, 3);
	uint32_t seen[EVENTS] = {0};
	cr_expect_eq(queue_drain(worker, seen, 3), 3);
	cr_expect(seen[0] == 1 && seen[2] == 1 && seen[4] == 1);
	queue_commit(worker);
	options = standard;
	options.action = WEIR_REDRIVE;
	cr_expect_eq(run_job().copied, 3);
	cr_expect_eq(queue_drain(worker, seen, 3), 3);
	cr_expect(seen[1] == 1 && seen[3] == 1 && seen[5] == 1);
}

Test(redrive, cancelled_or_cut_off_it_is_gone_on_with)
{
	make_letters(1, 0, 40);
	options.letters_max = 15;
	cr_expect_eq(run_job().copied, 15);
	reopen();
	options.letters_max = 0;
	struct weir_redrive *job = open_job();
	cr_expect_gt(weir_redrive_step(job, MS), 0);
	struct weir_redrive_progress progress;
	weir_redrive_progress(job, &progress);
	cr_expect_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	cr_expect_eq(run_job().copied, 25 - progress.copied);
	uint32_t seen[EVENTS] = {0};
	cr_expect_eq(queue_drain(worker, seen, 40), 40);
	for (uint32_t i = 0; i < 40; i++)
		cr_expect_eq(seen[i], 1, "%u came %u times", i, seen[i]);
	cr_expect_eq(fixture_poll_rest(worker), 0);
}

/* Letters 0 to 3 lie on disk, each in another chunk, and an earlier job has left them. */
static void leave_letters_on_disk(void)
{
	uint32_t other = fixture_topic(&queue_bed.f, "other", 1);
	for (uint64_t i = 0; i < 4; i++) {
		make_letters(1, i, i + 1);
		fixture_fill(queue_bed.producer, other, 2 * FIXTURE_CHUNK_BYTES / 4000 + 1);
	}
	options.action = WEIR_REDRIVE_LOOK;
	cr_expect_eq(run_job().looked, 4);
	options.action = WEIR_REDRIVE;
	reopen();
}

Test(redrive, what_is_still_to_be_read_from_disk_is_not_passed_over)
{
	leave_letters_on_disk();
	struct weir_redrive *job = open_job();
	struct weir_redrive_progress progress = {.done = false};
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (!progress.done && fixture_now_ns() < until) {
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
		cr_assert_geq(weir_redrive_step(job, 0), 0);
		weir_redrive_progress(job, &progress);
	}
	cr_expect_eq(progress.copied, 4, "%llu", (unsigned long long)progress.copied);
	cr_expect_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
}

/* The process dies, and nothing of it is closed. */
static void die(void)
{
	(void)weir_close(queue_bed.f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	fixture_open(&queue_bed.f);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
	cr_assert_eq(queue_make(), queue);
	worker = queue_join(queue, 4);
	for (uint32_t i = 0; i < 20; i++)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
}

/* Nobody handles them: they go one at a time to nobody. */
Test(redrive, letters_are_no_suspects_of_what_the_process_died_of)
{
	make_letters(1, 0, 4);
	options.action = WEIR_REDRIVE_LOOK;
	cr_expect_eq(run_job().looked, 4);
	for (uint32_t i = 0; i < 3; i++)
		die();
	options.reason = 3;
	struct weir_redrive_progress progress = run_job();
	cr_expect(progress.looked == 4 && progress.matched == 1);
	options.action = WEIR_REDRIVE;
	cr_expect_eq(run_job().copied, 1);
	expect_numbers((const uint64_t[]){3}, 1);
}

/* Where letter 1 lies. */
static struct {
	uint64_t segment, offset;
	char path[TEST_PATH_BYTES + 80];
} place;

static int find_letter(void *context, const struct weir_journal_event *event)
{
	(void)context;
	if (!event->control && event->item.topic == queue_bed.dead_topic &&
	    fixture_number(&event->item) == 1) {
		place.segment = event->segment_id;
		place.offset = event->batch_offset;
	}
	return 0;
}

static int find_file(void *context, const struct weir_journal_segment *segment)
{
	(void)context;
	if (segment->segment_id == place.segment)
		(void)snprintf(place.path, sizeof place.path, "%s/%s", queue_bed.f.dir,
			       segment->file);
	return 0;
}

static void damage_letter(void)
{
	struct weir_journal_visitor visitor;
	uint8_t byte;
	weir_journal_visitor_init(&visitor);
	visitor.event = find_letter;
	cr_assert_eq(weir_journal_inspect(queue_bed.f.dir, &visitor, NULL, NULL), 0);
	visitor.event = NULL;
	visitor.segment = find_file;
	cr_assert_eq(weir_journal_inspect(queue_bed.f.dir, &visitor, NULL, NULL), 0);
	FILE *file = fopen(place.path, "r+b");
	cr_assert_not_null(file, "%s", place.path);
	cr_assert_eq(fseek(file, (long)place.offset + 140, SEEK_SET), 0);
	cr_assert_eq(fread(&byte, 1, 1, file), 1);
	byte ^= 0x10;
	cr_assert_eq(fseek(file, (long)place.offset + 140, SEEK_SET), 0);
	cr_assert_eq(fwrite(&byte, 1, 1, file), 1);
	cr_assert_eq(fclose(file), 0);
}

Test(redrive, what_cannot_be_read_is_told_and_those_behind_it_are_done)
{
	leave_letters_on_disk();
	damage_letter();
	struct weir_redrive *job = open_job();
	struct weir_redrive_progress progress = {.done = false};
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	uint32_t told = 0;
	while (!progress.done && fixture_now_ns() < until) {
		int rc = weir_redrive_step(job, MS);
		cr_assert(rc >= 0 || rc == WEIR_E_CORRUPT, "%s", weir_error_name(rc));
		told += rc < 0;
		weir_redrive_progress(job, &progress);
	}
	cr_expect(progress.done && told == 1, "%u", told);
	cr_expect_eq(progress.copied, 3, "%llu", (unsigned long long)progress.copied);
	cr_expect_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
}

Test(redrive, it_keeps_its_pace)
{
	make_letters(1, 0, 11);
	options.per_second = 500;
	uint64_t began = fixture_now_ns();
	cr_expect_eq(run_job().copied, 11);
	cr_expect_geq(fixture_now_ns() - began, 20 * MS);
}

Test(redrive, another_topic_takes_them)
{
	uint32_t other = fixture_topic(&queue_bed.f, "other", 1);
	uint32_t id = fixture_subscription(&queue_bed.f, "others", "other");
	struct weir_member *member = fixture_member(&queue_bed.f, id, NULL);
	make_letters(1, 0, 2);
	options.to_topic = other;
	cr_expect_eq(run_job().copied, 2);
	for (uint64_t i = 0; i < 2; i++) {
		struct weir_item item = queue_next(member);
		cr_expect_eq(fixture_number(&item), i);
		cr_assert_eq(weir_ack(member, &item), 0);
	}
	cr_expect_eq(fixture_poll_rest(worker), 0);
}

Test(redrive, what_is_purged_is_gone)
{
	make_letters(1, 0, 3);
	options.action = WEIR_REDRIVE_PURGE;
	options.reason = 1;
	cr_expect_eq(run_job().purged, 1);
	options.action = WEIR_REDRIVE;
	options.reason = UINT64_MAX;
	cr_expect_eq(run_job().copied, 2);
	expect_numbers((const uint64_t[]){0, 2}, 2);
}

Test(redrive, more_than_may_be_passed_over_is_told)
{
	struct weir_redrive *job;
	make_letters(1, 0, 6);
	options.reason = 5;
	options.left_max = 4;
	job = open_job();
	int rc = 0;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while ((rc = weir_redrive_step(job, MS)) == 0 && fixture_now_ns() < until)
		;
	cr_expect_eq(rc, WEIR_E_FULL);
	cr_expect_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	options.left_max = 6;
	cr_expect_eq(run_job().copied, 1);
}

Test(redrive, one_job_at_a_time_and_bad_ones_are_refused)
{
	static const struct {
		const char *field;
		int code;
		struct weir_redrive_options o;
	} cases[] = {
		{"action", -EINVAL, {.action = (enum weir_redrive_action)3}},
		{"left_max", -EINVAL, {.left_max = 65537}},
		{"first_sequence", -EINVAL, {.first_sequence = 9, .end_sequence = 8}},
		{"key", -EINVAL, {.key_bytes = 1}},
		{"dead_letters", WEIR_E_UNKNOWN_NAME, {.dead_letters = 99}},
		{"to_topic", WEIR_E_UNKNOWN_NAME, {.to_topic = 99}},
		{"to_topic", -EINVAL, {.to_topic = 1}},
	};
	struct weir_redrive *job, *other;
	struct weir_pipeline *p = queue_bed.f.pipeline;
	cr_assert_eq(queue_bed.dead_topic, 1);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct weir_redrive_options o = options;
		const struct weir_redrive_options *c = &cases[i].o;
		o.action = c->action;
		o.left_max = c->left_max != 0 ? c->left_max : o.left_max;
		o.key_bytes = c->key_bytes;
		o.first_sequence = c->first_sequence;
		o.end_sequence = c->end_sequence != 0 ? c->end_sequence : o.end_sequence;
		o.dead_letters = c->dead_letters != 0 ? c->dead_letters : o.dead_letters;
		o.to_topic = c->to_topic != 0 ? c->to_topic : o.to_topic;
		cr_expect_eq(weir_redrive_open(p, &o, &job, &queue_bed.problem), cases[i].code);
		cr_expect_str_eq(queue_bed.problem.field, cases[i].field, "case %zu", i);
	}
	job = open_job();
	cr_expect_eq(weir_redrive_open(p, &options, &other, &queue_bed.problem), -EBUSY);
	cr_expect_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	cr_expect_eq(run_job().looked, 0);
	cr_expect_eq(weir_redrive_close(NULL, 0), 0);
}

/* A subscription over one topic whose dead letters go to another. */
static int chain(const char *name, const char *from, const char *to)
{
	struct weir_subscription_options o = queue_bed.options;
	uint32_t id;
	o.name = name;
	o.topics = &from;
	o.dead_letters = to;
	return weir_subscription_create(queue_bed.f.pipeline, &o, &id, &queue_bed.problem);
}

Test(redrive, dead_letters_that_would_come_back_are_refused)
{
	(void)fixture_topic(&queue_bed.f, "deader", 1);
	cr_expect_eq(chain("second", "dead", "work"), -EINVAL, "work → dead → work");
	cr_expect_str_eq(queue_bed.problem.field, "dead_letters");
	cr_expect_eq(chain("second", "dead", "deader"), 0);
	cr_expect_eq(chain("third", "deader", "dead"), -EINVAL, "dead → deader → dead");
	cr_expect_eq(chain("third", "deader", "work"), -EINVAL, "over three");
	/* Set anew without any, the way is open for the other direction. */
	queue_bed.options.attempts_max = 0;
	cr_expect_eq(chain("second", "dead", NULL), 0);
	cr_expect_eq(chain("third", "deader", "dead"), 0);
	cr_expect_eq(chain("second", "dead", "deader"), -EINVAL);
	cr_expect_eq(chain("third", "deader", "dead"), 0, "the same once more");
}

Test(redrive, which_letters_wait_is_told_without_a_job)
{
	bool waits = false;
	make_letters(1, 1, 3);
	const uint64_t end = UINT64_MAX;
	options.action = WEIR_REDRIVE_LOOK;
	uint64_t last = run_job().sequence;
	options.action = WEIR_REDRIVE_PURGE;
	options.reason = 2;
	cr_expect_eq(run_job().purged, 1);
	cr_assert_eq(weir_letter_waits(queue_bed.f.pipeline, queue_bed.dead_topic, last, &waits),
		     0);
	cr_expect_not(waits);
	options.reason = 1;
	options.action = WEIR_REDRIVE_LOOK;
	uint64_t first = run_job().sequence;
	cr_assert_eq(weir_letter_waits(queue_bed.f.pipeline, queue_bed.dead_topic, first, &waits),
		     0);
	cr_expect(waits && first < last);
	cr_assert_eq(weir_letter_waits(queue_bed.f.pipeline, queue_bed.dead_topic, end, &waits), 0);
	cr_expect(waits, "what is not written yet");
	cr_expect_eq(weir_letter_waits(queue_bed.f.pipeline, 99, first, &waits),
		     WEIR_E_UNKNOWN_NAME);
}

Test(redrive, what_has_expired_waits_until_its_dead_letters_are_known)
{
	queue_bed.options.time_to_live_ns = 500 * MS;
	cr_assert_eq(queue_make(), queue);
	queue_publish_keyed(1, 5);
	struct weir_item item = queue_next(worker); /* taken: its time is on record */
	cr_assert_eq(fixture_number(&item), 5);
	queue_reopen();
	fixture_sleep_ns(520 * MS);
	for (uint32_t i = 0; i < 50; i++)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
	cr_expect_eq(queue_lag(queue), 1, "nobody has said where it goes");
	cr_assert_eq(queue_make(), queue);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (queue_lag(queue) > 0 && fixture_now_ns() < until)
		;
	options.action = WEIR_REDRIVE_LOOK;
	cr_expect_eq(run_job().matched, 1);
}

/* ---- parked ---- */

/* 10 is dead, 11 and 12 wait behind it; another key has 20. */
static void park(void)
{
	queue_publish_keyed(1, 10);
	kill_next(10);
	queue_publish_keyed(1, 11);
	queue_publish_keyed(1, 12);
	queue_publish_keyed(2, 20);
	expect_numbers((const uint64_t[]){20}, 1);
}

Test(redrive_parked, the_dead_one_comes_first_and_those_behind_it_follow)
{
	uint32_t id = fixture_subscription(&queue_bed.f, "readers", "work");
	struct weir_member *reader = fixture_member(&queue_bed.f, id, NULL);
	park();
	cr_expect_eq(fixture_poll(reader, NULL, 0, 4, true), 4);
	queue_commit(reader);
	reopen();
	reader = fixture_member(&queue_bed.f, id, NULL);
	struct weir_redrive_progress progress = run_job();
	cr_expect(progress.in_place == 1 && progress.copied == 0);
	queue_publish_keyed(1, 13);
	struct weir_item item = queue_next(worker);
	cr_expect_eq(fixture_number(&item), 10);
	cr_expect_eq(item.attempts, 1);
	cr_expect(item.flags & WEIR_ITEM_REDELIVERED);
	cr_expect_eq(fixture_poll_rest(worker), 0, "the others wait for it");
	cr_assert_eq(weir_ack(worker, &item), 0);
	expect_numbers((const uint64_t[]){11, 12, 13}, 3);
	cr_expect_eq(fixture_poll(reader, &item, 1, 1, true), 1);
	cr_expect_eq(fixture_number(&item), 13, "others do not see it twice");
	cr_expect_eq(run_job().looked, 0);
	cr_expect_eq(queue_lag(queue), 0);
}

Test(redrive_parked, one_that_dies_again_is_parked_again)
{
	park();
	for (uint32_t i = 0; i < 3; i++) {
		cr_expect_eq(run_job().in_place, 1);
		kill_next(10);
		cr_expect_eq(fixture_poll_rest(worker), 0);
		struct weir_lag lag;
		cr_assert_eq(queue_lag(queue), 3);
		cr_assert_eq(weir_lag(queue_bed.f.pipeline, queue, &lag), 0);
		cr_expect_eq(lag.parked, 3);
		if (i == 1)
			reopen();
	}
	cr_expect_eq(run_job().in_place, 1);
	expect_numbers((const uint64_t[]){10, 11, 12}, 3);
}

Test(redrive_parked, given_up_before_it_comes_back_as_a_copy)
{
	park();
	struct weir_item letter;
	struct weir_origin origin;
	uint32_t id = fixture_subscription(&queue_bed.f, "undertaker", "dead");
	letter = queue_next(fixture_member(&queue_bed.f, id, NULL));
	cr_assert(weir_item_origin(&letter, &origin));
	cr_expect_eq(weir_parked_give_up(queue_bed.f.pipeline, queue, origin.sequence), 0);
	expect_numbers((const uint64_t[]){11, 12}, 2);
	struct weir_redrive_progress progress = run_job();
	cr_expect(progress.copied == 1 && progress.in_place == 0);
	expect_numbers((const uint64_t[]){10}, 1);
}

Test(redrive_parked, to_another_topic_and_its_key_goes_on)
{
	uint32_t other = fixture_topic(&queue_bed.f, "other", 1);
	uint32_t id = fixture_subscription(&queue_bed.f, "others", "other");
	park();
	options.to_topic = other;
	cr_expect_eq(run_job().copied, 1);
	expect_numbers((const uint64_t[]){11, 12}, 2);
	struct weir_item item = queue_next(fixture_member(&queue_bed.f, id, NULL));
	cr_expect_eq(fixture_number(&item), 10);
	reopen();
	cr_expect_eq(queue_lag(queue), 0);
}

Test(redrive_parked, purged_it_is_given_up)
{
	park();
	options.action = WEIR_REDRIVE_PURGE;
	cr_expect_eq(run_job().purged, 1);
	expect_numbers((const uint64_t[]){11, 12}, 2);
	cr_expect_eq(run_job().looked, 0);
}
