/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   a process that is killed again and again uses up no segment each time: the next one goes
 *         on where the log ended, so files and bytes stay what a few segments are; and everything
 *         that was durable is there.
 * Method: lives of a child that opens the journal, publishes, waits until all is durable and is
 *         ended by SIGKILL; then files are counted, and the journal is read.
 *
 * --long LIVES EVENTS: so many, with the default sizes; that is what tools/measure/kill_lives.sh
 * runs.
 *
 * Plain main(), TAP: it forks.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/journal.h>

#include "tests/support/real_data.h"

#define PAYLOAD_BYTES 1000u
#define LIVES_MAX 1000u
/* Two that are ready ahead, the reserve, the one whose extents are offered, the one written to, and
 * one that was being made. */
#define FILES_BESIDE 6u

static bool is_long;
static uint64_t lives = 7;
static uint64_t events = 20;
static uint64_t open_ns[LIVES_MAX];

static uint64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void options_for(struct weir_options *options, const char *dir)
{
	test_options(options, dir);
	options->segment_bytes = 64u << 20;
	options->pool_bytes = 64u << 20;
	options->undurable_bytes = 16u << 20;
	if (!is_long) {
		options->chunk_bytes = 64u << 10;
		options->segment_bytes = 1u << 20;
		options->pool_bytes = 2u << 20;
		options->undurable_bytes = 512u << 10;
		options->partitions_max = 16;
		options->subscriptions_max = 4;
	}
}

/* ---- a life ---- */

static int publish(struct weir_pipeline *pipeline)
{
	static char payload[PAYLOAD_BYTES];
	struct weir_topic_options topic;
	struct weir_producer *producer;
	struct weir_event event = {.payload = payload, .payload_bytes = sizeof payload};
	uint64_t ticket = 0;
	weir_topic_options_init(&topic);
	topic.name = "t";
	int rc = weir_topic_create(pipeline, &topic, &event.topic, NULL);
	if (rc == 0)
		rc = weir_producer_open(pipeline, NULL, &producer, NULL);
	if (rc != 0)
		return rc;
	for (uint64_t i = 0; i < events && rc == 0; i++)
		rc = weir_publish(producer, &event, &ticket);
	return rc == 0 ? weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER) : rc;
}

/* Tells how long the open took, and that all is durable; then waits for its end. */
static int live(const char *dir, int tell)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	options_for(&options, dir);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	uint64_t took_ns = now_ns();
	if (weir_open(&options, &pipeline, NULL) != 0)
		return 1;
	took_ns = now_ns() - took_ns;
	if (publish(pipeline) != 0)
		return 2;
	if (write(tell, &took_ns, sizeof took_ns) != sizeof took_ns)
		return 3;
	for (;;)
		(void)pause();
}

static bool run_life(const char *dir, uint64_t *ret_open_ns)
{
	int ends[2];
	int status = 0;
	if (pipe(ends) != 0)
		return false;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(live(dir, ends[1]));
	(void)close(ends[1]);
	bool good = pid > 0 &&
		    read(ends[0], ret_open_ns, sizeof *ret_open_ns) == (ssize_t)sizeof *ret_open_ns;
	(void)close(ends[0]);
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		good = waitpid(pid, &status, 0) == pid && good;
	}
	if (!good)
		tap_note("a life ended with status %d", status);
	return good;
}

/* ---- what is left ---- */

static uint32_t count_files(const char *path, uint64_t *ret_bytes)
{
	uint32_t segments = 0;
	DIR *dir = opendir(path);
	*ret_bytes = 0;
	if (dir == NULL)
		return 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		struct stat status;
		if (fstatat(dirfd(dir), entry->d_name, &status, 0) != 0 || !S_ISREG(status.st_mode))
			continue;
		*ret_bytes += (uint64_t)status.st_size;
		segments += strstr(entry->d_name, ".seg") != NULL;
	}
	(void)closedir(dir);
	return segments;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;
	return *x < *y ? -1 : *x > *y;
}

static void judge(const char *dir)
{
	struct weir_journal_report report = {0};
	struct weir_options options;
	uint64_t bytes;
	uint32_t segments = count_files(dir, &bytes);
	/* With heads, and blocks that are filled up, less than a quarter more. */
	uint64_t written = lives * events * PAYLOAD_BYTES / 4 * 5;
	options_for(&options, dir);
	uint64_t most = written / options.segment_bytes + FILES_BESIDE;
	qsort(open_ns, lives, sizeof *open_ns, compare);
	tap_note("%llu lives of %llu events: %u segment files, %.1f MB, open %.1f ms",
		 (unsigned long long)lives, (unsigned long long)events, segments,
		 (double)bytes / 1e6, (double)open_ns[lives / 2] / 1e6);
	tap_check(segments > 0 && segments <= most, "%u segment files, at most %llu", segments,
		  (unsigned long long)most);
	int rc = weir_journal_inspect(dir, NULL, &report, NULL);
	tap_check(rc == 0 && report.corrupt_count == 0 && report.event_count == lives * events,
		  "each event is there once: %llu", (unsigned long long)report.event_count);
}

int main(int argc, char **argv)
{
	char dir[TEST_PATH_BYTES];
	char path[TEST_PATH_BYTES + 16];
	bool good = true;
	if (argc == 4 && strcmp(argv[1], "--long") == 0) {
		is_long = true;
		lives = strtoull(argv[2], NULL, 10);
		events = strtoull(argv[3], NULL, 10);
		if (lives == 0 || lives > LIVES_MAX || events == 0)
			return 2;
	}
	test_dir_make(dir);
	(void)snprintf(path, sizeof path, "%s/journal", dir);
	for (uint64_t i = 0; i < lives && good; i++)
		good = run_life(path, &open_ns[i]);
	if (tap_check(good, "all lives came to their end"))
		judge(path);
	test_dir_remove(dir);
	return tap_end();
}
