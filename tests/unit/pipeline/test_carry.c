/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what is outstanding for long lets its segment go: it is copied further on, and is the
 *         event that it was for who gets it, for lag, for its dead letter and over opens; what
 *         somebody has is not copied, nor what is too much of its segment, nor anything where
 *         retention wants nothing; and a seek to the oldest finds it. Rule: L32.
 * Method: the queue bed, one thread, with a retention of a few segments, which events of another
 *         topic fill; where the log begins says what has left.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/pipeline/sharing.h"
#include "tests/support/queue_bed.h"

#define SEGMENT_BYTES (512u << 10)
#define FILLING_BYTES 2000u
#define BLOCK_BYTES 4096u
#define AT_ONCE 16u

static void begin_with(uint64_t retention_bytes, enum weir_pack pack)
{
	queue_bed.f.options.retention_bytes = retention_bytes;
	queue_bed.f.options.pack = pack;
	queue_bed.f.options.checkpoint_bytes = 1;
	queue_reopen();
	queue_bed.options.order = WEIR_ORDER_KEY;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 1;
	queue_bed.options.when_dead = WEIR_DEAD_PARK;
}

static void begin(uint64_t retention_bytes, enum weir_pack pack)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	begin_with(retention_bytes, pack);
}

static void setup(void)
{
	begin(2 * SEGMENT_BYTES, WEIR_PACK_NO);
}

TestSuite(carry, .init = setup, .fini = queue_end, .timeout = 120);

static uint64_t oldest(void)
{
	return wr_segment_oldest_seq(&queue_bed.f.pipeline->segments);
}

static uint64_t carried(void)
{
	struct weir_pipeline *p = queue_bed.f.pipeline;
	return wr_load_relaxed(&p->subscriptions[0].sharing->carried);
}

/* Events of the other topic, which nobody reads. */
static void fill_some(void)
{
	static char text[FILLING_BYTES];
	uint64_t ticket = 0;
	/* The queue gets past them sooner than it would. */
	queue_bed.f.pipeline->pass_every = AT_ONCE;
	struct weir_event event = {
		.topic = queue_bed.dead_topic, .payload = text, .payload_bytes = sizeof text};
	for (uint32_t i = 0; i < AT_ONCE; i++)
		cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	fixture_wait(queue_bed.producer, ticket);
	cr_assert_geq(weir_step(queue_bed.f.pipeline, 1000000u), 0);
}

static void fill(uint32_t segments)
{
	for (uint32_t i = 0; i < segments * (SEGMENT_BYTES / FILLING_BYTES / AT_ONCE + 1); i++)
		fill_some();
}

static uint64_t visible(void)
{
	struct weir_info info = {.struct_bytes = sizeof info};
	cr_assert_eq(weir_pipeline_info(queue_bed.f.pipeline, &info), 0);
	return info.visible_sequence;
}

/* Until all that there is now has left. */
static void fill_until_left(void)
{
	uint64_t seq = visible();
	/* What has failed is tried again after a second. */
	for (uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	     oldest() <= seq && fixture_now_ns() < until; fixture_sleep_ns(2000000))
		fill_some();
	cr_assert_gt(oldest(), seq, "it still holds its segment");
}

static struct weir_lag lag_of(uint32_t id)
{
	struct weir_lag lag;
	(void)queue_lag(id);
	cr_assert_eq(weir_lag(queue_bed.f.pipeline, id, &lag), 0);
	return lag;
}

/* The next one fails for good, and its letter is written. As it was. */
static struct weir_item fail_next(struct weir_member *member, uint32_t id, uint64_t number)
{
	struct weir_item item = queue_next(member);
	struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD, .reason = 5};
	cr_assert_eq(fixture_number(&item), number);
	uint64_t parked = lag_of(id).parked, until = fixture_now_ns() + FIXTURE_LONG_NS;
	cr_assert_eq(weir_reject(member, &item, &r), 0);
	while (lag_of(id).parked <= parked && fixture_now_ns() < until)
		;
	return item;
}

static uint64_t position_of(uint32_t id)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	cr_assert_eq(weir_subscription_info(queue_bed.f.pipeline, id, &info), 0);
	return info.position;
}

Test(carry, a_parked_key_lets_its_segments_go_and_comes_as_it_was)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	struct weir_item dead = fail_next(member, id, 10);
	for (uint64_t number = 11; number < 14; number++)
		queue_publish_keyed(1, number);
	cr_expect_eq(fixture_poll_rest(member), 0);
	struct weir_lag before = lag_of(id);
	fill_until_left();
	cr_expect_geq(carried(), 4, "all; some again, when retention comes round");
	cr_expect_geq(position_of(id), oldest());
	struct weir_lag lag = lag_of(id);
	cr_expect(lag.events == 4 && lag.bytes == before.bytes && lag.parked == 4);
	cr_expect_geq(lag.time_ns, before.time_ns, "it is no younger");
	/* From the log, and from a checkpoint. */
	for (uint32_t i = 0; i < 2; i++) {
		queue_reopen();
		cr_assert_eq(queue_make(), id);
		cr_expect_eq(lag_of(id).parked, 4);
		if (i == 0)
			fill(1);
	}
	member = queue_join(id, 8);
	cr_assert_eq(weir_parked_give_up(queue_bed.f.pipeline, id, dead.sequence), 0);
	uint64_t last = dead.sequence;
	for (uint64_t number = 11; number < 14; number++) {
		struct weir_item item = queue_next(member);
		cr_expect_eq(fixture_number(&item), number);
		cr_expect(item.sequence > last && item.sequence < oldest());
		last = item.sequence;
		cr_expect_eq(item.partition, dead.partition);
		cr_expect_eq(item.epoch, dead.epoch);
		cr_expect_geq(item.append_time_us, dead.append_time_us);
		cr_expect_eq(item.attempts, 1);
		cr_expect_eq(item.flags & WEIR_ITEM_REPLAY, 0);
		cr_assert_eq(weir_ack(member, &item), 0);
	}
	queue_commit(member);
	lag = lag_of(id);
	cr_expect(lag.events == 0 && lag.bytes == 0 && lag.parked == 0);
}

/* They are copied each time that retention comes round, and each time of the copy before. */
Test(carry, a_copy_is_copied_again_and_dies_as_the_event)
{
	uint32_t id = queue_make(), letters = fixture_subscription(&queue_bed.f, "letters", "dead");
	struct weir_member *member = queue_join(id, 8);
	struct weir_origin origin;
	queue_publish_keyed(1, 10);
	struct weir_item dead = fail_next(member, id, 10);
	queue_publish_keyed(1, 11);
	/* Nobody reads them yet: the other subscription would hold all of that. */
	struct weir_member *reader = fixture_member(&queue_bed.f, letters, NULL);
	for (uint32_t round = 1; round <= 3; round++) {
		uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
		while (carried() < 2 * round && fixture_now_ns() < until) {
			struct weir_item item;
			fill_some();
			while (weir_poll(reader, &item, 1, 0) == 1)
				cr_assert_eq(weir_ack(reader, &item), 0);
		}
		cr_expect_geq(carried(), 2 * round);
	}
	cr_assert_eq(weir_parked_give_up(queue_bed.f.pipeline, id, dead.sequence), 0);
	struct weir_item item = queue_next(member), letter = {0};
	uint64_t seq = item.sequence;
	struct weir_rejection r = {.verdict = WEIR_VERDICT_DEAD, .reason = 6, .text = "no"};
	cr_assert_eq(fixture_number(&item), 11);
	cr_assert_eq(weir_reject(member, &item, &r), 0);
	do
		letter = queue_next(reader);
	while (letter.payload_bytes != sizeof(uint64_t));
	cr_assert(weir_item_origin(&letter, &origin));
	cr_expect_eq(fixture_number(&letter), 11);
	cr_expect(origin.sequence == seq && origin.epoch == item.epoch &&
		  origin.topic == queue_bed.topic && origin.partition == item.partition);
	cr_expect(origin.attempts == 1 && origin.reason == 6);
}

/* The record that says why has left with its segment, and so has the first copy. */
Test(carry, what_was_said_of_it_goes_with_its_copies)
{
	const char said[] = "not this week";
	queue_bed.options.attempts_max = 2;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	struct weir_item item = queue_next(member), letter;
	struct weir_rejection r = {.delay_ns = 3600000 * MS, .reason = 6, .text = said};
	cr_assert_eq(weir_reject(member, &item, &r), 0);
	queue_commit(member);
	fill_until_left();
	queue_reopen();
	cr_assert_eq(queue_make(), id);
	fill_until_left();
	uint32_t letters = fixture_subscription(&queue_bed.f, "letters", "dead");
	struct weir_member *reader = fixture_member(&queue_bed.f, letters, NULL);
	struct weir_origin origin;
	queue_bed.options.attempts_max = 1;
	cr_assert_eq(queue_make(), id);
	(void)queue_join(id, 8);
	do {
		letter = queue_next(reader);
		cr_assert_eq(weir_ack(reader, &letter), 0);
	} while (letter.payload_bytes != sizeof(uint64_t));
	cr_assert(weir_item_origin(&letter, &origin));
	cr_expect(origin.sequence == item.sequence && origin.attempts == 1 && origin.reason == 6);
	cr_expect(origin.text_bytes == strlen(said) &&
		  memcmp(origin.text, said, origin.text_bytes) == 0);
}

Test(carry, what_somebody_has_stays_where_it_is_until_he_gives_it_back)
{
	queue_bed.options.attempts_max = 3;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	struct weir_item item = queue_next(member);
	cr_assert_eq(weir_extend(member, &item, 3600 * 1000000000ull), 0);
	fill(5);
	cr_expect_leq(oldest(), item.sequence);
	cr_expect_eq(carried(), 0);
	struct weir_rejection later = {.delay_ns = 3600 * 1000000000ull, .reason = 8};
	cr_assert_eq(weir_reject(member, &item, &later), 0);
	fill_until_left();
	cr_expect_gt(carried(), 0);
	queue_reopen();
	cr_assert_eq(queue_make(), id);
	const struct wr_outstanding_entry *e =
		wr_outstanding_find(&queue_bed.f.pipeline->tables.outstanding, id, item.sequence);
	cr_assert_not_null(e);
	cr_expect(e->attempts == 1 && e->reason == 8 && e->not_before_us != 0);
	cr_expect_geq(e->place, oldest());
	cr_expect_eq(queue_counts(id).delayed, 1);
	cr_expect_eq(lag_of(id).events, 1);
}

/* What is parked is all that the queue has to do with: what comes behind it is nobody's. */
Test(carry, a_parked_key_lets_segments_go_when_the_queue_has_no_members)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	(void)fail_next(member, id, 10);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	fill_until_left();
	cr_expect_gt(carried(), 0);
	/* What comes then is not passed over. */
	queue_publish_keyed(2, 11);
	fill(1);
	cr_expect_eq(lag_of(id).events, 2);
	member = queue_join(id, 8);
	struct weir_item item = queue_next(member);
	cr_expect_eq(fixture_number(&item), 11);
}

static void seek(uint32_t id, enum weir_seek_to to, uint64_t at)
{
	struct weir_problem problem;
	cr_assert_eq(
		weir_subscription_seek(queue_bed.f.pipeline, id, to, at, FIXTURE_LONG_NS, &problem),
		0, "%s", problem.text);
}

static uint64_t before_last;

/* Parked, with one behind it, and both copied on; then there is another one. The first. */
static struct weir_item park_and_carry(uint32_t id)
{
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	struct weir_item dead = fail_next(member, id, 10);
	queue_publish_keyed(1, 11);
	cr_expect_eq(fixture_poll_rest(member), 0);
	fill_until_left();
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	before_last = visible();
	queue_publish_keyed(1, 12);
	return dead;
}

/* All three, in order, each as for the first time; and nothing more. */
static void expect_all_anew(uint32_t id, const struct weir_item *dead)
{
	struct weir_member *member = queue_join(id, 8);
	uint64_t last = 0;
	for (uint64_t number = 10; number < 13; number++) {
		struct weir_item item = queue_next(member);
		cr_expect_eq(fixture_number(&item), number);
		cr_expect(number > 10 || (item.sequence == dead->sequence &&
					  item.append_time_us == dead->append_time_us));
		cr_expect_gt(item.sequence, last);
		last = item.sequence;
		cr_expect_eq(item.attempts, 1);
		cr_expect(number == 12 || (item.flags & WEIR_ITEM_REDELIVERED) != 0);
		cr_assert_eq(weir_ack(member, &item), 0);
		queue_commit(member);
		cr_expect_eq(lag_of(id).events, 12 - number);
	}
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_expect_eq(lag_of(id).bytes, 0);
	cr_expect_gt(position_of(id), last);
}

/* As weir/subscription.h says: by its own place, though that has left. */
Test(carry, a_seek_to_the_oldest_finds_what_was_copied)
{
	uint32_t id = queue_make();
	struct weir_item dead = park_and_carry(id);
	uint64_t bytes = lag_of(id).bytes;
	seek(id, WEIR_SEEK_OLDEST, 0);
	struct weir_lag lag = lag_of(id);
	cr_expect(lag.events == 3 && lag.bytes == bytes && lag.parked == 0);
	expect_all_anew(id, &dead);
}

Test(carry, a_seek_to_a_time_before_all_that_is_there_finds_it_too)
{
	uint32_t id = queue_make();
	struct weir_item dead = park_and_carry(id);
	seek(id, WEIR_SEEK_TIME, 1);
	seek(id, WEIR_SEEK_OLDEST, 0);
	expect_all_anew(id, &dead);
}

Test(carry, what_a_seek_has_found_is_there_over_opens)
{
	uint32_t id = queue_make();
	struct weir_item dead = park_and_carry(id);
	seek(id, WEIR_SEEK_OLDEST, 0);
	/* From the log, and from a checkpoint. */
	for (uint32_t i = 0; i < 2; i++) {
		queue_reopen();
		cr_assert_eq(queue_make(), id);
		cr_expect_eq(lag_of(id).events, 3);
		cr_expect_eq(lag_of(id).parked, 0);
		if (i == 0)
			fill(1);
	}
	expect_all_anew(id, &dead);
}

Test(carry, a_seek_beyond_what_was_copied_gives_it_up)
{
	uint32_t id = queue_make();
	(void)park_and_carry(id);
	seek(id, WEIR_SEEK_SEQUENCE, before_last);
	struct weir_member *member = queue_join(id, 8);
	struct weir_item item = queue_next(member);
	cr_expect_eq(fixture_number(&item), 12);
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	cr_expect_eq(lag_of(id).events, 0);
	/* It is nowhere any more. */
	seek(id, WEIR_SEEK_OLDEST, 0);
	item = queue_next(member);
	cr_expect_eq(fixture_number(&item), 12);
}

/* What was settled before the seek is so, however little of the log its group has followed. */
Test(carry, a_seek_to_the_oldest_does_not_find_what_was_settled)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	struct weir_item dead = fail_next(member, id, 10);
	queue_publish_keyed(1, 11);
	queue_publish_keyed(2, 20);
	(void)fail_next(member, id, 20);
	fill_until_left();
	cr_assert_eq(weir_parked_give_up(queue_bed.f.pipeline, id, dead.sequence), 0);
	struct weir_item item = queue_next(member);
	cr_expect_eq(fixture_number(&item), 11);
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	seek(id, WEIR_SEEK_OLDEST, 0);
	cr_expect_eq(lag_of(id).events, 1);
	item = queue_next(member);
	cr_expect_eq(fixture_number(&item), 20);
	cr_expect_eq(item.attempts, 1);
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_expect_eq(lag_of(id).events, 0);
}

static void publish_large(uint64_t key, uint32_t count)
{
	static char text[FILLING_BYTES];
	struct weir_event event = {.topic = queue_bed.topic,
				   .key = &key,
				   .key_bytes = sizeof key,
				   .payload = text,
				   .payload_bytes = sizeof text};
	for (uint32_t i = 0; i < count; i++) {
		uint64_t ticket;
		cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
		if (i % AT_ONCE == 0)
			fixture_wait(queue_bed.producer, ticket);
	}
}

/* What is done for the others is not for one that begins before it. */
Test(carry, a_queue_that_is_made_later_has_what_it_parks_copied_too)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	fill(1);
	queue_bed.f.pipeline->carrying.done_seq = UINT64_MAX; /* as if all were */
	queue_bed.options.name = "late";
	uint32_t late = queue_make();
	(void)fail_next(member, id, 10);
	(void)fail_next(queue_join(late, 8), late, 10);
	fill_until_left();
}

/* Copying it would free less than it takes: the log would be filled by copies of copies. */
Test(carry, a_segment_of_which_most_is_outstanding_stays)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	struct weir_item dead = fail_next(member, id, 10);
	publish_large(1, 200);
	fill(5);
	cr_expect_eq(carried(), 0);
	cr_expect_leq(oldest(), dead.sequence);
	cr_expect_eq(lag_of(id).parked, 201);
}

static void setup_all(void)
{
	begin(0, WEIR_PACK_NO);
}

TestSuite(carry_nothing, .init = setup_all, .fini = queue_end, .timeout = 120);

Test(carry_nothing, where_retention_wants_nothing_nothing_is_copied)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	(void)fail_next(member, id, 10);
	fill(5);
	cr_expect_eq(carried(), 0);
	cr_expect_eq(oldest(), 1);
}

static void setup_packed(void)
{
	begin(2 * SEGMENT_BYTES, WEIR_PACK_PADDING);
}

TestSuite(carry_packed, .init = setup_packed, .fini = queue_end, .timeout = 120);

/* Most of a segment may be padding: packed, it has next to nothing. */
Test(carry_packed, a_small_segment_behind_it_does_not_keep_one_from_being_copied)
{
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, 10);
	(void)fail_next(member, id, 10);
	publish_large(1, 40);
	/* Nothing is copied before all of this is there. */
	queue_publish_keyed(2, 11);
	struct weir_item item = queue_next(member);
	cr_assert_eq(weir_extend(member, &item, 3600 * 1000000000ull), 0);
	fill(1);
	for (uint64_t i = 0; i < 2 * SEGMENT_BYTES / BLOCK_BYTES; i++) {
		uint64_t ticket;
		struct weir_event event = {.topic = queue_bed.dead_topic};
		cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
		fixture_wait(queue_bed.producer, ticket);
	}
	fill(4);
	cr_expect_eq(carried(), 0);
	cr_assert_eq(weir_ack(member, &item), 0);
	queue_commit(member);
	fill_until_left();
	cr_expect_geq(carried(), 41);
}

static void setup_damaged(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	struct weir_memory_plan plan;
	queue_bed.f.options.pool_bytes = 1;
	begin_with(8 * SEGMENT_BYTES, WEIR_PACK_NO);
	/* What is to leave is on disk only, however late its turn comes. */
	cr_assert_eq(weir_memory_plan(&queue_bed.f.options, &plan, NULL), 0);
	cr_assert_lt(plan.chunks_bytes, 4 * SEGMENT_BYTES, "%llu",
		     (unsigned long long)plan.chunks_bytes);
}

TestSuite(carry_damaged, .init = setup_damaged, .fini = queue_end, .timeout = 120);

/* In the first segment, the byte behind this number is another one, or as it was again. */
static void flip_behind(uint64_t number)
{
	char path[TEST_PATH_BYTES + 32];
	uint8_t *bytes = malloc(SEGMENT_BYTES);
	cr_assert_not_null(bytes);
	(void)snprintf(path, sizeof path, "%s/0-00000000.seg", queue_bed.f.dir);
	int file = open(path, O_RDWR | O_CLOEXEC);
	cr_assert_geq(file, 0, "%s", path);
	cr_assert_eq(pread(file, bytes, SEGMENT_BYTES, 0), SEGMENT_BYTES);
	uint32_t at = 0;
	while (memcmp(bytes + at, &number, sizeof number) != 0)
		cr_assert_lt(at += 8, SEGMENT_BYTES - sizeof number);
	at += (uint32_t)sizeof number;
	bytes[at] ^= 1;
	cr_assert_eq(pwrite(file, bytes + at, 1, at), 1);
	(void)close(file);
	free(bytes);
}

Test(carry_damaged, what_cannot_be_read_is_tried_again)
{
	const uint64_t number = 0x1122334455667788;
	uint32_t id = queue_make();
	struct weir_member *member = queue_join(id, 8);
	queue_publish_keyed(1, number);
	(void)fail_next(member, id, number);
	/* Before anything reads it from there. */
	flip_behind(number);
	for (uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	     !queue_bed.f.pipeline->carrying.failed && fixture_now_ns() < until;)
		fill_some();
	cr_assert(queue_bed.f.pipeline->carrying.failed, "%llu were copied",
		  (unsigned long long)carried());
	cr_expect_eq(carried(), 0);
	flip_behind(number);
	fill_until_left();
	cr_expect_gt(carried(), 0);
}
