/* SPDX-License-Identifier: Apache-2.0 */
/* See flip_bed.h. */
#include "tests/crash/flip_bed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/journal/format.h"

#define SECOND_NS UINT64_C(1000000000)
#define CHUNK_BYTES (16u << 10)
#define SEGMENT_BYTES (64u << 10)
#define BURSTS 8u /* twice in each life */

void bed_options(struct weir_options *options, const char *dir)
{
	test_options(options, dir);
	options->manual = true;
	options->chunk_bytes = CHUNK_BYTES;
	options->segment_bytes = SEGMENT_BYTES;
	options->segments_ahead = 1;
	options->pool_bytes = 256u << 10;
	options->undurable_bytes = 64u << 10;
	options->lane_bytes = 64u << 10;
	options->member_lane_bytes = 64u << 10;
	options->checkpoint_bytes = 40u << 10;
	options->partitions_max = 8;
	options->topics_max = 4;
	options->subscriptions_max = 8;
	options->named_producers_max = 4;
	options->outstanding_max = 16;
	options->producers_max = 4;
	options->members_max = 4;
	options->evidence_delay_ns = SECOND_NS * 3600; /* only where a test wants it: at close */
}

/* --- reading --------------------------------------------------------------------------------- */

/* A subscription from the beginning, and a member that has all of it. */
static int join(struct weir_pipeline *pipeline, const char *name, uint32_t *ret_id,
		struct weir_member **ret_member)
{
	struct weir_subscription_options options;
	const char *topic = "t";

	weir_subscription_options_init(&options);
	options.name = name;
	options.topics = &topic;
	options.topic_count = 1;
	int rc = weir_subscription_create(pipeline, &options, ret_id, NULL);
	return rc == 0 ? weir_member_join(pipeline, *ret_id, NULL, ret_member, NULL) : rc;
}

/* What comes with one poll, into `look` if there is one, acknowledged for good. Its count. */
static int take(struct weir_member *member, uint64_t timeout_ns, struct look *look)
{
	struct weir_item items[64];

	int count = weir_poll(member, items, 64, timeout_ns);
	for (int i = 0; i < count && look != NULL; i++) {
		if (items[i].kind != WEIR_ITEM_EVENT)
			return -EPROTO;
		look_keep(look, &items[i]);
	}
	if (count < 0)
		return count;
	(void)weir_ack_all(member);
	int rc = weir_member_commit(member, WEIR_LEVEL_DURABLE, SECOND_NS * 30);
	return rc < 0 ? rc : count;
}

/* --- making it ------------------------------------------------------------------------------ */

static int publish_bursts(struct weir_pipeline *pipeline, uint32_t topic, unsigned life)
{
	struct weir_producer_options options;
	struct weir_producer *producer;
	uint8_t payload[900];
	uint64_t ticket = 0;

	weir_producer_options_init(&options);
	options.name = "source";
	int rc = weir_producer_open(pipeline, &options, &producer, NULL);
	for (unsigned burst = 0; rc == 0 && burst < BURSTS; burst++) {
		for (unsigned i = 0; rc == 0 && i < 1 + burst % 4; i++) {
			size_t bytes = (burst * 97 + i * 331 + life) % sizeof payload;
			memset(payload, (int)(burst * 5 + i + life), bytes);
			const struct weir_event event = {.topic = topic,
							 .key = "key-of-many",
							 .key_bytes = 3 + (burst + i) % 8,
							 .payload = bytes > 0 ? payload : NULL,
							 .payload_bytes = bytes};
			rc = weir_publish(producer, &event, &ticket);
		}
		if (rc == 0)
			rc = weir_wait(producer, ticket, WEIR_LEVEL_DURABLE, SECOND_NS * 30);
	}
	return rc;
}

static int consume(struct weir_pipeline *pipeline)
{
	struct weir_member *member;
	uint32_t id;

	int rc = join(pipeline, "s", &id, &member);
	if (rc == 0)
		rc = take(member, SECOND_NS * 30, NULL);
	return rc > 0 ? 0 : rc < 0 ? rc : -EPROTO;
}

/* In a process of its own. `ends`: how this life ends. */
static int live(const char *dir, unsigned life, bool ends_in_order)
{
	struct weir_topic_options topic_options;
	struct weir_pipeline *pipeline;
	struct weir_options options;
	uint32_t topic;

	bed_options(&options, dir);
	weir_topic_options_init(&topic_options);
	topic_options.name = "t";
	topic_options.partitions = 2;
	int rc = weir_open(&options, &pipeline, NULL);
	if (rc == 0)
		rc = weir_topic_create(pipeline, &topic_options, &topic, NULL);
	if (rc == 0)
		rc = publish_bursts(pipeline, topic, life);
	if (rc == 0)
		rc = consume(pipeline);
	if (rc == 0)
		rc = publish_bursts(pipeline, topic, life + 7);
	if (rc == 0 && ends_in_order)
		rc = weir_close(pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 30, NULL);
	return rc;
}

static bool run_life(const char *dir, unsigned life, bool ends_in_order)
{
	int status = 0;

	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(live(dir, life, ends_in_order) < 0); /* at once: nothing is closed */
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

/* --- what is in it -------------------------------------------------------------------------- */

static void add_region(struct bed *bed, enum bed_kind kind, uint32_t file, uint64_t offset,
		       uint64_t bytes)
{
	if (bed->region_count < BED_REGIONS_MAX)
		bed->regions[bed->region_count++] = (struct bed_region){
			.kind = kind, .file = file, .offset = offset, .bytes = bytes};
}

static void add_segment(struct bed *bed, uint32_t file)
{
	const struct bed_file *f = &bed->files[file];
	struct wr_batch_header h;
	uint64_t offset = WR_BLOCK_BYTES;

	add_region(bed, BED_SEGMENT_HEADER, file, 0, WR_BLOCK_BYTES);
	while (pread(f->fd, &h, sizeof h, (off_t)offset) == sizeof h && h.magic == WR_BATCH_MAGIC) {
		add_region(bed, h.record_count > 0 ? BED_BATCH : BED_EMPTY_BATCH, file, offset,
			   h.batch_bytes);
		struct bed_region *region = &bed->regions[bed->region_count - 1];
		region->first_sequence = h.first_seq;
		region->end_sequence = h.first_seq + h.record_count;
		offset += (uint64_t)h.batch_bytes + h.skip_bytes;
	}
}

static void add_file(struct bed *bed, int dir_fd, const char *name)
{
	struct bed_file *f = &bed->files[bed->file_count];
	struct stat status;

	if (bed->file_count == BED_FILES_MAX)
		return;
	snprintf(f->name, sizeof f->name, "%.63s", name);
	f->fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
	if (f->fd < 0 || fstat(f->fd, &status) != 0)
		return;
	f->bytes = (uint64_t)status.st_size;
	uint32_t file = bed->file_count++;
	if (strcmp(name, WR_SUPERBLOCK_NAME) == 0)
		add_region(bed, BED_SUPERBLOCK, file, 0, f->bytes);
	else if (strstr(name, "checkpoint") != NULL)
		add_region(bed, BED_CHECKPOINT, file, 0, f->bytes);
	else if (strstr(name, ".seg") != NULL)
		add_segment(bed, file);
}

static bool map_files(struct bed *bed)
{
	DIR *dir = opendir(bed->dir);

	if (dir == NULL)
		return false;
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		if (entry->d_name[0] != '.')
			add_file(bed, dirfd(dir), entry->d_name);
	closedir(dir);
	return bed->file_count > 0;
}

bool bed_make(struct bed *bed, bool clean)
{
	static struct look look;

	memset(bed, 0, sizeof *bed);
	test_dir_make(bed->parent);
	snprintf(bed->dir, sizeof bed->dir, "%.480s/journal", bed->parent);
	if (!run_life(bed->dir, 1, true) || !run_life(bed->dir, 2, clean) || !map_files(bed))
		return false;
	look_at(bed->dir, &look);
	memcpy(bed->events, look.events, sizeof bed->events);
	bed->event_count = look.event_count;
	return look.code == 0 && look.report.corrupt_count == 0 && look.damage_count == 0 &&
	       bed->event_count > BURSTS * 4;
}

void bed_remove(struct bed *bed)
{
	for (uint32_t i = 0; i < bed->file_count; i++)
		close(bed->files[i].fd);
	test_dir_remove(bed->parent);
}

/* --- looking -------------------------------------------------------------------------------- */

bool bed_has_all_but(const struct bed *bed, const struct look_event *events, uint32_t count,
		     uint64_t first, uint64_t end)
{
	return look_has_all_but(bed->events, bed->event_count, events, count, first, end);
}

bool bed_copy(const struct bed *bed, const char *to)
{
	static uint8_t buffer[1u << 20];
	char path[TEST_PATH_BYTES + 80];
	bool good = mkdir(to, 0700) == 0 || errno == EEXIST;

	for (uint32_t i = 0; i < bed->file_count && good; i++) {
		snprintf(path, sizeof path, "%s/%s", to, bed->files[i].name);
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		ssize_t n = pread(bed->files[i].fd, buffer, sizeof buffer, 0);
		good = fd >= 0 && n >= 0 && write(fd, buffer, (size_t)n) == n;
		if (fd >= 0)
			close(fd);
	}
	return good;
}

static int compare_events(const void *a, const void *b)
{
	uint64_t left = ((const struct look_event *)a)->sequence;
	uint64_t right = ((const struct look_event *)b)->sequence;
	return left < right ? -1 : left > right;
}

static int read_all(struct weir_pipeline *pipeline, struct look *look)
{
	struct weir_lag lag = {.events = 1};
	struct weir_member *member;
	uint32_t id;

	int rc = join(pipeline, "reader", &id, &member);
	while (rc >= 0 && (lag.events > 0 || !lag.exact)) {
		rc = take(member, SECOND_NS, look);
		if (rc >= 0)
			rc = weir_lag(pipeline, id, &lag);
	}
	qsort(look->events, look->event_count, sizeof *look->events, compare_events);
	return rc;
}

int bed_reopen(const char *dir, struct look *ret_look)
{
	struct weir_pipeline *pipeline;
	struct weir_options options;

	ret_look->event_count = 0;
	bed_options(&options, dir);
	int rc = weir_open(&options, &pipeline, NULL);
	if (rc < 0)
		return rc;
	rc = read_all(pipeline, ret_look);
	int closed = weir_close(pipeline, WEIR_CLOSE_DRAIN, SECOND_NS * 30, NULL);
	return rc < 0 ? rc : closed;
}
