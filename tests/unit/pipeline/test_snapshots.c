/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a snapshot that is loaded is, byte for byte, one that was put, of this name, key, schema
 *         version and life of the log, and stands where it says; what is damaged, cut short, newer
 *         or foreign is passed over for an older one; snapshot and rest are the fold of the whole.
 * Method: every bit of a header; bytes of files flipped one by one, and files cut; files that were
 *         made under another hand; folds to places all over a log, with snapshots here and there.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/pipeline/pipeline.h"
#include "core/pipeline/snapshot_file.h"
#include "tests/support/pipeline_fixture.h"

#define EVENTS 3000u

static struct fixture f;
static uint32_t topic;

static void publish(uint64_t first, uint64_t end)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, first, end));
	cr_assert_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
}

static void setup(void)
{
	fixture_begin(&f, FIXTURE_DURABLE);
	topic = fixture_topic(&f, "numbers", 2);
	publish(0, EVENTS);
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(snapshots, .init = setup, .fini = teardown, .timeout = 60);

static struct weir_snapshot_options options_of(uint64_t sequence, const void *state, size_t bytes)
{
	struct weir_snapshot_options o;
	weir_snapshot_options_init(&o);
	o.name = "sums";
	o.sequence = sequence;
	o.state = state;
	o.state_bytes = bytes;
	o.keep = 1000;
	return o;
}

static void put(const struct weir_snapshot_options *o)
{
	struct weir_problem why = {0};
	cr_assert_eq(weir_snapshot_put(f.pipeline, o, &why), 0, "%s %s", why.field, why.text);
}

static void put_at(uint64_t sequence, const char *text)
{
	struct weir_snapshot_options o = options_of(sequence, text, strlen(text));
	put(&o);
}

/* What is loaded up to a sequence: where it stands, 0: none. */
static uint64_t load(uint64_t up_to, char *ret_text, uint32_t *ret_ignored)
{
	struct weir_snapshot_query q;
	struct weir_snapshot s;
	weir_snapshot_query_init(&q);
	q.name = "sums";
	q.up_to_sequence = up_to;
	int rc = weir_snapshot_load(f.pipeline, &q, &s, NULL);
	if (ret_ignored != NULL)
		*ret_ignored = s.ignored;
	if (rc != 0) {
		cr_assert_eq(rc, -ENOENT, "%s", weir_error_name(rc));
		return 0;
	}
	if (ret_text != NULL) {
		memcpy(ret_text, s.state, s.state_bytes);
		ret_text[s.state_bytes] = '\0';
	}
	uint64_t sequence = s.pos.sequence;
	weir_snapshot_free(f.pipeline, &s);
	return sequence;
}

Test(snapshots, come_back_as_they_were_put)
{
	static const size_t sizes[] = {0, 1, 4094, 4095, 4096, 4097, 100000, (4u << 20) + 5};
	uint8_t *state = malloc(sizes[7]);
	for (size_t i = 0; i < sizes[7]; i++)
		state[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t i = 0; i < 16; i++) {
		struct weir_snapshot_options o = options_of(100 + i, state, sizes[i / 2]);
		struct weir_snapshot_query q;
		struct weir_snapshot s;
		o.key = i % 2 == 0 ? NULL : "account";
		o.key_bytes = i % 2 == 0 ? 0 : 7;
		o.event_time_us = 77;
		o.complete = i % 4 < 2;
		put(&o);
		weir_snapshot_query_init(&q);
		q.name = "sums";
		q.key = o.key;
		q.key_bytes = o.key_bytes;
		cr_assert_eq(weir_snapshot_load(f.pipeline, &q, &s, NULL), 0);
		cr_assert_eq(s.pos.sequence, 100 + i);
		cr_assert_eq(s.pos.epoch, 1);
		cr_assert_eq(s.state_bytes, sizes[i / 2]);
		cr_assert(memcmp(s.state, state, s.state_bytes) == 0);
		cr_assert_eq(s.event_time_us, 77);
		cr_assert_eq(s.complete, o.complete);
		cr_assert(s.append_time_us != 0 && s.taken_us != 0);
		cr_assert_eq(s.ignored, 0);
		weir_snapshot_free(f.pipeline, &s);
	}
	free(state);
}

Test(snapshots, are_found_by_place_times_key_version_and_whether_they_are_complete)
{
	struct weir_snapshot_query q;
	struct weir_snapshot s;
	struct weir_snapshot_options o = options_of(10, "ten", 3);
	o.event_time_us = 1000;
	put(&o);
	o = options_of(20, "twenty", 6);
	o.event_time_us = 2000;
	o.complete = false;
	put(&o);
	cr_expect_eq(load(UINT64_MAX, NULL, NULL), 20);
	cr_expect_eq(load(20, NULL, NULL), 20);
	cr_expect_eq(load(19, NULL, NULL), 10);
	cr_expect_eq(load(9, NULL, NULL), 0);
	weir_snapshot_query_init(&q);
	q.name = "sums";
	cr_assert_eq(weir_snapshot_load(f.pipeline, &q, &s, NULL), 0);
	uint64_t time_us = s.append_time_us;
	weir_snapshot_free(f.pipeline, &s);
#define FINDS(change, expected)                                                                    \
	do {                                                                                       \
		weir_snapshot_query_init(&q);                                                      \
		q.name = "sums";                                                                   \
		change;                                                                            \
		int rc = weir_snapshot_load(f.pipeline, &q, &s, NULL);                             \
		cr_expect_eq(rc, (expected) != 0 ? 0 : -ENOENT, #change);                          \
		cr_expect_eq(rc == 0 ? s.pos.sequence : 0, (uint64_t)(expected), #change);         \
		cr_expect_eq(s.ignored, 0, #change);                                               \
		weir_snapshot_free(f.pipeline, &s);                                                \
	} while (0)
	FINDS(q.up_to_time_us = time_us, 20);
	FINDS(q.up_to_time_us = 5, 0);
	FINDS(q.up_to_event_time_us = 2000, 20);
	FINDS(q.up_to_event_time_us = 1999, 10);
	FINDS(q.up_to_event_time_us = 999, 0);
	FINDS(q.complete = true, 10);
	FINDS(q.schema_version = 2, 0);
	FINDS(q.name = "other", 0);
	FINDS((q.key = "k", q.key_bytes = 1), 0);
	/* Without a time of its events it stands for no event time. */
	put_at(30, "thirty");
	FINDS(q.up_to_event_time_us = 9999, 20);
	uint32_t count;
	cr_expect_eq(weir_snapshot_remove(f.pipeline, "sums", 1, &count, NULL), 0);
	cr_expect_eq(count, 3);
	cr_expect_eq(load(UINT64_MAX, NULL, NULL), 0);
}

Test(snapshots, of_which_so_many_are_kept)
{
	struct weir_snapshot_options o = options_of(0, "x", 1);
	o.keep = 3;
	for (o.sequence = 10; o.sequence <= 100; o.sequence += 10)
		put(&o);
	cr_expect_eq(load(UINT64_MAX, NULL, NULL), 100);
	cr_expect_eq(load(99, NULL, NULL), 90);
	cr_expect_eq(load(89, NULL, NULL), 80);
	cr_expect_eq(load(79, NULL, NULL), 0);
	/* One that is older than all takes none of them away. */
	o.sequence = 50;
	o.keep = 1;
	put(&o);
	cr_expect_eq(load(79, NULL, NULL), 50);
	cr_expect_eq(load(99, NULL, NULL), 90);
}

Test(snapshots, outlive_the_pipeline)
{
	char text[64];
	put_at(40, "forty");
	fixture_close(&f, NULL);
	fixture_open(&f);
	cr_expect_eq(load(UINT64_MAX, text, NULL), 40);
	cr_expect_str_eq(text, "forty");
}

/* ---- damage ---- */

/* The file that stands at a sequence: its path. */
static void path_of(uint64_t sequence, char path[TEST_PATH_BYTES + 80])
{
	struct wr_snapshot_id id = {.name = "sums", .name_bytes = 4, .schema_version = 1};
	char name[WR_STORAGE_NAME_MAX + 1];
	wr_snapshot_file_name(name, &id, sequence);
	(void)snprintf(path, TEST_PATH_BYTES + 80, "%s/%s", f.dir, name);
}

static void flip(const char *path, off_t at, uint8_t with)
{
	uint8_t byte;
	int fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(pread(fd, &byte, 1, at), 1);
	byte ^= with;
	cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

Test(snapshots, every_bit_of_a_header_counts)
{
	static uint8_t block[WR_SNAPSHOT_HEADER_BYTES];
	struct wr_snapshot_id id = {
		.name = "sums", .name_bytes = 4, .schema_version = 3, .key = "k", .key_bytes = 1};
	struct wr_snapshot_header h = {.epoch = 4, .sequence = 1ull << 40, .state_bytes = 9};
	struct wr_snapshot_header back;
	wr_snapshot_encode(&h, &id, block);
	cr_assert_eq(wr_snapshot_decode(block, &back), WR_SNAPSHOT_GOOD);
	cr_assert_eq(back.sequence, h.sequence);
	cr_assert_eq(back.schema_version, 3);
	uint32_t step = fixture_emulated() ? 7 : 1;
	for (uint32_t bit = 0; bit < 8 * sizeof block; bit += step) {
		block[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		cr_assert_eq(wr_snapshot_decode(block, &back), WR_SNAPSHOT_DAMAGED, "bit %u", bit);
		block[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	memset(block, 0, sizeof block);
	cr_assert_eq(wr_snapshot_decode(block, &back), WR_SNAPSHOT_CUT_SHORT);
}

Test(snapshots, that_are_damaged_give_way_to_an_older_one)
{
	char path[TEST_PATH_BYTES + 80], text[64];
	uint32_t ignored;
	put_at(40, "forty");
	put_at(50, "fifty");
	path_of(50, path);
	/* Header fields, the name, the checksum; and each byte of the state. */
	for (off_t at = 0; at < WR_SNAPSHOT_HEADER_BYTES + 5; at++) {
		if (at > 112 && at < WR_SNAPSHOT_HEADER_BYTES - 4 && at % 512 != 0)
			continue;
		flip(path, at, 0x20);
		cr_assert_eq(load(UINT64_MAX, text, &ignored), 40, "byte %lld", (long long)at);
		cr_assert_str_eq(text, "forty");
		cr_assert_eq(ignored, 1);
		flip(path, at, 0x20);
	}
	cr_assert_eq(load(UINT64_MAX, text, &ignored), 50);
	cr_assert_str_eq(text, "fifty");
	for (off_t length = WR_SNAPSHOT_HEADER_BYTES + 4; length >= 0; length -= 321) {
		cr_assert_eq(truncate(path, length), 0);
		cr_assert_eq(load(UINT64_MAX, text, &ignored), 40, "cut to %lld",
			     (long long)length);
		cr_assert_eq(ignored, 1);
	}
	/* The next put of it takes the place of what is left. */
	put_at(50, "fifty");
	cr_assert_eq(load(UINT64_MAX, text, &ignored), 50);
	cr_assert_str_eq(text, "fifty");
	cr_assert_eq(ignored, 0);
	/* And one that is good stays, whatever comes. */
	put_at(50, "other");
	cr_assert_eq(load(UINT64_MAX, text, &ignored), 50);
	cr_assert_str_eq(text, "fifty");
}

/* Rewrites the header of the file at `sequence`, with a good checksum. */
static void forge(uint64_t sequence, void (*change)(struct wr_snapshot_header *h))
{
	static uint8_t block[WR_SNAPSHOT_HEADER_BYTES], again[WR_SNAPSHOT_HEADER_BYTES];
	char path[TEST_PATH_BYTES + 80];
	struct wr_snapshot_header h;
	path_of(sequence, path);
	int fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0);
	cr_assert_eq(pread(fd, block, sizeof block, 0), (ssize_t)sizeof block);
	cr_assert_eq(wr_snapshot_decode(block, &h), WR_SNAPSHOT_GOOD);
	change(&h);
	struct wr_snapshot_id id = {
		.name = h.name, .name_bytes = h.name_bytes, .schema_version = h.schema_version};
	wr_snapshot_encode(&h, &id, again);
	cr_assert_eq(pwrite(fd, again, sizeof again, 0), (ssize_t)sizeof again);
	(void)close(fd);
}

static void other_journal(struct wr_snapshot_header *h)
{
	h->uuid[3] ^= 1;
}
static void other_epoch(struct wr_snapshot_header *h)
{
	h->epoch++;
}
static void other_record(struct wr_snapshot_header *h)
{
	h->record_crc++;
}
static void other_sequence(struct wr_snapshot_header *h)
{
	h->sequence++;
}
static void other_version(struct wr_snapshot_header *h)
{
	h->schema_version++;
}
static void too_large(struct wr_snapshot_header *h)
{
	h->state_bytes = WEIR_SNAPSHOT_BYTES_MAX + 1;
}
static void longer_than_its_file(struct wr_snapshot_header *h)
{
	h->state_bytes = WEIR_SNAPSHOT_BYTES_MAX;
}

Test(snapshots, of_another_life_are_passed_over)
{
	static void (*const changes[])(struct wr_snapshot_header * h) = {
		other_journal, other_epoch, other_record,        other_sequence,
		other_version, too_large,   longer_than_its_file};
	put_at(40, "forty");
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		uint64_t sequence = 50 + i;
		uint32_t ignored;
		put_at(sequence, "later");
		forge(sequence, changes[i]);
		cr_expect_eq(load(UINT64_MAX, NULL, &ignored), 40, "change %zu", i);
		cr_expect_eq(ignored, 1 + i);
	}
	/* A file that says no sequence of this log. */
	char from[TEST_PATH_BYTES + 80], to[TEST_PATH_BYTES + 80];
	path_of(40, from);
	path_of(1u << 30, to);
	cr_assert_eq(rename(from, to), 0);
	cr_expect_eq(load(UINT64_MAX, NULL, NULL), 0);
}

/* ---- what is refused ---- */

Test(snapshots, are_refused_where_they_could_not_be_right)
{
	struct weir_snapshot_options good = options_of(10, "x", 1), o;
	struct weir_problem why;
#define REFUSED(code, name_of_field, change)                                                       \
	do {                                                                                       \
		o = good;                                                                          \
		change;                                                                            \
		cr_expect_eq(weir_snapshot_put(f.pipeline, &o, &why), code, #change);              \
		cr_expect_str_eq(why.field, name_of_field);                                        \
	} while (0)
	REFUSED(-EINVAL, "struct_bytes", o.struct_bytes = 1);
	REFUSED(-EINVAL, "name", o.name = "a/b");
	REFUSED(-EINVAL, "key", o.key_bytes = 1);
	REFUSED(-EINVAL, "sequence", o.sequence = 0);
	REFUSED(-EINVAL, "keep", o.keep = 0);
	REFUSED(-EINVAL, "state", o.state = NULL);
	REFUSED(WEIR_E_TOO_BIG, "state_bytes", o.state_bytes = WEIR_SNAPSHOT_BYTES_MAX + 1);
	REFUSED(WEIR_E_AGAIN, "sequence", o.sequence = 1u << 30);
	cr_expect_eq(load(UINT64_MAX, NULL, NULL), 0);
	struct fixture memory;
	fixture_begin(&memory, FIXTURE_MEMORY);
	cr_expect_eq(weir_snapshot_put(memory.pipeline, &good, &why), -EINVAL);
	cr_expect_str_eq(why.field, "pipeline");
	fixture_end(&memory);
}

/* ---- as of ---- */

/* The sum of all numbers up to a sequence: from the newest snapshot that is no later, and the rest.
 * With `from_zero` from the first event. */
static uint64_t sum_at(uint64_t sequence, bool from_zero, uint64_t *ret_read)
{
	struct weir_snapshot_query q;
	struct weir_snapshot s;
	struct weir_replay_options o;
	struct weir_replay *replay;
	struct weir_item items[64];
	uint64_t sum = 0;
	int count;
	weir_snapshot_query_init(&q);
	weir_replay_options_init(&o);
	q.name = "sums";
	q.up_to_sequence = sequence;
	o.end_sequence = sequence + 1;
	if (!from_zero && weir_snapshot_load(f.pipeline, &q, &s, NULL) == 0) {
		memcpy(&sum, s.state, sizeof sum);
		o.from_sequence = s.pos.sequence + 1;
		weir_snapshot_free(f.pipeline, &s);
	}
	cr_assert_eq(weir_replay_open(f.pipeline, &o, &replay, NULL), 0);
	*ret_read = 0;
	while ((count = weir_replay_next(replay, items, 64, FIXTURE_LONG_NS)) > 0)
		for (int i = 0; i < count; i++, (*ret_read)++)
			sum += fixture_number(&items[i]);
	cr_assert_eq(count, 0);
	weir_replay_close(replay);
	return sum;
}

Test(snapshots, and_the_rest_are_the_fold_of_the_whole)
{
	uint64_t read;
	for (uint64_t at = 200; at < EVENTS; at += 700) {
		uint64_t sum = sum_at(at, true, &read);
		struct weir_snapshot_options o = options_of(at, &sum, sizeof sum);
		put(&o);
	}
	for (uint64_t at = 1; at < EVENTS; at += 211) {
		uint64_t whole = sum_at(at, true, &read);
		cr_assert_eq(sum_at(at, false, &read), whole, "as of %llu", (unsigned long long)at);
		cr_assert_leq(read, at < 200 ? 200 : 700, "and not all was read for it");
	}
}
