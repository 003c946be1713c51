/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   what somebody does to a journal who can write its files, knows their format and makes all
 *         checksums right, but has not the key, is found, and said where; what weir itself does to
 *         it (restarts, packing, a backup) breaks nothing; and no pipeline opens it with another
 *         key, or none.
 * Method: a journal with a key, made through the public API; then the attacker: batches changed,
 *         removed, changed about, stripped of their links, with every checksum from there on made
 *         anew; files put back as they were before.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/journal.h>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/record/chain.h"
#include "tests/support/pipeline_fixture.h"

#define SEGMENT_BYTES_MAX (2u << 20)
#define BATCHES_MAX 400u

static struct fixture f;
static char key_file[TEST_PATH_BYTES], other_key_file[TEST_PATH_BYTES];
static uint8_t uuid[WR_UUID_BYTES];

static void write_file(const char *path, const void *bytes, size_t count)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fixture_need(file >= 0 && write(file, bytes, count) == (ssize_t)count, path);
	(void)close(file);
}

static void path_of(char to[TEST_PATH_BYTES], const char *name)
{
	fixture_need(snprintf(to, TEST_PATH_BYTES, "%s.%s", f.dir, name) < TEST_PATH_BYTES, name);
}

static void path_in(char to[TEST_PATH_BYTES], const char *name)
{
	fixture_need(snprintf(to, TEST_PATH_BYTES, "%s/%s", f.dir, name) < TEST_PATH_BYTES, name);
}

static void setup(void)
{
	uint8_t key[40];

	fixture_init(&f, FIXTURE_DURABLE);
	f.options.segment_bytes = 2 * FIXTURE_CHUNK_BYTES;
	path_of(key_file, "key");
	path_of(other_key_file, "other");
	memset(key, 'k', sizeof key);
	write_file(key_file, key, sizeof key);
	key[39] ^= 1;
	write_file(other_key_file, key, sizeof key);
	f.options.chain_key_file = key_file;
}

static void teardown(void)
{
	(void)unlink(key_file);
	(void)unlink(other_key_file);
	fixture_end(&f);
}

TestSuite(chain, .init = setup, .fini = teardown, .timeout = 120);

/* So many events, each in a batch of its own. */
static void live(uint64_t events)
{
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "t", 2);
	struct weir_producer *producer = fixture_producer(&f, NULL);

	for (uint64_t i = 0; i < events; i++)
		fixture_wait(producer, fixture_publish(producer, topic, i, i + 1));
	fixture_close(&f, NULL);
}

static struct weir_chain_report verify_with(const char *key, const struct weir_chain_report *head)
{
	struct weir_chain_report r = {.struct_bytes = sizeof r};
	struct weir_chain_check check;
	struct weir_problem why = {.text = ""};

	weir_chain_check_init(&check);
	check.key_file = key;
	if (head != NULL) {
		check.expect = true;
		check.expect_sequence = head->head_sequence;
		memcpy(check.expect_link, head->head_link, sizeof check.expect_link);
	}
	cr_assert_eq(weir_chain_verify(f.dir, &check, &r, &why), 0, "%s", why.text);
	return r;
}

static struct weir_chain_report verify(void)
{
	return verify_with(key_file, NULL);
}

/* --- the attacker ----------------------------------------------------------------------------- */

/* The first segment, and its batches. */
static uint8_t segment[SEGMENT_BYTES_MAX];
static size_t segment_bytes;
static uint32_t batch_at[BATCHES_MAX], batch_count;
static char segment_path[TEST_PATH_BYTES];

static struct wr_batch_header *batch(uint32_t n)
{
	return (struct wr_batch_header *)(void *)(segment + batch_at[n]);
}

static void load(void)
{
	path_in(segment_path, "0-00000000.seg");
	int file = open(segment_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = file >= 0 ? read(file, segment, sizeof segment) : -1;

	fixture_need(n > 0, segment_path);
	(void)close(file);
	segment_bytes = (size_t)n;
	memcpy(uuid, segment + 16, sizeof uuid);
	batch_count = 0;
	for (uint32_t at = WR_BLOCK_BYTES; at < segment_bytes && batch_count < BATCHES_MAX;) {
		const struct wr_batch_header *h = (const void *)(segment + at);
		if (h->magic != WR_BATCH_MAGIC)
			break;
		batch_at[batch_count++] = at;
		at += h->batch_bytes + h->skip_bytes;
	}
	cr_assert_gt(batch_count, 12u);
}

/* Every checksum from the n-th batch on, and nothing that says how it ended before. */
static void make_right(uint32_t n)
{
	uint32_t chain = n > 0 ? batch(n - 1)->header_crc : batch(0)->chain;
	char path[TEST_PATH_BYTES];
	uint8_t block[WR_BLOCK_BYTES];

	for (; n < batch_count; n++) {
		struct wr_batch_header *h = batch(n);
		uint32_t seed = wr_batch_seed(uuid, h->segment_id);
		h->chain = chain;
		h->body_crc = wr_crc32c(seed, (uint8_t *)h + WR_BATCH_HEADER_BYTES,
					h->batch_bytes - WR_BATCH_HEADER_BYTES);
		h->header_crc = wr_crc32c(seed, h, offsetof(struct wr_batch_header, header_crc));
		chain = h->header_crc;
	}
	write_file(segment_path, segment, segment_bytes);
	path_in(path, "JOURNAL");
	int file = open(path, O_RDWR | O_CLOEXEC);
	for (off_t copy = 0; copy < 4; copy++) {
		fixture_need(pread(file, block, sizeof block, copy * WR_BLOCK_BYTES) ==
				     sizeof block,
			     path);
		memset(block + 72, 0, 32); /* where it was closed */
		memset(block + 128, 0, 8); /* what was durable */
		wr_put_u32(block + 508, wr_crc32c(1, block, 508));
		fixture_need(pwrite(file, block, sizeof block, copy * WR_BLOCK_BYTES) ==
				     sizeof block,
			     path);
	}
	(void)close(file);
}

/* From the n-th batch on all stand one further in front, in place and number. */
static void close_up(uint32_t n)
{
	uint32_t gone_bytes = batch(n)->batch_bytes, gone_records = batch(n)->record_count;
	uint32_t end = batch_at[batch_count - 1] + batch(batch_count - 1)->batch_bytes;

	memmove(segment + batch_at[n], segment + batch_at[n] + gone_bytes,
		end - batch_at[n] - gone_bytes);
	memset(segment + end - gone_bytes, 0, gone_bytes);
	batch_count--;
	for (uint32_t i = n; i < batch_count; i++) {
		batch_at[i] = batch_at[i + 1] - gone_bytes;
		batch(i)->segment_offset -= gone_bytes;
		batch(i)->first_seq -= gone_records;
		batch(i)->durable_seq -= gone_records;
	}
}

static void change_event(uint32_t n)
{
	((uint8_t *)batch(n))[WR_BATCH_HEADER_BYTES + batch(n)->body_bytes - 1] ^= 1;
}

static void change_time(uint32_t n)
{
	batch(n)->time_base_us -= 1;
}

static void remove_it(uint32_t n)
{
	close_up(n);
}

/* The two change places, each with the place and the number of the other. */
static void swap(uint32_t n)
{
	static uint8_t aside[WR_BLOCK_BYTES];
	struct wr_batch_header a = *batch(n), b = *batch(n + 1);

	cr_assert_eq(a.batch_bytes, sizeof aside);
	cr_assert_eq(b.batch_bytes, sizeof aside);
	memcpy(aside, batch(n), sizeof aside);
	memcpy(batch(n), batch(n + 1), sizeof aside);
	memcpy(batch(n + 1), aside, sizeof aside);
	batch(n)->first_seq = a.first_seq;
	batch(n)->segment_offset = a.segment_offset;
	batch(n)->durable_seq = a.durable_seq;
	batch(n + 1)->first_seq = b.first_seq;
	batch(n + 1)->segment_offset = b.segment_offset;
	batch(n + 1)->durable_seq = b.durable_seq;
}

static void strip(uint32_t n)
{
	batch(n)->features_may = 0;
	memset(batch(n)->link, 0, sizeof batch(n)->link);
	memset(batch(n)->tag, 0, sizeof batch(n)->tag);
}

static void strip_all_before(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		strip(i);
	change_event(n - 1);
}

static void say_that_it_begins(uint32_t n)
{
	batch(n)->features_may |= WR_BATCH_LINK_BEGINS;
}

/* A link that is copied from elsewhere. */
static void copy_link(uint32_t n)
{
	memcpy(batch(n)->link, batch(n - 1)->link, sizeof batch(n)->link);
}

static const struct attack {
	const char *what;
	void (*make)(uint32_t n);
	uint32_t from;     /* checksums are made right from n less so many on; UINT32_MAX: all */
	uint32_t found_at; /* batches behind n */
} attacks[] = {
	{"an event is changed", change_event, 0, 0},
	{"a time is changed", change_time, 0, 0},
	{"a batch is removed", remove_it, 0, 0},
	{"two batches change places", swap, 0, 0},
	{"a batch loses its link", strip, 0, 0},
	{"what stands before loses its links", strip_all_before, UINT32_MAX, 0},
	{"a batch says that the chain begins with it", say_that_it_begins, 0, 0},
	{"a link is copied", copy_link, 0, 0},
};

/* The reader that knows the page on the format and no line of weir: 0 if it says this head. */
static int script_says(const struct weir_chain_report *head)
{
	const char *source = getenv("WEIR_TEST_SOURCE");
	char command[4 * TEST_PATH_BYTES];
	int n = snprintf(command, sizeof command,
			 "python3 '%s/tests/format/read_journal.py' '%s' --chain '%s' 2>/dev/null "
			 "| grep -q '^%lu-",
			 source != NULL ? source : ".", f.dir, key_file,
			 (unsigned long)head->head_sequence);

	for (size_t i = 0; i < sizeof head->head_link; i++)
		n += snprintf(command + n, 3, "%02x", head->head_link[i]);
	(void)snprintf(command + n, 3, "$'");
	return system(command);
}

static bool has_python(void)
{
	return system("python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' "
		      "2>/dev/null") == 0;
}

Test(chain, the_independent_reader_proves_it_too)
{
	if (!has_python())
		cr_skip_test("Python 3.8 is not here");
	live(20);
	struct weir_chain_report whole = verify();
	cr_assert_not(whole.broken, "%s", whole.text);
	cr_expect_eq(script_says(&whole), 0);
}

Test(chain, each_attack_is_found_and_said_where)
{
	live(20);
	struct weir_chain_report whole = verify();
	cr_assert_not(whole.broken, "%s", whole.text);
	cr_assert_eq(whole.linked_batches, whole.batches);
	cr_assert_eq(whole.begins_sequence, 1u);
	cr_assert_not(whole.is_cut_at_front);
	cr_assert_eq(whole.proven_records, whole.last_sequence);
	cr_assert_eq(whole.head_sequence, whole.last_sequence);
	load();
	static uint8_t kept[SEGMENT_BYTES_MAX];
	memcpy(kept, segment, segment_bytes);
	for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
		const struct attack *a = &attacks[i];
		write_file(segment_path, kept, segment_bytes);
		load();
		uint32_t n = 8;
		while (batch(n)->record_count != 1 || batch(n + 1)->record_count != 1 ||
		       batch(n)->batch_kind != WR_BATCH_DATA)
			n++;
		uint64_t seq = batch(n)->first_seq;
		a->make(n);
		make_right(a->from == UINT32_MAX ? 0 : n - a->from);
		struct weir_chain_report r = verify();
		cr_expect_eq(r.corrupt_count, 0u, "%s: the checksums", a->what);
		cr_expect(r.broken, "%s", a->what);
		cr_expect_eq(r.broken_sequence, seq + a->found_at, "%s: %lu, not %lu: %s", a->what,
			     r.broken_sequence, seq, r.text);
	}
	write_file(segment_path, kept, segment_bytes);
	cr_expect_not(verify().broken);
}

/* --- what only a noted head can tell ---------------------------------------------------------- */

static void copy(const char *from, const char *to)
{
	char command[4 * TEST_PATH_BYTES];

	(void)snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", to, from, to);
	fixture_need(system(command) == 0, command);
}

Test(chain, files_put_back_are_missed_by_who_noted_the_head)
{
	char before[TEST_PATH_BYTES], gone[TEST_PATH_BYTES];

	path_of(before, "before");
	path_of(gone, "gone");
	live(3);
	struct weir_chain_report first = verify();
	copy(f.dir, before);
	live(3);
	struct weir_chain_report second = verify();
	cr_expect_not(second.broken, "%s", second.text);
	cr_expect_eq(second.beginnings, 1u, "a restart goes on");
	cr_expect_eq(verify_with(key_file, &first).expected, WEIR_CHAIN_HEAD_FOUND);
	cr_expect_eq(verify_with(key_file, &second).expected, WEIR_CHAIN_HEAD_FOUND);
	copy(f.dir, gone);
	copy(before, f.dir);
	cr_expect_not(verify().broken, "a shorter log is a whole log");
	cr_expect_eq(verify_with(key_file, &first).expected, WEIR_CHAIN_HEAD_FOUND);
	cr_expect_eq(verify_with(key_file, &second).expected, WEIR_CHAIN_HEAD_MISSING);
	/* And another history after that moment is no better. */
	live(5);
	cr_expect_not(verify().broken);
	cr_expect_eq(verify_with(key_file, &second).expected, WEIR_CHAIN_HEAD_MISSING);
	copy(gone, f.dir);
	cr_expect_eq(verify_with(key_file, &second).expected, WEIR_CHAIN_HEAD_FOUND);
	test_dir_remove(before);
	test_dir_remove(gone);
}

/* --- keys ------------------------------------------------------------------------------------- */

static int try_to_open(const char *key, char *ret_text, size_t text_bytes)
{
	struct weir_options o = f.options;
	struct weir_problem why = {.text = ""};
	struct weir_pipeline *p = NULL;

	o.dir = f.dir;
	o.chain_key_file = key;
	int rc = weir_open(&o, &p, &why);
	if (rc == 0)
		(void)weir_close(p, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL);
	(void)snprintf(ret_text, text_bytes, "%s: %s", why.field, why.text);
	return rc;
}

Test(chain, another_key_opens_nothing_and_proves_nothing)
{
	char text[400], short_key[TEST_PATH_BYTES];

	live(3);
	cr_expect_eq(try_to_open(other_key_file, text, sizeof text), -EKEYREJECTED, "%s", text);
	cr_expect_eq(try_to_open(NULL, text, sizeof text), -ENOKEY, "%s", text);
	cr_expect_eq(try_to_open("/nowhere/key", text, sizeof text), -ENOENT, "%s", text);
	path_of(short_key, "short");
	write_file(short_key, "0123456789abcdef", 16);
	cr_expect_eq(try_to_open(short_key, text, sizeof text), -EINVAL, "%s", text);
	(void)unlink(short_key);
	struct weir_chain_report r = verify_with(other_key_file, NULL);
	cr_expect(r.broken);
	cr_expect_eq(r.broken_sequence, 1u);
	cr_expect_eq(r.proven_records, 0u);
	cr_expect_not(verify().broken, "nothing was written by who was refused");
	cr_expect_eq(try_to_open(key_file, text, sizeof text), 0, "%s", text);
	cr_expect_not(verify().broken);
}

Test(chain, one_that_is_switched_on_later_begins_there)
{
	f.options.chain_key_file = NULL;
	live(3);
	struct weir_chain_report none = verify();
	cr_expect_eq(none.linked_batches, 0u);
	f.options.chain_key_file = key_file;
	live(3);
	struct weir_chain_report r = verify();
	cr_expect_not(r.broken, "%s", r.text);
	cr_expect_eq(r.begins_sequence, none.last_sequence + 1);
	cr_expect_eq(r.beginnings, 1u);
	cr_expect_eq(r.proven_records, r.last_sequence - none.last_sequence);
}

/* --- what weir does itself -------------------------------------------------------------------- */

Test(chain, packing_and_a_backup_break_nothing)
{
	char aside[TEST_PATH_BYTES];
	struct weir_info info = {.segments_packed = 0};
	struct weir_backup_options b;
	struct weir_problem why = {.text = ""};

	path_of(aside, "backup");
	f.options.pack = WEIR_PACK_PADDING;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "t", 2);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	for (uint64_t i = 0; i < 4000 && info.segments_packed < 1; i++) {
		fixture_wait(producer, fixture_publish(producer, topic, i, i + 1));
		if (i % 50 == 0)
			fixture_info(&f, &info);
	}
	cr_expect_geq(info.segments_packed, 1u);
	fixture_close(&f, NULL);
	struct weir_chain_report r = verify();
	cr_expect_not(r.broken, "%s", r.text);
	cr_expect_eq(r.proven_records, r.last_sequence);
	weir_backup_options_init(&b);
	cr_assert_eq(weir_journal_backup(f.dir, aside, &b, NULL, &why), 0, "%s", why.text);
	char dir[TEST_PATH_BYTES];
	(void)snprintf(dir, sizeof dir, "%s", f.dir);
	(void)snprintf(f.dir, sizeof f.dir, "%s", aside);
	struct weir_chain_report copy = verify();
	(void)snprintf(f.dir, sizeof f.dir, "%s", dir);
	cr_expect_not(copy.broken, "%s", copy.text);
	cr_expect_eq(copy.proven_records, r.proven_records);
	cr_expect_eq(memcmp(copy.head_link, r.head_link, sizeof r.head_link), 0);
	test_dir_remove(aside);
}

/* Of what retention took there is the link to it, and nobody can say any more whether it was so. */
Test(chain, retention_takes_the_front_and_breaks_nothing)
{
	struct weir_info info = {.segments_recycled = 0};

	f.options.segment_bytes = FIXTURE_CHUNK_BYTES;
	f.options.checkpoint_bytes = 1;
	live(3);
	struct weir_chain_report first = verify();
	cr_expect_eq(verify_with(key_file, &first).expected, WEIR_CHAIN_HEAD_FOUND);
	f.options.retention_bytes = 1;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "t", 2);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	for (uint32_t i = 0; i < 4000 && info.segments_recycled < 3; i++) {
		fixture_wait(producer, fixture_publish(producer, topic, 0, 500));
		fixture_info(&f, &info);
	}
	cr_assert_geq(info.segments_recycled, 3u);
	fixture_close(&f, NULL);
	struct weir_chain_report r = verify();
	cr_expect_not(r.broken, "%s", r.text);
	cr_expect_eq(r.corrupt_count, 0u);
	cr_expect(r.is_cut_at_front);
	cr_expect_eq(r.beginnings, 0u, "the one that began it has left");
	cr_expect_gt(r.oldest_sequence, first.head_sequence);
	cr_expect_eq(r.begins_sequence, r.oldest_sequence);
	cr_expect_eq(r.linked_batches, r.batches);
	cr_expect_eq(r.proven_records, r.last_sequence - r.oldest_sequence + 1);
	cr_expect_eq(verify_with(key_file, &first).expected, WEIR_CHAIN_HEAD_RETIRED);
	cr_expect_eq(verify_with(key_file, &r).expected, WEIR_CHAIN_HEAD_FOUND);
	/* One of another history is told where its sequence is still there, and only there. */
	first.head_sequence = r.oldest_sequence;
	cr_expect_eq(verify_with(key_file, &first).expected, WEIR_CHAIN_HEAD_MISSING);
	cr_assert(!has_python() || script_says(&r) == 0, "the independent reader");
}

/* The links go through batches that events have left; what is in those is not proven any more. */
Test(chain, what_was_erased_breaks_no_link)
{
	struct weir_erase_status status = {.erased_sequence = 0};
	uint64_t ticket = 0, sequence = 0;
	const uint64_t erased = 3;

	f.options.pack = WEIR_PACK_PADDING;
	f.options.erasures_max = 10;
	f.options.pool_bytes = 4 * FIXTURE_CHUNK_BYTES;
	f.options.undurable_bytes = 2 * FIXTURE_CHUNK_BYTES;
	f.options.members_max = 4;
	f.options.checkpoint_bytes = FIXTURE_CHUNK_BYTES;
	fixture_open(&f);
	uint32_t topic = fixture_topic(&f, "t", 1);
	struct weir_producer *producer = fixture_producer(&f, NULL);
	for (uint64_t number = 0; number < 100; number++) {
		const uint64_t key = number % 10;
		struct weir_event event = fixture_event(topic, &key, &number);
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		if (key == 9)
			fixture_wait(producer, ticket);
	}
	cr_assert_eq(weir_erase_key(f.pipeline, topic, &erased, sizeof erased, &sequence, NULL), 0);
	for (uint32_t i = 0; i < 6000 && status.erased_sequence < sequence; i++) {
		fixture_sleep_ns(10000000);
		cr_assert_eq(weir_erase_status(f.pipeline, &status), 0);
	}
	cr_assert_geq(status.erased_sequence, sequence);
	fixture_close(&f, NULL);
	struct weir_chain_report r = verify();
	cr_expect_not(r.broken, "%lu: %s", r.broken_sequence, r.text);
	cr_expect_eq(r.linked_batches, r.batches);
	cr_expect_geq(r.altered_batches, 1u);
	cr_expect_lt(r.proven_records, r.last_sequence);
	if (has_python())
		cr_assert_eq(script_says(&r), 0, "the independent reader");
}
