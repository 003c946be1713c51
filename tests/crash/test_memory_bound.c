/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   memory is what was said at open, whatever consumers do: one stands still while ten times
 *         that much is published, then catches up from disk with nothing missed and nothing twice;
 *         the process never holds more than the plan and 16 MiB.
 * Method: one producer, a group that keeps up and one whose member polls once and then not any
 *         more. Physical memory at its highest is sampled as the proportional share (Pss) of all
 *         mappings, because weir maps its chunks and lanes twice, and the kernel's resident sizes
 *         count each page as often as it is mapped.
 *
 * --long: the default sizes; that is what tools/measure/memory_bound.sh runs.
 *
 * Plain main(), TAP. Sanitizers and emulators have memory of their own: there only the events are
 * checked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/sanitizer.h"
#include "tests/support/real_data.h"

#define SECOND_NS UINT64_C(1000000000)
#define MARGIN_BYTES (16ull << 20)
#define PAYLOAD_BYTES 8000u
#define ITEMS_MAX 64u

#define SANITIZED (WR_UNDER_ASAN || WR_UNDER_TSAN)

struct reader {
	struct weir_member *member;
	uint64_t next;
	uint64_t faults;
};

struct bed {
	struct weir_pipeline *pipeline;
	struct weir_producer *producer;
	uint32_t topic;
	struct reader quick;
	struct reader slow;
	uint64_t published;
	uint64_t highest_bytes;
	uint64_t samples;
};

static struct weir_problem problem;
static bool is_long;

/* Physical memory of this process; 0: the kernel does not say. */
static uint64_t physical_bytes(void)
{
	char line[128];
	unsigned long long kib = 0;
	FILE *file = fopen("/proc/self/smaps_rollup", "r");

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "Pss: %llu kB", &kib) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return kib << 10;
}

/* What the kernel calls the highest resident size; 0: it does not say. */
static uint64_t resident_bytes(void)
{
	char line[128];
	unsigned long long kib = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "VmHWM: %llu kB", &kib) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return kib << 10;
}

static void sample(struct bed *bed)
{
	uint64_t bytes = physical_bytes();

	bed->samples++;
	if (bytes > bed->highest_bytes)
		bed->highest_bytes = bytes;
}

static int join(struct bed *bed, const char *name, struct reader *reader)
{
	struct weir_subscription_options options;
	struct weir_member_options member_options;
	const char *topic = "t";
	uint32_t id;

	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = &topic;
	options.topic_count = 1;
	weir_member_options_init(&member_options);
	reader->next = 1;
	int rc = weir_subscription_create(bed->pipeline, &options, &id, &problem);
	return rc == 0 ? weir_member_join(bed->pipeline, id, &member_options, &reader->member,
					  &problem)
		       : rc;
}

static void bed_options(struct weir_options *options, const char *dir)
{
	test_options(options, dir);
	if (is_long) {
		enum weir_io io = options->io;
		weir_options_init(options);
		options->dir = dir;
		options->io = io;
		return;
	}
	options->chunk_bytes = 64u << 10;
	options->segment_bytes = 2u << 20;
	options->pool_bytes = 2u << 20;
	options->undurable_bytes = 512u << 10;
	options->lane_bytes = 256u << 10;
	options->member_lane_bytes = 64u << 10;
	options->producers_max = 2;
	options->members_max = 3;
	options->partitions_max = 8;
	options->topics_max = 4;
	options->subscriptions_max = 4;
	options->named_producers_max = 4;
	options->outstanding_max = 16;
}

static int open_bed(struct bed *bed, const char *dir)
{
	struct weir_options options;
	struct weir_topic_options topic;
	struct weir_producer_options producer;

	bed_options(&options, dir);
	weir_topic_options_init(&topic);
	topic.name = "t";
	weir_producer_options_init(&producer);
	int rc = weir_open(&options, &bed->pipeline, &problem);
	if (rc == 0)
		rc = weir_topic_create(bed->pipeline, &topic, &bed->topic, &problem);
	if (rc == 0)
		rc = weir_producer_open(bed->pipeline, &producer, &bed->producer, &problem);
	if (rc == 0)
		rc = join(bed, "quick", &bed->quick);
	return rc == 0 ? join(bed, "slow", &bed->slow) : rc;
}

static int publish_some(struct bed *bed, unsigned count)
{
	static uint8_t payload[PAYLOAD_BYTES];
	uint64_t ticket;

	for (unsigned i = 0; i < count; i++) {
		uint64_t number = ++bed->published;
		memset(payload, (int)number, sizeof payload);
		memcpy(payload, &number, sizeof number);
		const struct weir_event event = {
			.topic = bed->topic, .payload = payload, .payload_bytes = sizeof payload};
		int rc = weir_publish(bed->producer, &event, &ticket);
		if (rc < 0)
			return rc;
		(void)weir_producer_poll_acks(bed->producer);
	}
	return 0;
}

/* One poll; every event has to be the next, and whole. */
static int read_some(struct reader *reader, uint64_t timeout_ns)
{
	struct weir_item items[ITEMS_MAX];
	int count = weir_poll(reader->member, items, ITEMS_MAX, timeout_ns);

	for (int i = 0; i < count; i++) {
		const uint8_t *payload = items[i].payload;
		uint64_t number = 0;
		bool good =
			items[i].kind == WEIR_ITEM_EVENT && items[i].payload_bytes == PAYLOAD_BYTES;
		if (good)
			memcpy(&number, payload, sizeof number);
		good = good && number == reader->next && payload[8] == (uint8_t)number &&
		       payload[PAYLOAD_BYTES - 1] == (uint8_t)number;
		reader->faults += !good;
		reader->next = number + 1;
	}
	if (count > 0)
		(void)weir_ack_all(reader->member);
	return count;
}

static int read_to(struct bed *bed, struct reader *reader, uint64_t last)
{
	while (reader->next <= last) {
		int count = read_some(reader, SECOND_NS * 20);
		if (count <= 0)
			return count < 0 ? count : -ETIMEDOUT;
		if (reader->next % 256 < ITEMS_MAX)
			sample(bed);
	}
	return 0;
}

static void check_memory(const struct bed *bed, uint64_t bound_bytes)
{
	if (SANITIZED || getenv("WEIR_TEST_EMULATED") != NULL || bed->highest_bytes == 0) {
		tap_skip("the memory of this process is not weir's alone, or not told");
		return;
	}
	tap_check(bed->highest_bytes <= bound_bytes + MARGIN_BYTES,
		  "at its highest %llu KiB of the %llu KiB that were said, and 16 MiB",
		  (unsigned long long)(bed->highest_bytes >> 10),
		  (unsigned long long)(bound_bytes >> 10));
	tap_note("%llu samples; resident by the kernel's count, pages that are mapped twice twice: "
		 "%llu KiB",
		 (unsigned long long)bed->samples, (unsigned long long)(resident_bytes() >> 10));
}

static void run(const char *dir)
{
	static struct bed bed;
	struct weir_info info = {.struct_bytes = sizeof info};

	int rc = open_bed(&bed, dir);
	if (rc == 0)
		rc = weir_pipeline_info(bed.pipeline, &info);
	if (!tap_check(rc == 0, "opened: %s %s", weir_error_name(rc), problem.text))
		return;
	tap_check(info.memory_bytes > 0 && info.memory_bytes <= info.plan.total_bytes,
		  "reserved: %llu KiB of the plan's %llu KiB",
		  (unsigned long long)(info.memory_bytes >> 10),
		  (unsigned long long)(info.plan.total_bytes >> 10));
	rc = publish_some(&bed, 10);
	tap_check(rc == 0 && read_to(&bed, &bed.slow, 1) == 0,
		  "the slow member has its first events in hand, and stands still");
	uint64_t total = info.plan.total_bytes * 10 / PAYLOAD_BYTES;
	while (rc == 0 && bed.published < total) {
		rc = publish_some(&bed, 32);
		int count = rc == 0 ? read_some(&bed.quick, 0) : 0;
		rc = count < 0 ? count : rc;
		if (bed.published % 512 < 32)
			sample(&bed);
	}
	tap_check(rc == 0 && read_to(&bed, &bed.quick, bed.published) == 0 && bed.quick.faults == 0,
		  "ten times the plan went by: %llu events, %llu MiB, and another group had them",
		  (unsigned long long)bed.published,
		  (unsigned long long)(bed.published * PAYLOAD_BYTES >> 20));
	rc = read_to(&bed, &bed.slow, bed.published);
	tap_check(rc == 0 && bed.slow.faults == 0 && bed.slow.next == bed.published + 1,
		  "the slow one catches up: %llu events, %llu missed, repeated or damaged (%s)",
		  (unsigned long long)(bed.slow.next - 1), (unsigned long long)bed.slow.faults,
		  weir_error_name(rc));
	tap_check(read_some(&bed.slow, SECOND_NS / 20) == 0, "and nothing comes behind it");
	check_memory(&bed, info.plan.total_bytes);
	rc = weir_close(bed.pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 30, NULL);
	tap_check(rc == 0, "closed: %s", weir_error_name(rc));
}

int main(int argc, char **argv)
{
	char dir[TEST_PATH_BYTES];

	is_long = argc > 1 && strcmp(argv[1], "--long") == 0;
	test_dir_make(dir);
	run(dir);
	test_dir_remove(dir);
	return tap_end();
}
