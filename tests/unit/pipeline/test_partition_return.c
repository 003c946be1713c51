/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a member that goes back in the log for an event that has failed, and then on where it was,
 * leaves out nothing of what its other partitions need in between: what they get again, or what
 * they come with. What an owner before said of an event is durable before the next one gets it. A
 * gap is not retried, and comes again where its row goes back. Who is told that an event is not its
 * own any more has not acknowledged it with all.
 *
 * Method: manual pipelines; events are numbers, in four partitions by key. The first event fails
 * until the member has read the rest; then it stands at that event, with all others before it.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include <weir/dead_letters.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/queue_bed.h"

#define NUMBERS 48u
#define FIRST 40u /* of them that many, and the rest behind what the member has read */
#define PARTITIONS 4u

static struct {
	uint32_t id;
	uint32_t partition[NUMBERS]; /* of a number */
	uint32_t handled[NUMBERS];
} bed;

static void setup(void)
{
	memset(&bed, 0, sizeof bed);
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue_bed.options.order = WEIR_ORDER_PARTITION;
	bed.id = queue_make();
}

TestSuite(partition_return, .init = setup, .fini = queue_end, .timeout = 120);

static uint32_t number_of(const struct weir_item *item)
{
	return (uint32_t)fixture_number(item);
}

static void publish_rest(void)
{
	for (uint64_t i = FIRST; i < NUMBERS; i++)
		queue_publish_keyed(i % 8, i);
}

/* Publishes the first numbers, and has the members tell whose they are; they come again. */
static void publish(struct weir_member *const *members, uint32_t count)
{
	struct weir_item item;
	for (uint64_t i = 0; i < FIRST; i++)
		queue_publish_keyed(i % 8, i);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	for (uint32_t seen = 0, m = 0; seen < FIRST; m = (m + 1) % count) {
		cr_assert_lt(fixture_now_ns(), until);
		if (weir_poll(members[m], &item, 1, 0) != 1)
			continue;
		bed.partition[number_of(&item)] = item.partition;
		seen++;
	}
	for (uint32_t m = 0; m < count; m++)
		cr_assert_eq(weir_member_rewind(members[m]), 0);
}

static void acknowledge(struct weir_member *member, const struct weir_item *item)
{
	cr_assert_eq(weir_ack(member, item), 0);
	bed.handled[number_of(item)]++;
}

static bool is_owned(struct weir_member *member, uint32_t partition)
{
	struct weir_assignment owned[PARTITIONS];
	int count = weir_member_assignments(member, owned, PARTITIONS);
	for (int i = 0; i < count; i++)
		if (owned[i].partition == partition)
			return true;
	return false;
}

static uint32_t first_of(struct weir_member *member)
{
	uint32_t number = 0;
	while (!is_owned(member, bed.partition[number]))
		number++;
	return number;
}

static bool is_last(uint32_t number)
{
	for (uint32_t i = number + 1; i < FIRST; i++)
		if (bed.partition[i] == bed.partition[number])
			return false;
	return true;
}

/*
 * Reads all that the member has, whose first number fails; of other partitions the last number is
 * kept in hand. Then the one that fails has come again, and is in hand.
 */
static struct weir_item read_beyond_what_fails(struct weir_member *member)
{
	const struct weir_rejection soon = {.delay_ns = 20 * MS};
	uint32_t fails = first_of(member), left = 0;
	struct weir_item item;
	for (uint32_t i = 0; i < FIRST; i++)
		left += is_owned(member, bed.partition[i]) &&
			bed.partition[i] != bed.partition[fails];
	while (left > 0) {
		item = queue_next(member);
		if (number_of(&item) == fails) {
			cr_assert_eq(weir_reject(member, &item, &soon), 0);
			continue;
		}
		cr_assert_neq(item.partition, bed.partition[fails], "it waits");
		if (!is_last(number_of(&item)))
			acknowledge(member, &item);
		left--;
	}
	item = queue_next(member);
	cr_assert_eq(number_of(&item), fails);
	cr_assert_gt(item.attempts, 1);
	return item;
}

/* Acknowledges what comes until nothing is left: of the first numbers each. */
static void expect_all_of(struct weir_member *member, uint32_t count)
{
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_lag lag = {.events = 1};
	while ((lag.events > 0 || !lag.exact) && fixture_now_ns() < until) {
		struct weir_item item;
		if (weir_poll(member, &item, 1, MS) == 1)
			acknowledge(member, &item);
		cr_assert_eq(weir_lag(queue_bed.f.pipeline, bed.id, &lag), 0);
	}
	for (uint32_t i = 0; i < count; i++)
		cr_expect_geq(bed.handled[i], 1, "%u never came", i);
	queue_commit(member);
	cr_expect_eq(queue_lag(bed.id), 0);
}

static void expect_all(struct weir_member *member)
{
	expect_all_of(member, NUMBERS);
}

/*
 * The log says that another event is handed out alone, of one that the member has forgotten since:
 * in front of a gap, say. The group has heard of nothing, and would keep the partition to it.
 */
Test(partition_return, an_answer_about_what_is_tried_no_more_costs_no_partition)
{
	struct weir_member *member = fixture_member(&queue_bed.f, bed.id, NULL);
	publish(&member, 1);
	const struct wr_reply not_alone = {.ticket = member->lane->handed_over,
					   .code = WEIR_E_FULL,
					   .detail = bed.partition[0]};
	cr_assert(is_owned(member, bed.partition[0]));
	wr_lane_answer(member->lane, &not_alone);
	expect_all_of(member, FIRST);
	cr_expect(is_owned(member, bed.partition[0]));
}

Test(partition_return, what_others_get_again_is_not_passed_over)
{
	const struct weir_rejection soon = {.delay_ns = 20 * MS};
	struct weir_member *member = fixture_member(&queue_bed.f, bed.id, NULL);
	publish(&member, 1);
	struct weir_item failed = read_beyond_what_fails(member);
	publish_rest();
	cr_assert_eq(weir_reject(member, &failed, &soon), 0);
	cr_assert_eq(weir_member_rewind(member), 0);
	expect_all(member);
}

Test(partition_return, what_a_partition_comes_with_is_not_passed_over)
{
	struct weir_member *members[2];
	struct weir_item item;
	for (uint32_t m = 0; m < 2; m++)
		members[m] = fixture_member(&queue_bed.f, bed.id, NULL);
	while (weir_member_assignments(members[0], NULL, 0) != PARTITIONS / 2 ||
	       weir_member_assignments(members[1], NULL, 0) != PARTITIONS / 2)
		for (uint32_t m = 0; m < 2; m++)
			cr_assert_eq(weir_poll(members[m], &item, 1, MS), 0);
	publish(members, 2);
	struct weir_item failed = read_beyond_what_fails(members[0]);
	/* The other one has all but the last of each of its partitions, and goes. */
	for (uint32_t i = 0; i < FIRST; i++) {
		if (!is_owned(members[1], bed.partition[i]))
			continue;
		item = queue_next(members[1]);
		if (!is_last(number_of(&item)))
			acknowledge(members[1], &item);
	}
	publish_rest();
	cr_assert_eq(weir_member_leave(members[1], FIXTURE_LONG_NS), 0);
	for (uint32_t i = 0; i < 20; i++)
		cr_assert_geq(weir_step(queue_bed.f.pipeline, MS / 10), 0);
	while (weir_poll(members[0], &item, 1, MS) == 1)
		acknowledge(members[0], &item);
	acknowledge(members[0], &failed);
	/* Of its own the last ones are still in hand. */
	cr_assert_eq(weir_member_rewind(members[0]), 0);
	expect_all(members[0]);
}

/* The writer's table says where that stands: far behind the end of the log. */
Test(partition_return, what_an_owner_before_said_is_durable_before_the_next_attempt)
{
	const struct weir_rejection now = {.delay_ns = 0};
	struct weir_pipeline *p = queue_bed.f.pipeline;
	struct weir_member *member = fixture_member(&queue_bed.f, bed.id, NULL);
	struct weir_item item;
	queue_publish_keyed(1, 0);
	item = queue_next(member);
	cr_assert_eq(weir_reject(member, &item, &now), 0);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	uint32_t row = p->tables.catalog.subscriptions[bed.id].row_first + item.partition;
	wr_store_relaxed(&p->tables.attempts.rows[row].said_seq,
			 wr_writer_visible_seq(&p->writer) + 1000);
	member = fixture_member(&queue_bed.f, bed.id, NULL);
	cr_assert(fixture_owns(member, PARTITIONS));
	cr_expect_eq(fixture_poll_rest(member), 0);
	queue_publish(1, 1100);
	do {
		item = queue_next(member);
		cr_assert_eq(weir_ack(member, &item), 0);
	} while (number_of(&item) != 0);
	cr_expect_eq(item.attempts, 2);
}

static void publish_to(uint32_t partition, const char *payload, size_t bytes)
{
	const struct weir_event event = {.topic = queue_bed.topic,
					 .payload = payload,
					 .payload_bytes = bytes,
					 .partition_set = true,
					 .partition = partition};
	uint64_t ticket;
	cr_assert_eq(weir_publish(queue_bed.producer, &event, &ticket), 0);
	fixture_wait(queue_bed.producer, ticket);
}

/* No run of the writer's has room for the first one, for a while. */
Test(partition_return, a_letter_that_cannot_be_written_holds_no_other_up)
{
	const struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	static const char payload[4000];
	uint32_t *run_bytes_max = &queue_bed.f.pipeline->writer.options.run_bytes_max;
	const uint32_t before = *run_bytes_max;
	struct weir_item item;
	queue_bed.options.dead_letters = "dead";
	bed.id = queue_make();
	struct weir_member *member = fixture_member(&queue_bed.f, bed.id, NULL);
	struct weir_member *undertaker = fixture_member(
		&queue_bed.f, fixture_subscription(&queue_bed.f, "undertaker", "dead"), NULL);
	publish_to(0, payload, sizeof payload);
	publish_to(PARTITIONS - 1, payload, 8);
	*run_bytes_max = 2000;
	for (uint32_t i = 0; i < 2; i++) {
		item = queue_next(member);
		cr_assert_eq(weir_reject(member, &item, &dead), 0);
	}
	item = queue_next(undertaker);
	cr_expect_eq(item.payload_bytes, 8);
	cr_assert_eq(weir_ack(undertaker, &item), 0);
	*run_bytes_max = before;
	item = queue_next(undertaker);
	cr_expect_eq(item.payload_bytes, sizeof payload);
	cr_assert_eq(weir_ack(undertaker, &item), 0);
	queue_commit(member);
	cr_expect_eq(queue_lag(bed.id), 0);
}

/* Far more than its way to the group has room for at once. */
Test(partition_return, a_member_has_as_many_dead_letters_as_there_are)
{
	const struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	struct weir_item item;
	queue_bed.options.dead_letters = "dead";
	bed.id = queue_make();
	struct weir_member *member = fixture_member(&queue_bed.f, bed.id, NULL);
	struct weir_member *undertaker = fixture_member(
		&queue_bed.f, fixture_subscription(&queue_bed.f, "undertaker", "dead"), NULL);
	for (uint64_t i = 0; i < NUMBERS; i++)
		queue_publish_keyed(i % 8, i);
	for (uint32_t i = 0; i < NUMBERS; i++) {
		item = queue_next(member);
		cr_assert_eq(weir_reject(member, &item, &dead), 0);
		item = queue_next(undertaker);
		cr_assert_eq(weir_ack(undertaker, &item), 0);
		bed.handled[number_of(&item)]++;
	}
	for (uint32_t i = 0; i < NUMBERS; i++)
		cr_expect_eq(bed.handled[i], 1, "%u has %u letters", i, bed.handled[i]);
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_expect_eq(queue_lag(bed.id), 0);
}

/* With threads: the group asks the writer's table while the last attempt is on its way to it. */
Test(partition_return, a_letter_waits_for_its_last_attempt)
{
	const struct weir_rejection again = {.delay_ns = 0};
	struct weir_origin origin;
	struct weir_item item;
	uint32_t letters = 0;
	queue_end();
	queue_begin(FIXTURE_DURABLE);
	queue_bed.options.order = WEIR_ORDER_PARTITION;
	queue_bed.options.dead_letters = "dead";
	queue_bed.options.attempts_max = 3;
	bed.id = queue_make();
	struct weir_member *member = fixture_member(&queue_bed.f, bed.id, NULL);
	struct weir_member *undertaker = fixture_member(
		&queue_bed.f, fixture_subscription(&queue_bed.f, "undertaker", "dead"), NULL);
	queue_publish(0, NUMBERS);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (letters < NUMBERS && fixture_now_ns() < until) {
		if (weir_poll(member, &item, 1, MS) == 1)
			cr_assert_eq(weir_reject(member, &item, &again), 0);
		if (weir_poll(undertaker, &item, 1, 0) != 1)
			continue;
		cr_assert(weir_item_origin(&item, &origin));
		cr_expect_eq(origin.attempts, 3);
		cr_assert_eq(weir_ack(undertaker, &item), 0);
		letters++;
	}
	cr_expect_eq(letters, NUMBERS);
}

/* Members of this one do not read from disk. */
static uint32_t subscribe_with_gaps(struct fixture *f, const char *dead_letters)
{
	const char *topic = "work";
	struct weir_subscription_options o;
	uint32_t id;
	weir_subscription_options_init(&o);
	o.name = "readers";
	o.topics = &topic;
	o.topic_count = 1;
	o.when_slow = WEIR_SLOW_GAP;
	o.dead_letters = dead_letters;
	cr_assert_eq(weir_subscription_create(f->pipeline, &o, &id, NULL), 0);
	return id;
}

/*
 * The event that failed is the first of its partition, and the log's beginning is not in memory any
 * more: of the partition there was nothing before it.
 */
Test(partition_return_gap, what_was_before_an_event_that_failed_is_not_missed)
{
	const struct weir_rejection again = {.delay_ns = 0};
	struct weir_item item = {0};
	struct fixture f;
	uint64_t number = 0, ticket;
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.pool_bytes = 1;
	fixture_open(&f);
	f.pipeline->pass_every = UINT32_MAX;
	uint32_t topic = fixture_topic(&f, "work", 2);
	uint32_t id = subscribe_with_gaps(&f, NULL);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	for (; number <= 40000; number++) {
		struct weir_event event = fixture_event(topic, NULL, &number);
		event.partition_set = true;
		event.partition = number == 40000;
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		if (number % 64 != 0)
			continue;
		fixture_wait(producer, ticket);
		while (weir_poll(member, &item, 1, 0) == 1 && item.partition == 0)
			cr_assert_eq(weir_ack(member, &item), 0);
	}
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while (item.partition == 0 && fixture_now_ns() < until)
		if (weir_poll(member, &item, 1, MS) == 1 && item.partition == 0)
			cr_assert_eq(weir_ack(member, &item), 0);
	cr_assert_eq(weir_reject(member, &item, &again), 0);
	while (weir_poll(member, &item, 1, MS) != 1)
		cr_assert_lt(fixture_now_ns(), until);
	cr_assert_eq(item.kind, WEIR_ITEM_EVENT);
	cr_expect_eq(fixture_number(&item), 40000);
	cr_expect_eq(item.attempts, 2);
	fixture_end(&f);
}

/* The letter is held up for a while: nobody is told meanwhile that its event was missed. */
Test(partition_return_gap, a_gap_waits_for_the_letter_of_an_event_that_is_given_up)
{
	const struct weir_rejection dead = {.verdict = WEIR_VERDICT_DEAD};
	struct weir_item item;
	struct fixture f;
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.pool_bytes = 1;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "work", 1);
	(void)fixture_topic(&f, "dead", 1);
	uint32_t id = subscribe_with_gaps(&f, "dead");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_member *undertaker =
		fixture_member(&f, fixture_subscription(&f, "undertaker", "dead"), NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 1));
	item = queue_next(member);
	wr_atomic_u64 *letters = &f.pipeline->subscriptions[id].failures.buried;
	f.pipeline->subscriptions[id].failures.letters_after_ns = UINT64_MAX;
	cr_assert_eq(weir_reject(member, &item, &dead), 0);
	fixture_wait(producer, fixture_publish(producer, topic, 1, 40000));
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_expect_eq(wr_load_relaxed(letters), 0u);
	f.pipeline->subscriptions[id].failures.letters_after_ns = 0;
	item = queue_next(undertaker);
	cr_expect_eq(fixture_number(&item), 0);
	item = queue_next(member);
	cr_expect_eq(item.kind, WEIR_ITEM_GAP);
	cr_assert_eq(weir_ack(member, &item), 0);
	cr_expect_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	fixture_end(&f);
}

/*
 * Crashes were met where the row stands: what is behind the gap goes alone, and waits for it. Then
 * the row goes back in front of it.
 */
Test(partition_return_gap, a_gap_comes_again_before_what_goes_alone_behind_it)
{
	struct weir_item item, again;
	struct fixture f;
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.pool_bytes = 1;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "work", 1);
	uint32_t id = subscribe_with_gaps(&f, NULL);
	struct wr_tables *tables = &f.pipeline->tables;
	uint32_t row = tables->catalog.subscriptions[id].row_first;
	wr_store_relaxed(&tables->attempts.rows[row].crash_from,
			 wr_load_relaxed(&tables->settle.rows[row].position));
	wr_store_relaxed(&tables->attempts.rows[row].flags, (uint64_t)WR_CRASHES_ALONE << 32);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 1));
	cr_assert(member->rows[0].tried);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 40000));
	item = queue_next(member);
	cr_assert_eq(item.kind, WEIR_ITEM_GAP);
	cr_expect_eq(fixture_poll_rest(member), 0);
	cr_expect_eq(member->tried[0].seq, item.end_sequence, "it was met, and is not handed out");
	cr_assert_eq(weir_member_rewind(member), 0);
	again = queue_next(member);
	cr_assert_eq(again.kind, WEIR_ITEM_GAP, "%" PRIu64, again.sequence);
	cr_expect_eq(again.from_sequence, item.from_sequence);
	cr_expect_not(member->tried[0].marked, "what is behind a gap is said to be in hand");
	for (item = again; item.kind == WEIR_ITEM_GAP; item = queue_next(member))
		cr_assert_eq(weir_ack(member, &item), 0);
	cr_expect_eq(item.kind, WEIR_ITEM_EVENT);
	cr_expect_eq(item.attempts, 1);
	fixture_end(&f);
}

/* An event fails behind a transaction that is refused: its outputs were there before. */
Test(partition_return_refused, what_is_told_to_be_lost_is_not_acknowledged_with_all)
{
	const struct weir_rejection again = {.delay_ns = 0};
	struct weir_topic_options topic;
	struct weir_item items[2];
	struct fixture f;
	uint64_t number = 7, ticket;
	uint32_t out;
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.idempotency_keys_max = 64;
	fixture_open(&f);
	uint32_t work = fixture_topic(&f, "work", 1);
	weir_topic_options_init(&topic);
	topic.name = "out";
	topic.idempotency_keys = 64;
	cr_assert_eq(weir_topic_create(f.pipeline, &topic, &out, NULL), 0);
	uint32_t id = fixture_subscription(&f, "readers", "work");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_member *member = fixture_member(&f, id, NULL);
	struct weir_ids ids = {.idempotency_key = &number, .idempotency_key_bytes = sizeof number};
	struct weir_event event = fixture_event(out, NULL, &number);
	event.ids = &ids;
	fixture_wait(producer, fixture_publish(producer, work, 0, 2));
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	fixture_wait(producer, ticket);
	cr_assert_eq(fixture_poll(member, items, 2, 2, false), 2);
	cr_assert_eq(weir_transaction_begin(member, 0, FIXTURE_LONG_NS), 0);
	cr_assert_eq(weir_transaction_publish(member, &event), 0);
	cr_assert_eq(weir_transaction_ack(member, &items[0]), 0);
	cr_assert_eq(weir_transaction_commit(member, &ticket), 0);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	int rc = WEIR_E_AGAIN;
	while ((rc = weir_reject(member, &items[1], &again)) == WEIR_E_AGAIN) {
		cr_assert_lt(fixture_now_ns(), until);
		cr_assert_geq(weir_step(f.pipeline, MS), 0);
	}
	cr_assert_eq(rc, WEIR_E_FENCED);
	cr_assert_eq(
		weir_transaction_wait(member, ticket, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS, NULL),
		WEIR_E_DUPLICATE);
	cr_assert_eq(weir_ack_all(member), 0);
	for (uint64_t i = 0; i < 2; i++) {
		items[0] = queue_next(member);
		cr_assert_eq(fixture_number(&items[0]), i);
		cr_assert_eq(weir_ack(member, &items[0]), 0);
	}
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	fixture_end(&f);
}

static enum weir_handled fail(void *context, struct weir_member *member,
			      const struct weir_item *item)
{
	(void)member;
	*(uint32_t *)context += item->kind == WEIR_ITEM_GAP;
	return item->kind == WEIR_ITEM_GAP ? WEIR_HANDLED_RETRY : WEIR_HANDLED_OK;
}

Test(partition_return_gap, who_wants_a_gap_again_stops)
{
	struct fixture f;
	struct weir_member_options o;
	struct weir_member *member;
	struct weir_subscription_info info = {.struct_bytes = sizeof info, .member_count = 1};
	uint32_t gaps = 0;
	fixture_init(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	f.options.pool_bytes = 1; /* as few chunks as there can be */
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "work", 1);
	uint32_t id = fixture_subscription(&f, "readers", "work");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 20000));
	weir_member_options_init(&o);
	o.handler = fail;
	o.handler_context = &gaps;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	while ((info.member_count > 0 || gaps == 0) && fixture_now_ns() < until) {
		cr_assert_geq(weir_step(f.pipeline, MS), 0);
		cr_assert_eq(weir_subscription_info(f.pipeline, id, &info), 0);
	}
	cr_expect_eq(gaps, 1);
	cr_expect_eq(info.member_count, 0);
	fixture_end(&f);
}
