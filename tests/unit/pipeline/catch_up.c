/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a consumer that stands still while ten times the log in memory goes by reads what it
 * missed from the disk, with nothing missed or repeated, and is back in memory while events still
 * come. Memory stays within the plan that was printed at open.
 *
 * Method: a small pool of chunks, a topic of four partitions, and a member that sits out the first
 * ten pools of bytes; another member reads along and proves that the log goes on. Then the late one
 * reads while a producer keeps publishing. Payloads are numbers that rise in each partition, so a
 * gap, a repeat or a change of order shows. Where it reads is seen from inside (member.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pipeline/member.h"
#include "core/pipeline/pipeline.h"
#include "tests/support/pipeline_fixture.h"

#define PARTITIONS 4u
#define PAYLOAD_BYTES 120u
#define POOLS_MISSED 10u

struct reader {
	struct weir_member *member;
	uint64_t next[PARTITIONS];
	uint64_t count;
	uint64_t wrong;
	uint64_t from_disk; /* polls that stood in a chunk from disk */
	uint64_t from_memory;
};

static struct fixture f;
static uint32_t topic;
static struct weir_producer *producer;
static uint64_t next_number[PARTITIONS];
static uint64_t published;

static void publish_batch(uint32_t count)
{
	static uint64_t payload[64][PAYLOAD_BYTES / 8];
	struct weir_event events[64];
	for (uint32_t i = 0; i < count; i++) {
		uint32_t partition = (uint32_t)((published + i) % PARTITIONS);
		payload[i][0] = next_number[partition]++;
		events[i] = (struct weir_event){.topic = topic,
						.partition_set = true,
						.partition = partition,
						.payload = payload[i],
						.payload_bytes = PAYLOAD_BYTES};
	}
	for (uint32_t done = 0; done < count;) {
		int rc = weir_publish_many(producer, events + done, count - done, NULL);
		fixture_need(rc > 0, "publishing");
		done += (uint32_t)rc;
	}
	published += count;
	(void)weir_producer_poll_acks(producer);
}

static void read_some(struct reader *r, uint64_t timeout_ns)
{
	struct weir_item items[128];
	int n = weir_poll(r->member, items, 128, timeout_ns);
	fixture_need(n >= 0, "a poll");
	if (n > 0) {
		r->from_disk += r->member->place == WR_PLACE_CATCHUP;
		r->from_memory += r->member->place == WR_PLACE_LIVE;
	}
	for (int i = 0; i < n; i++, r->count++) {
		if (items[i].kind != WEIR_ITEM_EVENT || items[i].partition >= PARTITIONS ||
		    items[i].payload_bytes != PAYLOAD_BYTES ||
		    fixture_number(&items[i]) != r->next[items[i].partition]++)
			r->wrong++;
		fixture_need(weir_ack(r->member, &items[i]) == 0, "an ack");
	}
}

static void read_all(struct reader *r)
{
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (r->count < published && fixture_now_ns() < deadline)
		read_some(r, 1000000u);
}

/* "VmHWM" or "VmRSS" of this process. */
static uint64_t resident_bytes(const char *what)
{
	char line[256];
	uint64_t kib = 0;
	FILE *file = fopen("/proc/self/status", "r");
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, what, strlen(what)) == 0)
			kib = strtoull(line + strlen(what) + 1, NULL, 10);
	if (file != NULL)
		fclose(file);
	return kib * 1024;
}

/* The late one reads while events keep coming: fewer than it reads. */
static uint64_t catch_up(struct reader *late, struct reader *along)
{
	uint64_t turns = 0;
	uint64_t deadline = fixture_now_ns() + FIXTURE_LONG_NS;
	while (late->count < published && fixture_now_ns() < deadline) {
		read_some(late, 1000000u);
		if (turns++ % 4 == 0)
			publish_batch(32);
		read_some(along, 0);
	}
	return turns;
}

static void check_live(struct reader *late, struct reader *along, const char *name)
{
	uint64_t from_disk = late->from_disk, from_memory = late->from_memory;
	for (uint32_t i = 0; i < 50; i++) {
		publish_batch(16);
		read_all(late);
		read_all(along);
	}
	tap_check(late->from_disk == from_disk && late->from_memory > from_memory,
		  "%s: it is back in memory, for good", name);
	tap_check(late->count == published && late->wrong == 0 && along->count == published &&
			  along->wrong == 0,
		  "%s: both read all %" PRIu64 " events, once and in order", name, published);
}

static void run(const char *name, enum weir_io io)
{
	struct reader late = {.wrong = 0}, along = {.wrong = 0};
	struct weir_info info;
	memset(next_number, 0, sizeof next_number);
	published = 0;
	uint64_t resident_before = resident_bytes("VmRSS");
	fixture_init(&f, FIXTURE_DURABLE);
	f.options.io = io;
	fixture_open(&f);
	topic = fixture_topic(&f, "work", PARTITIONS);
	uint32_t one = fixture_subscription(&f, "along", "work");
	uint32_t two = fixture_subscription(&f, "late", "work");
	producer = fixture_producer(&f, NULL);
	along.member = fixture_member(&f, one, NULL);
	late.member = fixture_member(&f, two, NULL);
	fixture_need(fixture_owns(along.member, PARTITIONS) &&
			     fixture_owns(late.member, PARTITIONS),
		     "partitions");
	fixture_info(&f, &info);
	uint64_t pool_bytes = info.plan.chunk_count * (uint64_t)FIXTURE_CHUNK_BYTES;
	while (published * (PAYLOAD_BYTES + 24) < POOLS_MISSED * pool_bytes) {
		publish_batch(64);
		read_some(&along, 0);
	}
	read_all(&along);
	tap_check(along.count == published && along.wrong == 0,
		  "%s: %" PRIu64 " MiB go by, ten times what memory holds", name,
		  published * (PAYLOAD_BYTES + 24) >> 20);
	uint64_t missed = published;
	uint64_t turns = catch_up(&late, &along);
	tap_check(late.from_disk > 0 && late.count >= missed && late.wrong == 0,
		  "%s: the late one read them from disk, in %" PRIu64 " polls", name, turns);
	check_live(&late, &along, name);
	uint64_t grown = resident_bytes("VmHWM") - resident_before;
	if (!fixture_emulated())
		tap_check(grown <= info.plan.total_bytes + (16u << 20),
			  "%s: memory grew by %" PRIu64 " KiB at most, the plan says %" PRIu64,
			  name, grown >> 10, info.plan.total_bytes >> 10);
	weir_release(late.member);
	weir_release(along.member);
	fixture_close(&f, NULL);
	fixture_end(&f);
}

int main(void)
{
	if (fixture_has_uring())
		run("io_uring", WEIR_IO_URING);
	else
		tap_skip("io_uring is refused here, or left out");
	run("posix", WEIR_IO_POSIX);
	return tap_end();
}
