/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an event that no subscription of its topic wanted when it was appended is copied once to
 *       the topic that is named for that, with its origin and in order, whatever happens: filters
 *       that change, subscriptions that come later, opens in between, a target that has no room. No
 *       other event is copied. A way round is refused.
 *
 * Method: events whose key says who wants them; a manual pipeline, so that a test stops where it
 *         wants; copies are read by a subscription over the target, and compared with what the
 *         numbers say. To look at events late the copier is told to wait.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/pipeline/copier.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 900u
#define OLD 12000u /* so many that the first have left memory */
#define PARTITIONS 3u

static struct fixture f;
static uint32_t work, lost, unrouted;
static struct weir_producer *producer;
static struct weir_problem problem;
static uint64_t sequences[OLD]; /* of each number */
static int told;

static void say(void *context, const struct weir_log_line *line)
{
	(void)context;
	if (strstr(line->message, "cannot be copied") != NULL)
		told++;
}

static void init(int kind)
{
	fixture_init(&f, kind | FIXTURE_MANUAL);
	f.options.log_fn = say;
	f.options.subscriptions_max = 8;
	told = 0;
}

/* Two topics; what nobody wants of the first goes to the second. */
static void begin(int kind)
{
	init(kind);
	fixture_open(&f);
	work = fixture_topic(&f, "work", PARTITIONS);
	lost = fixture_topic(&f, "lost", 2);
	cr_assert_eq(weir_topic_set_unrouted(f.pipeline, work, lost, &unrouted, &problem), 0, "%s",
		     problem.text);
	producer = fixture_producer(&f, NULL);
}

static void end(void)
{
	fixture_end(&f);
}

TestSuite(unrouted, .fini = end, .timeout = 60);

static void reopen(enum weir_close_mode how)
{
	cr_assert_eq(weir_close(f.pipeline, how, FIXTURE_LONG_NS, NULL), 0);
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
}

/* From now on nothing is copied, or it goes on. */
static void hold(bool held)
{
	f.pipeline->subscriptions[unrouted].copier->after_ns = held ? UINT64_MAX : 0;
}

static uint32_t make(const char *name, const char *pattern, const char *topic)
{
	struct weir_subscription_options o;
	struct weir_filter_term term = {.kind = WEIR_FILTER_TOPIC, .pattern = pattern};
	const struct weir_subscription_filter filter = {.term_count = 1, .terms = &term};
	uint32_t id;
	weir_subscription_options_init(&o);
	o.name = name;
	o.topics = &topic;
	o.topic_count = 1;
	o.start = WEIR_START_OLDEST;
	if (pattern != NULL) {
		term.pattern_bytes = strlen(pattern);
		o.filter = &filter;
	}
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), 0, "%s: %s",
		     problem.field, problem.text);
	return id;
}

static int change(uint32_t id, const char *pattern)
{
	struct weir_filter_term term = {.kind = WEIR_FILTER_TOPIC,
					.pattern = pattern,
					.pattern_bytes = pattern != NULL ? strlen(pattern) : 0};
	const struct weir_subscription_filter filter = {.term_count = 1, .terms = &term};
	return weir_subscription_set_filter(f.pipeline, id, pattern != NULL ? &filter : NULL, NULL,
					    &problem);
}

static uint64_t publish_one(uint32_t topic, uint64_t number)
{
	char key[32];
	struct weir_event event = {
		.topic = topic, .key = key, .payload = &number, .payload_bytes = sizeof number};
	uint64_t ticket;
	event.key_bytes = (size_t)snprintf(key, sizeof key, "c%u", (unsigned)(number % 10));
	fixture_need(weir_publish(producer, &event, &ticket) == 0, "publishing");
	(void)weir_producer_poll_acks(producer);
	return ticket;
}

static void publish(uint64_t first, uint64_t end_number)
{
	uint64_t ticket = 0;
	for (uint64_t n = first; n < end_number; n++)
		ticket = publish_one(work, n);
	fixture_wait(producer, ticket);
}

/* Runs the steps until nothing waits to be copied. */
static void settle(void)
{
	struct weir_lag lag = {0};
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS / 4;
	do {
		(void)weir_step(f.pipeline, 0);
		cr_assert_eq(weir_lag(f.pipeline, unrouted, &lag), 0);
	} while ((!lag.exact || lag.events > 0) && fixture_now_ns() < until);
	cr_assert_eq(lag.events, 0);
}

/* Of the copy of `n`. */
static void check_copy(const struct weir_item *item, uint64_t n)
{
	struct weir_origin origin;
	cr_expect_eq(item->key_bytes, 2);
	cr_assert(weir_item_origin(item, &origin));
	cr_expect(origin.unrouted && !origin.parked && !origin.by_verdict);
	cr_expect_eq(origin.topic, work);
	cr_expect_eq(origin.subscription, unrouted);
	cr_expect_lt(origin.partition, PARTITIONS);
	cr_expect(sequences[n] == 0 || origin.sequence == sequences[n]);
	cr_expect(n % 10 == 0 || n < 10 || sequences[n - 10] < origin.sequence);
	sequences[n] = origin.sequence;
}

static uint64_t events_of(uint32_t id)
{
	const struct wr_topic *t = &f.pipeline->tables.catalog.topics[id];
	uint64_t events = 0;
	for (uint32_t i = 0; i < t->partitions; i++)
		events += wr_load_relaxed(
			&f.pipeline->tables.catalog.cells[t->first_cell + i].events);
	return events;
}

/* All copies that there are, from the beginning: of these numbers, each once, keys in order. */
static void expect(uint64_t count, bool (*is_lost)(uint64_t number))
{
	static bool seen[OLD];
	struct weir_item item;
	uint64_t last[10] = {0}, wanted = 0;
	memset(seen, 0, sizeof seen);
	settle();
	for (uint64_t n = 0; n < count; n++)
		wanted += is_lost(n) ? 1 : 0;
	cr_assert_eq(events_of(lost), wanted);
	uint32_t reader = make("reader", NULL, "lost");
	cr_assert_eq(weir_subscription_seek(f.pipeline, reader, WEIR_SEEK_OLDEST, 0,
					    FIXTURE_LONG_NS, &problem),
		     0);
	struct weir_member *m = fixture_member(&f, reader, NULL);
	for (uint64_t i = 0; i < wanted; i++) {
		cr_assert_eq(fixture_poll(m, &item, 1, 1, true), 1, "only %llu of %llu",
			     (unsigned long long)i, (unsigned long long)wanted);
		uint64_t n = fixture_number(&item);
		cr_assert_lt(n, count);
		cr_expect(is_lost(n) && !seen[n] && last[n % 10] <= n, "%llu",
			  (unsigned long long)n);
		seen[n] = true;
		last[n % 10] = n;
		check_copy(&item, n);
	}
	cr_expect_eq(fixture_poll_rest(m), 0, "more than is wanted");
	cr_assert_eq(weir_member_leave(m, FIXTURE_LONG_NS), 0);
}

static bool all_of_them(uint64_t n)
{
	(void)n;
	return true;
}

static bool but_c1_and_c2(uint64_t n)
{
	return n % 10 != 1 && n % 10 != 2;
}

Test(unrouted, what_nobody_wants_is_copied)
{
	begin(FIXTURE_DURABLE);
	make("one", "c1", "work");
	make("two", "c2", "work");
	make("other", "c3", "lost");
	publish(0, EVENTS);
	expect(EVENTS, but_c1_and_c2);
}

Test(unrouted, the_same_of_a_log_in_memory)
{
	begin(FIXTURE_MEMORY);
	make("one", "c1", "work");
	make("two", "c2", "work");
	publish(0, OLD / 10);
	expect(OLD / 10, but_c1_and_c2);
}

/* Filters of others stand behind its first one. */
Test(unrouted, another_target_counts_from_its_record_on)
{
	begin(FIXTURE_DURABLE);
	uint32_t third = fixture_topic(&f, "third", 1);
	make("one", "c1", "work");
	make("two", "c2", "work");
	publish(0, 100);
	cr_assert_eq(weir_topic_set_unrouted(f.pipeline, work, third, NULL, &problem), 0);
	publish(100, 300);
	settle();
	cr_expect_eq(events_of(lost), 80);
	cr_expect_eq(events_of(third), 160);
	cr_assert_eq(weir_topic_set_unrouted(f.pipeline, work, WEIR_UNROUTED_NONE, NULL, &problem),
		     0);
	publish(300, 400);
	cr_assert_eq(weir_topic_set_unrouted(f.pipeline, work, lost, NULL, &problem), 0);
	publish(400, 500);
	settle();
	cr_expect_eq(events_of(lost), 160);
	cr_expect_eq(events_of(third), 160);
}

/* ---- late, and not in one life ---- */

Test(unrouted, each_once_over_opens)
{
	begin(FIXTURE_DURABLE);
	make("one", "c1", "work");
	make("two", "c2", "work");
	for (uint64_t life = 0; life < 9; life++) {
		publish(life * EVENTS / 9, (life + 1) * EVENTS / 9);
		/* The last life's are copied half-way, or not yet, or on their way. */
		for (uint64_t i = 0; i < life; i++)
			(void)weir_step(f.pipeline, 0);
		reopen(life % 2 == 0 ? WEIR_CLOSE_ABORT : WEIR_CLOSE_DRAIN);
	}
	expect(EVENTS, but_c1_and_c2);
	reopen(WEIR_CLOSE_ABORT);
	expect(EVENTS, but_c1_and_c2);
}

/* Even: they were published when somebody wanted c1 and c2, then c3 only, then all. */
static bool by_the_filter_of_then(uint64_t n)
{
	return n < 300 ? but_c1_and_c2(n) : n < 600 ? n % 10 != 3 : n >= 700;
}

Test(unrouted, filters_count_as_they_were)
{
	begin(FIXTURE_DURABLE);
	hold(true);
	uint32_t one = make("one", "c1", "work");
	uint32_t two = make("two", "c2", "work");
	publish(0, 300);
	cr_assert_eq(change(one, "c3"), 0);
	cr_assert_eq(change(two, "nothing"), 0);
	publish(300, 600);
	cr_assert_eq(change(two, NULL), 0);
	publish(600, 700);
	cr_assert_eq(change(two, "nothing"), 0);
	cr_assert_eq(change(one, "nothing"), 0);
	publish(700, EVENTS);
	/* None of them has anything left to do, but what is still to be looked at needs them. */
	for (int i = 0; i < 2; i++) {
		struct weir_member *m = fixture_member(&f, i == 0 ? one : two, NULL);
		f.pipeline->pass_every = 1;
		do {
			(void)weir_ack_all(m);
		} while (fixture_poll_rest(m) > 0);
		(void)weir_ack_all(m);
		cr_assert_eq(weir_member_leave(m, FIXTURE_LONG_NS), 0);
	}
	cr_expect_eq(change(two, "c5"), WEIR_E_FULL);
	reopen(WEIR_CLOSE_DRAIN);
	expect(EVENTS, by_the_filter_of_then);
	cr_expect_eq(change(two, "c5"), 0, "%s", problem.text);
}

/* It may read them, and they were wanted by nobody all the same. */
Test(unrouted, who_comes_later_does_not_count)
{
	begin(FIXTURE_DURABLE);
	hold(true);
	publish(0, OLD);
	uint32_t late = make("late", NULL, "work");
	uint32_t filtered = make("late-too", "c1", "work");
	reopen(WEIR_CLOSE_DRAIN);
	cr_expect_neq(late, filtered);
	expect(OLD, all_of_them);
	publish(0, 100);
	(void)weir_step(f.pipeline, 0);
	expect(OLD, all_of_them);
}

/* ---- what is refused, and what waits ---- */

Test(unrouted, a_way_round_is_refused)
{
	struct weir_subscription_options o;
	const char *topics[] = {"lost", "third"};
	uint32_t id, target;
	begin(FIXTURE_DURABLE);
	uint32_t third = fixture_topic(&f, "third", 1);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, work, work, NULL, &problem), -EINVAL);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, lost, work, NULL, &problem), -EINVAL);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, lost, third, NULL, &problem), 0, "%s",
		     problem.text);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, third, work, NULL, &problem), -EINVAL);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, 99, work, NULL, &problem),
		     WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, work, 99, NULL, &problem),
		     WEIR_E_UNKNOWN_NAME);
	/* By dead letters: of lost's readers to work, whose unrouted events go to lost. */
	weir_subscription_options_init(&o);
	o.name = "queue";
	o.topics = topics;
	o.topic_count = 1;
	o.order = WEIR_ORDER_KEY;
	o.dead_letters = "work";
	cr_expect_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "dead_letters");
	o.dead_letters = "third";
	cr_expect_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), 0, "%s",
		     problem.text);
	/* None: the way from third back to work is free then. */
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, work, WEIR_UNROUTED_NONE, &id, &problem),
		     0);
	cr_expect_eq(id, unrouted);
	cr_expect_eq(weir_topic_unrouted(f.pipeline, work, &target, NULL), 0);
	cr_expect_eq(target, WEIR_UNROUTED_NONE);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, third, work, NULL, &problem), 0, "%s",
		     problem.text);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, work, lost, NULL, &problem), -EINVAL);
}

Test(unrouted, its_subscription_is_weirs_own)
{
	struct weir_member *member;
	struct weir_subscription_options o;
	const char *topic = "work";
	uint32_t id, target;
	begin(FIXTURE_DURABLE);
	cr_assert_eq(weir_subscription_find(f.pipeline, "unrouted.work", &id), 0);
	cr_expect_eq(id, unrouted);
	cr_expect_eq(weir_topic_unrouted(f.pipeline, work, &target, &id), 0);
	cr_expect(target == lost && id == unrouted);
	cr_expect_eq(weir_topic_unrouted(f.pipeline, lost, &target, &id), 0);
	cr_expect(target == WEIR_UNROUTED_NONE && id == UINT32_MAX);
	cr_expect_eq(weir_topic_unrouted(f.pipeline, 99, &target, &id), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_member_join(f.pipeline, unrouted, NULL, &member, &problem), -EINVAL);
	cr_expect_eq(weir_subscription_seek(f.pipeline, unrouted, WEIR_SEEK_OLDEST, 0, 0, &problem),
		     -EINVAL);
	cr_expect_eq(change(unrouted, "c1"), -EINVAL);
	weir_subscription_options_init(&o);
	o.name = "unrouted.work";
	o.topics = &topic;
	o.topic_count = 1;
	cr_expect_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), WEIR_E_EXISTS);
	/* And where a program has the name, it is the program's. */
	o.name = "unrouted.lost";
	cr_expect_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), 0);
	uint32_t third = fixture_topic(&f, "third", 1);
	cr_expect_eq(weir_topic_set_unrouted(f.pipeline, lost, third, NULL, &problem),
		     WEIR_E_EXISTS);
}

/* Where a run is refused all that is on its way is, too, and begun again where the log stands. */
Test(unrouted, what_is_refused_is_begun_again)
{
	begin(FIXTURE_DURABLE);
	make("one", "c1", "work");
	make("two", "c2", "work");
	publish(0, EVENTS / 3);
	settle();
	/* As if a run had moved them that the log refused. */
	for (uint32_t r = 0; r < PARTITIONS; r++)
		f.pipeline->subscriptions[unrouted].copier->positions[r] += 3;
	publish(EVENTS / 3, EVENTS);
	expect(EVENTS, but_c1_and_c2);
	cr_expect_eq(told, 1);
}

static uint64_t count_of(const char *name, const char *topic)
{
	uint32_t id = make(name, NULL, topic);
	struct weir_member *m = fixture_member(&f, id, NULL);
	uint64_t count = 0, until = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_lag lag = {.events = 1};
	while ((lag.events > 0 || !lag.exact) && fixture_now_ns() < until) {
		count += fixture_poll_rest(m);
		cr_assert_eq(weir_ack_all(m), 0);
		cr_assert_eq(weir_member_commit(m, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
		cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	}
	return count;
}

/* Producers leave room to them: see test_room.c. */
Test(unrouted, on_a_full_disk_there_is_room_for_them)
{
	struct weir_producer_options options;
	struct weir_lag lag;
	uint64_t count = 0, ticket;
	int rc = 0;
	init(FIXTURE_DURABLE);
	f.options.segment_bytes = 4 * FIXTURE_CHUNK_BYTES;
	f.options.checkpoint_bytes = 256u << 10;
	f.options.low_space_bytes = UINT64_MAX / 2; /* no file behind those of the open */
	fixture_open(&f);
	work = fixture_topic(&f, "work", PARTITIONS);
	lost = fixture_topic(&f, "lost", 2);
	cr_assert_eq(weir_topic_set_unrouted(f.pipeline, work, lost, &unrouted, &problem), 0);
	weir_producer_options_init(&options);
	options.when_full = WEIR_FULL_FAIL;
	cr_assert_eq(weir_producer_open(f.pipeline, &options, &producer, &problem), 0);
	hold(true);
	for (int idle = 0; idle < 200 && count < OLD; idle = rc == 0 ? 0 : idle + 1) {
		struct weir_event event = {.topic = work,
					   .key = "c0",
					   .key_bytes = 2,
					   .payload = &count,
					   .payload_bytes = sizeof count};
		rc = weir_publish(producer, &event, &ticket);
		cr_assert(rc == 0 || rc == WEIR_E_FULL, "%d", rc);
		count += rc == 0 ? 1 : 0;
		if (rc != 0)
			(void)weir_step(f.pipeline, 1000000);
	}
	cr_assert_lt(count, OLD, "the disk is not full");
	hold(false);
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	do {
		(void)weir_step(f.pipeline, 1000000);
		cr_assert_eq(weir_lag(f.pipeline, unrouted, &lag), 0);
	} while ((lag.events > 0 || !lag.exact) && fixture_now_ns() < until);
	cr_expect_eq(lag.events, 0);
	cr_expect_eq(told, 0);
	cr_assert_eq(weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL), 0);
	f.options.low_space_bytes = 0;
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
	settle();
	/* What an abort left in the lane was not accepted. */
	cr_expect_eq(count_of("copies", "lost"), count_of("events", "work"));
}

/* Of rows without copies progress is told as well, so that they hold no files. */
Test(unrouted, what_is_wanted_holds_nothing_up)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	begin(FIXTURE_DURABLE);
	make("all", NULL, "work");
	f.pipeline->pass_every = 100;
	publish(0, EVENTS);
	settle();
	for (int i = 0; i < 20; i++)
		(void)weir_step(f.pipeline, 0);
	cr_assert_eq(weir_subscription_info(f.pipeline, unrouted, &info), 0);
	cr_expect_gt(info.position, EVENTS - 200);
}
