/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir archive` makes an archive, fills it, and replays it or the log to the subscriptions
 *         that are named, once by each name; lists both; cancels. Names that are not there, and
 *         command lines that say too little, are told.
 * Method: a queue with some events that it has done with, closed; the commands in a child process,
 *         judged by text and exit code; then the journal opened again, and what comes is counted.
 */
#include <criterion/criterion.h>

#include "tests/support/capture.h"
#include "tests/support/queue_bed.h"
#include "tools/weir/args.h"

#define FEW 6u

static struct capture c;
static uint32_t queue;

#define ARCHIVE(command, ...)                                                                      \
	CAPTURE(&c, cmd_archive, "archive", command, queue_bed.f.dir, __VA_ARGS__)
#define ARCHIVES(command) CAPTURE(&c, cmd_archive, "archive", command, queue_bed.f.dir)

static void publish_and_take(uint64_t first, uint64_t end)
{
	static uint32_t seen[EVENTS];
	struct weir_member *worker = queue_join(queue, 8);
	queue_publish(first, end);
	cr_expect_eq(queue_drain(worker, seen, (uint32_t)(end - first)), end - first);
	queue_commit(worker);
	(void)queue_lag(queue);
	fixture_close(&queue_bed.f, NULL);
}

static void begin(void)
{
	queue_begin(FIXTURE_DURABLE | FIXTURE_MANUAL);
	queue = queue_make();
	publish_and_take(0, FEW);
}

TestSuite(archive_cli, .init = begin, .fini = queue_end, .timeout = 120);

static void open_again(void)
{
	fixture_open(&queue_bed.f);
	queue_bed.producer = fixture_producer(&queue_bed.f, NULL);
	cr_assert_eq(queue_make(), queue);
}

/* The queue has so many, all of them marked. */
static void expect_replayed(uint32_t count)
{
	struct weir_item item;
	open_again();
	struct weir_member *worker = queue_join(queue, 8);
	for (uint32_t i = 0; i < count; i++) {
		item = queue_next(worker);
		cr_expect_eq(item.flags & WEIR_ITEM_REPLAY, WEIR_ITEM_REPLAY);
		cr_assert_eq(weir_ack(worker, &item), 0);
	}
	queue_commit(worker);
	cr_expect_eq(fixture_poll_rest(worker), 0);
	fixture_close(&queue_bed.f, NULL);
}

Test(archive_cli, the_log_is_replayed_to_a_subscription_once)
{
	ARCHIVE("replay", "again", "--subscription", "queue", "--topic", "work");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_str_eq(c.out, "again: completed, 6 events copied, 0 left out, 0 gaps\n");
	ARCHIVE("replay", "again", "--subscription", "queue", "--json");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "\"events\": 0"), "%s", c.out);
	cr_expect_str_eq(c.err,
			 "weir: the replay \"again\" was completed before: nothing is copied "
			 "again, a name is for one replay\n");
	ARCHIVE("replay", "two", "--subscription", "queue", "--from", "1", "--to", "1");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "0 events"), "%s", c.out);
	ARCHIVES("replays");
	cr_expect_not_null(strstr(c.out, "again: completed, at "), "%s", c.out);
	cr_expect_not_null(strstr(c.out, "two: completed, at 2 of 2\n"), "%s", c.out);
	ARCHIVE("replays", "--json");
	cr_expect_not_null(strstr(c.out, "\"state\": \"completed\""), "%s", c.out);
	ARCHIVE("cancel", "again");
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED);
	ARCHIVE("cancel", "none");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND);
	expect_replayed(FEW);
}

Test(archive_cli, an_archive_is_made_filled_listed_replayed_and_ended)
{
	ARCHIVE("create", "all", "--topic", "work", "--from-oldest");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_str_eq(c.out, "all: of topic work, in topic archive.all\n");
	cr_expect_str_eq(c.err, "");
	ARCHIVE("create", "all", "--topic", "work");
	cr_expect_str_eq(c.err, "");
	ARCHIVE("create", "all", "--topic", "work", "--from-oldest");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.err, "archive \"all\" was there, and goes on"), "%s", c.err);
	ARCHIVE("create", "none", "--topic", "work", "--filter", "{\"no\":[\"such\"]}", "--json");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not_null(strstr(c.out, "\"source\": \"work\""), "%s", c.out);
	open_again();
	publish_and_take(FEW, 2 * FEW);
	ARCHIVE("replay", "of-all", "--subscription", "queue", "--archive", "all");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_str_eq(c.out, "of-all: completed, 12 events copied, 0 left out, 0 gaps\n");
	ARCHIVE("replay", "of-none", "--subscription", "queue", "--archive", "none");
	cr_expect_str_eq(c.out, "of-none: completed, 0 events copied, 0 left out, 0 gaps\n");
	ARCHIVE("rm", "all");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	ARCHIVES("ls");
	cr_expect_str_eq(c.out,
			 "all: of topic work, in topic archive.all, nothing more is archived\n"
			 "none: of topic work, in topic archive.none\n");
	expect_replayed(2 * FEW);
}

Test(archive_cli, what_is_missing_or_wrong_is_told)
{
	const struct {
		const char *words[6];
		int code;
		const char *text;
	} cases[] = {
		{{"replay", "r"}, CLI_EXIT_USAGE, "--subscription"},
		{{"replay", "r", "--subscription", "nobody"}, CLI_EXIT_NOT_FOUND, "nobody"},
		{{"replay", "r", "--subscription=queue", "--archive=x"}, CLI_EXIT_NOT_FOUND, "x"},
		{{"replay", "r", "--subscription=queue", "--topic=x"}, CLI_EXIT_NOT_FOUND, "x"},
		{{"replay", "r", "--subscription=queue", "--topic=work", "--archive=x"},
		 CLI_EXIT_USAGE,
		 "--archive"},
		{{"replay", "r", "--subscription=queue", "--filter={"}, CLI_EXIT_USAGE, "--filter"},
		{{"replay", "r/s", "--subscription=queue"}, CLI_EXIT_USAGE, "name"},
		{{"create", "a"}, CLI_EXIT_USAGE, "--topic"},
		{{"create", "a", "--topic=x"}, CLI_EXIT_NOT_FOUND, "x"},
		{{"rm", "a"}, CLI_EXIT_NOT_FOUND, "a"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *words[8] = {cases[i].words[0], queue_bed.f.dir};
		for (size_t k = 1; k < 6; k++)
			words[k + 1] = cases[i].words[k];
		capture_run(&c, cmd_archive, "archive", words);
		cr_expect_eq(c.exit_code, cases[i].code, "%zu: %d %s", i, c.exit_code, c.err);
		cr_expect_not_null(strstr(c.err, cases[i].text), "%zu: %s", i, c.err);
	}
}
