/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the numbers of a plan are those of the pipeline that it is for. Method: numbers that were
 * worked out by hand; and a pipeline that is opened, whose files and descriptors are counted.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/support/plan_bed.h"

TestSuite(plan, .init = set_up, .fini = tear_down);

/* Segments of 64 MiB and a block; two ahead, one in reserve and one whose extents are offered.
 * Retention and two checkpoints keep two, and there are the one where that begins and the one that
 * is written to. Checkpoints have a block and at most 3,952,640 bytes with these limits, as the
 * files of a journal show. */
Test(plan, numbers_of_a_journal)
{
	struct weir_memory_plan memory;
	assert_no_lack();
	cr_assert_eq(weir_memory_plan(&options, &memory, NULL), 0);
	cr_assert_eq(memcmp(&plan.memory, &memory, sizeof memory), 0);
	cr_assert(plan.disk.is_needed);
	cr_assert_eq(plan.disk.file_bytes, 67112960);
	cr_assert_eq(plan.disk.segments_ahead, 4);
	cr_assert_eq(plan.disk.first_bytes, 4 * 67112960 + 16384 + 2 * 3956736);
	cr_assert_eq(plan.disk.most_bytes, 8 * 67112960 + 16384 + 2 * 3956736);
	cr_assert_eq(plan.disk.checkpoint_bytes, 64 * MIB);
	cr_assert_eq(plan.descriptors.segments, 8);
	cr_assert_eq(plan.descriptors.events, 32);
	cr_assert_eq(plan.descriptors.total, WR_PLAN_DESCRIPTORS + 8 + 32);
	cr_assert_str_eq(plan.disk.dir.place, fake_root);
	options.retention_bytes = 128 * MIB + 1;
	options.checkpoint_bytes = 16 * MIB;
	assert_no_lack();
	cr_assert_eq(plan.descriptors.segments, 9);
	cr_assert_eq(plan.disk.checkpoint_bytes, 16 * MIB);
	/* Not more often than every fourth checkpoint's size, and that may hold more. */
	options.retention_bytes = 1;
	options.checkpoint_bytes = 1;
	assert_no_lack();
	cr_assert_eq(plan.disk.checkpoint_bytes, 4 * plan.memory.checkpoint_bytes);
	cr_assert_eq(plan.descriptors.segments, 7);
	options.checkpoint_bytes = 100 * MIB;
	assert_no_lack();
	cr_assert_eq(plan.descriptors.segments, 10);
}

Test(plan, a_log_in_memory_has_no_disk)
{
	options.dir = NULL;
	machine.uring_code = -EPERM;
	assert_no_lack();
	cr_assert_not(plan.disk.is_needed);
	cr_assert_eq(plan.disk.first_bytes, 0);
	cr_assert_eq(plan.descriptors.segments, 0);
	cr_assert_eq(plan.descriptors.total, 33);
}

Test(plan, a_machine_from_a_file_has_threads_only)
{
	struct wr_plan_input input = {
		.options = &options,
		.topology = bed.topology,
		.affinity = &bed.affinity,
		.policy = &bed.policy,
		.requests = bed.requests,
		.threads = threads,
		.request_count = bed.request_count,
	};
	cr_assert_eq(wr_plan_make(&input, &plan, &problem), 0);
	cr_assert_not(plan.knows_machine);
	cr_assert_eq(plan.lack_count, 0);
	cr_assert_eq(plan.disk.dir.total_bytes, 0);
	cr_assert_eq(plan.placement.placed[0].cpus[0], 1);
	cr_assert_eq(plan.descriptors.total, WR_PLAN_DESCRIPTORS + 8 + 32);
}

Test(plan, refusals_are_passed_on)
{
	options.chunk_bytes = 12345;
	bed.requests[0].cpus = bed_cpus("99");
	cr_assert_eq(make(), -EINVAL);
	cr_assert_str_eq(problem.field, "chunk_bytes");
	cr_assert_eq(plan.placement.problem_count, 1);
	options.chunk_bytes = MIB;
	problem = (struct weir_problem){0};
	cr_assert_eq(make(), -EINVAL);
	cr_assert_str_eq(problem.field, "");
	cr_assert_eq(plan.placement.problem_count, 1);
}

/* ---- a pipeline ---- */

static uint32_t count_descriptors(void)
{
	uint32_t count = 0;
	DIR *dir = opendir("/proc/self/fd");
	cr_assert_not_null(dir);
	while (readdir(dir) != NULL)
		count++;
	cr_assert_eq(closedir(dir), 0);
	return count;
}

static uint64_t journal_bytes(uint32_t *ret_segments)
{
	uint64_t bytes = 0;
	DIR *dir = opendir(journal);
	cr_assert_not_null(dir);
	*ret_segments = 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char path[8192];
		struct stat st;
		/* LOCK holds a line about its owner. */
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "LOCK") == 0)
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", journal, entry->d_name);
		cr_assert_eq(stat(path, &st), 0);
		bytes += (uint64_t)st.st_size;
		*ret_segments += strstr(entry->d_name, ".seg") != NULL;
	}
	cr_assert_eq(closedir(dir), 0);
	return bytes;
}

/* What is ahead is made by a helper, behind the open. */
static void wait_for_segments(uint32_t wanted)
{
	const struct timespec a_millisecond = {.tv_nsec = 1000000};
	uint32_t segments = 0;
	for (uint32_t i = 0; i < 20000; i++) {
		if (journal_bytes(&segments) == plan.disk.first_bytes && segments == wanted)
			return;
		cr_assert_leq(segments, wanted);
		(void)nanosleep(&a_millisecond, NULL);
	}
	cr_assert_fail("%u segments after 20 s, not %u", segments, wanted);
}

static void publish_megabytes(struct weir_pipeline *pipeline, uint32_t count)
{
	static char payload[16384];
	struct weir_topic_options topic;
	struct weir_producer *producer;
	struct weir_event event = {.payload = payload, .payload_bytes = sizeof payload};
	weir_topic_options_init(&topic);
	topic.name = "t";
	cr_assert_eq(weir_topic_create(pipeline, &topic, &event.topic, NULL), 0);
	cr_assert_eq(weir_producer_open(pipeline, NULL, &producer, NULL), 0);
	for (uint32_t i = 0; i < count * 64; i++) {
		uint64_t ticket;
		cr_assert_eq(weir_publish(producer, &event, &ticket), 0);
		cr_assert_eq(weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, WEIR_FOREVER), 0);
	}
	cr_assert_eq(weir_producer_close(producer, WEIR_FOREVER), 0);
}

Test(plan, is_kept_by_a_pipeline, .timeout = 60)
{
	struct weir_pipeline *pipeline;
	struct weir_info info = {.struct_bytes = sizeof info};
	uint32_t segments;
	options.chunk_bytes = 128 * 1024;
	options.segment_bytes = MIB;
	options.retention_bytes = 3 * MIB;
	options.pool_bytes = 4 * MIB;
	options.undurable_bytes = MIB;
	options.checkpoint_bytes = MIB;
	options.lane_bytes = MIB;
	options.filter_bytes_max =
		0; /* planned as if it were full, and as if all rows had failed */
	options.subscriptions_max = 4;
	cr_assert_eq(make(), 0, "%s", problem.text);
	uint32_t before = count_descriptors();
	cr_assert_eq(weir_open(&options, &pipeline, &problem), 0, "%s", problem.text);
	wait_for_segments(plan.disk.segments_ahead);
	publish_megabytes(pipeline, 24);
	cr_assert_eq(weir_pipeline_info(pipeline, &info), 0);
	cr_assert_gt(info.segments_recycled, 0);
	uint32_t taken = count_descriptors() - before;
	uint64_t bytes = journal_bytes(&segments);
	cr_assert_leq(bytes, plan.disk.most_bytes, "%u segments", segments);
	cr_assert_leq(segments, plan.descriptors.segments);
	cr_assert_leq(taken, plan.descriptors.fixed + plan.descriptors.segments);
	/* And little more: filters are none here, nothing has failed, and nothing was carried. */
	cr_assert_geq(segments + 8, plan.descriptors.segments, "%u of %u", segments,
		      plan.descriptors.segments);
	cr_assert_geq(taken + 10, plan.descriptors.fixed + plan.descriptors.segments);
	cr_assert_eq(weir_close(pipeline, WEIR_CLOSE_DRAIN, WEIR_FOREVER, NULL), 0);
}
