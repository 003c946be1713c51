/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   recovery costs what stands behind the last checkpoint, not what stands in the log: with a
 *         log ten times as large and the same checkpoint interval it reads at most twice as much.
 * Method: a child writes a log of a given size, half an interval beyond a checkpoint, and dies; a
 *         second one opens it and counts the bytes that its process read meanwhile
 *         (/proc/self/io), which no other load on the machine changes.
 *
 * --long SMALL LARGE: logs of so many MB, with the default sizes, and the times, too; that is what
 * tools/measure/recovery_time.sh runs.
 *
 * Plain main(), TAP: it forks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/real_data.h"

#define SECOND_NS UINT64_C(1000000000)
#define PAYLOAD_BYTES 3000u

static bool is_long;
static uint64_t checkpoint_bytes = 1u << 20;
static uint64_t small_bytes = 4u << 20;
static uint64_t large_bytes = 40u << 20;

static void options_for(struct weir_options *options, const char *dir)
{
	test_options(options, dir);
	if (is_long) {
		enum weir_io io = options->io;
		weir_options_init(options);
		options->dir = dir;
		options->io = io;
		options->checkpoint_bytes = checkpoint_bytes;
		return;
	}
	options->chunk_bytes = 64u << 10;
	options->segment_bytes = 1u << 20;
	options->pool_bytes = 2u << 20;
	options->undurable_bytes = 512u << 10;
	options->checkpoint_bytes = checkpoint_bytes;
	options->partitions_max = 16;
	options->subscriptions_max = 4;
	options->named_producers_max = 8;
	options->outstanding_max = 16;
}

static uint64_t batch_bytes(struct weir_pipeline *pipeline, uint64_t *ret_checkpoints)
{
	struct weir_info info = {.struct_bytes = sizeof info};

	if (weir_pipeline_info(pipeline, &info) < 0)
		return 0;
	*ret_checkpoints = info.checkpoints;
	return info.batch_bytes;
}

/* Publishes until so many bytes of batches are durable. */
static int publish_to(struct weir_pipeline *pipeline, struct weir_producer *producer,
		      uint32_t topic, uint64_t target_bytes, uint64_t checkpoints_wanted)
{
	static uint8_t payload[PAYLOAD_BYTES];
	uint64_t checkpoints = 0, ticket;

	while (batch_bytes(pipeline, &checkpoints) < target_bytes ||
	       checkpoints < checkpoints_wanted) {
		const struct weir_event event = {
			.topic = topic, .payload = payload, .payload_bytes = sizeof payload};
		int rc = 0;
		for (int i = 0; rc == 0 && i < (is_long ? 2000 : 8); i++)
			rc = weir_publish(producer, &event, &ticket);
		if (rc == 0)
			rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, SECOND_NS * 30);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* In a child, which dies of it: nothing is closed. */
static int write_log(const char *dir, uint64_t bytes)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_topic_options topic_options;
	struct weir_producer_options producer_options;
	struct weir_producer *producer;
	uint64_t checkpoints = 0;
	uint32_t topic;

	options_for(&options, dir);
	weir_topic_options_init(&topic_options);
	topic_options.name = "t";
	weir_producer_options_init(&producer_options);
	int rc = weir_open(&options, &pipeline, NULL);
	if (rc == 0)
		rc = weir_topic_create(pipeline, &topic_options, &topic, NULL);
	if (rc == 0)
		rc = weir_producer_open(pipeline, &producer_options, &producer, NULL);
	if (rc == 0)
		rc = publish_to(pipeline, producer, topic, bytes, 0);
	if (rc < 0)
		return rc;
	(void)batch_bytes(pipeline, &checkpoints);
	rc = publish_to(pipeline, producer, topic, 0, checkpoints + 1);
	if (rc < 0)
		return rc;
	uint64_t now = batch_bytes(pipeline, &checkpoints);
	return publish_to(pipeline, producer, topic, now + checkpoint_bytes / 2, 0);
}

struct cost {
	uint64_t read_bytes;
	struct weir_recovery_info recovery;
};

static uint64_t bytes_read(void)
{
	unsigned long long bytes = 0;
	FILE *file = fopen("/proc/self/io", "r");

	if (file == NULL || fscanf(file, "rchar: %llu", &bytes) != 1)
		bytes = 0;
	if (file != NULL)
		fclose(file);
	return bytes;
}

/* In a child: the cost goes to the parent through a pipe. */
static int recover(const char *dir, int to)
{
	struct weir_options options;
	struct weir_pipeline *pipeline;
	struct weir_info info = {.struct_bytes = sizeof info};
	struct cost cost = {0};

	options_for(&options, dir);
	uint64_t before = bytes_read();
	int rc = weir_open(&options, &pipeline, NULL);
	if (rc < 0 || weir_pipeline_info(pipeline, &info) < 0)
		return -EPROTO;
	cost.read_bytes = bytes_read() - before;
	cost.recovery = info.recovery;
	return write(to, &cost, sizeof cost) == sizeof cost ? 0 : -EPIPE;
}

static bool run_child(int (*body)(const char *dir, uint64_t bytes), const char *dir, uint64_t bytes)
{
	int status = -1;

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(body(dir, bytes) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int recover_child(const char *dir, uint64_t to)
{
	return recover(dir, (int)to);
}

static bool measure(const char *dir, uint64_t log_bytes, struct cost *ret_cost)
{
	int ends[2];

	if (!run_child(write_log, dir, log_bytes) || pipe(ends) != 0)
		return false;
	bool good = run_child(recover_child, dir, (uint64_t)ends[1]) &&
		    read(ends[0], ret_cost, sizeof *ret_cost) == sizeof *ret_cost;
	close(ends[0]);
	close(ends[1]);
	return good;
}

static void tell(const char *name, const struct cost *cost)
{
	tap_note("%s: %llu records, checkpoint at %llu, %llu bytes behind it, %llu bytes read, "
		 "%.1f ms",
		 name, (unsigned long long)cost->recovery.last_sequence,
		 (unsigned long long)cost->recovery.checkpoint_sequence,
		 (unsigned long long)cost->recovery.scanned_bytes,
		 (unsigned long long)cost->read_bytes, (double)cost->recovery.elapsed_ns / 1e6);
}

/* Only where nothing else runs: a loaded machine would decide, not recovery. */
static void check_time(const struct cost *small, const struct cost *large)
{
	tap_check(large->recovery.elapsed_ns <= small->recovery.elapsed_ns * 2,
		  "%.1f ms and %.1f ms: %.2f times the time",
		  (double)small->recovery.elapsed_ns / 1e6,
		  (double)large->recovery.elapsed_ns / 1e6,
		  (double)large->recovery.elapsed_ns / (double)small->recovery.elapsed_ns);
}

int main(int argc, char **argv)
{
	struct cost small = {0};
	struct cost large = {0};
	char dir[TEST_PATH_BYTES];
	char path[TEST_PATH_BYTES + 16];

	if (argc == 4 && strcmp(argv[1], "--long") == 0) {
		is_long = true;
		checkpoint_bytes = 64u << 20;
		small_bytes = strtoull(argv[2], NULL, 10) * 1000000;
		large_bytes = strtoull(argv[3], NULL, 10) * 1000000;
	}
	test_dir_make(dir);
	snprintf(path, sizeof path, "%s/small", dir);
	bool good = measure(path, small_bytes, &small);
	snprintf(path, sizeof path, "%s/large", dir);
	good = good && measure(path, large_bytes, &large);
	test_dir_remove(dir);
	if (!tap_check(good, "two logs were written, lost their processes, and were recovered"))
		return tap_end();
	tell("small", &small);
	tell("large", &large);
	/* Each goes on to its next checkpoint and half an interval beyond. */
	tap_check(large.recovery.last_sequence * PAYLOAD_BYTES > large_bytes / 2 &&
			  !large.recovery.clean && large.recovery.checkpoint_sequence > 0,
		  "the large log is as large as it was to be, and was not closed");
	tap_check(large.recovery.scanned_bytes <= checkpoint_bytes * 2 &&
			  small.recovery.scanned_bytes >= checkpoint_bytes / 4,
		  "what is read record by record stands behind the checkpoint");
	if (small.read_bytes == 0)
		tap_skip("this kernel does not count what a process reads");
	else
		tap_check(large.read_bytes <= small.read_bytes * 2,
			  "%.0f times the log, %.2f times the bytes read",
			  (double)large_bytes / (double)small_bytes,
			  (double)large.read_bytes / (double)small.read_bytes);
	if (is_long)
		check_time(&small, &large);
	return tap_end();
}
