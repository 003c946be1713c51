/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline benchmark's conductor: opens, starts members, waits until every partition has an
 * owner, starts producers, warms up, measures, drains, adds up.
 *
 * The measured time begins at a moment while everything runs and ends when everything that was
 * published is handled and its progress has the level: work that was under way at the beginning is
 * done inside, and not counted.
 *
 * Failure modes: any call that fails, and a stall (nothing moves for stall_ns), ends the run with
 * what was being done; all threads are joined in any case.
 *
 * Thread: the caller's.
 */
#include "bench/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness.h"
#include "bench/pipeline_threads.h"
#include "io/thread/affinity.h"

#define TICK_NS 10000000u
#define CALLBACK_TICKS 10u

void bench_fail(struct bench_run *run, const char *what, int code,
		const struct weir_problem *problem)
{
	pthread_mutex_lock(&run->problem_lock);
	if (run->code == 0) {
		run->code = code;
		snprintf(run->what, sizeof run->what, "%s", what);
		if (problem != NULL && problem->code != 0)
			run->problem = *problem;
	}
	pthread_mutex_unlock(&run->problem_lock);
	wr_store_relaxed(&run->failed, 1);
}

int bench_failure(struct bench_run *run)
{
	pthread_mutex_lock(&run->problem_lock);
	int code = run->code;
	pthread_mutex_unlock(&run->problem_lock);
	return code;
}

int bench_pin(const struct weir_cpu_list *list, uint32_t index)
{
	return list->cpu_count == 0 ? 0 : wr_affinity_pin(&list->cpus[index % list->cpu_count], 1);
}

uint64_t bench_handled(const struct bench_run *run, const struct bench_reader *reader)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < reader->member_count; i++)
		sum += wr_load_relaxed(&run->members[reader->first_member + i].handled);
	return sum;
}

static uint64_t handled_by_all(const struct bench_run *run)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < run->member_count; i++)
		sum += wr_load_relaxed(&run->members[i].handled);
	return sum;
}

uint64_t bench_published(const struct bench_run *run)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < run->producer_count; i++)
		sum += wr_load_relaxed(&run->producers[i].published);
	return sum;
}

bool pipeline_has_faults(const struct pipeline_faults *f)
{
	return (f->lost | f->damaged | f->disordered | f->repeated | f->missing | f->refused |
		f->unanswered) != 0;
}

static bool interrupted(const struct bench_run *run)
{
	wr_atomic_u32 *flag = run->settings->interrupted;

	return flag != NULL && wr_load_relaxed(flag) != 0;
}

/* Latency of at most about a million events a second is recorded. */
static uint32_t sampling(const struct pipeline_settings *settings)
{
	uint64_t rate = 0;

	for (uint32_t i = 0; i < settings->stream_count; i++) {
		if (settings->streams[i].rate == PIPELINE_RATE_MAX)
			return BURST_EVENTS;
		rate += settings->streams[i].rate;
	}
	uint64_t every = rate / 1000000;
	return every == 0 ? 1 : every > 1000 ? 1000 : (uint32_t)every;
}

/* What the limits of the options have to be at least. */
static void raise_limits(const struct bench_run *run, struct weir_options *options)
{
	const struct pipeline_settings *settings = run->settings;
	uint64_t partitions = 0;

	options->producers_max = run->producer_count;
	options->members_max = wr_max_u64(run->member_count, 1) & UINT32_MAX;
	for (uint32_t i = 0; i < settings->topic_count; i++)
		partitions += settings->topics[i].partitions;
	if (options->partitions_max < partitions)
		options->partitions_max = (uint32_t)partitions;
}

static int create_topics(struct bench_run *run)
{
	const struct pipeline_settings *settings = run->settings;

	for (uint32_t i = 0; i < settings->topic_count; i++) {
		const struct weir_topic_options *topic = &settings->topics[i];
		snprintf(run->stage, sizeof run->stage, "making the topic %.40s", topic->name);
		int code = weir_topic_create(run->pipeline, topic, &run->topics[i],
					     &run->stage_problem);
		if (code < 0)
			return code;
	}
	return 0;
}

static int create_subscriptions(struct bench_run *run)
{
	const struct pipeline_settings *settings = run->settings;

	for (uint32_t i = 0; i < settings->subscription_count; i++) {
		snprintf(run->stage, sizeof run->stage, "making the subscription %.30s",
			 settings->subscriptions[i].name);
		int code = weir_subscription_create(run->pipeline, &settings->subscriptions[i],
						    &run->readers[i].subscription,
						    &run->stage_problem);
		if (code < 0)
			return code;
	}
	return 0;
}

static int open_all(struct bench_run *run)
{
	struct weir_options options = run->settings->options;

	raise_limits(run, &options);
	snprintf(run->stage, sizeof run->stage, "opening the pipeline");
	int code = weir_open(&options, &run->pipeline, &run->stage_problem);
	if (code == 0)
		code = create_topics(run);
	return code == 0 ? create_subscriptions(run) : code;
}

static int start_members(struct bench_run *run)
{
	for (uint32_t i = 0; i < run->settings->subscription_count; i++) {
		struct bench_reader *reader = &run->readers[i];
		for (uint32_t k = 0; k < reader->member_count; k++) {
			uint32_t index = reader->first_member + k;
			snprintf(run->stage, sizeof run->stage, "joining member %u", index + 1);
			int code = bench_member_init(&run->members[index], run, reader, k);
			if (code < 0)
				return code;
		}
	}
	for (uint32_t i = 0; i < run->member_count; i++) {
		struct bench_member *m = &run->members[i];
		int code = pthread_create(&m->thread, NULL, bench_member_main, m);
		if (code != 0)
			return -code;
		m->started = true;
	}
	return 0;
}

static bool all_is_assigned(const struct bench_run *run)
{
	for (uint32_t i = 0; i < run->settings->subscription_count; i++) {
		const struct bench_reader *reader = &run->readers[i];
		uint64_t assigned = 0;
		for (uint32_t k = 0; k < reader->member_count; k++)
			assigned +=
				wr_load_relaxed(&run->members[reader->first_member + k].assigned);
		if (reader->member_count > 0 && assigned != reader->partition_count)
			return false;
	}
	return true;
}

/* Until the members own all partitions: before, throughput would be that of some of them. */
static int await_assignment(struct bench_run *run)
{
	uint64_t deadline_ns = bench_now_ns() + run->settings->stall_ns;

	snprintf(run->stage, sizeof run->stage, "waiting for partitions to be assigned");
	while (!all_is_assigned(run)) {
		if (wr_load_relaxed(&run->failed) != 0)
			return bench_failure(run);
		if (interrupted(run))
			return -EINTR;
		if (bench_now_ns() > deadline_ns)
			return -ETIMEDOUT;
		bench_sleep_ns(1000000);
	}
	return 0;
}

static int start_producers(struct bench_run *run)
{
	uint32_t of_group = 0;

	for (uint32_t i = 0; i < run->producer_count; i++) {
		of_group = i > 0 && run->stream_of[i] == run->stream_of[i - 1] ? of_group + 1 : 0;
		snprintf(run->stage, sizeof run->stage, "opening producer %u", i + 1);
		int code = bench_producer_init(&run->producers[i], run, i, of_group);
		if (code < 0)
			return code;
	}
	run->start_ns = bench_now_ns();
	for (uint32_t i = 0; i < run->producer_count; i++) {
		struct bench_producer *p = &run->producers[i];
		int code = pthread_create(&p->thread, NULL, bench_producer_main, p);
		if (code != 0)
			return -code;
		p->started = true;
	}
	return 0;
}

/* Sleeps until then; false when the run ends before. */
static bool wait_until(struct bench_run *run, uint64_t until_ns)
{
	for (uint32_t ticks = 0;; ticks++) {
		uint64_t now_ns = bench_now_ns();
		if (wr_load_relaxed(&run->failed) != 0 || interrupted(run))
			return false;
		if (now_ns >= until_ns)
			return true;
		if (run->settings->tick != NULL && ticks % CALLBACK_TICKS == 0)
			run->settings->tick(run->settings->tick_context, bench_published(run),
					    handled_by_all(run));
		bench_sleep_ns(until_ns - now_ns < TICK_NS ? until_ns - now_ns : TICK_NS);
	}
}

static void join_producers(struct bench_run *run)
{
	wr_store_relaxed(&run->stop, 1);
	for (uint32_t i = 0; i < run->producer_count; i++)
		if (run->producers[i].started) {
			pthread_join(run->producers[i].thread, NULL);
			run->producers[i].started = false;
		}
}

/* What each reader has to handle: all that its producers have published. */
static void set_targets(struct bench_run *run)
{
	for (uint32_t i = 0; i < run->settings->subscription_count; i++) {
		uint64_t target = 0;
		for (uint32_t k = 0; k < run->producer_count; k++)
			if (bench_reads(run, i, k))
				target += wr_load_relaxed(&run->producers[k].published);
		wr_store_relaxed(&run->readers[i].target, target);
	}
	run->has_targets = true;
}

/* Until every member has its progress at the level. The latest of their times, or a code. */
static int await_members(struct bench_run *run, uint64_t *ret_end_ns)
{
	uint64_t deadline_ns = bench_now_ns() + run->settings->stall_ns;
	uint64_t handled = 0;

	for (;;) {
		uint64_t done = 0;
		uint64_t end_ns = 0;
		for (uint32_t i = 0; i < run->member_count; i++) {
			uint64_t at_ns = wr_load_relaxed(&run->members[i].committed_ns);
			done += at_ns != 0;
			end_ns = wr_max_u64(end_ns, at_ns);
		}
		*ret_end_ns = end_ns;
		if (done == run->member_count)
			return 0;
		if (wr_load_relaxed(&run->failed) != 0)
			return bench_failure(run);
		uint64_t now = handled_by_all(run);
		if (now != handled) {
			handled = now;
			deadline_ns = bench_now_ns() + run->settings->stall_ns;
		} else if (bench_now_ns() > deadline_ns) {
			return -ETIMEDOUT;
		}
		bench_sleep_ns(200000);
	}
}

static void read_info(struct bench_run *run, struct weir_info *ret_info)
{
	memset(ret_info, 0, sizeof *ret_info);
	ret_info->struct_bytes = sizeof *ret_info;
	if (weir_pipeline_info(run->pipeline, ret_info) < 0)
		snprintf(ret_info->backend, sizeof ret_info->backend, "n/a");
}

static int measure(struct bench_run *run, struct pipeline_result *result)
{
	const struct pipeline_settings *settings = run->settings;
	struct weir_info before;
	uint64_t end_ns = 0;

	snprintf(run->stage, sizeof run->stage, "running");
	wait_until(run, run->start_ns + settings->warmup_ns);
	read_info(run, &before);
	uint64_t from_ns = bench_now_ns();
	uint64_t from_cpu_ns = bench_cpu_ns();
	uint64_t from_events = bench_published(run);
	wr_store_relaxed(&run->measure_from_ns, from_ns);
	wait_until(run, from_ns + settings->length_ns);
	wr_store_relaxed(&run->stop, 1);
	uint64_t stop_ns = bench_now_ns();
	join_producers(run);
	set_targets(run);
	snprintf(run->stage, sizeof run->stage, "draining");
	int code = bench_failure(run);
	if (code == 0)
		code = await_members(run, &end_ns);
	result->cpu_ns = bench_cpu_ns() - from_cpu_ns;
	result->total_events = bench_published(run);
	result->events = result->total_events - from_events;
	result->publish_ns = stop_ns - from_ns;
	result->elapsed_ns = (end_ns != 0 ? end_ns : bench_now_ns()) - from_ns;
	read_info(run, &result->info);
	result->syncs = result->info.syncs - before.syncs;
	result->batches = result->info.batches - before.batches;
	result->batch_bytes = result->info.batch_bytes - before.batch_bytes;
	result->journal_writes = result->info.journal_writes - before.journal_writes;
	result->submissions = result->info.submissions - before.submissions;
	if (settings->measured != NULL)
		settings->measured(settings->measured_context);
	if (code == 0 && interrupted(run))
		code = -EINTR;
	return code;
}

/* ---- who there is ---- */

uint32_t pipeline_producer_count(const struct pipeline_settings *settings)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < settings->stream_count; i++)
		count += settings->streams[i].producer_count;
	return count;
}

uint32_t pipeline_member_count(const struct pipeline_settings *settings)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < settings->subscription_count; i++)
		count += settings->readers[i].member_count;
	return count;
}

static bool reads_topic(const struct weir_subscription_options *subscription, const char *topic)
{
	for (uint32_t i = 0; i < subscription->topic_count; i++)
		if (strcmp(subscription->topics[i], topic) == 0)
			return true;
	return false;
}

bool pipeline_reads(const struct pipeline_settings *settings, uint32_t reader, uint32_t stream)
{
	return reads_topic(&settings->subscriptions[reader],
			   settings->topics[settings->streams[stream].topic].name);
}

static bool make_reader(struct bench_run *run, uint32_t index, uint32_t first_member)
{
	const struct pipeline_settings *settings = run->settings;
	struct bench_reader *reader = &run->readers[index];

	reader->first_member = first_member;
	reader->member_count = settings->readers[index].member_count;
	reader->target = UINT64_MAX;
	for (uint32_t i = 0; i < settings->topic_count; i++)
		if (reads_topic(&settings->subscriptions[index], settings->topics[i].name))
			reader->partition_count += settings->topics[i].partitions;
	reader->last =
		calloc((size_t)run->producer_count * run->partitions_max, sizeof *reader->last);
	return reader->last != NULL;
}

static int make_run(struct bench_run *run)
{
	const struct pipeline_settings *settings = run->settings;
	uint32_t producer = 0;
	uint32_t member = 0;

	run->sample_every = sampling(settings);
	run->measure_from_ns = UINT64_MAX;
	pthread_mutex_init(&run->problem_lock, NULL);
	run->producer_count = pipeline_producer_count(settings);
	run->member_count = pipeline_member_count(settings);
	if (run->producer_count == 0 || run->producer_count > PIPELINE_PRODUCERS_MAX ||
	    run->member_count > PIPELINE_MEMBERS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < settings->topic_count; i++)
		run->partitions_max =
			(uint32_t)wr_max_u64(run->partitions_max, settings->topics[i].partitions);
	for (uint32_t i = 0; i < settings->stream_count; i++)
		for (uint32_t k = 0; k < settings->streams[i].producer_count; k++)
			run->stream_of[producer++] = &settings->streams[i];
	for (uint32_t i = 0; i < settings->subscription_count; i++) {
		if (!make_reader(run, i, member))
			return -ENOMEM;
		member += settings->readers[i].member_count;
	}
	/* One more than none: a run without members is one that only publishes. */
	size_t member_bytes = (run->member_count + 1u) * sizeof *run->members;
	size_t producer_bytes = run->producer_count * sizeof *run->producers;
	run->topics = calloc(settings->topic_count, sizeof *run->topics);
	run->members = aligned_alloc(WR_LINE_BYTES, member_bytes);
	run->producers = aligned_alloc(WR_LINE_BYTES, producer_bytes);
	if (run->topics == NULL || run->members == NULL || run->producers == NULL)
		return -ENOMEM;
	memset(run->members, 0, member_bytes);
	memset(run->producers, 0, producer_bytes);
	return 0;
}

static void end_run(struct bench_run *run)
{
	if (run->producers != NULL)
		for (uint32_t i = 0; i < run->producer_count; i++)
			bench_producer_fini(&run->producers[i]);
	if (run->members != NULL)
		for (uint32_t i = 0; i < run->member_count; i++)
			bench_member_fini(&run->members[i]);
	for (uint32_t i = 0; i < run->settings->subscription_count; i++)
		free(run->readers[i].last);
	free(run->producers);
	free(run->members);
	free(run->topics);
	pthread_mutex_destroy(&run->problem_lock);
}

/* Open, start, measure. 0 or a code. */
static int run_it(struct bench_run *run, struct pipeline_result *result)
{
	int code = open_all(run);

	if (code == 0)
		code = start_members(run);
	if (code == 0)
		code = await_assignment(run);
	if (code == 0)
		code = start_producers(run);
	if (code == 0)
		code = measure(run, result);
	/* Whatever happened: nobody may be left running over memory that goes. An interrupt before
	 * there was a target is no run at all. */
	if (code < 0 && (code != -EINTR || !run->has_targets))
		wr_store_relaxed(&run->failed, 1);
	join_producers(run);
	for (uint32_t i = 0; i < run->member_count; i++)
		if (run->members[i].started)
			pthread_join(run->members[i].thread, NULL);
	bench_add_up(run, result);
	return code;
}

int pipeline_run(const struct pipeline_settings *settings, struct pipeline_result *ret_result)
{
	struct bench_run *run = calloc(1, sizeof *run);

	memset(ret_result, 0, sizeof *ret_result);
	if (run == NULL)
		return -ENOMEM;
	run->settings = settings;
	int code = make_run(run);
	ret_result->sample_every = run->sample_every;
	if (code == 0 && !bench_result_init(settings, ret_result))
		code = -ENOMEM;
	if (code == 0)
		code = run_it(run, ret_result);
	ret_result->problem = run->code != 0 ? run->problem : run->stage_problem;
	memcpy(ret_result->what, run->code != 0 ? run->what : run->stage, sizeof ret_result->what);
	end_run(run);
	int close_code = weir_close(run->pipeline, WEIR_CLOSE_DRAIN, settings->stall_ns, NULL);
	if (code == 0 && close_code < 0) {
		snprintf(ret_result->what, sizeof ret_result->what, "closing the pipeline");
		code = close_code;
	}
	free(run);
	return code;
}
