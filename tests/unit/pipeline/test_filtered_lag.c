/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what a filtered subscription wants is counted where the router looks at it, and nothing of
 * it waits for a walk over the log; what the router did not see, and what lies behind a seek, is
 * walked over, and comes to the same numbers.
 *
 * Method: a manual pipeline whose looks at lag are kept from coming, or walk over one chunk each;
 * one that the router is kept from, until what it should have seen is on disk only.
 */
#include "core/pipeline/router.h"
#include "tests/unit/pipeline/filtering_bed.h"

#define FEW 300u /* events that a lane has room for */

TestSuite(filtered_lag, .fini = end, .timeout = 120);

static struct weir_lag lag_of(uint32_t id)
{
	struct weir_lag lag;
	cr_assert_eq(weir_lag(f.pipeline, id, &lag), 0);
	return lag;
}

static void publish_few(uint64_t first)
{
	for (uint64_t n = first; n < first + FEW; n++)
		(void)publish_one(n % 4 == 3 ? other : topic, n);
}

/* All steps, and no look at lag. */
static void step_without_a_look(void)
{
	f.pipeline->lag_checked_ns = fixture_now_ns();
	cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
}

static uint64_t held_from(uint32_t id)
{
	return wr_load_relaxed(&f.pipeline->holds[id].count_seq);
}

/* Retention may have all that there is, as far as lag goes. */
static void expect_nothing_is_held(uint32_t id)
{
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (held_from(id) <= wr_writer_visible_seq(&f.pipeline->writer) &&
	       fixture_now_ns() < deadline) {
		f.pipeline->lag_checked_ns = 0;
		cr_assert_geq(weir_step(f.pipeline, 1000000u), 0);
	}
	cr_expect_gt(held_from(id), wr_writer_visible_seq(&f.pipeline->writer));
}

static void expect_counted_at_once(enum weir_order order)
{
	begin(FIXTURE_DURABLE);
	uint32_t id = made("few", order, &cases[DIRECT]);
	publish_few(0);
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	struct weir_lag lag = {0};
	while ((!lag.exact || lag.events < wanted_of(0, FEW, is_c3)) &&
	       fixture_now_ns() < deadline) {
		step_without_a_look();
		lag = lag_of(id);
	}
	cr_expect(lag.exact);
	cr_expect_eq(lag.events, wanted_of(0, FEW, is_c3));
	expect_nothing_is_held(id);
	cr_expect_eq(read_all(id), wanted_of(0, FEW, is_c3));
	fixture_close(&f, NULL);
}

Test(filtered_lag, what_the_router_looks_at_is_counted_without_a_walk)
{
	expect_counted_at_once(WEIR_ORDER_PARTITION);
	end();
	expect_counted_at_once(WEIR_ORDER_NONE);
}

/* The walk has a chunk at each look, and the router goes on meanwhile. */
Test(filtered_lag, a_walk_behind_a_seek_and_the_router_come_together)
{
	begin(FIXTURE_DURABLE);
	f.pipeline->lag_walk_bytes = 1;
	uint32_t id = made("old", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	publish(0, OLD / 2);
	cr_assert_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_NEWEST, 0, FIXTURE_LONG_NS,
					    &problem),
		     0);
	publish(OLD / 2, OLD - FEW);
	cr_assert_eq(weir_subscription_seek(f.pipeline, id, WEIR_SEEK_OLDEST, 0, FIXTURE_LONG_NS,
					    &problem),
		     0);
	publish(OLD - FEW, OLD);
	cr_expect_eq(exact_lag(id, NULL), wanted_of(0, OLD, is_c3));
	cr_expect_eq(read_all(id), wanted_of(0, OLD, is_c3));
}

/* ---- where the router does not come to it in time ---- */

/* The log goes on, and the router does not. */
static void publish_unseen(uint64_t first, uint64_t end_number)
{
	uint32_t steps = wr_load_relaxed(&f.pipeline->sharing_count);
	wr_store_relaxed(&f.pipeline->sharing_count, 0u);
	publish(first, end_number);
	wr_store_relaxed(&f.pipeline->sharing_count, steps);
}

static void expect_walked(int kind, bool exact)
{
	uint64_t at = OLD / 2;
	fixture_init(&f, kind | FIXTURE_MANUAL);
	f.options.pool_bytes = 8 * FIXTURE_CHUNK_BYTES;
	f.options.undurable_bytes = 2 * FIXTURE_CHUNK_BYTES;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 4);
	other = fixture_topic(&f, "other", 2);
	producer = fixture_producer(&f, NULL);
	f.pipeline->lag_walk_bytes = 1;
	uint32_t id = made("late", WEIR_ORDER_PARTITION, &cases[DIRECT]);
	publish(0, 100);
	publish_unseen(100, at);
	/* The router counts what comes now, in front of the hole. */
	publish_few(at);
	step_without_a_look();
	step_without_a_look();
	cr_expect(!lag_of(id).exact);
	cr_expect_lt(held_from(id), at);
	/* And then there is another one behind that. */
	publish_unseen(at + FEW, OLD);
	if (exact) {
		cr_expect_eq(exact_lag(id, NULL), wanted_of(0, OLD, is_c3));
		cr_expect_eq(read_all(id), wanted_of(0, OLD, is_c3));
	}
	expect_nothing_is_held(id);
	cr_expect_eq(lag_of(id).exact, exact);
}

Test(filtered_lag, what_left_memory_before_the_router_saw_it_is_walked_over)
{
	expect_walked(FIXTURE_DURABLE, true);
}

/* Of a log in memory it is gone: the numbers are too low until counting begins anew. */
Test(filtered_lag, what_left_a_log_in_memory_is_never_exact)
{
	expect_walked(FIXTURE_MEMORY, false);
}
