/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   on real ext4 and XFS `weir torture` passes; a disk that is full makes producers wait and
 *         loses nothing (fault 6), one that cannot be written to is read as it is, and an open for
 *         writing is refused with EROFS (fault 21).
 * Method: file systems as mkfs makes them, on loop devices over memory, in namespaces of the test's
 *         own (mounts.h).
 *
 *   crash_media --seconds 20    the torture takes so long on each file system (default 1)
 *
 * Plain main(), TAP. Skipped where loop devices or mounts are not to be had.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <weir.h>

#include "bench/harness.h"
#include "tests/powercut/mounts.h"
#include "tests/support/capture.h"
#include "tests/support/real_data.h"
#include "tools/weir/args.h"

#define SECOND_NS UINT64_C(1000000000)
#define PATIENCE_NS (60 * SECOND_NS)
#define STILL_NS (SECOND_NS / 2)         /* nothing moved for so long: it waits for space */
#define DISK_BYTES (UINT64_C(320) << 20) /* nothing is taken before it is written */
#define FULL_BYTES (UINT64_C(12) << 20)
#define PAYLOAD_BYTES 1500u

static const char *torture_seconds = "1";
static char disk[MOUNTS_PATH_BYTES];
static char journal[MOUNTS_PATH_BYTES];
static char room[MOUNTS_PATH_BYTES];
static struct capture c;
static struct weir_problem problem;

/* --- a disk --------------------------------------------------------------------------------- */

/* A file system on memory; the descriptor of that, or -1. */
static int make_disk(const struct mounts_kind *kind, uint64_t bytes)
{
	char device[MOUNTS_PATH_BYTES];
	int fd = memfd_create("disk", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0) {
		tap_check(false, "memory for a disk: %s", strerror(errno));
		return -1;
	}
	int loop = mounts_attach(fd, room, false, device);
	int code = loop < 0 ? loop : mounts_make(kind, device);
	if (loop >= 0)
		(void)close(loop);
	if (!tap_check(code == 0, "%s is made on a loop device (%d)", kind->name, code)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static bool mount_disk(const struct mounts_kind *kind, int fd, bool read_only)
{
	const char *what = "";
	int code = mounts_mount(kind, fd, room, disk, read_only, &what);

	return tap_check(code == 0, "%s is mounted%s (%s: %s)", kind->name,
			 read_only ? " from a device that cannot be written to" : "", what,
			 strerror(-code));
}

static void unmount_disk(const char *name)
{
	int code = mounts_unmount(disk);

	if (code != 0)
		tap_check(false, "%s is unmounted: %s", name, strerror(-code));
}

/* --- a pipeline ----------------------------------------------------------------------------- */

struct run {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	uint32_t topic;
	uint64_t published, acked;
	int refusal;
};

static void take_answer(void *context, const struct weir_ack_range *range)
{
	struct run *run = context;

	if (range->code != 0)
		run->refusal = range->code;
	else
		run->acked += range->last_ticket - range->first_ticket + 1;
}

static int start(struct run *run, enum weir_io io)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_producer_options producer;

	*run = (struct run){.refusal = 0};
	memset(&problem, 0, sizeof problem);
	test_options(&options, journal);
	options.io = io;
	options.segment_bytes = 256u << 10;
	options.chunk_bytes = 64u << 10;
	options.pool_bytes = 1u << 20;
	options.outstanding_max = 16;
	options.undurable_bytes = 256u << 10;
	options.lane_bytes = 64u << 10;
	weir_topic_options_init(&topic);
	topic.name = "t";
	weir_producer_options_init(&producer);
	producer.when_full = WEIR_FULL_TRY;
	producer.ack_fn = take_answer;
	producer.ack_context = run;
	int rc = weir_open(&options, &run->pipeline, &problem);
	if (rc == 0)
		rc = weir_topic_create(run->pipeline, &topic, &run->topic, &problem);
	if (rc == 0)
		rc = weir_producer_open(run->pipeline, &producer, &run->producer, &problem);
	return rc;
}

/* The n-th event holds n. False: there was no room. */
static bool publish_one(struct run *run)
{
	uint8_t payload[PAYLOAD_BYTES];
	uint64_t number = run->published + 1;

	memset(payload, (int)number, sizeof payload);
	memcpy(payload, &number, sizeof number);
	const struct weir_event event = {
		.topic = run->topic, .payload = payload, .payload_bytes = sizeof payload};
	int rc = weir_publish(run->producer, &event, NULL);
	run->published += rc == 0;
	(void)weir_producer_poll_acks(run->producer);
	return rc == 0;
}

/* Publishes until nothing moves any more, or until `published_max`. */
static void publish_until_still(struct run *run, uint64_t published_max)
{
	const struct timespec nap = {.tv_nsec = 1000000};
	uint64_t moved_ns = bench_now_ns();
	uint64_t acked = run->acked;

	while (bench_now_ns() - moved_ns < STILL_NS && run->published < published_max) {
		bool is_in = publish_one(run);
		if (is_in || run->acked != acked)
			moved_ns = bench_now_ns();
		else
			nanosleep(&nap, NULL);
		acked = run->acked;
	}
}

static bool await_acks(struct run *run)
{
	uint64_t begun_ns = bench_now_ns();

	while (run->acked < run->published && run->refusal == 0 &&
	       bench_now_ns() - begun_ns < PATIENCE_NS)
		(void)weir_producer_poll_acks(run->producer);
	return run->acked == run->published && run->refusal == 0;
}

struct seen {
	uint64_t last;
	bool is_ordered;
};

static int look_at(void *context, const struct weir_journal_event *event)
{
	struct seen *seen = context;
	uint64_t number = 0;

	if (event->item.payload_bytes >= sizeof number)
		memcpy(&number, event->item.payload, sizeof number);
	seen->is_ordered &= number == seen->last + 1;
	seen->last = number;
	return 0;
}

/* The last event, read from outside; UINT64_MAX: not dense, damaged, or not to be read. */
static uint64_t last_event(void)
{
	struct weir_journal_visitor visitor;
	struct weir_journal_report report = {0};
	struct seen seen = {.is_ordered = true};

	weir_journal_visitor_init(&visitor);
	visitor.event = look_at;
	visitor.context = &seen;
	int rc = weir_journal_inspect(journal, &visitor, &report, &problem);
	return rc == 0 && report.corrupt_count == 0 && seen.is_ordered ? seen.last : UINT64_MAX;
}

/* --- fault 6 -------------------------------------------------------------------------------- */

/* Takes space until there are only `bytes` left. */
static void put_ballast(const char *path, uint64_t bytes)
{
	struct statvfs st;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	capture_must(fd >= 0 && fstatvfs(fd, &st) == 0, path);
	uint64_t room_bytes = (uint64_t)st.f_bfree * st.f_bsize;
	if (room_bytes > bytes)
		capture_must(fallocate(fd, 0, 0, (off_t)(room_bytes - bytes)) == 0, "ballast");
	(void)close(fd);
}

static void a_full_disk(const struct mounts_kind *kind, enum weir_io io, const char *name)
{
	char ballast[MOUNTS_PATH_BYTES];
	struct run run;

	mounts_path(disk, "ballast", ballast);
	put_ballast(ballast, UINT64_C(6) << 20);
	int rc = start(&run, io);
	if (!tap_check(rc == 0, "%s, %s: opened (%s: %s)", kind->name, name, weir_error_name(rc),
		       problem.text))
		return;
	publish_until_still(&run, UINT64_MAX);
	uint64_t at_full = run.acked;
	tap_check(run.refusal == 0 && at_full > 0 && run.published > at_full,
		  "%s, %s: on a full disk producers wait behind event %llu, nothing is refused",
		  kind->name, name, (unsigned long long)at_full);
	uint64_t found = last_event();
	tap_check(found >= at_full && found <= run.published,
		  "%s, %s: all of them are there (%llu)", kind->name, name,
		  (unsigned long long)found);
	capture_must(unlink(ballast) == 0, ballast);
	publish_until_still(&run, run.published + 500);
	tap_check(await_acks(&run) && run.acked >= at_full + 500,
		  "%s, %s: with space it goes on, up to %llu", kind->name, name,
		  (unsigned long long)run.acked);
	rc = weir_close(run.pipeline, WEIR_CLOSE_DRAIN, PATIENCE_NS, NULL);
	tap_check(rc == 0 && last_event() == run.published, "%s, %s: closed, and all is there",
		  kind->name, name);
}

/* --- fault 21 ------------------------------------------------------------------------------- */

static uint64_t write_some(const struct mounts_kind *kind)
{
	struct run run;

	int rc = start(&run, WEIR_IO_AUTO);
	if (!tap_check(rc == 0, "%s: opened (%s)", kind->name, problem.text))
		return 0;
	for (int i = 0; i < 40; i++)
		(void)publish_one(&run);
	bool is_good = await_acks(&run);
	rc = weir_close(run.pipeline, WEIR_CLOSE_DRAIN, PATIENCE_NS, NULL);
	tap_check(is_good && rc == 0, "%s: a journal is written", kind->name);
	return run.published;
}

static void read_only(const struct mounts_kind *kind, uint64_t published)
{
	struct run run;

	tap_check(last_event() == published, "%s: read-only: all %llu events are read", kind->name,
		  (unsigned long long)published);
	CAPTURE(&c, cmd_journal, "journal", "verify", journal);
	tap_check(c.exit_code == CLI_EXIT_OK, "%s: read-only: weir journal verify: %d %s",
		  kind->name, c.exit_code, c.err);
	for (int posix = 0; posix < 2; posix++) {
		int rc = start(&run, posix ? WEIR_IO_POSIX : WEIR_IO_AUTO);
		tap_check(rc == -EROFS && problem.text[0] != '\0',
			  "%s: read-only: %s for writing is refused: %s: \"%s\"", kind->name,
			  posix ? "posix" : "auto", weir_error_name(rc), problem.text);
	}
}

/* --- all of it ------------------------------------------------------------------------------ */

static void torture(const struct mounts_kind *kind)
{
	CAPTURE(&c, cmd_torture, "torture", disk, "--seconds", torture_seconds);
	tap_check(c.exit_code == CLI_EXIT_OK, "weir torture passes on %s", kind->name);
	if (c.exit_code != CLI_EXIT_OK)
		tap_note("%s %s", c.out, c.err);
}

static void on_kind(const struct mounts_kind *kind)
{
	const char *missing = mounts_missing(kind);
	char why[128];

	if (missing != NULL) {
		(void)snprintf(why, sizeof why, "%s: no %s here (package %s)", kind->name,
			       kind->mkfs[0], missing);
		tap_skip(why);
		return;
	}
	int fd = make_disk(kind, DISK_BYTES);
	if (fd < 0)
		return;
	if (mount_disk(kind, fd, false)) {
		torture(kind);
		uint64_t published = write_some(kind);
		unmount_disk(kind->name);
		if (mount_disk(kind, fd, true)) {
			read_only(kind, published);
			unmount_disk(kind->name);
		}
	}
	(void)close(fd);
}

static void on_a_small_disk(void)
{
	const struct mounts_kind *ext4 = &mounts_kinds[0];

	for (int posix = 0; posix < 2 && mounts_missing(ext4) == NULL; posix++) {
		enum weir_io io = posix ? WEIR_IO_POSIX : WEIR_IO_AUTO;
		int fd = make_disk(ext4, FULL_BYTES);
		if (fd >= 0 && mount_disk(ext4, fd, false)) {
			a_full_disk(ext4, io, posix ? "posix" : "auto");
			unmount_disk(ext4->name);
		}
		if (fd >= 0)
			(void)close(fd);
	}
}

static int run_all(const char *folder)
{
	(void)snprintf(room, sizeof room, "%.500s", folder);
	mounts_path(folder, "disk", disk);
	mounts_path(disk, "journal", journal);
	capture_must(mkdir(disk, 0700) == 0, disk);
	for (unsigned i = 0; i < 2; i++)
		on_kind(&mounts_kinds[i]);
	on_a_small_disk();
	return tap_end();
}

int main(int argc, char **argv)
{
	char folder[TEST_PATH_BYTES];

	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--seconds") == 0)
			torture_seconds = argv[i + 1];
	test_dir_make(folder);
	int code = mounts_run(folder, false, run_all);
	test_dir_remove(folder);
	return code;
}
