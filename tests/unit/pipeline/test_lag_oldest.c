/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the age of a lag that is said to be exact is that of the oldest event which is left,
 * however far it lies behind the place from where it is looked for; and it comes to be exact, also
 * where what is looked for has left the log.
 *
 * Method: a manual pipeline, and events of another topic between those that are read. An event
 * that is PAST_NS old when a younger one comes tells the two apart. Whatever is said to be exact
 * has to be right; how many looks that takes is nobody's business here.
 */
#include <criterion/criterion.h>

#include <weir.h>

#include "tests/support/pipeline_fixture.h"

#define PAST_NS 100000000u
#define CLOCKS_DIFFER_NS 20000000u /* weir's age is of the append clock, in µs */
#define FILLERS 600u

static struct fixture f;
static uint32_t topic, noise, id;
static struct weir_producer *producer;

static void begin(int kind)
{
	fixture_init(&f, kind | FIXTURE_MANUAL);
	if (kind == FIXTURE_DURABLE)
		fixture_small_segments(&f);
	f.options.pool_bytes = 4 * FIXTURE_CHUNK_BYTES;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	noise = fixture_topic(&f, "noise", 1);
	id = fixture_subscription(&f, "reader", "work");
	producer = fixture_producer(&f, NULL);
}

static void setup(void)
{
	begin(FIXTURE_DURABLE);
}

static void setup_memory(void)
{
	begin(FIXTURE_MEMORY);
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(lag_oldest, .init = setup, .fini = teardown, .timeout = 120);
TestSuite(lag_oldest_memory, .init = setup_memory, .fini = teardown, .timeout = 120);

static struct weir_lag lag_now(void)
{
	struct weir_lag lag = {0};
	cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	return lag;
}

static void publish_one(void)
{
	fixture_wait(producer, fixture_publish(producer, topic, 0, 1));
}

/* Steps until the age is said to be exact. */
static struct weir_lag lag_in_the_end(void)
{
	uint64_t deadline_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_lag lag = lag_now();
	while (!lag.time_exact && fixture_now_ns() < deadline_ns) {
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		lag = lag_now();
	}
	cr_expect(lag.time_exact);
	return lag;
}

/* The old one, then much of another topic's, and the young one: what is read lies far behind. */
static void publish_old_and_young(void)
{
	fixture_fill(producer, noise, FILLERS);
	publish_one();
	fixture_sleep_ns(PAST_NS);
	publish_one();
}

static void open_anew(void)
{
	(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
}

static void expect_old(void)
{
	struct weir_lag lag = lag_in_the_end();
	cr_expect_eq(lag.events, 2);
	cr_expect_geq(lag.time_ns, PAST_NS, "%llu ns", (unsigned long long)lag.time_ns);
}

Test(lag_oldest, is_not_known_behind_an_open_until_it_is_found)
{
	publish_old_and_young();
	open_anew();
	struct weir_lag lag = lag_now();
	cr_expect(lag.exact, "what is left is known at once");
	cr_expect_eq(lag.events, 2);
	cr_expect_not(lag.time_exact, "%llu ns", (unsigned long long)lag.time_ns);
	expect_old();
}

Test(lag_oldest, is_not_known_behind_a_seek_back_until_it_is_found)
{
	publish_old_and_young();
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, NULL, 0, 2, true), 2);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), 0);
	cr_expect_eq(lag_in_the_end().time_ns, 0);
	cr_assert_eq(
		weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS, NULL),
		0);
	expect_old();
}

Test(lag_oldest, is_of_the_next_when_the_one_that_was_found_is_acknowledged)
{
	publish_one();
	cr_expect_eq(lag_in_the_end().events, 1);
	fixture_sleep_ns(PAST_NS);
	uint64_t before_ns = fixture_now_ns();
	publish_old_and_young();
	struct weir_member *member = fixture_member(&f, id, NULL);
	cr_assert_eq(fixture_poll(member, NULL, 0, 1, true), 1);
	cr_assert_eq(weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS), 0);
	uint64_t deadline_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	bool is_next = false;
	while (!is_next && fixture_now_ns() < deadline_ns) {
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
		uint64_t time_ns = lag_in_the_end().time_ns;
		is_next = time_ns < fixture_now_ns() - before_ns + CLOCKS_DIFFER_NS;
	}
	cr_expect(is_next, "that of the first is older");
	expect_old();
}

/* Of what was overtaken nobody can say how old it is: the first that is there counts. */
Test(lag_oldest_memory, is_found_behind_what_was_overtaken)
{
	publish_one();
	publish_old_and_young();
	struct weir_lag lag = lag_in_the_end();
	cr_expect_eq(lag.events, 3);
	cr_expect_geq(lag.time_ns, PAST_NS, "%llu ns", (unsigned long long)lag.time_ns);
}
