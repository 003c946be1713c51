/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a full disk costs nothing that was acknowledged, and is no failure: publishing waits, and
 *         goes on when there is space again, whoever made it; acknowledgements of groups go on even
 *         while it is full (L31), and when they free segments, that is the space; also when the
 *         process died on the full disk, its consumers at work, and was started again there. Who
 *         asks or listens is told. An open that finds no space says so, changes nothing that
 *         matters, and works later.
 * Method: a tmpfs of a megabyte in a mount namespace of the test's own child, which takes it along
 *         when it ends; segments of 64 KiB; a file of ballast that is removed to make space. Both
 *         backends. What the journal holds is read from outside at the end.
 *
 * Plain main(), TAP. Skipped where mounts are refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "tests/support/real_data.h"

#define SECOND_NS UINT64_C(1000000000)
#define DISK_BYTES (1u << 20)
#define STILL_NS (SECOND_NS / 2) /* nothing moved for so long: it waits for space */
#define PATIENCE_NS (SECOND_NS * 60)
#define EXIT_NO_MOUNT 77

static char disk[TEST_PATH_BYTES];
static char journal[TEST_PATH_BYTES + 16];
static char ballast[TEST_PATH_BYTES + 16];
static enum weir_io io;
static const char *name;

struct run {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	struct weir_member *member;
	uint32_t topic;
	uint32_t subscription;
	uint64_t published;
	uint64_t acked;
	uint64_t handled;
	bool is_ordered;
	int refusal;
};

static struct weir_problem problem;
static wr_atomic_u32 lines_full, lines_room;

/* What weir says in words: that there is no room, and that there is again. */
static void on_line(void *context, const struct weir_log_line *line)
{
	(void)context;
	if (strstr(line->message, "no room for another segment") != NULL)
		(void)wr_add_relaxed(&lines_full, 1u);
	if (strstr(line->message, "there is room for another segment") != NULL)
		(void)wr_add_relaxed(&lines_room, 1u);
}

static struct weir_info info_of(struct weir_pipeline *pipeline)
{
	struct weir_info info = {.struct_bytes = sizeof info};

	if (weir_pipeline_info(pipeline, &info) != 0)
		exit(1);
	return info;
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static void nap(void)
{
	const struct timespec length = {.tv_nsec = 200000};
	nanosleep(&length, NULL);
}

static uint64_t free_bytes(void)
{
	struct statvfs status;
	return statvfs(disk, &status) == 0 ? (uint64_t)status.f_bavail * status.f_bsize : 0;
}

/* Fills the disk up to `leave` bytes. */
static void put_ballast(uint64_t leave)
{
	static const uint8_t bytes[4096] = {1};
	int fd = open(ballast, O_WRONLY | O_CREAT | O_APPEND, 0600);

	while (free_bytes() > leave && write(fd, bytes, sizeof bytes) > 0)
		;
	close(fd);
}

/* --- a pipeline ----------------------------------------------------------------------------- */

static void take_answer(void *context, const struct weir_ack_range *range)
{
	struct run *run = context;

	if (range->code < 0 && run->refusal == 0)
		run->refusal = range->code;
	else if (range->code == 0)
		run->acked = range->last_ticket;
}

static void disk_options(struct weir_options *options, uint64_t retention_bytes)
{
	weir_options_init(options);
	options->dir = journal;
	options->log_fn = on_line;
	options->io = io;
	options->chunk_bytes = 16u << 10;
	options->segment_bytes = 64u << 10;
	options->segments_ahead = 1;
	options->pool_bytes = 512u << 10;
	options->undurable_bytes = 64u << 10;
	options->lane_bytes = 64u << 10;
	options->member_lane_bytes = 64u << 10;
	options->checkpoint_bytes = 64u << 10;
	options->partitions_max = 8;
	options->topics_max = 4;
	options->subscriptions_max = 4;
	options->named_producers_max = 4;
	options->outstanding_max = 16;
	options->members_max = 4;
	options->producers_max = 4;
	options->retention_bytes = retention_bytes;
}

static int start(struct run *run, uint64_t retention_bytes)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_producer_options producer;
	struct weir_subscription_options subscription;
	struct weir_member_options member;
	const char *topic_name = "t";

	*run = (struct run){.is_ordered = true};
	memset(&problem, 0, sizeof problem);
	disk_options(&options, retention_bytes);
	weir_topic_options_init(&topic);
	topic.name = topic_name;
	weir_producer_options_init(&producer);
	producer.when_full = WEIR_FULL_TRY;
	producer.ack_fn = take_answer;
	producer.ack_context = run;
	weir_subscription_options_init(&subscription);
	subscription.name = "s";
	subscription.topics = &topic_name;
	subscription.topic_count = 1;
	subscription.session_timeout_ns = 10 * PATIENCE_NS; /* a member's end is a record, too */
	weir_member_options_init(&member);
	int rc = weir_open(&options, &run->pipeline, &problem);
	if (rc < 0)
		return rc;
	rc = weir_topic_create(run->pipeline, &topic, &run->topic, &problem);
	if (rc == 0)
		rc = weir_producer_open(run->pipeline, &producer, &run->producer, &problem);
	if (rc == 0)
		rc = weir_subscription_create(run->pipeline, &subscription, &run->subscription,
					      &problem);
	if (rc == 0)
		rc = weir_member_join(run->pipeline, run->subscription, &member, &run->member,
				      &problem);
	return rc;
}

/* The n-th event holds n and is half a block long, more or less. */
static int publish_one(struct run *run)
{
	uint8_t payload[2100];
	uint64_t number = run->published + 1;

	memset(payload, (int)number, sizeof payload);
	memcpy(payload, &number, sizeof number);
	const struct weir_event event = {
		.topic = run->topic, .payload = payload, .payload_bytes = 1000 + number % 1100};
	int rc = weir_publish(run->producer, &event, NULL);
	run->published += rc == 0;
	(void)weir_producer_poll_acks(run->producer);
	return rc;
}

/* Publishes until nothing moves any more, or until `acked_max` are durable. */
static void publish_until_still(struct run *run, uint64_t acked_max)
{
	uint64_t moved_ns = now_ns();
	uint64_t acked = run->acked;

	while (run->acked < acked_max && now_ns() - moved_ns < STILL_NS && run->refusal == 0) {
		int rc = publish_one(run);
		if (rc < 0 && rc != WEIR_E_AGAIN)
			run->refusal = rc;
		if (rc == WEIR_E_AGAIN)
			nap();
		if (run->acked != acked)
			moved_ns = now_ns();
		acked = run->acked;
	}
}

/* Everything that is published gets its answer. */
static bool await_acks(struct run *run)
{
	uint64_t until = now_ns() + SECOND_NS * 20;

	while (run->acked < run->published && run->refusal == 0 && now_ns() < until)
		if (weir_producer_poll_acks(run->producer) == 0)
			nap();
	return run->acked == run->published;
}

/* Handles what there is, and commits it. */
static int consume(struct run *run)
{
	struct weir_item items[64];
	int count;

	while ((count = weir_poll(run->member, items, 64, SECOND_NS / 10)) > 0) {
		for (int i = 0; i < count; i++) {
			uint64_t number = 0;
			if (items[i].kind == WEIR_ITEM_EVENT && items[i].payload_bytes >= 8)
				memcpy(&number, items[i].payload, sizeof number);
			run->is_ordered = run->is_ordered && number == run->handled + 1;
			run->handled = number;
		}
		(void)weir_ack_all(run->member);
	}
	return count < 0 ? count
			 : weir_member_commit(run->member, WEIR_LEVEL_DURABLE, SECOND_NS * 10);
}

static int end(struct run *run)
{
	int left = weir_member_leave(run->member, SECOND_NS * 10);
	int closed = weir_close(run->pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 20, NULL);
	return left < 0 ? left : closed;
}

/* --- the journal, from outside -------------------------------------------------------------- */

struct seen {
	uint64_t first, last;
	bool is_dense;
};

static int on_event(void *context, const struct weir_journal_event *event)
{
	struct seen *seen = context;
	uint64_t number = 0;

	if (event->item.payload_bytes >= sizeof number)
		memcpy(&number, event->item.payload, sizeof number);
	if (seen->first == 0)
		seen->first = number;
	else if (number != seen->last + 1)
		seen->is_dense = false;
	seen->last = number;
	return 0;
}

static struct seen look(void)
{
	struct seen seen = {.is_dense = true};
	struct weir_journal_visitor visitor;
	struct weir_journal_report report;

	weir_journal_visitor_init(&visitor);
	visitor.event = on_event;
	visitor.context = &seen;
	int rc = weir_journal_inspect(journal, &visitor, &report, NULL);
	if (rc < 0 || report.corrupt_count > 0)
		seen.is_dense = false;
	return seen;
}

/* --- cases ---------------------------------------------------------------------------------- */

static void space_is_made(void)
{
	struct run run;

	put_ballast(DISK_BYTES / 2);
	int rc = start(&run, 0);
	if (!tap_check(rc == 0, "%s: opened (%s: %s)", name, weir_error_name(rc), problem.text))
		return;
	publish_until_still(&run, UINT64_MAX);
	uint64_t full_at = run.acked;
	tap_check(run.refusal == 0 && full_at > 10 && run.published > full_at &&
			  weir_pipeline_problem(run.pipeline, &problem) == 0,
		  "%s: the disk is full: %llu acknowledged, %llu wait; nothing failed (%s)", name,
		  (unsigned long long)full_at, (unsigned long long)(run.published - full_at),
		  weir_error_name(run.refusal));
	struct weir_info info = info_of(run.pipeline);
	tap_check(info.starved && info.starved_code == -ENOSPC &&
			  wr_load_relaxed(&lines_full) == 1 && wr_load_relaxed(&lines_room) == 0,
		  "%s: who asks is told why (%s), who listens once (%u of no room, %u of room)",
		  name, weir_error_name(info.starved_code), wr_load_relaxed(&lines_full),
		  wr_load_relaxed(&lines_room));
	rc = consume(&run);
	tap_check(rc == 0 && run.is_ordered && run.handled >= full_at,
		  "%s: a group handles and commits on the full disk (%s, up to %llu)", name,
		  weir_error_name(rc), (unsigned long long)run.handled);
	struct seen seen = look();
	tap_check(seen.is_dense && seen.first == 1 && seen.last >= full_at,
		  "%s: all that was acknowledged is in the journal", name);
	(void)unlink(ballast);
	tap_check(await_acks(&run), "%s: space was made: what waited becomes durable", name);
	publish_until_still(&run, full_at + 100);
	tap_check(run.acked >= full_at + 100, "%s: and publishing goes on", name);
	uint64_t until_ns = now_ns() + PATIENCE_NS;
	while (wr_load_relaxed(&lines_room) == 0 && now_ns() < until_ns)
		nap();
	tap_check(wr_load_relaxed(&lines_room) >= 1, "%s: which is said too, when it has lasted",
		  name);
	tap_check(await_acks(&run) && consume(&run) == 0 && run.is_ordered &&
			  run.handled == run.published,
		  "%s: every event was handled once, in order", name);
	rc = end(&run);
	seen = look();
	tap_check(rc == 0 && seen.is_dense && seen.first == 1 && seen.last == run.published,
		  "%s: closed, and all %llu are in the journal", name,
		  (unsigned long long)run.published);
}

static void acks_make_space(void)
{
	struct run run;

	int rc = start(&run, 192u << 10);
	if (!tap_check(rc == 0, "%s: opened (%s: %s)", name, weir_error_name(rc), problem.text))
		return;
	publish_until_still(&run, UINT64_MAX);
	uint64_t full_at = run.acked;
	tap_check(run.refusal == 0 && full_at > 100 && run.published > full_at,
		  "%s: full, since a group holds everything: %llu acknowledged", name,
		  (unsigned long long)full_at);
	/* Retention acts on checkpoints: a few rounds of acknowledging and publishing get there. */
	uint64_t until_ns = now_ns() + PATIENCE_NS;
	while (now_ns() < until_ns && run.acked < full_at * 3 && run.refusal == 0) {
		rc = consume(&run);
		if (rc < 0)
			break;
		publish_until_still(&run, full_at * 3);
	}
	tap_check(rc == 0 && run.acked >= full_at * 3,
		  "%s: its acknowledgements freed the disk: %llu acknowledged (%s)", name,
		  (unsigned long long)run.acked, weir_error_name(rc));
	tap_check(await_acks(&run) && consume(&run) == 0 && run.is_ordered &&
			  run.handled == run.published,
		  "%s: every event was handled once, in order", name);
	rc = end(&run);
	struct seen seen = look();
	tap_check(rc == 0 && seen.is_dense && seen.last == run.published && seen.first > 1,
		  "%s: closed; the journal holds the last of them", name);
}

/* Of what is there some events are handled, and that is durable: out of the reserve segment. */
static bool ack_some(struct run *run)
{
	struct weir_item items[8];
	int count = weir_poll(run->member, items, 8, PATIENCE_NS);

	for (int i = 0; i < count; i++)
		if (items[i].kind == WEIR_ITEM_EVENT && items[i].payload_bytes >= 8)
			memcpy(&run->handled, items[i].payload, sizeof run->handled);
	(void)weir_ack_all(run->member);
	return count > 0 && weir_member_commit(run->member, WEIR_LEVEL_DURABLE, PATIENCE_NS) == 0;
}

static void killed_while_full(void)
{
	struct run run;
	int acked_pipe[2];
	uint64_t said[2] = {0, 0}, acked, handled;

	put_ballast(DISK_BYTES / 2);
	if (pipe(acked_pipe) != 0)
		exit(1);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		bool has_acked = false;
		if (start(&run, 0) == 0) {
			publish_until_still(&run, UINT64_MAX);
			has_acked = ack_some(&run) && ack_some(&run);
		}
		said[0] = run.acked;
		said[1] = has_acked ? run.handled : 0;
		ssize_t n = write(acked_pipe[1], said, sizeof said);
		_exit(n == sizeof said ? 0 : 1); /* nothing is closed */
	}
	(void)waitpid(pid, NULL, 0);
	ssize_t n = read(acked_pipe[0], said, sizeof said);
	acked = said[0];
	handled = said[1];
	close(acked_pipe[0]);
	close(acked_pipe[1]);
	put_ballast(0);
	/* A segment: of the few that a slow machine has made by then all but the newest may go. */
	int rc = start(&run, 64u << 10);
	tap_check(n == sizeof said && acked > 10 && handled > 8 && rc == 0,
		  "%s: died while full and %llu were handled, opened while full: %s: \"%s\"", name,
		  (unsigned long long)handled, weir_error_name(rc), problem.text);
	struct seen seen = look();
	tap_check(seen.is_dense && seen.first == 1 && seen.last >= acked,
		  "%s: what was acknowledged is there, up to %llu of %llu", name,
		  (unsigned long long)acked, (unsigned long long)seen.last);
	if (rc != 0)
		return;
	run.published = seen.last;
	run.handled = handled;
	rc = consume(&run);
	tap_check(rc == 0 && run.is_ordered && run.handled == seen.last,
		  "%s: and all behind, up to %llu, are handed out in order (%s)", name,
		  (unsigned long long)seen.last, weir_error_name(rc));
	/* Nobody makes room but retention, by what was just acknowledged. */
	uint64_t until_ns = now_ns() + PATIENCE_NS;
	while (now_ns() < until_ns && run.handled < seen.last + 200 && run.refusal == 0) {
		publish_until_still(&run, UINT64_MAX);
		rc = consume(&run);
		if (rc < 0)
			break;
	}
	tap_check(rc == 0 && run.refusal == 0 && run.is_ordered && run.handled >= seen.last + 200,
		  "%s: that frees the disk, and publishing goes on (%s, up to %llu)", name,
		  weir_error_name(rc), (unsigned long long)run.handled);
	tap_check(end(&run) == 0, "%s: closed", name);
}

/* Not even a first segment fits. */
static void no_space_to_begin(void)
{
	struct run run;

	put_ballast(16u << 10);
	int rc = start(&run, 0);
	tap_check(rc == -ENOSPC && strstr(problem.text, "space") != NULL,
		  "%s: no space for a journal: %s: \"%s\"", name, weir_error_name(rc),
		  problem.text);
	(void)unlink(ballast);
	rc = start(&run, 0);
	tap_check(rc == 0, "%s: with space one is made (%s: %s)", name, weir_error_name(rc),
		  problem.text);
	if (rc == 0)
		tap_check(publish_one(&run) == 0 && await_acks(&run) && end(&run) == 0,
			  "%s: and it works", name);
}

/* --- each on a disk of its own -------------------------------------------------------------- */

static bool mount_disk(void)
{
	char options[32];

	snprintf(options, sizeof options, "size=%u", DISK_BYTES);
	return mount("tmpfs", disk, "tmpfs", MS_NODEV | MS_NOSUID, options) == 0;
}

static void run_case(void (*body)(void), const char *case_name)
{
	name = case_name;
	wr_store_relaxed(&lines_full, 0u);
	wr_store_relaxed(&lines_room, 0u);
	if (!mount_disk()) {
		tap_check(false, "a small disk can be mounted again: %s", strerror(errno));
		return;
	}
	body();
	while (umount2(disk, MNT_DETACH) == 0)
		;
}

static int run_all(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    !mount_disk()) {
		tap_skip("no small disk can be mounted here: needs root and a mount namespace");
		return tap_end();
	}
	(void)umount2(disk, MNT_DETACH);
	const char *wanted = getenv("WEIR_TEST_IO");
	for (int posix = 0; posix < 2; posix++) {
		if (wanted != NULL && (strcmp(wanted, "posix") == 0) != (posix == 1))
			continue;
		io = posix ? WEIR_IO_POSIX : WEIR_IO_AUTO;
		run_case(space_is_made, posix ? "posix, space" : "auto, space");
		run_case(acks_make_space, posix ? "posix, acks" : "auto, acks");
		run_case(killed_while_full, posix ? "posix, killed" : "auto, killed");
		run_case(no_space_to_begin, posix ? "posix, none" : "auto, none");
	}
	return tap_end();
}

int main(void)
{
	int status = 1;

	test_dir_make(disk);
	snprintf(journal, sizeof journal, "%s/journal", disk);
	snprintf(ballast, sizeof ballast, "%s/ballast", disk);
	fflush(NULL);
	/* The mounts end with the process that made them, however it ends. */
	pid_t pid = fork();
	if (pid == 0)
		exit(run_all());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = 1;
	test_dir_remove(disk);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
