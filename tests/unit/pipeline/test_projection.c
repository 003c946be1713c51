/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a projection's state has each event of its topics exactly once, whatever restarts and
 *         damage came between; a version is shown when it is complete and not before; the log is
 *         kept for as long as a snapshot needs it, and no longer.
 * Method: sums of numbered events, compared with what was published; a pipeline that is closed
 *         without a drain; snapshots that are damaged, or refused by the program.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weir/projection.h>

#include "core/pipeline/pipeline.h"
#include "core/pipeline/snapshot_file.h"
#include "tests/support/pipeline_fixture.h"

static struct fixture f;
static uint32_t topic;
static uint64_t published; /* numbers 0 .. published - 1 */

/* What is folded. */
struct sums {
	uint64_t sum, count, gaps;
	uint64_t refuse_number; /* apply says no, once */
	uint64_t refuse_counts; /* load says no to states of this count or more; 0: to none */
	uint64_t unsaved;       /* save says no to this count, once; 0: to none */
};

static int load_sums(void *context, const void *state, size_t bytes)
{
	struct sums *s = context;
	uint64_t words[2] = {0};
	if (state != NULL && bytes != sizeof words)
		return -EBADMSG;
	if (state != NULL)
		memcpy(words, state, bytes);
	if (s->refuse_counts != 0 && words[1] >= s->refuse_counts)
		return -EBADMSG;
	s->sum = words[0];
	s->count = words[1];
	return 0;
}

static int apply_sum(void *context, const struct weir_item *item)
{
	struct sums *s = context;
	if (item->kind != WEIR_ITEM_EVENT) {
		s->gaps++;
		return 0;
	}
	uint64_t number = fixture_number(item);
	if (s->refuse_number != 0 && number == s->refuse_number) {
		s->refuse_number = 0;
		return -ECANCELED;
	}
	s->sum += number;
	s->count++;
	return 0;
}

static int save_sums(void *context, const void **ret_state, size_t *ret_bytes)
{
	struct sums *s = context;
	if (s->unsaved != 0 && s->count == s->unsaved) {
		s->unsaved = 0;
		return -ENOSPC;
	}
	*ret_state = context;
	*ret_bytes = 2 * sizeof(uint64_t);
	return 0;
}

static void publish(uint64_t count)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, published, published + count));
	cr_assert_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
	published += count;
}

static void setup(void)
{
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.segment_bytes = FIXTURE_CHUNK_BYTES;
	f.options.retention_bytes = 4 * FIXTURE_CHUNK_BYTES;
	f.options.checkpoint_bytes = FIXTURE_CHUNK_BYTES;
	fixture_open(&f);
	topic = fixture_topic(&f, "numbers", 2);
	published = 0;
}

static void teardown(void)
{
	fixture_end(&f);
}

TestSuite(projection, .init = setup, .fini = teardown, .timeout = 60);

static struct weir_projection_options options_of(struct sums *sums, uint32_t version)
{
	static const char *const topics[] = {"numbers"};
	struct weir_projection_options o;
	weir_projection_options_init(&o);
	o.name = "sums";
	o.version = version;
	o.topics = topics;
	o.topic_count = 1;
	o.events_a_snapshot = 500;
	o.load = load_sums;
	o.apply = apply_sum;
	o.save = save_sums;
	o.context = sums;
	return o;
}

static struct weir_projection *open_version(struct sums *sums, uint32_t version)
{
	struct weir_projection_options o = options_of(sums, version);
	struct weir_projection *projection = NULL;
	struct weir_problem why = {0};
	cr_assert_eq(weir_projection_open(f.pipeline, &o, &projection, &why), 0, "%s %s", why.field,
		     why.text);
	return projection;
}

/* Steps until it has all that was published: the state is exact then. */
static void follow(struct weir_projection *projection, const struct sums *sums)
{
	while (sums->count < published)
		cr_assert_gt(weir_projection_step(projection, FIXTURE_LONG_NS), 0);
	cr_assert_geq(weir_projection_step(projection, 1000000), 0);
	cr_assert_eq(sums->count, published);
	cr_assert_eq(sums->sum, published * (published - 1) / 2);
	cr_assert_eq(sums->gaps, 0);
}

static void crash(void)
{
	cr_assert_eq(weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL), 0);
	f.pipeline = NULL;
	fixture_open(&f);
}

Test(projection, has_each_event_once_over_restarts)
{
	struct weir_projection_progress progress;
	struct sums sums = {0};
	for (int life = 0; life < 4; life++) {
		struct weir_projection *projection = open_version(&sums, 1);
		uint64_t had = sums.count;
		weir_projection_progress(projection, &progress);
		cr_expect_eq(progress.complete, life > 0);
		cr_expect_leq(published - had, 700, "not from the first event");
		publish(1200);
		follow(projection, &sums);
		weir_projection_progress(projection, &progress);
		cr_expect(progress.complete);
		cr_expect_eq(progress.ignored, 0);
		cr_expect_eq(progress.events, published - had);
		weir_projection_close(projection);
		sums = (struct sums){.sum = 7, .count = 99}; /* a process that knows nothing */
		crash();
	}
}

Test(projection, begins_again_with_what_was_not_applied)
{
	struct sums sums = {.refuse_number = 130};
	struct weir_projection *projection = open_version(&sums, 1);
	int rc;
	publish(300);
	while ((rc = weir_projection_step(projection, FIXTURE_LONG_NS)) > 0)
		;
	cr_assert_eq(rc, -ECANCELED);
	cr_assert_eq(sums.count, 130);
	follow(projection, &sums);
	weir_projection_close(projection);
}

/* Versions that are complete; 0: none. */
static uint32_t newest(void)
{
	uint32_t version = 0;
	int rc = weir_projection_newest(f.pipeline, "sums", &version, NULL);
	cr_assert(rc == 0 || rc == -ENOENT);
	return version;
}

Test(projection, of_a_new_version_is_shown_when_it_is_complete)
{
	struct weir_projection_progress progress;
	struct sums old = {0}, new = {0};
	struct weir_projection *first = open_version(&old, 1);
	publish(1500);
	cr_expect_eq(newest(), 0);
	follow(first, &old);
	cr_expect_eq(newest(), 1);
	struct weir_projection *second = open_version(&new, 2);
	while (new.count < 1000)
		cr_assert_gt(weir_projection_step(second, FIXTURE_LONG_NS), 0);
	cr_expect_eq(weir_projection_snapshot(second), 0);
	cr_expect_eq(newest(), 1, "half of it is not shown");
	/* It may be gone on with in another life. */
	weir_projection_close(second);
	new = (struct sums){0};
	second = open_version(&new, 2);
	cr_expect_geq(new.count, 1000);
	weir_projection_progress(second, &progress);
	cr_expect_not(progress.complete);
	follow(second, &new);
	cr_expect_eq(newest(), 2);
	weir_projection_close(first);
	cr_expect_eq(weir_projection_drop(f.pipeline, "sums", 1, NULL), 0);
	cr_expect_eq(newest(), 2);
	weir_projection_close(second);
	cr_expect_eq(weir_projection_drop(f.pipeline, "sums", 2, NULL), 0);
	cr_expect_eq(newest(), 0);
}

Test(projection, of_which_the_last_snapshot_failed_is_shown_with_the_next_step)
{
	struct sums sums = {.unsaved = 300};
	struct weir_projection *projection = open_version(&sums, 1);
	int rc = 0;
	weir_projection_close(projection);
	publish(300);
	projection = open_version(&sums, 1);
	while (rc >= 0 && sums.unsaved != 0)
		rc = weir_projection_step(projection, FIXTURE_LONG_NS);
	cr_assert_eq(rc, -ENOSPC);
	cr_expect_eq(sums.count, 300, "they are applied");
	cr_expect_eq(newest(), 0);
	cr_expect_eq(weir_projection_step(projection, 0), 0);
	cr_expect_eq(newest(), 1);
	weir_projection_close(projection);
}

static uint64_t held_from(void)
{
	struct weir_subscription_info info = {.struct_bytes = sizeof info};
	uint32_t id;
	cr_assert_eq(weir_subscription_find(f.pipeline, "projection.sums", &id), 0);
	cr_assert_eq(weir_subscription_info(f.pipeline, id, &info), 0);
	return info.position;
}

Test(projection, keeps_the_log_for_its_snapshots_and_lets_it_go_behind_them)
{
	struct sums sums = {0};
	struct weir_projection *projection = open_version(&sums, 1);
	publish(700);
	follow(projection, &sums);
	uint64_t held = held_from();
	weir_projection_close(projection);
	/* Many times what retention keeps. */
	for (int i = 0; i < 12; i++)
		publish(1000);
	cr_expect_eq(held_from(), held);
	cr_expect_leq(wr_segment_oldest_seq(&f.pipeline->segments), held);
	sums = (struct sums){0};
	projection = open_version(&sums, 1);
	follow(projection, &sums);
	cr_expect_gt(held_from(), held + 10000);
	weir_projection_close(projection);
	for (int i = 0; i < 40 && wr_segment_oldest_seq(&f.pipeline->segments) <= held; i++)
		publish(500);
	cr_expect_gt(wr_segment_oldest_seq(&f.pipeline->segments), held);
}

/* Flips a byte of the state in the newest snapshot's file. */
static void damage_newest(void)
{
	struct wr_snapshot_id id = {.name = "sums", .name_bytes = 4, .schema_version = 1};
	char path[TEST_PATH_BYTES + 80], name[WR_STORAGE_NAME_MAX + 1];
	uint64_t newest_seq = 0, sequence;
	const struct dirent *entry;
	uint8_t byte;
	DIR *dir = opendir(f.dir);
	cr_assert_not_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (wr_snapshot_file_is_of(entry->d_name, &id, false, &sequence) &&
		    sequence > newest_seq)
			newest_seq = sequence;
	(void)closedir(dir);
	cr_assert_neq(newest_seq, 0);
	wr_snapshot_file_name(name, &id, newest_seq);
	(void)snprintf(path, sizeof path, "%s/%s", f.dir, name);
	int fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0);
	cr_assert_eq(pread(fd, &byte, 1, WR_SNAPSHOT_HEADER_BYTES), 1);
	byte ^= 1;
	cr_assert_eq(pwrite(fd, &byte, 1, WR_SNAPSHOT_HEADER_BYTES), 1);
	(void)close(fd);
}

Test(projection, goes_back_to_an_older_snapshot_where_the_newest_is_damaged_or_not_understood)
{
	struct weir_projection_progress progress;
	struct sums sums = {0};
	struct weir_projection *projection = open_version(&sums, 1);
	publish(4000);
	follow(projection, &sums);
	weir_projection_close(projection);
	damage_newest();
	sums = (struct sums){0};
	projection = open_version(&sums, 1);
	weir_projection_progress(projection, &progress);
	cr_expect_eq(progress.ignored, 1);
	cr_expect_gt(progress.sequence, 0);
	follow(projection, &sums);
	publish(600);
	follow(projection, &sums);
	weir_projection_close(projection);
	/* Of both that there are one is damaged, and the program cannot read the other. */
	damage_newest();
	sums = (struct sums){.refuse_counts = 1};
	projection = open_version(&sums, 1);
	weir_projection_progress(projection, &progress);
	cr_expect_eq(progress.ignored, 2);
	cr_expect_eq(progress.sequence, 0);
	weir_projection_close(projection);
}

static void expect_refusal(struct weir_projection_options o, int code, const char *field)
{
	struct weir_projection *projection = NULL;
	struct weir_problem why = {0};
	cr_expect_eq(weir_projection_open(f.pipeline, &o, &projection, &why), code, "%s", field);
	cr_expect_str_eq(why.field, field);
	cr_expect_null(projection);
}

Test(projection, refuses_what_makes_no_sense)
{
	static const char *const none[] = {"nothing"};
	struct sums sums = {0};
	struct weir_projection_options good = options_of(&sums, 1), o;
#define REFUSED(code, field, change)                                                               \
	do {                                                                                       \
		o = good;                                                                          \
		change;                                                                            \
		expect_refusal(o, code, field);                                                    \
	} while (0)
	REFUSED(-EINVAL, "struct_bytes", o.struct_bytes = 0);
	REFUSED(-EINVAL, "name", o.name = "");
	REFUSED(-EINVAL, "version", o.version = 0);
	REFUSED(-EINVAL, "version", o.version = WEIR_PROJECTION_VERSIONS_MAX + 1);
	REFUSED(-EINVAL, "load, apply or save", o.save = NULL);
	REFUSED(-EINVAL, "topics", o.topic_count = 0);
	REFUSED(-EINVAL, "keep", o.keep = 0);
	REFUSED(WEIR_E_UNKNOWN_NAME, "topics", o.topics = none);
	/* Nothing of it has stayed open. */
	struct weir_projection *projection = open_version(&sums, 1);
	weir_projection_close(projection);
	weir_projection_close(NULL);
}
