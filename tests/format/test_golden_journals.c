/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   journals that were written once by each version of the format are read and gone on with
 *         for ever, exactly as they were written; and one of a newer format is refused by name, and
 *         stays as it is.
 * Method: tests/data/journal/format-1.tar.xz holds two directories: `closed` (a log whose beginning
 *         was retired, with two checkpoints and segments that were used again) and `killed` (two
 *         lives that died); format-1-packed.tar.xz one, `packed`, with packed segments;
 *         format-1-grown.tar.xz one, `grown`, with a topic that grew in each of two lives;
 *         format-1-compacted.tar.xz one, `compacted`, with segments that events have left;
 *         format-1-compressed.tar.xz one, `compressed`, with frames of LZ4 and of Zstandard;
 *         format-1-chained.tar.xz one, `chained`, whose second life began a chain, with its key.
 *         What is in them is kept too: counts and sequences below, and the digest
 *         of what read_journal.py says, which knows the format's page and no line of weir. Then a
 *         pipeline opens each. For a newer format one is changed to say that it is.
 *
 * `test_golden_journals --make DIR` makes the directories anew, for the day when there is a new
 * format: the old ones are kept beside them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/crc32c.h"
#include "tests/format/format_bed.h"
#include "tools/weir/args.h"

#define KEY_NAME "chain.key" /* in the journal's directory, where no key belongs */
#define BLOCK_BYTES 4096
#define CRC_AT 508
#define NEW_EVENTS 50u

struct golden {
	const char *name;
	bool clean;
	uint32_t epoch;
	uint64_t oldest_sequence;
	uint64_t last_sequence;
	uint64_t events;
	uint64_t left_out; /* events that compaction took */
	uint64_t segments;
	uint64_t left_events;    /* that the group "reader" has not acknowledged */
	uint64_t left_first;     /* the first of their sequences, */
	uint64_t left_sum;       /* and the sum of all */
	uint64_t named_sequence; /* of the producer "named" */
	uint32_t partitions;     /* of the topic "first" */
	bool compressed;         /* with both libraries */
	uint64_t linked;         /* batches that have a link; 0: there is no chain */
	const char *head;        /* of the chain */
	const char *digest;      /* sha256 of the records, by read_journal.py */
};

static const struct golden goldens[] = {
	{.name = "closed",
	 .clean = true,
	 .epoch = 3,
	 .oldest_sequence = 5853,
	 .last_sequence = 6980,
	 .events = 1062,
	 .segments = 2,
	 .left_events = 324,
	 .left_first = 6486,
	 .left_sum = 2178044,
	 .named_sequence = 264,
	 .partitions = 3,
	 .digest = "87011e0e4693586c51edf7efbe672d48f00a82b00d33b9cc3e7980b49f4cc2ba"},
	{.name = "killed",
	 .clean = false,
	 .epoch = 2,
	 .oldest_sequence = 1,
	 .last_sequence = 1027,
	 .events = 1008,
	 .segments = 3,
	 .left_events = 704,
	 .left_first = 46,
	 .left_sum = 370960,
	 .named_sequence = 264,
	 .partitions = 3,
	 .digest = "80f577f8a5d557a6abe4e030a8dc3e4e0291f80197b68c937491b7251add7960"},
	{.name = "packed",
	 .clean = true,
	 .epoch = 3,
	 .oldest_sequence = 1,
	 .last_sequence = 1013,
	 .events = 992,
	 .segments = 10,
	 .left_events = 556,
	 .left_first = 27,
	 .left_sum = 306125,
	 .named_sequence = 396,
	 .partitions = 3,
	 .digest = "7e040ea2b3ea74ccebd5a19c31338753717cee6f745b0a882d3b919c6e6e6ea0"},
	{.name = "grown",
	 .clean = true,
	 .epoch = 2,
	 .oldest_sequence = 1,
	 .last_sequence = 1554,
	 .events = 1528,
	 .segments = 3,
	 .left_events = 1128,
	 .left_first = 306,
	 .left_sum = 1092040,
	 .named_sequence = 264,
	 .partitions = 12,
	 .digest = "f806b8072300b7729bb81fd5e097653e1b8f94802683723c2a0302bfdc919bc9"},
	{.name = "compacted",
	 .clean = true,
	 .epoch = 2,
	 .oldest_sequence = 1,
	 .last_sequence = 12329,
	 .events = 11684,
	 .left_out = 630,
	 .segments = 79,
	 .left_events = 162,
	 .left_first = 12028,
	 .left_sum = 1968177,
	 .named_sequence = 132,
	 .partitions = 3,
	 .digest = "5226c19882e2b3cc592b952c56f8a1461d8491fb78de9ce4ea7c690b3c725a2b"},
	{.name = "compressed",
	 .clean = true,
	 .epoch = 4,
	 .oldest_sequence = 1,
	 .last_sequence = 3647,
	 .events = 3628,
	 .segments = 6,
	 .left_events = 324,
	 .left_first = 42,
	 .left_sum = 651897,
	 .named_sequence = 264,
	 .partitions = 3,
	 .compressed = true,
	 .digest = "f06c2950bfb7fcffe1553f6763917718b27854fa8f1ca1eef3610b7d657bcdf4"},
	{.name = "chained",
	 .clean = true,
	 .epoch = 4,
	 .oldest_sequence = 1,
	 .last_sequence = 1334,
	 .events = 1306,
	 .segments = 11,
	 .left_events = 718,
	 .left_first = 66,
	 .left_sum = 519397,
	 .named_sequence = 528,
	 .partitions = 3,
	 .linked = 125,
	 .head = "1334-94c4dede9d36f039711a0afcea417fde",
	 .digest = "c49c0cc784083805cffe9a25ad655c5f31ec642ca40d4b901f6e7b6d6006eff5"},
};

static char base[TEST_PATH_BYTES];

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
	char command[4 * TEST_PATH_BYTES];
	va_list arguments;

	va_start(arguments, format);
	int n = vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	fixture_need(n > 0 && (size_t)n < sizeof command, "a command");
	fflush(NULL);
	return system(command);
}

/* --- making ----------------------------------------------------------------------------------- */

static void small_options(void)
{
	fixture_init(&format_fixture, FIXTURE_DURABLE);
	format_fixture.options.chunk_bytes = 16u << 10;
	format_fixture.options.segment_bytes = 64u << 10;
	format_fixture.options.segments_ahead = 1;
	format_fixture.options.checkpoint_bytes = 32u << 10;
}

static char key_path[TEST_PATH_BYTES];

/* From now on lives of the fixture's directory have the key that lies in it. */
static void use_key(void)
{
	format_path(key_path, KEY_NAME);
	format_fixture.options.chain_key_file = key_path;
}

static void make_chained(const char *to)
{
	small_options();
	fixture_need(format_in_child(format_live, "1k") == 128 + SIGKILL, "a life without a key");
	use_key();
	fixture_need(shell("printf %%s 'a key that is kept beside its journal' >'%s'", key_path) ==
				     0 &&
			     format_in_child(format_live, "2k") == 128 + SIGKILL &&
			     format_in_child(format_live_packed, "2") == 0 &&
			     format_in_child(format_live, "4c") == 0,
		     "lives with a chain");
	fixture_need(shell("cp -r '%s' '%s/chained'", format_fixture.dir, to) == 0, "a copy");
	fixture_end(&format_fixture);
}

static int make(const char *to)
{
	small_options();
	fixture_need(format_in_child(format_live, "1k") == 128 + SIGKILL &&
			     format_in_child(format_live, "2k") == 128 + SIGKILL,
		     "lives that are killed");
	fixture_need(shell("mkdir -p '%s' && cp -r '%s' '%s/killed'", to, format_fixture.dir, to) ==
			     0,
		     "a copy");
	fixture_end(&format_fixture);
	small_options();
	format_fixture.options.retention_bytes = 128u << 10;
	fixture_need(format_in_child(format_live, "1c") == 0 &&
			     format_in_child(format_live_long, NULL) == 0 &&
			     format_in_child(format_live, "2c") == 0,
		     "lives that are closed");
	fixture_need(shell("cp -r '%s' '%s/closed'", format_fixture.dir, to) == 0, "a copy");
	fixture_end(&format_fixture);
	small_options();
	fixture_need(format_in_child(format_live, "1c") == 0 &&
			     format_in_child(format_live_packed, "3") == 0 &&
			     format_in_child(format_live, "2c") == 0,
		     "lives of which one packs");
	fixture_need(shell("cp -r '%s' '%s/packed'", format_fixture.dir, to) == 0, "a copy");
	fixture_end(&format_fixture);
	small_options();
	fixture_need(format_in_child(format_live_grown, "1k") == 128 + SIGKILL &&
			     format_in_child(format_live_grown, "2c") == 0,
		     "lives in which a topic grows");
	fixture_need(shell("cp -r '%s' '%s/grown'", format_fixture.dir, to) == 0, "a copy");
	fixture_end(&format_fixture);
	small_options();
	fixture_need(format_in_child(format_live_compacted, NULL) == 0 &&
			     format_in_child(format_live, "2c") == 0,
		     "lives of which one compacts");
	fixture_need(shell("cp -r '%s' '%s/compacted'", format_fixture.dir, to) == 0, "a copy");
	fixture_end(&format_fixture);
	small_options();
	fixture_need(format_in_child(format_live, "1c") == 0 &&
			     format_in_child(format_live_compressed, "l") == 0 &&
			     format_in_child(format_live_compressed, "z") == 0 &&
			     format_in_child(format_live, "2c") == 0,
		     "lives of which two compress");
	fixture_need(shell("cp -r '%s' '%s/compressed'", format_fixture.dir, to) == 0, "a copy");
	fixture_end(&format_fixture);
	make_chained(to);
	return shell("rm -f '%s'/*/LOCK", to);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A fresh copy of a kept journal in the fixture's directory. */
static void take(const struct golden *g)
{
	small_options();
	fixture_need(shell("cp -r '%s/%s/.' '%s'", base, g->name, format_fixture.dir) == 0,
		     "a copy");
	if (g->linked != 0)
		use_key();
}

static bool is(const struct golden *g, const char *what, uint64_t value, uint64_t kept)
{
	if (value != kept)
		tap_note("%s: %s is %llu, and was %llu", g->name, what, (unsigned long long)value,
			 (unsigned long long)kept);
	return value == kept;
}

static bool inspected_as_kept(const struct golden *g)
{
	struct weir_journal_report r;
	int rc = weir_journal_inspect(format_fixture.dir, NULL, &r, NULL);

	return rc == 0 && is(g, "format", r.format, 1) && is(g, "clean", r.clean, g->clean) &&
	       is(g, "epoch", r.epoch, g->epoch) && is(g, "corrupt_count", r.corrupt_count, 0) &&
	       is(g, "oldest_sequence", r.oldest_sequence, g->oldest_sequence) &&
	       is(g, "last_sequence", r.last_sequence, g->last_sequence) &&
	       is(g, "record_count", r.record_count, g->last_sequence - g->oldest_sequence + 1) &&
	       is(g, "event_count", r.event_count, g->events) &&
	       is(g, "left_out_count", r.left_out_count, g->left_out) &&
	       is(g, "segment_count", r.segment_count, g->segments);
}

static void check_independent_reader(const struct golden *g)
{
	const char *source = getenv("WEIR_TEST_SOURCE");

	int status =
		shell("python3 '%s/tests/format/read_journal.py' '%s' >'%s/said' 2>/dev/null; "
		      "status=$?; [ $status = 77 ] && exit 77; "
		      "sha256sum <'%s/said' | grep -q '^%s '",
		      source != NULL ? source : ".", format_fixture.dir, base, base, g->digest);
	if (WEXITSTATUS(status) == FORMAT_NOT_READ_HERE)
		tap_skip("Zstandard is not here for Python: the script read nothing");
	else
		tap_check(status == 0, "%s: record by record as it was, to the independent reader",
			  g->name);
}

/* --- a chain ---------------------------------------------------------------------------------- */

static bool is_whole(struct weir_chain_report *ret_report, const struct weir_chain_report *noted)
{
	struct weir_chain_check check;
	struct weir_problem problem = {0};

	weir_chain_check_init(&check);
	check.key_file = key_path;
	if (noted != NULL) {
		check.expect = true;
		check.expect_sequence = noted->head_sequence;
		memcpy(check.expect_link, noted->head_link, sizeof check.expect_link);
	}
	*ret_report = (struct weir_chain_report){.struct_bytes = sizeof *ret_report};
	int rc = weir_chain_verify(format_fixture.dir, &check, ret_report, &problem);
	if (rc != 0 || ret_report->broken)
		tap_note("the chain: %d %s%s", rc, problem.text, ret_report->text);
	return rc == 0 && !ret_report->broken;
}

static bool proven_as_kept(const struct golden *g, struct weir_chain_report *ret_noted)
{
	char head[64];
	int n;

	if (!is_whole(ret_noted, NULL))
		return false;
	n = snprintf(head, sizeof head, "%llu-", (unsigned long long)ret_noted->head_sequence);
	for (size_t i = 0; i < sizeof ret_noted->head_link; i++)
		n += snprintf(head + n, sizeof head - (size_t)n, "%02x", ret_noted->head_link[i]);
	if (strcmp(head, g->head) != 0)
		tap_note("%s: the head is %s", g->name, head);
	return strcmp(head, g->head) == 0 && is(g, "beginnings", ret_noted->beginnings, 1) &&
	       is(g, "linked_batches", ret_noted->linked_batches, g->linked);
}

/* By hashlib's BLAKE2b, and no line of weir. */
static bool proven_by_the_script(const struct golden *g)
{
	const char *source = getenv("WEIR_TEST_SOURCE");

	return shell("python3 '%s/tests/format/read_journal.py' '%s' --chain '%s' 2>/dev/null | "
		     "grep -qx '%s'",
		     source != NULL ? source : ".", format_fixture.dir, key_path, g->head) == 0;
}

static bool refused_without_its_key(void)
{
	struct weir_options options = format_fixture.options;
	struct weir_pipeline *pipeline = NULL;

	options.dir = format_fixture.dir;
	options.chain_key_file = NULL;
	return weir_open(&options, &pipeline, NULL) == -ENOKEY;
}

/* --- a life in it ----------------------------------------------------------------------------- */

/* Everything that a pipeline finds in it, and a life that goes on. */
static bool goes_on(const struct golden *g)
{
	struct weir_info info;
	struct weir_producer_last last = {0};
	struct weir_item item = {.sequence = 0};
	struct weir_journal_report r;
	uint64_t sum = 0, first = UINT64_MAX;

	fixture_open(&format_fixture);
	fixture_info(&format_fixture, &info);
	uint32_t topic = fixture_topic(&format_fixture, "first", g->partitions);
	uint32_t id = fixture_subscription(&format_fixture, "reader", "first");
	struct weir_producer *named = fixture_producer(&format_fixture, "named");
	struct weir_member *member = fixture_member(&format_fixture, id, NULL);
	bool good = is(g, "clean", info.recovery.clean, g->clean) &&
		    is(g, "epoch", info.epoch, g->epoch + 1) &&
		    is(g, "weir_producer_last",
		       weir_producer_last(named, &last) == 0 ? last.producer_sequence : UINT64_MAX,
		       g->named_sequence);
	for (uint64_t i = 0; good && i < g->left_events; i++) {
		good = is(g, "an event for the group", fixture_poll(member, &item, 1, 1, true), 1);
		first = item.sequence < first ? item.sequence : first;
		sum += item.sequence;
	}
	good = is(g, "the group's first sequence", first, g->left_first) &&
	       is(g, "the sum of all", sum, g->left_sum) && good;
	sum = 0;
	/* And none more than these: what comes now is new. */
	fixture_wait(named, fixture_publish(named, topic, 0, NEW_EVENTS));
	for (uint32_t i = 0; good && i < NEW_EVENTS; i++) {
		good = fixture_poll(member, &item, 1, 1, true) == 1 &&
		       item.payload_bytes == sizeof sum;
		sum += good ? fixture_number(&item) : 0;
	}
	good = is(g, "the sum of them", sum, NEW_EVENTS * (NEW_EVENTS - 1) / 2) && good;
	fixture_need(weir_member_leave(member, FIXTURE_LONG_NS) == 0, "a leave");
	fixture_close(&format_fixture, NULL);
	return good && weir_journal_inspect(format_fixture.dir, NULL, &r, NULL) == 0 &&
	       is(g, "corrupt_count", r.corrupt_count, 0);
}

static void check_life(const struct golden *g, bool has_python)
{
	struct weir_chain_report noted, later;

	if (g->linked != 0) {
		tap_check(proven_as_kept(g, &noted), "%s: its chain is the one", g->name);
		if (has_python)
			tap_check(proven_by_the_script(g),
				  "%s: its chain is the one, to the independent reader", g->name);
		tap_check(refused_without_its_key(), "%s: no other goes on in it", g->name);
	}
	tap_check(goes_on(g), "%s: a pipeline goes on in it", g->name);
	if (g->linked != 0)
		tap_check(is_whole(&later, &noted) && later.beginnings == 1 &&
				  later.expected == WEIR_CHAIN_HEAD_FOUND,
			  "%s: and in its chain", g->name);
}

/* --- a newer one ------------------------------------------------------------------------------ */

/* Sets two bytes of a fixed block, with the checksum that belongs to it. */
static void change_block(const char *name, off_t block_at, size_t at, uint8_t value)
{
	char path[TEST_PATH_BYTES];
	uint8_t block[BLOCK_BYTES];

	format_path(path, name);
	int file = open(path, O_RDWR | O_CLOEXEC);
	fixture_need(file >= 0 && pread(file, block, sizeof block, block_at) == BLOCK_BYTES, path);
	block[at] = value;
	uint32_t crc = wr_crc32c(1, block, CRC_AT);
	memcpy(block + CRC_AT, &crc, sizeof crc);
	fixture_need(pwrite(file, block, sizeof block, block_at) == BLOCK_BYTES, path);
	(void)close(file);
}

/* The command line, as a person types it: its exit code. Its words are not ours. */
static void run_verify(const char *to)
{
	char command[] = "journal", verb[] = "verify";
	char *arguments[] = {command, verb, format_fixture.dir, NULL};

	if (freopen(to, "w", stdout) == NULL || freopen(to, "w", stderr) == NULL)
		_exit(99);
	int code = cmd_journal(3, arguments);
	fflush(NULL);
	_exit(code);
}

static bool refused_by_name(const struct golden *g)
{
	char aside[TEST_PATH_BYTES];
	struct weir_pipeline *pipeline = NULL;
	struct weir_problem problem = {0};

	fixture_need(snprintf(aside, sizeof aside, "%s.aside", format_fixture.dir) <
			     (int)sizeof aside,
		     "a name");
	fixture_need(shell("cp -r '%s' '%s'", format_fixture.dir, aside) == 0, "a copy");
	int verified = format_in_child(run_verify, "/dev/null");
	format_fixture.options.dir = format_fixture.dir;
	int opened = weir_open(&format_fixture.options, &pipeline, &problem);
	bool changed =
		shell("diff -r -x LOCK '%s' '%s' >/dev/null", format_fixture.dir, aside) != 0;
	bool named = strstr(problem.text, "newer") != NULL;
	if (verified != CLI_EXIT_FORMAT || opened != WEIR_E_FORMAT || changed || !named)
		tap_note("%s: verify exits with %d, weir_open() with %s (%s)%s", g->name, verified,
			 weir_error_name(opened), problem.text, changed ? ", changed" : "");
	(void)shell("rm -rf '%s'", aside);
	return verified == CLI_EXIT_FORMAT && opened == WEIR_E_FORMAT && !changed && named;
}

static void check_newer(const struct golden *g)
{
	static const struct {
		const char *text;
		size_t at;
		uint8_t value;
	} changes[] = {{"format 2", 8, 2}, {"a feature that a reader must know", 15, 0x80}};

	for (size_t i = 0; i < 2; i++) {
		take(g);
		for (off_t copy = 0; copy < 4; copy++)
			change_block("JOURNAL", copy * BLOCK_BYTES, changes[i].at,
				     changes[i].value);
		tap_check(refused_by_name(g), "%s: %s in the superblock is refused by name",
			  g->name, changes[i].text);
		fixture_end(&format_fixture);
		take(g);
		change_block(g->linked == 0 ? "0-00000003.seg" : "0-00000004.seg", 0, changes[i].at,
			     changes[i].value);
		tap_check(refused_by_name(g), "%s: %s in a segment is refused by name", g->name,
			  changes[i].text);
		fixture_end(&format_fixture);
	}
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool unpack(void)
{
	const char *source = getenv("WEIR_TEST_SOURCE");

	if (shell("command -v tar >/dev/null && command -v xz >/dev/null") != 0)
		return false;
	test_dir_make(base);
	fixture_need(shell("cd '%s/tests/data/journal' && for each in *.tar.xz; do "
			   "tar -C '%s' -xJf $each || exit 1; done",
			   source != NULL ? source : ".", base) == 0,
		     "the kept journals");
	return true;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--make") == 0)
		return make(argv[2]);
	if (!unpack()) {
		tap_skip("there is no tar, or no xz");
		return tap_end();
	}
	bool has_python = shell("python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' "
				"2>/dev/null") == 0;
	for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
		const struct golden *g = &goldens[i];
		if (g->compressed && !(format_has_codec('l') && format_has_codec('z'))) {
			tap_skip("this build lacks a library that compresses");
			continue;
		}
		take(g);
		tap_check(inspected_as_kept(g), "%s: weir finds what was written", g->name);
		if (has_python) {
			check_independent_reader(g);
			format_check_both(g->name);
		}
		check_life(g, has_python);
		fixture_end(&format_fixture);
		check_newer(g);
	}
	test_dir_remove(base);
	return tap_end();
}
