/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a log may have any number of segments with a small, fixed number of descriptors; and
 *         where there is no further one, because segments_max is reached or the process has no
 *         descriptor left, that is like a full disk: it is said, publishing waits, nothing is lost,
 *         the journal opens again, and goes on when the want is over.
 * Method: segments of 16 KiB, thousands of them, under a limit that a descriptor for each would
 *         break many times over: written, opened again, read from the first event to the last,
 *         verified, and let go by retention. Then both limits, met in the midst of publishing.
 *
 * Plain main(), TAP, for each backend.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "tests/support/pipeline_fixture.h"

#define SEGMENTS 2500u
/* What the test itself has open, the backend's own, what is written to, what is idle. */
#define DESCRIPTORS 96u
#define EVENTS_AT_ONCE 5000u

static struct fixture f;
static enum weir_io io;
static const char *io_name;
static uint32_t topic;
static wr_atomic_u32 said_count;
static char said[256];

/* On the log thread. */
static void hear(void *context, const struct weir_log_line *line)
{
	(void)context;
	(void)snprintf(said, sizeof said, "%s", line->message);
	wr_store_release(&said_count, wr_load_relaxed(&said_count) + 1); /* was_said_once() */
}

/* What is seen in weir_info is said in words by the next step. */
static bool was_said_once(void)
{
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (wr_load_acquire(&said_count) == 0 && fixture_now_ns() < until_ns) /* hear() */
		fixture_sleep_ns(1000000u);
	return wr_load_acquire(&said_count) == 1;
}

static void limit_descriptors(uint64_t most)
{
	struct rlimit limit;
	fixture_need(getrlimit(RLIMIT_NOFILE, &limit) == 0, "the limit of descriptors");
	limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
	fixture_need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "another limit of descriptors");
}

/* What is open stays so, and is too much: whatever else is closed, no other can be opened. */
static void allow_no_descriptor_more(void)
{
	limit_descriptors(3);
}

static uint32_t count_descriptors(void)
{
	uint32_t count = 0;
	DIR *stream = opendir("/proc/self/fd");
	fixture_need(stream != NULL, "/proc/self/fd");
	while (readdir(stream) != NULL)
		count++;
	(void)closedir(stream);
	return count - 3; /* . and .. and the stream's own */
}

static uint32_t count_empty_files(void)
{
	uint32_t count = 0;
	DIR *stream = opendir(f.options.dir);
	fixture_need(stream != NULL, "the journal's directory");
	for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
		struct stat st;
		count += fstatat(dirfd(stream), entry->d_name, &st, 0) == 0 &&
			 S_ISREG(st.st_mode) && st.st_size == 0;
	}
	(void)closedir(stream);
	return count;
}

/* Memory serves: what is tested is how many files there are, not the disk. */
static void begin(void)
{
	static char dir[] = "/dev/shm/weir-many-XXXXXX";
	limit_descriptors(1024);
	fixture_init(&f, FIXTURE_DURABLE);
	memcpy(dir + sizeof dir - 7, "XXXXXX", 7);
	if (mkdtemp(dir) != NULL)
		f.options.dir = dir;
	f.options.io = io;
	f.options.chunk_bytes = 16u << 10;
	f.options.segment_bytes = 16u << 10;
	f.options.lane_bytes = 256u << 10;
	f.options.checkpoint_bytes = 1u << 20;
	f.options.segments_max = 3 * SEGMENTS; /* what nobody has read leaves as much room again */
	f.options.log_fn = hear;
	wr_store_relaxed(&said_count, 0u);
}

static void end(void)
{
	limit_descriptors(1024);
	if (f.pipeline != NULL)
		fixture_close(&f, NULL);
	if (f.options.dir != f.dir)
		test_dir_remove(f.options.dir);
	f.options.dir = f.dir;
	fixture_end(&f);
}

static struct weir_info info(void)
{
	struct weir_info now;
	fixture_info(&f, &now);
	return now;
}

static void reopen(void)
{
	fixture_close(&f, NULL);
	fixture_open(&f);
}

/* --- any number of segments ------------------------------------------------------------------- */

static uint64_t publish_segments(struct weir_producer *producer, uint64_t first, uint64_t segments)
{
	while (info().segments_live < segments) {
		uint64_t end_number = first + EVENTS_AT_ONCE;
		fixture_wait(producer, fixture_publish(producer, topic, first, end_number));
		first = end_number;
	}
	return first;
}

static bool reads_all(uint32_t subscription, uint64_t first, uint64_t last)
{
	struct weir_member *member = fixture_member(&f, subscription, NULL);
	struct weir_item items[64];
	uint64_t until_ns = fixture_now_ns() + 4 * FIXTURE_LONG_NS;
	while (first <= last && fixture_now_ns() < until_ns) {
		int n = weir_poll(member, items, 64, 1000000000u);
		if (n < 0)
			tap_note("poll: %s", weir_error_name(n));
		for (int i = 0; i < n; i++) {
			if (fixture_number(&items[i]) != first++)
				return false;
			fixture_need(weir_ack(member, &items[i]) == 0, "an acknowledgement");
		}
	}
	bool good = weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0;
	return weir_member_leave(member, WEIR_FOREVER) == 0 && good && first > last;
}

static void check_verified(uint64_t events)
{
	struct weir_journal_visitor visitor;
	struct weir_journal_report report;
	struct weir_problem problem = {0};
	weir_journal_visitor_init(&visitor);
	int rc = weir_journal_inspect(f.options.dir, &visitor, &report, &problem);
	tap_check(rc == 0 && report.corrupt_count == 0 && report.event_count == events,
		  "%s: verified: %llu events in %llu segments (%s)", io_name,
		  (unsigned long long)report.event_count, (unsigned long long)report.segment_count,
		  problem.text);
}

static void thousands_of_segments(void)
{
	begin();
	uint32_t before = count_descriptors();
	limit_descriptors(before + DESCRIPTORS);
	fixture_open(&f);
	topic = fixture_topic(&f, "t", 1);
	uint32_t subscription = fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	uint64_t end_number = publish_segments(producer, 1, SEGMENTS);
	uint32_t open = count_descriptors() - before;
	tap_check(info().segments_live >= SEGMENTS && open < DESCRIPTORS - 32,
		  "%s: %llu segments, and %u descriptors", io_name,
		  (unsigned long long)info().segments_live, open);
	tap_check(wr_load_relaxed(&said_count) == 0 && info().starved_code == 0,
		  "%s: nothing was lacking", io_name);
	reopen();
	struct weir_info now = info();
	tap_check(now.segments_live >= SEGMENTS && now.recovery.scanned_bytes < 4u << 20,
		  "%s: opened again in %llu us, %llu KiB of the log read", io_name,
		  (unsigned long long)now.recovery.elapsed_ns / 1000,
		  (unsigned long long)now.recovery.scanned_bytes >> 10);
	tap_check(reads_all(subscription, 1, end_number - 1), "%s: all %llu events, in order",
		  io_name, (unsigned long long)end_number - 1);
	open = count_descriptors() - before;
	tap_check(open < DESCRIPTORS - 16, "%s: read with %u descriptors", io_name, open);
	check_verified(end_number - 1);
	f.options.retention_bytes = 20 * f.options.segment_bytes;
	reopen();
	producer = fixture_producer(&f, NULL);
	uint64_t until_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (info().segments_live > 200 && fixture_now_ns() < until_ns) {
		fixture_wait(producer, fixture_publish(producer, topic, end_number,
						       end_number + EVENTS_AT_ONCE));
		end_number += EVENTS_AT_ONCE;
		struct weir_member *member = fixture_member(&f, subscription, NULL);
		(void)fixture_poll(member, NULL, 0, EVENTS_AT_ONCE, true);
		fixture_need(weir_member_commit(member, WEIR_LEVEL_DURABLE, FIXTURE_LONG_NS) == 0 &&
				     weir_member_leave(member, WEIR_FOREVER) == 0,
			     "a member that comes and goes");
	}
	tap_check(info().segments_live <= 200 && info().segments_recycled > SEGMENTS - 200,
		  "%s: retention let %llu go", io_name,
		  (unsigned long long)info().segments_recycled);
	end();
}

/* --- no further segment ----------------------------------------------------------------------- */

/* Until publishing waits for a segment, and not for a busy machine: how many were handed over. */
static uint64_t publish_until_it_waits(struct weir_producer *producer, uint64_t first)
{
	for (uint64_t number = first;; number++) {
		uint64_t ticket = 0;
		struct weir_event event = fixture_event(topic, NULL, &number);
		int rc = weir_publish(producer, &event, &ticket);
		(void)weir_producer_poll_acks(producer);
		if (rc == 0)
			continue;
		fixture_need(rc == -ETIMEDOUT, "a full lane");
		if (info().starved)
			return number - 1;
		number--;
	}
}

/* For publish_until_it_waits() alone: what has to get through waits as long as it takes. */
static struct weir_producer *impatient_producer(void)
{
	struct weir_producer_options options;
	struct weir_producer *producer;
	weir_producer_options_init(&options);
	options.block_timeout_ns = 1000000000u;
	fixture_need(weir_producer_open(f.pipeline, &options, &producer, NULL) == 0, "a producer");
	return producer;
}

static void segments_max_is_a_full_disk(void)
{
	struct weir_info now;
	begin();
	f.options.segments_max = 64;
	fixture_open(&f);
	topic = fixture_topic(&f, "t", 1);
	struct weir_producer *producer = impatient_producer();
	(void)publish_until_it_waits(producer, 1);
	now = info();
	tap_check(was_said_once() && now.starved_code == WEIR_E_FULL &&
			  strstr(said, "segments_max") != NULL,
		  "%s: segments_max is reached, and said once: \"%s\"", io_name, said);
	tap_check(weir_pipeline_problem(f.pipeline, &(struct weir_problem){0}) == 0,
		  "%s: that is no failure", io_name);
	uint64_t durable = now.durable_sequence;
	struct weir_problem problem = {0};
	(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
	for (int i = 0; i < 3; i++) {
		int rc = weir_open(&f.options, &f.pipeline, &problem);
		tap_check(rc == 0 && info().recovery.last_sequence >= durable,
			  "%s: at the limit it opens again (%s), with all %llu events", io_name,
			  problem.text, (unsigned long long)durable);
		if (rc != 0)
			f.pipeline = NULL;
		(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL);
		f.pipeline = NULL;
	}
	f.options.segments_max = 128;
	fixture_open(&f);
	producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, 1, 1000));
	tap_check(info().starved_code == 0, "%s: with a larger limit it goes on", io_name);
	(void)publish_until_it_waits(impatient_producer(), 1000);
	(void)weir_close(f.pipeline, WEIR_CLOSE_ABORT, 0, NULL); /* what waits has no room */
	f.options.segments_max = 64;
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	tap_check(rc == -EINVAL && strcmp(problem.field, "segments_max") == 0,
		  "%s: with a smaller one than it has it is refused: \"%s\"", io_name,
		  problem.text);
	f.pipeline = NULL;
	end();
}

static void no_descriptor_is_a_full_disk(void)
{
	struct weir_problem problem = {0};
	begin();
	fixture_open(&f);
	topic = fixture_topic(&f, "t", 1);
	uint32_t subscription = fixture_subscription(&f, "s", "t");
	struct weir_producer *producer = fixture_producer(&f, NULL);
	uint64_t last = 40 * EVENTS_AT_ONCE;
	fixture_wait(producer, fixture_publish(producer, topic, 1, last + 1));
	fixture_need(weir_producer_close(producer, WEIR_FOREVER) == 0, "a producer's end");
	producer = impatient_producer();
	allow_no_descriptor_more();
	uint64_t published = publish_until_it_waits(producer, last + 1);
	struct weir_info now = info();
	tap_check(was_said_once() && now.starved_code == -EMFILE &&
			  strstr(said, "descriptor") != NULL,
		  "%s: no descriptor is left, and it is said once: \"%s\"", io_name, said);
	tap_check(weir_pipeline_problem(f.pipeline, &problem) == 0, "%s: that is no failure",
		  io_name);
	limit_descriptors(1024);
	fixture_need(weir_producer_close(producer, WEIR_FOREVER) == 0, "the producer's end");
	tap_check(reads_all(subscription, 1, published),
		  "%s: with descriptors it goes on, all %llu", io_name,
		  (unsigned long long)published);
	tap_check(info().starved_code == 0, "%s: nothing is lacking any more", io_name);
	fixture_close(&f, NULL);
	allow_no_descriptor_more();
	int rc = weir_open(&f.options, &f.pipeline, &problem);
	limit_descriptors(1024);
	tap_check(rc == -EMFILE && (strstr(problem.text, "open files") != NULL ||
				    strstr(problem.text, "ulimit") != NULL),
		  "%s: an open without descriptors says so: %s: \"%s\"", io_name,
		  weir_error_name(rc), problem.text);
	f.pipeline = NULL;
	fixture_open(&f);
	/* One that is just being made is empty for a moment; one that was left stays so. */
	uint64_t end_ns = fixture_now_ns() + FIXTURE_LONG_NS;
	while (count_empty_files() != 0 && fixture_now_ns() < end_ns)
		fixture_sleep_ns(1000000);
	tap_check(count_empty_files() == 0, "%s: no empty file is left behind", io_name);
	end();
}

int main(void)
{
	static const struct {
		enum weir_io io;
		const char *name;
	} backends[] = {{WEIR_IO_AUTO, "auto"}, {WEIR_IO_POSIX, "posix"}};
	for (uint32_t i = 0; i < 2; i++) {
		io = backends[i].io;
		io_name = backends[i].name;
		thousands_of_segments();
		segments_max_is_a_full_disk();
		no_descriptor_is_a_full_disk();
	}
	return tap_end();
}
