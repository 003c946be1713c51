/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   weir_config_open() opens what the file says, makes its topics and subscriptions or finds
 *         them, and tells what fails with its place in the file.
 * Method: files with a journal in a directory of the test's own, opened, used and opened again.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/config.h>

#include "core/base/atomic.h"
#include "tests/support/config_bed.h"
#include "tests/support/pipeline_fixture.h"

static struct fixture f;
static char yaml[4096];
static struct weir_pipeline *pipeline;
static struct weir_problem problem;

static void begin(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
}

static void finish(void)
{
	(void)weir_close(pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL);
	fixture_end(&f);
}

/* A small journal in the test's directory, then `rest`. */
static struct weir_config *config_with(const char *rest)
{
	(void)snprintf(yaml, sizeof yaml,
		       "journal: {dir: \"%s\", segment: 1MiB}\n"
		       "memory: {chunk: 64KiB, pool: 1MiB, undurable: 512KiB, lane: 64KiB, "
		       "member_lane: 64KiB}\n%s",
		       f.dir, rest);
	return config_good(yaml);
}

static int open_with(const char *rest)
{
	struct weir_config *config = config_with(rest);
	int rc = weir_config_open(config, NULL, &pipeline, &problem);
	/* The pipeline keeps nothing of it. */
	weir_config_destroy(config);
	memset(yaml, 0, sizeof yaml);
	return rc;
}

static void close_it(void)
{
	cr_assert_eq(weir_close(pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
	pipeline = NULL;
}

#define TWO_TOPICS                                                                                 \
	"topics: [{name: orders, partitions: 3}, {name: trades}]\n"                                \
	"subscriptions: [{name: books, topics: [orders, trades]}]\n"

Test(config_open, topics_and_subscriptions_are_made_and_found_again, .init = begin, .fini = finish)
{
	uint32_t topic, partitions, again;
	struct weir_info info = {.struct_bytes = sizeof info};
	cr_assert_eq(open_with(TWO_TOPICS), 0, "%s", problem.text);
	cr_assert_eq(weir_topic_find(pipeline, "orders", &topic), 0);
	cr_assert_eq(weir_topic_info(pipeline, topic, NULL, &partitions), 0);
	cr_assert_eq(partitions, 3);
	cr_assert_eq(weir_pipeline_info(pipeline, &info), 0);
	cr_assert_eq(info.topic_count, 2);
	cr_assert_eq(info.subscription_count, 1);
	close_it();

	cr_assert_eq(open_with(TWO_TOPICS), 0, "%s", problem.text);
	cr_assert_eq(weir_topic_find(pipeline, "orders", &again), 0);
	cr_assert_eq(again, topic);
	cr_assert_eq(weir_pipeline_info(pipeline, &info), 0);
	cr_assert_eq(info.subscription_count, 1);
}

Test(config_open, events_go_through_what_the_file_made, .init = begin, .fini = finish)
{
	uint32_t id = 0;
	struct weir_event event = {.payload = "hi", .payload_bytes = 2};
	struct weir_producer *producer;
	struct weir_member *member;
	struct weir_item item;
	uint64_t ticket;
	cr_assert_eq(open_with(TWO_TOPICS), 0, "%s", problem.text);
	cr_assert_eq(weir_topic_find(pipeline, "trades", &event.topic), 0);
	/* Found, since it is there: the id. */
	struct weir_subscription_options options;
	const char *topics[] = {"orders", "trades"};
	weir_subscription_options_init(&options);
	options.name = "books";
	options.topics = topics;
	options.topic_count = 2;
	cr_assert_eq(weir_subscription_create(pipeline, &options, &id, NULL), 0);
	cr_assert_eq(weir_producer_open(pipeline, NULL, &producer, NULL), 0);
	cr_assert_eq(weir_member_join(pipeline, id, NULL, &member, NULL), 0);
	cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	cr_assert_eq(weir_poll(member, &item, 1, FIXTURE_LONG_NS), 1);
	cr_assert_arr_eq(item.payload, "hi", 2);
	cr_assert_eq(weir_ack(member, &item), 0);
	weir_member_leave(member, FIXTURE_LONG_NS);
}

Test(config_open, a_topic_grows_to_what_the_file_says, .init = begin, .fini = finish)
{
	const struct {
		const char *topics;
		int code;
		uint32_t partitions;
		const char *says;
	} files[] = {
		{"topics: [{name: a, partitions: 2, partitions_max: 8}]\n", 0, 2, NULL},
		{"topics: [{name: a, partitions: 4, partitions_max: 8}]\n", 0, 4, NULL},
		{"topics: [{name: a, partitions: 8}]\n", 0, 8, NULL},
		{"topics: [{name: a, partitions: 4}]\n", WEIR_E_EXISTS, 0, "with 8 partitions"},
		{"topics: [{name: a, partitions: 16}]\n", WEIR_E_FULL, 0, "to grow to 8"},
		{"topics: [{name: b, partitions: 3}]\n", 0, 0, NULL},
		{"topics: [{name: b, partitions: 6}]\n", WEIR_E_FULL, 0, "cannot grow"},
		{"topics: [{name: c, partitions: 3, partitions_max: 9}]\n", 0, 0, NULL},
		{"topics: [{name: c, partitions: 4}]\n", -EINVAL, 0, "a multiple"},
		/* What is another topic does not grow first. */
		{"topics: [{name: c, partitions: 9, partitions_max: 10}]\n", WEIR_E_EXISTS, 0,
		 "with 3 partitions"},
	};
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		uint32_t topic, partitions;
		problem = (struct weir_problem){0};
		pipeline = NULL;
		cr_assert_eq(open_with(files[i].topics), files[i].code, "%zu: %s", i, problem.text);
		if (files[i].says != NULL)
			cr_expect(strstr(problem.text, files[i].says) != NULL, "%s", problem.text);
		if (files[i].partitions != 0) {
			cr_assert_eq(weir_topic_find(pipeline, "a", &topic), 0);
			cr_assert_eq(weir_topic_info(pipeline, topic, NULL, &partitions), 0);
			cr_expect_eq(partitions, files[i].partitions);
		}
		if (pipeline != NULL)
			close_it();
	}
}

Test(config_open, what_fails_is_told_with_its_place, .init = begin, .fini = finish)
{
	cr_assert_eq(open_with(TWO_TOPICS), 0, "%s", problem.text);
	close_it();
	cr_assert_eq(open_with("topics: [{name: orders, partitions: 2}]\n"), WEIR_E_EXISTS);
	cr_assert_null(pipeline);
	cr_assert(strncmp(problem.text, "x:3:10: ", 8) == 0, "%s", problem.text);
	cr_assert_eq(problem.code, WEIR_E_EXISTS);
	/* A subscription that is there with other topics. */
	cr_assert_eq(open_with("topics:\n- {name: orders, partitions: 3}\n"
			       "subscriptions:\n- {name: books, topics: [orders]}\n"),
		     WEIR_E_EXISTS);
	cr_assert(strncmp(problem.text, "x:6:3: ", 7) == 0, "%s", problem.text);
	/* A journal that was made with other chunks: the option's key. */
	(void)snprintf(yaml, sizeof yaml, "memory: {chunk: 128KiB}\njournal: {dir: \"%s\"}\n",
		       f.dir);
	struct weir_config *config = config_good(yaml);
	cr_assert_eq(weir_config_open(config, NULL, &pipeline, &problem), -EINVAL);
	cr_assert_str_eq(problem.field, "chunk_bytes");
	cr_assert(strncmp(problem.text, "x:1:17: ", 8) == 0, "%s", problem.text);
	/* The problem's words are those of the file, and no others are taken for keys. */
	cr_assert_not_null(strstr(problem.text, "set memory.chunk to that"), "%s", problem.text);
	cr_assert_not_null(strstr(problem.text, "this journal has"), "%s", problem.text);
	weir_config_destroy(config);
}

static void on_lag(void *context, uint32_t subscription, const struct weir_lag *lag, bool above)
{
	(void)subscription;
	(void)lag;
	if (above)
		wr_store_release((_Atomic bool *)context, true);
}

Test(config_open, a_lag_threshold_needs_somebody_to_tell, .init = begin, .fini = finish)
{
	static const char rest[] = "topics: [{name: a}]\n"
				   "subscriptions:\n"
				   "  - {name: s, topics: [a], lag: {events: 5}}\n";
	static _Atomic bool told;
	uint32_t count;
	cr_assert_eq(open_with(rest), -EINVAL);
	cr_assert_null(pipeline);
	cr_assert_str_eq(problem.field, "lag_fn");
	cr_assert(strncmp(problem.text, "x:5:5: subscription s has a lag threshold", 41) == 0, "%s",
		  problem.text);
	struct weir_config *config = config_with(rest);
	weir_config_on_lag(config, on_lag, &told);
	const struct weir_subscription_options *s = weir_config_subscriptions(config, &count);
	cr_assert(count == 1 && s[0].lag_fn == on_lag && s[0].lag_events_max == 5);
	cr_assert_eq(weir_config_open(config, NULL, &pipeline, &problem), 0, "%s", problem.text);
	weir_config_destroy(config);

	struct weir_event event = {.payload = "x", .payload_bytes = 1};
	struct weir_producer *producer;
	uint64_t ticket;
	cr_assert_eq(weir_topic_find(pipeline, "a", &event.topic), 0);
	cr_assert_eq(weir_producer_open(pipeline, NULL, &producer, NULL), 0);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	const struct timespec moment = {.tv_nsec = 10000000};
	for (int i = 0; i < 3000 && !wr_load_acquire(&told); i++)
		nanosleep(&moment, NULL);
	cr_assert(wr_load_acquire(&told));
}

Test(config_open, the_program_may_change_options_before, .init = begin, .fini = finish)
{
	struct weir_config *config = config_with("topics: [{name: a}]\n");
	struct weir_options options = *weir_config_options(config);
	options.dir = NULL;
	cr_assert_eq(weir_config_open(config, &options, &pipeline, &problem), 0, "%s",
		     problem.text);
	weir_config_destroy(config);
	struct weir_info info = {.struct_bytes = sizeof info};
	cr_assert_eq(weir_pipeline_info(pipeline, &info), 0);
	cr_assert_str_eq(info.backend, "memory");
	cr_assert_eq(info.topic_count, 1);
}

Test(config_open, a_file_for_another_machine_is_placed_when_it_is_opened, .init = begin,
	.fini = finish)
{
	cr_assert_eq(open_with("threads: {log: {cpus: [8000]}}\n"), -EINVAL);
	cr_assert_null(pipeline);
	cr_assert(strncmp(problem.text, "x:3:24: ", 8) == 0, "%s", problem.text);
	cr_assert_eq(open_with("threads: {log: {cpus: \"+0\"}}\n"), 0, "%s", problem.text);
}

Test(config_open, a_config_with_errors_opens_nothing, .init = begin, .fini = finish)
{
	struct weir_config *config = NULL;
	cr_assert_eq(weir_config_parse("x", "nmae: a", 7, 0, &config, &problem), 1);
	cr_assert_str_eq(problem.text, "x:1:1: unknown key \"nmae\"; did you mean \"name\"?");
	cr_assert_eq(weir_config_open(config, NULL, &pipeline, &problem), -EINVAL);
	cr_assert_str_eq(problem.text, "x:1:1: unknown key \"nmae\"; did you mean \"name\"?");
	weir_config_destroy(config);
}

Test(config_open, files_are_read_or_it_is_said_why_not, .init = begin, .fini = finish)
{
	struct weir_config *config = NULL;
	char path[TEST_PATH_BYTES + 16];
	cr_assert_eq(weir_config_load("/nonexistent/x.yaml", 0, &config, &problem), -ENOENT);
	cr_assert_str_eq(problem.text, "/nonexistent/x.yaml: no such file or directory");
	cr_assert_eq(weir_config_load("/", 0, &config, &problem), -EISDIR);
	cr_assert_eq(weir_config_load("x", 64, &config, &problem), -ENOENT);
	cr_assert_eq(weir_config_parse("x", "", 0, 64, &config, &problem), -EINVAL);
	cr_assert_null(config);
	(void)snprintf(path, sizeof path, "%s.yaml", f.dir);
	FILE *file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs("name: orders\n", file);
	fclose(file);
	cr_assert_eq(weir_config_load(path, 0, &config, NULL), 0);
	cr_assert_str_eq(weir_config_options(config)->name, "orders");
	weir_config_destroy(config);
	unlink(path);
}
