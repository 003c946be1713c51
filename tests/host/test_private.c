/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what passes through weir is nobody else's: rings and pools are left out of core dumps,
 *         the journal's files are for their owner only whatever the umask is, and no text that weir
 *         makes (problems, log_fn) has bytes of a payload, a key or a header in it.
 * Method: /proc/self/smaps of an open pipeline; the modes of all files after a life under umask 0;
 *         a marker published as payload, key and header, and then every error that can be provoked
 *         of it: by calls, by damage in each block of the journal at open, by damage that a member
 *         meets.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/host/look.h"
#include "tests/support/pipeline_fixture.h"

#define MARKER "Secret-Marker-4711"
#define BLOCK_BYTES 4096u

static struct fixture f;
static uint32_t topic, id;

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(private, .fini = teardown, .timeout = 60);

/* ---- core dumps ---- */

/* Of the mappings that are weir's: how many, and how many would be in a dump. */
static void count_mappings(uint32_t *ret_all, uint32_t *ret_dumped)
{
	char line[512];
	bool of_weir = false;
	FILE *maps = fopen("/proc/self/smaps", "re");
	*ret_all = *ret_dumped = 0;
	cr_assert_not_null(maps);
	while (fgets(line, sizeof line, maps) != NULL) {
		if (strstr(line, "memfd:weir-") != NULL) {
			of_weir = true;
			(*ret_all)++;
		} else if (strncmp(line, "VmFlags:", 8) == 0) {
			if (of_weir && strstr(line, " dd") == NULL)
				(*ret_dumped)++;
			of_weir = false;
		}
	}
	(void)fclose(maps);
}

Test(private, rings_and_pools_are_left_out_of_core_dumps)
{
	uint32_t mappings, dumped;
	if (fixture_emulated())
		cr_skip("an emulator does not show the kernel's flags");
	fixture_begin(&f, FIXTURE_DURABLE);
	topic = fixture_topic(&f, "work", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 0, 10));
	count_mappings(&mappings, &dumped);
	/* The pool twice, and every lane. */
	cr_expect_geq(mappings, 2 + f.options.producers_max + f.options.members_max);
	cr_expect_eq(dumped, 0, "%u of %u would be dumped", dumped, mappings);
}

/* ---- modes ---- */

static void expect_modes(mode_t mask)
{
	struct stat status;
	uint32_t files = 0;
	char dir[TEST_PATH_BYTES + 16];
	fixture_init(&f, FIXTURE_DURABLE);
	/* Made by weir, not by the test. */
	(void)snprintf(dir, sizeof dir, "%s/journal", f.dir);
	f.options.dir = dir;
	f.options.checkpoint_bytes = 1u << 20;
	mode_t before = umask(mask);
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	for (uint64_t n = 0; n < 40000; n += 1000)
		fixture_wait(producer, fixture_publish(producer, topic, n, n + 1000));
	fixture_close(&f, NULL);
	(void)umask(before);
	cr_assert_eq(stat(dir, &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0700, "the directory: %o", status.st_mode);
	DIR *entries = opendir(dir);
	cr_assert_not_null(entries);
	for (struct dirent *e = readdir(entries); e != NULL; e = readdir(entries)) {
		if (e->d_name[0] == '.' && strchr("./", e->d_name[1]) != NULL)
			continue;
		cr_assert_eq(fstatat(dirfd(entries), e->d_name, &status, AT_SYMLINK_NOFOLLOW), 0);
		files++;
		cr_expect_eq(status.st_mode & 07777, 0600, "%s: %o", e->d_name, status.st_mode);
	}
	(void)closedir(entries);
	cr_expect_geq(files, 4, "a lock, segments, a checkpoint");
	test_dir_remove(dir);
}

Test(private, files_are_their_owners_only_under_an_open_umask)
{
	expect_modes(0);
}

Test(private, files_are_their_owners_only_under_the_usual_umask)
{
	expect_modes(022);
}

/* ---- texts ---- */

static uint32_t texts; /* that were looked at */

static void look_at(const char *text)
{
	texts += text[0] != '\0';
	cr_expect_null(strstr(text, MARKER), "a text tells what was published: %s", text);
	cr_expect_null(strstr(text, "Secret"), "a text tells of it: %s", text);
}

static void on_log(void *context, const struct weir_log_line *line)
{
	(void)context;
	look_at(line->message);
}

static void look_at_problem(const struct weir_problem *problem)
{
	look_at(problem->field);
	look_at(problem->text);
}

static struct weir_header header = {
	.name = MARKER, .name_bytes = sizeof MARKER - 1, .value = MARKER, .value_bytes = 8};

static struct weir_event marked(void)
{
	return (struct weir_event){.topic = topic,
				   .key = MARKER,
				   .key_bytes = sizeof MARKER - 1,
				   .headers = &header,
				   .header_count = 1,
				   .payload = MARKER,
				   .payload_bytes = sizeof MARKER - 1};
}

/* A journal of some segments' blocks with the marker everywhere. */
static void fill(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.log_fn = on_log;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", 1);
	id = fixture_subscription(&f, "reader", "work");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_event event = marked();
	for (int i = 0; i < 20; i++) {
		uint64_t ticket = 0;
		for (int n = 0; n < 50; n++)
			cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		fixture_wait(producer, ticket);
	}
}

Test(private, refused_events_are_not_told_of)
{
	static uint8_t large[FIXTURE_LANE_BYTES];
	uint64_t ticket;
	fill();
	memset(large, 'S', sizeof large);
	memcpy(large, MARKER, sizeof MARKER - 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	struct weir_event event = marked();
	event.payload = large;
	event.payload_bytes = sizeof large;
	cr_expect_eq(weir_publish(producer, &event, &ticket), WEIR_E_TOO_BIG);
	event = marked();
	event.topic = 77;
	cr_expect_eq(weir_publish(producer, &event, &ticket), WEIR_E_UNKNOWN_NAME);
	for (int code = -5000; code <= 0; code++) {
		look_at(weir_strerror(code));
		look_at(weir_error_name(code));
	}
	struct weir_info info;
	fixture_info(&f, &info);
	look_at(info.thread_note);
	look_at(info.backend_reason);
	look_at(info.engine);
	cr_expect_gt(texts, 10);
}

/* Flips a byte in the middle of one block of the first segment; false behind its end. */
static bool damage(uint32_t block)
{
	char path[TEST_PATH_BYTES + 300], name[256] = "";
	uint8_t byte;
	DIR *entries = opendir(f.dir);
	cr_assert_not_null(entries);
	for (struct dirent *e = readdir(entries); e != NULL; e = readdir(entries))
		if (strstr(e->d_name, ".seg") != NULL &&
		    (name[0] == '\0' || strcmp(e->d_name, name) < 0))
			(void)snprintf(name, sizeof name, "%s", e->d_name);
	(void)closedir(entries);
	cr_assert_str_not_empty(name);
	(void)snprintf(path, sizeof path, "%s/%s", f.dir, name);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	off_t at = (off_t)block * BLOCK_BYTES + 600;
	bool is_there = pread(fd, &byte, 1, at) == 1;
	byte = (uint8_t)~byte;
	if (is_there)
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
	return is_there;
}

Test(private, damage_at_open_is_not_told_of_in_its_bytes)
{
	uint32_t refused = 0;
	fill();
	fixture_close(&f, NULL);
	for (uint32_t block = 0; block < 64 && damage(block); block++) {
		struct weir_problem problem = {0};
		int rc = weir_open(&f.options, &f.pipeline, &problem);
		if (rc == 0) {
			(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, FIXTURE_LONG_NS, NULL);
			f.pipeline = NULL;
		} else {
			refused++;
			cr_expect_str_not_empty(problem.text);
			look_at_problem(&problem);
		}
		(void)damage(block); /* back as it was */
	}
	cr_expect_gt(refused, 0, "nothing was damaged");
}

Test(private, damage_that_a_member_meets_is_not_told_of_in_its_bytes)
{
	struct weir_item items[64];
	struct weir_problem problem = {0};
	int rc = 0;
	fill();
	fixture_close(&f, NULL);
	fixture_open(&f);
	for (uint32_t block = 8; block < 40; block++)
		(void)damage(block);
	struct weir_member *member = fixture_member(&f, id, NULL);
	for (int i = 0; i < 200 && rc >= 0; i++)
		rc = weir_poll(member, items, 64, 100000000u);
	cr_expect_eq(rc, WEIR_E_CORRUPT, "%s", weir_error_name(rc));
	weir_member_problem(member, &problem);
	cr_expect_str_not_empty(problem.text);
	look_at_problem(&problem);
	if (weir_subscription_seek(f.pipeline, id, WEIR_SEEK_TIME, 1, FIXTURE_LONG_NS, &problem) !=
	    0)
		look_at_problem(&problem);
}
