/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir journal backup` and `restore` copy what is there, to where nothing is, whole or not
 *         at all; what they refuse they say, and leave as it was; and a pipeline that opens the
 *         copy goes on where the other one was at the cut.
 * Method: journals made byte by byte (journal_build.h) and one of a running pipeline; commands in a
 *         child process, judged by text, exit code and what is in the directories.
 */
#include <criterion/criterion.h>

#include "tests/support/capture.h"
#include "tests/unit/tools/journal_build.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include <weir.h>

#include "io/posix/storage_posix.h"
#include "tools/weir/args.h"

#define SECOND_NS UINT64_C(1000000000)
#define EVENTS 50u
#define DONE_AT_CUT 20u

static struct build b;
static struct capture c;
static struct capture other;
static char top[64]; /* everything else is in here */
static char dest[128];
static char partial[168];

#define RUN(...) CAPTURE(&c, cmd_journal, "journal", __VA_ARGS__)

static void setup(void)
{
	snprintf(top, sizeof top, "/tmp/weir-test-XXXXXX");
	cr_assert_not_null(mkdtemp(top));
	snprintf(dest, sizeof dest, "%s/copy", top);
	snprintf(partial, sizeof partial, "%s.weir-partial", dest);
	build_sample(&b);
}

static void teardown(void)
{
	char command[160];

	build_fini(&b);
	snprintf(command, sizeof command, "rm -rf %s", top);
	cr_expect_eq(system(command), 0);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static unsigned files_in(const char *path)
{
	DIR *dir = opendir(path);
	unsigned count = 0;

	cr_assert_not_null(dir, "%s", path);
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *to = fopen(path, "w");
	cr_assert_not_null(to);
	fputs(text, to);
	fclose(to);
}

static void expect_same_events(const char *dir)
{
	CAPTURE(&other, cmd_journal, "journal", "dump", "--control", b.dir);
	cr_assert_eq(other.exit_code, 0);
	RUN("dump", "--control", dir);
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_str_eq(c.out, other.out);
	RUN("verify", dir);
	cr_expect_eq(c.exit_code, 0, "%s%s", c.out, c.err);
	cr_expect_not(capture_has(c.out, "note"), "%s", c.out);
}

/* Refused: with this code and word; nothing was made. */
static void expect_refused(int exit_code, const char *word)
{
	cr_expect_eq(c.exit_code, exit_code, "%d %s", c.exit_code, c.err);
	cr_expect(capture_has(c.err, word), "%s", c.err);
	cr_expect_not(is_there(dest));
	cr_expect_not(is_there(partial));
}

TestSuite(backup_cli, .init = setup, .fini = teardown);

Test(backup_cli, a_copy_of_a_copy_has_the_same_events)
{
	char back[128];

	snprintf(back, sizeof back, "%s/back", top);
	RUN("backup", b.dir, dest);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect(capture_has(c.out, "holds sequence 1 to 7, 1 segments"), "%s", c.out);
	cr_expect_not(is_there(partial));
	expect_same_events(dest);
	RUN("restore", "--json", dest, back);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect(capture_has(c.out, "\"ok\": true"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"last_sequence\": 7"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"damages\": []"), "%s", c.out);
	expect_same_events(back);
}

Test(backup_cli, a_slash_at_the_end_is_no_name_and_a_dot_is_none)
{
	char slashes[140];

	snprintf(slashes, sizeof slashes, "%s//", dest);
	RUN("backup", b.dir, slashes);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	expect_same_events(dest);
	static const char *const names[] = {".", "..", "/", "a/..", ""};
	for (unsigned i = 0; i < 5; i++) {
		RUN("restore", b.dir, names[i]);
		cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "%s: %s", names[i], c.err);
	}
	RUN("backup", b.dir);
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
}

Test(backup_cli, what_is_there_already_is_refused_and_stays)
{
	cr_assert_eq(mkdir(dest, 0700), 0);
	RUN("backup", b.dir, dest);
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED);
	cr_expect(capture_has(c.err, "EEXIST"), "%s", c.err);
	put_file(dest, "mine", "text");
	RUN("restore", b.dir, dest);
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED);
	cr_expect(capture_has(c.err, "not empty"), "%s", c.err);
	RUN("restore", dest, b.dir);
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED);
	cr_expect(capture_has(c.err, "there is a journal already"), "%s", c.err);
	cr_expect_eq(files_in(dest), 1);
	cr_expect_not(is_there(partial));
}

Test(backup_cli, a_restore_may_go_into_an_empty_directory)
{
	cr_assert_eq(mkdir(dest, 0700), 0);
	RUN("restore", b.dir, dest);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	expect_same_events(dest);
}

Test(backup_cli, of_nothing_there_is_no_copy)
{
	char nowhere[128], deep[160];

	snprintf(nowhere, sizeof nowhere, "%s/nowhere", top);
	snprintf(deep, sizeof deep, "%s/copy", nowhere);
	RUN("backup", nowhere, dest);
	expect_refused(CLI_EXIT_NOT_FOUND, "ENOENT");
	RUN("backup", top, dest);
	expect_refused(CLI_EXIT_NOT_FOUND, "no journal");
	RUN("backup", b.dir, deep);
	expect_refused(CLI_EXIT_NOT_FOUND, "ENOENT");
}

Test(backup_cli, what_an_interrupted_one_left_is_cleared_away)
{
	cr_assert_eq(mkdir(partial, 0700), 0);
	put_file(partial, "0-00000000.seg", "rubbish");
	put_file(partial, "0-00000099.seg", "rubbish");
	put_file(partial, "0-checkpoint.1", "rubbish");
	put_file(partial, "JOURNAL", "rubbish");
	put_file(partial, "LOCK", "");
	RUN("backup", b.dir, dest);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_expect_not(is_there(partial));
	cr_expect_eq(files_in(dest), 3, "JOURNAL, LOCK, a segment");
	expect_same_events(dest);
}

Test(backup_cli, what_no_interrupted_one_left_is_not)
{
	cr_assert_eq(mkdir(partial, 0700), 0);
	put_file(partial, "thesis.txt", "text");
	put_file(partial, "0-00000000.seg", "rubbish");
	RUN("backup", b.dir, dest);
	cr_expect_eq(c.exit_code, CLI_EXIT_FAILED);
	cr_expect(capture_has(c.err, "thesis.txt"), "%s", c.err);
	cr_expect_eq(files_in(partial), 3, "and LOCK");
	cr_expect_not(is_there(dest));
}

Test(backup_cli, two_at_once_to_the_same_place_are_one_too_many)
{
	const struct wr_storage_options options = {.dir = partial, .create_dir = true};
	struct wr_storage *storage;

	cr_assert_eq(wr_storage_posix_open(&options, &storage), 0);
	cr_assert_eq(storage->ops->lock(storage), 0);
	RUN("backup", b.dir, dest);
	cr_expect_eq(c.exit_code, CLI_EXIT_IN_USE, "%d %s", c.exit_code, c.err);
	cr_expect_not(is_there(dest));
	cr_expect(is_there(partial));
	storage->ops->fini(storage);
	RUN("backup", b.dir, dest);
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
}

Test(backup_cli, damage_is_told_and_nothing_is_left_or_the_rest_when_asked_for)
{
	build_flip(&b, "0-00000001.seg", 2 * WR_BLOCK_BYTES + 168);
	RUN("backup", b.dir, dest);
	cr_expect(capture_has(c.out, "CORRUPT: batch in 0-00000001.seg at offset 8192"), "%s",
		  c.out);
	expect_refused(CLI_EXIT_DAMAGE, "sequences 3 to 4");
	RUN("backup", "--damaged", "--json", b.dir, dest);
	cr_expect_eq(c.exit_code, CLI_EXIT_DAMAGE, "%s", c.err);
	cr_expect(capture_has(c.out, "\"first_sequence\": 3"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"ok\": false"), "%s", c.out);
	cr_expect(capture_has(c.out, "\"corrupt_count\": 1"), "%s", c.out);
	RUN("verify", dest);
	cr_expect_eq(c.exit_code, CLI_EXIT_DAMAGE, "%s", c.out);
	cr_expect(capture_has(c.out, "sequence 3 to 4"), "%s", c.out);
}

Test(backup_cli, a_newer_format_has_the_exit_code_of_verify)
{
	uint8_t block[WR_BLOCK_BYTES];

	for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++) {
		wr_superblock_encode(&b.superblock, copy, block);
		block[8] = WR_JOURNAL_FORMAT + 1;
		uint32_t crc = wr_crc32c(1, block, 508);
		memcpy(block + 508, &crc, sizeof crc);
		build_put(&b, WR_SUPERBLOCK_NAME, block, sizeof block, copy * WR_BLOCK_BYTES);
	}
	RUN("backup", b.dir, dest);
	expect_refused(CLI_EXIT_FORMAT, "newer");
}

/* --- a pipeline ------------------------------------------------------------------------------- */

struct life {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	struct weir_member *member;
	uint32_t topic;
};

static void open_life(struct life *life, const char *dir)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_producer_options producer;
	struct weir_subscription_options subscription;
	struct weir_member_options member;
	struct weir_problem problem = {0};
	const char *topics[] = {"numbers"};
	uint32_t id;

	weir_options_init(&options);
	options.dir = dir;
	options.chunk_bytes = 64 << 10;
	options.segment_bytes = 256 << 10;
	options.pool_bytes = 2 << 20;
	options.undurable_bytes = 256 << 10;
	cr_assert_eq(weir_open(&options, &life->pipeline, &problem), 0, "%s", problem.text);
	weir_topic_options_init(&topic);
	topic.name = topics[0];
	topic.partitions = 1;
	cr_assert_eq(weir_topic_create(life->pipeline, &topic, &life->topic, &problem), 0);
	weir_producer_options_init(&producer);
	producer.name = "source";
	cr_assert_eq(weir_producer_open(life->pipeline, &producer, &life->producer, &problem), 0,
		     "%s", problem.text);
	weir_subscription_options_init(&subscription);
	subscription.name = "group";
	subscription.topics = topics;
	subscription.topic_count = 1;
	cr_assert_eq(weir_subscription_create(life->pipeline, &subscription, &id, &problem), 0);
	weir_member_options_init(&member);
	cr_assert_eq(weir_member_join(life->pipeline, id, &member, &life->member, &problem), 0);
}

static void publish(struct life *life, uint32_t count)
{
	uint64_t ticket = 0;

	for (uint32_t n = 0; n < count; n++) {
		const struct weir_event event = {
			.topic = life->topic, .payload = &n, .payload_bytes = sizeof n};
		cr_assert_eq(weir_publish(life->producer, &event, &ticket), 0);
	}
	cr_assert_eq(weir_wait(life->producer, ticket, WEIR_LEVEL_DURABLE, 60 * SECOND_NS), 0);
}

/* The number in the next event. */
static uint32_t take(struct life *life)
{
	struct weir_item item;
	uint32_t number;
	int count = 0;

	for (unsigned i = 0; i < 60 && count == 0; i++)
		count = weir_poll(life->member, &item, 1, SECOND_NS);
	cr_assert_eq(count, 1);
	cr_assert_eq(item.kind, WEIR_ITEM_EVENT);
	memcpy(&number, item.payload, sizeof number);
	return number;
}

static void settle(struct life *life)
{
	weir_ack_all(life->member);
	cr_assert_eq(weir_member_commit(life->member, WEIR_LEVEL_DURABLE, 60 * SECOND_NS), 0);
}

static void close_life(struct life *life)
{
	cr_assert_eq(weir_close(life->pipeline, WEIR_CLOSE_DRAIN, 60 * SECOND_NS, NULL), 0);
}

Test(backup_cli, groups_and_producers_go_on_where_they_were_at_the_cut)
{
	struct weir_producer_last last = {0};
	char journal[128], back[128];
	struct life life;

	snprintf(journal, sizeof journal, "%s/journal", top);
	snprintf(back, sizeof back, "%s/back", top);
	open_life(&life, journal);
	publish(&life, EVENTS);
	for (uint32_t n = 0; n < DONE_AT_CUT; n++)
		cr_assert_eq(take(&life), n);
	settle(&life);
	cr_assert_eq(weir_journal_backup(journal, dest, NULL, NULL, NULL), 0);
	/* Behind the cut. */
	publish(&life, 5);
	for (uint32_t n = DONE_AT_CUT; n < EVENTS; n++)
		cr_assert_eq(take(&life), n);
	settle(&life);
	close_life(&life);

	cr_assert_eq(weir_journal_restore(dest, back, NULL, NULL, NULL), 0);
	RUN("verify", back);
	cr_expect_eq(c.exit_code, 0, "%s", c.out);
	open_life(&life, back);
	cr_expect_eq(weir_producer_last(life.producer, &last), 0);
	cr_expect_eq(last.producer_sequence, EVENTS);
	for (uint32_t n = DONE_AT_CUT; n < EVENTS; n++)
		cr_assert_eq(take(&life), n);
	publish(&life, 3);
	cr_expect_eq(take(&life), 0, "and no more of the old ones");
	settle(&life);
	close_life(&life);
	RUN("verify", back);
	cr_expect_eq(c.exit_code, 0, "%s", c.out);
}
