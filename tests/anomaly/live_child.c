/* SPDX-License-Identifier: Apache-2.0 */
/* See live.h. Threads: main makes everything and waits; one a producer and one a member. */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "core/base/hash_murmur2.h"
#include "tests/anomaly/live.h"
#include "tests/support/real_data.h"

#define SECOND_NS UINT64_C(1000000000)
#define PATIENCE_ROUNDS 24000u /* of 5 ms */
#define LAST_LIFE_ROUNDS 20u
#define VALUES_MIN 200u
#define LEASE_NS 30000000u
#define THREADS (LIVE_PRODUCERS + LIVE_MEMBERS + LIVE_WORKERS)

const uint32_t live_partitions[LIVE_TOPICS_ALL] = {3, 2, 2, 2};

static uint64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

void live_say(struct live_shared *shared, struct history_op op)
{
	uint64_t at = wr_add_relaxed(&shared->used, 1);

	if (at >= LIVE_OPS_MAX)
		return;
	op.time = now_ns();
	shared->slots[at].op = op;
	wr_store_release(&shared->slots[at].is_filled, 1u);
}

bool live_is_full(const struct live_shared *shared)
{
	return wr_load_relaxed(&shared->used) >= LIVE_OPS_MAX;
}

void live_fault(struct live_shared *shared, const char *format, ...)
{
	va_list arguments;
	uint32_t none = 0;

	if (!wr_cas_seq(&shared->has_fault, &none, 1))
		return;
	va_start(arguments, format);
	(void)vsnprintf(shared->fault, sizeof shared->fault, format, arguments);
	va_end(arguments);
}

uint32_t live_topic_of(uint64_t value)
{
	return (uint32_t)(value * 0x9e3779b97f4a7c15u >> 40) % LIVE_TOPICS;
}

uint64_t live_key_of(uint64_t value)
{
	return 1 + (value * 0x9e3779b97f4a7c15u >> 50) % LIVE_KEYS;
}

void live_key_text(uint64_t value, char text[8])
{
	(void)snprintf(text, 8, "key-%u", (unsigned)live_key_of(value));
}

uint32_t live_partition_of(uint64_t value)
{
	char text[8];

	live_key_text(value, text);
	return (wr_hash_murmur2(text, strlen(text)) & 0x7fffffff) %
	       live_partitions[live_topic_of(value)];
}

static void nap_ms(long ms)
{
	const struct timespec length = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	(void)nanosleep(&length, NULL);
}

static bool failed(struct live *live, const char *what, int rc, const struct weir_problem *problem)
{
	if (rc >= 0)
		return false;
	live_fault(live->shared, "%s: %s %s %s", what, weir_error_name(rc), problem->field,
		   problem->text);
	return true;
}

/* --- what there is ---------------------------------------------------------------------------- */

static bool open_pipeline(struct live *live)
{
	struct weir_problem problem = {0};
	struct weir_options options;

	test_options(&options, live->plan->dir);
	if (live->plan->has_io)
		options.io = live->plan->io;
	options.chunk_bytes = 64u << 10;
	options.segment_bytes = 64u << 10;
	options.pool_bytes = 2u << 20;
	options.undurable_bytes = 256u << 10;
	options.checkpoint_bytes = 128u << 10;
	options.partitions_max = 12;
	options.topics_max = LIVE_TOPICS_ALL;
	options.idempotency_keys_max = LIVE_TOPICS * LIVE_WINDOW;
	options.subscriptions_max = LIVE_GROUPS_ALL;
	return !failed(live, "weir_open", weir_open(&options, &live->pipeline, &problem), &problem);
}

static bool make_topics(struct live *live)
{
	static const char *const names[LIVE_TOPICS_ALL] = {"orders", "prices", "dead", "outputs"};
	struct weir_problem problem = {0};

	for (uint32_t t = 0; t < LIVE_TOPICS_ALL; t++) {
		struct weir_topic_options options;
		weir_topic_options_init(&options);
		options.name = names[t];
		options.partitions = live_partitions[t];
		options.idempotency_keys = t < LIVE_TOPICS ? LIVE_WINDOW : 0;
		int rc = weir_topic_create(live->pipeline, &options, &live->topics[t], &problem);
		if (failed(live, "weir_topic_create", rc, &problem))
			return false;
		if (live->topics[t] != t)
			live_fault(live->shared, "a topic has another id");
	}
	return true;
}

/* What takes from it one by one. A lease is over soon, and so is the wait before another try. */
static void be_queue(struct weir_subscription_options *options, uint32_t g)
{
	options->order = g == LIVE_JOBS ? WEIR_ORDER_KEY : WEIR_ORDER_NONE;
	options->outstanding_max = 256;
	options->lease_ns = LEASE_NS;
	options->retry_delay_min_ns = 1000000;
	options->retry_delay_max_ns = 3000000;
	if (g != LIVE_JOBS)
		return;
	options->attempts_max = 3;
	options->dead_letters = "dead";
}

/*
 * The first one reads both topics and only what is durable, the second one topic, from memory; the
 * queues read that one too.
 */
static bool make_groups(struct live *live)
{
	static const char *const names[LIVE_GROUPS_ALL] = {"books", "screens", "jobs", "tasks"};
	static const char *const topics[] = {"orders", "prices"};
	struct weir_problem problem = {0};

	for (uint32_t g = 0; g < LIVE_GROUPS_ALL; g++) {
		struct weir_subscription_options options;
		weir_subscription_options_init(&options);
		options.name = names[g];
		options.topics = topics;
		options.topic_count = g == 0 ? LIVE_TOPICS : 1;
		options.gate = g == 1 ? WEIR_LEVEL_MEMORY : WEIR_LEVEL_DURABLE;
		if (g >= LIVE_GROUPS)
			be_queue(&options, g);
		int rc = weir_subscription_create(live->pipeline, &options, &live->groups[g],
						  &problem);
		if (failed(live, "weir_subscription_create", rc, &problem))
			return false;
		if (live->groups[g] != g)
			live_fault(live->shared, "a subscription has another id");
	}
	return true;
}

/* --- what happens ----------------------------------------------------------------------------- */

static void seek(struct live *live, struct wr_prng *prng)
{
	struct weir_info info = {.struct_bytes = sizeof info};
	uint32_t g = (uint32_t)wr_prng_below(prng, LIVE_GROUPS);

	if (weir_pipeline_info(live->pipeline, &info) != 0 || info.durable_sequence == 0)
		return;
	struct history_op op = {.f = HISTORY_SEEK,
				.group = g + 1,
				.offset = 1 + wr_prng_below(prng, info.durable_sequence)};
	live_say(live->shared, op);
	int rc = weir_subscription_seek(live->pipeline, live->groups[g], WEIR_SEEK_SEQUENCE,
					op.offset, 20 * SECOND_NS, NULL);
	op.type = rc == 0 ? HISTORY_OK : HISTORY_INFO;
	live_say(live->shared, op);
}

static bool is_drained(struct live *live)
{
	bool done = wr_load_acquire(&live->producers_done) == LIVE_PRODUCERS;

	for (uint32_t g = 0; g < LIVE_GROUPS_ALL; g++) {
		struct weir_lag lag = {0};
		done = done && weir_lag(live->pipeline, live->groups[g], &lag) == 0 && lag.exact &&
		       lag.events == 0;
	}
	return done;
}

/* Until it is killed, or the last life has done its work. */
static void go_on(struct live *live)
{
	struct wr_prng prng;
	uint32_t rounds = 0;

	wr_prng_init(&prng, live->plan->seed);
	wr_store_release(&live->shared->state, (uint32_t)LIVE_RUNNING);
	for (;; rounds++) {
		nap_ms(5);
		if (live->plan->seeks && !live->plan->is_last && wr_prng_below(&prng, 4) == 0)
			seek(live, &prng);
		if (!live->plan->is_last && !live_is_full(live->shared) &&
		    wr_load_acquire(&live->shared->has_fault) == 0)
			continue;
		bool is_enough = rounds >= LAST_LIFE_ROUNDS &&
				 wr_load_relaxed(&live->shared->value_last) >= VALUES_MIN;
		if (is_enough || live_is_full(live->shared))
			wr_store_release(&live->stop_producers, 1u);
		if (is_drained(live) || wr_load_acquire(&live->shared->has_fault) != 0)
			break;
		if (rounds >= PATIENCE_ROUNDS) {
			live_fault(live->shared, "it is not drained after two minutes");
			break;
		}
	}
	for (uint32_t g = 0; g < LIVE_GROUPS_ALL; g++)
		live_say(live->shared, (struct history_op){.type = HISTORY_OK,
							   .f = HISTORY_DRAIN,
							   .group = g + 1});
}

/* The nth thread of a life: producers, then members, then workers. */
static bool start_thread(struct live *live, uint32_t n, struct live_thread *thread, pthread_t *id)
{
	void *(*run)(void *) = live_producer;

	*thread = (struct live_thread){live, n};
	if (n >= LIVE_PRODUCERS) {
		run = live_member;
		thread->index = n - LIVE_PRODUCERS;
	}
	if (n >= LIVE_PRODUCERS + LIVE_MEMBERS) {
		run = live_worker;
		thread->index = n - LIVE_PRODUCERS - LIVE_MEMBERS;
	}
	return pthread_create(id, NULL, run, thread) == 0;
}

int live_child(const struct live_plan *plan, struct live_shared *shared)
{
	struct live live = {.plan = plan, .shared = shared};
	struct live_thread threads[THREADS];
	pthread_t ids[THREADS];
	uint32_t count = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!open_pipeline(&live) || !make_topics(&live) || !make_groups(&live))
		return 1;
	for (; count < THREADS; count++)
		if (!start_thread(&live, count, &threads[count], &ids[count]))
			return 1;
	go_on(&live);
	wr_store_release(&live.stop_members, 1u);
	while (count-- > 0)
		(void)pthread_join(ids[count], NULL);
	int rc = weir_close(live.pipeline, WEIR_CLOSE_DRAIN, 60 * SECOND_NS, NULL);
	if (rc != 0)
		live_fault(shared, "weir_close: %s", weir_error_name(rc));
	wr_store_release(&shared->state, (uint32_t)LIVE_OVER);
	return wr_load_acquire(&shared->has_fault) != 0 ? 1 : 0;
}
