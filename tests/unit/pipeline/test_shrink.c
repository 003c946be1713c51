/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   through the public API, on a real file system: a log that was once large gives its room
 *         back when it is opened with a smaller retention, by size or by age, while it goes on and
 *         others read it from outside, and whoever opens it again finds what is left.
 * Method: a directory with dozens of small segments; the names in it are counted.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <string.h>
#include <time.h>

#include <weir/journal.h>

#include "tests/support/pipeline_fixture.h"

#define SEGMENT_BYTES ((uint64_t)FIXTURE_CHUNK_BYTES)
#define LARGE_EVENTS 120000u
#define LARGE_SEGMENTS 20u
/* The log, what is ready, the extents that are offered ahead, and what the checkpoints keep. */
#define SMALL_SEGMENTS 18u

static struct fixture f;
static uint32_t topic;

static uint32_t segment_files(void)
{
	DIR *dir = opendir(f.dir);
	const struct dirent *entry;
	uint32_t count = 0;

	cr_assert_not_null(dir);
	while ((entry = readdir(dir)) != NULL)
		count += strstr(entry->d_name, ".seg") != NULL ? 1 : 0;
	(void)closedir(dir);
	return count;
}

static void publish(uint64_t first, uint64_t end)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);

	fixture_wait(producer, fixture_publish(producer, topic, first, end));
	cr_assert_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
}

static void make_large(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.segment_bytes = SEGMENT_BYTES;
	f.options.checkpoint_bytes = 4 * SEGMENT_BYTES;
	fixture_open(&f);
	topic = fixture_topic(&f, "numbers", 1);
	for (uint64_t at = 0; at < LARGE_EVENTS; at += LARGE_EVENTS / 10)
		publish(at, at + LARGE_EVENTS / 10);
	fixture_close(&f, NULL);
	cr_assert_geq(segment_files(), LARGE_SEGMENTS + SMALL_SEGMENTS);
}

static uint64_t removed(void)
{
	struct weir_info info;

	fixture_info(&f, &info);
	return info.segments_removed;
}

static void expect_to_shrink(void)
{
	const struct timespec moment = {.tv_nsec = 5000000};
	uint64_t deadline = fixture_now_ns() + 4 * FIXTURE_LONG_NS, at = LARGE_EVENTS;
	struct weir_journal_visitor visitor;
	struct weir_journal_report report;
	struct weir_problem problem;

	fixture_open(&f);
	/* It goes on meanwhile, and checkpoints let the old ones go. */
	while (segment_files() > SMALL_SEGMENTS && fixture_now_ns() < deadline) {
		publish(at, at + 100);
		at += 100;
		weir_journal_visitor_init(&visitor);
		int rc = weir_journal_inspect(f.dir, &visitor, &report, &problem);
		cr_assert(rc == 0 || rc == WEIR_E_AGAIN, "%d %s", rc, problem.text);
		(void)nanosleep(&moment, NULL);
	}
	cr_expect_leq(segment_files(), SMALL_SEGMENTS);
	cr_expect_geq(removed(), LARGE_SEGMENTS);
	fixture_close(&f, NULL);
	weir_journal_visitor_init(&visitor);
	cr_assert_eq(weir_journal_inspect(f.dir, &visitor, &report, &problem), 0, "%s",
		     problem.text);
	cr_expect_gt(report.oldest_sequence, 1);
	cr_expect_geq(report.last_sequence, at);
	uint64_t last_sequence = report.last_sequence;
	fixture_open(&f);
	publish(at, at + 1000);
	fixture_close(&f, NULL);
	cr_assert_eq(weir_journal_inspect(f.dir, &visitor, &report, &problem), 0, "%s",
		     problem.text);
	cr_expect_geq(report.last_sequence, last_sequence + 1000);
	fixture_end(&f);
}

Test(shrink, a_smaller_retention_by_size_gives_room_back)
{
	make_large();
	f.options.retention_bytes = 2 * SEGMENT_BYTES;
	expect_to_shrink();
}

Test(shrink, a_shorter_retention_by_age_gives_room_back)
{
	make_large();
	f.options.retention_time_ns = 1000000; /* a millisecond */
	expect_to_shrink();
}
