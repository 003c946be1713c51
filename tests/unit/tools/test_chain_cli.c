/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   `weir journal verify --chain` says of a chain what there is to say, as text and as JSON,
 *         takes the head that it has printed, says the right thing to the shell, and refuses what
 *         does not go together. Commands that open a journal as its owner do so with its key, and
 *         begin no chain where there is none.
 * Method: a journal with a key, made through the public API, whole, damaged, under another key, and
 *         one without; the command in a child process.
 */
#include <criterion/criterion.h>

#include "tests/support/capture.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/unit/tools/journal_build.h"

#include <weir/journal.h>

#include "tools/weir/args.h"
#include "tools/weir/owned.h"

static struct fixture f;
static struct capture c;
static char key_file[2 * TEST_PATH_BYTES], other_file[2 * TEST_PATH_BYTES];
static char head[80];

#define RUN(...) CAPTURE(&c, cmd_journal, "journal", "verify", f.dir, __VA_ARGS__)
#define CHAIN(...) RUN("--chain", "--key-file", key_file, __VA_ARGS__)

static void put_key(char path[2 * TEST_PATH_BYTES], const char *name, const char *key)
{
	(void)snprintf(path, 2 * TEST_PATH_BYTES, "%s.%s", f.dir, name);
	FILE *to = fopen(path, "w");
	cr_assert_not_null(to, "%s", path);
	cr_assert_geq(fputs(key, to), 0);
	cr_assert_eq(fclose(to), 0);
}

/* The head as it was printed. */
static void note_head(void)
{
	CHAIN("--no-color");
	cr_assert_eq(c.exit_code, CLI_EXIT_OK, "%s%s", c.out, c.err);
	const char *line = strstr(c.out, "head      ");
	cr_assert_not_null(line, "%s", c.out);
	cr_assert_eq(sscanf(line, "head %79s", head), 1);
}

static void setup(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
	put_key(key_file, "key", "a key of at least thirty-two bytes, of the test");
	put_key(other_file, "other", "another key of at least thirty-two bytes");
	f.options.chain_key_file = key_file;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "t", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	for (uint64_t i = 0; i < 5; i++)
		fixture_wait(producer, fixture_publish(producer, topic, i, i + 1));
	fixture_close(&f, NULL);
	note_head();
}

static void teardown(void)
{
	(void)unlink(key_file);
	(void)unlink(other_file);
	fixture_end(&f);
}

TestSuite(chain_cli, .init = setup, .fini = teardown, .timeout = 60);

static void expect_out(int exit_code, const char *text)
{
	cr_expect_eq(c.exit_code, exit_code, "%d, not %d: %s%s", c.exit_code, exit_code, c.out,
		     c.err);
	cr_expect(capture_has(c.out, text), "%s\nis not in\n%s", text, c.out);
}

static void expect_refused(const char *text)
{
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "%d: %s", c.exit_code, c.err);
	cr_expect(capture_has(c.err, text), "%s\nis not in\n%s", text, c.err);
	cr_expect_str_eq(c.out, "");
}

/* All names of docs/reference/cli.md, in that order. */
static void expect_names(bool broken)
{
	static const char *const names[] = {
		"ok",
		"batches",
		"linked_batches",
		"altered_batches",
		"proven_records",
		"corrupt_count",
		"oldest_sequence",
		"begins_sequence",
		"is_cut_at_front",
		"beginnings",
		"broken",
		"broken_sequence",
		"broken_segment_id",
		"broken_offset",
		"text",
		"expected",
		"head",
	};
	const char *at = c.out;
	char quoted[40];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		bool is_of_break = i >= 11 && i < 15;
		(void)snprintf(quoted, sizeof quoted, "\"%s\": ", names[i]);
		const char *place = strstr(at, quoted);
		cr_expect_eq(place != NULL, !is_of_break || broken, "%s:\n%s", names[i], c.out);
		at = place != NULL ? place : at;
	}
}

Test(chain_cli, a_whole_chain_and_the_head_that_was_noted)
{
	CHAIN("--no-color");
	expect_out(CLI_EXIT_OK, "chain     whole: ");
	expect_out(CLI_EXIT_OK, "begins    with sequence 1\n");
	cr_expect_not(capture_has(c.out, "expected"), "%s", c.out);
	CHAIN("--json");
	expect_out(CLI_EXIT_OK, "\"ok\": true");
	expect_out(CLI_EXIT_OK, "\"expected\": \"not asked\"");
	expect_out(CLI_EXIT_OK, head);
	expect_names(false);
	CHAIN("--expect", head);
	expect_out(CLI_EXIT_OK, "expected  found");
	CHAIN("--expect", head, "--json");
	expect_out(CLI_EXIT_OK, "\"expected\": \"found\"");
}

Test(chain_cli, a_head_that_is_not_there_is_missing)
{
	char *last = head + strlen(head) - 1;

	*last = *last == '0' ? '1' : '0';
	CHAIN("--expect", head);
	expect_out(CLI_EXIT_DAMAGE, "expected  MISSING");
	expect_out(CLI_EXIT_DAMAGE, "chain     whole: ");
	CHAIN("--expect", head, "--json");
	expect_out(CLI_EXIT_DAMAGE, "\"expected\": \"missing\"");
	expect_out(CLI_EXIT_DAMAGE, "\"ok\": false");
	/* The log begins with 1: what stood before it can have left. */
	CHAIN("--expect", "0-00000000000000000000000000000000");
	expect_out(CLI_EXIT_OK, "expected  has left the journal");
	CHAIN("--expect", "0-00000000000000000000000000000000", "--json");
	expect_out(CLI_EXIT_OK, "\"expected\": \"retired\"");
}

Test(chain_cli, another_key_proves_nothing)
{
	RUN("--chain", "--key-file", other_file);
	expect_out(CLI_EXIT_DAMAGE, "chain     BROKEN: ");
	expect_out(CLI_EXIT_DAMAGE, "broken    at sequence 1, segment 1, offset 4096: ");
	expect_out(CLI_EXIT_DAMAGE, "proven    0 records");
	RUN("--chain", "--key-file", other_file, "--json");
	expect_out(CLI_EXIT_DAMAGE, "\"ok\": false");
	expect_out(CLI_EXIT_DAMAGE, "\"broken\": true");
	expect_out(CLI_EXIT_DAMAGE, "\"broken_sequence\": 1");
	expect_names(true);
}

Test(chain_cli, damage_is_counted_and_no_chain_is_said)
{
	static struct build b;
	char dir[TEST_PATH_BYTES];

	build_sample(&b);
	memcpy(dir, f.dir, sizeof dir);
	memcpy(f.dir, b.dir, sizeof dir);
	CHAIN("--no-color");
	expect_out(CLI_EXIT_DAMAGE, "chain     none: no batch of this journal has a link\n");
	CHAIN("--json");
	expect_out(CLI_EXIT_DAMAGE, "\"linked_batches\": 0");
	expect_out(CLI_EXIT_DAMAGE, "\"head\": \"\"");
	expect_names(false);
	memcpy(f.dir, dir, sizeof dir);
	build_fini(&b);
	memcpy(b.dir, f.dir, sizeof dir);
	build_flip(&b, "0-00000000.seg", WR_BLOCK_BYTES + 200);
	CHAIN("--no-color");
	expect_out(CLI_EXIT_DAMAGE, "damaged   1 places: weir journal verify says which\n");
	CHAIN("--json");
	expect_out(CLI_EXIT_DAMAGE, "\"corrupt_count\": 1");
}

Test(chain_cli, what_is_no_head_is_refused)
{
	static const char *const heads[] = {
		"7",
		"7-",
		"-7-00000000000000000000000000000000",
		" 7-00000000000000000000000000000000",
		"7-0000000000000000000000000000000",
		"7-000000000000000000000000000000000",
		"7-0x000000000000000000000000000000",
		"7-0000000000000000000000000000000g",
		"99999999999999999999-00000000000000000000000000000000",
	};

	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		CHAIN("--expect", heads[i]);
		expect_refused("--expect takes a head as it was printed: SEQUENCE-LINK");
	}
}

Test(chain_cli, what_does_not_go_together_is_refused)
{
	RUN("--chain");
	expect_refused("--chain needs --key-file");
	RUN("--key-file", key_file);
	expect_refused("--key-file goes with --chain");
	RUN("--expect", head);
	expect_refused("--expect goes with --chain");
	CHAIN("--threads", "1");
	expect_refused("--threads does not go with --chain");
}

Test(chain_cli, a_key_that_cannot_be_had_is_told)
{
	RUN("--chain", "--key-file", "/nowhere/key");
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%d: %s", c.exit_code, c.err);
	cr_expect(capture_has(c.err, "/nowhere/key"), "%s", c.err);
	put_key(other_file, "other", "short");
	RUN("--chain", "--key-file", other_file);
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "%d: %s", c.exit_code, c.err);
	cr_expect(capture_has(c.err, "32"), "%s", c.err);
	CAPTURE(&c, cmd_journal, "journal", "verify", "/nowhere/at/all", "--chain", "--key-file",
		key_file);
	cr_expect_eq(c.exit_code, CLI_EXIT_NOT_FOUND, "%d: %s", c.exit_code, c.err);
}

/* One of each command that opens a journal as its owner. */
static const struct owner {
	int (*run)(int argc, char **argv);
	const char *name, *word, *more;
} owners[] = {
	{cmd_topic, "topic", "ls", NULL},     {cmd_group, "group", "ls", NULL},
	{cmd_archive, "archive", "ls", NULL}, {cmd_dlq, "dlq", "ls", "t"},
	{cmd_schema, "schema", "ls", NULL},   {cmd_journal, "journal", "erase", NULL},
};

#define OWNERS (sizeof owners / sizeof owners[0])

static void run_owner(const struct owner *o, const char *dir, const char *key)
{
	const char *words[6] = {o->word, dir};
	size_t count = 2;

	if (o->more != NULL)
		words[count++] = o->more;
	if (key != NULL) {
		words[count++] = "--key-file";
		words[count++] = key;
	}
	capture_run(&c, o->run, o->name, words);
}

Test(chain_cli, an_owner_needs_the_key)
{
	for (size_t i = 0; i < OWNERS; i++) {
		run_owner(&owners[i], f.dir, NULL);
		cr_expect_eq(c.exit_code, CLI_EXIT_FAILED, "%s: %d", owners[i].name, c.exit_code);
		cr_expect(capture_has(c.err, "this journal has a chain"), "%s", c.err);
		cr_expect(capture_has(c.err, "--key-file takes what its program has"), "%s", c.err);
		run_owner(&owners[i], f.dir, other_file);
		cr_expect_eq(c.exit_code, CLI_EXIT_FAILED, "%s: %d", owners[i].name, c.exit_code);
		cr_expect(capture_has(c.err, "with another key"), "%s", c.err);
		run_owner(&owners[i], f.dir, key_file);
		cr_expect_eq(c.exit_code, CLI_EXIT_OK, "%s: %s", owners[i].name, c.err);
	}
	CHAIN("--expect", head);
	expect_out(CLI_EXIT_OK, "expected  found");
}

Test(chain_cli, a_command_begins_no_chain_but_with_the_journal)
{
	struct owned_limits limits = {.outstanding_max = 16, .key_file = key_file};
	struct weir_pipeline *pipeline = NULL;
	struct fixture plain;

	fixture_begin(&plain, FIXTURE_DURABLE);
	fixture_close(&plain, NULL);
	for (size_t i = 0; i < OWNERS; i++) {
		run_owner(&owners[i], plain.dir, key_file);
		cr_expect_eq(c.exit_code, CLI_EXIT_USAGE, "%s: %d", owners[i].name, c.exit_code);
		cr_expect(capture_has(c.err, "--key-file: this journal has no chain"), "%s", c.err);
	}
	fixture_open(&plain);
	fixture_end(&plain);
	fixture_init(&plain, FIXTURE_DURABLE);
	cr_assert_eq(owned_open_running(plain.dir, &limits, true, "", &pipeline), CLI_GO_ON);
	cr_assert_eq(owned_close(pipeline, plain.dir, CLI_EXIT_OK), CLI_EXIT_OK);
	run_owner(&owners[0], plain.dir, NULL);
	cr_expect(capture_has(c.err, "this journal has a chain"), "%s", c.err);
	CAPTURE(&c, cmd_journal, "journal", "ls", plain.dir);
	expect_out(CLI_EXIT_OK, "; it has a chain");
	CAPTURE(&c, cmd_journal, "journal", "ls", plain.dir, "--json");
	expect_out(CLI_EXIT_OK, "\"chained\": true");
	fixture_end(&plain);
}
