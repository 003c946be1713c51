/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir journal` shows what is in a journal, all of it and nothing else, tells damage with
 *         its place and range, and says the right thing to the shell.
 * Method: journals made byte by byte (journal_build.h); commands in a child process, judged by text
 *         and exit code.
 */
#include <criterion/criterion.h>
#include <dirent.h>

#include "tests/support/capture.h"
#include "tests/unit/tools/journal_build.h"

#include <errno.h>
#include <sys/stat.h>

#include <weir/journal.h>

#include "tools/weir/args.h"

static struct build b;
static struct capture c;

#define RUN(...) CAPTURE(&c, cmd_journal, "journal", __VA_ARGS__)

/* The only one of a journal as build_init() makes it. */
static void remove_segment(void)
{
	char name[WR_STORAGE_NAME_MAX + 1], path[TEST_PATH_BYTES + 64];

	build_segment_name(&b, name);
	snprintf(path, sizeof path, "%s/%s", b.dir, name);
	cr_assert_eq(unlink(path), 0);
}

static int never_idle(void *context)
{
	(void)context;
	return 7;
}

static unsigned line_count(const char *text)
{
	unsigned n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

Test(journal_cli, dump_prints_one_line_an_event)
{
	build_sample(&b);
	RUN("dump", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert_str_eq(c.out, "3 2023-11-14T22:13:21.000000Z orders[0] key=\"k1\" \"first\"\n"
				"4 2023-11-14T22:13:21.000001Z orders[1] \"tab\\there\"\n"
				"5 2023-11-14T22:13:22.000000Z orders[2] key=\"k2\" (no payload)\n"
				"6 2023-11-14T22:13:22.000001Z orders[3] key=0xff01 0x8081\n"
				"7 2023-11-14T22:13:22.000002Z orders[1] key=\"k1\" "
				"\"\\x1b[31m\\\"quoted\\\"\"\n");
	build_fini(&b);
}

Test(journal_cli, dump_takes_ranges_counts_and_topics)
{
	build_sample(&b);
	RUN("dump", b.dir, "--from", "4", "--to", "5");
	cr_assert_eq(line_count(c.out), 2, "%s", c.out);
	cr_assert(capture_has(c.out, "4 2023") && capture_has(c.out, "\n5 2023"));
	RUN("dump", "-n", "2", b.dir, "--from", "4");
	cr_assert_eq(line_count(c.out), 2, "%s", c.out);
	RUN("dump", b.dir, "--from", "2023-11-14T22:13:22Z");
	cr_assert_eq(line_count(c.out), 3, "%s", c.out);
	RUN("dump", b.dir, "--to", "2023-11-14T22:13:21.000000Z");
	cr_assert_eq(line_count(c.out), 1, "%s", c.out);
	RUN("dump", b.dir, "--from", "-5m");
	cr_assert_eq(line_count(c.out), 0, "%s", c.out);
	RUN("dump", b.dir, "--topic", "orders");
	cr_assert_eq(line_count(c.out), 5, "%s", c.out);
	RUN("dump", b.dir, "--topic", "trades");
	cr_assert_eq(line_count(c.out), 0, "%s", c.out);
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "there is no such topic: %s", c.err);
	build_fini(&b);
}

Test(journal_cli, control_records_are_shown_only_when_asked_for)
{
	build_sample(&b);
	RUN("dump", b.dir, "--control");
	cr_assert_eq(line_count(c.out), 7, "%s", c.out);
	cr_assert(capture_has(c.out, "<epoch_start>"), "%s", c.out);
	cr_assert(capture_has(c.out, "<topic> id 0, 4 partitions, \\\"orders\\\""), "%s", c.out);
	build_fini(&b);
}

Test(journal_cli, dump_as_json_is_one_object_a_line)
{
	build_sample(&b);
	RUN("dump", b.dir, "--json", "--from", "5");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert_str_eq(
		c.out,
		"{\"sequence\":5,\"epoch\":1,\"append_time\":\"2023-11-14T22:13:22.000000Z\","
		"\"append_time_us\":1700000002000000,\"kind\":\"event\",\"topic\":\"orders\","
		"\"topic_id\":0,\"partition\":2,\"key\":\"k2\",\"payload\":null}\n"
		"{\"sequence\":6,\"epoch\":1,\"append_time\":\"2023-11-14T22:13:22.000001Z\","
		"\"append_time_us\":1700000002000001,\"kind\":\"event\",\"topic\":\"orders\","
		"\"topic_id\":0,\"partition\":3,\"key_hex\":\"ff01\",\"payload_hex\":\"8081\"}\n"
		"{\"sequence\":7,\"epoch\":1,\"append_time\":\"2023-11-14T22:13:22.000002Z\","
		"\"append_time_us\":1700000002000002,\"kind\":\"event\",\"topic\":\"orders\","
		"\"topic_id\":0,\"partition\":1,\"key\":\"k1\","
		"\"payload\":\"\\u001b[31m\\\"quoted\\\"\"}\n");
	build_fini(&b);
}

Test(journal_cli, ls_lists_segments_and_totals)
{
	build_sample(&b);
	build_roll(&b);
	build_event(&b, 0, "k", "in the second");
	build_seal(&b);
	build_evidence(&b);
	RUN("ls", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "0-00000001.seg"), "%s", c.out);
	cr_assert(capture_has(c.out, "0-00000002.seg"), "%s", c.out);
	cr_assert(capture_has(c.out, "8 records, 6 of them events: sequence 1 to 8"), "%s", c.out);
	RUN("ls", "--json", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "\"first_sequence\": 8"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"last_sequence\": 8"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"events\": 6"), "%s", c.out);
	build_fini(&b);
}

Test(journal_cli, verify_of_a_whole_journal_is_ok)
{
	build_sample(&b);
	RUN("verify", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "ok: 7 records"), "%s", c.out);
	RUN("verify", "--json", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert(capture_has(c.out, "\"ok\": true"), "%s", c.out);
	cr_assert(capture_has(c.out, "\"damages\": []"), "%s", c.out);
	build_fini(&b);
}

Test(journal_cli, a_flipped_bit_below_the_durable_sequence_is_told_with_its_range)
{
	build_sample(&b);
	/* The second batch: sequences 3 and 4; its header, and its body. */
	const uint64_t offset = 2 * WR_BLOCK_BYTES;
	for (uint64_t into = 8; into < 200; into += 160) {
		build_flip(&b, "0-00000001.seg", offset + into);
		RUN("verify", b.dir);
		cr_assert_eq(c.exit_code, CLI_EXIT_DAMAGE, "%s%s", c.out, c.err);
		cr_assert(capture_has(c.out, "CORRUPT: batch in 0-00000001.seg at offset 8192"),
			  "%s", c.out);
		cr_assert(capture_has(c.out, "sequence 3 to 4"), "%s", c.out);
		RUN("verify", "--json", b.dir);
		cr_assert_eq(c.exit_code, CLI_EXIT_DAMAGE);
		cr_assert(capture_has(c.out, "\"first_sequence\": 3"), "%s", c.out);
		cr_assert(capture_has(c.out, "\"end_sequence\": 5"), "%s", c.out);
		cr_assert(capture_has(c.out, "\"ok\": false"), "%s", c.out);
		/* The rest is still shown, what is damaged is not, and the exit code says so. */
		RUN("dump", b.dir);
		cr_assert_eq(c.exit_code, CLI_EXIT_DAMAGE);
		cr_assert_eq(line_count(c.out), 3, "%s", c.out);
		cr_assert(capture_has(c.err, "CORRUPT"), "%s", c.err);
		build_flip(&b, "0-00000001.seg", offset + into);
	}
	build_fini(&b);
}

Test(journal_cli, a_torn_tail_is_told_and_is_no_failure)
{
	build_sample(&b);
	uint64_t offset = b.offset;
	build_event(&b, 0, "k", "never acknowledged");
	build_seal(&b);
	build_flip(&b, "0-00000001.seg", offset + 150);
	RUN("verify", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s%s", c.out, c.err);
	cr_assert(capture_has(c.out, "note: torn_tail"), "%s", c.out);
	cr_assert(capture_has(c.out, "ok: 7 records"), "%s", c.out);
	RUN("dump", b.dir);
	cr_assert_eq(line_count(c.out), 5, "%s", c.out);
	build_fini(&b);
}

Test(journal_cli, harmless_damage_is_told_and_is_no_failure)
{
	build_sample(&b);
	build_flip(&b, WR_SUPERBLOCK_NAME, 2 * WR_BLOCK_BYTES + 40);
	RUN("verify", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s%s", c.out, c.err);
	cr_assert(capture_has(c.out, "note: superblock_copy"), "%s", c.out);
	cr_assert(capture_has(c.out, "1 harmless"), "%s", c.out);
	build_fini(&b);
}

Test(journal_cli, tail_shows_the_last_events)
{
	build_sample(&b);
	RUN("tail", "-n", "2", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	cr_assert_eq(line_count(c.out), 2, "%s", c.out);
	cr_assert(strncmp(c.out, "6 2023", 6) == 0, "%s", c.out);
	RUN("tail", b.dir);
	cr_assert_eq(line_count(c.out), 5, "%s", c.out);
	RUN("tail", "-n", "0", b.dir);
	cr_assert_eq(line_count(c.out), 0, "%s", c.out);
	RUN("tail", "-n", "1", "--control", b.dir);
	cr_assert_eq(line_count(c.out), 1, "%s", c.out);
	build_fini(&b);
}

Test(journal_cli, what_is_no_journal_is_refused)
{
	build_init(&b);
	RUN("ls", "/nowhere/at/all");
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%s", c.err);
	cr_assert(capture_has(c.err, "/nowhere/at/all"), "%s", c.err);
	RUN("verify");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	RUN("veriyf", b.dir);
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	cr_assert(capture_has(c.err, "did you mean verify?"), "%s", c.err);
	RUN("dump", b.dir, "--from", "yesterday");
	cr_assert_eq(c.exit_code, CLI_EXIT_USAGE);
	char path[TEST_PATH_BYTES + 64];
	snprintf(path, sizeof path, "%s/%s", b.dir, WR_SUPERBLOCK_NAME);
	cr_assert_eq(unlink(path), 0);
	remove_segment();
	RUN("verify", b.dir);
	cr_assert_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%d %s", c.exit_code, c.err);
	build_fini(&b);
}

/* A process died as it made the journal: the next open goes on with that (R13). */
Test(journal_cli, a_journal_that_was_never_finished_is_none_yet)
{
	static const char *const words[] = {"ls", "dump", "verify", "tail"};
	char path[TEST_PATH_BYTES + 64];

	build_init(&b);
	snprintf(path, sizeof path, "%s/%s", b.dir, WR_SUPERBLOCK_NAME);
	cr_assert_eq(truncate(path, 0), 0);
	remove_segment();
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		RUN(words[i], b.dir);
		cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%s: %d %s", words[i], c.exit_code,
			     c.err);
		cr_expect(capture_has(c.err, "no journal in this directory yet"), "%s", c.err);
	}
	RUN("tail", "--follow", b.dir);
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%d %s", c.exit_code, c.err);
	struct weir_journal_visitor visitor;
	struct weir_problem problem;
	weir_journal_visitor_init(&visitor);
	visitor.idle = never_idle;
	cr_expect_eq(weir_journal_follow(b.dir, &visitor, &problem), -ENOENT);
	cr_expect(capture_has(problem.text, "no journal in this directory yet"), "%s",
		  problem.text);
	build_fini(&b);
}

Test(journal_cli, a_journal_that_lost_its_superblock_is_damaged)
{
	char path[TEST_PATH_BYTES + 64];

	build_sample(&b);
	snprintf(path, sizeof path, "%s/%s", b.dir, WR_SUPERBLOCK_NAME);
	cr_assert_eq(unlink(path), 0);
	RUN("verify", b.dir);
	cr_expect_eq(c.exit_code, CLI_EXIT_DAMAGE, "%d %s", c.exit_code, c.err);
	cr_expect(capture_has(c.err, "JOURNAL is missing, but 0-00000001.seg holds events"), "%s",
		  c.err);
	build_fini(&b);
}

Test(journal_cli, a_newer_format_is_named)
{
	uint8_t block[WR_BLOCK_BYTES];

	build_init(&b);
	for (uint32_t copy = 0; copy < WR_SUPERBLOCK_COPIES; copy++) {
		wr_superblock_encode(&b.superblock, copy, block);
		wr_put_u16(block + 8, WR_JOURNAL_FORMAT + 1);
		wr_put_u32(block + 508, wr_crc32c(1, block, 508));
		build_put(&b, WR_SUPERBLOCK_NAME, block, sizeof block, copy * WR_BLOCK_BYTES);
	}
	RUN("dump", b.dir);
	cr_assert_eq(c.exit_code, CLI_EXIT_FORMAT, "%s", c.err);
	cr_assert(capture_has(c.err, "WEIR_E_FORMAT"), "%s", c.err);
	/* A script can tell it from damage, and from what else may go wrong. */
	RUN("verify", b.dir);
	cr_assert_eq(c.exit_code, 11, "%d %s", c.exit_code, c.err);
	cr_assert(capture_has(c.err, "WEIR_E_FORMAT"), "%s", c.err);
	build_fini(&b);
}

Test(journal_cli, a_directory_that_cannot_be_written_is_enough)
{
	build_sample(&b);
	cr_assert_eq(chmod(b.dir, 0500), 0);
	RUN("verify", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	RUN("dump", b.dir);
	cr_assert_eq(line_count(c.out), 5);
	cr_assert_eq(chmod(b.dir, 0700), 0);
	/* And nothing was left behind in it: no lock, no file. */
	unsigned files = 0;
	DIR *dir = opendir(b.dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		files += entry->d_name[0] != '.';
	closedir(dir);
	cr_assert_eq(files, 2);
	build_fini(&b);
}

Test(journal_cli, names_of_topics_outlive_the_segment_that_defined_them)
{
	char path[TEST_PATH_BYTES + 64];

	build_sample(&b);
	build_roll(&b);
	build_event(&b, 3, "k", "kept");
	build_seal(&b);
	build_evidence(&b);
	build_checkpoint(&b);
	snprintf(path, sizeof path, "%s/0-00000001.seg", b.dir);
	cr_assert_eq(unlink(path), 0);
	RUN("dump", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s%s", c.out, c.err);
	cr_assert(capture_has(c.out, " orders[3] key=\"k\" \"kept\"\n"), "%s", c.out);
	/* Without a good checkpoint there is no name, and the event is shown all the same. */
	build_flip(&b, "0-checkpoint.0", WR_BLOCK_BYTES + 8);
	RUN("dump", b.dir);
	cr_assert_eq(line_count(c.out), 1, "%s%s", c.out, c.err);
	cr_assert(capture_has(c.out, " topic-0[?] key=\"k\" \"kept\"\n"), "%s", c.out);
	cr_assert(capture_has(c.err, "note: checkpoint in 0-checkpoint.0"), "%s", c.err);
	build_fini(&b);
}

/* --- any byte -------------------------------------------------------------------------------- */

struct seen {
	uint32_t hash; /* of all events, in order */
	uint32_t events;
	uint32_t damages;
};

static int see_event(void *context, const struct weir_journal_event *event)
{
	struct seen *seen = context;
	const struct weir_item *item = &event->item;
	const char *name = event->topic_name != NULL ? event->topic_name : "?";

	seen->events++;
	seen->hash = wr_crc32c(seen->hash, &item->sequence, sizeof item->sequence);
	seen->hash = wr_crc32c(seen->hash, &item->append_time_us, sizeof item->append_time_us);
	seen->hash = wr_crc32c(seen->hash, &item->partition, sizeof item->partition);
	seen->hash = wr_crc32c(seen->hash, name, strlen(name));
	if (item->key != NULL)
		seen->hash = wr_crc32c(seen->hash, item->key, item->key_bytes);
	if (item->payload != NULL)
		seen->hash = wr_crc32c(seen->hash, item->payload, item->payload_bytes);
	return 0;
}

static int see_damage(void *context, const struct weir_journal_damage *damage)
{
	struct seen *seen = context;

	(void)damage;
	seen->damages++;
	return 0;
}

static int look(struct seen *seen)
{
	struct weir_journal_visitor visitor;

	*seen = (struct seen){0};
	weir_journal_visitor_init(&visitor);
	visitor.event = see_event;
	visitor.damage = see_damage;
	visitor.context = seen;
	return weir_journal_inspect(b.dir, &visitor, NULL, NULL);
}

Test(journal_cli, a_wrong_byte_anywhere_is_told_or_changes_nothing)
{
	static const struct {
		const char *file;
		uint64_t from;
		uint64_t to;
	} parts[] = {
		{WR_SUPERBLOCK_NAME, 0, 520},
		{"0-00000001.seg", 0, 520},
		{"0-00000001.seg", WR_BLOCK_BYTES, WR_BLOCK_BYTES + 600},
		{"0-00000001.seg", 2 * WR_BLOCK_BYTES, 2 * WR_BLOCK_BYTES + 600},
		{"0-00000001.seg", 3 * WR_BLOCK_BYTES, 3 * WR_BLOCK_BYTES + 600},
		{"0-00000001.seg", 4 * WR_BLOCK_BYTES, 4 * WR_BLOCK_BYTES + 300},
		{"0-checkpoint.0", 0, 520},
		{"0-checkpoint.0", WR_BLOCK_BYTES, WR_BLOCK_BYTES + 140},
	};
	struct seen whole;
	struct seen seen;

	build_sample(&b);
	build_checkpoint(&b);
	cr_assert_eq(look(&whole), 0);
	cr_assert_eq(whole.events, 5);
	cr_assert_eq(whole.damages, 0);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		for (uint64_t at = parts[i].from; at < parts[i].to; at += 3) {
			build_flip(&b, parts[i].file, at);
			cr_assert_eq(look(&seen), 0, "%s at %llu", parts[i].file,
				     (unsigned long long)at);
			cr_assert(seen.damages > 0 || seen.hash == whole.hash, "%s at %llu: silent",
				  parts[i].file, (unsigned long long)at);
			cr_assert_leq(seen.events, whole.events);
			build_flip(&b, parts[i].file, at);
		}
	cr_assert_eq(look(&seen), 0);
	cr_assert_eq(seen.hash, whole.hash);
	build_fini(&b);
}
