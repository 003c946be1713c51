/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a directory that weir may not, or cannot, use gets an error that says so, and keeps every
 * byte that is in it: another owner, no permission, read-only, a file in its place, no parent, a
 * newer format, sizes that do not fit.
 *
 * Method: a journal with events is made and closed, the obstacle is put up, the open is refused.
 * A checksum over the names and bytes of all files is the same before and after; then the obstacle
 * is taken away, and all events are read.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/crc32c.h"
#include "core/journal/format.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 500u
#define SUPERBLOCK_CRC_SEED 1u
#define NOBODY 65534u

static struct fixture f;

static uint64_t hash_file(int dir, const char *name, uint64_t hash)
{
	static uint8_t bytes[1 << 16];
	ssize_t n;
	int fd = openat(dir, name, O_RDONLY);
	cr_assert_geq(fd, 0, "%s", name);
	while ((n = read(fd, bytes, sizeof bytes)) > 0) {
		uint32_t crc = wr_crc32c(0, bytes, (uint32_t)n);
		hash = (hash ^ crc) * 1099511628211u;
	}
	close(fd);
	return hash;
}

/* Of all that is in a directory; the order in which names are listed does not matter. */
static uint64_t hash_of(const char *path)
{
	uint64_t sum = 1;
	DIR *dir = opendir(path);
	cr_assert_not_null(dir, "%s", path);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		uint32_t name = wr_crc32c(0, (const uint8_t *)entry->d_name,
					  (uint32_t)strlen(entry->d_name));
		sum += hash_file(dirfd(dir), entry->d_name, (uint64_t)name << 20 | 1);
	}
	closedir(dir);
	return sum;
}

static void publish_some(void)
{
	uint32_t topic = fixture_topic(&f, "orders", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, EVENTS));
}

static void expect_all_events(void)
{
	uint32_t id = fixture_subscription(&f, "reader", "orders");
	struct weir_member *member = fixture_member(&f, id, NULL);
	static struct weir_item items[EVENTS];
	for (uint32_t i = 0, n = 0; i < EVENTS; i += n) {
		n = fixture_poll(member, items, EVENTS, 1, true);
		cr_assert_eq(n, 1);
		cr_assert_eq(fixture_number(&items[0]), i);
	}
}

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE);
	publish_some();
	fixture_close(&f, NULL);
}

static void teardown(void)
{
	fixture_end(&f);
}

/* Refused with this code and field; the text names `word`. Nothing has changed. */
static void expect_refused(int code, const char *field, const char *word)
{
	struct weir_problem problem = {0};
	struct weir_pipeline *pipeline = NULL;
	uint64_t before = hash_of(f.dir);
	int rc = weir_open(&f.options, &pipeline, &problem);
	cr_assert_eq(rc, code, "%s, not %s: %s", weir_error_name(rc), weir_error_name(code),
		     problem.text);
	cr_assert_null(pipeline);
	cr_expect_eq(problem.code, code);
	cr_expect_str_eq(problem.field, field);
	cr_expect_not_null(strstr(problem.text, word), "'%s' is not in '%s'", word, problem.text);
	cr_expect_eq(hash_of(f.dir), before, "the refused open changed the directory");
}

TestSuite(places, .init = setup, .fini = teardown, .timeout = 60);

/* By an owner that writes nothing by itself: one with threads attests its end once it is idle. */
static void open_quietly(void)
{
	f.options.manual = true;
	fixture_open(&f);
}

Test(places, a_second_pipeline_of_the_same_process_is_locked_out)
{
	open_quietly();
	expect_refused(WEIR_E_LOCKED, "dir", "owns");
	expect_all_events();
}

/* Holds the directory until it is killed. */
static pid_t start_owner(void)
{
	int ready[2];
	char byte = 0;
	cr_assert_eq(pipe(ready), 0);
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		open_quietly();
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1, "the owner did not come up");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

Test(places, a_second_process_is_locked_out_until_the_owner_is_dead)
{
	int status;
	pid_t owner = start_owner();
	expect_refused(WEIR_E_LOCKED, "dir", "owns");
	cr_assert_eq(kill(owner, SIGKILL), 0);
	cr_assert_eq(waitpid(owner, &status, 0), owner);
	fixture_open(&f);
	expect_all_events();
}

Test(places, a_directory_without_permission_is_refused)
{
	cr_assert_eq(chmod(f.dir, 0555), 0);
	if (geteuid() == 0) {
		cr_assert_eq(seteuid(NOBODY), 0);
		struct weir_problem problem = {0};
		struct weir_pipeline *pipeline = NULL;
		int rc = weir_open(&f.options, &pipeline, &problem);
		cr_assert_eq(seteuid(0), 0);
		cr_assert_eq(rc, -EACCES, "%s", weir_error_name(rc));
		cr_expect_str_eq(problem.field, "dir");
		cr_expect_not_null(strstr(problem.text, f.dir), "%s", problem.text);
	} else {
		expect_refused(-EACCES, "dir", f.dir);
	}
	cr_assert_eq(chmod(f.dir, 0755), 0);
	fixture_open(&f);
	expect_all_events();
}

Test(places, a_read_only_file_system_is_refused)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount(f.dir, f.dir, NULL, MS_BIND, NULL) != 0)
		cr_skip_test("this process may not mount anything");
	cr_assert_eq(mount(NULL, f.dir, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
	expect_refused(-EROFS, "dir", f.dir);
	cr_assert_eq(umount(f.dir), 0);
	fixture_open(&f);
	expect_all_events();
}

Test(places, a_file_in_the_place_of_the_directory_is_refused)
{
	static char path[TEST_PATH_BYTES + 8];
	struct weir_problem problem = {0};
	char content[8] = {0};
	(void)snprintf(path, sizeof path, "%s/file", f.dir);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "kept", 4), 4);
	f.options.dir = path;
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	cr_assert_eq(rc, -ENOTDIR, "%s", weir_error_name(rc));
	cr_expect_str_eq(problem.field, "dir");
	cr_expect_not_null(strstr(problem.text, path), "%s", problem.text);
	cr_expect_eq(pread(fd, content, sizeof content, 0), 4);
	cr_expect_str_eq(content, "kept");
	close(fd);
}

Test(places, a_directory_is_made_but_not_its_parent)
{
	static char path[TEST_PATH_BYTES + 32];
	struct weir_problem problem = {0};
	(void)snprintf(path, sizeof path, "%s/missing/journal", f.dir);
	f.options.dir = path;
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	cr_assert_eq(rc, -ENOENT, "%s", weir_error_name(rc));
	cr_expect_str_eq(problem.field, "dir");
	cr_expect_not_null(strstr(problem.text, "missing"), "%s", problem.text);
	(void)snprintf(path, sizeof path, "%s/missing", f.dir);
	cr_expect_neq(access(path, F_OK), 0, "the parent was made");
	fixture_open(&f); /* the same path without its last part is made */
	cr_expect_eq(access(path, F_OK), 0);
	fixture_close(&f, NULL);
}

enum part { PART_FORMAT, PART_FEATURE };

/* Every copy of the superblock is from a newer format, with a checksum that holds. */
static void make_newer(enum part part, int by)
{
	static char path[TEST_PATH_BYTES + 16];
	struct wr_superblock block;
	(void)snprintf(path, sizeof path, "%s/%s", f.dir, WR_SUPERBLOCK_NAME);
	int fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0);
	for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++) {
		off_t at = (off_t)copy * WR_BLOCK_BYTES;
		cr_assert_eq(pread(fd, &block, sizeof block, at), sizeof block);
		uint32_t crc = wr_crc32c(SUPERBLOCK_CRC_SEED, (const uint8_t *)&block,
					 offsetof(struct wr_superblock, crc));
		cr_assert_eq(crc, block.crc, "the test computes another checksum");
		if (part == PART_FORMAT)
			block.format = (uint16_t)(block.format + by);
		else
			block.features_must ^= 0x80000000u;
		block.crc = wr_crc32c(SUPERBLOCK_CRC_SEED, (const uint8_t *)&block,
				      offsetof(struct wr_superblock, crc));
		cr_assert_eq(pwrite(fd, &block, sizeof block, at), sizeof block);
	}
	close(fd);
}

Test(places, a_journal_of_a_newer_format_is_refused)
{
	make_newer(PART_FORMAT, 1);
	expect_refused(WEIR_E_FORMAT, "journal", "newer");
	make_newer(PART_FORMAT, -1);
	fixture_open(&f);
	expect_all_events();
}

Test(places, a_journal_that_needs_an_unknown_feature_is_refused)
{
	make_newer(PART_FEATURE, 0);
	expect_refused(WEIR_E_FORMAT, "journal", "newer");
	make_newer(PART_FEATURE, 0);
	fixture_open(&f);
	expect_all_events();
}

Test(places, a_journal_keeps_the_size_of_its_chunks)
{
	f.options.chunk_bytes = 2 * FIXTURE_CHUNK_BYTES;
	expect_refused(-EINVAL, "chunk_bytes", "65536");
	f.options.chunk_bytes = FIXTURE_CHUNK_BYTES;
	fixture_open(&f);
	expect_all_events();
}

Test(places, a_journal_with_more_topics_than_allowed_is_no_damage)
{
	fixture_open(&f);
	(void)fixture_topic(&f, "trades", 3);
	fixture_close(&f, NULL);
	f.options.topics_max = 1;
	expect_refused(-EINVAL, "topics_max", "larger");
	f.options.topics_max = 4;
	f.options.partitions_max = 3;
	expect_refused(-EINVAL, "partitions_max", "larger");
	f.options.partitions_max = 32;
	fixture_open(&f);
	expect_all_events();
}

Test(places, a_journal_with_more_subscriptions_or_producers_than_allowed_is_no_damage)
{
	fixture_open(&f);
	(void)fixture_subscription(&f, "one", "orders");
	(void)fixture_subscription(&f, "two", "orders");
	(void)fixture_producer(&f, "first");
	(void)fixture_producer(&f, "second");
	fixture_close(&f, NULL);
	f.options.subscriptions_max = 1;
	expect_refused(-EINVAL, "subscriptions_max", "larger");
	f.options.subscriptions_max = 4;
	f.options.named_producers_max = 1;
	expect_refused(-EINVAL, "named_producers_max", "larger");
	f.options.named_producers_max = 4;
	fixture_open(&f);
	expect_all_events();
}

Test(places, a_journal_keeps_the_size_of_its_segments)
{
	static char path[TEST_PATH_BYTES + 32];
	struct stat made, later;
	(void)snprintf(path, sizeof path, "%s/0-00000000.seg", f.dir);
	cr_assert_eq(stat(path, &made), 0);
	f.options.segment_bytes *= 2;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "orders", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_info info;
	/* Far enough that files are made in this run. */
	for (uint64_t first = 0; fixture_info(&f, &info), info.segments_live < 3; first += 1000)
		fixture_wait(producer, fixture_publish(producer, topic, first, first + 1000));
	fixture_close(&f, NULL);
	/* One that is too many beside the log may be gone again: those that are there. */
	uint32_t found = 0;
	for (uint32_t number = 1; number < 16; number++) {
		(void)snprintf(path, sizeof path, "%s/0-%08x.seg", f.dir, number);
		if (stat(path, &later) != 0)
			continue;
		cr_expect_eq(later.st_size, made.st_size, "%s", path);
		found++;
	}
	cr_expect_geq(found, 2, "the log has three files, and one is the first");
	f.options.segment_bytes /= 2;
	fixture_open(&f);
	expect_all_events();
}
