/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an event of a partition that fails is retried in place: nothing of its partition is handed
 * out before it is settled, the others go on; its attempts are counted in the log, go on with the
 * next owner and after an open, and after the last one, or where that was said, it is a dead letter
 * with its origin, once, and the partition goes on behind it. Who has lost the partition counts
 * nothing and buries nothing. (An event that kills its process: test_partition_retry_crash.c.)
 *
 * Method: manual pipelines with a journal and in memory; events are numbers, in partitions by key.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <weir/dead_letters.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/queue_bed.h"

#define NUMBERS 40u

static struct {
	uint32_t id;
	struct weir_member *member, *undertaker;
	uint32_t partition[NUMBERS]; /* of a number */
	uint32_t come[NUMBERS];
} bed;

static void begin(int kind)
{
	memset(&bed, 0, sizeof bed);
	queue_begin(kind);
	queue_bed.options.order = WEIR_ORDER_PARTITION;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 3;
}

static void setup(void)
{
	begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
}

TestSuite(partition_retry, .init = setup, .fini = queue_end, .timeout = 120);

/* The subscription, a member of it and one of the dead letters' reader. */
static void join(void)
{
	bed.id = queue_make();
	bed.undertaker = fixture_member(
		&queue_bed.f, fixture_subscription(&queue_bed.f, "undertaker", "dead"), NULL);
	bed.member = fixture_member(&queue_bed.f, bed.id, NULL);
}

/* Numbers, keyed by themselves modulo 8: in four partitions. */
static void publish(uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++)
		queue_publish_keyed(i % 8, i);
}

static uint32_t number_of(const struct weir_item *item)
{
	return (uint32_t)fixture_number(item);
}

/*
 * Polls and acknowledges until `count` numbers were, or nothing comes; `fails` is rejected instead,
 * each time.
 */
static void run(uint32_t count, uint32_t fails, const struct weir_rejection *how)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	uint32_t done = 0;
	while (done < count && fixture_now_ns() < until) {
		struct weir_item items[8];
		int polled = weir_poll(bed.member, items, 8, MS);
		cr_assert_geq(polled, 0);
		for (int i = 0; i < polled; i++) {
			uint32_t number = number_of(&items[i]);
			bed.partition[number] = items[i].partition;
			if (number == fails) {
				cr_assert_eq(weir_reject(bed.member, &items[i], how), 0);
				bed.come[number]++;
				continue;
			}
			int rc = weir_ack(bed.member, &items[i]);
			if (rc == WEIR_E_FENCED)
				continue; /* behind the one that failed: it comes again */
			cr_assert_eq(rc, 0);
			bed.come[number]++;
			done++;
		}
	}
	cr_expect_eq(done, count);
}

static struct weir_origin expect_letter(uint32_t number)
{
	struct weir_origin origin = {0};
	struct weir_item letter = queue_next(bed.undertaker);
	cr_expect_eq(number_of(&letter), number);
	cr_assert(weir_item_origin(&letter, &origin));
	cr_expect_eq(origin.topic, queue_bed.topic);
	cr_expect_eq(origin.partition, bed.partition[number]);
	cr_expect_eq(origin.subscription, bed.id);
	cr_expect_leq(origin.first_failed_us, origin.last_failed_us);
	cr_assert_eq(weir_ack(bed.undertaker, &letter), 0);
	return origin;
}

/* Acknowledges what is left, of which `none` is none. */
static void drain(uint32_t none)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_lag lag = {.events = 1};
	while ((lag.events > 0 || !lag.exact) && fixture_now_ns() < until) {
		struct weir_item item;
		if (weir_poll(bed.member, &item, 1, MS) == 1) {
			cr_expect_neq(number_of(&item), none);
			cr_assert_eq(weir_ack(bed.member, &item), 0);
		}
		cr_assert_eq(weir_lag(queue_bed.f.pipeline, bed.id, &lag), 0);
	}
}

static void expect_rest(void)
{
	cr_expect_eq(fixture_poll_rest(bed.undertaker), 0);
	cr_expect_eq(fixture_poll_rest(bed.member), 0);
	queue_commit(bed.member);
	cr_expect_eq(queue_lag(bed.id), 0);
}

Test(partition_retry, a_failed_event_comes_again_first_of_its_partition_and_the_others_go_on)
{
	struct weir_rejection later = {.delay_ns = 150 * MS};
	uint32_t order[NUMBERS], count = 0;
	join();
	publish(0, NUMBERS);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS, failed_ns = 0;
	uint32_t before = 0, of_it = 0;
	while (count < NUMBERS && fixture_now_ns() < until) {
		struct weir_item item;
		if (weir_poll(bed.member, &item, 1, MS) != 1)
			continue;
		uint32_t number = number_of(&item);
		bed.partition[number] = item.partition;
		if (number == 8 && failed_ns == 0) {
			cr_expect_eq(item.attempts, 1);
			failed_ns = fixture_now_ns();
			before = count;
			cr_assert_eq(weir_reject(bed.member, &item, &later), 0);
			continue;
		}
		if (number == 8) {
			cr_expect_eq(item.attempts, 2);
			cr_expect_neq(item.flags & WEIR_ITEM_REDELIVERED, 0);
			cr_expect_geq(fixture_now_ns() - failed_ns, 150 * MS);
			of_it = count;
		}
		order[count++] = number;
		cr_assert_eq(weir_ack(bed.member, &item), 0);
	}
	cr_assert_eq(count, NUMBERS);
	cr_expect_gt(of_it, before, "the others went on");
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = i + 1; k < count; k++)
			cr_expect(bed.partition[order[i]] != bed.partition[order[k]] ||
					  order[i] < order[k],
				  "%u before %u", order[i], order[k]);
	expect_rest();
}

Test(partition_retry, an_event_that_fails_too_often_is_a_dead_letter_and_its_partition_goes_on)
{
	const struct weir_rejection why = {
		.delay_ns = MS, .reason = 42, .text = "no such customer"};
	join();
	publish(0, NUMBERS);
	run(NUMBERS - 1, 9, &why);
	for (uint32_t i = 0; i < NUMBERS; i++)
		cr_expect_eq(bed.come[i], i == 9 ? 3u : 1u, "%u came %u times", i, bed.come[i]);
	struct weir_origin origin = expect_letter(9);
	cr_expect_eq(origin.attempts, 3);
	cr_expect(origin.reason == 42 && !origin.by_verdict && !origin.expired);
	cr_expect_eq(origin.text_bytes, strlen(why.text));
	cr_expect_eq(memcmp(origin.text, why.text, origin.text_bytes), 0);
	expect_rest();
}

Test(partition_retry, what_is_rejected_as_dead_goes_at_once)
{
	const struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD, .reason = 7};
	join();
	publish(0, NUMBERS);
	run(NUMBERS - 1, 3, &dead);
	struct weir_origin origin = expect_letter(3);
	cr_expect(origin.attempts == 1 && origin.reason == 7 && origin.by_verdict);
	expect_rest();
}

/* A copy at the log's end, in the partition of its key, like any event. */
Test(partition_retry, a_letter_that_is_redriven_comes_again_and_is_gone)
{
	const struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	struct weir_redrive_options o;
	struct weir_redrive_progress progress = {0};
	struct weir_redrive *job;
	struct weir_origin origin;
	join();
	publish(0, NUMBERS);
	run(NUMBERS - 1, 3, &dead);
	expect_letter(3);
	weir_redrive_options_init(&o);
	o.dead_letters = queue_bed.dead_topic;
	o.subscription = bed.id;
	cr_assert_eq(weir_redrive_open(queue_bed.f.pipeline, &o, &job, &queue_bed.problem), 0);
	while (!progress.done) {
		cr_assert_geq(weir_redrive_step(job, FIXTURE_LONG_NS), 0);
		weir_redrive_progress(job, &progress);
	}
	cr_assert_eq(weir_redrive_close(job, FIXTURE_LONG_NS), 0);
	cr_expect_eq(progress.copied, 1);
	struct weir_item item = queue_next(bed.member);
	cr_expect(number_of(&item) == 3 && item.partition == bed.partition[3] &&
		  item.attempts == 1);
	cr_expect(weir_item_origin(&item, &origin));
	cr_assert_eq(weir_ack(bed.member, &item), 0);
	expect_rest();
}

Test(partition_retry, what_is_too_old_to_be_tried_again_is_a_dead_letter)
{
	const struct weir_rejection later = {.delay_ns = 2000 * MS};
	queue_bed.options.time_to_live_ns = 1000 * MS;
	join();
	publish(0, NUMBERS);
	run(NUMBERS - 1, 5, &later);
	struct weir_origin origin = expect_letter(5);
	cr_expect(origin.expired && origin.attempts == 1);
	expect_rest();
}

Test(partition_retry, without_dead_letters_it_is_tried_for_ever)
{
	const struct weir_rejection again = {0};
	queue_bed.options.dead_letters = NULL;
	queue_bed.options.attempts_max = 0;
	join();
	publish(0, 1);
	for (uint32_t i = 0; i < 20; i++) {
		struct weir_item item = queue_next(bed.member);
		cr_expect_eq(item.attempts, i + 1);
		cr_assert_eq(weir_reject(bed.member, &item, &again), 0);
	}
}

/* How a process and an owner come and go between the attempts. */
static void next_owner(uint32_t how)
{
	if (how == 0) {
		queue_commit(bed.member);
		queue_reopen();
		join();
	} else if (how == 1) {
		cr_assert_eq(weir_member_leave(bed.member, FIXTURE_LONG_NS), 0);
		bed.member = fixture_member(&queue_bed.f, bed.id, NULL);
	}
}

static void expect_told(uint64_t seq, uint32_t attempts)
{
	struct weir_subscription_partition of;
	uint32_t told = 0;
	for (uint32_t i = 0; i < 4; i++) {
		cr_assert_eq(weir_subscription_partition(queue_bed.f.pipeline, bed.id, i, &of), 0);
		if (of.failed_sequence == 0)
			continue;
		told++;
		cr_expect_eq(of.partition, bed.partition[2]);
		cr_expect_eq(of.failed_sequence, seq);
		cr_expect_eq(of.attempts, attempts);
	}
	cr_expect(told == 1 || (attempts == 3 && told == 0), "%u of %u", told, attempts);
}

static void expect_attempts_go_on(uint32_t how)
{
	const struct weir_rejection again = {.delay_ns = MS, .reason = 5};
	join();
	publish(0, 16);
	for (uint32_t i = 0; i < 3; i++) {
		struct weir_item item = queue_next(bed.member);
		while (number_of(&item) != 2) {
			cr_assert_eq(weir_ack(bed.member, &item), 0);
			item = queue_next(bed.member);
		}
		bed.partition[2] = item.partition;
		cr_assert_eq(item.attempts, i + 1, "%u: attempt %u", how, item.attempts);
		cr_assert_eq(weir_reject(bed.member, &item, &again), 0);
		next_owner(how);
		expect_told(item.sequence, i + 1);
	}
	drain(2);
	struct weir_origin origin = expect_letter(2);
	cr_expect(origin.attempts == 3 && origin.reason == 5);
	expect_rest();
}

Test(partition_retry, attempts_go_on_after_an_open)
{
	expect_attempts_go_on(0);
}

Test(partition_retry, attempts_go_on_with_the_next_owner)
{
	expect_attempts_go_on(1);
}

Test(partition_retry, a_seek_forgets_attempts)
{
	const struct weir_rejection again = {0};
	join();
	publish(0, 1);
	struct weir_item item = queue_next(bed.member);
	cr_assert_eq(weir_reject(bed.member, &item, &again), 0);
	item = queue_next(bed.member);
	cr_expect_eq(item.attempts, 2);
	cr_assert_eq(weir_reject(bed.member, &item, &again), 0);
	cr_assert_eq(weir_subscription_seek(queue_bed.f.pipeline, bed.id, WEIR_SEEK_OLDEST, 0,
					    FIXTURE_LONG_NS, &queue_bed.problem),
		     0);
	item = queue_next(bed.member);
	cr_expect_eq(item.attempts, 1);
	cr_assert_eq(weir_ack(bed.member, &item), 0);
	expect_rest();
}

Test(partition_retry, what_cannot_be_rejected_is_refused)
{
	struct weir_rejection r = {.delay_ns = 0};
	struct weir_item items[3], nothing = {0};
	join();
	for (uint64_t i = 0; i < 3; i++)
		queue_publish_keyed(1, i);
	for (uint32_t i = 0; i < 3; i++)
		items[i] = queue_next(bed.member);
	cr_expect_eq(weir_reject(bed.member, &nothing, &r), -EINVAL);
	cr_expect_eq(weir_reject(bed.member, &items[1], &r), WEIR_E_OUT_OF_SEQUENCE,
		     "one before it is not done");
	r.verdict = (enum weir_verdict)9;
	cr_expect_eq(weir_reject(bed.member, &items[0], &r), -EINVAL);
	r.verdict = WEIR_VERDICT_RETRY;
	cr_assert_eq(weir_ack(bed.member, &items[0]), 0);
	cr_expect_eq(weir_reject(bed.member, &items[0], &r), WEIR_E_FENCED, "it is done");
	cr_assert_eq(weir_transaction_begin(bed.member, 1024, 0), 0);
	cr_expect_eq(weir_reject(bed.member, &items[1], &r), -EBUSY);
	cr_assert_eq(weir_transaction_abort(bed.member), 0);
	cr_assert_eq(weir_reject(bed.member, &items[1], &r), 0);
	cr_expect_eq(weir_reject(bed.member, &items[1], &r), WEIR_E_FENCED, "it was");
	cr_expect_eq(weir_ack(bed.member, &items[2]), WEIR_E_FENCED, "it comes again");
	items[1] = queue_next(bed.member);
	cr_expect_eq(items[1].attempts, 2);
	r.verdict = WEIR_VERDICT_RELEASE;
	cr_assert_eq(weir_reject(bed.member, &items[1], &r), 0);
	items[1] = queue_next(bed.member);
	cr_expect_eq(items[1].attempts, 2, "that was none");
	cr_assert_eq(weir_ack_all(bed.member), 0);
	items[2] = queue_next(bed.member);
	cr_expect_eq(number_of(&items[2]), 2);
	cr_expect_eq(items[2].attempts, 1);
	cr_assert_eq(weir_ack(bed.member, &items[2]), 0);
	expect_rest();
}

/* Its member has it no more, nor what lies behind it: neither is settled before it comes again. */
Test(partition_retry, what_is_given_back_is_acknowledged_by_nobody)
{
	const struct weir_rejection back = {.verdict = WEIR_VERDICT_RELEASE};
	struct weir_item items[2];
	join();
	for (uint64_t i = 0; i < 2; i++)
		queue_publish_keyed(1, i);
	for (uint32_t i = 0; i < 2; i++)
		items[i] = queue_next(bed.member);
	cr_assert_eq(weir_reject(bed.member, &items[0], &back), 0);
	for (uint32_t i = 0; i < 2; i++)
		cr_expect_eq(weir_ack(bed.member, &items[i]), WEIR_E_FENCED);
	cr_assert_eq(weir_ack_all(bed.member), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct weir_item item = queue_next(bed.member);
		cr_expect_eq(number_of(&item), i);
		cr_expect_eq(item.attempts, 1);
		cr_assert_eq(weir_ack(bed.member, &item), 0);
	}
	expect_rest();
}

Test(partition_retry, options_that_give_up_in_silence_are_refused)
{
	static const struct {
		const char *dead_letters, *field;
		uint32_t attempts_max;
		uint64_t time_to_live_ns;
	} cases[] = {{NULL, "attempts_max", 3, 0},
		     {NULL, "time_to_live_ns", 0, MS},
		     {"work", "dead_letters", 3, 0}};
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t id;
		queue_bed.options.dead_letters = cases[i].dead_letters;
		queue_bed.options.attempts_max = cases[i].attempts_max;
		queue_bed.options.time_to_live_ns = cases[i].time_to_live_ns;
		cr_expect_eq(weir_subscription_create(queue_bed.f.pipeline, &queue_bed.options, &id,
						      &queue_bed.problem),
			     -EINVAL);
		cr_expect_str_eq(queue_bed.problem.field, cases[i].field);
	}
}

/* A member that does not poll for a session has lost its partitions: what it says is of no use. */
Test(partition_retry, who_has_lost_the_partition_counts_nothing)
{
	const struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	queue_bed.options.session_timeout_ns = 50 * MS;
	join();
	publish(0, 1);
	struct weir_item item = queue_next(bed.member), again;
	struct weir_member *zombie = bed.member;
	bed.member = fixture_member(&queue_bed.f, bed.id, NULL);
	again = queue_next(bed.member);
	cr_expect_eq(weir_reject(zombie, &item, &dead), 0, "it is decided by the log");
	cr_expect_eq(weir_member_commit(zombie, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS),
		     WEIR_E_FENCED);
	cr_expect_eq(again.attempts, 1);
	cr_assert_eq(weir_ack(bed.member, &again), 0);
	expect_rest();
}

/*
 * It is nobody's then, and is moved on to its first event: progress from before that is refused,
 * and so is what was said behind it, or the next owner would begin there.
 */
Test(partition_retry, who_was_refused_progress_passes_over_nothing)
{
	struct weir_item items[2];
	struct weir_pipeline *p = queue_bed.f.pipeline;
	uint32_t other = fixture_topic(&queue_bed.f, "other", 1);
	p->pass_every = 50;
	join();
	while (weir_member_assignments(bed.member, NULL, 0) < 4)
		cr_assert_eq(weir_poll(bed.member, items, 1, MS), 0);
	fixture_wait(queue_bed.producer, fixture_publish(queue_bed.producer, other, 0, 100));
	queue_publish_keyed(0, 0);
	queue_publish_keyed(0, 8);
	cr_assert_eq(fixture_poll(bed.member, items, 2, 2, false), 2);
	cr_assert_leq(items[0].from_sequence + p->pass_every, items[0].sequence);
	queue_bed.options.session_timeout_ns = 50 * MS;
	bed.id = queue_make();
	struct weir_member *late = bed.member;
	wr_atomic_u64 *position =
		&wr_position_row(p, &p->tables.catalog.subscriptions[bed.id], items[0].partition)
			 ->position;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_relaxed(position) != items[0].sequence && fixture_now_ns() < until)
		fixture_wait(queue_bed.producer,
			     fixture_publish(queue_bed.producer, other, 0, p->pass_every));
	cr_assert_eq(wr_load_relaxed(position), items[0].sequence);
	cr_assert_eq(weir_ack(late, &items[0]), 0);
	cr_assert_eq(weir_reject(late, &items[1], NULL), 0, "it is decided by the log");
	cr_expect_eq(weir_member_commit(late, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), WEIR_E_FENCED);
	bed.member = fixture_member(&queue_bed.f, bed.id, NULL);
	for (uint64_t number = 0; number <= 8; number += 8) {
		items[0] = queue_next(bed.member);
		cr_assert_eq(number_of(&items[0]), number);
		cr_expect_eq(items[0].attempts, 1);
		cr_assert_eq(weir_ack(bed.member, &items[0]), 0);
	}
	expect_rest();
}

Test(partition_retry, in_memory_alone_it_is_the_same)
{
	const struct weir_rejection why = {.delay_ns = MS};
	queue_end();
	begin(FIXTURE_MEMORY | FIXTURE_MANUAL);
	join();
	publish(0, NUMBERS);
	run(NUMBERS - 1, 9, &why);
	cr_expect_eq(bed.come[9], 3);
	cr_expect_eq(expect_letter(9).attempts, 3);
}

/* ---- handlers ---- */

static struct {
	enum weir_handled says;
	uint32_t fails, order[3 * NUMBERS], count;
	bool publishes;
} is;

static enum weir_handled handle(void *context, struct weir_member *member,
				const struct weir_item *item)
{
	(void)context;
	uint32_t number = number_of(item);
	bed.partition[number] = item->partition;
	if (is.publishes) {
		struct weir_event event =
			fixture_event(queue_bed.dead_topic, NULL, &(uint64_t){number + 1000});
		cr_assert_eq(weir_transaction_publish(member, &event), 0);
	}
	if (number == is.fails) {
		bed.come[number]++;
		return is.says;
	}
	is.order[is.count++] = number;
	return WEIR_HANDLED_OK;
}

static void expect_handled(enum weir_handled says, uint32_t times, bool publishes)
{
	struct weir_member_options o;
	uint32_t letters = 0;
	memset(&is, 0, sizeof is);
	is.says = says;
	is.fails = 17;
	is.publishes = publishes;
	bed.id = queue_make();
	bed.undertaker = fixture_member(
		&queue_bed.f, fixture_subscription(&queue_bed.f, "undertaker", "dead"), NULL);
	weir_member_options_init(&o);
	o.handler = handle;
	o.transaction_bytes_max = publishes ? 512 : 0;
	cr_assert_eq(weir_member_join(queue_bed.f.pipeline, bed.id, &o, &bed.member, NULL), 0);
	publish(0, NUMBERS);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (letters < (publishes ? NUMBERS : 1) && fixture_now_ns() < until) {
		struct weir_item letter;
		struct weir_origin origin;
		if (weir_poll(bed.undertaker, &letter, 1, MS) != 1)
			continue;
		letters++;
		bool is_letter = weir_item_origin(&letter, &origin);
		cr_expect_eq(is_letter, number_of(&letter) == 17);
		if (is_letter) {
			cr_expect_eq(origin.attempts, times);
			cr_expect_eq(origin.by_verdict, says == WEIR_HANDLED_DEAD);
		} else {
			cr_expect_neq(number_of(&letter), 1017, "its run was given up");
		}
		cr_assert_eq(weir_ack(bed.undertaker, &letter), 0);
	}
	while (is.count < NUMBERS - 1 && fixture_now_ns() < until)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS), 0);
	cr_expect_eq(bed.come[17], times);
	cr_expect_eq(is.count, NUMBERS - 1);
	for (uint32_t i = 0; i < is.count; i++)
		for (uint32_t k = i + 1; k < is.count; k++)
			cr_expect(bed.partition[is.order[i]] != bed.partition[is.order[k]] ||
				  is.order[i] < is.order[k]);
	cr_expect_eq(fixture_poll_rest(bed.undertaker), 0);
	cr_expect_eq(queue_lag(bed.id), 0);
}

Test(partition_retry, a_handler_that_says_retry_is_called_again)
{
	expect_handled(WEIR_HANDLED_RETRY, 3, false);
}

Test(partition_retry, a_handler_that_says_dead_is_not)
{
	expect_handled(WEIR_HANDLED_DEAD, 1, false);
}

Test(partition_retry, a_handler_with_transactions_gives_up_those_that_fail)
{
	expect_handled(WEIR_HANDLED_RETRY, 3, true);
}
