/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   several threads that verify a journal tell exactly what one tells: of a whole one, of one
 *         with damage anywhere, and whatever their number is to that of the segments.
 * Method: a journal of several segments on disk; what a visitor is told and the report, by one
 *         thread and by many; bits flipped, files cut, lost and copied between.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/journal.h>

#include "bench/harness.h"
#include "bench/replay.h"
#include "core/base/bits.h"
#include "tests/support/capture.h"
#include "tools/weir/args.h"

#define TOLD_MAX 64u

static char root[BENCH_PATH_BYTES];
static char dir[BENCH_PATH_BYTES + 16];
static struct capture c;

struct told {
	struct weir_journal_segment segments[TOLD_MAX];
	struct weir_journal_damage damages[TOLD_MAX];
	uint32_t segment_count, damage_count;
	uint64_t progress;
	int stop_with;
	struct weir_journal_report report;
};

static int tell_segment(void *context, const struct weir_journal_segment *segment)
{
	struct told *t = context;

	cr_assert_lt(t->segment_count, TOLD_MAX);
	/* Field by field: what lies between them is nobody's, and all of it is compared. */
	struct weir_journal_segment *to = &t->segments[t->segment_count++];
	memcpy(to->file, segment->file, sizeof to->file);
	to->segment_id = segment->segment_id;
	to->first_sequence = segment->first_sequence;
	to->end_sequence = segment->end_sequence;
	to->first_time_us = segment->first_time_us;
	to->last_time_us = segment->last_time_us;
	to->used_bytes = segment->used_bytes;
	to->file_bytes = segment->file_bytes;
	to->batch_count = segment->batch_count;
	to->epoch = segment->epoch;
	to->spare = segment->spare;
	return t->stop_with;
}

static int tell_damage(void *context, const struct weir_journal_damage *damage)
{
	struct told *t = context;

	cr_assert_lt(t->damage_count, TOLD_MAX);
	struct weir_journal_damage *to = &t->damages[t->damage_count++];
	to->kind = damage->kind;
	to->corrupt = damage->corrupt;
	memcpy(to->file, damage->file, sizeof to->file);
	to->segment_id = damage->segment_id;
	to->offset = damage->offset;
	to->bytes = damage->bytes;
	to->first_sequence = damage->first_sequence;
	to->end_sequence = damage->end_sequence;
	memcpy(to->text, damage->text, sizeof to->text);
	return 0;
}

static int tell_progress(void *context, uint64_t segments)
{
	struct told *t = context;

	cr_assert_geq(segments, t->progress, "it never goes back");
	t->progress = segments;
	return 0;
}

static int verify(uint32_t threads, struct told *told)
{
	struct weir_journal_visitor visitor;
	struct weir_problem problem = {.code = 0};

	weir_journal_visitor_init(&visitor);
	visitor.segment = tell_segment;
	visitor.damage = tell_damage;
	visitor.progress = tell_progress;
	visitor.context = told;
	visitor.threads = threads;
	struct weir_journal_report report;
	int code = weir_journal_inspect(dir, &visitor, &report, &problem);
	struct weir_journal_report *to = &told->report;
	memcpy(to->uuid, report.uuid, sizeof to->uuid);
	to->format = report.format;
	to->epoch = report.epoch;
	to->clean = report.clean;
	to->chunk_bytes = report.chunk_bytes;
	to->segment_bytes = report.segment_bytes;
	to->created_us = report.created_us;
	to->oldest_sequence = report.oldest_sequence;
	to->last_sequence = report.last_sequence;
	to->durable_sequence = report.durable_sequence;
	to->record_count = report.record_count;
	to->event_count = report.event_count;
	to->segment_count = report.segment_count;
	to->spare_count = report.spare_count;
	to->corrupt_count = report.corrupt_count;
	to->harmless_count = report.harmless_count;
	to->read_bytes = report.read_bytes;
	return code;
}

static void setup(void)
{
	const char *parent = getenv("TMPDIR");
	struct replay_settings settings = {
		.dir = dir, .payload_bytes = 64, .events = 80000, .segment_bytes = 1 << 20};
	struct replay_journal journal;
	struct weir_problem problem = {.code = 0};

	cr_assert_eq(bench_dir_make(parent != NULL ? parent : "/tmp", root), 0);
	(void)snprintf(dir, sizeof dir, "%s/journal", root);
	cr_assert_eq(replay_make(&settings, &journal, &problem), 0, "%s", problem.text);
	cr_assert_gt(journal.segments, 4);
}

static void teardown(void)
{
	cr_assert_eq(bench_tree_remove(root), 0);
}

TestSuite(verify_threads, .init = setup, .fini = teardown);

/* What one thread tells, and that many tell the same. */
static void expect_the_same(struct told *one)
{
	static const uint32_t counts[] = {2, 5};
	static struct told many;

	memset(one, 0, sizeof *one);
	cr_assert_eq(verify(1, one), 0);
	for (size_t i = 0; i < WR_ARRAY_COUNT(counts); i++) {
		memset(&many, 0, sizeof many);
		cr_assert_eq(verify(counts[i], &many), 0);
		cr_expect_eq(many.segment_count, one->segment_count, "%u threads", counts[i]);
		cr_expect_eq(many.damage_count, one->damage_count, "%u threads", counts[i]);
		cr_expect_eq(memcmp(many.segments, one->segments, sizeof one->segments), 0,
			     "%u threads", counts[i]);
		cr_expect_eq(memcmp(many.damages, one->damages, sizeof one->damages), 0,
			     "%u threads", counts[i]);
		/* Each thread looks at the first blocks of all files. */
		many.report.read_bytes = one->report.read_bytes;
		cr_expect_eq(memcmp(&many.report, &one->report, sizeof one->report), 0,
			     "%u threads", counts[i]);
		cr_expect_leq(many.progress, one->segment_count);
	}
}

static void path_of(const struct weir_journal_segment *segment, char to[BENCH_PATH_BYTES + 96])
{
	(void)snprintf(to, BENCH_PATH_BYTES + 96, "%s/%s", dir, segment->file);
}

static void flip(const struct weir_journal_segment *segment, off_t offset)
{
	char path[BENCH_PATH_BYTES + 96];
	uint8_t byte;

	path_of(segment, path);
	int fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0);
	cr_assert_eq(pread(fd, &byte, 1, offset), 1);
	byte ^= 4;
	cr_assert_eq(pwrite(fd, &byte, 1, offset), 1);
	cr_assert_eq(close(fd), 0);
}

Test(verify_threads, of_a_whole_journal_they_tell_what_one_tells)
{
	static struct told one;

	expect_the_same(&one);
	cr_expect_eq(one.damage_count, 0);
	cr_expect_eq(one.report.event_count, 80000);
	cr_expect_gt(one.report.spare_count, 0);
	static struct told many; /* more threads than segments */
	cr_assert_eq(verify(64, &many), 0);
	cr_expect_eq(memcmp(many.segments, one.segments, sizeof one.segments), 0);
	cr_expect_eq(many.report.record_count, one.report.record_count);
}

Test(verify_threads, damage_at_a_border_or_inside_is_told_as_by_one)
{
	static struct told whole, one;
	static const off_t offsets[] = {100, 4096 + 40, 4096 + 300, 500000};

	cr_assert_eq(verify(1, &whole), 0);
	for (uint32_t s = 0; s < 5; s += 2)
		for (size_t i = 0; i < WR_ARRAY_COUNT(offsets); i++) {
			flip(&whole.segments[s], offsets[i]);
			expect_the_same(&one);
			cr_expect_gt(one.damage_count, 0, "segment %u, %ld", s, (long)offsets[i]);
			flip(&whole.segments[s], offsets[i]);
		}
}

Test(verify_threads, files_that_are_cut_lost_or_copied_are_told_as_by_one)
{
	static struct told whole, one;
	char path[BENCH_PATH_BYTES + 96], other[BENCH_PATH_BYTES + 96], copy[3 * BENCH_PATH_BYTES];

	cr_assert_eq(verify(1, &whole), 0);
	path_of(&whole.segments[3], path);
	(void)snprintf(other, sizeof other, "%s/0-00000999.seg", dir);
	(void)snprintf(copy, sizeof copy, "cp '%s' '%s'", path, other);
	cr_assert_eq(system(copy), 0);
	expect_the_same(&one);
	cr_expect_gt(one.report.corrupt_count, 0, "a copy");
	cr_assert_eq(unlink(other), 0);
	cr_assert_eq(truncate(path, 300000), 0);
	expect_the_same(&one);
	cr_expect_gt(one.report.corrupt_count, 0, "cut");
	cr_assert_eq(unlink(path), 0);
	expect_the_same(&one);
	cr_expect_gt(one.report.corrupt_count, 0, "lost");
}

Test(verify_threads, a_visitor_may_stop_it)
{
	static struct told told = {.stop_with = 7};

	cr_expect_eq(verify(3, &told), 7);
	cr_expect_eq(told.segment_count, 1);
}

Test(verify_threads, the_command_takes_a_number_of_them)
{
	CAPTURE(&c, cmd_journal, "journal", "verify", dir, "--threads", "3");
	cr_expect_eq(c.exit_code, 0, "%s", c.err);
	cr_expect(capture_has(c.out, "ok: "), "%s", c.out);
	CAPTURE(&c, cmd_journal, "journal", "verify", dir, "--threads", "65");
	cr_expect_eq(c.exit_code, CLI_EXIT_USAGE);
}
