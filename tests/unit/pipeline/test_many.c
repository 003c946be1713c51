/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: subscriptions and bindings that are made many at a time are those that would be made one by
 *       one, their filters compiled once; what is wrong with one of them is told of it, and leaves
 *       nothing behind that would count.
 *
 * Method: as test_filtering.c; how often the router was given rules says how often all filters were
 *         compiled.
 */
#include <errno.h>
#include <weir/binding.h>

#include "tests/unit/pipeline/filtering_bed.h"

#define MANY 40u

static struct weir_subscription_options list[MANY];
static struct weir_subscription_filter filters[MANY];
static uint32_t ids[MANY];
static char names[MANY][16];
static uint32_t index_of_problem;

static void begin_many(void)
{
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	f.options.subscriptions_max = MANY;
	f.options.topics_max = 8;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 4);
	other = fixture_topic(&f, "other", 2);
	producer = fixture_producer(&f, NULL);
}

TestSuite(many, .fini = end, .timeout = 60);

static uint64_t compiled(void)
{
	return wr_load_relaxed(&f.pipeline->router.asked);
}

/* Of the case at `first`, the next one, and so on; every seventh has no filter. */
static const struct filter_case *case_of(uint32_t i, uint32_t first)
{
	return i % 7 == 6 ? NULL : &cases[(i + first) % (sizeof cases / sizeof cases[0])];
}

static bool (*wants_of(uint32_t i, uint32_t first))(uint64_t)
{
	const struct filter_case *c = case_of(i, first);
	return c != NULL ? c->wants : is_any;
}

static void fill(uint32_t count, uint32_t first)
{
	static const char *const topics[] = {"work"};
	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(names[i], sizeof names[i], "sub-%u", i);
		weir_subscription_options_init(&list[i]);
		list[i].name = names[i];
		list[i].topics = topics;
		list[i].topic_count = 1;
		if (case_of(i, first) == NULL)
			continue;
		filters[i] = filter_of(case_of(i, first));
		list[i].filter = &filters[i];
	}
}

static int make_many(uint32_t count)
{
	return weir_subscriptions_create(f.pipeline, list, count, ids, &index_of_problem, &problem);
}

static void expect_each(uint32_t count, uint32_t first, uint64_t from, uint64_t end_number)
{
	for (uint32_t i = 0; i < count; i++) {
		bool (*wants)(uint64_t) = wants_of(i, first);
		cr_expect_eq(read_all(ids[i]), wanted_of(from, end_number, wants), "%u", i);
		(void)expect_seen(names[i], from, end_number, wants);
	}
}

Test(many, are_compiled_once_and_get_what_they_want)
{
	uint32_t again[MANY];
	begin_many();
	fill(20, 0);
	cr_assert_eq(make_many(20), 0, "%s", problem.text);
	cr_expect_eq(compiled(), 1);
	for (uint32_t i = 0; i < 20; i++)
		cr_expect_eq(ids[i], i);
	publish(0, 200);
	expect_each(20, 0, 0, 200);
	/* They are there: nothing is compiled. */
	memcpy(again, ids, sizeof again);
	cr_assert_eq(make_many(20), 0, "%s", problem.text);
	cr_expect_eq(compiled(), 1);
	cr_expect_arr_eq(again, ids, 20 * sizeof ids[0]);
	reopen();
	cr_assert_eq(make_many(20), 0, "%s", problem.text);
	cr_expect_eq(compiled(), 0, "by the open, and the router has those from then");
	publish(200, 300);
	expect_each(20, 0, 200, 300);
}

Test(many, of_which_some_are_there_with_other_filters_or_none)
{
	begin_many();
	fill(8, 0);
	cr_assert_eq(make_many(8), 0, "%s", problem.text);
	publish(0, 100);
	fill(20, 3);
	cr_assert_eq(make_many(20), 0, "%s", problem.text);
	cr_expect_eq(compiled(), 2);
	publish(100, 300);
	for (uint32_t i = 0; i < 20; i++) {
		/* Number 6 never had a filter. What comes later begins with the oldest. */
		uint32_t wanted = wanted_of(0, 100, wants_of(i, i < 8 ? 0 : 3)) +
				  wanted_of(100, 300, wants_of(i, 3));
		cr_expect_eq(read_all(ids[i]), wanted, "%u", i);
		(void)expect_seen(names[i], 100, 300, wants_of(i, 3));
	}
}

/* ---- what is refused ---- */

Test(many, wrong_options_are_found_before_anything_is_made)
{
	begin_many();
	fill(10, 0);
	list[4].name = "no/name";
	cr_expect_eq(make_many(10), -EINVAL);
	cr_expect_eq(index_of_problem, 4);
	cr_expect_str_eq(problem.field, "name");
	cr_expect_eq(wr_catalog_subscription_count(&f.pipeline->tables.catalog), 0);
	cr_expect_eq(compiled(), 0);
	cr_expect_eq(make_many(0), 0);
	cr_expect_eq(weir_subscriptions_create(f.pipeline, NULL, 2, ids, NULL, &problem), -EINVAL);
	cr_expect_eq(weir_subscriptions_create(f.pipeline, list, 2, NULL, NULL, &problem), -EINVAL);
}

Test(many, a_wrong_pattern_is_told_of_the_one_that_has_it)
{
	static const struct weir_filter_term wrong = TERM(WEIR_FILTER_EVENTBRIDGE, "{\"a\":[}");
	static const struct weir_subscription_filter filter = {.term_count = 1, .terms = &wrong};
	begin_many();
	fill(10, 0);
	list[5].filter = &filter;
	cr_expect_eq(make_many(10), -EINVAL);
	cr_expect_eq(index_of_problem, 5);
	cr_expect_eq(wr_catalog_subscription_count(&f.pipeline->tables.catalog), 5,
		     "those before it");
	publish(0, 100);
	expect_each(5, 0, 0, 100);
}

/* The writer has no room for the third: the fourth, without a filter, gets its id, and all. */
Test(many, who_takes_the_place_of_one_that_was_refused_is_another)
{
	static const struct weir_filter_term large =
		TERM(WEIR_FILTER_DIRECT, "order.this.key.is.too.long.for.what.is.left.of.the.room");
	static const struct weir_subscription_filter filter = {.term_count = 1, .terms = &large};
	uint32_t id, none;
	begin_many();
	fixture_close(&f, NULL);
	f.options.filter_bytes_max = 100;
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
	uint32_t lost = fixture_topic(&f, "lost", 1);
	cr_assert_eq(weir_topic_set_unrouted(f.pipeline, topic, lost, &none, &problem), 0);
	fill(4, 0);
	list[1].filter = list[0].filter;
	list[2].filter = &filter;
	cr_expect_eq(make_many(4), WEIR_E_FULL, "%s", problem.text);
	cr_expect_eq(index_of_problem, 2);
	id = made("plain", WEIR_ORDER_PARTITION, NULL);
	cr_expect_eq(id, ids[1] + 1);
	publish(0, 100);
	cr_expect_eq(read_all(id), wanted_of(0, 100, is_any));
	cr_expect_eq(read_all(ids[1]), wanted_of(0, 100, is_c3));
	cr_expect_eq(exact_lag(none, NULL), 0);
	const struct wr_topic *t = &f.pipeline->tables.catalog.topics[lost];
	cr_expect_eq(wr_load_relaxed(&f.pipeline->tables.catalog.cells[t->first_cell].events), 0,
		     "somebody wants all of it");
}

/* One name twice is one subscription, and the later filter counts, as one by one. */
Test(many, a_name_twice_is_one_subscription)
{
	begin_many();
	fill(4, 0);
	list[2].name = list[0].name;
	cr_assert_eq(make_many(4), 0, "%s", problem.text);
	cr_expect_eq(ids[2], ids[0]);
	cr_expect_eq(ids[3], 2);
	publish(0, 100);
	cr_expect_eq(read_all(ids[0]), wanted_of(0, 100, wants_of(2, 0)));
	cr_expect_eq(read_all(ids[3]), wanted_of(0, 100, wants_of(3, 0)));
}

/* Of two that come together, too, each hashes what the ring does. */
Test(many, a_ring_is_of_one_kind)
{
	static const struct weir_filter_term shares[] = {
		TERM(WEIR_FILTER_HASH, "{\"ring\":\"r\"}"),
		TERM(WEIR_FILTER_HASH, "{\"ring\":\"r\",\"hash-header\":\"color\"}")};
	begin_many();
	fill(3, 0);
	for (uint32_t i = 0; i < 3; i++) {
		filters[i] =
			(struct weir_subscription_filter){.term_count = 1, .terms = &shares[i / 2]};
		list[i].filter = &filters[i];
	}
	cr_expect_eq(make_many(3), -EINVAL);
	cr_expect_eq(index_of_problem, 2);
	cr_expect_str_eq(problem.field, "ring");
}

/* ---- bindings ---- */

Test(many, bindings_are_compiled_once_and_copy)
{
	struct weir_binding_options bindings[3];
	uint32_t bound[3];
	begin_many();
	for (uint32_t i = 0; i < 3; i++) {
		filters[i] = filter_of(&cases[i == 0 ? DIRECT : i == 1 ? RED : LATE]);
		(void)snprintf(names[i], sizeof names[i], "to-%u", i);
		weir_binding_options_init(&bindings[i]);
		bindings[i].name = names[i];
		bindings[i].source = topic;
		bindings[i].target = fixture_topic(&f, names[i], 1);
		bindings[i].filter = &filters[i];
	}
	cr_assert_eq(
		weir_bindings_create(f.pipeline, bindings, 3, bound, &index_of_problem, &problem),
		0, "%s", problem.text);
	cr_expect_eq(compiled(), 1);
	publish(0, 300);
	for (uint32_t i = 0; i < 3; i++) {
		const struct wr_catalog *catalog = &f.pipeline->tables.catalog;
		uint32_t cell = catalog->topics[bindings[i].target].first_cell;
		bool (*wants)(uint64_t) = i == 0 ? is_c3 : i == 1 ? is_red : is_late;
		cr_expect_eq(exact_lag(bound[i], NULL), 0);
		cr_expect_eq(wr_load_relaxed(&catalog->cells[cell].events),
			     wanted_of(0, 300, wants), "%u", i);
	}
	bindings[1].target = 99;
	bindings[2].target = topic;
	cr_expect_eq(
		weir_bindings_create(f.pipeline, bindings, 3, NULL, &index_of_problem, &problem),
		WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(index_of_problem, 1);
	bindings[0].name = "";
	cr_expect_eq(
		weir_bindings_create(f.pipeline, bindings, 3, NULL, &index_of_problem, &problem),
		-EINVAL);
	cr_expect_eq(index_of_problem, 0);
	cr_expect_eq(weir_bindings_create(f.pipeline, NULL, 1, NULL, NULL, &problem), -EINVAL);
	cr_expect_eq(weir_bindings_create(f.pipeline, NULL, 0, NULL, NULL, &problem), 0);
}
