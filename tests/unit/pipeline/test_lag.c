/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: lag tells what a subscription has still to process, in events, bytes and time, at any
 * moment; its callback comes once when a threshold is passed and once when lag is below half of it.
 *
 * Method: a manual pipeline, so that the counts are compared with what was published and
 * acknowledged after each change; steps are run until the group has looked.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include <weir/erase.h>
#include <weir/transaction.h>

#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define LOOK_NS 15000000u          /* the group looks every 10 ms */
#define CLOCKS_DIFFER_NS 20000000u /* weir's age is of the append clock, in µs */

struct alerts {
	uint32_t above, below;
	struct weir_lag last;
	uint32_t subscription;
};

static struct fixture f;
static uint32_t topic, id;
static struct weir_producer *producer;
static struct weir_member *member;
static struct alerts alerts;

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 2);
	id = fixture_subscription(&f, "reader", "work");
	producer = fixture_producer(&f, NULL);
}

static void teardown(void)
{
	fixture_end(&f);
}

static struct weir_lag lag_of(uint32_t subscription)
{
	struct weir_lag lag = {0};
	cr_assert_eq(weir_lag(f.pipeline, subscription, &lag), 0);
	return lag;
}

static void look(void)
{
	uint64_t until = fixture_now_ns() + 3 * LOOK_NS;
	while (fixture_now_ns() < until)
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
}

static void publish(uint64_t first, uint64_t end)
{
	fixture_wait(producer, fixture_publish(producer, topic, first, end));
}

static void hear(void *context, uint32_t subscription, const struct weir_lag *lag, bool above)
{
	struct alerts *a = context;
	a->above += above;
	a->below += !above;
	a->last = *lag;
	a->subscription = subscription;
}

static void set_thresholds(uint64_t events_max, uint64_t time_max_ns)
{
	static const char *const topics[] = {"work"};
	struct weir_subscription_options o;
	uint32_t found;
	weir_subscription_options_init(&o);
	o.name = "reader";
	o.topics = topics;
	o.topic_count = 1;
	o.lag_events_max = events_max;
	o.lag_time_max_ns = time_max_ns;
	o.lag_fn = hear;
	o.lag_context = &alerts;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &found, NULL), 0);
}

static void handle(uint32_t count)
{
	cr_assert_eq(fixture_poll(member, NULL, 0, count, true), count);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), 0);
}

TestSuite(lag, .init = setup, .fini = teardown, .timeout = 60);

Test(lag, an_unknown_subscription_has_none)
{
	struct weir_lag lag;
	cr_expect_eq(weir_lag(f.pipeline, 2, &lag), WEIR_E_UNKNOWN_NAME);
}

Test(lag, it_counts_what_is_not_acknowledged)
{
	cr_expect_eq(lag_of(id).events, 0);
	publish(0, 100);
	struct weir_lag lag = lag_of(id);
	cr_expect_eq(lag.events, 100);
	cr_expect_eq(lag.bytes, 100 * 32, "a head of 24 bytes and a payload of 8");
	cr_expect(lag.exact);
	member = fixture_member(&f, id, NULL);
	handle(30);
	lag = lag_of(id);
	cr_expect_eq(lag.events, 70);
	cr_expect_eq(lag.bytes, 70 * 32);
	handle(70);
	lag = lag_of(id);
	cr_expect(lag.events == 0 && lag.bytes == 0 && lag.time_ns == 0);
	cr_assert_eq(weir_member_leave(member, FIXTURE_LONG_NS), 0);
	publish(100, 105);
	cr_expect_eq(lag_of(id).events, 5, "without members too");
}

Test(lag, what_is_handed_out_and_not_acknowledged_counts)
{
	publish(0, 10);
	member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, NULL, 0, 10, false), 10);
	look();
	cr_expect_eq(lag_of(id).events, 10);
}

Test(lag, it_is_of_this_subscription_and_its_topics_alone)
{
	uint32_t elsewhere = fixture_topic(&f, "other", 1);
	uint32_t second = fixture_subscription(&f, "second", "work");
	uint32_t third = fixture_subscription(&f, "third", "other");
	publish(0, 10);
	fixture_wait(producer, fixture_publish(producer, elsewhere, 0, 3));
	member = fixture_member(&f, id, NULL);
	handle(10);
	cr_expect_eq(lag_of(id).events, 0);
	cr_expect_eq(lag_of(second).events, 10);
	cr_expect_eq(lag_of(third).events, 3);
}

Test(lag, time_is_the_age_of_the_oldest_that_is_left)
{
	publish(0, 2);
	fixture_sleep_ns(100000000u);
	uint64_t second_ns = fixture_now_ns();
	publish(2, 4);
	look();
	uint64_t oldest = lag_of(id).time_ns;
	cr_expect_geq(oldest, 100000000u);
	member = fixture_member(&f, id, NULL);
	handle(2); /* in the order of the log, over both partitions */
	look();
	uint64_t younger = lag_of(id).time_ns;
	/* Of the second two, which were not there before; the first would be 100 ms older. */
	cr_expect_leq(younger, fixture_now_ns() - second_ns + CLOCKS_DIFFER_NS);
	cr_expect_gt(younger, 0);
	handle(2);
	look();
	cr_expect_eq(lag_of(id).time_ns, 0);
}

Test(lag, it_is_kept_over_a_restart)
{
	publish(0, 50);
	member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, NULL, 0, 20, true), 20);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
	(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	fixture_open(&f);
	struct weir_lag lag = lag_of(id);
	cr_expect_eq(lag.events, 30);
	cr_expect_eq(lag.bytes, 30 * 32);
	look();
	cr_expect_gt(lag_of(id).time_ns, 0);
}

Test(lag, the_callback_comes_once_above_and_once_below_half)
{
	set_thresholds(20, 0);
	member = fixture_member(&f, id, NULL);
	publish(0, 20);
	look();
	cr_expect_eq(alerts.above, 0, "not above it yet");
	publish(20, 30);
	look();
	publish(30, 40);
	look();
	cr_expect(alerts.above == 1 && alerts.below == 0);
	cr_expect_gt(alerts.last.events, 20);
	cr_expect_eq(alerts.subscription, id);
	handle(25);
	look();
	cr_expect(alerts.above == 1 && alerts.below == 0, "15 is not below half of 20");
	handle(5);
	look();
	cr_expect(alerts.above == 1 && alerts.below == 1);
	cr_expect_leq(alerts.last.events, 10);
	publish(40, 60);
	look();
	cr_expect(alerts.above == 2 && alerts.below == 1);
}

Test(lag, the_callback_comes_for_time_too)
{
	set_thresholds(0, 80000000u);
	member = fixture_member(&f, id, NULL);
	uint64_t began_ns = fixture_now_ns();
	publish(0, 1);
	look();
	/* On a busy machine the event may be as old by now. */
	if (fixture_now_ns() - began_ns < 80000000u)
		cr_expect_eq(alerts.above, 0);
	fixture_sleep_ns(80000000u);
	look();
	cr_expect(alerts.above == 1 && alerts.below == 0);
	cr_expect_gt(alerts.last.time_ns, 80000000u);
	handle(1);
	look();
	cr_expect(alerts.above == 1 && alerts.below == 1);
}

/* Reads all there is, gaps too, and acknowledges it: how many gaps. */
static uint64_t read_with_gaps(void)
{
	struct weir_item items[64];
	uint64_t gaps = 0;
	for (int n; (n = weir_poll(member, items, 64, 5000000u)) != 0;) {
		cr_assert_gt(n, 0);
		for (int i = 0; i < n; i++) {
			gaps += items[i].kind == WEIR_ITEM_GAP;
			cr_assert_eq(weir_ack(member, &items[i]), 0);
		}
	}
	return gaps;
}

static struct weir_lag exact_lag(void)
{
	struct weir_lag lag;
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS / 3;
	do {
		look();
		lag = lag_of(id);
	} while (!lag.exact && fixture_now_ns() < deadline);
	cr_expect(lag.exact);
	return lag;
}

Test(lag, events_that_were_overtaken_are_not_left_for_ever)
{
	struct fixture durable = f;
	fixture_begin(&f, FIXTURE_MEMORY | FIXTURE_MANUAL);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	producer = fixture_producer(&f, NULL);
	member = fixture_member(&f, id, NULL);
	cr_assert(fixture_owns(member, 1));
	for (int round = 0; round < 3; round++) {
		struct weir_item item;
		fixture_wait(producer, fixture_publish(producer, topic, 0, 100000));
		if (round == 1) {
			/* What is to be counted anew behind this gap is overtaken, too. */
			cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
			cr_assert_eq(fixture_poll(member, &item, 1, 1, true), 1);
			fixture_wait(producer, fixture_publish(producer, topic, 0, 100000));
		}
		cr_assert_gt(read_with_gaps(), 0, "nothing was overtaken");
		cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), 0);
		struct weir_lag lag = exact_lag();
		cr_expect_eq(lag.events, 0, "%llu events are left", (unsigned long long)lag.events);
		cr_expect_eq(lag.bytes, 0);
		cr_expect_eq(lag.time_ns, 0);
	}
	fixture_wait(producer, fixture_publish(producer, topic, 0, 7));
	cr_expect_eq(exact_lag().events, 7);
	fixture_end(&f);
	f = durable;
}

/* ---- the wall clock is set ---- */

#define HOUR_NS 3600000000000ll

/* The machine's clocks, with a wall clock that the test sets. */
struct set_clock {
	struct wr_clock base;
	struct wr_clock *real;
	int64_t skew_ns;
};

static struct wr_clock *real_of(struct wr_clock *clock)
{
	return ((struct set_clock *)clock)->real;
}

static uint64_t real_mono_ns(struct wr_clock *clock)
{
	return wr_clock_mono_ns(real_of(clock));
}

static uint64_t real_boot_ns(struct wr_clock *clock)
{
	return wr_clock_boot_ns(real_of(clock));
}

static uint64_t skewed_wall_ns(struct wr_clock *clock)
{
	struct set_clock *c = (struct set_clock *)clock;
	return wr_clock_wall_ns(c->real) + (uint64_t)c->skew_ns;
}

static const struct wr_clock_ops set_clock_ops = {
	.mono_ns = real_mono_ns, .boot_ns = real_boot_ns, .wall_ns = skewed_wall_ns};
static struct set_clock set_clock = {.base = {&set_clock_ops}};

static void use_set_clock(void)
{
	set_clock.real = f.pipeline->host.clock;
	f.pipeline->host.clock = &set_clock.base;
	f.pipeline->writer.clock.clock = &set_clock.base;
}

static void expect_true_age(uint64_t born_ns)
{
	uint64_t least_ns = fixture_now_ns() - born_ns;
	look();
	uint64_t age_ns = lag_of(id).time_ns, true_ns = fixture_now_ns() - born_ns;
	cr_expect_geq(age_ns, least_ns / 4, "%llu ns instead of %llu", (unsigned long long)age_ns,
		      (unsigned long long)least_ns);
	cr_expect_leq(age_ns, true_ns + 1000000u, "%llu ns instead of %llu",
		      (unsigned long long)age_ns, (unsigned long long)true_ns);
}

static void set_the_wall_clock(int64_t by_ns)
{
	struct weir_info info;
	set_thresholds(0, (uint64_t)HOUR_NS / 2);
	use_set_clock();
	uint64_t born_ns = fixture_now_ns();
	publish(0, 1); /* the next goes to the other partition */
	expect_true_age(born_ns);
	set_clock.skew_ns = by_ns;
	fixture_sleep_ns(200000000u); /* it looks at the wall clock every 100 ms */
	expect_true_age(born_ns);
	cr_expect_eq(alerts.above, 0, "nothing is late");
	member = fixture_member(&f, id, NULL);
	handle(1);
	born_ns = fixture_now_ns();
	publish(1, 2);
	fixture_info(&f, &info);
	expect_true_age(born_ns);
	/* What was published before then is found by the log's own time. */
	cr_expect_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_TIME,
					    info.append_time_us - 60000000u, FIXTURE_LONG_NS, NULL),
		     0);
	look();
	cr_expect_eq(lag_of(id).events, 2, "both, a minute ago");
	f.pipeline->host.clock = f.pipeline->writer.clock.clock = set_clock.real;
}

Test(lag, a_wall_clock_that_is_set_forwards_makes_nothing_old)
{
	set_the_wall_clock(HOUR_NS);
}

Test(lag, nor_young_when_it_is_set_back)
{
	set_the_wall_clock(-HOUR_NS);
}

/* --- what was erased -------------------------------------------------------------------------- */

#define EVENT_BYTES 40u /* a head of 24 bytes, a key and a payload of 8 */

static void setup_erasing(void)
{
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.pack = WEIR_PACK_PADDING;
	f.options.erasures_max = 4;
	fixture_open(&f);
	topic = fixture_topic(&f, "one", 1);
	id = fixture_subscription(&f, "reader", "one");
	producer = fixture_producer(&f, NULL);
}

Test(lag, what_a_hold_keeps_is_none)
{
	const char *work = "work";
	struct weir_subscription_options o;
	struct weir_subscription_partition of;
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	struct weir_problem problem = {0};
	weir_subscription_options_init(&o);
	o.name = "hold";
	o.topics = &work;
	o.topic_count = 1;
	o.holds = true;
	o.order = WEIR_ORDER_KEY;
	cr_expect_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "holds");
	o.order = WEIR_ORDER_PARTITION;
	o.lag_events_max = 1;
	o.lag_fn = hear;
	o.lag_context = &alerts;
	cr_assert_eq(weir_subscription_create(f.pipeline, &o, &id, &problem), 0);
	cr_assert_eq(weir_subscription_info(f.pipeline, id, &info), 0);
	uint64_t position = info.position;
	publish(0, 10);
	look();
	struct weir_lag lag = lag_of(id);
	cr_expect(lag.events == 0 && lag.bytes == 0 && lag.time_ns == 0);
	cr_expect(lag.exact && lag.time_exact);
	for (uint32_t i = 0; i < 2; i++) {
		cr_assert_eq(weir_subscription_partition(f.pipeline, id, i, &of), 0);
		cr_expect(of.lag_events == 0 && of.lag_bytes == 0 && of.exact);
	}
	cr_assert_eq(weir_subscription_info(f.pipeline, id, &info), 0);
	cr_expect_eq(info.position, position, "it stays where it is");
	cr_expect_eq(alerts.above, 0);
	cr_expect_eq(weir_member_join(f.pipeline, id, NULL, &member, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "subscription");
}

TestSuite(lag_erased, .init = setup_erasing, .fini = teardown, .timeout = 60);

/* Of six events every second one is erased; the member has room for a single piece. */
static void poll_over_erased(struct weir_item items[5])
{
	const uint64_t keys[] = {1, 2};
	struct weir_member_options o;
	uint64_t ticket = 0;

	for (uint64_t i = 0; i < 6; i++) {
		struct weir_event event = fixture_event(topic, &keys[i % 2], &i);
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	}
	fixture_wait(producer, ticket);
	cr_assert_eq(weir_erase_key(f.pipeline, topic, &keys[1], sizeof keys[1], NULL, NULL), 0);
	weir_member_options_init(&o);
	o.unacked_ranges_max = 1;
	cr_assert_eq(weir_member_join(f.pipeline, id, &o, &member, NULL), 0);
	/* The first one that was erased is that piece. The others come, and are said to be. */
	cr_assert_eq(fixture_poll(member, items, 5, 5, false), 5);
	for (uint32_t i = 0; i < 5; i++)
		cr_expect_eq((items[i].flags & WEIR_ITEM_ERASED) != 0, i == 2 || i == 4, "%u", i);
	cr_expect(items[2].key == NULL && items[2].payload == NULL && items[2].record == NULL);
	while (!lag_of(id).exact)
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
}

static void expect_lag(uint64_t events)
{
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), 0);
	struct weir_lag lag = lag_of(id);
	cr_expect(lag.exact && lag.events == events && lag.bytes == events * EVENT_BYTES,
		  "%lu events, %lu bytes", lag.events, lag.bytes);
}

Test(lag_erased, an_erased_event_that_a_member_acknowledges_takes_its_bytes_along)
{
	static const uint64_t left[] = {4, 3, 2, 1, 0};
	struct weir_item items[5];

	poll_over_erased(items);
	expect_lag(6);
	for (uint32_t i = 0; i < 5; i++) {
		cr_expect_eq(weir_ack(member, &items[i]), 0);
		expect_lag(left[i]);
	}
}

Test(lag_erased, also_out_of_order)
{
	struct weir_item items[5];

	poll_over_erased(items);
	cr_expect_eq(weir_ack(member, &items[2]), WEIR_E_FULL);
	cr_expect_eq(weir_ack(member, &items[1]), 0, "it joins the piece");
	cr_expect_eq(weir_ack(member, &items[2]), 0);
	expect_lag(6);
	cr_expect_eq(weir_ack(member, &items[0]), 0);
	expect_lag(2);
}

Test(lag_erased, also_in_a_transaction)
{
	struct weir_transaction_outcome outcome;
	struct weir_item items[5];
	uint64_t ticket;

	poll_over_erased(items);
	cr_assert_eq(weir_transaction_begin(member, 0, FIXTURE_LONG_NS), 0);
	for (uint32_t i = 0; i < 3; i++)
		cr_expect_eq(weir_transaction_ack(member, &items[i]), 0);
	cr_assert_eq(weir_transaction_commit(member, &ticket), 0);
	cr_assert_eq(
		weir_transaction_wait(member, ticket, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS, &outcome),
		0);
	expect_lag(2);
}
