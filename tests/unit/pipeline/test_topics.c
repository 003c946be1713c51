/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: topics are defined once, found again, and refused for each reason that the header names.
 *
 * Method: a manual pipeline, reopened where "the same after every restart" is said.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/pipeline_fixture.h"

static struct fixture f;

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
}

static void teardown(void)
{
	fixture_end(&f);
}

static int create(const char *name, uint32_t partitions, uint32_t *ret,
		  struct weir_problem *problem)
{
	struct weir_topic_options options;
	weir_topic_options_init(&options);
	options.name = name;
	options.partitions = partitions;
	return weir_topic_create(f.pipeline, &options, ret, problem);
}

TestSuite(topics, .init = setup, .fini = teardown, .timeout = 60);

Test(topics, a_topic_has_one_partition_unless_more_are_asked_for)
{
	struct weir_topic_options options;
	uint32_t topic, partitions = 0;
	const char *name = NULL;
	weir_topic_options_init(&options);
	options.name = "orders";
	cr_assert_eq(weir_topic_create(f.pipeline, &options, &topic, NULL), 0);
	cr_expect_eq(weir_topic_info(f.pipeline, topic, &name, &partitions), 0);
	cr_expect_str_eq(name, "orders");
	cr_expect_eq(partitions, 1);
	cr_expect_eq(weir_topic_info(f.pipeline, topic, NULL, NULL), 0);
}

Test(topics, a_topic_is_found_again_also_after_a_restart)
{
	uint32_t first = fixture_topic(&f, "orders", 3), second = fixture_topic(&f, "trades", 1);
	uint32_t found = 99, again = 99;
	cr_expect_neq(first, second);
	cr_expect_eq(create("orders", 3, &again, NULL), 0, "the same properties: found");
	cr_expect_eq(again, first);
	cr_expect_eq(weir_topic_find(f.pipeline, "trades", &found), 0);
	cr_expect_eq(found, second);
	fixture_close(&f, NULL);
	fixture_open(&f);
	cr_expect_eq(weir_topic_find(f.pipeline, "orders", &found), 0);
	cr_expect_eq(found, first);
	cr_expect_eq(create("trades", 1, &again, NULL), 0);
	cr_expect_eq(again, second);
	struct weir_info info;
	fixture_info(&f, &info);
	cr_expect_eq(info.topic_count, 2);
}

Test(topics, a_definition_is_durable_when_it_is_told)
{
	uint32_t topic = fixture_topic(&f, "orders", 2), found;
	(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	fixture_open(&f);
	cr_assert_eq(weir_topic_find(f.pipeline, "orders", &found), 0);
	cr_expect_eq(found, topic);
}

Test(topics, an_unknown_topic_is_not_found)
{
	uint32_t topic = 77;
	(void)fixture_topic(&f, "orders", 1);
	cr_expect_eq(weir_topic_find(f.pipeline, "order", &topic), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_topic_find(f.pipeline, "orders2", &topic), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_topic_find(f.pipeline, "", &topic), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(topic, 77, "set on success only");
	cr_expect_eq(weir_topic_info(f.pipeline, 1, NULL, NULL), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_topic_info(f.pipeline, UINT32_MAX, NULL, NULL), WEIR_E_UNKNOWN_NAME);
}

Test(topics, names_that_are_no_names_are_refused)
{
	static char longest[202];
	memset(longest, 'x', sizeof longest - 1);
	static const char *const bad[] = {NULL,  "",    "..",   ".",    ".hidden", "a/b", "/",
					  "a b", "a\n", "a\\b", "\x80", "../up",   "a:b", longest};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct weir_problem problem = {0};
		uint32_t topic = 77;
		cr_expect_eq(create(bad[i], 1, &topic, &problem), -EINVAL, "name %zu", i);
		cr_expect_eq(topic, 77);
		cr_expect_str_eq(problem.field, "name");
		cr_expect_not_null(strstr(problem.text, "200"), "%s", problem.text);
		cr_expect_eq(create(bad[i], 1, &topic, NULL), -EINVAL);
	}
	struct weir_info info;
	fixture_info(&f, &info);
	cr_expect_eq(info.topic_count, 0);
}

Test(topics, names_up_to_200_of_the_allowed_characters_are_taken)
{
	static char longest[201];
	uint32_t topic;
	memset(longest, 'x', sizeof longest - 1);
	cr_expect_eq(create(longest, 1, &topic, NULL), 0);
	cr_expect_eq(create("A-z_0.9..", 1, &topic, NULL), 0);
	cr_expect_eq(create("-", 1, &topic, NULL), 0);
	fixture_close(&f, NULL);
	fixture_open(&f);
	cr_expect_eq(weir_topic_find(f.pipeline, longest, &topic), 0);
}

Test(topics, the_same_name_with_other_partitions_exists_already)
{
	struct weir_problem problem = {0};
	uint32_t topic = fixture_topic(&f, "orders", 4), other = 77;
	cr_expect_eq(create("orders", 8, &other, &problem), WEIR_E_EXISTS);
	cr_expect_eq(other, 77);
	cr_expect_eq(problem.code, WEIR_E_EXISTS);
	cr_expect_not_null(strstr(problem.text, "4"), "%s", problem.text);
	uint32_t partitions;
	cr_expect_eq(weir_topic_info(f.pipeline, topic, NULL, &partitions), 0);
	cr_expect_eq(partitions, 4);
}

Test(topics, a_topic_needs_partitions_and_not_too_many)
{
	struct weir_problem problem = {0};
	uint32_t topic;
	cr_expect_eq(create("none", 0, &topic, &problem), -EINVAL);
	cr_expect_str_eq(problem.field, "partitions");
	cr_expect_eq(create("many", f.options.partitions_max + 1, &topic, &problem), -EINVAL);
	cr_expect_eq(create("half", f.options.partitions_max / 2, &topic, NULL), 0);
	/* They are counted over all topics. */
	cr_expect_eq(create("rest", f.options.partitions_max / 2 + 1, &topic, &problem),
		     WEIR_E_FULL);
	cr_expect_not_null(strstr(problem.text, "partitions_max"), "%s", problem.text);
	cr_expect_eq(create("rest", f.options.partitions_max / 2, &topic, NULL), 0);
}

Test(topics, topics_max_is_the_end_and_no_id_is_given_again)
{
	struct weir_problem problem = {0};
	uint32_t topic;
	for (uint32_t i = 0; i < f.options.topics_max; i++) {
		char name[] = {'t', (char)('0' + i), '\0'};
		cr_expect_eq(create(name, 1, &topic, NULL), 0);
	}
	cr_expect_eq(create("more", 1, &topic, &problem), WEIR_E_FULL);
	cr_expect_not_null(strstr(problem.text, "topics_max"), "%s", problem.text);
	cr_expect_eq(create("t0", 1, &topic, NULL), 0, "what is there is still found");
}

Test(topics, an_event_for_an_unknown_topic_is_refused_at_once)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	uint64_t number = 1, ticket = 77;
	void *room;
	struct weir_event event = fixture_event(0, NULL, &number);
	cr_expect_eq(weir_publish(producer, &event, &ticket), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_publish_many(producer, &event, 1, &ticket), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_claim(producer, &event, 8, &room), WEIR_E_UNKNOWN_NAME);
	cr_assert_eq(weir_run_begin(producer, 100), 0);
	cr_expect_eq(weir_run_add(producer, &event), WEIR_E_UNKNOWN_NAME);
	cr_expect_eq(weir_abort(producer), 0);
	cr_expect_eq(ticket, 77);
	cr_expect_eq(
		weir_publish_once(f.pipeline, &event, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS, NULL),
		WEIR_E_UNKNOWN_NAME);
	/* Nothing of it was handed over. */
	struct weir_producer_progress progress;
	weir_producer_progress(producer, &progress);
	cr_expect_eq(progress.handed_over, 0);
}
