/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal:   SIGKILL of a process in the middle of a replay to subscriptions: each of them gets each
 *         event of the range once, by whichever life, up to the end that the first life saw, and
 *         those of a partition in order; a third subscription gets none.
 * Method: a journal of numbered events; lives of a child that replays at a pace and is killed at a
 *         drawn moment, each of which publishes some more before; the last one comes to the end.
 *         Then readers count what they get.
 *
 * Plain main(), TAP: it forks.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/atomic.h"
#include "tests/crash/killed_life.h"
#include "tests/support/pipeline_fixture.h"

#define MS 1000000ull
#define RANGE 400u
#define MORE 5u /* of each life */
#define LIVES 6u
#define PARTITIONS 3u
#define READERS 3u

static const char *const names[READERS] = {"in-order", "queue", "other"};

static wr_atomic_u32 *working;
static struct fixture f;
static uint32_t topic, ids[READERS];

static void open_all(void)
{
	static const char *const topics[] = {"work"};
	fixture_open(&f);
	topic = fixture_topic(&f, topics[0], PARTITIONS);
	for (uint32_t i = 0; i < READERS; i++) {
		struct weir_subscription_options options;
		struct weir_problem problem;
		weir_subscription_options_init(&options);
		options.name = names[i];
		options.topics = topics;
		options.topic_count = 1;
		options.start = WEIR_START_OLDEST;
		options.order = i == 1 ? WEIR_ORDER_NONE : WEIR_ORDER_PARTITION;
		fixture_need(weir_subscription_create(f.pipeline, &options, &ids[i], &problem) == 0,
			     problem.text);
	}
}

static void publish(uint64_t first, uint64_t end)
{
	struct weir_producer *producer = fixture_producer(&f, NULL);
	fixture_wait(producer, fixture_publish(producer, topic, first, end));
	fixture_need(weir_producer_close(producer, FIXTURE_LONG_NS) == 0, "a close");
}

/* ---- a life ---- */

static int live(uint32_t number, bool to_the_end)
{
	struct weir_replay_to_options options;
	struct weir_replay_to_progress progress;
	struct weir_replay_to *job;
	struct weir_problem problem;
	open_all();
	publish(RANGE + number * MORE, RANGE + (number + 1) * MORE);
	weir_replay_to_options_init(&options);
	options.name = "killed";
	options.subscriptions = ids;
	options.subscription_count = 2;
	options.from.per_second = to_the_end ? 0 : 10000;
	fixture_need(weir_replay_to_open(f.pipeline, &options, &job, &problem) == 0, problem.text);
	do {
		fixture_need(weir_replay_to_step(job, MS) >= 0, "a step");
		weir_replay_to_progress(job, &progress);
		wr_store_release(working, progress.events > 0 ? 1u : 0u);
	} while (progress.state == WEIR_REPLAY_RUNNING);
	fixture_need(weir_replay_to_close(job, FIXTURE_LONG_NS) == 0, "a close");
	fixture_close(&f, NULL);
	return 0;
}

/* ---- what became of it ---- */

struct got {
	uint32_t live[RANGE + (LIVES + 1) * MORE], copies[RANGE + (LIVES + 1) * MORE];
	uint64_t last[PARTITIONS]; /* copy of each partition */
	uint32_t disorder;
};

static void take(struct got *got, const struct weir_item *item)
{
	uint64_t number = fixture_number(item);
	struct weir_replayed of;
	if (!weir_item_replayed(item, &of)) {
		got->live[number]++;
		return;
	}
	got->copies[number]++;
	got->disorder += got->last[item->partition] > of.pos.sequence ? 1 : 0;
	got->last[item->partition] = of.pos.sequence;
}

static void read_all(uint32_t id, struct got *got)
{
	struct weir_problem problem;
	struct weir_member *member;
	struct weir_item items[64];
	struct weir_lag lag;
	uint64_t until = fixture_now_ns() + FIXTURE_LONG_NS;
	fixture_need(weir_member_join(f.pipeline, id, NULL, &member, &problem) == 0, problem.text);
	do {
		int n = weir_poll(member, items, 64, MS);
		fixture_need(n >= 0, "a poll");
		for (int i = 0; i < n; i++) {
			take(got, &items[i]);
			fixture_need(weir_ack(member, &items[i]) == 0, "an ack");
		}
		fixture_need(weir_member_commit(member, WEIR_LEVEL_MEMORY, FIXTURE_LONG_NS) == 0,
			     "a commit");
		fixture_need(weir_lag(f.pipeline, id, &lag) == 0, "lag");
	} while ((!lag.exact || lag.events > 0) && fixture_now_ns() < until);
	fixture_need(weir_member_leave(member, FIXTURE_LONG_NS) == 0, "leaving");
}

/* Of the first life's range each once; of what came later none. */
static uint32_t wrong_of(const struct got *got, uint32_t copies)
{
	uint32_t wrong = 0;
	for (uint32_t i = 0; i < RANGE + (LIVES + 1) * MORE; i++)
		wrong += got->live[i] != 1 || got->copies[i] != (i < RANGE + MORE ? copies : 0);
	return wrong;
}

int main(void)
{
	static struct got got[READERS];
	working = mmap(NULL, sizeof *working, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (working == MAP_FAILED)
		return 1;
	uint64_t seed = test_seed();
	fixture_init(&f, FIXTURE_DURABLE | FIXTURE_MANUAL);
	open_all();
	publish(0, RANGE);
	fixture_close(&f, NULL);
	bool good = true;
	uint32_t killed = 0;
	for (uint32_t i = 0; i <= LIVES && good; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		good = killed_life(live, i, i == LIVES, working, (seed >> 33) % 6 * MS, &killed);
	}
	tap_check(good, "of %u lives %u were killed at work, the others came to their end",
		  LIVES + 1, killed);
	open_all();
	for (uint32_t i = 0; i < READERS; i++) {
		read_all(ids[i], &got[i]);
		uint32_t wrong = wrong_of(&got[i], i < 2 ? 1 : 0);
		tap_check(wrong == 0, "%s: %u events did not come as often as they should",
			  names[i], wrong);
	}
	tap_check(got[0].disorder == 0, "of a partition they come in order");
	fixture_end(&f);
	return tap_end();
}
