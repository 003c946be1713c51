/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a followed file loses no line and gives none twice, over growth, renaming, truncation and
 *         restarts; a line is taken when it has its end; each has the place to go on at.
 * Method: the reader in this thread; the file is changed between two lines, and by a thread where
 *         the reader has to wait. What is waited for is the next line, however long it takes.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/weir/run/rotation.h"
#include "tools/weir/run/source.h"

static char dir[] = "/tmp/weir-follow-XXXXXX";
static char path[64];
static char rotated[64];
static const char *const files[] = {path};
static const struct weir_config_source source = {
	.name = "s", .from = WEIR_CONFIG_FROM_FOLLOW, .files = files, .file_count = 1};
static struct run_life life;
static struct run_fault fault;
static struct run_reader *reader;
static char place[RUN_PLACE_BYTES];

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/app.log", dir);
	(void)snprintf(rotated, sizeof rotated, "%s/app.log.1", dir);
	cr_assert_eq(run_life_init(&life), 0);
}

static void tear_down(void)
{
	if (reader != NULL)
		reader->ops->close(reader);
	run_life_fini(&life);
	unlink(path);
	unlink(rotated);
	rmdir(dir);
}

static void append(const char *to, const char *text)
{
	FILE *file = fopen(to, "a");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void open_at(const char *from)
{
	if (reader != NULL)
		reader->ops->close(reader);
	reader = NULL;
	cr_assert_eq(run_follow_open(&source, &life, 1000, from, &reader, &fault), 0);
	cr_assert(reader->has_place && !reader->can_reread);
}

static void expect(const char *text)
{
	struct run_line line;
	cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_LINE);
	cr_assert_eq(line.length_bytes, strlen(text), "%.*s", (int)line.length_bytes, line.at);
	cr_assert_arr_eq(line.at, text, line.length_bytes);
	memcpy(place, reader->place, sizeof place);
}

/* Something else happens while the reader waits. */
static void *raise_stop(void *context)
{
	(void)context;
	run_signal_wait(&life.abort, 200 * RUN_MILLISECOND_NS);
	run_signal_raise(&life.stop);
	return NULL;
}

/* Nothing comes until a stop. */
static void expect_nothing(void)
{
	pthread_t thread;
	struct run_line line;
	cr_assert_eq(pthread_create(&thread, NULL, raise_stop, NULL), 0);
	cr_assert_eq(reader->ops->next(reader, &line, &fault), RUN_SOURCE_STOPPED);
	pthread_join(thread, NULL);
	run_life_fini(&life);
	cr_assert_eq(run_life_init(&life), 0);
}

TestSuite(follow, .init = set_up, .fini = tear_down, .timeout = 300);

Test(follow, a_line_comes_when_it_has_its_end)
{
	append(path, "one\ntwo\nthr");
	open_at("");
	expect("one");
	expect("two");
	expect_nothing();
	append(path, "ee\n");
	expect("three");
	append(path, "\n");
	expect("");
	expect_nothing();
}

Test(follow, a_renamed_file_is_read_to_its_end_and_then_the_new_one)
{
	append(path, "one\n");
	open_at("");
	expect("one");
	cr_assert_eq(rename(path, rotated), 0);
	append(rotated, "late\nwithout end");
	append(path, "new\n");
	expect("late");
	expect("without end");
	expect("new");
	append(path, "more\n");
	expect("more");
	expect_nothing();
}

/* "one" is read; then a new file has "new", and the writer of the old one still has it open. */
static FILE *rotate_under_its_writer(void)
{
	append(path, "one\n");
	open_at("");
	expect("one");
	FILE *writer = fopen(path, "a");
	cr_assert_not_null(writer);
	cr_assert_eq(rename(path, rotated), 0);
	append(path, "new\n");
	return writer;
}

/* Its writer is told later that it is to open the new one, as logrotate has it. */
Test(follow, a_renamed_file_is_read_on_until_its_writer_has_closed_it)
{
	FILE *writer = rotate_under_its_writer();
	fputs("late\n", writer);
	cr_assert_eq(fflush(writer), 0);
	expect("late");
	expect_nothing();
	fputs("later\n", writer);
	cr_assert_eq(fclose(writer), 0);
	expect("later");
	expect("new");
}

/* Who never closes it does not keep the new one from being read. */
Test(follow, a_renamed_file_whose_writer_stays_is_left_when_it_is_quiet)
{
	FILE *writer = rotate_under_its_writer();
	expect("new");
	cr_assert_eq(fclose(writer), 0);
}

Test(follow, what_was_rotated_twice_while_nobody_looked_is_read_in_order)
{
	char second[64];
	char third[64];
	(void)snprintf(second, sizeof second, "%s/app.log.2", dir);
	(void)snprintf(third, sizeof third, "%s/app.log.3", dir);
	append(path, "one\ntwo\n");
	open_at("");
	expect("one");
	/* Times of files are as coarse as the kernel's tick. */
	const struct timespec tick = {.tv_nsec = 30000000};
	cr_assert_eq(rename(path, third), 0);
	(void)nanosleep(&tick, NULL);
	append(path, "three\n");
	cr_assert_eq(rename(path, second), 0);
	(void)nanosleep(&tick, NULL);
	append(path, "four\n");
	cr_assert_eq(rename(path, rotated), 0);
	(void)nanosleep(&tick, NULL);
	append(path, "five\n");
	open_at(place);
	expect("two");
	expect("three");
	expect("four");
	open_at(place);
	expect("five");
	expect_nothing();
	unlink(second);
	unlink(third);
}

Test(follow, names_of_rotated_files_are_told_from_those_of_other_logs)
{
	static const char *const rotations[] = {
		"app.log.1",        "app.log-20260131", "app.log.2026-01-31",         "app.log_3",
		"app-20260131.log", "app.1.log",        "app.log-20260131T12:00:00.5"};
	static const char *const others[] = {"app.log",     "app.log.1.gz", "app.log.err",
					     "app.log~",    "app.lo",       "app.log.",
					     "app-err.log", "app.log1",     "xapp.log.1",
					     "app-1.txt",   "app.log.bak1"};
	for (size_t i = 0; i < sizeof rotations / sizeof rotations[0]; i++)
		cr_assert(run_rotation_is_name(rotations[i], "app.log"), "%s", rotations[i]);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		cr_assert_not(run_rotation_is_name(others[i], "app.log"), "%s", others[i]);
	cr_assert(run_rotation_is_name("syslog.1", "syslog"));
	cr_assert_not(run_rotation_is_name("1", ""));
	cr_assert_not(run_rotation_is_name(".x1", ".x"));
}

Test(follow, a_file_that_was_renamed_is_read_on_until_there_is_a_new_one)
{
	append(path, "one\n");
	open_at("");
	expect("one");
	cr_assert_eq(rename(path, rotated), 0);
	expect_nothing();
	append(rotated, "late\n");
	expect("late");
	append(path, "new\n");
	expect("new");
}

Test(follow, a_truncated_file_is_read_from_its_start)
{
	append(path, "first line\nsecond line\n");
	open_at("");
	expect("first line");
	expect("second line");
	cr_assert_eq(truncate(path, 0), 0);
	append(path, "a\n"); // still shorter than it was
	expect("a");
	expect_nothing();
}

static void *make_file(void *context)
{
	(void)context;
	run_signal_wait(&life.abort, 200 * RUN_MILLISECOND_NS);
	append(path, "here\n");
	return NULL;
}

Test(follow, a_file_that_is_not_there_is_waited_for)
{
	pthread_t thread;
	open_at("");
	cr_assert_eq(pthread_create(&thread, NULL, make_file, NULL), 0);
	expect("here");
	pthread_join(thread, NULL);
}

Test(follow, a_restart_goes_on_behind_the_last_line)
{
	append(path, "one\ntwo\nthree\n");
	open_at("");
	expect("one");
	expect("two");
	open_at(place);
	expect("three");
	open_at(place);
	expect_nothing();
	append(path, "four\n");
	expect("four");
}

Test(follow, a_restart_finds_the_file_that_was_rotated_meanwhile)
{
	append(path, "one\ntwo\n");
	open_at("");
	expect("one");
	append(path, "three\n");
	cr_assert_eq(rename(path, rotated), 0);
	append(path, "new\n");
	open_at(place);
	expect("two");
	expect("three");
	expect("new");
	expect_nothing();
}

Test(follow, a_restart_after_truncation_begins_at_the_start)
{
	append(path, "a long first line\nsecond\n");
	open_at("");
	expect("a long first line");
	expect("second");
	cr_assert_eq(truncate(path, 0), 0);
	append(path, "x\n");
	open_at(place);
	expect("x");
	expect_nothing();
}

/* As logrotate's copytruncate does it, and as a file system does that gives an inode away again:
 * the number is the same, and what is behind the place is another file's. */
Test(follow, a_restart_is_not_deceived_by_the_same_inode)
{
	append(path, "the first line of the old one\nsecond\n");
	open_at("");
	expect("the first line of the old one");
	cr_assert_eq(truncate(path, 0), 0);
	append(path, "1\n2\n3\na line that ends far behind where the old one was read to\n");
	open_at(place);
	expect("1");
	expect("2");
	expect("3");
	/* Also where there is no more than that line. */
	open_at(place);
	expect("a line that ends far behind where the old one was read to");
	expect_nothing();
}

/* Of lines that are longer than what is kept of them, and of those without a feed. */
Test(follow, a_restart_knows_the_end_of_a_line)
{
	char line[200];
	memset(line, 'a', sizeof line);
	line[sizeof line - 1] = '\0';
	append(path, line);
	append(path, "\n\nlast");
	open_at("");
	expect(line);
	open_at(place);
	expect("");
	open_at(place);
	cr_assert_eq(rename(path, rotated), 0);
	append(path, "new\n");
	expect("last");
	open_at(place);
	expect("new");
	/* A place that an earlier weir has written has no more than three numbers. */
	char *third = strchr(strchr(place, ':') + 1, ':') + 1;
	*strchr(third, ':') = '\0';
	open_at(place);
	expect_nothing();
}

Test(follow, a_restart_whose_file_is_gone_begins_with_the_present_one)
{
	append(path, "one\n");
	open_at("");
	expect("one");
	/* Held open, so that its inode is not given to the next one. */
	int held = open(path, O_RDONLY);
	unlink(path);
	append(path, "new\n");
	open_at(place);
	expect("new");
	close(held);
	open_at("rubbish");
	expect("new");
}
