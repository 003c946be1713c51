/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   following a journal shows each durable event once and in order, over segments, reopens
 *         and recycling, and a running owner can be looked at.
 * Method: journals made byte by byte (journal_build.h) to which the idle callback appends, so that
 *         every interleaving is exact; and a pipeline of this process with the CLI beside it.
 */
#include <criterion/criterion.h>

#include "core/journal/pack.h"
#include "io/posix/memory_posix.h"
#include "io/posix/storage_posix.h"
#include "tests/support/capture.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/unit/tools/journal_build.h"

#include <dirent.h>
#include <time.h>

#include <weir.h>
#include <weir/journal.h>

#include "tools/weir/args.h"

static struct build b;
static struct capture c;

#define RUN(...) CAPTURE(&c, cmd_journal, "journal", __VA_ARGS__)

struct following {
	uint64_t sequences[256];
	unsigned count;
	unsigned idles;
	unsigned want;              /* stop after so many events */
	unsigned give_up;           /* or so many idles */
	void (*act)(unsigned idle); /* what the owner does meanwhile */
	uint64_t retired_first;
	uint64_t retired_end;
};

static int follow_event(void *context, const struct weir_journal_event *event)
{
	struct following *f = context;

	cr_assert_lt(f->count, 256);
	f->sequences[f->count++] = event->item.sequence;
	/* Defined before the place where following begins, or in a checkpoint. */
	cr_assert_not_null(event->topic_name);
	cr_assert_str_eq(event->topic_name, "orders");
	return f->count == f->want ? 77 : 0;
}

static int follow_damage(void *context, const struct weir_journal_damage *damage)
{
	struct following *f = context;

	if (damage->kind == WEIR_JOURNAL_RETIRED) {
		f->retired_first = damage->first_sequence;
		f->retired_end = damage->end_sequence;
	}
	return 0;
}

static int follow_idle(void *context)
{
	struct following *f = context;

	if (f->idles == f->give_up)
		return 78;
	if (f->act != NULL)
		f->act(f->idles);
	f->idles++;
	return 0;
}

static int run_follow(struct following *f, uint64_t from)
{
	struct weir_journal_visitor visitor;
	struct weir_problem problem = {0};

	weir_journal_visitor_init(&visitor);
	visitor.from_sequence = from;
	visitor.event = follow_event;
	visitor.damage = follow_damage;
	visitor.idle = follow_idle;
	visitor.context = f;
	return weir_journal_follow(b.dir, &visitor, &problem);
}

static void check_sequences(const struct following *f, uint64_t first, unsigned count)
{
	cr_assert_eq(f->count, count, "%u events", f->count);
	for (unsigned i = 0; i < count; i++)
		cr_assert_eq(f->sequences[i], first + i, "event %u has sequence %llu", i,
			     (unsigned long long)f->sequences[i]);
}

Test(journal_follow, following_begins_where_it_is_told)
{
	struct following f = {.want = 3, .give_up = 3};

	build_sample(&b);
	cr_assert_eq(run_follow(&f, 5), 77);
	check_sequences(&f, 5, 3);
	cr_assert_eq(f.idles, 0);
	build_fini(&b);
}

static void append_one(unsigned idle)
{
	char text[32];

	snprintf(text, sizeof text, "event at idle %u", idle);
	build_event(&b, idle % 4, "k", text);
	build_seal(&b);
	build_evidence(&b);
}

Test(journal_follow, following_goes_on_with_what_is_appended)
{
	/* Two blocks an event and what is there already: all fit into the first chunk of 16. */
	struct following f = {.want = 10, .give_up = 20, .act = append_one};

	build_sample(&b);
	cr_assert_eq(run_follow(&f, 3), 77);
	check_sequences(&f, 3, 10);
	cr_assert_eq(f.idles, 5);
	build_fini(&b);
}

static void append_and_roll(unsigned idle)
{
	if (idle % 3 == 2)
		build_roll(&b);
	build_event(&b, 0, "k", "x");
	build_seal(&b);
}

Test(journal_follow, following_crosses_segments_and_waits_for_evidence)
{
	struct following f = {.want = 20, .give_up = 60, .act = append_and_roll};

	build_sample(&b);
	cr_assert_eq(run_follow(&f, 8), 77);
	check_sequences(&f, 8, 20);
	/* Nothing is shown before a later header says that it is durable. */
	cr_assert_leq(f.sequences[19], b.durable_seq);
	build_fini(&b);
}

static void append_unattested(unsigned idle)
{
	if (idle == 0) {
		build_event(&b, 0, "k", "written, not attested");
		build_seal(&b);
	}
	if (idle == 5)
		build_evidence(&b);
}

Test(journal_follow, following_shows_nothing_that_is_not_attested)
{
	struct following f = {.want = 1, .give_up = 20, .act = append_unattested};

	build_sample(&b);
	cr_assert_eq(run_follow(&f, 8), 77);
	check_sequences(&f, 8, 1);
	cr_assert_eq(f.idles, 6);
	build_fini(&b);
}

/* The owner is killed and opened again: the end is recorded, the log goes on in a new segment. */
static void reopen(unsigned idle)
{
	if (idle == 2) {
		uint64_t end_segment_id = b.segment_id;
		uint64_t end_offset = b.offset;
		b.epoch++;
		build_superblock(&b);
		build_segment(&b);
		build_epoch(&b, end_segment_id, end_offset);
		build_event(&b, 0, "k", "after");
		build_seal(&b);
	}
	if (idle == 3)
		build_evidence(&b);
}

Test(journal_follow, following_survives_a_reopen_of_the_owner)
{
	struct following f = {.want = 6, .give_up = 200, .act = reopen};

	build_sample(&b);
	cr_assert_eq(run_follow(&f, 3), 77, "%u events", f.count);
	cr_assert_eq(f.sequences[4], 7);
	cr_assert_eq(f.sequences[5], 9); /* 8 is the epoch's own record */
	build_fini(&b);
}

/*
 * The owner died before anything in that segment could attest its last event; the next owner's
 * first batch does, in a segment that is not reached from there.
 */
Test(journal_follow, the_last_event_before_a_crash_is_shown_when_the_next_owner_attests_it)
{
	struct following f = {.want = 1, .give_up = 200};

	build_sample(&b);
	build_event(&b, 0, "k", "the last");
	build_seal(&b);
	uint64_t last_seq = b.next_seq - 1;
	uint64_t end_segment_id = b.segment_id;
	uint64_t end_offset = b.offset;
	b.epoch++;
	build_superblock(&b);
	build_segment(&b);
	b.durable_seq = last_seq;
	build_epoch(&b, end_segment_id, end_offset);
	build_seal(&b);
	cr_assert_eq(run_follow(&f, last_seq), 77, "%u events", f.count);
	cr_assert_eq(f.sequences[0], last_seq);
	build_fini(&b);
}

Test(journal_follow, following_tells_what_was_retired_before_it_was_read)
{
	struct following f = {.want = 1, .give_up = 20};
	char path[TEST_PATH_BYTES + 64];

	build_sample(&b);
	build_roll(&b);
	build_event(&b, 0, "k", "kept");
	build_seal(&b);
	build_evidence(&b);
	build_checkpoint(&b);
	snprintf(path, sizeof path, "%s/0-00000001.seg", b.dir);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(run_follow(&f, 5), 77, "%u events", f.count);
	check_sequences(&f, 8, 1);
	cr_assert_eq(f.retired_first, 5);
	cr_assert_eq(f.retired_end, 8);
	build_fini(&b);
}

/* --- packed segments -------------------------------------------------------------------------- */

/* Segment 1, which ends before `end_seq`, under another file number beside it. */
static void pack_first(uint32_t file_number, uint64_t end_seq)
{
	const struct wr_storage_options options = {.dir = b.dir, .buffered = true};
	struct wr_pack_job job = {
		.segment_id = 1, .first_seq = 1, .end_seq = end_seq, .file_number = file_number};
	struct wr_memory_posix memory;
	struct wr_storage *storage;
	struct wr_pack pack;
	int r;

	cr_assert_eq(wr_memory_posix_init(&memory, NULL), 0);
	cr_assert_eq(wr_storage_posix_open(&options, &storage), 0);
	cr_assert_eq(storage->ops->file_open(storage, "0-00000001.seg", 0, &job.file), 0);
	cr_assert_eq(wr_pack_init(&pack, storage, &memory.memory, b.superblock.uuid, 0,
				  BUILD_CHUNK_BYTES, BUILD_SEGMENT_BYTES, false),
		     0);
	cr_assert_eq(wr_pack_begin(&pack, &job), 0);
	do
		r = wr_pack_step(&pack);
	while (r == 1);
	cr_assert_eq(r, 0);
	cr_assert_eq(wr_pack_switch(&pack), 0);
	wr_pack_fini(&pack);
	storage->ops->fini(storage);
	b.superblock.features_must |= WR_SUPERBLOCK_PACKED;
	build_superblock(&b);
}

static bool is_listed_before(const char *name, const char *other)
{
	DIR *dir = opendir(b.dir);
	const struct dirent *entry;
	bool is_before = false;

	cr_assert_not_null(dir);
	while ((entry = readdir(dir)) != NULL && strcmp(entry->d_name, other) != 0)
		is_before |= strcmp(entry->d_name, name) == 0;
	closedir(dir);
	return is_before;
}

static void rename_segment(char *name, uint32_t file_number)
{
	char from[TEST_PATH_BYTES + 64], to[TEST_PATH_BYTES + 64];

	snprintf(from, sizeof from, "%s/%s", b.dir, name);
	wr_segment_name(name, 0, file_number);
	snprintf(to, sizeof to, "%s/%s", b.dir, name);
	cr_assert_eq(rename(from, to), 0);
}

Test(journal_follow, what_a_packed_segment_stands_for_is_not_read)
{
	static const uint8_t zeros[BUILD_SEGMENT_BYTES - WR_BLOCK_BYTES];
	char packed[WR_STORAGE_NAME_MAX + 1], plain[WR_STORAGE_NAME_MAX + 1];

	build_sample(&b);
	build_roll(&b);
	build_event(&b, 0, "k", "next");
	build_seal(&b);
	build_evidence(&b);
	pack_first(500, 8);
	wr_segment_name(packed, 0, 500);
	wr_segment_name(plain, 0, 1);
	build_put(&b, plain, zeros, sizeof zeros, WR_BLOCK_BYTES); /* is being used again */
	/* In either order: which one a directory has is its own matter, and that of the names. */
	for (uint32_t packed_first = 0; packed_first < 2; packed_first++) {
		struct following f = {.want = 4, .give_up = 20};
		for (uint32_t i = 0;
		     i < 200 && is_listed_before(packed, plain) != (packed_first != 0); i++)
			rename_segment(i % 2 == 0 ? packed : plain, 501 + 200 * packed_first + i);
		cr_assert_eq(run_follow(&f, 5), 77, "%u events", f.count);
		check_sequences(&f, 5, 4);
	}
	build_fini(&b);
}

/* --- beside a running owner ------------------------------------------------------------------ */

#define LIVE_EVENTS 500u

static struct weir_pipeline *pipeline;
static struct weir_producer *producer;
static uint32_t live_topic;

/* An owner as any program is one, in a directory that build_fini() removes. */
static void open_live(void)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_producer_options producing;
	struct weir_problem problem = {0};

	memset(&b, 0, sizeof b);
	test_dir_make(b.dir);
	weir_options_init(&options);
	options.dir = b.dir;
	options.io = WEIR_IO_POSIX;
	options.chunk_bytes = 65536;
	options.segment_bytes = 262144;
	options.lane_bytes = 65536;
	options.segments_ahead = 1;
	cr_assert_eq(weir_open(&options, &pipeline, &problem), 0, "%s", problem.text);
	weir_topic_options_init(&topic);
	topic.name = "orders";
	topic.partitions = 4;
	cr_assert_eq(weir_topic_create(pipeline, &topic, &live_topic, &problem), 0, "%s",
		     problem.text);
	weir_producer_options_init(&producing);
	cr_assert_eq(weir_producer_open(pipeline, &producing, &producer, &problem), 0, "%s",
		     problem.text);
}

static void close_live(void)
{
	cr_assert_eq(weir_producer_close(producer, FIXTURE_LONG_NS), 0);
	cr_assert_eq(weir_close(pipeline, WEIR_CLOSE_DRAIN, FIXTURE_LONG_NS, NULL), 0);
}

/* Published, and durable when it returns. */
static void publish_live(unsigned first, unsigned count)
{
	uint64_t ticket = 0;

	for (unsigned i = first; i < first + count; i++) {
		char text[400];
		memset(text, 'x', sizeof text);
		snprintf(text, sizeof text, "event %u", i);
		struct weir_event event = {.topic = live_topic,
					   .key = &i,
					   .key_bytes = sizeof i,
					   .payload = text,
					   .payload_bytes = sizeof text};
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
	}
	cr_assert_eq(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS), 0);
}

static void publish_at_idle(unsigned idle)
{
	const struct timespec pause = {.tv_nsec = 20000000};

	if (idle < 5)
		publish_live(LIVE_EVENTS + idle * 100, 100);
	else
		nanosleep(&pause, NULL);
}

Test(journal_follow, a_running_owner_is_read_beside)
{
	struct weir_journal_report report;
	struct following f = {.want = 200, .give_up = 200, .act = publish_at_idle};

	open_live();
	publish_live(0, LIVE_EVENTS);
	RUN("dump", b.dir, "--topic", "orders", "-n", "100");
	cr_assert_eq(c.exit_code, 0, "%s", c.err);
	unsigned lines = 0;
	for (const char *p = c.out; *p != '\0'; p++)
		lines += *p == '\n';
	cr_assert_eq(lines, 100);
	RUN("verify", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s%s", c.out, c.err);
	RUN("ls", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s%s", c.out, c.err);
	cr_assert_eq(weir_journal_inspect(b.dir, NULL, &report, NULL), 0);
	cr_assert_eq(report.event_count, LIVE_EVENTS);
	cr_assert_not(report.clean);
	cr_assert_eq(run_follow(&f, report.last_sequence + 1), 77, "%u events", f.count);
	check_sequences(&f, report.last_sequence + 1, 200);
	close_live();
	cr_assert_eq(weir_journal_inspect(b.dir, NULL, &report, NULL), 0);
	cr_assert_geq(report.event_count, LIVE_EVENTS + 200);
	cr_assert(report.clean);
	cr_assert_eq(report.corrupt_count + report.harmless_count, 0);
	RUN("verify", b.dir);
	cr_assert_eq(c.exit_code, 0, "%s%s", c.out, c.err);
	build_fini(&b);
}
